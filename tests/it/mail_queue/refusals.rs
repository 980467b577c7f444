//! What the queue does not take: the right code, a clear text, and neither row nor file of it.

use std::time::Duration;

use gatepost::{
    base::Protocol,
    sandbox::{AfterDot, Answer},
};
use mailparse::MailHeaderMap;

use super::{arrived, bodies, jump, outages::waits_for, queue, queued, rows, subject, until_empty};
use crate::world::{ANN, BOB, HEAD, PASSWORD, Plan, Talk, World, cheap_hash, until};

fn copier() -> Plan {
    let hash = cheap_hash("copier");
    let client = format!(
        "[[client]]\nname = \"3F copier\"\naccount = \"{ANN}\"\nlogin = \"copier\"\npassword = \"{hash}\"\n\
         recipients = [\"*@contoso.example\"]\n"
    );
    Plan { more: client, ..queued("") }
}

async fn as_copier(world: &World) -> Talk {
    let mut smtp = world.greeted(Protocol::Smtp).await;
    assert!(smtp.login(Protocol::Smtp, "copier", "copier").await.starts_with("235 "));
    smtp
}

/// The reply to a message of these bytes as they are.
async fn ends(smtp: &mut Talk, bytes: &[u8]) -> String {
    smtp.open_message().await;
    smtp.send(&[bytes, b"\r\n.\r\n"].concat()).await;
    smtp.line().await
}

/// No row at any time; a body that nobody wants is removed behind the reply.
async fn nothing_is_left(world: &World) {
    let rows = rows(world.dir.path()).await;
    assert!(rows.is_empty(), "{rows:?}");
    world.until("no body is left", |world| bodies(world.dir.path()).is_empty()).await;
}

/// And the session goes on: a good message gets through, alone.
async fn nothing_stays(world: &World, smtp: &mut Talk) {
    nothing_is_left(world).await;
    queue(smtp, "good").await;
    until_empty(world.dir.path(), 20).await;
    assert_eq!(arrived(&world.sandbox), ["good"]);
}

#[tokio::test]
async fn a_recipient_outside_the_clients_rule_is_refused_alone_and_with_nobody_left_so_is_the_message() {
    let world = World::with(copier()).await;
    let mut smtp = as_copier(&world).await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    let said = smtp.exchange("RCPT TO:<eve@elsewhere.example>", "550 5.7.1 ").await;
    assert!(said.contains("<eve@elsewhere.example>") && said.ends_with("[gatepost recipient-not-allowed]"), "{said}");
    smtp.exchange("DATA", "554 5.5.1 ").await;
    smtp.exchange("RSET", "250 ").await;
    nothing_stays(&world, &mut smtp).await;

    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange("RCPT TO:<eve@elsewhere.example>", "550 5.7.1 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("{HEAD}to one of two\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 ").await;
    world.until("the delivery", |world| world.sandbox.submissions().len() == 2).await;
    assert_eq!(world.sandbox.submissions()[1].recipients, [BOB]);
}

#[tokio::test]
async fn a_sender_outside_send_as_is_refused_in_the_envelope_and_in_from() {
    let world = World::with(copier()).await;
    let mut smtp = as_copier(&world).await;
    let said = smtp.exchange("MAIL FROM:<boss@contoso.example>", "550 5.7.1 ").await;
    assert!(said.contains("<boss@contoso.example> in MAIL FROM") && said.contains("send-as"), "{said}");
    let said = ends(&mut smtp, b"From: <boss@contoso.example>\r\nSubject: x\r\n\r\nx").await;
    assert!(said.starts_with("550 5.7.1 ") && said.contains("<boss@contoso.example> in From"), "{said}");
    assert!(said.ends_with("[gatepost sender-not-allowed]"), "{said}");
    nothing_stays(&world, &mut smtp).await;
}

#[tokio::test]
async fn more_recipients_than_a_message_may_have_are_452_one_by_one_and_the_others_get_it() {
    let world = World::with(copier()).await;
    let mut smtp = as_copier(&world).await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    for _ in 0..1000 {
        smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    }
    let said = smtp.exchange(&format!("RCPT TO:<{BOB}>"), "452 4.5.3 ").await;
    assert!(said.contains("1000"), "{said}");
    smtp.exchange("RSET", "250 ").await;
    nothing_stays(&world, &mut smtp).await;
}

/// Small, and a great deal of work for who reads it: 24 of them at once held up everybody else for 300 ms.
#[tokio::test]
async fn a_header_of_more_than_4000_fields_is_not_read() {
    let world = World::with(copier()).await;
    for (fields, code) in [
        (
            4100,
            "552 5.3.4 The header of the message is larger than the mail server takes: it has more than 4000 fields",
        ),
        (3900, "250 2.0.0 Queued as "),
    ] {
        let head = HEAD.replace("\r\n\r\n", &format!("{}\r\n\r\n", "\r\na:".repeat(fields)));
        let said = ends(&mut as_copier(&world).await, head.as_bytes()).await;
        assert!(said.starts_with(code), "{said}");
    }
    until_empty(world.dir.path(), 20).await;
}

#[tokio::test]
async fn what_is_too_large_is_552_where_it_says_so_itself_and_where_it_turns_out() {
    let world = World::with(copier()).await;
    let mut smtp = as_copier(&world).await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}> SIZE=157286401"), "552 5.3.4 ").await;
    let head = HEAD.replace("\r\n\r\n", &"\r\nX-Filler: x".repeat(30_000));
    let said = ends(&mut smtp, head.as_bytes()).await;
    assert!(said.starts_with("552 5.3.4 ") && said.contains("256 KiB"), "{said}");
    // Only just too large, and ended by the time that it is noticed.
    let head = HEAD.replace("\r\n\r\n", &format!("{}\r\n\r\n", "\r\nX-Filler: x".repeat(20_166)));
    let said = ends(&mut as_copier(&world).await, head.as_bytes()).await;
    assert!(said.starts_with("552 5.3.4 ") && said.contains("256 KiB"), "{said}");
    nothing_is_left(&world).await;

    smtp.open_message().await;
    smtp.send(HEAD.as_bytes()).await;
    let piece = format!("{}\r\n", "x".repeat(998)).repeat(1024).into_bytes();
    for _ in 0..=(157_286_400 / piece.len()) {
        smtp.send(&piece).await;
    }
    smtp.send(b".\r\n").await;
    let said = smtp.line().await;
    assert!(said.starts_with("552 5.3.4 ") && said.contains("157286400"), "{said}");
    nothing_stays(&world, &mut smtp).await;
}

