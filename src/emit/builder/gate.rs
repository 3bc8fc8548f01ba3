//! The gate of an auditor: its keys, prices and policy, and what the start record says of it.

use std::sync::Arc;

use super::AuditorBuilder;
use crate::journal::JournalOptions;
use crate::policy::Policy;
use crate::pricing::PriceTable;
use crate::record::Label;
use crate::record::keyring::Keyring;
use crate::refine::Gate;

impl AuditorBuilder {
    /// The gate, with the prices that were given before the built-in ones.
    pub(super) fn gate(&self, keys: Arc<Keyring>, policy: Policy) -> Gate {
        let builtin = PriceTable::builtin();
        let prices = match &self.prices {
            Some(overrides) => builtin.with_overrides(overrides.clone()),
            None => builtin,
        };
        Gate::new(keys, prices).with_policy(policy, content_bytes(&self.spool))
    }
}

/// What the start record says of the auditor that starts.
pub(super) fn first_words(gate: &Gate, disabled: bool) -> serde_json::Value {
    serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "recording": if disabled { "off" } else { "on" },
        "policy": gate.policy().digest().map_or("default", Label::as_str),
    })
}

/// How long one content may be that a policy lets leave: four of them are a quarter of a segment, so that no record is too
/// large for the spool because of them.
fn content_bytes(spool: &JournalOptions) -> usize {
    usize::try_from(spool.segment_bytes / 16).unwrap_or(usize::MAX)
}
