//! Secrets planted in every place of a call and of the spans around it, with every order of layers, every pipeline and
//! every way of telling of a call: where they may be, and where they never are.
//!
//! | pipeline | the application's own exporters | through the auditor: spool, OTLP, JSON lines |
//! |---|---|---|
//! | none | | nothing |
//! | stock | nothing of what was told by `AuditSpanExt`; fields, attributes and texts of errors are as they were given, and `verify_installed` says so | nothing |
//! | wrapped | nothing | nothing |

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use llm_audit::clock::Clock;
use llm_audit::record::Body;
use llm_audit::telemetry::SanitizingProcessor;
use llm_audit::{AuditSpanExt as _, Auditor, Drained, NotInstalled, Provider, keyring_file};
use opentelemetry::trace::{
    Link, Span as _, SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId,
    TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, InMemorySpanExporter, SdkTracerProvider, SimpleSpanProcessor,
};
use serde_json::json;
use tracing::{Dispatch, Span, error, info_span, instrument};
use tracing_subscriber::Registry;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::receiver::Receiver;
use crate::stage::{PATIENCE, auditor};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layers {
    Alone,
    BeforeThePipeline,
    BehindThePipeline,
    WithFmt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pipeline {
    None,
    Stock,
    Wrapped,
}

/// How a call is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `#[instrument(skip_all)]` and [`AuditSpanExt`](llm_audit::AuditSpanExt).
    Told,
    /// Fields of `tracing`, content in them too.
    Fields,
    /// A span of the OpenTelemetry API with content in every part of it.
    OpenTelemetry,
    /// `#[instrument(err)]` on the call and around it.
    Err,
}

const LAYERS: [Layers; 4] = [
    Layers::Alone,
    Layers::BeforeThePipeline,
    Layers::BehindThePipeline,
    Layers::WithFmt,
];
const PIPELINES: [Pipeline; 3] = [Pipeline::None, Pipeline::Stock, Pipeline::Wrapped];
const WAYS: [Way; 4] = [Way::Told, Way::Fields, Way::OpenTelemetry, Way::Err];

/// What nobody is to see, and a model that everybody is.
struct Secrets {
    prompt: String,
    answer: String,
    system: String,
    tools: String,
    key: String,
    model: String,
}

impl Secrets {
    fn new() -> Self {
        let clock = Clock::system();
        let letters = || -> String {
            let dice: [u8; 20] = clock.random();
            dice.iter().map(|die| char::from(b'a' + die % 26)).collect()
        };
        Self {
            prompt: letters(),
            answer: letters(),
            system: letters(),
            tools: letters(),
            key: format!("sk-proj-{}", letters()),
            model: letters(),
        }
    }

    fn planted(&self) -> [&str; 5] {
        [
            &self.prompt,
            &self.answer,
            &self.system,
            &self.tools,
            &self.key,
        ]
    }

    fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        let planted = self.planted().into_iter();
        planted.filter(|secret| contains(bytes, secret)).collect()
    }

    fn messages(&self) -> String {
        json!([{ "role": "user", "content": self.prompt }]).to_string()
    }

    fn error(&self) -> String {
        format!(
            "the provider says 400: \"{}\" is not allowed, {} neither, with key {}",
            self.prompt, self.answer, self.key
        )
    }
}

#[instrument(skip_all, fields(gen_ai.operation.name = "chat", gen_ai.request.model = secrets.model))]
fn told(secrets: &Secrets) {
    let call = Span::current();
    call.audit_system_prompt(&secrets.system)
        .unwrap()
        .audit_input(&secrets.messages())
        .unwrap()
        .audit_tools(&json!([{ "name": secrets.tools }]))
        .unwrap()
        .audit_credential(&secrets.key)
        .unwrap();
    let answer = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": secrets.model,
                         "content": [{ "type": "text", "text": secrets.answer }], "stop_reason": "end_turn",
                         "usage": { "input_tokens": 21, "output_tokens": 2 } });
    call.audit_response(Provider::Anthropic, &answer).unwrap();
    let failed: Result<(), String> = Err(secrets.error());
    call.audit_result(failed).unwrap_err();
}

fn fields(secrets: &Secrets) {
    let call = info_span!(
        "fields",
        gen_ai.operation.name = "chat",
        gen_ai.request.model = secrets.model,
        gen_ai.input.messages = secrets.messages(),
        gen_ai.system_instructions = secrets.system,
        gen_ai.tool.definitions = secrets.tools,
        gen_ai.output.messages = tracing::field::Empty,
        prompt = secrets.prompt,
    );
    call.in_scope(|| {
        tracing::info!("prompt is {}", secrets.prompt);
        call.record("gen_ai.output.messages", &secrets.answer);
        error!(error = secrets.error());
    });
}

