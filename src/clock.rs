//! Time, identifiers and dice: the one place where they come from, real or fixed.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use crate::record::{RecordId, SpanId, StreamId, Timestamp, TraceId};

/// Where time and randomness come from.
#[derive(Debug)]
pub enum Clock {
    /// Counts: every reading is one microsecond later than the one before, every draw the next number. For tests.
    Fixed(FixedClock),
    /// The system's clocks and random source.
    System(SystemClock),
}

/// A point on a clock that never goes back, for measuring durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// Nanoseconds since an earlier moment; 0 where that was not earlier.
    #[must_use]
    pub fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The system's clocks and random source.
pub struct SystemClock {
    origin: Instant,
    dice: Box<Mutex<Dice>>,
    ids: Ids,
}

/// Where the random parts of identifiers come from: a keyed hash of a number that is given once (SipHash, with a key from
/// the system). As good as dice for telling things apart, not for keys, and without a lock.
struct Ids {
    key: RandomState,
    given: AtomicU64,
}

/// A clock that counts.
#[derive(Debug)]
pub struct FixedClock {
    nanos: AtomicU64,
    draws: AtomicU64,
    /// By how much the time of day has been set, beside the clock that never goes back.
    set_by_nanos: AtomicI64,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::System(SystemClock {
            origin: Instant::now(),
            dice: Box::default(),
            ids: Ids {
                key: RandomState::new(),
                given: AtomicU64::new(0),
            },
        })
    }

    /// A clock that counts from `start`.
    #[must_use]
    pub fn fixed(start: Timestamp) -> Self {
        Self::Fixed(FixedClock {
            nanos: AtomicU64::new(start.unix_nanos()),
            draws: AtomicU64::new(0),
            set_by_nanos: AtomicI64::new(0),
        })
    }

    /// The time of day.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that asks the system for the time"
    )]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Fixed(clock) => {
                let set_by = clock.set_by_nanos.load(Ordering::Relaxed);
                Timestamp::from_unix_nanos(clock.tick().saturating_add_signed(set_by))
            }
            Self::System(_) => {
                let since_epoch = SystemTime::now()
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .unwrap_or_default();
                Timestamp::from_unix_nanos(
                    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX),
                )
            }
        }
    }

    /// A moment to measure durations from; it never goes back when the time of day is set.
    #[must_use]
    pub fn moment(&self) -> Moment {
        match self {
            Self::Fixed(clock) => Moment(clock.tick()),
            Self::System(clock) => {
                Moment(u64::try_from(clock.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
            }
        }
    }

    /// A new record id for something that began at `time`.
    #[must_use]
    pub fn record_id(&self, time: Timestamp) -> RecordId {
        RecordId::from_parts(time.unix_millis(), self.draw())
    }

    /// A new stream id.
    #[must_use]
    pub fn stream_id(&self) -> StreamId {
        StreamId::from_parts(self.now().unix_millis(), self.random())
    }

    /// A new trace id.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        std::iter::repeat_with(|| TraceId::from_bytes(self.draw()))
            .flatten()
            .next()
            .expect("dice do not roll zero for ever")
    }

    /// A new span id.
    #[must_use]
    pub fn span_id(&self) -> SpanId {
        std::iter::repeat_with(|| SpanId::from_bytes(self.draw()))
            .flatten()
            .next()
            .expect("dice do not roll zero for ever")
    }

    /// Random bytes for an identifier.
    fn draw<const N: usize>(&self) -> [u8; N] {
        match self {
            Self::Fixed(_) => self.random(),
            Self::System(clock) => clock.ids.draw(),
        }
    }

    /// Random bytes, good enough for keys.
    #[must_use]
    pub fn random<const N: usize>(&self) -> [u8; N] {
        match self {
            Self::Fixed(clock) => {
                let draw = clock.draws.fetch_add(1, Ordering::Relaxed) + 1;
                let mut bytes = [0; N];
                for (byte, value) in bytes.iter_mut().rev().zip(draw.to_le_bytes()) {
                    *byte = value;
                }
                bytes
            }
            Self::System(clock) => clock
                .dice
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .roll(),
        }
    }
}

impl Ids {
    fn draw<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        let words = N.div_ceil(8) as u64;
        let first = self.given.fetch_add(words, Ordering::Relaxed);
        for (number, word) in (first..).zip(bytes.chunks_mut(8)) {
            let drawn = self.key.hash_one(number).to_le_bytes();
            word.copy_from_slice(&drawn[..word.len()]);
        }
        bytes
    }
}

impl FixedClock {
    /// Sets the time of day forward, or back, as somebody does who sets a machine's clock. Moments are not touched.
    pub fn set_by(&self, nanos: i64) {
        self.set_by_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    fn tick(&self) -> u64 {
        self.nanos.fetch_add(1_000, Ordering::Relaxed)
    }
}

impl fmt::Debug for SystemClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemClock").finish_non_exhaustive()
    }
}

/// Random bytes fetched from the system in one go for many draws; what was handed out is wiped.
struct Dice {
    bytes: [u8; 1024],
    used: usize,
}

impl Default for Dice {
    fn default() -> Self {
        Self {
            bytes: [0; 1024],
            used: 1024,
        }
    }
}

impl Dice {
    fn roll<const N: usize>(&mut self) -> [u8; N] {
        if self.used + N > self.bytes.len() {
            // Without a random source no id is unique and no key is secret: going on would be worse than stopping.
            getrandom::fill(&mut self.bytes).expect("the system has a random source");
            self.used = 0;
        }
        let drawn = &mut self.bytes[self.used..self.used + N];
        self.used += N;
        let mut bytes = [0; N];
        bytes.copy_from_slice(drawn);
        drawn.fill(0);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_fixed_clock_counts_and_draws_the_same_every_time() {
        let clock = Clock::fixed(Timestamp::from_unix_nanos(5_000));
        assert_eq!(clock.now().unix_nanos(), 5_000);
        assert_eq!(clock.moment().nanos_since(Moment(5_000)), 1_000);
        assert_eq!(clock.random::<4>(), [0, 0, 0, 1]);
        assert_eq!(clock.span_id().to_string(), "0000000000000002");
    }

    #[test]
    fn the_system_clock_never_draws_twice() {
        let clock = Clock::system();
        let drawn: HashSet<[u8; 16]> = (0..1000).map(|_| clock.random()).collect();
        let ids: HashSet<SpanId> = (0..1000).map(|_| clock.span_id()).collect();
        let other = Clock::system();
        assert!((0..1000).all(|_| !ids.contains(&other.span_id())));
        assert_eq!((drawn.len(), ids.len()), (1000, 1000));
    }
}
