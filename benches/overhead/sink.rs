//! The receiver: a process of its own that takes OTLP over gRPC, counts records and spans, and decodes nothing else.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use prost::bytes::{Buf as _, Bytes};
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// The argument that makes the program the receiver.
pub(crate) const CHILD: &str = "--sink";

/// A receiver that runs.
pub(crate) struct SinkProcess {
    child: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    endpoint: String,
}

impl SinkProcess {
    pub(crate) fn start() -> Self {
        let program = std::env::current_exe().expect("a program knows its file");
        let mut command = Command::new(program);
        command
            .arg(CHILD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("the receiver starts");
        let (stdin, stdout) = (
            child.stdin.take().expect("it is piped"),
            child.stdout.take().expect("it is piped"),
        );
        let mut stdout = BufReader::new(stdout);
        let mut port = String::new();
        stdout
            .read_line(&mut port)
            .expect("the receiver says its port");
        let endpoint = format!("http://127.0.0.1:{}", port.trim());
        Self {
            child,
            pipes: Mutex::new((stdin, stdout)),
            endpoint,
        }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Log records and spans that arrived.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let (stdin, stdout) = &mut *self.pipes.lock().expect("nobody panicked with it");
        writeln!(stdin, "count").expect("the receiver lives");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the receiver answers");
        let mut counts = line
            .split_whitespace()
            .map(|count| count.parse().expect("a count"));
        (
            counts.next().expect("two counts"),
            counts.next().expect("two counts"),
        )
    }
}

impl Drop for SinkProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the receiver's process does.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts");
    let (logs, spans) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (logs_counted, spans_counted) = (Arc::clone(&logs), Arc::clone(&spans));
    std::thread::spawn(move || {
        for _ in std::io::stdin().lines() {
            println!(
                "{} {}",
                logs_counted.load(Ordering::Acquire),
                spans_counted.load(Ordering::Acquire)
            );
        }
        std::process::exit(0);
    });
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        println!("{}", listener.local_addr().expect("it is bound").port());
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let server = tonic::transport::Server::builder()
            .initial_stream_window_size(4 << 20)
            .initial_connection_window_size(16 << 20)
            .add_service(Logs(Counter(logs)))
            .add_service(Traces(Counter(spans)));
        server
            .serve_with_incoming(incoming)
            .await
            .expect("the receiver serves");
    });
}

#[derive(Clone)]
struct Counter(Arc<AtomicU64>);

impl UnaryService<Bytes> for Counter {
    type Response = Bytes;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        self.0.fetch_add(items(request.get_ref()), Ordering::AcqRel);
        ready(Ok(Response::new(Bytes::new())))
    }
}

macro_rules! service {
    ($name:ident, $path:literal) => {
        #[derive(Clone)]
        struct $name(Counter);

        impl NamedService for $name {
            const NAME: &'static str = $path;
        }

        impl Service<http::Request<Body>> for $name {
            type Response = http::Response<Body>;
            type Error = Infallible;
            type Future = BoxFuture<Self::Response, Infallible>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: http::Request<Body>) -> Self::Future {
                let counter = self.0.clone();
                Box::pin(async move {
                    let mut grpc = Grpc::new(Raw).max_decoding_message_size(64 << 20);
                    Ok(grpc.unary(counter, request).await)
                })
            }
        }
    };
}

service!(Logs, "opentelemetry.proto.collector.logs.v1.LogsService");
service!(
    Traces,
    "opentelemetry.proto.collector.trace.v1.TraceService"
);

/// How many records or spans a request holds: fields 1 (resource), 2 (scope), 2 (item) at the three levels.
fn items(request: &[u8]) -> u64 {
    let of_scope = |scope: &[u8]| fields(scope).filter(|(number, _)| *number == 2).count() as u64;
    let of_resource = |resource: &[u8]| {
        fields(resource)
            .filter(|(number, _)| *number == 2)
            .map(|(_, scope)| of_scope(scope))
            .sum::<u64>()
    };
    fields(request)
        .filter(|(number, _)| *number == 1)
        .map(|(_, resource)| of_resource(resource))
        .sum()
}

/// The length-delimited fields of a message; these levels have no others.
fn fields(mut message: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        let key = prost::encoding::decode_varint(&mut message).ok()?;
        let length = usize::try_from(prost::encoding::decode_varint(&mut message).ok()?).ok()?;
        let (field, rest) = message.split_at_checked(length)?;
        message = rest;
        Some((key >> 3, field))
    })
}

/// Bytes as they are.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        prost::bytes::BufMut::put(buffer, item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(length)))
    }
}
