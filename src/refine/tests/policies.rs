//! What leaves under which policy: of records, log forms, spans and starts.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::policy::Group;
use crate::record::rows::RowForm;
use crate::record::{Ending, Failure, SystemEvent, TraceContext};
use crate::record::{SpanId, System, TraceId};
use crate::semconv::{LogForm, Seal, SpanForm};

/// Everything that leaves of a call.
struct Left {
    record: String,
    log: Vec<u8>,
    span: Vec<u8>,
    start: Vec<u8>,
}

fn gate(policy: &str) -> Gate {
    let keys = Keyring::generate(Timestamp::from_unix_nanos(0), [[1; 32], [2; 32]]);
    let policy = format!("version = 1\n{policy}").parse().unwrap();
    Gate::new(Arc::new(keys), PriceTable::builtin()).with_policy(policy, usize::MAX)
}

fn leave(gate: &Gate, call: &CapturedCall) -> Left {
    let mut rows = RowForm::default();
    gate.start(call).write(&mut rows);
    let start = rows.as_bytes().to_vec();
    let shows = gate.refine(call, |record, shows| {
        rows.write(record);
        shows
    });
    let seal = Seal {
        seq: 0,
        key: "k",
        code: &[0; 32],
    };
    let (mut log, mut span) = (LogForm::default(), SpanForm::default());
    assert!(log.write_rows(rows.as_bytes(), &seal));
    assert!(span.write_rows(rows.as_bytes(), &seal, shows));
    let mut record = Vec::new();
    let service = call.service.as_ref();
    assert!(semconv::write_canonical(
        rows.as_bytes(),
        service,
        0,
        &mut record
    ));
    Left {
        record: String::from_utf8(record).unwrap(),
        log: log.pieces().concat(),
        span: span.pieces().concat(),
        start,
    }
}

impl Left {
    fn attribute(&self, name: &str) -> Option<String> {
        let record: Value = serde_json::from_str(&self.record).unwrap();
        record[name].as_str().map(str::to_owned)
    }

