//! An OTLP server that plays a script: what it does with each connection, and what it answers to each request.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio_rustls::TlsAcceptor;

/// What the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Grpc,
    Http,
}

/// What it does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Says what nobody understands, and closes.
    Babbles,
    /// Reads nothing, says nothing, keeps it.
    Hangs,
    Opens,
    /// Closes it as soon as something comes.
    Slams,
}

/// What it does with a request for log records.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Bytes that are no answer, as a success.
    Garbage,
    /// Keeps quiet.
    Hang,
    /// Takes it, and breaks off in the midst of the answer.
    LoseAnswer,
    /// Rejects so many.
    Partial(i64, &'static str),
    /// Breaks off before any answer.
    Reset,
    /// Takes none of it, and says so.
    Status(Status),
    Take,
}

/// A status in both languages.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    pub(crate) grpc: i32,
    pub(crate) http: u16,
    pub(crate) words: String,
    pub(crate) retry: Option<Retry>,
}

#[derive(Debug, Clone)]
pub(crate) enum Retry {
    /// `RetryInfo` or `Retry-After`, in seconds.
    Seconds(u64),
    /// `Retry-After` with a date; over gRPC the same as seconds.
    Date(String, u64),
}

/// A request for log records.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) size: usize,
    /// Users of the records.
    pub(crate) users: Vec<String>,
}

pub(crate) type Script = Box<dyn FnMut(&Seen) -> Act + Send>;
pub(crate) type Doors = Box<dyn FnMut(usize) -> Door + Send>;

/// What was taken: every copy of every record, by its id.
#[derive(Debug, Default, Clone)]
pub(crate) struct Ledger {
    pub(crate) logs: BTreeMap<String, Vec<Bytes>>,
    pub(crate) spans: BTreeMap<String, Vec<Bytes>>,
    pub(crate) connections: usize,
    pub(crate) requests: usize,
    /// Requests that were compressed, of both signals.
    pub(crate) compressed: usize,
    /// Connections that are served now.
    pub(crate) open: usize,
    /// Connections that TLS broke off.
    pub(crate) unsafe_connections: usize,
}

/// The server. It ends with this.
pub(crate) struct Server {
    address: SocketAddr,
    column: Column,
    shared: Arc<Shared>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

struct Shared {
    script: Mutex<Script>,
    doors: Mutex<Doors>,
    tls: Mutex<Option<Arc<ServerConfig>>>,
    ledger: Mutex<Ledger>,
    changed: Condvar,
    hang_up: Notify,
}

impl Server {
    /// One that has an address, and is not there.
    pub(crate) fn absent(column: Column) -> Self {
        let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            address: held.local_addr().unwrap(),
            column,
            shared: Arc::new(Shared {
                script: Mutex::new(Box::new(|_| Act::Take)),
                doors: Mutex::new(Box::new(|_| Door::Opens)),
                tls: Mutex::default(),
                ledger: Mutex::default(),
                changed: Condvar::new(),
                hang_up: Notify::new(),
            }),
            running: None,
        }
    }

    pub(crate) fn start(column: Column) -> Self {
        let mut server = Self::absent(column);
        server.appear();
        server
    }

    pub(crate) fn play(&self, script: impl FnMut(&Seen) -> Act + Send + 'static) {
        *self.shared.script.lock().unwrap() = Box::new(script);
    }

    pub(crate) fn doors(&self, doors: impl FnMut(usize) -> Door + Send + 'static) {
        *self.shared.doors.lock().unwrap() = Box::new(doors);
    }

    /// What new connections are secured with.
    pub(crate) fn secure(&self, tls: ServerConfig) {
        *self.shared.tls.lock().unwrap() = Some(Arc::new(tls));
    }

