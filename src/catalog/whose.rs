//! Whom a program spoke to that got no connection, or none that it trusts: Gatepost, the mail server, or a proxy in between.
//!
//! Programs say the same of each. Where the text names a place, that tells which; where it does not, all that may be meant are
//! told, and nothing is guessed.

use std::net::IpAddr;

use super::{
    At, Entry,
    doctor::{CERTIFICATE_ENDED, CLOCK_SKEWED},
    matching::stands_in,
    own::{
        CLIENT_DISTRUSTS_CERTIFICATE, CLIENT_TLS_TOO_OLD, DAEMON_HANGS, DAEMON_NOT_RUNNING, PROXY_UNREACHABLE,
        UPSTREAM_TIMEOUT, UPSTREAM_TLS_FAILED, UPSTREAM_TLS_UNTRUSTED, UPSTREAM_UNREACHABLE,
    },
    tried::{may_be_proxy, not_reached},
};
use crate::base::Protocol;

/// A program that does not reach Gatepost, or does not trust it, says what Gatepost would say of the mail server: the rows `either`
/// of the first have its words. The particular stands first.
const OURS_OR_THEIRS: [(&Entry, &Entry); 6] = [
    (DAEMON_NOT_RUNNING, UPSTREAM_UNREACHABLE),
    (CERTIFICATE_ENDED, CLOCK_SKEWED),
    (CERTIFICATE_ENDED, UPSTREAM_TLS_UNTRUSTED),
    (CLIENT_DISTRUSTS_CERTIFICATE, UPSTREAM_TLS_UNTRUSTED),
    (CLIENT_TLS_TOO_OLD, UPSTREAM_TLS_FAILED),
    (DAEMON_HANGS, UPSTREAM_TIMEOUT),
];
/// Of Gatepost's own log, which says so of the mail server.
const OF_THE_LOG: [&str; 4] =
    ["while connecting", "certificate refused: ", "server's certificate is refused: ", "tls failed: "];
/// Ahead of the place that a program speaks to, on a line of its own: curl, OpenSSL, PowerShell, Telnet, JavaMail, and what was typed.
const LEADS: [&str; 9] = [
    "connected to ",
    "connecting to ",
    "established connection to ",
    "trying ",
    "opening to ",
    "remoteaddress ",
    "computername ",
    "host, port: ",
    "-connect ",
];
/// Of what was typed, ahead of an address. What curl ends with has one of a page to read, and is no command.
const CURL: &str = "curl ";

/// Whether the one is said of us where the other is said of the mail server.
pub(super) fn is_pair(ours: &Entry, theirs: &Entry) -> bool {
    OURS_OR_THEIRS.iter().any(|(one, other)| (one.id, other.id) == (ours.id, theirs.id))
}

