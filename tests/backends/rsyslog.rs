//! rsyslog, which takes syslog over TLS and tells what it took for a message.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::tool;

/// It is running.
pub(crate) struct Rsyslog {
    process: Child,
    files: TempDir,
    /// Where it listens, on the loopback interface.
    pub(crate) port: u16,
}

/// A message as rsyslog took it.
#[derive(Debug, Deserialize)]
pub(crate) struct Seen {
    pub(crate) priority: String,
    pub(crate) version: String,
    pub(crate) time: String,
    pub(crate) host: String,
    pub(crate) app: String,
    pub(crate) kind: String,
    /// Its structured data, as JSON.
    fields: String,
    pub(crate) message: String,
    pub(crate) raw: String,
}

impl Seen {
    /// The parameters of its one element of structured data.
    pub(crate) fn fields(&self) -> serde_json::Map<String, Value> {
        let fields: Value = serde_json::from_str(&self.fields).unwrap();
        fields["rfc5424-sd"][ELEMENT].as_object().unwrap().clone()
    }
}

impl Rsyslog {
    /// None, and said loudly, where `LLM_AUDIT_TEST_RSYSLOG` does not name the binary; an error where `CI` is `true`.
    pub(crate) fn taking(longest: &str) -> Option<Self> {
        let binary = tool::required("LLM_AUDIT_TEST_RSYSLOG", ".ci/syslog")?;
        let files = tempfile::tempdir().unwrap();
        certify(files.path());
        let text = include_str!("rsyslog.conf")
            .replace("FAR_SIDE", files.path().to_str().unwrap())
            .replace("LIMIT", longest);
        let config = files.path().join("rsyslog.conf");
        fs::write(&config, text).unwrap();
        let process = Command::new(binary)
            .args(["-n", "-f"])
            .arg(config)
            .arg("-i")
            .arg(files.path().join("pid"))
            .stderr(fs::File::create(files.path().join("told")).unwrap())
            .spawn()
            .unwrap();
        let mut rsyslog = Self {
            process,
            files,
            port: 0,
        };
        rsyslog.port = rsyslog.listening();
        Some(rsyslog)
    }

    /// The certificate of the authority that its own is signed by.
    pub(crate) fn authority(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }

    /// Sends what a command prints, as an operator does: through ncat, which looks at the certificate.
    pub(crate) fn pipe(&self, mut command: Command) {
        let mut source = command.stdout(Stdio::piped()).spawn().unwrap();
        let sent = self.ncat().stdin(source.stdout.take().unwrap()).status();
        assert!(sent.unwrap().success(), "{}", self.told());
        assert!(source.wait().unwrap().success());
    }

    /// Waits until so many messages are there, and then for one that is sent behind them: there are no more.
    pub(crate) fn wait_for(&self, messages: usize) -> Vec<Seen> {
        self.wait(|seen| seen.len() >= messages);
        let last = format!("<110>1 2026-01-01T00:00:00Z - - - - - {LAST}");
        let mut ncat = self.ncat().stdin(Stdio::piped()).spawn().unwrap();
        write!(ncat.stdin.take().unwrap(), "{} {last}", last.len()).unwrap();
        assert!(ncat.wait().unwrap().success());
        let is_last = |seen: &Seen| seen.raw.ends_with(LAST) && seen.app == "-";
        let mut seen = self.wait(|seen| seen.iter().any(is_last));
        seen.retain(|seen| !is_last(seen));
        seen
    }

    fn wait(&self, enough: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = self.seen();
            if enough(&seen) {
                return seen;
            }
            assert!(
                Instant::now() < deadline,
                "{} messages are there; {}",
                seen.len(),
                self.told()
            );
            std::thread::yield_now();
        }
    }

    fn seen(&self) -> Vec<Seen> {
        let Ok(file) = fs::File::open(self.files.path().join("seen.jsonl")) else {
            return Vec::new();
        };
        let lines = BufReader::new(file).lines().map(|line| line.unwrap());
        // More is being written.
        lines
            .map_while(|line| serde_json::from_str(&line).ok())
            .collect()
    }

    /// What it said about itself.
    fn told(&self) -> String {
        fs::read_to_string(self.files.path().join("told")).unwrap()
    }

    fn ncat(&self) -> Command {
        let mut ncat = Command::new("ncat");
        ncat.args(["--ssl", "--ssl-verify", "--send-only", "--ssl-trustfile"])
            .arg(self.authority())
            .args(["localhost", &self.port.to_string()]);
        ncat
    }

    /// The port that the system gave it, as soon as it has one.
    fn listening(&mut self) -> u16 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let port = fs::read_to_string(self.files.path().join("port")).unwrap_or_default();
            if let Ok(port) = port.trim().parse() {
                return port;
            }
            let ended = self.process.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "it does not start: {}",
                self.told()
            );
            std::thread::yield_now();
        }
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Writes an authority's certificate, and one of localhost with its key.
fn certify(directory: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, "authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    fs::write(directory.join("ca.pem"), issuer.pem()).unwrap();
    fs::write(directory.join("server.pem"), certificate.pem()).unwrap();
    fs::write(directory.join("key.pem"), key.serialize_pem()).unwrap();
}

/// The element that records are in.
const ELEMENT: &str = "llm_audit@32473";
/// What the last message says.
const LAST: &str = "that was all";
const PATIENCE: Duration = Duration::from_secs(60);
