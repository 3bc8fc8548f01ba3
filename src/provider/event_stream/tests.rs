use proptest::prelude::*;

use super::*;

/// A message as a server writes it.
pub(in crate::provider) fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    for (name, value) in headers {
        written.push(u8::try_from(name.len()).unwrap());
        written.extend(name.as_bytes());
        written.push(TEXT);
        written.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        written.extend(value.as_bytes());
    }
    framed(&written, payload)
}

fn framed(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = |bytes: usize| u32::try_from(bytes).unwrap().to_be_bytes();
    let mut message = Vec::new();
    message.extend(length(PRELUDE + headers.len() + payload.len() + CRC));
    message.extend(length(headers.len()));
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message.extend(headers);
    message.extend(payload);
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message
}

/// An event as Bedrock names it.
pub(in crate::provider) fn event(name: &str, payload: &str) -> Vec<u8> {
    let headers = [
        (":event-type", name),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ];
    message(&headers, payload.as_bytes())
}

/// Name, data and kind of each event, what was damaged, what was too long.
type Seen = (Vec<(String, Vec<u8>, Kind)>, u64, u64);

fn events(pieces: &[&[u8]]) -> Seen {
    let mut decoder = EventStreamDecoder::default();
    let mut seen = Vec::new();
    for piece in pieces {
        decoder.push(piece, |event| {
            seen.push((event.name.to_owned(), event.data.to_vec(), event.kind));
        });
    }
    (seen, decoder.malformed(), decoder.refused())
}

/// The bytes were put together by hand from the specification, their checksums by `zlib.crc32`.
#[test]
fn golden_messages_are_read() {
    // Without headers and payload: lengths 16 and 0.
    let empty = b"\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff";
    // Lengths 61 and 32, a text header `content-type: application/json`, the payload `{'foo':'bar'}`.
    let with_header = b"\x00\x00\x00\x3d\x00\x00\x00\x20\x07\xfd\x83\x96\x0ccontent-type\x07\x00\x10application/json{'foo':'bar'}\x8d\x9c\x08\xb1";
    let stream = [&empty[..], &with_header[..]].concat();
    let unnamed = |data: &[u8]| (UNNAMED.to_owned(), data.to_vec(), Kind::Event);
    let expected = vec![unnamed(b""), unnamed(b"{'foo':'bar'}")];
    assert_eq!(events(&[&stream]), (expected, 0, 0));
    assert_eq!(framed(b"", b""), empty);
}

#[test]
fn exceptions_and_errors_are_told_from_events() {
    let exception = message(
        &[
            (":message-type", "exception"),
            (":exception-type", "throttlingException"),
        ],
        b"{\"message\":\"slow down\"}",
    );
    let error = message(
        &[
            (":message-type", "error"),
            (":error-code", "InternalFailure"),
            (":error-message", "gone"),
        ],
        b"",
    );
    let stream = [event("messageStop", "{}"), exception, error].concat();
    let (seen, malformed, _) = events(&[&stream]);
    let expected: [(String, Vec<u8>, Kind); 3] = [
        ("messageStop".into(), b"{}".to_vec(), Kind::Event),
        (
            "throttlingException".into(),
            b"{\"message\":\"slow down\"}".to_vec(),
            Kind::Exception,
        ),
        ("InternalFailure".into(), b"gone".to_vec(), Kind::Exception),
    ];
    assert_eq!((seen.as_slice(), malformed), (&expected[..], 0));
}

#[test]
fn headers_of_all_types_are_passed_over() {
    let mut headers = Vec::new();
    for (kind, length) in [
        (0, 0),
        (1, 0),
        (2, 1),
        (3, 2),
        (4, 4),
        (5, 8),
        (8, 8),
        (9, 16),
    ] {
        headers.extend([1, b'x', kind]);
        headers.extend(vec![7; length]);
    }
    headers.extend([1, b'y', 6, 0, 3, 1, 2, 3]);
    headers.extend([11]);
    headers.extend(b":event-type");
    headers.extend([7, 0, 4]);
    headers.extend(b"name");
    let (seen, malformed, _) = events(&[&framed(&headers, b"{}")]);
    assert_eq!((seen[0].0.as_str(), malformed), ("name", 0));
    for broken in [
        &[9, b'x'][..],
        &[1, b'x'],
        &[1, b'x', 10],
        &[1, b'x', 7, 0, 9, 1],
    ] {
        assert_eq!(events(&[&framed(broken, b"{}")]), (vec![], 1, 0));
    }
}

#[test]
fn a_damaged_message_is_counted_and_skipped_and_a_damaged_prelude_ends_the_reading() {
    let mut stream = [event("a", "{}"), event("b", "{}"), event("c", "{}")].concat();
    let length = event("a", "{}").len();
    stream[length + 20] ^= 1;
    let names =
        |seen: &Seen| -> Vec<String> { seen.0.iter().map(|event| event.0.clone()).collect() };
    let seen = events(&[&stream]);
    assert_eq!((names(&seen), seen.1), (vec!["a".into(), "c".into()], 1));
    stream[length + 3] ^= 1;
    let seen = events(&[&stream]);
    assert_eq!((names(&seen), seen.1), (vec!["a".into()], 1));
}

#[test]
fn a_message_over_the_limit_is_refused_and_the_next_one_read() {
    let long = "x".repeat(MAX_EVENT_BYTES + HEADERS);
    let stream = [event("a", &long), event("b", "{}")].concat();
    let (seen, malformed, refused) = events(&[&stream[..100], &stream[100..]]);
    assert_eq!((seen[0].0.as_str(), malformed, refused), ("b", 0, 1));
}

proptest! {
    #[test]
    fn splits_and_damage_make_no_difference_and_no_panic(
        payloads in proptest::collection::vec("[a-z{}\"]{0,20}", 1..4),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
        damage in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut stream: Vec<u8> = payloads.iter().flat_map(|payload| event("chunk", payload)).collect();
        if let Some((at, byte)) = damage {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.index(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
        prop_assert_eq!(events(&pieces), events(&[&stream]));
    }
}
