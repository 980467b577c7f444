//! SMTP when somebody hangs up: nothing half is delivered, nothing is delivered twice, and the client hears the truth.

use gatepost::{
    base::Protocol,
    sandbox::{AfterDot, Answer, Faults},
};

use crate::world::{ANN, BOB, FOR_GOOD, HEAD, Plan, World, asked, journal};

/// How a client leaves.
#[derive(Debug, Clone, Copy)]
enum Leaving {
    Close,
    Reset,
    HalfClose,
}

#[tokio::test]
async fn a_client_that_leaves_anywhere_in_data_delivers_nothing() {
    let world = World::with(Plan::faulty(|faults| {
        faults.smtp.connections = None;
        faults.smtp.messages_per_minute = None;
    }))
    .await;
    let message = format!("{HEAD}first\r\n..second\r\nthird\r\n.\r\n");
    let last = message.len() - 1;
    for (n, cut) in (0..=last).enumerate() {
        let leaving = [Leaving::Close, Leaving::Reset, Leaving::HalfClose][n % 3];
        let mut smtp = world.smtp_in_data().await;
        smtp.send(&message.as_bytes()[..cut]).await;
        match leaving {
            Leaving::Close => drop(smtp),
            Leaving::Reset => smtp.reset(),
            Leaving::HalfClose => {
                smtp.half_close().await;
                let rest = smtp.rest().await;
                assert!(!rest.contains("250"), "cut at {cut}: {rest}");
            }
        }
        world
            .until("the upstream connection ended", |world| {
                world.sandbox.counts().connections(Protocol::Smtp).open == 0
            })
            .await;
        assert!(world.sandbox.submissions().is_empty(), "{leaving:?} at {cut}");
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_behind_the_250_has_sent_its_message_once() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(smtp.message("no QUIT").await.starts_with("250 "));
    drop(smtp);
    world
        .until("the upstream connection ended", |world| world.sandbox.counts().connections(Protocol::Smtp).open == 0)
        .await;
    world.only_message();
}

#[tokio::test]
async fn a_client_that_leaves_while_the_upstream_thinks_frees_it_at_once() {
    for (ahead, last) in [
        (&[][..], "MAIL FROM:<ann@contoso.example>"),
        (&["MAIL FROM:<ann@contoso.example>"], "RCPT TO:<bob@contoso.example>"),
        (&["MAIL FROM:<ann@contoso.example>"], "RSET"),
        (&["MAIL FROM:<ann@contoso.example>", "RCPT TO:<bob@contoso.example>", "DATA"], "Subject: x\r\n\r\nbody"),
    ] {
        let world = World::new().await;
        let mut smtp = world.smtp_as_ann().await;
        for command in ahead {
            smtp.exchange(command, if *command == "DATA" { "354" } else { "250" }).await;
        }
        world.sandbox.faults().set(|faults| faults.smtp.line.delay_ms = 3_600_000);
        smtp.say(last).await;
        let verb = last.split(' ').next().unwrap().replace("Subject:", "DATA");
        world.until("the upstream was asked", |world| world.said_upstream("smtp").contains(&verb)).await;
        drop(smtp);
        world
            .until("the upstream is free again", |world| world.sandbox.counts().connections(Protocol::Smtp).open == 0)
            .await;
        assert!(world.sandbox.submissions().is_empty(), "{last}");
    }
}

#[tokio::test]
async fn a_script_that_sends_all_and_closes_its_side_is_waited_for() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    world.sandbox.faults().set(|faults| faults.smtp.line.delay_ms = 20);
    let script = format!("MAIL FROM:<{ANN}>\r\nRCPT TO:<{BOB}>\r\nDATA\r\n{HEAD}all at once\r\n.\r\nQUIT\r\n");
    smtp.send(script.as_bytes()).await;
    smtp.half_close().await;
    let rest = smtp.rest().await;
    assert!(rest.contains("354") && rest.ends_with("221 2.0.0 Goodbye\r\n"), "{rest}");
    world.only_message();
}

