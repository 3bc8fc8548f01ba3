use serde_json::{Value, json};

use super::*;

#[test]
fn a_text_goes_through_and_the_report_beside_it() {
    let run = run_with(&["sanitize"], "Grüße an anna@example.com\n".as_bytes());
    assert_eq!(
        (run.code, run.out.as_str()),
        (Some(0), "Grüße an <EMAIL_1>\n")
    );
    let report: Value = serde_json::from_str(&run.err).unwrap();
    assert_eq!(report["status"], "applied");
    assert_eq!(report["count"], 1);
    assert_eq!(report["by_class"], json!({"email": 1}));
    assert_eq!(
        report["findings"],
        json!([{"class": "email", "start": 11, "end": 27}])
    );
}

#[test]
fn json_holds_text_count_classes_and_places() {
    let run = run_with(&["sanitize", "--format", "json"], b"a@b.com, c@d.com");
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    let object: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(object["text"], "<EMAIL_1>, <EMAIL_2>");
    assert_eq!(object["count"], 2);
    assert_eq!(object["by_class"], json!({"email": 2}));
    let places = json!([{"class": "email", "start": 0, "end": 7}, {"class": "email", "start": 9, "end": 16}]);
    assert_eq!(object["findings"], places);
}

#[test]
fn observing_finds_and_replaces_nothing() {
    let run = run_with(&["sanitize", "--observe", "--format", "json"], b"a@b.com");
    let object: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(
        (&object["text"], &object["count"]),
        (&json!("a@b.com"), &json!(1))
    );
    assert_eq!(object["status"], "observed");
}

#[test]
fn a_long_text_is_sanitized_as_a_stream() {
    let line = "words and words é ".repeat(1_800);
    let run = run_with(&["sanitize"], format!("{line}a@b.com {line}").as_bytes());
    assert_eq!(run.out, format!("{line}<EMAIL_1> {line}"));
}

#[test]
fn classes_and_rules_are_chosen() {
    let rules = tempfile::NamedTempFile::new().unwrap();
    fs::write(
        &rules,
        r#"{"version":1,"rules":[{"class":"staff","pattern":"EMP-\\d+"}]}"#,
    )
    .unwrap();
    let path = rules.path().to_str().unwrap();
    let run = run_with(
        &["sanitize", "--class", "phone", "--rules", path],
        b"a@b.com EMP-7 +49 30 901820",
    );
    assert_eq!(run.out, "a@b.com <STAFF_1> <PHONE_1>");
}

#[test]
fn what_is_no_utf8_is_refused_and_not_shown() {
    for arguments in [&["sanitize"][..], &["sanitize", "--format", "json"]] {
        for input in [&b"secret \xff"[..], b"secret \xc3"] {
            let run = run_with(arguments, input);
            assert_eq!(run.code, Some(2));
            assert_eq!(run.err, "error: the input is not UTF-8 at byte 7\n");
        }
    }
}

#[test]
fn a_class_or_rule_that_is_unknown_is_wrong_use() {
    assert_eq!(run(&["sanitize", "--class", "shoe_size"]).code, Some(2));
    assert_eq!(run(&["sanitize", "--rules", "no-such-file"]).code, Some(2));
}
