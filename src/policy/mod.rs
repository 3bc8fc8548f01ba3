//! What may leave the process, by rules: a file that says for which calls content, error texts and identities leave, and in
//! which form.
//!
//! # The file
//!
//! TOML. The first rule whose `when` fits a call decides for all of it; groups that the rule does not name, and calls that
//! no rule fits, have the default form.
//!
//! ```toml
//! version = 1
//!
//! [[rule]]
//! name = "support may read what it answered"
//! when = { service = "support-*", operation = "chat", tenant = ["acme", "beta"] }
//! input = "redact"
//! output = "redact"
//!
//! [[rule]]
//! name = "debugging in staging"
//! when.service = "staging"
//! input = "danger_plain"
//! span.input = "danger_plain"   # trace backends too
//!
//! [[rule]]
//! name = "everybody else"
//! user = "hash"
//! error = "omit"
//! ```
//!
//! | key | value |
//! |---|---|
//! | `version` | 1 |
//! | `rule.name` | a text of 1 to 100 bytes, no two the same |
//! | `rule.when.SUBJECT` | a pattern, or a list of patterns of which one must fit |
//! | `rule.GROUP` | the form of the group in the record |
//! | `rule.span.GROUP` | the form of the group in the span |
//!
//! **Subjects** are `service` (`service.name`), `operation` (`gen_ai.operation.name`), `provider`
//! (`gen_ai.provider.name`), `model` (that was asked for; that answered, where nobody said), `tenant` and `user` (as the
//! application gave it). All that a rule names must fit; a rule without `when` fits everything. A subject that is not
//! known fits no pattern, not even `*`. Changes and accesses have a service, a tenant and a user and nothing else.
//!
//! **Patterns** are compared letter by letter with the whole value, as it stands in records; `*` stands for any letters, also
//! none. There is no escape.
//!
//! | group | forms, the default first | what leaves |
//! |---|---|---|
//! | `system_prompt`, `input`, `output`, `tools` | `hash`, `omit`, `redact`, `danger_plain` | its keyed hash; nothing; the hash and the text |
//! | `error` | `redact`, `omit`, `hash`, `danger_plain` | the text, with secrets and what it repeats of content masked; nothing; its keyed hash in its place; the text |
//! | `change_values`, `metadata` | `redact`, `omit`, `hash`, `danger_plain` | the values, secrets masked; nothing; an object with their keyed hash in their place; the values |
//! | `user` | `plain`, `hash`, `omit` | `user.id` and `user.hash`; `user.hash`; nothing |
//!
//! `redact` is the text as the sanitizer leaves it. What leaves raw is spelled `danger_plain`, so that one search finds it.
//! `seal` is refused until there is a store to open it. Where the user does not leave plain, an error's text does not name
//! it either.
//!
//! **Spans** are views of records and show no more than these. Content is in them as its hash unless `span` repeats the
//! word of the record; a raw error text likewise, `omit` unless said; any other error text is as in the record, or `omit`.
//! `span.user` is `hash` unless said (`omit` where the record has no user), and never plainer than `user`. Metadata is as in
//! the record.
//!
//! What is written when a call begins has the user in the narrowest form that any rule could choose.
//!
//! All faults are told at once, with their lines: what is no TOML, unknown keys, groups, words and subjects, texts that
//! stand twice, spans that would show more than records, and rules that no call reaches since an earlier one fits every
//! call that they fit.

mod fault;
mod form;
mod pattern;
mod read;
mod rule;

use std::str::FromStr;

use sha2::{Digest as _, Sha256};

pub use self::fault::{Fault, PolicyError};
pub use self::form::{ContentForm, Forms, Group, IdentityForm, SpanForms};
use self::rule::Rule;
pub use self::rule::{Facts, Subject};
use crate::record::{Label, hex};

/// What may leave, by rules.
///
/// ```
/// use llm_audit::policy::{ContentForm, Facts, Policy};
/// let policy: Policy = r#"
///     version = 1
///     [[rule]]
///     name = "support"
///     when.service = "support-*"
///     output = "redact"
/// "#.parse()?;
/// let decision = policy.decide(&Facts { service: Some("support-de"), ..Facts::default() });
/// assert_eq!((decision.rule, decision.forms.output), (Some("support"), ContentForm::Redact));
/// assert_eq!(policy.decide(&Facts::default()).forms.output, ContentForm::Hash);
/// # Ok::<(), llm_audit::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Policy {
    rules: Vec<Rule>,
    digest: Option<Label>,
    narrowest: Narrowest,
}

impl Policy {
    /// Bytes of the longest policy.
    pub const MAX_BYTES: usize = 1 << 20;
}

/// What a policy says of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision<'p> {
    /// Name of the rule that decided; none where the defaults hold.
    pub rule: Option<&'p str>,
    /// The form of every group.
    pub forms: &'p Forms,
}

/// The narrowest form that any call could get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Narrowest {
    /// Of the user in the record.
    pub(crate) user: IdentityForm,
    /// Of the user in the span.
    pub(crate) span_user: IdentityForm,
}

impl Policy {
    /// The defaults and no rule: no content leaves but as its keyed hash.
    #[must_use]
    pub fn builtin() -> Self {
        Self::of(Vec::new(), None)
    }

    /// What leaves of a call. Takes no memory and compares texts only.
    #[must_use]
    #[inline]
    pub fn decide(&self, facts: &Facts<'_>) -> Decision<'_> {
        match self.rules.iter().find(|rule| rule.fits(facts)) {
            Some(rule) => Decision {
                rule: Some(rule.name()),
                forms: rule.forms(),
            },
            None => Decision {
                rule: None,
                forms: &Forms::DEFAULT,
            },
        }
    }

    /// `sha256:` and the hexadecimal SHA-256 of the file's bytes; none where there is no file.
    #[must_use]
    pub fn digest(&self) -> Option<&Label> {
        self.digest.as_ref()
    }

    /// The names of the rules and what each lets leave, in their order.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &Forms)> {
        self.rules.iter().map(|rule| (rule.name(), rule.forms()))
    }

    /// The narrowest form that any call could get.
    pub(crate) fn narrowest(&self) -> Narrowest {
        self.narrowest
    }

    fn of(rules: Vec<Rule>, digest: Option<Label>) -> Self {
        let falls_through = !rules.last().is_some_and(Rule::fits_everything);
        let default = falls_through.then_some(&Forms::DEFAULT);
        let narrowest = |user: fn(&Forms) -> IdentityForm| {
            let forms = rules.iter().map(Rule::forms).chain(default).map(user);
            forms.min().unwrap_or(IdentityForm::Omit)
        };
        Self {
            narrowest: Narrowest {
                user: narrowest(|forms| forms.user),
                span_user: narrowest(|forms| forms.span.user),
            },
            rules,
            digest,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::builtin()
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    /// Reads the text of a policy file.
    ///
    /// # Errors
    /// [`PolicyError`] with every fault of the text.
    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let rules = read::rules(text)?;
        let mut digits = [0; 64];
        let digits = hex::encode(&Sha256::digest(text.as_bytes()), &mut digits);
        Ok(Self::of(rules, Some(Label::join(&["sha256:", digits]))))
    }
}

#[cfg(test)]
mod tests;
