//! Records for tests: one with every field, and any there can be.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;

/// A call with every field that a call can have.
pub(crate) fn full_call() -> AuditRecord {
    let label = Label::clip;
    let hash = |digit: &str| {
        format!("hmac-sha256:jcs1:hash-01:{}", digit.repeat(64))
            .parse()
            .ok()
    };
    let mut envelope = Envelope::new(
        RecordId::from_parts(1_700_000_000_000, [1; 10]),
        Timestamp::from_unix_nanos(1_700_000_000_123_456_789),
    );
    let stream = StreamId::from_parts(1_699_999_999_000, [2; 10]);
    envelope.position = Some(StreamPosition { stream, seq: 41 });
    envelope.service = Some(label("billing"));
    envelope.metadata = "{\"team\":\"a\"}".parse().ok();
    envelope.trace = TraceId::from_bytes([3; 16])
        .zip(SpanId::from_bytes([4; 8]))
        .map(|(trace_id, span_id)| TraceContext {
            trace_id,
            span_id,
            parent_span_id: SpanId::from_bytes([5; 8]),
        });
    envelope.actor = Actor {
        user_id: Some(label("anna@example.com")),
        user_hash: hash("6"),
        session: Some(label("session-1")),
        conversation: Some(label("conversation-1")),
        tenant: Some(label("acme")),
        credential_hash: hash("7"),
        client_address: Some(label("192.0.2.1")),
    };
    let body = Body::Call(Box::new(call()));
    AuditRecord { envelope, body }
}

fn call() -> Call {
    let label = Label::clip;
    let hash = |digit: &str| {
        format!("hmac-sha256:jcs1:hash-01:{}", digit.repeat(64))
            .parse()
            .ok()
    };
    Call {
        operation: label("chat"),
        action: label("messages.stream"),
        provider: Some(label("anthropic")),
        server_address: Some(label("api.anthropic.com")),
        server_port: Some(443),
        request: Request {
            model: Some(label("claude-sonnet-4-5")),
            max_tokens: Some(1024),
            temperature: Some(0.5),
            top_p: Some(1.0),
            delivery: Delivery::Stream,
        },
        response: Response {
            id: Some(label("msg_1")),
            model: Some(label("claude-sonnet-4-5-20250929")),
            finish_reasons: vec![label("end_turn")],
            service_tier: Some(label("standard")),
            time_to_first_chunk_ns: Some(250_000_000),
        },
        outcome: Outcome {
            status: Status::Error,
            reason: Some(label("stream_failed")),
            error_type: Some(label("overloaded_error")),
            error_message: Some(Message::clip("a \"quoted\" line\nand another")),
        },
        duration_ns: Some(842_000_001),
        hashes: ContentHashes {
            system_prompt: hash("8"),
            input: hash("9"),
            output: hash("a"),
            tools: hash("b"),
        },
        disclosed: DisclosedContent::NONE,
        usage: Usage {
            input_tokens: Some(300),
            output_tokens: Some(70),
            cache_read_input_tokens: Some(100),
            cache_write_input_tokens: Some(50),
            cache_write_1h_input_tokens: Some(20),
            reasoning_output_tokens: Some(30),
            audio_input_tokens: Some(0),
            audio_output_tokens: Some(0),
        },
        usage_source: UsageSource::Provider,
        cost: Cost::Known {
            exact: "0.0018675".parse().unwrap(),
            source: CostSource::Local,
            price_table: Some(label("sha256:0123456789abcdef")),
        },
        sanitization: Sanitization {
            status: SanitizationStatus::Applied,
            count: Some(3),
            classes: [(label("credit_card"), 1), (label("email"), 2)].into(),
            rules: Some(label("sha256:fedcba9876543210")),
        },
    }
}

/// Any record there can be.
pub(crate) fn any_record() -> impl Strategy<Value = AuditRecord> {
    (any_envelope(), any_body()).prop_map(|(envelope, body)| AuditRecord { envelope, body })
}

