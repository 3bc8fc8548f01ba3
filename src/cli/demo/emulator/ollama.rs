//! Ollama's own API.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::Call;
use super::failure::{self, Failure};
use super::prompt::tokens;
use super::script::{Answer, Ending, Family, Stop};
use super::sse::{self, Event, Transcript};

/// `POST /api/chat`.
pub(super) fn chat(call: &Call) -> Response {
    let mut answer = match Answer::to(call, Family::Ollama) {
        Ok((_, answer)) => answer,
        Err(failure) => return failed(call, failure),
    };
    // A local model has no filter and no word for a refusal: it says so.
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

/// Ollama's form of a failure.
fn failed(call: &Call, failure: Failure) -> Response {
    let status = match failure {
        Failure::Authentication => StatusCode::UNAUTHORIZED,
        Failure::BadRequest => StatusCode::BAD_REQUEST,
        Failure::ModelNotFound => StatusCode::NOT_FOUND,
        Failure::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        Failure::Quota | Failure::RateLimit => StatusCode::TOO_MANY_REQUESTS,
        Failure::Server => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let body = json!({"error": failure::message(call, failure)});
    failure::with_retry_after(sse::json(call, status, &body, Ending::Whole), failure)
}

struct Turn<'a> {
    call: &'a Call,
    answer: Answer,
}

impl Turn<'_> {
    fn whole(&self) -> Value {
        let mut message = json!({"role": "assistant", "content": self.answer.text});
        if let Some(thought) = self.answer.thought {
            message["thinking"] = json!(thought);
        }
        if let Some(call) = self.call_of_tool() {
            message["tool_calls"] = json!([call]);
        }
        self.last(&message)
    }

    fn transcript(&self) -> Transcript {
        let line = |message: &Value| {
            let mut object = self.envelope(message);
            object["done"] = json!(false);
            Event::Line(object.to_string())
        };
        let thought = self.answer.thought.into_iter().flat_map(Answer::words);
        let thought =
            thought.map(|word| json!({"role": "assistant", "content": "", "thinking": word}));
        let text = Answer::words(&self.answer.text)
            .map(|word| json!({"role": "assistant", "content": word}));
        let tool = self
            .call_of_tool()
            .map(|call| json!({"role": "assistant", "content": "", "tool_calls": [call]}));
        let last = self.last(&json!({"role": "assistant", "content": ""}));
        Transcript {
            opening: thought.map(|message| line(&message)).collect(),
            deltas: text.chain(tool).map(|message| line(&message)).collect(),
            closing: vec![Event::Line(last.to_string())],
            failure: Event::Line(json!({"error": "the model runner has stopped"}).to_string()),
        }
    }

    fn envelope(&self, message: &Value) -> Value {
        json!({"model": self.call.model, "created_at": "2026-10-01T00:00:00Z", "message": message})
    }

    fn last(&self, message: &Value) -> Value {
        let tool = self.answer.tool.as_ref();
        let said = tokens(&self.answer.text) + tool.map_or(0, |tool| tokens(tool.arguments));
        let mut object = self.envelope(message);
        object["done"] = json!(true);
        object["done_reason"] = json!(match self.answer.stop {
            Stop::Filtered | Stop::Length => "length",
            Stop::Complete | Stop::Refused | Stop::ToolCall => "stop",
        });
        object["prompt_eval_count"] = json!(self.call.prompt.tokens());
        object["eval_count"] = json!(self.answer.thought_tokens() + said);
        object
    }

    fn call_of_tool(&self) -> Option<Value> {
        let tool = self.answer.tool.as_ref()?;
        let arguments: Value = serde_json::from_str(tool.arguments).unwrap_or_default();
        Some(json!({"function": {"name": tool.name, "arguments": arguments}}))
    }
}
