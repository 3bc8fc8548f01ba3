//! Valid numbers of each class with a checksum or rules, made from the authorities' descriptions: this code and the
//! validators share nothing. And the forms in which people write them.

use crate::dice::Dice;

/// A class of numbers: how one is made, and how it is written.
pub(crate) struct Kind {
    pub(crate) class: &'static str,
    pub(crate) make: fn(&mut Dice) -> String,
    /// `#` stands for the next character; what is left over follows.
    pub(crate) forms: &'static [&'static str],
    /// Whether a text without any word about it shows what it is, when it is written in one of the forms with separators or
    /// has a form of its own.
    pub(crate) speaks_for_itself: SpeaksForItself,
    /// Whether the last digits are a checksum.
    pub(crate) checksum: Checksum,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpeaksForItself {
    Always,
    WithSeparators,
    Never,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// Finds every changed digit.
    Full,
    None,
}

#[rustfmt::skip]
pub(crate) const KINDS: &[Kind] = &[
    kind("au_tfn", au_tfn, &["### ### ###", "###-###-###", "#########"], SpeaksForItself::Never, Checksum::Full),
    kind("br_cpf", br_cpf, &["###.###.###-##", "###.###.###-##", "###########", "### ### ### ##"], SpeaksForItself::WithSeparators, Checksum::Full),
    kind("ca_sin", ca_sin, &["### ### ###", "###-###-###", "#########"], SpeaksForItself::Never, Checksum::Full),
    kind("credit_card", credit_card, &["", "groups", "groups", "dashes"], SpeaksForItself::Always, Checksum::Full),
    kind("de_tax_id", de_tax_id, &["## ### ### ###", "###########", "##-###-###-###"], SpeaksForItself::Never, Checksum::Full),
    kind("es_nif", es_nif, &["#########", "########-#", "######## #"], SpeaksForItself::Never, Checksum::Full),
    kind("fr_nir", fr_nir, &["# ## ## ## ### ### ##", "# ## ## ## ### ### ##", "###############", "#.##.##.##.###.###.##"], SpeaksForItself::WithSeparators, Checksum::Full),
    kind("iban", iban, &["", "fours", "fours", "lower"], SpeaksForItself::Always, Checksum::Full),
    kind("in_aadhaar", in_aadhaar, &["#### #### ####", "####-####-####", "############"], SpeaksForItself::Never, Checksum::Full),
    kind("it_codice_fiscale", it_codice_fiscale, &["", "", "lower", "### ### ##### #####"], SpeaksForItself::Always, Checksum::Full),
    kind("nl_bsn", nl_bsn, &["#########", "####.##.###", "### ### ###", "#### ## ###"], SpeaksForItself::Never, Checksum::Full),
    kind("pl_pesel", pl_pesel, &["###########"], SpeaksForItself::Never, Checksum::Full),
    kind("uk_nhs", uk_nhs, &["### ### ####", "###-###-####", "##########"], SpeaksForItself::Never, Checksum::Full),
    kind("uk_nino", uk_nino, &["## ## ## ## #", "#########", "##-##-##-##-#", "## ###### #", "lower"], SpeaksForItself::Always, Checksum::None),
    kind("us_itin", us_itin, &["###-##-####", "###-##-####", "### ## ####", "#########"], SpeaksForItself::WithSeparators, Checksum::None),
    kind("us_ssn", us_ssn, &["###-##-####", "###-##-####", "### ## ####", "#########"], SpeaksForItself::WithSeparators, Checksum::None),
];

const fn kind(
    class: &'static str,
    make: fn(&mut Dice) -> String,
    forms: &'static [&'static str],
    speaks_for_itself: SpeaksForItself,
    checksum: Checksum,
) -> Kind {
    Kind {
        class,
        make,
        forms,
        speaks_for_itself,
        checksum,
    }
}

/// The number as people write it.
pub(crate) fn written(number: &str, form: &str) -> String {
    match form {
        "" => number.to_owned(),
        "lower" => number.to_ascii_lowercase(),
        "fours" => grouped(number, &[4; 9], ' '),
        "groups" | "dashes" => {
            let groups: &[usize] = match number.len() {
                14 => &[4, 6, 4],
                15 => &[4, 6, 5],
                _ => &[4, 4, 4, 4, 3],
            };
            grouped(number, groups, if form == "groups" { ' ' } else { '-' })
        }
        form => {
            let mut characters = number.chars();
            let mut written = String::new();
            for mark in form.chars() {
                match mark {
                    '#' => written.extend(characters.next()),
                    mark => written.push(mark),
                }
            }
            written.extend(characters);
            written
        }
    }
}

fn grouped(number: &str, groups: &[usize], separator: char) -> String {
    let mut written = String::new();
    let mut rest = number;
    for group in groups {
        let (head, tail) = rest.split_at(rest.len().min(*group));
        if !written.is_empty() && !head.is_empty() {
            written.push(separator);
        }
        written.push_str(head);
        rest = tail;
    }
    written
}

