//! The 25 quirks of real mail clients that a relay has to support, each by its number, as the client speaks it.
//!
//! What a number is about in depth stands in the file of its protocol; here is where to find that it holds at all.
//! Of number 15 there is no session of TLS 1.0.

use std::{sync::Arc, time::Duration};

use gatepost::{
    base::Protocol,
    sandbox::{Flags, INBOX},
};
use tokio::{io::AsyncReadExt, time::timeout};

use crate::world::{
    ANN, BOB, FOR_NOW, HEAD, IN, PASSWORD, PROTOCOLS, Plan, Talk, WRONG, World, base64, cheap_hash, journal, plain,
    together,
};

/// A device with a login of its own for ann's mailbox.
fn device(password: &str) -> String {
    format!(
        "[[client]]\nname = \"device\"\naccount = \"{ANN}\"\nlogin = \"device\"\npassword = \"{}\"\n",
        cheap_hash(password)
    )
}

fn deliver(world: &World, subject: &str) {
    let text = format!("Subject: {subject}\r\n\r\nx\r\n");
    world.sandbox.mailbox(ANN).unwrap().add(INBOX, Flags::default(), text.into()).unwrap();
}

/// Sends a whole message as it is and answers the final reply.
async fn message(smtp: &mut Talk, bytes: &[u8]) -> String {
    smtp.open_message().await;
    smtp.send(&[bytes, b"\r\n.\r\n"].concat()).await;
    smtp.line().await
}

async fn wrong_then_right(mut talk: Talk, protocol: Protocol) {
    assert!(talk.login(protocol, ANN, "wrong").await.starts_with(WRONG.of(protocol)));
    assert!(talk.login(protocol, ANN, PASSWORD).await.starts_with(IN.of(protocol)));
}

#[tokio::test]
async fn quirk_01_the_prompts_of_auth_login_are_exactly_these() {
    let world = World::new().await;
    let mut smtp = world.greeted(Protocol::Smtp).await;
    assert_eq!(smtp.exchange("AUTH LOGIN", "334").await, "334 VXNlcm5hbWU6");
    assert_eq!(smtp.exchange(&base64(ANN), "334").await, "334 UGFzc3dvcmQ6");
    smtp.exchange(&base64(PASSWORD), "235 ").await;
}

#[tokio::test]
async fn quirk_02_auth_login_with_the_user_inline_is_asked_for_the_password() {
    let world = World::new().await;
    let mut smtp = world.greeted(Protocol::Smtp).await;
    assert_eq!(smtp.exchange(&format!("AUTH LOGIN {}", base64(ANN)), "334").await, "334 UGFzc3dvcmQ6");
    smtp.exchange(&base64(PASSWORD), "235 ").await;
}

#[tokio::test]
async fn quirk_03_verbs_parameters_and_mechanisms_come_in_any_case() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    smtp.expect("220 ").await;
    smtp.say("ehlo client").await;
    smtp.expect_last("250 ").await;
    smtp.exchange(&format!("aUTH login {}", base64(ANN)), "334 UGFzc3dvcmQ6").await;
    smtp.exchange(&base64(PASSWORD), "235 ").await;
    smtp.exchange(&format!("mail FROM:<{ANN}> size=10 body=8bitmime"), "250 ").await;
    smtp.exchange(&format!("rcpt To:<{BOB}> notify=never"), "250 ").await;
    smtp.exchange("data", "354 ").await;
    smtp.send(format!("{HEAD}x\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 ").await;
    smtp.exchange("quit", "221 ").await;
}

#[tokio::test]
async fn quirk_04_auth_works_behind_helo_alone_and_behind_ehlo_and_helo() {
    let world = World::new().await;
    for greetings in [&["HELO camera"][..], &["EHLO camera", "HELO camera"]] {
        let mut smtp = world.smtp().await;
        smtp.expect("220 ").await;
        for greeting in greetings {
            smtp.say(greeting).await;
            smtp.expect_last("250 ").await;
        }
        smtp.exchange("AUTH LOGIN", "334 ").await;
        smtp.exchange(&base64(ANN), "334 ").await;
        smtp.exchange(&base64(PASSWORD), "235 ").await;
    }
}

