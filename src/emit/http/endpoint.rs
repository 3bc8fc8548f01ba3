//! Which requests are calls of models: by host and path.
//!
//! `calls.md` is the table for readers, and a test holds the two together. On a host that is not in it whose model answers
//! is not known unless it is [said](super::AuditHttp::base_url).

use http::{Method, Uri};

use super::interfaces::{COMPATIBLE, Form, HOSTS, Interface};
use crate::provider::Provider;
use crate::record::{Delivery, Label};

/// A call as its method and address show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// `gen_ai.provider.name`.
    pub(super) provider: Label,
    pub(super) operation: &'static str,
    /// Who reads requests and answers; `None` where nobody can, so that the record holds what the address says and the
    /// outcome by the code of the answer.
    pub(super) reader: Option<Provider>,
    /// The model, where the address names it.
    pub(super) model: Option<Label>,
    /// How the answer comes, as far as the address tells.
    pub(super) delivery: Delivery,
}

/// A host or base address that an application names: below it is this provider's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base {
    host: String,
    port: Option<u16>,
    path: String,
    provider: Label,
}

/// A base address that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BaseUrlError {
    /// It is no absolute http or https address.
    #[error("{url:?} is no absolute http or https address")]
    NotAbsolute {
        /// What was given.
        url: String,
    },
}

impl Base {
    pub(super) fn new(url: &str, provider: &str) -> Result<Self, BaseUrlError> {
        let refuse = || BaseUrlError::NotAbsolute { url: url.into() };
        let uri: Uri = url.parse().map_err(|_| refuse())?;
        let host = uri.host().ok_or_else(refuse)?.to_ascii_lowercase();
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(refuse());
        }
        Ok(Self {
            host,
            port: port_of(&uri),
            path: uri.path().trim_end_matches('/').to_owned(),
            provider: Label::clip(crate::semconv::dialect::provider_name(provider)),
        })
    }

    fn covers(&self, host: &str, uri: &Uri) -> bool {
        let below = uri.path().strip_prefix(self.path.as_str());
        let below = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.host == host && self.port == port_of(uri) && below
    }
}

impl Endpoint {
    /// The call that this request is, if it is one.
    pub(super) fn of(method: &Method, uri: &Uri, bases: &[Base]) -> Option<Self> {
        if method != Method::POST {
            return None;
        }
        let host = uri.host()?.to_ascii_lowercase();
        let path = uri.path().trim_end_matches('/');
        if let Some(base) = bases.iter().find(|base| base.covers(&host, uri)) {
            let interfaces = HOSTS
                .iter()
                .find(|row| row.provider == base.provider.as_str());
            let interfaces = interfaces.map_or(COMPATIBLE, |row| row.interfaces);
            return Self::at(path, base.provider.clone(), interfaces);
        }
        let port = port_of(uri);
        let known = HOSTS.iter().find(|row| {
            let mut patterns = row.hosts.iter();
            patterns.any(|pattern| matches(pattern, &host))
                || (row.port.is_some() && row.port == port)
        });
        match known {
            Some(row) => Self::at(path, Label::clip(row.provider), row.interfaces),
            None => Self::compatible(path),
        }
    }

    /// What it is at a path of a provider's.
    fn at(path: &str, provider: Label, interfaces: &[Interface]) -> Option<Self> {
        let (found, model) = interfaces
            .iter()
            .find_map(|interface| Some((interface, interface.model_in(path)?)))?;
        let reader = found.form.reader(provider.as_str());
        Some(Self {
            provider,
            operation: found.operation,
            reader,
            model: model.as_deref().map(Label::clip),
            delivery: found.delivery,
        })
    }

