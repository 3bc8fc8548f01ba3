//! Staying where it is, though somebody deletes the spool under a running application.

use std::sync::atomic::Ordering;

use super::{Lane, SEQUENCE_CURSOR};
use crate::emit::spool::{Consumer, Kept};
use crate::journal::{FrameIndex, JournalError};

impl Lane {
    /// Makes the lane's directory again where somebody has deleted, moved or covered it. What stands in files that are
    /// still open is written again; what stood in others is lost to those who had not got it, and will be told.
    pub(in crate::emit::spool) fn keep_in_place(
        &self,
        consumers: &[Consumer],
    ) -> Result<Kept, JournalError> {
        if self.journal.is_in_place() {
            return Ok(Kept::AsItWas);
        }
        let saved = self.journal.restore()?;
        let lost = self.tell_deleted(saved, consumers);
        // A cursor that cannot be saved now is saved when it moves.
        let next_seq = self.state().next_seq;
        let _ = self
            .journal
            .save_cursor(SEQUENCE_CURSOR, FrameIndex(next_seq));
        for consumer in consumers {
            let position = &self.positions[*consumer as usize];
            let reached = position.reached.load(Ordering::Acquire);
            let at = FrameIndex(reached);
            if self.journal.save_cursor(consumer.cursor(), at).is_ok() {
                position.saved.store(reached, Ordering::Relaxed);
            }
        }
        self.state().losses.forget_note();
        // What this leaves undone the flusher's next sync does.
        let _ = self.sync();
        Ok(Kept::MadeAgain { lost })
    }

    /// Counts the records below `saved` that somebody has not got. Readers come upon them as damage, which is told by this.
    fn tell_deleted(&self, saved: FrameIndex, consumers: &[Consumer]) -> u64 {
        // Spans are views of records: who has the record has lost nothing.
        let of_records = |consumer: &&Consumer| **consumer != Consumer::Traces;
        let positions = consumers.iter().filter(of_records);
        let reached = positions.map(|consumer| self.position(*consumer).0).min();
        let told = self.damage_told.fetch_max(saved.0, Ordering::AcqRel);
        let from = reached.unwrap_or(saved.0).max(told);
        let mut state = self.state();
        let lost = state
            .finals
            .count_from(from)
            .saturating_sub(state.finals.count_from(saved.0.max(from)));
        if lost > 0 {
            state.losses.add("spool_deleted", lost);
        }
        lost
    }
}
