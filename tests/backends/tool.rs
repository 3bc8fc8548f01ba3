//! Programs of others that the tests run, and the variables that name them.

use std::path::PathBuf;

/// What a variable names. None, and said loudly, where it is not set; an error where `CI` is `true`.
pub(crate) fn required(variable: &str, script: &str) -> Option<PathBuf> {
    let found = named(variable, script);
    let strict = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(found.is_some() || !strict, "{variable} is not set");
    found
}

/// The same for what only the long loops have.
pub(crate) fn named(variable: &str, script: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        println!("SKIPPED: set {variable} to what `{script}` prints");
    }
    found
}
