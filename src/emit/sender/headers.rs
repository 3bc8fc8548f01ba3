//! Headers of requests, as the application gives them: their values are secrets.

use std::fmt;

use http::header::{HeaderName, HeaderValue};

/// A header of every request.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
}

/// Why a pair is no header. Values are never shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    #[error("header {name:?} is binary, and only headers of text can be given")]
    Binary { name: String },
    #[error("{name:?} is no name for a header of a request")]
    Name { name: String },
    #[error("the value of header {name:?} has other than visible ASCII characters")]
    Value { name: String },
}

impl Header {
    pub(crate) fn parse(name: &str, value: &str) -> Result<Self, HeaderError> {
        let lower = name.to_ascii_lowercase();
        let own = || name.to_owned();
        if lower.ends_with("-bin") {
            return Err(HeaderError::Binary { name: own() });
        }
        let parsed = HeaderName::from_bytes(lower.as_bytes()).ok();
        let reserved = lower.starts_with("grpc-") || RESERVED.contains(&lower.as_str());
        let name = parsed
            .filter(|_| !reserved)
            .ok_or_else(|| HeaderError::Name { name: own() })?;
        let visible = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let mut value = HeaderValue::from_str(value)
            .ok()
            .filter(|_| visible)
            .ok_or_else(|| HeaderError::Value { name: own() })?;
        // Not shown by Debug, and not kept in the compression tables of anybody on the way.
        value.set_sensitive(true);
        Ok(Self { name, value })
    }
}

impl fmt::Debug for Header {
    /// Shows the name only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)
    }
}

/// Headers that the protocols set themselves.
const RESERVED: [&str; 9] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "user-agent",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_gets_into_an_error_or_is_shown() {
        for (name, value) in [
            ("x-token", "s3cret\n"),
            ("x-token", "s3cret\u{e9}"),
            ("x-token-bin", "s3cret"),
            ("x token", "s3cret"),
            ("grpc-timeout", "s3cret"),
            ("User-Agent", "s3cret"),
            ("", "s3cret"),
        ] {
            let refused = Header::parse(name, value).unwrap_err().to_string();
            assert!(
                refused.contains(name) && !refused.contains("s3cret"),
                "{refused}"
            );
        }
        let header = Header::parse("Authorization", "Bearer s3cret").unwrap();
        assert_eq!(format!("{header:?}"), "authorization");
        assert_eq!(header.value, "Bearer s3cret");
    }
}
