//! What a lane has lost, and how it is told: by gap records, and by a note where there is no room for one.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::Ordering;

use super::Lane;
use crate::emit::spool::frame::SpanView;
use crate::journal::{FrameIndex, Room};
use crate::record::rows::RowForm;
use crate::record::{
    AuditRecord, Body, Envelope, JsonText, RecordId, RecordRef, System, SystemEvent, Timestamp,
};

/// Losses that no gap record tells yet, by reason.
#[derive(Debug, Default)]
pub(super) struct Losses {
    untold: BTreeMap<&'static str, u64>,
    /// Those of them that stand in the lane's note.
    noted: BTreeMap<&'static str, u64>,
    /// Whether room for a gap record is reserved.
    pub(super) gap_room: bool,
}

impl Losses {
    /// Whether nothing is left to be told.
    pub(super) fn are_told(&self) -> bool {
        self.untold.is_empty()
    }

    /// The note is gone, whatever stood in it.
    pub(super) fn forget_note(&mut self) {
        self.noted.clear();
    }

    pub(super) fn add(&mut self, reason: &'static str, count: u64) {
        *self.untold.entry(reason).or_default() += count;
    }
}

impl Lane {
    /// Counts frames that turned out to be missing, once, whoever comes upon them how often.
    pub(crate) fn tell_damage(&self, missing: &Range<FrameIndex>) {
        let told = self.damage_told.fetch_max(missing.end.0, Ordering::AcqRel);
        let count = missing.end.0.saturating_sub(missing.start.0.max(told));
        if count > 0 {
            self.totals.dropped.fetch_add(count, Ordering::Relaxed);
            self.state().losses.add("frames_damaged", count);
        }
    }

    /// Counts a record that could not be written; it will be told by a gap record.
    pub(crate) fn count_loss(&self, reason: &'static str) {
        self.totals.dropped.fetch_add(1, Ordering::Relaxed);
        self.state().losses.add(reason, 1);
    }

    /// Writes the gap record that is owed, if one is, and keeps room for the next. Called now and then.
    pub(crate) fn tell_losses(&self, time: Timestamp, new_id: impl Fn() -> RecordId) {
        let (untold, mut reserved) = {
            let losses = &mut self.state().losses;
            (
                std::mem::take(&mut losses.untold),
                std::mem::take(&mut losses.gap_room),
            )
        };
        for (reason, count) in untold {
            let detail = serde_json::json!({ "count": count, "reason": reason });
            let gap = self.about(new_id(), time, SystemEvent::Gap, &detail);
            let mut rows = RowForm::default();
            self.write_rows(&RecordRef::from(&gap), &mut rows);
            let id = gap.envelope.record_id;
            let room = if reserved {
                Room::Use(GAP_ROOM)
            } else {
                Room::Free
            };
            let mut state = self.state();
            let appended = self.append(&mut state, SpanView::None, id, rows.as_bytes(), room);
            match appended {
                Ok(_) => reserved = false,
                Err(_) => state.losses.add(reason, count),
            }
        }
        self.state().losses.gap_room = reserved || self.journal.reserve(GAP_ROOM).is_ok();
        self.note_losses();
    }

    /// Takes the losses that no gap record tells yet, for somebody else to tell.
    pub(in crate::emit::spool) fn take_losses(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut self.state().losses.untold)
    }

    /// Takes over losses that are to be told here.
    pub(in crate::emit::spool) fn owe_losses(&self, losses: BTreeMap<&'static str, u64>) {
        let mut state = self.state();
        for (reason, count) in losses {
            state.losses.add(reason, count);
        }
    }

    /// Notes what no gap record tells yet, so that the next process does when this one ends before there is room.
    fn note_losses(&self) {
        let untold = {
            let losses = &self.state().losses;
            if losses.untold == losses.noted {
                return;
            }
            losses.untold.clone()
        };
        let note = serde_json::to_string(&untold).expect("reasons and counts have a JSON form");
        if self.journal.save_note(&note).is_ok() {
            self.state().losses.noted = untold;
        }
    }

    /// A record about this lane.
    pub(in crate::emit::spool) fn about(
        &self,
        id: RecordId,
        time: Timestamp,
        event: SystemEvent,
        detail: &serde_json::Value,
    ) -> AuditRecord {
        let mut record = system_record(id, time, event, detail);
        record.envelope.service = self.service.clone();
        record
    }
}

/// A record about the trail itself.
pub(crate) fn system_record(
    id: RecordId,
    time: Timestamp,
    event: SystemEvent,
    detail: &serde_json::Value,
) -> AuditRecord {
    let detail = JsonText::from_value(detail).ok();
    AuditRecord {
        envelope: Envelope::new(id, time),
        body: Body::System(System { event, detail }),
    }
}

/// Room that is kept for a gap record.
pub(super) const GAP_ROOM: u32 = 1024;
