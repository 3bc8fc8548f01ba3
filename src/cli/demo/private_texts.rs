//! Texts that belong to the application and the model only: prompts, answers, secrets.

use std::collections::HashSet;
use std::path::Path;
use std::{fs, io};

/// Texts that must not be found anywhere in a trail.
#[derive(Default)]
pub(super) struct PrivateTexts {
    pieces: HashSet<[u8; PIECE]>,
}

impl PrivateTexts {
    /// Adds a text. One of fewer than 16 bytes is passed over: it is found anywhere.
    pub(super) fn add(&mut self, text: &str) {
        self.pieces.extend(pieces(text.as_bytes()));
    }

    /// Whether 16 bytes in a row of any of the texts are in `bytes`.
    pub(super) fn show_in(&self, bytes: &[u8]) -> bool {
        pieces(bytes).any(|piece| self.pieces.contains(&piece))
    }

    /// In how many files of a trail they are: of the spool, the dead letters and the JSON lines of a data directory.
    ///
    /// # Errors
    /// Where a file cannot be read. One that goes meanwhile is passed over.
    pub(super) fn show_in_files(&self, data_dir: &Path) -> io::Result<u64> {
        let mut found = 0;
        for entry in fs::read_dir(data_dir)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let is_line_file = path.extension().is_some_and(|end| end == "jsonl");
            if is_line_file || matches!(name, Some("dead-letter" | "spool")) {
                found += self.show_below(&path)?;
            }
        }
        Ok(found)
    }

    fn show_below(&self, path: &Path) -> io::Result<u64> {
        let looked = if path.is_dir() {
            fs::read_dir(path).and_then(|mut entries| {
                entries.try_fold(0, |found, entry| {
                    Ok(found + self.show_below(&entry?.path())?)
                })
            })
        } else {
            fs::read(path).map(|bytes| self.show_in(&bytes).into())
        };
        match looked {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            looked => looked,
        }
    }
}

fn pieces(bytes: &[u8]) -> impl Iterator<Item = [u8; PIECE]> {
    bytes
        .windows(PIECE)
        .map(|piece| piece.try_into().expect("a window has the length asked for"))
}

/// Long enough not to be found by chance, short enough to find a part of a sentence.
const PIECE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_text_is_found_and_other_texts_are_not() {
        let mut texts = PrivateTexts::default();
        texts.add("the account of Mrs Okafor was closed");
        texts.add("too short");
        assert!(texts.show_in(b"{\"error\": \"of Mrs Okafor was cl\"}"));
        assert!(!texts.show_in(b"of Mrs Okafor w"));
        assert!(!texts.show_in(b"too short to be found anywhere"));
    }

    #[test]
    fn files_of_the_trail_are_looked_through_and_others_are_not() {
        let mut texts = PrivateTexts::default();
        texts.add("the account of Mrs Okafor was closed");
        let directory = tempfile::tempdir().unwrap();
        let lane = directory.path().join("spool/lane");
        fs::create_dir_all(&lane).unwrap();
        let telling = "{\"error\": \"the account of Mrs Okafor\"}";
        fs::write(directory.path().join("notes.txt"), telling).unwrap();
        assert_eq!(texts.show_in_files(directory.path()).unwrap(), 0);
        fs::write(lane.join("0.seg"), telling).unwrap();
        fs::write(directory.path().join("audit_2026-11-22.jsonl"), telling).unwrap();
        assert_eq!(texts.show_in_files(directory.path()).unwrap(), 2);
    }
}
