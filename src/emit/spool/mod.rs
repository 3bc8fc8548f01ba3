//! The spool: records on disk until everybody who wants them has them.
//!
//! One root for all processes of a machine; in it one lane a stream, a locked directory named `lane-<stream id>`. A
//! process writes its own lane, and takes over the lanes of processes that are gone. A lane is read by its consumers,
//! each with a cursor of its own: what all of them have is released. A lane that nobody needs is renamed to
//! `drained-<stream id>` and then deleted, so that a crash in between leaves no part of it that could be taken over.

mod finals;
mod frame;
mod lane;
mod recovery;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::journal::{JournalError, JournalOptions};
use crate::record::StreamId;
use crate::record::keyring::Keyring;

pub(crate) use self::frame::{FINAL, Frame, Origin, SpanView};
pub(crate) use self::lane::{Consumer, Lane, StartToken, system_record};
pub(crate) use self::recovery::RecoverError;

/// The spool of one process.
#[derive(Debug)]
pub(crate) struct Spool {
    root: PathBuf,
    options: JournalOptions,
    consumers: Vec<Consumer>,
    own: Arc<Lane>,
    adopted: Mutex<Vec<Arc<Lane>>>,
    /// Lanes that this program cannot read, and why.
    unreadable: Mutex<BTreeMap<PathBuf, String>>,
    spans_parked: AtomicBool,
}

