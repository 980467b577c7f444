//! What `curl -v` shows of a way that somebody tried by hand, as the steps of the catalogue tell them to: how far it led.
//!
//! A time-out behind the proxy's yes is no failure: curl waits for whoever types. What stands on either side of that yes tells it,
//! so the lines are read in their order. What stands behind the way, without the bare numbers with which curl ends, is handed on:
//! a fault that the data know in it goes before the way, which is told only where the text says nothing more.

use super::{
    Entry,
    own::{
        PROXY_FORBIDS, PROXY_LOGIN_REFUSED, PROXY_NO_WAY, PROXY_PORTAL, PROXY_SCHEME_UNKNOWN, PROXY_UNREACHABLE,
        UPSTREAM_TLS_FAILED,
    },
};
use crate::base::Protocol;

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
/// With these the way ends, whatever was said on it.
const ENDS: [u16; 5] = [NO_CONNECTION, TOO_LATE, 52, 55, 56];
/// As curl says the same ahead of them, or alone.
const ENDED: [&str; 6] = [
    "* recv failure: ",
    "* send failure: ",
    "* empty reply from server",
    "* time-out",
    "* operation timed out after ",
    "* connection timed out after ",
];
/// Of a layer that has faults of its own, whatever number stands ahead of it.
const OF_A_LAYER: [&str; 2] = ["ssl", "tls"];
/// Ahead of what one side ends TLS with.
const ALERT: &str = "tls alert, ";
/// With which TLS ends well.
const FAREWELL: &str = "close notify";
/// The handshake with a proxy failed, in whichever way.
const PROXY_FAILED: u16 = 97;
/// Of the program that waits for whoever types, and of nothing that never had a connection.
const WAITED: &str = "time-out";
/// Of the web, and of our console where nothing else is configured.
const OF_PAGES: [u16; 2] = [443, 8425];

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

/// How far it led, and what was said there.
#[derive(Debug)]
pub struct Tried {
    pub way: Way,
    /// Line by line, without how curl ends.
    pub behind: String,
    /// The line that says to whom a connection came about, where no proxy was in between.
    pub connected: Option<String>,
}

/// `None`: the text shows no such attempt.
pub fn tried(text: &str) -> Option<Tried> {
    let as_typed: Vec<&str> = text.split(['\n', '\r']).map(without_meter).filter(|line| !line.is_empty()).collect();
    let lower: Vec<String> = as_typed.iter().map(|line| line.to_lowercase()).collect();
    let lines: Vec<&str> = lower.iter().map(String::as_str).collect();
    let (is_asked, answer) = answer(&lines);
    let connected = lines.iter().position(|line| CONNECTED.iter().any(|mark| line.starts_with(mark)));
    let (way, begin) = match answer {
        Some((at, 200..=299)) => (behind(lines.get(at + 1..)?, true)?, at + 1),
        // What a proxy says of its no is the proxy's.
        Some((_, code)) => (Way::Fails(refused(code, &offers(&lines))), lines.len()),
        None => (unanswered(&lines, is_asked, connected)?, connected.map_or(0, |at| at + 1)),
    };
    let straight = connected.filter(|_| answer.is_none());
    let connected = straight.and_then(|at| as_typed.get(at)).map(|line| (*line).to_owned());
    Some(Tried { way, behind: without_end(as_typed.get(begin..)?), connected })
}

/// Whether a proxy was asked, and the place and number of what it answered.
fn answer(lines: &[&str]) -> (bool, Option<(usize, u16)>) {
    if let Some(code) = alone(lines) {
        return (true, Some((0, code)));
    }
    let (mut is_asked, mut is_told, mut answer) = (false, false, None);
    for (at, line) in lines.iter().enumerate() {
        let told = told_answer(line);
        if told.is_some() || (!is_told && is_answer(line, is_asked)) {
            let code = told.or_else(|| code_of(line));
            answer = code.map(|code| (at, code)).or(answer);
            // Behind its yes others speak.
            is_told |= told.is_some() || matches!(code, Some(200..=299));
        } else if ASKED.iter().any(|asked| line.contains(asked)) {
            (is_asked, is_told) = (true, false);
        }
    }
    (is_asked, answer)
}

