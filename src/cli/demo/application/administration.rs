//! What administrators do: a change and a login.

use serde_json::json;

use crate::Auditor;
use crate::cli::demo::private_texts::PrivateTexts;
use crate::record::AccessOutcome;

/// What was recorded of an administration.
#[derive(Clone, Copy)]
pub(in crate::cli::demo) struct Administration {
    pub(in crate::cli::demo) accesses: u64,
    pub(in crate::cli::demo) changes: u64,
}

impl Administration {
    /// Somebody logs in and changes a routing rule, of which a part is a secret.
    pub(in crate::cli::demo) fn work(
        audit: &Auditor,
        said: &mut PrivateTexts,
    ) -> anyhow::Result<Self> {
        said.add(OLD_KEY);
        said.add(NEW_KEY);
        audit
            .access("login", AccessOutcome::Allowed)
            .user("olga")
            .resource("admin console")
            .client_address("203.0.113.7")
            .record()?;
        audit
            .change("updated", "routing_rule", "default-chat")
            .changed_by("olga")
            .client_address("203.0.113.7")
            .before(&json!({"model": "gpt-4o-mini", "weight": 1, "api_key": OLD_KEY}))?
            .updated(&json!({"model": "gpt-4o", "weight": 3, "api_key": NEW_KEY}))?
            .record()?;
        Ok(Self {
            accesses: 1,
            changes: 1,
        })
    }
}

// Of no account anywhere; shaped like the real thing.
const OLD_KEY: &str = "sk-proj-8Qm2Vt7XcLr4Nz0JwKy5Hd1BfGs6Pa9E";
const NEW_KEY: &str = "sk-proj-3Rk9Wb5ZhTn1Mx8CvJq4Lf7DgYs2Ue6A";
