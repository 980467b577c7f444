//! Dialogues of the machines that sign on upstream.

mod imap;

use super::{Line, Run, unread};
use crate::{
    base::{Sasl, Secret},
    wire::{
        Back, Machine, SignOn, Step,
        imap::ImapBack,
        pop3::Pop3Back,
        sasl::Credentials,
        smtp::SmtpBack,
    },
};

fn credentials() -> Credentials {
    Credentials {
        mechanism: Sasl::Xoauth2,
        user: "ann@x".into(),
        token: Secret::new("t"),
        host: "h".into(),
        port: 1,
    }
}

/// `user=ann@x^Aauth=Bearer t^A^A`
const BLOB: &str = "dXNlcj1hbm5AeAFhdXRoPUJlYXJlciB0AQE=";

fn listener<B: Back>(_: &mut B, event: SignOn) -> String {
    match event {
        SignOn::Done { capabilities, initial_response, untagged } => {
            let how = if initial_response { "done at once" } else { "done" };
            format!("{how} {} {}", capabilities.join(","), String::from_utf8_lossy(&untagged).trim_end())
        }
        SignOn::Refused { text, challenge, early } => {
            format!("refused {}{text} {}", if early { "early: " } else { "" }, challenge.unwrap_or_default())
        }
    }
}

/// `S` comes from the upstream, `C` is what the machine must send.
fn back_dialogue<B: Back>(make: impl Fn() -> B, script: &[Line]) -> Run<B> {
    let longest = script.iter().map(|(_, text)| text.len() + 2).max().unwrap_or(0);
    let mut last = None;
    for cut in 0..longest {
        let mut run = Run::new(make());
        let (mut wanted, mut heard) = (String::new(), Vec::new());
        for (who, text) in script {
            match who {
                'S' => {
                    let bytes = format!("{text}\r\n");
                    let (one, two) = bytes.as_bytes().split_at(cut.min(bytes.len()));
                    for part in [one, two] {
                        run.machine.feed(part);
                        run.drain(&mut listener);
                    }
                }
                'C' => wanted.push_str(&text.replace("BLOB", BLOB).replace('~', "\r\n")),
                _ => heard.push((*text).to_owned()),
            }
        }
        assert_eq!(run.said, wanted, "cut at {cut}");
        assert_eq!(run.heard, heard, "cut at {cut}");
        assert!(run.broken.is_none(), "{:?}", run.broken);
        last = Some(run);
    }
    last.expect("a script")
}

/// Each line once what was said before it was answered.
fn in_turn<B: Back>(run: &mut Run<B>, lines: &str) {
    for line in lines.split_inclusive('\n') {
        if run.broken.is_some() {
            return;
        }
        run.machine.feed(line.as_bytes());
        run.drain(&mut listener);
    }
}

#[test]
fn pop3_back_says_auth_in_two_lines() {
    back_dialogue(|| Pop3Back::new(credentials(), false), &[
        ('S', "+OK The Microsoft Exchange POP3 service is ready. [abc=]"), ('C', "AUTH XOAUTH2~"),
        ('S', "+ "), ('C', "BLOB~"), ('S', "+OK User successfully authenticated."), ('=', "done  "),
    ]);
    back_dialogue(|| Pop3Back::new(credentials(), false), &[
        ('S', "+OK hi"), ('C', "AUTH XOAUTH2~"), ('S', "+"), ('C', "BLOB~"), ('S', "+ eyJzdGF0dXMiOiI0MDAifQ=="), ('C', "~"),
        ('S', "-ERR [AUTH] no"), ('=', "refused [AUTH] no {\"status\":\"400\"}"),
    ]);
}

#[test]
fn pop3_back_upgrades_strictly_where_the_connection_is_plain() {
    back_dialogue(|| Pop3Back::new(credentials(), true), &[
        ('S', "+OK hi"), ('C', "STLS~"), ('S', "+OK begin"), ('=', "tls"), ('C', "AUTH XOAUTH2~"),
        ('S', "+ "), ('C', "BLOB~"), ('S', "+OK in"), ('=', "done  "),
    ]);
}

