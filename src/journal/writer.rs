//! What the appenders' lock guards: the segments, the room in them, and the next index.

use std::{collections::VecDeque, fs::File, io, os::unix::fs::FileExt, sync::Arc};

use super::{
    error::AppendError,
    format::{FRAME_HEAD, Header, data_start, encode_frame, frame_length},
    landing::{Batch, Placed, buffers},
    options::{Room, Writing},
    room::{Allocated, Reservations},
    scan::End,
    segment::{Segment, Written, usable},
    site::Site,
    spare::{Blank, Spare},
    stage::Stage,
};

/// Has no `Debug`: its buffer holds content.
pub(super) struct Writer {
    pub(super) site: Arc<Site>,
    /// Segments in force, by number and by index; the last one is the active one, if there is an active one.
    pub(super) catalogue: Vec<Arc<Segment>>,
    /// None before the first append, and after a failed sync until there is a segment again.
    pub(super) active: Option<Written>,
    /// Where frames stand until they land; without it they go into the active segment at once.
    pub(super) stage: Option<Stage>,
    /// What has not landed, oldest first.
    pub(super) pending: VecDeque<Batch>,
    pub(super) spare_buffers: Vec<Vec<u8>>,
    /// The index below which every frame is in its segment.
    pub(super) landed: u64,
    /// Numbered above every segment, used in order.
    pub(super) spares: VecDeque<Spare>,
    /// Sealed segments that have not been synced, in order.
    pub(super) unsynced: Vec<Written>,
    /// Segments whose frames have been copied to newer ones that are not yet synced.
    pub(super) superseded: Vec<Arc<Segment>>,
    pub(super) next: u64,
    pub(super) next_number: u64,
    /// The number of the newest segment whose name and header are on disk.
    pub(super) synced_number: Option<u64>,
    /// Whether names were made that the directory's next fsync makes durable.
    pub(super) directory_changed: bool,
    pub(super) rehomed: u64,
    /// Where frames are made that go into the file by a call. Its first bytes are the last such frame; what is behind
    /// them is older, so that no append clears what it is going to write.
    buffer: Vec<u8>,
    pub(super) reservations: Reservations,
}

/// Where the frame with some index is.
#[derive(Debug)]
pub(super) enum Located {
    /// Gone; the first that is left is this one.
    Released(u64),
    /// In this segment, which goes that far; with the handle that it is written through, while it is not synced.
    Segment(Arc<Segment>, End, Option<Arc<File>>),
}

/// What a sync has to make durable.
#[derive(Debug)]
pub(super) struct Unsynced {
    /// Each file, and the index below which every frame is in it or in one before.
    pub(super) files: Vec<(Written, u64)>,
    /// How many of the files will not be written to again.
    pub(super) sealed: usize,
    pub(super) directory: bool,
}

impl Writer {
    pub(super) fn new(
        site: Arc<Site>,
        catalogue: Vec<Arc<Segment>>,
        next: u64,
        next_number: u64,
    ) -> Self {
        let synced_number = catalogue.last().map(|segment| segment.number());
        let writer = Self {
            site,
            catalogue,
            synced_number,
            active: None,
            stage: None,
            pending: VecDeque::new(),
            spare_buffers: Vec::new(),
            landed: next,
            spares: VecDeque::new(),
            unsynced: Vec::new(),
            superseded: Vec::new(),
            next,
            next_number,
            directory_changed: true,
            rehomed: 0,
            buffer: Vec::new(),
            reservations: Reservations::default(),
        };
        writer.publish();
        writer
    }

