//! What stands in for Splunk: a collector that takes events as the HTTP Event Collector does.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::collector::ready;

/// It is not running at first. Its address stays the same.
pub(crate) struct FarSide {
    binary: PathBuf,
    address: String,
    output: TempDir,
    running: Option<Child>,
}

/// Events by the record's id: the fields, once for each copy.
pub(crate) type Events = BTreeMap<String, Vec<Map<String, Value>>>;

impl FarSide {
    pub(crate) fn absent(binary: &Path) -> Self {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            binary: binary.to_owned(),
            address: held.local_addr().unwrap().to_string(),
            output: tempfile::tempdir().unwrap(),
            running: None,
        }
    }

    /// Starts it; returns when it says that it is ready.
    pub(crate) fn start(&mut self) {
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/destinations/far_side.yaml");
        let mut command = Command::new(&self.binary);
        command
            .arg("--config")
            .arg(config)
            .env("FAR_SIDE", &self.address)
            .env("FAR_SIDE_FILE", self.file());
        self.running = Some(ready(&mut command));
    }

    /// Kills it (SIGKILL).
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.running.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/services/collector", self.address)
    }

    /// Waits until events of so many records are there.
    pub(crate) fn wait_for(&self, records: usize) -> Events {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let events = self.events();
            if events.len() >= records {
                return events;
            }
            let there = events.len();
            assert!(Instant::now() < deadline, "{there} of {records} are there");
            std::thread::yield_now();
        }
    }

    fn events(&self) -> Events {
        let mut events = Events::new();
        for line in fs::read_to_string(self.file()).unwrap_or_default().lines() {
            // A kill may leave part of a line behind, and more is being written.
            let request: Value = serde_json::from_str(line).unwrap_or_default();
            let logs = each(&request, "resourceLogs")
                .flat_map(|resource| each(resource, "scopeLogs"))
                .flat_map(|scope| each(scope, "logRecords"));
            for log in logs {
                let mut fields: Map<String, Value> = each(log, "attributes")
                    .map(|pair| {
                        (
                            pair["key"].as_str().unwrap().to_owned(),
                            plain(&pair["value"]),
                        )
                    })
                    .collect();
                fields.insert("event".to_owned(), plain(&log["body"]));
                let id = fields["llm_audit.record.id"].as_str().unwrap().to_owned();
                events.entry(id).or_default().push(fields);
            }
        }
        events
    }

    fn file(&self) -> PathBuf {
        self.output.path().join("events.jsonl")
    }
}

impl Drop for FarSide {
    fn drop(&mut self) {
        self.kill();
    }
}

fn each<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

/// A value without the name of its type.
fn plain(value: &Value) -> Value {
    let inner = value.as_object().and_then(|object| object.values().next());
    inner.cloned().unwrap_or_default()
}

const PATIENCE: Duration = Duration::from_secs(60);
