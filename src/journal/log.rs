//! The journal as its users hold it.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    cursor::{self, Cursor},
    directory::{Directory, Lock},
    error::{AppendError, CursorError, JournalError, SyncError},
    format::{META_MAX, data_start},
    options::{FrameIndex, FrameKind, JournalOptions, Room},
    reader::Reader,
    recovery::{Recovered, recover},
    segment::{Blank, Preallocation, Segment},
    writer::{Site, Unsynced, Writer},
};

/// An open journal. See the [module](super) for what it guarantees.
///
/// Dropping it neither syncs nor deletes: what was appended is in the page cache, and the next open recovers it.
pub struct Journal {
    pub(super) shared: Arc<Shared>,
    pub(super) flusher: Mutex<Flusher>,
    cursors: Mutex<()>,
    corrupt_cursors: AtomicU64,
    pub(super) lock: Mutex<Lock>,
}

/// How much of its room a journal has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Bytes on disk, with what is allocated and not yet written.
    pub bytes: u64,
    /// Bytes of all open reservations, with their frames' heads.
    pub reserved: u64,
    /// [`JournalOptions::capacity_bytes`].
    pub capacity: u64,
    /// Segments that hold frames, and the active one.
    pub segments: usize,
    /// Whether the disk's room is taken before it is promised.
    pub preallocation: Preallocation,
    /// How often frames had to be written again because they could not be synced where they were.
    pub rehomed: u64,
    /// Cursors that were found corrupt since the journal was opened.
    pub corrupt_cursors: u64,
}

/// What the journal and its readers hold together.
pub(super) struct Shared {
    writer: Mutex<Writer>,
    written: AtomicU64,
    durable: AtomicU64,
    /// Changes when segments are taken out of force.
    catalogue_version: AtomicU64,
}

/// What syncs and releases take turns at.
#[derive(Debug, Default)]
pub(super) struct Flusher {
    /// After a failed sync: the index from which frames may not be on disk, whatever another fsync says.
    pub(super) suspect: Option<u64>,
    /// Files to delete, oldest first.
    doomed: Vec<Arc<Segment>>,
    /// Syncs to pass before a spare is tried again that could not be made.
    pub(super) spare_pause: u32,
}

impl Journal {
    /// Opens the journal in a directory, which is made (0700, files 0600) if it does not exist, and recovers it.
    ///
    /// `meta` is stored with every segment and handed out with its frames: at most 65,536 bytes, and at most half a
    /// segment. `nonce` must be random: with it, nobody can write a payload that a damaged segment is misread by. What
    /// was recovered is durable, and is never appended to.
    ///
    /// # Errors
    /// See [`JournalError`]. Files of an unknown version, and files that are no segments, are left alone.
    pub fn open(
        path: &Path,
        options: JournalOptions,
        meta: &[u8],
        nonce: u64,
    ) -> Result<(Self, Recovered), JournalError> {
        check(options, meta)?;
        let (directory, lock_held) = Directory::lock(path)?;
        let found = recover(&directory)?;
        let next = found.recovered.next.0;
        let doomed_bytes = AtomicU64::new(0);
        let site = Site {
            directory,
            options,
            meta: meta.into(),
            nonce,
            doomed_bytes,
        };
        let writer = Writer::new(Arc::new(site), found.catalogue, next, found.next_number);
        let shared = Shared {
            writer: Mutex::new(writer),
            written: AtomicU64::new(next),
            durable: AtomicU64::new(next),
            catalogue_version: AtomicU64::new(0),
        };
        let journal = Self {
            shared: Arc::new(shared),
            flusher: Mutex::default(),
            cursors: Mutex::default(),
            corrupt_cursors: AtomicU64::new(0),
            lock: Mutex::new(lock_held),
        };
        // Without room for it the journal still opens: what is in it can be read and released.
        prepare_spares(&journal.shared, &mut lock(&journal.flusher));
        Ok((journal, found.recovered))
    }

    /// Appends one frame, and returns its index when it is in the page cache: it outlives the process, but not yet a
    /// loss of power.
    ///
    /// Waits for other appends, never for an fsync. Allocates a segment itself only if [`Self::sync`] has not made one
    /// ahead.
    ///
    /// # Errors
    /// See [`AppendError`]. No frame is left, no index taken, a reservation that was to be used stands.
    pub fn append(
        &self,
        kind: FrameKind,
        payload: &[u8],
        room: Room,
    ) -> Result<FrameIndex, AppendError> {
        let mut writer = self.shared.writer();
        let index = writer.append(kind.0, payload, room)?;
        self.shared.written.store(index + 1, Ordering::Release);
        Ok(FrameIndex(index))
    }