#[tokio::test]
async fn nul_bytes_and_bare_cr_are_554_wherever_they_stand() {
    let world = World::with(copier()).await;
    let mut smtp = as_copier(&world).await;
    let filler = "x\r\n".repeat(50_000);
    for (byte, id) in [(b"\0", "nul-byte"), (b"\r", "bare-cr")] {
        let in_head = [b"X-Odd: a".as_slice(), byte, b"b\r\n", HEAD.as_bytes(), b"x"].concat();
        let in_body = [HEAD.as_bytes(), b"a", byte, b"b"].concat();
        let far_behind = [HEAD.as_bytes(), filler.as_bytes(), b"a", byte, b"b"].concat();
        for message in [in_head, in_body, far_behind] {
            let said = ends(&mut smtp, &message).await;
            assert!(said.starts_with("554 5.6.11 ") && said.contains(id), "{said}");
        }
    }
    nothing_stays(&world, &mut smtp).await;
}

#[tokio::test]
async fn malformed_mime_is_nobodys_business_and_arrives_byte_for_byte() {
    let world = World::with(copier()).await;
    let mut smtp = as_copier(&world).await;
    let broken = format!(
        "From: <{ANN}>\r\nSubject: broken\r\nDate: never\r\nMIME-Version: 7\r\n\
         Content-Type: multipart/mixed; boundary=\"a\r\n\r\n--a\r\nContent-Transfer-Encoding: base64\r\n\r\n\
         =?not?base64\r\n--b--\r\n..\r\n\u{fffd}"
    );
    assert!(ends(&mut smtp, broken.as_bytes()).await.starts_with("250 2.0.0 Queued as "));
    until_empty(world.dir.path(), 20).await;
    let message = world.only_message();
    assert_eq!(subject(&message), "broken");
    assert_eq!(String::from_utf8_lossy(&message.bytes), broken.replace("\r\n..\r\n", "\r\n.\r\n") + "\r\n");
}

