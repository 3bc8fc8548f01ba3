//! The ledger: what was done, held against what has arrived.

use std::collections::BTreeSet;

use super::application::Administration;
use super::private_texts::PrivateTexts;
use super::receiver::{Received, ReceivedLog};
use crate::Health;
use crate::record::keyring::Keyring;
use crate::record::{AuditRecord, Body, canonical};

/// What a run did and left behind.
pub(super) struct Run<'a> {
    pub(super) calls: u64,
    pub(super) administration: Administration,
    /// The process, as its resource names it: the data directory may hold records of others.
    pub(super) instance: &'a str,
    pub(super) health: &'a Health,
    pub(super) received: &'a Received,
    pub(super) keys: &'a Keyring,
    pub(super) said: &'a PrivateTexts,
    /// Files of the trail in which something of what was said was found.
    pub(super) telling_files: u64,
}

/// The counts, and what was checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ledger {
    pub(super) calls: u64,
    pub(super) spooled: u64,
    pub(super) logs: u64,
    pub(super) spans: u64,
    pub(super) received_calls: u64,
    pub(super) received_changes: u64,
    pub(super) received_accesses: u64,
    pub(super) received_system: u64,
    /// Records that should have been received and were not.
    pub(super) lost: u64,
    pub(super) checks: Vec<Check>,
}

/// Something that was checked, and how often it did not hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Check {
    /// For programs.
    pub(super) name: &'static str,
    /// What holds where nothing was found.
    pub(super) claim: &'static str,
    pub(super) faults: u64,
}

impl Ledger {
    /// The ledger of a run.
    pub(super) fn of(run: &Run<'_>) -> Self {
        let logs: Vec<&ReceivedLog> = run.logs().collect();
        let count = |of_kind: fn(&Body) -> bool| {
            let own = logs.iter().filter(|log| of_kind(&log.record.body));
            own.count() as u64
        };
        let received_calls = count(|body| matches!(body, Body::Call(_)));
        let received_changes = count(|body| matches!(body, Body::Change(_)));
        let received_accesses = count(|body| matches!(body, Body::Access(_)));
        let received_system = count(|body| matches!(body, Body::System(_)));
        let received = logs.len() as u64;
        // What was never recorded is missing by kind, what was recorded and never came by number.
        let never_came = run.health.spooled.saturating_sub(received);
        let missing = run.calls.saturating_sub(received_calls)
            + run.administration.changes.saturating_sub(received_changes)
            + run
                .administration
                .accesses
                .saturating_sub(received_accesses)
            + START_AND_STOP.saturating_sub(received_system);
        Self {
            calls: run.calls,
            spooled: run.health.spooled,
            logs: received,
            spans: run.spans(),
            received_calls,
            received_changes,
            received_accesses,
            received_system,
            lost: missing.max(never_came),
            checks: run.checks(&logs),
        }
    }

    /// Whether everything is there and every check holds.
    pub(super) fn is_clean(&self) -> bool {
        self.lost == 0 && self.checks.iter().all(|check| check.faults == 0)
    }
}

impl Run<'_> {
    /// The records of the calls that arrived, in their order.
    pub(super) fn received_calls(&self) -> Vec<&AuditRecord> {
        let records = self.logs().map(|log| &log.record);
        let mut calls: Vec<_> = records
            .filter(|record| matches!(record.body, Body::Call(_)))
            .collect();
        calls.sort_by_key(|record| record.envelope.time);
        calls
    }

    fn logs(&self) -> impl Iterator<Item = &ReceivedLog> {
        let logs = self.received.logs.values();
        logs.filter(|log| log.instance.as_deref() == Some(self.instance))
    }

    fn spans(&self) -> u64 {
        let spans = self.received.spans.values();
        let own = spans.filter(|span| span.instance.as_deref() == Some(self.instance));
        own.count() as u64
    }

    fn checks(&self, logs: &[&ReceivedLog]) -> Vec<Check> {
        let check = |name, claim, faults| Check {
            name,
            claim,
            faults,
        };
        vec![
            check(
                "sequence",
                "the records' numbers have no gap",
                gaps(logs, self.health.spooled),
            ),
            check(
                "authentication",
                "every record's authentication code is valid",
                logs.iter().filter(|log| !self.is_authentic(log)).count() as u64,
            ),
            check(
                "spans",
                "every call has one span, with the same ids and code",
                self.disagreeing(logs),
            ),
            check(
                "readable",
                "everything received is a record of the trail",
                self.received.unreadable,
            ),
            check(
                "private_received",
                "no prompt, answer or secret is in what was received",
                self.telling_requests(),
            ),
            check(
                "private_on_disk",
                "no prompt, answer or secret is in a file of the trail",
                self.telling_files,
            ),
        ]
    }

    fn is_authentic(&self, log: &ReceivedLog) -> bool {
        let canonical = canonical::bytes(&log.record);
        let mac = log.mac.as_ref();
        mac.is_some_and(|mac| self.keys.verifies(mac, &canonical))
    }

    /// Calls without a span that agrees, and spans beyond the number of calls.
    fn disagreeing(&self, logs: &[&ReceivedLog]) -> u64 {
        let calls = logs
            .iter()
            .filter(|log| matches!(log.record.body, Body::Call(_)));
        let (with, without) = calls.fold((0, 0), |(with, without), log| {
            if self.has_span(log) {
                (with + 1, without)
            } else {
                (with, without + 1)
            }
        });
        without + self.spans().saturating_sub(with + without)
    }

    fn has_span(&self, log: &ReceivedLog) -> bool {
        let envelope = &log.record.envelope;
        let Some(place) = envelope.trace else {
            return false;
        };
        let span = self.received.spans.get(&place.span_id);
        span.is_some_and(|span| {
            span.trace_id == Some(place.trace_id)
                && span.record_id == Some(envelope.record_id.to_string())
                && span.mac.is_some()
                && span.mac == log.mac.as_ref().map(ToString::to_string)
        })
    }

    fn telling_requests(&self) -> u64 {
        let requests = self.received.requests.iter();
        requests.filter(|bytes| self.said.show_in(bytes)).count() as u64
    }
}

/// Numbers that are missing among the first so many of a stream.
fn gaps(logs: &[&ReceivedLog], spooled: u64) -> u64 {
    let positions = logs.iter().filter_map(|log| log.record.envelope.position);
    let numbers: BTreeSet<u64> = positions.map(|position| position.seq).collect();
    (0..spooled)
        .filter(|number| !numbers.contains(number))
        .count() as u64
}

/// Records of the trail's own that every run has.
const START_AND_STOP: u64 = 2;

#[cfg(test)]
mod tests;
