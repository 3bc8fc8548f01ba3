//! Reading a data directory: all files in the order of their days, each record once.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::fs::File;
use std::hash::BuildHasher as _;
use std::io::{self, BufRead, BufReader};
use std::ops::RangeBounds;
use std::path::{Path, PathBuf};

use super::{LineFault, StoredRecord};
use crate::emit::json_lines::day::Day;

/// The days that the directory has a file of, in order.
pub(crate) fn days(dir: &Path) -> io::Result<Vec<Day>> {
    let mut days = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        days.extend(entry?.file_name().to_str().and_then(day_of));
    }
    days.sort_unstable();
    Ok(days)
}

/// The records of the days in `range`, in the order of the files and of the lines in them. Of lines with the same record
/// id the first counts. One line at a time is in memory, and a few bytes for each record id.
pub(crate) fn read_dir(dir: &Path, range: impl RangeBounds<Day>) -> io::Result<Lines> {
    let mut days = days(dir)?;
    days.retain(|day| range.contains(day));
    Ok(Lines {
        dir: dir.to_owned(),
        days: days.into_iter(),
        open: None,
        line: Vec::new(),
        seen: HashMap::new(),
        hasher: RandomState::new(),
        duplicates: 0,
    })
}

/// The records of a directory; see [`read_dir`].
#[derive(Debug)]
pub(crate) struct Lines {
    dir: PathBuf,
    days: std::vec::IntoIter<Day>,
    open: Option<OpenFile>,
    line: Vec<u8>,
    /// What stood under each record id.
    seen: HashMap<[u8; 16], u64>,
    hasher: RandomState,
    duplicates: u64,
}

/// What of a directory is no record.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LineError {
    /// A line is no record; those behind it are read.
    #[error("{file} line {line}: {fault}")]
    Broken {
        /// Name of the file.
        file: String,
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// A file cannot be read on; those behind it are.
    #[error("cannot read {path}: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[derive(Debug)]
struct OpenFile {
    day: Day,
    reader: BufReader<File>,
    lines: u64,
}

impl Lines {
    /// Lines so far that repeat a record.
    pub(crate) fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// The next line's record; `None` behind the last one.
    fn step(&mut self) -> Option<Result<StoredRecord, LineError>> {
        loop {
            let file = match &mut self.open {
                Some(file) => file,
                None => match OpenFile::open(&self.dir, self.days.next()?) {
                    Ok(file) => self.open.insert(file),
                    Err(error) => return Some(Err(error)),
                },
            };
            match file.next(&mut self.line) {
                Ok(None) => self.open = None,
                Ok(Some(ended)) => {
                    let stored = ended.and_then(|end| end.read(&self.line));
                    return Some(stored.map_err(|fault| file.broken(fault)));
                }
                Err(source) => {
                    let path = self.dir.join(file.day.file_name());
                    self.open = None;
                    return Some(Err(LineError::Unreadable { path, source }));
                }
            }
        }
    }

    /// Whether the record is new; the fault where its id is not and its content is.
    fn first(&mut self, stored: &StoredRecord) -> Result<bool, LineFault> {
        let content = self
            .hasher
            .hash_one((stored.canonical(), stored.mac.to_string()));
        match self
            .seen
            .entry(*stored.record.envelope.record_id.as_bytes())
        {
            Entry::Vacant(place) => {
                place.insert(content);
                Ok(true)
            }
            Entry::Occupied(place) if *place.get() == content => Ok(false),
            Entry::Occupied(_) => Err(LineFault::Conflict),
        }
    }
}

impl Iterator for Lines {
    type Item = Result<StoredRecord, LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let stored = match self.step()? {
                Ok(stored) => stored,
                Err(error) => return Some(Err(error)),
            };
            match self.first(&stored) {
                Ok(true) => return Some(Ok(stored)),
                Ok(false) => self.duplicates += 1,
                Err(fault) => return self.open.as_ref().map(|file| Err(file.broken(fault))),
            }
        }
    }
}

/// How a line ended.
#[derive(Debug, Clone, Copy)]
enum LineEnd {
    Newline,
    EndOfFile,
}

impl LineEnd {
    fn read(self, line: &[u8]) -> Result<StoredRecord, LineFault> {
        match (self, StoredRecord::read(line)) {
            (Self::EndOfFile, Err(LineFault::Malformed { .. })) => Err(LineFault::Unfinished),
            (_, read) => read,
        }
    }
}

impl OpenFile {
    fn open(dir: &Path, day: Day) -> Result<Self, LineError> {
        let path = dir.join(day.file_name());
        match File::open(&path) {
            Ok(file) => Ok(Self {
                day,
                reader: BufReader::new(file),
                lines: 0,
            }),
            Err(source) => Err(LineError::Unreadable { path, source }),
        }
    }

    /// The error of the line that was read last.
    fn broken(&self, fault: LineFault) -> LineError {
        LineError::Broken {
            file: self.day.file_name(),
            line: self.lines,
            fault,
        }
    }

    /// Reads the next line without its newline; `None` at the end of the file. Of a line over the limit nothing more than
    /// its length is kept.
    fn next(&mut self, line: &mut Vec<u8>) -> io::Result<Option<Result<LineEnd, LineFault>>> {
        line.clear();
        let mut length = 0_u64;
        let end = loop {
            let piece = self.reader.fill_buf()?;
            if piece.is_empty() {
                if length == 0 {
                    return Ok(None);
                }
                break LineEnd::EndOfFile;
            }
            let newline = piece.iter().position(|byte| *byte == b'\n');
            let taken = &piece[..newline.unwrap_or(piece.len())];
            length += taken.len() as u64;
            if length <= MAX_LINE_BYTES {
                line.extend_from_slice(taken);
            }
            let used = taken.len() + usize::from(newline.is_some());
            self.reader.consume(used);
            if newline.is_some() {
                break LineEnd::Newline;
            }
        };
        self.lines += 1;
        let limit = MAX_LINE_BYTES;
        let fits = length <= limit;
        Ok(Some(if fits {
            Ok(end)
        } else {
            Err(LineFault::TooLong { length, limit })
        }))
    }
}

/// The day whose file has this name, if it is the name of one.
fn day_of(name: &str) -> Option<Day> {
    let day: Day = name.split(['_', '.']).nth(1)?.parse().ok()?;
    (day.file_name() == name).then_some(day)
}

/// The longest line that is read: several times what a record's fields can make up.
const MAX_LINE_BYTES: u64 = 8 << 20;
