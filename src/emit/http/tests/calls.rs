//! What is on the record.

use super::*;
use crate::record::{Cost, Delivery, Status};

#[test]
fn a_request_and_its_answer_are_one_record_with_all_that_they_say() {
    let bench = Bench::new();
    let server = Server::answering([json(ANSWER)]);
    let said = ask(&mut client(&bench, &server), chat("capital of France?"));
    assert_eq!(said, ANSWER);
    assert!(server.received()[0].contains("capital of France?"));
    let written = bench.call();
    let (envelope, call) = (&written.record.envelope, written.call());
    assert_eq!(call.provider.as_ref().unwrap().as_str(), "openai");
    assert_eq!(
        (call.operation.as_str(), call.action.as_str()),
        ("chat", "chat.completions.create")
    );
    assert_eq!(call.request.model.as_ref().unwrap().as_str(), "gpt-4o");
    assert_eq!(call.request.temperature, Some(0.5));
    assert_eq!(
        call.response.model.as_ref().unwrap().as_str(),
        "gpt-4o-2024-11-20"
    );
    assert_eq!(
        (call.usage.input_tokens, call.usage.output_tokens),
        (Some(14), Some(1))
    );
    assert!(matches!(call.cost, Cost::Known { .. }));
    assert_eq!(call.outcome.status, Status::Success);
    assert!(call.hashes.input.is_some() && call.hashes.output.is_some());
    assert!(envelope.actor.credential_hash.is_some() && envelope.trace.is_some());
    assert_eq!(
        call.server_address.as_ref().unwrap().as_str(),
        "api.openai.com"
    );
    assert_eq!(call.server_port, Some(443));
    assert!(call.duration_ns.is_some());
}

#[test]
fn a_stream_is_one_record_with_the_time_to_its_first_output() {
    let bench = Bench::new();
    let server = Server::answering([sse(&STREAM)]);
    let body = r#"{"model":"gpt-4o","stream":true,"messages":[]}"#;
    let request = post("https://api.openai.com/v1/chat/completions", &[body]);
    let said = ask(&mut client(&bench, &server), request);
    assert_eq!(said, STREAM.concat());
    let written = bench.call();
    let call = written.call();
    assert_eq!(call.action.as_str(), "chat.completions.stream");
    assert_eq!(call.request.delivery, Delivery::Stream);
    assert_eq!(call.outcome.status, Status::Success);
    assert_eq!(call.usage.output_tokens, Some(2));
    assert!(call.response.time_to_first_chunk_ns.is_some() && call.hashes.output.is_some());
}

#[test]
fn what_is_no_call_passes_and_leaves_no_record() {
    let bench = Bench::new();
    let server = Server::answering([json(ANSWER), json(ANSWER)]);
    let mut client = client(&bench, &server);
    ask(&mut client, post("https://example.org/v1/users", &["{}"]));
    let list = Request::get("https://api.openai.com/v1/models");
    ask(&mut client, list.body(Pieces::default()).unwrap());
    assert_eq!(bench.calls().len(), 0);
    assert_eq!(server.received().len(), 2);
}

#[test]
fn the_outcome_is_that_of_code_and_body() {
    let url = "https://api.openai.com/v1/chat/completions";
    let refused = r#"{"error":{"type":"rate_limit_error","code":"429","message":"slow down"}}"#;
    let filtered = r#"{"error":{"code":"content_filter","message":"no"}}"#;
    let with = |status: u16, body: &str| {
        let mut answer = json(body);
        *answer.status_mut() = http::StatusCode::from_u16(status).unwrap();
        answer
    };
    let zipped = {
        let mut answer = json("\u{1f}binary");
        answer
            .headers_mut()
            .insert("content-encoding", "gzip".parse().unwrap());
        answer
    };
    let table = [
        (url, with(429, refused), Status::Error, "rate_limit_error"),
        (url, with(400, filtered), Status::Blocked, "content_filter"),
        (
            url,
            with(502, "<html>bad gateway</html>"),
            Status::Error,
            "502",
        ),
        (url, with(500, ANSWER), Status::Error, "500"),
        (
            url,
            json("<html>"),
            Status::Unknown,
            "answer_not_understood",
        ),
        (url, zipped, Status::Unknown, "answer_not_understood"),
        (url, sse(&STREAM[..2]), Status::Error, "stream_cut"),
        (url, sse(&STREAM[..3]), Status::Success, ""),
        (
            url,
            sse(&["data: {\"x\":1}\n\n"]),
            Status::Unknown,
            "answer_not_understood",
        ),
        (
            "https://api.openai.com/v1/audio/speech",
            json("sound"),
            Status::Success,
            "",
        ),
        (
            "https://api.openai.com/v1/audio/speech",
            with(401, "no"),
            Status::Error,
            "401",
        ),
    ];
    for (url, answer, status, word) in table {
        let bench = Bench::new();
        let server = Server::answering([answer]);
        ask(&mut client(&bench, &server), post(url, &["{}"]));
        let outcome = bench.call().call().outcome.clone();
        let words = [&outcome.reason, &outcome.error_type];
        let said = words.into_iter().flatten().next();
        let said = said.map_or("", |said| said.as_str());
        assert_eq!((outcome.status, said), (status, word), "{url}");
    }
}

