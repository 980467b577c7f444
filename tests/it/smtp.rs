//! SMTP commands: what an old mail program and a printer say before and behind their login, and what they hear.

use gatepost::sandbox::Answer;

use crate::world::{ANN, BOB, HEAD, PASSWORD, Plan, Talk, World, account, base64, cheap_hash, journal, plain};

/// Anybody on loopback may send as ann without a login.
fn copier() -> String {
    format!("[[client]]\nname = \"copier\"\naccount = \"{ANN}\"\nfrom = [\"127.0.0.0/8\"]\n\n")
}

async fn greeted(world: &World) -> Talk {
    let mut smtp = world.smtp().await;
    smtp.expect("220 ").await;
    smtp.say("EHLO client").await;
    smtp.expect_last("250 ").await;
    smtp
}

#[tokio::test]
async fn a_message_goes_out_with_a_password_in_and_xoauth2_out() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(smtp.message("..dots\r\nend").await.starts_with("250 2.0.0"));
    smtp.exchange("QUIT", "221 ").await;
    smtp.expect_end().await;
    let message = world.only_message();
    assert_eq!((message.from.as_str(), message.recipients.as_slice()), (ANN, &[BOB.to_owned()][..]));
    assert!(message.bytes.ends_with(b"\r\n\r\n.dots\r\nend\r\n"), "{:?}", String::from_utf8_lossy(&message.bytes));
    let said = world.said_upstream("smtp");
    assert!(
        said.starts_with("EHLO ") && said.contains("\nSTARTTLS\nEHLO ") && said.contains("\nAUTH XOAUTH2"),
        "{said}"
    );
    let counts = world.sandbox.counts();
    assert_eq!((counts.unprotected_credentials, counts.injected), (0, 0));
}

#[tokio::test]
async fn every_login_form_of_the_35_clients_signs_on() {
    let world = World::new().await;
    let (user, password) = (base64(ANN), base64(PASSWORD));
    let plain = plain(ANN, PASSWORD);
    let full = base64(&format!("{ANN}\0{ANN}\0{PASSWORD}"));
    let forms: &[&[(&str, &str)]] = &[
        &[(&format!("AUTH PLAIN {plain}"), "235 ")],
        &[("auth plain", "334 "), (&plain, "235 ")],
        &[(&format!("AUTH PLAIN {full}"), "235 ")],
        &[("AUTH LOGIN", "334 VXNlcm5hbWU6"), (&user, "334 UGFzc3dvcmQ6"), (&password, "235 ")],
        &[(&format!("AUTH login {user}"), "334 UGFzc3dvcmQ6"), (&password, "235 ")],
        &[("AUTH LOGIN =", "334 VXNlcm5hbWU6"), (&user, "334 UGFzc3dvcmQ6"), (&password, "235 ")],
        &[("AUTH LOGIN", "334 "), ("*", "501 "), (&format!("AUTH PLAIN {plain}"), "235 ")],
        &[("AUTH NTLM", "504 "), ("AUTH CRAM-MD5", "504 "), (&format!("AUTH PLAIN {plain}"), "235 ")],
    ];
    for form in forms {
        for greeting in ["EHLO FE80::1", "HELO my_printer "] {
            let mut smtp = world.smtp().await;
            smtp.expect("220 ").await;
            smtp.say(greeting).await;
            smtp.expect_last("250 ").await;
            for (say, hear) in *form {
                smtp.exchange(say, hear).await;
            }
            smtp.exchange("QUIT", "221 ").await;
        }
    }
}

#[tokio::test]
async fn nothing_goes_without_a_greeting_a_login_or_a_rule() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    smtp.expect("220 ").await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD)), "503 ").await;
    smtp.exchange("MAIL FROM:<a@b.example>", "503 ").await;
    smtp.exchange("HELO x", "250 ").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "530 5.7.0").await;
    smtp.exchange("RCPT TO:<bob@contoso.example>", "503 ").await;
    smtp.exchange("DATA", "503 ").await;
    assert_eq!(world.sandbox.counts().connections(gatepost::base::Protocol::Smtp).total, 0, "nothing was dialled");
}

