//! From the text of a policy file to its rules, or to all that is wrong with it.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Policy;
use super::fault::{Fault, PolicyError};
use super::form::{ContentForm, Forms, Group, IdentityForm};
use super::pattern::Pattern;
use super::rule::{Condition, Rule, Subject};

/// The rules of a text.
pub(super) fn rules(text: &str) -> Result<Vec<Rule>, PolicyError> {
    if text.len() > Policy::MAX_BYTES {
        let what = format!(
            "{} bytes where a policy has at most {}",
            text.len(),
            Policy::MAX_BYTES
        );
        return Err(PolicyError::new(vec![Fault::new(1, what)]));
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader {
        text,
        faults: Vec::new(),
        whole: if errors.is_empty() {
            Whole::Yes
        } else {
            Whole::No
        },
    };
    for error in &errors {
        let at = error.span().unwrap_or_default();
        let message = error.message().trim_end_matches('.').replace('\n', ", ");
        reader.fault(&at, format!("no TOML: {message}"));
    }
    let unread = std::mem::take(&mut reader.faults);
    let rules = reader.file(table.get_ref());
    // What follows from a line that could not be read is not told beside it.
    reader
        .faults
        .retain(|fault| unread.iter().all(|it| it.line() != fault.line()));
    reader.faults.extend(unread);
    if reader.faults.is_empty() {
        Ok(rules.into_iter().map(|(rule, _)| rule).collect())
    } else {
        Err(PolicyError::new(reader.faults))
    }
}

struct Reader<'t> {
    text: &'t str,
    faults: Vec<Fault>,
    whole: Whole,
}

/// Whether all of the text was TOML: else what is missing may have been there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    No,
    Yes,
}

type Value<'t> = Spanned<DeValue<'t>>;

