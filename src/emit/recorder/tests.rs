use std::collections::BTreeSet;

use super::*;
use crate::clock::FixedClock;
use crate::emit::guard::{CallGuard, CallStart};
use crate::emit::testing::Bench;
use crate::record::Timestamp;

const START: u64 = 1_760_000_000_000_000_000;
const HOUR: i64 = 3_600_000_000_000;

fn fixed(bench: &Bench) -> &FixedClock {
    match bench.recorder.clock() {
        Clock::Fixed(clock) => clock,
        Clock::System(_) => panic!("the test sets its clock"),
    }
}

fn begin(bench: &Bench) -> CallGuard {
    CallGuard::start(Arc::clone(&bench.recorder), CallStart::new("chat")).unwrap()
}

#[test]
fn a_clock_that_is_set_an_hour_back_or_forth_disturbs_neither_durations_nor_order() {
    let bench = Bench::at(Clock::fixed(Timestamp::from_unix_nanos(START)));
    for jump in [-HOUR, HOUR, 3 * HOUR, -2 * HOUR] {
        let call = begin(&bench);
        fixed(&bench).set_by(jump);
        call.finish().unwrap();
        begin(&bench).finish().unwrap();
        bench.recorder.tell_losses();
    }
    let calls = bench.calls();
    assert_eq!(calls.len(), 8);
    let mut ids = BTreeSet::new();
    for (number, written) in calls.iter().enumerate() {
        let envelope = &written.record.envelope;
        let position = envelope.position.unwrap();
        assert_eq!(
            position.seq, number as u64,
            "the order is that of the numbers"
        );
        assert!(ids.insert(envelope.record_id), "no id comes twice");
        let duration = written.call().duration_ns.unwrap();
        assert!((1..1_000_000).contains(&duration), "{duration}");
    }
    let hours = |written: &crate::emit::testing::Written| {
        let since = written.record.envelope.time.unix_nanos().abs_diff(START);
        since.div_ceil(HOUR.unsigned_abs() / 2) / 2
    };
    let told: Vec<u64> = calls.iter().map(hours).collect();
    assert_eq!(
        told,
        [0, 1, 1, 0, 0, 3, 3, 1],
        "records have the time of day as it was told"
    );
}

#[test]
fn patience_is_measured_by_a_clock_that_nobody_sets() {
    let bench = Bench::at(Clock::fixed(Timestamp::from_unix_nanos(START)));
    let patience = crate::emit::failure::Patience::AtMost(Duration::from_micros(50));
    let mut attempts = 0;
    let waited = bench.recorder.try_as(OnFailure::WaitForRoom(patience), || {
        attempts += 1;
        fixed(&bench).set_by(-HOUR);
        let full = AppendError::Full {
            needed: 1,
            free: 0,
            capacity: 1,
        };
        Err::<(), _>(RecordFault::from(full))
    });
    assert!(waited.is_err());
    assert!((2..60).contains(&attempts), "{attempts}");
}
