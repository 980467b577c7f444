//! The PROXY protocol header (versions 1 and 2, haproxy.org/download/3.0/doc/proxy-protocol.txt), sans-IO.
//!
//! The parser says how many more bytes may be read without reading past the header, so that what follows (a
//! ClientHello, a command) stays in the socket. Whether a peer may send one at all is the listener's question.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// 2.1: the longest version 1 line, CRLF included.
const LONGEST_LINE: usize = 107;
/// The shortest: `PROXY UNKNOWN CRLF`.
const SHORTEST_LINE: usize = 15;
/// Addresses and TLVs of version 2; real ones stay far below.
const LONGEST_BODY: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// Sent by the proxy itself (health check) or of an unknown family: the socket's own addresses count.
    Local,
    Proxied {
        client: SocketAddr,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// At least so many more bytes belong to the header.
    Need(usize),
    Done(ProxyHeader),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(&'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

/// Parses a header from its first byte on.
pub fn parse(input: &[u8]) -> Result<Parsed, Malformed> {
    if input.is_empty() {
        Ok(Parsed::Need(SHORTEST_LINE))
    } else if starts_alike(input, SIGNATURE) {
        version_2(input)
    } else if starts_alike(input, b"PROXY ") {
        version_1(input)
    } else {
        Err(Malformed("no PROXY header came first"))
    }
}

fn starts_alike(input: &[u8], pattern: &[u8]) -> bool {
    input.iter().zip(pattern).all(|(a, b)| a == b)
}

fn version_1(input: &[u8]) -> Result<Parsed, Malformed> {
    let Some(end) = memchr::memmem::find(input, b"\r\n") else {
        let missing = if input.ends_with(b"\r") { 1 } else { 2 };
        return match input.len() + missing > LONGEST_LINE {
            true => Err(Malformed("the PROXY line is longer than 107 bytes")),
            false => Ok(Parsed::Need(missing.max(SHORTEST_LINE.saturating_sub(input.len())))),
        };
    };
    let line = input.get(..end).and_then(|line| std::str::from_utf8(line).ok());
    let line = line.ok_or(Malformed("the PROXY line is not ASCII"))?;
    let words: Vec<&str> = line.split(' ').collect();
    let client = match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => return Ok(Parsed::Done(ProxyHeader::Local)),
        ["PROXY", "TCP4", from, to, port, to_port] => {
            pair::<Ipv4Addr>(from, to)?;
            number(to_port)?;
            endpoint::<Ipv4Addr>(from, port)?
        }
        ["PROXY", "TCP6", from, to, port, to_port] => {
            pair::<Ipv6Addr>(from, to)?;
            number(to_port)?;
            endpoint::<Ipv6Addr>(from, port)?
        }
        _ => return Err(Malformed("the PROXY line is malformed")),
    };
    Ok(Parsed::Done(ProxyHeader::Proxied { client }))
}

fn pair<A: std::str::FromStr>(from: &str, to: &str) -> Result<(), Malformed> {
    match (from.parse::<A>(), to.parse::<A>()) {
        (Ok(_), Ok(_)) => Ok(()),
        _ => Err(Malformed("an address of the PROXY line is malformed")),
    }
}

fn endpoint<A: std::str::FromStr + Into<IpAddr>>(address: &str, port: &str) -> Result<SocketAddr, Malformed> {
    let address: A = address.parse().map_err(|_| Malformed("an address of the PROXY line is malformed"))?;
    Ok(SocketAddr::new(address.into(), number(port)?))
}

/// A port in plain digits (`u16::from_str` alone would take `+25`).
fn number(word: &str) -> Result<u16, Malformed> {
    let digits = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let port = if digits { word.parse().ok() } else { None };
    port.ok_or(Malformed("a port of the PROXY line is malformed"))
}

fn version_2(input: &[u8]) -> Result<Parsed, Malformed> {
    let Some(&[version_command, family, high, low]) = input.get(12..16) else {
        return Ok(Parsed::Need(16usize.saturating_sub(input.len())));
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST_BODY {
        return Err(Malformed("the PROXY header is longer than 4 KiB"));
    }
    let Some(body) = input.get(16..16 + length) else {
        return Ok(Parsed::Need(16 + length - input.len()));
    };
    let header = match (version_command, family) {
        (0x20, _) | (0x21, 0x00 | 0x31 | 0x32) => ProxyHeader::Local,
        (0x21, 0x11) => proxied(body, 4)?,
        (0x21, 0x21) => proxied(body, 16)?,
        (0x21, _) => return Err(Malformed("the PROXY header is not about TCP")),
        _ => return Err(Malformed("the PROXY header has an unknown version or command")),
    };
    Ok(Parsed::Done(header))
}

/// Source address, destination address, source port, destination port; TLVs follow and are not read.
fn proxied(body: &[u8], width: usize) -> Result<ProxyHeader, Malformed> {
    let short = Malformed("the PROXY header is too short for its addresses");
    let source = body.get(..width).ok_or(short)?;
    let &[high, low] = body.get(2 * width..2 * width + 2).ok_or(short)? else { return Err(short) };
    body.get(..2 * width + 4).ok_or(short)?;
    let address: IpAddr = match (<[u8; 4]>::try_from(source), <[u8; 16]>::try_from(source)) {
        (Ok(v4), _) => v4.into(),
        (_, Ok(v6)) => v6.into(),
        _ => return Err(short),
    };
    Ok(ProxyHeader::Proxied { client: SocketAddr::new(address, u16::from_be_bytes([high, low])) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut out = SIGNATURE.to_vec();
        out.extend([command, family]);
        out.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        out.extend(body);
        out
    }

    fn good() -> Vec<(Vec<u8>, ProxyHeader)> {
        let client = |text: &str| ProxyHeader::Proxied { client: text.parse().unwrap() };
        let v6 = [[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9], [0; 16]].concat();
        vec![
            (b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 587\r\n".to_vec(), client("192.0.2.7:50000")),
            (b"PROXY TCP6 2001:db8::9 2001:db8::1 1 993\r\n".to_vec(), client("[2001:db8::9]:1")),
            (b"PROXY UNKNOWN\r\n".to_vec(), ProxyHeader::Local),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), ProxyHeader::Local),
            (v2(0x21, 0x11, &[192, 0, 2, 7, 192, 0, 2, 1, 0xc3, 0x50, 2, 0x4b]), client("192.0.2.7:50000")),
            (v2(0x21, 0x21, &[v6, vec![0, 1, 3, 0xe1, 4, 0, 1, 0]].concat()), client("[2001:db8::9]:1")),
            (v2(0x20, 0x00, &[]), ProxyHeader::Local),
            (v2(0x21, 0x00, &[1, 2, 3]), ProxyHeader::Local),
        ]
    }

    #[test]
    fn a_header_is_understood_and_cut_anywhere_asks_for_no_byte_beyond_itself() {
        for (header, expected) in good() {
            for cut in 0..header.len() {
                match parse(&header[..cut]) {
                    Ok(Parsed::Need(n)) => assert!(n >= 1 && cut + n <= header.len(), "{header:?} cut at {cut}: {n}"),
                    other => panic!("{header:?} cut at {cut}: {other:?}"),
                }
            }
            assert_eq!(parse(&header), Ok(Parsed::Done(expected)), "{header:?}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        let bad: [&[u8]; 9] = [
            b"EHLO example\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 50000\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 70000 587\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 +25 587\r\n",
            b"PROXY TCP4 2001:db8::9 192.0.2.1 25 587\r\n",
            b"PROXY  TCP4 192.0.2.7 192.0.2.1 1 2\r\n",
            &long,
            &v2(0x31, 0x11, &[0; 12]),
            &v2(0x21, 0x11, &[0; 11]),
        ];
        for header in bad {
            assert!(parse(header).is_err(), "{}", header.escape_ascii());
        }
        assert!(parse(&v2(0x21, 0x11, &[0; 5000])).is_err());
    }
}
