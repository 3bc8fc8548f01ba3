//! Hours in which a model has other prices.
//!
//! A window is `HH:MM-HH:MM` in UTC, its end excluded; one that ends before it begins goes over midnight, one that ends
//! where it begins is the whole day. It holds on the days of the week that it names (1 is Monday, in UTC, by the day of
//! the moment asked for), or on all.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rates::Rates;
use crate::record::Timestamp;

/// Prices of certain hours, which replace all others of their items then.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OffPeak {
    pub(super) prices: Rates,
    pub(super) windows: Vec<Window>,
}

/// Hours of certain days.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    /// Days of the week, 1 is Monday; none are all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) days: Vec<Weekday>,
    pub(super) hours: Vec<Hours>,
}

/// A day of the week, 1 to 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "u8", into = "u8")]
pub(super) struct Weekday(u8);

/// Minutes of a day: from the first on, to before the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hours {
    from: u16,
    until: u16,
}

impl OffPeak {
    /// Its prices, where they hold at that moment.
    pub(super) fn prices_at(&self, time: Timestamp) -> Option<&Rates> {
        let minutes = time.unix_nanos() / NANOS_A_MINUTE;
        let minute = u16::try_from(minutes % MINUTES_A_DAY).expect("a day has 1440 minutes");
        // 1970-01-01 was a Thursday.
        let weekday = u8::try_from((minutes / MINUTES_A_DAY + 3) % 7 + 1).expect("at most 7");
        let holds = self.windows.iter().any(|window| {
            let today = window.days.is_empty() || window.days.contains(&Weekday(weekday));
            today && window.hours.iter().any(|hours| hours.hold_at(minute))
        });
        holds.then_some(&self.prices)
    }
}

impl Hours {
    fn hold_at(self, minute: u16) -> bool {
        if self.from < self.until {
            (self.from..self.until).contains(&minute)
        } else {
            minute >= self.from || minute < self.until
        }
    }

    /// Reads `HH:MM-HH:MM`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (from, until) = text.split_once('-')?;
        let (from, until) = (minute_of(from)?, minute_of(until)?);
        Some(Self { from, until })
    }
}

impl Weekday {
    pub(super) fn new(number: u8) -> Option<Self> {
        (1..=7).contains(&number).then_some(Self(number))
    }
}

impl TryFrom<u8> for Weekday {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        Self::new(number).ok_or("a day of the week is a number from 1 to 7")
    }
}

impl From<Weekday> for u8 {
    fn from(day: Weekday) -> Self {
        day.0
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let refused = || serde::de::Error::custom("hours are written HH:MM-HH:MM");
        Self::parse(&text).ok_or_else(refused)
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [from, until] =
            [self.from, self.until].map(|minute| format!("{:02}:{:02}", minute / 60, minute % 60));
        serializer.collect_str(&format_args!("{from}-{until}"))
    }
}

fn minute_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, below: u16| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number: u16 = text.parse().ok().filter(|_| digits)?;
        (number < below).then_some(number)
    };
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

const NANOS_A_MINUTE: u64 = 60_000_000_000;
const MINUTES_A_DAY: u64 = 1440;

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(json: &str, time: &str) -> bool {
        let off_peak: OffPeak = serde_json::from_str(json).unwrap();
        off_peak.prices_at(time.parse().unwrap()).is_some()
    }

    #[test]
    fn a_window_holds_from_its_first_minute_to_before_its_last_on_its_days() {
        let json = r#"{"prices":{"input":"1"},"windows":[
            {"days":[1,2,3,4,5],"hours":["00:00-01:00","10:00-00:00"]},{"days":[6,7],"hours":["00:00-00:00"]}]}"#;
        for (time, expected) in [
            ("2026-11-23T00:00:00Z", true), // a Monday
            ("2026-11-23T00:59:59.999Z", true),
            ("2026-11-23T01:00:00Z", false),
            ("2026-11-23T09:59:59Z", false),
            ("2026-11-23T10:00:00Z", true),
            ("2026-11-23T23:59:59Z", true),
            ("2026-11-27T05:00:00Z", false), // a Friday
            ("2026-11-28T05:00:00Z", true),
            ("2026-11-29T05:00:00Z", true),
            ("1970-01-01T05:00:00Z", false), // a Thursday
        ] {
            assert_eq!(holds(json, time), expected, "{time}");
        }
        let over_midnight = r#"{"prices":{},"windows":[{"hours":["16:30-00:30"]}]}"#;
        assert!(holds(over_midnight, "2026-11-23T00:29:00Z"));
        assert!(holds(over_midnight, "2026-11-23T16:30:00Z"));
        assert!(!holds(over_midnight, "2026-11-23T00:30:00Z"));
    }

    #[test]
    fn hours_are_written_as_they_are_read_and_nothing_else_is_read() {
        let hours: Hours = serde_json::from_str(r#""06:05-23:59""#).unwrap();
        assert_eq!(serde_json::to_string(&hours).unwrap(), r#""06:05-23:59""#);
        for text in [
            "6:05-7:00",
            "24:00-01:00",
            "00:60-01:00",
            "00:00",
            "+1:00-02:00",
            "",
        ] {
            assert_eq!(Hours::parse(text), None, "{text}");
        }
        for day in ["0", "8", "-1", "\"mon\""] {
            assert!(serde_json::from_str::<Weekday>(day).is_err(), "{day}");
        }
    }
}
