//! A call's place in a trace: OpenTelemetry's own ids where a pipeline gives the span any, ours otherwise.

use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, trace::SpanContext};
use tracing::Dispatch;
use tracing::span::Id;

use crate::clock::Clock;
use crate::emit::spool::SpanView;
use crate::record::{SpanId, TraceContext, TraceId};
use crate::semconv::SpanIdentity;

/// Where a call stands, and who sends its span.
pub(super) struct Placed {
    pub(super) trace: TraceContext,
    pub(super) view: SpanView,
}

/// The place of a span that is begun now. `parent` is the span around it, `audited_parent` the place of the nearest
/// call around it.
///
/// Must be called without any lock: tracing-opentelemetry takes those of the registry, and starts the span if it has
/// not been.
pub(super) fn place(
    dispatch: Option<&Dispatch>,
    span: &Id,
    parent: Option<&Id>,
    audited_parent: Option<TraceContext>,
    clock: &Clock,
) -> Placed {
    let context =
        |id| dispatch.and_then(|dispatch| tracing_opentelemetry::get_otel_context(id, dispatch));
    if let Some((trace_id, span_id)) =
        context(span).and_then(|context| ids(context.span().span_context()))
    {
        let around = parent
            .and_then(context)
            .or_else(|| parent.is_none().then(Context::current));
        let parent_span_id = around
            .and_then(|context| ids(context.span().span_context()))
            .filter(|(trace, id)| *trace == trace_id && *id != span_id)
            .map(|(_, id)| id);
        // The application's own pipeline exports this very span: a second one would show the call twice.
        return Placed {
            trace: TraceContext {
                trace_id,
                span_id,
                parent_span_id,
            },
            view: SpanView::None,
        };
    }
    let around = audited_parent
        .map(|parent| (parent.trace_id, parent.span_id))
        .or_else(|| {
            parent
                .and_then(context)
                .and_then(|context| ids(context.span().span_context()))
        })
        .or_else(|| ids(Context::current().span().span_context()));
    let (trace_id, parent_span_id) = around.map_or_else(
        || (clock.trace_id(), None),
        |(trace_id, span_id)| (trace_id, Some(span_id)),
    );
    Placed {
        trace: TraceContext {
            trace_id,
            span_id: clock.span_id(),
            parent_span_id,
        },
        view: SpanView::Sent(SpanIdentity::Hashed),
    }
}

/// The place of a call that no span of `tracing` stands for.
pub(crate) fn place_guard(clock: &Clock) -> (TraceContext, SpanView) {
    let around = ids(Context::current().span().span_context());
    let (trace_id, parent_span_id) = around.map_or_else(
        || (clock.trace_id(), None),
        |(trace_id, span_id)| (trace_id, Some(span_id)),
    );
    let trace = TraceContext {
        trace_id,
        span_id: clock.span_id(),
        parent_span_id,
    };
    (trace, SpanView::Sent(SpanIdentity::Hashed))
}

fn ids(context: &SpanContext) -> Option<(TraceId, SpanId)> {
    let trace = TraceId::from_bytes(context.trace_id().to_bytes())?;
    Some((trace, SpanId::from_bytes(context.span_id().to_bytes())?))
}
