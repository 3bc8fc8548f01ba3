//! What the rules of collector-config/detections are tried with: records that each rule is to find, and records that it is
//! to leave alone, in the form they leave in and in the formats of SIEMs.
//!
//! `.ci/sigma` evaluates the rules on these files. Here is proven that they are what this version writes; they are made
//! anew with `LLM_AUDIT_BLESS=1`. With `LLM_AUDIT_DETECTION_FORMS=DIRECTORY` the same records are written there as well,
//! in each format that a pipeline of names exists for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod forms;
mod records;
mod scenarios;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use llm_audit::record::AuditRecord;
use llm_audit::siem::Format;

use self::scenarios::{Scenario, scenarios};

#[test]
fn the_events_of_every_rule_are_what_is_written() {
    for Scenario { rule, cases } in scenarios() {
        for (case, records) in cases {
            let lines = lines(&records, forms::on_the_wire);
            same(&events().join(rule).join(format!("{case}.jsonl")), &lines);
        }
    }
}

#[test]
fn every_rule_has_events_and_all_events_have_a_rule() {
    let rules = names(&detections().join("rules"));
    let kept = names(&events());
    let written: BTreeSet<String> = scenarios().iter().map(|one| one.rule.to_owned()).collect();
    assert_eq!(rules, written);
    assert_eq!(kept, written);
    assert!(written.len() >= 12, "{written:?}");
}

#[test]
fn the_records_have_a_line_in_every_format() {
    let directory = std::env::var_os("LLM_AUDIT_DETECTION_FORMS").map(PathBuf::from);
    for Scenario { rule, cases } in scenarios() {
        for (case, records) in &cases {
            for (format, name) in FORMATS {
                let lines = lines(records, |record| forms::of_siem(format, record));
                assert_eq!(lines.lines().count(), records.len());
                if let Some(directory) = &directory {
                    let directory = directory.join(name).join(rule);
                    fs::create_dir_all(&directory).unwrap();
                    fs::write(directory.join(format!("{case}.jsonl")), lines).unwrap();
                }
            }
        }
    }
}

fn lines(records: &[AuditRecord], form: impl Fn(&AuditRecord) -> String) -> String {
    let ids: BTreeSet<_> = records.iter().map(|one| one.envelope.record_id).collect();
    assert_eq!(ids.len(), records.len(), "two records have the same id");
    records.iter().map(|record| form(record) + "\n").collect()
}

fn same(file: &Path, expected: &str) {
    if std::env::var_os("LLM_AUDIT_BLESS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, expected).unwrap();
    }
    let kept = fs::read_to_string(file).unwrap_or_default();
    assert!(
        kept == expected,
        "{} is no longer what is written",
        file.display()
    );
}

/// The names of what is in a directory, without their ends.
fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().path());
    names
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

fn events() -> PathBuf {
    detections().join("events")
}

fn detections() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("collector-config/detections")
}

/// Formats that a pipeline of names exists for, by the names of the pipelines.
const FORMATS: [(Format, &str); 4] = [
    (Format::Asim, "sentinel"),
    (Format::Ecs, "elastic-ecs"),
    (Format::Hec, "splunk-cim"),
    (Format::Ocsf, "ocsf"),
];
