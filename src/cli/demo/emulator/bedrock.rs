//! Amazon Bedrock's Converse API.

use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::Call;
use super::failure::{self, Failure};
use super::prompt::tokens;
use super::script::{Answer, Ending, Family, Stop};
use super::sse::{self, Event, Transcript};

/// `POST /model/{model}/converse` and `/converse-stream`.
pub(super) fn converse(call: &Call) -> Response {
    let mut answer = match Answer::to(call, Family::Bedrock) {
        Ok((_, answer)) => answer,
        Err(failure) => return failed(call, failure),
    };
    // A guardrail says its own words.
    if let Some(refusal) = answer.refusal.take() {
        refusal.clone_into(&mut answer.text);
    }
    let ending = answer.ending;
    let turn = Turn { call, answer };
    if call.wants_stream() {
        sse::events(call, turn.transcript(), ending)
    } else {
        sse::json(call, StatusCode::OK, &turn.whole(), ending)
    }
}

/// Bedrock's form of a failure, whose class is in a header.
fn failed(call: &Call, failure: Failure) -> Response {
    let (status, class) = match failure {
        Failure::Authentication => (StatusCode::FORBIDDEN, "AccessDeniedException"),
        Failure::BadRequest => (StatusCode::BAD_REQUEST, "ValidationException"),
        Failure::ModelNotFound => (StatusCode::NOT_FOUND, "ResourceNotFoundException"),
        Failure::Overloaded => (
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailableException",
        ),
        Failure::Quota => (StatusCode::BAD_REQUEST, "ServiceQuotaExceededException"),
        Failure::RateLimit => (StatusCode::TOO_MANY_REQUESTS, "ThrottlingException"),
        Failure::Server => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerException"),
    };
    let body = json!({"message": failure::message(call, failure)});
    let mut response = sse::json(call, status, &body, Ending::Whole);
    let headers = response.headers_mut();
    headers.insert("x-amzn-errortype", HeaderValue::from_static(class));
    failure::with_retry_after(response, failure)
}

struct Turn<'a> {
    call: &'a Call,
    answer: Answer,
}

impl Turn<'_> {
    fn whole(&self) -> Value {
        let thought = self.answer.thought.map(
            |text| json!({"reasoningContent": {"reasoningText": {"text": text, "signature": SIGNATURE}}}),
        );
        let spoken = if let Some(tool) = &self.answer.tool {
            let input: Value = serde_json::from_str(tool.arguments).unwrap_or_default();
            json!({"toolUse": {"toolUseId": self.tool_id(), "name": tool.name, "input": input}})
        } else {
            json!({"text": self.answer.text})
        };
        let content: Vec<Value> = thought.into_iter().chain([spoken]).collect();
        json!({
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": self.stop_reason(),
            "usage": self.usage(),
            "metrics": {"latencyMs": 100},
        })
    }

    fn transcript(&self) -> Transcript {
        let mut opening = vec![event("messageStart", &json!({"role": "assistant"}))];
        let index = usize::from(self.answer.thought.is_some());
        if let Some(thought) = self.answer.thought {
            let pieces =
                Answer::words(thought).map(|word| json!({"reasoningContent": {"text": word}}));
            let signed = json!({"reasoningContent": {"signature": SIGNATURE}});
            opening.extend(pieces.chain([signed]).map(|piece| delta(0, &piece)));
            opening.push(event("contentBlockStop", &json!({"contentBlockIndex": 0})));
        }
        let pieces: Vec<Value> = match &self.answer.tool {
            Some(tool) => {
                let start = json!({"toolUse": {"toolUseId": self.tool_id(), "name": tool.name}});
                let start = json!({"contentBlockIndex": index, "start": start});
                opening.push(event("contentBlockStart", &start));
                let pieces = Answer::words(tool.arguments);
                pieces
                    .map(|piece| json!({"toolUse": {"input": piece}}))
                    .collect()
            }
            None => Answer::words(&self.answer.text)
                .map(|word| json!({"text": word}))
                .collect(),
        };
        let metadata = json!({"usage": self.usage(), "metrics": {"latencyMs": 100}});
        Transcript {
            opening,
            deltas: pieces.iter().map(|piece| delta(index, piece)).collect(),
            closing: vec![
                event("contentBlockStop", &json!({"contentBlockIndex": index})),
                event("messageStop", &json!({"stopReason": self.stop_reason()})),
                event("metadata", &metadata),
            ],
            failure: message(
                &[
                    (":message-type", "exception"),
                    (":exception-type", "modelStreamErrorException"),
                    (":content-type", "application/json"),
                ],
                &json!({"message": "The model stopped on its way."}),
            ),
        }
    }

    fn usage(&self) -> Value {
        let input = self.call.prompt.tokens();
        let (read, written) = if self.call.prompt.has("cache") {
            (input / 2, input / 4)
        } else {
            (0, 0)
        };
        let tool = self.answer.tool.as_ref();
        let said = tokens(&self.answer.text) + tool.map_or(0, |tool| tokens(tool.arguments));
        let output = self.answer.thought_tokens() + said;
        json!({
            "inputTokens": input - read - written,
            "cacheReadInputTokens": read,
            "cacheWriteInputTokens": written,
            "outputTokens": output,
            "totalTokens": input + output,
        })
    }

    fn tool_id(&self) -> String {
        format!("tooluse_{:06}", self.call.number)
    }

    fn stop_reason(&self) -> &'static str {
        match self.answer.stop {
            Stop::Complete => "end_turn",
            Stop::Filtered => "content_filtered",
            Stop::Length => "max_tokens",
            Stop::Refused => "guardrail_intervened",
            Stop::ToolCall => "tool_use",
        }
    }
}

fn delta(index: usize, delta: &Value) -> Event {
    event(
        "contentBlockDelta",
        &json!({"contentBlockIndex": index, "delta": delta, "p": "abcdef"}),
    )
}

fn event(name: &str, payload: &Value) -> Event {
    message(
        &[
            (":event-type", name),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ],
        payload,
    )
}

/// A message as the Amazon Event Stream Specification has it; every header is a short text.
fn message(headers: &[(&str, &str)], payload: &Value) -> Event {
    let mut said = Vec::new();
    for (name, value) in headers {
        said.push(name.len() as u8);
        said.extend(name.as_bytes());
        said.push(TEXT);
        said.extend((value.len() as u16).to_be_bytes());
        said.extend(value.as_bytes());
    }
    let payload = payload.to_string();
    let length = (OVERHEAD + said.len() + payload.len()) as u32;
    let mut message = Vec::new();
    message.extend(length.to_be_bytes());
    message.extend((said.len() as u32).to_be_bytes());
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message.extend(said);
    message.extend(payload.as_bytes());
    message.extend(crc32fast::hash(&message).to_be_bytes());
    Event::Message(message)
}

const SIGNATURE: &str = "RW11bGF0ZWQgc2lnbmF0dXJl";
const TEXT: u8 = 7;
/// Two lengths and two checksums.
const OVERHEAD: usize = 16;
