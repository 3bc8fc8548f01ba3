use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

use tonic::{Code, Status};

use super::collector::{Answer, Seen, numbers, of};
use super::*;
use crate::emit::sender::target::Target;

fn sent(seen: &[Seen], signal: Signal) -> usize {
    of(seen, signal).map(|seen| seen.records.len()).sum()
}

/// Waits until so many records have come as logs and as spans.
fn arrived(collector: &Collector, logs: usize, spans: usize) -> Vec<Seen> {
    collector
        .wait_for(|seen| sent(seen, Signal::Logs) >= logs && sent(seen, Signal::Traces) >= spans)
}

#[test]
fn every_record_of_every_lane_comes_once_and_in_order() {
    let trail = Trail::new();
    trail.calls(700);
    let trail = trail.next_process("shipping");
    trail.calls(300);
    let collector = Collector::accepting();
    let config = SenderConfig {
        in_flight: 1,
        ..trail.config(&collector)
    };
    let sender = trail.sender(&config);
    arrived(&collector, 1000, 1000);
    trail.calls(50);
    arrived(&collector, 1050, 1050);
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    assert!(trail.spool.is_drained());
    for signal in [Signal::Logs, Signal::Traces] {
        let seen = collector.seen(signal);
        for (service, count) in [("billing", 700), ("shipping", 350)] {
            let own = seen.iter().filter(|seen| seen.services == [service]);
            assert_eq!(numbers(own), (0..count).collect::<Vec<_>>(), "{service}");
        }
        let streams = |seen: &Seen| {
            let mut streams: Vec<_> = seen.records.iter().map(|record| &record.stream).collect();
            streams.dedup();
            streams.len()
        };
        assert!(seen.iter().all(|seen| streams(seen) == 1));
        let status = sender.counters().of(signal);
        assert_eq!((status.sent, status.refused), (1050, 0));
        assert_eq!(
            (status.failing_since, status.oldest_in_flight),
            (None, None)
        );
    }
    trail.spool.tidy();
    assert_eq!(trail.spool.lanes().len(), 1, "the lane taken over is gone");
    assert!(!trail.dead_letters().exists());
}

#[test]
fn lanes_take_turns() {
    let trail = Trail::new();
    trail.calls(40);
    let trail = trail.next_process("shipping");
    trail.calls(40);
    let collector = Collector::accepting();
    let config = SenderConfig {
        batch_records: 10,
        in_flight: 1,
        ..trail.config(&collector)
    };
    let sender = trail.sender(&config);
    let seen = arrived(&collector, 80, 80);
    let services: Vec<_> = of(&seen, Signal::Logs).map(|seen| &seen.services).collect();
    assert!(
        services.windows(2).all(|pair| pair[0] != pair[1]),
        "{services:?}"
    );
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
}

#[test]
fn the_first_after_a_quiet_time_goes_at_once_and_the_next_wait_for_each_other() {
    let trail = Trail::new();
    let collector = Collector::accepting();
    let config = SenderConfig {
        linger: A_DAY,
        ..trail.config(&collector)
    };
    let sender = trail.sender(&config);
    trail.calls(1);
    arrived(&collector, 1, 1);
    for _ in 0..3 {
        trail.calls(1);
    }
    assert_eq!(sender.stop(PATIENCE), Drained::Everything, "it hurries");
    for signal in [Signal::Logs, Signal::Traces] {
        let requests = collector.seen(signal);
        let records = requests.iter().map(|seen| seen.records.len());
        assert_eq!(records.collect::<Vec<_>>(), [1, 3]);
    }
}

#[test]
fn a_batch_waits_for_nothing() {
    let trail = Trail::new();
    let collector = Collector::accepting();
    let config = SenderConfig {
        batch_records: 10,
        linger: A_DAY,
        ..trail.config(&collector)
    };
    let sender = trail.sender(&config);
    trail.calls(1);
    arrived(&collector, 1, 1);
    trail.calls(25);
    arrived(&collector, 11, 11);
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    assert_eq!(sender.counters().of(Signal::Logs).sent, 26);
}