/// What the text means that its words say of the mail server: `theirs`.
pub(super) fn all(text: &str, theirs: Option<&'static Entry>) -> Vec<&'static Entry> {
    let mut pairs = OURS_OR_THEIRS.iter().filter(|(_, other)| theirs.is_some_and(|entry| entry.id == other.id));
    let ours = pairs.find_map(|(ours, _)| Some((*ours, whom(ours, text)?)));
    let all = match ours {
        Some((ours, Whom::Us)) => vec![ours],
        Some((ours, Whom::Unsaid)) => std::iter::once(ours).chain(theirs).collect(),
        None => theirs.into_iter().collect(),
    };
    match Asked::of(text) {
        Asked::Proxy => vec![PROXY_UNREACHABLE],
        // Whoever types the line of a step asks the proxy first, and curl says the same of it.
        Asked::Unsaid => all.into_iter().chain([PROXY_UNREACHABLE]).collect(),
        Asked::Other => all,
    }
}

/// Whether what was not reached is a proxy.
enum Asked {
    Proxy,
    Other,
    Unsaid,
}

impl Asked {
    fn of(text: &str) -> Self {
        let Some((host, port)) = not_reached(text).filter(|(_, port)| may_be_proxy(*port)) else { return Asked::Other };
        let lower = text.to_lowercase();
        let place = format!("{}:{port}", host.to_lowercase());
        let mut named = lower.lines().filter(|line| line.contains(&place));
        let is_of_proxy = |line: &str| line.contains("proxy") || line.contains(" -x ");
        let of_proxy = named.clone().any(is_of_proxy);
        let is_typed = named.any(|line| line.contains(&format!("://{place}")) && !is_of_proxy(line));
        match (of_proxy, is_typed) {
            (true, _) => Asked::Proxy,
            (false, true) => Asked::Other,
            (false, false) => Asked::Unsaid,
        }
    }
}

/// Of a fault of ours, and the same of the mail server.
enum Whom {
    Us,
    /// Either.
    Unsaid,
}

/// By the lines that mean this of us, and where they name no place, by the others. `None`: somebody else, or Gatepost itself was
/// refused.
fn whom(ours: &Entry, text: &str) -> Option<Whom> {
    let says = |line: &&str| {
        let lower = line.to_ascii_lowercase();
        let mut rows = ours.replies.iter().filter(|pattern| pattern.at == At::Either);
        rows.any(|pattern| pattern.words.iter().all(|word| stands_in(word, &lower)))
            && OF_THE_LOG.iter().all(|ours| !lower.contains(ours))
    };
    let all: Vec<Option<bool>> = text.lines().filter(says).map(is_ours).collect();
    match all.as_slice() {
        [] => None,
        all if all.iter().all(|one| *one == Some(true)) => Some(Whom::Us),
        all if all.iter().all(|one| *one == Some(false)) => None,
        // A name beside the address that it has, or no place at all.
        _ => match spoken_to(text) {
            Some(true) => Some(Whom::Us),
            Some(false) => None,
            None => Some(Whom::Unsaid),
        },
    }
}

/// Whether the place that a line names may be ours. `None`: it names none.
fn is_ours(line: &str) -> Option<bool> {
    let names = |is: fn(&str) -> bool| line.split_whitespace().any(is);
    if names(may_be_ours) || has_port_of_ours(line) { Some(true) } else { names(is_host).then_some(false) }
}

/// No provider listens there.
fn has_port_of_ours(line: &str) -> bool {
    let mut numbers = line.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(|word| word.parse().ok());
    numbers.any(|number: u16| Protocol::ALL.into_iter().any(|protocol| protocol.port_of_ours() == number))
}

/// The same of what stands behind the words that lead to a place; where these are of both sorts, nobody knows. What goes through a
/// proxy is told by that.
fn spoken_to(text: &str) -> Option<bool> {
    let lower = text.to_lowercase();
    let lines = || lower.lines().map(str::trim).filter(|line| !line.starts_with('>'));
    if lines().any(|line| line.contains("proxy")) {
        return None;
    }
    let led = |line| LEADS.iter().filter_map(move |lead| Some(str::split_once(line, lead)?.1));
    let typed =
        |line: &'_ str| str::split_once(str::split_once(line, CURL)?.1, "://").map(|(_, behind)| of_first(behind));
    let named: Vec<bool> =
        lines().flat_map(led).filter_map(of_first).chain(lines().filter_map(typed).flatten()).collect();
    let first = *named.first()?;
    named.iter().all(|one| *one == first).then_some(first)
}

/// By the first word, without a user; Telnet goes on behind three dots.
fn of_first(behind: &str) -> Option<bool> {
    let word = behind
        .split("...")
        .next()?
        .trim_start_matches([' ', '\t'])
        .trim_start_matches(": ")
        .split([' ', ',', ';'])
        .next()?;
    is_ours(word.rsplit('@').next()?)
}

/// `127.0.0.1:1587`, `[::1]:1587`, `localhost/127.0.0.1:1587`, Postfix' `printer[192.168.1.9]:1587`, and what a machine of one's own network has: no provider does.
pub(super) fn may_be_ours(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != ':');
    let places = word.split('/').flat_map(|place| {
        let without_port = place.rsplit_once(':').map(|(host, _)| host);
        [Some(place), without_port, place.split([']', '[']).next(), place.split('%').next()].into_iter().flatten()
    });
    places.into_iter().any(|place| place == "localhost" || place.parse().is_ok_and(is_near))
}

const fn is_near(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn is_host(word: &str) -> bool {
    // A file of Python's, with its line.
    if word.contains("_ssl.c:") {
        return false;
    }
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let word = word.trim_matches(|c: char| !part(c) && c != ':');
    let labels: Vec<&str> = word.split('.').collect();
    // No domain ends in a number, and `v1.3` is a version.
    let may_be = labels.len() == 4 || labels.last().is_some_and(|last| last.contains(|c: char| c.is_ascii_lowercase()));
    // Nor is an error of Python's a host: `socket.timeout`.
    let is_dotted = labels.len() > 1
        && may_be
        && labels.first() != Some(&"socket")
        && labels.iter().all(|label| label.starts_with(part));
    let is_of_ipv6 = word.contains("::") && word.chars().all(|c| c.is_ascii_hexdigit() || "[]:".contains(c));
    is_dotted && !word.contains(|c: char| c.is_ascii_uppercase()) || is_of_ipv6
}