#[tokio::test]
async fn a_printer_sends_by_its_address_alone_with_helo() {
    let world = World::with(Plan { more: copier(), ..Plan::default() }).await;
    let mut smtp = world.smtp().await;
    smtp.expect("220 ").await;
    smtp.exchange("HELO printer", "250 ").await;
    smtp.exchange(&format!("MAIL FROM: {ANN}"), "250 2.1.0").await;
    smtp.exchange(&format!("rcpt to: <{BOB}>"), "250 2.1.5").await;
    smtp.exchange("data", "354 ").await;
    smtp.send(format!("{HEAD}scan\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 2.0.0").await;
    assert_eq!(world.only_message().mailbox, ANN);
    let sender = format!("sender={ANN:?}");
    assert!(!journal().lines(&["message accepted", "client=\"copier\"", &sender]).is_empty());
}

#[tokio::test]
async fn a_client_by_address_hears_451_or_550_at_mail_where_others_hear_454_or_535() {
    for (fault, reply) in
        [("prx4", "451 4.7.0"), ("smtp-auth-disabled-tenant", "550 5.7.1"), ("sign-in-needed", "550 5.7.1")]
    {
        let mut plan = Plan::faulty(|faults| assert!(faults.apply(fault)));
        plan.more = copier();
        let world = World::with(plan).await;
        let mut smtp = greeted(&world).await;
        let said = smtp.exchange(&format!("MAIL FROM:<{ANN}>"), reply).await;
        assert!(fault == "prx4" || said.contains("[gatepost "), "{said}");
        smtp.exchange("NOOP", "250 ").await;
    }
}

#[tokio::test]
async fn a_device_has_its_own_login_in_any_case_and_only_from_its_own_addresses() {
    let client = |name: &str, from: &str| {
        format!(
            "[[client]]\nname = \"{name}\"\naccount = \"{ANN}\"\nlogin = \"{name}\"\npassword = \"{}\"\nfrom = [\"{from}\"]\n\n",
            cheap_hash("device")
        )
    };
    let more = client("Copier", "127.0.0.0/8") + &client("elsewhere", "192.0.2.0/24");
    let world = World::with(Plan { more, ..Plan::default() }).await;
    let mut smtp = greeted(&world).await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain("elsewhere", "device")), "535 5.7.8").await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain("cOPIER", "device")), "235 ").await;
    assert!(smtp.message("x").await.starts_with("250 "));
    assert_eq!(world.only_message().mailbox, ANN);
}

#[tokio::test]
async fn an_authzid_of_somebody_else_is_refused_like_a_wrong_password() {
    let world = World::with(Plan { more: account(BOB, ""), ..Plan::default() }).await;
    let mut smtp = greeted(&world).await;
    let foreign = base64(&format!("{BOB}\0{ANN}\0{PASSWORD}"));
    smtp.exchange(&format!("AUTH PLAIN {foreign}"), "535 5.7.8").await;
    assert_eq!(world.sandbox.counts().sign_ons, 0);
}

#[tokio::test]
async fn a_second_login_is_refused_and_a_second_ehlo_keeps_the_first() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD)), "503 ").await;
    smtp.exchange("STARTTLS", "503 ").await;
    smtp.say("EHLO again").await;
    let shown = smtp.expect_last("250 ").await.join("\n");
    for word in ["SIZE ", "PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8", "DSN"] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
    for word in ["AUTH", "STARTTLS", "CHUNKING", "BINARYMIME"] {
        assert!(!shown.contains(word), "{word} in {shown}");
    }
    assert!(smtp.message("x").await.starts_with("250 "));
}

#[tokio::test]
async fn ehlo_before_login_shows_plain_and_login_alone_and_no_starttls_where_tls_is_off() {
    let world = World::new().await;
    let mut smtp = world.smtp().await;
    smtp.expect("220 ").await;
    smtp.say("EHLO x").await;
    let shown = smtp.expect_last("250 ").await.join("\n");
    assert!(shown.contains("AUTH PLAIN LOGIN"), "{shown}");
    for word in ["STARTTLS", "CHUNKING", "BINARYMIME", "XOAUTH2", "CRAM"] {
        assert!(!shown.contains(word), "{word} in {shown}");
    }
}

#[tokio::test]
async fn unknown_verbs_are_answered_until_the_budget_is_used_up() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    for _ in 0..20 {
        smtp.exchange("XYZZY", "500 5.5.2").await;
    }
    smtp.exchange("NOOP", "250 ").await;
    smtp.exchange("BDAT 5", "421 ").await;
    smtp.expect_end().await;
}

#[tokio::test]
async fn commands_out_of_order_draw_on_the_same_budget() {
    let world = World::new().await;
    for command in [&format!("RCPT TO:<{BOB}>"), &format!("AUTH PLAIN {}", plain(ANN, PASSWORD))] {
        let mut smtp = world.smtp_as_ann().await;
        for _ in 0..20 {
            smtp.exchange(command, "503 ").await;
        }
        smtp.exchange(command, "421 ").await;
        smtp.expect_end().await;
    }
}

