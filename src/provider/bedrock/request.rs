//! Requests: Converse, and `InvokeModel` for models of Anthropic and for Amazon's embeddings. Model and delivery stand in
//! the path, which a body does not show; SDKs put the model in as `modelId`.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::provider::request::{RequestFacts, content};
use crate::provider::tolerant::{self, Count};
use crate::provider::{ProviderError, anthropic};
use crate::record::{Delivery, Label, Request};

/// What a request says; `None` where it is none of these.
pub(in crate::provider) fn read_request(
    json: &[u8],
) -> Result<Option<RequestFacts>, ProviderError> {
    let Some(body) = tolerant::parse::<RequestBody<'_>>(json)? else {
        return Ok(None);
    };
    if body.anthropic_version.is_some() {
        return anthropic::read_request(json);
    }
    let (operation, action, input) = match (body.messages, body.input_text) {
        (Some(messages), _) => ("chat", "converse.create", messages),
        (None, Some(text)) => ("embeddings", "embeddings.create", text),
        (None, None) => return Ok(None),
    };
    let settings = body.inference_config.unwrap_or_default();
    Ok(Some(RequestFacts {
        operation,
        action,
        request: Request {
            model: body.model_id,
            max_tokens: settings.max_tokens.known(),
            temperature: settings.temperature,
            top_p: settings.top_p,
            delivery: Delivery::Whole,
        },
        system_prompt: body.system.map(content),
        input: Some(content(input)),
        tools: body.tool_config.and_then(|said| said.tools).map(content),
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestBody<'a> {
    #[serde(
        default,
        rename = "anthropic_version",
        deserialize_with = "tolerant::leaf"
    )]
    anthropic_version: Option<Label>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    model_id: Option<Label>,
    #[serde(default, borrow)]
    messages: Option<&'a RawValue>,
    #[serde(default, borrow)]
    system: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "tolerant::object")]
    inference_config: Option<SettingsBody>,
    #[serde(default, borrow, deserialize_with = "tolerant::object")]
    tool_config: Option<ToolsBody<'a>>,
    #[serde(default, borrow)]
    input_text: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SettingsBody {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    max_tokens: Count,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    temperature: Option<f64>,
    #[serde(default, deserialize_with = "tolerant::leaf")]
    top_p: Option<f64>,
}

#[derive(Deserialize)]
struct ToolsBody<'a> {
    #[serde(default, borrow)]
    tools: Option<&'a RawValue>,
}
