//! Takes out of a peer's words what may be a secret of ours: a server that quotes what it did not take quotes our token.
//!
//! Told by its shape as well, since a token comes back in many spellings: as it is, in the base64 of a sign-on, cut
//! short. It would rather hide a long name that is no secret than show one that is.

use super::Secret;

/// What stands in the place of it.
const MASK: &str = "[secret]";
/// Of base64: an id of a trace has 36, and no token is shorter.
const LONG: usize = 40;
/// `user=` and `n,a=` in base64: our own sign-on begins so, however short it was cut (XOAUTH2, RFC 7628 3.1).
const SIGN_ONS: [&str; 3] = ["dXNlcj", "bixhPQ", "bixhPX"];
/// `{"` in base64, which the header of a JWT begins with (RFC 7519 3.1).
const JWT: &str = "eyJ";
const SHORTEST_JWT: usize = 16;
/// Shorter ones are left where they stand: they would be found in words.
const SHORTEST_SECRET: usize = 8;

/// `text` without the secrets that were `sent`, and without whatever looks like a token.
pub fn redacted(text: &str, sent: &[&Secret]) -> String {
    let mut text = text.to_owned();
    for secret in sent.iter().filter(|secret| secret.len() >= SHORTEST_SECRET) {
        text = text.replace(secret.expose(), MASK);
    }
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut is_announced) = (text.as_str(), false);
    while let Some(start) = rest.find(is_token68) {
        let (before, behind) = rest.split_at(start);
        let (run, after) = behind.split_at(behind.find(|c| !is_token68(c)).unwrap_or(behind.len()));
        is_announced &= before.chars().all(char::is_whitespace);
        let is_secret = is_announced && run.contains(|c: char| !c.is_ascii_alphabetic()) || looks_secret(run);
        out.push_str(before);
        out.push_str(if is_secret { MASK } else { run });
        is_announced = run.get(run.len().saturating_sub(6)..).is_some_and(|end| end.eq_ignore_ascii_case("bearer"));
        rest = after;
    }
    out + rest
}

/// RFC 9110 11.2, which has the alphabet of tokens and of both kinds of base64.
fn is_token68(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~+/=".contains(c)
}

fn looks_secret(run: &str) -> bool {
    let jwt = run.find(JWT).is_some_and(|at| run.len() - at >= SHORTEST_JWT);
    // Padding stands at the end alone. A path has slashes, and base64 of what we send next to none.
    let long =
        || run.split(['.', '~', '=', '/']).any(|part| part.len() >= LONG && !is_word(part) && !is_thumbprint(part));
    jwt || SIGN_ONS.iter().any(|begin| run.contains(begin)) || long()
}

/// Names of exceptions are long, and have no digits.
fn is_word(part: &str) -> bool {
    !part.contains(|c: char| c.is_ascii_digit())
}

/// SHA-1 of a certificate, which tells an administrator which one was meant.
fn is_thumbprint(part: &str) -> bool {
    part.len() == 40 && part.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b))
}

#[cfg(test)]
mod tests {
    use base64::{
        Engine,
        engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
    };

    use super::*;

    fn jwt() -> String {
        let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let (head, claims) = (r#"{"typ":"JWT","alg":"RS256","kid":"k"}"#, r#"{"aud":"https://outlook.office365.com"}"#);
        format!("{}.{}.{}", part(head), part(claims), part("a signature of some length, none shorter than this"))
    }

    /// Every piece of eight characters would be too many, and a part of a token is one too.
    fn holds_a_part(text: &str, secret: &str) -> bool {
        secret.as_bytes().windows(12).any(|part| memchr::memmem::find(text.as_bytes(), part).is_some())
    }

    #[test]
    fn a_token_is_hidden_in_every_spelling_in_which_a_server_may_quote_it() {
        let opaque = "EwBgA8l6BAAUkj1NuJYtTVha+Mogk+HEiPbQo04AAbN2kQ1a9/x7+kd0sPq1Z0";
        for token in [jwt().as_str(), opaque, "ya29.a0AfH6SMBx7Q2kz9vN4bT1cR8wE5yU3iO6pA0sD7fGhJ2kL"] {
            let plain = format!("user=ann@contoso.com\u{1}auth=Bearer {token}\u{1}\u{1}");
            let bearer = format!("n,a=ann@contoso.com,\u{1}host=h\u{1}port=1\u{1}auth=Bearer {token}\u{1}\u{1}");
            for blob in [plain.as_str(), bearer.as_str()] {
                let base64 = STANDARD.encode(blob);
                for said in [
                    format!("535 5.7.8 no '{base64}'"),
                    format!("500 5.3.3 Unrecognized command '{base64}'"),
                    format!("535 {base64} [AM0PR02]"),
                    format!("535 {}", &base64[..base64.len() / 2]),
                    format!("{blob:?}"),
                    format!("{:?}", format!("no\r\n{base64}\r\n{token}")),
                    format!("Authorization: bearer {token}"),
                ] {
                    let told = redacted(&said, &[]);
                    assert!(!holds_a_part(&told, token) && !holds_a_part(&told, &base64), "{said}\n{told}");
                    assert!(told.contains(MASK), "{told}");
                }
            }
        }
        assert_eq!(redacted("535 no 'dXNlcj1hbm'", &[]), "535 no '[secret]'");
    }

    #[test]
    fn what_was_sent_is_hidden_whatever_it_looks_like() {
        let sent = Secret::new("open sesame, twice");
        assert_eq!(redacted("bad 'open sesame, twice'", &[&sent]), "bad '[secret]'");
        assert_eq!(redacted("a short one", &[&Secret::new("short")]), "a short one");
    }

    #[test]
    fn what_an_administrator_needs_to_read_stays() {
        for text in [
            "535 5.7.3 Authentication unsuccessful [AM0PR02CA0134.eurprd02.prod.outlook.com 2026-01-01T00:00:00.000Z 08DCA18218166FB4]",
            "AADSTS50076: so. Trace ID: 0b7f2a3c-5d1e-4f60-8a9b-0c1d2e3f4a5b Correlation ID: 0b7f2a3c-5d1e-4f60-8a9b-0c1d2e3f4a5b",
            "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message",
            "https://login.microsoftonline.com/0b7f2a3c-5d1e-4f60-8a9b-0c1d2e3f4a5b/adminconsent?client_id=0b7f2a3c-5d1e-4f60-8a9b-0c1d2e3f4a5b",
            "Thumbprint of key used by client: '4F1A0C9E8B7D6A5F4E3D2C1B0A9F8E7D6C5B4A39'",
            "/var/lib/gatepost/a-folder-with-9-words/and-another-one/state.db is not writable",
            "Bearer authentication failed",
            "",
        ] {
            assert_eq!(redacted(text, &[]), text);
        }
    }
}
