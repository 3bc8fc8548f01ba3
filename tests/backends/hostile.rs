//! Records whose texts try to end fields, lines and records, to speak to terminals, and to be another record.

use llm_audit::record::RecordId;
use llm_audit::{AuditSpanExt as _, Auditor};
use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt as _;

/// Makes that many records and returns their ids. Most are calls; some are changes.
pub(crate) fn record(audit: &Auditor, records: usize) -> Vec<RecordId> {
    let subscriber = tracing_subscriber::registry().with(audit.layer());
    tracing::subscriber::with_default(subscriber, || {
        (0..records)
            .map(|number| match number % 10 {
                9 => change(audit, number),
                _ => call(number),
            })
            .collect()
    })
}

fn call(number: usize) -> RecordId {
    let every_one_is_long = number % 100 == 50;
    let mut texts = (number..).map(|at| {
        if every_one_is_long {
            long(at)
        } else {
            text(at)
        }
    });
    let mut next = || texts.next().unwrap();
    let span = info_span!(
        "call",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = next(),
        gen_ai.request.model = next(),
        gen_ai.conversation.id = next(),
        session.id = next(),
        user.id = next(),
        client.address = next(),
        server.address = next(),
        llm_audit.tenant = next(),
    );
    span.in_scope(|| {
        span.audit_result(Err::<(), _>(next())).unwrap_err();
        span.audit_record_id().unwrap()
    })
}

fn change(audit: &Auditor, number: usize) -> RecordId {
    let values = serde_json::json!({ text(number): text(number + 1) });
    let change = audit
        .change("updated", &text(number), &text(number + 1))
        .changed_by(&text(number + 2))
        .tenant(&text(number + 3))
        .client_address(&text(number + 4));
    change.updated(&values).unwrap().record().unwrap()
}

/// The text of a number: a piece alone, several after one another, or one again and again for a megabyte.
fn text(number: usize) -> String {
    if number % 50 == 7 {
        return long(number);
    }
    let pieces = (0..number % 4 + 1).map(|step| piece(number + step * 7));
    format!("u{}", pieces.collect::<String>())
}

fn long(number: usize) -> String {
    piece(number).repeat(1_000_000 / piece(number).len())
}

fn piece(number: usize) -> &'static str {
    PIECES[number % PIECES.len()]
}

/// What another message would begin with.
pub(crate) const FORGED: &str =
    "<13>1 2026-01-01T00:00:00Z forged.example su - - - session opened for root";

const PIECES: [&str; 33] = [
    FORGED,
    "\n<13>Jan  1 00:00:00 forged.example su: session opened for root\n",
    "\r\n80 <13>1 2026-01-01T00:00:00Z forged.example su - - - session opened",
    "] <13>1 - forged.example su - - - x",
    "\"] call.success",
    "\\\"] call.success",
    "[llm_audit@32473 id=\"0\"]",
    "CEF:0|forged|forged|1|login|login|10|suser=root",
    " outcome=success act=allowed suser=root",
    "\\ suser\\=root",
    "LEEF:2.0|forged|forged|1|login|x09|usrName=root",
    "\t",
    "\n",
    "\r",
    "\u{b}",
    "\u{0}",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\u{1b}[2J\u{1b}[1;1H",
    "\u{1b}]8;;http://forged.example\u{7}here\u{1b}]8;;\u{7}",
    "\u{9b}31m",
    "\u{202e}txt.exe",
    "\u{2066}",
    "\u{200b}",
    "\u{feff}",
    "\u{e0041}",
    "\u{7f}",
    "|",
    "=",
    "\\",
    "\"",
    "ümläut 日本語 🦀",
];
