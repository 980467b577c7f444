//! Why a TLS handshake failed, in words that tell an operator whose turn it is.

use std::{fmt, io};

use rustls::{AlertDescription, CertificateError, Error as Tls, InvalidMessage, PeerIncompatible};

use crate::base::printable;

/// What to do about a failed handshake depends on this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFaultKind {
    /// The peer speaks TLS 1.1 at most; rustls begins at 1.2.
    TooOld,
    /// Plain bytes where TLS was due.
    NotTls,
    /// The peer does not trust our certificate.
    Distrusted,
    /// The peer takes our certificate for one that has ended.
    Ended,
    /// The peer's certificate is refused by us: unknown issuer, wrong name, expired.
    Certificate,
    Timeout,
    /// The peer hung up in the middle.
    Closed,
    /// Plain bytes were already read behind STARTTLS: an injection or a confused peer.
    Injected,
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFault {
    pub kind: TlsFaultKind,
    /// For the log; control bytes are escaped.
    pub what: String,
}

impl TlsFault {
    pub(super) fn new(kind: TlsFaultKind, what: impl AsRef<str>) -> Self {
        Self { kind, what: printable(what.as_ref(), 400) }
    }

    pub(super) fn timeout() -> Self {
        Self::new(TlsFaultKind::Timeout, "the TLS handshake did not end in time")
    }

    /// The client begins TLS, and the server a greeting: whoever says nothing waits for that.
    pub(super) fn no_hello() -> Self {
        Self::new(
            TlsFaultKind::NotTls,
            "the client waited for a greeting where TLS is spoken from the first byte: turn TLS on in it",
        )
    }

    pub(super) fn injected(bytes: usize) -> Self {
        Self::new(TlsFaultKind::Injected, format!("{bytes} plain bytes came before the TLS handshake; refused"))
    }

    /// First bytes of a peer that should have sent a ClientHello.
    pub(super) fn not_hello(first: &[u8]) -> Self {
        match first {
            // An SSL 2 compatible hello: two bytes of length, then message type 1.
            [length, _, 1, ..] if length & 0x80 != 0 => {
                Self::new(TlsFaultKind::TooOld, "the client offers SSL 2/3 at most: use a plain listener for it")
            }
            _ => {
                let line = first.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
                let verb = line.split(|b| *b == b' ').next().unwrap_or_default();
                let verb = printable(&String::from_utf8_lossy(verb), 16);
                Self::new(
                    TlsFaultKind::NotTls,
                    format!(
                        "the client sent plain \"{verb}\" where TLS is spoken from the first byte: turn TLS on in it"
                    ),
                )
            }
        }
    }

    /// A handshake that we answered.
    pub(super) fn of_client(error: &io::Error) -> Self {
        let Some(tls) = rustls_error(error) else { return Self::of_transport(error) };
        match tls {
            Tls::PeerIncompatible(
                PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::SupportedVersionsExtensionRequired
                // Came with TLS 1.2; rustls misses it before it looks at the version.
                | PeerIncompatible::SignatureAlgorithmsExtensionRequired,
            ) => Self::new(TlsFaultKind::TooOld, "the client offers TLS 1.1 at most: use a plain listener for it"),
            Tls::PeerIncompatible(why) => {
                Self::new(TlsFaultKind::TooOld, format!("the client offers no common cipher or key exchange ({why:?})"))
            }
            Tls::AlertReceived(AlertDescription::CertificateExpired) => Self::new(
                TlsFaultKind::Ended,
                "the client takes our certificate for one that has ended: renew it, or set the clock of the client",
            ),
            Tls::AlertReceived(alert) if distrust(*alert) => Self::new(
                TlsFaultKind::Distrusted,
                format!(
                    "the client does not trust our certificate (alert {alert:?}): import it there, or use one it knows"
                ),
            ),
            Tls::InvalidMessage(InvalidMessage::InvalidContentType) => {
                Self::new(TlsFaultKind::NotTls, "the client sent plain bytes instead of a TLS handshake")
            }
            other => Self::new(TlsFaultKind::Other, other.to_string()),
        }
    }

    /// A handshake that we began.
    pub(super) fn of_server(error: &io::Error) -> Self {
        let Some(tls) = rustls_error(error) else { return Self::of_transport(error) };
        match tls {
            // webpki's own words, for example of a certificate that is an authority and a server at once.
            Tls::InvalidCertificate(CertificateError::Other(why)) => Self::new(
                TlsFaultKind::Certificate,
                format!("the server's certificate is refused: {why}; ca-file names authorities, not servers"),
            ),
            Tls::InvalidCertificate(why) => {
                Self::new(TlsFaultKind::Certificate, format!("the server's certificate is refused: {why}"))
            }
            Tls::NoCertificatesPresented => Self::new(TlsFaultKind::Certificate, "the server presented no certificate"),
            Tls::PeerIncompatible(_) | Tls::AlertReceived(AlertDescription::ProtocolVersion) => {
                Self::new(TlsFaultKind::TooOld, format!("the server does not offer TLS 1.2 or 1.3 ({tls})"))
            }
            Tls::InvalidMessage(InvalidMessage::InvalidContentType) => {
                Self::new(TlsFaultKind::NotTls, "the server answered in plain text instead of TLS")
            }
            other => Self::new(TlsFaultKind::Other, other.to_string()),
        }
    }

    fn of_transport(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Self::new(TlsFaultKind::Closed, "the peer hung up during the TLS handshake")
            }
            _ => Self::new(TlsFaultKind::Other, error.to_string()),
        }
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for TlsFault {}

fn rustls_error(error: &io::Error) -> Option<&Tls> {
    error.get_ref()?.downcast_ref::<Tls>()
}

/// RFC 8446 6.2: the alerts by which a client says that the certificate is not to its liking.
fn distrust(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate
    )
}
