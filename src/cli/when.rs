//! Points in time as people write them.

use std::str::FromStr;

use crate::emit::json_lines::day::Day;
use crate::record::Timestamp;

/// A point in time: an instant, a day, or so long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// So many nanoseconds ago.
    Ago(u64),
    /// An instant.
    At(Timestamp),
    /// A day in UTC.
    On(Day),
}

/// The text says no point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an instant (2026-11-22T10:00:00Z), a day (2026-11-22), or a time ago (90s, 30m, 24h, 7d, 2w)"
)]
pub(super) struct WhenError;

impl When {
    /// The first instant that counts where this is a beginning.
    pub(super) fn first(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(nanos) => Timestamp::from_unix_nanos(now.unix_nanos().saturating_sub(nanos)),
            Self::At(time) => time,
            Self::On(day) => day.into(),
        }
    }

    /// The first instant that counts no more where this is an end: a day counts to its last moment.
    pub(super) fn end(self, now: Timestamp) -> Timestamp {
        match self {
            Self::On(day) => Timestamp::from(day).plus_nanos(DAY),
            other => other.first(now),
        }
    }
}

impl FromStr for When {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, WhenError> {
        if let Ok(day) = text.parse() {
            return Ok(Self::On(day));
        }
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        let unit = match text.chars().last() {
            Some('s') => SECOND,
            Some('m') => 60 * SECOND,
            Some('h') => 3600 * SECOND,
            Some('d') => DAY,
            Some('w') => 7 * DAY,
            _ => return Err(WhenError),
        };
        let digits = &text[..text.len() - 1];
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let count: u64 = digits.parse().map_err(|_| WhenError)?;
        let nanos = count.checked_mul(unit).filter(|_| plain);
        nanos.map(Self::Ago).ok_or(WhenError)
    }
}

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_days_and_times_ago_are_read_and_nothing_else() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let first = |text: &str| text.parse::<When>().map(|when| when.first(now).to_string());
        assert_eq!(first("24h").unwrap(), "2026-11-21T10:00:00.000000000Z");
        assert_eq!(first("2w").unwrap(), "2026-11-08T10:00:00.000000000Z");
        assert_eq!(
            first("2026-11-22").unwrap(),
            "2026-11-22T00:00:00.000000000Z"
        );
        assert_eq!(first("2026-11-22T12:00:00+02:00").unwrap(), now.to_string());
        for text in [
            "",
            "h",
            "+1h",
            "1",
            "1y",
            "-1d",
            "99999999999999999w",
            "1é",
            "yesterday",
        ] {
            assert_eq!(first(text), Err(WhenError), "{text}");
        }
    }

    #[test]
    fn a_day_ends_when_the_next_begins() {
        let now = Timestamp::from_unix_nanos(0);
        let day: When = "2026-12-31".parse().unwrap();
        assert_eq!(day.end(now).to_string(), "2027-01-01T00:00:00.000000000Z");
        assert_eq!(When::Ago(5).first(now), now);
    }
}
