//! Content that a rule lets leave: from what was captured to the text that stands in the record.
//!
//! The text is JSON in the form of RFC 8785, of at most [`ContentText::MAX_BYTES`] or what the gate is told, whichever is
//! less. A longer one is not cut, since half a conversation says what nobody said: in its place stands
//! `{"bytes":LENGTH,"llm_audit.omitted":"too_long"}`, and its hash beside it is that of all of it. What came in the form of
//! the conventions and leaves plain is, byte for byte, what the hash is made of.

use serde_json::Value;

use super::messages::{self, Place};
use crate::policy::{ContentForm, Forms};
use crate::record::{CapturedCall, Content, ContentText, DisclosedContent};
use crate::sanitize::{self, Sanitizer};

/// What of the call's content leaves as text.
pub(super) fn of_call(call: &CapturedCall, forms: &Forms, limit: usize) -> DisclosedContent {
    let text = |form, content: &Option<Content>, place| {
        let content = content.as_ref().filter(|_| form >= ContentForm::Redact)?;
        Some(text_of(form, content, place, limit))
    };
    DisclosedContent {
        system_prompt: text(forms.system_prompt, &call.system_prompt, Place::System),
        input: text(forms.input, &call.input, Place::Input),
        output: text(forms.output, &call.response.output, Place::Output),
        tools: text(forms.tools, &call.tools, Place::Tools),
    }
}

fn text_of(form: ContentForm, content: &Content, place: Place, limit: usize) -> ContentText {
    let value = value_of(content);
    let value = match form {
        ContentForm::DangerPlain => value,
        ContentForm::Omit | ContentForm::Hash | ContentForm::Redact => sanitized(value),
    };
    let value = messages::conventional(place, value);
    let written = Content::canonical(&value);
    let text = written.as_ref().map(|content| content.raw().to_text());
    let length = text.as_ref().map_or(0, |text| text.len());
    let text = text
        .filter(|text| text.len() <= limit)
        .and_then(|text| text.parse().ok());
    text.unwrap_or_else(|| omitted(length))
}

/// Content as the sanitizer leaves it, and without what stands under the name of a secret.
fn sanitized(value: Value) -> Value {
    let sanitized = Sanitizer::default().sanitize_json(value);
    sanitize::mask_secrets(sanitized.into_value()).value
}

/// What was captured, as a value; what is no JSON as its text.
fn value_of(content: &Content) -> Value {
    let value = match content {
        Content::Json(raw) => serde_json::from_slice(raw.as_bytes()).ok(),
        Content::Bytes(_) => None,
    };
    let text = || Value::String(content.raw().to_text().as_str().to_owned());
    value.unwrap_or_else(text)
}

fn omitted(bytes: usize) -> ContentText {
    let note = format!(r#"{{"bytes":{bytes},"llm_audit.omitted":"too_long"}}"#);
    note.parse().expect("the note is short and a JSON object")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(form: ContentForm, content: &str, limit: usize) -> String {
        let content = Content::of_text(content);
        text_of(form, &content, Place::Input, limit)
            .as_str()
            .to_owned()
    }

    #[test]
    fn redacted_content_has_a_placeholder_for_each_person_and_nothing_under_the_name_of_a_secret() {
        let said = r#"[{"role": "user", "content": "anna@example.com and bob@example.com, anna@example.com"}, {"role": "tool", "content": [{"password": "x"}]}]"#;
        let left = text(ContentForm::Redact, said, 4096);
        assert!(
            left.contains("<EMAIL_1> and <EMAIL_2>, <EMAIL_1>"),
            "{left}"
        );
        assert!(
            !left.contains("@example.com") && !left.contains("\"x\""),
            "{left}"
        );
    }

    #[test]
    fn what_came_in_the_form_of_the_conventions_leaves_as_it_was_hashed() {
        let messages = r#"[{"role": "user", "parts": [{"type": "text", "content": "a é \u0007 1e400"}], "n": 1.50}]"#;
        let content = Content::of_text(messages);
        let plain = text_of(ContentForm::DangerPlain, &content, Place::Input, 4096);
        assert_eq!(plain.as_str().as_bytes(), content.raw().as_bytes());
    }

    #[test]
    fn redacted_content_has_no_secrets_and_all_else() {
        let key = format!("sk-ant-api03-{}", "a1B2".repeat(24));
        let given = format!(r#"[{{"role":"user","content":"my key is {key} keep it"}}]"#);
        let redacted = text(ContentForm::Redact, &given, 4096);
        assert!(
            !redacted.contains(&key) && redacted.contains("keep it"),
            "{redacted}"
        );
        assert!(text(ContentForm::DangerPlain, &given, 4096).contains(&key));
    }

    #[test]
    fn what_is_too_long_is_replaced_by_a_note_of_its_length_and_never_cut() {
        let whole = text(ContentForm::DangerPlain, "hello", 4096);
        assert_eq!(
            whole,
            r#"[{"parts":[{"content":"hello","type":"text"}],"role":"user"}]"#
        );
        assert_eq!(text(ContentForm::DangerPlain, "hello", whole.len()), whole);
        let note = text(ContentForm::DangerPlain, "hello", whole.len() - 1);
        let expected = format!(
            r#"{{"bytes":{},"llm_audit.omitted":"too_long"}}"#,
            whole.len()
        );
        assert_eq!(note, expected);
    }

    #[test]
    fn what_is_no_json_or_too_deep_for_a_value_leaves_as_its_text() {
        assert_eq!(
            text(ContentForm::DangerPlain, "{oops", 4096),
            r#"[{"parts":[{"content":"{oops","type":"text"}],"role":"user"}]"#
        );
        let deep = "[".repeat(120) + &"]".repeat(120);
        assert!(text(ContentForm::DangerPlain, &deep, 4096).contains(&deep));
    }
}
