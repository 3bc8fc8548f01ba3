//! Keyring files: read strictly, made with the rights of their owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::journal;
use crate::record::keyring::{Keyring, KeyringError};

/// Why a keyring file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringFileError {
    /// The file cannot be read or written.
    #[error("keyring {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than its owner may read the file.
    #[error("keyring {path} is readable by others (mode {mode:o}): run `chmod 600` on it", path = path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is no keyring.
    #[error("keyring {path}: {fault}", path = path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: KeyringError,
    },
}

/// Reads a keyring file.
///
/// # Errors
/// See [`KeyringFileError`].
pub fn read(path: &Path) -> Result<Keyring, KeyringFileError> {
    let failed = |source| KeyringFileError::Io {
        path: path.to_owned(),
        source,
    };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyringFileError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
    text.parse().map_err(|fault| KeyringFileError::Invalid {
        path: path.to_owned(),
        fault,
    })
}

/// Reads a keyring file, which is made with new keys if it does not exist.
///
/// # Errors
/// See [`KeyringFileError`].
pub fn read_or_generate(path: &Path, clock: &Clock) -> Result<Keyring, KeyringFileError> {
    let keyring = Keyring::generate(clock.now(), [clock.random(), clock.random()]);
    match create(path, &keyring) {
        Ok(()) => Ok(keyring),
        // Another process may have made it this very moment: its keys count.
        Err(KeyringFileError::Io { source, .. })
            if source.kind() == io::ErrorKind::AlreadyExists =>
        {
            read(path)
        }
        Err(error) => Err(error),
    }
}

/// Writes a keyring to a file that must not exist yet. Readers see the whole file or none.
///
/// # Errors
/// See [`KeyringFileError`].
pub fn create(path: &Path, keyring: &Keyring) -> Result<(), KeyringFileError> {
    let failed = |source| KeyringFileError::Io {
        path: path.to_owned(),
        source,
    };
    if path.exists() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let temporary = temporary(path);
    let written = write(&temporary, keyring).and_then(|()| fs::hard_link(&temporary, path));
    let _ = fs::remove_file(&temporary);
    written.and_then(|()| sync_parent(path)).map_err(failed)
}

/// Replaces a keyring file. A crash leaves the old one or the new one. One at a time: the new one is made as `FILE.new`,
/// which must not exist.
///
/// # Errors
/// See [`KeyringFileError`]; where `FILE.new` exists, it is the path of the error.
pub fn replace(path: &Path, keyring: &Keyring) -> Result<(), KeyringFileError> {
    let failed = |source| KeyringFileError::Io {
        path: path.to_owned(),
        source,
    };
    let path = fs::canonicalize(path).map_err(failed)?;
    let beside = beside(&path);
    write(&beside, keyring).map_err(|source| KeyringFileError::Io {
        path: beside.clone(),
        source,
    })?;
    let replaced = fs::rename(&beside, &path).and_then(|()| sync_parent(&path));
    replaced.map_err(failed)
}

/// Where the file that replaces another is made.
fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    beside.into()
}

fn temporary(path: &Path) -> PathBuf {
    path.with_extension(format!("tmp-{}", std::process::id()))
}

fn write(path: &Path, keyring: &Keyring) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let written = file
        .write_all(keyring.to_file_text().as_bytes())
        .and_then(|()| journal::sync_file(&file));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_is_made_once_and_read_ever_after() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keyring.json");
        let made = read_or_generate(&path, &Clock::system()).unwrap();
        let read = read_or_generate(&path, &Clock::system()).unwrap();
        assert_eq!(made.to_file_text(), read.to_file_text());
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::read_dir(directory.path()).unwrap().count(),
            1,
            "nothing else is left"
        );
    }

    #[test]
    fn a_ring_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keyring.json");
        read_or_generate(&path, &Clock::system()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("chmod 600"));
    }
}
