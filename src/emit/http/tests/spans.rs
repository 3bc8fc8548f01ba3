//! One call, one record: the hook inside of spans.

use tracing::{Instrument as _, info_span};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::AuditSpanExt as _;
use crate::emit::AuditLayer;
use crate::emit::failure::OnFailure;
use crate::http::Caller;
use crate::provider::Provider;
use crate::record::{Call, Content, Status};

fn audited<R>(bench: &Bench, work: impl FnOnce() -> R) -> R {
    let layer = AuditLayer::new(Arc::clone(&bench.recorder));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, work)
}

fn operations(bench: &Bench) -> Vec<String> {
    let calls = bench.calls();
    let operation = |call: &Call| call.operation.as_str().to_owned();
    calls.iter().map(|call| operation(call.call())).collect()
}

#[test]
fn a_request_inside_of_an_audited_span_is_that_spans_call() {
    let bench = Bench::new();
    let server = Server::answering([json(ANSWER)]);
    let mut client = client(&bench, &server);
    let id = audited(&bench, || {
        let span = info_span!("ask", gen_ai.operation.name = "chat", user.id = "anna");
        span.in_scope(|| {
            let inner = info_span!("attempt");
            inner.in_scope(|| ask(&mut client, chat("hi")));
            span.audit_record_id().unwrap()
        })
    });
    let written = bench.call();
    let call = written.call();
    assert_eq!(written.record.envelope.record_id, id);
    assert_eq!(
        written
            .record
            .envelope
            .actor
            .user_id
            .as_ref()
            .unwrap()
            .as_str(),
        "anna"
    );
    assert!(written.record.envelope.actor.credential_hash.is_some());
    assert_eq!(call.request.model.as_ref().unwrap().as_str(), "gpt-4o");
    assert_eq!(call.usage.input_tokens, Some(14));
    assert_eq!(call.outcome.status, Status::Success);
    assert_eq!(call.provider.as_ref().unwrap().as_str(), "openai");
}

#[test]
fn what_the_application_says_stays_and_both_saying_it_counts_once() {
    let bench = Bench::new();
    let server = Server::answering([json(ANSWER)]);
    let mut client = client(&bench, &server);
    audited(&bench, || {
        let span = info_span!(
            "ask",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "acme"
        );
        span.in_scope(|| {
            span.audit_input("the prompt as I have it").unwrap();
            let said = ask(&mut client, chat("the prompt as it was sent"));
            let said: serde_json::Value = serde_json::from_str(&said).unwrap();
            span.audit_response(Provider::OpenAi, &said).unwrap();
        });
    });
    let written = bench.call();
    let call = written.call();
    assert_eq!(call.provider.as_ref().unwrap().as_str(), "acme");
    assert_eq!(call.usage.input_tokens, Some(14));
    let hasher = bench.keys.hasher(None);
    let own = Content::canonical("the prompt as I have it").unwrap();
    let hash = hasher.hash(
        crate::record::HashField::Input,
        crate::record::HashForm::Jcs1,
        own.raw().as_bytes(),
    );
    assert_eq!(call.hashes.input, Some(hash));
}

#[test]
fn a_second_request_inside_of_one_span_is_a_call_of_its_own() {
    let bench = Bench::new();
    let server = Server::answering([json(ANSWER), json(ANSWER)]);
    let mut client = client(&bench, &server);
    audited(&bench, || {
        info_span!("ask", gen_ai.operation.name = "chat", user.id = "anna").in_scope(|| {
            ask(&mut client, chat("one"));
            ask(&mut client, chat("two"));
        });
    });
    let calls = bench.calls();
    assert_eq!(calls.len(), 2);
    let (second, span) = (&calls[0].record.envelope, &calls[1].record.envelope);
    assert_eq!(
        second.trace.unwrap().parent_span_id,
        Some(span.trace.unwrap().span_id)
    );
    assert_eq!(second.actor.user_id.as_ref().unwrap().as_str(), "anna");
    let tokens = calls
        .iter()
        .map(|call| call.call().usage.input_tokens.unwrap());
    assert_eq!(tokens.sum::<u64>(), 28);
}

