//! Records in the formats of SIEMs: pure functions of one record.
//!
//! A record is written as one line; what a receiver would take for the end of a line, of a field or of a record never
//! comes out of a value, and neither do control characters, escape sequences or marks of writing direction. JSON formats
//! write these as `\u` escapes, which readers take for the same characters; formats of text show them as `<U+001B>`. What
//! was recorded stands in the record itself, byte for byte; these are views of it.
//!
//! | format | source | what is cut |
//! |---|---|---|
//! | [`Asim`](Format::Asim) | Microsoft Sentinel ASIM, audit event schema 0.1 | nothing |
//! | [`Cef`](Format::Cef) | ArcSight Common Event Format, version 0 | values at the dictionary's lengths |
//! | [`Ecs`](Format::Ecs) | Elastic Common Schema 9.4.0 | nothing |
//! | [`Hec`](Format::Hec) | Splunk HTTP Event Collector, event endpoint | nothing |
//! | [`Leef`](Format::Leef) | QRadar Log Event Extended Format 2.0 | values at 1,024 bytes |
//! | [`Ocsf`](Format::Ocsf) | OCSF 1.8.0: API Activity 6003 with `ai_operation`, Entity Management 3004, Authentication 3002, Event Log Activity 1008 | nothing |
//! | [`Syslog`](Format::Syslog) | RFC 5424, structured data | values at 1,024 bytes |
//! | [`Udm`](Format::Udm) | Google SecOps Unified Data Model | nothing |
//!
//! A text that was cut ends with `…`. Where each field stands says [`field_map`]. Formats of text leave out content
//! (prompts and answers, where a rule lets them leave), which JSON formats have.
//!
//! ```
//! use llm_audit::record::{AuditRecord, Body, Envelope, RecordId, System, SystemEvent, Timestamp};
//! use llm_audit::siem::Format;
//!
//! let record = AuditRecord {
//!     envelope: Envelope::new(RecordId::from_parts(0, [7; 10]), Timestamp::from_unix_nanos(0)),
//!     body: Body::System(System { event: SystemEvent::Start, detail: None }),
//! };
//! let mut line = Vec::new();
//! Format::Cef.write(&record, None, &mut line);
//! assert!(line.starts_with(b"CEF:0|llm-audit|llm-audit|"));
//! ```

mod asim;
mod cef;
mod ecs;
mod fact;
mod field_map;
mod hec;
pub(crate) mod hidden;
mod leef;
mod node;
mod ocsf;
mod place;
mod syslog;
#[cfg(test)]
pub(crate) mod tests;
mod udm;

pub use self::field_map::field_map;
pub use self::syslog::Framing;
use crate::record::{AuditRecord, Body, Mac, Severity};

/// A format of a SIEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Format {
    /// Microsoft Sentinel ASIM: a JSON object with the columns of the audit event schema.
    Asim,
    /// ArcSight Common Event Format: a line of text.
    Cef,
    /// Elastic Common Schema: a JSON object.
    Ecs,
    /// Splunk HTTP Event Collector: a JSON object around the event.
    Hec,
    /// QRadar Log Event Extended Format 2.0: a line of text.
    Leef,
    /// Open Cybersecurity Schema Framework 1.8.0: a JSON object.
    Ocsf,
    /// RFC 5424: a syslog message; see [`Framing`] for sending it over TCP or TLS.
    Syslog,
    /// Google SecOps Unified Data Model: a JSON object.
    Udm,
}

impl Format {
    /// All there are.
    pub const ALL: [Self; 8] = [
        Self::Asim,
        Self::Cef,
        Self::Ecs,
        Self::Hec,
        Self::Leef,
        Self::Ocsf,
        Self::Syslog,
        Self::Udm,
    ];

    /// Appends the record as one line without its end, with its authentication code where that is known.
    pub fn write(self, record: &AuditRecord, mac: Option<&Mac>, out: &mut Vec<u8>) {
        match self {
            Self::Asim => asim::write(record, mac, out),
            Self::Cef => cef::write(record, mac, out),
            Self::Ecs => ecs::write(record, mac, out),
            Self::Hec => hec::write(record, mac, out),
            Self::Leef => leef::write(record, mac, out),
            Self::Ocsf => ocsf::write(record, mac, out),
            Self::Syslog => syslog::write(record, mac, out),
            Self::Udm => udm::write(record, mac, out),
        }
    }

    /// Where the format keeps fields that it has no word for; nowhere in formats of text.
    fn home(self) -> Option<&'static str> {
        match self {
            Self::Asim => Some("AdditionalFields"),
            Self::Hec => Some("event"),
            Self::Ocsf => Some("unmapped"),
            Self::Udm => Some("additional"),
            Self::Cef | Self::Ecs | Self::Leef | Self::Syslog => None,
        }
    }
}

/// What kind of event a record is, in fixed words: its class and how it ended. No text of a record is in it.
fn event_id(record: &AuditRecord) -> String {
    let how = match &record.body {
        Body::Access(access) => access.outcome.as_str(),
        Body::Call(call) => call.outcome.status.as_str(),
        Body::Change(_) => "done",
        Body::System(system) => system.event.as_str(),
    };
    format!("{}.{how}", record.body.kind())
}

/// What a record is about, for people.
fn event_name(record: &AuditRecord) -> &'static str {
    match record.body {
        Body::Access(_) => "Access",
        Body::Call(_) => "LLM call",
        Body::Change(_) => "Configuration change",
        Body::System(_) => "Audit trail event",
    }
}

/// The value of a scale that has one for each severity: information, warning, error, fatal.
fn scaled<T: Copy>(record: &AuditRecord, [info, warn, error, fatal]: [T; 4]) -> T {
    match record.severity() {
        Severity::Info => info,
        Severity::Warn => warn,
        Severity::Error => error,
        Severity::Fatal => fatal,
    }
}

/// Who makes the events, and with what.
const VENDOR: &str = "llm-audit";
const PRODUCT: &str = "llm-audit";
const PRODUCT_VERSION: &str = env!("CARGO_PKG_VERSION");
