//! SASL, both sides: PLAIN and LOGIN from the client, XOAUTH2 and OAUTHBEARER to the upstream.
//!
//! One [`Exchange`] serves all three protocols; they only frame its lines. Nothing here trusts a byte: a user name
//! with control bytes never becomes part of an upstream string.

use base64::{
    Engine,
    alphabet::STANDARD as ALPHABET,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};

use crate::base::{Claim, Sasl, Secret};

/// Exactly these prompts: a Xerox hangs up on any other (clients.md, quirk 1).
pub const LOGIN_USER_PROMPT: &str = "VXNlcm5hbWU6";
pub const LOGIN_PASSWORD_PROMPT: &str = "UGFzc3dvcmQ6";

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Mechanisms that clients may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    Plain,
    Login,
}

impl Mechanism {
    /// Names come in any case (RFC 4422 3.1 wants upper case; .NET sends `login`).
    pub fn parse(name: &[u8]) -> Option<Self> {
        if name.eq_ignore_ascii_case(b"PLAIN") {
            Some(Self::Plain)
        } else if name.eq_ignore_ascii_case(b"LOGIN") {
            Some(Self::Login)
        } else {
            None
        }
    }
}

/// What the server side says next.
#[derive(Debug)]
pub enum Turn {
    /// Send this base64 text as a challenge (may be empty).
    Challenge(&'static str),
    Claim(Claim),
    /// The client sent `*`.
    Cancelled,
    /// What is wrong with the client's line.
    Malformed(&'static str),
}

/// The server's side of one AUTH or AUTHENTICATE.
#[derive(Debug)]
pub struct Exchange {
    mechanism: Mechanism,
    login: Option<String>,
}

impl Exchange {
    /// `initial` is the initial response as it stood on the line; `=` is an empty one (RFC 4954 4).
    pub fn start(mechanism: Mechanism, initial: Option<&[u8]>) -> (Self, Turn) {
        let mut exchange = Self { mechanism, login: None };
        let turn = match initial {
            // LOGIN has no empty first answer; some clients send the sign for one all the same (RFC 4954 4).
            None | Some(b"=") if mechanism == Mechanism::Login => Turn::Challenge(LOGIN_USER_PROMPT),
            Some(b"=") => exchange.respond(b""),
            Some(line) => exchange.respond(line),
            None => Turn::Challenge(""),
        };
        (exchange, turn)
    }

    /// Takes one line of the client.
    pub fn respond(&mut self, line: &[u8]) -> Turn {
        let line = line.trim_ascii();
        if line == b"*" {
            return Turn::Cancelled;
        }
        let Ok(bytes) = LENIENT.decode(line) else {
            return Turn::Malformed("not base64");
        };
        match (self.mechanism, self.login.take()) {
            (Mechanism::Plain, _) => plain(&bytes),
            (Mechanism::Login, None) => match user_name(&bytes) {
                Some(login) => {
                    self.login = Some(login);
                    Turn::Challenge(LOGIN_PASSWORD_PROMPT)
                }
                None => Turn::Malformed("the user name is empty or holds control bytes"),
            },
            (Mechanism::Login, Some(login)) => {
                Turn::Claim(Claim { login, password: password(&bytes), authzid: None, mechanism: "AUTH LOGIN" })
            }
        }
    }
}

/// RFC 4616: `authzid NUL authcid NUL passwd`. An authzid equal to the authcid is as good as none
/// (libetpan, JavaMail, mutt and mbsync fill it in).
fn plain(bytes: &[u8]) -> Turn {
    let mut parts = bytes.splitn(3, |b| *b == 0);
    let (Some(authzid), Some(authcid), Some(passwd)) = (parts.next(), parts.next(), parts.next()) else {
        return Turn::Malformed("PLAIN needs two NUL bytes");
    };
    let Some(login) = user_name(authcid) else {
        return Turn::Malformed("the user name is empty or holds control bytes");
    };
    let authzid = match user_name(authzid) {
        None if authzid.is_empty() => None,
        None => return Turn::Malformed("the authorization identity holds control bytes"),
        Some(other) if other.eq_ignore_ascii_case(&login) => None,
        Some(other) => Some(other),
    };
    Turn::Claim(Claim { login, password: password(passwd), authzid, mechanism: "AUTH PLAIN" })
}

/// A user name: not empty, no control bytes; UTF-8, else read as Latin-1.
pub fn user_name(bytes: &[u8]) -> Option<String> {
    let name = text(bytes);
    let name = name.trim();
    (!name.is_empty() && !name.chars().any(char::is_control)).then(|| name.to_owned())
}

/// A password in whatever encoding an old program types it: UTF-8, else Latin-1, so that both spell the same text.
pub fn password(bytes: &[u8]) -> Secret {
    Secret::new(text(bytes))
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|b| char::from(*b)).collect(),
    }
}

