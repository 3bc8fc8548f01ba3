//! A day's file: whole lines appended and made durable, or nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::day::Day;
use crate::journal;

/// Appends whole lines to the day's file; they are on disk when this returns. On failure they are taken out again,
/// so that trying again leaves neither halves nor copies.
///
/// The file is opened each time: one that was moved away is not written to any more.
pub(super) fn append(dir: &Path, day: Day, lines: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(dir.join(day.file_name()))?;
    // Held until the file is closed: who takes lines back must know that they are the last ones.
    file.lock()?;
    let before = file.metadata()?.len();
    let appended = write(&mut file, before, lines).and_then(|()| make_durable(dir, &file, before));
    if appended.is_err() {
        // If this fails too, the next batch ends the torn line, and readers drop what is there twice.
        let _ = file.set_len(before);
    }
    appended
}

fn write(file: &mut File, before: u64, lines: &[u8]) -> io::Result<()> {
    if before > 0 {
        let mut last = [0];
        file.read_exact_at(&mut last, before - 1)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(lines)
}

fn make_durable(dir: &Path, file: &File, before: u64) -> io::Result<()> {
    journal::sync_file(file)?;
    if before == 0 {
        journal::sync_file(&File::open(dir)?)?;
    }
    Ok(())
}
