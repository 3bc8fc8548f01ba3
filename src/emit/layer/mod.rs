//! The `tracing` layer: makes a record of every span that is a call of a model.

mod calls;
mod callsite;
mod enclosing;
pub(crate) mod fields;
mod people;
mod span_ext;
#[cfg(test)]
mod tests;
mod trace;

use std::fmt;
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use self::calls::{Begun, Calls, OpenCall, Recording};
use self::callsite::{Begins, Callsites, Kind};
use self::fields::{Collector, Fields, take_field};
use self::people::{People, take_actor_field};
use self::trace::{Learned, Pipeline};
use super::canary::Sight;
use super::pipeline::Owner;
use super::recorder::Recorder;
use super::spare;
use crate::record::{Actor, Label, RawText, TraceContext};

pub(crate) use self::enclosing::{Enclosing, Fed, Started, Surroundings};
pub(crate) use self::people::complete;
pub use self::span_ext::{AuditError, AuditSpanExt};
pub(crate) use self::span_ext::{
    ERROR_TYPE_UNKNOWN, SpanCall, content, failure_of, json, take_request, take_response,
};
pub(crate) use self::trace::place_guard;

/// The `tracing` layer that audits: every span with a field `gen_ai.operation.name` becomes one record.
///
/// It may stand before or after other layers. Give it no filter that hides the spans of your calls;
/// [`Auditor::verify_installed`](crate::Auditor::verify_installed) tells.
///
/// In its callbacks the application never waits for the network, an fsync or room on the disk: what cannot be recorded
/// is counted, and the count is told by a gap record as soon as there is room for one.
pub struct AuditLayer {
    recorder: Arc<Recorder>,
    callsites: Callsites,
    calls: Arc<Calls>,
    people: People,
    learned: Learned,
    sight: Arc<Sight>,
}

impl AuditLayer {
    pub(crate) fn new(recorder: Arc<Recorder>) -> Self {
        let calls = Arc::<Calls>::default();
        let waiting = Arc::downgrade(&calls);
        recorder
            .pipelines()
            .ask(move |ended| Some(waiting.upgrade()?.hand_over(ended)));
        Self {
            sight: recorder.canary().release(),
            recorder,
            callsites: Callsites::default(),
            calls,
            people: People::default(),
            learned: Learned::default(),
        }
    }

    /// How many audited call sites have carried content in their fields, where every other layer sees it.
    pub(crate) fn callsites_with_content(&self) -> usize {
        self.callsites.with_content()
    }

    /// Whether calls are recorded.
    pub(crate) fn is_enabled(&self) -> bool {
        self.recorder.is_enabled()
    }

    /// Whether the span is a call that is going on.
    pub(crate) fn is_auditing(&self, span: &Id) -> bool {
        self.calls.with(span.into_u64(), |_| ()).is_some()
    }

    /// Forgets a call, as if it had not been. A pipeline that is watched does so too.
    pub(crate) fn forget(&self, span: &Id) {
        self.leave(span, Owner::Taken);
        drop(self.take(span));
    }

    /// Takes out a call that is over.
    fn take(&self, span: &Id) -> Option<OpenCall> {
        let open = self.calls.remove(span.into_u64())?;
        self.recorder.dismiss();
        Some(open)
    }

    /// Begins the call of a span, unless it has begun. `pipeline` is asked only then.
    fn begin<S>(&self, span: &Id, context: &Context<'_, S>, pipeline: fn() -> Pipeline)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let waits = |open: &mut OpenCall| open.begun.is_none().then_some(open.recording);
        match self.calls.with(span.into_u64(), waits).flatten() {
            Some(Recording::On) => {}
            Some(Recording::Off) => return self.leave(span, Owner::Recorded),
            None => return,
        }
        let scope = context.span(span);
        let parent = scope
            .as_ref()
            .and_then(tracing_subscriber::registry::SpanRef::parent)
            .map(|span| span.id());
        let audited = scope.and_then(|span| {
            span.scope()
                .skip(1)
                .find_map(|ancestor| self.place_of(&ancestor.id()))
        });
        self.inherit(span, context);
        self.begin_in(trace::Begins {
            span,
            parent: parent.as_ref(),
            audited_parent: audited,
            pipeline: pipeline(),
        });
    }

