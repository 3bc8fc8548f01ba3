//! Shapes of secrets: what a text looks like that is a secret wherever it stands.
//!
//! Each function looks at one place of a text and says how far a secret reaches that begins there or around it. None looks further
//! than the secret goes, or than a stated bound, so that a scan of a whole text stays linear. Prefixes are those that
//! the providers document, minimal lengths a little below the real ones, so that a secret that lost its last characters
//! still counts.

use std::ops::Range;

use super::class::Class;
use super::placeholder;
use super::scan::begins_word;
use super::view::View;

/// A key with a known prefix, given the place of the first sign (`-`, `_`, `.`, `/`) of that prefix, or of the letter
/// `A` where it has none.
pub(super) fn prefixed_key(
    view: &View<'_>,
    floor: usize,
    at: usize,
) -> Option<(Range<usize>, Class)> {
    let sign = view.byte(at)?;
    let (heads, before) = match sign {
        b'A' => (&ROWS_WITHOUT_SIGN, 0),
        _ if at > floor => {
            let before = usize::from(view.before(at)?);
            (ROWS_BY_BYTE_BEFORE_SIGN.get(before)?, before)
        }
        _ => return None,
    };
    let rows = heads.iter().take_while(|row| **row != NO_ROW);
    rows.map(|row| &PREFIXES[usize::from(*row)])
        .find_map(|row| {
            let head = if before == 0 { 0 } else { row.sign_at()? };
            let start = at.checked_sub(head).filter(|start| *start >= floor)?;
            let begins = begins_word(view, floor, start)
                && view.slice(start..at) == &row.prefix.as_bytes()[..head]
                && view.starts_with(at, &row.prefix.as_bytes()[head..]);
            begins.then(|| body_of(view, start, row)).flatten()
        })
}

/// A key of Databricks, whose prefix has no sign: `dapi` and 32 hexadecimal digits.
pub(super) fn dapi_key(view: &View<'_>, start: usize) -> Option<(Range<usize>, Class)> {
    if !view.starts_with(start, DAPI.prefix.as_bytes()) {
        return None;
    }
    body_of(view, start, &DAPI)
}

/// The key with this prefix at `start`, where its body is one.
fn body_of(view: &View<'_>, start: usize, row: &Row) -> Option<(Range<usize>, Class)> {
    let body = start + row.prefix.len();
    let judged = view.run(body, JUDGED_BYTES, |b| row.body.has(b));
    let is_credible = !matches!(row.body, Body::Credible) || is_credible(view.slice(body..judged));
    if judged - body < row.least || !is_credible {
        return None;
    }
    let end = view.run(judged, usize::MAX, |b| row.body.has(b));
    let is_address = row.class == Class::WebhookUrl;
    Some((if is_address { body } else { start }..end, row.class))
}

/// A private key in PEM that begins here; where its end is missing, as far as one may reach.
pub(super) fn pem_private_key(view: &View<'_>, at: usize) -> Option<Range<usize>> {
    if !view.starts_with(at, PEM_BEGIN) {
        return None;
    }
    let label = at + PEM_BEGIN.len();
    let label_end = view.find(label, PEM_LABEL_BYTES, |b| b == b'-')?;
    let is_private = find(view.slice(label..label_end), b"PRIVATE KEY").is_some();
    if !is_private || !view.starts_with(label_end, DASHES) {
        return None;
    }
    let body = label_end + DASHES.len();
    let limit = body + PEM_BYTES;
    let mut from = body;
    while let Some(dash) = view.find(from, limit - from, |b| b == b'-') {
        if view.starts_with(dash, PEM_END) {
            let end = dash + PEM_END.len();
            let last = view.find(end, PEM_LABEL_BYTES, |b| b == b'-');
            let closed = last.filter(|last| view.starts_with(*last, DASHES));
            return Some(at..closed.map_or(end, |last| last + DASHES.len()));
        }
        from = dash + 1;
    }
    Some(at..limit.min(view.len()))
}