#[tokio::test]
async fn a_client_that_sent_ahead_and_breaks_off_frees_the_upstream_at_once_too() {
    let world = World::new().await;
    for ahead in [1, 1000] {
        let mut smtp = world.smtp_as_ann().await;
        world.sandbox.faults().set(|faults| faults.smtp.line.delay_ms = 3_600_000);
        let rcpt = format!("RCPT TO:<{BOB}>\r\n").repeat(ahead);
        smtp.send(format!("MAIL FROM:<{ANN}>\r\n{rcpt}").as_bytes()).await;
        world.until("the upstream was asked", |world| world.said_upstream("smtp").contains("MAIL FROM")).await;
        smtp.reset();
        world
            .until("the upstream is free again", |world| world.sandbox.counts().connections(Protocol::Smtp).open == 0)
            .await;
        world.sandbox.faults().clear();
    }
}

/// The end of the script is the dot: no QUIT behind it says that somebody still waits.
#[tokio::test]
async fn a_script_that_ends_with_its_message_hears_its_fate_and_so_does_the_log() {
    let world = World::new().await;
    let body = format!("{HEAD}body\r\n.\r\n");
    for (message, refused_upstream, fate) in [
        (body.clone(), false, "250 2.0.0"),
        (body.replace(ANN, "eve@elsewhere.example"), false, "550 5.7.1"),
        (body.replace("body", "bo\rdy"), false, "554 5.6.11"),
        (body.clone(), true, "554 5.3.0"),
    ] {
        let refusal = Answer::new("DATA", "554 5.3.0 no");
        let answers = if refused_upstream { vec![refusal] } else { Vec::new() };
        world.sandbox.faults().set(|faults| faults.smtp.answers = answers);
        let mut smtp = world.smtp_as_ann().await;
        smtp.send(format!("MAIL FROM:<{ANN}>\r\nRCPT TO:<{BOB}>\r\nDATA\r\n{message}").as_bytes()).await;
        smtp.half_close().await;
        let rest = smtp.rest().await;
        let last = rest.trim_end().rsplit("\r\n").next().unwrap();
        assert!(last.starts_with(fate), "{fate}: {rest}");
        let told = world.daemon.meter().last_messages.list().pop().unwrap();
        assert!(told.reply.starts_with(&fate[4..]) || told.reply.contains(&fate[4..]), "{fate}: {told:?}");
        assert_ne!(told.outcome, "lost");
    }
}

#[tokio::test]
async fn an_upstream_lost_in_mid_data_is_a_4xx_and_the_session_goes_on() {
    let world = World::with(Plan::faulty(|faults| faults.smtp.drop_in_data = Some(50_000))).await;
    let mut smtp = world.smtp_in_data().await;
    smtp.send(format!("{HEAD}{}.\r\n", "some line\r\n".repeat(100_000)).as_bytes()).await;
    smtp.expect("451 4.4.2").await;
    assert!(world.sandbox.submissions().is_empty());
    world.sandbox.faults().clear();
    assert!(smtp.message("again").await.starts_with("250 "));
    world.only_message();
}

#[tokio::test]
async fn an_upstream_lost_right_behind_the_final_dot_is_a_4xx_and_never_a_second_copy() {
    for (fault, copies) in [(AfterDot::DropUndelivered, 0), (AfterDot::DropDelivered, 1)] {
        let world = World::with(Plan::faulty(|faults| faults.smtp.after_dot = fault)).await;
        let mut smtp = world.smtp_as_ann().await;
        let reply = smtp.message("x").await;
        assert!(reply.starts_with("451 4.4.2"), "{reply}");
        smtp.exchange("NOOP", "250 ").await;
        assert_eq!(world.sandbox.submissions().len(), copies, "{fault:?}");
        assert_eq!(world.sandbox.counts().sign_ons, 1, "nothing was tried again");
    }
}

