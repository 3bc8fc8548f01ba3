//! An OTLP receiver on loopback that takes everything, and keeps the bytes of every request or hands them on.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use bytes::{Buf as _, BufMut as _, Bytes};
use http::Request;
use llm_audit::record::Label;
use llm_audit::record::keyring::Keyring;
use llm_audit::semconv;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::sync::oneshot;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{BoxFuture, Service};
use tonic::server::{Grpc, UnaryService};
use tonic::{Response, Status};

use crate::trail::Trail;

/// The receiver. It ends with this.
pub(crate) struct Receiver {
    address: SocketAddr,
    seen: Arc<Mutex<Requests>>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// Requests as they came.
#[derive(Default, Clone)]
pub(crate) struct Requests {
    pub(crate) logs: Vec<Bytes>,
    pub(crate) traces: Vec<Bytes>,
}

/// A signal of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Logs,
    Traces,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let seen = Arc::<Mutex<Requests>>::default();
        let kept = Arc::clone(&seen);
        let keep = move |signal, request| {
            let mut requests = kept.lock().unwrap();
            match signal {
                Signal::Logs => requests.logs.push(request),
                Signal::Traces => requests.traces.push(request),
            }
        };
        let mut receiver = Self::handing_on(listener, keep);
        receiver.seen = seen;
        receiver
    }

    /// One that keeps nothing. A request is answered when `take` has returned.
    pub(crate) fn handing_on(
        listener: TcpListener,
        take: impl Fn(Signal, Bytes) + Send + Sync + 'static,
    ) -> Self {
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let server = Server(Arc::new(take));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let incoming = TcpListenerStream::new(listener);
                let serving =
                    tonic::transport::Server::builder().serve_with_incoming(server, incoming);
                tokio::select! {
                    served = serving => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            seen: Arc::default(),
            running: Some((stop, thread)),
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that has come.
    pub(crate) fn requests(&self) -> Requests {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            thread.join().unwrap();
        }
    }
}

impl Requests {
    /// The log records, each once, checked by these keys.
    pub(crate) fn trail(&self, keys: &Keyring) -> Trail {
        let mut trail = Trail::default();
        for request in &self.logs {
            let request = ExportLogsServiceRequest::decode(request.clone()).unwrap();
            for part in request.resource_logs {
                let resource = part.resource.unwrap_or_default();
                let service = resource
                    .attributes
                    .iter()
                    .find(|attribute| attribute.key == "service.name");
                let service = service.and_then(|service| service.value.as_ref()?.value.as_ref());
                let service = service.map(|service| match service {
                    Value::StringValue(service) => Label::clip(service),
                    other => panic!("{other:?}"),
                });
                for log_record in part
                    .scope_logs
                    .into_iter()
                    .flat_map(|scope| scope.log_records)
                {
                    let decoded =
                        semconv::decode(&log_record.encode_to_vec(), service.as_ref()).unwrap();
                    trail.take_sent(decoded.record, &decoded.mac.unwrap(), keys);
                }
            }
        }
        trail
    }

    /// The spans.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let requests = self
            .traces
            .iter()
            .map(|request| ExportTraceServiceRequest::decode(request.clone()).unwrap());
        let parts = requests.flat_map(|request| request.resource_spans);
        parts
            .flat_map(|part| part.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }
}

type Take = Arc<dyn Fn(Signal, Bytes) + Send + Sync>;

#[derive(Clone)]
struct Server(Take);

impl Service<Request<Body>> for Server {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let export = Export {
            path: request.uri().path().to_owned(),
            take: Arc::clone(&self.0),
        };
        Box::pin(async move { Ok(Grpc::new(Raw).unary(export, request).await) })
    }
}

struct Export {
    path: String,
    take: Take,
}

impl UnaryService<Bytes> for Export {
    type Response = Bytes;
    type Future = BoxFuture<Response<Bytes>, Status>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let signal = match self.path.as_str() {
            "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Signal::Logs,
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Signal::Traces,
            other => panic!("nobody serves {other}"),
        };
        (self.take)(signal, request.into_inner());
        Box::pin(async { Ok(Response::new(Bytes::new())) })
    }
}

/// Messages as they are.
#[derive(Clone, Copy)]
struct Raw;

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