#[test]
fn a_request_that_nobody_can_read_still_tells_model_and_delivery() {
    let bench = Bench::new();
    let server = Server::answering([json("{}")]);
    let body = r#"{"model":"tts-1","stream":true,"input":"hello"}"#;
    let request = post("https://api.openai.com/v1/audio/speech", &[body]);
    ask(&mut client(&bench, &server), request);
    let written = bench.call();
    let call = written.call();
    assert_eq!(call.request.model.as_ref().unwrap().as_str(), "tts-1");
    assert_eq!(call.request.delivery, Delivery::Stream);
    assert_eq!(call.operation.as_str(), "audio_generation");
    assert!(call.hashes.input.is_none());
}

#[test]
fn a_model_that_the_address_names_is_on_the_record() {
    let bench = Bench::new();
    let server = Server::answering([json(ANSWER)]);
    let url = "https://acme.openai.azure.com/openai/deployments/prod-4o/chat/completions";
    let body = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
    ask(&mut client(&bench, &server), post(url, &[body]));
    let written = bench.call();
    let call = written.call();
    assert_eq!(call.provider.as_ref().unwrap().as_str(), "azure.ai.openai");
    assert_eq!(call.request.model.as_ref().unwrap().as_str(), "prod-4o");
    assert_eq!(call.usage.input_tokens, Some(14));
}

#[test]
fn nothing_that_a_hook_sees_is_written_in_clear() {
    let bench = Bench::new();
    let secret = "zebra-quartz-9137";
    let answer = ANSWER.replace("Paris", secret);
    let error = format!(r#"{{"error":{{"type":"invalid","message":"I do not like {secret}"}}}}"#);
    let mut refused = json(&error);
    *refused.status_mut() = http::StatusCode::BAD_REQUEST;
    let server = Server::answering([json(&answer), refused]);
    server
        .answers
        .lock()
        .unwrap()
        .push_back(Err("connection to zebra-quartz-9137 lost"));
    let mut client = client(&bench, &server);
    for _ in 0..2 {
        ask(&mut client, chat(secret));
    }
    assert!(block_on(client.call(chat(secret))).is_err());
    let calls = bench.calls();
    assert_eq!(calls.len(), 3);
    let mut files = 0;
    let mut folders = vec![bench.directory.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            for planted in [secret, "sk-planted-key"] {
                let found = bytes
                    .windows(planted.len())
                    .any(|seen| seen == planted.as_bytes());
                assert!(!found, "{planted} in {}", path.display());
            }
            files += 1;
        }
    }
    assert!(files > 0);
}

/// Answers of providers as their own tests have them, in pieces that break wherever.
#[test]
fn every_provider_that_can_be_read_is() {
    macro_rules! body {
        ($name:literal) => {
            include_bytes!(concat!("../../../provider/testdata/", $name)).as_slice()
        };
    }
    let table = [
        (
            "https://api.anthropic.com/v1/messages",
            "application/json",
            body!("anthropic-message.json"),
        ),
        (
            "https://api.anthropic.com/v1/messages",
            "text/event-stream",
            body!("anthropic-message.sse"),
        ),
        (
            "https://api.openai.com/v1/responses",
            "text/event-stream",
            body!("openai-responses.sse"),
        ),
        (
            "https://api.mistral.ai/v1/chat/completions",
            "application/json",
            body!("mistral.json"),
        ),
        (
            "https://api.mistral.ai/v1/chat/completions",
            "text/event-stream",
            body!("mistral.sse"),
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent",
            "application/json",
            body!("gemini.json"),
        ),
        (
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
            "text/event-stream",
            body!("gemini.sse"),
        ),
        (
            "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1/publishers/google/models/gemini-2.5-pro:streamGenerateContent",
            "application/json; charset=UTF-8",
            body!("gemini-stream.json"),
        ),
        (
            "http://localhost:11434/api/chat",
            "application/json",
            body!("ollama.json"),
        ),
        (
            "http://localhost:11434/api/chat",
            "application/x-ndjson",
            body!("ollama.jsonl"),
        ),
    ];
    for (url, kind, body) in table {
        let bench = Bench::new();
        let pieces = body
            .chunks(41)
            .map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))));
        let answer = Response::builder().header("content-type", kind);
        let server = Server::answering([answer.body(Pieces(pieces.collect())).unwrap()]);
        let said = ask(
            &mut client(&bench, &server),
            post(url, &[r#"{"model":"m"}"#]),
        );
        assert_eq!(said.as_bytes(), body);
        let written = bench.call();
        let call = written.call();
        assert_eq!(
            call.outcome.status,
            Status::Success,
            "{url} {kind}: {:?}",
            call.outcome
        );
        assert!(
            call.usage.input_tokens.is_some() && call.usage.output_tokens.is_some(),
            "{url} {kind}"
        );
        assert!(call.hashes.output.is_some(), "{url} {kind}");
        let streamed = kind != "application/json";
        assert_eq!(
            call.response.time_to_first_chunk_ns.is_some(),
            streamed,
            "{url} {kind}"
        );
        assert_eq!(
            call.action.as_str().ends_with(".stream"),
            streamed,
            "{url}: {}",
            call.action.as_str()
        );
    }
}
