//! A lane: the part of the spool that one emitter stream writes, a journal of its own.

mod losses;
mod place;
mod release;
mod starts;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use self::losses::system_record;
pub(crate) use self::starts::StartToken;

use self::losses::{GAP_ROOM, Losses};
use self::starts::Starts;
use super::finals::Finals;
use super::frame::{self, Origin, SpanView};
use super::recovery::{self, RecoverError, Remains};
use super::seal::{Codes, Sealer};
use crate::journal::{
    AppendError, FrameIndex, Journal, JournalError, JournalOptions, Room, SyncError, Writing,
};
use crate::record::keyring::Keyring;
use crate::record::rows::RowForm;
use crate::record::{AuditRecord, Label, RecordId, RecordRef, StreamId, StreamPosition, Timestamp};

/// A stream's part of the spool. Appending is for many threads at a time; syncing, releasing and reading go on beside.
#[derive(Debug)]
pub(crate) struct Lane {
    path: PathBuf,
    journal: Journal,
    stream: StreamId,
    /// The service that its segments name: whoever reads a record puts it on the record.
    service: Option<Label>,
    positions: [Position; 3],
    /// Bytes on disk above which nothing is kept for the sake of spans.
    crowded_bytes: u64,
    /// The bound below which damage has been told.
    damage_told: AtomicU64,
    state: Mutex<State>,
    keys: Arc<Keyring>,
    sealer: Mutex<Sealer>,
    /// The bound below which all is on disk, sealed.
    durable: AtomicU64,
    totals: Totals,
}

/// Who reads a lane, with a cursor of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consumer {
    /// The JSON-lines sink.
    Lines,
    /// The sender of log records.
    Logs,
    /// The sender of spans.
    Traces,
}

impl Consumer {
    const ALL: [Self; 3] = [Self::Lines, Self::Logs, Self::Traces];

    fn cursor(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Logs => "logs",
            Self::Traces => "traces",
        }
    }
}

/// How far a consumer is: in memory, and on disk.
#[derive(Debug, Default)]
struct Position {
    reached: AtomicU64,
    saved: AtomicU64,
}

struct State {
    next_seq: u64,
    starts: Starts,
    finals: Finals,
    losses: Losses,
    /// Open starts whose end has no room reserved: the start was copied forward into it.
    without_room: u64,
}

/// What a lane has taken since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    started: AtomicU64,
    finals: AtomicU64,
    dropped: AtomicU64,
}

impl Lane {
    /// Opens a new lane in a directory that does not exist yet.
    pub(crate) fn create(
        path: &Path,
        options: JournalOptions,
        stream: StreamId,
        origin: &Origin,
        consumers: &[Consumer],
        keys: Arc<Keyring>,
        nonce: u64,
    ) -> Result<Self, JournalError> {
        let (journal, _) = Journal::open(path, options, &origin.to_meta(), nonce)?;
        let service = origin.service.clone();
        let sealer = Sealer::new(&journal, journal.first());
        let lane = Self::new(path, journal, options, (stream, service), keys, sealer)
            .map_err(RecoverError::into_journal)?;
        // Whose records these are stands on disk from the beginning: see `is_owed_to`.
        for consumer in consumers {
            lane.journal
                .save_cursor(consumer.cursor(), FrameIndex(0))
                .map_err(|error| RecoverError::from(error).into_journal())?;
        }
        // What is lost when the lane fills up at once is to be told too.
        lane.state().losses.gap_room = lane.journal.reserve(GAP_ROOM).is_ok();
        Ok(lane)
    }

    /// Whether the records of a lane that is not open are owed to this consumer.
    pub(crate) fn is_owed_to(path: &Path, consumer: Consumer) -> bool {
        Journal::has_cursor(path, consumer.cursor())
    }

