//! Streams: an answer that arrives piece by piece, audited as it passes.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tracing::Span;

use super::layer::{ERROR_TYPE_UNKNOWN, SpanCall, failure_of, json, take_response};
use crate::provider::{Progress, Provider, StreamEnd, StreamReader, streamed};
use crate::record::{CapturedCall, Delivery, Ending, Label};

/// Audits a streamed answer as it passes through.
///
/// The wrapped stream gives exactly the items of the inner one. It keeps the call's span open until it ends, and puts
/// on the record: the time to the first piece of output, and at the end what was delivered. A stream that is read to
/// its end is a `success`, one that gives an error is an `error`, one that is dropped before its end is `cancelled`.
pub trait AuditStreamExt: Stream + Sized {
    /// For a stream of raw bytes, as an HTTP client gives them, split anywhere: server-sent events, JSON lines or an array
    /// (Ollama, Gemini), or messages of an event stream (Bedrock).
    fn audit_stream(self, call: &Span, provider: Provider) -> AuditedStream<Self, RawBytes> {
        AuditedStream::new(self, call, provider, RawBytes)
    }

    /// For a stream of events that a client decoded, which serialise to what the provider sent.
    fn audit_events(self, call: &Span, provider: Provider) -> AuditedStream<Self, DecodedEvents> {
        AuditedStream::new(self, call, provider, DecodedEvents)
    }
}

impl<S: Stream> AuditStreamExt for S {}

/// Items are raw bytes.
#[derive(Debug)]
pub struct RawBytes;

/// Items are decoded events.
#[derive(Debug)]
pub struct DecodedEvents;

/// How the items of a stream are read.
pub trait Tap<T> {
    /// Shows an item to the reader.
    fn show(&self, item: &T, reader: &mut StreamReader);
}

impl<T: AsRef<[u8]>> Tap<T> for RawBytes {
    fn show(&self, item: &T, reader: &mut StreamReader) {
        reader.push_bytes(item.as_ref());
    }
}

impl<T: serde::Serialize> Tap<T> for DecodedEvents {
    fn show(&self, item: &T, reader: &mut StreamReader) {
        if let Ok(event) = json("an event", item) {
            reader.push_event(event.as_bytes());
        }
    }
}

/// A stream that is audited; made by [`AuditStreamExt`].
pub struct AuditedStream<S, K> {
    inner: Pin<Box<S>>,
    tap: K,
    call: Span,
    provider: Provider,
    reader: Option<StreamReader>,
    delivering: bool,
}

impl<S, K> AuditedStream<S, K> {
    fn new(inner: S, call: &Span, provider: Provider, tap: K) -> Self {
        // On a span that is not audited there is no record to put anything on.
        let _ = call.update(|call| {
            call.request.delivery = Delivery::Stream;
            // Not every request shows in its body that a stream is asked for.
            call.action = call.action.as_ref().map(streamed);
        });
        let reader = Some(StreamReader::new(provider));
        Self {
            inner: Box::pin(inner),
            tap,
            call: call.clone(),
            provider,
            reader,
            delivering: false,
        }
    }

    fn end(&mut self, end: StreamEnd) {
        let Some(reader) = self.reader.take() else {
            return;
        };
        let _ = self.call.update(settled(reader, self.provider, end));
        self.call.note_end();
    }

    fn note_first_output(&mut self) {
        if !self.delivering
            && self
                .reader
                .as_ref()
                .is_some_and(|reader| reader.progress() != Progress::Awaiting)
        {
            self.delivering = true;
            self.call.note_first_output();
        }
    }
}

impl<S, K, T, E> Stream for AuditedStream<S, K>
where
    S: Stream<Item = Result<T, E>>,
    K: Tap<T> + Unpin,
    E: fmt::Display,
{
    type Item = Result<T, E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = {
            let call = self.call.clone();
            let _entered = call.enter();
            self.inner.as_mut().poll_next(context)
        };
        let this = &mut *self;
        match &polled {
            Poll::Ready(Some(Ok(item))) => {
                if let Some(reader) = &mut this.reader {
                    this.tap.show(item, reader);
                }
                this.note_first_output();
            }
            Poll::Ready(Some(Err(error))) => {
                let failure = failure_of(ERROR_TYPE_UNKNOWN, error);
                this.end(StreamEnd::Failed(failure));
            }
            Poll::Ready(None) => this.end(StreamEnd::Finished),
            Poll::Pending => {}
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

/// Puts on a call what a stream delivered, and how it ended.
pub(super) fn settled(
    reader: StreamReader,
    provider: Provider,
    end: StreamEnd,
) -> impl FnOnce(&mut CapturedCall) {
    let complete = reader.is_complete();
    let (dropped, finished) = (
        matches!(end, StreamEnd::Dropped),
        matches!(end, StreamEnd::Finished),
    );
    let facts = reader.finish(end);
    // Some servers leave out the last word, though everything was said before it.
    let told = |reason: &Label| reason.as_str() != "error";
    let reasons = &facts.finish_reasons;
    let all_told = !reasons.is_empty() && reasons.iter().all(told);
    let understood = facts.id.is_some() || facts.model.is_some() || facts.output.is_some();
    move |call| {
        take_response(call, provider, facts);
        if complete || all_told || !matches!(call.ending, Ending::Answered) {
            return;
        }
        call.ending = match (dropped, finished) {
            (true, _) => Ending::Cancelled(Label::clip("stream_dropped")),
            (_, true) if !understood => Ending::Unreadable,
            _ => Ending::Failed(failure_of(
                "stream_cut",
                &"the stream ended before its last event",
            )),
        };
    }
}

impl<S, K> Drop for AuditedStream<S, K> {
    fn drop(&mut self) {
        self.end(StreamEnd::Dropped);
    }
}

impl<S, K> fmt::Debug for AuditedStream<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditedStream")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}
