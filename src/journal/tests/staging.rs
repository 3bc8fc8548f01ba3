//! Frames on the stage, and how they come into their segments.

use super::*;

all_ways! {
    frames_too_long_for_the_stage_keep_their_place
    more_frames_than_the_stage_holds_are_appended_without_a_sync
    what_is_not_landed_is_read
}

/// A journal whose process is killed now: its files as they are, in another directory.
fn killed(directory: &Path) -> TempDir {
    let left = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), left.path().join(entry.file_name())).unwrap();
        }
    }
    left
}

/// Opens what is left, and expects all these frames and nothing else.
fn recovers(left: &Path, expected: &[Said]) {
    let (journal, recovered) = open(Writing::Calls, left);
    assert!(recovered.is_clean(), "{recovered:?}");
    assert_eq!(recovered.next.0, expected.len() as u64);
    assert_eq!(read(&journal, 0), expected);
    assert!(!left.join("stage").exists());
}

fn more_frames_than_the_stage_holds_are_appended_without_a_sync(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 300, 900);
    recovers(killed(directory.path()).path(), &frames(0..300, 900));
    assert_eq!(read(&journal, 0), frames(0..300, 900));
}

fn frames_too_long_for_the_stage_keep_their_place(writing: Writing) {
    let (directory, journal) = opened(writing);
    let mut expected = Vec::new();
    for length in [100, 30_000, 200, 6_100, 40_000, 10] {
        let index = journal.written().0;
        append(&journal, 1, length);
        expected.extend(frames(index..index + 1, length));
    }
    recovers(killed(directory.path()).path(), &expected);
    journal.sync().unwrap();
    assert_eq!(read(&journal, 0), expected);
}

fn what_is_not_landed_is_read(writing: Writing) {
    let (_directory, journal) = opened(writing);
    let mut reader = journal.reader(FrameIndex(0));
    for index in 0..100 {
        append(&journal, 1, 50);
        let entry = reader.next(journal.written()).unwrap();
        assert!(matches!(entry, Some(Entry::Frame(frame)) if frame.index.0 == index));
    }
    assert!(reader.next(journal.written()).unwrap().is_none());
}

#[test]
fn a_closed_journal_leaves_no_stage() {
    let (directory, journal) = opened(Writing::Staged);
    assert_eq!(journal.usage().writing, Writing::Staged);
    append(&journal, 10, 100);
    assert!(directory.path().join("stage").exists());
    drop(journal);
    recovers(directory.path(), &frames(0..10, 100));
}

#[test]
fn frames_land_only_when_they_have_to() {
    let (directory, journal) = opened(Writing::Staged);
    append(&journal, 10, 100);
    let active = segment_files(directory.path()).remove(0);
    let header_only = fs::metadata(&active).unwrap().len();
    append(&journal, 10, 100);
    assert_eq!(fs::metadata(&active).unwrap().len(), header_only);
    journal.sync().unwrap();
    assert!(fs::metadata(&active).unwrap().len() > header_only + 20 * 100);
}

#[test]
fn a_landing_that_was_cut_short_is_finished_from_the_stage() {
    let (directory, journal) = opened(Writing::Staged);
    append(&journal, 5, 100);
    journal.sync().unwrap();
    append(&journal, 5, 100);
    let before = killed(directory.path());
    journal.sync().unwrap();
    let whole = fs::read(segment_files(directory.path()).remove(0)).unwrap();
    let landed = fs::metadata(segment_files(before.path()).remove(0))
        .unwrap()
        .len() as usize;
    for cut in landed..whole.len() {
        let left = killed(before.path());
        fs::write(segment_files(left.path()).remove(0), &whole[..cut]).unwrap();
        recovers(left.path(), &frames(0..10, 100));
    }
}

#[test]
fn frames_of_two_segments_that_have_not_landed_are_both_brought_home() {
    let (directory, journal) = opened(Writing::Staged);
    let mut index = 0;
    while segment_files(directory.path()).len() < 3 {
        append(&journal, 1, 1300);
        index += 1;
        recovers(killed(directory.path()).path(), &frames(0..index, 1300));
    }
}

#[test]
fn frames_behind_a_hole_are_kept_and_the_hole_is_named() {
    let (directory, journal) = opened(Writing::Staged);
    append(&journal, 3, 100);
    journal.sync().unwrap();
    append(&journal, 6, 100);
    let left = killed(directory.path());
    let stage = left.path().join("stage");
    let mut bytes = fs::read(&stage).unwrap();
    for lost in [4, 7] {
        let at = find(&stage, &payload(lost, 100));
        bytes[at + 20] ^= 1;
    }
    fs::write(&stage, bytes).unwrap();
    let (journal, recovered) = open(Writing::Staged, left.path());
    assert_eq!(recovered.next.0, 9);
    assert_eq!(recovered.damages.len(), 2, "{recovered:?}");
    let (kept, hole) = (
        |range| frames(range, 100),
        |index| vec![Said::Missing(index..index + 1)],
    );
    let expected = [kept(0..4), hole(4), kept(5..7), hole(7), kept(8..9)].concat();
    assert_eq!(read(&journal, 0), expected);
    append(&journal, 1, 100);
    assert_eq!(read(&journal, 0).len(), 10);
}

#[test]
fn a_stage_of_which_nothing_can_be_read_loses_only_what_was_on_it() {
    let (directory, journal) = opened(Writing::Staged);
    append(&journal, 3, 100);
    journal.sync().unwrap();
    append(&journal, 3, 100);
    for bytes in [&b""[..], b"#!/bin/sh", &[0; 16 << 10], &[0xff; 16 << 10]] {
        let left = killed(directory.path());
        fs::write(left.path().join("stage"), bytes).unwrap();
        recovers(left.path(), &frames(0..3, 100));
    }
}

#[test]
fn a_stage_that_fails_is_done_without_until_there_is_another() {
    let (directory, journal) = opened(Writing::Staged);
    append(&journal, 3, 100);
    journal.shared.writer().leave_stage();
    assert_eq!(journal.usage().writing, Writing::Calls);
    append(&journal, 3, 100);
    recovers(killed(directory.path()).path(), &frames(0..6, 100));
    journal.sync().unwrap();
    assert_eq!(journal.usage().writing, Writing::Staged);
    append(&journal, 3, 100);
    recovers(killed(directory.path()).path(), &frames(0..9, 100));
}
