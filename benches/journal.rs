//! What an append costs whoever calls it.
//!
//! `cargo bench --no-default-features --bench journal` prints the CPU time and the median wall time of the appending
//! thread, an append, for frames of 110 and of 1,200 bytes, while another thread syncs every 5 ms:
//! * in bursts as fast as possible, of half a segment, with pauses;
//! * at 20,000 appends a second.
//!
//! The floor that all ways of writing are held against is one `pwrite` of a ready frame to a file whose pages are in
//! memory and whose blocks are on the disk. `DIRECTORY` says where to write; the default is the directory for temporary
//! files.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::{
    env,
    fs::File,
    os::unix::fs::FileExt as _,
    path::PathBuf,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use llm_audit::journal::{FrameKind, Journal, JournalOptions, Room, Writing};
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

fn main() {
    println!(
        "nanoseconds an append, on the thread that appends; median of {ROUNDS} rounds, twice\n"
    );
    println!(
        "{:<22} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "", "burst", "burst", "20k/s", "20k/s", "20k/s"
    );
    println!(
        "{:<22} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "", "CPU", "wall", "CPU", "wall p50", "wall p99"
    );
    for pass in 0..2 {
        for length in [110, 1200] {
            for way in [Way::Floor, Way::Calls, Way::Staged, Way::Mapped] {
                let (burst, paced) = measure(way, length);
                println!(
                    "{:<22} {:>9.0} {:>9.0} {:>9.0} {:>9.0} {:>9.0}",
                    format!("{way:?}, {length} B"),
                    burst.cpu,
                    burst.wall,
                    paced.cpu,
                    paced.wall,
                    paced.p99
                );
            }
        }
        if pass == 0 {
            println!();
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Calls,
    Floor,
    Mapped,
    Staged,
}

/// Nanoseconds an append.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    cpu: f64,
    wall: f64,
    p99: f64,
}

fn measure(way: Way, length: usize) -> (Cost, Cost) {
    let payload = vec![b'x'; length];
    match way {
        Way::Floor => {
            let raw = Raw::new(length);
            (raw.bursts(&payload), raw.paced(&payload))
        }
        Way::Calls => journal(Writing::Calls, &payload),
        Way::Staged => journal(Writing::Staged, &payload),
        Way::Mapped => journal(Writing::Mapped, &payload),
    }
}

fn journal(writing: Writing, payload: &[u8]) -> (Cost, Cost) {
    let directory = place();
    let options = JournalOptions {
        writing,
        ..JournalOptions::default()
    };
    let (journal, _) = Journal::open(directory.path(), options, b"bench", 7).unwrap();
    let append = || {
        journal.append(FrameKind(1), payload, Room::Free).unwrap();
    };
    let idle = || {
        let durable = journal.sync().unwrap();
        journal.release(durable);
    };
    let costs = beside_a_syncing_thread(
        || {
            journal.sync().unwrap();
        },
        || {
            idle();
            let appends = options.segment_bytes as usize / 2 / (payload.len() + 24);
            let bursts = (0..ROUNDS).map(|_| {
                let cost = burst(appends, &append);
                idle();
                cost
            });
            (median_of(bursts.collect()), at_a_pace(&append, &idle))
        },
    );
    assert_eq!(
        journal.usage().writing,
        writing,
        "this file system takes what was asked for"
    );
    costs
}

/// A file of two segments' size whose pages are in memory, overwritten again and again.
struct Raw {
    file: File,
    frame: usize,
    _directory: TempDir,
}

impl Raw {
    fn new(length: usize) -> Self {
        let directory = place();
        let file = File::create(directory.path().join("raw")).unwrap();
        for piece in 0..RAW_BYTES / PIECE {
            file.write_all_at(&[0; PIECE], (piece * PIECE) as u64)
                .unwrap();
        }
        file.sync_all().unwrap();
        Self {
            file,
            frame: (length + 20).next_multiple_of(8),
            _directory: directory,
        }
    }

    fn bursts(&self, payload: &[u8]) -> Cost {
        self.run(payload, |append| {
            let appends = RAW_BYTES / 4 / self.frame;
            median_of((0..ROUNDS).map(|_| burst(appends, append)).collect())
        })
    }

    fn paced(&self, payload: &[u8]) -> Cost {
        self.run(payload, |append| at_a_pace(append, &|| ()))
    }

    fn run(&self, payload: &[u8], measured: impl FnOnce(&dyn Fn()) -> Cost) -> Cost {
        let frame = [payload, &vec![0; self.frame - payload.len()]].concat();
        let offset = std::cell::Cell::new(0);
        let append = || {
            if offset.get() + frame.len() > RAW_BYTES {
                offset.set(0);
            }
            self.file.write_all_at(&frame, offset.get() as u64).unwrap();
            offset.set(offset.get() + frame.len());
        };
        beside_a_syncing_thread(|| self.file.sync_data().unwrap(), || measured(&append))
    }
}

fn beside_a_syncing_thread<T>(sync: impl Fn() + Send + Sync, work: impl FnOnce() -> T) -> T {
    let (done, until_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            while until_done.recv_timeout(SYNC_EVERY) == Err(RecvTimeoutError::Timeout) {
                sync();
            }
        });
        let result = work();
        drop(done);
        result
    })
}