#[tokio::test]
async fn a_body_that_stops_in_the_middle_leaves_nothing_however_its_client_ends() {
    let world = World::with(copier()).await;
    for end in 0..3 {
        let mut smtp = as_copier(&world).await;
        smtp.open_message().await;
        smtp.send(format!("{HEAD}{}half a li", "x\r\n".repeat(50_000)).as_bytes()).await;
        world.until("the body is on its way", |world| !bodies(world.dir.path()).is_empty()).await;
        match end {
            0 => drop(smtp),
            1 => smtp.reset(),
            _ => smtp.half_close().await,
        }
        world.until("nothing is left", |world| bodies(world.dir.path()).is_empty()).await;
        assert!(rows(world.dir.path()).await.is_empty());
    }
    nothing_stays(&world, &mut as_copier(&world).await).await;
}

/// What it is asked of shows when it is sent: a server without SMTPUTF8 has no way to say what these octets are.
#[tokio::test]
async fn a_header_outside_ascii_that_the_mail_server_does_not_carry_is_told_to_the_sender_and_no_text_is() {
    let mut plan = queued("");
    plan.sandbox.faults.smtp.hidden = vec!["SMTPUTF8".into()];
    let world = World::with(plan).await;
    let mut smtp = world.smtp_as_ann().await;
    for (subject, text) in [("plain", "grüße"), ("grüße", "x")] {
        smtp.exchange(&format!("MAIL FROM:<{ANN}> SMTPUTF8"), "250 ").await;
        smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
        smtp.exchange("DATA", "354 ").await;
        let head = format!("From: <{ANN}>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n");
        smtp.send(format!("{head}Subject: {subject}\r\n\r\n{text}\r\n.\r\n").as_bytes()).await;
        smtp.expect("250 2.0.0 Queued as ").await;
    }
    until_empty(world.dir.path(), 20).await;
    let mut arrived = world.sandbox.submissions();
    arrived.sort_by_key(|one| one.recipients[0] == ANN);
    let [text, notice] = &arrived[..] else { panic!("{arrived:?}") };
    assert_eq!((subject(text).as_str(), &notice.recipients[..]), ("plain", &[ANN.to_owned()][..]));
    let notice = String::from_utf8_lossy(&notice.bytes);
    assert!(
        notice.contains("550 5.6.7 The mail server does not take what is outside ASCII: it stands in the header"),
        "{notice}"
    );
}

/// One was refused at RCPT and has an answer; only who was taken may have it.
#[tokio::test]
async fn a_lost_answer_behind_the_dot_leaves_no_doubt_about_who_was_refused_before() {
    let mut plan = queued("");
    plan.sandbox.faults.smtp.after_dot = AfterDot::DropUndelivered;
    plan.sandbox.faults.smtp.answers = vec![Answer::new("RCPT", "450 4.2.0 Mailbox is busy").times(1)];
    let world = World::with(plan).await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    for recipient in [BOB, ANN] {
        smtp.exchange(&format!("RCPT TO:<{recipient}>"), "250 ").await;
    }
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("{HEAD}x\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 2.0.0 Queued as ").await;
    let row = until("it is tried", Duration::from_secs(20), async || {
        let row = rows(world.dir.path()).await.remove(0);
        if row.recipients.iter().all(|one| one.reply.is_some()) { Ok(row) } else { Err(row) }
    })
    .await;
    let doubts: Vec<_> = row.recipients.iter().map(|one| one.is_doubtful()).collect();
    assert_eq!(doubts, [false, true], "{row:?}");
}

/// It says nothing of the message, which would be lost by it.
#[tokio::test]
async fn a_mailbox_that_is_switched_off_at_mail_fails_no_message_of_the_queue() {
    let off = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.";
    let mut plan = queued("limits = { connections = 1, messages-per-minute = 100000 }");
    plan.sandbox.faults.smtp.answers = vec![Answer::new("MAIL", off)];
    let world = World::with(plan).await;
    let mut smtp = world.smtp_as_ann().await;
    for subject in ["one", "two"] {
        queue(&mut smtp, subject).await;
    }
    waits_for(world.dir.path(), "[smtp-auth-disabled-tenant]").await;
    let rows = rows(world.dir.path()).await;
    assert!(rows.len() == 2 && rows.iter().all(|row| row.attempts == 0), "{rows:?}");
    world.sandbox.faults().set(|faults| faults.smtp.answers.clear());
    jump(Duration::from_secs(70)).await;
    until_empty(world.dir.path(), 20).await;
    assert_eq!(arrived(&world.sandbox), ["one", "two"]);
}

