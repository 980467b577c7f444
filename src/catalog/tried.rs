//! What `curl -v` shows of a way that somebody tried by hand, as the steps of the catalogue tell them to: how far it led.
//!
//! A time-out behind the proxy's yes is no failure: curl waits for whoever types. What stands on either side of that yes tells it,
//! so the lines are read in their order. It refuses what else a program says, above all of TLS: the rows of the data know that.

use super::{
    Entry,
    own::{PROXY_FORBIDS, PROXY_LOGIN_REFUSED, PROXY_NO_WAY, PROXY_PORTAL, PROXY_SCHEME_UNKNOWN, PROXY_UNREACHABLE},
};

/// Ahead of the number with which a proxy answers, in lines of curl of any year and of OpenSSL.
const ANSWERED: [&str; 5] = [
    "connect tunnel established, response ",
    "connect tunnel failed, response ",
    "received http code ",
    "proxy replied ",
    "http connect failed, reason= ",
];
/// The same of SOCKS, which has no number of HTTP.
const GRANTED: &str = "socks5 request granted";
/// Of HTTP: no server answers so, but a proxy.
const WANTS_LOGIN: u16 = 407;
/// As proxies say yes, and web servers do not.
const ESTABLISHED: &str = "connection established";
/// A proxy was asked.
const ASKED: [&str; 3] = ["> connect ", "establish http proxy tunnel", "socks5 connect to "];
/// A connection came about, to the first on the way.
const CONNECTED: [&str; 2] = ["* connected to", "* established connection to"];
/// One on which TLS began.
const OF_TLS: &str = "tls handshake";
/// With the name under which curl and Gatepost list what a proxy takes for a login.
const OFFERS: [&str; 2] = ["proxy-authenticate:", "; it asks for "];
/// As servers of mail begin.
const GREETINGS: [&str; 4] = ["220", "* ok", "* preauth", "+ok"];
/// As pages begin.
const PAGES: [&str; 4] = ["http/1.", "http/2", "<html", "<!doctype html"];
/// By numbers of curl (libcurl-errors(3)).
const NO_CONNECTION: u16 = 7;
const SPEAKS_NO_HTTP: u16 = 1;
const TOO_LATE: u16 = 28;
const BROKEN: [u16; 3] = [52, 55, 56];
/// The handshake with a proxy failed, in whichever way.
const PROXY_FAILED: u16 = 97;
/// Of the program that waits for whoever types, and of nothing that never had a connection.
const WAITED: &str = "time-out";
/// Where nobody has a proxy: mail, the web, and what is ours where nothing else is configured.
const OF_SERVERS: [u16; 12] = [25, 110, 143, 443, 465, 587, 993, 995, 1587, 1993, 1995, 8425];

/// How far the way led.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    /// To the end; `by_proxy`: a proxy let it through.
    Open {
        by_proxy: bool,
    },
    /// Nobody refused it, and nobody said a word.
    Silenced {
        by_proxy: bool,
    },
    Fails(&'static [&'static Entry]),
}

/// `None`: the text shows no such attempt, or says more than how far it led.
pub fn tried(text: &str) -> Option<Way> {
    let lower = text.to_lowercase();
    let lines: Vec<&str> = lower.split(['\n', '\r']).map(without_meter).filter(|line| !line.is_empty()).collect();
    let (mut is_asked, mut is_told, mut answer) = (false, false, None);
    for (at, line) in lines.iter().enumerate() {
        let told = told_answer(line);
        if told.is_some() || (!is_told && is_answer(line, is_asked)) {
            answer = told.or_else(|| code_of(line)).map(|code| (at, code)).or(answer);
            is_told |= told.is_some();
        } else if ASKED.iter().any(|asked| line.contains(asked)) {
            (is_asked, is_told) = (true, false);
        }
    }
    match answer {
        Some((at, 200..=299)) => behind(lines.get(at + 1..)?, true),
        Some((_, code)) => Some(Way::Fails(refused(code, &offers(&lines)))),
        None => unanswered(&lines, is_asked),
    }
}

/// What a proxy means that does not let through: `code` of its answer, and what it takes for a login, where it says so.
pub fn refused(code: u16, offers: &str) -> &'static [&'static Entry] {
    match code {
        401 | 407 if offers.is_empty() || offers.to_ascii_lowercase().contains("basic") => &[PROXY_LOGIN_REFUSED],
        401 | 407 => &[PROXY_SCHEME_UNKNOWN],
        // RFC 6585 6, and what sends a browser to such a page.
        300..=399 | 511 => &[PROXY_PORTAL],
        // What the proxy cannot do or does not know, rather than could not do now.
        500 | 502..=504 | 506.. | 408 | 429 => &[PROXY_NO_WAY],
        _ => &[PROXY_FORBIDS],
    }
}

/// Host and port to which a program got no connection, where it names them: `Failed to connect to proxy.example port 3128`.
pub fn not_reached(text: &str) -> Option<(&str, u16)> {
    let behind = text.split_once("curl: (7) Failed to connect to ")?.1;
    let mut words = behind.split_ascii_whitespace();
    let (host, port, number) = (words.next()?, words.next()?, words.next()?);
    (port == "port").then(|| Some((host, number.parse().ok()?)))?
}

/// Whether a proxy may listen there.
pub fn may_be_proxy(port: u16) -> bool {
    !OF_SERVERS.contains(&port)
}

