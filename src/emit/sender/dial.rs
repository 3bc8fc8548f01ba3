//! Making a connection: the receiver's name, TCP, TLS, and HTTP in it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

use super::failure::Failure;
use super::target::Target;
use super::tls::{Tls, Trouble};
use super::wire::Payload;
use crate::emit::otlp::Protocol;

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    Http1,
    Http2,
}

/// A connection that requests can be sent on.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) line: Line,
    trouble: Trouble,
}

#[derive(Debug)]
pub(super) enum Line {
    /// For one request at a time.
    Http1(http1::SendRequest<Payload>),
    /// For several at once, each on a clone.
    Http2(http2::SendRequest<Payload>),
}

/// Makes a connection; its work is done by a task of the runtime that this is called in.
pub(super) async fn dial(target: &Target) -> Result<Link, Failure> {
    let addresses = resolve(target).await?;
    let stream = reach(&addresses).await?;
    match &target.tls {
        None => greet(stream, target, plain(target.protocol), Trouble::default()).await,
        Some(tls) => {
            let trouble = Trouble::default();
            let (stream, speech) = secure(tls, stream, &trouble).await?;
            greet(stream, target, speech, trouble).await
        }
    }
}

/// The receiver's addresses.
pub(super) async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, Failure> {
    let endpoint = &target.endpoint;
    let found = lookup_host((endpoint.host.as_str(), endpoint.port)).await;
    let found: Vec<SocketAddr> = found.map_err(|_| Failure::NameUnknown)?.collect();
    if found.is_empty() {
        return Err(Failure::NameUnknown);
    }
    Ok(found)
}

/// A connection to the first address that answers.
pub(super) async fn reach(addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
    let mut why = Failure::Unreachable;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // A request is written whole; there is nothing to gather.
                stream.set_nodelay(true).ok();
                return Ok(stream);
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                why = Failure::Refused;
            }
            Err(_) => {}
        }
    }
    Err(why)
}

/// Begins to speak TLS.
pub(super) async fn secure(
    tls: &Tls,
    stream: TcpStream,
    trouble: &Trouble,
) -> Result<(impl AsyncRead + AsyncWrite + Send + Unpin + 'static, Speech), Failure> {
    tls.connect(stream, trouble).await.map_err(Failure::Tls)
}

/// What is spoken without TLS, where nothing is agreed upon.
pub(super) fn plain(protocol: Protocol) -> Speech {
    match protocol {
        Protocol::Grpc => Speech::Http2,
        Protocol::HttpProtobuf => Speech::Http1,
    }
}

/// Begins to speak HTTP.
pub(super) async fn greet(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    target: &Target,
    speech: Speech,
    trouble: Trouble,
) -> Result<Link, Failure> {
    let stream = TokioIo::new(stream);
    let line = match speech {
        Speech::Http1 => {
            let (link, connection) = http1::Builder::new()
                .handshake(stream)
                .await
                .map_err(|_| lost(&trouble))?;
            tokio::spawn(connection);
            Line::Http1(link)
        }
        Speech::Http2 => {
            let (link, connection) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .keep_alive_interval(KEEP_ALIVE)
                .keep_alive_timeout(target.timeout)
                .max_send_buf_size(SEND_BUFFER)
                .handshake(stream)
                .await
                .map_err(|_| lost(&trouble))?;
            tokio::spawn(connection);
            Line::Http2(link)
        }
    };
    Ok(Link { line, trouble })
}

impl Link {
    pub(super) fn speech(&self) -> Speech {
        match self.line {
            Line::Http1(_) => Speech::Http1,
            Line::Http2(_) => Speech::Http2,
        }
    }

    /// The same connection once more, where several requests can use it at once.
    pub(super) fn share(&self) -> Option<Self> {
        match &self.line {
            Line::Http1(_) => None,
            Line::Http2(sender) => Some(Self {
                line: Line::Http2(sender.clone()),
                trouble: self.trouble.clone(),
            }),
        }
    }

    /// Waits until it takes a request; `false` where it never will.
    pub(super) async fn is_good(&mut self) -> bool {
        match &mut self.line {
            Line::Http1(sender) => sender.ready().await.is_ok(),
            Line::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    /// Why it broke.
    pub(super) fn failure(&self) -> Failure {
        lost(&self.trouble)
    }
}

fn lost(trouble: &Trouble) -> Failure {
    trouble.fault().map_or(Failure::Unreachable, Failure::Tls)
}

/// Time after which a connection is probed while a request waits.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// What is buffered of a request before the receiver makes room for it.
const SEND_BUFFER: usize = 4 << 20;
