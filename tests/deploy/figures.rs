//! The figures that `collector-config/SCALE.md` works with: bytes of a call in each place, and processor time of a collector.
//!
//! `LLM_AUDIT_FIGURES_CALLS` says of how many calls: 1,000 unless said, 20,000 for SCALE.md. A call has 24 attributes and
//! hashes of system prompt, input and output, and makes a log record and a span.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use llm_audit::record::{Mac, canonical};
use llm_audit::semconv::LogForm;
use llm_audit::{AuditSpanExt as _, Auditor, Drained};
use serde_json::Value;
use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::collector::Collector;
use crate::until;

#[test]
fn the_figures_of_a_call_on_its_way() {
    let (Some(mut gateway), Some(agent)) = (Collector::absent(), Collector::absent()) else {
        return;
    };
    let (http, grpc) = (gateway.http_endpoint(), gateway.endpoint());
    let grpc = grpc.strip_prefix("http://").unwrap();
    let variables = [
        ("LLM_AUDIT_INGEST_TOKEN", "any"),
        ("LLM_AUDIT_EVERYTHING", http.as_str()),
        ("LLM_AUDIT_JAEGER", grpc),
    ];
    let agent = agent.configured("destinations/several.yaml", &variables);
    let mut agent = agent.without("logs/notable");
    let directory = tempfile::tempdir().unwrap();
    let audit = Auditor::builder()
        .service("billing")
        .data_dir(directory.path())
        .generate_keyring()
        .endpoint(&agent.endpoint())
        .header("authorization", "Bearer any")
        .spool_bytes(8 << 30)
        .json_lines()
        .build()
        .unwrap();
    make_calls(&audit);
    audit.flush().unwrap();
    println!("{} calls, each a log record and a span", calls());
    say_bytes("in the spool, undelivered", audit.health().spool_bytes.0);

    agent.start();
    let taking = processor_time("config.yaml");
    assert_eq!(audit.shutdown(PATIENCE), Drained::Complete);
    say_bytes("in our JSON lines", size_of(directory.path(), "audit_"));
    say_forms(directory.path());
    let taken = processor_time("config.yaml");
    say_bytes(
        "in the collector's queue, with its span",
        size_of(&queue("config.yaml"), ""),
    );
    say_time(
        "a collector takes it into its queue, fsynced, and its copy",
        taken - taking,
    );

    gateway.start();
    let receiving = processor_time("file.yaml");
    let there = || {
        let ((logged, _), (traced, _)) = (gateway.logged_ids(), gateway.traced_ids());
        logged.len() as u64 > calls() && traced.len() as u64 >= calls()
    };
    until("everything is at the gateway", there);
    say_time(
        "and sends it on from there",
        processor_time("config.yaml") - taken,
    );
    say_time(
        "a collector takes it into files",
        processor_time("file.yaml") - receiving,
    );
    let json = |(_, item): &(Value, Value)| item.to_string().len() as u64;
    let (logged, traced) = (gateway.log_records(), gateway.spans());
    say_bytes(
        "its log record in the collector's file",
        logged.iter().map(json).sum(),
    );
    say_bytes(
        "its span in the collector's file",
        traced.iter().map(json).sum(),
    );
}

fn make_calls(audit: &Auditor) {
    let subscriber = tracing_subscriber::registry().with(audit.layer());
    tracing::subscriber::with_default(subscriber, || (0..calls()).for_each(call));
}

/// A call of one of a thousand users, whose ids and contents are like no other's: what is random does not compress.
fn call(number: u64) {
    let id = |head: &str| format!("{head}_{:016x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let span = info_span!(
        "chat",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "anthropic",
        gen_ai.request.model = "claude-sonnet-4-5",
        gen_ai.response.model = "claude-sonnet-4-5-20250929",
        gen_ai.response.id = id("msg"),
        gen_ai.response.finish_reasons = "end_turn",
        gen_ai.conversation.id = id("conversation"),
        session.id = id("session"),
        user.id = format!("user-{}@example.com", number % 1_000),
        llm_audit.tenant = "acme",
        llm_audit.action = "messages.create",
        llm_audit.service_tier = "standard",
        client.address = "192.0.2.17",
        server.address = "api.anthropic.com",
        server.port = 443_i64,
        gen_ai.request.max_tokens = 1024_i64,
        gen_ai.usage.input_tokens = number.cast_signed() % 4096,
        gen_ai.usage.output_tokens = 310_i64,
        gen_ai.usage.cache_read.input_tokens = 0_i64,
        gen_ai.usage.cache_write.input_tokens = 0_i64,
        gen_ai.usage.reasoning.output_tokens = 17_i64,
        gen_ai.request.temperature = 0.7,
        gen_ai.request.top_p = 0.95,
        gen_ai.response.time_to_first_chunk = 0.231,
    );
    span.in_scope(|| {
        span.audit_system_prompt("You help customers.").unwrap();
        span.audit_input(&id("question")).unwrap();
        span.audit_output(&id("answer")).unwrap();
    });
}

