//! The sender in its host: it is not heard, it holds nobody up, and it says what it cannot do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "fault_matrix/server.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod server;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use llm_audit::otlp::{Compression, Destination, Protocol};
use llm_audit::{Auditor, AuditorBuilder, CallStart, Drained};
use server::{Column, Door, PATIENCE, Server};
use tempfile::TempDir;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

fn auditor(directory: &TempDir, destination: Destination) -> AuditorBuilder {
    Auditor::builder()
        .data_dir(directory.path())
        .generate_keyring()
        .destination(destination)
}

fn destination(server: &Server, column: Column) -> Destination {
    Destination::new()
        .endpoint(&format!("http://localhost:{}", server.port()))
        .protocol(match column {
            Column::Grpc => Protocol::Grpc,
            Column::Http => Protocol::HttpProtobuf,
        })
        .timeout(PATIENCE)
}

fn a_call(audit: &Auditor) {
    let call = audit.start(CallStart::new("chat").user("anna")).unwrap();
    call.finish().unwrap();
}

/// Hears everything, and keeps the threads that spoke and what about.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<(String, String)>>>);

impl Ear {
    fn hear(&self, target: &str) {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        self.0.lock().unwrap().push((thread, target.to_owned()));
    }
}

impl<S: tracing::Subscriber> Layer<S> for Ear {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        self.hear(event.metadata().target());
    }

    fn on_new_span(
        &self,
        span: &tracing::span::Attributes<'_>,
        _: &tracing::Id,
        _: Context<'_, S>,
    ) {
        self.hear(span.metadata().target());
    }
}

#[test]
fn nothing_that_the_sender_does_is_heard_or_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let ear = Ear::default();
    let mut servers = [Column::Grpc, Column::Http].map(Server::start);
    let first = destination(&servers[0], Column::Grpc).compression(Compression::Gzip);
    let audit = auditor(&directory, first).build().unwrap();
    let subscriber = tracing_subscriber::registry()
        .with(audit.layer())
        .with(ear.clone());
    // The subscriber of the whole process: it hears every thread that has none of its own.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    for _ in 0..50 {
        a_call(&audit);
    }
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    // Calls, the start and the stop: the way of a record makes no record.
    assert_eq!(audit.health().spooled, 52);
    assert_eq!(servers[0].ledger().logs.len(), 52);
    drop(audit);
    let second = destination(&servers[1], Column::Http);
    let audit = auditor(&directory, second).build().unwrap();
    servers[1].wait_for(|ledger| !ledger.logs.is_empty());
    servers[1].kill();
    a_call(&audit);
    while audit.health().failed_deliveries < 2 {
        std::thread::yield_now();
    }
    servers[1].appear();
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    let heard = ear.0.lock().unwrap();
    let of_ours: Vec<_> = heard
        .iter()
        .filter(|(thread, _)| thread.starts_with("llm-audit"))
        .collect();
    assert!(of_ours.is_empty(), "{of_ours:?}");
    let servers_h2 = heard.iter().any(|(_, target)| target.starts_with("h2"));
    assert!(
        servers_h2,
        "the server's own HTTP/2 is heard, so ours would be"
    );
}

#[test]
fn a_shutdown_ends_in_time_wherever_the_way_to_the_receiver_hangs() {
    let in_current_thread = |audit: Auditor, deadline| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async { audit.shutdown(deadline) })
    };
    let on_the_only_worker = |audit: Auditor, deadline| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).build().unwrap();
        let task = runtime.spawn(async move { audit.shutdown(deadline) });
        runtime.block_on(task).unwrap()
    };
    let awaited = |audit: Auditor, deadline| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(audit.shutdown_async(deadline))
    };
    let ways: [fn(Auditor, Duration) -> Drained; 3] =
        [in_current_thread, on_the_only_worker, awaited];
    for way in ways {
        for column in [Column::Grpc, Column::Http] {
            let directory = tempfile::tempdir().unwrap();
            let server = Server::start(column);
            server.doors(|_| Door::Hangs);
            let audit = auditor(&directory, destination(&server, column))
                .build()
                .unwrap();
            a_call(&audit);
            server.wait_for(|ledger| ledger.connections > 0);
            let begun = Instant::now();
            let drained = way(audit, Duration::from_millis(200));
            let taken = begun.elapsed();
            assert!(taken < Duration::from_secs(10), "{taken:?}");
            assert!(matches!(drained, Drained::Remaining(_)), "{drained:?}");
        }
    }
}

#[cfg(feature = "tls")]
#[test]
fn a_shutdown_ends_in_time_where_the_handshake_of_tls_hangs() {
    for column in [Column::Grpc, Column::Http] {
        let directory = tempfile::tempdir().unwrap();
        let authority = directory.path().join("ca.pem");
        let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(&authority, key.cert.pem()).unwrap();
        let server = Server::start(column);
        server.doors(|_| Door::Hangs);
        let secret = destination(&server, column)
            .endpoint(&format!("https://localhost:{}", server.port()))
            .ca_certificates(&authority);
        let audit = auditor(&directory, secret).build().unwrap();
        a_call(&audit);
        server.wait_for(|ledger| ledger.connections > 0);
        let begun = Instant::now();
        let drained = audit.shutdown(Duration::from_millis(200));
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert!(matches!(drained, Drained::Remaining(_)), "{drained:?}");
    }
}

#[cfg(not(feature = "tls"))]
#[test]
fn without_tls_an_endpoint_that_needs_it_names_the_feature() {
    let directory = tempfile::tempdir().unwrap();
    let built = auditor(&directory, Destination::new().endpoint("https://localhost")).build();
    let refused = built.unwrap_err().to_string();
    assert!(refused.contains("feature `tls`"), "{refused}");
}
