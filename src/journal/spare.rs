//! Files that wait to become segments, allocated off the appenders' threads.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::FallocateFlags;

use super::segment::{TEMPORARY, segment_name};

/// Whether room on the disk is taken before it is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preallocation {
    /// Segments are allocated when they are made: reserved room is there, whatever else fills the disk.
    Allocated,
    /// The file system cannot: reserved room is room in the journal's capacity, and the disk may still refuse.
    Unsupported,
}

/// An empty file with room behind it, that waits under a segment's name to become that segment.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) file: File,
}

/// A file that has no number yet.
#[derive(Debug)]
pub(super) struct Blank {
    path: PathBuf,
    file: File,
}

impl Blank {
    /// Makes and allocates a file. `role` keeps two that are made at the same time apart.
    pub(super) fn allocate(
        directory: &Path,
        role: &str,
        bytes: u64,
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
        let blank = Self { path, file };
        // The length tells how far a file has been written.
        match rustix::fs::fallocate(&blank.file, FallocateFlags::KEEP_SIZE, 0, bytes) {
            Ok(()) => Ok((blank, Preallocation::Allocated)),
            Err(error) if io::Error::from(error).kind() == io::ErrorKind::Unsupported => {
                Ok((blank, Preallocation::Unsupported))
            }
            Err(error) => {
                // Without this a full disk would stay full of what could not be used.
                fs::remove_file(&blank.path).ok();
                Err(error.into())
            }
        }
    }

    /// Names it. A name needs room in the directory, which is why spares are named when they are made, not when used.
    pub(super) fn number(self, directory: &Path, number: u64) -> io::Result<Spare> {
        let path = directory.join(segment_name(number));
        if let Err(error) = fs::rename(&self.path, &path) {
            fs::remove_file(&self.path).ok();
            return Err(error);
        }
        Ok(Spare {
            number,
            path,
            file: self.file,
        })
    }
}

/// Asks before it takes: an attempt that fails takes all the room there is for a moment, also from others on the same disk,
/// and is slow; and where a disk is full, each call asks. What the file system keeps back for the system is left to it.
pub(super) fn require_room(directory: &Path, bytes: u64) -> io::Result<()> {
    let disk = rustix::fs::statvfs(directory)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    // A file system that does not count its blocks has to be tried.
    if disk.f_blocks > 0 && free < bytes {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}
