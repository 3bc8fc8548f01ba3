//! The OpenTelemetry Collector itself at the other end of every way to send.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/collector.rs"]
mod collector;

use std::collections::BTreeSet;
use std::time::Duration;

use collector::Collector;
use llm_audit::otlp::{Compression, Destination, Protocol};
use llm_audit::{Auditor, CallStart, Drained, Spans};
use serde_json::Value;

#[test]
fn the_collector_takes_both_protocols_plain_and_compressed() {
    let Some(collector) = Collector::running() else {
        return;
    };
    let mut sent = BTreeSet::new();
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        for compression in [Compression::None, Compression::Gzip] {
            let directory = tempfile::tempdir().unwrap();
            let endpoint = match protocol {
                Protocol::Grpc => collector.endpoint(),
                _ => collector.http_endpoint(),
            };
            let destination = Destination::new()
                .endpoint(&endpoint)
                .protocol(protocol)
                .compression(compression);
            let audit = Auditor::builder()
                .data_dir(directory.path())
                .generate_keyring()
                .spans(Spans::Always)
                .destination(destination)
                .build()
                .unwrap();
            for _ in 0..1000 {
                let call = audit.start(CallStart::new("chat").user("anna")).unwrap();
                sent.insert(call.finish().unwrap().to_string());
            }
            let drained = audit.shutdown(Duration::from_secs(60));
            let health = audit.health();
            assert_eq!(drained, Drained::Complete, "{protocol:?} {health:?}");
            assert_eq!(
                (health.refused, health.failed_deliveries),
                (0, 0),
                "{health:?}"
            );
        }
    }
    assert_eq!(sent.len(), 4000);
    let logs = ids(&collector.log_records());
    assert!(
        sent.iter().all(|id| logs.contains(id)),
        "{} came",
        logs.len()
    );
    assert_eq!(ids(&collector.spans()), sent);
}

/// The record ids of what a collector wrote.
fn ids(written: &[(Value, Value)]) -> BTreeSet<String> {
    let id = |item: &Value| {
        let attributes = item["attributes"].as_array().unwrap();
        let found = attributes
            .iter()
            .find(|attribute| attribute["key"] == "llm_audit.record.id");
        found.unwrap()["value"]["stringValue"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    written.iter().map(|(_, item)| id(item)).collect()
}
