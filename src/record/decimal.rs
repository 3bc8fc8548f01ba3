//! Whole numbers as decimal digits, without the machinery of formatting.

/// Writes the digits of `number` into `buffer` and returns them.
pub(crate) fn encode(number: u64, buffer: &mut [u8; 20]) -> &str {
    let mut at = buffer.len();
    let mut rest = number;
    loop {
        at -= 1;
        buffer[at] = b'0' + u8::try_from(rest % 10).expect("a remainder of ten is one digit");
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    std::str::from_utf8(&buffer[at..]).expect("digits are ASCII")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_are_those_that_are_printed(number: u64, shift in 0..64_u32) {
            let (number, mut buffer) = (number >> shift, [0; 20]);
            prop_assert_eq!(encode(number, &mut buffer), number.to_string());
        }
    }
}
