//! Secrets planted in every text of every provider's requests, answers, streams and errors: what leaves of them are names
//! and the provider's own words on an error, and never what has the shape of a key.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/place.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod place;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fs;
use std::time::Duration;

use futures_executor::block_on_stream;
use futures_util::stream;
use llm_audit::{AuditSpanExt as _, AuditStreamExt as _, Auditor, CallStart, Drained, Provider};
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt as _;

/// One body, and whose it is.
struct Body {
    provider: Provider,
    kind: Kind,
    events: Vec<Value>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Answer,
    Request,
    Stream,
}

/// What stands in the place of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    /// A word that no rule knows, as content is.
    Content,
    /// A word of the shape of a key.
    Key,
}

#[test]
fn nothing_that_a_provider_is_told_or_says_leaves_but_names_and_its_words_on_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let audit = Auditor::builder()
        .service("tests")
        .data_dir(directory.path())
        .generate_keyring()
        .without_sender()
        .json_lines()
        .build()
        .unwrap();
    let mut planted = Vec::new();
    let subscriber = tracing_subscriber::registry().with(audit.layer());
    tracing::subscriber::with_default(subscriber, || {
        for body in bodies() {
            for place in places(&body.events) {
                for kind in [Planted::Content, Planted::Key] {
                    let marker = marker(planted.len(), kind);
                    make_call(&audit, &body, &place, &marker);
                    planted.push((body.provider, place.clone(), kind));
                }
            }
        }
    });
    assert_eq!(audit.shutdown(Duration::from_secs(60)), Drained::Complete);
    let found = found_below(directory.path());
    let mut left: BTreeSet<String> = BTreeSet::new();
    let mut plain: BTreeMap<String, usize> = BTreeMap::new();
    for (number, (provider, place, kind)) in planted.iter().enumerate() {
        let form = form_of(place);
        if !found.contains(&number) {
            continue;
        }
        if *kind == Planted::Key || !PLAIN.contains(&form.as_str()) {
            left.insert(format!("{kind:?} at {form} of {provider:?}"));
        }
        *plain.entry(form).or_default() += 1;
    }
    assert_eq!(left, BTreeSet::new());
    for form in PLAIN {
        assert!(plain.contains_key(*form), "{form} is plain nowhere");
    }
    assert!(planted.len() > 1000, "{} places", planted.len());
}

#[test]
fn what_an_error_repeats_of_the_request_is_masked_whichever_provider_says_it() {
    let directory = tempfile::tempdir().unwrap();
    let audit = Auditor::builder()
        .service("tests")
        .data_dir(directory.path())
        .generate_keyring()
        .without_sender()
        .json_lines()
        .build()
        .unwrap();
    let prompt = "plantedaaaaa is what nobody but the model may know";
    for (provider, request, error) in echoes(prompt) {
        let start = CallStart::new("chat").provider(provider.as_str());
        let mut call = audit.start(start).unwrap();
        call.request(provider, &request).unwrap();
        call.response(provider, &error).unwrap();
        call.finish().unwrap();
    }
    assert_eq!(audit.shutdown(Duration::from_secs(60)), Drained::Complete);
    assert_eq!(found_below(directory.path()), BTreeSet::new());
    let lines = text_below(directory.path());
    let told = lines.matches("cannot be processed").count();
    assert_eq!(told, 2 * echoes(prompt).len(), "as message and as body");
}

/// The members that may stand plain on a record, indices as `*`. Requests: the model. Answers: identifier, model, finish
/// reasons, price class. Errors: class and message.
const PLAIN: &[&str] = &[
    "/__type",
    "/candidates/*/finishReason",
    "/choices/*/finish_reason",
    "/code",
    "/delta/finish_reason",
    "/delta/stop_reason",
    "/done_reason",
    "/error",
    "/error/code",
    "/error/message",
    "/error/status",
    "/error/type",
    "/finish_reason",
    "/generation_id",
    "/id",
    "/incomplete_details/reason",
    "/message",
    "/message/id",
    "/message/model",
    "/message/usage/service_tier",
    "/messageStop/stopReason",
    "/metadata/serviceTier/type",
    "/model",
    "/modelId",
    "/modelVersion",
    "/output/choices/*/finish_reason",
    "/promptFeedback/blockReason",
    "/request_id",
    "/response/generation_id",
    "/response/id",
    "/response/model",
    "/response/service_tier",
    "/response/status",
    "/responseId",
    "/service_tier",
    "/serviceTier/type",
    "/status",
    "/stopReason",
    "/stop_reason",
    "/type",
    "/usage/service_tier",
];

fn make_call(audit: &Auditor, body: &Body, place: &str, marker: &str) {
    let mut events = body.events.clone();
    let mut whole = Value::Array(std::mem::take(&mut events));
    *whole.pointer_mut(place).unwrap() = Value::from(marker);
    let Value::Array(events) = whole else {
        unreachable!("a list stays one")
    };
    let provider = body.provider;
    if body.kind == Kind::Stream {
        let span = tracing::info_span!("call", gen_ai.operation.name = "chat");
        let events = events.into_iter().map(Ok::<_, Infallible>);
        let answer = stream::iter(events).audit_events(&span, provider);
        assert!(block_on_stream(answer).count() > 0);
        assert!(span.audit_record_id().is_ok());
        return;
    }
    let mut call = audit.start(CallStart::new("chat")).unwrap();
    // A shape may not be known any more when the word that tells it is another.
    let _ = match body.kind {
        Kind::Request => call.request(provider, &events[0]).map(drop),
        _ => call.response(provider, &events[0]).map(drop),
    };
    call.finish().unwrap();
}

