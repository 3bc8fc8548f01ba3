//! Full disks, failing disks, vanished files: each as something lost and as something kept.

use std::{
    env, io,
    io::{BufRead as _, Write as _},
    path::PathBuf,
    process::{Command, Stdio},
};

use super::*;

all_ways! {
    reserved_room_is_there_on_a_disk_that_somebody_else_has_filled
    a_journal_on_a_full_disk_goes_on_in_the_files_that_it_has
    a_journal_on_a_full_disk_opens_and_gives_back_what_it_holds
    frames_that_a_failing_disk_did_not_take_are_written_again_when_it_recovers
    a_deleted_active_segment_is_noticed_and_written_again
    a_deleted_idle_segment_is_noticed_too
    a_deleted_sealed_segment_is_damage_to_a_reader
    a_deleted_directory_is_an_error_of_every_sync_and_no_frame_is_called_durable
    a_crash_while_frames_are_written_again_loses_none
    a_frame_that_cannot_be_read_when_it_is_to_be_written_again_is_named_as_missing
    a_killed_process_loses_no_frame_whose_append_had_returned
}

/// A file system of its own for a test; None where that takes rights that the test does not have.
struct Mounted {
    path: PathBuf,
    _directory: TempDir,
    beneath: Option<Box<Mounted>>,
}

