//! Words before a number, and what they say of it.
//!
//! Words are lower case, without digits and signs, one blank between them; changes of case and signs part them
//! (`dateOfBirth`, `date_of_birth`). A letter outside ASCII is `?`. The words of a number are those of its own field where
//! it stands behind a sign (`"phone": "…"`), else those of its sentence.

use std::cell::OnceCell;

use arrayvec::ArrayVec;

use super::class::{Class, ClassSet};
use super::view::{FOREIGN_LETTER, View};

/// The words before a place.
pub(super) struct Words {
    /// A blank, then each word and a blank.
    text: ArrayVec<u8, ROOM>,
    /// The class of what stands right before, with nothing but separators between: the list goes on.
    list_of: Option<Class>,
    named: OnceCell<ClassSet>,
}

impl Words {
    /// The words that end before `at`, of what begins at `floor`.
    pub(super) fn before(view: &View<'_>, floor: usize, at: usize, last: Option<Class>) -> Self {
        let start = beginning(view, floor, at);
        let mut text = ArrayVec::new();
        let mut put = |byte: u8| {
            let doubled = byte == b' ' && text.last().is_none_or(|last| *last == b' ');
            if !doubled {
                // A byte a byte read and one a change of case: the room is twice the reach.
                let _ = text.try_push(byte);
            }
        };
        let bytes = view.slice(start..at);
        for (nth, byte) in bytes.iter().enumerate() {
            let follows_lower = nth > 0 && bytes[nth - 1].is_ascii_lowercase();
            if byte.is_ascii_uppercase() && follows_lower {
                put(b' ');
            }
            put(match byte {
                b if b.is_ascii_alphabetic() => b.to_ascii_lowercase(),
                &FOREIGN_LETTER => b'?',
                _ => b' ',
            });
        }
        put(b' ');
        let only_separators = bytes.iter().all(|b| b" ,;/|&\"'\t".contains(b))
            || bytes.trim_ascii() == b"and"
            || bytes.trim_ascii() == b"or";
        Self {
            text,
            list_of: last.filter(|_| only_separators && start == floor && at - start < 12),
            named: OnceCell::new(),
        }
    }

    /// Whether one of the phrases is among the words, in singular or plural.
    pub(super) fn say(&self, phrases: &[&str]) -> bool {
        are_among(phrases, &self.text)
    }

    /// Whether one of the phrases stands at their end.
    pub(super) fn end_with(&self, phrases: &[&str]) -> bool {
        let words = self.text.trim_ascii_end();
        phrases.iter().any(|phrase| {
            let before = words.strip_suffix(phrase.as_bytes());
            before.is_some_and(|before| before.is_empty() || before.ends_with(b" "))
        })
    }

    /// Whether they name the class.
    pub(super) fn name(&self, class: Class) -> bool {
        self.list_of == Some(class) || self.named().has(class)
    }

    /// Whether they name another kind of number than this class.
    pub(super) fn name_another(&self, class: Class) -> bool {
        let mut others = self.named().without(class).without(Class::DateOfBirth);
        if let Some(other) = self.list_of.filter(|other| *other != class) {
            others = others.with(other);
        }
        NAMED.iter().any(|other| others.has(*other))
    }

    /// The classes that they name, found in one pass.
    fn named(&self) -> ClassSet {
        *self.named.get_or_init(|| {
            let mut named = ClassSet::NONE;
            for start in word_starts(&self.text) {
                let rest = &self.text[start..];
                for (phrase, class) in beginning_with(rest[0]) {
                    if !named.has(*class) && begins_with(rest, phrase) {
                        named = named.with(*class);
                    }
                }
            }
            named
        })
    }

    /// Whether the last of them say that a number is none of a person.
    pub(super) fn deny(&self) -> bool {
        let blanks = self.text.iter().enumerate().rev();
        let mut blanks = blanks.filter(|(_, byte)| **byte == b' ');
        let start = blanks.nth(NEAR).map_or(0, |(at, _)| at + 1);
        are_among(OF_THINGS, &self.text[start..])
    }
}

/// Whether one of the phrases is among the words, in singular or plural.
fn are_among(phrases: &[&str], words: &[u8]) -> bool {
    word_starts(words).any(|start| {
        let rest = &words[start..];
        phrases.iter().any(|phrase| begins_with(rest, phrase))
    })
}

