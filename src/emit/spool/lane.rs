//! A lane: the part of the spool that one emitter stream writes, a journal of its own.

mod place;
mod release;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::finals::Finals;
use super::frame::{self, Origin, SpanView};
use super::recovery::{self, RecoverError, Remains};
use crate::journal::{
    AppendError, FrameIndex, Journal, JournalError, JournalOptions, Room, SyncError,
};
use crate::record::keyring::Keyring;
use crate::record::{
    AuditRecord, Body, Envelope, JsonText, Label, RecordId, StreamId, StreamPosition, System,
    SystemEvent, Timestamp, canonical,
};
use crate::semconv::LogForm;

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
    /// Buffers for making frames, used again, so that appending allocates nothing in the long run.
    buffers: Mutex<Vec<Buffers>>,
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

#[derive(Debug)]
struct State {
    next_seq: u64,
    /// Open starts: the index that a start was given, and where it stands now that it may have been copied forward.
    starts: BTreeMap<u64, u64>,
    finals: Finals,
    /// Losses that no gap record tells yet, by reason.
    losses: BTreeMap<&'static str, u64>,
    /// Those of them that stand in the lane's note.
    noted: BTreeMap<&'static str, u64>,
    /// Whether room for a gap record is reserved.
    gap_room: bool,
    /// Open starts whose end has no room reserved: the start was copied forward into it.
    without_room: u64,
}

#[derive(Debug, Default)]
struct Buffers {
    canonical: canonical::CanonicalForm,
    log: LogForm,
    payload: Vec<u8>,
}

/// What a lane has taken since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    started: AtomicU64,
    finals: AtomicU64,
    dropped: AtomicU64,
}

/// A start that was recorded. Its end finds room reserved.
#[derive(Debug)]
pub(crate) struct StartToken(u64);

impl StartToken {
    /// The frame that the start was given.
    pub(crate) fn index(&self) -> FrameIndex {
        FrameIndex(self.0)
    }
}