fn values(text: &str) -> Vec<u32> {
    text.bytes().map(|digit| u32::from(digit - b'0')).collect()
}

/// The digit that makes the text right by Luhn.
fn luhn_digit(body: &str) -> u32 {
    let doubled = values(body).into_iter().rev().enumerate();
    let sum: u32 = doubled
        .map(|(place, digit)| match place % 2 {
            0 => digit * 2 / 10 + digit * 2 % 10,
            _ => digit,
        })
        .sum();
    (10 - sum % 10) % 10
}

pub(crate) fn with_luhn(body: &str) -> String {
    format!("{body}{}", luhn_digit(body))
}

fn sum(text: &str, weights: &[u32]) -> u32 {
    let digits = values(text);
    digits
        .iter()
        .zip(weights)
        .map(|(digit, weight)| digit * weight)
        .sum()
}

/// Tries bodies until one has a check digit.
fn until(dice: &mut Dice, mut attempt: impl FnMut(&mut Dice) -> Option<String>) -> String {
    loop {
        if let Some(number) = attempt(dice) {
            return number;
        }
    }
}

fn credit_card(dice: &mut Dice) -> String {
    let (prefix, length) = *dice.pick(&[
        ("4", 16),
        ("4", 16),
        ("4", 16),
        ("51", 16),
        ("53", 16),
        ("55", 16),
        ("2221", 16),
        ("2720", 16),
        ("34", 15),
        ("37", 15),
        ("6011", 16),
        ("65", 16),
        ("36", 14),
        ("3528", 16),
        ("62", 16),
        ("2200", 16),
    ]);
    with_luhn(&format!(
        "{prefix}{}",
        dice.digits(length - 1 - prefix.len())
    ))
}

fn ca_sin(dice: &mut Dice) -> String {
    let first = dice.text("12345679", 1);
    with_luhn(&format!("{first}{}", dice.digits(7)))
}

fn au_tfn(dice: &mut Dice) -> String {
    until(dice, |dice| {
        let number = format!("{}{}", dice.text("123456789", 1), dice.digits(8));
        sum(&number, &[1, 4, 3, 7, 5, 8, 6, 9, 10])
            .is_multiple_of(11)
            .then_some(number)
    })
}

