//! Order, room, release, cursors.

use super::*;

all_ways! {
    frames_come_back_in_order_across_segments_and_restarts
    a_frame_carries_the_meta_of_the_journal_that_appended_it
    only_a_sync_raises_the_durable_bound
    a_second_handle_is_refused_until_the_first_is_dropped
    an_empty_payload_and_the_largest_one_are_frames
    a_full_journal_refuses_and_release_makes_room
    release_keeps_the_last_segment_and_so_the_count
    a_reader_survives_the_release_of_its_segment_and_skips_the_others
    reserved_room_is_refused_to_others_and_there_for_its_owner
    a_reservation_is_made_with_its_frame_or_not_at_all
    a_reservation_given_back_is_free_again
    a_cursor_is_what_was_saved_last
    a_corrupt_cursor_is_none_and_counted
    an_index_that_a_cursor_has_passed_is_never_given_again
    a_destroyed_journal_leaves_nothing
    options_out_of_their_limits_are_named
    files_are_for_their_owner_only
    debugging_shows_no_content
}

fn frames_come_back_in_order_across_segments_and_restarts(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 200, 1000);
    assert!(journal.usage().segments > 2);
    assert_eq!(read(&journal, 0), frames(0..200, 1000));
    assert_eq!(read(&journal, 150), frames(150..200, 1000));
    drop(journal);

    let (journal, recovered) = open(writing, directory.path());
    assert_eq!(
        (recovered.frames, recovered.first.0, recovered.next.0),
        (200, 0, 200)
    );
    assert!(recovered.is_clean(), "{recovered:?}");
    assert_eq!(journal.durable().0, 200);
    append(&journal, 10, 1000);
    assert_eq!(read(&journal, 0), frames(0..210, 1000));
}

fn a_frame_carries_the_meta_of_the_journal_that_appended_it(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 1, 8);
    drop(journal);
    let (journal, _) = Journal::open(directory.path(), small(writing), b"another", 8).unwrap();
    append(&journal, 1, 8);
    let mut reader = journal.reader(FrameIndex(0));
    for expected in [b"meta".as_slice(), b"another"] {
        let Some(Entry::Frame(frame)) = reader.next(journal.written()).unwrap() else {
            panic!("no frame")
        };
        assert_eq!((&frame.meta[..], frame.kind), (expected, KIND));
    }
}

fn only_a_sync_raises_the_durable_bound(writing: Writing) {
    let (_directory, journal) = opened(writing);
    append(&journal, 100, 1000);
    assert_eq!(journal.durable().0, 0);
    assert!(
        journal
            .reader(FrameIndex(0))
            .next(journal.durable())
            .unwrap()
            .is_none()
    );
    assert_eq!(journal.sync().unwrap().0, 100);
    append(&journal, 1, 1000);
    assert_eq!((journal.durable().0, journal.written().0), (100, 101));
}

fn a_second_handle_is_refused_until_the_first_is_dropped(writing: Writing) {
    let (directory, journal) = opened(writing);
    let reader = journal.reader(FrameIndex(0));
    let second = Journal::open(directory.path(), small(writing), b"", 1);
    assert!(
        matches!(second, Err(JournalError::Locked { .. })),
        "{second:?}"
    );
    drop(journal);
    open(writing, directory.path());
    drop(reader);
}

fn an_empty_payload_and_the_largest_one_are_frames(writing: Writing) {
    let (_directory, journal) = opened(writing);
    journal.append(KIND, b"", Room::Free).unwrap();
    let refused = journal.append(KIND, &[0; 64 << 10], Room::Free);
    let Err(AppendError::TooLarge {
        size: 65_536,
        limit,
    }) = refused
    else {
        panic!("{refused:?}")
    };
    let largest = vec![5; limit as usize];
    assert_eq!(journal.append(KIND, &largest, Room::Free).unwrap().0, 1);
    assert_eq!(
        read(&journal, 0),
        [Said::Frame(0, vec![]), Said::Frame(1, largest)]
    );
}

