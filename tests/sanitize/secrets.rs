//! Secrets in the forms that their issuers document, in the places where they leak. All are random: none opens anything.

use crate::dice::{ALPHANUMERIC, Dice};
use crate::identifiers::{NAMES, password};
use crate::text::Labelled;

type Make = fn(&mut Dice) -> String;

/// A kind of secret: its class, how one is made, and texts around it.
struct Kind {
    class: &'static str,
    make: Make,
    frames: &'static [&'static str],
}

/// One text with one secret for each kind, over and over.
pub(crate) fn texts(dice: &mut Dice, of_each: usize) -> Vec<Labelled> {
    let mut texts = Vec::new();
    for kind in KINDS {
        for round in 0..of_each {
            let value = (kind.make)(dice);
            let frame = kind.frames[round % kind.frames.len()];
            texts.push(Labelled::framed(frame, kind.class, &value, &[]));
        }
    }
    texts
}

fn json_web_token(dice: &mut Dice) -> String {
    let payload = dice.text(ALPHANUMERIC, 60);
    format!(
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ{payload}.{}",
        dice.text(BASE64_URL, 43)
    )
}

/// User and password in base64 (RFC 4648).
fn basic_credentials(dice: &mut Dice) -> String {
    let pair = format!("{}:{}", dice.pick(NAMES), password(dice));
    let bits: String = pair.bytes().map(|byte| format!("{byte:08b}")).collect();
    let mut text: String = bits
        .as_bytes()
        .chunks(6)
        .map(|bits| {
            let value = bits
                .iter()
                .fold(0, |value, bit| value * 2 + usize::from(bit - b'0'));
            char::from(BASE64.as_bytes()[value << (6 - bits.len())])
        })
        .collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

fn private_key(dice: &mut Dice) -> String {
    let kind = *dice.pick(&["", "RSA ", "EC ", "OPENSSH "]);
    let lines: Vec<String> = (0..4).map(|_| dice.text(BASE64, 64)).collect();
    format!(
        "-----BEGIN {kind}PRIVATE KEY-----\n{}\n-----END {kind}PRIVATE KEY-----",
        lines.join("\n")
    )
}

const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const IN_CODE: &[&str] = &[
    "api_key = \"{value}\"",
    "my key is {value} but I get a 401, what is wrong?",
    "curl -H 'X-Api-Key: {value}' https://api.example.com/v1/items",
    "export API_KEY={value}",
    "{\"provider\": \"x\", \"apiKey\": \"{value}\"}",
    "ERROR 401 for key {value}: revoked",
    "Why does this fail?\n```python\nclient = Client(\"{value}\")\n```",
    "Here: {value}, use it until Friday.",
];
const BESIDE_A_NAME: &[&str] = &[
    "password = \"{value}\"",
    "DB_PASSWORD={value}",
    "{\"user\": \"admin\", \"password\": \"{value}\"}",
    "password: {value}",
    "client_secret: '{value}'",
    "$config['passwd'] = '{value}';",
    "login admin, password: {value}\nthanks",
    "SECRET_KEY = '{value}'",
    "<password>{value}</password>",
    "--password={value} --verbose",
    "the account admin with password {value} and no second factor",
    "her login password '{value}' was in the log",
    "my password is {value}, can you check why it fails?",
];
const IN_HEADERS: &[&str] = &[
    "Authorization: Bearer {value}",
    "curl -H \"Authorization: Bearer {value}\" https://api.example.com",
    "headers = {\"Authorization\": \"Bearer {value}\"}",
    "the request had authorization: bearer {value} in it",
];

#[rustfmt::skip]
const KINDS: &[Kind] = &[
    Kind { class: "api_key", make: |dice| format!("AKIA{}", dice.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("ghp_{}", dice.text(ALPHANUMERIC, 36)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("github_pat_{}_{}", dice.text(ALPHANUMERIC, 22), dice.text(ALPHANUMERIC, 59)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("glpat-{}", dice.text(BASE64_URL, 20)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("xoxb-{}-{}-{}", dice.digits(12), dice.digits(12), dice.text(ALPHANUMERIC, 24)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("sk_live_{}", dice.text(ALPHANUMERIC, 24)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("rk_test_{}", dice.text(ALPHANUMERIC, 32)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("sk-proj-{}T3BlbkFJ{}", dice.text(ALPHANUMERIC, 58), dice.text(ALPHANUMERIC, 58)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("sk-ant-api03-{}AA", dice.text(BASE64_URL, 91)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("AIza{}", dice.text(BASE64_URL, 35)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("hf_{}", dice.text(ALPHANUMERIC, 34)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("npm_{}", dice.text(ALPHANUMERIC, 36)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("pypi-AgEIcHlwaS5vcmc{}", dice.text(BASE64_URL, 60)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("SG.{}.{}", dice.text(BASE64_URL, 22), dice.text(BASE64_URL, 43)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("dop_v1_{}", dice.text("0123456789abcdef", 64)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("shpat_{}", dice.text("0123456789abcdef", 32)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("gsk_{}", dice.text(ALPHANUMERIC, 52)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("GOCSPX-{}", dice.text(BASE64_URL, 28)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("xai-{}", dice.text(ALPHANUMERIC, 80)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("pplx-{}", dice.text("0123456789abcdef", 48)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("sq0csp-{}", dice.text(BASE64_URL, 43)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("lin_api_{}", dice.text(ALPHANUMERIC, 40)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("dckr_pat_{}", dice.text(BASE64_URL, 27)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("hvs.{}", dice.text(BASE64_URL, 95)), frames: IN_CODE },
    Kind { class: "api_key", make: |dice| format!("{}:AA{}", dice.digits(10), dice.text(BASE64_URL, 33)), frames: &["bot token {value}", "https://api.telegram.org/bot{value}/getMe", "TELEGRAM_TOKEN={value}"] },
    Kind { class: "basic_auth", make: basic_credentials, frames: &["Authorization: Basic {value}", "curl -H 'Authorization: Basic {value}' https://example.com", "{\"authorization\": \"Basic {value}\"}"] },
    Kind { class: "bearer", make: |dice| dice.text(ALPHANUMERIC, 40), frames: IN_HEADERS },
    Kind { class: "connection_string", make: |dice| format!("{}==", dice.text(BASE64, 86)), frames: &["DefaultEndpointsProtocol=https;AccountName=store1;AccountKey={value};EndpointSuffix=core.windows.net", "Endpoint=sb://bus.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={value}"] },
    Kind { class: "connection_string", make: password, frames: &["Server=db1;Database=shop;User Id=sa;Password={value};Encrypt=true", "jdbc:sqlserver://db1:1433;user=sa;password={value};", "host=db1 user=app password={value} dbname=shop"] },
    Kind { class: "jwt", make: json_web_token, frames: &["Authorization: Bearer {value}", "token={value}", "the session cookie was {value} I think", "{\"id_token\":\"{value}\"}", "{value}"] },
    Kind { class: "private_key", make: private_key, frames: &["{value}", "My key:\n{value}\nwhy is it refused?", "cat id_rsa\n{value}\n$ "] },
    Kind { class: "secret", make: password, frames: BESIDE_A_NAME },
    Kind { class: "secret", make: |dice| dice.text(ALPHANUMERIC, 40), frames: &["aws_secret_access_key = {value}", "AWS_SECRET_ACCESS_KEY={value}", "\"secretAccessKey\": \"{value}\"", "access_token: {value}", "auth_token=\"{value}\"", "private_key_password: {value}"] },
    Kind { class: "secret", make: |dice| dice.text("0123456789abcdef", 32), frames: &["TWILIO_AUTH_TOKEN={value}", "datadog api_key: {value}", "api-key: {value}", "x-api-key: {value}", "subscription_key='{value}'"] },
    Kind { class: "url_credentials", make: |dice| dice.text(ALPHANUMERIC, 14), frames: &["postgres://app:{value}@db.example.com:5432/shop", "DATABASE_URL=mysql://root:{value}@db1/prod", "redis://:{value}@cache:6379/0", "mongodb+srv://svc:{value}@cluster0.example.net/?w=majority", "git clone https://bot:{value}@git.example.com/team/repo.git", "amqps://user:{value}@mq.example.com/vhost"] },
    Kind { class: "webhook_url", make: |dice| format!("T{}/B{}/{}", dice.fill("^^^^####"), dice.fill("^^^^####"), dice.text(ALPHANUMERIC, 24)), frames: &["https://hooks.slack.com/services/{value}", "SLACK_WEBHOOK=https://hooks.slack.com/services/{value}"] },
];
