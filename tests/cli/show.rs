use std::fs;

use serde_json::Value;

use super::*;

fn show(trail: &Trail, arguments: &[&str]) -> Run {
    let mut all = vec!["show", "--data-dir", trail.path()];
    all.extend(arguments);
    run(&all)
}

#[test]
fn a_record_is_shown_with_all_its_fields_and_verifies() {
    let trail = Trail::new();
    let keyring = trail.file("keyring.json");
    let run = show(&trail, &[HOSTILE, "--keyring", keyring.to_str().unwrap()]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    assert_eq!(run.out, include_str!("../data/show-hostile.txt"));
}

#[test]
fn the_keyring_of_the_directory_is_taken_where_none_is_named() {
    let trail = Trail::new();
    assert!(
        show(&trail, &[ORDINARY])
            .out
            .contains("verified with key mac-2023-11-14")
    );
    fs::remove_file(trail.file("keyring.json")).unwrap();
    let unchecked = show(&trail, &[ORDINARY]);
    assert_eq!(unchecked.code, Some(0));
    assert!(unchecked.out.contains("not checked: no keyring was given"));
}

#[test]
fn a_record_that_was_changed_is_a_finding() {
    let trail = Trail::new();
    let file = trail.file(FIRST_DAY);
    let text = fs::read_to_string(&file).unwrap();
    let forged = text.replace("\"user.id\":\"bruno\"", "\"user.id\":\"carla\"");
    assert_ne!(text, forged);
    fs::write(&file, forged).unwrap();
    let run = show(&trail, &[ORDINARY]);
    assert_eq!(run.code, Some(1));
    assert!(run.out.contains("DOES NOT VERIFY with key mac-2023-11-14"));
    assert!(run.out.contains("another key of the same id"));
}

#[test]
fn a_record_of_an_unknown_key_is_a_finding() {
    let trail = Trail::new();
    let other = trail.file("other.json");
    let other = other.to_str().unwrap();
    assert_eq!(run(&["key", "generate", "--out", other]).code, Some(0));
    let shown = show(&trail, &[ORDINARY, "--keyring", other]);
    assert_eq!(shown.code, Some(1));
    assert!(
        shown
            .out
            .contains("cannot be verified: key mac-2023-11-14 is not in the keyring")
    );
}

#[test]
fn json_has_the_whole_record_and_what_is_known_of_it() {
    let run = show(&Trail::new(), &[ORDINARY, "--format", "json"]);
    let shown: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(shown["record_id"], ORDINARY);
    assert_eq!(shown["verification"], "verified");
    assert_eq!(
        shown["record"]["llm_audit.cost.exact"],
        "1234567890.123456789012345678"
    );
    assert!(
        shown["mac"]
            .as_str()
            .unwrap()
            .starts_with("hmac-sha256:mac-2023-11-14:")
    );
}

#[test]
fn a_record_in_the_file_of_another_day_than_its_id_is_found() {
    // Made on the 14th by its id, and begun on the 15th.
    let run = show(&Trail::new(), &["018bcfe5-6800-7606-8606-060606060606"]);
    assert_eq!(run.code, Some(0));
    assert!(run.out.contains("2023-11-15T23:13:20"));
}

#[test]
fn a_record_that_is_not_there_is_a_finding_and_a_wrong_id_wrong_use() {
    let trail = Trail::new();
    trail.append(b"broken\n");
    let missing = show(&trail, &["018bcfe5-6800-7fff-8fff-0fffffffffff"]);
    assert_eq!((missing.code, missing.out.as_str()), (Some(1), ""));
    assert!(
        missing
            .err
            .contains("no record 018bcfe5-6800-7fff-8fff-0fffffffffff in")
    );
    assert!(missing.err.contains("1 line skipped"));
    assert_eq!(
        missing.err.matches("line 6").count(),
        1,
        "each broken line is told once"
    );
    assert_eq!(show(&trail, &["not-an-id"]).code, Some(2));
    assert_eq!(
        show(&trail, &[ORDINARY, "--keyring", "/none"]).code,
        Some(2)
    );
}
