//! What opening makes of what a crash, a bad disk or a stranger left.

use super::*;

all_ways! {
    a_torn_tail_is_cut_and_counted
    a_damaged_frame_is_stepped_over_reported_and_quarantined_once
    a_reader_that_begins_inside_damage_reports_only_what_it_misses
    a_tail_that_is_missing_before_another_segment_is_damage
    a_segment_that_is_gone_is_missing_frames
    a_segment_without_a_header_is_set_aside_and_its_frames_are_missing
    a_header_lost_with_the_last_segment_is_a_torn_tail
    a_segment_of_zeros_is_a_spare
    zeros_behind_the_last_frame_are_its_end_and_no_torn_tail
    the_second_header_serves_when_the_first_is_damaged
    what_is_not_ours_or_too_new_is_refused_and_left_alone
    a_payload_that_quotes_another_journal_is_not_taken_for_a_frame
    spares_and_unfinished_files_of_a_crash_are_removed
    a_read_error_is_an_error_and_no_damage
    a_frame_whose_index_cannot_be_there_is_not_taken_for_one
}

/// Flips one bit of the first occurrence of `wanted`, `offset` bytes into it.
fn flip(file: &Path, wanted: &[u8], offset: usize) {
    let at = find(file, wanted) + offset;
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 4;
    fs::write(file, bytes).unwrap();
}

fn cut(file: &Path, length: u64) {
    fs::File::options()
        .write(true)
        .open(file)
        .unwrap()
        .set_len(length)
        .unwrap();
}

/// A closed journal of so many frames of 1,000 bytes.
fn closed(writing: Writing, count: u64) -> TempDir {
    let (directory, journal) = opened(writing);
    append(&journal, count, 1000);
    journal.sync().unwrap();
    directory
}

fn a_torn_tail_is_cut_and_counted(writing: Writing) {
    let directory = closed(writing, 10);
    let file = segment_files(directory.path()).remove(0);
    let length = fs::metadata(&file).unwrap().len();
    cut(&file, length - 24);
    let (journal, recovered) = open(writing, directory.path());
    assert_eq!(
        (
            recovered.frames,
            recovered.next.0,
            recovered.torn_tail_bytes
        ),
        (9, 9, 1000)
    );
    assert!(recovered.damages.is_empty() && !recovered.is_clean());
    append(&journal, 3, 1000);
    assert_eq!(read(&journal, 0), frames(0..12, 1000));
    drop(journal);
    let (_, recovered) = open(writing, directory.path());
    assert!(recovered.is_clean(), "{recovered:?}");
}

fn a_damaged_frame_is_stepped_over_reported_and_quarantined_once(writing: Writing) {
    let directory = closed(writing, 30);
    let file = segment_files(directory.path()).remove(0);
    flip(&file, &payload(7, 1000), 500);
    flip(&file, &payload(8, 1000), 0);
    let (journal, recovered) = open(writing, directory.path());
    assert_eq!(
        (recovered.frames, recovered.next.0, recovered.unquarantined),
        (28, 30, 0)
    );
    let [damage] = &recovered.damages[..] else {
        panic!("{recovered:?}")
    };
    assert_eq!(
        (damage.bytes, damage.missing.clone()),
        (2048, FrameIndex(7)..FrameIndex(9))
    );
    let mut expected = frames(0..7, 1000);
    expected.push(Said::Missing(7..9));
    expected.extend(frames(9..30, 1000));
    assert_eq!(read(&journal, 0), expected);
    drop(journal);

    let copy = directory.path().join(format!(
        "quarantine/{:020}-{:020}.bin",
        damage.segment, damage.offset
    ));
    let bytes = fs::read(&copy).unwrap();
    assert_eq!(
        bytes,
        fs::read(&file).unwrap()[damage.offset as usize..][..2048]
    );
    fs::write(&copy, "seen").unwrap();
    let (_, again) = open(writing, directory.path());
    assert_eq!(again.damages, recovered.damages);
    assert_eq!(fs::read(&copy).unwrap(), b"seen");
}

fn a_reader_that_begins_inside_damage_reports_only_what_it_misses(writing: Writing) {
    let directory = closed(writing, 30);
    let file = segment_files(directory.path()).remove(0);
    flip(&file, &payload(7, 1000), 500);
    flip(&file, &payload(8, 1000), 0);
    let (journal, _) = open(writing, directory.path());
    assert_eq!(read(&journal, 8)[0], Said::Missing(8..9));
    assert_eq!(read(&journal, 9), frames(9..30, 1000));
}

