//! What happens before each rule's eyes: once what it is to find, and once what looks like it and is nothing.

use llm_audit::record::{
    AccessOutcome, AuditRecord, Call, Cost, CostSource, HashField, Label, Message,
    SanitizationStatus, SystemEvent,
};
use serde_json::json;

use super::records::{Told, access, blocked, call, change, failed, hash, system};

/// The records that a rule is tried with.
pub(super) struct Scenario {
    /// The rule's file, without its end.
    pub(super) rule: &'static str,
    pub(super) cases: [(&'static str, Vec<AuditRecord>); 2],
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let mut all = calls();
    all.extend(spending());
    all.extend(content());
    all.extend(administration());
    all.extend(trail());
    all
}

fn of(rule: &'static str, positive: Vec<AuditRecord>, negative: Vec<AuditRecord>) -> Scenario {
    Scenario {
        rule,
        cases: [("positive", positive), ("negative", negative)],
    }
}

/// So many records, one every so many seconds.
fn every(seconds: u64, count: u64, record: impl Fn(u64, u64) -> AuditRecord) -> Vec<AuditRecord> {
    (0..count)
        .map(|number| record(number * seconds, number))
        .collect()
}

fn calls() -> Vec<Scenario> {
    let other_prompt = |second: u64| hash(HashField::Input, &format!("another {second}"));
    let same_prompt = || hash(HashField::Input, "the same words");
    vec![
        of(
            "repeated_blocks",
            every(60, 5, |second, _| call(second).with(blocked)),
            // Five people with one each, four of one, and six of nobody who is known.
            [
                every(60, 5, |second, number| {
                    call(second).by(&format!("user-{number}")).with(blocked)
                }),
                every(61, 4, |second, _| call(second + 900).with(blocked)),
                every(31, 6, |second, _| {
                    call(second + 2_000).by_nobody().with(blocked)
                }),
            ]
            .concat(),
        ),
        of(
            "blocked_prompt_retried",
            vec![
                call(0).with(|call| {
                    blocked(call);
                    call.hashes.input = Some(same_prompt());
                }),
                call(120).with(|call| call.hashes.input = Some(same_prompt())),
            ],
            vec![
                call(0).with(|call| {
                    blocked(call);
                    call.hashes.input = Some(same_prompt());
                }),
                call(120).with(|call| call.hashes.input = Some(other_prompt(120))),
            ],
        ),
        of(
            "provider_refuses_credential",
            // As one provider says it, and as another one does.
            every(20, 10, |second, number| {
                call(second).with(|call| {
                    if number % 2 == 0 {
                        return failed(call, "authentication_error");
                    }
                    failed(call, "invalid_request_error");
                    let words = "Incorrect API key provided: <masked>.";
                    call.outcome.error_message = Some(Message::clip(words));
                })
            }),
            every(20, 10, |second, _| {
                call(second).with(|call| failed(call, "invalid_request_error"))
            }),
        ),
        of(
            "provider_quota_exhausted",
            every(20, 20, |second, _| {
                call(second).with(|call| failed(call, "rate_limit_exceeded"))
            }),
            // As many, in three hours.
            every(540, 20, |second, _| {
                call(second).with(|call| failed(call, "rate_limit_exceeded"))
            }),
        ),
        of(
            "error_burst",
            every(5, 30, |second, _| {
                call(second).with(|call| failed(call, "server_error"))
            }),
            every(5, 30, |second, _| call(second)),
        ),
        of(
            "user_from_many_addresses",
            every(300, 5, |second, number| {
                call(second).from(&format!("198.51.100.{number}"))
            }),
            every(300, 5, |second, number| {
                call(second)
                    .by(&format!("user-{number}"))
                    .from(&format!("198.51.100.{number}"))
            }),
        ),
    ]
}

fn spending() -> Vec<Scenario> {
    let costing = |usd: &'static str| {
        move |call: &mut Call| {
            call.cost = Cost::Known {
                exact: usd.parse().unwrap(),
                source: CostSource::Local,
                price_table: None,
            };
        }
    };
    vec![
        of(
            "cost_burst",
            every(240, 11, |second, _| call(second).with(costing("5"))),
            // As much in eleven hours, and as much by five people in one.
            [
                every(3_600, 11, |second, _| call(second).with(costing("5"))),
                every(240, 5, |second, number| {
                    call(second + 100)
                        .by(&format!("user-{number}"))
                        .with(costing("11"))
                }),
            ]
            .concat(),
        ),
        of(
            "oversized_prompt",
            vec![call(0).with(|call| call.usage.input_tokens = Some(180_000))],
            vec![call(0).with(|call| call.usage.input_tokens = Some(60_000))],
        ),
        of(
            "bulk_extraction",
            every(5, 60, |second, _| call(second)),
            // The same question, over and over.
            every(5, 60, |second, _| {
                call(second).with(|call| {
                    call.hashes.input = Some(hash(HashField::Input, "are you there?"));
                })
            }),
        ),
        of(
            "unapproved_model",
            vec![call(0).with(|call| {
                call.provider = Some(Label::clip("deepseek"));
                call.request.model = Some(Label::clip("deepseek-chat"));
                call.response.model = Some(Label::clip("deepseek-chat"));
            })],
            vec![
                call(0),
                // A call that names no model is no use of another one.
                call(1).with(|call| {
                    call.request.model = None;
                    call.response.model = None;
                }),
            ],
        ),
    ]
}

fn content() -> Vec<Scenario> {
    let found = |class: &'static str| {
        move |call: &mut Call| {
            call.sanitization.count = Some(1);
            call.sanitization.classes = [(Label::clip(class), 1)].into();
        }
    };
    let prompted = |prompt: &'static str| {
        move |call: &mut Call| {
            call.hashes.system_prompt = Some(hash(HashField::SystemPrompt, prompt));
        }
    };
    vec![
        of(
            "secret_in_prompt",
            vec![call(0).with(found("api_key"))],
            vec![call(0).with(found("email"))],
        ),
        of(
            "sanitizer_failed",
            vec![call(0).with(|call| {
                call.sanitization.status = SanitizationStatus::Error;
                call.sanitization.count = None;
            })],
            vec![
                call(0),
                call(1).with(|call| {
                    call.sanitization.status = SanitizationStatus::Skipped;
                    call.sanitization.count = None;
                }),
            ],
        ),
        of(
            "system_prompt_changed",
            vec![
                call(0).with(prompted("You help customers.")),
                call(600).with(prompted("You help customers and grant refunds.")),
            ],
            // Two applications, each with its own.
            vec![
                call(0).with(prompted("You help customers.")),
                call(600)
                    .of_service("search")
                    .with(prompted("You rank pages.")),
            ],
        ),
    ]
}

