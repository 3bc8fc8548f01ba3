//! The gate: the only place where a captured call becomes a record, and raw text ends.
//!
//! Pure: keys, prices and a [policy](crate::policy) come in, records go out. Unless a rule says otherwise, content leaves as
//! keyed hashes only; an error's text leaves with secrets and all that it repeats of the captured content masked; before
//! and after values of changes leave with secrets masked; the user's identifier stands in the log form and its keyed hash
//! beside it.

mod disclosed;
mod messages;
mod names;
mod spans;
mod texts;
mod values;
mod withheld;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use self::names::{Names, PlainModels};
use self::texts::Texts;
use crate::policy::{ContentForm, Facts, Forms, IdentityForm, Policy};
use crate::pricing::{Located, Place, PriceContext, PriceTable, PricedOperation, Processing};
use crate::record::keyring::{ContentHasher, Keyring};
use crate::record::{
    Actor, ActorRef, AuditRecord, Body, BodyRef, CallRef, CapturedCall, Change, Content,
    ContentHashes, ContentText, CostRef, CostSource, Counted, Envelope, EnvelopeRef, HashField,
    HashForm, Identified, JsonText, KeyedHash, Label, OutcomeRef, RawText, RecordRef, ResponseRef,
    Usage, UsageSource,
};
use crate::sanitize;
use crate::semconv::{self, SpanShows, StartRef};

