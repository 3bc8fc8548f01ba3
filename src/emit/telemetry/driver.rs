//! The thread that drives the connection of the ordinary exporter. The SDK exports from a thread without a runtime, and
//! the application may have none, or one that waits for the exporter to end.

use std::io;
use std::thread::{Builder, JoinHandle};

use tokio::runtime::{EnterGuard, Handle, Runtime};
use tokio::sync::oneshot;
use tracing::Dispatch;

/// A runtime on a thread of its own, until this is dropped.
#[derive(Debug)]
pub(super) struct Driver {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Driver {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = Builder::new()
            .name("llm-audit-otlp".into())
            .spawn(move || drive(&runtime, stopped))?;
        Ok(Self {
            handle,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// What is made meanwhile runs here.
    pub(super) fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }
}

/// What the connection has to tell of itself becomes no telemetry of the application.
fn drive(runtime: &Runtime, stopped: oneshot::Receiver<()>) {
    tracing::dispatcher::with_default(&Dispatch::none(), || {
        // The other end only ever goes away.
        let _ = runtime.block_on(stopped);
    });
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended too.
            let _ = thread.join();
        }
    }
}
