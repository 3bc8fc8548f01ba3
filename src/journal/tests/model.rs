//! Random lives of a journal, against a list.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
};

use proptest::prelude::*;

use super::*;
use crate::journal::{
    format::Header,
    scan::{End, Scanned, Scanner, Source},
};

#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    FlipBit {
        file: prop::sample::Index,
        byte: prop::sample::Index,
        bit: u8,
    },
    Kill,
    PowerLoss {
        seed: u64,
    },
    Release {
        part: u64,
    },
    Reopen,
    Reserve {
        now: usize,
        later: u32,
    },
    Sync,
    Use {
        which: prop::sample::Index,
        length: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any_index = any::<prop::sample::Index>;
    let step = prop_oneof![
        20 => (0usize..6000).prop_map(Step::Append),
        8 => (0usize..2000, 0u32..9000).prop_map(|(now, later)| Step::Reserve { now, later }),
        8 => (any_index(), 0usize..9000).prop_map(|(which, length)| Step::Use { which, length }),
        6 => Just(Step::Sync),
        2 => (0u64..=4).prop_map(|part| Step::Release { part }),
        1 => Just(Step::Reopen),
        4 => Just(Step::Kill),
        2 => any::<u64>().prop_map(|seed| Step::PowerLoss { seed }),
        2 => (any_index(), any_index(), 0u8..8).prop_map(|(file, byte, bit)| Step::FlipBit { file, byte, bit }),
    ];
    prop::collection::vec(step, 1..120)
}

/// A journal, and what should be in it.
struct Life {
    directory: TempDir,
    journal: Option<Journal>,
    reader: Option<Reader>,
    /// By index; None where the frame was damaged. Released frames stay.
    frames: Vec<Option<Vec<u8>>>,
    reserved: Vec<u32>,
    /// Every segment as it was when the journal was last synced.
    synced: BTreeMap<PathBuf, Vec<u8>>,
    durable: usize,
    nonce: u64,
    writing: Writing,
}

impl Life {
    fn new(writing: Writing) -> Self {
        let mut life = Self {
            directory: tempfile::tempdir().unwrap(),
            journal: None,
            reader: None,
            frames: Vec::new(),
            reserved: Vec::new(),
            synced: BTreeMap::new(),
            durable: 0,
            nonce: 1,
            writing,
        };
        life.open();
        life
    }

    fn journal(&self) -> &Journal {
        self.journal.as_ref().unwrap()
    }

    fn open(&mut self) -> Recovered {
        let (journal, recovered) = Journal::open(
            self.directory.path(),
            small(self.writing),
            b"meta",
            self.nonce,
        )
        .unwrap();
        self.nonce += 1;
        self.reserved.clear();
        self.reader = Some(journal.reader(FrameIndex(0)));
        self.journal = Some(journal);
        recovered
    }

    fn close(&mut self) {
        self.reader = None;
        self.journal = None;
    }

