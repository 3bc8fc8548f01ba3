//! Notes: small texts beside the frames, replaced as a whole, for what cannot be appended.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use super::directory::write_durably;

/// The name of the only note that a journal keeps.
const NOTE: &str = "owner.note";

/// Durable when it returns; a crash before that leaves the old one.
pub(super) fn save(directory: &Path, text: &str) -> io::Result<()> {
    write_durably(directory, NOTE, |mut file| file.write_all(text.as_bytes()))
}

/// The note; None where there is none.
pub(super) fn load(directory: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(directory.join(NOTE)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