#[test]
fn smtp_back_upgrades_strictly_and_waits_for_334() {
    back_dialogue(|| SmtpBack::new(credentials(), true, "gate"), &[
        ('S', "220 AM0PR02.outlook.office365.com ready"), ('C', "EHLO gate~"),
        ('S', "250-x Hello"), ('S', "250-SIZE 157286400"), ('S', "250 STARTTLS"), ('C', "STARTTLS~"),
        ('S', "220 2.0.0 SMTP server ready"), ('=', "tls"), ('C', "EHLO gate~"),
        ('S', "250-x Hello"), ('S', "250-AUTH LOGIN XOAUTH2"), ('S', "250 SMTPUTF8"), ('C', "AUTH XOAUTH2~"),
        ('S', "334 "), ('C', "BLOB~"), ('S', "235 2.7.0 Authentication successful"), ('=', "done AUTH LOGIN XOAUTH2,SMTPUTF8 "),
    ]);
}

#[test]
fn smtp_back_answers_the_error_challenge_itself() {
    back_dialogue(|| SmtpBack::new(credentials(), false, "gate"), &[
        ('S', "220 smtp.gmail.com"), ('C', "EHLO gate~"), ('S', "250-hi"), ('S', "250 AUTH XOAUTH2"), ('C', "AUTH XOAUTH2~"),
        ('S', "334 "), ('C', "BLOB~"), ('S', "334 eyJzdGF0dXMiOiI0MDAifQ=="), ('C', "~"),
        ('S', "535 5.7.8 no"), ('=', "refused 535 5.7.8 no {\"status\":\"400\"}"),
    ]);
}

#[test]
fn no_token_leaves_when_starttls_is_stripped_refused_or_injected() {
    for script in [
        &["220 hi\r\n", "250-x\r\n250 SIZE\r\n"][..],
        &["220 hi\r\n", "250-x\r\n250 STARTTLS\r\n", "502 no TLS\r\n"],
        &["220 hi\r\n", "250-x\r\n250 STARTTLS\r\n", "220 go\r\n250 AUTH XOAUTH2\r\n"],
    ] {
        let mut run = Run::new(SmtpBack::new(credentials(), true, "gate"));
        for part in script {
            run.machine.feed(part.as_bytes());
            run.drain(&mut listener);
        }
        assert!(run.broken.is_some(), "{script:?}");
        assert!(!run.said.contains("AUTH"), "{script:?}");
    }
    fn never<B: Back>(back: B, parts: &[&str], why: &str) {
        let mut run = Run::new(back);
        for part in parts {
            run.machine.feed(part.as_bytes());
            run.drain(&mut listener);
        }
        assert!(run.broken.is_some_and(|broken| broken.what.contains(why)), "{parts:?}");
        assert!(!run.said.contains("AUTH"), "{parts:?}");
    }
    let imap = || ImapBack::new(credentials(), true, Some(vec!["SASL-IR".into()]));
    never(imap(), &["* OK hi\r\n", "gps NO not now\r\n"], "refused STARTTLS");
    never(imap(), &["* OK hi\r\n", "gps OK go\r\n* CAPABILITY AUTH=XOAUTH2\r\n"], "plain bytes");
    never(imap(), &["* OK hi\r\n", "gpa OK go\r\n"], "never sent");
    never(imap(), &["* PREAUTH hi\r\n"], "PREAUTH");
    let pop3 = || Pop3Back::new(credentials(), true);
    never(pop3(), &["+OK hi\r\n", "-ERR not now\r\n"], "refused STLS");
    never(pop3(), &["+OK hi\r\n", "+OK go\r\n+ \r\n"], "plain bytes");
    // A mechanism stands behind AUTH, not alone, and not behind anything else.
    let bare = SmtpBack::new(credentials(), false, "gate");
    never(bare, &["220 hi\r\n", "250-x\r\n250-XOAUTH2\r\n250-X XOAUTH2\r\n250 AUTH LOGIN\r\n"], "does not offer");
}

