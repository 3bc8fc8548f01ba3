//! The application of the demo: calls of models as programs make them, with real client crates.
//!
//! Which call is made depends on its number alone. Twelve calls in a row show every kind, fifteen also every client, and
//! twenty-three every provider.

mod administration;
mod anthropic;
mod genai_client;
mod openai;
mod plain;
mod policy;

pub(super) use self::administration::Administration;

use self::anthropic::Anthropic;
use self::genai_client::GenAi;
use self::openai::OpenAi;
use self::plain::{Plain, Service};
use super::private_texts::PrivateTexts;
use crate::Auditor;

/// An application with its clients.
pub(super) struct Application {
    audit: Auditor,
    anthropic: Anthropic,
    genai: GenAi,
    openai: OpenAi,
    plain: Plain,
}

/// What happens in a call.
#[derive(Clone, Copy)]
enum Situation {
    BadRequest,
    BlockedByPolicy,
    Cancelled,
    Chat,
    ChatStream,
    Embeddings,
    Filtered,
    GenAi,
    GenAiStream,
    Messages,
    MessagesStream,
    Plain(Service),
    PlainStream(Service),
    RateLimited,
    Responses,
}

impl Application {
    /// An application whose clients talk to a provider at `base_url`, which is `/v1` under `root_url`.
    pub(super) fn new(audit: &Auditor, root_url: &str, base_url: &str) -> anyhow::Result<Self> {
        // The provider is in this process, whatever proxy the environment names.
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self {
            audit: audit.clone(),
            anthropic: Anthropic::new(http.clone(), base_url),
            genai: GenAi::new(http.clone(), base_url)?,
            openai: OpenAi::new(http.clone(), base_url),
            plain: Plain::new(http, root_url),
        })
    }

    /// Makes the call of a number. What is said in it is added to `said`.
    ///
    /// # Errors
    /// Where the call could not be audited, or a client did what it never should. What a provider refuses is no error
    /// here but an outcome of the call.
    pub(super) async fn call(&self, number: usize, said: &mut PrivateTexts) -> anyhow::Result<()> {
        let (situation, model) = ROTATION[number % ROTATION.len()];
        let user = USERS[number % USERS.len()];
        let prompt = format!("{}{}", PROMPTS[number % PROMPTS.len()], situation.marker());
        said.add(&prompt);
        said.add(SYSTEM);
        let answer = match situation {
            Situation::BadRequest
            | Situation::Chat
            | Situation::Filtered
            | Situation::RateLimited => self.openai.chat(user, model, &prompt).await?,
            Situation::BlockedByPolicy => policy::refuse(&self.audit, user, model, &prompt)?,
            Situation::Cancelled => self.openai.give_up(user, model, &prompt).await?,
            Situation::ChatStream => self.openai.chat_stream(user, model, &prompt).await?,
            Situation::Embeddings => self.openai.embed(user, model, &prompt).await?,
            Situation::GenAi => self.genai.chat(model, &prompt).await?,
            Situation::GenAiStream => self.genai.chat_stream(model, &prompt).await?,
            Situation::Messages => self.anthropic.messages(user, model, &prompt).await?,
            Situation::MessagesStream => {
                self.anthropic.messages_stream(user, model, &prompt).await?
            }
            Situation::Plain(service) => self.plain.whole(service, user, model, &prompt).await?,
            Situation::PlainStream(service) => {
                self.plain.streamed(service, user, model, &prompt).await?
            }
            Situation::Responses => self.openai.respond(user, model, &prompt).await?,
        };
        said.add(&answer);
        Ok(())
    }
}

impl Situation {
    /// What makes the provider emulator behave so.
    fn marker(self) -> &'static str {
        match self {
            Self::BadRequest => " [[error:400]]",
            Self::Cancelled => " [[slow]]",
            Self::Filtered => " [[filter]]",
            Self::RateLimited => " [[error:429]]",
            _ => "",
        }
    }
}

const ROTATION: [(Situation, &str); 23] = [
    (Situation::Chat, "gpt-4o"),
    (Situation::Messages, "claude-sonnet-4-5"),
    (Situation::GenAi, "gpt-4.1-mini"),
    (Situation::ChatStream, "gpt-4o-mini"),
    (Situation::BadRequest, "gpt-4o"),
    (Situation::Responses, "gpt-5-mini"),
    (Situation::MessagesStream, "claude-haiku-4-5"),
    (Situation::Filtered, "gpt-4o"),
    (Situation::Embeddings, "text-embedding-3-small"),
    (Situation::Cancelled, "gpt-4o-mini"),
    (Situation::BlockedByPolicy, "gpt-5"),
    (Situation::RateLimited, "gpt-4.1"),
    (Situation::GenAiStream, "claude-haiku-4-5"),
    (Situation::GenAi, "claude-sonnet-4-5"),
    (Situation::GenAiStream, "gpt-4o-mini"),
    (Situation::Plain(Service::Gemini), "gemini-2.5-flash"),
    (
        Situation::PlainStream(Service::Bedrock),
        "amazon.nova-lite-v1:0",
    ),
    (Situation::Plain(Service::Cohere), "command-a-03-2025"),
    (Situation::PlainStream(Service::Ollama), "llama3.2"),
    (Situation::PlainStream(Service::Gemini), "gemini-2.5-pro"),
    (
        Situation::Plain(Service::Bedrock),
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
    (Situation::PlainStream(Service::Cohere), "command-a-03-2025"),
    (Situation::Plain(Service::Ollama), "llama3.2"),
];
/// Their number shares no factor with that of the rotation, so that everybody gets into every situation.
const USERS: [&str; 4] = ["anna", "ben", "chen", "dora"];
const PROMPTS: [&str; 7] = [
    "Summarise the hospital letter of Mrs Okafor, born 3 March 1961.",
    "Write a friendly reminder to Tomasz Zieliński about invoice 2024-118.",
    "Which of these two contracts with Blue Heron Ltd ends first?",
    "Explain to a new colleague why the Lisbon audit was postponed.",
    "Draft an answer to the complaint of the passenger in seat 14C.",
    "Translate the note of the night shift about ward 7 into English.",
    "List what is still missing in the visa file of Amara Diallo.",
];
/// What the models are told before the conversation.
const SYSTEM: &str = "You help the back office of a small insurer. Answer in one paragraph.";
