//! What stands in the body of a log record.

use std::fmt;
use std::str::FromStr;

use crate::siem::Format;

/// What the body of a log record is: a readable line, or the record in the format of a SIEM, so that a collector can hand it
/// on as it is. Set by [`AuditorBuilder::log_body`](crate::AuditorBuilder::log_body) or `LLM_AUDIT_LOG_BODY`.
///
/// The body is one line of text of the [format](crate::siem), byte for byte what `llm-audit export` prints for the record,
/// also where the format is JSON. It is a view, made from the record when it is sent: attributes and authentication code are
/// the same under every body, the code proves the attributes, and whoever has these can make the body again. A body shows no
/// more than the attributes do.
///
/// Two records keep the readable line: one that would be longer with the other body than a request may be (2 MiB, or less
/// where the receiver takes less), and one of a later version of this crate, left behind in the data directory.
///
/// ```
/// use llm_audit::{Auditor, otlp::LogBody};
///
/// let builder = Auditor::builder().log_body(LogBody::Cef);
/// assert_eq!("cef".parse(), Ok(LogBody::Cef));
/// # drop(builder);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogBody {
    /// ArcSight Common Event Format (`cef`).
    Cef,
    /// Elastic Common Schema (`ecs`), JSON.
    Ecs,
    /// QRadar Log Event Extended Format 2.0 (`leef`). Its fields are separated by tabs.
    Leef,
    /// Open Cybersecurity Schema Framework (`ocsf`), JSON.
    Ocsf,
    /// One line for people (`text`), which names no user: the default.
    Text,
}

/// A word that is no [`LogBody`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not one of text, ocsf, ecs, cef, leef")]
pub struct UnknownLogBody {
    word: String,
}

impl LogBody {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Text, Self::Ocsf, Self::Ecs, Self::Cef, Self::Leef];

    /// The word for it: `text`, `ocsf`, `ecs`, `cef`, `leef`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cef => "cef",
            Self::Ecs => "ecs",
            Self::Leef => "leef",
            Self::Ocsf => "ocsf",
            Self::Text => "text",
        }
    }

    /// The format that it is in, where it is one of a SIEM.
    pub(crate) fn format(self) -> Option<Format> {
        match self {
            Self::Cef => Some(Format::Cef),
            Self::Ecs => Some(Format::Ecs),
            Self::Leef => Some(Format::Leef),
            Self::Ocsf => Some(Format::Ocsf),
            Self::Text => None,
        }
    }
}

impl fmt::Display for LogBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for LogBody {
    type Err = UnknownLogBody;

    fn from_str(word: &str) -> Result<Self, UnknownLogBody> {
        let found = Self::ALL.into_iter().find(|body| body.as_str() == word);
        found.ok_or_else(|| UnknownLogBody {
            word: word.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_body_has_its_word_and_no_other_word_is_one() {
        for body in LogBody::ALL {
            assert_eq!(body.to_string().parse(), Ok(body));
        }
        for word in ["", "CEF", " cef", "syslog"] {
            assert!(word.parse::<LogBody>().is_err(), "{word}");
        }
    }

    #[test]
    fn what_is_no_body_is_told_with_what_there_is() {
        let told = "xml".parse::<LogBody>().unwrap_err().to_string();
        let words = LogBody::ALL.map(LogBody::as_str).join(", ");
        assert_eq!(told, format!("\"xml\" is not one of {words}"));
    }
}
