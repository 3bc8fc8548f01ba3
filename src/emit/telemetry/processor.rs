//! The processor that stands between the application's spans and its exporter.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{Span as _, TraceContextExt as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::allow_list::{AllowList, Withheld};
use super::finished;
use super::sanitized::{ErrorTexts, content_of, sanitize};
use crate::emit::Auditor;
use crate::emit::pipeline::{Ended, EndedSpan, Found, Owner, SpanKey, key_of};
use crate::emit::recorder::Recorder;
use crate::record::SpanId;

/// A span processor that keeps content out of the application's own trace backend, and calls of models from being shown
/// there twice.
///
/// It wraps the processor that exports. Of every span, whoever made it, only attributes of an allow-list pass: names of
/// the OpenTelemetry conventions whose values are short and no text of a person, and what the application allows.
/// `llm_audit.redacted.attributes` and `llm_audit.redacted.texts` on a span count what was taken out of it.
///
/// Texts of errors are withheld in spans that end after a call of their trace began, in this process: they may repeat its
/// content. Elsewhere they are masked, for secrets and for what they repeat of content in the span itself. A span that ends
/// before the first call of its trace cannot know of it: its error texts are only masked so. With
/// [`withhold_error_texts`](Self::withhold_error_texts) none goes at all.
///
/// Spans of calls that the auditor records are not handed on: the auditor sends them, under the same trace, span and parent
/// ids, from its spool, whether they are sampled or not. That holds for calls that the
/// [`AuditLayer`](crate::AuditLayer) sees, and for finished spans of any other instrumentation that have
/// `gen_ai.operation.name`; their record is made here. While recording is off, or where the auditor sends no spans, they go
/// on like any other span.
///
/// One processor for each exporter; several on one provider are no problem, and a processor that is wrapped twice does no
/// more than once. A subscriber has one OpenTelemetry layer. The wrapped processor sees spans as they are when they start
/// (`on_start`), so it must be one that exports when they end, as those of the SDK do.
///
/// ```
/// use llm_audit::Auditor;
/// use llm_audit::telemetry::SanitizingProcessor;
/// use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SimpleSpanProcessor};
///
/// # let directory = tempfile::tempdir()?;
/// # let audit = Auditor::builder().data_dir(directory.path()).generate_keyring().without_sender().json_lines().build()?;
/// let exporter = InMemorySpanExporter::default();
/// let processor = SanitizingProcessor::new(SimpleSpanProcessor::new(exporter.clone()), &audit).allow("shop.order");
/// let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
///
/// use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
/// let mut span = provider.tracer("shop").start("checkout");
/// span.set_attribute(opentelemetry::KeyValue::new("shop.order", 7));
/// span.set_attribute(opentelemetry::KeyValue::new("shop.note", "leave it with my neighbour"));
/// span.end();
///
/// let spans = exporter.get_finished_spans()?;
/// let names: Vec<_> = spans[0].attributes.iter().map(|attribute| attribute.key.as_str()).collect();
/// assert_eq!(names, ["shop.order", "llm_audit.redacted.attributes"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SanitizingProcessor<P> {
    inner: P,
    allow: AllowList,
    recorder: Arc<Recorder>,
}

impl<P: SpanProcessor> SanitizingProcessor<P> {
    /// Wraps a processor, for this auditor.
    #[must_use]
    pub fn new(inner: P, audit: &Auditor) -> Self {
        Self::with(inner, AllowList::default(), audit)
    }

    pub(super) fn with(inner: P, allow: AllowList, audit: &Auditor) -> Self {
        let recorder = Arc::clone(audit.recorder());
        recorder.pipelines().join();
        Self {
            inner,
            allow,
            recorder,
        }
    }

    /// Lets another attribute pass, in spans, events and links. What has the shape of a secret is masked in it all the
    /// same.
    #[must_use]
    pub fn allow(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.allow.allow(name.into());
        self
    }

    /// Lets attributes pass whose names begin so, such as `shop.`.
    #[must_use]
    pub fn allow_prefix(mut self, prefix: impl Into<Cow<'static, str>>) -> Self {
        self.allow.allow_prefix(prefix.into());
        self
    }

    /// Lets an event keep its name. Events of `tracing` have their message as name; any that is not allowed is called
    /// `event`.
    #[must_use]
    pub fn allow_event(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.allow.allow_event(name.into());
        self
    }

    /// Lets texts of errors pass in traces with a call too, masked as they are in others. They may repeat a prompt: only
    /// what is in the span itself can be found in them.
    #[must_use]
    pub fn danger_allow_error_texts(mut self) -> Self {
        self.allow.danger_allow_error_texts();
        self
    }

    /// Withholds texts of errors in every trace, also where no call is known of. The last of this and
    /// [`danger_allow_error_texts`](Self::danger_allow_error_texts) counts.
    #[must_use]
    pub fn withhold_error_texts(mut self) -> Self {
        self.allow.withhold_error_texts();
        self
    }

    /// Hands a span on, without content.
    fn forward(&self, mut span: SpanData) {
        let near = || {
            let trace = key_of(&span.span_context).map(|(trace, _)| trace);
            trace.is_some_and(|trace| self.recorder.pipelines().has_call(trace))
        };
        let withheld = match self.allow.withheld() {
            Withheld::Nowhere => false,
            Withheld::BesideCalls => near(),
            Withheld::Everywhere => true,
        };
        let errors = if withheld {
            ErrorTexts::Withheld
        } else {
            ErrorTexts::RepeatTheSpan
        };
        sanitize(&mut span, &self.allow, errors);
        self.inner.on_end(span);
    }

