//! A recorder on a spool of its own, for tests, and what it has written.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::bell::Bell;
use super::failure::Modes;
use super::recorder::{Recorder, Spans};
use super::spool::{Consumer, FINAL, Frame, Origin, SpanView, Spool};
use crate::clock::Clock;
use crate::journal::{Entry, FrameIndex, JournalOptions};
use crate::pricing::PriceTable;
use crate::record::keyring::Keyring;
use crate::record::{AuditRecord, Body, Call, Label, Timestamp, canonical};
use crate::refine::Gate;
use crate::semconv;

pub(crate) struct Bench {
    pub(crate) directory: TempDir,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) keys: Arc<Keyring>,
}

/// A record that was written, with how it goes to trace backends.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) record: AuditRecord,
    pub(crate) view: SpanView,
}

impl Written {
    pub(crate) fn call(&self) -> &Call {
        match &self.record.body {
            Body::Call(call) => call,
            other => panic!("a call was expected, not {}", other.kind()),
        }
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(JournalOptions {
            segment_bytes: 1 << 20,
            capacity_bytes: 8 << 20,
            writing: crate::journal::Writing::Calls,
        })
    }

    pub(crate) fn with(options: JournalOptions) -> Self {
        Self::made(options, Clock::system())
    }

    /// With a clock that the test sets.
    pub(crate) fn at(clock: Clock) -> Self {
        let options = JournalOptions {
            segment_bytes: 1 << 20,
            capacity_bytes: 8 << 20,
            ..JournalOptions::default()
        };
        Self::made(options, clock)
    }

    fn made(options: JournalOptions, clock: Clock) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = Arc::new(Keyring::generate(
            Timestamp::from_unix_nanos(0),
            [[1; 32], [2; 32]],
        ));
        let recorder = recorder(&directory, options, &keys, clock);
        Self {
            directory,
            recorder,
            keys,
        }
    }

    /// All records of all lanes, in order; every authentication code is checked.
    pub(crate) fn written(&self) -> Vec<Written> {
        written(self.recorder.spool(), &self.keys)
    }

    /// The calls among them.
    pub(crate) fn calls(&self) -> Vec<Written> {
        let is_call = |written: &Written| matches!(written.record.body, Body::Call(_));
        self.written().into_iter().filter(is_call).collect()
    }

    /// The only call.
    pub(crate) fn call(&self) -> Written {
        let mut calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.remove(0)
    }

    /// What another process finds on disk if this one is killed now: it takes over a copy, since this one lives on.
    pub(crate) fn next_process(&self) -> Self {
        let directory = tempfile::tempdir().unwrap();
        copy(self.directory.path(), directory.path());
        let keys = Arc::clone(&self.keys);
        let options = JournalOptions {
            segment_bytes: 1 << 20,
            capacity_bytes: 8 << 20,
            writing: crate::journal::Writing::Calls,
        };
        let recorder = recorder(&directory, options, &keys, Clock::system());
        assert_eq!(recorder.adopt(), 1);
        Self {
            directory,
            recorder,
            keys,
        }
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn recorder(
    directory: &TempDir,
    options: JournalOptions,
    keys: &Arc<Keyring>,
    clock: Clock,
) -> Arc<Recorder> {
    let clock = Arc::new(clock);
    let service = Label::clip("tests");
    let origin = Origin::new(Some(&service), &[]);
    let consumers = vec![Consumer::Lines];
    let spool = Spool::open(
        &directory.path().join("spool"),
        options,
        consumers,
        &origin,
        Arc::clone(keys),
        &clock,
    )
    .unwrap();
    let gate = Gate::new(Arc::clone(keys), PriceTable::builtin());
    let bell = Arc::new(Bell::default());
    Arc::new(Recorder::new(
        gate,
        Arc::new(spool),
        clock,
        bell,
        Some(service),
        (Spans::Auto, Modes::default()),
    ))
}

pub(crate) fn written(spool: &Spool, keys: &Keyring) -> Vec<Written> {
    let mut all = Vec::new();
    for lane in spool.lanes() {
        let mut reader = lane.journal().reader(FrameIndex(0));
        let mut codes = lane.codes(FrameIndex(0));
        while let Some(entry) = reader.next(lane.written()).unwrap() {
            let Entry::Frame(found) = entry else {
                panic!("{entry:?}")
            };
            if found.kind != FINAL {
                continue;
            }
            let origin = Origin::from_meta(found.meta).unwrap();
            let frame = Frame::read(found.payload).unwrap();
            let seal = codes.seal(&found, lane.written()).unwrap();
            let service = origin.service.as_ref();
            let (record, mac) = semconv::read_rows(frame.rows, &seal, service).unwrap();
            assert!(keys.verifies(&mac, &canonical::bytes(&record)));
            let position = record.envelope.position;
            assert_eq!(position.map(|position| position.seq), frame.seq);
            all.push(Written {
                record,
                view: frame.view,
            });
        }
    }
    all
}
