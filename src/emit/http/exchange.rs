//! A request and its answer as one audited call.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use http::request::Parts;

use super::body::AuditedBody;
use super::credential;
use super::endpoint::{Endpoint, port_of};
use super::{AuditHttp, Caller};
use crate::emit::failure::{Durability, OnFailure};
use crate::emit::guard::{CallGuard, CallStart, GuardError};
use crate::emit::layer::{
    ERROR_TYPE_UNKNOWN, Enclosing, Fed, Started, Surroundings, complete, failure_of,
};
use crate::emit::recorder::Recorder;
use crate::provider::{self, Provider, RequestFacts};
use crate::record::{CapturedCall, Delivery, Ending, Label, RecordId};

/// A call that is being made over HTTP. Dropped before an answer was seen, it ends as `cancelled`.
#[must_use = "dropping it ends the call as cancelled"]
pub struct Exchange {
    ongoing: Arc<Mutex<Ongoing>>,
    reader: Option<Provider>,
}

/// The call itself, which a request's body that is still being sent reaches too.
pub(super) struct Ongoing {
    recorder: Arc<Recorder>,
    target: Option<Target>,
    reader: Option<Provider>,
}

/// Where what is seen goes.
enum Target {
    /// To a call of its own.
    Own(Box<CallGuard>),
    /// To the call of a span around the request.
    Span(Enclosing),
}

/// How an exchange ended, for the span that it was made in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The provider set to work, so that what it did is to be paid, however that ended.
    Answered,
    /// Another request may be made in its place.
    Failed,
}

impl Exchange {
    /// Begins the call that a request is.
    pub(super) fn begin(
        hook: &AuditHttp,
        endpoint: Endpoint,
        head: &Parts,
        body: Option<&[u8]>,
    ) -> Result<Self, GuardError> {
        let reader = endpoint.reader;
        let sent = Sent::new(&endpoint, body);
        let caller = head.extensions.get::<Caller>().or(hook.caller.as_ref());
        let mut actor = caller.map(Caller::actor).cloned().unwrap_or_default();
        let around = Surroundings::look(&hook.recorder, endpoint.operation);
        complete(&mut actor, &around.actor);
        let target = match around.call {
            Some(call) => Target::Span(hook.settled(call)?),
            None => {
                let start = hook.start(&endpoint, &sent).inside(around.place, &actor);
                Target::Own(Box::new(CallGuard::start(
                    Arc::clone(&hook.recorder),
                    start,
                )?))
            }
        };
        let mut ongoing = Ongoing {
            recorder: Arc::clone(&hook.recorder),
            target: Some(target),
            reader,
        };
        let uri = head.uri.clone();
        let credential = credential::of(head);
        ongoing.update(|call| {
            call.provider.get_or_insert(endpoint.provider);
            complete(&mut call.actor, &actor);
            call.server_address = call.server_address.take().or(uri.host().map(Label::clip));
            call.server_port = call.server_port.or(port_of(&uri));
            call.credential = call.credential.take().or(credential);
            sent.tell(call);
        });
        Ok(Self {
            ongoing: Arc::new(Mutex::new(ongoing)),
            reader,
        })
    }

    /// The identity of the call's record.
    #[must_use]
    pub fn record_id(&self) -> Option<RecordId> {
        match self.lock().target.as_ref()? {
            Target::Own(guard) => Some(guard.record_id()),
            Target::Span(call) => call.record_id(),
        }
    }

    /// The answer has begun: what it says is read as its body passes through.
    pub fn answer<B>(self, answer: http::Response<B>) -> http::Response<AuditedBody<B>> {
        let (head, body) = answer.into_parts();
        let body = AuditedBody::new(body, self, &head);
        http::Response::from_parts(head, body)
    }

    /// No answer came. The error's text leaves with secrets and captured content masked.
    pub fn fail(self, error: &dyn fmt::Display) {
        self.fail_as(ERROR_TYPE_UNKNOWN, error);
    }

    /// As [`fail`](Self::fail), of a class that is known.
    pub fn fail_as(self, error_type: &str, error: &dyn fmt::Display) {
        let failure = failure_of(error_type, error);
        self.end(Outcome::Failed, |call| {
            call.ending = Ending::Failed(failure)
        });
    }

    /// Who reads the answer.
    pub(super) fn reader(&self) -> Option<Provider> {
        self.reader
    }

    /// Whether a stream was asked for, as far as the request has been read.
    pub(super) fn delivery(&self) -> Delivery {
        let mut delivery = Delivery::Whole;
        self.lock().update(|call| delivery = call.request.delivery);
        delivery
    }

    /// The answer is a stream.
    pub(super) fn note_stream(&self) {
        self.lock().update(streams);
    }

    /// What a body that is sent bit by bit speaks to.
    pub(super) fn ongoing(&self) -> Weak<Mutex<Ongoing>> {
        Arc::downgrade(&self.ongoing)
    }

    /// The first piece of output is here.
    pub(super) fn note_first_output(&self) {
        let mut ongoing = self.lock();
        let now = ongoing.recorder.clock().moment();
        match &mut ongoing.target {
            Some(Target::Own(guard)) => guard.note_first_output(),
            Some(Target::Span(call)) => call.note_first_output(now),
            None => {}
        }
    }

    /// Ends the call with what is known of its answer.
    pub(super) fn end(self, outcome: Outcome, tell: impl FnOnce(&mut CapturedCall)) {
        self.lock().end(outcome, tell);
    }

