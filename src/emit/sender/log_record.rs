//! The log record in hand: its log form, with the body that is asked for.

use std::fmt;

use crate::emit::otlp::LogBody;
use crate::record::Label;
use crate::semconv::{self, LogForm, Seal};

/// A log record, in buffers that are used again.
pub(super) struct LogRecord {
    form: LogForm,
    body: LogBody,
    /// The body, where it is not the readable line.
    text: Vec<u8>,
}

impl LogRecord {
    pub(super) fn new(body: LogBody) -> Self {
        Self {
            form: LogForm::default(),
            body,
            text: Vec::new(),
        }
    }

    /// Replaces what it holds by the log form of a record. One that would have more than `most` bytes with its body keeps
    /// the readable line, so that nobody refuses a record for the sake of its body; and so does one that cannot be read as a
    /// record of this version.
    ///
    /// False where these are no bytes of a row form; then what it holds means nothing.
    pub(super) fn write(
        &mut self,
        rows: &[u8],
        seal: &Seal<'_>,
        service: Option<&Label>,
        most: usize,
    ) -> bool {
        if !self.form.write_rows(rows, seal) {
            return false;
        }
        let Some(format) = self.body.format() else {
            return true;
        };
        if let Ok((record, mac)) = semconv::read_rows(rows, seal, service) {
            self.text.clear();
            format.write(&record, Some(&mac), &mut self.text);
            let length: usize = self.pieces().map(<[u8]>::len).iter().sum();
            if let Ok(text) = std::str::from_utf8(&self.text)
                && length + text.len() <= most
            {
                self.form.replace_body(text);
            }
            self.text.shrink_to(TEXT_KEPT);
        }
        true
    }

    /// The bytes of the `LogRecord` message, in two pieces.
    pub(super) fn pieces(&self) -> [&[u8]; 2] {
        self.form.pieces()
    }
}

impl fmt::Debug for LogRecord {
    /// Shows what its body is, never content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogRecord")
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// Room for bodies that stays allocated.
const TEXT_KEPT: usize = 64 << 10;

#[cfg(test)]
mod tests;
