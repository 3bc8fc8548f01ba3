use std::fs;

use serde_json::Value;

use super::*;

const POLICY: &str = r#"version = 1

[[rule]]
name = "staging"
when = { service = "staging", model = "gpt-4o*" }
input = "danger_plain"
span.input = "danger_plain"
output = "redact"

[[rule]]
name = "bruno"
when.user = "bruno"
user = "omit"

[[rule]]
name = "other"
user = "hash"
change_values = "hash"
"#;

struct Files(TempDir);

impl Files {
    fn new(policy: &str) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write("policy.toml", policy);
        files
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn check(&self, arguments: &[&str]) -> Run {
        self.check_with(arguments, b"")
    }

    fn check_with(&self, arguments: &[&str], input: &[u8]) -> Run {
        let path = self.0.path().join("policy.toml");
        let mut all = vec!["policy", "check", path.to_str().unwrap()];
        all.extend(arguments);
        run_with(&all, input)
    }

    /// What leaves of the call or record: the rule, and words by group.
    fn against(&self, text: &str) -> (Value, Value) {
        let run = self.check_with(&["--against", "-", "--format", "json"], text.as_bytes());
        assert_eq!(run.code, Some(0), "{run:?}");
        let rows: Vec<Value> = serde_json::from_str(&run.out).unwrap();
        let words = rows.iter().map(|row| {
            let name = row["group"].as_str().unwrap().to_owned();
            (name, serde_json::json!([row["record"], row["span"]]))
        });
        (rows[0]["rule"].clone(), words.collect())
    }
}

#[test]
fn what_would_leave_of_a_call_is_shown_with_the_rule_that_decides() {
    let files = Files::new(POLICY);
    let call = files.write(
        "call.json",
        r#"{"service": "staging", "model": "gpt-4o-mini"}"#,
    );
    let run = files.check(&["--against", &call]);
    let expected = "\
GROUP          RECORD        SPAN          RULE
system_prompt  hash          hash          staging
input          danger_plain  danger_plain  staging
output         redact        hash          staging
tools          hash          hash          staging
error          redact        redact        staging
metadata       redact        redact        staging
user           plain         hash          staging
";
    let squeezed = |text: &str| {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        text.lines().map(words).collect::<Vec<_>>()
    };
    assert_eq!(squeezed(&run.out), squeezed(expected));
    assert_eq!(run.code, Some(0));
    assert_eq!(run.err, "warning: rule \"staging\" lets leave raw: input\n");
    let (rule, words) = files.against(r#"{"service": "staging", "model": "o1"}"#);
    assert_eq!(
        (rule, &words["user"]),
        ("other".into(), &serde_json::json!(["hash", "hash"]))
    );
}

#[test]
fn a_record_of_a_data_directory_is_described_by_its_own_line() {
    let files = Files::new(POLICY);
    let trail = fs::read_to_string(golden().join(FIRST_DAY)).unwrap();
    let line = |id: &str| trail.lines().find(|line| line.contains(id)).unwrap();
    let (rule, words) = files.against(line(ORDINARY));
    assert_eq!(
        (rule, &words["user"]),
        ("bruno".into(), &serde_json::json!(["omit", "omit"]))
    );
    let record: Value = serde_json::from_str(line(ORDINARY)).unwrap();
    let (rule, _) = files.against(&record["record"].to_string());
    assert_eq!(rule, "bruno");
}

#[test]
fn a_change_has_values_and_no_content_and_goes_to_no_trace_backend() {
    let files = Files::new(POLICY);
    let change = r#"{"llm_audit.kind": "change", "service.name": "staging", "user.hash": "hmac"}"#;
    let (rule, words) = files.against(change);
    let expected = serde_json::json!({
        "metadata": ["redact", null], "change_values": ["hash", null], "user": ["hash", null],
    });
    assert_eq!((rule, words), ("other".into(), expected));
    let told = files.check_with(&["--against", "-"], change.as_bytes()).err;
    assert!(
        told.contains("rules that ask for a user do not fit it here"),
        "{told}"
    );
}

#[test]
fn the_defaults_are_no_rule() {
    let (rule, words) = Files::new("version = 1").against("{}");
    assert_eq!(
        (rule, &words["input"]),
        (Value::Null, &serde_json::json!(["hash", "hash"]))
    );
}

#[test]
fn a_file_without_faults_is_listed_rule_by_rule_with_its_digest() {
    let run = Files::new(POLICY).check(&[]);
    assert_eq!(run.code, Some(0));
    let lines: Vec<&str> = run.out.lines().collect();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(lines[0]), "RULE RAW REDACTED USER SPAN_USER");
    assert_eq!(
        words(lines[1]),
        "staging input output, error, metadata, change_values plain hash"
    );
    assert_eq!(words(lines[3]), "other - error, metadata hash hash");
    assert!(
        lines[4].starts_with("no faults, 3 rules, sha256:"),
        "{lines:?}"
    );
    let rows = Files::new(POLICY).check(&["--format", "jsonl"]).out;
    assert_eq!(rows.lines().count(), 3);
}

#[test]
fn all_faults_are_told_with_their_lines_and_nothing_is_decided() {
    let files = Files::new(
        "version = 1\n[[rule]]\nname = 'a'\ninput = 'plain'\n[[rule]]\nname = 'a'\nseal = 1\n",
    );
    let run = files.check(&["--against", "-"]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
    let lines: Vec<&str> = run.err.lines().collect();
    assert!(
        lines[0].starts_with("error: ") && lines[0].ends_with("policy.toml has 4 faults"),
        "{lines:?}"
    );
    for (line, fault) in lines[1..].iter().zip([
        "policy.toml:4: ",
        "policy.toml:5: ",
        "policy.toml:5: ",
        "policy.toml:7: ",
    ]) {
        assert!(line.contains(fault), "{line}");
    }
}

#[test]
fn what_cannot_be_read_is_wrong_use() {
    let files = Files::new(POLICY);
    for (against, told) in [
        (
            "{\"services\": \"a\"}",
            "\"services\" is not one of service, operation",
        ),
        ("{\"service\": 1}", "\"service\" is not a text"),
        ("[]", "not a JSON object"),
        ("{}{}", "not one JSON object"),
        ("{\"record\": 1}", "its record is no object"),
    ] {
        let run = files.check_with(&["--against", "-"], against.as_bytes());
        assert_eq!(run.code, Some(2), "{against}");
        assert!(run.err.contains(told), "{}", run.err);
    }
    assert_eq!(files.check(&["--against", "/nowhere"]).code, Some(2));
    assert_eq!(run(&["policy", "check", "/nowhere"]).code, Some(2));
}
