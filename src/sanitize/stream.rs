//! Texts that come in pieces.

use std::fmt;

use zeroize::Zeroizing;

use super::restorer::Restorer;
use super::sanitizer::{Finding, Sanitizer};
use super::scan::{Found, REACH_BACK, Scan, TextEnd};
use super::view::View;
use crate::record::Sanitization;

/// A text that comes in pieces, sanitized as if it had come as a whole, however it was cut.
///
/// What is given back lags behind by some hundred characters, since what comes may make personal data of what was; by more
/// where a secret has begun whose end is not there yet. What is held back is wiped.
///
/// ```
/// use llm_audit::sanitize::Sanitizer;
/// let mut stream = Sanitizer::default().stream();
/// let mut text = stream.push("Call me at +44 20 79");
/// text += &stream.push("46 0958, or write to ann");
/// text += &stream.push("a@example.com");
/// text += &stream.finish();
/// assert_eq!(text, "Call me at <PHONE_1>, or write to <EMAIL_1>");
/// assert_eq!(stream.report().count, Some(2));
/// ```
pub struct SanitizeStream {
    sanitizer: Sanitizer,
    restorer: Restorer,
    /// What words are looked for in, and what was not given back yet.
    held: Zeroizing<String>,
    /// Where `held` begins in the text.
    origin: usize,
    /// How much of `held` was given back.
    given: usize,
    /// Where the scan stands in `held`.
    next: usize,
    floor: usize,
    last: Scan,
    /// How long `held` must be for another scan to be worth it.
    wanted: usize,
    findings: Vec<Finding>,
    report: Sanitization,
}

impl Sanitizer {
    /// A text that comes in pieces.
    #[must_use]
    pub fn stream(&self) -> SanitizeStream {
        self.stream_with(Restorer::new())
    }

    /// As [`stream`](Self::stream), with the placeholders of a conversation.
    #[must_use]
    pub fn stream_with(&self, restorer: Restorer) -> SanitizeStream {
        SanitizeStream {
            sanitizer: self.clone(),
            restorer,
            held: Zeroizing::new(String::new()),
            origin: 0,
            given: 0,
            next: 0,
            floor: 0,
            last: Scan::default(),
            wanted: 0,
            findings: Vec::new(),
            report: self.empty_report(),
        }
    }
}

impl SanitizeStream {
    /// Takes a piece, and gives the text that is settled by now.
    #[must_use]
    pub fn push(&mut self, piece: &str) -> String {
        self.hold(piece);
        if self.held.len() < self.wanted {
            return String::new();
        }
        self.settle(TextEnd::Open)
    }

    /// Gives the rest. What is pushed after this is another text with the same placeholders, counted together.
    #[must_use]
    pub fn finish(&mut self) -> String {
        let rest = self.settle(TextEnd::Final);
        self.origin += self.held.len();
        self.held = Zeroizing::new(String::new());
        (self.given, self.next, self.floor, self.wanted) = (0, 0, 0, 0);
        self.last = Scan::default();
        rest
    }

    /// What was found so far, in the order of the text.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What the record of the call says of it, so far.
    #[must_use]
    pub fn report(&self) -> &Sanitization {
        &self.report
    }

    /// The placeholders of the conversation, for the next text or to restore an answer.
    #[must_use]
    pub fn into_restorer(self) -> Restorer {
        self.restorer
    }

    /// Appends a piece. Where it does not fit, the text moves, and the place that it leaves is wiped.
    fn hold(&mut self, piece: &str) {
        let needed = self.held.len() + piece.len();
        if needed > self.held.capacity() {
            let mut larger = String::with_capacity(needed.max(2 * self.held.capacity()));
            larger.push_str(&self.held);
            self.held = Zeroizing::new(larger);
        }
        self.held.push_str(piece);
    }

    fn settle(&mut self, end: TextEnd) -> String {
        let held = std::mem::take(&mut self.held);
        let view = View::of(&held);
        let mut scan = Scan {
            next: view.seen_from(self.next),
            floor: view.seen_from(self.floor),
            ..self.last
        };
        let mut found = Vec::new();
        scan.go_on(&view, self.sanitizer.scan_rules(), end, &mut found);
        let settled = match end {
            TextEnd::Final => held.len(),
            TextEnd::Open => {
                let may_begin = view.place(scan.next.saturating_sub(REACH_BACK));
                may_begin.max(view.place(scan.floor)).max(self.given)
            }
        };
        let mut out = String::new();
        for Found { range, kind } in found {
            let range = view.original(range);
            let place = self.origin + range.start..self.origin + range.end;
            self.sanitizer.take(
                &mut self.restorer,
                kind,
                &held,
                range.clone(),
                self.given,
                &mut out,
            );
            self.sanitizer
                .note(kind, place, &mut self.report, &mut self.findings);
            self.given = range.end;
        }
        let settled = settled.max(self.given);
        out.push_str(&held[self.given..settled]);
        self.given = settled;
        (self.next, self.floor) = (view.place(scan.next), view.place(scan.floor));
        let pending = held.len() - self.next;
        let forget = view.place(scan.next.saturating_sub(KEPT)).min(self.given);
        drop(view);
        self.last = scan;
        self.held = held;
        // A pending secret is looked at again when it has grown by an eighth: all looks together are linear.
        self.wanted = self.held.len() + pending / 8;
        self.forget(forget);
        out
    }

    /// Forgets what is too far back to matter.
    fn forget(&mut self, length: usize) {
        if length < KEPT {
            return;
        }
        let kept = Zeroizing::new(self.held[length..].to_owned());
        self.held = kept;
        self.origin += length;
        self.given -= length;
        self.next -= length;
        self.floor = self.floor.saturating_sub(length);
        self.wanted -= length;
    }
}

impl AsRef<Sanitization> for SanitizeStream {
    fn as_ref(&self) -> &Sanitization {
        &self.report
    }
}

impl fmt::Debug for SanitizeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SanitizeStream")
            .field("held_bytes", &(self.held.len() - self.given))
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

/// How many characters before the scan are kept: more than any rule reads.
const KEPT: usize = 4 * REACH_BACK;