#[tokio::test]
async fn a_message_whose_upstream_is_lost_is_warned_of_with_its_id_and_counts_with_its_stage() {
    let journal = journal();
    let counted =
        "gatepost_faults_total{protocol=\"smtp\",kind=\"unavailable\",id=\"upstream-lost\",stage=\"relaying\"} 1";
    let behind = |faults: &mut Faults| faults.smtp.after_dot = AfterDot::DropUndelivered;
    let inside = |faults: &mut Faults| faults.smtp.answers = vec![Answer::new("DATA", "").times(1).close()];
    for (plan, fate) in
        [(Plan::faulty(behind), "it may have been delivered"), (Plan::faulty(inside), "nothing was delivered")]
    {
        let world = World::with(plan).await;
        let said = world.smtp_as_ann().await.message("x").await;
        assert!(said.contains(fate) && said.ends_with("[gatepost upstream-lost]"), "{said}");
        world.metrics_with(counted).await;
        let told = journal.lines(&["WARN", "message refused-for-now", "id=\"upstream-lost\"", fate, "next="]);
        assert!(!told.is_empty(), "{fate}");
    }
}

/// An administrator switched SMTP AUTH off since the client signed on.
#[tokio::test]
async fn a_mailbox_that_is_switched_off_at_mail_is_warned_of_with_its_id_and_counts_with_its_stage() {
    let off = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.";
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("MAIL", off)]);
    let said = smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "451 4.7.0 ").await;
    assert!(said.ends_with("[gatepost smtp-auth-disabled-mailbox]"), "{said}");
    let metrics = world.metrics_with("id=\"smtp-auth-disabled-mailbox\",stage=\"relaying\"} 1").await;
    assert!(!metrics.contains("stage=\"none\""), "{metrics}");
    let told =
        journal().lines(&["WARN", "MAIL refused", "id=\"smtp-auth-disabled-mailbox\"", "next=", "stage=\"relaying\""]);
    assert!(!told.is_empty());
    world.sandbox.faults().set(|faults| faults.smtp.answers.clear());
    assert!(smtp.message("on again").await.starts_with("250 "));
}

#[tokio::test]
async fn an_upstream_that_closes_between_messages_is_redialled_unseen() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    for words in ["421 4.4.2 Timeout waiting for client", "421 4.3.2 Service not available"] {
        world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("MAIL", words).times(1).close()]);
        assert!(smtp.message("x").await.starts_with("250 "));
    }
    assert_eq!(world.sandbox.submissions().len(), 2);
    assert_eq!(world.sandbox.counts().sign_ons, 3);
}

/// Exchange says 530 where a connection has lost its sign-on; a client that heard it would ask for a password.
#[tokio::test]
async fn a_connection_that_lost_its_sign_on_is_replaced_unseen_and_nobody_is_asked_for_a_password() {
    const LOST: &str = "530 5.7.57 Client not authenticated to send mail.";
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(smtp.message("first").await.starts_with("250 "));
    let says = |on: &str, times: u32| {
        world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new(on, LOST).times(times)]);
    };
    says("MAIL", 1);
    assert!(smtp.message("second").await.starts_with("250 "));
    assert_eq!((world.sandbox.submissions().len(), world.sandbox.counts().sign_ons), (2, 2));

    // A fresh one, too: told as what passes, with its cause.
    says("MAIL", 2);
    let said = smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "451 4.7.0 ").await;
    assert!(said.ends_with("[gatepost upstream-not-signed-on]"), "{said}");
    says("RCPT", 1);
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "451 4.7.57 ").await;
    smtp.exchange("RSET", "250 ").await;
    for on in ["DATA", "."] {
        says(on, 1);
        assert!(smtp.message("in the middle").await.starts_with("451 4.7.57 "), "{on}");
        smtp.exchange("RSET", "250 ").await;
    }
    assert!(smtp.message("third").await.starts_with("250 "));
}

