//! Files and functions of a size that one reads in one pass, names that say what is inside, and a root that fits one screen.

use syn::{Item, UseTree, Visibility, spanned::Spanned};

use crate::names::House;
use crate::report::Violation;
use crate::source::{Kind, Source};

const MOST_LINES_OF_A_FILE: usize = 600;
const MOST_LINES_OF_A_FUNCTION: usize = 60;
const MEDIAN_LINES_OF_A_FILE: usize = 250;
const MOST_NAMES_AT_THE_ROOT: usize = 25;

/// A name that starts so says nothing.
const EMPTY_NAMES: [&str; 6] = ["common", "helper", "manager", "misc", "types", "util"];

/// Files over their size, and a median over its.
pub(crate) fn long_files(house: &House) -> Vec<Violation> {
    let files: Vec<&Source> = house
        .sources
        .iter()
        .filter(|source| source.in_src() && !source.is_test())
        .collect();
    let mut violations = Vec::new();
    for source in files
        .iter()
        .filter(|source| source.product_lines() > MOST_LINES_OF_A_FILE)
    {
        let lines = source.product_lines();
        let what = format!(
            "{lines} lines without tests, at most {MOST_LINES_OF_A_FILE}; split it by concept"
        );
        violations.push(Violation::at(source, 1, what));
    }
    let mut sizes: Vec<usize> = files.iter().map(|source| source.product_lines()).collect();
    sizes.sort_unstable();
    if let Some(median) = sizes
        .get(sizes.len() / 2)
        .filter(|median| **median > MEDIAN_LINES_OF_A_FILE)
    {
        let what = format!(
            "the median file has {median} lines, at most {MEDIAN_LINES_OF_A_FILE}; split the long ones"
        );
        violations.push(Violation::in_file("src", 0, what));
    }
    violations
}

/// Functions over their size.
pub(crate) fn long_functions(house: &House) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in house.sources.iter().filter(|source| source.in_src()) {
        for at in (0..source.tokens.len())
            .filter(|at| !source.tokens[*at].test && source.is_word(*at, "fn"))
        {
            let Some((name, lines)) =
                function(source, at).filter(|(_, lines)| *lines > MOST_LINES_OF_A_FUNCTION)
            else {
                continue;
            };
            let what = format!(
                "fn {name} has {lines} lines, at most {MOST_LINES_OF_A_FUNCTION}; give its steps names"
            );
            violations.push(Violation::at(source, source.tokens[at].line, what));
        }
    }
    violations
}

/// Files and folders whose name says nothing.
pub(crate) fn empty_names(house: &House) -> Vec<Violation> {
    let says_nothing = |path: &str| {
        path.split('/')
            .find(|part| EMPTY_NAMES.iter().any(|name| part.starts_with(name)))
            .map(str::to_owned)
    };
    let files = house.sources.iter().filter(|source| source.in_src());
    files
        .filter_map(|source| {
            let part = says_nothing(&source.path)?;
            Some(Violation::at(
                source,
                1,
                format!("{part} says nothing; name it by the noun of its concept"),
            ))
        })
        .collect()
}

/// A root that exports more names than fit one screen, or that does not name them.
pub(crate) fn crowded_root(house: &House) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in house
        .sources
        .iter()
        .filter(|source| source.path == "src/lib.rs")
    {
        let mut count = 0;
        for item in source.syntax().items {
            let Item::Use(item) = item else { continue };
            if !matches!(item.vis, Visibility::Public(_)) || source.test_at(item.span()) {
                continue;
            }
            let line = item.span().start().line;
            match names(&item.tree) {
                Some(names) => count += names,
                None => violations.push(Violation::at(
                    source,
                    line,
                    "pub use …::* at the root; name what is public".to_owned(),
                )),
            }
            if count > MOST_NAMES_AT_THE_ROOT {
                let what = format!(
                    "{count} names re-exported at the root, at most {MOST_NAMES_AT_THE_ROOT}; leave some in a module"
                );
                violations.push(Violation::at(source, line, what));
            }
        }
    }
    violations
}