    /// What the newest segment in a directory was given as meta; None where no segment can be read. Needs no lock.
    ///
    /// # Errors
    /// [`JournalError::UnknownVersion`] and [`JournalError::NotAJournal`] as [`Self::open`], or
    /// [`JournalError::Io`].
    pub fn meta(path: &Path) -> Result<Option<Arc<[u8]>>, JournalError> {
        super::peek::meta(path)
    }

    /// Whether a position has been saved under this name in a directory. Needs no lock.
    pub fn has_cursor(path: &Path, name: &str) -> bool {
        cursor::exists(path, name)
    }

    /// Reserves room for one later frame, as [`Room::Reserve`] does, without a frame now.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub fn reserve(&self, size: u32) -> Result<(), AppendError> {
        self.shared.writer().reserve(size)
    }

    /// Whether [`Self::release`] with this bound would delete a segment.
    pub fn would_release(&self, below: FrameIndex) -> bool {
        let below = below.min(self.durable());
        self.shared.writer().would_release(below.0)
    }

    /// Gives back what [`Room::Reserve`] took with the same number, for a frame that will not come.
    ///
    /// # Errors
    /// [`AppendError::NotReserved`] if no such reservation is open.
    pub fn unreserve(&self, size: u32) -> Result<(), AppendError> {
        let given_back = self.shared.writer().unreserve(size);
        given_back
            .then_some(())
            .ok_or(AppendError::NotReserved { size })
    }

    /// Makes durable all that was appended before the call, and returns the new bound: every frame below it is on disk.
    ///
    /// Also makes the next segment ready, so that appenders need not. Appends go on meanwhile. After a failed fsync the
    /// frames in doubt are written to a new segment and that one is synced, within the same call; only when that fails
    /// too is there an error. Every failing call may write them once more, so let some time pass between calls.
    ///
    /// # Errors
    /// See [`SyncError`]. Frames stay readable, and the next call tries again.
    pub fn sync(&self) -> Result<FrameIndex, SyncError> {
        let mut flusher = lock(&self.flusher);
        prepare_spares(&self.shared, &mut flusher);
        let flushed =
            flush(&self.shared, &mut flusher).or_else(|_| flush(&self.shared, &mut flusher));
        delete_doomed(&self.shared, &mut flusher);
        flushed?;
        Ok(self.durable())
    }

    /// The bound below which every frame is on disk.
    pub fn durable(&self) -> FrameIndex {
        FrameIndex(self.shared.durable.load(Ordering::Acquire))
    }

    /// The bound below which every frame has been appended: the next frame's index.
    pub fn written(&self) -> FrameIndex {
        FrameIndex(self.shared.written())
    }

    /// The index of the first frame that is kept; [`Self::written`] if there is none.
    pub fn first(&self) -> FrameIndex {
        FrameIndex(self.shared.writer().first())
    }

    /// Deletes the segments all of whose frames are below `below` and durable, except the last segment that is
    /// on disk. Returns how many.
    ///
    /// Readers that are in such a segment finish it. A file that cannot be deleted counts in [`Self::usage`] until a
    /// later call, or sync, has deleted it; after a restart it is a part of the journal again. Waits for a sync that is
    /// under way.
    pub fn release(&self, below: FrameIndex) -> usize {
        let mut flusher = lock(&self.flusher);
        let below = below.min(self.durable());
        let released = self.shared.writer().release(below.0);
        let count = released.len();
        if count > 0 {
            self.shared.catalogue_version.fetch_add(1, Ordering::AcqRel);
        }
        doom(&self.shared, &mut flusher, released);
        delete_doomed(&self.shared, &mut flusher);
        count
    }

    /// A reader that begins at this index, or at the first frame that is kept, if that is later.
    pub fn reader(&self, from: FrameIndex) -> Reader {
        Reader::new(Arc::clone(&self.shared), from)
    }

    /// What the journal takes up now.
    pub fn usage(&self) -> Usage {
        let writer = self.shared.writer();
        Usage {
            bytes: writer.used_bytes(),
            reserved: writer.reserved_bytes(),
            capacity: writer.site.options.capacity_bytes,
            segments: writer.catalogue.len(),
            preallocation: writer.preallocation,
            rehomed: writer.rehomed,
            corrupt_cursors: self.corrupt_cursors.load(Ordering::Relaxed),
        }
    }

    /// Saves a position under a name (1 to 64 of `a` to `z`, `0` to `9`, `-`, `_`), in place of the one before. It is on
    /// disk when this returns; a crash meanwhile leaves one of the two.
    ///
    /// No index below a saved position is ever given to a frame again, even if segments are lost.
    ///
    /// # Errors
    /// See [`CursorError`]; the position before stays.
    pub fn save_cursor(&self, name: &str, at: FrameIndex) -> Result<(), CursorError> {
        let _turn = lock(&self.cursors);
        cursor::save(&self.path(), name, at.0)
    }

    /// The saved position; None if there is none, or if it is corrupt, which is counted.
    ///
    /// # Errors
    /// See [`CursorError`].
    pub fn load_cursor(&self, name: &str) -> Result<Option<FrameIndex>, CursorError> {
        let _turn = lock(&self.cursors);
        match cursor::load(&self.path(), name)? {
            Cursor::At(index) => Ok(Some(FrameIndex(index))),
            Cursor::None => Ok(None),
            Cursor::Corrupt => {
                self.corrupt_cursors.fetch_add(1, Ordering::Relaxed);
                Ok(None)
            }
        }
    }

    /// Saves a note of the journal's owner in place of the one before: what must survive although no frame can be
    /// appended. It is on disk when this returns.
    ///
    /// # Errors
    /// What the system says; the note before stays.
    pub fn save_note(&self, text: &str) -> io::Result<()> {
        let _turn = lock(&self.cursors);
        super::note::save(&self.path(), text)
    }

    /// The owner's note; None if there is none.
    ///
    /// # Errors
    /// What the system says.
    pub fn load_note(&self) -> io::Result<Option<String>> {
        let _turn = lock(&self.cursors);
        super::note::load(&self.path())
    }

    /// Removes the directory with everything in it, frames, cursors and quarantine, when nothing in it is needed.
    ///
    /// # Errors
    /// [`JournalError::Io`] if something could not be removed.
    pub fn destroy(self) -> Result<(), JournalError> {
        let path = self.path();
        fs::remove_dir_all(&path).map_err(|source| JournalError::Io {
            action: "remove",
            path,
            source,
        })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.shared.writer().site.directory.path.clone()
    }
}

