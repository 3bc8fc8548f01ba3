//! The traces of watched spans, and which of them calls were made in.
//!
//! A trace is known while a span of it lives: what that span has yet to say may repeat a call of its trace, however many
//! others have gone by since. Behind its last span a trace with a call is remembered for a while, for spans of it that
//! begin later. Spans that never end fill the table at last; while spans live that it had no place for, every trace
//! counts as one with a call.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::record::TraceId;

/// Traces that are known.
#[derive(Default)]
pub(super) struct Traces {
    live: HashMap<TraceId, Live>,
    /// Spans that live without being counted in their trace.
    uncounted: usize,
    /// Traces with a call that had no live span at some time after it, the latest of them.
    past: HashSet<TraceId>,
    by_age: VecDeque<TraceId>,
}

/// Whether a span is counted in its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Yes,
    /// There was no place for its trace.
    No,
}

/// A trace with live spans.
struct Live {
    spans: usize,
    had_call: bool,
}

impl Traces {
    /// A span has begun.
    pub(super) fn began(&mut self, trace: TraceId) -> Counted {
        if let Some(live) = self.live.get_mut(&trace) {
            live.spans += 1;
            return Counted::Yes;
        }
        if self.live.len() >= MOST_LIVE {
            self.uncounted += 1;
            return Counted::No;
        }
        let had_call = self.has_call(trace);
        self.live.insert(trace, Live { spans: 1, had_call });
        Counted::Yes
    }

    /// A span that has begun is done with.
    pub(super) fn ended(&mut self, trace: TraceId, counted: Counted) {
        if counted == Counted::No {
            self.uncounted -= 1;
            return;
        }
        let Some(live) = self.live.get_mut(&trace) else {
            return;
        };
        live.spans -= 1;
        if live.spans > 0 {
            return;
        }
        let had_call = live.had_call;
        self.live.remove(&trace);
        if had_call {
            self.remember(trace);
        }
    }

    /// A call was made in this trace.
    pub(super) fn called(&mut self, trace: TraceId) {
        match self.live.get_mut(&trace) {
            Some(live) => live.had_call = true,
            None => self.remember(trace),
        }
    }

    /// Whether a call was made in this trace, or may have been.
    pub(super) fn has_call(&self, trace: TraceId) -> bool {
        self.uncounted > 0
            || self.live.get(&trace).is_some_and(|live| live.had_call)
            || self.past.contains(&trace)
    }

    fn remember(&mut self, trace: TraceId) {
        if !self.past.insert(trace) {
            return;
        }
        self.by_age.push_back(trace);
        if self.by_age.len() > MOST_PAST
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.past.remove(&oldest);
        }
    }
}

/// Traces with live spans that there is a place for, in each part of the table.
const MOST_LIVE: usize = 8192;
/// Traces without live spans that are remembered, in each part of the table.
const MOST_PAST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(number: usize) -> TraceId {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&(number as u64 + 1).to_le_bytes());
        TraceId::from_bytes(bytes).unwrap()
    }

    #[test]
    fn the_latest_traces_with_calls_are_remembered() {
        let mut traces = Traces::default();
        for number in 0..=MOST_PAST {
            traces.called(trace(number));
        }
        assert!(!traces.has_call(trace(0)) && traces.has_call(trace(1)));
        assert!(traces.has_call(trace(MOST_PAST)));
    }

    #[test]
    fn a_trace_with_a_call_is_known_until_its_last_span_has_ended_and_a_while_longer() {
        let mut traces = Traces::default();
        assert_eq!(traces.began(trace(0)), Counted::Yes);
        assert_eq!(traces.began(trace(0)), Counted::Yes);
        traces.called(trace(0));
        traces.ended(trace(0), Counted::Yes);
        let others = |traces: &mut Traces| {
            for number in 1..=2 * MOST_PAST {
                traces.began(trace(number));
                traces.called(trace(number));
                traces.ended(trace(number), Counted::Yes);
            }
        };
        others(&mut traces);
        assert!(traces.has_call(trace(0)));
        traces.ended(trace(0), Counted::Yes);
        assert!(traces.has_call(trace(0)));
        others(&mut traces);
        assert!(!traces.has_call(trace(0)));
        assert!(traces.live.is_empty());
    }

    #[test]
    fn a_span_that_begins_in_a_remembered_trace_keeps_it() {
        let mut traces = Traces::default();
        traces.called(trace(0));
        traces.began(trace(0));
        for number in 1..=MOST_PAST {
            traces.called(trace(number));
        }
        assert!(traces.has_call(trace(0)));
    }

    #[test]
    fn every_trace_counts_as_one_with_a_call_while_spans_live_that_had_no_place() {
        let mut traces = Traces::default();
        for number in 0..MOST_LIVE {
            assert_eq!(traces.began(trace(number)), Counted::Yes);
        }
        assert!(!traces.has_call(trace(0)));
        assert_eq!(traces.began(trace(MOST_LIVE)), Counted::No);
        assert!(traces.has_call(trace(0)) && traces.has_call(trace(MOST_LIVE)));
        traces.ended(trace(1), Counted::Yes);
        assert_eq!(traces.began(trace(MOST_LIVE)), Counted::Yes);
        traces.ended(trace(MOST_LIVE), Counted::No);
        assert!(!traces.has_call(trace(0)));
        assert!(traces.has_call(trace(MOST_LIVE)), "it may have had one");
    }
}