/// The password in `scheme://user:password@host`, given the place of the colon; the host stays.
///
/// A password may hold `/`, `?`, `#` and `@` where nobody escaped them; what follows the first colon up to one of them
/// is then no port.
pub(super) fn url_password(view: &View<'_>, colon: usize) -> Option<Range<usize>> {
    let has_scheme = view
        .before(colon)
        .is_some_and(|b| b.is_ascii_alphanumeric());
    if !has_scheme || !view.starts_with(colon, b"://") {
        return None;
    }
    let is_end = |b: u8| b.is_ascii_whitespace() || b"\"'`<>|\\".contains(&b);
    let start = colon + "://".len();
    let rest = view.slice(start..end_of_address(view, start, is_end));
    let authority = find_sign(rest, |b| b"/?#".contains(&b)).unwrap_or(rest.len());
    let user = find_sign(&rest[..authority], |b| b == b':')?;
    let port = &rest[user + 1..authority];
    let at_sign = match port.iter().rposition(|b| *b == b'@') {
        Some(place) => place,
        None if port.iter().all(u8::is_ascii_digit) => return None,
        None => rest[user + 1..].iter().rposition(|b| *b == b'@')?,
    };
    let at_sign = user + 1 + at_sign;
    let password = &rest[user + 1..at_sign];
    let masked = password.is_empty() || placeholder::leading(password) == password.len();
    (!masked).then(|| start + user + 1..start + at_sign)
}

