//! What an auditor knows of the application's own OpenTelemetry pipelines: which of their spans are calls, and who sends
//! those.
//!
//! A call has one span. Where no pipeline knows it, ours is the span. Where one does, it matters whether a
//! `SanitizingProcessor` that is bound to this auditor stands in front of its exporter:
//!
//! * **Watched.** The processor tells of every span when it starts, which is before the layer asks for its ids. The layer
//!   *claims* the span of a call when the call begins, and that is settled before the start frame is written. When the
//!   span ends, the processor keeps a claimed one from the exporter: the auditor sends it, under the same ids. A span
//!   that nobody claimed goes on, unless it is a call that some other instrumentation made: then the processor has its
//!   record made.
//! * **Not watched.** The exporter sends the span, so that the auditor sends none.
//!
//! A span that ends in the processor before the layer could claim it (it was never entered, and the layer stands behind
//! tracing-opentelemetry) is *handed over* to the call that waits for it.
//!
//! Locks are taken one at a time but for one pair, layers before the calls of a layer, and no code of anybody else runs under them.

mod traces;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use opentelemetry::trace::SpanContext;

use self::traces::{Counted, Traces};
use super::spool::SpanView;
use crate::record::{SpanId, Timestamp, TraceContext, TraceId};
use crate::semconv::SpanShows;

/// The spans of the pipelines that are watched for one auditor.
#[derive(Default)]
pub(crate) struct Pipelines {
    watchers: AtomicUsize,
    spans: [Mutex<HashMap<SpanKey, Watched>>; SHARDS],
    traces: [Mutex<Traces>; SHARDS],
    waiting: Mutex<Vec<Waiting>>,
}

/// A span, wherever it was made.
pub(crate) type SpanKey = (TraceId, SpanId);

/// Looks through the calls of one layer for one whose span has ended; `None` when the layer is gone.
type Waiting = Box<dyn Fn(&EndedSpan<'_>) -> Option<Found> + Send + Sync>;

/// Whose a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Nobody's: the pipeline goes on with it.
    Nobody,
    /// The auditor has its record, or wants none; the pipeline goes on with the span.
    Recorded,
    /// The auditor has its record and sends the span; the pipeline drops it.
    Taken,
}

/// What a claim found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// No processor of this auditor has seen the span.
    NotWatched,
    /// It is watched, and the claimer's from now on.
    Watched {
        /// The span around it, wherever that was made.
        parent: Option<SpanId>,
    },
}

/// A span that has ended, as far as a call can be told by it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EndedSpan<'a> {
    /// Its place, for the call that it turns out to be.
    pub(crate) place: TraceContext,
    /// Whose it becomes then.
    pub(crate) owner: Owner,
    /// When it was made.
    pub(crate) made: Timestamp,
    /// Where in the source, if it says.
    pub(crate) source: Option<(&'a str, u32)>,
    /// The number of the thread that made it, if it says.
    pub(crate) thread: Option<u64>,
}

/// What a layer knows of an ended span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is no call that waits.
    NoCall,
    /// A call waits for it, and has its place now.
    HandedOver,
    /// It is a call that is not recorded, since recording was off when it was made.
    NotRecorded,
}

/// A span that a processor has seen end. Its trace is not forgotten before this is dropped.
pub(crate) struct Ended<'a> {
    owner: Owner,
    trace: TraceId,
    counted: Counted,
    pipelines: &'a Pipelines,
}

#[derive(Debug, Clone, Copy)]
struct Watched {
    parent: Option<SpanId>,
    owner: Owner,
    /// Processors side by side that have not seen its end yet.
    shares: u32,
    /// Those of them whose share is not counted in the trace.
    uncounted: u32,
}

impl Owner {
    /// How a call goes to trace backends whose span is this owner's.
    pub(crate) fn view(self) -> SpanView {
        match self {
            Self::Taken => SpanView::Sent(SpanShows::DEFAULT),
            Self::Nobody | Self::Recorded => SpanView::None,
        }
    }
}

/// The span that a context names, if it names one.
pub(crate) fn key_of(context: &SpanContext) -> Option<SpanKey> {
    let trace = TraceId::from_bytes(context.trace_id().to_bytes())?;
    Some((trace, SpanId::from_bytes(context.span_id().to_bytes())?))
}

impl Pipelines {
    /// Another processor watches.
    pub(crate) fn join(&self) {
        self.watchers.fetch_add(1, Ordering::AcqRel);
    }

    /// A processor is gone.
    pub(crate) fn leave(&self) {
        self.watchers.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether any processor watches.
    pub(crate) fn is_watched(&self) -> bool {
        self.watchers.load(Ordering::Acquire) > 0
    }

    /// A processor has seen a span start.
    pub(crate) fn started(&self, span: SpanKey, parent: Option<SpanId>) {
        let counted = self.traces(span.0).began(span.0);
        let mut spans = self.shard(span);
        let watched = spans.entry(span).or_insert(Watched {
            parent,
            owner: Owner::Nobody,
            shares: 0,
            uncounted: 0,
        });
        watched.shares += 1;
        watched.uncounted += u32::from(counted == Counted::No);
    }

    /// A processor has seen a span end. `None` where its start was not seen.
    pub(crate) fn ended(&self, span: SpanKey) -> Option<Ended<'_>> {
        let mut spans = self.shard(span);
        let watched = spans.get_mut(&span)?;
        let owner = watched.owner;
        let counted = if watched.uncounted > 0 {
            watched.uncounted -= 1;
            Counted::No
        } else {
            Counted::Yes
        };
        watched.shares -= 1;
        if watched.shares == 0 {
            spans.remove(&span);
        }
        Some(Ended {
            owner,
            trace: span.0,
            counted,
            pipelines: self,
        })
    }

