//! What an application's meter shows of calls and of the auditor.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/receiver.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod receiver;
#[path = "support/trail.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod trail;

use std::collections::BTreeMap;
use std::time::Duration;

use llm_audit::sanitize::Sanitizer;
use llm_audit::{Auditor, CallStart, Drained, Provider};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, HistogramDataPoint, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use receiver::Receiver;
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt as _;

/// A provider whose metrics can be looked at.
struct Meters {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

/// What was collected: metric, then attributes as one text, then value.
type Collected = BTreeMap<String, BTreeMap<String, f64>>;

impl Meters {
    fn new() -> Self {
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone())
            .with_interval(Duration::from_secs(3600))
            .build();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        Self { provider, exporter }
    }

    /// Sums of histograms, values of all else.
    fn collect(&self) -> Collected {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let mut collected = Collected::new();
        for resource in self.exporter.get_finished_metrics().unwrap() {
            for metric in resource.scope_metrics().flat_map(|scope| scope.metrics()) {
                let name = format!("{} [{}]", metric.name(), metric.unit());
                collected.insert(name, values(metric.data()));
            }
        }
        collected
    }
}

fn values(data: &AggregatedMetrics) -> BTreeMap<String, f64> {
    match data {
        AggregatedMetrics::F64(MetricData::Gauge(gauge)) => gauge
            .data_points()
            .map(|point| (named(point.attributes()), point.value()))
            .collect(),
        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => histogram
            .data_points()
            .map(|point| (named(point.attributes()), point.sum()))
            .collect(),
        AggregatedMetrics::F64(MetricData::Sum(sum)) => sum
            .data_points()
            .map(|point| (named(point.attributes()), point.value()))
            .collect(),
        AggregatedMetrics::U64(MetricData::Gauge(gauge)) => gauge
            .data_points()
            .map(|point| (named(point.attributes()), point.value() as f64))
            .collect(),
        AggregatedMetrics::U64(MetricData::Histogram(histogram)) => histogram
            .data_points()
            .map(|point| (named(point.attributes()), point.sum() as f64))
            .collect(),
        AggregatedMetrics::U64(MetricData::Sum(sum)) => sum
            .data_points()
            .map(|point| (named(point.attributes()), point.value() as f64))
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn named<'a>(attributes: impl Iterator<Item = &'a opentelemetry::KeyValue>) -> String {
    let mut named: Vec<_> = attributes
        .map(|attribute| format!("{}={}", attribute.key, attribute.value))
        .collect();
    named.sort();
    named.join(" ")
}

fn answered(audit: &Auditor) {
    let start = CallStart::new("chat")
        .provider("anthropic")
        .model("claude-sonnet-4-5")
        .user("anna");
    let mut call = audit.start(start).unwrap();
    call.input(&["my dog is called Rex"]).unwrap();
    let answer = json!({ "type": "message", "id": "msg_1", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
                         "content": [{ "type": "text", "text": "Rex." }], "stop_reason": "end_turn",
                         "usage": { "input_tokens": 100, "output_tokens": 20 } });
    call.response(Provider::Anthropic, &answer).unwrap();
    call.finish().unwrap();
}

#[test]
fn calls_are_measured_as_the_conventions_say_and_health_is_observed() {
    let (directory, receiver, meters) = (
        tempfile::tempdir().unwrap(),
        Receiver::start(),
        Meters::new(),
    );
    let audit = Auditor::builder()
        .data_dir(directory.path())
        .generate_keyring()
        .endpoint(&receiver.endpoint())
        .meter(meters.provider.meter("llm_audit"))
        .build()
        .unwrap();
    answered(&audit);
    let failed = audit
        .start(CallStart::new("chat").provider("openai"))
        .unwrap();
    failed
        .fail("429 my dog is called Rex", &"my dog is called Rex")
        .unwrap();
    let open = audit.start(CallStart::new("chat")).unwrap();

    let collected = meters.collect();
    let call = "gen_ai.operation.name=chat gen_ai.provider.name=anthropic gen_ai.request.model=claude-sonnet-4-5 \
                gen_ai.response.model=claude-sonnet-4-5-20250929";
    let tokens = &collected["gen_ai.client.token.usage [{token}]"];
    assert_eq!(tokens[&format!("{call} gen_ai.token.type=input")], 100.0);
    assert_eq!(tokens[&format!("{call} gen_ai.token.type=output")], 20.0);
    let costs = &collected["llm_audit.cost.usd [{USD}]"];
    assert_eq!(costs.len(), 1, "only what is known is a cost: {costs:?}");
    // 3 and 15 dollars for a million.
    assert!((costs[call] - 0.0006).abs() < 1e-12, "{costs:?}");
    let unpriced = &collected["llm_audit.cost.unknown [{call}]"];
    let of_no_model = "gen_ai.operation.name=chat gen_ai.provider.name=openai llm_audit.cost.reason=unknown_model";
    assert_eq!(unpriced, &BTreeMap::from([(of_no_model.to_owned(), 1.0)]));
    let durations = &collected["gen_ai.client.operation.duration [s]"];
    assert!(durations[call] > 0.0 && durations[call] < 60.0);
    let failed = "error.type=_OTHER gen_ai.operation.name=chat gen_ai.provider.name=openai";
    assert!(durations.contains_key(failed), "{durations:?}");
    let written = &collected["llm_audit.record.written [{record}]"];
    assert_eq!(written["llm_audit.kind=call llm_audit.status=success"], 1.0);
    assert_eq!(written["llm_audit.kind=call llm_audit.status=error"], 1.0);
    assert_eq!(collected["llm_audit.call.open [{call}]"][""], 1.0);
    assert_eq!(collected["llm_audit.record.dropped [{record}]"][""], 0.0);
    assert_eq!(collected["llm_audit.call.refused [{call}]"][""], 0.0);
    let limit = collected["llm_audit.spool.limit [By]"][""];
    assert_eq!(limit, f64::from(1 << 30));
    assert!(collected["llm_audit.spool.usage [By]"][""] <= limit);
    let shown = format!("{collected:?}");
    assert!(!shown.contains("Rex") && !shown.contains("anna"), "{shown}");

    open.finish().unwrap();
    assert_eq!(audit.shutdown(Duration::from_secs(60)), Drained::Complete);
    let collected = meters.collect();
    let delivered = &collected["llm_audit.record.delivered [{record}]"];
    assert_eq!(delivered["llm_audit.signal=span"], 3.0);
    assert_eq!(
        delivered["llm_audit.signal=log"],
        audit.health().sent as f64
    );
    assert_eq!(
        collected["llm_audit.record.undelivered [{record}]"][""],
        0.0
    );
    assert!(!collected.contains_key("llm_audit.record.oldest_undelivered.age [s]"));
    drop(audit);
    let gone = meters.collect();
    assert!(!gone.contains_key("llm_audit.spool.limit [By]"), "{gone:?}");
}

#[test]
fn what_the_sanitizer_found_is_counted_by_class_and_an_agent_has_no_cost() {
    let (directory, meters) = (tempfile::tempdir().unwrap(), Meters::new());
    let audit = Auditor::builder()
        .data_dir(directory.path())
        .generate_keyring()
        .without_sender()
        .json_lines()
        .meter(meters.provider.meter("llm_audit"))
        .build()
        .unwrap();
    let sanitizer = Sanitizer::default();
    for text in ["anna@example.com and ben@example.com", "nobody"] {
        let mut call = audit.start(CallStart::new("chat")).unwrap();
        call.sanitization(&sanitizer.sanitize(text));
        call.finish().unwrap();
    }
    let agent = CallStart::new("invoke_agent").model("researcher");
    audit.start(agent).unwrap().finish().unwrap();
    let collected = meters.collect();
    let found = &collected["llm_audit.sanitization.matches [{match}]"];
    let applied = "llm_audit.sanitization.class=email llm_audit.sanitization.status=applied";
    assert_eq!(found, &BTreeMap::from([(applied.to_owned(), 2.0)]));
    let unpriced = &collected["llm_audit.cost.unknown [{call}]"];
    assert_eq!(unpriced.values().sum::<f64>(), 2.0, "{unpriced:?}");
    assert!(!collected.contains_key("llm_audit.cost.usd [{USD}]"));
}

#[test]
fn the_first_piece_of_a_stream_is_measured_where_there_is_one() {
    let (directory, meters) = (tempfile::tempdir().unwrap(), Meters::new());
    let audit = Auditor::builder()
        .data_dir(directory.path())
        .generate_keyring()
        .without_sender()
        .json_lines()
        .meter(meters.provider.meter("llm_audit"))
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(audit.layer());
    tracing::subscriber::with_default(subscriber, || {
        drop(tracing::info_span!(
            "call",
            gen_ai.operation.name = "chat",
            gen_ai.response.time_to_first_chunk = 0.25
        ));
        drop(tracing::info_span!(
            "call",
            gen_ai.operation.name = "embeddings"
        ));
    });
    let collected = meters.collect();
    let first = &collected["gen_ai.client.operation.time_to_first_chunk [s]"];
    assert_eq!(first.len(), 1);
    assert_eq!(first["gen_ai.operation.name=chat"], 0.25);
    assert_eq!(collected["gen_ai.client.operation.duration [s]"].len(), 2);
}

#[test]
fn histograms_have_the_boundaries_of_the_conventions() {
    let (directory, meters) = (tempfile::tempdir().unwrap(), Meters::new());
    let audit = Auditor::builder()
        .data_dir(directory.path())
        .generate_keyring()
        .without_sender()
        .json_lines()
        .meter(meters.provider.meter("llm_audit"))
        .build()
        .unwrap();
    answered(&audit);
    meters.provider.force_flush().unwrap();
    let resources = meters.exporter.get_finished_metrics().unwrap();
    let bounds = |wanted: &str| -> Vec<f64> {
        let metrics = resources
            .iter()
            .flat_map(|resource| resource.scope_metrics())
            .flat_map(|scope| scope.metrics());
        let metric = metrics
            .filter(|metric| metric.name() == wanted)
            .last()
            .unwrap();
        match metric.data() {
            AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                first(histogram.data_points())
            }
            AggregatedMetrics::U64(MetricData::Histogram(histogram)) => {
                first(histogram.data_points())
            }
            other => panic!("{other:?}"),
        }
    };
    let doubling: Vec<f64> = (0..14).map(|step| 0.01 * f64::from(1 << step)).collect();
    assert_eq!(bounds("gen_ai.client.operation.duration"), doubling);
    let powers: Vec<f64> = (0..14).map(|step| 4_f64.powi(step)).collect();
    assert_eq!(bounds("gen_ai.client.token.usage"), powers);
}

fn first<'a, T: 'a>(mut points: impl Iterator<Item = &'a HistogramDataPoint<T>>) -> Vec<f64> {
    points.next().unwrap().bounds().collect()
}
