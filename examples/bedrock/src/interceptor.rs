//! The hook as an interceptor of the AWS SDK: give it to `Config::builder().interceptor(..)`.
//!
//! It works on attempts, below the SDK's own retries: each attempt is a call, and inside of an audited span all attempts
//! are one.

use std::sync::Mutex;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
    FinalizerInterceptorContextMut,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use llm_audit::http::{AuditHttp, Exchange};

/// Audits what a client of the AWS SDK asks of models.
#[derive(Debug)]
pub struct AuditInterceptor(AuditHttp);

impl AuditInterceptor {
    /// An interceptor by this hook.
    pub fn new(hook: AuditHttp) -> Self {
        Self(hook)
    }
}

/// The call that an attempt is, until its answer begins.
#[derive(Debug)]
struct Attempt(Mutex<Option<Exchange>>);

impl Storable for Attempt {
    type Storer = StoreReplace<Self>;
}

impl Intercept for AuditInterceptor {
    fn name(&self) -> &'static str {
        "AuditInterceptor"
    }

    /// The request is signed and about to be sent. An error here, where the call cannot be recorded, keeps it from that.
    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let head = head_of(context.request())?;
        let exchange = self.0.begin(&head, context.request().body().bytes())?;
        bag.interceptor_state()
            .store_put(Attempt(Mutex::new(exchange)));
        Ok(())
    }

    /// The answer has begun: its body is read as the SDK reads it, streams too.
    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(exchange) = taken(bag) {
            let response = context.response_mut();
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            let answer = exchange.answer(answer_of(response, body)?);
            *response.body_mut() = SdkBody::from_body_1_x(answer.into_body());
        }
        Ok(())
    }

    /// No answer came.
    fn modify_before_attempt_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(exchange), Some(Err(error))) = (taken(bag), context.output_or_error()) {
            exchange.fail(&format!("{error:?}"));
        }
        Ok(())
    }
}

fn taken(bag: &ConfigBag) -> Option<Exchange> {
    let Attempt(exchange) = bag.load::<Attempt>()?;
    exchange.lock().ok()?.take()
}

fn head_of(request: &HttpRequest) -> Result<http::request::Parts, BoxError> {
    let mut head = http::Request::builder()
        .method(request.method())
        .uri(request.uri());
    for (name, value) in request.headers() {
        head = head.header(name, value);
    }
    Ok(head.body(())?.into_parts().0)
}

fn answer_of(response: &HttpResponse, body: SdkBody) -> Result<http::Response<SdkBody>, BoxError> {
    let mut answer = http::Response::builder().status(response.status().as_u16());
    for (name, value) in response.headers() {
        answer = answer.header(name, value);
    }
    Ok(answer.body(body)?)
}