    fn everywhere(&self) -> [(&'static str, &[u8]); 4] {
        [
            ("record", self.record.as_bytes()),
            ("log form", &self.log),
            ("span", &self.span),
            ("start", &self.start),
        ]
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// A call with a text of its own in each place, that fails with all of them.
fn planted(at: impl Fn(&str) -> String) -> CapturedCall {
    let id = RecordId::from_parts(1, [1; 10]);
    let time = Timestamp::from_unix_nanos(1_700_000_000_000_000_000);
    let mut call = CapturedCall::new(id, time, Label::clip("chat"));
    let acme = || Some(Label::clip("acme"));
    (call.service, call.provider, call.request.model) = (acme(), acme(), acme());
    call.actor.tenant = acme();
    call.actor.user_id = Some(Label::clip(&at("user")));
    call.trace = TraceId::from_bytes([3; 16])
        .zip(SpanId::from_bytes([4; 8]))
        .map(|(trace_id, span_id)| TraceContext {
            trace_id,
            span_id,
            parent_span_id: None,
        });
    let message = |place: &str| serde_json::json!([{ "role": "user", "content": [{ "type": "text", "text": at(place) }] }]);
    call.system_prompt = Content::canonical(&at("system_prompt"));
    call.input = Content::canonical(&message("input"));
    call.response.output = Some(Content::of_text(&at("output")));
    call.tools = Content::canonical(&serde_json::json!({ at("tools"): [at("tools")] }));
    let all = PLACES.map(&at).join(", and ");
    call.ending = Ending::Failed(Failure {
        error_type: Label::clip(&at("input")),
        message: Some(RawText::from(&*format!(
            "not good: {all}, for {}",
            at("user")
        ))),
    });
    call
}

const PLACES: [&str; 4] = ["system_prompt", "input", "output", "tools"];

/// Policies without danger, of these words.
fn any_policy(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let subject = select(&["service", "provider", "model", "tenant"][..]);
    let group = select(
        &[
            "system_prompt",
            "input",
            "output",
            "tools",
            "error",
            "metadata",
            "change_values",
        ][..],
    );
    let groups = proptest::collection::btree_map(group, select(words), 0..7);
    let user = select(
        &[
            ("plain", "plain"),
            ("plain", "hash"),
            ("plain", "omit"),
            ("hash", "hash"),
            ("hash", "omit"),
            ("omit", "omit"),
        ][..],
    );
    let opened = any::<bool>();
    let rule = (
        proptest::option::weighted(0.9, (subject, any::<bool>())),
        groups,
        user,
        opened,
    );
    proptest::collection::vec(rule, 0..4).prop_map(|rules| {
        let mut text = String::new();
        for (at, (when, groups, (user, span_user), opened)) in rules.into_iter().enumerate() {
            write!(
                text,
                "[[rule]]\nname = '{at}'\nuser = '{user}'\nspan.user = '{span_user}'\n"
            )
            .unwrap();
            for (group, word) in &groups {
                writeln!(text, "{group} = '{word}'").unwrap();
                let content = PLACES.contains(group) || *group == "error";
                if opened && content {
                    writeln!(text, "span.{group} = '{word}'").unwrap();
                }
            }
            let Some((subject, fits)) = when else { break };
            let other = if fits { "ac*" } else { "elsewhere" };
            // Each rule fits something that no other does.
            writeln!(
                text,
                "when.{subject} = ['only-{at}', '{other}-{at}', '{other}']"
            )
            .unwrap();
        }
        text
    })
}

proptest! {
    #[test]
    fn without_a_danger_rule_no_secret_of_content_leaves(policy in any_policy(&["omit", "hash", "redact"])) {
        let secret = |place: &str| format!("sk-ant-api03-{}{}", place.replace('_', "A"), "Zx9".repeat(20));
        let call = planted(secret);
        let left = leave(&gate(&policy), &call);
        for (way, bytes) in left.everywhere() {
            for place in PLACES {
                prop_assert!(!contains(bytes, &secret(place)), "{} is in {}:\n{}", place, way, policy);
            }
        }
    }

    #[test]
    fn where_nothing_is_redacted_no_word_of_content_leaves(policy in any_policy(&["omit", "hash"])) {
        let words = |place: &str| format!("what {place} says");
        let call = planted(words);
        let left = leave(&gate(&policy), &call);
        for (way, bytes) in left.everywhere() {
            for place in PLACES {
                prop_assert!(!contains(bytes, &words(place)), "{} is in {}:\n{}", place, way, policy);
            }
        }
    }

    #[test]
    fn a_user_leaves_where_the_rule_says_plain_and_never_at_the_start(policy in any_policy(&["omit", "hash", "redact"])) {
        let gate = gate(&policy);
        let call = planted(|place| format!("{place}-42@example.com"));
        let forms = gate.policy().decide(&facts(&call)).forms;
        let (left, user) = (leave(&gate, &call), "user-42@example.com");
        prop_assert!(!contains(&left.start, user));
        prop_assert_eq!(left.attribute("user.id").is_some(), forms.user == IdentityForm::Plain);
        prop_assert_eq!(left.attribute("user.hash").is_some(), forms.user >= IdentityForm::Hash);
        if forms.user < IdentityForm::Plain {
            for (way, bytes) in left.everywhere() {
                prop_assert!(!contains(bytes, user), "in {}:\n{}", way, policy);
            }
        }
        prop_assert_eq!(contains(&left.span, "user.id"), forms.span.user == IdentityForm::Plain);
        prop_assert_eq!(contains(&left.span, "user.hash"), forms.span.user >= IdentityForm::Hash);
        let any_omits = gate.policy().narrowest().user == IdentityForm::Omit;
        let start = semconv::decode_start(&left.start, None).unwrap();
        prop_assert_eq!(start.envelope.actor.user_hash.is_some(), !any_omits);
    }
}

#[test]
fn each_form_of_content_leaves_what_it_says_and_nothing_else() {
    let (name, text) = ("llm_audit.input.hash", "gen_ai.input.messages");
    for (form, hashed, disclosed, in_span) in [
        ("input = 'omit'", false, None, false),
        ("input = 'hash'", true, None, false),
        ("input = 'redact'", true, Some("what input says"), false),
        (
            "input = 'redact'\nspan.input = 'redact'",
            true,
            Some("what input says"),
            true,
        ),
        (
            "input = 'danger_plain'",
            true,
            Some("what input says"),
            false,
        ),
        (
            "input = 'danger_plain'\nspan.input = 'danger_plain'",
            true,
            Some("what input says"),
            true,
        ),
    ] {
        let call = planted(|place| format!("what {place} says"));
        let left = leave(&gate(&format!("[[rule]]\nname = 'a'\n{form}")), &call);
        assert_eq!(left.attribute(name).is_some(), hashed, "{form}");
        let messages = left.attribute(text);
        let expected = disclosed.map(|said| {
            format!(r#"[{{"parts":[{{"content":"{said}","type":"text"}}],"role":"user"}}]"#)
        });
        assert_eq!(messages, expected, "{form}");
        assert_eq!(contains(&left.span, text), in_span, "{form}");
        assert_eq!(contains(&left.span, name), hashed, "{form}");
        assert!(!contains(&left.start, "what"), "{form}");
        for other in [
            "gen_ai.output.messages",
            "gen_ai.system_instructions",
            "gen_ai.tool.definitions",
        ] {
            assert_eq!(left.attribute(other), None, "{form}");
        }
    }
}

#[test]
fn every_group_of_content_is_opened_by_its_own_word() {
    for (group, name) in [
        ("system_prompt", "gen_ai.system_instructions"),
        ("input", "gen_ai.input.messages"),
        ("output", "gen_ai.output.messages"),
        ("tools", "gen_ai.tool.definitions"),
    ] {
        let rule = format!(
            "[[rule]]\nname = 'a'\n{group} = 'danger_plain'\nspan.{group} = 'danger_plain'\nerror = 'omit'"
        );
        let left = leave(&gate(&rule), &planted(|place| format!("what {place} says")));
        for place in PLACES {
            let said = format!("what {place} says");
            let expected = place == group;
            assert_eq!(contains(&left.log, &said), expected, "{group} {place}");
            assert_eq!(contains(&left.span, &said), expected, "{group} {place}");
        }
        assert!(left.attribute(name).is_some(), "{group}");
    }
}

#[test]
fn each_form_of_an_errors_text_leaves_what_it_says() {
    let message = "llm_audit.error.message";
    for (form, expected, in_span) in [
        ("error = 'omit'", None, false),
        ("error = 'redact'", Some("not good: <masked>"), true),
        (
            "error = 'redact'\nspan.error = 'omit'",
            Some("not good: <masked>"),
            false,
        ),
        ("error = 'hash'", Some("hmac-sha256:raw1:"), true),
        (
            "error = 'danger_plain'",
            Some("not good: what system_prompt says"),
            false,
        ),
        (
            "error = 'danger_plain'\nspan.error = 'danger_plain'",
            Some("not good: what system_prompt says"),
            true,
        ),
    ] {
        let call = planted(|place| format!("what {place} says"));
        let left = leave(&gate(&format!("[[rule]]\nname = 'a'\n{form}")), &call);
        let text = left.attribute(message);
        match expected {
            None => assert_eq!(text, None, "{form}"),
            Some(start) => assert!(
                text.as_ref().is_some_and(|text| text.starts_with(start)),
                "{form}: {text:?}"
            ),
        }
        assert_eq!(contains(&left.span, message), in_span, "{form}");
        let in_status = expected.is_some_and(|start| contains(&left.span, start));
        assert_eq!(in_status, in_span, "{form}");
    }
}

#[test]
fn a_user_who_does_not_leave_plain_is_not_named_by_an_error_either() {
    let call = || planted(|place| format!("{place}-7"));
    let left = leave(&gate("[[rule]]\nname = 'a'\nuser = 'hash'"), &call());
    assert!(
        left.attribute("llm_audit.error.message")
            .unwrap()
            .ends_with(", for <masked>")
    );
    let left = leave(&gate(""), &call());
    assert!(
        left.attribute("llm_audit.error.message")
            .unwrap()
            .ends_with(", for user-7")
    );
}

#[test]
fn changes_and_other_records_have_users_values_and_metadata_as_the_rule_says() {
    let envelope = || {
        let mut envelope = Envelope::new(
            RecordId::from_parts(1, [1; 10]),
            Timestamp::from_unix_nanos(1),
        );
        envelope.service = Some(Label::clip("acme"));
        envelope.actor.user_id = Some(Label::clip("anna"));
        envelope.metadata = r#"{"team":"a","password":"hunter2"}"#.parse().ok();
        envelope
    };
    let change = || CapturedChange {
        action: Label::clip("updated"),
        table_name: Label::clip("users"),
        object_id: Label::clip("1"),
        before_value: Some(serde_json::json!({ "limit": 5, "password": "hunter2" })),
        updated_values: None,
        api_key: None,
    };
    for (form, before, metadata, user) in [
        (
            "",
            Some(r#"{"limit":5,"password":"<masked>"}"#),
            Some(r#"{"password":"<masked>","team":"a"}"#),
            "plain",
        ),
        (
            "change_values = 'omit'\nmetadata = 'omit'\nuser = 'omit'",
            None,
            None,
            "omit",
        ),
        (
            "change_values = 'hash'\nmetadata = 'hash'\nuser = 'hash'",
            Some(r#"{"llm_audit.hash":"hmac-sha256:jcs1:"#),
            Some(r#"{"llm_audit.hash":"hmac-sha256:jcs1:"#),
            "hash",
        ),
        (
            "change_values = 'danger_plain'\nmetadata = 'danger_plain'",
            Some(r#"{"limit":5,"password":"hunter2"}"#),
            Some(r#"{"password":"hunter2","team":"a"}"#),
            "plain",
        ),
    ] {
        let gate = gate(&format!(
            "[[rule]]\nname = 'a'\nwhen.service = 'acme'\n{form}\n[[rule]]\nname = 'b'\nwhen.operation = '*'"
        ));
        let record = gate.refine_change(envelope(), change());
        let starts = |text: Option<&JsonText>, expected: Option<&str>| match (text, expected) {
            (None, None) => true,
            (Some(text), Some(expected)) => text.as_str().starts_with(expected),
            _ => false,
        };
        let Body::Change(body) = &record.body else {
            panic!("a change is one")
        };
        assert!(
            starts(body.before_value.as_ref(), before),
            "{form}: {body:?}"
        );
        assert!(body.updated_values.is_none());
        let system = Body::System(System {
            event: SystemEvent::Heartbeat,
            detail: None,
        });
        for record in [&record, &gate.refine_other(envelope(), system)] {
            let (envelope, actor) = (&record.envelope, &record.envelope.actor);
            assert!(
                starts(envelope.metadata.as_ref(), metadata),
                "{form}: {envelope:?}"
            );
            assert_eq!(actor.user_id.is_some(), user == "plain", "{form}");
            assert_eq!(actor.user_hash.is_some(), user != "omit", "{form}");
        }
    }
}

#[test]
fn a_rule_may_ask_for_the_model_that_answered_where_nobody_asked_for_one() {
    let gate = gate(
        "[[rule]]\nname = 'a'\nwhen.model = 'asked'\ninput = 'redact'\n[[rule]]\nname = 'b'\nwhen.model = 'answered'\ninput = 'omit'",
    );
    let decided = |asked: Option<&str>| {
        let mut call = planted(str::to_owned);
        call.request.model = asked.map(Label::clip);
        call.response.model = Some(Label::clip("answered"));
        gate.policy().decide(&facts(&call)).forms.word(Group::Input)
    };
    assert_eq!(
        (decided(Some("asked")), decided(Some("else")), decided(None)),
        ("redact", "hash", "omit")
    );
}

#[test]
fn the_same_metadata_leave_alike_on_a_call_and_on_a_change() {
    let nested = crate::record::testing::nested(150);
    let long = |letter: &str| serde_json::json!({ "text": letter.repeat(20_000) });
    let values = [
        serde_json::json!({ "id": 1_234_567_890_123_456_789_u64 }),
        serde_json::json!([1, 2]),
        serde_json::json!({ "password": "x".repeat(20_000) }),
        long("a"),
        long("b"),
        nested,
    ];
    for form in ["redact", "hash", "danger_plain"] {
        let gate = gate(&format!(
            "[[rule]]\nname = 'a'\nwhen.operation = '*'\nmetadata = '{form}'\n[[rule]]\nname = 'b'\nmetadata = '{form}'\n"
        ));
        let mut seen = std::collections::HashSet::new();
        for value in &values {
            let id = RecordId::from_parts(1, [1; 10]);
            let time = Timestamp::from_unix_nanos(1);
            let mut call = CapturedCall::new(id, time, Label::clip("chat"));
            call.metadata = Some(Content::Json(RawText::from(value.to_string().as_str())));
            let of_call = gate.refine(&call, |record, _| record.envelope.metadata.cloned());
            let mut envelope = Envelope::new(id, time);
            envelope.metadata = Some(JsonText::captured(value));
            let system = Body::System(System {
                event: SystemEvent::Heartbeat,
                detail: None,
            });
            let of_other = gate.refine_other(envelope, system).envelope.metadata;
            assert_eq!(of_call, of_other, "{form}");
            seen.insert(of_call.unwrap().as_str().to_owned());
        }
        // Two long ones are two, but for the note in their place, which says how long they were.
        let distinct = if form == "hash" { 6 } else { 5 };
        assert_eq!(seen.len(), distinct, "{form}");
    }
}
