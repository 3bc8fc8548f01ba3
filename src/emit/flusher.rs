//! The flusher: the thread that makes appended frames durable, and keeps the spool in order.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::pulse::Pulse;
use super::recorder::Recorder;
use super::spool::Lane;
use crate::clock::Moment;
use crate::journal::FrameIndex;
use crate::record::SystemEvent;

/// How often what is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cadence {
    /// From an append to the fsync that makes it durable.
    pub(crate) sync: Duration,
    /// Between two signs of life.
    pub(crate) heartbeat: Duration,
}

/// How appenders call the flusher. Ringing costs one atomic exchange while the flusher is awake.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    dirty: AtomicBool,
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

/// The running flusher.
#[derive(Debug)]
pub(crate) struct Flusher {
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Starts the thread. `pulse` beats whenever more is durable.
    pub(crate) fn start(
        recorder: Arc<Recorder>,
        bell: Arc<Bell>,
        pulse: Arc<Pulse>,
        cadence: Cadence,
    ) -> io::Result<Self> {
        let shared = Arc::clone(&bell);
        let start = Since(recorder.clock().moment());
        let round = Round {
            recorder,
            bell: shared,
            pulse,
            cadence,
            tidied: start,
            heartbeat: start,
        };
        let run = move || round.run();
        let thread = std::thread::Builder::new()
            .name("llm-audit-flush".into())
            .spawn(run)?;
        Ok(Self {
            bell,
            thread: Some(thread),
        })
    }

    /// Makes durable what is there and ends the thread.
    pub(crate) fn stop(&mut self) {
        self.bell.stop.store(true, Ordering::Release);
        self.bell.wake();
        if let Some(thread) = self.thread.take() {
            // A flusher that panicked has left its frames in the page cache; the next process syncs them.
            let _ = thread.join();
        }
        self.bell.synced.beat();
    }
}

struct Round {
    recorder: Arc<Recorder>,
    bell: Arc<Bell>,
    pulse: Arc<Pulse>,
    cadence: Cadence,
    tidied: Since,
    heartbeat: Since,
}

/// When something was done last.
#[derive(Debug, Clone, Copy)]
struct Since(Moment);

impl Since {
    /// Whether it is time again; if so, it counts as done.
    fn due(&mut self, now: Moment, every: Duration) -> bool {
        let due = u128::from(now.nanos_since(self.0)) >= every.as_nanos();
        if due {
            self.0 = now;
        }
        due
    }
}

impl Round {
    fn run(mut self) {
        while !self.bell.stop.load(Ordering::Acquire) {
            self.bell.sleep(TIDY, |bell| {
                bell.dirty.load(Ordering::Acquire) || bell.stop.load(Ordering::Acquire)
            });
            if self.bell.dirty.load(Ordering::Acquire) {
                // Appends gather for one interval, unless somebody waits for them.
                self.bell.sleep(self.cadence.sync, |bell| {
                    bell.hurry.load(Ordering::Acquire) || bell.stop.load(Ordering::Acquire)
                });
                self.sync();
            }
            self.keep_order();
        }
        self.sync();
    }

    fn sync(&self) {
        self.bell.hurry.store(false, Ordering::Release);
        self.bell.dirty.store(false, Ordering::Release);
        let mut failed = false;
        for lane in self.recorder.spool().lanes() {
            if lane.durable() < lane.written() {
                failed |= lane.sync().is_err();
            }
        }
        if failed {
            self.bell.failed_syncs.fetch_add(1, Ordering::Relaxed);
            // Failing syncs write frames again: not at every interval.
            self.bell.sleep(PAUSE_AFTER_FAILURE, |bell| {
                bell.stop.load(Ordering::Acquire)
            });
            self.bell.dirty.store(true, Ordering::Release);
        }
        self.bell.synced.beat();
        self.pulse.beat();
    }

    /// What is to be done now and then, when its time has come.
    fn keep_order(&mut self) {
        let now = self.recorder.clock().moment();
        if self.tidied.due(now, TIDY) {
            self.recorder.tell_losses();
            self.recorder.spool().tidy();
        }
        if self.heartbeat.due(now, self.cadence.heartbeat) {
            // A sign of life that cannot be written is missed by whoever looks for it, which is what it is for.
            let _ = self
                .recorder
                .system(SystemEvent::Heartbeat, &serde_json::json!({}));
        }
    }
}

/// Between two rounds of saving cursors and releasing what everybody has.
const TIDY: Duration = Duration::from_millis(500);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);
