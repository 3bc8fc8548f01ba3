//! The recorder: takes captured calls through the gate into the spool. What layer, guard and streams stand on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use super::bell::Bell;
use super::canary::Canary;
use super::failure::{Durability, Modes, OnFailure};
use super::health::Health;
use super::late::Late;
use super::metrics::{Measured, Metrics};
use super::pipeline::{Owner, Pipelines};
use super::room::{Hope, WaitingRoom};
use super::spare;
use super::spool::{Kept, Lane, SpanView, Spool, StartToken, system_record};
use crate::clock::Clock;
use crate::journal::{AppendError, FrameIndex};
use crate::record::rows::RowForm;
use crate::record::{
    AuditRecord, Body, CapturedCall, Envelope, Label, RecordId, RecordRef, SystemEvent,
};
use crate::refine::{CapturedChange, Gate};
use crate::semconv::SpanShows;

/// The way from a captured call to the disk.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// First, since it goes first: what is owed is told while the spool is there.
    late: Late,
    gate: Gate,
    spool: Arc<Spool>,
    clock: Arc<Clock>,
    bell: Arc<Bell>,
    service: Option<Label>,
    spans: Spans,
    pipelines: Pipelines,
    metrics: Option<Metrics>,
    modes: Modes,
    room: WaitingRoom,
    canary: Canary,
    /// Calls that were admitted and not dismissed.
    open_calls: AtomicU64,
    /// Calls that were refused since they could not be recorded.
    calls_refused: AtomicU64,
    /// Read while a record is written, so that none is written behind the last one.
    closed: RwLock<Closed>,
    enabled: AtomicBool,
}

/// Whether the stream has its last record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closed {
    No,
    Yes,
}

/// When calls are sent as spans, beside their log records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spans {
    /// Where no OpenTelemetry pipeline of the application exports the call's span already, so that no trace backend
    /// shows a call twice.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Why a record was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordFault {
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error("the auditor has been shut down")]
    Closed,
    #[error("{limit} calls are open, which is the limit")]
    TooManyOpen { limit: u64 },
}

impl Recorder {
    pub(crate) fn new(
        gate: Gate,
        spool: Arc<Spool>,
        clock: Arc<Clock>,
        bell: Arc<Bell>,
        service: Option<Label>,
        (spans, modes): (Spans, Modes),
    ) -> Self {
        let (closed, enabled) = (RwLock::new(Closed::No), AtomicBool::new(true));
        let late = Late::new(&spool, &clock);
        Self {
            gate,
            spool,
            clock,
            bell,
            service,
            spans,
            pipelines: Pipelines::default(),
            metrics: None,
            modes,
            room: WaitingRoom::default(),
            canary: Canary::default(),
            late,
            open_calls: AtomicU64::new(0),
            calls_refused: AtomicU64::new(0),
            closed,
            enabled,
        }
    }

    /// The same with metrics.
    pub(crate) fn with_metrics(self, metrics: Option<Metrics>) -> Self {
        Self { metrics, ..self }
    }

    /// The metrics, where there are any.
    pub(crate) fn metrics(&self) -> Option<&Metrics> {
        self.metrics.as_ref()
    }

    /// The rules that records are made by.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Time, identifiers and dice.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How it behaves where a call says nothing else.
    pub(crate) fn modes(&self) -> &Modes {
        &self.modes
    }

    /// Whether the layer still sees what it is to see.
    pub(crate) fn canary(&self) -> &Canary {
        &self.canary
    }

    /// Where threads wait for room.
    pub(crate) fn room(&self) -> &WaitingRoom {
        &self.room
    }

    /// Takes in one more open call, which is to be [dismissed](Self::dismiss).
    pub(crate) fn admit(&self) -> Result<(), RecordFault> {
        let limit = self.modes.open_calls;
        if self.open_calls.fetch_add(1, Ordering::Relaxed) < limit {
            return Ok(());
        }
        self.dismiss();
        Err(RecordFault::TooManyOpen { limit })
    }

