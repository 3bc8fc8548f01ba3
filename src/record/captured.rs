//! A call as it was seen: the only place where raw text lives, wiped when it is dropped.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use zeroize::Zeroizing;

use super::keyring::ContentHasher;
use super::{
    Actor, KeyedHash, Label, RecordId, Sanitization, SanitizationStatus, Timestamp, TraceContext,
    Usage, UsageExtras, jcs,
};

/// Raw text: a prompt, an answer, an error. Wiped from memory on drop; cannot be printed, cloned or serialised.
pub struct RawText(Zeroizing<Vec<u8>>);

impl RawText {
    /// Takes the bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Wipes the text and keeps its room, so that another can be written there.
    pub(crate) fn wipe(&mut self) {
        self.0.fill(0);
        // What is written and never read again must not be optimised away.
        zeroize::optimization_barrier(self.0.as_slice());
        self.0.clear();
    }

    /// Appends bytes. Where they do not fit, the text moves, and the place that it leaves is wiped.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger =
                Vec::with_capacity(needed.max(2 * self.0.capacity()).max(SMALLEST_ROOM));
            larger.extend_from_slice(&self.0);
            self.wipe();
            self.0 = Zeroizing::new(larger);
        }
        self.0.extend_from_slice(bytes);
    }

    /// The bytes, to be changed in place.
    pub(super) fn as_mut_bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// How long a text fits without moving.
    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// The text, with what is not UTF-8 replaced.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(String::from_utf8_lossy(&self.0).into_owned())
    }
}

/// What is written goes behind the text, and what it leaves is wiped when it grows.
impl io::Write for RawText {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<&str> for RawText {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for RawText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawText({} bytes)", self.0.len())
    }
}

/// Captured content, in the form in which it is hashed.
#[derive(Debug)]
pub enum Content {
    /// The canonical form (RFC 8785) of a JSON value.
    Json(RawText),
    /// Bytes that are no JSON.
    Bytes(RawText),
}

impl Content {
    /// The canonical form of anything that serialises to JSON; `None` where it does not (a map with keys that are no text, a
    /// key that stands twice). A number that is not finite is `null`.
    #[must_use]
    pub fn canonical(value: &(impl Serialize + ?Sized)) -> Option<Self> {
        Self::canonical_in(RawText::new(Vec::new()), value)
    }

    /// As [`canonical`](Self::canonical), in the room of a text that is empty.
    pub(crate) fn canonical_in(room: RawText, value: &(impl Serialize + ?Sized)) -> Option<Self> {
        jcs::write(value, room).map(Self::Json)
    }

    /// The content of a text: its canonical form where it is JSON, else its bytes.
    ///
    /// Text that repeats a key of an object is no JSON here: two readers would disagree on what it says.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let json = super::strict_json::parse(text).and_then(|value| Self::canonical(&value));
        json.unwrap_or_else(|| Self::Bytes(RawText::from(text)))
    }

    /// The raw text.
    #[must_use]
    pub fn raw(&self) -> &RawText {
        match self {
            Self::Json(raw) | Self::Bytes(raw) => raw,
        }
    }
}

/// What a provider's answer says, read by `provider`.
#[derive(Debug, Default)]
pub struct ResponseFacts {
    /// The provider's identifier of the answer.
    pub id: Option<Label>,
    /// The model that answered.
    pub model: Option<Label>,
    /// Why it stopped, one entry a choice.
    pub finish_reasons: Vec<Label>,
    /// Tokens.
    pub usage: Usage,
    /// How far these counts go.
    pub counted: Counted,
    /// What else the price depends on.
    pub extras: UsageExtras,
    /// The provider's price class of this call.
    pub service_tier: Option<Label>,
    /// The messages received, in the form of the OpenTelemetry GenAI conventions (`gen_ai.output.messages`).
    pub output: Option<Content>,
    /// What the answer is.
    pub verdict: Verdict,
}

impl ResponseFacts {
    /// Drops all that it says and keeps the room of its lists.
    fn forget(&mut self) {
        let Self {
            id,
            model,
            finish_reasons,
            usage,
            counted,
            extras,
            service_tier,
            output,
            verdict,
        } = self;
        finish_reasons.clear();
        *counted = Counted::Final;
        (*id, *model, *service_tier) = (None, None, None);
        *extras = UsageExtras::default();
        (*usage, *output, *verdict) = (Usage::default(), None, Verdict::Answered);
    }
}

