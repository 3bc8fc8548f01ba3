//! `collector-config/destinations/grafana.yaml` before Loki and Tempo themselves, asked by their own APIs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use llm_audit::record::attribute;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::application::application;
use crate::collector::Collector;
use crate::recorded::{self, Recorded};
use crate::{TOKEN, auditor, tool, web};

#[test]
fn loki_and_tempo_have_every_record_in_its_place_though_they_were_away_and_killed() {
    let (Some(mut loki), Some(mut tempo)) = (Backend::loki(), Backend::tempo()) else {
        return;
    };
    let Some(collector) = Collector::absent() else {
        return;
    };
    let (logs, traces) = (loki.url("/otlp"), tempo.otlp());
    let variables = [
        ("LLM_AUDIT_INGEST_TOKEN", TOKEN),
        ("LLM_AUDIT_LOKI", &*logs),
        ("LLM_AUDIT_TEMPO", &*traces),
        ("LLM_AUDIT_PROMETHEUS", "http://127.0.0.1:9"),
    ];
    let mut collector = collector.configured("destinations/grafana.yaml", &variables);
    collector.start();
    let directory = tempfile::tempdir().unwrap();
    // With both away, OK means that the queues on disk have it.
    let recorded = auditor::run(&collector, directory.path(), application);
    collector.kill();
    loki.start();
    tempo.start();
    collector.start();
    wait_until("Loki has something", || !loki.lines("").is_empty());
    // What Loki has acknowledged is on its disk. Tempo acknowledges before that: it is not killed.
    loki.kill();
    collector.kill();
    collector.start();
    loki.start();

    wait_until("Loki has everything", || {
        loki.lines("").len() >= recorded.records.len()
    });
    check_records(&recorded, &loki);
    let calls = recorded.calls().len();
    wait_until("Tempo has everything", || {
        tempo.spans(&recorded).len() >= calls
    });
    check_spans(&recorded, &tempo);
}

/// Every record is one line, whose fields are its attributes, and a user's are found by identifier and by hash.
fn check_records(recorded: &Recorded, loki: &Backend) {
    let lines = loki.lines("");
    let ids: BTreeSet<&str> = lines
        .iter()
        .map(|line| &*line["llm_audit_record_id"])
        .collect();
    let expected = recorded.records.keys().map(String::as_str);
    assert_eq!(ids, expected.collect());
    assert_eq!(lines.len(), ids.len(), "a copy is kept but once");
    for line in &lines {
        let record = &recorded.records[&line["llm_audit_record_id"]];
        let attributes = record
            .iter()
            .filter(|(name, _)| name.contains('.') && !IN_FIELDS.contains(&name.as_str()));
        for (name, value) in attributes {
            let said = line.get(&name.replace('.', "_"));
            let expected = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(said, Some(&expected), "{name}");
        }
    }
    let of_anna =
        |record: &&Map<String, Value>| record.get("user.id").is_some_and(|user| user == "anna");
    let expected = recorded.records.values().filter(of_anna).count();
    let hash = recorded
        .calls()
        .into_iter()
        .find(|call| of_anna(call))
        .unwrap()["user.hash"]
        .clone();
    for condition in
        [json!("anna"), hash].map(|value| format!("| user_id={value} or user_hash={value}"))
    {
        assert_eq!(loki.lines(&condition).len(), expected, "{condition}");
    }
}

