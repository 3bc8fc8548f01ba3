//! CEF, LEEF and syslog, read back.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::*;
use crate::siem::fact::{end, facts};
use crate::siem::place::Place;

/// What a format must hold: its keys with their values as `show` says that they are shown.
fn expected(
    format: Format,
    record: &AuditRecord,
    show: impl Fn(&str) -> String,
) -> BTreeMap<String, String> {
    let found = facts(record, None).into_iter().filter_map(|fact| {
        let Place::At(key) = fact.places.of(format) else {
            return None;
        };
        let key = key.split(':').next().unwrap_or(key).to_owned();
        Some((key, show(&fact.value.text())))
    });
    found.collect()
}

fn shown(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        hidden::push_visible(c, &mut out);
    }
    out
}

/// Equal, or cut where the format cuts.
fn is_same(said: &str, expected: &str) -> bool {
    said == expected
        || said
            .strip_suffix('…')
            .is_some_and(|begin| expected.starts_with(begin) && expected.len() > said.len())
}

proptest! {
    #[test]
    fn a_strict_parser_reads_from_syslog_what_was_recorded(record in hostile_record()) {
        let mac_less = {
            let mut out = Vec::new();
            Format::Syslog.write(&record, None, &mut out);
            String::from_utf8(out).unwrap()
        };
        let message: syslog_rfc5424::SyslogMessage = mac_less.parse().unwrap();
        prop_assert_eq!(message.appname.as_deref(), Some("llm-audit"));
        prop_assert_eq!(message.msgid.as_deref(), Some(record.body.kind()));
        prop_assert_eq!(message.msg, event_id(&record));
        prop_assert_eq!(message.sd.len(), 1);
        let said = message.sd.find_sdid("llm_audit@32473").unwrap();
        let expected = expected(Format::Syslog, &record, shown);
        prop_assert_eq!(said.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (name, value) in &expected {
            prop_assert!(is_same(&said[name], value), "{}: {:?} {:?}", name, said[name], value);
        }
    }

    #[test]
    fn a_message_of_syslog_is_no_longer_than_receivers_take(record in hostile_record(), long in hostile_text()) {
        let mut record = record;
        let text = long.repeat(1 + 2000 / long.len().max(1));
        record.envelope.actor.user_id = Some(Label::clip(&text));
        record.envelope.actor.session = Some(Label::clip(&text));
        record.envelope.actor.tenant = Some(Label::clip(&text));
        record.envelope.service = Some(Label::clip(&text));
        record.envelope.actor.conversation = Some(Label::clip(&text));
        if let Body::Call(call) = &mut record.body {
            poison(call, &mut || text.clone());
            call.server_address = Some(Label::clip(&text));
            call.request.model = Some(Label::clip(&text));
        }
        let message = line(Format::Syslog, &record);
        prop_assert!(message.len() <= 8000, "{}", message.len());
        let read: syslog_rfc5424::SyslogMessage = message.parse().unwrap();
        let read = read.sd.find_sdid("llm_audit@32473").unwrap();
        prop_assert_eq!(&read["id"], &record.envelope.record_id.to_string());
        prop_assert!(read.contains_key("mac"));
    }

    #[test]
    fn leef_holds_the_fields_and_no_others(record in hostile_record()) {
        let mut out = Vec::new();
        Format::Leef.write(&record, None, &mut out);
        let text = String::from_utf8(out).unwrap();
        let header: Vec<&str> = text.splitn(7, '|').collect();
        prop_assert_eq!(header[0], "LEEF:2.0");
        prop_assert_eq!(header[5], "x09");
        let event = event_id(&record);
        prop_assert_eq!(header[4], event.as_str());
        let fields = header[6].split('\t').map(|field| field.split_once('=').unwrap());
        let mut said: BTreeMap<String, String> = BTreeMap::new();
        for (key, value) in fields {
            prop_assert!(said.insert(key.to_owned(), value.to_owned()).is_none(), "{} twice", key);
        }
        check_leef(&record, &said, str::to_owned)?;
    }

    #[test]
    fn cef_holds_the_fields_and_no_others(record in hostile_record()) {
        let mut out = Vec::new();
        Format::Cef.write(&record, None, &mut out);
        let text = String::from_utf8(out).unwrap();
        let header: Vec<&str> = text.splitn(8, '|').collect();
        prop_assert_eq!(header[4], event_id(&record));
        let said = read_cef(header[7]);
        check_cef(&record, &said)?;
    }
}

fn check_leef(
    record: &AuditRecord,
    said: &BTreeMap<String, String>,
    read: fn(&str) -> String,
) -> Result<(), TestCaseError> {
    let mut said = said.clone();
    prop_assert!(said.remove("sev").is_some());
    said.remove("llmEscaped");
    let keep = |text: &str| read(&shown(&text.replace(['\t', '\n', '\r'], " ")));
    let expected = expected(Format::Leef, record, keep);
    for (key, value) in expected.iter().filter(|(_, value)| !value.is_empty()) {
        let found = said.remove(key);
        let same = found.as_deref().is_some_and(|found| is_same(found, value));
        prop_assert!(same, "{}: {:?} {:?}", key, found, value);
    }
    prop_assert_eq!(said.len(), 0, "{:?}", said);
    Ok(())
}

/// Reads an extension by the rule that an equals sign without a backslash before it ends a key.
fn read_cef(extension: &str) -> BTreeMap<String, String> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let mut value = String::new();
    let mut chars = extension.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next().unwrap() {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                escaped @ ('\\' | '=') => value.push(escaped),
                other => panic!("\\{other} is no escape"),
            },
            '=' => {
                let (before, key) = match value.rsplit_once(' ') {
                    Some((before, key)) => (before.to_owned(), key.to_owned()),
                    None => (String::new(), value.clone()),
                };
                if let Some((_, last)) = fields.last_mut() {
                    *last = before;
                }
                fields.push((key, String::new()));
                value.clear();
            }
            c => value.push(c),
        }
    }
    fields.last_mut().unwrap().1 = value;
    let count = fields.len();
    let map: BTreeMap<_, _> = fields.into_iter().collect();
    assert_eq!(map.len(), count, "a key stands twice");
    map
}

