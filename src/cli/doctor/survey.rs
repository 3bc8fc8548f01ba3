//! A survey of a spool from outside: what its lanes look like to somebody who takes over nothing and changes nothing but a
//! probe file of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::Clock;
use crate::emit::spool::{Consumer, LANE_PREFIX, Lane};
use crate::journal::{self, Journal};
use crate::record::Timestamp;

/// What a lane looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LaneSeen {
    pub(super) path: PathBuf,
    pub(super) state: LaneState,
    /// Bytes on disk.
    pub(super) bytes: u64,
    /// Whether a receiver is owed its records.
    pub(super) is_owed: bool,
    /// Files of records that are kept.
    pub(super) segments: usize,
    /// When the oldest of them was written to last; records that wait in it are at least as old.
    pub(super) oldest_write: Option<Timestamp>,
}

/// Whose a lane is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LaneState {
    /// Nobody's: its process is gone.
    Left,
    /// A process's that is there.
    Running,
    /// Nobody's, and it cannot be read: why.
    Unreadable(String),
}

/// All lanes below the root of a spool.
pub(super) fn lanes(root: &Path) -> io::Result<Vec<LaneSeen>> {
    let mut lanes = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_lane = name
            .to_str()
            .is_some_and(|name| name.starts_with(LANE_PREFIX));
        if is_lane && entry.file_type()?.is_dir() {
            lanes.push(lane(entry.path()));
        }
    }
    lanes.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(lanes)
}

fn lane(path: PathBuf) -> LaneSeen {
    let files = || fs::read_dir(&path).into_iter().flatten().flatten();
    let mut segments: Vec<(PathBuf, fs::Metadata)> = files()
        .filter_map(|file| Some((file.path(), file.metadata().ok()?)))
        .filter(|(path, metadata)| {
            path.extension().is_some_and(|extension| extension == "seg") && metadata.len() > 0
        })
        .collect();
    segments.sort_by(|one, other| one.0.cmp(&other.0));
    let bytes = files()
        .filter_map(|file| Some(file.metadata().ok()?.blocks() * BLOCK))
        .sum();
    let oldest_write = segments.first().map(|(_, metadata)| modified(metadata));
    LaneSeen {
        state: state(&path),
        bytes,
        is_owed: Lane::is_owed_to(&path, Consumer::Logs),
        segments: segments.len(),
        oldest_write,
        path,
    }
}

/// A lock that can be had is let go at once: whoever wants to take the lane over finds it a moment later.
fn state(path: &Path) -> LaneState {
    let locked = File::open(path.join("lock")).and_then(|lock| {
        let taken = lock.try_lock();
        let is_locked = matches!(taken, Err(fs::TryLockError::WouldBlock));
        lock.unlock().map(|()| is_locked)
    });
    match (locked, Journal::meta(path)) {
        (Ok(true), _) => LaneState::Running,
        (_, Err(error)) => LaneState::Unreadable(error.to_string()),
        (Err(error), _) if error.kind() != io::ErrorKind::NotFound => {
            LaneState::Unreadable(error.to_string())
        }
        _ => LaneState::Left,
    }
}

/// Writes a probe file, makes it durable a few times, and deletes it. Returns how long one fsync took, the median, and the
/// time that the file system put on the file.
pub(super) fn write_probe(directory: &Path, clock: &Clock) -> io::Result<(Duration, Timestamp)> {
    let path = directory.join(format!("doctor-{}.probe", std::process::id()));
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    let written = sync_times(made, clock);
    let removed = fs::remove_file(&path);
    let found = written?;
    removed?;
    Ok(found)
}

fn sync_times(mut file: File, clock: &Clock) -> io::Result<(Duration, Timestamp)> {
    let mut times = Vec::new();
    for _ in 0..SYNCS {
        file.write_all(&[0; 4096])?;
        let begun = clock.moment();
        journal::sync_file(&file)?;
        times.push(clock.moment().nanos_since(begun));
    }
    times.sort_unstable();
    let median = times.get(SYNCS / 2).copied().unwrap_or_default();
    Ok((Duration::from_nanos(median), modified(&file.metadata()?)))
}

/// When a file was written to last.
fn modified(metadata: &fs::Metadata) -> Timestamp {
    let seconds = u64::try_from(metadata.mtime()).unwrap_or_default();
    Timestamp::from_unix_nanos(seconds.saturating_mul(1_000_000_000))
}

/// Whether this user may make something in a directory; an error where it may not, or where it is none.
pub(super) fn may_make_in(directory: &Path) -> io::Result<()> {
    if !fs::metadata(directory)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let needed = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    Ok(rustix::fs::access(directory, needed)?)
}

/// Bytes that the file system of a directory has free for this user.
pub(super) fn free_bytes(directory: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(directory)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// What `st_blocks` counts in.
const BLOCK: u64 = 512;
/// Fsyncs of a probe.
const SYNCS: usize = 7;