impl Reader<'_> {
    fn file(&mut self, table: &DeTable<'_>) -> Vec<(Rule, Range<usize>)> {
        let mut rules = Vec::new();
        let mut versioned = false;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "version" => {
                    versioned = true;
                    let number = value.get_ref().as_integer();
                    if number.is_none_or(|number| number.as_str() != "1") {
                        self.fault(&value.span(), "version: 1 is the only one known");
                    }
                }
                "rule" => match value.get_ref().as_array() {
                    Some(list) => rules = self.rules(list.iter()),
                    None => self.fault(&key.span(), "rule: rules begin with [[rule]]"),
                },
                other => {
                    let what = format!("unknown key {}: not one of version, rule", shown(other));
                    self.fault(&key.span(), what);
                }
            }
        }
        if !versioned && self.whole == Whole::Yes {
            self.fault(&(0..0), "no version: put `version = 1` first");
        }
        rules
    }

    fn rules<'v, 't: 'v>(
        &mut self,
        list: impl Iterator<Item = &'v Value<'t>>,
    ) -> Vec<(Rule, Range<usize>)> {
        let mut rules: Vec<(Rule, Range<usize>)> = Vec::new();
        for (at, value) in list.enumerate() {
            let span = value.span();
            if at == MAX_RULES {
                self.fault(&span, format!("more than {MAX_RULES} rules"));
                break;
            }
            let Some(table) = value.get_ref().as_table() else {
                self.fault(&span, "rule: rules begin with [[rule]]");
                continue;
            };
            let Some(rule) = self.rule(at + 1, &span, table) else {
                continue;
            };
            for (earlier, known) in &rules {
                let line = self.line(known);
                if earlier.name() == rule.name() {
                    let what = format!(
                        "rule {}: the rule of line {line} has the same name",
                        shown(rule.name())
                    );
                    self.fault(&span, what);
                }
                if earlier.covers(&rule) && self.whole == Whole::Yes {
                    let what = format!(
                        "rule {}: no call reaches it: rule {} of line {line} fits all that it fits",
                        shown(rule.name()),
                        shown(earlier.name())
                    );
                    self.fault(&span, what);
                    break;
                }
            }
            rules.push((rule, span));
        }
        rules
    }

    /// A rule; none where its conditions could not be read, so that nothing is concluded from them.
    fn rule(&mut self, number: usize, span: &Range<usize>, table: &DeTable<'_>) -> Option<Rule> {
        let named = find(table, "name").and_then(|name| name.get_ref().as_str());
        let name = named.map_or_else(|| format!("number {number}"), str::to_owned);
        let about = match named {
            Some(name) => format!("rule {}: ", shown(name)),
            None => format!("rule number {number}: "),
        };
        if named.is_none() && find(table, "name").is_none() && self.whole == Whole::Yes {
            self.fault(span, format!("{about}it has no name"));
        }
        let mut forms = Forms::DEFAULT;
        let mut when = Some(Vec::new());
        for (key, value) in table {
            let group = |group: &Group| group.as_str() == key.get_ref().as_ref();
            match key.get_ref().as_ref() {
                "name" => self.name(&about, value),
                "when" => when = self.when(&about, value),
                "span" => {}
                _ => match Group::ALL.iter().find(|it| group(it)) {
                    Some(group) => self.form(&about, *group, value, &mut forms),
                    None => {
                        let groups = Group::ALL.map(Group::as_str).join(", ");
                        let what = format!(
                            "{about}unknown key {}: not one of name, when, span, {groups}",
                            shown(key.get_ref())
                        );
                        self.fault(&key.span(), what);
                    }
                },
            }
        }
        settle_spans(&mut forms);
        if let Some(span) = find(table, "span") {
            self.spans(&about, span, &mut forms);
        }
        Some(Rule::new(name, when?, forms))
    }

    fn name(&mut self, about: &str, value: &Value<'_>) {
        let name = value.get_ref().as_str();
        if !name.is_some_and(|name| (1..=MAX_NAME_BYTES).contains(&name.len())) {
            let what = format!("{about}name: not a text of 1 to {MAX_NAME_BYTES} bytes");
            self.fault(&value.span(), what);
        }
    }

    fn when(&mut self, about: &str, value: &Value<'_>) -> Option<Vec<Condition>> {
        let about = format!("{about}when: ");
        let Some(table) = value.get_ref().as_table() else {
            let what = format!("{about}not a table of subjects and patterns");
            self.fault(&value.span(), what);
            return None;
        };
        let before = self.faults.len();
        let mut conditions = Vec::new();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match Subject::ALL.iter().find(|it| it.as_str() == name) {
                Some(subject) => conditions.push(Condition {
                    subject: *subject,
                    patterns: self.patterns(&format!("{about}{name}: "), value),
                }),
                None => {
                    let subjects = Subject::ALL.map(Subject::as_str).join(", ");
                    let what = format!(
                        "{about}unknown subject {}: not one of {subjects}",
                        shown(name)
                    );
                    self.fault(&key.span(), what);
                }
            }
        }
        (self.faults.len() == before).then_some(conditions)
    }

    fn patterns(&mut self, about: &str, value: &Value<'_>) -> Vec<Pattern> {
        let mut texts: Vec<&str> = Vec::new();
        let list = match value.get_ref().as_array() {
            Some(list) => list.iter().collect(),
            None => vec![value],
        };
        if list.is_empty() {
            let what = format!("{about}an empty list fits nothing: leave the subject away");
            self.fault(&value.span(), what);
        }
        for item in list {
            match item.get_ref().as_str() {
                None => self.fault(
                    &item.span(),
                    format!("{about}not a text or a list of texts"),
                ),
                Some("") => {
                    self.fault(&item.span(), format!("{about}an empty text fits nothing"));
                }
                Some(text) if texts.contains(&text) => {
                    let what = format!("{about}{} stands there twice", shown(text));
                    self.fault(&item.span(), what);
                }
                Some(text) => texts.push(text),
            }
        }
        texts.into_iter().map(Pattern::new).collect()
    }

    /// Reads the form of a group in the record.
    fn form(&mut self, about: &str, group: Group, value: &Value<'_>, forms: &mut Forms) {
        let about = format!("{about}{}: ", group.as_str());
        match forms.content_mut(group) {
            Some(form) => {
                if let Some(said) = self.content_form(&about, value) {
                    *form = said;
                }
            }
            None => {
                if let Some(said) = self.identity_form(&about, value) {
                    forms.user = said;
                }
            }
        }
    }

    /// Reads what a span shows; what it shows unless said is settled.
    fn spans(&mut self, about: &str, value: &Value<'_>, forms: &mut Forms) {
        let about = format!("{about}span");
        let Some(table) = value.get_ref().as_table() else {
            self.fault(
                &value.span(),
                format!("{about}: not a table of groups and forms"),
            );
            return;
        };
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let about = format!("{about}.{name}: ");
            let group = Group::ALL.into_iter().find(|group| group.as_str() == name);
            match group {
                Some(Group::User) => self.span_user(&about, value, forms),
                Some(group) if forms.span.content_mut(group).is_some() => {
                    self.span_form(&about, group, value, forms);
                }
                Some(_) => {
                    let what = format!("{about}spans have it as records do");
                    self.fault(&key.span(), what);
                }
                None => {
                    let what = format!(
                        "{}unknown group {}: not one of system_prompt, input, output, tools, error, user",
                        about.trim_end_matches(&format!(".{name}: ")).to_owned() + ": ",
                        shown(name)
                    );
                    self.fault(&key.span(), what);
                }
            }
        }
    }

    fn span_form(&mut self, about: &str, group: Group, value: &Value<'_>, forms: &mut Forms) {
        let Some(said) = self.content_form(about, value) else {
            return;
        };
        let of_record = forms.content_mut(group).map(|form| *form);
        let (Some(record), Some(form)) = (of_record, forms.span.content_mut(group)) else {
            return;
        };
        let narrower = match group {
            Group::Error => said == ContentForm::Omit,
            _ => said == ContentForm::Hash && record >= ContentForm::Hash,
        };
        if said == record || narrower {
            *form = said;
            return;
        }
        let narrow = match (group, record) {
            (Group::Error, _) => ContentForm::Omit,
            (_, ContentForm::Omit) => record,
            _ => ContentForm::Hash,
        };
        let what = format!(
            "{about}{} where the record has {}: a span shows that, or {}",
            said.as_str(),
            record.as_str(),
            narrow.as_str()
        );
        self.fault(&value.span(), what);
    }

    fn span_user(&mut self, about: &str, value: &Value<'_>, forms: &mut Forms) {
        let Some(said) = self.identity_form(about, value) else {
            return;
        };
        if said <= forms.user {
            forms.span.user = said;
        } else {
            let what = format!(
                "{about}{} where the record has {}: a span shows no more than its record",
                said.as_str(),
                forms.user.as_str()
            );
            self.fault(&value.span(), what);
        }
    }

    fn content_form(&mut self, about: &str, value: &Value<'_>) -> Option<ContentForm> {
        let words = ContentForm::ALL.map(ContentForm::as_str).join(", ");
        let word = value.get_ref().as_str();
        let form = ContentForm::ALL
            .into_iter()
            .find(|form| Some(form.as_str()) == word);
        if form.is_none() {
            let what = match word {
                Some("plain") => {
                    "\"plain\" is spelled danger_plain where raw text leaves".to_owned()
                }
                Some("seal") => format!("\"seal\" needs a store, and there is none yet: {words}"),
                Some(other) => format!("{} is none of {words}", shown(other)),
                None => format!("not a text: one of {words}"),
            };
            self.fault(&value.span(), format!("{about}{what}"));
        }
        form
    }

    fn identity_form(&mut self, about: &str, value: &Value<'_>) -> Option<IdentityForm> {
        let words = IdentityForm::ALL.map(IdentityForm::as_str).join(", ");
        let word = value.get_ref().as_str();
        let form = IdentityForm::ALL
            .into_iter()
            .find(|form| Some(form.as_str()) == word);
        if form.is_none() {
            let what = match word {
                Some("redact") => {
                    format!("\"redact\": an identifier leaves whole or not at all: {words}")
                }
                Some("seal") => format!("\"seal\" needs a store, and there is none yet: {words}"),
                Some(other) => format!("{} is none of {words}", shown(other)),
                None => format!("not a text: one of {words}"),
            };
            self.fault(&value.span(), format!("{about}{what}"));
        }
        form
    }

    fn fault(&mut self, at: &Range<usize>, what: impl Into<String>) {
        let line = self.line(at);
        self.faults.push(Fault::new(line, what));
    }

    fn line(&self, at: &Range<usize>) -> usize {
        let before = &self.text.as_bytes()[..at.start.min(self.text.len())];
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }
}

/// What spans show unless a rule says otherwise.
fn settle_spans(forms: &mut Forms) {
    for group in Group::ALL {
        let of_record = forms.content_mut(group).map(|form| *form);
        if let (Some(record), Some(form)) = (of_record, forms.span.content_mut(group)) {
            *form = match (group, record) {
                (Group::Error, ContentForm::DangerPlain) => ContentForm::Omit,
                (Group::Error, record) => record,
                (_, record) => record.min(ContentForm::Hash),
            };
        }
    }
    forms.span.user = forms.user.min(IdentityForm::Hash);
}

fn find<'v, 't>(table: &'v DeTable<'t>, name: &str) -> Option<&'v Value<'t>> {
    let found = table.iter().find(|(key, _)| key.get_ref() == name);
    found.map(|(_, value)| value)
}

/// A text of the file in quotation marks, cut where it is long.
fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        None => format!("{text:?}"),
        Some((at, _)) => format!("{:?}…", &text[..at]),
    }
}

const MAX_NAME_BYTES: usize = 100;
/// Rules are compared one by one with every call.
const MAX_RULES: usize = 1000;
const MAX_SHOWN_CHARS: usize = 60;
