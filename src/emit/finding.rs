//! Findings: what an examination came upon, and what to do about it.

use super::health::Health;
use super::installed::NotInstalled;

/// What an examination came upon; made by [`Auditor::doctor`](crate::Auditor::doctor) and `llm-audit doctor`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub check: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was found, in one line.
    pub what: String,
    /// What to do, in one line; nothing where all is well.
    pub advice: Option<String>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Well.
    Ok,
    /// Records are made and get out; something should be looked at.
    Warning,
    /// Records are not made, do not get out, or are lost.
    Problem,
}

impl Verdict {
    /// Its word: `ok`, `warning`, `problem`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl Finding {
    /// All is well.
    pub(crate) fn ok(check: &str, what: impl Into<String>) -> Self {
        Self {
            check: check.to_owned(),
            verdict: Verdict::Ok,
            what: what.into(),
            advice: None,
        }
    }

    /// Something is not.
    pub(crate) fn of(
        verdict: Verdict,
        check: &str,
        what: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            check: check.to_owned(),
            verdict,
            what: what.into(),
            advice: Some(advice.into()),
        }
    }
}

/// What a running auditor and the subscriber of the thread that asks come to.
pub(super) fn of_process(installed: Result<(), NotInstalled>, health: &Health) -> Vec<Finding> {
    let mut findings = vec![match installed {
        Ok(()) => Finding::ok("layer", "calls on this thread are seen by the audit layer"),
        Err(fault @ NotInstalled::ContentInFields { .. }) => {
            Finding::of(Verdict::Warning, "layer", fault.to_string(), "see there")
        }
        Err(fault) => Finding::of(Verdict::Problem, "layer", fault.to_string(), "see there"),
    }];
    let mut find = |bad: bool, verdict, check: &str, what: String, advice: &str| {
        if bad {
            findings.push(Finding::of(verdict, check, what, advice));
        }
    };
    let (bytes, capacity) = health.spool_bytes;
    find(
        !health.hidden.is_empty(),
        Verdict::Problem,
        "filters",
        format!("hidden from the audit layer: {}", health.hidden.join(", ")),
        "give the filter to the other layers with .with_filter(..), or let these targets through",
    );
    find(
        health.dropped > 0,
        Verdict::Problem,
        "losses",
        format!("{} records could not be written", health.dropped),
        "the gap records in the trail say why",
    );
    find(
        health.failed_syncs > 0,
        Verdict::Problem,
        "disk",
        format!("{} fsyncs failed", health.failed_syncs),
        "look after the disk of the data directory",
    );
    find(
        health.spool_made_again > 0,
        Verdict::Warning,
        "spool",
        format!(
            "its directory was taken away {} times",
            health.spool_made_again
        ),
        "find out who deletes, moves or covers the data directory",
    );
    find(
        bytes > capacity / 2,
        Verdict::Warning,
        "spool",
        format!("{bytes} of {capacity} bytes are taken"),
        "see whether records are delivered, or give it more with spool_bytes(..)",
    );
    find(
        health.delivery_failure.is_some(),
        Verdict::Problem,
        "delivery",
        health.delivery_failure.clone().unwrap_or_default(),
        "run `llm-audit doctor` with this process's environment",
    );
    find(
        health.refused > 0,
        Verdict::Problem,
        "dead letter",
        format!("the receiver refused {} records for good", health.refused),
        "see them with `llm-audit refused`",
    );
    find(
        !health.unreadable.is_empty(),
        Verdict::Problem,
        "lanes",
        format!(
            "{} parts of the spool cannot be read here",
            health.unreadable.len()
        ),
        "Health::unreadable says which, and why",
    );
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_healthy_process_has_nothing_but_what_is_well() {
        let findings = of_process(Ok(()), &Health::default());
        assert!(
            findings
                .iter()
                .all(|finding| finding.verdict == Verdict::Ok)
        );
    }

    #[test]
    fn each_trouble_is_found_with_what_to_do() {
        let health = Health {
            hidden: vec!["call (app)".into()],
            dropped: 1,
            failed_syncs: 1,
            spool_made_again: 1,
            spool_bytes: (9, 10),
            delivery_failure: Some("refused".into()),
            refused: 1,
            unreadable: vec![("lane".into(), "why".into())],
            ..Health::default()
        };
        let findings = of_process(Err(NotInstalled::NoLayer), &health);
        assert_eq!(findings.len(), 9);
        for finding in findings {
            assert!(finding.verdict > Verdict::Ok, "{finding:?}");
            assert!(finding.advice.is_some(), "{finding:?}");
        }
    }
}
