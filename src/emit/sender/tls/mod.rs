//! TLS: rustls on ring, with what the system trusts or a file of authorities, and a client certificate if there is one.
//!
//! Files are read for every connection, so that one that is exchanged is taken up with the next.

mod fault;

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) use self::fault::TlsFault;
pub(super) use self::fault::{TlsError, Trouble};
use super::dial::Speech;
use super::target::{Certificates, ClientCertificate};
use crate::emit::otlp::Protocol;

/// How connections to a receiver become secret.
#[derive(Debug, Clone)]
pub(super) struct Tls {
    certificates: Certificates,
    name: ServerName<'static>,
    protocol: Protocol,
}

impl Tls {
    /// For a receiver of this name or address. Reads the files, to say early what is wrong with them.
    pub(super) fn new(
        certificates: &Certificates,
        host: &str,
        protocol: Protocol,
    ) -> Result<Self, TlsError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Name {
            host: host.to_owned(),
        })?;
        let tls = Self {
            certificates: certificates.clone(),
            name,
            protocol,
        };
        tls.configuration().map_err(|fault| tls.explain(fault))?;
        Ok(tls)
    }

    /// Agrees with the receiver upon TLS and upon what is spoken in it.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        trouble: &Trouble,
    ) -> Result<(Watched, Speech), TlsFault> {
        let connector = TlsConnector::from(Arc::new(self.configuration()?));
        let connected = connector.connect(self.name.clone(), stream).await;
        let stream = connected.map_err(|error| fault(&error).unwrap_or(TlsFault::NotTls))?;
        let agreed = stream.get_ref().1.alpn_protocol();
        let speech = match (self.protocol, agreed) {
            (Protocol::Grpc, _) | (_, Some(b"h2")) => Speech::Http2,
            (Protocol::HttpProtobuf, _) => Speech::Http1,
        };
        let trouble = trouble.clone();
        Ok((Watched { stream, trouble }, speech))
    }

    /// Names the file that is at fault.
    fn explain(&self, fault: TlsFault) -> TlsError {
        let client = self.certificates.client.as_ref();
        let path = match fault {
            TlsFault::AuthorityFile => self.certificates.authorities.as_ref(),
            TlsFault::CertificateFile => client.map(|client| &client.chain),
            TlsFault::KeyFile => client.map(|client| &client.key),
            _ => None,
        };
        match path {
            Some(path) => TlsError::File {
                path: path.clone(),
                fault,
            },
            None => TlsError::Unusable(fault),
        }
    }

    fn configuration(&self) -> Result<ClientConfig, TlsFault> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| TlsFault::Other)?
            .with_root_certificates(authorities(self.certificates.authorities.as_deref())?);
        let mut configuration = match &self.certificates.client {
            None => builder.with_no_client_auth(),
            Some(ClientCertificate { chain, key }) => {
                let chain = certificates(chain).ok_or(TlsFault::CertificateFile)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|_| TlsFault::KeyFile)?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|_| TlsFault::KeyFile)?
            }
        };
        configuration.alpn_protocols = match self.protocol {
            Protocol::Grpc => vec![b"h2".to_vec()],
            Protocol::HttpProtobuf => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        Ok(configuration)
    }
}

/// A connection that notes what TLS has to say when it breaks. A receiver that does not take a client says so only
/// after the handshake (TLS 1.3).
#[derive(Debug)]
pub(super) struct Watched {
    stream: TlsStream<TcpStream>,
    trouble: Trouble,
}

impl Watched {
    fn note<T>(&self, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &done
            && let Some(fault) = fault(error)
        {
            self.trouble.note(fault);
        }
        done
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.note(done)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_flush(context);
        self.note(done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_shutdown(context);
        self.note(done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.note(done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Why TLS failed, where an error comes from it.
fn fault(error: &io::Error) -> Option<TlsFault> {
    Some(fault_of(error.get_ref()?.downcast_ref()?))
}

fn fault_of(error: &rustls::Error) -> TlsFault {
    use rustls::Error;
    match error {
        Error::InvalidCertificate(why) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                TlsFault::Expired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsFault::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsFault::WrongName
            }
            // A bad signature is that of an authority with the same name and another key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                TlsFault::UnknownIssuer
            }
            _ => TlsFault::BadCertificate,
        },
        Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => TlsFault::CertificateWanted,
            AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::UnsupportedCertificate => TlsFault::CertificateRefused,
            _ => TlsFault::Other,
        },
        Error::InvalidMessage(_) => TlsFault::NotTls,
        _ => TlsFault::Other,
    }
}

fn authorities(file: Option<&Path>) -> Result<RootCertStore, TlsFault> {
    let (found, none) = match file {
        Some(file) => (
            certificates(file).ok_or(TlsFault::AuthorityFile)?,
            TlsFault::AuthorityFile,
        ),
        None => (
            rustls_native_certs::load_native_certs().certs,
            TlsFault::NoAuthorities,
        ),
    };
    let mut store = RootCertStore::empty();
    // Systems hold old certificates of kinds that are not known here.
    let (added, _) = store.add_parsable_certificates(found);
    if added == 0 { Err(none) } else { Ok(store) }
}

/// The certificates of a PEM file; `None` where it cannot be read or has none.
fn certificates(file: &Path) -> Option<Vec<CertificateDer<'static>>> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).ok()?.collect();
    read.ok().filter(|read| !read.is_empty())
}
