//! The address of a receiver: what may be written as an endpoint, and what it means.

use std::fmt;

use http::Uri;
use http::uri::PathAndQuery;

use crate::emit::otlp::Protocol;
use crate::semconv::Signal;

/// Where one signal goes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(super) scheme: Scheme,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) uri: Uri,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// Whether an endpoint is for all signals or for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// For all: over HTTP, `v1/logs` or `v1/traces` is appended to it.
    All,
    /// For one: it is used as it is.
    One,
}

/// Why a text is no endpoint. What it holds that may be a secret is not shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EndpointError {
    #[error("the endpoint holds credentials: give them in a header")]
    Credentials,
    #[error("endpoint {value:?} is not of the form {form}")]
    Form { value: String, form: &'static str },
}

impl Endpoint {
    /// Reads an endpoint by the rules of the OTLP exporter specification. A scheme may be missing for gRPC only, and is
    /// then `without_scheme`.
    pub(crate) fn parse(
        text: &str,
        protocol: Protocol,
        signal: Signal,
        reach: Reach,
        without_scheme: Scheme,
    ) -> Result<Self, EndpointError> {
        // What stands before an @ is a password.
        if text.contains('@') {
            return Err(EndpointError::Credentials);
        }
        let refused = || EndpointError::Form {
            // Behind a question mark may be a key.
            value: text.split('?').next().unwrap_or_default().to_owned(),
            form: match protocol {
                Protocol::Grpc => "http://host:port or https://host:port",
                Protocol::HttpProtobuf => "http://host:port/path or https://host:port/path",
            },
        };
        let given: Uri = text.parse().map_err(|_| refused())?;
        let host = given.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(refused)?.to_owned();
        let scheme = match given.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            None if protocol == Protocol::Grpc => without_scheme,
            _ => return Err(refused()),
        };
        let path = path(&given, protocol, signal, reach).ok_or_else(refused)?;
        let port = match given.port() {
            Some(port) => port.as_str().parse().map_err(|_| refused())?,
            None if given
                .authority()
                .is_some_and(|whole| whole.as_str() != host) =>
            {
                return Err(refused());
            }
            None => scheme.port(),
        };
        let authority = given.authority().ok_or_else(refused)?.clone();
        let uri = Uri::builder()
            .scheme(scheme.as_str())
            .authority(authority)
            .path_and_query(path)
            .build()
            .map_err(|_| refused())?;
        Ok(Self {
            scheme,
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            uri,
        })
    }
}

impl Scheme {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Endpoint {
    /// Shows it without what stands behind a question mark, which may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.uri.authority().map_or("", |whole| whole.as_str());
        let path = self.uri.path();
        write!(f, "{}://{authority}{path}", self.scheme.as_str())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// The path that requests go to; none where what is given has no meaning.
fn path(given: &Uri, protocol: Protocol, signal: Signal, reach: Reach) -> Option<PathAndQuery> {
    match (protocol, reach) {
        (Protocol::Grpc, _) => {
            let bare = matches!(given.path(), "" | "/") && given.query().is_none();
            let service = match signal {
                Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
                Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            };
            bare.then(|| PathAndQuery::from_static(service))
        }
        (Protocol::HttpProtobuf, Reach::All) => {
            let base = given.path().trim_end_matches('/');
            let whole = format!("{base}/v1/{}", signal.as_str());
            given.query().is_none().then(|| whole.parse().ok())?
        }
        (Protocol::HttpProtobuf, Reach::One) => {
            let root = PathAndQuery::from_static("/");
            Some(given.path_and_query().cloned().unwrap_or(root))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, protocol: Protocol, reach: Reach) -> Result<String, String> {
        let parsed = Endpoint::parse(text, protocol, Signal::Logs, reach, Scheme::Https);
        parsed
            .map(|endpoint| format!("{} {} {}", endpoint.host, endpoint.port, endpoint.uri))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn grpc_takes_host_and_port_with_or_without_a_scheme() {
        let path = "opentelemetry.proto.collector.logs.v1.LogsService/Export";
        let table = [
            (
                "http://localhost:4317",
                "localhost 4317 http://localhost:4317/",
            ),
            (
                "http://localhost:4317/",
                "localhost 4317 http://localhost:4317/",
            ),
            ("HTTP://collector", "collector 80 http://collector/"),
            ("https://collector", "collector 443 https://collector/"),
            ("http://[::1]:4317", "::1 4317 http://[::1]:4317/"),
            ("http://192.0.2.1:80", "192.0.2.1 80 http://192.0.2.1:80/"),
            ("localhost:4317", "localhost 4317 https://localhost:4317/"),
            ("collector", "collector 443 https://collector/"),
        ];
        for (text, expected) in table {
            for reach in [Reach::All, Reach::One] {
                let parsed = parse(text, Protocol::Grpc, reach);
                assert_eq!(parsed.unwrap(), format!("{expected}{path}"), "{text}");
            }
        }
    }

    #[test]
    fn http_appends_the_signals_path_to_what_is_for_all_and_nothing_to_what_is_for_one() {
        let table = [
            ("http://a:4318", "/v1/logs", "/"),
            ("http://a:4318/", "/v1/logs", "/"),
            ("http://a:4318/x/y", "/x/y/v1/logs", "/x/y"),
            ("http://a:4318/x/", "/x/v1/logs", "/x/"),
        ];
        for (text, all, one) in table {
            let parse = |reach| parse(text, Protocol::HttpProtobuf, reach).unwrap();
            assert_eq!(parse(Reach::All), format!("a 4318 http://a:4318{all}"));
            assert_eq!(parse(Reach::One), format!("a 4318 http://a:4318{one}"));
        }
        let keyed = "https://a/v1?key=s3cret";
        let parsed = Endpoint::parse(
            keyed,
            Protocol::HttpProtobuf,
            Signal::Traces,
            Reach::One,
            Scheme::Http,
        );
        let parsed = parsed.unwrap();
        assert_eq!(parsed.uri.to_string(), keyed);
        assert_eq!(format!("{parsed:?}"), "Endpoint(https://a/v1)");
    }

    #[test]
    fn other_endpoints_are_named_in_the_error() {
        let grpc = "http://host:port or https://host:port";
        for text in [
            "",
            "grpc://localhost:4317",
            "http://",
            "http://local host",
            "http://localhost:4317/v1/logs",
            "http://localhost:70000",
            "http://localhost:",
        ] {
            assert_eq!(
                parse(text, Protocol::Grpc, Reach::All).unwrap_err(),
                format!("endpoint {text:?} is not of the form {grpc}")
            );
        }
        for text in ["localhost:4318", "localhost", "/v1/logs", "ftp://a/v1/logs"] {
            let refused = parse(text, Protocol::HttpProtobuf, Reach::One).unwrap_err();
            assert!(refused.contains("http://host:port/path"), "{refused}");
        }
    }

    #[test]
    fn no_password_and_no_key_gets_into_an_error() {
        for text in [
            "http://user:s3cret@localhost:4317",
            "://s3cret@",
            "http://a:4317?key=s3cret",
            "ftp://a?s3cret",
        ] {
            for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
                let refused = parse(text, protocol, Reach::All).unwrap_err();
                assert!(!refused.contains("s3cret"), "{refused}");
            }
        }
    }
}
