//! Features switch whole rooms, and each has its reason in `Cargo.toml`.

use std::collections::BTreeSet;

use syn::spanned::Spanned;
use syn::{Attribute, Item};

use crate::names::House;
use crate::report::Violation;
use crate::source::{Kind, Source, attributes};

const MOST_CONDITIONS: usize = 17;

/// `cfg(feature …)` anywhere but on `mod` and `use` lines, as an attribute of the crate (which switches lints) and in `cli/`;
/// and too many of them.
pub(crate) fn conditions_inside(house: &House) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut count = 0;
    for source in house
        .sources
        .iter()
        .filter(|source| source.in_src() && !source.path.starts_with("src/cli"))
    {
        let mut free = BTreeSet::new();
        let of_crate = |attribute: &&Attribute| attribute.path().is_ident("cfg_attr");
        for attribute in source.syntax().attrs.iter().filter(of_crate) {
            free_within(source, attribute, &mut free);
        }
        collect_free(source, &source.syntax().items, &mut free);
        for at in (0..source.tokens.len()).filter(|at| is_condition(source, *at)) {
            count += 1;
            if !free.contains(&at) {
                let what =
                    "cfg(feature) stands on mod and use lines and in cli/ only; switch a whole module".to_owned();
                violations.push(Violation::at(source, source.tokens[at].line, what));
            } else if count > MOST_CONDITIONS {
                let what = format!(
                    "cfg(feature) number {count}; at most {MOST_CONDITIONS} outside cli/: gate larger rooms"
                );
                violations.push(Violation::at(source, source.tokens[at].line, what));
            }
        }
    }
    violations
}

/// Features without a comment line directly above.
pub(crate) fn without_reason(manifest: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    let (mut inside, mut depth, mut above) = (false, 0_usize, "");
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        let code = line.split('#').next().unwrap_or_default().trim();
        if depth == 0 && code.starts_with('[') {
            inside = code == "[features]";
        } else if inside {
            if depth == 0
                && let Some((name, _)) = code.split_once('=')
                && above
                    .strip_prefix('#')
                    .is_none_or(|reason| reason.trim().len() < SHORTEST_REASON)
            {
                let what = format!(
                    "the feature {} has no comment line above it; say why it exists",
                    name.trim()
                );
                violations.push(Violation::in_file("Cargo.toml", index + 1, what));
            }
            depth = (depth + code.matches('[').count()).saturating_sub(code.matches(']').count());
        }
        above = line;
    }
    violations
}

const SHORTEST_REASON: usize = 10;

/// The tokens of the attributes on `mod` and `use` lines.
fn collect_free(source: &Source, items: &[Item], free: &mut BTreeSet<usize>) {
    for item in items {
        if matches!(item, Item::Mod(_) | Item::Use(_)) {
            for attribute in attributes(item)
                .iter()
                .filter(|own| matches!(own.style, syn::AttrStyle::Outer))
            {
                free_within(source, attribute, free);
            }
        }
        if let Item::Mod(module) = item {
            collect_free(
                source,
                module.content.as_ref().map_or(&[][..], |(_, items)| items),
                free,
            );
        }
    }
}

fn free_within(source: &Source, attribute: &Attribute, free: &mut BTreeSet<usize>) {
    let range = attribute.span().byte_range();
    let within = |at: &usize| range.contains(&source.tokens[*at].offset);
    free.extend((source.token_at(attribute.span())..source.tokens.len()).take_while(within));
}

