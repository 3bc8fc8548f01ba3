//! The hook for HTTP clients: calls of models audited without a line of code beside each call.
//!
//! [`AuditHttp`] is a [tower layer](https://docs.rs/tower-layer). Around the client it sees every request and answer,
//! knows by host and path which of them are calls of models, and makes a record of each: who, which model, parameters,
//! hashes of what was sent and received, tokens, cost, outcome. Everything else passes through untouched.
//!
//! ```
//! use llm_audit::http::{AuditHttp, Caller};
//! use tower_layer::Layer as _;
//! # let directory = tempfile::tempdir()?;
//! # let audit = llm_audit::Auditor::builder().data_dir(directory.path()).generate_keyring().without_sender().json_lines().build()?;
//! # struct Client;
//! # let client = Client;
//! let hook = AuditHttp::new(&audit)
//!     .base_url("http://gateway.internal:8080/openai", "openai")?
//!     .caller(Caller::default().tenant("acme"));
//! let client = hook.layer(client);
//! # drop(client);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is a call
#![doc = include_str!("calls.md")]
//!
//! # What it does to requests and answers
//!
//! Nothing. Frames of bodies pass at once, none is held back; a request's body is looked at before it is sent as far as it is
//! there already, which in most clients is all of it. What the record needs of an answer is kept until its end: the text
//! of a stream, or the whole body, of at most 32 MiB; a longer or a compressed one is `answer_not_understood`, so the hook
//! belongs above whatever decompresses. All of it is wiped when the call ends, which is when the body ends, fails, or is
//! dropped.
//!
//! # One call, one record
//!
//! * A request inside of a span that is audited — by hand, by `#[instrument]`, by rig — and is one inference of the same kind
//!   *is* that span's call: the hook feeds it. What the application says of it stays; what it leaves out, the hook adds.
//! * A second request inside of the same span, while the first goes on or when it has been answered, is a call of its own, a
//!   child of the span. One that follows a failed request takes its place: a call that was tried again is one call.
//! * Inside of spans of agents, tools and workflows a request is a call of its own, a child of theirs.
//! * Below a layer that tries again without a span around it, every attempt is a call; above it, all attempts are one.
//!
//! # When a record cannot be written
//!
//! As for the [guard](crate::CallGuard): with [`OnFailure::FailClosed`], the default, the service fails with a
//! [`GuardError`] and nothing is sent. An end that cannot be written is counted and told by a gap record; the answer is
//! given all the same. [`Durability::Strict`] waits for an fsync on the thread that polls.

use std::fmt;
use std::sync::Arc;

use http::{Method, Uri, request};

use super::Auditor;
use super::failure::{Durability, OnFailure};
use super::guard::GuardError;
use super::recorder::Recorder;

mod answer;
#[cfg(feature = "async-openai")]
mod async_openai;
mod body;
mod caller;
mod credential;
mod endpoint;
mod exchange;
mod interfaces;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "reqwest-middleware")]
mod reqwest_middleware;
mod service;
#[cfg(test)]
mod tests;

pub use self::body::{AuditedBody, SentBody};
pub use self::caller::Caller;
pub use self::endpoint::BaseUrlError;
use self::endpoint::{Base, Endpoint};
pub use self::exchange::Exchange;
pub use self::service::{AuditHttpService, AuditedFuture};

/// Audits what an HTTP client asks of models. Cheap to clone.
///
/// As a [`Layer`](tower_layer::Layer) it wraps a service; [`begin`](Self::begin) is for clients that are none.
#[derive(Clone)]
pub struct AuditHttp {
    recorder: Arc<Recorder>,
    bases: Arc<Vec<Base>>,
    caller: Option<Caller>,
    on_failure: Option<OnFailure>,
    durability: Option<Durability>,
}

impl AuditHttp {
    /// A hook that makes records of this auditor.
    #[must_use]
    pub fn new(audit: &Auditor) -> Self {
        Self::of(Arc::clone(audit.recorder()))
    }

    fn of(recorder: Arc<Recorder>) -> Self {
        Self {
            recorder,
            bases: Arc::default(),
            caller: None,
            on_failure: None,
            durability: None,
        }
    }

    /// What is below this address is the provider's (`gen_ai.provider.name`): of a gateway, a private endpoint, a server
    /// of one's own. A provider that the table knows has its own interfaces there, any other one OpenAI's.
    ///
    /// # Errors
    /// [`BaseUrlError::NotAbsolute`].
    pub fn base_url(mut self, url: &str, provider: &str) -> Result<Self, BaseUrlError> {
        let base = Base::new(url, provider)?;
        Arc::make_mut(&mut self.bases).push(base);
        Ok(self)
    }

    /// On whose behalf calls are made of which the request says nothing.
    #[must_use]
    pub fn caller(mut self, caller: Caller) -> Self {
        self.caller = Some(caller);
        self
    }

    /// What becomes of a call when its record cannot be written;
    /// [`guard_on_failure`](crate::AuditorBuilder::guard_on_failure) unless said.
    #[must_use]
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = Some(on_failure);
        self
    }

    /// When a record counts as written; [`guard_durability`](crate::AuditorBuilder::guard_durability) unless said.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// Begins the call that a request is; `None` where it is none. `body` is the request's, where it is known as a whole.
    ///
    /// For clients that are no tower service: send the request, then give its answer to [`Exchange::answer`] or what
    /// went wrong to [`Exchange::fail`].
    ///
    /// # Errors
    /// [`GuardError`] where its start cannot be recorded: do not send it then.
    pub fn begin(
        &self,
        head: &request::Parts,
        body: Option<&[u8]>,
    ) -> Result<Option<Exchange>, GuardError> {
        let endpoint = self.endpoint(&head.method, &head.uri);
        endpoint
            .map(|endpoint| Exchange::begin(self, endpoint, head, body))
            .transpose()
    }

    fn endpoint(&self, method: &Method, uri: &Uri) -> Option<Endpoint> {
        Endpoint::of(method, uri, &self.bases)
    }
}

impl fmt::Debug for AuditHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditHttp")
            .field("bases", &self.bases)
            .finish_non_exhaustive()
    }
}

/// How much of a body is kept to be read, in bytes.
const MAX_BODY_BYTES: usize = 32 << 20;
