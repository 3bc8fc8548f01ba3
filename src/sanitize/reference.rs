//! Values that stand where a secret will: a variable, a blank to fill in, stars. They give nothing away.

/// Whether the value of a field with a secret's name is none, but says where one comes from or goes.
///
/// * a variable: `${TOKEN}`, `$TOKEN`, `$(pass show x)`, `%TOKEN%`, `{{ token }}`, `os.environ["TOKEN"]`, `process.env.TOKEN`
/// * a blank to fill in: `<your token>`, where nothing but letters stands between the brackets
/// * a call that brings it: `prompt()`, `getpass.getpass();`, `vault::read()?`
/// * nothing but stars, dots or `x`: `********`
///
/// Of a value that ends at a blank the text goes on behind it, so that `<your` is known for what it is.
pub(super) fn is_one(value: &str, behind: &str) -> bool {
    let value = value.trim_end_matches([',', ';', '.', ')']);
    is_variable(value) || is_call(value) || is_blank(value, behind) || is_covered(value)
}

/// Whether the object that is the value of such a field describes it, as JSON Schema does: `{"type": "string", …}`.
pub(super) fn is_schema(object: &str) -> bool {
    let inside = object.strip_prefix('{').unwrap_or_default();
    let key = inside.trim_start_matches([' ', '\t', '\r', '\n', '\\', '"', '\'']);
    SCHEMA_KEYS.iter().any(|own| {
        let after = key.strip_prefix(own).unwrap_or_default();
        after.trim_start_matches('\\').starts_with(['"', '\''])
    })
}

fn is_variable(value: &str) -> bool {
    let is_upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let is_named = |name: &str| name.len() > 1 && name.chars().all(is_upper);
    let inside = |from: &str, to: &str| {
        let inside = value.strip_prefix(from)?;
        Some(inside.strip_suffix(to).unwrap_or(inside))
    };
    inside("${", "}").is_some()
        || inside("$(", ")").is_some()
        || inside("{{", "}}").is_some()
        || inside("%", "%").is_some_and(is_named)
        || inside("$", "").is_some_and(is_named)
        || ENVIRONMENTS.iter().any(|start| value.starts_with(start))
}

/// A path of names with nothing between its brackets, of which the closing one was taken off.
fn is_call(value: &str) -> bool {
    let path = value.trim_end_matches([')', '?', '!']).strip_suffix('(');
    path.is_some_and(|path| {
        path.len() >= 3
            && path.starts_with(|c: char| c.is_ascii_alphabetic())
            && path
                .bytes()
                .all(|b| b.is_ascii_alphabetic() || b"_.:".contains(&b))
    })
}

fn is_blank(value: &str, behind: &str) -> bool {
    let Some(inside) = value.strip_prefix('<') else {
        return false;
    };
    let mut text = inside.chars().chain(behind.chars()).take(LONGEST_BLANK);
    let end = text.find(|c| !c.is_alphabetic() && !" _-".contains(*c));
    end == Some('>') && !inside.starts_with('>')
}

fn is_covered(value: &str) -> bool {
    let mut characters = value.chars();
    let first = characters.next();
    value.len() >= 3
        && first.is_some_and(|first| "*•.xX".contains(first) && characters.all(|c| c == first))
}

/// What a schema begins with.
const SCHEMA_KEYS: &[&str] = &[
    "$ref",
    "anyOf",
    "description",
    "format",
    "oneOf",
    "title",
    "type",
];
/// How a program asks for a variable of its environment.
const ENVIRONMENTS: &[&str] = &[
    "ENV[",
    "Environment.GetEnvironmentVariable",
    "System.getenv",
    "env(",
    "env.",
    "getenv(",
    "import.meta.env",
    "os.Getenv",
    "os.environ",
    "os.getenv",
    "process.env",
    "secrets.",
    "std::env",
    "var.",
    "vars.",
];

/// A blank to fill in has fewer characters.
const LONGEST_BLANK: usize = 48;

#[cfg(test)]
mod tests {
    use super::{is_one, is_schema};

    #[test]
    fn variables_blanks_and_stars_are_references() {
        for value in [
            "${TOKEN}",
            "${TOKEN",
            "$TOKEN",
            "$DB_PASSWORD;",
            "$(pass show x)",
            "%TOKEN%",
            "{{ token }}",
            "********",
            "xxxx",
            "os.environ[\"TOKEN\"]",
            "process.env.TOKEN;",
            "prompt();",
            "getpass.getpass()",
            "vault::read()?;",
            "<token>",
            "<API-KEY>",
        ] {
            assert!(is_one(value, ""), "{value}");
        }
        assert!(is_one("<your", " password>, then"));
    }

    #[test]
    fn what_may_be_a_secret_is_none() {
        for value in [
            "$ecret1",
            "$Pa55",
            "hunter2",
            "<S3cret!>",
            "<",
            "<>",
            "xX12",
            "**bold**",
            "environment",
            "hunter2()",
            "a()",
            "p(a)ss()",
            "",
            "x",
            "abc",
        ] {
            assert!(!is_one(value, ""), "{value}");
        }
        assert!(!is_one("<your", " password is here and goes on"));
    }

    #[test]
    fn a_schema_describes_and_an_object_holds() {
        assert!(is_schema(r#"{"type": "string", "minLength": 8}"#));
        assert!(is_schema(r#"{ \"description\": \"the new one\"}"#));
        assert!(!is_schema(r#"{"value": "hunter2"}"#) && !is_schema(r#"{"typed": 1}"#));
    }
}
