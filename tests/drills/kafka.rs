//! Kafka between an agent and a gateway.

use std::path::Path;
use std::time::Instant;

use crate::application::{Application, RECORDS, TOKEN, wait_until};
use crate::broker::Broker;
use crate::collector::Collector;
use crate::far_side::FarSide;
use crate::refusing::Refusing;
use crate::report;

#[test]
fn a_broker_and_a_gateway_that_are_killed_lose_nothing() {
    let Some((mut broker, mut agent, mut gateway, mut backend)) = around_a_broker() else {
        return;
    };
    let started = Instant::now();
    for collector in [&mut agent, &mut gateway] {
        collector.start();
    }
    backend.start();
    let application = Application::before(&agent);
    let mut ids = application.record(0..RECORDS / 2);
    backend.wait_for_the_first();
    broker.kill();
    ids.extend(application.record(RECORDS / 2..RECORDS));
    gateway.kill();
    broker.start();
    gateway.start();
    agent.kill();
    agent.start();
    let made = application.end(ids);
    let trail = backend.wait_for(&made);
    let what = "Kafka's broker, the gateway and the agent killed";
    report(what, &made, &trail, started);
}

#[test]
fn what_a_backend_refuses_for_good_waits_in_kafka() {
    let Some((_broker, mut agent, mut gateway, mut backend)) = around_a_broker() else {
        return;
    };
    let started = Instant::now();
    let refusing = Refusing::at(&backend.http());
    for collector in [&mut agent, &mut gateway] {
        collector.start();
    }
    let application = Application::before(&agent);
    let ids = application.record(0..RECORDS);
    let made = application.end(ids);
    wait_until(|| refusing.refused() > 0);
    drop(refusing);
    backend.start();
    // A partition that stopped stays so until its reader is another one.
    gateway.stop();
    gateway.start();
    let trail = backend.wait_for(&made);
    report("Kafka's backend says 400", &made, &trail, started);
}

/// A broker that is running, and what stands around it and does not: `kafka-agent.yaml` before it, `kafka-gateway.yaml`
/// behind it, and a backend behind that.
fn around_a_broker() -> Option<(Broker, Collector, Collector, FarSide)> {
    let Some(full) = std::env::var_os("LLM_AUDIT_TEST_COLLECTOR_FULL") else {
        println!("SKIPPED: set LLM_AUDIT_TEST_COLLECTOR_FULL to what `.ci/collector full` prints");
        return None;
    };
    let mut broker = Broker::absent()?;
    broker.start();
    broker.make_topic("llm_audit.logs");
    let collector = || Collector::of(Path::new(&full));
    let backend = FarSide::absent(collector());
    let kafka = ("LLM_AUDIT_KAFKA", broker.address());
    let agent = [kafka, ("LLM_AUDIT_INGEST_TOKEN", TOKEN)];
    let agent = collector().configured("destinations/kafka-agent.yaml", &agent);
    let gateway = [kafka, ("LLM_AUDIT_BACKEND", &backend.http())];
    let gateway = collector().configured("destinations/kafka-gateway.yaml", &gateway);
    Some((broker, agent, gateway, backend))
}
