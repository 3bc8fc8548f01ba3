//! Cohere's chat, version 2.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::Call;
use super::failure::{self, Failure};
use super::prompt::tokens;
use super::script::{Answer, Ending, Family, Stop};
use super::sse::{self, Event, Transcript};

/// `POST /v2/chat`.
pub(super) fn chat(call: &Call) -> Response {
    let mut answer = match Answer::to(call, Family::Cohere) {
        Ok((_, answer)) => answer,
        Err(failure) => return failed(call, failure),
    };
    // A refusal is a text, and the reason tells what it is.
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

/// Cohere's form of a failure.
fn failed(call: &Call, failure: Failure) -> Response {
    let status = match failure {
        Failure::Authentication => StatusCode::UNAUTHORIZED,
        Failure::BadRequest => StatusCode::BAD_REQUEST,
        Failure::ModelNotFound => StatusCode::NOT_FOUND,
        Failure::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        Failure::Quota | Failure::RateLimit => StatusCode::TOO_MANY_REQUESTS,
        Failure::Server => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let body = json!({"message": failure::message(call, failure)});
    failure::with_retry_after(sse::json(call, status, &body, Ending::Whole), failure)
}

struct Turn<'a> {
    call: &'a Call,
    answer: Answer,
}

impl Turn<'_> {
    fn whole(&self) -> Value {
        let thought = self
            .answer
            .thought
            .map(|text| json!({"type": "thinking", "thinking": text}));
        let text = Some(&self.answer.text).filter(|text| !text.is_empty());
        let text = text.map(|text| json!({"type": "text", "text": text}));
        let content: Vec<Value> = thought.into_iter().chain(text).collect();
        let mut message = json!({"role": "assistant", "content": content});
        if let Some(tool) = &self.answer.tool {
            let function = json!({"name": tool.name, "arguments": tool.arguments});
            let call = json!({"id": self.tool_id(), "type": "function", "function": function});
            message["tool_calls"] = json!([call]);
        }
        json!({
            "id": self.id(),
            "finish_reason": self.finish_reason(),
            "message": message,
            "usage": self.usage(),
        })
    }

    fn transcript(&self) -> Transcript {
        let message =
            json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []});
        let mut opening = vec![event(
            "message-start",
            json!({"id": self.id(), "delta": {"message": message}}),
        )];
        let index = usize::from(self.answer.thought.is_some());
        if let Some(thought) = self.answer.thought {
            opening.push(content(
                "content-start",
                0,
                &json!({"type": "thinking", "thinking": ""}),
            ));
            let pieces = Answer::words(thought).map(|word| json!({"thinking": word}));
            opening.extend(pieces.map(|piece| content("content-delta", 0, &piece)));
            opening.push(event("content-end", json!({"index": 0})));
        }
        let (deltas, end) = if let Some(tool) = &self.answer.tool {
            let function = json!({"name": tool.name, "arguments": ""});
            let start = json!({"id": self.tool_id(), "type": "function", "function": function});
            opening.push(tool_call("tool-call-start", &start));
            let pieces = Answer::words(tool.arguments);
            let pieces = pieces.map(|piece| json!({"function": {"arguments": piece}}));
            let deltas = pieces
                .map(|piece| tool_call("tool-call-delta", &piece))
                .collect();
            (deltas, event("tool-call-end", json!({"index": 0})))
        } else {
            opening.push(content(
                "content-start",
                index,
                &json!({"type": "text", "text": ""}),
            ));
            let pieces = Answer::words(&self.answer.text).map(|word| json!({"text": word}));
            let deltas = pieces
                .map(|piece| content("content-delta", index, &piece))
                .collect();
            (deltas, event("content-end", json!({"index": index})))
        };
        let delta = json!({"finish_reason": self.finish_reason(), "usage": self.usage()});
        let broken = json!({"finish_reason": "ERROR", "error": "the model stopped on its way"});
        Transcript {
            opening,
            deltas,
            closing: vec![end, event("message-end", json!({"delta": delta}))],
            failure: event("message-end", json!({"delta": broken})),
        }
    }

    fn usage(&self) -> Value {
        let tool = self.answer.tool.as_ref();
        let said = tokens(&self.answer.text) + tool.map_or(0, |tool| tokens(tool.arguments));
        let output = self.answer.thought_tokens() + said;
        let input = self.call.prompt.tokens();
        // What the API puts around a prompt is counted and not billed.
        json!({
            "billed_units": {"input_tokens": input, "output_tokens": output},
            "tokens": {"input_tokens": input + 200, "output_tokens": output},
        })
    }

    fn id(&self) -> String {
        format!("c0-{:06}", self.call.number)
    }

    fn tool_id(&self) -> String {
        format!("lookup_{:06}", self.call.number)
    }

    fn finish_reason(&self) -> &'static str {
        match self.answer.stop {
            Stop::Complete => "COMPLETE",
            Stop::Filtered | Stop::Refused => "ERROR_TOXIC",
            Stop::Length => "MAX_TOKENS",
            Stop::ToolCall => "TOOL_CALL",
        }
    }
}

fn content(name: &'static str, index: usize, content: &Value) -> Event {
    event(
        name,
        json!({"index": index, "delta": {"message": {"content": content}}}),
    )
}

fn tool_call(name: &'static str, call: &Value) -> Event {
    event(
        name,
        json!({"index": 0, "delta": {"message": {"tool_calls": call}}}),
    )
}

fn event(name: &'static str, mut data: Value) -> Event {
    data["type"] = json!(name);
    Event::named(name, &data)
}
