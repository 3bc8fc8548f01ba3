//! Giving up what everybody has, though calls that began long ago still go on.

use super::{END_ROOM, Lane, SEQUENCE_CURSOR, State};
use crate::emit::spool::frame;
use crate::journal::{AppendError, CursorError, Entry, FrameIndex, ReadError, Room, SyncError};

/// Why segments could not be released; they are tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReleaseError {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Cursor(#[from] CursorError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Sync(#[from] SyncError),
}

impl Lane {
    /// Deletes segments that everybody has read up to `consumed` and that hold no open start. An open start in the way
    /// of a segment is copied forward.
    pub(crate) fn release(&self, consumed: FrameIndex) -> Result<(), ReleaseError> {
        // Where not all could be copied, what is before the first that was not is released all the same.
        let copied = self.copy_starts_forward(consumed);
        let (bound, next_seq) = {
            let state = self.state();
            let oldest_start = state.starts.oldest().unwrap_or(u64::MAX);
            (consumed.0.min(oldest_start), state.next_seq)
        };
        if !self.journal.would_release(FrameIndex(bound)) {
            return copied;
        }
        // A start that was on disk may go only when its copy is on disk too.
        self.sync()?;
        // The numbers of released records are known from nothing else after a crash.
        self.journal
            .save_cursor(SEQUENCE_CURSOR, FrameIndex(next_seq))?;
        self.journal.release(FrameIndex(bound));
        let mut state = self.state();
        state.finals.forget_below(bound);
        while state.without_room > 0 && self.journal.reserve(END_ROOM).is_ok() {
            state.without_room -= 1;
        }
        copied
    }

    /// Copies starts that stand below `consumed`, and so would keep their segments, to the end of the journal.
    pub(super) fn copy_starts_forward(&self, consumed: FrameIndex) -> Result<(), ReleaseError> {
        let usage = self.journal.usage();
        if usage.segments < SEGMENTS_BEFORE_COPYING {
            return Ok(());
        }
        let oldest = self.state().starts.below(consumed, COPIES_AT_A_TIME);
        for (at, slot, place) in oldest {
            let mut reader = self.journal.reader(FrameIndex(place));
            let Some(Entry::Frame(found)) = reader.next(FrameIndex(place + 1))? else {
                continue;
            };
            let mut state = self.state();
            if state.starts.holds(at, slot) {
                let copy = self.copy_start(&mut state, found.payload)?;
                state.starts.relocate(at, copy);
            }
        }
        Ok(())
    }

    /// Appends the copy of a start. In a full lane it takes the room of an end: what is released for it makes up for that,
    /// and without it nothing could be released until the call has ended.
    fn copy_start(&self, state: &mut State, payload: &[u8]) -> Result<FrameIndex, AppendError> {
        match self.journal.append(frame::START, payload, Room::Free) {
            Err(AppendError::Full { .. }) => {}
            appended => return appended,
        }
        let appended = self
            .journal
            .append(frame::START, payload, Room::Use(END_ROOM))?;
        if self.journal.reserve(END_ROOM).is_err() {
            state.without_room += 1;
        }
        Ok(appended)
    }
}

/// Segments that there must be before starts are copied out of the oldest.
const SEGMENTS_BEFORE_COPYING: usize = 3;
/// Starts that are copied in one go.
const COPIES_AT_A_TIME: usize = 256;
