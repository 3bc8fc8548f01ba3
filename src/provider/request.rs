//! What a request says.

use serde_json::value::RawValue;

use crate::record::{Content, Delivery, Request};

/// What a request body says, read by [`read_request`](super::read_request).
#[derive(Debug)]
pub struct RequestFacts {
    /// What kind of call: `chat` or `embeddings`.
    pub operation: &'static str,
    /// What is asked of which interface: `chat.completions.create`, `responses.stream`, `messages.create`, ….
    pub action: &'static str,
    /// What is asked for.
    pub request: Request,
    /// What the model is told before the conversation, as it was sent: `system` (Anthropic), `instructions`, or the
    /// content of the leading system and developer messages (OpenAI). One such text is that text; several are a list.
    pub system_prompt: Option<Content>,
    /// The messages or the input, as they were sent. Those of OpenAI include system and developer messages.
    pub input: Option<Content>,
    /// The tool definitions, as they were sent.
    pub tools: Option<Content>,
}

/// Content as it stands in a request.
pub(super) fn content(json: &RawValue) -> Content {
    Content::of_text(json.get())
}

pub(super) fn delivery(stream: bool) -> Delivery {
    if stream {
        Delivery::Stream
    } else {
        Delivery::Whole
    }
}

#[cfg(test)]
mod tests;
