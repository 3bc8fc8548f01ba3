//! A batch: records of one resource that are sent together, and what is needed to say what became of each.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::emit::spool::{Codes, Frame, Origin, SpanView};
use crate::journal::{self, FrameIndex};
use crate::record::Timestamp;
use crate::semconv::{Signal, write_request, write_span};

/// How much goes into one request. A record that is larger goes alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) records: usize,
    /// Bytes of records or spans, without the few that put them together.
    pub(super) bytes: usize,
}

/// Consecutive frames of a lane, as far as they concern a signal.
#[derive(Debug)]
pub(super) struct Batch {
    signal: Signal,
    /// The payloads of the frames, behind each its seal, which completes it, and the span that was made from it.
    bytes: Vec<u8>,
    /// The seal in hand.
    seal: Vec<u8>,
    items: Vec<Item>,
    item_bytes: usize,
    meta: Arc<[u8]>,
    origin: Option<Origin>,
    /// The bound below which the lane has been looked at.
    reached: FrameIndex,
    oldest_millis: u64,
}

#[derive(Debug)]
struct Item {
    index: FrameIndex,
    /// The frame's payload and seal.
    payload: Range<usize>,
    /// The `LogRecord` or `Span` message.
    message: Range<usize>,
}

/// What became of a frame that a batch was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offered {
    /// It belongs into the next batch.
    Full,
    /// It is of a version that is not known here.
    Unknown,
    /// There is nothing in it for this signal.
    Passed,
    /// It is in.
    Taken,
}

impl Batch {
    pub(super) fn new(signal: Signal) -> Self {
        Self {
            signal,
            bytes: Vec::new(),
            seal: Vec::new(),
            items: Vec::new(),
            item_bytes: 0,
            meta: Arc::new([]),
            origin: None,
            reached: FrameIndex(0),
            oldest_millis: u64::MAX,
        }
    }

    /// Empties it, for frames from `from` on.
    pub(super) fn begin(&mut self, from: FrameIndex) {
        self.bytes.clear();
        self.bytes.shrink_to(BYTES_KEPT);
        self.items.clear();
        self.item_bytes = 0;
        self.reached = from;
        self.oldest_millis = u64::MAX;
    }

    /// Offers it the final record of the next frame. Its code stands in a seal below `below`, if it has one.
    pub(super) fn offer(
        &mut self,
        found: &journal::Frame<'_>,
        (codes, below): (&mut Codes, FrameIndex),
        limits: Limits,
    ) -> Offered {
        let Some(frame) = Frame::read(found.payload) else {
            return Offered::Unknown;
        };
        if self.signal == Signal::Traces && frame.view == SpanView::None {
            return Offered::Passed;
        }
        if !self.items.is_empty() && (self.items.len() >= limits.records || !self.is_of(found.meta))
        {
            return Offered::Full;
        }
        if !codes.write(found, below, &mut self.seal) {
            return Offered::Unknown;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(found.payload);
        self.bytes.extend_from_slice(&self.seal);
        let payload = start..self.bytes.len();
        let log_record = frame.log_record;
        let message = match (self.signal, frame.view) {
            (Signal::Logs, _) => payload.end - self.seal.len() - log_record.len()..payload.end,
            (Signal::Traces, SpanView::Sent(identity))
                if write_span(log_record, &self.seal, identity, &mut self.bytes) =>
            {
                payload.end..self.bytes.len()
            }
            (Signal::Traces, _) => {
                self.bytes.truncate(start);
                return Offered::Passed;
            }
        };
        let full = self.item_bytes + message.len() > limits.bytes;
        if full && !self.items.is_empty() {
            self.bytes.truncate(start);
            return Offered::Full;
        }
        if self.items.is_empty() && !self.take_origin(found.meta) {
            self.bytes.truncate(start);
            return Offered::Unknown;
        }
        self.item_bytes += message.len();
        self.oldest_millis = self.oldest_millis.min(unix_millis(frame.record_id));
        self.items.push(Item {
            index: found.index,
            payload,
            message,
        });
        Offered::Taken
    }

    /// Every frame below has been looked at.
    pub(super) fn reach(&mut self, bound: FrameIndex) {
        self.reached = self.reached.max(bound);
    }

    /// How many records it holds.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The export request of some of its records.
    pub(super) fn request(&self, range: Range<usize>) -> Bytes {
        let Some(origin) = &self.origin else {
            return Bytes::new();
        };
        let messages = self.items[range]
            .iter()
            .map(|item| &self.bytes[item.message.clone()]);
        let mut request = Vec::with_capacity(self.item_bytes + REQUEST_HEAD + 8 * self.items.len());
        write_request((&origin.resource, &origin.scope), messages, &mut request);
        request.into()
    }

    /// The frames' payloads of some of its records, complete: number and code stand last in each.
    pub(super) fn payloads(&self, range: Range<usize>) -> impl Iterator<Item = &[u8]> {
        self.items[range]
            .iter()
            .map(|item| &self.bytes[item.payload.clone()])
    }

    /// The meta of the segments that its records are from.
    pub(super) fn meta(&self) -> &[u8] {
        &self.meta
    }

    /// The bound in the lane that is reached when the first `count` records are done with.
    pub(super) fn bound(&self, count: usize) -> FrameIndex {
        self.items
            .get(count)
            .map_or(self.reached, |item| item.index)
    }

    /// When the oldest of its records was begun, to the millisecond.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let millis = (!self.items.is_empty()).then_some(self.oldest_millis)?;
        Some(Timestamp::from_unix_nanos(millis.saturating_mul(1_000_000)))
    }

    fn is_of(&self, meta: &Arc<[u8]>) -> bool {
        Arc::ptr_eq(&self.meta, meta) || self.meta == *meta
    }

    /// Makes it a batch of the records with this meta; `false` where that is of no version known here.
    fn take_origin(&mut self, meta: &Arc<[u8]>) -> bool {
        if self.origin.is_none() || !self.is_of(meta) {
            self.origin = Origin::from_meta(meta);
            self.meta = Arc::clone(meta);
        }
        self.origin.is_some()
    }
}

/// A record id is a UUIDv7: it begins with its time (RFC 9562 section 5.7).
fn unix_millis(record_id: [u8; 16]) -> u64 {
    let mut millis = [0; 8];
    millis[2..].copy_from_slice(&record_id[..6]);
    u64::from_be_bytes(millis)
}

/// Room that stays allocated between batches.
const BYTES_KEPT: usize = 8 << 20;
/// Room for what a request begins with, usually enough.
const REQUEST_HEAD: usize = 1024;
