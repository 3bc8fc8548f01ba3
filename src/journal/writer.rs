//! What the appenders' lock guards: the segments, the room in them, and the next index.

use std::{
    collections::VecDeque,
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    directory::Directory,
    error::AppendError,
    format::{FRAME_HEAD, Header, Seed, data_start, encode_frame, frame_length},
    options::{JournalOptions, Room},
    room::{Allocated, Reservations},
    scan::End,
    segment::{Blank, Preallocation, Segment, Spare, Written, usable},
};

/// What does not change while a journal is open.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) directory: Directory,
    pub(super) options: JournalOptions,
    pub(super) meta: Arc<[u8]>,
    pub(super) nonce: u64,
    /// Bytes of segments that are given up and not yet deleted.
    pub(super) doomed_bytes: AtomicU64,
}

/// Has no `Debug`: its buffer holds content.
pub(super) struct Writer {
    pub(super) site: Arc<Site>,
    /// Segments in force, by number and by index; the last one is the active one, if there is an active one.
    pub(super) catalogue: Vec<Arc<Segment>>,
    /// None before the first append, and after a failed sync until there is a segment again.
    pub(super) active: Option<Written>,
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
    pub(super) preallocation: Preallocation,
    pub(super) rehomed: u64,
    pub(super) buffer: Vec<u8>,
    reservations: Reservations,
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
        Self {
            site,
            catalogue,
            synced_number,
            active: None,
            spares: VecDeque::new(),
            unsynced: Vec::new(),
            superseded: Vec::new(),
            next,
            next_number,
            directory_changed: true,
            preallocation: Preallocation::Allocated,
            rehomed: 0,
            buffer: Vec::new(),
            reservations: Reservations::default(),
        }
    }

    /// Writes one frame, or leaves everything as it was.
    pub(super) fn append(
        &mut self,
        kind: u8,
        payload: &[u8],
        room: Room,
    ) -> Result<u64, AppendError> {
        let frame = self.checked_length(payload, room)?;
        let reservations = self.admit(frame, room)?;
        if frame > self.allocated().active {
            self.rotate().map_err(|source| AppendError::Io {
                action: "begin",
                source,
            })?;
        }
        let active = self
            .active
            .as_ref()
            .expect("admitting a frame leaves an active segment or a spare, and rotating uses it");
        let end = active.segment.end();
        encode_frame(
            &mut self.buffer,
            Seed::of(self.site.nonce),
            self.next,
            kind,
            payload,
        );
        // After an error some of the frame may be in the file. The next append overwrites it; if none comes, it lacks
        // its last byte, which its CRC covers, and is a torn tail.
        let written = active.file.write_all_at(&self.buffer, end);
        self.buffer.shrink_to(BUFFER_KEPT);
        written.map_err(|source| AppendError::Io {
            action: "write",
            source,
        })?;
        active.segment.extend(end + frame);
        self.reservations = reservations;
        self.next += 1;
        Ok(self.next - 1)
    }

    /// Gives a reservation back without a frame. False if there is none of this size.
    pub(super) fn unreserve(&mut self, size: u32) -> bool {
        self.reservations.remove(size)
    }

    pub(super) fn reserved_bytes(&self) -> u64 {
        self.reservations.bytes()
    }

    /// Bytes on disk, allocated ones included.
    pub(super) fn used_bytes(&self) -> u64 {
        let segments: u64 = self
            .catalogue
            .iter()
            .chain(&self.superseded)
            .map(|segment| segment.allocated())
            .sum();
        let spares = self.spares.len() as u64 * self.site.options.segment_bytes;
        segments + spares + self.site.doomed_bytes.load(Ordering::Relaxed)
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
                offset: segment.end(),
                index: Some(end_index),
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
    pub(super) fn adopt(&mut self, blank: Blank, preallocation: Preallocation) -> io::Result<()> {
        let spare = blank.number(&self.site.directory.path, self.next_number)?;
        self.next_number += 1;
        self.directory_changed = true;
        self.preallocation = preallocation;
        self.spares.push_back(spare);
        Ok(())
    }

    /// Makes a spare on the caller's thread.
    pub(super) fn allocate_spare(&mut self) -> io::Result<()> {
        let bytes = self.site.options.segment_bytes;
        let (blank, preallocation) = Blank::allocate(&self.site.directory.path, "append", bytes)?;
        self.adopt(blank, preallocation)
    }

    /// All that has been written and not synced, the active segment always last, so that its loss is noticed also when
    /// nothing was written to it.
    pub(super) fn take_unsynced(&mut self) -> Unsynced {
        let all = || self.unsynced.iter().chain(&self.active);
        let bounds = all()
            .skip(1)
            .map(|written| written.segment.first())
            .chain([self.next]);
        let files = all().cloned().zip(bounds).collect();
        let directory = std::mem::take(&mut self.directory_changed);
        Unsynced {
            files,
            sealed: self.unsynced.len(),
            directory,
        }
    }

    /// Takes note that all of this is durable now.
    pub(super) fn note_synced(&mut self, synced: &Unsynced) {
        self.unsynced.drain(..synced.sealed);
        if let Some((newest, _)) = synced.files.last() {
            self.synced_number = Some(newest.segment.number());
        }
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
        self.catalogue.drain(..released).collect()
    }

    pub(super) fn would_release(&self, below: u64) -> bool {
        self.catalogue
            .windows(2)
            .next()
            .is_some_and(|pair| pair[1].first() <= below)
    }

    /// Reserves room without a frame.
    pub(super) fn reserve(&mut self, size: u32) -> Result<(), AppendError> {
        self.checked_length(&[], Room::Reserve(size))?;
        self.reservations = self.admit(0, Room::Reserve(size))?;
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

    fn checked_length(&self, payload: &[u8], room: Room) -> Result<u64, AppendError> {
        let limit = self.segment_usable() - FRAME_HEAD as u64;
        let reserved = match room {
            Room::Free => 0,
            Room::Reserve(size) | Room::Use(size) => u64::from(size),
        };
        let size = reserved.max(payload.len() as u64);
        if size > limit {
            return Err(AppendError::TooLarge { size, limit });
        }
        Ok(frame_length(payload.len() as u64))
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

    /// Puts a spare, whose header has been written, in force.
    pub(super) fn begin(&mut self, spare: Spare, header: Header, end: u64) -> Written {
        let segment = Arc::new(Segment::new(
            header,
            spare.path,
            end,
            self.site.options.segment_bytes,
        ));
        self.catalogue.push(Arc::clone(&segment));
        Written {
            segment,
            file: Arc::new(spare.file),
        }
    }

    fn allocated(&self) -> Allocated {
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

    fn has_capacity(&self) -> bool {
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
