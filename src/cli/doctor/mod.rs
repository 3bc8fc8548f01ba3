//! `llm-audit doctor`: can my records get out?

mod receiver;
mod spool;
mod survey;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Exit;
use super::rows::{Cell, Format, Printer};
use crate::Auditor;
use crate::clock::Clock;
use crate::emit::AuditorBuilder;
use crate::emit::environment::Environment;
use crate::emit::failure::{Finding, Verdict};
use crate::emit::keyring_file::{self, KeyringFileError};
use crate::emit::otlp::{Destination, Protocol};
use crate::record::keyring::Keyring;

/// Examine whether records can be made and get out
///
/// Reads the same environment as an application; run it as the application's user, with its environment. Looks at the
/// settings, the keyring, the data directory and its disk, what processes that are gone have left, the dead letter, and
/// sends requests without records to the receiver. It records nothing and takes over nothing.
///
/// What only the application's process knows, such as filters of its tracing subscriber, is told there by
/// Auditor::verify_installed() and Auditor::doctor(). Ends with exit code 1 when there is a warning or a problem.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  llm-audit doctor --data-dir llm-audit-data --endpoint http://localhost:4317")]
pub(super) struct Doctor {
    /// The application's data directory; LLM_AUDIT_DATA_DIR, else llm-audit-data
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where it sends; OTEL_EXPORTER_OTLP_ENDPOINT, else a collector on this machine
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// How it sends; OTEL_EXPORTER_OTLP_PROTOCOL, else grpc
    #[arg(long, value_enum)]
    protocol: Option<Speech>,
    /// Its keyring; LLM_AUDIT_KEYRING, else keyring.json in the data directory
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    /// Seconds that the receiver is waited for
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// How findings are printed
    #[arg(long, value_enum, default_value = "table")]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Speech {
    Grpc,
    #[value(name = "http/protobuf")]
    HttpProtobuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Aligned columns for people.
    Table,
    /// One JSON array.
    Json,
}

impl Doctor {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        let clock = Clock::system();
        let settings = self.settings();
        let data_dir = settings.chosen_data_dir();
        let keyring = settings.chosen_keyring(&data_dir);
        let mut findings = environment(&settings, &Environment::of_process());
        findings.extend(keys(&keyring, &clock));
        findings.extend(spool::examine(&data_dir, &clock));
        match settings.sender_config(&data_dir) {
            Ok(Some(config)) => {
                let deadline = Duration::from_secs(self.timeout);
                findings.extend(receiver::examine(&config, deadline));
            }
            Ok(None) => {}
            Err(error) => {
                let what = error.to_string();
                findings.push(Finding::of(Verdict::Problem, "receiver", what, STARTS_NOT));
            }
        }
        findings.push(application());
        self.print(&findings, out)
    }

    /// The settings as an application has them.
    fn settings(&self) -> AuditorBuilder {
        let mut settings = Auditor::builder();
        if let Some(data_dir) = &self.data_dir {
            settings = settings.data_dir(data_dir);
        }
        if let Some(keyring) = &self.keyring {
            settings = settings.keyring(keyring);
        }
        let mut destination = Destination::new();
        if let Some(endpoint) = &self.endpoint {
            destination = destination.endpoint(endpoint);
        }
        if let Some(protocol) = self.protocol {
            destination = destination.protocol(match protocol {
                Speech::Grpc => Protocol::Grpc,
                Speech::HttpProtobuf => Protocol::HttpProtobuf,
            });
        }
        settings.destination(destination)
    }

    fn print(&self, findings: &[Finding], out: &mut impl Write) -> anyhow::Result<Exit> {
        let format = match self.format {
            Form::Table => Format::Table,
            Form::Json => Format::Json,
        };
        let mut printer = Printer::new(format, out);
        for finding in findings {
            printer.row(&vec![
                ("check", Cell::Text(finding.check.clone())),
                ("verdict", Cell::Text(finding.verdict.as_str().to_owned())),
                ("what", Cell::Text(finding.what.clone())),
                ("advice", Cell::text(finding.advice.as_deref())),
            ])?;
        }
        printer.finish()?;
        let well = findings
            .iter()
            .all(|finding| finding.verdict == Verdict::Ok);
        Ok(if well { Exit::Done } else { Exit::Finding })
    }
}

/// What the environment sets.
fn environment(settings: &AuditorBuilder, environment: &Environment) -> Vec<Finding> {
    let mut findings: Vec<Finding> = environment
        .oddities()
        .into_iter()
        .map(|(name, why)| {
            let what = format!("{name} {why}");
            Finding::of(Verdict::Warning, "environment", what, "mend or unset it")
        })
        .collect();
    if let Err(error) = settings.check() {
        let what = error.to_string();
        findings.push(Finding::of(
            Verdict::Problem,
            "environment",
            what,
            STARTS_NOT,
        ));
    }
    if environment.is_on("LLM_AUDIT_DISABLED") {
        let what = "LLM_AUDIT_DISABLED=true: calls leave no record";
        let advice = "unset it where calls are to be recorded";
        findings.push(Finding::of(Verdict::Warning, "environment", what, advice));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("environment", "all that is set is understood"));
    }
    findings
}

/// Whether there are keys to hash and prove with.
fn keys(path: &Path, clock: &Clock) -> Vec<Finding> {
    let shown = path.display();
    let problem =
        |what: String, advice: String| vec![Finding::of(Verdict::Problem, "keyring", what, advice)];
    let keys = match keyring_file::read(path) {
        Ok(keys) => keys,
        Err(KeyringFileError::Io { source, .. })
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            let advice = format!("make one: llm-audit key generate --out {shown}");
            return problem(format!("{shown} does not exist"), advice);
        }
        Err(error @ KeyringFileError::Exposed { .. }) => {
            let advice =
                format!("chmod 600 {shown}, and rotate its keys if others may have read them");
            return problem(error.to_string(), advice);
        }
        Err(error) => {
            let advice = "give the application a keyring that it can read, or mend this one";
            return problem(error.to_string(), advice.to_owned());
        }
    };
    let mut findings = vec![Finding::ok("keyring", described(path, &keys))];
    let now = clock.now();
    if let Some(key) = keys.keys().iter().find(|key| key.created() > now) {
        let what = format!(
            "it is {now} here, before key {} was made ({})",
            key.id(),
            key.created()
        );
        let advice = "set the clock of this machine, or of the one that made the key";
        findings.push(Finding::of(Verdict::Warning, "clock", what, advice));
    }
    findings
}

fn described(path: &Path, keys: &Keyring) -> String {
    let retired = keys.keys().iter().filter(|key| key.retired().is_some());
    let retired = retired.count();
    let mac = keys.mac_key();
    let count = keys.keys().len();
    format!(
        "{}: {count} keys, {retired} of them retired, {mac} proves",
        path.display()
    )
}

/// What this process cannot know.
fn application() -> Finding {
    let what = "whether filters hide calls is known in the application only: call audit.verify_installed() when it has started; Health::hidden tells what was hidden since";
    Finding::ok("application", what)
}

/// What is to be done about a setting that no auditor is built with.
const STARTS_NOT: &str = "mend this setting: an application with it does not start";
