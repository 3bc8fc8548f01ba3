//! A receiver whose answers a test writes: a gRPC server on loopback that keeps the bytes of every request.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Condvar, Mutex};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use bytes::{Buf as _, BufMut as _, Bytes};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
    logs_service_server,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, trace_service_server,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use tokio::sync::oneshot;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{BoxFuture, Service};
use tonic::server::{Grpc, UnaryService};
use tonic::{Request, Response, Status};

use super::PATIENCE;
use crate::semconv::Signal;
use std::sync::Arc;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) signal: Signal,
    pub(super) bytes: Bytes,
    pub(super) records: Vec<Record>,
    pub(super) services: Vec<String>,
    pub(super) authorization: Option<String>,
}

/// What a record says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) stream: String,
    pub(super) seq: i64,
    pub(super) kind: String,
    pub(super) detail: Option<String>,
}

/// What is answered.
pub(super) enum Answer {
    Accept,
    /// Nothing, ever.
    Hang,
    Partial(i64, &'static str),
    Status(Status),
}

type Script = Box<dyn FnMut(&Seen) -> Answer + Send>;

/// A receiver at work, until it is dropped.
pub(super) struct Collector {
    address: SocketAddr,
    ledger: Arc<Ledger>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

struct Ledger {
    script: Mutex<Script>,
    seen: Mutex<Vec<Seen>>,
    arrived: Condvar,
    largest_message: usize,
}

impl Collector {
    pub(super) fn accepting() -> Self {
        Self::scripted(|_| Answer::Accept)
    }

    pub(super) fn scripted(script: impl FnMut(&Seen) -> Answer + Send + 'static) -> Self {
        Self::limited(4 << 20, script)
    }

    pub(super) fn limited(
        largest_message: usize,
        script: impl FnMut(&Seen) -> Answer + Send + 'static,
    ) -> Self {
        let mut collector = Self::absent(largest_message, script);
        collector.appear();
        collector
    }

    /// One with an address, and nobody there yet.
    pub(super) fn absent(
        largest_message: usize,
        script: impl FnMut(&Seen) -> Answer + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            ledger: Arc::new(Ledger {
                script: Mutex::new(Box::new(script)),
                seen: Mutex::default(),
                arrived: Condvar::new(),
                largest_message,
            }),
            running: None,
        }
    }

    pub(super) fn appear(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stop, stopped) = oneshot::channel();
        let receiver = Receiver(Arc::clone(&self.ledger));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let server = tonic::transport::Server::builder()
                    .serve_with_incoming(receiver, TcpListenerStream::new(listener));
                tokio::select! {
                    served = server => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        self.running = Some((stop, thread));
    }

    /// Takes it away with all its connections, whatever it is doing.
    pub(super) fn kill(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            thread.join().unwrap();
        }
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until what has come is as it should be, and returns it.
    pub(super) fn wait_for(&self, reached: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        let seen = self.ledger.seen.lock().unwrap();
        let (seen, waited) = self
            .ledger
            .arrived
            .wait_timeout_while(seen, PATIENCE, |seen| !reached(seen))
            .unwrap();
        assert!(!waited.timed_out(), "{} requests came", seen.len());
        seen.clone()
    }

    /// All requests so far.
    pub(super) fn seen(&self, signal: Signal) -> Vec<Seen> {
        let seen = self.ledger.seen.lock().unwrap();
        of(&seen, signal).cloned().collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(super) fn of(seen: &[Seen], signal: Signal) -> impl Iterator<Item = &Seen> {
    seen.iter().filter(move |seen| seen.signal == signal)
}

/// The numbers of all records of these requests, in order.
pub(super) fn numbers<'a>(seen: impl IntoIterator<Item = &'a Seen>) -> Vec<i64> {
    let records = seen.into_iter().flat_map(|seen| &seen.records);
    records.map(|record| record.seq).collect()
}

#[derive(Clone)]
struct Receiver(Arc<Ledger>);

impl Service<http::Request<Body>> for Receiver {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let path = |service: &str| format!("/{service}/Export");
        let signal = match request.uri().path() {
            logs if logs == path(logs_service_server::SERVICE_NAME) => Signal::Logs,
            traces if traces == path(trace_service_server::SERVICE_NAME) => Signal::Traces,
            other => panic!("nobody serves {other}"),
        };
        let ledger = Arc::clone(&self.0);
        Box::pin(async move {
            let limit = ledger.largest_message;
            let mut grpc = Grpc::new(Raw).max_decoding_message_size(limit);
            Ok(grpc.unary(Export { signal, ledger }, request).await)
        })
    }
}

struct Export {
    signal: Signal,
    ledger: Arc<Ledger>,
}

impl UnaryService<Bytes> for Export {
    type Response = Bytes;
    type Future = BoxFuture<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let authorization = request.metadata().get("authorization");
        let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
        let seen = read(self.signal, request.into_inner(), authorization);
        let answer = (self.ledger.script.lock().unwrap())(&seen);
        self.ledger.seen.lock().unwrap().push(seen);
        self.ledger.arrived.notify_all();
        Box::pin(async move {
            match answer {
                Answer::Accept => Ok(Response::new(Bytes::new())),
                Answer::Hang => std::future::pending().await,
                Answer::Status(status) => Err(status),
                Answer::Partial(rejected_log_records, words) => {
                    let partial_success = Some(ExportLogsPartialSuccess {
                        rejected_log_records,
                        error_message: words.to_owned(),
                    });
                    let message = ExportLogsServiceResponse { partial_success };
                    Ok(Response::new(message.encode_to_vec().into()))
                }
            }
        })
    }
}

/// Messages as they are.
#[derive(Debug, Clone, Copy)]
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

fn read(signal: Signal, bytes: Bytes, authorization: Option<String>) -> Seen {
    let mut services = Vec::new();
    let mut records = Vec::new();
    match signal {
        Signal::Logs => {
            let request = ExportLogsServiceRequest::decode(bytes.clone()).unwrap();
            for part in request.resource_logs {
                services.push(text(&part.resource.unwrap().attributes, "service.name").unwrap());
                let logs = part
                    .scope_logs
                    .into_iter()
                    .flat_map(|scope| scope.log_records);
                records.extend(logs.map(|log| record(&log.attributes)));
            }
        }
        Signal::Traces => {
            let request = ExportTraceServiceRequest::decode(bytes.clone()).unwrap();
            for part in request.resource_spans {
                services.push(text(&part.resource.unwrap().attributes, "service.name").unwrap());
                let spans = part.scope_spans.into_iter().flat_map(|scope| scope.spans);
                records.extend(spans.map(|span| record(&span.attributes)));
            }
        }
    }
    Seen {
        signal,
        bytes,
        records,
        services,
        authorization,
    }
}

fn record(attributes: &[KeyValue]) -> Record {
    Record {
        stream: text(attributes, "llm_audit.stream.id").unwrap(),
        seq: text(attributes, "llm_audit.stream.seq")
            .unwrap()
            .parse()
            .unwrap(),
        kind: text(attributes, "llm_audit.kind").unwrap(),
        detail: text(attributes, "llm_audit.system.detail"),
    }
}

fn text(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{other:?}"),
    }
}
