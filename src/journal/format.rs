//! The bytes of headers, frames and cursors; specified in the [room's documentation](super).

use std::sync::Arc;

use crc32fast::Hasher;

/// What the first bytes of a segment say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) number: u64,
    pub(super) first: u64,
    pub(super) nonce: u64,
    pub(super) meta: Arc<[u8]>,
}

/// Why the first bytes of a segment say nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderFlaw {
    /// Zeros or nothing: the header was never written, or never reached the disk.
    Blank,
    /// Ours by its magic, and wrong.
    Damaged,
    /// Not ours.
    Foreign,
    /// Of a version that this program does not know.
    Version(u32),
}

impl Header {
    /// Both copies, and all zeros between them.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut copy = Vec::with_capacity(HEADER_BYTES + self.meta.len());
        copy.extend_from_slice(&MAGIC);
        copy.extend_from_slice(&VERSION.to_le_bytes());
        copy.extend_from_slice(&(self.meta.len() as u32).to_le_bytes());
        copy.extend_from_slice(&self.number.to_le_bytes());
        copy.extend_from_slice(&self.first.to_le_bytes());
        copy.extend_from_slice(&self.nonce.to_le_bytes());
        copy.extend_from_slice(&[0; 8]);
        copy.extend_from_slice(&self.meta);
        let check = header_crc(&copy);
        copy[40..44].copy_from_slice(&check.to_le_bytes());

        let mut both = copy.clone();
        both.resize(twin_offset(self.meta.len()), 0);
        both.extend_from_slice(&copy);
        both.resize(data_start(self.meta.len()) as usize, 0);
        both
    }

    /// Reads whichever copy is whole. `start` is the segment's first [`HEADER_AREA`] bytes, or all it has.
    pub(super) fn decode(start: &[u8]) -> Result<Self, HeaderFlaw> {
        let primary = Self::decode_copy(start);
        if primary.is_ok() {
            return primary;
        }
        let mut flaws = vec![primary];
        for offset in (TWIN_STEP..=TWIN_MAX).step_by(TWIN_STEP) {
            match start.get(offset..).map(Self::decode_copy) {
                Some(Ok(header)) if twin_offset(header.meta.len()) == offset => return Ok(header),
                Some(flaw) => flaws.push(flaw),
                None => break,
            }
        }
        // A damaged version number looks like an unknown version: only without any copy of ours is it believed.
        let has = |wanted: &dyn Fn(HeaderFlaw) -> bool| {
            flaws
                .iter()
                .any(|f| matches!(f, Err(flaw) if wanted(*flaw)))
        };
        if has(&|flaw| flaw == HeaderFlaw::Damaged) {
            return Err(HeaderFlaw::Damaged);
        }
        let unknown = flaws
            .iter()
            .find(|flaw| matches!(flaw, Err(HeaderFlaw::Version(_))));
        unknown
            .or(flaws.first())
            .cloned()
            .unwrap_or(Err(HeaderFlaw::Blank))
    }

    fn decode_copy(bytes: &[u8]) -> Result<Self, HeaderFlaw> {
        let Some(fixed) = bytes.first_chunk::<HEADER_BYTES>() else {
            let ours = bytes.starts_with(&MAGIC);
            return Err(match () {
                () if bytes.iter().all(|byte| *byte == 0) => HeaderFlaw::Blank,
                () if ours || MAGIC.starts_with(bytes) => HeaderFlaw::Damaged,
                () => HeaderFlaw::Foreign,
            });
        };
        if fixed[..8] != MAGIC {
            let blank = fixed.iter().all(|byte| *byte == 0);
            return Err(if blank {
                HeaderFlaw::Blank
            } else {
                HeaderFlaw::Foreign
            });
        }
        let version = u32_at(fixed, 8);
        if version != VERSION {
            return Err(HeaderFlaw::Version(version));
        }
        let meta_length = u32_at(fixed, 12) as usize;
        if meta_length > META_MAX || u32_at(fixed, 44) != 0 {
            return Err(HeaderFlaw::Damaged);
        }
        let copy = bytes
            .get(..HEADER_BYTES + meta_length)
            .ok_or(HeaderFlaw::Damaged)?;
        if header_crc(copy) != u32_at(fixed, 40) {
            return Err(HeaderFlaw::Damaged);
        }
        Ok(Self {
            number: u64_at(fixed, 16),
            first: u64_at(fixed, 24),
            nonce: u64_at(fixed, 32),
            meta: copy[HEADER_BYTES..].into(),
        })
    }
}

/// The nonce as it enters every CRC of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed(u32);

impl Seed {
    pub(super) fn of(nonce: u64) -> Self {
        Self(crc32fast::hash(&nonce.to_le_bytes()))
    }

    fn hasher(self) -> Hasher {
        Hasher::new_with_initial(self.0)
    }
}

