//! IMAP up to the sign-on: login forms, capabilities, and what Exchange's "OK" is worth.

use gatepost::{
    sandbox::{Answer, Flags, INBOX},
    store::Store,
};

use crate::world::{ANN, BOB, PASSWORD, Plan, World, account, base64, plain};

const SHARED: &str = "shared@contoso.example";

fn capabilities(line: &str) -> Vec<&str> {
    let (_, rest) = line.split_once("[CAPABILITY ").unwrap_or_else(|| panic!("no capabilities in {line:?}"));
    rest.split(']').next().unwrap().split(' ').collect()
}

#[tokio::test]
async fn a_mailbox_is_read_with_a_password() {
    let world = World::new().await;
    let mut imap = world.imap_as_ann().await;
    imap.say("b SELECT INBOX").await;
    imap.expect_last("b OK ").await;
    imap.say("c LOGOUT").await;
    imap.expect_last("c OK ").await;
    imap.expect_end().await;
    let said = world.said_upstream("imap");
    assert!(said.contains("AUTHENTICATE XOAUTH2 ") && !said.contains(PASSWORD), "{said}");
}

#[tokio::test]
async fn every_login_form_signs_on_under_any_tag() {
    let world = World::new().await;
    let plain = plain(ANN, PASSWORD);
    let (n, m) = (ANN.len(), PASSWORD.len());
    let (user, password) = (base64(ANN), base64(PASSWORD));
    let forms: &[&[(&str, &str)]] = &[
        &[(&format!("A.b-3 LOGIN {ANN} \"{PASSWORD}\""), "A.b-3 OK")],
        &[(&format!("00000000 login \"{ANN}\" \"{PASSWORD}\""), "00000000 OK")],
        &[(&format!("8r6y LOGIN {{{n}}}"), "+ "), (&format!("{ANN} {{{m}}}"), "+ "), (PASSWORD, "8r6y OK")],
        &[(&format!("5 LOGIN {{{n}+}}\r\n{ANN} {{{m}+}}\r\n{PASSWORD}"), "5 OK")],
        &[(&format!("52 AUTHENTICATE PLAIN {plain}"), "52 OK")],
        &[("52 authenticate plain", "+ "), (&plain, "52 OK")],
        &[("x AUTHENTICATE LOGIN", "+ VXNlcm5hbWU6"), (&user, "+ UGFzc3dvcmQ6"), (&password, "x OK")],
        &[
            ("1 AUTHENTICATE NTLM", "1 NO"),
            ("2 AUTHENTICATE PLAIN", "+ "),
            ("*", "2 BAD"),
            (&format!("3 LOGIN {ANN} \"{PASSWORD}\""), "3 OK"),
        ],
    ];
    for form in forms {
        let mut imap = world.imap().await;
        imap.expect("* OK ").await;
        for (say, hear) in *form {
            imap.exchange(say, hear).await;
        }
        imap.say("z NOOP").await;
        imap.expect_last("z OK").await;
    }
}

#[tokio::test]
async fn commands_sent_behind_login_arrive_in_order() {
    let world = World::new().await;
    world.sandbox.mailbox(ANN).unwrap().add(INBOX, Flags::default(), "Subject: hi\r\n\r\nx\r\n".into()).unwrap();
    let mut imap = world.imap().await;
    imap.expect("* OK ").await;
    imap.send(format!("a LOGIN {ANN} \"{PASSWORD}\"\r\nb SELECT INBOX\r\nc FETCH 1 BODY[]\r\nd LOGOUT\r\n").as_bytes())
        .await;
    imap.expect("a OK ").await;
    imap.expect_last("b OK ").await;
    assert!(imap.expect_last("c OK ").await.contains(&"Subject: hi".to_owned()));
    imap.expect_last("d OK ").await;
    imap.expect_end().await;
}

