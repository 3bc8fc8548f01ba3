//! What an auditor has recorded.

use std::path::Path;

use serde_json::Value;

/// The records of calls below a data directory, in the order of their ends.
pub fn calls(directory: &Path) -> std::io::Result<Vec<Value>> {
    let mut calls = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path
            .extension()
            .is_none_or(|extension| extension != "jsonl")
        {
            continue;
        }
        for line in std::fs::read_to_string(path)?.lines() {
            let line: Value = serde_json::from_str(line)?;
            calls.extend(
                (line["record"]["llm_audit.kind"] == "call").then(|| line["record"].clone()),
            );
        }
    }
    Ok(calls)
}

/// One line a record: operation, status, tokens in and out, whether it has a cost and a hash of what was sent.
pub fn outline(calls: &[Value]) -> Vec<String> {
    let line = |call: &Value| {
        let word = |name: &str| call[name].as_str().unwrap_or("-").to_owned();
        let number = |name: &str| {
            call[name]
                .as_u64()
                .map_or("-".to_owned(), |number| number.to_string())
        };
        let there = |name: &str, word: &'static str| if call[name].is_null() { "-" } else { word };
        format!(
            "{} {} {} {} {} {}",
            word("gen_ai.operation.name"),
            word("llm_audit.status"),
            number("gen_ai.usage.input_tokens"),
            number("gen_ai.usage.output_tokens"),
            there("llm_audit.cost.exact", "cost"),
            there("llm_audit.input.hash", "input"),
        )
    };
    calls.iter().map(line).collect()
}