fn a_full_journal_refuses_and_release_makes_room(writing: Writing) {
    let (_directory, journal) = opened(writing);
    let full = loop {
        let index = journal.written().0;
        if let Err(full) = journal.append(KIND, &payload(index, 1000), Room::Free) {
            break full;
        }
    };
    assert!(
        matches!(
            full,
            AppendError::Full {
                needed: 1024,
                capacity: 1_048_576,
                ..
            }
        ),
        "{full}"
    );
    let written = journal.written().0;
    assert!(written > 800, "{written}");
    assert_eq!(read(&journal, 0).len() as u64, written);
    assert_eq!(journal.release(FrameIndex(written)), 0, "not durable");
    journal.sync().unwrap();
    assert!(journal.release(FrameIndex(written / 2)) > 5);
    append(&journal, written / 3, 1000);
    assert_eq!(
        read(&journal, journal.first().0),
        frames(journal.first().0..journal.written().0, 1000)
    );
}

fn release_keeps_the_last_segment_and_so_the_count(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 200, 1000);
    journal.sync().unwrap();
    let segments = journal.usage().segments;
    assert_eq!(journal.release(FrameIndex(u64::MAX)), segments - 1);
    let first = journal.first();
    drop(journal);
    let (journal, recovered) = open(writing, directory.path());
    assert_eq!((recovered.first, recovered.next.0), (first, 200));
    assert!(recovered.is_clean());
    assert_eq!(journal.append(KIND, b"x", Room::Free).unwrap().0, 200);
}

fn a_reader_survives_the_release_of_its_segment_and_skips_the_others(writing: Writing) {
    let (_directory, journal) = opened(writing);
    append(&journal, 200, 1000);
    journal.sync().unwrap();
    let mut reader = journal.reader(FrameIndex(0));
    reader.next(journal.durable()).unwrap().unwrap();
    journal.release(FrameIndex(150));
    let first = journal.first().0;
    let mut indices = Vec::new();
    while let Some(entry) = reader.next(journal.durable()).unwrap() {
        let Entry::Frame(frame) = entry else {
            panic!("{entry:?}")
        };
        indices.push(frame.index.0);
    }
    assert!(indices.ends_with(&(first..200).collect::<Vec<_>>()));
}

fn reserved_room_is_refused_to_others_and_there_for_its_owner(writing: Writing) {
    let (_directory, journal) = opened(writing);
    let mut reserved = 0;
    while journal.append(KIND, &[1; 40], Room::Reserve(3000)).is_ok() {
        reserved += 1;
    }
    assert!(reserved > 200, "{reserved}");
    while journal.append(KIND, &[1; 100], Room::Free).is_ok() {}
    for _ in 0..reserved {
        journal.append(KIND, &[2; 3000], Room::Use(3000)).unwrap();
    }
    assert_eq!(journal.usage().reserved, 0);
    assert!(matches!(
        journal.append(KIND, b"", Room::Use(3000)),
        Err(AppendError::NotReserved { size: 3000 })
    ));
}

fn a_reservation_is_made_with_its_frame_or_not_at_all(writing: Writing) {
    let (_directory, journal) = opened(writing);
    while journal.append(KIND, &[1; 1000], Room::Free).is_ok() {}
    let written = journal.written();
    assert!(matches!(
        journal.append(KIND, b"", Room::Reserve(50_000)),
        Err(AppendError::Full { .. })
    ));
    assert_eq!((journal.written(), journal.usage().reserved), (written, 0));
}

fn a_reservation_given_back_is_free_again(writing: Writing) {
    let (_directory, journal) = opened(writing);
    journal.append(KIND, b"", Room::Reserve(1000)).unwrap();
    journal.unreserve(1000).unwrap();
    assert_eq!(journal.usage().reserved, 0);
    assert!(matches!(
        journal.unreserve(1000),
        Err(AppendError::NotReserved { .. })
    ));
}

