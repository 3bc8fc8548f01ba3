//! Call sites, classified once: whether a span is a call of a model, and what each of its fields means.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tracing::Metadata;
use tracing::callsite::Identifier;
use tracing::field::Field;

use super::calls::NumberHasher;
use crate::semconv::dialect::{self, Instrumentation, Meaning};

/// What is known of a call site.
#[derive(Debug)]
pub(super) struct Callsite {
    kind: Kind,
    meanings: Vec<Option<Meaning>>,
    begins: Begins,
    source: Option<(&'static str, u32)>,
    /// Whether a field of it has carried content. Declaring one is no leak: libraries do, and leave it empty.
    carried_content: AtomicBool,
}

/// What the spans of a call site are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Calls that say themselves of which kind they are.
    Call,
    /// Calls of an instrumentation that is known by its target and its span's name.
    Known(&'static Instrumentation),
    /// No calls, but they say on whose behalf the calls inside of them are made.
    Around,
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
    /// The call site's classification; `None` where its spans say nothing of calls.
    fn classify(metadata: &'static Metadata<'static>) -> Option<Self> {
        if !metadata.is_span() {
            return None;
        }
        let known = dialect::instrumentation(metadata.target(), metadata.name());
        let means = |name| {
            let own = known.and_then(|known| known.meaning(name));
            own.or_else(|| dialect::meaning(name))
        };
        let fields = metadata.fields().iter();
        let meanings: Vec<_> = fields.map(|field| means(field.name())).collect();
        let kind = if meanings.contains(&Some(Meaning::Operation)) {
            Kind::Call
        } else if let Some(known) = known {
            Kind::Known(known)
        } else if meanings
            .iter()
            .flatten()
            .any(|meaning| meaning.is_of_actor())
        {
            Kind::Around
        } else {
            return None;
        };
        let never_enters = NEVER_ENTERED
            .iter()
            .any(|target| metadata.target().starts_with(target));
        let begins = if never_enters {
            Begins::AtFirstRecord
        } else {
            Begins::AtFirstEnter
        };
        Some(Self {
            kind,
            meanings,
            begins,
            source: metadata.file().zip(metadata.line()),
            carried_content: AtomicBool::new(false),
        })
    }

    pub(super) fn meaning(&self, field: &Field) -> Option<Meaning> {
        self.meanings.get(field.index()).copied().flatten()
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
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
pub(super) struct Callsites(RwLock<Known>);

type Known = HashMap<Identifier, Option<Arc<Callsite>>, BuildHasherDefault<NumberHasher>>;

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
