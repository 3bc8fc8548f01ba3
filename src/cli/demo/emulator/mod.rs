//! A provider emulator on loopback: it speaks the HTTP formats of many providers and streams as they do, so that real
//! client crates talk to it unmodified.
//!
//! | path under [`Emulator::root_url`] | format |
//! |---|---|
//! | `/v1/chat/completions` | OpenAI chat, and Mistral's: JSON or SSE, tool calls, `n` choices, usage chunk |
//! | `/v1/responses` | OpenAI responses: JSON or SSE |
//! | `/v1/embeddings` | OpenAI embeddings (floats) |
//! | `/v1/messages` | Anthropic messages: JSON or SSE, thinking, tool use |
//! | `/v1beta/models/{model}:generateContent`, `:streamGenerateContent` | Gemini: JSON; SSE with `alt=sse`, else a JSON array |
//! | `/model/{model}/converse`, `/converse-stream` | Bedrock Converse: JSON; messages of an event stream |
//! | `/v2/chat` | Cohere: JSON or SSE |
//! | `/api/chat` | Ollama: JSON or JSON lines, which are what it gives unless told otherwise |
//!
//! The request alone decides the answer; the same request has the same answer, but for its ids, which count requests.
//!
//! * **Credential:** any, in the header of the format; without one, or with one that contains `invalid`, 401. Ollama asks
//!   for none.
//! * **Model:** those listed in `script.rs`; any other, 404. The answer names the dated snapshot where there is one.
//! * **Marker words** in the last user message that has text (for embeddings, in the last input):
//!
//! | marker | effect |
//! |---|---|
//! | `[[error:400]]` | error whose message repeats the beginning of the prompt, as real ones do |
//! | `[[error:401]]` `[[error:500]]` | error of that status |
//! | `[[error:429]]`, `[[error:quota]]` | rate limit with `retry-after: 1`; quota used up (429 without it) |
//! | `[[error:503]]`, `[[error:529]]` | overloaded: 503 from OpenAI, 529 from Anthropic |
//! | `[[error:stream]]` | a stream that ends half-way with an error event; without streaming, as `[[error:500]]` |
//! | `[[filter]]` | half an answer, then `content_filter`; Anthropic: as `[[refuse]]` |
//! | `[[refuse]]` | `refusal` instead of content; Anthropic: no content, stop reason `refusal` |
//! | `[[length]]` | half an answer, stopped for its length |
//! | `[[tool]]` | a tool call: the first tool offered, or `lookup`; not when a tool result follows the marker |
//! | `[[think]]` | reasoning, also from models that otherwise have none and without being asked |
//! | `[[cache]]` | a part of the prompt counts as read from, and for Anthropic written to, the cache |
//! | `[[echo]]` | the answer repeats the last user message without its markers; otherwise it repeats nothing |
//! | `[[cut]]` | the connection drops half-way through the answer |
//! | `[[slow]]` | a stream that goes on until the client hangs up; without streaming, no effect |
//! | `[[crlf]]` | SSE lines end with CR LF instead of LF |
//!
//! **Tokens:** a text has one token for every 4 bytes, rounded up. Input is the sum over the texts of system prompt and
//! messages, each rounded by itself. Output is the sum over thought, answers, refusal and tool arguments. With
//! `[[cache]]`, of `i` input tokens `i/2` were read from the cache and, for Anthropic, `i/8` written for five minutes and
//! `i/8` for an hour (all rounded down, all part of `i`).
//!
//! **Chunks:** streams are cut inside every character of more than one byte, after every CR, between the two line ends
//! that close an event, and at other places chosen by a seed taken from the bytes themselves; each piece is flushed.

mod anthropic;
mod bedrock;
mod cohere;
mod failure;
mod gemini;
mod ollama;
mod openai;
mod path;
mod prompt;
mod responses;
mod script;
mod sse;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::post;
use axum::serve::ListenerExt;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::path::{Delivery, Told};

/// A running emulator, on a free port of 127.0.0.1.
///
/// Dropping it ends the server and every open stream soon after; [`stop`](Self::stop) waits for that.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    desk: Desk,
    stopping: watch::Sender<()>,
    server: JoinHandle<io::Result<()>>,
}

