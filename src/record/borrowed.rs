//! A record that borrows: from a record that is held, or, at the gate, from a captured call, so that the log form of a
//! call is written without a record ever being put together.

use super::fields::{AuditRecord, Body, Severity};
use super::{
    Access, AccessOutcome, Actor, Call, Change, ContentHashes, Cost, CostSource, DisclosedContent,
    Envelope, JsonText, KeyedHash, Label, Message, Outcome, RecordId, Request, Response,
    Sanitization, Status, StreamPosition, System, SystemEvent, Timestamp, TraceContext, Usage,
    UsageSource, Usd,
};

/// A record that borrows all that it says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordRef<'a> {
    pub(crate) envelope: EnvelopeRef<'a>,
    pub(crate) body: BodyRef<'a>,
}

/// An [`Envelope`] that borrows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EnvelopeRef<'a> {
    pub(crate) record_id: RecordId,
    pub(crate) time: Timestamp,
    pub(crate) position: Option<StreamPosition>,
    pub(crate) service: Option<&'a Label>,
    pub(crate) actor: ActorRef<'a>,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) metadata: Option<&'a JsonText>,
}

/// An [`Actor`] that borrows, but for the hash of the user, which the gate makes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ActorRef<'a> {
    pub(crate) user_id: Option<&'a Label>,
    pub(crate) user_hash: Option<KeyedHash>,
    pub(crate) session: Option<&'a Label>,
    pub(crate) conversation: Option<&'a Label>,
    pub(crate) tenant: Option<&'a Label>,
    pub(crate) credential_hash: Option<KeyedHash>,
    pub(crate) client_address: Option<&'a Label>,
}

/// A [`Body`] that borrows.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for one walk, on the stack, and is nearly always a call"
)]
pub(crate) enum BodyRef<'a> {
    Access(&'a Access),
    Call(CallRef<'a>),
    Change(&'a Change),
    System(&'a System),
}

/// A [`Call`] that borrows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallRef<'a> {
    pub(crate) operation: &'a Label,
    pub(crate) action: &'a Label,
    pub(crate) provider: Option<&'a Label>,
    pub(crate) server_address: Option<&'a Label>,
    pub(crate) server_port: Option<u16>,
    pub(crate) request: &'a Request,
    pub(crate) response: ResponseRef<'a>,
    pub(crate) outcome: OutcomeRef<'a>,
    pub(crate) duration_ns: Option<u64>,
    pub(crate) hashes: &'a ContentHashes,
    pub(crate) disclosed: &'a DisclosedContent,
    pub(crate) usage: &'a Usage,
    pub(crate) usage_source: UsageSource,
    pub(crate) cost: CostRef<'a>,
    pub(crate) sanitization: &'a Sanitization,
}

/// A [`Response`] that borrows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseRef<'a> {
    pub(crate) id: Option<&'a Label>,
    pub(crate) model: Option<&'a Label>,
    pub(crate) finish_reasons: &'a [Label],
    pub(crate) service_tier: Option<&'a Label>,
    pub(crate) time_to_first_chunk_ns: Option<u64>,
}

/// An outcome that borrows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutcomeRef<'a> {
    pub(crate) status: Status,
    pub(crate) reason: Option<&'a str>,
    pub(crate) error_type: Option<&'a str>,
    pub(crate) error_message: Option<&'a str>,
}

/// A [`Cost`] that borrows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CostRef<'a> {
    Known {
        exact: Usd,
        source: CostSource,
        price_table: Option<&'a Label>,
    },
    Unknown {
        reason: &'a str,
    },
}

impl CostRef<'_> {
    /// Why agents and tools have no cost: those belong to the calls inside.
    pub(crate) const NOT_AN_INFERENCE: &'static str = "not_an_inference";
}

