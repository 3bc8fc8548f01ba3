//! What becomes of records when disks, directories and neighbours fail: nothing is lost unsaid, and nothing stops.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/application.rs"]
mod application;
#[path = "support/disk.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod disk;
#[path = "support/part.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod part;
#[path = "support/place.rs"]
mod place;
#[path = "support/receiver.rs"]
#[allow(dead_code, reason = "other tests ask it for more")]
mod receiver;
#[path = "support/trail.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod trail;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use application::{
    CALLS, PATIENCE, a_call, a_span, adopted, assert_all_there, everywhere, lines, nowhere,
};
use disk::Disk;
use llm_audit::failure::OnFailure;
use llm_audit::record::AccessOutcome;
use llm_audit::record::SystemEvent;
use llm_audit::{Auditor, CallStart, Drained, GuardError};
use part::{Part, Player};
use receiver::Receiver;

use serde_json::json;
use tempfile::TempDir;
use tracing_subscriber::layer::SubscriberExt as _;
use trail::Trail;

#[test]
fn processes_that_start_at_once_share_a_root() {
    if let Some(part) = Part::of_this_process() {
        assert!(part.hear().is_some());
        let audit = lines(&part.data_dir).build().unwrap();
        for _ in 0..5 {
            part.say(&a_call(&audit).to_string());
        }
        assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for _ in 0..6 {
        let start = || {
            Player::start(
                "processes_that_start_at_once_share_a_root",
                "one",
                directory.path(),
                &[],
            )
        };
        let mut players: Vec<Player> = (0..6).map(|_| start()).collect();
        players.iter_mut().for_each(|player| player.say("go"));
        expected.extend(players.into_iter().flat_map(|player| player.end().0));
    }
    let trail = Trail::of_lines(directory.path());
    assert_eq!(expected.len(), 6 * 6 * 5);
    assert_all_there(&trail, &expected);
    assert_eq!(
        (trail.streams().len(), trail.missing()),
        (36, BTreeMap::new())
    );
    assert_eq!(lanes(directory.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_third_process_takes_over_what_two_others_left() {
    let directory = tempfile::tempdir().unwrap();
    if let Some(part) = Part::of_this_process() {
        return left_behind(&part);
    }
    let start = || {
        Player::start(
            "a_third_process_takes_over_what_two_others_left",
            "dead",
            directory.path(),
            &[],
        )
    };
    let mut players = [start(), start()];
    let heard: Vec<String> = players.iter_mut().flat_map(hear_all).collect();
    let [one, two] = players;
    one.kill();
    two.kill();
    let trail = adopted(directory.path());
    assert_all_there(&trail, &heard);
    assert_eq!(
        (trail.count("unknown"), trail.count("success")),
        (2, 2 * CALLS)
    );
    assert_eq!(
        (trail.missing(), trail.gaps()),
        (BTreeMap::new(), BTreeMap::new())
    );
    assert_eq!(trail.streams().len(), 3);
}

#[test]
fn a_torn_tail_is_told_and_takes_nothing_else() {
    if let Some(part) = Part::of_this_process() {
        return left_behind(&part);
    }
    let dead = Dead::of("a_torn_tail_is_told_and_takes_nothing_else");
    for cut in [1, 7, 100] {
        let directory = dead.copy();
        let (segment, _) = last_segment(directory.path());
        let end = end_of_last_call(&fs::read(&segment).unwrap());
        let file = fs::OpenOptions::new().write(true).open(segment).unwrap();
        file.set_len(end - cut).unwrap();
        let trail = adopted(directory.path());
        assert_all_there(&trail, &dead.records);
        assert_eq!(
            trail.count("unknown"),
            2,
            "an end that was cut off is one of unknown outcome now"
        );
        let gap = trail.system(SystemEvent::Gap);
        assert_eq!((gap.len(), &gap[0]["reason"]), (1, &json!("torn_tail")));
        assert!(gap[0]["bytes"].as_u64().unwrap() > 0);
        assert_eq!(trail.missing(), BTreeMap::new());
    }
}

#[test]
fn a_flipped_bit_takes_one_frame_which_is_told() {
    if let Some(part) = Part::of_this_process() {
        return left_behind(&part);
    }
    let dead = Dead::of("a_flipped_bit_takes_one_frame_which_is_told");
    let (_, length) = last_segment(dead.directory.path());
    let first_frame = 8200;
    for place in (first_frame..length - 2000).step_by(2801) {
        let directory = dead.copy();
        let (segment, _) = last_segment(directory.path());
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(segment)
            .unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, place).unwrap();
        file.write_all_at(&[byte[0] ^ 4], place).unwrap();
        let trail = adopted(directory.path());
        let absent: Vec<_> = dead
            .records
            .iter()
            .filter(|id| trail.status(id.parse().unwrap()).is_none())
            .collect();
        assert!(
            absent.is_empty(),
            "byte {place}: a call is known by its start or by its end"
        );
        assert_eq!(
            trail.gaps(),
            BTreeMap::from([("frames_damaged".to_owned(), 1)]),
            "byte {place}"
        );
        let missing: usize = trail.missing().values().map(Vec::len).sum();
        assert!(missing <= 1, "byte {place}");
        assert!(trail.count("success") >= CALLS - 1);
    }
}

#[test]
fn a_lane_of_an_unknown_version_is_left_alone_and_named() {
    if let Some(part) = Part::of_this_process() {
        return left_behind(&part);
    }
    let dead = Dead::of("a_lane_of_an_unknown_version_is_left_alone_and_named");
    let directory = dead.copy();
    let (segment, _) = last_segment(directory.path());
    let file = fs::OpenOptions::new().write(true).open(&segment).unwrap();
    for header in [0, 4096] {
        file.write_all_at(&2_u32.to_le_bytes(), header + 8).unwrap();
    }
    let lane = segment.parent().unwrap().to_owned();
    let contents = || -> Vec<_> {
        let files = place::files(&lane);
        files
            .iter()
            .filter(|path| !path.ends_with("lock"))
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    };
    let before = contents();
    let receiver = Receiver::start();
    let audit = everywhere(directory.path(), &receiver).build().unwrap();
    let id = a_call(&audit);
    audit.shutdown(PATIENCE);
    let unreadable = audit.health().unreadable;
    assert_eq!(unreadable.len(), 1, "{unreadable:?}");
    assert_eq!(unreadable[0].0, lane);
    assert!(unreadable[0].1.contains("version 2"), "{unreadable:?}");
    let trail = Trail::of_lines(directory.path());
    assert_eq!(trail.status(id), Some("success"));
    assert_eq!(contents(), before);
}

#[test]
fn a_full_disk_stops_nobody_and_is_told_exactly() {
    let Some(disk) = Disk::mount("size=16m") else {
        return;
    };
    let audit = lines(disk.path()).spool_bytes(4 << 20).build().unwrap();
    let subscriber = tracing_subscriber::registry().with(audit.layer());
    let mut ids = Vec::new();
    let ballast = disk.fill();
    tracing::subscriber::with_default(subscriber, || {
        let mut call = || ids.push(a_span());
        while audit.health().dropped < 100 {
            call();
        }
        let refused = audit
            .start(CallStart::new("chat").on_failure(OnFailure::FailClosed))
            .unwrap_err();
        assert!(
            matches!(
                refused,
                GuardError::NotRecorded {
                    reason: "spool_failed" | "spool_full",
                    ..
                }
            ),
            "{refused:?}"
        );
        let guard = audit
            .start(CallStart::new("chat").on_failure(OnFailure::DropAndCount))
            .unwrap();
        ids.push(guard.finish().unwrap());
        fs::remove_file(ballast).unwrap();
        assert!(
            audit.change("created", "users", "anna").record().is_ok(),
            "there is room again, without a restart"
        );
    });
    let dropped = audit.health().dropped;
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let trail = Trail::of_lines(disk.path());
    let lost = ids.iter().filter(|id| trail.status(**id).is_none()).count() as u64;
    assert_eq!(
        (lost, trail.gaps().values().sum::<u64>()),
        (dropped, dropped),
        "{:?}",
        trail.gaps()
    );
    assert_eq!(
        trail.system(SystemEvent::Stop)[0]["dropped"],
        json!(dropped)
    );
    assert_eq!(
        (trail.missing(), trail.streams().len()),
        (BTreeMap::new(), 1)
    );
    println!(
        "full disk: {} calls, {lost} lost, told by gap records {:?}",
        ids.len(),
        trail.gaps()
    );
}

#[test]
fn a_full_spool_of_a_killed_process_is_taken_over() {
    if let Some(part) = Part::of_this_process() {
        let audit = nowhere(&part.data_dir)
            .spool_bytes(1 << 20)
            .build()
            .unwrap();
        let mut open = Vec::new();
        while let Ok(call) = audit.start(CallStart::new("chat").model("gpt-4o").user("anna")) {
            part.say(&call.record_id().to_string());
            if open.len() < 40 {
                open.push(call);
            } else if call.finish().is_err() {
                break;
            }
        }
        part.say(DONE);
        assert_eq!(part.hear(), None);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut player = Player::start(
        "a_full_spool_of_a_killed_process_is_taken_over",
        "full",
        directory.path(),
        &[],
    );
    let heard = hear_all(&mut player);
    player.kill();
    // With no more room than the process had that filled it.
    let receiver = Receiver::start();
    let audit = everywhere(directory.path(), &receiver)
        .spool_bytes(1 << 20)
        .build()
        .unwrap();
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    assert_eq!(audit.health().unreadable, []);
    let trail = Trail::of_lines(directory.path());
    assert_all_there(&trail, &heard);
    assert_eq!(
        (trail.count("unknown"), trail.missing()),
        (40, BTreeMap::new())
    );
    assert_eq!(lanes(directory.path()), Vec::<PathBuf>::new());
}

#[test]
fn calls_that_go_on_do_not_keep_a_full_spool_full() {
    let directory = tempfile::tempdir().unwrap();
    let audit = lines(directory.path())
        .spool_bytes(1 << 20)
        .build()
        .unwrap();
    let begin = |_| audit.start(CallStart::new("chat").model("gpt-4o")).unwrap();
    let long: Vec<_> = (0..20).map(begin).collect();
    let ids: Vec<_> = long.iter().map(|call| call.record_id()).collect();
    // Lines cannot be written while a directory stands where their file would.
    let obstacles = [0, 1].map(|days| {
        let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
        directory
            .path()
            .join(format!("audit_{}.jsonl", day.strftime("%F")))
    });
    for obstacle in &obstacles {
        fs::remove_file(obstacle).ok();
        fs::create_dir(obstacle).unwrap();
    }
    // To the last byte: records without a start take what no call takes.
    while audit
        .start(CallStart::new("chat"))
        .and_then(|call| call.finish())
        .is_ok()
    {}
    while audit.change("created", "users", "anna").record().is_ok() {}
    while audit
        .access("login", AccessOutcome::Denied)
        .record()
        .is_ok()
    {}
    obstacles
        .iter()
        .for_each(|obstacle| fs::remove_dir(obstacle).unwrap());
    // The sink is another thread, which nothing here can wait for but by asking.
    let deadline = std::time::Instant::now() + PATIENCE;
    while audit
        .start(CallStart::new("chat"))
        .and_then(|call| call.finish())
        .is_err()
    {
        assert!(
            std::time::Instant::now() < deadline,
            "nothing is recorded while one call goes on: {:?}",
            audit.health()
        );
        std::thread::yield_now();
    }
    for call in long {
        call.finish().unwrap();
    }
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let trail = Trail::of_lines(directory.path());
    assert!(ids.iter().all(|id| trail.status(*id) == Some("success")));
    assert_eq!(trail.missing(), BTreeMap::new());
}

#[test]
fn a_data_directory_that_cannot_be_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let below_a_file = file.join("data");
    let error = lines(&below_a_file).build().unwrap_err().to_string();
    assert!(error.contains(below_a_file.to_str().unwrap()), "{error}");
    let missing = directory.path().join("missing");
    let error = Auditor::builder()
        .data_dir(&missing)
        .build()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(missing.join("keyring.json").to_str().unwrap()),
        "{error}"
    );
}

#[test]
fn a_data_directory_that_cannot_be_written_to_is_named() {
    let Some(disk) = Disk::mount("size=4m") else {
        return;
    };
    disk.remount("ro");
    for path in [disk.path().to_owned(), disk.path().join("data")] {
        let error = lines(&path).build().unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }
    disk.remount("rw");
    lines(disk.path())
        .spool_bytes(1 << 20)
        .build()
        .unwrap()
        .shutdown(PATIENCE);
    disk.remount("ro");
    let error = lines(disk.path())
        .spool_bytes(1 << 20)
        .build()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(disk.path().join("spool").to_str().unwrap()),
        "a keyring alone is not enough: {error}"
    );
}

#[test]
fn what_a_killed_process_was_removing_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let drained = directory
        .path()
        .join("spool/drained-01a201b8-6f23-76e8-a868-14edb1fe2ea7");
    fs::create_dir_all(drained.join("quarantine")).unwrap();
    fs::write(drained.join("00000000000000000000.seg"), "half").unwrap();
    let trail = adopted(directory.path());
    assert_eq!((trail.streams().len(), trail.gaps()), (1, BTreeMap::new()));
    assert_eq!(lanes(directory.path()), Vec::<PathBuf>::new());
}

