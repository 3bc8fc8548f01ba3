//! What a call allocates on its caller's thread.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../benches/overhead/call.rs"]
#[allow(dead_code, reason = "the benches make it too")]
mod call;

use std::fmt::Write as _;

use call::call;
use llm_audit::Auditor;
use llm_audit::policy::Policy;
use tracing_subscriber::layer::SubscriberExt as _;

#[test]
fn a_call_with_plain_fields_and_a_text_prompt_allocates_nothing_in_the_long_run() {
    check(Policy::builtin());
}

#[test]
fn a_policy_of_a_hundred_rules_decides_without_an_allocation() {
    let mut rules = "version = 1\n".to_owned();
    for at in 0..99 {
        let when = format!("model = ['claude-*-{at}', 'gpt-{at}*'], tenant = 'acme'");
        writeln!(rules, "[[rule]]\nname = '{at}'\nwhen = {{ {when} }}").unwrap();
    }
    rules += "[[rule]]\nname = 'last'\nwhen.user = '*@example.com'\nuser = 'hash'\n";
    check(rules.parse().unwrap());
}

fn check(policy: Policy) {
    let directory = tempfile::tempdir().unwrap();
    let audit = Auditor::builder()
        .service("tests")
        .data_dir(directory.path())
        .generate_keyring()
        .policy(policy)
        .without_sender()
        .json_lines()
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(audit.layer());
    tracing::subscriber::with_default(subscriber, || {
        (0..CALLS).for_each(call);
        let counted = allocation_counter::measure(|| (0..CALLS).for_each(call));
        // Tables that grow with what is open or not delivered yet grow now and then.
        assert!(
            counted.count_total < CALLS / 50,
            "{} allocations of {} bytes in {CALLS} calls",
            counted.count_total,
            counted.bytes_total
        );
    });
    let health = audit.health();
    assert_eq!(health.dropped, 0);
    assert!(health.spooled >= 2 * CALLS, "{} records", health.spooled);
}

const CALLS: u64 = 500;
