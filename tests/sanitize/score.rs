//! Recall and precision of each class.
//!
//! A label is found when a finding of its class has exactly its bytes. Secrets are one class to whoever loses them: a label
//! of a secret is found by a finding of any class of secrets that covers it, and of which it is at least half. A finding
//! is right when it finds a label.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::text::{Label, Labelled};

/// What was found of a class, and how much of it was right.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Score {
    pub(crate) labels: usize,
    found: usize,
    findings: usize,
    right: usize,
}

impl Score {
    /// Found labels of all labels.
    pub(crate) fn recall(self) -> f64 {
        share(self.found, self.labels)
    }

    /// Right findings of all findings.
    pub(crate) fn precision(self) -> f64 {
        share(self.right, self.findings)
    }
}

/// The scores of all classes, and what went wrong.
#[derive(Default)]
pub(crate) struct Scores {
    pub(crate) of: BTreeMap<String, Score>,
    mistakes: String,
}

impl Scores {
    pub(crate) fn add(&mut self, expected: &Labelled, findings: &[Label]) {
        for label in &expected.labels {
            let found = findings.iter().any(|finding| finds(finding, label));
            let score = self.of.entry(label.class.clone()).or_default();
            score.labels += 1;
            score.found += usize::from(found);
            if !found {
                self.mistake("missed", expected, label);
            }
        }
        for finding in findings {
            let label = expected.labels.iter().find(|label| finds(finding, label));
            let class = label.map_or(&finding.class, |label| &label.class);
            let score = self.of.entry(class.clone()).or_default();
            score.findings += 1;
            score.right += usize::from(label.is_some());
            if label.is_none() {
                self.mistake("wrong ", expected, finding);
            }
        }
    }

    fn mistake(&mut self, what: &str, expected: &Labelled, label: &Label) {
        let value = &expected.text[label.range.clone()];
        let line = writeln!(
            self.mistakes,
            "{what} {} {value:?} in {:?}",
            label.class, expected.text
        );
        line.expect("a string takes everything");
    }

    /// What was missed and what was found wrongly, a line each.
    pub(crate) fn mistakes(&self) -> &str {
        &self.mistakes
    }
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| class | labels | recall | findings | precision |")?;
        writeln!(f, "|---|---:|---:|---:|---:|")?;
        for (class, score) in &self.of {
            let (recall, precision) = (score.recall() * 100.0, score.precision() * 100.0);
            let (labels, findings) = (score.labels, score.findings);
            writeln!(
                f,
                "| `{class}` | {labels} | {recall:.1} % | {findings} | {precision:.1} % |"
            )?;
        }
        Ok(())
    }
}

fn finds(finding: &Label, label: &Label) -> bool {
    let secrets = |label: &Label| SECRETS.contains(&label.class.as_str());
    if !secrets(label) {
        return finding == label;
    }
    let covers = finding.range.start <= label.range.start && label.range.end <= finding.range.end;
    secrets(finding) && covers && finding.range.len() <= 2 * label.range.len()
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

const SECRETS: [&str; 9] = [
    "api_key",
    "basic_auth",
    "bearer",
    "connection_string",
    "jwt",
    "private_key",
    "secret",
    "url_credentials",
    "webhook_url",
];
