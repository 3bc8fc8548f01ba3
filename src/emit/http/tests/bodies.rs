//! What happens to bodies: nothing.

use super::*;
use crate::record::Status;

fn next<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Option<Result<Frame<Bytes>, B::Error>> {
    block_on(poll_fn(|context| Pin::new(&mut *body).poll_frame(context)))
}

#[test]
fn frames_pass_one_by_one_with_trailers_size_and_end() {
    let bench = Bench::new();
    let mut answer = sse(&STREAM);
    let trailers = http::HeaderMap::from_iter([(
        http::HeaderName::from_static("x-checksum"),
        http::HeaderValue::from_static("1"),
    )]);
    answer
        .body_mut()
        .0
        .push_back(Ok(Frame::trailers(trailers.clone())));
    let server = Server::answering([answer]);
    let answer = block_on(client(&bench, &server).call(chat("hi"))).unwrap();
    let mut body = answer.into_body();
    assert_eq!(body.size_hint().exact(), Some(STREAM.concat().len() as u64));
    for piece in STREAM {
        assert!(!body.is_end_stream());
        let frame = next(&mut body).unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), piece);
        assert_eq!(bench.calls().len(), 0, "the call goes on");
    }
    let last = next(&mut body).unwrap().unwrap();
    assert_eq!(last.into_trailers().unwrap(), trailers);
    assert!(body.is_end_stream());
    assert_eq!(bench.call().call().outcome.status, Status::Success);
}

#[test]
fn a_stream_that_is_dropped_is_cancelled_with_what_was_delivered() {
    let bench = Bench::new();
    let server = Server::answering([sse(&STREAM)]);
    let mut body = block_on(client(&bench, &server).call(chat("hi")))
        .unwrap()
        .into_body();
    for _ in 0..2 {
        next(&mut body).unwrap().unwrap();
    }
    drop(body);
    let written = bench.call();
    let call = written.call();
    assert_eq!(call.outcome.status, Status::Cancelled);
    assert_eq!(
        call.outcome.reason.as_ref().unwrap().as_str(),
        "stream_dropped"
    );
    assert!(call.hashes.output.is_some());
}

#[test]
fn a_whole_answer_that_is_dropped_behind_its_last_byte_is_a_success() {
    let bench = Bench::new();
    let mut whole = json(ANSWER);
    // More could follow, as far as the body knows.
    whole.body_mut().0.push_back(Ok(Frame::data(Bytes::new())));
    let half = json(&ANSWER[..40]);
    let mut more = half;
    more.body_mut()
        .0
        .push_back(Ok(Frame::data(Bytes::from_static(b"..."))));
    let server = Server::answering([whole, more]);
    for _ in 0..2 {
        let answer = block_on(client(&bench, &server).call(chat("hi"))).unwrap();
        let mut body = answer.into_body();
        next(&mut body).unwrap().unwrap();
        drop(body);
    }
    let ended: Vec<_> = bench
        .calls()
        .iter()
        .map(|call| call.call().outcome.status)
        .collect();
    assert_eq!(ended, [Status::Success, Status::Cancelled]);
}

#[test]
fn a_body_that_breaks_off_is_an_error_and_the_client_sees_it() {
    let bench = Bench::new();
    let mut answer = sse(&STREAM[..2]);
    answer.body_mut().0.push_back(Err("connection reset"));
    let server = Server::answering([answer]);
    let answer = block_on(client(&bench, &server).call(chat("hi"))).unwrap();
    let read = block_on(collect(answer.into_body()));
    assert_eq!(read, Err("connection reset"));
    let outcome = bench.call().call().outcome.clone();
    assert_eq!(outcome.status, Status::Error);
    assert_eq!(outcome.error_message.unwrap().as_str(), "connection reset");
}

#[test]
fn a_request_that_is_given_up_is_cancelled() {
    let bench = Bench::new();
    let server = Server::default();
    drop(client(&bench, &server).call(chat("hi")));
    let outcome = bench.call().call().outcome.clone();
    assert_eq!(outcome.status, Status::Cancelled);
    assert_eq!(outcome.reason.unwrap().as_str(), "request_dropped");
}

#[test]
fn a_request_that_is_sent_bit_by_bit_is_read_as_it_passes() {
    let bench = Bench::new();
    let server = Server::answering([json(ANSWER)]);
    let pieces = [
        r#"{"model":"gpt-4o","max_to"#,
        r#"kens":7,"messages":[{"role":"user","content":"hi"}]}"#,
    ];
    let request = post("https://api.openai.com/v1/chat/completions", &pieces);
    ask(&mut client(&bench, &server), request);
    assert_eq!(server.received(), [pieces.concat()]);
    let written = bench.call();
    let call = written.call();
    assert_eq!(call.request.model.as_ref().unwrap().as_str(), "gpt-4o");
    assert_eq!(call.request.max_tokens, Some(7));
    assert!(call.hashes.input.is_some());
}

#[test]
fn a_request_has_the_size_that_it_had() {
    let mut body = SentBody::new(Pieces::of(&["abc", "de"]));
    assert_eq!(body.size_hint().exact(), Some(5));
    assert_eq!(body.look(), None, "there is more");
    assert_eq!(body.size_hint().exact(), Some(5));
    assert!(!body.is_end_stream());
    assert_eq!(block_on(collect(body)).unwrap(), "abcde");
    let mut whole = SentBody::new(Pieces::of(&["abc"]));
    assert_eq!(whole.look().unwrap(), "abc");
    assert!(!whole.is_end_stream() && whole.size_hint().exact() == Some(3));
    assert_eq!(block_on(collect(whole)).unwrap(), "abc");
}

#[test]
fn an_answer_longer_than_the_limit_passes_and_is_not_understood() {
    let bench = Bench::new();
    let mut answer = json("");
    answer.body_mut().0.clear();
    let piece = Bytes::from(vec![b' '; 1 << 20]);
    for _ in 0..33 {
        answer
            .body_mut()
            .0
            .push_back(Ok(Frame::data(piece.clone())));
    }
    let server = Server::answering([answer]);
    let said = ask(&mut client(&bench, &server), chat("hi"));
    assert_eq!(said.len(), 33 << 20);
    let outcome = bench.call().call().outcome.clone();
    assert_eq!(outcome.reason.unwrap().as_str(), "answer_not_understood");
}