fn a_cursor_is_what_was_saved_last(writing: Writing) {
    let (directory, journal) = opened(writing);
    assert_eq!(journal.load_cursor("logs").unwrap(), None);
    journal.save_cursor("logs", FrameIndex(4)).unwrap();
    journal.save_cursor("logs", FrameIndex(9)).unwrap();
    journal.save_cursor("spans", FrameIndex(1)).unwrap();
    drop(journal);
    let (journal, _) = open(writing, directory.path());
    assert_eq!(journal.load_cursor("logs").unwrap(), Some(FrameIndex(9)));
    assert_eq!(journal.load_cursor("spans").unwrap(), Some(FrameIndex(1)));
    for name in ["", "Logs", "../logs", &"x".repeat(65)] {
        assert!(
            matches!(journal.load_cursor(name), Err(CursorError::Name { .. })),
            "{name}"
        );
    }
}

fn a_corrupt_cursor_is_none_and_counted(writing: Writing) {
    let (directory, journal) = opened(writing);
    journal.save_cursor("logs", FrameIndex(4)).unwrap();
    let file = directory.path().join("logs.cursor");
    let mut bytes = fs::read(&file).unwrap();
    bytes[17] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_eq!(journal.load_cursor("logs").unwrap(), None);
    assert_eq!(journal.usage().corrupt_cursors, 1);
}

fn an_index_that_a_cursor_has_passed_is_never_given_again(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 10, 100);
    journal.sync().unwrap();
    journal.save_cursor("logs", FrameIndex(10)).unwrap();
    drop(journal);
    let file = segment_files(directory.path()).remove(0);
    let cut = find(&file, &payload(6, 100)) as u64;
    fs::File::options()
        .write(true)
        .open(file)
        .unwrap()
        .set_len(cut)
        .unwrap();

    let (journal, recovered) = open(writing, directory.path());
    assert_eq!((recovered.frames, recovered.next.0), (6, 10));
    assert_eq!(recovered.damages[0].missing, FrameIndex(6)..FrameIndex(10));
    append(&journal, 2, 100);
    let mut expected = frames(0..6, 100);
    expected.push(Said::Missing(6..10));
    expected.extend(frames(10..12, 100));
    assert_eq!(read(&journal, 0), expected);
}

fn a_destroyed_journal_leaves_nothing(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 1, 8);
    journal.save_cursor("logs", FrameIndex(1)).unwrap();
    journal.destroy().unwrap();
    assert!(!directory.path().exists());
}

fn options_out_of_their_limits_are_named(writing: Writing) {
    let directory = tempfile::tempdir().unwrap();
    let refused = |options, meta: &[u8]| {
        Journal::open(directory.path(), options, meta, 0)
            .unwrap_err()
            .to_string()
    };
    let tiny = JournalOptions {
        segment_bytes: 100,
        ..small(writing)
    };
    assert_eq!(
        refused(tiny, b""),
        "segment_bytes is 100, must be 65536 to 2147483648"
    );
    let single = JournalOptions {
        capacity_bytes: 65_536,
        ..small(writing)
    };
    assert_eq!(
        refused(single, b""),
        "capacity_bytes is 65536, must be at least 131072"
    );
    assert!(refused(small(writing), &[0; 40_000]).starts_with("length of meta is 40000"));
}

fn files_are_for_their_owner_only(writing: Writing) {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("a/b");
    let (journal, _) = open(writing, &path);
    append(&journal, 1, 8);
    journal.save_cursor("logs", FrameIndex(1)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&path), mode(&parent.path().join("a"))),
        (0o700, 0o700)
    );
    for entry in fs::read_dir(&path).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

fn debugging_shows_no_content(writing: Writing) {
    let (_directory, journal) = opened(writing);
    let index = journal.append(KIND, b"secret", Room::Free).unwrap();
    let mut reader = journal.reader(index);
    let shown = format!("{:?} {journal:?}", reader.next(journal.written()).unwrap());
    let shown = format!("{shown} {reader:?}");
    assert!(
        shown.contains("payload_bytes: 6") && shown.contains("durable: FrameIndex(0)"),
        "{shown}"
    );
    assert!(
        !shown.contains("secret") && !shown.contains("115, 101, 99"),
        "{shown}"
    );
}