#[test]
fn less_than_a_batch_goes_when_its_time_is_over() {
    let trail = Trail::new();
    let collector = Collector::accepting();
    let sender = trail.sender(&trail.config(&collector));
    for count in 1..=3 {
        trail.calls(1);
        // Nobody tells the sender anything meanwhile.
        arrived(&collector, count, count);
    }
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
}

#[test]
fn only_what_is_durable_is_sent() {
    let trail = Trail::new();
    let collector = Collector::accepting();
    let sender = trail.sender(&trail.config(&collector));
    trail.calls(1);
    arrived(&collector, 1, 1);
    trail.write(trail.record(), SpanView::None);
    trail.pulse.beat();
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    assert_eq!(numbers(&collector.seen(Signal::Logs)), [0]);
    assert!(!trail.spool.is_drained());
}

#[test]
fn beginnings_are_not_sent_and_records_without_a_view_are_no_spans() {
    let trail = Trail::new();
    let lane = trail.lane();
    let view = SpanView::Sent(SpanShows::DEFAULT);
    let begun = trail.record();
    let mut rows = crate::record::rows::RowForm::default();
    rows.write(&crate::record::RecordRef::from(&begun));
    let id = begun.envelope.record_id;
    let open = lane.start(view, id, rows.as_bytes()).unwrap();
    trail.write(trail.record(), SpanView::None);
    lane.finish_record(begun, view, Some(open)).unwrap();
    trail.write(trail.record(), SpanView::None);
    trail.publish();
    let collector = Collector::accepting();
    let sender = trail.sender(&trail.config(&collector));
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    assert_eq!(numbers(&collector.seen(Signal::Logs)), [0, 1, 2]);
    assert_eq!(numbers(&collector.seen(Signal::Traces)), [1]);
    assert!(trail.spool.is_drained());
}

#[test]
fn spans_that_are_withheld_are_not_sent() {
    let trail = Trail::new();
    trail.calls(3);
    let collector = Collector::accepting();
    let config = SenderConfig {
        spans: Spans::Withheld,
        ..trail.config(&collector)
    };
    let sender = trail.sender(&config);
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    assert_eq!(numbers(&collector.seen(Signal::Logs)), [0, 1, 2]);
    assert!(collector.seen(Signal::Traces).is_empty());
}

#[test]
fn batches_keep_their_limits_and_a_larger_record_goes_alone() {
    let trail = Trail::new();
    let mut large = trail.record();
    large.envelope.metadata = format!("{{\"a\":\"{}\"}}", "x".repeat(14_000)).parse().ok();
    trail.calls(5);
    trail.write(large, SpanView::None);
    trail.calls(5);
    let collector = Collector::accepting();
    let config = SenderConfig {
        batch_bytes: 9000,
        batch_records: 3,
        spans: Spans::Withheld,
        ..trail.config(&collector)
    };
    let sender = trail.sender(&config);
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    let seen = collector.seen(Signal::Logs);
    // Requests are on their way side by side.
    let arrived: std::collections::BTreeSet<_> = numbers(&seen).into_iter().collect();
    assert_eq!(
        (
            arrived.len(),
            seen.iter()
                .map(|request| request.records.len())
                .sum::<usize>()
        ),
        (11, 11)
    );
    for request in &seen {
        let alone = numbers([request]) == [5];
        assert!(request.records.len() <= 3);
        assert_eq!(request.bytes.len() > 9300, alone);
    }
    assert!(seen.iter().any(|request| request.records.len() > 1));
}

#[test]
fn a_receiver_that_comes_late_gets_everything() {
    let trail = Trail::new();
    trail.calls(100);
    let mut collector = Collector::absent(4 << 20, |_| Answer::Accept);
    let sender = trail.sender(&trail.config(&collector));
    let failing = wait_for(&sender, Signal::Logs, |logs| logs.failed_attempts >= 3);
    assert_eq!(failing.last_failure, Some(Failure::Refused));
    assert!(failing.failing_since.is_some() && failing.oldest_in_flight.is_some());
    collector.appear();
    arrived(&collector, 100, 100);
    let mended = wait_for(&sender, Signal::Logs, |logs| logs.sent == 100);
    assert_eq!(mended.failing_since, None);
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    assert_eq!(
        numbers(&collector.seen(Signal::Logs)),
        (0..100).collect::<Vec<_>>()
    );
}

