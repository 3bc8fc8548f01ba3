use std::fs;

use tonic::{Code, Status};

use super::collector::{Answer, Seen, numbers};
use super::*;

const POISON: [i64; 3] = [0, 41, 42];

fn poisoned(seen: &Seen) -> i64 {
    let records = seen.records.iter();
    records
        .filter(|record| POISON.contains(&record.seq))
        .count() as i64
}

/// Delivers 100 records to a receiver that refuses some, and returns what it took, sorted, each once.
fn deliver(script: impl FnMut(&Seen) -> Answer + Send + 'static) -> (Trail, Sender, Vec<Seen>) {
    let trail = Trail::new();
    trail.calls(100);
    let collector = Collector::scripted(script);
    let config = SenderConfig {
        spans: Spans::Withheld,
        ..trail.config(&collector)
    };
    let sender = trail.sender(&config);
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    assert!(trail.lane().position(Consumer::Logs) == trail.lane().durable());
    let seen = collector.seen(Signal::Logs);
    (trail, sender, seen)
}

#[test]
fn a_poisoned_batch_is_halved_until_only_the_poison_is_put_aside() {
    for code in [Code::InvalidArgument, Code::AlreadyExists] {
        let (trail, sender, seen) = deliver(move |seen| match poisoned(seen) {
            0 => Answer::Accept,
            _ => Answer::Status(Status::new(code, "what is this?")),
        });
        assert_eq!(trail.refused(Signal::Logs), [0, 41, 42]);
        let taken = numbers(seen.iter().filter(|seen| poisoned(seen) == 0));
        let good: Vec<i64> = (0..100).filter(|seq| !POISON.contains(seq)).collect();
        assert_eq!(taken, good, "each once and in order");
        let logs = sender.counters().of(Signal::Logs);
        assert_eq!((logs.sent, logs.refused, logs.failed_attempts), (97, 3, 0));
        let letters = dead_letters(&trail.dead_letters(), &trail.clock).letters;
        assert!(letters.iter().all(|letter| letter.code == code as i32));
        assert!(letters.iter().all(|letter| letter.words == "what is this?"));
    }
}

#[test]
fn partial_success_is_halved_until_the_rejected_ones_are_known() {
    let (trail, sender, seen) = deliver(|seen| match poisoned(seen) {
        0 => Answer::Accept,
        rejected => Answer::Partial(rejected, "too old"),
    });
    assert_eq!(trail.refused(Signal::Logs), [0, 41, 42]);
    assert!(seen.len() < 40, "{} requests", seen.len());
    let logs = sender.counters().of(Signal::Logs);
    assert_eq!((logs.sent, logs.refused), (97, 3));
    let letters = dead_letters(&trail.dead_letters(), &trail.clock).letters;
    assert!(
        letters
            .iter()
            .all(|letter| letter.code == 0 && letter.words == "too old")
    );
}

#[test]
fn partial_success_that_rejects_all_is_believed_at_once() {
    let (trail, sender, seen) = deliver(|seen| {
        let all = seen.records.len();
        Answer::Partial(i64::try_from(all).unwrap(), "not today")
    });
    assert_eq!(seen.len(), 1);
    assert_eq!(trail.refused(Signal::Logs), (0..100).collect::<Vec<_>>());
    let logs = sender.counters().of(Signal::Logs);
    assert_eq!((logs.sent, logs.refused), (0, 100));
}

#[test]
fn words_without_a_rejection_are_a_warning() {
    let (trail, sender, seen) = deliver(|_| Answer::Partial(0, "deprecated"));
    assert_eq!(seen.len(), 1);
    let logs = sender.counters().of(Signal::Logs);
    assert_eq!((logs.sent, logs.refused, logs.warnings), (100, 0, 1));
    assert!(!trail.dead_letters().exists());
}

