//! Errors say who must act: no catch-alls, no alias that hides which error it is, `anyhow` at the door only.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{ItemEnum, ItemType, Type, TypeTraitObject, Variant};

use crate::floors::{floor_of, room_of};
use crate::names::House;
use crate::report::Violation;
use crate::source::Source;

/// Variants that hold any error, or any text, and so say nothing about who must act.
pub(crate) fn catch_alls(house: &House) -> Vec<Violation> {
    search(
        house,
        |search, syntax| search.visit_file(syntax),
        |found| !found.alias,
    )
}

/// `type Result<T> = …` where a signature must say its error.
pub(crate) fn result_aliases(house: &House) -> Vec<Violation> {
    search(
        house,
        |search, syntax| search.visit_file(syntax),
        |found| found.alias,
    )
}

/// `anyhow` away from the door.
pub(crate) fn anyhow_below_the_door(house: &House) -> Vec<Violation> {
    let mentions = house.mentions();
    let below = mentions.iter().filter(|mention| {
        let door = matches!(room_of(mention.source), Some("cli" | "main"));
        !mention.test && mention.source.in_src() && !door && mention.starts_with("anyhow")
    });
    let what = "anyhow outside cli/ and main.rs; name the error in an enum of this boundary";
    below
        .map(|mention| Violation::at(mention.source, mention.line, what.to_owned()))
        .collect()
}

struct Found {
    alias: bool,
    line: usize,
    what: String,
}

struct Search<'a> {
    source: &'a Source,
    found: Vec<Found>,
}

fn search(
    house: &House,
    walk: impl Fn(&mut Search<'_>, &syn::File),
    keep: impl Fn(&Found) -> bool,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in house.sources.iter().filter(|source| source.in_src()) {
        let mut search = Search {
            source,
            found: Vec::new(),
        };
        walk(&mut search, &source.syntax());
        let kept = search.found.into_iter().filter(&keep);
        violations.extend(kept.map(|found| Violation::at(source, found.line, found.what)));
    }
    violations
}

impl<'ast> Visit<'ast> for Search<'_> {
    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        for variant in item
            .variants
            .iter()
            .filter(|variant| !self.source.test_at(variant.span()))
        {
            if holds_any_error(variant)
                || (item.ident.to_string().ends_with("Error") && holds_any_text(variant))
            {
                let what = format!(
                    "{}::{} says nothing about who must act; name what failed",
                    item.ident, variant.ident
                );
                self.found.push(Found {
                    alias: false,
                    line: variant.ident.span().start().line,
                    what,
                });
            }
        }
    }

    fn visit_item_type(&mut self, item: &'ast ItemType) {
        // The root has no floor; an alias there is the widest of all.
        let low = floor_of(self.source).is_none_or(|floor| floor <= 3);
        let result = item.ident.to_string().ends_with("Result")
            && last(&item.ty).is_some_and(|name| name == "Result");
        if low && result && !self.source.test_at(item.span()) {
            let what = format!(
                "type {} hides which errors a function returns; write Result<T, TheError>",
                item.ident
            );
            self.found.push(Found {
                alias: true,
                line: item.ident.span().start().line,
                what,
            });
        }
    }
}

/// `dyn Error`, however it is wrapped, or `anyhow::Error`.
fn holds_any_error(variant: &Variant) -> bool {
    struct Any(bool);
    impl<'ast> Visit<'ast> for Any {
        fn visit_type_trait_object(&mut self, object: &'ast TypeTraitObject) {
            self.0 |= object.bounds.iter().any(|bound| match bound {
                syn::TypeParamBound::Trait(bound) => bound
                    .path
                    .segments
                    .last()
                    .is_some_and(|own| own.ident == "Error"),
                _ => false,
            });
            visit::visit_type_trait_object(self, object);
        }

        fn visit_type_path(&mut self, path: &'ast syn::TypePath) {
            let first = path
                .path
                .segments
                .first()
                .is_some_and(|own| own.ident == "anyhow");
            self.0 |= first
                || path
                    .path
                    .segments
                    .last()
                    .is_some_and(|own| own.ident == "BoxError");
            visit::visit_type_path(self, path);
        }
    }
    let mut any = Any(false);
    any.visit_fields(&variant.fields);
    any.0
}