    /// An open call is open no more.
    pub(crate) fn dismiss(&self) {
        self.open_calls.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a call that was refused since it could not be recorded.
    pub(crate) fn count_refusal(&self) {
        self.calls_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Tries to record something; with [`OnFailure::WaitForRoom`], until there is room for it. The caller holds no lock,
    /// and neither does the attempt when it has failed.
    pub(crate) fn try_as<T>(
        &self,
        on_failure: OnFailure,
        mut attempt: impl FnMut() -> Result<T, RecordFault>,
    ) -> Result<T, RecordFault> {
        let OnFailure::WaitForRoom(patience) = on_failure else {
            return attempt();
        };
        let knock = || self.bell.ring();
        self.room
            .try_with(patience, &self.clock, knock, RecordFault::hope, attempt)
    }

    /// Whether calls, changes and accesses are recorded.
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    /// Switches recording on or off, which is itself recorded. Calls that have begun are finished.
    pub(crate) fn switch(&self, enabled: bool) -> Result<(), RecordFault> {
        if self.enabled.swap(enabled, Ordering::AcqRel) == enabled {
            return Ok(());
        }
        let detail = serde_json::json!({ "recording": if enabled { "on" } else { "off" } });
        self.system(SystemEvent::Configuration, &detail).map(drop)
    }

    /// Sets whether calls are recorded, where that is told by another record.
    pub(crate) fn set_enabled(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::Release);
    }

    /// How a call goes to trace backends, where `view` is how it would by itself.
    pub(crate) fn view(&self, view: SpanView) -> SpanView {
        match self.spans {
            Spans::Auto => view,
            Spans::Always => SpanView::Sent(SpanShows::DEFAULT),
            Spans::Never => SpanView::None,
        }
    }

    /// The application's own pipelines.
    pub(crate) fn pipelines(&self) -> &Pipelines {
        &self.pipelines
    }

    /// Whose the span of a call becomes that a watched pipeline knows too. A span that nobody would send for us, or that
    /// is begun when nothing is written any more, stays in its pipeline.
    pub(crate) fn owner(&self) -> Owner {
        if self.spans != Spans::Never && self.spool.sends_spans() && self.open().is_ok() {
            Owner::Taken
        } else {
            Owner::Recorded
        }
    }

    /// A call that begins now.
    pub(crate) fn new_call(&self, operation: Label) -> Box<CapturedCall> {
        let time = self.clock.now();
        let id = self.clock.record_id(time);
        let mut call = match spare::take_call() {
            Some(mut call) => {
                (call.record_id, call.time, call.operation) = (id, time, operation);
                call
            }
            None => Box::new(CapturedCall::new(id, time, operation)),
        };
        call.service.clone_from(&self.service);
        call
    }

    /// Records that a call began.
    pub(crate) fn begin(
        &self,
        call: &CapturedCall,
        view: SpanView,
    ) -> Result<StartToken, RecordFault> {
        let _open = self.open()?;
        let mut rows = spare::take_rows();
        self.gate.start(call).write(&mut rows);
        let view = view.showing(self.gate.start_shows());
        let started = self.lane().start(view, call.record_id, rows.as_bytes());
        spare::put_rows(rows);
        let token = started?;
        self.ring();
        Ok(token)
    }

    /// Records how a call ended, as the layer does.
    pub(crate) fn end(
        &self,
        call: Box<CapturedCall>,
        view: SpanView,
        start: Option<StartToken>,
    ) -> Result<FrameIndex, RecordFault> {
        self.end_as(self.modes.layer, call, view, start)
    }

    /// Records how a call ended. Its raw text is wiped before anything is written or waited for.
    pub(crate) fn end_as(
        &self,
        on_failure: OnFailure,
        call: Box<CapturedCall>,
        view: SpanView,
        start: Option<StartToken>,
    ) -> Result<FrameIndex, RecordFault> {
        let id = call.record_id;
        let mut rows = spare::take_rows();
        let (mut measured, mut view) = (None, view);
        self.gate.refine(&call, |record, shows| {
            self.lane().write_rows(record, &mut rows);
            measured = self.measure(record);
            view = view.showing(shows);
        });
        spare::put_call(call);
        let written = self.try_as(on_failure, || {
            let _open = self.open()?;
            self.append(view, id, &rows, start.as_ref())
        });
        spare::put_rows(rows);
        self.count(&written, measured);
        if let (Some(start), Err(_)) = (start, &written) {
            self.lane().abandon(start);
        }
        written
    }

    /// As [`end`](Self::end), but what cannot be written is counted, and told by a gap record.
    pub(crate) fn end_or_count(
        &self,
        call: Box<CapturedCall>,
        view: SpanView,
        start: Option<StartToken>,
    ) {
        if let Err(fault) = self.end(call, view, start) {
            self.count_loss(&fault);
        }
    }

    /// Counts a record that could not be written.
    pub(crate) fn count_loss(&self, fault: &RecordFault) {
        self.lane().count_loss(fault.reason());
        if matches!(fault, RecordFault::Closed) {
            self.late.tell();
        }
    }

    /// Records a change.
    pub(crate) fn change(
        &self,
        envelope: Envelope,
        change: CapturedChange,
    ) -> Result<FrameIndex, RecordFault> {
        self.finish_record(&self.gate.refine_change(envelope, change))
    }

    /// Records an access, or something about the trail itself.
    pub(crate) fn other(&self, envelope: Envelope, body: Body) -> Result<FrameIndex, RecordFault> {
        self.finish_record(&self.gate.refine_other(envelope, body))
    }

    /// Records something about the trail itself, with the totals of this stream.
    pub(crate) fn system(
        &self,
        event: SystemEvent,
        detail: &serde_json::Value,
    ) -> Result<FrameIndex, RecordFault> {
        self.finish_record(&self.about_the_trail(event, detail))
    }

    /// The envelope of something that happens now.
    pub(crate) fn envelope(&self) -> Envelope {
        let time = self.clock.now();
        let mut envelope = Envelope::new(self.clock.record_id(time), time);
        envelope.service = self.service.clone();
        envelope
    }

    /// Writes the gap records that are owed.
    pub(crate) fn tell_losses(&self) {
        let now = self.clock.now();
        let new_id = || -> RecordId { self.clock.record_id(now) };
        for lane in self.spool.lanes() {
            lane.tell_losses(now, new_id);
        }
    }

    /// Takes over lanes of processes that are gone.
    pub(crate) fn adopt(&self) -> usize {
        self.spool.adopt(&self.clock)
    }

    /// Blocks until a frame is on disk. The flusher is asked to hurry.
    ///
    /// False where it is not there after the first attempt failed.
    pub(crate) fn wait_durable(&self, index: FrameIndex) -> bool {
        self.bell.wait_durable(self.lane(), index)
    }

    /// Blocks until all that was appended is on disk; false as [`wait_durable`](Self::wait_durable).
    pub(crate) fn wait_all_durable(&self) -> bool {
        let written = self.lane().written();
        written.0 == 0 || self.wait_durable(FrameIndex(written.0 - 1))
    }

    /// Adds what the spool knows to what those know who deliver.
    pub(crate) fn health(&self, delivered: Health) -> Health {
        let (_, finals, dropped) = self.lane().totals();
        let usage = self.lane().journal().usage();
        Health {
            spooled: finals,
            dropped,
            calls_refused: self.calls_refused.load(Ordering::Relaxed),
            depth: self.spool.depth(),
            open_calls: self.lane().open_starts(),
            spool_bytes: (usage.bytes, usage.capacity),
            failed_syncs: self.bell.failed_syncs(),
            spool_made_again: self.spool.times_made_again(),
            hidden: self.canary.hidden(),
            unreadable: self.spool.unreadable(),
            ..delivered
        }
    }

    /// Writes the last record of the stream, behind all that were being written, and takes nothing more.
    pub(crate) fn stop(&self) {
        self.tell_losses();
        let mut closed = self.closed.write().unwrap_or_else(PoisonError::into_inner);
        let stop = self.about_the_trail(SystemEvent::Stop, &serde_json::json!({}));
        // A stop that cannot be written shows as a stream without one.
        let _ = self.append_record(&stop);
        *closed = Closed::Yes;
        drop(closed);
        self.room.call();
    }

    /// Makes the spool's directory again where somebody has taken it away, and says so in the trail.
    pub(crate) fn keep_in_place(&self) {
        if let Kept::MadeAgain { lost } = self.spool.keep_in_place() {
            let detail = serde_json::json!({ "spool": "made_again", "lost": lost });
            // Where even this cannot be written, the gap record that is owed tells of the loss.
            let _ = self.system(SystemEvent::Configuration, &detail);
        }
    }

    /// Looks whether the layer still sees what it is to see, and tells when that has changed.
    pub(crate) fn look_out(&self, every: Duration) {
        if !self.canary.is_due(self.clock.moment(), every) {
            return;
        }
        if let Some(sight) = self.canary.look() {
            let _ = self.system(SystemEvent::Configuration, &sight);
        }
    }

    /// Rings as early as this auditor's records are to be on disk.
    pub(crate) fn hurry(&self, durability: Durability) {
        if durability > self.modes.durability {
            self.bell.ring();
        }
    }

    fn ring(&self) {
        match self.modes.durability {
            Durability::Buffered => self.bell.ring_softly(),
            Durability::GroupCommit | Durability::Strict => self.bell.ring(),
        }
    }

    /// This process's lane.
    pub(crate) fn lane(&self) -> &Arc<Lane> {
        self.spool.own()
    }

    /// The spool.
    pub(crate) fn spool(&self) -> &Arc<Spool> {
        &self.spool
    }

    fn finish_record(&self, record: &AuditRecord) -> Result<FrameIndex, RecordFault> {
        let _open = self.open()?;
        self.append_record(record)
    }

    /// Writes a record of a stream that is known to be open.
    fn append_record(&self, record: &AuditRecord) -> Result<FrameIndex, RecordFault> {
        let mut rows = spare::take_rows();
        let id = record.envelope.record_id;
        let record = RecordRef::from(record);
        self.lane().write_rows(&record, &mut rows);
        let measured = self.measure(&record);
        let written = self.append(SpanView::None, id, &rows, None);
        self.count(&written, measured);
        spare::put_rows(rows);
        written
    }

    /// Measures a record, where there are metrics.
    fn measure(&self, record: &RecordRef<'_>) -> Option<Measured> {
        let metrics = self.metrics.as_ref()?;
        let measured = Measured::of(record);
        metrics.measure(&measured);
        Some(measured)
    }

    /// Counts a record that was written, where there are metrics.
    fn count<E>(&self, written: &Result<FrameIndex, E>, measured: Option<Measured>) {
        if let (Ok(_), Some(metrics), Some(measured)) = (written, &self.metrics, measured) {
            metrics.count(&measured);
        }
    }

    fn append(
        &self,
        view: SpanView,
        id: RecordId,
        rows: &RowForm,
        start: Option<&StartToken>,
    ) -> Result<FrameIndex, RecordFault> {
        let index = self.lane().try_finish(view, id, rows.as_bytes(), start)?;
        self.ring();
        Ok(index)
    }

    /// A record about the trail itself, with the totals of this stream.
    fn about_the_trail(&self, event: SystemEvent, detail: &serde_json::Value) -> AuditRecord {
        let mut detail = detail.clone();
        let (started, finals, dropped) = self.lane().totals();
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("started".into(), started.into());
            detail.insert("final".into(), finals.into());
            detail.insert("dropped".into(), dropped.into());
        }
        let envelope = self.envelope();
        let mut record = system_record(envelope.record_id, envelope.time, event, &detail);
        record.envelope = envelope;
        self.gate.refine_other(record.envelope, record.body)
    }

    /// Holds the stream open while a record is written.
    fn open(&self) -> Result<RwLockReadGuard<'_, Closed>, RecordFault> {
        let closed = self.closed.read().unwrap_or_else(PoisonError::into_inner);
        match *closed {
            Closed::No => Ok(closed),
            Closed::Yes => Err(RecordFault::Closed),
        }
    }
}

impl RecordFault {
    /// Its class in one word, for gap records.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Append(AppendError::Full { .. }) => "spool_full",
            Self::Append(AppendError::TooLarge { .. }) => "record_too_large",
            Self::Append(_) => "spool_failed",
            Self::Closed => "shut_down",
            Self::TooManyOpen { .. } => "too_many_open_calls",
        }
    }

    /// Whether the same record may be written later.
    fn hope(&self) -> Hope {
        match self {
            Self::Append(AppendError::Full { .. } | AppendError::Io { .. }) => Hope::May,
            Self::Append(_) | Self::Closed | Self::TooManyOpen { .. } => Hope::None,
        }
    }
}

#[cfg(test)]
mod tests;
