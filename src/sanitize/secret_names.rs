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
    let words = words(name);
    let joined = words.concat();
    let glued_through = GLUED.iter().any(|term| joined.ends_with(term));
    for end in (1..=words.len()).rev() {
        let found = term_ending_at(&words, end);
        let found =
            found.or((glued_through && end == words.len()).then_some((Strength::Certain, false)));
        if let Some((strength, plural)) = found {
            let in_prose = name.trim().contains(' ');
            return judge(strength, plural, &words[end..], in_prose);
        }
    }
    Sensitivity::Ordinary
}

/// Whether the name is that of a header whose value runs to the end of the line.
pub(super) fn is_header_with_spaces(name: &str) -> bool {
    let last = words(name).pop();
    last.is_some_and(|word| matches!(word.as_str(), "authorization" | "cookie"))
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
fn term_ending_at(words: &[String], end: usize) -> Option<(Strength, bool)> {
    let before = end.checked_sub(2).map(|at| words[at].as_str());
    for count in 1..=end.min(3) {
        let term = words[end - count..end].concat();
        let singular = term.strip_suffix('s').filter(|stem| !stem.ends_with('s'));
        for (candidate, plural) in [(Some(term.as_str()), false), (singular, true)] {
            let strength = candidate.and_then(|term| strength(term, before));
            // A number of keys is named in the plural; `pass` is no plural.
            if let Some(strength) = strength {
                return Some((strength, plural));
            }
        }
    }
    None
}

fn strength(term: &str, before: Option<&str>) -> Option<Strength> {
    match term {
        "token" if before.is_some_and(|word| BEFORE_TOKEN.contains(&word)) => {
            Some(Strength::Benign)
        }
        "key" => Some(match before {
            Some(word) if BEFORE_SECRET_KEY.contains(&word) => Strength::Certain,
            Some(word) if BEFORE_ORDINARY_KEY.contains(&word) => Strength::Benign,
            _ => Strength::Doubtful,
        }),
        "auth" => Some(Strength::Doubtful),
        "pass" => Some(Strength::WeakText),
        _ if GUESSABLE.contains(&term) => Some(Strength::Guessable),
        _ if CERTAIN.contains(&term) => Some(Strength::Certain),
        _ if WEAK.contains(&term) => Some(Strength::Weak),
        _ if GLUED.iter().any(|glued| term.ends_with(glued)) => Some(Strength::Certain),
        _ => {
            let owner = term.strip_suffix("key")?;
            BEFORE_SECRET_KEY
                .contains(&owner)
                .then_some(Strength::Certain)
        }
    }
}

fn judge(strength: Strength, plural: bool, tail: &[String], in_prose: bool) -> Sensitivity {
    let is = |list: &[&str]| tail.iter().any(|word| list.contains(&word.as_str()));
    if is(HARMLESS_TAIL) || (strength != Strength::Guessable && is(HASH_TAIL)) {
        return Sensitivity::Ordinary;
    }
    let known_tail = tail
        .iter()
        .all(|word| VALUE_TAIL.contains(&word.as_str()) || word.len() == 1);
    let secret = if plural || strength == Strength::WeakText {
        Sensitivity::Texts
    } else {
        Sensitivity::Whole
    };
    match strength {
        Strength::Benign => Sensitivity::Ordinary,
        Strength::Doubtful => Sensitivity::Doubtful,
        _ if known_tail => secret,
        // "the password that we sent to the server: …" is a sentence, not a name.
        _ if in_prose && tail.len() > 2 => Sensitivity::Ordinary,
        Strength::Certain | Strength::Guessable => secret,
        Strength::Weak | Strength::WeakText => Sensitivity::Doubtful,
    }
}

/// The lower-case words of a name, without digits and without what the masker itself wrote.
fn words(name: &str) -> Vec<String> {
    let name = placeholder::without(name);
    let visible = name.chars().filter(|c| !is_invisible(*c)).map(narrow);
    let letters: Vec<char> = visible.collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (at, c) in letters.iter().enumerate() {
        let next_is_lower = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        let last_is_upper = at > 0 && letters[at - 1].is_uppercase();
        let starts_word = c.is_uppercase() && (!last_is_upper || next_is_lower);
        let is_letter = c.is_alphabetic();
        if (!is_letter || starts_word) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if is_letter {
            word.extend(c.to_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Chosen by people, so that even a hash of it can be guessed.
#[rustfmt::skip]
const GUESSABLE: &[&str] = &[
    "password", "passwd", "pwd", "passphrase", "passcode", "passwort", "kennwort", "contraseña", "contrasena",
    "senha", "motdepasse", "пароль", "密码", "密碼", "パスワード", "비밀번호",
];

/// Secrets whatever follows, short of a harmless tail.
#[rustfmt::skip]
const CERTAIN: &[&str] = &[
    "secret", "credential", "authorization", "apikey", "dsn", "connectionstring", "connstring", "connectionstr",
    "connstr", "seedphrase", "mnemonic", "recoverycode", "recoveryphrase", "backupcode", "kubeconfig", "secretid",
    "amzsignature", "sharedaccesssignature", "clientassertion", "basicauth", "privkey",
];

/// Secrets alone or with a tail that says which value it is.
#[rustfmt::skip]
const WEAK: &[&str] = &[
    "token", "cookie", "pin", "otp", "totp", "jwt", "bearer", "cvv", "cvc", "onetimecode", "verificationcode",
];

/// Ends of names that were written as one word.
#[rustfmt::skip]
const GLUED: &[&str] = &[
    "password", "passwd", "passphrase", "passwort", "kennwort", "secret", "apikey", "accesstoken", "authtoken",
    "refreshtoken", "sessiontoken", "idtoken", "bearertoken", "credential", "credentials", "connectionstring",
    "пароль", "密码", "密碼", "パスワード", "비밀번호",
];

/// Words before `key` that make it a secret.
#[rustfmt::skip]
const BEFORE_SECRET_KEY: &[&str] = &[
    "api", "private", "secret", "access", "signing", "encryption", "decryption", "master", "shared", "service",
    "account", "subscription", "ssh", "pgp", "gpg", "hmac", "aes", "rsa", "ed", "deploy", "license", "session",
    "auth", "root", "storage", "app", "application", "client", "server", "webhook", "data", "wrapping", "symmetric",
    "admin", "virtual", "integration", "write", "ingest", "ingestion", "token", "recovery",
    "openai", "anthropic", "azure", "google", "gemini", "mistral",
    "cohere", "groq", "stripe", "twilio", "sendgrid", "datadog", "litellm", "provider", "upstream", "gateway", "password", "jwt",
    "cookie", "credential",
];

/// Words before `key` that make it anything but a secret.
#[rustfmt::skip]
const BEFORE_ORDINARY_KEY: &[&str] = &[
    "primary", "foreign", "public", "publishable", "sort", "partition", "cache", "idempotency", "unique", "object",
    "row", "column", "index", "group", "dedup", "deduplication", "hash", "map", "translation", "json", "feature",
    "flag", "metric", "label", "dictionary", "lookup", "routing", "order", "composite", "natural", "surrogate",
    "shard", "record", "resource", "setting", "config", "parent", "issue", "property", "attribute", "candidate",
    "message",
];

/// Words before `token` of counting, paging and tokenising.
#[rustfmt::skip]
const BEFORE_TOKEN: &[&str] = &[
    "max", "maximum", "min", "minimum", "total", "avg", "average", "num", "number", "n", "input", "output", "prompt",
    "completion", "cached", "cache", "reasoning", "thinking", "audio", "image", "video", "text", "next", "page",
    "paging", "continuation", "pagination", "sync", "eos", "bos", "pad", "unk", "sep", "cls", "mask", "stop", "start",
    "end", "first", "last", "special", "added", "extra", "used", "remaining", "available", "rate", "budget", "per",
    "generated", "billed", "accepted", "rejected", "prediction", "cost", "price",
];

/// Words after a term that make the name one about the secret, not of it.
#[rustfmt::skip]
const HARMLESS_TAIL: &[&str] = &[
    "policy", "policies", "count", "counts", "counter", "limit", "limits", "max", "min", "maximum", "minimum",
    "length", "size", "ttl", "expiry", "expires", "expiration", "expire", "expired", "age", "days", "hours",
    "minutes", "seconds", "ms", "rotation", "rotated", "rotate", "interval", "period", "per", "minute", "hour", "day",
    "rpm", "tpm", "id", "ids", "identifier", "name", "names", "type", "types", "kind", "algorithm", "alg", "format",
    "encoding", "scheme", "mode", "provider", "source", "store", "manager", "engine", "backend", "arn", "ref",
    "reference", "path", "file", "filename", "location", "dir", "directory", "url", "uri", "endpoint", "host",
    "domain", "issuer", "audience", "scope", "scopes", "version", "created", "updated", "modified", "changed", "last",
    "used", "at", "date", "time", "timestamp", "by", "status", "state", "enabled", "disabled", "required", "optional",
    "allowed", "valid", "invalid", "strength", "complexity", "score", "label", "description", "title", "comment",
    "field", "fields", "column", "param", "parameter", "prefix", "suffix", "usage", "rate", "budget", "cost", "price",
    "total", "details", "stats", "statistics", "config", "configuration", "settings", "options", "rule", "rules",
    "requirement", "requirements", "consent", "banner", "bucket", "window", "retention", "attempts", "retries",
    "lockout", "failed", "reset", "authentication", "login", "grant", "flow", "method", "methods", "strategy",
    "verification", "validation", "validator", "hashing", "sharing", "owner", "user", "username", "role", "group",
    "expected", "error", "errors",
];

/// Words after a term that make it a digest, which is a secret only of a password.
#[rustfmt::skip]
const HASH_TAIL: &[&str] = &[
    "hash", "hashed", "digest", "fingerprint", "sha", "thumbprint", "checksum", "md",
];

/// Words after a term that only say which value it is.
#[rustfmt::skip]
const VALUE_TAIL: &[&str] = &[
    "value", "values", "val", "plain", "plaintext", "raw", "text", "clear", "cleartext", "string", "str", "data",
    "old", "new", "current", "previous", "prev", "original", "encrypted", "enc", "cipher", "ciphertext", "base",
    "hex", "pem", "der", "jwk", "json", "header", "headers", "env", "prod", "production", "staging", "stage", "dev",
    "test", "live", "main", "backup", "primary", "secondary", "confirm", "confirmation", "repeat", "again",
    "provided", "given", "supplied", "received",
];
