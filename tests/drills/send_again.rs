//! The commands of `collector-config/README.md` under "Send again".

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::application::TOKEN;

/// False, and said loudly, where there is no curl; an error where `CI` is `true`.
pub(crate) fn can_send_again() -> bool {
    let curl = Command::new("curl").arg("--version").output();
    let there = curl.is_ok_and(|output| output.status.success());
    if !there {
        let strict = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!strict, "curl is missing");
        println!("SKIPPED: curl is missing");
    }
    there
}

/// Runs them for the collector whose directory this is and that takes OTLP/HTTP there.
pub(crate) fn send_again(collector_dir: &Path, http: &str) {
    let readme = include_str!("../../collector-config/README.md");
    let (_, section) = readme.split_once("### Send again\n").unwrap();
    let (_, code) = section.split_once("```bash\n").unwrap();
    let (code, _) = code.split_once("```").unwrap();
    let place = tempfile::tempdir().unwrap();
    let mut shell = Command::new("bash");
    shell
        .args(["-c", code])
        .current_dir(place.path())
        .env("LLM_AUDIT_COLLECTOR_DIR", collector_dir)
        .env("LLM_AUDIT_INGEST_TOKEN", TOKEN)
        .env("LLM_AUDIT_OTLP_HTTP", http.strip_prefix("http://").unwrap());
    let said = shell.output().unwrap();
    let complaints = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{}: {complaints}", said.status);
    assert_eq!(complaints, "");
    let left = fs::read(place.path().join(LEFT)).unwrap();
    assert!(left.is_empty(), "something was not taken");
    assert!(
        fs::metadata(place.path().join("again.jsonl"))
            .unwrap()
            .len()
            > 0
    );
}

/// What nobody took.
const LEFT: &str = "not-sent.jsonl";
