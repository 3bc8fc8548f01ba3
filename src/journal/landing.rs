//! Landing: frames that stand on the [stage](super::stage) come into their segments, many with one call.
//!
//! Whoever needs frames in their segments has them land: a sync, a reader, an appender that finds the stage full. One
//! batch lands at a time, in order; appends go on meanwhile.

use std::{io, os::unix::fs::FileExt};

use super::{
    log::{Shared, lock},
    segment::Written,
    stage::Staged,
    writer::Writer,
};

/// Frames of one segment, one behind the other, that are on the stage and not yet in the segment.
pub(super) struct Batch {
    segment: Written,
    /// Where they go in the segment.
    offset: u64,
    bytes: Vec<u8>,
    /// The index behind the last of them.
    next: u64,
    /// Bytes of the stage that are free when they have landed.
    staged: u64,
}

/// Whether a frame found a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    Yes,
    /// Not before others have landed.
    AfterOthers,
}

impl Writer {
    /// Puts a frame of so many bytes, which `encode` writes, behind the last one: on the stage, and into the batch.
    pub(super) fn place_on_stage(
        &mut self,
        frame: u64,
        encode: impl FnOnce(&mut [u8]),
    ) -> io::Result<Placed> {
        let active = self
            .active
            .as_ref()
            .expect("a frame is placed behind a segment's header");
        let (end, number) = (active.segment.end(), active.segment.number());
        let goes_on = self.pending.back().is_some_and(|batch| {
            batch.bytes.len() < BATCH_BYTES && batch.segment.segment.number() == number
        });
        if !goes_on {
            let bytes = self.spare_buffers.pop().unwrap_or_else(buffer);
            self.pending.push_back(Batch {
                segment: active.clone(),
                offset: end,
                bytes,
                next: self.next,
                staged: 0,
            });
        }
        let (Some(batch), Some(stage)) = (self.pending.back_mut(), &mut self.stage) else {
            return Ok(Placed::AfterOthers);
        };
        let start = batch.bytes.len();
        batch.bytes.resize(start + frame as usize, 0);
        encode(&mut batch.bytes[start..]);
        let staged = stage.write(&batch.bytes[start..]);
        if let Ok(Staged::Taken(bytes)) = staged {
            batch.staged += bytes;
            batch.next = self.next + 1;
            active.segment.extend(end + frame);
            return Ok(Placed::Yes);
        }
        batch.bytes.truncate(start);
        if start == 0 {
            self.pending.pop_back();
        }
        staged.map(|_| Placed::AfterOthers)
    }

    /// The index below which every frame is in its segment.
    pub(super) fn landed(&self) -> u64 {
        self.landed
    }

    /// Has all land, on the caller's thread and under its lock. No batch is on its way meanwhile: the caller has the turn.
    pub(super) fn land_here(&mut self) -> io::Result<()> {
        while let Some(batch) = self.pending.pop_front() {
            if let Err(error) = batch.write() {
                self.pending.push_front(batch);
                return Err(error);
            }
            self.note_landed(batch);
        }
        Ok(())
    }

    fn note_landed(&mut self, mut batch: Batch) {
        let end = batch.offset + batch.bytes.len() as u64;
        batch.segment.segment.land(end);
        self.landed = batch.next;
        if let Some(stage) = &mut self.stage {
            stage.free(batch.staged);
        }
        if self.spare_buffers.len() < BUFFERS {
            batch.bytes.clear();
            batch.bytes.shrink_to(BATCH_BYTES + FRAME_BYTES);
            self.spare_buffers.push(batch.bytes);
        }
    }
}

/// What frames gather in until they land, made before an appender needs it. Memory is taken when it is written to.
pub(super) fn buffers() -> Vec<Vec<u8>> {
    std::iter::repeat_with(buffer).take(BUFFERS).collect()
}

fn buffer() -> Vec<u8> {
    Vec::with_capacity(BATCH_BYTES + FRAME_BYTES)
}

impl Batch {
    fn write(&self) -> io::Result<()> {
        self.segment.file.write_all_at(&self.bytes, self.offset)
    }
}

impl Shared {
    /// Has every frame land that has been appended. On failure also names the segment.
    pub(super) fn land_all(&self) -> Result<(), (u64, io::Error)> {
        let bound = self.written();
        while self.writer().landed() < bound {
            self.land_some()?;
        }
        Ok(())
    }

    /// Has the oldest batch land.
    pub(super) fn land_some(&self) -> Result<(), (u64, io::Error)> {
        let _turn = lock(&self.landing);
        let Some(batch) = self.writer().pending.pop_front() else {
            return Ok(());
        };
        // What is appended now goes into another batch.
        let written = batch.write();
        let number = batch.segment.segment.number();
        let mut writer = self.writer();
        match written {
            Ok(()) => writer.note_landed(batch),
            Err(_) => writer.pending.push_front(batch),
        }
        written.map_err(|error| (number, error))
    }
}

/// Bytes from which on a batch takes no more frames: an appender that finds the stage full has one land.
const BATCH_BYTES: usize = 64 << 10;
/// Room in a buffer for the last frame of a batch, unless it is a long one.
const FRAME_BYTES: usize = 4 << 10;
/// Buffers that are kept: about what a full stage takes.
const BUFFERS: usize = 64;
