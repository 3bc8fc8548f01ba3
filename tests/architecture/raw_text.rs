//! Raw text stays where it becomes a record: what holds it is named in few rooms and can be neither printed, copied nor sent.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, ItemEnum, ItemImpl, ItemStruct, ItemType, Token, punctuated::Punctuated};

use crate::names::House;
use crate::report::Violation;
use crate::source::{Kind, Source};

/// The types that hold raw text.
const RAW: [&str; 2] = ["CapturedCall", "RawText"];

/// Rooms and files that may name them.
const ROOMS: [&str; 6] = [
    "src/emit/",
    "src/provider/",
    "src/record/",
    "src/refine.rs",
    "src/refine/",
    "src/sanitize/",
];

/// Within `emit/`: files and folders whose name starts so see records only.
const BEHIND_THE_GATE: [&str; 4] = ["frame", "json_lines", "sender", "spool"];

/// What would print or copy raw text, or send it.
const LEAKS: [&str; 7] = [
    "Clone",
    "Copy",
    "Debug",
    "Display",
    "Error",
    "Serialize",
    "ToString",
];

/// Raw text named where only records may be.
pub(crate) fn named_elsewhere(house: &House) -> Vec<Violation> {
    let what =
        |name: &str| format!("{name} holds raw text, which ends in refine.rs; take an AuditRecord");
    let mut violations = Vec::new();
    for source in house
        .sources
        .iter()
        .filter(|source| source.in_src() && !may_name(&source.path))
    {
        for at in (0..source.tokens.len()).filter(|at| !source.tokens[*at].test) {
            if let Some(name) = source.word(at).filter(|word| RAW.contains(word)) {
                violations.push(Violation::at(source, source.tokens[at].line, what(name)));
            }
        }
    }
    let mentions = house.mentions();
    for mention in mentions
        .iter()
        .filter(|own| !own.test && own.source.in_src() && !may_name(&own.source.path))
    {
        if let Some(name) = mention
            .path
            .iter()
            .find(|part| RAW.contains(&part.as_str()))
        {
            violations.push(Violation::at(mention.source, mention.line, what(name)));
        }
    }
    violations.sort();
    violations.dedup();
    violations
}

/// Raw text that could be printed, copied or sent, or that goes by another name.
pub(crate) fn leaks(house: &House) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in house.sources.iter().filter(|source| source.in_src()) {
        let syntax = source.syntax();
        let mut search = Leaks {
            house,
            source,
            violations: Vec::new(),
        };
        search.visit_file(&syntax);
        violations.append(&mut search.violations);
        violations.extend(renamed(source));
    }
    violations
}

fn may_name(path: &str) -> bool {
    let behind = path.strip_prefix("src/emit/").is_some_and(|inside| {
        inside
            .split('/')
            .any(|part| BEHIND_THE_GATE.iter().any(|start| part.starts_with(start)))
    });
    ROOMS.iter().any(|room| path.starts_with(room)) && !behind
}

/// `CapturedCall as Draft`.
fn renamed(source: &Source) -> Vec<Violation> {
    let is_rename = |at: usize| {
        let name = source.word(at).filter(|word| RAW.contains(word));
        let other = source.word(at + 2).filter(|other| *other != "_");
        name.is_some()
            && source.is_word(at + 1, "as")
            && other.is_some()
            && !source.is(at + 3, &Kind::PathSeparator)
    };
    let found = (0..source.tokens.len()).filter(|at| !source.tokens[*at].test && is_rename(*at));
    found
        .map(|at| Violation::at(source, source.tokens[at].line, RENAMED.to_owned()))
        .collect()
}

const WAY_OUT: &str = "raw text is never printed, copied or sent: leave it out, and write a Debug by hand that shows sizes";

const RENAMED: &str = "raw text goes by one name, so that a reader can search for it";

struct Leaks<'a> {
    house: &'a House,
    source: &'a Source,
    violations: Vec<Violation>,
}

