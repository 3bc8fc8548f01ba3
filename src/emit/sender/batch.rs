//! A batch: records of one resource that are sent together, and what is needed to say what became of each.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::log_record::LogRecord;
use crate::emit::otlp::LogBody;
use crate::emit::spool::{Codes, Frame, Origin, SpanView};
use crate::journal::{self, FrameIndex};
use crate::record::Timestamp;
use crate::record::rows;
use crate::semconv::{Signal, SpanForm, write_item, write_request_head};

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
    /// What a request holds: records or spans, one behind the other. Requests share it, and copy nothing.
    body: Arc<Vec<u8>>,
    /// The frames' payloads, each complete: number and code stand last in it.
    kept: Vec<u8>,
    /// The record in hand.
    log: LogRecord,
    /// The span in hand.
    span: SpanForm,
    items: Vec<Item>,
    meta: Arc<[u8]>,
    origin: Option<Origin>,
    /// The bound below which the lane has been looked at.
    reached: FrameIndex,
    oldest_millis: u64,
}

#[derive(Debug)]
struct Item {
    index: FrameIndex,
    /// In the body.
    whole: Range<usize>,
    kept: Range<usize>,
}

/// A request, in pieces that are sent one behind the other.
pub(super) type Pieces = [Bytes; 2];

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
    pub(super) fn new(signal: Signal, body: LogBody) -> Self {
        Self {
            signal,
            body: Arc::default(),
            kept: Vec::new(),
            log: LogRecord::new(body),
            span: SpanForm::default(),
            items: Vec::new(),
            meta: Arc::new([]),
            origin: None,
            reached: FrameIndex(0),
            oldest_millis: u64::MAX,
        }
    }

    /// Empties it, for frames from `from` on.
    pub(super) fn begin(&mut self, from: FrameIndex) {
        match Arc::get_mut(&mut self.body) {
            Some(body) => {
                body.clear();
                body.shrink_to(BYTES_KEPT);
            }
            // A request is still on its way, though nobody waits for it any more.
            None => self.body = Arc::default(),
        }
        self.kept.clear();
        self.kept.shrink_to(BYTES_KEPT);
        self.items.clear();
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
        if self.items.is_empty() && !self.take_origin(found.meta) {
            return Offered::Unknown;
        }
        let Some(seal) = codes.seal(found, below) else {
            return Offered::Unknown;
        };
        let origin = self.origin.as_ref();
        let service = origin.and_then(|origin| origin.service.as_ref());
        let message = match (self.signal, frame.view) {
            (Signal::Logs, _) if self.log.write(frame.rows, &seal, service, limits.bytes) => {
                self.log.pieces()
            }
            (Signal::Logs, _) => return Offered::Unknown,
            (Signal::Traces, SpanView::Sent(identity))
                if self.span.write_rows(frame.rows, &seal, identity) =>
            {
                self.span.pieces()
            }
            (Signal::Traces, _) => return Offered::Passed,
        };
        let length = message[0].len() + message[1].len();
        if !self.items.is_empty() && self.body.len() + length > limits.bytes {
            return Offered::Full;
        }
        let body = Arc::get_mut(&mut self.body).expect("a batch that is filled is in no request");
        let (start, kept_from) = (body.len(), self.kept.len());
        write_item(message, body);
        self.kept.extend_from_slice(found.payload);
        rows::write_seal(&mut self.kept, seal.seq, seal.key, seal.code);
        self.oldest_millis = self.oldest_millis.min(unix_millis(frame.record_id));
        self.items.push(Item {
            index: found.index,
            whole: start..body.len(),
            kept: kept_from..self.kept.len(),
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

    /// The export request of some of its records, at least one.
    pub(super) fn request(&self, range: Range<usize>) -> Pieces {
        let Some(origin) = &self.origin else {
            return [Bytes::new(), Bytes::new()];
        };
        let items = &self.items[range];
        let from = items.first().map_or(0, |item| item.whole.start);
        let to = items.last().map_or(from, |item| item.whole.end);
        let mut head = Vec::with_capacity(origin.resource.len() + origin.scope.len() + 32);
        write_request_head((&origin.resource, &origin.scope), to - from, &mut head);
        let body = Bytes::from_owner(Shared(Arc::clone(&self.body)));
        [head.into(), body.slice(from..to)]
    }

    /// The frames' payloads of some of its records, complete: number and code stand last in each.
    pub(super) fn payloads(&self, range: Range<usize>) -> impl Iterator<Item = &[u8]> {
        let items = self.items[range].iter();
        items.map(|item| &self.kept[item.kept.clone()])
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

/// The body of a batch in a request.
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
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
