//! (f) How long callers wait when many call at a time.

use crate::call::call;
use crate::figures::{Between, Latencies, microseconds, paced};
use crate::peers::{Ours, Pipeline, Stock};
use crate::sink::SinkProcess;

pub(crate) fn measure() {
    println!(
        "(f) latency of a call under {THREADS} threads, microseconds; {CALLS} calls each at {A_SECOND} a second and thread, {ROUNDS} rounds in turn"
    );
    println!(
        "    {:<34} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "", "p50", "p90", "p99", "p99.9", "max"
    );
    let (mut ours, mut stock) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let sink = SinkProcess::start();
        ours.extend(run(&Ours::start(sink.endpoint(), 1 << 30)));
        stock.extend(run(&Stock::start(sink.endpoint())));
    }
    for (name, walls) in [("llm-audit", ours), ("stock, default queue", stock)] {
        let walls = Latencies::new(walls);
        let [p50, p90, p99, p999, max] =
            [0.5, 0.9, 0.99, 0.999, 1.0].map(|share| microseconds(walls.percentile(share)));
        println!("    {name:<34} {p50:>9} {p90:>9} {p99:>9} {p999:>9} {max:>9}");
    }
    println!();
}

fn run(pipeline: &(impl Pipeline + Sync)) -> Vec<f64> {
    std::thread::scope(|scope| {
        let caller = || pipeline.run(|| paced(CALLS, A_SECOND, Between::Asleep, call));
        let callers: Vec<_> = (0..THREADS).map(|_| scope.spawn(caller)).collect();
        let walls = callers
            .into_iter()
            .flat_map(|caller| caller.join().expect("no call panics"));
        walls.collect()
    })
}

const THREADS: usize = 8;
const CALLS: u64 = 4_000;
const A_SECOND: u64 = 1_000;
const ROUNDS: usize = 3;
