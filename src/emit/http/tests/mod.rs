//! The hook over services that answer what a test tells them to, on a recorder of its own.

mod bodies;
mod calls;
mod refusals;
mod spans;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, Ready, poll_fn, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_executor::block_on;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use tower_layer::Layer as _;
use tower_service::Service;

use super::{AuditHttp, AuditHttpService, SentBody};
use crate::emit::testing::Bench;

/// A body that comes in these pieces; an error is the last one.
#[derive(Debug, Default)]
pub(super) struct Pieces(pub(super) VecDeque<Result<Frame<Bytes>, &'static str>>);

impl Pieces {
    pub(super) fn of(pieces: &[&str]) -> Self {
        let frame = |piece: &&str| Ok(Frame::data(Bytes::copy_from_slice(piece.as_bytes())));
        Self(pieces.iter().map(frame).collect())
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.0.pop_front())
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let data = self.0.iter().flatten().filter_map(Frame::data_ref);
        SizeHint::with_exact(data.map(Bytes::len).sum::<usize>() as u64)
    }
}

type Answered = Result<Response<Pieces>, &'static str>;

/// A server that reads requests to their end and gives its answers in turn.
#[derive(Clone, Default)]
pub(super) struct Server {
    pub(super) answers: Arc<Mutex<VecDeque<Answered>>>,
    pub(super) received: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) fn answering(answers: impl IntoIterator<Item = Response<Pieces>>) -> Self {
        let server = Self::default();
        server
            .answers
            .lock()
            .unwrap()
            .extend(answers.into_iter().map(Ok));
        server
    }

    pub(super) fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }
}

impl Service<Request<SentBody<Pieces>>> for Server {
    type Response = Response<Pieces>;
    type Error = &'static str;
    type Future = Pin<Box<dyn Future<Output = Answered>>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<SentBody<Pieces>>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move {
            let body = collect(request.into_body()).await.unwrap();
            server.received.lock().unwrap().push(body);
            let answer = server.answers.lock().unwrap().pop_front();
            answer.expect("the test has an answer for every request")
        })
    }
}

/// A body to its end.
pub(super) async fn collect<B>(body: B) -> Result<String, B::Error>
where
    B: Body<Data = Bytes>,
{
    let mut body = Box::pin(body);
    let mut text = Vec::new();
    while !body.is_end_stream() {
        let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await else {
            break;
        };
        if let Ok(data) = frame?.into_data() {
            text.extend_from_slice(&data);
        }
    }
    Ok(String::from_utf8(text).unwrap())
}

pub(super) fn hook(bench: &Bench) -> AuditHttp {
    AuditHttp::of(Arc::clone(&bench.recorder))
}

pub(super) fn client(bench: &Bench, server: &Server) -> AuditHttpService<Server> {
    hook(bench).layer(server.clone())
}

pub(super) fn chat(prompt: &str) -> Request<Pieces> {
    let body = format!(
        r#"{{"model":"gpt-4o","temperature":0.5,"messages":[{{"role":"user","content":"{prompt}"}}]}}"#
    );
    post("https://api.openai.com/v1/chat/completions", &[&body])
}

pub(super) fn post(url: &str, body: &[&str]) -> Request<Pieces> {
    Request::post(url)
        .header("authorization", "Bearer sk-planted-key")
        .body(Pieces::of(body))
        .unwrap()
}

pub(super) fn json(body: &str) -> Response<Pieces> {
    let answer = Response::builder().header("content-type", "application/json");
    answer.body(Pieces::of(&[body])).unwrap()
}

pub(super) fn sse(pieces: &[&str]) -> Response<Pieces> {
    let answer = Response::builder().header("content-type", "text/event-stream; charset=utf-8");
    answer.body(Pieces::of(pieces)).unwrap()
}

/// A request and its answer's body, to the end.
pub(super) fn ask(client: &mut AuditHttpService<Server>, request: Request<Pieces>) -> String {
    block_on(async {
        let answer = client.call(request).await.unwrap();
        collect(answer.into_body()).await.unwrap()
    })
}

pub(super) const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-2024-11-20","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Paris"}}],"usage":{"prompt_tokens":14,"completion_tokens":1,"total_tokens":15}}"#;

pub(super) const STREAM: [&str; 4] = [
    "data: {\"id\":\"c1\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\nda",
    "ta: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Pa\"}}]}\n\n",
    "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ris\"},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":14,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
];

/// A service that is never to be called.
#[derive(Clone)]
pub(super) struct Unreachable;

impl<R> Service<R> for Unreachable {
    type Response = Response<Pieces>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Pieces>, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: R) -> Self::Future {
        assert!(std::thread::panicking(), "nothing was to be sent");
        ready(Ok(Response::new(Pieces::default())))
    }
}
