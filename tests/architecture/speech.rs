//! The project speaks of itself only: no machine, no mirror, no note to oneself, no word about how it was made.

use std::fs;
use std::path::Path;

use crate::report::Violation;

/// The forbidden words stand here in two halves, so that this file may be read by its own law.
const MACHINE: [(&str, &str); 3] = [("/ho", "me/"), ("/ro", "ot/"), ("/wo", "rk/")];
const MIRRORS: [(&str, &str); 5] = [
    ("artifac", "tory"),
    ("go", "proxy"),
    ("jf", "rog"),
    ("sparse+", "http"),
    ("replace-", "with ="),
];
const MAKING: [(&str, &str); 8] = [
    ("agents", ".md"),
    ("ai-", "generated"),
    ("as an ai", " language"),
    ("brief", ".md"),
    ("claude", ".md"),
    ("co-authored", "-by"),
    ("sub", "agent"),
    ("work", "tree"),
];
const NOTES: [(&str, &str); 3] = [("FIX", "ME"), ("TO", "DO"), ("XX", "X")];

/// Written by hand, so that a note in it is ours; data may quote others.
const WRITTEN: [&str; 9] = ["css", "html", "js", "md", "rs", "sh", "toml", "yaml", "yml"];

/// Not the project's own words, or not kept.
const NOT_READ: [&str; 3] = [".git", "Cargo.lock", "target"];

/// Path and text of every text file of the project at `root`, but what `.gitignore` names at the root.
pub(crate) fn texts(root: &Path) -> Vec<(String, String)> {
    let ignored = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    let mut skipped: Vec<String> = NOT_READ.map(str::to_owned).to_vec();
    skipped.extend(
        ignored
            .lines()
            .filter_map(|line| line.strip_prefix('/'))
            .map(|line| line.trim_end_matches('/').to_owned()),
    );
    let mut files = Vec::new();
    collect(root, "", &skipped, &mut files);
    files
}

/// Every word that speaks of something else.
pub(crate) fn foreign_words(files: &[(String, String)]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in files {
        let written = path
            .rsplit('.')
            .next()
            .is_some_and(|end| WRITTEN.contains(&end));
        let mut tell = |line, what| violations.push(Violation::in_file(path, line, what));
        if let Some(word) = whole(&MAKING)
            .into_iter()
            .find(|word| path.to_lowercase().contains(word))
        {
            tell(
                0,
                format!("a file called {word} speaks of how the project was made; take it out"),
            );
        }
        for (index, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            for machine in whole(&MACHINE)
                .into_iter()
                .filter(|word| is_absolute(line, word))
            {
                tell(
                    index + 1,
                    format!("{machine} is a path of one machine; write a path of the project"),
                );
            }
            for mirror in whole(&MIRRORS)
                .into_iter()
                .filter(|word| lower.contains(word))
            {
                tell(
                    index + 1,
                    format!(
                        "{mirror} names a registry mirror; the project builds from the public registries"
                    ),
                );
            }
            for word in whole(&MAKING)
                .into_iter()
                .filter(|word| lower.contains(word))
            {
                tell(
                    index + 1,
                    format!("{word} speaks of how the project was made; speak of what it is"),
                );
            }
            for note in whole(&NOTES)
                .into_iter()
                .filter(|word| written && is_note(line, word))
            {
                tell(
                    index + 1,
                    format!("{note} is a note to oneself; do it, or state the hole honestly"),
                );
            }
        }
    }
    violations
}

fn whole(halves: &[(&str, &str)]) -> Vec<String> {
    halves
        .iter()
        .map(|(start, end)| format!("{start}{end}"))
        .collect()
}

/// At the start of a path, not in the middle of one or of an address.
fn is_absolute(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|before| {
            !before.is_alphanumeric() && !['.', '-', '_', '}', ')', '*', '~'].contains(&before)
        })
    })
}

/// A word of its own, not a part of a name or of a mask such as a social security number's.
fn is_note(line: &str, word: &str) -> bool {
    let joins = |next: Option<char>| {
        next.is_some_and(|next| next.is_alphanumeric() || next == '_' || next == '-')
    };
    line.match_indices(word).any(|(at, _)| {
        !joins(line[..at].chars().next_back()) && !joins(line[at + word.len()..].chars().next())
    })
}

fn collect(folder: &Path, name: &str, skipped: &[String], files: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(folder).expect("a folder of the project is readable");
    for entry in entries.map(|entry| entry.expect("an entry of a folder is readable")) {
        let own = entry.file_name().to_string_lossy().into_owned();
        if skipped.contains(&own) {
            continue;
        }
        let path = format!("{name}{own}");
        if entry.file_type().expect("an entry has a type").is_dir() {
            collect(&entry.path(), &format!("{path}/"), skipped, files);
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            files.push((path, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::places;

    fn lines(path: &str, text: String) -> Vec<String> {
        places(&foreign_words(&[(path.to_owned(), text)]))
    }

    #[test]
    fn every_forbidden_word_is_found() {
        for word in [
            whole(&MACHINE),
            whole(&MIRRORS),
            whole(&MAKING),
            whole(&NOTES),
        ]
        .concat()
        {
            assert_eq!(
                lines("README.md", format!("a\nsee {word} there\n")),
                ["README.md:2"],
                "{word}"
            );
        }
    }

    #[test]
    fn a_machine_path_in_quotes_or_after_a_scheme_is_found() {
        let path = format!("{}{}me", MACHINE[0].0, MACHINE[0].1);
        assert_eq!(
            lines(
                "a.yaml",
                format!("dir: \"{path}\"\nurl: file://{path}\nx={path}")
            ),
            ["a.yaml:1", "a.yaml:2", "a.yaml:3"]
        );
    }

    #[test]
    fn a_note_in_capitals_or_in_a_file_name_is_found() {
        assert_eq!(
            lines(
                "src/a.rs",
                format!("// {}{}: later\n", NOTES[1].0, NOTES[1].1)
            ),
            ["src/a.rs:1"]
        );
        assert_eq!(
            lines(&format!("docs/{}{}", "CLAUDE", ".md"), String::new()).len(),
            1
        );
    }

    #[test]
    fn addresses_masks_and_names_of_models_pass() {
        let text = "https://example.com/home/docs and example.com/work/a\n../work/a $HOME/root/b /workspace/ /homes/\n\
                    XXX-XX-1234 TODOS MY_TODO_LIST todo methodology\nclaude-sonnet by Anthropic, an agent's session\n";
        assert_eq!(lines("README.md", text.to_owned()), [""; 0]);
        assert_eq!(
            lines("data/schema.json", format!("{}{}", NOTES[1].0, NOTES[1].1)),
            [""; 0]
        );
    }

    #[test]
    fn what_is_not_kept_is_not_read() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let write = |path: &str, text: &[u8]| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a file lies in a folder"))
                .expect("a folder can be made");
            fs::write(path, text).expect("a file can be written");
        };
        write(".gitignore", b"/made-here\n");
        write("made-here/a.txt", b"a");
        write("target/a.txt", b"a");
        write("docs/a.txt", b"a");
        write("docs/b.png", &[0xff, 0xfe, 0x00]);
        let mut read: Vec<String> = texts(folder.path())
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        read.sort();
        assert_eq!(read, [".gitignore", "docs/a.txt"]);
    }
}