#[tokio::test]
async fn quirk_05_the_greeting_name_is_never_validated_and_never_goes_upstream() {
    let names = [
        "bare-odd-host",
        "192.168.77.5",
        "[192.168.77.5]",
        "my_odd_printer",
        "FE80::77:5",
        "odd-trailing ",
        "\u{fc}\u{df}odd",
        "",
    ];
    for name in names {
        let world = World::new().await;
        for verb in ["HELO", "EHLO"] {
            let mut smtp = world.smtp().await;
            smtp.expect("220 ").await;
            smtp.say(&format!("{verb} {name}")).await;
            smtp.expect_last("250 ").await;
            smtp.exchange(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD)), "235 ").await;
            assert!(smtp.message("x").await.starts_with("250 "));
        }
        let said = world.said_upstream("smtp");
        assert!(name.is_empty() || !said.contains(name.trim()), "{name}: {said}");
    }
}

#[tokio::test]
async fn quirk_06_a_space_before_the_path_and_parameters_are_passed_on_or_dropped() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM: <{ANN}> SIZE=99 BODY=8BITMIME RET=FULL ENVID=e1 AUTH=<>"), "250 ").await;
    smtp.exchange(&format!("RCPT TO: <{BOB}> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;{BOB} "), "250 ").await;
    let said = world.said_upstream("smtp");
    assert!(said.contains(&format!("\nMAIL FROM:<{ANN}> SIZE=99 BODY=8BITMIME RET=FULL ENVID=e1\n")), "{said}");
    assert!(said.contains(&format!("\nRCPT TO:<{BOB}> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;{BOB}\n")), "{said}");
}

#[tokio::test]
async fn quirk_07_a_star_cancels_unknown_mechanisms_fall_back_and_a_second_auth_is_refused() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    smtp.expect("220 ").await;
    smtp.say("EHLO client").await;
    let shown = smtp.expect_last("250 ").await.join("\n");
    for strong in ["XOAUTH2", "OAUTHBEARER", "NTLM", "MD5"] {
        assert!(!shown.contains(strong), "{shown}");
    }
    smtp.exchange("AUTH PLAIN", "334 ").await;
    smtp.exchange("*", "501 ").await;
    for unknown in ["NTLM", "NTLM TlRMTVNTUAABAAAA", "DIGEST-MD5", "CRAM-MD5", "XOAUTH2 dXNlcj0="] {
        smtp.exchange(&format!("AUTH {unknown}"), "504 ").await;
    }
    wrong_then_right(world.greeted(Protocol::Smtp).await, Protocol::Smtp).await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD)), "235 ").await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD)), "503 ").await;
}

#[tokio::test]
async fn quirk_08_ehlo_again_rset_and_noop_keep_the_session_signed_on() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    for n in 0..3 {
        smtp.say("EHLO client").await;
        smtp.expect_last("250 ").await;
        assert!(smtp.message(&format!("{n}")).await.starts_with("250 "));
        smtp.exchange("RSET", "250 ").await;
        smtp.exchange("NOOP", "250 ").await;
    }
    assert_eq!((world.sandbox.submissions().len(), world.sandbox.counts().sign_ons), (3, 1));
}

#[tokio::test]
async fn quirk_09_a_client_that_hangs_up_without_quit_has_sent_its_message_by_the_250() {
    let world = World::new().await;
    for sent in 1..=2 {
        let mut smtp = world.smtp_as_ann().await;
        assert!(smtp.message("x").await.starts_with("250 "));
        assert_eq!(world.sandbox.submissions().len(), sent, "accepted upstream before we said 250");
        if sent == 1 { drop(smtp) } else { smtp.reset() }
    }
    world.until("nothing is held", |world| world.sandbox.counts().connections(Protocol::Smtp).open == 0).await;
    assert_eq!(world.sandbox.submissions().len(), 2);
}

#[tokio::test]
async fn quirk_10_no_message_id_and_a_date_without_weekday_pass_unchanged() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    let text = format!("MIME-Version: 1.0\r\nFrom: {ANN}\r\nTo: {BOB}\r\nDate: 3 Mar 2026 10:00:00 +0100\r\n\r\nx\r\n");
    smtp.open_message().await;
    smtp.send(format!("{text}.\r\n").as_bytes()).await;
    smtp.expect("250 ").await;
    assert_eq!(world.only_message().bytes, text);
}

