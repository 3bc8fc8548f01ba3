//! The schema and the views of `collector-config/destinations/clickhouse` in ClickHouse's engine, over rows as the exporter
//! makes them of what a collector got: their numbers are the application's own.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use llm_audit::{Auditor, CallStart, Provider};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::collector::Collector;
use crate::recorded::Recorded;
use crate::{auditor, tool};

#[test]
fn cost_and_errors_of_a_day_are_what_the_application_recorded_though_every_row_came_twice() {
    let Some((engine, recorded, rows)) = recorded_rows() else {
        return;
    };
    let answers = engine.ask(&[
        &insert(&rows),
        &insert(&rows),
        "SELECT service, tenant, model, calls, calls_of_unknown_cost AS unknown, input, output, toString(usd) AS usd
         FROM llm_audit.daily_cost",
        "SELECT model, sum(calls) AS calls, sum(errors) AS errors, sum(blocked) AS blocked FROM llm_audit.error_rate
         GROUP BY model",
        "SELECT rate, errors / calls AS expected FROM llm_audit.error_rate",
        "SELECT * FROM llm_audit.gaps",
        "OPTIMIZE TABLE llm_audit.records FINAL",
        "SELECT count() AS rows, uniqExact(record_id) AS records FROM llm_audit.records",
        "SELECT toString(record_id) AS id, attributes FROM llm_audit.records",
    ]);
    check_costs(&recorded, &answers[2]);
    check_errors(&recorded, &answers[3]);
    assert!(answers[4].iter().all(|row| row["rate"] == row["expected"]));
    assert_eq!(answers[5], [] as [Value; 0], "no number is missing");
    let records = recorded.records.len();
    assert_eq!(answers[7], [json!({ "rows": records, "records": records })]);
    for row in &answers[8] {
        let record = &recorded.records[row["id"].as_str().unwrap()];
        for name in ["llm_audit.mac", "user.id", "user.hash", "llm_audit.kind"] {
            let said = row["attributes"].get(name);
            assert_eq!(said, record.get(name), "{name}");
        }
    }
}

#[test]
fn a_day_that_costs_far_more_than_others_and_a_missing_record_are_shown_and_old_rows_go() {
    let Some((engine, recorded, mut rows)) = recorded_rows() else {
        return;
    };
    rows.retain(|row| attribute(row, "llm_audit.kind") != "change");
    let is_of_anna = |row: &&Value| attribute(row, "user.id") == "anna";
    // On each of seven days before, Anna did a fifth of what she does today, and everybody else the same.
    let days = (1..=7).flat_map(|day| rows.iter().map(move |row| earlier(row, day)));
    let before: Vec<Value> = days.collect();
    let of_others: Vec<Value> = rows
        .iter()
        .filter(|row| !is_of_anna(row))
        .cloned()
        .collect();
    let old: Vec<Value> = rows.iter().map(|row| earlier(row, 800)).collect();
    let stream = attribute(&rows[0], "llm_audit.stream.id");
    let answers = engine.ask(&[
        &insert(&before),
        &insert(&of_others),
        ANOMALIES,
        &insert(&rows),
        ANOMALIES,
        &format!("SELECT missing FROM llm_audit.gaps WHERE stream_id = '{stream}'"),
        &insert(&old),
        "OPTIMIZE TABLE llm_audit.otel_logs FINAL",
        "OPTIMIZE TABLE llm_audit.records FINAL",
        "SELECT min(Timestamp) > now() - INTERVAL 2 YEAR AS recent FROM llm_audit.otel_logs",
        "SELECT min(time) > now() - INTERVAL 2 YEAR AS recent, count() AS rows FROM llm_audit.records",
    ]);
    assert_eq!(answers[2], [] as [Value; 0]);
    let [found] = &answers[4][..] else {
        panic!("{:?}", answers[4]);
    };
    let calls = recorded.calls();
    let anna = calls.iter().find(|call| call["user.id"] == "anna").unwrap();
    assert_eq!(
        (&found["user_hash"], &found["tenant"]),
        (&anna["user.hash"], &json!("north"))
    );
    let [usd, median] = ["usd", "median"].map(|name| found[name].as_f64().unwrap());
    assert!(
        (usd - 2.4).abs() < 1e-9 && (median - 0.48).abs() < 1e-9,
        "{usd} {median}"
    );
    assert_eq!(answers[5], [json!({ "missing": 1 })]);
    assert_eq!(answers[9], [json!({ "recent": 1 })]);
    assert_eq!(
        answers[10],
        [json!({ "recent": 1, "rows": 8 * rows.len() })]
    );
}