    /// The segments, and the stage where there is one.
    fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let stage = self.directory.path().join("stage");
        let files = segment_files(self.directory.path()).into_iter();
        files
            .chain(stage.exists().then_some(stage))
            .map(|file| (file.clone(), fs::read(file).unwrap()))
            .filter(|(_, bytes)| !bytes.is_empty())
            .collect()
    }

    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Append(length) => {
                self.append(length, Room::Free)?;
            }
            Step::Reserve { now, later } => {
                if self.append(now, Room::Reserve(later))? {
                    self.reserved.push(later);
                }
            }
            Step::Use { which, length } if !self.reserved.is_empty() => {
                let reserved = self.reserved.swap_remove(which.index(self.reserved.len()));
                let kept = self.append(length.min(reserved as usize), Room::Use(reserved))?;
                prop_assert!(kept, "reserved room was not there");
            }
            Step::Use { .. } => {}
            Step::Sync => self.sync()?,
            Step::Release { part } => {
                let (first, written) = (self.journal().first().0, self.journal().written().0);
                self.journal()
                    .release(FrameIndex(first + (written - first) * part / 4));
                prop_assert!(self.journal().first().0 <= self.journal().durable().0);
                let kept = segment_files(self.directory.path());
                self.synced.retain(|file, _| kept.contains(file));
            }
            Step::Reopen => {
                self.close();
                let recovered = self.open();
                prop_assert!(recovered.torn_tail_bytes == 0);
                self.check(&recovered, self.frames.len())?;
            }
            Step::Kill => self.kill()?,
            Step::PowerLoss { seed } => self.lose_power(seed)?,
            Step::FlipBit { file, byte, bit } => self.flip(&file, &byte, bit)?,
        }
        Ok(())
    }

    fn append(&mut self, length: usize, room: Room) -> Result<bool, TestCaseError> {
        let index = self.frames.len() as u64;
        let bytes = [&self.nonce.to_le_bytes()[..], &payload(index, length)].concat();
        let bytes = bytes[..length].to_vec();
        match self.journal().append(KIND, &bytes, room) {
            Ok(given) => {
                prop_assert_eq!(given.0, index);
                self.frames.push(Some(bytes));
                Ok(true)
            }
            Err(AppendError::Full { .. }) => {
                prop_assert_eq!(self.journal().written().0, index);
                Ok(false)
            }
            Err(other) => Err(TestCaseError::fail(other.to_string())),
        }
    }

    fn sync(&mut self) -> Result<(), TestCaseError> {
        self.durable = self.journal().sync().unwrap().0 as usize;
        prop_assert_eq!(self.durable, self.frames.len());
        self.synced = self.snapshot();
        let durable = self.journal().durable();
        let mut reader = self.reader.take().unwrap();
        self.compare(&mut reader, durable)?;
        self.reader = Some(reader);
        Ok(())
    }

    /// Reads up to a bound and compares with the list.
    fn compare(&self, reader: &mut Reader, below: FrameIndex) -> Result<(), TestCaseError> {
        let mut next = reader.position().0.max(self.journal().first().0);
        while let Some(entry) = reader.next(below).unwrap() {
            match entry {
                Entry::Frame(frame) => {
                    prop_assert_eq!(frame.index.0, next);
                    prop_assert_eq!(Some(frame.payload), self.frames[next as usize].as_deref());
                    next += 1;
                }
                Entry::Damage(damage) => {
                    prop_assert_eq!(damage.missing.start.0, next);
                    for lost in damage.missing.start.0..damage.missing.end.0 {
                        prop_assert_eq!(
                            &self.frames[lost as usize],
                            &None,
                            "frame {} is not lost",
                            lost
                        );
                    }
                    next = damage.missing.end.0;
                }
            }
        }
        prop_assert_eq!(next, below.0.max(next));
        Ok(())
    }

    fn check(&mut self, recovered: &Recovered, next: usize) -> Result<(), TestCaseError> {
        prop_assert_eq!(recovered.next.0 as usize, next);
        prop_assert_eq!(self.journal().durable().0 as usize, next);
        let kept = &self.frames[recovered.first.0 as usize..next];
        prop_assert_eq!(recovered.frames as usize, kept.iter().flatten().count());
        self.durable = next;
        self.synced = self.snapshot();
        let mut reader = self.journal().reader(recovered.first);
        self.compare(&mut reader, recovered.next)
    }

    /// Ends the process: files are left as they were at that moment.
    fn end(&mut self) -> BTreeMap<PathBuf, Vec<u8>> {
        let now = self.snapshot();
        self.close();
        for (file, bytes) in &now {
            fs::write(file, bytes).unwrap();
        }
        now
    }

    /// All that was appended is there afterwards.
    fn kill(&mut self) -> Result<(), TestCaseError> {
        self.end();
        let recovered = self.open();
        prop_assert!(recovered.torn_tail_bytes == 0);
        self.check(&recovered, self.frames.len())
    }

    /// Pages that were not synced reach the disk or do not, in any combination; so do names and lengths.
    fn lose_power(&mut self, seed: u64) -> Result<(), TestCaseError> {
        let mut seed = seed;
        let mut dice = move || {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            seed >> 33
        };
        for (file, bytes) in self.end() {
            let old = self.synced.get(&file);
            if old.is_none() && dice() % 4 == 0 {
                fs::remove_file(&file).unwrap();
                continue;
            }
            let old = old.map_or(&[][..], |old| &old[..]);
            let mut left = bytes.clone();
            for start in (0..bytes.len()).step_by(4096) {
                let page = start..bytes.len().min(start + 4096);
                let before = old.get(start..page.end.min(old.len())).unwrap_or(&[]);
                if bytes[page.clone()] != *before && dice() % 3 == 0 {
                    left[page.clone()].fill(0);
                    left[page.start..][..before.len()].copy_from_slice(before);
                }
            }
            if dice() % 2 == 0 {
                left.truncate(old.len() + dice() as usize % (left.len() - old.len() + 1));
            }
            fs::write(&file, left).unwrap();
        }
        let written = std::mem::take(&mut self.frames);
        let durable = self.durable;
        let recovered = self.open();
        prop_assert!((durable..=written.len()).contains(&(recovered.next.0 as usize)));
        // What is behind the durable bound may be there or not, but not otherwise than it was written.
        let mut survived = HashSet::new();
        let mut reader = self.journal().reader(recovered.first);
        while let Some(entry) = reader.next(recovered.next).unwrap() {
            if let Entry::Frame(frame) = entry {
                survived.insert(frame.index.0 as usize);
            }
        }
        let survivor = |(index, frame)| {
            if index < durable || survived.contains(&index) {
                frame
            } else {
                None
            }
        };
        self.frames = written
            .into_iter()
            .take(recovered.next.0 as usize)
            .enumerate()
            .map(survivor)
            .collect();
        self.check(&recovered, self.frames.len())
    }

    fn flip(
        &mut self,
        file: &prop::sample::Index,
        byte: &prop::sample::Index,
        bit: u8,
    ) -> Result<(), TestCaseError> {
        self.close();
        let files = self.snapshot();
        if files.is_empty() {
            let recovered = self.open();
            return self.check(&recovered, self.frames.len());
        }
        let (path, bytes) = files.iter().nth(file.index(files.len())).unwrap();
        let at = byte.index(bytes.len());
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        fs::write(path, flipped).unwrap();
        if let Some(lost) = frame_over(bytes, at) {
            self.frames[lost] = None;
        }
        // Without a frame or a segment behind it, damage is a torn tail, and its indices are free.
        let last = files.values().last().unwrap();
        let last_first = Header::decode(&last[..last.len().min(9000)]).unwrap().first as usize;
        while self.frames.len() > last_first && self.frames.last() == Some(&None) {
            self.frames.pop();
        }
        let recovered = self.open();
        self.check(&recovered, self.frames.len())
    }
}

