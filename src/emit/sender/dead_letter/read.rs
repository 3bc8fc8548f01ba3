//! Reading what was put aside.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{DeadLetterError, LETTER, SEGMENT_BYTES, VERSION, number, open};
use crate::clock::Clock;
use crate::journal::{Entry, JournalError, ReadError};
use crate::record::Timestamp;
use crate::semconv::Signal;

/// A record that was refused for good.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DeadLetter {
    /// What it was sent as.
    pub(crate) signal: Signal,
    /// The gRPC code of the refusal, or from 100 on the status of HTTP; 0 where it was a part of success.
    pub(crate) code: i32,
    /// When it was refused.
    pub(crate) refused: Timestamp,
    /// The receiver's words, which may repeat what was sent and hold control characters.
    pub(crate) words: String,
    /// The meta of the spool's segment.
    pub(crate) meta: Vec<u8>,
    /// The payload of the spool's frame.
    pub(crate) payload: Vec<u8>,
}

/// What the boxes below a root hold.
#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    /// In each box in the order in which they were refused.
    pub(crate) letters: Vec<DeadLetter>,
    /// Boxes that are in use, or damaged, and were not read to the end.
    pub(crate) unread: Vec<PathBuf>,
    /// What the system would not let us read: the root itself or boxes below it, with its words.
    pub(crate) barred: Vec<(PathBuf, String)>,
}

/// Why a box could not be read.
#[derive(Debug, thiserror::Error)]
enum ReadBoxError {
    #[error(transparent)]
    Open(#[from] DeadLetterError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{bytes} bytes of it are damaged, or of a version that is not known here")]
    Unknown { bytes: u64 },
}

impl ReadBoxError {
    /// What the system said, where it is what stands in the way.
    fn of_system(&self) -> Option<String> {
        match self {
            Self::Open(DeadLetterError::Journal(error @ JournalError::Io { .. })) => {
                Some(error.to_string())
            }
            Self::Read(error @ ReadError::Io { .. }) => Some(error.to_string()),
            _ => None,
        }
    }
}

/// Reads all letters below `root`, of which there are none where it does not exist. Those that are just being written to are
/// among the `unread`.
pub(crate) fn dead_letters(root: &Path, clock: &Clock) -> DeadLetters {
    let mut found = DeadLetters::default();
    let boxes = match boxes(root) {
        Ok(boxes) => boxes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return found,
        Err(error) => {
            found.barred.push((root.to_owned(), error.to_string()));
            return found;
        }
    };
    for path in boxes {
        match read_box(&path, clock, &mut found.letters) {
            Ok(()) => {}
            Err(error) => match error.of_system() {
                Some(words) => found.barred.push((path, words)),
                None => found.unread.push(path),
            },
        }
    }
    found
}

fn boxes(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut boxes = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            boxes.push(entry.path());
        }
    }
    boxes.sort();
    Ok(boxes)
}

fn read_box(path: &Path, clock: &Clock, letters: &mut Vec<DeadLetter>) -> Result<(), ReadBoxError> {
    let journal = open(path, SEGMENT_BYTES, clock)?;
    let mut reader = journal.reader(journal.first());
    let mut unknown = 0;
    while let Some(entry) = reader.next(journal.durable())? {
        match entry {
            Entry::Damage(damage) => unknown += damage.bytes.max(1),
            Entry::Frame(frame) => match DeadLetter::read(frame.payload) {
                Some(letter) if frame.kind == LETTER => letters.push(letter),
                _ => unknown += frame.payload.len() as u64,
            },
        }
    }
    match unknown {
        0 => Ok(()),
        bytes => Err(ReadBoxError::Unknown { bytes }),
    }
}

impl DeadLetter {
    /// Reads a frame's payload; `None` where it is of no version known here.
    pub(super) fn read(letter: &[u8]) -> Option<Self> {
        let (&[version, signal], rest) = letter.split_first_chunk()?;
        let (code, rest) = rest.split_first_chunk()?;
        let (nanos, rest) = rest.split_first_chunk()?;
        let (words, rest) = part(rest)?;
        let (meta, payload) = part(rest)?;
        let signal = [Signal::Logs, Signal::Traces]
            .into_iter()
            .find(|known| number(*known) == signal)?;
        (version == VERSION).then_some(Self {
            signal,
            code: i32::from_le_bytes(*code),
            refused: Timestamp::from_unix_nanos(u64::from_le_bytes(*nanos)),
            words: String::from_utf8(words.to_vec()).ok()?,
            meta: meta.to_vec(),
            payload: payload.to_vec(),
        })
    }
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

impl fmt::Debug for DeadLetter {
    /// Shows sizes in place of words and content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter")
            .field("signal", &self.signal)
            .field("code", &self.code)
            .field("refused", &self.refused)
            .field("words_bytes", &self.words.len())
            .field("payload_bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}
