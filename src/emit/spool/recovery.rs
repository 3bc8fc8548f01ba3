//! Recovery: what a dead stream left, read, and finished under its own numbers.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use super::frame::{FINAL, Frame, Origin, SEAL, START, SpanView};
use super::lane::{Lane, SEQUENCE_CURSOR};
use super::seal::Seal;
use crate::journal::{
    self, AppendError, CursorError, Entry, FrameIndex, Journal, JournalError, ReadError, Recovered,
    SyncError,
};
use crate::record::{AuditRecord, RecordId, SystemEvent, Timestamp};
use crate::semconv;

/// What a lane's frames leave to be done.
#[derive(Debug, Default)]
pub(super) struct Remains {
    /// The number of the next record.
    pub(super) next_seq: u64,
    /// Indices of the final records that are there.
    pub(super) finals: Vec<u64>,
    /// Final records behind the last seal: where they stand, and their numbers.
    behind_seals: Vec<(FrameIndex, u64)>,
    /// Final records before it that no seal covers, and that no recovery has told of.
    between_seals: u64,
    /// The bound below which recoveries have told what there was to be told.
    told: FrameIndex,
    /// Starts without an end.
    open: HashMap<[u8; 16], OpenStart>,
    /// Frames that are known to be missing.
    missing: u64,
    /// Starts that could not be read.
    unreadable: u64,
    /// Bytes that were cut off behind the last whole frame.
    torn_tail_bytes: u64,
    /// Bytes of a note of losses that says nothing any more.
    unreadable_note_bytes: u64,
    /// Losses that were noted and not told, by reason.
    losses: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct OpenStart {
    payload: Vec<u8>,
    origin: Option<Origin>,
    order: u64,
}

/// The emitter that a dead lane's new segments name: that of its newest one.
pub(super) fn origin(path: &Path) -> Result<Origin, RecoverError> {
    match Journal::meta(path)? {
        Some(meta) => Origin::from_meta(&meta).ok_or(RecoverError::UnknownVersion),
        None => Ok(Origin::new(None, &[])),
    }
}

impl Remains {
    /// Reads the whole lane.
    pub(super) fn read(journal: &Journal, recovered: &Recovered) -> Result<Self, RecoverError> {
        let mut remains = Self {
            torn_tail_bytes: recovered.torn_tail_bytes,
            told: journal.load_cursor(TOLD_CURSOR)?.unwrap_or_default(),
            ..Self::default()
        };
        let mut reader = journal.reader(recovered.first);
        while let Some(entry) = reader.next(journal.written())? {
            match entry {
                Entry::Damage(damage) => {
                    remains.missing += damage
                        .missing
                        .end
                        .0
                        .saturating_sub(damage.missing.start.max(remains.told).0);
                }
                Entry::Frame(found) => remains.take(&found)?,
            }
        }
        if let Some(note) = journal.load_note().map_err(RecoverError::Note)? {
            match serde_json::from_str(&note) {
                Ok(losses) => remains.losses = losses,
                Err(_) => remains.unreadable_note_bytes = note.len() as u64,
            }
        }
        let FrameIndex(kept) = journal.load_cursor(SEQUENCE_CURSOR)?.unwrap_or_default();
        remains.next_seq = remains.next_seq.max(kept);
        Ok(remains)
    }

    fn take(&mut self, found: &journal::Frame<'_>) -> Result<(), RecoverError> {
        if found.kind == SEAL {
            let seal = Seal::read(found.payload).ok_or(RecoverError::UnknownVersion)?;
            let numbers = seal.numbers();
            // A record that is sealed was there, also where its frame is not any more.
            self.next_seq = self.next_seq.max(numbers.end);
            let passed_over =
                |(index, seq): &&(FrameIndex, u64)| *seq < numbers.start && *index >= self.told;
            let passed_over = self.behind_seals.iter().filter(passed_over).count();
            self.between_seals += passed_over as u64;
            self.behind_seals.retain(|(_, seq)| *seq >= numbers.end);
            return Ok(());
        }
        let frame = Frame::read(found.payload).ok_or(RecoverError::UnknownVersion)?;
        if found.kind == START {
            let start = OpenStart {
                payload: found.payload.to_vec(),
                origin: Origin::from_meta(found.meta),
                order: found.index.0,
            };
            self.open.insert(frame.record_id, start);
        } else if let (FINAL, Some(seq)) = (found.kind, frame.seq) {
            self.finals.push(found.index.0);
            self.behind_seals.push((found.index, seq));
            self.next_seq = self.next_seq.max(seq + 1);
            self.open.remove(&frame.record_id);
        }
        Ok(())
    }

