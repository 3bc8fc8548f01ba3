//! Compression of requests: gzip, in pure Rust.

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use flate2::read::GzDecoder;
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

/// What gzip makes of these bytes; `None` where they are none of gzip, or more than `longest`.
///
/// Servers answer compressed requests with compressed answers, whether they were asked to or not (grpc-go).
pub(super) fn decompress(bytes: &[u8], longest: usize) -> Option<Bytes> {
    let mut message = Vec::new();
    let limit = u64::try_from(longest).ok()?.saturating_add(1);
    let mut decoder = GzDecoder::new(bytes).take(limit);
    decoder.read_to_end(&mut message).ok()?;
    (message.len() <= longest).then(|| message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_or_none_of_gzip_is_not_read() {
        let long = [Bytes::from(vec![0; 1000]), Bytes::new()];
        let gzip = compress(long, Compression::Gzip).concat();
        assert_eq!(decompress(&gzip, 1000).map(|read| read.len()), Some(1000));
        assert_eq!(decompress(&gzip, 999), None);
        assert_eq!(decompress(b"nothing", 1000), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_compressed_comes_back_and_is_the_same_every_time(head: Vec<u8>, body: Vec<u8>) {
            let message = [Bytes::from(head), Bytes::from(body)];
            let gzip = compress(message.clone(), Compression::Gzip);
            assert_eq!(gzip, compress(message.clone(), Compression::Gzip));
            let read = decompress(&gzip.concat(), usize::MAX / 2);
            assert_eq!(read.as_deref(), Some(&message.concat()[..]));
            assert_eq!(compress(message.clone(), Compression::None), message);
        }
    }
}