/// How far the counts of an answer go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Counted {
    /// To the answer's end.
    #[default]
    Final,
    /// To where a stream broke off: the provider's own counts of what it had taken and given by then, the least that was
    /// consumed.
    Partial,
}

/// What a provider's answer is.
#[derive(Debug, Default)]
pub enum Verdict {
    /// An answer.
    #[default]
    Answered,
    /// Refused or filtered, with the reason's name.
    Blocked(Label),
    /// An error.
    Failed(Failure),
}

/// An error as it was seen.
#[derive(Debug)]
pub struct Failure {
    /// Its class, of low cardinality.
    pub error_type: Label,
    /// Its text.
    pub message: Option<RawText>,
}

/// How the end of a call was seen.
#[derive(Debug, Default)]
pub enum Ending {
    /// Nothing was seen yet.
    #[default]
    Unseen,
    /// An answer came.
    Answered,
    /// A filter, a guardrail or a refusal stopped it.
    Blocked(Label),
    /// The application gave up, with the reason.
    Cancelled(Label),
    /// It failed.
    Failed(Failure),
    /// An answer came that could not be read.
    Unreadable,
}

/// A call as it was seen, with its raw text. The gate makes the record of it.
pub struct CapturedCall {
    /// The record's identity.
    pub record_id: RecordId,
    /// When it began.
    pub time: Timestamp,
    /// The application that it comes from.
    pub service: Option<Label>,
    /// Who acted; hashes absent, made at the gate.
    pub actor: Actor,
    /// The credential in use.
    pub credential: Option<RawText>,
    /// Its place in a trace.
    pub trace: Option<TraceContext>,
    /// What kind of call.
    pub operation: Label,
    /// What was asked of which interface, where the application said; worked out at the gate otherwise.
    pub action: Option<Label>,
    /// Whose model.
    pub provider: Option<Label>,
    /// Where the provider was reached.
    pub server_address: Option<Label>,
    /// The port there.
    pub server_port: Option<u16>,
    /// What was asked for.
    pub request: super::Request,
    /// What came back, content and counts included.
    pub response: ResponseFacts,
    /// From the start to the first piece of a streamed answer, in nanoseconds.
    pub time_to_first_chunk_ns: Option<u64>,
    /// The system prompt.
    pub system_prompt: Option<Content>,
    /// The messages sent.
    pub input: Option<Content>,
    /// The tool definitions.
    pub tools: Option<Content>,
    /// What else the application says of it.
    pub metadata: Option<Content>,
    /// What was found in what was sent, and replaced.
    pub sanitization: Sanitization,
    /// How it ended.
    pub ending: Ending,
    /// From the start to the last exit, in nanoseconds.
    pub duration_ns: Option<u64>,
    /// What the gate has worked out at the start.
    pub(crate) identified: OnceLock<Identified>,
    /// The same of the call that stood in this place before.
    pub(crate) before: Option<Identified>,
}

/// What the gate works out once a call: with which key its tenant's content is hashed, and the hash of its user. It holds
/// as long as tenant and user are what they were; for a later call, also as long as the hasher is the tenant's.
pub(crate) struct Identified {
    pub(crate) tenant: Option<Label>,
    pub(crate) hasher: Arc<ContentHasher>,
    pub(crate) user: Option<(Label, KeyedHash)>,
}

impl fmt::Debug for CapturedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("CapturedCall");
        shown
            .field("record_id", &self.record_id)
            .field("system_prompt", &self.system_prompt);
        shown
            .field("input", &self.input)
            .field("output", &self.response.output)
            .field("tools", &self.tools);
        shown.finish_non_exhaustive()
    }
}

impl CapturedCall {
    /// A call of which nothing but its beginning is known.
    #[must_use]
    pub fn new(record_id: RecordId, time: Timestamp, operation: Label) -> Self {
        Self {
            record_id,
            time,
            service: None,
            actor: Actor::default(),
            credential: None,
            trace: None,
            operation,
            action: None,
            provider: None,
            server_address: None,
            server_port: None,
            request: super::Request::default(),
            response: ResponseFacts::default(),
            time_to_first_chunk_ns: None,
            system_prompt: None,
            input: None,
            tools: None,
            metadata: None,
            sanitization: Sanitization::skipped(),
            ending: Ending::Unseen,
            duration_ns: None,
            identified: OnceLock::new(),
            before: None,
        }
    }

