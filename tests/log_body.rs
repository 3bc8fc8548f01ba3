//! The body of a log record, as it arrives: for every kind of record what `llm-audit export` prints for it, and nothing that
//! the attributes withhold.
//!
//! `LLM_AUDIT_TEST_COLLECTOR` names the collector's binary; `.ci/collector` makes one and prints its path.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "jaeger/application.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod application;
#[path = "support/collector.rs"]
mod collector;
#[path = "support/receiver.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod receiver;
#[path = "support/trail.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod trail;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use application::application;
use collector::Collector;
use llm_audit::failure::OnFailure;
use llm_audit::otlp::LogBody;
use llm_audit::policy::Policy;
use llm_audit::record::attribute::{self, Role};
use llm_audit::record::{AccessOutcome, AuditRecord, Body, Label, Mac, canonical};
use llm_audit::{Auditor, AuditorBuilder, CallStart, Drained, Provider, keyring_file, semconv};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use prost::Message as _;
use receiver::{Receiver, Requests};
use serde_json::{Map, Value, json};

#[test]
fn each_body_arrives_at_a_collector_as_export_prints_it_and_its_record_verifies() {
    let Some(collector) = Collector::running() else {
        return;
    };
    for body in LogBody::ALL {
        let directory = tempfile::tempdir().unwrap();
        let audit = settings(directory.path(), &collector.endpoint())
            .service(body.as_str())
            .open_calls(3)
            .log_body(body)
            .build()
            .unwrap();
        everything(&audit);
        assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
        let arrived = arrived_at(&collector, body.as_str());
        let printed = printed(directory.path(), body);
        let ids: BTreeSet<&String> = printed.keys().collect();
        assert_eq!(arrived.keys().collect::<BTreeSet<_>>(), ids, "{body}");
        let keys = keyring_file::read(&directory.path().join("keyring.json")).unwrap();
        let mut kinds = BTreeSet::new();
        for (id, record) in &arrived {
            if body == LogBody::Text {
                assert!(!record.body.is_empty() && !record.body.contains('\n'));
            } else {
                assert_eq!(record.body, printed[id], "{body}");
            }
            let bytes = canonical::bytes(&record.record);
            assert!(keys.verifies(&record.mac, &bytes), "{body}");
            kinds.insert(kind(&record.record));
        }
        let expected = ["access", "call", "change", "gap", "start", "stop"];
        assert_eq!(kinds, BTreeSet::from(expected), "{body}");
        let shown = command(&["show", ids.first().unwrap()], directory.path());
        assert!(shown.contains("verified with key"), "{body}: {shown}");
    }
}

#[test]
fn no_body_shows_what_the_attributes_withhold() {
    let policy = "version = 1\n[[rule]]\nname = \"nobody by name\"\nuser = \"hash\"\n";
    for body in LogBody::ALL {
        let directory = tempfile::tempdir().unwrap();
        let receiver = Receiver::start();
        let audit = settings(directory.path(), &receiver.endpoint())
            .policy(policy.parse::<Policy>().unwrap())
            .log_body(body)
            .build()
            .unwrap();
        with_secrets(&audit);
        assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
        let requests = receiver.requests();
        let bytes = requests.logs.concat();
        for secret in SECRETS {
            let mut windows = bytes.windows(secret.len());
            assert!(
                !windows.any(|window| window == secret.as_bytes()),
                "{secret} is in {body}"
            );
        }
        let users: Vec<_> = arrived(&requests)
            .into_values()
            .filter_map(|record| Some((record.record.envelope.actor.user_hash?, record.body)))
            .collect();
        assert_eq!(users.len(), 3, "a call, a change and an access");
        for (hash, text) in users {
            let told = text.contains(&hash.to_string());
            assert_eq!(told, body != LogBody::Text, "{body}: {text}");
        }
    }
}

#[test]
fn records_of_an_earlier_process_have_the_body_that_their_sender_has() {
    let directory = tempfile::tempdir().unwrap();
    let earlier = settings(directory.path(), "http://127.0.0.1:9")
        .log_body(LogBody::Ocsf)
        .build()
        .unwrap();
    application(&earlier);
    assert!(matches!(
        earlier.shutdown(Duration::ZERO),
        Drained::Remaining(_)
    ));
    drop(earlier);
    let receiver = Receiver::start();
    let audit = settings(directory.path(), &receiver.endpoint())
        .log_body(LogBody::Leef)
        .build()
        .unwrap();
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let printed = printed(directory.path(), LogBody::Leef);
    let arrived = arrived(&receiver.requests());
    assert!(arrived.len() > 10 && arrived.len() == printed.len());
    for (id, record) in arrived {
        assert_eq!(record.body, printed[&id]);
    }
}

fn settings(data_dir: &Path, endpoint: &str) -> AuditorBuilder {
    Auditor::builder()
        .data_dir(data_dir)
        .generate_keyring()
        .endpoint(endpoint)
        .json_lines()
}

/// Records of every kind, that of a lost call among them; some values try to be more than values.
fn everything(audit: &Auditor) {
    application(audit);
    let open = [(); 3].map(|()| audit.start(CallStart::new("chat")).unwrap());
    let lost = CallStart::new("chat").on_failure(OnFailure::DropAndCount);
    audit.start(lost).unwrap().finish().unwrap();
    drop(open);
    let hostile = "eve\u{202e}\n\tact=allowed|\\\" <x> \u{1b}[2J =";
    let start = CallStart::new("chat").model(hostile).user(hostile);
    let call = audit.start(start).unwrap();
    call.fail(hostile, &hostile).unwrap();
    let access = audit.access("login", AccessOutcome::Denied);
    access.user(hostile).resource(hostile).record().unwrap();
    let change = audit.change("updated", hostile, hostile);
    let value = json!({ hostile: [hostile], "n": 1 });
    change.updated(&value).unwrap().record().unwrap();
}