/// The log record as it is sent, in requests of a thousand, plain and compressed; what is beside the attributes of a
/// record in a request is a few bytes for all.
fn say_forms(data_dir: &Path) {
    let mut form = LogForm::default();
    let (mut plain, mut packed, mut records) = (0, 0, 0);
    for file in files(data_dir, "audit_") {
        let text = fs::read_to_string(file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for lines in lines.chunks(1_000) {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
            for line in lines {
                let line: Value = serde_json::from_str(line).unwrap();
                let (record, _) = canonical::parse(&line["record"].to_string()).unwrap();
                let mac: Mac = line["mac"].as_str().unwrap().parse().unwrap();
                form.write(&record, record.envelope.position.unwrap().seq, &mac);
                for piece in form.pieces() {
                    plain += piece.len() as u64;
                    gzip.write_all(piece).unwrap();
                }
                records += 1;
            }
            packed += gzip.finish().unwrap().len() as u64;
        }
    }
    assert!(records > calls());
    say_bytes("its log record in OTLP", plain);
    say_bytes("its log record in OTLP, gzip", packed);
}

fn say_bytes(what: &str, bytes: u64) {
    println!("{what}: {:.0} bytes", bytes as f64 / calls() as f64);
}

fn say_time(what: &str, time: Duration) {
    assert!(time > Duration::ZERO, "{what}");
    println!(
        "{what}: {:.1} µs of a core",
        time.as_secs_f64() * 1e6 / calls() as f64
    );
}

/// How much processor time the child with this configuration has had so far.
fn processor_time(configuration: &str) -> Duration {
    let stat = fs::read_to_string(child(configuration).join("stat")).unwrap();
    let ticks: u64 = fields(&stat)[11..13]
        .iter()
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 10)
}

/// The queue on disk of the child with this configuration.
fn queue(configuration: &str) -> PathBuf {
    let environment = fs::read(child(configuration).join("environ")).unwrap();
    let mut variables = environment.split(|byte| *byte == 0);
    let directory = variables.find_map(|one| one.strip_prefix(b"LLM_AUDIT_COLLECTOR_DIR="));
    Path::new(std::str::from_utf8(directory.unwrap()).unwrap()).join("queue")
}

/// A child of this process by its command line, as its directory in /proc.
fn child(configuration: &str) -> PathBuf {
    let own = std::process::id().to_string();
    let processes = fs::read_dir("/proc").unwrap();
    let mut processes = processes.map(|process| process.unwrap().path());
    let is_it = |process: &PathBuf| {
        let read = |name| fs::read(process.join(name)).unwrap_or_default();
        let (stat, words) = (read("stat"), read("cmdline"));
        let stat = String::from_utf8_lossy(&stat);
        String::from_utf8_lossy(&words).contains(configuration)
            && fields(&stat).get(1) == Some(&own.as_str())
    };
    processes.find(is_it).unwrap()
}

/// What stands behind the name, which may hold anything: state, parent, … and as 12th and 13th the times (proc(5)).
fn fields(stat: &str) -> Vec<&str> {
    let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
    fields.split_whitespace().collect()
}

fn size_of(directory: &Path, start: &str) -> u64 {
    let sizes = files(directory, start).into_iter();
    sizes.map(|file| fs::metadata(file).unwrap().len()).sum()
}

fn files(directory: &Path, start: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let named = entries.map(|entry| entry.unwrap());
    named
        .filter(|entry| entry.file_name().to_str().unwrap().starts_with(start))
        .map(|entry| entry.path())
        .collect()
}

fn calls() -> u64 {
    let calls = std::env::var_os("LLM_AUDIT_FIGURES_CALLS");
    calls.map_or(1_000, |calls| calls.into_string().unwrap().parse().unwrap())
}

const PATIENCE: Duration = Duration::from_secs(600);
