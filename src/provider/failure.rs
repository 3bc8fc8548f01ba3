//! Error objects: `{"type", "code", "message"}` and the forms that gateways make of it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::tolerant::{self, Tolerant};
use super::wiped::WipedText;
use crate::record::{Failure, Label, RawText};

/// The failure that an `error` member says: an object, or a text. Anything else says none.
///
/// The class is `type`, else `code`, else the word for an HTTP status in `code`, else `_OTHER`.
pub(super) fn of_member(error: &RawValue) -> Option<Failure> {
    let json = error.get();
    if let Ok(Some(said)) = tolerant::parse::<ErrorBody>(json.as_bytes()) {
        return Some(said.into_failure());
    }
    let text = serde_json::from_str::<String>(json).ok()?;
    Some(failure(None, Some(WipedText::from(text.as_str()))))
}

/// A failure of a class that is known, or not.
pub(super) fn failure(class: Option<Label>, message: Option<WipedText>) -> Failure {
    Failure {
        error_type: class.unwrap_or_else(|| Label::clip("_OTHER")),
        message: message.map(|text| RawText::new(text.into_bytes())),
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

/// Whether an `error` member says that a filter stopped the call, as Azure says it of a prompt.
pub(super) fn is_content_filter(error: &RawValue) -> bool {
    let said = tolerant::parse::<ErrorBody>(error.get().as_bytes());
    let code = said.ok().flatten().and_then(|said| said.code);
    code.is_some_and(|code| code.as_str() == "content_filter")
}

/// The members of an error object.
#[derive(Deserialize)]
pub(super) struct ErrorBody {
    #[serde(default, rename = "type", deserialize_with = "tolerant::leaf")]
    class: Option<Label>,
    #[serde(default, deserialize_with = "code")]
    code: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    message: Option<WipedText>,
}

impl ErrorBody {
    pub(super) fn into_failure(self) -> Failure {
        failure(self.class.or(self.code), self.message)
    }
}

/// A code: a word, or an HTTP status, which becomes its word.
fn code<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Label>, D::Error> {
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
