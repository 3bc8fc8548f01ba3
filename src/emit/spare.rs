//! What a thread keeps from call to call, so that the next one allocates nothing: captured calls and texts, wiped, and a
//! buffer for the row form.
//!
//! A call that ends on another thread than it began on leaves its room there. A thread keeps a few of each and none that
//! has grown large, and drops them when it ends.

use std::cell::RefCell;

use crate::record::rows::RowForm;
use crate::record::{CapturedCall, RawText};

/// A captured call that holds nothing, if there is one.
pub(super) fn take_call() -> Option<Box<CapturedCall>> {
    with(|spare| spare.calls.pop()).flatten()
}

/// Wipes a captured call and keeps it.
pub(super) fn put_call(mut call: Box<CapturedCall>) {
    call.wipe(|text| {
        with(|spare| {
            if spare.texts.len() < MOST_KEPT && text.capacity() <= LARGEST_KEPT_BYTES {
                spare.texts.push(text);
            }
        });
    });
    with(|spare| {
        if spare.calls.len() < MOST_KEPT {
            spare.calls.push(call);
        }
    });
}

/// An empty text, with room from one before where there is any.
pub(super) fn take_text() -> RawText {
    with(|spare| spare.texts.pop())
        .flatten()
        .unwrap_or_else(|| RawText::new(Vec::new()))
}

/// The buffer for a row form.
pub(super) fn take_rows() -> RowForm {
    with(|spare| spare.rows.take())
        .flatten()
        .unwrap_or_default()
}

/// Keeps a buffer for the next row form.
pub(super) fn put_rows(rows: RowForm) {
    if rows.capacity() <= LARGEST_KEPT_BYTES {
        with(|spare| spare.rows = Some(rows));
    }
}

#[derive(Default)]
struct Spare {
    // Boxed, since they are handed out boxed.
    #[expect(
        clippy::vec_box,
        reason = "calls are handed out and come back in boxes"
    )]
    calls: Vec<Box<CapturedCall>>,
    texts: Vec<RawText>,
    rows: Option<RowForm>,
}

/// Works on what this thread keeps; `None` on a thread that is ending.
fn with<R>(work: impl FnOnce(&mut Spare) -> R) -> Option<R> {
    thread_local!(static SPARE: RefCell<Spare> = RefCell::default());
    SPARE.try_with(|spare| work(&mut spare.borrow_mut())).ok()
}

/// Calls, and texts, that a thread keeps.
const MOST_KEPT: usize = 16;
/// The largest room of a text, or of a row form, that is kept.
const LARGEST_KEPT_BYTES: usize = 64 * 1024;
