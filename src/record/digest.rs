//! Digests: keyed hashes of content and identities, and the message authentication code of a record.
//!
//! | what | text form | value |
//! |---|---|---|
//! | [`KeyedHash`] | `hmac-sha256:<form>:<key id>:<64 hex>` | HMAC-SHA256(K, `"llm-audit/"` ‖ field ‖ `"/v1"` ‖ 0x00 ‖ bytes) |
//! | [`Mac`] | `hmac-sha256:<key id>:<64 hex>` | HMAC-SHA256(K, canonical bytes of the record) |
//! | [`ShortUnkeyedHash`] | `<16 hex>` | first 8 bytes of SHA-256(bytes) |
//!
//! `<form>` says what the bytes are: `jcs1` the RFC 8785 form of a JSON value, `raw1` the bytes as they came.
//! How K comes from a keyring is in [`keyring`](super::keyring). HMAC is RFC 2104, SHA-256 is FIPS 180-4.

use std::fmt;
use std::str::FromStr;

use arrayvec::ArrayString;
use sha2::{Digest, Sha256};

use super::hex;

/// A text is not the digest it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a digest of the form {expected} ({length} bytes given)")]
pub struct DigestError {
    expected: &'static str,
    length: usize,
}

/// The name of a key in a keyring: 1 to 32 of `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(ArrayString<KEY_ID_BYTES>);

impl KeyId {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyId {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
        let refused = DigestError {
            expected: "1 to 32 of A-Z a-z 0-9 . _ -",
            length: text.len(),
        };
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err(refused);
        }
        ArrayString::from(text).map(Self).map_err(|_| refused)
    }
}

/// What the bytes under a [`KeyedHash`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HashForm {
    /// The canonical form of a JSON value (RFC 8785), version 1 of our use of it.
    Jcs1,
    /// The bytes as they came, version 1.
    Raw1,
}

impl HashForm {
    fn as_str(self) -> &'static str {
        match self {
            Self::Jcs1 => "jcs1",
            Self::Raw1 => "raw1",
        }
    }
}

/// The field that a keyed hash separates from all others, so that equal bytes in two fields hash differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HashField {
    /// The credential that a call or change was made with.
    Credential,
    /// The text of an error.
    Error,
    /// The messages that were sent to the model.
    Input,
    /// Metadata.
    Metadata,
    /// The messages that came back.
    Output,
    /// The system prompt.
    SystemPrompt,
    /// The tool definitions.
    Tools,
    /// The user's identifier.
    User,
    /// A value of a change, before or after.
    Value,
}

impl HashField {
    /// The label that goes into the hash and that the command line takes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Error => "error",
            Self::Input => "input",
            Self::Metadata => "metadata",
            Self::Output => "output",
            Self::SystemPrompt => "system_prompt",
            Self::Tools => "tools",
            Self::User => "user",
            Self::Value => "value",
        }
    }
}

impl HashField {
    /// What goes into the hash before the bytes.
    pub(crate) fn prefix(self) -> &'static [u8] {
        match self {
            Self::Credential => b"llm-audit/credential/v1\0",
            Self::Error => b"llm-audit/error/v1\0",
            Self::Input => b"llm-audit/input/v1\0",
            Self::Metadata => b"llm-audit/metadata/v1\0",
            Self::Output => b"llm-audit/output/v1\0",
            Self::SystemPrompt => b"llm-audit/system_prompt/v1\0",
            Self::Tools => b"llm-audit/tools/v1\0",
            Self::User => b"llm-audit/user/v1\0",
            Self::Value => b"llm-audit/value/v1\0",
        }
    }
}

impl FromStr for HashField {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        [
            Self::Credential,
            Self::Error,
            Self::Input,
            Self::Metadata,
            Self::Output,
            Self::SystemPrompt,
            Self::Tools,
            Self::User,
            Self::Value,
        ]
        .into_iter()
        .find(|field| field.as_str() == text)
        .ok_or(DigestError {
            expected: "credential, error, input, metadata, output, system_prompt, tools, user or value",
            length: text.len(),
        })
    }
}

/// A keyed hash: equal for equal content under one key and tenant, and a guess cannot be tried without the key.
///
/// ```
/// use llm_audit::record::KeyedHash;
/// let text = format!("hmac-sha256:jcs1:k1:{}", "ab".repeat(32));
/// assert_eq!(text.parse::<KeyedHash>()?.to_string(), text);
/// # Ok::<(), llm_audit::record::DigestError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyedHash {
    pub(super) form: HashForm,
    pub(super) key: KeyId,
    pub(super) value: [u8; 32],
}

impl KeyedHash {
    pub(crate) fn new(form: HashForm, key: &KeyId, value: &[u8; 32]) -> Self {
        Self {
            form,
            key: *key,
            value: *value,
        }
    }

    /// The text form, in a buffer.
    pub(crate) fn encode<'b>(&self, buffer: &'b mut [u8; KEYED_HASH_BYTES]) -> &'b str {
        let length = encode_keyed(self.form, self.key.as_str().as_bytes(), &self.value, buffer);
        std::str::from_utf8(&buffer[..length]).expect("a keyed hash is written in ASCII")
    }

    /// Name of the key that made it.
    #[must_use]
    pub fn key_id(&self) -> &str {
        self.key.as_str()
    }
}

