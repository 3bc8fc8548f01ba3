//! What an application tells about the call of a span, without any of it becoming a field.

use std::fmt;

use serde::Serialize;
use tracing::Span;

use super::AuditLayer;
use super::calls::OpenCall;
use crate::emit::spare;
use crate::provider::{self, Provider};
use crate::record::{
    CapturedCall, Content, Delivery, Ending, Failure, Label, RawText, RecordId, Sanitization,
};

/// Why something could not be put on a call's record. The call itself goes on as it would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The span is no call that is being audited: it is disabled by a filter, it has no field `gen_ai.operation.name`, or
    /// no audit layer is installed.
    #[error(
        "the span is not audited: give it a field gen_ai.operation.name, and check filters and layers with Auditor::verify_installed"
    )]
    NotAudited,
    /// The value has no JSON form.
    #[error("the value for {field} has no JSON form")]
    NotJson {
        /// What it was given for.
        field: &'static str,
    },
    /// The provider's answer could not be read. Unless more is told, the record says `unknown`, `answer_not_understood`.
    #[error("the provider's answer could not be read: {0}")]
    Response(#[from] provider::ProviderError),
}

/// Puts on a call's record what the application knows: content (which leaves as a keyed hash), the answer, the outcome.
///
/// Talks to the [`AuditLayer`] directly, so that content never becomes a field of the span and no other layer sees it.
/// All methods return an error on a span that is not audited, and change nothing then.
///
/// ```
/// # use llm_audit::{AuditError, AuditSpanExt, RecordId};
/// #[tracing::instrument(skip_all, fields(gen_ai.operation.name = "chat", gen_ai.request.model = model))]
/// fn ask(model: &str, prompt: &str) -> Result<RecordId, AuditError> {
///     let call = tracing::Span::current();
///     call.audit_user("anna")?.audit_input(&[prompt])?;
///     call.audit_record_id()
/// }
/// assert_eq!(ask("gpt-4o", "hello"), Err(AuditError::NotAudited), "no layer is installed here");
/// ```
pub trait AuditSpanExt {
    /// The user on whose behalf the call is made.
    ///
    /// # Errors
    /// [`AuditError::NotAudited`].
    fn audit_user(&self, user: &str) -> Result<&Self, AuditError>;

    /// The tenant, which has hash keys of its own.
    ///
    /// # Errors
    /// [`AuditError::NotAudited`].
    fn audit_tenant(&self, tenant: &str) -> Result<&Self, AuditError>;

    /// The credential in use; the record holds its keyed hash.
    ///
    /// # Errors
    /// [`AuditError::NotAudited`].
    fn audit_credential(&self, credential: &str) -> Result<&Self, AuditError>;

    /// The messages that are sent: anything that serialises to JSON.
    ///
    /// # Errors
    /// [`AuditError::NotAudited`], [`AuditError::NotJson`].
    fn audit_input<T: Serialize + ?Sized>(&self, messages: &T) -> Result<&Self, AuditError>;

    /// The system prompt.
    ///
    /// # Errors
    /// [`AuditError::NotAudited`], [`AuditError::NotJson`].
    fn audit_system_prompt<T: Serialize + ?Sized>(&self, prompt: &T) -> Result<&Self, AuditError>;

    /// The tool definitions that are sent.
    ///
    /// # Errors
    /// [`AuditError::NotAudited`], [`AuditError::NotJson`].
    fn audit_tools<T: Serialize + ?Sized>(&self, tools: &T) -> Result<&Self, AuditError>;

    /// What else the record is to say of the call, as an object: `&json!({"team": "search", "experiment": 7})`. It takes the
    /// place of what was said before. It is no content: it leaves with secrets and personal data in texts masked unless
    /// a policy says otherwise, and a note in its place where it is longer than 16 KiB or deeper than 127 levels. What is no
    /// object becomes the `value` of one.
    ///
    /// # Errors
    /// [`AuditError::NotAudited`], [`AuditError::NotJson`].
    fn audit_metadata<T: Serialize + ?Sized>(&self, metadata: &T) -> Result<&Self, AuditError>;

