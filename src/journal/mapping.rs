//! A segment's bytes in memory: the only unsafe code of the crate.
//!
//! A touch of a mapped page that the system cannot provide kills the process (SIGBUS). So nothing is touched here that
//! has not been *reached* before: populating asks the system for writable pages and answers with an error where a touch
//! would kill. What is left is that a page is taken back afterwards and cannot be had again: somebody else cuts the file
//! short, or its device fails when a page that memory pressure had dropped is read again. Bytes are never read through a
//! mapping.

use std::{
    fs::File,
    io,
    ops::Range,
    ptr::{self, NonNull},
    slice,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::mm::{Advice, MapFlags, MsyncFlags, ProtFlags, madvise, mmap, msync, munmap};

/// A mapped file, from its first byte on. Populating and syncing may go on beside the one [`Window`] that writes.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    length: usize,
    page: usize,
    /// Bytes, from the first on, that have been reached.
    reached: AtomicU64,
}

/// The right to write to a mapping. There is one.
#[derive(Debug)]
pub(super) struct Window {
    mapping: Arc<Mapping>,
}

impl Mapping {
    /// Maps the first `length` bytes of a file, which must have them.
    pub(super) fn of(file: &File, length: u64) -> io::Result<(Arc<Self>, Window)> {
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        if length == 0 || file.metadata()?.len() < length as u64 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: the address is the system's choice, so no memory of anybody else's is replaced.
        let start = unsafe { mmap(ptr::null_mut(), length, protection, flags, file, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let mapping = Arc::new(Self {
            start,
            length,
            page: rustix::param::page_size(),
            reached: AtomicU64::new(0),
        });
        let window = Window {
            mapping: Arc::clone(&mapping),
        };
        Ok((mapping, window))
    }

    /// Bytes, from the first on, that can be written without asking.
    pub(super) fn reached(&self) -> u64 {
        self.reached.load(Ordering::Acquire)
    }

    /// Makes the pages of a range present and writable. Where `range` begins
    /// within what is reached, all up to its end is reached then.
    pub(super) fn populate(&self, range: Range<u64>) -> io::Result<()> {
        let (offset, length) = self.pages(range.clone());
        if length == 0 {
            return Ok(());
        }
        // SAFETY: the pages lie within this mapping, and populating changes no byte of them.
        unsafe {
            madvise(
                self.start.as_ptr().add(offset).cast(),
                length,
                Advice::LinuxPopulateWrite,
            )
        }?;
        if range.start <= self.reached() {
            self.reached
                .fetch_max((offset + length) as u64, Ordering::AcqRel);
        }
        Ok(())
    }

    /// Waits until the disk has the pages of a range. Others stay as they are, so that those ahead remain writable.
    pub(super) fn sync(&self, range: Range<u64>) -> io::Result<()> {
        let (offset, length) = self.pages(range);
        if length == 0 {
            return Ok(());
        }
        // SAFETY: the pages lie within this mapping, and syncing changes no byte of them.
        unsafe {
            msync(
                self.start.as_ptr().add(offset).cast(),
                length,
                MsyncFlags::SYNC,
            )
        }?;
        Ok(())
    }

    /// The whole pages around a range, as offset and length, cut at the end of the mapping.
    fn pages(&self, range: Range<u64>) -> (usize, usize) {
        let end = usize::try_from(range.end).map_or(self.length, |end| end.min(self.length));
        let start = usize::try_from(range.start).map_or(end, |start| start.min(end));
        let start = start - start % self.page;
        if range.is_empty() {
            return (start, 0);
        }
        (
            start,
            end.next_multiple_of(self.page).min(self.length) - start,
        )
    }
}

// SAFETY: the address is valid on every thread until the mapping is dropped, and the methods only tell the system about
// pages; bytes are touched through the one window.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: nobody can write any more: a window holds its mapping.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
        debug_assert!(unmapped.is_ok(), "what was mapped can be unmapped");
    }
}

impl Window {
    /// The bytes of a range, to be written; reached now if they were not, with some behind them.
    pub(super) fn bytes_mut(&mut self, range: Range<u64>) -> io::Result<&mut [u8]> {
        let mapping = &self.mapping;
        if range.is_empty() || range.end > mapping.length as u64 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let reached = mapping.reached();
        if range.end > reached {
            mapping.populate(reached.min(range.start)..range.end + REACH)?;
        }
        let (start, length) = (range.start as usize, (range.end - range.start) as usize);
        // SAFETY: the range lies within the mapping, which lives as long as the window. There is one window, borrowed
        // mutably here, so these bytes have no other reference in the process; every bit pattern is a byte.
        Ok(unsafe { slice::from_raw_parts_mut(mapping.start.as_ptr().add(start), length) })
    }
}

/// Bytes that a window reaches beyond what it needs, when nobody has done so ahead of it.
const REACH: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    fn file(length: u64) -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(length).unwrap();
        file
    }

    #[test]
    fn what_is_written_to_a_window_is_in_the_file() {
        let file = file(1 << 20);
        let (mapping, mut window) = Mapping::of(&file, 1 << 20).unwrap();
        window
            .bytes_mut(5000..5004)
            .unwrap()
            .copy_from_slice(b"here");
        mapping.sync(5000..5004).unwrap();
        let mut read = [0; 6];
        file.read_exact_at(&mut read, 4999).unwrap();
        assert_eq!(&read, b"\0here\0");
    }

    #[test]
    fn a_window_ends_where_its_mapping_ends() {
        let file = file(8192);
        let (_, mut window) = Mapping::of(&file, 8192).unwrap();
        assert_eq!(window.bytes_mut(0..8192).unwrap().len(), 8192);
        assert!(window.bytes_mut(8191..8193).is_err());
        assert!(window.bytes_mut(9000..9001).is_err());
    }

    #[test]
    fn a_file_that_is_too_short_is_not_mapped() {
        assert!(Mapping::of(&file(4095), 4096).is_err());
        assert!(Mapping::of(&file(0), 0).is_err());
    }

    #[test]
    fn pages_behind_the_end_of_a_file_are_an_error_and_no_signal() {
        let file = file(1 << 20);
        let (mapping, mut window) = Mapping::of(&file, 1 << 20).unwrap();
        file.set_len(4096).unwrap();
        window.bytes_mut(0..4096).unwrap_err();
        mapping.populate(8192..16384).unwrap_err();
        assert_eq!(mapping.reached(), 0);
    }
}