    /// Writes one frame, whose payload is these parts one behind the other, or leaves everything as it was; None where it
    /// finds its place when others have landed.
    pub(super) fn append(
        &mut self,
        kind: u8,
        parts: &[&[u8]],
        room: Room,
    ) -> Result<Option<u64>, AppendError> {
        let length = parts.iter().map(|part| part.len() as u64).sum();
        let frame = self.checked_length(length, room)?;
        let reservations = self.admit(frame, room)?;
        if frame > self.allocated().active {
            self.rotate().map_err(|source| AppendError::Io {
                action: "begin",
                source,
            })?;
        }
        // A payload that fits a segment has a length of 32 bits.
        let placed = self.place(frame, kind, length as u32, parts);
        let placed = placed.map_err(|source| AppendError::Io {
            action: "write",
            source,
        })?;
        if placed == Placed::AfterOthers {
            return Ok(None);
        }
        self.set_reservations(reservations);
        self.next += 1;
        Ok(Some(self.next - 1))
    }

    /// Puts a frame behind the last one of the active segment.
    fn place(&mut self, frame: u64, kind: u8, length: u32, parts: &[&[u8]]) -> io::Result<Placed> {
        let (seed, index) = (self.site.seed, self.next);
        let encode = |place: &mut [u8]| encode_frame(place, seed, index, kind, length, parts);
        if self.stage.as_ref().is_some_and(|stage| stage.takes(frame)) {
            let staged = self.place_on_stage(frame, encode);
            if staged.is_err() {
                self.leave_stage();
                return Ok(Placed::AfterOthers);
            }
            return staged;
        }
        if self.landed < self.next {
            return Ok(Placed::AfterOthers);
        }
        let active = self
            .active
            .as_ref()
            .expect("admitting a frame leaves an active segment or a spare, and rotating uses it");
        let end = active.segment.end();
        let whole = frame as usize;
        if self.buffer.len() < whole {
            self.buffer.resize(whole, 0);
        }
        let bytes = &mut self.buffer[..whole];
        encode(bytes);
        // After an error some of the frame may be in the file. The next append overwrites it; if none comes, it lacks
        // its last byte, which its CRC covers, and is a torn tail.
        let written = active.file.write_all_at(bytes, end);
        if self.buffer.len() > BUFFER_KEPT {
            self.buffer = Vec::new();
        }
        written?;
        active.segment.extend(end + frame);
        active.segment.land(end + frame);
        self.landed = self.next + 1;
        Ok(Placed::Yes)
    }

    /// Writes frames into their segments at once from now on.
    pub(super) fn leave_stage(&mut self) {
        self.stage = None;
        self.site.note_writing(Writing::Calls);
        self.publish();
    }

    /// Writes frames to this stage from now on. Nothing is on another one.
    pub(super) fn enter_stage(&mut self, stage: Stage) {
        self.site.note_writing(stage.writing());
        self.spare_buffers = buffers();
        self.stage = Some(stage);
        self.publish();
    }

    /// Gives a reservation back without a frame. False if there is none of this size.
    pub(super) fn unreserve(&mut self, size: u32) -> bool {
        let mut after = self.reservations;
        let given_back = after.remove(size);
        self.set_reservations(after);
        given_back
    }

    fn set_reservations(&mut self, reservations: Reservations) {
        self.reservations = reservations;
        self.site.gauges.reserved.set(reservations.bytes());
    }

    /// Bytes on disk, allocated ones included.
    pub(super) fn used_bytes(&self) -> u64 {
        self.kept_bytes() + self.site.gauges.doomed.get()
    }

    /// As [`Self::used_bytes`], without segments that are given up and only wait to be deleted.
    fn kept_bytes(&self) -> u64 {
        let segments: u64 = self
            .catalogue
            .iter()
            .chain(&self.superseded)
            .map(|segment| segment.allocated())
            .sum();
        let spares = self.spares.len() as u64 * self.site.options.segment_bytes;
        let stage = self.stage.as_ref().and(self.site.stage_bytes());
        segments + spares + stage.unwrap_or(0)
    }

    /// Tells those who ask without the lock what has changed.
    pub(super) fn publish(&self) {
        let gauges = &self.site.gauges;
        gauges.kept.set(self.kept_bytes());
        gauges.segments.set(self.catalogue.len() as u64);
        gauges.rehomed.set(self.rehomed);
    }

    /// The index of the first frame that is kept.
    pub(super) fn first(&self) -> u64 {
        self.catalogue
            .first()
            .map_or(self.next, |segment| segment.first())
    }

