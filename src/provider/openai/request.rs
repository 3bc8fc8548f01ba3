//! Requests of the interfaces, told apart by their members: `messages` is a chat completion; `prompt` is a text
//! completion; `input` is a response or an embedding, which one is in [`is_embedding`].

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::provider::ProviderError;
use crate::provider::request::{RequestFacts, content, delivery, told};
use crate::provider::tolerant::{self, Count};
use crate::record::{Delivery, Label, Request};

/// What a request says; `None` where it is none of these.
pub(in crate::provider) fn read_request(
    json: &[u8],
) -> Result<Option<RequestFacts>, ProviderError> {
    let Some(body) = tolerant::parse::<RequestBody<'_>>(json)? else {
        return Ok(None);
    };
    let delivery = delivery(body.stream);
    let (operation, action, input) = match (body.messages, body.input, delivery) {
        (Some(messages), _, Delivery::Whole) => ("chat", "chat.completions.create", messages),
        (Some(messages), _, Delivery::Stream) => ("chat", "chat.completions.stream", messages),
        (None, Some(input), _) if is_embedding(&body, input) => {
            ("embeddings", "embeddings.create", input)
        }
        (None, Some(input), Delivery::Whole) => ("chat", "responses.create", input),
        (None, Some(input), Delivery::Stream) => ("chat", "responses.stream", input),
        (None, None, _) => {
            let Some(prompt) = body.prompt else {
                return Ok(None);
            };
            match delivery {
                Delivery::Whole => ("text_completion", "completions.create", prompt),
                Delivery::Stream => ("text_completion", "completions.stream", prompt),
            }
        }
    };
    let limit = body.max_completion_tokens.or(body.max_output_tokens);
    Ok(Some(RequestFacts {
        operation,
        action,
        system_prompt: told(body.instructions, input),
        input: Some(content(input)),
        tools: body.tools.or(body.functions).map(content),
        request: Request {
            model: body.model,
            max_tokens: limit.or(body.max_tokens).known(),
            temperature: body.temperature,
            top_p: body.top_p,
            delivery,
        },
    }))
}

/// Whether an `input` is to be embedded: it has `dimensions` or `encoding_format`, the model's name says so, or it is a
/// list of texts or tokens, where a response takes a list of objects.
fn is_embedding(body: &RequestBody<'_>, input: &RawValue) -> bool {
    let model = body.model.as_ref().map_or("", Label::as_str);
    let inside = input.get().trim_start().strip_prefix('[');
    let first = inside.and_then(|inside| inside.trim_start().chars().next());
    body.dimensions.is_some()
        || body.encoding_format.is_some()
        || model.contains("embedding")
        || first.is_some_and(|first| first == '"' || first == '[' || first.is_ascii_digit())
}

#[derive(Deserialize)]
struct RequestBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    model: Option<Label>,
    #[serde(default, borrow)]
    messages: Option<&'a RawValue>,
    #[serde(default, borrow)]
    prompt: Option<&'a RawValue>,
    #[serde(default, borrow)]
    input: Option<&'a RawValue>,
    #[serde(default, borrow)]
    instructions: Option<&'a RawValue>,
    #[serde(default, borrow)]
    tools: Option<&'a RawValue>,
    #[serde(default, borrow)]
    functions: Option<&'a RawValue>,
    #[serde(default, borrow)]
    dimensions: Option<&'a RawValue>,
    #[serde(default, borrow)]
    encoding_format: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    max_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    max_completion_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    max_output_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    temperature: Option<f64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    top_p: Option<f64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    stream: bool,
}
