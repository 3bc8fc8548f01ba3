//! The delivery of one signal: batch by batch, each until every record in it is taken or put aside.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::backoff::Backoff;
use super::batch::{Batch, Limits};
use super::connection::Connection;
use super::counters::{Course, SenderCounters, SignalStatus};
use super::dead_letter::DeadLetterBox;
use super::failure::Failure;
use super::feed::{Feed, Found, Passed};
use super::target::Target;
use super::verdict::{Refusal, Reply, Verdict, judge};
use super::wire::Payload;
use super::{Drained, SenderConfig, SenderError, Stop};
use crate::clock::{Clock, Moment};
use crate::emit::otlp::LogBody;
use crate::emit::pulse::Pulse;
use crate::emit::spool::{Consumer, Lane, Spool};
use crate::semconv::Signal;

/// What every delivery of a sender shares.
#[derive(Debug)]
pub(super) struct Circumstances {
    pub(super) logs: Target,
    pub(super) traces: Target,
    pub(super) limits: Limits,
    pub(super) log_body: LogBody,
    pub(super) in_flight: usize,
    pub(super) linger: Duration,
    pub(super) backoff: Backoff,
    pub(super) dead_letters: PathBuf,
    pub(super) spool: Arc<Spool>,
    pub(super) pulse: Arc<Pulse>,
    pub(super) clock: Arc<Clock>,
    pub(super) counters: Arc<SenderCounters>,
    pub(super) stop: Arc<Stop>,
}

impl Circumstances {
    pub(super) fn new(
        config: &SenderConfig,
        spool: Arc<Spool>,
        pulse: Arc<Pulse>,
        clock: Arc<Clock>,
    ) -> Result<Self, SenderError> {
        let target = |signal, config| {
            Target::new(config).map_err(|error| SenderError::Tls {
                signal,
                fault: error.to_string(),
            })
        };
        Ok(Self {
            logs: target(Signal::Logs, &config.logs)?,
            traces: target(Signal::Traces, &config.traces)?,
            limits: Limits {
                records: config.batch_records,
                bytes: config.batch_bytes,
            },
            log_body: config.log_body,
            in_flight: config.in_flight.max(1),
            linger: config.linger,
            backoff: config.backoff,
            dead_letters: config.dead_letters.clone(),
            spool,
            pulse,
            clock,
            counters: Arc::default(),
            stop: Arc::default(),
        })
    }
}

/// A signal on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    shared: Arc<Circumstances>,
    signal: Signal,
    feed: Feed,
    limits: Limits,
    connection: Arc<Connection>,
    /// Batches that have been sent and are not settled, the oldest first.
    under_way: VecDeque<UnderWay>,
    spare: Vec<Batch>,
    /// When the last request was made, as long as records wait behind it for others.
    requested: Option<Moment>,
    refused: DeadLetterBox,
    pauses: Pauses,
}

/// A batch on its way.
#[derive(Debug)]
struct UnderWay {
    lane: Arc<Lane>,
    batch: Batch,
    /// Absent where there is nothing in it to be sent.
    sent: Option<Sent>,
}

/// A request on its way.
#[derive(Debug)]
struct Sent {
    payload: Payload,
    bytes: usize,
    reply: JoinHandle<Reply>,
}

impl Delivery {
    /// Must be called in the runtime that it runs in.
    pub(super) fn new(shared: Arc<Circumstances>, signal: Signal) -> Self {
        let stream = shared.spool.own().stream();
        let clock = Arc::clone(&shared.clock);
        let target = match signal {
            Signal::Logs => shared.logs.clone(),
            Signal::Traces => shared.traces.clone(),
        };
        Self {
            signal,
            feed: Feed::new(Arc::clone(&shared.spool), consumer(signal)),
            limits: shared.limits,
            connection: Arc::new(Connection::new(target)),
            under_way: VecDeque::new(),
            spare: Vec::new(),
            requested: None,
            refused: DeadLetterBox::new(&shared.dead_letters, signal, stream, clock),
            pauses: Pauses::new(Arc::clone(&shared), signal),
            shared,
        }
    }