    /// Finds the segment of a frame that has been written.
    pub(super) fn locate(&self, index: u64) -> Located {
        let behind = self
            .catalogue
            .partition_point(|segment| segment.first() <= index);
        let Some(place) = behind.checked_sub(1) else {
            return Located::Released(self.first());
        };
        let segment = &self.catalogue[place];
        let end_index = self
            .catalogue
            .get(behind)
            .map_or(self.next, |next| next.first());
        let mut open = self.unsynced.iter().chain(&self.active);
        let handle = open
            .find(|written| written.segment.number() == segment.number())
            .map(|written| Arc::clone(&written.file));
        Located::Segment(
            Arc::clone(segment),
            End {
                offset: segment.landed(),
                content: segment.landed(),
                index: Some(end_index.min(self.landed)),
            },
            handle,
        )
    }

    /// Whether there should be one more spare: reservations are to stay covered when the next segment begins.
    pub(super) fn wants_spare(&self) -> bool {
        let allocated = self.allocated();
        let enough = allocated.spares > 0
            && self.reservations.are_covered_by(Allocated {
                spares: allocated.spares - 1,
                ..allocated
            });
        !enough && self.has_capacity()
    }

    /// Takes in a file that has been allocated.
    pub(super) fn adopt(&mut self, blank: Blank) -> io::Result<()> {
        let number = self.next_number;
        let spare = blank.number(&self.site.directory.path, number)?;
        self.next_number += 1;
        self.directory_changed = true;
        self.spares.push_back(spare);
        self.publish();
        Ok(())
    }

    /// Makes a spare on the caller's thread.
    pub(super) fn allocate_spare(&mut self) -> io::Result<()> {
        let blank = self.site.allocate("append")?;
        self.adopt(blank)
    }

    /// All that has landed and not been synced; where all has landed, the active segment last, so that its loss is noticed
    /// also when nothing was written to it.
    pub(super) fn take_unsynced(&mut self) -> Unsynced {
        let all = || self.unsynced.iter().chain(&self.active);
        let ends = all()
            .skip(1)
            .map(|written| written.segment.first())
            .chain([self.next]);
        // Segments whose first frame has not landed are for another time.
        let files: Vec<_> = all()
            .cloned()
            .zip(ends)
            .take_while(|(written, _)| written.segment.first() <= self.landed)
            .map(|(written, end)| (written, end.min(self.landed)))
            .collect();
        let whole =
            |(written, _): &&(Written, u64)| written.segment.landed() == written.segment.end();
        let sealed = self
            .unsynced
            .len()
            .min(files.iter().take_while(whole).count());
        let directory = std::mem::take(&mut self.directory_changed);
        Unsynced {
            files,
            sealed,
            directory,
        }
    }

    /// Takes note that all of this is durable now.
    pub(super) fn note_synced(&mut self, synced: &Unsynced) {
        self.unsynced.drain(..synced.sealed);
        if let Some((newest, _)) = synced.files.last() {
            self.synced_number = Some(newest.segment.number());
        }
        self.publish();
    }

    /// Takes the segments out of force that hold only frames below, and that a segment follows which is on disk: it
    /// carries the count on.
    pub(super) fn release(&mut self, below: u64) -> Vec<Arc<Segment>> {
        let follows =
            |next: &Segment| next.first() <= below && Some(next.number()) <= self.synced_number;
        let released = self
            .catalogue
            .windows(2)
            .take_while(|pair| follows(&pair[1]))
            .count();
        let released = self.catalogue.drain(..released).collect();
        self.publish();
        released
    }

    pub(super) fn would_release(&self, below: u64) -> bool {
        self.catalogue
            .windows(2)
            .next()
            .is_some_and(|pair| pair[1].first() <= below)
    }

    /// Reserves room without a frame.
    pub(super) fn reserve(&mut self, size: u32) -> Result<(), AppendError> {
        self.checked_length(0, Room::Reserve(size))?;
        let reservations = self.admit(0, Room::Reserve(size))?;
        self.set_reservations(reservations);
        Ok(())
    }