    /// Wipes or drops all that it holds, so that another call can be captured in its place; the room of its contents goes
    /// to `keep`, wiped. Who it is and when it began stay until they are set.
    pub(crate) fn wipe(&mut self, mut keep: impl FnMut(RawText)) {
        // Field by field, so that none is forgotten, and in place.
        let Self {
            record_id: _,
            time: _,
            service,
            actor,
            credential,
            trace,
            operation: _,
            action,
            provider,
            server_address,
            server_port,
            request,
            response,
            time_to_first_chunk_ns,
            system_prompt,
            input,
            tools,
            metadata,
            sanitization,
            ending,
            duration_ns,
            identified,
            before,
        } = self;
        let contents = [system_prompt, input, tools, metadata, &mut response.output];
        for content in contents.into_iter().filter_map(Option::take) {
            let (Content::Json(mut text) | Content::Bytes(mut text)) = content;
            text.wipe();
            keep(text);
        }
        for label in [service, action, provider, server_address] {
            *label = None;
        }
        for count in [time_to_first_chunk_ns, duration_ns] {
            *count = None;
        }
        (*actor, *request) = (Actor::default(), super::Request::default());
        (*credential, *trace, *server_port) = (None, None, None);
        response.forget();
        if sanitization.status != SanitizationStatus::Skipped {
            *sanitization = Sanitization::skipped();
        }
        *ending = Ending::Unseen;
        *before = identified.take();
    }

    /// Takes what an answer says: what is there replaces what was known, what is absent leaves it.
    pub fn take_response(&mut self, facts: ResponseFacts) {
        let known = &mut self.response;
        known.id = facts.id.or(known.id.take());
        known.model = facts.model.or(known.model.take());
        known.service_tier = facts.service_tier.or(known.service_tier.take());
        known.output = facts.output.or(known.output.take());
        if !facts.finish_reasons.is_empty() {
            known.finish_reasons = facts.finish_reasons;
        }
        if !facts.usage.is_empty() {
            (known.usage, known.counted) = (facts.usage, facts.counted);
        }
        if facts.extras != UsageExtras::default() {
            known.extras = facts.extras;
        }
        self.ending = match facts.verdict {
            Verdict::Answered => Ending::Answered,
            Verdict::Blocked(reason) => Ending::Blocked(reason),
            Verdict::Failed(failure) => Ending::Failed(failure),
        };
    }
}

/// Room that a text has at least when it grows.
const SMALLEST_ROOM: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wiped_call_holds_nothing_and_gives_away_the_room_of_its_contents() {
        let id = RecordId::from_parts(1, [1; 10]);
        let mut call = CapturedCall::new(id, Timestamp::from_unix_nanos(1), Label::clip("chat"));
        let text = || Content::canonical("hunter2");
        (call.input, call.response.output, call.tools) = (text(), text(), text());
        call.response.finish_reasons.push(Label::clip("stop"));
        call.actor.user_id = Some(Label::clip("anna"));
        call.ending = Ending::Failed(Failure {
            error_type: Label::clip("timeout"),
            message: Some(RawText::from("hunter2")),
        });
        let mut rooms = Vec::new();
        call.wipe(|room| rooms.push(room));
        assert_eq!(rooms.len(), 3);
        assert!(
            rooms
                .iter()
                .all(|room| room.as_bytes().is_empty() && room.capacity() >= 9)
        );
        assert!(call.input.is_none() && call.response.output.is_none() && call.tools.is_none());
        assert!(call.response.finish_reasons.is_empty() && call.actor == Actor::default());
        assert!(matches!(call.ending, Ending::Unseen));
    }

    #[test]
    fn a_text_that_grows_is_whole() {
        let mut text = RawText::new(Vec::new());
        for number in 0..200_u8 {
            text.extend(&[number; 7]);
        }
        assert_eq!(text.as_bytes().len(), 1400);
        assert!(
            text.as_bytes()
                .chunks(7)
                .zip(0..)
                .all(|(bytes, number)| bytes == [number; 7])
        );
    }
}
