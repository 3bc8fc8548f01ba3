//! Which frames of a lane are final records: one bit a frame, so that what waits can be counted exactly and cheaply.

use std::collections::VecDeque;

/// The final records among frames, by index.
#[derive(Debug, Default)]
pub(super) struct Finals {
    /// Consecutive blocks; the first begins at `base` blocks.
    blocks: VecDeque<[u64; WORDS]>,
    base: u64,
}

impl Finals {
    /// The frame of this index is a final record. Indices come in ascending order, but for gaps.
    pub(super) fn insert(&mut self, index: u64) {
        let block = index / FRAMES;
        if self.blocks.is_empty() {
            self.base = block;
        }
        let Some(place) = block
            .checked_sub(self.base)
            .and_then(|place| usize::try_from(place).ok())
        else {
            return;
        };
        while self.blocks.len() <= place {
            self.blocks.push_back([0; WORDS]);
        }
        let (word, bit) = place_in_block(index);
        self.blocks[place][word] |= 1 << bit;
    }

    /// How many there are from this index on.
    pub(super) fn count_from(&self, index: u64) -> u64 {
        let mut count = 0;
        for (place, block) in self.blocks.iter().enumerate() {
            let first = (self.base + place as u64) * FRAMES;
            if first + FRAMES <= index {
                continue;
            }
            let below = index.saturating_sub(first);
            for (at, word) in block.iter().enumerate() {
                let skipped = below.saturating_sub(at as u64 * 64).min(64);
                let kept = if skipped == 64 { 0 } else { *word >> skipped };
                count += u64::from(kept.count_ones());
            }
        }
        count
    }

    /// Forgets what is below this index.
    pub(super) fn forget_below(&mut self, index: u64) {
        while (self.base + 1) * FRAMES <= index && !self.blocks.is_empty() {
            self.blocks.pop_front();
            self.base += 1;
        }
    }
}

fn place_in_block(index: u64) -> (usize, u64) {
    let within = index % FRAMES;
    (
        usize::try_from(within / 64).expect("a block has few words"),
        within % 64,
    )
}

const WORDS: usize = 16;
const FRAMES: u64 = WORDS as u64 * 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_count_is_that_of_the_indices_from_there_on(
            mut indices in proptest::collection::btree_set(500..9000_u64, 0..200),
            from in 0..9100_u64,
            below in 0..9100_u64,
        ) {
            let mut finals = Finals::default();
            indices.iter().for_each(|index| finals.insert(*index));
            prop_assert_eq!(finals.count_from(from), indices.iter().filter(|index| **index >= from).count() as u64);
            finals.forget_below(below);
            indices.retain(|index| *index >= below.max(from));
            prop_assert_eq!(finals.count_from(below.max(from)), indices.len() as u64);
        }
    }
}
