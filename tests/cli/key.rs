use std::fs;

use llm_audit::record::keyring::Keyring;

use super::*;

/// A directory with a keyring that the binary has made.
fn generated() -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory
        .path()
        .join("keyring.json")
        .to_str()
        .unwrap()
        .to_owned();
    let run = run(&["key", "generate", "--out", &path]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    assert!(run.out.starts_with(&format!("made {path} with keys hash-")));
    (directory, path)
}

fn secrets(path: &str) -> Vec<String> {
    let file: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let keys = file["keys"].as_array().unwrap();
    keys.iter()
        .map(|key| key["secret"].as_str().unwrap().to_owned())
        .collect()
}

fn mode(path: &str) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_keyring_is_for_its_owner_only_and_unlike_any_other() {
    let (_one, one) = generated();
    let (_two, two) = generated();
    assert_eq!(mode(&one), 0o600);
    let all: std::collections::BTreeSet<String> =
        secrets(&one).into_iter().chain(secrets(&two)).collect();
    assert_eq!(all.len(), 4);
}

#[test]
fn a_keyring_is_never_overwritten() {
    let (_directory, path) = generated();
    let before = fs::read(&path).unwrap();
    let run = run(&["key", "generate", "--out", &path]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
    assert!(run.err.contains("exists and is not overwritten"));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn secrets_are_printed_only_where_they_were_asked_for() {
    let printed = run(&["key", "generate", "--out", "-"]);
    assert_eq!(printed.code, Some(0));
    assert_eq!(printed.out.parse::<Keyring>().unwrap().keys().len(), 2);

    let (_directory, path) = generated();
    let rotated = run(&["key", "rotate", "--keyring", &path, "--purpose", "mac"]);
    let listed = run(&["key", "list", "--keyring", &path, "--format", "json"]);
    for secret in secrets(&path) {
        assert!(
            ![&rotated, &listed]
                .iter()
                .any(|run| run.out.contains(&secret) || run.err.contains(&secret))
        );
    }
}

#[test]
fn rotating_adds_a_key_and_retires_the_one_before() {
    let (directory, path) = generated();
    for _ in 0..2 {
        let run = run(&["key", "rotate", "--keyring", &path, "--purpose", "hash"]);
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    assert_eq!(mode(&path), 0o600);
    let ring: Keyring = fs::read_to_string(&path).unwrap().parse().unwrap();
    let retired: Vec<bool> = ring
        .keys()
        .iter()
        .map(|key| key.retired().is_some())
        .collect();
    assert_eq!(retired, [true, false, true, false]);
    assert!(
        ring.keys()[3].id().as_str().ends_with("-3"),
        "ids of one day are numbered"
    );
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing but the keyring is left: {left:?}");
}

#[test]
fn two_rotations_at_a_time_do_not_lose_a_key() {
    let (_directory, path) = generated();
    fs::write(format!("{path}.new"), "").unwrap();
    let before = fs::read(&path).unwrap();
    let run = run(&["key", "rotate", "--keyring", &path, "--purpose", "hash"]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("another rotation is going on"));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn keys_are_listed_without_their_secrets() {
    let trail = Trail::new();
    let keyring = trail.file("keyring.json");
    let keyring = keyring.to_str().unwrap();
    let run_as = |format| run(&["key", "list", "--keyring", keyring, "--format", format]);
    assert_eq!(run_as("table").out, include_str!("../data/key-list.txt"));
    assert_eq!(
        run_as("csv").out.lines().nth(1).unwrap(),
        r#""hash-2023-11-14","hash","2023-11-14T22:13:20.000000000Z","""#
    );
    assert_eq!(run_as("jsonl").out.lines().count(), 2);
}

#[test]
fn a_keyring_that_others_can_read_is_warned_of() {
    let (_directory, path) = generated();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let run = run(&["key", "list", "--keyring", &path]);
    assert_eq!(run.code, Some(0));
    assert!(run.err.contains("mode 640") && run.err.contains("chmod 600"));
}

#[test]
fn what_is_no_keyring_is_unreadable_input_and_stays_unsaid() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("no-keyring");
    fs::write(&path, "{\"secret\":\"0123456789\"").unwrap();
    let run = run(&["key", "list", "--keyring", path.to_str().unwrap()]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("not a keyring file") && !run.err.contains("0123456789"));
}
