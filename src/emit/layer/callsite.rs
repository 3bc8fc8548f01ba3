//! Call sites, classified once: whether a span is a call of a model, and what each of its fields means.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tracing::Metadata;
use tracing::callsite::Identifier;
use tracing::field::Field;

use crate::semconv::dialect::{self, Meaning};

/// What is known of a call site.
#[derive(Debug)]
pub(super) struct Callsite {
    meanings: Vec<Option<Meaning>>,
    begins: Begins,
    source: Option<(&'static str, u32)>,
    /// Whether a field of it has carried content. Declaring one is no leak: libraries do, and leave it empty.
    carried_content: AtomicBool,
}

/// When a call of this call site begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begins {
    /// When its span is entered first, or at its close if it never is.
    AtFirstEnter,
    /// When its span is entered first or gets a field behind its creation, whichever comes first: instrumentations
    /// that never enter their spans would otherwise leave nothing behind when the process is killed.
    AtFirstRecord,
}

impl Callsite {
    /// The call site's classification; `None` where its spans are no calls.
    fn classify(metadata: &'static Metadata<'static>) -> Option<Self> {
        if !metadata.is_span() {
            return None;
        }
        let meanings: Vec<_> = metadata
            .fields()
            .iter()
            .map(|field| dialect::meaning(field.name()))
            .collect();
        let is_call = meanings.contains(&Some(Meaning::Operation));
        let never_enters = NEVER_ENTERED
            .iter()
            .any(|target| metadata.target().starts_with(target));
        let begins = if never_enters {
            Begins::AtFirstRecord
        } else {
            Begins::AtFirstEnter
        };
        is_call.then_some(Self {
            meanings,
            begins,
            source: metadata.file().zip(metadata.line()),
            carried_content: AtomicBool::new(false),
        })
    }

    pub(super) fn meaning(&self, field: &Field) -> Option<Meaning> {
        self.meanings.get(field.index()).copied().flatten()
    }

    pub(super) fn begins(&self) -> Begins {
        self.begins
    }

    /// File and line, where they are known.
    pub(super) fn source(&self) -> Option<(&'static str, u32)> {
        self.source
    }

    /// A field of the call site carried content, where every other layer sees it.
    pub(super) fn carry_content(&self) {
        self.carried_content.store(true, Ordering::Relaxed);
    }
}

/// All call sites that were met.
#[derive(Debug, Default)]
pub(super) struct Callsites(RwLock<HashMap<Identifier, Option<Arc<Callsite>>>>);

impl Callsites {
    /// The classification of a span's call site, made when it is met first.
    pub(super) fn of(&self, metadata: &'static Metadata<'static>) -> Option<Arc<Callsite>> {
        let known = self
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&metadata.callsite())
            .cloned();
        known.unwrap_or_else(|| self.meet(metadata))
    }

    /// Classifies a call site.
    pub(super) fn meet(&self, metadata: &'static Metadata<'static>) -> Option<Arc<Callsite>> {
        let classified = Callsite::classify(metadata).map(Arc::new);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known
            .entry(metadata.callsite())
            .or_insert(classified)
            .clone()
    }

    /// How many audited call sites have carried content in their fields.
    pub(super) fn with_content(&self) -> usize {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known
            .values()
            .flatten()
            .filter(|callsite| callsite.carried_content.load(Ordering::Relaxed))
            .count()
    }
}

/// Targets of instrumentations that create spans and never enter them.
const NEVER_ENTERED: &[&str] = &["genai::"];
