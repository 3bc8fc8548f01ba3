//! A user who does not leave plain is not named by texts either.

/// The text without the whole words that are the user's identifier, in letters of either case.
pub(super) fn without_user(text: &str, user: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find(rest, user).filter(|_| !user.is_empty()) {
        let (before, behind) = (&rest[..at], &rest[at + user.len()..]);
        let before_last = before.chars().next_back().or(kept.chars().next_back());
        let inside = before_last.is_some_and(char::is_alphanumeric)
            || behind.chars().next().is_some_and(char::is_alphanumeric);
        kept.push_str(before);
        if inside {
            let step = rest[at..].chars().next().map_or(1, char::len_utf8);
            kept.push_str(&rest[at..at + step]);
            rest = &rest[at + step..];
        } else {
            kept.push_str(MASK);
            rest = behind;
        }
    }
    kept.push_str(rest);
    kept
}

fn find(text: &str, word: &str) -> Option<usize> {
    let mut windows = text.as_bytes().windows(word.len().max(1));
    let found = windows.position(|window| window.eq_ignore_ascii_case(word.as_bytes()))?;
    // Bytes of UTF-8 that are equal begin and end at characters in both.
    text.is_char_boundary(found).then_some(found)
}

/// As the sanitizer masks what it knows no shape of.
const MASK: &str = "<masked>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_go_and_words_that_hold_them_stay() {
        for (text, user, expected) in [
            (
                "user anna has no quota",
                "anna",
                "user <masked> has no quota",
            ),
            (
                "hannah and anna, (Anna)",
                "anna",
                "hannah and <masked>, (<masked>)",
            ),
            ("annanna anna", "anna", "annanna <masked>"),
            ("a@b.c: a@b.c", "a@b.c", "<masked>: <masked>"),
            ("é42 42 4242", "42", "é42 <masked> 4242"),
            ("nobody", "", "nobody"),
            ("", "anna", ""),
        ] {
            assert_eq!(without_user(text, user), expected, "{text}");
        }
    }
}
