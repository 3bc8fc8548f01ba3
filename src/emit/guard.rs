//! The guard: auditing a call without `tracing`, with a say in what happens when the record cannot be written.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::failure::{Durability, OnFailure};
use super::layer::{
    AuditError, content, failure_of, json, place_guard, take_request, take_response,
};
use super::recorder::{RecordFault, Recorder};
use super::spool::{SpanView, StartToken};
use crate::clock::Moment;
use crate::provider::{self, Provider};
use crate::record::{
    Actor, CapturedCall, Content, Delivery, Ending, Label, RawText, RecordId, Sanitization,
    TraceContext,
};

/// Why a call was not started, or its end not written. Nothing was sent anywhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The spool takes no more: it is full, its disk is, or the auditor is shut down.
    #[error("the audit record cannot be written ({reason}): {fault}")]
    NotRecorded {
        /// The class of the fault in one word, as gap records have it.
        reason: &'static str,
        /// What happened.
        fault: String,
    },
    /// The record is written, but an fsync failed, so that it may not survive a power loss.
    #[error("the audit record is written but not on disk: an fsync failed")]
    NotDurable,
}

/// What is known of a call before it is made.
///
/// ```
/// use llm_audit::CallStart;
/// let call = CallStart::new("chat").provider("anthropic").model("claude-sonnet-4-5").user("anna");
/// ```
pub struct CallStart {
    operation: Label,
    provider: Option<Label>,
    model: Option<Label>,
    user: Option<Label>,
    tenant: Option<Label>,
    conversation: Option<Label>,
    credential: Option<RawText>,
    delivery: Delivery,
    on_failure: Option<OnFailure>,
    durability: Option<Durability>,
    around: Option<TraceContext>,
}

impl CallStart {
    /// A call of this kind: `chat`, `embeddings`, … (`gen_ai.operation.name`).
    #[must_use]
    pub fn new(operation: &str) -> Self {
        Self {
            operation: Label::clip(operation),
            provider: None,
            model: None,
            user: None,
            tenant: None,
            conversation: None,
            credential: None,
            delivery: Delivery::Whole,
            on_failure: None,
            durability: None,
            around: None,
        }
    }

    /// Whose model (`gen_ai.provider.name`).
    #[must_use]
    pub fn provider(mut self, provider: &str) -> Self {
        self.provider = Some(Label::clip(provider));
        self
    }

    /// The model asked for.
    #[must_use]
    pub fn model(mut self, model: &str) -> Self {
        self.model = Some(Label::clip(model));
        self
    }

    /// The user on whose behalf the call is made.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        self.user = Some(Label::clip(user));
        self
    }

    /// The tenant, which has hash keys of its own.
    #[must_use]
    pub fn tenant(mut self, tenant: &str) -> Self {
        self.tenant = Some(Label::clip(tenant));
        self
    }

    /// The conversation (chat thread).
    #[must_use]
    pub fn conversation(mut self, conversation: &str) -> Self {
        self.conversation = Some(Label::clip(conversation));
        self
    }

    /// The credential in use; the record holds its keyed hash.
    #[must_use]
    pub fn credential(mut self, credential: &str) -> Self {
        self.credential = Some(RawText::from(credential));
        self
    }

    /// The answer is asked for as a stream.
    #[must_use]
    pub fn streamed(mut self) -> Self {
        self.delivery = Delivery::Stream;
        self
    }

    /// What becomes of the call when its record cannot be written;
    /// [`guard_on_failure`](crate::AuditorBuilder::guard_on_failure) unless said.
    #[must_use]
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = Some(on_failure);
        self
    }

    /// When its record counts as written; [`guard_durability`](crate::AuditorBuilder::guard_durability) unless said. What
    /// the auditor asks of all records is the least that a call gets.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// What is known of the call's place and its actor from where it is made.
    pub(super) fn inside(mut self, around: Option<TraceContext>, actor: &Actor) -> Self {
        self.around = around;
        let fill = |mine: &mut Option<Label>, theirs: &Option<Label>| {
            *mine = mine.take().or_else(|| theirs.clone());
        };
        fill(&mut self.user, &actor.user_id);
        fill(&mut self.tenant, &actor.tenant);
        fill(&mut self.conversation, &actor.conversation);
        self
    }

    fn begin(self, recorder: &Recorder) -> Box<CapturedCall> {
        let mut call = recorder.new_call(self.operation);
        call.provider = self.provider;
        call.request.model = self.model;
        call.request.delivery = self.delivery;
        call.actor.user_id = self.user;
        call.actor.tenant = self.tenant;
        call.actor.conversation = self.conversation;
        call.credential = self.credential;
        call
    }
}

impl fmt::Debug for CallStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallStart")
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

/// A call that is going on. Dropping it ends it as `cancelled`, with what is known.
#[must_use = "dropping the guard ends the call as cancelled"]
pub struct CallGuard {
    recorder: Arc<Recorder>,
    open: Option<Open>,
    on_failure: OnFailure,
    durability: Durability,
    recording: Recording,
}

