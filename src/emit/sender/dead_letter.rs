//! Dead letters: records that a receiver refused for good, kept with its words.
//!
//! Below one root, which is the owner's alone (0700), a directory for each signal of each process that had to put
//! something aside: `logs-<stream id>`, `traces-<stream id>`. Each is a [journal](crate::journal) with frames of kind 1
//! and the meta `llm-audit dead letters`. It is made with the first letter, and is locked only while letters are being
//! put in or read. A letter is on disk before the record counts as done with; it may be there twice, after a crash in
//! between or a failed write. Nothing is ever deleted here: who has dealt with the letters removes the directory.
//!
//! # Format, version 1
//!
//! A frame's payload, integers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0 | version: 1 |
//! | 1 | signal: 1 logs, 2 traces |
//! | 2..6 | gRPC code of the refusal, or from 100 on the status of HTTP, signed; 0 where it was a `partial_success` |
//! | 6..14 | when it was refused, nanoseconds since the Unix epoch |
//! | 14..18, then so many | length, and the receiver's words in UTF-8, at most 1,024 bytes of them; they may repeat what was sent |
//! | 4, then so many | length, and the meta of the spool's segment: who emitted the record |
//! | up to the end | the record: the payload of the spool's frame, and behind it the rows that complete its record, number and code |

#[cfg(any(feature = "cli", test))]
mod read;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(any(feature = "cli", test))]
pub(crate) use self::read::{DeadLetter, dead_letters};
use super::verdict::Refusal;

use crate::clock::Clock;
use crate::journal::{
    AppendError, FrameKind, Journal, JournalError, JournalOptions, Room, SyncError,
};
use crate::record::{StreamId, Timestamp};
use crate::semconv::Signal;

/// Where one signal of this process puts what was refused.
#[derive(Debug)]
pub(super) struct DeadLetterBox {
    path: PathBuf,
    signal: Signal,
    clock: Arc<Clock>,
    journal: Option<Journal>,
    segment_bytes: u64,
}

/// Why a letter could not be put aside.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeadLetterError {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Sync(#[from] SyncError),
}

impl DeadLetterBox {
    pub(super) fn new(root: &Path, signal: Signal, stream: StreamId, clock: Arc<Clock>) -> Self {
        Self {
            path: root.join(format!("{}-{stream}", signal.as_str())),
            signal,
            clock,
            journal: None,
            segment_bytes: SEGMENT_BYTES,
        }
    }

    /// Puts records aside. When it returns they are on disk.
    pub(super) fn keep(
        &mut self,
        refusal: &Refusal,
        meta: &[u8],
        payloads: impl Iterator<Item = impl AsRef<[u8]>>,
    ) -> Result<(), DeadLetterError> {
        let now = self.clock.now();
        let mut letter = Vec::new();
        for payload in payloads {
            let payload = payload.as_ref();
            write(&mut letter, (self.signal, now), refusal, meta, payload);
            self.append(&letter)?;
        }
        self.open()?.sync()?;
        Ok(())
    }

    /// Gives up the lock, so that others may read what is in it.
    pub(super) fn close(&mut self) {
        self.journal = None;
    }

    fn append(&mut self, letter: &[u8]) -> Result<(), DeadLetterError> {
        loop {
            match self.open()?.append(LETTER, letter, Room::Free) {
                Err(AppendError::TooLarge { .. }) if self.segment_bytes < SEGMENT_BYTES_MOST => {
                    self.close();
                    self.segment_bytes *= 2;
                }
                appended => return Ok(appended.map(|_| ())?),
            }
        }
    }

    fn open(&mut self) -> Result<&Journal, DeadLetterError> {
        if self.journal.is_none() {
            self.journal = Some(open(&self.path, self.segment_bytes, &self.clock)?);
        }
        Ok(self
            .journal
            .as_ref()
            .expect("it has been opened on the line above"))
    }
}

fn open(path: &Path, segment_bytes: u64, clock: &Clock) -> Result<Journal, DeadLetterError> {
    if let Some(root) = path.parent() {
        make_private(root).map_err(|source| JournalError::Io {
            action: "make",
            path: root.to_owned(),
            source,
        })?;
    }
    let options = JournalOptions {
        segment_bytes,
        capacity_bytes: CAPACITY_BYTES,
        writing: crate::journal::Writing::Calls,
    };
    let nonce = u64::from_le_bytes(clock.random());
    let (journal, _) = Journal::open(path, options, META, nonce)?;
    Ok(journal)
}

fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

fn write(
    letter: &mut Vec<u8>,
    (signal, now): (Signal, Timestamp),
    refusal: &Refusal,
    meta: &[u8],
    payload: &[u8],
) {
    let words = clip(&refusal.words);
    letter.clear();
    letter.extend_from_slice(&[VERSION, number(signal)]);
    letter.extend_from_slice(&refusal.code.to_le_bytes());
    letter.extend_from_slice(&now.unix_nanos().to_le_bytes());
    for part in [words.as_bytes(), meta] {
        let length = u32::try_from(part.len()).expect("words and metas are shorter than 4 GiB");
        letter.extend_from_slice(&length.to_le_bytes());
        letter.extend_from_slice(part);
    }
    letter.extend_from_slice(payload);
}

