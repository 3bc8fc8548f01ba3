//! `llm-audit export --format syslog`, sent to rsyslog over TLS without any collector.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use llm_audit::{Auditor, Drained};

use crate::recorded::Recorded;
use crate::rsyslog::{Rsyslog, Seen};
use crate::{PATIENCE, hostile};

#[test]
fn rsyslog_has_one_message_for_each_record_whatever_stands_in_it() {
    // What it takes unless told otherwise: it makes another message of what is beyond that.
    let Some(rsyslog) = Rsyslog::taking("8k") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let recorded = record(directory.path());
    rsyslog.pipe(export(directory.path()));
    let seen = rsyslog.wait_for(recorded.records.len());
    check(&recorded, &seen);
    let longest = seen.iter().map(|seen| seen.raw.len()).max().unwrap();
    println!(
        "{} records with hostile texts: {} messages, the longest of {longest} bytes",
        recorded.records.len(),
        seen.len()
    );
    assert!(
        longest > 7900,
        "records want to be longer than messages may"
    );
}

/// One message for each record, under its id, with the head that records have.
fn check(recorded: &Recorded, seen: &[Seen]) {
    let ids = |seen: &Seen| seen.fields()["id"].as_str().unwrap().to_owned();
    let there: BTreeSet<String> = seen.iter().map(ids).collect();
    assert_eq!(there, recorded.records.keys().cloned().collect());
    assert_eq!(seen.len(), recorded.records.len(), "none is there twice");
    for message in seen {
        let record = &recorded.records[&ids(message)];
        assert!(
            ["110", "108", "107", "106"].contains(&message.priority.as_str()),
            "{message:?}"
        );
        assert_eq!(
            (message.version.as_str(), message.host.as_str()),
            ("1", "-")
        );
        assert_eq!(message.app, "llm-audit");
        assert_eq!(message.kind, record["llm_audit.kind"]);
        let begins = format!("{}.", message.kind);
        assert!(message.message.trim_start().starts_with(&begins));
        assert!(message.time.ends_with('Z'));
        assert!(
            message.raw.chars().all(|c| !c.is_control()),
            "{:?}",
            message.raw
        );
        assert_eq!(message.fields()["mac"], record["llm_audit.mac"]);
    }
}

/// A thousand hostile records.
fn record(data_dir: &Path) -> Recorded {
    let audit = Auditor::builder()
        .service("billing")
        .data_dir(data_dir)
        .generate_keyring()
        .without_sender()
        .json_lines()
        .build()
        .unwrap();
    let made = hostile::record(&audit, 1000);
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let recorded = Recorded::read(data_dir);
    for id in made {
        assert!(recorded.records.contains_key(&id.to_string()));
    }
    recorded
}

fn export(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm-audit"));
    command
        .args([
            "export",
            "--format",
            "syslog",
            "--framing",
            "octet-counting",
        ])
        .arg("--data-dir")
        .arg(data_dir);
    command
}
