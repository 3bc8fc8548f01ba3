//! Metrics, for an application that gives the auditor a meter: what calls take, and how the auditor itself is.
//!
//! | metric | instrument | unit | attributes | what |
//! |---|---|---|---|---|
//! | `gen_ai.client.token.usage` | histogram | `{token}` | *call*, `gen_ai.token.type` | tokens of one call: `input` (cached included), `output` (reasoning included) |
//! | `gen_ai.client.operation.duration` | histogram | `s` | *call*, `error.type` | from a call's start to its end |
//! | `gen_ai.client.operation.time_to_first_chunk` | histogram | `s` | *call* | to the first piece of a streamed answer |
//! | `llm_audit.cost.usd` | counter | `{USD}` | *call* | what calls cost, in US dollars, where that is known |
//! | `llm_audit.cost.unknown` | counter | `{call}` | *call*, `llm_audit.cost.reason` | inferences of which it is not |
//! | `llm_audit.sanitization.matches` | counter | `{match}` | `llm_audit.sanitization.class`, `llm_audit.sanitization.status` | values found before sending: `applied` where replaced |
//! | `llm_audit.record.written` | counter | `{record}` | `llm_audit.kind`, `llm_audit.status` | records written to the spool; a status where it is a call |
//! | `llm_audit.record.dropped` | observable counter | `{record}` | | records that could not be written, or not be read again |
//! | `llm_audit.record.delivered` | observable counter | `{record}` | `llm_audit.signal` | acknowledged by the receiver, as `log` and as `span` |
//! | `llm_audit.record.dead_letter` | observable counter | `{record}` | `llm_audit.signal` | refused for good |
//! | `llm_audit.record.undelivered` | observable gauge | `{record}` | | records that wait for somebody |
//! | `llm_audit.record.oldest_undelivered.age` | observable gauge | `s` | | how long the oldest of them has waited; absent where none waits |
//! | `llm_audit.call.open` | observable gauge | `{call}` | | calls that have begun and not ended |
//! | `llm_audit.call.refused` | observable counter | `{call}` | | calls that were refused, since they could not be recorded |
//! | `llm_audit.delivery.failed` | observable counter | `{attempt}` | | attempts to deliver that failed |
//! | `llm_audit.spool.usage` | observable gauge | `By` | | what the spool takes on disk |
//! | `llm_audit.spool.limit` | observable gauge | `By` | | what it may take |
//! | `llm_audit.spool.sync.failed` | observable counter | `{sync}` | | fsyncs that failed |
//!
//! *call*: `gen_ai.operation.name`, `gen_ai.provider.name`, `gen_ai.request.model`, `gen_ai.response.model`,
//! `server.address`, `server.port`, each where it is known. Names, units and boundaries of the first three are those of the
//! OpenTelemetry GenAI conventions as they ship (November 2026; histograms of tokens and of operations, which later drafts
//! rename). Agents and tools have a duration, and neither tokens nor cost: those belong to the calls inside. Cost is a
//! floating-point number here, for dashboards; ledgers take the exact amounts of the records.
//!
//! No metric names a user, a session or a conversation, or holds content or a hash. An `error.type` that is no word of low
//! cardinality is `_OTHER`.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Counter, Histogram, Meter};

use super::health::Health;
use crate::record::{BodyRef, CostRef, RecordRef, Sanitization, Status, Usage, attribute};

/// What is measured as it happens.
#[derive(Debug)]
pub(crate) struct Metrics {
    meter: Meter,
    tokens: Histogram<u64>,
    duration: Histogram<f64>,
    first_chunk: Histogram<f64>,
    cost: Counter<f64>,
    unpriced: Counter<u64>,
    found: Counter<u64>,
    written: Counter<u64>,
}

/// What is measured of a record.
pub(crate) struct Measured {
    written: Vec<KeyValue>,
    call: Option<MeasuredCall>,
}

struct MeasuredCall {
    attributes: Vec<KeyValue>,
    error_type: Option<KeyValue>,
    usage: Usage,
    duration_ns: Option<u64>,
    time_to_first_chunk_ns: Option<u64>,
    cost: MeasuredCost,
    /// How many values of which class were found, and what was done.
    found: Vec<(u64, [KeyValue; 2])>,
}

enum MeasuredCost {
    /// That of what is no inference.
    None,
    Unknown(KeyValue),
    Usd(f64),
}

