//! OpenAI's chat completions and embeddings.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::prompt::tokens;
use super::script::{Answer, Family, Model, Stop};
use super::sse::{self, Event, Transcript};
use super::{Call, failure};

/// `POST /v1/chat/completions`.
pub(super) fn chat(call: &Call) -> Response {
    let (model, answer) = match Answer::to(call, Family::OpenAi) {
        Ok(answered) => answered,
        Err(failure) => return failure::openai(call, failure),
    };
    let ending = answer.ending;
    let chat = Chat {
        call,
        model,
        answer,
    };
    if call.wants_stream() {
        sse::events(call, chat.transcript(), ending)
    } else {
        sse::json(call, StatusCode::OK, &chat.completion(), ending)
    }
}

/// `POST /v1/embeddings`: unit vectors that depend on the input text alone.
pub(super) fn embeddings(call: &Call) -> Response {
    let (model, answer) = match Answer::to(call, Family::OpenAiEmbedding) {
        Ok(answered) => answered,
        Err(failure) => return failure::openai(call, failure),
    };
    let natural = if model.name == "text-embedding-3-large" {
        3072
    } else {
        1536
    };
    let dimensions = call.body["dimensions"]
        .as_u64()
        .map_or(natural, |wanted| wanted.clamp(1, natural));
    let datum = |(index, text): (usize, &String)| {
        let embedding = vector(text, dimensions);
        json!({"object": "embedding", "index": index, "embedding": embedding})
    };
    let data: Vec<Value> = call.prompt.texts().iter().enumerate().map(datum).collect();
    let input = call.prompt.tokens();
    let usage = json!({"prompt_tokens": input, "total_tokens": input});
    let body = json!({"object": "list", "data": data, "model": model.snapshot, "usage": usage});
    sse::json(call, StatusCode::OK, &body, answer.ending)
}

/// The tier that served the request: the one that was asked for, unless the choice was left to the provider.
pub(super) fn service_tier(call: &Call) -> &str {
    call.body["service_tier"]
        .as_str()
        .filter(|tier| *tier != "auto")
        .unwrap_or("default")
}

/// How many input tokens came from the cache.
pub(super) fn cached_tokens(call: &Call) -> u64 {
    if call.prompt.has("cache") {
        call.prompt.tokens() / 2
    } else {
        0
    }
}

/// The Unix time of every answer: 1 October 2026.
pub(super) const CREATED: u64 = 1_790_812_800;

struct Chat<'a> {
    call: &'a Call,
    model: &'static Model,
    answer: Answer,
}