    /// Whether a call was made in this trace: errors of spans around it may repeat what was sent or received. That is
    /// known while a span of it lives, and a while longer; where it cannot be known, it may have been.
    pub(crate) fn has_call(&self, trace: TraceId) -> bool {
        self.traces(trace).has_call(trace)
    }

    /// A call was made in this trace, recorded or not.
    pub(crate) fn remember_call(&self, trace: TraceId) {
        if self.is_watched() {
            self.traces(trace).called(trace);
        }
    }

    /// Whose an ended span has become, for the processors that have not seen its end yet.
    pub(crate) fn settle(&self, span: SpanKey, owner: Owner) {
        if let Some(watched) = self.shard(span).get_mut(&span) {
            watched.owner = owner;
        }
    }

    /// The layer makes the record of this span's call.
    pub(crate) fn claim(&self, span: SpanKey, owner: Owner) -> Claimed {
        // A sampler may have left out this span and none of those around it.
        self.remember_call(span.0);
        let parent = match self.shard(span).get_mut(&span) {
            None => return Claimed::NotWatched,
            Some(watched) => {
                watched.owner = owner;
                watched.parent
            }
        };
        Claimed::Watched { parent }
    }

    /// From now on this layer is asked whether a call of its waits for a span.
    pub(crate) fn ask(
        &self,
        waiting: impl Fn(&EndedSpan<'_>) -> Option<Found> + Send + Sync + 'static,
    ) {
        self.waiting().push(Box::new(waiting));
    }

    /// Hands an ended span over to the call that waits for it.
    pub(crate) fn hand_over(&self, span: &EndedSpan<'_>) -> Found {
        let mut found = Found::NoCall;
        self.waiting().retain(|waiting| {
            if found != Found::NoCall {
                return true;
            }
            let answer = waiting(span);
            found = answer.unwrap_or(Found::NoCall);
            answer.is_some()
        });
        found
    }

    /// How many spans are watched.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.spans
            .iter()
            .map(|spans| spans.lock().unwrap_or_else(PoisonError::into_inner).len())
            .sum()
    }

    fn shard(&self, (_, span): SpanKey) -> MutexGuard<'_, HashMap<SpanKey, Watched>> {
        let [.., last] = span.as_bytes();
        self.spans[usize::from(*last) % SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn traces(&self, trace: TraceId) -> MutexGuard<'_, Traces> {
        let [.., last] = trace.as_bytes();
        self.traces[usize::from(*last) % SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ended<'_> {
    /// Whose it is.
    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let mut traces = self.pipelines.traces(self.trace);
        traces.ended(self.trace, self.counted);
    }
}

impl std::fmt::Debug for Pipelines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipelines")
            .field("watchers", &self.watchers)
            .finish_non_exhaustive()
    }
}

const SHARDS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(last: u8) -> SpanKey {
        let span = SpanId::from_bytes([1, 0, 0, 0, 0, 0, 0, last]).unwrap();
        (TraceId::from_bytes([7; 16]).unwrap(), span)
    }

    fn ended(last: u8) -> EndedSpan<'static> {
        let (trace_id, span_id) = key(last);
        EndedSpan {
            place: TraceContext {
                trace_id,
                span_id,
                parent_span_id: None,
            },
            owner: Owner::Taken,
            made: Timestamp::from_unix_nanos(0),
            source: None,
            thread: None,
        }
    }

    fn owner(pipelines: &Pipelines) -> Option<Owner> {
        pipelines.ended(key(1)).map(|ended| ended.owner())
    }

    #[test]
    fn a_claimed_span_is_the_claimers_when_it_ends_and_its_parent_is_known() {
        let pipelines = Pipelines::default();
        let (_, parent) = key(9);
        pipelines.started(key(1), Some(parent));
        let claimed = pipelines.claim(key(1), Owner::Taken);
        assert_eq!(
            claimed,
            Claimed::Watched {
                parent: Some(parent)
            }
        );
        assert_eq!(owner(&pipelines), Some(Owner::Taken));
        assert_eq!(owner(&pipelines), None, "nothing is kept of it");
    }

    #[test]
    fn a_span_that_no_processor_has_seen_cannot_be_claimed() {
        let pipelines = Pipelines::default();
        assert_eq!(pipelines.claim(key(1), Owner::Taken), Claimed::NotWatched);
    }

    #[test]
    fn processors_side_by_side_all_learn_whose_a_span_is() {
        let pipelines = Pipelines::default();
        pipelines.started(key(1), None);
        pipelines.started(key(1), None);
        assert_eq!(owner(&pipelines), Some(Owner::Nobody));
        pipelines.settle(key(1), Owner::Taken);
        assert_eq!(owner(&pipelines), Some(Owner::Taken));
        assert_eq!(owner(&pipelines), None);
    }

    #[test]
    fn a_layer_that_is_gone_is_asked_no_more() {
        let pipelines = Pipelines::default();
        pipelines.ask(|_| None);
        pipelines.ask(|_| Some(Found::HandedOver));
        assert_eq!(pipelines.hand_over(&ended(1)), Found::HandedOver);
        assert_eq!(pipelines.waiting().len(), 1);
    }
}
