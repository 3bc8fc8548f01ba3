//! Appenders, a flusher, readers and a sender at once.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::*;

all_ways! {
    two_threads_append_while_one_syncs_and_two_read
    a_small_journal_passes_on_many_times_its_capacity_while_a_sender_releases
    reservations_of_many_threads_are_all_kept
}

const APPENDERS: usize = 2;
const EACH: u64 = 3000;

/// What an appender writes: who it is and its own count, so that a reader can tell what is missing or out of order.
fn signed(appender: usize, count: u64) -> Vec<u8> {
    let mut bytes = payload(count, 300);
    bytes[16] = appender as u8;
    bytes
}

/// Reads until every appender is done and everything has been read.
fn read_all(journal: &Journal, running: &AtomicUsize, durable_only: bool) {
    let mut reader = journal.reader(FrameIndex(0));
    let mut next = [0; APPENDERS];
    loop {
        let done = running.load(Ordering::Acquire) == 0;
        let below = if durable_only {
            journal.durable()
        } else {
            journal.written()
        };
        while let Some(entry) = reader.next(below).unwrap() {
            let Entry::Frame(frame) = entry else {
                panic!("{entry:?}")
            };
            let appender = usize::from(frame.payload[16]);
            assert_eq!(frame.payload, signed(appender, next[appender]));
            next[appender] += 1;
        }
        if done {
            break;
        }
        thread::yield_now();
    }
    assert_eq!(next, [EACH; APPENDERS]);
}

/// Ends the loops of the other threads when its own one panics, so that a failure is a failure and not a hang.
struct EndOnPanic<'a>(&'a AtomicUsize, usize);

impl Drop for EndOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(self.1, Ordering::Release);
        }
    }
}

fn two_threads_append_while_one_syncs_and_two_read(writing: Writing) {
    let directory = tempfile::tempdir().unwrap();
    let options = JournalOptions {
        capacity_bytes: 16 << 20,
        ..small(writing)
    };
    let (journal, _) = Journal::open(directory.path(), options, b"meta", 7).unwrap();
    let (journal, appending, syncing) =
        (&journal, &AtomicUsize::new(APPENDERS), &AtomicUsize::new(1));
    thread::scope(|scope| {
        for appender in 0..APPENDERS {
            scope.spawn(move || {
                let _end = EndOnPanic(appending, 0);
                for count in 0..EACH {
                    journal
                        .append(KIND, &signed(appender, count), Room::Free)
                        .unwrap();
                }
                appending.fetch_sub(1, Ordering::AcqRel);
            });
        }
        scope.spawn(move || {
            let _end = EndOnPanic(syncing, 0);
            loop {
                let last = appending.load(Ordering::Acquire) == 0;
                let bound = journal.sync().unwrap();
                assert!(bound <= journal.written());
                if last {
                    break;
                }
            }
            syncing.store(0, Ordering::Release);
        });
        scope.spawn(move || read_all(journal, appending, false));
        scope.spawn(move || read_all(journal, syncing, true));
    });
    assert_eq!(journal.durable().0, APPENDERS as u64 * EACH);
}

fn append_when_there_is_room(journal: &Journal, count: u64, ended: impl Fn() -> bool) {
    let mut index = 0;
    while index < count && !ended() {
        match journal.append(KIND, &payload(index, 1000), Room::Free) {
            Ok(given) => {
                assert_eq!(given.0, index);
                index += 1;
            }
            Err(AppendError::Full { .. }) => thread::yield_now(),
            Err(other) => panic!("{other}"),
        }
    }
}

fn a_small_journal_passes_on_many_times_its_capacity_while_a_sender_releases(writing: Writing) {
    let (directory, journal) = opened(writing);
    let (held, sent) = (&journal, &AtomicUsize::new(0));
    const COUNT: u64 = 10_000;
    const ENDED: usize = usize::MAX;
    thread::scope(|scope| {
        scope.spawn(move || {
            let _end = EndOnPanic(sent, ENDED);
            append_when_there_is_room(held, COUNT, || sent.load(Ordering::Acquire) == ENDED);
        });
        scope.spawn(move || {
            let _end = EndOnPanic(sent, ENDED);
            while sent.load(Ordering::Acquire) < COUNT as usize {
                held.sync().unwrap();
            }
        });
        // A bystander is overtaken by releases: it may skip, but must not stop, go back or see damage.
        scope.spawn(move || {
            let _end = EndOnPanic(sent, ENDED);
            let mut reader = held.reader(FrameIndex(0));
            let mut last = None;
            while sent.load(Ordering::Acquire) < COUNT as usize {
                if let Some(entry) = reader.next(held.durable()).unwrap() {
                    let Entry::Frame(frame) = entry else {
                        panic!("{entry:?}")
                    };
                    assert!(Some(frame.index) > last);
                    last = Some(frame.index);
                }
            }
        });
        scope.spawn(move || {
            let _end = EndOnPanic(sent, ENDED);
            let mut reader = held.reader(FrameIndex(0));
            for index in 0..COUNT {
                let frame = loop {
                    match reader.next(held.durable()).unwrap() {
                        Some(Entry::Frame(frame)) => break frame.index.0,
                        Some(Entry::Damage(damage)) => panic!("{damage:?}"),
                        None if sent.load(Ordering::Acquire) == ENDED => return,
                        None => thread::yield_now(),
                    }
                };
                assert_eq!(frame, index);
                if index % 100 == 99 {
                    held.release(FrameIndex(index + 1));
                }
                sent.store(index as usize + 1, Ordering::Release);
            }
        });
    });
    assert!(journal.usage().bytes <= small(writing).capacity_bytes);
    drop(journal);
    let (_, recovered) = open(writing, directory.path());
    assert_eq!((recovered.next.0, recovered.is_clean()), (COUNT, true));
}

fn reservations_of_many_threads_are_all_kept(writing: Writing) {
    let (_directory, journal) = opened(writing);
    let journal = &journal;
    let used: usize = thread::scope(|scope| {
        let workers: Vec<_> = (0..4u32)
            .map(|worker| {
                scope.spawn(move || {
                    let size = 500 + worker * 700;
                    let mut open = 0;
                    while journal.append(KIND, b"start", Room::Reserve(size)).is_ok() {
                        open += 1;
                    }
                    for _ in 0..open {
                        journal
                            .append(KIND, &vec![1; size as usize], Room::Use(size))
                            .unwrap();
                    }
                    open
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum()
    });
    assert!(used > 100, "{used}");
    assert_eq!(journal.usage().reserved, 0);
    assert_eq!(journal.written().0 as usize, 2 * used);
}
