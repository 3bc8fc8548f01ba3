//! The canary: notices when a filter is changed at run time so that calls are no longer seen.
//!
//! Now and then every audited call site that was met is shown to the subscriber of every layer, from a thread of ours:
//! would a span of it still be made, and would our layer still see it? The subscriber is asked as `tracing` asks it, with
//! `Dispatch::enabled`; no span is made. What it answers outside of any span is what counts: a filter that lets calls
//! through only inside of other spans hides them.
//!
//! Loss of sight, and its end, are told by [`Health::hidden`](crate::Health::hidden), by one line on standard error, and by
//! a record of the kind system.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tracing::dispatcher::{self, WeakDispatch};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Level, Metadata};

use crate::clock::Moment;

/// The layers of an auditor, and what is hidden from them.
#[derive(Debug, Default)]
pub(crate) struct Canary {
    sights: Mutex<Vec<Arc<Sight>>>,
    hidden: Mutex<BTreeSet<String>>,
    looked: Mutex<Option<Moment>>,
}

/// What one layer is to see: call sites, through its subscriber.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    dispatch: OnceLock<WeakDispatch>,
    callsites: Mutex<Vec<&'static Metadata<'static>>>,
    /// Whether the layer is gone, with its subscriber or out of it.
    closed: AtomicBool,
}

thread_local! {
    /// Whether this thread's layer was asked for its opinion. The subscriber passes only metadata on, so what else is to be
    /// known goes past it.
    static ASKED: Cell<bool> = const { Cell::new(false) };
}

impl Sight {
    /// The layer stands in this subscriber.
    pub(crate) fn stands_in(&self, dispatch: &Dispatch) {
        // Set once: a layer belongs to one subscriber.
        let _ = self.dispatch.set(dispatch.downgrade());
    }

    /// A span is being made through the layer's subscriber. Wrappers such as `Option` do not tell a layer where it stands;
    /// where the subscriber is the global one, this does.
    pub(crate) fn in_use(&self) {
        if self.dispatch.get().is_none() {
            dispatcher::get_default(|dispatch| {
                if !dispatch.is::<NoSubscriber>() {
                    self.stands_in(dispatch);
                }
            });
        }
    }

    /// The subscriber, while it lives.
    pub(crate) fn dispatch(&self) -> Option<Dispatch> {
        self.dispatch.get().and_then(WeakDispatch::upgrade)
    }

    /// The layer is to see spans of this call site.
    pub(crate) fn watch(&self, callsite: &'static Metadata<'static>) {
        let mut callsites = lock(&self.callsites);
        let known = callsites
            .iter()
            .any(|known| known.callsite() == callsite.callsite());
        if !known {
            callsites.push(callsite);
        }
    }

    /// The layer is being asked whether it wants a span, so no filter hides it from the layer.
    pub(crate) fn asked() {
        ASKED.set(true);
    }

    /// The layer is gone.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// The call sites that are hidden from the layer; none where its subscriber is gone.
    fn hidden(&self) -> Vec<String> {
        let Some(dispatch) = self.dispatch() else {
            return Vec::new();
        };
        // Copied, so that a filter that blocks holds up no call site that is met.
        let callsites = lock(&self.callsites).clone();
        if callsites.is_empty() && LevelFilter::current() < Level::INFO {
            return vec![format!(
                "all spans of level INFO: the level is {}",
                LevelFilter::current()
            )];
        }
        let hidden = callsites
            .into_iter()
            .filter(|metadata| !shows(&dispatch, metadata));
        hidden
            .map(|metadata| format!("{} ({})", metadata.name(), metadata.target()))
            .collect()
    }

    /// Whether the layer is gone, and its subscriber is not: it was taken out.
    fn is_taken_out(&self) -> bool {
        self.is_closed() && self.dispatch().is_some()
    }

    /// Whether there is nothing to be seen through it any more.
    fn is_over(&self) -> bool {
        self.dispatch().is_none() && (self.is_closed() || self.dispatch.get().is_some())
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// Whether a span of this call site would be made, and seen by the layer.
fn shows(dispatch: &Dispatch, metadata: &'static Metadata<'static>) -> bool {
    if *metadata.level() > LevelFilter::current() {
        return false;
    }
    ASKED.set(false);
    // Filters are the application's: a panic of theirs is not to end a thread of ours.
    let enabled = catch_unwind(AssertUnwindSafe(|| dispatch.enabled(metadata)));
    enabled.unwrap_or(false) && ASKED.get()
}

impl Canary {
    /// A layer begins to see.
    pub(crate) fn release(&self) -> Arc<Sight> {
        let sight = Arc::new(Sight::default());
        lock(&self.sights).push(Arc::clone(&sight));
        sight
    }

    /// What is hidden, as of the last look.
    pub(crate) fn hidden(&self) -> Vec<String> {
        lock(&self.hidden).iter().cloned().collect()
    }

    /// Whether it is time to look again; if so, it counts as looked.
    pub(crate) fn is_due(&self, now: Moment, every: Duration) -> bool {
        let mut looked = lock(&self.looked);
        let due = looked.is_none_or(|last| u128::from(now.nanos_since(last)) >= every.as_nanos());
        if due {
            *looked = Some(now);
        }
        due
    }

    /// Looks, and where sight was lost or is back, says so on standard error and returns what the trail is to know.
    pub(crate) fn look(&self) -> Option<serde_json::Value> {
        let sights = {
            let mut sights = lock(&self.sights);
            sights.retain(|sight| !sight.is_over());
            sights.clone()
        };
        let hidden = hidden_from(&sights);
        let before = std::mem::replace(&mut *lock(&self.hidden), hidden.clone());
        if hidden == before {
            return None;
        }
        let (sight, line) = if hidden.is_empty() {
            ("back", "calls are seen again".to_owned())
        } else {
            let names: Vec<&str> = hidden.iter().map(String::as_str).collect();
            let names = names.join(", ");
            (
                "lost",
                format!(
                    "calls are made without a record: a filter hides from the audit layer {names}; give the filter to the other layers with .with_filter(..), or let these targets through"
                ),
            )
        };
        // Nobody is left to be told when this fails.
        let _ = writeln!(std::io::stderr().lock(), "llm-audit: {line}");
        Some(serde_json::json!({ "sight": sight, "hidden": hidden }))
    }
}

/// What is hidden from layers that are in use. One that was taken out is missed where no other has come in its place.
fn hidden_from(sights: &[Arc<Sight>]) -> BTreeSet<String> {
    let (closed, open): (Vec<_>, Vec<_>) = sights.iter().partition(|sight| sight.is_closed());
    let replaced = open.iter().any(|sight| sight.dispatch().is_some());
    if !replaced && closed.iter().any(|sight| sight.is_taken_out()) {
        return BTreeSet::from([TAKEN_OUT.to_owned()]);
    }
    open.iter().flat_map(|sight| sight.hidden()).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const TAKEN_OUT: &str = "everything: the layer was taken out of its subscriber";
