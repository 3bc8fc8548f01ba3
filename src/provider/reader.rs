//! Which forms a provider answers in, and the answer that is put together of them.
//!
//! A form is tried after another until one knows what it is given, and then holds for the rest of the stream.

use super::answer::{Answer, Delivered};
use super::request::RequestFacts;
use super::wire::Source;
use super::{Provider, ProviderError};
use super::{anthropic, bedrock, cohere, dashscope, gemini, ollama, openai, usage};
use crate::record::ResponseFacts;

/// Whether a JSON text has a shape that the provider answers in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recognised {
    No,
    Yes,
}

/// A form of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Anthropic,
    Bedrock,
    Cohere,
    DashScope,
    Gemini,
    Ollama,
    OpenAi,
}

/// An answer of a provider as it is put together.
pub(super) struct Reader {
    provider: Provider,
    settled: Option<Form>,
    answer: Answer,
    /// What Anthropic's events said of counts so far.
    counted: usage::anthropic::UsageBody,
}

/// The name of an event that has none.
pub(super) const UNNAMED: &str = "message";

impl Reader {
    pub(super) fn new(provider: Provider) -> Self {
        Self {
            provider,
            settled: None,
            answer: Answer::default(),
            counted: usage::anthropic::UsageBody::default(),
        }
    }

    /// Takes a whole answer, or one event of a streamed one under its name.
    pub(super) fn absorb(&mut self, name: &str, json: &[u8]) -> Result<Recognised, ProviderError> {
        if self.provider == Provider::AwsBedrock
            && let Some(event) = bedrock::unwrapped(json)?
        {
            return self.absorb_form(name_inside(name), event.as_slice());
        }
        self.absorb_form(name, json)
    }

    fn absorb_form(&mut self, name: &str, json: &[u8]) -> Result<Recognised, ProviderError> {
        for form in forms(self.provider).iter().copied() {
            if self.settled.is_some_and(|settled| settled != form) {
                continue;
            }
            if self.absorb_as(form, name, json)? == Recognised::Yes {
                self.settled = Some(form);
                self.answer.end_event();
                return Ok(Recognised::Yes);
            }
        }
        Ok(Recognised::No)
    }

    fn absorb_as(
        &mut self,
        form: Form,
        name: &str,
        json: &[u8],
    ) -> Result<Recognised, ProviderError> {
        let answer = &mut self.answer;
        match form {
            Form::Anthropic => anthropic::absorb(answer, &mut self.counted, json),
            Form::Bedrock => bedrock::absorb(answer, name, json),
            Form::Cohere => cohere::absorb(answer, json),
            Form::DashScope => dashscope::absorb(answer, json),
            Form::Gemini => gemini::absorb(answer, json),
            Form::Ollama => ollama::absorb(answer, json),
            Form::OpenAi => openai::absorb(answer, json),
        }
    }

    pub(super) fn answer(&self) -> &Answer {
        &self.answer
    }

    pub(super) fn answer_mut(&mut self) -> &mut Answer {
        &mut self.answer
    }

    /// Whether the event has come after which nothing more is said.
    ///
    /// Some forms have no such event: their streams end with the last finish reason. Chat completions end with the text
    /// `[DONE]`, which clients that decode events keep to themselves, and some servers leave out.
    pub(super) fn has_ended(&self, source: Source) -> bool {
        let by_choices = match self.settled {
            Some(Form::Bedrock | Form::DashScope | Form::Gemini) => true,
            Some(Form::OpenAi) => source == Source::Events || says_no_done(self.provider),
            Some(Form::Anthropic | Form::Cohere | Form::Ollama) | None => false,
        };
        self.answer.ended || (by_choices && self.answer.all_finished())
    }

    pub(super) fn into_facts(self, delivered: Delivered) -> ResponseFacts {
        self.answer.into_facts(delivered)
    }
}

/// What a request to the provider says.
pub(super) fn request(
    provider: Provider,
    json: &[u8],
) -> Result<Option<RequestFacts>, ProviderError> {
    for form in forms(provider) {
        let said = match form {
            Form::Anthropic => anthropic::read_request(json),
            Form::Bedrock => bedrock::read_request(json),
            Form::Cohere => cohere::read_request(json),
            Form::DashScope => dashscope::read_request(json),
            Form::Gemini => gemini::read_request(json),
            Form::Ollama => ollama::read_request(json),
            Form::OpenAi => openai::read_request(json),
        };
        if let Some(facts) = said? {
            return Ok(Some(facts));
        }
    }
    Ok(None)
}

/// The forms that a provider answers in, its own first.
fn forms(provider: Provider) -> &'static [Form] {
    match provider {
        Provider::Anthropic => &[Form::Anthropic, Form::OpenAi],
        Provider::AwsBedrock => &[Form::Bedrock, Form::Anthropic, Form::OpenAi],
        Provider::AzureInference | Provider::OpenAiCompatible(_) => {
            &[Form::OpenAi, Form::Anthropic]
        }
        Provider::Cohere => &[Form::Cohere, Form::OpenAi],
        Provider::DashScope => &[Form::DashScope, Form::OpenAi],
        Provider::GcpGemini => &[Form::Gemini, Form::OpenAi],
        Provider::GcpVertexAi => &[Form::Gemini, Form::Anthropic, Form::OpenAi],
        Provider::Ollama => &[Form::Ollama, Form::OpenAi],
        Provider::AzureOpenAi
        | Provider::DeepSeek
        | Provider::Groq
        | Provider::MistralAi
        | Provider::MoonshotAi
        | Provider::OpenAi
        | Provider::Perplexity
        | Provider::XAi => &[Form::OpenAi],
    }
}

/// Whether the provider ends streams of chat completions without `[DONE]`.
fn says_no_done(provider: Provider) -> bool {
    provider == Provider::Perplexity
}

/// What is in a chunk has the name inside.
fn name_inside(name: &str) -> &str {
    if name == "chunk" { UNNAMED } else { name }
}