#[tokio::test]
async fn noop_vrfy_help_and_rset_are_answered_before_and_behind_login() {
    let world = World::new().await;
    for mut smtp in [greeted(&world).await, world.smtp_as_ann().await] {
        for (say, hear) in
            [("NOOP", "250 "), ("vrfy x", "252 "), ("HELP", "214 "), ("RSET", "250 "), ("noop x", "250 ")]
        {
            smtp.exchange(say, hear).await;
        }
        smtp.send(b"NOOP\nNOOP\n").await;
        smtp.expect("250 ").await;
        smtp.expect("250 ").await;
        smtp.send(b"NO\rOP\r\n").await;
        smtp.expect("500 ").await;
    }
}

#[tokio::test]
async fn a_size_that_is_too_large_is_refused_at_mail() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}> SIZE=999999999999"), "552 5.3.4").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}> SIZE=99999999999999999999999999"), "552 5.3.4").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}> SIZE="), "501 5.5.4").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}> SIZE=1000"), "250 ").await;
}

#[tokio::test]
async fn data_without_recipients_is_refused_by_us() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange("DATA", "503 ").await;
    smtp.exchange("NOOP", "250 ").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange("RCPT TO:<nobody@contoso.example>", "550 5.1.10").await;
    smtp.exchange("DATA", "554 5.5.1").await;
    smtp.exchange("NOOP", "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    assert!(!world.said_upstream("smtp").contains("DATA"), "the upstream hears DATA when the header block is there");
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_order_and_the_body_may_follow_at_once() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    let message = format!(
        "MAIL FROM:<{ANN}>\r\nRCPT TO:<nobody@contoso.example>\r\nRCPT TO:<{BOB}>\r\nDATA\r\n{HEAD}x\r\n.\r\nNOOP\r\nMAIL FROM:<{ANN}>\r\nRSET\r\nQUIT\r\n"
    );
    smtp.send(message.as_bytes()).await;
    for code in ["250 2.1.0", "550 5.1.10", "250 2.1.5", "354 ", "250 2.0.0 OK <", "250 ", "250 2.1.0", "250 ", "221 "]
    {
        let said = smtp.reply().await;
        assert!(said.starts_with(code), "{code}: {said}");
    }
    smtp.expect_end().await;
    assert_eq!(world.only_message().bytes, format!("{HEAD}x\r\n"));
}

#[tokio::test]
async fn commands_behind_a_failed_login_never_reach_the_upstream_and_behind_a_good_one_none_is_lost() {
    let world = World::with(Plan { more: copier(), ..Plan::default() }).await;
    let mut smtp = greeted(&world).await;
    smtp.send(format!("AUTH PLAIN {}\r\nMAIL FROM:<{ANN}>\r\nRCPT TO:<{BOB}>\r\n", plain(ANN, "wrong")).as_bytes())
        .await;
    smtp.expect("535 ").await;
    smtp.exchange("NOOP", "250 ").await;
    assert_eq!(world.said_upstream("smtp"), "");
    smtp.send(format!("AUTH PLAIN {}\r\nMAIL FROM:<{ANN}>\r\nRCPT TO:<{BOB}>\r\n", plain(ANN, PASSWORD)).as_bytes())
        .await;
    for code in ["235 ", "250 2.1.0", "250 2.1.5"] {
        smtp.expect(code).await;
    }
}

#[tokio::test]
async fn several_messages_and_an_rset_share_one_connection_upstream() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    for n in 0..3 {
        assert!(smtp.message(&format!("message {n}")).await.starts_with("250 "));
        smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
        smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "503 ").await;
        smtp.exchange("RSET", "250 ").await;
    }
    assert_eq!(world.sandbox.submissions().len(), 3);
    assert_eq!(world.sandbox.counts().sign_ons, 1);
}

#[tokio::test]
async fn a_sender_outside_send_as_is_refused_by_us_and_the_session_goes_on() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    let refusal = smtp.exchange("MAIL FROM:<ceo@fabrikam.example>", "550 5.7.1 ").await;
    assert!(refusal.ends_with("[gatepost sender-not-allowed]"), "{refusal}");
    smtp.exchange(&format!("MAIL FROM:<{}>", ANN.to_uppercase()), "250 2.1.0").await;
    let said = world.sandbox.transcript().dialogue("smtp").join("\n");
    assert!(!said.contains("fabrikam"), "{said}");
    let counted =
        r#"gatepost_faults_total{protocol="smtp",kind="identity-refused",id="sender-not-allowed",stage="relaying"} 1"#;
    assert!(world.counts(counted), "{}", world.daemon.meter().text());
}