/// The first bytes of a frame, which have passed their own check.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameHead {
    pub(super) index: u64,
    pub(super) kind: u8,
    pub(super) payload_length: u32,
    crc: u32,
}

impl FrameHead {
    /// None if these are not the first bytes of a frame.
    pub(super) fn decode(bytes: &[u8; FRAME_HEAD], seed: Seed) -> Option<Self> {
        let head = Self {
            index: u64_at(bytes, 8),
            kind: bytes[16],
            payload_length: u32_at(bytes, 0),
            crc: u32_at(bytes, 4),
        };
        let check = head_check(seed, bytes).finalize().to_le_bytes();
        (check[..3] == bytes[17..20]).then_some(head)
    }

    /// Bytes of the whole frame.
    pub(super) fn frame_length(&self) -> u64 {
        frame_length(u64::from(self.payload_length))
    }

    /// Whether `frame`, all [`Self::frame_length`] bytes of it, is what was written.
    pub(super) fn fits(&self, frame: &[u8], seed: Seed) -> bool {
        let mut hasher = seed.hasher();
        hasher.update(&frame[..4]);
        hasher.update(&frame[8..]);
        hasher.finalize() == self.crc
    }
}

/// Puts one frame into `frame`, which is as long as [`frame_length`] says for the parts of the payload together.
pub(super) fn encode_frame(
    frame: &mut [u8],
    seed: Seed,
    index: u64,
    kind: u8,
    length: u32,
    parts: &[&[u8]],
) {
    let mut checked = [0; 13];
    checked[..4].copy_from_slice(&length.to_le_bytes());
    checked[4..12].copy_from_slice(&index.to_le_bytes());
    checked[12] = kind;
    let mut hasher = seed.hasher();
    hasher.update(&checked);
    let check = hasher.clone().finalize().to_le_bytes();

    let (head, mut rest) = frame.split_at_mut(FRAME_HEAD);
    head[..4].copy_from_slice(&checked[..4]);
    head[8..17].copy_from_slice(&checked[4..]);
    head[17..].copy_from_slice(&check[..3]);
    hasher.update(&check[..3]);
    for part in parts {
        let (place, behind) = rest.split_at_mut(part.len());
        place.copy_from_slice(part);
        hasher.update(part);
        rest = behind;
    }
    rest.fill(0);
    hasher.update(rest);
    head[4..8].copy_from_slice(&hasher.finalize().to_le_bytes());
}

/// Bytes of a frame with this payload.
pub(super) const fn frame_length(payload_length: u64) -> u64 {
    (FRAME_HEAD as u64 + payload_length).next_multiple_of(8)
}

/// Where the frames of a segment begin.
pub(super) const fn data_start(meta_length: usize) -> u64 {
    (twin_offset(meta_length) + HEADER_BYTES + meta_length).next_multiple_of(8) as u64
}

/// The bytes of a cursor.
pub(super) fn encode_cursor(name: &str, index: u64) -> [u8; CURSOR_BYTES] {
    let mut bytes = [0; CURSOR_BYTES];
    bytes[..8].copy_from_slice(&CURSOR_MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..].copy_from_slice(&index.to_le_bytes());
    let crc = cursor_crc(name, &bytes);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// None if the bytes are not those of this cursor.
pub(super) fn decode_cursor(name: &str, bytes: &[u8]) -> Option<u64> {
    let bytes: &[u8; CURSOR_BYTES] = bytes.try_into().ok()?;
    let whole = bytes[..8] == CURSOR_MAGIC
        && u32_at(bytes, 8) == VERSION
        && u32_at(bytes, 12) == cursor_crc(name, bytes);
    whole.then(|| u64_at(bytes, 16))
}

/// What the frame's own CRC goes on from: nonce, length, index and kind.
fn head_check(seed: Seed, frame: &[u8]) -> Hasher {
    let mut hasher = seed.hasher();
    hasher.update(&frame[..4]);
    hasher.update(&frame[8..17]);
    hasher
}

fn header_crc(copy: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&copy[..40]);
    hasher.update(&copy[44..]);
    hasher.finalize()
}

fn cursor_crc(name: &str, bytes: &[u8; CURSOR_BYTES]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(name.as_bytes());
    hasher.update(&bytes[16..]);
    hasher.finalize()
}

const fn twin_offset(meta_length: usize) -> usize {
    (HEADER_BYTES + meta_length).next_multiple_of(TWIN_STEP)
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(number)
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(number)
}

/// The version that this program writes, and the only one it reads.
pub(super) const VERSION: u32 = 1;
/// The longest meta, in bytes.
pub(super) const META_MAX: usize = 64 << 10;
/// Bytes of a frame before its payload.
pub(super) const FRAME_HEAD: usize = 20;
/// Bytes of the shortest frame.
pub(super) const FRAME_MIN: u64 = frame_length(0);
/// Bytes that hold both headers, whatever the meta.
pub(super) const HEADER_AREA: usize = TWIN_MAX + HEADER_BYTES + META_MAX;