fn burst(appends: usize, append: &dyn Fn()) -> Cost {
    let (wall, cpu) = (Instant::now(), cpu_nanos());
    for _ in 0..appends {
        append();
    }
    Cost {
        cpu: (cpu_nanos() - cpu) / appends as f64,
        wall: wall.elapsed().as_nanos() as f64 / appends as f64,
        p99: 0.0,
    }
}

/// Waits between appends without sleeping, as a thread does that works; the time of the wait is taken off again.
fn at_a_pace(append: &dyn Fn(), idle: &dyn Fn()) -> Cost {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let mut walls = Vec::new();
        let mut cpu = 0.0;
        let start = Instant::now();
        for turn in 0..A_SECOND / 5 {
            let due = Duration::from_secs(1) / A_SECOND as u32 * turn as u32;
            while start.elapsed() < due {
                std::hint::spin_loop();
            }
            let (before, began) = (cpu_nanos(), Instant::now());
            append();
            walls.push(began.elapsed().as_nanos() as f64);
            cpu += cpu_nanos() - before;
        }
        idle();
        let clock = clock_nanos();
        walls.sort_by(f64::total_cmp);
        rounds.push(Cost {
            cpu: cpu / walls.len() as f64 - clock,
            wall: walls[walls.len() / 2],
            p99: walls[walls.len() * 99 / 100],
        });
    }
    median_of(rounds)
}

/// What reading the clocks adds to one measured append.
fn clock_nanos() -> f64 {
    let mut sum = 0.0;
    for _ in 0..10_000 {
        let (before, began) = (cpu_nanos(), Instant::now());
        std::hint::black_box(began.elapsed());
        sum += cpu_nanos() - before;
    }
    sum / 10_000.0
}

fn cpu_nanos() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn median_of(costs: Vec<Cost>) -> Cost {
    let median = |of: fn(&Cost) -> f64| {
        let mut all: Vec<f64> = costs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Cost {
        cpu: median(|cost| cost.cpu),
        wall: median(|cost| cost.wall),
        p99: median(|cost| cost.p99),
    }
}

fn place() -> TempDir {
    let directory = env::var_os("DIRECTORY").map_or_else(env::temp_dir, PathBuf::from);
    tempfile::tempdir_in(directory).unwrap()
}

const ROUNDS: usize = 9;
const A_SECOND: usize = 20_000;
const SYNC_EVERY: Duration = Duration::from_millis(5);
const RAW_BYTES: usize = 32 << 20;
const PIECE: usize = 32 << 10;