impl fmt::Debug for Journal {
    /// Shows where it is and how far it goes, never content.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Journal")
            .field("path", &self.path())
            .field("durable", &self.durable())
            .field("written", &self.written())
            .finish_non_exhaustive()
    }
}

impl Drop for Journal {
    /// Gives back room that was allocated ahead. What this misses, the next open does.
    fn drop(&mut self) {
        let mut writer = self.shared.writer();
        for spare in writer.spares.drain(..) {
            fs::remove_file(spare.path).ok();
        }
        if let Some(active) = writer.active.take() {
            active.segment.trim(&active.file).ok();
        }
    }
}

impl Shared {
    pub(super) fn writer(&self) -> MutexGuard<'_, Writer> {
        lock(&self.writer)
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    pub(super) fn catalogue_version(&self) -> u64 {
        self.catalogue_version.load(Ordering::Acquire)
    }
}

/// Makes the files that appenders will need. One that cannot be made is not missed before an append needs it, which then
/// says so.
fn prepare_spares(shared: &Shared, flusher: &mut Flusher) {
    flusher.spare_pause = flusher.spare_pause.saturating_sub(1);
    for _ in 0..SPARES_AT_ONCE {
        if flusher.spare_pause > 0 {
            return;
        }
        let site = {
            let writer = shared.writer();
            if !writer.wants_spare() {
                return;
            }
            Arc::clone(&writer.site)
        };
        let made = Blank::allocate(&site.directory.path, "sync", site.options.segment_bytes)
            .and_then(|(blank, preallocation)| shared.writer().adopt(blank, preallocation));
        if made.is_err() {
            flusher.spare_pause = SPARE_PAUSE;
        }
    }
}

