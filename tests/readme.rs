//! The README says what is true.

/// Code without comments and white space.
fn bare(code: &str) -> String {
    let lines = code
        .lines()
        .map(|line| line.split(" // ").next().unwrap_or_default());
    lines
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .replace(",)", ")")
}

#[test]
fn the_instrumented_function_of_the_readme_is_the_one_that_the_example_runs() {
    let readme = include_str!("../README.md");
    let from = readme.find("#[tracing::instrument").unwrap();
    let function = &readme[from..from + readme[from..].find("\n}\n").unwrap()];
    let example = bare(include_str!("../examples/instrument.rs"));
    // The example spells out how the text is taken from the answer.
    for statement in function
        .split_inclusive(';')
        .filter(|statement| !statement.contains("Ok(("))
    {
        assert!(
            example.contains(&bare(statement)),
            "not in the example: {statement}"
        );
    }
}

#[test]
fn the_two_commands_at_the_top_are_those_that_ci_runs() {
    let readme = include_str!("../README.md");
    let script = include_str!("../.ci/run");
    for command in [
        "cargo run --release --features demo -- demo --exit",
        "cargo test --all-features",
    ] {
        assert!(
            readme.contains(command) && script.contains(command),
            "{command}"
        );
    }
}
