//! The JSON-lines sink: every record as one line of JSON, in one file a day.
//!
//! A thread of its own follows the frames of the spool that are on disk, and its cursor moves when the lines are on disk
//! too. So a record is written at least once: after a crash the last ones may be there twice, and readers drop what has a
//! record id that they have seen.
//!
//! # Files
//! `audit_YYYY-MM-DD.jsonl` in the data directory, made with mode 0600; the day is that of the record's start, in UTC.
//! Several processes may write to one directory: a file is locked (`flock`) while a batch is appended. A batch that could
//! not be appended and synced is taken back, so that a full disk leaves neither halves nor copies. A last line without
//! its end, left by a crash, is ended by a newline before the next one begins; readers skip and count what is no record.
//!
//! # Line format, version 1
//! One JSON object in UTF-8, ended by the byte 0x0A, which is nowhere else in it. (Other characters that some programs
//! break lines at, such as U+2028, stand in texts as they are.) Its members, in this order:
//!
//! | member | value |
//! |---|---|
//! | `v` | 1 |
//! | `kind` | `call`, `change`, `access` or `system` |
//! | columns | see below; all columns of the kind are there, what is unknown is `null` |
//! | `mac` | `hmac-sha256:<key id>:<64 hex>` over the bytes of `record` |
//! | `record` | the record, complete: byte for byte its [canonical form](crate::record::canonical) |
//!
//! | kind | columns |
//! |---|---|
//! | call | `request_id` (the record id), `timestamp`, `user_id`, `model` (that answered, else that was asked for), `action`, `system_prompt_hash`, `input_tokens`, `output_tokens`, `thinking_tokens` (part of the output), `latency_ms`, `cost_usd`, `status`, `error_message`, `sanitization_count`, `input_hash`, `output_hash`, `metadata` |
//! | change | `id`, `updated_at`, `changed_by`, `changed_by_api_key` (hash), `action`, `table_name`, `object_id`, `before_value`, `updated_values` |
//! | access | `id`, `timestamp`, `user_id`, `operation`, `resource`, `outcome` |
//! | system | `id`, `timestamp`, `event`, `detail` |
//!
//! Times are RFC 3339 in UTC with nine decimals. `metadata`, `before_value`, `updated_values` and `detail` are JSON values
//! as they were given, without line breaks. Counts are numbers. `cost_usd` is a number whose literal is the exact decimal
//! with all its digits, at most 28; a reader that knows doubles only gets the nearest one, and finds the exact text in
//! `record` under `llm_audit.cost.exact`.
//!
//! Columns are for reading; what is proven is `record`. Readers take `v`, `mac` and `record`, refuse other versions, and
//! pass over members that they do not know.

pub(crate) mod columns;
pub(crate) mod day;
mod file;
mod follower;
mod line;
#[cfg(any(feature = "cli", test))]
pub(crate) mod read;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use self::follower::{Follower, LinesError};
use super::health::Health;
use super::pulse::Pulse;
use super::spool::Spool;

/// The sink, with its thread. Dropping it ends the thread after the batch in hand, without draining.
#[derive(Debug)]
pub(crate) struct JsonLines {
    shared: Arc<Shared>,
    pulse: Arc<Pulse>,
    thread: Option<JoinHandle<()>>,
}

/// What the sink has done since it was started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LinesCounters {
    /// Records that are on disk as lines.
    pub(crate) written: u64,
    /// Records that this program cannot read though their frames are whole; they are told as damage.
    pub(crate) unreadable: u64,
    /// Batches that could not be read or written, and were or will be tried again.
    pub(crate) failed_attempts: u64,
    /// What went wrong last, if nothing has succeeded since.
    pub(crate) last_failure: Option<String>,
}

/// Whether records are shown to the person at the terminal too, one line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echo {
    /// No.
    Quiet,
    /// On standard error, without the records about the trail itself.
    Stderr,
}

/// How draining ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drained {
    /// All that was on disk in the spool is on disk as lines.
    All,
    /// The time was over before; the rest stays in the spool.
    DeadlinePassed,
}