    /// The request as the provider's API takes it: model, parameters, messages, system prompt and tools in one.
    ///
    /// # Errors
    /// [`AuditError::NotAudited`], [`AuditError::NotJson`], [`AuditError::Response`] where it is no request of the
    /// provider.
    fn audit_request<T: Serialize + ?Sized>(
        &self,
        provider: Provider,
        request: &T,
    ) -> Result<&Self, AuditError>;

    /// What a [`Sanitizer`](crate::sanitize::Sanitizer) found in a text of the call, and replaced before it was sent. Of
    /// several texts, counts add up; [`Sanitization::failed`] says that sanitizing failed.
    ///
    /// # Errors
    /// [`AuditError::NotAudited`].
    fn audit_sanitization(
        &self,
        done: &(impl AsRef<Sanitization> + ?Sized),
    ) -> Result<&Self, AuditError>;

    /// The answer as the provider's API gave it: identifier, model, finish reasons, tokens, and the messages received.
    ///
    /// An error object makes the call `error`, a refusal or filter `blocked`, anything else `success`.
    ///
    /// # Errors
    /// [`AuditError::NotAudited`], [`AuditError::NotJson`], [`AuditError::Response`].
    fn audit_response<T: Serialize + ?Sized>(
        &self,
        provider: Provider,
        response: &T,
    ) -> Result<&Self, AuditError>;

    /// The messages that were received, where no provider's answer is at hand. The call is `success`.
    ///
    /// # Errors
    /// [`AuditError::NotAudited`], [`AuditError::NotJson`].
    fn audit_output<T: Serialize + ?Sized>(&self, messages: &T) -> Result<&Self, AuditError>;

    /// The call failed: `error_type` of low cardinality, and the error's text, which leaves with secrets and captured
    /// content masked.
    ///
    /// # Errors
    /// [`AuditError::NotAudited`].
    fn audit_error(
        &self,
        error_type: &str,
        message: &dyn fmt::Display,
    ) -> Result<&Self, AuditError>;

    /// The call was stopped before it was made, or its answer was withheld: by which rule.
    ///
    /// # Errors
    /// [`AuditError::NotAudited`].
    fn audit_blocked(&self, reason: &str) -> Result<&Self, AuditError>;

    /// Notes an error if the result is one, and hands the result on unchanged, audited or not.
    ///
    /// # Errors
    /// The result's own.
    fn audit_result<T, E: fmt::Display>(&self, result: Result<T, E>) -> Result<T, E>;

    /// The identity of the call's record, for the answer to carry.
    ///
    /// # Errors
    /// [`AuditError::NotAudited`].
    fn audit_record_id(&self) -> Result<RecordId, AuditError>;
}

impl AuditSpanExt for Span {
    fn audit_user(&self, user: &str) -> Result<&Self, AuditError> {
        let user = Label::clip(user);
        self.update(|call| call.actor.user_id = Some(user))
    }

    fn audit_tenant(&self, tenant: &str) -> Result<&Self, AuditError> {
        let tenant = Label::clip(tenant);
        self.update(|call| call.actor.tenant = Some(tenant))
    }

    fn audit_credential(&self, credential: &str) -> Result<&Self, AuditError> {
        let credential = RawText::from(credential);
        self.update(|call| call.credential = Some(credential))
    }

    fn audit_input<T: Serialize + ?Sized>(&self, messages: &T) -> Result<&Self, AuditError> {
        self.update_with("the input", messages, |call, content| {
            call.input = Some(content);
        })
    }

    fn audit_system_prompt<T: Serialize + ?Sized>(&self, prompt: &T) -> Result<&Self, AuditError> {
        self.update_with("the system prompt", prompt, |call, content| {
            call.system_prompt = Some(content);
        })
    }

