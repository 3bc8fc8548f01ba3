//! A day in UTC, and the name of its file.

use std::fmt;
use std::str::FromStr;

use crate::record::Timestamp;

/// A calendar day in UTC, `YYYY-MM-DD`; days are in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Day(jiff::civil::Date);

/// The text is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a day between 1970 and 2262, such as 2026-11-22")]
pub(crate) struct DayError;

impl Day {
    /// The name of its file.
    pub(crate) fn file_name(self) -> String {
        format!("audit_{self}.jsonl")
    }
}

impl From<Timestamp> for Day {
    fn from(time: Timestamp) -> Self {
        let day = time.day();
        Self(
            day.parse()
                .expect("an instant's day is a day of the calendar"),
        )
    }
}

/// Its first instant.
impl From<Day> for Timestamp {
    fn from(day: Day) -> Self {
        format!("{day}T00:00:00Z")
            .parse()
            .expect("a day's midnight was looked at when the day was made")
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let day = Self(text.parse().map_err(|_| DayError)?);
        let midnight = format!("{day}T00:00:00Z").parse::<Timestamp>();
        let strict = day.to_string() == text && midnight.is_ok();
        if strict { Ok(day) } else { Err(DayError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_printed_form_of_a_day_is_one() {
        for text in [
            "2026-11-22T00:00:00",
            "20261122",
            "2026-02-30",
            "1969-12-31",
            "9999-01-01",
            "",
        ] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
        let day: Day = "2026-11-22".parse().unwrap();
        let start = Timestamp::from(day);
        assert_eq!(start.to_string(), "2026-11-22T00:00:00.000000000Z");
        assert_eq!(Day::from(start), day);
        assert_eq!(day.file_name(), "audit_2026-11-22.jsonl");
    }

    #[test]
    fn the_last_instant_there_is_has_a_day() {
        assert_eq!(
            Day::from(Timestamp::from_unix_nanos(u64::MAX)).to_string(),
            "2554-07-21"
        );
    }
}
