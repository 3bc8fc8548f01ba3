//! What an auditor recorded, as its own JSON lines hold it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use llm_audit::record::attribute;
use serde_json::{Map, Value};

/// Records by their id.
pub(crate) struct Recorded {
    pub(crate) records: BTreeMap<String, Map<String, Value>>,
}

impl Recorded {
    /// Reads a data directory's files.
    pub(crate) fn read(data_dir: &Path) -> Self {
        let mut records = BTreeMap::new();
        for entry in fs::read_dir(data_dir).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_none_or(|extension| extension != "jsonl")
            {
                continue;
            }
            for line in fs::read_to_string(path).unwrap().split_inclusive('\n') {
                let Some(line) = line.strip_suffix('\n') else {
                    continue;
                };
                let line: Value = serde_json::from_str(line).unwrap();
                let mut record = line["record"].as_object().unwrap().clone();
                record.insert(attribute::MAC.name.to_owned(), line["mac"].clone());
                records.insert(id(&record).to_owned(), record);
            }
        }
        Self { records }
    }

    /// Waits until there are so many.
    pub(crate) fn wait_for(data_dir: &Path, records: usize) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let recorded = Self::read(data_dir);
            if recorded.records.len() >= records {
                return recorded;
            }
            assert!(
                Instant::now() < deadline,
                "{} of {records} are there",
                recorded.records.len()
            );
        }
    }

    /// The calls among them.
    pub(crate) fn calls(&self) -> Vec<&Map<String, Value>> {
        self.records
            .values()
            .filter(|record| record[attribute::KIND.name] == "call")
            .collect()
    }
}

pub(crate) fn id(record: &Map<String, Value>) -> &str {
    record[attribute::RECORD_ID.name].as_str().unwrap()
}

const PATIENCE: Duration = Duration::from_secs(60);
