//! What devices say, replayed against a mailbox whose mail is queued: the same dialogues as against one whose is not.
//!
//! Each stands for a family of `quirks.rs`, whose numbers are named. `C` is said with CRLF behind it, `S` must begin the
//! last line of the answer, `R` goes out byte for byte.

use gatepost::base::Protocol;

use super::{queued, until_empty};
use crate::world::{ANN, BOB, HEAD, PASSWORD, Talk, World, base64, plain};

enum Line {
    C(String),
    S(&'static str),
    R(Vec<u8>),
}
use Line::{C, R, S};

fn c(line: impl Into<String>) -> Line {
    C(line.into())
}

fn raw(bytes: impl AsRef<[u8]>) -> Line {
    R(bytes.as_ref().to_vec())
}

/// The transaction of most devices, whose message is `bytes`; CRLF.CRLF goes behind it.
fn mail(bytes: impl AsRef<[u8]>) -> Vec<Line> {
    vec![
        c(format!("MAIL FROM:<{ANN}>")),
        S("250 "),
        c(format!("RCPT TO:<{BOB}>")),
        S("250 "),
        c("DATA"),
        S("354 "),
        raw([bytes.as_ref(), b"\r\n.\r\n"].concat()),
        S("250 2.0.0 Queued as "),
    ]
}

fn auth_login() -> Vec<Line> {
    vec![c("AUTH LOGIN"), S("334 VXNlcm5hbWU6"), c(base64(ANN)), S("334 UGFzc3dvcmQ6"), c(base64(PASSWORD)), S("235 ")]
}

/// Plays one device on a connection of its own, and hangs up as it does at its end.
async fn play(world: &World, lines: impl IntoIterator<Item = Line>) {
    let mut smtp: Talk = world.talk(Protocol::Smtp).await;
    smtp.expect("220 ").await;
    for line in lines {
        match line {
            C(line) => smtp.say(&line).await,
            R(bytes) => smtp.send(&bytes).await,
            S(start) => drop(smtp.expect_last(start).await),
        }
    }
}

/// What arrived of the one device that was played, its bytes.
async fn delivered(world: &World) -> Vec<u8> {
    until_empty(world.dir.path(), 20).await;
    world.only_message().bytes.to_vec()
}

async fn arrives(wanted: impl AsRef<[u8]>, lines: impl IntoIterator<Item = Line>) {
    let world = World::with(queued("")).await;
    play(&world, lines).await;
    let (wanted, came) = (wanted.as_ref(), delivered(&world).await);
    assert!(came == wanted, "{}\n---\n{}", String::from_utf8_lossy(&came), String::from_utf8_lossy(wanted));
}

/// Quirks 1, 3 and 4: HELO alone, verbs in lower case, AUTH LOGIN.
#[tokio::test]
async fn a_camera_that_says_helo_and_lower_case_verbs() {
    let text = format!("{HEAD}motion at the gate");
    let lines = [c("helo camera"), S("250 ")].into_iter().chain(auth_login()).chain([
        c(format!("mail from:<{ANN}> size=10 body=8bitmime")),
        S("250 "),
        c(format!("rcpt to:<{BOB}> notify=never")),
        S("250 "),
        c("data"),
        S("354 "),
        raw(format!("{text}\r\n.\r\n")),
        S("250 2.0.0 Queued as "),
        c("quit"),
        S("221 "),
    ]);
    arrives(format!("{text}\r\n"), lines).await;
}

/// Quirks 2, 5 and 6: the user inline, an odd name, a space before the path.
#[tokio::test]
async fn a_printer_with_its_user_inline_and_a_space_before_the_path() {
    let text = format!("{HEAD}toner is low");
    let lines = [
        c("EHLO my_odd_printer"),
        S("250 "),
        c(format!("AUTH login {}", base64(ANN))),
        S("334 UGFzc3dvcmQ6"),
        c(base64(PASSWORD)),
        S("235 "),
        c(format!("MAIL FROM: <{ANN}>")),
        S("250 "),
        c(format!("RCPT TO: <{BOB}> ")),
        S("250 "),
        c("DATA"),
        S("354 "),
        raw(format!("{text}\r\n.\r\n")),
        S("250 2.0.0 Queued as "),
    ];
    arrives(format!("{text}\r\n"), lines).await;
}

/// Quirk 9: it hangs up right behind the 250, without QUIT.
#[tokio::test]
async fn a_monitor_that_hangs_up_behind_its_250() {
    let text = format!("{HEAD}host down");
    let lines = [c("EHLO monitor"), S("250 "), c(format!("AUTH PLAIN {}", plain(ANN, PASSWORD))), S("235 ")];
    arrives(format!("{text}\r\n"), lines.into_iter().chain(mail(&text))).await;
}

/// Quirk 11: bare line feeds become CRLF, and no dot between them ends the data.
#[tokio::test]
async fn a_scanner_that_writes_bare_line_feeds() {
    let head = [c("EHLO scanner"), S("250 ")].into_iter().chain(auth_login());
    let text = format!("{}page 1\n.\nMAIL FROM:<{ANN}>\npage 2", HEAD.replace("\r\n", "\n"));
    let wanted = format!("{HEAD}page 1\r\n.\r\nMAIL FROM:<{ANN}>\r\npage 2\r\n");
    arrives(wanted, head.chain(mail(text))).await;
}

/// Quirks 10 and 12: no Message-ID, long lines, and bytes of any charset.
#[tokio::test]
async fn a_copier_that_writes_japanese_in_two_charsets_and_very_long_lines() {
    let mut text = format!("X-Long: {}\r\n{HEAD}", "h".repeat(1500)).into_bytes();
    for line in [&b"\x1b$B%F%9%H\x1b(B"[..], b"\x83e\x83X\x83g\x8dH", &[b'b'; 5000], &[b'B'; 400_000]] {
        text.extend([line, b"\r\n"].concat());
    }
    let sent = text[..text.len() - 2].to_vec();
    arrives(text, [c("EHLO copier"), S("250 ")].into_iter().chain(auth_login()).chain(mail(sent))).await;
}

/// Quirk 13: commands byte by byte, a body in small pieces, a torn end.
#[tokio::test]
async fn a_scale_that_sends_byte_by_byte() {
    let world = World::with(queued("")).await;
    let text = format!("{HEAD}{}", "..a line that begins with a dot\r\n".repeat(20));
    let login = [c("EHLO scale"), S("250 "), c(format!("AUTH PLAIN {}", plain(ANN, PASSWORD))), S("235 ")];
    let commands = format!("MAIL FROM:<{ANN}>\r\nRCPT TO:<{BOB}>\r\nDATA\r\n");
    let bytes = |text: &str| text.bytes().map(|byte| R(vec![byte])).collect::<Vec<_>>();
    let lines = login.into_iter().chain(bytes(&commands)).chain([S("250 "), S("250 "), S("354 ")]);
    play(&world, lines.chain(bytes(&text)).chain(bytes(".\r\n")).chain([S("250 2.0.0 Queued as ")])).await;
    assert_eq!(String::from_utf8(delivered(&world).await).unwrap(), text.replace("\n..", "\n."));
}

/// Quirk 8: one session for many messages, with EHLO, RSET and NOOP in between.
#[tokio::test]
async fn a_program_that_sends_many_in_one_session_and_resets_in_between() {
    let world = World::with(queued("limits = { connections = 1 }")).await;
    let mut lines = vec![c("EHLO program"), S("250 "), c(format!("AUTH PLAIN {}", plain(ANN, PASSWORD))), S("235 ")];
    for n in 0..3 {
        lines.extend([c("NOOP"), S("250 "), c(format!("MAIL FROM:<{ANN}>")), S("250 "), c("RSET"), S("250 ")]);
        lines.extend(mail(format!("{HEAD}{n}")));
        lines.extend([c("EHLO program"), S("250 ")]);
    }
    play(&world, lines).await;
    until_empty(world.dir.path(), 20).await;
    let all = world.sandbox.submissions();
    let bodies: Vec<_> = all.iter().map(|one| String::from_utf8_lossy(&one.bytes).into_owned()).collect();
    assert_eq!(bodies, [0, 1, 2].map(|n| format!("{HEAD}{n}\r\n")), "in the order of acceptance");
    assert_eq!(world.sandbox.counts().sign_ons, 1);
}

/// Quirk 16: recipients are refused one by one, here by the queue's own answer: an address that is none.
#[tokio::test]
async fn a_message_for_several_goes_to_each_once() {
    let world = World::with(queued("")).await;
    let shared = "shared@contoso.example";
    let lines = [
        c("EHLO program"),
        S("250 "),
        c(format!("AUTH PLAIN {}", plain(ANN, PASSWORD))),
        S("235 "),
        raw(format!("MAIL FROM:<{ANN}>\r\nRCPT TO:<{BOB}>\r\nRCPT TO:<>\r\nRCPT TO:<{shared}>\r\nDATA\r\n")),
        S("250 "),
        S("250 "),
        S("501 "),
        S("250 "),
        S("354 "),
        raw(format!("{HEAD}x\r\n.\r\n")),
        S("250 2.0.0 Queued as "),
    ];
    play(&world, lines).await;
    until_empty(world.dir.path(), 20).await;
    assert_eq!(world.only_message().recipients, [BOB, shared]);
}

/// Quirk 7: a `*` cancels, mechanisms that nobody has are refused one by one, and a second AUTH is.
#[tokio::test]
async fn a_library_that_tries_every_mechanism_it_knows_before_plain() {
    let mut lines = vec![c("EHLO library"), S("250 "), c("AUTH PLAIN"), S("334 "), c("*"), S("501 ")];
    for unknown in ["NTLM", "DIGEST-MD5", "CRAM-MD5", "XOAUTH2 dXNlcj0="] {
        lines.extend([c(format!("AUTH {unknown}")), S("504 ")]);
    }
    let auth = || c(format!("AUTH PLAIN {}", plain(ANN, PASSWORD)));
    lines.extend([auth(), S("235 "), auth(), S("503 ")]);
    let text = format!("{HEAD}at last");
    arrives(format!("{text}\r\n"), lines.into_iter().chain(mail(&text))).await;
}

/// Quirk 10: a date without a weekday, and nothing that would name the message.
#[tokio::test]
async fn a_meter_whose_date_has_no_weekday() {
    let text = format!("From: {ANN}\r\nTo: {BOB}\r\nDate: 3 Mar 2026 10:00:00 +0100\r\n\r\n42 kWh");
    let lines = [c("EHLO meter"), S("250 ")].into_iter().chain(auth_login());
    arrives(format!("{text}\r\n"), lines.chain(mail(&text))).await;
}

/// Quirk 13: a long pause in the middle of the message.
#[tokio::test]
async fn a_scanner_that_warms_up_its_lamp_in_the_middle_of_a_message() {
    let world = World::with(queued("")).await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.open_message().await;
    smtp.send(format!("{HEAD}first\r\n").as_bytes()).await;
    super::jump(std::time::Duration::from_secs(12)).await;
    // Whoever hears this comes behind all that was due.
    drop(world.greeted(Protocol::Smtp).await);
    smtp.send(b"second\r\n.\r\n").await;
    smtp.expect("250 2.0.0 Queued as ").await;
    assert!(delivered(&world).await.ends_with(b"first\r\nsecond\r\n"));
}

/// Quirk 14: what EHLO shows is what the mail server behind the queue carries, before and behind the login.
#[tokio::test]
async fn a_program_that_asks_what_is_carried() {
    let mut plan = queued("");
    plan.sandbox.faults.smtp.hidden = vec!["DSN".into(), "SMTPUTF8".into()];
    let world = World::with(plan).await;
    let mut smtp = world.talk(Protocol::Smtp).await;
    smtp.expect("220 ").await;
    for login in [format!("AUTH PLAIN {}", plain(ANN, PASSWORD)), "NOOP".to_owned()] {
        smtp.say("EHLO program").await;
        let shown = smtp.expect_last("250 ").await;
        let words: Vec<_> = shown.iter().skip(1).map(|line| &line[4..]).collect();
        assert!(words.contains(&"PIPELINING") && !words.contains(&"CHUNKING"), "{words:?}");
        smtp.exchange("BDAT 5 LAST", "502 ").await;
        smtp.exchange("RSET", "250 ").await;
        smtp.exchange(&login, "2").await;
    }
    let text = format!("{HEAD}x");
    for line in mail(&text) {
        match line {
            C(line) => smtp.say(&line).await,
            R(bytes) => smtp.send(&bytes).await,
            S(start) => drop(smtp.expect_last(start).await),
        }
    }
    assert_eq!(delivered(&world).await, format!("{text}\r\n").into_bytes());
}