    /// Delivers until it is stopped and has nothing left to deliver.
    pub(super) async fn run(mut self) -> Drained {
        loop {
            let seen = self.shared.pulse.beats();
            let left = self.send_ahead();
            self.count_passed();
            if let Some(oldest) = self.under_way.pop_front() {
                if self.settle(oldest).await == Delivered::NotNow {
                    return Drained::Rest;
                }
                continue;
            }
            match left {
                Left::Unknown => {}
                Left::Little { rest } => {
                    let more = self.shared.pulse.beaten(seen);
                    if tokio::time::timeout(rest, more).await.is_err() {
                        self.requested = None;
                    }
                }
                Left::Nothing if self.shared.stop.is_called() => return Drained::Everything,
                Left::Unreadable if self.shared.stop.is_called() => return Drained::Rest,
                Left::Nothing => {
                    self.refused.close();
                    self.shared.pulse.beaten(seen).await;
                }
                Left::Unreadable => self.pauses.after(Failure::Spool, None).await,
            }
        }
    }

    /// Sends as many batches as may be under way at once: one, until the receiver has taken one.
    fn send_ahead(&mut self) -> Left {
        let most = match self.pauses.standing {
            Standing::Good => self.shared.in_flight,
            Standing::Unknown => 1,
        };
        while self.under_way.len() < most {
            if let Some(rest) = self.lingers() {
                return Left::Little { rest };
            }
            let mut batch = self
                .spare
                .pop()
                .unwrap_or_else(|| Batch::new(self.signal, self.shared.log_body));
            match self.feed.next(&mut batch, self.limits) {
                Found::Batch(lane) => {
                    let whole = 0..batch.len();
                    let sent = (!whole.is_empty()).then(|| self.send(&batch, whole));
                    if sent.is_some() {
                        self.requested = Some(self.shared.clock.moment());
                    }
                    self.under_way.push_back(UnderWay { lane, batch, sent });
                }
                nothing => {
                    self.spare.push(batch);
                    return match nothing {
                        Found::Unreadable => Left::Unreadable,
                        _ => Left::Nothing,
                    };
                }
            }
        }
        Left::Unknown
    }

    /// How long what there is waits for more, if it does: while the last request was just now and there is less than a
    /// batch.
    fn lingers(&self) -> Option<Duration> {
        let since = self.shared.clock.moment().nanos_since(self.requested?);
        let rest = self
            .shared
            .linger
            .saturating_sub(Duration::from_nanos(since));
        let enough = FRAMES_A_CALL.saturating_mul(self.limits.records as u64);
        let little = (1..enough).contains(&self.feed.waiting());
        (little && !rest.is_zero() && !self.shared.stop.is_called()).then_some(rest)
    }

    /// Waits until it is settled what becomes of a batch; sends what is refused of it in halves, in order. The cursor
    /// follows.
    async fn settle(&mut self, under_way: UnderWay) -> Delivered {
        let UnderWay { lane, batch, sent } = under_way;
        let consumer = consumer(self.signal);
        let oldest_in_flight = batch.oldest();
        self.update(|status| status.oldest_in_flight = oldest_in_flight);
        let (mut sent, mut refusals) = (sent, 0);
        let whole = 0..batch.len();
        let mut open = vec![whole];
        while let Some(range) = open.pop().filter(|range| !range.is_empty()) {
            let first = sent
                .take()
                .unwrap_or_else(|| self.send(&batch, range.clone()));
            let bytes = first.bytes;
            let verdict = match self.insist(first, range.len()).await {
                Settled::Parked => return Delivered::NotNow,
                Settled::Verdict(verdict) => verdict,
            };
            match verdict {
                Settlement::Taken => {
                    let count = range.len() as u64;
                    self.update(|status| status.sent += count);
                }
                Settlement::TooLarge(_) | Settlement::Poisoned(_) if range.len() > 1 => {
                    if let Settlement::TooLarge(_) = verdict {
                        self.limits.bytes = self.limits.bytes.min(bytes / 2).max(BYTES_LEAST);
                    }
                    let middle = range.start + range.len() / 2;
                    open.push(middle..range.end);
                    open.push(range.start..middle);
                    continue;
                }
                Settlement::Poisoned(refusal)
                | Settlement::Refused(refusal)
                | Settlement::TooLarge(refusal) => {
                    refusals += range.len();
                    self.put_aside(&refusal, &batch, range.clone()).await;
                }
            }
            lane.advance(consumer, batch.bound(range.end));
        }
        lane.advance(consumer, batch.bound(batch.len()));
        if refusals == 0 {
            self.refused.close();
        }
        self.update(|status| status.oldest_in_flight = None);
        self.spare.push(batch);
        Delivered::Done
    }

