//! Which records a command takes.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::record::{AuditRecord, Body, Call, KeyedHash, Status, Timestamp};

/// What a record must be to be taken. A model or a status asks for calls.
pub(super) struct Wanted<'a> {
    pub(super) kind: Option<&'static str>,
    pub(super) user: Option<&'a str>,
    pub(super) model: Option<&'a str>,
    pub(super) status: Option<Status>,
    pub(super) since: Timestamp,
    pub(super) until: Option<Timestamp>,
}

impl Wanted<'_> {
    /// Whether the record is all that.
    pub(super) fn takes(&self, record: &AuditRecord) -> bool {
        let envelope = &record.envelope;
        let in_time =
            envelope.time >= self.since && self.until.is_none_or(|until| envelope.time < until);
        let of_user = self.user.is_none_or(|user| {
            let actor = &envelope.actor;
            let id = actor.user_id.as_ref().map(|id| id.as_str());
            let is_hash = |hash: &KeyedHash| hash.to_string() == user;
            id == Some(user) || actor.user_hash.as_ref().is_some_and(is_hash)
        });
        let of_call = match &record.body {
            Body::Call(call) => self.takes_call(call),
            _ => self.model.is_none() && self.status.is_none(),
        };
        let of_kind = self.kind.is_none_or(|kind| record.body.kind() == kind);
        of_kind && in_time && of_user && of_call
    }

    fn takes_call(&self, call: &Call) -> bool {
        let of_model = self.model.is_none_or(|model| {
            let models = [&call.request.model, &call.response.model];
            models
                .into_iter()
                .flatten()
                .any(|own| own.as_str() == model)
        });
        of_model
            && self
                .status
                .is_none_or(|status| call.outcome.status == status)
    }
}

/// Reads how a call ended, in one of the words there are.
pub(super) fn status() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(Status::ALL.iter().map(|status| status.as_str()))
        .try_map(|text| text.parse::<Status>())
}
