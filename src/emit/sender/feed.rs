//! What is to be sent next: the lanes of the spool, read in turns.

use std::sync::Arc;

use super::batch::{Batch, Limits, Offered};
use crate::emit::spool::{Codes, Consumer, FINAL, Lane, Spool};
use crate::journal::{self, Entry, FrameIndex, FrameKind, ReadError, Reader};
use crate::record::StreamId;

/// The frames of all lanes that one consumer has not had, in batches.
#[derive(Debug)]
pub(super) struct Feed {
    spool: Arc<Spool>,
    consumer: Consumer,
    courses: Vec<Course>,
    /// Whose turn it is.
    turn: usize,
    passed_over: Passed,
}

/// What a feed came upon.
#[derive(Debug)]
pub(super) enum Found {
    /// The batch is filled from this lane; with nothing where there was nothing in it for this consumer.
    Batch(Arc<Lane>),
    /// Nothing that is durable is left.
    Nothing,
    /// Nothing is left but in lanes that could not be read.
    Unreadable,
}

/// Frames that a consumer will never have.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    /// Deleted before they were sent, to make room.
    pub(super) released: u64,
    /// Of a version that is not known here.
    pub(super) unknown: u64,
}

/// How far a lane has been read. It does not hold the lane, so that others may remove it.
#[derive(Debug)]
struct Course {
    stream: StreamId,
    /// The bound that the last batch reached.
    told: FrameIndex,
    reader: Reader,
    codes: Codes,
    /// A frame that was read, and belongs into the next batch.
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    index: FrameIndex,
    kind: FrameKind,
    payload: Vec<u8>,
    meta: Arc<[u8]>,
}

impl Feed {
    pub(super) fn new(spool: Arc<Spool>, consumer: Consumer) -> Self {
        Self {
            spool,
            consumer,
            courses: Vec::new(),
            turn: 0,
            passed_over: Passed::default(),
        }
    }

    /// Fills the batch from the next lane that has something. It goes on behind the batches before, whatever has become
    /// of them.
    pub(super) fn next(&mut self, batch: &mut Batch, limits: Limits) -> Found {
        let lanes = self.spool.lanes();
        self.courses
            .retain(|course| lanes.iter().any(|lane| lane.stream() == course.stream));
        let mut outcome = Found::Nothing;
        for _ in 0..lanes.len() {
            self.turn = (self.turn + 1) % lanes.len();
            let lane = &lanes[self.turn];
            match self.fill(lane, batch, limits) {
                Ok(Filled::Something) => return Found::Batch(Arc::clone(lane)),
                Ok(Filled::Nothing) => {}
                Err(_) => outcome = Found::Unreadable,
            }
        }
        outcome
    }

    /// How many frames are durable that no batch has reached, in all lanes: of a call two or three.
    pub(super) fn waiting(&self) -> u64 {
        let lanes = self.spool.lanes();
        let frames = lanes.iter().map(|lane| {
            let known = self
                .courses
                .iter()
                .find(|course| course.stream == lane.stream());
            let told = known.map_or_else(|| lane.position(self.consumer), |course| course.told);
            lane.durable().0.saturating_sub(told.0)
        });
        frames.fold(0, u64::saturating_add)
    }

    /// What has been passed over since this was asked last.
    pub(super) fn take_passed(&mut self) -> Passed {
        std::mem::take(&mut self.passed_over)
    }

    /// Where the course through this lane is found.
    fn course(&mut self, lane: &Lane) -> usize {
        let known = self
            .courses
            .iter()
            .position(|course| course.stream == lane.stream());
        known.unwrap_or_else(|| {
            let from = lane.position(self.consumer);
            self.courses.push(Course {
                stream: lane.stream(),
                told: from,
                reader: lane.journal().reader(from),
                codes: lane.codes(from),
                held: None,
            });
            self.courses.len() - 1
        })
    }

    /// Fills the batch from this lane.
    fn fill(
        &mut self,
        lane: &Lane,
        batch: &mut Batch,
        limits: Limits,
    ) -> Result<Filled, ReadError> {
        let (durable, consumer) = (lane.durable(), self.consumer);
        // A seal often stands behind frames that came while it was made, and need not be durable to be right.
        let sealed = lane.written();
        let at = self.course(lane);
        let course = &mut self.courses[at];
        let mut offer = |batch: &mut Batch, frame: &journal::Frame<'_>| {
            if frame.kind == FINAL {
                batch.offer(frame, (&mut course.codes, sealed), limits)
            } else {
                Offered::Passed
            }
        };
        batch.begin(course.told);
        if let Some(held) = course.held.take() {
            self.passed_over.unknown += offer(batch, &held.frame()).unknown();
            batch.reach(FrameIndex(held.index.0 + 1));
        }
        for _ in 0..SCANNED_AT_ONCE {
            let expected = course.reader.position();
            let entry = match course.reader.next(durable) {
                // What has been read is not read again: it goes first, and the error comes back.
                Err(_) if batch.bound(batch.len()) > course.told => break,
                entry => entry?,
            };
            match entry {
                None => break,
                Some(Entry::Damage(damage)) => {
                    self.passed_over.released += damage.missing.start.0.saturating_sub(expected.0);
                    if consumer == Consumer::Logs {
                        lane.tell_damage(&damage.missing);
                    }
                    batch.reach(damage.missing.end);
                }
                Some(Entry::Frame(frame)) => {
                    self.passed_over.released += frame.index.0.saturating_sub(expected.0);
                    let offered = offer(batch, &frame);
                    if offered == Offered::Full {
                        course.held = Some(Held::copy(&frame));
                        break;
                    }
                    self.passed_over.unknown += offered.unknown();
                    batch.reach(FrameIndex(frame.index.0 + 1));
                }
            }
        }
        let reached = batch.bound(batch.len());
        let before = std::mem::replace(&mut course.told, reached);
        Ok(if reached > before {
            Filled::Something
        } else {
            Filled::Nothing
        })
    }
}

/// Whether a lane had frames that had not been looked at.
enum Filled {
    Nothing,
    Something,
}

impl Offered {
    fn unknown(self) -> u64 {
        u64::from(self == Self::Unknown)
    }
}

impl Held {
    fn copy(frame: &journal::Frame<'_>) -> Self {
        Self {
            index: frame.index,
            kind: frame.kind,
            payload: frame.payload.to_vec(),
            meta: Arc::clone(frame.meta),
        }
    }

    fn frame(&self) -> journal::Frame<'_> {
        journal::Frame {
            index: self.index,
            kind: self.kind,
            payload: &self.payload,
            meta: &self.meta,
        }
    }
}

/// Frames that are looked at in one go, so that nobody waits long while there is nothing to send.
const SCANNED_AT_ONCE: usize = 4096;
