//! Shapes of secrets: what a text looks like that is a secret wherever it stands.
//!
//! Each function looks at one place of a text and says how far a secret that begins there reaches. None looks further
//! than the secret goes, or than a stated bound, so that a scan of a whole text stays linear. Prefixes are those that
//! the providers document, minimal lengths a little below the real ones, so that a secret that lost its last characters
//! still counts.

use std::ops::Range;

use super::placeholder::{self, Class};

/// What begins where a word begins: a key with a known prefix, a JSON web token, a bot token.
pub(super) fn at_word(bytes: &[u8], at: usize) -> Option<(Range<usize>, Class)> {
    let rest = &bytes[at..];
    let found = prefixed(rest).or_else(|| match rest.first()? {
        b'e' => json_web_token(rest),
        b'0'..=b'9' => bot_token(rest),
        b'b' | b'B' => after_scheme(rest),
        _ => None,
    });
    found.map(|(range, class)| (at + range.start..at + range.end, class))
}

/// A private key in PEM that begins here; to the end of the text where its end is missing.
pub(super) fn pem_private_key(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let label = bytes[at..].strip_prefix(b"-----BEGIN ")?;
    let label = &label[..label.len().min(PEM_LABEL_BYTES)];
    let label = &label[..find(label, b"-----")?];
    find(label, b"PRIVATE KEY")?;
    let body = at + b"-----BEGIN ".len() + label.len() + DASHES.len();
    let Some(end) = find(&bytes[body..], b"-----END ") else {
        return Some(at..bytes.len());
    };
    let end = body + end + b"-----END ".len();
    let last = &bytes[end..bytes.len().min(end + PEM_LABEL_BYTES)];
    let closed = find(last, DASHES).map_or(end + last.len(), |length| end + length + DASHES.len());
    Some(at..closed)
}

/// The password in `scheme://user:password@host`, given the place of the colon; the host stays.
///
/// A password may hold `/`, `?`, `#` and `@` where nobody escaped them; what follows the first colon up to one of them
/// is then no port.
pub(super) fn url_password(bytes: &[u8], colon: usize) -> Option<Range<usize>> {
    let rest = bytes[colon..].strip_prefix(b"://")?;
    if colon == 0 || !bytes[colon - 1].is_ascii_alphanumeric() {
        return None;
    }
    let rest = &rest[..rest.len().min(URL_BYTES)];
    let is_end = |b: u8| b.is_ascii_whitespace() || b"\"'`<>|\\".contains(&b);
    let authority = find_sign(rest, |b| b"/?#".contains(&b) || is_end(b)).unwrap_or(rest.len());
    let user = find_sign(&rest[..authority], |b| b == b':')?;
    let port = &rest[user + 1..authority];
    let at_sign = match port.iter().rposition(|b| *b == b'@') {
        Some(place) => place,
        None if port.iter().all(u8::is_ascii_digit) => return None,
        None => {
            let rest = &rest[..find_sign(rest, is_end).unwrap_or(rest.len())];
            rest[user + 1..].iter().rposition(|b| *b == b'@')?
        }
    };
    let at_sign = user + 1 + at_sign;
    let password = &rest[user + 1..at_sign];
    let start = colon + "://".len();
    let masked = password.is_empty() || placeholder::leading(password) == password.len();
    (!masked).then(|| start + user + 1..start + at_sign)
}

/// The first byte of a kind that is in no placeholder.
fn find_sign(text: &[u8], is_sign: impl Fn(u8) -> bool) -> Option<usize> {
    let mut at = 0;
    while let Some(b) = text.get(at) {
        let placeholder = placeholder::leading(&text[at..]);
        if placeholder == 0 && is_sign(*b) {
            return Some(at);
        }
        at += placeholder.max(1);
    }
    None
}

/// What the body of a key with a prefix is made of.
#[derive(Clone, Copy)]
enum Body {
    Base64,
    /// As `Url`, and with a part that no phrase has: `sk-` also begins names of files and books.
    Credible,
    Dotted,
    Hex,
    Path,
    Upper,
    Url,
    Word,
}

