//! The hook over requests and answers of reqwest.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use http::request::Parts;
use reqwest::{Body, Request, Response, ResponseBuilderExt as _};
use tower_service::Service;

use super::body::SentBody;
use super::exchange::Exchange;
use super::{AuditHttp, AuditHttpService, Caller};
use crate::emit::guard::GuardError;

impl<S> Service<Request> for AuditHttpService<S>
where
    S: Service<Request, Response = Response>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = AuditedReqwest<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    /// Sends the request. Where it is a call whose start cannot be recorded, it fails with a
    /// [`GuardError`](crate::GuardError) and sends nothing, unless the hook says otherwise.
    fn call(&mut self, mut request: Request) -> Self::Future {
        match begin(&self.hook, &mut request, None) {
            Ok(exchange) => {
                AuditedReqwest(State::Sent(Box::pin(self.inner.call(request)), exchange))
            }
            Err(refused) => AuditedReqwest(State::Refused(Some(refused))),
        }
    }
}

/// An answer of reqwest that is awaited.
pub struct AuditedReqwest<F>(State<F>);

enum State<F> {
    Refused(Option<GuardError>),
    Sent(Pin<Box<F>>, Option<Exchange>),
}

impl<F, E> Future for AuditedReqwest<F>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Result<Response, Box<dyn Error + Send + Sync>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Refused(refused) => {
                let refused = refused.take();
                Poll::Ready(Err(refused
                    .expect("a future is not polled again behind its end")
                    .into()))
            }
            State::Sent(answer, exchange) => answer.as_mut().poll(context).map(|answered| {
                let error = match answered {
                    Ok(response) => return Ok(answer_of(exchange.take(), response)),
                    Err(error) => error.into(),
                };
                if let Some(exchange) = exchange.take() {
                    let class = error.downcast_ref().map_or("_OTHER", class);
                    exchange.fail_as(class, &error);
                }
                Err(error)
            }),
        }
    }
}

impl<F> fmt::Debug for AuditedReqwest<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditedReqwest").finish_non_exhaustive()
    }
}

/// Begins the call that a request is, if it is one.
pub(super) fn begin(
    hook: &AuditHttp,
    request: &mut Request,
    caller: Option<&Caller>,
) -> Result<Option<Exchange>, GuardError> {
    let Some((head, endpoint)) = head_of(request, caller).and_then(|head| {
        let endpoint = hook.endpoint(&head.method, &head.uri)?;
        Some((head, endpoint))
    }) else {
        return Ok(None);
    };
    let whole = request.body().map(Body::as_bytes);
    if let None | Some(Some(_)) = whole {
        let body = whole.flatten();
        return Exchange::begin(hook, endpoint, &head, body).map(Some);
    }
    let exchange = Exchange::begin(hook, endpoint, &head, None)?;
    if let Some(body) = request.body_mut().take() {
        let mut body = SentBody::new(body);
        body.tell(&exchange);
        *request.body_mut() = Some(Body::wrap(body));
    }
    Ok(Some(exchange))
}

/// The answer, audited as its body is read.
pub(super) fn answer_of(exchange: Option<Exchange>, response: Response) -> Response {
    let Some(exchange) = exchange else {
        return response;
    };
    // What http's form of an answer has no place for.
    let address = http::Response::builder().url(response.url().clone());
    let answer = exchange.answer(http::Response::<Body>::from(response));
    let mut answer = answer.map(Body::wrap);
    if let Ok(address) = address.body(()) {
        answer
            .extensions_mut()
            .extend(address.into_parts().0.extensions);
    }
    Response::from(answer)
}

/// The class of an error, of low cardinality.
pub(super) fn class(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "connect"
    } else if error.is_body() || error.is_decode() {
        "body"
    } else if error.is_redirect() {
        "redirect"
    } else if error.is_request() {
        "request"
    } else {
        "_OTHER"
    }
}

fn head_of(request: &Request, caller: Option<&Caller>) -> Option<Parts> {
    let uri: Uri = request.url().as_str().parse().ok()?;
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = request.method().clone();
    head.uri = uri;
    head.headers = request.headers().clone();
    if let Some(caller) = caller {
        head.extensions.insert(caller.clone());
    }
    Some(head)
}
