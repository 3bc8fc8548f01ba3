//! The gate: the only place where a captured call becomes a record, and raw text ends.
//!
//! Pure: keys, prices and rules come in, records go out. Content leaves as keyed hashes only; an error's text leaves
//! with secrets and all that it repeats of the captured content masked; before and after values of changes leave with
//! secrets masked; the user's identifier stands in the log form and its keyed hash beside it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::pricing::{PriceContext, PriceTable, Priced, PricedOperation, Processing};
use crate::record::keyring::{ContentHasher, Keyring};
use crate::record::{
    Actor, AuditRecord, Body, Call, CapturedCall, Change, Content, ContentHashes, Cost, CostSource,
    Ending, Envelope, Failure, HashField, HashForm, JsonText, KeyedHash, Label, Message, Outcome,
    RawText, Response, Sanitization, Status, TextError, Usage, UsageSource,
};
use crate::sanitize;
use crate::semconv;

/// The rules that records are made by.
#[derive(Debug)]
pub struct Gate {
    keys: Arc<Keyring>,
    prices: PriceTable,
    price_table: Label,
    hashers: Mutex<HashMap<Option<Label>, Arc<ContentHasher>>>,
}

/// Before and after values of a change, as the application gave them.
pub struct CapturedChange {
    /// What was done.
    pub action: Label,
    /// The kind of object.
    pub table_name: Label,
    /// Which object.
    pub object_id: Label,
    /// Its state before.
    pub before_value: Option<Value>,
    /// What was set.
    pub updated_values: Option<Value>,
    /// The API key in use.
    pub api_key: Option<RawText>,
}

impl fmt::Debug for CapturedChange {
    /// Shows no value: secrets are masked only when the record is made.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("CapturedChange");
        shown
            .field("action", &self.action)
            .field("table_name", &self.table_name);
        shown.finish_non_exhaustive()
    }
}

