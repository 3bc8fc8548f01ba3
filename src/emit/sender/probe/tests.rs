use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;

use super::*;
use crate::emit::sender::{Certificates, Endpoint, Reach, Scheme};

const DEADLINE: Duration = Duration::from_secs(30);

fn config(endpoint: &str, protocol: Protocol, compression: Compression) -> SenderConfig {
    let target = |signal| TargetConfig {
        endpoint: Endpoint::parse(endpoint, protocol, signal, Reach::All, Scheme::Http).unwrap(),
        protocol,
        headers: Vec::new(),
        timeout: DEADLINE,
        compression,
        certificates: Certificates::default(),
    };
    let (logs, traces) = (target(Signal::Logs), target(Signal::Traces));
    SenderConfig::new(logs, traces, PathBuf::from("nowhere"), Spans::Sent)
}

/// A receiver of OTLP/HTTP that gives each request this answer, until its process ends.
fn receiver(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), Arc::clone(&answer));
            thread::spawn(move || {
                let mut request = Vec::new();
                let mut bytes = [0; 4096];
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut bytes) {
                        Ok(0) | Err(_) => return,
                        Ok(count) => request.extend_from_slice(&bytes[..count]),
                    }
                }
                let answer = answer(&String::from_utf8_lossy(&request));
                stream.write_all(answer.as_bytes()).ok();
            });
        }
    });
    endpoint
}

fn status(line: &str) -> String {
    format!("HTTP/1.1 {line}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
}

/// Steps and findings of a signal, a line each.
fn lines(report: &ProbeReport, signal: Signal) -> Vec<String> {
    let found = report.signals.iter().find(|probe| probe.signal == signal);
    let line = |check: &Check| match &check.finding {
        Finding::Passed(what) => format!("{}: {what}", check.step),
        Finding::Problem { what, remedy } => format!("{} fails: {what}; {remedy}", check.step),
    };
    found.unwrap().checks.iter().map(line).collect()
}

#[test]
fn every_step_passes_where_the_receiver_takes_everything() {
    let endpoint = receiver(|_| status("200 OK"));
    let config = config(&endpoint, Protocol::HttpProtobuf, Compression::Gzip);
    let report = probe(&config, DEADLINE);
    for (signal, path) in [(Signal::Logs, "logs"), (Signal::Traces, "traces")] {
        let address = endpoint.trim_start_matches("http://");
        assert_eq!(
            lines(&report, signal),
            [
                "name resolution: 127.0.0.1".to_owned(),
                format!("connection: {address}"),
                "answer: a request without records was taken".to_owned(),
                "compression: gzip is taken, and on".to_owned(),
            ]
        );
        let probe = report.signals.iter().find(|probe| probe.signal == signal);
        assert_eq!(probe.unwrap().endpoint, format!("{endpoint}/v1/{path}"));
    }
}

#[test]
fn what_fails_is_named_with_what_to_do_and_nothing_behind_it_is_tried() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = format!("http://{}", held.local_addr().unwrap());
    drop(held);
    let unauthorized = receiver(|_| status("401 Unauthorized"));
    let mail = receiver(|_| "220 mail.example.com ESMTP\r\n".to_owned());
    let table = [
        (
            free,
            "connection fails: no connection to the receiver: nobody listens there",
        ),
        (
            unauthorized,
            "answer fails: the receiver says HTTP 401; check OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (
            mail,
            "answer fails: no connection to the receiver; check OTEL_EXPORTER_OTLP_PROTOCOL",
        ),
    ];
    for (endpoint, expected) in table {
        let config = config(&endpoint, Protocol::HttpProtobuf, Compression::None);
        let lines = lines(&probe(&config, DEADLINE), Signal::Logs);
        let last = lines.last().unwrap();
        assert!(last.starts_with(expected), "{lines:?}");
    }
}

#[test]
fn a_receiver_without_spans_is_well_and_one_without_gzip_is_no_problem_where_it_is_off() {
    let endpoint = receiver(|request| {
        let traces = request.starts_with("POST /v1/traces");
        let gzip = request.contains("content-encoding: gzip");
        status(match (traces, gzip) {
            (true, _) => "404 Not Found",
            (false, true) => "415 Unsupported Media Type",
            (false, false) => "200 OK",
        })
    });
    let last = |compression, signal| {
        let config = config(&endpoint, Protocol::HttpProtobuf, compression);
        lines(&probe(&config, DEADLINE), signal).pop().unwrap()
    };
    assert!(
        last(Compression::None, Signal::Traces).starts_with("answer: the receiver says HTTP 404")
    );
    assert_eq!(
        last(Compression::None, Signal::Logs),
        "compression: gzip is not taken, and off"
    );
    assert!(last(Compression::Gzip, Signal::Logs).starts_with("compression fails"));
}

#[test]
fn a_receiver_that_hangs_is_told_at_the_deadline_with_the_step_that_hung() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let config = config(&endpoint, protocol, Compression::None);
        let report = probe(&config, Duration::from_millis(300));
        let last = lines(&report, Signal::Logs).pop().unwrap();
        assert!(
            last.starts_with("answer fails: the receiver did not answer in time"),
            "{last}"
        );
    }
}

#[test]
fn a_probe_needs_no_runtime_and_works_inside_one() {
    let endpoint = receiver(|_| status("200 OK"));
    let config = config(&endpoint, Protocol::HttpProtobuf, Compression::None);
    let runtime = Builder::new_current_thread().build().unwrap();
    let report = runtime.block_on(async { probe(&config, DEADLINE) });
    assert_eq!(lines(&report, Signal::Logs).len(), 4);
}
