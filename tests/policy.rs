//! A policy in an application: what reaches a receiver of calls that finish, and of calls whose process was killed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/part.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod part;
#[path = "support/receiver.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod receiver;
#[path = "support/trail.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod trail;

use std::fs;
use std::path::Path;
use std::time::Duration;

use llm_audit::record::{AuditRecord, Body, SystemEvent};
use llm_audit::{Auditor, BuildError, CallStart, Drained, keyring_file};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use part::{Part, Player};
use receiver::{Receiver, Requests};
use serde_json::json;

const POLICY: &str = r#"
version = 1

[[rule]]
name = "the log record only"
when.tenant = "log"
input = "danger_plain"
tools = "redact"

[[rule]]
name = "spans too"
when.tenant = "span"
input = "danger_plain"
span.input = "danger_plain"
user = "plain"
span.user = "plain"

[[rule]]
name = "nothing"
when = { tenant = "none", user = "an*" }
system_prompt = "omit"
input = "omit"
output = "omit"
error = "omit"
user = "omit"
"#;

#[test]
fn what_a_policy_of_the_environment_says_is_what_reaches_the_receiver() {
    if let Some(part) = Part::of_this_process() {
        return make_calls(&part);
    }
    let directory = tempfile::tempdir().unwrap();
    let policy = directory.path().join("policy.toml");
    fs::write(&policy, POLICY).unwrap();
    let player = Player::start(
        "what_a_policy_of_the_environment_says_is_what_reaches_the_receiver",
        "application",
        directory.path(),
        &[("LLM_AUDIT_POLICY", policy.to_str().unwrap())],
    );
    let (ids, _) = player.end();
    let requests = drained(directory.path());
    let keys = keyring_file::read(&directory.path().join("keyring.json")).unwrap();
    let trail = requests.trail(&keys);
    let start = &trail.system(SystemEvent::Start)[0];
    assert!(start["policy"].as_str().unwrap().starts_with("sha256:"));
    let (logs, traces) = (requests.logs.concat(), requests.traces.concat());
    for (tenant, in_logs, in_spans) in [
        ("log", true, false),
        ("span", true, true),
        ("none", false, false),
        ("else", false, false),
    ] {
        let prompt = prompt(tenant);
        assert_eq!(contains(&logs, &prompt), in_logs, "{tenant}");
        assert_eq!(contains(&traces, &prompt), in_spans, "{tenant}");
    }
    for bytes in [&logs, &traces] {
        assert!(!contains(bytes, &secret()), "redacted is not raw");
    }
    for (tenant, record) in ids.iter().map(|line| line.split_once(' ').unwrap()) {
        let record = &trail.records[&record.parse().unwrap()];
        let span = span_of(&requests, record);
        check(tenant, record, &span);
    }
    assert_eq!(ids.len(), 4);
}

/// What is known of the record and the span of this tenant's call.
fn check(tenant: &str, record: &AuditRecord, span: &Span) {
    let Body::Call(call) = &record.body else {
        panic!("a call is one")
    };
    let (actor, content) = (&record.envelope.actor, &call.disclosed);
    assert_eq!(actor.user_id.is_some(), tenant != "none", "{tenant}");
    assert_eq!(actor.user_hash.is_some(), tenant != "none", "{tenant}");
    assert_eq!(call.hashes.input.is_some(), tenant != "none", "{tenant}");
    assert_eq!(call.outcome.error_message.is_some(), tenant != "none");
    assert_eq!(
        call.outcome.error_type.as_ref().unwrap().as_str(),
        "timeout"
    );
    assert_eq!(
        text(span, "user.id").is_some(),
        tenant == "span",
        "{tenant}"
    );
    assert_eq!(
        text(span, "user.hash").is_some(),
        tenant != "none",
        "{tenant}"
    );
    let input = content.input.as_ref().map(|text| text.as_str());
    let expected = format!(
        r#"[{{"parts":[{{"content":"{}","type":"text"}}],"role":"user"}}]"#,
        prompt(tenant)
    );
    let opened = matches!(tenant, "log" | "span");
    assert_eq!(input, opened.then_some(expected.as_str()), "{tenant}");
    assert_eq!(
        text(span, "gen_ai.input.messages").is_some(),
        tenant == "span"
    );
    assert_eq!(content.tools.is_some(), tenant == "log", "{tenant}");
    assert!(content.system_prompt.is_none() && content.output.is_none());
}

fn make_calls(part: &Part) {
    let audit = auditor(part);
    for tenant in ["log", "span", "none", "else"] {
        let start = CallStart::new("chat").tenant(tenant).user("anna");
        let mut call = audit.start(start).unwrap();
        call.input(&prompt(tenant)).unwrap();
        let tools = json!([{ "name": "weather", "description": secret() }]);
        call.tools(&tools).unwrap();
        let id = call.fail("timeout", &"it took too long").unwrap();
        part.say(&format!("{tenant} {id}"));
    }
    audit.shutdown(Duration::ZERO);
}

