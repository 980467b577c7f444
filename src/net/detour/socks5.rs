//! Asks a SOCKS5 proxy for a connection (RFC 1928), with user and password where it wants them (RFC 1929).
//!
//! Names go to the proxy as names: it resolves them. Each answer is cut at its own length, so that what the far side
//! said already stays untouched. Refused: answers of other versions, and ways to log in that were not offered.

use std::net::IpAddr;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use zeroize::Zeroizing;

use super::{Answer, ProxyTrouble, Refused, proxy::ProxyLogin};
use crate::{
    base::printable,
    wire::{Breach, Machine, Step, Violation},
};

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NOTHING_FITS: u8 = 0xff;
const CONNECT: u8 = 1;
/// Address types.
const V4: u8 = 1;
const NAME: u8 = 3;
const V6: u8 = 4;

pub struct Socks5 {
    said: Option<Bytes>,
    heard: BytesMut,
    turn: Turn,
    login: Option<ProxyLogin>,
    request: Bytes,
}

/// Whose answer is awaited.
#[derive(Clone, Copy)]
enum Turn {
    Method,
    Login,
    Reply,
    Over,
}

impl Socks5 {
    /// `None`: the name is longer than SOCKS can say.
    pub fn new(host: &str, port: u16, login: Option<&ProxyLogin>) -> Option<Self> {
        let request = request(host, port)?;
        let hello: &'static [u8] = match login {
            None => &[VERSION, 1, NO_LOGIN],
            Some(_) => &[VERSION, 2, NO_LOGIN, USER_AND_PASSWORD],
        };
        let said = Some(Bytes::from_static(hello));
        Some(Self { said, heard: BytesMut::new(), turn: Turn::Method, login: login.cloned(), request })
    }

    fn method(&mut self) -> Result<Option<Answer>, Violation> {
        let [version, method] = take(&self.heard)?;
        if version != VERSION {
            return Err(no_socks(&self.heard));
        }
        self.heard.advance(2);
        match (method, &self.login) {
            (NO_LOGIN, _) => self.ask(),
            (USER_AND_PASSWORD, Some(login)) => {
                self.said = Some(credentials(login));
                self.turn = Turn::Login;
            }
            (NOTHING_FITS, None) => {
                return Ok(self.over(ProxyTrouble::NoLogin, "it takes nobody without a user and password"));
            }
            (NOTHING_FITS, Some(_)) => return Ok(self.over(ProxyTrouble::Login, "it takes no user and password")),
            (other, _) => {
                return Err(Violation::new(format!("it chose way {other} to log in, which was not offered")));
            }
        }
        Ok(None)
    }

    fn verdict(&mut self) -> Result<Option<Answer>, Violation> {
        // The version of this exchange is its own, and servers are known to repeat the other one.
        let [_, status] = take(&self.heard)?;
        self.heard.advance(2);
        if status == 0 {
            self.ask();
            return Ok(None);
        }
        let user = self.login.as_ref().map(|login| printable(&login.user, 80)).unwrap_or_default();
        Ok(self.over(ProxyTrouble::Login, format!("it refuses the password of the user {user}")))
    }

    fn reply(&mut self) -> Result<Option<Answer>, Violation> {
        let [version, reply] = take(&self.heard)?;
        if version != VERSION {
            return Err(no_socks(&self.heard));
        }
        if reply != 0 {
            let (trouble, what) = refusal(reply);
            return Ok(self.over(trouble, what));
        }
        // The address behind it says nothing that anybody needs, but it has to be taken out of the way.
        let [.., kind, first] = take::<5>(&self.heard)?;
        let length = match kind {
            V4 => 4,
            V6 => 16,
            NAME => 1 + usize::from(first),
            other => return Err(Violation::new(format!("its answer holds an address of unknown type {other}"))),
        };
        let whole = 4 + length + 2;
        if self.heard.len() < whole {
            return Err(SHORT);
        }
        self.heard.advance(whole);
        self.turn = Turn::Over;
        Ok(Some(Answer::Open))
    }

    fn ask(&mut self) {
        self.said = Some(self.request.clone());
        self.turn = Turn::Reply;
    }

    fn over(&mut self, trouble: ProxyTrouble, what: impl Into<String>) -> Option<Answer> {
        self.turn = Turn::Over;
        Some(Answer::Refused(Refused { trouble, what: what.into() }))
    }
}