fn with_secrets(audit: &Auditor) {
    let [user, prompt, answer, key, password] = SECRETS;
    let start = CallStart::new("chat").user(user).credential(key);
    let mut call = audit.start(start).unwrap();
    call.input(&[prompt]).unwrap();
    let message = json!({ "role": "assistant", "content": answer });
    let choices = json!([{ "index": 0, "message": message, "finish_reason": "stop" }]);
    call.response(Provider::OpenAi, &json!({ "choices": choices }))
        .unwrap();
    let error = format!("400: cannot understand {prompt} of {user} with {key}");
    call.fail("invalid", &error).unwrap();
    let change = audit.change("rotated", "api_keys", "7").changed_by(user);
    let value = json!({ "password": password });
    change
        .api_key(key)
        .before(&value)
        .unwrap()
        .record()
        .unwrap();
    let access = audit.access("login", AccessOutcome::Failed);
    access.user(user).record().unwrap();
}

fn kind(record: &AuditRecord) -> &'static str {
    match &record.body {
        Body::System(system) => system.event.as_str(),
        other => other.kind(),
    }
}

/// A log record as it arrived.
struct Arrived {
    record: AuditRecord,
    mac: Mac,
    body: String,
}

fn arrived(requests: &Requests) -> BTreeMap<String, Arrived> {
    let mut found = BTreeMap::new();
    for request in &requests.logs {
        let request = ExportLogsServiceRequest::decode(request.clone()).unwrap();
        for part in request.resource_logs {
            let service = Label::clip("unknown_service");
            for log in part
                .scope_logs
                .into_iter()
                .flat_map(|scope| scope.log_records)
            {
                let decoded = semconv::decode(&log.encode_to_vec(), Some(&service)).unwrap();
                let Some(any_value::Value::StringValue(body)) = log.body.unwrap().value else {
                    panic!("a body is a text")
                };
                let id = decoded.record.envelope.record_id.to_string();
                let (record, mac) = (decoded.record, decoded.mac.unwrap());
                found.insert(id, Arrived { record, mac, body });
            }
        }
    }
    found
}

/// The records of a service in a collector's file, each read from its attributes.
fn arrived_at(collector: &Collector, service: &str) -> BTreeMap<String, Arrived> {
    let mut found = BTreeMap::new();
    for (resource, log) in collector.log_records() {
        let resource = attributes(&resource);
        if resource["service.name"] != service {
            continue;
        }
        let mut proven = attributes(&log);
        let derived = |name: &str| {
            let mut rows = attribute::TABLE.iter();
            rows.any(|row| row.name == name && row.role == Role::Derived)
        };
        proven.retain(|name, _| !derived(name));
        let mac = proven.remove(attribute::MAC.name).unwrap();
        proven.insert("service.name".to_owned(), service.into());
        let time: u64 = log["timeUnixNano"].as_str().unwrap().parse().unwrap();
        proven.insert("time_unix_nano".to_owned(), time.to_string().into());
        for (name, field) in [("trace_id", "traceId"), ("span_id", "spanId")] {
            let id = log[field].as_str().filter(|id| !id.is_empty());
            proven.extend(id.map(|id| (name.to_owned(), id.into())));
        }
        let (record, unknown) = canonical::parse(&Value::Object(proven).to_string()).unwrap();
        assert!(unknown.is_empty(), "{unknown:?}");
        let arrived = Arrived {
            mac: mac.as_str().unwrap().parse().unwrap(),
            body: log["body"]["stringValue"].as_str().unwrap().to_owned(),
            record,
        };
        found.insert(arrived.record.envelope.record_id.to_string(), arrived);
    }
    found
}

/// Attributes of OTLP JSON as the canonical form has them.
fn attributes(item: &Value) -> Map<String, Value> {
    let pairs = item["attributes"].as_array().unwrap().iter();
    let plain = pairs.map(|pair| {
        let (of_type, value) = pair["value"].as_object().unwrap().iter().next().unwrap();
        let value = match of_type.as_str() {
            "intValue" => json!(value.as_str().unwrap().parse::<u64>().unwrap()),
            "arrayValue" => {
                let values = value["values"].as_array().unwrap().iter();
                values.map(|value| value["stringValue"].clone()).collect()
            }
            _ => value.clone(),
        };
        (pair["key"].as_str().unwrap().to_owned(), value)
    });
    plain.collect()
}

/// What `llm-audit export` prints of a data directory, by the record's id.
fn printed(data_dir: &Path, body: LogBody) -> BTreeMap<String, String> {
    let lines = command(&["export", "--format", "jsonl"], data_dir);
    let ids = lines.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let id = line["record"][attribute::RECORD_ID.name].as_str();
        id.unwrap().to_owned()
    });
    let format = match body {
        LogBody::Text => "jsonl",
        body => body.as_str(),
    };
    let bodies = command(&["export", "--format", format], data_dir);
    assert_eq!(bodies.lines().count(), lines.lines().count());
    ids.zip(bodies.lines().map(str::to_owned)).collect()
}

fn command(arguments: &[&str], data_dir: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm-audit"));
    command.args(arguments).arg("--data-dir").arg(data_dir);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// User, prompt, answer, key and password.
const SECRETS: [&str; 5] = [
    "anna.planted@example.org",
    "the dog is called Qwertzuiop",
    "a good name is Asdfghjkl",
    "sk-Yxcvbnmpoiuztrewq0987654321",
    "correct-horse-battery",
];
const PATIENCE: Duration = Duration::from_secs(60);
