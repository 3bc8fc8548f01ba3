use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::span;
use tracing::subscriber::Interest;

use super::collector::{Answer, numbers};
use super::*;
use crate::emit::sender::delivery::restart;

#[test]
fn a_stop_while_the_receiver_is_away_returns_in_time_and_loses_nothing() {
    let trail = Trail::new();
    trail.calls(30);
    let absent = Collector::absent(4 << 20, |_| Answer::Accept);
    let mut config = trail.config(&absent);
    config.backoff.first = Duration::from_secs(7200);
    config.backoff.most = Duration::from_secs(7200);
    let sender = trail.sender(&config);
    wait_for(&sender, Signal::Logs, |logs| logs.pause.is_some());
    let clock = Clock::system();
    let begun = clock.moment();
    assert_eq!(sender.stop(Duration::from_millis(50)), Drained::Rest);
    let taken = Duration::from_nanos(clock.moment().nanos_since(begun));
    assert!(taken < Duration::from_secs(5), "{taken:?}");
    let logs = sender.counters().of(Signal::Logs);
    assert_eq!(logs.course, Course::Ended);
    assert_eq!(sender.stop(PATIENCE), Drained::Rest, "and it says so again");
    drop(sender);

    let trail = trail.next_process("shipping");
    let collector = Collector::accepting();
    let sender = trail.sender(&trail.config(&collector));
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    for signal in [Signal::Logs, Signal::Traces] {
        assert_eq!(
            numbers(&collector.seen(signal)),
            (0..30).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_stop_delivers_what_became_durable_before_it() {
    let trail = Trail::new();
    let collector = Collector::accepting();
    let sender = trail.sender(&trail.config(&collector));
    for _ in 0..10 {
        trail.write(trail.record(), SpanView::None);
    }
    trail.lane().sync().unwrap();
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    assert_eq!(
        numbers(&collector.seen(Signal::Logs)),
        (0..10).collect::<Vec<_>>()
    );
}

#[test]
fn a_stop_cuts_a_pause_short() {
    let trail = Trail::new();
    trail.calls(5);
    let mut collector = Collector::absent(4 << 20, |_| Answer::Accept);
    let mut config = trail.config(&collector);
    config.backoff.first = Duration::from_secs(7200);
    config.backoff.most = Duration::from_secs(7200);
    let sender = trail.sender(&config);
    for signal in [Signal::Logs, Signal::Traces] {
        wait_for(&sender, signal, |status| status.pause.is_some());
    }
    collector.appear();
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    assert_eq!(
        numbers(&collector.seen(Signal::Traces)),
        (0..5).collect::<Vec<_>>()
    );
}

#[test]
fn a_stop_that_waits_for_a_receiver_ends_when_it_comes() {
    let trail = Trail::new();
    trail.calls(5);
    let mut collector = Collector::absent(4 << 20, |_| Answer::Accept);
    let sender = trail.sender(&trail.config(&collector));
    wait_for(&sender, Signal::Logs, |logs| logs.failed_attempts > 0);
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| sender.stop(PATIENCE));
        wait_for(&sender, Signal::Logs, |logs| logs.failed_attempts > 5);
        collector.appear();
        assert_eq!(stopping.join().unwrap(), Drained::Everything);
    });
    assert_eq!(
        numbers(&collector.seen(Signal::Logs)),
        (0..5).collect::<Vec<_>>()
    );
}

#[test]
fn it_works_and_stops_inside_a_runtime_that_does_nothing_but_wait_for_it() {
    let runtimes = [
        tokio::runtime::Builder::new_current_thread(),
        tokio::runtime::Builder::new_multi_thread(),
    ];
    for mut builder in runtimes {
        let trail = Trail::new();
        let collector = Collector::accepting();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let delivery = async {
            let sender = trail.sender(&trail.config(&collector));
            trail.calls(10);
            let drained = sender.stop(PATIENCE);
            drop(sender);
            drained
        };
        assert_eq!(runtime.block_on(delivery), Drained::Everything);
        assert_eq!(numbers(&collector.seen(Signal::Logs)).len(), 10);
    }
}

#[test]
fn a_stopped_sender_lets_go_of_the_spool() {
    let trail = Trail::new();
    trail.calls(1);
    let collector = Collector::scripted(|_| Answer::Hang);
    let sender = trail.sender(&trail.config(&collector));
    collector.wait_for(|seen| !seen.is_empty());
    drop(sender);
    assert_eq!(Arc::strong_count(&trail.spool), 1);
}

/// Counts what is said on threads of senders.
struct Listener(Arc<AtomicUsize>);

impl tracing::Subscriber for Listener {
    fn register_callsite(&self, _: &'static tracing::Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        std::thread::current().name() == Some("llm-audit-sender")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        self.0.fetch_add(1, Ordering::Relaxed);
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn the_senders_own_client_is_not_heard_by_the_hosts_subscriber() {
    let heard = Arc::new(AtomicUsize::new(0));
    // The subscriber of the whole process, as a host sets it: it hears every thread that has none of its own.
    tracing::subscriber::set_global_default(Listener(Arc::clone(&heard))).unwrap();
    let control = std::thread::Builder::new().name("llm-audit-sender".into());
    let speaking = control.spawn(|| tracing::info!("heard")).unwrap();
    speaking.join().unwrap();
    assert_eq!(heard.swap(0, Ordering::Relaxed), 1);

    let trail = Trail::new();
    trail.calls(10);
    let collector = Collector::accepting();
    let mut config = trail.config(&collector);
    let endpoint = collector.endpoint().replace("127.0.0.1", "localhost");
    config.logs = target(&endpoint, Signal::Logs);
    config.traces = target(&endpoint, Signal::Traces);
    let sender = trail.sender(&config);
    assert_eq!(sender.stop(PATIENCE), Drained::Everything);
    assert_eq!(heard.load(Ordering::Relaxed), 0);
}

#[test]
fn a_delivery_that_ends_unexpectedly_is_counted_and_started_again() {
    let trail = Trail::new();
    let collector = Collector::accepting();
    let config = trail.config(&collector);
    let (spool, pulse) = (Arc::clone(&trail.spool), Arc::clone(&trail.pulse));
    let shared = Circumstances::new(&config, spool, pulse, Arc::clone(&trail.clock)).unwrap();
    let shared = Arc::new(shared);
    let crashes = Arc::new(AtomicUsize::new(0));
    let deliver = || {
        let crashes = Arc::clone(&crashes);
        async move {
            assert!(crashes.fetch_add(1, Ordering::Relaxed) >= 2, "planted");
            Drained::Everything
        }
    };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let drained = runtime.block_on(restart(&shared, Signal::Logs, deliver));
    assert_eq!(drained, Drained::Everything);
    let logs = shared.counters.of(Signal::Logs);
    assert_eq!(logs.crashes, 2);
    assert_eq!(logs.last_failure, Some(Failure::Crashed));
}
