//! The sink on real files, from a real spool.

mod disk;
mod golden;
mod lines;
mod reading;
mod sink;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::columns::{Column, walk_columns};
use super::day::Day;
use super::line::write_line;
use super::read::{LineError, LineFault, StoredRecord, days, read_dir};
use super::*;
use crate::clock::Clock;
use crate::emit::json_lines::Echo;
use crate::emit::spool::{Consumer, Lane, Origin, SpanView, system_record};
use crate::journal::JournalOptions;
use crate::record::keyring::Keyring;
use crate::record::{AuditRecord, Label, Mac, SystemEvent, Timestamp, canonical};

/// A spool whose only consumer is the sink, and a directory for the lines.
struct Setup {
    directory: TempDir,
    lines: PathBuf,
    spool: Arc<Spool>,
    clock: Clock,
}

impl Setup {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let lines = directory.path().join("data");
        std::fs::create_dir(&lines).unwrap();
        let clock = Clock::fixed(START);
        let options = JournalOptions {
            segment_bytes: 1 << 20,
            capacity_bytes: 8 << 20,
            writing: crate::journal::Writing::Calls,
        };
        let origin = Origin::new(Some(&Label::clip("billing")), &[]);
        let root = directory.path().join("spool");
        let spool = Spool::open(
            &root,
            options,
            vec![Consumer::Lines],
            &origin,
            Arc::new(keys()),
            &clock,
        )
        .unwrap();
        Self {
            directory,
            lines,
            spool: Arc::new(spool),
            clock,
        }
    }

    fn own(&self) -> &Arc<Lane> {
        self.spool.own()
    }

    /// Appends a final record of this setup's service.
    fn append(&self, record: &AuditRecord) {
        let mut record = record.clone();
        record.envelope.service = Some(Label::clip("billing"));
        self.own()
            .finish_record(record, SpanView::None, None)
            .unwrap();
    }

    /// Appends as many heartbeats, each of its own second, and makes them durable.
    fn append_heartbeats(&self, count: u64) {
        for _ in 0..count {
            let time = self.clock.now();
            let id = self.clock.record_id(time);
            let detail = serde_json::json!({ "padding": "x".repeat(1000) });
            self.append(&system_record(id, time, SystemEvent::Heartbeat, &detail));
        }
        self.own().sync().unwrap();
    }

    /// One pass without a thread, and whether it left nothing.
    fn pass(&self, shared: &Shared) -> bool {
        Follower::new(&self.lines, Arc::clone(&self.spool), Echo::Quiet).pass(shared)
    }

    fn read(&self) -> Vec<StoredRecord> {
        read_all(&self.lines).0
    }
}

/// Records and errors of a directory.
fn read_all(dir: &Path) -> (Vec<StoredRecord>, Vec<LineError>) {
    let (mut records, mut errors) = (Vec::new(), Vec::new());
    for read in read_dir(dir, ..).unwrap() {
        match read {
            Ok(record) => records.push(record),
            Err(error) => errors.push(error),
        }
    }
    (records, errors)
}

fn keys() -> Keyring {
    Keyring::generate(START, [[1; 32], [2; 32]])
}

fn mac_of(record: &AuditRecord) -> Mac {
    let mut mac = keys().authenticate();
    mac.update(&canonical::bytes(record));
    mac.finish()
}

fn line_of(record: &AuditRecord) -> Vec<u8> {
    let mut line = Vec::new();
    write_line(&mut line, record, &mac_of(record));
    line
}

const START: Timestamp = Timestamp::from_unix_nanos(1_700_000_000_000_000_000);
