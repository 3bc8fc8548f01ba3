//! What a collector says of itself.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// The metrics that a collector serves at a port.
pub(crate) struct OwnMetrics {
    port: String,
}

impl OwnMetrics {
    /// At a port that is free.
    pub(crate) fn somewhere() -> Self {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = held.local_addr().unwrap().port().to_string();
        Self { port }
    }

    /// What makes a collector serve them.
    pub(crate) fn variables(&self) -> [(&'static str, &str); 2] {
        [
            ("LLM_AUDIT_COLLECTOR_METRICS", "basic"),
            ("LLM_AUDIT_COLLECTOR_METRICS_PORT", &self.port),
        ]
    }

    /// A number of an exporter; zero where it is not said.
    pub(crate) fn of_exporter(&self, name: &str, exporter: &str) -> f64 {
        let mut connection = TcpStream::connect(format!("127.0.0.1:{}", self.port)).unwrap();
        // HTTP/1.0: the answer is in one piece, and ends with the connection.
        connection
            .write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let label = format!("exporter=\"{exporter}\"");
        let line = answer.lines().find(|line| {
            let of_metric = line
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('{'));
            of_metric && line.contains(&label)
        });
        let number = line.and_then(|line| line.rsplit(' ').next());
        number.map_or(0.0, |number| number.parse().unwrap())
    }
}
