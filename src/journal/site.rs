//! Where a journal is and what it was opened with; and what it tells of itself without a lock.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    directory::Directory,
    format::{Seed, data_start},
    ground::Ground,
    log::Usage,
    options::{JournalOptions, Writing},
    spare::{Blank, Preallocation},
};

/// What does not change while a journal is open.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) directory: Directory,
    pub(super) options: JournalOptions,
    pub(super) meta: Arc<[u8]>,
    pub(super) nonce: u64,
    pub(super) seed: Seed,
    pub(super) ground: Ground,
    pub(super) gauges: Gauges,
}

/// Figures that anybody may read at any time. Each is right by itself; two need not be of the same moment.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    /// Bytes on disk, without those of segments that are given up.
    pub(super) kept: Gauge,
    /// Bytes of segments that are given up and not yet deleted.
    pub(super) doomed: Gauge,
    pub(super) reserved: Gauge,
    pub(super) segments: Gauge,
    pub(super) rehomed: Gauge,
    pub(super) corrupt_cursors: Gauge,
    /// 1 once the file system has refused to allocate ahead.
    unallocated: Gauge,
    /// A `Writing`.
    writing: Gauge,
}

/// One figure.
#[derive(Debug, Default)]
pub(super) struct Gauge(AtomicU64);

impl Gauge {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(super) fn add(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    pub(super) fn subtract(&self, value: u64) {
        self.0.fetch_sub(value, Ordering::Relaxed);
    }
}

impl Site {
    pub(super) fn new(
        directory: Directory,
        options: JournalOptions,
        meta: &[u8],
        nonce: u64,
    ) -> Self {
        // Where nothing is known of the ground, it is taken for one that promises nothing.
        let ground = Ground::beneath(&directory.path).unwrap_or(Ground::Shifting);
        Self {
            directory,
            options,
            meta: meta.into(),
            nonce,
            seed: Seed::of(nonce),
            ground,
            gauges: Gauges::default(),
        }
    }

    /// Makes and allocates a file of a segment's size.
    pub(super) fn allocate(&self, role: &str) -> io::Result<Blank> {
        let bytes = self.options.segment_bytes;
        let (blank, preallocation) = Blank::allocate(&self.directory.path, role, bytes)?;
        self.gauges
            .unallocated
            .set(u64::from(preallocation == Preallocation::Unsupported));
        Ok(blank)
    }

    /// How frames are to be written here. Mapped memory asks for a ground that stays where it is.
    pub(super) fn wanted(&self) -> Writing {
        match (self.options.writing, self.ground) {
            (Writing::Mapped, Ground::Shifting) => Writing::Staged,
            (wanted, _) => wanted,
        }
    }

    /// Bytes of the stage's file; none where frames go into their segments at once, or there is no room for a stage beside
    /// the two segments that a journal needs.
    pub(super) fn stage_bytes(&self) -> Option<u64> {
        let options = &self.options;
        let bytes = (options.segment_bytes / 4).min(STAGE_MOST);
        let start = data_start(self.meta.len());
        let room = 2 * options.segment_bytes + bytes <= options.capacity_bytes;
        let wanted = self.wanted() != Writing::Calls && room && bytes > 2 * start;
        wanted.then_some(bytes)
    }

    /// Says how frames are written from now on.
    pub(super) fn note_writing(&self, writing: Writing) {
        self.gauges.writing.set(writing as u64);
    }

    pub(super) fn usage(&self) -> Usage {
        let gauges = &self.gauges;
        Usage {
            bytes: gauges.kept.get() + gauges.doomed.get(),
            reserved: gauges.reserved.get(),
            capacity: self.options.capacity_bytes,
            segments: gauges.segments.get() as usize,
            preallocation: match gauges.unallocated.get() {
                0 => Preallocation::Allocated,
                _ => Preallocation::Unsupported,
            },
            writing: match gauges.writing.get() {
                found if found == Writing::Mapped as u64 => Writing::Mapped,
                found if found == Writing::Staged as u64 => Writing::Staged,
                _ => Writing::Calls,
            },
            rehomed: gauges.rehomed.get(),
            corrupt_cursors: gauges.corrupt_cursors.get(),
        }
    }
}

/// Bytes of the largest stage: what frames of some milliseconds take, so that it stays in the processor's caches.
const STAGE_MOST: u64 = 4 << 20;