/// The figures of the progress share their line with what comes next.
fn without_meter(line: &str) -> &str {
    let is_of_meter = |c: char| c.is_ascii_digit() || " :.-km".contains(c);
    let line = line.trim();
    let bare = line.trim_start_matches(is_of_meter);
    let is_mark = line.contains("--:--") && ["* ", "< ", "> "].iter().any(|mark| bare.starts_with(mark));
    if is_mark { bare } else { line }
}

/// In a sentence of curl's own.
fn told_answer(line: &str) -> Option<u16> {
    if line.contains(GRANTED) {
        return Some(200);
    }
    let behind = ANSWERED.iter().find_map(|mark| Some(line.split_once(mark)?.1))?;
    if behind.starts_with("ok to connect") { Some(200) } else { number(behind) }
}

/// The line itself; of a proxy it is where one was asked, or where nobody else says so.
fn is_answer(line: &str, is_asked: bool) -> bool {
    let status = line.trim_start_matches("< ");
    let is_of_proxy =
        |code| (is_asked && line.starts_with("< ")) || status.contains(ESTABLISHED) || code == WANTS_LOGIN;
    code_of(line).is_some_and(is_of_proxy)
}

/// `< HTTP/1.1 407 Proxy Authentication Required`, and `HTTP 407 ...` of ours, which stands behind other words.
fn code_of(line: &str) -> Option<u16> {
    let status = line.trim_start_matches("< ").strip_prefix("http/").and_then(|status| status.split_once(' '));
    status.map_or_else(|| line.contains("http 407").then_some(WANTS_LOGIN), |(_, code)| number(code))
}

fn number(text: &str) -> Option<u16> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok().filter(|code| (100..600).contains(code))
}

fn offers(lines: &[&str]) -> String {
    let behind = |line: &&str| {
        OFFERS.iter().find_map(|mark| {
            let offered = line.split_once(mark)?.1;
            // What we say of ourselves behind that.
            Some(offered.split(", and gatepost speaks ").next().unwrap_or_default().to_owned())
        })
    };
    lines.iter().filter_map(behind).collect::<Vec<_>>().join(", ")
}

/// Behind the yes of a proxy, or without one behind the connection itself.
fn behind(lines: &[&str], by_proxy: bool) -> Option<Way> {
    let begins = |line: &&str, begins: &[&str]| begins.iter().any(|begin| line.starts_with(begin));
    let (error, is_tls) = (error(lines), lines.iter().any(|line| line.contains(OF_TLS)));
    if !is_tls && lines.iter().any(|line| begins(&line.trim_start_matches("< "), &PAGES)) {
        return by_proxy.then_some(Way::Fails(&[PROXY_PORTAL]));
    }
    let is_greeted = lines.iter().any(|line| begins(line, &GREETINGS));
    match error {
        Some(TOO_LATE | SPEAKS_NO_HTTP) => Some(Way::Open { by_proxy }),
        None if is_greeted || is_tls => Some(Way::Open { by_proxy }),
        Some(code) if BROKEN.contains(&code) && is_greeted => Some(Way::Open { by_proxy }),
        Some(code) if BROKEN.contains(&code) => Some(Way::Silenced { by_proxy }),
        None if lines.iter().any(|line| line.contains("left intact") || line.contains("closing connection")) => {
            Some(Way::Silenced { by_proxy })
        }
        None if by_proxy => Some(Way::Open { by_proxy }),
        _ => None,
    }
}

fn unanswered(lines: &[&str], is_asked: bool) -> Option<Way> {
    let has = |word: &str| lines.iter().any(|line| line.contains(word));
    let names_proxy = |line: &&&str| line.contains("proxy") && !line.contains("no_proxy");
    let is_through = is_asked || lines.iter().any(|line| names_proxy(&line)) || has(" -x ");
    let connected = lines.iter().position(|line| CONNECTED.iter().any(|mark| line.starts_with(mark)));
    let waited = lines.iter().any(|line| line.strip_prefix("curl: (28) ") == Some(WAITED));
    match error(lines) {
        Some(NO_CONNECTION) if is_through => Some(Way::Fails(&[PROXY_UNREACHABLE])),
        Some(TOO_LATE) if waited => Some(Way::Open { by_proxy: false }),
        Some(TOO_LATE) if has(OF_TLS) => None,
        Some(TOO_LATE) if is_through || (connected.is_some() && has("connection timed out")) => {
            Some(Way::Fails(&[PROXY_UNREACHABLE]))
        }
        Some(code) if is_asked && BROKEN.contains(&code) => Some(Way::Fails(&[PROXY_UNREACHABLE])),
        Some(PROXY_FAILED) if lines.iter().all(|line| line.trim_end() == "curl: (97)") => {
            Some(Way::Fails(&[PROXY_UNREACHABLE, PROXY_LOGIN_REFUSED, PROXY_FORBIDS, PROXY_NO_WAY]))
        }
        None | Some(SPEAKS_NO_HTTP) => behind(lines.get(connected? + 1..)?, false),
        _ => None,
    }
}

/// `curl: (28) ...`, the last one.
fn error(lines: &[&str]) -> Option<u16> {
    lines.iter().rev().find_map(|line| line.strip_prefix("curl: (")?.split_once(')')?.0.parse().ok())
}
