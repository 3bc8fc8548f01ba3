//! The dashboard of metrics and the alerts, asked of Prometheus behind a real collector, after an application's work.

use serde_json::{Map, Value};

use crate::application::{Application, TOKEN};
use crate::collector::Collector;
use crate::grafana::Dashboard;
use crate::prometheus::{Prometheus, Values};
use crate::recorded::Recorded;
use crate::server::{InCi, named, wait_until};
use crate::sums::sum;

#[test]
fn panels_and_alerts_tell_what_happened_where_metrics_go_by_otlp() {
    let Some(collector) = Collector::absent() else {
        return;
    };
    let Some(prometheus) = Prometheus::running() else {
        return;
    };
    let otlp = prometheus.otlp();
    // For records and spans there is somebody who refuses them for good.
    let refuses = format!("{otlp}/of-something-else");
    let mut variables = own_metrics(&prometheus);
    variables.push(("LLM_AUDIT_PROMETHEUS", &otlp));
    variables.push(("LLM_AUDIT_TEMPO", &refuses));
    variables.push(("LLM_AUDIT_LOKI", &refuses));
    let collector = collector.configured("destinations/grafana.yaml", &variables);
    let empty = check(collector, &prometheus);
    // No queue was full.
    assert_eq!(empty, [NOT_HANDED_ON]);
    let fires = r#"ALERTS{alertname="LlmCollectorExportFailed", alertstate="firing"}"#;
    wait_until("the alert fires", || {
        prometheus
            .evaluate(fires)
            .keys()
            .any(|labels| labels.contains("otlp_http/loki"))
    });
}

#[test]
fn panels_and_alerts_tell_what_happened_where_metrics_are_scraped() {
    let variable = "LLM_AUDIT_TEST_COLLECTOR_FULL";
    let Some(full) = named(variable, "`.ci/collector full`", InCi::No) else {
        return;
    };
    let Some(prometheus) = Prometheus::running() else {
        return;
    };
    let mut variables = own_metrics(&prometheus);
    variables.push(("LLM_AUDIT_PROMETHEUS_SCRAPE", &prometheus.scraped[0]));
    let collector = Collector::of(&full).configured("destinations/metrics.yaml", &variables);
    let empty = check(collector, &prometheus);
    // None of its exporters has a queue.
    assert_eq!(empty, [QUEUES, NOT_HANDED_ON, NOT_HANDED_ON, NOT_HANDED_ON]);
}

