//! OpenAI's responses API.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::openai::{CREATED, cached_tokens, service_tier};
use super::prompt::tokens;
use super::script::{Answer, Family, Model, Stop};
use super::sse::{self, Event, Transcript};
use super::{Call, failure};

/// `POST /v1/responses`.
pub(super) fn responses(call: &Call) -> Response {
    let (model, answer) = match Answer::to(call, Family::OpenAi) {
        Ok(answered) => answered,
        Err(failure) => return failure::openai(call, failure),
    };
    let ending = answer.ending;
    let session = Session {
        call,
        model,
        answer,
    };
    if call.wants_stream() {
        sse::events(call, session.transcript(), ending)
    } else {
        sse::json(call, StatusCode::OK, &session.finished(), ending)
    }
}

/// The name of an event and its data.
type Named = (&'static str, Value);

struct Session<'a> {
    call: &'a Call,
    model: &'static Model,
    answer: Answer,
}

impl Session<'_> {
    fn transcript(&self) -> Transcript {
        let mut numbers = 0_u64..;
        let mut numbered = |events: Vec<Named>| -> Vec<Event> {
            let number = |(name, mut data): Named| {
                data["type"] = json!(name);
                data["sequence_number"] = json!(numbers.next());
                Event::named(name, &data)
            };
            events.into_iter().map(number).collect()
        };
        let message = "The server had an error processing your request. Sorry about that!";
        let failure = json!({"type": "error", "code": "server_error", "message": message,
            "param": null, "sequence_number": 0});
        Transcript {
            opening: numbered(self.opening()),
            deltas: numbered(self.deltas()),
            closing: numbered(self.closing()),
            failure: Event::named("error", &failure),
        }
    }

    fn opening(&self) -> Vec<Named> {
        let started = json!({"response": self.response("in_progress", &json!([]))});
        let mut events = vec![
            ("response.created", started.clone()),
            ("response.in_progress", started),
        ];
        if let Some(reasoning) = self.reasoning() {
            let item = json!({"output_index": 0, "item": reasoning});
            events.push(("response.output_item.added", item.clone()));
            events.push(("response.output_item.done", item));
        }
        let item = json!({"output_index": self.output_index(), "item": self.item_begun()});
        events.push(("response.output_item.added", item));
        if let Some(part) = self.speech().part {
            events.push((
                "response.content_part.added",
                self.placed(json!({"part": part.empty})),
            ));
        }
        events
    }

    fn deltas(&self) -> Vec<Named> {
        let speech = self.speech();
        let delta = |word| (speech.delta, self.placed(json!({"delta": word})));
        Answer::words(speech.text).map(delta).collect()
    }

    fn closing(&self) -> Vec<Named> {
        let speech = self.speech();
        let mut events = vec![(speech.done, self.placed(json!({speech.field: speech.text})))];
        if let Some(part) = speech.part {
            events.push((
                "response.content_part.done",
                self.placed(json!({"part": part.whole})),
            ));
        }
        let item = json!({"output_index": self.output_index(), "item": self.item()});
        events.push(("response.output_item.done", item));
        let last = match self.incomplete_reason() {
            Some(_) => "response.incomplete",
            None => "response.completed",
        };
        events.push((last, json!({"response": self.finished()})));
        events
    }

    /// Says of which item, and of which part of it, `data` tells.
    fn placed(&self, mut data: Value) -> Value {
        data["item_id"] = self.item()["id"].clone();
        data["output_index"] = json!(self.output_index());
        if self.answer.tool.is_none() {
            data["content_index"] = json!(0);
        }
        data
    }

    /// The reasoning, if there is any, comes first.
    fn output_index(&self) -> usize {
        usize::from(self.answer.thought.is_some())
    }

    fn finished(&self) -> Value {
        let incomplete = self.incomplete_reason();
        let output: Vec<Value> = self.reasoning().into_iter().chain([self.item()]).collect();
        let status = if incomplete.is_some() {
            "incomplete"
        } else {
            "completed"
        };
        let mut response = self.response(status, &json!(output));
        response["incomplete_details"] = json!(incomplete.map(|reason| json!({"reason": reason})));
        response["usage"] = self.usage();
        response
    }

    fn response(&self, status: &str, output: &Value) -> Value {
        json!({
            "id": format!("resp_{:06}", self.call.number),
            "object": "response",
            "created_at": CREATED,
            "status": status,
            "error": null,
            "incomplete_details": null,
            "instructions": self.call.body["instructions"],
            "model": self.model.snapshot,
            "output": output,
            "parallel_tool_calls": true,
            "service_tier": service_tier(self.call),
            "tool_choice": "auto",
            "tools": [],
            "metadata": {},
            "usage": null,
        })
    }

    /// The one item that says something: a message or a function call.
    fn item(&self) -> Value {
        let id = self.call.number;
        let status = if self.incomplete_reason().is_some() {
            "incomplete"
        } else {
            "completed"
        };
        if let Some(tool) = &self.answer.tool {
            return json!({"type": "function_call", "id": format!("fc_{id:06}"), "call_id": format!("call_{id:06}"),
                "name": tool.name, "arguments": tool.arguments, "status": status});
        }
        let content: Vec<Value> = self
            .speech()
            .part
            .into_iter()
            .map(|part| part.whole)
            .collect();
        json!({"type": "message", "id": format!("msg_{id:06}"), "role": "assistant", "content": content, "status": status})
    }

    fn item_begun(&self) -> Value {
        let mut item = self.item();
        item["status"] = json!("in_progress");
        let (field, empty) = if self.answer.tool.is_some() {
            ("arguments", json!(""))
        } else {
            ("content", json!([]))
        };
        item[field] = empty;
        item
    }

    fn reasoning(&self) -> Option<Value> {
        let id = format!("rs_{:06}", self.call.number);
        self.answer
            .thought
            .map(|_| json!({"type": "reasoning", "id": id, "summary": []}))
    }

    fn speech(&self) -> Speech<'_> {
        let answer = &self.answer;
        if let Some(tool) = &answer.tool {
            let (delta, done) = (
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
            );
            return Speech {
                text: tool.arguments,
                field: "arguments",
                delta,
                done,
                part: None,
            };
        }
        if let Some(refusal) = answer.refusal {
            let part = |text: &str| json!({"type": "refusal", "refusal": text});
            let part = Some(Part {
                empty: part(""),
                whole: part(refusal),
            });
            let (delta, done) = ("response.refusal.delta", "response.refusal.done");
            return Speech {
                text: refusal,
                field: "refusal",
                delta,
                done,
                part,
            };
        }
        let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
        let part = Some(Part {
            empty: part(""),
            whole: part(&answer.text),
        });
        let (delta, done) = ("response.output_text.delta", "response.output_text.done");
        Speech {
            text: &answer.text,
            field: "text",
            delta,
            done,
            part,
        }
    }

    fn usage(&self) -> Value {
        let input = self.call.prompt.tokens();
        let output = self.answer.thought_tokens() + tokens(self.speech().text);
        json!({
            "input_tokens": input,
            "input_tokens_details": {"cached_tokens": cached_tokens(self.call)},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": self.answer.thought_tokens()},
            "total_tokens": input + output,
        })
    }

    fn incomplete_reason(&self) -> Option<&'static str> {
        match self.answer.stop {
            Stop::Complete | Stop::Refused | Stop::ToolCall => None,
            Stop::Filtered => Some("content_filter"),
            Stop::Length => Some("max_output_tokens"),
        }
    }
}

/// What is said, and the names under which the stream says it.
struct Speech<'a> {
    text: &'a str,
    field: &'static str,
    delta: &'static str,
    done: &'static str,
    /// The content part of a message; a function call has none.
    part: Option<Part>,
}

struct Part {
    empty: Value,
    whole: Value,
}
