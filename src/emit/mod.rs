//! In the application: layer, guard, spool and sender.

mod adopter;
mod auditor;
mod bell;
mod builder;
mod canary;
mod change;
pub(crate) mod environment;
pub mod failure;
mod finding;
mod flusher;
mod guard;
mod health;
pub mod http;
mod installed;
pub(crate) mod json_lines;
pub mod keyring_file;
mod late;
mod layer;
mod metrics;
pub mod otlp;
mod percent;
#[cfg_attr(
    not(feature = "telemetry"),
    expect(dead_code, reason = "the processor's side")
)]
mod pipeline;
pub(crate) mod policy_choice;
mod pulse;
mod recorder;
mod room;
pub(crate) mod sender;
mod spare;
pub(crate) mod spool;
pub mod stream;
#[cfg(feature = "telemetry")]
pub mod telemetry;
#[cfg(test)]
pub(crate) mod testing;

pub use self::auditor::Auditor;
pub use self::builder::{AuditorBuilder, BuildError};
pub use self::change::{AccessRecord, ChangeRecord};
pub use self::guard::{CallGuard, CallStart, GuardError};
pub use self::health::{Drained, Health};
pub use self::installed::NotInstalled;
pub use self::layer::{AuditError, AuditLayer, AuditSpanExt};
pub use self::recorder::Spans;
pub use self::stream::AuditStreamExt;