impl Emulator {
    /// Starts the server on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// When no port of 127.0.0.1 can be bound.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        // Pieces of a stream are small; held back by Nagle's algorithm they would come 40 ms late.
        let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
        let (stopping, stopped) = watch::channel(());
        let desk = Desk {
            seen: Arc::default(),
            stopped: stopped.clone(),
        };
        let server = axum::serve(listener, router(desk.clone()))
            .with_graceful_shutdown(sse::resolved_by(stopped));
        Ok(Self {
            address,
            desk,
            stopping,
            server: tokio::spawn(async move { server.await }),
        })
    }

    /// `http://127.0.0.1:{port}/v1`, without a slash at the end: what OpenAI clients call the API base.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.root_url())
    }

    /// `http://127.0.0.1:{port}`: what stands before the paths of all formats.
    #[must_use]
    pub fn root_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request seen so far, in the order of arrival, retries of clients included.
    #[must_use]
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.desk.seen().clone()
    }

    /// Closes every stream and connection, and waits until they are closed.
    ///
    /// # Errors
    ///
    /// When the server ended before with an error of its own.
    pub async fn stop(self) -> io::Result<()> {
        drop(self.stopping);
        self.server.await.map_err(io::Error::other)?
    }
}

/// What the emulator remembers of a request: never its text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeenRequest {
    /// The path, for example `/v1/messages`; a model in it is `{model}`.
    pub path: &'static str,
    /// The model that was asked for, as it was spelled.
    pub model: String,
    /// The marker words, without brackets, in their order.
    pub markers: Vec<String>,
}

/// What all handlers share.
#[derive(Clone, Debug)]
struct Desk {
    seen: Arc<Mutex<Vec<SeenRequest>>>,
    stopped: watch::Receiver<()>,
}

impl Desk {
    fn seen(&self) -> std::sync::MutexGuard<'_, Vec<SeenRequest>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers the request and returns its number, from 1.
    fn admit(&self, path: &'static str, model: &str, markers: &[String]) -> usize {
        let mut seen = self.seen();
        seen.push(SeenRequest {
            path,
            model: model.to_owned(),
            markers: markers.to_vec(),
        });
        seen.len()
    }
}

/// One request on its way through the emulator.
struct Call {
    number: usize,
    body: Value,
    model: String,
    prompt: prompt::Prompt,
    credential: Option<String>,
    anthropic_version: Option<String>,
    delivery: Delivery,
    stopped: watch::Receiver<()>,
}

impl Call {
    fn wants_stream(&self) -> bool {
        self.delivery != Delivery::Whole
    }
}

fn router(desk: Desk) -> Router {
    let serve = |path: &'static str, answer: fn(&Call) -> Response| {
        let handle = post(
            move |State(desk): State<Desk>, uri: Uri, headers: HeaderMap, bytes: Bytes| async move {
                answer(&admitted(&desk, path, &uri, &headers, &bytes))
            },
        );
        Router::new().route(path, handle)
    };
    serve("/v1/chat/completions", openai::chat)
        .merge(serve("/v1/embeddings", openai::embeddings))
        .merge(serve("/v1/messages", anthropic::messages))
        .merge(serve("/v1/responses", responses::responses))
        .merge(serve("/v1beta/models/{model}", gemini::generate))
        .merge(serve("/model/{model}/converse", bedrock::converse))
        .merge(serve("/model/{model}/converse-stream", bedrock::converse))
        .merge(serve("/v2/chat", cohere::chat))
        .merge(serve("/api/chat", ollama::chat))
        .with_state(desk)
}

/// A body that is no JSON becomes `null`, which names no model and is answered as such.
fn admitted(desk: &Desk, path: &'static str, uri: &Uri, headers: &HeaderMap, bytes: &[u8]) -> Call {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let key = header("x-api-key").or(header("x-goog-api-key")).or(bearer);
    let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let told = Told::by(uri.path(), uri.query().unwrap_or_default());
    let in_body = || body["model"].as_str().unwrap_or_default().to_owned();
    let model = told.model.unwrap_or_else(in_body);
    let prompt = prompt::Prompt::read(&body);
    Call {
        number: desk.admit(path, &model, prompt.markers()),
        model,
        prompt,
        credential: key.or(told.credential).map(str::to_owned),
        anthropic_version: header("anthropic-version").map(str::to_owned),
        delivery: told.delivery.in_body(body["stream"].as_bool()),
        stopped: desk.stopped.clone(),
        body,
    }
}
