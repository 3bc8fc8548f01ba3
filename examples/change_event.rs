//! A change of configuration and a login, recorded as a management plane keeps them.
//!
//! Run it with `cargo run --example change_event`; it asserts what it shows.

use std::time::Duration;

use llm_audit::Auditor;
use llm_audit::record::AccessOutcome;
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let builder = Auditor::builder()
        .service("gateway")
        .data_dir(directory.path())
        .generate_keyring();
    let audit = builder.without_sender().json_lines().build()?;

    let id = audit
        .change("updated", "routing_rules", "rule-7")
        .changed_by("root@example.com")
        .api_key("sk-proj-0123456789abcdefghijklmnop")
        .before(&json!({ "model": "gpt-4o", "client_secret": "hunter2-before" }))?
        .updated(&json!({ "model": "gpt-4o-mini", "headers": [{ "name": "Authorization", "value": "Bearer hunter2-after" }] }))?
        .metadata(&json!({ "ticket": "OPS-7" }))?
        .record()?;
    audit
        .access("login", AccessOutcome::Denied)
        .user("mallory")
        .client_address("192.0.2.7")
        .record()?;
    audit.shutdown(Duration::from_secs(5));

    let mut lines = String::new();
    for entry in std::fs::read_dir(directory.path())? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            lines += &std::fs::read_to_string(path)?;
        }
    }
    assert!(
        !lines.contains("hunter2") && !lines.contains("sk-proj-0123"),
        "no secret is in the trail"
    );
    let of_kind = |kind: &str| -> Option<Value> {
        lines
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .find(|line: &Value| line["kind"] == kind)
    };
    let change = of_kind("change").ok_or("the change is recorded")?;
    assert_eq!(change["id"], id.to_string());
    assert_eq!(change["before_value"]["model"], "gpt-4o");
    assert!(change["record"].to_string().contains("OPS-7"));
    assert!(
        change["changed_by_api_key"]
            .to_string()
            .contains("hmac-sha256:")
    );
    let access = of_kind("access").ok_or("the login is recorded")?;
    assert_eq!(
        (&access["user_id"], &access["outcome"]),
        (&json!("mallory"), &json!("denied"))
    );
    println!("{}", serde_json::to_string_pretty(&change)?);
    Ok(())
}
