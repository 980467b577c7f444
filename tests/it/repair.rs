//! Devices that do not know better: what they send, what arrives, and what the log says of it.

use crate::world::{ANN, BOB, Plan, Talk, World, cheap_hash, journal, plain};

const SHARED: &str = "shared@contoso.example";
/// A message that needs no repair, but for what a test takes away.
const SOUND: &str = "From: ann@contoso.example\r\nTo: bob@contoso.example\r\n\
                     Date: Sat, 28 Nov 2026 05:00:00 +0000\r\nMessage-ID: <1@printer>\r\n";

/// A printer without a login, with these keys in its rule.
async fn printer(name: &str, keys: &str) -> (World, Talk) {
    let more = format!("[[client]]\nname = \"{name}\"\naccount = \"{ANN}\"\nfrom = [\"127.0.0.0/8\"]\n{keys}\n\n");
    let account = format!("send-as = [\"{ANN}\", \"{SHARED}\"]\n");
    let mut plan = Plan::faulty(|faults| faults.smtp.messages_per_minute = None);
    (plan.more, plan.account) = (more, account);
    let world = World::with(plan).await;
    let mut smtp = world.smtp().await;
    smtp.expect("220 ").await;
    smtp.exchange("HELO printer", "250 ").await;
    (world, smtp)
}