    /// A span that the layer has not claimed: an ordinary one, or a call of which nobody has made a record yet.
    fn unclaimed(&self, key: SpanKey, span: SpanData) {
        let pipelines = self.recorder.pipelines();
        if !finished::is_call(&span) {
            return self.forward(span);
        }
        pipelines.remember_call(key.0);
        if !self.recorder.is_enabled() {
            return self.forward(span);
        }
        match self.record(&span) {
            Some(owner) => {
                pipelines.settle(key, owner);
                if owner == Owner::Recorded {
                    self.forward(span);
                }
            }
            None => self.forward(span),
        }
    }

    /// Sees to it that the call of a finished span has a record: whose the span is then. `None` where it has none.
    fn record(&self, span: &SpanData) -> Option<Owner> {
        let place = finished::place(span)?;
        let owner = self.recorder.owner();
        let ended = EndedSpan {
            place,
            owner,
            made: finished::made(span),
            source: finished::source(span),
            thread: finished::thread(span),
        };
        match self.recorder.pipelines().hand_over(&ended) {
            Found::HandedOver => return Some(owner),
            Found::NotRecorded => return None,
            Found::NoCall => {}
        }
        let content = content_of(span, &self.allow);
        let call = finished::capture(span, &content, &self.recorder);
        let view = self.recorder.view(owner.view());
        match self.recorder.end(call, view, None) {
            Ok(_) => Some(owner),
            Err(fault) => {
                self.recorder.count_loss(&fault);
                None
            }
        }
    }

    /// The auditor, to tell it from others.
    fn own(&self) -> usize {
        Arc::as_ptr(&self.recorder).addr()
    }
}

impl<P: SpanProcessor> SpanProcessor for SanitizingProcessor<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        let inside = Inside::enter(self.own());
        if let (Some(_), Some(key)) = (&inside, key_of(span.span_context())) {
            let parent = SpanId::from_bytes(context.span().span_context().span_id().to_bytes());
            self.recorder.pipelines().started(key, parent);
        }
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        let Some(_inside) = Inside::enter(self.own()) else {
            return self.forward(span);
        };
        let Some(key) = key_of(&span.span_context) else {
            return self.forward(span);
        };
        let ended = self.recorder.pipelines().ended(key);
        match ended.as_ref().map(Ended::owner) {
            Some(Owner::Nobody) => self.unclaimed(key, span),
            Some(Owner::Recorded) | None => self.forward(span),
            Some(Owner::Taken) => {}
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<P> Drop for SanitizingProcessor<P> {
    fn drop(&mut self) {
        self.recorder.pipelines().leave();
    }
}

impl<P: fmt::Debug> fmt::Debug for SanitizingProcessor<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SanitizingProcessor")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

thread_local! {
    /// The auditors whose processors this thread is in.
    static INSIDE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// This thread is in a processor of an auditor: the outermost one of it.
struct Inside(usize);

impl Inside {
    /// `None` where it is in one already: a processor that is wrapped twice looks at a span once.
    fn enter(auditor: usize) -> Option<Self> {
        let first = INSIDE.try_with(|inside| {
            let mut inside = inside.borrow_mut();
            let first = !inside.contains(&auditor);
            if first {
                inside.push(auditor);
            }
            first
        });
        // A thread that is ending has no such list any more, and no processor around this one that it could tell of.
        // Made only where it is kept: dropping it takes away the mark, whoever set that.
        first.unwrap_or(true).then(|| Self(auditor))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let leave = |inside: &RefCell<Vec<usize>>| {
            inside.borrow_mut().retain(|auditor| *auditor != self.0);
        };
        let _ = INSIDE.try_with(leave);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;
    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SimpleSpanProcessor};

    use super::*;

    #[test]
    fn a_thread_is_inside_until_the_outermost_processor_lets_it_go() {
        let outermost = Inside::enter(1);
        assert!(outermost.is_some());
        assert!(Inside::enter(1).is_none());
        assert!(Inside::enter(1).is_none(), "the second has not let it go");
        assert!(Inside::enter(2).is_some(), "another auditor's");
        drop(outermost);
        assert!(Inside::enter(1).is_some());
    }

    #[test]
    fn nothing_is_kept_of_spans_that_have_ended_and_a_processor_that_is_gone_watches_no_more() {
        let directory = tempfile::tempdir().unwrap();
        let audit = Auditor::builder()
            .data_dir(directory.path())
            .generate_keyring()
            .without_sender()
            .json_lines()
            .build()
            .unwrap();
        let processor = || {
            let exporting = SimpleSpanProcessor::new(InMemorySpanExporter::default());
            SanitizingProcessor::new(SanitizingProcessor::new(exporting, &audit), &audit)
        };
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor())
            .with_span_processor(processor())
            .build();
        let tracer = provider.tracer("application");
        let pipelines = audit.recorder().pipelines();
        tracer.start("ordinary").end();
        let mut call = tracer.start("chat");
        call.set_attribute(KeyValue::new("gen_ai.operation.name", "chat"));
        assert_eq!(pipelines.len(), 1);
        call.end();
        assert_eq!(pipelines.len(), 0);
        assert!(pipelines.is_watched());
        drop((tracer, call, provider));
        assert!(!pipelines.is_watched());
    }
}
