//! The OpenTelemetry Collector itself, with a file of `collector-config`.

#![allow(dead_code, reason = "each test needs its share of it")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;
use tempfile::TempDir;

/// A collector, running or not, and the files that it writes. Its address stays the same from one life to the next.
pub(crate) struct Collector {
    binary: PathBuf,
    config: PathBuf,
    variables: Vec<(&'static str, String)>,
    output: TempDir,
    ports: [u16; 3],
    running: Option<Child>,
}

impl Collector {
    /// One that is not running. None, and said loudly, where `LLM_AUDIT_TEST_COLLECTOR` does not name the binary; an
    /// error where `CI` is `true`.
    pub(crate) fn absent() -> Option<Self> {
        let Some(binary) = std::env::var_os("LLM_AUDIT_TEST_COLLECTOR") else {
            let strict = std::env::var_os("CI").is_some_and(|ci| ci == "true");
            assert!(!strict, "LLM_AUDIT_TEST_COLLECTOR is not set");
            println!("SKIPPED: set LLM_AUDIT_TEST_COLLECTOR to what .ci/collector prints");
            return None;
        };
        Some(Self::of(Path::new(&binary)))
    }

    /// One of another binary, that is not running.
    pub(crate) fn of(binary: &Path) -> Self {
        Self {
            binary: binary.to_owned(),
            config: Path::new(env!("CARGO_MANIFEST_DIR")).join("collector-config/file.yaml"),
            variables: Vec::new(),
            output: tempfile::tempdir().unwrap(),
            ports: [(); 3].map(|()| port_of_its_own()),
            running: None,
        }
    }

    pub(crate) fn running() -> Option<Self> {
        let mut collector = Self::absent()?;
        collector.start();
        Some(collector)
    }

