//! Applications that are killed at any moment: every call whose start was recorded leaves a record, and none leaves two.
//!
//! `LLM_AUDIT_KILL_RUNS` says how often (20 unless said), and `LLM_AUDIT_KILL_SECONDS` for how long at most, for each way to
//! deliver. A run is up to three generations of an application on one data directory, each killed (SIGKILL) at a random
//! moment, also while it takes over what the one before it left; and then a process that is not killed, which takes over
//! everything. Spools are large and small, written by system calls and through mapped memory, in turn. Runs have nothing to do
//! with each other, so that loops of several days add up.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/part.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod part;
#[path = "support/receiver.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod receiver;
#[path = "support/trail.rs"]
mod trail;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use llm_audit::clock::Clock;
use llm_audit::failure::OnFailure;
use llm_audit::record::AccessOutcome;
use llm_audit::record::SystemEvent;
use llm_audit::{
    AuditSpanExt as _, AuditStreamExt as _, Auditor, AuditorBuilder, CallStart, Drained, Provider,
    RecordId, keyring_file,
};
use part::{Part, Player};
use receiver::Receiver;
use serde_json::json;
use tracing::{Span, instrument};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use trail::Trail;

#[test]
fn every_call_of_a_killed_application_is_in_the_json_lines_once() {
    if let Some(part) = Part::of_this_process() {
        return application(&part);
    }
    let mut sum = Sum::of("JSON lines");
    for run in Runs::asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let acknowledged = generations(
            "every_call_of_a_killed_application_is_in_the_json_lines_once",
            directory.path(),
            run,
            &[],
        );
        let lines = settings(directory.path(), None).build().unwrap();
        assert_eq!(lines.shutdown(PATIENCE), Drained::Complete);
        let trail = Trail::of_lines(directory.path());
        assert!(
            trail.torn <= acknowledged.kills,
            "{} lines are torn by {} kills",
            trail.torn,
            acknowledged.kills
        );
        sum.add(&trail, &acknowledged);
        check(&trail, &acknowledged, directory.path());
    }
}

#[test]
fn every_call_of_a_killed_application_reaches_the_receiver() {
    if let Some(part) = Part::of_this_process() {
        return application(&part);
    }
    let mut sum = Sum::of("OTLP");
    for run in Runs::asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let receiver = Receiver::start();
        let endpoint = receiver.endpoint();
        let variables = [(ENDPOINT, endpoint.as_str())];
        let acknowledged = generations(
            "every_call_of_a_killed_application_reaches_the_receiver",
            directory.path(),
            run,
            &variables,
        );
        let sender = settings(directory.path(), Some(&endpoint)).build().unwrap();
        assert_eq!(sender.shutdown(PATIENCE), Drained::Complete);
        let keys = keyring_file::read(&directory.path().join("keyring.json")).unwrap();
        let requests = receiver.requests();
        let trail = requests.trail(&keys);
        sum.add(&trail, &acknowledged);
        check(&trail, &acknowledged, directory.path());
        check_spans(&requests, &trail);
    }
}

/// What applications were told had been recorded, before they were killed.
#[derive(Default)]
struct Acknowledged {
    /// Every call that was begun, and how it ended, where that was recorded too.
    calls: BTreeMap<RecordId, Option<String>>,
    kills: u64,
}

impl Acknowledged {
    fn hear(&mut self, line: &str) {
        let mut words = line.split(' ');
        let (what, id) = (
            words.next().unwrap(),
            words.next().unwrap().parse().unwrap(),
        );
        match (what, words.next()) {
            ("begun", None) => assert_eq!(self.calls.insert(id, None), None),
            ("ended", Some(status)) => {
                assert_ne!(
                    self.calls.insert(id, Some(status.to_owned())),
                    Some(Some(status.to_owned()))
                );
            }
            _ => panic!("{line}"),
        }
    }
}