fn check_cef(record: &AuditRecord, said: &BTreeMap<String, String>) -> Result<(), TestCaseError> {
    let mut said = said.clone();
    let keep = |text: &str| {
        let pieces = text.trim().split_inclusive(['\n', '\r']).map(|piece| {
            let end = piece.len() - usize::from(piece.ends_with(['\n', '\r']));
            shown(&piece[..end]) + &piece[end..]
        });
        pieces.collect()
    };
    let expected = expected(Format::Cef, record, keep);
    for (key, value) in expected.iter().filter(|(_, value)| !value.is_empty()) {
        let found = said.remove(key).unwrap();
        prop_assert!(is_same(&found, value), "{}: {:?} {:?}", key, found, value);
    }
    let end = end(record).unix_millis().to_string();
    prop_assert_eq!(said.remove("end"), Some(end));
    said.retain(|key, _| !key.ends_with("Label"));
    prop_assert_eq!(said.len(), 0, "{:?}", said);
    Ok(())
}

#[test]
fn another_project_reads_from_cef_what_was_recorded() {
    let ready = Command::new("python3")
        .args(["-c", "import pycef"])
        .output();
    if !ready.is_ok_and(|output| output.status.success()) {
        let strict = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!strict, "there is no python3 with pycef");
        eprintln!("SKIPPED: put what .ci/pycef prints on PYTHONPATH");
        return;
    }
    for (record, fields) in read_by(
        Command::new("python3").args(["-c", PYCEF]),
        Format::Cef,
        str::to_owned,
    ) {
        let fields: BTreeMap<String, String> = serde_json::from_str(&fields).unwrap();
        let fields = fields
            .into_iter()
            .map(|(key, value)| (key, unescaped(&value)));
        check_cef(&record, &fields.collect()).unwrap();
    }
}

#[test]
fn another_project_reads_from_leef_what_was_recorded() {
    let Some(tenzir) = std::env::var_os("LLM_AUDIT_TEST_TENZIR") else {
        let strict = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!strict, "LLM_AUDIT_TEST_TENZIR is not set");
        eprintln!("SKIPPED: set LLM_AUDIT_TEST_TENZIR to what .ci/tenzir prints");
        return;
    };
    for (record, event) in read_by(Command::new(tenzir).arg(TENZIR), Format::Leef, unquoted) {
        let event: serde_json::Value = serde_json::from_str(&event).unwrap();
        assert_eq!(event["leef_version"], "2.0");
        assert_eq!(event["product_name"], "llm-audit");
        assert_eq!(event["event_class_id"], event_id(&record));
        let fields = event["attributes"].as_object().unwrap().iter();
        let fields = fields.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()));
        let fields = fields.filter(|(_, value)| !value.is_empty());
        check_leef(&record, &fields.collect(), as_tenzir_reads).unwrap();
    }
}

/// Hostile records, and for each the line in which a program of another project says what it reads.
fn read_by(
    program: &mut Command,
    format: Format,
    given: fn(&str) -> String,
) -> Vec<(AuditRecord, String)> {
    let mut runner = TestRunner::deterministic();
    let records: Vec<AuditRecord> = (0..500)
        .map(|_| hostile_record().new_tree(&mut runner).unwrap().current())
        .collect();
    let mut lines = String::new();
    for record in &records {
        let mut line = Vec::new();
        format.write(record, None, &mut line);
        lines += &given(std::str::from_utf8(&line).unwrap());
        lines.push('\n');
    }
    let program = program.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut program = program.spawn().unwrap();
    let mut input = program.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = program.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let read = String::from_utf8(output.stdout).unwrap();
    assert_eq!(read.lines().count(), records.len());
    records
        .into_iter()
        .zip(read.lines().map(str::to_owned))
        .collect()
}

/// Tenzir takes blanks off the ends of values.
fn as_tenzir_reads(text: &str) -> String {
    unquoted(text).trim().to_owned()
}

/// LEEF knows no quotes; Tenzir does.
fn unquoted(text: &str) -> String {
    text.replace(['"', '\'', '\\'], "~")
}

/// Reads LEEF, values as texts, and prints each event as a line of JSON.
const TENZIR: &str = "from_stdin { read_leef raw=true } | write_ndjson";

/// pycef finds fields, and leaves their escapes to its caller.
fn unescaped(value: &str) -> String {
    let mut fields = read_cef(&format!("k={value}"));
    fields.remove("k").unwrap()
}

/// Prints the fields of each line, with labels beside their values instead of in the place of keys.
const PYCEF: &str = r#"
import sys, json, pycef
header = {"DeviceVendor", "DeviceProduct", "DeviceVersion", "DeviceEventClassID", "Name", "DeviceName", "Severity", "DeviceSeverity", "CEFVersion"}
for line in sys.stdin.buffer.read().decode("utf-8").split("\n")[:-1]:
    fields = pycef.parse(line.replace("Label=", "Tag="))
    print(json.dumps({k: v for k, v in fields.items() if k not in header and not k.endswith("Tag")}))
"#;