/// Writes the text form of a keyed hash and says how long it is.
pub(super) fn encode_keyed(
    form: HashForm,
    key: &[u8],
    value: &[u8; 32],
    buffer: &mut [u8; KEYED_HASH_BYTES],
) -> usize {
    let before = match form {
        HashForm::Jcs1 => &b"hmac-sha256:jcs1:"[..],
        HashForm::Raw1 => b"hmac-sha256:raw1:",
    };
    encode_parts(before, key, value, buffer)
}

/// Writes the text form of an authentication code and says how long it is.
pub(super) fn encode_code(
    key: &[u8],
    value: &[u8; 32],
    buffer: &mut [u8; KEYED_HASH_BYTES],
) -> usize {
    encode_parts(b"hmac-sha256:", key, value, buffer)
}

fn encode_parts(
    before: &[u8],
    key: &[u8],
    value: &[u8; 32],
    buffer: &mut [u8; KEYED_HASH_BYTES],
) -> usize {
    let digits = before.len() + key.len() + 1;
    buffer[..before.len()].copy_from_slice(before);
    buffer[before.len()..digits - 1].copy_from_slice(key);
    buffer[digits - 1] = b':';
    hex::encode(value, &mut buffer[digits..digits + 64]);
    digits + 64
}

impl fmt::Display for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encode(&mut [0; KEYED_HASH_BYTES]))
    }
}

impl FromStr for KeyedHash {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let parts: Vec<&str> = text.split(':').collect();
        let read = || {
            let [ALGORITHM, form, key, digits] = parts[..] else {
                return None;
            };
            let form = [HashForm::Jcs1, HashForm::Raw1]
                .into_iter()
                .find(|known| known.as_str() == form)?;
            let mut value = [0; 32];
            let key = key.parse().ok()?;
            hex::decode(digits, &mut value).then_some(Self { form, key, value })
        };
        read().ok_or(DigestError {
            expected: "hmac-sha256:<jcs1 or raw1>:<key id>:<64 hex>",
            length: text.len(),
        })
    }
}

/// The message authentication code of a record: whoever made it held the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac {
    key: KeyId,
    value: [u8; 32],
}

impl Mac {
    pub(crate) fn new(key: KeyId, value: [u8; 32]) -> Self {
        Self { key, value }
    }

    /// The key that made it.
    #[must_use]
    pub fn key(&self) -> &KeyId {
        &self.key
    }

    pub(crate) fn value(&self) -> &[u8; 32] {
        &self.value
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 64];
        write!(
            f,
            "{ALGORITHM}:{}:{}",
            self.key,
            hex::encode(&self.value, &mut digits)
        )
    }
}

impl FromStr for Mac {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let refused = DigestError {
            expected: "hmac-sha256:<key id>:<64 hex>",
            length: text.len(),
        };
        let parts: Vec<&str> = text.split(':').collect();
        let [ALGORITHM, key, digits] = parts[..] else {
            return Err(refused);
        };
        let mut value = [0; 32];
        let key = key.parse().map_err(|_| refused)?;
        if hex::decode(digits, &mut value) {
            Ok(Self { key, value })
        } else {
            Err(refused)
        }
    }
}

/// The first 16 hexadecimal digits of a plain SHA-256, as older audit logs hold them.
///
/// Short and without a key: anybody can try guesses against it, and 64 bits collide. It exists to compare with logs
/// of older systems and is never put into a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShortUnkeyedHash([u8; 8]);

impl ShortUnkeyedHash {
    /// Hashes the bytes.
    ///
    /// ```
    /// use llm_audit::record::ShortUnkeyedHash;
    /// assert_eq!(ShortUnkeyedHash::of(b"abc").to_string(), "ba7816bf8f01cfea");
    /// ```
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let full: [u8; 32] = Sha256::digest(bytes).into();
        Self(*full.first_chunk().expect("32 bytes begin with 8"))
    }
}

impl fmt::Display for ShortUnkeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(hex::encode(&self.0, &mut [0; 16]))
    }
}

const ALGORITHM: &str = "hmac-sha256";
pub(super) const KEY_ID_BYTES: usize = 32;
/// Algorithm, form of four letters, key id, 64 digits, and three colons.
pub(super) const KEYED_HASH_BYTES: usize = ALGORITHM.len() + 4 + KEY_ID_BYTES + 64 + 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_before_the_bytes_names_the_field() {
        for name in [
            "credential",
            "input",
            "output",
            "system_prompt",
            "tools",
            "user",
        ] {
            let field: HashField = name.parse().unwrap();
            assert_eq!(field.prefix(), format!("llm-audit/{name}/v1\0").as_bytes());
        }
    }

    #[test]
    fn digests_parse_only_what_they_print() {
        let digits = "0f".repeat(32);
        assert!(
            format!("hmac-sha256:jcs1:k:{digits}")
                .parse::<KeyedHash>()
                .is_ok()
        );
        for text in [
            format!("hmac-sha256:jcs2:k:{digits}"),
            format!("hmac-sha256:jcs1::{digits}"),
            format!("hmac-sha256:jcs1:k:{}", digits.to_uppercase()),
            format!("hmac-sha256:jcs1:k:{digits}0"),
            format!("sha256:jcs1:k:{digits}"),
            format!("hmac-sha256:jcs1:k:{digits}:"),
        ] {
            assert!(text.parse::<KeyedHash>().is_err(), "{text}");
        }
        assert_eq!(
            format!("hmac-sha256:k:{digits}")
                .parse::<Mac>()
                .unwrap()
                .to_string(),
            format!("hmac-sha256:k:{digits}")
        );
        assert!("a key".parse::<KeyId>().is_err());
        assert!("k".repeat(33).parse::<KeyId>().is_err());
    }
}
