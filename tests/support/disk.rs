//! A disk of a test's own, which may be small, full, or not be written to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A disk in memory, mounted until this is dropped.
pub(crate) struct Disk {
    mount_point: TempDir,
}

impl Disk {
    /// None, and said loudly, where this user may not mount; an error where `CI` is `true`.
    pub(crate) fn mount(options: &str) -> Option<Self> {
        let mount_point = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(mount_point.path());
        let mounted = mount.output();
        if mounted.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Self { mount_point });
        }
        let strict = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(
            !strict,
            "a disk of its own could not be mounted: {mounted:?}"
        );
        println!("SKIPPED: a disk of its own could not be mounted: {mounted:?}");
        None
    }

    pub(crate) fn path(&self) -> &Path {
        self.mount_point.path()
    }

    /// Mounts it again with other options.
    pub(crate) fn remount(&self, options: &str) {
        let remounted = Command::new("mount")
            .args(["-o", &format!("remount,{options}")])
            .arg(self.path())
            .status()
            .unwrap();
        assert!(remounted.success());
    }

    /// Takes all the room there is, until the file is removed.
    pub(crate) fn fill(&self) -> PathBuf {
        let ballast = self.path().join("ballast");
        let mut file = fs::File::create(&ballast).unwrap();
        let page = [1; 4096];
        while std::io::Write::write_all(&mut file, &page).is_ok() {}
        ballast
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg(self.path()).status().ok();
    }
}
