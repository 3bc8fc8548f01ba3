//! A real OpenTelemetry Collector behind the sender: what was recorded stands in its files, attribute by attribute, however
//! often it goes away.
//!
//! `LLM_AUDIT_TEST_COLLECTOR` names the binary; `.ci/collector` makes one and prints its path. The reference is what the
//! same auditor writes as JSON lines.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/collector.rs"]
mod collector;
#[path = "support/part.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod part;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use collector::Collector;
use futures_util::stream::{self, StreamExt as _};
use llm_audit::record::AccessOutcome;
use llm_audit::record::attribute::{self, Kind, Role};
use llm_audit::{
    AuditSpanExt as _, AuditStreamExt as _, Auditor, AuditorBuilder, CallStart, Drained, Provider,
};
use part::{Part, Player};
use serde_json::{Map, Value, json};
use tracing::{Span, instrument};
use tracing_subscriber::layer::SubscriberExt as _;

#[test]
fn every_attribute_of_every_record_arrives_with_its_type() {
    let Some(collector) = Collector::running() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let audit = settings(directory.path(), &collector).build().unwrap();
    everything(&audit);
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let reference = Reference::read(directory.path());
    reference.check_logs(&collector);
    reference.check_spans(&collector);
    assert!(reference.records.len() > 12, "{}", reference.records.len());
}

#[test]
fn records_wait_for_a_collector_that_is_started_later() {
    let Some(mut collector) = Collector::absent() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let audit = settings(directory.path(), &collector).build().unwrap();
    everything(&audit);
    audit.flush().unwrap();
    assert_eq!((audit.health().sent, audit.health().dropped), (0, 0));
    collector.start();
    everything(&audit);
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let reference = Reference::read(directory.path());
    reference.check_logs(&collector);
    reference.check_spans(&collector);
}

#[test]
fn a_collector_that_is_killed_under_load_loses_nothing() {
    let Some(mut collector) = Collector::running() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let audit = settings(directory.path(), &collector).build().unwrap();
    let kills = 4;
    let made = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let (enough, reached) = std::sync::mpsc::channel();
        for _ in 0..2 {
            let (audit, made, enough) = (&audit, &made, enough.clone());
            scope.spawn(move || {
                while made.load(Ordering::Relaxed) < (kills * 2 + 1) * CALLS_BETWEEN {
                    everything(audit);
                    if made.fetch_add(1, Ordering::Relaxed) % CALLS_BETWEEN == CALLS_BETWEEN - 1 {
                        // Behind the last kill nobody counts any more.
                        enough.send(()).ok();
                    }
                }
            });
        }
        for _ in 0..kills {
            reached.recv().unwrap();
            collector.kill();
            reached.recv().unwrap();
            collector.start();
        }
    });
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let health = audit.health();
    let reference = Reference::read(directory.path());
    reference.check_logs(&collector);
    reference.check_spans(&collector);
    let copies = collector.log_records().len() - reference.records.len();
    println!(
        "{kills} kills of the collector under load: {} records arrived, {copies} of them twice, {} dropped",
        reference.records.len(),
        health.dropped
    );
}

#[test]
fn a_collector_that_was_never_there_gets_everything_from_the_next_process() {
    if let Some(part) = Part::of_this_process() {
        let endpoint = part.setting("TEST_ENDPOINT").unwrap();
        let settings = Auditor::builder()
            .service("tests")
            .data_dir(&part.data_dir)
            .generate_keyring();
        let audit = settings.endpoint(&endpoint).json_lines().build().unwrap();
        everything(&audit);
        let drained = audit.shutdown(Duration::from_millis(if part.name == "first" {
            50
        } else {
            60_000
        }));
        part.say(&format!("{drained:?}"));
        return;
    }
    let Some(mut collector) = Collector::absent() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let endpoint = collector.endpoint();
    let live = |name: &str| {
        let test = "a_collector_that_was_never_there_gets_everything_from_the_next_process";
        Player::start(
            test,
            name,
            directory.path(),
            &[("TEST_ENDPOINT", &endpoint)],
        )
        .end()
        .0
    };
    let first = live("first");
    assert!(first[0].starts_with("Remaining"), "{first:?}");
    collector.start();
    assert_eq!(live("second"), ["Complete"]);
    let reference = Reference::read(directory.path());
    assert_eq!(reference.streams().len(), 2);
    reference.check_logs(&collector);
    reference.check_spans(&collector);
    assert!(
        fs::read_dir(directory.path().join("spool"))
            .unwrap()
            .next()
            .is_none()
    );
}

#[test]
fn a_collector_that_takes_no_spans_holds_nothing_up() {
    let Some(collector) = Collector::absent() else {
        return;
    };
    let mut collector = collector.without("traces");
    collector.start();
    let directory = tempfile::tempdir().unwrap();
    let audit = settings(directory.path(), &collector).build().unwrap();
    everything(&audit);
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let reference = Reference::read(directory.path());
    reference.check_logs(&collector);
    assert!(collector.spans().is_empty());
    assert!(
        fs::read_dir(directory.path().join("spool"))
            .unwrap()
            .next()
            .is_none()
    );
}

