//! The envelope: what every record says whatever it is about.

use super::{JsonText, KeyedHash, Label, RecordId, SpanId, StreamId, Timestamp, TraceId};

/// Who, when, where in which stream and trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// The record's identity.
    pub record_id: RecordId,
    /// When it began.
    pub time: Timestamp,
    /// Its place in the emitter's stream; absent only before the record is final.
    pub position: Option<StreamPosition>,
    /// The application that it comes from (`service.name`).
    pub service: Option<Label>,
    /// Who acted.
    pub actor: Actor,
    /// Its place in a trace.
    pub trace: Option<TraceContext>,
    /// What the application added: a JSON object.
    pub metadata: Option<JsonText>,
}

impl Envelope {
    /// An envelope that names nobody yet.
    #[must_use]
    pub fn new(record_id: RecordId, time: Timestamp) -> Self {
        Self {
            record_id,
            time,
            position: None,
            service: None,
            actor: Actor::default(),
            trace: None,
            metadata: None,
        }
    }
}

/// A place in an emitter's stream. Numbers are gapless from 0, so that a missing record shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamPosition {
    /// The emitter's stream: one for each start of its process.
    pub stream: StreamId,
    /// The record's number in it.
    pub seq: u64,
}

/// Who acted, as far as the application said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actor {
    /// The user's identifier, or a keyed pseudonym where a rule says so.
    pub user_id: Option<Label>,
    /// The keyed hash of the user's identifier.
    pub user_hash: Option<KeyedHash>,
    /// The session of the client application.
    pub session: Option<Label>,
    /// The conversation (chat thread).
    pub conversation: Option<Label>,
    /// The tenant, which has hash keys of its own.
    pub tenant: Option<Label>,
    /// The keyed hash of the credential in use.
    pub credential_hash: Option<KeyedHash>,
    /// The address that the request came from.
    pub client_address: Option<Label>,
}

/// A place in an OpenTelemetry trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span of this record.
    pub span_id: SpanId,
    /// The span around it, if there is one.
    pub parent_span_id: Option<SpanId>,
}
