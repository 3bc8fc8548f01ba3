//! Staying ahead of the writer: pages of a cold segment, and as many warm spares as frames have come fast.

use std::{io, os::unix::fs::FileExt};

use super::{
    ground::Ground,
    spare::{Spare, ZEROS},
    writer::Writer,
};

/// How far the active segment has been made ready, and how many spares are wanted behind it.
#[derive(Debug)]
pub(super) struct Ahead {
    /// Bytes, from the first on, that have pages in memory.
    reached: u64,
    /// How far they should go.
    goal: u64,
    /// Where frames ended at the last look.
    seen: u64,
    warm_spares: usize,
    /// Looks since a segment was begun.
    quiet: u32,
}

impl Default for Ahead {
    fn default() -> Self {
        Self {
            reached: 0,
            goal: 0,
            seen: 0,
            warm_spares: FEWEST_WARM,
            quiet: 0,
        }
    }
}

impl Ahead {
    /// A segment of so many `bytes` begins, whose frames end at `end`. One that is cold, although there was time to have
    /// it warm, says that more are wanted.
    pub(super) fn begin(&mut self, spare: &Spare, end: u64, bytes: u64, others: u64) {
        (self.seen, self.goal, self.quiet) = (end, 0, 0);
        self.reached = if spare.is_warm() { bytes } else { end };
        if others > 0 && !spare.is_warm() {
            self.warm_spares = (2 * self.warm_spares).min(MOST_WARM);
        }
    }
}

impl Writer {
    /// How many warm spares there should be.
    pub(super) fn wanted_warm(&self) -> usize {
        let options = &self.site.options;
        let share = options.capacity_bytes / options.segment_bytes / CAPACITY_SHARE;
        let share = usize::try_from(share).unwrap_or(MOST_WARM);
        self.ahead.warm_spares.min(share.max(FEWEST_WARM))
    }

    /// Looks how fast frames come, and settles how far the active segment should be ready for them: no further than it is
    /// where they come slowly, or pages are had otherwise.
    pub(super) fn look_ahead(&mut self) {
        self.ahead.quiet = self.ahead.quiet.saturating_add(1);
        if self.ahead.quiet >= QUIET_LOOKS {
            self.ahead.warm_spares = FEWEST_WARM;
        }
        let bytes = self.site.options.segment_bytes;
        let Some(active) = &self.active else {
            return;
        };
        let end = active.segment.end();
        let grown = end.saturating_sub(std::mem::replace(&mut self.ahead.seen, end));
        let fast = grown >= PIECE && self.window.is_none() && self.site.ground == Ground::Steady;
        let goal = (end + (2 * grown).min(FARTHEST)).min(bytes);
        self.ahead.goal = if fast { goal } else { 0 };
    }

    /// Puts one piece of zeros behind what is ready, under the appenders' lock, so that it covers no frame. True while there
    /// is more to do.
    pub(super) fn go_ahead(&mut self) -> io::Result<bool> {
        let Some(active) = &self.active else {
            return Ok(false);
        };
        let start = self.ahead.reached.max(active.segment.end());
        let stop = ((start / PIECE + 1) * PIECE).min(self.site.options.segment_bytes);
        if start >= self.ahead.goal {
            return Ok(false);
        }
        active
            .file
            .write_all_at(&ZEROS[..(stop - start) as usize], start)?;
        self.ahead.reached = stop;
        Ok(true)
    }

    /// Gives out a spare that is not wanted any more, and that reservations can do without.
    pub(super) fn take_surplus(&mut self) -> Option<Spare> {
        let surplus = self.ahead.quiet >= QUIET_LOOKS && self.spares.len() > self.wanted_warm();
        let spare = (surplus && self.can_spare_one()).then(|| self.spares.pop_back());
        spare.flatten()
    }
}

/// Warm spares that there are while frames come as fast as these can be made.
const FEWEST_WARM: usize = 2;
/// Warm spares that there are at most, but for those that reservations need.
const MOST_WARM: usize = 8;
/// The part of the capacity that warm spares take at most, beyond the fewest: one in so many bytes.
const CAPACITY_SHARE: u64 = 8;
/// Looks without a new segment after which few spares do again. There is one a sync, or two a second.
const QUIET_LOOKS: u32 = 2_000;
/// Zeros that are written at a time while appenders wait; and the growth between two looks that counts as fast.
const PIECE: u64 = ZEROS.len() as u64;
/// How far ahead of the last frame pages are made ready.
const FARTHEST: u64 = 1 << 20;
