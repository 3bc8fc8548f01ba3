//! `llm-audit demo`, the real binary.

#![expect(
    clippy::unwrap_used,
    reason = "a test says by its panic where it stopped"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

/// What a run did.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// The binary, with nothing of the environment of the tests.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm-audit"));
    command.env_clear().args(arguments);
    command
}

fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs the demo with a data directory of its own.
fn demo(arguments: &[&str]) -> (Ran, TempDir) {
    let directory = tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let ran = run(&mut command(
        &[&["demo", "--exit", "--data-dir", path], arguments].concat(),
    ));
    (ran, directory)
}

/// The number behind a name at the start of a line.
fn count(ran: &Ran, name: &str) -> u64 {
    let mut lines = ran.out.lines();
    let line = lines.find(|line| line.starts_with(name));
    let line = line.unwrap_or_else(|| panic!("{name} is told: {ran:?}"));
    let number = line[name.len()..].split_whitespace().next().unwrap();
    number.parse().unwrap()
}

/// The bytes of every file below a directory.
fn files(directory: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(fs::read(path).unwrap());
        }
    }
    found
}

/// The lines of all JSON-lines files of a data directory.
fn lines(directory: &Path) -> Vec<Value> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "jsonl") {
            let text = fs::read_to_string(path).unwrap();
            lines.extend(
                text.lines()
                    .map(|line| serde_json::from_str::<Value>(line).unwrap()),
            );
        }
    }
    lines
}

fn of_kind(lines: &[Value], kind: &str) -> Vec<Value> {
    let own = lines.iter().filter(|line| line["kind"] == kind);
    own.cloned().collect()
}

#[test]
fn everything_that_was_recorded_arrives() {
    let (ran, directory) = demo(&["--calls", "24"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(count(&ran, "calls made"), 24);
    assert_eq!(count(&ran, "records spooled"), 28);
    assert_eq!(count(&ran, "log records received"), 28);
    assert_eq!(count(&ran, "spans received"), 24);
    assert_eq!(count(&ran, "lost"), 0);
    assert!(!ran.out.contains("NOT SO") && !ran.out.contains("not audited"));

    let lines = lines(directory.path());
    let calls = of_kind(&lines, "call");
    assert_eq!((lines.len(), calls.len()), (28, 24));
    let distinct = |name: &str| -> BTreeSet<&str> {
        let texts = calls.iter().filter_map(|call| call[name].as_str());
        texts.collect()
    };
    assert_eq!(
        distinct("status"),
        BTreeSet::from(["blocked", "cancelled", "error", "success"])
    );
    assert_eq!(
        distinct("user_id"),
        BTreeSet::from(["anna", "ben", "chen", "dora"])
    );
    for call in calls.iter().filter(|call| call["status"] == "success") {
        assert!(call["input_tokens"].as_u64() > Some(0), "{call}");
        let own_machine = call["record"]["gen_ai.provider.name"] == "ollama";
        let cost = call["cost_usd"].as_f64();
        assert!(own_machine == cost.is_none() && cost != Some(0.0), "{call}");
    }
}

#[test]
fn twelve_calls_show_every_action_and_status() {
    let (_, directory) = demo(&["--calls", "12"]);
    let calls = of_kind(&lines(directory.path()), "call");
    let shown: BTreeSet<(&str, &str)> = calls
        .iter()
        .map(|call| {
            let text = |name: &str| call[name].as_str().unwrap();
            (text("action"), text("status"))
        })
        .collect();
    let expected = [
        ("chat.completions.create", "blocked"),
        ("chat.completions.create", "error"),
        ("chat.completions.create", "success"),
        ("chat.completions.stream", "cancelled"),
        ("chat.completions.stream", "success"),
        ("embeddings.create", "success"),
        ("messages.create", "success"),
        ("messages.stream", "success"),
        ("responses.create", "success"),
    ];
    assert_eq!(shown, BTreeSet::from(expected));
}

#[test]
fn no_prompt_answer_or_key_is_in_any_file_or_printed() {
    let (ran, directory) = demo(&["--calls", "24"]);
    let source = concat!(
        include_str!("../src/cli/demo/application/mod.rs"),
        include_str!("../src/cli/demo/application/administration.rs"),
        include_str!("../src/cli/demo/emulator/script.rs"),
    );
    let files = files(directory.path());
    assert!(!files.is_empty());
    for private in [
        "Okafor",
        "Zieliński",
        "Blue Heron",
        "Lisbon audit",
        "seat 14C",
        "night shift",
        "Amara Diallo",
        "small insurer",
        "understood,",
        "8Qm2Vt7XcLr4Nz0J",
        "3Rk9Wb5ZhTn1Mx8C",
    ] {
        assert!(source.contains(private), "{private} is said by the demo");
        assert!(!ran.out.contains(private), "{private} is printed");
        let holds = |file: &Vec<u8>| {
            let mut windows = file.windows(private.len());
            windows.any(|window| window == private.as_bytes())
        };
        assert!(!files.iter().any(holds), "{private} is on disk");
    }
    let lines = lines(directory.path());
    let change = &of_kind(&lines, "change")[0];
    assert_eq!(change["table_name"], "routing_rule");
    assert_eq!(change["updated_values"]["model"], "gpt-4o");
    assert!(change["updated_values"]["api_key"].is_string(), "{change}");
    assert_eq!(of_kind(&lines, "access")[0]["operation"], "login");
}

#[test]
fn what_is_kept_can_be_queried() {
    let (_, directory) = demo(&["--calls", "15"]);
    let path = directory.path().to_str().unwrap();
    let query = ["query", "calls", "--data-dir", path, "--format", "jsonl"];
    let of_anna = run(&mut command(&[&query[..], &["--user", "anna"]].concat()));
    assert_eq!(of_anna.code, Some(0), "{of_anna:?}");
    let rows: Vec<Value> = of_anna
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["user_id"] == "anna"));
    let id = rows[0]["request_id"].as_str().unwrap();
    let shown = run(&mut command(&["show", id, "--data-dir", path]));
    assert_eq!(shown.code, Some(0), "the record verifies: {shown:?}");
}