/// Calls, unknown costs, tokens and dollars by tenant and model.
fn check_costs(recorded: &Recorded, shown: &[Value]) {
    type Sums = (u64, u64, u64, u64, Decimal);
    let mut expected: BTreeMap<(String, String), Sums> = BTreeMap::new();
    for call in recorded.calls() {
        let text = |name| call.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name| call.get(name).and_then(Value::as_u64).unwrap_or_default();
        let key = (
            text("llm_audit.tenant").to_owned(),
            text("gen_ai.request.model").to_owned(),
        );
        let sums = expected.entry(key).or_default();
        sums.0 += 1;
        sums.1 += u64::from(!call.contains_key("llm_audit.cost.exact"));
        sums.2 += number("gen_ai.usage.input_tokens");
        sums.3 += number("gen_ai.usage.output_tokens");
        sums.4 += text("llm_audit.cost.exact")
            .parse::<Decimal>()
            .unwrap_or_default();
    }
    let mut said: BTreeMap<(String, String), Sums> = BTreeMap::new();
    for row in shown {
        assert_eq!(row["service"], "billing");
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| row[name].as_u64().unwrap();
        // More than one row of a key where midnight passed meanwhile.
        let sums = said.entry((text("tenant"), text("model"))).or_default();
        sums.0 += number("calls");
        sums.1 += number("unknown");
        sums.2 += number("input");
        sums.3 += number("output");
        sums.4 += text("usd").parse::<Decimal>().unwrap_or_default();
    }
    assert_eq!(said, expected);
    let dollars: Decimal = said.values().map(|sums| sums.4).sum();
    assert!(dollars > Decimal::TWO, "{dollars}");
    assert!(said.values().any(|sums| sums.1 > 0));
}

/// Calls, errors and blocked ones by model.
fn check_errors(recorded: &Recorded, shown: &[Value]) {
    let mut expected: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
    for call in recorded.calls() {
        let counts = expected
            .entry(call["gen_ai.request.model"].as_str().unwrap())
            .or_default();
        counts[0] += 1;
        counts[1] += u64::from(call["llm_audit.status"] == "error");
        counts[2] += u64::from(call["llm_audit.status"] == "blocked");
    }
    let counts =
        |row: &Value| ["calls", "errors", "blocked"].map(|name| row[name].as_u64().unwrap());
    let said: BTreeMap<&str, [u64; 3]> = shown
        .iter()
        .map(|row| (row["model"].as_str().unwrap(), counts(row)))
        .collect();
    assert_eq!(said, expected);
    assert_eq!(said["gpt-4o"][1..], [2, 1]);
}

/// An engine with the schema, what an application recorded, and the rows of it that the exporter inserts.
fn recorded_rows() -> Option<(Engine, Recorded, Vec<Value>)> {
    let (Some(engine), Some(collector)) = (Engine::with_schema(), Collector::running()) else {
        return None;
    };
    let directory = tempfile::tempdir().unwrap();
    let recorded = auditor::run(&collector, directory.path(), application);
    let logs = collector.log_records();
    assert_eq!(logs.len(), recorded.records.len());
    let rows = logs
        .iter()
        .map(|(resource, log)| row(resource, log))
        .collect();
    Some((engine, recorded, rows))
}

/// Dear calls of Anna's, cheap ones, failing, blocked and of a model without a price, and a change.
fn application(audit: &Auditor) {
    let start = |user, tenant, model| {
        let start = CallStart::new("chat").provider("openai");
        audit
            .start(start.model(model).user(user).tenant(tenant))
            .unwrap()
    };
    let answer = |user, tenant, model, input: u64, output: u64| {
        let mut call = start(user, tenant, model);
        let usage = json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output });
        let message = json!({ "role": "assistant", "content": "Paris" });
        let choice = json!({ "index": 0, "message": message, "finish_reason": "stop" });
        let response = json!({ "id": "c", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage });
        call.response(Provider::OpenAi, &response).unwrap();
        call.finish().unwrap();
    };
    for _ in 0..4 {
        answer("anna", "north", "gpt-4o", 200_000, 10_000);
    }
    for number in 0..30 {
        answer("ben", "south", "gpt-4o", 1001 + number, 7);
        answer("chen", "north", "gpt-4o-mini", 333, number);
    }
    answer("chen", "north", "in-house", 10, 10);
    for _ in 0..2 {
        start("ben", "south", "gpt-4o")
            .fail("timeout", &"no answer")
            .unwrap();
    }
    start("ben", "south", "gpt-4o").block("policy").unwrap();
    audit
        .change("updated", "settings", "7")
        .changed_by("anna")
        .record()
        .unwrap();
}