/// Up to three applications, one after the other.
fn generations(test: &str, data_dir: &Path, run: u64, variables: &[(&str, &str)]) -> Acknowledged {
    let mut acknowledged = Acknowledged::default();
    let spool_bytes = if run.is_multiple_of(2) {
        "1073741824"
    } else {
        "1048576"
    };
    // Half of the large and half of the small spools are written through mapped memory.
    let writing = if run % 4 < 2 { "calls" } else { "mapped" };
    let own = [(SPOOL_BYTES, spool_bytes), (WRITING, writing)];
    let variables = [variables, &own].concat();
    for generation in 0..=run % 3 {
        let mut player = Player::start(test, "application", data_dir, &variables);
        if generation == 0 {
            acknowledged.hear(
                &player
                    .hear()
                    .expect("the application records its first call"),
            );
        }
        let before = if generation == 0 {
            between(5, 200)
        } else {
            between(1, 120)
        };
        for line in player.hear_for(before) {
            acknowledged.hear(&line);
        }
        for line in player.kill() {
            acknowledged.hear(&line);
        }
        acknowledged.kills += 1;
    }
    acknowledged
}

fn check(trail: &Trail, acknowledged: &Acknowledged, data_dir: &Path) {
    for (id, ended) in &acknowledged.calls {
        let status = trail.status(*id);
        match ended {
            Some(ended) => assert_eq!(
                status,
                Some(ended.as_str()),
                "{id} ended and was acknowledged"
            ),
            None => assert!(status.is_some(), "{id} began and was acknowledged"),
        }
    }
    assert_eq!(trail.missing(), BTreeMap::new(), "numbers are gapless");
    let mut gaps = trail.gaps();
    // A kill in the middle of a write(2): what was being written was not acknowledged.
    gaps.remove("torn_tail");
    assert_eq!(gaps, BTreeMap::new(), "a kill takes nothing");
    let stops: Vec<_> = trail
        .records
        .values()
        .filter(|record| event(record) == Some(SystemEvent::Stop))
        .collect();
    assert_eq!(stops.len(), 1, "all but the last process were killed");
    let stop = stops[0].envelope.position.unwrap();
    let detail = &trail.system(SystemEvent::Stop)[0];
    assert_eq!(
        (&detail["final"], &detail["dropped"]),
        (&json!(stop.seq), &json!(0)),
        "totals of the last process"
    );
    let numbers = &trail.streams()[&stop.stream];
    assert_eq!(
        numbers.len() as u64,
        stop.seq + 1,
        "a stop is the last record of its stream"
    );
    let left: Vec<_> = std::fs::read_dir(data_dir.join("spool")).unwrap().collect();
    assert!(left.is_empty(), "what was delivered is not kept: {left:?}");
}

/// A span for every call, and none of a call that has no record.
fn check_spans(requests: &receiver::Requests, trail: &Trail) {
    let mut spans: Vec<_> = requests
        .spans()
        .into_iter()
        .map(|span| (span.trace_id, span.span_id))
        .collect();
    spans.sort();
    spans.dedup();
    let calls = trail
        .records
        .values()
        .filter_map(|record| record.envelope.trace);
    let mut calls: Vec<_> = calls
        .map(|trace| {
            (
                trace.trace_id.as_bytes().to_vec(),
                trace.span_id.as_bytes().to_vec(),
            )
        })
        .collect();
    calls.sort();
    assert!(
        spans == calls,
        "{} spans of {} calls",
        spans.len(),
        calls.len()
    );
}

fn event(record: &llm_audit::record::AuditRecord) -> Option<SystemEvent> {
    match &record.body {
        llm_audit::record::Body::System(system) => Some(system.event),
        _ => None,
    }
}

/// What came of all runs; said when they end, whichever way, and now and then before.
struct Sum {
    way: &'static str,
    runs: u64,
    kills: u64,
    begun: usize,
    ended: usize,
    lost: usize,
    records: usize,
    unknown: usize,
    repeated: u64,
    torn: u64,
}

impl Sum {
    fn of(way: &'static str) -> Self {
        Self {
            way,
            runs: 0,
            kills: 0,
            begun: 0,
            ended: 0,
            lost: 0,
            records: 0,
            unknown: 0,
            repeated: 0,
            torn: 0,
        }
    }

    fn add(&mut self, trail: &Trail, acknowledged: &Acknowledged) {
        self.runs += 1;
        self.kills += acknowledged.kills;
        self.begun += acknowledged.calls.len();
        self.ended += acknowledged.calls.values().flatten().count();
        let begun = acknowledged.calls.keys();
        self.lost += begun.filter(|id| trail.status(**id).is_none()).count();
        self.records += trail.records.len();
        self.unknown += trail.count("unknown");
        self.repeated += trail.repeated;
        self.torn += trail.torn;
        if self.runs.is_multiple_of(100) {
            self.print();
        }
    }