#[tokio::test]
async fn commands_behind_a_failed_login_never_reach_the_upstream() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    imap.expect("* OK ").await;
    imap.send(format!("a LOGIN {ANN} wrong\r\nb SELECT INBOX\r\nc NOOP\r\n").as_bytes()).await;
    imap.expect("a NO [AUTHENTICATIONFAILED]").await;
    imap.expect("b BAD").await;
    imap.expect("c OK").await;
    assert_eq!(world.said_upstream("imap"), "");
}

#[tokio::test]
async fn what_the_upstream_sends_with_its_ok_reaches_the_client_behind_ours() {
    let world = World::new().await;
    let ok = "{tag} OK NAMESPACE completed.\r\n* 3 EXISTS\r\n* OK [ALERT] mind the gap";
    world.sandbox.faults().set(|faults| faults.imap.answers.push(Answer::new("NAMESPACE", ok).times(1)));
    let mut imap = world.imap_as_ann().await;
    imap.expect("* 3 EXISTS").await;
    imap.expect("* OK [ALERT] mind the gap").await;
    imap.exchange("b NOOP", "b OK").await;
}

#[tokio::test]
async fn capabilities_never_show_what_the_upstream_lacks_nor_how_we_sign_on() {
    let world = World::with(Plan::faulty(|faults| {
        faults.imap.hidden = ["MOVE", "IDLE", "LITERAL+", "ID"].map(Into::into).into()
    }))
    .await;
    // Once somebody signed on, the live list is known.
    drop(world.imap_as_ann().await);
    let mut imap = world.imap().await;
    let greeting = imap.expect("* OK ").await;
    let before = capabilities(&greeting);
    for word in ["IMAP4rev1", "AUTH=PLAIN", "AUTH=LOGIN", "SASL-IR", "UIDPLUS", "NAMESPACE"] {
        assert!(before.contains(&word), "{word} in {greeting}");
    }
    imap.exchange("i ID NIL", "* ID ").await;
    imap.expect("i OK").await;
    imap.say("q CAPABILITY").await;
    let untagged = imap.expect("* CAPABILITY ").await;
    imap.expect("q OK").await;
    let ok = imap.exchange(&format!("a LOGIN {ANN} \"{PASSWORD}\""), "a OK ").await;
    let after = capabilities(&ok);
    assert!(after.contains(&"UIDPLUS") && after.contains(&"SASL-IR"), "{ok}");
    for shown in [before, untagged.split(' ').collect(), after] {
        for word in [
            "MOVE",
            "IDLE",
            "LITERAL+",
            "ID",
            "XOAUTH2",
            "AUTH=XOAUTH2",
            "LOGINDISABLED",
            "BACKENDAUTHENTICATE",
            "STARTTLS",
        ] {
            assert!(!shown.contains(&word), "{word} in {shown:?}");
        }
    }
    assert!(!ok.contains("AUTH="), "{ok}");
}

#[tokio::test]
async fn what_an_upstream_offers_is_known_at_once_after_a_restart() {
    let world = World::new().await;
    drop(world.imap_as_ann().await);
    let store = Store::open(&world.store_settings()).await.unwrap();
    while store.seen().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(store);
    let world = world.restarted().await;
    let greeting = world.imap().await.expect("* OK ").await;
    assert!(capabilities(&greeting).contains(&"UIDPLUS"), "{greeting}");
    assert_eq!(world.sandbox.counts().sign_ons, 1, "nobody signed on for that");
}

#[tokio::test]
async fn the_new_front_end_with_its_backend_words_signs_on_too() {
    let world = World::with(Plan::faulty(|faults| faults.imap.front_end_2026 = true)).await;
    let mut imap = world.imap().await;
    imap.expect("* OK ").await;
    let ok = imap.exchange(&format!("a LOGIN {ANN} \"{PASSWORD}\""), "a OK ").await;
    assert!(capabilities(&ok).contains(&"IMAP4rev2") && !ok.contains("BACKENDAUTHENTICATE"), "{ok}");
    imap.exchange("b ENABLE IMAP4rev2", "* ENABLED IMAP4rev2").await;
}

