//! Content in the form of the OpenTelemetry GenAI conventions (development, as of November 2026): messages of a role and
//! parts, a system prompt of parts, flat tool definitions.
//!
//! What applications and providers' requests commonly have is put into that form: plain texts, `content` as a text or as
//! blocks, calls of tools and their results, of OpenAI (chat completions and responses), Anthropic, Gemini and Bedrock. Only
//! names and nesting change, never a text. What is not known stays as it is.

use serde_json::{Map, Value, json};

/// What the content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The messages sent.
    Input,
    /// The messages received.
    Output,
    /// The system prompt.
    System,
    /// The tool definitions.
    Tools,
}

/// The value in the form of the conventions, as far as its own is known.
pub(super) fn conventional(place: Place, value: Value) -> Value {
    let items = |value, one: fn(Value) -> Value| match value {
        Value::Array(items) => items.into_iter().map(one).collect(),
        Value::String(_) => Value::Array(vec![one(value)]),
        other => other,
    };
    match place {
        Place::Input => items(value, |item| message(item, "user")),
        Place::Output => items(value, |item| message(item, "assistant")),
        Place::System => items(value, part),
        Place::Tools => items(value, tool),
    }
}

fn message(item: Value, role: &str) -> Value {
    match item {
        Value::String(_) => json!({ "role": role, "parts": [part(item)] }),
        Value::Object(map) if map.get("role").is_some_and(Value::is_string) => of_role(map),
        Value::Object(map) if is_text(&map, "type") && map.contains_key("call_id") => {
            of_responses(map)
        }
        other => other,
    }
}

fn of_role(mut map: Map<String, Value>) -> Value {
    if map.get("role").and_then(Value::as_str) == Some("model") {
        map.insert("role".into(), "assistant".into());
    }
    let mut parts = match (map.remove("parts"), map.remove("content")) {
        (Some(Value::Array(parts)), None) => parts,
        (None, Some(content)) if map.contains_key("tool_call_id") => {
            let id = map.remove("tool_call_id");
            vec![json!({ "type": "tool_call_response", "id": id, "response": content })]
        }
        (None, Some(Value::Array(blocks))) => blocks,
        (None, Some(Value::Null) | None) => Vec::new(),
        (None, Some(content)) => vec![content],
        // Nobody writes both: leave it.
        (parts, content) => {
            map.extend(parts.map(|parts| ("parts".into(), parts)));
            map.extend(content.map(|content| ("content".into(), content)));
            return Value::Object(map);
        }
    };
    if let Some(Value::Array(calls)) = map.get_mut("tool_calls").map(Value::take) {
        map.remove("tool_calls");
        parts.extend(calls);
    }
    map.insert("parts".into(), parts.into_iter().map(part).collect());
    Value::Object(map)
}

/// A call of a tool, or its result, as a message of the responses API has it.
fn of_responses(mut map: Map<String, Value>) -> Value {
    let id = map.remove("call_id");
    let kind = map.get("type").and_then(Value::as_str).unwrap_or_default();
    let (role, part) = if kind.ends_with("_output") {
        let response = map.remove("output");
        (
            "tool",
            json!({ "type": "tool_call_response", "id": id, "response": response }),
        )
    } else {
        let (name, arguments) = (map.remove("name"), map.remove("arguments"));
        (
            "assistant",
            json!({ "type": "tool_call", "id": id, "name": name, "arguments": arguments }),
        )
    };
    json!({ "role": role, "parts": [part] })
}

fn part(item: Value) -> Value {
    let mut map = match item {
        Value::String(text) => return json!({ "type": "text", "content": text }),
        Value::Object(map) => map,
        other => return other,
    };
    let kind = map.get("type").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "text" | "input_text" | "output_text" | "" if is_text(&map, "text") => {
            let text = map.remove("text");
            map.insert("type".into(), "text".into());
            map.extend(text.map(|text| ("content".into(), text)));
        }
        "thinking" if is_text(&map, "thinking") => {
            let text = map.remove("thinking");
            map.insert("type".into(), "reasoning".into());
            map.extend(text.map(|text| ("content".into(), text)));
        }
        "tool_use" => {
            map.insert("type".into(), "tool_call".into());
            rename(&mut map, "input", "arguments");
        }
        "tool_result" => {
            map.insert("type".into(), "tool_call_response".into());
            rename(&mut map, "tool_use_id", "id");
            rename(&mut map, "content", "response");
        }
        "function" if map.get("function").is_some_and(Value::is_object) => {
            if let Some(Value::Object(function)) = map.remove("function") {
                map.extend(function);
            }
            map.insert("type".into(), "tool_call".into());
        }
        _ => {}
    }
    Value::Object(map)
}

