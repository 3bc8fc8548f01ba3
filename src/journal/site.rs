//! Where a journal is and what it was opened with; and what it tells of itself without a lock.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    directory::Directory,
    format::Seed,
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
    /// 1 once frames are written by calls.
    calls: Gauge,
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
        let site = Self {
            directory,
            options,
            meta: meta.into(),
            nonce,
            seed: Seed::of(nonce),
            ground,
            gauges: Gauges::default(),
        };
        if options.writing == Writing::Calls || ground == Ground::Shifting {
            site.note_calls();
        }
        site
    }

    /// How segments are written.
    pub(super) fn writing(&self) -> Writing {
        match self.gauges.calls.get() {
            0 => Writing::Mapped,
            _ => Writing::Calls,
        }
    }

    /// Segments are written by calls from now on.
    pub(super) fn note_calls(&self) {
        self.gauges.calls.set(1);
    }

    /// Makes and allocates a file of a segment's size.
    pub(super) fn allocate(&self, role: &str) -> io::Result<Blank> {
        let (bytes, writing) = (self.options.segment_bytes, self.writing());
        let (blank, preallocation) = Blank::allocate(&self.directory.path, role, bytes, writing)?;
        self.gauges
            .unallocated
            .set(u64::from(preallocation == Preallocation::Unsupported));
        Ok(blank)
    }

    /// Turns the file of a segment that nobody needs or reads into one that can become another.
    pub(super) fn recycle(&self, segment: &Path) -> io::Result<Blank> {
        let bytes = self.options.segment_bytes;
        let sync = || self.directory.sync();
        Blank::recycle(&self.directory.path, segment, bytes, self.writing(), sync)
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
            writing: self.writing(),
            rehomed: gauges.rehomed.get(),
            corrupt_cursors: gauges.corrupt_cursors.get(),
        }
    }
}
