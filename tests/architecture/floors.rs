//! Rooms import lower floors only, and `lib.rs` is a table of contents.

use std::collections::BTreeSet;

use syn::Item;
use syn::spanned::Spanned;

use crate::names::House;
use crate::report::Violation;
use crate::source::{Kind, Source, attributes};

/// A room of the house and where it stands. `ARCHITECTURE.md` says why.
struct Room {
    name: &'static str,
    floor: u8,
    /// Neighbours on the same floor that it may import.
    beside: &'static [&'static str],
    /// Rooms below that it may not import.
    never: &'static [&'static str],
}

const ROOMS: [Room; 17] = [
    room("record", 0),
    room("integrity", 1),
    room("policy", 1),
    room("pricing", 1),
    room("provider", 1),
    room("sanitize", 1),
    room("semconv", 1),
    room("siem", 1),
    room("clock", 2),
    room("journal", 2),
    room("refine", 2),
    room("emit", 3),
    room("keep", 3),
    Room {
        never: &["emit"],
        ..room("serve", 4)
    },
    room("config", 5),
    Room {
        beside: &["config"],
        ..room("cli", 5)
    },
    Room {
        beside: &["cli", "config"],
        ..room("main", 5)
    },
];

/// The room of a file of `src`; the root of the library stands in none.
pub(crate) fn room_of(source: &Source) -> Option<&str> {
    let inside = source
        .path
        .strip_prefix("src/")
        .filter(|inside| *inside != "lib.rs")?;
    inside
        .split('/')
        .next()
        .map(|name| name.trim_end_matches(".rs"))
}

/// The floor of a file of `src`, if its room is in the table.
pub(crate) fn floor_of(source: &Source) -> Option<u8> {
    find(room_of(source)?).map(|room| room.floor)
}

/// Every import that goes up or sideways.
pub(crate) fn imports_upwards(house: &House) -> Vec<Violation> {
    let mut violations = BTreeSet::new();
    for mention in house.mentions().iter().filter(|mention| !mention.test) {
        let Some(room) = room_of(mention.source).and_then(find) else {
            continue;
        };
        if mention.glob && mention.path == ["crate"] {
            let what = format!(
                "{} imports everything of the root; name what it needs, by its room",
                room.name
            );
            violations.insert(Violation::at(mention.source, mention.line, what));
        }
        let Some(other) = mention
            .path
            .get(1)
            .filter(|_| mention.starts_with("crate"))
            .and_then(|name| find(name))
        else {
            continue;
        };
        if !room.may_import(other) {
            let what = format!(
                "{} (floor {}) imports {} (floor {}); rooms import lower floors only: pass the value in, or move the code down",
                room.name, room.floor, other.name, other.floor
            );
            violations.insert(Violation::at(mention.source, mention.line, what));
        }
    }
    violations.into_iter().collect()
}

/// Rooms that are not in the table, and files that lie elsewhere than their module says.
pub(crate) fn strangers(house: &House) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut known = BTreeSet::new();
    for source in house.sources.iter().filter(|source| source.in_src()) {
        let room = room_of(source);
        if let Some(name) =
            room.filter(|name| find(name).is_none() && known.insert((*name).to_owned()))
        {
            let what = format!(
                "say on which floor the room {name} stands: in tests/architecture/floors.rs"
            );
            violations.push(Violation::at(source, 1, what));
        }
        for at in (0..source.tokens.len()).filter(|at| !source.tokens[*at].test) {
            let attribute = source.tokens[at].in_attribute;
            if names_a_file(source, at) {
                let what =
                    "#[path] hides the room of a file; put the file where its module is".to_owned();
                violations.push(Violation::at(source, source.tokens[at].line, what));
            }
            if !attribute && source.is_word(at, "include") && source.is(at + 1, &Kind::Mark('!')) {
                let what = "include! brings code that no law reads; make it a module".to_owned();
                violations.push(Violation::at(source, source.tokens[at].line, what));
            }
        }
    }
    violations
}

