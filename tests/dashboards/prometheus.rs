//! Prometheus itself, with `collector-config/prometheus/prometheus.yaml` and its alerts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::server::{InCi, Server, free_port, named};

/// A Prometheus that runs until this is dropped.
pub(crate) struct Prometheus {
    server: Server,
    port: u16,
    /// Where the collector serves what it makes, and its own metrics.
    pub(crate) scraped: [String; 2],
    _data: TempDir,
}

/// Values by their labels, as one text.
pub(crate) type Values = BTreeMap<String, f64>;

impl Prometheus {
    pub(crate) fn running() -> Option<Self> {
        let binary = binary()?;
        let data = tempfile::tempdir().unwrap();
        let port = free_port();
        let scraped = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        let mut command = Command::new(binary);
        command
            .arg(format!(
                "--config.file={}",
                configuration(data.path(), &scraped).display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                data.path().join("tsdb").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(options());
        Some(Self {
            server: Server::start(command, port, "/-/ready"),
            port,
            scraped,
            _data: data,
        })
    }

    /// Where it takes OTLP.
    pub(crate) fn otlp(&self) -> String {
        format!("http://127.0.0.1:{}/api/v1/otlp", self.port)
    }

    /// What an expression is now.
    pub(crate) fn evaluate(&self, expression: &str) -> Values {
        let answer = self.server.get("/api/v1/query", &[("query", expression)]);
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let data = &answer["data"];
        assert_eq!(data["resultType"], "vector", "{expression}");
        let samples = data["result"].as_array().unwrap().iter();
        let sample = |sample: &Value| {
            let value = sample["value"][1].as_str().unwrap().parse().unwrap();
            (sample["metric"].to_string(), value)
        };
        samples.map(sample).collect()
    }

    /// The one value that an expression has now; 0 where it has none.
    pub(crate) fn value(&self, expression: &str) -> f64 {
        let values = self.evaluate(expression);
        assert!(values.len() < 2, "{expression}: {values:?}");
        values.into_values().next().unwrap_or(0.0)
    }

    /// The names of all metrics that it has.
    pub(crate) fn metrics(&self) -> Vec<String> {
        let answer = self.server.get("/api/v1/label/__name__/values", &[]);
        serde_json::from_value(answer["data"].clone()).unwrap()
    }

    /// The rules that it evaluates.
    pub(crate) fn rules(&self) -> Vec<Value> {
        let answer = self.server.get("/api/v1/rules", &[]);
        let groups = answer["data"]["groups"].as_array().unwrap().iter();
        groups
            .flat_map(|group| group["rules"].as_array().unwrap().clone())
            .collect()
    }
}

/// None, and said loudly, where `LLM_AUDIT_TEST_PROMETHEUS` does not name it.
pub(crate) fn binary() -> Option<PathBuf> {
    named("LLM_AUDIT_TEST_PROMETHEUS", ".ci/prometheus", InCi::Yes)
}

/// The file that is shipped, with addresses and intervals of a test.
fn configuration(folder: &Path, scraped: &[String; 2]) -> PathBuf {
    let mut text = fs::read_to_string(shipped("prometheus.yaml")).unwrap();
    let alerts = shipped("alerts.yaml").display().to_string();
    for (shipped, ours) in [
        ("127.0.0.1:9464", scraped[0].as_str()),
        ("127.0.0.1:8888", &scraped[1]),
        ("[alerts.yaml]", &format!("[{alerts}]")),
        ("scrape_interval: 15s", "scrape_interval: 1s"),
        ("evaluation_interval: 15s", "evaluation_interval: 1s"),
    ] {
        assert!(text.contains(shipped), "{shipped}");
        text = text.replace(shipped, ours);
    }
    let path = folder.join("prometheus.yaml");
    fs::write(&path, text).unwrap();
    path
}

/// The options that the file says to start Prometheus with.
fn options() -> Vec<String> {
    let text = fs::read_to_string(shipped("prometheus.yaml")).unwrap();
    let comment = text.lines().take_while(|line| line.starts_with('#'));
    let words = comment.flat_map(str::split_whitespace);
    let options: Vec<String> = words
        .filter(|word| word.starts_with("--") && !word.starts_with("--config"))
        .map(str::to_owned)
        .collect();
    assert_eq!(options.len(), 2, "{options:?}");
    options
}

/// A file of `collector-config/prometheus`.
pub(crate) fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("collector-config/prometheus")
        .join(name)
}
