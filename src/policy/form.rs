//! The groups of a record, and the forms in which they may leave.

/// What of a record a rule decides on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Group {
    /// Before and after values of a change.
    ChangeValues,
    /// The text of an error.
    Error,
    /// The messages sent.
    Input,
    /// Metadata.
    Metadata,
    /// The messages received.
    Output,
    /// The system prompt.
    SystemPrompt,
    /// The tool definitions.
    Tools,
    /// The user's identifier.
    User,
}

impl Group {
    /// All there are, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::SystemPrompt,
        Self::Input,
        Self::Output,
        Self::Tools,
        Self::Error,
        Self::Metadata,
        Self::ChangeValues,
        Self::User,
    ];

    /// Its name in a policy file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChangeValues => "change_values",
            Self::Error => "error",
            Self::Input => "input",
            Self::Metadata => "metadata",
            Self::Output => "output",
            Self::SystemPrompt => "system_prompt",
            Self::Tools => "tools",
            Self::User => "user",
        }
    }
}

/// How content, an error's text or values leave; a later form tells more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContentForm {
    /// Not at all.
    Omit,
    /// As its keyed hash.
    Hash,
    /// As the sanitizer leaves it.
    Redact,
    /// As it is.
    DangerPlain,
}

impl ContentForm {
    pub(super) const ALL: [Self; 4] = [Self::Omit, Self::Hash, Self::Redact, Self::DangerPlain];

    /// Its word in a policy file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Omit => "omit",
            Self::Hash => "hash",
            Self::Redact => "redact",
            Self::DangerPlain => "danger_plain",
        }
    }
}

/// How an identifier leaves; a later form tells more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdentityForm {
    /// Not at all.
    Omit,
    /// As its keyed hash, which stands for it as a pseudonym.
    Hash,
    /// As it is, with its keyed hash beside it.
    Plain,
}

impl IdentityForm {
    pub(super) const ALL: [Self; 3] = [Self::Omit, Self::Hash, Self::Plain];

    /// Its word in a policy file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Omit => "omit",
            Self::Hash => "hash",
            Self::Plain => "plain",
        }
    }
}

/// The form of every group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forms {
    /// Of the system prompt.
    pub system_prompt: ContentForm,
    /// Of the messages sent.
    pub input: ContentForm,
    /// Of the messages received.
    pub output: ContentForm,
    /// Of the tool definitions.
    pub tools: ContentForm,
    /// Of an error's text.
    pub error: ContentForm,
    /// Of metadata.
    pub metadata: ContentForm,
    /// Of before and after values of a change.
    pub change_values: ContentForm,
    /// Of the user's identifier.
    pub user: IdentityForm,
    /// What a span shows of these.
    pub span: SpanForms,
}

/// What a span shows of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanForms {
    /// Of the system prompt.
    pub system_prompt: ContentForm,
    /// Of the messages sent.
    pub input: ContentForm,
    /// Of the messages received.
    pub output: ContentForm,
    /// Of the tool definitions.
    pub tools: ContentForm,
    /// Of an error's text.
    pub error: ContentForm,
    /// Of the user's identifier.
    pub user: IdentityForm,
}

impl Forms {
    /// What holds where no rule says otherwise.
    pub const DEFAULT: Self = Self {
        system_prompt: ContentForm::Hash,
        input: ContentForm::Hash,
        output: ContentForm::Hash,
        tools: ContentForm::Hash,
        error: ContentForm::Redact,
        metadata: ContentForm::Redact,
        change_values: ContentForm::Redact,
        user: IdentityForm::Plain,
        span: SpanForms {
            system_prompt: ContentForm::Hash,
            input: ContentForm::Hash,
            output: ContentForm::Hash,
            tools: ContentForm::Hash,
            error: ContentForm::Redact,
            user: IdentityForm::Hash,
        },
    };

    /// The word for a group in the record.
    #[must_use]
    pub fn word(&self, group: Group) -> &'static str {
        match group {
            Group::ChangeValues => self.change_values.as_str(),
            Group::Error => self.error.as_str(),
            Group::Input => self.input.as_str(),
            Group::Metadata => self.metadata.as_str(),
            Group::Output => self.output.as_str(),
            Group::SystemPrompt => self.system_prompt.as_str(),
            Group::Tools => self.tools.as_str(),
            Group::User => self.user.as_str(),
        }
    }

    /// The word for a group in the span; none for what only records of changes have.
    #[must_use]
    pub fn span_word(&self, group: Group) -> Option<&'static str> {
        Some(match group {
            Group::ChangeValues => return None,
            Group::Error => self.span.error.as_str(),
            Group::Input => self.span.input.as_str(),
            Group::Metadata => self.metadata.as_str(),
            Group::Output => self.span.output.as_str(),
            Group::SystemPrompt => self.span.system_prompt.as_str(),
            Group::Tools => self.span.tools.as_str(),
            Group::User => self.span.user.as_str(),
        })
    }

    /// The groups that leave raw.
    pub fn dangers(&self) -> impl Iterator<Item = Group> {
        let danger = ContentForm::DangerPlain.as_str();
        Group::ALL
            .into_iter()
            .filter(move |group| self.word(*group) == danger)
    }

    /// Where the form of a content or text stands; none for the user.
    pub(super) fn content_mut(&mut self, group: Group) -> Option<&mut ContentForm> {
        Some(match group {
            Group::ChangeValues => &mut self.change_values,
            Group::Error => &mut self.error,
            Group::Input => &mut self.input,
            Group::Metadata => &mut self.metadata,
            Group::Output => &mut self.output,
            Group::SystemPrompt => &mut self.system_prompt,
            Group::Tools => &mut self.tools,
            Group::User => return None,
        })
    }
}

impl SpanForms {
    /// Where the form of a content or text stands; none for the user, and for what a span shows as the record does.
    pub(super) fn content_mut(&mut self, group: Group) -> Option<&mut ContentForm> {
        Some(match group {
            Group::Error => &mut self.error,
            Group::Input => &mut self.input,
            Group::Output => &mut self.output,
            Group::SystemPrompt => &mut self.system_prompt,
            Group::Tools => &mut self.tools,
            Group::ChangeValues | Group::Metadata | Group::User => return None,
        })
    }
}
