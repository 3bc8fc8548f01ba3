//! Names of providers: many say one. A table and a question about it may use any of them.

/// The name that `gen_ai.provider.name` has for a provider, or the name itself where no other is known.
pub(super) fn canonical(name: &str) -> &str {
    let known = ALIASES.iter().find(|(alias, _)| name == *alias);
    match known {
        Some((_, canonical)) => canonical,
        // Price maps split Vertex AI by families of models (`vertex_ai-anthropic_models`).
        None if name.starts_with("vertex_ai-") => VERTEX,
        None => name,
    }
}

const VERTEX: &str = "gcp.vertex_ai";

/// Names as price maps, SDKs and older conventions have them, with the names of the OpenTelemetry GenAI conventions.
const ALIASES: [(&str, &str); 32] = [
    ("aws_bedrock", "aws.bedrock"),
    ("az.ai.inference", "azure.ai.inference"),
    ("az.ai.openai", "azure.ai.openai"),
    ("azure", "azure.ai.openai"),
    ("azure_ai", "azure.ai.inference"),
    ("azure_openai", "azure.ai.openai"),
    ("azure_text", "azure.ai.openai"),
    ("bedrock", "aws.bedrock"),
    ("bedrock_converse", "aws.bedrock"),
    ("bedrock_mantle", "aws.bedrock"),
    ("cohere_chat", "cohere"),
    ("fireworks", "fireworks_ai"),
    ("fireworks_ai-embedding-models", "fireworks_ai"),
    ("gcp.gen_ai", "gcp.gemini"),
    ("gemini", "gcp.gemini"),
    ("google", "gcp.gemini"),
    ("google_genai", "gcp.gemini"),
    ("google_vertexai", VERTEX),
    ("grok", "x_ai"),
    ("mistral", "mistral_ai"),
    ("mistralai", "mistral_ai"),
    ("moonshot", "moonshot_ai"),
    ("moonshotai", "moonshot_ai"),
    ("alibaba", "dashscope"),
    ("qwen", "dashscope"),
    ("text-completion-openai", "openai"),
    ("together", "together_ai"),
    ("vertex", VERTEX),
    ("vertex_ai", VERTEX),
    ("vertexai", VERTEX),
    ("watsonx", "ibm.watsonx.ai"),
    ("xai", "x_ai"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_provider_is_one_and_others_stay() {
        for (name, expected) in [
            ("azure", "azure.ai.openai"),
            ("azure.ai.openai", "azure.ai.openai"),
            ("bedrock_converse", "aws.bedrock"),
            ("vertex_ai-anthropic_models", "gcp.vertex_ai"),
            ("xai", "x_ai"),
            ("openai", "openai"),
            ("somebody", "somebody"),
            ("", ""),
        ] {
            assert_eq!(canonical(name), expected);
            assert_eq!(canonical(canonical(name)), expected, "once is enough");
        }
    }
}
