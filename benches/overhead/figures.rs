//! Clocks, and what is made of many figures.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Processor time of this thread, in nanoseconds.
pub(crate) fn thread_cpu_nanos() -> f64 {
    nanos(ClockId::ThreadCPUTime)
}

/// Processor time of all threads of this process, in nanoseconds.
pub(crate) fn process_cpu_nanos() -> f64 {
    nanos(ClockId::ProcessCPUTime)
}

fn nanos(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The median of the ratios of figures that were measured in turn.
pub(crate) fn ratio(of: &[f64], to: &[f64]) -> f64 {
    median(of.iter().zip(to).map(|(of, to)| of / to).collect())
}

/// Latencies, sorted.
pub(crate) struct Latencies(Vec<f64>);

impl Latencies {
    pub(crate) fn new(mut nanos: Vec<f64>) -> Self {
        nanos.sort_by(f64::total_cmp);
        Self(nanos)
    }

    /// The latency, in nanoseconds, that this share of them does not exceed.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let last = self.0.len() - 1;
        self.0[(last as f64 * share) as usize]
    }
}

/// What a thread does between two calls.
#[derive(Clone, Copy)]
pub(crate) enum Between {
    /// It looks at the clock, so that its processor does not fall asleep.
    Busy,
    /// It sleeps, and leaves the processor to others.
    Asleep,
}

/// Calls `work` `times` times at a steady pace, as an application does that waits for models in between, and returns how
/// long each took, in nanoseconds.
pub(crate) fn paced(
    times: u64,
    a_second: u64,
    between: Between,
    mut work: impl FnMut(u64),
) -> Vec<f64> {
    let pause = Duration::from_nanos(1_000_000_000 / a_second);
    let mut next = Instant::now();
    let mut walls = Vec::with_capacity(times as usize);
    for number in 0..times {
        match between {
            Between::Busy => {
                while Instant::now() < next {
                    std::thread::yield_now();
                }
            }
            Between::Asleep => std::thread::sleep(next.saturating_duration_since(Instant::now())),
        }
        next += pause;
        let started = Instant::now();
        work(number);
        walls.push(started.elapsed().as_nanos() as f64);
    }
    walls
}

pub(crate) fn microseconds(nanos: f64) -> String {
    format!("{:.2}", nanos / 1000.0)
}
