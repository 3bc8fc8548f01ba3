//! Patterns of an application's own rules: a small part of what regular expressions are, in linear time.
//!
//! | written | stands for |
//! |---|---|
//! | `EMP-`, `\.`, `\[` | itself |
//! | `\d`, `\w`, `\s`, `.` | a digit; a letter, digit or `_`; white space; anything |
//! | `[a-f0-9]`, `[^ ]` | one of these; none of these |
//! | `(a\|b)` | either |
//! | `x?`, `x*`, `x+`, `x{3}`, `x{2,5}`, `x{2,}` | so many times; at most 64 where no end is said |
//!
//! A pattern is compared with the text as scanners see it (full-width digits are digits, what is invisible is not there),
//! begins and ends where a word does, takes the longest match, and reaches at most [`LONGEST`] characters. It may be told
//! to disregard case, and to count only behind words of its own.

use super::scan::{Place, begins_word};
use super::view::View;

/// A rule of the application.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    /// The class that it finds.
    pub(super) class: String,
    in_capitals: String,
    states: Vec<State>,
    context: Vec<String>,
}

/// Why a pattern is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It matches nothing at all, or the empty text.
    #[error("it matches the empty text")]
    Empty,
    /// It would take more than 2,000 states.
    #[error("it is too large: more than {MOST_STATES} states")]
    TooLarge,
    /// Something is not understood.
    #[error("character {at} is not understood")]
    Syntax {
        /// Which character, from 0.
        at: usize,
    },
}

/// How letters are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Exact,
    Ignored,
}

#[derive(Debug, Clone)]
enum State {
    /// Goes on to the next state with one of these bytes.
    Bytes(ByteSet),
    /// Goes on at both.
    Either(usize, usize),
    Jump(usize),
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ByteSet([u64; 4]);

impl ByteSet {
    const NONE: Self = Self([0; 4]);

    fn of(bytes: impl Fn(u8) -> bool) -> Self {
        let mut set = Self::NONE;
        for byte in 0..=u8::MAX {
            if bytes(byte) {
                set.add(byte);
            }
        }
        set
    }

    fn add(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] & 1 << (byte & 63) != 0
    }

    fn without_case(self) -> Self {
        Self::of(|b| self.has(b.to_ascii_lowercase()) || self.has(b.to_ascii_uppercase()))
    }
}

impl Pattern {
    pub(super) fn new(
        class: &str,
        pattern: &str,
        case: Case,
        context: Vec<String>,
    ) -> Result<Self, PatternError> {
        let mut compiler = Compiler {
            pattern: pattern.as_bytes(),
            at: 0,
            depth: 0,
            case,
        };
        let tree = compiler.alternatives()?;
        if compiler.at < compiler.pattern.len() {
            return Err(PatternError::Syntax { at: compiler.at });
        }
        let mut states = Vec::new();
        emit(&tree, &mut states)?;
        states.push(State::End);
        let pattern = Self {
            class: class.to_owned(),
            in_capitals: class.to_ascii_uppercase(),
            states,
            context,
        };
        if pattern.start().contains(&(pattern.states.len() - 1)) {
            return Err(PatternError::Empty);
        }
        Ok(pattern)
    }

    /// Marks the bytes that a match can begin with.
    pub(super) fn mark_first_bytes(&self, marks: &mut [bool; 256]) {
        for state in self.start() {
            if let State::Bytes(bytes) = &self.states[state] {
                for byte in 0..=u8::MAX {
                    marks[usize::from(byte)] |= bytes.has(byte);
                }
            }
        }
    }

    /// Where the longest match ends that begins at `at`.
    pub(super) fn end_at(&self, place: &Place<'_, '_>, at: usize) -> Option<usize> {
        let view = place.view;
        if !begins_word(view, place.floor, at) {
            return None;
        }
        let mut states = self.start();
        let mut longest = None;
        let mut end = at;
        while !states.is_empty() && end < at + LONGEST {
            let Some(byte) = view.byte(end) else {
                break;
            };
            end += 1;
            let mut next = Set::new(self.states.len());
            for state in states {
                if matches!(&self.states[state], State::Bytes(bytes) if bytes.has(byte)) {
                    self.follow(state + 1, &mut next);
                }
            }
            states = next.members;
            let is_whole = || {
                let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
                !is_word(byte) || !view.byte(end).is_some_and(is_word)
            };
            if states.contains(&(self.states.len() - 1)) && is_whole() {
                longest = Some(end);
            }
        }
        let end = longest?;
        let words = || place.words_before(at);
        let context: Vec<&str> = self.context.iter().map(String::as_str).collect();
        (context.is_empty() || words().say(&context)).then_some(end)
    }

