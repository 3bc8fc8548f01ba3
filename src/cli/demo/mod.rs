//! `llm-audit demo`: everything on this machine, no other service.
//!
//! An `application` calls a [provider emulator](emulator) with real client crates; an auditor records the
//! calls and sends them to a `receiver`; in the end the `ledger` says whether everything has arrived.

mod application;
pub mod emulator;
mod ledger;
mod private_texts;
mod receiver;
mod report;
mod totals;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum, value_parser};
use tracing_subscriber::layer::SubscriberExt as _;

use self::application::{Administration, Application};
use self::emulator::Emulator;
use self::ledger::{Ledger, Run};
use self::private_texts::PrivateTexts;
use self::receiver::Receiver;
use self::report::Report;
use super::Exit;
use crate::clock::Clock;
use crate::{AuditError, Auditor, GuardError, keyring_file};

/// Audit calls of models on this machine, without any other service
///
/// Starts an emulator of providers and a receiver of OpenTelemetry records, makes calls with real client libraries
/// (async-openai, genai, plain HTTP), and prints what the audit trail says of them and whether everything has arrived. Ends with exit code 1 when anything is missing.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  llm-audit demo --data-dir ./demo-data --exit
  llm-audit query calls --data-dir ./demo-data --status error")]
pub(super) struct Demo {
    /// How many calls are made at first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = value_parser!(u32).range(1..=100_000))]
    calls: u32,
    /// Where keyring, spool and JSON lines are kept; without it, in a temporary directory that is removed at the end
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// End after these calls, rather than make one more every second until Ctrl-C
    #[arg(long)]
    exit: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Tables for people.
    Table,
    /// One JSON object.
    Json,
}

/// What the calls of a run came to.
struct Made {
    calls: u64,
    administration: Administration,
    said: PrivateTexts,
    faults: Vec<String>,
}

impl Demo {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        // Removed when it goes out of scope, which is behind everything that uses it.
        let temporary;
        let data_dir = match &self.data_dir {
            Some(path) => path.as_path(),
            None => {
                temporary = tempfile::tempdir().context("a temporary directory")?;
                temporary.path()
            }
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.audit(data_dir, out))
    }

    async fn audit(&self, data_dir: &Path, out: &mut impl Write) -> anyhow::Result<Exit> {
        let emulator = Emulator::start().await?;
        let receiver = Receiver::start()?;
        let instance = Clock::system().stream_id().to_string();
        let audit = Auditor::builder()
            .service("llm-audit-demo")
            .resource_attribute(receiver::INSTANCE, &instance)
            .data_dir(data_dir)
            .generate_keyring()
            .endpoint(&receiver.endpoint())
            .json_lines()
            .build()?;
        let subscriber = tracing_subscriber::registry().with(audit.layer());
        tracing::subscriber::set_global_default(subscriber)?;
        audit.verify_installed()?;
        let made = self.make_calls(&audit, &emulator).await?;
        // Delivered records leave the spool, so it is looked at before and after.
        let telling_files = made.said.show_in_files(data_dir)?;
        drain(&audit).await;
        let telling_files = telling_files + made.said.show_in_files(data_dir)?;
        let health = audit.health();
        let received = receiver.stop().await?;
        emulator.stop().await?;
        let run = Run {
            calls: made.calls,
            administration: made.administration,
            instance: &instance,
            health: &health,
            received: &received,
            keys: &keyring_file::read(&data_dir.join("keyring.json"))?,
            said: &made.said,
            telling_files,
        };
        let ledger = Ledger::of(&run);
        let report = Report {
            calls: &run.received_calls(),
            ledger: &ledger,
            kept: self.data_dir.as_deref(),
            faults: &made.faults,
        };
        match self.format {
            Form::Json => report.print_json(out)?,
            Form::Table => report.print_tables(out)?,
        }
        Ok(if ledger.is_clean() {
            Exit::Done
        } else {
            Exit::Finding
        })
    }

    /// Makes the calls, until there are enough of them or somebody presses Ctrl-C.
    async fn make_calls(&self, audit: &Auditor, emulator: &Emulator) -> anyhow::Result<Made> {
        let application = Application::new(audit, &emulator.root_url(), &emulator.base_url())?;
        let mut said = PrivateTexts::default();
        let mut faults = Vec::new();
        let administration = Administration::work(audit, &mut said)?;
        let mut interrupted = pin!(tokio::signal::ctrl_c());
        let clock = Clock::system();
        let mut told = clock.moment();
        let mut made = 0;
        while made < self.calls || !self.exit {
            if made == self.calls {
                tell(format_args!(
                    "{made} calls made; one more every second, until Ctrl-C"
                ));
            }
            let pause = if made < self.calls {
                Duration::ZERO
            } else {
                BETWEEN_CALLS
            };
            tokio::select! {
                biased;
                _ = &mut interrupted => break,
                () = tokio::time::sleep(pause) => {}
            }
            if let Err(error) = application.call(made as usize, &mut said).await {
                note(&mut faults, &error);
            }
            made += 1;
            if made < self.calls && clock.moment().nanos_since(told) > A_SECOND {
                tell(format_args!("{made} of {} calls made", self.calls));
                told = clock.moment();
            }
        }
        Ok(Made {
            calls: made.into(),
            administration,
            said,
            faults,
        })
    }
}

/// Ends the auditor when everything is acknowledged, or after half a minute.
async fn drain(audit: &Auditor) {
    let mut shutdown = pin!(audit.shutdown_async(DRAIN));
    while tokio::time::timeout(PROGRESS, &mut shutdown).await.is_err() {
        let waiting = audit.health().depth;
        tell(format_args!("{waiting} records wait for the receiver"));
    }
}

/// Notes each kind of fault once. What a client says may hold what was said to it, and is not repeated.
fn note(faults: &mut Vec<String>, error: &anyhow::Error) {
    let of_audit = error.downcast_ref::<AuditError>().map(ToString::to_string);
    let of_guard = || error.downcast_ref::<GuardError>().map(ToString::to_string);
    let fault = of_audit.or_else(of_guard);
    let fault = fault.unwrap_or_else(|| "a client of the provider failed".to_owned());
    if !faults.contains(&fault) {
        faults.push(fault);
    }
}

/// A line of progress. Nobody is left to be told when it fails.
fn tell(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

const A_SECOND: u64 = 1_000_000_000;
const BETWEEN_CALLS: Duration = Duration::from_secs(1);
const DRAIN: Duration = Duration::from_secs(30);
const PROGRESS: Duration = Duration::from_secs(1);