#[test]
fn failures_between_the_halves_lose_nothing() {
    let mut requests = 0;
    let (trail, sender, seen) = deliver(move |seen| {
        requests += 1;
        match poisoned(seen) {
            _ if requests % 3 == 0 => Answer::Status(Status::unavailable("busy")),
            0 => Answer::Accept,
            _ => Answer::Status(Status::invalid_argument("poison")),
        }
    });
    assert_eq!(trail.refused(Signal::Logs), [0, 41, 42]);
    let mut came = numbers(&seen);
    came.sort_unstable();
    came.dedup();
    assert_eq!(came, (0..100).collect::<Vec<_>>());
    let logs = sender.counters().of(Signal::Logs);
    assert_eq!((logs.sent, logs.refused), (97, 3));
    assert!(logs.failed_attempts > 0);
}

#[test]
fn a_receiver_that_takes_less_at_once_gets_less_and_only_what_is_too_large_alone_is_put_aside() {
    let trail = Trail::new();
    trail.calls(60);
    let mut large = trail.record();
    large.envelope.metadata = format!("{{\"a\":\"{}\"}}", "x".repeat(12_000)).parse().ok();
    trail.write(large, SpanView::None);
    trail.calls(60);
    // The receiver's own limit makes it answer with OUT_OF_RANGE, before it reads any record.
    let collector = Collector::limited(10_000, |_| Answer::Accept);
    let config = SenderConfig {
        spans: Spans::Withheld,
        ..trail.config(&collector)
    };
    let sender = trail.sender(&config);
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    let good: Vec<i64> = (0..121).filter(|seq| *seq != 60).collect();
    assert_eq!(numbers(&collector.seen(Signal::Logs)), good);
    assert_eq!(trail.refused(Signal::Logs), [60]);
    let letters = dead_letters(&trail.dead_letters(), &trail.clock).letters;
    assert_eq!(letters[0].code, Code::OutOfRange as i32);
}

#[test]
fn spans_that_are_refused_are_put_aside_as_spans() {
    let trail = Trail::new();
    trail.calls(3);
    let collector = Collector::scripted(|seen| match seen.signal {
        Signal::Logs => Answer::Accept,
        Signal::Traces => Answer::Status(Status::invalid_argument("no spans please")),
    });
    let sender = trail.sender(&trail.config(&collector));
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    assert_eq!(trail.refused(Signal::Traces), [0, 1, 2]);
    assert_eq!(trail.refused(Signal::Logs), Vec::<u64>::new());
    assert_eq!(sender.counters().of(Signal::Logs).sent, 3);
    assert!(trail.spool.is_drained());
}

#[test]
fn what_cannot_be_put_aside_stays_in_the_spool() {
    let trail = Trail::new();
    trail.calls(3);
    // A file where the directory should be.
    fs::write(trail.dead_letters(), "in the way").unwrap();
    let collector = Collector::scripted(|seen| match seen.records.len() {
        1 if seen.records[0].seq == 1 => Answer::Status(Status::invalid_argument("poison")),
        1 => Answer::Accept,
        _ => Answer::Status(Status::invalid_argument("poison")),
    });
    let config = SenderConfig {
        spans: Spans::Withheld,
        ..trail.config(&collector)
    };
    let sender = trail.sender(&config);
    let failing = wait_for(&sender, Signal::Logs, |logs| logs.failed_attempts >= 2);
    assert_eq!(failing.last_failure, Some(Failure::DeadLetters));
    assert_eq!((failing.sent, failing.refused), (1, 0));
    assert_eq!(trail.lane().position(Consumer::Logs).0, 1);
    fs::remove_file(trail.dead_letters()).unwrap();
    let mended = wait_for(&sender, Signal::Logs, |logs| logs.sent == 2);
    assert_eq!((mended.refused, mended.failing_since), (1, None));
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    assert_eq!(trail.refused(Signal::Logs), [1]);
}

#[test]
fn dead_letters_of_a_process_are_there_for_the_next() {
    let (trail, sender, _) = deliver(|seen| match poisoned(seen) {
        0 => Answer::Accept,
        rejected => Answer::Partial(rejected, "too old"),
    });
    drop(sender);
    trail.spool.tidy();
    let trail = trail.next_process("shipping");
    trail.calls(1);
    let collector = Collector::scripted(|_| Answer::Partial(1, "too old too"));
    let sender = trail.sender(&trail.config(&collector));
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    assert_eq!(trail.refused(Signal::Logs), [0, 41, 42, 0]);
}

