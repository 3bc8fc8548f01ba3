//! Bodies that are read as they pass: frames go through as they come, at once, and none is held back.

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::response;
use http_body::{Body, Frame, SizeHint};

use super::MAX_BODY_BYTES;
use super::answer::{Answer, End};
use super::exchange::{Exchange, Ongoing};
use crate::record::RawText;

/// A request's body, read as it is sent.
pub struct SentBody<B: Body> {
    inner: Pin<Box<B>>,
    /// What was looked at before the request was sent.
    ahead: Option<Result<Frame<B::Data>, B::Error>>,
    tap: Option<Tap>,
}

/// A body that is sent bit by bit, as far as it has been.
struct Tap {
    exchange: Weak<Mutex<Ongoing>>,
    text: RawText,
}

impl<B: Body<Data = Bytes>> SentBody<B> {
    pub(super) fn new(body: B) -> Self {
        Self {
            inner: Box::pin(body),
            ahead: None,
            tap: None,
        }
    }

    /// Looks at what is there already, which for the body of most clients is all of it; if so, gives it.
    pub(super) fn look(&mut self) -> Option<Bytes> {
        let mut nobody = Context::from_waker(Waker::noop());
        let Poll::Ready(Some(first)) = self.inner.as_mut().poll_frame(&mut nobody) else {
            return None;
        };
        let data = first.as_ref().ok().and_then(Frame::data_ref).cloned();
        self.ahead = Some(first);
        data.filter(|data| self.inner.is_end_stream() && data.len() <= MAX_BODY_BYTES)
    }

    /// Tells the exchange what the body says when it has been sent.
    pub(super) fn tell(&mut self, exchange: &Exchange) {
        self.tap = Some(Tap {
            exchange: exchange.ongoing(),
            text: RawText::new(Vec::new()),
        });
    }

    fn pass(&mut self, polled: &Poll<Option<Result<Frame<Bytes>, B::Error>>>) {
        let Some(tap) = &mut self.tap else {
            return;
        };
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                let data = frame.data_ref().map_or(&[][..], |data| data);
                let fits = tap.text.as_bytes().len() + data.len() <= MAX_BODY_BYTES;
                tap.text.extend(data);
                if !fits {
                    self.tap = None;
                } else if self.inner.is_end_stream() {
                    self.sent();
                }
            }
            Poll::Ready(Some(Err(_))) => self.tap = None,
            Poll::Ready(None) => self.sent(),
            Poll::Pending => {}
        }
    }

    fn sent(&mut self) {
        let tap = self.tap.take();
        let told = tap.and_then(|tap| Some((tap.exchange.upgrade()?, tap.text)));
        if let Some((exchange, text)) = told {
            let mut exchange = exchange.lock().unwrap_or_else(PoisonError::into_inner);
            exchange.take_request(text.as_bytes());
        }
    }
}

impl<B: Body<Data = Bytes>> Body for SentBody<B>
where
    B::Error: Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        let polled = match this.ahead.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => this.inner.as_mut().poll_frame(context),
        };
        this.pass(&polled);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = self.ahead.as_ref().and_then(|first| first.as_ref().ok());
        let more = ahead.and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + more);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + more);
        }
        hint
    }
}

impl<B: Body> fmt::Debug for SentBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentBody").finish_non_exhaustive()
    }
}

/// An answer's body, read as it arrives. Read to its end it ends the call, as an error does; dropped before, the call is
/// `cancelled`.
pub struct AuditedBody<B> {
    inner: Pin<Box<B>>,
    answer: Option<Answer>,
}

impl<B> AuditedBody<B> {
    pub(super) fn new(body: B, exchange: Exchange, head: &response::Parts) -> Self {
        Self {
            inner: Box::pin(body),
            answer: Some(Answer::new(exchange, head)),
        }
    }

    /// The body of an answer that nobody asked a model for.
    pub(super) fn of_no_call(body: B) -> Self {
        Self {
            inner: Box::pin(body),
            answer: None,
        }
    }

    fn end(&mut self, end: End<'_>) {
        if let Some(answer) = self.answer.take() {
            answer.end(end);
        }
    }
}

impl<B> Body for AuditedBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: fmt::Display,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        let polled = this.inner.as_mut().poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(answer), Some(data)) = (&mut this.answer, frame.data_ref()) {
                    answer.take(data);
                }
                // Who knows from this that nothing follows does not ask again.
                if this.inner.is_end_stream() {
                    this.end(End::Finished);
                }
            }
            Poll::Ready(Some(Err(error))) => this.end(End::Failed(error)),
            Poll::Ready(None) => this.end(End::Finished),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> Drop for AuditedBody<B> {
    fn drop(&mut self) {
        self.end(End::Dropped);
    }
}

impl<B> fmt::Debug for AuditedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditedBody").finish_non_exhaustive()
    }
}
