//! The interfaces of providers: hosts, paths, and the form that each speaks.
//!
//! They are those of the providers' API references, read in November 2026.

use crate::emit::percent;
use crate::provider::Provider;
use crate::record::Delivery;

/// In what form an interface speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Anthropic's, whoever serves it.
    Anthropic,
    /// One of those in which the provider is read: its own, or OpenAI's.
    Read,
    /// One that nobody reads: pictures, sound.
    Unread,
}

impl Form {
    pub(super) fn reader(self, provider: &str) -> Option<Provider> {
        let own = Provider::from_name(provider);
        match self {
            Self::Anthropic => Some(Provider::Anthropic),
            Self::Read => Some(own.unwrap_or(Provider::OpenAiCompatible("openai_compatible"))),
            Self::Unread => None,
        }
    }
}

/// One interface of a provider.
#[derive(Debug)]
pub(super) struct Interface {
    /// How its path ends. `{model}` stands for one segment, up to a following `:` where the pattern has one.
    pub(super) path: &'static str,
    pub(super) operation: &'static str,
    pub(super) form: Form,
    pub(super) delivery: Delivery,
}

impl Interface {
    /// Whether a path ends as this interface's does: the model that it names, if it names one.
    pub(super) fn model_in(&self, path: &str) -> Option<Option<String>> {
        let Some((before, behind)) = self.path.split_once("{model}") else {
            return path.ends_with(self.path).then_some(None);
        };
        let rest = path.strip_suffix(behind)?;
        let (ahead, model) = rest.rsplit_once('/')?;
        let fits = path[..=ahead.len()].ends_with(before) && !model.is_empty();
        fits.then(|| Some(percent::decoded(model.as_bytes())))
    }
}

/// The hosts of a provider and its interfaces.
pub(super) struct Host {
    pub(super) provider: &'static str,
    pub(super) hosts: &'static [&'static str],
    /// The port by which it is known on any host.
    pub(super) port: Option<u16>,
    pub(super) interfaces: &'static [Interface],
}

const fn host(
    provider: &'static str,
    hosts: &'static [&'static str],
    interfaces: &'static [Interface],
) -> Host {
    Host {
        provider,
        hosts,
        port: None,
        interfaces,
    }
}

const fn whole(path: &'static str, operation: &'static str, form: Form) -> Interface {
    Interface {
        path,
        operation,
        form,
        delivery: Delivery::Whole,
    }
}

const fn stream(path: &'static str, operation: &'static str, form: Form) -> Interface {
    Interface {
        path,
        operation,
        form,
        delivery: Delivery::Stream,
    }
}

const ANTHROPIC: &[Interface] = &[
    whole("/messages", "chat", Form::Anthropic),
    whole("/complete", "text_completion", Form::Unread),
    whole("/chat/completions", "chat", Form::Read),
];

/// OpenAI's interfaces, as others serve them too.
pub(super) const COMPATIBLE: &[Interface] = &[
    whole("/chat/completions", "chat", Form::Read),
    whole("/completions", "text_completion", Form::Read),
    whole("/responses", "chat", Form::Read),
    whole("/embeddings", "embeddings", Form::Read),
    whole("/messages", "chat", Form::Anthropic),
];

const OPENAI: &[Interface] = &[
    whole("/chat/completions", "chat", Form::Read),
    whole("/completions", "text_completion", Form::Read),
    whole("/responses", "chat", Form::Read),
    whole("/embeddings", "embeddings", Form::Read),
    whole("/images/generations", "image_generation", Form::Unread),
    whole("/images/edits", "image_generation", Form::Unread),
    whole("/images/variations", "image_generation", Form::Unread),
    whole("/audio/speech", "audio_generation", Form::Unread),
    whole("/audio/transcriptions", "transcription", Form::Unread),
    whole("/audio/translations", "transcription", Form::Unread),
];

/// As [`OPENAI`], with the deployment in the path, whose name stands for the model.
const AZURE: &[Interface] = &[
    whole("/deployments/{model}/chat/completions", "chat", Form::Read),
    whole(
        "/deployments/{model}/completions",
        "text_completion",
        Form::Read,
    ),
    whole("/deployments/{model}/embeddings", "embeddings", Form::Read),
    whole(
        "/deployments/{model}/images/generations",
        "image_generation",
        Form::Unread,
    ),
    whole(
        "/deployments/{model}/audio/speech",
        "audio_generation",
        Form::Unread,
    ),
    whole(
        "/deployments/{model}/audio/transcriptions",
        "transcription",
        Form::Unread,
    ),
    whole(
        "/deployments/{model}/audio/translations",
        "transcription",
        Form::Unread,
    ),
    whole("/chat/completions", "chat", Form::Read),
    whole("/responses", "chat", Form::Read),
    whole("/embeddings", "embeddings", Form::Read),
    whole("/messages", "chat", Form::Anthropic),
];

const GEMINI: &[Interface] = &[
    whole(
        "/models/{model}:generateContent",
        "generate_content",
        Form::Read,
    ),
    stream(
        "/models/{model}:streamGenerateContent",
        "generate_content",
        Form::Read,
    ),
    whole("/models/{model}:embedContent", "embeddings", Form::Read),
    whole(
        "/models/{model}:batchEmbedContents",
        "embeddings",
        Form::Read,
    ),
    whole("/openai/chat/completions", "chat", Form::Read),
    whole("/openai/embeddings", "embeddings", Form::Read),
];

