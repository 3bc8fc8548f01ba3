//! An append-only log of frames on disk, which knows no domain.
//!
//! A [`Journal`] is a directory that one process owns. Frames are appended, made durable in groups by
//! [`Journal::sync`], read by any number of [`Reader`]s, and given up a segment at a time by
//! [`Journal::release`]. What a frame means is the business of whoever appends it.
//!
//! # What holds
//!
//! * **Order.** Frames carry a gapless number, the [`FrameIndex`], which goes on across segments and restarts.
//!   An append that fails leaves no frame and takes no number.
//! * **Durability.** A frame is in the page cache when [`Journal::append`] returns, and so survives the end of
//!   the process. It is on disk when [`Journal::durable`] has passed it. Opening a journal makes durable
//!   what it recovers.
//! * **Writing.** Frames go to a small file whose pages are in memory, and from there into their segment many at a time:
//!   see [`Writing`] and below.
//! * **Room.** Segments are allocated before they are used. A frame that was promised room with [`Room::Reserve`]
//!   finds it, also when somebody else has filled the disk in between. Where the file system cannot allocate ahead,
//!   [`Usage::preallocation`] says so and the promise covers the journal's capacity only.
//! * **Damage.** Nothing that fails its checksum is returned. Damaged bytes are stepped over and reported, with the
//!   numbers of the frames that are missing, and copied to `quarantine/` by the next open. They never stop a reader.
//! * **Threads.** Every method may be called from every thread. Appends are ordered by one lock, which no fsync
//!   holds; syncs, releases and the copying after a failed sync are ordered by another. [`Journal::written`],
//!   [`Journal::durable`] and [`Journal::usage`] take none.
//!
//! # Stage
//!
//! A frame that goes into its segment at once costs the appender a page that the system has yet to find, which takes
//! longer than all the rest of the append. So appends write to the *stage*: a file of up to 4 MiB whose pages stay in
//! memory, over frames that are long in their segments. What was appended *lands* in its segment many frames at a time,
//! before a sync and where a reader asks for it; an appender that finds the stage full has the oldest frames land by itself
//! (64 KiB, less than 0.1 ms). The stage is never synced: it is for the end of the process, segments are for the loss of power.
//! Opening a journal brings what is left on the stage into segments, and closing it removes the stage.
//!
//! One *spare*, a segment's file that is only allocated, is there always, so that an append finds the next segment ready; an
//! append that finds none allocates one itself and waits for nobody.
//!
//! # Directory
//!
//! | name | what |
//! |---|---|
//! | `lock` | locked while a journal is open |
//! | `00000000000000000042.seg` | segment 42; an empty file, or one of zeros, is a spare: allocated, not yet used |
//! | `stage` | frames that may not have landed |
//! | `NAME.cursor` | a saved position |
//! | `quarantine/` | damaged bytes, by segment and offset |
//! | `*.tmp` | left by a crash, removed at the next open |
//!
//! # Format, version 1
//!
//! Numbers are little-endian. CRC is CRC-32 (IEEE 802.3, as in zlib). Every length is a multiple of 8.
//!
//! **Segment**: header, zeros up to the next multiple of 4,096, the same header again, frames. The second header lets
//! one bad page not cost a segment; opening repairs the one that is damaged.
//!
//! | offset | bytes | header |
//! |---|---|---|
//! | 0 | 8 | magic `93 4a 4f 55 52 4e 41 4c` |
//! | 8 | 4 | version: 1 |
//! | 12 | 4 | length of meta, at most 65,536 |
//! | 16 | 8 | number of the segment, as in its name |
//! | 24 | 8 | index of its first frame |
//! | 32 | 8 | nonce, random for every open |
//! | 40 | 4 | CRC of bytes 0..40 and 44..48+meta |
//! | 44 | 4 | zero |
//! | 48 | | meta, opaque; zeros up to a multiple of 8 |
//!
//! Magic and version stand where they are in every version.
//!
//! | offset | bytes | frame |
//! |---|---|---|
//! | 0 | 4 | length of the payload |
//! | 4 | 4 | CRC of nonce, bytes 0..4, and bytes 8.. to the end of the padding |
//! | 8 | 8 | index |
//! | 16 | 1 | kind |
//! | 17 | 3 | low 24 bits of the CRC of nonce, bytes 0..4, bytes 8..17 |
//! | 20 | | payload; zeros up to a multiple of 8 |
//!
//! **Where frames end.** A file may be longer than its frames: what follows the last one is zeros up to the end of the
//! file. No frame begins with 24 zeros, and so none begins behind the last byte that is not zero; one may end behind it.
//!
//! The nonce keeps payloads from posing as frames: their author does not know it. The check of the header lets a search
//! for the next frame dismiss a false one without reading its payload, so that searching stays linear.
//!
//! **Order of segments.** Frames of a segment are consecutive. A segment ends, whatever bytes follow, where a segment
//! with a higher number begins: after a failed fsync the frames in doubt are written again, under the same indices, to a
//! new segment, and count there. The header of such a segment is written after its frames, so that a crash in between
//! leaves the old ones in force.
//!
//! **Recovery** takes, from the end of the last good frame, the next offset (in steps of 8) at which a frame passes both
//! checks and has an index that fits: not below the expected one, above it by no more than the frames that the bytes
//! between could hold, below the end of the segment. What lies between is damage. Behind the last good frame of the last
//! segment it is a torn tail, which is cut and counted up to its last byte that is not zero: nothing proves that it was
//! ever a frame.
//!
//! **Stage**: as a segment, with the number 2^64 - 1 and the index of the frame that was next when it was made; its frames
//! stand in no order and with anything between them. One counts if it passes both checks and no segment has its index.
//! Before anything else is recovered, those that follow the last frame of a segment and come before the next one go behind
//! it, and of what comes behind all segments each run of consecutive frames goes into a segment of its own.
//!
//! **Cursor**: magic `93 43 55 52 53 4f 52 00`, version 1 (4 bytes), CRC of the name and bytes 16..24 (4 bytes),
//! index (8 bytes).
//!
//! # Example
//!
//! ```
//! use llm_audit::journal::{Entry, FrameKind, Journal, JournalOptions, Room};
//!
//! let directory = tempfile::tempdir()?;
//! let (journal, recovered) = Journal::open(directory.path(), JournalOptions::default(), b"who writes", 7)?;
//! assert_eq!(recovered.frames, 0);
//!
//! let first = journal.append(FrameKind(1), b"hello", Room::Free)?;
//! assert!(journal.durable() <= first);
//! journal.sync()?;
//! assert!(journal.durable() > first);
//!
//! let mut reader = journal.reader(first);
//! match reader.next(journal.durable())? {
//!     Some(Entry::Frame(frame)) => assert_eq!(frame.payload, b"hello"),
//!     other => panic!("{other:?}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cursor;
mod directory;
mod error;
mod flusher;
mod format;
mod ground;
mod landing;
mod log;
#[expect(
    unsafe_code,
    reason = "writing to mapped memory, and asking the system for it, is unsafe"
)]
mod mapping;
mod note;
mod options;
mod peek;
mod reader;
mod recovery;
mod rehome;
mod restore;
mod room;
mod scan;
mod segment;
mod site;
mod spare;
mod stage;
mod sync;
mod writer;

pub use error::{AppendError, CursorError, JournalError, ReadError, SyncError};
pub use log::{Journal, Usage};
pub use options::{FrameIndex, FrameKind, JournalOptions, Room, Writing};
pub use reader::{Damage, Entry, Frame, Reader};
pub use recovery::Recovered;
pub use scan::scan_bytes;
pub use spare::Preallocation;
pub use sync::sync_file;

#[cfg(test)]
mod tests;
