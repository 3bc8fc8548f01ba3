use std::collections::HashMap;
use std::io::Read as _;
use std::sync::LazyLock;

use serde_json::Value;

use super::*;

/// Type of every published field, and whether it is a list.
static PUBLISHED: LazyLock<Option<HashMap<String, (String, bool)>>> = LazyLock::new(read_published);

fn read_published() -> Option<HashMap<String, (String, bool)>> {
    let file = std::fs::File::open(shared("ecs/ecs_flat-9.5.0-dev.yml.gz")?).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    let mut fields: HashMap<String, (String, bool)> = HashMap::new();
    let (mut name, mut in_normalize) = (String::new(), false);
    for row in text.lines().filter(|row| !row.is_empty()) {
        if !row.starts_with(' ') {
            let key = row.trim_end_matches(':');
            name = key.trim_matches(|c| c == '\'' || c == '"').to_owned();
            fields.insert(name.clone(), (String::new(), false));
        }
        let field = fields.get_mut(&name).unwrap();
        if let Some(kind) = row.strip_prefix("  type: ") {
            kind.clone_into(&mut field.0);
        }
        if row.starts_with("  ") && !row.starts_with("   ") && !row.starts_with("  -") {
            in_normalize = row == "  normalize:";
        }
        field.1 |= in_normalize && row.trim() == "- array";
    }
    Some(fields)
}

fn leaves(path: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) if !is_whole(path) => {
            for (name, value) in members {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                leaves(&path, value, found);
            }
        }
        value => found.push((path.to_owned(), value.clone())),
    }
}

/// Whether what is inside is nobody's field name.
fn is_whole(path: &str) -> bool {
    path == "llm_audit"
        || [
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "gen_ai.system_instructions",
            "gen_ai.tool.definitions",
        ]
        .contains(&path)
}

fn fits(kind: &str, value: &Value) -> bool {
    match kind {
        "date" => value
            .as_str()
            .is_some_and(|text| text.parse::<crate::record::Timestamp>().is_ok()),
        "double" => value.is_number(),
        "flattened" => {
            let objects = |list: &Vec<Value>| list.iter().all(Value::is_object);
            value.is_object() || value.as_array().is_some_and(objects)
        }
        "integer" => value.as_u64().is_some_and(|number| number <= 2_147_483_647),
        "ip" => value
            .as_str()
            .is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok()),
        "keyword" | "match_only_text" => value.is_string(),
        "long" => value
            .as_u64()
            .is_some_and(|number| i64::try_from(number).is_ok()),
        _ => false,
    }
}

proptest! {
    #[test]
    fn every_name_is_published_and_has_its_type(record in prop_oneof![any_record(), hostile_record()]) {
        let Some(published) = &*PUBLISHED else {
            return Ok(());
        };
        // Beyond the year 2262 the record's own parser takes no instants.
        prop_assume!(record.envelope.time.unix_nanos() < 1 << 62);
        let mut record = record;
        if let Body::Call(call) = &mut record.body {
            call.duration_ns = call.duration_ns.map(|nanos| nanos % (1 << 60));
        }
        let event: Value = serde_json::from_str(&line(Format::Ecs, &record)).unwrap();
        let mut found = Vec::new();
        leaves("", &event, &mut found);
        for (path, value) in found.iter().filter(|(path, _)| path != "llm_audit") {
            let known = published.get(path);
            prop_assert!(known.is_some(), "{} is not published", path);
            let (kind, is_list) = known.unwrap();
            if *is_list {
                let list = value.as_array();
                prop_assert!(list.is_some_and(|list| list.iter().all(|item| fits(kind, item))), "{}", path);
            } else {
                prop_assert!(fits(kind, value), "{}: {} is no {}", path, value, kind);
            }
        }
    }
}

#[test]
fn what_a_field_of_the_schema_does_not_hold_is_under_our_own_name() {
    let mut record = crate::record::testing::full_call();
    if let Body::Call(call) = &mut record.body {
        call.usage.input_tokens = Some(1 << 31);
        call.disclosed.input = "[\"a text\"]".parse().ok();
        call.disclosed.output = "[{\"role\":\"assistant\"}]".parse().ok();
    }
    let event: Value = serde_json::from_str(&line(Format::Ecs, &record)).unwrap();
    assert!(event["gen_ai"]["usage"]["input_tokens"].is_null());
    assert_eq!(event["llm_audit"]["usage"]["input_tokens"], 1_u64 << 31);
    assert_eq!(event["llm_audit"]["input"]["messages"], "[\"a text\"]");
    assert_eq!(
        event["gen_ai"]["output"]["messages"][0]["role"],
        "assistant"
    );
    assert_eq!(
        event["llm_audit"]["response"]["finish_reasons"][0],
        "end_turn"
    );
}
