//! A probe: can records get out? One step after the other to the receiver of each signal, and what fails in words.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Builder;
use tracing::dispatcher::{self, Dispatch};

use super::connection::Connection;
use super::dial::{plain, reach, resolve, secure};
use super::failure::Failure;
use super::grpc::Code;
use super::target::{Target, TargetConfig};
use super::tls::Trouble;
use super::verdict::Reply;
use super::{SenderConfig, Spans};
use crate::emit::otlp::{Compression, Protocol};
use crate::semconv::Signal;

/// What a probe found, for each signal that is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProbeReport {
    pub(crate) signals: Vec<SignalProbe>,
}

/// What it found on the way of one signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignalProbe {
    pub(crate) signal: Signal,
    /// Where it goes, without what may be a secret.
    pub(crate) endpoint: String,
    pub(crate) protocol: Protocol,
    /// Step by step; none behind the first that failed.
    pub(crate) checks: Vec<Check>,
}

/// A step, and how it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) step: Step,
    pub(crate) finding: Finding,
}

/// The steps, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The receiver's name has an address.
    Name,
    /// Somebody listens there.
    Connection,
    /// A secret connection to whom it should be. Not a step where there is no TLS.
    Tls,
    /// A request without records is taken, with the headers that are set.
    Answer,
    /// So is a compressed one.
    Compression,
}

/// How a step went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Well; in a few words, what was found.
    Passed(String),
    /// No record gets through: what, and what to do.
    Problem { what: String, remedy: &'static str },
}

/// Goes the way that records go, with requests that hold none, and returns within the deadline, or hardly later.
/// It may be called on any thread; its work is done on one of its own, where nobody listens to spans and events.
pub(crate) fn probe(config: &SenderConfig, deadline: Duration) -> ProbeReport {
    let signals = match config.spans {
        Spans::Sent => vec![
            (Signal::Logs, &config.logs),
            (Signal::Traces, &config.traces),
        ],
        Spans::Withheld => vec![(Signal::Logs, &config.logs)],
    };
    let signals = thread::scope(|scope| {
        let probes: Vec<_> = signals
            .into_iter()
            .map(|(signal, config)| {
                let checks = Arc::<Mutex<Vec<Check>>>::default();
                let walk = Walk {
                    signal,
                    checks: Arc::clone(&checks),
                };
                let thread = scope.spawn(move || {
                    dispatcher::with_default(&Dispatch::none(), || walk.run(config, deadline));
                });
                (signal, config, checks, thread)
            })
            .collect();
        let ended = probes.into_iter().map(|(signal, config, checks, thread)| {
            // One that panicked has told how far it came.
            thread.join().ok();
            SignalProbe {
                signal,
                endpoint: config.endpoint.to_string(),
                protocol: config.protocol,
                checks: lock(&checks).clone(),
            }
        });
        ended.collect()
    });
    ProbeReport { signals }
}

/// The way of one signal.
#[derive(Debug)]
struct Walk {
    signal: Signal,
    checks: Arc<Mutex<Vec<Check>>>,
}

