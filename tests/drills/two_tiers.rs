//! An agent beside the application, and a gateway behind it, with TLS between them.

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::application::{Application, RECORDS, TOKEN};
use crate::collector::Collector;
use crate::{before_a_backend_with, report};

#[test]
fn an_agent_and_a_gateway_that_are_killed_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| directory.path().join(name));
    let name = vec!["127.0.0.1".to_owned()];
    let issued = rcgen::generate_simple_self_signed(name).unwrap();
    fs::write(&certificate, issued.cert.pem()).unwrap();
    fs::write(&key, issued.signing_key.serialize_pem()).unwrap();
    let file = directory.path().join("gateway.yaml");
    fs::write(&file, gateway(&certificate, &key)).unwrap();
    let Some((mut backend, mut gateway)) = before_a_backend_with(file.to_str().unwrap(), &[])
    else {
        return;
    };
    let behind = gateway.endpoint().replace("http://", "");
    let variables = [
        ("LLM_AUDIT_INGEST_TOKEN", TOKEN),
        ("LLM_AUDIT_GATEWAY", &behind),
        ("LLM_AUDIT_GATEWAY_TOKEN", TOKEN),
        ("LLM_AUDIT_GATEWAY_CA", certificate.to_str().unwrap()),
    ];
    let Some(agent) = Collector::absent() else {
        return;
    };
    let mut agent = agent.configured("destinations/agent.yaml", &variables);
    let started = Instant::now();
    for collector in [&mut agent, &mut gateway] {
        collector.start();
    }
    backend.start();
    let application = Application::before(&agent);
    let ids = std::thread::scope(|scope| {
        let recording = scope.spawn(|| application.record(0..RECORDS));
        for kill in 0..KILLS {
            application.wait_until_sent(RECORDS * (kill + 1) / (KILLS + 1));
            for collector in [&mut gateway, &mut agent] {
                collector.kill();
                collector.start();
            }
        }
        recording.join().unwrap()
    });
    let made = application.end(ids);
    let trail = backend.wait_for(&made);
    report("agent and gateway killed", &made, &trail, started);
}

/// `grafana.yaml` with what it needs to be a gateway, as `agent.yaml` says: a certificate.
fn gateway(certificate: &Path, key: &Path) -> String {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("collector-config/destinations/grafana.yaml");
    let text = fs::read_to_string(file).unwrap();
    let door = "endpoint: \"${env:LLM_AUDIT_OTLP_GRPC:-127.0.0.1:4317}\"\n";
    assert_eq!(text.matches(door).count(), 1);
    let [certificate, key] = [certificate, key].map(Path::display);
    let tls = format!("        tls: {{ cert_file: {certificate}, key_file: {key} }}\n");
    text.replace(door, &(door.to_owned() + &tls))
}

/// How often each of them is killed.
const KILLS: usize = 3;
