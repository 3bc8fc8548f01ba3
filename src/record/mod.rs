//! The words of the house: what a record is, and the captured call it is made of.
//!
//! Nothing here touches the world. A [`CapturedCall`] holds raw text and becomes an [`AuditRecord`] at the gate and
//! nowhere else; an [`AuditRecord`] holds none. [`attribute`] is the one table of names that every form of a record
//! is written with, [`canonical`] the one byte string that is authenticated.

/// Declares an enum whose variants have exactly one name each, printed and parsed.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::record::UnknownName;

            fn from_str(text: &str) -> Result<Self, $crate::record::UnknownName> {
                let known = Self::ALL.iter().copied().find(|name| name.as_str() == text);
                known.ok_or($crate::record::UnknownName { expected: concat!($($text, " "),+) })
            }
        }
    };
}

pub mod attribute;
mod borrowed;
mod call;
pub mod canonical;
mod captured;
mod change;
pub(crate) mod decimal;
mod digest;
mod envelope;
mod fields;
pub(crate) mod hex;
mod id;
mod jcs;
pub mod keyring;
mod money;
mod parse;
mod strict_json;
#[cfg(test)]
pub(crate) mod testing;
mod text;
mod time;
mod usage;
mod walk;

pub(crate) use self::borrowed::{
    ActorRef, BodyRef, CallRef, CostRef, EnvelopeRef, OutcomeRef, RecordRef, ResponseRef,
};
pub use self::call::{
    Call, ContentHashes, Cost, CostSource, Delivery, Outcome, Request, Response, Sanitization,
    SanitizationStatus, Status, UsageSource,
};
pub(crate) use self::captured::Identified;
pub use self::captured::{
    CapturedCall, Content, Counted, Ending, Failure, RawText, ResponseFacts, Verdict,
};
pub use self::change::{Access, AccessOutcome, Change, System, SystemEvent};
pub use self::digest::{DigestError, HashField, HashForm, KeyId, KeyedHash, Mac, ShortUnkeyedHash};
pub use self::envelope::{Actor, Envelope, StreamPosition, TraceContext};
pub use self::fields::{AuditRecord, Body, Severity};
pub use self::id::{IdError, RecordId, SpanId, StreamId, TraceId};
pub(crate) use self::money::{USD_BYTES, UsdSum};
pub use self::money::{Usd, UsdError};
pub use self::parse::RecordError;
pub(crate) use self::parse::{Fields, OwnedValue};
pub(crate) use self::text::exact_json;
pub use self::text::{JsonText, Label, Message, TextError};
pub use self::time::{Timestamp, TimestampError};
pub use self::usage::{Usage, UsageExtras, UsageFacts};
pub(crate) use self::walk::{FieldName, Sink, Value};

/// A text is none of the names that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one of: {expected}")]
pub struct UnknownName {
    expected: &'static str,
}
