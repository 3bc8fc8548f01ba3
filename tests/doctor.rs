//! The doctor: what is well is called well, and each trouble is found, with what to do and an exit code.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/application.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod application;
#[path = "support/disk.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod disk;
#[path = "support/part.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod part;
#[path = "support/receiver.rs"]
#[allow(dead_code, reason = "other tests ask it for more")]
mod receiver;
#[path = "support/trail.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod trail;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use application::{PATIENCE, a_call, everywhere, lines, nowhere};
use disk::Disk;
use llm_audit::failure::Verdict;
use part::{Part, Player};
use receiver::Receiver;
use serde_json::Value;

/// What the doctor said.
struct Visit {
    code: Option<i32>,
    findings: Vec<Value>,
}

impl Visit {
    fn of(data_dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut all = vec![OsStr::new("--data-dir"), data_dir.as_os_str()];
        all.extend(arguments.iter().map(OsStr::new));
        let environment: Vec<(&str, &OsStr)> = environment
            .iter()
            .map(|(name, value)| (*name, OsStr::new(*value)))
            .collect();
        Self::in_environment(&all, &environment)
    }

    fn in_environment(arguments: &[impl AsRef<OsStr>], environment: &[(&str, &OsStr)]) -> Self {
        let output = Command::new(env!("CARGO_BIN_EXE_llm-audit"))
            .args(["doctor", "--format", "json"])
            .args(arguments)
            .env_clear()
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let well = findings.iter().all(|finding| finding["verdict"] == "ok");
        assert_eq!(output.status.code(), Some(i32::from(!well)));
        for finding in &findings {
            let advised = finding["advice"].is_string();
            assert_eq!(advised, finding["verdict"] != "ok", "{finding}");
        }
        Self {
            code: output.status.code(),
            findings,
        }
    }

    /// What the only finding of a check says, and how it is.
    fn finding(&self, check: &str) -> (&str, &str) {
        let mut found = self.findings.iter().filter(|one| one["check"] == check);
        let finding = found
            .next()
            .unwrap_or_else(|| panic!("{check}: {:?}", self.findings));
        assert!(found.next().is_none(), "{check}: {:?}", self.findings);
        (
            finding["verdict"].as_str().unwrap(),
            finding["what"].as_str().unwrap(),
        )
    }
}

#[test]
fn what_is_well_is_called_well_while_an_application_runs_and_afterwards() {
    let (directory, receiver) = (tempfile::tempdir().unwrap(), Receiver::start());
    let audit = everywhere(directory.path(), &receiver).build().unwrap();
    a_call(&audit);
    let endpoint = receiver.endpoint();
    let visit = || Visit::of(directory.path(), &["--endpoint", &endpoint], &[]);
    let checks = [
        "environment",
        "keyring",
        "clock",
        "spool",
        "dead letter",
        "logs: connection",
        "logs: answer",
        "traces: answer",
        "application",
    ];
    let running = visit();
    for check in checks {
        assert_eq!(running.finding(check).0, "ok", "{:?}", running.findings);
    }
    assert!(
        running
            .finding("spool")
            .1
            .contains("1 process is recording")
    );
    audit.shutdown(PATIENCE);
    let ended = visit();
    for check in checks {
        assert_eq!(ended.finding(check).0, "ok", "{:?}", ended.findings);
    }
    let left = fs::read_dir(directory.path().join("spool")).unwrap();
    assert_eq!(left.count(), 0, "the doctor leaves nothing behind");
}

#[test]
fn a_receiver_that_is_not_there_and_odd_settings_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
        ("LLM_AUDIT_DISABLED", "1"),
        ("LLM_AUDIT_KEY", "secret"),
    ];
    let visit = Visit::of(directory.path(), &["--timeout", "5"], &environment);
    assert_eq!(visit.code, Some(1));
    assert_eq!(visit.finding("logs: connection").0, "problem");
    assert_eq!(visit.finding("keyring").0, "problem");
    let odd = |one: &&Value| one["check"] == "environment" && one["verdict"] == "warning";
    assert_eq!(visit.findings.iter().filter(odd).count(), 2);
    assert!(!format!("{:?}", visit.findings).contains("secret"));
    let nonsense = [("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon")];
    let visit = Visit::of(directory.path(), &[], &nonsense);
    let (verdict, what) = visit.finding("receiver");
    assert_eq!(verdict, "problem");
    assert!(what.contains("OTEL_EXPORTER_OTLP_PROTOCOL"), "{what}");
}