impl Lane {
    /// Opens a new lane in a directory that does not exist yet.
    pub(crate) fn create(
        path: &Path,
        options: JournalOptions,
        stream: StreamId,
        origin: &Origin,
        consumers: &[Consumer],
        nonce: u64,
    ) -> Result<Self, JournalError> {
        let (journal, _) = Journal::open(path, options, &origin.to_meta(), nonce)?;
        let lane = Self::new(path, journal, options, (stream, origin.service.clone()), 0)
            .map_err(RecoverError::into_journal)?;
        // Whose records these are stands on disk from the beginning: see `is_owed_to`.
        for consumer in consumers {
            lane.journal
                .save_cursor(consumer.cursor(), FrameIndex(0))
                .map_err(|error| RecoverError::from(error).into_journal())?;
        }
        // What is lost when the lane fills up at once is to be told too.
        lane.state().gap_room = lane.journal.reserve(GAP_ROOM).is_ok();
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
        keys: &Keyring,
        now: (Timestamp, impl Fn() -> RecordId),
        nonce: u64,
    ) -> Result<Self, RecoverError> {
        let origin = recovery::origin(path)?;
        // The capacity holds back whoever fills a lane. Here a few records are all that is needed to empty it, and a lane
        // that was left full has no room for them.
        let unlimited = JournalOptions {
            capacity_bytes: u64::MAX / 2,
            ..options
        };
        let (journal, recovered) = Journal::open(path, unlimited, &origin.to_meta(), nonce)?;
        let remains = Remains::read(&journal, &recovered)?;
        let next_seq = remains.next_seq;
        let lane = Self::new(path, journal, options, (stream, origin.service), next_seq)?;
        lane.totals
            .finals
            .store(remains.finals.len() as u64, Ordering::Relaxed);
        remains
            .finals
            .iter()
            .for_each(|index| lane.state().finals.insert(*index));
        let (time, new_id) = now;
        remains.finish(&lane, keys, time, new_id)?;
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
        next_seq: u64,
    ) -> Result<Self, RecoverError> {
        let state = State {
            next_seq,
            starts: BTreeMap::new(),
            finals: Finals::default(),
            losses: BTreeMap::new(),
            noted: BTreeMap::new(),
            gap_room: false,
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
            buffers: Mutex::default(),
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
        all && state.starts.is_empty() && state.losses.is_empty()
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

    /// Counts frames that turned out to be missing, once, whoever comes upon them how often.
    pub(crate) fn tell_damage(&self, missing: &Range<FrameIndex>) {
        let told = self.damage_told.fetch_max(missing.end.0, Ordering::AcqRel);
        let count = missing.end.0.saturating_sub(missing.start.0.max(told));
        if count > 0 {
            *self.state().losses.entry("frames_damaged").or_default() += count;
        }
    }

    /// Records that something began. When this returns, the process may be killed and the beginning is known.
    pub(crate) fn start(
        &self,
        record: &AuditRecord,
        view: SpanView,
    ) -> Result<StartToken, AppendError> {
        let mut buffers = self.take_buffers();
        buffers.log.write(record);
        let Buffers { log, payload, .. } = &mut buffers;
        frame::write_payload(
            payload,
            view,
            record.envelope.record_id,
            None,
            log.as_bytes(),
        );
        let mut state = self.state();
        let appended = self
            .journal
            .append(frame::START, payload, Room::Reserve(END_ROOM));
        if let Ok(index) = appended {
            state.starts.insert(index.0, index.0);
            self.totals.started.fetch_add(1, Ordering::Relaxed);
        }
        drop(state);
        self.put_back(buffers);
        appended.map(|index| StartToken(index.0))
    }

    /// Gives a record its number and its code and appends it: it is final. A failed append takes no number.
    pub(crate) fn finish(
        &self,
        mut record: AuditRecord,
        view: SpanView,
        keys: &Keyring,
        start: Option<StartToken>,
    ) -> Result<FrameIndex, AppendError> {
        let appended = self.try_finish(&mut record, view, keys, start.as_ref());
        if let (Some(start), Err(_)) = (start, &appended) {
            self.abandon(start);
        }
        appended
    }

    /// As [`finish`](Self::finish), but where it fails the start stands as it did, so that it can be tried again.
    pub(crate) fn try_finish(
        &self,
        record: &mut AuditRecord,
        view: SpanView,
        keys: &Keyring,
        start: Option<&StartToken>,
    ) -> Result<FrameIndex, AppendError> {
        let room = if start.is_some() {
            Room::Use(END_ROOM)
        } else {
            Room::Free
        };
        self.append(record, view, keys, room, start.map(|start| start.0))
    }

    /// The end of this start will not come: what was kept for it is given back.
    pub(crate) fn abandon(&self, start: StartToken) {
        let mut state = self.state();
        state.starts.remove(&start.0);
        if self.journal.unreserve(END_ROOM).is_err() {
            state.without_room = state.without_room.saturating_sub(1);
        }
    }

    /// Counts a record that could not be written; it will be told by a gap record.
    pub(crate) fn count_loss(&self, reason: &'static str) {
        self.totals.dropped.fetch_add(1, Ordering::Relaxed);
        *self.state().losses.entry(reason).or_default() += 1;
    }

    /// Writes the gap record that is owed, if one is, and keeps room for the next. Called now and then.
    pub(crate) fn tell_losses(
        &self,
        keys: &Keyring,
        time: Timestamp,
        new_id: impl Fn() -> RecordId,
    ) {
        let (losses, mut reserved) = {
            let mut state = self.state();
            (
                std::mem::take(&mut state.losses),
                std::mem::take(&mut state.gap_room),
            )
        };
        for (reason, count) in losses {
            let detail = serde_json::json!({ "count": count, "reason": reason });
            let mut record = self.gap(new_id(), time, &detail);
            let room = if reserved {
                Room::Use(GAP_ROOM)
            } else {
                Room::Free
            };
            if self
                .append(&mut record, SpanView::None, keys, room, None)
                .is_ok()
            {
                reserved = false;
            } else {
                *self.state().losses.entry(reason).or_default() += count;
            }
        }
        self.state().gap_room = reserved || self.journal.reserve(GAP_ROOM).is_ok();
        self.note_losses();
    }

    /// Takes the losses that no gap record tells yet, for somebody else to tell.
    pub(super) fn take_losses(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut self.state().losses)
    }

    /// Takes over losses that are to be told here.
    pub(super) fn owe_losses(&self, losses: BTreeMap<&'static str, u64>) {
        let mut state = self.state();
        for (reason, count) in losses {
            *state.losses.entry(reason).or_default() += count;
        }
    }

    /// Notes what no gap record tells yet, so that the next process does when this one ends before there is room.
    fn note_losses(&self) {
        let losses = self.state().losses.clone();
        if losses == self.state().noted {
            return;
        }
        let note = serde_json::to_string(&losses).expect("reasons and counts have a JSON form");
        if self.journal.save_note(&note).is_ok() {
            self.state().noted = losses;
        }
    }

    /// A record that tells of what is missing from this lane.
    pub(super) fn gap(
        &self,
        id: RecordId,
        time: Timestamp,
        detail: &serde_json::Value,
    ) -> AuditRecord {
        let mut gap = system_record(id, time, SystemEvent::Gap, detail);
        gap.envelope.service = self.service.clone();
        gap
    }

    /// Makes durable what was appended so far.
    pub(crate) fn sync(&self) -> Result<FrameIndex, SyncError> {
        self.journal.sync()
    }

    /// The bound below which all frames are on disk.
    pub(crate) fn durable(&self) -> FrameIndex {
        self.journal.durable()
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

    fn append(
        &self,
        record: &mut AuditRecord,
        view: SpanView,
        keys: &Keyring,
        room: Room,
        start: Option<u64>,
    ) -> Result<FrameIndex, AppendError> {
        let mut buffers = self.take_buffers();
        record.envelope.position = Some(StreamPosition {
            stream: self.stream,
            seq: 0,
        });
        buffers.canonical.write(record);
        buffers.log.write(record);
        let (before, behind) = buffers.canonical.around_seq();
        let mut mac = keys.authenticate();
        mac.update(before);
        let mut state = self.state();
        let mut digits = Vec::with_capacity(20);
        canonical::write_int(&mut digits, state.next_seq);
        mac.update(&digits);
        mac.update(behind);
        let Buffers { log, payload, .. } = &mut buffers;
        log.seal(state.next_seq, &mac.finish());
        frame::write_payload(
            payload,
            view,
            record.envelope.record_id,
            Some(state.next_seq),
            log.as_bytes(),
        );
        let mut appended = self.journal.append(frame::FINAL, payload, room);
        if let (Err(AppendError::NotReserved { .. }), Some(_)) = (&appended, start) {
            appended = self.journal.append(frame::FINAL, payload, Room::Free);
            if appended.is_ok() {
                state.without_room = state.without_room.saturating_sub(1);
            }
        }
        if let Ok(index) = appended {
            state.finals.insert(index.0);
            state.next_seq += 1;
            // Under the same lock as the end: a start that is copied forward must not come to stand behind its end.
            if let Some(start) = start {
                state.starts.remove(&start);
            }
            self.totals.finals.fetch_add(1, Ordering::Relaxed);
        }
        drop(state);
        self.put_back(buffers);
        appended
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_buffers(&self) -> Buffers {
        self.buffers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
            .unwrap_or_default()
    }

    fn put_back(&self, buffers: Buffers) {
        self.buffers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(buffers);
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

/// Room that a start keeps for its end. Longer ends find their room when they come, or are counted.
const END_ROOM: u32 = 4096;
/// Room that is kept for a gap record.
const GAP_ROOM: u32 = 1024;
/// Name under which the next number is kept when records with lower ones are deleted.
pub(super) const SEQUENCE_CURSOR: &str = "sequence";

#[cfg(test)]
mod tests;
