//! Values that somebody else chose, made harmless for the program that shows them.

use std::borrow::Cow;

pub(super) use crate::siem::hidden::in_json as json;
use crate::siem::hidden::is_hidden;

/// For a terminal: control characters, line breaks, marks of writing direction and invisible characters are shown as
/// `\n` or `\u{1b}`.
pub(super) fn terminal(text: &str) -> Cow<'_, str> {
    replace(text, is_hidden, |c, out| match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => out.extend(c.escape_unicode()),
    })
}

/// For a text cell of CSV: as for a terminal, but with its line breaks; and what a spreadsheet would take for a formula
/// begins with an apostrophe.
pub(super) fn csv(text: &str) -> Cow<'_, str> {
    let shown = replace(text, is_hidden_in_cell, |c, out| {
        out.extend(c.escape_unicode());
    });
    if text.starts_with(FORMULA) {
        Cow::Owned(format!("'{shown}"))
    } else {
        shown
    }
}

fn replace(
    text: &str,
    is_bad: fn(char) -> bool,
    write: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    if !text.contains(is_bad) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_bad(c) {
            write(c, &mut out);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn is_hidden_in_cell(c: char) -> bool {
    is_hidden(c) && !matches!(c, '\n' | '\r' | '\t')
}

/// What makes a cell a formula for some spreadsheet; the wide forms do where the language is East Asian.
const FORMULA: &[char] = &['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sequences_and_directions_lose_their_power() {
        assert_eq!(terminal("\u{1b}[2J\u{9b}31m"), "\\u{1b}[2J\\u{9b}31m");
        assert_eq!(terminal("a\r\n\tb\u{202e}"), "a\\r\\n\\tb\\u{202e}");
        assert_eq!(
            terminal("\u{2066}x\u{2069}\u{200f}"),
            "\\u{2066}x\\u{2069}\\u{200f}"
        );
        assert_eq!(terminal("Zoë 👩‍💻 héllo"), "Zoë 👩‍💻 héllo");
    }

    #[test]
    fn formulas_begin_with_an_apostrophe_and_other_cells_do_not() {
        for formula in ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1"] {
            assert_eq!(csv(formula), format!("'{formula}"));
        }
        assert_eq!(csv("a=1"), "a=1");
        assert_eq!(csv("two\nlines\u{1b}"), "two\nlines\\u{1b}");
    }

    proptest! {
        #[test]
        fn json_says_the_same_after_escaping(text in any::<String>()) {
            let written = serde_json::to_string(&text).unwrap();
            let escaped = json(&written).into_owned();
            prop_assert!(!escaped.contains(is_hidden));
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }

        #[test]
        fn nothing_hidden_reaches_a_terminal(text in any::<String>()) {
            prop_assert!(!terminal(&text).contains(is_hidden));
            prop_assert!(!csv(&text).contains(is_hidden_in_cell));
            prop_assert!(!csv(&text).starts_with(FORMULA));
        }
    }
}
