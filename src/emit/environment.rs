//! The environment: what may be set from outside, read in one place.
//!
//! | variable | what |
//! |---|---|
//! | `OTEL_SERVICE_NAME` | name of the application (`service.name`) |
//! | `OTEL_RESOURCE_ATTRIBUTES` | further resource attributes, `key=value,…`, percent-encoded values |
//! | `OTEL_EXPORTER_OTLP_…` | where to send, and how: see [`otlp`](super::otlp) |
//! | `LLM_AUDIT_DATA_DIR` | directory of spool, keyring and JSON lines |
//! | `LLM_AUDIT_KEYRING` | path of the keyring file |
//! | `LLM_AUDIT_POLICY` | path of the policy file: what may leave |
//! | `LLM_AUDIT_LOG_BODY` | body of log records: `text`, `ocsf`, `ecs`, `cef`, `leef`; see [`LogBody`](super::otlp::LogBody) |
//! | `LLM_AUDIT_DISABLED` | `true` switches recording off, which is itself recorded |
//!
//! What the code sets wins over the environment. Paths may be any bytes; the rest is UTF-8, and an auditor that reads
//! something else there is not built.

mod oddities;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use super::builder::BuildError;
use super::percent;

/// The variables of a process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    texts: BTreeMap<String, String>,
    /// Those whose values are not UTF-8.
    bytes: BTreeMap<String, OsString>,
}

impl Environment {
    /// The process's own.
    pub(crate) fn of_process() -> Self {
        Self::of_os(std::env::vars_os())
    }

    fn of_os(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            let name = name.to_string_lossy().into_owned();
            match value.into_string() {
                Ok(text) => drop(environment.texts.insert(name, text)),
                Err(bytes) => drop(environment.bytes.insert(name, bytes)),
            }
        }
        environment
    }

    /// These and no others.
    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        let os = |(name, value): &(&str, &str)| (OsString::from(name), OsString::from(value));
        Self::of_os(variables.iter().map(os))
    }

    /// The same, and a variable of these bytes.
    #[cfg(test)]
    pub(crate) fn and_bytes(mut self, name: &str, value: &[u8]) -> Self {
        use std::os::unix::ffi::OsStringExt as _;
        let other = Self::of_os([(OsString::from(name), OsString::from_vec(value.to_vec()))]);
        self.texts.extend(other.texts);
        self.bytes.extend(other.bytes);
        self
    }

    /// Finds the first of these variables whose value is not UTF-8.
    pub(crate) fn check(&self, names: &[&'static str]) -> Result<(), BuildError> {
        match names.iter().find(|name| self.bytes.contains_key(**name)) {
            None => Ok(()),
            Some(name) => Err(BuildError::Setting {
                setting: name,
                fault: "its value is not UTF-8".to_owned(),
            }),
        }
    }

    /// The path in a variable that is set and not empty.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        let bytes = || self.bytes.get(name).map(PathBuf::from);
        self.get(name).map(PathBuf::from).or_else(bytes)
    }

    /// The value of a variable that is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.texts
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether a switch is on: `true` in any case.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A list of pairs: `key=value,key=value`, values percent-encoded (W3C Baggage, as OpenTelemetry has it). What is no
    /// pair is left out.
    pub(crate) fn pairs(&self, name: &str) -> Vec<(String, String)> {
        let list = self.get(name).unwrap_or_default();
        let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
        pairs
            .map(|(key, value)| {
                (
                    key.trim().to_owned(),
                    percent::decoded(value.trim().as_bytes()),
                )
            })
            .filter(|(key, _)| !key.is_empty())
            .collect()
    }

    /// A list of pairs in which nothing is left out but empty members.
    pub(crate) fn strict_pairs(list: &str) -> Result<Vec<(String, String)>, NotPairs> {
        let mut pairs = Vec::new();
        for (at, member) in list.split(',').enumerate() {
            let pair = member
                .split_once('=')
                .map(|(key, value)| (key.trim(), value.trim()));
            match pair {
                Some((key, value)) if !key.is_empty() => {
                    pairs.push((key.to_owned(), percent::decoded(value.as_bytes())));
                }
                _ if member.trim().is_empty() => {}
                _ => return Err(NotPairs { member: at + 1 }),
            }
        }
        Ok(pairs)
    }
}

/// Why a list is not one of pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotPairs {
    /// Which of its members is none, counted from 1. It may be a secret.
    pub(crate) member: usize,
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self {
            texts: variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            bytes: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_and_nonsense_is_left_out() {
        let environment = Environment::from([("H", "api-key=a%20b,x,=y, k = v%2 ,z=1=2")]);
        let expected = [("api-key", "a b"), ("k", "v%2"), ("z", "1=2")];
        let expected: Vec<_> = expected
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        assert_eq!(environment.pairs("H"), expected);
        assert!(environment.pairs("absent").is_empty());
    }

    #[test]
    fn a_strict_list_names_the_member_that_is_no_pair() {
        let pairs = Environment::strict_pairs(" a = b%2Cc ,, d=,").unwrap();
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(key, value)| (&**key, &**value))
            .collect();
        assert_eq!(pairs, [("a", "b,c"), ("d", "")]);
        for list in ["a=b,c", "a=b,=c"] {
            assert_eq!(Environment::strict_pairs(list), Err(NotPairs { member: 2 }));
        }
    }

    #[test]
    fn a_path_may_be_any_bytes_and_nothing_else_may() {
        use std::os::unix::ffi::OsStrExt as _;
        let environment = Environment::from([("T", "text"), ("E", "")]).and_bytes("B", b"a\xff");
        assert_eq!(environment.path("T"), Some(PathBuf::from("text")));
        assert_eq!(environment.path("E"), None);
        let path = environment.path("B").unwrap();
        assert_eq!(path.as_os_str().as_bytes(), b"a\xff");
        assert_eq!(environment.get("B"), None);
        environment.check(&["T", "E", "absent"]).unwrap();
        let error = environment.check(&["T", "B"]).unwrap_err();
        assert_eq!(error.to_string(), "B: its value is not UTF-8");
    }

    #[test]
    fn only_true_switches_on_and_empty_means_not_set() {
        assert!(Environment::from([("S", "TRUE")]).is_on("S"));
        assert!(!Environment::from([("S", "1")]).is_on("S"));
        assert_eq!(Environment::from([("S", "")]).get("S"), None);
    }
}
