//! Why an attempt failed, by kind.

use std::fmt;

use tonic::Code;

/// Why records could not be delivered for now. Holds no word of anybody else, so that it may be shown and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The task that delivers ended unexpectedly, and was started again.
    Crashed,
    /// What was refused for good could not be put aside.
    DeadLetters,
    /// The spool could not be read.
    Spool,
    /// The receiver gave this status.
    Status(Code),
    /// No answer came in time.
    TimedOut,
    /// There was no connection, or it broke.
    Unreachable,
    /// The receiver's answer was none.
    Unreadable,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crashed => "the task that delivers ended unexpectedly and was started again",
            Self::DeadLetters => "the dead letter cannot be written",
            Self::Spool => "the spool cannot be read",
            Self::Status(code) => return write!(f, "the receiver says {}", name(*code)),
            Self::TimedOut => "the receiver did not answer in time",
            Self::Unreachable => "no connection to the receiver",
            Self::Unreadable => "the receiver's answer cannot be read",
        })
    }
}

fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
