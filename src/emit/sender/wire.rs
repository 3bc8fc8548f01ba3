//! What goes over a connection: the body of a request, and an answer read to its end.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::header::HeaderMap;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// The body of a request, in pieces that are not copied. Cloning it copies nothing either.
#[derive(Debug, Clone, Default)]
pub(super) struct Payload {
    pieces: VecDeque<Bytes>,
}

/// An answer with its body.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// Absent where it was longer than any answer that has a meaning.
    pub(super) body: Option<Bytes>,
    pub(super) trailers: Option<HeaderMap>,
}

impl Payload {
    pub(super) fn new(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        Self {
            pieces: pieces.collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len() as u64)
    }
}

impl Answered {
    /// Reads an answer to its end, and keeps no more of it than [`LONGEST`].
    pub(super) async fn read(response: http::Response<Incoming>) -> Result<Self, hyper::Error> {
        let (parts, mut body) = response.into_parts();
        let mut kept = Some(BytesMut::new());
        let mut trailers = None;
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            match frame?.into_data() {
                Ok(data) => {
                    kept = kept.filter(|kept| kept.len() + data.len() <= LONGEST);
                    match &mut kept {
                        Some(kept) => kept.extend_from_slice(&data),
                        // A longer one is not read on.
                        None => break,
                    }
                }
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        Ok(Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: kept.map(BytesMut::freeze),
            trailers,
        })
    }
}

/// The longest answer that is kept, in bytes.
pub(super) const LONGEST: usize = 64 << 10;
