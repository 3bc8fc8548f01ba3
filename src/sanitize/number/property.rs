//! What the validators' property tests share: they know no formula, they try.

/// Everything that a last character completes to a valid number.
pub(super) fn completed(body: &str, last: &[u8], is_valid: impl Fn(&[u8]) -> bool) -> Vec<String> {
    let ends = last.iter().map(|end| format!("{body}{}", char::from(*end)));
    ends.filter(|text| is_valid(text.as_bytes())).collect()
}

/// Everything that two last digits complete to a valid number.
pub(super) fn completed_by_two(body: &str, is_valid: impl Fn(&[u8]) -> bool) -> Vec<String> {
    let ends = (0..100).map(|end| format!("{body}{end:02}"));
    ends.filter(|text| is_valid(text.as_bytes())).collect()
}

/// A text that is still valid with one of its digits replaced by another.
pub(super) fn changed_and_valid(text: &str, is_valid: impl Fn(&[u8]) -> bool) -> Option<String> {
    let bytes = text.as_bytes();
    assert!(is_valid(bytes), "{text} is the valid one");
    let places = (0..bytes.len()).filter(|place| bytes[*place].is_ascii_digit());
    let changed = places.flat_map(|place| {
        (b'0'..=b'9')
            .filter(move |digit| *digit != bytes[place])
            .map(move |digit| {
                let mut changed = bytes.to_vec();
                changed[place] = digit;
                changed
            })
    });
    changed
        .filter(|changed| is_valid(changed))
        .map(|changed| String::from_utf8_lossy(&changed).into_owned())
        .next()
}

/// Luhn as it is done on paper.
pub(super) fn luhn_by_hand(text: &str) -> bool {
    let mut sum = 0;
    let mut doubled = false;
    for digit in text.bytes().rev().map(|digit| u32::from(digit - b'0')) {
        let value = if doubled { digit * 2 } else { digit };
        sum += value / 10 + value % 10;
        doubled = !doubled;
    }
    sum % 10 == 0
}
