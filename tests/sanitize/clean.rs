//! Texts that hold nothing of a class, and look as if they did.

use crate::dice::{ALPHANUMERIC, Dice};
use crate::numbers::{with_luhn, written};
use crate::text::lines;

/// Some 1,500 texts.
pub(crate) fn texts() -> Vec<String> {
    let mut dice = Dice::new(SEED);
    let frames: Vec<&str> = lines(include_str!("../data/sanitize/clean.txt")).collect();
    let mut texts = Vec::new();
    for frame in frames {
        let rounds = if frame.contains('{') {
            OF_EACH_FRAME
        } else {
            1
        };
        texts.extend((0..rounds).map(|_| filled(&mut dice, frame)));
    }
    texts.dedup();
    texts
}

/// The frame with each `{name}` replaced by something that the name says.
fn filled(dice: &mut Dice, frame: &str) -> String {
    let frame = frame.replace("\\n", "\n");
    let mut text = String::new();
    let mut rest = frame.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}').filter(|(name, _)| is_a_name(name)) else {
            text.push_str(before);
            text.push('{');
            rest = after;
            continue;
        };
        text.push_str(before);
        text.push_str(&made(dice, name));
        rest = after;
    }
    text.push_str(rest);
    text
}

fn is_a_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

#[rustfmt::skip]
fn made(dice: &mut Dice, name: &str) -> String {
    match name {
        "uuid" => dice.fill("%%%%%%%%-%%%%-4%%%-a%%%-%%%%%%%%%%%%"),
        "sha1" => dice.text(HEX, 40),
        "sha256" => dice.text(HEX, 64),
        "md5" => dice.text(HEX, 32),
        "short" => dice.text(HEX, 7),
        "ulid" => format!("01{}", dice.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24)),
        "fingerprint" => (0..16).map(|_| dice.text(HEX, 2)).collect::<Vec<_>>().join(":"),
        "base64" => format!("{}=", dice.text(BASE64, 119)),
        "hexdump" => (0..16).map(|_| dice.text(HEX, 2)).collect::<Vec<_>>().join(" "),
        "date" => format!("{}-{:02}-{:02}", dice.between(2001, 2026), dice.between(1, 12), dice.between(1, 28)),
        "usdate" => format!("{}/{}/{}", dice.between(1, 12), dice.between(1, 28), dice.between(2001, 2026)),
        "time" => format!("{:02}:{:02}:{:02}", dice.below(24), dice.below(60), dice.below(60)),
        "epoch" => format!("17{}", dice.digits(8)),
        "millis" => format!("17{}", dice.digits(11)),
        "nanos" => format!("17{}", dice.digits(17)),
        "price" => format!("{},{}.{}", dice.between(1, 999), dice.digits(3), dice.digits(2)),
        "version3" => format!("{}.{}.{}", dice.below(20), dice.below(30), dice.below(40)),
        "version4" => format!("{}.{}.{}.{}", dice.between(1, 20), dice.below(30), dice.below(256), dice.below(200)),
        "isbn" => ean(dice, "978"),
        "ean" => { let prefix = *dice.pick(&["400", "402", "501", "544", "590", "760"]); ean(dice, prefix) },
        "order5" => dice.digits(5),
        "order6" => dice.digits(6),
        "order8" => dice.digits(8),
        "order12" => format!("1{}", dice.digits(11)),
        "words" => (0..6).map(|_| *dice.pick(WORDS)).collect::<Vec<_>>().join(" "),
        "word" => (*dice.pick(WORDS)).to_owned(),
        "float" => format!("{}.{}", dice.below(1000), dice.digits(15)),
        "lat" => format!("{}.{}", dice.below(90), dice.digits(4)),
        "count" => dice.between(2, 4000).to_string(),
        "luhn9" => {
            let body = format!("{}{}", dice.text("1234567", 1), dice.digits(7));
            with_luhn(&body)
        }
        "luhn9dash" => {
            let body = format!("{}{}", dice.text("1234567", 1), dice.digits(7));
            written(&with_luhn(&body), "###-###-###")
        }
        "imei" => {
            let body = format!("35{}", dice.digits(12));
            with_luhn(&body)
        }
        "sku" => dice.fill("^^-####-^^"),
        "ident" => dice.fill("@@@@_@@@@@@"),
        "color" => format!("#{}", dice.text(HEX, 6)),
        "port" => dice.between(1024, 65535).to_string(),
        "alnum" => dice.text(ALPHANUMERIC, 11),
        other => panic!("{other} is not made here"),
    }
}

/// A number of thirteen digits with the check digit of GS1.
fn ean(dice: &mut Dice, prefix: &str) -> String {
    let body = format!("{prefix}{}", dice.digits(9));
    let sum: u32 = body
        .bytes()
        .enumerate()
        .map(|(place, digit)| u32::from(digit - b'0') * if place % 2 == 0 { 1 } else { 3 })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

const HEX: &str = "0123456789abcdef";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const WORDS: &[&str] = &[
    "the", "meeting", "about", "prices", "was", "moved", "because", "report", "which", "we",
    "read", "together", "said", "nothing", "new", "river", "and", "seven", "windows", "were",
    "open", "while", "music", "played", "softly", "in", "another", "room",
];
const SEED: u64 = 7;
const OF_EACH_FRAME: usize = 12;