fn a_tail_that_is_missing_before_another_segment_is_damage(writing: Writing) {
    let directory = closed(writing, 100);
    let files = segment_files(directory.path());
    cut(
        &files[0],
        fs::metadata(&files[0]).unwrap().len() - 1024 - 24,
    );
    let (journal, recovered) = open(writing, directory.path());
    let [damage] = &recovered.damages[..] else {
        panic!("{recovered:?}")
    };
    assert_eq!(
        (damage.missing.end.0 - damage.missing.start.0, damage.bytes),
        (2, 1000)
    );
    assert_eq!((recovered.frames, recovered.torn_tail_bytes), (98, 0));
    let missing = damage.missing.start.0..damage.missing.end.0;
    let mut expected = frames(0..missing.start, 1000);
    expected.push(Said::Missing(missing.clone()));
    expected.extend(frames(missing.end..100, 1000));
    assert_eq!(read(&journal, 0), expected);
}

fn a_segment_that_is_gone_is_missing_frames(writing: Writing) {
    let directory = closed(writing, 200);
    let files = segment_files(directory.path());
    let before = read(&open(writing, directory.path()).0, 0);
    fs::remove_file(&files[1]).unwrap();
    let (journal, recovered) = open(writing, directory.path());
    let [damage] = &recovered.damages[..] else {
        panic!("{recovered:?}")
    };
    let missing = damage.missing.start.0..damage.missing.end.0;
    let mut expected = before.clone();
    expected.splice(
        missing.start as usize..missing.end as usize,
        [Said::Missing(missing)],
    );
    assert_eq!(read(&journal, 0), expected);
}

fn a_segment_without_a_header_is_set_aside_and_its_frames_are_missing(writing: Writing) {
    let directory = closed(writing, 200);
    let files = segment_files(directory.path());
    let mut bytes = fs::read(&files[1]).unwrap();
    bytes[..8192].fill(0);
    fs::write(&files[1], &bytes).unwrap();
    let (journal, recovered) = open(writing, directory.path());
    let [damage] = &recovered.damages[..] else {
        panic!("{recovered:?}")
    };
    assert_eq!(
        (damage.segment, damage.offset, damage.bytes),
        (1, 0, bytes.len() as u64)
    );
    assert_eq!(
        recovered.frames + damage.missing.end.0 - damage.missing.start.0,
        200
    );
    let aside = directory
        .path()
        .join("quarantine")
        .join(files[1].file_name().unwrap());
    assert_eq!(fs::read(aside).unwrap(), bytes);
    assert!(
        read(&journal, 0).contains(&Said::Missing(damage.missing.start.0..damage.missing.end.0))
    );
    drop(journal);
    let (_, again) = open(writing, directory.path());
    assert_eq!(again.damages.len(), 1);
    assert_eq!(again.damages[0].missing, damage.missing);
}

