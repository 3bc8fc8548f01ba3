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

/// What a running auditor, the subscriber of the thread that asks and the environment come to.
pub(super) fn of_process(
    installed: Result<(), NotInstalled>,
    health: &Health,
    oddities: Vec<(String, String)>,
) -> Vec<Finding> {
    let mut findings = vec![layer(installed)];
    findings.extend(oddities.into_iter().map(|(name, why)| odd(&name, &why)));
    findings.extend(losses(health));
    findings.extend(spool(health));
    findings.extend(delivery(health));
    findings
}

/// A variable that is set and not understood.
pub(crate) fn odd(name: &str, why: &str) -> Finding {
    let what = format!("{name} {why}");
    Finding::of(Verdict::Warning, "environment", what, "mend or unset it")
}

fn layer(installed: Result<(), NotInstalled>) -> Finding {
    let (verdict, fault) = match installed {
        Ok(()) => return Finding::ok("layer", "calls on this thread are seen by the audit layer"),
        Err(fault @ NotInstalled::ContentInFields { .. }) => (Verdict::Warning, fault),
        Err(fault) => (Verdict::Problem, fault),
    };
    Finding::of(verdict, "layer", fault.to_string(), "see there")
}

fn losses(health: &Health) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut problem = |check: &str, what: String, advice: &str| {
        findings.push(Finding::of(Verdict::Problem, check, what, advice));
    };
    if !health.hidden.is_empty() {
        let what = format!("hidden from the audit layer: {}", health.hidden.join(", "));
        let advice = "give the filter to the other layers with .with_filter(..), or let these targets through";
        problem("filters", what, advice);
    }
    if health.dropped > 0 {
        let what = format!("{} records could not be written", health.dropped);
        problem("losses", what, "the gap records in the trail say why");
    }
    if health.failed_syncs > 0 {
        let what = format!("{} fsyncs failed", health.failed_syncs);
        problem("disk", what, "look after the disk of the data directory");
    }
    findings
}

fn spool(health: &Health) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |verdict, check: &str, what: String, advice: &str| {
        findings.push(Finding::of(verdict, check, what, advice));
    };
    if health.spool_made_again > 0 {
        let times = health.spool_made_again;
        let what = format!("its directory was taken away, and made again {times} times");
        let advice = "find out who deletes, moves or covers the data directory";
        find(Verdict::Warning, "spool", what, advice);
    }
    let (bytes, capacity) = health.spool_bytes;
    if bytes > capacity / 2 {
        let what = format!("{bytes} of {capacity} bytes are taken");
        let advice = "see whether records are delivered, or give it more with spool_bytes(..)";
        find(Verdict::Warning, "spool", what, advice);
    }
    if !health.unreadable.is_empty() {
        let count = health.unreadable.len();
        let what = format!("{count} parts of the spool cannot be read here");
        let advice = "Health::unreadable says which, and why";
        find(Verdict::Problem, "lanes", what, advice);
    }
    findings
}

fn delivery(health: &Health) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(failure) = &health.delivery_failure {
        let advice = "run `llm-audit doctor` with this process's environment";
        findings.push(Finding::of(Verdict::Problem, "delivery", failure, advice));
    }
    if health.refused > 0 {
        let what = format!("the receiver refused {} records for good", health.refused);
        let advice = "see them with `llm-audit refused`";
        findings.push(Finding::of(Verdict::Problem, "dead letter", what, advice));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_healthy_process_has_nothing_but_what_is_well() {
        let findings = of_process(Ok(()), &Health::default(), Vec::new());
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
        let odd = ("LLM_AUDIT_X".to_owned(), "is not known".to_owned());
        let findings = of_process(Err(NotInstalled::NoLayer), &health, vec![odd]);
        assert_eq!(findings.len(), 10);
        for finding in findings {
            assert!(finding.verdict > Verdict::Ok, "{finding:?}");
            assert!(finding.advice.is_some(), "{finding:?}");
        }
    }
}
