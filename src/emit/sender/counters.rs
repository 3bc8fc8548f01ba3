//! What a sender has done and how it fares, for whoever watches it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::failure::Failure;
use crate::emit::pulse::Pulse;
use crate::record::Timestamp;
use crate::semconv::Signal;

/// How each signal of a sender fares. It outlives the sender.
#[derive(Debug, Default)]
pub(crate) struct SenderCounters {
    logs: Mutex<SignalStatus>,
    traces: Mutex<SignalStatus>,
    changed: Pulse,
}

/// How a signal fares. Counts are since the sender was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SignalStatus {
    /// Records that were taken, each once.
    pub(crate) sent: u64,
    /// Records that were refused for good and put aside.
    pub(crate) refused: u64,
    /// Attempts that will be made again.
    pub(crate) failed_attempts: u64,
    /// Answers that took everything and had something to say.
    pub(crate) warnings: u64,
    /// Frames that were deleted before they were sent, to make room. Never of log records.
    pub(crate) released: u64,
    /// Frames of a version that is not known here.
    pub(crate) unknown: u64,
    /// How often the task that delivers ended unexpectedly.
    pub(crate) crashes: u64,
    /// Since when nothing gets through; `None` while it does.
    pub(crate) failing_since: Option<Timestamp>,
    /// Why, the last time.
    pub(crate) last_failure: Option<Failure>,
    /// The pause that is being made before the next attempt.
    pub(crate) pause: Option<Duration>,
    /// When the oldest record that is being sent was begun.
    pub(crate) oldest_in_flight: Option<Timestamp>,
    /// What the task that delivers is doing.
    pub(crate) course: Course,
}

/// Whether a signal is being delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Course {
    /// No: the sender was stopped, its thread is gone, or the signal is not sent at all.
    Ended,
    /// No: the receiver does not know the signal. It is asked again now and then.
    Parked,
    /// Yes.
    #[default]
    Running,
}

impl SenderCounters {
    /// How a signal fares now.
    pub(crate) fn of(&self, signal: Signal) -> SignalStatus {
        *self.lock(signal)
    }

    /// Beats with every change.
    #[cfg(test)]
    pub(crate) fn changed(&self) -> &Pulse {
        &self.changed
    }

    pub(super) fn update(&self, signal: Signal, change: impl FnOnce(&mut SignalStatus)) {
        change(&mut self.lock(signal));
        self.changed.beat();
    }

    fn lock(&self, signal: Signal) -> MutexGuard<'_, SignalStatus> {
        let status = match signal {
            Signal::Logs => &self.logs,
            Signal::Traces => &self.traces,
        };
        status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
