//! Money: exact decimal US dollars.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// An amount of US dollars, exact: up to 28 significant digits, never negative, no rounding anywhere.
///
/// Prints without an exponent and without trailing zeros, and parses only what it prints.
///
/// ```
/// use llm_audit::record::Usd;
/// let price: Usd = "0.0000025".parse()?;
/// assert_eq!(price.times(1_000).unwrap().to_string(), "0.0025");
/// assert!("1e-6".parse::<Usd>().is_err());
/// assert!("0.10".parse::<Usd>().is_err());
/// # Ok::<(), llm_audit::record::UsdError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Usd(Decimal);

/// The text is not an amount of US dollars as [`Usd`] prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a plain decimal amount of US dollars with at most 28 digits, such as 0.00125")]
pub struct UsdError;

impl Usd {
    /// Nothing owed. Not the same as a cost that is not known.
    pub const ZERO: Self = Self(Decimal::ZERO);
    /// The unit in which xAI states costs.
    pub(crate) const TEN_BILLIONTH: Self = Self(Decimal::from_parts(1, 0, 0, false, 10));

    /// `count` times this amount, or `None` where 28 digits do not hold it exactly.
    #[must_use]
    pub fn times(self, count: u64) -> Option<Self> {
        self.0
            .checked_mul(Decimal::from(count))
            .filter(|product| product.scale() >= self.0.scale())
            .map(Self::new)
    }

    /// This amount times an exact factor such as `0.5`, or `None` where 28 digits do not hold it exactly.
    #[must_use]
    pub fn scaled(self, factor: Decimal) -> Option<Self> {
        let product = self.0.checked_mul(factor)?;
        let exact = self.0.is_zero() || product.scale() == self.0.scale() + factor.scale();
        (exact && !product.is_sign_negative()).then(|| Self::new(product))
    }

    /// The sum, or `None` where 28 digits do not hold it exactly.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let sum = self.0.checked_add(other.0)?;
        (sum.scale() >= self.0.scale().max(other.0.scale())).then(|| Self::new(sum))
    }

    /// The nearest floating-point number, for dashboards; ledgers use the exact text.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0.to_f64().unwrap_or(f64::MAX)
    }

    /// Writes the exact amount into `buffer`, as [`Display`](fmt::Display) prints it, and returns it.
    pub(crate) fn encode(self, buffer: &mut [u8; USD_BYTES]) -> &str {
        let scale = usize::try_from(self.0.scale()).expect("a decimal has at most 28 places");
        let (mut at, mut places) = (buffer.len(), 0);
        let mut put = |digit: u8| {
            if places == scale && scale > 0 {
                at -= 1;
                buffer[at] = b'.';
            }
            at -= 1;
            buffer[at] = b'0' + digit;
            places += 1;
            places <= scale
        };
        let mut large = self.0.mantissa().unsigned_abs();
        while large > u128::from(u64::MAX) {
            put((large % 10).to_le_bytes()[0]);
            large /= 10;
        }
        // Division of such numbers is many times as fast, and amounts of calls fit.
        let mut rest = u64::try_from(large).expect("it was divided until it fits");
        while put((rest % 10).to_le_bytes()[0]) || rest >= 10 {
            rest /= 10;
        }
        std::str::from_utf8(&buffer[at..]).expect("digits and a point are ASCII")
    }

    /// The exact decimal.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        self.0
    }

    /// A decimal that is not negative as an amount.
    pub(crate) fn of_decimal(decimal: Decimal) -> Option<Self> {
        let amount = !decimal.is_sign_negative() || decimal.is_zero();
        amount.then(|| Self::new(decimal.abs()))
    }

    fn new(decimal: Decimal) -> Self {
        Self(decimal.normalize())
    }
}

/// A sum of products that is added up in whole numbers and made an amount at the end.
#[derive(Debug, Default)]
pub(crate) struct UsdSum {
    mantissa: u128,
    scale: u32,
    /// A product or the sum became so large that whether it is exact is not settled here.
    too_large: bool,
}

