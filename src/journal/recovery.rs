//! What opening a journal finds, settles and makes durable. The same whether it was closed or cut off.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    cursor,
    directory::{Directory, sync_directory, write_durably},
    error::JournalError,
    format::{Header, HeaderFlaw, VERSION},
    options::FrameIndex,
    reader::{Damage, damage},
    scan::{End, Scanned, Scanner, Source},
    segment::{Segment, content_end, read_header, segment_name},
    stage,
};

/// What was in a journal when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// The first frame that is kept. A cursor below it has lost frames to something else than
    /// [`Journal::release`](super::Journal::release).
    pub first: FrameIndex,
    /// The index that the next frame gets.
    pub next: FrameIndex,
    /// Whole frames.
    pub frames: u64,
    /// Bytes behind the last whole frame that were cut off: an append that a crash interrupted, or frames that were
    /// never synced.
    pub torn_tail_bytes: u64,
    /// Everything else that is not a frame and should be one, in order. Readers come upon the same.
    pub damages: Vec<Damage>,
    /// Damages whose bytes could not be copied to `quarantine/` now; the next open tries again.
    pub unquarantined: u64,
}

impl Recovered {
    /// Whether every byte was accounted for.
    pub fn is_clean(&self) -> bool {
        self.damages.is_empty() && self.torn_tail_bytes == 0
    }
}

pub(super) struct Found {
    pub(super) catalogue: Vec<Arc<Segment>>,
    pub(super) next_number: u64,
    pub(super) recovered: Recovered,
}

/// Looks first, and changes nothing before it has looked at all.
pub(super) fn recover(directory: &Directory) -> Result<Found, JournalError> {
    let in_directory = |action| {
        move |source| JournalError::Io {
            action,
            path: directory.path.clone(),
            source,
        }
    };
    let furthest =
        cursor::furthest(&directory.path).map_err(in_directory("read the cursors of"))?;
    let mut survey = Survey::of(directory)?;
    if survey
        .land(directory)
        .map_err(in_directory("land frames of"))?
    {
        survey = Survey::of(directory)?;
    }
    let Survey {
        in_force,
        set_aside,
        next_number,
        mut recovery,
    } = survey;
    recovery.account_for(&set_aside, &in_force);
    recovery.skip_to(furthest, in_force.last());
    let recovered = recovery.recovered(directory, &in_force);

    directory
        .remove_temporary()
        .map_err(in_directory("clean"))?;
    let catalogue = in_force
        .into_iter()
        .zip(recovery.ends)
        .map(|(file, end)| settle(file, end));
    let catalogue = catalogue.collect::<Result<_, _>>()?;
    for file in &set_aside {
        file.put_away(directory).map_err(file.failed("set aside"))?;
    }
    stage::remove(&directory.path).map_err(in_directory("clean"))?;
    directory.sync().map_err(in_directory("sync"))?;
    Ok(Found {
        catalogue,
        next_number,
        recovered,
    })
}

/// What is in the files of a journal.
struct Survey {
    in_force: Vec<Candidate>,
    set_aside: Vec<Candidate>,
    /// The number of the next segment.
    next_number: u64,
    recovery: Recovery,
}

impl Survey {
    fn of(directory: &Directory) -> Result<Self, JournalError> {
        let files = examine(directory)?;
        let next_number = files.last().map_or(0, |file| file.number + 1);
        let (in_force, set_aside) = order(files);
        let mut recovery = Recovery::default();
        for file in &in_force {
            recovery.scan(file)?;
        }
        Ok(Self {
            in_force,
            set_aside,
            next_number,
            recovery,
        })
    }

    /// Brings frames that a process left on its stage into segments: those that follow the last frame of a segment and come
    /// before the next segment go behind it, and of what comes behind all segments each run of consecutive frames goes into
    /// a segment of its own. False if there are none. A second time would do the same again.
    fn land(&self, directory: &Directory) -> io::Result<bool> {
        let Some(mut left) = stage::left(&directory.path)? else {
            return Ok(false);
        };
        let mut any = false;
        let nexts = self.in_force.iter().skip(1).map(Candidate::first);
        let limits = nexts.chain([u64::MAX]);
        for ((segment, tail), limit) in self.in_force.iter().zip(&self.recovery.tails).zip(limits) {
            if !segment.is_of(&left.header) {
                continue;
            }
            let bytes = left.take_run(tail.next, limit);
            if !bytes.is_empty() {
                let file = open(&segment.path)?;
                file.write_all_at(&bytes, tail.offset)?;
                file.sync_data()?;
                any = true;
            }
        }
        let mut number = self.next_number;
        while let Some(first) = left.first_from(self.recovery.next) {
            let header = Header {
                number,
                first,
                ..left.header.clone()
            };
            let bytes = left.take_run(first, u64::MAX);
            write_durably(&directory.path, &segment_name(number), |mut file| {
                file.write_all(&header.encode())?;
                file.write_all(&bytes)
            })?;
            number += 1;
            any = true;
        }
        Ok(any)
    }
}

