//! Reading lines back: one, or a directory of them.

mod directory;
mod stored;

pub(crate) use self::directory::{LineError, Lines, days, read_dir};
pub(crate) use self::stored::{LineFault, StoredRecord};
