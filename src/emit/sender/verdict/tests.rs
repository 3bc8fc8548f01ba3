use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use prost::Message;

use super::*;

const NOW: Timestamp = Timestamp::from_unix_nanos(0);

fn answer(rejected: i64, words: &str) -> Reply {
    let partial_success = Some(ExportLogsPartialSuccess {
        rejected_log_records: rejected,
        error_message: words.to_owned(),
    });
    Reply::Answer(
        ExportLogsServiceResponse { partial_success }
            .encode_to_vec()
            .into(),
    )
}

fn status(code: Code, words: &str) -> Reply {
    throttled(code, words, None)
}

fn throttled(code: Code, words: &str, asked: Option<Duration>) -> Reply {
    Reply::Grpc(Status {
        code,
        words: words.to_owned(),
        asked,
        http: None,
    })
}

fn http(status: u16, author: Author, asked: Option<RetryAfter>) -> Reply {
    Reply::Http(Refused {
        status,
        words: "words".to_owned(),
        asked,
        author,
    })
}

fn refusal(code: i32, words: &str) -> Refusal {
    Refusal {
        code,
        words: words.to_owned(),
    }
}

fn verdict(reply: &Reply) -> Verdict {
    judge(Signal::Logs, 3, reply, NOW)
}

#[test]
fn success_is_read_to_the_end() {
    assert_eq!(verdict(&Reply::Answer(Bytes::new())), Verdict::Taken);
    let partial = |rejected, words: &str| Reply::Partial {
        rejected,
        words: words.to_owned(),
    };
    for answer in [answer, partial] {
        assert_eq!(verdict(&answer(0, "")), Verdict::Taken);
        assert_eq!(verdict(&answer(0, "mind this")), Verdict::TakenWithWarning);
        assert_eq!(
            verdict(&answer(2, "two")),
            Verdict::Poisoned(refusal(0, "two"))
        );
        for all in [3, 4, i64::MAX] {
            assert_eq!(
                verdict(&answer(all, "all")),
                Verdict::Refused(refusal(0, "all"))
            );
        }
        assert_eq!(verdict(&answer(-1, "")), later(Failure::Unreadable));
    }
    let page = Reply::Answer(Bytes::from_static(b"<html>"));
    assert_eq!(verdict(&page), later(Failure::Unreadable));
    assert_eq!(verdict(&Reply::Unreadable), later(Failure::Unreadable));
}

#[test]
fn every_status_of_grpc_has_its_verdict() {
    for code in (1..=16).map(Code::from_number) {
        for signal in [Signal::Logs, Signal::Traces] {
            let expected = match code {
                Code::InvalidArgument | Code::AlreadyExists => {
                    Verdict::Poisoned(refusal(code as i32, "words"))
                }
                Code::Unimplemented if signal == Signal::Traces => {
                    Verdict::Parked(Failure::Status(code))
                }
                _ => later(Failure::Status(code)),
            };
            assert_eq!(judge(signal, 1, &status(code, "words"), NOW), expected);
        }
    }
}

#[test]
fn every_status_of_http_has_its_verdict() {
    for code in (100..200).chain(300..600) {
        for signal in [Signal::Logs, Signal::Traces] {
            let expected = match code {
                400 | 422 => Verdict::Poisoned(refusal(code.into(), "words")),
                413 => Verdict::TooLarge(refusal(413, "words")),
                404 if signal == Signal::Traces => Verdict::Parked(Failure::Http(404)),
                _ => later(Failure::Http(code)),
            };
            let reply = http(code, Author::Receiver, None);
            assert_eq!(judge(signal, 1, &reply, NOW), expected);
        }
    }
}

#[test]
fn what_a_page_for_people_refuses_is_not_refused_by_the_receiver() {
    for code in [400, 422] {
        let reply = http(code, Author::Page, None);
        assert_eq!(verdict(&reply), later(Failure::Http(code)));
    }
    let too_large = verdict(&http(413, Author::Page, None));
    assert_eq!(too_large, Verdict::TooLarge(refusal(413, "words")));
}

