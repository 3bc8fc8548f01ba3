//! The adopter: the thread that takes over what processes left that are gone.
//!
//! Reading a large lane takes a while, and nothing else waits for it: fsyncs go on. The [canary](super::canary) looks from
//! here too, since it asks filters of the application, which may take their time.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::pulse::Pulse;
use super::recorder::Recorder;

/// The running adopter.
#[derive(Debug)]
pub(crate) struct Adopter {
    progress: Arc<Progress>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    looked: bool,
    stopped: bool,
}

impl Adopter {
    /// Starts the thread, which looks at once and then every two seconds, or more often where the canary is to. `pulse`
    /// beats when there is more to read.
    pub(crate) fn start(
        recorder: Arc<Recorder>,
        pulse: Arc<Pulse>,
        canary: Duration,
    ) -> io::Result<Self> {
        let progress = Arc::new(Progress::default());
        let shared = Arc::clone(&progress);
        let look = move || {
            loop {
                if recorder.adopt() > 0 {
                    pulse.beat();
                }
                shared.lock().looked = true;
                shared.changed.notify_all();
                recorder.look_out(canary);
                if shared.wait(EVERY.min(canary), |state| state.stopped) {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("llm-audit-adopt".into())
            .spawn(look)?;
        Ok(Self {
            progress,
            thread: Some(thread),
        })
    }

    /// Ends the thread when it has looked once, so that what was left is drained with the rest. When the deadline passes
    /// first, it ends by itself behind the lane that it has in hand.
    pub(crate) fn stop(&mut self, deadline: Duration) {
        let looked = self.progress.wait(deadline, |state| state.looked);
        self.progress.lock().stopped = true;
        self.progress.changed.notify_all();
        if let Some(thread) = self.thread.take().filter(|_| looked) {
            // An adopter that panicked has left lanes to the next process.
            let _ = thread.join();
        }
    }
}

impl Progress {
    /// Waits until `done`, and says whether it is.
    fn wait(&self, at_most: Duration, done: impl Fn(&State) -> bool) -> bool {
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), at_most, |state| !done(state));
        done(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Between two looks for lanes of processes that are gone.
const EVERY: Duration = Duration::from_secs(2);
