//! Anthropic's messages API.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::prompt::tokens;
use super::script::{Answer, Family, Model, Stop};
use super::sse::{self, Event, Transcript};
use super::{Call, failure};

/// `POST /v1/messages`.
pub(super) fn messages(call: &Call) -> Response {
    let (model, mut answer) = match Answer::to(call, Family::Anthropic) {
        Ok(answered) => answered,
        Err(failure) => return failure::anthropic(call, failure),
    };
    let missing = [
        (
            call.anthropic_version.is_none(),
            "anthropic-version: header is required",
        ),
        (
            call.body["max_tokens"].as_u64().is_none(),
            "max_tokens: Field required",
        ),
    ];
    if let Some((_, message)) = missing.iter().find(|(missing, _)| *missing) {
        return failure::anthropic_error(
            call,
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            message,
        );
    }
    // Anthropic has no filter apart from the refusal, and a refusal says nothing.
    answer.refusal = None;
    if answer.stop == Stop::Filtered {
        (answer.stop, answer.text) = (Stop::Refused, String::new());
    }
    let ending = answer.ending;
    let turn = Turn {
        call,
        model,
        answer,
    };
    if call.wants_stream() {
        sse::events(call, turn.transcript(), ending)
    } else {
        sse::json(call, StatusCode::OK, &turn.message(), ending)
    }
}

struct Turn<'a> {
    call: &'a Call,
    model: &'static Model,
    answer: Answer,
}

impl Turn<'_> {
    fn message(&self) -> Value {
        let content: Vec<Value> = self.blocks().into_iter().map(|block| block.whole).collect();
        let mut message = self.envelope();
        message["content"] = json!(content);
        message["stop_reason"] = json!(self.stop_reason());
        message["usage"] = self.usage(self.output_tokens());
        message
    }

    fn transcript(&self) -> Transcript {
        // The first event already counts one token of output.
        let mut message = self.envelope();
        message["usage"] = self.usage(1);
        let mut opening = vec![event("message_start", json!({"message": message}))];
        let mut blocks = self.blocks();
        let spoken = blocks.pop();
        for (index, thought) in blocks.iter().enumerate() {
            opening.push(thought.start(index));
            opening.extend(thought.deltas(index));
            opening.push(event("content_block_stop", json!({"index": index})));
        }
        let index = blocks.len();
        opening.extend(spoken.iter().map(|block| block.start(index)));
        opening.push(event("ping", json!({})));
        let mut closing: Vec<Event> = spoken
            .iter()
            .map(|_| event("content_block_stop", json!({"index": index})))
            .collect();
        let delta = json!({"stop_reason": self.stop_reason(), "stop_sequence": null});
        let mut usage = self.usage(self.output_tokens());
        if let Value::Object(fields) = &mut usage {
            // The last event repeats the counts, but neither the lifetimes nor the tier.
            fields.retain(|name, _| !["cache_creation", "service_tier"].contains(&name.as_str()));
        }
        closing.push(event(
            "message_delta",
            json!({"delta": delta, "usage": usage}),
        ));
        closing.push(event("message_stop", json!({})));
        Transcript {
            opening,
            deltas: spoken
                .iter()
                .flat_map(|block| block.deltas(index))
                .collect(),
            closing,
            failure: event(
                "error",
                json!({"error": {"type": "overloaded_error", "message": "Overloaded"}}),
            ),
        }
    }

    fn envelope(&self) -> Value {
        json!({
            "id": format!("msg_{:06}", self.call.number),
            "type": "message",
            "role": "assistant",
            "model": self.model.snapshot,
            "content": [],
            "stop_reason": null,
            "stop_sequence": null,
        })
    }

    /// At most a thought, and at most one block that says something.
    fn blocks(&self) -> Vec<Block> {
        let id = self.call.number;
        let answer = &self.answer;
        let mut blocks = Vec::new();
        if let Some(thought) = answer.thought {
            blocks.push(Block {
                empty: json!({"type": "thinking", "thinking": "", "signature": ""}),
                whole: json!({"type": "thinking", "thinking": thought, "signature": SIGNATURE}),
                deltas: deltas("thinking_delta", "thinking", thought)
                    .chain([json!({"type": "signature_delta", "signature": SIGNATURE})])
                    .collect(),
            });
        }
        if let Some(tool) = &answer.tool {
            let id = format!("toolu_{id:06}");
            let block = |input: Value| json!({"type": "tool_use", "id": id, "name": tool.name, "input": input});
            blocks.push(Block {
                empty: block(json!({})),
                whole: block(serde_json::from_str(tool.arguments).unwrap_or_default()),
                deltas: deltas("input_json_delta", "partial_json", tool.arguments).collect(),
            });
        } else if !answer.text.is_empty() {
            blocks.push(Block {
                empty: json!({"type": "text", "text": ""}),
                whole: json!({"type": "text", "text": answer.text}),
                deltas: deltas("text_delta", "text", &answer.text).collect(),
            });
        }
        blocks
    }

    fn usage(&self, output: u64) -> Value {
        let input = self.call.prompt.tokens();
        let (read, five_minutes, hour) = if self.call.prompt.has("cache") {
            (input / 2, input / 8, input / 8)
        } else {
            (0, 0, 0)
        };
        let mut usage = json!({
            "input_tokens": input - read - five_minutes - hour,
            "cache_creation_input_tokens": five_minutes + hour,
            "cache_read_input_tokens": read,
            "cache_creation": {"ephemeral_5m_input_tokens": five_minutes, "ephemeral_1h_input_tokens": hour},
            "output_tokens": output,
            "service_tier": "standard",
        });
        if self.answer.thought.is_some() && output > 1 {
            usage["output_tokens_details"] =
                json!({"thinking_tokens": self.answer.thought_tokens()});
        }
        usage
    }

    fn output_tokens(&self) -> u64 {
        let arguments = self
            .answer
            .tool
            .as_ref()
            .map_or(0, |tool| tokens(tool.arguments));
        self.answer.thought_tokens() + tokens(&self.answer.text) + arguments
    }

    fn stop_reason(&self) -> &'static str {
        match self.answer.stop {
            Stop::Complete => "end_turn",
            Stop::Filtered | Stop::Refused => "refusal",
            Stop::Length => "max_tokens",
            Stop::ToolCall => "tool_use",
        }
    }
}

/// One content block, as a whole and as a stream builds it up.
struct Block {
    empty: Value,
    whole: Value,
    deltas: Vec<Value>,
}

impl Block {
    fn start(&self, index: usize) -> Event {
        event(
            "content_block_start",
            json!({"index": index, "content_block": self.empty}),
        )
    }

    fn deltas(&self, index: usize) -> Vec<Event> {
        let delta = |delta: &Value| {
            event(
                "content_block_delta",
                json!({"index": index, "delta": delta}),
            )
        };
        self.deltas.iter().map(delta).collect()
    }
}

fn deltas<'a>(kind: &'a str, field: &'a str, text: &'a str) -> impl Iterator<Item = Value> + 'a {
    Answer::words(text).map(move |word| json!({"type": kind, field: word}))
}

fn event(name: &'static str, mut data: Value) -> Event {
    data["type"] = json!(name);
    Event::named(name, &data)
}

const SIGNATURE: &str = "RW11bGF0ZWQgc2lnbmF0dXJl";
