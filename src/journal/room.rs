//! The arithmetic of promised room: whether what is allocated covers what is reserved.

use super::format::frame_length;

/// Allocated bytes that no frame has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allocated {
    /// In the segment that is being written.
    pub(super) active: u64,
    /// Segments that wait to be written.
    pub(super) spares: u64,
    /// What one such segment takes.
    pub(super) segment: u64,
}

impl Allocated {
    /// What is left when a frame of this many bytes has been placed; None if it fits nowhere.
    pub(super) fn after(self, frame: u64) -> Option<Self> {
        if frame <= self.active {
            return Some(Self {
                active: self.active - frame,
                ..self
            });
        }
        let fits = self.spares > 0 && frame <= self.segment;
        fits.then(|| Self {
            active: self.segment - frame,
            spares: self.spares - 1,
            ..self
        })
    }
}

/// Every open reservation, as frame lengths.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reservations {
    bytes: u64,
    count: u64,
    /// How many have a length of at most 2^n, and more than half of that: enough to know a bound on the largest.
    by_size: [u32; 34],
}

impl Default for Reservations {
    fn default() -> Self {
        Self {
            bytes: 0,
            count: 0,
            by_size: [0; 34],
        }
    }
}

impl Reservations {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn add(&mut self, payload: u32) {
        let frame = frame_length(u64::from(payload));
        self.bytes += frame;
        self.count += 1;
        self.by_size[size_class(frame)] += 1;
    }

    /// False, and nothing done, if no such reservation can be open.
    pub(super) fn remove(&mut self, payload: u32) -> bool {
        let frame = frame_length(u64::from(payload));
        let class = &mut self.by_size[size_class(frame)];
        if *class == 0 || self.bytes < frame {
            return false;
        }
        *class -= 1;
        self.count -= 1;
        self.bytes -= frame;
        true
    }

    /// Whether all reserved frames will find room, in whatever order they come.
    ///
    /// A frame is never split, and a segment is left for good when a frame does not fit it. With no frame longer than
    /// `largest`, a segment that is left has lost less than `largest`, so it took at least `free - largest + 8` bytes
    /// (lengths are multiples of 8), and at least `free / largest` frames. Either count, summed over all segments,
    /// proves the promise; and placing a reserved frame lowers neither by more than it lowers what is reserved.
    pub(super) fn are_covered_by(&self, allocated: Allocated) -> bool {
        if self.count == 0 {
            return true;
        }
        let largest = self.largest().min(allocated.segment);
        let bytes = |free: u64| (free + 8).saturating_sub(largest);
        let frames = |free: u64| free / largest;
        bytes(allocated.active) + allocated.spares * bytes(allocated.segment) >= self.bytes
            || frames(allocated.active) + allocated.spares * frames(allocated.segment) >= self.count
    }

    fn largest(&self) -> u64 {
        let class = self.by_size.iter().rposition(|count| *count > 0);
        class.map_or(0, |class| 1 << class)
    }
}

fn size_class(frame: u64) -> usize {
    frame.next_power_of_two().trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_reservation_larger_than_what_is_left_of_every_segment_is_not_covered() {
        let mut open = Reservations::default();
        open.add(600);
        assert!(!open.are_covered_by(Allocated {
            active: 616,
            spares: 0,
            segment: 1000
        }));
        assert!(open.are_covered_by(Allocated {
            active: 616,
            spares: 1,
            segment: 1000
        }));
        open.add(600);
        assert!(!open.are_covered_by(Allocated {
            active: 616,
            spares: 1,
            segment: 1000
        }));
    }

    #[test]
    fn what_was_not_reserved_cannot_be_used() {
        let mut open = Reservations::default();
        assert!(!open.remove(100));
        open.add(100);
        assert!(!open.remove(5000));
        assert!(open.remove(100));
        assert_eq!((open.bytes(), open.largest()), (0, 0));
    }

    proptest! {
        #[test]
        fn what_is_covered_can_be_placed_in_any_order_and_stays_covered(
            sizes in prop::collection::vec(0u32..2000, 0..40),
            active in 0u64..400,
            spares in 0u64..12,
            order in prop::collection::vec(any::<prop::sample::Index>(), 40),
            shrink in prop::collection::vec(0u32..2000, 40),
        ) {
            let mut allocated = Allocated { active: active * 8, spares, segment: 4096 };
            let mut open = Reservations::default();
            let mut waiting = Vec::new();
            for size in sizes {
                let mut with = open;
                with.add(size);
                if with.are_covered_by(allocated) {
                    open = with;
                    waiting.push(size);
                }
            }
            for (pick, shrink) in order.iter().zip(shrink) {
                if waiting.is_empty() {
                    break;
                }
                let reserved = waiting.swap_remove(pick.index(waiting.len()));
                prop_assert!(open.remove(reserved));
                let placed = allocated.after(frame_length(u64::from(reserved.saturating_sub(shrink))));
                prop_assert!(placed.is_some());
                allocated = placed.unwrap_or(allocated);
                prop_assert!(open.are_covered_by(allocated));
            }
        }
    }
}
