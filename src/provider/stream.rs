//! Answers that arrive as a stream.

use std::fmt;

use super::answer::{Delivered, Said};
use super::reader::{Reader, UNNAMED};
use super::tolerant;
use super::wiped::WipedText;
use super::wire::{Event, Kind, Source, Wire};
use super::{Provider, ProviderError, failure};
use crate::record::{Failure, Label, ResponseFacts, Verdict};

/// Reads a streamed answer as it arrives: bytes, or events that a client decoded.
///
/// It keeps what was delivered, in memory that is wiped, and at most one event besides. What it cannot read it counts
/// and skips.
///
/// ```
/// use llm_audit::provider::{Progress, Provider, StreamEnd, StreamReader};
/// let mut stream = StreamReader::new(Provider::OpenAi);
/// stream.push_bytes(b"data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\nda");
/// assert_eq!(stream.progress(), Progress::Delivering);
/// stream.push_bytes(b"ta: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
/// assert!(stream.is_complete());
/// let facts = stream.finish(StreamEnd::Finished);
/// assert_eq!(facts.finish_reasons[0].as_str(), "stop");
/// ```
pub struct StreamReader {
    provider: Provider,
    wire: Wire,
    reader: Reader,
    source: Source,
    malformed: u64,
}

/// How a stream ended, as the client saw it.
#[derive(Debug)]
pub enum StreamEnd {
    /// The application stopped reading.
    Dropped,
    /// It failed on the way.
    Failed(Failure),
    /// The client read it to its end.
    Finished,
}

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Progress {
    /// No output has arrived.
    Awaiting,
    /// Output has arrived: a piece of text, of reasoning, of a refusal, or a call of a tool.
    Delivering,
    /// The last event has arrived.
    Complete,
}

/// Events that were not read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct SkippedEvents {
    /// Events that are no JSON, and messages that are damaged.
    pub malformed: u64,
    /// Events longer than [`MAX_EVENT_BYTES`](super::MAX_EVENT_BYTES).
    pub oversized: u64,
}

impl StreamReader {
    /// A stream of which nothing has arrived.
    #[must_use]
    pub fn new(provider: Provider) -> Self {
        Self {
            provider,
            wire: Wire::default(),
            reader: Reader::new(provider),
            source: Source::Events,
            malformed: 0,
        }
    }

    /// Takes bytes of a stream, split anywhere. Their first one tells how events stand in it: as server-sent events, as
    /// JSON values one behind the other or in an array (Ollama, Gemini), or as messages of
    /// `application/vnd.amazon.eventstream` (Bedrock).
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.source = Source::Bytes;
        let (reader, malformed) = (&mut self.reader, &mut self.malformed);
        let read = |event: Event<'_>| *malformed += u64::from(absorb(reader, &event).is_err());
        self.wire.push(bytes, read);
    }

    /// Takes one event's JSON, as a client decoded it.
    pub fn push_event(&mut self, json: &[u8]) {
        let event = Event {
            name: UNNAMED,
            data: json,
            kind: Kind::Event,
        };
        self.malformed += u64::from(absorb(&mut self.reader, &event).is_err());
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        if self.is_complete() {
            Progress::Complete
        } else if self.reader.answer().has_output() {
            Progress::Delivering
        } else {
            Progress::Awaiting
        }
    }

    /// Whether the event arrived after which a provider says no more: `[DONE]`, `message_stop`, `response.completed`,
    /// `message-end`, `"done": true`, `metadata`, an error. Streams of Gemini, Bedrock and DashScope end with the finish
    /// reasons of all choices, and so do decoded events of chat completions, where `[DONE]` is none of them.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.reader.has_ended(self.source) || self.wire.pending_is(LAST_WORD)
    }

    /// What could not be read so far.
    #[must_use]
    pub fn skipped(&self) -> SkippedEvents {
        SkippedEvents {
            malformed: self.malformed + self.wire.malformed(),
            oversized: self.wire.oversized(),
        }
    }

    /// Ends the stream: what was delivered, with counts as far as they came.
    ///
    /// The counts are [`Final`](crate::record::Counted::Final) where the provider said them with its last finish reason
    /// or after it. Some say them before (Anthropic at the start, Gemini, Perplexity and xAI in every event): of a stream
    /// that breaks off they are the least that was consumed, and [`Partial`](crate::record::Counted::Partial). The others
    /// leave such a stream without counts. None are ever guessed from the text.
    ///
    /// The verdict is the provider's error where the stream brought one, else the failure given, else a block that the
    /// stream brought, else an answer; that a stream was dropped or broke off is for the caller to say.
    #[must_use]
    pub fn finish(mut self, end: StreamEnd) -> ResponseFacts {
        let reader = &mut self.reader;
        // An event that the stream broke off in is read if it is complete but for its blank line.
        self.wire.finish(|event| {
            let _cut_short = absorb(reader, &event);
        });
        let delivered = if self.is_complete() {
            Delivered::Whole
        } else {
            Delivered::Broken
        };
        let mut facts = self.reader.into_facts(delivered);
        let told = matches!(facts.verdict, Verdict::Failed(_));
        if let (StreamEnd::Failed(failure), false) = (end, told) {
            facts.verdict = Verdict::Failed(failure);
        }
        facts
    }
}

/// Shows how far it has come, and no word of it.
impl fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReader")
            .field("provider", &self.provider)
            .field("progress", &self.progress())
            .field("skipped", &self.skipped())
            .finish_non_exhaustive()
    }
}

fn absorb(reader: &mut Reader, event: &Event<'_>) -> Result<(), ProviderError> {
    if event.data.trim_ascii() == LAST_WORD {
        reader.answer_mut().ended = true;
        return Ok(());
    }
    if event.kind == Kind::Exception {
        let said = failure::thrown(event.name, event.data);
        reader.answer_mut().fail(said);
        return Ok(());
    }
    let read = reader.absorb(event.name, event.data);
    let answer = reader.answer_mut();
    if event.name == "error" && answer.failure.is_none() && answer.refused.is_none() {
        // Whatever is under this name is an error, also where it is no JSON.
        answer.fail(unshaped(event.data));
        return Ok(());
    }
    read.map(drop)
}

fn unshaped(data: &[u8]) -> Said {
    let text = String::from_utf8_lossy(data);
    let said = tolerant::parse::<failure::ErrorBody>(data);
    match said.ok().flatten() {
        Some(said) => said.into_said(),
        None => Said::Failed(failure::failure(
            Some(Label::clip("error")),
            Some(WipedText::from(text.as_ref())),
        )),
    }
}

const LAST_WORD: &[u8] = b"[DONE]";