#[test]
fn a_killed_call_has_its_user_in_the_narrowest_form_of_any_rule() {
    if let Some(part) = Part::of_this_process() {
        return begin_a_call(&part);
    }
    for (rules, in_record, in_span) in [
        ("", true, true),
        (
            "[[rule]]\nname = 'a'\nwhen.tenant = 'other'\nuser = 'omit'\n",
            false,
            false,
        ),
        (
            "[[rule]]\nname = 'a'\nwhen.tenant = 'other'\nspan.user = 'omit'\n",
            true,
            false,
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let policy = directory.path().join("policy.toml");
        fs::write(&policy, format!("version = 1\n{rules}")).unwrap();
        let mut player = Player::start(
            "a_killed_call_has_its_user_in_the_narrowest_form_of_any_rule",
            "application",
            directory.path(),
            &[("LLM_AUDIT_POLICY", policy.to_str().unwrap())],
        );
        let id = player.hear().unwrap().parse().unwrap();
        player.kill();
        let requests = drained(directory.path());
        let keys = keyring_file::read(&directory.path().join("keyring.json")).unwrap();
        let trail = requests.trail(&keys);
        assert_eq!(trail.status(id), Some("unknown"));
        let record = &trail.records[&id];
        let actor = &record.envelope.actor;
        assert_eq!(
            (actor.user_hash.is_some(), &actor.user_id),
            (in_record, &None),
            "{rules}"
        );
        let span = span_of(&requests, record);
        assert_eq!(text(&span, "user.hash").is_some(), in_span, "{rules}");
        assert_eq!(text(&span, "user.id"), None);
    }
}

fn begin_a_call(part: &Part) {
    let audit = auditor(part);
    let call = audit
        .start(CallStart::new("chat").tenant("acme").user("anna"))
        .unwrap();
    audit.flush().unwrap();
    part.say(&call.record_id().to_string());
    // The test kills this process.
    part.hear();
}

#[test]
fn an_auditor_is_not_built_with_a_policy_that_has_faults_and_all_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("policy.toml");
    let build = || {
        let builder = Auditor::builder().data_dir(directory.path());
        let builder = builder.generate_keyring().without_sender().json_lines();
        builder.policy_file(&path).build().unwrap_err()
    };
    assert!(matches!(build(), BuildError::PolicyFile { .. }));
    fs::write(&path, "version = 1\n[[rule]]\ninput = 'plain'\n").unwrap();
    let BuildError::Policy { faults, .. } = build() else {
        panic!("the policy has faults");
    };
    let lines: Vec<usize> = faults.faults().iter().map(|fault| fault.line()).collect();
    assert_eq!(lines, [2, 3]);
    assert!(
        !directory.path().join("spool").exists(),
        "nothing was begun"
    );
}

#[test]
fn content_never_makes_a_record_too_large_for_its_spool() {
    let directory = tempfile::tempdir().unwrap();
    let danger = "version = 1\n[[rule]]\nname = 'a'\ninput = 'danger_plain'\noutput = 'danger_plain'\ntools = 'danger_plain'\nsystem_prompt = 'danger_plain'";
    let audit = Auditor::builder()
        .data_dir(directory.path())
        .generate_keyring()
        .without_sender()
        .json_lines()
        .spool_bytes(512 * 1024)
        .policy(danger.parse().unwrap())
        .build()
        .unwrap();
    for bytes in [7_000, 30_000, 400_000] {
        let mut call = audit.start(CallStart::new("chat")).unwrap();
        let text = "x".repeat(bytes);
        call.input(&text).unwrap().system_prompt(&text).unwrap();
        call.tools(&[&text]).unwrap();
        call.finish().unwrap();
    }
    assert_eq!(audit.health().dropped, 0);
    audit.shutdown(Duration::from_secs(60));
    let trail = trail::Trail::of_lines(directory.path());
    let mut lengths: Vec<(usize, bool)> = trail
        .records
        .values()
        .filter_map(|record| match &record.body {
            Body::Call(call) => call.disclosed.input.as_ref(),
            _ => None,
        })
        .map(|text| {
            (
                text.as_str().len() / 1000,
                text.as_str().contains("too_long"),
            )
        })
        .collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [(0, true), (0, true), (7, false)]);
}

fn auditor(part: &Part) -> Auditor {
    Auditor::builder()
        .service("tests")
        .data_dir(&part.data_dir)
        .generate_keyring()
        .endpoint("http://127.0.0.1:9")
        .build()
        .unwrap()
}

/// Sends what the data directory holds, by a process that knows no policy.
fn drained(data_dir: &Path) -> Requests {
    let receiver = Receiver::start();
    let sender = Auditor::builder()
        .data_dir(data_dir)
        .endpoint(&receiver.endpoint())
        .build()
        .unwrap();
    assert_eq!(sender.shutdown(Duration::from_secs(60)), Drained::Complete);
    receiver.requests()
}

fn span_of(requests: &Requests, record: &AuditRecord) -> Span {
    let id = record.envelope.record_id.to_string();
    let own = |span: &Span| text(span, "llm_audit.record.id").as_ref() == Some(&id);
    requests.spans().into_iter().find(own).unwrap()
}

fn text(span: &Span, name: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|own| own.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        other => panic!("{other:?}"),
    }
}

fn prompt(tenant: &str) -> String {
    format!("the prompt of {tenant}")
}

fn secret() -> String {
    format!("sk-ant-api03-{}", "Zx9".repeat(20))
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}
