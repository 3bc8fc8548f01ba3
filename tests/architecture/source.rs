//! One Rust file as the laws see it: its tokens, each with its line and whether only tests compile it.
//!
//! Tokens, not the syntax tree, are what most laws walk: a path inside `info!(…)` or `macro_rules!` is a token like any
//! other, while the syntax tree ends at the macro's bracket. Comments are no tokens, and text in quotes is one opaque token.

use std::ops::Range;

use proc_macro2::{Delimiter, Literal, Spacing, Span, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, Meta, TraitItem};

/// A file of the tree, or one that a test planted.
pub(crate) struct Source {
    /// From the root of the project, with `/` between the parts.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) tokens: Vec<Token>,
    /// `["crate", "emit", "layer"]` for `src/emit/layer.rs`.
    pub(crate) module: Vec<String>,
    /// Modules that this file declares for tests only.
    pub(crate) test_modules: Vec<Vec<String>>,
    /// Lines of the items that only tests compile.
    test_lines: Vec<Range<usize>>,
    /// The whole file is compiled for tests only.
    is_test: bool,
}

pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
    /// Where the token starts in the text, in bytes.
    pub(crate) offset: usize,
    /// Stands between the brackets of `#[…]`.
    pub(crate) in_attribute: bool,
    pub(crate) test: bool,
    /// For an opening bracket the index of the closing one, and the other way round.
    pub(crate) partner: usize,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Kind {
    Close(char),
    Mark(char),
    Number,
    Open(char),
    /// `::`
    PathSeparator,
    /// The value of a string literal.
    Text(String),
    Word(String),
}

impl Source {
    /// Reads a file; `path` decides which module it is.
    pub(crate) fn new(path: &str, text: &str) -> Source {
        let syntax = parse(path, text);
        let module = module_of(path);
        let mut only = TestOnly {
            module: module.clone(),
            ranges: Vec::new(),
            lines: Vec::new(),
            modules: Vec::new(),
        };
        only.visit_file(&syntax);
        let stream: TokenStream = text.parse().expect("what syn parses is made of tokens");
        let mut tokens = Vec::new();
        flatten(stream, false, &mut tokens);
        let is_test = !path.starts_with("src/");
        for token in &mut tokens {
            token.test = is_test
                || only
                    .ranges
                    .iter()
                    .any(|range| range.contains(&token.offset));
        }
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
            tokens,
            module,
            test_modules: only.modules,
            test_lines: only.lines,
            is_test,
        }
    }

    /// Declares that only tests compile this file: another file says `#[cfg(test)] mod …;` of it.
    pub(crate) fn mark_as_test(&mut self) {
        self.is_test = true;
        self.tokens.iter_mut().for_each(|token| token.test = true);
    }

    pub(crate) fn is_test(&self) -> bool {
        self.is_test
    }

    /// Whether the file belongs to the crate itself.
    pub(crate) fn in_src(&self) -> bool {
        self.path.starts_with("src/")
    }

    /// Lines that are no test.
    pub(crate) fn product_lines(&self) -> usize {
        let tests: usize = self.test_lines.iter().map(ExactSizeIterator::len).sum();
        self.text.lines().count().saturating_sub(tests)
    }

    /// The syntax tree; made anew, because spans belong to the thread that parsed them.
    pub(crate) fn syntax(&self) -> syn::File {
        parse(&self.path, &self.text)
    }

    /// The index of the token at which `span` starts.
    pub(crate) fn token_at(&self, span: Span) -> usize {
        let start = span.byte_range().start;
        self.tokens
            .partition_point(|token| token.offset < start)
            .min(self.tokens.len().saturating_sub(1))
    }

    /// Whether what stands at `span` is compiled for tests only.
    pub(crate) fn test_at(&self, span: Span) -> bool {
        self.tokens
            .get(self.token_at(span))
            .is_none_or(|token| token.test)
    }

    pub(crate) fn word(&self, index: usize) -> Option<&str> {
        match self.tokens.get(index).map(|token| &token.kind) {
            Some(Kind::Word(word)) => Some(word),
            _ => None,
        }
    }

    pub(crate) fn is_word(&self, index: usize, word: &str) -> bool {
        self.word(index) == Some(word)
    }

    pub(crate) fn is(&self, index: usize, kind: &Kind) -> bool {
        self.tokens
            .get(index)
            .is_some_and(|token| token.kind == *kind)
    }

    /// The kind of the token before `index`.
    pub(crate) fn before(&self, index: usize) -> Option<&Kind> {
        index.checked_sub(1).map(|index| &self.tokens[index].kind)
    }
}

fn parse(path: &str, text: &str) -> syn::File {
    syn::parse_file(text)
        .unwrap_or_else(|error| panic!("{path}:{}: {error}", error.span().start().line))
}

/// `src/lib.rs` is `crate`, `src/a/mod.rs` and `src/a.rs` are `crate::a`; a file outside `src` stands for itself.
fn module_of(path: &str) -> Vec<String> {
    let Some(inside) = path.strip_prefix("src/") else {
        return vec![path.to_owned()];
    };
    let mut module = vec!["crate".to_owned()];
    module.extend(inside.trim_end_matches(".rs").split('/').map(str::to_owned));
    let last = module.last().map(String::as_str);
    if last == Some("mod") || inside == "lib.rs" {
        module.pop();
    }
    module
}