#[tokio::test]
async fn an_upstream_lost_behind_mail_is_a_4xx_and_the_next_message_goes() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    world
        .sandbox
        .faults()
        .set(|faults| faults.smtp.answers = vec![Answer::new("RCPT", "421 4.3.2 bye").times(1).close()]);
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange("RCPT TO:<bob@contoso.example>", "451 4.3.2 bye").await;
    smtp.exchange("RCPT TO:<bob@contoso.example>", "451 4.4.2").await;
    smtp.exchange("RSET", "250 ").await;
    assert!(smtp.message("x").await.starts_with("250 "));
    world.only_message();
}

#[tokio::test]
async fn an_idle_client_gives_its_upstream_connection_back_and_the_next_mail_takes_one_unseen() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(smtp.message("first").await.starts_with("250 "));
    // Five seconds idle with the client, fifteen left over for others.
    let given_back = |world: &World| world.sandbox.counts().connections(Protocol::Smtp).open == 0;
    world.until_long("the connection was given back", given_back).await;
    assert!(world.said_upstream("smtp").ends_with("QUIT\n"), "with a goodbye");
    assert!(smtp.message("second").await.starts_with("250 "));
    assert_eq!(world.sandbox.submissions().len(), 2);
    assert_eq!(world.sandbox.counts().connections(Protocol::Smtp).most, 1);
}

#[tokio::test]
async fn a_sign_on_that_fails_at_the_next_mail_is_told_at_mail_and_passes() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    world.sandbox.faults().set(|faults| {
        faults.smtp.answers = vec![
            Answer::new("MAIL", "421 4.4.2 timeout").times(1).close(),
            Answer::new("AUTH", "454 4.7.0 Temporary authentication failure").times(1),
        ];
    });
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "451 4.7.0").await;
    assert!(smtp.message("x").await.starts_with("250 "));
    world.only_message();
}

/// 550 would return a message that is good: the mailbox has to be mended, and the next login is told so.
#[tokio::test]
async fn a_sign_on_that_is_refused_for_good_at_the_next_mail_closes_the_session_and_the_next_login_hears_535() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(smtp.message("first").await.starts_with("250 "));
    world.sandbox.faults().set(|faults| {
        assert!(faults.apply("smtp-auth-disabled-mailbox"));
        faults.smtp.answers.push(Answer::new("MAIL", "421 4.4.2 timeout").times(1).close());
    });
    let said = smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "421 4.7.0 ").await;
    assert!(said.ends_with("[gatepost smtp-auth-disabled-mailbox]"), "{said}");
    smtp.expect_end().await;
    let said = world.ann_hears(Protocol::Smtp, FOR_GOOD).await;
    assert!(said.ends_with("[gatepost smtp-auth-disabled-mailbox]"), "{said}");
}

#[tokio::test]
async fn draining_lets_a_transaction_finish_and_says_421_between_commands() {
    let world = World::new().await;
    let mut idle = world.smtp_as_ann().await;
    let mut busy = world.smtp_in_data().await;
    busy.send(HEAD.as_bytes()).await;
    let World { daemon, sandbox, .. } = world;
    let console = daemon.console_at().unwrap();
    assert!(asked(console, "/readyz").await.starts_with("HTTP/1.1 200 "));
    let drained = tokio::spawn(daemon.drain());
    idle.expect("421 ").await;
    idle.expect_end().await;
    assert!(asked(console, "/readyz").await.starts_with("HTTP/1.1 503 "), "a balancer sends nobody here any more");
    busy.send(b"the rest\r\n.\r\n").await;
    busy.expect("250 2.0.0").await;
    busy.expect("421 ").await;
    busy.expect_end().await;
    drained.await.unwrap();
    assert_eq!(sandbox.submissions().len(), 1);
}

