//! Health: what an auditor has recorded, delivered and lost.

use std::path::PathBuf;
use std::time::Duration;

/// What an auditor knows of itself. Counts are of this process since its start, with what it took over from processes
/// that are gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Records written to the spool.
    pub spooled: u64,
    /// Log records acknowledged by the receiver.
    pub sent: u64,
    /// Spans acknowledged by the receiver.
    pub spans_sent: u64,
    /// Log records refused for good, which are in the dead letter with the receiver's words.
    pub refused: u64,
    /// Spans refused for good.
    pub spans_refused: u64,
    /// Records that could not be written, or not be read again where they were; a gap record tells of them.
    pub dropped: u64,
    /// Calls that were refused, since their start could not be recorded: see
    /// [`OnFailure::FailClosed`](crate::failure::OnFailure::FailClosed). None of them was made.
    pub calls_refused: u64,
    /// Records that wait for somebody who has not got them yet.
    pub depth: u64,
    /// How long the oldest of them has waited.
    pub oldest_unsent_age: Option<Duration>,
    /// Calls that have begun and not ended.
    pub open_calls: u64,
    /// Lines written to JSON-lines files.
    pub lines: u64,
    /// Bytes that the spool takes on disk, and may take.
    pub spool_bytes: (u64, u64),
    /// Fsyncs that failed.
    pub failed_syncs: u64,
    /// Attempts to deliver that failed.
    pub failed_deliveries: u64,
    /// The last delivery that failed, as a class, if none has succeeded since.
    pub delivery_failure: Option<String>,
    /// How often the spool's directory was deleted, moved or covered under this process, and made again.
    pub spool_made_again: u64,
    /// Call sites whose calls leave no record, since a filter that was changed at run time hides them, as
    /// `name (target)`.
    pub hidden: Vec<String>,
    /// Parts of the spool that other processes left and that cannot be read here, and why.
    pub unreadable: Vec<(PathBuf, String)>,
}

/// Whether a shutdown left anything undelivered. Nothing of it is lost: the next process that opens the same spool
/// goes on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Everything recorded is where it should go.
    Complete,
    /// The deadline passed first, or calls are still open; so many records wait on disk.
    Remaining(u64),
}
