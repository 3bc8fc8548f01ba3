//! Recovery: what a dead stream left, read, and finished under its own numbers.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use super::frame::{FINAL, Frame, Origin, START};
use super::lane::{Lane, SEQUENCE_CURSOR};
use crate::journal::{
    AppendError, CursorError, Entry, FrameIndex, Journal, JournalError, ReadError, Recovered,
    SyncError,
};
use crate::record::keyring::Keyring;
use crate::record::{AuditRecord, RecordId, Timestamp};
use crate::semconv;

/// What a lane's frames leave to be done.
#[derive(Debug, Default)]
pub(super) struct Remains {
    /// The number of the next record.
    pub(super) next_seq: u64,
    /// Indices of the final records that are there.
    pub(super) finals: Vec<u64>,
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
            ..Self::default()
        };
        let told = journal.load_cursor(TOLD_CURSOR)?.unwrap_or_default();
        let mut reader = journal.reader(recovered.first);
        while let Some(entry) = reader.next(journal.written())? {
            match entry {
                Entry::Damage(damage) => {
                    remains.missing += damage
                        .missing
                        .end
                        .0
                        .saturating_sub(damage.missing.start.max(told).0);
                }
                Entry::Frame(found) => {
                    let Some(frame) = Frame::read(found.payload) else {
                        return Err(RecoverError::UnknownVersion);
                    };
                    if found.kind == START {
                        let origin = Origin::from_meta(found.meta);
                        let start = OpenStart {
                            payload: found.payload.to_vec(),
                            origin,
                            order: found.index.0,
                        };
                        remains.open.insert(frame.record_id, start);
                    } else if found.kind == FINAL {
                        remains.finals.push(found.index.0);
                        remains.next_seq = remains.next_seq.max(frame.seq.map_or(0, |seq| seq + 1));
                        remains.open.remove(&frame.record_id);
                    }
                }
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

    /// Writes what is owed: a record of unknown outcome for every open start, in the order of the starts, and gap
    /// records where frames are missing or the end was torn off.
    pub(super) fn finish(
        mut self,
        lane: &Lane,
        keys: &Keyring,
        time: Timestamp,
        new_id: impl Fn() -> RecordId,
    ) -> Result<(), RecoverError> {
        let mut open: Vec<OpenStart> = std::mem::take(&mut self.open).into_values().collect();
        open.sort_by_key(|start| start.order);
        for start in open {
            match start.record() {
                Some((record, view)) => {
                    lane.finish(record, view, keys, None)?;
                }
                None => self.unreadable += 1,
            }
        }
        for (reason, count) in std::mem::take(&mut self.losses) {
            let detail = serde_json::json!({ "count": count, "reason": reason });
            lane.finish(
                lane.gap(new_id(), time, &detail),
                super::frame::SpanView::None,
                keys,
                None,
            )?;
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
                let gap = lane.gap(new_id(), time, &detail);
                lane.finish(gap, super::frame::SpanView::None, keys, None)?;
            }
        }
        // Told twice if the process is killed before this, or the note stays: better than not at all.
        let _ = lane.journal().save_note("{}");
        Ok(())
    }
}

impl OpenStart {
    /// The start's record, which says by itself that its end is not known.
    fn record(&self) -> Option<(AuditRecord, super::frame::SpanView)> {
        let frame = Frame::read(&self.payload)?;
        let service = self
            .origin
            .as_ref()
            .and_then(|origin| origin.service.as_ref());
        let decoded = semconv::decode(frame.log_record, service).ok()?;
        Some((decoded.record, frame.view))
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
