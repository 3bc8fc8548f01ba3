//! What the sanitizer promises of every text.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;

use super::super::scan::{Scan, TextEnd};
use super::*;

/// Text, and the same sanitized.
#[rustfmt::skip]
const TEXTS: &[(&str, &str)] = &[
    ("mail anna.smith+x@example.co.uk.", "mail <EMAIL_1>."),
    ("a@b.com, c@d.org and a@b.com", "<EMAIL_1>, <EMAIL_2> and <EMAIL_1>"),
    ("user@host, git@github.com:a/b, @anna, icon@2x.png, left-pad@1.2.3", SAME),
    ("mailto:anna@example.com?subject=x", "mailto:<EMAIL_1>?subject=x"),
    ("<anna@example.com>", "<<EMAIL_1>>"),
    ("müller@exämple.de", "<EMAIL_1>"),
    ("Card 4111 1111 1111 1111, exp 12/27", "Card <CREDIT_CARD_1>, exp 12/27"),
    ("4111-1111-1111-1111 and 378282246310005", "<CREDIT_CARD_1> and <CREDIT_CARD_2>"),
    ("4111 1111 1111 1112", SAME),
    ("order 4111111111111111", "order <CREDIT_CARD_1>"),
    ("IBAN: DE89 3704 0044 0532 0130 00 please", "IBAN: <IBAN_1> please"),
    ("gb82west12345698765432", "<IBAN_1>"),
    ("DE89 3704 0044 0532 0130 01", SAME),
    ("SSN: 078-05-1120", "SSN: <US_SSN_1>"),
    ("my social security number is 078051120", "my social security number is <US_SSN_1>"),
    ("078051120 is my SSN", "<US_SSN_1> is my SSN"),
    ("ticket 078051120", SAME),
    ("000-12-3456 and 666-12-3456", SAME),
    ("SSNs 078051120, 219099999", "SSNs <US_SSN_1>, <US_SSN_2>"),
    ("ITIN 912-70-1234", "ITIN <US_ITIN_1>"),
    ("NHS number 943 476 5919", "NHS number <UK_NHS_1>"),
    ("NHS number 943 476 5918", SAME),
    ("NINO QQ 12 34 56 C", "NINO <UK_NINO_1>"),
    ("cpf 529.982.247-25 or 52998224725", "cpf <BR_CPF_1> or <BR_CPF_2>"),
    ("PESEL 44051401359", "PESEL <PL_PESEL_1>"),
    ("BSN 111222333", "BSN <NL_BSN_1>"),
    ("number 111222333", SAME),
    ("SIN 046 454 286", "SIN <CA_SIN_1>"),
    ("SIN 046 454 287", SAME),
    ("TFN: 123 456 782", "TFN: <AU_TFN_1>"),
    ("DNI 12345678Z, NIE X1234567L", "DNI <ES_NIF_1>, NIE <ES_NIF_2>"),
    ("CF RSSMRA85T10A562S", "CF <IT_CODICE_FISCALE_1>"),
    ("+1 (415) 555-2671, +49 30 901820, +33 1 23 45 67 89", "<PHONE_1>, <PHONE_2>, <PHONE_3>"),
    ("(415) 555-2671 x12 or 415-555-2671", "<PHONE_1> or <PHONE_2>"),
    ("call 020 7946 0958 or 06 12 34 56 78", "call <PHONE_1> or <PHONE_2>"),
    ("call 4155552671", "call <PHONE_1>"),
    ("order 4155552671, id 415-555-2671", SAME),
    ("born on 5 March 1980 in Rome", "born on <DATE_OF_BIRTH_1> in Rome"),
    (r#"{"dob": "1980-03-05", "created": "2024-01-02"}"#, r#"{"dob": "<DATE_OF_BIRTH_1>", "created": "2024-01-02"}"#),
    ("geboren am 05.03.1980", "geboren am <DATE_OF_BIRTH_1>"),
    ("born March 5, 1980.", "born <DATE_OF_BIRTH_1>."),
    ("released on 2024-01-02", SAME),
    ("from 203.0.113.9:443 to 2001:db8::1", "from <IP_ADDRESS_1>:443 to <IP_ADDRESS_2>"),
    ("version 1.2.3.4, 127.0.0.1, 12:30:45, std::vec::Vec", SAME),
    ("mac 00:1b:44:11:3a:b7", "mac <MAC_ADDRESS_1>"),
    ("postgres://app:hunter2@db:5432/x", "postgres://app:<URL_CREDENTIALS_1>@db:5432/x"),
    ("key sk-ant-api03-aB3dEfGhIjKlMnOp-QrAA", "key <API_KEY_1>"),
    ("my password is hunter2.", "my password is <SECRET_1>."),
    ("with password Qr7!dke#39.", "with password <SECRET_1>."),
    ("password: hunter2 and api_key=abcd1234", "password: <SECRET_1> and api_key=<SECRET_2>"),
    ("550e8400-e29b-41d4-a716-446655440000 01ARZ3NDEKTSV4RRFFQ69G5FAV", SAME),
    ("commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad at 1700000000123", SAME),
    ("ISBN 978-3-16-148410-0, $1,234.56, v1.10.2, 2024-01-15T10:22:33Z", SAME),
    ("<EMAIL_1> and <masked:jwt>", SAME),
    ("<EMAIL_1> a@b.com", "<EMAIL_1> <EMAIL_2>"),
    ("pin is \u{ff14}\u{ff17}\u{ff11}\u{ff11}!", "pin is <SECRET_1>!"),
    ("SSN \u{ff10}78\u{2010}0\u{200b}5\u{2011}1120", "SSN <US_SSN_1>"),
    ("4111\u{a0}1111\u{a0}1111\u{a0}1111", "<CREDIT_CARD_1>"),
    ("IMEI 06-184755-866851-3", SAME),
];
const SAME: &str = "(the same)";

#[test]
fn texts_are_sanitized_as_the_table_says() {
    let sanitizer = Sanitizer::default();
    let mut wrong = Vec::new();
    for (text, expected) in TEXTS {
        let expected = if *expected == SAME { text } else { expected };
        let got = sanitizer.sanitize(text);
        if got.text() != *expected {
            wrong.push(format!(
                "{text:?}\n  gives {:?}\n  not   {expected:?}",
                got.text()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn offsets_are_those_of_the_original() {
    let text = "SSN \u{ff10}78\u{2010}0\u{200b}5\u{2011}1120 é a@b.com";
    let found = Sanitizer::default();
    let found = found.sanitize(text);
    let parts: Vec<&str> = found.findings().iter().map(|f| &text[f.range()]).collect();
    assert_eq!(
        parts,
        ["\u{ff10}78\u{2010}0\u{200b}5\u{2011}1120", "a@b.com"]
    );
}

#[test]
fn observing_counts_and_replaces_nothing() {
    let observer = Sanitizer::builder().observe().build();
    let seen = observer.sanitize("a@b.com");
    assert_eq!((&*seen, seen.count()), ("a@b.com", 1));
    assert_eq!(seen.report().status, SanitizationStatus::Observed);
}

#[test]
fn classes_that_are_off_are_left_alone() {
    let only = Sanitizer::builder().only([Class::Email]).build();
    assert_eq!(
        &*only.sanitize("a@b.com 4111 1111 1111 1111"),
        "<EMAIL_1> 4111 1111 1111 1111"
    );
    let without = Sanitizer::builder().without(Class::Email).build();
    assert_eq!(
        &*without.sanitize("a@b.com 4111 1111 1111 1111"),
        "a@b.com <CREDIT_CARD_1>"
    );
    assert_ne!(only.rules(), without.rules());
}

#[test]
fn names_and_addresses_are_found_on_demand() {
    let text = "Mr. John van Dyke, my name is Ann Lee, lives at 12 Main Street, CA 94110";
    assert_eq!(&*Sanitizer::default().sanitize(text), text);
    let weak = Sanitizer::builder()
        .with(Class::PersonName)
        .with(Class::StreetAddress)
        .build();
    assert_eq!(
        &*weak.sanitize(text),
        "Mr. <PERSON_NAME_1>, my name is <PERSON_NAME_2>, lives at <STREET_ADDRESS_1>, <STREET_ADDRESS_2>"
    );
}

#[test]
fn rules_of_an_application_count_under_their_names() {
    let rules = r#"{"version":1,"rules":[
        {"class":"employee_id","pattern":"EMP-\\d{6}"},
        {"class":"contract","pattern":"\\d{4}/\\d{5}","context":["contract"]},
        {"class":"project","words":["Bluebird","Black Swan (old)"],"ignore_case":true}]}"#;
    let sanitizer = Sanitizer::builder().rules(rules).unwrap().build();
    let text = "EMP-123456 xEMP-123456 EMP-1234567 contract 1234/12345, 1234/12346. BLUEBIRD, black swan (old)";
    let once = sanitizer.sanitize(text);
    assert_eq!(
        once.text(),
        "<EMPLOYEE_ID_1> xEMP-123456 EMP-1234567 contract <CONTRACT_1>, 1234/12346. <PROJECT_1>, <PROJECT_2>"
    );
    assert_eq!(once.report().classes.get(&Label::clip("project")), Some(&2));
    assert_eq!(sanitizer.sanitize(once.text()).count(), 0);
}

#[test]
fn rules_that_cannot_be_used_say_why() {
    let refused = |json: &str| Sanitizer::builder().rules(json).unwrap_err().to_string();
    assert_eq!(
        refused("{"),
        "the rules are not of the form that is expected (line 1, column 1)"
    );
    assert_eq!(
        refused(r#"{"version":2,"rules":[]}"#),
        "rules of version 2, only version 1 is known"
    );
    assert!(
        refused(r#"{"version":1,"rules":[{"class":"email","words":["x"]}]}"#)
            .ends_with("it is taken")
    );
    let pattern =
        |p: &str| refused(&json!({"version":1,"rules":[{"class":"x","pattern":p}]}).to_string());
    for wrong in ["(", "a{2", "[", "a**", "[b-a]", "\\q", "é"] {
        assert!(
            pattern(wrong).contains("is not understood"),
            "{wrong}: {}",
            pattern(wrong)
        );
    }
    assert!(pattern("a*").ends_with("it matches the empty text"));
    assert!(pattern("(((a{250}){250}){250})").contains("it is too large"));
    assert!(
        refused(r#"{"version":1,"rules":[{"class":"x"}]}"#)
            .starts_with("x needs a pattern or words")
    );
}

#[test]
fn json_is_sanitized_with_the_names_of_its_fields() {
    let messages = json!([{"role": "user", "content": "I am a@b.com"},
        {"ssn": "078051120", "bsn": 111_222_333, "n": 111_222_333, "password": "x y", "max_tokens": 4096,
         "birth_date": "1980-03-05", "id": "call_4155552671", "a@b.com": [true, null, 1.5]}]);
    let done = Sanitizer::default().sanitize_json(messages);
    let expected = json!([{"role": "user", "content": "I am <EMAIL_1>"},
        {"ssn": "<US_SSN_1>", "bsn": "<NL_BSN_1>", "n": 111_222_333, "password": "<SECRET_1>", "max_tokens": 4096,
         "birth_date": "<DATE_OF_BIRTH_1>", "id": "call_4155552671", "<EMAIL_1>": [true, null, 1.5]}]);
    assert_eq!(done.value(), &expected);
    assert_eq!(done.count(), 6);
    assert_eq!(Sanitizer::default().sanitize_json(expected).count(), 0);
}

#[test]
fn an_answer_gets_the_originals_back_and_nothing_else() {
    let sanitizer = Sanitizer::default();
    let mut restorer = Restorer::new();
    let first = sanitizer
        .sanitize_with(&mut restorer, "a@b.com and <PHONE_1>")
        .into_text();
    let second = sanitizer
        .sanitize_with(&mut restorer, "c@d.com, a@b.com, +49 30 901820")
        .into_text();
    assert_eq!(first, "<EMAIL_1> and <PHONE_1>");
    assert_eq!(second, "<EMAIL_2>, <EMAIL_1>, <PHONE_2>");
    assert_eq!(restorer.restore(&second), "c@d.com, a@b.com, +49 30 901820");
    assert_eq!(
        restorer.restore("<PHONE_1> <EMAIL_9> <EMAIL_> < <EMAIL_1"),
        "<PHONE_1> <EMAIL_9> <EMAIL_> < <EMAIL_1"
    );
    assert_eq!(format!("{restorer:?}"), "Restorer(3 values)");
}

/// Texts on which a scan that starts again at each place would be quadratic.
#[test]
fn work_is_in_proportion_to_the_text() {
    let pieces = [
        "1",
        "1 ",
        "1-",
        "1.",
        "1a",
        "a1",
        "@",
        "a@",
        "a@a.",
        ":",
        "a:",
        "::",
        "=",
        "key=",
        "--a ",
        "-",
        "_",
        "sk-",
        "A",
        "AKIA",
        "eyJ",
        "b",
        "bearer ",
        "<",
        "<A",
        "<EMAIL_",
        "ssn 1",
        "password is 1",
        "-----BEGIN PRIVATE KEY",
        "://",
        "a://b:c",
        "(1",
        "+1",
        "1/",
        "00",
        "0:",
        "ab:",
        "\u{200b}",
        "\u{ff11}",
        "é1",
        "1\u{a0}",
        "token=\"",
        "auth:[",
        "DE89",
        "DE89 ",
    ];
    for piece in pieces {
        let text = piece.repeat(60_000 / piece.len());
        let view = View::of(&text);
        let mut scan = Scan::default();
        scan.go_on(&view, &Rules::DEFAULT, TextEnd::Final, &mut Vec::new());
        assert!(scan.looked_at <= view.len(), "{piece:?}");
        let asked = view.asked();
        assert!(
            asked < 1_500 * text.len(),
            "{piece:?}: {asked} bytes read of {}",
            text.len()
        );
    }
}

fn fragment() -> impl Strategy<Value = String> {
    let texts: Vec<String> = TEXTS.iter().map(|(text, _)| (*text).to_owned()).collect();
    let words = [
        "password",
        "token",
        "key",
        "SSN",
        "NHS ",
        "born ",
        "phone ",
        "Authorization",
        "=",
        ":",
        ": ",
        " ",
        "\"",
        "\\\"",
        "\\",
        "'",
        ";",
        "&",
        ",",
        ". ",
        "{",
        "}",
        "[",
        "]",
        "<",
        ">",
        "</",
        "://",
        "@",
        "Bearer ",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWI",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "--",
        "-",
        "\n",
        "\n\n",
        "<EMAIL_1>",
        "<masked:jwt>",
        "<PHONE_",
        "12",
        "4111",
        "1111",
        "078-05-1120",
        "a@b.com",
        "192.0.2.7",
        "+49",
        "(0)",
        "30",
        "901820",
        "\u{200b}",
        "\u{ff11}",
        "é",
        "null",
        "is",
        " is my ",
        "version ",
        "order ",
    ];
    prop_oneof![
        1 => prop::sample::select(texts),
        5 => prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => "[a-zA-Z0-9 .:@-]{1,8}",
        1 => "[0-9 .-]{1,12}",
    ]
}

fn hostile_text() -> impl Strategy<Value = String> {
    prop::collection::vec(fragment(), 0..16).prop_map(|parts| parts.concat())
}

fn everything() -> Sanitizer {
    let rules = r#"{"version":1,"rules":[{"class":"staff","pattern":"[A-Z]{2,}-?\\d+"}]}"#;
    let with_all = Sanitizer::builder()
        .with(Class::PersonName)
        .with(Class::StreetAddress);
    with_all.rules(rules).unwrap().build()
}

/// The text in pieces, cut at these places of its characters.
fn in_pieces(text: &str, cuts: &[prop::sample::Index]) -> Vec<String> {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let mut cuts: Vec<usize> = if places.is_empty() {
        Vec::new()
    } else {
        cuts.iter()
            .map(|cut| places[cut.index(places.len())])
            .collect()
    };
    cuts.sort_unstable();
    let mut pieces = Vec::new();
    let mut done = 0;
    for cut in cuts {
        pieces.push(text[done..cut].to_owned());
        done = cut;
    }
    pieces.push(text[done..].to_owned());
    pieces
}

// What rules see behind a place is what they have in common with what was replaced there, rule by rule; so the texts are the
// same in every run, and are changed by whoever looks for more.
proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_500,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(2),
        ..ProptestConfig::default()
    })]

    #[test]
    fn sanitizing_what_is_sanitized_changes_and_counts_nothing(text in hostile_text()) {
        for sanitizer in [Sanitizer::default(), everything()] {
            let once = sanitizer.sanitize(&text);
            let twice = sanitizer.sanitize(once.text());
            prop_assert_eq!((twice.text(), twice.count()), (once.text(), 0));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn findings_are_what_was_replaced_and_nothing_else_changed(text in hostile_text()) {
        let done = everything();
        let done = done.sanitize(&text);
        prop_assert_eq!(done.count(), done.report().classes.values().sum::<u64>());
        prop_assert_eq!(done.count(), done.findings().len() as u64);
        let mut rest = done.text();
        let mut at = 0;
        for finding in done.findings() {
            let range = finding.range();
            prop_assert!(at <= range.start && range.start < range.end);
            prop_assert!(rest.starts_with(&text[at..range.start]));
            rest = &rest[range.start - at..];
            let mark = format!("<{}_", finding.class().to_ascii_uppercase());
            prop_assert!(rest.starts_with(&mark));
            rest = &rest[rest.find('>').unwrap() + 1..];
            at = range.end;
        }
        prop_assert_eq!(rest, &text[at..]);
    }

    #[test]
    fn what_is_restored_is_the_original(text in hostile_text().prop_filter("no placeholders", |text| !text.contains('<'))) {
        let mut restorer = Restorer::new();
        let done = everything();
        let done = done.sanitize_with(&mut restorer, &text);
        prop_assert_eq!(restorer.restore(done.text()), text.as_str());
    }

    #[test]
    fn a_stream_gives_what_the_whole_text_gives(
        text in hostile_text(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        for sanitizer in [Sanitizer::default(), everything()] {
            let mut stream = sanitizer.stream();
            let mut out: String = in_pieces(&text, &cuts).iter().map(|piece| stream.push(piece)).collect();
            out += &stream.finish();
            let whole = sanitizer.sanitize(&text);
            prop_assert_eq!(out.as_str(), whole.text());
            prop_assert_eq!(stream.findings(), whole.findings());
            prop_assert_eq!(stream.report(), whole.report());
        }
    }

    #[test]
    fn a_stream_of_single_characters_gives_what_the_whole_text_gives(texts in prop::collection::vec(hostile_text(), 1..6)) {
        let text = texts.join(&" and so on".repeat(30));
        let sanitizer = Sanitizer::default();
        let mut stream = sanitizer.stream();
        let mut out: String = text.chars().map(|c| stream.push(c.encode_utf8(&mut [0; 4]))).collect();
        out += &stream.finish();
        let whole = sanitizer.sanitize(&text);
        prop_assert_eq!(out.as_str(), whole.text());
    }
}
