//! Model names: the forms of a name under which a price may stand.

use super::provider::canonical;

/// The names to look for, in order, where `provider` sells `model`.
pub(super) fn candidates<'a>(
    provider: &'a str,
    model: &'a str,
) -> impl Iterator<Item = &'a str> + Clone {
    let forms = |name: &'a str| {
        let dated = without_date(name);
        let tuned = fine_tuned_base(name);
        [Some(name), dated, tuned, tuned.and_then(without_date)]
    };
    let bare = without_prefix(provider, model);
    let resource = last_of_resource(model);
    let all = [Some(model), bare, resource].map(move |name| name.map_or([None; 4], forms));
    all.into_iter().flatten().flatten()
}

/// The name without the provider's own prefix, under any of the provider's names.
pub(super) fn without_prefix<'a>(provider: &str, model: &'a str) -> Option<&'a str> {
    let (prefix, name) = model.split_once('/')?;
    (canonical(prefix) == canonical(provider)).then_some(name)
}

/// The name at the end of a resource's: `models/…` and `publishers/…` of Google, `arn:…` of AWS.
fn last_of_resource(model: &str) -> Option<&str> {
    let resource = RESOURCES.iter().any(|start| model.starts_with(start));
    let (_, name) = model.rsplit_once('/')?;
    resource.then_some(name)
}

/// The name before `-YYYY-MM-DD`, `-YYYYMMDD` or `@YYYYMMDD`.
fn without_date(name: &str) -> Option<&str> {
    let cut = |length: usize| {
        let at = name.len().checked_sub(length).filter(|at| *at > 0)?;
        let (before, end) = (name.get(..at)?, name.get(at..)?);
        Some((before, end.strip_prefix('-').or(end.strip_prefix('@'))?))
    };
    let dashed = cut(11).filter(|(_, date)| {
        let bytes = date.as_bytes();
        bytes[4] == b'-' && bytes[7] == b'-' && is_date(&date.replace('-', ""))
    });
    let plain = || cut(9).filter(|(_, date)| is_date(date));
    dashed.or_else(plain).map(|(name, _)| name)
}

fn is_date(digits: &str) -> bool {
    let number = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse().ok());
    let in_range =
        |part: Option<u32>, most: u32| part.is_some_and(|part| (1..=most).contains(&part));
    digits.len() == 8
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && digits.starts_with("20")
        && in_range(number(4, 6), 12)
        && in_range(number(6, 8), 31)
}

/// `ft:base` of `ft:base:organisation:name:id`.
fn fine_tuned_base(name: &str) -> Option<&str> {
    let base = name.strip_prefix("ft:")?;
    let end = base.find(':')?;
    name.get(.."ft:".len() + end)
}

/// How the names of resources begin.
const RESOURCES: [&str; 5] = [
    "arn:",
    "models/",
    "projects/",
    "publishers/",
    "tunedModels/",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(provider: &'a str, model: &'a str) -> Vec<&'a str> {
        candidates(provider, model).collect()
    }

    #[test]
    fn names_are_tried_exact_first_and_nothing_is_guessed() {
        assert_eq!(names("openai", "gpt-4o"), ["gpt-4o"]);
        assert_eq!(
            names("openai", "openai/gpt-4o-2024-08-06"),
            [
                "openai/gpt-4o-2024-08-06",
                "openai/gpt-4o",
                "gpt-4o-2024-08-06",
                "gpt-4o"
            ]
        );
        assert_eq!(
            names("anthropic", "claude-haiku-4-5-20251001"),
            ["claude-haiku-4-5-20251001", "claude-haiku-4-5"]
        );
        assert_eq!(
            names("openai", "ft:gpt-4o-2024-08-06:acme::x1"),
            [
                "ft:gpt-4o-2024-08-06:acme::x1",
                "ft:gpt-4o-2024-08-06",
                "ft:gpt-4o"
            ]
        );
        assert_eq!(
            names("gcp.vertex_ai", "vertex_ai/claude-sonnet-4-5@20250929"),
            [
                "vertex_ai/claude-sonnet-4-5@20250929",
                "vertex_ai/claude-sonnet-4-5",
                "claude-sonnet-4-5@20250929",
                "claude-sonnet-4-5"
            ]
        );
        assert_eq!(
            names("gcp.gemini", "models/gemini-2.5-pro"),
            ["models/gemini-2.5-pro", "gemini-2.5-pro"]
        );
        assert_eq!(
            names(
                "aws.bedrock",
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-pro-v1:0"
            ),
            [
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-pro-v1:0",
                "us.amazon.nova-pro-v1:0"
            ]
        );
        assert_eq!(
            names("groq", "groq/openai/gpt-oss-120b"),
            ["groq/openai/gpt-oss-120b", "openai/gpt-oss-120b"]
        );
        for kept in [
            "gpt-4-0613",
            "-20251001",
            "gpt-4o-2024-13-01",
            "gpt-4o-20240832",
            "gpt-4o_20240801",
            "ft:gpt-4o",
            "é2024-01-01",
            "other/gpt-4o",
            "",
        ] {
            assert_eq!(names("openai", kept), [kept]);
        }
    }
}
