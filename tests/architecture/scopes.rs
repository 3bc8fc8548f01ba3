//! What one file says: its scopes, the names that each scope gives, and every path as written.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Kind, Source};

/// A path as written.
#[derive(Clone)]
pub(crate) struct Path {
    pub(crate) parts: Vec<String>,
    /// Starts with `::`.
    pub(crate) absolute: bool,
}

/// A file, an inline module or a block: what names mean in it.
pub(crate) struct Scope {
    pub(crate) parent: Option<usize>,
    pub(crate) module: Vec<String>,
    pub(crate) is_module: bool,
    /// Names given by `use`, `extern crate` and `type … = …;`.
    pub(crate) names: BTreeMap<String, Path>,
    pub(crate) globs: Vec<Path>,
    pub(crate) items: BTreeSet<String>,
}

/// A path where it is written.
pub(crate) struct Written {
    pub(crate) path: Path,
    pub(crate) scope: usize,
    pub(crate) token: usize,
    pub(crate) glob: bool,
    pub(crate) own_name: Option<String>,
}

/// The scopes and mentions of one file.
pub(crate) struct Scopes {
    pub(crate) scopes: Vec<Scope>,
    /// The scope of each token.
    pub(crate) scope_of: Vec<usize>,
    pub(crate) mentions: Vec<Written>,
}

impl Scopes {
    /// Reads the scopes and the paths of a file.
    pub(crate) fn new(source: &Source) -> Scopes {
        let file = Scope::new(None, source.module.clone(), true);
        let mut own = Scopes {
            scopes: vec![file],
            scope_of: Vec::new(),
            mentions: Vec::new(),
        };
        own.find_scopes(source);
        let mut at = 0;
        while at < source.tokens.len() {
            at = own.read(source, at);
        }
        own
    }

    fn find_scopes(&mut self, source: &Source) {
        let mut here = 0;
        for (at, token) in source.tokens.iter().enumerate() {
            match token.kind {
                Kind::Open('{') => {
                    self.scope_of.push(here);
                    let module = (at >= 2 && source.is_word(at - 2, "mod"))
                        .then(|| source.word(at - 1))
                        .flatten();
                    let mut path = self.scopes[here].module.clone();
                    path.extend(module.map(str::to_owned));
                    self.scopes
                        .push(Scope::new(Some(here), path, module.is_some()));
                    here = self.scopes.len() - 1;
                }
                Kind::Close('}') => {
                    here = self.scopes[here].parent.unwrap_or(0);
                    self.scope_of.push(here);
                }
                _ => self.scope_of.push(here),
            }
        }
    }

    /// Reads what starts at `at`; returns where to go on.
    fn read(&mut self, source: &Source, at: usize) -> usize {
        let scope = self.scope_of[at];
        match &source.tokens[at].kind {
            Kind::Word(word) if word == "use" && !source.is(at + 1, &Kind::Mark('<')) => {
                let stem = Path {
                    parts: Vec::new(),
                    absolute: false,
                };
                self.use_tree(source, at + 1, scope, &stem)
            }
            Kind::Word(word) if word == "extern" && source.is_word(at + 1, "crate") => {
                self.extern_crate(source, at + 2, scope)
            }
            Kind::Word(word) => {
                if ITEMS.contains(&word.as_str())
                    && let Some(name) = source.word(at + 1)
                {
                    self.scopes[scope].items.insert(name.to_owned());
                    if word == "type" && source.is(at + 2, &Kind::Mark('=')) {
                        self.type_alias(source, at, name);
                    }
                }
                self.plain_path(source, at, at)
            }
            Kind::PathSeparator if starts_path(source, at) => self.plain_path(source, at, at + 1),
            Kind::Text(text)
                if source.tokens[at].in_attribute
                    && !source.is_word(at.saturating_sub(2), "doc") =>
            {
                self.path_in_quotes(text, scope, at);
                at + 1
            }
            _ => at + 1,
        }
    }

    /// A path in code; a single word says nothing that its `use` did not say.
    fn plain_path(&mut self, source: &Source, start: usize, first: usize) -> usize {
        let inside = goes_on(source, start);
        let (mut parts, mut next) = words(source, first);
        if !inside && !parts.is_empty() {
            let scope = self.scope_of[start];
            let absolute = start != first;
            if is_qualified(source, start) && source.is(next, &Kind::Mark('>')) {
                let (more, _) = words(source, next + 2);
                parts.extend(more);
            }
            if parts.len() > 1 {
                let path = Path { parts, absolute };
                self.mentions.push(Written {
                    path,
                    scope,
                    token: start,
                    glob: false,
                    own_name: None,
                });
            }
        }
        next = next.max(first);
        if next == first { first + 1 } else { next }
    }

    /// `#[serde(with = "crate::emit::hex")]` is an import too.
    fn path_in_quotes(&mut self, text: &str, scope: usize, token: usize) {
        let parts: Vec<String> = text.split("::").map(str::to_owned).collect();
        let is_word = |part: &String| {
            !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_')
        };
        if parts.len() > 1 && parts.iter().all(is_word) {
            let path = Path {
                parts,
                absolute: false,
            };
            self.mentions.push(Written {
                path,
                scope,
                token,
                glob: false,
                own_name: None,
            });
        }
    }

