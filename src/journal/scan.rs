//! Walks the frames of one segment, past whatever is damaged. Readers and recovery both walk with it.

use std::{fs::File, io, ops::Range, os::unix::fs::FileExt, sync::Arc};

use super::format::{FRAME_HEAD, FRAME_MIN, FrameHead, HEADER_AREA, Header, Seed, data_start};

/// Where a segment's bytes come from.
pub(super) enum Source {
    Bytes(Arc<[u8]>),
    File(Arc<File>),
}

/// How far a segment goes, as far as is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// Where its bytes end.
    pub(super) offset: u64,
    /// Where the last of its bytes stands that is not zero, or anything up to `offset` where that is not known: no frame
    /// begins behind it.
    pub(super) content: u64,
    /// The index at which it ends; None if nothing proves one, as behind the last frame that a crash left.
    pub(super) index: Option<u64>,
}

/// What a step came upon.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scanned {
    /// Bytes that are no frame, or frames that are missing, or both.
    Damage {
        offset: u64,
        bytes: u64,
        missing: Range<u64>,
    },
    /// Nothing more up to the given end; what lies between the scanner's position and the end is no frame.
    End,
    /// A whole frame; its payload is at this place in the window.
    Frame {
        index: u64,
        kind: u8,
        payload: Range<usize>,
    },
}

/// Has no `Debug`: its window holds content.
pub(super) struct Scanner {
    source: Source,
    seed: Seed,
    position: u64,
    expected: u64,
    window: Vec<u8>,
    window_start: u64,
}

impl Scanner {
    /// Walks from the first frame of the segment that has this header.
    pub(super) fn new(source: Source, header: &Header) -> Self {
        Self {
            source,
            seed: Seed::of(header.nonce),
            position: data_start(header.meta.len()),
            expected: header.first,
            window: Vec::new(),
            window_start: 0,
        }
    }

    /// Where the next step begins: the end of the last frame or damage.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The index of the next frame.
    pub(super) fn expected(&self) -> u64 {
        self.expected
    }

    /// A payload of the last step.
    pub(super) fn payload(&self, place: Range<usize>) -> &[u8] {
        &self.window[place]
    }

    /// One step towards `end`, which may move between steps, but never back.
    pub(super) fn next(&mut self, end: End) -> io::Result<Scanned> {
        if end.index.is_some_and(|index| self.expected >= index) {
            return Ok(Scanned::End);
        }
        match self.frame_at(self.position, end.offset)? {
            Some(head) if head.index == self.expected => Ok(self.take(head)),
            _ => self.search(end),
        }
    }

    fn take(&mut self, head: FrameHead) -> Scanned {
        let start = (self.position - self.window_start) as usize + FRAME_HEAD;
        self.position += head.frame_length();
        self.expected = head.index + 1;
        Scanned::Frame {
            index: head.index,
            kind: head.kind,
            payload: start..start + head.payload_length as usize,
        }
    }

    /// Looks for the next frame behind something that is none.
    fn search(&mut self, end: End) -> io::Result<Scanned> {
        let (offset, expected) = (self.position, self.expected);
        let limit = end.index.unwrap_or(u64::MAX);
        for candidate in (offset + 8..end.content).step_by(8) {
            let most_missing = (candidate - offset) / FRAME_MIN;
            let Some(head) = self.frame_at(candidate, end.offset)? else {
                continue;
            };
            if head.index >= expected && head.index - expected <= most_missing && head.index < limit
            {
                self.position = candidate;
                self.expected = head.index;
                return Ok(Scanned::Damage {
                    offset,
                    bytes: candidate - offset,
                    missing: expected..head.index,
                });
            }
        }
        let Some(limit) = end.index else {
            return Ok(Scanned::End);
        };
        self.position = end.content.max(offset);
        self.expected = limit;
        Ok(Scanned::Damage {
            offset,
            bytes: self.position - offset,
            missing: expected..limit,
        })
    }

    /// The frame at an offset, if a whole one is there; the window then holds all of it.
    fn frame_at(&mut self, offset: u64, end: u64) -> io::Result<Option<FrameHead>> {
        let seed = self.seed;
        let Some(bytes) = self.view(offset, FRAME_HEAD as u64, end)? else {
            return Ok(None);
        };
        let Some(head) = bytes
            .first_chunk()
            .and_then(|bytes| FrameHead::decode(bytes, seed))
        else {
            return Ok(None);
        };
        let frame = self.view(offset, head.frame_length(), end)?;
        Ok(frame
            .is_some_and(|frame| head.fits(frame, seed))
            .then_some(head))
    }

    /// The bytes at an offset; None if they are not all there.
    fn view(&mut self, offset: u64, length: u64, end: u64) -> io::Result<Option<&[u8]>> {
        if offset.checked_add(length).is_none_or(|stop| stop > end) {
            return Ok(None);
        }
        let held = self.window_start + self.window.len() as u64;
        if offset < self.window_start || offset + length > held {
            self.fill(offset, length.max(WINDOW.min(end - offset)) as usize)?;
        }
        let start = (offset - self.window_start) as usize;
        Ok(self.window.get(start..start + length as usize))
    }

    fn fill(&mut self, offset: u64, length: usize) -> io::Result<()> {
        self.window.resize(length, 0);
        self.window_start = offset;
        let mut filled = 0;
        let result = loop {
            match self
                .source
                .read_at(&mut self.window[filled..], offset + filled as u64)
            {
                Ok(0) => break Ok(()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.window.truncate(filled);
        result
    }
}

impl Source {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read_at(buffer, offset),
            Self::Bytes(bytes) => {
                let rest = usize::try_from(offset)
                    .ok()
                    .and_then(|offset| bytes.get(offset..))
                    .unwrap_or(&[]);
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
        }
    }
}

/// Walks arbitrary bytes as if they were a segment and returns the number of frames, for fuzzers: whatever the bytes, it
/// neither fails nor panics.
#[doc(hidden)]
pub fn scan_bytes(bytes: &[u8]) -> u64 {
    let Ok(header) = Header::decode(&bytes[..bytes.len().min(HEADER_AREA)]) else {
        return 0;
    };
    let mut scanner = Scanner::new(Source::Bytes(bytes.into()), &header);
    let end = End {
        offset: bytes.len() as u64,
        content: bytes.len() as u64,
        index: None,
    };
    let mut frames = 0;
    while let Ok(Scanned::Damage { .. } | Scanned::Frame { .. }) =
        scanner.next(end).inspect(|step| {
            frames += u64::from(matches!(step, Scanned::Frame { .. }));
        })
    {}
    frames
}

/// Bytes read at once.
const WINDOW: u64 = 64 << 10;