impl Machine for Socks5 {
    type Event = Answer;

    fn feed(&mut self, bytes: &[u8]) {
        self.heard.extend_from_slice(bytes);
    }

    fn step(&mut self) -> Result<Step<Answer>, Violation> {
        loop {
            if let Some(said) = self.said.take() {
                return Ok(Step::Write(said));
            }
            let answered = match self.turn {
                Turn::Method => self.method(),
                Turn::Login => self.verdict(),
                Turn::Reply => self.reply(),
                Turn::Over => return Ok(Step::Read),
            };
            match answered {
                Ok(Some(answer)) => return Ok(Step::Event(answer)),
                Ok(None) => {}
                Err(violation) if violation == SHORT => return Ok(Step::Read),
                Err(violation) => return Err(violation),
            }
        }
    }

    fn into_unread(self) -> BytesMut {
        self.heard
    }
}

/// No violation: more has to come first.
const SHORT: Violation = Violation { what: std::borrow::Cow::Borrowed(""), farewell: None, breach: Breach::Grammar };

fn take<const N: usize>(heard: &BytesMut) -> Result<[u8; N], Violation> {
    heard.first_chunk().copied().ok_or(SHORT)
}

fn request(host: &str, port: u16) -> Option<Bytes> {
    let mut request = BytesMut::with_capacity(host.len() + 7);
    request.extend_from_slice(&[VERSION, CONNECT, 0]);
    match host.parse() {
        Ok(IpAddr::V4(ip)) => {
            request.put_u8(V4);
            request.extend_from_slice(&ip.octets());
        }
        Ok(IpAddr::V6(ip)) => {
            request.put_u8(V6);
            request.extend_from_slice(&ip.octets());
        }
        Err(_) => {
            request.put_u8(NAME);
            request.put_u8(u8::try_from(host.len()).ok()?);
            request.extend_from_slice(host.as_bytes());
        }
    }
    request.put_u16(port);
    Some(request.freeze())
}

fn credentials(login: &ProxyLogin) -> Bytes {
    let mut said = Zeroizing::new(vec![1]);
    for text in [login.user.as_str(), login.password.expose()] {
        // Both fit: a longer one is refused where the URL is read.
        said.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        said.extend_from_slice(text.as_bytes().get(..usize::from(u8::MAX)).unwrap_or(text.as_bytes()));
    }
    Bytes::from_owner(said)
}

/// RFC 1928 6.
fn refusal(reply: u8) -> (ProxyTrouble, String) {
    let (trouble, what) = match reply {
        1 => (ProxyTrouble::NoWay, "general failure of the proxy"),
        2 => (ProxyTrouble::Forbids, "not allowed by its rules"),
        3 => (ProxyTrouble::NoWay, "the network is unreachable from it"),
        4 => (ProxyTrouble::NoWay, "the host is unreachable from it, or it does not know the name"),
        5 => (ProxyTrouble::NoWay, "the connection was refused there"),
        6 => (ProxyTrouble::NoWay, "no answer from there in time"),
        7 => (ProxyTrouble::Forbids, "it does not make connections (CONNECT)"),
        8 => (ProxyTrouble::NoWay, "it does not take addresses of this type"),
        _ => (ProxyTrouble::NoWay, "a reason that RFC 1928 does not know"),
    };
    (trouble, format!("SOCKS reply {reply}: {what}"))
}

fn no_socks(said: &[u8]) -> Violation {
    match said {
        [0x48, ..] => Violation::new("it is no SOCKS5 proxy; what answers in HTTP is written http://"),
        [0, ..] => Violation::new("it is a SOCKS4 proxy, which takes no passwords and no names; SOCKS5 is needed"),
        _ => Violation::new(format!(
            "it is no SOCKS5 proxy: it said \"{}\"",
            printable(&String::from_utf8_lossy(said), 80)
        )),
    }
}
