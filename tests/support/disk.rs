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

    /// Lays a directory of it over itself, so that it cannot be written to by its name, until this is dropped. What is
    /// open stays writable: a file system with open files cannot be mounted again.
    pub(crate) fn cover(&self, directory: &Path) -> Cover {
        let mount = |arguments: &[&str], at: &Path| {
            let status = Command::new("mount").args(arguments).arg(at).status();
            assert!(status.unwrap().success(), "{arguments:?}");
        };
        // Made read-only elsewhere, where nobody can open anything in between.
        let aside = tempfile::tempdir().unwrap();
        mount(&["--bind", directory.to_str().unwrap()], aside.path());
        mount(&["-o", "remount,ro,bind"], aside.path());
        mount(&["--bind", aside.path().to_str().unwrap()], directory);
        let unmounted = Command::new("umount").arg(aside.path()).status();
        assert!(unmounted.unwrap().success());
        Cover(directory.to_owned())
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

/// A directory that cannot be written to by its name.
pub(crate) struct Cover(PathBuf);

impl Drop for Cover {
    fn drop(&mut self) {
        // Somebody may have a file of it open for a moment.
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg(self.path()).status().ok();
    }
}
