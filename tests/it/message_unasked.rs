//! A message behind a DATA that was refused: whoever did not wait for the refusal sends it all the same, and what a
//! stranger wrote into it must not be done in the sender's name (SMTP smuggling).

use gatepost::{base::Protocol, sandbox::Answer};

use crate::world::{ANN, PASSWORD, Plan, Talk, World, journal, plain};

const BOB: &str = "bob@contoso.example";

/// A form mail whose writer knows SMTP.
fn smuggled() -> String {
    format!(
        "Subject: a form\r\n\r\nMAIL FROM:<{ANN}>\r\nRCPT TO:<{BOB}>\r\nDATA\r\nFrom: {ANN}\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"
    )
}

/// A device that is let in by its address.
async fn by_address() -> World {
    let more = format!("[[client]]\nname = \"form\"\naccount = \"{ANN}\"\nfrom = [\"127.0.0.0/8\"]\n\n");
    let answer = Answer::new("MAIL", "451 4.3.2 busy").times(1);
    let mut plan = Plan::faulty(|faults| faults.smtp.answers = vec![answer]);
    plan.more = more;
    World::with(plan).await
}

async fn ends_it(smtp: &mut Talk, world: &World) {
    let said = smtp.rest().await;
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with("421 4.7.0 DATA was refused"), "{said}");
    assert!(last.ends_with(" [gatepost message-behind-refusal]"), "{said}");
    assert!(world.sandbox.submissions().is_empty());
    assert!(!world.said_upstream("smtp").contains(BOB));
}

#[tokio::test]
async fn a_message_in_one_packet_with_a_data_that_is_refused_holds_no_commands() {
    for opening in [
        format!("MAIL FROM:<{ANN}>\r\nRCPT TO:<office@contoso.example>\r\nDATA\r\n"),
        format!("MAIL FROM:<{ANN}> FOO=1\r\nRCPT TO:<office@contoso.example>\r\nDATA\r\n"),
        "DATA\r\n".to_owned(),
        "data now\r\n".to_owned(),
        "BDAT 400 LAST\r\n".to_owned(),
    ] {
        let world = by_address().await;
        let mut smtp = world.stranger(Protocol::Smtp).await;
        smtp.send(format!("{opening}{}", smuggled()).as_bytes()).await;
        ends_it(&mut smtp, &world).await;
    }
}

#[tokio::test]
async fn a_client_that_heeds_no_refusal_and_sends_line_by_line_has_its_lines_taken_for_none() {
    let first_lines =
        ["Subject: a form", &format!("MAIL FROM:<{ANN}>"), &format!("AUTH PLAIN {}", plain(ANN, PASSWORD))];
    for first in first_lines {
        let world = by_address().await;
        let mut smtp = world.stranger(Protocol::Smtp).await;
        for (line, code) in
            [(format!("MAIL FROM:<{ANN}>"), "4"), (format!("RCPT TO:<{BOB}>"), "503 "), ("DATA".into(), "503 ")]
        {
            smtp.exchange(&line, code).await;
        }
        smtp.say(first).await;
        ends_it(&mut smtp, &world).await;
    }
}

#[tokio::test]
async fn who_sends_a_message_behind_a_refused_data_is_in_the_log_without_a_login_too() {
    journal();
    let world = World::new().await;
    let mut smtp = world.stranger(Protocol::Smtp).await;
    smtp.send(format!("DATA\r\n{}", smuggled()).as_bytes()).await;
    ends_it(&mut smtp, &world).await;
    let told = journal().lines(&["client dropped: ", "client went on behind a refused DATA", "protocol=smtp"]);
    assert!(!told.is_empty());
}

#[tokio::test]
async fn behind_a_login_it_is_the_same() {
    let journal = journal();
    for data in ["DATA", "DATA x", "BDAT 5 LAST"] {
        for first in ["Subject: x", &format!("MAIL FROM:<{ANN}>")] {
            let world = World::new().await;
            let mut smtp = world.smtp_as_ann().await;
            smtp.exchange(data, "50").await;
            smtp.say(first).await;
            ends_it(&mut smtp, &world).await;
        }
        let world = World::new().await;
        let mut smtp = world.smtp_as_ann().await;
        smtp.send(format!("{data}\r\n{}", smuggled()).as_bytes()).await;
        ends_it(&mut smtp, &world).await;
        let all = world.daemon.meter().recent.list();
        let told: Vec<_> = all.iter().map(|one| (one.id, one.account.as_str())).collect();
        assert_eq!(told, [("message-behind-refusal", ANN)]);
        assert_eq!(world.daemon.meter().text().matches(",id=\"message-behind-refusal\"").count(), 1);
        let account = format!("account=\"{ANN}\"");
        let words = ["WARN", "client went on behind a refused DATA", "message-behind-refusal", "next=", &account];
        assert!(!journal.lines(&words).is_empty());
    }
}

