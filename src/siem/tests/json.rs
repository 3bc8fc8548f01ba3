//! HEC, ASIM and UDM.

use serde_json::Value;

use super::*;

fn event(format: Format, record: &AuditRecord) -> Value {
    serde_json::from_str(&line(format, record)).unwrap()
}

proptest! {
    #[test]
    fn members_of_json_are_those_of_the_format_whatever_the_texts_are(record in hostile_record()) {
        for (format, members) in [(Format::Hec, &HEC[..]), (Format::Udm, &UDM[..])] {
            let event = event(format, &record);
            for name in event.as_object().unwrap().keys() {
                prop_assert!(members.contains(&name.as_str()), "{}", name);
            }
        }
        let user = record.envelope.actor.user_id.as_ref().map(|id| id.as_str());
        let hec = event(Format::Hec, &record);
        prop_assert_eq!(hec["event"]["user"].as_str(), user);
        prop_assert!(hec["event"]["forged"].is_null());
        prop_assert!(hec["time"].is_number());
        let udm = event(Format::Udm, &record);
        prop_assert_eq!(udm["principal"]["user"]["userid"].as_str(), user);
        prop_assert!(udm["metadata"]["event_timestamp"].is_string());
    }

    #[test]
    fn asim_has_every_mandatory_column_with_one_of_its_values(record in prop_oneof![any_record(), hostile_record()]) {
        let Some(file) = shared("AuditEvent-fields.csv") else {
            return Ok(());
        };
        let event = event(Format::Asim, &record);
        for row in std::fs::read_to_string(file).unwrap().lines().skip(1) {
            let columns: Vec<&str> = row.split(',').collect();
            let [name, kind, class, values] = columns[..] else {
                panic!("{row}");
            };
            let value = &event[name];
            prop_assert!(class != "Mandatory" || !value.is_null(), "{}", name);
            let fits = match kind {
                "int" => value.is_u64(),
                "dynamic" => value.is_object(),
                _ => value.is_string(),
            };
            prop_assert!(value.is_null() || fits, "{}: {}", name, value);
            if let (Some(value), false) = (value.as_str(), values.is_empty()) {
                prop_assert!(values.split('|').any(|known| known == value), "{}: {}", name, value);
            }
        }
    }
}

#[test]
fn what_a_format_knows_no_user_of_is_a_generic_event() {
    let mut record = crate::record::testing::full_call();
    assert_eq!(
        event(Format::Udm, &record)["metadata"]["event_type"],
        "USER_RESOURCE_ACCESS"
    );
    record.envelope.actor.user_id = None;
    assert_eq!(
        event(Format::Udm, &record)["metadata"]["event_type"],
        "GENERIC_EVENT"
    );
}

const HEC: [&str; 4] = ["time", "source", "sourcetype", "event"];
const UDM: [&str; 7] = [
    "additional",
    "extensions",
    "metadata",
    "network",
    "principal",
    "security_result",
    "target",
];
