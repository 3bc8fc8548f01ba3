use std::fs;

use llm_audit::record::keyring::Keyring;
use llm_audit::record::{Content, HashField, HashForm};

use super::*;

fn hash(trail: &Trail, arguments: &[&str], input: &[u8]) -> Run {
    let keyring = trail.file("keyring.json");
    let mut all = vec!["hash", "--keyring", keyring.to_str().unwrap()];
    all.extend(arguments);
    let run = run_with(&all, input);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    run
}

#[test]
fn json_is_hashed_as_records_have_it_whatever_its_spelling() {
    let trail = Trail::new();
    let keys: Keyring = fs::read_to_string(trail.file("keyring.json"))
        .unwrap()
        .parse()
        .unwrap();
    let content = Content::of_text(r#"[{"role":"user","n":1.0}]"#);
    let expected =
        keys.hasher(None)
            .hash(HashField::Input, HashForm::Jcs1, content.raw().as_bytes());
    for spelling in [
        r#"[{"role":"user","n":1}]"#,
        " [ {\"n\": 1e0,\n\"role\":\"\\u0075ser\"} ]\n",
    ] {
        let run = hash(&trail, &["--field", "input"], spelling.as_bytes());
        assert_eq!(run.out, format!("{expected}\n"));
    }
    let elsewhere = hash(
        &trail,
        &["--field", "output"],
        br#"[{"role":"user","n":1}]"#,
    );
    assert_ne!(elsewhere.out, format!("{expected}\n"), "fields are apart");
}

#[test]
fn other_bytes_are_hashed_as_they_come() {
    let trail = Trail::new();
    let of = |input: &[u8]| hash(&trail, &["--field", "system_prompt"], input).out;
    assert!(of(b"You are helpful").starts_with("hmac-sha256:raw1:hash-2023-11-14:"));
    assert_ne!(of(b"You are helpful"), of(b"You are helpful\n"));
    assert!(of(b"\xff\xfe").starts_with("hmac-sha256:raw1:"));
    assert!(
        of(b"{\"a\":1,\"a\":2}").starts_with("hmac-sha256:raw1:"),
        "two readers would disagree on it"
    );
}

#[test]
fn a_user_is_hashed_as_the_gate_does_it_with_or_without_a_line_end() {
    let trail = Trail::new();
    let keys: Keyring = fs::read_to_string(trail.file("keyring.json"))
        .unwrap()
        .parse()
        .unwrap();
    let hasher = keys.hasher(Some("acme"));
    let expected = format!("{}\n", hasher.hash(HashField::User, HashForm::Raw1, b"42"));
    for input in ["42", "42\n", "42\r\n"] {
        let run = hash(
            &trail,
            &["--field", "user", "--tenant", "acme"],
            input.as_bytes(),
        );
        assert_eq!(run.out, expected);
    }
    assert_ne!(
        hash(&trail, &["--field", "user"], b"42").out,
        expected,
        "tenants are apart"
    );
}

#[test]
fn older_keys_are_used_too_when_asked_for() {
    let trail = Trail::new();
    let before = hash(&trail, &["--field", "user"], b"anna").out;
    let keyring = trail.file("keyring.json");
    run(&[
        "key",
        "rotate",
        "--keyring",
        keyring.to_str().unwrap(),
        "--purpose",
        "hash",
    ]);
    let now = hash(&trail, &["--field", "user"], b"anna").out;
    assert_ne!(now, before);
    let all = hash(&trail, &["--field", "user", "--all-keys"], b"anna").out;
    assert_eq!(all, format!("{now}{before}"));
}

#[test]
fn the_short_form_says_that_it_is_short_and_without_a_key() {
    let run = hash(
        &Trail::new(),
        &["--field", "input", "--short-unkeyed"],
        b"abc",
    );
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1], "short-unkeyed-sha256:ba7816bf8f01cfea");
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let trail = Trail::new();
    let keyring = trail.file("keyring.json");
    let mut child = command(&[
        "hash",
        "--keyring",
        keyring.to_str().unwrap(),
        "--field",
        "user",
    ])
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    // It prints when its input ends, and nobody reads then.
    drop(child.stdout.take());
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}

#[test]
fn an_unknown_field_and_a_missing_keyring_are_wrong_use() {
    let trail = Trail::new();
    let keyring = trail.file("keyring.json");
    let keyring = keyring.to_str().unwrap();
    let unknown = run(&["hash", "--keyring", keyring, "--field", "answer"]);
    assert!(unknown.code == Some(2) && unknown.err.contains("system_prompt"));
    assert_eq!(run(&["hash", "--field", "user"]).code, Some(2));
    assert_eq!(
        run(&["hash", "--keyring", "/none", "--field", "user"]).code,
        Some(2)
    );
}
