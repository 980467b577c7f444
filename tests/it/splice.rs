//! IMAP and POP3 behind the sign-on: every byte passes, both ways, and who stops reading stops the other side.

use std::time::Duration;

use gatepost::{
    base::{Protocol, Stage},
    sandbox::{Answer, Flags, INBOX, Options},
};

use crate::world::{ANN, HEAD, PASSWORD, Plan, World, journal, plain};

const MEGABYTE: usize = 1 << 20;

/// Bytes of every value, dots and line ends among them.
fn noise(n: usize) -> Vec<u8> {
    (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[tokio::test]
async fn a_literal_of_a_megabyte_passes_both_ways_unchanged() {
    let world = World::new().await;
    let mut imap = world.imap_as_ann().await;
    let message = [b"Subject: big\r\n\r\n".as_slice(), &noise(MEGABYTE)].concat();
    imap.exchange(&format!("b APPEND INBOX {{{}}}", message.len()), "+ ").await;
    imap.send(&message).await;
    imap.send(b"\r\n").await;
    imap.expect_last("b OK ").await;
    imap.send(format!("c APPEND INBOX {{{}+}}\r\n", message.len()).as_bytes()).await;
    imap.send(&[&message[..], b"\r\n"].concat()).await;
    imap.expect_last("c OK ").await;
    imap.say("d SELECT INBOX").await;
    imap.expect_last("d OK ").await;
    imap.say("e FETCH 2 BODY.PEEK[]").await;
    let line = imap.expect("* 2 FETCH").await;
    assert!(line.ends_with(&format!("{{{}}}", message.len())), "{line}");
    assert!(imap.bytes(message.len()).await == message);
}

#[tokio::test]
async fn idle_wakes_the_client_at_once() {
    let world = World::new().await;
    let mut imap = world.imap_as_ann().await;
    imap.say("b SELECT INBOX").await;
    imap.expect_last("b OK ").await;
    imap.exchange("c IDLE", "+ ").await;
    for n in 1..4 {
        world.sandbox.mailbox(ANN).unwrap().add(INBOX, Flags::default(), "Subject: x\r\n\r\n".into()).unwrap();
        imap.expect_last(&format!("* {n} EXISTS")).await;
    }
    imap.say("done").await;
    imap.expect_last("c OK").await;
}

#[tokio::test]
async fn a_torn_command_is_passed_on_piece_by_piece() {
    let world = World::new().await;
    let mut imap = world.imap_as_ann().await;
    for piece in ["A00", "02", " NO", "OP\r", "\n"] {
        imap.send(piece.as_bytes()).await;
    }
    imap.expect("A0002 OK").await;
}

/// Each says all at once, closes its side and waits.
async fn assert_scripts_are_answered(world: &World, scripts: &[(Protocol, String, &str)]) {
    for (protocol, script, last) in scripts {
        let mut talk = world.talk(*protocol).await;
        talk.send(script.as_bytes()).await;
        talk.half_close().await;
        let answers = talk.rest().await;
        let said = answers.lines().last().unwrap_or_default();
        assert!(said.starts_with(last), "{protocol}: {answers}");
    }
}

fn scripts_that_read() -> [(Protocol, String, &'static str); 2] {
    [
        (Protocol::Imap, format!("a LOGIN {ANN} \"{PASSWORD}\"\r\nb NOOP\r\nc LOGOUT\r\n"), "c OK"),
        (Protocol::Pop3, format!("USER {ANN}\r\nPASS {PASSWORD}\r\nSTAT\r\nQUIT\r\n"), "+OK "),
    ]
}

#[tokio::test]
async fn a_script_that_sends_all_at_once_and_closes_its_side_gets_all_its_answers() {
    let world = World::new().await;
    let smtp = format!(
        "EHLO script\r\nAUTH PLAIN {}\r\nMAIL FROM:<{ANN}>\r\nRCPT TO:<{ANN}>\r\nDATA\r\n{HEAD}x\r\n.\r\nQUIT\r\n",
        plain(ANN, PASSWORD)
    );
    assert_scripts_are_answered(&world, &[(Protocol::Smtp, smtp, "221 2.0.0")]).await;
    assert_scripts_are_answered(&world, &scripts_that_read()).await;
    world.only_message();
}

/// Before it has answered what came before that.
#[tokio::test]
async fn a_script_that_closes_its_side_gets_the_answers_of_a_server_that_hangs_up_on_that() {
    let world = World::with(Plan::faulty(|faults| {
        for line in [&mut faults.imap.line, &mut faults.pop3.line] {
            line.delay_ms = 200;
        }
    }))
    .await;
    assert_scripts_are_answered(&world, &scripts_that_read()).await;
}

#[tokio::test]
async fn a_client_that_half_closes_still_gets_its_answers() {
    let world = World::new().await;
    for _ in 0..300 {
        world.sandbox.mailbox(ANN).unwrap().add(INBOX, Flags::default(), "Subject: x\r\n\r\nbody\r\n".into()).unwrap();
    }
    let mut pop3 = world.pop3_as_ann().await;
    for n in 1..=300 {
        pop3.send(format!("RETR {n}\r\n").as_bytes()).await;
    }
    pop3.send(b"QUIT\r\n").await;
    pop3.half_close().await;
    let rest = pop3.rest().await;
    assert_eq!(rest.matches("Subject: x").count(), 300);
    assert!(rest.trim_end().lines().next_back().unwrap().starts_with("+OK"), "the answer to QUIT");
}

#[tokio::test]
async fn a_client_that_stops_reading_stops_the_upstream() {
    let world = World::new().await;
    let message = [b"Subject: big\r\n\r\n".as_slice(), &vec![b'x'; 50 * MEGABYTE]].concat();
    world.sandbox.mailbox(ANN).unwrap().add(INBOX, Flags::default(), message.clone().into()).unwrap();
    let mut imap = world.imap_as_ann().await;
    imap.send(b"b SELECT INBOX\r\nc FETCH 1 BODY.PEEK[]\r\nd NOOP\r\n").await;
    imap.expect_last("b OK ").await;
    imap.expect("* 1 FETCH").await;
    // The upstream goes on to the next command only when the 50 MB have been taken from it.
    let quiet = tokio::time::timeout(
        Duration::from_millis(700),
        world.until("never", |world| world.said_upstream("imap").contains("d NOOP")),
    );
    assert!(quiet.await.is_err(), "50 MB were taken from the upstream for a client that reads nothing");
    assert_eq!(imap.bytes(message.len()).await.len(), message.len());
    imap.expect_last("d OK").await;
}

#[tokio::test]
async fn the_end_of_a_token_is_passed_on_as_it_is_and_counted() {
    let life = Duration::from_millis(1500);
    let world =
        World::with(Plan { sandbox: Options { token_life: life, ..Options::default() }, ..Plan::default() }).await;
    let mut imap = world.imap_as_ann().await;
    imap.say("b SELECT INBOX").await;
    imap.expect_last("b OK ").await;
    imap.exchange("c IDLE", "+ ").await;
    imap.expect_last("* BYE Session invalidated - AccessTokenExpired").await;
    imap.expect_end().await;
    drop(imap);
    world.until("it is counted", |world| world.counts("gatepost_sessions_ended_by_token_expiry_total 1")).await;
    let by_id =
        r#"gatepost_faults_total{protocol="imap",kind="unavailable",id="session-token-expired",stage="splicing"} 1"#;
    assert!(world.counts(by_id));
}

#[tokio::test]
async fn a_token_end_behind_other_lines_is_counted_and_a_quotation_of_it_is_not() {
    let world = World::new().await;
    let end = "* 1 EXISTS\r\n* BYE Session invalidated - AccessTokenExpired";
    let mut imap = world.imap_as_ann().await;
    world.sandbox.faults().set(|faults| {
        faults.imap.answers.push(Answer::new("CHECK", format!("{end}\r\n{{tag}} OK quoted")).times(1));
        faults.imap.answers.push(Answer::new("NOOP", end).times(1).close());
    });
    imap.say("b CHECK").await;
    imap.expect_last("b OK quoted").await;
    assert!(!world.counts("gatepost_sessions_ended_by_token_expiry_total 1"));
    imap.say("c NOOP").await;
    imap.expect_last("* BYE Session invalidated").await;
    imap.expect_end().await;
    drop(imap);
    world.until("it is counted", |world| world.counts("gatepost_sessions_ended_by_token_expiry_total 1")).await;
}

#[tokio::test]
async fn a_shutdown_says_goodbye_before_login_and_invents_no_line_behind_it() {
    let world = World::new().await;
    let (mut smtp, mut imap, mut pop3) = (world.smtp().await, world.imap().await, world.pop3().await);
    smtp.expect("220 ").await;
    imap.expect("* OK ").await;
    pop3.expect("+OK ").await;
    let mut spliced = [world.imap_as_ann().await, world.pop3_as_ann().await];
    let drained = tokio::spawn(world.daemon.drain());
    let why = "Gatepost closes this connection: it shuts down, try again [gatepost connection-closed]";
    smtp.expect(&format!("421 4.3.2 {why}")).await;
    imap.expect(&format!("* BYE {why}")).await;
    pop3.expect(&format!("-ERR [SYS/TEMP] {why}")).await;
    for talk in [&mut smtp, &mut imap, &mut pop3].into_iter().chain(&mut spliced) {
        talk.expect_end().await;
    }
    drained.await.unwrap();
    for protocol in ["imap", "pop3"] {
        let ended = ["session ended: Gatepost is shutting down", &format!("protocol={protocol}"), "connection-closed"];
        assert!(!journal().lines(&ended).is_empty(), "{protocol}");
    }
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_an_upstream_that_is_silent_at_sign_on() {
    let world = World::with(Plan::faulty(|faults| faults.pop3.line.silent = true)).await;
    let mut pop3 = world.pop3().await;
    pop3.expect("+OK ").await;
    pop3.exchange(&format!("USER {ANN}"), "+OK").await;
    pop3.say(&format!("PASS {PASSWORD}")).await;
    world.until("it signs on", |world| world.sandbox.counts().connections(Protocol::Pop3).open == 1).await;
    world.daemon.drain().await;
    pop3.expect("-ERR [SYS/TEMP]").await;
    pop3.expect_end().await;
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_login_whose_turn_has_not_come() {
    let world = World::new().await;
    let mut guesser = world.pop3().await;
    guesser.expect("+OK ").await;
    guesser.exchange(&format!("USER {ANN}"), "+OK").await;
    guesser.exchange("PASS wrong", "-ERR [AUTH]").await;
    guesser.exchange(&format!("USER {ANN}"), "+OK").await;
    let mut waiting = world.pop3().await;
    waiting.expect("+OK ").await;
    waiting.exchange(&format!("USER {ANN}"), "+OK").await;
    for talk in [&mut guesser, &mut waiting] {
        talk.say("PASS wrong").await;
    }
    let waits =
        |world: &World| world.daemon.meter().board.list().iter().all(|live| live.stage == Stage::Authenticating);
    world.until("both wait for their turn", waits).await;
    world.daemon.drain().await;
    waiting.expect("-ERR [SYS/TEMP]").await;
    guesser.expect("-ERR [SYS/TEMP]").await;
    guesser.expect_end().await;
}

#[tokio::test]
async fn an_upstream_that_closes_closes_the_client_with_no_line_of_ours() {
    let world = World::new().await;
    let mut imap = world.imap_as_ann().await;
    world
        .sandbox
        .faults()
        .set(|faults| faults.imap.answers.push(Answer::new("NOOP", "* BYE Connection is closed. 13").close()));
    imap.exchange("b NOOP", "* BYE Connection is closed. 13").await;
    imap.expect_end().await;
    let connections = world.sandbox.counts().connections(Protocol::Imap);
    assert_eq!(connections.total, 1);
}

#[tokio::test]
async fn a_client_that_leaves_while_it_idles_frees_its_upstream() {
    let world = World::new().await;
    let mut imap = world.imap_as_ann().await;
    imap.say("b SELECT INBOX").await;
    imap.expect_last("b OK ").await;
    imap.exchange("c IDLE", "+ ").await;
    imap.reset();
    world.until("the upstream is free", |world| world.sandbox.counts().connections(Protocol::Imap).open == 0).await;
}

#[tokio::test]
async fn twenty_four_sessions_at_once_each_get_their_own_answers() {
    let world = World::new().await;
    let logins = (0..24).map(|n| {
        let world = &world;
        async move {
            let mut imap = world.imap().await;
            imap.expect("* OK ").await;
            imap.exchange(&format!("t{n} LOGIN {ANN} \"{PASSWORD}\""), &format!("t{n} OK")).await;
            imap.say(&format!("u{n} SELECT INBOX")).await;
            imap.expect_last(&format!("u{n} OK")).await;
        }
    });
    crate::world::together(logins).await;
    assert_eq!(world.token_requests(), 1);
}
