//! Providers and their names.

/// A provider whose requests and answers can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Provider {
    /// Anthropic.
    Anthropic,
    /// Amazon Bedrock: the Converse API, and models of Anthropic by `InvokeModel`.
    AwsBedrock,
    /// Models of any maker at Azure, by its inference API.
    AzureInference,
    /// OpenAI's models at Azure.
    AzureOpenAi,
    /// Cohere.
    Cohere,
    /// Alibaba Cloud Model Studio, by its own API or the one that is compatible with OpenAI's.
    DashScope,
    /// DeepSeek.
    DeepSeek,
    /// Google's Gemini API (`generativelanguage.googleapis.com`).
    GcpGemini,
    /// Google's Vertex AI (`aiplatform.googleapis.com`): Gemini, and models of Anthropic.
    GcpVertexAi,
    /// Groq.
    Groq,
    /// Mistral AI.
    MistralAi,
    /// Moonshot AI.
    MoonshotAi,
    /// Ollama.
    Ollama,
    /// OpenAI.
    OpenAi,
    /// Any other server or gateway that speaks the formats of OpenAI, or Anthropic's; the text is its
    /// `gen_ai.provider.name`.
    OpenAiCompatible(&'static str),
    /// Perplexity.
    Perplexity,
    /// xAI.
    XAi,
}

impl Provider {
    /// The provider of a name: its `gen_ai.provider.name`, or one by which other libraries know it (`azure`, `bedrock`,
    /// `gemini`, `vertex_ai`, `xai`, …).
    ///
    /// ```
    /// use llm_audit::Provider;
    /// assert_eq!(Provider::from_name("aws.bedrock"), Some(Provider::AwsBedrock));
    /// assert_eq!(Provider::from_name("vertex_ai"), Some(Provider::GcpVertexAi));
    /// assert_eq!(Provider::from_name("my-gateway"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let known = KNOWN.iter().find(|known| known.as_str() == name);
        let alias = || ALIASES.iter().find(|(alias, _)| *alias == name);
        known
            .or_else(|| alias().map(|(_, provider)| provider))
            .copied()
    }

    /// Its `gen_ai.provider.name`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::AwsBedrock => "aws.bedrock",
            Self::AzureInference => "azure.ai.inference",
            Self::AzureOpenAi => "azure.ai.openai",
            Self::Cohere => "cohere",
            Self::DashScope => "dashscope",
            Self::DeepSeek => "deepseek",
            Self::GcpGemini => "gcp.gemini",
            Self::GcpVertexAi => "gcp.vertex_ai",
            Self::Groq => "groq",
            Self::MistralAi => "mistral_ai",
            Self::MoonshotAi => "moonshot_ai",
            Self::Ollama => "ollama",
            Self::OpenAi => "openai",
            Self::OpenAiCompatible(name) => name,
            Self::Perplexity => "perplexity",
            Self::XAi => "x_ai",
        }
    }
}

/// Those with a name of their own.
pub(super) const KNOWN: &[Provider] = &[
    Provider::Anthropic,
    Provider::AwsBedrock,
    Provider::AzureInference,
    Provider::AzureOpenAi,
    Provider::Cohere,
    Provider::DashScope,
    Provider::DeepSeek,
    Provider::GcpGemini,
    Provider::GcpVertexAi,
    Provider::Groq,
    Provider::MistralAi,
    Provider::MoonshotAi,
    Provider::Ollama,
    Provider::OpenAi,
    Provider::Perplexity,
    Provider::XAi,
];

/// Older names of the conventions, and those of LiteLLM, of SDKs and of other instrumentations.
const ALIASES: &[(&str, Provider)] = &[
    ("alibaba", Provider::DashScope),
    ("amazon_bedrock", Provider::AwsBedrock),
    ("aws_bedrock", Provider::AwsBedrock),
    ("az.ai.inference", Provider::AzureInference),
    ("az.ai.openai", Provider::AzureOpenAi),
    ("azure", Provider::AzureOpenAi),
    ("azure_ai", Provider::AzureInference),
    ("azure_openai", Provider::AzureOpenAi),
    ("bedrock", Provider::AwsBedrock),
    ("bedrock_converse", Provider::AwsBedrock),
    ("cohere_chat", Provider::Cohere),
    ("gcp.gen_ai", Provider::GcpGemini),
    ("gemini", Provider::GcpGemini),
    ("google", Provider::GcpGemini),
    ("google_genai", Provider::GcpGemini),
    ("mistral", Provider::MistralAi),
    ("mistralai", Provider::MistralAi),
    ("moonshot", Provider::MoonshotAi),
    ("ollama_chat", Provider::Ollama),
    ("qwen", Provider::DashScope),
    ("vertex_ai", Provider::GcpVertexAi),
    ("vertexai", Provider::GcpVertexAi),
    ("xai", Provider::XAi),
];