#[test]
fn tls_that_is_not_to_be_had_at_the_moment_is_an_early_refusal_and_no_stripping() {
    for (said, heard) in [
        ("454 4.7.0 TLS not available due to temporary reason", "refused early: 454 4.7.0 TLS not available due to temporary reason "),
        ("421 4.3.2 closing", "refused early: 421 4.3.2 closing "),
    ] {
        back_dialogue(|| SmtpBack::new(credentials(), true, "gate"), &[
            ('S', "220 hi"), ('C', "EHLO gate~"), ('S', "250-x"), ('S', "250 STARTTLS"), ('C', "STARTTLS~"), ('S', said), ('=', heard),
        ]);
    }
    back_dialogue(|| ImapBack::new(credentials(), true, None), &[
        ('S', "* OK hi"), ('C', "gps STARTTLS~"), ('S', "gps NO [UNAVAILABLE] later"), ('=', "refused early: [UNAVAILABLE] later "),
    ]);
    back_dialogue(|| Pop3Back::new(credentials(), true), &[
        ('S', "+OK hi"), ('C', "STLS~"), ('S', "-ERR [SYS/TEMP] later"), ('=', "refused early: [SYS/TEMP] later "),
    ]);
}

#[test]
fn an_answer_out_of_turn_is_a_violation_and_never_a_success() {
    let known = || ImapBack::new(credentials(), false, Some(vec!["NAMESPACE".into()]));
    for said in [
        "x OK in", "gpa OK in", "gpa PREAUTH in", "gpd OK", // before the response
        "+ \r\nx OK in", "+ \r\nx NO in", "+ \r\ngpa BYE in", "+ \r\ngpa PREAUTH in", "+ \r\n+ eyJ9\r\ngpa OK in", "+ \r\n+ eyJ9\r\n+ eyJ9",
        "+ \r\ngpa OK\r\ngpa OK\r\ngpn OK\r\ngpd OK", "+ \r\ngpa OK\r\nx OK\r\ngpd OK\r\ngpn OK", "+ \r\ngpa OK\r\n+ ",
    ] {
        let mut run = Run::new(known());
        in_turn(&mut run, &format!("* OK hi\r\n{said}\r\n"));
        assert!(run.broken.is_some() && run.heard.is_empty(), "{said:?}: {:?}", run.heard);
    }
    let mut run = Run::new(ImapBack::new(credentials(), false, None));
    in_turn(&mut run, "* OK hi\r\nx OK CAPABILITY completed\r\n");
    assert!(run.broken.is_some() && !run.said.contains("AUTHENTICATE"));
}

#[test]
fn the_error_challenge_of_oauthbearer_is_answered_with_one_control_a() {
    let bearer = || Credentials { mechanism: Sasl::OauthBearer, ..credentials() };
    back_dialogue(|| Pop3Back::new(bearer(), false), &[
        ('S', "+OK hi"), ('C', "AUTH OAUTHBEARER~"), ('S', "+ "), ('C', "bixhPWFubkB4LAFob3N0PWgBcG9ydD0xAWF1dGg9QmVhcmVyIHQBAQ==~"),
        ('S', "+ eyJzdGF0dXMiOiI0MDAifQ=="), ('C', "AQ==~"), ('S', "-ERR no"), ('=', "refused no {\"status\":\"400\"}"),
    ]);
}

const EXCHANGE: &str = "* OK The Microsoft Exchange IMAP4 service is ready. [QQ=]";

