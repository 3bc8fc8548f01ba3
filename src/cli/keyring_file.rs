//! Keyring files: read, made, replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use zeroize::Zeroizing;

use super::trail::warn;
use crate::journal;
use crate::record::keyring::Keyring;

/// Reads a keyring, and warns where others may read it too.
pub(super) fn load(path: &Path) -> anyhow::Result<Keyring> {
    let cannot = || format!("cannot read {}", path.display());
    let text = Zeroizing::new(fs::read_to_string(path).with_context(cannot)?);
    let mode = fs::metadata(path)
        .with_context(cannot)?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        let path = path.display();
        warn(format_args!(
            "{path} can be read or written by others (mode {:03o}): chmod 600 {path}",
            mode & 0o777
        ));
    }
    text.parse().with_context(cannot)
}

/// Makes a file that does not exist yet, for its owner only.
pub(super) fn create(path: &Path, keys: &Keyring) -> anyhow::Result<()> {
    match write_new(path, keys) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => bail!(
            "{} exists and is not overwritten: what was hashed and proven with its keys needs them; give another --out, or use `llm-audit key rotate`",
            path.display()
        ),
        written => written.with_context(|| format!("cannot write {}", path.display())),
    }
}

/// Replaces a file; a crash leaves the old one or the new one.
pub(super) fn replace(path: &Path, keys: &Keyring) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let path = fs::canonicalize(path).with_context(cannot)?;
    let mut beside = path.clone().into_os_string();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    match write_new(&beside, keys) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => bail!(
            "{} exists: another rotation is going on, or was cut short; in that case remove it",
            beside.display()
        ),
        written => written.with_context(cannot)?,
    }
    let replaced = fs::rename(&beside, &path).and_then(|()| sync_parent(&path));
    replaced.with_context(cannot)
}

fn write_new(path: &Path, keys: &Keyring) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let text = keys.to_file_text();
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| journal::sync_file(&file))
        .and_then(|()| sync_parent(path));
    if written.is_err() {
        // Half a keyring is none; the error that is told is the one that counts.
        let _ = fs::remove_file(path);
    }
    written
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    journal::sync_file(&File::open(parent.unwrap_or(Path::new(".")))?)
}
