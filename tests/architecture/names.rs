//! What a path means: every `use` and every path of the tree, followed through groups, renames, `self`, `super`, globs and
//! re-exports to the module that defines the thing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path as FilePath;

use crate::scopes::{Path, Scope, Scopes};
use crate::source::Source;

/// The whole tree, or the few files that a test planted.
pub(crate) struct House {
    pub(crate) sources: Vec<Source>,
    /// The scopes of each file.
    files: Vec<Scopes>,
    /// Each module's file and scope.
    modules: BTreeMap<Vec<String>, (usize, usize)>,
    /// The modules from which each module imports everything.
    globs: BTreeMap<Vec<String>, Vec<Vec<String>>>,
}

/// A mention of something, followed to where it is defined.
pub(crate) struct Mention<'a> {
    pub(crate) source: &'a Source,
    pub(crate) line: usize,
    /// Things of ours start with `crate`, things of the standard library with `std`.
    pub(crate) path: Vec<String>,
    /// Ends in `*`.
    pub(crate) glob: bool,
    pub(crate) test: bool,
}

impl Mention<'_> {
    /// Whether the path starts with `start`, written `std::env`.
    pub(crate) fn starts_with(&self, start: &str) -> bool {
        let mut path = self.path.iter();
        start
            .split("::")
            .all(|part| path.next().is_some_and(|own| own == part))
    }

    pub(crate) fn ends_with(&self, end: &str) -> bool {
        let mut path = self.path.iter().rev();
        end.rsplit("::")
            .all(|part| path.next().is_some_and(|own| own == part))
    }
}

impl House {
    /// The Rust files of the project at `root`.
    pub(crate) fn read(root: &FilePath) -> House {
        let mut files = Vec::new();
        for folder in ["src", "tests", "benches", "examples"] {
            collect(&root.join(folder), folder, &mut files);
        }
        House::new(
            files
                .iter()
                .map(|(path, text)| Source::new(path, text))
                .collect(),
        )
    }

    /// A house of planted files: path and text.
    pub(crate) fn planted(files: &[(&str, &str)]) -> House {
        House::new(
            files
                .iter()
                .map(|(path, text)| Source::new(path, text))
                .collect(),
        )
    }

    fn new(mut sources: Vec<Source>) -> House {
        let tests: Vec<Vec<String>> = sources
            .iter()
            .flat_map(|source| source.test_modules.clone())
            .collect();
        for source in &mut sources {
            if tests.iter().any(|test| source.module.starts_with(test)) {
                source.mark_as_test();
            }
        }
        let files: Vec<Scopes> = sources.iter().map(Scopes::new).collect();
        let mut modules = BTreeMap::new();
        for (file, Scopes { scopes, .. }) in files.iter().enumerate() {
            let of_modules = (0..scopes.len()).filter(|scope| scopes[*scope].is_module);
            modules.extend(of_modules.map(|scope| (scopes[scope].module.clone(), (file, scope))));
        }
        let mut house = House {
            sources,
            files,
            modules,
            globs: BTreeMap::new(),
        };
        // Twice, because a glob may start at a name that another glob brought.
        for _ in 0..2 {
            house.globs = house.follow_globs();
        }
        house
    }