impl Metrics {
    pub(crate) fn new(meter: Meter) -> Self {
        let seconds = |name, what| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(what)
                .with_boundaries(SECONDS.to_vec())
                .build()
        };
        let tokens = meter
            .u64_histogram("gen_ai.client.token.usage")
            .with_unit("{token}")
            .with_description("Number of input and output tokens used.")
            .with_boundaries(TOKENS.to_vec());
        let cost = meter
            .f64_counter("llm_audit.cost.usd")
            .with_unit("{USD}")
            .with_description("What LLM calls cost, in US dollars, where that is known.");
        let counter = |name, unit, what| {
            let counter = meter.u64_counter(name).with_unit(unit);
            counter.with_description(what).build()
        };
        Self {
            tokens: tokens.build(),
            duration: seconds(
                "gen_ai.client.operation.duration",
                "GenAI operation duration.",
            ),
            first_chunk: seconds(
                "gen_ai.client.operation.time_to_first_chunk",
                "Time to receive the first chunk of a streamed answer.",
            ),
            cost: cost.build(),
            unpriced: counter(
                "llm_audit.cost.unknown",
                "{call}",
                "LLM calls whose cost is not known.",
            ),
            found: counter(
                "llm_audit.sanitization.matches",
                "{match}",
                "Personal data and secrets found before sending.",
            ),
            written: counter(
                "llm_audit.record.written",
                "{record}",
                "Audit records written to the spool.",
            ),
            meter,
        }
    }

    /// A record was written.
    pub(crate) fn count(&self, measured: &Measured) {
        self.written.add(1, &measured.written);
    }

    /// A call has ended, whether its record can be written or not.
    pub(crate) fn measure(&self, measured: &Measured) {
        let Some(call) = &measured.call else { return };
        let mut attributes = call.attributes.clone();
        if let Some(nanos) = call.time_to_first_chunk_ns {
            self.first_chunk.record(in_seconds(nanos), &attributes);
        }
        let counts = [
            ("input", call.usage.input_tokens),
            ("output", call.usage.output_tokens),
        ];
        for (kind, count) in counts {
            if let Some(count) = count {
                attributes.push(KeyValue::new("gen_ai.token.type", kind));
                self.tokens.record(count, &attributes);
                attributes.pop();
            }
        }
        match &call.cost {
            MeasuredCost::None => {}
            MeasuredCost::Unknown(reason) => {
                attributes.push(reason.clone());
                self.unpriced.add(1, &attributes);
                attributes.pop();
            }
            MeasuredCost::Usd(amount) => self.cost.add(*amount, &attributes),
        }
        for (count, class) in &call.found {
            self.found.add(*count, class);
        }
        if let Some(nanos) = call.duration_ns {
            attributes.extend(call.error_type.clone());
            self.duration.record(in_seconds(nanos), &attributes);
        }
    }

    /// Has the meter ask for the auditor's health whenever it collects; `None` when the auditor is gone.
    pub(crate) fn observe(&self, health: impl Fn() -> Option<Health> + Send + Sync + 'static) {
        let health: Ask = Arc::new(health);
        for (name, unit, what, counts) in COUNTERS {
            let health = Arc::clone(&health);
            let counter = self.meter.u64_observable_counter(*name);
            counter
                .with_unit(*unit)
                .with_description(*what)
                .with_callback(move |into| observe(&health, *counts, into))
                .build();
        }
        for (name, unit, what, values) in GAUGES {
            let health = Arc::clone(&health);
            let gauge = self.meter.u64_observable_gauge(*name);
            gauge
                .with_unit(*unit)
                .with_description(*what)
                .with_callback(move |into| observe(&health, *values, into))
                .build();
        }
        self.meter
            .f64_observable_gauge("llm_audit.record.oldest_undelivered.age")
            .with_unit("s")
            .with_description(
                "How long the oldest audit record has waited that somebody has not got yet.",
            )
            .with_callback(move |into| {
                if let Some(age) = health().and_then(|health| health.oldest_unsent_age) {
                    into.observe(age.as_secs_f64(), &[]);
                }
            })
            .build();
    }
}

type Ask = Arc<dyn Fn() -> Option<Health> + Send + Sync>;

/// What an instrument shows of the auditor's health.
#[derive(Clone, Copy)]
enum Values {
    /// One value for log records, one for spans.
    BySignal(fn(&Health) -> (u64, u64)),
    One(fn(&Health) -> u64),
}

fn observe(health: &Ask, values: Values, into: &dyn AsyncInstrument<u64>) {
    let Some(health) = health() else { return };
    match values {
        Values::BySignal(values) => {
            let (logs, spans) = values(&health);
            into.observe(logs, &[KeyValue::new("llm_audit.signal", "log")]);
            into.observe(spans, &[KeyValue::new("llm_audit.signal", "span")]);
        }
        Values::One(value) => into.observe(value(&health), &[]),
    }
}

