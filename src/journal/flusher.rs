//! What syncs and releases take turns at: making frames durable, giving segments up, and having the next ones ready.

use std::{
    fs, io,
    sync::{Arc, atomic::Ordering},
};

use super::{
    error::SyncError, log::Shared, options::Writing, segment::Segment, spare::Blank,
    writer::Unsynced,
};

#[derive(Debug, Default)]
pub(super) struct Flusher {
    /// After a failed sync: the index from which frames may not be on disk, whatever another fsync says.
    suspect: Option<u64>,
    /// Files to delete, oldest first.
    doomed: Vec<Arc<Segment>>,
    /// Syncs to pass before a spare is tried again that could not be made.
    spare_pause: u32,
    /// A file on its way to become a warm spare.
    warming: Option<Blank>,
}

impl Flusher {
    /// Makes the files that appenders will need. One that cannot be made is not missed before an append needs it, which
    /// then says so.
    pub(super) fn prepare_spares(&mut self, shared: &Shared) {
        self.spare_pause = self.spare_pause.saturating_sub(1);
        for _ in 0..SPARES_AT_ONCE {
            if self.spare_pause > 0 || !shared.writer().wants_spare() {
                return;
            }
            let made = shared
                .site
                .allocate("sync")
                .and_then(|blank| shared.writer().adopt(blank));
            if made.is_err() {
                self.spare_pause = SPARE_PAUSE;
            }
        }
    }

    /// The directory was taken away, and is there again without what was in it. Returns the index of the first frame that
    /// stands in a file that is still open: from there on all is written again, with the next flush.
    pub(super) fn displaced(&mut self, shared: &Shared) -> u64 {
        self.spare_pause = 0;
        self.stop_warming();
        let mut writer = shared.writer();
        // Spares without names would become segments without names.
        writer.spares.clear();
        writer.directory_changed = true;
        writer.set_warming(false);
        let oldest = writer.unsynced.first().or(writer.active.as_ref());
        let Some(oldest) = oldest else {
            return writer.next;
        };
        // Also what was synced: it is on disk under no name.
        let kept = oldest.segment.first();
        self.suspect = Some(self.suspect.map_or(kept, |suspect| suspect.min(kept)));
        kept
    }

    /// Makes durable what has been appended, and writes again what a sync before this one could not.
    pub(super) fn flush(&mut self, shared: &Shared) -> Result<(), SyncError> {
        if let Some(from) = self.suspect {
            let obsolete = shared
                .writer()
                .rehome(from)
                .map_err(|source| SyncError::Copy { source })?;
            self.suspect = None;
            shared.catalogue_version.fetch_add(1, Ordering::AcqRel);
            self.doom(shared, obsolete);
        }
        let unsynced = shared.writer().take_unsynced();
        match make_durable(shared, &unsynced) {
            Ok(()) => {
                let mut writer = shared.writer();
                writer.note_synced(&unsynced);
                let superseded = std::mem::take(&mut writer.superseded);
                drop(writer);
                self.doom(shared, superseded);
                Ok(())
            }
            Err((suspect, failure)) => {
                self.suspect = Some(suspect);
                let mut writer = shared.writer();
                writer.directory_changed |= unsynced.directory;
                writer.publish();
                Err(failure)
            }
        }
    }

    /// Has segments deleted.
    pub(super) fn doom(&mut self, shared: &Shared, segments: Vec<Arc<Segment>>) {
        let bytes = segments.iter().map(|segment| segment.allocated()).sum();
        shared.site.gauges.doomed.add(bytes);
        self.doomed.extend(segments);
        shared.writer().publish();
    }

    /// In order, so that what a crash leaves has no gaps.
    pub(super) fn delete_doomed(&mut self, shared: &Shared) {
        let gone = |segment: &Segment| match fs::remove_file(&segment.path) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        let deleted = self
            .doomed
            .iter()
            .take_while(|segment| gone(segment))
            .count();
        let bytes = self
            .doomed
            .drain(..deleted)
            .map(|segment| segment.allocated())
            .sum();
        shared.site.gauges.doomed.subtract(bytes);
    }

