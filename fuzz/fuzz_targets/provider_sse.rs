//! Any bytes as a stream, read at once and in two pieces: the same facts come of both.
#![no_main]

use libfuzzer_sys::fuzz_target;
use llm_audit::provider::{Provider, StreamEnd, StreamReader};
use llm_audit::record::ResponseFacts;

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = input;
    let (first, second) = bytes.split_at(usize::from(cut).min(bytes.len()));
    for provider in [Provider::Anthropic, Provider::OpenAi] {
        let whole = read(provider, &[bytes]);
        let split = read(provider, &[first, second]);
        assert_eq!(whole.finish_reasons, split.finish_reasons);
        assert_eq!(whole.usage, split.usage);
        let output = |facts: &ResponseFacts| {
            let output = facts.output.as_ref();
            output.map(|content| content.raw().as_bytes().to_vec())
        };
        assert_eq!(output(&whole), output(&split));
    }
});

fn read(provider: Provider, pieces: &[&[u8]]) -> ResponseFacts {
    let mut stream = StreamReader::new(provider);
    for piece in pieces {
        stream.push_bytes(piece);
    }
    stream.finish(StreamEnd::Dropped)
}