    fn audit_tools<T: Serialize + ?Sized>(&self, tools: &T) -> Result<&Self, AuditError> {
        self.update_with("the tools", tools, |call, content| {
            call.tools = Some(content);
        })
    }

    fn audit_metadata<T: Serialize + ?Sized>(&self, metadata: &T) -> Result<&Self, AuditError> {
        let metadata = json("the metadata", metadata)?;
        self.update(|call| call.metadata = Some(Content::Json(metadata)))
    }

    fn audit_request<T: Serialize + ?Sized>(
        &self,
        provider: Provider,
        request: &T,
    ) -> Result<&Self, AuditError> {
        let json = json("the request", request)?;
        let facts = provider::read_request(provider, json.as_bytes())?;
        self.update(|call| take_request(call, provider, facts))
    }

    fn audit_sanitization(
        &self,
        done: &(impl AsRef<Sanitization> + ?Sized),
    ) -> Result<&Self, AuditError> {
        self.update(|call| call.sanitization.add(done.as_ref()))
    }

    fn audit_response<T: Serialize + ?Sized>(
        &self,
        provider: Provider,
        response: &T,
    ) -> Result<&Self, AuditError> {
        let json = json("the response", response)?;
        match provider::read_response(provider, json.as_bytes()) {
            Ok(facts) => self.update(|call| take_response(call, provider, facts)),
            Err(error) => {
                self.update(|call| call.ending = Ending::Unreadable)?;
                Err(error.into())
            }
        }
    }

    fn audit_output<T: Serialize + ?Sized>(&self, messages: &T) -> Result<&Self, AuditError> {
        self.update_with("the output", messages, |call, content| {
            call.response.output = Some(content);
            call.ending = Ending::Answered;
        })
    }

    fn audit_error(
        &self,
        error_type: &str,
        message: &dyn fmt::Display,
    ) -> Result<&Self, AuditError> {
        let failure = failure_of(error_type, message);
        self.update(|call| call.ending = Ending::Failed(failure))
    }

    fn audit_blocked(&self, reason: &str) -> Result<&Self, AuditError> {
        let reason = Label::clip(reason);
        self.update(|call| call.ending = Ending::Blocked(reason))
    }

    fn audit_result<T, E: fmt::Display>(&self, result: Result<T, E>) -> Result<T, E> {
        if let Err(error) = &result {
            // The caller asked to have its result handed on whatever becomes of the audit.
            let _ = self.audit_error(ERROR_TYPE_UNKNOWN, error);
        }
        result
    }

    fn audit_record_id(&self) -> Result<RecordId, AuditError> {
        self.with_call(|open| open.call.record_id)
    }
}

/// Reaching the call of a span.
pub(crate) trait SpanCall {
    fn update(&self, work: impl FnOnce(&mut CapturedCall)) -> Result<&Self, AuditError>;
    fn note_end(&self);
    fn note_first_output(&self);
}

impl SpanCall for Span {
    /// Works on the captured call.
    fn update(&self, work: impl FnOnce(&mut CapturedCall)) -> Result<&Self, AuditError> {
        self.with_call(|open| work(&mut open.call)).map(|()| self)
    }

    /// The call ends now, whatever is entered later.
    fn note_end(&self) {
        self.with_subscriber(|(id, dispatch)| {
            if let Some(layer) = dispatch.downcast_ref::<AuditLayer>() {
                let now = layer.recorder.clock().moment();
                layer
                    .calls
                    .with(id.into_u64(), |open| open.last_exit = Some(now));
            }
        });
    }

    /// The first piece of output is here.
    fn note_first_output(&self) {
        self.with_subscriber(|(id, dispatch)| {
            if let Some(layer) = dispatch.downcast_ref::<AuditLayer>() {
                let now = layer.recorder.clock().moment();
                let note = |open: &mut OpenCall| open.note_first_output(now);
                layer.calls.with(id.into_u64(), note);
            }
        });
    }
}