impl Leaks<'_> {
    fn add(&mut self, span: proc_macro2::Span, what: String) {
        if !self.source.test_at(span) {
            self.violations
                .push(Violation::at(self.source, span.start().line, what));
        }
    }

    fn last(&self, path: &syn::Path) -> String {
        let token = self.source.token_at(path.span());
        self.house
            .meaning(self.source, token, path)
            .pop()
            .unwrap_or_default()
    }

    fn derives(&mut self, name: &syn::Ident, attributes: &[Attribute]) {
        if !RAW.contains(&name.to_string().as_str()) {
            return;
        }
        for attribute in attributes {
            for path in derived(&attribute.meta) {
                let leak = self.last(&path);
                if LEAKS.contains(&leak.as_str()) {
                    self.add(path.span(), format!("{name} derives {leak}; {WAY_OUT}"));
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Leaks<'_> {
    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.derives(&item.ident, &item.attrs);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        self.derives(&item.ident, &item.attrs);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast ItemType) {
        if self.raw_in(&item.ty).is_some() {
            self.add(item.ident.span(), RENAMED.to_owned());
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if let (Some((_, path, _)), Some(name)) = (&item.trait_, self.raw_in(&item.self_ty)) {
            let leak = self.last(path);
            // A Debug by hand shows sizes.
            if LEAKS.contains(&leak.as_str()) && leak != "Debug" {
                self.add(path.span(), format!("{leak} for {name}; {WAY_OUT}"));
            }
        }
        visit::visit_item_impl(self, item);
    }
}

impl Leaks<'_> {
    /// The raw type that `ty` is or contains.
    fn raw_in(&self, ty: &syn::Type) -> Option<String> {
        let mut paths = Paths(Vec::new());
        paths.visit_type(ty);
        paths
            .0
            .iter()
            .map(|path| self.last(path))
            .find(|name| RAW.contains(&name.as_str()))
    }
}

struct Paths(Vec<syn::Path>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(path.clone());
        visit::visit_path(self, path);
    }
}

/// The traits of `derive(…)`, also inside `cfg_attr(…)`.
fn derived(meta: &syn::Meta) -> Vec<syn::Path> {
    let syn::Meta::List(list) = meta else {
        return Vec::new();
    };
    if list.path.is_ident("derive") {
        let paths = list.parse_args_with(Punctuated::<syn::Path, Token![,]>::parse_terminated);
        return paths
            .map(|paths| paths.into_iter().collect())
            .unwrap_or_default();
    }
    if !list.path.is_ident("cfg_attr") {
        return Vec::new();
    }
    let parts = list.parse_args_with(Punctuated::<syn::Meta, Token![,]>::parse_terminated);
    parts
        .map(|parts| parts.iter().flat_map(derived).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::places;

    const RECORD: (&str, &str) = (
        "src/record/mod.rs",
        "mod captured;\npub use captured::CapturedCall;\n",
    );
    const CAPTURED: (&str, &str) = (
        "src/record/captured.rs",
        "pub struct CapturedCall { text: RawText }\npub struct RawText(String);\n",
    );

    fn named(path: &str, text: &str) -> Vec<String> {
        places(&named_elsewhere(&House::planted(&[
            RECORD,
            CAPTURED,
            (path, text),
        ])))
    }

    fn leaking(text: &str) -> Vec<String> {
        places(&leaks(&House::planted(&[("src/record/captured.rs", text)])))
    }

    #[test]
    fn raw_text_named_behind_the_gate_is_found() {
        let import = "use crate::{record::{self, CapturedCall}};\n";
        assert_eq!(
            named("src/emit/spool/mod.rs", import),
            ["src/emit/spool/mod.rs:1"]
        );
        assert_eq!(
            named(
                "src/emit/sender.rs",
                "fn f() { crate::record::captured::RawText::new() }\n"
            ),
            ["src/emit/sender.rs:1"]
        );
        assert_eq!(
            named("src/emit/layer/frame_start.rs", import),
            ["src/emit/layer/frame_start.rs:1"]
        );
        assert_eq!(
            named(
                "src/siem/mod.rs",
                "use crate::record::*;\nfn f(call: &CapturedCall) {}\n"
            ),
            ["src/siem/mod.rs:2"]
        );
        assert_eq!(
            named(
                "src/lib.rs",
                "mod record;\npub use record::CapturedCall as Call;\n"
            ),
            ["src/lib.rs:2"]
        );
    }

    #[test]
    fn raw_text_under_another_name_is_found() {
        let alias = (
            "src/record/draft.rs",
            "pub use super::CapturedCall as Draft;\n",
        );
        let user = ("src/siem/mod.rs", "use crate::record::draft::Draft;\n");
        let house = House::planted(&[RECORD, CAPTURED, alias, user]);
        assert_eq!(places(&named_elsewhere(&house)), ["src/siem/mod.rs:1"]);
        assert_eq!(places(&leaks(&house)), ["src/record/draft.rs:1"]);
        assert_eq!(
            leaking("struct RawText;\ntype Draft = Vec<RawText>;\n"),
            ["src/record/captured.rs:2"]
        );
    }

    #[test]
    fn raw_text_before_the_gate_and_words_about_it_pass() {
        let import = "use crate::record::{CapturedCall, RawText};\n";
        for path in [
            "src/emit/layer.rs",
            "src/emit/guard/mod.rs",
            "src/refine.rs",
            "src/refine/",
            "src/provider/sse.rs",
            "src/sanitize/mod.rs",
        ] {
            assert_eq!(named(path, import), [""; 0], "{path}");
        }
        let text = "/// Not a [`CapturedCall`].\nconst A: &str = \"CapturedCall\";\nstruct CapturedCalls;\n\
                    #[cfg(test)]\nmod tests { use crate::record::CapturedCall; }\n";
        assert_eq!(named("src/emit/spool.rs", text), [""; 0]);
    }

    #[test]
    fn raw_text_that_can_be_printed_copied_or_sent_is_found() {
        assert_eq!(
            leaking("#[derive(Default, Debug)]\nstruct CapturedCall;\n"),
            ["src/record/captured.rs:1"]
        );
        assert_eq!(
            leaking("#[cfg_attr(unix, derive(Clone))]\npub struct RawText;\n"),
            ["src/record/captured.rs:1"]
        );
        assert_eq!(
            leaking("use serde::Serialize as S;\n#[derive(S)]\nenum RawText {}\n"),
            ["src/record/captured.rs:2"]
        );
        assert_eq!(
            leaking("struct RawText;\nimpl serde::Serialize for RawText {}\n"),
            ["src/record/captured.rs:2"]
        );
        assert_eq!(
            leaking("struct RawText;\nimpl<'a> std::fmt::Display for &'a RawText {}\n"),
            ["src/record/captured.rs:2"]
        );
        assert_eq!(
            leaking("use super::CapturedCall as C;\nfn f() { impl Clone for C {} }\n").len(),
            2
        );
    }

    #[test]
    fn a_debug_by_hand_and_derives_of_others_pass() {
        let text = "#[derive(Default, PartialEq)]\nstruct RawText;\nimpl fmt::Debug for RawText {}\nimpl Drop for RawText {}\n\
                    #[derive(Clone, Debug, Serialize)]\nstruct AuditRecord;\nimpl Display for AuditRecord {}\n\
                    #[cfg(test)]\nmod tests { impl Clone for super::RawText {} }\n";
        assert_eq!(leaking(text), [""; 0]);
    }
}
