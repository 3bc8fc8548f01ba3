//! What auditing costs and keeps, beside the stock OpenTelemetry pipeline in the same run.
//!
//! `cargo bench --bench overhead` measures, with durable auditing on,
//! * (a) the time that a call takes on its caller's thread, with 25 attributes and a prompt of 200 bytes, lossless under
//!   kill -9: through our layer, and a span of the same fields through tracing-opentelemetry and opentelemetry-otlp with
//!   the stock batch processor; and the allocations there;
//! * (b) the processor time of all threads a delivered record;
//! * (c) what arrives of a burst of calls made as fast as possible;
//! * (d) the records a second from a full spool through gRPC;
//! * (e) what prompts of 4 and 32 KiB cost;
//! * (f) the latency of a call under eight threads;
//! * (g) what a call costs whose prompt is scanned, hashed, priced and spooled, beside a logger in Python that does less;
//! * (h) what of (a) and (b) would be left if our own code were free.
//!
//! All send over gRPC to a receiver in a process of its own that counts and does not decode. Pipelines take turns.
//! `cargo bench --bench overhead -- caller drain` measures only those; `BURST=100000` makes the burst smaller than the
//! million that it is by default.

mod burst;
mod call;
mod caller;
mod drain;
mod figures;
mod floor;
mod gate;
mod peers;
mod processor;
mod prompts;
mod sink;
mod threads;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == sink::CHILD) {
        return sink::serve();
    }
    println!(
        "{} logical processors; the pipeline and the receiver share them\n",
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    );
    let chosen: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let sections: [(&str, fn()); 8] = [
        ("caller", caller::measure),
        ("processor", processor::measure),
        ("burst", burst::measure),
        ("drain", drain::measure),
        ("prompts", prompts::measure),
        ("threads", threads::measure),
        ("gate", gate::measure),
        ("floor", floor::measure),
    ];
    for (name, measure) in sections {
        if chosen.is_empty() || chosen.iter().any(|choice| *choice == name) {
            measure();
        }
    }
}
