//! The recorder: takes captured calls through the gate into the spool. What layer, guard and streams stand on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::bell::Bell;
use super::health::Health;
use super::metrics::{Measured, Metrics};
use super::pipeline::{Owner, Pipelines};
use super::spool::{Lane, SpanView, Spool, StartToken, system_record};
use crate::clock::Clock;
use crate::journal::{AppendError, FrameIndex};
use crate::record::{AuditRecord, Body, CapturedCall, Envelope, Label, RecordId, SystemEvent};
use crate::refine::{CapturedChange, Gate};
use crate::semconv::SpanIdentity;

/// The way from a captured call to the disk.
#[derive(Debug)]
pub(crate) struct Recorder {
    gate: Gate,
    spool: Arc<Spool>,
    clock: Arc<Clock>,
    bell: Arc<Bell>,
    service: Option<Label>,
    spans: Spans,
    pipelines: Pipelines,
    metrics: Option<Metrics>,
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
}

impl Recorder {
    pub(crate) fn new(
        gate: Gate,
        spool: Arc<Spool>,
        clock: Arc<Clock>,
        bell: Arc<Bell>,
        service: Option<Label>,
        spans: Spans,
    ) -> Self {
        let (closed, enabled) = (RwLock::new(Closed::No), AtomicBool::new(true));
        Self {
            gate,
            spool,
            clock,
            bell,
            service,
            spans,
            pipelines: Pipelines::default(),
            metrics: None,
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

    /// Time, identifiers and dice.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
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
            Spans::Always => SpanView::Sent(SpanIdentity::Hashed),
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
        let mut call = Box::new(CapturedCall::new(
            self.clock.record_id(time),
            time,
            operation,
        ));
        call.service = self.service.clone();
        call
    }

    /// Records that a call began.
    pub(crate) fn begin(
        &self,
        call: &CapturedCall,
        view: SpanView,
    ) -> Result<StartToken, RecordFault> {
        let _open = self.open()?;
        let token = self.lane().start(&self.gate.start(call), view)?;
        self.bell.ring();
        Ok(token)
    }

    /// Records how a call ended. Its raw text is wiped.
    pub(crate) fn end(
        &self,
        call: Box<CapturedCall>,
        view: SpanView,
        start: Option<StartToken>,
    ) -> Result<FrameIndex, RecordFault> {
        let record = self.gate.refine(call);
        if let Some(metrics) = &self.metrics {
            metrics.measure(&Measured::of(&record));
        }
        self.finish(record, view, start)
    }

    /// As [`end`](Self::end), but what cannot be written is counted, and told by a gap record.
    pub(crate) fn end_or_count(
        &self,
        call: Box<CapturedCall>,
        view: SpanView,
        start: Option<StartToken>,
    ) {
        if let Err(fault) = self.end(call, view, start) {
            self.lane().count_loss(fault.reason());
        }
    }

    /// Counts a record that could not be written.
    pub(crate) fn count_loss(&self, fault: &RecordFault) {
        self.lane().count_loss(fault.reason());
    }

    /// Records a change.
    pub(crate) fn change(
        &self,
        envelope: Envelope,
        change: CapturedChange,
    ) -> Result<FrameIndex, RecordFault> {
        self.finish(
            self.gate.refine_change(envelope, change),
            SpanView::None,
            None,
        )
    }

    /// Records an access, or something about the trail itself.
    pub(crate) fn other(&self, envelope: Envelope, body: Body) -> Result<FrameIndex, RecordFault> {
        self.finish(self.gate.refine_other(envelope, body), SpanView::None, None)
    }

    /// Records something about the trail itself, with the totals of this stream.
    pub(crate) fn system(
        &self,
        event: SystemEvent,
        detail: &serde_json::Value,
    ) -> Result<FrameIndex, RecordFault> {
        let _open = self.open()?;
        self.append(self.about_the_trail(event, detail), SpanView::None, None)
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
            lane.tell_losses(self.gate.keys(), now, new_id);
        }
    }

    /// Takes over lanes of processes that are gone.
    pub(crate) fn adopt(&self) -> usize {
        self.spool.adopt(self.gate.keys(), &self.clock)
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
            depth: self.spool.depth(),
            open_calls: self.lane().open_starts(),
            spool_bytes: (usage.bytes, usage.capacity),
            failed_syncs: self.bell.failed_syncs(),
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
        let _ = self.append(stop, SpanView::None, None);
        *closed = Closed::Yes;
    }

    /// This process's lane.
    pub(crate) fn lane(&self) -> &Arc<Lane> {
        self.spool.own()
    }

    /// The spool.
    pub(crate) fn spool(&self) -> &Arc<Spool> {
        &self.spool
    }

    fn finish(
        &self,
        record: AuditRecord,
        view: SpanView,
        start: Option<StartToken>,
    ) -> Result<FrameIndex, RecordFault> {
        let _open = self.open()?;
        self.append(record, view, start)
    }

    /// Writes a record of a stream that is known to be open.
    fn append(
        &self,
        record: AuditRecord,
        view: SpanView,
        start: Option<StartToken>,
    ) -> Result<FrameIndex, RecordFault> {
        let measured = self
            .metrics
            .as_ref()
            .map(|metrics| (metrics, Measured::of(&record)));
        let index = self.lane().finish(record, view, self.gate.keys(), start)?;
        self.bell.ring();
        if let Some((metrics, measured)) = measured {
            metrics.count(&measured);
        }
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
        }
    }
}
