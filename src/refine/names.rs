//! Names that a provider gave a call or that it was asked by: identifier, model, price class. They stand plain on the
//! record, but for what has the shape of a secret: a key in the place of a model is masked as it is in any text.
//!
//! Names are no content, so they are not compared with it; nothing else that a provider says as it likes is plain.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use super::texts::is_harmless;
use crate::record::{Label, Request, ResponseFacts};
use crate::sanitize;

/// Names of models that have been looked at and stand plain. An application has few, and uses them again and again.
#[derive(Debug, Default)]
pub(super) struct PlainModels(RwLock<HashSet<Label>>);

impl PlainModels {
    /// The model of a call that begins; none where it is to be masked, which the record does.
    pub(super) fn at_start<'a>(&self, request: &'a Request) -> Option<&'a Label> {
        let model = request.model.as_ref()?;
        matches!(self.masked(model), Cow::Borrowed(_)).then_some(model)
    }

    fn masked<'a>(&self, model: &'a Label) -> Cow<'a, Label> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.contains(model) {
            return Cow::Borrowed(model);
        }
        drop(known);
        let masked = masked(model);
        if let Cow::Borrowed(plain) = masked {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MOST_KEPT {
                known.clear();
            }
            known.insert(plain.clone());
        }
        masked
    }
}

/// The names of a call on their way out.
pub(super) struct Names<'a> {
    pub(super) request: Cow<'a, Request>,
    pub(super) id: Option<Cow<'a, Label>>,
    pub(super) model: Option<Cow<'a, Label>>,
    pub(super) service_tier: Option<Cow<'a, Label>>,
}

impl<'a> Names<'a> {
    pub(super) fn of(
        models: &PlainModels,
        request: &'a Request,
        response: &'a ResponseFacts,
    ) -> Self {
        let masked_model = |model: &'a Label| models.masked(model);
        let request = match request.model.as_ref().map(masked_model) {
            Some(Cow::Owned(model)) => Cow::Owned(Request {
                model: Some(model),
                ..request.clone()
            }),
            Some(Cow::Borrowed(_)) | None => Cow::Borrowed(request),
        };
        Self {
            request,
            id: response.id.as_ref().map(masked),
            model: response.model.as_ref().map(masked_model),
            service_tier: response.service_tier.as_ref().map(masked),
        }
    }
}

fn masked(name: &Label) -> Cow<'_, Label> {
    if is_harmless(name) {
        return Cow::Borrowed(name);
    }
    match sanitize::mask_secrets_in_text(name.as_str()) {
        Cow::Borrowed(_) => Cow::Borrowed(name),
        Cow::Owned(masked) => Cow::Owned(Label::clip(&masked)),
    }
}

const MOST_KEPT: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_as_they_are_and_keys_in_their_place_are_masked() {
        for name in [
            "gpt-4o-2024-08-06",
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-3-haiku",
            "ft:gpt-4o-mini-2024-07-18:acme:support:9ab3Zq1x",
            "accounts/fireworks/models/llama-v3p1-8b-instruct",
            "chatcmpl-B9zX4aWQe8H0sPq1LmNoVtUy2kRcD",
            "msg_01XFDUDYJgAACzvnptvVoYEL",
            "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
            "kLoHaZ2fKJuA7M8P1a2b3c4d",
            "902fee3b-f7f0-9a8c-96a1-6b4ea25af114",
        ] {
            let label = Label::clip(name);
            assert!(matches!(masked(&label), Cow::Borrowed(_)), "{name}");
        }
        let key = Label::clip("sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJ");
        let shown = masked(&key);
        assert!(shown.as_str().starts_with("<masked"), "{shown}");
    }
}
