//! A rule: which calls it fits, and what leaves of them.

use super::form::Forms;
use super::pattern::Pattern;

/// What of a call a rule may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The model that was asked for, or that answered where nobody said.
    Model,
    /// The kind of call (`gen_ai.operation.name`).
    Operation,
    /// Whose model (`gen_ai.provider.name`).
    Provider,
    /// The application (`service.name`).
    Service,
    /// The tenant.
    Tenant,
    /// The user's identifier, as the application gave it.
    User,
}

impl Subject {
    /// All there are, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Service,
        Self::Operation,
        Self::Provider,
        Self::Model,
        Self::Tenant,
        Self::User,
    ];

    /// Its name in a policy file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Operation => "operation",
            Self::Provider => "provider",
            Self::Service => "service",
            Self::Tenant => "tenant",
            Self::User => "user",
        }
    }
}

/// What is known of a call when a policy decides on it.
#[derive(Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The application.
    pub service: Option<&'a str>,
    /// The kind of call.
    pub operation: Option<&'a str>,
    /// Whose model.
    pub provider: Option<&'a str>,
    /// The model.
    pub model: Option<&'a str>,
    /// The tenant.
    pub tenant: Option<&'a str>,
    /// The user's identifier, in plain.
    pub user: Option<&'a str>,
}

impl Facts<'_> {
    /// One of them.
    #[must_use]
    pub fn get(&self, subject: Subject) -> Option<&str> {
        match subject {
            Subject::Model => self.model,
            Subject::Operation => self.operation,
            Subject::Provider => self.provider,
            Subject::Service => self.service,
            Subject::Tenant => self.tenant,
            Subject::User => self.user,
        }
    }
}

impl std::fmt::Debug for Facts<'_> {
    /// Shows no user.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts")
            .field("service", &self.service)
            .field("operation", &self.operation)
            .field("provider", &self.provider)
            .field("model", &self.model)
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

/// A rule of a policy.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    name: String,
    when: Vec<Condition>,
    forms: Forms,
}

/// A subject that must fit one of its patterns.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub(super) subject: Subject,
    pub(super) patterns: Vec<Pattern>,
}

impl Rule {
    pub(super) fn new(name: String, when: Vec<Condition>, forms: Forms) -> Self {
        Self { name, when, forms }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn forms(&self) -> &Forms {
        &self.forms
    }

    pub(super) fn fits(&self, facts: &Facts<'_>) -> bool {
        self.when.iter().all(|condition| {
            let value = facts.get(condition.subject);
            value.is_some_and(|value| condition.patterns.iter().any(|it| it.fits(value)))
        })
    }

    pub(super) fn fits_everything(&self) -> bool {
        self.when.is_empty()
    }

    /// Whether it fits every call that the other fits.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.when.iter().all(|own| {
            let same = other.when.iter().find(|it| it.subject == own.subject);
            same.is_some_and(|other| own.covers(other))
        })
    }
}

impl Condition {
    fn covers(&self, other: &Self) -> bool {
        let covered = |pattern: &Pattern| self.patterns.iter().any(|own| own.covers(pattern));
        other.patterns.iter().all(covered)
    }
}
