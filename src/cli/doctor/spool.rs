//! Whether the data directory takes records, and what waits in it.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::survey::{self, LaneSeen, LaneState};
use crate::clock::Clock;
use crate::emit::failure::{Finding, Verdict};
use crate::emit::sender::dead_letters;
use crate::journal::JournalOptions;
use crate::record::Timestamp;

/// Looks at the data directory, its disk, its spool and its dead letter.
pub(super) fn examine(data_dir: &Path, clock: &Clock) -> Vec<Finding> {
    if !data_dir.is_dir() {
        return missing(data_dir);
    }
    let mut findings = Vec::new();
    let root = data_dir.join("spool");
    let place = if root.is_dir() {
        root.as_path()
    } else {
        data_dir
    };
    findings.extend(disk(place, clock));
    match survey::lanes(&root) {
        Ok(lanes) => findings.extend(waiting(&lanes, clock.now())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            findings.push(Finding::ok("spool", "nothing was recorded here yet"));
        }
        Err(error) => findings.push(Finding::of(
            Verdict::Problem,
            "spool",
            format!("{}: {error}", root.display()),
            "run the doctor as the application's user, who must be able to read it",
        )),
    }
    findings.extend(refused(data_dir, clock));
    findings
}

/// Whether an application could make the data directory, which is not there.
fn missing(data_dir: &Path) -> Vec<Finding> {
    let shown = data_dir.display();
    let nearest = data_dir.ancestors().find(|path| is_something(path));
    let nearest = nearest.unwrap_or(Path::new(".")); // that a relative path begins in
    if let Err(error) = survey::may_make_in(nearest) {
        let at = nearest.display();
        let what = format!(
            "{shown} cannot be made, since {at} is no directory that can be written to ({error}): an application with it does not start"
        );
        let advice = "name another with --data-dir, or mend its rights or what is in the way; run the doctor as the application's user";
        return vec![Finding::of(
            Verdict::Problem,
            "data directory",
            what,
            advice,
        )];
    }
    let what = format!("{shown} does not exist");
    let advice = "name the application's with --data-dir; it makes one when it starts first";
    vec![
        Finding::of(Verdict::Warning, "data directory", what, advice),
        room(nearest),
    ]
}

/// Whether there is anything at a path, also what cannot be looked at, or a link to nothing.
fn is_something(path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(_) => true,
        Err(error) => !matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        ),
    }
}

/// A real write, with its fsyncs; the room that is left; and what time the file system has.
fn disk(place: &Path, clock: &Clock) -> Vec<Finding> {
    let shown = place.display();
    let before = clock.now();
    let (sync, written) = match survey::write_probe(place, clock) {
        Ok(probed) => probed,
        Err(error) => {
            let what = format!("{shown} cannot be written to: {error}");
            let advice =
                "mend its rights, its mount or its disk; run the doctor as the application's user";
            return vec![Finding::of(Verdict::Problem, "disk", what, advice)];
        }
    };
    let millis = sync.as_secs_f64() * 1000.0;
    let what = format!("{shown} takes writes; an fsync takes {millis:.1} ms");
    let mut findings = vec![if sync > SLOW_SYNC {
        let advice = "calls do not wait for it, but records leave later, and guards that are Strict wait; a faster disk helps";
        Finding::of(Verdict::Warning, "disk", what, advice)
    } else {
        Finding::ok("disk", what)
    }];
    findings.push(room(place));
    findings.push(clocks(before, written));
    findings
}

/// Whether there is room for a spool: for its first segment, without which no application starts, and for all of it.
fn room(place: &Path) -> Finding {
    let free = match survey::free_bytes(place) {
        Ok(free) => free,
        Err(error) => {
            let advice = "see there";
            return Finding::of(Verdict::Warning, "room", error.to_string(), advice);
        }
    };
    let sizes = JournalOptions::default();
    let (first, all) = (sizes.segment_bytes, sizes.capacity_bytes);
    let advice = "make room, or give the application a smaller spool with spool_bytes(..)";
    if free < first + SMALL_FILES {
        let what = format!(
            "{} KiB are free, and an application does not start without {} KiB for its spool's first segment",
            free >> 10,
            (first + SMALL_FILES) >> 10
        );
        Finding::of(Verdict::Problem, "room", what, advice)
    } else if free < all {
        let what = format!(
            "{} are free, and a spool may take {}",
            mebibytes(free),
            mebibytes(all)
        );
        Finding::of(Verdict::Warning, "room", what, advice)
    } else {
        Finding::ok("room", format!("{} are free", mebibytes(free)))
    }
}