fn open_telemetry(secrets: &Secrets, provider: &SdkTracerProvider) {
    let tracer = provider.tracer("another");
    let elsewhere = SpanContext::new(
        TraceId::from(7),
        SpanId::from(7),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    let content = || KeyValue::new("input.value", secrets.prompt.clone());
    let list = Value::Array(Array::String(vec![StringValue::from(
        secrets.answer.clone(),
    )]));
    let around = tracer.start("around");
    let around = Context::new().with_span(around);
    let mut call = tracer
        .span_builder(format!("chat {}", secrets.prompt))
        .with_links(vec![Link::new(elsewhere, vec![content()], 0)])
        .start_with_context(&tracer, &around);
    call.set_attributes([
        content(),
        KeyValue::new("gen_ai.operation.name", "chat"),
        KeyValue::new("gen_ai.request.model", secrets.model.clone()),
        KeyValue::new("gen_ai.input.messages", secrets.messages()),
        KeyValue::new("gen_ai.prompt.0.content", secrets.prompt.clone()),
        KeyValue::new("gen_ai.system_instructions", secrets.system.clone()),
        KeyValue::new("gen_ai.tool.call.arguments", secrets.tools.clone()),
        KeyValue::new("output.value", list),
        KeyValue::new("http.request.header.authorization", secrets.key.clone()),
    ]);
    call.add_event(
        secrets.prompt.clone(),
        vec![KeyValue::new("content", secrets.system.clone())],
    );
    call.add_event(
        "exception",
        vec![
            KeyValue::new("exception.message", secrets.error()),
            KeyValue::new("exception.stacktrace", secrets.error()),
            KeyValue::new("exception.type", format!("no {}", secrets.tools)),
        ],
    );
    call.set_status(Status::error(secrets.error()));
    call.end();
    around.span().set_status(Status::error(secrets.error()));
    around.span().end();
}

#[instrument(skip_all, err, fields(gen_ai.operation.name = "chat", gen_ai.request.model = secrets.model))]
fn fails(secrets: &Secrets) -> Result<(), String> {
    Span::current()
        .audit_input(&secrets.messages())
        .unwrap()
        .audit_output(&secrets.answer)
        .unwrap();
    Err(secrets.error())
}

#[instrument(skip_all, err)]
fn around(secrets: &Secrets) -> Result<(), String> {
    fails(secrets)
}

/// One application, and where its bytes go.
struct Scene {
    layers: Layers,
    pipeline: Pipeline,
    way: Way,
    secrets: Secrets,
    directory: tempfile::TempDir,
    ours: Receiver,
    theirs: Receiver,
    exporter: InMemorySpanExporter,
    shown: Shown,
}

/// What the fmt layer has written.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<u8>>>);

impl io::Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Scene {
    fn new(layers: Layers, pipeline: Pipeline, way: Way) -> Self {
        Self {
            layers,
            pipeline,
            way,
            secrets: Secrets::new(),
            directory: tempfile::tempdir().unwrap(),
            ours: Receiver::start(),
            theirs: Receiver::start(),
            exporter: InMemorySpanExporter::default(),
            shown: Shown::default(),
        }
    }

    /// A provider with an exporter in memory and one of OTLP.
    fn provider(&self, audit: &Auditor) -> SdkTracerProvider {
        let wire = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(self.theirs.endpoint())
            .build()
            .unwrap();
        let wire = BatchSpanProcessor::builder(wire).build();
        let memory = SimpleSpanProcessor::new(self.exporter.clone());
        let provider = SdkTracerProvider::builder();
        match self.pipeline {
            Pipeline::None => provider.build(),
            Pipeline::Stock => provider
                .with_span_processor(memory)
                .with_span_processor(wire)
                .build(),
            Pipeline::Wrapped => provider
                .with_span_processor(SanitizingProcessor::new(memory, audit))
                .with_span_processor(SanitizingProcessor::new(wire, audit))
                .build(),
        }
    }

    fn subscriber(&self, audit: &Auditor, provider: &SdkTracerProvider) -> Dispatch {
        let pipeline = self.pipeline != Pipeline::None;
        let tracer = || pipeline.then(|| provider.tracer("application"));
        match self.layers {
            Layers::Alone => Dispatch::new(Registry::default().with(audit.layer())),
            Layers::BeforeThePipeline => {
                let otel =
                    tracer().map(|tracer| tracing_opentelemetry::layer().with_tracer(tracer));
                Dispatch::new(Registry::default().with(audit.layer()).with(otel))
            }
            Layers::BehindThePipeline => {
                let otel =
                    tracer().map(|tracer| tracing_opentelemetry::layer().with_tracer(tracer));
                Dispatch::new(Registry::default().with(otel).with(audit.layer()))
            }
            Layers::WithFmt => {
                let otel =
                    tracer().map(|tracer| tracing_opentelemetry::layer().with_tracer(tracer));
                let shown = self.shown.clone();
                let fmt = tracing_subscriber::fmt::layer()
                    .with_span_events(FmtSpan::FULL)
                    .with_writer(move || shown.clone());
                let subscriber = Registry::default().with(fmt).with(audit.layer());
                Dispatch::new(subscriber.with(otel))
            }
        }
    }

    /// Plays the application: what is in the spool before anything of it is delivered, and what its exporter in memory has.
    fn play(&self) -> (Vec<u8>, String) {
        let data_dir = self.directory.path();
        // Nobody is there yet, so that all stays in the spool.
        let audit = auditor(data_dir)
            .endpoint("http://127.0.0.1:9")
            .json_lines()
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let provider = runtime.block_on(async { self.provider(&audit) });
        let subscriber = self.subscriber(&audit, &provider);
        tracing::dispatcher::with_default(&subscriber, || {
            match self.way {
                Way::Told => told(&self.secrets),
                Way::Fields => fields(&self.secrets),
                Way::OpenTelemetry => open_telemetry(&self.secrets, &provider),
                Way::Err => around(&self.secrets).unwrap_err().clear(),
            }
            let found = audit.verify_installed();
            let content = NotInstalled::ContentInFields { callsites: 1 };
            let expected = if self.way == Way::Fields {
                Err(content)
            } else {
                Ok(())
            };
            assert_eq!(found, expected, "{self}");
        });
        drop(subscriber);
        provider.force_flush().unwrap();
        audit.flush().unwrap();
        let spool = bytes_below(data_dir, "seg");
        let memory = format!("{:?}", self.exporter.get_finished_spans().unwrap());
        audit.shutdown(std::time::Duration::ZERO);
        (spool, memory)
    }

    fn check(&self) {
        let (spool, memory) = self.play();
        let delivering = auditor(self.directory.path())
            .endpoint(&self.ours.endpoint())
            .json_lines()
            .build()
            .unwrap();
        assert_eq!(delivering.shutdown(PATIENCE), Drained::Complete, "{self}");
        let requests = self.ours.requests();
        let lines = bytes_below(self.directory.path(), "jsonl");
        let (logs, spans) = (requests.logs.concat(), requests.traces.concat());
        for (where_to, bytes) in [
            ("spool", &spool),
            ("JSON lines", &lines),
            ("log records", &logs),
            ("spans", &spans),
        ] {
            let found = self.secrets.found_in(bytes);
            assert!(found.is_empty(), "{self}: {found:?} in the {where_to}");
        }
        let keys = keyring_file::read(&self.directory.path().join("keyring.json")).unwrap();
        let trail = requests.trail(&keys);
        let is_call =
            |record: &&llm_audit::record::AuditRecord| matches!(record.body, Body::Call(_));
        let calls = trail.records.values().filter(is_call).count();
        assert_eq!(calls, usize::from(self.is_recorded()), "{self}");
        if self.is_recorded() {
            assert!(contains(&logs, &self.secrets.model), "{self}");
            assert!(
                contains(&logs, "the provider says 400"),
                "{self}: what is the error's own"
            );
        }
        self.check_theirs(&memory);
        let shown = self.shown.0.lock().unwrap();
        if self.way == Way::Told {
            assert!(self.secrets.found_in(&shown).is_empty(), "{self}");
        }
    }

    /// What the application's own exporters have.
    fn check_theirs(&self, memory: &str) {
        let wire = self.theirs.requests().traces.concat();
        let seen = self.pipeline != Pipeline::None
            && (self.layers != Layers::Alone || self.way == Way::OpenTelemetry);
        for (where_to, bytes) in [("memory", memory.as_bytes()), ("wire", &wire[..])] {
            let found = self.secrets.found_in(bytes);
            let promised = self.pipeline == Pipeline::Wrapped || self.way == Way::Told || !seen;
            assert_eq!(
                found.is_empty(),
                promised,
                "{self}: {found:?} in what the application exports ({where_to})"
            );
            let call_is_there = contains(bytes, &self.secrets.model);
            let expected = seen && self.pipeline == Pipeline::Stock;
            assert_eq!(
                call_is_there, expected,
                "{self}: the call's span ({where_to})"
            );
        }
    }

    /// Whether anything of the auditor sees the call.
    fn is_recorded(&self) -> bool {
        self.way != Way::OpenTelemetry || self.pipeline == Pipeline::Wrapped
    }
}

impl std::fmt::Display for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            layers,
            pipeline,
            way,
            ..
        } = self;
        write!(f, "layers {layers:?}, pipeline {pipeline:?}, way {way:?}")
    }
}

#[test]
fn no_planted_secret_leaves_where_it_is_promised() {
    for layers in LAYERS {
        for pipeline in PIPELINES {
            for way in WAYS {
                Scene::new(layers, pipeline, way).check();
            }
        }
    }
}

/// The bytes of all files of a kind.
fn bytes_below(directory: &Path, extension: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes.extend(bytes_below(&path, extension));
        } else if path.extension().is_some_and(|own| own == extension) {
            bytes.extend(fs::read(path).unwrap());
        }
    }
    bytes
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}
