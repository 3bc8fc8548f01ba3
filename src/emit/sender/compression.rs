//! Compression of requests: gzip, in pure Rust.

use std::io::Write as _;

use bytes::Bytes;
use flate2::write::GzEncoder;

use crate::emit::otlp::Compression;

/// A message as it is sent. The same message gives the same bytes.
pub(super) fn compress(message: Bytes, compression: Compression) -> Bytes {
    match compression {
        Compression::None => message,
        Compression::Gzip => {
            let room = Vec::with_capacity(message.len() / 4 + 64);
            let mut encoder = GzEncoder::new(room, flate2::Compression::fast());
            let written = encoder.write_all(&message).and_then(|()| encoder.finish());
            written.expect("writing to memory does not fail").into()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_compressed_comes_back_and_is_the_same_every_time(bytes: Vec<u8>) {
            let message = Bytes::from(bytes);
            let gzip = compress(message.clone(), Compression::Gzip);
            assert_eq!(gzip, compress(message.clone(), Compression::Gzip));
            let mut read = Vec::new();
            flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut read).unwrap();
            assert_eq!(read, message);
            assert_eq!(compress(message.clone(), Compression::None), message);
        }
    }
}