fn any_label() -> impl Strategy<Value = Label> {
    prop_oneof![
        "[a-z._-]{1,12}",
        ".{0,40}",
        "[\"\\\\\u{0}-\u{1f}\u{7f}\u{2028}é😀]{0,8}"
    ]
    .prop_map(|text| Label::clip(&text))
}

fn any_hash() -> impl Strategy<Value = KeyedHash> {
    ("[A-Za-z0-9._-]{1,32}", "[0-9a-f]{64}", "jcs1|raw1").prop_map(|(key, digits, form)| {
        format!("hmac-sha256:{form}:{key}:{digits}")
            .parse()
            .unwrap()
    })
}

fn any_json() -> impl Strategy<Value = JsonText> {
    btree_map(
        "[a-z\"\\\\]{0,5}",
        prop_oneof![".{0,10}", "[0-9]{1,4}"],
        0..4,
    )
    .prop_map(|map| JsonText::from_value(&serde_json::json!(map)).unwrap())
}

fn any_content() -> impl Strategy<Value = ContentText> {
    ".{0,40}".prop_map(|text| serde_json::json!([text]).to_string().parse().unwrap())
}

fn any_int() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..1000_u64,
        (1_u64 << 53) - 2..(1 << 53) + 3,
        Just(i64::MAX as u64),
        0..i64::MAX as u64
    ]
}

fn any_envelope() -> impl Strategy<Value = Envelope> {
    let ids = (0..1_u64 << 48, any::<[u8; 10]>(), any::<u64>());
    let position = option::of((0..1_u64 << 48, any::<[u8; 10]>(), any_int()));
    let trace = option::of((1..u128::MAX, 1..u64::MAX, option::of(1..u64::MAX)));
    (
        ids,
        position,
        trace,
        any_actor(),
        option::of(any_label()),
        option::of(any_json()),
    )
        .prop_map(
            |((millis, random, nanos), position, trace, actor, service, metadata)| {
                let nanos = nanos.min(i64::MAX as u64);
                let mut envelope = Envelope::new(
                    RecordId::from_parts(millis, random),
                    Timestamp::from_unix_nanos(nanos),
                );
                envelope.position = position.map(|(millis, random, seq)| StreamPosition {
                    stream: StreamId::from_parts(millis, random),
                    seq,
                });
                envelope.trace = trace.map(|(trace, span, parent)| TraceContext {
                    trace_id: TraceId::from_bytes(trace.to_be_bytes()).unwrap(),
                    span_id: SpanId::from_bytes(span.to_be_bytes()).unwrap(),
                    parent_span_id: parent.and_then(|id| SpanId::from_bytes(id.to_be_bytes())),
                });
                envelope.actor = actor;
                envelope.service = service;
                envelope.metadata = metadata;
                envelope
            },
        )
}

fn any_actor() -> impl Strategy<Value = Actor> {
    let labels = vec(option::of(any_label()), 5);
    (labels, option::of(any_hash()), option::of(any_hash())).prop_map(
        |(mut labels, user_hash, credential_hash)| {
            let mut next = || labels.pop().flatten();
            Actor {
                user_id: next(),
                user_hash,
                session: next(),
                conversation: next(),
                tenant: next(),
                credential_hash,
                client_address: next(),
            }
        },
    )
}

fn any_body() -> impl Strategy<Value = Body> {
    let access = (
        any_label(),
        option::of(any_label()),
        proptest::sample::select(AccessOutcome::ALL),
    )
        .prop_map(|(operation, resource, outcome)| {
            Body::Access(Access {
                operation,
                resource,
                outcome,
            })
        });
    let values = (
        option::of(any_json()),
        option::of(any_json()),
        option::of(any_hash()),
    );
    let change = (any_label(), any_label(), any_label(), values).prop_map(
        |(action, table_name, object_id, values)| {
            let (before_value, updated_values, changed_by_api_key) = values;
            Body::Change(Change {
                action,
                table_name,
                object_id,
                before_value,
                updated_values,
                changed_by_api_key,
            })
        },
    );
    let system = (
        proptest::sample::select(SystemEvent::ALL),
        option::of(any_json()),
    )
        .prop_map(|(event, detail)| Body::System(System { event, detail }));
    prop_oneof![1 => access, 1 => change, 1 => system, 4 => any_call().prop_map(|call| Body::Call(Box::new(call)))]
}

