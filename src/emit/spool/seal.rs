//! Seals: the authentication codes of final records, in frames of their own behind them.
//!
//! Whoever ends a call appends its record and goes on. Before the lane is made durable, whoever makes it durable seals
//! it: reads back what was appended, derives the canonical bytes of every final record, and appends their codes. So what
//! is durable is sealed, with one exception: a seal takes free room only, never what is reserved for the end of a call,
//! and where it finds none, the records stay without. Whoever reads a record that no seal covers makes its code by itself,
//! with its own keyring. That is so for records
//!
//! * for whose seal a full spool had no room,
//! * of a process that was killed before it sealed them: the one that takes its lane over seals what stands behind the last
//!   seal.
//!
//! Whoever takes a lane over says in a record of the event `recovery` how many records of both sorts it found, where it
//! found any: `{"unsealed": 12}`. At 5 ms between two fsyncs these are few. A trail that tells of thousands, of a spool that
//! was not full, is suspicious: until records are sealed, whoever can write to the spool's directory could have put them
//! there.
//!
//! # What a seal's frame holds, version 1
//!
//! | bytes | what |
//! |---|---|
//! | 0 | version: 1 |
//! | 1 | length of the key's name, 1 to 32 |
//! | 2, then so many | name of the key that the codes are made with |
//! | 8 | number of the first record, little-endian |
//! | 32 each, up to the end | HMAC-SHA256 over the canonical bytes of the records with this number, the next one, and so on: 1 to 256 of them |
//!
//! Seals go by the records' numbers and not by their frames' indices, so that a frame that is damaged makes no difference
//! to the others. They come in the order of the records, each behind the records that it covers.

use std::fmt;
use std::sync::Arc;

use super::frame::{FINAL, Frame, KnownOrigin, SEAL};
use crate::journal::{self, Entry, FrameIndex, Journal, Reader, Room};
use crate::record::keyring::Keyring;
use crate::semconv;

/// What a seal's frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seal<'a> {
    key: &'a str,
    first: u64,
    codes: &'a [[u8; CODE]],
}

impl<'a> Seal<'a> {
    /// Reads a payload; `None` where it is of no version known here.
    pub(super) fn read(payload: &'a [u8]) -> Option<Self> {
        let (&[version, length], rest) = payload.split_first_chunk()?;
        let (key, rest) = rest.split_at_checked(usize::from(length))?;
        let (first, codes) = rest.split_first_chunk()?;
        let (codes, rest) = codes.as_chunks();
        let whole = rest.is_empty() && !codes.is_empty();
        (version == VERSION && whole).then_some(Self {
            key: std::str::from_utf8(key).ok()?,
            first: u64::from_le_bytes(*first),
            codes,
        })
    }

    /// The numbers of the records that it covers.
    pub(super) fn numbers(&self) -> std::ops::Range<u64> {
        self.first..self.first.saturating_add(self.codes.len() as u64)
    }
}

/// Makes the seals of a lane.
pub(super) struct Sealer {
    /// Behind what is sealed.
    reader: Reader,
    origin: KnownOrigin,
    canonical: Vec<u8>,
    /// The payload of the seal that is being made, and the number of the next record that it takes.
    payload: Vec<u8>,
    next: u64,
}

impl Sealer {
    /// Whatever stands below `from` is sealed, or stays unsealed.
    pub(super) fn new(journal: &Journal, from: FrameIndex) -> Self {
        Self {
            reader: journal.reader(from),
            origin: KnownOrigin::default(),
            canonical: Vec::new(),
            payload: Vec::new(),
            next: 0,
        }
    }

    /// Seals what was appended so far, and returns the bound below which all is sealed that will be.
    pub(super) fn seal(&mut self, journal: &Journal, keys: &Keyring) -> FrameIndex {
        let written = journal.written();
        let mut bound = written;
        // What cannot be read back now is tried again with what comes next, and sealed by its readers until then.
        while let Ok(Some(entry)) = self.reader.next(written) {
            let Entry::Frame(found) = entry else { continue };
            let Some(frame) = Frame::read(found.payload).filter(|_| found.kind == FINAL) else {
                continue;
            };
            let (Some(seq), Some(origin)) = (frame.seq, self.origin.of(found.meta)) else {
                continue;
            };
            let service = origin.service.as_ref();
            if semconv::write_canonical(frame.rows, service, seq, &mut self.canonical) {
                let code = keys.code(&self.canonical);
                if self.next != seq || self.payload.len() >= PAYLOAD_MOST {
                    append(&mut self.payload, journal, &mut bound);
                }
                if self.payload.is_empty() {
                    begin(&mut self.payload, keys.mac_key().as_str(), seq);
                }
                self.payload.extend_from_slice(&code);
                self.next = seq + 1;
            }
        }
        append(&mut self.payload, journal, &mut bound);
        self.canonical.shrink_to(CANONICAL_KEPT);
        bound
    }
}

