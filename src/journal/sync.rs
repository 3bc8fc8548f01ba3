//! Making somebody else's file durable: the fsync of this room, lent.

use std::{fs::File, io};

/// Waits until the disk has what was written to `file`, its length, and of a directory the names in it.
///
/// Whoever appends to a file that is no journal gets its fsync here, so that one room of the crate holds them all. After
/// a failure nothing is known of what was written since the last success; the system may have dropped it while calling it
/// clean. Write it again, do not only sync again.
///
/// # Errors
/// What the system said.
pub fn sync_file(file: &File) -> io::Result<()> {
    file.sync_all()
}