fn any_call() -> impl Strategy<Value = Call> {
    let labels = vec(option::of(any_label()), 9);
    let ints = vec(option::of(any_int()), 11);
    let doubles = vec(
        option::of(
            any::<f64>().prop_filter("JSON numbers are finite", |number| number.is_finite()),
        ),
        2,
    );
    let hashes = (
        vec(option::of(any_hash()), 4),
        vec(option::of(any_content()), 4),
    );
    let choices = (
        proptest::sample::select(Status::ALL),
        proptest::sample::select(UsageSource::ALL),
        proptest::sample::select(SanitizationStatus::ALL),
        any::<(bool, bool, Option<u16>)>(),
    );
    let lists = (
        vec(any_label(), 0..3),
        btree_map("[d-q_]{1,8}", any_int(), 0..3),
        ".{0,30}",
    );
    (any_label(), labels, ints, doubles, hashes, choices, lists).prop_map(
        |(
            operation,
            mut labels,
            mut ints,
            mut doubles,
            (mut hashes, mut contents),
            choices,
            lists,
        )| {
            let mut label = || labels.pop().flatten();
            let mut int = || ints.pop().flatten();
            let mut hash = || hashes.pop().flatten();
            let mut content = || contents.pop().flatten();
            let (status, usage_source, sanitized, (streamed, priced, port)) = choices;
            let (finish_reasons, classes, message) = lists;
            // JSON has one zero only where it is not negative, and integral doubles come back as integers.
            let mut double = || {
                doubles
                    .pop()
                    .flatten()
                    .map(|number| if number == 0.0 { 0.0 } else { number })
            };
            let reserved = ["count", "rules", "status"];
            Call {
                action: operation.clone(),
                operation,
                provider: label(),
                server_address: label(),
                server_port: port,
                request: Request {
                    model: label(),
                    max_tokens: int(),
                    temperature: double(),
                    top_p: double(),
                    delivery: if streamed {
                        Delivery::Stream
                    } else {
                        Delivery::Whole
                    },
                },
                response: Response {
                    id: label(),
                    model: label(),
                    finish_reasons,
                    service_tier: label(),
                    time_to_first_chunk_ns: int(),
                },
                outcome: Outcome {
                    status,
                    reason: label(),
                    error_type: label(),
                    error_message: Some(Message::clip(&message)),
                },
                duration_ns: int(),
                hashes: ContentHashes {
                    system_prompt: hash(),
                    input: hash(),
                    output: hash(),
                    tools: hash(),
                },
                disclosed: DisclosedContent {
                    system_prompt: content(),
                    input: content(),
                    output: content(),
                    tools: content(),
                },
                usage: Usage {
                    input_tokens: int(),
                    output_tokens: int(),
                    cache_read_input_tokens: int(),
                    cache_write_input_tokens: int(),
                    cache_write_1h_input_tokens: int(),
                    reasoning_output_tokens: int(),
                    audio_input_tokens: int(),
                    audio_output_tokens: None,
                },
                usage_source,
                cost: if priced {
                    let exact = "12.000000345".parse().unwrap();
                    Cost::Known {
                        exact,
                        source: CostSource::Provider,
                        price_table: label(),
                    }
                } else {
                    Cost::Unknown {
                        reason: Label::clip("unknown_model"),
                    }
                },
                sanitization: Sanitization {
                    status: sanitized,
                    count: int(),
                    classes: classes
                        .into_iter()
                        .filter(|(class, _)| !reserved.contains(&class.as_str()))
                        .map(|(class, count)| (Label::clip(&class), count))
                        .collect(),
                    rules: None,
                },
            }
        },
    )
}

/// Arrays in arrays, so many.
pub(crate) fn nested(levels: usize) -> serde_json::Value {
    (0..levels).fold(serde_json::Value::Null, |inner, _| {
        serde_json::json!([inner])
    })
}