/// A row as the exporter makes it: times as they are, every attribute a text.
fn row(resource: &Value, log: &Value) -> Value {
    let resource = texts(resource);
    let nanos: i128 = log["timeUnixNano"].as_str().unwrap().parse().unwrap();
    let time = jiff::Timestamp::from_nanosecond(nanos).unwrap();
    json!({
        "Timestamp": time.to_string(),
        "TraceId": log["traceId"].as_str().unwrap_or_default(),
        "SpanId": log["spanId"].as_str().unwrap_or_default(),
        "TraceFlags": log["flags"].as_u64().unwrap_or_default(),
        "SeverityText": log["severityText"],
        "SeverityNumber": log["severityNumber"],
        "ServiceName": resource["service.name"],
        "Body": text(&log["body"]),
        "ResourceAttributes": resource,
        "ScopeName": "llm_audit",
        "LogAttributes": texts(log),
        "EventName": log["eventName"].as_str().unwrap_or_default(),
    })
}

fn texts(of: &Value) -> Map<String, Value> {
    let attributes = of["attributes"].as_array().unwrap().iter();
    let pair = |pair: &Value| {
        (
            pair["key"].as_str().unwrap().to_owned(),
            json!(text(&pair["value"])),
        )
    };
    attributes.map(pair).collect()
}

/// A value of OTLP as text.
fn text(value: &Value) -> String {
    let (of_type, value) = value
        .as_object()
        .and_then(|value| value.iter().next())
        .unwrap();
    match (of_type.as_str(), value) {
        (_, Value::String(text)) => text.clone(),
        ("arrayValue", list) => {
            let list = list["values"].as_array().into_iter().flatten();
            json!(list.map(text).collect::<Vec<_>>()).to_string()
        }
        (_, other) => other.to_string(),
    }
}

fn attribute<'a>(row: &'a Value, name: &str) -> &'a str {
    row["LogAttributes"][name].as_str().unwrap_or_default()
}

/// The same row so many days ago, as another record of another stream; Anna's at a fifth of the cost.
fn earlier(row: &Value, days: i64) -> Value {
    let mut row = row.clone();
    let time: jiff::Timestamp = row["Timestamp"].as_str().unwrap().parse().unwrap();
    let time = time - jiff::SignedDuration::from_hours(24 * days);
    row["Timestamp"] = json!(time.to_string());
    let id = attribute(&row, "llm_audit.record.id").to_owned();
    let cost = attribute(&row, "llm_audit.cost.exact").parse::<Decimal>();
    let is_annas = attribute(&row, "user.id") == "anna";
    let attributes = &mut row["LogAttributes"];
    attributes["llm_audit.record.id"] = json!(format!("{:08x}{}", 0xf000_0000 + days, &id[8..]));
    attributes["llm_audit.stream.id"] = json!(format!("{days} days before"));
    if let (true, Ok(cost)) = (is_annas, cost) {
        attributes["llm_audit.cost.exact"] = json!((cost / Decimal::from(5)).to_string());
    }
    row
}

fn insert(rows: &[Value]) -> String {
    let rows: Vec<String> = rows.iter().map(Value::to_string).collect();
    let rows = rows.join("\n");
    format!(
        "INSERT INTO llm_audit.otel_logs SETTINGS date_time_input_format = 'best_effort' FORMAT JSONEachRow {rows}"
    )
}

/// ClickHouse's engine, with a directory of its own.
struct Engine {
    module: PathBuf,
    files: TempDir,
}

impl Engine {
    /// None, and said loudly, where `LLM_AUDIT_TEST_CHDB` does not name the package's directory; an error where `CI` is
    /// `true`.
    fn with_schema() -> Option<Self> {
        let module = tool::required("LLM_AUDIT_TEST_CHDB", ".ci/chdb")?;
        let files = tempfile::tempdir().unwrap();
        let engine = Self { module, files };
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let schema = root.join("collector-config/destinations/clickhouse/schema.sql");
        let schema = fs::read_to_string(schema).unwrap();
        let code = schema.lines().map(|line| line.split("--").next().unwrap());
        let code = code.collect::<Vec<_>>().join("\n");
        let statements: Vec<&str> = code
            .split(';')
            .map(str::trim)
            .filter(|one| !one.is_empty())
            .collect();
        // Running it again changes nothing.
        engine.ask(&[&statements[..], &statements[..]].concat());
        Some(engine)
    }

    /// Runs statements and returns the rows of each.
    fn ask(&self, statements: &[&str]) -> Vec<Vec<Value>> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/backends/engine.py");
        let mut python = Command::new("python3")
            .arg(script)
            .arg(self.files.path())
            .env("PYTHONPATH", &self.module)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = python.stdin.take().unwrap();
        input
            .write_all(json!(statements).to_string().as_bytes())
            .unwrap();
        drop(input);
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

const ANOMALIES: &str = "SELECT user_hash, tenant, usd, median FROM llm_audit.anomalies";
