//! What the file system beneath a journal is known to keep.

use std::{fs::File, io, path::Path};

/// Whether blocks that are allocated and written stay where they are, so that writing them again needs no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ground {
    /// It may write every time to another place, or nothing is known of it.
    Shifting,
    /// ext4, xfs, tmpfs: what is allocated is overwritten in place.
    Steady,
}

impl Ground {
    /// The ground of a directory.
    pub(super) fn beneath(directory: &Path) -> io::Result<Self> {
        let kind = rustix::fs::fstatfs(File::open(directory)?)?.f_type;
        // The magic numbers have 32 bits; the type of the field has another sign and size from system to system.
        let steady = STEADY.contains(&(kind as u32));
        Ok(if steady { Self::Steady } else { Self::Shifting })
    }
}

/// The magic numbers of ext4 (with ext2 and ext3, which cannot allocate ahead and say so), xfs and tmpfs.
const STEADY: [u32; 3] = [0xef53, 0x5846_5342, 0x0102_1994];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_stay_in_place_is_shifting() {
        assert_eq!(
            Ground::beneath(Path::new("/proc")).unwrap(),
            Ground::Shifting
        );
        assert!(Ground::beneath(Path::new("/no such directory")).is_err());
    }
}
