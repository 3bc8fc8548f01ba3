//! Filters that are changed while the application runs: the canary notices, and notices the end of it.

use llm_audit::Auditor;
use llm_audit::record::SystemEvent;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, registry, reload};

use crate::{Calls, Outcome, case, until};

fn is_hidden(audit: &Auditor) -> bool {
    !audit.health().hidden.is_empty()
}

/// Sight is lost when the filter is closed, and is back when it is opened.
fn lost_and_back(audit: &Auditor, calls: &Calls<'_>, close: impl Fn(), open: impl Fn()) {
    audit.verify_installed().unwrap();
    calls.seen();
    until("a look", || !is_hidden(audit));
    close();
    until("the loss of sight", || is_hidden(audit));
    calls.hidden();
    let hidden = audit.health().hidden;
    assert!(hidden[0].starts_with("call ("), "{hidden:?}");
    let findings = audit.doctor();
    assert!(findings.iter().any(|finding| finding.check == "filters"));
    open();
    until("its end", || !is_hidden(audit));
    calls.seen();
}

fn told(outcome: &Outcome) {
    let sights: Vec<_> = outcome
        .trail
        .system(SystemEvent::Configuration)
        .into_iter()
        .map(|detail| detail["sight"].clone())
        .collect();
    assert_eq!(sights, ["lost", "back"]);
    let lines = ["calls are made without a record", "calls are seen again"];
    for line in lines {
        let count = outcome.stderr.matches(line).count();
        assert_eq!(count, 1, "{line}: {}", outcome.stderr);
    }
    assert_eq!(outcome.trail.count("success"), 2);
}

#[test]
fn a_filter_beside_the_layer_that_is_closed_at_run_time_is_noticed() {
    let outcome = case(
        "changed::a_filter_beside_the_layer_that_is_closed_at_run_time_is_noticed",
        &[],
        |audit, calls| {
            let (filter, handle) = reload::Layer::new(EnvFilter::new("info"));
            registry().with(filter).with(audit.layer()).init();
            let set = |level| handle.reload(EnvFilter::new(level)).unwrap();
            lost_and_back(audit, calls, || set("off"), || set("info"));
        },
    );
    outcome.iter().for_each(told);
}

#[test]
fn a_filter_around_the_layer_that_is_closed_at_run_time_is_noticed() {
    let outcome = case(
        "changed::a_filter_around_the_layer_that_is_closed_at_run_time_is_noticed",
        &[],
        |audit, calls| {
            let (filter, handle) = reload::Layer::new(LevelFilter::INFO);
            let other = tracing_subscriber::fmt::layer().with_filter(LevelFilter::INFO);
            let ours = audit.layer().with_filter(filter);
            registry().with(ours).with(other).init();
            let set = |level| handle.reload(level).unwrap();
            let (off, info) = (LevelFilter::OFF, LevelFilter::INFO);
            lost_and_back(audit, calls, || set(off), || set(info));
        },
    );
    outcome.iter().for_each(told);
}

#[test]
fn a_layer_that_is_taken_out_of_its_subscriber_is_missed() {
    case(
        "changed::a_layer_that_is_taken_out_of_its_subscriber_is_missed",
        &[],
        |audit, calls| {
            let (layer, handle) = reload::Layer::new(Some(audit.layer()));
            registry().with(layer).init();
            calls.hidden();
            until("a look", || !is_hidden(audit));
            handle.reload(None).unwrap();
            until("the loss of sight", || is_hidden(audit));
            let hidden = audit.health().hidden;
            assert!(hidden[0].contains("taken out"), "{hidden:?}");
            handle.reload(Some(audit.layer())).unwrap();
            calls.hidden();
            until("its end", || !is_hidden(audit));
        },
    );
}

#[test]
fn a_filter_that_lets_only_the_check_through_is_noticed_at_the_first_call() {
    case(
        "changed::a_filter_that_lets_only_the_check_through_is_noticed_at_the_first_call",
        &[],
        |audit, calls| {
            let filter = EnvFilter::new("off,llm_audit=info");
            registry().with(filter).with(audit.layer()).init();
            audit.verify_installed().unwrap();
            assert!(!is_hidden(audit));
            calls.hidden();
            until("the loss of sight", || is_hidden(audit));
        },
    );
}

#[test]
fn a_subscriber_that_is_gone_hides_nothing() {
    case(
        "changed::a_subscriber_that_is_gone_hides_nothing",
        &[],
        |audit, calls| {
            for _ in 0..3 {
                let subscriber = registry().with(audit.layer());
                tracing::subscriber::with_default(subscriber, || calls.seen());
            }
            registry().with(audit.layer()).init();
            calls.seen();
            assert!(!is_hidden(audit));
        },
    );
}
