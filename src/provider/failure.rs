//! Error objects: `{"type", "code", "message"}`, what each provider adds to them, and the forms that gateways make of it.
//!
//! An error of a content filter is no failure but a block, and says so by its code (`content_filter`, and the words of
//! [`FILTER_CODES`]), or by the code inside of it (`innererror.code`, at Azure).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::Said;
use super::tolerant::{self, Tolerant};
use super::wiped::WipedText;
use crate::record::{Failure, Label, RawText};

/// What an `error` member says: an object, or a text. Anything else says nothing.
///
/// The class is `type`, else `status`, else `code`, else the word for an HTTP status in `code`, else `_OTHER`.
pub(super) fn of_member(error: &RawValue) -> Option<Said> {
    let json = error.get();
    if let Ok(Some(said)) = tolerant::parse::<ErrorBody>(json.as_bytes()) {
        return Some(said.into_said());
    }
    let text = tolerant::text(error)?;
    Some(Said::Failed(failure(None, Some(text))))
}

/// A failure of a class that is known, or not.
pub(super) fn failure(class: Option<Label>, message: Option<WipedText>) -> Failure {
    Failure {
        error_type: class.unwrap_or_else(|| Label::clip("_OTHER")),
        message: message.map(|text| RawText::new(text.into_bytes())),
    }
}

/// What an exception says: its class, and a text or an object with a message.
pub(super) fn thrown(class: &str, said: &[u8]) -> Said {
    let class = class_of_exception(&Label::clip(class));
    let text = match tolerant::parse::<ErrorBody>(said) {
        Ok(Some(body)) => body.message,
        _ => (!said.is_empty()).then(|| WipedText::from(String::from_utf8_lossy(said).as_ref())),
    };
    Said::Failed(failure(Some(class), text))
}

/// The name of an exception's class: without its namespace, and with a capital at its head, as in the header of an
/// answer that is an error as a whole. What is no word stays as it is.
pub(super) fn class_of_exception(class: &Label) -> Label {
    let name = class.as_str();
    let name = name.rsplit_once('#').map_or(name, |(_, name)| name);
    let is_word = name.bytes().all(|byte| byte.is_ascii_alphabetic());
    match name.split_at_checked(1).filter(|_| is_word) {
        Some((first, rest)) => Label::join(&[&first.to_ascii_uppercase(), rest]),
        None => Label::clip(name),
    }
}

/// The class of an error of which an HTTP status is known.
pub(super) fn class_of_status(status: u64) -> Option<Label> {
    let word = match status {
        400 => "bad_request",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        408 => "request_timeout",
        409 => "conflict",
        413 => "content_too_large",
        422 => "unprocessable_content",
        429 => "too_many_requests",
        500 => "internal_server_error",
        502 => "bad_gateway",
        503 => "service_unavailable",
        504 => "gateway_timeout",
        529 => "overloaded",
        _ => return None,
    };
    Some(Label::clip(word))
}

/// The reason of a block, where a code says that a filter stopped the call.
pub(super) fn filtered_by(code: &Label) -> Option<Label> {
    let (_, reason) = FILTER_CODES
        .iter()
        .find(|(known, _)| *known == code.as_str())?;
    Some(Label::clip(reason))
}

/// The members of an error object.
#[derive(Deserialize)]
pub(super) struct ErrorBody {
    #[serde(default, rename = "type", deserialize_with = "tolerant::leaf")]
    class: Option<Label>,
    /// Google's word for the code.
    #[serde(default, deserialize_with = "tolerant::leaf")]
    status: Option<Label>,
    #[serde(default, deserialize_with = "code")]
    code: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    message: Option<WipedText>,
    #[serde(default, deserialize_with = "tolerant::object")]
    innererror: Option<InnerBody>,
}

#[derive(Deserialize)]
struct InnerBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    code: Option<Label>,
}

impl ErrorBody {
    /// An error whose members stand elsewhere.
    pub(super) fn new(
        class: Option<Label>,
        code: Option<Label>,
        message: Option<WipedText>,
    ) -> Self {
        Self {
            class,
            status: None,
            code,
            message,
            innererror: None,
        }
    }

    pub(super) fn into_said(self) -> Said {
        let inner = self.innererror.and_then(|inner| inner.code);
        let codes = [&self.code, &self.class, &inner];
        let blocked = codes.into_iter().flatten().find_map(filtered_by);
        match blocked {
            Some(reason) => Said::Blocked(reason),
            None => {
                let class = self.class.or(self.status).or(self.code);
                Said::Failed(failure(class, self.message))
            }
        }
    }
}

/// A code: a word, or an HTTP status, which becomes its word.
pub(super) fn code<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Label>, D::Error> {
    let Code(code) = tolerant::leaf(deserializer)?;
    Ok(code)
}

#[derive(Default)]
struct Code(Option<Label>);

impl Tolerant<'_> for Code {
    fn of_text(text: &str) -> Option<Self> {
        <Option<Label>>::of_text(text).map(Self)
    }

    fn of_integer(number: u64) -> Option<Self> {
        Some(Self(class_of_status(number)))
    }
}

/// Codes of errors with which a filter stops a call, and the reason that the record gives.
const FILTER_CODES: &[(&str, &str)] = &[
    // Azure.
    ("ResponsibleAIPolicyViolation", "content_filter"),
    ("content_filter", "content_filter"),
    // OpenAI's pictures.
    ("content_policy_violation", "content_filter"),
    ("moderation_blocked", "content_filter"),
    // DashScope.
    ("DataInspectionFailed", "data_inspection_failed"),
    ("data_inspection_failed", "data_inspection_failed"),
];
