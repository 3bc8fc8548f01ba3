//! The `llm-audit` command.

fn main() {}