impl Walk {
    fn run(&self, config: &TargetConfig, deadline: Duration) {
        let target = match Target::new(config) {
            Ok(target) => target,
            Err(error) => {
                let remedy = "mend the setting that is named";
                self.problem(Step::Tls, error.to_string(), remedy);
                return;
            }
        };
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                let remedy = "give the process the files that it may open";
                self.problem(Step::Name, error.to_string(), remedy);
                return;
            }
        };
        let in_time =
            runtime.block_on(async { tokio::time::timeout(deadline, self.go(&target)).await });
        if in_time.is_err() {
            let secret = target.tls.is_some();
            let steps = [Step::Name, Step::Connection, Step::Tls, Step::Answer];
            let mut steps = steps
                .into_iter()
                .filter(|step| secret || *step != Step::Tls);
            let passed = lock(&self.checks).len();
            let step = steps.nth(passed).unwrap_or(Step::Compression);
            self.failed(step, Failure::TimedOut);
        }
        // A name that is being looked up is waited for by nobody.
        runtime.shutdown_background();
    }

    async fn go(&self, target: &Target) {
        let addresses = match resolve(target).await {
            Ok(addresses) => addresses,
            Err(why) => return self.failed(Step::Name, why),
        };
        let shown: Vec<String> = addresses.iter().map(|a| a.ip().to_string()).collect();
        self.passed(Step::Name, shown.join(", "));
        let stream = match reach(&addresses).await {
            Ok(stream) => stream,
            Err(why) => return self.failed(Step::Connection, why),
        };
        let peer = stream.peer_addr().map(|peer| peer.to_string());
        self.passed(Step::Connection, peer.unwrap_or_default());
        if let Some(tls) = &target.tls {
            match secure(tls, stream, &Trouble::default()).await {
                Ok((_, speech)) => {
                    let shown = if speech == plain(Protocol::Grpc) {
                        "HTTP/2"
                    } else {
                        "HTTP/1.1"
                    };
                    self.passed(Step::Tls, shown.to_owned());
                }
                Err(why) => return self.failed(Step::Tls, why),
            }
        }
        if self.answers(target).await {
            self.compresses(target).await;
        }
    }

    async fn answers(&self, target: &Target) -> bool {
        let mut plainly = target.clone();
        plainly.set_compression(Compression::None);
        match ask(plainly).await {
            Reply::Answer(_) | Reply::Partial { .. } => {
                self.passed(
                    Step::Answer,
                    "a request without records was taken".to_owned(),
                );
                return true;
            }
            Reply::Failed(why) => {
                // What the receiver says of a client's certificate comes with its first answer.
                let step = match why {
                    Failure::Tls(_) => Step::Tls,
                    _ => Step::Answer,
                };
                self.failed(step, why);
            }
            Reply::Grpc(status) => self.refused(Failure::Status(status.code)),
            Reply::Http(refused) => self.refused(Failure::Http(refused.status)),
            Reply::Unreadable => self.failed(Step::Answer, Failure::Unreadable),
        }
        false
    }

    async fn compresses(&self, target: &Target) {
        let wanted = target.compression == Compression::Gzip;
        let mut compressing = target.clone();
        compressing.set_compression(Compression::Gzip);
        let taken = matches!(
            ask(compressing).await,
            Reply::Answer(_) | Reply::Partial { .. }
        );
        match (wanted, taken) {
            (true, true) => self.passed(Step::Compression, "gzip is taken, and on".to_owned()),
            (false, true) => self.passed(Step::Compression, "gzip is taken, and off".to_owned()),
            (false, false) => {
                self.passed(Step::Compression, "gzip is not taken, and off".to_owned());
            }
            (true, false) => self.problem(
                Step::Compression,
                "the receiver does not take gzip".to_owned(),
                "set OTEL_EXPORTER_OTLP_COMPRESSION=none",
            ),
        }
    }

    /// The receiver answered, and does not want the request.
    fn refused(&self, why: Failure) {
        let unknown = matches!(
            why,
            Failure::Status(Code::Unimplemented) | Failure::Http(404)
        );
        if unknown && self.signal == Signal::Traces {
            let what = format!("{why}: it takes no spans, which holds up no record");
            self.passed(Step::Answer, what);
        } else {
            self.failed(Step::Answer, why);
        }
    }

    fn failed(&self, step: Step, why: Failure) {
        self.problem(step, why.to_string(), remedy(step, why));
    }

    fn problem(&self, step: Step, what: String, remedy: &'static str) {
        self.note(step, Finding::Problem { what, remedy });
    }

    fn passed(&self, step: Step, what: String) {
        self.note(step, Finding::Passed(what));
    }

    /// A step that is told twice went as it was told last.
    fn note(&self, step: Step, finding: Finding) {
        let mut checks = lock(&self.checks);
        checks.retain(|check| check.step != step);
        checks.push(Check { step, finding });
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name resolution",
            Self::Connection => "connection",
            Self::Tls => "TLS",
            Self::Answer => "answer",
            Self::Compression => "compression",
        })
    }
}

/// Sends a request without records.
async fn ask(target: Target) -> Reply {
    let payload = target.payload([Bytes::new(), Bytes::new()]);
    Connection::new(target).export(payload).await
}

/// What to do.
fn remedy(step: Step, why: Failure) -> &'static str {
    match why {
        Failure::NameUnknown => "check the endpoint's host, and this machine's DNS",
        Failure::Refused => "start the receiver, or check the endpoint's port",
        Failure::Tls(_) => {
            "check OTEL_EXPORTER_OTLP_CERTIFICATE, _CLIENT_CERTIFICATE and _CLIENT_KEY, and the receiver's certificate"
        }
        Failure::Status(Code::Unauthenticated | Code::PermissionDenied)
        | Failure::Http(401 | 403) => {
            "check OTEL_EXPORTER_OTLP_HEADERS: the receiver wants another authorization"
        }
        Failure::Http(407) => {
            "the way out leads through a proxy: send to a collector on this side of it"
        }
        Failure::Http(404 | 405) | Failure::Status(Code::Unimplemented) => {
            "check the endpoint's path and port, and that the receiver has a pipeline for this signal"
        }
        Failure::Unreachable | Failure::Unreadable if step == Step::Answer => {
            "check OTEL_EXPORTER_OTLP_PROTOCOL and the port: gRPC is usually at 4317, HTTP at 4318; and whether it wants https"
        }
        Failure::TimedOut | Failure::Unreachable => {
            "check firewalls and proxies between here and the receiver"
        }
        _ => "look at the receiver's log",
    }
}

fn lock(checks: &Mutex<Vec<Check>>) -> MutexGuard<'_, Vec<Check>> {
    checks.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
