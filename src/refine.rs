//! The gate: the only place where a captured call becomes a record, and raw text ends.
//!
//! Pure: keys, prices and rules come in, records go out. Content leaves as keyed hashes only; an error's text leaves
//! with secrets and all that it repeats of the captured content masked; before and after values of changes leave with
//! secrets masked; the user's identifier stands in the log form and its keyed hash beside it.

mod names;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use self::names::Names;
use crate::pricing::{Located, Place, PriceContext, PriceTable, PricedOperation, Processing};
use crate::record::keyring::{ContentHasher, Keyring};
use crate::record::{
    Actor, ActorRef, AuditRecord, Body, BodyRef, CallRef, CapturedCall, Change, Content,
    ContentHashes, CostRef, CostSource, Counted, Ending, Envelope, EnvelopeRef, Failure, HashField,
    HashForm, Identified, JsonText, KeyedHash, Label, Message, Outcome, OutcomeRef, RawText,
    RecordRef, ResponseRef, Sanitization, Status, TextError, Usage, UsageSource,
};
use crate::sanitize;
use crate::semconv::{self, StartRef};

/// The rules that records are made by.
#[derive(Debug)]
pub struct Gate {
    keys: Arc<Keyring>,
    prices: PriceTable,
    price_table: Label,
    without_tenant: Arc<ContentHasher>,
    tenants: RwLock<HashMap<Label, Arc<ContentHasher>>>,
    located: RwLock<HashMap<Label, HashMap<Label, Option<Located>>>>,
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
            without_tenant: Arc::new(keys.hasher(None)),
            keys,
            prices,
            price_table,
            tenants: RwLock::default(),
            located: RwLock::default(),
        }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// What is known of a call that begins. The user stands in it as a keyed hash only, which is the narrowest form that
    /// any rule could choose.
    pub(crate) fn start<'a>(&self, call: &'a CapturedCall) -> StartRef<'a> {
        let identified = call.identified.get_or_init(|| self.identified(call));
        let made = self.identified_anew(call);
        let user = made.as_ref().unwrap_or(identified).user.as_ref();
        StartRef {
            record_id: call.record_id,
            time: call.time,
            trace: call.trace,
            operation: &call.operation,
            action: action(call),
            provider: call.provider.as_ref(),
            model: names::at_start(&call.request),
            tenant: call.actor.tenant.as_ref(),
            user_hash: user.map(|(_, hash)| *hash),
        }
    }

    /// Gives the record of a call to `take`. It borrows from the call, whose raw text is to be wiped when this returns.
    pub(crate) fn refine<R>(
        &self,
        call: &CapturedCall,
        take: impl FnOnce(&RecordRef<'_>) -> R,
    ) -> R {
        let made = self.identified_anew(call);
        let identified = made.as_ref().or(call.identified.get());
        let identified = identified.expect("a call that is not identified was identified anew");
        let hashes = content_hashes(&identified.hasher, call);
        let inference = semconv::dialect::is_inference(call.operation.as_str());
        let usage = if inference {
            call.response.usage
        } else {
            Usage::default()
        };
        let (action, outcome, finish_reasons) = (action(call), Self::outcome(call), reasons(call));
        let names = Names::of(&call.request, &call.response);
        let body = CallRef {
            operation: &call.operation,
            action: &action,
            provider: call.provider.as_ref(),
            server_address: call.server_address.as_ref(),
            server_port: call.server_port,
            request: &names.request,
            response: ResponseRef {
                id: names.id.as_deref(),
                model: names.model.as_deref(),
                finish_reasons: &finish_reasons,
                service_tier: names.service_tier.as_deref(),
                time_to_first_chunk_ns: call.time_to_first_chunk_ns,
            },
            outcome: OutcomeRef::from(&outcome),
            duration_ns: call.duration_ns,
            hashes: &hashes,
            usage: &usage,
            usage_source: usage_source(&usage, call.response.counted),
            cost: self.cost(call),
            sanitization: &Sanitization::skipped(),
        };
        take(&RecordRef {
            envelope: envelope(call, identified),
            body: BodyRef::Call(body),
        })
    }

    /// The record of a change, its values masked. A value that is too long even so is replaced by a note that says how
    /// long it was.
    #[must_use]
    pub fn refine_change(&self, mut envelope: Envelope, change: CapturedChange) -> AuditRecord {
        self.identify(&mut envelope.actor);
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
        self.identify(&mut envelope.actor);
        AuditRecord { envelope, body }
    }

    fn identify(&self, actor: &mut Actor) {
        if let Some(user) = &actor.user_id {
            let hasher = self.hasher(actor.tenant.as_ref());
            actor.user_hash = Some(hash_of(&hasher, HashField::User, user.as_str().as_bytes()));
        }
    }

    /// What is worked out of a call once. What it was told before may have been told otherwise since.
    fn identified(&self, call: &CapturedCall) -> Identified {
        let actor = &call.actor;
        let hasher = self.hasher(actor.tenant.as_ref());
        // People call more than once: where the call before, in this place, was of the same user and key, so is the hash.
        let known = |user: &Label| {
            let before = call.before.as_ref()?;
            let (name, hash) = before.user.as_ref()?;
            (name == user && Arc::ptr_eq(&before.hasher, &hasher)).then_some(*hash)
        };
        let hash = |user: &Label| hash_of(&hasher, HashField::User, user.as_str().as_bytes());
        let user = actor
            .user_id
            .as_ref()
            .map(|user| (user.clone(), known(user).unwrap_or_else(|| hash(user))));
        Identified {
            tenant: actor.tenant.clone(),
            hasher,
            user,
        }
    }

    /// As [`identified`](Self::identified), where what the call has from its start does not hold any more.
    fn identified_anew(&self, call: &CapturedCall) -> Option<Identified> {
        let holds = call.identified.get().is_some_and(|known| {
            let user = known.user.as_ref().map(|(user, _)| user);
            known.tenant == call.actor.tenant && user == call.actor.user_id.as_ref()
        });
        (!holds).then(|| self.identified(call))
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

    fn cost(&self, call: &CapturedCall) -> CostRef<'_> {
        if !semconv::dialect::is_inference(call.operation.as_str()) {
            return CostRef::Unknown {
                reason: "not_an_inference",
            };
        }
        let operation = match call.operation.as_str() {
            "embeddings" => PricedOperation::Embeddings,
            "rerank" => PricedOperation::Ranking,
            _ => PricedOperation::Generation,
        };
        let response = &call.response;
        let host = call.server_address.as_ref().map_or("", Label::as_str);
        let place = Place::of_host(host);
        let context = PriceContext {
            service_tier: response.service_tier.as_ref().map(Label::as_str),
            processing: Processing::Immediate,
            operation,
            time: Some(call.time),
            extras: Some(&response.extras),
            vertex_location: place.vertex_location,
            data_residency: place.data_residency,
        };
        let model = response.model.as_ref().or(call.request.model.as_ref());
        let named = call.provider.as_ref().zip(model);
        let located = named.and_then(|(provider, model)| self.located(provider, model));
        match self.prices.total(located, &response.usage, &context) {
            Ok((exact, source)) => CostRef::Known {
                exact,
                source,
                price_table: match source {
                    CostSource::Local => Some(&self.price_table),
                    CostSource::Provider => None,
                },
            },
            Err(reason) => CostRef::Unknown {
                reason: reason.as_str(),
            },
        }
    }

    /// Where the prices of a model stand, which is looked for once a model.
    fn located(&self, provider: &Label, model: &Label) -> Option<Located> {
        let known = self.located.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(located) = known.get(provider).and_then(|models| models.get(model)) {
            return *located;
        }
        drop(known);
        let located = self.prices.locate(provider.as_str(), model.as_str());
        let mut known = self.located.write().unwrap_or_else(PoisonError::into_inner);
        if known.values().map(HashMap::len).sum::<usize>() >= MAX_KEPT_MODELS {
            known.clear();
        }
        known
            .entry(provider.clone())
            .or_default()
            .insert(model.clone(), located);
        located
    }

    /// The hasher of a tenant. Deriving one takes longer than hashing a prompt, so they are kept.
    fn hasher(&self, tenant: Option<&Label>) -> Arc<ContentHasher> {
        let Some(tenant) = tenant else {
            return Arc::clone(&self.without_tenant);
        };
        let known = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(hasher) = known.get(tenant) {
            return Arc::clone(hasher);
        }
        drop(known);
        let hasher = Arc::new(self.keys.hasher(Some(tenant.as_str())));
        let mut known = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KEPT_HASHERS {
            known.clear();
        }
        known.insert(tenant.clone(), Arc::clone(&hasher));
        hasher
    }
}

