//! What is refused: modes without a meaning, and calls beyond the limit of open ones.

use std::collections::BTreeMap;

use llm_audit::failure::{Durability, OnFailure};
use llm_audit::{AuditSpanExt as _, BuildError, CallStart, Drained};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::application::{PATIENCE, a_call, lines};
use crate::refusal;
use crate::trail::Trail;

#[test]
fn modes_without_a_meaning_are_refused_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let builder = || lines(directory.path());
    let cases = [
        (
            builder().layer_on_failure(OnFailure::FailClosed),
            "layer_on_failure",
            "Auditor::start",
        ),
        (
            builder().durability(Durability::Strict),
            "durability",
            "guard_durability",
        ),
        (builder().open_calls(0), "open_calls", "at least 1"),
    ];
    for (builder, wanted, advice) in cases {
        match builder.build().unwrap_err() {
            BuildError::Setting { setting, fault } => {
                assert_eq!(setting, wanted);
                assert!(fault.contains(advice), "{fault}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn calls_beyond_the_limit_of_open_ones_are_refused_or_counted() {
    let directory = tempfile::tempdir().unwrap();
    let audit = lines(directory.path()).open_calls(2).build().unwrap();
    let subscriber = tracing_subscriber::registry().with(audit.layer());
    let open = [(); 2].map(|()| audit.start(CallStart::new("chat")).unwrap());
    assert_eq!(refusal(&audit), Some("too_many_open_calls"));
    let health = audit.health();
    assert_eq!(health.dropped, 0, "what is refused is not lost");
    assert_eq!(health.calls_refused, 1);
    let counted = CallStart::new("chat").on_failure(OnFailure::DropAndCount);
    audit.start(counted).unwrap().finish().unwrap();
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("call", gen_ai.operation.name = "chat");
        assert!(span.audit_user("anna").is_err(), "it is not audited");
    });
    let health = audit.health();
    assert_eq!((health.dropped, health.calls_refused), (2, 1));
    for call in open {
        call.finish().unwrap();
    }
    let id = a_call(&audit);
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let trail = Trail::of_lines(directory.path());
    assert_eq!(
        (trail.status(id), trail.count("success")),
        (Some("success"), 3)
    );
    let told = BTreeMap::from([("too_many_open_calls".to_owned(), 2)]);
    assert_eq!((trail.gaps(), trail.missing()), (told, BTreeMap::new()));
}
