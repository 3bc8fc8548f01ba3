//! Names of fields whose values are secrets.
//!
//! A name is split into lower-case words at everything that is no letter and at changes of case (`clientSecret`,
//! `client-secret`, `CLIENT_SECRET`); digits are dropped. Then:
//!
//! 1. The **last** secret term decides (`token_secret` is a secret), one to three words read as one (`api_key`,
//!    `apikey`, `PassWord`), or the end of a word that was glued together (`pgpassword`).
//! 2. What comes after it is its tail. A tail with a harmless word makes the name harmless: `password_policy`,
//!    `token_count`, `secret_rotation_days`, `api_key_id`. A tail of words that only say which value it is (`_old`,
//!    `_value`, `_base64`) changes nothing. With any other tail, a password or secret stays one (fail closed), a weaker
//!    term (`token`, `cookie`, `pin`) makes the name doubtful.
//!    More than six words after the term, two in a sentence, make it another matter.
//! 3. `token` after a word of counting or paging (`max_tokens`, `next_page_token`) is harmless. `key` is a secret only
//!    after a word that makes it one (`api`, `signing`), harmless after others (`primary`, `public`), else doubtful.
//! 4. The plural of a term may be a number: `tokens: 12` counts.
//! 5. A hash of a key or token is harmless, a hash of a password is not: passwords can be guessed.

use super::placeholder;
use super::view::{is_invisible, narrow};

/// What a name says of the value under it. `null`, flags and what is empty are never masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sensitivity {
    /// Nothing.
    Ordinary,
    /// It may be a secret: a text that looks generated is masked.
    Doubtful,
    /// It is a secret unless it is a number.
    Texts,
    /// It is a secret, whatever it is.
    Whole,
}

/// What `name` says of the value under it.
pub(super) fn sensitivity(name: &str) -> Sensitivity {
    let words = Words::of(name);
    let in_prose = name.trim().contains(' ');
    let longest_tail = if in_prose {
        LONGEST_TAIL_IN_PROSE
    } else {
        LONGEST_TAIL
    };
    for end in (1..=words.count()).rev().take(1 + longest_tail) {
        if let Some((strength, plural)) = term_ending_at(&words, end) {
            return judge(strength, plural, &words, end);
        }
    }
    // Odd changes of case leave no word whole: `pAsSwOrD`.
    if holds_end(GLUED, &words.joined) {
        Sensitivity::Whole
    } else {
        Sensitivity::Ordinary
    }
}

/// Whether the name is that of a header whose value runs to the end of the line.
pub(super) fn is_header_with_spaces(name: &str) -> bool {
    let words = Words::of(name);
    words.count() > 0 && matches!(words.word(words.count() - 1), "authorization" | "cookie")
}

