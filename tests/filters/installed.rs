//! Filters that are there when the application starts: `verify_installed` names them.

use llm_audit::NotInstalled;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt, registry, reload};

use crate::case;

#[test]
fn without_a_subscriber_nobody_sees_anything() {
    case(
        "installed::without_a_subscriber_nobody_sees_anything",
        &[],
        |audit, _| assert_eq!(audit.verify_installed(), Err(NotInstalled::NoSubscriber)),
    );
}

#[test]
fn a_variable_that_switches_everything_off_is_named() {
    let outcome = case(
        "installed::a_variable_that_switches_everything_off_is_named",
        &[("RUST_LOG", "off")],
        |audit, calls| {
            let filter = EnvFilter::from_default_env();
            registry().with(filter).with(audit.layer()).init();
            let told = audit.verify_installed().unwrap_err();
            let level = LevelFilter::OFF;
            assert_eq!(told, NotInstalled::Filtered { level });
            assert!(told.to_string().contains(".with_filter(..)"), "{told}");
            calls.hidden();
        },
    );
    if let Some(outcome) = outcome {
        assert_eq!(outcome.trail.count("unknown"), 0);
    }
}

#[test]
fn a_filter_of_the_layer_itself_is_named() {
    case(
        "installed::a_filter_of_the_layer_itself_is_named",
        &[],
        |audit, calls| {
            let filtered = audit.layer().with_filter(LevelFilter::WARN);
            registry().with(filtered).with(fmt::layer()).init();
            assert_eq!(audit.verify_installed(), Err(NotInstalled::OwnFilter));
            calls.hidden();
        },
    );
}

#[test]
fn filters_of_other_layers_hide_nothing() {
    let outcome = case(
        "installed::filters_of_other_layers_hide_nothing",
        &[("RUST_LOG", "off")],
        |audit, calls| {
            let off = fmt::layer().with_filter(EnvFilter::from_default_env());
            let none = fmt::layer().with_filter(LevelFilter::OFF);
            registry().with(off).with(audit.layer()).with(none).init();
            audit.verify_installed().unwrap();
            calls.seen();
        },
    );
    assert_eq!(outcome.map_or(1, |outcome| outcome.calls), 1);
}

#[test]
fn a_filter_of_the_layer_that_lets_calls_through_hides_nothing() {
    case(
        "installed::a_filter_of_the_layer_that_lets_calls_through_hides_nothing",
        &[],
        |audit, calls| {
            let filtered = audit.layer().with_filter(EnvFilter::new("info"));
            registry().with(filtered).init();
            audit.verify_installed().unwrap();
            calls.seen();
        },
    );
}

#[test]
fn a_reload_layer_around_ours_hides_it_from_the_application_and_it_records_all_the_same() {
    let outcome = case(
        "installed::a_reload_layer_around_ours_hides_it_from_the_application_and_it_records_all_the_same",
        &[],
        |audit, calls| {
            let (layer, _handle) = reload::Layer::new(audit.layer());
            registry().with(layer).init();
            let told = audit.verify_installed().unwrap_err();
            assert_eq!(told, NotInstalled::NoLayer);
            assert!(told.to_string().contains("outside of any reload layer"));
            calls.hidden();
        },
    );
    if let Some(outcome) = outcome {
        assert_eq!(outcome.trail.count("unknown"), 1, "nothing was told of it");
    }
}

#[test]
fn a_subscriber_of_another_thread_is_not_that_of_this_one() {
    case(
        "installed::a_subscriber_of_another_thread_is_not_that_of_this_one",
        &[],
        |audit, calls| {
            std::thread::scope(|scope| {
                let other = scope.spawn(|| {
                    let subscriber = registry().with(audit.layer());
                    tracing::subscriber::with_default(subscriber, || {
                        audit.verify_installed().unwrap();
                        calls.seen();
                    });
                });
                other.join().unwrap();
            });
            assert_eq!(audit.verify_installed(), Err(NotInstalled::NoSubscriber));
        },
    );
}

#[test]
fn of_two_subscribers_the_one_in_force_counts() {
    let outcome = case(
        "installed::of_two_subscribers_the_one_in_force_counts",
        &[],
        |audit, calls| {
            registry().with(audit.layer()).init();
            audit.verify_installed().unwrap();
            calls.seen();
            tracing::subscriber::with_default(registry().with(fmt::layer()), || {
                assert_eq!(audit.verify_installed(), Err(NotInstalled::NoLayer));
                calls.hidden();
            });
            tracing::subscriber::with_default(registry().with(audit.layer()), || {
                audit.verify_installed().unwrap();
                calls.seen();
            });
            calls.seen();
        },
    );
    if let Some(outcome) = outcome {
        assert_eq!((outcome.calls, outcome.trail.count("success")), (3, 3));
    }
}

#[test]
fn records_of_the_log_crate_change_no_call() {
    let outcome = case(
        "installed::records_of_the_log_crate_change_no_call",
        &[],
        |audit, calls| {
            // This is also what makes events of the log crate's records.
            registry().with(audit.layer()).with(fmt::layer()).init();
            audit.verify_installed().unwrap();
            let span = tracing::info_span!("around");
            span.in_scope(|| log::error!(target: "elsewhere", "an error of somebody else"));
            calls.seen();
            let call = tracing::info_span!("call", gen_ai.operation.name = "chat");
            call.in_scope(|| log::error!("an error of somebody else"));
        },
    );
    if let Some(outcome) = outcome {
        assert!(outcome.stderr.contains("an error of somebody else"));
        let statuses = ["success", "unknown", "error"];
        let counts = statuses.map(|status| outcome.trail.count(status));
        assert_eq!(counts, [1, 1, 0], "a log record is no error of a call");
    }
}
