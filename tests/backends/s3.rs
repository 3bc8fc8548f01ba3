//! `collector-config/destinations/s3.yaml` before a server that speaks S3 and asks for signed requests.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::application::application;
use crate::collector::Collector;
use crate::{TOKEN, auditor, tool, web};

#[test]
fn every_record_is_in_an_object_of_its_hour_though_both_sides_were_killed() {
    let Some(binary) = tool::named("LLM_AUDIT_TEST_COLLECTOR_FULL", ".ci/collector full") else {
        return;
    };
    let Some(mut server) = Server::absent() else {
        return;
    };
    let endpoint = server.endpoint();
    let [(key, id), (secret, word)] = CREDENTIALS;
    let variables = [
        ("LLM_AUDIT_INGEST_TOKEN", TOKEN),
        ("LLM_AUDIT_S3_ENDPOINT", &*endpoint),
        ("LLM_AUDIT_S3_PATH_STYLE", "true"),
        ("LLM_AUDIT_S3_WAIT", "1s"),
        (key, id),
        (secret, word),
    ];
    let mut collector = Collector::of(&binary).configured("destinations/s3.yaml", &variables);
    collector.start();
    let directory = tempfile::tempdir().unwrap();
    // With the server away, OK means that the queue on disk has it.
    let recorded = auditor::run(&collector, directory.path(), application);
    collector.kill();
    server.start();
    collector.start();
    server.wait_for(1);
    server.kill();
    collector.kill();
    collector.start();
    let again = tempfile::tempdir().unwrap();
    let more = auditor::run(&collector, again.path(), application);
    server.start();

    let records = recorded.records.len() + more.records.len();
    let stored = server.wait_for(records);
    assert_eq!(stored.len(), records);
    for (id, (path, attributes)) in &stored {
        let mut both = [&recorded, &more].into_iter();
        let record = both.find_map(|one| one.records.get(id)).unwrap();
        assert!(path.starts_with("/raw/otlp/eventday="), "{path}");
        assert!(
            path.ends_with(".json.gz") && path.contains("/hour="),
            "{path}"
        );
        for (name, value) in record.iter().filter(|(name, _)| name.starts_with("user.")) {
            assert_eq!(&attributes[name]["stringValue"], value, "{name}");
        }
        assert_eq!(
            attributes["llm_audit.mac"]["stringValue"],
            record["llm_audit.mac"]
        );
    }
}

/// Attributes of each record by its id, with the path of an object that it is in.
type Stored = BTreeMap<String, (String, Map<String, Value>)>;

/// It is not running at first. Its address stays the same, and so does what it stores.
struct Server {
    binary: PathBuf,
    files: TempDir,
    ports: [u16; 8],
    running: Option<Child>,
}

impl Server {
    /// None, and said loudly, where `LLM_AUDIT_TEST_S3` does not name the binary.
    fn absent() -> Option<Self> {
        let binary = tool::named("LLM_AUDIT_TEST_S3", ".ci/s3")?;
        Some(Self {
            binary,
            files: tempfile::tempdir().unwrap(),
            ports: web::free_ports(),
            running: None,
        })
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// Starts it; returns when the bucket is there.
    fn start(&mut self) {
        let mut command = Command::new(&self.binary);
        command.arg("server").arg("-dir").arg(self.files.path());
        let names = ["s3.port", "filer.port", "master.port", "volume.port"];
        let more = [
            "s3.port.grpc",
            "filer.port.grpc",
            "master.port.grpc",
            "volume.port.grpc",
        ];
        for (name, port) in names.into_iter().chain(more).zip(self.ports) {
            command.arg(format!("-{name}={port}"));
        }
        command
            .args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"])
            .args([
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                "-master.volumeSizeLimitMB=64",
            ])
            .envs(CREDENTIALS)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.running = Some(command.spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        while self.ask("GET", "/buckets/llm-audit/").is_none() {
            // Nothing, where it is not up yet, or has the bucket from a life before.
            self.ask("POST", "/buckets/llm-audit/");
            let ended = self.running.as_mut().unwrap().try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "it does not start"
            );
            std::thread::yield_now();
        }
    }

    /// Kills it (SIGKILL).
    fn kill(&mut self) {
        if let Some(mut process) = self.running.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Waits until so many records are there.
    fn wait_for(&self, records: usize) -> Stored {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut stored = Stored::new();
            self.read("", &mut stored);
            if stored.len() >= records {
                return stored;
            }
            assert!(
                Instant::now() < deadline,
                "{} of {records} are there",
                stored.len()
            );
            std::thread::yield_now();
        }
    }

    /// Reads all objects of the bucket below a folder.
    fn read(&self, below: &str, stored: &mut Stored) {
        let listed = self.ask("GET", &format!("/buckets/llm-audit{below}/?limit=10000"));
        let listed: Value = serde_json::from_slice(&listed.unwrap_or_default()).unwrap_or_default();
        for entry in listed["Entries"].as_array().into_iter().flatten() {
            let path = entry["FullPath"].as_str().unwrap();
            let object = path.strip_prefix("/buckets/llm-audit").unwrap();
            if entry["Mode"].as_u64().unwrap() & DIRECTORY != 0 {
                self.read(object, stored);
            } else if let Some(bytes) = self.ask("GET", path) {
                take(object, &bytes, stored);
            }
        }
    }

    /// Asks the file system behind the buckets. None where there is no answer, or none that is good.
    fn ask(&self, method: &str, path: &str) -> Option<Vec<u8>> {
        web::ask(self.ports[1], method, path)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Takes in an object: the gzip of one request of OTLP as JSON.
fn take(path: &str, bytes: &[u8], stored: &mut Stored) {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    let request: Value = serde_json::from_str(&text).unwrap();
    let each = |value: &Value, name: &str| value[name].as_array().unwrap().clone();
    let scopes = each(&request, "resourceLogs")
        .into_iter()
        .flat_map(|one| each(&one, "scopeLogs"));
    for log in scopes.flat_map(|one| each(&one, "logRecords")) {
        let pair = |pair: Value| {
            (
                pair["key"].as_str().unwrap().to_owned(),
                pair["value"].clone(),
            )
        };
        let attributes: Map<String, Value> =
            each(&log, "attributes").into_iter().map(pair).collect();
        let id = attributes["llm_audit.record.id"]["stringValue"]
            .as_str()
            .unwrap();
        stored.insert(id.to_owned(), (path.to_owned(), attributes));
    }
}

/// Of the server's one user; the collector signs with them.
const CREDENTIALS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "tests"),
    ("AWS_SECRET_ACCESS_KEY", "a-secret-of-the-tests"),
];
/// The bit of a directory in what the server says of an entry.
const DIRECTORY: u64 = 1 << 31;
const PATIENCE: Duration = Duration::from_secs(60);
