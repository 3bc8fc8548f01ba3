//! Records of changes and accesses: the audit log of an administration.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::guard::{GuardError, lost};
use super::layer::AuditError;
use super::recorder::Recorder;
use crate::record::{Access, AccessOutcome, Body, Envelope, JsonText, Label, RawText, RecordId};
use crate::refine::CapturedChange;

/// A change that is about to be recorded; made by [`Auditor::change`](crate::Auditor::change).
///
/// Secrets in the values are masked before anything is written, by the name of their field and by their shape.
#[must_use = "nothing is written before record() is called"]
pub struct ChangeRecord {
    recorder: Arc<Recorder>,
    envelope: Envelope,
    change: CapturedChange,
}

impl ChangeRecord {
    pub(crate) fn new(
        recorder: Arc<Recorder>,
        action: &str,
        table_name: &str,
        object_id: &str,
    ) -> Self {
        let envelope = recorder.envelope();
        let change = CapturedChange {
            action: Label::clip(action),
            table_name: Label::clip(table_name),
            object_id: Label::clip(object_id),
            before_value: None,
            updated_values: None,
            api_key: None,
        };
        Self {
            recorder,
            envelope,
            change,
        }
    }

    /// Who made the change.
    pub fn changed_by(mut self, user: &str) -> Self {
        self.envelope.actor.user_id = Some(Label::clip(user));
        self
    }

    /// The API key that it was made with; the record holds its keyed hash.
    pub fn api_key(mut self, key: &str) -> Self {
        self.change.api_key = Some(RawText::from(key));
        self
    }

    /// The tenant.
    pub fn tenant(mut self, tenant: &str) -> Self {
        self.envelope.actor.tenant = Some(Label::clip(tenant));
        self
    }

    /// The address that the request came from.
    pub fn client_address(mut self, address: &str) -> Self {
        self.envelope.actor.client_address = Some(Label::clip(address));
        self
    }

    /// The object's state before.
    ///
    /// # Errors
    /// [`AuditError::NotJson`].
    pub fn before<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self, AuditError> {
        self.change.before_value = Some(to_value("before_value", value)?);
        Ok(self)
    }

    /// What was set.
    ///
    /// # Errors
    /// [`AuditError::NotJson`].
    pub fn updated<T: Serialize + ?Sized>(mut self, values: &T) -> Result<Self, AuditError> {
        self.change.updated_values = Some(to_value("updated_values", values)?);
        Ok(self)
    }

    /// What else the record is to say, as an object; see
    /// [`AuditSpanExt::audit_metadata`](crate::AuditSpanExt::audit_metadata).
    ///
    /// # Errors
    /// [`AuditError::NotJson`].
    pub fn metadata<T: Serialize + ?Sized>(mut self, metadata: &T) -> Result<Self, AuditError> {
        let metadata = to_value("the metadata", metadata)?;
        self.envelope.metadata = Some(JsonText::captured(&metadata));
        Ok(self)
    }

    /// Writes the record; it survives a killed process when this returns.
    ///
    /// # Errors
    /// [`GuardError::NotRecorded`]; the loss is counted and told by a gap record.
    pub fn record(self) -> Result<RecordId, GuardError> {
        let id = self.envelope.record_id;
        if !self.recorder.is_enabled() {
            return Ok(id);
        }
        let written = self.recorder.change(self.envelope, self.change);
        written
            .map(|_| id)
            .map_err(|fault| lost(&self.recorder, &fault))
    }
}

impl fmt::Debug for ChangeRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeRecord")
            .field("record_id", &self.envelope.record_id)
            .finish_non_exhaustive()
    }
}

/// An access that is about to be recorded; made by [`Auditor::access`](crate::Auditor::access).
#[must_use = "nothing is written before record() is called"]
pub struct AccessRecord {
    recorder: Arc<Recorder>,
    envelope: Envelope,
    access: Access,
}

impl AccessRecord {
    pub(crate) fn new(recorder: Arc<Recorder>, operation: &str, outcome: AccessOutcome) -> Self {
        let envelope = recorder.envelope();
        let access = Access {
            operation: Label::clip(operation),
            resource: None,
            outcome,
        };
        Self {
            recorder,
            envelope,
            access,
        }
    }

    /// Who tried.
    pub fn user(mut self, user: &str) -> Self {
        self.envelope.actor.user_id = Some(Label::clip(user));
        self
    }

    /// On what.
    pub fn resource(mut self, resource: &str) -> Self {
        self.access.resource = Some(Label::clip(resource));
        self
    }

    /// The tenant.
    pub fn tenant(mut self, tenant: &str) -> Self {
        self.envelope.actor.tenant = Some(Label::clip(tenant));
        self
    }

    /// The address that the request came from.
    pub fn client_address(mut self, address: &str) -> Self {
        self.envelope.actor.client_address = Some(Label::clip(address));
        self
    }

    /// What else the record is to say, as an object; see
    /// [`AuditSpanExt::audit_metadata`](crate::AuditSpanExt::audit_metadata).
    ///
    /// # Errors
    /// [`AuditError::NotJson`].
    pub fn metadata<T: Serialize + ?Sized>(mut self, metadata: &T) -> Result<Self, AuditError> {
        let metadata = to_value("the metadata", metadata)?;
        self.envelope.metadata = Some(JsonText::captured(&metadata));
        Ok(self)
    }

    /// Writes the record; it survives a killed process when this returns.
    ///
    /// # Errors
    /// [`GuardError::NotRecorded`]; the loss is counted and told by a gap record.
    pub fn record(self) -> Result<RecordId, GuardError> {
        let id = self.envelope.record_id;
        if !self.recorder.is_enabled() {
            return Ok(id);
        }
        let written = self
            .recorder
            .other(self.envelope, Body::Access(self.access));
        written
            .map(|_| id)
            .map_err(|fault| lost(&self.recorder, &fault))
    }
}

impl fmt::Debug for AccessRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessRecord")
            .field("record_id", &self.envelope.record_id)
            .finish_non_exhaustive()
    }
}

fn to_value<T: Serialize + ?Sized>(field: &'static str, value: &T) -> Result<Value, AuditError> {
    serde_json::to_value(value).map_err(|_| AuditError::NotJson { field })
}
