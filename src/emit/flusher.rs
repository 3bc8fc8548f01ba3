//! The flusher: the thread that makes appended frames durable, and keeps the spool in order.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::bell::Bell;
use super::pulse::Pulse;
use super::recorder::Recorder;
use crate::clock::Moment;
use crate::record::SystemEvent;

/// How often what is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cadence {
    /// From an append to the fsync that makes it durable.
    pub(crate) sync: Duration,
    /// Between two signs of life.
    pub(crate) heartbeat: Duration,
    /// Between two looks of the canary.
    pub(crate) canary: Duration,
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
            placed: start,
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
        self.bell.stop();
        if let Some(thread) = self.thread.take() {
            // A flusher that panicked has left its frames in the page cache; the next process syncs them.
            let _ = thread.join();
        }
        self.bell.end_sync();
    }
}

struct Round {
    recorder: Arc<Recorder>,
    bell: Arc<Bell>,
    pulse: Arc<Pulse>,
    cadence: Cadence,
    tidied: Since,
    /// When the spool's directory was looked after last.
    placed: Since,
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
        while !self.bell.is_stopped() {
            let rung = self.bell.await_ring(self.pause());
            if rung {
                self.bell.gather(self.cadence.sync);
            }
            if rung || self.bell.has_unhurried() {
                self.sync();
            }
            self.keep_order();
        }
        self.sync();
    }

    /// Until the next round, if nobody rings.
    fn pause(&self) -> Duration {
        if self.recorder.room().is_waited_in() {
            WHILE_WAITED_FOR
        } else {
            TIDY
        }
    }

    fn sync(&self) {
        self.bell.begin_sync();
        let mut failed = self.sync_lanes();
        if failed {
            // Not to wait for the next look: whoever waits for this sync is to have it.
            self.recorder.keep_in_place();
            failed = self.sync_lanes();
        }
        if failed {
            self.bell.failed_sync(PAUSE_AFTER_FAILURE);
        }
        self.bell.end_sync();
        self.pulse.beat();
    }

    /// Whether a lane could not be synced.
    fn sync_lanes(&self) -> bool {
        let mut failed = false;
        for lane in self.recorder.spool().lanes() {
            if lane.durable() < lane.written() {
                failed |= lane.sync().is_err();
            }
        }
        failed
    }

    /// What is to be done now and then, when its time has come.
    fn keep_order(&mut self) {
        let now = self.recorder.clock().moment();
        if self.tidied.due(now, self.pause()) {
            self.recorder.tell_losses();
            self.recorder.spool().tidy();
            // A disk that has room again calls nobody: whoever waits tries.
            self.recorder.room().call();
        }
        if self.placed.due(now, KEEP) {
            self.recorder.keep_in_place();
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
/// The same, while somebody waits for the room that it makes.
const WHILE_WAITED_FOR: Duration = Duration::from_millis(20);
/// Between two looks whether the spool's directory is still there.
const KEEP: Duration = Duration::from_millis(500);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);
