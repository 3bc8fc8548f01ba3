//! Whether calls would be recorded: looks at the subscriber of this thread.

use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::subscriber::NoSubscriber;
use tracing::{Level, dispatcher};

use super::layer::{AuditLayer, CANARY};

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
    /// No subscriber at all is installed on this thread.
    #[error(
        "no tracing subscriber is installed on this thread, so no span is seen by anybody: call init() on a registry with audit.layer(), or make your calls on the thread that has the subscriber"
    )]
    NoSubscriber,
    /// A filter that stands around the audit layer alone hides spans of level INFO from it.
    #[error(
        "the filter that was given to the audit layer itself, with .with_filter(..), hides spans of level INFO and target llm_audit from it: take that filter away"
    )]
    OwnFilter,
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
    compiled_in(STATIC_MAX_LEVEL)?;
    let (subscribed, layered) = dispatcher::get_default(|dispatch| {
        let subscribed = !dispatch.is::<NoSubscriber>();
        (subscribed, dispatch.is::<AuditLayer>())
    });
    if !subscribed {
        return Err(NotInstalled::NoSubscriber);
    }
    if !layered {
        return Err(NotInstalled::NoLayer);
    }
    let canary = tracing::info_span!(target: "llm_audit", CANARY, gen_ai.operation.name = "canary");
    let met = canary.with_subscriber(|(id, dispatch)| {
        let layer = dispatch.downcast_ref::<AuditLayer>()?;
        let met = layer.is_auditing(id) || !layer.is_enabled();
        layer.forget(id);
        met.then(|| layer.callsites_with_content())
    });
    match met {
        None => Err(NotInstalled::Filtered {
            level: LevelFilter::current(),
        }),
        Some(None) => Err(NotInstalled::OwnFilter),
        Some(Some(0)) => Ok(()),
        Some(Some(callsites)) => Err(NotInstalled::ContentInFields { callsites }),
    }
}

/// Whether a program whose most verbose level is this has the spans of calls in it.
fn compiled_in(level: LevelFilter) -> Result<(), NotInstalled> {
    if level < Level::INFO {
        return Err(NotInstalled::CompiledOut { level });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What tracing's features `max_level_*` and `release_max_level_*` come to is one constant.
    #[test]
    fn a_program_without_spans_of_level_info_is_told_so() {
        for level in [LevelFilter::OFF, LevelFilter::ERROR, LevelFilter::WARN] {
            let told = compiled_in(level).unwrap_err();
            assert_eq!(told, NotInstalled::CompiledOut { level });
            let feature = format!("(release_)max_level_{level}");
            assert!(told.to_string().contains(&feature), "{told}");
        }
        for level in [LevelFilter::INFO, LevelFilter::DEBUG, LevelFilter::TRACE] {
            assert_eq!(compiled_in(level), Ok(()));
        }
    }
}
