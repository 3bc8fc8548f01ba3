//! What becomes of a record that cannot be written, when a record counts as written, and how much there may be of
//! everything.
//!
//! # Modes
//!
//! | | layer, changes, accesses | guard |
//! |---|---|---|
//! | [`OnFailure::DropAndCount`] | default of the layer | where said |
//! | [`OnFailure::FailClosed`] | refused by `build()`: a span cannot be refused; changes and accesses always return the error | default |
//! | [`OnFailure::WaitForRoom`] | layer, where said | where said |
//! | [`Durability::Buffered`], [`Durability::GroupCommit`] | for all records of an auditor | a call may ask for more than its auditor, never get less |
//! | [`Durability::Strict`] | refused by `build()`: the layer waits for no fsync | where said |
//!
//! # Limits
//!
//! What goes beyond a limit is not recorded, or not whole; nothing stops, and nothing is lost unsaid. Each breach has a
//! name: it is the `reason` of the gap record that tells how many records were lost, and of
//! [`GuardError::NotRecorded`](crate::GuardError::NotRecorded).
//!
//! | what | limit | beyond it | reason |
//! |---|---|---|---|
//! | the spool of a process | [`spool_bytes`](crate::AuditorBuilder::spool_bytes), 1 GiB | on failure, as chosen | `spool_full` |
//! | a segment of it | a quarter of the spool, at most 16 MiB | another one is begun | |
//! | a record | one segment, less its header | lost | `record_too_large` |
//! | the disk | its room, its rights, its health | on failure, as chosen | `spool_failed` |
//! | calls that are open at a time | [`open_calls`](crate::AuditorBuilder::open_calls), 100,000 | not begun, lost | `too_many_open_calls` |
//! | the life of an auditor | its shutdown | lost | `shut_down` |
//! | the life of the spool's directory | its deletion | made again; what stood in deleted files and was not delivered is lost | `spool_deleted` |
//! | frames on the disk | their checksum | lost | `frames_damaged`, `torn_tail`, `starts_unreadable`, `losses_unreadable` |
//! | names, models, users and other labels | 1,024 bytes | cut, ends with `…` | |
//! | an error's text | 500 characters | cut | |
//! | metadata, and each JSON value of a change | 16 KiB, 127 levels | replaced by a note that says so | |
//! | each content that a [policy](crate::policy) lets leave as text | 256 KiB, and a sixteenth of a segment | replaced by a note of its size | |
//!
//! The spool keeps room for one gap record and for 4 KiB of every open call's end. Where not even a gap record fits, the
//! counts stand in a note beside the frames until there is room again, which needs no restart.

use std::time::Duration;

pub use super::finding::{Finding, Verdict};

/// What becomes of a record that cannot be written: the spool is full, its disk is, or there are too many open calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// The call goes on, the loss is counted and told by a gap record. What the layer does unless said.
    DropAndCount,
    /// [`Auditor::start`](crate::Auditor::start) fails, so that the call is not made. What the guard does unless said; the
    /// layer cannot.
    #[default]
    FailClosed,
    /// The calling thread waits until there is room, at the call's start and at its end, and then as
    /// [`DropAndCount`](Self::DropAndCount). No lock is held meanwhile, neither of ours nor of the span registry, and
    /// other threads go on. A guard that is dropped ends its call, and so may wait too.
    ///
    /// It waits only for what can pass: a spool or disk that is full or fails. A receiver that is away for long therefore
    /// stops the application once its spool is full. That is what is asked for.
    WaitForRoom(Patience),
}

/// How long somebody waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// At most so long, for each of a call's start and its end.
    AtMost(Duration),
    /// Until there is room, or the auditor is shut down.
    Unlimited,
}

impl Patience {
    /// What is left of it when so much time has been spent.
    pub(super) fn left(self, spent: Duration) -> Duration {
        match self {
            Self::AtMost(time) => time.saturating_sub(spent),
            Self::Unlimited => LONG,
        }
    }
}

/// When a record counts as written. The order is that of strictness: of a call's and its auditor's, the stricter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Durability {
    /// When the kernel has it, which survives a killed process. An fsync follows within a second or with the 4,096th
    /// record, whichever comes first, and that is what a power loss can take. Records are delivered after the fsync, so
    /// about a second late. Waits for nothing.
    Buffered,
    /// When the kernel has it, which survives a killed process; one fsync for all follows within the sync interval (5 ms
    /// by default), which is what a power loss can take. Waits for nothing.
    #[default]
    GroupCommit,
    /// When it is on disk: a guard's start and end wait for an fsync.
    Strict,
}

/// How an auditor behaves where a call says nothing else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Modes {
    pub(crate) layer: OnFailure,
    pub(crate) guard: OnFailure,
    /// Of every record.
    pub(crate) durability: Durability,
    /// Of calls with a guard.
    pub(crate) guard_durability: Durability,
    /// Calls that may be open at a time.
    pub(crate) open_calls: u64,
}

impl Default for Modes {
    fn default() -> Self {
        Self {
            layer: OnFailure::DropAndCount,
            guard: OnFailure::FailClosed,
            durability: Durability::GroupCommit,
            guard_durability: Durability::Buffered,
            open_calls: 100_000,
        }
    }
}

impl Modes {
    /// Which setting has no meaning, and why.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.layer == OnFailure::FailClosed {
            let fault = "FailClosed cannot be had from the layer, since a span cannot be refused: start calls with Auditor::start(..), or choose DropAndCount or WaitForRoom";
            return Err(("layer_on_failure", fault));
        }
        if self.durability == Durability::Strict {
            let fault = "Strict cannot be had for all records, since the layer waits for no fsync: choose it with guard_durability(..) or CallStart::durability(..)";
            return Err(("durability", fault));
        }
        if self.open_calls == 0 {
            return Err(("open_calls", "0 would record nothing, must be at least 1"));
        }
        Ok(())
    }
}

/// Long enough to be for ever, short enough to be added to any time.
const LONG: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_without_a_meaning_are_refused() {
        let modes = Modes::default();
        assert_eq!(modes.check(), Ok(()));
        let refused = |modes: Modes| modes.check().unwrap_err().0;
        let layer = OnFailure::FailClosed;
        assert_eq!(refused(Modes { layer, ..modes }), "layer_on_failure");
        let durability = Durability::Strict;
        assert_eq!(
            refused(Modes {
                durability,
                ..modes
            }),
            "durability"
        );
        assert_eq!(
            refused(Modes {
                open_calls: 0,
                ..modes
            }),
            "open_calls"
        );
    }
}