/// Who, when and where of a call.
fn envelope<'a>(call: &'a CapturedCall, identified: &Identified) -> EnvelopeRef<'a> {
    let credential =
        |text: &RawText| hash_of(&identified.hasher, HashField::Credential, text.as_bytes());
    let actor = ActorRef {
        user_hash: identified.user.as_ref().map(|(_, hash)| *hash),
        credential_hash: call.credential.as_ref().map(credential),
        ..ActorRef::from(&call.actor)
    };
    EnvelopeRef {
        record_id: call.record_id,
        time: call.time,
        position: None,
        service: call.service.as_ref(),
        actor,
        trace: call.trace,
        metadata: None,
    }
}

fn content_hashes(hasher: &ContentHasher, call: &CapturedCall) -> ContentHashes {
    let hash = |field, content: &Option<Content>| {
        content.as_ref().map(|content| hash(hasher, field, content))
    };
    ContentHashes {
        system_prompt: hash(HashField::SystemPrompt, &call.system_prompt),
        input: hash(HashField::Input, &call.input),
        output: hash(HashField::Output, &call.response.output),
        tools: hash(HashField::Tools, &call.tools),
    }
}

/// Why the model stopped, masked.
fn reasons(call: &CapturedCall) -> Cow<'_, [Label]> {
    let reasons = &call.response.finish_reasons;
    if reasons.iter().all(is_harmless) {
        return Cow::Borrowed(reasons);
    }
    reasons.iter().map(|reason| plain(call, reason)).collect()
}

