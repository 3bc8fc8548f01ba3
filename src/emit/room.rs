//! Where threads wait for room in the spool.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::failure::Patience;
use super::pulse::Pulse;
use crate::clock::Clock;

/// Threads that wait for room. Whoever may have made some calls them.
#[derive(Debug, Default)]
pub(crate) struct WaitingRoom {
    waiting: AtomicUsize,
    called: Pulse,
}

/// Whether it is worth waiting after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hope {
    /// It may pass.
    May,
    /// It stays.
    None,
}

impl WaitingRoom {
    /// Tries, and as long as there is hope and patience, waits to be called and tries again. `knock` tells those who make
    /// room that somebody waits. The caller may hold no lock.
    pub(crate) fn try_with<T, E>(
        &self,
        patience: Patience,
        clock: &Clock,
        knock: impl Fn(),
        hope: impl Fn(&E) -> Hope,
        mut attempt: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        match attempt() {
            Err(fault) if hope(&fault) == Hope::May => {}
            settled => return settled,
        }
        let begun = clock.moment();
        let _seat = Seat::take(&self.waiting);
        knock();
        loop {
            // Looked at before the attempt: a call that comes behind it is not missed.
            let seen = self.called.beats();
            let outcome = attempt();
            let spent = Duration::from_nanos(clock.moment().nanos_since(begun));
            let left = patience.left(spent);
            match outcome {
                Err(fault) if hope(&fault) == Hope::May && !left.is_zero() => {}
                settled => return settled,
            }
            self.called.wait(seen, left);
        }
    }

    /// Whether anybody waits.
    pub(crate) fn is_waited_in(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// There may be room, or none will ever be: whoever waits tries again.
    pub(crate) fn call(&self) {
        if self.is_waited_in() {
            self.called.beat();
        }
    }
}

/// One who waits, until it is dropped.
struct Seat<'a>(&'a AtomicUsize);

impl<'a> Seat<'a> {
    fn take(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    fn hope(fault: &&'static str) -> Hope {
        if *fault == "full" {
            Hope::May
        } else {
            Hope::None
        }
    }

    #[test]
    fn a_thread_waits_until_it_is_called_and_there_is_room() {
        let (room, has_room) = (WaitingRoom::default(), AtomicBool::new(false));
        let attempt = || {
            let open = has_room.load(Ordering::Acquire);
            open.then_some(7).ok_or("full")
        };
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                room.try_with(Patience::Unlimited, &Clock::system(), || (), hope, attempt)
            });
            while !room.is_waited_in() {
                std::thread::yield_now();
            }
            room.call();
            has_room.store(true, Ordering::Release);
            room.call();
            assert_eq!(waits.join().unwrap(), Ok(7));
        });
        assert!(!room.is_waited_in());
    }

    #[test]
    fn patience_ends_and_what_stays_is_not_waited_for() {
        let (room, clock) = (WaitingRoom::default(), Clock::system());
        let mut attempts = 0;
        let patience = Patience::AtMost(Duration::from_millis(20));
        let full = room.try_with(
            patience,
            &clock,
            || (),
            hope,
            || {
                attempts += 1;
                Err::<(), _>("full")
            },
        );
        assert_eq!((full, attempts >= 2), (Err("full"), true));
        let closed = room.try_with(
            Patience::Unlimited,
            &clock,
            || (),
            hope,
            || Err::<(), _>("closed"),
        );
        assert_eq!(closed, Err("closed"));
    }
}