impl Body {
    fn has(self, b: u8) -> bool {
        match self {
            Self::Base64 => b.is_ascii_alphanumeric() || b"+/=_-%".contains(&b),
            Self::Credible | Self::Url => b.is_ascii_alphanumeric() || b"_-".contains(&b),
            Self::Dotted => b.is_ascii_alphanumeric() || b"_-.".contains(&b),
            Self::Hex => b.is_ascii_hexdigit(),
            Self::Path => b.is_ascii_alphanumeric() || b"_-/.@".contains(&b),
            Self::Upper => b.is_ascii_uppercase() || b.is_ascii_digit(),
            Self::Word => b.is_ascii_alphanumeric(),
        }
    }
}

struct Row {
    prefix: &'static str,
    body: Body,
    least: usize,
    class: Class,
}

const fn row(prefix: &'static str, body: Body, least: usize) -> Row {
    Row {
        prefix,
        body,
        least,
        class: Class::ApiKey,
    }
}

/// The address stays readable, what authorises is masked.
const fn webhook(prefix: &'static str, least: usize) -> Row {
    Row {
        prefix,
        body: Body::Path,
        least,
        class: Class::WebhookUrl,
    }
}

fn prefixed(rest: &[u8]) -> Option<(Range<usize>, Class)> {
    let first = usize::from(*rest.first()?);
    let (from, to) = *ROWS_BY_FIRST_BYTE.get(first)?;
    PREFIXES[from..to].iter().find_map(|row| {
        let body = rest.strip_prefix(row.prefix.as_bytes())?;
        let judged = body
            .iter()
            .take(JUDGED_BYTES)
            .take_while(|b| row.body.has(**b))
            .count();
        let credible = !matches!(row.body, Body::Credible) || is_credible(&body[..judged]);
        let start = if row.class == Class::WebhookUrl {
            row.prefix.len()
        } else {
            0
        };
        if judged < row.least || !credible {
            return None;
        }
        let length = body.iter().take_while(|b| row.body.has(**b)).count();
        Some((start..row.prefix.len() + length, row.class))
    })
}

fn is_credible(body: &[u8]) -> bool {
    let longest = body.split(|b| b"_-".contains(b)).map(<[u8]>::len).max();
    let longest = longest.unwrap_or(0);
    longest >= 20 || (longest >= 8 && body.iter().any(u8::is_ascii_digit))
}

/// Two or more parts of base64url joined by dots, the first of which begins like a JSON object.
fn json_web_token(rest: &[u8]) -> Option<(Range<usize>, Class)> {
    if !rest.starts_with(b"eyJ") {
        return None;
    }
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || b"_-=".contains(b);
    let head = rest
        .iter()
        .take(JOSE_HEADER_BYTES)
        .take_while(|b| is_part(b))
        .count();
    let body = rest.get(head + 1..).filter(|_| rest[head] == b'.')?;
    let payload = body.iter().take(4).take_while(|b| is_part(b)).count();
    if head < 10 || payload < 4 {
        return None;
    }
    let tail = body
        .iter()
        .take_while(|b| is_part(b) || **b == b'.')
        .count();
    Some((0..head + 1 + tail, Class::Jwt))
}

/// The token of a Telegram bot: its number, a colon, `AA` and 33 characters.
fn bot_token(rest: &[u8]) -> Option<(Range<usize>, Class)> {
    let number = rest
        .iter()
        .take(11)
        .take_while(|b| b.is_ascii_digit())
        .count();
    let secret = rest.get(number..)?.strip_prefix(b":AA")?;
    let length = secret.iter().take_while(|b| Body::Url.has(**b)).count();
    ((8..=10).contains(&number) && length >= 30).then(|| (0..number + 3 + length, Class::ApiKey))
}