fn a_header_lost_with_the_last_segment_is_a_torn_tail(writing: Writing) {
    let directory = closed(writing, 10);
    let file = segment_files(directory.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[..4096 + 56].fill(0);
    fs::write(&file, &bytes).unwrap();
    let (_, recovered) = open(writing, directory.path());
    assert_eq!(
        (recovered.frames, recovered.torn_tail_bytes),
        (0, bytes.len() as u64)
    );
    assert!(recovered.damages.is_empty());
}

fn a_segment_of_zeros_is_a_spare(writing: Writing) {
    let directory = closed(writing, 10);
    let spare = directory.path().join(format!("{:020}.seg", 9));
    fs::write(&spare, vec![0; 64 << 10]).unwrap();
    let (journal, recovered) = open(writing, directory.path());
    assert_eq!((recovered.frames, recovered.is_clean()), (10, true));
    assert!(!spare.exists());
    append(&journal, 1, 8);
    assert_eq!(journal.sync().unwrap().0, 11);
}

fn zeros_behind_the_last_frame_are_its_end_and_no_torn_tail(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 10, 1000);
    // A frame that ends in zeros ends where it ends, and not where they begin.
    journal.append(KIND, &[0; 3000], Room::Free).unwrap();
    land(&journal);
    let copy = tempfile::tempdir().unwrap();
    let file = segment_files(directory.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes.resize(64 << 10, 0);
    let copied = copy.path().join(file.file_name().unwrap());
    fs::write(&copied, &bytes).unwrap();
    let (_, recovered) = open(writing, copy.path());
    assert_eq!((recovered.frames, recovered.is_clean()), (11, true));
    let end = 4096 + 56 + 10 * 1024 + 3024;
    assert_eq!(fs::metadata(&copied).unwrap().len(), end);
    // What is not zero behind it is a torn tail up to its last byte, and up to there only.
    bytes[end as usize + 100] = 1;
    fs::write(&copied, &bytes).unwrap();
    let (_, recovered) = open(writing, copy.path());
    assert_eq!((recovered.frames, recovered.torn_tail_bytes), (11, 104));
}

fn the_second_header_serves_when_the_first_is_damaged(writing: Writing) {
    let directory = closed(writing, 10);
    let file = segment_files(directory.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[..4096].fill(0xee);
    fs::write(&file, &bytes).unwrap();
    let (journal, recovered) = open(writing, directory.path());
    assert!(recovered.is_clean());
    assert_eq!(read(&journal, 0), frames(0..10, 1000));
    drop(journal);
    // The first has been repaired, and so the second may go.
    let mut bytes = fs::read(&file).unwrap();
    bytes[4096..4096 + 56].fill(0xee);
    fs::write(&file, &bytes).unwrap();
    assert_eq!(open(writing, directory.path()).1.frames, 10);
}

fn what_is_not_ours_or_too_new_is_refused_and_left_alone(writing: Writing) {
    let directory = closed(writing, 100);
    let files = segment_files(directory.path());
    // Also a damage that would be quarantined, to see that nothing at all is done.
    flip(&files[0], &payload(7, 1000), 500);
    let good = fs::read(&files[1]).unwrap();
    let mut newer = good.clone();
    newer[8] = 2;
    newer[4096 + 8] = 2;
    let mut renumbered = fs::read(&files[0]).unwrap();
    renumbered.truncate(9000);
    for (bytes, wanted) in [
        (newer, "has format version 2, this program knows 1"),
        (b"#!/bin/sh\necho".to_vec(), "is not a journal segment"),
        (renumbered, "is segment 0 by its header"),
    ] {
        fs::write(&files[1], &bytes).unwrap();
        let refused = Journal::open(directory.path(), small(writing), b"", 1)
            .unwrap_err()
            .to_string();
        assert!(refused.ends_with(wanted), "{refused}");
        assert_eq!(fs::read(&files[1]).unwrap(), bytes);
        assert!(!directory.path().join("quarantine").exists());
    }
    fs::write(&files[1], good).unwrap();
    assert_eq!(open(writing, directory.path()).1.damages.len(), 1);
}

fn a_payload_that_quotes_another_journal_is_not_taken_for_a_frame(writing: Writing) {
    let donor = closed(writing, 3);
    let quoted = fs::read(segment_files(donor.path()).remove(0)).unwrap();
    // Behind a frame's head of 20 bytes, 4 more put what follows where frames may begin.
    let quoted = [&[0; 4], &quoted[4096 + 56..]].concat();
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(directory.path(), small(writing), b"", 99).unwrap();
    for _ in 0..3 {
        journal.append(KIND, &quoted, Room::Free).unwrap();
    }
    drop(journal);
    let file = segment_files(directory.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let start = 4096 + 48;
    bytes[start] ^= 1;
    fs::write(&file, bytes).unwrap();
    let (journal, recovered) = open(writing, directory.path());
    assert_eq!(
        (recovered.frames, recovered.damages[0].missing.clone()),
        (2, FrameIndex(0)..FrameIndex(1))
    );
    assert_eq!(
        read(&journal, 1),
        [Said::Frame(1, quoted.clone()), Said::Frame(2, quoted)]
    );
}

fn spares_and_unfinished_files_of_a_crash_are_removed(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 3, 100);
    land(&journal);
    let copy = tempfile::tempdir().unwrap();
    fs::write(copy.path().join("sync.tmp"), "").unwrap();
    for file in segment_files(directory.path()) {
        fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
    }
    fs::write(copy.path().join(format!("{:020}.seg", 7)), "").unwrap();
    let (journal, recovered) = open(writing, copy.path());
    assert_eq!((recovered.frames, recovered.is_clean()), (3, true));
    assert!(!copy.path().join("sync.tmp").exists());
    append(&journal, 1, 100);
    assert!(
        copy.path().join(format!("{:020}.seg", 8)).exists(),
        "numbers go on behind spares"
    );
}

fn a_read_error_is_an_error_and_no_damage(writing: Writing) {
    let directory = tempfile::tempdir().unwrap();
    // Reading a directory gives EISDIR, whoever asks.
    fs::create_dir(directory.path().join(format!("{:020}.seg", 0))).unwrap();
    let refused = Journal::open(directory.path(), small(writing), b"", 1);
    assert!(
        matches!(refused, Err(JournalError::Io { .. })),
        "{refused:?}"
    );
}

fn a_frame_whose_index_cannot_be_there_is_not_taken_for_one(writing: Writing) {
    let mut quoted = vec![0; format::frame_length(5) as usize];
    let (directory, journal) = opened(writing);
    // With the journal's own nonce, which no author of a payload knows, and so only the index gives it away.
    let seed = format::Seed::of(7);
    format::encode_frame(&mut quoted, seed, 20, 1, 5, &[b"false"]);
    let quoted = [&[0; 4], &quoted[..]].concat();
    for _ in 0..4 {
        journal.append(KIND, &quoted, Room::Free).unwrap();
    }
    drop(journal);
    let file = segment_files(directory.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    bytes[4096 + 56] ^= 1;
    fs::write(&file, bytes).unwrap();
    let (_, recovered) = open(writing, directory.path());
    assert_eq!((recovered.frames, recovered.next.0), (3, 4));
    assert_eq!(recovered.damages[0].missing, FrameIndex(0)..FrameIndex(1));
}
