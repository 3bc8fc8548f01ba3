use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use prost::Message;

use super::*;

/// `google.rpc.Status` and what it holds, as far as it matters here.
mod google {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Status {
        #[prost(int32, tag = "1")]
        pub(super) code: i32,
        #[prost(string, tag = "2")]
        pub(super) message: String,
        #[prost(message, repeated, tag = "3")]
        pub(super) details: Vec<Any>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Any {
        #[prost(string, tag = "1")]
        pub(super) type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) value: Vec<u8>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        pub(super) retry_delay: Option<Duration>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Duration {
        #[prost(int64, tag = "1")]
        pub(super) seconds: i64,
        #[prost(int32, tag = "2")]
        pub(super) nanos: i32,
    }
}

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
    Reply::Status(Box::new(Status::new(code, words)))
}

fn details(seconds: i64, nanos: i32) -> Vec<u8> {
    let retry_info = google::RetryInfo {
        retry_delay: Some(google::Duration { seconds, nanos }),
    };
    let any = |name: &str, value| google::Any {
        type_url: format!("type.googleapis.com/google.rpc.{name}"),
        value,
    };
    let details = vec![
        any("DebugInfo", b"\x0a\x01x".to_vec()),
        any("RetryInfo", retry_info.encode_to_vec()),
    ];
    google::Status {
        code: 8,
        message: "later".into(),
        details,
    }
    .encode_to_vec()
}

fn throttled(code: Code, words: &str, details: Vec<u8>) -> Reply {
    Reply::Status(Box::new(Status::with_details(code, words, details.into())))
}

fn refusal(code: Code, words: &str) -> Refusal {
    Refusal {
        code: code as i32,
        words: words.to_owned(),
    }
}

#[test]
fn success_is_read_to_the_end() {
    let judge = |reply: &Reply| judge(Signal::Logs, 3, reply);
    assert_eq!(judge(&Reply::Answer(Bytes::new())), Verdict::Taken);
    assert_eq!(judge(&answer(0, "")), Verdict::Taken);
    assert_eq!(judge(&answer(0, "mind this")), Verdict::TakenWithWarning);
    assert_eq!(
        judge(&answer(2, "two")),
        Verdict::Poisoned(refusal(Code::Ok, "two"))
    );
    for all in [3, 4, i64::MAX] {
        assert_eq!(
            judge(&answer(all, "all")),
            Verdict::Refused(refusal(Code::Ok, "all"))
        );
    }
    let unreadable = later(Failure::Unreadable);
    assert_eq!(judge(&answer(-1, "")), unreadable);
    assert_eq!(
        judge(&Reply::Answer(Bytes::from_static(b"<html>"))),
        unreadable
    );
}

#[test]
fn every_status_has_its_verdict() {
    for code in (1..=16).map(Code::from_i32) {
        for signal in [Signal::Logs, Signal::Traces] {
            let expected = match code {
                Code::InvalidArgument | Code::AlreadyExists => {
                    Verdict::Poisoned(refusal(code, "words"))
                }
                Code::Unimplemented if signal == Signal::Traces => Verdict::Parked,
                _ => later(Failure::Status(code)),
            };
            assert_eq!(judge(signal, 1, &status(code, "words")), expected);
        }
    }
    assert_eq!(
        judge(Signal::Logs, 1, &Reply::TimedOut),
        later(Failure::TimedOut)
    );
    assert_eq!(
        judge(Signal::Logs, 1, &Reply::Unreachable),
        later(Failure::Unreachable)
    );
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
        (
            Code::Unknown,
            "grpc-status header missing, mapped from HTTP status code 413",
        ),
    ];
    for (code, words) in table {
        assert_eq!(
            judge(Signal::Logs, 2, &status(code, words)),
            Verdict::TooLarge(refusal(code, words))
        );
    }
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
        (
            Code::Unknown,
            "grpc-status header missing, mapped from HTTP status code 500",
        ),
    ];
    for (code, words) in table {
        assert_eq!(
            judge(Signal::Logs, 2, &status(code, words)),
            later(Failure::Status(code))
        );
    }
}

#[test]
fn the_receivers_wish_for_a_pause_is_read_from_any_status() {
    let asked = |reply| match judge(Signal::Logs, 2, &reply) {
        Verdict::Later { asked, .. } => asked,
        other => panic!("{other:?}"),
    };
    let exhausted = Code::ResourceExhausted;
    assert_eq!(
        asked(throttled(exhausted, "", details(7, 250_000_000))),
        Some(Duration::from_millis(7250))
    );
    assert_eq!(
        asked(throttled(Code::Unavailable, "", details(3600, 0))),
        Some(Duration::from_secs(3600))
    );
    assert_eq!(
        asked(throttled(exhausted, "", details(0, 0))),
        Some(Duration::ZERO)
    );
    assert_eq!(asked(throttled(exhausted, "", details(-1, 0))), None);
    assert_eq!(asked(throttled(exhausted, "", b"\xff\xff".to_vec())), None);
    assert_eq!(asked(status(exhausted, "no details")), None);
    let words = "grpc: received message larger than max";
    assert_eq!(
        asked(throttled(exhausted, words, details(1, 0))),
        Some(Duration::from_secs(1))
    );
}

#[test]
fn a_refusal_is_printed_without_the_receivers_words() {
    let printed = format!(
        "{:?}",
        Verdict::Poisoned(refusal(Code::Ok, "anna@example.com"))
    );
    assert!(printed.contains("words_bytes: 16"), "{printed}");
    assert!(!printed.contains("anna"), "{printed}");
}

proptest::proptest! {
    #[test]
    fn no_answer_and_no_details_make_the_judge_panic(bytes: Vec<u8>) {
        let _ = judge_answer(2, &bytes);
        let _ = retry_delay(&bytes);
    }
}
