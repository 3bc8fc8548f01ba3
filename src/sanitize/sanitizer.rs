//! Personal data and secrets taken out of prompts before they are sent.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::class::{Class, ClassSet};
use super::restorer::Restorer;
use super::rules::{self, RulesError};
use super::scan::{self, Found, Kind, Rules};
use super::view::View;
use crate::record::{Label, Sanitization, SanitizationStatus};

/// Finds personal data and secrets in texts, and puts typed placeholders in their place: `<EMAIL_1>`.
///
/// Made once, used from many threads; a clone is the same one. What it looks for is best-effort: see
/// [`Class`] for the classes, [the module](super) for what each of them promises.
///
/// * **Count** is the number of matches that were replaced. They do not overlap; the counts by class add up to it.
/// * **Stable**: the same value has the same placeholder within a text, or within all texts of one [`Restorer`].
/// * **Idempotent**: what is sanitized comes back as it is, with count 0.
/// * **Linear**: no input takes more than time in proportion to its length.
///
/// ```
/// use llm_audit::sanitize::Sanitizer;
/// let sanitizer = Sanitizer::default();
/// let prompt = sanitizer.sanitize("I am anna@example.com, card 4111 1111 1111 1111, and anna@example.com again");
/// assert_eq!(&*prompt, "I am <EMAIL_1>, card <CREDIT_CARD_1>, and <EMAIL_1> again");
/// assert_eq!(prompt.count(), 3);
/// assert_eq!(prompt.findings()[1].class(), "credit_card");
/// ```
#[derive(Clone)]
pub struct Sanitizer {
    shared: Arc<Shared>,
}

struct Shared {
    rules: Rules,
    mode: Mode,
    digest: Label,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Apply,
    Observe,
}

impl Default for Sanitizer {
    /// One that looks for the classes that are on by default, and replaces them.
    fn default() -> Self {
        Self::builder().build()
    }
}

impl Sanitizer {
    /// One with choices.
    pub fn builder() -> SanitizerBuilder {
        SanitizerBuilder {
            classes: ClassSet::DEFAULT,
            custom: Vec::new(),
            custom_json: Vec::new(),
            mode: Mode::Apply,
        }
    }

    /// The text with placeholders in the place of what was found.
    #[must_use]
    pub fn sanitize<'t>(&self, text: &'t str) -> Sanitized<'t> {
        self.sanitize_with(&mut Restorer::new(), text)
    }

    /// As [`sanitize`](Self::sanitize), with the placeholders of a conversation, which can be restored.
    #[must_use]
    pub fn sanitize_with<'t>(&self, restorer: &mut Restorer, text: &'t str) -> Sanitized<'t> {
        let view = View::of(text);
        let found = scan::all(&view, &self.shared.rules);
        let mut sanitized = Sanitized {
            text: Cow::Borrowed(text),
            findings: Vec::new(),
            report: self.empty_report(),
        };
        if found.is_empty() {
            return sanitized;
        }
        let mut out = String::new();
        let mut done = 0;
        for found in &found {
            let range = view.original(found.range.clone());
            self.take(restorer, found.kind, text, range.clone(), done, &mut out);
            done = range.end;
            self.note(
                found.kind,
                range,
                &mut sanitized.report,
                &mut sanitized.findings,
            );
        }
        if self.shared.mode == Mode::Apply && !sanitized.findings.is_empty() {
            out.push_str(&text[done..]);
            sanitized.text = Cow::Owned(out);
        }
        sanitized
    }

    /// The digest of what is looked for: `llm_audit.sanitization.rules` of the records.
    #[must_use]
    pub fn rules(&self) -> &Label {
        &self.shared.digest
    }

    pub(super) fn scan_rules(&self) -> &Rules {
        &self.shared.rules
    }

    pub(super) fn empty_report(&self) -> Sanitization {
        Sanitization {
            status: match self.shared.mode {
                Mode::Apply => SanitizationStatus::Applied,
                Mode::Observe => SanitizationStatus::Observed,
            },
            count: Some(0),
            classes: std::collections::BTreeMap::new(),
            rules: Some(self.shared.digest.clone()),
        }
    }

    /// Everything that is found in a text, by its place there.
    pub(super) fn find(&self, text: &str) -> Vec<(Range<usize>, Kind)> {
        let view = View::of(text);
        let found = scan::all(&view, &self.shared.rules).into_iter();
        let placed = found.map(|Found { range, kind }| (view.original(range), kind));
        placed.collect()
    }

    /// Writes what stands before a finding, and what comes in its place.
    pub(super) fn take(
        &self,
        restorer: &mut Restorer,
        kind: Kind,
        text: &str,
        range: Range<usize>,
        done: usize,
        out: &mut String,
    ) {
        out.push_str(&text[done..range.start]);
        let value = &text[range];
        match kind {
            Kind::Placeholder => {
                restorer.note(value);
                out.push_str(value);
            }
            _ if self.shared.mode == Mode::Observe => out.push_str(value),
            kind => restorer.write(out, self.name_in_capitals(kind), value),
        }
    }

    /// Counts a finding.
    pub(super) fn note(
        &self,
        kind: Kind,
        range: Range<usize>,
        report: &mut Sanitization,
        findings: &mut Vec<Finding>,
    ) {
        if kind == Kind::Placeholder {
            return;
        }
        let class = self.name(kind);
        report.count = report.count.map(|count| count + 1);
        *report.classes.entry(class.clone()).or_insert(0) += 1;
        findings.push(Finding { class, range });
    }

    fn name(&self, kind: Kind) -> Label {
        Label::clip(match kind {
            Kind::Class(class) => class.as_str(),
            Kind::Custom(at) => &self.shared.rules.custom[at].class,
            Kind::Placeholder => "",
        })
    }

    fn name_in_capitals(&self, kind: Kind) -> &str {
        match kind {
            Kind::Class(class) => class.in_capitals(),
            Kind::Custom(at) => self.shared.rules.custom[at].in_capitals(),
            Kind::Placeholder => "",
        }
    }
}

