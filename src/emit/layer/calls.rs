//! The calls that are going on, by span.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use super::callsite::Callsite;
use super::enclosing::Fed;
use super::trace::Placed;
use crate::clock::Moment;
use crate::emit::pipeline::{EndedSpan, Found};
use crate::emit::spool::{SpanView, StartToken};
use crate::record::CapturedCall;

/// A call that is going on.
pub(super) struct OpenCall {
    pub(super) call: Box<CapturedCall>,
    pub(super) callsite: Arc<Callsite>,
    pub(super) recording: Recording,
    /// What hooks of clients have told it.
    pub(super) fed: Fed,
    pub(super) begun: Option<Begun>,
    /// The thread that made its span.
    pub(super) made_by: ThreadId,
    /// The place of its span, where that has ended before the call began.
    pub(super) handed: Option<Placed>,
    pub(super) last_exit: Option<Moment>,
}

impl OpenCall {
    /// The first piece of output is here; what is known of that already stays.
    pub(super) fn note_first_output(&mut self, now: Moment) {
        let begun = self.begun.as_ref();
        let waited = begun.map(|begun| now.nanos_since(begun.moment));
        let known = &mut self.call.time_to_first_chunk_ns;
        *known = known.or(waited);
    }

    /// How many nanoseconds this call's span was made apart from one that has ended; `None` where it is another span.
    fn made_apart(&self, ended: &EndedSpan<'_>) -> Option<u64> {
        let waits = self.begun.is_none() && self.handed.is_none();
        let here = ended
            .source
            .is_none_or(|source| self.callsite.source() == Some(source));
        let by_this_thread = || {
            let number =
                |thread: u64| format!("{:?}", self.made_by) == format!("ThreadId({thread})");
            ended.thread.is_none_or(number)
        };
        // tracing-opentelemetry makes its span in the same callback of the subscriber, just before or after. A thread may lose
        // its processor in between: where the span names place and thread, it need not be soon.
        let made = self.call.time.unix_nanos();
        let apart = made.abs_diff(ended.made.unix_nanos());
        let named = ended.source.is_some() && ended.thread.is_some();
        let together = named || apart <= MADE_TOGETHER_NANOS;
        (waits && here && together && by_this_thread()).then_some(apart)
    }
}

/// Whether a call is recorded, which is settled when its span is made. One that is not is told things all the same, so
/// that an application runs with recording off as it does with recording on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recording {
    Off,
    On,
}

/// The beginning of a call.
pub(super) struct Begun {
    pub(super) moment: Moment,
    pub(super) view: SpanView,
    /// Absent where the start could not be recorded.
    pub(super) start: Option<StartToken>,
}

/// Calls by the number of their span. Held apart from the registry's own storage, which would cost an allocation a
/// span and could not be reached from a span's handle.
pub(super) struct Calls {
    shards: [Shard; SHARDS],
    open: AtomicUsize,
}

type Shard = Mutex<HashMap<u64, OpenCall, BuildHasherDefault<NumberHasher>>>;

impl Default for Calls {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Shard::default()),
            open: AtomicUsize::new(0),
        }
    }
}

impl Calls {
    pub(super) fn insert(&self, span: u64, call: OpenCall) {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.shard(span).insert(span, call);
    }

    pub(super) fn remove(&self, span: u64) -> Option<OpenCall> {
        if self.is_empty() {
            return None;
        }
        let call = self.shard(span).remove(&span)?;
        self.open.fetch_sub(1, Ordering::Relaxed);
        Some(call)
    }

    /// Works on a span's call. No other code may run meanwhile: not a subscriber's, not a `Debug` of somebody else.
    pub(super) fn with<R>(&self, span: u64, work: impl FnOnce(&mut OpenCall) -> R) -> Option<R> {
        if self.is_empty() {
            return None;
        }
        self.shard(span).get_mut(&span).map(work)
    }

    /// Whether no call is going on: what most spans of most applications find.
    pub(super) fn is_empty(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }

    /// Whether no more than one call is going on, so that none is inside of another.
    pub(super) fn is_alone(&self) -> bool {
        self.open.load(Ordering::Relaxed) <= 1
    }

    /// Hands the place of an ended span over to the call that waits for it, if one does: it has not begun, and its span
    /// was made where and when that one was. Of several, it is the one made next.
    pub(super) fn hand_over(&self, ended: &EndedSpan<'_>) -> Found {
        if self.is_empty() {
            return Found::NoCall;
        }
        let mut nearest: Option<(u64, u64)> = None;
        for shard in &self.shards {
            let calls = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let waiting = calls
                .iter()
                .filter_map(|(span, open)| Some((open.made_apart(ended)?, *span)));
            nearest = nearest.into_iter().chain(waiting).min();
        }
        let hand = |open: &mut OpenCall| {
            if open.recording == Recording::Off {
                return Found::NotRecorded;
            }
            open.handed = Some(Placed {
                trace: ended.place,
                view: ended.owner.view(),
            });
            Found::HandedOver
        };
        nearest
            .and_then(|(_, span)| self.with(span, hand))
            .unwrap_or(Found::NoCall)
    }

    fn shard(
        &self,
        span: u64,
    ) -> MutexGuard<'_, HashMap<u64, OpenCall, BuildHasherDefault<NumberHasher>>> {
        let index =
            usize::try_from(span % SHARDS as u64).expect("a remainder of a small number is small");
        self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Numbers of spans, and addresses of call sites, are spread well enough by one multiplication (Fibonacci hashing).
#[derive(Default)]
pub(super) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

const SHARDS: usize = 64;
/// How far apart two clock readings of one callback may be, on a machine that is busy.
const MADE_TOGETHER_NANOS: u64 = 50_000_000;