/// A word of low cardinality that an application or a provider chose. Words of small letters are as they are; anything
/// else is masked as an error's text is, since it may repeat content or hold a secret.
fn plain(call: &CapturedCall, word: &Label) -> Label {
    if is_harmless(word) {
        return word.clone();
    }
    Label::clip(&masked_message(call, &RawText::from(word.as_str())))
}

fn is_harmless(word: &Label) -> bool {
    let harmless = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.');
    word.as_str().len() <= 40 && word.as_str().bytes().all(harmless)
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

fn hash_of(hasher: &ContentHasher, field: HashField, bytes: &[u8]) -> KeyedHash {
    hasher.hash(field, HashForm::Raw1, bytes)
}

/// Counts of a stream that broke off before its final ones are an estimate: the least that was consumed.
fn usage_source(usage: &Usage, counted: Counted) -> UsageSource {
    match counted {
        _ if usage.is_empty() => UsageSource::None,
        Counted::Final => UsageSource::Provider,
        Counted::Partial => UsageSource::Estimated,
    }
}

fn action(call: &CapturedCall) -> Label {
    let provider = call.provider.as_ref().map(Label::as_str);
    let known =
        || crate::provider::action(provider, call.operation.as_str(), call.request.delivery);
    call.action.clone().unwrap_or_else(known)
}

/// Tenants whose hashers are kept at a time.
const MAX_KEPT_HASHERS: usize = 4096;
/// Models whose prices are remembered at a time. Answers name them, so there may be any number.
const MAX_KEPT_MODELS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{RecordId, Timestamp};

    /// The hash of a user in the next call that is captured in this place.
    fn hash_in_the_next(
        call: &mut CapturedCall,
        gate: &Gate,
        tenant: &str,
        user: &str,
    ) -> KeyedHash {
        call.wipe(drop);
        call.actor.tenant = Some(Label::clip(tenant));
        call.actor.user_id = Some(Label::clip(user));
        let hash = gate.start(call).user_hash.unwrap();
        let of_record = gate.refine(call, |record| record.envelope.actor.user_hash);
        assert_eq!(of_record, Some(hash));
        hash
    }

    #[test]
    fn the_hash_of_a_user_is_that_of_its_tenant_and_keys_whatever_stood_in_its_place_before() {
        let gate = |secret: u8| {
            let time = Timestamp::from_unix_nanos(0);
            let keys = Keyring::generate(time, [[secret; 32], [9; 32]]);
            Gate::new(Arc::new(keys), PriceTable::builtin())
        };
        let (ours, other) = (gate(1), gate(2));
        let time = Timestamp::from_unix_nanos(0);
        let mut call =
            CapturedCall::new(RecordId::from_parts(0, [0; 10]), time, Label::clip("chat"));
        for (gate, tenant, user) in [
            (&ours, "acme", "anna"),
            (&ours, "acme", "anna"),
            (&other, "acme", "anna"),
            (&ours, "acme", "anna"),
            (&ours, "beta", "anna"),
            (&ours, "acme", "ben"),
        ] {
            let hash = hash_in_the_next(&mut call, gate, tenant, user);
            let hasher = gate.keys.hasher(Some(tenant));
            let anew = hasher.hash(HashField::User, HashForm::Raw1, user.as_bytes());
            assert_eq!(hash, anew, "{tenant} {user}");
        }
    }

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
