//! What can go wrong, by what the caller can do about it. No message holds content.

use std::{io, path::PathBuf};

/// Why a journal could not be opened or removed. Nothing that was in the directory has been changed, except after
/// [`JournalError::Io`], which may leave a recovery half done; the next open does it again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Reading or writing failed.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process, or another handle in this one, has the journal open.
    #[error("{path} is open elsewhere", path = path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A segment's header names another segment than the file does: the file was renamed or copied.
    #[error("{path} is segment {number} by its header", path = path.display())]
    Misnamed {
        /// The file.
        path: PathBuf,
        /// The number in its header.
        number: u64,
    },
    /// A file with the name of a segment is none.
    #[error("{path} is not a journal segment", path = path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// The options, or the meta, are out of their limits.
    #[error("{name} is {value}, must be {limit}")]
    Options {
        /// Which one.
        name: &'static str,
        /// What was given.
        value: u64,
        /// What is allowed.
        limit: String,
    },
    /// A segment was written by a later version of this program.
    #[error("{path} has format version {found}, this program knows {known}", path = path.display())]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// The version in its header.
        found: u32,
        /// The version that this program reads and writes.
        known: u32,
    },
}

/// Why a frame was not appended. It left nothing behind and took no index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The journal's capacity is used or reserved; releasing segments makes room.
    #[error(
        "journal is full: {needed} bytes needed, and no segment has room for them; {free} of {capacity} are left over"
    )]
    Full {
        /// Bytes that the frame and the reservation asked for.
        needed: u64,
        /// Bytes that are neither used nor reserved.
        free: u64,
        /// [`JournalOptions::capacity_bytes`](super::JournalOptions::capacity_bytes).
        capacity: u64,
    },
    /// The disk refused. The next append tries again.
    #[error("cannot {action} the journal's segment: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// [`Room::Use`](super::Room::Use) of a reservation that does not exist.
    #[error("no reservation of {size} bytes is open")]
    NotReserved {
        /// The number given.
        size: u32,
    },
    /// The payload, or the reservation, can never fit a segment.
    #[error("payload or reservation of {size} bytes is over the limit of {limit}")]
    TooLarge {
        /// Bytes of the payload or reservation.
        size: u64,
        /// Bytes that a segment takes as one payload.
        limit: u64,
    },
}

/// Why frames could not be made durable. They stay readable, the bound stays where it was, appends go on, and the next
/// [`Journal::sync`](super::Journal::sync) writes them to a new file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The frames in doubt could not be copied to a new segment.
    #[error("cannot write frames in doubt to a new segment: {source}")]
    Copy {
        /// What the system said.
        source: io::Error,
    },
    /// The directory, which names the segments, could not be synced.
    #[error("cannot sync the journal's directory: {source}")]
    Directory {
        /// What the system said.
        source: io::Error,
    },
    /// A segment could not be synced.
    #[error("cannot sync segment {segment}: {source}")]
    Segment {
        /// Its number.
        segment: u64,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody deleted a segment that is being written.
    #[error("segment {segment} has been deleted")]
    Vanished {
        /// Its number.
        segment: u64,
    },
}

/// Why a reader could not read; it stays where it is and may try again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Reading failed. Bytes that are read and wrong are [`Damage`](super::Damage), never this.
    #[error("cannot read segment {segment}: {source}")]
    Io {
        /// Its number.
        segment: u64,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a cursor was not saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CursorError {
    /// Reading or writing failed; the saved cursor, if any, is the one before.
    #[error("cannot {action} cursor {name}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The cursor's name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// A name is 1 to 64 characters of `a` to `z`, `0` to `9`, `-` and `_`.
    #[error("cursor name of {length} bytes must be 1 to 64 of a-z, 0-9, - and _")]
    Name {
        /// Bytes of the name.
        length: usize,
    },
}