    fn print(&self) {
        let Self {
            way,
            runs,
            kills,
            begun,
            ended,
            lost,
            records,
            unknown,
            repeated,
            torn,
        } = self;
        println!(
            "{way}: {runs} runs, {kills} kills, {begun} acknowledged starts ({ended} with their end), {lost} lost; \
             {records} records, {unknown} of unknown outcome; {repeated} copies dropped by record id, {torn} torn lines"
        );
    }
}

impl Drop for Sum {
    fn drop(&mut self) {
        self.print();
    }
}

/// The numbers of the runs, as many as there is time for.
struct Runs {
    numbers: Range<u64>,
    end: Option<Instant>,
}

impl Runs {
    fn asked_for() -> Self {
        let number = |name| -> Option<u64> {
            let text = std::env::var_os(name)?.into_string().unwrap();
            Some(text.parse().unwrap())
        };
        let seconds = number("LLM_AUDIT_KILL_SECONDS").map(Duration::from_secs);
        Self {
            numbers: 0..number("LLM_AUDIT_KILL_RUNS").unwrap_or(20),
            end: seconds.map(|seconds| Instant::now() + seconds),
        }
    }
}

impl Iterator for Runs {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let late = self.end.is_some_and(|end| Instant::now() >= end);
        // One at least, so that a loop which had no time does not pass for one that found nothing.
        if late && self.numbers.start > 0 {
            return None;
        }
        self.numbers.next()
    }
}

/// The application that is killed: calls of every kind, as many as it can.
fn application(part: &Part) {
    let endpoint = part.setting(ENDPOINT);
    let bytes: u64 = part.setting(SPOOL_BYTES).unwrap().parse().unwrap();
    let settings = settings(&part.data_dir, endpoint.as_deref()).spool_bytes(bytes);
    let settings = match part.setting(WRITING).as_deref() {
        Some("mapped") => settings.mapped_spool(),
        _ => settings,
    };
    let audit = settings.build().unwrap();
    tracing_subscriber::registry().with(audit.layer()).init();
    audit.verify_installed().unwrap();
    // A layer does not say whether it could record: what it begins counts only where there is room for everything.
    let roomy = bytes > 1 << 28;
    let stopped = AtomicBool::new(false);
    let number = AtomicU64::new(0);
    let kinds = if roomy {
        &Work::ALL[..]
    } else {
        &Work::ALL[..3]
    };
    std::thread::scope(|scope| {
        let long = audit
            .start(
                CallStart::new("chat")
                    .provider("openai")
                    .model("gpt-4o")
                    .user("long"),
            )
            .unwrap();
        part.say(&format!("begun {}", long.record_id()));
        for kind in kinds {
            let (audit, stopped, number) = (&audit, &stopped, &number);
            scope.spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    kind.be_done(part, audit, number.fetch_add(1, Ordering::Relaxed));
                }
            });
        }
        // Only a test that is gone gets here.
        assert_eq!(part.hear(), None);
        stopped.store(true, Ordering::Relaxed);
        drop(long);
    });
}

/// What one thread of the application does, over and over.
enum Work {
    Changes,
    Guards,
    Nested,
    Spans,
    Streams,
}

impl Work {
    const ALL: [Self; 6] = [
        Self::Changes,
        Self::Guards,
        Self::Guards,
        Self::Nested,
        Self::Spans,
        Self::Streams,
    ];

    fn be_done(&self, part: &Part, audit: &Auditor, number: u64) {
        match self {
            Self::Changes => changes(part, audit),
            Self::Guards => guards(part, audit, number),
            Self::Nested => nested(part, number),
            Self::Spans => spans(part, number),
            Self::Streams => futures_executor::block_on(streams(part, number)),
        }
    }
}

fn guards(part: &Part, audit: &Auditor, number: u64) {
    let start = CallStart::new("chat")
        .provider("openai")
        .model("gpt-4o")
        .user("guard")
        .on_failure(OnFailure::FailClosed);
    let Ok(mut call) = audit.start(start) else {
        return;
    };
    let id = call.record_id();
    part.say(&format!("begun {id}"));
    call.input(&json!([{ "role": "user", "content": format!("question {number}") }]))
        .unwrap();
    let (ended, status) = match number % 4 {
        0 => (call.finish(), "success"),
        1 => (
            call.fail("timeout", &"the provider did not answer"),
            "error",
        ),
        2 => (call.block("policy"), "blocked"),
        _ => {
            drop(call);
            (Ok(id), "cancelled")
        }
    };
    // A dropped guard cannot say that there was no room; then its record is a gap's.
    if ended.is_ok() && audit.health().dropped == 0 {
        part.say(&format!("ended {id} {status}"));
    }
}

