//! Files that wait to become segments: allocated, and warmed off the appenders' threads.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{Advice, FallocateFlags};

use super::{
    mapping::{Mapping, Window},
    options::Writing,
    segment::{TEMPORARY, segment_name},
};

/// Whether room on the disk is taken before it is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preallocation {
    /// Segments are allocated when they are made: reserved room is there, whatever else fills the disk.
    Allocated,
    /// The file system cannot: reserved room is room in the journal's capacity, and the disk may still refuse.
    Unsupported,
}

/// A file of zeros, or of no length, that waits under a segment's name to become that segment.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) mapped: Option<(Arc<Mapping>, Window)>,
    pub(super) warmth: Warmth,
}

/// What it costs to write to a spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Warmth {
    /// The system has yet to find pages for it.
    Cold,
    /// Its pages are in memory, and its blocks hold zeros on the disk.
    Warm,
}

/// A file that has no number yet.
#[derive(Debug)]
pub(super) struct Blank {
    path: PathBuf,
    file: File,
    /// Bytes, from the first on, that have been zeroed and synced.
    zeroed: u64,
    /// Whether other bytes than zeros may be behind them.
    used: bool,
    mapped: Option<(Arc<Mapping>, Window)>,
}

impl Blank {
    /// Makes and allocates a file. `role` keeps two that are made at the same time apart.
    pub(super) fn allocate(
        directory: &Path,
        role: &str,
        bytes: u64,
        writing: Writing,
    ) -> io::Result<(Self, Preallocation)> {
        require_room(directory, bytes)?;
        let path = directory.join(format!("{role}{TEMPORARY}"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        let blank = Self {
            path,
            file,
            zeroed: 0,
            used: false,
            mapped: None,
        };
        match blank.take_room(bytes, writing) {
            Ok(()) => Ok((blank, Preallocation::Allocated)),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                Ok((blank, Preallocation::Unsupported))
            }
            Err(error) => {
                // Without this a full disk would stay full of what could not be used.
                blank.discard();
                Err(error)
            }
        }
    }

    /// Takes the name of a segment away that nobody needs or reads any more, to use its file again. The name is gone from
    /// the disk when this returns, so that no crash brings back a segment whose frames have been overwritten.
    pub(super) fn recycle(
        directory: &Path,
        segment: &Path,
        bytes: u64,
        writing: Writing,
        sync_directory: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(segment)?;
        let length = file.metadata()?.len();
        let path = directory.join(format!("{WARM}{TEMPORARY}"));
        fs::rename(segment, &path)?;
        let blank = Self {
            path,
            file,
            zeroed: 0,
            used: true,
            mapped: None,
        };
        // It may stem from a journal with longer segments.
        let fitted = sync_directory()
            .and_then(|()| blank.file.set_len(length.min(bytes)))
            .and_then(|()| blank.take_room(bytes, writing));
        // Its pages in memory are as small as the frames were that made them; zeros make larger ones, which cost less.
        rustix::fs::fadvise(&blank.file, 0, None, Advice::DontNeed).ok();
        match fitted {
            Ok(()) => Ok(blank),
            Err(error) => {
                blank.discard();
                Err(error)
            }
        }
    }

    fn take_room(&self, bytes: u64, writing: Writing) -> io::Result<()> {
        // A file that is to be mapped needs its length. Otherwise the length tells how far a file has been written.
        let flags = match writing {
            Writing::Calls => FallocateFlags::KEEP_SIZE,
            Writing::Mapped => FallocateFlags::empty(),
        };
        rustix::fs::fallocate(&self.file, flags, 0, bytes).map_err(io::Error::from)
    }

    /// Fills some more of the file with zeros and syncs them, so that pages are in memory, blocks need no further
    /// bookkeeping, and nothing of what was there before is left. True if all of its `bytes` are done.
    pub(super) fn warm(&mut self, bytes: u64) -> io::Result<bool> {
        let stop = bytes.min(self.zeroed + SLICE);
        let mut offset = self.zeroed;
        while offset < stop {
            let length = ZEROS.len().min((stop - offset) as usize);
            self.file.write_all_at(&ZEROS[..length], offset)?;
            offset += length as u64;
        }
        self.file.sync_data()?;
        self.zeroed = stop;
        Ok(stop >= bytes)
    }

    /// Maps it and makes all of its pages ready.
    pub(super) fn map(&mut self, bytes: u64) -> io::Result<()> {
        let mapped = Mapping::of(&self.file, bytes)?;
        mapped.0.populate(0..bytes)?;
        self.mapped = Some(mapped);
        Ok(())
    }

    /// Whether it may become a segment: all it holds is zeros.
    pub(super) fn is_clean(&self, bytes: u64) -> bool {
        !self.used || self.zeroed >= bytes
    }

    /// Names it. A name needs room in the directory, which is why spares are named when they are made, not when used.
    pub(super) fn number(self, directory: &Path, number: u64, bytes: u64) -> io::Result<Spare> {
        let path = directory.join(segment_name(number));
        if let Err(error) = fs::rename(&self.path, &path) {
            self.discard();
            return Err(error);
        }
        let warm = self.zeroed >= bytes;
        Ok(Spare {
            number,
            path,
            file: self.file,
            mapped: self.mapped,
            warmth: if warm { Warmth::Warm } else { Warmth::Cold },
        })
    }

    /// Gives it up.
    pub(super) fn discard(&self) {
        fs::remove_file(&self.path).ok();
    }
}

impl Spare {
    pub(super) fn is_warm(&self) -> bool {
        self.warmth == Warmth::Warm
    }

    /// Takes the number away again, so that the file can be warmed without an appender coming upon it.
    pub(super) fn unname(self, directory: &Path) -> io::Result<Blank> {
        let path = directory.join(format!("{WARM}{TEMPORARY}"));
        if let Err(error) = fs::rename(&self.path, &path) {
            fs::remove_file(&self.path).ok();
            return Err(error);
        }
        Ok(Blank {
            path,
            file: self.file,
            zeroed: 0,
            used: false,
            mapped: None,
        })
    }

    /// Maps it.
    pub(super) fn map(&mut self, bytes: u64) -> io::Result<()> {
        self.mapped = Some(Mapping::of(&self.file, bytes)?);
        Ok(())
    }
}

/// Asks before it takes: an attempt that fails takes all the room there is for a moment, also from others on the same disk,
/// and is slow; and where a disk is full, each call asks. What the file system keeps back for the system is left to it.
fn require_room(directory: &Path, bytes: u64) -> io::Result<()> {
    let disk = rustix::fs::statvfs(directory)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    // A file system that does not count its blocks has to be tried.
    if disk.f_blocks > 0 && free < bytes {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

/// The name of the one file that is being warmed.
pub(super) const WARM: &str = "warm";

/// Bytes that are warmed between two looks at whether something waits to be synced.
const SLICE: u64 = 1 << 20;
/// Written in pieces of this size, because the page cache keeps what is written at once together, and on ext4 every later
/// write to it pays for all of it: in pieces of megabytes, a write of 1,200 bytes takes three times as long.
pub(super) static ZEROS: [u8; 32 << 10] = [0; 32 << 10];