/// Whether a call is recorded, which is settled when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recording {
    Off,
    On,
}

struct Open {
    call: Box<CapturedCall>,
    view: SpanView,
    start: Option<StartToken>,
    begun: Moment,
}

impl CallGuard {
    pub(crate) fn start(recorder: Arc<Recorder>, start: CallStart) -> Result<Self, GuardError> {
        let modes = recorder.modes();
        let on_failure = start.on_failure.unwrap_or(modes.guard);
        let durability = start.durability.unwrap_or(modes.guard_durability);
        let around = start.around;
        let mut call = start.begin(&recorder);
        let (trace, view) = place_guard(recorder.clock(), around);
        recorder.pipelines().remember_call(trace.trace_id);
        call.trace = Some(trace);
        let view = recorder.view(view);
        let begun = recorder.clock().moment();
        let mut recording = if recorder.is_enabled() {
            Recording::On
        } else {
            Recording::Off
        };
        let mut token = None;
        if recording == Recording::On {
            match (recorder.admit(), on_failure) {
                (Ok(()), _) => {}
                (Err(fault), OnFailure::FailClosed) => return Err(refused(&recorder, &fault)),
                (Err(fault), _) => {
                    recorder.count_loss(&fault);
                    recording = Recording::Off;
                }
            }
        }
        if recording == Recording::On {
            match recorder.try_as(on_failure, || recorder.begin(&call, view)) {
                Ok(begun) => token = Some(begun),
                Err(fault) if on_failure == OnFailure::FailClosed => {
                    recorder.dismiss();
                    return Err(refused(&recorder, &fault));
                }
                // Where the start cannot be recorded, the end still may.
                Err(_) => {}
            }
        }
        let guard = Self {
            open: Some(Open {
                call,
                view,
                start: token,
                begun,
            }),
            recorder,
            on_failure,
            durability,
            recording,
        };
        guard.settle_start()
    }

    /// Sees to it that the start is as durable as was asked for.
    fn settle_start(mut self) -> Result<Self, GuardError> {
        let Some(index) = self.open().start.as_ref().map(StartToken::index) else {
            return Ok(self);
        };
        self.recorder.hurry(self.durability);
        if self.durability == Durability::Strict && !self.recorder.wait_durable(index) {
            self.call().ending = Ending::Cancelled(Label::clip("start_not_durable"));
            // The start's fault is the one that counts.
            let _ = self.end();
            return Err(GuardError::NotDurable);
        }
        Ok(self)
    }

    /// The identity of the call's record, for the answer to carry.
    #[must_use]
    pub fn record_id(&self) -> RecordId {
        self.open().call.record_id
    }

    /// The messages that are sent: anything that serialises to JSON.
    ///
    /// # Errors
    /// [`AuditError::NotJson`].
    pub fn input<T: Serialize + ?Sized>(&mut self, messages: &T) -> Result<&mut Self, AuditError> {
        self.call().input = Some(content("the input", messages)?);
        Ok(self)
    }

    /// The system prompt.
    ///
    /// # Errors
    /// [`AuditError::NotJson`].
    pub fn system_prompt<T: Serialize + ?Sized>(
        &mut self,
        prompt: &T,
    ) -> Result<&mut Self, AuditError> {
        self.call().system_prompt = Some(content("the system prompt", prompt)?);
        Ok(self)
    }

    /// The tool definitions that are sent.
    ///
    /// # Errors
    /// [`AuditError::NotJson`].
    pub fn tools<T: Serialize + ?Sized>(&mut self, tools: &T) -> Result<&mut Self, AuditError> {
        self.call().tools = Some(content("the tools", tools)?);
        Ok(self)
    }

    /// What else the record is to say of the call; see
    /// [`AuditSpanExt::audit_metadata`](crate::AuditSpanExt::audit_metadata).
    ///
    /// # Errors
    /// [`AuditError::NotJson`].
    pub fn metadata<T: Serialize + ?Sized>(
        &mut self,
        metadata: &T,
    ) -> Result<&mut Self, AuditError> {
        self.call().metadata = Some(Content::Json(json("the metadata", metadata)?));
        Ok(self)
    }

    /// The request as the provider's API takes it.
    ///
    /// # Errors
    /// [`AuditError::NotJson`], [`AuditError::Response`] where it is no request of the provider.
    pub fn request<T: Serialize + ?Sized>(
        &mut self,
        provider: Provider,
        request: &T,
    ) -> Result<&mut Self, AuditError> {
        let facts = provider::read_request(provider, json("the request", request)?.as_bytes())?;
        take_request(self.call(), provider, facts);
        Ok(self)
    }

