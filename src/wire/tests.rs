//! Dialogues of the machines, readable from top to bottom, each run whole and cut at every byte.

mod back;
mod bounds;

use std::sync::LazyLock;

use super::{
    Breach, Front, Knock, Machine, Protection, Step, Told, Violation, Welcome,
    imap::ImapFront,
    pop3::Pop3Front,
    smtp::{SmtpFront, front::Keywords},
};
use crate::base::{Fault, Kind, Owner};

/// `C` comes from the peer of the machine, `S` is what the machine must say; `=` is what the session hears or does.
type Line = (char, &'static str);

struct Run<M> {
    machine: M,
    said: String,
    heard: Vec<String>,
    broken: Option<Violation>,
}

impl<M: Machine> Run<M> {
    fn new(machine: M) -> Self {
        Self { machine, said: String::new(), heard: Vec::new(), broken: None }
    }

    fn drain(&mut self, react: &mut impl FnMut(&mut M, M::Event) -> String) {
        for _ in 0..10_000 {
            match self.machine.step() {
                Ok(Step::Read) => return,
                Ok(Step::Write(bytes)) => self.said.push_str(&String::from_utf8_lossy(&bytes)),
                Ok(Step::StartTls) => self.heard.push("tls".into()),
                Ok(Step::Event(event)) => {
                    let text = react(&mut self.machine, event);
                    if !text.is_empty() {
                        self.heard.push(text);
                    }
                    if self.heard.last().is_some_and(|t| t.starts_with("bye") || t.starts_with("done") || t.starts_with("refused")) {
                        return;
                    }
                }
                Err(violation) => {
                    self.broken = Some(violation);
                    return;
                }
            }
        }
        panic!("the machine makes steps for ever");
    }
}

/// What the catalogue gives the machines, which this row does not know.
fn told() -> &'static Told {
    static TOLD: LazyLock<Told> = LazyLock::new(|| {
        let fault = |id, text| Fault::new(Kind::IdentityRefused, Owner::Client, id, text);
        Told {
            tls_first: fault("client-without-starttls", "Use STARTTLS first"),
            mistake: fault("protocol-mistake", "Mistake in the protocol"),
            closing: fault("connection-closed", "Gatepost closes this connection"),
        }
    });
    &TOLD
}

fn fault() -> Fault {
    Fault::new(Kind::BadCredentials, Owner::Client, "bad-credentials", "Wrong user name or password")
}

/// ann/pw is let in, everybody else is not; an address alone is not enough.
fn gatekeeper<F: Front>(front: &mut F, knock: Knock) -> String {
    match knock {
        Knock::Login(claim) if claim.login == "ann" && claim.password.expose() == "pw" && claim.authzid.is_none() => {
            let capabilities = ["IMAP4rev1", "AUTH=XOAUTH2", "IDLE", "MOVE"].map(String::from).to_vec();
            front.accept(&Welcome { capabilities, untagged: (&b"* 3 EXISTS\r\n"[..]).into() });
            "ann".into()
        }
        Knock::Login(claim) => {
            front.refuse(&fault());
            format!("no {}", claim.login)
        }
        Knock::Unnamed => {
            front.refuse(&fault());
            "unnamed".into()
        }
        Knock::Unprotected => "unprotected".into(),
        // Each of them is looked at by itself.
        Knock::Mistaken(_) => String::new(),
        Knock::Bye | Knock::ShownOut(_) => "bye".into(),
    }
}

