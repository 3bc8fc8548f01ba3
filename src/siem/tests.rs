//! Every format over any record, most of all over texts that want to be something else.

mod ecs;
mod golden;
mod json;
mod lines;
mod ocsf;

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::record::testing::any_record;
use crate::record::{Call, JsonText, Label, Message};

fn line(format: Format, record: &AuditRecord) -> String {
    let mac: Mac = format!("hmac-sha256:k1:{}", "c".repeat(64))
        .parse()
        .unwrap();
    let mut out = Vec::new();
    format.write(record, Some(&mac), &mut out);
    String::from_utf8(out).unwrap()
}

/// Records of every kind whose texts try to end fields, lines and records, to hide, and to speak to terminals.
pub(crate) fn hostile_record() -> impl Strategy<Value = AuditRecord> {
    (any_record(), prop::collection::vec(hostile_text(), 12)).prop_map(|(mut record, mut texts)| {
        let mut next = || texts.pop().unwrap_or_default();
        let mut label = || Some(Label::clip(&next()));
        let actor = &mut record.envelope.actor;
        actor.user_id = label();
        actor.session = label();
        actor.tenant = label();
        record.envelope.service = label();
        record.envelope.metadata = json(&next());
        match &mut record.body {
            Body::Access(access) => access.resource = label_of(&next()),
            Body::Call(call) => poison(call, &mut next),
            Body::Change(change) => {
                change.object_id = Label::clip(&next());
                change.before_value = json(&next());
                change.updated_values = json(&next());
            }
            Body::System(system) => system.detail = json(&next()),
        }
        record
    })
}

fn poison(call: &mut Call, next: &mut impl FnMut() -> String) {
    call.request.model = label_of(&next());
    call.response.model = label_of(&next());
    call.provider = label_of(&next());
    call.outcome.error_type = label_of(&next());
    call.outcome.error_message = Some(Message::clip(&next()));
}

fn label_of(text: &str) -> Option<Label> {
    Some(Label::clip(text))
}

fn json(text: &str) -> Option<JsonText> {
    let value = serde_json::json!({ text: [text], "n": 1 });
    JsonText::from_value(&value).ok()
}

/// A text of hostile pieces; of bytes that are no UTF-8, made valid; or of a megabyte.
fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES);
    prop_oneof![
        120 => prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat()),
        40 => any::<String>(),
        20 => prop::collection::vec(any::<u8>(), 0..60)
            .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        1 => prop::sample::select(PIECES).prop_map(|piece| piece.repeat(1_000_000 / piece.len())),
    ]
}

/// A file of the data that lies beside the crate, or beside a directory that it is in.
fn shared(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = root
        .ancestors()
        .filter_map(|dir| Some(dir.parent()?.join("shared/data").join(name)));
    let found = files.find(|file| file.is_file());
    if found.is_none() {
        eprintln!("skipped: there is no shared/data/{name} beside this crate");
    }
    found
}

const PIECES: &[&str] = &[
    "\n",
    "\r\n",
    "\r",
    "\t",
    "\0",
    "\u{1b}[2J",
    "\u{1b}]8;;http://x\u{7}",
    "\u{9b}31m",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{feff}",
    "\u{e0041}",
    "=",
    "|",
    "\\",
    "\"",
    "]",
    "[",
    " ",
    "'",
    ",",
    "^",
    "\u{7f}",
    " act=allowed",
    "|10|msg=forged",
    "\tsev=1",
    "\" forged=\"1",
    "\"] forged",
    "\\\" x=\"",
    "\n<110>1 - - - - - -",
    "CEF:0|a|b|c|d|e|1|",
    "\nLEEF:2.0|a|b|c|d|",
    "\"},{\"forged\":1,\"x\":\"",
    "${jndi:ldap://x}",
    "=cmd()",
    "Zoë",
    "👩‍💻",
    "\\n",
    "\\=",
    "<U+000A>",
    "a.b.c",
    "user",
];

proptest! {
    #[test]
    fn a_record_is_one_line_without_anything_hidden(record in hostile_record()) {
        for format in Format::ALL {
            let line = line(format, &record);
            let tabs = format == Format::Leef;
            let hidden = |c: char| hidden::is_hidden(c) && !(tabs && c == '\t');
            prop_assert!(!line.contains(hidden), "{format:?}: {line:?}");
        }
    }
}
