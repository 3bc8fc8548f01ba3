//! What a server on the loopback interface answers.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// The body of an answer. None where there is no answer, or none that is good.
pub(crate) fn ask(port: u16, method: &str, path: &str) -> Option<Vec<u8>> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).ok()?;
    // HTTP/1.0: the answer is in one piece, and ends with the connection.
    write!(
        connection,
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\nContent-Length: 0\r\n\r\n"
    )
    .ok()?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let is_good = answer.starts_with(b"HTTP/1.0 2") || answer.starts_with(b"HTTP/1.1 2");
    is_good.then(|| answer.split_off(end + 4))
}

/// A path with parameters.
pub(crate) fn path(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut path = path.to_owned();
    for (at, (name, value)) in parameters.iter().enumerate() {
        path.push(if at == 0 { '?' } else { '&' });
        path.push_str(name);
        path.push('=');
        for byte in value.bytes() {
            // Writing to a String does not fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

/// Ports that nobody had when it was asked.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|held| held.local_addr().unwrap().port())
}
