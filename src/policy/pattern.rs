//! Patterns: a text to be equal to, or one in which `*` stands for any letters, also none.

/// A pattern, ready to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    text: Box<str>,
    stars: Stars,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stars {
    None,
    Some,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let stars = if text.contains('*') {
            Stars::Some
        } else {
            Stars::None
        };
        Self {
            text: text.into(),
            stars,
        }
    }

    /// Whether the whole value fits. Takes no memory; as long as pattern times value at worst, and both are short.
    pub(super) fn fits(&self, value: &str) -> bool {
        match self.stars {
            Stars::None => *self.text == *value,
            Stars::Some => fits_stars(&self.text, value),
        }
    }

    /// Whether all that fits the other fits this one too. Letters of this one never stand for a `*` of the other: only a `*`
    /// can take it in.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.fits(&other.text)
    }
}

fn fits_stars(pattern: &str, value: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == value;
    };
    let Some(mut left) = value.strip_prefix(first) else {
        return false;
    };
    let Some((middle, last)) = rest.rsplit_once('*') else {
        return left.ends_with(rest);
    };
    // The first place where a piece fits leaves most for those behind it.
    for piece in middle.split('*') {
        match left.find(piece) {
            Some(at) => left = &left[at + piece.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether the value fits, by trying everything.
    fn slowly(pattern: &[char], value: &[char]) -> bool {
        match pattern.split_first() {
            None => value.is_empty(),
            Some(('*', rest)) => (0..=value.len()).any(|taken| slowly(rest, &value[taken..])),
            Some((letter, rest)) => value
                .split_first()
                .is_some_and(|(first, left)| first == letter && slowly(rest, left)),
        }
    }

    #[test]
    fn a_star_is_any_letters_and_everything_else_is_itself() {
        for (pattern, value, fits) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "GPT-4o", false),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-*", "gpt-", true),
            ("*-mini", "gpt-4o-mini", true),
            ("g*t*i", "gpt-4o-mini", true),
            ("a*a", "a", false),
            ("*", "", true),
            ("**", "x", true),
            ("gpt-4.", "gpt-4o", false),
        ] {
            assert_eq!(Pattern::new(pattern).fits(value), fits, "{pattern} {value}");
        }
    }

    #[test]
    fn a_pattern_covers_another_where_all_that_fits_that_fits_it() {
        for (pattern, other, covers) in [
            ("*", "gpt-*", true),
            ("gpt-*", "gpt-4*", true),
            ("gpt-4*", "gpt-*", false),
            ("a*c", "a*b*c", true),
            ("a", "a*", false),
        ] {
            let (one, two) = (Pattern::new(pattern), Pattern::new(other));
            assert_eq!(one.covers(&two), covers, "{pattern} {other}");
        }
    }

    proptest! {
        #[test]
        fn patterns_fit_what_trying_everything_finds(pattern in "[ab*é]{0,6}", value in "[abé]{0,8}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            let slowly = slowly(&letters(&pattern), &letters(&value));
            prop_assert_eq!(Pattern::new(&pattern).fits(&value), slowly);
        }

        #[test]
        fn what_fits_a_covered_pattern_fits_the_covering_one(one in "[ab*]{0,5}", two in "[ab*]{0,5}", value in "[ab]{0,6}") {
            let (one, two) = (Pattern::new(&one), Pattern::new(&two));
            prop_assert!(!one.covers(&two) || !two.fits(&value) || one.fits(&value));
        }
    }
}