    /// Another file of `collector-config` than `file.yaml`, and variables that it needs. The collector itself must find
    /// the file valid.
    pub(crate) fn configured(mut self, file: &str, variables: &[(&'static str, &str)]) -> Self {
        self.config = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("collector-config")
            .join(file);
        self.variables = variables
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let validated = self.command(&["validate"]).output().unwrap();
        let words = String::from_utf8_lossy(&validated.stderr);
        assert!(validated.status.success(), "{file} is not valid: {words}");
        self
    }

    /// Takes a pipeline out of the configuration.
    pub(crate) fn without(mut self, pipeline: &str) -> Self {
        let config = fs::read_to_string(&self.config).unwrap();
        let (before, pipelines) = config.split_once("\n  pipelines:\n").unwrap();
        let kept: Vec<&str> = pipelines
            .lines()
            .filter(|line| !line.starts_with(&format!("    {pipeline}:")))
            .collect();
        assert!(
            kept.len() < pipelines.lines().count(),
            "there is no pipeline {pipeline}"
        );
        self.config = self.output.path().join("config.yaml");
        fs::write(
            &self.config,
            format!("{before}\n  pipelines:\n{}\n", kept.join("\n")),
        )
        .unwrap();
        self
    }

    /// Starts it; returns when it says that it is ready.
    pub(crate) fn start(&mut self) {
        self.running = Some(ready(&mut self.command(&[])));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let [grpc, http, health] = self.ports.map(|port| format!("127.0.0.1:{port}"));
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .arg("--config")
            .arg(&self.config)
            .env("LLM_AUDIT_OTLP_GRPC", grpc)
            .env("LLM_AUDIT_OTLP_HTTP", http)
            .env("LLM_AUDIT_HEALTH", health)
            .env("LLM_AUDIT_COLLECTOR_DIR", self.output.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Kills it (SIGKILL).
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.running.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Has it end by itself (SIGTERM), as a restart of its service does, and waits for that.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.running.take() {
            let number = process.id().to_string();
            let told = Command::new("kill").arg(&number).status().unwrap();
            assert!(told.success(), "no process {number}");
            let ended = process.wait().unwrap();
            // It says that it is ready a moment before it listens to signals.
            let at_once = ended.signal() == Some(SIGTERM);
            assert!(ended.success() || at_once, "{ended}");
        }
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        let process = self.running.as_mut();
        process.is_some_and(|process| process.try_wait().unwrap().is_some())
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// Where it speaks OTLP/HTTP.
    pub(crate) fn http_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[1])
    }

    /// The log records in its file, each with its resource, as OTLP JSON; copies too.
    pub(crate) fn log_records(&self) -> Vec<(Value, Value)> {
        self.read("logs", "resourceLogs", "scopeLogs", "logRecords")
    }

    /// The spans in its file, each with its resource, as OTLP JSON; copies too.
    pub(crate) fn spans(&self) -> Vec<(Value, Value)> {
        self.read("traces", "resourceSpans", "scopeSpans", "spans")
    }

    /// The ids of the log records in its files, also those that were rotated, and how many copies there are. For more of
    /// them than one likes to have in memory at once.
    pub(crate) fn logged_ids(&self) -> (BTreeSet<String>, u64) {
        self.ids("logs")
    }

    /// The ids of the records that the spans in its files are views of, and how many copies there are.
    pub(crate) fn traced_ids(&self) -> (BTreeSet<String>, u64) {
        self.ids("traces")
    }

    fn ids(&self, start: &str) -> (BTreeSet<String>, u64) {
        let (mut ids, mut copies) = (BTreeSet::new(), 0);
        let entries = fs::read_dir(self.output.path()).unwrap();
        for path in entries.map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_str().unwrap();
            if !(name.starts_with(start) && name.ends_with(".jsonl")) {
                continue;
            }
            for line in BufReader::new(fs::File::open(&path).unwrap()).lines() {
                let line = line.unwrap();
                for (at, key) in line.match_indices(RECORD_ID) {
                    let id = &line[at + key.len()..][..36];
                    copies += u64::from(!ids.insert(id.to_owned()));
                }
            }
        }
        (ids, copies)
    }

    fn read(&self, file: &str, resources: &str, scopes: &str, items: &str) -> Vec<(Value, Value)> {
        let file = fs::read_to_string(self.output.path().join(format!("{file}.jsonl")))
            .unwrap_or_default();
        let mut found = Vec::new();
        for line in file.lines() {
            for part in list(&whole(line, resources), resources) {
                for scope in list(part, scopes) {
                    assert_eq!(scope["scope"]["name"], "llm_audit");
                    found.extend(
                        list(scope, items)
                            .iter()
                            .map(|item| (part["resource"].clone(), item.clone())),
                    );
                }
            }
        }
        found
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that stays its collector's while that is down: below those that the system gives to connections and to whoever
/// asks for any port, and given out once by this process. Other processes begin elsewhere.
fn port_of_its_own() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id() as u16;
    loop {
        let next = first
            .wrapping_mul(61)
            .wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = 20_000 + next % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Starts a program of the collector's kind; returns when it says that it is ready.
pub(crate) fn ready(command: &mut Command) -> Child {
    ready_when(command, "Everything is ready")
}

/// Starts a program that says these words on its standard error when it is ready; returns then. Its ports were free when
/// they were chosen; where a connection of somebody else has one for a moment, it is tried again.
pub(crate) fn ready_when(command: &mut Command, words: &str) -> Child {
    let mut told = String::new();
    for _ in 0..ATTEMPTS {
        match started(command, words) {
            Ok(process) => return process,
            Err(said) => told = said,
        }
        if !told.to_lowercase().contains("address already in use") {
            break;
        }
    }
    panic!("it does not start: {told}");
}

/// What it said, where it ended instead.
fn started(command: &mut Command, words: &str) -> Result<Child, String> {
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut told = BufReader::new(process.stderr.take().unwrap());
    let mut line = String::new();
    let mut before = String::new();
    while !line.contains(words) {
        before += &std::mem::take(&mut line);
        if told.read_line(&mut line).unwrap() == 0 {
            process.wait().unwrap();
            return Err(before);
        }
    }
    // What it says later is of no interest, but it must be able to say it.
    std::thread::spawn(move || std::io::copy(&mut told, &mut std::io::sink()));
    Ok(process)
}

const ATTEMPTS: usize = 50;

/// The whole request of a line. Part of one that a kill cut off may stand before it, or alone.
fn whole(line: &str, resources: &str) -> Value {
    let start = format!("{{\"{resources}\"");
    let starts = line.match_indices(&start).map(|(at, _)| &line[at..]);
    starts
        .filter_map(|rest| serde_json::from_str(rest).ok())
        .next()
        .unwrap_or(Value::Null)
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

const SIGTERM: i32 = 15;
const RECORD_ID: &str = r#"{"key":"llm_audit.record.id","value":{"stringValue":""#;
