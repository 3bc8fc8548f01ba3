use serde_json::{Value, json};

use super::*;

/// The bill of a call, as JSON.
fn bill(arguments: &[&str], call: &Value) -> (Value, Run) {
    let text = |name: &str| call[name].as_str().unwrap().to_owned();
    let (provider, model) = (text("provider"), text("model"));
    let (usage, context) = (call["usage"].to_string(), call["context"].to_string());
    let mut all = vec!["price", "--format", "json", "--provider", &provider];
    all.extend(["--model", &model, "--usage", &usage]);
    if call["context"].is_object() {
        all.extend(["--context", &context]);
    }
    all.extend(arguments);
    let run = run(&all);
    assert!(matches!(run.code, Some(0 | 1)), "{call}: {}", run.err);
    (serde_json::from_str(&run.out).unwrap(), run)
}

fn data(name: &str) -> String {
    format!("{}/tests/data/pricing/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn in_data(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(data(name)).unwrap()).unwrap()
}

/// Data that lies beside the crate, or beside a directory that it is in.
fn shared(name: &str) -> Option<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = root
        .ancestors()
        .filter_map(|dir| Some(dir.parent()?.join("shared/data").join(name)));
    let file = files.find(|file| file.is_file())?;
    Some(serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap())
}

#[test]
fn every_golden_call_has_its_bill() {
    let table = data("table.json");
    let calls = in_data("bills.json");
    for call in calls.as_array().unwrap() {
        let (bill, run) = bill(&["--prices", &table], call);
        assert_eq!(bill["cost_usd"], call["cost"], "{call}");
        assert_eq!(bill["reason"], call["reason"], "{call}");
        let source = match (&call["source"], call["cost"].is_string()) {
            (Value::String(source), _) => source,
            (_, true) => "local",
            (_, false) => "none",
        };
        assert_eq!(bill["source"], source, "{call}");
        assert_eq!(
            bill["price_table"].is_null(),
            source == "provider",
            "{call}"
        );
        assert_eq!(run.code, Some(i32::from(call["cost"].is_null())), "{call}");
        let lines = bill["lines"].as_array().unwrap();
        assert_eq!(lines.is_empty(), source != "local", "{call}");
    }
}

#[test]
fn shared_cost_vectors_are_billed_exactly_in_whichever_form_they_are_said_to_be() {
    let Some(vectors) = shared("cost_vectors.json") else {
        eprintln!("SKIPPED: no shared cost vectors here");
        return;
    };
    let vectors = vectors["vectors"].as_array().unwrap();
    for vector in vectors {
        let mut call = vector.clone();
        if vector["note"]
            .as_str()
            .unwrap()
            .starts_with("custom price per token")
        {
            // What its prices are stands in its arithmetic alone.
            call["context"] = json!({"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6});
        }
        let format = vector["usage_format"].as_str().unwrap();
        for arguments in [&[][..], &["--usage-format", format]] {
            let (bill, _) = bill(arguments, &call);
            assert_eq!(bill["cost_usd"], vector["expected_cost_usd"], "{vector}");
        }
    }
    eprintln!("{} cost vectors are exact", vectors.len());
    assert!(vectors.len() >= 49);
}

#[test]
fn a_bill_for_people_has_a_line_an_item_and_a_sum() {
    let run = run(&[
        "price",
        "--provider",
        "openai",
        "--model",
        "gpt-4o",
        "--usage",
        r#"{"prompt_tokens":1000,"completion_tokens":500}"#,
        "--context",
        r#"{"weather":"fine"}"#,
    ]);
    assert_eq!(run.code, Some(0));
    assert_eq!(
        run.err,
        "note: no price depends on \"weather\" of --context\n"
    );
    let lines: Vec<String> = run
        .out
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        lines,
        [
            "input 1000 x 0.0000025 = 0.0025",
            "output 500 x 0.00001 = 0.005",
            "USD 0.0075"
        ]
    );
}

#[test]
fn wrong_use_is_told_and_is_no_bill() {
    let call = ["price", "--provider", "openai", "--model", "gpt-4o"];
    for (more, expected) in [
        (&[][..], "--usage"),
        (&["--usage", "{"], "--usage: not JSON at byte 1 of 1"),
        (&["--usage", "{}"], "name one with --usage-format"),
        (
            &["--usage", "{}", "--usage-format", "x"],
            "is none of anthropic.messages",
        ),
        (
            &["--usage", r#"{"prompt_tokens":1}"#, "--context", "[]"],
            "--context",
        ),
        (
            &[
                "--usage",
                r#"{"prompt_tokens":1}"#,
                "--prices",
                "/nowhere/prices.json",
            ],
            "/nowhere/prices.json",
        ),
    ] {
        let run = run(&[&call[..], more].concat());
        assert_eq!(run.code, Some(2), "{more:?}");
        assert!(run.err.contains(expected), "{more:?}: {}", run.err);
        assert_eq!(run.out, "");
    }
}

#[test]
fn a_price_map_is_imported_listed_and_compared() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let map = json!({
        "openai/gpt-x": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2e-6, "output_cost_per_token": 8e-6},
        "other/m": {"litellm_provider": "other", "input_cost_per_token": 1e-6},
        "openai/painter": {"litellm_provider": "openai", "mode": "image_generation", "output_cost_per_image": 0.04},
    });
    fs::write(path("map.json"), map.to_string()).unwrap();
    let imported = run(&[
        "price",
        "import",
        &path("map.json"),
        "--provider",
        "openai",
        "--version",
        "7",
    ]);
    assert_eq!(imported.code, Some(0), "{}", imported.err);
    assert!(
        imported.err.starts_with("1 models; 1 members"),
        "{}",
        imported.err
    );
    fs::write(path("table.json"), imported.out.replace("\"8\"", "\"9\"")).unwrap();

    let listed = run(&[
        "price",
        "list",
        "--prices",
        &path("map.json"),
        "--provider",
        "openai",
        "--model",
        "gpt-x",
        "--format",
        "csv",
    ]);
    let expected = "\"provider\",\"model\",\"class\",\"above_tokens\",\"item\",\"valid_from\",\"price\"\n\
                    \"openai\",\"gpt-x\",\"standard\",\"\",\"input\",\"\",2\n\
                    \"openai\",\"gpt-x\",\"standard\",\"\",\"output\",\"\",8\n";
    assert_eq!((listed.code, listed.out.as_str()), (Some(0), expected));

    let compared = run(&[
        "price",
        "diff",
        &path("map.json"),
        &path("table.json"),
        "--format",
        "jsonl",
    ]);
    assert_eq!(compared.code, Some(1));
    let changes: Vec<Value> = compared
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<(&str, &str, &Value, &Value)> = changes
        .iter()
        .map(|change| {
            let text = |name: &str| change[name].as_str().unwrap();
            (
                text("model"),
                text("item"),
                &change["before"],
                &change["after"],
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("gpt-x", "output", &json!(8), &json!(9)),
            ("m", "input", &json!(1), &Value::Null)
        ]
    );
    let same = run(&["price", "diff", "builtin", "builtin"]);
    assert_eq!((same.code, same.out.as_str()), (Some(0), ""));
}

#[test]
fn a_reader_that_has_enough_is_no_fault() {
    for format in ["csv", "json", "jsonl", "table"] {
        let mut child = command(&["price", "list", "--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The list is longer than what a pipe holds.
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), &*told), (Some(0), ""), "{format}");
    }
}