    /// Opens the lane of a stream whose process is gone, and finishes it: what was begun and not ended becomes a record
    /// of unknown outcome, what is missing becomes a gap record. Decides nothing else again.
    ///
    /// Safe to repeat: a lane whose recovery was cut short is recovered by the next one.
    pub(crate) fn recover(
        path: &Path,
        options: JournalOptions,
        stream: StreamId,
        keys: Arc<Keyring>,
        now: (Timestamp, impl Fn() -> RecordId),
        nonce: u64,
    ) -> Result<Self, RecoverError> {
        let origin = recovery::origin(path)?;
        // The capacity holds back whoever fills a lane. Here a few records are all that is needed to empty it, and a lane
        // that was left full has no room for them.
        let unlimited = JournalOptions {
            capacity_bytes: u64::MAX / 2,
            writing: Writing::Calls,
            ..options
        };
        let (journal, recovered) = Journal::open(path, unlimited, &origin.to_meta(), nonce)?;
        let remains = Remains::read(&journal, &recovered)?;
        let sealer = Sealer::new(&journal, remains.unsealed_from(&journal));
        let service = origin.service;
        let lane = Self::new(path, journal, options, (stream, service), keys, sealer)?;
        lane.state().next_seq = remains.next_seq;
        lane.totals
            .finals
            .store(remains.finals.len() as u64, Ordering::Relaxed);
        remains
            .finals
            .iter()
            .for_each(|index| lane.state().finals.insert(*index));
        let (time, new_id) = now;
        remains.finish(&lane, time, new_id)?;
        lane.sync()?;
        lane.damage_told.store(lane.written().0, Ordering::Relaxed);
        lane.journal
            .save_cursor(recovery::TOLD_CURSOR, lane.written())?;
        Ok(lane)
    }

    fn new(
        path: &Path,
        journal: Journal,
        options: JournalOptions,
        (stream, service): (StreamId, Option<Label>),
        keys: Arc<Keyring>,
        sealer: Sealer,
    ) -> Result<Self, RecoverError> {
        let state = State {
            next_seq: 0,
            starts: Starts::default(),
            finals: Finals::default(),
            losses: Losses::default(),
            without_room: 0,
        };
        let lane = Self {
            path: path.to_owned(),
            stream,
            service,
            positions: Default::default(),
            crowded_bytes: options.capacity_bytes / 2,
            damage_told: AtomicU64::new(0),
            state: Mutex::new(state),
            keys,
            sealer: Mutex::new(sealer),
            durable: AtomicU64::new(0),
            totals: Totals::default(),
            journal,
        };
        for consumer in Consumer::ALL {
            let saved = lane
                .journal
                .load_cursor(consumer.cursor())?
                .unwrap_or_default();
            let position = &lane.positions[consumer as usize];
            position.saved.store(saved.0, Ordering::Relaxed);
            position
                .reached
                .store(saved.0.max(lane.journal.first().0), Ordering::Relaxed);
        }
        Ok(lane)
    }

    /// How far a consumer is: it has every frame below.
    pub(crate) fn position(&self, consumer: Consumer) -> FrameIndex {
        FrameIndex(
            self.positions[consumer as usize]
                .reached
                .load(Ordering::Acquire),
        )
    }

    /// A consumer has every frame below `reached`.
    pub(crate) fn advance(&self, consumer: Consumer, reached: FrameIndex) {
        self.positions[consumer as usize]
            .reached
            .fetch_max(reached.0, Ordering::AcqRel);
    }

    /// The bound below which every consumer has every frame. Spans hold at most half of the room: a trace backend that
    /// takes nothing must not keep the records themselves from being recorded.
    pub(crate) fn consumed(&self, consumers: &[Consumer]) -> FrameIndex {
        let crowded = self.journal.usage().bytes > self.crowded_bytes;
        let counted = consumers
            .iter()
            .filter(|consumer| !(crowded && **consumer == Consumer::Traces));
        counted
            .map(|consumer| self.position(*consumer))
            .min()
            .unwrap_or_default()
    }

