use super::*;
use crate::emit::recorder::Recorder;
use crate::emit::spool::{Lane, SpanView};
use crate::emit::testing::{Bench, Written};
use crate::journal::JournalOptions;
use crate::record::{Body, Label, SystemEvent, Timestamp, canonical};

#[test]
fn the_payload_of_a_seal_is_frozen() {
    let mut payload = Vec::new();
    begin(&mut payload, "mac-01", 0x0102);
    payload.extend_from_slice(&[7; 32]);
    payload.extend_from_slice(&[8; 32]);
    let golden = [
        &[1, 6][..],
        b"mac-01",
        &[2, 1, 0, 0, 0, 0, 0, 0],
        &[7; 32],
        &[8; 32],
    ];
    assert_eq!(payload, golden.concat());
    let seal = Seal::read(&payload).unwrap();
    assert_eq!((seal.key, seal.numbers()), ("mac-01", 0x0102..0x0104));
    assert_eq!(seal.codes, [[7; 32], [8; 32]]);
}

#[test]
fn payloads_of_other_versions_and_incomplete_ones_are_not_read() {
    let mut payload = Vec::new();
    begin(&mut payload, "k", 0);
    assert_eq!(Seal::read(&payload), None, "no code");
    payload.extend_from_slice(&[7; 32]);
    assert!(Seal::read(&payload).is_some());
    for length in 0..payload.len() {
        assert_eq!(Seal::read(&payload[..length]), None, "{length} bytes");
    }
    payload[0] = 2;
    assert_eq!(Seal::read(&payload), None);
}

#[test]
fn what_is_durable_is_sealed_and_the_codes_are_those_of_the_records() {
    let bench = Bench::new();
    let lane = bench.recorder.lane();
    // More than one seal's worth, sealed in several rounds.
    for count in [1, 700, 3] {
        calls(&bench.recorder, count);
        assert_eq!(lane.sync().unwrap(), lane.written(), "its seals included");
    }
    let seals = seals(lane);
    assert!(
        seals.len() > 4
            && seals
                .iter()
                .all(|(numbers, _)| numbers.end - numbers.start <= 256)
    );
    let codes: Vec<_> = seals
        .iter()
        .flat_map(|(numbers, codes)| numbers.clone().zip(codes))
        .collect();
    let written = bench.written();
    assert_eq!((written.len(), codes.len()), (704, 704));
    for (written, (seq, code)) in written.iter().zip(codes) {
        assert_eq!(written.record.envelope.position.unwrap().seq, seq);
        assert_eq!(&bench.keys.code(&canonical::bytes(&written.record)), code);
    }
}

#[test]
fn a_reader_takes_the_code_from_the_seal_and_makes_it_where_there_is_none() {
    let bench = Bench::new();
    let lane = bench.recorder.lane();
    calls(&bench.recorder, 300);
    let sealed = lane.sync().unwrap();
    calls(&bench.recorder, 2);
    // A reader with other keys shows which code is whose.
    let own = Keyring::generate(
        Timestamp::from_unix_nanos(86_400_000_000_000),
        [[3; 32], [4; 32]],
    );
    let mut codes = Codes::new(lane.journal().reader(FrameIndex(0)), Arc::new(own));
    let mut reader = lane.journal().reader(FrameIndex(0));
    while let Some(Entry::Frame(found)) = reader.next(lane.written()).unwrap() {
        if found.kind != FINAL {
            continue;
        }
        let first = *codes.seal(&found, lane.written()).unwrap().code;
        let seal = codes.seal(&found, lane.written()).unwrap();
        assert_eq!(&first, seal.code, "asked again, it says the same");
        assert_eq!(seal.key == "mac-1970-01-01", found.index < sealed);
        assert_eq!(seal.key == "mac-1970-01-02", found.index >= sealed);
    }
}