/// The client's side: who signs on upstream, and with what.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub mechanism: Sasl,
    pub user: String,
    pub token: Secret,
    /// Where the connection really leads (OAUTHBEARER names it; a wrong port is `invalid_request`).
    pub host: String,
    pub port: u16,
}

impl Credentials {
    /// The base64 response, or `None` where user or token hold bytes that would inject a field.
    pub fn response(&self) -> Option<Secret> {
        let clean = |text: &str| !text.bytes().any(|b| b < 0x20 || b == 0x7f);
        if !clean(&self.user) || !clean(self.token.expose()) || !clean(&self.host) {
            return None;
        }
        let token = self.token.expose();
        let plain = Secret::new(match self.mechanism {
            Sasl::Xoauth2 => format!("user={}\x01auth=Bearer {token}\x01\x01", self.user),
            Sasl::OauthBearer => {
                let user = self.user.replace('=', "=3D").replace(',', "=2C");
                format!("n,a={user},\x01host={}\x01port={}\x01auth=Bearer {token}\x01\x01", self.host, self.port)
            }
        });
        Some(Secret::new(STANDARD.encode(plain.expose())))
    }

    /// What answers an error challenge so that the final refusal follows: an empty line for XOAUTH2,
    /// a single ^A for OAUTHBEARER (RFC 7628 3.2.3).
    pub const fn breaker(&self) -> &'static str {
        match self.mechanism {
            Sasl::Xoauth2 => "",
            Sasl::OauthBearer => "AQ==",
        }
    }
}

