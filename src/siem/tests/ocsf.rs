use std::collections::HashMap;

use boon::{Compiler, SchemaIndex, Schemas};
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use super::*;

/// The published schemas of the classes that are written, by the class's number.
struct Classes {
    schemas: Schemas,
    of: HashMap<u64, SchemaIndex>,
}

impl Classes {
    fn read() -> Option<Self> {
        let mut schemas = Schemas::new();
        let mut of = HashMap::new();
        for (class, name) in CLASSES {
            let file = shared(&format!("ocsf-1.8.0/{name}.json"))?;
            let schema: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            let place = format!("https://schema.test/{name}.json");
            let mut compiler = Compiler::new();
            compiler.add_resource(&place, schema).unwrap();
            of.insert(class, compiler.compile(&place, &mut schemas).unwrap());
        }
        Some(Self { schemas, of })
    }

    fn fault(&self, event: &Value) -> Option<String> {
        let class = event["class_uid"].as_u64().unwrap();
        let found = self.schemas.validate(event, self.of[&class]);
        found.err().map(|error| format!("{error:#}\n{event:#}"))
    }
}

#[test]
fn ten_thousand_records_are_valid_against_the_published_schemas() {
    let Some(classes) = Classes::read() else {
        return;
    };
    let mut runner = TestRunner::new(Config {
        cases: 10_000,
        failure_persistence: None,
        ..Config::default()
    });
    let records = prop_oneof![any_record(), hostile_record()];
    let checked = runner.run(&records, |record| {
        let event: Value = serde_json::from_str(&line(Format::Ocsf, &record)).unwrap();
        prop_assert_eq!(classes.fault(&event), None);
        let class = event["class_uid"].as_u64().unwrap();
        let activity = event["activity_id"].as_u64().unwrap();
        prop_assert_eq!(event["type_uid"].as_u64(), Some(class * 100 + activity));
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn the_schemas_refuse_what_is_wrong() {
    let Some(classes) = Classes::read() else {
        return;
    };
    let record = crate::record::testing::full_call();
    let good: Value = serde_json::from_str(&line(Format::Ocsf, &record)).unwrap();
    assert_eq!(classes.fault(&good), None);
    for wrong in ["api", "src_endpoint", "metadata"] {
        let mut event = good.clone();
        event.as_object_mut().unwrap().remove(wrong);
        assert!(classes.fault(&event).is_some(), "{wrong}");
    }
    let mut event = good;
    event["forged"] = 1.into();
    assert!(classes.fault(&event).is_some());
}

/// The name of 1008 is misspelt in version 1.8.0.
const CLASSES: [(u64, &str); 4] = [
    (1008, "event_log_actvity"),
    (3002, "authentication"),
    (3004, "entity_management"),
    (6003, "api_activity"),
];
