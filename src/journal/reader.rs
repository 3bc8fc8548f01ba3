//! Reading a journal in order, beside its appender.

use std::{fmt, fs::File, io, ops::Range, sync::Arc};

use super::{
    error::ReadError,
    log::Shared,
    options::{FrameIndex, FrameKind},
    scan::{End, Scanned, Scanner, Source},
    segment::Segment,
    writer::Located,
};

/// One frame, as it was appended.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// Its number.
    pub index: FrameIndex,
    /// Its kind.
    pub kind: FrameKind,
    /// Its content.
    pub payload: &'a [u8],
    /// What [`Journal::open`](super::Journal::open) was given when this frame was appended.
    pub meta: &'a Arc<[u8]>,
}

/// Frames that are missing, bytes that are no frame, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// Number of the segment.
    pub segment: u64,
    /// Where in the segment the damage begins.
    pub offset: u64,
    /// Bytes that are damaged; 0 where frames are missing and no bytes stand in their place.
    pub bytes: u64,
    /// Indices that no frame was found for; may be empty.
    pub missing: Range<FrameIndex>,
}

/// What comes next in a journal.
#[derive(Debug)]
pub enum Entry<'a> {
    /// Something that cannot be read, in the place where it stood.
    Damage(Damage),
    /// A frame.
    Frame(Frame<'a>),
}

/// A position in a journal from which frames are read in order.
///
/// Readers are independent of each other and of the [`Journal`](super::Journal), may live on any thread, and read on after
/// rotation. Frames that are released before a reader comes to them are skipped without a word. What is reported is a
/// pure function of what is on disk: another reader reports the same frames and damages.
pub struct Reader {
    shared: Arc<Shared>,
    expected: u64,
    place: Option<Place>,
}

struct Place {
    segment: Arc<Segment>,
    scanner: Scanner,
    end: End,
    /// The version of the catalogue that `end` is from.
    version: u64,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, from: FrameIndex) -> Self {
        Self {
            shared,
            expected: from.0,
            place: None,
        }
    }

    /// The index that comes next.
    pub fn position(&self) -> FrameIndex {
        FrameIndex(self.expected)
    }

    /// Reads the next frame with an index below `below`, or the damage in its place; None if there is none yet.
    ///
    /// Pass [`Journal::durable`](super::Journal::durable) for frames that are on disk. A bound beyond
    /// [`Journal::written`](super::Journal::written) counts as that.
    ///
    /// # Errors
    /// [`ReadError::Io`] if reading fails. The reader stays where it is.
    pub fn next(&mut self, below: FrameIndex) -> Result<Option<Entry<'_>>, ReadError> {
        let below = below.0.min(self.shared.written());
        while self.expected < below {
            if let Some(entry) = self.step()? {
                return Ok(Some(match entry {
                    Step::Damage(damage) => Entry::Damage(damage),
                    Step::Frame {
                        index,
                        kind,
                        payload,
                    } => Entry::Frame(self.frame(index, kind, payload)),
                }));
            }
        }
        Ok(None)
    }

    fn frame(&self, index: u64, kind: u8, payload: Range<usize>) -> Frame<'_> {
        let place = self
            .place
            .as_ref()
            .expect("a step that finds a frame leaves its place");
        Frame {
            index: FrameIndex(index),
            kind: FrameKind(kind),
            payload: place.scanner.payload(payload),
            meta: &place.segment.header.meta,
        }
    }

    /// One step of the scanner, or of finding the segment to scan.
    fn step(&mut self) -> Result<Option<Step>, ReadError> {
        let version = self.shared.catalogue_version();
        let Some(place) = self.place.as_mut().filter(|place| place.version == version) else {
            return self.settle(version);
        };
        let number = place.segment.number();
        let scanned = place
            .scanner
            .next(place.end)
            .map_err(|source| ReadError::Io {
                segment: number,
                source,
            })?;
        match scanned {
            Scanned::End => self.settle(version),
            Scanned::Frame { index, .. } if index < self.expected => Ok(None),
            Scanned::Frame {
                index,
                kind,
                payload,
            } => {
                self.expected = index + 1;
                Ok(Some(Step::Frame {
                    index,
                    kind,
                    payload,
                }))
            }
            Scanned::Damage { missing, .. }
                if missing.end <= self.expected && missing.start < self.expected =>
            {
                Ok(None)
            }
            Scanned::Damage {
                offset,
                bytes,
                missing,
            } => {
                let missing = missing.start.max(self.expected)..missing.end;
                self.expected = self.expected.max(missing.end);
                Ok(Some(Step::Damage(damage(number, offset, bytes, missing))))
            }
        }
    }

    /// Finds where the next frame is, or how much further the segment goes by now.
    fn settle(&mut self, version: u64) -> Result<Option<Step>, ReadError> {
        if self.expected >= self.shared.writer().landed() {
            let landed = self.shared.land_all();
            landed.map_err(|(segment, source)| ReadError::Io { segment, source })?;
        }
        let (segment, end, handle) = match self.shared.writer().locate(self.expected) {
            Located::Released(first) => {
                self.expected = first;
                return Ok(None);
            }
            Located::Segment(segment, end, handle) => (segment, end, handle),
        };
        if let Some(place) = self
            .place
            .as_mut()
            .filter(|place| place.segment.number() == segment.number())
        {
            place.end = end;
            place.version = version;
            return Ok(None);
        }
        match handle.map_or_else(|| File::open(&segment.path).map(Arc::new), Ok) {
            Ok(file) => {
                let scanner = Scanner::new(Source::File(file), &segment.header);
                self.place = Some(Place {
                    segment,
                    scanner,
                    end,
                    version,
                });
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(self.vanished(&segment, end))
            }
            Err(source) => Err(ReadError::Io {
                segment: segment.number(),
                source,
            }),
        }
    }

    /// A segment without a file: given up since it was looked up, or deleted by somebody else, which is damage.
    fn vanished(&mut self, segment: &Segment, end: End) -> Option<Step> {
        let still_in_force = match self.shared.writer().locate(self.expected) {
            Located::Released(_) => false,
            Located::Segment(found, ..) => found.number() == segment.number(),
        };
        let missing = self.expected..end.index.unwrap_or(self.expected);
        if !still_in_force {
            return None;
        }
        self.place = None;
        self.expected = missing.end;
        Some(Step::Damage(damage(segment.number(), 0, 0, missing)))
    }
}

/// An entry that borrows nothing.
enum Step {
    Damage(Damage),
    Frame {
        index: u64,
        kind: u8,
        payload: Range<usize>,
    },
}

/// Damage in terms of the public types.
pub(super) fn damage(segment: u64, offset: u64, bytes: u64, missing: Range<u64>) -> Damage {
    Damage {
        segment,
        offset,
        bytes,
        missing: FrameIndex(missing.start)..FrameIndex(missing.end),
    }
}

impl fmt::Debug for Reader {
    /// Shows where it is, never content.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reader")
            .field("position", &self.expected)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Frame<'_> {
    /// Shows the size of the content, never the content.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Frame")
            .field("index", &self.index)
            .field("kind", &self.kind)
            .field("payload_bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}
