//! Asks an HTTP proxy for a tunnel: one CONNECT, one header in answer (RFC 9110 9.3.6).
//!
//! The header is bounded, and nothing behind it is touched: those bytes are the far side's already. A success is any
//! 2xx, whatever its other lines say; everything else is told with the status, the reason and what the proxy adds.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Buf, Bytes, BytesMut};
use zeroize::Zeroizing;

use super::{Answer, ProxyTrouble, Refused, proxy::ProxyLogin};
use crate::{
    base::printable,
    catalog::tried::refused,
    wire::{Machine, Step, Violation},
};

/// Of the header, all interim answers included.
const HEADER_CAP: usize = 16 * 1024;
const MOST_FIELDS: usize = 100;

pub struct Connect {
    request: Option<Bytes>,
    answer: BytesMut,
    /// Of interim answers, which are gone.
    passed: usize,
    user: Option<String>,
    is_over: bool,
}

impl Connect {
    /// `target` is `host:port`.
    pub fn new(target: &str, login: Option<&ProxyLogin>) -> Self {
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        request.push_str(concat!("User-Agent: gatepost/", env!("CARGO_PKG_VERSION"), "\r\n"));
        let mut request = Zeroizing::new(request);
        if let Some(login) = login {
            let pair = Zeroizing::new(format!("{}:{}", login.user, login.password.expose()));
            let field = Zeroizing::new(format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(pair.as_bytes())));
            request = Zeroizing::new([request.as_str(), field.as_str()].concat());
        }
        let request = Zeroizing::new([request.as_bytes(), b"\r\n"].concat());
        Self {
            request: Some(Bytes::from_owner(request)),
            answer: BytesMut::new(),
            passed: 0,
            user: login.map(|login| login.user.clone()),
            is_over: false,
        }
    }

    fn refused(&self, code: u16, reply: &httparse::Response<'_, '_>) -> Refused {
        // Several lines of one name are one list (RFC 9110 5.3): a proxy that speaks more than Basic has a line for each.
        let field = |name: &str| {
            let all = reply.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
            let all: Vec<_> = all.map(|field| String::from_utf8_lossy(field.value)).collect();
            Some(printable(&all.join(", "), 200)).filter(|value| !value.is_empty())
        };
        let mut what = format!("HTTP {code} {}", printable(reply.reason.unwrap_or_default(), 80)).trim_end().to_owned();
        let offers = field("proxy-authenticate").unwrap_or_default();
        let meant = refused(code, &offers);
        let login = if self.user.is_some() { ProxyTrouble::Login } else { ProxyTrouble::NoLogin };
        let others = [ProxyTrouble::Scheme, ProxyTrouble::Portal, ProxyTrouble::NoWay, ProxyTrouble::Forbids];
        let is_meant = |trouble: &ProxyTrouble| meant.iter().any(|entry| entry.id == trouble.entry().id);
        let trouble = others.into_iter().find(is_meant).unwrap_or(login);
        if matches!(trouble, ProxyTrouble::Login | ProxyTrouble::NoLogin | ProxyTrouble::Scheme) {
            if let Some(user) = &self.user {
                what.push_str(&format!("; the user is {}", printable(user, 80)));
            }
            if !offers.is_empty() {
                what.push_str(&format!("; it asks for {offers}"));
            }
            if trouble == ProxyTrouble::Scheme {
                what.push_str(", and Gatepost speaks Basic alone");
            }
        }
        if let (ProxyTrouble::Portal, Some(page)) = (trouble, field("location")) {
            what.push_str(&format!("; it leads to {page}"));
        }
        if let Some(word) = field("x-squid-error") {
            what.push_str(&format!("; {word}"));
        }
        Refused { trouble, what }
    }
}

impl Machine for Connect {
    type Event = Answer;

    fn feed(&mut self, bytes: &[u8]) {
        self.answer.extend_from_slice(bytes);
    }

    fn step(&mut self) -> Result<Step<Answer>, Violation> {
        if let Some(request) = self.request.take() {
            return Ok(Step::Write(request));
        }
        loop {
            if self.is_over || self.answer.is_empty() {
                return Ok(Step::Read);
            }
            let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
            let mut reply = httparse::Response::new(&mut fields);
            let parsed = reply.parse(&self.answer);
            let code = reply.code.unwrap_or_default();
            match parsed {
                Ok(httparse::Status::Partial) if self.passed + self.answer.len() > HEADER_CAP => {
                    return Err(Violation::new("the header of its answer has no end"));
                }
                Ok(httparse::Status::Partial) => return Ok(Step::Read),
                Ok(httparse::Status::Complete(length)) if (100..200).contains(&code) => {
                    self.answer.advance(length);
                    self.passed += length;
                    if self.passed > HEADER_CAP {
                        return Err(Violation::new("its interim answers have no end"));
                    }
                }
                Ok(httparse::Status::Complete(length)) => {
                    self.is_over = true;
                    if (200..300).contains(&code) {
                        self.answer.advance(length);
                        return Ok(Step::Event(Answer::Open));
                    }
                    return Ok(Step::Event(Answer::Refused(self.refused(code, &reply))));
                }
                Err(error) => return Err(no_http(&self.answer, error)),
            }
        }
    }

    fn into_unread(self) -> BytesMut {
        self.answer
    }
}

fn no_http(said: &[u8], error: httparse::Error) -> Violation {
    match said.first() {
        Some(0x15 | 0x16) => Violation::new("it speaks TLS, and http:// is without"),
        Some(0x00 | 0x05) => Violation::new("it is no HTTP proxy; SOCKS is written socks5://"),
        _ if error == httparse::Error::TooManyHeaders => Violation::new("the header of its answer has too many fields"),
        _ => {
            let first = said.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let first = printable(&String::from_utf8_lossy(first), 80);
            Violation::new(format!("it is no HTTP proxy: it said \"{first}\""))
        }
    }
}
