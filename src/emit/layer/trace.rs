//! A call's place in a trace: OpenTelemetry's own ids where a pipeline gives the span any, ours otherwise.

use std::sync::atomic::{AtomicU8, Ordering};

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use tracing::Dispatch;
use tracing::span::Id;

use crate::clock::Clock;
use crate::emit::pipeline::{Claimed, Owner, Pipelines, key_of};
use crate::emit::recorder::Recorder;
use crate::emit::spool::SpanView;
use crate::record::TraceContext;
use crate::semconv::SpanShows;

/// Where a call stands, and who sends its span.
pub(super) struct Placed {
    pub(super) trace: TraceContext,
    pub(super) view: SpanView,
}

/// A span that is begun now, and what stands around it.
#[derive(Clone, Copy)]
pub(super) struct Begins<'a> {
    pub(super) span: &'a Id,
    /// The span around it.
    pub(super) parent: Option<&'a Id>,
    /// The place of the nearest call around it.
    pub(super) audited_parent: Option<TraceContext>,
    pub(super) pipeline: Pipeline,
}

/// What a pipeline may have done with a span already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pipeline {
    /// The span is closed now. A pipeline that stands below the layer has ended it before the layer could ask for its ids.
    Ended,
    /// The span is closed now. Whether a pipeline stands below the layer cannot be told; if there is one in this subscriber,
    /// it has ended the span.
    MayHaveEnded,
    /// Nothing: the span goes on.
    Open,
}

impl Pipeline {
    /// What the pipeline of a span has done that is closed now, where `S` is what stands below the layer. Subscribers do
    /// not say of what layers they are made, but their types do, unless layers are put together before they are added.
    pub(super) fn of_closed<S>() -> Self {
        if std::any::type_name::<S>().contains("OpenTelemetryLayer") {
            Self::Ended
        } else {
            Self::MayHaveEnded
        }
    }
}

/// What a layer has learned of the pipeline of its subscriber, from spans that were recorded there. One that is not
/// recorded tells nothing by itself: no processor sees it.
#[derive(Debug, Default)]
pub(super) struct Learned(AtomicU8);

impl Learned {
    fn note(&self, watched: bool) {
        let learned = if watched { WATCHED } else { NOT_WATCHED };
        self.0.store(learned, Ordering::Relaxed);
    }

    /// Whether a pipeline was met.
    fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// Whether a span that is not recorded is one of a pipeline that is watched.
    fn guess(&self, pipelines: &Pipelines) -> bool {
        match self.0.load(Ordering::Relaxed) {
            WATCHED => true,
            NOT_WATCHED => false,
            _ => pipelines.is_watched(),
        }
    }
}

/// The place of a span that is begun now. Where a pipeline that is watched knows the span too, it is claimed.
///
/// Must be called without any lock: tracing-opentelemetry takes those of the registry, and starts the span if it has
/// not been.
pub(super) fn place(
    dispatch: Option<&Dispatch>,
    begins: Begins<'_>,
    recorder: &Recorder,
    learned: &Learned,
) -> Placed {
    let Begins { span, parent, .. } = begins;
    let context =
        |id| dispatch.and_then(|dispatch| tracing_opentelemetry::get_otel_context(id, dispatch));
    let own = context(span);
    let Some((trace_id, span_id)) = own
        .as_ref()
        .and_then(|own| key_of(own.span().span_context()))
    else {
        return place_alone(begins, parent.and_then(context), recorder, learned);
    };
    let (owner, pipelines) = (recorder.owner(), recorder.pipelines());
    let recorded = own.is_some_and(|own| own.span().is_recording());
    let around = || {
        let around = parent
            .and_then(context)
            .or_else(|| parent.is_none().then(Context::current));
        around
            .and_then(|context| key_of(context.span().span_context()))
            .filter(|(trace, id)| *trace == trace_id && *id != span_id)
            .map(|(_, id)| id)
    };
    let (watched, parent_span_id) = match pipelines.claim((trace_id, span_id), owner) {
        Claimed::Watched { parent } => (true, parent),
        Claimed::NotWatched if recorded => (false, around()),
        Claimed::NotWatched => (learned.guess(pipelines), around()),
    };
    if recorded {
        learned.note(watched);
    }
    // A pipeline that is not watched exports this very span: a second one would show the call twice.
    let view = if watched {
        owner.view()
    } else {
        SpanView::None
    };
    Placed {
        trace: TraceContext {
            trace_id,
            span_id,
            parent_span_id,
        },
        view,
    }
}

/// Makes a span `owner`'s of which the layer makes no record. As [`place`], without any lock.
pub(super) fn leave(dispatch: &Dispatch, span: &Id, pipelines: &Pipelines, owner: Owner) {
    let own = tracing_opentelemetry::get_otel_context(span, dispatch);
    if let Some(key) = own.and_then(|own| key_of(own.span().span_context())) {
        pipelines.claim(key, owner);
    }
}

/// The place of a span that no pipeline knows: ours is the span, unless a pipeline has ended it already.
fn place_alone(
    begins: Begins<'_>,
    around: Option<Context>,
    recorder: &Recorder,
    learned: &Learned,
) -> Placed {
    let ended = match begins.pipeline {
        Pipeline::Ended => true,
        Pipeline::MayHaveEnded => around.is_some() || learned.any(),
        Pipeline::Open => false,
    };
    // One that is watched would have handed the span over if it had sampled it.
    let view = if ended && !learned.guess(recorder.pipelines()) {
        SpanView::None
    } else {
        SpanView::Sent(SpanShows::DEFAULT)
    };
    let clock = recorder.clock();
    let of = |context: Context| key_of(context.span().span_context());
    let around = begins
        .audited_parent
        .map(|parent| (parent.trace_id, parent.span_id))
        .or_else(|| around.and_then(of))
        .or_else(|| of(Context::current()));
    let (trace_id, parent_span_id) = around.map_or_else(
        || (clock.trace_id(), None),
        |(trace_id, span_id)| (trace_id, Some(span_id)),
    );
    // A span around it may repeat its prompt in an error.
    recorder.pipelines().remember_call(trace_id);
    Placed {
        trace: TraceContext {
            trace_id,
            span_id: clock.span_id(),
            parent_span_id,
        },
        view,
    }
}

/// The place of a call that no span of `tracing` stands for: inside of an audited span, where there is one around it.
pub(crate) fn place_guard(clock: &Clock, around: Option<TraceContext>) -> (TraceContext, SpanView) {
    let around = around.map(|around| (around.trace_id, around.span_id));
    let current = key_of(Context::current().span().span_context());
    let around = match (current, around) {
        // Of two spans around it in one trace, a pipeline's current one is no farther away.
        (Some(current), Some(around)) if current.0 != around.0 => Some(around),
        (current, around) => current.or(around),
    };
    let (trace_id, parent_span_id) = around.map_or_else(
        || (clock.trace_id(), None),
        |(trace_id, span_id)| (trace_id, Some(span_id)),
    );
    let trace = TraceContext {
        trace_id,
        span_id: clock.span_id(),
        parent_span_id,
    };
    (trace, SpanView::Sent(SpanShows::DEFAULT))
}

const WATCHED: u8 = 1;
const NOT_WATCHED: u8 = 2;