impl Mounted {
    fn tmpfs(megabytes: u64) -> Option<Self> {
        Self::mount(&["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
    }

    /// ext4 in a sparse file of 64 MiB on a tmpfs that is smaller: writing back fails when that is full.
    fn ext4_on_thin_ice() -> Option<Self> {
        Self::ext4_on(8)
    }

    /// ext4 in a file of 64 MiB on a tmpfs of this size.
    fn ext4_on(megabytes: u64) -> Option<Self> {
        let beneath = Self::tmpfs(megabytes)?;
        let image = beneath.path.join("image");
        fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
        let made = Command::new("mkfs.ext4")
            .args(["-q", "-O", "^has_journal"])
            .arg(&image)
            .output();
        if !made.is_ok_and(|made| made.status.success()) {
            return Self::skip("mkfs.ext4 does not run here");
        }
        let mut mounted = Self::mount(&["-o", "loop", image.to_str().unwrap()])?;
        mounted.beneath = Some(Box::new(beneath));
        Some(mounted)
    }

    fn mount(arguments: &[&str]) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_owned();
        let mounted = Command::new("mount")
            .args(arguments)
            .arg(&path)
            .stderr(Stdio::null())
            .status();
        if !mounted.is_ok_and(|status| status.success()) {
            return Self::skip("mount is not permitted");
        }
        Some(Self {
            path,
            _directory: directory,
            beneath: None,
        })
    }

    fn skip(reason: &str) -> Option<Self> {
        assert!(
            env::var_os("CI").is_none_or(|ci| ci != "true"),
            "{reason}, and CI must not skip this"
        );
        eprintln!("skipped: {reason}");
        None
    }

    /// Unmounts and mounts again, so that what is read comes from the disk. For ext4 on thin ice.
    fn forget_what_is_in_memory(&self) {
        let image = self.beneath.as_ref().unwrap().path.join("image");
        // A process that another test is just starting holds the files open until it is started.
        let unmounted = || {
            let status = Command::new("umount")
                .arg(&self.path)
                .stderr(Stdio::null())
                .status();
            status.unwrap().success()
        };
        assert!((0..1000).any(|_| unmounted()), "it stays busy");
        let mount = Command::new("mount")
            .args(["-o", "loop"])
            .args([&image, &self.path])
            .status();
        assert!(mount.unwrap().success());
    }

    /// Takes every byte that is left.
    fn fill(&self) -> PathBuf {
        let filler = self.path.join("filler");
        let mut file = fs::File::create(&filler).unwrap();
        let full = loop {
            if let Err(error) = file.write_all(&[1; 4096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        filler
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        Command::new("umount")
            .arg("-l")
            .arg(&self.path)
            .status()
            .ok();
    }
}

fn reserved_room_is_there_on_a_disk_that_somebody_else_has_filled(writing: Writing) {
    let Some(disk) = Mounted::tmpfs(8) else {
        return;
    };
    let path = disk.path.join("journal");
    let options = JournalOptions {
        segment_bytes: 256 << 10,
        capacity_bytes: 6 << 20,
        writing,
    };
    let (journal, _) = Journal::open(&path, options, b"meta", 7).unwrap();
    assert_eq!(journal.usage().preallocation, Preallocation::Allocated);
    for index in 0..500 {
        journal
            .append(KIND, &payload(index, 100), Room::Reserve(3000))
            .unwrap();
    }
    let filler = disk.fill();
    for index in 500..1000 {
        journal
            .append(KIND, &payload(index, 3000), Room::Use(3000))
            .unwrap();
        if index % 100 == 0 {
            journal.sync().unwrap();
        }
    }
    let refused = loop {
        let index = journal.written().0;
        match journal.append(KIND, &payload(index, 3000), Room::Free) {
            Ok(_) => {}
            Err(refused) => break refused,
        }
    };
    assert!(
        matches!(&refused, AppendError::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
    );
    let written = journal.sync().unwrap();

    fs::remove_file(filler).unwrap();
    let index = journal.append(KIND, b"healed", Room::Free).unwrap();
    assert_eq!(index, written);
    let mut expected = frames(0..500, 100);
    expected.extend(frames(500..written.0, 3000));
    expected.push(Said::Frame(written.0, b"healed".to_vec()));
    assert_eq!(read(&journal, 0), expected);
}

/// A full disk must not take a mapped page away, which would end the process.
fn a_journal_on_a_full_disk_goes_on_in_the_files_that_it_has(writing: Writing) {
    let (Some(tmpfs), Some(ext4)) = (Mounted::tmpfs(8), Mounted::ext4_on(80)) else {
        return;
    };
    for disk in [tmpfs, ext4] {
        let path = disk.path.join("journal");
        let options = JournalOptions {
            segment_bytes: 256 << 10,
            capacity_bytes: 4 << 20,
            writing,
        };
        let (journal, _) = Journal::open(&path, options, b"meta", 7).unwrap();
        append(&journal, 1000, 1000);
        journal.sync().unwrap();
        assert_eq!(journal.usage().writing, writing);
        disk.fill();
        let mut refused = 0;
        for _ in 0..20 {
            while refused == 0 || journal.written() == journal.durable() {
                let index = journal.written().0;
                match journal.append(KIND, &payload(index, 1000), Room::Free) {
                    Ok(_) => {}
                    Err(AppendError::Io { source, .. }) => {
                        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
                        refused += 1;
                        break;
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            let durable = journal.sync().unwrap();
            assert_eq!(durable, journal.written());
            let first = journal.first().0;
            assert_eq!(read(&journal, first), frames(first..durable.0, 1000));
            journal.release(FrameIndex(first + (durable.0 - first) / 2));
        }
        assert!(refused > 0 && journal.durable().0 > 1000);
        assert_eq!(journal.usage().writing, writing);
    }
}

fn a_journal_on_a_full_disk_opens_and_gives_back_what_it_holds(writing: Writing) {
    let Some(disk) = Mounted::tmpfs(2) else {
        return;
    };
    let path = disk.path.join("journal");
    let (journal, _) = open(writing, &path);
    append(&journal, 100, 1000);
    drop(journal);
    disk.fill();
    let (journal, recovered) = open(writing, &path);
    assert_eq!(recovered.frames, 100);
    assert!(matches!(
        journal.append(KIND, &[0; 1000], Room::Free),
        Err(AppendError::Io { .. })
    ));
    assert_eq!(read(&journal, 0), frames(0..100, 1000));
    // What is released is room to write to, once no process that another test is just starting holds the file open.
    assert!(journal.release(FrameIndex(100)) > 0);
    let mut tries = (0..10_000).map(|_| journal.append(KIND, &payload(100, 1000), Room::Free).ok());
    assert_eq!(tries.find_map(|index| index), Some(FrameIndex(100)));
    append(&journal, 9, 1000);
    assert_eq!(journal.sync().unwrap().0, 110);
}

fn frames_that_a_failing_disk_did_not_take_are_written_again_when_it_recovers(writing: Writing) {
    let Some(disk) = Mounted::ext4_on_thin_ice() else {
        return;
    };
    let path = disk.path.join("journal");
    let options = JournalOptions {
        segment_bytes: 1 << 20,
        capacity_bytes: 32 << 20,
        writing,
    };
    let (journal, _) = Journal::open(&path, options, b"meta", 7).unwrap();
    append(&journal, 100, 1000);
    assert_eq!(journal.sync().unwrap().0, 100);
    // A new segment, because the loop device calls a write a success when it could store its first page.
    drop(journal);
    let (journal, _) = Journal::open(&path, options, b"meta", 7).unwrap();
    let filler = disk.beneath.as_ref().unwrap().fill();
    append(&journal, 1500, 1000);
    for _ in 0..3 {
        journal.sync().unwrap_err();
        assert!(
            (100..1600).contains(&journal.durable().0),
            "{}",
            journal.durable()
        );
        append(&journal, 10, 1000);
    }
    assert_eq!(
        read(&journal, 0),
        frames(0..1630, 1000),
        "all are readable while they are in doubt"
    );

    fs::remove_file(filler).unwrap();
    assert_eq!(journal.sync().unwrap().0, 1630);
    assert!(journal.usage().rehomed >= 3, "{:?}", journal.usage());
    append(&journal, 10, 1000);
    assert_eq!(journal.sync().unwrap().0, 1640);
    assert_eq!(read(&journal, 0), frames(0..1640, 1000));
    drop(journal);
    disk.forget_what_is_in_memory();
    let (journal, recovered) = Journal::open(&path, options, b"meta", 8).unwrap();
    assert!(recovered.is_clean(), "{recovered:?}");
    assert_eq!(read(&journal, 0), frames(0..1640, 1000));
}

fn a_deleted_active_segment_is_noticed_and_written_again(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 10, 1000);
    journal.sync().unwrap();
    append(&journal, 5, 1000);
    let mut reader = journal.reader(FrameIndex(0));
    reader.next(journal.written()).unwrap();
    fs::remove_file(&segment_files(directory.path())[0]).unwrap();
    assert_eq!(journal.sync().unwrap().0, 15);
    assert_eq!(journal.usage().rehomed, 1);
    assert_eq!(reader.position().0, 1);
    assert_eq!(read(&journal, 0), frames(0..15, 1000));
    drop(journal);
    let (journal, recovered) = open(writing, directory.path());
    assert!(recovered.is_clean());
    assert_eq!(read(&journal, 0), frames(0..15, 1000));
}

fn a_deleted_idle_segment_is_noticed_too(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 10, 1000);
    journal.sync().unwrap();
    fs::remove_file(&segment_files(directory.path())[0]).unwrap();
    journal.sync().unwrap();
    drop(journal);
    assert_eq!(open(writing, directory.path()).1.frames, 10);
}

fn a_deleted_sealed_segment_is_damage_to_a_reader(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 100, 1000);
    journal.sync().unwrap();
    fs::remove_file(&segment_files(directory.path())[0]).unwrap();
    let said = read(&journal, 0);
    let Said::Missing(missing) = &said[0] else {
        panic!("{:?}", said[0])
    };
    assert_eq!(missing.start, 0);
    assert_eq!(said[1..], frames(missing.end..100, 1000));
}

fn a_deleted_directory_is_an_error_of_every_sync_and_no_frame_is_called_durable(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 10, 1000);
    fs::remove_dir_all(directory.path()).unwrap();
    for _ in 0..2 {
        assert!(matches!(journal.sync(), Err(SyncError::Copy { .. })));
    }
    assert_eq!(journal.durable().0, 0);
    assert_eq!(read(&journal, 0), frames(0..10, 1000));
}

fn a_crash_while_frames_are_written_again_loses_none(writing: Writing) {
    let (directory, journal) = opened(writing);
    append(&journal, 150, 1000);
    land(&journal);
    let old = segment_files(directory.path());
    let obsolete = journal.shared.writer().rehome(30).unwrap();
    assert!(obsolete.is_empty());
    let new: Vec<_> = segment_files(directory.path())
        .into_iter()
        .filter(|file| !old.contains(file))
        .collect();
    assert!(new.len() >= 2);
    // Headers are written from the last segment to the first: so many of the first are missing when it is cut short.
    for missing_headers in 0..=new.len() {
        let copy = tempfile::tempdir().unwrap();
        for file in segment_files(directory.path()) {
            let mut bytes = fs::read(&file).unwrap();
            if new
                .iter()
                .take(missing_headers)
                .any(|without| *without == file)
            {
                bytes[..4096 + 56].fill(0);
            }
            fs::write(copy.path().join(file.file_name().unwrap()), bytes).unwrap();
        }
        let (copied, recovered) = open(writing, copy.path());
        assert_eq!(
            (recovered.frames, recovered.next.0),
            (150, 150),
            "without {missing_headers}"
        );
        assert_eq!(read(&copied, 0), frames(0..150, 1000));
    }
    journal.sync().unwrap();
    drop(journal);
    let (journal, recovered) = open(writing, directory.path());
    assert!(recovered.is_clean(), "{recovered:?}");
    assert_eq!(read(&journal, 0), frames(0..150, 1000));
}

fn a_frame_that_cannot_be_read_when_it_is_to_be_written_again_is_named_as_missing(
    writing: Writing,
) {
    use std::os::unix::fs::FileExt as _;

    let (directory, journal) = opened(writing);
    append(&journal, 50, 1000);
    land(&journal);
    let file = &segment_files(directory.path())[0];
    let damaged = find(file, &payload(20, 1000)) as u64;
    let writable = fs::File::options().write(true).open(file).unwrap();
    writable.write_all_at(b"damage", damaged).unwrap();
    journal.shared.writer().rehome(10).unwrap();
    assert_eq!(journal.sync().unwrap().0, 50);

    let mut expected = frames(0..20, 1000);
    expected.push(Said::Missing(20..21));
    expected.extend(frames(21..50, 1000));
    assert_eq!(read(&journal, 0), expected);
    drop(journal);
    let (journal, recovered) = open(writing, directory.path());
    assert_eq!((recovered.frames, recovered.damages.len()), (49, 1));
    assert_eq!(read(&journal, 0), expected);
}

/// The process says each index once its frame has been appended, and is killed at no particular moment.
fn a_killed_process_loses_no_frame_whose_append_had_returned(writing: Writing) {
    if let Some(path) = env::var_os("JOURNAL_TEST_KILLED") {
        return append_and_say_so(writing, Path::new(&path));
    }
    let name = format!(
        "journal::tests::faults::{}::a_killed_process_loses_no_frame_whose_append_had_returned",
        name_of(writing)
    );
    for wanted in [1, 40, 700, 1200] {
        let directory = tempfile::tempdir().unwrap();
        let mut killed = Command::new(env::current_exe().unwrap())
            .args(["--exact", &name])
            .arg("--nocapture")
            .env("JOURNAL_TEST_KILLED", directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = io::BufReader::new(killed.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let indices = |line: String| {
            line.strip_prefix("appended ")
                .map(|index| index.parse::<u64>().unwrap())
        };
        let mut count = said.by_ref().filter_map(indices).take(wanted).count();
        killed.kill().unwrap();
        killed.wait().unwrap();
        count += said.filter_map(indices).count();
        let (journal, recovered) = open(writing, directory.path());
        assert!(recovered.damages.is_empty(), "{recovered:?}");
        assert!(
            recovered.frames >= count as u64 && count >= wanted,
            "{recovered:?} of {count}"
        );
        let all = recovered.frames;
        assert_eq!(read(&journal, 0), frames(0..all, 700));
    }
}

fn append_and_say_so(writing: Writing, path: &Path) {
    let (journal, _) = open(writing, path);
    let mut stdout = io::stdout();
    writeln!(stdout).unwrap();
    loop {
        let index = journal.written().0;
        // Full ends it, with an exit status that nobody looks at.
        journal
            .append(KIND, &payload(index, 700), Room::Free)
            .unwrap();
        writeln!(stdout, "appended {index}").unwrap();
        if index % 50 == 0 {
            journal.sync().unwrap();
        }
    }
}

/// The limit on file sizes makes a write stop in the middle of a frame. It holds for a whole process, so the test runs
/// itself again in one that has it.
#[test]
fn a_write_that_stops_in_the_middle_leaves_no_frame_and_takes_no_index() {
    let writing = Writing::Calls;
    if let Some(path) = env::var_os("JOURNAL_TEST_LIMITED") {
        return append_up_to_the_limit(writing, Path::new(&path));
    }
    let directory = tempfile::tempdir().unwrap();
    let name = "journal::tests::faults::a_write_that_stops_in_the_middle_leaves_no_frame_and_takes_no_index";
    let script = r#"trap '' XFSZ; ulimit -f 64; exec "$0" --exact "$1""#;
    let limited = Command::new("sh")
        .args(["-c", script])
        .arg(env::current_exe().unwrap())
        .arg(name)
        .env("JOURNAL_TEST_LIMITED", directory.path())
        .output()
        .unwrap();
    assert!(
        limited.status.success(),
        "{}",
        String::from_utf8_lossy(&limited.stdout)
    );
    let (journal, recovered) = open(writing, directory.path());
    assert!(
        recovered.frames > 20 && recovered.damages.is_empty(),
        "{recovered:?}"
    );
    let said = read(&journal, 0);
    assert_eq!(
        said[..said.len() - 1],
        frames(0..recovered.frames - 1, 1000)
    );
    assert_eq!(
        said.last(),
        Some(&Said::Frame(
            recovered.frames - 1,
            payload(recovered.frames - 1, 10)
        ))
    );
}

fn append_up_to_the_limit(writing: Writing, path: &Path) {
    let (journal, _) = open(writing, path);
    let refused = loop {
        let index = journal.written().0;
        match journal.append(KIND, &payload(index, 1000), Room::Free) {
            Ok(_) => {}
            Err(refused) => break refused,
        }
    };
    assert!(
        matches!(
            refused,
            AppendError::Io {
                action: "write",
                ..
            }
        ),
        "{refused}"
    );
    let written = journal.written().0;
    assert!(
        journal
            .append(KIND, &payload(written, 1000), Room::Free)
            .is_err()
    );
    assert_eq!(
        journal
            .append(KIND, &payload(written, 10), Room::Free)
            .unwrap()
            .0,
        written
    );
}
