//! The hook as a tower layer over requests and answers of the `http` crate.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::body::{AuditedBody, SentBody};
use super::exchange::Exchange;
use super::{AuditHttp, Endpoint};

/// A client whose calls of models are audited; made by [`AuditHttp`], which is a tower layer.
///
/// It serves what the inner service serves, of
/// * [`http::Request`], whose bodies it reads as they pass,
/// * `reqwest::Request` with feature `reqwest`,
/// * `HttpRequestFactory` of async-openai with feature `async-openai`.
///
/// It is ready when the inner service is.
#[derive(Debug, Clone)]
pub struct AuditHttpService<S> {
    pub(super) inner: S,
    pub(super) hook: AuditHttp,
}

impl<S> Layer<S> for AuditHttp {
    type Service = AuditHttpService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AuditHttpService {
            inner,
            hook: self.clone(),
        }
    }
}

impl<S, B, R> Service<http::Request<B>> for AuditHttpService<S>
where
    S: Service<http::Request<SentBody<B>>, Response = http::Response<R>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body<Data = Bytes>,
{
    type Response = http::Response<AuditedBody<R>>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = AuditedFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    /// Sends the request. Where it is a call whose start cannot be recorded, it fails with a
    /// [`GuardError`](crate::GuardError) and sends nothing, unless the hook says otherwise.
    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let (head, body) = request.into_parts();
        let mut body = SentBody::new(body);
        let endpoint = self.hook.endpoint(&head.method, &head.uri);
        let begun = endpoint.map(|endpoint| begin(&self.hook, endpoint, &head, &mut body));
        match begun.transpose() {
            Ok(exchange) => {
                let sent = self.inner.call(http::Request::from_parts(head, body));
                AuditedFuture(State::Sent(Box::pin(sent), exchange))
            }
            Err(refused) => AuditedFuture(State::Refused(Some(refused))),
        }
    }
}

fn begin<B: Body<Data = Bytes>>(
    hook: &AuditHttp,
    endpoint: Endpoint,
    head: &http::request::Parts,
    body: &mut SentBody<B>,
) -> Result<Exchange, crate::GuardError> {
    let whole = body.look();
    let exchange = Exchange::begin(hook, endpoint, head, whole.as_deref())?;
    if whole.is_none() {
        body.tell(&exchange);
    }
    Ok(exchange)
}

/// An answer that is awaited.
pub struct AuditedFuture<F>(State<F>);

enum State<F> {
    Refused(Option<crate::GuardError>),
    Sent(Pin<Box<F>>, Option<Exchange>),
}

impl<F, R, E> Future for AuditedFuture<F>
where
    F: Future<Output = Result<http::Response<R>, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Result<http::Response<AuditedBody<R>>, Box<dyn Error + Send + Sync>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Refused(refused) => {
                let refused = refused.take();
                Poll::Ready(Err(refused
                    .expect("a future is not polled again behind its end")
                    .into()))
            }
            State::Sent(answer, exchange) => answer.as_mut().poll(context).map(|answered| {
                let exchange = exchange.take();
                match answered {
                    Ok(answer) => Ok(match exchange {
                        Some(exchange) => exchange.answer(answer),
                        None => answer.map(AuditedBody::of_no_call),
                    }),
                    Err(error) => {
                        let error = error.into();
                        if let Some(exchange) = exchange {
                            exchange.fail(&error);
                        }
                        Err(error)
                    }
                }
            }),
        }
    }
}

impl<F> fmt::Debug for AuditedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditedFuture").finish_non_exhaustive()
    }
}