#[test]
fn what_follows_the_verdict_stays_unread() {
    fn stays<B: Back>(back: B, sign_on: &str, behind: &str) {
        let mut run = Run::new(back);
        let (asked, last) = sign_on.trim_end().rsplit_once("\r\n").expect("several lines");
        in_turn(&mut run, &format!("{asked}\r\n"));
        run.machine.feed(format!("{last}\r\n{behind}").as_bytes());
        run.drain(&mut listener);
        run.drain(&mut listener); // asked once more, it still says nothing
        assert!(run.broken.is_none() && run.heard.len() == 1, "{:?} {:?}", run.broken, run.heard);
        assert_eq!(unread(run), behind);
    }
    stays(Pop3Back::new(credentials(), false), "+OK\r\n+ \r\n+OK in\r\n", "-ERR early\r\nbytes");
    stays(SmtpBack::new(credentials(), false, "gate"), "220 hi\r\n250-x\r\n250 AUTH XOAUTH2\r\n334 \r\n235 in\r\n", "421 bye\r\n");
    stays(ImapBack::new(credentials(), false, Some(vec![])), "* OK hi\r\n+ \r\ngpa OK\r\ngpd OK\r\n", "* BYE early\r\nbytes");
}

#[test]
fn only_behind_the_probe_the_end_of_a_connection_says_anything() {
    let mut imap = ImapBack::new(credentials(), false, Some(vec![]));
    assert!(imap.closed().is_none());
    imap.feed(b"* OK hi\r\n");
    assert!(matches!(imap.step(), Ok(Step::Write(_))));
    assert!(imap.closed().is_none());
    assert!(SmtpBack::new(credentials(), false, "gate").closed().is_none());
    assert!(Pop3Back::new(credentials(), false).closed().is_none());
}

#[test]
fn upstream_garbage_is_a_violation_or_a_refusal_never_a_success() {
    let garbage: [&[u8]; 8] = [b"\r\n", b"hello\r\n", b"+ x\r\n", b"* 1 FETCH\r\n", b"999 x\r\n", b"a OK\r\n", &[b'x'; 70_000], b"\0\0\r\n"];
    for bytes in garbage {
        let mut a = Run::new(SmtpBack::new(credentials(), true, "g"));
        let mut b = Run::new(ImapBack::new(credentials(), false, None));
        let mut c = Run::new(Pop3Back::new(credentials(), false));
        a.machine.feed(bytes);
        b.machine.feed(bytes);
        c.machine.feed(bytes);
        a.drain(&mut listener);
        b.drain(&mut listener);
        c.drain(&mut listener);
        for (heard, broken, said) in [(a.heard, a.broken, a.said), (b.heard, b.broken, b.said), (c.heard, c.broken, c.said)] {
            assert!(broken.is_some() || heard.first().is_some_and(|h| h.starts_with("refused")), "{bytes:?}");
            assert!(!said.contains(BLOB));
        }
    }
}

#[test]
fn what_is_refused_before_auth_is_told_as_early_and_a_bye_with_its_name() {
    back_dialogue(|| SmtpBack::new(credentials(), true, "gate"), &[
        ('S', "554 5.3.2 no service"), ('=', "refused early: 554 5.3.2 no service "),
    ]);
    back_dialogue(|| SmtpBack::new(credentials(), false, "gate"), &[
        ('S', "220 hi"), ('C', "EHLO gate~"), ('S', "502 5.5.1 what"), ('=', "refused early: 502 5.5.1 what "),
    ]);
    back_dialogue(|| Pop3Back::new(credentials(), false), &[('S', "-ERR busy"), ('=', "refused early: busy ")]);
    let imap = || ImapBack::new(credentials(), false, None);
    back_dialogue(imap, &[('S', "* BYE busy"), ('=', "refused early: * BYE busy ")]);
    back_dialogue(imap, &[('S', "Server Unavailable."), ('=', "refused early: Server Unavailable. ")]);
    back_dialogue(imap, &[('S', EXCHANGE), ('C', "gpc CAPABILITY~"), ('S', "* BYE 13"), ('=', "refused early: * BYE 13 ")]);
    back_dialogue(imap, &[
        ('S', "* OK [CAPABILITY IMAP4rev1] hi"), ('C', "gpa AUTHENTICATE XOAUTH2~"), ('S', "+ "), ('C', "BLOB~"),
        ('S', "* BYE 13"), ('=', "refused * BYE 13 "),
    ]);
}