/// Name and length of the function whose `fn` stands at `at`; none for a signature or a type.
fn function(source: &Source, at: usize) -> Option<(&str, usize)> {
    let named = if source.is(at + 1, &Kind::Mark('$')) {
        at + 2
    } else {
        at + 1
    };
    let name = source.word(named)?;
    let mut next = named + 1;
    loop {
        let token = source.tokens.get(next)?;
        match token.kind {
            Kind::Open('{') => {
                let end = source.tokens[token.partner].line;
                return Some((name, end - source.tokens[at].line + 1));
            }
            Kind::Open(_) => next = token.partner + 1,
            Kind::Mark(';') | Kind::Close(_) => return None,
            _ => next += 1,
        }
    }
}

/// How many names a `use` brings; none if it does not say.
fn names(tree: &UseTree) -> Option<usize> {
    match tree {
        UseTree::Path(path) => names(&path.tree),
        UseTree::Group(group) => group.items.iter().map(names).sum(),
        UseTree::Name(_) | UseTree::Rename(_) => Some(1),
        UseTree::Glob(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::places;

    #[test]
    fn a_long_file_is_found_and_a_long_test_passes() {
        let (long, short) = ("// a\n".repeat(601), "// a\n".repeat(20));
        let tested = format!("// a\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        let files = [
            ("src/a.rs", long.as_str()),
            ("src/b.rs", &tested),
            ("src/c.rs", &short),
            ("tests/d.rs", &long),
        ];
        assert_eq!(places(&long_files(&House::planted(&files))), ["src/a.rs:1"]);
    }

    #[test]
    fn a_house_of_long_files_is_found() {
        let (long, short) = ("// a\n".repeat(251), "// a\n".repeat(250));
        let files = |second| {
            House::planted(&[
                ("src/a.rs", short.as_str()),
                ("src/b.rs", second),
                ("src/c.rs", long.as_str()),
            ])
        };
        assert_eq!(places(&long_files(&files(&long))), ["src:0"]);
        assert_eq!(places(&long_files(&files(&short))), [""; 0]);
        assert_eq!(places(&long_files(&House::planted(&[]))), [""; 0]);
    }

    #[test]
    fn a_long_function_is_found_and_sixty_lines_pass() {
        let text = |lines| {
            format!(
                "fn f(a: fn() -> u8) -> [u8; 2]\nwhere\n    u8: Copy,\n{{\n{}}}\n",
                "    a();\n".repeat(lines)
            )
        };
        let lines = |text: &str| places(&long_functions(&House::planted(&[("src/a.rs", text)])));
        assert_eq!(lines(&text(56)), ["src/a.rs:1"]);
        assert_eq!(lines(&text(55)), [""; 0]);
        assert_eq!(
            lines(&format!("impl A {{\n    // b\n    {}}}\n", text(56))),
            ["src/a.rs:3"]
        );
        assert_eq!(
            lines(&format!("macro_rules! m {{ () => {{\n{}}} }}\n", text(56))),
            ["src/a.rs:2"]
        );
        assert_eq!(
            lines(&format!("#[cfg(test)]\nmod tests {{\n{}}}\n", text(56))),
            [""; 0]
        );
    }

    #[test]
    fn a_name_that_says_nothing_is_found_and_a_prototype_passes() {
        let files = [
            ("src/util.rs", ""),
            ("src/emit/helpers/mod.rs", ""),
            ("src/record/types.rs", ""),
            ("src/prototypes.rs", ""),
        ];
        let house = House::planted(&files);
        assert_eq!(
            places(&empty_names(&house)),
            [
                "src/emit/helpers/mod.rs:1",
                "src/record/types.rs:1",
                "src/util.rs:1"
            ]
        );
    }

    #[test]
    fn a_crowded_root_is_found_and_twenty_five_names_pass() {
        let names = |count| {
            (0..count)
                .map(|name| format!("A{name}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let lines = |text: String| {
            places(&crowded_root(&House::planted(&[(
                "src/lib.rs",
                text.as_str(),
            )])))
        };
        assert_eq!(
            lines(format!("pub use a::{{b::{{{}}}, C}};\n", names(25))),
            ["src/lib.rs:1"]
        );
        assert_eq!(
            lines(format!(
                "pub use a::{{{}}};\npub(crate) use d::*;\nuse e::F;\n",
                names(25)
            )),
            [""; 0]
        );
        assert_eq!(
            lines("pub use a::B;\npub use c::*;\n".to_owned()),
            ["src/lib.rs:2"]
        );
    }
}
