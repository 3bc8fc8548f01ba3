//! Connections to a receiver, made when they are used, and again when they broke.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::dial::{Line, Link, Speech, dial};
use super::failure::Failure;
use super::target::Target;
use super::verdict::Reply;
use super::wire::{Answered, Payload};

/// The connections of one signal: a single one with HTTP/2, one for each request under way with HTTP/1.1.
///
/// Each signal has its own, so that one that is not read by the receiver takes no room from the other.
#[derive(Debug)]
pub(super) struct Connection {
    target: Target,
    links: Mutex<Links>,
}

/// Connections that were used and may be used again.
#[derive(Debug, Default)]
struct Links {
    idle: Vec<Link>,
    shared: Option<Link>,
}

/// Why a request has no answer.
enum Lost {
    /// Nobody has seen it.
    NotSent(Failure),
    /// Somebody may have.
    Sent(Failure),
}

impl Connection {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            links: Mutex::default(),
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Sends a request once and returns what came of it, within the timeout. Must be called in the sender's runtime.
    pub(super) async fn export(&self, payload: Payload) -> Reply {
        match tokio::time::timeout(self.target.timeout, self.attempt(&payload)).await {
            Ok(reply) => reply,
            Err(_) => {
                // Behind a connection that nothing comes out of, the next attempt would hang too.
                *self.links() = Links::default();
                Reply::Failed(Failure::TimedOut)
            }
        }
    }

    async fn attempt(&self, payload: &Payload) -> Reply {
        // A connection that lay idle may have been closed meanwhile: such ones are used up before a new one is made.
        while let Some(link) = self.used().await {
            match self.send(link, payload).await {
                Err(Lost::NotSent(_)) => {}
                sent => return self.settle(sent),
            }
        }
        match dial(&self.target).await {
            Ok(link) => {
                let sent = self.send(link, payload).await;
                self.settle(sent)
            }
            Err(why) => Reply::Failed(why),
        }
    }

    fn settle(&self, sent: Result<Answered, Lost>) -> Reply {
        match sent {
            Ok(answered) => self.target.reply(&answered),
            Err(Lost::NotSent(why) | Lost::Sent(why)) => Reply::Failed(why),
        }
    }

    /// Sends on a link, reads the answer, and keeps the link if it is still good.
    async fn send(&self, mut link: Link, payload: &Payload) -> Result<Answered, Lost> {
        let request = self.target.request(link.speech(), payload.clone());
        if let Some(shared) = link.share() {
            // Others may use it at once.
            self.links().shared = Some(shared);
        }
        let response = match &mut link.line {
            Line::Http1(sender) => sender.try_send_request(request).await,
            Line::Http2(sender) => sender.try_send_request(request).await,
        };
        let answered = match response {
            Ok(response) => Answered::read(response).await.ok(),
            Err(mut error) => {
                self.links().shared = None;
                let why = link.failure();
                return Err(match error.take_message() {
                    Some(_) => Lost::NotSent(why),
                    None => Lost::Sent(why),
                });
            }
        };
        let Some(answered) = answered else {
            self.links().shared = None;
            return Err(Lost::Sent(link.failure()));
        };
        if link.speech() == Speech::Http1 && answered.body.is_some() {
            self.links().idle.push(link);
        }
        Ok(answered)
    }

    /// A link that is there already.
    async fn used(&self) -> Option<Link> {
        let shared = self.links().shared.as_ref().and_then(Link::share);
        if let Some(mut link) = shared {
            if link.is_good().await {
                return Some(link);
            }
            self.links().shared = None;
        }
        loop {
            let mut link = self.links().idle.pop()?;
            if link.is_good().await {
                return Some(link);
            }
        }
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