#[tokio::test]
async fn quirk_11_bare_line_feeds_become_crlf_and_no_dot_between_them_ends_the_data() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    for around in ["\n.\n", "\n.\r\n", "\r\n.\n"] {
        let before = world.sandbox.submissions().len();
        let smuggled = format!("MAIL FROM:<{ANN}>\r\nRCPT TO:<{BOB}>\r\nDATA\r\nsecond");
        let text = format!("{HEAD}a\nb{around}{smuggled}");
        assert!(message(&mut smtp, text.as_bytes()).await.starts_with("250 "), "{around:?}");
        let all = world.sandbox.submissions();
        assert_eq!(all.len(), before + 1, "{around:?}");
        let arrived = String::from_utf8_lossy(&all[before].bytes);
        assert_eq!(arrived, format!("{HEAD}a\r\nb\r\n.\r\n{smuggled}\r\n"), "{around:?}");
    }
}

#[tokio::test]
async fn quirk_12_long_lines_and_japanese_bytes_pass_unchanged() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    let mut text = format!("X-Long: {}\r\n{HEAD}", "h".repeat(1500)).into_bytes();
    for line in [&b"\x1b$B%F%9%H\x1b(B"[..], b"\x83e\x83X\x83g\x8dH", &[b'b'; 5000], &[b'B'; 400_000]] {
        text.extend([line, b"\r\n"].concat());
    }
    text.truncate(text.len() - 2);
    assert!(message(&mut smtp, &text).await.starts_with("250 "));
    assert!(world.only_message().bytes.strip_suffix(b"\r\n").unwrap() == text);
}

#[tokio::test]
async fn quirk_13_commands_byte_by_byte_data_in_small_writes_and_a_torn_end() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    for byte in format!("MAIL FROM:<{ANN}>\r\nRCPT TO:<{BOB}>\r\nDATA\r\n").bytes() {
        smtp.send(&[byte]).await;
    }
    for code in ["250 ", "250 ", "354 "] {
        smtp.expect(code).await;
    }
    let text = format!("{HEAD}{}", "..stuffed line of a message\r\n".repeat(50));
    for piece in text.as_bytes().chunks(90) {
        smtp.send(piece).await;
    }
    for piece in ["end\r", "\n", ".", "\r", "\n"] {
        smtp.send(piece.as_bytes()).await;
    }
    smtp.expect("250 ").await;
    assert_eq!(world.only_message().bytes, format!("{}end\r\n", text.replace("\n..", "\n.")));
}

#[tokio::test]
async fn quirk_13_a_pause_of_twelve_seconds_inside_data_ends_nothing() {
    let world = World::new().await;
    let mut smtp = world.smtp_in_data().await;
    smtp.send(format!("{HEAD}first\r\n").as_bytes()).await;
    // For the daemon and the sandbox alike: they share this test's clock.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(12)).await;
    tokio::time::resume();
    smtp.send(b"second\r\n.\r\n").await;
    smtp.expect("250 ").await;
    assert!(world.only_message().bytes.ends_with(b"first\r\nsecond\r\n"));
}