/// The rules that records are made by.
#[derive(Debug)]
pub struct Gate {
    keys: Arc<Keyring>,
    prices: PriceTable,
    price_table: Label,
    policy: Policy,
    content_bytes: usize,
    without_tenant: Arc<ContentHasher>,
    tenants: RwLock<HashMap<Label, Arc<ContentHasher>>>,
    located: RwLock<HashMap<Label, HashMap<Label, Option<Located>>>>,
    models: PlainModels,
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
            policy: Policy::builtin(),
            content_bytes: ContentText::MAX_BYTES,
            tenants: RwLock::default(),
            located: RwLock::default(),
            models: PlainModels::default(),
        }
    }

    /// The same with this policy. One content that it lets leave takes up to `content_bytes`, and never more than
    /// [`ContentText::MAX_BYTES`].
    #[must_use]
    pub fn with_policy(self, policy: Policy, content_bytes: usize) -> Self {
        let content_bytes = content_bytes.min(ContentText::MAX_BYTES);
        Self {
            policy,
            content_bytes,
            ..self
        }
    }

    /// What may leave.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// What is known of a call that begins. The user stands in it as a keyed hash, or not at all where any rule could
    /// choose that.
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
            model: self.models.at_start(&call.request),
            tenant: call.actor.tenant.as_ref(),
            user_hash: user
                .filter(|_| self.policy.narrowest().user > IdentityForm::Omit)
                .map(|(_, hash)| *hash),
        }
    }

    /// What the span of a call shows of which only the start is recorded: the least that any rule could choose.
    pub(crate) fn start_shows(&self) -> SpanShows {
        spans::at_start(self.policy.narrowest().span_user)
    }

    /// Gives the record of a call to `take`, and what its span shows of it. The record borrows from the call, whose raw
    /// text is to be wiped when this returns.
    pub(crate) fn refine<R>(
        &self,
        call: &CapturedCall,
        take: impl FnOnce(&RecordRef<'_>, SpanShows) -> R,
    ) -> R {
        let made = self.identified_anew(call);
        let identified = made.as_ref().or(call.identified.get());
        let identified = identified.expect("a call that is not identified was identified anew");
        let forms = self.policy.decide(&facts(call)).forms;
        let hashes = content_hashes(&identified.hasher, call, forms);
        let disclosed = disclosed::of_call(call, forms, self.content_bytes);
        let inference = semconv::dialect::is_inference(call.operation.as_str());
        let usage = if inference {
            call.response.usage
        } else {
            Usage::default()
        };
        let texts = Texts {
            call,
            forms,
            hasher: &identified.hasher,
        };
        let metadata = call.metadata.as_ref();
        let metadata = values::of_call(&identified.hasher, forms.metadata, metadata);
        let (action, outcome, finish_reasons) = (action(call), texts.outcome(), texts.reasons());
        let names = Names::of(&self.models, &call.request, &call.response);
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
            disclosed: &disclosed,
            usage: &usage,
            usage_source: usage_source(&usage, call.response.counted),
            cost: self.cost(call),
            sanitization: &call.sanitization,
        };
        let record = RecordRef {
            envelope: EnvelopeRef {
                metadata: metadata.as_ref(),
                ..envelope(call, identified, forms)
            },
            body: BodyRef::Call(body),
        };
        take(&record, spans::shown(&forms.span))
    }

    /// The record of a change, its values masked. A value that is too long even so is replaced by a note that says how
    /// long it was.
    #[must_use]
    pub fn refine_change(&self, mut envelope: Envelope, change: CapturedChange) -> AuditRecord {
        let forms = self.settle(&mut envelope);
        let hasher = self.hasher(envelope.actor.tenant.as_ref());
        let value =
            |value: Value| values::settled(&hasher, forms.change_values, HashField::Value, value);
        let key_hash =
            |key: RawText| hasher.hash(HashField::Credential, HashForm::Raw1, key.as_bytes());
        let body = Change {
            action: change.action,
            table_name: change.table_name,
            object_id: without_secrets(&change.object_id),
            before_value: change.before_value.and_then(value),
            updated_values: change.updated_values.and_then(value),
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
        self.settle(&mut envelope);
        AuditRecord { envelope, body }
    }

    /// Gives user and metadata of a record that is no call's the forms in which they leave.
    fn settle(&self, envelope: &mut Envelope) -> &Forms {
        let actor = &mut envelope.actor;
        let forms = self
            .policy
            .decide(&facts_of(envelope.service.as_ref(), actor))
            .forms;
        let hasher = self.hasher(actor.tenant.as_ref());
        if let Some(user) = &actor.user_id {
            let hash = || hash_of(&hasher, HashField::User, user.as_str().as_bytes());
            actor.user_hash = (forms.user > IdentityForm::Omit).then(hash);
        }
        actor.user_id.take_if(|_| forms.user < IdentityForm::Plain);
        let settled =
            |text: JsonText| values::metadata_settled(&hasher, forms.metadata, text.to_value());
        envelope.metadata = envelope.metadata.take().and_then(settled);
        forms
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

    fn cost(&self, call: &CapturedCall) -> CostRef<'_> {
        if !semconv::dialect::is_inference(call.operation.as_str()) {
            return CostRef::Unknown {
                reason: CostRef::NOT_AN_INFERENCE,
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

/// What a policy asks of a call.
fn facts(call: &CapturedCall) -> Facts<'_> {
    let model = call.request.model.as_ref().or(call.response.model.as_ref());
    Facts {
        operation: Some(call.operation.as_str()),
        provider: call.provider.as_ref().map(Label::as_str),
        model: model.map(Label::as_str),
        ..facts_of(call.service.as_ref(), &call.actor)
    }
}

/// What a policy asks of any record.
fn facts_of<'a>(service: Option<&'a Label>, actor: &'a Actor) -> Facts<'a> {
    Facts {
        service: service.map(Label::as_str),
        tenant: actor.tenant.as_ref().map(Label::as_str),
        user: actor.user_id.as_ref().map(Label::as_str),
        ..Facts::default()
    }
}

/// Who, when and where of a call.
fn envelope<'a>(call: &'a CapturedCall, identified: &Identified, forms: &Forms) -> EnvelopeRef<'a> {
    let credential =
        |text: &RawText| hash_of(&identified.hasher, HashField::Credential, text.as_bytes());
    let actor = ActorRef {
        user_id: call
            .actor
            .user_id
            .as_ref()
            .filter(|_| forms.user == IdentityForm::Plain),
        user_hash: identified
            .user
            .as_ref()
            .filter(|_| forms.user > IdentityForm::Omit)
            .map(|(_, hash)| *hash),
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

fn content_hashes(hasher: &ContentHasher, call: &CapturedCall, forms: &Forms) -> ContentHashes {
    let hash = |form, field, content: &Option<Content>| {
        let content = content.as_ref().filter(|_| form > ContentForm::Omit);
        content.map(|content| hash(hasher, field, content))
    };
    ContentHashes {
        system_prompt: hash(
            forms.system_prompt,
            HashField::SystemPrompt,
            &call.system_prompt,
        ),
        input: hash(forms.input, HashField::Input, &call.input),
        output: hash(forms.output, HashField::Output, &call.response.output),
        tools: hash(forms.tools, HashField::Tools, &call.tools),
    }
}

/// A text of an administration, secrets masked.
fn without_secrets(text: &Label) -> Label {
    Label::clip(&sanitize::mask_secrets_in_text(text.as_str()))
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
    mod policies;

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
        let of_record = gate.refine(call, |record, _| record.envelope.actor.user_hash);
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

    /// What the record of a call says that it cost, who says so, and whether it names a table.
    fn cost(gate: &Gate, call: &CapturedCall) -> (String, &'static str, bool) {
        gate.refine(call, |record, _| match &record.body {
            BodyRef::Call(CallRef {
                cost:
                    CostRef::Known {
                        exact,
                        source,
                        price_table,
                    },
                ..
            }) => (exact.to_string(), source.as_str(), price_table.is_some()),
            BodyRef::Call(CallRef {
                cost: CostRef::Unknown { reason },
                ..
            }) => ((*reason).to_owned(), "none", false),
            _ => panic!("the record of a call is about a call"),
        })
    }

    #[test]
    fn a_call_costs_what_the_provider_states_or_what_the_table_says_of_its_place() {
        let time = Timestamp::from_unix_nanos(0);
        let keys = Arc::new(Keyring::generate(time, [[1; 32], [9; 32]]));
        let own = r#"{"version":"1","source":"contract","models":[{"provider":"vertex_ai","model":"claude",
            "standard":{"input":"1","output":"2","image_input":"10"},"uplifts":{"regional_endpoint":"1.5"}}]}"#;
        let own = PriceTable::from_json(own).unwrap();
        let gate = Gate::new(keys, PriceTable::builtin().with_overrides(own));
        let id = RecordId::from_parts(0, [0; 10]);
        let mut call = CapturedCall::new(id, time, Label::clip("chat"));
        assert_eq!(
            cost(&gate, &call),
            ("unknown_model".to_owned(), "none", false)
        );
        call.provider = Some(Label::clip("gcp.vertex_ai"));
        call.request.model = Some(Label::clip("claude"));
        assert_eq!(cost(&gate, &call), ("no_usage".to_owned(), "none", false));
        call.response.usage.input_tokens = Some(1_000_000);
        call.response.usage.output_tokens = Some(0);
        assert_eq!(cost(&gate, &call), ("1".to_owned(), "local", true));
        call.server_address = Some(Label::clip("europe-west1-aiplatform.googleapis.com"));
        assert_eq!(cost(&gate, &call), ("1.5".to_owned(), "local", true));
        call.response.extras.image_input_tokens = Some(100_000);
        assert_eq!(cost(&gate, &call), ("2.85".to_owned(), "local", true));
        call.response.extras.stated_cost = "0.25".parse().ok();
        assert_eq!(cost(&gate, &call), ("0.25".to_owned(), "provider", false));
        // An agent's own span has no cost, whatever it says: that of the calls inside is theirs.
        call.operation = Label::clip("invoke_agent");
        assert_eq!(
            cost(&gate, &call),
            ("not_an_inference".to_owned(), "none", false)
        );
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
