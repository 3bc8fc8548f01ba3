//! Answers as bytes: JSON bodies, and streams of events in awkward pieces.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::sync::watch;

use super::Call;
use super::script::Ending;

/// One event of a stream, in the form in which its format has it.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A line of JSON.
    Line(String),
    /// A message of `application/vnd.amazon.eventstream`.
    Message(Vec<u8>),
    /// A server-sent event, with a name where the format has names.
    Sent {
        name: Option<&'static str>,
        data: String,
    },
}

impl Event {
    pub(super) fn named(name: &'static str, data: &Value) -> Self {
        Self::Sent {
            name: Some(name),
            data: data.to_string(),
        }
    }

    pub(super) fn unnamed(data: &Value) -> Self {
        Self::Sent {
            name: None,
            data: data.to_string(),
        }
    }

    /// The `[DONE]` that closes a stream of OpenAI chat chunks.
    pub(super) fn done() -> Self {
        Self::Sent {
            name: None,
            data: "[DONE]".to_owned(),
        }
    }

    fn encode(&self, line_end: &str) -> Vec<u8> {
        match self {
            Self::Line(json) => format!("{json}{line_end}").into_bytes(),
            Self::Message(bytes) => bytes.clone(),
            Self::Sent { name, data } => {
                let name = name
                    .map(|name| format!("event: {name}{line_end}"))
                    .unwrap_or_default();
                format!("{name}data: {data}{line_end}{line_end}").into_bytes()
            }
        }
    }

    fn content_type(&self) -> &'static str {
        match self {
            Self::Line(_) => "application/x-ndjson",
            Self::Message(_) => "application/vnd.amazon.eventstream",
            Self::Sent { .. } => "text/event-stream; charset=utf-8",
        }
    }
}

/// A stream of events in the three parts that an ending tells apart.
pub(super) struct Transcript {
    pub(super) opening: Vec<Event>,
    /// What an endless stream repeats, and what a cut or failed one delivers half of.
    pub(super) deltas: Vec<Event>,
    pub(super) closing: Vec<Event>,
    /// The event with which a stream fails.
    pub(super) failure: Event,
}

/// A piece of a body, as it reaches the connection.
enum Piece {
    Bytes(Bytes),
    /// The connection is dropped here.
    Hangup,
    /// Keeps an endless stream from filling its reader's memory.
    Rest,
}

/// A JSON body; cut in the middle where the answer is.
pub(super) fn json(call: &Call, status: StatusCode, body: &Value, ending: Ending) -> Response {
    let bytes = body.to_string().into_bytes();
    let pieces = match ending {
        Ending::Cut => vec![
            Piece::Bytes(Bytes::copy_from_slice(&bytes[..bytes.len() / 2])),
            Piece::Hangup,
        ],
        Ending::Endless | Ending::Failed | Ending::Whole => vec![Piece::Bytes(bytes.into())],
    };
    respond(call, status, "application/json", pieces.into_iter())
}

/// A stream of events.
pub(super) fn events(call: &Call, transcript: Transcript, ending: Ending) -> Response {
    let Transcript {
        opening,
        deltas,
        closing,
        failure,
    } = transcript;
    let line_end = if call.prompt.has("crlf") {
        "\r\n"
    } else {
        "\n"
    };
    let content_type = failure.content_type();
    let half = deltas.len().div_ceil(2);
    let encoded = move |event: Event| {
        split_awkwardly(&event.encode(line_end))
            .into_iter()
            .map(Piece::Bytes)
    };
    let opening = opening.into_iter().flat_map(encoded);
    let pieces: Box<dyn Iterator<Item = Piece> + Send> = match ending {
        Ending::Cut => {
            // The last event loses its closing line ends, so the drop falls inside it.
            let mut cut: Vec<u8> = deltas
                .iter()
                .take(half)
                .flat_map(|event| event.encode(line_end))
                .collect();
            cut.truncate(cut.len().saturating_sub(8));
            Box::new(
                opening
                    .chain(split_awkwardly(&cut).into_iter().map(Piece::Bytes))
                    .chain([Piece::Hangup]),
            )
        }
        Ending::Endless => {
            let beat = move |event| encoded(event).chain([Piece::Rest]);
            Box::new(opening.chain(deltas.into_iter().cycle().flat_map(beat)))
        }
        Ending::Failed => Box::new(
            opening.chain(
                deltas
                    .into_iter()
                    .take(half)
                    .chain([failure])
                    .flat_map(encoded),
            ),
        ),
        Ending::Whole => {
            Box::new(opening.chain(deltas.into_iter().chain(closing).flat_map(encoded)))
        }
    };
    respond(call, StatusCode::OK, content_type, pieces)
}

/// Resolves when the emulator stops, which is when it drops the sender.
pub(super) async fn resolved_by(mut stopped: watch::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}

fn respond(
    call: &Call,
    status: StatusCode,
    kind: &'static str,
    pieces: impl Iterator<Item = Piece> + Send + 'static,
) -> Response {
    let body = stream::unfold(pieces, |mut pieces| async move {
        let piece = pieces.next()?;
        // The connection writes out what it holds when its body is not ready: so each piece travels alone, and a
        // dropped connection has delivered all that came before.
        tokio::task::yield_now().await;
        let bytes = match piece {
            Piece::Bytes(bytes) => Ok(bytes),
            Piece::Hangup => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
            Piece::Rest => {
                tokio::time::sleep(BEAT).await;
                Ok(Bytes::new())
            }
        };
        Some((bytes, pieces))
    });
    let body = body.take_until(Box::pin(resolved_by(call.stopped.clone())));
    let response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, kind)
        .header(CACHE_CONTROL, "no-cache")
        .header("request-id", format!("req_{:06}", call.number))
        .header("x-request-id", format!("req_{:06}", call.number))
        .body(Body::from_stream(body));
    response.expect("a status and constant ASCII headers make a valid response")
}

/// Cuts inside every character of more than one byte, after every CR, between two line ends, and at places that a
/// generator seeded with the checksum of the bytes chooses, 1 to 32 bytes apart.
fn split_awkwardly(bytes: &[u8]) -> Vec<Bytes> {
    let mut dice = crc32fast::hash(bytes);
    let mut pieces = Vec::new();
    let (mut start, mut left) = (0, 1 + dice as usize % 32);
    for (index, byte) in bytes.iter().enumerate() {
        left -= 1;
        let awkward = *byte >= 0xC0
            || *byte == b'\r'
            || (*byte == b'\n' && bytes.get(index + 1) == Some(&b'\n'));
        if awkward || left == 0 {
            pieces.push(Bytes::copy_from_slice(&bytes[start..=index]));
            // The multiplier and increment of Numerical Recipes' linear congruential generator; its high bits are good.
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (start, left) = (index + 1, 1 + (dice >> 27) as usize);
        }
    }
    if start < bytes.len() {
        pieces.push(Bytes::copy_from_slice(&bytes[start..]));
    }
    pieces
}

const BEAT: Duration = Duration::from_millis(5);