#[tokio::test]
async fn quirk_14_ehlo_shows_what_is_carried_and_nothing_else() {
    let world = World::with(Plan::faulty(|faults| faults.smtp.hidden = vec!["DSN".into(), "SMTPUTF8".into()])).await;
    let mut stranger = world.smtp().await;
    stranger.expect("220 ").await;
    for mut smtp in [stranger, world.smtp_as_ann().await] {
        smtp.say("EHLO client").await;
        let shown = smtp.expect_last("250 ").await;
        let words: Vec<_> = shown.iter().skip(1).map(|line| &line[4..]).collect();
        let known = ["SIZE 157286400", "PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "AUTH PLAIN LOGIN"];
        assert!(words.len() >= 4 && words.iter().all(|word| known.contains(word)), "{words:?}");
        smtp.exchange("BDAT 5 LAST", "502 ").await;
        smtp.send(b"NOOP\r\nRSET\r\nQUIT\r\n").await;
        for code in ["250 ", "250 ", "221 "] {
            smtp.expect(code).await;
        }
    }
}

/// A ClientHello of a device that knows TLS 1.0 and one old cipher.
fn old_client_hello() -> Vec<u8> {
    let body = [&[3, 1][..], &[7; 32], &[0, 0, 2, 0, 0x2f, 1, 0]].concat();
    let handshake = [&[1, 0, 0, body.len() as u8][..], &body].concat();
    [&[0x16, 3, 1, 0, handshake.len() as u8][..], &handshake].concat()
}

#[tokio::test]
async fn quirk_15_tls_on_the_plain_port_and_tls_1_0_are_refused_at_once_and_no_server_name_is_needed() {
    let world = World::new().await;
    // So does a hello in the form of SSL 2.0 (RFC 5246 E.2). A session that waits for a command has a minute.
    let ssl_2 = [&[0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10][..], &[7; 37]].concat();
    for hello in [old_client_hello(), ssl_2] {
        let mut smtp = world.smtp().await;
        smtp.expect("220 ").await;
        smtp.send(&hello).await;
        let said = timeout(Duration::from_secs(30), smtp.rest()).await.expect("at once");
        assert!(said.starts_with("554 5.5.1 This port begins in plain text"), "{said}");
    }
    let world = World::with(Plan { tls: "implicit", ..Plan::default() }).await;
    let mut device = world.smtp().await;
    device.send(&old_client_hello()).await;
    timeout(Duration::from_secs(30), device.rest()).await.expect("at once");
    let told = journal().lines(&["TLS", &format!("peer={}:", world.source)]);
    assert!(!told.is_empty(), "the log says what the device lacks");
    // An address as name: no SNI is sent (RFC 6066 3).
    let mut roots = rustls::RootCertStore::empty();
    let pem = std::fs::read(world.dir.path().join("gatepost-selfsigned.pem")).unwrap();
    roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(&pem).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let config =
        config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth();
    let tcp = Talk::tcp(world.source, world.address(Protocol::Smtp)).await;
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let mut tls = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
    let mut code = [0u8; 4];
    tls.read_exact(&mut code).await.unwrap();
    assert_eq!(&code, b"220 ");
}

#[tokio::test]
async fn quirk_16_recipients_are_refused_one_by_one_and_a_drop_in_data_delivers_nothing() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange("RCPT TO:<nobody@contoso.example>", "550 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("RCPT TO:<nobody@contoso.example>", "550 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("{HEAD}half").as_bytes()).await;
    drop(smtp);
    world.until("the upstream is free", |world| world.sandbox.counts().connections(Protocol::Smtp).open == 0).await;
    assert!(world.sandbox.submissions().is_empty());
    assert!(world.smtp_as_ann().await.message("whole").await.starts_with("250 "));
    assert_eq!(world.only_message().recipients, [BOB]);
}

#[tokio::test]
async fn quirk_17_tags_are_opaque_and_none_of_ours_is_ever_seen() {
    let world = World::new().await;
    for tag in ["52", "A.b-3", "00000000", "8r6y", "gpa", "gpn"] {
        let mut imap = world.imap().await;
        imap.expect("* OK ").await;
        imap.say(&format!("{tag} LOGIN {ANN} \"{PASSWORD}\"")).await;
        imap.say("z NOOP").await;
        let said = imap.expect_last("z OK").await;
        assert_eq!(said.iter().filter(|line| line.starts_with(&format!("{tag} OK "))).count(), 1, "{said:?}");
        assert!(said.iter().all(|line| line.starts_with(tag) || !line.starts_with("gp")), "{said:?}");
    }
}

#[tokio::test]
async fn quirk_18_commands_come_torn_and_several_in_one_packet_across_login() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    imap.expect("* OK ").await;
    imap.send(format!("A0001 LOGIN {ANN} \"{PASSWORD}\"\r\nA0002 SELECT INBOX\r\nA0003").as_bytes()).await;
    imap.expect_last("A0002 OK").await;
    imap.send(b" LIST \"\" *\r\nA0004 NOOP\r\n").await;
    imap.expect("* LIST").await;
    imap.expect_last("A0003 OK").await;
    imap.expect_last("A0004 OK").await;
}