fn begins_with(words: &[u8], phrase: &str) -> bool {
    let after = words.strip_prefix(phrase.as_bytes());
    after.is_some_and(|after| after.starts_with(b" ") || after.starts_with(b"s "))
}

fn word_starts(words: &[u8]) -> impl Iterator<Item = usize> {
    let begins = |at: &usize| words[*at] != b' ' && (*at == 0 || words[at - 1] == b' ');
    (0..words.len()).filter(begins)
}

/// The phrases that begin with a byte, each with the class that it names.
fn beginning_with(byte: u8) -> &'static [(&'static str, Class)] {
    let byte = usize::from(byte);
    let (from, to) = (BY_FIRST_BYTE.0[byte], BY_FIRST_BYTE.0[byte + 1]);
    &BY_FIRST_BYTE.1[from..to]
}

/// Where the words about a place begin.
fn beginning(view: &View<'_>, floor: usize, at: usize) -> usize {
    let lowest = floor.max(at.saturating_sub(ROOM / 2 - 1));
    let value = view.run_back(at, lowest, 8, |b| b" \"'\\([+".contains(&b));
    let is_field = value > lowest && view.before(value).is_some_and(|b| b"=:".contains(&b));
    if is_field {
        let name = view.run_back(value, lowest, 2, |b| b"=:".contains(&b));
        return view.run_back(name, lowest, ROOM, |b| !b",;{}&|\n\t?<>".contains(&b));
    }
    let mut start = at;
    while start > lowest {
        let byte = view.before(start);
        // "Your date of birth? It's …": a few words are no sentence of their own.
        let ends_sentence = match byte {
            Some(b'?') => at - start > SHORT_ANSWER,
            Some(b'.' | b'!' | b';') => at - start > SHORT_SENTENCE,
            _ => false,
        } && view.byte(start).is_some_and(|b| b.is_ascii_whitespace());
        let ends_paragraph = byte == Some(b'\n') && view.byte(start) == Some(b'\n');
        // `no. 12` is no end of a sentence.
        let word = || view.run_back(start - 1, lowest, 4, |b| b.is_ascii_alphabetic());
        if ends_paragraph || (ends_sentence && start - 1 - word() > 3) {
            break;
        }
        start -= 1;
    }
    // A word that is cut says something else.
    if start > floor && start == lowest {
        start = view.run(start, at - start, |b| b.is_ascii_alphanumeric());
    }
    start
}

/// How many words before a number can say that it is none of a person.
const NEAR: usize = 5;

