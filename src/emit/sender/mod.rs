//! The sender: delivers what the spool holds to an OpenTelemetry receiver, and loses nothing.
//!
//! # What holds
//!
//! * **Only what is durable is sent**, in the order of each lane, and a lane's cursor moves only when the receiver has
//!   taken a record and all before it, or when a record that it refused for good is on disk as a [dead letter](dead_letter). What an answer
//!   means is in the table of [`verdict`].
//! * **At least once, byte for byte.** A request is put together once and sent again as it is. Records keep their bytes for
//!   ever; receivers drop duplicates by record id. Halving a refused batch, and a crash, repeat records. What the body of a
//!   log record is, is the [sender's setting](LogBody): a copy that another process sends has the body that is set there.
//! * **One poisoned record holds nobody up.** A batch that is refused is halved down to single records.
//! * **Several requests are under way at once**, as long as the receiver takes them, and one where it does not. They are
//!   settled in their order; a receiver that is quicker with a later one has it earlier. Numbers tell the order.
//! * **Few requests, and none late.** What comes after a quiet time is sent at once. Behind a request, records wait for
//!   others until there is a batch of them, 100 ms at most.
//! * **Signals do not wait for each other.** Each has its own cursor, connection, pauses and task.
//! * **Nothing of the host is borrowed.** The sender has a thread and a runtime of its own, and stops from any thread, also
//!   one of a runtime that waits for it.
//! * **It says nothing to the host's subscriber.** On its thread there is none, so that its own HTTP/2 client leaves no
//!   spans in the trail that it delivers. How it fares is in [`SenderCounters`].

mod backoff;
mod batch;
mod compression;
mod connection;
mod counters;
mod dead_letter;
mod delivery;
mod dial;
mod endpoint;
mod failure;
mod feed;
mod grpc;
mod headers;
mod http_form;
mod log_record;
#[cfg(any(feature = "cli", test))]
pub(crate) mod probe;
mod rpc_status;
mod target;
#[cfg(feature = "tls")]
mod tls;
mod verdict;
mod wire;

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tracing::dispatcher::{self, Dispatch};

pub(crate) use self::backoff::Backoff;
pub(crate) use self::counters::{Course, SenderCounters, SignalStatus};
#[cfg(any(feature = "cli", test))]
pub(crate) use self::dead_letter::{DeadLetter, dead_letters};
#[cfg(test)]
use self::failure::Failure;

pub(crate) use self::endpoint::{Endpoint, Reach, Scheme};
pub(crate) use self::headers::Header;
pub(crate) use self::target::{Certificates, ClientCertificate, TargetConfig};

use self::delivery::{Circumstances, supervise};
use super::health::Health;
use super::otlp::LogBody;
use super::pulse::Pulse;
use super::spool::Spool;
use crate::clock::Clock;
use crate::record::Timestamp;
use crate::semconv::Signal;

/// What a sender is told.
#[derive(Debug, Clone)]
pub(crate) struct SenderConfig {
    /// Where log records go.
    pub(crate) logs: TargetConfig,
    /// Where spans go.
    pub(crate) traces: TargetConfig,
    /// The most records in one request.
    pub(crate) batch_records: usize,
    /// The most bytes of records in one request, but for a single record that is larger.
    pub(crate) batch_bytes: usize,
    /// The most requests that are under way at once, for each signal.
    pub(crate) in_flight: usize,
    /// How long records wait for others behind a request that took all there was; not when they make a batch, nor once
    /// the sender is being stopped.
    pub(crate) linger: Duration,
    /// The pauses between attempts.
    pub(crate) backoff: Backoff,
    /// The directory for what is refused for good.
    pub(crate) dead_letters: PathBuf,
    /// Whether records are sent as spans too.
    pub(crate) spans: Spans,
    /// What the body of a log record is.
    pub(crate) log_body: LogBody,
}

impl SenderConfig {
    /// The defaults: requests of at most 512 records and 2 MiB, 100 ms between those that are not full, pauses from
    /// 250 ms to 30 s, readable lines as bodies.
    pub(crate) fn new(
        logs: TargetConfig,
        traces: TargetConfig,
        dead_letters: PathBuf,
        spans: Spans,
    ) -> Self {
        Self {
            logs,
            traces,
            batch_records: 512,
            batch_bytes: 2 << 20,
            in_flight: 4,
            linger: Duration::from_millis(100),
            backoff: Backoff {
                first: Duration::from_millis(250),
                most: Duration::from_secs(30),
            },
            dead_letters,
            spans,
            log_body: LogBody::Text,
        }
    }
}

