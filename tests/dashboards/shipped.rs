//! The files as they are shipped.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use llm_audit::record::attribute;
use llm_audit::sanitize::Class;

use crate::grafana::{ALL, Dashboard, folder};
use crate::prometheus::{binary, shipped};
use crate::server::{InCi, named};

#[test]
fn the_dashboards_are_what_the_generator_makes() {
    let Some(packages) = named("LLM_AUDIT_TEST_GRAFANA_SDK", ".ci/grafana", InCi::Yes) else {
        return;
    };
    let made = tempfile::tempdir().unwrap();
    let output = Command::new("node")
        .arg(folder().join("../generator/generate.cjs"))
        .arg(made.path())
        .env("NODE_PATH", packages)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    let names = |folder| -> BTreeSet<_> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    };
    assert_eq!(names(made.path().to_owned()), names(folder()));
    for name in names(folder()) {
        let read = |folder: &std::path::Path| fs::read_to_string(folder.join(&name)).unwrap();
        assert!(
            read(made.path()) == read(&folder()),
            "{name:?} is not what the generator makes; .ci/grafana says how to make it again"
        );
    }
}

#[test]
fn every_panel_says_what_it_means_and_asks_the_source_that_was_chosen() {
    for name in ALL {
        let dashboard = Dashboard::read(name);
        let panels = dashboard.panels();
        assert!(panels.len() > 4, "{name}");
        let titles: BTreeSet<&str> = panels.iter().map(|panel| panel.title.as_str()).collect();
        assert_eq!(titles.len(), panels.len(), "{name}: a title is there twice");
        for panel in &panels {
            let (title, model) = (&panel.title, &panel.model);
            let description = model["description"].as_str().unwrap_or_default();
            assert!(description.ends_with('.'), "{name}: {title}");
            let listed = ["logs", "table"].iter().any(|kind| model["type"] == *kind);
            let unit = &model["fieldConfig"]["defaults"]["unit"];
            assert!(listed || unit.is_string(), "{name}: {title} has no unit");
            let kind = model["datasource"]["type"].as_str().unwrap();
            assert_eq!(model["datasource"]["uid"], format!("${{{kind}}}"));
            for target in model["targets"].as_array().unwrap() {
                assert_eq!(target["datasource"], model["datasource"], "{name}: {title}");
            }
        }
    }
}

#[test]
fn what_is_asked_of_spans_and_of_classes_is_there() {
    let traces = fs::read_to_string(folder().join("llm-traces.json")).unwrap();
    let mut asked = BTreeSet::new();
    for (at, start) in traces.match_indices("span.") {
        let rest = &traces[at + start.len()..];
        let end = rest.find(|next: char| !next.is_ascii_lowercase() && !"._".contains(next));
        asked.insert(&rest[..end.unwrap()]);
    }
    assert!(asked.len() > 4, "{asked:?}");
    for name in asked {
        let known = attribute::TABLE.iter().any(|row| row.name == name);
        assert!(known, "{name} is no attribute");
    }
    let found = Dashboard::read("llm-audit-trail").panels();
    let found = found.iter().find(|panel| panel.title == "Found by class");
    let targets = found.unwrap().model["targets"].as_array().unwrap();
    assert!(targets.len() > 4);
    for target in targets {
        let class: Class = target["legendFormat"].as_str().unwrap().parse().unwrap();
        let field = format!("llm_audit_sanitization_{}", class.as_str());
        assert!(target["expr"].as_str().unwrap().contains(&field));
    }
}

#[test]
fn no_panel_lies_over_another() {
    for name in ALL {
        let dashboard = Dashboard::read(name);
        let mut taken = BTreeSet::new();
        for panel in dashboard.model["panels"].as_array().unwrap() {
            let of = |side: &str| panel["gridPos"][side].as_u64().unwrap();
            assert!(of("x") + of("w") <= 24, "{name}: {}", panel["title"]);
            for x in of("x")..of("x") + of("w") {
                for y in of("y")..of("y") + of("h") {
                    assert!(taken.insert((x, y)), "{name}: {}", panel["title"]);
                }
            }
        }
    }
}

#[test]
fn the_tests_of_the_alerts_pass() {
    let Some(prometheus) = binary() else {
        return;
    };
    let promtool = prometheus.with_file_name("promtool");
    for arguments in [
        ["check", "config", "prometheus.yaml"],
        ["test", "rules", "alerts.test.yaml"],
    ] {
        let mut command = Command::new(&promtool);
        command.args(arguments).current_dir(shipped(""));
        let output = command.output().unwrap();
        let words = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{arguments:?}: {words}{output:?}");
    }
}

#[test]
fn every_alert_fires_in_a_test_and_says_what_to_do_and_how_bad_it_is() {
    let alerts = fs::read_to_string(shipped("alerts.yaml")).unwrap();
    let tests = fs::read_to_string(shipped("alerts.test.yaml")).unwrap();
    let rules: Vec<&str> = alerts.split("- alert: ").skip(1).collect();
    assert!(rules.len() >= 10);
    for rule in rules {
        let name = rule.lines().next().unwrap();
        for part in ["expr:", "severity:", "summary:", "description:"] {
            assert!(rule.contains(part), "{name} has no {part}");
        }
        let fires = format!("alertname=\"{name}\"");
        let shows = format!("alertname: {name}\n");
        assert!(tests.contains(&fires) || tests.contains(&shows), "{name}");
    }
    let silent = tests.matches("exp_samples: []").count();
    assert!(silent >= 5, "{silent}");
}
