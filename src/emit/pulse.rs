//! A pulse: tells waiting threads and tasks that there is something new to look at.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Counts beats and wakes whoever waits for the next one.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    beats: Mutex<u64>,
    threads: Condvar,
    tasks: Notify,
}

impl Pulse {
    /// Wakes everybody.
    pub(crate) fn beat(&self) {
        *self.lock() += 1;
        self.threads.notify_all();
        self.tasks.notify_waiters();
    }

    /// How often it has beaten.
    pub(crate) fn beats(&self) -> u64 {
        *self.lock()
    }

    /// Blocks the thread until there are more beats than `seen`, or the time is over, and returns how many there are.
    pub(crate) fn wait(&self, seen: u64, at_most: Duration) -> u64 {
        let waited = self
            .threads
            .wait_timeout_while(self.lock(), at_most, |beats| *beats <= seen);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits, as a task, until there are more beats than `seen`.
    pub(crate) async fn beaten(&self, seen: u64) {
        loop {
            let next = self.tasks.notified();
            tokio::pin!(next);
            // From here on no beat is missed, so that looking at the count afterwards is safe.
            next.as_mut().enable();
            if self.beats() > seen {
                return;
            }
            next.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
