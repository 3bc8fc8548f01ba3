//! What an application's environment decides when an auditor is built.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/part.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod part;

use std::fs;
use std::path::Path;

use llm_audit::Auditor;
use part::{Part, Player};

#[test]
fn a_keyring_is_made_where_the_environment_says_and_used_from_then_on() {
    const TEST: &str = "a_keyring_is_made_where_the_environment_says_and_used_from_then_on";
    if let Some(part) = Part::of_this_process() {
        return build(&part);
    }
    let directory = tempfile::tempdir().unwrap();
    let (data, keys) = (directory.path().join("data"), directory.path().join("k"));
    fs::create_dir_all(&keys).unwrap();
    let keyring = keys.join("ours.json");
    let settings = [("LLM_AUDIT_KEYRING", keyring.to_str().unwrap())];
    Player::start(TEST, GENERATING, &data, &settings).end();
    let made = fs::read(&keyring).unwrap();
    Player::start(TEST, "using", &data, &settings).end();
    Player::start(TEST, GENERATING, &data, &settings).end();
    assert_eq!(fs::read(&keyring).unwrap(), made);
    assert!(!data.join("keyring.json").exists());
}

#[test]
fn a_variable_that_is_named_like_ours_and_is_none_is_told_without_its_value() {
    const TEST: &str = "a_variable_that_is_named_like_ours_and_is_none_is_told_without_its_value";
    if let Some(part) = Part::of_this_process() {
        return build(&part);
    }
    let directory = tempfile::tempdir().unwrap();
    let said = |settings: &[(&str, &str)], data_dir: &Path| {
        Player::start(TEST, GENERATING, data_dir, settings).end().1
    };
    let told = said(&[("LLM_AUDIT_POLCY", "policy.toml")], directory.path());
    assert!(
        told.contains("llm-audit: LLM_AUDIT_POLCY is none of"),
        "{told}"
    );
    assert!(!told.contains("policy.toml"), "{told}");
    let nothing = said(&[("LLM_AUDIT_INGEST_TOKEN", "a")], directory.path());
    assert!(!nothing.contains("llm-audit:"), "{nothing}");
}

fn build(part: &Part) {
    let builder = Auditor::builder().data_dir(&part.data_dir).without_sender();
    let builder = builder.json_lines();
    let builder = if part.name == GENERATING {
        builder.generate_keyring()
    } else {
        builder
    };
    builder.build().unwrap();
}

const GENERATING: &str = "generating";
