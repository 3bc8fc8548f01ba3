//! After a failed fsync: frames in doubt are written again, to a new segment.
//!
//! Linux may mark pages clean that it failed to write, so that a second fsync of the same file would report success for
//! what is not on disk. What was written is still in the page cache, and is read from there, at once.

use std::{fs, io, os::unix::fs::FileExt, sync::Arc};

use super::{
    format::{data_start, encode_frame, frame_length},
    scan::{End, Scanned, Scanner, Source},
    segment::{Segment, Written},
    spare::Spare,
    writer::Writer,
};

/// A segment that gets its header last, so that it is in force only when it is complete.
#[derive(Debug)]
struct Target {
    spare: Spare,
    first: u64,
    next: u64,
    end: u64,
}

impl Writer {
    /// Copies every frame from this index on, all of which have landed, to new segments, and goes on there. Returns the segments that earlier copies
    /// had replaced and that nothing needs now. On failure the frames stay where they are.
    ///
    /// The capacity does not hold this back, and neither do reservations: keeping what was written comes first.
    pub(super) fn rehome(&mut self, from: u64) -> io::Result<Vec<Arc<Segment>>> {
        self.unsynced.extend(self.active.take());
        let mut targets = Vec::new();
        let copied = self
            .copy(from, &mut targets)
            .and_then(|()| self.write_headers(&targets));
        if let Err(error) = copied {
            for target in targets {
                fs::remove_file(target.spare.path).ok();
            }
            self.publish();
            return Err(error);
        }
        self.rehomed += 1;
        let obsolete = std::mem::take(&mut self.superseded);
        let kept = self
            .catalogue
            .partition_point(|segment| segment.first() < from);
        self.superseded = self.catalogue.drain(kept..).collect();
        let sources = std::mem::take(&mut self.unsynced);
        if let Some(cut) = sources.iter().rfind(|source| source.segment.first() < from) {
            cut.segment.trim(&cut.file).ok();
        }
        for target in targets {
            let header = self.header(&target.spare, target.first);
            let begun = self.begin(target.spare, header, target.end);
            self.unsynced.extend(self.active.replace(begun));
        }
        self.directory_changed = true;
        self.publish();
        Ok(obsolete)
    }

    fn copy(&mut self, from: u64, targets: &mut Vec<Target>) -> io::Result<()> {
        let sources = self.unsynced.clone();
        let ends: Vec<u64> = sources
            .iter()
            .skip(1)
            .map(|source| source.segment.first())
            .chain([self.next])
            .collect();
        for (source, end) in sources.iter().zip(ends) {
            self.copy_segment(source, from, end, targets)?;
        }
        if targets.is_empty() {
            // Also without frames: a segment must carry the count on.
            targets.push(self.target(self.next)?);
        }
        Ok(())
    }

    fn copy_segment(
        &mut self,
        source: &Written,
        from: u64,
        end: u64,
        targets: &mut Vec<Target>,
    ) -> io::Result<()> {
        let end = End {
            offset: source.segment.end(),
            content: source.segment.end(),
            index: Some(end),
        };
        let mut scanner = Scanner::new(
            Source::File(Arc::clone(&source.file)),
            &source.segment.header,
        );
        loop {
            match scanner.next(end)? {
                Scanned::End => return Ok(()),
                // What cannot be read is missing from the copy, and readers will say so.
                Scanned::Damage { .. } => {}
                Scanned::Frame { index, .. } if index < from => {}
                Scanned::Frame {
                    index,
                    kind,
                    payload,
                } => {
                    self.copy_frame(index, kind, scanner.payload(payload), targets)?;
                }
            }
        }
    }

    fn copy_frame(
        &mut self,
        index: u64,
        kind: u8,
        payload: &[u8],
        targets: &mut Vec<Target>,
    ) -> io::Result<()> {
        let length = frame_length(payload.len() as u64);
        let mut frame = vec![0; length as usize];
        let seed = self.site.seed;
        encode_frame(
            &mut frame,
            seed,
            index,
            kind,
            payload.len() as u32,
            &[payload],
        );
        let whole = data_start(self.site.meta.len()) + self.segment_usable();
        // Frames of a segment are consecutive: behind a gap another one begins.
        if !targets
            .last()
            .is_some_and(|target| target.next == index && target.end + length <= whole)
        {
            targets.push(self.target(index)?);
        }
        let target = targets.last_mut().expect("one has just been pushed");
        target.spare.file.write_all_at(&frame, target.end)?;
        target.end += length;
        target.next += 1;
        Ok(())
    }

    fn target(&mut self, first: u64) -> io::Result<Target> {
        if self.spares.is_empty() {
            self.allocate_spare()?;
        }
        let spare = self
            .spares
            .pop_front()
            .expect("one has just been made if there was none");
        let end = data_start(self.site.meta.len());
        Ok(Target {
            spare,
            first,
            next: first,
            end,
        })
    }

    /// From the last to the first: a segment takes the indices above its first away from those before it, so none may
    /// be in force before those that follow it.
    fn write_headers(&self, targets: &[Target]) -> io::Result<()> {
        for target in targets.iter().rev() {
            let header = self.header(&target.spare, target.first).encode();
            target.spare.file.write_all_at(&header, 0)?;
        }
        Ok(())
    }
}