const MAGIC: [u8; 8] = *b"\x93JOURNAL";
const CURSOR_MAGIC: [u8; 8] = *b"\x93CURSOR\0";
const HEADER_BYTES: usize = 48;
const CURSOR_BYTES: usize = 24;
const TWIN_STEP: usize = 4096;
const TWIN_MAX: usize = twin_offset(META_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn header() -> Header {
        Header {
            number: 3,
            first: 258,
            nonce: 0x0102_0304_0506_0708,
            meta: (*b"meta!").into(),
        }
    }

    #[test]
    fn a_header_is_these_bytes_twice() {
        let bytes = header().encode();
        let golden = include_str!("testdata/header-v1.hex").trim();
        assert_eq!(bytes.len(), 4096 + 56);
        assert_eq!(hex(&bytes[..53]), golden);
        assert_eq!(hex(&bytes[4096..4096 + 53]), golden);
        assert!(
            bytes[53..4096]
                .iter()
                .chain(&bytes[4096 + 53..])
                .all(|byte| *byte == 0)
        );
        assert_eq!(Header::decode(&bytes), Ok(header()));
    }

    #[test]
    fn a_frame_is_these_bytes() {
        let mut buffer = vec![9; frame_length(13) as usize];
        let seed = Seed::of(header().nonce);
        encode_frame(&mut buffer, seed, 258, 7, 13, &[b"payload ", b"", b"bytes"]);
        assert_eq!(hex(&buffer), include_str!("testdata/frame-v1.hex").trim());
        let head =
            FrameHead::decode(buffer.first_chunk().unwrap(), Seed::of(header().nonce)).unwrap();
        assert_eq!((head.index, head.kind, head.payload_length), (258, 7, 13));
        assert!(head.fits(&buffer, Seed::of(header().nonce)));
        assert!(!head.fits(&buffer, Seed::of(0)));
    }

    #[test]
    fn a_cursor_is_these_bytes() {
        let bytes = encode_cursor("sender", 258);
        assert_eq!(hex(&bytes), include_str!("testdata/cursor-v1.hex").trim());
        assert_eq!(decode_cursor("sender", &bytes), Some(258));
        assert_eq!(decode_cursor("other", &bytes), None);
    }

    #[test]
    fn every_flipped_bit_of_a_frame_is_noticed() {
        let seed = Seed::of(5);
        let mut frame = vec![0; frame_length(12) as usize];
        encode_frame(&mut frame, seed, 1, 2, 12, &[b"some payload"]);
        for bit in 0..frame.len() * 8 {
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let accepted =
                FrameHead::decode(flipped.first_chunk().unwrap(), seed).is_some_and(|head| {
                    head.frame_length() == flipped.len() as u64 && head.fits(&flipped, seed)
                });
            assert!(!accepted, "bit {bit}");
        }
    }

    #[test]
    fn one_whole_copy_of_a_header_is_enough() {
        for (from, to) in [(0, 4096), (4096, 4152), (8, 9), (0, 1), (12, 16)] {
            let mut bytes = header().encode();
            bytes[from..to].fill(0xff);
            assert_eq!(Header::decode(&bytes), Ok(header()), "{from}..{to}");
        }
    }

    #[test]
    fn what_is_no_header_is_told_apart() {
        let mut damaged = header().encode();
        damaged[50] ^= 1;
        damaged[4096 + 50] ^= 1;
        assert_eq!(Header::decode(&damaged), Err(HeaderFlaw::Damaged));
        let mut newer = header().encode();
        newer[8] = 2;
        newer[4096 + 8] = 2;
        assert_eq!(Header::decode(&newer), Err(HeaderFlaw::Version(2)));
        let mut newer_without_a_twin = header().encode()[..53].to_vec();
        newer_without_a_twin[8] = 2;
        assert_eq!(
            Header::decode(&newer_without_a_twin),
            Err(HeaderFlaw::Version(2))
        );
        assert_eq!(Header::decode(b""), Err(HeaderFlaw::Blank));
        assert_eq!(Header::decode(&[0; 9000]), Err(HeaderFlaw::Blank));
        assert_eq!(Header::decode(b"#!/bin/sh"), Err(HeaderFlaw::Foreign));
        assert_eq!(Header::decode(&[b'x'; 9000]), Err(HeaderFlaw::Foreign));
        assert_eq!(Header::decode(b"\x93JOUR"), Err(HeaderFlaw::Damaged));
    }

    #[test]
    fn the_largest_meta_fits_the_header_area() {
        let header = Header {
            meta: vec![1; META_MAX].into(),
            ..header()
        };
        let mut bytes = header.encode();
        assert!(bytes.len() <= HEADER_AREA);
        bytes[0] = 0;
        assert_eq!(Header::decode(&bytes), Ok(header));
    }
}