/// `#[path = "…"]` or `#[cfg_attr(…, path = "…")]`; an argument of another attribute may be called `path` too.
fn names_a_file(source: &Source, at: usize) -> bool {
    let text = source.tokens.get(at + 2).map(|value| &value.kind);
    let named = source.tokens[at].in_attribute && source.is_word(at, "path");
    if !named || !source.is(at + 1, &Kind::Mark('=')) || !matches!(text, Some(Kind::Text(_))) {
        return false;
    }
    let around = (0..at).rev().find(|open| source.tokens[*open].partner > at);
    around.is_some_and(|open| {
        source.is(open, &Kind::Open('[')) || source.is_word(open - 1, "cfg_attr")
    })
}

/// Whatever is in `lib.rs` but `mod` and `use`.
pub(crate) fn logic_at_the_root(house: &House) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in house
        .sources
        .iter()
        .filter(|source| source.path == "src/lib.rs")
    {
        list_logic(source, &source.syntax().items, &mut violations);
    }
    violations
}

fn list_logic(source: &Source, items: &[Item], violations: &mut Vec<Violation>) {
    for item in items {
        let for_doctests = attributes(item).iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute
                    .parse_args::<syn::Path>()
                    .is_ok_and(|path| path.is_ident("doctest"))
        });
        match item {
            Item::Use(_) => {}
            Item::Mod(module) => {
                let inside = module.content.as_ref().map_or(&[][..], |(_, items)| items);
                list_logic(source, inside, violations);
            }
            _ if for_doctests => {}
            item => {
                let what = "lib.rs is a table of contents: mod and use; everything else has a room"
                    .to_owned();
                violations.push(Violation::at(source, item.span().start().line, what));
            }
        }
    }
}

fn find(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.name == name)
}

const fn room(name: &'static str, floor: u8) -> Room {
    Room {
        name,
        floor,
        beside: &[],
        never: &[],
    }
}

