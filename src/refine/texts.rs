//! Texts of a call that are not content and may repeat it: errors, reasons.

use std::borrow::Cow;

use super::{hash_of, withheld};
use crate::policy::{ContentForm, Forms, IdentityForm};
use crate::record::keyring::ContentHasher;
use crate::record::{CapturedCall, Ending, HashField, Label, Message, Outcome, RawText, Status};
use crate::sanitize;

/// The texts of a call that are not content, on their way out.
pub(super) struct Texts<'a> {
    pub(super) call: &'a CapturedCall,
    pub(super) forms: &'a Forms,
    pub(super) hasher: &'a ContentHasher,
}

impl<'a> Texts<'a> {
    /// How the call ended.
    pub(super) fn outcome(&self) -> Outcome {
        match &self.call.ending {
            Ending::Answered => Outcome {
                status: Status::Success,
                reason: None,
                error_type: None,
                error_message: None,
            },
            Ending::Blocked(reason) => Outcome {
                reason: Some(self.plain(reason)),
                ..Outcome::because(Status::Blocked, "")
            },
            Ending::Cancelled(reason) => Outcome {
                reason: Some(self.plain(reason)),
                ..Outcome::because(Status::Cancelled, "")
            },
            Ending::Failed(failure) => Outcome {
                status: Status::Error,
                reason: None,
                error_type: Some(self.plain(&failure.error_type)),
                error_message: failure.message.as_ref().and_then(|text| self.message(text)),
            },
            Ending::Unreadable => Outcome::because(Status::Unknown, "answer_not_understood"),
            Ending::Unseen => Outcome::because(Status::Unknown, "neither_answer_nor_error"),
        }
    }

    /// The text of an error in the form in which it leaves.
    fn message(&self, text: &RawText) -> Option<Message> {
        Some(match self.forms.error {
            ContentForm::Omit => return None,
            ContentForm::Hash => {
                Message::clip(&hash_of(self.hasher, HashField::Error, text.as_bytes()).to_string())
            }
            ContentForm::Redact => Message::clip(&self.masked(text)),
            ContentForm::DangerPlain => Message::clip(&text.to_text()),
        })
    }

    /// Why the model stopped, masked.
    pub(super) fn reasons(&self) -> Cow<'a, [Label]> {
        let reasons = &self.call.response.finish_reasons;
        if reasons.iter().all(is_harmless) {
            return Cow::Borrowed(reasons);
        }
        reasons.iter().map(|reason| self.plain(reason)).collect()
    }

    /// A word of low cardinality that an application or a provider chose. Words of small letters are as they are; anything
    /// else is masked as an error's text is, since it may repeat content or hold a secret.
    fn plain(&self, word: &Label) -> Label {
        if is_harmless(word) {
            return word.clone();
        }
        Label::clip(&self.masked(&RawText::from(word.as_str())))
    }

    /// A text with secrets, and what it repeats of content, masked, and of a user who does not leave plain.
    fn masked(&self, text: &RawText) -> String {
        let call = self.call;
        let contents = [
            &call.system_prompt,
            &call.input,
            &call.response.output,
            &call.tools,
        ];
        let captured: Vec<&[u8]> = contents
            .into_iter()
            .flatten()
            .map(|content| content.raw().as_bytes())
            .chain(call.credential.as_ref().map(RawText::as_bytes))
            .collect();
        let text = text.to_text();
        let user = call.actor.user_id.as_ref();
        let withheld = user.filter(|_| self.forms.user < IdentityForm::Plain);
        let text = match withheld {
            Some(user) => Cow::Owned(withheld::without_user(&text, user.as_str())),
            None => Cow::Borrowed(text.as_str()),
        };
        sanitize::mask_repeated_content(&text, &captured)
    }
}

/// Whether a word is short and of small letters only.
pub(super) fn is_harmless(word: &Label) -> bool {
    let harmless = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.');
    word.as_str().len() <= 40 && word.as_str().bytes().all(harmless)
}
