//! The texts of a request, of any format, and the marker words in them.

use serde_json::Value;

/// The texts of a request and what its marker words say.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    texts: Vec<String>,
    user: String,
    markers: Vec<String>,
    follows_tool_result: bool,
}

impl Prompt {
    /// Reads the prompt of any of the formats.
    pub(super) fn read(body: &Value) -> Self {
        let mut prompt = Self::default();
        for field in ["system", "instructions", "systemInstruction"] {
            collect_texts(&body[field], &mut prompt.texts);
        }
        let lists = ["messages", "contents", "input"].map(|field| body[field].as_array());
        match lists.into_iter().flatten().next() {
            Some(messages) => prompt.read_messages(messages),
            None => prompt.read_message(&Value::Null, &body["input"]),
        }
        prompt.markers = markers_of(&prompt.user);
        prompt
    }

    fn read_messages(&mut self, messages: &[Value]) {
        for message in messages {
            match message {
                Value::Object(said) => {
                    let content = said.get("content").or(said.get("parts"));
                    self.read_message(message, content.unwrap_or(&Value::Null));
                }
                text => self.read_message(&Value::Null, text),
            }
        }
    }

    fn read_message(&mut self, message: &Value, content: &Value) {
        let before = self.texts.len();
        collect_texts(content, &mut self.texts);
        let is_tool_result = |part: &Value| {
            let named = ["toolResult", "functionResponse"];
            part["type"] == "tool_result" || named.iter().any(|name| part[*name].is_object())
        };
        self.follows_tool_result = message["role"] == "tool"
            || message["type"] == "function_call_output"
            || content
                .as_array()
                .is_some_and(|parts| parts.iter().any(is_tool_result));
        let said = self.texts[before..].join("\n");
        if !self.follows_tool_result
            && !said.is_empty()
            && (message.is_null() || message["role"] == "user")
        {
            self.user = said;
        }
    }

    /// The marker words, without brackets, in their order.
    pub(super) fn markers(&self) -> &[String] {
        &self.markers
    }

    pub(super) fn has(&self, marker: &str) -> bool {
        self.markers.iter().any(|found| found == marker)
    }

    pub(super) fn tokens(&self) -> u64 {
        self.texts.iter().map(|text| tokens(text)).sum()
    }

    /// Every text, the system prompt first.
    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Whether the last message brings the result of a tool.
    pub(super) fn follows_tool_result(&self) -> bool {
        self.follows_tool_result
    }

    /// The last user message without its markers.
    pub(super) fn user_text(&self) -> String {
        let text = self.markers.iter().fold(self.user.clone(), |text, marker| {
            text.replace(&format!("[[{marker}]]"), "")
        });
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// One token for every 4 bytes, rounded up.
pub(super) fn tokens(text: &str) -> u64 {
    text.len().div_ceil(4) as u64
}

fn collect_texts(content: &Value, texts: &mut Vec<String>) {
    match content {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(parts) => parts.iter().for_each(|part| collect_texts(part, texts)),
        Value::Object(part) => {
            ["text", "content", "parts"]
                .iter()
                .filter_map(|field| part.get(*field))
                .for_each(|inner| collect_texts(inner, texts));
        }
        _ => {}
    }
}

fn markers_of(text: &str) -> Vec<String> {
    let inner = text
        .split("[[")
        .skip(1)
        .filter_map(|rest| rest.split_once("]]"));
    inner.map(|(marker, _)| marker.to_owned()).collect()
}
