//! Files that hold frames: naming, reading and giving back.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::format::{HEADER_AREA, Header, HeaderFlaw, data_start};

/// A segment that frames were written to.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) header: Header,
    pub(super) path: PathBuf,
    /// Bytes up to the end of the last frame. Written under the writer's lock.
    end: AtomicU64,
    /// How far they are in the file; the rest is on the stage. Written under the writer's lock.
    landed: AtomicU64,
    /// Bytes that count as used on disk.
    allocated: AtomicU64,
}

impl Segment {
    pub(super) fn new(header: Header, path: PathBuf, end: u64, allocated: u64) -> Self {
        Self {
            header,
            path,
            end: AtomicU64::new(end),
            landed: AtomicU64::new(end),
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

    /// How far the file has what the segment has.
    pub(super) fn landed(&self) -> u64 {
        self.landed.load(Ordering::Acquire)
    }

    pub(super) fn land(&self, end: u64) {
        self.landed.store(end, Ordering::Release);
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

/// How far the bytes of a file go that are not all zero, as a multiple of 8 unless the file ends before.
pub(super) fn content_end(file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut window = vec![0; CONTENT_WINDOW];
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(CONTENT_WINDOW as u64);
        let bytes = &mut window[..(end - start) as usize];
        file.read_exact_at(bytes, start)?;
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            return Ok((start + last as u64 + 1).next_multiple_of(8).min(length));
        }
        end = start;
    }
    Ok(0)
}

/// The end of the name of whatever is not finished.
pub(super) const TEMPORARY: &str = ".tmp";

const SEGMENT: &str = ".seg";
/// Bytes that are looked at at once in search of the last that is not zero.
const CONTENT_WINDOW: usize = 64 << 10;
