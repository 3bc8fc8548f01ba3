//! A server of a backend, as a process with an HTTP API on an address of its own.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A server that runs until this is dropped.
pub(crate) struct Server {
    port: u16,
    process: Child,
}

impl Server {
    /// Starts it; returns when `ready`, a path, answers 200.
    pub(crate) fn start(mut command: Command, port: u16, ready: &str) -> Self {
        let process = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self { port, process };
        wait_until(&format!("{command:?} answers"), || {
            if let Some(status) = server.process.try_wait().unwrap() {
                panic!("{command:?} ended with {status}");
            }
            server.ask(ready).is_some_and(|(status, _)| status == 200)
        });
        server
    }

    /// What a path with parameters answers, which must be JSON.
    pub(crate) fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let mut path = path.to_owned();
        for (at, (name, value)) in parameters.iter().enumerate() {
            write!(path, "{}{name}=", if at == 0 { '?' } else { '&' }).unwrap();
            for byte in value.bytes() {
                write!(path, "%{byte:02X}").unwrap();
            }
        }
        let (status, body) = self.ask(&path).unwrap();
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{status} {error}: {body}"))
    }

    fn ask(&self, path: &str) -> Option<(u16, String)> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        // HTTP/1.0: the answer is in one piece, and ends with the connection.
        write!(connection, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A binary or folder that a variable names. None, and said loudly, where it does not; an error where `CI` is `true` and
/// CI has it.
pub(crate) fn named(variable: &str, script: &str, in_ci: InCi) -> Option<PathBuf> {
    let path = std::env::var_os(variable);
    if path.is_none() {
        let strict = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!strict || in_ci == InCi::No, "{variable} is not set");
        println!("SKIPPED: set {variable} to what {script} prints");
    }
    path.map(PathBuf::from)
}

/// Whether CI brings something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum InCi {
    No,
    Yes,
}

pub(crate) fn free_port() -> u16 {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    held.local_addr().unwrap().port()
}

/// Waits until it has come to that.
pub(crate) fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        assert!(
            Instant::now() < deadline,
            "it does not come to that: {what}"
        );
        std::thread::yield_now();
    }
}

pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
