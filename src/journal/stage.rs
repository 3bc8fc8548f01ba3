//! The stage: a small file whose pages stay in memory, where frames stand until they are in their segments.
//!
//! Why there is one, and its format, stand in the [room's documentation](super). A frame that would not fit before the end
//! of the stage goes to its beginning; what is left over is taken with it, so that what is taken is always one stretch.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::FallocateFlags;

use super::{
    format::{FRAME_HEAD, FrameHead, HEADER_AREA, Header, Seed, data_start},
    mapping::Window,
    options::Writing,
    segment::TEMPORARY,
    spare::require_room,
};

/// The stage of an open journal.
#[derive(Debug)]
pub(super) struct Stage {
    file: File,
    path: PathBuf,
    /// Where it is mapped.
    window: Option<Window>,
    /// Where frames begin in the file, and how many bytes there are for them.
    start: u64,
    bytes: u64,
    /// Where the next frame goes, from `start` on.
    head: u64,
    /// Bytes that may not be overwritten, up to the head.
    taken: u64,
}

/// What a stage says to a frame.
#[derive(Debug)]
pub(super) enum Staged {
    /// It stands there; so many bytes are free again when it has landed.
    Taken(u64),
    /// It does when others have landed.
    Full,
}

impl Stage {
    /// Makes the stage of a directory, in place of one whose frames have all landed. All its pages are in memory. It takes no
    /// room that a segment of `segment_bytes` may need.
    pub(super) fn make(
        directory: &Path,
        header: &Header,
        (file_bytes, segment_bytes): (u64, u64),
        writing: Writing,
    ) -> io::Result<Self> {
        require_room(directory, file_bytes + segment_bytes)?;
        let temporary = directory.join(format!("{STAGE}{TEMPORARY}"));
        let made = Self::fill(&temporary, header, file_bytes, writing).and_then(|stage| {
            fs::rename(&temporary, &stage.path)?;
            Ok(stage)
        });
        if made.is_err() {
            fs::remove_file(&temporary).ok();
        }
        made
    }

    fn fill(
        temporary: &Path,
        header: &Header,
        file_bytes: u64,
        writing: Writing,
    ) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(temporary)?;
        // Where the file system cannot allocate, writing zeros does as well.
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, file_bytes) {
            Err(error) if io::Error::from(error).kind() != io::ErrorKind::Unsupported => {
                return Err(error.into());
            }
            _ => {}
        }
        for offset in (0..file_bytes).step_by(ZEROS.len()) {
            let length = ZEROS.len().min((file_bytes - offset) as usize);
            file.write_all_at(&ZEROS[..length], offset)?;
        }
        file.write_all_at(&header.encode(), 0)?;
        let window = match writing {
            Writing::Mapped => Some(Window::of(&file, file_bytes)?),
            Writing::Calls | Writing::Staged => None,
        };
        let start = data_start(header.meta.len());
        Ok(Self {
            file,
            path: temporary.with_file_name(STAGE),
            window,
            start,
            bytes: file_bytes.saturating_sub(start) & !7,
            head: 0,
            taken: 0,
        })
    }

    /// Whether frames are written to mapped memory.
    pub(super) fn writing(&self) -> Writing {
        self.window
            .as_ref()
            .map_or(Writing::Staged, |_| Writing::Mapped)
    }

    /// Whether a frame of this length can ever stand here.
    pub(super) fn takes(&self, frame: u64) -> bool {
        frame <= self.bytes / 2
    }

    /// Writes a frame, which it [takes](Self::takes). When this returns, the frame outlives the process.
    pub(super) fn write(&mut self, frame: &[u8]) -> io::Result<Staged> {
        let length = frame.len() as u64;
        // What does not fit before the end is left over, and taken with the frame.
        let (place, left_over) = if self.head + length <= self.bytes {
            (self.head, 0)
        } else {
            (0, self.bytes - self.head)
        };
        let taken = left_over + length;
        if self.taken + taken > self.bytes {
            return Ok(Staged::Full);
        }
        let offset = self.start + place;
        match &mut self.window {
            Some(window) => window
                .bytes_mut(offset..offset + length)?
                .copy_from_slice(frame),
            None => self.file.write_all_at(frame, offset)?,
        }
        self.head = place + length;
        self.taken += taken;
        Ok(Staged::Taken(taken))
    }

    /// The oldest frames have landed, and so many bytes may be overwritten.
    pub(super) fn free(&mut self, bytes: u64) {
        self.taken = self.taken.saturating_sub(bytes);
    }

    /// Removes it; all its frames have landed.
    pub(super) fn remove(self) {
        fs::remove_file(&self.path).ok();
    }
}

/// What a process left on its stage.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) header: Header,
    /// Whole frames, by index.
    pub(super) frames: BTreeMap<u64, Vec<u8>>,
}

impl Left {
    /// The index of the first frame that is not below this.
    pub(super) fn first_from(&self, index: u64) -> Option<u64> {
        self.frames.range(index..).next().map(|(index, _)| *index)
    }

    /// Takes the frame with this index and those that follow it without a gap, below `limit`, joined.
    pub(super) fn take_run(&mut self, first: u64, limit: u64) -> Vec<u8> {
        let mut run = Vec::new();
        for index in first..limit {
            let Some(frame) = self.frames.remove(&index) else {
                break;
            };
            run.extend_from_slice(&frame);
        }
        run
    }
}

/// What is on a directory's stage; None where there is no stage, or none that can be read.
pub(super) fn left(directory: &Path) -> io::Result<Option<Left>> {
    let bytes = match fs::read(directory.join(STAGE)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // Its pages are in no order on the disk: after a loss of power there may be anything in it.
    let Ok(header) = Header::decode(&bytes[..bytes.len().min(HEADER_AREA)]) else {
        return Ok(None);
    };
    let seed = Seed::of(header.nonce);
    let mut frames = BTreeMap::new();
    let mut at = data_start(header.meta.len()) as usize;
    while let Some(head) = bytes.get(at..at + FRAME_HEAD) {
        match whole_frame(head, &bytes[at..], seed) {
            Some((index, frame)) => {
                frames.insert(index, frame.to_vec());
                at += frame.len();
            }
            None => at += 8,
        }
    }
    Ok(Some(Left { header, frames }))
}

fn whole_frame<'b>(head: &[u8], bytes: &'b [u8], seed: Seed) -> Option<(u64, &'b [u8])> {
    let head = FrameHead::decode(head.first_chunk()?, seed)?;
    let frame = bytes.get(..usize::try_from(head.frame_length()).ok()?)?;
    head.fits(frame, seed).then_some((head.index, frame))
}

/// Removes a stage that was left and is not needed any more.
pub(super) fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(STAGE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

const STAGE: &str = "stage";
/// The number in the header of a stage.
pub(super) const STAGE_NUMBER: u64 = u64::MAX;
/// Written in pieces of this size, because the page cache keeps what is written at once together, and on ext4 every later
/// write to it pays for all of it: in one piece of 4 MiB, a write of 500 bytes takes six times as long.
static ZEROS: [u8; 16 << 10] = [0; 16 << 10];