    pub(crate) fn appear(&mut self) {
        let listener = std::net::TcpListener::bind(self.address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (shared, column) = (Arc::clone(&self.shared), self.column);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = accept(&listener, &shared, column) => {}
                    _ = stopped => {}
                }
            });
        });
        self.running = Some((stop, thread));
    }

    /// Takes it away with all its connections, whatever it is doing.
    pub(crate) fn kill(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            thread.join().unwrap();
        }
    }

    /// Closes every connection, and stays. Returns when they are closed.
    pub(crate) fn hang_up(&self) {
        self.shared.hang_up.notify_waiters();
        self.wait_for(|ledger| ledger.open == 0);
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.shared.ledger.lock().unwrap().clone()
    }

    /// Waits until it is as it should be.
    pub(crate) fn wait_for(&self, reached: impl Fn(&Ledger) -> bool) {
        let ledger = self.shared.ledger.lock().unwrap();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(ledger, PATIENCE, |ledger| !reached(ledger));
        let (ledger, waited) = waited.unwrap();
        assert!(
            !waited.timed_out(),
            "{} requests on {} connections brought {} records",
            ledger.requests,
            ledger.connections,
            ledger.logs.len()
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Shared {
    fn note(&self, change: impl FnOnce(&mut Ledger)) {
        change(&mut self.ledger.lock().unwrap());
        self.changed.notify_all();
    }
}

async fn accept(listener: &TcpListener, shared: &Arc<Shared>, column: Column) {
    let mut held = Vec::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut number = 0;
        shared.note(|ledger| {
            ledger.connections += 1;
            number = ledger.connections;
        });
        let door = (shared.doors.lock().unwrap())(number);
        match door {
            Door::Hangs => held.push(stream),
            Door::Slams => {
                tokio::spawn(async move {
                    // What is not read makes the close a reset.
                    stream.readable().await.ok();
                });
            }
            Door::Babbles => {
                tokio::spawn(async move {
                    stream
                        .write_all(b"220 mail.example.com ESMTP\r\n")
                        .await
                        .ok();
                    stream.read(&mut [0; 1024]).await.ok();
                });
            }
            Door::Opens => {
                tokio::spawn(open(stream, Arc::clone(shared), column));
            }
        }
    }
}

async fn open(stream: TcpStream, shared: Arc<Shared>, column: Column) {
    let tls = shared.tls.lock().unwrap().clone();
    match tls {
        None => serve(stream, shared, column).await,
        Some(tls) => match TlsAcceptor::from(tls).accept(stream).await {
            Ok(stream) => serve(stream, shared, column).await,
            Err(_) => shared.note(|ledger| ledger.unsafe_connections += 1),
        },
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    shared: Arc<Shared>,
    column: Column,
) {
    let stream = TokioIo::new(stream);
    let answering = Arc::clone(&shared);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&answering);
        async move { answer(request, &shared, column).await }
    });
    let closed = shared.hang_up.notified();
    shared.note(|ledger| ledger.open += 1);
    match column {
        Column::Grpc => {
            let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(stream, service);
            tokio::select! { _ = serving => {}, () = closed => {} }
        }
        Column::Http => {
            let serving =
                hyper::server::conn::http1::Builder::new().serve_connection(stream, service);
            tokio::select! { _ = serving => {}, () = closed => {} }
        }
    }
    shared.note(|ledger| ledger.open -= 1);
}

async fn answer(
    request: Request<Incoming>,
    shared: &Shared,
    column: Column,
) -> Result<Response<Answer>, io::Error> {
    let path = request.uri().path().to_owned();
    let message = read(request, shared, column).await?;
    match (column, path.as_str()) {
        (Column::Http, "/v1/logs")
        | (Column::Grpc, "/opentelemetry.proto.collector.logs.v1.LogsService/Export") => {
            let (records, users) = logs(&message);
            let seen = Seen {
                size: message.len(),
                users,
            };
            shared.note(|ledger| ledger.requests += 1);
            let act = (shared.script.lock().unwrap())(&seen);
            if matches!(act, Act::Take | Act::LoseAnswer) {
                shared.note(|ledger| take(&mut ledger.logs, records));
            }
            play(act, column).await
        }
        (Column::Http, "/v1/traces")
        | (Column::Grpc, "/opentelemetry.proto.collector.trace.v1.TraceService/Export") => {
            shared.note(|ledger| take(&mut ledger.spans, spans(&message)));
            Ok(success(Bytes::new(), column))
        }
        (_, other) => panic!("nobody serves {other}"),
    }
}

async fn play(act: Act, column: Column) -> Result<Response<Answer>, io::Error> {
    match act {
        Act::Take => Ok(success(Bytes::new(), column)),
        Act::Hang => std::future::pending().await,
        Act::Reset => Err(io::ErrorKind::ConnectionReset.into()),
        Act::LoseAnswer => {
            let mut response = success(Bytes::new(), column);
            response.body_mut().broken = true;
            Ok(response)
        }
        Act::Garbage => Ok(success(Bytes::from_static(b"\xff\xff\xff\xff"), column)),
        Act::Partial(rejected_log_records, words) => {
            let partial_success = Some(ExportLogsPartialSuccess {
                rejected_log_records,
                error_message: words.to_owned(),
            });
            let message = ExportLogsServiceResponse { partial_success };
            Ok(success(message.encode_to_vec().into(), column))
        }
        Act::Status(status) => Ok(match column {
            Column::Grpc => status.over_grpc(),
            Column::Http => status.over_http(),
        }),
    }
}

fn success(message: Bytes, column: Column) -> Response<Answer> {
    let mut response = Response::new(Answer::default());
    let (kind, message) = match column {
        Column::Http => ("application/x-protobuf", message),
        Column::Grpc => {
            let mut framed = BytesMut::new();
            framed.put_u8(0);
            framed.put_u32(u32::try_from(message.len()).unwrap());
            framed.extend_from_slice(&message);
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            response.body_mut().trailers = Some(trailers);
            ("application/grpc", framed.freeze())
        }
    };
    response
        .headers_mut()
        .insert(CONTENT_TYPE, kind.parse().unwrap());
    response.body_mut().message = Some(message);
    response
}

