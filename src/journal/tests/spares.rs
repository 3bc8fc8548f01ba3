//! Files that wait to become segments, and segments that become such files again.

use proptest::prelude::*;

use super::*;
use crate::journal::{
    format::{Header, Seed, encode_frame, frame_length},
    ground::Ground,
};

both_ways! {
    a_journal_that_is_written_little_has_one_spare_and_writes_no_zeros
    a_released_segment_is_used_again_and_nothing_of_it_is_left
    a_segment_that_somebody_reads_is_not_used_again
    segments_that_begin_cold_ask_for_more_warm_spares_and_quiet_gives_them_back
    there_are_two_warm_spares_once_a_segment_is_half_full
    warming_takes_no_room_that_appenders_need
}

/// Lengths of the files of zeros that wait to become segments.
fn spares(path: &Path) -> Vec<u64> {
    let mut lengths = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let file = entry.unwrap().path();
        let bytes = fs::read(&file).unwrap();
        let segment = file.extension().is_some_and(|extension| extension == "seg");
        if segment && bytes.iter().all(|byte| *byte == 0) {
            lengths.push(bytes.len() as u64);
        }
    }
    lengths
}

/// Whether spares are warmed where tests write.
fn is_steady(journal: &Journal) -> bool {
    journal.shared.site.ground == Ground::Steady
}

fn a_journal_that_is_written_little_has_one_spare_and_writes_no_zeros(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 20, 1000);
    for _ in 0..10 {
        journal.sync().unwrap();
        journal.prepare();
    }
    assert_eq!(spares(directory.path()).len(), 1);
    assert_eq!(
        journal.usage().bytes,
        2 * small(writing).segment_bytes,
        "{:?}",
        journal.usage()
    );
    let warm = journal.shared.writer().spares.iter().any(Spare::is_warm);
    assert!(!warm);
}

fn there_are_two_warm_spares_once_a_segment_is_half_full(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 40, 1000);
    journal.sync().unwrap();
    journal.prepare();
    if is_steady(&journal) {
        assert_eq!(spares(directory.path()), [64 << 10; 2]);
        assert!(journal.shared.writer().spares.iter().all(Spare::is_warm));
        assert_eq!(journal.usage().bytes, 3 * small(writing).segment_bytes);
    }
    append(&journal, 200, 1000);
    assert_eq!(read(&journal, 0), frames(0..240, 1000));
}

#[test]
fn frames_that_come_fast_find_pages_and_are_not_covered_by_them() {
    let (directory, journal) = opened(Writing::Calls);
    append(&journal, 20, 1000);
    journal.sync().unwrap();
    let length = || {
        let active = segment_files(directory.path()).remove(0);
        fs::metadata(active).unwrap().len()
    };
    journal.prepare();
    let slow = length();
    assert!(slow < 32 << 10, "{slow}");
    append(&journal, 36, 1000);
    journal.prepare();
    if is_steady(&journal) {
        assert_eq!(length(), 64 << 10);
    }
    append(&journal, 40, 1000);
    assert_eq!(read(&journal, 0), frames(0..96, 1000));
}

fn segments_that_begin_cold_ask_for_more_warm_spares_and_quiet_gives_them_back(writing: Writing) {
    let directory = tempfile::tempdir().unwrap();
    let options = JournalOptions {
        capacity_bytes: 64 * small(writing).segment_bytes,
        ..small(writing)
    };
    let (journal, _) = Journal::open(directory.path(), options, b"meta", 7).unwrap();
    append(&journal, 300, 1000);
    assert_eq!(journal.shared.writer().wanted_warm(), 8);
    append(&journal, 40, 1000);
    journal.sync().unwrap();
    journal.prepare();
    let many = spares(directory.path()).len();
    if is_steady(&journal) {
        assert!(many > 2, "{many}");
    }
    (0..2_010).for_each(|_| journal.prepare());
    assert_eq!(journal.shared.writer().wanted_warm(), 2);
    assert!(spares(directory.path()).len() <= 2);
    append(&journal, 300, 1000);
    assert_eq!(read(&journal, 0), frames(0..640, 1000));
}

fn a_released_segment_is_used_again_and_nothing_of_it_is_left(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 130, 1000);
    journal.sync().unwrap();
    let first = segment_files(directory.path()).remove(0);
    // The same file, by whatever name.
    let held = fs::File::open(&first).unwrap();
    journal.release(FrameIndex(130));
    assert!(!first.exists() && journal.first().0 > 50);
    for entry in fs::read_dir(directory.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let old = payload(7, 1000);
        assert!(!bytes.windows(1000).any(|window| window == old));
    }
    if is_steady(&journal) {
        let mut reused = Vec::new();
        std::io::Read::read_to_end(&mut &held, &mut reused).unwrap();
        assert_eq!(reused, vec![0; 64 << 10]);
    }
    append(&journal, 400, 1000);
    let first = journal.first().0;
    assert_eq!(read(&journal, first), frames(first..530, 1000));
    drop(journal);
    let (journal, recovered) = open(writing, directory.path());
    assert_eq!((recovered.next.0, recovered.is_clean()), (530, true));
    assert_eq!(read(&journal, first), frames(first..530, 1000));
}

