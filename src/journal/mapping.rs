//! The stage's bytes in memory: the only unsafe code of the crate.
//!
//! A touch of a mapped page that the system cannot provide kills the process (SIGBUS). So all pages are made ready when
//! the file is mapped: populating asks the system for writable pages and answers with an error where a touch would kill.
//! What is left is that a page is taken back afterwards and cannot be had again: somebody else cuts the file short, or
//! its device fails when a page that memory pressure had dropped is read again. Bytes are never read through a mapping.

use std::{
    fs::File,
    io,
    ops::Range,
    ptr::{self, NonNull},
    slice,
};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

/// A mapped file, from its first byte on, to be written.
#[derive(Debug)]
pub(super) struct Window {
    start: NonNull<u8>,
    length: usize,
}

impl Window {
    /// Maps the first `length` bytes of a file, which must have them, and makes their pages present and writable.
    pub(super) fn of(file: &File, length: u64) -> io::Result<Self> {
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        if length == 0 || file.metadata()?.len() < length as u64 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: the address is the system's choice, so no memory of anybody else's is replaced.
        let start = unsafe { mmap(ptr::null_mut(), length, protection, flags, file, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let window = Self { start, length };
        // SAFETY: the pages are those of this mapping, and populating changes no byte of them.
        unsafe {
            madvise(
                window.start.as_ptr().cast(),
                length,
                Advice::LinuxPopulateWrite,
            )
        }?;
        Ok(window)
    }

    /// The bytes of a range, to be written.
    pub(super) fn bytes_mut(&mut self, range: Range<u64>) -> io::Result<&mut [u8]> {
        if range.is_empty() || range.end > self.length as u64 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (start, length) = (range.start as usize, (range.end - range.start) as usize);
        // SAFETY: the range lies within the mapping, which lives as long as the window and is mutably borrowed here, so
        // these bytes have no other reference in the process; every bit pattern is a byte.
        Ok(unsafe { slice::from_raw_parts_mut(self.start.as_ptr().add(start), length) })
    }
}

// SAFETY: the address is valid on every thread until the window is dropped, and whoever has the window has it alone.
unsafe impl Send for Window {}
// SAFETY: nothing is done through a shared reference.
unsafe impl Sync for Window {}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: what was lent of it borrowed the window, and is gone.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
        debug_assert!(unmapped.is_ok(), "what was mapped can be unmapped");
    }
}

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
        let mut window = Window::of(&file, 1 << 20).unwrap();
        window
            .bytes_mut(5000..5004)
            .unwrap()
            .copy_from_slice(b"here");
        let mut read = [0; 6];
        file.read_exact_at(&mut read, 4999).unwrap();
        assert_eq!(&read, b"\0here\0");
    }

    #[test]
    fn a_window_ends_where_its_mapping_ends() {
        let file = file(8192);
        let mut window = Window::of(&file, 8192).unwrap();
        assert_eq!(window.bytes_mut(0..8192).unwrap().len(), 8192);
        assert!(window.bytes_mut(8191..8193).is_err());
        assert!(window.bytes_mut(9000..9001).is_err());
    }

    #[test]
    fn a_file_that_is_too_short_is_not_mapped() {
        assert!(Window::of(&file(4095), 4096).is_err());
        assert!(Window::of(&file(0), 0).is_err());
    }
}