impl Status {
    fn over_grpc(&self) -> Response<Answer> {
        let mut response = Response::new(Answer::default());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, "application/grpc".parse().unwrap());
        headers.insert("grpc-status", self.grpc.to_string().parse().unwrap());
        headers.insert("grpc-message", self.words.parse().unwrap());
        if let Some(Retry::Seconds(seconds) | Retry::Date(_, seconds)) = &self.retry {
            let details = retry::info(*seconds);
            headers.insert("grpc-status-details-bin", details.parse().unwrap());
        }
        response
    }

    fn over_http(&self) -> Response<Answer> {
        let mut response = Response::new(Answer::default());
        *response.status_mut() = self.http.try_into().unwrap();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, "application/x-protobuf".parse().unwrap());
        let after = self.retry.as_ref().map(|retry| match retry {
            Retry::Seconds(seconds) => seconds.to_string(),
            Retry::Date(date, _) => date.clone(),
        });
        if let Some(after) = after {
            headers.insert(RETRY_AFTER, after.parse().unwrap());
        }
        let mut status = vec![0x12, u8::try_from(self.words.len()).unwrap()];
        status.extend_from_slice(self.words.as_bytes());
        response.body_mut().message = Some(status.into());
        response
    }
}

/// `google.rpc.Status` with a `RetryInfo`, as gRPC sends it.
mod retry {
    pub(super) fn info(seconds: u64) -> String {
        let delay = [0x08, u8::try_from(seconds).unwrap()];
        assert!(seconds < 0x80, "one byte of varint");
        let wrap = |field: u8, bytes: &[u8]| {
            let mut whole = vec![field << 3 | 2, u8::try_from(bytes.len()).unwrap()];
            whole.extend_from_slice(bytes);
            whole
        };
        let url = wrap(1, b"type.googleapis.com/google.rpc.RetryInfo");
        let any = [url, wrap(2, &wrap(1, &delay))].concat();
        base64(&wrap(3, &any))
    }

    fn base64(bytes: &[u8]) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let mut whole = [0; 3];
            whole[..chunk.len()].copy_from_slice(chunk);
            let number = u32::from_be_bytes([0, whole[0], whole[1], whole[2]]);
            for at in 0..=chunk.len() {
                let sextet = number >> (18 - 6 * at) & 63;
                text.push(char::from(ALPHABET[sextet as usize]));
            }
        }
        text
    }
}

async fn read(
    request: Request<Incoming>,
    shared: &Shared,
    column: Column,
) -> Result<Bytes, io::Error> {
    let gzip = ["content-encoding", "grpc-encoding"];
    let gzip = gzip
        .iter()
        .any(|name| request.headers().contains_key(*name));
    let mut body = request.into_body();
    let mut bytes = BytesMut::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(io::Error::other)?;
        bytes.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
    }
    let sent = match column {
        Column::Grpc => bytes.freeze().slice(5..),
        Column::Http => bytes.freeze(),
    };
    if !gzip {
        return Ok(sent);
    }
    shared.note(|ledger| ledger.compressed += 1);
    let mut message = Vec::new();
    io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&sent[..]), &mut message)?;
    Ok(message.into())
}

fn take(ledger: &mut BTreeMap<String, Vec<Bytes>>, taken: Vec<(String, Bytes)>) {
    for (id, bytes) in taken {
        ledger.entry(id).or_default().push(bytes);
    }
}

fn logs(message: &Bytes) -> (Vec<(String, Bytes)>, Vec<String>) {
    let request = ExportLogsServiceRequest::decode(message.clone()).unwrap();
    let parts = request.resource_logs.into_iter();
    let scopes = parts.flat_map(|part| part.scope_logs);
    let mut records = Vec::new();
    let mut users = Vec::new();
    for record in scopes.flat_map(|scope| scope.log_records) {
        let id = text(&record.attributes, "llm_audit.record.id").unwrap();
        users.extend(text(&record.attributes, "user.id"));
        records.push((id, record.encode_to_vec().into()));
    }
    (records, users)
}

fn spans(message: &Bytes) -> Vec<(String, Bytes)> {
    let request = ExportTraceServiceRequest::decode(message.clone()).unwrap();
    let parts = request.resource_spans.into_iter();
    let scopes = parts.flat_map(|part| part.scope_spans);
    let spans = scopes.flat_map(|scope| scope.spans);
    spans
        .map(|span| {
            let id = text(&span.attributes, "llm_audit.record.id").unwrap();
            (id, span.encode_to_vec().into())
        })
        .collect()
}

fn text(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

/// The body of an answer.
#[derive(Default)]
struct Answer {
    message: Option<Bytes>,
    trailers: Option<HeaderMap>,
    broken: bool,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.broken {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
        }
        let message = self.message.take().map(Frame::data);
        let next = message.or_else(|| self.trailers.take().map(Frame::trailers));
        Poll::Ready(next.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        !self.broken && self.message.is_none() && self.trailers.is_none()
    }
}

/// Much longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