impl Gate {
    /// A gate with these keys and prices.
    #[must_use]
    pub fn new(keys: Arc<Keyring>, prices: PriceTable) -> Self {
        let price_table = prices.digest().clone();
        Self {
            keys,
            prices,
            price_table,
            hashers: Mutex::default(),
        }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// The keys, for whoever outlives the gate.
    #[must_use]
    pub fn shared_keys(&self) -> Arc<Keyring> {
        Arc::clone(&self.keys)
    }

    /// What the record of a call is if its end is never seen. The user stands in it as a keyed hash only, which is the
    /// narrowest form that any rule could choose.
    #[must_use]
    pub fn start(&self, call: &CapturedCall) -> AuditRecord {
        let mut envelope = self.envelope(call);
        envelope.actor.user_id = None;
        let outcome = Outcome::because(Status::Unknown, "end_not_recorded");
        let body = Call {
            operation: call.operation.clone(),
            action: action(call),
            provider: call.provider.clone(),
            server_address: call.server_address.clone(),
            server_port: call.server_port,
            request: call.request.clone(),
            response: Response::default(),
            outcome,
            duration_ns: None,
            hashes: ContentHashes::default(),
            usage: Usage::default(),
            usage_source: UsageSource::None,
            cost: Cost::Unknown {
                reason: Label::clip("no_usage"),
            },
            sanitization: Sanitization::skipped(),
        };
        AuditRecord {
            envelope,
            body: Body::Call(Box::new(body)),
        }
    }

    /// The record of a call. The raw text is wiped when this returns.
    #[must_use]
    pub fn refine(&self, call: Box<CapturedCall>) -> AuditRecord {
        let envelope = self.envelope(&call);
        let hasher = self.hasher(call.actor.tenant.as_ref());
        let hash = |field, content: &Option<Content>| {
            content
                .as_ref()
                .map(|content| hash(&hasher, field, content))
        };
        let hashes = ContentHashes {
            system_prompt: hash(HashField::SystemPrompt, &call.system_prompt),
            input: hash(HashField::Input, &call.input),
            output: hash(HashField::Output, &call.response.output),
            tools: hash(HashField::Tools, &call.tools),
        };
        let inference = semconv::dialect::is_inference(call.operation.as_str());
        let usage = if inference {
            call.response.usage
        } else {
            Usage::default()
        };
        let finish_reasons = call
            .response
            .finish_reasons
            .iter()
            .map(|reason| plain(&call, reason))
            .collect();
        let body = Call {
            action: action(&call),
            outcome: Self::outcome(&call),
            cost: self.cost(&call),
            usage,
            usage_source: if usage.is_empty() {
                UsageSource::None
            } else {
                UsageSource::Provider
            },
            operation: call.operation,
            provider: call.provider,
            server_address: call.server_address,
            server_port: call.server_port,
            request: call.request,
            response: Response {
                id: call.response.id,
                model: call.response.model,
                finish_reasons,
                service_tier: call.response.service_tier,
                time_to_first_chunk_ns: call.time_to_first_chunk_ns,
            },
            duration_ns: call.duration_ns,
            hashes,
            sanitization: Sanitization::skipped(),
        };
        AuditRecord {
            envelope,
            body: Body::Call(Box::new(body)),
        }
    }

    /// The record of a change, its values masked. A value that is too long even so is replaced by a note that says how
    /// long it was.
    #[must_use]
    pub fn refine_change(&self, mut envelope: Envelope, change: CapturedChange) -> AuditRecord {
        self.identify(&mut envelope.actor, None);
        let hasher = self.hasher(envelope.actor.tenant.as_ref());
        let key_hash =
            |key: RawText| hasher.hash(HashField::Credential, HashForm::Raw1, key.as_bytes());
        let body = Change {
            action: change.action,
            table_name: change.table_name,
            object_id: without_secrets(&change.object_id),
            before_value: change.before_value.map(masked),
            updated_values: change.updated_values.map(masked),
            changed_by_api_key: change.api_key.map(key_hash),
        };
        AuditRecord {
            envelope,
            body: Body::Change(body),
        }
    }

    /// A record about an access or the trail itself, its actor identified.
    #[must_use]
    pub fn refine_other(&self, mut envelope: Envelope, mut body: Body) -> AuditRecord {
        if let Body::Access(access) = &mut body {
            access.resource = access.resource.as_ref().map(without_secrets);
        }
        self.identify(&mut envelope.actor, None);
        AuditRecord { envelope, body }
    }

    fn envelope(&self, call: &CapturedCall) -> Envelope {
        let mut envelope = Envelope::new(call.record_id, call.time);
        envelope.service = call.service.clone();
        envelope.actor = call.actor.clone();
        envelope.trace = call.trace;
        self.identify(&mut envelope.actor, call.credential.as_ref());
        envelope
    }

    fn identify(&self, actor: &mut Actor, credential: Option<&RawText>) {
        if actor.user_id.is_none() && credential.is_none() {
            return;
        }
        let hasher = self.hasher(actor.tenant.as_ref());
        let hash = |field, bytes: &[u8]| hasher.hash(field, HashForm::Raw1, bytes);
        actor.user_hash = actor
            .user_id
            .as_ref()
            .map(|user| hash(HashField::User, user.as_str().as_bytes()));
        actor.credential_hash =
            credential.map(|credential| hash(HashField::Credential, credential.as_bytes()));
    }

    fn outcome(call: &CapturedCall) -> Outcome {
        match &call.ending {
            Ending::Answered => Outcome {
                status: Status::Success,
                reason: None,
                error_type: None,
                error_message: None,
            },
            Ending::Blocked(reason) => Outcome {
                reason: Some(plain(call, reason)),
                ..Outcome::because(Status::Blocked, "")
            },
            Ending::Cancelled(reason) => Outcome {
                reason: Some(plain(call, reason)),
                ..Outcome::because(Status::Cancelled, "")
            },
            Ending::Failed(failure) => Self::failed(call, failure),
            Ending::Unreadable => Outcome::because(Status::Unknown, "answer_not_understood"),
            Ending::Unseen => Outcome::because(Status::Unknown, "neither_answer_nor_error"),
        }
    }

    fn failed(call: &CapturedCall, failure: &Failure) -> Outcome {
        let message = failure
            .message
            .as_ref()
            .map(|message| Message::clip(&masked_message(call, message)));
        Outcome {
            status: Status::Error,
            reason: None,
            error_type: Some(plain(call, &failure.error_type)),
            error_message: message,
        }
    }

    fn cost(&self, call: &CapturedCall) -> Cost {
        if !semconv::dialect::is_inference(call.operation.as_str()) {
            return Cost::Unknown {
                reason: Label::clip("not_an_inference"),
            };
        }
        let model = call.response.model.as_ref().or(call.request.model.as_ref());
        let (Some(provider), Some(model)) = (&call.provider, model) else {
            return Cost::Unknown {
                reason: Label::clip("unknown_model"),
            };
        };
        let tier = call.response.service_tier.as_ref().map(Label::as_str);
        let operation = match call.operation.as_str() {
            "embeddings" => PricedOperation::Embeddings,
            _ => PricedOperation::Generation,
        };
        let context = PriceContext {
            service_tier: tier,
            processing: Processing::Immediate,
            operation,
            time: Some(call.time),
        };
        match self.prices.price(
            provider.as_str(),
            model.as_str(),
            &call.response.usage,
            &context,
        ) {
            Priced::Known { exact, .. } => Cost::Known {
                exact,
                source: CostSource::Local,
                price_table: Some(self.price_table.clone()),
            },
            Priced::Unknown { reason } => Cost::Unknown {
                reason: Label::clip(reason.as_str()),
            },
        }
    }

    /// The hasher of a tenant. Deriving one takes longer than hashing a prompt, so they are kept.
    fn hasher(&self, tenant: Option<&Label>) -> Arc<ContentHasher> {
        let mut hashers = self.hashers.lock().unwrap_or_else(PoisonError::into_inner);
        if hashers.len() > MAX_KEPT_HASHERS {
            hashers.clear();
        }
        let derive = || Arc::new(self.keys.hasher(tenant.map(Label::as_str)));
        Arc::clone(hashers.entry(tenant.cloned()).or_insert_with(derive))
    }
}

/// A word of low cardinality that an application or a provider chose. Words of small letters are as they are; anything
/// else is masked as an error's text is, since it may repeat content or hold a secret.
fn plain(call: &CapturedCall, word: &Label) -> Label {
    let harmless = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.');
    if word.as_str().len() <= 40 && word.as_str().bytes().all(harmless) {
        return word.clone();
    }
    Label::clip(&masked_message(call, &RawText::from(word.as_str())))
}

/// A text of an administration, secrets masked.
fn without_secrets(text: &Label) -> Label {
    Label::clip(&sanitize::mask_secrets_in_text(text.as_str()))
}

fn masked_message(call: &CapturedCall, message: &RawText) -> String {
    let contents = [
        &call.system_prompt,
        &call.input,
        &call.response.output,
        &call.tools,
    ];
    let captured: Vec<&[u8]> = contents
        .into_iter()
        .flatten()
        .map(|content| content.raw().as_bytes())
        .chain(call.credential.as_ref().map(RawText::as_bytes))
        .collect();
    let text = message.to_text();
    sanitize::mask_repeated_content(&text, &captured)
}

fn masked(value: Value) -> JsonText {
    let masked = sanitize::mask_secrets(value).value;
    JsonText::from_value(&masked).unwrap_or_else(|error| {
        let bytes = match error {
            TextError::TooLong { length, .. } => length,
            TextError::NotJson { .. } => 0,
        };
        let note = serde_json::json!({ "llm_audit.omitted": "too_long", "bytes": bytes });
        JsonText::from_value(&note).expect("the note is short")
    })
}

fn hash(hasher: &ContentHasher, field: HashField, content: &Content) -> KeyedHash {
    let form = match content {
        Content::Json(_) => HashForm::Jcs1,
        Content::Bytes(_) => HashForm::Raw1,
    };
    hasher.hash(field, form, content.raw().as_bytes())
}

fn action(call: &CapturedCall) -> Label {
    let provider = call.provider.as_ref().map(Label::as_str);
    let known =
        || crate::provider::action(provider, call.operation.as_str(), call.request.delivery);
    call.action.clone().unwrap_or_else(known)
}

/// Tenants whose hashers are kept at a time.
const MAX_KEPT_HASHERS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_captured_change_shows_none_of_its_values() {
        let change = CapturedChange {
            action: Label::clip("updated"),
            table_name: Label::clip("users"),
            object_id: Label::clip("hunter2"),
            before_value: Some("hunter2".into()),
            updated_values: Some("hunter2".into()),
            api_key: Some(RawText::from("hunter2")),
        };
        let shown = format!("{change:?}");
        assert!(
            shown.contains("users") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
