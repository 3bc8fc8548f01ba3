//! The bell: how appenders call the flusher, and wait for it.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::pulse::Pulse;
use super::spool::Lane;
use crate::journal::FrameIndex;

/// How appenders call the flusher. Ringing costs one atomic exchange while the flusher is awake.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    dirty: AtomicBool,
    /// Records since the last sync that nobody rang for.
    unhurried: AtomicU32,
    hurry: AtomicBool,
    stop: AtomicBool,
    sleeping: Mutex<()>,
    called: Condvar,
    failed_syncs: AtomicU64,
    synced: Pulse,
}

impl Bell {
    /// Something was appended.
    pub(crate) fn ring(&self) {
        if !self.dirty.swap(true, Ordering::AcqRel) {
            self.wake();
        }
    }

    /// Something was appended whose sync has time: it comes when the flusher looks next, or when there is much of it.
    pub(crate) fn ring_softly(&self) {
        if self.unhurried.fetch_add(1, Ordering::AcqRel) + 1 == MUCH {
            self.ring();
        }
    }

    /// Whether something was appended that nobody rang for.
    pub(super) fn has_unhurried(&self) -> bool {
        self.unhurried.load(Ordering::Acquire) > 0
    }

    /// Syncs that failed so far.
    pub(crate) fn failed_syncs(&self) -> u64 {
        self.failed_syncs.load(Ordering::Relaxed)
    }

    /// Blocks until `index` is durable; false where a sync failed meanwhile or the flusher is gone.
    pub(crate) fn wait_durable(&self, lane: &Lane, index: FrameIndex) -> bool {
        let failures = self.failed_syncs();
        loop {
            let seen = self.synced.beats();
            if lane.durable() > index {
                return true;
            }
            if self.failed_syncs() != failures || self.stop.load(Ordering::Acquire) {
                return false;
            }
            self.hurry.store(true, Ordering::Release);
            self.dirty.store(true, Ordering::Release);
            self.wake();
            self.synced.wait(seen, Duration::from_millis(100));
        }
    }

    /// Tells the flusher to end.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether the flusher is to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// The flusher's sleep: until something is appended, or the time is over. Says whether there is something.
    pub(super) fn await_ring(&self, at_most: Duration) -> bool {
        let dirty = |bell: &Self| bell.dirty.load(Ordering::Acquire);
        self.sleep(at_most, |bell| dirty(bell) || bell.is_stopped());
        dirty(self)
    }

    /// Lets appends gather, unless somebody waits for them.
    pub(super) fn gather(&self, interval: Duration) {
        self.sleep(interval, |bell| {
            bell.hurry.load(Ordering::Acquire) || bell.is_stopped()
        });
    }

    /// A sync begins: what rings from now on is for the next one.
    pub(super) fn begin_sync(&self) {
        self.hurry.store(false, Ordering::Release);
        self.unhurried.store(0, Ordering::Release);
        self.dirty.store(false, Ordering::Release);
    }

    /// The sync failed. Failing syncs write frames again, so the next one waits for the pause.
    pub(super) fn failed_sync(&self, pause: Duration) {
        self.failed_syncs.fetch_add(1, Ordering::Relaxed);
        self.sleep(pause, Self::is_stopped);
        self.dirty.store(true, Ordering::Release);
    }

    /// The sync is over: whoever waits looks again.
    pub(super) fn end_sync(&self) {
        self.synced.beat();
    }

    fn wake(&self) {
        // Taken so that a call between the sleeper's look and its sleep is not missed.
        drop(self.sleeping.lock().unwrap_or_else(PoisonError::into_inner));
        self.called.notify_all();
    }

    /// Sleeps until somebody calls with `awake` true, or the time is over.
    fn sleep(&self, at_most: Duration, awake: impl Fn(&Self) -> bool) {
        let guard = self.sleeping.lock().unwrap_or_else(PoisonError::into_inner);
        drop(
            self.called
                .wait_timeout_while(guard, at_most, |()| !awake(self)),
        );
    }
}

/// Records that are synced though each of them has time.
const MUCH: u32 = 4096;