fn words(line: &str) -> Vec<String> {
    let list = line.split_once("CAPABILITY ").unwrap().1.split(']').next().unwrap();
    list.split(' ').map(str::to_owned).collect()
}

#[tokio::test]
async fn quirk_19_greeting_capability_and_the_tagged_ok_say_what_clients_never_ask_for() {
    let world = World::new().await;
    let mut imap = world.imap_as_ann().await;
    // The tagged OK of the first login carries the live list already.
    imap.exchange("b NOOP", "b OK").await;
    let mut imap = world.imap().await;
    let greeting = words(&imap.expect("* OK [CAPABILITY ").await);
    for word in ["IMAP4rev1", "AUTH=PLAIN", "AUTH=LOGIN", "SASL-IR", "LITERAL+", "ID", "IDLE"] {
        assert!(greeting.iter().any(|shown| shown == word), "{word} in {greeting:?}");
    }
    assert_eq!(words(&imap.exchange("c CAPABILITY", "* CAPABILITY ").await), greeting);
    imap.expect("c OK").await;
    let after = words(&imap.exchange(&format!("d LOGIN {ANN} \"{PASSWORD}\""), "d OK [CAPABILITY ").await);
    for word in ["IMAP4rev1", "UIDPLUS", "MOVE", "IDLE", "LITERAL+"] {
        assert!(after.iter().any(|shown| shown == word), "{word} in {after:?}");
    }
    for word in after {
        assert!(
            !["AUTH=", "STARTTLS", "LOGINDISABLED", "COMPRESS", "BACKEND"].iter().any(|no| word.starts_with(no)),
            "{word}"
        );
    }
}

#[tokio::test]
async fn quirk_20_move_stands_in_the_list_before_login_that_imaplib_keeps() {
    for has_move in [true, false] {
        let hidden = if has_move { Vec::new() } else { vec!["MOVE".to_owned()] };
        let world = World::with(Plan::faulty(|faults| faults.imap.hidden = hidden)).await;
        drop(world.imap_as_ann().await);
        let shown = words(&world.imap().await.expect("* OK [CAPABILITY ").await);
        assert_eq!(shown.iter().any(|word| word == "MOVE"), has_move, "{shown:?}");
    }
}

#[tokio::test]
async fn quirk_21_idle_wakes_at_once_ends_with_done_in_lower_case_and_may_come_before_select() {
    let world = World::new().await;
    let mut imap = world.imap_as_ann().await;
    imap.exchange("b IDLE", "+ ").await;
    imap.exchange("done", "b OK").await;
    imap.say("c SELECT INBOX").await;
    imap.expect_last("c OK").await;
    imap.exchange("d IDLE", "+ ").await;
    deliver(&world, "news");
    imap.expect_last("* 1 EXISTS").await;
    drop(imap);
    world.until("the upstream is free", |world| world.sandbox.counts().connections(Protocol::Imap).open == 0).await;
}

#[tokio::test]
async fn quirk_22_authenticate_plain_in_both_forms_a_cancel_and_ntlm_leave_login_usable() {
    let world = World::new().await;
    let plain = plain(ANN, PASSWORD);
    let mut imap = world.greeted(Protocol::Imap).await;
    imap.exchange("1 AUTHENTICATE NTLM", "1 NO").await;
    assert_eq!(imap.exchange("2 AUTHENTICATE PLAIN", "+").await, "+ ");
    imap.exchange("*", "2 BAD").await;
    assert_eq!(imap.exchange("3 AUTHENTICATE PLAIN", "+").await, "+ ");
    imap.exchange(&plain, "3 OK").await;
    world.greeted(Protocol::Imap).await.exchange(&format!("4 AUTHENTICATE PLAIN {plain}"), "4 OK").await;
    wrong_then_right(world.greeted(Protocol::Imap).await, Protocol::Imap).await;
}