    /// The length of this class's placeholder where one begins.
    pub(super) fn placeholder_at(&self, view: &View<'_>, at: usize) -> Option<usize> {
        let name = at + 1 + self.in_capitals.len();
        if !view.starts_with(at + 1, self.in_capitals.as_bytes()) || view.byte(name) != Some(b'_') {
            return None;
        }
        let end = view.run(name + 1, 8, |b| b.is_ascii_digit());
        let is_one = (1..=7).contains(&(end - name - 1)) && view.byte(end) == Some(b'>');
        is_one.then_some(end + 1 - at)
    }

    /// The name in a placeholder.
    pub(super) fn in_capitals(&self) -> &str {
        &self.in_capitals
    }

    fn start(&self) -> Vec<usize> {
        let mut set = Set::new(self.states.len());
        self.follow(0, &mut set);
        set.members
    }

    /// Adds a state and those that it leads to without a byte.
    fn follow(&self, state: usize, set: &mut Set) {
        let mut open = vec![state];
        while let Some(state) = open.pop() {
            if std::mem::replace(&mut set.seen[state], true) {
                continue;
            }
            match self.states[state] {
                State::Bytes(_) | State::End => set.members.push(state),
                State::Either(one, other) => open.extend([one, other]),
                State::Jump(to) => open.push(to),
            }
        }
    }
}

struct Set {
    members: Vec<usize>,
    seen: Vec<bool>,
}

impl Set {
    fn new(states: usize) -> Self {
        Self {
            members: Vec::new(),
            seen: vec![false; states],
        }
    }
}

enum Tree {
    Bytes(ByteSet),
    Sequence(Vec<Tree>),
    Either(Vec<Tree>),
    Times(Box<Tree>, usize, usize),
}

struct Compiler<'p> {
    pattern: &'p [u8],
    at: usize,
    depth: usize,
    case: Case,
}

