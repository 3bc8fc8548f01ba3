//! The auditor: what an application holds.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::adopter::Adopter;
use super::builder::{AuditorBuilder, BuildError};
use super::change::{AccessRecord, ChangeRecord};
use super::flusher::Flusher;
use super::guard::{CallGuard, CallStart, GuardError, lost};
use super::health::{Drained, Health};
use super::installed::{self, NotInstalled};
use super::json_lines::JsonLines;
use super::layer::AuditLayer;
use super::recorder::Recorder;
use super::sender::Sender;
use crate::record::AccessOutcome;

/// An audit trail of the calls that this process makes of models.
///
/// Cheap to clone; all clones are the same auditor. When the last one is dropped, everything recorded is on disk and
/// up to half a second is spent on delivering it; [`shutdown`](Self::shutdown) takes the time that you give it. Either
/// way nothing is lost: what is not delivered is delivered by the next process with the same data directory.
///
/// ```
/// use llm_audit::{Auditor, CallStart};
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path();
/// let audit = Auditor::builder().data_dir(path).generate_keyring().without_sender().json_lines().build()?;
/// let mut call = audit.start(CallStart::new("chat").provider("openai").model("gpt-4o").user("anna"))?;
/// call.input(&["What is the capital of France?"])?;
/// let record_id = call.finish()?;
/// audit.shutdown(std::time::Duration::from_secs(5));
/// # let mut lines = String::new();
/// # for entry in std::fs::read_dir(path)? {
/// #     let path = entry?.path();
/// #     if path.extension().is_some_and(|extension| extension == "jsonl") { lines += &std::fs::read_to_string(path)?; }
/// # }
/// assert!(lines.contains(&record_id.to_string()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Auditor {
    inner: Arc<Inner>,
}

struct Inner {
    recorder: Arc<Recorder>,
    running: Mutex<Option<Running>>,
    /// What the threads had to say when they ended.
    last_words: Mutex<Health>,
}

/// The threads of an auditor.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) adopter: Adopter,
    pub(crate) flusher: Flusher,
    pub(crate) sender: Option<Sender>,
    pub(crate) lines: Option<JsonLines>,
}

impl Auditor {
    pub(crate) fn new(recorder: Arc<Recorder>, running: Running) -> Self {
        let inner = Arc::new(Inner {
            recorder,
            running: Mutex::new(Some(running)),
            last_words: Mutex::default(),
        });
        if let Some(metrics) = inner.recorder.metrics() {
            let asked = Arc::downgrade(&inner);
            metrics.observe(move || Some(asked.upgrade()?.health()));
        }
        Self { inner }
    }

    /// What layers, guards and processors stand on.
    pub(crate) fn recorder(&self) -> &Arc<Recorder> {
        &self.inner.recorder
    }

    /// Settings for an auditor in production: it needs a keyring, and sends to an OpenTelemetry Collector.
    pub fn builder() -> AuditorBuilder {
        AuditorBuilder::new()
    }

