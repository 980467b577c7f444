//! POP3: login forms of 21 clients, then bytes pass.

use gatepost::sandbox::{Flags, INBOX};

use crate::world::{ANN, PASSWORD, Plan, World, base64, cheap_hash, plain};

fn deliver(world: &World, text: &'static str) {
    world.sandbox.mailbox(ANN).unwrap().add(INBOX, Flags::default(), text.into()).unwrap();
}

#[tokio::test]
async fn a_mailbox_is_read_with_a_password() {
    let world = World::new().await;
    deliver(&world, "Subject: hi\r\n\r\nx\r\n");
    let mut pop3 = world.pop3_as_ann().await;
    pop3.exchange("STAT", "+OK 1 ").await;
    pop3.say("RETR 1").await;
    assert_eq!(pop3.expect_last(".").await[1..].first().map(String::as_str), Some("Subject: hi"));
    pop3.exchange("QUIT", "+OK").await;
    pop3.expect_end().await;
    let said = world.said_upstream("pop3");
    assert!(said.starts_with("AUTH XOAUTH2\ndXNlcj1"), "AUTH in two lines, always: {said}");
}

#[tokio::test]
async fn every_login_form_signs_on_and_apop_and_ntlm_do_not() {
    let world = World::new().await;
    let plain = plain(ANN, PASSWORD);
    let (user, password) = (base64(ANN), base64(PASSWORD));
    let forms: &[&[(&str, &str)]] = &[
        &[(&format!("user {ANN}"), "+OK"), (&format!("pass {PASSWORD}"), "+OK")],
        &[(&format!("AUTH PLAIN {plain}"), "+OK")],
        &[("AUTH PLAIN", "+ "), (&plain, "+OK")],
        &[("auth login", "+ VXNlcm5hbWU6"), (&user, "+ UGFzc3dvcmQ6"), (&password, "+OK")],
        &[
            ("APOP ann 0123456789abcdef", "-ERR"),
            ("AUTH NTLM", "-ERR"),
            ("AUTH PLAIN", "+ "),
            ("*", "-ERR"),
            (&format!("USER {ANN}"), "+OK"),
            (&format!("PASS {PASSWORD}"), "+OK"),
        ],
    ];
    for form in forms {
        let mut pop3 = world.pop3().await;
        pop3.expect("+OK ").await;
        for (say, hear) in *form {
            pop3.exchange(say, hear).await;
        }
        pop3.exchange("NOOP", "+OK").await;
    }
}

#[tokio::test]
async fn capa_shows_what_works_before_login() {
    let world = World::new().await;
    let mut pop3 = world.pop3().await;
    pop3.expect("+OK ").await;
    pop3.say("CAPA").await;
    let shown = pop3.expect_last(".").await;
    for word in ["USER", "SASL PLAIN LOGIN", "UIDL", "TOP", "RESP-CODES", "AUTH-RESP-CODE"] {
        assert!(shown.iter().any(|line| line == word), "{word} in {shown:?}");
    }
    assert!(!shown.contains(&"STLS".to_owned()));
    for verb in ["STAT", "RETR 1", "DELE 1"] {
        pop3.exchange(verb, "-ERR").await;
    }
    pop3.exchange("QUIT", "+OK").await;
    pop3.expect_end().await;
}

#[tokio::test]
async fn a_password_is_the_rest_of_the_line_and_pipelined_commands_wait_for_it() {
    let odd = "  two  spaces \"quoted\" ";
    let more = format!(
        "[[client]]\nname = \"odd\"\naccount = \"{ANN}\"\nlogin = \"odd\"\npassword = \"{}\"\n",
        cheap_hash(odd)
    );
    let world = World::with(Plan { more, ..Plan::default() }).await;
    deliver(&world, "Subject: hi\r\n\r\nx\r\n");
    let mut pop3 = world.pop3().await;
    pop3.expect("+OK ").await;
    pop3.send(format!("USER odd\r\nPASS {odd}\r\nSTAT\r\nDELE 1\r\nQUIT\r\n").as_bytes()).await;
    for line in ["+OK", "+OK", "+OK 1 ", "+OK", "+OK"] {
        pop3.expect(line).await;
    }
    pop3.expect_end().await;
}

#[tokio::test]
async fn nothing_is_deleted_without_quit() {
    let world = World::new().await;
    deliver(&world, "Subject: hi\r\n\r\nx\r\n");
    let mut pop3 = world.pop3_as_ann().await;
    pop3.exchange("DELE 1", "+OK").await;
    drop(pop3);
    let mut pop3 = world.pop3_as_ann().await;
    pop3.exchange("STAT", "+OK 1 ").await;
}

#[tokio::test]
async fn commands_behind_a_failed_login_never_reach_the_upstream() {
    let world = World::new().await;
    let mut pop3 = world.pop3().await;
    pop3.expect("+OK ").await;
    pop3.send(format!("USER {ANN}\r\nPASS wrong\r\nDELE 1\r\nNOOP\r\n").as_bytes()).await;
    pop3.expect("+OK").await;
    pop3.expect("-ERR [AUTH]").await;
    pop3.expect("-ERR").await;
    pop3.expect("+OK").await;
    assert_eq!(world.said_upstream("pop3"), "");
}
