//! What syncs and releases take turns at: making frames durable, giving segments up, and having the next ones ready.

use std::{
    fs, io,
    sync::{Arc, atomic::Ordering},
};

use super::{
    error::SyncError,
    log::{Shared, lock},
    segment::Segment,
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
    /// The same for a stage.
    stage_pause: u32,
}

impl Flusher {
    /// Makes the files that appenders will need. One that cannot be made is not missed before an append needs it, which
    /// then says so.
    pub(super) fn prepare_spares(&mut self, shared: &Shared) {
        self.spare_pause = self.spare_pause.saturating_sub(1);
        for _ in 0..SPARES_AT_ONCE {
            if self.spare_pause > 0 || !shared.writer().wants_spare() {
                break;
            }
            let made = shared
                .site
                .allocate("sync")
                .and_then(|blank| shared.writer().adopt(blank));
            if made.is_err() {
                self.spare_pause = SPARE_PAUSE;
            }
        }
        // After the spares: a journal can do without a stage.
        self.stage_pause = self.stage_pause.saturating_sub(1);
        if self.stage_pause == 0 && shared.make_stage().is_err() {
            self.stage_pause = SPARE_PAUSE;
        }
    }

    /// The directory was taken away, and is there again without what was in it. Returns the index of the first frame that
    /// stands in a file that is still open: from there on all is written again, with the next flush.
    pub(super) fn displaced(&mut self, shared: &Shared) -> u64 {
        (self.spare_pause, self.stage_pause) = (0, 0);
        let _turn = lock(&shared.landing);
        let mut writer = shared.writer();
        // Files that are open take frames without names too. What cannot land now lands with the next sync, from memory.
        writer.land_here().ok();
        writer.leave_stage();
        // Spares without names would become segments without names.
        writer.spares.clear();
        writer.directory_changed = true;
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
        shared
            .land_all()
            .map_err(|(segment, source)| SyncError::Segment { segment, source })?;
        if let Some(from) = self.suspect {
            let obsolete = {
                let _turn = lock(&shared.landing);
                let mut writer = shared.writer();
                let landed = writer.land_here();
                landed.and_then(|()| writer.rehome(from))
            };
            let obsolete = obsolete.map_err(|source| SyncError::Copy { source })?;
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
        if place < unsynced.sealed {
            written.segment.trim(&written.file).map_err(failed)?;
        }
        if *bound > durable() || Some(segment) > synced_number {
            written.file.sync_data().map_err(failed)?;
            shared.durable.fetch_max(*bound, Ordering::AcqRel);
        }
    }
    Ok(())
}

const SPARES_AT_ONCE: usize = 4;
const SPARE_PAUSE: u32 = 64;