    /// An auditor for development: no collector, records as JSON lines in `llm-audit-data` and one line each on standard
    /// error. Its keyring is made there on first use.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn development() -> Result<Self, BuildError> {
        AuditorBuilder::development().build()
    }

    /// A layer for one `tracing` subscriber. Every call makes another one.
    #[must_use]
    pub fn layer(&self) -> AuditLayer {
        AuditLayer::new(Arc::clone(self.recorder()))
    }

    /// Checks that calls made on this thread would be recorded: that the layer is installed, and that no filter hides
    /// its spans. Records nothing.
    ///
    /// A filter by target must let through `llm_audit` for this check, and the targets of your calls.
    ///
    /// # Errors
    /// [`NotInstalled`] names what would swallow calls, and what to do.
    pub fn verify_installed(&self) -> Result<(), NotInstalled> {
        installed::verify()
    }

    /// Starts a call without `tracing`.
    ///
    /// # Errors
    /// [`GuardError`] where its start cannot be recorded, unless it is given
    /// [`OnFailure::DropAndCount`](crate::OnFailure::DropAndCount): do not make the call then.
    pub fn start(&self, call: CallStart) -> Result<CallGuard, GuardError> {
        CallGuard::start(Arc::clone(self.recorder()), call)
    }

    /// A change of something administered: what was done (`created`, `updated`, `deleted`, `rotated`, `blocked`, …) to
    /// which object of which kind.
    pub fn change(&self, action: &str, table_name: &str, object_id: &str) -> ChangeRecord {
        ChangeRecord::new(
            Arc::clone(&self.inner.recorder),
            action,
            table_name,
            object_id,
        )
    }

    /// An access: what was tried (`login`, `logout`, `read`, `export`, …), and how it ended.
    pub fn access(&self, operation: &str, outcome: AccessOutcome) -> AccessRecord {
        AccessRecord::new(Arc::clone(&self.inner.recorder), operation, outcome)
    }

    /// Switches recording on or off, which is itself recorded. While it is off, calls, changes and accesses leave no
    /// record and nothing fails; calls that had begun before are finished.
    ///
    /// # Errors
    /// [`GuardError::NotRecorded`] where the switch could not be recorded; it is switched all the same.
    pub fn set_enabled(&self, enabled: bool) -> Result<(), GuardError> {
        let recorder = &self.inner.recorder;
        recorder
            .switch(enabled)
            .map_err(|fault| lost(recorder, &fault))
    }

    /// What this auditor has recorded, delivered and lost.
    #[must_use]
    pub fn health(&self) -> Health {
        self.inner.health()
    }

    /// Blocks until everything recorded so far is on disk.
    ///
    /// # Errors
    /// [`GuardError::NotDurable`] where an fsync failed.
    pub fn flush(&self) -> Result<(), GuardError> {
        self.inner
            .recorder
            .wait_all_durable()
            .then_some(())
            .ok_or(GuardError::NotDurable)
    }

    /// Ends the auditor: records its stop, makes everything durable, and delivers until all is done or the deadline has
    /// passed. Blocks the thread; it may be a worker of any runtime, since the auditor's own threads do the work.
    ///
    /// Calls that end later are counted as dropped, so shut down last. A second shutdown only says how it stands.
    pub fn shutdown(&self, deadline: Duration) -> Drained {
        self.inner.shut_down(deadline)
    }

    /// As [`shutdown`](Self::shutdown), without blocking the task's thread.
    pub async fn shutdown_async(&self, deadline: Duration) -> Drained {
        let inner = Arc::clone(&self.inner);
        let (done, drained) = tokio::sync::oneshot::channel();
        // Where the task is gone, nobody wants to know.
        let work = move || {
            let _ = done.send(inner.shut_down(deadline));
        };
        match std::thread::Builder::new()
            .name("llm-audit-stop".into())
            .spawn(work)
        {
            Ok(_) => drained.await.unwrap_or(Drained::Remaining(0)),
            Err(_) => self.inner.shut_down(deadline),
        }
    }
}

impl fmt::Debug for Auditor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auditor")
            .field("health", &self.health())
            .finish()
    }
}

impl Inner {
    fn health(&self) -> Health {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let delivered = match running.as_ref() {
            Some(running) => self.ask(running),
            None => self
                .last_words
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        };
        self.recorder.health(delivered)
    }

    /// What the threads know.
    fn ask(&self, running: &Running) -> Health {
        let mut health = Health::default();
        if let Some(sender) = &running.sender {
            sender.report(&mut health, self.recorder.clock().now());
        }
        if let Some(lines) = &running.lines {
            lines.report(&mut health);
        }
        health
    }

    fn shut_down(&self, deadline: Duration) -> Drained {
        let Some(mut running) = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        else {
            return self.drained();
        };
        let recorder = &self.recorder;
        recorder.stop();
        recorder.wait_all_durable();
        let started = recorder.clock().moment();
        let left = || {
            let spent = recorder.clock().moment().nanos_since(started);
            deadline.saturating_sub(Duration::from_nanos(spent))
        };
        running.adopter.stop(left());
        if let Some(lines) = &running.lines {
            lines.stop(left());
        }
        if let Some(sender) = &running.sender {
            sender.stop(left());
        }
        *self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = self.ask(&running);
        (running.lines, running.sender) = (None, None);
        // What was delivered has made room for what could not be told before.
        recorder.spool().tidy();
        recorder.tell_losses();
        running.flusher.stop();
        let drained = self.drained();
        recorder.spool().close();
        drained
    }

    fn drained(&self) -> Drained {
        let spool = self.recorder.spool();
        if spool.is_drained() {
            Drained::Complete
        } else {
            Drained::Remaining(spool.depth())
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shut_down(DRAIN_ON_DROP);
    }
}

const DRAIN_ON_DROP: Duration = Duration::from_millis(500);