fn tool(item: Value) -> Value {
    let Value::Object(mut map) = item else {
        return item;
    };
    if let Some(Value::Object(function)) = map.get_mut("function").map(Value::take) {
        map.remove("function");
        map.extend(function);
    }
    if map.contains_key("input_schema") {
        rename(&mut map, "input_schema", "parameters");
        map.entry("type").or_insert_with(|| "function".into());
    }
    Value::Object(map)
}

fn rename(map: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = map.remove(from) {
        map.insert(to.into(), value);
    }
}

fn is_text(map: &Map<String, Value>, key: &str) -> bool {
    map.get(key).is_some_and(Value::is_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(place: Place, given: Value, expected: Value) {
        assert_eq!(conventional(place, given), expected);
        assert_eq!(
            conventional(place, expected.clone()),
            expected,
            "its own form stays"
        );
    }

    #[test]
    fn texts_become_messages_and_parts() {
        let said = |role: &str| json!([{ "role": role, "parts": [{ "type": "text", "content": "hello" }] }]);
        check(Place::Input, json!("hello"), said("user"));
        check(Place::Input, json!(["hello"]), said("user"));
        check(
            Place::Input,
            json!([{ "role": "user", "content": "hello" }]),
            said("user"),
        );
        check(Place::Output, json!("hello"), said("assistant"));
        check(
            Place::System,
            json!("be brief"),
            json!([{ "type": "text", "content": "be brief" }]),
        );
        check(
            Place::System,
            json!([{ "type": "text", "text": "be brief", "cache_control": { "type": "ephemeral" } }]),
            json!([{ "type": "text", "content": "be brief", "cache_control": { "type": "ephemeral" } }]),
        );
    }

    #[test]
    fn tool_calls_and_results_of_providers_become_parts() {
        let expected = json!([
            { "role": "assistant", "parts": [{ "type": "tool_call", "id": "1", "name": "weather", "arguments": "{}" }] },
            { "role": "tool", "parts": [{ "type": "tool_call_response", "id": "1", "response": "rain" }] },
        ]);
        let chat = json!([
            { "role": "assistant", "content": null, "tool_calls": [{ "type": "function", "id": "1", "function": { "name": "weather", "arguments": "{}" } }] },
            { "role": "tool", "tool_call_id": "1", "content": "rain" },
        ]);
        check(Place::Input, chat, expected.clone());
        let responses = json!([
            { "type": "function_call", "call_id": "1", "name": "weather", "arguments": "{}" },
            { "type": "function_call_output", "call_id": "1", "output": "rain" },
        ]);
        check(Place::Input, responses, expected);
        let anthropic = json!([{ "role": "user", "content": [
            { "type": "tool_use", "id": "1", "name": "weather", "input": {} },
            { "type": "tool_result", "tool_use_id": "1", "content": "rain" },
        ] }]);
        let expected = json!([{ "role": "user", "parts": [
            { "type": "tool_call", "id": "1", "name": "weather", "arguments": {} },
            { "type": "tool_call_response", "id": "1", "response": "rain" },
        ] }]);
        check(Place::Input, anthropic, expected);
    }

    #[test]
    fn parts_without_a_type_are_texts_and_a_model_is_an_assistant() {
        let gemini = json!([{ "role": "model", "parts": [{ "text": "hello" }] }]);
        let expected =
            json!([{ "role": "assistant", "parts": [{ "type": "text", "content": "hello" }] }]);
        check(Place::Input, gemini, expected.clone());
        let bedrock = json!([{ "role": "assistant", "content": [{ "text": "hello" }] }]);
        check(Place::Input, bedrock, expected);
    }

    #[test]
    fn tool_definitions_become_flat() {
        let flat = json!([{ "type": "function", "name": "weather", "parameters": {} }]);
        let chat =
            json!([{ "type": "function", "function": { "name": "weather", "parameters": {} } }]);
        check(Place::Tools, chat, flat.clone());
        check(
            Place::Tools,
            json!([{ "name": "weather", "input_schema": {} }]),
            flat,
        );
    }

    #[test]
    fn what_is_not_known_stays() {
        for value in [
            json!(null),
            json!({ "a": 1 }),
            json!([1, [2], null]),
            json!([{ "type": "item_reference", "id": "1" }]),
            json!([{ "role": "user", "parts": [], "content": "both" }]),
            json!([{ "role": "user", "parts": [{ "type": "image_url", "image_url": { "url": "x" } }] }]),
        ] {
            assert_eq!(conventional(Place::Input, value.clone()), value);
        }
    }
}
