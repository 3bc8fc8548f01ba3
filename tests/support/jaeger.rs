//! Jaeger itself, with `collector-config/backends/jaeger.yaml`, and its query API.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use crate::collector::ready;

/// A Jaeger, running or not. Its address stays the same from one life to the next; what it holds, in memory, does not.
pub(crate) struct Jaeger {
    binary: PathBuf,
    ports: [u16; 3],
    running: Option<Child>,
}

/// A span as the query API shows it.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) parent: Option<String>,
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) start_micros: u64,
    pub(crate) duration_micros: u64,
    /// Type and value of each tag.
    pub(crate) tags: Map<String, Value>,
    pub(crate) warnings: Value,
}

impl Jaeger {
    /// One that is not running. None, and said loudly, where `LLM_AUDIT_TEST_JAEGER` does not name the binary; an error
    /// where `CI` is `true`.
    pub(crate) fn absent() -> Option<Self> {
        let Some(binary) = std::env::var_os("LLM_AUDIT_TEST_JAEGER") else {
            let strict = std::env::var_os("CI").is_some_and(|ci| ci == "true");
            assert!(!strict, "LLM_AUDIT_TEST_JAEGER is not set");
            println!("SKIPPED: set LLM_AUDIT_TEST_JAEGER to what .ci/jaeger prints");
            return None;
        };
        let free = || TcpListener::bind("127.0.0.1:0").unwrap();
        let held = [free(), free(), free()];
        Some(Self {
            binary: binary.into(),
            ports: held.map(|listener| listener.local_addr().unwrap().port()),
            running: None,
        })
    }

    pub(crate) fn running() -> Option<Self> {
        let mut jaeger = Self::absent()?;
        jaeger.start();
        Some(jaeger)
    }

    /// Starts it; returns when it says that it is ready.
    pub(crate) fn start(&mut self) {
        let [otlp, query, query_grpc] = self.ports.map(|port| format!("127.0.0.1:{port}"));
        let config =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("collector-config/backends/jaeger.yaml");
        let mut command = Command::new(&self.binary);
        command
            .arg("--config")
            .arg(config)
            .env("LLM_AUDIT_JAEGER", otlp)
            .env("LLM_AUDIT_JAEGER_QUERY", query)
            .env("LLM_AUDIT_JAEGER_QUERY_GRPC", query_grpc);
        self.running = Some(ready(&mut command));
    }

    /// Where it takes spans: host and port.
    pub(crate) fn otlp(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0])
    }

    /// The services that it has spans of.
    pub(crate) fn services(&self) -> Vec<String> {
        let services = self.get("/api/services");
        let mut services: Vec<String> =
            serde_json::from_value(services["data"].clone()).unwrap_or_default();
        services.sort();
        services
    }

    /// The spans in all traces that a search finds, such as `service` and `tags`, a JSON object.
    pub(crate) fn search(&self, query: &[(&str, &str)]) -> Vec<Shown> {
        let mut path = "/api/traces?limit=10000".to_owned();
        for (name, value) in query {
            write!(path, "&{name}=").unwrap();
            for byte in value.bytes() {
                write!(path, "%{byte:02X}").unwrap();
            }
        }
        let found = self.get(&path);
        let traces = found["data"]
            .as_array()
            .unwrap_or_else(|| panic!("{found}"));
        traces.iter().flat_map(spans).collect()
    }

    /// Waits until a service has as many spans, and returns them.
    pub(crate) fn wait_for(&self, service: &str, spans: usize) -> Vec<Shown> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.search(&[("service", service)]);
            if found.len() >= spans {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "{} of {spans} spans of {service} are there",
                found.len()
            );
        }
    }

    /// What an address of the query API answers.
    fn get(&self, path: &str) -> Value {
        let mut connection = TcpStream::connect(("127.0.0.1", self.ports[1])).unwrap();
        // HTTP/1.0: the answer is in one piece, and ends with the connection.
        write!(connection, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }
}

impl Drop for Jaeger {
    fn drop(&mut self) {
        if let Some(mut process) = self.running.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

fn spans(trace: &Value) -> Vec<Shown> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let shown = |span: &Value| {
        let references = span["references"].as_array().unwrap();
        assert!(references.len() < 2, "{references:?}");
        let process = &trace["processes"][span["processID"].as_str().unwrap()];
        let mut tags = Map::new();
        for tag in span["tags"].as_array().unwrap() {
            let twice = tags.insert(text(&tag["key"]), tag.clone());
            assert_eq!(twice, None, "a tag is there once");
        }
        Shown {
            trace_id: text(&span["traceID"]),
            span_id: text(&span["spanID"]),
            parent: references.first().map(|parent| text(&parent["spanID"])),
            name: text(&span["operationName"]),
            service: text(&process["serviceName"]),
            start_micros: span["startTime"].as_u64().unwrap(),
            duration_micros: span["duration"].as_u64().unwrap(),
            tags,
            warnings: span["warnings"].clone(),
        }
    };
    trace["spans"]
        .as_array()
        .unwrap()
        .iter()
        .map(shown)
        .collect()
}

const PATIENCE: Duration = Duration::from_secs(60);