/// What people call a class of numbers, in some of their languages.
#[rustfmt::skip]
const fn phrases(class: Class) -> &'static [&'static str] {
    match class {
        Class::AuTfn => &["tfn", "tax file"],
        Class::BrCpf => &["cpf", "cadastro de pessoa"],
        Class::CaSin => &["sin", "social insurance", "nas", "assurance sociale"],
        Class::CreditCard => &[
            "amex", "american express", "card", "cardnumber", "carta", "carte", "cart?o", "cc", "ccn", "credit",
            "creditcard", "debit", "diners", "discover", "karte", "kartennummer", "kreditkarte",
            "kreditkartennummer", "maestro", "mastercard", "pan", "tarjeta", "visa",
        ],
        Class::DateOfBirth => &[
            "b day", "bday", "birth", "birthdate", "birthday", "born", "data di nascita", "data urodzenia",
            "dateofbirth", "d o b", "dob", "f?delsedatum", "f?dselsdato", "f?dd", "geb", "geboortedatum", "geboren",
            "geburtsdatum", "geburtstag", "n? le", "n?e le", "n? en", "nacida", "nacido", "nacimiento", "naissance",
            "nascida", "nascido", "nascimento", "nascita", "nata il", "nato il", "urodzony", "urodzona",
        ],
        Class::DeTaxId => &[
            "id nr", "idnr", "identifikationsnummer", "steuer id", "steuer identifikationsnummer", "steuer idnr", "steuerid",
            "steueridentifikationsnummer", "steuernummer", "tax id", "tax identification", "tax number", "tin",
        ],
        Class::EsNif => &["dni", "documento nacional", "nie", "nif"],
        Class::FrNir => &["french social security", "insee", "n ss", "nir", "num?ro de s?cu", "securite sociale", "s?curit? sociale", "s?cu"],
        Class::InAadhaar => &["aadhaar", "aadhar", "adhaar", "uidai"],
        Class::ItCodiceFiscale => &["codice fiscale", "cf"],
        Class::NlBsn => &["bsn", "burgerservice", "burgerservicenummer", "sofi", "sofinummer"],
        Class::Phone => &[
            "answering", "call", "callback", "cell", "cellphone", "cellulare", "celular", "contact", "desk", "dial", "fax", "handy",
            "handynummer", "hotline", "mob", "mobiel", "mobil", "mobile", "mobilnummer", "messages to", "my number", "m?vil", "ph", "phone", "phonenumber",
            "portable", "reach", "ring", "rufnummer", "sms", "tel", "telefon", "telefone", "telefonnummer", "telefono",
            "telefoon", "telefoonnummer", "telephone", "tel?fono", "telefonu", "text", "t?l", "t?l?phone", "viber",
            "voicemail", "whatsapp",
        ],
        Class::PlPesel => &["pesel"],
        Class::UkNhs => &["health service", "nhs"],
        Class::UkNino => &["national insurance", "ni number", "nino"],
        Class::UsItin => &["individual taxpayer", "itin", "taxpayer"],
        Class::UsSsn => &[
            "seguro social", "soc sec", "social is", "social no", "social number", "social sec", "social security", "socialsecurity", "socialsecuritynumber", "ss", "ss number",
            "ssn", "ssnum", "ssnumber",
        ],
        _ => &[],
    }
}

/// Where the phrases of each first byte begin in the table behind it.
type Index = ([usize; 257], [(&'static str, Class); PHRASES]);

/// All phrases in the order of their first bytes.
static BY_FIRST_BYTE: Index = {
    let mut index: Index = ([0; 257], [("", Class::Email); PHRASES]);
    let (mut filled, mut byte) = (0, 0);
    while byte < 256 {
        index.0[byte] = filled;
        let mut class = 0;
        while class < Class::ALL.len() {
            let all = phrases(Class::ALL[class]);
            let mut at = 0;
            while at < all.len() {
                if all[at].as_bytes()[0] as usize == byte {
                    index.1[filled] = (all[at], Class::ALL[class]);
                    filled += 1;
                }
                at += 1;
            }
            class += 1;
        }
        byte += 1;
    }
    index.0[256] = filled;
    index
};

/// How many phrases there are.
const PHRASES: usize = {
    let (mut count, mut class) = (0, 0);
    while class < Class::ALL.len() {
        count += phrases(Class::ALL[class]).len();
        class += 1;
    }
    count
};

/// Classes that are called by their names.
const NAMED: &[Class] = &[
    Class::AuTfn,
    Class::BrCpf,
    Class::CaSin,
    Class::CreditCard,
    Class::DeTaxId,
    Class::EsNif,
    Class::FrNir,
    Class::InAadhaar,
    Class::NlBsn,
    Class::Phone,
    Class::PlPesel,
    Class::UkNhs,
    Class::UkNino,
    Class::UsItin,
    Class::UsSsn,
];

/// Numbers that are none of a person.
#[rustfmt::skip]
const OF_THINGS: &[&str] = &[
    "amount", "asin", "barcode", "batch", "build", "bytes", "case", "commit", "coordinates", "count", "ean", "epoch", "error code",
    "gtin", "hash", "id", "imei", "invoice", "isbn", "issn", "item", "lat", "lot", "model", "offset", "order", "part",
    "population", "port", "price", "product", "rechnung", "ref", "reference", "release", "request", "revision", "sequence",
    "serial", "shipment", "size", "sku", "ticket", "timestamp", "total", "trace", "tracking", "transaction", "unix",
    "upc", "uuid", "version",
];

/// How long a sentence is that leans on the one before it.
const SHORT_SENTENCE: usize = 12;
/// How long an answer is before its number: `Sure, it's`.
const SHORT_ANSWER: usize = 24;
/// Twice as many bytes as words are read from.
const ROOM: usize = 160;
