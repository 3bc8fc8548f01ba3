use super::*;

fn policy(text: &str) -> Policy {
    text.parse().unwrap()
}

/// The faults of a text, one a line.
fn faults(text: &str) -> Vec<String> {
    let error = text.parse::<Policy>().unwrap_err();
    error.faults().iter().map(Fault::to_string).collect()
}

const TEAMS: &str = r#"
version = 1

[[rule]]
name = "support"
when = { service = "support-*", operation = ["chat", "invoke_agent"] }
input = "redact"
output = "redact"
span.output = "redact"

[[rule]]
name = "staging"
when.service = "staging"
when.model = ["gpt-4o*", "claude-*-haiku-*"]
system_prompt = "omit"
input = "danger_plain"
span.input = "danger_plain"
error = "danger_plain"

[[rule]]
name = "works council"
[rule.when]
tenant = "de-*"
user = ["*@example.com", "root"]
[rule.span]
user = "omit"

[[rule]]
name = "other"
user = "hash"
error = "omit"
change_values = "hash"
metadata = "omit"
"#;

#[test]
fn the_first_rule_that_fits_decides_for_all_of_a_call() {
    let policy = policy(TEAMS);
    let none = Facts::default();
    for (facts, rule, input, user) in [
        (
            Facts {
                service: Some("support-de"),
                operation: Some("chat"),
                ..none
            },
            "support",
            "redact",
            "plain",
        ),
        (
            Facts {
                service: Some("support-de"),
                operation: Some("embeddings"),
                ..none
            },
            "other",
            "hash",
            "hash",
        ),
        (
            Facts {
                service: Some("staging"),
                model: Some("claude-3-haiku-2024"),
                tenant: Some("de-1"),
                user: Some("root"),
                ..none
            },
            "staging",
            "danger_plain",
            "plain",
        ),
        (
            Facts {
                service: Some("staging"),
                model: Some("claude-3-opus"),
                tenant: Some("de-1"),
                user: Some("a@example.com"),
                ..none
            },
            "works council",
            "hash",
            "plain",
        ),
        // A subject that is not known fits nothing.
        (
            Facts {
                tenant: Some("de-1"),
                ..none
            },
            "other",
            "hash",
            "hash",
        ),
        (none, "other", "hash", "hash"),
    ] {
        let decision = policy.decide(&facts);
        assert_eq!(decision.rule, Some(rule), "{facts:?}");
        assert_eq!(decision.forms.word(Group::Input), input, "{rule}");
        assert_eq!(decision.forms.word(Group::User), user, "{rule}");
    }
}

#[test]
fn what_a_rule_does_not_name_has_the_default_and_spans_follow_the_record() {
    let policy = policy(TEAMS);
    let forms: Vec<&Forms> = policy.rules().map(|(_, forms)| forms).collect();
    let words = |forms: &Forms| {
        let word = |group| forms.span_word(group).unwrap_or("-");
        Group::ALL
            .map(|group| format!("{}/{}", forms.word(group), word(group)))
            .join(" ")
    };
    assert_eq!(
        words(forms[0]),
        "hash/hash redact/hash redact/redact hash/hash redact/redact redact/redact redact/- plain/hash"
    );
    assert_eq!(
        words(forms[1]),
        "omit/omit danger_plain/danger_plain hash/hash hash/hash danger_plain/omit redact/redact redact/- plain/hash"
    );
    assert_eq!(
        words(forms[2]),
        "hash/hash hash/hash hash/hash hash/hash redact/redact redact/redact redact/- plain/omit"
    );
    assert_eq!(
        words(forms[3]),
        "hash/hash hash/hash hash/hash hash/hash omit/omit omit/omit hash/- hash/hash"
    );
    let dangers: Vec<Group> = forms[1].dangers().collect();
    assert_eq!(dangers, [Group::Input, Group::Error]);
}

#[test]
fn the_narrowest_form_is_that_of_any_rule_and_of_calls_that_none_fits() {
    let narrowest = |text: &str| {
        let Narrowest { user, span_user } = policy(text).narrowest();
        (user.as_str(), span_user.as_str())
    };
    assert_eq!(narrowest("version = 1"), ("plain", "hash"));
    assert_eq!(narrowest(TEAMS), ("hash", "omit"));
    let open = "version = 1\n[[rule]]\nname = 'a'\nuser = 'plain'\nspan.user = 'plain'";
    assert_eq!(narrowest(open), ("plain", "plain"));
    let some = "version = 1\n[[rule]]\nname = 'a'\nwhen.tenant = 'x'\nuser = 'omit'";
    assert_eq!(narrowest(some), ("omit", "omit"));
    assert_eq!(
        Policy::builtin().narrowest(),
        policy("version = 1").narrowest()
    );
}

#[test]
fn the_digest_is_that_of_the_files_bytes() {
    // printf 'version = 1\n' | sha256sum
    let digest = "sha256:dbab12665d98aef021ba64953c61b0ed8a908cfb56a1c01e2fcb4b052b71a2a1";
    let of_file = policy("version = 1\n");
    assert_eq!(of_file.digest().unwrap().as_str(), digest);
    assert_eq!(Policy::builtin().digest(), None);
}