fn a_segment_that_somebody_reads_is_not_used_again(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 130, 1000);
    journal.sync().unwrap();
    let first = segment_files(directory.path()).remove(0);
    let whole = fs::read(&first).unwrap();
    let held = fs::File::open(&first).unwrap();
    let mut reader = journal.reader(FrameIndex(0));
    reader.next(journal.durable()).unwrap().unwrap();
    for _ in 0..10 {
        journal.release(journal.durable());
        append(&journal, 60, 1000);
        journal.sync().unwrap();
        journal.prepare();
    }
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut &held, &mut bytes).unwrap();
    assert!(
        bytes == whole,
        "the reader could still come upon other bytes"
    );
    let first = journal.first().0;
    for index in first..journal.durable().0 {
        let entry = reader.next(journal.durable()).unwrap();
        assert!(
            matches!(&entry, Some(Entry::Frame(frame)) if frame.index.0 == index),
            "{index}: {entry:?}"
        );
    }
}

fn warming_takes_no_room_that_appenders_need(writing: Writing) {
    let (_directory, journal) = opened(writing);
    let mut appended = 0;
    // Syncs all along must not make less fit than no sync at all.
    while journal
        .append(KIND, &payload(appended, 1000), Room::Free)
        .is_ok()
    {
        appended += 1;
        journal.sync().unwrap();
        journal.prepare();
    }
    let (_other, unsynced) = opened(writing);
    let mut fits = 0;
    while unsynced
        .append(KIND, &payload(fits, 1000), Room::Free)
        .is_ok()
    {
        fits += 1;
    }
    assert!(appended >= fits, "{appended} of {fits}");
    assert!(journal.usage().bytes <= journal.usage().capacity);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Zeros are on the disk before a file is used again. Should a disk have lied about that, old frames with the right
    /// nonce stand behind the new ones, wherever a crash cut those off: not one of them comes back.
    #[test]
    fn old_frames_in_a_recycled_file_are_never_taken_for_new_ones(
        old in prop::collection::vec(0usize..700, 1..60),
        new in prop::collection::vec(0usize..700, 1..60),
        skipped in 0u64..3,
        cut in any::<prop::sample::Index>(),
    ) {
        let first = old.len() as u64 + skipped;
        let (before, _) = segment(0, 0, &old);
        let (mut bytes, ends) = segment(1, first, &new);
        // The header has been written by then, or the file is not a segment yet.
        let cut = 56 + cut.index(bytes.len() - 56 + 1);
        for (at, byte) in bytes.iter_mut().enumerate().skip(cut) {
            *byte = before.get(at).copied().unwrap_or(0);
        }
        bytes.extend_from_slice(before.get(bytes.len()..).unwrap_or(&[]));
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(format!("{:020}.seg", 1)), &bytes).unwrap();

        let (journal, recovered) = open(Writing::Calls, directory.path());
        let whole = ends.iter().filter(|end| **end <= cut).count();
        // The last bytes of a frame may be the same in the old one.
        prop_assert!((whole..=whole + 1).contains(&(recovered.frames as usize)), "{recovered:?}");
        prop_assert_eq!(recovered.next.0, first + recovered.frames);
        prop_assert!(recovered.damages.is_empty(), "{recovered:?}");
        for (said, (place, length)) in read(&journal, first).into_iter().zip(new.iter().enumerate()) {
            let index = first + place as u64;
            prop_assert_eq!(said, Said::Frame(index, payload(index, *length)));
        }
    }
}

/// A segment as the journal writes it, and where each of its frames ends.
fn segment(number: u64, first: u64, lengths: &[usize]) -> (Vec<u8>, Vec<usize>) {
    let header = Header {
        number,
        first,
        nonce: 7,
        meta: (*b"meta").into(),
    };
    let (mut bytes, mut ends) = (header.encode(), Vec::new());
    for (index, length) in (first..).zip(lengths) {
        let payload = payload(index, *length);
        let mut frame = vec![0; frame_length(payload.len() as u64) as usize];
        let (seed, length) = (Seed::of(7), payload.len() as u32);
        encode_frame(&mut frame, seed, index, KIND.0, length, &[&payload]);
        bytes.extend_from_slice(&frame);
        ends.push(bytes.len());
    }
    (bytes, ends)
}
