//! What a call costs its caller, piece by piece: time and allocations.
//!
//! `cargo bench --bench capture` prints nanoseconds of the caller's thread and allocations a call, in a loop, median of
//! the rounds, with the call of the bench `overhead`: 25 attributes and a 200-byte prompt. Nothing is sent.
//! `CALLS=1000000 PIECE=whole` repeats one piece for a profiler.

#[path = "overhead/call.rs"]
mod call;

use llm_audit::Auditor;
use tempfile::TempDir;
use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

fn main() {
    let calls = number("CALLS").unwrap_or(20_000);
    let wanted = std::env::var("PIECE").ok();
    println!(
        "{calls} calls a round, {ROUNDS} rounds: nanoseconds and allocations a call on its thread"
    );
    for (piece, run) in PIECES {
        if wanted.as_deref().is_none_or(|wanted| wanted == *piece) {
            run(piece, calls);
        }
    }
}

type Piece = (&'static str, fn(&str, u64));

const PIECES: &[Piece] = &[
    ("registry", |name, calls| {
        let dispatch = Dispatch::new(Registry::default());
        measure(name, calls, &dispatch, &call::call);
    }),
    ("capture", |name, calls| {
        with_auditor(name, calls, false, &call::call)
    }),
    ("whole", |name, calls| {
        with_auditor(name, calls, true, &call::call)
    }),
    ("whole, 32 KiB", |name, calls| {
        let prompt = "All is quiet. ".repeat(32 * 1024 / 14);
        with_auditor(name, calls, true, &|number| {
            call::call_with(number, &prompt)
        });
    }),
];

/// Through our layer; with recording off nothing but the capture is left.
fn with_auditor(name: &str, calls: u64, recording: bool, call: &dyn Fn(u64)) {
    let directory =
        TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("the target directory takes files");
    let audit = Auditor::builder()
        .service("bench")
        .data_dir(directory.path())
        .generate_keyring()
        .spool_bytes(2 << 30)
        .without_sender()
        .json_lines()
        .build()
        .expect("the auditor starts");
    if !recording {
        audit
            .set_enabled(false)
            .expect("a new spool takes a record");
    }
    let dispatch = Dispatch::new(Registry::default().with(audit.layer()));
    measure(name, calls, &dispatch, call);
}

fn measure(name: &str, calls: u64, dispatch: &Dispatch, call: &dyn Fn(u64)) {
    tracing::dispatcher::with_default(dispatch, || {
        (0..2000).for_each(call);
        let mut nanos: Vec<u64> = (0..ROUNDS)
            .map(|_| {
                let before = thread_cpu_nanos();
                (0..calls).for_each(call);
                thread_cpu_nanos() - before
            })
            .collect();
        nanos.sort_unstable();
        let counted = allocation_counter::measure(|| (0..1000).for_each(call));
        println!(
            "  {name:<14} {:>8.0} ns  {:>6.2} allocations, {:>6.0} bytes",
            nanos[ROUNDS / 2] as f64 / calls as f64,
            counted.count_total as f64 / 1000.0,
            counted.bytes_total as f64 / 1000.0,
        );
    });
}

/// Processor time of this thread.
fn thread_cpu_nanos() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

const ROUNDS: usize = 7;
