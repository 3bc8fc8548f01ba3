//! What the span of a call shows of its record.

use crate::policy::{ContentForm, IdentityForm, SpanForms};
use crate::semconv::{SpanPart, SpanShows};

/// What these forms show.
pub(super) fn shown(forms: &SpanForms) -> SpanShows {
    let opened = [
        (forms.system_prompt, SpanPart::SystemPrompt),
        (forms.input, SpanPart::Input),
        (forms.output, SpanPart::Output),
        (forms.tools, SpanPart::Tools),
    ];
    let opened = opened
        .into_iter()
        .filter(|(form, _)| *form >= ContentForm::Redact);
    let shows = opened.fold(SpanShows::DEFAULT, |shows, (_, part)| shows.showing(part));
    let shows = match forms.user {
        IdentityForm::Omit => shows.hiding(SpanPart::UserHash),
        IdentityForm::Hash => shows,
        IdentityForm::Plain => shows.showing(SpanPart::UserId),
    };
    match forms.error {
        ContentForm::Omit => shows.hiding(SpanPart::ErrorText),
        ContentForm::Hash | ContentForm::Redact | ContentForm::DangerPlain => shows,
    }
}

/// What is shown of a call of which only the start is recorded, where no user leaves plainer than this.
pub(super) fn at_start(user: IdentityForm) -> SpanShows {
    match user {
        IdentityForm::Omit => SpanShows::DEFAULT.hiding(SpanPart::UserHash),
        IdentityForm::Hash | IdentityForm::Plain => SpanShows::DEFAULT,
    }
}