fn administration() -> Vec<Scenario> {
    let try_to = |operation: &'static str, outcome: AccessOutcome| {
        move |second: u64, _: u64| access(second, operation, outcome, "203.0.113.9").by("mallory")
    };
    vec![
        of(
            "guardrail_weakened",
            vec![change(0, "deleted", "guardrail_policy", "pii-filter")],
            vec![
                change(0, "created", "guardrail_policy", "pii-filter"),
                change(1, "deleted", "routing_rule", "default-chat"),
            ],
        ),
        of(
            "credential_created",
            vec![change(0, "created", "api_keys", "key-17")],
            vec![
                change(0, "deleted", "api_keys", "key-17"),
                change(1, "created", "routing_rule", "night"),
            ],
        ),
        of(
            "sign_in_failures",
            every(30, 10, try_to("login", AccessOutcome::Denied)),
            [
                every(30, 9, try_to("login", AccessOutcome::Denied)),
                vec![try_to("login", AccessOutcome::Allowed)(280, 0)],
            ]
            .concat(),
        ),
        of(
            "trail_exported",
            vec![try_to("export", AccessOutcome::Allowed)(0, 0)],
            vec![
                access(0, "export", AccessOutcome::Allowed, "203.0.113.7").by("audit-exporter"),
                try_to("login", AccessOutcome::Allowed)(1, 0),
            ],
        ),
    ]
}

fn trail() -> Vec<Scenario> {
    let start = |second: u64, service: &str| {
        let detail = json!({ "policy": "default", "recording": "on", "version": "0.1.0" });
        system(second, SystemEvent::Start, &detail).of_service(service)
    };
    vec![
        of(
            "records_lost",
            vec![system(
                0,
                SystemEvent::Gap,
                &json!({ "count": 12, "reason": "spool_full" }),
            )],
            vec![system(0, SystemEvent::Heartbeat, &json!({}))],
        ),
        of(
            "recording_switched_off",
            vec![system(
                0,
                SystemEvent::Configuration,
                &json!({ "recording": "off" }),
            )],
            vec![
                system(0, SystemEvent::Configuration, &json!({ "recording": "on" })),
                start(1, "shop"),
            ],
        ),
        of(
            "unauthenticated_records",
            vec![system(
                0,
                SystemEvent::Recovery,
                &json!({ "unsealed": 4_096 }),
            )],
            vec![system(0, SystemEvent::Recovery, &json!({ "unsealed": 37 }))],
        ),
        of(
            "restart_loop",
            every(60, 6, |second, _| start(second, "shop")),
            every(60, 6, |second, number| {
                start(second, &format!("shop-{number}"))
            }),
        ),
    ]
}
