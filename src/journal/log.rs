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
    flusher::Flusher,
    format::{Header, META_MAX, data_start},
    options::{FrameIndex, FrameKind, JournalOptions, Room, Writing},
    reader::Reader,
    recovery::{Recovered, recover},
    site::Site,
    spare::Preallocation,
    stage::{STAGE_NUMBER, Stage},
    writer::Writer,
};

/// An open journal. See the [module](super) for what it guarantees.
///
/// Dropping it neither syncs nor deletes: what was appended is in the page cache, and the next open recovers it.
pub struct Journal {
    pub(super) shared: Arc<Shared>,
    pub(super) flusher: Mutex<Flusher>,
    cursors: Mutex<()>,
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
    /// How frames are written now, which may be otherwise than [`JournalOptions::writing`] asked for.
    pub writing: Writing,
    /// How often frames had to be written again because they could not be synced where they were.
    pub rehomed: u64,
    /// Cursors that were found corrupt since the journal was opened.
    pub corrupt_cursors: u64,
}

/// What the journal and its readers hold together.
pub(super) struct Shared {
    pub(super) site: Arc<Site>,
    writer: Mutex<Writer>,
    written: AtomicU64,
    pub(super) durable: AtomicU64,
    /// Held by whoever has a batch of frames on its way into its segment. Taken before the writer.
    pub(super) landing: Mutex<()>,
    /// Changes when segments are taken out of force.
    pub(super) catalogue_version: AtomicU64,
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
        let site = Arc::new(Site::new(directory, options, meta, nonce));
        let writer = Writer::new(Arc::clone(&site), found.catalogue, next, found.next_number);
        let shared = Shared {
            site,
            writer: Mutex::new(writer),
            written: AtomicU64::new(next),
            durable: AtomicU64::new(next),
            landing: Mutex::default(),
            catalogue_version: AtomicU64::new(0),
        };
        let journal = Self {
            shared: Arc::new(shared),
            flusher: Mutex::default(),
            cursors: Mutex::default(),
            lock: Mutex::new(lock_held),
        };
        // Without room for it the journal still opens: what is in it can be read and released.
        lock(&journal.flusher).prepare_spares(&journal.shared);
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
        self.append_parts(kind, &[payload], room)
    }

    /// Appends one frame as [`Self::append`] does, whose payload is these parts, one behind the other: whoever has it in
    /// pieces need not join them.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_parts(
        &self,
        kind: FrameKind,
        parts: &[&[u8]],
        room: Room,
    ) -> Result<FrameIndex, AppendError> {
        loop {
            let mut writer = self.shared.writer();
            if let Some(index) = writer.append(kind.0, parts, room)? {
                self.shared.written.store(index + 1, Ordering::Release);
                return Ok(FrameIndex(index));
            }
            drop(writer);
            let landed = self.shared.land_some();
            landed.map_err(|(_, source)| AppendError::Io {
                action: "write",
                source,
            })?;
        }
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
    /// Also allocates the next segment, so that appenders need not. Appends go on meanwhile. After a failed fsync the
    /// frames in doubt are written to a new segment and that one is synced, within the same call; only when that fails
    /// too is there an error. Every failing call may write them once more, so let some time pass between calls.
    ///
    /// # Errors
    /// See [`SyncError`]. Frames stay readable, and the next call tries again.
    pub fn sync(&self) -> Result<FrameIndex, SyncError> {
        let mut flusher = lock(&self.flusher);
        flusher.prepare_spares(&self.shared);
        let flushed = flusher
            .flush(&self.shared)
            .or_else(|_| flusher.flush(&self.shared));
        flusher.delete_doomed(&self.shared);
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

    /// Gives up the segments all of whose frames are below `below` and durable, except the last segment that is
    /// on disk. Returns how many.
    ///
    /// Readers that are in such a segment finish it. A file that cannot be deleted counts in [`Self::usage`] until a later
    /// call, or sync, has deleted it; after a restart it is a part of the journal again. Waits for a sync that is under way.
    pub fn release(&self, below: FrameIndex) -> usize {
        let mut flusher = lock(&self.flusher);
        let below = below.min(self.durable());
        let released = self.shared.writer().release(below.0);
        let count = released.len();
        if count > 0 {
            self.shared.catalogue_version.fetch_add(1, Ordering::AcqRel);
        }
        flusher.doom(&self.shared, released);
        flusher.delete_doomed(&self.shared);
        count
    }

    /// A reader that begins at this index, or at the first frame that is kept, if that is later.
    pub fn reader(&self, from: FrameIndex) -> Reader {
        Reader::new(Arc::clone(&self.shared), from)
    }

    /// What the journal takes up now.
    pub fn usage(&self) -> Usage {
        self.shared.site.usage()
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
                self.shared.site.gauges.corrupt_cursors.add(1);
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
        self.shared.site.directory.path.clone()
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
        // What does not land stays on the stage, for the next open.
        let landed = self.shared.land_all().is_ok();
        let mut writer = self.shared.writer();
        if let Some(stage) = writer.stage.take().filter(|_| landed) {
            stage.remove();
        }
        for spare in writer.spares.drain(..) {
            fs::remove_file(spare.path).ok();
        }
        if let Some(active) = writer.active.take().filter(|_| landed) {
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

    /// Makes the stage, where there is to be one and is none. It takes the place of one that was given up, from which all
    /// has landed by then.
    pub(super) fn make_stage(&self) -> io::Result<()> {
        let Some(bytes) = self
            .site
            .stage_bytes()
            .filter(|_| self.writer().stage.is_none())
        else {
            return Ok(());
        };
        self.land_all().map_err(|(_, error)| error)?;
        let site = &self.site;
        let header = Header {
            number: STAGE_NUMBER,
            first: self.written(),
            nonce: site.nonce,
            meta: Arc::clone(&site.meta),
        };
        let sizes = (bytes, site.options.segment_bytes);
        let stage = Stage::make(&site.directory.path, &header, sizes, site.wanted())?;
        self.writer().enter_stage(stage);
        Ok(())
    }

    pub(super) fn catalogue_version(&self) -> u64 {
        self.catalogue_version.load(Ordering::Acquire)
    }
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
