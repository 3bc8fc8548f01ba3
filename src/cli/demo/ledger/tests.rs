//! A real trail, and what the ledger says when something is taken away from it.

use std::time::Duration;

use super::*;
use crate::cli::demo::receiver::{INSTANCE, Receiver};
use crate::record::SpanId;
use crate::{Auditor, CallStart, Drained, keyring_file};

/// What three calls, a change and an access left behind.
struct Trail {
    received: Received,
    health: Health,
    keys: Keyring,
    said: PrivateTexts,
}

impl Trail {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let receiver = Receiver::start().unwrap();
        let audit = Auditor::builder()
            .resource_attribute(INSTANCE, "this one")
            .data_dir(directory.path())
            .generate_keyring()
            .endpoint(&receiver.endpoint())
            .build()
            .unwrap();
        let mut said = PrivateTexts::default();
        Administration::work(&audit, &mut said).unwrap();
        for user in ["anna", "ben", "chen"] {
            let start = CallStart::new("chat").provider("openai").model("gpt-4o");
            let mut call = audit.start(start.user(user)).unwrap();
            call.input(&[PROMPT]).unwrap();
            call.finish().unwrap();
        }
        said.add(PROMPT);
        let drained = audit.shutdown_async(Duration::from_secs(30)).await;
        assert_eq!(drained, Drained::Complete);
        Self {
            received: receiver.stop().await.unwrap(),
            health: audit.health(),
            keys: keyring_file::read(&directory.path().join("keyring.json")).unwrap(),
            said,
        }
    }

    fn ledger(&self) -> Ledger {
        Ledger::of(&Run {
            calls: 3,
            administration: Administration {
                accesses: 1,
                changes: 1,
            },
            instance: "this one",
            health: &self.health,
            received: &self.received,
            keys: &self.keys,
            said: &self.said,
            telling_files: 0,
        })
    }

    /// The checks that do not hold.
    fn faults(&self) -> Vec<(&'static str, u64)> {
        let ledger = self.ledger();
        let failed = ledger.checks.iter().filter(|check| check.faults > 0);
        let failed: Vec<_> = failed.map(|check| (check.name, check.faults)).collect();
        assert!(failed.is_empty() || !ledger.is_clean());
        failed
    }

    /// Takes away the first log record of this kind.
    fn take(&mut self, of_kind: fn(&Body) -> bool) -> ReceivedLog {
        let mut logs = self.received.logs.iter();
        let (id, _) = logs.find(|(_, log)| of_kind(&log.record.body)).unwrap();
        let id = *id;
        self.received.logs.remove(&id).unwrap()
    }

    fn first_span(&self) -> SpanId {
        *self.received.spans.keys().next().unwrap()
    }
}

#[tokio::test]
async fn a_whole_trail_is_clean() {
    let trail = Trail::new().await;
    let ledger = trail.ledger();
    assert!(ledger.is_clean(), "{ledger:?}");
    let counts = (ledger.spooled, ledger.logs, ledger.spans, ledger.lost);
    assert_eq!(counts, (7, 7, 3, 0));
}

#[tokio::test]
async fn a_record_that_never_came_is_lost_whatever_it_is_about() {
    let kinds: [fn(&Body) -> bool; 4] = [
        |body| matches!(body, Body::Access(_)),
        |body| matches!(body, Body::Call(_)),
        |body| matches!(body, Body::Change(_)),
        |body| matches!(body, Body::System(_)),
    ];
    let mut trail = Trail::new().await;
    for (lost, kind) in (1..).zip(kinds) {
        trail.take(kind);
        let ledger = trail.ledger();
        assert_eq!(ledger.lost, lost);
        assert!(trail.faults().contains(&("sequence", lost)));
    }
}

#[tokio::test]
async fn what_was_never_recorded_is_lost() {
    let mut trail = Trail::new().await;
    // As if the disk had been full before the last call and the stop.
    let last = |log: &ReceivedLog| log.record.envelope.position.map(|position| position.seq);
    trail.received.logs.retain(|_, log| last(log) < Some(5));
    let places = trail
        .received
        .logs
        .values()
        .filter_map(|log| log.record.envelope.trace);
    let kept: Vec<_> = places.map(|place| place.span_id).collect();
    trail.received.spans.retain(|id, _| kept.contains(id));
    trail.health.spooled = 5;
    assert_eq!((trail.ledger().lost, trail.faults()), (2, vec![]));
}

#[tokio::test]
async fn a_record_that_was_altered_is_not_authentic() {
    let mut trail = Trail::new().await;
    let mut log = trail.take(|body| matches!(body, Body::Call(_)));
    log.record.envelope.actor.user_id = None;
    let id = log.record.envelope.record_id;
    trail.received.logs.insert(id, log);
    assert_eq!(trail.faults(), [("authentication", 1)]);
}

#[tokio::test]
async fn a_span_that_is_missing_strange_or_different_is_found() {
    let mut trail = Trail::new().await;
    let id = trail.first_span();
    let mut span = trail.received.spans.remove(&id).unwrap();
    assert_eq!(trail.faults(), [("spans", 1)]);
    span.mac = None;
    trail.received.spans.insert(id, span);
    assert_eq!(trail.faults(), [("spans", 1)]);

    let mut trail = Trail::new().await;
    let id = trail.first_span();
    let span = trail.received.spans.remove(&id).unwrap();
    let other = SpanId::from_bytes([7; 8]).unwrap();
    trail.received.spans.insert(other, span);
    assert_eq!(trail.faults(), [("spans", 1)]);
}

#[tokio::test]
async fn a_prompt_in_a_request_is_found() {
    let mut trail = Trail::new().await;
    trail.received.requests[0].extend_from_slice(PROMPT.as_bytes());
    assert_eq!(trail.faults(), [("private_received", 1)]);
}

#[tokio::test]
async fn records_of_other_processes_are_not_counted() {
    let mut trail = Trail::new().await;
    for log in trail.received.logs.values_mut() {
        log.instance = Some("another one".to_owned());
    }
    assert_eq!((trail.ledger().logs, trail.ledger().lost), (0, 7));
}

const PROMPT: &str = "The account of Mrs Okafor was closed in spring.";
