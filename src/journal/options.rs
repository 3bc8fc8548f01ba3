//! What a caller says to a journal: sizes, indices, kinds, room.

use std::fmt;

/// Sizes of a journal, chosen at every open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalOptions {
    /// Bytes of one segment, which is also the unit in which room is allocated and given back: 64 KiB to 2 GiB.
    /// 16 MiB by default.
    pub segment_bytes: u64,
    /// Bytes of all segments together, spares included; at least two segments. 1 GiB by default.
    pub capacity_bytes: u64,
    /// Where an append puts a frame.
    pub writing: Writing,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 16 << 20,
            capacity_bytes: 1 << 30,
            writing: Writing::Staged,
        }
    }
}

/// Where an append puts a frame. What is on disk in the end is the same, and so is what holds when an append has returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writing {
    /// Into its segment, by one system call.
    Calls,
    /// Onto the [stage](super), by one system call: a small file whose pages are in memory, which costs a third. From there
    /// frames come into their segment many at a time. Where there is no room for a stage, and from the first failure to
    /// write to it on until there is one again, by [`Calls`](Self::Calls).
    #[default]
    Staged,
    /// Onto the stage, mapped to memory, without a system call: for applications that count every microsecond. Only on
    /// ext4, xfs and tmpfs, and where the system can make pages ready (Linux 5.14); elsewhere as
    /// [`Staged`](Self::Staged), and [`Usage::writing`](super::Usage::writing) says so.
    ///
    /// A full disk gives an error here too, never a signal. What does end the process with a signal (SIGBUS) is that
    /// somebody else cuts the stage short, or, on a full xfs, makes a reflink of it, or that the device fails while it gives
    /// back a page that memory pressure has taken.
    Mapped,
}

/// The gapless number of a frame in its journal, from 0, going on across segments and restarts.
///
/// As a bound it means "every frame below".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameIndex(pub u64);

impl fmt::Display for FrameIndex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What a frame is to whoever appends and reads it; the journal carries it and knows no meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameKind(pub u8);

/// The room that an append takes, and the room that it promises to a later one.
///
/// A reservation is for one later frame. Reservations belong to the open journal and end with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Takes room that nobody has reserved.
    Free,
    /// Takes free room, and keeps room for one later frame with a payload of up to this many bytes. Both or
    /// neither: the append fails when the reservation does not fit beside all others.
    Reserve(u32),
    /// Gives back the reservation that was made with this very number, and takes its room. Fails for want of room only
    /// if the payload is larger than the reservation. On failure the reservation stands.
    Use(u32),
}
