//! Records through a collector's syslog exporter to rsyslog over TLS: CEF and JSON, with hostile values.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use llm_audit::otlp::LogBody;
use llm_audit::{Auditor, AuditorBuilder};
use serde_json::{Map, Value};

use crate::collector::Collector;
use crate::recorded::{self, Recorded};
use crate::rsyslog::{Rsyslog, Seen};
use crate::{TOKEN, auditor, hostile, tool};

#[test]
fn cef_of_a_collector_is_one_message_for_each_record_and_a_parser_reads_its_fields() {
    // The limit of QRadar.
    let Some((recorded, seen)) = sent("destinations/syslog-cef.yaml", "4k", LogBody::Text) else {
        return;
    };
    assert_eq!(seen.len(), recorded.records.len(), "none is there twice");
    for message in &seen {
        check_head(message);
        assert!(message.raw.len() <= 4096);
    }
    let Some(read) = read_cef(&seen) else {
        return;
    };
    let ids: BTreeSet<&str> = read.iter().map(|fields| &*fields["externalId"]).collect();
    assert_eq!(
        ids,
        recorded
            .records
            .keys()
            .map(String::as_str)
            .collect::<BTreeSet<_>>()
    );
    for (message, fields) in seen.iter().zip(&read) {
        let record = &recorded.records[&fields["externalId"]];
        assert_eq!(fields["DeviceVendor"], "llm-audit");
        assert_eq!(message.kind, record["llm_audit.kind"]);
        for (key, name) in [
            ("outcome", "llm_audit.status"),
            ("suser", "user.id"),
            ("cs1", "gen_ai.request.model"),
            ("cs3", "gen_ai.provider.name"),
            ("cs4", "llm_audit.tenant"),
            ("cs6", "gen_ai.conversation.id"),
        ] {
            let expected = record.get(name).map(shown).unwrap_or_default();
            let said = fields.get(key).map(String::as_str).unwrap_or_default();
            assert_eq!(said, expected, "{key}");
        }
    }
}

#[test]
fn json_of_a_collector_is_one_message_for_each_record_whatever_its_length() {
    let Some((recorded, seen)) = sent("destinations/secops.yaml", "8k", LogBody::Text) else {
        return;
    };
    let mut ids = BTreeSet::new();
    let mut cut = 0;
    for message in &seen {
        check_head(message);
        let fields: Map<String, Value> = serde_json::from_str(message.message.trim()).unwrap();
        let id = recorded::id(&fields).to_owned();
        let record = &recorded.records[&id];
        assert_eq!(fields["llm_audit.mac"], record["llm_audit.mac"]);
        if fields.contains_key("llm_audit.cut") {
            cut += 1;
        } else {
            let said = fields.get("user.id").map(|user| user.as_str().unwrap());
            assert_eq!(said, record.get("user.id").map(in_json).as_deref());
        }
        assert!(ids.insert(id), "none is there twice");
    }
    assert_eq!(ids, recorded.records.keys().cloned().collect());
    println!("{cut} of {} records were too long and are cut", ids.len());
    assert!(cut > 0 && cut < ids.len() / 10);
}

#[test]
fn bodies_of_the_application_are_one_message_for_each_record_and_cut_where_the_listener_ends() {
    let Some((recorded, seen)) = sent("destinations/syslog-body.yaml", "8k", LogBody::Cef) else {
        return;
    };
    assert_eq!(seen.len(), recorded.records.len(), "none is there twice");
    for message in &seen {
        assert_eq!((&*message.version, &*message.host), ("1", "-"));
        assert_eq!(message.app, "llm-audit");
        assert!(message.message.trim().starts_with("CEF:0|llm-audit|"));
    }
    let cut = seen.iter().filter(|seen| seen.raw.len() > 7900).count();
    assert!(cut > 0, "records want to be longer than messages may");
    let Some(read) = read_cef(&seen) else {
        return;
    };
    let ids: BTreeSet<&String> = read.iter().map(|fields| &fields["externalId"]).collect();
    assert_eq!(ids, recorded.records.keys().collect());
}

