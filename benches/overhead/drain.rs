//! (d) How fast a spool is emptied into a receiver that does not decode.

use std::time::{Duration, Instant};

use crate::call::call;
use crate::figures::median;
use crate::peers::{Ours, Pipeline, SYSTEM_RECORDS};
use crate::sink::SinkProcess;

pub(crate) fn measure() {
    let rates: Vec<f64> = (0..ROUNDS).map(|_| rate()).collect();
    println!(
        "(d) records a second from a full spool through gRPC; {CALLS} calls, each a log record and a span that count as one; median of {ROUNDS} rounds"
    );
    println!("    llm-audit {:>46.0}\n", median(rates));
}

/// Fills a spool while nobody listens, then lets the next process have it.
fn rate() -> f64 {
    let pipeline = Ours::start(NOBODY, 8 << 30);
    pipeline.run(|| (0..CALLS).for_each(call));
    let directory = pipeline.abandon();
    let sink = SinkProcess::start();
    let pipeline = Ours::start_in(directory, sink.endpoint(), 8 << 30);
    let arrived = || {
        let (records, spans) = sink.counts();
        (records.saturating_sub(2 * SYSTEM_RECORDS)).min(spans)
    };
    let first = await_more_than(0, &arrived);
    let started = Instant::now();
    await_more_than(CALLS - 1, &arrived);
    let rate = (CALLS - first) as f64 / started.elapsed().as_secs_f64();
    pipeline.finish();
    rate
}

fn await_more_than(count: u64, arrived: &dyn Fn() -> u64) -> u64 {
    loop {
        let now = arrived();
        if now > count {
            return now;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A port that is reserved and refuses connections.
const NOBODY: &str = "http://127.0.0.1:9";
const ROUNDS: usize = 3;
const CALLS: u64 = 300_000;
