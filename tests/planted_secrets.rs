//! Secrets planted wherever an application has content: none of them is in any byte that leaves it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/part.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod part;
#[path = "support/place.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod place;
#[path = "support/receiver.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod receiver;
#[path = "support/trail.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod trail;

use std::fs;
use std::path::Path;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use llm_audit::clock::Clock;
use llm_audit::{
    AuditSpanExt as _, AuditStreamExt as _, Auditor, CallStart, Drained, Provider, RecordId,
    keyring_file,
};
use part::{Part, Player};
use receiver::Receiver;
use serde_json::{Value, json};
use tracing::Span;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[test]
fn no_planted_secret_leaves_the_application() {
    if let Some(part) = Part::of_this_process() {
        return application(&part);
    }
    let directory = tempfile::tempdir().unwrap();
    let settings: Vec<(&str, String)> = PLACES
        .iter()
        .chain(&SHOWN)
        .map(|place| (*place, letters()))
        .collect();
    let variables: Vec<(&str, &str)> = settings
        .iter()
        .map(|(place, secret)| (*place, secret.as_str()))
        .collect();
    let player = Player::start(
        "no_planted_secret_leaves_the_application",
        "application",
        directory.path(),
        &variables,
    );
    let (ids, stderr) = player.end();
    let planted = |place: &str| {
        settings
            .iter()
            .find(|(name, _)| *name == place)
            .unwrap()
            .1
            .clone()
    };
    let spool = bytes_of(directory.path(), "seg");
    let receiver = Receiver::start();
    // It writes the lines too that the application had no time for.
    let sender = Auditor::builder()
        .data_dir(directory.path())
        .endpoint(&receiver.endpoint())
        .json_lines()
        .build()
        .unwrap();
    assert_eq!(sender.shutdown(Duration::from_secs(60)), Drained::Complete);
    let lines = bytes_of(directory.path(), "jsonl");
    let requests = receiver.requests();
    let (logs, spans) = (requests.logs.concat(), requests.traces.concat());
    let everywhere = [
        ("spool", &spool),
        ("JSON lines", &lines),
        ("log records", &logs),
        ("spans", &spans),
    ];
    let stderr = stderr.into_bytes();

    for (way, bytes) in everywhere.into_iter().chain([("standard error", &stderr)]) {
        for place in PLACES {
            assert!(!contains(bytes, &planted(place)), "{place} is in {way}");
        }
        assert!(
            contains(bytes, &planted("MODEL")),
            "the model is to be in {way}, or nothing is looked at"
        );
    }
    for (way, bytes) in [
        ("spool", &spool),
        ("JSON lines", &lines),
        ("log records", &logs),
    ] {
        assert!(
            contains(bytes, &planted("USER")),
            "the user is to be in {way}"
        );
        assert!(
            contains(bytes, &planted("VALUE")),
            "what is no secret of a change is to be in {way}"
        );
        assert!(
            contains(bytes, "the provider says"),
            "what is the error's own is to be in {way}"
        );
    }
    assert!(
        !contains(&spans, &planted("USER")),
        "spans show the user's hash only"
    );
    assert!(contains(&spans, "user.hash"));
    let keys = keyring_file::read(&directory.path().join("keyring.json")).unwrap();
    let trail = requests.trail(&keys);
    for id in &ids {
        let (id, status) = id.split_once(' ').unwrap();
        assert_eq!(trail.status(id.parse().unwrap()), Some(status), "{id}");
    }
    assert_eq!(ids.len(), 8);
}

/// The application, whose only fault it is to have secrets everywhere.
fn application(part: &Part) {
    let planted = Planted(part);
    let audit = Auditor::builder()
        .data_dir(&part.data_dir)
        .generate_keyring()
        .endpoint("http://127.0.0.1:9")
        .json_lines()
        .build()
        .unwrap();
    let shown = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::FULL);
    tracing_subscriber::registry()
        .with(audit.layer())
        .with(shown)
        .init();
    audit.verify_installed().unwrap();

    let tell = |id: RecordId, status: &str| part.say(&format!("{id} {status}"));
    let (model, user) = (planted.at("MODEL"), planted.at("USER"));
    for (fails, status) in [
        (Fails::No, "success"),
        (Fails::Echoing, "error"),
        (Fails::WithAPiece, "error"),
    ] {
        tell(ask(&planted, &model, &user, fails), status);
    }
    tell(
        futures_executor::block_on(stream(&planted, &model, &user, Fails::No)),
        "success",
    );
    tell(
        futures_executor::block_on(stream(&planted, &model, &user, Fails::Echoing)),
        "error",
    );
    let start = CallStart::new("chat")
        .model(&model)
        .user(&user)
        .credential(&planted.at("CREDENTIAL"));
    let mut call = audit.start(start).unwrap();
    call.request(Provider::OpenAi, &planted.openai_request(&model))
        .unwrap();
    tell(
        call.fail("invalid_request", &planted.error(Fails::Echoing))
            .unwrap(),
        "error",
    );
    change(&planted, &audit, &user, tell);
    audit.flush().unwrap();
    // No shutdown: what was recorded is to stay in the spool, where the test looks at it.
    audit.shutdown(Duration::ZERO);
}

/// What an error of a client repeats.
#[derive(Clone, Copy)]
enum Fails {
    Echoing,
    No,
    WithAPiece,
}

#[tracing::instrument(skip_all, fields(gen_ai.operation.name = "chat", gen_ai.provider.name = "anthropic",
                                       gen_ai.request.model = model, user.id = user))]
