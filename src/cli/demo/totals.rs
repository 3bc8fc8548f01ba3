//! What calls add up to: tokens and cost, by model and by user.

use std::collections::BTreeMap;

use crate::record::{AuditRecord, Body, Call, Cost, Usd};

/// What a number of calls add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) calls: u64,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    /// What those with a known cost cost; `None` where 28 digits do not hold it.
    pub(super) cost: Option<Usd>,
    /// Calls whose cost is not known.
    pub(super) unpriced: u64,
}

impl Totals {
    /// Of all these calls.
    pub(super) fn of<'a>(calls: impl IntoIterator<Item = &'a AuditRecord>) -> Self {
        let mut totals = Self::none();
        calls.into_iter().for_each(|call| totals.add(call));
        totals
    }

    /// Of these calls by whatever `key` says of each.
    pub(super) fn by<'a>(
        calls: impl IntoIterator<Item = &'a AuditRecord>,
        key: impl Fn(&AuditRecord) -> Option<&str>,
    ) -> BTreeMap<Option<String>, Self> {
        let mut totals = BTreeMap::new();
        for call in calls {
            let key = key(call).map(str::to_owned);
            totals.entry(key).or_insert_with(Self::none).add(call);
        }
        totals
    }

    fn none() -> Self {
        Self {
            calls: 0,
            input_tokens: 0,
            output_tokens: 0,
            cost: Some(Usd::ZERO),
            unpriced: 0,
        }
    }

    fn add(&mut self, record: &AuditRecord) {
        let Some(call) = call_of(record) else { return };
        self.calls += 1;
        self.input_tokens += call.usage.input_tokens.unwrap_or(0);
        self.output_tokens += call.usage.output_tokens.unwrap_or(0);
        match &call.cost {
            Cost::Known { exact, .. } => {
                self.cost = self.cost.and_then(|cost| cost.plus(*exact));
            }
            Cost::Unknown { .. } => self.unpriced += 1,
        }
    }
}

/// The model that was asked for in a call.
pub(super) fn requested_model(record: &AuditRecord) -> Option<&str> {
    let model = call_of(record)?.request.model.as_ref();
    model.map(|model| model.as_str())
}

/// The user of a record.
pub(super) fn user(record: &AuditRecord) -> Option<&str> {
    record
        .envelope
        .actor
        .user_id
        .as_ref()
        .map(|user| user.as_str())
}

fn call_of(record: &AuditRecord) -> Option<&Call> {
    match &record.body {
        Body::Call(call) => Some(call),
        _ => None,
    }
}
