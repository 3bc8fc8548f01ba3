//! Unsafe code stands in one small file, and each piece of it says why it is sound.

use crate::names::House;
use crate::report::Violation;
use crate::source::Source;

/// The one file.
const UNSAFE: &str = "src/journal/mapping.rs";
/// Where the lint is lifted for it.
const PERMIT: &str = "src/journal/mod.rs";
const MOST_LINES: usize = 200;

/// `unsafe` in another file, a second place that permits it, a piece without its reason, and a file that has grown.
pub(crate) fn unsafe_elsewhere(house: &House) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in &house.sources {
        let mut permits = 0;
        for (at, token) in source.tokens.iter().enumerate() {
            let what = match source.word(at) {
                Some("unsafe") if source.path != UNSAFE => {
                    format!("unsafe outside {UNSAFE}; do it there, behind a safe function")
                }
                Some("unsafe") if !has_reason(source, token.line) => {
                    "unsafe without a comment above it that begins with `SAFETY:`".to_owned()
                }
                Some("unsafe_code") => {
                    permits += 1;
                    if source.path == PERMIT && permits == 1 {
                        continue;
                    }
                    format!("unsafe_code is permitted in {PERMIT}, once")
                }
                _ => continue,
            };
            violations.push(Violation::at(source, token.line, what));
        }
        if source.path == UNSAFE && source.product_lines() > MOST_LINES {
            let what = format!("unsafe code fits {MOST_LINES} lines; move what is safe elsewhere");
            violations.push(Violation::at(source, 1, what));
        }
    }
    violations
}

/// Whether the comment that ends on the line before this one has the word.
fn has_reason(source: &Source, line: usize) -> bool {
    let lines: Vec<&str> = source.text.lines().take(line - 1).collect();
    let mut above = lines.iter().rev().map(|line| line.trim());
    above
        .by_ref()
        .take_while(|line| line.starts_with("//"))
        .any(|line| line.starts_with("// SAFETY:"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::places;

    fn found(path: &str, text: &str) -> Vec<String> {
        places(&unsafe_elsewhere(&House::planted(&[(path, text)])))
    }

    #[test]
    fn unsafe_code_elsewhere_is_found() {
        let text = "fn f() {\n    // SAFETY: none\n    unsafe { g() }\n}\n";
        assert_eq!(found("src/emit/a.rs", text), ["src/emit/a.rs:3"]);
        assert_eq!(found("tests/a.rs", text), ["tests/a.rs:3"]);
        assert_eq!(found(UNSAFE, text), [""; 0]);
    }

    #[test]
    fn unsafe_code_without_its_reason_is_found() {
        let text = "// SAFETY: sound\nunsafe impl Send for A {}\nunsafe impl Sync for A {}\n\
                    fn f() {\n    // It is safe.\n    unsafe { g() }\n    // SAFETY: in two\n    // lines\n    unsafe { g() }\n}\n";
        let at = |line: usize| format!("{UNSAFE}:{line}");
        assert_eq!(found(UNSAFE, text), [at(3), at(6)]);
    }

    #[test]
    fn a_second_permit_is_found_and_words_about_it_pass() {
        let permit = "#[expect(unsafe_code, reason = \"unsafe\")]\nmod mapping;\n";
        assert_eq!(found(PERMIT, permit), [""; 0]);
        assert_eq!(
            found(PERMIT, &format!("{permit}{permit}")),
            [format!("{PERMIT}:3")]
        );
        assert_eq!(found("src/lib.rs", permit), ["src/lib.rs:1"]);
        let words = "/// Not unsafe.\nfn f() { let is_unsafe = \"unsafe\"; } // unsafe\n";
        assert_eq!(found("src/lib.rs", words), [""; 0]);
    }
}