/// The data directory of a process that was killed with `CALLS` calls done and one open.
struct Dead {
    directory: TempDir,
    records: Vec<String>,
}

impl Dead {
    fn of(test: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut player = Player::start(test, "dead", directory.path(), &[]);
        let records = hear_all(&mut player);
        player.kill();
        // All of it is in segments by then.
        for lane in lanes(directory.path()) {
            fs::remove_file(lane.join("stage")).unwrap();
        }
        Self { directory, records }
    }

    fn copy(&self) -> TempDir {
        let copied = tempfile::tempdir().unwrap();
        place::copy(self.directory.path(), copied.path());
        copied
    }
}

/// Calls that nothing has been delivered of when the process is killed.
fn left_behind(part: &Part) {
    let audit = nowhere(&part.data_dir).build().unwrap();
    let open = audit.start(CallStart::new("chat").user("open")).unwrap();
    part.say(&open.record_id().to_string());
    (0..CALLS).for_each(|_| part.say(&a_call(&audit).to_string()));
    audit.flush().unwrap();
    part.say(DONE);
    assert_eq!(part.hear(), None);
}

fn hear_all(player: &mut Player) -> Vec<String> {
    std::iter::from_fn(|| player.hear())
        .take_while(|line| line != DONE)
        .collect()
}

