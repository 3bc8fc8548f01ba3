//! Where records are to go: another collector, which writes what it gets to a file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use llm_audit::RecordId;
use llm_audit::record::attribute::{self, Role};
use llm_audit::record::{SystemEvent, canonical};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::application::{Made, PATIENCE};
use crate::collector::Collector;
use crate::trail::Trail;

/// A collector with `file.yaml` in the place of a destination, running or not. Its address stays the same.
pub(crate) struct FarSide {
    collector: Collector,
    output: TempDir,
}

impl FarSide {
    /// One that is not running.
    pub(crate) fn absent(collector: Collector) -> Self {
        let output = tempfile::tempdir().unwrap();
        let directory = output.path().to_str().unwrap();
        let collector =
            collector.configured("file.yaml", &[("LLM_AUDIT_COLLECTOR_DIR", directory)]);
        File::create(output.path().join(LOGS)).unwrap();
        Self { collector, output }
    }

    pub(crate) fn start(&mut self) {
        self.collector.start();
    }

    /// Kills it (SIGKILL).
    pub(crate) fn kill(&mut self) {
        self.collector.kill();
    }

    /// Where it takes OTLP/HTTP.
    pub(crate) fn http(&self) -> String {
        self.collector.http_endpoint()
    }

    /// Waits until everything is there that an application recorded, and nothing is missing between it.
    pub(crate) fn wait_for(&self, made: &Made) -> Trail {
        let mut arriving = Arriving::at(self.output.path().join(LOGS), made);
        while !arriving.is_complete() {
            arriving.take_next_line();
        }
        std::mem::take(&mut arriving.trail)
    }

    /// Waits until the first record is there.
    pub(crate) fn wait_for_the_first(&self) {
        let file = self.output.path().join(LOGS);
        crate::application::wait_until(|| file.metadata().unwrap().len() > 0);
    }

    /// Nothing has come so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.output.path().join(LOGS).metadata().unwrap().len() == 0
    }
}

/// A trail that is being written to a file.
struct Arriving<'a> {
    made: &'a Made,
    trail: Trail,
    /// The first copy of each record.
    first: BTreeMap<RecordId, Value>,
    lines: Receiver<String>,
    follower: Child,
    deadline: Instant,
}

impl<'a> Arriving<'a> {
    fn at(file: PathBuf, made: &'a Made) -> Self {
        let mut follow = Command::new("tail");
        follow.args(["-f", "-n", "+1"]).arg(file);
        let mut follower = follow.stdout(Stdio::piped()).spawn().unwrap();
        let (line, lines) = channel();
        let output = BufReader::new(follower.stdout.take().unwrap());
        std::thread::spawn(move || {
            for read in output.lines() {
                // Whoever waited is gone when everything is there.
                if line.send(read.unwrap()).is_err() {
                    return;
                }
            }
        });
        Self {
            made,
            trail: Trail::default(),
            first: BTreeMap::new(),
            lines,
            follower,
            deadline: Instant::now() + PATIENCE,
        }
    }

    /// The start of the trail and its stop are two records more.
    fn is_complete(&self) -> bool {
        let records = &self.trail.records;
        records.len() >= self.made.ids.len() + 2
            && self.made.ids.iter().all(|id| records.contains_key(id))
            && self.trail.system(SystemEvent::Stop).len() == 1
            && self.trail.missing().is_empty()
    }

    fn take_next_line(&mut self) {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let Ok(line) = self.lines.recv_timeout(left) else {
            let holes = self.trail.missing();
            panic!(
                "{} of {} records are there, {} numbers are missing between them",
                self.trail.records.len(),
                self.made.ids.len() + 2,
                holes.values().map(Vec::len).sum::<usize>()
            );
        };
        // A kill may have left part of a request before it.
        let start = line.rfind(r#"{"resourceLogs":"#).unwrap_or_default();
        let request: Value = serde_json::from_str(&line[start..]).unwrap_or_default();
        for part in each(&request, "resourceLogs") {
            let scopes = each(part, "scopeLogs");
            for log in scopes.flat_map(|scope| each(scope, "logRecords")) {
                self.take(&part["resource"], log);
            }
        }
    }

    /// A record: its code holds, and a copy says the same in all that it says.
    fn take(&mut self, resource: &Value, log: &Value) {
        let (canonical, mac) = proven(resource, log);
        let (record, unknown) = canonical::parse(&canonical).unwrap();
        assert!(unknown.is_empty(), "{unknown:?}");
        let id = record.envelope.record_id;
        let first = self.first.entry(id).or_insert_with(|| log.clone());
        assert_eq!(first, log, "two copies of a record");
        self.trail
            .take_sent(record, &mac.parse().unwrap(), &self.made.keys);
    }
}

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        self.follower.kill().unwrap();
        self.follower.wait().unwrap();
    }
}

/// What a log record of OTLP JSON says that its code covers, as one JSON object, and the code.
fn proven(resource: &Value, log: &Value) -> (String, String) {
    let mut fields: Map<String, Value> = attributes(log)
        .filter(|(name, _)| !is_derived(name))
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    for (native, field) in [
        (&attribute::TRACE_ID, "traceId"),
        (&attribute::SPAN_ID, "spanId"),
    ] {
        let value = log[field].as_str().filter(|value| !value.is_empty());
        fields.extend(value.map(|value| (native.name.to_owned(), json!(value))));
    }
    fields.insert(attribute::TIME.name.to_owned(), log["timeUnixNano"].clone());
    let service = attributes(resource).find(|(name, _)| *name == attribute::SERVICE_NAME.name);
    fields.extend(service.map(|(name, value)| (name.to_owned(), value)));
    let mac = fields.remove(attribute::MAC.name).unwrap();
    (
        Value::Object(fields).to_string(),
        mac.as_str().unwrap().to_owned(),
    )
}

fn attributes(item: &Value) -> impl Iterator<Item = (&str, Value)> {
    each(item, "attributes").map(|attribute| {
        let name = attribute["key"].as_str().unwrap();
        (name, plain(&attribute["value"]))
    })
}

/// A value without the name of its type.
fn plain(value: &Value) -> Value {
    let (of_type, inner) = value.as_object().unwrap().iter().next().unwrap();
    match of_type.as_str() {
        // Numbers beyond 2^53 stay texts, as they are in the canonical form.
        "intValue" => match inner.as_str().unwrap().parse::<u64>().unwrap() {
            number if number > 1 << 53 => inner.clone(),
            number => json!(number),
        },
        "arrayValue" => each(inner, "values").map(plain).collect(),
        _ => inner.clone(),
    }
}

fn is_derived(name: &str) -> bool {
    attribute::TABLE
        .iter()
        .any(|row| row.name == name && row.role == Role::Derived)
}

fn each<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

/// What `file.yaml` calls it.
const LOGS: &str = "logs.jsonl";