#[test]
fn a_lane_that_is_taken_over_is_sealed_and_tells_how_many_records_were_not() {
    let bench = Bench::new();
    calls(&bench.recorder, 5);
    bench.recorder.lane().sync().unwrap();
    calls(&bench.recorder, 4);
    let next = bench.next_process();
    assert_eq!(unsealed_told(&next), [4]);
    let lanes = next.recorder.spool().lanes();
    let taken = lanes
        .iter()
        .find(|lane| lane.stream() == bench.recorder.lane().stream());
    let taken = taken.unwrap();
    let covered: Vec<u64> = seals(taken)
        .into_iter()
        .flat_map(|(numbers, _)| numbers)
        .collect();
    assert_eq!(
        covered,
        (0..10).collect::<Vec<_>>(),
        "nine calls and the record that tells it"
    );

    let orderly = Bench::new();
    calls(&orderly.recorder, 3);
    orderly.recorder.lane().sync().unwrap();
    assert_eq!(unsealed_told(&orderly.next_process()), [] as [u64; 0]);
}

#[test]
fn a_record_that_is_sealed_keeps_its_number_though_its_frame_is_gone() {
    let bench = Bench::new();
    let lane = bench.recorder.lane();
    calls(&bench.recorder, 3);
    lane.sync().unwrap();
    let mut payload = Vec::new();
    begin(&mut payload, "mac", 3);
    payload.extend_from_slice(&[[9; 32], [9; 32]].concat());
    lane.journal().append(SEAL, &payload, Room::Free).unwrap();
    let next = bench.next_process();
    let lanes = next.recorder.spool().lanes();
    let dead = lane.stream();
    let taken = lanes.iter().find(|lane| lane.stream() == dead).unwrap();
    let record = bench.written().remove(0).record;
    taken.finish_record(record, SpanView::None, None).unwrap();
    let numbers: Vec<u64> = next
        .written()
        .iter()
        .map(|written| written.record.envelope.position.unwrap().seq)
        .collect();
    assert_eq!(
        numbers,
        [0, 1, 2, 5],
        "3 and 4 are missing, and show as missing"
    );
}

#[test]
fn a_seal_takes_no_room_that_is_reserved_and_a_full_spool_is_still_read() {
    let bench = Bench::with(JournalOptions {
        segment_bytes: 1 << 16,
        capacity_bytes: 1 << 17,
        ..JournalOptions::default()
    });
    let recorder = &bench.recorder;
    calls(recorder, 2);
    let mut open = Vec::new();
    while let Ok(start) = recorder.begin(&recorder.new_call(Label::clip("chat")), SpanView::None) {
        open.push(start);
    }
    let lane = recorder.lane();
    while lane.journal().reserve(16).is_ok() {}
    assert_eq!(lane.sync().unwrap(), lane.written());
    assert!(seals(lane).is_empty(), "there is no room for one");
    assert_eq!(bench.calls().len(), 2);
    let ended = open.len();
    for start in open {
        let call = recorder.new_call(Label::clip("chat"));
        recorder.end(call, SpanView::None, Some(start)).unwrap();
        lane.sync().unwrap();
    }
    assert_eq!(bench.calls().len(), 2 + ended);
    assert!(!seals(lane).is_empty(), "ends leave room that was theirs");
    assert_eq!(unsealed_told(&bench.next_process()), [2]);
}

fn calls(recorder: &Recorder, count: usize) {
    for _ in 0..count {
        let call = recorder.new_call(Label::clip("chat"));
        recorder.end(call, SpanView::None, None).unwrap();
    }
}

/// The numbers and codes of a lane's seals.
fn seals(lane: &Lane) -> Vec<(std::ops::Range<u64>, Vec<[u8; 32]>)> {
    let mut seals = Vec::new();
    let mut reader = lane.journal().reader(FrameIndex(0));
    while let Some(Entry::Frame(found)) = reader.next(lane.written()).unwrap() {
        if found.kind == SEAL {
            let seal = Seal::read(found.payload).unwrap();
            seals.push((seal.numbers(), seal.codes.to_vec()));
        }
    }
    seals
}

/// What records of a recovery tell of unsealed records.
fn unsealed_told(bench: &Bench) -> Vec<u64> {
    let told = |written: Written| match written.record.body {
        Body::System(system) if system.event == SystemEvent::Recovery => {
            system.detail?.to_value()["unsealed"].as_u64()
        }
        _ => None,
    };
    bench.written().into_iter().filter_map(told).collect()
}