#[test]
fn what_a_killed_process_left_is_found_and_left_alone() {
    if let Some(part) = Part::of_this_process() {
        let audit = nowhere(&part.data_dir).build().unwrap();
        part.say(&a_call(&audit).to_string());
        assert_eq!(part.hear(), None);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let test = "what_a_killed_process_left_is_found_and_left_alone";
    let mut player = Player::start(test, "dead", directory.path(), &[]);
    let id = player.hear().unwrap();
    player.kill();
    let receiver = Receiver::start();
    let endpoint = ["--endpoint", &receiver.endpoint()];
    let visit = Visit::of(directory.path(), &endpoint, &[]);
    let (verdict, what) = visit.finding("lane");
    assert_eq!(verdict, "warning");
    assert!(what.contains("left by a process that is gone"), "{what}");
    let trail = application::adopted(directory.path());
    assert_eq!(trail.status(id.parse().unwrap()), Some("success"));
}

#[test]
fn a_keyring_that_others_can_read_and_a_lane_of_another_version_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let audit = lines(directory.path()).build().unwrap();
    audit.shutdown(PATIENCE);
    let keyring = directory.path().join("keyring.json");
    fs::set_permissions(&keyring, fs::Permissions::from_mode(0o644)).unwrap();
    let lane = directory
        .path()
        .join("spool/lane-01a201b8-6f23-76e8-a868-14edb1fe2ea7");
    fs::create_dir_all(&lane).unwrap();
    let segment = lane.join("00000000000000000000.seg");
    fs::write(
        segment,
        b"no segment at all, but long enough to have a header in it",
    )
    .unwrap();
    let visit = Visit::of(directory.path(), &["--timeout", "1"], &[]);
    let (verdict, what) = visit.finding("keyring");
    assert_eq!((verdict, what.contains("644")), ("problem", true), "{what}");
    let (verdict, what) = visit.finding("lane");
    assert_eq!(
        (verdict, what.contains("cannot be read")),
        ("problem", true),
        "{what}"
    );
}

#[test]
fn a_disk_that_cannot_be_written_to_and_a_directory_that_is_not_there_are_found() {
    let missing = tempfile::tempdir().unwrap();
    let visit = Visit::of(&missing.path().join("no"), &["--timeout", "1"], &[]);
    assert_eq!(visit.finding("data directory").0, "warning");
    let Some(disk) = Disk::mount("size=4m") else {
        return;
    };
    let below = disk.path().join("not/there");
    let _cover = disk.cover(disk.path());
    let visit = Visit::of(disk.path(), &["--timeout", "1"], &[]);
    assert_eq!(visit.finding("disk").0, "problem");
    let visit = Visit::of(&below, &["--timeout", "1"], &[]);
    let (verdict, what) = visit.finding("data directory");
    assert_eq!(verdict, "problem");
    assert!(what.contains("does not start"), "{what}");
    assert!(lines(&below).build().is_err());
}