/// A file with the name of a segment.
#[derive(Debug)]
struct Candidate {
    number: u64,
    path: PathBuf,
    length: u64,
    /// How far its bytes are not all zero.
    content: u64,
    role: Role,
}

#[derive(Debug)]
enum Role {
    /// Holds frames up to this index, or as far as it goes.
    InForce(Header, Option<u64>),
    /// Every frame it holds has been written again, to a later segment.
    Superseded,
    /// Allocated, never used: nothing but zeros.
    Spare,
    /// Without a header nothing in it can be told to be a frame.
    Unreadable,
}

impl Candidate {
    fn examine(number: u64, path: PathBuf) -> Result<Self, JournalError> {
        let failed = |source| JournalError::Io {
            action: "read",
            path: path.clone(),
            source,
        };
        let file = open(&path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let content = content_end(&file).map_err(failed)?;
        let role = match read_header(&file).map_err(failed)? {
            Ok(header) if header.number != number => {
                return Err(JournalError::Misnamed {
                    path,
                    number: header.number,
                });
            }
            Ok(header) => Role::InForce(header, None),
            Err(HeaderFlaw::Blank) if content == 0 => Role::Spare,
            Err(HeaderFlaw::Blank | HeaderFlaw::Damaged) => Role::Unreadable,
            Err(HeaderFlaw::Foreign) => return Err(JournalError::NotAJournal { path }),
            Err(HeaderFlaw::Version(found)) => {
                return Err(JournalError::UnknownVersion {
                    path,
                    found,
                    known: VERSION,
                });
            }
        };
        Ok(Self {
            number,
            path,
            length,
            content,
            role,
        })
    }

    /// Whether its frames have the same nonce and meta.
    fn is_of(&self, header: &Header) -> bool {
        matches!(&self.role, Role::InForce(own, _) if own.nonce == header.nonce && own.meta == header.meta)
    }

    /// The index of the first frame, of a segment in force.
    fn first(&self) -> u64 {
        match &self.role {
            Role::InForce(header, _) => header.first,
            _ => 0,
        }
    }

    fn put_away(&self, directory: &Directory) -> io::Result<()> {
        match &self.role {
            Role::InForce(..) => Ok(()),
            Role::Spare | Role::Superseded => fs::remove_file(&self.path),
            Role::Unreadable => {
                let quarantine = directory.quarantine()?;
                let name = self
                    .path
                    .file_name()
                    .expect("a segment's path ends in its name");
                fs::rename(&self.path, quarantine.join(name))?;
                sync_directory(&quarantine)
            }
        }
    }

    fn failed(&self, action: &'static str) -> impl Fn(io::Error) -> JournalError {
        let path = self.path.clone();
        move |source| JournalError::Io {
            action,
            path: path.clone(),
            source,
        }
    }
}

/// What the scan has found so far.
#[derive(Debug, Default)]
struct Recovery {
    frames: u64,
    first: Option<u64>,
    next: u64,
    torn_tail_bytes: u64,
    damages: Vec<Damage>,
    /// Where each scanned segment ends.
    ends: Vec<u64>,
    /// What is behind the last frame of each.
    tails: Vec<Tail>,
}

/// Where a segment could go on.
#[derive(Debug, Clone, Copy)]
struct Tail {
    offset: u64,
    next: u64,
}

impl Recovery {
    fn scan(&mut self, candidate: &Candidate) -> Result<(), JournalError> {
        let Role::InForce(header, end_index) = &candidate.role else {
            return Ok(());
        };
        let end = End {
            offset: candidate.length,
            content: candidate.content,
            index: *end_index,
        };
        let file = open(&candidate.path).map_err(candidate.failed("open"))?;
        let mut scanner = Scanner::new(Source::File(Arc::new(file)), header);
        let tail = |scanner: &Scanner| Tail {
            offset: scanner.position(),
            next: scanner.expected(),
        };
        let mut last = tail(&scanner);
        loop {
            match scanner.next(end).map_err(candidate.failed("read"))? {
                Scanned::End => break,
                Scanned::Frame { .. } => {
                    self.frames += 1;
                    last = tail(&scanner);
                }
                Scanned::Damage {
                    offset,
                    bytes,
                    missing,
                } => {
                    self.damages
                        .push(damage(candidate.number, offset, bytes, missing));
                }
            }
        }
        self.tails.push(last);
        self.first.get_or_insert(header.first);
        self.next = scanner.expected();
        // A segment that another one follows keeps what is behind its end: nothing reads it. Zeros are nothing.
        let frames_end = scanner.position().min(candidate.length);
        let content = candidate.content.max(frames_end);
        let kept = if end_index.is_some() {
            content
        } else {
            frames_end
        };
        self.torn_tail_bytes += content - kept;
        self.ends.push(kept);
        Ok(())
    }

