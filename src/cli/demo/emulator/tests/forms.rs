//! Each format whole and streamed, read by the library: both say the same.

use serde_json::{Value, json};

use super::{Emulator, emulator, pieces};
use crate::Provider;
use crate::provider::{StreamEnd, StreamReader, read_response};
use crate::record::{Counted, ResponseFacts, Verdict};

/// A format: whose it is, the path of a whole answer and of a streamed one, and the request.
struct Form {
    provider: Provider,
    whole: &'static str,
    stream: &'static str,
    body: fn(&str) -> Value,
}

const FORMS: [Form; 7] = [
    Form {
        provider: Provider::AwsBedrock,
        whole: "/model/amazon.nova-lite-v1%3A0/converse",
        stream: "/model/amazon.nova-lite-v1%3A0/converse-stream",
        body: |prompt| json!({"messages": [{"role": "user", "content": [{"text": prompt}]}]}),
    },
    Form {
        provider: Provider::Cohere,
        whole: "/v2/chat",
        stream: "/v2/chat",
        body: |prompt| json!({"model": "command-a-03-2025", "messages": [{"role": "user", "content": prompt}]}),
    },
    Form {
        provider: Provider::GcpGemini,
        whole: "/v1beta/models/gemini-2.5-flash:generateContent",
        stream: "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
        body: |prompt| json!({"contents": [{"role": "user", "parts": [{"text": prompt}]}]}),
    },
    Form {
        provider: Provider::GcpGemini,
        whole: "/v1beta/models/gemini-2.5-pro:generateContent",
        stream: "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
        body: |prompt| json!({"contents": [{"role": "user", "parts": [{"text": prompt}]}]}),
    },
    Form {
        provider: Provider::MistralAi,
        whole: "/v1/chat/completions",
        stream: "/v1/chat/completions",
        body: |prompt| {
            json!({"model": "mistral-large-latest", "stream_options": {"include_usage": true},
                "messages": [{"role": "user", "content": prompt}]})
        },
    },
    Form {
        provider: Provider::Ollama,
        whole: "/api/chat",
        stream: "/api/chat",
        body: |prompt| json!({"model": "llama3.2", "messages": [{"role": "user", "content": prompt}]}),
    },
    Form {
        provider: Provider::OpenAiCompatible("gateway"),
        whole: "/v1/messages",
        stream: "/v1/messages",
        body: |prompt| json!({"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": prompt}]}),
    },
];

async fn post(emulator: &Emulator, path: &str, body: &Value) -> reqwest::Response {
    let request = reqwest::Client::new()
        .post(format!("{}{path}", emulator.root_url()))
        .header("authorization", "Bearer key")
        .header("anthropic-version", "2023-06-01");
    request.json(body).send().await.unwrap()
}

impl Form {
    async fn whole(&self, emulator: &Emulator, prompt: &str) -> ResponseFacts {
        let mut body = (self.body)(prompt);
        body["stream"] = json!(false);
        let bytes = post(emulator, self.whole, &body)
            .await
            .bytes()
            .await
            .unwrap();
        read_response(self.provider, &bytes).unwrap()
    }

    async fn streamed(&self, emulator: &Emulator, prompt: &str) -> (ResponseFacts, bool) {
        let mut body = (self.body)(prompt);
        body["stream"] = json!(true);
        let (pieces, _) = pieces(post(emulator, self.stream, &body).await).await;
        let mut stream = StreamReader::new(self.provider);
        pieces.iter().for_each(|piece| stream.push_bytes(piece));
        assert_eq!(stream.skipped().malformed, 0, "{}", self.stream);
        let complete = stream.is_complete();
        (stream.finish(StreamEnd::Finished), complete)
    }
}

/// All that is said but for the identifier, which counts requests.
fn picture(facts: &ResponseFacts) -> String {
    let output = facts.output.as_ref().map(|output| output.raw().to_text());
    let output = output.as_ref().map(|text| without_ids(text));
    format!(
        "{:?} {:?} {:?} {:?} {}",
        facts.model,
        facts.finish_reasons,
        facts.usage,
        output,
        verdict(facts)
    )
}

/// Identifiers of tool calls count requests too.
fn without_ids(output: &str) -> Value {
    let mut output: Value = serde_json::from_str(output).unwrap();
    for message in output.as_array_mut().unwrap() {
        for part in message["parts"].as_array_mut().unwrap() {
            part.as_object_mut().unwrap().remove("id");
        }
    }
    output
}

fn verdict(facts: &ResponseFacts) -> String {
    match &facts.verdict {
        Verdict::Answered => "answered".to_owned(),
        Verdict::Blocked(reason) => format!("blocked {reason}"),
        Verdict::Failed(failure) => format!("failed {}", failure.error_type),
    }
}

#[tokio::test]
async fn an_answer_is_the_same_whole_and_streamed() {
    let emulator = emulator().await;
    for form in &FORMS {
        for marker in [
            "",
            "[[think]]",
            "[[tool]]",
            "[[length]]",
            "[[filter]]",
            "[[refuse]]",
            "[[cache]]",
        ] {
            let prompt = format!("How high is the tower? {marker}");
            let whole = form.whole(&emulator, &prompt).await;
            let (streamed, complete) = form.streamed(&emulator, &prompt).await;
            assert_eq!(
                picture(&streamed),
                picture(&whole),
                "{} {marker}",
                form.stream
            );
            assert!(
                complete && streamed.counted == Counted::Final,
                "{} {marker}",
                form.stream
            );
            let input = prompt.len().div_ceil(4) as u64;
            assert_eq!(
                whole.usage.input_tokens,
                Some(input),
                "{} {marker}",
                form.whole
            );
        }
    }
}

#[tokio::test]
async fn filters_and_refusals_are_blocks_in_the_words_of_each_provider() {
    let emulator = emulator().await;
    let words = [
        "blocked guardrail_intervened",
        "blocked error_toxic",
        "blocked prohibited_content",
        "blocked prohibited_content",
        "blocked refusal",
        "answered",
        "blocked refusal",
    ];
    for (form, expected) in FORMS.iter().zip(words) {
        let facts = form.whole(&emulator, "[[refuse]]").await;
        assert_eq!(verdict(&facts), expected, "{}", form.whole);
    }
}

#[tokio::test]
async fn errors_fail_a_call_before_and_within_a_stream() {
    let emulator = emulator().await;
    for form in &FORMS {
        let refused = form.whole(&emulator, "[[error:429]]").await;
        assert!(verdict(&refused).starts_with("failed"), "{}", form.whole);
        let (broken, complete) = form.streamed(&emulator, "Speak. [[error:stream]]").await;
        assert!(
            complete && verdict(&broken).starts_with("failed"),
            "{}",
            form.stream
        );
        assert!(broken.output.is_some(), "{}", form.stream);
    }
}

#[tokio::test]
async fn a_cut_stream_keeps_its_beginning_and_has_partial_counts_or_none() {
    let emulator = emulator().await;
    for form in &FORMS {
        let (cut, complete) = form.streamed(&emulator, "Speak. [[cut]]").await;
        assert!(!complete && cut.output.is_some(), "{}", form.stream);
        let early = matches!(
            form.provider,
            Provider::GcpGemini | Provider::OpenAiCompatible(_)
        );
        assert_eq!(!cut.usage.is_empty(), early, "{}", form.stream);
        assert!(!early || cut.counted == Counted::Partial, "{}", form.stream);
    }
}