    /// Every path of two or more parts and every part of every `use`.
    pub(crate) fn mentions<'a>(&'a self) -> Vec<Mention<'a>> {
        let of_file = |(file, source): (usize, &'a Source)| {
            let written = self.files[file].mentions.iter();
            written.map(move |written| Mention {
                source,
                line: source.tokens[written.token].line,
                path: self.follow(
                    (file, written.scope),
                    &written.path,
                    written.own_name.as_deref(),
                    &mut 0,
                ),
                glob: written.glob,
                test: source.tokens[written.token].test,
            })
        };
        self.sources.iter().enumerate().flat_map(of_file).collect()
    }

    /// What `path`, written at the token `token` of `source`, means.
    pub(crate) fn meaning(&self, source: &Source, token: usize, path: &syn::Path) -> Vec<String> {
        let file = self
            .sources
            .iter()
            .position(|own| own.path == source.path)
            .expect("the source is one of this house");
        let parts = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        let written = Path {
            parts,
            absolute: path.leading_colon.is_some(),
        };
        self.follow(
            (file, self.files[file].scope_of[token]),
            &written,
            None,
            &mut 0,
        )
    }

    /// What `path` means where it is written, a file and a scope in it. `own_name` is the name that the `use` being
    /// followed gives: `use tokio;` does not mean itself. `steps` counts the names followed so far.
    fn follow(
        &self,
        (file, scope): (usize, usize),
        path: &Path,
        own_name: Option<&str>,
        steps: &mut usize,
    ) -> Vec<String> {
        let scopes = &self.files[file].scopes;
        let module = &scopes[scope].module;
        let parts = path.parts.as_slice();
        *steps += 1;
        let Some((first, rest)) = parts.split_first().filter(|_| *steps < MOST_STEPS) else {
            return parts.to_vec();
        };
        match first.as_str() {
            "llm_audit" if path.absolute => {
                return self.descend(joined(&["crate".to_owned()], rest), steps);
            }
            _ if path.absolute => return outside(parts),
            "crate" => return self.descend(parts.to_vec(), steps),
            "self" | "super" => return self.descend(from_module(module, parts), steps),
            _ => {}
        }
        let mut at = Some(scope);
        while let Some(here) = at {
            if let Some(target) = scopes[here]
                .names
                .get(first)
                .filter(|_| own_name != Some(first))
            {
                let found = self.follow((file, here), target, Some(first), steps);
                return self.descend(joined(&found, rest), steps);
            }
            at = if scopes[here].is_module {
                None
            } else {
                scopes[here].parent
            };
        }
        if self.defines(module, first) {
            return self.descend(joined(module, parts), steps);
        }
        if let Some(found) = self.through_globs(module, first, &mut BTreeSet::new()) {
            return self.descend(joined(&found, parts), steps);
        }
        if first == "llm_audit" {
            self.descend(joined(&["crate".to_owned()], rest), steps)
        } else {
            outside(parts)
        }
    }

    /// Walks a path from the root down, through re-exports.
    fn descend(&self, path: Vec<String>, steps: &mut usize) -> Vec<String> {
        *steps += 1;
        if path.first().is_none_or(|first| first != "crate") || *steps > MOST_STEPS {
            return path;
        }
        let Some(end) = (1..path.len()).find(|end| !self.modules.contains_key(&path[..=*end]))
        else {
            return path;
        };
        let (module, name) = (&path[..end], &path[end]);
        if let Some(target) = self.scope(module).and_then(|scope| scope.names.get(name)) {
            let found = self.follow(self.modules[module], target, Some(name), steps);
            return self.descend(joined(&found, &path[end + 1..]), steps);
        }
        match self.through_globs(module, name, &mut BTreeSet::new()) {
            Some(found) if !self.defines(module, name) => {
                self.descend(joined(&found, &path[end..]), steps)
            }
            _ => path,
        }
    }

    /// The module from which a `use …::*` of `module` brings `name`.
    fn through_globs(
        &self,
        module: &[String],
        name: &str,
        seen: &mut BTreeSet<Vec<String>>,
    ) -> Option<Vec<String>> {
        for target in self.globs.get(module)? {
            if !seen.insert(target.clone()) {
                continue;
            }
            let gives = self
                .scope(target)
                .is_some_and(|scope| scope.names.contains_key(name));
            if gives || self.defines(target, name) {
                return Some(target.clone());
            }
            if let Some(found) = self.through_globs(target, name, seen) {
                return Some(found);
            }
        }
        None
    }

    fn follow_globs(&self) -> BTreeMap<Vec<String>, Vec<Vec<String>>> {
        let follow = |(module, &(file, scope)): (&Vec<String>, &(usize, usize))| {
            let globs = self.files[file].scopes[scope].globs.iter();
            (
                module.clone(),
                globs
                    .map(|glob| self.follow((file, scope), glob, None, &mut 0))
                    .collect(),
            )
        };
        self.modules.iter().map(follow).collect()
    }

    fn scope(&self, module: &[String]) -> Option<&Scope> {
        self.modules
            .get(module)
            .map(|&(file, scope)| &self.files[file].scopes[scope])
    }

    fn defines(&self, module: &[String], name: &str) -> bool {
        let item = self
            .scope(module)
            .is_some_and(|scope| scope.items.contains(name));
        item || self
            .modules
            .contains_key(&joined(module, &[name.to_owned()]))
    }
}

fn collect(folder: &FilePath, name: &str, files: &mut Vec<(String, String)>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("a folder of the project is readable").path())
        .collect();
    paths.sort();
    for path in paths {
        let own = path
            .file_name()
            .expect("an entry of a folder has a name")
            .to_string_lossy();
        let name = format!("{name}/{own}");
        if path.is_dir() {
            collect(&path, &name, files);
        } else if name.ends_with(".rs") {
            files.push((
                name,
                fs::read_to_string(&path).expect("a Rust file is UTF-8"),
            ));
        }
    }
}

/// `self::…` and `super::super::…` from the root.
fn from_module(module: &[String], parts: &[String]) -> Vec<String> {
    let climbing = parts
        .iter()
        .take_while(|part| *part == "super" || *part == "self");
    let (steps, ups) = climbing.fold((0, 0), |(steps, ups), part| {
        (steps + 1, ups + usize::from(part == "super"))
    });
    joined(
        &module[..module.len().saturating_sub(ups).max(1)],
        &parts[steps..],
    )
}

fn joined(start: &[String], end: &[String]) -> Vec<String> {
    [start, end].concat()
}

