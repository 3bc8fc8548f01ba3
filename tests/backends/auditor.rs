//! An auditor that sends to a collector, and what it recorded.

use std::path::Path;

use llm_audit::{Auditor, AuditorBuilder, Drained};

use crate::collector::Collector;
use crate::recorded::Recorded;
use crate::{PATIENCE, TOKEN};

/// Has an application record; all of it is delivered to the collector when this returns.
pub(crate) fn run(
    collector: &Collector,
    data_dir: &Path,
    application: impl FnOnce(&Auditor),
) -> Recorded {
    run_with(collector, data_dir, |builder| builder, application)
}

/// The same with further settings.
pub(crate) fn run_with(
    collector: &Collector,
    data_dir: &Path,
    settings: impl FnOnce(AuditorBuilder) -> AuditorBuilder,
    application: impl FnOnce(&Auditor),
) -> Recorded {
    let builder = Auditor::builder()
        .service("billing")
        .data_dir(data_dir)
        .generate_keyring()
        .endpoint(&collector.endpoint())
        .header("authorization", &format!("Bearer {TOKEN}"))
        .json_lines();
    let audit = settings(builder).build().unwrap();
    application(&audit);
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    Recorded::read(data_dir)
}
