//! Tables of what is masked and what is not, hostile input, and properties.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::sanitize::{mask_secrets, mask_secrets_in_text};

/// Stands for "comes back as it went in".
const SAME: &str = "=";

#[rustfmt::skip]
const FIELDS: &[(&str, &str)] = &[
    // By name: one word, compounds, every way to write them.
    (r#"{"password":"hunter2"}"#, r#"{"password":"<masked>"}"#),
    (r#"{"PASSWD":"x"}"#, r#"{"PASSWD":"<masked>"}"#),
    (r#"{"pwd":"x"}"#, r#"{"pwd":"<masked>"}"#),
    (r#"{"user_password":"x"}"#, r#"{"user_password":"<masked>"}"#),
    (r#"{"PassWord1":"x"}"#, r#"{"PassWord1":"<masked>"}"#),
    (r#"{"pAsSwOrD":"x"}"#, r#"{"pAsSwOrD":"<masked>"}"#),
    (r#"{"PGPASSWORD":"x"}"#, r#"{"PGPASSWORD":"<masked>"}"#),
    (r#"{"client_secret":"x"}"#, r#"{"client_secret":"<masked>"}"#),
    (r#"{"clientSecret":"x"}"#, r#"{"clientSecret":"<masked>"}"#),
    (r#"{"authorization":"x"}"#, r#"{"authorization":"<masked>"}"#),
    (r#"{"Proxy-Authorization":"x"}"#, r#"{"Proxy-Authorization":"<masked>"}"#),
    (r#"{"cookie":"a=b"}"#, r#"{"cookie":"<masked>"}"#),
    (r#"{"Set-Cookie":["a=b"]}"#, r#"{"Set-Cookie":"<masked>"}"#),
    (r#"{"aws_session_token":"x"}"#, r#"{"aws_session_token":"<masked>"}"#),
    (r#"{"aws_secret_access_key":"x"}"#, r#"{"aws_secret_access_key":"<masked>"}"#),
    (r#"{"api_key":"x"}"#, r#"{"api_key":"<masked>"}"#),
    (r#"{"apikey":"x"}"#, r#"{"apikey":"<masked>"}"#),
    (r#"{"APIKey":"x"}"#, r#"{"APIKey":"<masked>"}"#),
    (r#"{"x-api-key":"x"}"#, r#"{"x-api-key":"<masked>"}"#),
    (r#"{"OPENAI_API_KEY_PROD":"x"}"#, r#"{"OPENAI_API_KEY_PROD":"<masked>"}"#),
    (r#"{"private_key":"x"}"#, r#"{"private_key":"<masked>"}"#),
    (r#"{"access_token":"x"}"#, r#"{"access_token":"<masked>"}"#),
    (r#"{"refreshToken":"x"}"#, r#"{"refreshToken":"<masked>"}"#),
    (r#"{"id_token":"x"}"#, r#"{"id_token":"<masked>"}"#),
    (r#"{"signing_key":"x"}"#, r#"{"signing_key":"<masked>"}"#),
    (r#"{"encryption-key":"x"}"#, r#"{"encryption-key":"<masked>"}"#),
    (r#"{"secret_key_base":"x"}"#, r#"{"secret_key_base":"<masked>"}"#),
    (r#"{"passphrase":"x"}"#, r#"{"passphrase":"<masked>"}"#),
    (r#"{"connection_string":"x"}"#, r#"{"connection_string":"<masked>"}"#),
    (r#"{"dsn":"x"}"#, r#"{"dsn":"<masked>"}"#),
    (r#"{"webhook_secret":"x"}"#, r#"{"webhook_secret":"<masked>"}"#),
    (r#"{"password_hash":"$2b$12$x"}"#, r#"{"password_hash":"<masked>"}"#),
    (r#"{"db":{"smtp.pass":"x"}}"#, r#"{"db":{"smtp.pass":"<masked>"}}"#),
    (r#"{"密码":"x"}"#, r#"{"密码":"<masked>"}"#),
    (r#"{"ｐａｓｓｗｏｒｄ":"x"}"#, r#"{"ｐａｓｓｗｏｒｄ":"<masked>"}"#),
    ("{\"pass\u{200b}word\":\"x\"}", "{\"pass\u{200b}word\":\"<masked>\"}"),
    // Under a secret name, any type.
    (r#"{"pin":4711}"#, r#"{"pin":"<masked>"}"#),
    (r#"{"otp":123456}"#, r#"{"otp":"<masked>"}"#),
    (r#"{"credentials":{"user":"a","key":"b"}}"#, r#"{"credentials":"<masked>"}"#),
    (r#"{"secrets":["a","b"]}"#, r#"{"secrets":"<masked>"}"#),
    (r#"{"password":null,"secret":true,"token":"","cookies":[],"api_key":{}}"#, SAME),
    // Names that are about a secret, or no secret at all.
    (r#"{"max_tokens":4096,"token_count":3,"input_tokens":5,"tokens":9,"tokens_per_minute":"90k"}"#, SAME),
    (r#"{"maxTokens":"4096","next_page_token":"b2Zmc2V0","special_tokens":["<s>"]}"#, SAME),
    (r#"{"input_tokens_details":{"cached_tokens":3}}"#, SAME),
    (r#"{"password_policy":"strict","password_policy_min_length":12}"#, SAME),
    (r#"{"secret_rotation_days":30,"secret_name":"db","secret_arn":"arn:x"}"#, SAME),
    (r#"{"key_id":"k-1","primary_key":"id","public_key":"ssh-ed25519 AAAA","sort_key":"name"}"#, SAME),
    (r#"{"author":"ann","authority":"ca","tokenizer":"o200k","monkey":"x","bypass":"x","compass":"n"}"#, SAME),
    (r#"{"token_type":"Bearer","token_url":"https://a/b","authorization_endpoint":"https://a"}"#, SAME),
    (r#"{"api_key_hash":"9f86d081884c7d65","api_key_id":"k1","aws_access_key_id":"k2"}"#, SAME),
    (r#"{"cookie_domain":"a.b","cookie_consent":"v","auth":"oauth","auth_method":"oidc","key":"color"}"#, SAME),
    (r#"{"pass":3,"pass_rate":"high","pinned":"yes","opinion":"x","secretary":"Bob"}"#, SAME),
    (r#"{"cache_key":"a1b2c3d4e5f6a7b8c9d0"}"#, SAME),
    // Doubtful names: only what looks generated.
    (r#"{"auth":"a1b2c3d4e5f6a7b8c9d0"}"#, r#"{"auth":"<masked>"}"#),
    (r#"{"some_key":"a1b2c3d4e5f6a7b8c9d0"}"#, r#"{"some_key":"<masked>"}"#),
    (r#"{"some_key":"550e8400-e29b-41d4-a716-446655440000"}"#, SAME),
    // The name beside the value.
    (r#"[{"name":"Authorization","value":"x"},{"name":"Accept","value":"y"}]"#,
     r#"[{"name":"Authorization","value":"<masked>"},{"name":"Accept","value":"y"}]"#),
    (r#"{"header":"X-Api-Key","values":["x"]}"#, r#"{"header":"X-Api-Key","values":"<masked>"}"#),
    (r#"{"field":"password","old":"x","new":"y"}"#, r#"{"field":"password","old":"<masked>","new":"<masked>"}"#),
    (r#"{"op":"replace","path":"/users/1/password","value":"x"}"#,
     r#"{"op":"replace","path":"/users/1/password","value":"<masked>"}"#),
    (r#"{"op":"replace","path":"/password_policy/min","value":"x"}"#, SAME),
    (r#"[["cookie","x"],["accept","y"]]"#, r#"[["cookie","<masked>"],["accept","y"]]"#),
    (r#"["password","email"]"#, SAME),
    (r#"["login","--password","x","-v"]"#, r#"["login","--password","<masked>","-v"]"#),
    (r#"{"name":"password","type":"string","required":true}"#, SAME),
    // Shapes in values, keys, arrays, JSON in text.
    (r#"{"a":[{"b":"AKIAIOSFODNN7EXAMPLE"}]}"#, r#"{"a":[{"b":"<masked:api_key>"}]}"#),
    (r#"{"sk-ant-api03-abcdefgh12345678":{"rpm":5}}"#, r#"{"<masked:api_key>":{"rpm":5}}"#),
    (r#"{"sk-aaaaaaaaaaaaaaaa1":1,"sk-bbbbbbbbbbbbbbbb1":2}"#, r#"{"<masked:api_key>":1,"<masked:api_key> (2)":2}"#),
    (r#"{"body":"{\"password\":\"x\",\"n\":1}"}"#, r#"{"body":"{\"n\":1,\"password\":\"<masked>\"}"}"#),
    (r#"{"body":"{\"a\":\"{\\\"token\\\":\\\"x\\\"}\"}"}"#, r#"{"body":"{\"a\":\"{\\\"token\\\":\\\"<masked>\\\"}\"}"}"#),
    (r#"{"body":"{\"password\":\"x\",\"password\":null}"}"#, r#"{"body":"{\"password\":\"<masked>\",\"password\":null}"}"#),
    (r#"{"body":"{ \"n\" : 1.50 }"}"#, SAME),
];

#[rustfmt::skip]
const TEXTS: &[(&str, &str)] = &[
    // Keys with a prefix.
    ("key sk-abcdEFGH12345678 rejected", "key <masked:api_key> rejected"),
    ("sk-proj-aB3_dE-fGhIjKlMnOpQrStUv", "<masked:api_key>"),
    ("sk-ant-api03-aB3dEfGhIjKlMnOp-QrAA", "<masked:api_key>"),
    ("(ASIAIOSFODNN7EXAMPLE)", "(<masked:api_key>)"),
    ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "<masked:api_key>"),
    ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "<masked:api_key>"),
    ("gho_0123456789abcdefghijABCDEFGHIJ012345,", "<masked:api_key>,"),
    ("github_pat_11ABCDEFG0abcdefghijkl_mnop", "<masked:api_key>"),
    ("glpat-abcDEF123456ghiJKL78", "<masked:api_key>"),
    ("xoxb-123456789012-abcdefABCDEF", "<masked:api_key>"),
    ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "<masked:api_key>"),
    ("rk_live_4eC39HqLyjWDarjtT1zdp7dc", "<masked:api_key>"),
    ("hf_abcdefghijklmnopqrstuvwxyzABCDEF", "<masked:api_key>"),
    ("npm_abcdefghijklmnopqrstuvwxyz0123456789", "<masked:api_key>"),
    (r"line\nAKIAIOSFODNN7EXAMPLE", r"line\n<masked:api_key>"),
    ("https://x/?k%3DAKIAIOSFODNN7EXAMPLE", "https://x/?k%3D<masked:api_key>"),
    ("bot 123456789:AAabcdefghijklmnopqrstuvwxyz0123456", "bot <masked:api_key>"),
    ("https://hooks.slack.com/services/T000/B000/abcdefgh1234", "https://hooks.slack.com/services/<masked:webhook_url>"),
    ("risk-management-framework, task-1234567890abcdef", SAME),
    ("sk-learn-for-beginners-and-others", SAME),
    ("the prefix is sk-, AKIA or ghp_", SAME),
    // Tokens, headers, keys.
    ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_-123 back", "got <masked:jwt> back"),
    ("eyJhbGciOiJub25lIn0 is half of one", SAME),
    ("sent Bearer abc123def456", "sent Bearer <masked:bearer>"),
    ("Bearer authentication is required, basic authentication is not", SAME),
    ("Basic dXNlcjpodW50ZXIy", "Basic <masked:basic_auth>"),
    ("Authorization: Basic dXNlcjpodW50ZXIy", "Authorization: <masked>"),
    ("curl -H 'Authorization: Bearer abc' https://a/b", "curl -H 'Authorization: <masked>' https://a/b"),
    ("GET /\r\nCookie: a=b; c=d\r\nAccept: x", "GET /\r\nCookie: <masked>\r\nAccept: x"),
    ("authorization=Bearer abc user=bob", "authorization=<masked> user=bob"),
    ("a -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- b", "a <masked:private_key> b"),
    (r"-----BEGIN PRIVATE KEY-----\nMII", "<masked:private_key>"),
    ("-----BEGIN PUBLIC KEY-----\nMII\n-----END PUBLIC KEY-----", SAME),
    // URLs and connection strings.
    ("postgres://app:hunter2@db:5432/x", "postgres://app:<masked:url_credentials>@db:5432/x"),
    ("redis://:p/w@d@cache:6379", "redis://:<masked:url_credentials>@cache:6379"),
    ("http://localhost:4317/a@b and https://u@host/x", SAME),
    ("Server=db;User Id=sa;Password=a, b;Timeout=3", "Server=db;User Id=sa;Password=<masked:connection_string>;Timeout=3"),
    ("Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=ab+c/d==",
     "Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=<masked:connection_string>"),
    ("AccountName=a;AccountKey=ab==;Suffix=x", "AccountName=a;AccountKey=<masked:connection_string>;Suffix=x"),
    ("pwd=x;host=y", "pwd=<masked:connection_string>;host=y"),
    ("https://a/b?api_key=x&n=1", "https://a/b?api_key=<masked>&n=1"),
    ("https://a/b?sig=abc123DEF456ghi789%3D&se=1", "https://a/b?sig=<masked>&se=1"),
    // Pairs.
    ("login failed: password=hunter2, user=bob", "login failed: password=<masked>, user=bob"),
    ("password = 'it''s' (x)", "password = '<masked>''s' (x)"),
    ("password=hu)n,t&er2", "password=<masked>"),
    (r#"got {"password": "a\"b", "n": 1"#, r#"got {"password": "<masked>", "n": 1"#),
    (r#"got {\"api_key\":\"a\\\"b\",\"n\":1"#, r#"got {\"api_key\":\"<masked>\",\"n\":1"#),
    (r#"got {"credentials": {"a": "}x"}, "n": 1"#, r#"got {"credentials": <masked>, "n": 1"#),
    (r#"headers["Authorization"] = "x""#, r#"headers["Authorization"] = "<masked>""#),
    (r#"{:secret => "x"}"#, r#"{:secret => "<masked>"}"#),
    ("mysql --password hunter2 --host db", "mysql --password <masked> --host db"),
    ("<Pwd>hunter2</Pwd>", "<Pwd><masked></Pwd>"),
    ("Incorrect API key provided: abcd", "Incorrect API key provided: <masked>"),
    ("пароль: секрет1", "пароль: <masked>"),
    ("password: must be set; token: expected; token_type: bearer; password=null", SAME),
    ("max_tokens: 5 is more than max tokens: 4, tokens=9", SAME),
    ("usage: login <user> <password> now, see std::secret::Key and token://x", SAME),
    ("at 12:30:45 a:b=c d::e", SAME),
];

#[test]
fn fields_are_masked_as_the_table_says() {
    for (input, expected) in FIELDS {
        let expected = if *expected == SAME { input } else { expected };
        let expected: Value = serde_json::from_str(expected).expect(expected);
        let masked = mask_secrets(serde_json::from_str(input).expect(input));
        assert_eq!(masked.value, expected, "{input}");
        let changed = masked.value != serde_json::from_str::<Value>(input).unwrap();
        assert_eq!(masked.count > 0, changed, "{input}");
    }
}

#[test]
fn texts_are_masked_as_the_table_says() {
    for (input, expected) in TEXTS {
        let expected = if *expected == SAME { input } else { expected };
        assert_eq!(&mask_secrets_in_text(input), expected);
        let in_json = mask_secrets(json!([{ "note": input }])).value;
        assert_eq!(in_json, json!([{ "note": expected }]));
    }
}

#[test]
fn masking_what_is_masked_changes_and_counts_nothing() {
    for (input, _) in FIELDS {
        let once = mask_secrets(serde_json::from_str(input).unwrap()).value;
        let twice = mask_secrets(once.clone());
        assert_eq!((&twice.value, twice.count), (&once, 0), "{input}");
    }
    for (input, _) in TEXTS {
        let once = mask_secrets_in_text(input).into_owned();
        assert_eq!(mask_secrets_in_text(&once), once);
    }
}

#[test]
fn every_replacement_counts_once() {
    let value = json!({"a": "password=x and AKIAIOSFODNN7EXAMPLE", "token": ["x", "y"], "b": "{\"pin\":1}"});
    assert_eq!(mask_secrets(value).count, 4);
}

#[test]
fn invisible_and_wide_characters_do_not_hide_a_secret() {
    let hidden = "key AKIA\u{200b}IOSFO\u{2060}DNN7EXAM\u{feff}PLE!";
    assert_eq!(mask_secrets_in_text(hidden), "key <masked:api_key>!");
    let wide = "ＡＫＩＡIOSFODNN7EXAMPLE";
    assert_eq!(mask_secrets_in_text(wide), "<masked:api_key>");
    assert_eq!(
        mask_secrets_in_text("p\u{ad}assword=hünter2 é"),
        "p\u{ad}assword=<masked> é"
    );
}

#[test]
fn only_what_the_masker_writes_counts_as_masked() {
    assert_eq!(
        mask_secrets(json!({"password": "<masked:hunter2>"})).value,
        json!({"password": "<masked>"})
    );
    assert_eq!(
        mask_secrets(json!({"password": "<masked>x"})).value,
        json!({"password": "<masked>"})
    );
}

#[test]
fn deep_nesting_is_masked_whole_and_broken_json_as_text() {
    let mut deep = json!({"password": "x"});
    for _ in 0..200 {
        deep = json!([deep]);
    }
    let text = mask_secrets(deep).value.to_string();
    assert!(text.contains("<masked>") && !text.contains("password"));
    let brackets = format!("{}{{\"password\":\"hunter2\"", "[".repeat(100_000));
    let masked = mask_secrets(Value::from(brackets)).value;
    assert!(!masked.to_string().contains("hunter2"));
    let mut layered = String::from(r#"{"password":"hunter2"}"#);
    for _ in 0..9 {
        layered = json!({ "a": layered }).to_string();
    }
    assert!(
        !mask_secrets(Value::from(layered))
            .value
            .to_string()
            .contains("hunter2")
    );
}

/// Repetitions on which a scan that starts again at each place would be quadratic: minutes instead of a moment.
#[test]
fn hostile_repetitions_take_linear_time() {
    let pieces = [
        "key=",
        "auth:\"",
        "auth=[",
        "sk-",
        "eyJ-",
        "basic+",
        "a://",
        "a://b:c/",
        "\\",
        "\"",
        "token\\\"",
        "cookie: is ",
        "authorization: true ",
        "-----BEGIN ",
        "<",
        "<masked",
        "--token ",
        "password: ",
        "x=\"\"\"\"",
        "12345678:AA",
        "\u{200b}",
        ";pwd=null",
        "]",
        "key:'key:\"",
        "tokens=1,",
    ];
    for piece in pieces {
        let text = piece.repeat(100_000 / piece.len());
        assert!(mask_secrets_in_text(&text).len() < 12 * text.len());
    }
}

#[test]
fn lone_escapes_and_odd_ends_are_survived() {
    for text in [
        "\\",
        "password=\\",
        "password=\"\\",
        "password:\\\"",
        "\"password\":\"\\ud800",
        "%",
        "%2",
        "eyJ",
        "=",
        "://",
        "-----BEGIN ",
    ] {
        let once = mask_secrets_in_text(text).into_owned();
        assert_eq!(mask_secrets_in_text(&once), once);
    }
}

fn fragment() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "password",
        "token",
        "key",
        "api",
        "Authorization",
        "cookie",
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
        "Basic ",
        "dXNlcjpodW50ZXIy",
        "AKIAIOSFODNN7EXAMPLE",
        "sk-abcdefgh12345678",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWI",
        "-----BEGIN PRIVATE KEY-----",
        "--",
        "\n",
        "\\n",
        "<masked>",
        "<masked:jwt>",
        "12",
        "\u{200b}",
        "é",
        "null",
        "is",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => "[a-zA-Z0-9 .]{1,6}"]
}

fn hostile_text() -> impl Strategy<Value = String> {
    prop::collection::vec(fragment(), 0..14).prop_map(|parts| parts.concat())
}

fn hostile_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        hostile_text().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        Just(Value::Null)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let entries = prop::collection::vec((hostile_text(), inner.clone()), 0..4);
        let object = entries.prop_map(|entries| Value::Object(entries.into_iter().collect()));
        let nested = inner
            .clone()
            .prop_map(|value| Value::from(value.to_string()));
        prop_oneof![
            object,
            prop::collection::vec(inner, 0..4).prop_map(Value::Array),
            nested
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_masked_once_and_for_all(text in hostile_text()) {
        let once = mask_secrets_in_text(&text).into_owned();
        prop_assert_eq!(mask_secrets_in_text(&once).into_owned(), once);
    }

    #[test]
    fn any_value_is_masked_once_and_for_all(value in hostile_value()) {
        let once = mask_secrets(value).value;
        let twice = mask_secrets(once.clone());
        prop_assert_eq!((twice.value, twice.count), (once, 0));
    }

    #[test]
    fn a_key_with_a_known_shape_never_survives(before in "[^a-zA-Z0-9]{0,8}", after in "[^a-zA-Z0-9]{0,8}") {
        let text = format!("{before}AKIAIOSFODNN7EXAMPLE{after}");
        prop_assert!(!mask_secrets_in_text(&text).contains("AKIAIOSFODNN7EXAMPLE"));
        let value = mask_secrets(json!({ &text: [&text] })).value;
        prop_assert!(!value.to_string().contains("AKIAIOSFODNN7EXAMPLE"));
    }
}
