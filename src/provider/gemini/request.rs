//! Requests: `generateContent`, and embeddings by either API. Model and delivery stand in the path, which a body does not
//! show; some SDKs put the model in as well.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::provider::ProviderError;
use crate::provider::request::{RequestFacts, content};
use crate::provider::tolerant::{self, Count};
use crate::record::{Delivery, Label, Request};

/// What a request says; `None` where it is none of these.
pub(in crate::provider) fn read_request(
    json: &[u8],
) -> Result<Option<RequestFacts>, ProviderError> {
    let Some(body) = tolerant::parse::<RequestBody<'_>>(json)? else {
        return Ok(None);
    };
    let embedded = body.content.or(body.requests).or(body.instances);
    let (operation, action, input) = match (body.contents, embedded) {
        (Some(contents), _) => ("generate_content", "generate_content.create", contents),
        (None, Some(input)) => ("embeddings", "embeddings.create", input),
        (None, None) => return Ok(None),
    };
    let settings = body.generation_config.unwrap_or_default();
    Ok(Some(RequestFacts {
        operation,
        action,
        request: Request {
            model: body.model.map(|model| short(&model)),
            max_tokens: settings.max_output_tokens.known(),
            temperature: settings.temperature,
            top_p: settings.top_p,
            delivery: Delivery::Whole,
        },
        system_prompt: body.system_instruction.map(content),
        input: Some(content(input)),
        tools: body.tools.map(content),
    }))
}

/// The model's name without the collection that it stands in.
fn short(model: &Label) -> Label {
    let name = model.as_str().rsplit('/').next();
    Label::clip(name.unwrap_or(model.as_str()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    model: Option<Label>,
    #[serde(default, borrow)]
    contents: Option<&'a RawValue>,
    #[serde(default, borrow, alias = "system_instruction")]
    system_instruction: Option<&'a RawValue>,
    #[serde(default, borrow)]
    tools: Option<&'a RawValue>,
    #[serde(
        default,
        alias = "generation_config",
        alias = "config",
        deserialize_with = "tolerant::object"
    )]
    generation_config: Option<SettingsBody>,
    /// What is to be embedded, by the Gemini API one at a time or several, and by Vertex AI.
    #[serde(default, borrow)]
    content: Option<&'a RawValue>,
    #[serde(default, borrow)]
    requests: Option<&'a RawValue>,
    #[serde(default, borrow)]
    instances: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SettingsBody {
    #[serde(
        default,
        alias = "max_output_tokens",
        deserialize_with = "tolerant::leaf"
    )]
    max_output_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    temperature: Option<f64>,
    #[serde(default, alias = "top_p", deserialize_with = "tolerant::leaf")]
    top_p: Option<f64>,
}