/// `core` and `alloc` are other doors to `std`.
fn outside(parts: &[String]) -> Vec<String> {
    let mut parts = parts.to_vec();
    if parts[0] == "core" || parts[0] == "alloc" {
        "std".clone_into(&mut parts[0]);
    }
    parts
}

/// A path that takes more names than this to follow goes in a circle.
const MOST_STEPS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn meanings(files: &[(&str, &str)], path: &str) -> Vec<String> {
        let house = House::planted(files);
        let mentions = house.mentions();
        mentions
            .iter()
            .filter(|mention| mention.source.path == path)
            .map(|mention| mention.path.join("::"))
            .collect()
    }

    #[test]
    fn groups_renames_and_parents_are_followed() {
        let text = "use crate::{a::{self, B as C}, d};\nuse super::super::e::F;\nfn g() { C::new(); a::h(); self::i::j(); }";
        assert_eq!(
            meanings(&[("src/x/y.rs", text)], "src/x/y.rs"),
            [
                "crate::a",
                "crate::a::B",
                "crate::d",
                "crate::e::F",
                "crate::a::B::new",
                "crate::a::h",
                "crate::x::y::i::j"
            ]
        );
    }

    #[test]
    fn a_name_at_the_root_means_the_room_that_defines_it() {
        let files = [
            (
                "src/lib.rs",
                "mod emit;\npub use emit::Layer;\npub(crate) use emit::*;",
            ),
            (
                "src/emit/mod.rs",
                "mod layer;\npub use self::layer::Layer as Layer;\nstruct Guard;",
            ),
            ("src/emit/layer.rs", "pub struct Layer;"),
            (
                "src/x.rs",
                "use crate::Layer;\nfn f() { crate::Guard::start(); }",
            ),
        ];
        assert_eq!(
            meanings(&files, "src/x.rs"),
            ["crate::emit::layer::Layer", "crate::emit::Guard::start"]
        );
    }

    #[test]
    fn the_crate_under_another_name_is_still_the_crate() {
        let text = "use crate as c;\nextern crate self as me;\nfn f() { c::emit::X; me::emit::Y; ::llm_audit::emit::Z; }";
        let found = meanings(&[("src/x.rs", text)], "src/x.rs");
        assert_eq!(
            found[2..],
            ["crate::emit::X", "crate::emit::Y", "crate::emit::Z"]
        );
    }

    #[test]
    fn what_a_block_imports_counts_in_that_block_only() {
        let text = "fn f() { use std::fs as disk; disk::read(); }\nfn g() { disk::read(); }";
        assert_eq!(
            meanings(&[("src/x.rs", text)], "src/x.rs"),
            ["std::fs", "std::fs::read", "disk::read"]
        );
    }

    #[test]
    fn paths_in_macros_attributes_and_aliases_are_seen() {
        let text = "#[serde(with = \"crate::emit::hex\")]\nstruct S;\ntype T = std::time::SystemTime;\n\
                    macro_rules! m { () => { $crate::emit::f() } }\nfn g() { info!(at = ?T::now()); <T>::now(); }";
        let found = meanings(&[("src/x.rs", text)], "src/x.rs");
        for path in [
            "crate::emit::hex",
            "crate::emit::f",
            "std::time::SystemTime::now",
        ] {
            assert!(
                found.iter().any(|own| own == path),
                "{path} is not among {found:?}"
            );
        }
    }

    #[test]
    fn paths_in_ranges_and_after_arrows_are_seen() {
        let text = "fn f(g: &G) -> ::std::fs::File {\n    let a = A { b: 1, ..crate::emit::C };\n    for d in 0..crate::cli::E {}\n\
                    Vec::<u8>::new();\n    h.crate_::<u8>();\n}";
        assert_eq!(
            meanings(&[("src/x.rs", text)], "src/x.rs"),
            ["std::fs::File", "crate::emit::C", "crate::cli::E"]
        );
    }

    #[test]
    fn a_name_that_comes_through_several_globs_is_followed() {
        let files = [
            ("src/lib.rs", "mod emit;\npub use emit::*;"),
            (
                "src/emit/mod.rs",
                "mod layer;\nuse std::*;\nuse tokio::*;\nuse serde::*;\npub use layer::*;",
            ),
            ("src/emit/layer.rs", "pub use super::*;\npub struct Layer;"),
            ("src/x.rs", "use super::*;\nfn f() { Layer::new(); }"),
        ];
        assert_eq!(
            meanings(&files, "src/x.rs"),
            ["crate", "crate::emit::layer::Layer::new"]
        );
    }

    #[test]
    fn a_circle_of_imports_ends() {
        let files = [
            ("src/a.rs", "pub use crate::b::X;"),
            ("src/b.rs", "pub use crate::a::X;\npub use tokio;"),
        ];
        assert!(meanings(&files, "src/b.rs").contains(&"tokio".to_owned()));
    }
}