/// Records of every kind.
fn everything(audit: &Auditor) {
    let subscriber = tracing_subscriber::registry().with(audit.layer());
    tracing::subscriber::with_default(subscriber, || {
        ask("anna", "What is the capital of France?").unwrap();
        ask("ben", "fail").unwrap_err();
        nested();
        futures_executor::block_on(streamed());
    });
    let start = || {
        CallStart::new("chat")
            .provider("openai")
            .model("gpt-4o")
            .user("chen")
            .tenant("north")
    };
    let mut call = audit
        .start(start().conversation("c-7").credential("sk-1234").streamed())
        .unwrap();
    call.input(&["Grüße, \"Welt\"\u{2028}\n"]).unwrap();
    call.finish().unwrap();
    audit
        .start(start())
        .unwrap()
        .fail("timeout", &"the provider did not answer\n\tin time")
        .unwrap();
    audit.start(start()).unwrap().block("policy").unwrap();
    drop(audit.start(start()).unwrap());
    let change = audit
        .change("updated", "settings", "7")
        .changed_by("anna")
        .api_key("sk-5678")
        .client_address("192.0.2.1");
    change
        .before(&json!({ "limit": 1, "password": "old" }))
        .unwrap()
        .updated(&json!({ "limit": null }))
        .unwrap()
        .record()
        .unwrap();
    audit
        .access("read", AccessOutcome::Denied)
        .user("eve")
        .resource("settings/7")
        .tenant("north")
        .record()
        .unwrap();
}

#[instrument(skip_all, fields(gen_ai.operation.name = "chat", gen_ai.provider.name = "anthropic",
                              gen_ai.request.model = "claude-sonnet-4-5", user.id = user))]
fn ask(user: &str, prompt: &str) -> Result<(), String> {
    let call = Span::current();
    let request = json!({ "model": "claude-sonnet-4-5", "max_tokens": 300, "temperature": 0.25, "top_p": 0.9,
                          "system": "Answer in one word.", "messages": [{ "role": "user", "content": prompt }] });
    call.audit_request(Provider::Anthropic, &request).unwrap();
    if prompt == "fail" {
        return call.audit_result(Err(format!("400: cannot understand {prompt}")));
    }
    let response = json!({
        "id": "msg_01", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
        "content": [{ "type": "text", "text": "Paris" }], "stop_reason": "end_turn",
        "usage": { "input_tokens": 21, "output_tokens": 2, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 0 },
    });
    call.audit_response(Provider::Anthropic, &response).unwrap();
    Ok(())
}

#[instrument(skip_all, fields(gen_ai.operation.name = "invoke_agent", server.address = "agents.example", server.port = 443_u64))]
fn nested() {
    ask("dora", "within another call").unwrap();
}

