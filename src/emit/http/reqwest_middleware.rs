//! The hook as a middleware of reqwest-middleware.

use std::future::Future;
use std::pin::Pin;

use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next};

use super::reqwest::{answer_of, begin, class};
use super::{AuditHttp, Caller};

/// A [`Caller`] in the extensions of a request says on whose behalf it is made. A call whose start cannot be recorded fails
/// with a [`GuardError`](crate::GuardError) in [`Error::Middleware`], and nothing is sent, unless the hook says otherwise.
impl Middleware for AuditHttp {
    fn handle<'hook, 'extensions, 'next, 'handling>(
        &'hook self,
        mut request: Request,
        extensions: &'extensions mut Extensions,
        next: Next<'next>,
    ) -> Pin<Box<dyn Future<Output = Result<Response, Error>> + Send + 'handling>>
    where
        'hook: 'handling,
        'extensions: 'handling,
        'next: 'handling,
        Self: 'handling,
    {
        Box::pin(async move {
            let begun = begin(self, &mut request, extensions.get::<Caller>());
            let exchange = begun.map_err(Error::middleware)?;
            let answered = next.run(request, extensions).await;
            match (answered, exchange) {
                (Ok(response), exchange) => Ok(answer_of(exchange, response)),
                (Err(error), None) => Err(error),
                (Err(error), Some(exchange)) => {
                    let class = match &error {
                        Error::Reqwest(error) => class(error),
                        Error::Middleware(_) => "_OTHER",
                    };
                    exchange.fail_as(class, &error);
                    Err(error)
                }
            }
        })
    }
}