/// As many whole characters as fit.
fn clip(words: &str) -> &str {
    let end = (0..=WORDS_BYTES.min(words.len()))
        .rev()
        .find(|end| words.is_char_boundary(*end));
    &words[..end.unwrap_or(0)]
}

fn number(signal: Signal) -> u8 {
    match signal {
        Signal::Logs => 1,
        Signal::Traces => 2,
    }
}

const VERSION: u8 = 1;
const LETTER: FrameKind = FrameKind(1);
const META: &[u8] = b"llm-audit dead letters";
const WORDS_BYTES: usize = 1024;
/// A letter can be as large as a frame of the spool; a box whose segments are too small for one goes on with larger ones.
const SEGMENT_BYTES: u64 = 4 << 20;
const SEGMENT_BYTES_MOST: u64 = 512 << 20;
const CAPACITY_BYTES: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(words: &str) -> Refusal {
        Refusal {
            code: 3,
            words: words.to_owned(),
        }
    }

    fn clock() -> Arc<Clock> {
        Arc::new(Clock::fixed(Timestamp::from_unix_nanos(0x0102)))
    }

    fn a_box(root: &Path) -> DeadLetterBox {
        let clock = clock();
        DeadLetterBox::new(root, Signal::Traces, clock.stream_id(), clock)
    }

    #[test]
    fn the_letter_is_frozen() {
        let mut letter = Vec::new();
        let now = Timestamp::from_unix_nanos(0x0102);
        write(
            &mut letter,
            (Signal::Traces, now),
            &refusal("no"),
            b"who",
            b"record",
        );
        let golden = [
            &[1, 2, 3, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0][..],
            b"\x02\0\0\0no",
            b"\x03\0\0\0who",
            b"record",
        ];
        assert_eq!(letter, golden.concat());
        let read = DeadLetter::read(&letter).unwrap();
        assert_eq!(
            (read.signal, read.code, read.refused, read.words.as_str()),
            (Signal::Traces, 3, now, "no")
        );
        assert_eq!(
            (read.meta, read.payload),
            (b"who".to_vec(), b"record".to_vec())
        );
    }

    #[test]
    fn letters_of_other_versions_and_short_ones_are_not_read() {
        let mut letter = Vec::new();
        let now = Timestamp::from_unix_nanos(1);
        write(
            &mut letter,
            (Signal::Logs, now),
            &refusal("no"),
            b"who",
            b"",
        );
        for length in 0..letter.len() {
            assert!(DeadLetter::read(&letter[..length]).is_none());
        }
        letter[1] = 3;
        assert!(DeadLetter::read(&letter).is_none());
        letter[..2].copy_from_slice(&[2, 1]);
        assert!(DeadLetter::read(&letter).is_none());
    }

    #[test]
    fn letters_are_there_for_whoever_reads_the_root_later() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().join("dead");
        let mut letters = a_box(&root);
        assert!(!root.exists(), "nothing is made before there is a letter");
        let first = [&b"one"[..], b"two"];
        letters
            .keep(
                &refusal("é".repeat(1000).as_str()),
                b"who",
                first.into_iter(),
            )
            .unwrap();
        let locked = dead_letters(&root, &clock());
        assert_eq!((locked.letters.len(), locked.unread.len()), (0, 1));
        letters.close();
        letters
            .keep(&refusal("no"), b"who", [&b"three"[..]].into_iter())
            .unwrap();
        drop(letters);
        let found = dead_letters(&root, &clock());
        let payloads: Vec<&[u8]> = found
            .letters
            .iter()
            .map(|letter| &*letter.payload)
            .collect();
        assert_eq!(payloads, [&b"one"[..], b"two", b"three"]);
        assert_eq!(found.letters[0].words, "é".repeat(512));
        assert!(found.unread.is_empty());
        assert!(!format!("{found:?}").contains("three"));
    }

    #[test]
    fn a_letter_larger_than_a_segment_gets_a_larger_segment() {
        let root = tempfile::tempdir().unwrap();
        let mut letters = a_box(root.path());
        let large = vec![7; 9 << 20];
        letters
            .keep(&refusal("too large"), b"who", [&large[..]].into_iter())
            .unwrap();
        drop(letters);
        let found = dead_letters(root.path(), &clock());
        assert!(found.letters[0].payload == large);
    }

    #[test]
    fn where_nothing_was_refused_there_is_nothing() {
        let root = tempfile::tempdir().unwrap();
        let found = dead_letters(&root.path().join("absent"), &clock());
        assert_eq!((found.letters.len(), found.unread.len()), (0, 0));
    }
}
