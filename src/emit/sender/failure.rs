//! Why an attempt failed, by kind.

use std::fmt;

use super::grpc::Code;
use super::tls::TlsFault;

/// Why records could not be delivered for now. Holds no word of anybody else, so that it may be shown and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The task that delivers ended unexpectedly, and was started again.
    Crashed,
    /// What was refused for good could not be put aside.
    DeadLetters,
    /// The receiver gave this status of HTTP.
    Http(u16),
    /// The receiver's name has no address.
    NameUnknown,
    /// Nobody listens at the receiver's address.
    Refused,
    /// The spool could not be read.
    Spool,
    /// The receiver gave this status of gRPC.
    Status(Code),
    /// No answer came in time.
    TimedOut,
    /// TLS could not be agreed upon.
    Tls(TlsFault),
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
            Self::Http(status) => return write!(f, "the receiver says HTTP {status}"),
            Self::NameUnknown => "the receiver's name cannot be resolved",
            Self::Refused => "no connection to the receiver: nobody listens there",
            Self::Spool => "the spool cannot be read",
            Self::Status(code) => return write!(f, "the receiver says {}", code.name()),
            Self::TimedOut => "the receiver did not answer in time",
            Self::Tls(fault) => return write!(f, "no TLS with the receiver: {fault}"),
            Self::Unreachable => "no connection to the receiver",
            Self::Unreadable => "the receiver's answer cannot be read",
        })
    }
}