const VERTEX: &[Interface] = &[
    whole(
        "/models/{model}:generateContent",
        "generate_content",
        Form::Read,
    ),
    stream(
        "/models/{model}:streamGenerateContent",
        "generate_content",
        Form::Read,
    ),
    whole(
        "/endpoints/{model}:generateContent",
        "generate_content",
        Form::Read,
    ),
    stream(
        "/endpoints/{model}:streamGenerateContent",
        "generate_content",
        Form::Read,
    ),
    whole(
        "/publishers/anthropic/models/{model}:rawPredict",
        "chat",
        Form::Anthropic,
    ),
    stream(
        "/publishers/anthropic/models/{model}:streamRawPredict",
        "chat",
        Form::Anthropic,
    ),
    whole("/models/{model}:rawPredict", "generate_content", Form::Read),
    stream(
        "/models/{model}:streamRawPredict",
        "generate_content",
        Form::Read,
    ),
    whole("/models/{model}:predict", "generate_content", Form::Read),
    whole("/chat/completions", "chat", Form::Read),
];

const BEDROCK: &[Interface] = &[
    whole("/model/{model}/converse", "chat", Form::Read),
    stream("/model/{model}/converse-stream", "chat", Form::Read),
    whole("/model/{model}/invoke", "chat", Form::Read),
    stream(
        "/model/{model}/invoke-with-response-stream",
        "chat",
        Form::Read,
    ),
    whole("/openai/v1/chat/completions", "chat", Form::Read),
];

const COHERE: &[Interface] = &[
    whole("/v2/chat", "chat", Form::Read),
    whole("/v1/chat", "chat", Form::Read),
    whole("/v1/generate", "text_completion", Form::Read),
    whole("/v2/embed", "embeddings", Form::Read),
    whole("/v1/embed", "embeddings", Form::Read),
    whole("/v2/rerank", "rerank", Form::Read),
    whole("/v1/rerank", "rerank", Form::Read),
    whole("/compatibility/v1/chat/completions", "chat", Form::Read),
    whole("/compatibility/v1/embeddings", "embeddings", Form::Read),
];

const MISTRAL: &[Interface] = &[
    whole("/chat/completions", "chat", Form::Read),
    whole("/fim/completions", "text_completion", Form::Read),
    whole("/agents/completions", "chat", Form::Read),
    whole("/embeddings", "embeddings", Form::Read),
];

const DASHSCOPE: &[Interface] = &[
    whole("/compatible-mode/v1/chat/completions", "chat", Form::Read),
    whole("/compatible-mode/v1/responses", "chat", Form::Read),
    whole("/compatible-mode/v1/embeddings", "embeddings", Form::Read),
    whole("/aigc/text-generation/generation", "chat", Form::Read),
    whole("/aigc/multimodal-generation/generation", "chat", Form::Read),
    whole(
        "/embeddings/text-embedding/text-embedding",
        "embeddings",
        Form::Read,
    ),
];

const OLLAMA: &[Interface] = &[
    whole("/api/chat", "chat", Form::Read),
    whole("/api/generate", "text_completion", Form::Read),
    whole("/api/embed", "embeddings", Form::Read),
    whole("/api/embeddings", "embeddings", Form::Read),
    whole("/v1/chat/completions", "chat", Form::Read),
    whole("/v1/completions", "text_completion", Form::Read),
    whole("/v1/responses", "chat", Form::Read),
    whole("/v1/embeddings", "embeddings", Form::Read),
    whole("/v1/messages", "chat", Form::Anthropic),
];

pub(super) const HOSTS: &[Host] = &[
    host("openai", &["api.openai.com", "*.api.openai.com"], OPENAI),
    host(
        "azure.ai.openai",
        &[
            "*.openai.azure.com",
            "*.cognitiveservices.azure.com",
            "*.openai.azure.us",
        ],
        AZURE,
    ),
    host(
        "azure.ai.inference",
        &["*.services.ai.azure.com", "*.models.ai.azure.com"],
        AZURE,
    ),
    host("anthropic", &["api.anthropic.com"], ANTHROPIC),
    host("gcp.gemini", &["generativelanguage.googleapis.com"], GEMINI),
    host(
        "gcp.vertex_ai",
        &[
            "*-aiplatform.googleapis.com",
            "aiplatform.googleapis.com",
            "aiplatform.*.rep.googleapis.com",
        ],
        VERTEX,
    ),
    host(
        "aws.bedrock",
        &[
            "bedrock-runtime.*.amazonaws.com",
            "bedrock-runtime-fips.*.amazonaws.com",
            "bedrock-runtime.*.amazonaws.com.cn",
            "*.bedrock-runtime.*.vpce.amazonaws.com",
            "bedrock-runtime.*.api.aws",
        ],
        BEDROCK,
    ),
    host(
        "mistral_ai",
        &["api.mistral.ai", "codestral.mistral.ai"],
        MISTRAL,
    ),
    host("cohere", &["api.cohere.com", "api.cohere.ai"], COHERE),
    host("deepseek", &["api.deepseek.com"], COMPATIBLE),
    host("x_ai", &["api.x.ai", "*.api.x.ai"], COMPATIBLE),
    host("groq", &["api.groq.com"], COMPATIBLE),
    host("perplexity", &["api.perplexity.ai"], COMPATIBLE),
    host(
        "moonshot_ai",
        &["api.moonshot.ai", "api.moonshot.cn"],
        COMPATIBLE,
    ),
    host("dashscope", &["dashscope*.aliyuncs.com"], DASHSCOPE),
    Host {
        provider: "ollama",
        hosts: &[],
        port: Some(11434),
        interfaces: OLLAMA,
    },
];
