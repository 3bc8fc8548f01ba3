//! The journal as a whole, on real files, written to in all ways.

/// Makes a test of each of these functions for every way of writing.
macro_rules! all_ways {
    ($($test:ident)*) => {
        mod calls {
            $(#[test] fn $test() { super::$test($crate::journal::Writing::Calls); })*
        }
        mod staged {
            $(#[test] fn $test() { super::$test($crate::journal::Writing::Staged); })*
        }
        mod mapped {
            $(#[test] fn $test() { super::$test($crate::journal::Writing::Mapped); })*
        }
    };
}

mod appending;
mod faults;
mod model;
mod recovering;
mod spares;
mod staging;
mod threads;

use std::{fs, path::Path};

use tempfile::TempDir;

use super::*;

const KIND: FrameKind = FrameKind(3);

/// The smallest journal there can be: segments of 64 KiB, 16 of them.
fn small(writing: Writing) -> JournalOptions {
    JournalOptions {
        segment_bytes: 64 << 10,
        capacity_bytes: 1 << 20,
        writing,
    }
}

fn open(writing: Writing, path: &Path) -> (Journal, Recovered) {
    Journal::open(path, small(writing), b"meta", 7).unwrap()
}

fn opened(writing: Writing) -> (TempDir, Journal) {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = open(writing, directory.path());
    (directory, journal)
}

/// A payload that can be told by its index, of about the length given.
fn payload(index: u64, length: usize) -> Vec<u8> {
    let mut bytes = index.to_le_bytes().to_vec();
    bytes.resize(length.max(8), index as u8);
    bytes
}

fn append(journal: &Journal, count: u64, length: usize) {
    for _ in 0..count {
        let index = journal.written().0;
        assert_eq!(
            journal
                .append(KIND, &payload(index, length), Room::Free)
                .unwrap()
                .0,
            index
        );
    }
}

/// Has all frames come into their segments, for those who look into files.
fn land(journal: &Journal) {
    journal.shared.land_all().unwrap();
}

/// What a reader says, in owned words.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Frame(u64, Vec<u8>),
    Missing(std::ops::Range<u64>),
}

fn read(journal: &Journal, from: u64) -> Vec<Said> {
    let mut reader = journal.reader(FrameIndex(from));
    let mut said = Vec::new();
    while let Some(entry) = reader.next(journal.written()).unwrap() {
        said.push(match entry {
            Entry::Damage(damage) => Said::Missing(damage.missing.start.0..damage.missing.end.0),
            Entry::Frame(frame) => Said::Frame(frame.index.0, frame.payload.to_vec()),
        });
    }
    said
}

fn frames(indices: std::ops::Range<u64>, length: usize) -> Vec<Said> {
    indices
        .map(|index| Said::Frame(index, payload(index, length)))
        .collect()
}

/// The way in a test's name.
fn name_of(writing: Writing) -> &'static str {
    match writing {
        Writing::Calls => "calls",
        Writing::Staged => "staged",
        Writing::Mapped => "mapped",
    }
}

/// The journal's segments, oldest first, without spares.
fn segment_files(path: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "seg"));
    files.retain(|file| fs::read(file).unwrap().iter().any(|byte| *byte != 0));
    files.sort();
    files
}

/// The first offset of these bytes in a file.
fn find(file: &Path, wanted: &[u8]) -> usize {
    fs::read(file)
        .unwrap()
        .windows(wanted.len())
        .position(|window| window == wanted)
        .unwrap()
}
