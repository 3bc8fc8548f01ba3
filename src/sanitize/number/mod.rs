//! Numbers that authorities give out: one validator a class, each says whether a text can be such a number.
//!
//! A validator takes the characters of one number without separators, letters in upper case, and nothing else; what is
//! longer, shorter or outside ASCII is not valid. It is pure, allocates nothing, and looks at each character a bounded
//! number of times. It says nothing about whether the number was given to somebody, nor about the words around it: where
//! a checksum is weak or missing, the caller needs these too. [`ip_address`] and [`mac_address`] take the text as it is
//! written, with its separators.
//!
//! **What a checksum promises.** "Finds every changed digit" in a module's text means: no valid number stays valid when
//! one of its digits is replaced by another. Of numbers of random digits, the share that passes is stated too, since it
//! says how much context a caller should ask for.
//!
//! **Examples.** A number that an authority prints as an example of its kind, and gives to nobody, is valid where its
//! form is: who writes it shows where a person's number goes. What no number of the kind can look like is not.

pub(in crate::sanitize) mod au_tfn;
pub(in crate::sanitize) mod br_cpf;
pub(in crate::sanitize) mod ca_sin;
mod checksum;
pub(in crate::sanitize) mod credit_card;
pub(in crate::sanitize) mod de_tax_id;
pub(in crate::sanitize) mod es_nif;
pub(in crate::sanitize) mod fr_nir;
pub(in crate::sanitize) mod iban;
pub(in crate::sanitize) mod in_aadhaar;
pub(in crate::sanitize) mod ip_address;
pub(in crate::sanitize) mod it_codice_fiscale;
pub(in crate::sanitize) mod mac_address;
pub(in crate::sanitize) mod nl_bsn;
pub(in crate::sanitize) mod pl_pesel;
#[cfg(test)]
mod property;
pub(in crate::sanitize) mod uk_nhs;
pub(in crate::sanitize) mod uk_nino;
pub(in crate::sanitize) mod us_itin;
pub(in crate::sanitize) mod us_ssn;

/// The values of exactly `N` digits.
fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let text: &[u8; N] = text.try_into().ok()?;
    text.iter()
        .all(u8::is_ascii_digit)
        .then(|| text.map(|digit| digit - b'0'))
}

/// The number that some digits write, at most 18 of them.
fn value(text: &[u8]) -> Option<u64> {
    let small = !text.is_empty() && text.len() <= 18 && text.iter().all(u8::is_ascii_digit);
    small.then(|| {
        text.iter()
            .fold(0, |value, digit| value * 10 + u64::from(digit - b'0'))
    })
}

fn all_the_same(text: &[u8]) -> bool {
    text.windows(2).all(|pair| pair[0] == pair[1])
}