/// Only the whole final line ends a message: what looks like it at a cut is a body that stops in the middle.
#[tokio::test]
async fn a_body_that_stops_inside_its_final_dot_is_not_queued() {
    let world = World::with(copier()).await;
    for tail in ["", "\r", "\r\n", "\r\n.", "\r\n.\r", "\n.\n", "\r\n.\n"] {
        let mut smtp = world.greeted(Protocol::Smtp).await;
        assert!(smtp.login(Protocol::Smtp, ANN, PASSWORD).await.starts_with("235 "));
        smtp.open_message().await;
        smtp.send(format!("{HEAD}text{tail}").as_bytes()).await;
        smtp.half_close().await;
        let said = smtp.rest().await;
        assert!(!said.starts_with("250"), "{tail:?}: {said}");
        nothing_is_left(&world).await;
    }
}

/// A mail server that wants one sender to come later says nothing of the mailbox's others.
#[tokio::test]
async fn a_sender_that_is_refused_for_now_at_mail_holds_up_no_other_of_its_mailbox() {
    const SHARED: &str = "shared@contoso.example";
    let mut plan = queued(&format!(
        "send-as = [\"{ANN}\", \"{SHARED}\"]\nlimits = {{ connections = 1, messages-per-minute = 100000 }}"
    ));
    plan.sandbox.faults.smtp.answers =
        vec![Answer::new("MAIL", "451 4.7.1 Sender address rejected, try again later").times(1)];
    let world = World::with(plan).await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{SHARED}>"), "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("From: <{SHARED}>\r\nSubject: shared\r\n\r\nx\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 2.0.0 Queued as ").await;
    for subject in ["one", "two"] {
        queue(&mut smtp, subject).await;
    }
    // No clock is put ahead: nothing rests.
    world.until("the others go", |world| world.sandbox.submissions().len() == 2).await;
    assert_eq!(arrived(&world.sandbox), ["one", "two"]);
    let row = until("one waits", Duration::from_secs(20), async || {
        let mut rows = rows(world.dir.path()).await;
        if rows.len() == 1 { Ok(rows.remove(0)) } else { Err(rows) }
    })
    .await;
    assert!(row.attempts == 1 && row.recipients[0].reply.as_ref().unwrap().starts_with("451 4.7.1 "), "{row:?}");
    jump(Duration::from_secs(70)).await;
    until_empty(world.dir.path(), 20).await;
    assert_eq!(arrived(&world.sandbox), ["one", "two", "shared"]);
}

/// `[notify]` says in which language people are told.
#[tokio::test]
async fn the_sender_of_a_house_that_is_told_in_japanese_reads_it_in_japanese_and_in_english() {
    let mut plan = Plan { more: "[notify]\nlang = \"ja\"\n".to_owned(), ..queued("") };
    plan.sandbox.faults.smtp.answers = vec![Answer::new("RCPT", "550 5.1.1 User unknown").times(1)];
    let world = World::with(plan).await;
    queue(&mut world.smtp_as_ann().await, "見積書").await;
    until_empty(world.dir.path(), 20).await;
    let message = world.only_message();
    assert_eq!((message.from.as_str(), &message.recipients[..]), ("", &[ANN.to_owned()][..]));
    assert!(message.bytes.is_ascii(), "it needs nothing of any server on the way");
    let notice = mailparse::parse_mail(&message.bytes).unwrap();
    let subject = notice.headers.get_first_value("Subject").unwrap();
    assert_eq!(subject, format!("{BOB} に配信できませんでした / Not delivered: 見積書"));
    let words = notice.subparts[0].get_body().unwrap();
    let (japanese, english) = words.split_once("[English]").unwrap();
    assert!(japanese.contains("意味：このアドレスのメールボックスは存在しません。"), "{words}");
    assert!(english.contains("Meaning: There is no mailbox of this address."), "{words}");
    for words in [japanese, english] {
        assert!(words.contains(BOB) && words.contains("550 5.1.1 User unknown") && words.contains("見積書"), "{words}");
    }
    let status = notice.subparts[1].get_body_raw().unwrap();
    assert!(status.is_ascii() && String::from_utf8_lossy(&status).contains("\nStatus: 5.1.1"), "{status:?}");
}
