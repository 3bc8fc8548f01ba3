//! The journal's directory: made, locked, listed, synced.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{
    error::JournalError,
    segment::{TEMPORARY, segment_number},
};

/// A journal's directory.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) path: PathBuf,
}

/// Held by whoever has the journal open.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Whether its file is still the one at its path. Whoever removes a journal removes the lock it holds.
    pub(super) fn is_named(&self) -> bool {
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        let named = fs::metadata(&self.path).map(identity);
        let held = self.file.metadata().map(identity);
        // Where nobody can say, nothing is known to be gone.
        match (named, held) {
            (Ok(named), Ok(held)) => named == held,
            (Err(error), _) => error.kind() != io::ErrorKind::NotFound,
            (_, Err(_)) => true,
        }
    }
}

impl Drop for Lock {
    /// Closing alone is not enough: a process that is just being forked holds the file open a moment longer.
    fn drop(&mut self) {
        self.file.unlock().ok();
    }
}

impl Directory {
    /// Makes the directory if there is none, and takes its lock.
    pub(super) fn lock(path: &Path) -> Result<(Self, Lock), JournalError> {
        let failed = |action| {
            move |source| JournalError::Io {
                action,
                path: path.to_owned(),
                source,
            }
        };
        if !path.is_dir() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(failed("create"))?;
            if let Some(parent) = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty())
            {
                sync_directory(parent).map_err(failed("sync the parent of"))?;
            }
        }
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(failed("create the lock of"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::Locked { path: lock_path }),
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        // A lock on a file without a name guards nothing.
        let lock = Lock {
            file: lock,
            path: lock_path,
        };
        if !lock.is_named() {
            return Err(JournalError::Locked {
                path: lock.path.clone(),
            });
        }
        let directory = Self {
            path: path.to_owned(),
        };
        Ok((directory, lock))
    }

    /// The numbers and paths of all segments, in order.
    pub(super) fn segments(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if let Some(number) = entry.file_name().to_str().and_then(segment_number) {
                found.push((number, entry.path()));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Removes what a crash left unfinished.
    pub(super) fn remove_temporary(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.ends_with(TEMPORARY))
            {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// The directory of damaged bytes, made if there is none.
    pub(super) fn quarantine(&self) -> io::Result<PathBuf> {
        let path = self.path.join(QUARANTINE);
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(path),
        }
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        sync_directory(&self.path)
    }
}

/// Makes names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Writes a file so that a crash leaves all of it or none, and fsyncs it and its name.
pub(super) fn write_durably(
    directory: &Path,
    name: &str,
    fill: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = directory.join(format!("{name}{TEMPORARY}"));
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    let written = fill(&file).and_then(|()| file.sync_all());
    let renamed = written.and_then(|()| fs::rename(&temporary, directory.join(name)));
    if renamed.is_err() {
        fs::remove_file(&temporary).ok();
    }
    renamed?;
    sync_directory(directory)
}

const LOCK: &str = "lock";
const QUARANTINE: &str = "quarantine";