impl fmt::Debug for Sanitizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sanitizer")
            .field("rules", &self.shared.digest)
            .field("mode", &self.shared.mode)
            .finish_non_exhaustive()
    }
}

/// Choices for a [`Sanitizer`]: what is looked for, and whether it is replaced.
///
/// ```
/// use llm_audit::sanitize::{Class, Sanitizer};
/// let rules = r#"{"version": 1, "rules": [{"class": "employee_id", "pattern": "EMP-\\d{6}"}]}"#;
/// let sanitizer = Sanitizer::builder().without(Class::IpAddress).rules(rules)?.build();
/// let text = sanitizer.sanitize("EMP-004711 asks from 203.0.113.9");
/// assert_eq!(&*text, "<EMPLOYEE_ID_1> asks from 203.0.113.9");
/// # Ok::<(), llm_audit::sanitize::RulesError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct SanitizerBuilder {
    classes: ClassSet,
    custom: Vec<super::pattern::Pattern>,
    custom_json: Vec<String>,
    mode: Mode,
}

impl SanitizerBuilder {
    /// Looks for these classes only, and for what is added.
    pub fn only(mut self, classes: impl IntoIterator<Item = Class>) -> Self {
        self.classes = classes.into_iter().fold(ClassSet::NONE, ClassSet::with);
        self
    }

    /// Looks for this class too.
    pub fn with(mut self, class: Class) -> Self {
        self.classes = self.classes.with(class);
        self
    }

    /// Does not look for this class.
    pub fn without(mut self, class: Class) -> Self {
        self.classes = self.classes.without(class);
        self
    }

    /// Adds rules of the application's own: JSON, as [the module](super) says.
    ///
    /// # Errors
    /// [`RulesError`] says which rule cannot be used, and why.
    pub fn rules(mut self, json: &str) -> Result<Self, RulesError> {
        self.custom.extend(rules::parse(json)?);
        self.custom_json.push(json.to_owned());
        Ok(self)
    }

    /// Finds and counts, and replaces nothing.
    pub fn observe(mut self) -> Self {
        self.mode = Mode::Observe;
        self
    }

    /// The sanitizer.
    #[must_use]
    pub fn build(self) -> Sanitizer {
        let digest = self.digest();
        Sanitizer {
            shared: Arc::new(Shared {
                rules: Rules::new(self.classes, self.custom),
                mode: self.mode,
                digest,
            }),
        }
    }

    /// SHA-256 over version, classes, and rules of the application, each on its line.
    fn digest(&self) -> Label {
        let mut hash = Sha256::new();
        hash.update(concat!("llm-audit ", env!("CARGO_PKG_VERSION"), "\n"));
        for class in self.classes.iter() {
            hash.update(class.as_str());
            hash.update("\n");
        }
        for json in &self.custom_json {
            hash.update(json);
            hash.update("\n");
        }
        let mut text = String::from("sha256:");
        for byte in hash.finalize() {
            // Writing to a string cannot fail.
            let _ = fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
        }
        Label::clip(&text)
    }
}

/// A text without what was found in it, and what that was. It is its text wherever a `&str` is asked for.
///
/// Where the sanitizer only observes, the text is the original.
pub struct Sanitized<'t> {
    text: Cow<'t, str>,
    findings: Vec<Finding>,
    report: Sanitization,
}

impl<'t> Sanitized<'t> {
    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text, taken out.
    #[must_use]
    pub fn into_text(self) -> Cow<'t, str> {
        self.text
    }

    /// What was found, in the order of the text.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many were found: the sum over the classes.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.report.count.unwrap_or(0)
    }

    /// What the record of the call says of it.
    #[must_use]
    pub fn report(&self) -> &Sanitization {
        &self.report
    }
}

impl Deref for Sanitized<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl AsRef<Sanitization> for Sanitized<'_> {
    fn as_ref(&self) -> &Sanitization {
        &self.report
    }
}

impl fmt::Debug for Sanitized<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sanitized")
            .field("bytes", &self.text.len())
            .field("findings", &self.findings)
            .finish_non_exhaustive()
    }
}

/// One thing that was found: its class and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    class: Label,
    range: Range<usize>,
}

impl Finding {
    /// The class's name; that of a rule of the application has the name it was given.
    #[must_use]
    pub fn class(&self) -> &str {
        self.class.as_str()
    }

    /// Where it stands in the original, in bytes, at boundaries of characters.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }
}

#[cfg(test)]
mod tests;