#[test]
fn a_receiver_that_is_killed_and_comes_back_misses_nothing() {
    let trail = Trail::new();
    let mut collector = Collector::accepting();
    let sender = trail.sender(&trail.config(&collector));
    trail.calls(20);
    wait_for(&sender, Signal::Logs, |logs| logs.sent == 20);
    wait_for(&sender, Signal::Traces, |traces| traces.sent == 20);
    collector.kill();
    trail.calls(20);
    wait_for(&sender, Signal::Logs, |logs| logs.failed_attempts >= 2);
    wait_for(&sender, Signal::Traces, |traces| {
        traces.failed_attempts >= 2
    });
    collector.appear();
    arrived(&collector, 40, 40);
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    for signal in [Signal::Logs, Signal::Traces] {
        assert_eq!(
            numbers(&collector.seen(signal)),
            (0..40).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_receiver_that_hangs_is_asked_again_with_the_same_bytes() {
    let trail = Trail::new();
    trail.calls(3);
    let mut hangs = 2;
    let collector = Collector::scripted(move |_| {
        let hanging = hangs > 0;
        hangs -= i32::from(hanging);
        if hanging {
            Answer::Hang
        } else {
            Answer::Accept
        }
    });
    let mut config = SenderConfig {
        spans: Spans::Withheld,
        ..trail.config(&collector)
    };
    config.logs.timeout = Duration::from_millis(200);
    let sender = trail.sender(&config);
    let logs = wait_for(&sender, Signal::Logs, |logs| logs.sent == 3);
    assert_eq!(logs.last_failure, Some(Failure::TimedOut));
    assert!(logs.failed_attempts >= 2);
    let seen = collector.seen(Signal::Logs);
    assert!(seen.len() >= 3);
    assert!(seen.iter().all(|again| again.bytes == seen[0].bytes));
}

#[test]
fn whatever_is_not_a_refusal_for_good_is_sent_again_byte_for_byte() {
    let refusals = [Code::InvalidArgument, Code::AlreadyExists];
    for code in (1..=16)
        .map(Code::from_i32)
        .filter(|code| !refusals.contains(code))
    {
        let trail = Trail::new();
        trail.calls(4);
        let mut answers = 0;
        let collector = Collector::scripted(move |seen| {
            answers += u32::from(seen.signal == Signal::Logs);
            match answers {
                1..=3 if seen.signal == Signal::Logs => {
                    Answer::Status(Status::new(code, "anna@example.com is not known here"))
                }
                _ => Answer::Accept,
            }
        });
        let sender = trail.sender(&trail.config(&collector));
        let logs = wait_for(&sender, Signal::Logs, |logs| logs.sent == 4);
        assert_eq!((logs.failed_attempts, logs.refused), (3, 0), "{code:?}");
        assert_eq!(logs.last_failure, Some(Failure::Status(ours(code))));
        let shown = format!("{logs:?} {}", logs.last_failure.unwrap());
        assert!(!shown.contains("anna"), "{shown}");
        let seen = collector.seen(Signal::Logs);
        assert_eq!(seen.len(), 4);
        assert!(seen.iter().all(|again| again.bytes == seen[0].bytes));
        assert!(!trail.dead_letters().exists());
    }
}

fn ours(code: Code) -> crate::emit::sender::grpc::Code {
    crate::emit::sender::grpc::Code::from_number(code as i32)
}

#[test]
fn a_traces_backend_that_hangs_does_not_hold_up_the_logs() {
    let trail = Trail::new();
    let collector = Collector::scripted(|seen| match seen.signal {
        Signal::Logs => Answer::Accept,
        Signal::Traces => Answer::Hang,
    });
    let sender = trail.sender(&trail.config(&collector));
    for sent in 1..=20 {
        trail.calls(1);
        wait_for(&sender, Signal::Logs, |logs| logs.sent == sent);
    }
    assert_eq!(sender.counters().of(Signal::Traces).sent, 0);
}

#[test]
fn spans_that_had_to_make_room_are_counted_and_the_later_ones_are_sent() {
    let trail = Trail::new();
    let away = Arc::new(AtomicBool::new(true));
    let still_away = Arc::clone(&away);
    let collector = Collector::scripted(move |seen| match seen.signal {
        Signal::Traces if still_away.load(Ordering::Relaxed) => {
            Answer::Status(Status::unavailable("away"))
        }
        _ => Answer::Accept,
    });
    let config = SenderConfig {
        batch_records: 50,
        ..trail.config(&collector)
    };
    let sender = trail.sender(&config);
    trail.calls(6000);
    wait_for(&sender, Signal::Logs, |logs| logs.sent == 6000);
    wait_for(&sender, Signal::Traces, |traces| traces.failed_attempts > 0);
    let first = trail.lane().journal().first();
    trail.spool.tidy();
    assert!(
        trail.lane().journal().first() > first,
        "spans do not hold the room"
    );
    away.store(false, Ordering::Relaxed);
    let done = |traces: &SignalStatus| traces.sent + traces.released == 6000;
    let traces = wait_for(&sender, Signal::Traces, done);
    assert!(traces.released > 0 && traces.sent > 100, "{traces:?}");
    let logs = sender.counters().of(Signal::Logs);
    assert_eq!((logs.sent, logs.released), (6000, 0));
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
}

#[test]
fn headers_go_with_every_request_and_into_no_debug_output() {
    let trail = Trail::new();
    trail.calls(1);
    let collector = Collector::accepting();
    let mut config = trail.config(&collector);
    let header = Header::parse("Authorization", "Bearer secret").unwrap();
    config.logs.headers = vec![header.clone()];
    config.traces.headers = vec![header];
    let sender = trail.sender(&config);
    let seen = arrived(&collector, 1, 1);
    for request in seen {
        assert_eq!(request.authorization.as_deref(), Some("Bearer secret"));
    }
    let target = Target::new(&config.logs).unwrap();
    let printed = format!("{config:?} {sender:?} {target:?}");
    assert!(!printed.contains("secret"), "{printed}");
}

#[test]
fn damaged_frames_are_told_and_the_rest_is_sent() {
    let trail = Trail::new();
    trail.calls(3);
    let damaged = damage_the_second_frame(&trail);
    assert!(damaged, "the frame was found in the segment");
    let collector = Collector::accepting();
    let sender = trail.sender(&trail.config(&collector));
    arrived(&collector, 2, 2);
    wait_for(&sender, Signal::Logs, |logs| logs.sent == 2);
    let clock = &trail.clock;
    let now = clock.now();
    trail.lane().tell_losses(now, || clock.record_id(now));
    trail.publish();
    arrived(&collector, 3, 2);
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    let seen = collector.seen(Signal::Logs);
    assert_eq!(numbers(&seen), [0, 2, 3]);
    let gap = seen.last().unwrap().records.last().unwrap();
    assert_eq!(gap.kind, "system");
    assert_eq!(
        gap.detail.as_deref(),
        Some("{\"count\":1,\"reason\":\"frames_damaged\"}")
    );
    assert_eq!(numbers(&collector.seen(Signal::Traces)), [0, 2]);
}

fn damage_the_second_frame(trail: &Trail) -> bool {
    let lane = trail.lane();
    let mut reader = lane.journal().reader(lane.journal().first());
    reader.next(lane.durable()).unwrap();
    let Some(crate::journal::Entry::Frame(second)) = reader.next(lane.durable()).unwrap() else {
        return false;
    };
    assert_eq!(second.kind, FINAL);
    let name = format!("spool/lane-{}", lane.stream());
    let entries = fs::read_dir(trail.directory.path().join(name)).unwrap();
    for path in entries.map(|entry| entry.unwrap().path()) {
        let bytes = fs::read(&path).unwrap();
        let place = bytes
            .windows(second.payload.len())
            .position(|window| window == second.payload);
        if let Some(place) = place {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.write_all_at(b"damage", place as u64 + 40).unwrap();
            return true;
        }
    }
    false
}

/// Longer than any test takes.
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