async fn streamed() {
    let call = tracing::info_span!(
        "stream",
        gen_ai.operation.name = "chat",
        gen_ai.request.model = "gpt-4o-mini"
    );
    let events = [
        json!({ "id": "c1", "model": "gpt-4o-mini", "choices": [{ "index": 0, "delta": { "content": "Hi" } }] }),
        json!({ "id": "c1", "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }),
    ];
    let events = stream::iter(events).map(Ok::<_, String>);
    events
        .audit_events(&call, Provider::OpenAi)
        .for_each(|_| async {})
        .await;
}

/// What was recorded, by record id, as the JSON lines of the same auditor hold it.
struct Reference {
    records: BTreeMap<String, Map<String, Value>>,
}

impl Reference {
    fn read(data_dir: &Path) -> Self {
        let mut records = BTreeMap::new();
        for entry in fs::read_dir(data_dir).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_none_or(|extension| extension != "jsonl")
            {
                continue;
            }
            for line in fs::read_to_string(path).unwrap().lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                let mut record = line["record"].as_object().unwrap().clone();
                record.insert(attribute::MAC.name.to_owned(), line["mac"].clone());
                records.insert(
                    record[attribute::RECORD_ID.name]
                        .as_str()
                        .unwrap()
                        .to_owned(),
                    record,
                );
            }
        }
        Self { records }
    }

    fn streams(&self) -> BTreeSet<&str> {
        let streams = self
            .records
            .values()
            .map(|record| &record[attribute::STREAM_ID.name]);
        streams.map(|stream| stream.as_str().unwrap()).collect()
    }

    /// Every record is there, and every copy of it says the same.
    fn check_logs(&self, collector: &Collector) {
        let mut arrived = BTreeSet::new();
        for (resource, log) in collector.log_records() {
            let mut found = attributes(&log);
            let id = found[attribute::RECORD_ID.name]
                .as_str()
                .unwrap()
                .to_owned();
            let expected = self
                .records
                .get(&id)
                .unwrap_or_else(|| panic!("nobody recorded {id}"));
            for (native, field) in [
                (&attribute::TRACE_ID, "traceId"),
                (&attribute::SPAN_ID, "spanId"),
            ] {
                let value = log[field].as_str().filter(|value| !value.is_empty());
                found.extend(value.map(|value| (native.name.to_owned(), json!(value))));
            }
            found.insert(attribute::TIME.name.to_owned(), log["timeUnixNano"].clone());
            found.insert(
                attribute::SERVICE_NAME.name.to_owned(),
                attributes(&resource)[attribute::SERVICE_NAME.name].clone(),
            );
            let derived = |name: &str| {
                attribute::TABLE
                    .iter()
                    .any(|row| row.name == name && row.role == Role::Derived)
            };
            found.retain(|name, _| !derived(name));
            assert_eq!(&found, expected);
            let kind = expected[attribute::KIND.name].as_str().unwrap();
            assert_eq!(log["eventName"], format!("llm_audit.{kind}"));
            assert_eq!(log["severityNumber"], severity(expected), "{expected:?}");
            assert!(!log["body"]["stringValue"].as_str().unwrap().is_empty());
            arrived.insert(id);
        }
        assert_eq!(
            arrived.len(),
            self.records.len(),
            "records that arrived, of those that were recorded"
        );
    }

    /// Every call has its span, which shows no user.
    fn check_spans(&self, collector: &Collector) {
        let mut arrived = BTreeSet::new();
        for (_, span) in collector.spans() {
            let found = attributes(&span);
            let id = found[attribute::RECORD_ID.name]
                .as_str()
                .unwrap()
                .to_owned();
            let expected = &self.records[&id];
            assert!(!found.contains_key(attribute::USER_ID.name));
            assert_eq!(
                found.contains_key(attribute::USER_HASH.name),
                expected.contains_key(attribute::USER_ID.name)
            );
            for (name, value) in expected {
                let elsewhere = [
                    "trace_id",
                    "span_id",
                    "time_unix_nano",
                    "service.name",
                    "user.id",
                    "llm_audit.parent_span_id",
                ];
                if !elsewhere.contains(&name.as_str()) {
                    assert_eq!(found.get(name), Some(value), "{name} of a span");
                }
            }
            assert_eq!(
                (&span["traceId"], &span["spanId"]),
                (&expected["trace_id"], &expected["span_id"])
            );
            assert_eq!(span["startTimeUnixNano"], expected["time_unix_nano"]);
            let parent = expected
                .get(attribute::PARENT_SPAN_ID.name)
                .map_or("", |parent| parent.as_str().unwrap());
            assert_eq!(span["parentSpanId"].as_str().unwrap_or_default(), parent);
            let model = expected
                .get("gen_ai.request.model")
                .map_or(String::new(), |model| {
                    format!(" {}", model.as_str().unwrap())
                });
            assert_eq!(
                span["name"],
                format!(
                    "{}{model}",
                    expected["gen_ai.operation.name"].as_str().unwrap()
                )
            );
            assert_eq!(span["kind"], CLIENT);
            arrived.insert(id);
        }
        let calls = self
            .records
            .values()
            .filter(|record| record["llm_audit.kind"] == "call")
            .count();
        assert_eq!(
            arrived.len(),
            calls,
            "spans that arrived, of calls that were recorded"
        );
    }
}

/// Attributes of OTLP JSON as the canonical form has them, each of the type that the table says.
fn attributes(item: &Value) -> Map<String, Value> {
    let mut attributes = Map::new();
    for attribute in item["attributes"].as_array().unwrap() {
        let name = attribute["key"].as_str().unwrap();
        let row = attribute::TABLE.iter().find(|row| row.name == name);
        let (of_type, value) = attribute["value"]
            .as_object()
            .unwrap()
            .iter()
            .next()
            .unwrap();
        let expected = row.map(|row| match row.kind {
            Kind::Double => "doubleValue",
            Kind::Flag => "boolValue",
            Kind::Int => "intValue",
            Kind::Text => "stringValue",
            Kind::Texts => "arrayValue",
        });
        assert_eq!(Some(of_type.as_str()), expected, "type of {name}");
        let value = match of_type.as_str() {
            "intValue" => {
                let number: u64 = value.as_str().unwrap().parse().unwrap();
                if number > 1 << 53 {
                    value.clone()
                } else {
                    json!(number)
                }
            }
            "arrayValue" => value["values"]
                .as_array()
                .unwrap()
                .iter()
                .map(|value| value["stringValue"].clone())
                .collect(),
            _ => value.clone(),
        };
        assert_eq!(
            attributes.insert(name.to_owned(), value),
            None,
            "{name} is there once"
        );
    }
    attributes
}

fn severity(record: &Map<String, Value>) -> u64 {
    match record.get("llm_audit.status").and_then(Value::as_str) {
        Some("blocked" | "cancelled") => 13,
        Some("error") => 17,
        Some("success") | None
            if record.get("llm_audit.access.outcome") != Some(&json!("denied")) =>
        {
            9
        }
        _ => 13,
    }
}

fn settings(data_dir: &Path, collector: &Collector) -> AuditorBuilder {
    let settings = Auditor::builder()
        .service("tests")
        .data_dir(data_dir)
        .generate_keyring();
    settings.endpoint(&collector.endpoint()).json_lines()
}

const CLIENT: u64 = 3;
const CALLS_BETWEEN: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(60);