fn holds_any_text(variant: &Variant) -> bool {
    let catches_all = ["General", "Generic", "Misc", "Other", "Unexpected"]
        .iter()
        .any(|name| variant.ident == name);
    catches_all
        && variant
            .fields
            .iter()
            .any(|field| last(&field.ty).is_some_and(|name| name == "String"))
}

fn last(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    path.path
        .segments
        .last()
        .map(|segment| segment.ident.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::places;

    fn lines(law: fn(&House) -> Vec<Violation>, path: &str, text: &str) -> Vec<String> {
        places(&law(&House::planted(&[(path, text)])))
    }

    #[test]
    fn a_catch_all_is_found() {
        let text = "enum SpoolError {\n    #[error(\"x\")]\n    Other(#[from] Box<dyn std::error::Error + Send + Sync>),\n\
                    Foreign { source: std::sync::Arc<dyn Error> },\n    General(String),\n    Unknown(anyhow::Error),\n}\n";
        assert_eq!(
            lines(catch_alls, "src/a.rs", text),
            ["src/a.rs:3", "src/a.rs:4", "src/a.rs:5", "src/a.rs:6"]
        );
        assert_eq!(
            lines(
                catch_alls,
                "src/a.rs",
                "fn f() { enum E { Other(BoxError) } }\n"
            ),
            ["src/a.rs:1"]
        );
    }

    #[test]
    fn a_named_error_and_a_named_provider_pass() {
        let text = "enum Provider { Anthropic, Other(String) }\nenum SpoolError { Io(#[source] std::io::Error), Path(Box<PathError>), Sink(Box<dyn Sink>) }\n\
                    #[cfg(test)]\nmod tests { enum E { Other(Box<dyn Error>) } }\n";
        assert_eq!(lines(catch_alls, "src/a.rs", text), [""; 0]);
    }

    #[test]
    fn an_alias_that_hides_the_error_is_found() {
        let law = result_aliases;
        assert_eq!(
            lines(
                law,
                "src/journal/mod.rs",
                "pub type Result<T> = std::result::Result<T, JournalError>;\n"
            ),
            ["src/journal/mod.rs:1"]
        );
        assert_eq!(
            lines(
                law,
                "src/lib.rs",
                "mod a {\n type AuditResult<T, E = X> = Result<T, E>;\n}\n"
            ),
            ["src/lib.rs:2"]
        );
    }

    #[test]
    fn other_aliases_and_the_command_line_pass() {
        let law = result_aliases;
        assert_eq!(
            lines(
                law,
                "src/policy/mod.rs",
                "type Results = Vec<u8>;\nimpl A for B { type Result = Result<u8, C>; }\n"
            ),
            [""; 0]
        );
        assert_eq!(
            lines(
                law,
                "src/cli/mod.rs",
                "type Result<T> = std::result::Result<T, Exit>;\n"
            ),
            [""; 0]
        );
    }

    #[test]
    fn anyhow_below_the_door_is_found_and_at_the_door_it_passes() {
        let law = anyhow_below_the_door;
        assert_eq!(
            lines(
                law,
                "src/config.rs",
                "use anyhow::{Context as _};\nfn f() { anyhow::bail!(\"a\") }\n"
            ),
            ["src/config.rs:1", "src/config.rs:2"]
        );
        assert_eq!(
            lines(
                law,
                "src/emit/mod.rs",
                "extern crate anyhow as a;\nfn f() -> a::Result<()> {}\n"
            ),
            ["src/emit/mod.rs:1", "src/emit/mod.rs:2"]
        );
        assert_eq!(
            lines(law, "src/cli/mod.rs", "use anyhow::Context;\n"),
            [""; 0]
        );
        assert_eq!(
            lines(
                law,
                "src/emit/mod.rs",
                "fn anyhow() { anyhow(); crate::emit::anyhow(); }\n"
            ),
            [""; 0]
        );
    }
}
