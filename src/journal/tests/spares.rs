//! Files that wait to become segments.

use super::*;

all_ways! {
    a_journal_that_is_written_little_has_one_spare
    syncs_take_no_room_that_appenders_need
}

/// How many files without content wait to become segments.
fn spares(path: &Path) -> usize {
    let files = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let segments =
        files.filter(|file| file.extension().is_some_and(|extension| extension == "seg"));
    segments
        .filter(|file| fs::metadata(file).unwrap().len() == 0)
        .count()
}

fn a_journal_that_is_written_little_has_one_spare(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 20, 1000);
    for _ in 0..10 {
        journal.sync().unwrap();
    }
    assert_eq!(spares(directory.path()), 1);
    let stage = journal.shared.site.stage_bytes().unwrap_or(0);
    let expected = 2 * small(writing).segment_bytes + stage;
    assert_eq!(journal.usage().bytes, expected, "{:?}", journal.usage());
}

fn syncs_take_no_room_that_appenders_need(writing: Writing) {
    let (_directory, journal) = opened(writing);
    let mut appended = 0;
    while journal
        .append(KIND, &payload(appended, 1000), Room::Free)
        .is_ok()
    {
        appended += 1;
        journal.sync().unwrap();
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
