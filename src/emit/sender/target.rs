//! Where a signal goes, and with what: all that a connection needs to know.

use std::path::PathBuf;
use std::time::Duration;

use http::header::{HOST, HeaderMap, HeaderValue, USER_AGENT};
use http::uri::PathAndQuery;
use http::{Method, Request, Uri};

use super::batch::Pieces;
use super::compression::compress;
use super::dial::Speech;
use super::endpoint::{Endpoint, Scheme};
use super::headers::Header;
use super::tls::{Tls, TlsError};
use super::wire::{Answered, Payload};
use super::{grpc, http_form};
use crate::emit::otlp::{Compression, Protocol};
use crate::emit::sender::verdict::Reply;

/// What a sender is told of the receiver of a signal.
#[derive(Debug, Clone)]
pub(crate) struct TargetConfig {
    pub(crate) endpoint: Endpoint,
    pub(crate) protocol: Protocol,
    pub(crate) headers: Vec<Header>,
    /// How long an attempt may take: connection, TLS, request and answer.
    pub(crate) timeout: Duration,
    pub(crate) compression: Compression,
    pub(crate) certificates: Certificates,
}

/// Files of certificates, in PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Certificates {
    /// The authorities that are trusted; the system's where there is none.
    pub(crate) authorities: Option<PathBuf>,
    pub(crate) client: Option<ClientCertificate>,
}

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

/// Where requests go, and with what.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) endpoint: Endpoint,
    pub(super) protocol: Protocol,
    pub(super) tls: Option<Tls>,
    pub(super) timeout: Duration,
    pub(super) compression: Compression,
    headers: HeaderMap,
    /// For HTTP/1.1, which names the host in a header.
    host: HeaderValue,
    path: Uri,
}

impl Target {
    pub(super) fn new(config: &TargetConfig) -> Result<Self, TlsError> {
        let endpoint = config.endpoint.clone();
        let tls = match endpoint.scheme {
            Scheme::Http => None,
            Scheme::Https => Some(Tls::new(
                &config.certificates,
                &endpoint.host,
                config.protocol,
            )?),
        };
        let mut headers = HeaderMap::new();
        for Header { name, value } in &config.headers {
            headers.append(name, value.clone());
        }
        headers.insert(USER_AGENT, HeaderValue::from_static(OURS));
        let authority = endpoint.uri.authority().map_or("", |whole| whole.as_str());
        let root = PathAndQuery::from_static("/");
        let path = endpoint.uri.path_and_query().cloned().unwrap_or(root);
        let mut target = Self {
            host: HeaderValue::from_str(authority).expect("an authority is visible ASCII"),
            path: path.into(),
            endpoint,
            protocol: config.protocol,
            tls,
            timeout: config.timeout,
            compression: config.compression,
            headers,
        };
        target.set_compression(config.compression);
        Ok(target)
    }

    pub(super) fn set_compression(&mut self, compression: Compression) {
        self.compression = compression;
        let headers = &mut self.headers;
        match self.protocol {
            Protocol::Grpc => grpc::write_headers(headers, compression),
            Protocol::HttpProtobuf => http_form::write_headers(headers, compression),
        }
    }

    /// A message as it is sent, whenever it is.
    pub(super) fn payload(&self, message: Pieces) -> Payload {
        let message = compress(message, self.compression);
        match self.protocol {
            Protocol::Grpc => grpc::frame(message, self.compression),
            Protocol::HttpProtobuf => Payload::new(message),
        }
    }

    pub(super) fn request(&self, speech: Speech, payload: Payload) -> Request<Payload> {
        let mut request = Request::new(payload);
        *request.method_mut() = Method::POST;
        *request.headers_mut() = self.headers.clone();
        match speech {
            Speech::Http1 => {
                *request.uri_mut() = self.path.clone();
                request.headers_mut().insert(HOST, self.host.clone());
            }
            Speech::Http2 => *request.uri_mut() = self.endpoint.uri.clone(),
        }
        request
    }

    pub(super) fn reply(&self, answered: &Answered) -> Reply {
        match self.protocol {
            Protocol::Grpc => grpc::reply(answered),
            Protocol::HttpProtobuf => http_form::reply(answered),
        }
    }
}

const OURS: &str = concat!("llm-audit/", env!("CARGO_PKG_VERSION"));