/// The reply to `message`, which is sent as it is, from `sender` to bob.
async fn sent(smtp: &mut Talk, sender: &str, message: &str) -> String {
    smtp.exchange(&format!("MAIL FROM:{sender}"), "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("{message}.\r\n").as_bytes()).await;
    smtp.reply().await
}

fn arrived(world: &World) -> String {
    String::from_utf8(world.sandbox.submissions().last().unwrap().bytes.to_vec()).unwrap()
}

/// The one line of the log about a message of this client.
fn told(client: &str, words: &[&str]) -> usize {
    let client = format!("client={client:?}");
    journal().lines(&[&[client.as_str(), " message=message "], words].concat()).len()
}

#[tokio::test]
async fn a_printer_that_leaves_out_everything_is_heard_and_the_log_names_what_was_added() {
    let (world, mut smtp) = printer("bare", "").await;
    let reply = sent(&mut smtp, ANN, "Subject: Scan\r\n\r\nfrom the third floor\r\n").await;
    assert!(reply.starts_with("250 2.0.0"), "{reply}");
    let message = arrived(&world);
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!((lines[0], lines[1]), ("Subject: Scan", "From: ann@contoso.example"));
    assert!(lines[2].starts_with("Date: ") && lines[2].ends_with(" -0000"), "{message}");
    assert!(lines[3].starts_with("Message-ID: <") && lines[3].ends_with("@contoso.example>"), "{message}");
    assert_eq!(lines[4..], ["", "from the third floor"]);
    assert_eq!(told("bare", &["repaired=\"date,message-id,from\""]), 1);
    assert!(world.counts("gatepost_repairs_total{repair=\"date\"} 1"));
    let first = lines[3].to_owned();
    sent(&mut smtp, ANN, "Subject: Scan\r\n\r\nagain\r\n").await;
    assert!(!arrived(&world).contains(&first), "a Message-ID is used once");
}

#[tokio::test]
async fn a_message_that_needs_nothing_passes_byte_for_byte_and_so_does_one_of_a_mail_program() {
    let (world, mut smtp) = printer("sound", "").await;
    for rest in [
        "\r\n",
        "\r\nplain text\r\n",
        "..X-Odd: a dot\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nB\u{fc}ro\r\n..dots\r\n...\r\n",
        "X-Long:\r\n\tfolded \r\n \tand folded\r\n\r\n \r\n\t\r\n",
    ] {
        assert!(sent(&mut smtp, ANN, &format!("{SOUND}{rest}")).await.starts_with("250 "), "{rest}");
        let unstuffed = format!("{SOUND}{rest}").replace("\r\n.", "\r\n");
        assert_eq!(arrived(&world), unstuffed);
    }
    assert_eq!(told("sound", &["repaired=\"\""]), 4);
    let mut program = world.smtp_as_ann().await;
    let bare = format!("From: {ANN}\r\n\r\nB\u{fc}ro\r\n");
    assert!(sent(&mut program, ANN, &bare).await.starts_with("250 "));
    assert_eq!(arrived(&world), bare, "who logs in as an account is never repaired");
}

#[tokio::test]
async fn a_device_with_a_login_is_repaired_where_its_rule_says_so() {
    let client = |name: &str, keys: &str| {
        let hash = cheap_hash("device");
        format!(
            "[[client]]\nname = \"{name}\"\naccount = \"{ANN}\"\nlogin = \"{name}\"\npassword = \"{hash}\"\n{keys}\n\n"
        )
    };
    let more = client("scanner", "") + &client("mended", "repair = true");
    let world = World::with(Plan { more, ..Plan::default() }).await;
    for (name, answer) in [("scanner", "550 5.7.512"), ("mended", "250 2.0.0")] {
        let mut smtp = world.smtp().await;
        smtp.expect("220 ").await;
        smtp.exchange("HELO x", "250 ").await;
        smtp.exchange(&format!("AUTH PLAIN {}", plain(name, "device")), "235 ").await;
        let reply = sent(&mut smtp, ANN, "Subject: no From\r\n\r\nx\r\n").await;
        assert!(reply.starts_with(answer), "{name}: {reply}");
    }
}

#[tokio::test]
async fn repair_can_be_switched_off_for_a_printer() {
    let (_world, mut smtp) = printer("off", "repair = false").await;
    assert!(sent(&mut smtp, ANN, "Subject: no From\r\n\r\nx\r\n").await.starts_with("550 5.7.512"));
}

#[tokio::test]
async fn names_brackets_and_senders_that_exchange_refuses_are_made_strict() {
    let (world, mut smtp) = printer("names", "").await;
    for (from, arrives, repaired) in [
        ("ann@contoso.example <ann@contoso.example>", "\"ann@contoso.example\" <ann@contoso.example>", "display-name"),
        ("3F Copier ann@contoso.example", "3F Copier <ann@contoso.example>", "angle-brackets"),
        ("3F Copier", "3F Copier <ann@contoso.example>", "from"),
    ] {
        let message = SOUND.replace("From: ann@contoso.example", &format!("From: {from}"));
        assert!(
            sent(&mut smtp, &format!(" {ANN}"), &format!("{message}\r\nx\r\n")).await.starts_with("250 "),
            "{from}"
        );
        let expected = SOUND.replace("From: ann@contoso.example", &format!("From: {arrives}"));
        assert_eq!(arrived(&world), format!("{expected}\r\nx\r\n"));
        assert_eq!(told("names", &[&format!("repaired={repaired:?}")]), 1);
    }
    let two = SOUND.replace("From: ann@contoso.example", "From: ann@contoso.example, shared@contoso.example");
    let reply = sent(&mut smtp, ANN, &format!("{two}\r\nx\r\n")).await;
    assert!(reply.starts_with("250 "), "not 550 5.1.20: {reply}");
    assert_eq!(arrived(&world), format!("{two}Sender: ann@contoso.example\r\n\r\nx\r\n"));
}

#[tokio::test]
async fn a_from_that_cannot_be_read_is_refused_as_that_and_goes_with_sender_force() {
    let unreadable = ["\"3F copier <ann@contoso.example>", "Copier: 3F <ann@contoso.example>", "(scan)"];
    let (world, mut smtp) = printer("unread", "").await;
    for from in unreadable {
        let message = SOUND.replace("From: ann@contoso.example", &format!("From: {from}"));
        let said = sent(&mut smtp, ANN, &format!("{message}\r\nx\r\n")).await;
        assert!(
            said.starts_with("550 5.1.7 The sender in the header of the message cannot be read for sure: From says "),
            "{said}"
        );
        assert!(said.contains(from) && said.ends_with("[gatepost sender-unreadable]"), "{said}");
    }
    let counted =
        r#"gatepost_faults_total{protocol="smtp",kind="identity-refused",id="sender-unreadable",stage="relaying"} 3"#;
    assert!(world.counts(counted), "{}", world.daemon.meter().text());
    assert!(world.sandbox.submissions().is_empty());
    let comma = SOUND.replace("From: ann@contoso.example", "From: Copier, 3F <ann@contoso.example>");
    assert!(sent(&mut smtp, ANN, &format!("{comma}\r\nx\r\n")).await.starts_with("250 "));
    assert!(arrived(&world).starts_with("From: \"Copier, 3F\" <ann@contoso.example>\r\n"));

    let (world, mut smtp) = printer("unread, forced", "sender = \"force\"").await;
    for from in unreadable {
        let message = SOUND.replace("From: ann@contoso.example", &format!("From: {from}"));
        let said = sent(&mut smtp, ANN, &format!("{message}\r\nx\r\n")).await;
        assert!(said.starts_with("250 "), "{from}: {said}");
        assert!(arrived(&world).starts_with("From: ann@contoso.example\r\n"), "{}", arrived(&world));
    }
}

#[tokio::test]
async fn a_long_header_line_is_folded_and_a_long_line_of_the_body_is_not() {
    let (world, mut smtp) = printer("long", "").await;
    let (words, body) = ("word ".repeat(400), "word ".repeat(4000));
    assert!(sent(&mut smtp, ANN, &format!("{SOUND}Subject: {words}x\r\n\r\n{body}\r\n")).await.starts_with("250 "));
    let message = arrived(&world);
    let (head, rest) = message.split_once("\r\n\r\n").unwrap();
    assert!(head.lines().all(|line| line.len() <= 998), "{head}");
    assert_eq!(head.replace("\r\n ", " "), format!("{SOUND}Subject: {words}x"));
    assert_eq!(rest, format!("{body}\r\n"));
    assert_eq!(told("long", &["repaired=\"long-lines\""]), 1);
}

#[tokio::test]
async fn undeclared_text_is_declared_where_all_of_it_is_utf8_and_only_there() {
    let (world, mut smtp) = printer("text", "").await;
    let declared =
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n";
    let text = "..Toner: B\u{fc}ro \u{65e5}\u{672c}\u{8a9e}\r\n".repeat(3000);
    assert!(sent(&mut smtp, ANN, &format!("{SOUND}\r\n{text}")).await.starts_with("250 "));
    assert_eq!(arrived(&world), format!("{SOUND}{declared}\r\n{}", text.replace("..", ".")));
    assert_eq!(told("text", &["repaired=\"charset\""]), 1);
    for text in [&b"plain\r\n"[..], b"B\xfcro\r\n", b"\x83e\x83X\x83g\r\n", b"ok: \xc3\xbc, not ok: \xc3\r\n"] {
        smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
        smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
        smtp.exchange("DATA", "354 ").await;
        smtp.send(&[SOUND.as_bytes(), b"\r\n", text, b".\r\n"].concat()).await;
        smtp.expect("250 ").await;
        assert_eq!(world.sandbox.submissions().last().unwrap().bytes, [SOUND.as_bytes(), b"\r\n", text].concat());
    }
    assert_eq!(told("text", &["repaired=\"\""]), 4);
}

#[tokio::test]
async fn a_long_text_is_looked_at_to_its_end_where_it_goes_to_disk_first_and_announced_as_what_it_is() {
    let (world, mut smtp) = printer("long text", "delivery = \"queue\"").await;
    let declared =
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n";
    let plain = "..dots, and ASCII alone for a long time\r\n".repeat(20_000);
    for (n, end) in ["B\u{fc}ro\r\n", "plain\r\n"].into_iter().enumerate() {
        let text = format!("{plain}{end}");
        assert!(sent(&mut smtp, ANN, &format!("{SOUND}\r\n{text}")).await.starts_with("250 2.0.0 Queued"));
        world.until("it arrived", |world| world.sandbox.submissions().len() == n + 1).await;
        let head = if end.is_ascii() { SOUND.to_owned() } else { format!("{SOUND}{declared}") };
        assert!(arrived(&world) == format!("{head}\r\n{}", text.replace("..", ".")), "{end}");
    }
    assert_eq!(told("long text", &["repaired=\"charset\""]), 1);
    let said = world.said_upstream("smtp");
    let announced: Vec<&str> = said.lines().filter(|line| line.starts_with("MAIL ")).collect();
    let size = |text: &str| format!(" SIZE={}", SOUND.len() + 2 + plain.len() + text.len());
    assert!(announced[0].ends_with(" BODY=8BITMIME"), "{announced:?}");
    assert!(announced[1].ends_with(&size("plain\r\n")), "{announced:?}");
}

#[tokio::test]
async fn a_message_that_comes_byte_by_byte_is_repaired_like_any_other() {
    let (world, mut smtp) = printer("slow", "").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    for byte in "Date: x\r\nMessage-ID: y\r\n\r\nB\u{fc}ro\r\n.\r\nQUIT\r\n".bytes() {
        smtp.send(&[byte]).await;
    }
    smtp.expect("250 2.0.0").await;
    smtp.expect("221 ").await;
    let message = arrived(&world);
    assert!(
        message.starts_with("Date: x\r\nMessage-ID: y\r\nFrom: ann@contoso.example\r\nMIME-Version: 1.0\r\n"),
        "{message}"
    );
    assert!(message.ends_with("\r\n\r\nB\u{fc}ro\r\n"), "{message}");
}

#[tokio::test]
async fn a_repair_gives_nobody_a_right() {
    let (world, mut smtp) = printer("eve", "").await;
    let reply = sent(&mut smtp, ANN, "From: Ann eve@elsewhere.example\r\n\r\nx\r\n").await;
    assert!(reply.starts_with("550 5.7.1") && reply.contains("<eve@elsewhere.example> in From"), "{reply}");
    smtp.exchange("MAIL FROM:<eve@elsewhere.example>", "550 5.7.1").await;
    assert!(world.sandbox.submissions().is_empty());
    assert!(sent(&mut smtp, ANN, &format!("{SOUND}\r\nx\r\n")).await.starts_with("250 "), "the session goes on");
}

#[tokio::test]
async fn a_client_that_leaves_while_its_text_is_held_delivers_nothing() {
    let (world, mut smtp) = printer("leaves", "").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("{SOUND}\r\nhalf a te").as_bytes()).await;
    drop(smtp);
    world.until("its line in the log", |_| told("leaves", &["message lost"]) == 1).await;
    assert!(world.sandbox.submissions().is_empty());
    assert!(!world.said_upstream("smtp").contains("\nDATA\n"), "nothing was begun upstream");
}