/// Where texts stand in a list of events.
fn places(events: &[Value]) -> Vec<String> {
    fn walk(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::String(_) => found.push(at.to_owned()),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, &format!("{at}/{index}"), found);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    walk(member, &format!("{at}/{name}"), found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(&Value::from(events), "", &mut found);
    found
}

/// A place without the number of its event, and indices as `*`.
fn form_of(place: &str) -> String {
    let names = place.split('/').skip(2);
    names
        .map(|name| {
            if name.parse::<u32>().is_ok() {
                "/*".to_owned()
            } else {
                format!("/{name}")
            }
        })
        .collect()
}

/// A word of small letters alone, as those are that leave most easily, or a key of one of two shapes, one of which has
/// letters of one size only.
fn marker(number: usize, kind: Planted) -> String {
    let digits = format!("{number:05}");
    let letters = digits.bytes().map(|digit| char::from(digit - b'0' + b'a'));
    let word = format!("planted{}", letters.collect::<String>());
    match kind {
        Planted::Content => word,
        Planted::Key if number % 4 == 1 => format!("AKIA{}WXYZ", word.to_uppercase()),
        Planted::Key => format!("sk-ant-api03-{word}ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
    }
}

/// The numbers of the markers that are in any file, in letters of either size.
fn found_below(directory: &std::path::Path) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for path in place::files(directory) {
        let bytes = fs::read(path).unwrap().to_ascii_lowercase();
        for at in places_of(&bytes, b"planted") {
            let letters = bytes.get(at + 7..at + 12).unwrap_or_default();
            let digits = letters
                .iter()
                .map(|letter| usize::from(letter.wrapping_sub(b'a')));
            found.insert(digits.fold(0, |number, digit| number * 10 + digit));
        }
    }
    found
}

fn places_of<'a>(bytes: &'a [u8], word: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let starts = bytes.windows(word.len()).enumerate();
    starts
        .filter(move |(_, window)| *window == word)
        .map(|(at, _)| at)
}

fn text_below(directory: &std::path::Path) -> String {
    let lines = place::files(directory).into_iter().filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "jsonl")
    });
    lines
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

/// Requests with a prompt, and errors that repeat it, of each form.
fn echoes(prompt: &str) -> Vec<(Provider, Value, Value)> {
    let said = format!("'{prompt}' cannot be processed");
    let messages = json!({ "model": "m", "messages": [{ "role": "user", "content": prompt }] });
    let parts = json!({ "contents": [{ "role": "user", "parts": [{ "text": prompt }] }] });
    let blocks = json!({ "messages": [{ "role": "user", "content": [{ "text": prompt }] }] });
    let own =
        json!({ "model": "m", "input": { "messages": [{ "role": "user", "content": prompt }] } });
    let flat = json!({ "message": said, "code": "InvalidParameter", "request_id": "r" });
    let nested = json!({ "error": { "type": "invalid_request_error", "message": said } });
    vec![
        (Provider::Anthropic, messages.clone(), nested.clone()),
        (Provider::AwsBedrock, blocks, flat.clone()),
        (Provider::Cohere, messages.clone(), flat.clone()),
        (Provider::DashScope, own, flat),
        (Provider::GcpGemini, parts, nested.clone()),
        (Provider::OpenAi, messages.clone(), nested),
        (Provider::Ollama, messages, json!({ "error": said })),
    ]
}

/// The bodies of the formats' own tests, and those of OpenAI once more for each who answers in its form.
fn bodies() -> Vec<Body> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/provider/testdata");
    let mut bodies = Vec::new();
    for path in place::files(directory.as_ref()) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let kind = match name.rsplit_once('.').unwrap() {
            (_, "sse" | "jsonl") | ("gemini-stream", _) => Kind::Stream,
            (stem, _) if stem.ends_with("-request") => Kind::Request,
            _ => Kind::Answer,
        };
        let whose = providers_of(name.split(['-', '.']).next().unwrap());
        let few = [
            "openai-chat.json",
            "openai-chat-request.json",
            "openai-error.json",
        ];
        let few = few.contains(&name.as_str());
        for provider in whose.iter().take(if few { usize::MAX } else { 1 }) {
            bodies.push(Body {
                provider: *provider,
                kind,
                events: events_of(&text),
            });
        }
    }
    bodies
}

fn providers_of(prefix: &str) -> &'static [Provider] {
    match prefix {
        "anthropic" => &[Provider::Anthropic],
        "azure" => &[Provider::AzureOpenAi],
        "bedrock" => &[Provider::AwsBedrock],
        "cohere" => &[Provider::Cohere],
        "dashscope" => &[Provider::DashScope],
        "gemini" => &[Provider::GcpGemini],
        "mistral" => &[Provider::MistralAi],
        "ollama" => &[Provider::Ollama],
        "openai" => &[
            Provider::OpenAi,
            Provider::AzureInference,
            Provider::DeepSeek,
            Provider::Groq,
            Provider::MoonshotAi,
            Provider::OpenAiCompatible("gateway"),
            Provider::Perplexity,
            Provider::XAi,
        ],
        other => panic!("whose form is {other}?"),
    }
}

/// One JSON value, or the events of a stream in any of its forms.
fn events_of(text: &str) -> Vec<Value> {
    match serde_json::from_str(text) {
        Ok(Value::Array(events)) => return events,
        Ok(whole) => return vec![whole],
        Err(_) => {}
    }
    let json = text.lines().filter_map(|line| {
        let data = line.strip_prefix("data:").map(str::trim);
        data.or(Some(line).filter(|line| line.starts_with('{')))
    });
    let json = json.filter(|json| *json != "[DONE]");
    json.map(|json| serde_json::from_str(json).unwrap())
        .collect()
}
