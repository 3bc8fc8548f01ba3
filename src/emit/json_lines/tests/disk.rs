//! A disk that is really full.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;
use crate::emit::json_lines::Echo;

/// A tmpfs of its own for a test; None where that takes rights that the test does not have.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(directory.path())
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(directory));
        }
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "mount is not permitted, and CI must not skip this"
        );
        eprintln!("skipped: mount is not permitted");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_takes_nothing_by_halves_and_gets_all_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let dir = disk.0.path();
    let setup = Setup::new();
    let shared = Shared::default();
    let mut follower = Follower::new(dir, Arc::clone(&setup.spool), Echo::Quiet);
    setup.append_heartbeats(1);
    assert!(follower.pass(&shared));
    let file = dir.join("audit_2023-11-14.jsonl");
    let before = fs::read(&file).unwrap();

    let filler = dir.join("filler");
    let mut taken = fs::File::create(&filler).unwrap();
    // Room for some lines of the batch, and not for all.
    taken.write_all(&[0; 32 << 10]).unwrap();
    setup.append_heartbeats(20);
    assert!(!follower.pass(&shared) && !follower.pass(&shared));
    assert_eq!(fs::read(&file).unwrap(), before);
    let counters = shared.counters().clone();
    assert_eq!((counters.written, counters.failed_attempts), (1, 2));
    assert!(counters.last_failure.unwrap().contains("No space left"));

    fs::remove_file(&filler).unwrap();
    drop(taken);
    assert!(follower.pass(&shared));
    let (records, errors) = read_all(dir);
    assert_eq!((records.len(), errors.len()), (21, 0));
    assert_eq!(shared.counters().written, 21);
}
