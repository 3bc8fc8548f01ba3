//! The hooks with the clients that people use, against a server on loopback that speaks OpenAI's form.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod clients;
mod genai_spans;
mod server;

use std::fs;
use std::path::Path;
use std::time::Duration;

use llm_audit::{Auditor, Drained};
use serde_json::Value;

/// An auditor with a data directory of its own.
struct Bench {
    directory: tempfile::TempDir,
    audit: Auditor,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let audit = Auditor::builder()
            .service("tests")
            .data_dir(directory.path())
            .generate_keyring()
            .without_sender()
            .json_lines()
            .build()
            .unwrap();
        Self { directory, audit }
    }

    /// Ends the auditor: the records of calls, in the order of their ends. None of them, and no other file, holds a word of
    /// what was said.
    fn into_calls(self) -> Vec<Value> {
        assert_eq!(self.audit.health().dropped, 0);
        assert_eq!(self.audit.health().open_calls, 0);
        let drained = self.audit.shutdown(Duration::from_secs(10));
        assert_eq!(drained, Drained::Complete);
        let mut calls = Vec::new();
        search(self.directory.path(), &mut calls);
        calls
    }
}

fn search(folder: &Path, calls: &mut Vec<Value>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, calls);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        for secret in [PROMPT, server::SAID, KEY] {
            let found = bytes
                .windows(secret.len())
                .any(|seen| seen == secret.as_bytes());
            assert!(!found, "{secret} stands in {}", path.display());
        }
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            let text = String::from_utf8(bytes).unwrap();
            let lines = text
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap());
            calls.extend(lines.filter(|line| line["record"]["llm_audit.kind"] == "call"));
        }
    }
}

/// One line a record: operation, action, status, tokens in and out.
fn outline(calls: &[Value]) -> Vec<String> {
    let word = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let line = |call: &Value| {
        let record = &call["record"];
        let said = [
            &record["gen_ai.operation.name"],
            &record["llm_audit.action"],
            &record["llm_audit.status"],
            &record["gen_ai.usage.input_tokens"],
            &record["gen_ai.usage.output_tokens"],
        ];
        said.map(word).join(" ")
    };
    calls.iter().map(line).collect()
}

const PROMPT: &str = "zebra-quartz-9137";
const KEY: &str = "sk-planted-5521";
