//! Seeded choices: the same seed makes the same texts on every machine.

/// SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// A number from `first` to `last`, both included.
    pub(crate) fn between(&mut self, first: usize, last: usize) -> usize {
        first + self.below(last - first + 1)
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub(crate) fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    /// `count` characters of an alphabet of ASCII.
    pub(crate) fn text(&mut self, alphabet: &str, count: usize) -> String {
        (0..count)
            .map(|_| char::from(*self.pick(alphabet.as_bytes())))
            .collect()
    }

    pub(crate) fn digits(&mut self, count: usize) -> String {
        self.text("0123456789", count)
    }

    /// The pattern with `#` as a digit, `N` as 2 to 9, `@` as a small letter, `^` as a capital, `%` as a hexadecimal digit,
    /// and `*` as a letter or digit.
    pub(crate) fn fill(&mut self, pattern: &str) -> String {
        pattern
            .chars()
            .map(|c| match c {
                '#' => self.text("0123456789", 1),
                'N' => self.text("23456789", 1),
                '@' => self.text("abcdefghijklmnopqrstuvwxyz", 1),
                '^' => self.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 1),
                '%' => self.text("0123456789abcdef", 1),
                '*' => self.text(ALPHANUMERIC, 1),
                other => other.to_string(),
            })
            .collect()
    }
}

pub(crate) const ALPHANUMERIC: &str =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
