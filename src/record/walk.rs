//! The walk of a record: every form of a record is made by walking its fields in canonical order.

use super::attribute::{self, Attribute, Role};
use super::borrowed::{BodyRef, CallRef, CostRef, EnvelopeRef, RecordRef};
use super::digest::KEYED_HASH_BYTES;
use super::money::USD_BYTES;
use super::{
    Access, Change, ContentText, Delivery, KeyedHash, Label, Sanitization, System, Usage, hex,
};
use uuid::Uuid;

/// The name of a field during a walk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FieldName<'a> {
    /// Of a class count, which stands in no row of the table; such fields are proven.
    Class(&'a str),
    /// Of a row of the table.
    Row(&'static Attribute),
}

/// The value of a field during a walk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Double(f64),
    Flag,
    Int(u64),
    Text(&'a str),
    Texts(&'a [Label]),
}

/// What a walk gives the fields to. Texts and whole numbers of rows, which nearly all fields are, may be taken by a
/// shorter way, and texts that spell out bytes as these bytes.
pub(crate) trait Sink {
    /// Takes any field.
    fn field(&mut self, name: FieldName<'_>, value: Value<'_>);

    /// Takes the text of a row.
    fn text(&mut self, row: &'static Attribute, text: &str) {
        self.field(FieldName::Row(row), Value::Text(text));
    }

    /// Takes a keyed hash.
    fn hash(&mut self, row: &'static Attribute, hash: &KeyedHash) {
        self.text(row, hash.encode(&mut [0; KEYED_HASH_BYTES]));
    }

    /// Takes an identifier that is written as a UUID.
    fn uuid(&mut self, row: &'static Attribute, id: &[u8; 16]) {
        let mut text = [0; 36];
        self.text(
            row,
            Uuid::from_bytes(*id).hyphenated().encode_lower(&mut text),
        );
    }

    /// Takes an identifier of at most 16 bytes that is written in hexadecimal.
    fn hex(&mut self, row: &'static Attribute, id: &[u8]) {
        let mut digits = [0; 32];
        self.text(row, hex::encode(id, &mut digits[..2 * id.len()]));
    }

    /// Takes the whole number of a row.
    fn int(&mut self, row: &'static Attribute, number: u64) {
        self.field(FieldName::Row(row), Value::Int(number));
    }
}

impl<F: FnMut(FieldName<'_>, Value<'_>)> Sink for F {
    fn field(&mut self, name: FieldName<'_>, value: Value<'_>) {
        self(name, value);
    }
}

impl FieldName<'_> {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Class(name) => name,
            Self::Row(row) => row.name,
        }
    }

    pub(crate) fn role(&self) -> Role {
        match self {
            Self::Class(_) => Role::Proven,
            Self::Row(row) => row.role,
        }
    }
}

impl RecordRef<'_> {
    /// Gives every field that the record has to `sink`, in canonical order; the authentication code is not one of
    /// them, and derived fields are among them.
    #[inline]
    pub(crate) fn walk(&self, sink: &mut impl Sink) {
        let mut walk = Walk { sink };
        match &self.body {
            BodyRef::Access(access) => walk.access(&self.envelope, access),
            BodyRef::Call(call) => walk.call(&self.envelope, call),
            BodyRef::Change(change) => walk.change(&self.envelope, change),
            BodyRef::System(system) => walk.system(&self.envelope, system),
        }
    }
}

struct Walk<'s, S> {
    sink: &'s mut S,
}