#[tokio::test]
async fn what_is_wrong_with_a_held_text_is_told_at_its_end() {
    let (world, mut smtp) = printer("flawed", "").await;
    assert!(sent(&mut smtp, ANN, &format!("{SOUND}\r\nB\u{fc}ro\0\r\n")).await.starts_with("554 5.6.11"));
    assert!(sent(&mut smtp, ANN, &format!("{SOUND}\r\nB\u{fc}ro\r\n")).await.starts_with("250 "));
    world.only_message();
}

#[tokio::test]
async fn a_forced_sender_is_the_accounts_everywhere_and_answers_go_to_the_old_one() {
    let (world, mut smtp) = printer("fax", "sender = \"force\"\nrepair = false").await;
    let message =
        "From: \"Old Fax\" <fax@fabrikam.example>\r\nSender: root@fabrikam.example\r\nSubject: x\r\n\r\nbody\r\n";
    let reply = sent(&mut smtp, "<fax@fabrikam.example>", message).await;
    assert!(reply.starts_with("250 "), "{reply}");
    let submission = world.only_message();
    assert_eq!((submission.from.as_str(), submission.recipients.as_slice()), (ANN, &[BOB.to_owned()][..]));
    assert_eq!(
        String::from_utf8_lossy(&submission.bytes),
        "From: \"Old Fax\" <ann@contoso.example>\r\nSubject: x\r\nReply-To: \"Old Fax\" <fax@fabrikam.example>\r\n\r\nbody\r\n"
    );
    assert_eq!(told("fax", &["repaired=\"forced-from,forced-envelope\"", &format!("sender={ANN:?}")]), 1);
    // The null sender stays: nobody is to be told that this one fails.
    assert!(sent(&mut smtp, "<>", "Subject: x\r\n\r\nbody\r\n").await.starts_with("250 "));
    let last = world.sandbox.submissions().pop().unwrap();
    assert_eq!(last.from, "");
    assert!(last.bytes.starts_with(b"Subject: x\r\nFrom: ann@contoso.example\r\n\r\n"));
    // And one that says the account's already is left alone.
    let own = "From: Ann <ann@contoso.example>\r\n\r\nbody\r\n";
    assert!(sent(&mut smtp, ANN, own).await.starts_with("250 "));
    assert_eq!(arrived(&world), own);
    assert_eq!(told("fax", &["repaired=\"\""]), 1);
}