    /// What was found in a text of the call, and replaced before it was sent; see
    /// [`AuditSpanExt::audit_sanitization`](crate::AuditSpanExt::audit_sanitization).
    pub fn sanitization(&mut self, done: &(impl AsRef<Sanitization> + ?Sized)) -> &mut Self {
        self.call().sanitization.add(done.as_ref());
        self
    }

    /// The answer as the provider's API gave it; see
    /// [`AuditSpanExt::audit_response`](crate::AuditSpanExt::audit_response).
    ///
    /// # Errors
    /// [`AuditError::NotJson`], [`AuditError::Response`].
    pub fn response<T: Serialize + ?Sized>(
        &mut self,
        provider: Provider,
        response: &T,
    ) -> Result<&mut Self, AuditError> {
        self.call().ending = Ending::Unreadable;
        let facts = provider::read_response(provider, json("the response", response)?.as_bytes())?;
        take_response(self.call(), provider, facts);
        Ok(self)
    }

    /// Ends the call: `success`, or what the answer said it was.
    ///
    /// # Errors
    /// [`GuardError::NotRecorded`] where the record could not be written (it is counted and told by a gap record
    /// then) with [`OnFailure::FailClosed`], [`GuardError::NotDurable`] with [`Durability::Strict`].
    pub fn finish(mut self) -> Result<RecordId, GuardError> {
        if matches!(self.call().ending, Ending::Unseen) {
            self.call().ending = Ending::Answered;
        }
        self.end()
    }

    /// Ends the call as failed: `error_type` of low cardinality, and the error's text, which leaves with secrets and
    /// captured content masked.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn fail(
        mut self,
        error_type: &str,
        message: &dyn fmt::Display,
    ) -> Result<RecordId, GuardError> {
        self.call().ending = Ending::Failed(failure_of(error_type, message));
        self.end()
    }

    /// Ends the call as stopped by a filter or rule.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn block(mut self, reason: &str) -> Result<RecordId, GuardError> {
        self.call().ending = Ending::Blocked(Label::clip(reason));
        self.end()
    }

    fn end(&mut self) -> Result<RecordId, GuardError> {
        let Some(mut open) = self.open.take() else {
            return Err(GuardError::NotRecorded {
                reason: "ended",
                fault: "the call has ended".into(),
            });
        };
        let id = open.call.record_id;
        if self.recording == Recording::Off {
            return Ok(id);
        }
        self.recorder.dismiss();
        open.call.duration_ns = Some(self.recorder.clock().moment().nanos_since(open.begun));
        let ended = self
            .recorder
            .end_as(self.on_failure, open.call, open.view, open.start);
        match (ended, self.on_failure) {
            (Ok(written), _) => {
                self.recorder.hurry(self.durability);
                if self.durability == Durability::Strict && !self.recorder.wait_durable(written) {
                    return Err(GuardError::NotDurable);
                }
                Ok(id)
            }
            (Err(fault), OnFailure::FailClosed) => Err(lost(&self.recorder, &fault)),
            (Err(fault), OnFailure::DropAndCount | OnFailure::WaitForRoom(_)) => {
                self.recorder.count_loss(&fault);
                Ok(id)
            }
        }
    }

    fn open(&self) -> &Open {
        self.open
            .as_ref()
            .expect("a guard holds its call until it is ended, which takes the guard")
    }

    /// The first piece of a streamed answer is here.
    pub(super) fn note_first_output(&mut self) {
        let waited = self
            .recorder
            .clock()
            .moment()
            .nanos_since(self.open().begun);
        let known = &mut self.call().time_to_first_chunk_ns;
        *known = known.or(Some(waited));
    }

    /// The captured call.
    pub(super) fn call(&mut self) -> &mut CapturedCall {
        &mut self
            .open
            .as_mut()
            .expect("a guard holds its call until it is ended, which takes the guard")
            .call
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        if let Some(open) = &mut self.open {
            // In a panic nobody decided to give the call up: what became of it is not known.
            if matches!(open.call.ending, Ending::Unseen) && !std::thread::panicking() {
                open.call.ending = Ending::Cancelled(Label::clip("guard_dropped"));
            }
            // Nobody is there to take the error; what could not be written is counted.
            let _ = self.end();
        }
    }
}

impl fmt::Debug for CallGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallGuard")
            .field(
                "record_id",
                &self.open.as_ref().map(|open| open.call.record_id),
            )
            .finish_non_exhaustive()
    }
}

/// Counts a record that could not be written, and says so to whoever asked for it.
pub(super) fn lost(recorder: &Recorder, fault: &RecordFault) -> GuardError {
    recorder.count_loss(fault);
    not_recorded(fault)
}

/// Counts a call that is not made, so that nothing is lost, and says so to whoever wanted to make it.
fn refused(recorder: &Recorder, fault: &RecordFault) -> GuardError {
    recorder.count_refusal();
    not_recorded(fault)
}

fn not_recorded(fault: &RecordFault) -> GuardError {
    GuardError::NotRecorded {
        reason: fault.reason(),
        fault: fault.to_string(),
    }
}
