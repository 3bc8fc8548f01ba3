//! Places where something could be found, at the speed of memory.
//!
//! Every rule begins at a byte that ordinary prose has few of: a digit, one of `- . / : ; < = > ? @ _`, or one of the
//! letters `A B J b` that begin or mark prefixes (`AKIA`, `Bearer`, `eyJ`). 64 bytes at a time become one number with a
//! bit for each such byte; compilers turn the loop into vector instructions. Where a set of rules has more places to
//! begin, a table of bytes is read instead.

/// The places of a text where a rule may begin, in order.
pub(super) struct Anchors<'b> {
    bytes: &'b [u8],
    more: Option<&'b [bool; 256]>,
    /// Where the next block begins.
    next: usize,
    /// What is left of the last block: bit n is byte `next - 64 + n`.
    left: u64,
}

impl<'b> Anchors<'b> {
    /// Those at or after `from`; of the bytes in `more` too.
    pub(super) fn of(bytes: &'b [u8], from: usize, more: Option<&'b [bool; 256]>) -> Self {
        Self {
            bytes,
            more,
            next: from,
            left: 0,
        }
    }

    /// Goes on at or after a place; back is no way.
    #[inline]
    pub(super) fn skip_to(&mut self, at: usize) {
        if at >= self.next {
            (self.next, self.left) = (at, 0);
        } else if at + BLOCK > self.next {
            self.left &= u64::MAX << (at + BLOCK - self.next);
        }
    }

    fn read_block(&mut self) {
        let rest = &self.bytes[self.next..];
        let mut padded = [0; BLOCK];
        let block: &[u8; BLOCK] = match rest.first_chunk() {
            Some(block) => block,
            None => {
                padded[..rest.len()].copy_from_slice(rest);
                &padded
            }
        };
        self.left = match self.more {
            None => bits(&block.map(is_anchor)),
            Some(more) => bits(&block.map(|b| is_anchor(b) | u8::from(more[usize::from(b)]))),
        };
        if rest.len() < BLOCK {
            self.left &= (1 << rest.len()) - 1;
        }
        self.next += BLOCK;
    }
}

impl Iterator for Anchors<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.left == 0 {
            if self.next >= self.bytes.len() {
                return None;
            }
            self.read_block();
        }
        let bit = self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some(self.next + bit - BLOCK)
    }
}

/// 1 for a byte at which a rule may begin, else 0.
#[inline]
const fn is_anchor(b: u8) -> u8 {
    // `-./0123456789:;<=>?@A` stand side by side in ASCII.
    (b.wrapping_sub(b'-') <= b'A' - b'-') as u8
        | (b == b'_') as u8
        | (b | 0x20 == b'b') as u8
        | (b == b'J') as u8
}

/// One bit a byte, of bytes that are 0 or 1.
#[inline]
fn bits(flags: &[u8; BLOCK]) -> u64 {
    let (groups, _) = flags.as_chunks::<8>();
    let of_group = |group: &[u8; 8]| {
        // Moves the eight ones to the top byte, the first one lowest.
        u64::from_le_bytes(*group).wrapping_mul(0x0102_0408_1020_4080) >> 56
    };
    let with_place = groups.iter().enumerate();
    with_place.fold(0, |all, (nth, group)| all | of_group(group) << (8 * nth))
}

const BLOCK: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn anchors_are_what_a_loop_over_the_bytes_finds(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            from in 0_usize..300,
            extra in any::<u8>(),
        ) {
            let from = from.min(bytes.len());
            let mut more = [false; 256];
            more[usize::from(extra)] = true;
            let wanted = |more: &[bool; 256]| -> Vec<usize> {
                (from..bytes.len()).filter(|at| is_anchor(bytes[*at]) == 1 || more[usize::from(bytes[*at])]).collect()
            };
            prop_assert_eq!(Anchors::of(&bytes, from, None).collect::<Vec<_>>(), wanted(&[false; 256]));
            prop_assert_eq!(Anchors::of(&bytes, from, Some(&more)).collect::<Vec<_>>(), wanted(&more));
        }

        #[test]
        fn skipping_leaves_out_what_lies_before(bytes in prop::collection::vec(b'.'..b'z', 1..300), to in 0_usize..300) {
            let to = to.min(bytes.len());
            let mut anchors = Anchors::of(&bytes, 0, None);
            let first = anchors.next();
            anchors.skip_to(to);
            let rest: Vec<usize> = anchors.collect();
            let wanted = Anchors::of(&bytes, 0, None).filter(|at| *at >= to && Some(*at) != first);
            prop_assert_eq!(rest, wanted.collect::<Vec<_>>());
        }
    }
}