impl Chat<'_> {
    fn completion(&self) -> Value {
        let choice = |index| {
            json!({
                "index": index,
                "message": self.message(index),
                "logprobs": null,
                "finish_reason": self.finish_reason(),
            })
        };
        let mut completion = self.envelope("chat.completion");
        completion["choices"] = (0..self.choices()).map(choice).collect();
        completion["usage"] = self.usage();
        completion
    }

    fn transcript(&self) -> Transcript {
        let choices = || 0..self.choices();
        let role = json!({"role": "assistant", "content": "", "refusal": null});
        let finish = json!(self.finish_reason());
        let mut closing: Vec<Event> = choices()
            .map(|index| self.chunk(index, &json!({}), &finish))
            .collect();
        if self.includes_usage() {
            let mut usage = self.envelope("chat.completion.chunk");
            usage["choices"] = json!([]);
            usage["usage"] = self.usage();
            closing.push(Event::unnamed(&usage));
        }
        closing.push(Event::done());
        Transcript {
            opening: choices()
                .map(|index| self.chunk(index, &role, &Value::Null))
                .collect(),
            deltas: choices().flat_map(|index| self.deltas(index)).collect(),
            closing,
            failure: Event::unnamed(&json!({"error": {
                "message": "The server had an error processing your request. Sorry about that!",
                "type": "server_error", "param": null, "code": null,
            }})),
        }
    }

    fn deltas(&self, index: u64) -> Vec<Event> {
        let text = self.text(index);
        let content = Answer::words(&text).map(|word| json!({"content": word}));
        let refusal = self
            .answer
            .refusal
            .into_iter()
            .flat_map(Answer::words)
            .map(|word| json!({"refusal": word}));
        let tool = self.answer.tool.iter().flat_map(|tool| {
            let head = json!({"index": 0, "id": self.tool_id(index), "type": "function",
                "function": {"name": tool.name, "arguments": ""}});
            let arguments = Answer::words(tool.arguments)
                .map(|piece| json!({"index": 0, "function": {"arguments": piece}}));
            std::iter::once(head)
                .chain(arguments)
                .map(|piece| json!({"tool_calls": [piece]}))
        });
        content
            .chain(refusal)
            .chain(tool)
            .map(|delta| self.chunk(index, &delta, &Value::Null))
            .collect()
    }

    fn chunk(&self, index: u64, delta: &Value, finish_reason: &Value) -> Event {
        let mut chunk = self.envelope("chat.completion.chunk");
        chunk["choices"] = json!([{"index": index, "delta": delta, "logprobs": null, "finish_reason": finish_reason}]);
        if self.includes_usage() {
            chunk["usage"] = Value::Null;
        }
        Event::unnamed(&chunk)
    }

    fn envelope(&self, object: &str) -> Value {
        json!({
            "id": format!("chatcmpl-{:06}", self.call.number),
            "object": object,
            "created": CREATED,
            "model": self.model.snapshot,
            "service_tier": service_tier(self.call),
            "system_fingerprint": "fp_44709d6fcb",
        })
    }

    fn message(&self, index: u64) -> Value {
        let tool_calls = self.answer.tool.as_ref().map(|tool| {
            json!([{"id": self.tool_id(index), "type": "function",
                "function": {"name": tool.name, "arguments": tool.arguments}}])
        });
        let text = Some(self.text(index)).filter(|text| !text.is_empty());
        let mut message = json!({"role": "assistant", "content": text, "refusal": self.answer.refusal, "annotations": []});
        if let Some(tool_calls) = tool_calls {
            message["tool_calls"] = tool_calls;
        }
        message
    }

    fn usage(&self) -> Value {
        let answer = &self.answer;
        let said = |index| {
            let arguments = answer
                .tool
                .as_ref()
                .map_or(0, |tool| tokens(tool.arguments));
            tokens(&self.text(index)) + answer.refusal.map_or(0, tokens) + arguments
        };
        let output = answer.thought_tokens() + (0..self.choices()).map(said).sum::<u64>();
        let input = self.call.prompt.tokens();
        json!({
            "prompt_tokens": input,
            "completion_tokens": output,
            "total_tokens": input + output,
            "prompt_tokens_details": {"cached_tokens": cached_tokens(self.call), "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": answer.thought_tokens(), "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
            },
        })
    }

    /// The second and later choices say the same with their number.
    fn text(&self, index: u64) -> String {
        match &self.answer.text {
            text if text.is_empty() || index == 0 => text.clone(),
            text => format!("{text} (choice {})", index + 1),
        }
    }

    fn choices(&self) -> u64 {
        self.call.body["n"].as_u64().unwrap_or(1).clamp(1, 8)
    }

    fn includes_usage(&self) -> bool {
        self.call.body["stream_options"]["include_usage"].as_bool() == Some(true)
    }

    fn tool_id(&self, index: u64) -> String {
        format!("call_{:06}_{index}", self.call.number)
    }

    fn finish_reason(&self) -> &'static str {
        match self.answer.stop {
            // A refusal is an ordinary end: only the `refusal` field tells it.
            Stop::Complete | Stop::Refused => "stop",
            Stop::Filtered => "content_filter",
            Stop::Length => "length",
            Stop::ToolCall => "tool_calls",
        }
    }
}

fn vector(text: &str, dimensions: u64) -> Vec<f32> {
    let mut dice = crc32fast::hash(text.as_bytes());
    let mut roll = || {
        dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // The high 16 bits, spread over -1 to 1.
        f32::from((dice >> 16) as u16) / 32_767.5 - 1.0
    };
    let raw: Vec<f32> = (0..dimensions).map(|_| roll()).collect();
    let norm = raw.iter().map(|value| value * value).sum::<f32>().sqrt();
    raw.into_iter().map(|value| value / norm).collect()
}