#[tokio::test]
async fn authenticated_but_not_connected_is_a_clear_refusal_and_so_is_a_bye_behind_the_probe() {
    let connected = "{tag} BAD User is authenticated but not connected.\r\n* BYE Connection closed. 14";
    let bye = "* BYE Connection is closed. 13";
    for words in [connected, bye] {
        let world =
            World::with(Plan::faulty(|faults| faults.imap.answers.push(Answer::new("NAMESPACE", words).close()))).await;
        let mut imap = world.imap().await;
        imap.expect("* OK ").await;
        let said = imap.exchange(&format!("a LOGIN {ANN} \"{PASSWORD}\""), "a NO [CONTACTADMIN]").await;
        assert!(said.ends_with("[gatepost mailbox-not-connected]"), "{said}");
        assert_eq!(world.token_requests(), 1, "no token is to blame");
        imap.exchange("b NOOP", "b OK").await;
    }
}

#[tokio::test]
async fn a_throttled_or_unavailable_mailbox_passes_by_itself_and_any_other_answer_is_ignored() {
    for (words, heard) in [
        ("{tag} BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds", "a NO [UNAVAILABLE]"),
        ("{tag} NO Server Unavailable. 15", "a NO [UNAVAILABLE]"),
        ("{tag} BAD Command Error. 12", "a OK"),
    ] {
        let world = World::with(Plan::faulty(|faults| faults.imap.answers.push(Answer::new("NAMESPACE", words)))).await;
        let mut imap = world.imap().await;
        imap.expect("* OK ").await;
        imap.exchange(&format!("a LOGIN {ANN} \"{PASSWORD}\""), heard).await;
    }
}

#[tokio::test]
async fn a_bye_behind_the_ok_that_says_why_is_what_it_says_and_nobodys_to_mend() {
    for (words, id) in [
        ("* BYE Server Unavailable. 15", "upstream-unavailable"),
        ("* BYE Request is throttled. Suggested Backoff Time: 5000 milliseconds", "upstream-throttled"),
    ] {
        let bye = Answer::new("NAMESPACE", words).close();
        let world = World::with(Plan::faulty(|faults| faults.imap.answers.push(bye))).await;
        let mut imap = world.imap().await;
        imap.expect("* OK ").await;
        let said = imap.exchange(&format!("a LOGIN {ANN} \"{PASSWORD}\""), "a NO [UNAVAILABLE]").await;
        assert!(said.ends_with(&format!("[gatepost {id}]")), "{said}");
    }
}

#[tokio::test]
async fn a_token_that_ends_right_behind_the_ok_is_replaced_unseen() {
    let bye = Answer::new("NAMESPACE", "* BYE Session invalidated - AccessTokenExpired").times(1).close();
    let world = World::with(Plan::faulty(|faults| faults.imap.answers.push(bye))).await;
    let mut imap = world.imap().await;
    imap.expect("* OK ").await;
    imap.exchange(&format!("a LOGIN {ANN} \"{PASSWORD}\""), "a OK ").await;
    assert_eq!(world.token_requests(), 2);
}

#[tokio::test]
async fn what_the_upstream_offers_in_a_code_behind_its_ok_does_not_reach_the_client() {
    let offers = "* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready\r\n{tag} OK NAMESPACE completed.";
    let world = World::with(Plan::faulty(|faults| faults.imap.answers.push(Answer::new("NAMESPACE", offers)))).await;
    let mut imap = world.imap().await;
    imap.expect("* OK ").await;
    imap.exchange(&format!("a LOGIN {ANN} \"{PASSWORD}\""), "a OK ").await;
    imap.exchange("b NOOP", "b OK").await;
}

/// With a fresh token it would ask again eight milliseconds later.
#[tokio::test]
async fn a_refusal_that_asks_for_a_pause_is_not_tried_again_with_a_fresh_token() {
    let words = "{tag} NO AUTHENTICATE failed. Suggested Backoff Time: 200000 milliseconds";
    let world = World::with(Plan::faulty(|faults| faults.imap.answers.push(Answer::new("AUTHENTICATE", words)))).await;
    for _ in 0..2 {
        let mut imap = world.imap().await;
        imap.expect("* OK ").await;
        imap.exchange(&format!("a LOGIN {ANN} \"{PASSWORD}\""), "a NO ").await;
    }
    assert_eq!(world.token_requests(), 1);
}

