use std::fs;

use serde_json::Value;

use super::*;

fn export(trail: &Trail, format: &str, arguments: &[&str]) -> Run {
    let mut all = vec!["export", "--data-dir", trail.path(), "--format", format];
    all.extend(arguments);
    run(&all)
}

fn ids(arguments: &[&str]) -> Vec<String> {
    let run = export(&Trail::new(), "hec", arguments);
    assert_eq!(run.code, Some(0), "{run:?}");
    let ids = run.out.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let event = &line["event"];
        format!("{} {}", event["llm_audit.kind"], &event["event_id"]).replace('"', "")
    });
    ids.collect()
}

#[test]
fn jsonl_is_the_audit_files_byte_for_byte() {
    let trail = Trail::new();
    let run = export(&trail, "jsonl", &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let files = ["audit_2023-11-14.jsonl", "audit_2023-11-15.jsonl"];
    let files = files.map(|name| fs::read_to_string(golden().join(name)).unwrap());
    assert_eq!(run.out, files.concat());
}

#[test]
fn every_format_has_every_record_on_a_line() {
    let trail = Trail::new();
    let lines = export(&trail, "jsonl", &[]).out.lines().count();
    for format in ["asim", "cef", "ecs", "hec", "leef", "ocsf", "udm"] {
        let run = export(&trail, format, &[]);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(run.out.lines().count(), lines, "{format}");
        assert!(run.err.contains(&format!("{lines} records")), "{}", run.err);
    }
    let run = export(&trail, "syslog", &["--framing", "newline"]);
    assert_eq!(run.out.lines().count(), lines);
    assert!(run.out.lines().all(|line| line.starts_with('<')));
}

#[test]
fn syslog_counts_the_bytes_of_its_messages() {
    let trail = Trail::new();
    let run = export(&trail, "syslog", &[]);
    let (mut rest, mut messages) = (run.out.as_str(), Vec::new());
    while !rest.is_empty() {
        let (length, more) = rest.split_once(' ').unwrap();
        let (message, more) = more.split_at(length.parse().unwrap());
        messages.push(message.to_owned() + "\n");
        rest = more;
    }
    let lines = export(&trail, "syslog", &["--framing", "newline"]).out;
    assert_eq!(messages.concat(), lines);
}

#[test]
fn records_are_found_by_kind_user_model_status_and_time() {
    let all = ids(&[]);
    for kind in ["access", "call", "change", "system"] {
        let expected: Vec<_> = all.iter().filter(|id| id.starts_with(kind)).collect();
        let found = ids(&["--kind", kind]);
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        assert!(!found.is_empty());
    }
    assert!(all.contains(&ids(&["--kind", "call", "--user", "bruno"])[0]));
    assert_eq!(ids(&["--status", "unknown"]).len(), 1);
    assert_eq!(ids(&["--model", "claude-sonnet-4-5"]).len(), 2);
    let (before, after) = (
        ids(&["--until", "2023-11-14"]),
        ids(&["--since", "2023-11-15"]),
    );
    assert_eq!([before, after].concat(), all);
    assert!(ids(&["--since", "24h"]).is_empty());
}

#[test]
fn csv_has_the_columns_that_a_query_has() {
    let trail = Trail::new();
    let run = export(&trail, "csv", &["--kind", "change"]);
    let mut query = vec!["query", "changes", "--data-dir", trail.path()];
    query.extend(["--format", "csv"]);
    assert_eq!(run.out, super::run(&query).out);
    assert_eq!(run.code, Some(0));
}

#[test]
fn what_does_not_go_together_is_wrong_use() {
    let trail = Trail::new();
    let run = export(&trail, "csv", &[]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("--kind"), "{}", run.err);
    let run = export(&trail, "cef", &["--framing", "newline"]);
    assert_eq!(run.code, Some(2));
    assert_eq!(export(&trail, "xml", &[]).code, Some(2));
}

#[test]
fn a_broken_line_is_told_and_with_strict_a_finding() {
    let trail = Trail::new();
    let file = Path::new(trail.path()).join("audit_2023-11-15.jsonl");
    let mut text = fs::read_to_string(&file).unwrap();
    text.push_str("not a record\n");
    fs::write(&file, text).unwrap();
    let run = export(&trail, "ocsf", &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.err.contains("1 line skipped"), "{}", run.err);
    assert_eq!(export(&trail, "ocsf", &["--strict"]).code, Some(1));
}
