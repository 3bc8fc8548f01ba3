//! What a request says.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::tolerant;
use crate::record::{Content, Delivery, Label, Request};

/// What a request body says, read by [`read_request`](super::read_request).
#[derive(Debug)]
pub struct RequestFacts {
    /// What kind of call: `chat`, `generate_content`, `text_completion`, `embeddings`, `rerank`.
    pub operation: &'static str,
    /// What is asked of which interface: `chat.completions.create`, `responses.stream`, `messages.create`, ….
    ///
    /// Where a body does not show that a stream is asked for (Gemini, Bedrock, DashScope, whose paths and headers say it),
    /// it is `….create`, and [`streamed`](super::streamed) makes the other of it.
    pub action: &'static str,
    /// What is asked for.
    pub request: Request,
    /// What the model is told before the conversation, as it was sent: `system` (Anthropic, Bedrock), `systemInstruction`
    /// (Gemini), `preamble` (Cohere), `instructions`, or the content of the leading system and developer messages (OpenAI
    /// and most others). One such text is that text; several are a list.
    pub system_prompt: Option<Content>,
    /// The messages or the input, as they were sent. Those of OpenAI and its like include system and developer messages.
    pub input: Option<Content>,
    /// The tool definitions, as they were sent.
    pub tools: Option<Content>,
}

/// Content as it stands in a request.
pub(super) fn content(json: &RawValue) -> Content {
    Content::of_text(json.get())
}

/// The content of the leading system and developer messages.
pub(super) fn leading_system_prompt(messages: &RawValue) -> Option<Content> {
    told(None, messages)
}

/// Instructions, and the content of the leading system and developer messages: that text where there is one, a list of
/// them where there are several.
pub(super) fn told(instructions: Option<&RawValue>, messages: &RawValue) -> Option<Content> {
    let messages = tolerant::parse_list::<MessageBody<'_>>(messages.get().as_bytes());
    let leading = messages.iter().take_while(|message| {
        let role = message.role.as_ref().map_or("", Label::as_str);
        matches!(role, "system" | "developer")
    });
    let leading = leading.filter_map(|message| message.content);
    let told: Vec<&RawValue> = instructions.into_iter().chain(leading).collect();
    match told.as_slice() {
        [] => None,
        [one] => Some(content(one)),
        several => {
            let texts: Vec<&str> = several.iter().map(|text| text.get()).collect();
            Some(Content::of_text(&format!("[{}]", texts.join(","))))
        }
    }
}

pub(super) fn delivery(stream: bool) -> Delivery {
    if stream {
        Delivery::Stream
    } else {
        Delivery::Whole
    }
}

#[derive(Deserialize)]
struct MessageBody<'a> {
    #[serde(default, deserialize_with = "tolerant::leaf")]
    role: Option<Label>,
    #[serde(default, borrow)]
    content: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests;