/// `cfg(…)`, `cfg_attr(…)` or `cfg!(…)` with `feature =` between the brackets.
fn is_condition(source: &Source, at: usize) -> bool {
    if !source.is_word(at, "cfg") && !source.is_word(at, "cfg_attr") {
        return false;
    }
    let open = if source.is(at + 1, &Kind::Mark('!')) {
        at + 2
    } else {
        at + 1
    };
    let Some(Kind::Open(_)) = source.tokens.get(open).map(|token| &token.kind) else {
        return false;
    };
    (open..source.tokens[open].partner)
        .any(|at| source.is_word(at, "feature") && source.is(at + 1, &Kind::Mark('=')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::places;

    fn lines(path: &str, text: &str) -> Vec<String> {
        places(&conditions_inside(&House::planted(&[(path, text)])))
    }

    #[test]
    fn a_feature_inside_code_is_found() {
        let inside = "fn f() {\n    #[cfg(feature = \"cli\")]\n    use a::b;\n    if cfg!(feature = \"cli\") {}\n}\n";
        assert_eq!(
            lines("src/emit/a.rs", inside),
            ["src/emit/a.rs:2", "src/emit/a.rs:4"]
        );
        assert_eq!(
            lines(
                "src/a.rs",
                "#[cfg(all(unix, not(feature = \"emit\")))]\nfn f() {}\n"
            ),
            ["src/a.rs:1"]
        );
        assert_eq!(
            lines(
                "src/a.rs",
                "struct A {\n    #[cfg(feature = \"emit\")]\n    b: u8,\n}\n"
            ),
            ["src/a.rs:2"]
        );
        assert_eq!(
            lines("src/a.rs", "#![cfg(feature = \"emit\")]\n"),
            ["src/a.rs:1"]
        );
        assert_eq!(
            lines(
                "src/a.rs",
                "#[cfg_attr(feature = \"emit\", derive(Debug))]\nstruct A;\n"
            ),
            ["src/a.rs:1"]
        );
        assert_eq!(
            lines(
                "src/a.rs",
                "macro_rules! m { () => { #[cfg(feature = \"emit\")] mod a; } }\n"
            ),
            ["src/a.rs:1"]
        );
    }

    #[test]
    fn a_feature_on_a_module_a_re_export_or_in_the_command_line_passes() {
        let root = "#![cfg_attr(docsrs, feature(doc_cfg))]\n#[cfg(feature = \"emit\")]\nmod emit;\n#[cfg(feature = \"emit\")]\n\
                    pub use emit::Layer;\n/// cfg(feature = \"a\")\n#[cfg(test)]\nmod tests { const A: &str = \"cfg(feature = \"; }\n";
        assert_eq!(lines("src/lib.rs", root), [""; 0]);
        assert_eq!(
            lines(
                "src/cli/mod.rs",
                "fn f() { if cfg!(feature = \"demo\") {} }\n"
            ),
            [""; 0]
        );
        assert_eq!(
            lines("src/a.rs", "fn f(feature: u8) { cfg(feature); }\n"),
            [""; 0]
        );
    }

    #[test]
    fn one_condition_too_many_is_found() {
        let text = "#[cfg(feature = \"emit\")]\nmod a;\n".repeat(MOST_CONDITIONS + 1);
        let first_too_many = format!("src/lib.rs:{}", 2 * MOST_CONDITIONS + 1);
        assert_eq!(lines("src/lib.rs", &text), [first_too_many]);
    }

    #[test]
    fn a_feature_without_a_reason_is_found() {
        let manifest = "[features]\n# What an application links.\ndefault = [\"emit\"]\nemit = [\n    \"dep:a\",\n]\n\n#\ncli = []\n\
                        # The command line, for people.\n\ndemo = []\n";
        assert_eq!(
            places(&without_reason(manifest)),
            ["Cargo.toml:4", "Cargo.toml:9", "Cargo.toml:12"]
        );
    }

    #[test]
    fn features_with_reasons_and_features_of_dependencies_pass() {
        let manifest = "[features]\n# What an application links.\nemit = [\n    \"dep:a\", # with a = sign\n    \"b/c\",\n]\n\n[dependencies]\n\
                        a = { version = \"1\", features = [\"d\"] }\n[dependencies.b]\nfeatures = []\n";
        assert_eq!(places(&without_reason(manifest)), [""; 0]);
    }
}
