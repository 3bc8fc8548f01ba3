//! What a law says when it is broken.

use std::fmt;

use crate::source::Source;

/// A place where a law is broken, and what to do there.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Violation {
    path: String,
    line: usize,
    what: String,
}

impl Violation {
    pub(crate) fn at(source: &Source, line: usize, what: String) -> Violation {
        Violation::in_file(&source.path, line, what)
    }

    pub(crate) fn in_file(path: &str, line: usize, what: String) -> Violation {
        Violation {
            path: path.to_owned(),
            line,
            what,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Fails with every violation, one a line.
#[track_caller]
pub(crate) fn none(mut violations: Vec<Violation>) {
    violations.sort();
    violations.dedup();
    let list: String = violations
        .iter()
        .map(|violation| format!("\n  {violation}"))
        .collect();
    assert!(violations.is_empty(), "{} to mend:{list}", violations.len());
}

/// `path:line` of each violation, in order.
pub(crate) fn places(violations: &[Violation]) -> Vec<String> {
    let mut places: Vec<_> = violations
        .iter()
        .map(|violation| (&violation.path, violation.line))
        .collect();
    places.sort();
    places
        .into_iter()
        .map(|(path, line)| format!("{path}:{line}"))
        .collect()
}

#[test]
fn a_report_names_every_place_and_what_to_do() {
    let broken = vec![
        Violation::in_file("src/b.rs", 7, "mend b".to_owned()),
        Violation::in_file("src/a.rs", 3, "mend a".to_owned()),
    ];
    let panic = std::panic::catch_unwind(|| none(broken)).expect_err("two violations fail the law");
    let message = panic.downcast_ref::<String>().expect("the report is text");
    assert_eq!(
        message,
        "2 to mend:\n  src/a.rs:3: mend a\n  src/b.rs:7: mend b"
    );
    none(Vec::new());
}
