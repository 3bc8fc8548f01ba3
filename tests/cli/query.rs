use std::fs;

use serde_json::Value;

use super::*;

fn query(trail: &Trail, arguments: &[&str]) -> Run {
    let (subject, rest) = arguments.split_first().unwrap();
    let mut all = vec!["query", subject, "--data-dir", trail.path()];
    all.extend(rest);
    run(&all)
}

/// The ids of the calls that come, by their last digits.
fn found(arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["calls", "--format", "jsonl"];
    all.extend(arguments);
    let run = query(&Trail::new(), &all);
    assert_eq!(run.code, Some(0), "{run:?}");
    let ids = run.out.lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        row["request_id"].as_str().unwrap()[34..].to_owned()
    });
    ids.collect()
}

#[test]
fn every_subject_has_its_table() {
    let trail = Trail::new();
    let mut tables = String::new();
    for subject in ["calls", "changes", "access", "system"] {
        let run = query(&trail, &[subject]);
        assert_eq!(run.code, Some(0), "{run:?}");
        tables += &format!("{subject}\n{}{}\n", run.out, run.err);
    }
    assert_eq!(tables, include_str!("../data/query-tables.txt"));
}

#[test]
fn calls_are_found_by_user_model_status_and_time() {
    assert_eq!(found(&[]), ["01", "02", "03", "04"]);
    assert_eq!(found(&["--user", "bruno"]), ["02"]);
    let hash = format!("hmac-sha256:jcs1:hash-01:{}", "6".repeat(64));
    assert_eq!(found(&["--user", &hash]), ["01", "02", "03", "04"]);
    assert_eq!(found(&["--model", "claude-sonnet-4-5"]), ["01", "03"]);
    assert_eq!(found(&["--model", "claude-sonnet-4-5-20250929"]), ["01"]);
    assert_eq!(found(&["--status", "unknown"]), ["03"]);
    assert_eq!(found(&["--since", "2023-11-15"]), ["03", "04"]);
    assert_eq!(found(&["--until", "2023-11-14"]), ["01", "02"]);
    assert_eq!(
        found(&[
            "--since",
            "2023-11-14T22:14:20Z",
            "--until",
            "2023-11-15T01:13:20Z"
        ]),
        ["02", "03"]
    );
    assert_eq!(found(&["--since", "36500d"]), ["01", "02", "03", "04"]);
    assert_eq!(found(&["--since", "24h"]), [""; 0]);
    assert_eq!(
        found(&["--since", "2023-11-16", "--until", "2023-11-13"]),
        [""; 0]
    );
    assert_eq!(found(&["--limit", "2"]), ["03", "04"]);
    assert_eq!(found(&["--limit", "9"]), ["01", "02", "03", "04"]);
    assert_eq!(found(&["--user", "bruno", "--status", "error"]), [""; 0]);
}

#[test]
fn a_limit_takes_the_last_and_says_how_many_there_are() {
    let run = query(&Trail::new(), &["calls", "--limit", "1"]);
    assert!(run.out.contains(HOSTILE) && run.out.lines().count() == 2);
    assert_eq!(
        run.err,
        "4 records (the last 1 shown), 0 lines skipped, 0 duplicates dropped\n"
    );
}

#[test]
fn programs_get_the_columns_of_the_files() {
    let trail = Trail::new();
    let array: Value =
        serde_json::from_str(&query(&trail, &["calls", "--format", "json"]).out).unwrap();
    let lines: Vec<Value> = [FIRST_DAY, SECOND_DAY]
        .iter()
        .flat_map(|name| {
            let text = fs::read_to_string(trail.file(name)).unwrap();
            text.split_terminator('\n')
                .map(|line| serde_json::from_str(line).unwrap())
                .collect::<Vec<Value>>()
        })
        .filter(|line| line["kind"] == "call")
        .map(|mut line| {
            for member in ["v", "kind", "mac", "record"] {
                line.as_object_mut().unwrap().remove(member).unwrap();
            }
            line
        })
        .collect();
    assert_eq!(array, Value::from(lines));
    assert!(
        query(&trail, &["calls", "--format", "json"])
            .out
            .contains("\"cost_usd\":1234567890.123456789012345678,")
    );
    assert_eq!(
        query(&trail, &["calls", "--format", "json", "--user", "nobody"]).out,
        "[]\n"
    );
}

