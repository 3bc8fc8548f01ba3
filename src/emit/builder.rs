//! Putting an auditor together.

mod body;
mod gate;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::Meter;

use self::gate::first_words;
use super::adopter::Adopter;
use super::auditor::{Auditor, Running};
use super::bell::Bell;
use super::environment::Environment;
use super::failure::{Durability, Modes, OnFailure};
use super::flusher::{Cadence, Flusher};
use super::json_lines::{Echo, JsonLines};
use super::keyring_file::{self, KeyringFileError};
use super::metrics::Metrics;
use super::otlp::{Destination, Destinations, LogBody};
use super::policy_choice::PolicyChoice;
use super::pulse::Pulse;
use super::recorder::{Recorder, Spans};
use super::sender::{self, Sender, SenderConfig, SenderError};
use super::spool::{Consumer, Origin, Spool};
use crate::clock::Clock;
use crate::journal::{JournalError, JournalOptions, Writing};
use crate::policy::{Policy, PolicyError};
use crate::pricing::PriceTable;
use crate::record::keyring::Keyring;
use crate::record::{Label, SystemEvent};
use crate::semconv::Signal;

/// Why an auditor could not be built. Nothing is running and nothing is recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no keyring; one is never made up silently, since hashes under a lost key say nothing.
    #[error(
        "no keyring: {path} does not exist; make one with `llm-audit key generate --out {path}`, or name one with Auditor::builder().keyring(..) or LLM_AUDIT_KEYRING",
        path = path.display()
    )]
    NoKeyring {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The keyring cannot be used.
    #[error(transparent)]
    Keyring(#[from] KeyringFileError),
    /// The policy file cannot be read.
    #[error("policy {path}: {source}", path = path.display())]
    PolicyFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The policy file has faults; all of them are told.
    #[error("policy {path}: {faults}", path = path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        faults: PolicyError,
    },
    /// The data directory cannot be made.
    #[error("data directory {path}: {source}", path = path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The spool cannot be opened.
    #[error("the spool cannot be opened: {0}")]
    Spool(#[from] JournalError),
    /// A setting has no meaning.
    #[error("{setting}: {fault}")]
    Setting {
        /// Which setting.
        setting: &'static str,
        /// What is wrong with its value.
        fault: String,
    },
    /// Records would go nowhere.
    #[error("records would go nowhere: neither a sender nor JSON lines are switched on")]
    NoDestination,
    /// A thread could not be started, or a file not opened.
    #[error("the auditor cannot start: {0}")]
    Start(#[source] io::Error),
}

impl From<SenderError> for BuildError {
    fn from(error: SenderError) -> Self {
        match error {
            SenderError::Thread { source } => Self::Start(source),
            SenderError::Tls { signal, fault } => Self::Setting {
                setting: match signal {
                    Signal::Logs => "TLS for logs",
                    Signal::Traces => "TLS for traces",
                },
                fault,
            },
        }
    }
}

/// Settings of an [`Auditor`]; made by [`Auditor::builder`]. What is set here wins over the environment, which wins over
/// the defaults.
#[derive(Debug, Clone)]
#[must_use = "an auditor is made by build()"]
pub struct AuditorBuilder {
    environment: Environment,
    service: Option<String>,
    resource: Vec<(String, String)>,
    data_dir: Option<PathBuf>,
    keyring: KeyringChoice,
    policy: PolicyChoice,
    destinations: Destinations,
    delivery: Delivery,
    log_body: Option<LogBody>,
    lines: Lines,
    spool: JournalOptions,
    cadence: Cadence,
    spans: Spans,
    meter: Option<Meter>,
    modes: Modes,
    prices: Option<PriceTable>,
}

#[derive(Debug, Clone)]
enum KeyringChoice {
    At(PathBuf),
    /// The same place as by default, but one is made where there is none.
    Generated,
    Default,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    Otlp,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    Off,
    Written(Echo),
}

impl AuditorBuilder {
    pub(crate) fn new() -> Self {
        Self {
            environment: Environment::of_process(),
            service: None,
            resource: Vec::new(),
            data_dir: None,
            keyring: KeyringChoice::Default,
            policy: PolicyChoice::Default,
            destinations: Destinations::default(),
            delivery: Delivery::Otlp,
            log_body: None,
            lines: Lines::Off,
            spool: JournalOptions::default(),
            cadence: Cadence {
                sync: Duration::from_millis(5),
                heartbeat: Duration::from_secs(60),
                canary: Duration::from_secs(5),
            },
            spans: Spans::Auto,
            meter: None,
            modes: Modes::default(),
            prices: None,
        }
    }

    /// Records as JSON lines and one line each on standard error, no sender, keys made where there are none.
    pub(crate) fn development() -> Self {
        let mut builder = Self::new();
        builder.delivery = Delivery::None;
        builder.lines = Lines::Written(Echo::Stderr);
        builder.keyring = KeyringChoice::Generated;
        builder
    }

    /// Name of the application (`service.name`); `OTEL_SERVICE_NAME`, else `unknown_service`.
    pub fn service(mut self, name: &str) -> Self {
        self.service = Some(name.to_owned());
        self
    }

    /// Another attribute of the resource that all records come from.
    pub fn resource_attribute(mut self, name: &str, value: &str) -> Self {
        self.resource.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Directory of spool, keyring, JSON lines and dead letter, made if it does not exist; `LLM_AUDIT_DATA_DIR`, else
    /// `llm-audit-data`. All processes of a machine may share it; it must outlive them.
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// Path of the keyring file; `LLM_AUDIT_KEYRING`, else `keyring.json` in the data directory.
    pub fn keyring(mut self, path: impl Into<PathBuf>) -> Self {
        self.keyring = KeyringChoice::At(path.into());
        self
    }

    /// Makes a keyring if there is none where `LLM_AUDIT_KEYRING` says, else in the data directory. Records of machines
    /// that do not share it cannot be compared, and whoever loses the file can check nothing.
    pub fn generate_keyring(mut self) -> Self {
        self.keyring = KeyringChoice::Generated;
        self
    }

    /// What may leave the process, by rules: a [`Policy`]. Unless said, that of `LLM_AUDIT_POLICY`, else the defaults: content
    /// as keyed hashes only. Its digest is in the record of the start.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = PolicyChoice::Given(policy);
        self
    }

    /// Path of a policy file; `LLM_AUDIT_POLICY`, else none. One that cannot be read, or has faults, fails
    /// [`build`](Self::build). It is read once.
    pub fn policy_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.policy = PolicyChoice::At(path.into());
        self
    }

    /// Where to send: an OTLP endpoint; `OTEL_EXPORTER_OTLP_ENDPOINT`, else `http://localhost:4317`. See
    /// [`otlp`](super::otlp) for its forms and for all that can be set.
    pub fn endpoint(mut self, url: &str) -> Self {
        self.destinations.both = self.destinations.both.endpoint(url);
        self.delivery = Delivery::Otlp;
        self
    }

    /// A header of every request, such as an authorization; `OTEL_EXPORTER_OTLP_HEADERS`.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.destinations.both = self.destinations.both.header(name, value);
        self
    }

    /// Where to send log records and spans, and how.
    pub fn destination(mut self, destination: Destination) -> Self {
        self.destinations.both = destination;
        self.delivery = Delivery::Otlp;
        self
    }

    /// Where to send log records, in what it differs from where to send spans.
    pub fn logs_destination(mut self, destination: Destination) -> Self {
        self.destinations.logs = destination;
        self.delivery = Delivery::Otlp;
        self
    }

    /// Where to send spans, in what it differs from where to send log records.
    pub fn traces_destination(mut self, destination: Destination) -> Self {
        self.destinations.traces = destination;
        self.delivery = Delivery::Otlp;
        self
    }

    /// Sends nothing; records go to JSON lines only.
    pub fn without_sender(mut self) -> Self {
        self.delivery = Delivery::None;
        self
    }

    /// Writes records as JSON lines too: `audit_YYYY-MM-DD.jsonl` in the data directory.
    pub fn json_lines(mut self) -> Self {
        self.lines = Lines::Written(Echo::Quiet);
        self
    }

    /// When calls are sent as spans, beside their log records; [`Spans::Auto`] unless said.
    pub fn spans(mut self, spans: Spans) -> Self {
        self.spans = spans;
        self
    }

    /// Measures calls and the auditor's own health with this meter; nothing is measured unless said. What is measured:
    ///
    /// * `gen_ai.client.token.usage`, `gen_ai.client.operation.duration` and
    ///   `gen_ai.client.operation.time_to_first_chunk`, histograms as the OpenTelemetry GenAI conventions have them
    /// * `llm_audit.cost.usd` and `llm_audit.cost.unknown`, `llm_audit.sanitization.matches`
    /// * `llm_audit.record.written`, `.dropped`, `.delivered`, `.dead_letter`, `.undelivered` and
    ///   `.oldest_undelivered.age`; `llm_audit.call.open`; `llm_audit.delivery.failed`; `llm_audit.spool.usage`, `.limit` and
    ///   `.sync.failed`: what [`Auditor::health`] says
    ///
    /// No attribute of a metric names a user or a session, or holds content or a hash.
    ///
    /// ```
    /// # use llm_audit::Auditor;
    /// # let directory = tempfile::tempdir()?;
    /// let meter = opentelemetry::global::meter("llm_audit");
    /// let audit = Auditor::builder().meter(meter);
    /// # audit.data_dir(directory.path()).generate_keyring().without_sender().json_lines().build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn meter(mut self, meter: Meter) -> Self {
        self.meter = Some(meter);
        self
    }

    /// Room that this process's part of the spool may take on disk, in bytes: 1 GiB unless said, at least 2 segments.
    pub fn spool_bytes(mut self, bytes: u64) -> Self {
        self.spool.capacity_bytes = bytes;
        self.spool.segment_bytes = self.spool.segment_bytes.min((bytes / 4).max(64 * 1024));
        self
    }

    /// Writes calls to the spool through mapped memory where the file system allows it (ext4, xfs, tmpfs; Linux 5.14), which
    /// spares a caller the two system calls that a call takes without this. The bytes, and what survives, are the same.
    ///
    /// The price is a way to die: whoever truncates the file that calls are written to first (`stage`, up to 4 MiB), or a disk
    /// that cannot give back a page of it, ends the process with SIGBUS. A full disk does not.
    pub fn mapped_spool(mut self) -> Self {
        self.spool.writing = Writing::Mapped;
        self
    }

    /// From a record's write to the fsync that makes it survive a power loss: 5 ms unless said.
    pub fn sync_interval(mut self, interval: Duration) -> Self {
        self.cadence.sync = interval;
        self
    }

    /// Between two heartbeat records: 60 s unless said.
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.cadence.heartbeat = interval;
        self
    }

    /// Between two looks whether a filter that was changed at run time hides calls from the layer: 5 s unless said.
    pub fn canary_interval(mut self, interval: Duration) -> Self {
        self.cadence.canary = interval;
        self
    }

    /// What the layer does with a call that cannot be recorded: [`OnFailure::DropAndCount`] unless said.
    pub fn layer_on_failure(mut self, on_failure: OnFailure) -> Self {
        self.modes.layer = on_failure;
        self
    }

    /// What [`Auditor::start`] does with a call that cannot be recorded, where the call says nothing else:
    /// [`OnFailure::FailClosed`] unless said.
    pub fn guard_on_failure(mut self, on_failure: OnFailure) -> Self {
        self.modes.guard = on_failure;
        self
    }

    /// When records count as written: [`Durability::GroupCommit`] unless said.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.modes.durability = durability;
        self
    }

    /// When calls of [`Auditor::start`] count as written, where the call says nothing else: as
    /// [`durability`](Self::durability) unless said. The stricter of the two holds.
    pub fn guard_durability(mut self, durability: Durability) -> Self {
        self.modes.guard_durability = durability;
        self
    }

    /// Calls that may be open at a time, since each is kept in memory until it ends: 100,000 unless said. What is begun
    /// beyond is not recorded, and counted.
    pub fn open_calls(mut self, calls: u64) -> Self {
        self.modes.open_calls = calls;
        self
    }

    /// Prices that are asked before the built-in ones, and before those of an earlier call of this: of a contract, of
    /// models that are not built in, or a whole LiteLLM price map. They are read with
    /// [`PriceTable::from_json`], [`PriceTable::from_litellm`], or [`PriceTable::read`] for either.
    ///
    /// ```
    /// use llm_audit::{Auditor, pricing::PriceTable};
    /// let contract = r#"{"version": "2026-11", "source": "our contract", "models": [
    ///     {"provider": "openai", "model": "gpt-5.4", "standard": {"input": "2", "output": "12"}}]}"#;
    /// let builder = Auditor::builder().prices(PriceTable::read(contract)?);
    /// # Ok::<(), llm_audit::pricing::PriceTableError>(())
    /// ```
    pub fn prices(mut self, overrides: PriceTable) -> Self {
        self.prices = Some(match self.prices.take() {
            Some(earlier) => earlier.with_overrides(overrides),
            None => overrides,
        });
        self
    }

    /// Opens the spool and starts the auditor's threads.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn build(self) -> Result<Auditor, BuildError> {
        self.check()?;
        self.environment.tell_unknown();
        let policy = self.policy.read(&self.environment)?;
        let clock = Arc::new(Clock::system());
        let data_dir = self.chosen_data_dir();
        make_private(&data_dir).map_err(|source| BuildError::DataDir {
            path: data_dir.clone(),
            source,
        })?;
        let keys = Arc::new(self.read_keyring(&data_dir, &clock)?);
        let consumers = self.consumers()?;
        let service = self.chosen_service();
        let origin = Origin::new(Some(&service), &self.chosen_resource());
        let spool = Arc::new(Spool::open(
            &data_dir.join("spool"),
            self.spool,
            consumers,
            &origin,
            Arc::clone(&keys),
            &clock,
        )?);
        let (bell, pulse) = (Arc::new(Bell::default()), Arc::new(Pulse::default()));
        let gate = self.gate(keys, policy);
        let disabled = self.environment.is_on("LLM_AUDIT_DISABLED");
        let recorder = Recorder::new(
            gate,
            Arc::clone(&spool),
            Arc::clone(&clock),
            Arc::clone(&bell),
            Some(service),
            (self.spans, self.modes),
        );
        let recorder = Arc::new(recorder.with_metrics(self.meter.clone().map(Metrics::new)));
        let start = first_words(recorder.gate(), disabled);
        recorder
            .system(SystemEvent::Start, &start)
            .map_err(|fault| BuildError::Start(io::Error::other(fault.to_string())))?;
        recorder.set_enabled(!disabled);
        let sender = self.start_sender(&data_dir, &spool, &pulse, clock)?;
        let lines = self.start_lines(&data_dir, &spool, &pulse)?;
        let (adopting, beating) = (Arc::clone(&recorder), Arc::clone(&pulse));
        let adopter =
            Adopter::start(adopting, beating, self.cadence.canary).map_err(BuildError::Start)?;
        let flusher = Flusher::start(Arc::clone(&recorder), bell, pulse, self.cadence)
            .map_err(BuildError::Start)?;
        Ok(Auditor::new(
            recorder,
            Running {
                adopter,
                flusher,
                sender,
                lines,
            },
        ))
    }

    /// Whether what is set has a meaning, apart from where to send.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let meant = self.modes.check();
        meant.map_err(|(setting, fault)| BuildError::Setting {
            setting,
            fault: fault.to_owned(),
        })?;
        self.policy.read(&self.environment)?;
        self.environment.check(&[
            "LLM_AUDIT_DISABLED",
            "OTEL_RESOURCE_ATTRIBUTES",
            "OTEL_SERVICE_NAME",
        ])
    }

    fn start_sender(
        &self,
        data_dir: &Path,
        spool: &Arc<Spool>,
        pulse: &Arc<Pulse>,
        clock: Arc<Clock>,
    ) -> Result<Option<Sender>, BuildError> {
        let Some(config) = self.sender_config(data_dir)? else {
            return Ok(None);
        };
        Ok(Some(Sender::start(
            &config,
            Arc::clone(spool),
            Arc::clone(pulse),
            clock,
        )?))
    }

    fn start_lines(
        &self,
        data_dir: &Path,
        spool: &Arc<Spool>,
        pulse: &Arc<Pulse>,
    ) -> Result<Option<JsonLines>, BuildError> {
        let Lines::Written(echo) = self.lines else {
            return Ok(None);
        };
        let started = JsonLines::start(data_dir, Arc::clone(spool), Arc::clone(pulse), echo);
        Ok(Some(started.map_err(BuildError::Start)?))
    }

    /// Where everything is kept.
    pub(crate) fn chosen_data_dir(&self) -> PathBuf {
        let from_environment = || self.environment.path("LLM_AUDIT_DATA_DIR");
        self.data_dir
            .clone()
            .or_else(from_environment)
            .unwrap_or_else(|| PathBuf::from("llm-audit-data"))
    }

    fn read_keyring(&self, data_dir: &Path, clock: &Clock) -> Result<Keyring, BuildError> {
        let path = self.chosen_keyring(data_dir);
        if matches!(self.keyring, KeyringChoice::Generated) {
            return Ok(keyring_file::read_or_generate(&path, clock)?);
        }
        if !path.exists() {
            return Err(BuildError::NoKeyring { path });
        }
        Ok(keyring_file::read(&path)?)
    }

    /// Where the keyring is.
    pub(crate) fn chosen_keyring(&self, data_dir: &Path) -> PathBuf {
        let in_data_dir = || data_dir.join("keyring.json");
        let from_environment = || self.environment.path("LLM_AUDIT_KEYRING");
        match &self.keyring {
            KeyringChoice::At(path) => path.clone(),
            KeyringChoice::Generated | KeyringChoice::Default => {
                from_environment().unwrap_or_else(in_data_dir)
            }
        }
    }

    fn consumers(&self) -> Result<Vec<Consumer>, BuildError> {
        let mut consumers = Vec::new();
        if self.lines != Lines::Off {
            consumers.push(Consumer::Lines);
        }
        if self.delivery == Delivery::Otlp {
            consumers.push(Consumer::Logs);
            if self.spans != Spans::Never {
                consumers.push(Consumer::Traces);
            }
        }
        if consumers.is_empty() {
            Err(BuildError::NoDestination)
        } else {
            Ok(consumers)
        }
    }

    fn chosen_service(&self) -> Label {
        let service = self
            .service
            .as_deref()
            .or_else(|| self.environment.get("OTEL_SERVICE_NAME"));
        Label::clip(service.unwrap_or("unknown_service"))
    }

    fn chosen_resource(&self) -> Vec<(String, String)> {
        let mut resource = self.environment.pairs("OTEL_RESOURCE_ATTRIBUTES");
        resource.retain(|(name, _)| {
            name != "service.name" && !self.resource.iter().any(|(set, _)| set == name)
        });
        resource.extend(self.resource.iter().cloned());
        resource
    }

    /// What the sender is told; none where nothing is sent.
    pub(crate) fn sender_config(
        &self,
        data_dir: &Path,
    ) -> Result<Option<SenderConfig>, BuildError> {
        if self.delivery == Delivery::None {
            return Ok(None);
        }
        let target = |signal| self.destinations.target(signal, &self.environment);
        let mut config = SenderConfig::new(
            target(Signal::Logs)?,
            target(Signal::Traces)?,
            data_dir.join("dead-letter"),
            match self.spans {
                Spans::Never => sender::Spans::Withheld,
                Spans::Always | Spans::Auto => sender::Spans::Sent,
            },
        );
        config.log_body = self.chosen_log_body()?;
        Ok(Some(config))
    }
}

fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}