trait WithCall {
    fn with_call<R>(&self, work: impl FnOnce(&mut OpenCall) -> R) -> Result<R, AuditError>;
    fn update_with<T: Serialize + ?Sized>(
        &self,
        field: &'static str,
        value: &T,
        put: impl FnOnce(&mut CapturedCall, Content),
    ) -> Result<&Self, AuditError>;
}

impl WithCall for Span {
    fn with_call<R>(&self, work: impl FnOnce(&mut OpenCall) -> R) -> Result<R, AuditError> {
        let found = self.with_subscriber(|(id, dispatch)| {
            let layer = dispatch.downcast_ref::<AuditLayer>()?;
            layer.calls.with(id.into_u64(), work)
        });
        found.flatten().ok_or(AuditError::NotAudited)
    }

    /// Puts content on the captured call. Where no call is going on, it is not even written out.
    fn update_with<T: Serialize + ?Sized>(
        &self,
        field: &'static str,
        value: &T,
        put: impl FnOnce(&mut CapturedCall, Content),
    ) -> Result<&Self, AuditError> {
        let found = self.with_subscriber(|(id, dispatch)| {
            let layer = dispatch
                .downcast_ref::<AuditLayer>()
                .filter(|layer| !layer.calls.is_empty())
                .ok_or(AuditError::NotAudited)?;
            let content = content(field, value)?;
            layer
                .calls
                .with(id.into_u64(), |open| put(&mut open.call, content))
                .ok_or(AuditError::NotAudited)
        });
        found.unwrap_or(Err(AuditError::NotAudited)).map(|()| self)
    }
}

/// Puts what a request says on the call.
pub(crate) fn take_request(
    call: &mut CapturedCall,
    provider: Provider,
    facts: provider::RequestFacts,
) {
    call.provider
        .get_or_insert_with(|| Label::clip(provider.as_str()));
    call.action = Some(Label::clip(facts.action));
    // Not every body has the model, or shows that a stream is asked for: what is known otherwise stays.
    let known = std::mem::replace(&mut call.request, facts.request);
    call.request.model = call.request.model.take().or(known.model);
    if known.delivery == Delivery::Stream {
        call.request.delivery = Delivery::Stream;
        call.action = call.action.as_ref().map(provider::streamed);
    }
    call.system_prompt = facts.system_prompt.or(call.system_prompt.take());
    call.input = facts.input.or(call.input.take());
    call.tools = facts.tools.or(call.tools.take());
}

/// Puts what an answer says on the call.
pub(crate) fn take_response(
    call: &mut CapturedCall,
    provider: Provider,
    facts: crate::record::ResponseFacts,
) {
    call.provider
        .get_or_insert_with(|| Label::clip(provider.as_str()));
    call.take_response(facts);
}

/// An error, as it is captured.
pub(crate) fn failure_of(error_type: &str, message: &dyn fmt::Display) -> Failure {
    let message = RawText::new(message.to_string().into_bytes());
    Failure {
        error_type: Label::clip(error_type),
        message: Some(message),
    }
}

pub(crate) fn content<T: Serialize + ?Sized>(
    field: &'static str,
    value: &T,
) -> Result<Content, AuditError> {
    Content::canonical_in(spare::take_text(), value).ok_or(AuditError::NotJson { field })
}

pub(crate) fn json<T: Serialize + ?Sized>(
    field: &'static str,
    value: &T,
) -> Result<RawText, AuditError> {
    let mut text = RawText::new(Vec::new());
    match serde_json::to_writer(&mut text, value) {
        Ok(()) => Ok(text),
        Err(_) => Err(AuditError::NotJson { field }),
    }
}

/// `error.type` of an error whose class nobody named.
pub(crate) const ERROR_TYPE_UNKNOWN: &str = "_OTHER";
