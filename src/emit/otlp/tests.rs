use super::*;
use crate::emit::environment::Environment;
use crate::emit::sender::TargetConfig;
use crate::semconv::Signal;

fn target(
    destinations: &Destinations,
    signal: Signal,
    variables: &[(&str, &str)],
) -> Result<TargetConfig, String> {
    let environment = Environment::of(variables);
    let target = destinations.target(signal, &environment);
    target.map_err(|error| error.to_string())
}

/// What the environment alone gives for log records and for spans.
fn both(variables: &[(&str, &str)]) -> [TargetConfig; 2] {
    [Signal::Logs, Signal::Traces]
        .map(|signal| target(&Destinations::default(), signal, variables).unwrap())
}

fn shown(target: &TargetConfig) -> String {
    let headers: Vec<String> = target.headers.iter().map(|h| format!("{h:?}")).collect();
    let certificates = &target.certificates;
    format!(
        "{} {:?} [{}] {:?} {:?} {:?} {:?}",
        target.endpoint,
        target.protocol,
        headers.join(" "),
        target.timeout,
        target.compression,
        certificates
            .authorities
            .as_ref()
            .map(|path| path.display().to_string()),
        certificates.client.as_ref().map(|client| format!(
            "{} {}",
            client.chain.display(),
            client.key.display()
        )),
    )
}

#[test]
fn what_is_not_utf_8_is_an_error_unless_it_is_a_path() {
    let target = |name| {
        let environment = Environment::default().and_bytes(name, b"/a\xff");
        let target = Destinations::default().target(Signal::Traces, &environment);
        target.map_err(|error| error.to_string())
    };
    for name in [
        "OTEL_EXPORTER_OTLP_HEADERS",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TIMEOUT",
    ] {
        let error = target(name).unwrap_err();
        assert_eq!(error, format!("{name}: its value is not UTF-8"));
    }
    target("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT").unwrap();
    let certificates = target("OTEL_EXPORTER_OTLP_CERTIFICATE")
        .unwrap()
        .certificates;
    let path = certificates.authorities.unwrap();
    assert_eq!(path.as_os_str().as_encoded_bytes(), b"/a\xff");
}

#[test]
fn without_anything_set_it_is_grpc_to_this_machine() {
    let [logs, traces] = both(&[]);
    let grpc = "opentelemetry.proto.collector";
    assert_eq!(
        shown(&logs),
        format!(
            "http://localhost:4317/{grpc}.logs.v1.LogsService/Export Grpc [] 10s None None None"
        )
    );
    assert!(shown(&traces).contains("trace.v1.TraceService/Export"));
    let [logs, traces] = both(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")]);
    assert_eq!(
        shown(&logs),
        "http://localhost:4318/v1/logs HttpProtobuf [] 10s None None None"
    );
    assert!(shown(&traces).starts_with("http://localhost:4318/v1/traces"));
}

#[test]
fn every_variable_counts_for_both_signals() {
    let [logs, traces] = both(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://a:1/base"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-one=1, x-two=2%20"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/chain"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key"),
    ]);
    let rest = "HttpProtobuf [x-one x-two] 1.5s Gzip Some(\"/ca\") Some(\"/chain /key\")";
    assert_eq!(shown(&logs), format!("https://a:1/base/v1/logs {rest}"));
    assert_eq!(shown(&traces), format!("https://a:1/base/v1/traces {rest}"));
    assert_eq!(
        logs.headers[1],
        super::super::sender::Header::parse("x-two", "2 ").unwrap()
    );
}

#[test]
fn what_is_for_one_signal_beats_what_is_for_both() {
    let general = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:1"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-general=1"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/chain"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key"),
    ];
    for (at, word) in ["LOGS", "TRACES"].into_iter().enumerate() {
        let own: Vec<(String, &str)> = [
            ("ENDPOINT", "https://b:2/own"),
            ("PROTOCOL", "http/protobuf"),
            ("HEADERS", "x-own=1"),
            ("TIMEOUT", "2"),
            ("COMPRESSION", "gzip"),
            ("CERTIFICATE", "/own-ca"),
            ("CLIENT_CERTIFICATE", "/own-chain"),
            ("CLIENT_KEY", "/own-key"),
        ]
        .map(|(name, value)| (format!("OTEL_EXPORTER_OTLP_{word}_{name}"), value))
        .into();
        let mut variables = general.to_vec();
        variables.extend(own.iter().map(|(name, value)| (name.as_str(), *value)));
        let targets = both(&variables);
        assert_eq!(
            shown(&targets[at]),
            "https://b:2/own HttpProtobuf [x-own] 2ms Gzip Some(\"/own-ca\") Some(\"/own-chain /own-key\")"
        );
        let other = shown(&targets[1 - at]);
        assert!(other.starts_with("http://a:1/opentelemetry"), "{other}");
        assert!(other.ends_with("Grpc [x-general] 1ms None Some(\"/ca\") Some(\"/chain /key\")"));
    }
}