impl Measured {
    /// What is measured of a record that is about to be written.
    pub(crate) fn of(record: &RecordRef<'_>) -> Self {
        let mut written = vec![KeyValue::new(attribute::KIND.name, record.kind())];
        let BodyRef::Call(call) = &record.body else {
            return Self {
                written,
                call: None,
            };
        };
        let status = call.outcome.status;
        written.push(KeyValue::new(attribute::STATUS.name, status.as_str()));
        let named = [
            (attribute::OPERATION_NAME, Some(call.operation)),
            (attribute::PROVIDER_NAME, call.provider),
            (attribute::REQUEST_MODEL, call.request.model.as_ref()),
            (attribute::RESPONSE_MODEL, call.response.model),
            (attribute::SERVER_ADDRESS, call.server_address),
        ];
        let named = named.into_iter().filter_map(|(row, value)| {
            value.map(|value| KeyValue::new(row.name, value.as_str().to_owned()))
        });
        let port = call
            .server_port
            .map(|port| KeyValue::new(attribute::SERVER_PORT.name, i64::from(port)));
        let error_type = (status == Status::Error).then(|| {
            let word = call.outcome.error_type.filter(|word| is_word(word));
            let word = word.unwrap_or(OTHER);
            KeyValue::new(attribute::ERROR_TYPE.name, word.to_owned())
        });
        let call = MeasuredCall {
            attributes: named.chain(port).collect(),
            error_type,
            usage: *call.usage,
            duration_ns: call.duration_ns,
            time_to_first_chunk_ns: call.response.time_to_first_chunk_ns,
            cost: MeasuredCost::of(call.cost),
            found: found(call.sanitization),
        };
        Self {
            written,
            call: Some(call),
        }
    }
}

impl MeasuredCost {
    fn of(cost: CostRef<'_>) -> Self {
        match cost {
            CostRef::Known { exact, .. } => Self::Usd(exact.to_f64()),
            CostRef::Unknown {
                reason: CostRef::NOT_AN_INFERENCE,
            } => Self::None,
            CostRef::Unknown { reason } => Self::Unknown(KeyValue::new(
                attribute::COST_REASON.name,
                reason.to_owned(),
            )),
        }
    }
}

fn found(sanitization: &Sanitization) -> Vec<(u64, [KeyValue; 2])> {
    let classes = sanitization.classes.iter();
    classes
        .map(|(class, count)| {
            let status = sanitization.status.as_str();
            let class = [
                KeyValue::new(CLASS, class.as_str().to_owned()),
                KeyValue::new(attribute::SANITIZATION_STATUS.name, status),
            ];
            (*count, class)
        })
        .collect()
}

/// Whether a class of errors is a name, and no text.
fn is_word(text: &str) -> bool {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte);
    !text.is_empty() && text.len() <= LONGEST_WORD && text.bytes().all(harmless)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "durations of calls are exact to a microsecond and more"
)]
fn in_seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// A name, a unit, what it is, and its values.
type Shown = (&'static str, &'static str, &'static str, Values);

const COUNTERS: &[Shown] = &[
    (
        "llm_audit.record.dropped",
        "{record}",
        "Audit records that could not be written, or not be read again.",
        Values::One(|health| health.dropped),
    ),
    (
        "llm_audit.call.refused",
        "{call}",
        "Calls that were refused, since they could not be recorded.",
        Values::One(|health| health.calls_refused),
    ),
    (
        "llm_audit.record.delivered",
        "{record}",
        "Audit records that the receiver acknowledged.",
        Values::BySignal(|health| (health.sent, health.spans_sent)),
    ),
    (
        "llm_audit.record.dead_letter",
        "{record}",
        "Audit records that the receiver refused for good.",
        Values::BySignal(|health| (health.refused, health.spans_refused)),
    ),
    (
        "llm_audit.delivery.failed",
        "{attempt}",
        "Attempts to deliver audit records that failed.",
        Values::One(|health| health.failed_deliveries),
    ),
    (
        "llm_audit.spool.sync.failed",
        "{sync}",
        "Fsyncs of the spool that failed.",
        Values::One(|health| health.failed_syncs),
    ),
];

const GAUGES: &[Shown] = &[
    (
        "llm_audit.record.undelivered",
        "{record}",
        "Audit records that wait for somebody who has not got them yet.",
        Values::One(|health| health.depth),
    ),
    (
        "llm_audit.call.open",
        "{call}",
        "Calls that have begun and not ended.",
        Values::One(|health| health.open_calls),
    ),
    (
        "llm_audit.spool.usage",
        "By",
        "What the spool takes on disk.",
        Values::One(|health| health.spool_bytes.0),
    ),
    (
        "llm_audit.spool.limit",
        "By",
        "What the spool may take on disk.",
        Values::One(|health| health.spool_bytes.1),
    ),
];

/// Boundaries of durations, in seconds (GenAI conventions).
const SECONDS: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
/// Boundaries of token counts (GenAI conventions).
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// The attribute of a class; in a record it is part of the name, and there are as many counts as classes.
const CLASS: &str = "llm_audit.sanitization.class";
/// `error.type` of an error whose class is none of low cardinality.
const OTHER: &str = "_OTHER";
const LONGEST_WORD: usize = 64;
