//! What a client says it is, and what it is given: a claim in, a bearer out.

use std::fmt;

use super::Secret;

/// The three protocols that Gatepost speaks on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    Smtp,
    Imap,
    Pop3,
}

impl Protocol {
    pub const ALL: [Protocol; 3] = [Protocol::Smtp, Protocol::Imap, Protocol::Pop3];

    pub const fn as_str(self) -> &'static str {
        match self {
            Protocol::Smtp => "smtp",
            Protocol::Imap => "imap",
            Protocol::Pop3 => "pop3",
        }
    }

    /// Whose servers listen there, and whether they begin in plain text (RFC 8314 3, RFC 6409 3.1).
    pub const fn of_port(port: u16) -> Option<(Self, bool)> {
        match port {
            25 | 587 => Some((Protocol::Smtp, true)),
            143 => Some((Protocol::Imap, true)),
            110 => Some((Protocol::Pop3, true)),
            465 => Some((Protocol::Smtp, false)),
            993 => Some((Protocol::Imap, false)),
            995 => Some((Protocol::Pop3, false)),
            _ => None,
        }
    }

    /// Of ours, where nothing else is said: that of its servers plus 1000.
    pub const fn port_of_ours(self) -> u16 {
        match self {
            Protocol::Smtp => 1587,
            Protocol::Imap => 1993,
            Protocol::Pop3 => 1995,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The SASL mechanism that carries the token upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sasl {
    /// Microsoft, Google, Yahoo: `user=... ^A auth=Bearer ... ^A^A`.
    Xoauth2,
    /// RFC 7628, where the provider wants it.
    OauthBearer,
}

impl Sasl {
    pub const fn as_str(self) -> &'static str {
        match self {
            Sasl::Xoauth2 => "XOAUTH2",
            Sasl::OauthBearer => "OAUTHBEARER",
        }
    }
}

/// Complete credentials as a client typed them, not yet checked.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Who wants in, as typed (user names are matched in any case).
    pub login: String,
    pub password: Secret,
    /// SASL authorization identity where it differs from `login`; anyone else's is refused (RFC 4616, 2).
    pub authzid: Option<String>,
    /// How it was said: a SASL mechanism, or the protocol's own command.
    pub mechanism: &'static str,
}

/// A short-lived access token and the number of the fetch that brought it.
///
/// A session can get nothing else: no refresh token, no client secret.
#[derive(Clone, Debug)]
pub struct Bearer {
    pub token: Secret,
    /// Counts fetches of one sign-in; "the upstream refused generation 7" names one token.
    pub generation: u64,
}
