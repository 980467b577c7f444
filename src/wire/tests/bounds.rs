//! How much a client may send before it is signed on: lines, commands, mistakes; and what is left behind a login.

use super::{Run, gatekeeper, imap, pop3, smtp, told};
use crate::wire::{
    Front, Protection,
    imap::ImapFront,
    pop3::Pop3Front,
    smtp::{SmtpFront, front::Keywords},
};

#[test]
fn commands_that_lead_nowhere_end_politely_within_a_budget_that_starttls_does_not_renew() {
    fn flood<F: Front>(make: impl Fn(Protection) -> F, command: &str, farewell: &str) {
        let mut run = Run::new(make(Protection::Offered));
        for n in 0..101 {
            assert!(run.heard.is_empty(), "{command}: closed at {n}");
            if n == 60 {
                run.machine.secured();
            }
            run.machine.feed(format!("{command}\r\n").as_bytes());
            run.drain(&mut gatekeeper);
        }
        assert_eq!(run.heard, ["bye"], "{command}");
        assert!(run.said.ends_with(&format!("{farewell}\r\n")), "{command}: {}", run.said);
    }
    for command in ["NOOP", "RSET", "HELP", "VRFY x", "EHLO x", "HELO x"] {
        flood(|offered| SmtpFront::new(Keywords::new("g", vec![]), offered, told()), command, "421 4.7.0 Gatepost closes this connection: too many commands without a login [gatepost connection-closed]");
    }
    for command in ["a NOOP", "a CAPABILITY", "a ID NIL"] {
        flood(|offered| ImapFront::new(&[], offered, told()), command, "* BYE Gatepost closes this connection: too many commands without a login [gatepost connection-closed]");
    }
    for command in ["NOOP", "CAPA", "AUTH", "USER x"] {
        flood(|offered| Pop3Front::new(offered, told()), command, "-ERR Gatepost closes this connection: too many commands without a login [gatepost connection-closed]");
    }
}

#[test]
fn starttls_renews_no_error_budget() {
    fn mistakes<F: Front>(make: impl Fn(Protection) -> F, mistake: &str) {
        let mut run = Run::new(make(Protection::Offered));
        for n in 0..21 {
            assert!(run.heard.is_empty(), "{mistake}: closed at {n}");
            if n == 10 {
                run.machine.secured();
            }
            run.machine.feed(format!("{mistake}\r\n").as_bytes());
            run.drain(&mut gatekeeper);
        }
        assert_eq!(run.heard, ["bye"], "{mistake}");
    }
    mistakes(|offered| SmtpFront::new(Keywords::new("g", vec![]), offered, told()), "RCPT TO:<a@b.c>");
    mistakes(|offered| ImapFront::new(&[], offered, told()), "a SELECT x");
    mistakes(|offered| Pop3Front::new(offered, told()), "STAT");
}

#[test]
fn garbage_is_answered_and_ends_within_the_error_budget() {
    fn flood<F: Front>(front: F) -> Run<F> {
        let mut run = Run::new(front);
        for _ in 0..100_000 {
            if run.heard.last().is_some_and(|h| h == "bye") {
                break;
            }
            run.machine.feed(b"x\x00y\r\n");
            run.drain(&mut gatekeeper);
        }
        run
    }
    assert!(flood(smtp()).said.len() < 4096);
    assert!(flood(imap()).said.len() < 4096);
    assert!(flood(pop3()).said.len() < 4096);
}

#[test]
fn oversized_lines_and_tls_bytes_get_a_farewell() {
    fn check<F: Front>(make: impl Fn() -> F) {
        for bytes in [vec![b'x'; 5000], vec![b'x'; 40_000], b"\x16\x03\x01\x02\x00\x01".to_vec()] {
            let mut run = Run::new(make());
            run.machine.feed(&bytes);
            run.drain(&mut gatekeeper);
            assert!(run.broken.is_some_and(|v| v.farewell.is_some()));
        }
    }
    check(smtp);
    check(imap);
    check(pop3);
}

#[test]
fn a_command_of_4_kib_is_heard_and_one_octet_more_is_not() {
    fn heard<F: Front>(front: F, verb: &str, octets: usize) -> bool {
        let mut run = Run::new(front);
        run.machine.feed(format!("{verb}{}\r\n", "x".repeat(octets - verb.len() - 1)).as_bytes());
        run.drain(&mut gatekeeper);
        run.broken.is_none()
    }
    for (octets, is) in [(4096, true), (4097, false)] {
        assert_eq!(heard(smtp(), "NOOP ", octets), is);
        assert_eq!(heard(imap(), "a NOOP ", octets), is);
        assert_eq!(heard(pop3(), "NOOP ", octets), is);
    }
}

/// RFC 4954 4 wants 12,288 octets; a Kerberos ticket or a long token fills them.
#[test]
fn a_sasl_response_of_12288_octets_is_taken_and_an_endless_one_is_not() {
    fn check<F: Front>(make: impl Fn() -> F, start: &str, separator: &str) {
        // `NUL ann NUL`, then a password of the same letter.
        let response = format!("AGFubgBh{}", "YWFh".repeat((12_288 - 8) / 4));
        let mut run = Run::new(make());
        for part in [start, separator, &response, "\r\n"] {
            run.machine.feed(part.as_bytes());
            run.drain(&mut gatekeeper);
        }
        assert_eq!(run.heard, ["no ann"], "{start}{separator:?}");
        let mut run = Run::new(make());
        for part in [start, separator, &"YWFh".repeat(5000)] {
            run.machine.feed(part.as_bytes());
            run.drain(&mut gatekeeper);
        }
        assert!(run.broken.is_some_and(|broken| broken.farewell.is_some()), "{start}{separator:?}");
    }
    check(imap, "7 AUTHENTICATE PLAIN", "\r\n");
    for separator in ["\r\n", " "] {
        check(smtp, "HELO x\r\nAUTH PLAIN", separator);
        check(pop3, "AUTH PLAIN", separator);
    }
}

#[test]
fn whether_more_than_the_login_was_sent_is_told_with_it() {
    fn told<F: Front>(front: F, login: &str) -> bool {
        let mut run = Run::new(front);
        let mut told = None;
        run.machine.feed(login.as_bytes());
        run.drain(&mut |front: &mut F, knock| {
            told = Some(front.has_unread());
            gatekeeper(front, knock)
        });
        told.expect("a login")
    }
    for (more, is) in [("", false), ("NOOP\r\n", true)] {
        assert_eq!(told(smtp(), &format!("HELO x\r\nAUTH PLAIN AGFubgBwdw==\r\n{more}")), is);
        assert_eq!(told(smtp(), &format!("HELO x\r\nMAIL FROM:<a@b.c>\r\n{more}")), is);
        assert_eq!(told(imap(), &format!("7 LOGIN ann pw\r\n{more}")), is);
        assert_eq!(told(pop3(), &format!("AUTH PLAIN AGFubgBwdw==\r\n{more}")), is);
    }
}