#[test]
fn all_faults_are_told_at_once_with_their_lines() {
    let text = r#"version = 2
colour = "red"

[[rule]]
name = "a"
when = { service = [], tenant = "", moddel = "x", user = [1, "x", "x"] }
input = "plain"
output = "seal"
tools = "hashed"
error = 1
inputs = "hash"
user = "redact"

[[rule]]
name = "b"
when.service = "x"
system_prompt = "redact"
user = "hash"
span = { user = "plain", system_prompt = "danger_plain", input = "omit", metadata = "hash", colour = "red" }

[[rule]]
when.service = "x"
error = "hash"
span.error = "redact"

[[rule]]
name = "b"
when = "x"
span = 1
"#;
    let expected = "\
line 1: version: 1 is the only one known
line 2: unknown key \"colour\": not one of version, rule
line 6: rule \"a\": when: unknown subject \"moddel\": not one of service, operation, provider, model, tenant, user
line 6: rule \"a\": when: service: an empty list fits nothing: leave the subject away
line 6: rule \"a\": when: tenant: an empty text fits nothing
line 6: rule \"a\": when: user: \"x\" stands there twice
line 6: rule \"a\": when: user: not a text or a list of texts
line 7: rule \"a\": input: \"plain\" is spelled danger_plain where raw text leaves
line 8: rule \"a\": output: \"seal\" needs a store, and there is none yet: omit, hash, redact, danger_plain
line 9: rule \"a\": tools: \"hashed\" is none of omit, hash, redact, danger_plain
line 10: rule \"a\": error: not a text: one of omit, hash, redact, danger_plain
line 11: rule \"a\": unknown key \"inputs\": not one of name, when, span, system_prompt, input, output, tools, error, metadata, change_values, user
line 12: rule \"a\": user: \"redact\": an identifier leaves whole or not at all: omit, hash, plain
line 19: rule \"b\": span.input: omit where the record has hash: a span shows that, or hash
line 19: rule \"b\": span.metadata: spans have it as records do
line 19: rule \"b\": span.system_prompt: danger_plain where the record has redact: a span shows that, or hash
line 19: rule \"b\": span.user: plain where the record has hash: a span shows no more than its record
line 19: rule \"b\": span: unknown group \"colour\": not one of system_prompt, input, output, tools, error, user
line 21: rule number 3: it has no name
line 21: rule \"number 3\": no call reaches it: rule \"b\" of line 14 fits all that it fits
line 24: rule number 3: span.error: redact where the record has hash: a span shows that, or omit
line 28: rule \"b\": when: not a table of subjects and patterns
line 29: rule \"b\": span: not a table of groups and forms";
    let mut found = faults(text);
    found.sort_by_key(|fault| {
        let line: usize = fault[5..fault.find(':').unwrap()].parse().unwrap();
        (line, fault.clone())
    });
    let mut expected: Vec<&str> = expected.lines().collect();
    expected.sort_by_key(|fault| {
        let line: usize = fault[5..fault.find(':').unwrap()].parse().unwrap();
        (line, (*fault).to_owned())
    });
    assert_eq!(found, expected);
}

#[test]
fn rules_that_no_call_reaches_are_faults_and_those_that_some_call_reaches_are_not() {
    let two = |first: &str, second: &str| {
        format!("version = 1\n[[rule]]\nname = \"1\"\n{first}\n[[rule]]\nname = \"2\"\n{second}\n")
            .parse::<Policy>()
            .is_ok()
    };
    for (first, second, reached) in [
        ("", "", false),
        ("", "when.user = 'x'", false),
        ("when.user = 'x'", "", true),
        ("when.user = '*'", "", true),
        ("when.user = 'x*'", "when.user = 'xy'", false),
        ("when.user = 'xy'", "when.user = 'x*'", true),
        ("when.user = ['a', 'b']", "when.user = ['b', 'a']", false),
        ("when.user = ['a', 'b']", "when.user = ['b', 'c']", true),
        (
            "when.user = 'a'",
            "when = { user = 'a', tenant = 't' }",
            false,
        ),
        (
            "when = { user = 'a', tenant = 't' }",
            "when.user = 'a'",
            true,
        ),
        ("when.user = 'a'", "when.tenant = 'a'", true),
    ] {
        assert_eq!(two(first, second), reached, "{first} then {second}");
    }
}

#[test]
fn what_is_no_toml_is_told_with_what_else_is_wrong_and_nothing_is_guessed() {
    let found = faults(
        "version = 1\n[[rule]]\nname = \n[[rule]]\nname = \"b\"\ninput = \"plain\"\ninput = \"hash\"\n",
    );
    let lines: Vec<&str> = found
        .iter()
        .map(|fault| &fault[..fault.find(": ").unwrap()])
        .collect();
    assert_eq!(lines, ["line 3", "line 6", "line 7"], "{found:?}");
    assert!(found[0].starts_with("line 3: no TOML: "), "{found:?}");
    assert!(found[2].contains("duplicate key"), "{found:?}");
    assert_eq!(faults(""), ["line 1: no version: put `version = 1` first"]);
    assert_eq!(
        faults("version = 1\nrule = 1"),
        ["line 2: rule: rules begin with [[rule]]"]
    );
}

#[test]
fn an_error_says_all_faults_in_one_line() {
    let error = "rule = 1".parse::<Policy>().unwrap_err().to_string();
    assert_eq!(
        error,
        "line 1: rule: rules begin with [[rule]]; line 1: no version: put `version = 1` first"
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(version = 1\n)?(\\[\\[rule\\]\\]\n|name = |when = |span\\.user = |\"a\\*\"|'x'|\\{|\\}|\\[|\\]|=|\n|é|[a-z]){0,30}") {
        let _ = text.parse::<Policy>();
    }
}