    /// Takes the file of the oldest of these released segments to become a warm spare, if one is wanted and nobody reads
    /// it. No segment before it may be left, or a crash would leave a gap.
    pub(super) fn recycle(&mut self, shared: &Shared, released: &mut Vec<Arc<Segment>>) {
        if self.warming.is_some() || !self.doomed.is_empty() || !shared.writer().wants_recycled() {
            return;
        }
        // Out of the catalogue, a segment gets no further readers: with one owner now it has one owner for good.
        if released.first_mut().and_then(Arc::get_mut).is_none() {
            return;
        }
        // On failure the file has been deleted, or waits to be.
        if let Ok(blank) = shared.site.recycle(&released[0].path) {
            released.remove(0);
            self.warming = Some(blank);
            shared.writer().set_warming(true);
        }
    }

    /// Makes pages ready that appenders are about to need, and gives back spares that they need no more.
    pub(super) fn stay_ahead(&mut self, shared: &Shared) {
        shared.writer().look_ahead();
        // Where zeros cannot be written, the next append says why.
        while shared.writer().go_ahead().unwrap_or(false) {}
        let surplus = shared.writer().take_surplus();
        if let Some(spare) = surplus {
            fs::remove_file(spare.path).ok();
            shared.writer().publish();
        }
    }

    /// Warms spares: some more while appends wait to be synced, and otherwise all that are wanted.
    pub(super) fn warm(&mut self, shared: &Shared) {
        while self.warming.is_some() || self.spare_pause == 0 {
            match self.warm_some(shared) {
                Ok(true) if shared.nothing_waits() => {}
                Ok(_) => return,
                Err(_) => {
                    self.stop_warming();
                    shared.writer().set_warming(false);
                    self.spare_pause = SPARE_PAUSE;
                }
            }
        }
    }

    /// Gives up the file that is being warmed.
    pub(super) fn stop_warming(&mut self) {
        if let Some(blank) = self.warming.take() {
            blank.discard();
        }
    }

    /// False if there is nothing to be warmed.
    fn warm_some(&mut self, shared: &Shared) -> io::Result<bool> {
        let site = &shared.site;
        let bytes = site.options.segment_bytes;
        if self.warming.is_none() {
            self.warming = blank_to_warm(shared)?;
        }
        let Some(blank) = &mut self.warming else {
            return Ok(false);
        };
        let done = blank.warm(bytes)?;
        // Room that appenders may need at once is not kept from them.
        if done || (blank.is_clean(bytes) && !shared.writer().has_capacity()) {
            if done && site.writing() == Writing::Mapped && blank.map(bytes).is_err() {
                site.note_calls();
            }
            if let Some(blank) = self.warming.take() {
                let mut writer = shared.writer();
                writer.set_warming(false);
                writer.adopt(blank)?;
            }
        }
        Ok(true)
    }
}

/// A new file, or a cold spare in exchange for which there is a warm one by now.
fn blank_to_warm(shared: &Shared) -> io::Result<Option<Blank>> {
    let mut writer = shared.writer();
    if !writer.is_half_used() || !writer.wants_warm() {
        return Ok(None);
    }
    if let Some(cold) = writer.take_cold() {
        writer.set_warming(true);
        drop(writer);
        return cold.unname(&shared.site.directory.path).map(Some);
    }
    if writer.spares.len() >= writer.wanted_warm() {
        return Ok(None);
    }
    writer.set_warming(true);
    drop(writer);
    shared.site.allocate(super::spare::WARM).map(Some)
}

/// Syncs names, then files in order, raising the bound with each. On failure also returns the index from which frames
/// are in doubt.
fn make_durable(shared: &Shared, unsynced: &Unsynced) -> Result<(), (u64, SyncError)> {
    let durable = || shared.durable.load(Ordering::Acquire);
    let synced_number = shared.writer().synced_number;
    if unsynced.directory {
        shared
            .site
            .directory
            .sync()
            .map_err(|source| (durable(), SyncError::Directory { source }))?;
    }
    for (place, (written, bound)) in unsynced.files.iter().enumerate() {
        let segment = written.segment.number();
        let failed = |source| (durable(), SyncError::Segment { segment, source });
        if !written.is_linked().map_err(failed)? {
            return Err((
                durable().min(written.segment.first()),
                SyncError::Vanished { segment },
            ));
        }
        let goes_on = place >= unsynced.sealed;
        if !goes_on {
            written.segment.trim(&written.file).map_err(failed)?;
        }
        if *bound > durable() || Some(segment) > synced_number {
            written.sync(goes_on).map_err(failed)?;
            shared.durable.fetch_max(*bound, Ordering::AcqRel);
        }
    }
    Ok(())
}

const SPARES_AT_ONCE: usize = 4;
const SPARE_PAUSE: u32 = 64;