impl Room {
    fn may_import(&self, other: &Room) -> bool {
        let below = other.floor < self.floor && !self.never.contains(&other.name);
        self.name == other.name || below || self.beside.contains(&other.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::places;

    const ROOT: (&str, &str) = (
        "src/lib.rs",
        "mod emit;\nmod policy;\nmod pricing;\nmod record;\npub use emit::Layer;\n",
    );
    const EMIT: (&str, &str) = ("src/emit/mod.rs", "pub struct Layer;\n");

    fn places_of(path: &str, text: &str) -> Vec<String> {
        places(&imports_upwards(&House::planted(&[
            ROOT,
            EMIT,
            (path, text),
        ])))
    }

    #[test]
    fn a_neighbour_in_a_nested_group_is_found() {
        let text = "use crate::{\n    record::{Call, ids::RecordId},\n    pricing::{table::{Table}},\n};\n";
        assert_eq!(
            places_of("src/policy/mod.rs", text),
            ["src/policy/mod.rs:3"]
        );
    }

    #[test]
    fn an_import_upwards_through_parents_is_found() {
        assert_eq!(
            places_of("src/record/call.rs", "\nuse super::super::emit::Layer;\n"),
            ["src/record/call.rs:2"]
        );
        assert_eq!(
            places_of(
                "src/record/call.rs",
                "mod a { use super::super::super::emit; }"
            ),
            ["src/record/call.rs:1"]
        );
    }

    #[test]
    fn a_full_path_inside_a_function_or_a_macro_is_found() {
        let text = "fn f() {\n    let layer = crate::emit::Layer::new();\n    println!(\"{}\", crate::cli::width());\n}\n";
        assert_eq!(
            places_of("src/journal/mod.rs", text),
            ["src/journal/mod.rs:2", "src/journal/mod.rs:3"]
        );
    }

    #[test]
    fn the_crate_or_a_room_under_another_name_is_found() {
        assert_eq!(
            places_of(
                "src/policy/mod.rs",
                "use crate as c;\nfn f() { c::emit::X; }\n"
            ),
            ["src/policy/mod.rs:2"]
        );
        assert_eq!(
            places_of("src/policy/mod.rs", "use crate::emit as below;\n"),
            ["src/policy/mod.rs:1"]
        );
        assert_eq!(
            places_of(
                "src/policy/mod.rs",
                "extern crate self as me;\nuse me::emit;\n"
            ),
            ["src/policy/mod.rs:2"]
        );
    }

    #[test]
    fn a_name_re_exported_at_the_root_counts_as_its_room() {
        assert_eq!(
            places_of("src/record/mod.rs", "use crate::Layer;\n"),
            ["src/record/mod.rs:1"]
        );
        assert_eq!(
            places_of("src/record/mod.rs", "use super::Layer as L;\n"),
            ["src/record/mod.rs:1"]
        );
        assert_eq!(
            places_of("src/record/mod.rs", "use crate::*;\n"),
            ["src/record/mod.rs:1"]
        );
        assert_eq!(
            places_of("src/record/mod.rs", "pub(crate) use llm_audit::Layer;\n"),
            ["src/record/mod.rs:1"]
        );
    }

    #[test]
    fn a_re_export_of_a_room_is_an_import() {
        assert_eq!(
            places_of("src/record/mod.rs", "pub(crate) use crate::emit::Layer;\n"),
            ["src/record/mod.rs:1"]
        );
    }

    #[test]
    fn the_two_shores_never_meet_and_the_door_does_not_know_the_application() {
        assert_eq!(
            places_of("src/keep/mod.rs", "use crate::emit::Layer;\n"),
            ["src/keep/mod.rs:1"]
        );
        assert_eq!(
            places_of(
                "src/serve/mod.rs",
                "use crate::emit::Layer;\nuse crate::keep::Store;\n"
            ),
            ["src/serve/mod.rs:1"]
        );
        assert_eq!(
            places_of("src/config.rs", "use crate::cli::Arguments;\n"),
            ["src/config.rs:1"]
        );
    }

    #[test]
    fn innocent_imports_pass() {
        let passes = |path, text| assert_eq!(places_of(path, text), [""; 0], "{path}");
        passes(
            "src/policy/mod.rs",
            "use crate::record::Call;\nuse super::record;\nuse self::emit::X;\nmod emit;\n",
        );
        passes(
            "src/policy/rule.rs",
            "/// See [`crate::emit::Layer`].\n// crate::emit\nconst A: &str = \"crate::emit\";\n",
        );
        passes(
            "src/policy/mod.rs",
            "use other::emit::Layer;\nfn f(emit: u8) { emit.emit::<u8>(); }\n",
        );
        passes(
            "src/policy/mod.rs",
            "#[cfg(test)]\nmod tests { use super::*; use crate::emit::Layer; }\n",
        );
        passes(
            "src/cli/mod.rs",
            "use crate::{config, emit, record::Call};\n",
        );
        passes("src/main.rs", "fn main() { llm_audit::cli::run() }\n");
    }

    #[test]
    fn a_test_file_declared_elsewhere_is_no_import() {
        let house = House::planted(&[
            ("src/policy/mod.rs", "#[cfg(test)]\nmod tests;\n"),
            ("src/policy/tests.rs", "use crate::emit::Layer;\n"),
        ]);
        assert_eq!(places(&imports_upwards(&house)), [""; 0]);
    }

    #[test]
    fn a_room_without_a_floor_and_a_hidden_file_are_found() {
        let house = House::planted(&[
            ("src/attic/mod.rs", "mod box_of_things;\n"),
            ("src/attic/box_of_things.rs", ""),
            (
                "src/policy/mod.rs",
                "#[path = \"../emit/layer.rs\"]\nmod layer;\ninclude!(\"x.rs\");\n#[cfg_attr(unix, path = \"a.rs\")]\nmod b;\n",
            ),
            (
                "src/record/mod.rs",
                "const A: &str = include_str!(\"a.txt\");\nfn f(path: u8) { let path = path; }\n#[error(\"a\", path = \"b\")]\nstruct A;\n",
            ),
        ]);
        assert_eq!(
            places(&strangers(&house)),
            [
                "src/attic/mod.rs:1",
                "src/policy/mod.rs:1",
                "src/policy/mod.rs:3",
                "src/policy/mod.rs:4"
            ]
        );
    }

    #[test]
    fn logic_at_the_root_is_found_and_a_table_of_contents_passes() {
        let root = "//! Guide.\n#![warn(missing_docs)]\nmod record;\npub use record::Call;\npub mod prelude { pub use crate::Call; }\n\
                    #[cfg(doctest)]\nstruct Readme;\nfn f() {}\npub mod inside { type T = u8; }\n";
        let house = House::planted(&[("src/lib.rs", root)]);
        assert_eq!(
            places(&logic_at_the_root(&house)),
            ["src/lib.rs:8", "src/lib.rs:9"]
        );
    }
}