fn flush(shared: &Shared, flusher: &mut Flusher) -> Result<(), SyncError> {
    if let Some(from) = flusher.suspect {
        let obsolete = shared
            .writer()
            .rehome(from)
            .map_err(|source| SyncError::Copy { source })?;
        flusher.suspect = None;
        shared.catalogue_version.fetch_add(1, Ordering::AcqRel);
        doom(shared, flusher, obsolete);
    }
    let (unsynced, site) = {
        let mut writer = shared.writer();
        (writer.take_unsynced(), Arc::clone(&writer.site))
    };
    match make_durable(shared, &site, &unsynced) {
        Ok(()) => {
            let mut writer = shared.writer();
            writer.note_synced(&unsynced);
            let superseded = std::mem::take(&mut writer.superseded);
            drop(writer);
            doom(shared, flusher, superseded);
            Ok(())
        }
        Err((suspect, failure)) => {
            flusher.suspect = Some(suspect);
            shared.writer().directory_changed |= unsynced.directory;
            Err(failure)
        }
    }
}

/// Syncs names, then files in order, raising the bound with each. On failure also returns the index from which frames
/// are in doubt.
fn make_durable(shared: &Shared, site: &Site, unsynced: &Unsynced) -> Result<(), (u64, SyncError)> {
    let durable = || shared.durable.load(Ordering::Acquire);
    let synced_number = shared.writer().synced_number;
    if unsynced.directory {
        site.directory
            .sync()
            .map_err(|source| (durable(), SyncError::Directory { source }))?;
    }
    for (place, (written, bound)) in unsynced.files.iter().enumerate() {
        let segment = written.segment.number();
        let failed = |source| (durable(), SyncError::Segment { segment, source });
        if !written.is_linked().map_err(failed)? {
            return Err((
                durable().min(written.segment.first()),
                SyncError::Vanished { segment },
            ));
        }
        if place < unsynced.sealed {
            written.segment.trim(&written.file).map_err(failed)?;
        }
        if *bound > durable() || Some(segment) > synced_number {
            written.file.sync_data().map_err(failed)?;
            shared.durable.fetch_max(*bound, Ordering::AcqRel);
        }
    }
    Ok(())
}

fn doom(shared: &Shared, flusher: &mut Flusher, segments: Vec<Arc<Segment>>) {
    let bytes = segments.iter().map(|segment| segment.allocated()).sum();
    shared
        .writer()
        .site
        .doomed_bytes
        .fetch_add(bytes, Ordering::Relaxed);
    flusher.doomed.extend(segments);
}

/// In order, so that what a crash leaves has no gaps.
fn delete_doomed(shared: &Shared, flusher: &mut Flusher) {
    let site = Arc::clone(&shared.writer().site);
    let gone = |segment: &Segment| match fs::remove_file(&segment.path) {
        Ok(()) => true,
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    let deleted = flusher
        .doomed
        .iter()
        .take_while(|segment| gone(segment))
        .count();
    let bytes = flusher
        .doomed
        .drain(..deleted)
        .map(|segment| segment.allocated())
        .sum();
    site.doomed_bytes.fetch_sub(bytes, Ordering::Relaxed);
}

fn check(options: JournalOptions, meta: &[u8]) -> Result<(), JournalError> {
    let wrong = |name, value, limit| Err(JournalError::Options { name, value, limit });
    let segment = options.segment_bytes;
    if !(SEGMENT_MIN..=SEGMENT_MAX).contains(&segment) {
        return wrong(
            "segment_bytes",
            segment,
            format!("{SEGMENT_MIN} to {SEGMENT_MAX}"),
        );
    }
    if options.capacity_bytes < 2 * segment {
        return wrong(
            "capacity_bytes",
            options.capacity_bytes,
            format!("at least {}", 2 * segment),
        );
    }
    if meta.len() > META_MAX || data_start(meta.len()) > segment / 2 {
        return wrong(
            "length of meta",
            meta.len() as u64,
            format!("at most {META_MAX} and half a segment"),
        );
    }
    Ok(())
}

/// A panic cannot leave what these locks guard half changed in a way that matters: no step of a change panics.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const SEGMENT_MIN: u64 = 64 << 10;
const SEGMENT_MAX: u64 = 2 << 30;
const SPARES_AT_ONCE: usize = 4;
const SPARE_PAUSE: u32 = 64;
