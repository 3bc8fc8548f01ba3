//! The hook over async-openai's requests, for `Client::with_http_service`.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use reqwest::{Request, Response};
use tower_service::Service;

use super::AuditHttpService;
use super::reqwest::{answer_of, begin, class};

impl<S> Service<HttpRequestFactory> for AuditHttpService<S>
where
    S: Service<HttpRequestFactory, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<OpenAIError>,
{
    type Response = Response;
    type Error = OpenAIError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, OpenAIError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    /// Builds the request and sends it. Where it is a call whose start cannot be recorded, it fails with a
    /// [`GuardError`](crate::GuardError) in [`OpenAIError::Boxed`] and sends nothing, unless the hook says otherwise.
    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        let next = self.inner.clone();
        // The one that said it is ready is the one that is called.
        let mut inner = std::mem::replace(&mut self.inner, next);
        let hook = self.hook.clone();
        Box::pin(async move {
            let mut request = factory.build().await?;
            let begun = begin(&hook, &mut request, None);
            let exchange = begun.map_err(|refused| OpenAIError::Boxed(refused.into()))?;
            let error = match inner.call(beginning_with(request, factory)).await {
                Ok(response) => return Ok(answer_of(exchange, response)),
                Err(error) => error.into(),
            };
            if let Some(exchange) = exchange {
                exchange.fail_as(class_of(&error), &error);
            }
            Err(error)
        })
    }
}

/// A factory whose first request is the one that was looked at already.
fn beginning_with(request: Request, factory: HttpRequestFactory) -> HttpRequestFactory {
    let first = Mutex::new(Some(request));
    HttpRequestFactory::new(move || {
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let factory = factory.clone();
        async move {
            match first {
                Some(request) => Ok(request),
                None => factory.build().await,
            }
        }
    })
}

fn class_of(error: &OpenAIError) -> &'static str {
    match error {
        OpenAIError::Reqwest(error) => class(error),
        _ => "_OTHER",
    }
}