fn nl_bsn(dice: &mut Dice) -> String {
    until(dice, |dice| {
        let body = format!("{}{}", dice.text("12345678", 1), dice.digits(7));
        let check = sum(&body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        (check < 10).then(|| format!("{body}{check}"))
    })
}

fn uk_nhs(dice: &mut Dice) -> String {
    until(dice, |dice| {
        let body = format!("{}{}", dice.text("4679", 1), dice.digits(8));
        let check = (11 - sum(&body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
        (check < 10).then(|| format!("{body}{check}"))
    })
}

fn br_cpf(dice: &mut Dice) -> String {
    let body = dice.digits(9);
    let check = |text: &str| {
        let weights: Vec<u32> = (2..=text.len() as u32 + 1).rev().collect();
        let rest = sum(text, &weights) % 11;
        if rest < 2 { 0 } else { 11 - rest }
    };
    let first = check(&body);
    let body = format!("{body}{first}");
    let second = check(&body);
    format!("{body}{second}")
}

fn de_tax_id(dice: &mut Dice) -> String {
    until(dice, |dice| {
        let mut digits: Vec<u32> = (0..10).collect();
        for place in (1..10).rev() {
            digits.swap(place, dice.below(place + 1));
        }
        let (from, to) = (dice.below(10), dice.below(10));
        digits[to] = digits[from];
        if from == to || digits[0] == 0 {
            return None;
        }
        let product = digits.iter().fold(10, |product, digit| {
            let sum = (product + digit) % 10;
            (if sum == 0 { 10 } else { sum }) * 2 % 11
        });
        let check = (11 - product) % 10;
        let body: String = digits.iter().map(u32::to_string).collect();
        Some(format!("{body}{check}"))
    })
}

fn fr_nir(dice: &mut Dice) -> String {
    let (department, counted) = match dice.below(8) {
        0 => ("2A".to_owned(), "19".to_owned()),
        1 => ("2B".to_owned(), "18".to_owned()),
        _ => {
            let department = format!("{:02}", dice.between(21, 95));
            (department.clone(), department)
        }
    };
    let head = format!(
        "{}{}{:02}",
        dice.text("12", 1),
        dice.digits(2),
        dice.between(1, 12)
    );
    let tail = format!("{:03}{:03}", dice.between(1, 500), dice.between(1, 999));
    let number: u64 = format!("{head}{counted}{tail}")
        .parse()
        .expect("thirteen digits");
    format!("{head}{department}{tail}{:02}", 97 - number % 97)
}

fn es_nif(dice: &mut Dice) -> String {
    let letter = |number: u32| char::from(b"TRWAGMYFPDXBNJZSQVHLCKE"[(number % 23) as usize]);
    let body = dice.digits(7);
    let number: u32 = body.parse().expect("seven digits");
    match dice.below(3) {
        0 => {
            let front = dice.below(3);
            let first = ['X', 'Y', 'Z'][front];
            format!(
                "{first}{body}{}",
                letter(front as u32 * 10_000_000 + number)
            )
        }
        _ => {
            let first = dice.between(1, 7) as u32;
            format!("{first}{body}{}", letter(first * 10_000_000 + number))
        }
    }
}

fn it_codice_fiscale(dice: &mut Dice) -> String {
    let names = dice.text("BCDFGLMNPRSTVZ", 6);
    let day = dice.between(1, 28) + 40 * dice.below(2);
    let mut body: Vec<u8> = format!(
        "{names}{:02}{}{day:02}{}{:03}",
        dice.below(100),
        dice.text("ABCDEHLMPRST", 1),
        dice.text("ABCDEFGHIL", 1),
        dice.between(1, 999),
    )
    .into_bytes();
    if dice.one_in(6) {
        body[14] = b"LMNPQRSTUV"[usize::from(body[14] - b'0')];
    }
    let odd = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let total: usize = body
        .iter()
        .enumerate()
        .map(|(place, character)| {
            let value = match character {
                b'0'..=b'9' => character - b'0',
                letter => letter - b'A',
            };
            if place % 2 == 0 {
                odd[usize::from(value)]
            } else {
                usize::from(value)
            }
        })
        .sum();
    body.push(b'A' + (total % 26) as u8);
    String::from_utf8(body).expect("ASCII")
}

fn pl_pesel(dice: &mut Dice) -> String {
    let month = dice.between(1, 12) + 20 * dice.below(2);
    let body = format!(
        "{}{month:02}{:02}{}",
        dice.digits(2),
        dice.between(1, 28),
        dice.digits(4)
    );
    let check = (10 - sum(&body, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10;
    format!("{body}{check}")
}

/// Aadhaar's check digit by the table of the dihedral group, as Verhoeff printed it.
fn in_aadhaar(dice: &mut Dice) -> String {
    let body = format!("{}{}", dice.text("23456789", 1), dice.digits(10));
    let product = values(&body)
        .into_iter()
        .rev()
        .enumerate()
        .fold(0, |product, (place, digit)| {
            let permuted = (0..(place + 1) % 8).fold(digit as usize, |digit, _| {
                [1, 5, 7, 6, 2, 8, 3, 0, 9, 4][digit]
            });
            DIHEDRAL[product][permuted]
        });
    let check = DIHEDRAL[product]
        .iter()
        .position(|product| *product == 0)
        .expect("a group");
    format!("{body}{check}")
}

const DIHEDRAL: [[usize; 10]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
];

fn iban(dice: &mut Dice) -> String {
    let pattern = *dice.pick(&[
        "DE##################",
        "DE##################",
        "FR#######################",
        "GB^^^^##############",
        "ES####################",
        "IT^######################",
        "NL^^^^##########",
        "PL########################",
        "PT#####################",
        "BE############",
        "CH#################",
        "AT################",
        "SE####################",
        "NO###########",
        "IE^^^^##############",
        "BR#######################^#",
        "AE###################",
        "MT^^^^#####******************",
        "SA####################",
        "LU################",
        "DK##############",
        "FI##############",
    ]);
    let own = dice.fill(&pattern[2..]).to_ascii_uppercase();
    let country = &pattern[..2];
    let remainder = format!("{own}{country}00")
        .bytes()
        .fold(0_u32, |remainder, byte| {
            let value = u32::from(
                byte - if byte.is_ascii_digit() {
                    b'0'
                } else {
                    b'A' - 10
                },
            );
            (remainder * if value > 9 { 100 } else { 10 } + value) % 97
        });
    format!("{country}{:02}{own}", 98 - remainder)
}

fn uk_nino(dice: &mut Dice) -> String {
    let first = dice.text("ABCEHJLPSWXY", 1);
    let second = dice.text("ABCEHJLMPRSW", 1);
    format!("{first}{second}{}{}", dice.digits(6), dice.text("ABCD", 1))
}

fn us_ssn(dice: &mut Dice) -> String {
    let area = until(dice, |dice| {
        let area = dice.between(1, 899);
        (area != 666).then(|| format!("{area:03}"))
    });
    format!(
        "{area}{:02}{:04}",
        dice.between(1, 99),
        dice.between(1, 9999)
    )
}

fn us_itin(dice: &mut Dice) -> String {
    let group = *dice.pick(&[50, 57, 65, 70, 78, 88, 90, 92, 94, 99]);
    format!("9{}{group}{}", dice.digits(2), dice.digits(4))
}
