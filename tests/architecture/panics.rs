//! No stubs, no careless panics, no tests that are left out or that wait by the clock.

use crate::names::House;
use crate::report::Violation;
use crate::source::{Kind, Source};

const SHORTEST_INVARIANT: usize = 10;

/// Tests that may sleep: file and reason.
const MAY_SLEEP: [(&str, &str); 0] = [];

/// `unwrap` outside tests, and `expect` without the invariant as its text.
pub(crate) fn careless_panics(house: &House) -> Vec<Violation> {
    by_token(house, |source, at| {
        let called = matches!(
            source.before(at),
            Some(Kind::Mark('.') | Kind::PathSeparator)
        );
        if source.tokens[at].test || !called {
            return None;
        }
        match source.word(at)? {
            name @ ("unwrap" | "unwrap_err" | "unwrap_unchecked") => Some(format!(
                "{name} outside tests; return the error, or expect with the invariant as its text"
            )),
            name @ ("expect" | "expect_err") => {
                let invariant = match source.tokens.get(at + 2).map(|token| &token.kind) {
                    Some(Kind::Text(text)) => text.chars().count() >= SHORTEST_INVARIANT,
                    _ => false,
                };
                let what = format!(
                    "{name} says the invariant in a literal of {SHORTEST_INVARIANT} characters or more"
                );
                (!invariant || !source.is(at + 1, &Kind::Open('('))).then_some(what)
            }
            _ => None,
        }
    })
}

/// `todo!`, `unimplemented!`, and `unreachable!` or `panic!` without a message.
pub(crate) fn stubs(house: &House) -> Vec<Violation> {
    by_token(house, |source, at| {
        let name = source
            .word(at)
            .filter(|_| source.is(at + 1, &Kind::Mark('!')))?;
        let silent = source
            .tokens
            .get(at + 2)
            .is_some_and(|open| open.partner == at + 3);
        match name {
            "todo" | "unimplemented" => {
                Some(format!("{name}! is a stub; finish it or leave it out"))
            }
            "panic" | "unreachable" if silent => {
                Some(format!("{name}! without a message; say why it cannot be"))
            }
            _ => None,
        }
    })
}

/// `#[ignore]`, and examples in the documentation that nothing compiles.
pub(crate) fn ignored_tests(house: &House) -> Vec<Violation> {
    by_token(house, |source, at| {
        let token = &source.tokens[at];
        if let Kind::Text(text) = &token.kind {
            let doc = token.in_attribute && at >= 2 && source.is_word(at - 2, "doc");
            let fence = text.lines().any(|line| {
                line.trim()
                    .strip_prefix("```")
                    .is_some_and(|words| words.contains("ignore"))
            });
            return (doc && fence)
                .then(|| "an ignored example proves nothing; make it compile".to_owned());
        }
        let opens = matches!(source.before(at), Some(Kind::Open('[') | Kind::Mark(',')));
        let ends = matches!(
            source.tokens.get(at + 1).map(|next| &next.kind),
            Some(Kind::Close(_) | Kind::Mark('=' | ','))
        );
        let ignored = token.in_attribute && source.is_word(at, "ignore") && opens && ends;
        ignored.then(|| "an ignored test proves nothing; make it run or take it out".to_owned())
    })
}

/// Tests that wait by the clock.
pub(crate) fn sleeping_tests(house: &House) -> Vec<Violation> {
    // A bench keeps a pace: the clock is what it is about.
    let may_sleep =
        |path: &str| path.starts_with("benches/") || MAY_SLEEP.iter().any(|(own, _)| *own == path);
    let what = "a test sleeps; wait for the event itself, or pass in a fixed clock";
    let mut violations = Vec::new();
    for mention in house
        .mentions()
        .iter()
        .filter(|mention| mention.test && !may_sleep(&mention.source.path))
    {
        let sleeps = ["sleep", "sleep_ms", "sleep_until"]
            .iter()
            .any(|name| mention.ends_with(name));
        let by_clock = ["std::thread", "thread", "tokio::time", "time"]
            .iter()
            .any(|start| mention.starts_with(start));
        if sleeps && by_clock {
            violations.push(Violation::at(mention.source, mention.line, what.to_owned()));
        }
    }
    violations.extend(by_token(house, |source, at| {
        let token = &source.tokens[at];
        let bare = !matches!(
            source.before(at),
            Some(Kind::Mark('.') | Kind::PathSeparator)
        ) && source.is(at + 1, &Kind::Open('('));
        let defined = at > 0 && source.is_word(at - 1, "fn");
        let sleeps = token.test && source.is_word(at, "sleep") && bare && !defined;
        (sleeps && !may_sleep(&source.path)).then(|| what.to_owned())
    }));
    violations
}

