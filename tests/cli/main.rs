//! The real binary on a data directory with records of every kind, `tests/data/trail`, which the tests of the sink keep
//! true.

#![expect(
    clippy::unwrap_used,
    reason = "a test says by its panic where it stopped"
)]

mod export;
mod hash;
mod help;
mod key;
mod policy;
mod price;
mod query;
mod sanitize;
mod show;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What a run of the binary did.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs the binary with nothing on its standard input.
fn run(arguments: &[&str]) -> Run {
    run_with(arguments, b"")
}

fn run_with(arguments: &[&str], input: &[u8]) -> Run {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that takes no input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_llm-audit"));
    command.args(arguments);
    command
}

/// A copy of the golden data directory.
struct Trail(TempDir);

impl Trail {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(golden()).unwrap() {
            let entry = entry.unwrap();
            let copy = directory.path().join(entry.file_name());
            fs::copy(entry.path(), &copy).unwrap();
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self(directory)
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Adds bytes to the file of the second day.
    fn append(&self, bytes: &[u8]) {
        let path = self.file(SECOND_DAY);
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(bytes).unwrap();
    }
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/trail")
}

const FIRST_DAY: &str = "audit_2023-11-14.jsonl";
const SECOND_DAY: &str = "audit_2023-11-15.jsonl";
/// A call of the golden data directory whose values were chosen with malice.
const HOSTILE: &str = "018bcfe5-6800-7404-8404-040404040404";
const ORDINARY: &str = "018bcfe5-6800-7202-8202-020202020202";