    /// Where the records begin that the taker seals.
    pub(super) fn unsealed_from(&self, journal: &Journal) -> FrameIndex {
        let first = self.behind_seals.first();
        first.map_or(journal.written(), |(index, _)| *index)
    }

    /// Writes what is owed: a record of unknown outcome for every open start, in the order of the starts, gap records where
    /// frames are missing or the end was torn off, and a record that tells how many had no code yet.
    pub(super) fn finish(
        mut self,
        lane: &Lane,
        time: Timestamp,
        new_id: impl Fn() -> RecordId,
    ) -> Result<(), RecoverError> {
        let mut open: Vec<OpenStart> = std::mem::take(&mut self.open).into_values().collect();
        open.sort_by_key(|start| start.order);
        for start in open {
            match start.record() {
                Some((record, view)) => {
                    lane.finish_record(record, view, None)?;
                }
                None => self.unreadable += 1,
            }
        }
        for (reason, count) in std::mem::take(&mut self.losses) {
            let detail = serde_json::json!({ "count": count, "reason": reason });
            let gap = lane.about(new_id(), time, SystemEvent::Gap, &detail);
            lane.finish_record(gap, SpanView::None, None)?;
        }
        // How many records were in a torn tail, if any, nobody knows; nor what a note said that cannot be read.
        for (measure, amount, reason) in [
            ("count", self.missing, "frames_damaged"),
            ("count", self.unreadable, "starts_unreadable"),
            ("bytes", self.torn_tail_bytes, "torn_tail"),
            ("bytes", self.unreadable_note_bytes, "losses_unreadable"),
        ] {
            if amount > 0 {
                let detail = serde_json::json!({ measure: amount, "reason": reason });
                let gap = lane.about(new_id(), time, SystemEvent::Gap, &detail);
                lane.finish_record(gap, SpanView::None, None)?;
            }
        }
        let unsealed = self.between_seals + self.behind_seals.len() as u64;
        if unsealed > 0 {
            let detail = serde_json::json!({ "unsealed": unsealed });
            let told = lane.about(new_id(), time, SystemEvent::Recovery, &detail);
            lane.finish_record(told, SpanView::None, None)?;
        }
        // Told twice if the process is killed before this, or the note stays: better than not at all.
        let _ = lane.journal().save_note("{}");
        Ok(())
    }
}

impl OpenStart {
    /// The start's record, which says by itself that its end is not known.
    fn record(&self) -> Option<(AuditRecord, SpanView)> {
        let frame = Frame::read(&self.payload)?;
        let service = self
            .origin
            .as_ref()
            .and_then(|origin| origin.service.as_ref());
        let record = semconv::decode_start(frame.rows, service).ok()?;
        Some((record, frame.view))
    }
}

/// Why a lane could not be recovered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoverError {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Cursor(#[from] CursorError),
    #[error("its note of losses cannot be read: {0}")]
    Note(#[source] io::Error),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Sync(#[from] SyncError),
    /// A segment says of which version its frames are, and it is none that is known here.
    #[error(
        "its segments are of a version that is not known here: drain it with the llm-audit that wrote it"
    )]
    UnknownVersion,
}

impl RecoverError {
    /// The error of a lane that is new, where nothing but its directory can fail.
    pub(super) fn into_journal(self) -> JournalError {
        match self {
            Self::Journal(error) => error,
            other => JournalError::Io {
                action: "begin",
                path: PathBuf::new(),
                source: io::Error::other(other.to_string()),
            },
        }
    }
}

/// Name under which it is kept up to where missing frames have been told.
pub(super) const TOLD_CURSOR: &str = "told";
