//! How fast texts are scanned for personal data and secrets: `cargo bench --bench sanitize --no-default-features`.
//!
//! Prints megabytes a second of processor time, the median of several rounds, for English prose without anything to find, prose with some, and
//! texts that are made to be slow; how long it takes to make a sanitizer; what one call's texts cost; and, where `python3` is
//! there, the ratio to Python's `re` with an alternation of patterns of the same classes, on the same prose, in the same
//! run.

use std::hint::black_box;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use llm_audit::sanitize::{Sanitizer, mask_secrets_in_text};

fn main() {
    let clean = prose(8 << 20, None);
    let dirty = prose(8 << 20, Some(20));
    let sanitizer = Sanitizer::default();
    assert_eq!(
        sanitizer.sanitize(&clean).count(),
        0,
        "clean prose holds nothing"
    );
    println!("{:<44} {:>10} {:>10}", "text", "MB/s", "found");
    let ours = show("English prose, nothing to find", &clean, &sanitizer);
    let curly = clean.replace("the ", "the “").replace(". ", "”. ");
    show("the same with curly quotes", &curly, &sanitizer);
    show(
        "prose, one thing to find in 20 sentences",
        &dirty,
        &sanitizer,
    );
    for (name, piece) in SLOW {
        let text = piece.repeat((1 << 20) / piece.len());
        show(name, &text, &sanitizer);
    }
    let gate = megabytes_a_second(&clean, |text| {
        black_box(mask_secrets_in_text(text));
    });
    println!("{:<44} {gate:>10.0}", "the gate's masker on clean prose");
    let made = median(|| {
        black_box(Sanitizer::builder().build());
    });
    println!(
        "{:<44} {:>10.1} µs",
        "making a sanitizer",
        made.as_secs_f64() * 1e6
    );
    let (prompt, answer) = (prose(4 << 10, None), prose(3 << 9, None));
    let call = median(|| {
        black_box(sanitizer.sanitize(&prompt).count() + sanitizer.sanitize(&answer).count());
    });
    println!(
        "{:<44} {:>10.2} µs",
        "prompt of 4 KiB and answer of 1.5 KiB",
        call.as_secs_f64() * 1e6
    );
    match python(&clean[..1 << 20]) {
        Some(theirs) => println!(
            "{:<44} {theirs:>10.2}   ours is {:.0} times that",
            "Python re, one alternation, same prose",
            ours / theirs
        ),
        None => println!("Python re: python3 is not there, not measured"),
    }
}

fn show(name: &str, text: &str, sanitizer: &Sanitizer) -> f64 {
    let speed = megabytes_a_second(text, |text| {
        black_box(sanitizer.sanitize(text));
    });
    println!(
        "{name:<44} {speed:>10.0} {:>10}",
        sanitizer.sanitize(text).count()
    );
    speed
}

fn megabytes_a_second(text: &str, scan: impl Fn(&str)) -> f64 {
    text.len() as f64 / 1e6 / median(|| scan(text)).as_secs_f64()
}

fn median(mut work: impl FnMut()) -> Duration {
    let mut rounds: Vec<Duration> = (0..9)
        .map(|_| {
            let begun = processor_time();
            work();
            processor_time() - begun
        })
        .collect();
    rounds.sort_unstable();
    rounds[rounds.len() / 2]
}

/// What this thread has used of the processor; others on the machine do not count.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        time.tv_nsec.unsigned_abs() as u32,
    )
}

/// Sentences of common words, about so many bytes; one in `every` tells something personal.
fn prose(bytes: usize, every: Option<u64>) -> String {
    let mut dice = 0x2545_f491_4f6c_dd1d_u64;
    let mut roll = |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let mut text = String::with_capacity(bytes + 200);
    while text.len() < bytes {
        for nth in 0..8 + roll(9) {
            let word = WORDS[roll(WORDS.len() as u64) as usize];
            if nth == 0 {
                text.push_str(&word[..1].to_uppercase());
                text.push_str(&word[1..]);
            } else {
                text.push_str(if roll(12) == 0 { ", " } else { " " });
                text.push_str(word);
            }
        }
        if roll(10) == 0 {
            text.push_str(" in 2024");
        }
        if every.is_some_and(|every| roll(every) == 0) {
            text.push_str(PERSONAL[roll(PERSONAL.len() as u64) as usize]);
        }
        text.push_str(". ");
    }
    text.truncate(bytes);
    text
}

/// Megabytes a second of Python's `re`.
fn python(text: &str) -> Option<f64> {
    let mut child = Command::new("python3")
        .args(["-c", PYTHON])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(text.as_bytes()).ok()?;
    let output = child.wait_with_output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

const PYTHON: &str = r#"
import re, sys, time
text = sys.stdin.buffer.read().decode()
patterns = re.compile("|".join([
    r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,24}",
    r"\b(?:\d[ -]?){13,19}\b",
    r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b",
    r"\b\d{3}-\d{2}-\d{4}\b",
    r"\+?\d{1,3}[ .-]?\(?\d{2,4}\)?[ .-]?\d{3,4}[ .-]?\d{3,4}\b",
    r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
    r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b",
    r"\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\b(?:sk|ghp|gho|glpat|xoxb)[-_][\w-]{16,}",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    r"\b\w+://[^\s:/@]+:[^\s@]+@",
    r"(?i:password|passwd|secret|token|api_key)\s*[=:]\s*\S+",
]))
best = min((lambda begun: (sum(1 for _ in patterns.finditer(text)), time.process_time() - begun)[1])(time.process_time()) for _ in range(3))
print(len(text) / 1e6 / best)
"#;

const SLOW: &[(&str, &str)] = &[
    ("digits", "1"),
    ("digits in groups", "123 456 "),
    (
        "cards that are none, one after the other",
        "4111 1111 1111 1112 ",
    ),
    ("letters and digits in turn", "a1"),
    ("hyphens", "-"),
    ("names without values", "password: is "),
    ("beginnings of keys", "sk-"),
    ("beginnings of addresses", "a@b."),
    ("phone words and digits", "call 5 "),
    ("backslashes and quotes", "token\\\""),
    ("full-width digits", "１２３"),
    ("invisible characters", "\u{200b}"),
];

const PERSONAL: &[&str] = &[
    " and mail anna.smith@example.com",
    " with card 4111 1111 1111 1111",
    " on +44 20 7946 0958",
    " from 203.0.113.9",
    " to DE89 3704 0044 0532 0130 00",
    " with SSN 078-05-1120",
    " with password=hunter2",
    " born on 5 March 1980",
];

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "the", "of", "and", "to", "in", "that", "was", "his", "he", "it", "with", "is", "for", "as", "had", "you", "not", "be",
    "her", "on", "at", "by", "which", "have", "or", "from", "this", "him", "but", "all", "she", "they", "were", "my", "are",
    "me", "one", "their", "so", "an", "said", "them", "we", "who", "would", "been", "will", "no", "when", "there", "if",
    "more", "out", "up", "into", "do", "any", "your", "what", "has", "man", "could", "other", "than", "our", "some", "very",
    "time", "upon", "about", "may", "its", "only", "now", "like", "little", "then", "can", "made", "should", "did", "us",
    "such", "great", "before", "must", "two", "these", "see", "know", "over", "much", "down", "after", "first", "good",
    "never", "water", "because", "between", "question", "government", "business", "important", "children", "something",
];
