//! What arrived somewhere: records by their id, each checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use llm_audit::RecordId;
use llm_audit::record::keyring::Keyring;
use llm_audit::record::{AuditRecord, Body, Mac, StreamId, SystemEvent, canonical};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Records, each once. Every code was verified, and copies are copies to the byte.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    pub(crate) records: BTreeMap<RecordId, AuditRecord>,
    /// How often a record was there again.
    pub(crate) repeated: u64,
    /// Lines without their end, as a kill in the middle of a write leaves them.
    pub(crate) torn: u64,
}

#[derive(Deserialize)]
struct Line<'a> {
    mac: String,
    #[serde(borrow)]
    record: &'a RawValue,
}

impl Trail {
    /// What stands in a directory's JSON-lines files.
    pub(crate) fn of_lines(data_dir: &Path) -> Self {
        let keys = llm_audit::keyring_file::read(&data_dir.join("keyring.json")).unwrap();
        let mut trail = Self::default();
        for entry in fs::read_dir(data_dir).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_none_or(|extension| extension != "jsonl")
            {
                continue;
            }
            for line in fs::read(&path)
                .unwrap()
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
            {
                let line = String::from_utf8_lossy(line);
                let Ok(line) = serde_json::from_str::<Line<'_>>(&line) else {
                    trail.torn += 1;
                    continue;
                };
                let (record, unknown) = canonical::parse(line.record.get()).unwrap();
                assert!(unknown.is_empty(), "{unknown:?}");
                let mac: Mac = line.mac.parse().unwrap();
                assert!(
                    keys.verifies(&mac, line.record.get().as_bytes()),
                    "the code of a line does not hold: {}",
                    line.record.get()
                );
                trail.take(record);
            }
        }
        trail
    }

    /// Takes in a record that came over the wire.
    pub(crate) fn take_sent(&mut self, record: AuditRecord, mac: &Mac, keys: &Keyring) {
        assert!(
            keys.verifies(mac, &canonical::bytes(&record)),
            "the code of a log record does not hold"
        );
        self.take(record);
    }

    fn take(&mut self, record: AuditRecord) {
        let id = record.envelope.record_id;
        if let Some(known) = self.records.get(&id) {
            let (known, record) = (canonical::bytes(known), canonical::bytes(&record));
            assert_eq!(
                String::from_utf8_lossy(&known),
                String::from_utf8_lossy(&record),
                "two records of one id"
            );
            self.repeated += 1;
        } else {
            self.records.insert(id, record);
        }
    }

    /// The status of a call's record; none where there is no record.
    pub(crate) fn status(&self, id: RecordId) -> Option<&'static str> {
        match &self.records.get(&id)?.body {
            Body::Call(call) => Some(call.outcome.status.as_str()),
            other => Some(other.kind()),
        }
    }

    /// How many calls have this status.
    pub(crate) fn count(&self, status: &str) -> usize {
        self.records
            .keys()
            .filter(|id| self.status(**id) == Some(status))
            .count()
    }

    /// The numbers of each stream.
    pub(crate) fn streams(&self) -> BTreeMap<StreamId, BTreeSet<u64>> {
        let mut streams: BTreeMap<StreamId, BTreeSet<u64>> = BTreeMap::new();
        for record in self.records.values() {
            let position = record
                .envelope
                .position
                .expect("a final record has a number");
            let new = streams
                .entry(position.stream)
                .or_default()
                .insert(position.seq);
            assert!(
                new,
                "two records have the number {} of {}",
                position.seq, position.stream
            );
        }
        streams
    }

    /// Numbers that are missing below the highest one of their stream.
    pub(crate) fn missing(&self) -> BTreeMap<StreamId, Vec<u64>> {
        let holes = |numbers: &BTreeSet<u64>| {
            let highest = numbers.last().copied().unwrap_or_default();
            (0..highest)
                .filter(|number| !numbers.contains(number))
                .collect::<Vec<_>>()
        };
        let streams = self.streams();
        let missing = streams
            .iter()
            .map(|(stream, numbers)| (*stream, holes(numbers)));
        missing.filter(|(_, holes)| !holes.is_empty()).collect()
    }

    /// The details of all records about the trail of one kind.
    pub(crate) fn system(&self, event: SystemEvent) -> Vec<Value> {
        let details = self
            .records
            .values()
            .filter_map(|record| match &record.body {
                Body::System(system) if system.event == event => Some(
                    system
                        .detail
                        .as_ref()
                        .map_or(Value::Null, |detail| detail.to_value()),
                ),
                _ => None,
            });
        details.collect()
    }

    /// What gap records count, by reason; zero where they do not know how many.
    pub(crate) fn gaps(&self) -> BTreeMap<String, u64> {
        let mut gaps = BTreeMap::new();
        for detail in self.system(SystemEvent::Gap) {
            let reason = detail["reason"].as_str().unwrap().to_owned();
            *gaps.entry(reason).or_default() += detail["count"].as_u64().unwrap_or(0);
        }
        gaps
    }
}