#[tokio::test]
async fn what_is_open_when_the_drain_ends_is_told_421_and_nothing_is_delivered() {
    let world = World::with(Plan { daemon: "drain-seconds = 1".to_owned(), ..Plan::default() }).await;
    let mut half = world.smtp_in_data().await;
    half.send(HEAD.as_bytes()).await;
    let mut open = world.smtp_as_ann().await;
    open.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    let World { daemon, sandbox, .. } = world;
    daemon.drain().await;
    for (client, fate) in [(&mut half, ", nothing was delivered, "), (&mut open, ", ")] {
        let why = format!("it shuts down{fate}try again [gatepost connection-closed]");
        client.expect(&format!("421 4.3.2 Gatepost closes this connection: {why}")).await;
        client.expect_end().await;
    }
    let told = journal().lines(&["message ", "it shuts down, nothing was delivered", "id=\"connection-closed\""]);
    assert!(!told.is_empty(), "every message has its line");
    assert_eq!(sandbox.submissions().len(), 0);
}

#[tokio::test]
async fn who_is_cut_off_behind_the_final_dot_is_told_that_the_message_may_have_been_delivered() {
    let mut plan = Plan::faulty(|faults| faults.smtp.dot_delay_ms = 60_000);
    plan.daemon = "drain-seconds = 1".to_owned();
    let world = World::with(plan).await;
    let mut smtp = world.smtp_in_data().await;
    smtp.send(format!("{HEAD}x\r\n.\r\n").as_bytes()).await;
    world.until("the whole message is upstream", |world| world.said_upstream("smtp").contains("octets")).await;
    world.daemon.drain().await;
    smtp.expect("421 4.3.2 Gatepost closes this connection: it shuts down, the message may have been delivered").await;
    smtp.expect_end().await;
}

#[tokio::test]
async fn a_reply_that_came_before_its_command_is_no_answer_to_it() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    for (on, words) in [("MAIL", "250 2.1.0 ok\r\n250 2.1.5 too early"), ("MAIL", "250 2.1.0 ok\r\n421 4.3.2 closing")]
    {
        world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new(on, words).times(1)]);
        smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 2.1.0 ok").await;
        smtp.exchange("RCPT TO:<nobody@contoso.example>", "451 4.4.2").await;
        smtp.exchange("RSET", "250 ").await;
    }
    assert!(!world.said_upstream("smtp").contains("nobody"));
    // The answer to the final dot stands there before the dot.
    world.sandbox.faults().set(|faults| {
        faults.smtp.answers = vec![Answer::new("DATA", "354 go\r\n250 2.0.0 too early").times(1)];
    });
    assert!(smtp.message("x").await.starts_with("451 4.4.2"));
    assert!(world.sandbox.submissions().is_empty());
    assert!(smtp.message("after all of that").await.starts_with("250 "));
    world.only_message();
}

#[tokio::test]
async fn an_upstream_that_asks_for_more_where_it_should_say_yes_or_no_is_a_451_on_a_connection_of_no_more_use() {
    for on in ["MAIL", "RCPT", "."] {
        let world = World::with(Plan::faulty(|faults| faults.smtp.answers.push(Answer::new(on, "354 more")))).await;
        let mut smtp = world.smtp_as_ann().await;
        smtp.say(&format!("MAIL FROM:<{ANN}>")).await;
        if on != "MAIL" {
            smtp.expect("250 ").await;
            smtp.say(&format!("RCPT TO:<{BOB}>")).await;
        }
        if on == "." {
            smtp.expect("250 ").await;
            smtp.exchange("DATA", "354 Start").await;
            smtp.send(format!("{HEAD}x\r\n.\r\n").as_bytes()).await;
        }
        smtp.expect("451 4.4.2").await;
        world.sandbox.faults().clear();
        smtp.exchange("RSET", "250 ").await;
        assert!(smtp.message("after that").await.starts_with("250 "), "{on}");
    }
}
