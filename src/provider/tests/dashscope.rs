//! Forms of <https://www.alibabacloud.com/help/en/model-studio/qwen-api-via-dashscope>.

use super::*;

#[test]
fn an_answer_of_dashscope_is_read_in_full() {
    let facts = read(
        Provider::DashScope,
        include_str!("../testdata/dashscope.json"),
    );
    assert_eq!(facts.id.as_ref().unwrap().as_str(), "902fee3b-f7f0");
    assert_eq!(
        (
            facts.usage.input_tokens,
            facts.usage.reasoning_output_tokens
        ),
        (Some(22), Some(5))
    );
    let expected = concat!(
        r#"[{"finish_reason":"tool_calls","parts":[{"content":"Tides, then.","type":"reasoning"},"#,
        r#"{"content":"I look it up – wait.","type":"text"},"#,
        r#"{"arguments":{"place":"Sassnitz"},"id":"call_6","name":"tide","type":"tool_call"}],"role":"assistant"}]"#,
    );
    assert_eq!(content(&facts.output), expected);
    let text = r#"{"request_id":"r","output":{"text":"Yes.","finish_reason":"stop"},"usage":{"input_tokens":1,"output_tokens":2}}"#;
    let facts = read(Provider::DashScope, text);
    assert!(content(&facts.output).contains("Yes."));
    assert_eq!(labels(&facts.finish_reasons), ["stop"]);
}

#[test]
fn inspection_blocks_and_other_errors_fail() {
    let inspected = r#"{"code":"DataInspectionFailed","message":"Input data may contain inappropriate content.","request_id":"r"}"#;
    let facts = read(Provider::DashScope, inspected);
    assert!(picture(&facts).ends_with("blocked: data_inspection_failed"));
    let compatible = r#"{"error":{"code":"data_inspection_failed","type":"data_inspection_failed","message":"no"}}"#;
    let facts = read(Provider::DashScope, compatible);
    assert!(picture(&facts).ends_with("blocked: data_inspection_failed"));
    let throttled = r#"{"code":"Throttling.RateQuota","message":"slow","request_id":"r"}"#;
    let facts = read(Provider::DashScope, throttled);
    assert!(picture(&facts).ends_with("failed: Throttling.RateQuota Some(\"slow\")"));
}

#[test]
fn a_request_to_dashscope_says_its_settings() {
    let json = br#"{"model":"qwen-plus","input":{"messages":[{"role":"system","content":"Be brief."},
        {"role":"user","content":"When?"}]},"parameters":{"max_tokens":9,"temperature":0.1,"result_format":"message",
        "tools":[{"type":"function"}]}}"#;
    let facts = read_request(Provider::DashScope, json).unwrap();
    assert_eq!((facts.operation, facts.action), ("chat", "chat.create"));
    assert_eq!(facts.request.max_tokens, Some(9));
    assert_eq!(content(&facts.system_prompt), "\"Be brief.\"");
    assert!(content(&facts.input).contains("When?") && facts.tools.is_some());
    let compatible = br#"{"model":"qwen-plus","messages":[{"role":"user","content":"When?"}]}"#;
    let facts = read_request(Provider::DashScope, compatible).unwrap();
    assert_eq!(facts.action, "chat.completions.create");
}