/// What follows `Bearer` or `Basic`, where it is no word of a sentence.
fn after_scheme(rest: &[u8]) -> Option<(Range<usize>, Class)> {
    let schemes = [("bearer", Class::Bearer), ("basic", Class::BasicAuth)];
    let is_scheme = |scheme: &str| {
        let word = rest.get(..scheme.len());
        word.is_some_and(|word| word.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    let (scheme, class) = schemes.into_iter().find(|(scheme, _)| is_scheme(scheme))?;
    let after = &rest[scheme.len()..];
    let escaped = if after.starts_with(b"%20") { 3 } else { 0 };
    let blanks = escaped.max(after.iter().take_while(|b| b"\t +:".contains(b)).count());
    let token = &after[blanks..];
    let judged = token
        .iter()
        .take(JUDGED_BYTES)
        .take_while(|b| is_token68(**b))
        .count();
    let is_secret = match class {
        Class::BasicAuth => holds_user_and_password(&token[..judged]),
        _ => is_no_word(&token[..judged]),
    };
    if blanks == 0 || !is_secret {
        return None;
    }
    let length = token.iter().take_while(|b| is_token68(**b)).count();
    let start = scheme.len() + blanks;
    Some((start..start + length, class))
}

fn is_token68(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~+/=%".contains(&b)
}

fn is_no_word(token: &[u8]) -> bool {
    let odd = |b: &u8| b.is_ascii_digit() || b"_~+/=".contains(b);
    token.len() >= 20 || (token.len() >= 6 && token.iter().any(odd))
}

/// Whether the base64 text says `user:password`.
fn holds_user_and_password(token: &[u8]) -> bool {
    let mut bits = 0_u32;
    let mut count = 0;
    for b in token {
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return false,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            match (bits >> count) as u8 {
                b':' => return true,
                b' '..=b'~' | 0x80.. => {}
                _ => return false,
            }
        }
    }
    false
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// For each first byte, which rows of the table begin with it.
const ROWS_BY_FIRST_BYTE: [(usize, usize); 128] = {
    let mut places = [(0, 0); 128];
    let mut at = 0;
    while at < PREFIXES.len() {
        let first = PREFIXES[at].prefix.as_bytes()[0] as usize;
        if places[first].1 == 0 {
            places[first].0 = at;
        }
        places[first].1 = at + 1;
        at += 1;
    }
    places
};

const DASHES: &[u8] = b"-----";
/// The longest label of a PEM block that is looked for.
const PEM_LABEL_BYTES: usize = 64;
/// How far a URL is read in search of its password.
const URL_BYTES: usize = 512;
/// The longest header of a JSON web token that is read.
const JOSE_HEADER_BYTES: usize = 2048;
/// How much of a body is read to judge it; what is found to be a secret is then read to its end.
const JUDGED_BYTES: usize = 256;

/// Prefixes of keys, those with the same first byte together.
#[rustfmt::skip]
const PREFIXES: &[Row] = &[
    row("ABIA", Body::Upper, 16),
    row("ABSK", Body::Base64, 60),
    row("ACCA", Body::Upper, 16),
    row("AGE-SECRET-KEY-1", Body::Word, 30),
    row("AIza", Body::Url, 30),
    row("AKIA", Body::Upper, 16),
    row("ASIA", Body::Upper, 16),
    row("ATATT3", Body::Url, 40),
    row("ATCTT3", Body::Url, 40),
    row("CCIPAT_", Body::Url, 20),
    row("GOCSPX-", Body::Url, 20),
    row("NRAK-", Body::Word, 20),
    row("PMAK-", Body::Url, 30),
    row("SG.", Body::Dotted, 40),
    row("api_org_", Body::Word, 30),
    row("atlasv1.", Body::Url, 40),
    row("bkua_", Body::Word, 30),
    row("dapi", Body::Hex, 32),
    row("dckr_pat_", Body::Url, 20),
    webhook("discord.com/api/webhooks/", 20),
    webhook("discordapp.com/api/webhooks/", 20),
    row("doo_v1_", Body::Hex, 40),
    row("dop_v1_", Body::Hex, 40),
    row("dor_v1_", Body::Hex, 40),
    row("dp.pt.", Body::Word, 30),
    row("figd_", Body::Url, 30),
    row("gho_", Body::Word, 30),
    row("ghp_", Body::Word, 30),
    row("ghr_", Body::Word, 30),
    row("ghs_", Body::Word, 30),
    row("ghu_", Body::Word, 30),
    row("github_pat_", Body::Url, 22),
    row("glagent-", Body::Url, 16),
    row("glc_", Body::Base64, 32),
    row("glcbt-", Body::Url, 16),
    row("gldt-", Body::Url, 16),
    row("glft-", Body::Url, 16),
    row("glimt-", Body::Url, 16),
    row("gloas-", Body::Url, 16),
    row("glpat-", Body::Url, 16),
    row("glptt-", Body::Url, 16),
    row("glrt-", Body::Url, 16),
    row("glsa_", Body::Url, 32),
    row("glsoat-", Body::Url, 16),
    row("gsk_", Body::Word, 30),
    row("hf_", Body::Word, 24),
    webhook("hooks.slack.com/services/", 16),
    webhook("hooks.slack.com/workflows/", 16),
    row("hvb.", Body::Url, 24),
    row("hvr.", Body::Url, 24),
    row("hvs.", Body::Url, 24),
    row("jina_", Body::Word, 30),
    row("key-", Body::Hex, 32),
    row("lin_api_", Body::Word, 30),
    row("lsv2_pt_", Body::Url, 30),
    row("lsv2_sk_", Body::Url, 30),
    row("npm_", Body::Word, 30),
    row("ntn_", Body::Word, 30),
    row("nvapi-", Body::Url, 30),
    row("ops_eyJ", Body::Base64, 40),
    row("pcsk_", Body::Url, 30),
    row("phx_", Body::Word, 30),
    row("pplx-", Body::Word, 30),
    row("pul-", Body::Hex, 40),
    row("pypi-", Body::Url, 40),
    row("r8_", Body::Word, 30),
    row("rk_live_", Body::Word, 10),
    row("rk_test_", Body::Word, 10),
    row("rubygems_", Body::Hex, 32),
    row("sb_secret_", Body::Url, 16),
    row("sbp_", Body::Hex, 32),
    row("secret_", Body::Word, 40),
    row("shpat_", Body::Hex, 32),
    row("shpca_", Body::Hex, 32),
    row("shppa_", Body::Hex, 32),
    row("shpss_", Body::Hex, 32),
    row("sk-", Body::Credible, 16),
    row("sk_", Body::Word, 32),
    row("sk_live_", Body::Word, 10),
    row("sk_prod_", Body::Word, 10),
    row("sk_test_", Body::Word, 10),
    row("sntrys_", Body::Base64, 30),
    row("sntryu_", Body::Hex, 32),
    row("sq0atp-", Body::Url, 20),
    row("sq0csp-", Body::Url, 30),
    row("tskey-", Body::Url, 16),
    row("tvly-", Body::Url, 20),
    row("vcp_", Body::Word, 24),
    webhook("webhook.office.com/webhookb2/", 20),
    row("whsec_", Body::Base64, 16),
    row("xai-", Body::Word, 40),
    row("xapp-", Body::Url, 16),
    row("xoxa-", Body::Url, 10),
    row("xoxb-", Body::Url, 10),
    row("xoxc-", Body::Url, 10),
    row("xoxd-", Body::Base64, 10),
    row("xoxe-", Body::Url, 10),
    row("xoxe.xox", Body::Dotted, 20),
    row("xoxo-", Body::Url, 10),
    row("xoxp-", Body::Url, 10),
    row("xoxr-", Body::Url, 10),
    row("xoxs-", Body::Url, 10),
    row("ya29.", Body::Url, 20),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_with_one_first_byte_stand_together() {
        let firsts: Vec<u8> = PREFIXES
            .iter()
            .map(|row| row.prefix.as_bytes()[0])
            .collect();
        assert!(firsts.is_sorted());
    }

    #[test]
    fn every_prefix_with_a_body_of_the_least_length_is_found_whole() {
        for row in PREFIXES {
            let body: String = "A1B2C3D4".chars().cycle().take(row.least).collect();
            let text = format!("{}{body}", row.prefix);
            let (range, _) = at_word(text.as_bytes(), 0).expect(row.prefix);
            assert_eq!(range.end, text.len(), "{}", row.prefix);
        }
    }
}