fn ask(planted: &Planted<'_>, model: &str, user: &str, fails: Fails) -> RecordId {
    let call = Span::current();
    let id = call.audit_record_id().unwrap();
    call.audit_credential(&planted.at("CREDENTIAL")).unwrap();
    call.audit_system_prompt(&planted.sentence("SYSTEM_PROMPT"))
        .unwrap();
    call.audit_input(&json!([{ "role": "user", "content": planted.sentence("PROMPT") }]))
        .unwrap();
    call.audit_tools(&planted.tools()).unwrap();
    let response = match fails {
        Fails::No => Ok(planted.answer(model)),
        fails => Err(planted.error(fails)),
    };
    if let Ok(response) = call.audit_result(response) {
        call.audit_response(Provider::Anthropic, &response).unwrap();
        tracing::info!("an ordinary event of the application");
    }
    id
}

async fn stream(planted: &Planted<'_>, model: &str, user: &str, fails: Fails) -> RecordId {
    let call = tracing::info_span!(
        "stream",
        gen_ai.operation.name = "chat",
        gen_ai.request.model = model,
        user.id = user
    );
    let id = call.audit_record_id().unwrap();
    call.audit_credential(&planted.at("CREDENTIAL")).unwrap();
    call.audit_request(Provider::OpenAi, &planted.openai_request(model))
        .unwrap();
    let event = |delta: Value, finish: Value| {
        let event = json!({ "id": "c1", "model": model, "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
        Ok(format!("data: {event}\n\n"))
    };
    let mut pieces = vec![event(
        json!({ "content": planted.sentence("ANSWER") }),
        Value::Null,
    )];
    match fails {
        Fails::No => pieces.extend([
            event(json!({}), json!("stop")),
            Ok("data: [DONE]\n\n".to_owned()),
        ]),
        fails => pieces.push(Err(planted.error(fails))),
    }
    let answer = stream::iter(pieces).audit_stream(&call, Provider::OpenAi);
    drop(call);
    answer.for_each(|_| async {}).await;
    id
}

fn change(planted: &Planted<'_>, audit: &Auditor, user: &str, tell: impl Fn(RecordId, &str)) {
    let before = json!({ "password": planted.at("PASSWORD"), "name": planted.at("VALUE"),
                         "settings": { "database": { "client_secret": planted.at("NESTED") } } });
    let updated = json!({ "users": [{ "API_KEY": planted.at("LISTED") }],
                          "url": format!("postgres://anna:{}@db.example/x", planted.at("URL_PASSWORD")),
                          "header": { "Authorization": format!("Bearer {}", planted.at("BEARER")) } });
    let changes = [
        audit.change("updated", "settings", "7"),
        audit.change("rotated", "api_keys", "8"),
    ];
    for change in changes {
        let change = change.changed_by(user).api_key(&planted.at("API_KEY"));
        tell(
            change
                .before(&before)
                .unwrap()
                .updated(&updated)
                .unwrap()
                .record()
                .unwrap(),
            "change",
        );
    }
}

/// The secrets of this process.
struct Planted<'a>(&'a Part);

impl Planted<'_> {
    fn at(&self, place: &str) -> String {
        self.0.setting(place).unwrap()
    }

    /// A secret as people write one: no shape gives it away.
    fn sentence(&self, place: &str) -> String {
        format!(
            "Remember that \"my dog\" is called {},\nand that I moved to Düsseldorf.",
            self.at(place)
        )
    }

    fn tools(&self) -> Value {
        json!([{ "type": "function", "function": { "name": "look_up", "description": self.sentence("TOOLS") } }])
    }

    fn openai_request(&self, model: &str) -> Value {
        json!({ "model": model, "tools": self.tools(), "messages": [
            { "role": "system", "content": self.sentence("SYSTEM_PROMPT") },
            { "role": "user", "content": [{ "type": "text", "text": self.sentence("PROMPT") }] },
        ] })
    }

    fn answer(&self, model: &str) -> Value {
        json!({ "id": "msg_01", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn",
                "content": [{ "type": "text", "text": self.sentence("ANSWER") }],
                "usage": { "input_tokens": 21, "output_tokens": 2 } })
    }

    /// The text of an error, as providers and clients write them.
    fn error(&self, fails: Fails) -> String {
        let prompt = self.sentence("PROMPT");
        match fails {
            Fails::WithAPiece => {
                let start: String = prompt.chars().skip(14).take(50).collect();
                format!("the provider says 400: invalid content at \"{start}…\"")
            }
            _ => format!(
                "the provider says 400: {} with key {} in {}",
                json!(prompt),
                self.at("CREDENTIAL"),
                self.openai_request("m"),
            ),
        }
    }
}

/// The bytes of all files of a kind.
fn bytes_of(data_dir: &Path, extension: &str) -> Vec<u8> {
    let files = place::files(data_dir).into_iter();
    let files = files.filter(|path| path.extension().is_some_and(|own| own == extension));
    files.flat_map(|path| fs::read(path).unwrap()).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// Twenty letters that nobody guesses.
fn letters() -> String {
    let dice: [u8; 20] = Clock::system().random();
    dice.iter().map(|die| char::from(b'a' + die % 26)).collect()
}

/// Where a secret is planted.
const PLACES: [&str; 11] = [
    "ANSWER",
    "API_KEY",
    "BEARER",
    "CREDENTIAL",
    "LISTED",
    "NESTED",
    "PASSWORD",
    "PROMPT",
    "SYSTEM_PROMPT",
    "TOOLS",
    "URL_PASSWORD",
];
/// What is no secret.
const SHOWN: [&str; 3] = ["MODEL", "USER", "VALUE"];