impl Compiler<'_> {
    fn peek(&self) -> Option<u8> {
        self.pattern.get(self.at).copied()
    }

    fn wrong<T>(&self) -> Result<T, PatternError> {
        Err(PatternError::Syntax { at: self.at })
    }

    fn take(&mut self, byte: u8) -> Result<(), PatternError> {
        if self.peek() != Some(byte) {
            return self.wrong();
        }
        self.at += 1;
        Ok(())
    }

    fn alternatives(&mut self) -> Result<Tree, PatternError> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(PatternError::TooLarge);
        }
        let mut ways = vec![self.sequence()?];
        while self.peek() == Some(b'|') {
            self.at += 1;
            ways.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(Tree::Either(ways))
    }

    fn sequence(&mut self) -> Result<Tree, PatternError> {
        let mut parts = Vec::new();
        while !matches!(self.peek(), None | Some(b'|' | b')')) {
            let part = self.one()?;
            parts.push(self.repeated(part)?);
        }
        Ok(Tree::Sequence(parts))
    }

    fn one(&mut self) -> Result<Tree, PatternError> {
        let set = match self.peek() {
            Some(b'(') => {
                self.at += 1;
                let tree = self.alternatives()?;
                self.take(b')')?;
                return Ok(tree);
            }
            Some(b'[') => self.bracket()?,
            Some(b'.') => {
                self.at += 1;
                ByteSet::of(|b| b != b'\n')
            }
            Some(b'*' | b'+' | b'?' | b'{' | b'}' | b'^' | b'$') | None => return self.wrong(),
            Some(_) => self.character()?,
        };
        Ok(Tree::Bytes(match self.case {
            Case::Exact => set,
            Case::Ignored => set.without_case(),
        }))
    }

    /// A character or an escape.
    fn character(&mut self) -> Result<ByteSet, PatternError> {
        let Some(byte) = self.peek().filter(u8::is_ascii) else {
            return self.wrong();
        };
        self.at += 1;
        if byte != b'\\' {
            return Ok(ByteSet::of(|b| b == byte));
        }
        let Some(escaped) = self.peek() else {
            return self.wrong();
        };
        let set = match escaped {
            b'd' => ByteSet::of(|b| b.is_ascii_digit()),
            b'w' => ByteSet::of(|b| {
                b.is_ascii_alphanumeric() || b == b'_' || b == super::view::FOREIGN_LETTER
            }),
            b's' => ByteSet::of(|b| b.is_ascii_whitespace()),
            b if b.is_ascii_punctuation() => ByteSet::of(|other| other == b),
            _ => return self.wrong(),
        };
        self.at += 1;
        Ok(set)
    }

    fn bracket(&mut self) -> Result<ByteSet, PatternError> {
        self.take(b'[')?;
        let negated = self.peek() == Some(b'^');
        self.at += usize::from(negated);
        let mut set = ByteSet::NONE;
        while self.peek() != Some(b']') {
            let first = self.peek();
            let one = self.character()?;
            let is_range = self.peek() == Some(b'-')
                && self.pattern.get(self.at + 1).is_some_and(|b| *b != b']');
            if !is_range {
                set = ByteSet::of(|b| set.has(b) || one.has(b));
                continue;
            }
            self.at += 1;
            let last = self.peek();
            self.character()?;
            match (first, last) {
                (Some(first), Some(last)) if first <= last && first != b'\\' && last != b'\\' => {
                    set = ByteSet::of(|b| set.has(b) || (first..=last).contains(&b));
                }
                _ => return self.wrong(),
            }
        }
        self.take(b']')?;
        let set = ByteSet::of(|b| set.has(b) != negated);
        if set == ByteSet::NONE {
            return self.wrong();
        }
        Ok(set)
    }

    fn repeated(&mut self, part: Tree) -> Result<Tree, PatternError> {
        let (least, most) = match self.peek() {
            Some(b'?') => (0, 1),
            Some(b'*') => (0, UNBOUNDED),
            Some(b'+') => (1, UNBOUNDED),
            Some(b'{') => return self.counted(part),
            _ => return Ok(part),
        };
        self.at += 1;
        Ok(Tree::Times(Box::new(part), least, most))
    }

    fn counted(&mut self, part: Tree) -> Result<Tree, PatternError> {
        self.take(b'{')?;
        let least = self.count()?;
        let most = match self.peek() {
            Some(b',') => {
                self.at += 1;
                if self.peek() == Some(b'}') {
                    least.max(UNBOUNDED)
                } else {
                    self.count()?
                }
            }
            _ => least,
        };
        self.take(b'}')?;
        if most == 0 || least > most || most > LONGEST {
            return self.wrong();
        }
        Ok(Tree::Times(Box::new(part), least, most))
    }

    fn count(&mut self) -> Result<usize, PatternError> {
        let mut count = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            let value = count.unwrap_or(0) * 10 + usize::from(digit - b'0');
            if value > LONGEST {
                return self.wrong();
            }
            count = Some(value);
            self.at += 1;
        }
        count.map_or_else(|| self.wrong(), Ok)
    }
}

fn emit(tree: &Tree, states: &mut Vec<State>) -> Result<(), PatternError> {
    if states.len() > MOST_STATES {
        return Err(PatternError::TooLarge);
    }
    match tree {
        Tree::Bytes(bytes) => states.push(State::Bytes(*bytes)),
        Tree::Sequence(parts) => {
            for part in parts {
                emit(part, states)?;
            }
        }
        Tree::Either(ways) => {
            let mut jumps = Vec::new();
            for (nth, way) in ways.iter().enumerate() {
                let is_last = nth + 1 == ways.len();
                let split = states.len();
                if !is_last {
                    states.push(State::Jump(split));
                }
                emit(way, states)?;
                if !is_last {
                    jumps.push(states.len());
                    states.push(State::Jump(0));
                    states[split] = State::Either(split + 1, states.len());
                }
            }
            let end = states.len();
            for jump in jumps {
                states[jump] = State::Jump(end);
            }
        }
        Tree::Times(part, least, most) => {
            for _ in 0..*least {
                emit(part, states)?;
            }
            let mut splits = Vec::new();
            for _ in *least..*most {
                splits.push(states.len());
                states.push(State::Jump(0));
                emit(part, states)?;
            }
            let end = states.len();
            for split in splits {
                states[split] = State::Either(split + 1, end);
            }
        }
    }
    Ok(())
}

/// The longest match.
pub(super) const LONGEST: usize = 256;
/// How often something is repeated at most that has no end.
const UNBOUNDED: usize = 64;
const MOST_STATES: usize = 2000;
const MOST_DEPTH: usize = 16;
