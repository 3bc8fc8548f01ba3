//! The sanitizer as the tests ask it.

use std::sync::LazyLock;

use llm_audit::sanitize::Sanitizer;

use crate::text::Label;

/// What the sanitizer finds in a text, with its default classes.
pub(crate) fn findings(text: &str) -> Vec<Label> {
    let sanitized = SANITIZER.sanitize(text);
    let findings = sanitized.findings().iter();
    findings
        .map(|finding| Label {
            class: finding.class().to_owned(),
            range: finding.range(),
        })
        .collect()
}

static SANITIZER: LazyLock<Sanitizer> = LazyLock::new(Sanitizer::default);
