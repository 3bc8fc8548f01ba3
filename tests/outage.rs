//! A long outage: the collector refuses while an application makes more calls than fit into memory; then it is there,
//! and every record arrives, once. The application's memory stays flat all the while.
//!
//! `LLM_AUDIT_OUTAGE_CALLS` says how many calls: 10,000 unless said. `.ci/extended` makes a million.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../benches/overhead/call.rs"]
#[allow(dead_code, reason = "the bench makes it too")]
mod call;
#[path = "support/collector.rs"]
mod collector;
#[path = "support/counter.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod counter;
#[path = "support/part.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod part;
#[path = "support/receiver.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod receiver;
#[path = "support/trail.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod trail;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use collector::Collector;
use counter::{Arrived, Counter};
use llm_audit::{AuditSpanExt as _, Auditor, AuditorBuilder, Drained};
use part::{Part, Player};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[test]
fn everything_recorded_in_an_outage_arrives_once_and_memory_stays_flat() {
    if let Some(part) = Part::of_this_process() {
        return application(&part);
    }
    let directory = tempfile::tempdir().unwrap();
    // An address that refuses, until somebody listens there again.
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap();
    drop(held);
    let mut outage = Outage::endure(
        "everything_recorded_in_an_outage_arrives_once_and_memory_stays_flat",
        directory.path(),
        &format!("http://{address}"),
    );
    let back = Instant::now();
    let counter = Counter::start(TcpListener::bind(address).unwrap());
    let all = calls() as usize;
    let there = |arrived: &Arrived| arrived.logged.len() > all && arrived.traced.len() >= all;
    drop(counter.wait(PATIENCE, |arrived| arrived.logged.len() > 1));
    let first = back.elapsed();
    drop(counter.wait(PATIENCE, there));
    outage.report("a receiver that counts", back.elapsed(), first);
    assert_eq!(outage.end(), format!("{:?}", Drained::Complete));
    let arrived = counter.arrived();
    check(&arrived.logged, &arrived.traced, directory.path());
    assert_eq!((arrived.logged_again, arrived.traced_again), (0, 0));
}

#[test]
fn everything_recorded_in_an_outage_of_the_collector_is_in_its_files() {
    if let Some(part) = Part::of_this_process() {
        return application(&part);
    }
    let Some(mut collector) = Collector::absent() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let mut outage = Outage::endure(
        "everything_recorded_in_an_outage_of_the_collector_is_in_its_files",
        directory.path(),
        &collector.endpoint(),
    );
    let back = Instant::now();
    collector.start();
    let first = back.elapsed();
    assert_eq!(outage.end(), format!("{:?}", Drained::Complete));
    outage.report("the collector", back.elapsed(), first);
    let ((logged, logged_again), (traced, traced_again)) =
        (collector.logged_ids(), collector.traced_ids());
    check(&logged, &traced, directory.path());
    assert_eq!((logged_again, traced_again), (0, 0));
}

#[test]
fn the_next_process_delivers_what_a_killed_one_recorded_in_an_outage() {
    if let Some(part) = Part::of_this_process() {
        return match part.name.as_str() {
            "heir" => heir(&part),
            _ => application(&part),
        };
    }
    let directory = tempfile::tempdir().unwrap();
    let counter = Counter::start(TcpListener::bind("127.0.0.1:0").unwrap());
    let test = "the_next_process_delivers_what_a_killed_one_recorded_in_an_outage";
    let outage = Outage::endure(test, directory.path(), "http://127.0.0.1:9");
    outage.player.unwrap().kill();

    let started = Instant::now();
    let endpoint = counter.endpoint();
    let settings = [(ENDPOINT, endpoint.as_str())];
    let mut heir = Player::start(test, "heir", directory.path(), &settings);
    assert_eq!(heir.hear().as_deref(), Some("open"));
    let open = started.elapsed();
    assert_eq!(heir.hear(), Some(format!("{:?}", Drained::Complete)));
    let peak = in_status(heir.process_id(), "VmHWM");
    println!(
        "{} calls of a killed process, {} of spool: the next one is open after {open:.1?}, has delivered all after {:.1?}, \
         peak of its memory {}",
        calls(),
        mib(outage.spool_bytes),
        started.elapsed(),
        mib(peak)
    );
    assert!(peak <= MEMORY, "{peak} bytes");
    heir.say("go");
    heir.end();
    let arrived = counter.arrived();
    check(&arrived.logged, &arrived.traced, directory.path());
    assert_eq!((arrived.logged_again, arrived.traced_again), (0, 0));
}

/// Every call that was made, with a start and a stop, and a span of every call.
fn check(logged: &BTreeSet<String>, traced: &BTreeSet<String>, data_dir: &Path) {
    let made = fs::read_to_string(data_dir.join(MADE)).unwrap();
    let made: BTreeSet<&str> = made.lines().collect();
    assert_eq!(made.len() as u64, calls());
    let lost =
        |arrived: &BTreeSet<String>| made.iter().filter(|id| !arrived.contains(**id)).count();
    assert_eq!(
        (lost(logged), lost(traced)),
        (0, 0),
        "lost log records and spans"
    );
    assert_eq!(traced.len(), made.len(), "spans of calls alone");
    // Start, stop, and a heartbeat a minute.
    assert!(
        (made.len() + 2..made.len() + 100).contains(&logged.len()),
        "{}",
        logged.len()
    );
}

