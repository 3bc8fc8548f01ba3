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
mod seal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::journal::{JournalError, JournalOptions};
use crate::record::StreamId;
use crate::record::keyring::Keyring;

pub(crate) use self::frame::{FINAL, Frame, KnownOrigin, Origin, SpanView};
pub(crate) use self::lane::{Consumer, Lane, StartToken, system_record};
pub(crate) use self::recovery::RecoverError;
pub(crate) use self::seal::Codes;

/// The spool of one process.
#[derive(Debug)]
pub(crate) struct Spool {
    root: PathBuf,
    options: JournalOptions,
    origin: Origin,
    consumers: Vec<Consumer>,
    keys: Arc<Keyring>,
    own: Arc<Lane>,
    adopted: Mutex<Vec<Arc<Lane>>>,
    /// Lanes that this program cannot read, and why.
    unreadable: Mutex<BTreeMap<PathBuf, String>>,
    spans_parked: AtomicBool,
    times_made_again: AtomicU64,
    /// Whether this process's lane has been removed, since nothing in it was needed.
    removed: AtomicBool,
}

/// Whether this process's lane was where it belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It was, or it could not be put there; it is tried again.
    AsItWas,
    /// Somebody had taken its directory away, and it has been made again.
    MadeAgain {
        /// Records that stood in deleted files and that somebody had not got. A gap record will tell of them.
        lost: u64,
    },
}

impl Spool {
    /// Opens the spool below `root` with a new lane for this process.
    pub(crate) fn open(
        root: &Path,
        options: JournalOptions,
        consumers: Vec<Consumer>,
        origin: &Origin,
        keys: Arc<Keyring>,
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
        let own = create_lane(root, options, origin, &consumers, &keys, clock)?;
        Ok(Self {
            root: root.to_owned(),
            options,
            origin: origin.clone(),
            consumers,
            keys,
            own: Arc::new(own),
            adopted: Mutex::default(),
            unreadable: Mutex::default(),
            spans_parked: AtomicBool::new(false),
            times_made_again: AtomicU64::new(0),
            removed: AtomicBool::new(false),
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
    pub(crate) fn adopt(&self, clock: &Clock) -> usize {
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
            let keys = Arc::clone(&self.keys);
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
        if self.own.is_drained(&self.keeping()) && self.own.remove().is_ok() {
            self.removed.store(true, Ordering::Release);
        }
    }

    /// Makes the directory of this process's lane again where somebody has taken it away.
    pub(crate) fn keep_in_place(&self) -> Kept {
        match self.own.keep_in_place(&self.consumers) {
            Ok(Kept::MadeAgain { lost }) => {
                self.times_made_again.fetch_add(1, Ordering::Relaxed);
                Kept::MadeAgain { lost }
            }
            // What cannot be made now is tried again; failing syncs show it.
            Ok(Kept::AsItWas) | Err(_) => Kept::AsItWas,
        }
    }

    /// How often the directory of this process's lane has been made again.
    pub(crate) fn times_made_again(&self) -> u64 {
        self.times_made_again.load(Ordering::Relaxed)
    }

    /// Tells what was lost behind the end of this process's stream: in its lane, if there still is one, else in a lane of
    /// its own, which the next process takes over.
    pub(crate) fn tell_late(&self, clock: &Clock) {
        let now = clock.now();
        let new_id = || clock.record_id(now);
        if !self.removed.load(Ordering::Acquire) {
            self.own.tell_losses(now, new_id);
            // It survives the end of the process either way.
            let _ = self.own.sync();
            return;
        }
        let losses = self.own.take_losses();
        if losses.is_empty() {
            return;
        }
        let options = JournalOptions {
            segment_bytes: self.options.segment_bytes.min(LATE_SEGMENT),
            ..self.options
        };
        let made = create_lane(
            &self.root,
            options,
            &self.origin,
            &self.consumers,
            &self.keys,
            clock,
        );
        match made {
            Ok(lane) => {
                lane.owe_losses(losses);
                lane.tell_losses(now, new_id);
                let _ = lane.sync();
            }
            Err(_) => self.own.owe_losses(losses),
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
    keys: &Arc<Keyring>,
    clock: &Clock,
) -> Result<Lane, JournalError> {
    let mut attempts = 0;
    loop {
        let stream = clock.stream_id();
        let nonce = u64::from_le_bytes(clock.random());
        let path = root.join(lane_name(stream));
        attempts += 1;
        let keys = Arc::clone(keys);
        match Lane::create(&path, options, stream, origin, consumers, keys, nonce) {
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
/// What the name of a lane's directory begins with.
pub(crate) const LANE_PREFIX: &str = "lane-";
const DRAINED_PREFIX: &str = "drained-";
/// Bytes of the segments of a lane that only tells of losses.
const LATE_SEGMENT: u64 = 256 * 1024;
/// Lanes that are made before it is given up.
const ATTEMPTS: u32 = 16;