impl UsdSum {
    /// Adds `count` times an amount.
    pub(crate) fn add(&mut self, amount: Usd, count: u64) {
        let scale = amount.0.scale().max(self.scale);
        let aligned = |mantissa: u128, from: u32| {
            let factor = 10_u128.checked_pow(scale - from)?;
            let aligned = mantissa.checked_mul(factor);
            aligned.filter(|aligned| *aligned < LARGEST_SUM)
        };
        let product = amount
            .0
            .mantissa()
            .unsigned_abs()
            .checked_mul(u128::from(count))
            .and_then(|product| aligned(product, amount.0.scale()));
        let sum = aligned(self.mantissa, self.scale)
            .zip(product)
            .map(|(sum, product)| sum + product);
        match sum.filter(|sum| *sum < LARGEST_SUM) {
            Some(sum) => (self.mantissa, self.scale) = (sum, scale),
            None => self.too_large = true,
        }
    }

    /// The amount; `None` where it has to be worked out with more care.
    pub(crate) fn finish(mut self) -> Option<Usd> {
        if self.too_large {
            return None;
        }
        while self.scale > 0 && self.mantissa.is_multiple_of(10) {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        let mantissa = i128::try_from(self.mantissa).ok()?;
        Decimal::try_from_i128_with_scale(mantissa, self.scale)
            .ok()
            .map(Usd)
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Usd {
    type Err = UsdError;

    fn from_str(text: &str) -> Result<Self, UsdError> {
        let decimal = Decimal::from_str_exact(text).map_err(|_| UsdError)?;
        let amount = Self::new(decimal);
        let strict = !decimal.is_sign_negative() && amount.to_string() == text;
        if strict { Ok(amount) } else { Err(UsdError) }
    }
}

/// Sums for people's totals; saturates at the largest amount instead of failing.
impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, |total, amount| {
            Self::new(total.0.saturating_add(amount.0))
        })
    }
}

/// Every number below it is a decimal, with up to 28 places.
const LARGEST_SUM: u128 = 1 << 95;
/// 29 digits at most, a point, and a zero before it.
pub(crate) const USD_BYTES: usize = 31;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_what_is_printed(high: u32, middle: u32, low: u32, scale in 0..=28_u32, zeros in 0..3_u32) {
            let decimal = Decimal::from_parts(low, middle * (zeros % 2), high * (zeros / 2), false, scale);
            let amount = Usd::new(decimal);
            let mut buffer = [0; USD_BYTES];
            prop_assert_eq!(amount.encode(&mut buffer), amount.to_string());
        }
    }

    proptest! {
        #[test]
        fn a_sum_in_whole_numbers_is_the_sum(lines in prop::collection::vec((any::<u64>(), 0..12_u32, any::<u32>()), 0..6)) {
            let (mut sum, mut exact) = (UsdSum::default(), Some(Usd::ZERO));
            for (mantissa, scale, count) in lines {
                let amount = Usd::new(Decimal::from_i128_with_scale(i128::from(mantissa), scale));
                sum.add(amount, u64::from(count));
                exact = exact.and_then(|exact| exact.plus(amount.times(u64::from(count))?));
            }
            if let Some(sum) = sum.finish() {
                prop_assert_eq!(Some(sum), exact);
            }
        }
    }

    #[test]
    fn products_and_sums_are_exact_or_refused() {
        let price: Usd = "0.0000000375".parse().unwrap();
        assert_eq!(price.times(3).unwrap().to_string(), "0.0000001125");
        assert_eq!(
            price.scaled("0.5".parse().unwrap()).unwrap().to_string(),
            "0.00000001875"
        );
        let tiny: Usd = "0.0000000000000000000000000001".parse().unwrap();
        assert_eq!(
            tiny.scaled("0.5".parse().unwrap()),
            None,
            "a 29th digit would be lost"
        );
        let large: Usd = "79228162514264337593543950335".parse().unwrap();
        assert_eq!(large.plus(tiny), None);
        assert_eq!(large.times(2), None);
    }

    #[test]
    fn only_the_printed_form_is_parsed() {
        for text in [
            "", "-1", "+1", "1.0", "01", ".5", "1e3", " 1", "NaN", "1_000",
        ] {
            assert!(text.parse::<Usd>().is_err(), "{text}");
        }
        assert_eq!("0".parse::<Usd>().unwrap(), Usd::ZERO);
    }
}