/// Whether records are sent as spans too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spans {
    /// Those that have a view as a span are.
    Sent,
    /// None is.
    Withheld,
}

/// Whether everything durable was delivered, or put aside, when a sender stopped. What was not is in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drained {
    Everything,
    Rest,
}

/// Why a sender could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SenderError {
    #[error("cannot start the sender's thread: {source}")]
    Thread { source: io::Error },
    #[error("no TLS for {}: {fault}", signal.as_str())]
    Tls { signal: Signal, fault: String },
}

/// A sender at work. Dropping it stops it at once.
#[derive(Debug)]
pub(crate) struct Sender {
    stop: Arc<Stop>,
    pulse: Arc<Pulse>,
    counters: Arc<SenderCounters>,
}

impl Sender {
    /// Starts to deliver what the spool's lanes hold. `pulse` beats whenever more frames are durable or there are more
    /// lanes.
    pub(crate) fn start(
        config: &SenderConfig,
        spool: Arc<Spool>,
        pulse: Arc<Pulse>,
        clock: Arc<Clock>,
    ) -> Result<Self, SenderError> {
        let shared = Arc::new(Circumstances::new(config, spool, pulse, clock)?);
        let sender = Self {
            stop: Arc::clone(&shared.stop),
            pulse: Arc::clone(&shared.pulse),
            counters: Arc::clone(&shared.counters),
        };
        sender.spawn(shared, config.spans)?;
        Ok(sender)
    }

    /// How it fares. The counters outlive it.
    #[cfg(test)]
    pub(crate) fn counters(&self) -> Arc<SenderCounters> {
        Arc::clone(&self.counters)
    }

    /// Adds what the sender knows, at the time `now`.
    pub(crate) fn report(&self, health: &mut Health, now: Timestamp) {
        let logs = self.counters.of(Signal::Logs);
        let traces = self.counters.of(Signal::Traces);
        health.sent = logs.sent;
        health.refused = logs.refused;
        health.spans_sent = traces.sent;
        health.spans_refused = traces.refused;
        health.failed_deliveries += logs.failed_attempts + traces.failed_attempts;
        health.oldest_unsent_age = logs.oldest_in_flight.map(|oldest| {
            Duration::from_nanos(now.unix_nanos().saturating_sub(oldest.unix_nanos()))
        });
        let failing = [logs, traces]
            .into_iter()
            .filter(|status| status.failing_since.is_some());
        // A receiver that takes no spans has failed at nothing: it takes the records.
        let failing = failing.filter(|status| status.course != Course::Parked);
        let why = failing.filter_map(|status| status.last_failure).next();
        health.delivery_failure = why
            .map(|failure| failure.to_string())
            .or(health.delivery_failure.take());
    }

    /// Goes on until everything durable is delivered or the deadline has passed, and ends the thread. A pause between
    /// attempts is cut short, and spans that the receiver does not know are not waited for.
    ///
    /// Blocks the calling thread until then, and hardly longer. Nothing is lost: the spool keeps what was not delivered.
    /// Called again, it says the same.
    pub(crate) fn stop(&self, deadline: Duration) -> Drained {
        self.stop.call(deadline);
        self.pulse.beat();
        self.stop.wait(deadline.saturating_add(GRACE))
    }

