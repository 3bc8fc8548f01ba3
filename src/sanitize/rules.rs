//! The rules of an application, from a file.
//!
//! ```json
//! {
//!   "version": 1,
//!   "rules": [
//!     {"class": "employee_id", "pattern": "EMP-\\d{6}"},
//!     {"class": "contract", "pattern": "\\d{4}/\\d{5}", "context": ["contract", "vertrag"]},
//!     {"class": "project", "words": ["Bluebird", "Black Swan"], "ignore_case": true}
//!   ]
//! }
//! ```
//!
//! A class is lower-case letters, digits and `_`, at most 32, beginning with a letter, and none that is built in. A rule has
//! a `pattern` (see [`Pattern`](super::pattern)) or `words`. With `context`, it counts only where one of these words,
//! lower case, stands in the sentence or is the name of the field.

use serde::Deserialize;

use super::class::Class;
use super::pattern::{Case, Pattern, PatternError};

/// Why rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// A class has no name, one that is too long or is taken, or signs in it.
    #[error("{class:?} cannot be the name of a class: {reason}")]
    Class {
        /// The name.
        class: String,
        /// Why not.
        reason: &'static str,
    },
    /// The file is no JSON of this form.
    #[error("the rules are not of the form that is expected (line {line}, column {column})")]
    Form {
        /// Line of the first fault, from 1.
        line: usize,
        /// Column of the first fault, from 1.
        column: usize,
    },
    /// A pattern cannot be used.
    #[error("the pattern of {class} cannot be used: {fault}")]
    Pattern {
        /// The class whose pattern it is.
        class: String,
        /// What is wrong with it.
        #[source]
        fault: PatternError,
    },
    /// A rule has neither a pattern nor words, or both.
    #[error("{class} needs a pattern or words, and not both")]
    PatternOrWords {
        /// The class.
        class: String,
    },
    /// There are more rules than can be used.
    #[error("{count} rules, at most {limit} are allowed")]
    TooMany {
        /// How many there are.
        count: usize,
        /// What is allowed.
        limit: usize,
    },
    /// The file is of another version.
    #[error("rules of version {version}, only version 1 is known")]
    Version {
        /// The version.
        version: u64,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u64,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    class: String,
    pattern: Option<String>,
    #[serde(default)]
    words: Vec<String>,
    #[serde(default)]
    context: Vec<String>,
    #[serde(default)]
    ignore_case: bool,
}

/// The patterns of a file of rules.
pub(super) fn parse(json: &str) -> Result<Vec<Pattern>, RulesError> {
    let file: File = serde_json::from_str(json).map_err(|fault| RulesError::Form {
        line: fault.line(),
        column: fault.column(),
    })?;
    if file.version != 1 {
        return Err(RulesError::Version {
            version: file.version,
        });
    }
    if file.rules.len() > MOST_RULES {
        return Err(RulesError::TooMany {
            count: file.rules.len(),
            limit: MOST_RULES,
        });
    }
    file.rules.into_iter().map(pattern_of).collect()
}

fn pattern_of(rule: Rule) -> Result<Pattern, RulesError> {
    if let Some(reason) = refusal(&rule.class) {
        return Err(RulesError::Class {
            class: rule.class.chars().take(64).collect(),
            reason,
        });
    }
    let pattern = match (&rule.pattern, rule.words.as_slice()) {
        (Some(pattern), []) => pattern.clone(),
        (None, words @ [_, ..]) => words
            .iter()
            .map(|word| escaped(word))
            .collect::<Vec<_>>()
            .join("|"),
        _ => return Err(RulesError::PatternOrWords { class: rule.class }),
    };
    let case = if rule.ignore_case {
        Case::Ignored
    } else {
        Case::Exact
    };
    let context = rule
        .context
        .iter()
        .map(|word| word.to_lowercase())
        .collect();
    Pattern::new(&rule.class, &pattern, case, context).map_err(|fault| RulesError::Pattern {
        class: rule.class,
        fault,
    })
}

fn refusal(class: &str) -> Option<&'static str> {
    let is_sign = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if !class.starts_with(|c: char| c.is_ascii_lowercase()) || class.len() > MOST_NAME {
        Some("it needs a lower-case letter first and at most 32 characters")
    } else if !class.bytes().all(is_sign) || class.ends_with('_') {
        Some("it may have lower-case letters, digits and _ only, and not end with _")
    } else if class.parse::<Class>().is_ok() || RESERVED.contains(&class) {
        Some("it is taken")
    } else {
        None
    }
}

/// A word as a pattern.
fn escaped(word: &str) -> String {
    let mut pattern = String::new();
    for c in word.chars() {
        if c.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

const MOST_RULES: usize = 1000;
const MOST_NAME: usize = 32;
/// Names of other attributes of the record beside which a class stands.
const RESERVED: &[&str] = &["count", "masked", "rules", "status"];
