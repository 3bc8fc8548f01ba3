//! What can be wrong with TLS.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Why a connection is not one of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsFault {
    /// The file with certificates of authorities cannot be read, or holds none.
    AuthorityFile,
    /// The receiver's certificate is broken or may not be used for this.
    BadCertificate,
    /// The file with the client's certificate cannot be read, or holds none.
    CertificateFile,
    /// The receiver does not take the client's certificate.
    CertificateRefused,
    /// The receiver wants a client's certificate.
    CertificateWanted,
    /// The receiver's certificate has expired.
    Expired,
    /// The file with the client's key cannot be read, holds none, or holds that of another certificate.
    KeyFile,
    /// The system has no certificates of authorities.
    NoAuthorities,
    /// What the receiver speaks is not TLS.
    NotTls,
    /// The receiver's certificate is not valid yet.
    NotYetValid,
    /// The receiver and we have no version or cipher of TLS in common, or something else is wrong.
    Other,
    /// The receiver's certificate comes from nobody who is trusted here.
    UnknownIssuer,
    /// The receiver's certificate is for another name.
    WrongName,
}

/// Why there can be no TLS with a receiver, whoever it is.
#[derive(Debug, thiserror::Error)]
pub(in crate::emit::sender) enum TlsError {
    #[error("{path}: {fault}", path = path.display())]
    File { path: PathBuf, fault: TlsFault },
    #[error("{host:?} is no name that a certificate can be for")]
    Name { host: String },
    #[error("{0}")]
    Unusable(TlsFault),
}

/// What TLS had to say when a connection broke: HTTP does not pass it on.
#[derive(Debug, Clone, Default)]
pub(in crate::emit::sender) struct Trouble(Arc<OnceLock<TlsFault>>);

impl Trouble {
    pub(in crate::emit::sender) fn fault(&self) -> Option<TlsFault> {
        self.0.get().copied()
    }

    pub(super) fn note(&self, fault: TlsFault) {
        self.0.get_or_init(|| fault);
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AuthorityFile => "the CA file cannot be read or holds no certificate",
            Self::BadCertificate => "its certificate cannot be used",
            Self::CertificateFile => {
                "the client certificate file cannot be read or holds no certificate"
            }
            Self::CertificateRefused => "it does not take the client certificate",
            Self::CertificateWanted => "it wants a client certificate",
            Self::Expired => "its certificate has expired",
            Self::KeyFile => {
                "the client key file cannot be read, holds no key, or not that of the certificate"
            }
            Self::NoAuthorities => "this system trusts no authority: name a CA file",
            Self::NotTls => "what it speaks is not TLS",
            Self::NotYetValid => "its certificate is not valid yet",
            Self::Other => "no version or cipher in common, or a broken handshake",
            Self::UnknownIssuer => "its certificate comes from an authority that is not trusted",
            Self::WrongName => "its certificate is for another name",
        })
    }
}
