//! The dashboard of the trail, asked of Loki behind a real collector, after an application's work.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::application::{Application, TOKEN};
use crate::collector::Collector;
use crate::grafana::Dashboard;
use crate::loki::{Answer, Loki};
use crate::server::wait_until;
use crate::sums::sum;

#[test]
fn the_dashboard_of_the_trail_shows_what_the_records_say() {
    let Some(collector) = Collector::absent() else {
        return;
    };
    let Some(loki) = Loki::running() else {
        return;
    };
    let otlp = loki.otlp();
    let nowhere = "http://127.0.0.1:9";
    let variables = [
        ("LLM_AUDIT_INGEST_TOKEN", TOKEN),
        ("LLM_AUDIT_LOKI", otlp.as_str()),
        ("LLM_AUDIT_PROMETHEUS", nowhere),
        ("LLM_AUDIT_TEMPO", nowhere),
    ];
    let mut collector = collector.configured("destinations/grafana.yaml", &variables);
    collector.start();
    let application = Application::before(&collector);
    application.work();
    let recorded = application.end_and_lose(LOST, &collector);
    let everything = "sum(count_over_time({service_name=~\".+\"} [1h]))";
    let records = recorded.records.len() as f64;
    wait_until(
        "all records are there",
        || matches!(loki.ask(everything, "instant"), Answer::Values(values) if values.first().is_some_and(|(_, count)| *count == records)),
    );

    let answers = answers(&loki);
    let of = |panel: &str| answers.get(panel).unwrap_or_else(|| panic!("{panel}"));
    let calls = recorded.calls();
    let count = |name: &str, value: &str| {
        let fitting = calls
            .iter()
            .filter(|call| call.get(name).is_some_and(|has| has == value));
        fitting.count() as f64
    };
    for (panel, expected) in [
        ("Calls", calls.len() as f64),
        ("Failed", count("llm_audit.status", "error")),
        ("Blocked", count("llm_audit.status", "blocked")),
        ("Cost", sum(&calls, "llm_audit.cost.exact")),
        (
            "Values sanitized",
            sum(&calls, "llm_audit.sanitization.count"),
        ),
        ("Gaps", 1.0),
        ("Records lost by reason", LOST as f64),
    ] {
        assert_near(total(of(panel)), expected, panel);
    }
    for (panel, by, attribute) in [
        ("Cost by user", "user.id", "llm_audit.cost.exact"),
        (
            "Cost by model",
            "gen_ai.request.model",
            "llm_audit.cost.exact",
        ),
        ("Cost by user and model", "user.id", "llm_audit.cost.exact"),
        ("Tokens by user", "user.id", "gen_ai.usage.output_tokens"),
        ("Found by user", "user.id", "llm_audit.sanitization.count"),
    ] {
        check_by(of(panel), &calls, by, attribute, panel);
    }
    let classes = ["email", "ip_address"].map(|class| format!("llm_audit.sanitization.{class}"));
    let found = classes.iter().map(|class| sum(&calls, class)).sum();
    assert_near(total(of("Found by class")), found, "classes");
    for (panel, expected) in [
        ("Changes", 1),
        ("Accesses that were denied or failed", 1),
        ("Failed and blocked calls", 2),
        ("Records of calls", calls.len()),
    ] {
        assert_eq!(lines(of(panel)).len(), expected, "{panel}");
    }
    assert!(!lines(of("The trail about itself")).is_empty());
    assert!(total(of("Calls by status")) > 0.0 && total(of("Errors and blocks by reason")) > 0.0);
    check_columns(lines(of("Records of calls")));
}

/// What the queries of each panel of the dashboard find in the last hour.
fn answers(loki: &Loki) -> BTreeMap<String, Vec<Answer>> {
    let dashboard = Dashboard::read("llm-audit-trail");
    let panels = dashboard.panels().into_iter();
    panels
        .map(|panel| {
            let targets = panel.model["targets"].as_array().unwrap().iter();
            let kinds = targets.map(|target| target["queryType"].as_str().unwrap());
            let asked = panel
                .queries
                .iter()
                .zip(kinds)
                .map(|(query, kind)| loki.ask(&dashboard.asked(query, "1h"), kind));
            (panel.title.clone(), asked.collect())
        })
        .collect()
}

/// Sums by user, or by model, are those of the records.
fn check_by(
    answers: &[Answer],
    calls: &[&Map<String, Value>],
    by: &str,
    attribute: &str,
    panel: &str,
) {
    let label = by.replace('.', "_");
    let mut shown: BTreeMap<&str, f64> = BTreeMap::new();
    for (labels, value) in values(answers) {
        let name = labels.get(&label).map_or("", String::as_str);
        *shown.entry(name).or_default() += value;
    }
    assert!(shown.len() > 1, "{panel}: {shown:?}");
    for (name, value) in shown {
        let of_name = |call: &&Map<String, Value>| call.get(by).is_some_and(|has| has == name);
        let calls: Vec<_> = calls.iter().copied().filter(of_name).collect();
        assert_near(value, sum(&calls, attribute), panel);
    }
}

/// Each column of the table is a field that some record has.
fn check_columns(lines: Vec<&BTreeMap<String, String>>) {
    let dashboard = Dashboard::read("llm-audit-trail");
    let mut panels = dashboard.panels().into_iter();
    let table = panels
        .find(|panel| panel.title == "Records of calls")
        .unwrap();
    let organize = &table.model["transformations"][1]["options"]["includeByName"];
    let shown = organize
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| *name != "Time");
    let there: BTreeSet<&String> = lines.iter().flat_map(|fields| fields.keys()).collect();
    let absent: Vec<_> = shown.filter(|name| !there.contains(name)).collect();
    assert!(absent.is_empty(), "{absent:?} of {there:?}");
}

fn total(answers: &[Answer]) -> f64 {
    values(answers).iter().map(|(_, value)| value).sum()
}

fn values(answers: &[Answer]) -> Vec<(&BTreeMap<String, String>, f64)> {
    let all = answers.iter().flat_map(|answer| match answer {
        Answer::Values(values) => values,
        Answer::Lines(lines) => panic!("{lines:?}"),
    });
    all.map(|(labels, value)| (labels, *value)).collect()
}

fn lines(answers: &[Answer]) -> Vec<&BTreeMap<String, String>> {
    let all = answers.iter().flat_map(|answer| match answer {
        Answer::Lines(lines) => lines,
        Answer::Values(values) => panic!("{values:?}"),
    });
    all.collect()
}

fn assert_near(value: f64, expected: f64, what: &str) {
    assert!(
        (value - expected).abs() < 1e-9,
        "{what}: {value}, not {expected}"
    );
}

/// Records that are lost.
const LOST: usize = 3;
