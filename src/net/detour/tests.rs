use super::{Answer, ProxyTrouble::*, connect::Connect, proxy::Proxy, socks5::Socks5};
use crate::wire::{Machine, Step};

/// What the machine said, and how it ended: opened with what follows, refused, broken, or still waiting.
fn heard(mut machine: impl Machine<Event = Answer>, pieces: &[&[u8]]) -> (Vec<u8>, String) {
    let mut said = Vec::new();
    let mut pieces = pieces.iter();
    loop {
        match machine.step() {
            Ok(Step::Write(bytes)) => said.extend_from_slice(&bytes),
            Ok(Step::Read) => match pieces.next() {
                Some(piece) => machine.feed(piece),
                None => return (said, "waits".into()),
            },
            Ok(Step::Event(Answer::Open)) => {
                pieces.for_each(|piece| machine.feed(piece));
                assert!(matches!(machine.step(), Ok(Step::Read)), "after its last event it leaves its input alone");
                return (said, format!("open, then {:?}", String::from_utf8_lossy(&machine.into_unread())));
            }
            Ok(Step::Event(Answer::Refused(refused))) => {
                return (said, format!("{:?}: {}", refused.trouble, refused.what));
            }
            Ok(Step::StartTls) => panic!("no machine here does TLS"),
            Err(violation) => return (said, format!("broken: {}", violation.what)),
        }
    }
}

/// The same however it is cut; of what is no answer at all, the words so far are quoted.
fn cut_anywhere<M: Machine<Event = Answer>>(machine: impl Fn() -> M, bytes: &[u8]) -> (Vec<u8>, String) {
    let whole = heard(machine(), &[bytes]);
    let gist = |end: &str| end.split(": it said").next().unwrap().to_owned();
    for at in 0..=bytes.len() {
        let (a, b) = bytes.split_at(at);
        assert_eq!(gist(&heard(machine(), &[a, b]).1), gist(&whole.1), "cut at {at}");
    }
    let each: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(gist(&heard(machine(), &each).1), gist(&whole.1), "byte by byte");
    whole
}

fn proxy(url: &str) -> Proxy {
    Proxy::parse(url).unwrap()
}

#[test]
fn connect_asks_in_one_header_and_takes_any_success() {
    let login = proxy("http://ann:p%3As@proxy").login;
    let (said, _) = heard(Connect::new("smtp.office365.com:587", login.as_ref()), &[]);
    let said = String::from_utf8(said).unwrap();
    assert!(said.starts_with("CONNECT smtp.office365.com:587 HTTP/1.1\r\nHost: smtp.office365.com:587\r\n"), "{said}");
    assert!(said.contains("\r\nProxy-Authorization: Basic YW5uOnA6cw==\r\n"), "{said}");
    assert!(said.ends_with("\r\n\r\n") && said.matches("\r\n\r\n").count() == 1, "{said}");
    let (said, _) = heard(Connect::new("h:1", None), &[]);
    assert!(!String::from_utf8(said).unwrap().contains("Authorization"));

    for answer in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200 OK\r\nProxy-agent: tinyproxy/1.11.1\r\n\r\n",
        "HTTP/1.1 299\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        for behind in ["", "220 mail.example ESMTP\r\n", "\r\n"] {
            let (_, end) = cut_anywhere(|| Connect::new("h:1", None), (answer.to_owned() + behind).as_bytes());
            assert_eq!(end, format!("open, then {behind:?}"), "{answer:?}: nothing of the far side is lost");
        }
    }
}

