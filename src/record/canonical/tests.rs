use std::collections::BTreeMap;

use super::*;
use crate::record::testing::{self, any_record};
use proptest::prelude::*;

#[test]
fn the_bytes_of_a_full_call_are_frozen() {
    let golden = include_str!("testdata/call-v1.json");
    assert_eq!(
        String::from_utf8(bytes(&testing::full_call())).unwrap(),
        golden.trim_end()
    );
}

proptest! {
    #[test]
    fn the_form_is_that_of_rfc_8785(record in any_record()) {
        let ours = String::from_utf8(bytes(&record)).unwrap();
        let value: serde_json::Value = serde_json::from_str(&ours).unwrap();
        prop_assert_eq!(serde_json_canonicalizer::to_string(&value).unwrap(), ours);
    }

    #[test]
    fn the_record_comes_back_from_its_bytes(record in any_record()) {
        let (back, unknown) = parse(std::str::from_utf8(&bytes(&record)).unwrap()).unwrap();
        prop_assert_eq!(unknown, Vec::<String>::new());
        prop_assert_eq!(back, record);
    }

    #[test]
    fn only_rows_of_the_table_are_written_and_in_its_order(record in any_record()) {
        let mut names = Vec::new();
        record.walk(&mut |name, role, _| names.push((name.to_owned(), role)));
        prop_assert!(names.is_sorted_by(|a, b| a.0 < b.0));
        let rows: BTreeMap<_, _> = attribute::TABLE.iter().map(|row| (row.name, row.role)).collect();
        for (name, role) in names {
            let class = name.starts_with(attribute::SANITIZATION_PREFIX);
            prop_assert!(rows.get(name.as_str()) == Some(&role) || class, "{}", name);
        }
    }

    #[test]
    fn the_pieces_around_the_number_make_up_the_whole(mut record in any_record(), seq: u64) {
        let mut form = CanonicalForm::default();
        form.write(&record);
        let Some(position) = &mut record.envelope.position else { return Ok(()) };
        position.seq = seq >> 1;
        let (before, behind) = form.around_seq();
        let mut whole = before.to_vec();
        write_int(&mut whole, seq >> 1);
        whole.extend_from_slice(behind);
        prop_assert_eq!(whole, bytes(&record));
    }

    #[test]
    fn what_is_to_be_escaped_is_seen_wherever_it_stands(bytes in proptest::collection::vec(prop_oneof![9 => any::<u8>(), 1 => 0x1d..0x24_u8, 1 => Just(b'\\')], 0..40)) {
        let expected = bytes.iter().any(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\');
        prop_assert_eq!(has_escapes(&bytes), expected);
        let harmless: Vec<u8> = bytes.iter().map(|byte| byte | 0x80).collect();
        prop_assert!(!has_escapes(&harmless));
    }

    #[test]
    fn no_text_makes_parsing_panic(text in ".{0,200}") {
        let _ = parse(&text);
    }
}