    /// Returns when the thread has its runtime.
    fn spawn(&self, shared: Arc<Circumstances>, spans: Spans) -> Result<(), SenderError> {
        let (started, ready) = sync_channel(1);
        let farewell = Farewell {
            stop: Arc::clone(&self.stop),
            counters: Arc::clone(&self.counters),
            drained: Drained::Rest,
        };
        let thread = move || {
            dispatcher::with_default(&Dispatch::none(), || {
                work(shared, spans, farewell, &started)
            });
        };
        thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(thread)
            .and_then(|_| {
                ready
                    .recv()
                    .unwrap_or_else(|gone| Err(io::Error::other(gone)))
            })
            .map_err(|source| SenderError::Thread { source })
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// What the thread does.
fn work(
    shared: Arc<Circumstances>,
    spans: Spans,
    mut farewell: Farewell,
    started: &SyncSender<io::Result<()>>,
) {
    // A current-thread runtime runs every task on this thread, where nobody listens to spans and events.
    let built = Builder::new_current_thread()
        .thread_name(THREAD)
        .enable_all()
        .build();
    let runtime = match built {
        Ok(runtime) => runtime,
        Err(error) => {
            started.send(Err(error)).ok();
            return;
        }
    };
    started.send(Ok(())).ok();
    farewell.drained = run(&runtime, shared, spans);
    // A name that is being looked up is waited for by nobody.
    runtime.shutdown_background();
}

fn run(runtime: &Runtime, shared: Arc<Circumstances>, spans: Spans) -> Drained {
    let signals = match spans {
        Spans::Sent => &[Signal::Logs, Signal::Traces][..],
        Spans::Withheld => {
            let ended = |status: &mut SignalStatus| status.course = Course::Ended;
            shared.counters.update(Signal::Traces, ended);
            &[Signal::Logs]
        }
    };
    let stop = Arc::clone(&shared.stop);
    runtime.block_on(async move {
        let deliveries: Vec<_> = signals
            .iter()
            .map(|signal| tokio::spawn(supervise(Arc::clone(&shared), *signal)))
            .collect();
        let deadline = stop.called().await;
        let all = async {
            let mut drained = Drained::Everything;
            for delivery in deliveries {
                if delivery.await.unwrap_or(Drained::Rest) == Drained::Rest {
                    drained = Drained::Rest;
                }
            }
            drained
        };
        tokio::time::timeout(deadline, all)
            .await
            .unwrap_or(Drained::Rest)
    })
}

/// The call to stop, and the answer to it.
#[derive(Debug, Default)]
struct Stop {
    state: Mutex<Stopping>,
    calls: Pulse,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Stopping {
    deadline: Option<Duration>,
    drained: Option<Drained>,
}

impl Stop {
    /// The first call sets the deadline.
    fn call(&self, deadline: Duration) {
        self.lock().deadline.get_or_insert(deadline);
        self.calls.beat();
    }

    fn is_called(&self) -> bool {
        self.lock().deadline.is_some()
    }

    /// Waits for the call, and returns how long there is from then on.
    async fn called(&self) -> Duration {
        self.calls.beaten(0).await;
        self.lock().deadline.unwrap_or_default()
    }

    fn end(&self, drained: Drained) {
        self.lock().drained = Some(drained);
        self.ended.notify_all();
    }

    fn wait(&self, at_most: Duration) -> Drained {
        let waited = self
            .ended
            .wait_timeout_while(self.lock(), at_most, |stopping| stopping.drained.is_none());
        let (stopping, _) = waited.unwrap_or_else(PoisonError::into_inner);
        stopping.drained.unwrap_or(Drained::Rest)
    }

    fn lock(&self) -> MutexGuard<'_, Stopping> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells, however the thread ends, that it did.
struct Farewell {
    stop: Arc<Stop>,
    counters: Arc<SenderCounters>,
    drained: Drained,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        for signal in [Signal::Logs, Signal::Traces] {
            self.counters
                .update(signal, |status| status.course = Course::Ended);
        }
        self.stop.end(self.drained);
    }
}

/// Without the feature there is no TLS, and a receiver that needs it is refused when the sender is made.
#[cfg(not(feature = "tls"))]
mod tls {
    use std::convert::Infallible;
    use std::fmt;

    use tokio::net::TcpStream;

    use super::dial::Speech;
    use super::target::Certificates;
    use crate::emit::otlp::Protocol;

    #[derive(Debug, Clone)]
    pub(super) struct Tls(Infallible);

    #[derive(Debug, thiserror::Error)]
    pub(super) enum TlsError {
        #[error(
            "https needs the feature `tls` of llm-audit: switch it on, or send over http to a collector on this machine"
        )]
        NotBuilt,
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum TlsFault {}

    #[derive(Debug, Clone, Default)]
    pub(super) struct Trouble {}

    impl Tls {
        pub(super) fn new(_: &Certificates, _: &str, _: Protocol) -> Result<Self, TlsError> {
            Err(TlsError::NotBuilt)
        }

        pub(super) async fn connect(
            &self,
            _: TcpStream,
            _: &Trouble,
        ) -> Result<(TcpStream, Speech), TlsFault> {
            match self.0 {}
        }
    }

    impl Trouble {
        pub(super) fn fault(&self) -> Option<TlsFault> {
            None
        }
    }

    impl fmt::Display for TlsFault {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            match *self {}
        }
    }
}

/// The name of the sender's thread, and of one that looks names up for it.
const THREAD: &str = "llm-audit-sender";
/// What the thread may take beyond the deadline before it is no longer waited for.
const GRACE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
