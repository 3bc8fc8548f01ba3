//! The call around the code that runs: what a hook inside of an HTTP client finds where it stands.
//!
//! A request that is made inside of an audited span *is* that span's call, if the span is one inference of the same kind
//! and no other request has answered it or is on its way to: then the hook feeds that call and makes no record of its own.
//! Anything else — inside of an agent or a tool, a second request inside of one span, a request of another kind — is a call
//! of its own, a child of the nearest audited span.

use std::sync::Arc;

use tracing::span::Id;
use tracing::{Dispatch, Span};
use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan as _;

use super::AuditLayer;
use super::calls::{OpenCall, Recording};
use crate::clock::Moment;
use crate::emit::recorder::Recorder;
use crate::journal::FrameIndex;
use crate::record::{Actor, CapturedCall, RecordId, TraceContext};
use crate::semconv::dialect;

/// What a span's call has from the hooks of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fed {
    /// A request that failed, or was given up: another one may be made in its place.
    Failed,
    /// A request that is on its way, or its answer.
    Going,
    /// Nothing.
    Never,
}

/// Where the start of a call was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Started {
    /// In this frame of the spool.
    At(FrameIndex),
    /// It could not be.
    Nowhere,
    /// Recording is off.
    NotOwed,
}

/// What stands around the code that runs.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    /// The call that a request of this kind is.
    pub(crate) call: Option<Enclosing>,
    /// The place of the nearest audited span.
    pub(crate) place: Option<TraceContext>,
    /// What the spans around say of who acts.
    pub(crate) actor: Actor,
}

impl Surroundings {
    /// Looks around, on behalf of a request of this kind whose record this recorder would make. The call that is found
    /// is fed from now on by whoever asked.
    pub(crate) fn look(recorder: &Arc<Recorder>, operation: &str) -> Self {
        let current = Span::current();
        let found = current.with_subscriber(|(id, dispatch)| {
            let layer = dispatch.downcast_ref::<AuditLayer>()?;
            Arc::ptr_eq(&layer.recorder, recorder).then(|| look(layer, &scope(id, dispatch)))
        });
        let (nearest, place, actor) = found.flatten().unwrap_or_default();
        let call = nearest.and_then(|id| {
            let span = current.clone();
            let call = Enclosing { span, id };
            let feeds = |open: &mut OpenCall| open.take_feed(operation);
            call.with(feeds).unwrap_or(false).then_some(call)
        });
        Self { call, place, actor }
    }
}

/// A span and all around it, the innermost first.
fn scope(id: &Id, dispatch: &Dispatch) -> Vec<Id> {
    let registry = dispatch.downcast_ref::<Registry>();
    let spans = registry.and_then(|registry| registry.span(id));
    match spans {
        Some(span) => span.scope().map(|span| span.id()).collect(),
        // A registry of another make does not show what is around a span.
        None => vec![id.clone()],
    }
}

/// The nearest call, its place, and who acts.
fn look(layer: &AuditLayer, scope: &[Id]) -> (Option<Id>, Option<TraceContext>, Actor) {
    let mut actor = Actor::default();
    for span in scope {
        layer.tell(span, &mut actor);
    }
    let nearest = scope.iter().find(|span| layer.is_auditing(span));
    let place = scope.iter().find_map(|span| layer.place_of(span));
    (nearest.cloned(), place, actor)
}

impl OpenCall {
    /// Whether a request of this kind is this call; if so, it is from now on.
    fn take_feed(&mut self, operation: &str) -> bool {
        let own = self.call.operation.as_str();
        let same = own == operation || (is_generation(own) && is_generation(operation));
        let free = matches!(self.fed, Fed::Failed | Fed::Never);
        let takes = same && free && dialect::is_inference(own);
        if takes {
            self.fed = Fed::Going;
        }
        takes
    }
}

/// Names of one thing: conventions and crates differ on which of them a call of a model is.
fn is_generation(operation: &str) -> bool {
    matches!(operation, "chat" | "generate_content" | "text_completion")
}

/// A call around the code that runs. While it is held, its span stays open.
#[derive(Debug)]
pub(crate) struct Enclosing {
    /// The span that was current: the call's, or one inside of it, which keeps that open.
    span: Span,
    id: Id,
}

impl Enclosing {
    /// Works on the captured call.
    pub(crate) fn update(&self, work: impl FnOnce(&mut CapturedCall)) {
        self.with(|open| work(&mut open.call));
    }

    /// The identity of its record.
    pub(crate) fn record_id(&self) -> Option<RecordId> {
        self.with(|open| open.call.record_id)
    }

    /// Where its start was recorded.
    pub(crate) fn started(&self) -> Started {
        let started = |open: &mut OpenCall| match (&open.begun, open.recording) {
            (_, Recording::Off) => Started::NotOwed,
            (Some(begun), Recording::On) => begun
                .start
                .as_ref()
                .map_or(Started::Nowhere, |start| Started::At(start.index())),
            (None, Recording::On) => Started::Nowhere,
        };
        self.with(started).unwrap_or(Started::Nowhere)
    }

    /// Says how it goes on.
    pub(crate) fn set_fed(&self, fed: Fed) {
        self.with(|open| open.fed = fed);
    }

    /// The call ends now, whatever is entered later.
    pub(crate) fn note_end(&self, now: Moment) {
        self.with(|open| open.last_exit = Some(now));
    }

    /// The first piece of output is here.
    pub(crate) fn note_first_output(&self, now: Moment) {
        self.with(|open| open.note_first_output(now));
    }

    fn with<R>(&self, work: impl FnOnce(&mut OpenCall) -> R) -> Option<R> {
        let found = self.span.with_subscriber(|(_, dispatch)| {
            let layer = dispatch.downcast_ref::<AuditLayer>()?;
            layer.calls.with(self.id.into_u64(), work)
        });
        found.flatten()
    }
}