/// The index of the frame that has this byte, None if it is not in a whole frame.
fn frame_over(bytes: &[u8], at: usize) -> Option<usize> {
    let header = Header::decode(&bytes[..bytes.len().min(9000)]).unwrap();
    let mut scanner = Scanner::new(Source::Bytes(bytes.into()), &header);
    let end = End {
        offset: bytes.len() as u64,
        content: bytes.len() as u64,
        index: None,
    };
    loop {
        let start = scanner.position() as usize;
        match scanner.next(end).unwrap() {
            Scanned::End => return None,
            Scanned::Damage { .. } => {}
            Scanned::Frame { index, .. } if (start..scanner.position() as usize).contains(&at) => {
                return Some(index as usize);
            }
            Scanned::Frame { .. } => {}
        }
    }
}

fn live(writing: Writing, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut life = Life::new(writing);
    steps.into_iter().try_for_each(|step| life.take(step))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_what_is_durable_is_returned_and_what_is_lost_is_named(steps in steps()) {
        live(Writing::Calls, steps)?;
    }

    #[test]
    fn whatever_happens_to_a_staged_journal_likewise(steps in steps()) {
        live(Writing::Staged, steps)?;
    }

    #[test]
    fn whatever_happens_to_a_mapped_journal_likewise(steps in steps()) {
        live(Writing::Mapped, steps)?;
    }

    #[test]
    fn arbitrary_bytes_are_scanned_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        scan_bytes(&bytes);
    }

    #[test]
    fn a_segment_with_arbitrary_wounds_is_scanned_without_a_panic(
        wounds in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..60)), 0..20),
        keep in any::<prop::sample::Index>(),
    ) {
        let (directory, journal) = opened(Writing::Calls);
        append(&journal, 20, 200);
        drop(journal);
        let mut bytes = fs::read(segment_files(directory.path()).remove(0)).unwrap();
        prop_assert_eq!(scan_bytes(&bytes), 20);
        for (place, wound) in wounds {
            let start = place.index(bytes.len());
            let end = bytes.len().min(start + wound.len());
            bytes[start..end].copy_from_slice(&wound[..end - start]);
        }
        bytes.truncate(keep.index(bytes.len() + 1));
        prop_assert!(scan_bytes(&bytes) <= 20);
    }
}
