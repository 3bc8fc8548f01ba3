//! The starts without an end, in places that are used again, so that beginning and ending a call allocates nothing.

use crate::journal::FrameIndex;

/// A start that was recorded. Its end finds room reserved.
#[derive(Debug)]
pub(crate) struct StartToken {
    index: u64,
    slot: usize,
}

impl StartToken {
    /// The frame that the start was given.
    pub(crate) fn index(&self) -> FrameIndex {
        FrameIndex(self.index)
    }
}

/// Which starts are open, and where they stand.
#[derive(Debug, Default)]
pub(super) struct Starts {
    slots: Vec<Slot>,
    /// Places in `slots` that are free.
    free: Vec<usize>,
}

/// An open start, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Free,
    /// The frame that the start was given, and the one where it stands now that it may have been copied forward.
    Open {
        index: u64,
        place: u64,
    },
}

impl Starts {
    /// A start was recorded in this frame.
    pub(super) fn open(&mut self, index: FrameIndex) -> StartToken {
        let FrameIndex(index) = index;
        let open = Slot::Open {
            index,
            place: index,
        };
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot] = open;
            slot
        } else {
            self.slots.push(open);
            self.slots.len() - 1
        };
        StartToken { index, slot }
    }

    /// The start has its end, or will have none.
    pub(super) fn close(&mut self, token: &StartToken) {
        self.slots[token.slot] = Slot::Free;
        self.free.push(token.slot);
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Where the one stands that stands first.
    pub(super) fn oldest(&self) -> Option<u64> {
        let places = self.slots.iter().filter_map(|slot| match slot {
            Slot::Open { place, .. } => Some(*place),
            Slot::Free => None,
        });
        places.min()
    }

    /// So many of those that stand below this frame, the first ones first: what they are known by, and where they stand.
    pub(super) fn below(&self, bound: FrameIndex, at_most: usize) -> Vec<(usize, Slot, u64)> {
        let slots = self.slots.iter().enumerate();
        let below = slots.filter_map(|(at, slot)| match slot {
            Slot::Open { place, .. } if *place < bound.0 => Some((at, *slot, *place)),
            _ => None,
        });
        let mut below: Vec<_> = below.collect();
        below.sort_unstable_by_key(|(.., place)| *place);
        below.truncate(at_most);
        below
    }

    /// Whether this is still the same start, standing where it stood.
    pub(super) fn holds(&self, at: usize, slot: Slot) -> bool {
        self.slots.get(at) == Some(&slot)
    }

    /// A start was copied to another frame.
    pub(super) fn relocate(&mut self, at: usize, to: FrameIndex) {
        if let Slot::Open { place, .. } = &mut self.slots[at] {
            *place = to.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_free_is_used_again_and_starts_are_told_apart() {
        let mut starts = Starts::default();
        let first = starts.open(FrameIndex(3));
        let second = starts.open(FrameIndex(5));
        assert_eq!((starts.len(), starts.oldest()), (2, Some(3)));
        let [(at, slot, 3)] = starts.below(FrameIndex(5), 9)[..] else {
            panic!("only the first stands below: {starts:?}");
        };
        assert!(starts.holds(at, slot));
        starts.relocate(at, FrameIndex(8));
        assert_eq!(starts.oldest(), Some(5));
        starts.close(&first);
        let third = starts.open(FrameIndex(9));
        assert!(!starts.holds(at, slot), "another start has its place");
        assert_eq!((starts.len(), starts.slots.len()), (2, 2));
        assert_eq!((second.index().0, third.index().0), (5, 9));
        let places: Vec<u64> = starts
            .below(FrameIndex(99), 1)
            .iter()
            .map(|it| it.2)
            .collect();
        assert_eq!(places, [5], "the first ones first");
    }
}