#[test]
fn a_data_directory_may_have_any_name_and_other_settings_that_are_not_utf_8_are_problems() {
    let directory = tempfile::tempdir().unwrap();
    let name = OsStr::from_bytes(b"d\xff");
    let data_dir = directory.path().join(name);
    lines(&data_dir).build().unwrap().shutdown(PATIENCE);
    let quick = ["--timeout", "1"];
    let own = [("LLM_AUDIT_DATA_DIR", data_dir.as_os_str())];
    let visit = Visit::in_environment(&quick, &own);
    assert_eq!(visit.finding("environment").0, "ok");
    assert_eq!(visit.finding("keyring").0, "ok");
    assert_eq!(visit.finding("spool").0, "ok");
    for (check, variable) in [
        ("environment", "LLM_AUDIT_DISABLED"),
        ("environment", "OTEL_RESOURCE_ATTRIBUTES"),
        ("environment", "OTEL_SERVICE_NAME"),
        ("receiver", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ] {
        let visit = Visit::in_environment(&quick, &[own[0], (variable, name)]);
        let (verdict, what) = visit.finding(check);
        assert_eq!(verdict, "problem");
        assert!(what.contains(variable), "{what}");
    }
}

#[test]
fn a_policy_that_would_keep_the_application_from_starting_is_a_problem() {
    let directory = tempfile::tempdir().unwrap();
    let policy = directory.path().join("policy.toml");
    for (text, told) in [(None, "policy.toml"), (Some("version = 2"), "version")] {
        if let Some(text) = text {
            fs::write(&policy, text).unwrap();
        }
        let variables = [("LLM_AUDIT_POLICY", policy.to_str().unwrap())];
        let visit = Visit::of(directory.path(), &["--timeout", "1"], &variables);
        let (verdict, what) = visit.finding("environment");
        assert_eq!(verdict, "problem", "{what}");
        assert!(what.contains(told), "{what}");
    }
}

#[test]
fn a_data_directory_that_is_a_file_is_a_problem() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    for data_dir in [file.clone(), file.join("below"), link] {
        let visit = Visit::of(&data_dir, &["--timeout", "1"], &[]);
        let (verdict, what) = visit.finding("data directory");
        assert_eq!(verdict, "problem");
        assert!(what.contains("does not start"), "{what}");
        assert!(lines(&data_dir).build().is_err());
    }
}

#[test]
fn a_disk_without_room_for_a_first_segment_is_a_problem_and_one_without_room_for_all_a_warning() {
    for (size, verdict) in [
        ("size=16384k", "problem"),
        ("size=16480k", "warning"),
        ("size=2g", "ok"),
    ] {
        let Some(disk) = Disk::mount(size) else {
            return;
        };
        for data_dir in [disk.path().to_owned(), disk.path().join("not/there")] {
            let visit = Visit::of(&data_dir, &["--timeout", "1"], &[]);
            let (found, what) = visit.finding("room");
            assert_eq!(found, verdict, "{what}");
        }
        let built = lines(disk.path()).build();
        assert_eq!(built.is_ok(), verdict != "problem", "{built:?}");
    }
}

#[test]
fn a_dead_letter_that_cannot_be_read_is_a_problem() {
    let directory = tempfile::tempdir().unwrap();
    let dead_letter = directory.path().join("dead-letter");
    // A file in its place gives an error to every user; rights give none to root.
    fs::write(&dead_letter, "in the way").unwrap();
    let visit = Visit::of(directory.path(), &["--timeout", "1"], &[]);
    let (verdict, what) = visit.finding("dead letter");
    assert_eq!(verdict, "problem");
    assert!(what.contains("cannot be read"), "{what}");
    fs::remove_file(&dead_letter).unwrap();
    let boxed = dead_letter.join("logs-01a201b8-6f23-76e8-a868-14edb1fe2ea7");
    fs::create_dir_all(boxed.join("lock")).unwrap();
    let visit = Visit::of(directory.path(), &["--timeout", "1"], &[]);
    let (verdict, what) = visit.finding("dead letter");
    assert_eq!(verdict, "problem");
    assert!(what.contains("cannot be read"), "{what}");
}

#[test]
fn wrong_use_is_told_apart_from_findings() {
    let wrong = Command::new(env!("CARGO_BIN_EXE_llm-audit"))
        .args(["doctor", "--timeout", "0"])
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn a_running_auditor_examines_itself() {
    let directory = tempfile::tempdir().unwrap();
    let audit = lines(directory.path()).build().unwrap();
    let findings = audit.doctor();
    assert_eq!(
        findings[0].verdict,
        Verdict::Problem,
        "no layer on this thread"
    );
    let subscriber = tracing_subscriber::layer::SubscriberExt::with(
        tracing_subscriber::registry(),
        audit.layer(),
    );
    tracing::subscriber::with_default(subscriber, || {
        let findings = audit.doctor();
        let well = findings
            .iter()
            .all(|finding| finding.verdict == Verdict::Ok);
        assert!(well, "{findings:?}");
    });
}
