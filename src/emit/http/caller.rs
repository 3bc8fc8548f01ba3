//! Who makes a call, where nothing around it says so.

use crate::record::{Actor, Label};

/// On whose behalf a request is made: put it into the [extensions](http::Extensions) of the request, or give it to the
/// [hook](super::AuditHttp::caller) of a client that is one caller's.
///
/// What it leaves out is taken from the spans around the request: fields `user.id`, `llm_audit.tenant`, `session.id`,
/// `gen_ai.conversation.id` and `client.address` of any span, the nearest first.
///
/// ```
/// use llm_audit::http::Caller;
/// let caller = Caller::default().user("anna").tenant("acme");
/// let request = http::Request::post("https://api.openai.com/v1/chat/completions").extension(caller);
/// # drop(request);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    actor: Actor,
}

impl Caller {
    /// The user on whose behalf the call is made.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        self.actor.user_id = Some(Label::clip(user));
        self
    }

    /// The tenant, which has hash keys of its own.
    #[must_use]
    pub fn tenant(mut self, tenant: &str) -> Self {
        self.actor.tenant = Some(Label::clip(tenant));
        self
    }

    /// The session of the client application.
    #[must_use]
    pub fn session(mut self, session: &str) -> Self {
        self.actor.session = Some(Label::clip(session));
        self
    }

    /// The conversation (chat thread).
    #[must_use]
    pub fn conversation(mut self, conversation: &str) -> Self {
        self.actor.conversation = Some(Label::clip(conversation));
        self
    }

    /// The address that the request came from.
    #[must_use]
    pub fn client_address(mut self, address: &str) -> Self {
        self.actor.client_address = Some(Label::clip(address));
        self
    }

    pub(super) fn actor(&self) -> &Actor {
        &self.actor
    }
}