#[test]
fn a_proxy_that_says_no_is_told_with_its_status_its_reason_and_what_to_do() {
    let ours = || Connect::new("mail.example:993", proxy("http://ann:secret@p").login.as_ref());
    for (answer, expected) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"corp\"\r\n\r\n<html>",
            "Login: HTTP 407 Proxy Authentication Required; the user is ann; it asks for Basic realm=\"corp\"",
        ),
        (
            "HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\n\r\n",
            "Scheme: HTTP 407 No; the user is ann; it asks for Negotiate, and Gatepost speaks Basic alone",
        ),
        (
            "HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: Basic realm=\"corp\"\r\n\r\n",
            "Login: HTTP 407 No; the user is ann; it asks for Negotiate, Basic realm=\"corp\"",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n\r\n",
            "Forbids: HTTP 403 Forbidden; ERR_ACCESS_DENIED 0",
        ),
        (
            "HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Negotiate\r\n\r\n",
            "Scheme: HTTP 407 No; the user is ann; it asks for NTLM, Negotiate, and Gatepost speaks Basic alone",
        ),
        ("HTTP/1.1 405 Method Not Allowed\r\n\r\n", "Forbids: HTTP 405 Method Not Allowed"),
        ("HTTP/1.1 501 Not Implemented\r\n\r\n", "Forbids: HTTP 501 Not Implemented"),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://login.hotel/\r\n\r\n",
            "Portal: HTTP 302 Found; it leads to http://login.hotel/",
        ),
        (
            "HTTP/1.1 511 Network Authentication Required\r\n\r\n<html>",
            "Portal: HTTP 511 Network Authentication Required",
        ),
        ("HTTP/1.1 500 Unable to connect\r\n\r\n", "NoWay: HTTP 500 Unable to connect"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "NoWay: HTTP 502 Bad Gateway"),
        (
            "HTTP/1.1 503 Service Unavailable\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\n\r\n",
            "NoWay: HTTP 503 Service Unavailable; ERR_DNS_FAIL 0",
        ),
        ("HTTP/1.1 504 \x1b[31mred\r\n\r\n", "broken: it is no HTTP proxy"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "broken: it is no HTTP proxy: it said \"S"),
        ("220 mail.example ESMTP\r\n", "broken: it is no HTTP proxy"),
        ("\x15\x03\x01\x00\x02\x02\x46", "broken: it speaks TLS"),
        ("\x05\u{0}", "broken: it is no HTTP proxy; SOCKS is"),
        ("HTTP/1.1 200 OK\r\nX: y", "waits"),
        ("", "waits"),
    ] {
        let (_, end) = cut_anywhere(ours, answer.as_bytes());
        assert!(end.starts_with(expected), "{answer:?}: {end}");
        assert!(!end.contains("secret") && !end.contains('\x1b'), "{end}");
    }
    let (_, end) = heard(Connect::new("h:1", None), &[b"HTTP/1.1 407 No\r\n\r\n"]);
    assert_eq!(end, "NoLogin: HTTP 407 No");
}

#[test]
fn a_header_without_end_is_cut_off() {
    let flood = [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'y'; 4096]].concat();
    let fields = b"HTTP/1.1 200 OK\r\n".iter().copied().chain(b"A: b\r\n".repeat(200)).collect::<Vec<_>>();
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    for (answer, expected) in [(flood, "no end"), (fields, "too many fields"), (interim, "no end")] {
        let mut machine = Connect::new("h:1", None);
        assert!(matches!(machine.step(), Ok(Step::Write(_))));
        let mut taken = 0;
        let end = loop {
            // Ten megabytes, if it took them.
            assert!(taken < 10_000_000);
            for piece in answer.chunks(1024) {
                machine.feed(piece);
                taken += piece.len();
                if machine.step().is_err() {
                    break;
                }
            }
            if let Err(violation) = machine.step() {
                break violation.what;
            }
        };
        assert!(end.contains(expected) && taken < 64 * 1024, "{taken}: {end}");
    }
}

fn socks(url: &str, host: &str) -> Socks5 {
    Socks5::new(host, 993, proxy(url).login.as_ref()).unwrap()
}

