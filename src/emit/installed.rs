//! Whether calls would be recorded: looks at the subscriber of this thread.

use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::{Level, dispatcher};

use super::layer::AuditLayer;

/// What would swallow calls.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotInstalled {
    /// No audit layer is in the subscriber of this thread, or one that hides its layers (such as a reloadable one)
    /// stands around it.
    #[error(
        "no audit layer is installed on this thread: add .with(audit.layer()) to the registry before init(), outside of any reload layer"
    )]
    NoLayer,
    /// The program was compiled without spans of level INFO.
    #[error(
        "this program was compiled with a maximum level of {level}: spans of level INFO do not exist in it; take out tracing's feature (release_)max_level_{level}"
    )]
    CompiledOut {
        /// The level.
        level: LevelFilter,
    },
    /// A filter of the subscriber hides spans of level INFO.
    #[error(
        "a filter hides spans of level INFO and target llm_audit from the audit layer (the subscriber's maximum level is {level}): give the filter to the other layers with .with_filter(..), or allow llm_audit=info and the targets of your calls"
    )]
    Filtered {
        /// The most verbose level that the subscriber takes.
        level: LevelFilter,
    },
    /// Call sites have carried content in the fields of their spans, where every other layer sees it.
    #[error(
        "{callsites} audited call sites have put content into fields such as gen_ai.input.messages, which every other layer sees: switch content capture off in the library that makes them, or use AuditSpanExt"
    )]
    ContentInFields {
        /// How many.
        callsites: usize,
    },
}

/// Sends a canary span through the subscriber of this thread and looks whether the layer meets it.
pub(super) fn verify() -> Result<(), NotInstalled> {
    if STATIC_MAX_LEVEL < Level::INFO {
        return Err(NotInstalled::CompiledOut {
            level: STATIC_MAX_LEVEL,
        });
    }
    if !dispatcher::get_default(|dispatch| dispatch.is::<AuditLayer>()) {
        return Err(NotInstalled::NoLayer);
    }
    let canary = tracing::info_span!(target: "llm_audit", "llm_audit.canary", gen_ai.operation.name = "canary");
    let met = canary.with_subscriber(|(id, dispatch)| {
        let layer = dispatch.downcast_ref::<AuditLayer>()?;
        let met = layer.is_auditing(id) || !layer.is_enabled();
        layer.forget(id);
        met.then(|| layer.callsites_with_content())
    });
    match met.flatten() {
        None => Err(NotInstalled::Filtered {
            level: LevelFilter::current(),
        }),
        Some(0) => Ok(()),
        Some(callsites) => Err(NotInstalled::ContentInFields { callsites }),
    }
}