#[test]
fn a_request_that_is_tried_again_inside_of_one_span_is_one_call() {
    let bench = Bench::new();
    let mut busy = json("{}");
    *busy.status_mut() = http::StatusCode::TOO_MANY_REQUESTS;
    let server = Server::answering([busy, json(ANSWER)]);
    let mut client = client(&bench, &server);
    audited(&bench, || {
        info_span!("ask", gen_ai.operation.name = "chat").in_scope(|| {
            ask(&mut client, chat("one"));
            ask(&mut client, chat("one"));
        });
    });
    assert_eq!(bench.call().call().outcome.status, Status::Success);
}

#[test]
fn a_request_of_another_kind_is_a_call_of_its_own() {
    let bench = Bench::new();
    let embedded = r#"{"object":"list","model":"text-embedding-3-small","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"usage":{"prompt_tokens":3,"total_tokens":3}}"#;
    let server = Server::answering([json(embedded), json(ANSWER)]);
    let mut client = client(&bench, &server);
    let embed = post(
        "https://api.openai.com/v1/embeddings",
        &[r#"{"model":"text-embedding-3-small","input":"x"}"#],
    );
    audited(&bench, || {
        info_span!("answer", gen_ai.operation.name = "chat").in_scope(|| {
            ask(&mut client, embed);
            ask(&mut client, chat("two"));
        });
    });
    assert_eq!(operations(&bench), ["embeddings", "chat"]);
}

#[test]
fn inside_of_an_agent_requests_are_calls_and_only_they_have_tokens() {
    let bench = Bench::new();
    let server = Server::answering([json(ANSWER), json(ANSWER)]);
    let mut client = client(&bench, &server);
    audited(&bench, || {
        let request = info_span!("POST /ask", user.id = "anna", llm_audit.tenant = "acme");
        let agent = info_span!(
            parent: &request,
            "agent",
            gen_ai.operation.name = "invoke_agent",
            gen_ai.conversation.id = "c7",
            gen_ai.usage.input_tokens = 28,
        );
        agent.in_scope(|| {
            ask(&mut client, chat("one"));
            let tool = info_span!("tool", gen_ai.operation.name = "execute_tool");
            tool.in_scope(|| ask(&mut client, chat("two")));
        });
    });
    assert_eq!(
        operations(&bench),
        ["chat", "chat", "execute_tool", "invoke_agent"]
    );
    let calls = bench.calls();
    let tokens: Vec<_> = calls
        .iter()
        .map(|call| call.call().usage.input_tokens)
        .collect();
    assert_eq!(tokens, [Some(14), Some(14), None, None]);
    let span_of = |index: usize| calls[index].record.envelope.trace.unwrap();
    assert_eq!(span_of(0).parent_span_id, Some(span_of(3).span_id));
    assert_eq!(span_of(1).parent_span_id, Some(span_of(2).span_id));
    for call in &calls {
        let actor = &call.record.envelope.actor;
        let said = [&actor.user_id, &actor.tenant, &actor.conversation];
        let said: Vec<_> = said
            .into_iter()
            .flatten()
            .map(|said| said.as_str())
            .collect();
        assert_eq!(said, ["anna", "acme", "c7"]);
        assert_eq!(
            span_of(0).trace_id,
            call.record.envelope.trace.unwrap().trace_id
        );
    }
}

#[test]
fn a_streams_span_stays_open_until_the_stream_has_ended() {
    let bench = Bench::new();
    let server = Server::answering([sse(&STREAM)]);
    let mut client = client(&bench, &server);
    audited(&bench, || {
        let span = info_span!("ask", gen_ai.operation.name = "chat");
        let answer = block_on(client.call(chat("hi")).instrument(span.clone()));
        assert_eq!(bench.calls().len(), 0);
        drop(span);
        let _outside = answer.unwrap();
    });
    // The call was made outside of the span, by which time `call` had looked around: it is one of its own.
    assert_eq!(bench.calls().len(), 2);
    audited(&bench, || {
        let server = Server::answering([sse(&STREAM)]);
        let mut client = super::client(&bench, &server);
        let span = info_span!("ask", gen_ai.operation.name = "chat");
        let answer = block_on(async { client.call(chat("hi")).await }.instrument(span.clone()));
        drop(span);
        assert_eq!(bench.calls().len(), 2, "its body goes on");
        block_on(collect(answer.unwrap().into_body())).unwrap();
    });
    let calls = bench.calls();
    assert_eq!(calls.len(), 3);
    assert_eq!(calls[2].call().outcome.status, Status::Success);
    assert!(calls[2].call().response.time_to_first_chunk_ns.is_some());
}

#[test]
fn a_caller_that_is_said_goes_before_what_is_around() {
    let bench = Bench::new();
    let server = Server::answering([json(ANSWER), json(ANSWER)]);
    let hook = hook(&bench).caller(Caller::default().tenant("acme"));
    let mut client = hook.layer(server);
    audited(&bench, || {
        info_span!("handler", user.id = "ben", session.id = 7).in_scope(|| {
            let mut request = chat("hi");
            request
                .extensions_mut()
                .insert(Caller::default().user("anna"));
            ask(&mut client, request);
            ask(&mut client, chat("hi"));
        });
    });
    let said: Vec<_> = bench
        .calls()
        .iter()
        .map(|call| {
            let actor = &call.record.envelope.actor;
            let text = |label: &Option<crate::record::Label>| {
                label.as_ref().map(|label| label.as_str().to_owned())
            };
            [
                text(&actor.user_id),
                text(&actor.tenant),
                text(&actor.session),
            ]
        })
        .collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(said[0], [text("anna"), None, text("7")]);
    assert_eq!(said[1], [text("ben"), text("acme"), text("7")]);
}

#[test]
fn what_a_span_around_is_told_later_is_on_the_record_of_calls_inside() {
    let bench = Bench::new();
    audited(&bench, || {
        let handler = info_span!("handler", user.id = tracing::field::Empty);
        handler.in_scope(|| {
            let call = info_span!("ask", gen_ai.operation.name = "chat");
            call.in_scope(|| handler.record("user.id", "anna"));
        });
    });
    let actor = bench.call().record.envelope.actor;
    assert_eq!(actor.user_id.unwrap().as_str(), "anna");
    assert!(actor.user_hash.is_some());
}

#[test]
fn a_user_of_one_tenant_is_not_one_of_another() {
    let bench = Bench::new();
    audited(&bench, || {
        info_span!("batch", user.id = "anna", llm_audit.tenant = "acme").in_scope(|| {
            info_span!(
                "ask",
                gen_ai.operation.name = "chat",
                llm_audit.tenant = "globex"
            )
            .in_scope(|| ());
        });
    });
    assert_eq!(bench.call().record.envelope.actor.user_id, None);
}

#[test]
fn a_span_whose_start_was_not_recorded_sends_nothing_where_the_hook_is_to_refuse() {
    let bench = Bench::new();
    audited(&bench, || {
        bench.recorder.stop();
        info_span!("ask", gen_ai.operation.name = "chat").in_scope(|| {
            let mut refusing = hook(&bench).layer(Unreachable);
            assert!(block_on(refusing.call(chat("hi"))).is_err());
            let server = Server::answering([json(ANSWER)]);
            let mut going_on = hook(&bench)
                .on_failure(OnFailure::DropAndCount)
                .layer(server);
            assert_eq!(ask(&mut going_on, chat("hi")), ANSWER);
        });
    });
}
