use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::emit::recorder::Recorder;
use crate::emit::spool::{FINAL, Frame};
use crate::emit::testing::Bench;
use crate::journal::Entry;

#[test]
fn a_start_is_on_disk_where_it_was_copied_to_before_its_segment_goes() {
    let bench = small();
    let lane = bench.recorder.lane();
    begin(&bench.recorder);
    for _ in 0..600 {
        call(&bench.recorder);
    }
    let consumed = lane.sync().unwrap();
    let before = lane.journal().first();
    lane.release(consumed).unwrap();
    assert!(lane.journal().first() > before, "its segment is gone");
    let place = lane.state().starts.oldest().unwrap();
    assert!(place >= consumed.0 && lane.durable().0 > place);
}

#[test]
fn no_start_that_is_copied_forward_comes_to_stand_behind_its_end() {
    let bench = small();
    let (recorder, lane) = (&bench.recorder, bench.recorder.lane());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..4000 {
                    call(recorder);
                }
                done.store(true, Ordering::Relaxed);
            });
        }
        while !done.load(Ordering::Relaxed) {
            lane.copy_starts_forward(lane.written()).unwrap();
        }
    });
    assert_no_start_behind_its_end(lane);
}

fn assert_no_start_behind_its_end(lane: &Lane) {
    let mut ended = HashSet::new();
    let mut reader = lane.journal().reader(lane.journal().first());
    while let Some(Entry::Frame(found)) = reader.next(lane.written()).unwrap() {
        let frame = Frame::read(found.payload).unwrap();
        if found.kind == FINAL {
            ended.insert(frame.record_id);
        } else {
            assert!(
                !ended.contains(&frame.record_id),
                "it would be recovered as a call of unknown outcome"
            );
        }
    }
}

fn small() -> Bench {
    Bench::with(JournalOptions {
        segment_bytes: 64 << 10,
        capacity_bytes: 256 << 20,
        writing: crate::journal::Writing::Calls,
    })
}

fn begin(recorder: &Recorder) -> StartToken {
    recorder
        .begin(&recorder.new_call(Label::clip("chat")), SpanView::None)
        .unwrap()
}

fn call(recorder: &Recorder) {
    let call = recorder.new_call(Label::clip("chat"));
    let start = recorder.begin(&call, SpanView::None).unwrap();
    recorder.end(call, SpanView::None, Some(start)).unwrap();
}
