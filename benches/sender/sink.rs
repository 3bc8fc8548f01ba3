//! A receiver in a process of its own that reads requests to their end, drops them, and says that it has them.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{BufRead as _, BufReader};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// The argument that makes the program the receiver.
pub(crate) const CHILD: &str = "--sink";

/// A receiver that runs.
pub(crate) struct Sink {
    child: Child,
    grpc: String,
    http: String,
}

impl Sink {
    pub(crate) fn start() -> Self {
        let program = std::env::current_exe().expect("a program knows its file");
        let mut command = Command::new(program);
        let mut child = command
            .arg(CHILD)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the receiver starts");
        let mut said = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut endpoint = || {
            let mut line = String::new();
            said.read_line(&mut line)
                .expect("the receiver says its ports");
            format!("http://127.0.0.1:{}", line.trim())
        };
        Self {
            grpc: endpoint(),
            http: endpoint(),
            child,
        }
    }

    pub(crate) fn grpc(&self) -> &str {
        &self.grpc
    }

    pub(crate) fn http(&self) -> &str {
        &self.http
    }
}

impl Drop for Sink {
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
    runtime.block_on(async {
        let bind = || async {
            TcpListener::bind("127.0.0.1:0")
                .await
                .expect("a port is free")
        };
        let (grpc, http) = (bind().await, bind().await);
        for listener in [&grpc, &http] {
            println!("{}", listener.local_addr().expect("it is bound").port());
        }
        tokio::spawn(async move {
            loop {
                let (stream, _) = http.accept().await.expect("somebody connects");
                stream.set_nodelay(true).ok();
                let serving = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(take_http));
                tokio::spawn(serving);
            }
        });
        loop {
            let (stream, _) = grpc.accept().await.expect("somebody connects");
            stream.set_nodelay(true).ok();
            let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .initial_stream_window_size(4 << 20)
                .initial_connection_window_size(16 << 20)
                .max_frame_size(1 << 20)
                .serve_connection(TokioIo::new(stream), service_fn(take_grpc));
            tokio::spawn(serving);
        }
    });
}

async fn take_http(request: Request<Incoming>) -> Result<Response<Answer>, Infallible> {
    read(request).await;
    Ok(Response::new(Answer::default()))
}

async fn take_grpc(request: Request<Incoming>) -> Result<Response<Answer>, Infallible> {
    read(request).await;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let answer = Answer {
        message: Some(Bytes::from_static(&[0; 5])),
        trailers: Some(trailers),
    };
    let mut response = Response::new(answer);
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

async fn read(request: Request<Incoming>) {
    let mut body = request.into_body();
    while let Some(Ok(_)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {}
}

#[derive(Default)]
struct Answer {
    message: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let message = self.message.take().map(Frame::data);
        let next = message.or_else(|| self.trailers.take().map(Frame::trailers));
        Poll::Ready(next.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.message.is_none() && self.trailers.is_none()
    }
}
