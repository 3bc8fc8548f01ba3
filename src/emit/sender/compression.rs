//! Compression of requests: gzip, in pure Rust.

use std::io::Write as _;

use bytes::Bytes;
use flate2::write::GzEncoder;

use super::batch::Pieces;
use crate::emit::otlp::Compression;

/// A message as it is sent. The same message gives the same bytes.
pub(super) fn compress(message: Pieces, compression: Compression) -> Pieces {
    match compression {
        Compression::None => message,
        Compression::Gzip => {
            let length: usize = message.iter().map(Bytes::len).sum();
            let room = Vec::with_capacity(length / 4 + 64);
            let mut encoder = GzEncoder::new(room, flate2::Compression::fast());
            let written = message
                .iter()
                .try_for_each(|piece| encoder.write_all(piece))
                .and_then(|()| encoder.finish());
            let compressed = written.expect("writing to memory does not fail");
            [compressed.into(), Bytes::new()]
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    proptest::proptest! {
        #[test]
        fn what_is_compressed_comes_back_and_is_the_same_every_time(head: Vec<u8>, body: Vec<u8>) {
            let message = [Bytes::from(head), Bytes::from(body)];
            let gzip = compress(message.clone(), Compression::Gzip);
            assert_eq!(gzip, compress(message.clone(), Compression::Gzip));
            let mut read = Vec::new();
            let sent = gzip.concat();
            flate2::read::GzDecoder::new(&sent[..]).read_to_end(&mut read).unwrap();
            assert_eq!(read, message.concat());
            assert_eq!(compress(message.clone(), Compression::None), message);
        }
    }
}
