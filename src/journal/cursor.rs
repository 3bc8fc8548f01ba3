//! Saved positions: one small file each, replaced as a whole.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use super::{
    directory::write_durably,
    error::CursorError,
    format::{decode_cursor, encode_cursor},
};

/// What a cursor's file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    At(u64),
    Corrupt,
    None,
}

/// Durable when it returns; a crash before that leaves the old one.
pub(super) fn save(directory: &Path, name: &str, at: u64) -> Result<(), CursorError> {
    let file_name = file_name(name)?;
    let bytes = encode_cursor(name, at);
    write_durably(directory, &file_name, |mut file| file.write_all(&bytes)).map_err(|source| {
        CursorError::Io {
            action: "save",
            name: name.to_owned(),
            source,
        }
    })
}

pub(super) fn exists(directory: &Path, name: &str) -> bool {
    file_name(name).is_ok_and(|file| directory.join(file).exists())
}

pub(super) fn load(directory: &Path, name: &str) -> Result<Cursor, CursorError> {
    match fs::read(directory.join(file_name(name)?)) {
        Ok(bytes) => Ok(decode_cursor(name, &bytes).map_or(Cursor::Corrupt, Cursor::At)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Cursor::None),
        Err(source) => Err(CursorError::Io {
            action: "load",
            name: name.to_owned(),
            source,
        }),
    }
}

/// The furthest that any cursor has come.
pub(super) fn furthest(directory: &Path) -> io::Result<u64> {
    let mut furthest = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let file_name = entry.file_name();
        if let Some(name) = file_name
            .to_str()
            .and_then(|name| name.strip_suffix(CURSOR))
        {
            furthest = furthest.max(decode_cursor(name, &fs::read(entry.path())?).unwrap_or(0));
        }
    }
    Ok(furthest)
}

fn file_name(name: &str) -> Result<String, CursorError> {
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Err(CursorError::Name { length: name.len() });
    }
    Ok(format!("{name}{CURSOR}"))
}

const CURSOR: &str = ".cursor";
