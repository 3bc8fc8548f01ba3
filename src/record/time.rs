//! Instants: nanoseconds since the Unix epoch, UTC.

use std::fmt;
use std::str::FromStr;

/// An instant: nanoseconds since 1970-01-01T00:00:00Z, from 0 to the year 2554.
///
/// Prints and parses as RFC 3339 in UTC with nine decimals.
///
/// ```
/// use llm_audit::record::Timestamp;
/// let time = Timestamp::from_unix_nanos(1_700_000_000_000_000_001);
/// assert_eq!(time.to_string(), "2023-11-14T22:13:20.000000001Z");
/// assert_eq!(time.to_string().parse(), Ok(time));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(u64);

/// The text is no RFC 3339 instant between 1970 and 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 instant between 1970 and 2262, such as 2026-11-22T10:00:00Z")]
pub struct TimestampError;

impl Timestamp {
    /// The instant that lies `nanos` nanoseconds after the Unix epoch.
    #[must_use]
    pub const fn from_unix_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn unix_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the Unix epoch.
    #[must_use]
    pub const fn unix_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The instant `nanos` nanoseconds later; the last one there is where that lies beyond it.
    #[must_use]
    pub const fn plus_nanos(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// The calendar day in UTC, as `YYYY-MM-DD`.
    #[must_use]
    pub fn day(self) -> String {
        self.to_string()[..10].to_owned()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(time) => write!(f, "{time:.9}"),
            // jiff ends with the year 9999, u64 nanoseconds with 2554: not reached.
            Err(_) => write!(f, "{}ns", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let time: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        u64::try_from(time.as_nanosecond())
            .map(Self)
            .map_err(|_| TimestampError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_and_the_last_instant_print() {
        assert_eq!(
            Timestamp::from_unix_nanos(0).to_string(),
            "1970-01-01T00:00:00.000000000Z"
        );
        assert_eq!(
            Timestamp::from_unix_nanos(u64::MAX).to_string(),
            "2554-07-21T23:34:33.709551615Z"
        );
        assert_eq!(Timestamp::from_unix_nanos(u64::MAX).day(), "2554-07-21");
    }

    #[test]
    fn instants_before_the_epoch_and_nonsense_are_refused() {
        assert!("1969-12-31T23:59:59Z".parse::<Timestamp>().is_err());
        assert!("yesterday".parse::<Timestamp>().is_err());
    }
}
