//! What is repeated is masked however it is written, and nothing else is.

use proptest::prelude::*;
use serde_json::json;

use super::{REPEATED_CHARS, mask_repeated_content};

fn masked(message: &str, content: &str) -> String {
    mask_repeated_content(message, &[content.as_bytes()])
}

#[test]
fn a_message_that_shares_nothing_is_unchanged() {
    let message = "Invalid request: temperature must be between 0 and 2 …\t(\u{200b}x)";
    assert_eq!(
        masked(message, "an invalid request"),
        "<masked>: temperature must be between 0 and 2 …\t(\u{200b}x)"
    );
    assert_eq!(
        masked(message, "an invalid thing, a must be asked"),
        message
    );
    assert_eq!(mask_repeated_content(message, &[]), message);
    assert_eq!(masked("", "x"), "");
    assert_eq!(masked(message, ""), message);
}

/// Message, content, expected.
#[rustfmt::skip]
const CASES: &[(&str, &str, &str)] = &[
    // Plain, and in another case or with other white space.
    ("bad: 'my swordfish dies' there", "so my swordfish dies", "bad: '<masked>' there"),
    ("bad: MY  SWORDFISH\n\tDIES!", "so my swordfish dies", "bad: <masked>!"),
    // JSON: raw, unescaped, escaped once more.
    (r#"bad: {"content":"tell me","role":"user"}"#, r#"[{"content":"tell me","role":"user"}]"#, "bad: <masked>"),
    ("bad: first\nsecond \"third\" end", r#"{"a":"first\nsecond \"third\""}"#, "bad: <masked> end"),
    (r#"bad: first\nsecond \"third\" end"#, r#"{"a":"first\nsecond \"third\""}"#, "bad: <masked> end"),
    (r#"bad: first\\nsecond \\\"third\\\" end"#, "first\nsecond \"third\"", "bad: <masked> end"),
    (r"path C:\new\table is wrong", r#"{"path":"C:\\new\\table"}"#, "path <masked> is wrong"),
    (r"bad: gr\u00fc\u00dfe an alle 😀", "Grüße an alle \u{1f600}", "bad: <masked>"),
    (r"bad: \ud83d\ude00 smileys!", "😀 smileys", "bad: <masked>!"),
    ("bad: ПРИВЕТ, МИР", "привет, мир", "bad: <masked>"),
    ("bad: sword\u{200b}fish\u{200b}es", "swordfishes", "bad: <masked>"),
    // Short, but whole strings.
    ("PIN 4711 is wrong, 47110 too", r#"{"pin":"4711"}"#, "PIN <masked> is wrong, 47110 too"),
    ("PIN 4711 is wrong", " 4711 \n", "PIN <masked> is wrong"),
    ("PIN 4711 is wrong", "my pin is 4711", "PIN 4711 is wrong"),
    ("PIN 4711 is wrong", r#"{"arguments":"{\"pin\":\"4711\"}"}"#, "PIN <masked> is wrong"),
    ("the abc and p@s! of it", r#"["abc","p@s!"]"#, "the abc and <masked> of it"),
    ("a user wrote text under name", r#"{"name":"x","role":"user","type":"text"}"#, "a user wrote text under name"),
    // At an ellipsis.
    ("bad: \"My pa...\"", r#"{"content":"My password is swordfish"}"#, "bad: \"<masked>...\""),
    ("bad: My pa…", "My password is swordfish", "bad: <masked>…"),
    ("bad: ...dfish", "My password is swordfish", "bad: ...<masked>"),
    ("bad: ...fish", "My password is sword fish", "bad: ...<masked>"),
    ("bad: My password...", "My password is swordfish", "bad: <masked>..."),
    // Secrets that are in no content, and secrets that content begins.
    ("bad key sk-abcdefgh12345678", "hello", "bad key <masked:api_key>"),
    ("bad key sk-proj-abcdefgh12345678", "it begins with sk-proj- they say", "bad key <masked>"),
];

#[test]
fn repeated_content_is_masked_as_the_table_says() {
    for (message, content, expected) in CASES {
        assert_eq!(&masked(message, content), expected, "{message}");
    }
}

#[test]
fn all_pieces_of_content_are_compared() {
    let pieces: [&[u8]; 3] = [b"first piece", b"\xffsecond piece\xfe", b"third"];
    let message = "got FIRST PIECE and second piece and third";
    assert_eq!(
        mask_repeated_content(message, &pieces),
        "got <masked> and <masked> and <masked>"
    );
}

#[test]
fn a_stretch_does_not_go_on_from_one_piece_to_the_next() {
    assert_eq!(
        mask_repeated_content("got abcdefghij", &[b"xabcde", b"fghijx"]),
        "got abcdefghij"
    );
}

#[test]
fn content_of_a_megabyte_and_hostile_repetitions_take_linear_time() {
    for piece in [
        "a", "\\", "\"", " ", "...", "\\u", "ab ", "\u{200b}", "\u{e9}", "a\"b\":",
    ] {
        let content = piece.repeat(1_000_000 / piece.len());
        let message = piece.repeat(20_000 / piece.len());
        assert!(masked(&message, &content).len() <= 2 * message.len() + 8);
    }
}

/// The windows of a text that a reader could recognise it by.
fn windows(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let windows = chars
        .windows(REPEATED_CHARS)
        .filter(|window| window[0] != ' ' && window[REPEATED_CHARS - 1] != ' ');
    windows.map(|window| window.iter().collect()).collect()
}

fn words() -> impl Strategy<Value = String> {
    "[A-Z]{1,9}( [A-Z]{1,9}){0,5}"
}

/// Lower case with signs, so that no window of it can come from the words around it.
fn secret() -> impl Strategy<Value = String> {
    "[a-z0-9é日$#@!%&*_.-]([a-z0-9é日$#@!%&*_. '-]{0,30}[a-z0-9é日$#@!%&*_.-])?"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_window_of_content_survives(
        secret in secret(), before in words(), after in words(), from in 0_usize..32, to in 0_usize..32,
        style in 0_usize..5,
    ) {
        let plain = format!("1 {secret} 2");
        let content = serde_json_canonicalizer::to_vec(&json!([{"role": "user", "content": plain}])).unwrap();
        let chars: Vec<char> = secret.chars().collect();
        let (from, to) = (from.min(chars.len()), to.min(chars.len()));
        let piece: String = chars[from.min(to)..from.max(to)].iter().collect();
        let piece = match style {
            0 => piece,
            1 => piece.replace(' ', "\n \t"),
            2 => serde_json::to_string(&piece).unwrap(),
            3 => serde_json::to_string(&serde_json::to_string(&piece).unwrap()).unwrap(),
            _ => format!("{piece}..."),
        };
        let message = format!("{before}: {piece} {after}");
        for content in [content.as_slice(), plain.as_bytes()] {
            let masked = mask_repeated_content(&message, &[content]);
            let found = masked.replace("<masked", "\0");
            let found = found.split_whitespace().collect::<Vec<_>>().join(" ");
            for window in windows(&secret) {
                prop_assert!(!found.contains(&window), "{:?} survives in {:?}", window, masked);
            }
        }
    }

    #[test]
    fn messages_that_share_nothing_are_unchanged(message in "[a-m ,.!()]{0,80}", content in "[N-Z0-9 ?\"\\\\]{0,200}") {
        prop_assert_eq!(masked(&message, &content), message);
    }

    #[test]
    fn any_message_and_content_are_survived(message in "\\PC{0,40}", content in prop::collection::vec(any::<u8>(), 0..60)) {
        let masked = mask_repeated_content(&message, &[&content]);
        prop_assert!(masked.len() <= 3 * message.len() + 24);
    }
}