impl<S: Sink> Walk<'_, S> {
    fn access(&mut self, envelope: &EnvelopeRef<'_>, access: &Access) {
        self.label(&attribute::CLIENT_ADDRESS, envelope.actor.client_address);
        self.label(&attribute::CONVERSATION_ID, envelope.actor.conversation);
        self.text(&attribute::ACCESS_OPERATION, access.operation.as_str());
        self.text(&attribute::ACCESS_OUTCOME, access.outcome.as_str());
        self.label(&attribute::ACCESS_RESOURCE, access.resource.as_ref());
        self.hash(
            &attribute::CREDENTIAL_HASH,
            envelope.actor.credential_hash.as_ref(),
        );
        self.text(&attribute::KIND, "access");
        self.identity(envelope);
        self.int(&attribute::SCHEMA, Some(attribute::VERSION));
        self.position(envelope);
        self.label(&attribute::TENANT, envelope.actor.tenant);
        self.tail(envelope);
    }

    fn change(&mut self, envelope: &EnvelopeRef<'_>, change: &Change) {
        self.label(&attribute::CLIENT_ADDRESS, envelope.actor.client_address);
        self.label(&attribute::CONVERSATION_ID, envelope.actor.conversation);
        self.text(&attribute::ACTION, change.action.as_str());
        if let Some(json) = &change.before_value {
            self.text(&attribute::CHANGE_BEFORE_VALUE, json.as_str());
        }
        self.hash(
            &attribute::CHANGE_API_KEY,
            change.changed_by_api_key.as_ref(),
        );
        self.text(&attribute::CHANGE_OBJECT_ID, change.object_id.as_str());
        self.text(&attribute::CHANGE_TABLE_NAME, change.table_name.as_str());
        if let Some(json) = &change.updated_values {
            self.text(&attribute::CHANGE_UPDATED_VALUES, json.as_str());
        }
        self.hash(
            &attribute::CREDENTIAL_HASH,
            envelope.actor.credential_hash.as_ref(),
        );
        self.text(&attribute::KIND, "change");
        self.identity(envelope);
        self.int(&attribute::SCHEMA, Some(attribute::VERSION));
        self.position(envelope);
        self.label(&attribute::TENANT, envelope.actor.tenant);
        self.tail(envelope);
    }

    fn system(&mut self, envelope: &EnvelopeRef<'_>, system: &System) {
        self.label(&attribute::CLIENT_ADDRESS, envelope.actor.client_address);
        self.label(&attribute::CONVERSATION_ID, envelope.actor.conversation);
        self.hash(
            &attribute::CREDENTIAL_HASH,
            envelope.actor.credential_hash.as_ref(),
        );
        self.text(&attribute::KIND, "system");
        self.identity(envelope);
        self.int(&attribute::SCHEMA, Some(attribute::VERSION));
        self.position(envelope);
        if let Some(json) = &system.detail {
            self.text(&attribute::SYSTEM_DETAIL, json.as_str());
        }
        self.text(&attribute::SYSTEM_EVENT, system.event.as_str());
        self.label(&attribute::TENANT, envelope.actor.tenant);
        self.tail(envelope);
    }

    fn call(&mut self, envelope: &EnvelopeRef<'_>, call: &CallRef<'_>) {
        self.label(&attribute::CLIENT_ADDRESS, envelope.actor.client_address);
        self.given(&attribute::ERROR_TYPE, call.outcome.error_type);
        self.label(&attribute::CONVERSATION_ID, envelope.actor.conversation);
        self.content(&attribute::INPUT_MESSAGES, call.disclosed.input.as_ref());
        self.text(&attribute::OPERATION_NAME, call.operation.as_str());
        self.content(&attribute::OUTPUT_MESSAGES, call.disclosed.output.as_ref());
        self.label(&attribute::PROVIDER_NAME, call.provider);
        self.request(call);
        self.response(call);
        self.content(
            &attribute::SYSTEM_INSTRUCTIONS,
            call.disclosed.system_prompt.as_ref(),
        );
        self.content(&attribute::TOOL_DEFINITIONS, call.disclosed.tools.as_ref());
        self.usage(call.usage);
        self.text(&attribute::ACTION, call.action.as_str());
        self.cost(&call.cost);
        self.hash(
            &attribute::CREDENTIAL_HASH,
            envelope.actor.credential_hash.as_ref(),
        );
        self.int(&attribute::DURATION_NS, call.duration_ns);
        self.given(&attribute::ERROR_MESSAGE, call.outcome.error_message);
        self.hash(&attribute::INPUT_HASH, call.hashes.input.as_ref());
        self.text(&attribute::KIND, "call");
        self.int(
            &attribute::LATENCY_MS,
            call.duration_ns.map(|nanos| nanos / 1_000_000),
        );
        self.metadata(envelope);
        self.hash(&attribute::OUTPUT_HASH, call.hashes.output.as_ref());
        self.ids(envelope);
        self.sanitization(call.sanitization);
        self.call_end(envelope, call);
    }

    /// What stands behind the sanitization in a call.
    fn call_end(&mut self, envelope: &EnvelopeRef<'_>, call: &CallRef<'_>) {
        self.int(&attribute::SCHEMA, Some(attribute::VERSION));
        self.label(&attribute::SERVICE_TIER, call.response.service_tier);
        self.text(&attribute::STATUS, call.outcome.status.as_str());
        self.given(&attribute::STATUS_REASON, call.outcome.reason);
        self.position(envelope);
        self.hash(
            &attribute::SYSTEM_PROMPT_HASH,
            call.hashes.system_prompt.as_ref(),
        );
        self.label(&attribute::TENANT, envelope.actor.tenant);
        self.int(
            &attribute::TIME_TO_FIRST_CHUNK_NS,
            call.response.time_to_first_chunk_ns,
        );
        self.hash(&attribute::TOOLS_HASH, call.hashes.tools.as_ref());
        self.int(
            &attribute::CACHE_WRITE_1H_INPUT_TOKENS,
            call.usage.cache_write_1h_input_tokens,
        );
        self.text(&attribute::USAGE_SOURCE, call.usage_source.as_str());
        self.label(&attribute::SERVER_ADDRESS, call.server_address);
        self.int(&attribute::SERVER_PORT, call.server_port.map(u64::from));
        self.tail(envelope);
    }

    fn request(&mut self, call: &CallRef<'_>) {
        self.int(&attribute::REQUEST_MAX_TOKENS, call.request.max_tokens);
        self.label(&attribute::REQUEST_MODEL, call.request.model.as_ref());
        if call.request.delivery == Delivery::Stream {
            self.field(&attribute::REQUEST_STREAM, Value::Flag);
        }
        self.double(&attribute::REQUEST_TEMPERATURE, call.request.temperature);
        self.double(&attribute::REQUEST_TOP_P, call.request.top_p);
    }

    fn response(&mut self, call: &CallRef<'_>) {
        let response = &call.response;
        if !response.finish_reasons.is_empty() {
            self.field(
                &attribute::RESPONSE_FINISH_REASONS,
                Value::Texts(response.finish_reasons),
            );
        }
        self.label(&attribute::RESPONSE_ID, response.id);
        self.label(&attribute::RESPONSE_MODEL, response.model);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a view for dashboards; the exact nanoseconds stand beside it"
        )]
        let seconds = response
            .time_to_first_chunk_ns
            .map(|nanos| nanos as f64 / 1e9);
        self.double(&attribute::TIME_TO_FIRST_CHUNK, seconds);
    }

    fn usage(&mut self, usage: &Usage) {
        self.int(&attribute::AUDIO_INPUT_TOKENS, usage.audio_input_tokens);
        self.int(&attribute::AUDIO_OUTPUT_TOKENS, usage.audio_output_tokens);
        self.int(
            &attribute::CACHE_READ_INPUT_TOKENS,
            usage.cache_read_input_tokens,
        );
        self.int(
            &attribute::CACHE_WRITE_INPUT_TOKENS,
            usage.cache_write_input_tokens,
        );
        self.int(&attribute::INPUT_TOKENS, usage.input_tokens);
        self.int(&attribute::OUTPUT_TOKENS, usage.output_tokens);
        self.int(
            &attribute::REASONING_OUTPUT_TOKENS,
            usage.reasoning_output_tokens,
        );
    }

    fn cost(&mut self, cost: &CostRef<'_>) {
        match cost {
            CostRef::Known {
                exact,
                source,
                price_table,
            } => {
                self.text(&attribute::COST_EXACT, exact.encode(&mut [0; USD_BYTES]));
                self.label(&attribute::COST_PRICE_TABLE, *price_table);
                self.text(&attribute::COST_SOURCE, source.as_str());
                self.double(&attribute::COST_USD, Some(exact.to_f64()));
            }
            CostRef::Unknown { reason } => {
                self.text(&attribute::COST_REASON, reason);
                self.text(&attribute::COST_SOURCE, "none");
            }
        }
    }

    /// The classes stand among `count`, `rules` and `status`, wherever their names sort.
    fn sanitization(&mut self, sanitization: &Sanitization) {
        let name = |class: &str| format!("{}{class}", attribute::SANITIZATION_PREFIX);
        let mut classes = sanitization
            .classes
            .iter()
            .map(|(class, count)| (name(class.as_str()), *count))
            .peekable();
        let fixed: [(&'static Attribute, _); 3] = [
            (
                &attribute::SANITIZATION_COUNT,
                sanitization.count.map(Value::Int),
            ),
            (
                &attribute::SANITIZATION_RULES,
                sanitization
                    .rules
                    .as_ref()
                    .map(|rules| Value::Text(rules.as_str())),
            ),
            (
                &attribute::SANITIZATION_STATUS,
                Some(Value::Text(sanitization.status.as_str())),
            ),
        ];
        for (row, value) in fixed {
            while let Some((class, count)) = classes.next_if(|(class, _)| class.as_str() < row.name)
            {
                self.sink.field(FieldName::Class(&class), Value::Int(count));
            }
            if let Some(value) = value {
                self.field(row, value);
            }
        }
        for (class, count) in classes {
            self.sink.field(FieldName::Class(&class), Value::Int(count));
        }
    }

    /// What follows the kind in records that are no calls.
    fn identity(&mut self, envelope: &EnvelopeRef<'_>) {
        self.metadata(envelope);
        self.ids(envelope);
    }

    fn metadata(&mut self, envelope: &EnvelopeRef<'_>) {
        if let Some(json) = envelope.metadata {
            self.text(&attribute::METADATA, json.as_str());
        }
    }

    fn ids(&mut self, envelope: &EnvelopeRef<'_>) {
        if let Some(parent) = envelope.trace.and_then(|trace| trace.parent_span_id) {
            self.sink.hex(&attribute::PARENT_SPAN_ID, parent.as_bytes());
        }
        self.sink
            .uuid(&attribute::RECORD_ID, envelope.record_id.as_bytes());
    }

    fn position(&mut self, envelope: &EnvelopeRef<'_>) {
        if let Some(position) = envelope.position {
            self.sink
                .uuid(&attribute::STREAM_ID, position.stream.as_bytes());
            self.int(&attribute::STREAM_SEQ, Some(position.seq));
        }
    }

    /// What stands behind `server.port` in every record.
    fn tail(&mut self, envelope: &EnvelopeRef<'_>) {
        self.label(&attribute::SERVICE_NAME, envelope.service);
        self.label(&attribute::SESSION_ID, envelope.actor.session);
        if let Some(trace) = &envelope.trace {
            self.sink.hex(&attribute::SPAN_ID, trace.span_id.as_bytes());
        }
        self.int(&attribute::TIME, Some(envelope.time.unix_nanos()));
        if let Some(trace) = &envelope.trace {
            self.sink
                .hex(&attribute::TRACE_ID, trace.trace_id.as_bytes());
        }
        self.hash(&attribute::USER_HASH, envelope.actor.user_hash.as_ref());
        self.label(&attribute::USER_ID, envelope.actor.user_id);
    }

    fn field(&mut self, row: &'static Attribute, value: Value<'_>) {
        self.sink.field(FieldName::Row(row), value);
    }

    fn text(&mut self, row: &'static Attribute, text: &str) {
        self.sink.text(row, text);
    }

    fn given(&mut self, row: &'static Attribute, text: Option<&str>) {
        if let Some(text) = text {
            self.text(row, text);
        }
    }

    fn label(&mut self, row: &'static Attribute, label: Option<&Label>) {
        if let Some(label) = label {
            self.text(row, label.as_str());
        }
    }

    fn content(&mut self, row: &'static Attribute, text: Option<&ContentText>) {
        if let Some(text) = text {
            self.text(row, text.as_str());
        }
    }

    fn hash(&mut self, row: &'static Attribute, hash: Option<&KeyedHash>) {
        if let Some(hash) = hash {
            self.sink.hash(row, hash);
        }
    }

    /// Counts beyond 2^63 - 1 are written as 2^63 - 1, the largest integer that OTLP holds.
    fn int(&mut self, row: &'static Attribute, number: Option<u64>) {
        if let Some(number) = number {
            self.sink.int(row, number.min(i64::MAX.cast_unsigned()));
        }
    }

    fn double(&mut self, row: &'static Attribute, number: Option<f64>) {
        if let Some(number) = number.filter(|number| number.is_finite()) {
            self.field(row, Value::Double(number));
        }
    }
}