/// Whatever comes of that behind the queue, which is silent here.
#[tokio::test]
async fn of_a_client_of_the_queue_it_is_past_once_a_message_is_taken() {
    let mut plan = Plan { account: "delivery = \"queue\"".to_owned(), ..Plan::default() };
    plan.sandbox.faults.smtp.line.silent = true;
    let world = World::with(plan).await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.send(format!("DATA\r\n{}", smuggled()).as_bytes()).await;
    ends_it(&mut smtp, &world).await;
    let is_past = |world: &World| {
        world.daemon.meter().recent.list().iter().map(|one| one.worked_again_at.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(is_past(&world), [false]);
    assert!(world.smtp_as_ann().await.message("well").await.starts_with("250 2.0.0 Queued as "));
    world.until("it is past", |world| is_past(world) == [true]).await;
}

#[tokio::test]
async fn behind_refused_recipients_it_is_the_same() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    let opening = format!("MAIL FROM:<{ANN}>\r\nRCPT TO:<nobody@contoso.example>\r\nDATA\r\n");
    smtp.send(format!("{opening}RSET\r\n{}", smuggled()).as_bytes()).await;
    smtp.expect("250 ").await;
    assert!(smtp.reply().await.starts_with("550 "));
    ends_it(&mut smtp, &world).await;
}

/// What a client sent ahead is dropped with a login that fails. Its message comes all the same.
#[tokio::test]
async fn behind_a_login_that_fails_it_is_the_same() {
    let transaction = format!("MAIL FROM:<{ANN}>\r\nRCPT TO:<office@contoso.example>\r\n");
    let wrong = format!("AUTH PLAIN {}", plain(ANN, "wrong"));
    for (login, answers) in [(wrong.as_str(), ""), ("AUTH PLAIN !!!", ""), ("AUTH LOGIN", "*\r\n")] {
        for (data, rest) in [("DATA\r\n", ""), ("DA", "TA\r\n")] {
            let world = by_address().await;
            let mut smtp = world.stranger(Protocol::Smtp).await;
            smtp.send(format!("{login}\r\n{transaction}{data}").as_bytes()).await;
            if !answers.is_empty() {
                smtp.expect("334").await;
                smtp.send(answers.as_bytes()).await;
            }
            smtp.expect("5").await;
            smtp.send(format!("{rest}{}{}", "x".repeat(900) + "\r\n", smuggled()).as_bytes()).await;
            ends_it(&mut smtp, &world).await;
        }
    }
}

/// A message that begins without a header, with a word that a client says who heard the refusal.
#[tokio::test]
async fn a_message_that_begins_like_a_client_that_heard_the_refusal_is_one_all_the_same() {
    for first in ["NOOP\r\n", "RSET\r\n", "EHLO me\r\n", "RSET is a word\r\n", "NOOP or not\r\n", "EHLO to you all\r\n"]
    {
        let world = World::new().await;
        let mut smtp = world.smtp_as_ann().await;
        smtp.exchange("DATA", "503 ").await;
        smtp.send(format!("{first}{}", smuggled()).as_bytes()).await;
        ends_it(&mut smtp, &world).await;

        let world = by_address().await;
        let mut smtp = world.stranger(Protocol::Smtp).await;
        smtp.exchange("DATA", "503 ").await;
        smtp.send(format!("{first}{}", smuggled()).as_bytes()).await;
        ends_it(&mut smtp, &world).await;
    }
}

/// As long as none of what was dropped announces a message.
#[tokio::test]
async fn a_login_that_fails_with_commands_sent_ahead_may_be_tried_again() {
    let world = World::new().await;
    let mut smtp = world.stranger(Protocol::Smtp).await;
    smtp.say("EHLO device").await;
    smtp.expect_last("250 ").await;
    smtp.send(format!("AUTH PLAIN {}\r\nMAIL FROM:<{ANN}>\r\nRCPT TO:<{BOB}>\r\n", plain(ANN, "wrong")).as_bytes())
        .await;
    smtp.expect("535 ").await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD)), "235 ").await;
}

/// A pump writes the lines of its message one by one, and reads no answer.
#[tokio::test]
async fn behind_an_open_message_whose_data_is_refused_a_message_that_comes_line_by_line_is_none_of_commands() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange("RCPT TO:<nobody@contoso.example>", "550 ").await;
    smtp.exchange("DATA", "554 ").await;
    // Alone, as it may come: the next line was not read yet.
    smtp.send(format!("MAIL FROM:<{ANN}>\r\n").as_bytes()).await;
    ends_it(&mut smtp, &world).await;
}

#[tokio::test]
async fn behind_an_open_message_whose_data_is_refused_no_line_of_a_message_is_obeyed() {
    let mail = format!("MAIL FROM:<{ANN}>\r\n");
    for message in [
        format!("Subject: x\r\n{mail}"),
        format!("{mail}RCPT TO:<{BOB}>\r\nDATA\r\n"),
        format!("{mail}\r\n"),
        format!("RCPT TO:<{BOB}>\r\nDATA\r\n"),
        format!("AUTH PLAIN {}\r\n", plain(ANN, PASSWORD)),
    ] {
        let world = World::new().await;
        let mut smtp = world.smtp_as_ann().await;
        smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
        smtp.exchange("RCPT TO:<nobody@contoso.example>", "550 ").await;
        smtp.exchange("DATA", "554 ").await;
        smtp.send(message.as_bytes()).await;
        ends_it(&mut smtp, &world).await;
    }
}

#[tokio::test]
async fn whoever_waited_for_the_refusal_goes_on() {
    let world = by_address().await;
    let mut device = world.stranger(Protocol::Smtp).await;
    device.exchange("DATA", "503 ").await;
    device.exchange("RSET", "250 ").await;
    device.exchange("DATA", "503 ").await;
    device.say("EHLO device").await;
    device.expect_last("250 ").await;
    device.exchange(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD)), "235 ").await;
    device.exchange("DATA", "503 ").await;
    device.exchange("NOOP", "250 ").await;
    device.exchange(&format!("MAIL FROM:<{ANN}>"), "451 ").await;
    assert!(device.message("well").await.starts_with("250 "));
    world.only_message();
}