/// Has an application work before a collector, looks at all that Prometheus is asked, and returns the panels of queries that
/// found nothing.
fn check(mut collector: Collector, prometheus: &Prometheus) -> Vec<String> {
    collector.start();
    let application = Application::before(&collector);
    application.report();
    application.work();
    application.report();
    let calls = "sum(gen_ai_client_operation_duration_seconds_count)";
    wait_until("all calls are measured", || {
        prometheus.value(calls) == CALLS
    });
    wait_until("the collector has counted spans", || {
        application.report();
        prometheus.value("sum(llm_audit_calls_total)") == CALLS
    });
    wait_until("the collector tells of what it refused", || {
        prometheus
            .metrics()
            .iter()
            .any(|metric| metric.starts_with("otelcol_receiver_refused"))
    });
    wait_until("the alerts are evaluated", || {
        let mut rules = prometheus.rules().into_iter();
        rules.all(|rule| rule["health"] != "unknown")
    });
    for rule in prometheus.rules() {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
    let answers = answers(prometheus);
    check_numbers(&answers, &application.end(), prometheus);
    let empty = answers
        .into_iter()
        .filter(|(panel, values)| values.is_empty() && panel != SOMETIMES);
    empty.map(|(panel, _)| panel).collect()
}

/// What each query of each panel of the dashboard is answered with, for the last five minutes.
fn answers(prometheus: &Prometheus) -> Answers {
    let dashboard = Dashboard::read("llm-calls");
    let mut answers = Answers::new();
    for panel in dashboard.panels() {
        for query in &panel.queries {
            let values = prometheus.evaluate(&dashboard.asked(query, "5m"));
            answers.push((panel.title.clone(), values));
        }
    }
    answers
}

/// What the panels show is what the records say. Prometheus extends what it saw to the ends of a range, so panels are a
/// little above; its counters are exact.
fn check_numbers(answers: &Answers, recorded: &Recorded, prometheus: &Prometheus) {
    let calls = recorded.calls();
    let inferences = |model: &str| {
        let of_model = |call: &&Map<String, Value>| {
            call["gen_ai.operation.name"] == "chat" && call["gen_ai.request.model"] == model
        };
        calls.iter().copied().filter(of_model).collect::<Vec<_>>()
    };
    let mut totals = [0.0; 4];
    for model in ["claude-sonnet-4-5", "gpt-4o"] {
        let inferences = inferences(model);
        let expected = [
            inferences.len() as f64,
            sum(&inferences, "gen_ai.usage.input_tokens"),
            sum(&inferences, "gen_ai.usage.output_tokens"),
            sum(&inferences, "llm_audit.cost.exact"),
        ];
        let columns = answers
            .iter()
            .filter(|(panel, _)| panel == "By provider and model");
        for ((_, values), expected) in columns.zip(expected) {
            let (_, value) = values
                .iter()
                .find(|(labels, _)| labels.contains(model))
                .unwrap();
            assert_near(*value, expected, model);
        }
        let counter = format!("sum(llm_audit_cost_usd_total{{gen_ai_request_model=\"{model}\"}})");
        assert!((prometheus.value(&counter) - expected[3]).abs() < 1e-9);
        for (total, of_model) in totals.iter_mut().zip(expected) {
            *total += of_model;
        }
    }
    let [count, input, output, cost] = totals;
    let of_status = |status: &str| {
        let calls = calls
            .iter()
            .filter(|call| call["llm_audit.status"] == status);
        calls.count() as f64
    };
    assert_near(only(answers, "Calls"), count, "calls");
    assert_near(only(answers, "Cost"), cost, "cost");
    assert_near(
        only(answers, "Failed"),
        of_status("error") / count,
        "failed",
    );
    assert_near(only(answers, "Blocked"), of_status("blocked"), "blocked");
    assert_eq!(only(answers, "Records lost"), 0.0);
    for (kind, expected) in [("input", input), ("output", output)] {
        let counter = format!("sum(gen_ai_client_token_usage_sum{{gen_ai_token_type=\"{kind}\"}})");
        assert_eq!(prometheus.value(&counter), expected, "{kind}");
    }
    let found = "sum(llm_audit_sanitization_matches_total)";
    assert_eq!(
        prometheus.value(found),
        sum(&calls, "llm_audit.sanitization.count")
    );
    let written = "sum(llm_audit_record_written_total{llm_audit_kind=\"call\"})";
    assert_eq!(prometheus.value(written), calls.len() as f64);
}

/// The one number of a panel.
fn only(answers: &Answers, panel: &str) -> f64 {
    let (_, values) = answers.iter().find(|(title, _)| title == panel).unwrap();
    assert_eq!(values.len(), 1, "{panel}: {values:?}");
    *values.values().next().unwrap()
}

fn assert_near(value: f64, expected: f64, what: &str) {
    assert!(expected > 0.0, "{what}");
    let share = value / expected;
    assert!(
        (0.99..1.25).contains(&share),
        "{what}: {value}, not {expected}"
    );
}

/// What has the collector tell of itself where this Prometheus asks.
fn own_metrics(prometheus: &Prometheus) -> Vec<(&'static str, &str)> {
    let (_, port) = prometheus.scraped[1].split_once(':').unwrap();
    vec![
        ("LLM_AUDIT_INGEST_TOKEN", TOKEN),
        ("LLM_AUDIT_COLLECTOR_METRICS", "normal"),
        ("LLM_AUDIT_COLLECTOR_METRICS_PORT", port),
    ]
}

/// The title of a panel and what one of its queries found.
type Answers = Vec<(String, Values)>;

/// Calls that the application makes, with its agent.
const CALLS: f64 = 8.0;
const NOT_HANDED_ON: &str = "What the collector could not hand on";
const QUEUES: &str = "Queues of exporters";
/// It is empty where no record waits at the moment.
const SOMETIMES: &str = "Oldest unsent record";
