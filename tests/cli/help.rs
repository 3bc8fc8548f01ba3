use super::*;

#[test]
fn every_command_has_help_with_an_example() {
    for command in [
        &["doctor"][..],
        &["export"],
        &["hash"],
        &["key"],
        &["key", "generate"],
        &["key", "list"],
        &["key", "rotate"],
        &["policy"],
        &["policy", "check"],
        &["price"],
        &["price", "diff"],
        &["price", "import"],
        &["price", "list"],
        &["query"],
        &["query", "access"],
        &["query", "calls"],
        &["query", "changes"],
        &["query", "system"],
        &["show"],
    ] {
        let help = run(&[command, &["--help"]].concat());
        assert_eq!((help.code, help.err.as_str()), (Some(0), ""), "{command:?}");
        let usage = format!("Usage: llm-audit {}", command.join(" "));
        let example = format!("\n  llm-audit {}", command.join(" "));
        let (about, rest) = help.out.split_once(&usage).unwrap();
        assert!(about.len() > 10, "{command:?} says what it does");
        let (_, examples) = rest.split_once("Example:").unwrap();
        assert!(
            examples.contains(example.trim_start_matches('\n')),
            "{command:?}: {examples}"
        );
    }
}

#[test]
fn the_help_of_the_whole_lists_commands_and_exit_codes() {
    let help = run(&["--help"]);
    assert_eq!(help.code, Some(0));
    // Columns are as wide as the longest name.
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in include_str!("../data/help-lines.txt").lines() {
        let there = help.out.lines().any(|own| squeezed(own) == squeezed(line));
        assert!(there, "{line}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = run(&["--version"]);
    assert_eq!(version.code, Some(0));
    assert_eq!(
        version.out,
        format!("llm-audit {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn no_command_and_an_unknown_one_are_wrong_use() {
    assert_eq!(run(&[]).code, Some(2));
    let unknown = run(&["quary"]);
    assert!(
        unknown.code == Some(2) && unknown.err.contains("query"),
        "{unknown:?}"
    );
}