#[test]
fn an_upstream_that_never_stops_during_sign_on_is_cut_off() {
    fn listen<B: Back>(back: B, start: &str, endless: &str) {
        let mut run = Run::new(back);
        in_turn(&mut run, start);
        let mut sent = 0;
        while run.broken.is_none() {
            sent += endless.len();
            assert!(sent < 1 << 20, "{start:?}, then {endless:?} for ever");
            run.machine.feed(endless.as_bytes());
            run.drain(&mut listener);
            assert!(run.heard.is_empty(), "{:?}", run.heard);
        }
        assert!(!run.said.contains(BLOB) || start.contains("gpa OK"), "{endless:?}");
    }
    let imap = || ImapBack::new(credentials(), false, Some(vec!["SASL-IR".into(), "NAMESPACE".into()]));
    for endless in ["* CAPABILITY IMAP4rev1\r\n", "* 1 EXISTS\r\n", "* NAMESPACE NIL\r\n", "* X {4000}\r\n", "\r\n", "* \n", "* X"] {
        listen(imap(), "* OK hi\r\ngpa OK\r\n", endless);
        listen(ImapBack::new(credentials(), false, None), "* OK hi\r\n", endless);
    }
    let smtp = || SmtpBack::new(credentials(), false, "gate");
    for (start, endless) in [("", "220-hi\r\n"), ("", "220"), ("220 hi\r\n", "250-x\r\n"), ("220 hi\r\n250-x\r\n250 AUTH XOAUTH2\r\n", "334-\r\n")] {
        listen(smtp(), start, endless);
    }
    for (start, endless) in [("", "+OK hi\r\n"), ("", "+OK"), ("+OK hi\r\n", "+OK hi\r\n"), ("+OK hi\r\n", "\r\n")] {
        listen(Pop3Back::new(credentials(), false), start, endless);
    }
}

#[test]
fn what_an_upstream_says_before_the_sign_on_is_through_may_fill_64_kib() {
    let mut run = Run::new(ImapBack::new(credentials(), false, Some(vec![])));
    in_turn(&mut run, "* OK hi\r\n+ \r\ngpa OK\r\n");
    run.machine.feed(format!("{}* CAPABILITY A\r\ngpd OK\r\n", "* 1 EXISTS\r\n".repeat(5000)).as_bytes());
    run.drain(&mut listener);
    assert_eq!(run.heard.len(), 1, "{:?}", run.broken);
    assert!(run.heard.iter().all(|heard| heard.starts_with("done A * 1 EXISTS")));
}

#[test]
fn an_answer_that_comes_before_its_command_is_none() {
    fn hears<B: Back>(machine: B, words: &str) -> Option<String> {
        let mut run = Run::new(machine);
        run.machine.feed(words.as_bytes());
        run.drain(&mut listener);
        assert!(run.heard.is_empty(), "{words}: {:?}", run.heard);
        run.broken.map(|violation| violation.what.to_string())
    }
    let unasked = Some("upstream spoke without being asked".to_owned());
    let smtp = "220 hi\r\n250-h\r\n250 AUTH XOAUTH2\r\n334 \r\n235 2.7.0 in\r\n";
    assert_eq!(hears(SmtpBack::new(credentials(), false, "gatepost"), smtp), unasked);
    assert_eq!(hears(SmtpBack::new(credentials(), true, "gatepost"), "220 hi\r\n250 STARTTLS\r\n"), unasked);
    assert_eq!(hears(Pop3Back::new(credentials(), false), "+OK hi\r\n+ \r\n+OK in\r\n"), unasked);
    let imap = "* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2] hi\r\n* OK a word of the day\r\n+\r\ngpa OK in\r\n";
    assert_eq!(hears(ImapBack::new(credentials(), false, None), imap), unasked);
}