#[test]
fn traces_that_the_receiver_does_not_know_are_parked_while_logs_flow() {
    let trail = Trail::new();
    trail.calls(5);
    let collector = Collector::scripted(|seen| match seen.signal {
        Signal::Logs => Answer::Accept,
        Signal::Traces => Answer::Status(Status::unimplemented("unknown service")),
    });
    let sender = trail.sender(&trail.config(&collector));
    let parked = wait_for(&sender, Signal::Traces, |traces| {
        traces.course == Course::Parked
    });
    assert!(parked.pause >= Some(Duration::from_secs(60)), "{parked:?}");
    trail.calls(5);
    wait_for(&sender, Signal::Logs, |logs| logs.sent == 10);
    assert_eq!(
        sender.stop(PATIENCE),
        Drained::Rest,
        "and nobody waits for them"
    );
    assert_eq!(
        collector.seen(Signal::Traces).len(),
        2,
        "once more when it stopped"
    );
    assert!(!trail.dead_letters().exists());
    drop(sender);
    let collector = Collector::accepting();
    let sender = trail.sender(&trail.config(&collector));
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    assert_eq!(
        numbers(&collector.seen(Signal::Traces)),
        (0..10).collect::<Vec<_>>()
    );
    assert!(collector.seen(Signal::Logs).is_empty(), "logs were through");
}

/// `google.rpc.Status` with a `RetryInfo` of so many milliseconds below 16 s.
fn retry_info(milliseconds: u32) -> Vec<u8> {
    let (seconds, nanos) = (milliseconds / 1000, milliseconds % 1000 * 1_000_000);
    let mut delay = vec![0x08, u8::try_from(seconds).unwrap(), 0x10];
    let mut rest = nanos;
    while rest >= 0x80 {
        delay.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    delay.push(rest.to_le_bytes()[0]);
    let wrap = |field: u8, bytes: &[u8]| {
        [&[field << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
    };
    let url = wrap(1, b"type.googleapis.com/google.rpc.RetryInfo");
    let any = [url, wrap(2, &wrap(1, &delay))].concat();
    wrap(3, &any)
}

fn throttle(milliseconds: u32) -> Status {
    Status::with_details(
        Code::ResourceExhausted,
        "slow down",
        retry_info(milliseconds).into(),
    )
}

#[test]
fn a_receiver_that_says_when_to_come_back_is_not_asked_later_than_it_wants() {
    let trail = Trail::new();
    trail.calls(2);
    let mut throttled = false;
    let collector = Collector::scripted(move |_| {
        let again = std::mem::replace(&mut throttled, true);
        if again {
            Answer::Accept
        } else {
            Answer::Status(throttle(10))
        }
    });
    let mut config = trail.config(&collector);
    config.spans = Spans::Withheld;
    // Of its own accord it would wait for an hour.
    config.backoff.first = Duration::from_secs(7200);
    config.backoff.most = Duration::from_secs(7200);
    let sender = trail.sender(&config);
    let logs = wait_for(&sender, Signal::Logs, |logs| logs.sent == 2);
    assert_eq!(logs.failed_attempts, 1);
}

#[test]
fn a_receiver_that_says_when_to_come_back_is_not_asked_earlier() {
    let trail = Trail::new();
    trail.calls(2);
    let collector = Collector::scripted(|_| Answer::Status(throttle(9_500)));
    let sender = trail.sender(&trail.config(&collector));
    let logs = wait_for(&sender, Signal::Logs, |logs| logs.pause.is_some());
    assert!(logs.pause >= Some(Duration::from_millis(9_500)), "{logs:?}");
    assert_eq!(
        logs.last_failure,
        Some(Failure::Status(grpc::Code::ResourceExhausted))
    );
}
