//! How long to wait before a failed attempt is made again.

use std::time::Duration;

/// Pauses that double from the first to the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    /// The pause after the first failure.
    pub(crate) first: Duration,
    /// The longest pause that is made of our own accord.
    pub(crate) most: Duration,
}

impl Backoff {
    /// The pause after so many `failures` in a row, at least 1.
    ///
    /// Half of it is fixed and half of it is diced, so that many senders do not come back at once. A receiver that said
    /// when to come back (`asked`, where that is more than nothing) is not asked earlier, but up to an eighth later;
    /// its wish goes beyond `most`, and never beyond [`LONGEST_ASKED`].
    pub(super) fn pause(self, failures: u32, asked: Option<Duration>, dice: [u8; 4]) -> Duration {
        let share = f64::from(u32::from_le_bytes(dice)) / f64::from(u32::MAX);
        if let Some(asked) = asked.filter(|asked| !asked.is_zero()) {
            let asked = asked.min(LONGEST_ASKED);
            return (asked + (asked / 8).mul_f64(share)).min(LONGEST_ASKED);
        }
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let whole = self.first.saturating_mul(doubled).min(self.most);
        whole / 2 + (whole / 2).mul_f64(share)
    }
}

/// The longest pause that a receiver can ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_millis(200),
        most: Duration::from_secs(30),
    };
    const LEAST: [u8; 4] = [0; 4];
    const MOST: [u8; 4] = [0xff; 4];

    #[test]
    fn pauses_double_up_to_the_longest_and_stay_there() {
        let longest = |failures| BACKOFF.pause(failures, None, MOST).as_millis();
        assert_eq!(
            [1, 2, 3, 7, 8, 9, 100].map(longest),
            [200, 400, 800, 12_800, 25_600, 30_000, 30_000]
        );
        assert_eq!(longest(u32::MAX), 30_000);
        assert_eq!(longest(0), 200);
    }

    #[test]
    fn half_of_a_pause_is_diced() {
        assert_eq!(BACKOFF.pause(1, None, LEAST), Duration::from_millis(100));
        let middle = BACKOFF.pause(1, None, [0, 0, 0, 0x80]);
        assert_eq!(middle.as_millis(), 150);
    }

    #[test]
    fn the_receivers_wish_counts_beyond_our_longest_and_within_ten_minutes() {
        let minute = Duration::from_secs(60);
        assert_eq!(BACKOFF.pause(1, Some(minute), LEAST), minute);
        assert_eq!(
            BACKOFF.pause(9, Some(minute), MOST),
            Duration::from_millis(67_500)
        );
        for dice in [LEAST, MOST] {
            let pause = BACKOFF.pause(1, Some(Duration::MAX), dice);
            assert_eq!(pause, Duration::from_secs(600));
        }
        let soon = Duration::from_millis(1);
        assert_eq!(BACKOFF.pause(9, Some(soon), LEAST), soon);
    }

    #[test]
    fn a_wish_for_no_pause_is_no_reason_to_make_none() {
        assert_eq!(
            BACKOFF.pause(1, Some(Duration::ZERO), MOST),
            Duration::from_millis(200)
        );
    }
}
