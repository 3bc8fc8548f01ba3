//! Where an application's keyring is, and where one is made.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/part.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod part;

use llm_audit::Auditor;
use part::{Part, Player};

#[test]
fn a_keyring_is_made_where_the_environment_says_and_used_from_then_on() {
    if let Some(part) = Part::of_this_process() {
        let generating = part.name == "generating";
        let builder = Auditor::builder().data_dir(&part.data_dir).without_sender();
        let builder = builder.json_lines();
        let builder = if generating {
            builder.generate_keyring()
        } else {
            builder
        };
        builder.build().unwrap();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (data, keys) = (directory.path().join("data"), directory.path().join("k"));
    std::fs::create_dir_all(&keys).unwrap();
    let keyring = keys.join("ours.json");
    let settings = [("LLM_AUDIT_KEYRING", keyring.to_str().unwrap())];
    let test = "a_keyring_is_made_where_the_environment_says_and_used_from_then_on";
    Player::start(test, "generating", &data, &settings).end();
    let made = std::fs::read(&keyring).unwrap();
    Player::start(test, "using", &data, &settings).end();
    Player::start(test, "generating", &data, &settings).end();
    assert_eq!(std::fs::read(&keyring).unwrap(), made);
    assert!(!data.join("keyring.json").exists());
}
