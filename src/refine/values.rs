//! JSON values that are not content: of changes, and metadata.

use serde_json::Value;

use crate::policy::ContentForm;
use crate::record::keyring::ContentHasher;
use crate::record::{Content, HashField, JsonText, TextError};
use crate::sanitize;

/// A value in the form in which it leaves. One that is too long is replaced by a note of its length.
pub(super) fn settled(
    hasher: &ContentHasher,
    form: ContentForm,
    field: HashField,
    value: Value,
) -> Option<JsonText> {
    let value = match form {
        ContentForm::Omit => return None,
        ContentForm::Hash => {
            let content = Content::canonical(&value)
                .expect("a JSON value serialises, and has each of its keys once");
            let hash = super::hash(hasher, field, &content);
            serde_json::json!({ "llm_audit.hash": hash.to_string() })
        }
        ContentForm::Redact => sanitize::mask_secrets(value).value,
        ContentForm::DangerPlain => value,
    };
    Some(JsonText::from_value(&value).unwrap_or_else(|error| {
        let bytes = match error {
            TextError::TooLong { length, .. } => length,
            TextError::NotJson { .. } => 0,
        };
        let note = serde_json::json!({ "llm_audit.omitted": "too_long", "bytes": bytes });
        JsonText::from_value(&note).expect("the note is short")
    }))
}