/// Runs a dialogue turn by turn; within a turn the client's bytes are cut at `cut` (0: not at all).
fn front_dialogue<F: Front>(make: impl Fn() -> F, script: &[Line]) -> Run<F> {
    let longest = script.iter().map(|(_, text)| text.len() + 2).max().unwrap_or(0);
    let mut last = None;
    for cut in 0..longest {
        let mut run = Run::new(make());
        let mut wanted = String::new();
        let mut heard = Vec::new();
        run.drain(&mut gatekeeper);
        for (who, text) in script {
            match who {
                'C' => {
                    let bytes = format!("{text}\r\n");
                    let (one, two) = bytes.as_bytes().split_at(cut.min(bytes.len()));
                    for part in [one, two] {
                        run.machine.feed(part);
                        run.drain(&mut gatekeeper);
                    }
                }
                'S' => {
                    wanted.push_str(text);
                    wanted.push_str("\r\n");
                }
                _ if *text == "secured" => {
                    run.machine.secured();
                    heard.push("tls".to_owned());
                    run.drain(&mut gatekeeper);
                }
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

fn unread<M: Machine>(run: Run<M>) -> String {
    String::from_utf8_lossy(&run.machine.into_unread()).into_owned()
}

fn pop3() -> Pop3Front {
    Pop3Front::new(Protection::Plain, told())
}

fn imap() -> ImapFront {
    ImapFront::new(&["IDLE".into(), "MOVE".into(), "LITERAL+".into()], Protection::Plain, told())
}

fn smtp() -> SmtpFront {
    SmtpFront::new(Keywords::new("gate.example", vec!["8BITMIME".into()]), Protection::Plain, told())
}

const POP3_HELLO: Line = ('S', "+OK Gatepost POP3 ready");
const POP3_NO: Line = ('S', "-ERR [AUTH] Wrong user name or password [gatepost bad-credentials]");

#[test]
fn pop3_user_and_pass_with_spaces_in_the_password() {
    front_dialogue(pop3, &[
        POP3_HELLO,
        ('C', "PASS pw"), ('S', "-ERR Mistake in the protocol: USER first [gatepost protocol-mistake]"),
        ('C', "user ann"), ('S', "+OK Send PASS"),
        ('C', "PASS pw and more"), POP3_NO, ('=', "no ann"),
        ('C', "USER ann"), ('S', "+OK Send PASS"),
        ('C', "pass pw"), ('S', "+OK Logged in"), ('=', "ann"),
    ]);
}

#[test]
fn pop3_quirk_25_capa_bare_auth_ntlm_and_apop() {
    front_dialogue(pop3, &[
        POP3_HELLO,
        ('C', "CAPA"), ('S', "+OK Capability list follows"), ('S', "USER"), ('S', "SASL PLAIN LOGIN"), ('S', "UIDL"),
        ('S', "TOP"), ('S', "RESP-CODES"), ('S', "AUTH-RESP-CODE"), ('S', "."),
        ('C', "AUTH"), ('S', "+OK"), ('S', "PLAIN"), ('S', "LOGIN"), ('S', "."),
        ('C', "AUTH NTLM"), ('S', "-ERR Mistake in the protocol: unknown mechanism, use PLAIN, LOGIN or USER and PASS [gatepost protocol-mistake]"),
        ('C', "APOP ann c4c9334bac560ecc979e58001b3e22fb"), ('S', "-ERR Mistake in the protocol: APOP is not supported, use USER and PASS [gatepost protocol-mistake]"),
        ('C', "STLS"), ('S', "-ERR Mistake in the protocol: STLS is not offered here [gatepost protocol-mistake]"),
        ('C', "AUTH PLAIN"), ('S', "+ "), ('C', "*"), ('S', "-ERR Mistake in the protocol: AUTH cancelled [gatepost protocol-mistake]"),
        ('C', "AUTH LOGIN"), ('S', "+ VXNlcm5hbWU6"), ('C', "YW5u"), ('S', "+ UGFzc3dvcmQ6"), ('C', "bm8="), POP3_NO, ('=', "no ann"),
        ('C', "AUTH PLAIN AGFubgBwdw=="), ('S', "+OK Logged in"), ('=', "ann"),
    ]);
}

#[test]
fn pop3_what_is_wrong_is_named_and_the_session_goes_on() {
    front_dialogue(pop3, &[
        POP3_HELLO,
        ('C', "STAT"), ('S', "-ERR Mistake in the protocol: log in first [gatepost protocol-mistake]"), ('C', "XYZZY"), ('S', "-ERR Mistake in the protocol: unknown command [gatepost protocol-mistake]"), ('C', "noop"), ('S', "+OK"),
        ('C', "USER"), ('S', "-ERR Mistake in the protocol: USER needs a name [gatepost protocol-mistake]"),
        ('C', "AUTH PLAIN %%"), ('S', "-ERR Mistake in the protocol: cannot read the credentials: not base64 [gatepost protocol-mistake]"),
        ('C', "NOOP \x01"), ('S', "-ERR Mistake in the protocol: control bytes are not allowed in a command [gatepost protocol-mistake]"),
        // A password may hold anything but a line end.
        ('C', "USER ann"), ('S', "+OK Send PASS"), ('C', "PASS p\x01w"), POP3_NO, ('=', "no ann"),
    ]);
}

#[test]
fn pop3_quit_before_login() {
    front_dialogue(pop3, &[POP3_HELLO, ('C', "QUIT"), ('S', "+OK Goodbye"), ('=', "bye")]);
}

#[test]
fn pop3_commands_pipelined_behind_pass_are_kept_in_order() {
    let mut run = Run::new(pop3());
    run.machine.feed(b"USER ann\r\nPASS pw\r\nSTAT\r\nLIST\r\n");
    run.drain(&mut gatekeeper);
    assert_eq!(run.heard, ["ann"]);
    assert_eq!(unread(run), "STAT\r\nLIST\r\n");
}

const IMAP_HELLO: Line =
    ('S', "* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ IDLE MOVE AUTH=PLAIN AUTH=LOGIN] Gatepost ready");
const IMAP_IN: Line = ('S', "7 OK [CAPABILITY IMAP4rev1 IDLE MOVE] LOGIN completed");
const IMAP_SASL_IN: Line = ('S', "7 OK [CAPABILITY IMAP4rev1 IDLE MOVE] AUTHENTICATE completed");
const EXISTS: Line = ('S', "* 3 EXISTS");

#[test]
fn imap_before_login_answers_for_itself() {
    front_dialogue(imap, &[
        IMAP_HELLO,
        ('C', "A.b-3 capability"),
        ('S', "* CAPABILITY IMAP4rev1 SASL-IR LITERAL+ IDLE MOVE AUTH=PLAIN AUTH=LOGIN"), ('S', "A.b-3 OK CAPABILITY completed"),
        ('C', "52 ID (\"name\" \"x\")"), ('S', "* ID (\"name\" \"Gatepost\")"), ('S', "52 OK ID completed"),
        ('C', "8r6y NOOP"), ('S', "8r6y OK NOOP completed"),
        ('C', "1 SELECT INBOX"), ('S', "1 BAD Mistake in the protocol: unknown command, or not before login [gatepost protocol-mistake]"),
        ('C', "2 AUTHENTICATE NTLM"), ('S', "2 NO Mistake in the protocol: unsupported mechanism, use PLAIN or LOGIN [gatepost protocol-mistake]"),
        ('C', "3 LOGIN ann"), ('S', "3 BAD Mistake in the protocol: LOGIN takes a user name and a password [gatepost protocol-mistake]"),
        ('C', "4 LOGOUT"), ('S', "* BYE Gatepost signing off"), ('S', "4 OK LOGOUT completed"), ('=', "bye"),
    ]);
}

#[test]
fn imap_what_is_wrong_is_named_and_the_session_goes_on() {
    front_dialogue(imap, &[
        IMAP_HELLO,
        ('C', "1"), ('S', "1 BAD Mistake in the protocol: no command [gatepost protocol-mistake]"), ('C', "* NOOP"), ('S', "* BAD Mistake in the protocol: a command starts with a tag [gatepost protocol-mistake]"),
        ('C', "2 STARTTLS"), ('S', "2 BAD Mistake in the protocol: STARTTLS is not offered here [gatepost protocol-mistake]"),
        ('C', "3 LOGIN ann pw x"), ('S', "3 BAD Mistake in the protocol: LOGIN takes a user name and a password [gatepost protocol-mistake]"),
        ('C', "4 LOGIN \"\" pw"), ('S', "4 BAD Mistake in the protocol: the user name is empty or holds control bytes [gatepost protocol-mistake]"),
        ('C', "5 LOGIN ann p\x01w"), ('S', "5 BAD Mistake in the protocol: control bytes are not allowed in a command [gatepost protocol-mistake]"),
        ('C', "6 AUTHENTICATE PLAIN AGFubgBwdw== x"), ('S', "6 BAD Mistake in the protocol: AUTHENTICATE takes a mechanism and an initial response [gatepost protocol-mistake]"),
        ('C', "6 AUTHENTICATE PLAIN %%"), ('S', "6 BAD Mistake in the protocol: cannot read the credentials: not base64 [gatepost protocol-mistake]"),
        ('C', "6 LOGIN {5000}"), ('S', "6 BAD [TOOBIG] Mistake in the protocol: literal too long before login [gatepost protocol-mistake]"),
        ('C', "7 LOGIN ann pw"), IMAP_IN, EXISTS, ('=', "ann"),
    ]);
}

#[test]
fn imap_an_ok_without_capabilities_shows_no_empty_list() {
    let mut run = Run::new(imap());
    run.machine.feed(b"7 LOGIN ann pw\r\n");
    run.drain(&mut |front: &mut ImapFront, _| {
        front.accept(&Welcome::default());
        "done".into()
    });
    run.drain(&mut gatekeeper);
    assert!(run.said.ends_with("\r\n7 OK LOGIN completed\r\n"), "{}", run.said);
}

#[test]
fn imap_login_atoms_wrong_then_right_and_untagged_lines_follow_the_ok() {
    front_dialogue(imap, &[
        IMAP_HELLO,
        ('C', "6 LOGIN ann no"), ('S', "6 NO [AUTHENTICATIONFAILED] Wrong user name or password [gatepost bad-credentials]"), ('=', "no ann"),
        ('C', "7 login \"ann\" \"pw\""), IMAP_IN, EXISTS, ('=', "ann"),
    ]);
}

#[test]
fn imap_login_with_synchronising_literals() {
    front_dialogue(imap, &[
        IMAP_HELLO,
        ('C', "7 LOGIN {3}"), ('S', "+ Ready for literal data"), ('C', "ann {2}"), ('S', "+ Ready for literal data"), ('C', "pw"),
        IMAP_IN, EXISTS, ('=', "ann"),
    ]);
}

#[test]
fn imap_authenticate_plain_and_login_with_and_without_initial_response() {
    front_dialogue(imap, &[
        IMAP_HELLO,
        ('C', "1 AUTHENTICATE PLAIN"), ('S', "+ "), ('C', "*"), ('S', "1 BAD Mistake in the protocol: AUTHENTICATE cancelled [gatepost protocol-mistake]"),
        ('C', "7 AUTHENTICATE PLAIN"), ('S', "+ "), ('C', "AGFubgBwdw=="), IMAP_SASL_IN, EXISTS, ('=', "ann"),
    ]);
    front_dialogue(imap, &[IMAP_HELLO, ('C', "7 AUTHENTICATE PLAIN AGFubgBwdw=="), IMAP_SASL_IN, EXISTS, ('=', "ann")]);
    front_dialogue(imap, &[
        IMAP_HELLO,
        ('C', "7 authenticate login"), ('S', "+ VXNlcm5hbWU6"), ('C', "YW5u"), ('S', "+ UGFzc3dvcmQ6"), ('C', "cHc="),
        IMAP_SASL_IN, EXISTS, ('=', "ann"),
    ]);
    front_dialogue(imap, &[
        IMAP_HELLO,
        ('C', "7 AUTHENTICATE LOGIN YW5u"), ('S', "+ UGFzc3dvcmQ6"), ('C', "cHc="), IMAP_SASL_IN, EXISTS, ('=', "ann"),
    ]);
}

#[test]
fn imap_commands_pipelined_behind_login_wait_in_order() {
    let mut run = Run::new(imap());
    run.machine.feed(b"7 LOGIN {3+}\r\nann pw\r\n8 SELECT INBOX\r\n9 NOOP\r\n");
    run.drain(&mut gatekeeper);
    assert_eq!(unread(run), "8 SELECT INBOX\r\n9 NOOP\r\n");
}

const SMTP_HELLO: Line = ('S', "220 gate.example ESMTP Gatepost ready");
const HELO: [Line; 2] = [('C', "HELO printer"), ('S', "250 gate.example")];
const SMTP_IN: Line = ('S', "235 2.7.0 Authentication successful");
const SMTP_NO: Line = ('S', "535 5.7.8 Wrong user name or password [gatepost bad-credentials]");

#[test]
fn smtp_ehlo_shows_what_is_carried_and_bad_order_is_answered() {
    front_dialogue(smtp, &[
        SMTP_HELLO,
        ('C', "AUTH PLAIN AGFubgBwdw=="), ('S', "503 5.5.1 Mistake in the protocol: say EHLO or HELO first [gatepost protocol-mistake]"),
        ('C', "ehlo FE80::1"), ('S', "250-gate.example at your service"), ('S', "250-SIZE 157286400"), ('S', "250-PIPELINING"),
        ('S', "250-ENHANCEDSTATUSCODES"), ('S', "250-8BITMIME"), ('S', "250 AUTH PLAIN LOGIN"),
        ('C', "NOOP"), ('S', "250 2.0.0 OK"), ('C', "rset"), ('S', "250 2.0.0 OK"),
        ('C', "VRFY ann"), ('S', "252 2.5.2 Cannot verify, send the message and see"),
        ('C', "STARTTLS"), ('S', "502 5.5.1 Mistake in the protocol: STARTTLS is not offered here [gatepost protocol-mistake]"),
        ('C', "RCPT TO:<a@b.c>"), ('S', "503 5.5.1 Mistake in the protocol: MAIL first [gatepost protocol-mistake]"),
        ('C', "MAIL FROM:<a@b.c>"), ('=', "unnamed"), ('S', "530 5.7.0 Wrong user name or password [gatepost bad-credentials]"),
        ('C', "XCLIENT"), ('S', "500 5.5.2 Mistake in the protocol: command not recognised [gatepost protocol-mistake]"), ('C', "DATA"), ('S', "503 5.5.1 Mistake in the protocol: MAIL first [gatepost protocol-mistake]"),
        ('C', "RSET"), ('S', "250 2.0.0 OK"),
        ('C', "HELP"), ('S', "214 2.0.0 Gatepost relays mail: EHLO, AUTH PLAIN or LOGIN, MAIL"),
        ('C', "AUTH PLAIN %%"), ('S', "501 5.5.2 Mistake in the protocol: cannot read the credentials: not base64 [gatepost protocol-mistake]"),
        ('C', "QUIT"), ('S', "221 2.0.0 Goodbye"), ('=', "bye"),
    ]);
}

#[test]
fn smtp_quirks_1_to_4_auth_login_in_every_form_after_helo() {
    front_dialogue(smtp, &[
        SMTP_HELLO, HELO[0], HELO[1],
        ('C', "AUTH LOGIN"), ('S', "334 VXNlcm5hbWU6"), ('C', "YW5u"), ('S', "334 UGFzc3dvcmQ6"), ('C', "bm8="), SMTP_NO, ('=', "no ann"),
        ('C', "AUTH login YW5u"), ('S', "334 UGFzc3dvcmQ6"), ('C', "cHc="), SMTP_IN, ('=', "ann"),
    ]);
}

#[test]
fn smtp_quirk_7_cancel_and_unknown_mechanisms_leave_the_connection_usable() {
    front_dialogue(smtp, &[
        SMTP_HELLO, HELO[0], HELO[1],
        ('C', "AUTH LOGIN"), ('S', "334 VXNlcm5hbWU6"), ('C', "*"), ('S', "501 5.7.0 Mistake in the protocol: authentication cancelled [gatepost protocol-mistake]"),
        ('C', "AUTH CRAM-MD5"), ('S', "504 5.5.4 Mistake in the protocol: unrecognised mechanism, use PLAIN or LOGIN [gatepost protocol-mistake]"),
        ('C', "AUTH NTLM TlRMTVNTUAAB"), ('S', "504 5.5.4 Mistake in the protocol: unrecognised mechanism, use PLAIN or LOGIN [gatepost protocol-mistake]"),
        ('C', "AUTH PLAIN"), ('S', "334 "), ('C', "AGFubgBwdw=="), SMTP_IN, ('=', "ann"),
    ]);
}

#[test]
fn smtp_commands_pipelined_behind_a_failed_auth_are_dropped_and_behind_a_good_one_kept() {
    let mut run = Run::new(smtp());
    run.machine.feed(b"HELO x\r\nAUTH PLAIN AGFubgBubw==\r\nMAIL FROM:<a@b.c>\r\n");
    run.drain(&mut gatekeeper);
    assert_eq!(run.heard, ["no ann"]);
    run.machine.feed(b"AUTH PLAIN AGFubgBwdw==\r\nMAIL FROM:<a@b.c>\r\n");
    run.drain(&mut gatekeeper);
    assert_eq!(run.heard, ["no ann", "ann"]);
    assert_eq!(unread(run), "MAIL FROM:<a@b.c>\r\n");
}

#[test]
fn smtp_commands_that_come_while_a_login_is_checked_are_dropped_if_it_fails() {
    let mut run = Run::new(smtp());
    run.machine.feed(b"HELO x\r\nAUTH PLAIN AGFubgBubw==\r\n");
    run.drain(&mut |front: &mut SmtpFront, knock| {
        front.feed(b"MAIL FROM:<a@b.c>\r\n");
        gatekeeper(front, knock)
    });
    assert_eq!(run.heard, ["no ann"]);
    assert!(!run.machine.has_unread());
}

#[test]
fn smtp_the_mail_command_of_an_address_that_is_let_in_is_what_comes_next() {
    let mut run = Run::new(smtp());
    run.machine.feed(b"HELO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\n");
    run.drain(&mut |front: &mut SmtpFront, knock| {
        assert!(matches!(knock, Knock::Unnamed));
        front.accept(&Welcome::default());
        "done".into()
    });
    run.drain(&mut gatekeeper);
    assert!(run.said.ends_with("250 gate.example\r\n"), "nothing is said to MAIL: {}", run.said);
    assert_eq!(unread(run), "MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\n");
}

#[test]
fn smtp_a_login_that_is_refused_with_421_ends_the_session() {
    let mut run = Run::new(smtp());
    run.machine.feed(b"HELO x\r\nAUTH PLAIN AGFubgBwdw==\r\n");
    run.drain(&mut |front: &mut SmtpFront, knock| match knock {
        Knock::Bye => "bye".into(),
        _ => {
            front.refuse(&Fault::new(Kind::TooBusy, Owner::Gatepost, "too-busy", "Too many"));
            "no".into()
        }
    });
    assert_eq!(run.heard, ["no", "bye"]);
    assert!(run.said.ends_with("421 4.3.2 Too many [gatepost too-busy]\r\n"), "{}", run.said);
}

#[test]
fn every_kind_of_fault_has_its_code_in_every_protocol() {
    for (kind, pop3, imap, auth, mail) in [
        (Kind::BadCredentials, "AUTH", "AUTHENTICATIONFAILED", "535 5.7.8", "530 5.7.0"),
        (Kind::SignInNeeded, "SYS/PERM", "CONTACTADMIN", "535 5.7.0", "550 5.7.1"),
        (Kind::IdentityRefused, "SYS/PERM", "CONTACTADMIN", "535 5.7.0", "550 5.7.1"),
        (Kind::Unavailable, "SYS/TEMP", "UNAVAILABLE", "454 4.7.0", "451 4.7.0"),
        (Kind::Limited, "SYS/TEMP", "UNAVAILABLE", "454 4.7.0", "451 4.3.2"),
        (Kind::TooBusy, "SYS/TEMP", "LIMIT", "421 4.3.2", "451 4.3.2"),
        (Kind::Bug, "SYS/TEMP", "SERVERBUG", "454 4.7.0", "451 4.3.0"),
    ] {
        let fault = Fault::new(kind, Owner::Gatepost, "the-id", "No");
        assert_eq!(super::pop3::reply::refusal(&fault), format!("-ERR [{pop3}] No [gatepost the-id]\r\n"));
        assert_eq!(super::imap::reply::refusal(&fault), format!("NO [{imap}] No [gatepost the-id]"));
        assert_eq!(super::smtp::reply::auth_refusal(&fault).text(), format!("{auth} No [gatepost the-id]"));
        assert_eq!(super::smtp::reply::mail_refusal(&fault).text(), format!("{mail} No [gatepost the-id]"));
    }
}

#[test]
fn smtp_what_follows_auth_in_the_same_read_is_never_a_sasl_response() {
    let mut run = Run::new(smtp());
    run.machine.feed(b"HELO x\r\nAUTH PLAIN\r\nAGFubgBwdw==\r\n");
    run.drain(&mut gatekeeper);
    assert!(run.heard.is_empty());
    run.machine.feed(b"AGFubgBwdw==\r\n");
    run.drain(&mut gatekeeper);
    assert_eq!(run.heard, ["ann"]);
}

#[test]
fn a_lone_first_byte_of_tls_is_no_tls_however_it_is_cut() {
    front_dialogue(pop3, &[POP3_HELLO, ('C', "\x16\x00T"), ('S', "-ERR Mistake in the protocol: control bytes are not allowed in a command [gatepost protocol-mistake]")]);
}

#[test]
fn a_web_browser_and_tls_on_a_plain_port_are_told_once_and_shown_out() {
    let request = b"POST / HTTP/1.1\r\nHost: gate\r\n\r\nHELO x\r\nMAIL FROM:<a@b.c>\r\n";
    fn told(front: impl Front, request: &[u8]) -> (Breach, String) {
        let mut run = Run::new(front);
        for byte in request {
            run.machine.feed(&[*byte]);
            run.drain(&mut gatekeeper);
            if let Some(violation) = run.broken {
                assert!(run.heard.is_empty());
                let farewell = violation.farewell.unwrap();
                return (violation.breach, format!("{} {}", farewell.code, farewell.words));
            }
        }
        panic!("nothing was said");
    }
    for (code, tongue, heard) in [
        ("554 5.5.1", "SMTP", [told(smtp(), request), told(smtp(), b"\x16\x03\x01")]),
        ("* BYE", "IMAP", [told(imap(), request), told(imap(), b"\x16\x03\x01")]),
        ("-ERR", "POP3", [told(pop3(), request), told(pop3(), b"\x16\x03\x01")]),
    ] {
        let browser = (Breach::SpeaksHttp, format!("{code} {tongue}, not HTTP"));
        assert_eq!(heard, [browser, (Breach::SpeaksTls, format!("{code} "))]);
    }
}

#[test]
fn each_mistake_is_told_to_the_session_in_the_words_that_the_client_hears() {
    fn check(front: impl Front, lines: &[&str]) {
        let mut run = Run::new(front);
        for line in lines {
            let mut words = None;
            run.machine.feed(format!("{line}\r\n").as_bytes());
            run.drain(&mut |_, knock| {
                let Knock::Mistaken(what) = knock else { panic!("{line}: {knock:?}") };
                words = Some(what);
                String::new()
            });
            let words = words.unwrap_or_else(|| panic!("{line}: no mistake"));
            let said = format!(": {words} [gatepost protocol-mistake]\r\n");
            assert!(run.said.ends_with(&said), "{line}: {words}: {}", run.said);
        }
    }
    check(smtp(), &["XYZZY", "RCPT TO:<a@b.c>", "AUTH", "AUTH PLAIN x", "MAIL FROM:<a@b.c> BY=1", "NOOP \x01", "STARTTLS"]);
    check(imap(), &["", "a", "a SELECT x", "a LOGIN x", "a STARTTLS", "a AUTHENTICATE NTLM", "a NOOP \x01", "a LOGIN {5000}"]);
    check(pop3(), &["", "STAT", "USER", "PASS x", "STLS", "APOP x y", "AUTH NTLM", "AUTH PLAIN %", "NOOP \x01"]);
}

#[test]
fn lines_that_come_with_a_refused_data_or_behind_it_are_never_commands() {
    for parts in [&["DATA\r\nQUIT\r\n"][..], &["DATA\r\n", "VRFY x\r\n"], &["DATA\r\n", "NOOP\r\nDATA\r\n"]] {
        let mut run = Run::new(smtp());
        for part in parts {
            run.machine.feed(part.as_bytes());
            run.drain(&mut gatekeeper);
        }
        assert!(run.broken.is_some_and(|violation| violation.what == super::smtp::unasked::WHAT), "{parts:?}");
    }
}

#[test]
fn plain_bytes_behind_starttls_end_the_session_in_every_protocol() {
    let mut smtp = Run::new(SmtpFront::new(Keywords::new("g", vec![]), Protection::Offered, told()));
    smtp.machine.feed(b"STARTTLS\r\nEHLO x\r\n");
    smtp.drain(&mut gatekeeper);
    let mut imap = Run::new(ImapFront::new(&[], Protection::Offered, told()));
    imap.machine.feed(b"a STARTTLS\r\nb LOGIN ann pw\r\n");
    imap.drain(&mut gatekeeper);
    let mut pop3 = Run::new(Pop3Front::new(Protection::Offered, told()));
    pop3.machine.feed(b"STLS\r\nUSER ann\r\n");
    pop3.drain(&mut gatekeeper);
    assert!(smtp.broken.is_some() && imap.broken.is_some() && pop3.broken.is_some());
    assert!(smtp.heard.is_empty() && imap.heard.is_empty() && pop3.heard.is_empty());
}

#[test]
fn starttls_required_takes_no_credentials_before_tls() {
    front_dialogue(|| Pop3Front::new(Protection::Required, told()), &[
        POP3_HELLO, ('C', "CAPA"), ('S', "+OK Capability list follows"), ('S', "UIDL"), ('S', "TOP"), ('S', "RESP-CODES"),
        ('S', "AUTH-RESP-CODE"), ('S', "STLS"), ('S', "."),
        ('C', "USER ann"), ('S', "-ERR Use STARTTLS first [gatepost client-without-starttls]"), ('=', "unprotected"),
        ('C', "STLS"), ('S', "+OK Begin TLS negotiation"), ('=', "secured"),
        ('C', "USER ann"), ('S', "+OK Send PASS"), ('C', "PASS pw"), ('S', "+OK Logged in"), ('=', "ann"),
    ]);
    front_dialogue(|| ImapFront::new(&["IDLE".into()], Protection::Required, told()), &[
        ('S', "* OK [CAPABILITY IMAP4rev1 SASL-IR IDLE LOGINDISABLED STARTTLS] Gatepost ready"),
        ('C', "1 LOGIN ann pw"), ('S', "1 NO [PRIVACYREQUIRED] Use STARTTLS first [gatepost client-without-starttls]"), ('=', "unprotected"),
        ('C', "2 STARTTLS"), ('S', "2 OK Begin TLS negotiation"), ('=', "secured"),
        ('C', "3 CAPABILITY"), ('S', "* CAPABILITY IMAP4rev1 SASL-IR IDLE AUTH=PLAIN AUTH=LOGIN"), ('S', "3 OK CAPABILITY completed"),
        ('C', "7 LOGIN ann pw"), IMAP_IN, EXISTS, ('=', "ann"),
    ]);
    front_dialogue(|| SmtpFront::new(Keywords::new("g", vec![]), Protection::Required, told()), &[
        ('S', "220 g ESMTP Gatepost ready"), ('C', "HELO x"), ('S', "250 g"),
        ('C', "EHLO x"), ('S', "250-g at your service"), ('S', "250-SIZE 157286400"), ('S', "250-PIPELINING"),
        ('S', "250-ENHANCEDSTATUSCODES"), ('S', "250 STARTTLS"),
        ('C', "AUTH PLAIN AGFubgBwdw=="), ('S', "530 5.7.0 Use STARTTLS first [gatepost client-without-starttls]"), ('=', "unprotected"),
        ('C', "STARTTLS"), ('S', "220 2.0.0 Ready to start TLS"), ('=', "secured"),
        ('C', "AUTH PLAIN AGFubgBwdw=="), ('S', "503 5.5.1 Mistake in the protocol: say EHLO or HELO first [gatepost protocol-mistake]"),
        ('C', "HELO x"), ('S', "250 g"), ('C', "AUTH PLAIN AGFubgBwdw=="), SMTP_IN, ('=', "ann"),
    ]);
}