    /// Gives to the call of a span what it does not say itself of who acts, and spans around it do.
    fn inherit<S>(&self, span: &Id, context: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if self.people.is_empty() && self.calls.is_alone() {
            return;
        }
        let mut around = Actor::default();
        let scope = context.span(span);
        for ancestor in scope.iter().flat_map(|span| span.scope().skip(1)) {
            self.tell(&ancestor.id(), &mut around);
        }
        self.calls.with(span.into_u64(), |open| {
            complete(&mut open.call.actor, &around)
        });
    }

    /// Gives to `actor` what a span says of who acts, and it does not.
    fn tell(&self, span: &Id, actor: &mut Actor) {
        let span = span.into_u64();
        self.people.tell(span, actor);
        self.calls
            .with(span, |open| complete(actor, &open.call.actor));
    }

    /// Leaves a span without a record, although it is a call.
    fn leave(&self, span: &Id, owner: Owner) {
        if self.recorder.pipelines().is_watched()
            && let Some(dispatch) = self.sight.dispatch()
        {
            trace::leave(&dispatch, span, self.recorder.pipelines(), owner);
        }
    }

    /// As [`begin`](Self::begin), where what stands around the span is known.
    fn begin_in(&self, begins: trace::Begins<'_>) {
        let span = begins.span;
        let dispatch = self.sight.dispatch();
        let clock = self.recorder.clock();
        let handed = self.calls.with(span.into_u64(), |open| open.handed.take());
        let mut placed = match handed.flatten() {
            // A span that goes on was not the one that ended.
            Some(handed) if begins.pipeline != Pipeline::Open => handed,
            _ => trace::place(dispatch.as_ref(), begins, &self.recorder, &self.learned),
        };
        placed.view = self.recorder.view(placed.view);
        let moment = clock.moment();
        let now = clock.now();
        let (number, view) = (span.into_u64(), placed.view);
        let waits = |open: &OpenCall| open.begun.is_none() && open.recording == Recording::On;
        // The call's lock is given back between attempts: whoever waits for room holds up nobody.
        let begun = self.recorder.try_as(self.recorder.modes().layer, || {
            let attempt = |open: &mut OpenCall| {
                if !waits(open) {
                    return Ok(());
                }
                open.call.time = now;
                open.call.trace = Some(placed.trace);
                let start = Some(self.recorder.begin(&open.call, view)?);
                open.begun = Some(Begun {
                    moment,
                    view,
                    start,
                });
                Ok(())
            };
            self.calls.with(number, attempt).unwrap_or(Ok(()))
        });
        if begun.is_err() {
            // Where the start cannot be recorded, the end still may.
            self.calls.with(number, |open| {
                if waits(open) {
                    let start = None;
                    open.begun = Some(Begun {
                        moment,
                        view,
                        start,
                    });
                }
            });
        }
    }

    /// Takes what was recorded on a span that is no call, if it says who acts.
    fn note_people<S>(&self, span: &Id, values: &Record<'_>, context: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if self.people.is_empty() {
            return;
        }
        let Some(callsite) = context
            .metadata(span)
            .and_then(|metadata| self.callsites.of(metadata))
            .filter(|callsite| callsite.kind() == Kind::Around)
        else {
            return;
        };
        let mut fields = Vec::new();
        values.record(&mut Collector::new(&callsite, |meaning, value| {
            fields.push((meaning, value));
        }));
        self.people.update(span.into_u64(), |actor| {
            for (meaning, value) in fields {
                take_actor_field(actor, meaning, value);
            }
        });
    }

    fn place_of(&self, span: &Id) -> Option<TraceContext> {
        self.calls
            .with(span.into_u64(), |open| {
                open.begun.as_ref().and(open.call.trace)
            })
            .flatten()
    }

    fn end(&self, mut open: OpenCall) {
        let Some(begun) = open.begun else {
            return spare::put_call(open.call);
        };
        let end = open
            .last_exit
            .unwrap_or_else(|| self.recorder.clock().moment());
        open.call.duration_ns = Some(end.nanos_since(begun.moment));
        self.recorder
            .end_or_count(open.call, begun.view, begun.start);
    }
}

