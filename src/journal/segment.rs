//! Files that hold frames: making, naming, opening and giving back.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::fs::FallocateFlags;

use super::format::{HEADER_AREA, Header, HeaderFlaw, data_start};

/// Whether room on the disk is taken before it is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preallocation {
    /// Segments are allocated when they are made: reserved room is there, whatever else fills the disk.
    Allocated,
    /// The file system cannot: reserved room is room in the journal's capacity, and the disk may still refuse.
    Unsupported,
}

/// A segment that frames were written to.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) header: Header,
    pub(super) path: PathBuf,
    /// Bytes up to the end of the last frame. Written under the writer's lock.
    end: AtomicU64,
    /// Bytes that count as used on disk.
    allocated: AtomicU64,
}

impl Segment {
    pub(super) fn new(header: Header, path: PathBuf, end: u64, allocated: u64) -> Self {
        Self {
            header,
            path,
            end: AtomicU64::new(end),
            allocated: AtomicU64::new(allocated),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.header.number
    }

    pub(super) fn first(&self) -> u64 {
        self.header.first
    }

    pub(super) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub(super) fn extend(&self, end: u64) {
        self.end.store(end, Ordering::Release);
    }

    pub(super) fn allocated(&self) -> u64 {
        self.allocated.load(Ordering::Relaxed)
    }

    /// Gives back what is allocated behind the last frame. Only for a segment that no frame will be added to.
    pub(super) fn trim(&self, file: &File) -> io::Result<()> {
        file.set_len(self.end())?;
        self.allocated.store(self.end(), Ordering::Relaxed);
        Ok(())
    }
}

/// A segment together with the handle that it was written through.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) segment: Arc<Segment>,
    pub(super) file: Arc<File>,
}

impl Written {
    /// Whether the file still has a name.
    pub(super) fn is_linked(&self) -> io::Result<bool> {
        use std::os::unix::fs::MetadataExt;
        Ok(self.file.metadata()?.nlink() > 0)
    }
}

/// An allocated file of no length that waits to become a segment.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) file: File,
}

/// A spare that has no number yet.
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
        let path = directory.join(format!("{role}{TEMPORARY}"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?;
        let outcome = rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, bytes)
            .map_err(io::Error::from);
        match outcome {
            Ok(()) => Ok((Self { path, file }, Preallocation::Allocated)),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                Ok((Self { path, file }, Preallocation::Unsupported))
            }
            Err(error) => {
                // Without this a full disk would stay full of what could not be used.
                fs::remove_file(&path).ok();
                Err(error)
            }
        }
    }

    /// Names it. A name needs room in the directory, which is why spares are named when they are made, not when used.
    pub(super) fn number(self, directory: &Path, number: u64) -> io::Result<Spare> {
        let path = directory.join(segment_name(number));
        fs::rename(&self.path, &path)?;
        Ok(Spare {
            number,
            path,
            file: self.file,
        })
    }
}

/// Reads a segment's header; at most [`HEADER_AREA`] bytes are looked at.
pub(super) fn read_header(file: &File) -> io::Result<Result<Header, HeaderFlaw>> {
    let mut start = vec![0; HEADER_AREA];
    let mut filled = 0;
    loop {
        match file.read_at(&mut start[filled..], filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Header::decode(&start[..filled]))
}

/// Bytes that a segment of this size has for frames.
pub(super) fn usable(segment_bytes: u64, meta_length: usize) -> u64 {
    segment_bytes.saturating_sub(data_start(meta_length)) & !7
}

pub(super) fn segment_name(number: u64) -> String {
    format!("{number:020}{SEGMENT}")
}

/// The number in a file name, if it is the name of a segment.
pub(super) fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SEGMENT)?;
    (digits.len() == 20)
        .then(|| digits.parse().ok())
        .flatten()
        .filter(|number| segment_name(*number) == name)
}

/// The end of the name of whatever is not finished.
pub(super) const TEMPORARY: &str = ".tmp";

const SEGMENT: &str = ".seg";
