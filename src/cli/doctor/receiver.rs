//! Whether the receiver takes what is sent.

use std::time::Duration;

use crate::emit::failure::{Finding, Verdict};
use crate::emit::sender::probe::{self, Step};
use crate::emit::sender::{SenderConfig, probe::probe};

/// Goes the way of the records, with requests that hold none.
pub(super) fn examine(config: &SenderConfig, deadline: Duration) -> Vec<Finding> {
    let mut findings = Vec::new();
    for signal in probe(config, deadline).signals {
        let name = signal.signal.as_str();
        for check in signal.checks {
            let title = format!("{name}: {}", check.step);
            let to = match check.step {
                Step::Name | Step::Answer => format!("{}: ", signal.endpoint),
                _ => String::new(),
            };
            findings.push(match check.finding {
                probe::Finding::Passed(what) => Finding::ok(&title, to + &what),
                probe::Finding::Problem { what, remedy } => {
                    Finding::of(Verdict::Problem, &title, to + &what, remedy)
                }
            });
        }
    }
    findings
}