    /// Writes down how far the consumers are, where that has changed.
    pub(crate) fn save_cursors(&self, consumers: &[Consumer]) {
        for consumer in consumers {
            let position = &self.positions[*consumer as usize];
            let reached = position.reached.load(Ordering::Acquire);
            let moved = position.saved.load(Ordering::Relaxed) != reached;
            if moved
                && self
                    .journal
                    .save_cursor(consumer.cursor(), FrameIndex(reached))
                    .is_ok()
            {
                position.saved.store(reached, Ordering::Relaxed);
            }
        }
    }

    /// Final records that somebody has not got yet.
    pub(crate) fn depth(&self, consumers: &[Consumer]) -> u64 {
        let reached = consumers
            .iter()
            .map(|consumer| self.position(*consumer))
            .min()
            .unwrap_or_default();
        self.state().finals.count_from(reached.0)
    }

    /// Starts without an end.
    pub(crate) fn open_starts(&self) -> u64 {
        self.state().starts.len() as u64
    }

    /// Whether nothing is begun, no loss is left to be told, and every consumer has everything.
    pub(crate) fn is_drained(&self, consumers: &[Consumer]) -> bool {
        let written = self.written();
        let all = consumers
            .iter()
            .all(|consumer| self.position(*consumer) >= written);
        let state = self.state();
        all && state.starts.len() == 0 && state.losses.are_told()
    }

    /// Removes the lane's directory: takes its name away, which is done or not done, and then what is in it. Its lock is
    /// held until the lane is dropped.
    pub(crate) fn remove(&self) -> io::Result<()> {
        let drained = self
            .path
            .with_file_name(format!("{}{}", super::DRAINED_PREFIX, self.stream));
        fs::rename(&self.path, &drained)?;
        // Whoever opens the spool next sweeps away what cannot be deleted now.
        let _ = fs::remove_dir_all(drained);
        Ok(())
    }

    /// Records that something began: `rows` is the start form of its record. When this returns, the process may be killed and
    /// the beginning is known.
    pub(crate) fn start(
        &self,
        view: SpanView,
        id: RecordId,
        rows: &[u8],
    ) -> Result<StartToken, AppendError> {
        let mut state = self.state();
        let head = frame::head(view, id, None);
        let room = Room::Reserve(END_ROOM);
        let index = self
            .journal
            .append_parts(frame::START, &[&head, rows], room)?;
        self.totals.started.fetch_add(1, Ordering::Relaxed);
        Ok(state.starts.open(index))
    }

    /// Gives a record its number and appends it: it is final. `rows` is what [`write_rows`](Self::write_rows) wrote. A failed
    /// append takes no number.
    pub(crate) fn finish(
        &self,
        view: SpanView,
        id: RecordId,
        rows: &[u8],
        start: Option<StartToken>,
    ) -> Result<FrameIndex, AppendError> {
        let appended = self.try_finish(view, id, rows, start.as_ref());
        if let (Some(start), Err(_)) = (start, &appended) {
            self.abandon(start);
        }
        appended
    }

    /// As [`finish`](Self::finish), but where it fails the start stands as it did, so that it can be tried again.
    pub(crate) fn try_finish(
        &self,
        view: SpanView,
        id: RecordId,
        rows: &[u8],
        start: Option<&StartToken>,
    ) -> Result<FrameIndex, AppendError> {
        let room = if start.is_some() {
            Room::Use(END_ROOM)
        } else {
            Room::Free
        };
        let mut state = self.state();
        let index = self.append(&mut state, view, id, rows, room)?;
        // Under the same lock as the end: a start that is copied forward must not come to stand behind its end.
        if let Some(start) = start {
            state.starts.close(start);
        }
        Ok(index)
    }