impl JsonLines {
    /// Starts to write into `dir`, which is made if there is none, whatever of the spool is on disk: at every beat of the
    /// pulse, and once a second without one.
    pub(crate) fn start(
        dir: &Path,
        spool: Arc<Spool>,
        pulse: Arc<Pulse>,
        echo: Echo,
    ) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        let shared = Arc::new(Shared::default());
        let follower = Follower::new(dir, spool, echo);
        let thread = std::thread::Builder::new()
            .name("llm-audit-lines".to_owned())
            .spawn({
                let (shared, pulse) = (Arc::clone(&shared), Arc::clone(&pulse));
                move || follow(follower, &shared, &pulse)
            })?;
        Ok(Self {
            shared,
            pulse,
            thread: Some(thread),
        })
    }

    /// Adds what the sink knows.
    pub(crate) fn report(&self, health: &mut Health) {
        let counters = self.counters();
        health.lines = counters.written;
        health.failed_deliveries += counters.failed_attempts;
        if health.delivery_failure.is_none() {
            health.delivery_failure = counters.last_failure;
        }
    }

    /// What was done so far.
    pub(crate) fn counters(&self) -> LinesCounters {
        self.shared.counters().clone()
    }

    /// Writes what is on disk in the spool by now and ends the thread. When `deadline` has passed, it is told to end and
    /// not waited for: a disk that hangs hangs without the caller.
    pub(crate) fn stop(&self, deadline: Duration) -> Drained {
        self.order(Order::Drain);
        let waited = self
            .shared
            .ended
            .wait_timeout_while(self.shared.state(), deadline, |state| {
                state.drained.is_none()
            });
        let drained = waited.unwrap_or_else(PoisonError::into_inner).0.drained;
        drained.unwrap_or_else(|| {
            self.order(Order::Quit);
            Drained::DeadlinePassed
        })
    }

    /// Orders go one way: to drain after having quit would never end.
    fn order(&self, order: Order) {
        {
            let mut state = self.shared.state();
            state.order = state.order.max(order);
        }
        self.pulse.beat();
    }
}

impl Drop for JsonLines {
    fn drop(&mut self) {
        let given_up = {
            let state = self.shared.state();
            state.order == Order::Quit && state.drained.is_none()
        };
        self.order(Order::Quit);
        if let Some(thread) = self.thread.take().filter(|_| !given_up) {
            // A panic of the thread has been told on its own.
            let _ = thread.join();
        }
    }
}

/// What the thread and its owner both see.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
    counters: Mutex<LinesCounters>,
}

#[derive(Debug, Default)]
struct State {
    order: Order,
    /// How it ended, once it has.
    drained: Option<Drained>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    #[default]
    Follow,
    Drain,
    Quit,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counters(&self) -> MutexGuard<'_, LinesCounters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the thread is to end now.
    fn quits(&self) -> bool {
        self.state().order == Order::Quit
    }

    fn count_failure(&self, error: &LinesError) {
        let mut counters = self.counters();
        counters.failed_attempts += 1;
        counters.last_failure = Some(error.to_string());
    }

    fn end(&self, drained: Drained) {
        self.state().drained.get_or_insert(drained);
        self.ended.notify_all();
    }
}

/// Whoever waits for the thread hears of its end, also when it panics.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end(Drained::DeadlinePassed);
    }
}

fn follow(mut follower: Follower, shared: &Shared, pulse: &Pulse) {
    let ending = Ending(shared);
    loop {
        let seen = pulse.beats();
        // Looked at before the pass, so that a drain that was ordered covers all that was on disk then.
        let order = shared.state().order;
        let complete = follower.pass(shared);
        if order == Order::Drain && complete {
            shared.end(Drained::All);
        }
        if order == Order::Quit || (order == Order::Drain && complete) {
            break;
        }
        pulse.wait(seen, WITHOUT_A_BEAT);
    }
    drop(ending);
}

/// How long the sink waits at most before it looks, or tries, again.
const WITHOUT_A_BEAT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
