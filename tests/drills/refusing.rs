//! A destination that wants none of it: 400 is its answer to every request.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// It listens in the place of somebody else, until this is dropped.
pub(crate) struct Refusing {
    address: String,
    gone: Arc<AtomicBool>,
    refused: Arc<AtomicUsize>,
    accepting: Option<JoinHandle<()>>,
}

impl Refusing {
    /// At `http://host:port`, where nobody listens.
    pub(crate) fn at(url: &str) -> Self {
        let address = url.replace("http://", "");
        let listener = TcpListener::bind(&address).unwrap();
        let gone = Arc::<AtomicBool>::default();
        let refused = Arc::<AtomicUsize>::default();
        let (ends, counter) = (Arc::clone(&gone), Arc::clone(&refused));
        let accepting = std::thread::spawn(move || {
            let mut open = Vec::new();
            loop {
                let (connection, _) = listener.accept().unwrap();
                if ends.load(Ordering::Relaxed) {
                    break;
                }
                open.push(connection.try_clone().unwrap());
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || refuse(connection, &counter));
            }
            for connection in open {
                // Whoever is on the other side may have closed it.
                connection.shutdown(std::net::Shutdown::Both).ok();
            }
        });
        Self {
            address,
            gone,
            refused,
            accepting: Some(accepting),
        }
    }

    /// How many requests it has refused.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Refusing {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(&self.address));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
    }
}

/// Answers the requests of a connection until it is closed.
fn refuse(connection: TcpStream, refused: &AtomicUsize) -> std::io::Result<()> {
    let mut requests = BufReader::new(connection);
    loop {
        let mut length = 0;
        let mut line = String::new();
        while requests.read_line(&mut line)? > 2 {
            let lower = line.to_ascii_lowercase();
            if let Some(stated) = lower.strip_prefix("content-length:") {
                length = stated.trim().parse().unwrap();
            }
            line.clear();
        }
        if line.is_empty() {
            return Ok(());
        }
        requests.read_exact(&mut vec![0; length])?;
        let answer = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
        requests.get_mut().write_all(answer.as_bytes())?;
        refused.fetch_add(1, Ordering::Relaxed);
    }
}