/// Of a line that somebody copied out of such an attempt: what our steps ask is a proxy, and no server of today refuses in HTTP/1.0
/// or 1.1 but one in between.
fn alone(lines: &[&str]) -> Option<u16> {
    let [line] = lines else { return None };
    let is_refused = |code: &u16| matches!(code, 403 | 502..=504 | 511);
    let status = line.trim_start_matches("< ");
    code_of(line).filter(|code| is_refused(code) && status.starts_with("http/1."))
}

/// What servers said, and curl of TLS. What curl sent is nobody's answer.
fn without_end(lines: &[&str]) -> String {
    let bare = lines.iter().filter_map(|line| bare_end(line)).collect::<Vec<_>>();
    let is_of_end = |line: &str| {
        let lower = line.to_lowercase();
        let is_same = line.strip_prefix("* ").is_some_and(|said| bare.contains(&said));
        bare_end(line).is_some() || is_same || ENDED.iter().any(|ended| lower.starts_with(ended))
    };
    let said = lines.iter().filter(|line| !line.starts_with('>') && !is_of_end(line));
    said.map(|line| line.trim_start_matches("< ")).collect::<Vec<_>>().join("\n")
}

/// What stands behind `curl: (56) `.
fn bare_end(line: &str) -> Option<&str> {
    let (code, said) = line.strip_prefix("curl: (")?.split_once(')')?;
    let lower = said.to_lowercase();
    let is_bare = ENDS.contains(&code.parse().ok()?) && OF_A_LAYER.iter().all(|layer| !lower.contains(layer));
    is_bare.then(|| said.trim())
}

/// What an alert of TLS tells that no row of the data knows, as `curl -v` shows it: `TLS alert, internal error (592):`.
pub fn alerted(behind: &str) -> &'static [&'static Entry] {
    let lower = behind.to_lowercase();
    let mut alerts = lower.lines().filter_map(|line| Some(line.split_once(ALERT)?.1));
    if alerts.any(|alert| !alert.starts_with(FAREWELL)) { &[UPSTREAM_TLS_FAILED] } else { &[] }
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
    let behind = ["Failed to connect to ", "* connect to "].iter().find_map(|lead| Some(text.split_once(lead)?.1))?;
    let mut words = behind.split_ascii_whitespace();
    let (host, port, number) = (words.next()?, words.next()?, words.next()?);
    (port == "port").then(|| Some((host, number.parse().ok()?)))?
}

/// Whether a proxy may listen there: it does where nobody has mail or pages.
pub fn may_be_proxy(port: u16) -> bool {
    let is_of_ours = Protocol::ALL.into_iter().any(|protocol| protocol.port_of_ours() == port);
    Protocol::of_port(port).is_none() && !is_of_ours && !OF_PAGES.contains(&port)
}

/// The figures of the progress share their line with what comes next.
fn without_meter(line: &str) -> &str {
    let is_of_meter = |c: char| c.is_ascii_digit() || " :.-kmKM".contains(c);
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
    // A page that refuses is somebody's word, and nobody knows whose.
    if is_tls && lines.iter().any(|line| line.starts_with("< ") && code_of(line).is_some_and(|code| code >= 400)) {
        return None;
    }
    let is_greeted = lines.iter().any(|line| begins(&line.trim_start_matches("< "), &GREETINGS));
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

fn unanswered(lines: &[&str], is_asked: bool, connected: Option<usize>) -> Option<Way> {
    let has = |word: &str| lines.iter().any(|line| line.contains(word));
    let names_proxy = |line: &&&str| line.contains("proxy") && !line.contains("no_proxy");
    let is_through = is_asked || lines.iter().any(|line| names_proxy(&line)) || has(" -x ");
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
