//! Following the spool: from frames that are on disk to lines that are on disk.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::day::Day;
use super::{Echo, Shared};
use super::{file, line};
use crate::emit::spool::{Codes, Consumer, FINAL, Frame, KnownOrigin, Lane, Spool};
use crate::journal::{self, Entry, FrameIndex, ReadError, Reader};
use crate::record::{AuditRecord, Body, Mac, StreamId};
use crate::semconv;

/// Reads all lanes of a spool, each from where its cursor stands.
#[derive(Debug)]
pub(super) struct Follower {
    dir: PathBuf,
    spool: Arc<Spool>,
    echo: Echo,
    places: HashMap<StreamId, Place>,
}

/// Why a batch did not get to where it should. It is tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinesError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("cannot append to {path}: {source}", path = path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Where a lane is being read.
#[derive(Debug)]
struct Place {
    reader: Reader,
    records: Records,
}

/// Makes records of final frames.
struct Records {
    codes: Codes,
    origin: KnownOrigin,
}

/// Lines of one day, from frames that follow each other.
#[derive(Debug)]
struct Batch {
    day: Option<Day>,
    lines: Vec<u8>,
    records: u64,
    echo: Echo,
    echoed: String,
}

impl Follower {
    pub(super) fn new(dir: &Path, spool: Arc<Spool>, echo: Echo) -> Self {
        Self {
            dir: dir.to_owned(),
            spool,
            echo,
            places: HashMap::new(),
        }
    }

    /// Writes all that is on disk in the spool. Tells whether nothing of it is left.
    pub(super) fn pass(&mut self, shared: &Shared) -> bool {
        let lanes = self.spool.lanes();
        self.places
            .retain(|stream, _| lanes.iter().any(|lane| lane.stream() == *stream));
        let mut complete = true;
        for lane in &lanes {
            let bound = lane.durable();
            if let Err(error) = self.follow(lane, bound, shared) {
                // What was read and not written is read again.
                self.places.remove(&lane.stream());
                shared.count_failure(&error);
            }
            complete &= lane.position(Consumer::Lines) >= bound;
        }
        complete
    }

    fn follow(
        &mut self,
        lane: &Lane,
        bound: FrameIndex,
        shared: &Shared,
    ) -> Result<(), LinesError> {
        let place = self.places.entry(lane.stream()).or_insert_with(|| {
            let from = lane.position(Consumer::Lines);
            Place {
                reader: lane.journal().reader(from),
                records: Records::new(lane.codes(from)),
            }
        });
        let mut batch = Batch::new(self.echo);
        let mut reached = place.reader.position();
        loop {
            match place.reader.next(bound)? {
                None => break,
                Some(Entry::Damage(damage)) => lane.tell_damage(&damage.missing),
                Some(Entry::Frame(frame)) if frame.kind != FINAL => {}
                Some(Entry::Frame(frame)) => match place.records.read(&frame, lane.written()) {
                    None => {
                        lane.tell_damage(&(frame.index..FrameIndex(frame.index.0 + 1)));
                        shared.counters().unreadable += 1;
                    }
                    Some((record, mac)) => {
                        let day = Day::from(record.envelope.time);
                        if !batch.takes(day) {
                            batch.commit(&self.dir, lane, reached, shared)?;
                            if shared.quits() {
                                // The frame in hand is read again, by whoever follows next.
                                self.places.remove(&lane.stream());
                                return Ok(());
                            }
                        }
                        batch.push(day, &record, &mac);
                    }
                },
            }
            reached = place.reader.position();
        }
        batch.commit(&self.dir, lane, place.reader.position(), shared)
    }
}

impl Batch {
    fn new(echo: Echo) -> Self {
        Self {
            day: None,
            lines: Vec::new(),
            records: 0,
            echo,
            echoed: String::new(),
        }
    }

    /// Whether a line of this day still goes in. One day only: what one file has, another that fails must not hold back.
    fn takes(&self, day: Day) -> bool {
        self.day.is_none_or(|own| own == day) && self.lines.len() < BATCH_BYTES
    }

    fn push(&mut self, day: Day, record: &AuditRecord, mac: &Mac) {
        self.day = Some(day);
        self.records += 1;
        line::write_line(&mut self.lines, record, mac);
        if self.echo == Echo::Stderr && !matches!(record.body, Body::System(_)) {
            self.echoed.push_str(&semconv::line(record));
            self.echoed.push('\n');
        }
    }

    /// Makes the lines durable and moves the cursor: every frame below `reached` is where it should be.
    fn commit(
        &mut self,
        dir: &Path,
        lane: &Lane,
        reached: FrameIndex,
        shared: &Shared,
    ) -> Result<(), LinesError> {
        if let Some(day) = self.day.take() {
            file::append(dir, day, &self.lines).map_err(|source| LinesError::Write {
                path: dir.join(day.file_name()),
                source,
            })?;
            let mut counters = shared.counters();
            counters.written += self.records;
            counters.last_failure = None;
            drop(counters);
            self.lines.clear();
            self.records = 0;
            // A closed standard error is no reason to stop auditing.
            let _ = io::stderr().write_all(self.echoed.as_bytes());
            self.echoed.clear();
        }
        lane.advance(Consumer::Lines, reached);
        Ok(())
    }
}

impl Records {
    fn new(codes: Codes) -> Self {
        Self {
            codes,
            origin: KnownOrigin::default(),
        }
    }

    /// The record in a final frame; none where this program cannot read it. Its seal is looked for below `bound`, also
    /// behind what is durable: it was appended while others were.
    fn read(
        &mut self,
        found: &journal::Frame<'_>,
        bound: FrameIndex,
    ) -> Option<(AuditRecord, Mac)> {
        let frame = Frame::read(found.payload)?;
        let seal = self.codes.seal(found, bound)?;
        let service = self.origin.of(found.meta)?.service.as_ref();
        semconv::read_rows(frame.rows, &seal, service).ok()
    }
}

impl fmt::Debug for Records {
    /// Shows where it is, never content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("codes", &self.codes)
            .finish_non_exhaustive()
    }
}

/// Bytes of lines after which a batch is written, so that a long backlog is not held in memory.
const BATCH_BYTES: usize = 1 << 20;