impl Drop for AuditLayer {
    fn drop(&mut self) {
        self.sight.close();
    }
}

impl fmt::Debug for AuditLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLayer").finish_non_exhaustive()
    }
}

impl<S> Layer<S> for AuditLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        self.sight.stands_in(dispatch);
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let met = self.callsites.meet(metadata);
        let is_call = met.is_some_and(|callsite| callsite.kind() != Kind::Around);
        if is_call && metadata.name() != CANARY {
            self.sight.watch(metadata);
        }
        // Whatever this layer wants, others may want more.
        Interest::always()
    }

    fn enabled(&self, _metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        Sight::asked();
        true
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _context: Context<'_, S>) {
        let Some(callsite) = self.callsites.of(attributes.metadata()) else {
            return;
        };
        let operation = match callsite.kind() {
            Kind::Call => UNNAMED_OPERATION,
            Kind::Known(known) => known.operation(),
            Kind::Around => {
                let mut actor = Actor::default();
                attributes.record(&mut Collector::new(&callsite, |meaning, value| {
                    take_actor_field(&mut actor, meaning, value);
                }));
                return self.people.insert(id.into_u64(), actor);
            }
        };
        self.sight.in_use();
        if let Err(fault) = self.recorder.admit() {
            self.recorder.count_loss(&fault);
            return;
        }
        let recording = if self.recorder.is_enabled() {
            Recording::On
        } else {
            Recording::Off
        };
        let mut call = self.recorder.new_call(Label::clip(operation));
        attributes.record(&mut Collector::new(&callsite, |meaning, value| {
            take_field(&mut call, meaning, value);
        }));
        let open = OpenCall {
            call,
            callsite,
            recording,
            fed: Fed::Never,
            begun: None,
            made_by: std::thread::current().id(),
            handed: None,
            last_exit: None,
        };
        self.calls.insert(id.into_u64(), open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(callsite) = self
            .calls
            .with(id.into_u64(), |open| Arc::clone(&open.callsite))
        else {
            return self.note_people(id, values, &context);
        };
        let mut fields = Fields::default();
        values.record(&mut Collector::new(&callsite, |meaning, value| {
            fields.push(meaning, value);
        }));
        self.calls
            .with(id.into_u64(), |open| fields.apply(&mut open.call));
        if callsite.begins() == Begins::AtFirstRecord {
            self.begin(id, &context, || Pipeline::Open);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if !self.calls.is_empty() {
            self.begin(id, &context, || Pipeline::Open);
        }
    }

    fn on_exit(&self, id: &Id, _context: Context<'_, S>) {
        let now = || self.recorder.clock().moment();
        self.calls
            .with(id.into_u64(), |open| open.last_exit = Some(now()));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if *event.metadata().level() != Level::ERROR || self.calls.is_empty() {
            return;
        }
        let Some(span) = context.event_span(event).map(|span| span.id()) else {
            return;
        };
        if !self.is_auditing(&span) {
            return;
        }
        let mut error = ErrorField::default();
        event.record(&mut error);
        if let Some(message) = error.0 {
            self.calls.with(span.into_u64(), |open| {
                fields::failed_by_event(&mut open.call, message)
            });
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.people.remove(id.into_u64());
        if self.calls.is_empty() {
            return;
        }
        self.begin(&id, &context, Pipeline::of_closed::<S>);
        // What the spans around it were told since it began.
        self.inherit(&id, &context);
        if let Some(open) = self.take(&id) {
            self.end(open);
        }
    }
}

/// The field of an error event that holds the error, as `#[instrument(err)]` and the conventions name it.
#[derive(Default)]
struct ErrorField(Option<RawText>);

impl Visit for ErrorField {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if matches!(field.name(), "error" | "exception.message") {
            self.0 = Some(RawText::new(format!("{value:?}").into_bytes()));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if matches!(field.name(), "error" | "exception.message") {
            self.0 = Some(RawText::from(value));
        }
    }
}

/// The name of the span that tells whether the layer is installed.
pub(crate) const CANARY: &str = "llm_audit.canary";
/// The operation of a span that declares one and never says which.
const UNNAMED_OPERATION: &str = "unknown";
