//! What comes too late: losses behind the end of the stream are told by a thread that lives as long as there are any.
//!
//! The layer of an application's global subscriber is never dropped, so spans may close long after the shutdown. They are
//! not recorded; that there were some is. A loss is on disk within [`GATHER`] of the first, each telling waiting twice as
//! long as the one before, up to [`GATHER_AT_MOST`]; where the application drops what is left of the auditor, at once.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use super::spool::Spool;
use crate::clock::Clock;

/// Tells late losses.
#[derive(Debug)]
pub(crate) struct Late {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    spool: Weak<Spool>,
    clock: Arc<Clock>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Whether there are losses that have not been told.
    owed: bool,
    running: bool,
    stopped: bool,
    tellings: u32,
}

impl Late {
    pub(crate) fn new(spool: &Arc<Spool>, clock: &Arc<Clock>) -> Self {
        let shared = Shared {
            spool: Arc::downgrade(spool),
            clock: Arc::clone(clock),
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        Self {
            shared: Arc::new(shared),
            thread: Mutex::default(),
        }
    }

    /// A loss has been counted that no other thread will tell. Waits for nothing.
    pub(crate) fn tell(&self) {
        let mut state = self.shared.state();
        state.owed = true;
        if state.running || state.stopped {
            return;
        }
        state.running = true;
        drop(state);
        let shared = Arc::clone(&self.shared);
        let started = std::thread::Builder::new()
            .name("llm-audit-late".into())
            .spawn(move || shared.run());
        match started {
            Ok(thread) => {
                *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
            }
            // The next loss tries again.
            Err(_) => self.shared.state().running = false,
        }
    }
}

impl Drop for Late {
    /// What is owed now is told before the spool goes.
    fn drop(&mut self) {
        let owed = {
            let mut state = self.shared.state();
            state.stopped = true;
            state.owed
        };
        self.shared.changed.notify_all();
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // What a panic left untold stands in the lane's note.
            let _ = thread.join();
        }
        if owed {
            self.shared.tell();
        }
    }
}

impl Shared {
    /// Gathers and tells, until there is nothing more to tell.
    fn run(&self) {
        loop {
            let state = self.state();
            let gather = (GATHER * 2_u32.saturating_pow(state.tellings)).min(GATHER_AT_MOST);
            let waited = self
                .changed
                .wait_timeout_while(state, gather, |state| !state.stopped);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.stopped || !state.owed {
                state.running = false;
                return;
            }
            state.tellings = (state.tellings + 1).min(TELLINGS);
            drop(state);
            self.tell();
        }
    }

    fn tell(&self) {
        self.state().owed = false;
        if let Some(spool) = self.spool.upgrade() {
            spool.tell_late(&self.clock);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From the first loss to its telling.
const GATHER: Duration = Duration::from_millis(200);
/// The longest wait before a telling.
const GATHER_AT_MOST: Duration = Duration::from_secs(60);
/// Tellings that make the wait longer.
const TELLINGS: u32 = 16;