fn begin(payload: &mut Vec<u8>, key: &str, first: u64) {
    let length = u8::try_from(key.len()).expect("the name of a key has at most 32 characters");
    payload.extend_from_slice(&[VERSION, length]);
    payload.extend_from_slice(key.as_bytes());
    payload.extend_from_slice(&first.to_le_bytes());
}

/// Appends the seal, if there is one. A bound that all frames stand below is raised above the seal too, so that nothing
/// is left to be done when nobody appends any more.
fn append(payload: &mut Vec<u8>, journal: &Journal, bound: &mut FrameIndex) {
    if payload.is_empty() {
        return;
    }
    // Without room, or with a disk that fails, the readers make the codes.
    if let Ok(index) = journal.append(SEAL, payload, Room::Free)
        && index == *bound
    {
        bound.0 += 1;
    }
    payload.clear();
}

/// The numbers and codes of a lane's final records, for one who reads these records in order: a reader of its own that
/// runs ahead to the next seal.
pub(crate) struct Codes {
    ahead: Reader,
    /// The seal that was come upon last.
    payload: Vec<u8>,
    keys: Arc<Keyring>,
    origin: KnownOrigin,
    canonical: Vec<u8>,
    /// The code that was made last.
    made: [u8; CODE],
}

impl Codes {
    pub(super) fn new(ahead: Reader, keys: Arc<Keyring>) -> Self {
        Self {
            ahead,
            payload: Vec::new(),
            keys,
            origin: KnownOrigin::default(),
            canonical: Vec::new(),
            made: [0; CODE],
        }
    }

    /// What completes this final record: the code that a seal below `below` holds, or one that is made here. None where the
    /// frame is no final record of a version that is known here.
    ///
    /// A seal stands behind what was appended while it was made, and so often behind the bound of what is durable: pass
    /// that of what is written, or codes are made twice.
    pub(crate) fn seal(
        &mut self,
        found: &journal::Frame<'_>,
        below: FrameIndex,
    ) -> Option<semconv::Seal<'_>> {
        let frame = Frame::read(found.payload)?;
        let seq = frame.seq?;
        if !self.is_sealed(seq, below) {
            let service = self.origin.of(found.meta)?.service.as_ref();
            if !semconv::write_canonical(frame.rows, service, seq, &mut self.canonical) {
                return None;
            }
            self.made = self.keys.code(&self.canonical);
            let key = self.keys.mac_key().as_str();
            let code = &self.made;
            return Some(semconv::Seal { seq, key, code });
        }
        let seal = Seal::read(&self.payload)?;
        let place = usize::try_from(seq.checked_sub(seal.first)?).ok()?;
        let (key, code) = (seal.key, seal.codes.get(place)?);
        Some(semconv::Seal { seq, key, code })
    }

    /// Whether a seal holds the code of a record; it is in hand then. Where reading ahead fails, it is as if there were none:
    /// the one who reads the records comes upon the same fault, and tells it.
    fn is_sealed(&mut self, seq: u64, below: FrameIndex) -> bool {
        while Seal::read(&self.payload).is_none_or(|seal| seal.numbers().end <= seq) {
            match self.ahead.next(below) {
                Ok(Some(Entry::Frame(found))) if found.kind == SEAL => {
                    self.payload.clear();
                    self.payload.extend_from_slice(found.payload);
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return false,
            }
        }
        Seal::read(&self.payload).is_some_and(|seal| seal.numbers().contains(&seq))
    }
}

impl fmt::Debug for Sealer {
    /// Shows where it is, never content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("reader", &self.reader)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Codes {
    /// Shows where it is, never content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codes")
            .field("ahead", &self.ahead)
            .finish_non_exhaustive()
    }
}

const VERSION: u8 = 1;
/// Bytes of a code.
const CODE: usize = 32;
/// Bytes from which on a seal takes no more codes: it never has more than 256 of them.
const PAYLOAD_MOST: usize = 256 * CODE;
/// Room for canonical bytes that stays allocated.
const CANONICAL_KEPT: usize = 64 << 10;

#[cfg(test)]
mod tests;