impl RecordRef<'_> {
    /// See [`AuditRecord::severity`].
    pub(crate) fn severity(&self) -> Severity {
        match &self.body {
            BodyRef::Access(access) => match access.outcome {
                AccessOutcome::Allowed => Severity::Info,
                AccessOutcome::Denied => Severity::Warn,
                AccessOutcome::Failed => Severity::Error,
            },
            BodyRef::Call(call) => match call.outcome.status {
                Status::Success => Severity::Info,
                Status::Blocked | Status::Cancelled | Status::Unknown => Severity::Warn,
                Status::Error => Severity::Error,
            },
            BodyRef::System(system) if system.event == SystemEvent::Gap => Severity::Fatal,
            BodyRef::Change(_) | BodyRef::System(_) => Severity::Info,
        }
    }

    /// The kind in one word, as [`Body::kind`].
    pub(crate) fn kind(&self) -> &'static str {
        match &self.body {
            BodyRef::Access(_) => "access",
            BodyRef::Call(_) => "call",
            BodyRef::Change(_) => "change",
            BodyRef::System(_) => "system",
        }
    }
}

impl<'a> From<&'a AuditRecord> for RecordRef<'a> {
    fn from(record: &'a AuditRecord) -> Self {
        Self {
            envelope: EnvelopeRef::from(&record.envelope),
            body: match &record.body {
                Body::Access(access) => BodyRef::Access(access),
                Body::Call(call) => BodyRef::Call(CallRef::from(&**call)),
                Body::Change(change) => BodyRef::Change(change),
                Body::System(system) => BodyRef::System(system),
            },
        }
    }
}

impl<'a> From<&'a Envelope> for EnvelopeRef<'a> {
    fn from(envelope: &'a Envelope) -> Self {
        Self {
            record_id: envelope.record_id,
            time: envelope.time,
            position: envelope.position,
            service: envelope.service.as_ref(),
            actor: ActorRef::from(&envelope.actor),
            trace: envelope.trace,
            metadata: envelope.metadata.as_ref(),
        }
    }
}

impl<'a> From<&'a Actor> for ActorRef<'a> {
    fn from(actor: &'a Actor) -> Self {
        Self {
            user_id: actor.user_id.as_ref(),
            user_hash: actor.user_hash,
            session: actor.session.as_ref(),
            conversation: actor.conversation.as_ref(),
            tenant: actor.tenant.as_ref(),
            credential_hash: actor.credential_hash,
            client_address: actor.client_address.as_ref(),
        }
    }
}

impl<'a> From<&'a Call> for CallRef<'a> {
    fn from(call: &'a Call) -> Self {
        Self {
            operation: &call.operation,
            action: &call.action,
            provider: call.provider.as_ref(),
            server_address: call.server_address.as_ref(),
            server_port: call.server_port,
            request: &call.request,
            response: ResponseRef::from(&call.response),
            outcome: OutcomeRef::from(&call.outcome),
            duration_ns: call.duration_ns,
            hashes: &call.hashes,
            disclosed: &call.disclosed,
            usage: &call.usage,
            usage_source: call.usage_source,
            cost: CostRef::from(&call.cost),
            sanitization: &call.sanitization,
        }
    }
}

impl<'a> From<&'a Outcome> for OutcomeRef<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        Self {
            status: outcome.status,
            reason: outcome.reason.as_ref().map(Label::as_str),
            error_type: outcome.error_type.as_ref().map(Label::as_str),
            error_message: outcome.error_message.as_ref().map(Message::as_str),
        }
    }
}

impl<'a> From<&'a Response> for ResponseRef<'a> {
    fn from(response: &'a Response) -> Self {
        Self {
            id: response.id.as_ref(),
            model: response.model.as_ref(),
            finish_reasons: &response.finish_reasons,
            service_tier: response.service_tier.as_ref(),
            time_to_first_chunk_ns: response.time_to_first_chunk_ns,
        }
    }
}

impl<'a> From<&'a Cost> for CostRef<'a> {
    fn from(cost: &'a Cost) -> Self {
        match cost {
            Cost::Known {
                exact,
                source,
                price_table,
            } => Self::Known {
                exact: *exact,
                source: *source,
                price_table: price_table.as_ref(),
            },
            Cost::Unknown { reason } => Self::Unknown {
                reason: reason.as_str(),
            },
        }
    }
}
