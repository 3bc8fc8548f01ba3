//! How fast the sender empties a spool into a receiver that does not look at what it gets.
//!
//! `cargo bench --bench sender -- [calls]`: prefills a spool with calls, then lets another auditor take it over
//! and deliver it to a process that reads requests and drops them. A call is a log record and a span, and counts once.
//! The processor time is that of all threads of the auditor's process, for one call; other work on the machine does not
//! count in it. The stock exporter of OpenTelemetry sends spans of the same attributes to the same receiver in the same run.

mod sink;
mod stock;

use std::path::Path;
use std::time::{Duration, Instant};

use llm_audit::otlp::{Compression, Destination, Protocol};
use llm_audit::{Auditor, CallStart, Spans};

use sink::Sink;

fn main() {
    if std::env::args().any(|argument| argument == sink::CHILD) {
        return sink::serve();
    }
    let given = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok());
    let calls = given.unwrap_or(100_000);
    let sink = Sink::start();
    println!(
        "{calls} calls, batches of 512; thousand a second, processor time of one; median of {RUNS} runs"
    );
    for spans in [Spans::Never, Spans::Always] {
        let views = if spans == Spans::Never {
            "log records only"
        } else {
            "log records and spans"
        };
        for (protocol, compression) in WAYS {
            let mut rates: Vec<(f64, f64)> = (0..RUNS)
                .map(|_| drain(calls, spans, protocol, compression, &sink))
                .collect();
            rates.sort_by(|one, other| one.0.total_cmp(&other.0));
            let (rate, spent) = rates[RUNS / 2];
            let rate = rate / 1000.0;
            println!(
                "{rate:8.0} {spent:6.2} us  llm-audit, {views}, {protocol:?}, compression {compression:?}"
            );
        }
    }
    for compression in [Compression::None, Compression::Gzip] {
        let rate = stock::rate(calls, sink.grpc(), compression) / 1000.0;
        println!(
            "{rate:8.0}  opentelemetry-otlp SpanExporter, spans only, Grpc, compression {compression:?}"
        );
    }
}

/// Calls a second, and microseconds of processor time for each, from the moment that the first is acknowledged until all are.
fn drain(
    calls: u64,
    spans: Spans,
    protocol: Protocol,
    compression: Compression,
    sink: &Sink,
) -> (f64, f64) {
    let directory = tempfile::tempdir().expect("there is a directory for temporary files");
    fill(directory.path(), calls, spans);
    let endpoint = match protocol {
        Protocol::Grpc => sink.grpc(),
        _ => sink.http(),
    };
    let destination = Destination::new()
        .endpoint(endpoint)
        .protocol(protocol)
        .compression(compression);
    let audit = Auditor::builder()
        .data_dir(directory.path())
        .generate_keyring()
        .spans(spans)
        .destination(destination)
        .build()
        .expect("an auditor is built");
    let done = |least: u64| {
        let health = audit.health();
        let spans_done = spans == Spans::Never || health.spans_sent >= least;
        health.sent >= least && spans_done
    };
    let wait = |least: u64| {
        while !done(least) {
            std::thread::sleep(Duration::from_micros(500));
        }
        (Instant::now(), processor_time(), audit.health().sent)
    };
    let (begun, spent_before, before) = wait(1);
    let (ended, spent, after) = wait(calls);
    let delivered = (after - before) as f64;
    let spent = (spent - spent_before).as_secs_f64() * 1e6;
    (delivered / (ended - begun).as_secs_f64(), spent / delivered)
}

fn processor_time() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(spent).expect("time that was spent is not less than none")
}

/// Leaves a spool behind that nobody has delivered.
fn fill(directory: &Path, calls: u64, spans: Spans) {
    let audit = Auditor::builder()
        .data_dir(directory)
        .generate_keyring()
        .spans(spans)
        .spool_bytes(4 << 30)
        .endpoint("http://127.0.0.1:9")
        .build()
        .expect("an auditor is built");
    for number in 0..calls {
        let start = CallStart::new("chat")
            .provider("openai")
            .model("gpt-4o-mini")
            .user("anna")
            .conversation(&format!("conversation-{}", number % 100));
        let mut call = audit.start(start).expect("there is room for the start");
        call.input(&[PROMPT]).expect("the call is recorded");
        call.finish().expect("there is room for the end");
    }
    audit.shutdown(Duration::ZERO);
}

const RUNS: usize = 3;
const PROMPT: &str = "What is the capital of France, and how many people live there?";
const WAYS: [(Protocol, Compression); 4] = [
    (Protocol::Grpc, Compression::None),
    (Protocol::HttpProtobuf, Compression::None),
    (Protocol::Grpc, Compression::Gzip),
    (Protocol::HttpProtobuf, Compression::Gzip),
];
