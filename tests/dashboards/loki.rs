//! Loki itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::server::{InCi, Server, free_port, named};

/// A Loki that runs until this is dropped.
pub(crate) struct Loki {
    server: Server,
    port: u16,
    _data: TempDir,
}

/// What Loki answers.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Lines, each with its fields.
    Lines(Vec<BTreeMap<String, String>>),
    /// Values by their labels.
    Values(Vec<(BTreeMap<String, String>, f64)>),
}

impl Loki {
    /// None, and said loudly, where `LLM_AUDIT_TEST_LOKI` does not name it.
    pub(crate) fn running() -> Option<Self> {
        let binary = named("LLM_AUDIT_TEST_LOKI", ".ci/loki", InCi::No)?;
        let data = tempfile::tempdir().unwrap();
        let port = free_port();
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dashboards/loki.yaml");
        let mut command = Command::new(binary);
        command
            .arg(format!("-config.file={}", config.display()))
            .arg("-config.expand-env=true")
            .env("PORT", port.to_string())
            .env("GRPC_PORT", free_port().to_string())
            .env("FOLDER", data.path());
        Some(Self {
            server: Server::start(command, port, "/ready"),
            port,
            _data: data,
        })
    }

    /// Where it takes OTLP.
    pub(crate) fn otlp(&self) -> String {
        format!("http://127.0.0.1:{}/otlp", self.port)
    }

    /// What a query finds now.
    pub(crate) fn ask(&self, query: &str, kind: &str) -> Answer {
        let path = match kind {
            "instant" => "/loki/api/v1/query",
            _ => "/loki/api/v1/query_range",
        };
        let answer = self.server.get(
            path,
            &[("query", query), ("since", "1h"), ("limit", "1000")],
        );
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        let results = answer["data"]["result"].as_array().unwrap().iter();
        let labels = |of: &Value| -> BTreeMap<String, String> {
            serde_json::from_value(of.clone()).unwrap()
        };
        let number = |value: &Value| value[1].as_str().unwrap().parse().unwrap();
        match answer["data"]["resultType"].as_str().unwrap() {
            "streams" => {
                let lines = results.flat_map(|stream| {
                    let lines = stream["values"].as_array().unwrap().len();
                    std::iter::repeat_n(labels(&stream["stream"]), lines)
                });
                Answer::Lines(lines.collect())
            }
            "vector" => {
                let values = results.map(|one| (labels(&one["metric"]), number(&one["value"])));
                Answer::Values(values.collect())
            }
            _ => {
                let last = |one: &Value| number(one["values"].as_array().unwrap().last().unwrap());
                let values = results.map(|one| (labels(&one["metric"]), last(one)));
                Answer::Values(values.collect())
            }
        }
    }
}