/// An application that has made its calls into an outage.
struct Outage {
    player: Option<Player>,
    process_id: u32,
    made_in: Duration,
    spool_bytes: u64,
    /// Resident memory, in bytes, each time that a share of the calls was made.
    memory: Vec<u64>,
}

impl Outage {
    fn endure(test: &str, data_dir: &Path, endpoint: &str) -> Self {
        let calls = calls().to_string();
        let settings = [(ENDPOINT, endpoint), (CALLS, calls.as_str())];
        let started = Instant::now();
        let mut player = Player::start(test, "application", data_dir, &settings);
        let process_id = player.process_id();
        let mut memory = Vec::new();
        loop {
            let line = player.hear().expect("the application lives");
            if let Some(bytes) = line.strip_prefix("spool ") {
                let outage = Self {
                    player: Some(player),
                    process_id,
                    made_in: started.elapsed(),
                    spool_bytes: bytes.parse().unwrap(),
                    memory,
                };
                outage.check_memory();
                return outage;
            }
            memory.push(in_status(process_id, "VmRSS"));
        }
    }

    /// It is small, and does not grow with the calls.
    fn check_memory(&self) {
        let share = self.memory.len() / 4;
        let most = |part: &[u64]| part.iter().copied().max().unwrap();
        let (early, late) = (
            most(&self.memory[share..2 * share]),
            most(&self.memory[3 * share..]),
        );
        assert!(late <= early + (4 << 20), "memory grows: {:?}", self.memory);
        let peak = in_status(self.process_id, "VmHWM");
        assert!(peak <= MEMORY, "{peak} bytes");
    }

    /// Has it shut down, and says how that went.
    fn end(&mut self) -> String {
        let mut player = self.player.take().unwrap();
        player.say("end");
        let line = player.hear().unwrap();
        let peak = in_status(self.process_id, "VmHWM");
        println!("peak of its memory, delivery included: {}", mib(peak));
        assert!(peak <= MEMORY, "{peak} bytes");
        player.say("go");
        player.end();
        line
    }

    fn report(&self, receiver: &str, there_after: Duration, first: Duration) {
        let calls = calls();
        let rate = |time: Duration| calls as f64 / time.as_secs_f64();
        let (least, most) = (
            self.memory.iter().min().unwrap(),
            self.memory.iter().max().unwrap(),
        );
        println!(
            "{calls} calls into an outage: made in {:.1?} ({:.0} a second), {} of spool, memory {} to {}; {receiver} back: \
             first record after {first:.1?}, everything after {there_after:.1?} ({:.0} calls a second, each a log record and a span)",
            self.made_in,
            rate(self.made_in),
            mib(self.spool_bytes),
            mib(*least),
            mib(*most),
            rate(there_after.saturating_sub(first)),
        );
    }
}

/// A figure of a process, in bytes.
fn in_status(process_id: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process_id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// The application: as many calls as it is told, as fast as it can.
fn application(part: &Part) {
    let calls: u64 = part.setting(CALLS).unwrap().parse().unwrap();
    let audit = settings(part).build().unwrap();
    tracing_subscriber::registry().with(audit.layer()).init();
    let mut made = BufWriter::new(File::create(part.data_dir.join(MADE)).unwrap());
    for number in 0..calls {
        writeln!(made, "{}", made_call(number)).unwrap();
        if (number + 1) % (calls / SAMPLES) == 0 {
            part.say("more");
        }
    }
    made.flush().unwrap();
    audit.flush().unwrap();
    let health = audit.health();
    assert_eq!((health.dropped, health.sent, health.spans_sent), (0, 0, 0));
    assert_eq!(
        health.delivery_failure.as_deref(),
        Some("no connection to the receiver: nobody listens there")
    );
    part.say(&format!("spool {}", health.spool_bytes.0));
    assert_eq!(part.hear().as_deref(), Some("end"));
    let drained = audit.shutdown(PATIENCE);
    assert_eq!((audit.health().dropped, audit.health().refused), (0, 0));
    part.say(&format!("{drained:?}"));
    assert_eq!(part.hear().as_deref(), Some("go"));
}

/// A process on the same data directory, with a receiver, that makes no calls.
fn heir(part: &Part) {
    let audit = settings(part).build().unwrap();
    part.say("open");
    let drained = audit.shutdown(PATIENCE);
    part.say(&format!("{drained:?}"));
    assert_eq!(part.hear().as_deref(), Some("go"));
}

fn settings(part: &Part) -> AuditorBuilder {
    Auditor::builder()
        .service("outage")
        .data_dir(&part.data_dir)
        .generate_keyring()
        .endpoint(&part.setting(ENDPOINT).unwrap())
        .spool_bytes(SPOOL_BYTES)
}

/// A call with 25 attributes and a prompt.
fn made_call(number: u64) -> String {
    let span = call::span(number);
    span.in_scope(|| {
        span.audit_input(&["What is the capital of France?"])
            .unwrap();
        span.audit_record_id().unwrap().to_string()
    })
}

fn calls() -> u64 {
    let calls = std::env::var_os("LLM_AUDIT_OUTAGE_CALLS");
    calls.map_or(10_000, |calls| {
        calls.into_string().unwrap().parse().unwrap()
    })
}

const ENDPOINT: &str = "TEST_ENDPOINT";
const CALLS: &str = "TEST_CALLS";
const MADE: &str = "made.txt";
const SPOOL_BYTES: u64 = 16 << 30;
/// How often memory is looked at.
const SAMPLES: u64 = 64;
/// The most memory that the application may take.
const MEMORY: u64 = 128 << 20;
const PATIENCE: Duration = Duration::from_secs(1800);
