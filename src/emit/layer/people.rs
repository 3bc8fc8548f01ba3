//! On whose behalf things are done: what spans around calls say of user, tenant, session, conversation and address.
//!
//! A call takes from the spans around it what it does not say itself, the nearest first: from calls (an agent's, say) and
//! from spans that are none but have such a field, as the handler of a request does.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use super::calls::NumberHasher;
use super::fields::FieldValue;
use crate::record::{Actor, Label};
use crate::semconv::dialect::Meaning;

/// What open spans that are no calls say, by the number of the span.
#[derive(Debug, Default)]
pub(super) struct People {
    known: RwLock<HashMap<u64, Actor, BuildHasherDefault<NumberHasher>>>,
    open: AtomicUsize,
}

impl People {
    pub(super) fn insert(&self, span: u64, actor: Actor) {
        self.open.fetch_add(1, Ordering::Relaxed);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(span, actor);
    }

    pub(super) fn remove(&self, span: u64) {
        if self.is_empty() {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.remove(&span).is_some() {
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Takes what was recorded on an open span.
    pub(super) fn update(&self, span: u64, work: impl FnOnce(&mut Actor)) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(actor) = known.get_mut(&span) {
            work(actor);
        }
    }

    /// Gives to `actor` what the span says and it does not.
    pub(super) fn tell(&self, span: u64, actor: &mut Actor) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(said) = known.get(&span) {
            complete(actor, said);
        }
    }

    /// Whether no such span is open: what most applications find.
    pub(super) fn is_empty(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }
}

/// Gives to `actor` what another one says and it does not. Hashes are made at the gate, and a credential belongs to the
/// call that uses it.
pub(crate) fn complete(actor: &mut Actor, said: &Actor) {
    let fill = |mine: &mut Option<Label>, theirs: &Option<Label>| {
        if mine.is_none() {
            mine.clone_from(theirs);
        }
    };
    // A user is one within a tenant: that of another tenant is somebody else.
    let strangers =
        matches!((&actor.tenant, &said.tenant), (Some(mine), Some(theirs)) if mine != theirs);
    if actor.user_id.is_none() && !strangers {
        actor.user_id.clone_from(&said.user_id);
    }
    fill(&mut actor.tenant, &said.tenant);
    fill(&mut actor.session, &said.session);
    fill(&mut actor.conversation, &said.conversation);
    fill(&mut actor.client_address, &said.client_address);
}

/// Puts what a field says on an actor.
pub(super) fn take_actor_field(actor: &mut Actor, meaning: Meaning, value: FieldValue) {
    let said = match value {
        FieldValue::Text(text) => text,
        FieldValue::Int(number) => Label::clip(&number.to_string()),
        _ => return,
    };
    let field = match meaning {
        Meaning::ClientAddress => &mut actor.client_address,
        Meaning::Conversation => &mut actor.conversation,
        Meaning::Session => &mut actor.session,
        Meaning::Tenant => &mut actor.tenant,
        Meaning::User => &mut actor.user_id,
        _ => return,
    };
    *field = Some(said);
}