    /// The header of the segment that this spare becomes.
    pub(super) fn header(&self, spare: &Spare, first: u64) -> Header {
        Header {
            number: spare.number,
            first,
            nonce: self.site.nonce,
            meta: Arc::clone(&self.site.meta),
        }
    }

    fn checked_length(&self, payload: u64, room: Room) -> Result<u64, AppendError> {
        let limit = self.segment_usable() - FRAME_HEAD as u64;
        let reserved = match room {
            Room::Free => 0,
            Room::Reserve(size) | Room::Use(size) => u64::from(size),
        };
        let size = reserved.max(payload);
        if size > limit {
            return Err(AppendError::TooLarge { size, limit });
        }
        Ok(frame_length(payload))
    }

    /// Sees to it that the frame has a place and that all reservations are covered when it has taken it; returns what
    /// is reserved then.
    fn admit(&mut self, frame: u64, room: Room) -> Result<Reservations, AppendError> {
        let mut after = self.reservations;
        let mut needed = frame;
        match room {
            Room::Free => {}
            Room::Reserve(size) => {
                after.add(size);
                needed += frame_length(u64::from(size));
            }
            Room::Use(size) => {
                if !after.remove(size) {
                    return Err(AppendError::NotReserved { size });
                }
            }
        }
        while !self
            .allocated()
            .after(frame)
            .is_some_and(|left| after.are_covered_by(left))
        {
            if !self.has_capacity() {
                let (free, capacity) = (self.free_bytes(), self.site.options.capacity_bytes);
                return Err(AppendError::Full {
                    needed,
                    free,
                    capacity,
                });
            }
            self.allocate_spare().map_err(|source| AppendError::Io {
                action: "allocate",
                source,
            })?;
        }
        Ok(after)
    }

    /// Seals the active segment and begins the next, in a spare.
    fn rotate(&mut self) -> io::Result<()> {
        let Some(spare) = self.spares.pop_front() else {
            return Err(io::ErrorKind::StorageFull.into());
        };
        let header = self.header(&spare, self.next);
        if let Err(error) = spare.file.write_all_at(&header.encode(), 0) {
            self.spares.push_front(spare);
            return Err(error);
        }
        let begun = self.begin(spare, header, data_start(self.site.meta.len()));
        self.unsynced.extend(self.active.replace(begun));
        Ok(())
    }

    /// Puts a spare, whose header has been written, in force, as what is written to from now on.
    pub(super) fn begin(&mut self, spare: Spare, header: Header, end: u64) -> Written {
        let bytes = self.site.options.segment_bytes;
        let segment = Arc::new(Segment::new(header, spare.path, end, bytes));
        self.catalogue.push(Arc::clone(&segment));
        self.publish();
        Written {
            segment,
            file: Arc::new(spare.file),
        }
    }

    pub(super) fn allocated(&self) -> Allocated {
        let segment = self.segment_usable();
        let whole = data_start(self.site.meta.len()) + segment;
        let active = self
            .active
            .as_ref()
            .map_or(0, |active| whole.saturating_sub(active.segment.end()));
        Allocated {
            active,
            spares: self.spares.len() as u64,
            segment,
        }
    }

    pub(super) fn segment_usable(&self) -> u64 {
        usable(self.site.options.segment_bytes, self.site.meta.len())
    }

    pub(super) fn has_capacity(&self) -> bool {
        self.used_bytes() + self.site.options.segment_bytes <= self.site.options.capacity_bytes
    }

    fn free_bytes(&self) -> u64 {
        let allocated = self.allocated();
        let unallocated = self
            .site
            .options
            .capacity_bytes
            .saturating_sub(self.used_bytes());
        let free = unallocated + allocated.active + allocated.spares * allocated.segment;
        free.saturating_sub(self.reservations.bytes())
    }
}

/// Bytes of the buffer that are kept from one append to the next.
const BUFFER_KEPT: usize = 1 << 20;
