//! (b) What a delivered record costs the application's processors, all threads together.

use std::time::Duration;

use crate::call::call;
use crate::figures::{median, microseconds, process_cpu_nanos, ratio};
use crate::peers::{Ours, Pipeline, SYSTEM_RECORDS, Stock};
use crate::sink::SinkProcess;

pub(crate) fn measure() {
    let (mut ours, mut stock) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let sink = SinkProcess::start();
        ours.push(cost(|| Ours::start(sink.endpoint(), 1 << 30)));
        let (records, spans) = sink.counts();
        assert_eq!(
            (records, spans),
            (CALLS + SYSTEM_RECORDS, CALLS),
            "all arrived"
        );
        let sink = SinkProcess::start();
        stock.push(cost(|| Stock::lossless(sink.endpoint())));
        assert_eq!(sink.counts().1, CALLS, "all arrived");
    }
    println!(
        "(b) processor time of all threads a delivered record, microseconds; {CALLS} calls, {} every millisecond; medians of {ROUNDS} rounds in turn",
        CALLS_A_MILLISECOND
    );
    println!(
        "    llm-audit, log record and span, by way of the disk     {:>8}",
        microseconds(median(ours.clone()))
    );
    println!(
        "    stock, span, queue that holds all                      {:>8}",
        microseconds(median(stock.clone()))
    );
    println!(
        "    llm-audit / stock, median of the pairs                 {:>8.2}\n",
        ratio(&ours, &stock)
    );
}

fn cost<P: Pipeline>(start: impl Fn() -> P) -> f64 {
    let pipeline = start();
    let before = process_cpu_nanos();
    pipeline.run(|| {
        for burst in 0..CALLS / CALLS_A_MILLISECOND {
            let first = burst * CALLS_A_MILLISECOND;
            (first..first + CALLS_A_MILLISECOND).for_each(call);
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    pipeline.finish();
    (process_cpu_nanos() - before) / CALLS as f64
}

const ROUNDS: usize = 5;
const CALLS: u64 = 60_000;
const CALLS_A_MILLISECOND: u64 = 20;