fn changes(part: &Part, audit: &Auditor) {
    let change = audit
        .change("rotated", "api_keys", "key-7")
        .changed_by("anna")
        .before(&json!({ "age": 7 }))
        .unwrap();
    if let Ok(id) = change.record() {
        part.say(&format!("ended {id} change"));
    }
    if let Ok(id) = audit
        .access("login", AccessOutcome::Denied)
        .user("ben")
        .record()
    {
        part.say(&format!("ended {id} access"));
    }
}

fn spans(part: &Part, number: u64) {
    let (id, answered) = ask(part, number);
    part.say(&format!(
        "ended {id} {}",
        if answered.is_ok() { "success" } else { "error" }
    ));
}

#[instrument(skip_all, fields(gen_ai.operation.name = "chat", gen_ai.provider.name = "anthropic",
                              gen_ai.request.model = "claude-sonnet-4-5", user.id = "anna"))]
fn ask(part: &Part, number: u64) -> (RecordId, Result<(), String>) {
    let call = Span::current();
    let id = call.audit_record_id().unwrap();
    part.say(&format!("begun {id}"));
    call.audit_input(&json!([{ "role": "user", "content": format!("question {number}") }]))
        .unwrap();
    if number.is_multiple_of(3) {
        return (
            id,
            call.audit_result(Err(format!("no answer to question {number}"))),
        );
    }
    let response = json!({
        "id": "msg_01", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": [{ "type": "text", "text": "answer" }], "stop_reason": "end_turn",
        "usage": { "input_tokens": 21, "output_tokens": 2 },
    });
    call.audit_response(Provider::Anthropic, &response).unwrap();
    (id, Ok(()))
}

/// A stream read to its end, given up, or cut by the provider.
async fn streams(part: &Part, number: u64) {
    let call = tracing::info_span!(
        "stream",
        gen_ai.operation.name = "chat",
        gen_ai.request.model = "gpt-4o-mini"
    );
    let id = call.audit_record_id().unwrap();
    let (pieces, status) = match number % 3 {
        0 => (ANSWER.len(), "success"),
        1 => (1, "cancelled"),
        _ => (2, "error"),
    };
    let provider = stream::iter(
        ANSWER
            .iter()
            .map(|piece| Ok::<_, String>(piece.as_bytes()))
            .take(pieces.max(2)),
    );
    let mut answer = provider.audit_stream(&call, Provider::OpenAi);
    drop(call);
    answer.next().await;
    part.say(&format!("begun {id}"));
    if status != "cancelled" {
        while answer.next().await.is_some() {}
    }
    drop(answer);
    part.say(&format!("ended {id} {status}"));
}

/// A call within a call.
#[instrument(skip_all, fields(gen_ai.operation.name = "invoke_agent"))]
fn nested(part: &Part, number: u64) {
    part.say(&format!(
        "begun {}",
        Span::current().audit_record_id().unwrap()
    ));
    spans(part, number);
}

fn settings(data_dir: &Path, endpoint: Option<&str>) -> AuditorBuilder {
    let settings = Auditor::builder()
        .service("killed")
        .data_dir(data_dir)
        .generate_keyring();
    match endpoint {
        Some(endpoint) => settings.endpoint(endpoint),
        None => settings.without_sender().json_lines(),
    }
}

/// A random time, both ends in milliseconds.
fn between(least: u64, most: u64) -> Duration {
    let dice = u64::from_le_bytes(Clock::system().random());
    Duration::from_micros(least * 1000 + dice % ((most - least) * 1000))
}

const ANSWER: [&str; 4] = [
    "data: {\"id\":\"c1\",\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\nda",
    "ta: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" there\"}}]}\n\n",
    "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: [DONE]\n\n",
];
const ENDPOINT: &str = "TEST_ENDPOINT";
const SPOOL_BYTES: &str = "TEST_SPOOL_BYTES";
const WRITING: &str = "TEST_WRITING";
const PATIENCE: Duration = Duration::from_secs(120);
