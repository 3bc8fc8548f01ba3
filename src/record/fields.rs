//! The record, owned: what recovery, readers and the command line hold.

use super::attribute::Role;
use super::borrowed::RecordRef;
use super::{Access, Call, Change, Envelope, FieldName, System, Value};

/// An audit record: what the application sends, what is proven and what is kept. It holds no raw text.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    /// Who, when, where.
    pub envelope: Envelope,
    /// What.
    pub body: Body,
}

/// What a record is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A login, a denial, or a read of the trail.
    Access(Access),
    /// A call of a model.
    Call(Box<Call>),
    /// A change of something administered.
    Change(Change),
    /// Something that happened to the trail itself.
    System(System),
}

impl Body {
    /// The kind in one word: `access`, `call`, `change` or `system`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Access(_) => "access",
            Self::Call(_) => "call",
            Self::Change(_) => "change",
            Self::System(_) => "system",
        }
    }
}

/// How much a record should worry its reader, as an OpenTelemetry severity number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// 9: nothing to do.
    Info = 9,
    /// 13: look at it.
    Warn = 13,
    /// 17: something failed.
    Error = 17,
    /// 21: records are missing or were tampered with.
    Fatal = 21,
}

impl Severity {
    /// Its OpenTelemetry name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}

impl AuditRecord {
    /// How much it should worry its reader: success INFO, blocked, cancelled, unknown and denied WARN, errors ERROR,
    /// gaps FATAL.
    #[must_use]
    pub fn severity(&self) -> Severity {
        RecordRef::from(self).severity()
    }

    /// Gives every field that the record has to `sink`, in canonical order; the authentication code is not one of
    /// them, and derived fields are among them.
    pub(crate) fn walk(&self, sink: &mut impl FnMut(&str, Role, Value<'_>)) {
        RecordRef::from(self).walk(&mut |name: FieldName<'_>, value: Value<'_>| {
            sink(name.as_str(), name.role(), value);
        });
    }
}
