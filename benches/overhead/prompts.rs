//! (e) What long prompts cost.

use std::hint::black_box;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::call::call_with;
use crate::figures::{median, microseconds, thread_cpu_nanos};
use crate::peers::{Ours, Pipeline};
use crate::sink::SinkProcess;

pub(crate) fn measure() {
    println!(
        "(e) a call by the length of its prompt, caller's CPU, microseconds; median of {ROUNDS} rounds of {CALLS} calls"
    );
    println!(
        "    {:>8} {:>12} {:>24} {:>24}",
        "bytes", "llm-audit", "HMAC-SHA-256 alone", "bytes allocated / prompt"
    );
    let sink = SinkProcess::start();
    let pipeline = Ours::start(sink.endpoint(), 8 << 30);
    for length in [200, 4 << 10, 32 << 10] {
        let prompt = prompt(length);
        let calls = || (0..CALLS).for_each(|number| call_with(number, &prompt));
        let ours = pipeline.run(|| {
            calls();
            (0..ROUNDS).map(|_| cpu(&calls)).collect()
        });
        let floor = (0..ROUNDS).map(|_| cpu(&|| hash(&prompt))).collect();
        let allocated = pipeline
            .run(|| allocation_counter::measure(calls))
            .bytes_total;
        println!(
            "    {length:>8} {:>12} {:>24} {:>24.2}",
            microseconds(median(ours)),
            microseconds(median(floor)),
            allocated as f64 / (CALLS as f64 * length as f64)
        );
    }
    pipeline.finish();
    println!();
}

fn cpu(work: &dyn Fn()) -> f64 {
    let started = thread_cpu_nanos();
    work();
    (thread_cpu_nanos() - started) / CALLS as f64
}

fn hash(prompt: &str) {
    let keyed = Hmac::<Sha256>::new_from_slice(&[7; 32]).expect("every length is a key");
    for _ in 0..CALLS {
        let mut hasher = keyed.clone();
        hasher.update(black_box(prompt).as_bytes());
        black_box(hasher.finalize());
    }
}

/// Text as people write it, with quotation marks and line ends.
fn prompt(length: usize) -> String {
    let sentence = "Summarise the \"quarterly\" report for the board in five sentences.\n";
    sentence.chars().cycle().take(length).collect()
}

const ROUNDS: usize = 7;
const CALLS: u64 = 2_000;
