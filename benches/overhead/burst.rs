//! (c) What arrives of calls that are made as fast as possible.

use std::time::{Duration, Instant};

use crate::call::call;
use crate::peers::{Ours, Pipeline, SYSTEM_RECORDS, Stock};
use crate::sink::SinkProcess;

pub(crate) fn measure() {
    let burst = std::env::var("BURST")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000_000);
    println!("(c) a burst of {burst} calls");
    let sink = SinkProcess::start();
    let ran = run(burst, || Ours::start(sink.endpoint(), 8 << 30));
    let (records, spans) = sink.counts();
    report(
        "llm-audit, log records",
        records.saturating_sub(SYSTEM_RECORDS),
        burst,
        &ran,
    );
    report("llm-audit, spans", spans, burst, &ran);
    println!("      counted as dropped: {}", ran.dropped);
    let sink = SinkProcess::start();
    let ran = run(burst, || Stock::start(sink.endpoint()));
    report("stock, spans", sink.counts().1, burst, &ran);
    println!();
}

struct Ran {
    produced: Duration,
    delivered: Duration,
    dropped: u64,
}

fn run<P: Pipeline>(burst: u64, start: impl Fn() -> P) -> Ran {
    let pipeline = start();
    let started = Instant::now();
    pipeline.run(|| (0..burst).for_each(call));
    let produced = started.elapsed();
    let dropped = pipeline.finish();
    Ran {
        produced,
        delivered: started.elapsed(),
        dropped,
    }
}

fn report(what: &str, arrived: u64, burst: u64, ran: &Ran) {
    let lost = burst.saturating_sub(arrived);
    let percent = lost as f64 * 100.0 / burst as f64;
    println!(
        "    {what:<24} arrived {arrived:>8}, lost {lost:>8} ({percent:.1} %), made in {:.1?}, all there after {:.1?}",
        ran.produced, ran.delivered
    );
}