/// Whether this machine and its file system have the same time, and one that can be.
fn clocks(here: Timestamp, on_disk: Timestamp) -> Finding {
    let apart = here.unix_nanos().abs_diff(on_disk.unix_nanos());
    if here.unix_nanos() < FIRST_RELEASE {
        let what = format!("it is {here} here, which is past");
        return Finding::of(
            Verdict::Problem,
            "clock",
            what,
            "set the clock of this machine",
        );
    }
    if Duration::from_nanos(apart) > CLOCKS_APART {
        let what = format!("it is {here} here, and {on_disk} on the file system");
        let advice = "set the clocks of both; records carry the time of this machine";
        return Finding::of(Verdict::Warning, "clock", what, advice);
    }
    Finding::ok("clock", format!("it is {here}"))
}

/// What lies in the spool.
fn waiting(lanes: &[LaneSeen], now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    let running = lanes.iter().filter(|lane| lane.state == LaneState::Running);
    let bytes: u64 = lanes.iter().map(|lane| lane.bytes).sum();
    let what = format!(
        "{} recording; it takes {}",
        counted(running.count(), "process is", "processes are"),
        mebibytes(bytes)
    );
    findings.push(Finding::ok("spool", what));
    for lane in lanes {
        let shown = lane.path.display();
        let since = lane.oldest_write.map(|time| (time, age(time, now)));
        match (&lane.state, since) {
            (LaneState::Unreadable(why), _) => findings.push(Finding::of(
                Verdict::Problem,
                "lane",
                format!("{shown} cannot be read: {why}"),
                "drain it with the llm-audit that wrote it, or mend its rights",
            )),
            (LaneState::Left, Some((time, _))) => {
                let advice = if lane.is_owed {
                    "start an application with this data directory and a receiver: it takes them over within seconds"
                } else {
                    "start an application with this data directory and JSON lines: it takes them over within seconds"
                };
                let what = format!(
                    "{shown} was left by a process that is gone; its oldest records are from before {time}"
                );
                findings.push(Finding::of(Verdict::Warning, "lane", what, advice));
            }
            (LaneState::Running, Some((time, age))) if lane.segments > 1 && age > LONG_WAIT => {
                let what = format!(
                    "{shown} holds records from before {time} that somebody has not got, or that a call still open needs"
                );
                let advice = "see below whether the receiver takes records, and Health::delivery_failure in the application";
                findings.push(Finding::of(Verdict::Warning, "lane", what, advice));
            }
            (LaneState::Left | LaneState::Running, _) => {}
        }
    }
    findings
}

/// What a receiver refused for good, and what of it cannot be read.
fn refused(data_dir: &Path, clock: &Clock) -> Vec<Finding> {
    let found = dead_letters(&data_dir.join("dead-letter"), clock);
    let mut findings = Vec::new();
    for (path, words) in &found.barred {
        let what = format!(
            "{} cannot be read, and may hold records that were refused for good: {words}",
            path.display()
        );
        let advice = "run the doctor as the application's user, or mend its rights";
        findings.push(Finding::of(Verdict::Problem, "dead letter", what, advice));
    }
    if !found.letters.is_empty() {
        let what = format!(
            "{} refused for good",
            counted(found.letters.len(), "record was", "records were")
        );
        let advice = format!(
            "see the receiver's words: llm-audit refused --data-dir {}",
            data_dir.display()
        );
        findings.push(Finding::of(Verdict::Problem, "dead letter", what, advice));
    } else if !found.unread.is_empty() {
        let what = format!(
            "{} in use, or damaged",
            counted(found.unread.len(), "box of it is", "boxes of it are")
        );
        let advice =
            "records are being refused, or were: look again when the application has ended";
        findings.push(Finding::of(Verdict::Warning, "dead letter", what, advice));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("dead letter", "no record was refused for good"));
    }
    findings
}

/// A number with its words.
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn age(then: Timestamp, now: Timestamp) -> Duration {
    Duration::from_nanos(now.unix_nanos().saturating_sub(then.unix_nanos()))
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// An fsync that takes longer deserves a word.
const SLOW_SYNC: Duration = Duration::from_millis(50);
/// What a spool has beside segments: its lock, its notes, the keyring.
const SMALL_FILES: u64 = 64 << 10;
/// More than this between two clocks deserves a word.
const CLOCKS_APART: Duration = Duration::from_secs(5);
/// Records that wait longer deserve a word.
const LONG_WAIT: Duration = Duration::from_secs(300);
/// 2025-01-01, before which no version of this program ran.
const FIRST_RELEASE: u64 = 1_735_689_600_000_000_000;
