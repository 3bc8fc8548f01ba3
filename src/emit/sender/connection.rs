//! The connection to the receiver: OTLP over gRPC, with requests that are bytes already.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes};
use http::Uri;
use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::SenderError;
use super::verdict::Reply;
use crate::semconv::Signal;

/// Where requests go, and with what.
#[derive(Debug, Clone)]
pub(super) struct Target {
    endpoint: Endpoint,
    headers: MetadataMap,
    timeout: Duration,
}

/// A connection for one signal. It connects when it is used, and again when it broke.
#[derive(Debug)]
pub(super) struct Connection {
    target: Target,
    path: PathAndQuery,
    grpc: Grpc<Channel>,
}

impl Target {
    pub(super) fn parse(
        endpoint: &str,
        headers: &[(String, String)],
        timeout: Duration,
    ) -> Result<Self, SenderError> {
        let refused = |_| SenderError::Endpoint {
            value: endpoint.to_owned(),
        };
        check(endpoint)?;
        let endpoint = Endpoint::from_shared(endpoint.to_owned())
            .and_then(|endpoint| endpoint.user_agent(USER_AGENT))
            .map_err(refused)?
            .connect_timeout(timeout)
            .tcp_nodelay(true)
            .tcp_keepalive(Some(KEEP_ALIVE))
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(timeout);
        Ok(Self {
            endpoint,
            headers: metadata(headers)?,
            timeout,
        })
    }

    /// Must be called in the runtime that uses the connection. Each signal has its own, so that one that is not read
    /// by the receiver takes no room from the other.
    pub(super) fn connect(&self, signal: Signal) -> Connection {
        let path = match signal {
            Signal::Logs => LOGS,
            Signal::Traces => TRACES,
        };
        Connection {
            target: self.clone(),
            path: PathAndQuery::from_static(path),
            grpc: Grpc::new(self.endpoint.connect_lazy()),
        }
    }
}

impl Connection {
    /// Sends a request once and returns what came of it, within the timeout.
    pub(super) async fn export(&mut self, message: Bytes) -> Reply {
        let mut request = Request::new(message);
        *request.metadata_mut() = self.target.headers.clone();
        let (grpc, path) = (&mut self.grpc, self.path.clone());
        let call = async move {
            grpc.ready().await.map_err(|_| Reply::Unreachable)?;
            let answered = grpc.unary(request, path, Raw).await;
            answered.map_err(|status| match std::error::Error::source(&status) {
                // The transport made this status: nobody has answered.
                Some(_) => Reply::Unreachable,
                None => Reply::Status(Box::new(status)),
            })
        };
        match tokio::time::timeout(self.target.timeout, call).await {
            Ok(Ok(response)) => Reply::Answer(response.into_inner()),
            Ok(Err(reply)) => reply,
            Err(_) => {
                // Behind a connection that nothing comes out of, the next attempt would hang too.
                self.grpc = Grpc::new(self.target.endpoint.connect_lazy());
                Reply::TimedOut
            }
        }
    }
}

/// Takes `http://host[:port][/]`, and says of anything else why not.
fn check(endpoint: &str) -> Result<(), SenderError> {
    // What stands before an @ is a password.
    if endpoint.contains('@') {
        return Err(SenderError::Credentials);
    }
    let value = endpoint.to_owned();
    let Ok(uri) = endpoint.parse::<Uri>() else {
        return Err(SenderError::Endpoint { value });
    };
    let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    let named = uri.host().is_some_and(|host| !host.is_empty());
    match uri.scheme_str() {
        Some("https") => Err(SenderError::Tls { value }),
        Some("http") if bare && named => Ok(()),
        _ => Err(SenderError::Endpoint { value }),
    }
}

fn metadata(headers: &[(String, String)]) -> Result<MetadataMap, SenderError> {
    let mut metadata = MetadataMap::new();
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        if lower.ends_with("-bin") {
            return Err(SenderError::BinaryHeader { name: name.clone() });
        }
        let key = AsciiMetadataKey::from_bytes(lower.as_bytes())
            .ok()
            .filter(|_| !lower.starts_with("grpc-") && !RESERVED.contains(&lower.as_str()))
            .ok_or_else(|| SenderError::HeaderName { name: name.clone() })?;
        let mut value = AsciiMetadataValue::try_from(value.as_str())
            .map_err(|_| SenderError::HeaderValue { name: name.clone() })?;
        // Not shown by Debug, and not kept in the compression tables of anybody on the way.
        value.set_sensitive(true);
        metadata.append(key, value);
    }
    Ok(metadata)
}

/// Messages as they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(bytes.copy_to_bytes(bytes.remaining())))
    }
}

const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const USER_AGENT: &str = concat!("llm-audit/", env!("CARGO_PKG_VERSION"));
/// Idle time after which a connection is probed: by TCP always, by HTTP/2 while a request waits.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Headers that gRPC itself sets.
const RESERVED: [&str; 4] = ["content-type", "host", "te", "user-agent"];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(endpoint: &str, headers: &[(&str, &str)]) -> Result<Target, String> {
        let headers: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Target::parse(endpoint, &headers, Duration::from_secs(1)).map_err(|error| error.to_string())
    }

    #[test]
    fn endpoints_of_the_plain_form_are_taken() {
        for endpoint in [
            "http://localhost:4317",
            "http://localhost:4317/",
            "http://collector",
            "http://[::1]:4317",
            "http://192.0.2.1:80",
        ] {
            assert!(parse(endpoint, &[]).is_ok(), "{endpoint}");
        }
    }

    #[test]
    fn other_endpoints_are_named_in_the_error() {
        for endpoint in [
            "",
            "localhost:4317",
            "localhost",
            "grpc://localhost:4317",
            "http://",
            "http://local host",
            "http://localhost:4317/v1/logs",
            "http://localhost:4317?a=b",
        ] {
            assert_eq!(
                parse(endpoint, &[]).unwrap_err(),
                format!("endpoint {endpoint:?} is not of the form http://host:port")
            );
        }
        assert_eq!(
            parse("https://localhost:4317", &[]).unwrap_err(),
            "endpoint \"https://localhost:4317\" needs TLS, which is not there yet: send over http to a collector on this machine"
        );
    }

    #[test]
    fn no_password_and_no_value_of_a_header_gets_into_an_error() {
        let table = [
            (
                parse("http://user:secret@localhost:4317", &[]),
                "credentials",
            ),
            (parse("://secret@", &[]), "credentials"),
            (parse("http://a", &[("x-token", "secret\n")]), "x-token"),
            (
                parse("http://a", &[("x-token-bin", "secret")]),
                "x-token-bin",
            ),
            (parse("http://a", &[("x token", "secret")]), "x token"),
            (
                parse("http://a", &[("grpc-timeout", "secret")]),
                "grpc-timeout",
            ),
            (parse("http://a", &[("User-Agent", "secret")]), "User-Agent"),
        ];
        for (parsed, named) in table {
            let error = parsed.unwrap_err();
            assert!(error.contains(named), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn headers_are_taken_in_any_case_and_more_than_once() {
        let target = parse(
            "http://a",
            &[("Authorization", "Bearer x"), ("x-a", "1"), ("x-a", "2")],
        );
        let headers = target.unwrap().headers;
        assert_eq!(headers.get("authorization").unwrap(), "Bearer x");
        assert_eq!(headers.get_all("x-a").iter().count(), 2);
    }
}