#[test]
fn a_second_run_in_the_same_directory_tells_of_itself_only() {
    let (_, directory) = demo(&["--calls", "3"]);
    let path = directory.path().to_str().unwrap();
    let again = ["demo", "--exit", "--calls", "5", "--data-dir", path];
    let again = run(&mut command(&again));
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(count(&again, "log records received"), 9);
    assert_eq!(of_kind(&lines(directory.path()), "call").len(), 8);
}

#[test]
fn json_has_the_same_facts() {
    let (ran, directory) = demo(&["--calls", "12", "--format", "json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["calls"].as_array().unwrap().len(), 12);
    assert_eq!(told["ledger"]["calls_made"], 12);
    assert_eq!(told["ledger"]["lost"], 0);
    assert_eq!(told["total"]["calls"], 12);
    let sum = |table: &str| -> u64 {
        let rows = told[table].as_array().unwrap().iter();
        rows.map(|row| row["calls"].as_u64().unwrap()).sum()
    };
    assert_eq!((sum("by_model"), sum("by_user")), (12, 12));
    let checks = told["checks"].as_object().unwrap();
    assert!(checks.len() == 6 && checks.values().all(|faults| *faults == 0));
    assert_eq!(told["data_dir"], directory.path().to_str().unwrap());
    let ids = |calls: &[Value]| -> BTreeSet<String> {
        let ids = calls.iter().map(|call| call["request_id"].to_string());
        ids.collect()
    };
    let kept = of_kind(&lines(directory.path()), "call");
    assert_eq!(ids(told["calls"].as_array().unwrap()), ids(&kept));
}

#[test]
fn calls_that_leave_no_record_are_a_finding() {
    let directory = tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let arguments = ["demo", "--exit", "--calls", "4", "--data-dir", path];
    let off = run(command(&arguments).env("LLM_AUDIT_DISABLED", "true"));
    assert_eq!(off.code, Some(1), "{off:?}");
    // Four calls, the change and the login.
    assert_eq!((count(&off, "calls made"), count(&off, "lost")), (4, 6));
}

#[test]
fn a_disk_that_takes_no_more_is_a_finding() {
    let directory = tempdir().unwrap();
    // A limit on the size of files; without the trap its signal would end the program.
    let script = "trap '' XFSZ; ulimit -f 30; exec \"$0\" demo --exit --calls 24 --data-dir \"$1\"";
    let mut shell = Command::new("/bin/sh");
    let shell = shell.args(["-c", script, env!("CARGO_BIN_EXE_llm-audit")]);
    let full = run(shell.arg(directory.path()).env_clear());
    assert_eq!(full.code, Some(1), "{full:?}");
    assert!(count(&full, "lost") > 0, "{full:?}");
    let received = count(&full, "log records received");
    assert_eq!(count(&full, "records spooled"), received);
    assert_eq!(count(&full, "calls made"), 24);
}

#[test]
fn without_a_data_directory_nothing_is_left() {
    let directory = tempdir().unwrap();
    let mut demo = command(&["demo", "--exit", "--calls", "2"]);
    let ran = run(demo.env("TMPDIR", directory.path()));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out
            .contains("llm-audit demo --data-dir ./demo-data --exit")
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn it_goes_on_until_it_is_interrupted() {
    let mut child = command(&["demo", "--calls", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    let going_on = told.find(|line| line.as_ref().unwrap().contains("until Ctrl-C"));
    let going_on = going_on.unwrap().unwrap();
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let mut out = String::new();
    let mut pipe = child.stdout.take().unwrap();
    pipe.read_to_string(&mut out).unwrap();
    let ran = Ran {
        code: child.wait().unwrap().code(),
        out,
        err: going_on,
    };
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(count(&ran, "calls made") >= 2);
    assert_eq!(count(&ran, "lost"), 0);
}

#[test]
fn help_has_an_example_and_wrong_use_is_told_apart() {
    let help = run(&mut command(&["demo", "--help"]));
    assert_eq!(help.code, Some(0));
    assert!(help.out.contains("Example:\n  llm-audit demo "), "{help:?}");
    let none = run(&mut command(&["demo", "--exit", "--calls", "0"]));
    assert_eq!(none.code, Some(2), "{none:?}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let no_directory = ["demo", "--exit", "--data-dir", path];
    let no_directory = run(&mut command(&no_directory));
    assert_eq!(no_directory.code, Some(2), "{no_directory:?}");
    assert!(no_directory.err.contains(path), "{no_directory:?}");
}
