//! Requests: `chat` of both versions, `embed`, `rerank`.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::provider::ProviderError;
use crate::provider::request::{RequestFacts, content, delivery, leading_system_prompt};
use crate::provider::tolerant::{self, Count};
use crate::record::{Content, Delivery, Label, Request};

/// What a request says; `None` where it is none of these.
pub(in crate::provider) fn read_request(
    json: &[u8],
) -> Result<Option<RequestFacts>, ProviderError> {
    let Some(body) = tolerant::parse::<RequestBody<'_>>(json)? else {
        return Ok(None);
    };
    let delivery = delivery(body.stream);
    let embedded = body.texts.or(body.inputs).or(body.images);
    let (operation, action) = match (delivery, body.messages.or(body.message)) {
        (Delivery::Whole, Some(_)) => ("chat", "chat.create"),
        (Delivery::Stream, Some(_)) => ("chat", "chat.stream"),
        (_, None) if embedded.is_some() => ("embeddings", "embeddings.create"),
        (_, None) if body.query.is_some() && body.documents.is_some() => {
            ("rerank", "rerank.create")
        }
        (_, None) => return Ok(None),
    };
    let instructions = body.preamble.map(content);
    Ok(Some(RequestFacts {
        operation,
        action,
        system_prompt: instructions.or_else(|| body.messages.and_then(leading_system_prompt)),
        input: body.input(embedded),
        tools: body.tools.map(content),
        request: Request {
            model: body.model,
            max_tokens: body.max_tokens.known(),
            temperature: body.temperature,
            top_p: body.p,
            delivery,
        },
    }))
}

impl RequestBody<'_> {
    /// What was sent: one member, or a list of two where they belong together.
    fn input(&self, embedded: Option<&RawValue>) -> Option<Content> {
        let pair = match (self.message, self.query) {
            (Some(message), _) => (self.chat_history, Some(message)),
            (None, Some(query)) => (Some(query), self.documents),
            (None, None) => (self.messages.or(embedded), None),
        };
        match pair {
            (Some(first), Some(second)) => {
                let both = format!("[{},{}]", first.get(), second.get());
                Some(Content::of_text(&both))
            }
            (one, other) => one.or(other).map(content),
        }
    }
}

#[derive(Deserialize)]
struct RequestBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    model: Option<Label>,
    #[serde(default, borrow)]
    messages: Option<&'a RawValue>,
    /// The first version: what is said now, what was said before, and what the model is told before all of it.
    #[serde(default, borrow)]
    message: Option<&'a RawValue>,
    #[serde(default, borrow)]
    chat_history: Option<&'a RawValue>,
    #[serde(default, borrow)]
    preamble: Option<&'a RawValue>,
    #[serde(default, borrow)]
    texts: Option<&'a RawValue>,
    #[serde(default, borrow)]
    inputs: Option<&'a RawValue>,
    #[serde(default, borrow)]
    images: Option<&'a RawValue>,
    #[serde(default, borrow)]
    query: Option<&'a RawValue>,
    #[serde(default, borrow)]
    documents: Option<&'a RawValue>,
    #[serde(default, borrow)]
    tools: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    max_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    temperature: Option<f64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    p: Option<f64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    stream: bool,
}