#[tokio::test]
async fn quirk_23_quoted_strings_literals_and_8_bit_passwords_in_login() {
    let odd = "a \"b\" \\c gr\u{fc}n";
    let world = World::with(Plan { more: device(odd), ..Plan::default() }).await;
    let quoted = odd.replace('\\', "\\\\").replace('"', "\\\"");
    let latin1: Vec<u8> = odd.chars().map(|c| c as u8).collect();
    let (utf8, n) = (odd.as_bytes(), latin1.len());
    let forms: [Vec<u8>; 4] = [
        format!("a LOGIN \"device\" \"{quoted}\"\r\n").into(),
        [format!("a LOGIN device {{{}+}}\r\n", utf8.len()).as_bytes(), utf8, b"\r\n"].concat(),
        [format!("a LOGIN {{6+}}\r\ndevice {{{n}+}}\r\n").as_bytes(), &latin1, b"\r\n"].concat(),
        format!("a LOGIN device \"{quoted}\"\r\n").chars().map(|c| c as u8).collect(),
    ];
    for form in forms {
        let mut imap = world.greeted(Protocol::Imap).await;
        imap.send(&form).await;
        imap.expect("a OK").await;
    }
    let mut imap = world.greeted(Protocol::Imap).await;
    imap.exchange("a LOGIN {6}", "+ ").await;
    imap.exchange(&format!("device {{{}}}", utf8.len()), "+ ").await;
    imap.exchange(odd, "a OK").await;
}

#[tokio::test]
async fn quirk_24_compress_is_not_shown_and_refused_before_login_and_by_the_upstream_behind_it() {
    let world = World::with(Plan::faulty(|faults| faults.imap.shown = vec!["COMPRESS=DEFLATE".into()])).await;
    let mut imap = world.greeted(Protocol::Imap).await;
    imap.exchange("a COMPRESS DEFLATE", "a BAD").await;
    let said = imap.exchange(&format!("b LOGIN {ANN} \"{PASSWORD}\""), "b OK").await;
    assert!(said.contains("CAPABILITY") && !said.contains("COMPRESS"), "{said}");
    imap.exchange("c COMPRESS DEFLATE", "c BAD").await;
    imap.exchange("d NOOP", "d OK").await;
}

#[tokio::test]
async fn quirk_25_pop3_passwords_with_spaces_old_auth_forms_pipelining_and_no_deletion_without_quit() {
    let world = World::with(Plan { more: device(" two words "), ..Plan::default() }).await;
    deliver(&world, "one");
    let mut pop3 = world.greeted(Protocol::Pop3).await;
    pop3.say("CAPA").await;
    pop3.expect_last(".").await;
    pop3.say("AUTH").await;
    assert_eq!(pop3.expect_last(".").await, ["+OK", "PLAIN", "LOGIN", "."]);
    pop3.exchange("AUTH NTLM", "-ERR").await;
    pop3.exchange("APOP ann 0123456789abcdef0123456789abcdef", "-ERR").await;
    pop3.send(b"USER device\r\nPASS  two words \r\nSTAT\r\nDELE 1\r\n").await;
    for line in ["+OK", "+OK", "+OK 1 ", "+OK"] {
        pop3.expect(line).await;
    }
    drop(pop3);
    let mut pop3 = world.pop3_as_ann().await;
    for (say, hear) in [("STAT", "+OK 1 "), ("LIST 1", "+OK 1 "), ("UIDL 1", "+OK 1 ")] {
        pop3.exchange(say, hear).await;
    }
    pop3.say("TOP 1 0").await;
    assert!(pop3.expect_last(".").await.contains(&"Subject: one".to_owned()));
    // Exchange decides about LAST; it passes like everything else.
    pop3.say("LAST").await;
    pop3.line().await;
    assert!(world.said_upstream("pop3").contains("\nLAST\n"));
}

#[tokio::test]
async fn all_24_sessions_at_once_and_probes_hear_a_greeting_while_the_upstream_is_down() {
    let world = World::with(Plan::faulty(|faults| faults.smtp.connections = None)).await;
    together((0..24).map(|n| {
        let world = &world;
        async move {
            world.ann_hears(PROTOCOLS[n % 3], IN).await;
        }
    }))
    .await;
    let world = World::with(Plan::faulty(|faults| {
        let down = Some(0);
        (faults.smtp.line.drop_after_bytes, faults.imap.line.drop_after_bytes, faults.pop3.line.drop_after_bytes) =
            (down, down, down);
    }))
    .await;
    for protocol in PROTOCOLS {
        drop(world.greeted(protocol).await);
        world.ann_hears(protocol, FOR_NOW).await;
    }
}
