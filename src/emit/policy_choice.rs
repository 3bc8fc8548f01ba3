//! Which policy an auditor has: as given, else as a file says.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::builder::BuildError;
use super::environment::Environment;
use crate::policy::Policy;

/// Where the policy comes from.
#[derive(Debug, Clone)]
pub(super) enum PolicyChoice {
    At(PathBuf),
    Default,
    Given(Policy),
}

impl PolicyChoice {
    /// The policy; the built-in one where nobody has said anything.
    pub(super) fn read(&self, environment: &Environment) -> Result<Policy, BuildError> {
        let path = match self {
            Self::Given(policy) => return Ok(policy.clone()),
            Self::At(path) => Some(path.clone()),
            Self::Default => environment.path("LLM_AUDIT_POLICY"),
        };
        let Some(path) = path else {
            return Ok(Policy::builtin());
        };
        match read_up_to(&path, Policy::MAX_BYTES) {
            Ok(text) => text
                .parse()
                .map_err(|faults| BuildError::Policy { path, faults }),
            Err(source) => Err(BuildError::PolicyFile { path, source }),
        }
    }
}

/// The text of a file, and no more of it than one byte beyond so many.
pub(crate) fn read_up_to(path: &Path, bytes: usize) -> io::Result<String> {
    let mut text = String::new();
    let file = fs::File::open(path)?;
    file.take(bytes as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_code_says_wins_over_the_environment_and_that_over_the_default() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let (one, two) = (file("one", "version = 1"), file("two", "version = 1\n"));
        let digest = |choice: PolicyChoice, environment: &Environment| {
            let policy = choice.read(environment).unwrap();
            policy.digest().map(ToString::to_string)
        };
        let nothing = Environment::of(&[]);
        let named = Environment::of(&[("LLM_AUDIT_POLICY", one.to_str().unwrap())]);
        assert_eq!(digest(PolicyChoice::Default, &nothing), None);
        let of_one = digest(PolicyChoice::Default, &named);
        assert!(
            of_one
                .as_ref()
                .is_some_and(|digest| digest.starts_with("sha256:"))
        );
        assert_eq!(digest(PolicyChoice::At(one), &nothing), of_one);
        assert_ne!(digest(PolicyChoice::At(two), &named), of_one);
        assert_eq!(digest(PolicyChoice::Given(Policy::builtin()), &named), None);
    }

    #[test]
    fn a_file_that_is_not_there_or_has_faults_is_an_error_that_names_it_and_all_of_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy.toml");
        let read = || PolicyChoice::At(path.clone()).read(&Environment::of(&[]));
        let error = read().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("policy {}: ", path.display())),
            "{error}"
        );
        fs::write(&path, "version = 2\n[[rule]]\ninput = 'plain'\n").unwrap();
        let error = read().unwrap_err().to_string();
        for fault in [
            "line 1: version",
            "line 2: rule number 1: it has no name",
            "line 3: ",
        ] {
            assert!(error.contains(fault), "{error}");
        }
    }
}
