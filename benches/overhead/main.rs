//! What auditing costs and keeps, beside the stock OpenTelemetry pipeline in the same run.
//!
//! `cargo bench --bench overhead` prints
//! * the time that a call takes on its caller's thread, with 25 attributes, lossless under kill -9 on our side: a span
//!   of the same fields through our layer (with a 200-byte prompt hashed as well), and through tracing-opentelemetry and
//!   opentelemetry-otlp with the stock batch processor, in turn, median of the rounds;
//! * what arrives of a burst of calls made as fast as possible, ours and the stock pipeline's.
//!
//! Both send over gRPC to a receiver in a process of its own that counts and does not decode.
//! `BURST=100000` makes the burst smaller than the million that it is by default.

mod peers;
mod sink;

use std::time::{Duration, Instant};

use peers::{Ours, Stock};
use sink::SinkProcess;

fn main() {
    if std::env::args().any(|argument| argument == sink::CHILD) {
        return sink::serve();
    }
    println!(
        "{} logical processors; both pipelines and the receiver share them\n",
        processors()
    );
    caller_cost();
    burst();
}

fn caller_cost() {
    let (mut ours, mut stock) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let sink = SinkProcess::start();
        let pipeline = Ours::start(sink.endpoint(), 1 << 30);
        ours.push(pipeline.run(|| time_calls(CALLS_A_ROUND)));
        pipeline.finish();
        let pipeline = Stock::start(sink.endpoint());
        stock.push(pipeline.run(|| time_calls(CALLS_A_ROUND)));
        pipeline.finish();
    }
    let ratio = median(
        ours.iter()
            .zip(&stock)
            .map(|(ours, stock)| ours / stock)
            .collect(),
    );
    println!(
        "caller's thread, {CALLS_A_ROUND} calls a round in a loop, {ROUNDS} rounds in turn, nanoseconds a call:"
    );
    println!(
        "  llm-audit (start and end on disk, two hashes more)   {:>8.0}",
        median(ours)
    );
    println!(
        "  stock (batch processor, loses what does not fit)     {:>8.0}",
        median(stock)
    );
    println!("  ratio of the pairs, median                           {ratio:>8.2}\n");
}

fn burst() {
    let burst = std::env::var("BURST")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000_000);
    let sink = SinkProcess::start();
    let pipeline = Ours::start(sink.endpoint(), 8 << 30);
    let started = Instant::now();
    pipeline.run(|| time_calls(burst));
    let produced = started.elapsed();
    let dropped = pipeline.finish();
    let (records, spans) = sink.counts();
    println!("a burst of {burst} calls:");
    report(
        "llm-audit, log records",
        records.saturating_sub(peers::SYSTEM_RECORDS),
        burst,
        produced,
        started.elapsed(),
    );
    report(
        "llm-audit, spans",
        spans,
        burst,
        produced,
        started.elapsed(),
    );
    println!("    counted as dropped: {dropped}");
    drop(sink);
    let sink = SinkProcess::start();
    let pipeline = Stock::start(sink.endpoint());
    let started = Instant::now();
    pipeline.run(|| time_calls(burst));
    let produced = started.elapsed();
    pipeline.finish();
    report(
        "stock, spans",
        sink.counts().1,
        burst,
        produced,
        started.elapsed(),
    );
}

fn report(what: &str, arrived: u64, burst: u64, produced: Duration, delivered: Duration) {
    let lost = burst.saturating_sub(arrived);
    let percent = lost as f64 * 100.0 / burst as f64;
    println!(
        "  {what:<24} arrived {arrived:>8}, lost {lost:>8} ({percent:.1} %), made in {produced:.1?}, all there after {delivered:.1?}"
    );
}

/// Nanoseconds a call.
fn time_calls(calls: u64) -> f64 {
    let started = Instant::now();
    for number in 0..calls {
        peers::call(number);
    }
    started.elapsed().as_nanos() as f64 / calls as f64
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

const ROUNDS: usize = 7;
const CALLS_A_ROUND: u64 = 50_000;
