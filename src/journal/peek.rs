//! A look at a journal that is not open.

use std::{fs, io, path::Path, sync::Arc};

use super::{
    error::JournalError,
    format::{HeaderFlaw, VERSION},
    segment::{read_header, segment_number},
};

/// What the newest segment in a directory was given as meta; None if there is no segment with a readable header. Takes
/// no lock and changes nothing.
pub(super) fn meta(path: &Path) -> Result<Option<Arc<[u8]>>, JournalError> {
    let failed = |source: io::Error| JournalError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    };
    let mut segments = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let Some(number) = entry.file_name().to_str().and_then(segment_number) {
            segments.push((number, entry.path()));
        }
    }
    segments.sort();
    for (_, path) in segments.into_iter().rev() {
        let file = fs::File::open(&path).map_err(failed)?;
        match read_header(&file).map_err(failed)? {
            Ok(header) => return Ok(Some(header.meta)),
            Err(HeaderFlaw::Blank | HeaderFlaw::Damaged) => {}
            Err(HeaderFlaw::Foreign) => return Err(JournalError::NotAJournal { path }),
            Err(HeaderFlaw::Version(found)) => {
                return Err(JournalError::UnknownVersion {
                    path,
                    found,
                    known: VERSION,
                });
            }
        }
    }
    Ok(None)
}
