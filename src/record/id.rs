//! Identifiers: of records, streams, traces and spans.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Why a text is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The text is not a UUID of version 7 in lower-case hyphenated form.
    #[error("not a lower-case hyphenated UUIDv7 ({length} bytes given, 36 expected)")]
    NotUuidV7 {
        /// Length of what was given, in bytes.
        length: usize,
    },
    /// The text is not lower-case hexadecimal of the right length, or is all zeros.
    #[error(
        "not {expected} lower-case hexadecimal digits other than all zeros ({length} bytes given)"
    )]
    NotHex {
        /// Digits that the identifier has.
        expected: usize,
        /// Length of what was given, in bytes.
        length: usize,
    },
}

macro_rules! uuid_v7 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes the identifier from the time in milliseconds since the Unix epoch and 10 random bytes
            /// (RFC 9562 section 5.7).
            #[must_use]
            pub fn from_parts(unix_millis: u64, random: [u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(unix_millis, &random).into_uuid())
            }

            /// Takes the 16 bytes, or `None` where they are no UUID of version 7.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
                let uuid = Uuid::from_bytes(bytes);
                (uuid.get_version_num() == 7).then_some(Self(uuid))
            }

            /// The 16 bytes, big-endian.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// Writes the 36 characters into `buffer` and returns them.
            pub fn encode<'a>(&self, buffer: &'a mut [u8; 36]) -> &'a str {
                self.0.hyphenated().encode_lower(buffer)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let refused = IdError::NotUuidV7 { length: text.len() };
                let uuid = Uuid::try_parse(text).map_err(|_| refused.clone())?;
                let id = Self(uuid);
                let strict = uuid.get_version_num() == 7 && id.encode(&mut [0; 36]) == text;
                if strict { Ok(id) } else { Err(refused) }
            }
        }
    };
}

uuid_v7! {
    /// The identity of one audit record: a UUIDv7, made once by the emitter, and the idempotency key everywhere.
    ///
    /// The reference documents call it the request id. It sorts by time of creation.
    ///
    /// ```
    /// use llm_audit::RecordId;
    /// let id = RecordId::from_parts(1_700_000_000_000, [7; 10]);
    /// assert_eq!(id, id.to_string().parse::<RecordId>()?);
    /// assert!(id.to_string().to_uppercase().parse::<RecordId>().is_err(), "only what Display prints is parsed");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    RecordId
}

uuid_v7! {
    /// The identity of one emitter stream: a UUIDv7, one for each start of an emitting process.
    StreamId
}

macro_rules! otel_id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// Takes the bytes, or `None` where they are all zeros, which OpenTelemetry defines as invalid.
            #[must_use]
            pub fn from_bytes(bytes: [u8; $bytes]) -> Option<Self> {
                (bytes != [0; $bytes]).then_some(Self(bytes))
            }

            /// The bytes, as OTLP carries them.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// Writes the hexadecimal digits into `buffer` and returns them.
            pub fn encode<'a>(&self, buffer: &'a mut [u8; $bytes * 2]) -> &'a str {
                super::hex::encode(&self.0, buffer)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.encode(&mut [0; $bytes * 2]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0; $bytes];
                super::hex::decode(text, &mut bytes)
                    .then(|| Self::from_bytes(bytes))
                    .flatten()
                    .ok_or(IdError::NotHex { expected: $bytes * 2, length: text.len() })
            }
        }
    };
}

otel_id! {
    /// An OpenTelemetry trace id: 16 bytes, not all zero.
    TraceId, 16
}

otel_id! {
    /// An OpenTelemetry span id: 8 bytes, not all zero.
    SpanId, 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_id_is_a_uuid_of_version_7_that_carries_its_time() {
        let id = RecordId::from_parts(0x0192_3456_789a, [0xff; 10]);
        assert_eq!(id.to_string(), "01923456-789a-7fff-bfff-ffffffffffff");
    }

    #[test]
    fn other_spellings_and_versions_are_refused() {
        for text in [
            "",
            "01923456-789A-7fff-bfff-ffffffffffff",
            "01923456789a7fffbfffffffffffffff",
            "{01923456-789a-7fff-bfff-ffffffffffff}",
            "936da01f-9abd-4d9d-80c7-02af85c822a8",
        ] {
            assert!(text.parse::<RecordId>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_all_zero_trace_id_is_invalid() {
        assert!(TraceId::from_bytes([0; 16]).is_none());
        assert!("0".repeat(32).parse::<TraceId>().is_err());
        assert_eq!(
            "000000000000000a".parse::<SpanId>().unwrap().to_string(),
            "000000000000000a"
        );
        assert!("000000000000000A".parse::<SpanId>().is_err());
    }
}
