//! Why a request gets an error instead of an answer, and how each provider says it.

use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::json;

use super::Call;
use super::script::Ending;
use super::sse;

/// Why a request gets an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Failure {
    Authentication,
    BadRequest,
    ModelNotFound,
    Overloaded,
    Quota,
    RateLimit,
    Server,
}

/// OpenAI's form of a failure.
pub(super) fn openai(call: &Call, failure: Failure) -> Response {
    const INVALID: &str = "invalid_request_error";
    let (status, kind, code) = match failure {
        Failure::Authentication => (StatusCode::UNAUTHORIZED, INVALID, Some("invalid_api_key")),
        Failure::BadRequest => (StatusCode::BAD_REQUEST, INVALID, Some("invalid_value")),
        Failure::ModelNotFound => (StatusCode::NOT_FOUND, INVALID, Some("model_not_found")),
        Failure::Overloaded => (
            StatusCode::SERVICE_UNAVAILABLE,
            "server_error",
            Some("overloaded"),
        ),
        Failure::Quota => (
            StatusCode::TOO_MANY_REQUESTS,
            "insufficient_quota",
            Some("insufficient_quota"),
        ),
        Failure::RateLimit => (
            StatusCode::TOO_MANY_REQUESTS,
            "requests",
            Some("rate_limit_exceeded"),
        ),
        Failure::Server => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", None),
    };
    let param = (failure == Failure::BadRequest).then_some("messages");
    let message = message(call, failure);
    let body = json!({"error": {"message": message, "type": kind, "param": param, "code": code}});
    with_retry_after(sse::json(call, status, &body, Ending::Whole), failure)
}

/// What went wrong, in OpenAI's words.
pub(super) fn message(call: &Call, failure: Failure) -> String {
    let model = &call.model;
    match failure {
        Failure::Authentication => {
            let key = masked(call.credential.as_deref().unwrap_or_default());
            format!("Incorrect API key provided: {key}.")
        }
        Failure::BadRequest => format!(
            "Invalid value: '{}'. This prompt cannot be processed.",
            excerpt(call)
        ),
        Failure::ModelNotFound => {
            format!("The model `{model}` does not exist or you do not have access to it.")
        }
        Failure::Overloaded => {
            "The engine is currently overloaded, please try again later.".to_owned()
        }
        Failure::Quota => {
            "You exceeded your current quota, please check your plan and billing details."
                .to_owned()
        }
        Failure::RateLimit => {
            format!(
                "Rate limit reached for {model} on requests per min (RPM): Limit 3, Used 3. Please try again in 1s."
            )
        }
        Failure::Server => {
            "The server had an error while processing your request. Sorry about that!".to_owned()
        }
    }
}

/// Anthropic's form of a failure.
pub(super) fn anthropic(call: &Call, failure: Failure) -> Response {
    let (status, kind, message) = match failure {
        Failure::Authentication => (
            StatusCode::UNAUTHORIZED,
            "authentication_error",
            "invalid x-api-key".to_owned(),
        ),
        Failure::BadRequest => (
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            format!(
                "messages.0.content: cannot be processed: '{}'",
                excerpt(call)
            ),
        ),
        Failure::ModelNotFound => (
            StatusCode::NOT_FOUND,
            "not_found_error",
            format!("model: {}", call.model),
        ),
        Failure::Overloaded => (overloaded(), "overloaded_error", "Overloaded".to_owned()),
        Failure::Quota => (
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API.".to_owned(),
        ),
        Failure::RateLimit => (
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_error",
            "This request would exceed your organization's rate limit of 3 requests per minute."
                .to_owned(),
        ),
        Failure::Server => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "api_error",
            "Internal server error".to_owned(),
        ),
    };
    with_retry_after(anthropic_error(call, status, kind, &message), failure)
}

/// The envelope of every error of Anthropic.
pub(super) fn anthropic_error(
    call: &Call,
    status: StatusCode,
    kind: &str,
    message: &str,
) -> Response {
    let request_id = format!("req_{:06}", call.number);
    let body = json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id});
    sse::json(call, status, &body, Ending::Whole)
}

/// 529, which no standard knows.
fn overloaded() -> StatusCode {
    StatusCode::from_u16(529).expect("529 lies between 100 and 999")
}

/// Adds `retry-after` to what a client should try again.
pub(super) fn with_retry_after(mut response: Response, failure: Failure) -> Response {
    if failure == Failure::RateLimit {
        response
            .headers_mut()
            .insert("retry-after", HeaderValue::from_static("1"));
    }
    response
}

/// The beginning of the last user message, which real providers repeat in their errors.
fn excerpt(call: &Call) -> String {
    call.prompt.user_text().chars().take(80).collect()
}

/// As OpenAI masks it: the first and last four characters stay.
fn masked(key: &str) -> String {
    let characters: Vec<char> = key.chars().collect();
    match characters.as_slice() {
        [] => "none".to_owned(),
        [head @ .., _, _, _, _] if head.len() > 4 => {
            let (first, last) = (&characters[..4], &characters[characters.len() - 4..]);
            format!(
                "{}****{}",
                String::from_iter(first),
                String::from_iter(last)
            )
        }
        _ => "****".to_owned(),
    }
}
