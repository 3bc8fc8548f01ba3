//! Every fault of a receiver, over both protocols: each record is delivered, or put aside with the receiver's words.
//!
//! A row is a fault, a column a protocol. Copies of a record come only where a receiver took a request and its answer was
//! lost, or was no word about single records; they are the same, byte for byte.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod faults;
mod server;
mod tls;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use llm_audit::otlp::{Destination, Protocol};
use llm_audit::{Auditor, CallStart, Drained};
use serde_json::Value;
use server::{Column, Ledger, PATIENCE, Server};
use tempfile::TempDir;

/// How often a record may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copies {
    One,
    /// Several, the same byte for byte.
    Several,
}

/// An application with a receiver.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) directory: TempDir,
    column: Column,
}

/// What is expected in the end.
pub(crate) struct Expected {
    pub(crate) copies: Copies,
    /// Users whose records are put aside, with code over gRPC and HTTP, and words.
    pub(crate) put_aside: Option<(&'static str, [i64; 2], &'static str)>,
}

impl Scene {
    pub(crate) fn new(column: Column) -> Self {
        Self::with(Server::start(column), column)
    }

    pub(crate) fn absent(column: Column) -> Self {
        Self::with(Server::absent(column), column)
    }

    fn with(server: Server, column: Column) -> Self {
        Self {
            server,
            directory: tempfile::tempdir().unwrap(),
            column,
        }
    }

    pub(crate) fn destination(&self) -> Destination {
        let protocol = match self.column {
            Column::Grpc => Protocol::Grpc,
            Column::Http => Protocol::HttpProtobuf,
        };
        Destination::new()
            .endpoint(&self.server.endpoint())
            .protocol(protocol)
            .timeout(Duration::from_millis(500))
    }

    pub(crate) fn auditor(&self, destination: Destination) -> Auditor {
        Auditor::builder()
            .data_dir(self.directory.path())
            .generate_keyring()
            .destination(destination)
            .build()
            .unwrap()
    }

    /// Makes calls, delivers them, and checks what has become of each.
    pub(crate) fn run(&self, expected: &Expected) {
        let audit = self.auditor(self.destination());
        let ids = calls(&audit, CALLS);
        self.end(audit, &ids, expected);
    }

    /// Ends the application, and checks what has become of each record.
    pub(crate) fn end(&self, audit: Auditor, ids: &BTreeMap<String, String>, expected: &Expected) {
        let drained = audit.shutdown(PATIENCE);
        let health = audit.health();
        drop(audit);
        assert_eq!(drained, Drained::Complete, "{health:?}");
        self.check(ids, expected);
    }

    pub(crate) fn check(&self, ids: &BTreeMap<String, String>, expected: &Expected) {
        let ledger = self.server.ledger();
        let aside = put_aside(self.directory.path());
        for (id, user) in ids {
            let wanted = expected
                .put_aside
                .filter(|(poison, ..)| user.starts_with(poison));
            match (wanted, aside.get(id)) {
                (Some((_, codes, words)), Some((code, said))) => {
                    let wanted = codes[usize::from(self.column == Column::Http)];
                    assert_eq!((*code, said.as_str()), (wanted, words), "{user}");
                }
                (None, None) => self.delivered(&ledger, id, user, expected.copies),
                (wanted, aside) => panic!("{user}: {wanted:?} was expected, and not {aside:?}"),
            }
            assert_eq!(
                ledger.spans.get(id).map(Vec::len),
                Some(1),
                "the span of {user}"
            );
        }
        for copies in ledger
            .logs
            .values()
            .filter(|_| expected.copies == Copies::One)
        {
            assert_eq!(copies.len(), 1, "records of the system come once too");
        }
    }

    fn delivered(&self, ledger: &Ledger, id: &str, user: &str, copies: Copies) {
        let Some(taken) = ledger.logs.get(id) else {
            panic!("the record of {user} is not there")
        };
        assert!(
            taken.iter().all(|copy| copy == &taken[0]),
            "copies of {user} differ"
        );
        assert!(
            copies == Copies::Several || taken.len() == 1,
            "{user} came twice"
        );
    }
}

/// Calls of different users, one of them `poison`; ids and users.
pub(crate) fn calls(audit: &Auditor, count: usize) -> BTreeMap<String, String> {
    let user = |number| match number {
        7 => "poison".to_owned(),
        number => format!("anna-{number}"),
    };
    let call = |number| {
        let user = user(number);
        let start = CallStart::new("chat").model("gpt-4o").user(&user);
        let mut call = audit.start(start).unwrap();
        call.input(&["a question"]).unwrap();
        (call.finish().unwrap().to_string(), user)
    };
    (0..count).map(call).collect()
}

/// What `llm-audit refused` says: code and words, by record id. Spans are never refused here.
fn put_aside(data_dir: &Path) -> BTreeMap<String, (i64, String)> {
    let output = Command::new(env!("CARGO_BIN_EXE_llm-audit"))
        .args(["refused", "--format", "jsonl", "--data-dir"])
        .arg(data_dir)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let lines = String::from_utf8(output.stdout).unwrap();
    let letters = lines.lines().map(|line| {
        let letter: Value = serde_json::from_str(line).unwrap();
        assert_eq!(letter["signal"], "logs");
        let text = |name: &str| letter[name].as_str().unwrap_or_default().to_owned();
        (
            text("record_id"),
            (letter["code"].as_i64().unwrap(), text("words")),
        )
    });
    letters.collect()
}

/// Enough for a batch to be halved several times.
pub(crate) const CALLS: usize = 20;
