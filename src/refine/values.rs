//! JSON values that are not content: of changes, and metadata.

use serde_json::Value;

use crate::policy::ContentForm;
use crate::record::keyring::ContentHasher;
use crate::record::{Content, HashField, JsonText, TextError};
use crate::sanitize;

/// The metadata of a call in the form in which they leave.
pub(super) fn of_call(
    hasher: &ContentHasher,
    form: ContentForm,
    metadata: Option<&Content>,
) -> Option<JsonText> {
    let value = match metadata? {
        Content::Json(raw) => serde_json::from_slice(raw.as_bytes())
            .unwrap_or_else(|_| JsonText::note(&TextError::TOO_DEEP).to_value()),
        Content::Bytes(raw) => serde_json::from_slice(raw.as_bytes())
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(raw.as_bytes()))),
    };
    metadata_settled(hasher, form, value)
}

/// Metadata in the form in which they leave. What is no object becomes the `value` of one.
pub(super) fn metadata_settled(
    hasher: &ContentHasher,
    form: ContentForm,
    value: Value,
) -> Option<JsonText> {
    let object = match value {
        Value::Object(_) => value,
        other => serde_json::json!({ "value": other }),
    };
    settled(hasher, form, HashField::Metadata, object)
}

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
    Some(JsonText::or_note(&value))
}