/// Where an address ends: at a byte of a kind that is in no placeholder, or as far as one is read.
fn end_of_address(view: &View<'_>, start: usize, is_end: impl Fn(u8) -> bool) -> usize {
    let mut at = start;
    while at < start + URL_BYTES {
        let length = view.placeholder(at);
        match view.byte(at) {
            Some(b) if length > 0 || !is_end(b) => at += length.max(1),
            _ => break,
        }
    }
    at
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

impl Row {
    /// Where the first sign of the prefix stands.
    const fn sign_at(&self) -> Option<usize> {
        let prefix = self.prefix.as_bytes();
        let mut at = 0;
        while at < prefix.len() {
            if matches!(prefix[at], b'-' | b'_' | b'.' | b'/') {
                return Some(at);
            }
            at += 1;
        }
        None
    }
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

fn is_credible(body: &[u8]) -> bool {
    let longest = body.split(|b| b"_-".contains(b)).map(<[u8]>::len).max();
    let longest = longest.unwrap_or(0);
    longest >= 20 || (longest >= 8 && body.iter().any(u8::is_ascii_digit))
}

/// Two or more parts of base64url joined by dots, the first of which begins like a JSON object: `eyJ`, given the place
/// of the `J`.
pub(super) fn json_web_token(
    view: &View<'_>,
    floor: usize,
    at: usize,
) -> Option<(Range<usize>, Class)> {
    let start = at.checked_sub(2).filter(|start| *start >= floor)?;
    if view.slice(start..at) != b"ey" || !begins_word(view, floor, start) {
        return None;
    }
    let is_part = |b: u8| b.is_ascii_alphanumeric() || b"_-=".contains(&b);
    let head = view.run(start, JOSE_HEADER_BYTES, is_part);
    if head - start < 10 || view.byte(head) != Some(b'.') {
        return None;
    }
    let payload = view.run(head + 1, 4, is_part);
    if payload - head - 1 < 4 {
        return None;
    }
    let end = view.run(payload, usize::MAX, |b| is_part(b) || b == b'.');
    let dots = view.slice(payload..end).iter().rev();
    let end = end - dots.take_while(|b| **b == b'.').count();
    Some((start..end, Class::Jwt))
}

/// The token of a Telegram bot: its number, a colon, `AA` and 33 characters.
pub(super) fn bot_token(view: &View<'_>, start: usize) -> Option<(Range<usize>, Class)> {
    let number = view.run(start, 11, |b| b.is_ascii_digit());
    if !(8..=10).contains(&(number - start)) || !view.starts_with(number, b":AA") {
        return None;
    }
    let secret = number + ":AA".len();
    let end = view.run(secret, usize::MAX, |b| Body::Url.has(b));
    (end - secret >= 30).then_some((start..end, Class::ApiKey))
}

/// What follows `Bearer` or `Basic`, where it is no word of a sentence.
pub(super) fn after_scheme(
    view: &View<'_>,
    floor: usize,
    at: usize,
) -> Option<(Range<usize>, Class)> {
    let schemes = [("bearer", Class::Bearer), ("basic", Class::BasicAuth)];
    let mut schemes = schemes.into_iter();
    let (scheme, class) = schemes.find(|(name, _)| view.starts_with_word(at, name.as_bytes()))?;
    if !begins_word(view, floor, at) {
        return None;
    }
    let after = at + scheme.len();
    let start = if view.starts_with(after, b"%20") {
        after + "%20".len()
    } else {
        view.run(after, MOST_BLANKS, |b| b"\t +:".contains(&b))
    };
    let judged = view.run(start, JUDGED_BYTES, is_token68);
    let token = view.slice(start..judged);
    let is_secret = match class {
        Class::BasicAuth => holds_user_and_password(token),
        _ => is_no_word(token),
    };
    if start == after || !is_secret {
        return None;
    }
    Some((start..view.run(judged, usize::MAX, is_token68), class))
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

/// For each byte, which rows have it before the first sign of their prefix; [`NO_ROW`] behind the last one.
const ROWS_BY_BYTE_BEFORE_SIGN: [[u8; ROWS_A_BYTE]; 128] = {
    let mut rows = [[NO_ROW; ROWS_A_BYTE]; 128];
    let mut at = 0;
    while at < PREFIXES.len() {
        if let Some(sign) = PREFIXES[at].sign_at() {
            let byte = PREFIXES[at].prefix.as_bytes()[sign - 1] as usize;
            put(&mut rows[byte], at);
        }
        at += 1;
    }
    rows
};

/// The rows whose prefix has no sign. All begin with `A`.
const ROWS_WITHOUT_SIGN: [u8; ROWS_A_BYTE] = {
    let mut rows = [NO_ROW; ROWS_A_BYTE];
    let mut at = 0;
    while at < PREFIXES.len() {
        if PREFIXES[at].sign_at().is_none() {
            put(&mut rows, at);
        }
        at += 1;
    }
    rows
};

const fn put(rows: &mut [u8; ROWS_A_BYTE], row: usize) {
    let mut free = 0;
    while rows[free] != NO_ROW {
        free += 1;
    }
    // Compiling stops here where a byte has too many rows: the last place stays empty.
    assert!(free + 1 < ROWS_A_BYTE && row < NO_ROW as usize);
    rows[free] = row as u8;
}

const ROWS_A_BYTE: usize = 24;
const NO_ROW: u8 = u8::MAX;

const PEM_BEGIN: &[u8] = b"-----BEGIN ";
const PEM_END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
/// The longest label of a PEM block that is looked for.
const PEM_LABEL_BYTES: usize = 64;
/// How far a URL is read in search of its password.
const URL_BYTES: usize = 512;
/// The longest header of a JSON web token that is read.
const JOSE_HEADER_BYTES: usize = 2048;
/// How much of a body is read to judge it; what is found to be a secret is then read to its end.
const JUDGED_BYTES: usize = 256;

/// The longest body of a PEM block: that of an RSA key of 16,384 bits has some 12,700 bytes.
const PEM_BYTES: usize = 16 * 1024;
/// How many blanks may stand between a scheme and its token.
const MOST_BLANKS: usize = 16;

const DAPI: Row = row("dapi", Body::Hex, 32);

/// Prefixes of keys. Each has one of `-`, `_`, `.`, `/` in it, or begins with `A`.
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
    row("dckr_pat_", Body::Url, 20),
    webhook("discord.com/api/webhooks/", 20),
    webhook("discordapp.com/api/webhooks/", 20),
    row("doo_v1_", Body::Hex, 40),
    row("dop_v1_", Body::Hex, 40),
    row("dor_v1_", Body::Hex, 40),
    row("dp.pt.", Body::Word, 30),
    row("figd_", Body::Url, 30),
    row("fw_", Body::Word, 22),
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
    row("pa-", Body::Url, 40),
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
    fn prefixes_begin_at_an_anchor() {
        for row in PREFIXES {
            assert!(row.sign_at().is_some_and(|at| at > 0) || row.prefix.starts_with('A'));
        }
    }

    #[test]
    fn every_prefix_with_a_body_of_the_least_length_is_found_whole() {
        for row in PREFIXES {
            let body: String = "A1B2C3D4".chars().cycle().take(row.least).collect();
            let text = format!("{}{body}", row.prefix);
            let sign = row.sign_at().unwrap_or(0);
            let (range, _) = prefixed_key(&View::of(&text), 0, sign).expect(row.prefix);
            assert_eq!(range.end, text.len(), "{}", row.prefix);
        }
    }
}