fn flatten(stream: TokenStream, in_attribute: bool, tokens: &mut Vec<Token>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let span = tree.span();
        match tree {
            TokenTree::Group(group) => {
                let attribute =
                    in_attribute || (group.delimiter() == Delimiter::Bracket && after_hash(tokens));
                let Some((open, close)) = brackets(group.delimiter()) else {
                    flatten(group.stream(), in_attribute, tokens);
                    continue;
                };
                let opening = tokens.len();
                tokens.push(token(Kind::Open(open), group.span_open(), attribute));
                flatten(group.stream(), attribute, tokens);
                let closing = tokens.len();
                tokens.push(token(Kind::Close(close), group.span_close(), attribute));
                tokens[opening].partner = closing;
                tokens[closing].partner = opening;
            }
            TokenTree::Ident(word) => {
                let word = word.to_string().trim_start_matches("r#").to_owned();
                tokens.push(token(Kind::Word(word), span, in_attribute));
            }
            TokenTree::Literal(literal) => {
                tokens.push(token(value_of(literal), span, in_attribute))
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' && mark.spacing() == Spacing::Joint => {
                let second = trees.next_if(
                    |next| matches!(next, TokenTree::Punct(next) if next.as_char() == ':'),
                );
                let kind = if second.is_some() {
                    Kind::PathSeparator
                } else {
                    Kind::Mark(':')
                };
                tokens.push(token(kind, span, in_attribute));
            }
            TokenTree::Punct(mark) => {
                tokens.push(token(Kind::Mark(mark.as_char()), span, in_attribute))
            }
        }
    }
}

fn token(kind: Kind, span: Span, in_attribute: bool) -> Token {
    Token {
        kind,
        line: span.start().line,
        offset: span.byte_range().start,
        in_attribute,
        test: false,
        partner: 0,
    }
}

/// After `#` or `#!` a bracket is an attribute.
fn after_hash(tokens: &[Token]) -> bool {
    match tokens {
        [.., last] if last.kind == Kind::Mark('#') => true,
        [.., hash, last] => hash.kind == Kind::Mark('#') && last.kind == Kind::Mark('!'),
        _ => false,
    }
}

fn brackets(delimiter: Delimiter) -> Option<(char, char)> {
    match delimiter {
        Delimiter::Parenthesis => Some(('(', ')')),
        Delimiter::Brace => Some(('{', '}')),
        Delimiter::Bracket => Some(('[', ']')),
        Delimiter::None => None,
    }
}

fn value_of(literal: Literal) -> Kind {
    match syn::Lit::new(literal) {
        syn::Lit::Str(text) => Kind::Text(text.value()),
        _ => Kind::Number,
    }
}

/// Collects what only tests compile; does not look inside it again.
struct TestOnly {
    module: Vec<String>,
    ranges: Vec<Range<usize>>,
    lines: Vec<Range<usize>>,
    modules: Vec<Vec<String>>,
}

impl TestOnly {
    fn take(&mut self, span: Span) {
        self.ranges.push(span.byte_range());
        self.lines.push(span.start().line..span.end().line + 1);
    }
}

impl<'ast> Visit<'ast> for TestOnly {
    fn visit_item(&mut self, item: &'ast Item) {
        let name = if let Item::Mod(module) = item {
            Some(module.ident.to_string())
        } else {
            None
        };
        self.module.extend(name.clone());
        if attributes(item).iter().any(for_tests) {
            self.take(item.span());
            if name.is_some() {
                self.modules.push(self.module.clone());
            }
        } else {
            visit::visit_item(self, item);
        }
        if name.is_some() {
            self.module.pop();
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            _ => return,
        };
        if attributes.iter().any(for_tests) {
            self.take(item.span());
        } else {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        let attributes = match item {
            TraitItem::Const(item) => &item.attrs,
            TraitItem::Fn(item) => &item.attrs,
            TraitItem::Macro(item) => &item.attrs,
            TraitItem::Type(item) => &item.attrs,
            _ => return,
        };
        if attributes.iter().any(for_tests) {
            self.take(item.span());
        } else {
            visit::visit_trait_item(self, item);
        }
    }
}

/// The attributes of any item.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// `#[cfg(test)]`, `#[cfg(all(test, …))]`, `#[test]`, `#[tokio::test]`.
fn for_tests(attribute: &Attribute) -> bool {
    if attribute.path().is_ident("cfg") {
        return attribute
            .parse_args::<Meta>()
            .is_ok_and(|condition| needs_test(&condition));
    }
    attribute
        .path()
        .segments
        .last()
        .is_some_and(|segment| segment.ident == "test")
}

fn needs_test(condition: &Meta) -> bool {
    use syn::{Token, punctuated::Punctuated};
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => {
            let parts = list
                .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .unwrap_or_default();
            (list.path.is_ident("all") && parts.iter().any(needs_test))
                || (list.path.is_ident("any") && !parts.is_empty() && parts.iter().all(needs_test))
        }
        Meta::NameValue(_) => false,
    }
}

#[test]
fn what_only_tests_compile_is_told_from_the_rest() {
    let text = "use a::b;\n#[cfg(all(test, unix))]\nmod tests { use c::d; }\n#[cfg(any(test, unix))]\nuse e::f;\n\
                #[cfg(not(test))]\nuse g::h;\nimpl X {\n    #[cfg(test)]\n    fn i() { j::k() }\n}\n#[cfg(test)]\nmod l;\n";
    let source = Source::new("src/room/mod.rs", text);
    let outside: Vec<&str> = (0..source.tokens.len())
        .filter(|at| !source.tokens[*at].test)
        .filter_map(|at| source.word(at))
        .collect();
    assert_eq!(
        outside,
        [
            "use", "a", "b", "cfg", "any", "test", "unix", "use", "e", "f", "cfg", "not", "test",
            "use", "g", "h", "impl", "X"
        ]
    );
    assert_eq!(
        source.test_modules,
        [["crate", "room", "tests"], ["crate", "room", "l"]]
    );
    assert_eq!(source.product_lines(), 7);
}
