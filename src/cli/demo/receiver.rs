//! An OTLP/gRPC receiver in this process: the front door of a collector, with memory behind it.
//!
//! It refuses nothing, keeps every record and every span once, and counts what came again.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::record::attribute;
use crate::record::{AuditRecord, Label, Mac, RecordId, SpanId, TraceId};
use crate::semconv;

/// A receiver at work, on a free port of 127.0.0.1.
pub(super) struct Receiver {
    address: SocketAddr,
    received: Arc<Mutex<Received>>,
    stopping: oneshot::Sender<()>,
    server: JoinHandle<Result<(), tonic::transport::Error>>,
}

/// What has come.
#[derive(Default)]
pub(super) struct Received {
    /// Log records by the id of their record.
    pub(super) logs: BTreeMap<RecordId, ReceivedLog>,
    /// Spans by their id.
    pub(super) spans: BTreeMap<SpanId, ReceivedSpan>,
    /// Log records and spans that were there before.
    pub(super) repeated: u64,
    /// Log records and spans that are no records of an audit trail.
    pub(super) unreadable: u64,
    /// Every request, as bytes.
    pub(super) requests: Vec<Vec<u8>>,
}

/// A log record that came.
pub(super) struct ReceivedLog {
    pub(super) record: AuditRecord,
    pub(super) mac: Option<Mac>,
    /// The process that it comes from.
    pub(super) instance: Option<String>,
}

/// A span that came: what it has in common with a log record.
pub(super) struct ReceivedSpan {
    pub(super) trace_id: Option<TraceId>,
    pub(super) record_id: Option<String>,
    pub(super) mac: Option<String>,
    /// The process that it comes from.
    pub(super) instance: Option<String>,
}

impl Receiver {
    /// Starts it on the current runtime.
    pub(super) fn start() -> std::io::Result<Self> {
        let incoming = TcpIncoming::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = incoming.local_addr()?;
        let received = Arc::new(Mutex::new(Received::default()));
        let (stopping, stopped) = oneshot::channel::<()>();
        let door = Door(Arc::clone(&received));
        let server = Server::builder()
            .add_service(LogsServiceServer::new(door.clone()))
            .add_service(TraceServiceServer::new(door))
            .serve_with_incoming_shutdown(incoming, async { drop(stopped.await) });
        Ok(Self {
            address,
            received,
            stopping,
            server: tokio::spawn(server),
        })
    }

    /// What an exporter calls its endpoint.
    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it, and gives what has come.
    pub(super) async fn stop(self) -> anyhow::Result<Received> {
        drop(self.stopping);
        self.server.await??;
        Ok(std::mem::take(&mut *lock(&self.received)))
    }
}

/// Both services, one memory.
#[derive(Clone)]
struct Door(Arc<Mutex<Received>>);

#[tonic::async_trait]
impl LogsService for Door {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        lock(&self.0).take_logs(&request.into_inner());
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl TraceService for Door {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        lock(&self.0).take_spans(&request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Received {
    fn take_logs(&mut self, request: &ExportLogsServiceRequest) {
        self.requests.push(request.encode_to_vec());
        for of_resource in &request.resource_logs {
            let origin = Origin::of(of_resource.resource.as_ref());
            let scopes = of_resource.scope_logs.iter();
            for log in scopes.flat_map(|scope| &scope.log_records) {
                let decoded = semconv::decode(&log.encode_to_vec(), origin.service.as_ref());
                let Ok(decoded) = decoded else {
                    self.unreadable += 1;
                    continue;
                };
                let id = decoded.record.envelope.record_id;
                let log = ReceivedLog {
                    record: decoded.record,
                    mac: decoded.mac,
                    instance: origin.instance.clone(),
                };
                self.repeated += u64::from(self.logs.insert(id, log).is_some());
            }
        }
    }

    fn take_spans(&mut self, request: &ExportTraceServiceRequest) {
        self.requests.push(request.encode_to_vec());
        for of_resource in &request.resource_spans {
            let origin = Origin::of(of_resource.resource.as_ref());
            let scopes = of_resource.scope_spans.iter();
            for span in scopes.flat_map(|scope| &scope.spans) {
                match span_id(span) {
                    Some(id) => {
                        let span = ReceivedSpan::of(span, &origin);
                        self.repeated += u64::from(self.spans.insert(id, span).is_some());
                    }
                    None => self.unreadable += 1,
                }
            }
        }
    }
}

impl ReceivedSpan {
    fn of(span: &Span, origin: &Origin) -> Self {
        let text = |name| text(&span.attributes, name).map(str::to_owned);
        Self {
            trace_id: trace_id(span),
            record_id: text(attribute::RECORD_ID.name),
            mac: text(attribute::MAC.name),
            instance: origin.instance.clone(),
        }
    }
}

/// What a resource says of the process.
struct Origin {
    service: Option<Label>,
    instance: Option<String>,
}

impl Origin {
    fn of(resource: Option<&Resource>) -> Self {
        let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
        Self {
            service: text(attributes, attribute::SERVICE_NAME.name).map(Label::clip),
            instance: text(attributes, INSTANCE).map(str::to_owned),
        }
    }
}

fn text<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a str> {
    let own = attributes.iter().find(|own| own.key == name)?;
    match own.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

fn trace_id(span: &Span) -> Option<TraceId> {
    TraceId::from_bytes(span.trace_id.as_slice().try_into().ok()?)
}

fn span_id(span: &Span) -> Option<SpanId> {
    SpanId::from_bytes(span.span_id.as_slice().try_into().ok()?)
}

fn lock(received: &Mutex<Received>) -> MutexGuard<'_, Received> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The resource attribute that tells one process from another (OpenTelemetry resource conventions).
pub(super) const INSTANCE: &str = "service.instance.id";
