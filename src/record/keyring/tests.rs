use super::*;

fn ring() -> Keyring {
    Keyring::generate(
        Timestamp::from_unix_nanos(1_700_000_000_000_000_000),
        [[1; 32], [2; 32]],
    )
}

#[test]
fn the_file_form_is_frozen() {
    let golden = include_str!("testdata/keyring-v1.json");
    assert_eq!(ring().to_file_text().as_str(), golden);
    assert_eq!(
        golden.parse::<Keyring>().unwrap().to_file_text().as_str(),
        golden
    );
}

/// The expected values were computed with Python's `hmac` and `hashlib` from the formulas in the module's text.
#[test]
fn hashes_and_codes_are_frozen() {
    let hash = ring().hasher(Some("acme")).hash(
        HashField::Input,
        HashForm::Jcs1,
        br#"[{"content":"hi","role":"user"}]"#,
    );
    assert_eq!(
        hash.to_string(),
        include_str!("testdata/input-hash-v1.txt").trim_end()
    );
    let mut mac = ring().authenticate();
    mac.update(b"{\"a\":");
    mac.update(b"1}");
    assert_eq!(
        mac.finish().to_string(),
        include_str!("testdata/mac-v1.txt").trim_end()
    );
}

#[test]
fn fields_tenants_and_keys_are_separated() {
    let ring = ring();
    let hash = |tenant, field| ring.hasher(tenant).hash(field, HashForm::Raw1, b"yes");
    assert_eq!(hash(None, HashField::Input), hash(None, HashField::Input));
    assert_ne!(hash(None, HashField::Input), hash(None, HashField::Output));
    assert_ne!(
        hash(None, HashField::Input),
        hash(Some("acme"), HashField::Input)
    );
}

#[test]
fn rotation_makes_a_new_active_key_and_keeps_the_old_one_for_checking() {
    let old = ring();
    let mut code = old.authenticate();
    code.update(b"record");
    let code = code.finish();
    let key = Key::new(
        "mac-02".parse().unwrap(),
        KeyPurpose::Mac,
        Timestamp::from_unix_nanos(1_800_000_000_000_000_000),
        [3; 32],
    );
    let new = old.rotate(key).unwrap();
    assert!(new.verifies(&code, b"record"));
    assert!(!new.verifies(&code, b"recorD"));
    assert_eq!(new.authenticate().finish().key().as_str(), "mac-02");
    assert_eq!(new.lookup_hashers(None).count(), 1);
}

#[test]
fn unusable_rings_are_refused_with_what_to_do() {
    let text = ring().to_file_text();
    let message = |text: &str| text.parse::<Keyring>().unwrap_err().to_string();
    assert!(message("{").contains("key generate"));
    assert!(message(&text.replace("\"version\": 1", "\"version\": 2")).contains("version 2"));
    assert!(message(&text.replace(&"01".repeat(32), "beef")).contains("key number 1"));
    assert!(message(&text.replace("\"mac\"", "\"hash\"")).contains("no active mac key"));
    assert!(message(&text.replace("mac-2023", "hash-2023")).contains("key number 2"));
}

#[test]
fn no_secret_shows_in_debug_output_or_errors() {
    let shown = format!("{:?}", ring());
    assert!(
        !shown.contains("01, 1") && !shown.contains("0101"),
        "{shown}"
    );
    let text = ring()
        .to_file_text()
        .replace("\"secret\": \"01", "\"secret\": \"zz");
    let error = text.parse::<Keyring>().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("0101"));
}
