//! Auditors as the tests of the spool have them, and what they make.

use std::path::Path;
use std::time::Duration;

use llm_audit::{AuditSpanExt as _, Auditor, AuditorBuilder, CallStart, Drained, RecordId};

use crate::receiver::Receiver;
use crate::trail::Trail;

pub(crate) fn lines(data_dir: &Path) -> AuditorBuilder {
    Auditor::builder()
        .data_dir(data_dir)
        .generate_keyring()
        .without_sender()
        .json_lines()
}

/// With a receiver that is never there.
pub(crate) fn nowhere(data_dir: &Path) -> AuditorBuilder {
    Auditor::builder()
        .data_dir(data_dir)
        .generate_keyring()
        .endpoint("http://127.0.0.1:9")
}

pub(crate) fn a_call(audit: &Auditor) -> RecordId {
    let start = CallStart::new("chat")
        .provider("openai")
        .model("gpt-4o")
        .user("anna");
    let mut call = audit.start(start).unwrap();
    call.input(&["a question"]).unwrap();
    call.finish().unwrap()
}

pub(crate) fn a_span() -> RecordId {
    let span = tracing::info_span!(
        "call",
        gen_ai.operation.name = "chat",
        gen_ai.request.model = "gpt-4o"
    );
    span.in_scope(|| {
        span.audit_output(&["an answer"]).unwrap();
        span.audit_record_id().unwrap()
    })
}

/// With JSON lines and a receiver that is there.
pub(crate) fn everywhere(data_dir: &Path, receiver: &Receiver) -> AuditorBuilder {
    lines(data_dir).endpoint(&receiver.endpoint())
}

/// Takes over what is there, and returns all that there is then.
pub(crate) fn adopted(data_dir: &Path) -> Trail {
    let receiver = Receiver::start();
    let audit = everywhere(data_dir, &receiver).build().unwrap();
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    assert_eq!(audit.health().unreadable, []);
    Trail::of_lines(data_dir)
}

pub(crate) fn assert_all_there(trail: &Trail, expected: &[String]) {
    let absent: Vec<_> = expected
        .iter()
        .filter(|id| trail.status(id.parse().unwrap()).is_none())
        .collect();
    assert!(
        absent.is_empty(),
        "{} of {} are missing",
        absent.len(),
        expected.len()
    );
}

pub(crate) const CALLS: usize = 40;
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