/// The text of a base64 error challenge, if it is one.
pub fn decode_challenge(base64: &[u8]) -> Option<String> {
    let bytes = LENIENT.decode(base64.trim_ascii()).ok()?;
    (!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(mechanism: Sasl, user: &str, token: &str) -> Credentials {
        Credentials {
            mechanism,
            user: user.into(),
            token: Secret::new(token),
            host: "server.example.com".into(),
            port: 143,
        }
    }

    fn encoded(c: &Credentials) -> Option<String> {
        c.response().map(|s| s.expose().to_owned())
    }

    #[test]
    fn xoauth2_matches_the_documented_vector() {
        let c = credentials(Sasl::Xoauth2, "test@contoso.onmicrosoft.com", "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA");
        assert_eq!(
            encoded(&c).as_deref(),
            Some(
                "dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ=="
            )
        );
    }

    #[test]
    fn oauthbearer_matches_rfc_7628_and_escapes_the_user() {
        let c = credentials(Sasl::OauthBearer, "user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
        assert_eq!(
            encoded(&c).as_deref(),
            Some(
                "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
            )
        );
        let odd = credentials(Sasl::OauthBearer, "a,b=c", "t").response().unwrap();
        let plain = String::from_utf8(STANDARD.decode(odd.expose()).unwrap()).unwrap();
        assert!(plain.starts_with("n,a=a=2Cb=3Dc,\x01"), "{plain:?}");
    }

    #[test]
    fn fields_cannot_be_injected() {
        for (user, token) in [
            ("a\x01b", "t"),
            ("a\r\nb", "t"),
            ("a", "t\x01"),
            ("a", "t\n"),
            ("a\0", "t"),
            ("a\x7f", "t"),
            ("a", "t\x1f"),
        ] {
            assert_eq!(encoded(&credentials(Sasl::Xoauth2, user, token)), None);
            assert_eq!(encoded(&credentials(Sasl::OauthBearer, user, token)), None);
        }
        let host = Credentials { host: "h\x01port=1".into(), ..credentials(Sasl::OauthBearer, "a", "t") };
        assert_eq!(encoded(&host), None);
        assert!(encoded(&credentials(Sasl::Xoauth2, "a b~\u{fc}", "t")).is_some(), "no control byte at all");
    }

    fn claim(turn: Turn) -> (String, String, Option<String>) {
        match turn {
            Turn::Claim(c) => (c.login.clone(), c.password.expose().to_owned(), c.authzid),
            other => panic!("no claim: {other:?}"),
        }
    }

    #[test]
    fn plain_takes_the_authzid_of_libetpan_and_keeps_that_of_somebody_else() {
        let plain = |text: &str| Exchange::start(Mechanism::Plain, Some(STANDARD.encode(text).as_bytes())).1;
        assert_eq!(claim(plain("\0ann\0pw")), ("ann".into(), "pw".into(), None));
        assert_eq!(claim(plain("Ann\0ann\0pw")), ("ann".into(), "pw".into(), None));
        assert_eq!(claim(plain("bob\0ann\0p\0w")), ("ann".into(), "p\0w".into(), Some("bob".into())));
        assert!(matches!(plain("ann\0pw"), Turn::Malformed(_)));
        assert!(matches!(plain("\0an\rn\0pw"), Turn::Malformed(_)));
        assert!(matches!(plain("\0\0pw"), Turn::Malformed(_)));
        assert!(matches!(plain("b\rb\0ann\0pw"), Turn::Malformed(_)));
    }

    #[test]
    fn login_with_the_user_inline_asks_for_the_password_at_once() {
        let (mut exchange, turn) = Exchange::start(Mechanism::Login, Some(b"YW5u"));
        assert!(matches!(turn, Turn::Challenge(LOGIN_PASSWORD_PROMPT)));
        assert_eq!(claim(exchange.respond(b"cHc=")), ("ann".into(), "pw".into(), None));
    }

    #[test]
    fn login_asks_twice_takes_a_star_and_refuses_garbage() {
        let (mut exchange, turn) = Exchange::start(Mechanism::Login, None);
        assert!(matches!(turn, Turn::Challenge(LOGIN_USER_PROMPT)));
        assert!(matches!(exchange.respond(b"YW5u"), Turn::Challenge(LOGIN_PASSWORD_PROMPT)));
        assert!(matches!(exchange.respond(b"*"), Turn::Cancelled));
        let (mut exchange, turn) = Exchange::start(Mechanism::Login, Some(b"="));
        assert!(matches!(turn, Turn::Challenge(LOGIN_USER_PROMPT)));
        assert!(matches!(exchange.respond(b""), Turn::Malformed(_)), "an empty user name");
        assert!(matches!(Exchange::start(Mechanism::Login, Some(b"%%")).1, Turn::Malformed(_)));
    }

    #[test]
    fn an_8_bit_password_is_the_same_in_utf8_and_latin1() {
        assert!(password(b"gr\xfcn").matches(&password("grün".as_bytes())));
    }

    #[test]
    fn the_error_challenge_of_google_is_decoded() {
        let challenge =
            b"eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K";
        assert!(decode_challenge(challenge).is_some_and(|json| json.starts_with(r#"{"status":"401""#)));
        assert_eq!(decode_challenge(b""), None);
        assert_eq!(decode_challenge(b"no base64"), None);
    }
}
