//! A receiver that keeps nothing of what arrives but which record it was, so that it can take millions.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message as _;

use crate::receiver::{Receiver, Signal};

/// The receiver. It ends with this.
pub(crate) struct Counter {
    receiver: Receiver,
    arrived: Arc<(Mutex<Arrived>, Condvar)>,
}

/// What arrived: ids of records, and how many copies of them beyond the first.
#[derive(Default)]
pub(crate) struct Arrived {
    pub(crate) logged: BTreeSet<String>,
    pub(crate) logged_again: u64,
    pub(crate) traced: BTreeSet<String>,
    pub(crate) traced_again: u64,
}

impl Counter {
    pub(crate) fn start(listener: TcpListener) -> Self {
        let arrived = Arc::<(Mutex<Arrived>, Condvar)>::default();
        let taking = Arc::clone(&arrived);
        let take = move |signal, request| {
            let ids = ids(signal, request);
            let mut arrived = taking.0.lock().unwrap();
            match signal {
                Signal::Logs => {
                    for id in ids {
                        arrived.logged_again += u64::from(!arrived.logged.insert(id));
                    }
                }
                Signal::Traces => {
                    for id in ids {
                        arrived.traced_again += u64::from(!arrived.traced.insert(id));
                    }
                }
            }
            taking.1.notify_all();
        };
        Self {
            receiver: Receiver::handing_on(listener, take),
            arrived,
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.receiver.endpoint()
    }

    pub(crate) fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.0.lock().unwrap()
    }

    /// Waits until it is so, or this time has passed.
    pub(crate) fn wait(
        &self,
        at_most: Duration,
        until: impl Fn(&Arrived) -> bool,
    ) -> MutexGuard<'_, Arrived> {
        let not_yet = |arrived: &mut Arrived| !until(arrived);
        let waited = self
            .arrived
            .1
            .wait_timeout_while(self.arrived(), at_most, not_yet);
        waited.unwrap().0
    }
}

fn ids(signal: Signal, request: Bytes) -> Vec<String> {
    match signal {
        Signal::Logs => {
            let request = ExportLogsServiceRequest::decode(request).unwrap();
            let parts = request.resource_logs.into_iter();
            let scopes = parts.flat_map(|part| part.scope_logs);
            let records = scopes.flat_map(|scope| scope.log_records);
            records.map(|record| id(&record.attributes)).collect()
        }
        Signal::Traces => {
            let request = ExportTraceServiceRequest::decode(request).unwrap();
            let parts = request.resource_spans.into_iter();
            let scopes = parts.flat_map(|part| part.scope_spans);
            let spans = scopes.flat_map(|scope| scope.spans);
            spans.map(|span| id(&span.attributes)).collect()
        }
    }
}

fn id(attributes: &[KeyValue]) -> String {
    let mut attributes = attributes.iter();
    let id = attributes
        .find(|attribute| attribute.key == "llm_audit.record.id")
        .unwrap();
    match id.value.as_ref().unwrap().value.as_ref().unwrap() {
        Value::StringValue(id) => id.clone(),
        other => panic!("{other:?}"),
    }
}
