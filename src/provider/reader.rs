//! The one place where providers are told apart: each has an assembly that takes whole answers and stream events.

use super::answer::{Answer, Delivered};
use super::request::RequestFacts;
use super::{Provider, ProviderError, anthropic, openai};
use crate::record::ResponseFacts;

/// Whether a JSON text has a shape that the provider answers in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recognised {
    No,
    Yes,
}

/// An answer of a provider as it is put together.
pub(super) enum Reader {
    Anthropic(anthropic::Assembly),
    OpenAi(Answer),
}

impl Reader {
    pub(super) fn new(provider: Provider) -> Self {
        match provider {
            Provider::Anthropic => Self::Anthropic(anthropic::Assembly::default()),
            Provider::AzureOpenAi | Provider::OpenAi => Self::OpenAi(Answer::default()),
        }
    }

    /// Takes a whole answer, or one event of a streamed one.
    pub(super) fn absorb(&mut self, json: &[u8]) -> Result<Recognised, ProviderError> {
        match self {
            Self::Anthropic(assembly) => assembly.absorb(json),
            Self::OpenAi(answer) => openai::absorb(answer, json),
        }
    }

    pub(super) fn answer(&self) -> &Answer {
        match self {
            Self::Anthropic(assembly) => &assembly.answer,
            Self::OpenAi(answer) => answer,
        }
    }

    pub(super) fn answer_mut(&mut self) -> &mut Answer {
        match self {
            Self::Anthropic(assembly) => &mut assembly.answer,
            Self::OpenAi(answer) => answer,
        }
    }

    pub(super) fn into_facts(self, delivered: Delivered) -> ResponseFacts {
        let answer = match self {
            Self::Anthropic(assembly) => assembly.answer,
            Self::OpenAi(answer) => answer,
        };
        answer.into_facts(delivered)
    }
}

/// Whether a client that hands on decoded events hands on the last one. Clients of chat completions keep the text
/// `[DONE]` to themselves, so their streams end with the last finish reason.
pub(super) fn ends_with_its_choices(provider: Provider) -> bool {
    match provider {
        Provider::Anthropic => false,
        Provider::AzureOpenAi | Provider::OpenAi => true,
    }
}

pub(super) fn request(
    provider: Provider,
    json: &[u8],
) -> Result<Option<RequestFacts>, ProviderError> {
    match provider {
        Provider::Anthropic => anthropic::read_request(json),
        Provider::AzureOpenAi | Provider::OpenAi => openai::read_request(json),
    }
}
