//! One line: what it says and what it refuses.

use proptest::prelude::*;

use super::*;
use crate::record::testing::{self, any_record};

proptest! {
    #[test]
    fn a_record_comes_back_from_its_line_and_verifies(record in any_record()) {
        let line = line_of(&record);
        prop_assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
        let stored = StoredRecord::read(&line).unwrap();
        prop_assert!(stored.verifies(&keys()));
        prop_assert_eq!(stored.canonical().as_bytes(), canonical::bytes(&record));
        prop_assert_eq!(stored.mac, mac_of(&record));
        prop_assert_eq!(stored.record, record);
    }

    #[test]
    fn every_column_is_in_the_line_under_its_name(record in any_record()) {
        let line: serde_json::Value = serde_json::from_slice(&line_of(&record)).unwrap();
        let mut columns = 0;
        walk_columns(&record, &mut |name, column| {
            columns += 1;
            let expected = match column {
                Column::Absent => serde_json::Value::Null,
                Column::Count(count) => count.into(),
                Column::Json(json) => json.to_value(),
                Column::Text(text) => text.into(),
                Column::Usd(amount) => amount.to_f64().into(),
            };
            assert_eq!(line[name], expected, "{name}");
        });
        let others = ["v", "kind", "mac", "record"].len();
        prop_assert_eq!(line.as_object().unwrap().len(), columns + others);
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = StoredRecord::read(&bytes);
    }

    #[test]
    fn a_line_that_is_cut_anywhere_is_no_record(record in any_record(), share in 0.0..1.0_f64) {
        let line = line_of(&record);
        let whole = line.len() - 1;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "any place will do")]
        let cut = (whole as f64 * share) as usize;
        prop_assert!(StoredRecord::read(&line[..cut]).is_err());
    }
}

#[test]
fn another_version_is_refused_by_its_number() {
    let line = text_of_full_call();
    for (other, found) in [
        (line.replacen("\"v\":1", "\"v\":2", 1), 2),
        ("{\"v\":7,\"record\":5}".to_owned(), 7),
    ] {
        let fault = StoredRecord::read(other.as_bytes()).unwrap_err();
        assert_eq!(fault, LineFault::UnknownVersion { found, known: 1 });
    }
    for nonsense in ["{}", "5", "", "{\"v\":\"1\"}", "{\"v\":1.5}", "{\"v\":1}"] {
        let fault = StoredRecord::read(nonsense.as_bytes()).unwrap_err();
        assert!(matches!(fault, LineFault::Malformed { .. }), "{nonsense}");
    }
}

#[test]
fn members_of_later_writers_are_passed_over() {
    let line = text_of_full_call().replacen("\"v\":1,", "\"v\":1,\"later\":{\"a\":[null]},", 1);
    assert_eq!(
        StoredRecord::read(line.as_bytes()).unwrap().record,
        testing::full_call()
    );
}

#[test]
fn attributes_of_later_writers_stay_under_the_code() {
    let record = testing::full_call();
    let canonical = String::from_utf8(canonical::bytes(&record)).unwrap();
    let later = canonical.replacen("{\"client", "{\"a.later\":\"x\",\"client", 1);
    let mut mac = keys().authenticate();
    mac.update(later.as_bytes());
    let line = format!(
        "{{\"v\":1,\"mac\":\"{}\",\"record\":{later}}}",
        mac.finish()
    );
    let stored = StoredRecord::read(line.as_bytes()).unwrap();
    assert!(stored.verifies(&keys()));
    assert_eq!(stored.record, record);
}

#[test]
fn a_record_that_was_changed_does_not_verify_and_columns_prove_nothing() {
    let line = text_of_full_call();
    let forged = line.replace(
        "\"gen_ai.usage.input_tokens\":300",
        "\"gen_ai.usage.input_tokens\":3",
    );
    assert!(
        !StoredRecord::read(forged.as_bytes())
            .unwrap()
            .verifies(&keys())
    );
    let painted = line.replace("\"input_tokens\":300", "\"input_tokens\":3");
    assert_ne!(painted, line);
    let stored = StoredRecord::read(painted.as_bytes()).unwrap();
    assert!(stored.verifies(&keys()) && stored.record == testing::full_call());
}

#[test]
fn a_member_that_is_there_twice_is_refused() {
    let line = text_of_full_call();
    let twice = line.replacen("\"v\":1,", "\"v\":1,\"record\":{},", 1);
    assert!(StoredRecord::read(twice.as_bytes()).is_err());
}

#[test]
fn an_exact_cost_is_a_number_with_all_its_digits() {
    let mut record = testing::full_call();
    if let crate::record::Body::Call(call) = &mut record.body {
        call.cost = crate::record::Cost::Known {
            exact: "79228162514264337593543950.335".parse().unwrap(),
            source: crate::record::CostSource::Provider,
            price_table: None,
        };
    }
    let line = String::from_utf8(line_of(&record)).unwrap();
    assert!(line.contains("\"cost_usd\":79228162514264337593543950.335,"));
}

#[test]
fn faults_say_where_and_never_what() {
    let line = text_of_full_call();
    for broken in [
        line.replace("\"v\":1", "\"v\":\"anna@example.com\""),
        line.replace("\"mac\":\"", "\"mac\":\"anna@example.com"),
        line.replace(
            "\"time_unix_nano\":\"",
            "\"time_unix_nano\":\"anna@example.com",
        ),
        line.replace(
            "\"llm_audit.kind\":\"call\"",
            "\"llm_audit.kind\":\"anna@example.com\"",
        ),
        format!("{line}anna@example.com"),
    ] {
        let fault = StoredRecord::read(broken.trim_end().as_bytes()).unwrap_err();
        assert!(!fault.to_string().contains("anna") && !format!("{fault:?}").contains("anna"));
    }
}

fn text_of_full_call() -> String {
    String::from_utf8(line_of(&testing::full_call())).unwrap()
}