    fn send(&self, batch: &Batch, range: Range<usize>) -> Sent {
        let request = batch.request(range);
        let bytes = request.iter().map(bytes::Bytes::len).sum();
        let payload = self.connection.target().payload(request);
        Sent {
            reply: self.export(&payload),
            payload,
            bytes,
        }
    }

    fn export(&self, payload: &Payload) -> JoinHandle<Reply> {
        let (connection, payload) = (Arc::clone(&self.connection), payload.clone());
        tokio::spawn(async move { connection.export(payload).await })
    }

    /// Sends the same bytes until the receiver settles what becomes of them.
    async fn insist(&mut self, sent: Sent, records: usize) -> Settled {
        let Sent {
            payload, mut reply, ..
        } = sent;
        loop {
            let answer = reply.await;
            let answer = answer.unwrap_or(Reply::Failed(Failure::Crashed));
            let now = self.shared.clock.now();
            let settlement = match judge(self.signal, records, &answer, now) {
                Verdict::Later { why, asked } => {
                    self.pauses.after(why, asked).await;
                    reply = self.export(&payload);
                    continue;
                }
                Verdict::Parked(_) if self.shared.stop.is_called() => {
                    self.shared.spool.park_spans(true);
                    return Settled::Parked;
                }
                Verdict::Parked(why) => {
                    self.pauses.parked(why).await;
                    reply = self.export(&payload);
                    continue;
                }
                Verdict::Poisoned(refusal) => Settlement::Poisoned(refusal),
                Verdict::Refused(refusal) => Settlement::Refused(refusal),
                Verdict::Taken => Settlement::Taken,
                Verdict::TakenWithWarning => {
                    self.update(|status| status.warnings += 1);
                    Settlement::Taken
                }
                Verdict::TooLarge(refusal) => Settlement::TooLarge(refusal),
            };
            self.pauses.over();
            return Settled::Verdict(settlement);
        }
    }

    /// Puts records aside that were refused for good. They stay in the spool until that has succeeded.
    async fn put_aside(&mut self, refusal: &Refusal, batch: &Batch, range: Range<usize>) {
        let count = range.len() as u64;
        loop {
            let payloads = batch.payloads(range.clone());
            match self.refused.keep(refusal, batch.meta(), payloads) {
                Ok(()) => break,
                Err(_) => {
                    self.refused.close();
                    self.pauses.after(Failure::DeadLetters, None).await;
                }
            }
        }
        self.pauses.over();
        self.update(|status| status.refused += count);
    }

    fn count_passed(&mut self) {
        let Passed { released, unknown } = self.feed.take_passed();
        if released + unknown > 0 {
            self.update(|status| {
                status.released += released;
                status.unknown += unknown;
            });
        }
    }

    fn update(&self, change: impl FnOnce(&mut SignalStatus)) {
        self.shared.counters.update(self.signal, change);
    }
}

/// Delivers a signal until it is done, from the cursor again where a delivery ends unexpectedly.
pub(super) async fn supervise(shared: Arc<Circumstances>, signal: Signal) -> Drained {
    restart(&shared, signal, || {
        Delivery::new(Arc::clone(&shared), signal).run()
    })
    .await
}

