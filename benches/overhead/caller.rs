//! (a) What a call costs the thread that makes it.

use crate::call::call;
use crate::figures::{Between, Latencies, median, microseconds, paced, ratio, thread_cpu_nanos};
use crate::peers::{Ours, Pipeline, Stock};
use crate::sink::SinkProcess;

/// What calls cost their caller, in nanoseconds a call.
#[derive(Clone, Copy)]
struct Cost {
    /// Processor time, in a loop without pauses.
    tight: f64,
    /// Time that passes, at a steady pace.
    p50: f64,
    p99: f64,
}

pub(crate) fn measure() {
    let mut costs: [Vec<Cost>; 3] = Default::default();
    for _ in 0..ROUNDS {
        let sink = SinkProcess::start();
        costs[0].push(cost(|| Ours::start(sink.endpoint(), 1 << 30)));
        costs[1].push(cost(|| Stock::lossless(sink.endpoint())));
        costs[2].push(cost(|| Stock::start(sink.endpoint())));
    }
    println!(
        "(a) caller's thread, microseconds a call; medians of {ROUNDS} rounds in turn: {LOOP} calls in a loop, then {PACED} calls at {A_SECOND} a second"
    );
    println!(
        "    {:<54} {:>10} {:>10} {:>10}",
        "", "loop, CPU", "paced p50", "paced p99"
    );
    let names = [
        "llm-audit: start and end on disk, prompt hashed",
        "stock, queue that holds all",
        "stock, default queue (drops most of the loop)",
    ];
    let column = |costs: &[Cost], of: fn(&Cost) -> f64| costs.iter().map(of).collect::<Vec<_>>();
    let columns: [fn(&Cost) -> f64; 3] = [|cost| cost.tight, |cost| cost.p50, |cost| cost.p99];
    for (name, costs) in names.iter().zip(&costs) {
        let [tight, p50, p99] = columns.map(|of| microseconds(median(column(costs, of))));
        println!("    {name:<54} {tight:>10} {p50:>10} {p99:>10}");
    }
    let [tight, p50, p99] = columns.map(|of| ratio(&column(&costs[0], of), &column(&costs[1], of)));
    println!(
        "    {:<54} {tight:>10.2} {p50:>10.2} {p99:>10.2}",
        "llm-audit / stock, median of the pairs"
    );
    allocations();
}

fn cost<P: Pipeline>(start: impl Fn() -> P) -> Cost {
    let pipeline = start();
    let tight = pipeline.run(|| {
        (0..WARM_UP).for_each(call);
        let started = thread_cpu_nanos();
        (0..LOOP).for_each(call);
        (thread_cpu_nanos() - started) / LOOP as f64
    });
    pipeline.finish();
    let pipeline = start();
    let walls = pipeline.run(|| paced(PACED, A_SECOND, Between::Busy, call));
    pipeline.finish();
    let walls = Latencies::new(walls);
    Cost {
        tight,
        p50: walls.percentile(0.5),
        p99: walls.percentile(0.99),
    }
}

/// Allocations of the caller's thread, when everything that is used again has been made.
fn allocations() {
    let sink = SinkProcess::start();
    let (ours, stock) = (
        Ours::start(sink.endpoint(), 1 << 30),
        Stock::lossless(sink.endpoint()),
    );
    let counted = |work: &dyn Fn()| {
        work();
        let info = allocation_counter::measure(work);
        let each = |count: u64| count as f64 / COUNTED as f64;
        (each(info.count_total), each(info.bytes_total))
    };
    let calls = || (0..COUNTED).for_each(call);
    let of_ours = ours.run(|| counted(&calls));
    let of_stock = stock.run(|| counted(&calls));
    println!(
        "    allocations a call on the caller's thread: llm-audit {:.2} ({:.0} bytes), stock {:.2} ({:.0} bytes)\n",
        of_ours.0, of_ours.1, of_stock.0, of_stock.1
    );
    ours.finish();
    stock.finish();
}

const ROUNDS: usize = 7;
const WARM_UP: u64 = 1_000;
const LOOP: u64 = 30_000;
const PACED: u64 = 20_000;
const A_SECOND: u64 = 10_000;
const COUNTED: u64 = 2_000;