#[test]
fn whatever_is_no_answer_is_tried_again() {
    for why in [
        Failure::TimedOut,
        Failure::Unreachable,
        Failure::NameUnknown,
    ] {
        assert_eq!(verdict(&Reply::Failed(why)), later(why));
    }
}

#[test]
fn a_message_that_is_too_large_is_known_by_the_words_of_each_implementation() {
    let table = [
        (
            Code::ResourceExhausted,
            "grpc: received message larger than max (5242880 vs. 4194304)",
        ),
        (
            Code::ResourceExhausted,
            "grpc: message after decompression larger than max 4194304",
        ),
        (
            Code::ResourceExhausted,
            "SERVER: Received message larger than max (5242880 vs. 4194304)",
        ),
        (
            Code::ResourceExhausted,
            "gRPC message exceeds maximum size 4194304: 5242880",
        ),
        (
            Code::ResourceExhausted,
            "Received message exceeds the maximum configured message size.",
        ),
        (
            Code::OutOfRange,
            "Error, decoded message length too large: found 9 bytes, the limit is: 8 bytes",
        ),
    ];
    for (code, words) in table {
        assert_eq!(
            verdict(&status(code, words)),
            Verdict::TooLarge(refusal(code as i32, words))
        );
    }
    let by_http = Reply::Grpc(Status {
        code: Code::Unknown,
        words: String::new(),
        asked: None,
        http: Some(413),
    });
    assert_eq!(
        verdict(&by_http),
        Verdict::TooLarge(refusal(Code::Unknown as i32, ""))
    );
}

#[test]
fn quotas_that_are_used_up_are_no_messages_that_are_too_large() {
    let table = [
        (Code::ResourceExhausted, "quota exceeds maximum size"),
        (Code::ResourceExhausted, "queue is larger than max"),
        (Code::OutOfRange, "timestamp out of range"),
        (
            Code::Unavailable,
            "grpc: received message larger than max (5242880 vs. 4194304)",
        ),
    ];
    for (code, words) in table {
        assert_eq!(verdict(&status(code, words)), later(Failure::Status(code)));
    }
}

#[test]
fn the_receivers_wish_for_a_pause_counts_with_any_status() {
    let asked = |reply| match verdict(&reply) {
        Verdict::Later { asked, .. } => asked,
        other => panic!("{other:?}"),
    };
    let hour = Duration::from_secs(3600);
    for code in [Code::ResourceExhausted, Code::Unavailable, Code::Internal] {
        assert_eq!(asked(throttled(code, "", Some(hour))), Some(hour));
        assert_eq!(asked(status(code, "")), None);
    }
    let words = "grpc: received message larger than max";
    let throttled = throttled(Code::ResourceExhausted, words, Some(hour));
    assert_eq!(asked(throttled), Some(hour));
    for code in [401, 408, 429, 500, 503] {
        let after = RetryAfter::In(hour);
        assert_eq!(asked(http(code, Author::Receiver, Some(after))), Some(hour));
        let at = RetryAfter::At(Timestamp::from_unix_nanos(7_000_000_000));
        let reply = http(code, Author::Receiver, Some(at));
        assert_eq!(asked(reply), Some(Duration::from_secs(7)));
    }
}

#[test]
fn a_refusal_is_printed_without_the_receivers_words() {
    let printed = format!("{:?}", Verdict::Poisoned(refusal(0, "anna@example.com")));
    assert!(printed.contains("words_bytes: 16"), "{printed}");
    assert!(!printed.contains("anna"), "{printed}");
}

proptest::proptest! {
    #[test]
    fn no_answer_makes_the_judge_panic(bytes: Vec<u8>) {
        let _ = verdict(&Reply::Answer(bytes.into()));
    }
}