#[test]
fn socks_is_asked_by_name_and_with_a_password_only_where_it_wants_one() {
    let plain = || socks("socks5://p", "mail.example");
    let with = || socks("socks5://ann:s%40cret@p", "mail.example");
    let name = b"\x05\x01\x00\x03\x0cmail.example\x03\xe1";
    let open = b"\x05\x00\x00\x01\x0a\x00\x00\x01\x12\x34";

    let (said, end) = cut_anywhere(plain, &[b"\x05\x00", &open[..], b"220 hi"].concat());
    assert_eq!((said, end.as_str()), ([&b"\x05\x01\x00"[..], name].concat(), "open, then \"220 hi\""));

    let (said, end) = cut_anywhere(with, &[b"\x05\x02\x01\x00", &open[..]].concat());
    assert_eq!(said, [&b"\x05\x02\x00\x02"[..], b"\x01\x03ann\x06s@cret", name].concat());
    assert_eq!(end, "open, then \"\"");
    let (said, _) = cut_anywhere(with, &[b"\x05\x00", &open[..]].concat());
    assert_eq!(said, [&b"\x05\x02\x00\x02"[..], name].concat(), "nobody asked for the password");

    for bound in [
        &b"\x05\x00\x00\x04aaaaaaaaaaaaaaaa\x12\x34"[..],
        b"\x05\x00\x00\x03\x05abcde\x12\x34",
        b"\x05\x00\x00\x03\x00\x12\x34",
    ] {
        assert_eq!(cut_anywhere(plain, &[b"\x05\x00", bound, b"+OK"].concat()).1, "open, then \"+OK\"");
    }

    let (said, _) = heard(socks("socks5://p", "2001:db8::1"), &[b"\x05\x00"]);
    assert_eq!(said[3..], *b"\x05\x01\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x03\xe1");
    let (said, _) = heard(socks("socks5://p", "10.0.0.1"), &[b"\x05\x00"]);
    assert_eq!(said[3..], *b"\x05\x01\x00\x01\x0a\x00\x00\x01\x03\xe1");
    assert!(Socks5::new(&"x".repeat(256), 1, None).is_none());
}

#[test]
fn every_no_of_socks_is_told_in_words() {
    let plain = || socks("socks5://p", "mail.example");
    let with = || socks("socks5://ann:s%40cret@p", "mail.example");
    for (reply, trouble, words) in [
        (1, NoWay, "general failure"),
        (2, Forbids, "not allowed by its rules"),
        (3, NoWay, "network is unreachable"),
        (4, NoWay, "host is unreachable"),
        (5, NoWay, "refused there"),
        (6, NoWay, "no answer from there"),
        (7, Forbids, "does not make connections"),
        (8, NoWay, "addresses of this type"),
        (9, NoWay, "RFC 1928 does not know"),
    ] {
        // Some say the address behind it as well, some hang up.
        for rest in [&b""[..], b"\x00\x01\x00\x00\x00\x00\x00\x00"] {
            let (_, end) = cut_anywhere(plain, &[b"\x05\x00\x05", &[reply][..], rest].concat());
            assert!(end.starts_with(&format!("{trouble:?}: SOCKS reply {reply}: ")) && end.contains(words), "{end}");
        }
    }
    for (url_has_login, answer, expected) in [
        (false, &b"\x05\xff"[..], "NoLogin: it takes nobody without a user and password"),
        (true, b"\x05\xff", "Login: it takes no user and password"),
        (true, b"\x05\x02\x01\x01", "Login: it refuses the password of the user ann"),
        (true, b"\x05\x02\x05\xff", "Login: it refuses the password of the user ann"),
        (false, b"\x05\x02", "broken: it chose way 2"),
        (true, b"\x05\x01", "broken: it chose way 1"),
        (false, b"HTTP/1.1 400 Bad Request\r\n", "broken: it is no SOCKS5 proxy; what answers in HTTP"),
        (false, b"\x00\x5b", "broken: it is a SOCKS4 proxy"),
        (false, b"220 hi\r\n", "broken: it is no SOCKS5 proxy: it said"),
        (false, b"\x05\x00\x05\x00\x00\x07\x00", "broken: its answer holds an address of unknown type 7"),
        (false, b"\x05\x00\x04\x00", "broken: it is no SOCKS5 proxy"),
        (false, b"\x05\x00\x05\x00\x00\x01\x00", "waits"),
        (false, b"\x05", "waits"),
    ] {
        let end = if url_has_login { cut_anywhere(with, answer).1 } else { heard(plain(), &[answer]).1 };
        assert!(end.starts_with(expected), "{answer:?}: {end}");
        assert!(!end.contains("s@cret"), "{end}");
    }
}
