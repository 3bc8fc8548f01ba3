//! A journal whose directory was taken away under it: deleted, moved, or covered by another.
//!
//! The lock tells: its file is held open, and no longer has its name. Files that are open, the active segment and those
//! that have not been synced, are still there without names; the next sync finds that and writes them again.

use super::{
    directory::Directory,
    error::JournalError,
    log::{Journal, lock},
    options::FrameIndex,
};

impl Journal {
    /// Whether the directory that the journal was opened in is still at its path.
    pub fn is_in_place(&self) -> bool {
        lock(&self.lock).is_named()
    }

    /// Makes the directory again and locks it, and returns the bound below which frames that had not been released are
    /// lost. Those from there on are in files that are still open: the next [`Self::sync`] writes them again. Cursors and
    /// notes are gone until they are saved again.
    ///
    /// Does nothing but making the directory where it is in place.
    ///
    /// # Errors
    /// [`JournalError::Io`], or [`JournalError::Locked`] where somebody else is at the new directory. Nothing has changed
    /// then, and it can be tried again.
    pub fn restore(&self) -> Result<FrameIndex, JournalError> {
        let path = self.path();
        let (_, held) = Directory::lock(&path)?;
        // A sync that is under way ends first.
        let mut flusher = lock(&self.flusher);
        *lock(&self.lock) = held;
        Ok(FrameIndex(flusher.displaced(&self.shared)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::journal::{Entry, FrameKind, JournalOptions, Room, Writing};

    const OPTIONS: JournalOptions = JournalOptions {
        segment_bytes: 64 << 10,
        capacity_bytes: 1 << 20,
        writing: Writing::Calls,
    };

    /// The numbers of the frames that can be read, and of those that are missing.
    fn read(journal: &Journal) -> (Vec<u64>, u64) {
        let (mut frames, mut missing) = (Vec::new(), 0);
        let mut reader = journal.reader(FrameIndex(0));
        while let Some(entry) = reader.next(journal.written()).unwrap() {
            match entry {
                Entry::Frame(frame) => frames.push(frame.index.0),
                Entry::Damage(damage) => missing += damage.missing.end.0 - damage.missing.start.0,
            }
        }
        (frames, missing)
    }

    #[test]
    fn a_deleted_directory_is_made_again_with_all_that_is_in_open_files() {
        for writing in [Writing::Calls, Writing::Mapped] {
            deleted_and_made_again(JournalOptions { writing, ..OPTIONS });
        }
    }

    fn deleted_and_made_again(options: JournalOptions) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/journal");
        let (journal, _) = Journal::open(&path, options, b"meta", 7).unwrap();
        let append = |bytes: usize| {
            let payload = vec![1; bytes];
            journal.append(FrameKind(1), &payload, Room::Free).unwrap()
        };
        // Two segments that are closed, and one that is not.
        for _ in 0..5 {
            append(30 << 10);
            journal.sync().unwrap();
        }
        assert!(journal.is_in_place());
        fs::remove_dir_all(directory.path().join("a")).unwrap();
        assert!(!journal.is_in_place());
        let unsynced = append(10);
        assert!(journal.sync().is_err());
        let kept = journal.restore().unwrap();
        assert!(journal.is_in_place());
        assert!(journal.sync().unwrap() > unsynced);
        append(30 << 10);
        append(30 << 10);
        journal.sync().unwrap();
        assert_eq!(kept, FrameIndex(4));
        assert_eq!(read(&journal), ((4..8).collect(), 4));
        drop(journal);
        let (journal, recovered) = Journal::open(&path, options, b"meta", 8).unwrap();
        assert_eq!((recovered.frames, recovered.next), (4, FrameIndex(8)));
        assert_eq!(read(&journal).0, [4, 5, 6, 7]);
    }

    #[test]
    fn a_journal_without_a_frame_is_made_again_too() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let (journal, _) = Journal::open(&path, OPTIONS, b"meta", 7).unwrap();
        fs::remove_dir_all(&path).unwrap();
        assert_eq!(journal.restore().unwrap(), FrameIndex(0));
        journal.sync().unwrap();
        journal
            .append(FrameKind(1), b"a", Room::Reserve(100))
            .unwrap();
        journal.sync().unwrap();
        assert_eq!(read(&journal), (vec![0], 0));
    }
}