/// Where the first token is refused too, what is asked for behind the second one counts as well.
#[tokio::test]
async fn a_pause_that_the_upstream_asks_for_is_kept_whichever_sign_on_it_came_behind() {
    let throttled =
        || Answer::new("NAMESPACE", "{tag} BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds");
    let refused = || Answer::new("AUTHENTICATE", "{tag} NO AUTHENTICATE failed.").times(1);
    for (answers, sign_ons) in [(vec![throttled()], 1), (vec![refused(), throttled()], 2)] {
        let world = World::with(Plan::faulty(|faults| faults.imap.answers = answers)).await;
        for _ in 0..3 {
            let mut imap = world.imap().await;
            imap.expect("* OK ").await;
            let said = imap.exchange(&format!("a LOGIN {ANN} \"{PASSWORD}\""), "a NO [UNAVAILABLE]").await;
            assert!(said.ends_with("[gatepost upstream-throttled]"), "{said}");
            assert_eq!(
                world.sandbox.counts().connections(gatepost::base::Protocol::Imap).total,
                sign_ons,
                "and no more"
            );
        }
    }
}

#[tokio::test]
async fn an_upstream_without_sasl_ir_gets_its_token_behind_the_plus() {
    let world = World::with(Plan::faulty(|faults| faults.imap.hidden = vec!["SASL-IR".into()])).await;
    world.imap_as_ann().await.exchange("b NOOP", "b OK").await;
    let said = world.said_upstream("imap");
    assert!(said.contains("AUTHENTICATE XOAUTH2\ndXNlcj1"), "{said}");
}

#[tokio::test]
async fn a_shared_mailbox_is_read_and_sent_from_with_one_login() {
    let keys = format!("sign-in-as = \"{ANN}\"\nsend-as = [\"{SHARED}\", \"{ANN}\"]");
    let world = World::with(Plan { more: account(SHARED, &keys), ..Plan::default() }).await;
    world
        .sandbox
        .mailbox(SHARED)
        .unwrap()
        .add(INBOX, Flags::default(), "Subject: for all\r\n\r\nx\r\n".into())
        .unwrap();
    let mut imap = world.imap().await;
    imap.expect("* OK ").await;
    imap.exchange(&format!("a LOGIN {SHARED} \"{PASSWORD}\""), "a OK ").await;
    imap.send(b"b SELECT INBOX\r\nc FETCH 1 BODY[]\r\n").await;
    assert!(imap.expect_last("c OK ").await.contains(&"Subject: for all".to_owned()));
    let mut smtp = world.smtp().await;
    smtp.expect("220 ").await;
    smtp.exchange("HELO x", "250 ").await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain(SHARED, PASSWORD)), "235 ").await;
    smtp.exchange(&format!("MAIL FROM:<{SHARED}>"), "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("From: {SHARED}\r\n\r\nx\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 2.0.0").await;
    let message = world.only_message();
    assert_eq!((message.mailbox.as_str(), message.from.as_str()), (ANN, SHARED), "SMTP signs on as the delegate");
    assert_eq!(world.token_requests(), 1, "one sign-in serves both");
}

#[tokio::test]
async fn imap_user_and_smtp_user_are_honoured() {
    let world =
        World::with(Plan { account: format!("imap-user = \"{SHARED}\"\nsmtp-user = \"{ANN}\""), ..Plan::default() })
            .await;
    let mut imap = world.imap_as_ann().await;
    imap.exchange("b NOOP", "b OK").await;
    assert_eq!(world.sandbox.counts().mailbox(gatepost::base::Protocol::Imap, SHARED).total, 1);
    drop(world.smtp_as_ann().await);
    assert_eq!(world.sandbox.counts().mailbox(gatepost::base::Protocol::Smtp, ANN).total, 1);
}