/// Every call is one span with its attributes, below the span that its record names, and a user's are found by hash.
fn check_spans(recorded: &Recorded, tempo: &Backend) {
    let spans = tempo.spans(recorded);
    let calls = recorded.calls();
    assert_eq!(spans.len(), calls.len());
    for call in &calls {
        let span = &spans[recorded::id(call)];
        for (ours, theirs) in [
            ("trace_id", "traceId"),
            ("span_id", "spanId"),
            (attribute::PARENT_SPAN_ID.name, "parentSpanId"),
        ] {
            let said = span.get(theirs).map(|id| hex(id.as_str().unwrap()));
            let said = said.filter(|id| !id.is_empty());
            assert_eq!(
                said.as_deref(),
                call.get(ours).and_then(Value::as_str),
                "{ours}"
            );
        }
        let tags = attributes(span);
        assert!(
            !tags.contains_key("user.id"),
            "spans show users by their hash"
        );
        for name in [
            "user.hash",
            "gen_ai.request.model",
            "llm_audit.status",
            "llm_audit.mac",
        ] {
            assert_eq!(tags.get(name), call.get(name), "{name}");
        }
    }
    let within = calls
        .iter()
        .filter(|call| call.contains_key(attribute::PARENT_SPAN_ID.name));
    assert!(within.count() >= 3);
    let dora = calls
        .iter()
        .find(|call| call.get("user.id").is_some_and(|user| user == "dora"))
        .unwrap();
    let tags = format!("user.hash={}", dora["user.hash"].as_str().unwrap());
    let path = web::path("/api/search", &[("tags", &tags)]);
    let mut found = Vec::new();
    wait_until("Tempo finds", || {
        found = tempo.get(&path)["traces"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        !found.is_empty()
    });
    let traces: Vec<&str> = found
        .iter()
        .map(|trace| trace["traceID"].as_str().unwrap())
        .collect();
    // Identifiers are shown without the zeros that they begin with.
    assert_eq!(
        traces,
        [dora["trace_id"].as_str().unwrap().trim_start_matches('0')]
    );
}

/// A server of Grafana's. It is not running at first; its address stays the same, and so does what it stores.
struct Backend {
    binary: PathBuf,
    config: &'static str,
    /// HTTP, gRPC, and OTLP where that has one of its own.
    ports: [u16; 3],
    files: TempDir,
    running: Option<Child>,
}

impl Backend {
    /// None, and said loudly, where `LLM_AUDIT_TEST_LOKI` does not name the binary.
    fn loki() -> Option<Self> {
        let binary = tool::named("LLM_AUDIT_TEST_LOKI", ".ci/loki")?;
        Some(Self::of(binary, "tests/dashboards/loki.yaml"))
    }

    /// None, and said loudly, where `LLM_AUDIT_TEST_TEMPO` does not name the binary.
    fn tempo() -> Option<Self> {
        let binary = tool::named("LLM_AUDIT_TEST_TEMPO", ".ci/tempo")?;
        Some(Self::of(binary, "tests/backends/tempo.yaml"))
    }

    fn of(binary: PathBuf, config: &'static str) -> Self {
        Self {
            binary,
            config,
            ports: web::free_ports(),
            files: tempfile::tempdir().unwrap(),
            running: None,
        }
    }

    /// Starts it; returns when its API answers.
    fn start(&mut self) {
        let [port, grpc, otlp] = self.ports.map(|port| port.to_string());
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join(self.config);
        let mut command = Command::new(&self.binary);
        command
            .arg(format!("-config.file={}", config.display()))
            .arg("-config.expand-env=true")
            .envs([("PORT", port), ("GRPC_PORT", grpc), ("OTLP_PORT", otlp)])
            .env("FOLDER", self.files.path())
            .current_dir(self.files.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        wait_until(self.config, || {
            assert_eq!(process.try_wait().unwrap(), None, "{command:?} ended");
            web::ask(self.ports[0], "GET", "/metrics").is_some()
        });
        self.running = Some(process);
    }

    /// Kills it (SIGKILL).
    fn kill(&mut self) {
        if let Some(mut process) = self.running.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports[0])
    }

    fn otlp(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[2])
    }

    /// What an address of the API answers; null where that is nothing good.
    fn get(&self, path: &str) -> Value {
        let answer = web::ask(self.ports[0], "GET", path).unwrap_or_default();
        serde_json::from_slice(&answer).unwrap_or_default()
    }

    /// The fields of Loki's lines that a condition is true of.
    fn lines(&self, condition: &str) -> Vec<BTreeMap<String, String>> {
        let query = format!("{{service_name=\"billing\"}} {condition}");
        let parameters = [("query", &*query), ("since", "1h"), ("limit", "1000")];
        let answer = self.get(&web::path("/loki/api/v1/query_range", &parameters));
        let streams = answer["data"]["result"].as_array().into_iter().flatten();
        let lines = streams.flat_map(|stream| {
            let fields: BTreeMap<String, String> =
                serde_json::from_value(stream["stream"].clone()).unwrap();
            std::iter::repeat_n(fields, stream["values"].as_array().unwrap().len())
        });
        lines.collect()
    }

    /// The spans that Tempo has of what was recorded, by the record's id.
    fn spans(&self, recorded: &Recorded) -> BTreeMap<String, Map<String, Value>> {
        let traces: BTreeSet<&str> = recorded
            .calls()
            .iter()
            .map(|call| call["trace_id"].as_str().unwrap())
            .collect();
        let mut found = BTreeMap::new();
        for trace in traces {
            let answer = self.get(&format!("/api/traces/{trace}"));
            for span in spans(&answer) {
                let id = attributes(&span)["llm_audit.record.id"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                let known = found.insert(id, span.clone());
                assert!(
                    known.is_none_or(|known| known == span),
                    "copies are the same"
                );
            }
        }
        found
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.kill();
    }
}

/// All spans in an answer, however they are grouped in it.
fn spans(answer: &Value) -> Vec<Map<String, Value>> {
    match answer {
        Value::Object(object) if object.contains_key("spanId") => vec![object.clone()],
        Value::Object(object) => object.values().flat_map(spans).collect(),
        Value::Array(list) => list.iter().flat_map(spans).collect(),
        _ => Vec::new(),
    }
}

fn attributes(span: &Map<String, Value>) -> BTreeMap<String, Value> {
    let pairs = span["attributes"].as_array().unwrap().iter();
    let pair = |pair: &Value| {
        let value = pair["value"]
            .as_object()
            .and_then(|value| value.values().next());
        (
            pair["key"].as_str().unwrap().to_owned(),
            value.cloned().unwrap_or_default(),
        )
    };
    pairs.map(pair).collect()
}

/// An identifier as hexadecimal, of the Base64 in which Tempo shows it.
fn hex(base64: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = base64.bytes().filter(|byte| *byte != b'=');
    let values = digits.map(|byte| ALPHABET.iter().position(|letter| *letter == byte).unwrap());
    let bits: String = values.map(|value| format!("{value:06b}")).collect();
    let nibbles = bits.as_bytes().chunks_exact(4);
    let nibble = |bits: &[u8]| u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap();
    let hex: String = nibbles.map(|bits| format!("{:x}", nibble(bits))).collect();
    hex[..hex.len() / 2 * 2].to_owned()
}

fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        assert!(
            Instant::now() < deadline,
            "it does not come to that: {what}"
        );
        std::thread::yield_now();
    }
}

/// What is a field of the log record and no attribute.
const IN_FIELDS: [&str; 1] = ["service.name"];
const PATIENCE: Duration = Duration::from_secs(90);