    fn compatible(path: &str) -> Option<Self> {
        let interface = |interface: &&Interface| {
            let above = path.strip_suffix(interface.path);
            above.is_some_and(|above| above.ends_with("/v1"))
        };
        let provider = match COMPATIBLE.iter().find(interface)?.form {
            Form::Anthropic => "anthropic_compatible",
            Form::Read | Form::Unread => "openai_compatible",
        };
        Self::at(path, Label::clip(provider), COMPATIBLE)
    }
}

/// The port of an address, its scheme's where it names none.
pub(super) fn port_of(uri: &Uri) -> Option<u16> {
    uri.port_u16().or(match uri.scheme_str() {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    })
}

/// Whether a host is of a pattern, in which each `*` stands for anything.
fn matches(pattern: &str, host: &str) -> bool {
    let Some((before, behind)) = pattern.split_once('*') else {
        return pattern == host;
    };
    let rest = host.strip_prefix(before);
    let mut tails = rest
        .into_iter()
        .flat_map(|rest| rest.char_indices().map(|(at, _)| &rest[at..]));
    tails.any(|tail| matches(behind, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> Option<Endpoint> {
        Endpoint::of(&Method::POST, &url.parse().unwrap(), &[])
    }

    fn said(url: &str) -> String {
        let Some(found) = at(url) else {
            return "no call".into();
        };
        let model = found.model.as_ref().map_or("-", Label::as_str);
        let delivery = match found.delivery {
            Delivery::Stream => "stream",
            Delivery::Whole => "whole",
        };
        format!(
            "{} {} {model} {delivery}",
            found.provider.as_str(),
            found.operation
        )
    }

    #[test]
    fn calls_are_recognised_by_host_and_path() {
        let table = [
            (
                "https://api.openai.com/v1/chat/completions",
                "openai chat - whole",
            ),
            (
                "https://eu.api.openai.com/v1/responses",
                "openai chat - whole",
            ),
            (
                "https://api.openai.com/v1/embeddings",
                "openai embeddings - whole",
            ),
            ("https://api.openai.com/v1/files", "no call"),
            (
                "https://api.openai.com/v1/responses/resp_1/cancel",
                "no call",
            ),
            (
                "https://acme.openai.azure.com/openai/deployments/gpt4-prod/chat/completions?api-version=2024-10-21",
                "azure.ai.openai chat gpt4-prod whole",
            ),
            (
                "https://acme.openai.azure.com/openai/v1/responses",
                "azure.ai.openai chat - whole",
            ),
            (
                "https://api.anthropic.com/v1/messages",
                "anthropic chat - whole",
            ),
            (
                "https://api.anthropic.com/v1/messages/count_tokens",
                "no call",
            ),
            (
                "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse&key=k",
                "gcp.gemini generate_content gemini-2.5-pro stream",
            ),
            (
                "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict",
                "gcp.vertex_ai chat claude-sonnet-4-5@20250929 whole",
            ),
            (
                "https://bedrock-runtime.eu-west-1.amazonaws.com/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream",
                "aws.bedrock chat eu.anthropic.claude-sonnet-4-5-20250929-v1:0 stream",
            ),
            (
                "https://api.mistral.ai/v1/chat/completions",
                "mistral_ai chat - whole",
            ),
            ("https://api.cohere.com/v2/chat", "cohere chat - whole"),
            (
                "https://api.deepseek.com/chat/completions",
                "deepseek chat - whole",
            ),
            ("https://api.x.ai/v1/chat/completions", "x_ai chat - whole"),
            (
                "https://api.groq.com/openai/v1/chat/completions",
                "groq chat - whole",
            ),
            (
                "https://api.perplexity.ai/chat/completions",
                "perplexity chat - whole",
            ),
            (
                "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions",
                "dashscope chat - whole",
            ),
            ("http://localhost:11434/api/chat", "ollama chat - whole"),
            (
                "http://gpu-7:11434/v1/chat/completions",
                "ollama chat - whole",
            ),
            (
                "http://llm.internal:8000/v1/chat/completions",
                "openai_compatible chat - whole",
            ),
            (
                "http://llm.internal/gateway/v1/messages",
                "anthropic_compatible chat - whole",
            ),
            ("https://example.org/chat/completions", "no call"),
            ("https://example.org/v1/users", "no call"),
            ("https://api.openai.com.evil.example/v1/files", "no call"),
        ];
        for (url, expected) in table {
            assert_eq!(said(url), expected, "{url}");
        }
        let get = Endpoint::of(
            &Method::GET,
            &"https://api.openai.com/v1/chat/completions"
                .parse()
                .unwrap(),
            &[],
        );
        assert_eq!(get, None, "stored completions are listed so");
    }

    #[test]
    fn the_table_for_readers_is_the_table() {
        let text = include_str!("calls.md");
        for row in HOSTS {
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("| `{}` ", row.provider)));
            let line = line.unwrap_or_else(|| panic!("{} is missing", row.provider));
            let shown =
                |host: &&&str| line.contains(&format!("`{host}`")) || row.provider == "aws.bedrock";
            assert!(row.hosts.iter().all(|host| shown(&host)), "{line}");
        }
        let listed = text.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(
            listed,
            1 + HOSTS.len() + 2,
            "the head and what is compatible"
        );
    }

    #[test]
    fn what_speaks_in_the_form_of_another_is_read_so() {
        let reader = |url| at(url).unwrap().reader;
        let table = [
            ("https://api.openai.com/v1/responses", Provider::OpenAi),
            (
                "https://a.openai.azure.com/openai/deployments/d/embeddings",
                Provider::AzureOpenAi,
            ),
            (
                "http://localhost:11434/v1/chat/completions",
                Provider::Ollama,
            ),
            ("http://localhost:11434/v1/messages", Provider::Anthropic),
            (
                "https://api.deepseek.com/anthropic/v1/messages",
                Provider::Anthropic,
            ),
            (
                "http://llm.internal/v1/chat/completions",
                Provider::OpenAiCompatible("openai_compatible"),
            ),
            (
                "https://aiplatform.googleapis.com/v1/publishers/anthropic/models/claude-opus-4-1:streamRawPredict",
                Provider::Anthropic,
            ),
            (
                "https://bedrock-runtime.eu-west-1.amazonaws.com/model/m/invoke",
                Provider::AwsBedrock,
            ),
        ];
        for (url, expected) in table {
            assert_eq!(reader(url), Some(expected), "{url}");
        }
        assert_eq!(reader("https://api.openai.com/v1/audio/speech"), None);
    }

    #[test]
    fn a_base_address_says_whose_the_calls_below_it_are() {
        let base = |url, provider| Base::new(url, provider).unwrap();
        let bases = [
            base("http://gateway:8080/openai/", "openai"),
            base("https://bedrock.internal", "aws.bedrock"),
            base("https://models.internal/team", "Acme"),
        ];
        let said = |url: &str| {
            let found = Endpoint::of(&Method::POST, &url.parse().unwrap(), &bases)?;
            Some((found.provider.as_str().to_owned(), found.operation))
        };
        let call = |provider: &str, operation| Some((provider.to_owned(), operation));
        assert_eq!(
            said("http://gateway:8080/openai/chat/completions"),
            call("openai", "chat")
        );
        assert_eq!(said("http://gateway:8080/openai2/chat/completions"), None);
        assert_eq!(
            said("http://gateway:8080/openai/v1/audio/speech"),
            call("openai", "audio_generation")
        );
        assert_eq!(
            said("https://bedrock.internal:443/model/m/converse"),
            call("aws.bedrock", "chat")
        );
        assert_eq!(
            said("https://models.internal/team/chat/completions"),
            call("Acme", "chat")
        );
        assert!(matches!(
            Base::new("gateway/openai", "openai"),
            Err(BaseUrlError::NotAbsolute { .. })
        ));
        assert!(Base::new("ftp://gateway", "openai").is_err());
    }
}
