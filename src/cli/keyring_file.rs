//! Keyring files: read, made, replaced.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use zeroize::Zeroizing;

use super::trail::warn;
use crate::emit::keyring_file::{self, KeyringFileError};
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
    match keyring_file::create(path, keys) {
        Err(KeyringFileError::Io { source, .. })
            if source.kind() == io::ErrorKind::AlreadyExists =>
        {
            bail!(
                "{} exists and is not overwritten: what was hashed and proven with its keys needs them; give another --out, or use `llm-audit key rotate`",
                path.display()
            )
        }
        written => Ok(written?),
    }
}

/// Replaces a file; a crash leaves the old one or the new one.
pub(super) fn replace(path: &Path, keys: &Keyring) -> anyhow::Result<()> {
    match keyring_file::replace(path, keys) {
        Err(KeyringFileError::Io { path, source })
            if source.kind() == io::ErrorKind::AlreadyExists =>
        {
            bail!(
                "{} exists: another rotation is going on, or was cut short; in that case remove it",
                path.display()
            )
        }
        replaced => Ok(replaced?),
    }
}
