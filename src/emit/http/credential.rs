//! Which credential a request carries: it leaves the process as a keyed hash only.

use http::request::Parts;
use http::{HeaderMap, Uri, header};

use crate::emit::percent;
use crate::record::RawText;

/// The credential of a request: of a header that providers take keys in, else of the address (`key`, as Gemini takes it).
/// Of a signature of AWS it is the identifier of the access key, since the rest is different in every request.
pub(super) fn of(head: &Parts) -> Option<RawText> {
    of_headers(&head.headers).or_else(|| of_query(&head.uri))
}

fn of_headers(headers: &HeaderMap) -> Option<RawText> {
    let mut keys = KEY_HEADERS.iter().filter_map(|name| headers.get(*name));
    if let Some(key) = keys.next() {
        return Some(RawText::new(key.as_bytes().to_vec()));
    }
    let said = headers.get(header::AUTHORIZATION)?.as_bytes();
    let blank = said.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = (&said[..blank], said[blank..].trim_ascii());
    let key = if scheme.starts_with(b"AWS4-") {
        let signer = rest.strip_prefix(b"Credential=")?;
        signer.split(|byte| *byte == b'/').next()?
    } else {
        rest
    };
    (!key.is_empty()).then(|| RawText::new(key.to_vec()))
}

fn of_query(uri: &Uri) -> Option<RawText> {
    let mut members = uri.query()?.split('&');
    let key = members.find_map(|member| member.strip_prefix("key="))?;
    Some(RawText::new(percent::decoded(key.as_bytes()).into_bytes()))
}

const KEY_HEADERS: &[&str] = &["x-api-key", "api-key", "x-goog-api-key"];

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(url: &str, headers: &[(&str, &str)]) -> Option<String> {
        let mut request = http::Request::post(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        of(&head).map(|key| key.to_text().to_string())
    }

    #[test]
    fn keys_are_found_where_providers_take_them() {
        let url = "https://h/v1/messages";
        type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<&'a str>);
        let table: [Row<'_>; 6] = [
            (url, &[("authorization", "Bearer sk-1")], Some("sk-1")),
            (
                url,
                &[("x-api-key", "sk-2"), ("authorization", "Bearer x")],
                Some("sk-2"),
            ),
            (
                url,
                &[(
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=AKIA7/20261122/eu-west-1/bedrock/aws4_request, SignedHeaders=host, Signature=00",
                )],
                Some("AKIA7"),
            ),
            (
                "https://h/m:generateContent?alt=sse&key=AI%7A",
                &[],
                Some("AIz"),
            ),
            (url, &[("authorization", "Bearer ")], None),
            (url, &[], None),
        ];
        for (url, headers, expected) in table {
            assert_eq!(credential(url, headers).as_deref(), expected, "{headers:?}");
        }
    }
}
