//! How a command ends.

use std::process::ExitCode;

/// How a command ended; its exit code is the same for all commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// 0: done, and nothing was found.
    Done = 0,
    /// 1: done, and something was found: a record that does not verify, that is not there, or with `--strict` a line that
    /// is no record; a warning or a problem of the doctor's.
    Finding = 1,
    /// 2: not done: wrong use, or input that cannot be read.
    WrongUse = 2,
    /// 3: the history was rolled back or forked. Reserved for commands that compare with an anchor.
    RolledBack = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What `--help` says about it.
pub(super) const HELP: &str = "\
Exit codes:
  0  done
  1  finding: a record does not verify or is not there; records are missing or were refused; a price is not known; with
     --strict, a line is no record; the doctor warns, or found a problem
  2  wrong use, or unreadable input
  3  rollback or fork of the history found

Every command has --help with an example.";
