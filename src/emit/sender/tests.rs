//! The sender against a receiver on loopback whose answers each test writes.

mod collector;
mod delivering;
mod refusing;
mod stopping;

use std::path::PathBuf;

use tempfile::TempDir;

use self::collector::Collector;
use super::*;
use crate::emit::otlp::{Compression, LogBody, Protocol};
use crate::emit::spool::{Consumer, FINAL, Lane, Origin, SpanView};
use crate::journal::JournalOptions;
use crate::record::keyring::Keyring;
use crate::record::testing::full_call;
use crate::record::{AuditRecord, Label, Timestamp};
use crate::semconv::SpanShows;

/// A spool with what goes with it.
struct Trail {
    directory: TempDir,
    spool: Arc<Spool>,
    pulse: Arc<Pulse>,
    clock: Arc<Clock>,
    keys: Arc<Keyring>,
}

impl Trail {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(Clock::system());
        let keys = Keyring::generate(Timestamp::from_unix_nanos(0), [[1; 32], [2; 32]]);
        let keys = Arc::new(keys);
        Self {
            spool: Arc::new(open(&directory, "billing", &keys, &clock)),
            directory,
            pulse: Arc::default(),
            clock,
            keys,
        }
    }

    /// The next process of a service, which takes over what this one left.
    fn next_process(self, service: &str) -> Self {
        let Self {
            directory, spool, ..
        } = self;
        drop(Arc::into_inner(spool).expect("nobody else holds the spool"));
        let trail = Self {
            spool: Arc::new(open(&directory, service, &self.keys, &self.clock)),
            directory,
            pulse: Arc::default(),
            ..self
        };
        let orphans = trail.spool.adopt(&trail.clock);
        assert!(orphans > 0, "there is a lane to take over");
        trail
    }

    fn lane(&self) -> &Lane {
        self.spool.own()
    }

    fn record(&self) -> AuditRecord {
        let mut record = full_call();
        record.envelope.record_id = self.clock.record_id(self.clock.now());
        record
    }

    fn write(&self, record: AuditRecord, view: SpanView) {
        self.lane().finish_record(record, view, None).unwrap();
    }

    fn publish(&self) {
        self.lane().sync().unwrap();
        self.pulse.beat();
    }

    /// So many calls that are spans too.
    fn calls(&self, count: usize) {
        for _ in 0..count {
            self.write(self.record(), SpanView::Sent(SpanShows::DEFAULT));
        }
        self.publish();
    }

    fn config(&self, collector: &Collector) -> SenderConfig {
        SenderConfig {
            logs: target(&collector.endpoint(), Signal::Logs),
            traces: target(&collector.endpoint(), Signal::Traces),
            batch_records: 512,
            batch_bytes: 2 << 20,
            in_flight: 4,
            linger: Duration::from_millis(10),
            backoff: Backoff {
                first: Duration::from_millis(1),
                most: Duration::from_millis(20),
            },
            dead_letters: self.dead_letters(),
            spans: Spans::Sent,
            log_body: LogBody::Text,
        }
    }

    fn sender(&self, config: &SenderConfig) -> Sender {
        Sender::start(
            config,
            Arc::clone(&self.spool),
            Arc::clone(&self.pulse),
            Arc::clone(&self.clock),
        )
        .unwrap()
    }

    fn dead_letters(&self) -> PathBuf {
        self.directory.path().join("dead")
    }

    /// The numbers of the records that were refused for good, as a signal.
    fn refused(&self, signal: Signal) -> Vec<u64> {
        let found = dead_letters(&self.dead_letters(), &self.clock);
        assert_eq!(found.unread, Vec::<PathBuf>::new());
        let letters = found.letters.iter();
        letters
            .filter(|letter| letter.signal == signal)
            .map(|letter| {
                let frame = crate::emit::spool::Frame::read(&letter.payload).unwrap();
                assert!(Origin::from_meta(&letter.meta).is_some());
                frame.seq.unwrap()
            })
            .collect()
    }
}

/// A receiver of OTLP/gRPC.
fn target(endpoint: &str, signal: Signal) -> TargetConfig {
    let endpoint = Endpoint::parse(endpoint, Protocol::Grpc, signal, Reach::All, Scheme::Http);
    TargetConfig {
        endpoint: endpoint.unwrap(),
        protocol: Protocol::Grpc,
        headers: Vec::new(),
        timeout: PATIENCE,
        compression: Compression::None,
        certificates: Certificates::default(),
    }
}

fn open(directory: &TempDir, service: &str, keys: &Arc<Keyring>, clock: &Clock) -> Spool {
    let options = JournalOptions {
        segment_bytes: 1 << 20,
        capacity_bytes: 8 << 20,
        writing: crate::journal::Writing::Calls,
    };
    let consumers = vec![Consumer::Logs, Consumer::Traces];
    let origin = Origin::new(Some(&Label::clip(service)), &[]);
    Spool::open(
        &directory.path().join("spool"),
        options,
        consumers,
        &origin,
        Arc::clone(keys),
        clock,
    )
    .unwrap()
}

/// Waits until a signal's status is as it should be.
fn wait_for(
    sender: &Sender,
    signal: Signal,
    reached: impl Fn(&SignalStatus) -> bool,
) -> SignalStatus {
    let counters = sender.counters();
    let mut seen = 0;
    loop {
        let status = counters.of(signal);
        if reached(&status) {
            return status;
        }
        let beats = counters.changed().wait(seen, PATIENCE);
        assert!(beats > seen, "nothing changes any more: {status:?}");
        seen = beats;
    }
}

/// Much longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