impl Spool {
    /// Opens the spool below `root` with a new lane for this process.
    pub(crate) fn open(
        root: &Path,
        options: JournalOptions,
        consumers: Vec<Consumer>,
        origin: &Origin,
        clock: &Clock,
    ) -> Result<Self, JournalError> {
        let failed = |source: io::Error| JournalError::Io {
            action: "make",
            path: root.to_owned(),
            source,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(root)
            .map_err(failed)?;
        let own = create_lane(root, options, origin, &consumers, clock)?;
        Ok(Self {
            root: root.to_owned(),
            options,
            consumers,
            own: Arc::new(own),
            adopted: Mutex::default(),
            unreadable: Mutex::default(),
            spans_parked: AtomicBool::new(false),
        })
    }

    /// This process's lane.
    pub(crate) fn own(&self) -> &Arc<Lane> {
        &self.own
    }

    /// All lanes that are read here: this process's and those taken over.
    pub(crate) fn lanes(&self) -> Vec<Arc<Lane>> {
        let mut lanes = self.adopted().clone();
        lanes.push(Arc::clone(&self.own));
        lanes
    }

    /// Takes over every lane whose process is gone, and says how many. A lane that cannot be read is left as it is.
    pub(crate) fn adopt(&self, keys: &Keyring, clock: &Clock) -> usize {
        let mut adopted = 0;
        lock(&self.unreadable).retain(|path, _| path.exists());
        self.sweep();
        for (path, stream) in self.strangers() {
            // Whoever has no sender would take records away that a receiver is owed.
            if Lane::is_owed_to(&path, Consumer::Logs) && !self.consumers.contains(&Consumer::Logs)
            {
                lock(&self.unreadable).insert(path, OWED.to_owned());
                continue;
            }
            let now = clock.now();
            let nonce = u64::from_le_bytes(clock.random());
            let finish = (now, || clock.record_id(now));
            match Lane::recover(&path, self.options, stream, keys, finish, nonce) {
                Ok(lane) => {
                    lock(&self.unreadable).remove(&path);
                    self.adopted().push(Arc::new(lane));
                    adopted += 1;
                }
                Err(RecoverError::Journal(error)) if is_somebody_elses(&error) => {}
                Err(error) => {
                    lock(&self.unreadable).insert(path, error.to_string());
                }
            }
        }
        adopted
    }

    /// Lanes of the root that cannot be read here, and why.
    pub(crate) fn unreadable(&self) -> Vec<(PathBuf, String)> {
        lock(&self.unreadable)
            .iter()
            .map(|(path, why)| (path.clone(), why.clone()))
            .collect()
    }

    /// Saves cursors, releases what everybody has, and removes lanes taken over that are empty. Errors are of no
    /// consequence but that it is tried again.
    pub(crate) fn tidy(&self) {
        let keeping = self.keeping();
        for lane in self.lanes() {
            lane.save_cursors(&self.consumers);
            let _ = lane.release(lane.consumed(&keeping));
        }
        self.adopted()
            .retain(|lane| !(lane.is_drained(&keeping) && lane.remove().is_ok()));
    }

    /// Records that somebody has not got yet. Spans do not count: they are views of records.
    pub(crate) fn depth(&self) -> u64 {
        let of_records = |consumer: &Consumer| *consumer != Consumer::Traces;
        let consumers: Vec<_> = self.consumers.iter().copied().filter(of_records).collect();
        self.lanes().iter().map(|lane| lane.depth(&consumers)).sum()
    }

    /// Whether everybody has everything, and nothing is begun.
    pub(crate) fn is_drained(&self) -> bool {
        let keeping = self.keeping();
        self.lanes().iter().all(|lane| lane.is_drained(&keeping))
    }

    /// Says whether the receiver takes no spans. As long as it does not, nothing is kept for their sake.
    pub(crate) fn park_spans(&self, parked: bool) {
        self.spans_parked.store(parked, Ordering::Release);
    }

    /// Whether calls are sent as spans to somebody who takes them.
    pub(crate) fn sends_spans(&self) -> bool {
        self.keeping().contains(&Consumer::Traces)
    }

    /// Those for whose sake records are kept.
    fn keeping(&self) -> Vec<Consumer> {
        let parked = self.spans_parked.load(Ordering::Acquire);
        let keeps = |consumer: &Consumer| !(parked && *consumer == Consumer::Traces);
        self.consumers.iter().copied().filter(keeps).collect()
    }

    /// Removes this process's lane too, when nothing in it is needed. Called last.
    pub(crate) fn close(&self) {
        self.tidy();
        if self.own.is_drained(&self.keeping()) {
            let _ = self.own.remove();
        }
    }

    /// Deletes what a crash left of lanes that nobody needs. What cannot be deleted stays for the next time.
    fn sweep(&self) {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let drained = entries.filter(|entry| {
            let name = entry.file_name();
            name.to_str()
                .is_some_and(|name| name.starts_with(DRAINED_PREFIX))
        });
        for entry in drained {
            let _ = fs::remove_dir_all(entry.path());
        }
    }

    fn strangers(&self) -> Vec<(PathBuf, StreamId)> {
        let known: Vec<StreamId> = self.lanes().iter().map(|lane| lane.stream()).collect();
        let Ok(entries) = fs::read_dir(&self.root) else {
            return Vec::new();
        };
        // A link is followed nowhere: what is behind it is not ours.
        let entries = entries
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let lanes = entries.filter_map(|entry| {
            let name = entry.file_name();
            let stream = name.to_str()?.strip_prefix(LANE_PREFIX)?.parse().ok()?;
            Some((entry.path(), stream))
        });
        lanes
            .filter(|(_, stream)| !known.contains(stream))
            .collect()
    }

    fn adopted(&self) -> MutexGuard<'_, Vec<Arc<Lane>>> {
        lock(&self.adopted)
    }
}

/// Makes the lane of this process. Between the making of its directory and its locking, another process may take it for
/// one that was left behind, and remove it: then another one is made.
fn create_lane(
    root: &Path,
    options: JournalOptions,
    origin: &Origin,
    consumers: &[Consumer],
    clock: &Clock,
) -> Result<Lane, JournalError> {
    let mut attempts = 0;
    loop {
        let stream = clock.stream_id();
        let nonce = u64::from_le_bytes(clock.random());
        let path = root.join(lane_name(stream));
        attempts += 1;
        match Lane::create(&path, options, stream, origin, consumers, nonce) {
            Err(error) if is_somebody_elses(&error) && attempts < ATTEMPTS => {}
            created => return created,
        }
    }
}

/// Whether another process has the lane, or has had it and is done with it.
fn is_somebody_elses(error: &JournalError) -> bool {
    match error {
        JournalError::Locked { .. } => true,
        JournalError::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

fn lane_name(stream: StreamId) -> String {
    format!("{LANE_PREFIX}{stream}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const OWED: &str = "its records are owed to a receiver, and this process has no sender";
const LANE_PREFIX: &str = "lane-";
const DRAINED_PREFIX: &str = "drained-";
/// Lanes that are made before it is given up.
const ATTEMPTS: u32 = 16;