fn lanes(data_dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(data_dir.join("spool"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

/// The only lane's last segment that is in use, and its length.
fn last_segment(data_dir: &Path) -> (PathBuf, u64) {
    let files = place::files(&data_dir.join("spool")).into_iter();
    let segments =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "seg"));
    let used = segments
        .map(|path| (fs::metadata(&path).unwrap().len(), path))
        .filter(|(length, _)| *length > 0);
    let (length, path) = used.max_by(|one, other| one.1.cmp(&other.1)).unwrap();
    (path, length)
}

/// Where the frame ends that holds the end of the last call: behind it stand seals. Frames are walked by their lengths, as
/// the journal's documentation gives them.
fn end_of_last_call(segment: &[u8]) -> u64 {
    let u32_at = |at: usize| u32::from_le_bytes(segment[at..at + 4].try_into().unwrap()) as usize;
    let header = 48 + u32_at(12);
    let mut at = (header.next_multiple_of(4096) + header).next_multiple_of(8);
    let mut last = 0;
    while at + 20 <= segment.len() && u32_at(at) > 0 {
        let end = at + (20 + u32_at(at)).next_multiple_of(8);
        if segment[at + 16] == 2 {
            last = end;
        }
        at = end;
    }
    last as u64
}

const DONE: &str = "done";