/// Whether a text looks like something that a machine made to be a credential: 16 letters and digits in a row, mixed.
pub(super) fn looks_generated(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"+/=_.~%-:".contains(&b);
    let in_run = |b: &u8| b.is_ascii_alphanumeric() || b"+=%".contains(b);
    let mixed = |run: &[u8]| {
        let digits = run.iter().filter(|b| b.is_ascii_digit()).count();
        let letters = run.iter().filter(|b| b.is_ascii_alphabetic()).count();
        run.len() >= 16 && digits >= 2 && letters >= 2
    };
    text.bytes().all(allowed) && text.as_bytes().split(|b| !in_run(b)).any(mixed)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strength {
    /// Harmless because of the word before.
    Benign,
    /// Says little alone.
    Doubtful,
    /// May be many other things with another tail.
    Weak,
    /// A secret with a number under it is none: `pass`.
    WeakText,
    Certain,
    /// Certain, and its hash is as bad.
    Guessable,
}

/// The term that ends with word `end - 1`, and whether it is a plural.
fn term_ending_at(words: &Words, end: usize) -> Option<(Strength, bool)> {
    let before = end.checked_sub(2).map(|at| words.word(at));
    let found = (1..=end.min(3)).find_map(|count| {
        let term = words.run(end - count, end);
        // Not `pass`, which is no plural.
        let singular = term.strip_suffix('s').filter(|stem| !stem.ends_with('s'));
        let plural = || strength(singular?, before).map(|strength| (strength, true));
        strength(term, before)
            .map(|strength| (strength, false))
            .or_else(plural)
    });
    let glued = || holds_end(GLUED, words.word(end - 1)).then_some((Strength::Certain, false));
    found.or_else(glued)
}

fn strength(term: &str, before: Option<&str>) -> Option<Strength> {
    let follows = |table| before.is_some_and(|word| holds(table, word));
    match term {
        "token" if follows(BEFORE_TOKEN) => Some(Strength::Benign),
        "key" if follows(BEFORE_SECRET_KEY) => Some(Strength::Certain),
        "key" if follows(BEFORE_ORDINARY_KEY) => Some(Strength::Benign),
        "key" => Some(Strength::Doubtful),
        _ => match TERMS.binary_search_by_key(&term, |(name, _)| name) {
            Ok(at) => Some(TERMS[at].1),
            Err(_) => {
                let owner = term.strip_suffix("key")?;
                holds(BEFORE_SECRET_KEY, owner).then_some(Strength::Certain)
            }
        },
    }
}

/// What the term says that ends with word `end - 1`, given what comes after it.
fn judge(strength: Strength, plural: bool, words: &Words, end: usize) -> Sensitivity {
    let mut tail = (end..words.count()).map(|at| words.word(at));
    let has = |table| (end..words.count()).any(|at| holds(table, words.word(at)));
    if has(HARMLESS_TAIL) || (strength != Strength::Guessable && has(HASH_TAIL)) {
        return Sensitivity::Ordinary;
    }
    let known_tail = tail.all(|word| holds(VALUE_TAIL, word) || word.len() == 1);
    let secret = if plural || strength == Strength::WeakText {
        Sensitivity::Texts
    } else {
        Sensitivity::Whole
    };
    match strength {
        Strength::Benign => Sensitivity::Ordinary,
        Strength::Doubtful => Sensitivity::Doubtful,
        Strength::Weak | Strength::WeakText if !known_tail => Sensitivity::Doubtful,
        _ => secret,
    }
}

/// The lower-case words of a name, without digits and without what the masker itself wrote.
struct Words {
    /// All words, one after the other.
    joined: String,
    /// Where each word ends in it.
    ends: Vec<usize>,
}

impl Words {
    fn of(name: &str) -> Self {
        let name = placeholder::without(name);
        let mut words = Self {
            joined: String::with_capacity(name.len()),
            ends: Vec::with_capacity(8),
        };
        let mut letters = name
            .chars()
            .filter(|c| !is_invisible(*c))
            .map(narrow)
            .peekable();
        let mut last_is_upper = false;
        while let Some(c) = letters.next() {
            let next_is_lower = letters.peek().is_some_and(|next| next.is_lowercase());
            let starts_word = c.is_uppercase() && (!last_is_upper || next_is_lower);
            if !c.is_alphabetic() || starts_word {
                words.end();
            }
            if c.is_alphabetic() {
                words.joined.extend(c.to_lowercase());
            }
            last_is_upper = c.is_uppercase();
        }
        words.end();
        words
    }

    fn end(&mut self) {
        if self.joined.len() > self.ends.last().copied().unwrap_or(0) {
            self.ends.push(self.joined.len());
        }
    }

    fn count(&self) -> usize {
        self.ends.len()
    }

    fn word(&self, at: usize) -> &str {
        self.run(at, at + 1)
    }

    /// The words from `start` to before `end`, as one.
    fn run(&self, start: usize, end: usize) -> &str {
        let begin = start.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.joined[begin..self.ends[end - 1]]
    }
}

fn holds(table: &[&str], word: &str) -> bool {
    table.binary_search(&word).is_ok()
}

fn holds_end(table: &[&str], word: &str) -> bool {
    table.iter().any(|end| word.ends_with(end))
}

/// How many words after a term are looked at for what they make of it.
const LONGEST_TAIL: usize = 6;
/// Fewer in "the password that we sent to the server: …", which is a sentence and no name.
const LONGEST_TAIL_IN_PROSE: usize = 2;

/// Words, and runs of words, that name a secret.
#[rustfmt::skip]
const TERMS: &[(&str, Strength)] = &[
    ("amzsignature", Strength::Certain), ("apikey", Strength::Certain), ("auth", Strength::Doubtful),
    ("authorization", Strength::Certain), ("backupcode", Strength::Certain), ("basicauth", Strength::Certain),
    ("bearer", Strength::Weak), ("clientassertion", Strength::Certain), ("connectionstr", Strength::Certain),
    ("connectionstring", Strength::Certain), ("connstr", Strength::Certain), ("connstring", Strength::Certain),
    ("contrasena", Strength::Guessable), ("contraseña", Strength::Guessable), ("cookie", Strength::Weak),
    ("credential", Strength::Certain), ("cvc", Strength::Weak), ("cvv", Strength::Weak), ("dsn", Strength::Certain),
    ("jwt", Strength::Weak), ("kennwort", Strength::Guessable), ("kubeconfig", Strength::Certain),
    ("mnemonic", Strength::Certain), ("motdepasse", Strength::Guessable), ("onetimecode", Strength::Weak),
    ("otp", Strength::Weak), ("pass", Strength::WeakText), ("passcode", Strength::Guessable),
    ("passphrase", Strength::Guessable), ("passwd", Strength::Guessable), ("password", Strength::Guessable),
    ("passwort", Strength::Guessable), ("pin", Strength::Weak), ("privkey", Strength::Certain),
    ("pwd", Strength::Guessable), ("recoverycode", Strength::Certain), ("recoveryphrase", Strength::Certain),
    ("secret", Strength::Certain), ("secretid", Strength::Certain), ("seedphrase", Strength::Certain),
    ("senha", Strength::Guessable), ("sharedaccesssignature", Strength::Certain), ("token", Strength::Weak),
    ("totp", Strength::Weak), ("verificationcode", Strength::Weak), ("пароль", Strength::Guessable),
    ("パスワード", Strength::Guessable), ("密码", Strength::Guessable), ("密碼", Strength::Guessable),
    ("비밀번호", Strength::Guessable),
];

/// Ends of names that were written as one word.
#[rustfmt::skip]
const GLUED: &[&str] = &[
    "accesstoken", "apikey", "authtoken", "bearertoken", "connectionstring", "credential", "credentials", "idtoken",
    "kennwort", "passphrase", "passwd", "password", "passwort", "refreshtoken", "secret", "sessiontoken", "пароль",
    "パスワード", "密码", "密碼", "비밀번호",
];

/// Words before `key` that make it a secret.
#[rustfmt::skip]
const BEFORE_SECRET_KEY: &[&str] = &[
    "access", "account", "admin", "aes", "anthropic", "api", "app", "application", "auth", "azure", "client",
    "cohere", "cookie", "credential", "data", "datadog", "decryption", "deploy", "ed", "encryption", "gateway",
    "gemini", "google", "gpg", "groq", "hmac", "ingest", "ingestion", "integration", "jwt", "license", "litellm",
    "master", "mistral", "openai", "password", "pgp", "private", "provider", "recovery", "root", "rsa", "secret",
    "sendgrid", "server", "service", "session", "shared", "signing", "ssh", "storage", "stripe", "subscription",
    "symmetric", "token", "twilio", "upstream", "virtual", "webhook", "wrapping", "write",
];

/// Words before `key` that make it anything but a secret.
#[rustfmt::skip]
const BEFORE_ORDINARY_KEY: &[&str] = &[
    "attribute", "cache", "candidate", "column", "composite", "config", "dedup", "deduplication", "dictionary",
    "feature", "flag", "foreign", "group", "hash", "idempotency", "index", "issue", "json", "label", "lookup", "map",
    "message", "metric", "natural", "object", "order", "parent", "partition", "primary", "property", "public",
    "publishable", "record", "resource", "routing", "row", "setting", "shard", "sort", "surrogate", "translation",
    "unique",
];

/// Words before `token` of counting, paging and tokenising.
#[rustfmt::skip]
const BEFORE_TOKEN: &[&str] = &[
    "accepted", "added", "audio", "available", "average", "avg", "billed", "bos", "budget", "cache", "cached", "cls",
    "completion", "continuation", "cost", "end", "eos", "extra", "first", "generated", "image", "input", "last",
    "mask", "max", "maximum", "min", "minimum", "n", "next", "num", "number", "output", "pad", "page", "pagination",
    "paging", "per", "prediction", "price", "prompt", "rate", "reasoning", "rejected", "remaining", "sep", "special",
    "start", "stop", "sync", "text", "thinking", "total", "unk", "used", "video",
];

/// Words after a term that make the name one about the secret, not of it.
#[rustfmt::skip]
const HARMLESS_TAIL: &[&str] = &[
    "age", "alg", "algorithm", "allowed", "arn", "at", "attempts", "audience", "authentication", "backend", "banner",
    "bucket", "budget", "by", "changed", "column", "comment", "complexity", "config", "configuration", "consent",
    "cost", "count", "counter", "counts", "created", "date", "day", "days", "description", "details", "dir",
    "directory", "disabled", "domain", "enabled", "encoding", "endpoint", "engine", "error", "errors", "expected",
    "expiration", "expire", "expired", "expires", "expiry", "failed", "field", "fields", "file", "filename", "flow",
    "format", "grant", "group", "hashing", "host", "hour", "hours", "id", "identifier", "ids", "interval", "invalid",
    "issuer", "kind", "label", "last", "length", "limit", "limits", "location", "lockout", "login", "manager", "max",
    "maximum", "method", "methods", "min", "minimum", "minute", "minutes", "mode", "modified", "ms", "name", "names",
    "optional", "options", "owner", "param", "parameter", "path", "per", "period", "policies", "policy", "prefix",
    "price", "provider", "rate", "ref", "reference", "required", "requirement", "requirements", "reset", "retention",
    "retries", "role", "rotate", "rotated", "rotation", "rpm", "rule", "rules", "scheme", "scope", "scopes", "score",
    "seconds", "settings", "sharing", "size", "source", "state", "statistics", "stats", "status", "store", "strategy",
    "strength", "suffix", "time", "timestamp", "title", "total", "tpm", "ttl", "type", "types", "updated", "uri",
    "url", "usage", "used", "user", "username", "valid", "validation", "validator", "verification", "version",
    "window",
];

/// Words after a term that make it a digest, which is a secret only of a password.
#[rustfmt::skip]
const HASH_TAIL: &[&str] = &[
    "checksum", "digest", "fingerprint", "hash", "hashed", "md", "sha", "thumbprint",
];

/// Words after a term that only say which value it is.
#[rustfmt::skip]
const VALUE_TAIL: &[&str] = &[
    "again", "backup", "base", "cipher", "ciphertext", "clear", "cleartext", "confirm", "confirmation", "current",
    "data", "der", "dev", "enc", "encrypted", "env", "given", "header", "headers", "hex", "json", "jwk", "live",
    "main", "new", "old", "original", "pem", "plain", "plaintext", "prev", "previous", "primary", "prod",
    "production", "provided", "raw", "received", "repeat", "secondary", "stage", "staging", "str", "string",
    "supplied", "test", "text", "val", "value", "values",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_so_that_they_can_be_searched() {
        let tables = [
            BEFORE_ORDINARY_KEY,
            BEFORE_SECRET_KEY,
            BEFORE_TOKEN,
            HARMLESS_TAIL,
            HASH_TAIL,
            VALUE_TAIL,
        ];
        assert!(tables.iter().all(|table| table.is_sorted()));
        assert!(TERMS.is_sorted_by_key(|(name, _)| name));
    }

    #[test]
    fn words_end_at_signs_digits_and_changes_of_case() {
        let words = |name: &str| {
            let words = Words::of(name);
            (0..words.count())
                .map(|at| words.word(at).to_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(words("xAPIKeys"), "x api keys");
        assert_eq!(words("oauth2_client-secret.v2"), "oauth client secret v");
        assert_eq!(words("<masked:api_key> Größe"), "größe");
        assert_eq!(words("_1-"), "");
    }
}