    /// The end of this start will not come: what was kept for it is given back.
    pub(crate) fn abandon(&self, start: StartToken) {
        let mut state = self.state();
        state.starts.close(&start);
        if self.journal.unreserve(END_ROOM).is_err() {
            state.without_room = state.without_room.saturating_sub(1);
        }
    }

    /// [`finish`](Self::finish) for a record that is not written as rows yet.
    pub(crate) fn finish_record(
        &self,
        record: AuditRecord,
        view: SpanView,
        start: Option<StartToken>,
    ) -> Result<FrameIndex, AppendError> {
        let mut rows = RowForm::default();
        self.write_rows(&RecordRef::from(&record), &mut rows);
        self.finish(view, record.envelope.record_id, rows.as_bytes(), start)
    }

    /// Seals what was appended so far and makes it durable, and returns the new [`durable`](Self::durable).
    pub(crate) fn sync(&self) -> Result<FrameIndex, SyncError> {
        let FrameIndex(sealed) = self
            .sealer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .seal(&self.journal, &self.keys);
        self.journal.sync()?;
        // What was appended meanwhile is on disk too, but for most of it not sealed yet: it waits for the next time.
        self.durable.fetch_max(sealed, Ordering::AcqRel);
        Ok(self.durable())
    }

    /// The bound below which all frames are on disk, and their seals too where there was room for them.
    pub(crate) fn durable(&self) -> FrameIndex {
        FrameIndex(self.durable.load(Ordering::Acquire))
    }

    /// The numbers and codes of the records from this frame on.
    pub(crate) fn codes(&self, from: FrameIndex) -> Codes {
        Codes::new(self.journal.reader(from), Arc::clone(&self.keys))
    }

    /// The index of the next frame.
    pub(crate) fn written(&self) -> FrameIndex {
        self.journal.written()
    }

    /// The journal, for readers and cursors.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The stream whose records these are.
    pub(crate) fn stream(&self) -> StreamId {
        self.stream
    }

    /// Started, final and dropped records since the lane was opened.
    pub(crate) fn totals(&self) -> (u64, u64, u64) {
        let totals = &self.totals;
        (
            totals.started.load(Ordering::Relaxed),
            totals.finals.load(Ordering::Relaxed),
            totals.dropped.load(Ordering::Relaxed),
        )
    }

    /// Replaces what the buffer holds by the row form of a record of this stream.
    pub(crate) fn write_rows(&self, record: &RecordRef<'_>, rows: &mut RowForm) {
        let mut record = *record;
        record.envelope.position = Some(StreamPosition {
            stream: self.stream,
            seq: 0,
        });
        rows.write(&record);
    }

    fn append(
        &self,
        state: &mut State,
        view: SpanView,
        id: RecordId,
        rows: &[u8],
        room: Room,
    ) -> Result<FrameIndex, AppendError> {
        let head = frame::head(view, id, Some(state.next_seq));
        let payload = [&head[..], rows];
        let mut appended = self.journal.append_parts(frame::FINAL, &payload, room);
        if let (Err(AppendError::NotReserved { .. }), Room::Use(END_ROOM)) = (&appended, room) {
            appended = self
                .journal
                .append_parts(frame::FINAL, &payload, Room::Free);
            if appended.is_ok() {
                state.without_room = state.without_room.saturating_sub(1);
            }
        }
        let index = appended?;
        state.finals.insert(index.0);
        state.next_seq += 1;
        self.totals.finals.fetch_add(1, Ordering::Relaxed);
        Ok(index)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for State {
    /// Shows numbers, never content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("next_seq", &self.next_seq)
            .field("open_starts", &self.starts.len())
            .field("losses", &self.losses)
            .finish_non_exhaustive()
    }
}

/// Room that a start keeps for its end. Longer ends find their room when they come, or are counted.
const END_ROOM: u32 = 4096;
/// Name under which the next number is kept when records with lower ones are deleted.
pub(super) const SEQUENCE_CURSOR: &str = "sequence";

#[cfg(test)]
mod tests;
