//! Values of fields, whatever their type, and metadata.

use super::*;

#[test]
fn metadata_leave_with_secrets_masked_as_an_object_however_they_are_told() {
    let told = |work: fn(&Span)| {
        let bench = Bench::new();
        audited(&bench, || {
            let call = info_span!(
                "ask",
                gen_ai.operation.name = "chat",
                llm_audit.metadata = tracing::field::Empty
            );
            call.in_scope(|| work(&call));
        });
        let metadata = bench.call().record.envelope.metadata;
        metadata.map(|text| text.as_str().to_owned())
    };
    let by_method = told(|call| {
        let metadata = json!({ "team": "search", "contact": "anna@example.com", "run": 7 });
        call.audit_metadata(&metadata).unwrap();
    });
    let shown = r#"{"contact":"<masked:email>","run":7,"team":"search"}"#;
    assert_eq!(by_method.as_deref(), Some(shown));
    let by_field = told(|call| {
        call.record(
            "llm_audit.metadata",
            r#"{"team":"search","password":"hunter2"}"#,
        );
    });
    let shown = r#"{"password":"<masked>","team":"search"}"#;
    assert_eq!(by_field.as_deref(), Some(shown));
    let no_object = told(|call| {
        call.record("llm_audit.metadata", "experiment 7");
    });
    assert_eq!(no_object.as_deref(), Some(r#"{"value":"experiment 7"}"#));
    let numbers = json!({ "id": 1_234_567_890_123_456_789_u64, "low": -9_007_199_254_740_993_i64 });
    let exact = format!("{numbers}");
    let by_method = told(|call| {
        let numbers =
            json!({ "id": 1_234_567_890_123_456_789_u64, "low": -9_007_199_254_740_993_i64 });
        call.audit_metadata(&numbers).unwrap();
    });
    assert_eq!(by_method.as_deref(), Some(&*exact));
    let by_field = told(|call| {
        let text = r#"{"id":1234567890123456789,"low":-9007199254740993}"#;
        call.record("llm_audit.metadata", text);
    });
    assert_eq!(by_field.as_deref(), Some(&*exact));
    let number = told(|call| {
        call.record("llm_audit.metadata", 5_u64);
    });
    assert_eq!(number.as_deref(), Some(r#"{"value":5}"#));
    let too_deep = told(|call| {
        call.audit_metadata(&crate::record::testing::nested(200))
            .unwrap();
    });
    assert_eq!(
        too_deep.as_deref(),
        Some(r#"{"llm_audit.omitted":"too_deep"}"#)
    );
    let too_long = told(|call| {
        call.audit_metadata(&json!({ "text": "a ".repeat(10_000) }))
            .unwrap();
    });
    let note = r#"{"bytes":20011,"llm_audit.omitted":"too_long"}"#;
    assert_eq!(too_long.as_deref(), Some(note));
    assert_eq!(told(|_| {}), None);
}

#[test]
fn a_field_of_any_meaning_takes_a_value_of_any_type() {
    for meaning in crate::semconv::dialect::every_meaning() {
        for number in [0_u64, 1, 7, u64::MAX] {
            let bench = Bench::new();
            let operation = Label::clip("chat");
            for value in [
                fields::FieldValue::Int(number),
                fields::FieldValue::Float(number as f64 + 0.5),
                fields::FieldValue::of_text(meaning, &number.to_string()),
                fields::FieldValue::Text(Label::clip(&number.to_string())),
                fields::FieldValue::of_text(meaning, "word"),
            ] {
                let mut call = bench.recorder.new_call(operation.clone());
                fields::take_field(&mut call, meaning, value);
            }
        }
    }
    let bench = Bench::new();
    audited(&bench, || {
        info_span!(
            "ask",
            gen_ai.operation.name = "chat",
            gen_ai.input.messages = 5_u64,
            gen_ai.output.messages = true,
            gen_ai.system_instructions = 1.5,
            otel.status_description = 7_i64
        )
        .in_scope(|| {});
    });
    let written = bench.call();
    let hashes = &written.call().hashes;
    assert!(hashes.input.is_some() && hashes.output.is_some() && hashes.system_prompt.is_some());
}
