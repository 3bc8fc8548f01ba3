//! Export requests: records or spans of one resource, put together by copying.
//!
//! `ExportLogsServiceRequest` and `ExportTraceServiceRequest` have the same numbers at every level
//! (`collector/logs/v1`, `collector/trace/v1`), so one function writes both.

use super::SCOPE;
use super::wire::{Write as _, bytes_field_len};
use crate::record::{Label, attribute};

/// The two signals that a record is sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// The record itself.
    Logs,
    /// A view of it.
    Traces,
}

impl Signal {
    /// Its name: `logs` or `traces`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Traces => "traces",
        }
    }
}

/// The resource and scope that every request of an emitter begins with: the first fields of a `ResourceLogs` or
/// `ResourceSpans` message, and the first fields of the `ScopeLogs` or `ScopeSpans` in it.
#[must_use]
pub fn scope_and_resource(
    service: Option<&Label>,
    attributes: &[(String, String)],
) -> (Vec<u8>, Vec<u8>) {
    let mut resource = Vec::new();
    let service = service.map(|service| (attribute::SERVICE_NAME.name, service.as_str()));
    let others = attributes
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in service.into_iter().chain(others) {
        let any_len = bytes_field_len(value.len());
        resource.bytes_head(
            RESOURCE_ATTRIBUTES,
            bytes_field_len(name.len()) + bytes_field_len(any_len),
        );
        resource.bytes_field(super::log::KEY, name.as_bytes());
        resource.bytes_head(super::log::VALUE, any_len);
        resource.bytes_field(super::log::STRING_VALUE, value.as_bytes());
    }
    let (mut head, mut scope, mut scope_head) = (Vec::new(), Vec::new(), Vec::new());
    head.bytes_field(RESOURCE, &resource);
    scope.bytes_field(SCOPE_NAME, SCOPE.as_bytes());
    scope.bytes_field(SCOPE_VERSION, env!("CARGO_PKG_VERSION").as_bytes());
    scope_head.bytes_field(SCOPE_FIELD, &scope);
    (head, scope_head)
}

/// Appends the beginning of an export request under one resource and scope: `items_len` bytes of items follow, each as
/// [`write_item`] writes it.
pub fn write_request_head((resource, scope): (&[u8], &[u8]), items_len: usize, out: &mut Vec<u8>) {
    let scope_len = scope.len() + items_len;
    out.bytes_head(RESOURCE_ITEMS, resource.len() + bytes_field_len(scope_len));
    out.extend_from_slice(resource);
    out.bytes_head(SCOPE_ITEMS, scope_len);
    out.extend_from_slice(scope);
}

/// Appends an item of a request: a `LogRecord` or `Span` message, given in pieces.
pub fn write_item(pieces: [&[u8]; 2], out: &mut Vec<u8>) {
    out.bytes_head(ITEMS, pieces[0].len() + pieces[1].len());
    out.extend_from_slice(pieces[0]);
    out.extend_from_slice(pieces[1]);
}

const RESOURCE_ITEMS: u32 = 1;
const RESOURCE: u32 = 1;
const SCOPE_ITEMS: u32 = 2;
const RESOURCE_ATTRIBUTES: u32 = 1;
const SCOPE_FIELD: u32 = 1;
const SCOPE_NAME: u32 = 1;
const SCOPE_VERSION: u32 = 2;
const ITEMS: u32 = 2;

#[cfg(test)]
mod tests;