/// A thousand hostile records, and what rsyslog, which takes messages so long, got of them from a collector.
fn sent(file: &str, longest: &str, body: LogBody) -> Option<(Recorded, Vec<Seen>)> {
    let binary = tool::named("LLM_AUDIT_TEST_COLLECTOR_FULL", ".ci/collector full")?;
    let rsyslog = Rsyslog::taking(longest)?;
    let (authority, port) = (rsyslog.authority(), rsyslog.port.to_string());
    let variables = [
        ("LLM_AUDIT_INGEST_TOKEN", TOKEN),
        ("LLM_AUDIT_SYSLOG_HOST", "localhost"),
        ("LLM_AUDIT_SYSLOG_PORT", &port),
        ("LLM_AUDIT_SYSLOG_CA", authority.to_str().unwrap()),
    ];
    let mut collector = Collector::of(&binary).configured(file, &variables);
    collector.start();
    let directory = tempfile::tempdir().unwrap();
    let application = |audit: &Auditor| drop(hostile::record(audit, 1000));
    let with_body = |builder: AuditorBuilder| builder.log_body(body);
    let recorded = auditor::run_with(&collector, directory.path(), with_body, application);
    let seen = rsyslog.wait_for(recorded.records.len());
    Some((recorded, seen))
}

fn check_head(message: &Seen) {
    assert!(["110", "106"].contains(&&*message.priority), "{message:?}");
    assert_eq!((&*message.version, &*message.host), ("1", "-"));
    assert_eq!(message.app, "llm-audit");
    assert!(!message.raw.contains(char::is_control), "{:?}", message.raw);
}

/// A value as the file of JSON shows it: JSON escapes control characters, and U+FFFD stands for what else is not shown.
fn in_json(value: &Value) -> String {
    let escaped = |c: char| c < '\u{7f}' || matches!(c, '\u{2028}' | '\u{2029}');
    let shown = |c| {
        if is_hidden(c) && !escaped(c) {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    value.as_str().unwrap().chars().map(shown).collect()
}

/// A value as the file of CEF shows it: characters that are not shown are a space, long ones are cut.
fn shown(value: &Value) -> String {
    let mut shown = String::new();
    let mut hidden = false;
    for c in value.as_str().unwrap().chars() {
        if !is_hidden(c) {
            shown.push(c);
        } else if !hidden {
            shown.push(' ');
        }
        hidden = is_hidden(c);
    }
    if shown.len() > LONGEST {
        let mut end = LONGEST - "…".len();
        while !shown.is_char_boundary(end) {
            end -= 1;
        }
        shown.truncate(end);
        shown.push('…');
    }
    shown.trim().to_owned()
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// What pycef reads of each message; none where there is no pycef.
fn read_cef(seen: &[Seen]) -> Option<Vec<BTreeMap<String, String>>> {
    let mut probe = Command::new("python3");
    let there = probe.args(["-c", "import pycef"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        let strict = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!strict, "there is no python3 with pycef");
        println!("SKIPPED: put what .ci/pycef prints on PYTHONPATH");
        return None;
    }
    let mut python = Command::new("python3")
        .args(["-c", PYCEF])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = python.stdin.take().unwrap();
    let lines: Vec<&str> = seen.iter().map(|seen| seen.message.trim()).collect();
    let lines = lines.join("\n");
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let read: Vec<BTreeMap<String, String>> = serde_json::from_slice(&output.stdout).unwrap();
    let unescaped = |value: String| {
        value
            .replace("\\=", "=")
            .replace("\\\\", "\\")
            .trim()
            .to_owned()
    };
    let fields = |fields: BTreeMap<String, String>| {
        let fields = fields.into_iter();
        fields.map(|(key, value)| (key, unescaped(value))).collect()
    };
    Some(read.into_iter().map(fields).collect())
}

/// Prints the fields of all lines, with labels beside their values instead of in the place of keys.
const PYCEF: &str = r#"
import sys, json, pycef
lines = sys.stdin.buffer.read().decode("utf-8").split("\n")
print(json.dumps([pycef.parse(line.replace("Label=", "Tag=")) for line in lines]))
"#;
/// Where a value ends, in bytes.
const LONGEST: usize = 192;