    fn type_alias(&mut self, source: &Source, at: usize, name: &str) {
        let absolute = source.is(at + 3, &Kind::PathSeparator);
        let (parts, end) = words(source, at + 3 + usize::from(absolute));
        if !parts.is_empty() && source.is(end, &Kind::Mark(';')) {
            let scope = self.scope_of[at];
            self.scopes[scope]
                .names
                .insert(name.to_owned(), Path { parts, absolute });
        }
    }

    fn extern_crate(&mut self, source: &Source, at: usize, scope: usize) -> usize {
        let Some(name) = source.word(at) else {
            return at;
        };
        let itself = name == "self";
        let parts = vec![if itself {
            "crate".to_owned()
        } else {
            name.to_owned()
        }];
        let given = if source.is_word(at + 1, "as") {
            source.word(at + 2)
        } else {
            Some(name)
        };
        self.import(
            Path {
                parts,
                absolute: !itself,
            },
            given.map(str::to_owned),
            scope,
            at,
        );
        at + 1
    }

    /// One branch of a `use`, up to `,`, `;` or the end of its group; returns where to go on.
    fn use_tree(&mut self, source: &Source, mut at: usize, scope: usize, stem: &Path) -> usize {
        let mut path = stem.clone();
        if source.is(at, &Kind::PathSeparator) {
            path.absolute |= path.parts.is_empty();
            at += 1;
        }
        let (parts, mut next) = words(source, at);
        path.parts.extend(parts);
        if source.is(next, &Kind::PathSeparator) {
            next += 1;
        }
        if source.is(next, &Kind::Mark('*')) {
            self.scopes[scope].globs.push(path.clone());
            self.mentions.push(Written {
                path,
                scope,
                token: next,
                glob: true,
                own_name: None,
            });
            return next + 1;
        }
        if source.is(next, &Kind::Open('{')) {
            let end = source.tokens[next].partner;
            let mut branch = next + 1;
            while branch < end {
                branch = self.use_tree(source, branch, scope, &path).max(branch + 1);
                if source.is(branch, &Kind::Mark(',')) {
                    branch += 1;
                }
            }
            return end + 1;
        }
        if path.parts.len() > 1 && path.parts.last().is_some_and(|last| last == "self") {
            path.parts.pop();
        }
        let mut name = path.parts.last().cloned();
        let token = next.saturating_sub(1).max(at);
        if source.is_word(next, "as") {
            name = source.word(next + 1).map(str::to_owned);
            next += 2;
        }
        self.import(path, name, scope, token);
        next
    }

    fn import(&mut self, path: Path, name: Option<String>, scope: usize, token: usize) {
        if let Some(name) = name.clone().filter(|name| name != "_") {
            self.scopes[scope].names.insert(name, path.clone());
        }
        let token = token.min(self.scope_of.len() - 1);
        self.mentions.push(Written {
            path,
            scope,
            token,
            glob: false,
            own_name: name,
        });
    }
}

impl Scope {
    fn new(parent: Option<usize>, module: Vec<String>, is_module: bool) -> Scope {
        Scope {
            parent,
            module,
            is_module,
            names: BTreeMap::new(),
            globs: Vec::new(),
            items: BTreeSet::new(),
        }
    }
}

/// `a::b::c` from `at`, and the index after it.
fn words(source: &Source, mut at: usize) -> (Vec<String>, usize) {
    let mut parts = Vec::new();
    while let Some(word) = source.word(at) {
        parts.push(word.to_owned());
        at += 1;
        if !(source.is(at, &Kind::PathSeparator) && source.word(at + 1).is_some()) {
            break;
        }
        at += 1;
    }
    (parts, at)
}

/// `-> ::std::fs::File`, but not the middle of `Vec::<u8>::new`, where nothing stands between.
fn starts_path(source: &Source, at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| &source.tokens[before]) else {
        return true;
    };
    let length = match &before.kind {
        Kind::Word(word) => word.len(),
        Kind::Mark('>') | Kind::Close(_) => 1,
        _ => return true,
    };
    before.offset + length != source.tokens[at].offset
}

/// `<SystemTime>::now` goes on after the bracket; `Vec::<u8>::new` does not.
fn is_qualified(source: &Source, start: usize) -> bool {
    let opens = matches!(source.before(start), Some(Kind::Mark('<')));
    opens && !matches!(source.before(start - 1), Some(Kind::PathSeparator))
}

/// The rest of a path, a field or method, or a lifetime; `0..crate::MOST` is none of them.
fn goes_on(source: &Source, at: usize) -> bool {
    match source.before(at) {
        Some(Kind::Mark('.')) => !matches!(source.before(at - 1), Some(Kind::Mark('.'))),
        Some(Kind::PathSeparator | Kind::Mark('\'')) => true,
        _ => false,
    }
}

const ITEMS: [&str; 9] = [
    "const", "enum", "fn", "mod", "static", "struct", "trait", "type", "union",
];