pub(super) async fn restart<F>(
    shared: &Arc<Circumstances>,
    signal: Signal,
    deliver: impl Fn() -> F,
) -> Drained
where
    F: Future<Output = Drained> + Send + 'static,
{
    let mut pauses = Pauses::new(Arc::clone(shared), signal);
    let drained = loop {
        match tokio::spawn(deliver()).await {
            Ok(drained) => break drained,
            Err(_) => {
                let crashed = |status: &mut SignalStatus| status.crashes += 1;
                shared.counters.update(signal, crashed);
                pauses.after(Failure::Crashed, None).await;
            }
        }
    };
    let ended = |status: &mut SignalStatus| status.course = Course::Ended;
    shared.counters.update(signal, ended);
    drained
}

/// The pauses between attempts, and what is told of them.
#[derive(Debug)]
struct Pauses {
    shared: Arc<Circumstances>,
    signal: Signal,
    failures: u32,
    standing: Standing,
    /// Whether a pause has been cut short by the stop.
    hurried: bool,
}

impl Pauses {
    fn new(shared: Arc<Circumstances>, signal: Signal) -> Self {
        Self {
            shared,
            signal,
            failures: 0,
            standing: Standing::Unknown,
            hurried: false,
        }
    }

    /// Pauses after a failure.
    async fn after(&mut self, why: Failure, asked: Option<Duration>) {
        self.failures = self.failures.saturating_add(1);
        let dice = self.shared.clock.random();
        let pause = self.shared.backoff.pause(self.failures, asked, dice);
        self.make(why, pause, Course::Running).await;
    }

    /// Pauses for long.
    async fn parked(&mut self, why: Failure) {
        let pause = PARKED.max(self.shared.backoff.most);
        self.shared.spool.park_spans(true);
        self.make(why, pause, Course::Parked).await;
    }

    /// It went well.
    fn over(&mut self) {
        self.failures = 0;
        self.standing = Standing::Good;
        if self.signal == Signal::Traces {
            self.shared.spool.park_spans(false);
        }
        self.shared.counters.update(self.signal, |status| {
            status.failing_since = None;
            status.course = Course::Running;
        });
    }

    /// Whoever stops the sender ends the pause, or the next one, for one more attempt.
    async fn make(&mut self, why: Failure, pause: Duration, course: Course) {
        let now = self.shared.clock.now();
        self.standing = Standing::Unknown;
        self.shared.counters.update(self.signal, |status| {
            status.failed_attempts += 1;
            status.failing_since.get_or_insert(now);
            status.last_failure = Some(why);
            status.pause = Some(pause);
            status.course = course;
        });
        if self.hurried {
            tokio::time::sleep(pause).await;
        } else if tokio::time::timeout(pause, self.shared.stop.called())
            .await
            .is_ok()
        {
            self.hurried = true;
            self.failures = 0;
        }
        self.shared
            .counters
            .update(self.signal, |status| status.pause = None);
    }
}

/// Whether the receiver takes what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It did, the last time.
    Good,
    Unknown,
}

/// What there was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    /// More than may be under way, or nobody has looked.
    Unknown,
    Unreadable,
    /// Less than a batch, which waits for more.
    Little {
        rest: Duration,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivered {
    Done,
    /// The receiver does not know the signal, and the sender is being stopped.
    NotNow,
}

enum Settled {
    Parked,
    Verdict(Settlement),
}

/// A verdict that is one: see [`Verdict`].
enum Settlement {
    Poisoned(Refusal),
    Refused(Refusal),
    Taken,
    TooLarge(Refusal),
}

fn consumer(signal: Signal) -> Consumer {
    match signal {
        Signal::Logs => Consumer::Logs,
        Signal::Traces => Consumer::Traces,
    }
}

/// Frames that a call has: its beginning and its end. Seals are few.
const FRAMES_A_CALL: u64 = 2;
/// How long a signal is left alone that the receiver does not know.
const PARKED: Duration = Duration::from_secs(60);
/// Receivers that take less than this at once get single records in the end, and not ever smaller batches.
const BYTES_LEAST: usize = 16 << 10;
