//! Google's Gemini API.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::Call;
use super::failure::{self, Failure};
use super::path::Delivery;
use super::prompt::tokens;
use super::script::{Answer, Ending, Family, Stop};
use super::sse::{self, Event, Transcript};

/// `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`.
pub(super) fn generate(call: &Call) -> Response {
    let answer = match Answer::to(call, Family::Gemini) {
        Ok((_, answer)) => answer,
        Err(failure) => return failed(call, failure),
    };
    let ending = answer.ending;
    let turn = Turn { call, answer };
    match call.delivery {
        Delivery::Whole => sse::json(call, StatusCode::OK, &turn.whole(), ending),
        Delivery::Array => sse::events(call, turn.array(), ending),
        Delivery::Stream => sse::events(call, turn.transcript(), ending),
    }
}

/// Google's form of a failure.
fn failed(call: &Call, failure: Failure) -> Response {
    let (code, status) = match failure {
        Failure::Authentication => (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
        Failure::BadRequest => (StatusCode::BAD_REQUEST, "INVALID_ARGUMENT"),
        Failure::ModelNotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Failure::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
        Failure::Quota | Failure::RateLimit => {
            (StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED")
        }
        Failure::Server => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"),
    };
    let message = failure::message(call, failure);
    let body = json!({"error": {"code": code.as_u16(), "message": message, "status": status}});
    failure::with_retry_after(sse::json(call, code, &body, Ending::Whole), failure)
}

struct Turn<'a> {
    call: &'a Call,
    answer: Answer,
}

impl Turn<'_> {
    fn whole(&self) -> Value {
        self.object(&self.parts(), self.said_tokens(), self.finish_reason())
    }

    /// Each object repeats the counts so far, the last has the reason.
    fn transcript(&self) -> Transcript {
        let (mut said, mut deltas) = (0, Vec::new());
        for part in self.pieces() {
            said += tokens(part["text"].as_str().unwrap_or_default());
            let counted = said.min(self.said_tokens());
            deltas.push(Event::unnamed(&self.object(&[part], counted, None)));
        }
        let last = self.object(&[], self.said_tokens(), self.finish_reason());
        let error = json!({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}});
        Transcript {
            opening: Vec::new(),
            deltas,
            closing: vec![Event::unnamed(&last)],
            failure: Event::unnamed(&error),
        }
    }

    /// The same objects in one array.
    fn array(&self) -> Transcript {
        let sent = self.transcript();
        let line = |lead: &str, event: &Event| match event {
            Event::Sent { data, .. } => Event::Line(format!("{lead}{data}")),
            other => other.clone(),
        };
        let mut deltas: Vec<Event> = sent.deltas.iter().map(|event| line(",", event)).collect();
        let first = sent.deltas.first().map(|event| line("", event));
        deltas.splice(..1.min(deltas.len()), first);
        let mut closing: Vec<Event> = sent.closing.iter().map(|event| line(",", event)).collect();
        closing.push(Event::Line("]".to_owned()));
        Transcript {
            opening: vec![Event::Line("[".to_owned())],
            deltas,
            closing,
            failure: line(",", &sent.failure),
        }
    }

    fn object(&self, parts: &[Value], said: u64, reason: Option<&str>) -> Value {
        let mut object = json!({
            "usageMetadata": self.usage(said),
            "modelVersion": self.call.model,
            "responseId": format!("resp-{:06}", self.call.number),
        });
        if self.answer.stop == Stop::Refused {
            object["promptFeedback"] = json!({"blockReason": "PROHIBITED_CONTENT"});
            return object;
        }
        let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
        if let Some(reason) = reason {
            candidate["finishReason"] = json!(reason);
        }
        object["candidates"] = json!([candidate]);
        object
    }

    fn parts(&self) -> Vec<Value> {
        let thought = self
            .answer
            .thought
            .map(|text| json!({"text": text, "thought": true}));
        let text = Some(&self.answer.text).filter(|text| !text.is_empty());
        let text = text.map(|text| json!({"text": text}));
        thought
            .into_iter()
            .chain(text)
            .chain(self.call_of_tool())
            .collect()
    }

    /// The parts as a stream brings them.
    fn pieces(&self) -> Vec<Value> {
        let thought = self.answer.thought.into_iter().flat_map(Answer::words);
        let thought = thought.map(|word| json!({"text": word, "thought": true}));
        let text = Answer::words(&self.answer.text).map(|word| json!({"text": word}));
        thought.chain(text).chain(self.call_of_tool()).collect()
    }

    fn call_of_tool(&self) -> Option<Value> {
        let tool = self.answer.tool.as_ref()?;
        let arguments: Value = serde_json::from_str(tool.arguments).unwrap_or_default();
        Some(json!({"functionCall": {"name": tool.name, "args": arguments}}))
    }

    fn usage(&self, said: u64) -> Value {
        let input = self.call.prompt.tokens();
        let thought = self.answer.thought_tokens();
        let mut usage = json!({
            "promptTokenCount": input,
            "candidatesTokenCount": said,
            "totalTokenCount": input + thought + said,
        });
        if thought > 0 {
            usage["thoughtsTokenCount"] = json!(thought);
        }
        if self.call.prompt.has("cache") {
            usage["cachedContentTokenCount"] = json!(input / 2);
        }
        usage
    }

    fn said_tokens(&self) -> u64 {
        let tool = self.answer.tool.as_ref();
        tokens(&self.answer.text) + tool.map_or(0, |tool| tokens(tool.arguments))
    }

    fn finish_reason(&self) -> Option<&'static str> {
        Some(match self.answer.stop {
            Stop::Complete | Stop::ToolCall => "STOP",
            Stop::Filtered => "SAFETY",
            Stop::Length => "MAX_TOKENS",
            Stop::Refused => return None,
        })
    }
}
