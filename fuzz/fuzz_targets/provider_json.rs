//! Any bytes as a body: an answer, a request, a usage object.
#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_audit::provider::{
    Provider, UsageFormat, find_usage, read_request, read_response, read_usage,
};

fuzz_target!(|bytes: &[u8]| {
    for provider in [Provider::Anthropic, Provider::OpenAi] {
        let _ = read_response(provider, bytes);
        let _ = read_request(provider, bytes);
    }
    let _ = find_usage("openai", bytes);
    for format in UsageFormat::ALL {
        if let Ok(said) = read_usage(format, bytes) {
            let input = said.usage.input_tokens;
            assert!(input.is_none_or(|count| i64::try_from(count).is_ok()));
        }
    }
});