#[tokio::test]
async fn white_space_around_ones_own_address_in_from_and_sender_keeps_nobody_from_sending() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    for from in [
        "From: Ann <ann@contoso.example >",
        "From: < ann@contoso.example >",
        "From: Ann <\r\n ann@contoso.example>",
        "From: ann@contoso.example\r\nSender: < ann@contoso.example >",
    ] {
        smtp.open_message().await;
        smtp.send(format!("{from}\r\nTo: {BOB}\r\n\r\nx\r\n.\r\n").as_bytes()).await;
        smtp.expect("250 ").await;
    }
    assert_eq!(world.sandbox.submissions().len(), 4);
}

#[tokio::test]
async fn a_from_header_outside_send_as_is_refused_by_us_and_the_upstream_hears_no_data() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    for from in ["ceo@fabrikam.example", "Ann <ann@contoso.example>, ceo@fabrikam.example"] {
        smtp.open_message().await;
        smtp.send(format!("To: {BOB}\r\nFrom: {from}\r\n\r\nx\r\n.\r\n").as_bytes()).await;
        let refusal = smtp.expect("550 5.7.1 ").await;
        assert!(refusal.contains("<ceo@fabrikam.example>"), "{refusal}");
        assert!(refusal.ends_with("[gatepost sender-not-allowed]"), "{refusal}");
    }
    // The dot is taken away upstream (RFC 5321 4.5.2), and a line that is no header hides none behind it.
    for head in [".From: ceo@fabrikam.example", "X-Junk\r\n folded\r\nFrom: ceo@fabrikam.example"] {
        smtp.open_message().await;
        smtp.send(format!("{head}\r\n\r\nx\r\n.\r\n").as_bytes()).await;
        smtp.expect("550 5.7.1 ").await;
    }
    let said = world.said_upstream("smtp");
    assert!(!said.contains("DATA") && said.contains("RSET"), "{said}");
    assert!(smtp.message("by herself").await.starts_with("250 "));
    assert_eq!(world.sandbox.counts().sign_ons, 1, "the connection served on");
    world.only_message();
}

#[tokio::test]
async fn an_address_without_brackets_may_have_parameters() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    for parameters in ["", " BODY=8BITMIME", "  SIZE=100 AUTH=<>"] {
        smtp.exchange(&format!("MAIL FROM:{ANN}{parameters}"), "250 2.1.0").await;
        smtp.exchange(&format!("RCPT TO:{BOB} NOTIFY=NEVER"), "250 2.1.5").await;
        smtp.exchange("RSET", "250 ").await;
    }
    let said = world.said_upstream("smtp");
    assert!(said.contains(&format!("MAIL FROM:<{ANN}> BODY=8BITMIME")), "{said}");
}

#[tokio::test]
async fn a_from_that_readers_disagree_about_is_no_sender_of_a_domain() {
    let plan = Plan { account: "send-as = [\"*@contoso.example\"]".into(), ..Plan::default() };
    let world = World::with(plan).await;
    let mut smtp = world.smtp_as_ann().await;
    for from in
        ["<evil@bank.example>ann@contoso.example", "\"x\" <evil@bank.example> @contoso.example", "@contoso.example"]
    {
        smtp.open_message().await;
        smtp.send(format!("From: {from}\r\n\r\nx\r\n.\r\n").as_bytes()).await;
        smtp.expect("550 5.1.7 ").await;
    }
    assert!(world.sandbox.submissions().is_empty());
    assert!(smtp.message("by herself").await.starts_with("250 "));
}

#[tokio::test]
async fn commands_out_of_sequence_use_up_the_error_budget() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    for _ in 0..20 {
        smtp.exchange(&format!("RCPT TO:<{BOB}>"), "503 ").await;
    }
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "421 4.7.0").await;
    smtp.expect_end().await;
}