    /// Segments without a header are damage if another segment follows, and the torn tail of the last if none does.
    fn account_for(&mut self, set_aside: &[Candidate], in_force: &[Candidate]) {
        for lost in set_aside
            .iter()
            .filter(|file| matches!(file.role, Role::Unreadable))
        {
            let Some(follower) = in_force.iter().find(|file| file.number > lost.number) else {
                self.torn_tail_bytes += lost.content;
                continue;
            };
            let before = in_force
                .iter()
                .rfind(|file| file.number < lost.number)
                .map(|file| file.number);
            let gap = self
                .damages
                .iter()
                .position(|gap| Some(gap.segment) == before && gap.bytes == 0);
            let Role::InForce(header, _) = &follower.role else {
                continue;
            };
            let missing = gap.map(|gap| self.damages.remove(gap).missing);
            let missing = missing.map_or(header.first..header.first, |missing| {
                missing.start.0..missing.end.0
            });
            let place = self
                .damages
                .partition_point(|other| other.segment < lost.number);
            self.damages
                .insert(place, damage(lost.number, 0, lost.content, missing));
        }
    }

    /// Never gives an index again that a cursor has passed: what was there has been seen.
    fn skip_to(&mut self, furthest: u64, last: Option<&Candidate>) {
        if furthest <= self.next {
            return;
        }
        if let (Some(last), Some(end)) = (last, self.ends.last()) {
            self.damages
                .push(damage(last.number, *end, 0, self.next..furthest));
        }
        self.next = furthest;
    }

    fn recovered(&self, directory: &Directory, in_force: &[Candidate]) -> Recovered {
        let unquarantined = self.damages.iter().filter(|damage| {
            let source = in_force.iter().find(|file| file.number == damage.segment);
            damage.bytes > 0
                && source.is_some_and(|source| quarantine(directory, source, damage).is_err())
        });
        Recovered {
            unquarantined: unquarantined.count() as u64,
            first: FrameIndex(self.first.unwrap_or(self.next)),
            next: FrameIndex(self.next),
            frames: self.frames,
            torn_tail_bytes: self.torn_tail_bytes,
            damages: self.damages.clone(),
        }
    }
}

fn examine(directory: &Directory) -> Result<Vec<Candidate>, JournalError> {
    let listed = directory.segments();
    let listed = listed.map_err(|source| JournalError::Io {
        action: "list",
        path: directory.path.clone(),
        source,
    })?;
    listed
        .into_iter()
        .map(|(number, path)| Candidate::examine(number, path))
        .collect()
}

/// One file at a time: there may be more segments than a process may have files open.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Tells the segments in force, and how far each goes, from those that are not: a segment ends where a later one begins.
fn order(mut files: Vec<Candidate>) -> (Vec<Candidate>, Vec<Candidate>) {
    let mut limit = None;
    for file in files.iter_mut().rev() {
        if let Role::InForce(header, end_index) = &mut file.role {
            let first = header.first;
            if limit.is_some_and(|limit| first >= limit) {
                file.role = Role::Superseded;
            } else {
                *end_index = limit;
                limit = Some(first);
            }
        }
    }
    files
        .into_iter()
        .partition(|file| matches!(file.role, Role::InForce(..)))
}

/// Cuts a segment where it ends, which also gives back what was allocated behind, repairs its headers if one of the two
/// is damaged, and makes it durable.
fn settle(candidate: Candidate, end: u64) -> Result<Arc<Segment>, JournalError> {
    let Role::InForce(header, _) = &candidate.role else {
        return Err(JournalError::NotAJournal {
            path: candidate.path,
        });
    };
    let file = open(&candidate.path).map_err(candidate.failed("open"))?;
    let whole = header.encode();
    let mut found = vec![0; whole.len()];
    let read = file.read_exact_at(&mut found, 0);
    if read.is_err() || found != whole {
        file.write_all_at(&whole, 0)
            .map_err(candidate.failed("repair"))?;
    }
    let end = end.max(whole.len() as u64);
    file.set_len(end).map_err(candidate.failed("cut"))?;
    file.sync_all().map_err(candidate.failed("sync"))?;
    Ok(Arc::new(Segment::new(
        header.clone(),
        candidate.path,
        end,
        end,
    )))
}

/// Copies damaged bytes to a file of their own, once.
fn quarantine(directory: &Directory, source: &Candidate, damage: &Damage) -> io::Result<()> {
    let quarantine = directory.quarantine()?;
    let name = format!("{:020}-{:020}.bin", damage.segment, damage.offset);
    if quarantine.join(&name).exists() {
        return Ok(());
    }
    let source = open(&source.path)?;
    write_durably(&quarantine, &name, |copy| {
        copy_bytes(&source, damage.offset, damage.bytes, copy)
    })
}

fn copy_bytes(source: &File, mut offset: u64, mut bytes: u64, mut copy: &File) -> io::Result<()> {
    let mut buffer = vec![0; COPY_BUFFER];
    while bytes > 0 {
        let wanted = bytes.min(COPY_BUFFER as u64) as usize;
        let count = source.read_at(&mut buffer[..wanted], offset)?;
        if count == 0 {
            break;
        }
        copy.write_all(&buffer[..count])?;
        offset += count as u64;
        bytes -= count as u64;
    }
    Ok(())
}

const COPY_BUFFER: usize = 64 << 10;