    fn lock(&self) -> MutexGuard<'_, Ongoing> {
        self.ongoing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.lock().end(Outcome::Failed, |call| {
            if matches!(call.ending, Ending::Unseen) && !std::thread::panicking() {
                call.ending = Ending::Cancelled(Label::clip("request_dropped"));
            }
        });
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("record_id", &self.record_id())
            .finish_non_exhaustive()
    }
}

impl Ongoing {
    /// Reads a request's body that has been sent to its end.
    pub(super) fn take_request(&mut self, body: &[u8]) {
        let sent = Sent::read(self.reader, body);
        self.update(|call| sent.tell(call));
    }

    fn update(&mut self, work: impl FnOnce(&mut CapturedCall)) {
        match &mut self.target {
            Some(Target::Own(guard)) => work(guard.call()),
            Some(Target::Span(call)) => call.update(work),
            None => {}
        }
    }

    fn end(&mut self, outcome: Outcome, tell: impl FnOnce(&mut CapturedCall)) {
        self.update(tell);
        match self.target.take() {
            // What could not be written is counted, and the answer has been given.
            Some(Target::Own(guard)) => drop(guard.finish()),
            Some(Target::Span(call)) => {
                if outcome == Outcome::Failed {
                    call.set_fed(Fed::Failed);
                }
                call.note_end(self.recorder.clock().moment());
            }
            None => {}
        }
    }
}

impl AuditHttp {
    fn start(&self, endpoint: &Endpoint, sent: &Sent) -> CallStart {
        let mut start = CallStart::new(endpoint.operation).provider(endpoint.provider.as_str());
        if let Some(model) = sent.model() {
            start = start.model(model.as_str());
        }
        if sent.delivery == Delivery::Stream {
            start = start.streamed();
        }
        if let Some(on_failure) = self.on_failure {
            start = start.on_failure(on_failure);
        }
        if let Some(durability) = self.durability {
            start = start.durability(durability);
        }
        start
    }

    /// Sees to it that the start of a span's call is recorded as this hook asks for.
    fn settled(&self, call: Enclosing) -> Result<Enclosing, GuardError> {
        let modes = self.recorder.modes();
        let closed = self.on_failure.unwrap_or(modes.guard) == OnFailure::FailClosed;
        let strict = self.durability.unwrap_or(modes.guard_durability) == Durability::Strict;
        let refused = match call.started() {
            Started::Nowhere if closed => Some(GuardError::NotRecorded {
                reason: "start_not_recorded",
                fault: "the start of the span's call could not be written".into(),
            }),
            Started::At(index) if strict && !self.recorder.wait_durable(index) => {
                Some(GuardError::NotDurable)
            }
            Started::At(_) | Started::NotOwed | Started::Nowhere => None,
        };
        match refused {
            None => Ok(call),
            Some(refused) => {
                // As with a guard: what is recorded and not durable is told by its record.
                if matches!(refused, GuardError::NotRecorded { .. }) {
                    self.recorder.count_refusal();
                }
                call.set_fed(Fed::Failed);
                Err(refused)
            }
        }
    }
}

/// What a request says.
struct Sent {
    facts: Option<RequestFacts>,
    model: Option<Label>,
    delivery: Delivery,
}

impl Sent {
    fn new(endpoint: &Endpoint, body: Option<&[u8]>) -> Self {
        let mut sent = match body {
            Some(body) => Self::read(endpoint.reader, body),
            None => Self {
                facts: None,
                model: None,
                delivery: Delivery::Whole,
            },
        };
        sent.model = sent.model.or_else(|| endpoint.model.clone());
        if endpoint.delivery == Delivery::Stream {
            sent.delivery = Delivery::Stream;
        }
        sent
    }

    fn read(reader: Option<Provider>, body: &[u8]) -> Self {
        let facts = reader.and_then(|reader| provider::read_request(reader, body).ok());
        let (model, delivery) = match &facts {
            Some(facts) => (facts.request.model.clone(), facts.request.delivery),
            None => outline(body),
        };
        Self {
            facts,
            model,
            delivery,
        }
    }

    fn model(&self) -> Option<&Label> {
        self.model.as_ref()
    }

    /// Puts it on the call. What the application said stays: it knows what it means.
    fn tell(self, call: &mut CapturedCall) {
        let known = &mut call.request;
        known.model = known.model.take().or(self.model);
        let Some(facts) = self.facts else {
            if self.delivery == Delivery::Stream {
                streams(call);
            }
            return;
        };
        known.max_tokens = known.max_tokens.or(facts.request.max_tokens);
        known.temperature = known.temperature.or(facts.request.temperature);
        known.top_p = known.top_p.or(facts.request.top_p);
        call.action.get_or_insert_with(|| Label::clip(facts.action));
        call.system_prompt = call.system_prompt.take().or(facts.system_prompt);
        call.input = call.input.take().or(facts.input);
        call.tools = call.tools.take().or(facts.tools);
        if self.delivery == Delivery::Stream {
            streams(call);
        }
    }
}

/// Not every request shows in its body that a stream is asked for.
fn streams(call: &mut CapturedCall) {
    call.request.delivery = Delivery::Stream;
    call.action = call.action.as_ref().map(provider::streamed);
}

/// Model and delivery of a request in a form that nobody reads: most have members of these names.
fn outline(body: &[u8]) -> (Option<Label>, Delivery) {
    #[derive(serde::Deserialize)]
    struct Outline {
        model: Option<String>,
        stream: Option<bool>,
    }
    let Ok(said) = serde_json::from_slice::<Outline>(body) else {
        return (None, Delivery::Whole);
    };
    let delivery = match said.stream {
        Some(true) => Delivery::Stream,
        Some(false) | None => Delivery::Whole,
    };
    (said.model.as_deref().map(Label::clip), delivery)
}