#[test]
fn csv_has_a_head_line_and_no_formula() {
    let run = query(&Trail::new(), &["calls", "--format", "csv"]);
    let mut reader = csv::Reader::from_reader(run.out.as_bytes());
    let names: Vec<String> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(
        (names.len(), names[2].as_str(), names[10].as_str()),
        (17, "user_id", "cost_usd")
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 4);
    assert_eq!(&rows[0][10], "0.0018675");
    assert_eq!(&rows[2][2], "", "what is unknown is empty");
    assert_eq!(
        &rows[3][2],
        "'=cmd()\\u{1b}[2J\r\nroot\\u{202e}gpj.exe\\u{2028}\\u{9b}31m"
    );
    for row in &rows {
        assert!(
            row.iter()
                .all(|cell| !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']))
        );
    }
}

#[test]
fn no_format_gives_a_terminal_something_to_act_on() {
    let trail = Trail::new();
    for format in ["table", "json", "jsonl", "csv"] {
        let out = query(&trail, &["calls", "--format", format]).out;
        assert!(out.contains("root"), "{format}");
        let line_end = if format == "csv" {
            ['\n', '\r']
        } else {
            ['\n', '\n']
        };
        let powerful = |c: char| {
            c.is_control() && !line_end.contains(&c) || ('\u{2028}'..='\u{202e}').contains(&c)
        };
        assert!(!out.contains(powerful), "{format}: {out:?}");
    }
}

#[test]
fn lines_that_are_no_record_are_told_and_counted_and_found_when_strict() {
    let trail = Trail::new();
    let first = fs::read(trail.file(FIRST_DAY)).unwrap();
    let line = &first[..=first.iter().position(|byte| *byte == b'\n').unwrap()];
    let broken = [line, b"no record\n{\"v\":2}\n", &line[..50]].concat();
    trail.append(&broken);
    let run = query(&trail, &["calls"]);
    assert_eq!(run.code, Some(0));
    assert_eq!(
        run.err,
        format!(
            "warning: {SECOND_DAY} line 7: not a line of an audit file (column 2); skipped\n\
             warning: {SECOND_DAY} line 8: version 2 where version 1 is known: use a newer llm-audit; skipped\n\
             warning: {SECOND_DAY} line 9: it has no end: it is being written, or was cut by a crash; skipped\n\
             4 records, 3 lines skipped, 1 duplicate dropped\n"
        )
    );
    assert_eq!(query(&trail, &["calls", "--strict"]).code, Some(1));
    assert_eq!(
        query(&trail, &["calls", "--strict", "--until", "2023-11-14"]).code,
        Some(0)
    );
}

#[test]
fn many_broken_lines_do_not_flood() {
    let trail = Trail::new();
    trail.append("x\n".repeat(1000).as_bytes());
    let run = query(&trail, &["system"]);
    assert_eq!(run.err.lines().count(), 12);
    assert!(
        run.err
            .ends_with("1 record, 1000 lines skipped, 0 duplicates dropped\n")
    );
}

#[test]
fn a_directory_without_files_and_wrong_use_say_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    let path = empty.path().to_str().unwrap();
    let told = run(&["query", "calls", "--data-dir", path]);
    assert_eq!((told.code, told.out.as_str()), (Some(2), ""));
    assert!(
        told.err.contains("no audit_YYYY-MM-DD.jsonl in")
            && told.err.contains("give the data directory")
    );
    let missing = run(&["query", "calls", "--data-dir", &format!("{path}/none")]);
    assert!(missing.code == Some(2) && missing.err.contains("No such file"));
    for wrong in [
        &["calls", "--status", "fine"][..],
        &["calls", "--since", "yesterday"],
        &["calls", "--limit", "0"],
        &["changes", "--model", "x"],
        &["nothing"],
    ] {
        assert_eq!(query(&Trail::new(), wrong).code, Some(2), "{wrong:?}");
    }
    assert!(
        query(&Trail::new(), &["calls", "--since", "yesterday"])
            .err
            .contains("24h")
    );
}

#[test]
fn a_file_that_cannot_be_read_is_no_success() {
    let trail = Trail::new();
    fs::create_dir(trail.file("audit_2023-11-16.jsonl")).unwrap();
    let told = query(&trail, &["calls"]);
    assert_eq!(told.code, Some(2));
    assert!(told.err.contains("cannot read") && told.err.contains("audit_2023-11-16.jsonl"));
}
