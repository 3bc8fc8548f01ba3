//! OTLP: where records are sent, how, and what stands in the body of a log record ([`LogBody`]).
//!
//! What the code sets wins over the environment; what is set for one signal wins over what is set for both. Whatever is
//! set and not understood is an error that names it.
//!
//! | variable, and with `_LOGS` or `_TRACES` before the last word | [`Destination`] | values | default |
//! |---|---|---|---|
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | [`endpoint`](Destination::endpoint) | a URL, see below | `http://localhost:4317`, over HTTP `http://localhost:4318` |
//! | `OTEL_EXPORTER_OTLP_PROTOCOL` | [`protocol`](Destination::protocol) | `grpc`, `http/protobuf` | `grpc` |
//! | `OTEL_EXPORTER_OTLP_HEADERS` | [`header`](Destination::header) | `key=value,…`, values percent-encoded | none |
//! | `OTEL_EXPORTER_OTLP_TIMEOUT` | [`timeout`](Destination::timeout) | 1 to 3600000 milliseconds | 10000 |
//! | `OTEL_EXPORTER_OTLP_COMPRESSION` | [`compression`](Destination::compression) | `gzip`, `none` | `none` |
//! | `OTEL_EXPORTER_OTLP_INSECURE` | the endpoint's scheme | `true`, `false` | `false` |
//! | `OTEL_EXPORTER_OTLP_CERTIFICATE` | [`ca_certificates`](Destination::ca_certificates) | path of a PEM file | what the system trusts |
//! | `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE` | [`client_certificate`](Destination::client_certificate) | path of a PEM file | none |
//! | `OTEL_EXPORTER_OTLP_CLIENT_KEY` | [`client_certificate`](Destination::client_certificate) | path of a PEM file | none |
//!
//! (`OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY`, and so on.)
//!
//! **Endpoints.** Over gRPC: `http://host:port`, `https://host:port`, or `host:port`, which is https unless
//! `OTEL_EXPORTER_OTLP_INSECURE` is `true`. Over HTTP: a URL, to which `v1/logs` and `v1/traces` are appended where it is
//! for both signals, and which is used as it is where it is for one. https needs the feature `tls`.
//!
//! **Headers** of the code are sent beside those of the environment, and instead of those with the same name. Headers for
//! one signal are sent instead of those for both, so that a key for one receiver never goes to another.
//!
//! **Certificates** are read again for every connection: one that is exchanged on disk is taken up with the next.

mod choice;
mod log_body;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use self::choice::Destinations;
pub use self::log_body::{LogBody, UnknownLogBody};

/// Where records go, and how. What is not set is taken from the environment, else it is the default.
///
/// ```
/// use llm_audit::otlp::{Compression, Destination, Protocol};
/// # let directory = tempfile::tempdir()?;
/// let audit = llm_audit::Auditor::builder()
///     .destination(
///         Destination::new()
///             .endpoint("http://127.0.0.1:4318")
///             .protocol(Protocol::HttpProtobuf)
///             .compression(Compression::Gzip)
///             .header("authorization", "Bearer 1234"),
///     )
/// #   .data_dir(directory.path()).generate_keyring()
///     .build()?;
/// # drop(audit);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "a destination is given to AuditorBuilder::destination"]
pub struct Destination {
    endpoint: Option<String>,
    protocol: Option<Protocol>,
    headers: Vec<(String, String)>,
    timeout: Option<Duration>,
    compression: Option<Compression>,
    ca_certificates: Option<PathBuf>,
    client_certificate: Option<(PathBuf, PathBuf)>,
}

/// What a receiver is spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// OTLP/gRPC (`grpc`), the default.
    Grpc,
    /// OTLP/HTTP with protobuf (`http/protobuf`).
    HttpProtobuf,
}

/// How requests are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// With gzip: less on the network, for more work on the sender's thread.
    Gzip,
    /// Not at all, the default.
    None,
}

impl Destination {
    /// One where nothing is set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The receiver's URL: see the [module](self) for its forms.
    pub fn endpoint(mut self, url: &str) -> Self {
        self.endpoint = Some(url.to_owned());
        self
    }

    /// What is spoken.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// A header of every request, such as an authorization. Its value is a secret, and is shown nowhere.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// How long an attempt may take, connection, TLS, request and answer together: 1 ms to 1 hour.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How requests are compressed.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// A PEM file with the certificates of the authorities that are trusted, instead of the system's.
    pub fn ca_certificates(mut self, path: impl AsRef<Path>) -> Self {
        self.ca_certificates = Some(path.as_ref().to_owned());
        self
    }

    /// PEM files with the certificate, and those between it and its authority, and with the key that show the receiver
    /// who we are.
    pub fn client_certificate(mut self, chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Self {
        self.client_certificate = Some((chain.as_ref().to_owned(), key.as_ref().to_owned()));
        self
    }
}

impl fmt::Debug for Destination {
    /// Shows no value of a header, and no endpoint, which may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Destination")
            .field("protocol", &self.protocol)
            .field("headers", &headers)
            .field("timeout", &self.timeout)
            .field("compression", &self.compression)
            .field("ca_certificates", &self.ca_certificates)
            .field("client_certificate", &self.client_certificate)
            .finish_non_exhaustive()
    }
}