#[tokio::test]
async fn the_upstreams_own_words_reach_the_client() {
    let account = format!("send-as = [\"{ANN}\", \"*@fabrikam.example\"]");
    let world = World::with(Plan { account, ..Plan::default() }).await;
    let mut smtp = world.smtp_as_ann().await;
    let said = smtp.exchange("MAIL FROM:<ceo@fabrikam.example>", "550 5.7.60 SMTP; Client does not have permis").await;
    assert!(said.contains(" 5.7.60 The mail server does not let this mailbox send as that sender: ann@contoso.example has no Send As right on ceo@fabrikam.example"), "{said}");
    smtp.open_message().await;
    smtp.send(b"From: ceo@fabrikam.example\r\n\r\nx\r\n.\r\n").await;
    smtp.expect("554-5.2.252 SendAsDenied").await;
    smtp.expect("554 5.2.252 The mail server does not let this mailbox send as that sender: ann@contoso.example has")
        .await;
    for (on, words) in [
        ("MAIL", "451 4.7.0 PRX4"),
        ("RCPT", "452 4.5.3 Too many recipients"),
        ("DATA", "550 5.7.1 no"),
        (".", "432 4.3.2 slow"),
    ] {
        world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new(on, words).times(1)]);
        smtp.say(&format!("MAIL FROM:<{ANN}>")).await;
        if on == "MAIL" {
            assert!(smtp.reply().await.starts_with(words));
            continue;
        }
        smtp.expect("250 ").await;
        smtp.say(&format!("RCPT TO:<{BOB}>")).await;
        if on == "RCPT" {
            assert!(smtp.reply().await.starts_with(words));
            smtp.exchange("RSET", "250 ").await;
            continue;
        }
        smtp.expect("250 ").await;
        smtp.exchange("DATA", "354 ").await;
        smtp.send(format!("{HEAD}x\r\n.\r\n").as_bytes()).await;
        assert!(smtp.reply().await.starts_with(words));
    }
    assert!(smtp.message("after all of that").await.starts_with("250 "));
    world.only_message();
}

#[tokio::test]
async fn dsn_parameters_pass_where_the_upstream_has_dsn_and_are_dropped_where_not() {
    let journal = journal();
    for hidden in [false, true] {
        let plan = Plan::faulty(|faults| faults.smtp.hidden = if hidden { vec!["DSN".into()] } else { Vec::new() });
        let world = World::with(plan).await;
        let mut smtp = world.smtp_as_ann().await;
        smtp.exchange(&format!("MAIL FROM:<{ANN}> RET=HDRS ENVID=abc AUTH=<> BODY=8BITMIME"), "250 ").await;
        smtp.exchange(&format!("RCPT TO:<{BOB}> NOTIFY=FAILURE ORCPT=rfc822;b@x"), "250 ").await;
        let said = world.said_upstream("smtp");
        assert_eq!(said.contains("RET=HDRS ENVID=abc"), !hidden, "{said}");
        assert_eq!(said.contains("NOTIFY=FAILURE ORCPT=rfc822;b@x"), !hidden, "{said}");
        assert!(said.contains("BODY=8BITMIME") && !said.contains("AUTH=<>"), "{said}");
        // Whoever looks for a notice that never came finds out why.
        assert!(!hidden || !journal.lines(&["DSN parameters dropped"]).is_empty());
    }
}

#[tokio::test]
async fn smtputf8_is_dropped_where_all_is_ascii_and_refused_where_it_is_not() {
    let mut plan = Plan::faulty(|faults| faults.smtp.hidden = vec!["SMTPUTF8".into()]);
    plan.account = "send-as = [\"*@contoso.example\"]".into();
    let world = World::with(plan).await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange("MAIL FROM:<änn@contoso.example> SMTPUTF8", "550 5.6.7").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}> SMTPUTF8"), "250 ").await;
    smtp.exchange("RCPT TO:<bøb@contoso.example>", "550 5.6.7").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send("From: ann@contoso.example\r\nSubject: grüße\r\n\r\nx\r\n.\r\n".as_bytes()).await;
    smtp.expect("550 5.6.7").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}> SMTPUTF8"), "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("{HEAD}grüße\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 ").await;
    assert!(!world.said_upstream("smtp").contains("SMTPUTF8"));
}

#[tokio::test]
async fn one_line_tells_of_each_message_and_no_line_holds_a_secret() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.open_message().await;
    smtp.send(format!("Message-ID: <line-test@x>\r\n{HEAD}x\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 ").await;
    let lines = journal().lines(&["line-test@x"]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let account = format!("account={ANN:?}");
    let sender = format!("sender={ANN:?}");
    for word in [
        "message accepted",
        &account,
        "client=\"login\"",
        &sender,
        "recipients=1",
        "bytes=",
        "ms=",
        "reply=\"250 2.0.0",
    ] {
        assert!(lines[0].contains(word), "{word} in {}", lines[0]);
    }
    let said = world.said_upstream("smtp");
    let token = said.lines().find(|line| line.starts_with("dXNlcj1") || line.starts_with("AUTH XOAUTH2 ")).unwrap();
    let token = token.strip_prefix("AUTH XOAUTH2 ").unwrap_or(token);
    for secret in [PASSWORD, &base64(PASSWORD), &plain(ANN, PASSWORD), token, &token[..60]] {
        assert_eq!(journal().lines(&[secret]), Vec::<String>::new());
    }
}
