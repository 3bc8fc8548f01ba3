//! Reading the trail back: one JSON line a record, each provable by whoever holds the key.
//!
//! Run it with `cargo run --example json_lines`; it asserts what it shows.

use std::time::Duration;

use llm_audit::record::Mac;
use llm_audit::{Auditor, CallStart, keyring_file};
use serde_json::Value;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let builder = Auditor::builder()
        .service("example")
        .data_dir(directory.path())
        .generate_keyring();
    let audit = builder.without_sender().json_lines().build()?;
    for user in ["anna", "ben", "anna"] {
        let mut call = audit.start(
            CallStart::new("chat")
                .provider("openai")
                .model("gpt-4o")
                .user(user),
        )?;
        call.input(&["hello"])?;
        call.finish()?;
    }
    audit.shutdown(Duration::from_secs(5));

    let keys = keyring_file::read(&directory.path().join("keyring.json"))?;
    let mut calls_of_anna = 0;
    for entry in std::fs::read_dir(directory.path())? {
        let path = entry?.path();
        if path
            .extension()
            .is_none_or(|extension| extension != "jsonl")
        {
            continue;
        }
        for line in std::fs::read_to_string(path)?.lines() {
            let fields: Value = serde_json::from_str(line)?;
            calls_of_anna += usize::from(fields["user_id"] == "anna");
            // The record stands at the end of its line in exactly the bytes that were authenticated.
            let start = line
                .find(r#""record":"#)
                .ok_or("every line has its record")?
                + r#""record":"#.len();
            let canonical = &line[start..line.len() - 1];
            let mac: Mac = fields["mac"].as_str().unwrap_or_default().parse()?;
            assert!(keys.verifies(&mac, canonical.as_bytes()));
            assert!(
                !keys.verifies(
                    &mac,
                    canonical
                        .replace("anna", "zoe")
                        .replace("start", "stop")
                        .as_bytes()
                ) || !canonical.contains("anna")
            );
        }
    }
    assert_eq!(calls_of_anna, 2);
    println!("{calls_of_anna} calls of anna, every line authentic");
    Ok(())
}