#[tokio::test]
async fn a_forced_sender_needs_no_place_in_send_as_and_is_repaired_along() {
    let more =
        format!("[[client]]\nname = \"both\"\naccount = \"{ANN}\"\nfrom = [\"127.0.0.0/8\"]\nsender = \"force\"\n\n");
    let account = format!("send-as = [\"{SHARED}\"]\n");
    let world = World::with(Plan { more, account, ..Plan::default() }).await;
    let mut smtp = world.smtp().await;
    smtp.expect("220 ").await;
    smtp.exchange("HELO fax", "250 ").await;
    let reply = sent(&mut smtp, "<fax>", "From: Fax 3@F fax@fabrikam.example\r\nDate: x\r\n\r\nB\u{fc}ro\r\n").await;
    assert!(reply.starts_with("250 "), "{reply}");
    let message = arrived(&world);
    assert!(message.starts_with("From: Fax \"3@F\" <ann@contoso.example>\r\nDate: x\r\n"), "{message}");
    assert!(message.contains("\r\nReply-To: Fax \"3@F\" <fax@fabrikam.example>\r\n"), "{message}");
    let repaired = "message-id,display-name,angle-brackets,charset,forced-from,forced-envelope";
    assert_eq!(told("both", &[&format!("repaired={repaired:?}")]), 1);
}

#[tokio::test]
async fn text_without_any_header_arrives_as_text_and_is_declared() {
    let (world, mut smtp) = printer("bare", "").await;
    let text = "Toner niedrig: nachf\u{fc}llen bitte\r\nB\u{fc}ro 3\r\n";
    assert!(sent(&mut smtp, ANN, text).await.starts_with("250 "));
    let message = arrived(&world);
    let (head, rest) = message.split_once("\r\n\r\n").expect("an empty line");
    assert_eq!(rest, text);
    assert!(head.contains("From: ann@contoso.example") && head.contains("charset=utf-8"), "{head}");
}
