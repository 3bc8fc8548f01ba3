//! The bodies of records about changes, accesses and the trail itself.

use super::{JsonText, KeyedHash, Label};

/// A change of something that is administered: a user, a key, a role, a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What was done (`created`, `updated`, `deleted`, `rotated`, `blocked`, …).
    pub action: Label,
    /// The kind of object.
    pub table_name: Label,
    /// Which object.
    pub object_id: Label,
    /// Its state before, secrets masked.
    pub before_value: Option<JsonText>,
    /// What was set, secrets masked.
    pub updated_values: Option<JsonText>,
    /// Keyed hash of the API key in use.
    pub changed_by_api_key: Option<KeyedHash>,
}

/// A login, a denial, or a read or export of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// What was tried (`login`, `logout`, `read`, `export`, …).
    pub operation: Label,
    /// On what.
    pub resource: Option<Label>,
    /// How it ended.
    pub outcome: AccessOutcome,
}

named! {
    /// How an access ended.
    AccessOutcome {
        /// Let through.
        Allowed = "allowed",
        /// Refused.
        Denied = "denied",
        /// Failed for another reason.
        Failed = "failed",
    }
}

/// Something that happened to the trail itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// What.
    pub event: SystemEvent,
    /// The facts: a JSON object.
    pub detail: Option<JsonText>,
}

named! {
    /// What happened to the trail.
    SystemEvent {
        /// Settings were changed.
        Configuration = "configuration",
        /// Somebody's data was erased.
        Erasure = "erasure",
        /// Records are missing, and so many are known to be.
        Gap = "gap",
        /// A sign of life with totals.
        Heartbeat = "heartbeat",
        /// A legal hold was set or released.
        Hold = "hold",
        /// A key was made, rotated or retired.
        Key = "key",
        /// What a process left that is gone was taken over.
        Recovery = "recovery",
        /// Records were deleted by a retention rule.
        Retention = "retention",
        /// A stream began.
        Start = "start",
        /// A stream ended in order.
        Stop = "stop",
    }
}