fn by_token(house: &House, rule: impl Fn(&Source, usize) -> Option<String>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in &house.sources {
        let found = (0..source.tokens.len()).filter_map(|at| Some((at, rule(source, at)?)));
        violations
            .extend(found.map(|(at, what)| Violation::at(source, source.tokens[at].line, what)));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::places;

    type Law = fn(&House) -> Vec<Violation>;

    fn lines(law: Law, path: &str, text: &str) -> Vec<usize> {
        let found = places(&law(&House::planted(&[(path, text)])));
        found
            .iter()
            .filter_map(|place| place.rsplit(':').next()?.parse().ok())
            .collect()
    }

    #[test]
    fn a_careless_panic_is_found() {
        let law = careless_panics;
        assert_eq!(
            lines(
                law,
                "src/a.rs",
                "fn f() {\n    a\n        .unwrap();\n    b.map(Option::unwrap);\n}\n"
            ),
            [3, 4]
        );
        assert_eq!(
            lines(
                law,
                "src/a.rs",
                "fn f() { a.expect(\"short\");\n b.expect(WHY);\n info!(\"{}\", c.unwrap()); }\n"
            ),
            [1, 2, 3]
        );
    }

    #[test]
    fn a_stated_invariant_and_an_unwrap_in_a_test_pass() {
        let text = "fn f() { a.expect(\"a digest has 32 bytes\"); b.unwrap_or(c); let unwrap = 1; }\n/// a.unwrap()\nfn g() {}\n\
                    #[cfg(test)]\nmod tests { fn h() { a.unwrap(); b.expect(\"c\"); } }\n#[test]\nfn i() { a.unwrap(); }\n";
        assert_eq!(lines(careless_panics, "src/a.rs", text), [0; 0]);
        assert_eq!(
            lines(careless_panics, "tests/a.rs", "fn f() { a.unwrap(); }\n"),
            [0; 0]
        );
    }

    #[test]
    fn a_stub_is_found_and_a_reason_passes() {
        let text = "fn f() { todo!() }\nfn g() { unimplemented!(\"later\") }\nfn h() { unreachable!() }\nfn i() { core::panic!(); }\n\
                    fn j() { unreachable!(\"a digest has 32 bytes\"); let todo = !todo; }\n#[allow(clippy::todo)]\nfn k() {}\n";
        assert_eq!(lines(stubs, "src/a.rs", text), [1, 2, 3, 4]);
        assert_eq!(lines(stubs, "tests/a.rs", "fn f() { todo![] }\n"), [1]);
    }

    #[test]
    fn an_ignored_test_is_found_and_other_ignoring_passes() {
        let text = "#[test]\n#[ignore]\nfn a() {}\n#[test]\n#[ignore = \"slow\"]\nfn b() {}\n#[cfg_attr(unix, ignore)]\nfn c() {}\n\
                    /// ```rust,ignore\n/// a\n/// ```\nfn d() {}\n";
        assert_eq!(lines(ignored_tests, "src/a.rs", text), [2, 5, 7, 9]);
        let innocent = "/// Words to ignore.\n/// ```\n/// a\n/// ```\nfn ignore() { ignore(); a[ignore]; }\n#[a(ignore(b))]\nfn b() {}\n";
        assert_eq!(lines(ignored_tests, "tests/a.rs", innocent), [0; 0]);
    }

    #[test]
    fn a_sleeping_test_is_found() {
        let law = sleeping_tests;
        assert_eq!(
            lines(
                law,
                "tests/a.rs",
                "use std::thread;\nfn f() { thread::sleep(D); }\n"
            ),
            [2]
        );
        assert_eq!(
            lines(
                law,
                "tests/a.rs",
                "use tokio::time as t;\nasync fn f() { t::sleep(D).await }\n"
            ),
            [2]
        );
        assert_eq!(
            lines(
                law,
                "src/a.rs",
                "#[cfg(test)]\nmod tests {\n    use tokio::time::*;\n    fn f() { sleep(D); }\n}\n"
            ),
            [4]
        );
        assert_eq!(
            lines(
                law,
                "src/a.rs",
                "#[cfg(test)]\nmod tests {\n    use std::{thread::{sleep as nap}};\n}\n"
            ),
            [3]
        );
    }

    #[test]
    fn a_retry_that_sleeps_and_a_fixed_clock_pass() {
        let law = sleeping_tests;
        assert_eq!(
            lines(
                law,
                "src/emit/sender.rs",
                "async fn f() { tokio::time::sleep(D).await; }\n"
            ),
            [0; 0]
        );
        assert_eq!(
            lines(
                law,
                "tests/a.rs",
                "fn f() { clock.sleep(D); tokio::time::timeout(D, g); Sheep::sleep(); }\n"
            ),
            [0; 0]
        );
    }
}
