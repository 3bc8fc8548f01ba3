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

mod call;
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
        ours.push(pipeline.run(cost_of_calls));
        pipeline.finish();
        let pipeline = Stock::start(sink.endpoint());
        stock.push(pipeline.run(cost_of_calls));
        pipeline.finish();
    }
    println!(
        "caller's thread, {CALLS_A_SECOND} calls a second for {CALLS_A_ROUND} calls, {ROUNDS} rounds in turn, nanoseconds a call:"
    );
    println!(
        "  {:<46} {:>10} {:>10} {:>10}",
        "", "CPU", "wall p50", "wall p99"
    );
    print_costs("llm-audit (start and end on disk, one hash more)", &ours);
    print_costs("stock (batch processor)", &stock);
    let ratio = |of: fn(&Cost) -> f64| {
        median(
            ours.iter()
                .zip(&stock)
                .map(|(ours, stock)| of(ours) / of(stock))
                .collect(),
        )
    };
    let (cpu, p50, p99) = (
        ratio(|cost| cost.cpu),
        ratio(|cost| cost.p50),
        ratio(|cost| cost.p99),
    );
    println!(
        "  {:<48} {cpu:>8.2} {p50:>10.2} {p99:>10.2}\n",
        "ratio of the pairs, median"
    );
}

fn print_costs(who: &str, costs: &[Cost]) {
    let column = |of: fn(&Cost) -> f64| median(costs.iter().map(of).collect());
    let (cpu, p50, p99) = (
        column(|cost| cost.cpu),
        column(|cost| cost.p50),
        column(|cost| cost.p99),
    );
    println!("  {who:<48} {cpu:>8.0} {p50:>10.0} {p99:>10.0}");
}

/// What calls cost their caller, in nanoseconds a call: time of its processor, and time that passes.
struct Cost {
    cpu: f64,
    p50: f64,
    p99: f64,
}

/// Makes calls at a steady pace, as an application does that waits for models in between.
fn cost_of_calls() -> Cost {
    let mut walls = Vec::with_capacity(CALLS_A_ROUND as usize);
    let mut cpu = 0;
    let pause = Duration::from_nanos(1_000_000_000 / CALLS_A_SECOND);
    let mut next = Instant::now();
    for number in 0..CALLS_A_ROUND {
        while Instant::now() < next {
            std::thread::yield_now();
        }
        next += pause;
        let (spent, started) = (thread_cpu_nanos(), Instant::now());
        call::call(number);
        walls.push(started.elapsed().as_nanos() as f64);
        cpu += thread_cpu_nanos() - spent;
    }
    walls.sort_by(f64::total_cmp);
    let percentile = |share: usize| walls[walls.len() * share / 100];
    Cost {
        cpu: cpu as f64 / CALLS_A_ROUND as f64,
        p50: percentile(50),
        p99: percentile(99),
    }
}

fn thread_cpu_nanos() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn burst() {
    let burst = std::env::var("BURST")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000_000);
    let sink = SinkProcess::start();
    let pipeline = Ours::start(sink.endpoint(), 8 << 30);
    let started = Instant::now();
    pipeline.run(|| make_calls(burst));
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
    pipeline.run(|| make_calls(burst));
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

/// Makes calls as fast as possible.
fn make_calls(calls: u64) {
    for number in 0..calls {
        call::call(number);
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

const ROUNDS: usize = 7;
const CALLS_A_ROUND: u64 = 20_000;
const CALLS_A_SECOND: u64 = 10_000;