#[test]
fn the_code_beats_the_environment_and_headers_of_both_are_sent() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:1"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://a:1/x"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "nonsense"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "nonsense"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "nonsense"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "X-Set=env,x-env=1"),
    ];
    let destinations = Destinations {
        both: Destination::new()
            .endpoint("http://b:2")
            .protocol(Protocol::HttpProtobuf)
            .compression(Compression::Gzip)
            .timeout(Duration::from_secs(3))
            .header("x-set", "code")
            .ca_certificates("/ca")
            .client_certificate("/chain", "/key"),
        traces: Destination::new()
            .endpoint("http://c:3/own")
            .header("x-trace", "1"),
        ..Destinations::default()
    };
    let logs = target(&destinations, Signal::Logs, &variables).unwrap();
    let rest = "3s Gzip Some(\"/ca\") Some(\"/chain /key\")";
    assert_eq!(
        shown(&logs),
        format!("http://b:2/v1/logs HttpProtobuf [x-set x-env] {rest}")
    );
    let traces = target(&destinations, Signal::Traces, &variables).unwrap();
    assert_eq!(
        shown(&traces),
        format!("http://c:3/own HttpProtobuf [x-trace x-set x-env] {rest}")
    );
}

#[test]
fn an_endpoint_without_a_scheme_is_secure_unless_it_is_said_not_to_be() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "a:4317");
    let scheme = |insecure: &[(&str, &str)]| {
        let variables = [&[endpoint][..], insecure].concat();
        both(&variables).map(|target| target.endpoint.to_string().starts_with("https:"))
    };
    assert_eq!(scheme(&[]), [true, true]);
    assert_eq!(
        scheme(&[("OTEL_EXPORTER_OTLP_INSECURE", "false")]),
        [true, true]
    );
    assert_eq!(
        scheme(&[("OTEL_EXPORTER_OTLP_INSECURE", "TRUE")]),
        [false, false]
    );
    assert_eq!(
        scheme(&[("OTEL_EXPORTER_OTLP_LOGS_INSECURE", "true")]),
        [false, true]
    );
    let with_scheme = both(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://a:4317"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "true"),
    ]);
    assert!(with_scheme[0].endpoint.to_string().starts_with("https:"));
}

#[test]
fn what_is_not_understood_is_named_with_its_value_and_what_is_allowed() {
    let table = [
        (
            "PROTOCOL",
            "http/json",
            "\"http/json\" is not one of grpc, http/protobuf",
        ),
        ("COMPRESSION", "zstd", "\"zstd\" is not one of gzip, none"),
        ("INSECURE", "1", "\"1\" is not one of true, false"),
        (
            "TIMEOUT",
            "10s",
            "\"10s\" is not a time from 1 to 3600000 milliseconds",
        ),
        (
            "TIMEOUT",
            "0",
            "\"0\" is not a time from 1 to 3600000 milliseconds",
        ),
        (
            "ENDPOINT",
            "ftp://a",
            "endpoint \"ftp://a\" is not of the form http://host:port or https://host:port",
        ),
        (
            "CLIENT_KEY",
            "/k",
            "\"/k\" has no certificate: set OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE too",
        ),
        (
            "CLIENT_CERTIFICATE",
            "/c",
            "\"/c\" has no key: set OTEL_EXPORTER_OTLP_CLIENT_KEY too",
        ),
    ];
    for (name, value, fault) in table {
        for word in ["", "LOGS_", "TRACES_"] {
            let name = format!("OTEL_EXPORTER_OTLP_{word}{name}");
            let signal = if word == "TRACES_" {
                Signal::Traces
            } else {
                Signal::Logs
            };
            let refused = target(&Destinations::default(), signal, &[(&name, value)]);
            assert_eq!(refused.unwrap_err(), format!("{name}: {fault}"));
        }
    }
    let long = Destinations {
        both: Destination::new().timeout(Duration::ZERO),
        ..Destinations::default()
    };
    assert_eq!(
        target(&long, Signal::Logs, &[]).unwrap_err(),
        "timeout: 0ns is not a time from 1 to 3600000 milliseconds"
    );
}

#[test]
fn no_secret_gets_into_an_error_or_is_shown() {
    for (name, value, named) in [
        ("HEADERS", "x-a=1,s3cret", "member 2"),
        ("HEADERS", "x-a=1,x-b=s3cret%0A", "x-b"),
        ("ENDPOINT", "http://u:s3cret@a:1", "credentials"),
        ("ENDPOINT", "http://a:1?s3cret", "http://a:1"),
    ] {
        let name = format!("OTEL_EXPORTER_OTLP_{name}");
        let refused = target(&Destinations::default(), Signal::Logs, &[(&name, value)]);
        let refused = refused.unwrap_err();
        assert!(
            refused.contains(&name) && refused.contains(named),
            "{refused}"
        );
        assert!(!refused.contains("s3cret"), "{refused}");
    }
    let destination = Destination::new()
        .endpoint("http://a/s3cret")
        .header("x-a", "s3cret");
    assert!(!format!("{destination:?}").contains("s3cret"));
    let destinations = Destinations {
        both: Destination::new().header("x-a", "s3cret"),
        ..Destinations::default()
    };
    let target = target(&destinations, Signal::Logs, &[]).unwrap();
    assert!(!format!("{target:?}").contains("s3cret"));
}
