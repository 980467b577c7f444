//! What the provider allows for a mailbox, kept over all sessions, and connections that serve one client after another.

use std::time::Duration;

use gatepost::{
    base::{Protocol, Stage},
    sandbox::{Answer, Speaker},
    store::Store,
};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};

use crate::{
    mail_queue::jump,
    world::{ANN, BOB, HEAD, PASSWORD, Plan, Talk, World, account, at_once, journal, plain, together},
};

async fn with_account(keys: &str) -> World {
    World::with(Plan { account: keys.into(), ..Plan::default() }).await
}

/// Logs in and sends one message; what the client heard in the end.
async fn sends(world: &World) -> String {
    let mut smtp = world.greeted(Protocol::Smtp).await;
    let said = smtp.login(Protocol::Smtp, ANN, PASSWORD).await;
    if !said.starts_with("235 ") {
        return said;
    }
    let said = smtp.message("alert").await;
    smtp.exchange("QUIT", "221 ").await;
    said
}

/// The same, and its session is over: what it used is left over.
async fn sends_and_leaves(world: &World) -> String {
    let said = sends(world).await;
    world.until("the session is over", |world| world.daemon.meter().board.list().is_empty()).await;
    said
}

#[tokio::test]
async fn a_burst_of_twelve_clients_gets_through_three_connections_and_the_fourth_is_never_opened() {
    let world = World::new().await;
    together((0..12).map(|_| async { assert!(sends(&world).await.starts_with("250 ")) })).await;
    assert_eq!(world.sandbox.submissions().len(), 12);
    let counts = world.sandbox.counts();
    assert_eq!(counts.connections(Protocol::Smtp).most, 3);
    // On a slow machine one that is left over may have had its time before the next client comes.
    assert!((3..12).contains(&counts.sign_ons), "connections serve more than one client: {}", counts.sign_ons);
    assert_eq!(counts.injected, 0);
}

#[tokio::test]
async fn a_client_that_finds_no_room_within_its_time_is_told_so_at_login_and_at_mail() {
    let mut plan = Plan { account: "limits = { connections = 1 }".into(), ..Plan::default() };
    plan.daemon = "sign-on-seconds = 5".into();
    let world = World::with(plan).await;
    let mut idle = world.smtp_as_ann().await;
    let mut busy = world.smtp_in_data().await;
    let start = Instant::now();
    let said = sends(&world).await;
    assert!(said.starts_with("454 4.7.0 ") && said.ends_with("[gatepost mailbox-busy]"), "{said}");
    let said = idle.exchange(&format!("MAIL FROM:<{ANN}>"), "451 4.3.2 ").await;
    assert!(said.ends_with("[gatepost mailbox-busy]"), "{said}");
    assert!(start.elapsed() >= Duration::from_secs(9), "each waited for its time");
    busy.send(HEAD.as_bytes()).await;
    busy.say("made it\r\n.").await;
    busy.expect("250 ").await;
    assert!(idle.message("made it too").await.starts_with("250 "), "room is there again");
    assert_eq!(world.sandbox.counts().connections(Protocol::Smtp).most, 1);
}

/// It is signed on at MAIL, and what it hears there is the same.
#[tokio::test]
async fn a_device_without_a_login_that_finds_no_room_hears_451_4_3_2_as_well() {
    let mut plan = Plan { account: "limits = { connections = 1 }".into(), ..Plan::default() };
    plan.daemon = "sign-on-seconds = 5".into();
    plan.more = format!("[[client]]\nname = \"device\"\naccount = \"{ANN}\"\nfrom = [\"127.0.0.0/8\"]\n");
    let world = World::with(plan).await;
    let _busy = world.smtp_in_data().await;
    let mut device = world.greeted(Protocol::Smtp).await;
    let said = device.exchange(&format!("MAIL FROM:<{ANN}>"), "451 4.3.2 ").await;
    assert!(said.ends_with("[gatepost mailbox-busy]"), "{said}");
}

/// Not the limits of ours are what it waited for.
#[tokio::test]
async fn whoever_finds_no_room_at_a_mailbox_that_is_left_alone_hears_that_its_server_asked_for_that() {
    let world = World::with(Plan { daemon: "sign-on-seconds = 3".to_owned(), ..Plan::default() }).await;
    let words = "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending";
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new(".", words).times(2)]);
    let mut smtp = world.smtp_as_ann().await;
    // It is left alone for two seconds, then for four.
    for _ in 0..2 {
        assert!(smtp.message("alert").await.starts_with("432 4.3.2 "));
    }
    let said = smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "451 ").await;
    assert!(said.ends_with("[gatepost upstream-throttled]"), "{said}");
}

#[tokio::test]
async fn what_exchange_throttles_at_mail_is_tried_again_unseen() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    let words = "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending";
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("MAIL", words).times(2).close()]);
    assert!(smtp.message("patience").await.starts_with("250 "));
    world.only_message();
    assert_eq!(world.sandbox.counts().sign_ons, 3);
}

#[tokio::test]
async fn what_exchange_throttles_at_rcpt_is_tried_again_unseen_with_all_that_was_taken_before() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    let words = "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending";
    for recipient in ["bob@contoso.example", "shared@contoso.example"] {
        world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("RCPT", words).times(1).close()]);
        smtp.exchange(&format!("RCPT TO:<{recipient}>"), "250 ").await;
    }
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("{HEAD}patience\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 ").await;
    assert_eq!(world.only_message().recipients, ["bob@contoso.example", "shared@contoso.example"]);
    assert_eq!(world.sandbox.counts().sign_ons, 3);
}

/// The mailbox is left alone for two seconds, then for four.
#[tokio::test]
async fn mail_and_all_recipients_that_are_throttled_hold_the_client_up_no_longer_than_sign_on_seconds_in_all() {
    let world = World::with(Plan { daemon: "sign-on-seconds = 5".to_owned(), ..Plan::default() }).await;
    let mut smtp = world.smtp_as_ann().await;
    let words = "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending";
    world.sandbox.faults().set(|faults| {
        faults.smtp.answers = ["MAIL", "RCPT"].map(|verb| Answer::new(verb, words).times(1).close()).into();
    });
    let start = Instant::now();
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    for _ in 0..20 {
        let said = smtp.exchange("RCPT TO:<bob@contoso.example>", "4").await;
        assert!(said.get(4..9) == Some("4.3.2"), "{said}");
    }
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

/// Who waits for a connection holds no turn: the other one, which has the connection, would wait for that.
#[tokio::test]
async fn a_message_that_is_throttled_at_rcpt_lets_the_next_one_go_first() {
    let limits = "limits = { connections = 1, messages-per-minute = 1 }".to_owned();
    let world =
        World::with(Plan { account: limits, daemon: "sign-on-seconds = 5".to_owned(), ..Plan::default() }).await;
    let mut first = world.smtp_as_ann().await;
    first.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    first.exchange("RCPT TO:<bob@contoso.example>", "250 ").await;
    let mut second = world.greeted(Protocol::Smtp).await;
    second.say(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD))).await;
    let words = "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending";
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("RCPT", words).times(1).close()]);
    first.say("RCPT TO:<shared@contoso.example>").await;
    second.expect("235 ").await;
    assert!(second.message("the second").await.starts_with("250 "));
    first.expect("451 4.3.2 ").await;
    world.only_message();
}

#[tokio::test]
async fn a_message_whose_connection_is_gone_hears_to_its_end_what_took_it() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange("RCPT TO:<bob@contoso.example>", "250 ").await;
    let words = "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending";
    world.sandbox.faults().set(|faults| {
        faults.smtp.answers =
            vec![Answer::new("RCPT", words).times(1).close(), Answer::new("MAIL", "451 4.7.0 Not now").times(1)];
    });
    for line in ["RCPT TO:<shared@contoso.example>", "RCPT TO:<shared@contoso.example>", "DATA"] {
        smtp.exchange(line, "432 4.3.2 Concurrent").await;
    }
    smtp.exchange("RSET", "250 ").await;
    assert!(smtp.message("the next").await.starts_with("250 "));
    world.only_message();
}

/// Signed out in the middle of a message: that is what the client hears, and the log.
#[tokio::test]
async fn a_sign_on_that_fails_while_a_message_is_opened_again_is_told_as_that() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    let words = "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending";
    let off = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit \
               https://aka.ms/smtp_auth_disabled for more information.";
    world.sandbox.faults().set(|faults| {
        faults.smtp.answers = vec![Answer::new("RCPT", words).times(1).close(), Answer::new("AUTH", off).times(1)];
    });
    smtp.say("RCPT TO:<bob@contoso.example>").await;
    let said = smtp.line().await;
    assert!(said.starts_with("421 4.7.0 ") && said.ends_with("[gatepost smtp-auth-disabled-mailbox]"), "{said}");
}

#[tokio::test]
async fn what_exchange_throttles_at_the_sign_on_is_tried_again_unseen() {
    let world = World::new().await;
    let words = "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending";
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("AUTH", words).times(1).close()]);
    assert!(sends(&world).await.starts_with("250 "));
    assert_eq!(world.sandbox.counts().token_refusals, 0);
}

#[tokio::test]
async fn what_exchange_throttles_behind_the_end_of_data_is_the_clients_to_know() {
    let world = World::new().await;
    let words = "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded";
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new(".", words).times(1)]);
    let mut smtp = world.smtp_as_ann().await;
    assert!(smtp.message("refused").await.starts_with("432 4.3.2 "));
    let start = Instant::now();
    assert!(smtp.message("later").await.starts_with("250 "));
    assert!(start.elapsed() >= Duration::from_millis(1900), "the mailbox is slowed");
    world.only_message();
}

#[tokio::test]
async fn a_connection_that_one_client_leaves_serves_the_next_without_a_sign_on() {
    let world = World::new().await;
    for n in 1..=3 {
        assert!(sends_and_leaves(&world).await.starts_with("250 "));
        assert_eq!(world.sandbox.submissions().len(), n);
    }
    let counts = world.sandbox.counts();
    assert_eq!((counts.sign_ons, counts.connections(Protocol::Smtp).total), (1, 1));
    let said = world.said_upstream("smtp");
    assert_eq!(said.matches("RSET\n").count(), 2, "each time it shows first that it lives");
}

#[tokio::test]
async fn whoever_comes_and_goes_leaves_nothing_behind_but_the_connection() {
    let world = World::new().await;
    let alive = || Handle::current().metrics().num_alive_tasks();
    let come_and_go = async || {
        let mut smtp = world.smtp_as_ann().await;
        smtp.exchange("QUIT", "221 ").await;
        world.until("the session is over", |world| world.daemon.meter().board.list().is_empty()).await;
    };
    come_and_go().await;
    let before = alive();
    for _ in 0..20 {
        come_and_go().await;
    }
    // Long before the time is over for which a connection is kept.
    let settled = timeout(Duration::from_secs(12), world.until("as much runs as before", |_| alive() <= before)).await;
    assert!(settled.is_ok(), "{} run, {before} before", alive());
    assert_eq!(world.sandbox.counts().sign_ons, 1);
}

#[tokio::test]
async fn a_connection_that_died_while_nobody_used_it_is_replaced_unseen() {
    let world = World::new().await;
    assert!(sends_and_leaves(&world).await.starts_with("250 "));
    let words = "421 4.4.2 Timeout waiting for client";
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("RSET", words).times(1).close()]);
    assert!(sends_and_leaves(&world).await.starts_with("250 "));
    assert_eq!(world.sandbox.submissions().len(), 2);
    assert_eq!(world.sandbox.counts().sign_ons, 2);
}

#[tokio::test]
async fn a_connection_that_is_left_over_is_of_no_use_behind_a_logout() {
    let world = World::new().await;
    assert!(sends_and_leaves(&world).await.starts_with("250 "));
    let store = Store::open(&world.store_settings()).await.unwrap();
    assert!(store.delete_tokens(&format!("contoso/{ANN}")).await.unwrap().had_tokens);
    // At once: nobody looked at the store since.
    let said = sends_and_leaves(&world).await;
    assert!(said.ends_with("[gatepost sign-in-missing]"), "{said}");
    world.only_message();
}

/// The first one's dial hangs, and it is served by the second one's, which would wait for the room of the dial that hangs.
#[tokio::test]
async fn whoever_dialled_well_does_not_wait_for_the_dial_that_hangs_of_who_was_served_first() {
    let mut plan = Plan { account: "limits = { connections = 2 }".into(), ..Plan::default() };
    plan.sandbox.faults.smtp.line.silent = true;
    let world = World::with(plan).await;
    let log_in = format!("AUTH PLAIN {}", plain(ANN, PASSWORD));
    let mut first = world.greeted(Protocol::Smtp).await;
    first.say(&log_in).await;
    let open = |world: &World| world.sandbox.counts().connections(Protocol::Smtp).open;
    world.until("the first hangs", |world| open(world) == 1).await;
    world.sandbox.faults().set(|faults| faults.smtp.line.silent = false);
    let mut second = world.greeted(Protocol::Smtp).await;
    second.say(&log_in).await;
    first.expect("235 ").await;
    first.open_message().await;
    // Far less than a sign-on may take.
    jump(Duration::from_secs(4)).await;
    second.expect("235 ").await;
}

/// The only room there is has a sign-on at a mail server that says nothing.
#[tokio::test]
async fn whoever_waits_behind_a_sign_on_that_hangs_hears_what_is_known_of_it() {
    let mut plan = Plan { account: "limits = { connections = 1 }".into(), ..Plan::default() };
    plan.sandbox.faults.smtp.line.silent = true;
    let world = World::with(plan).await;
    let log_in = format!("AUTH PLAIN {}", plain(ANN, PASSWORD));
    let mut talks = Vec::new();
    for n in 1..=3 {
        let mut smtp = world.greeted(Protocol::Smtp).await;
        smtp.say(&log_in).await;
        world.until("it dials, or waits for room", |world| at_the_upstream(world) == n).await;
        talks.push(smtp);
    }
    let [mut dials, mut waits, leaves] = <[Talk; 3]>::try_from(talks).ok().unwrap();
    // One that leaves found no room, either.
    drop(leaves);
    let none = "gatepost_governor_wait_seconds_count{room=\"connection\",outcome=\"none\"}";
    world.metrics_with(&format!("{none} 1\n")).await;
    jump(Duration::from_secs(21)).await;
    let said = waits.line().await;
    assert!(said.starts_with("454 4.7.0 ") && said.ends_with("[gatepost upstream-timeout]"), "{said}");
    jump(Duration::from_secs(10)).await;
    let said = dials.line().await;
    assert!(said.ends_with("[gatepost upstream-timeout]"), "{said}");
    let metrics = world.metrics_with(&format!("{none} 2\n")).await;
    let found = none.replace("none", "found");
    assert!(metrics.contains(&format!("{found} 1\n")), "who dialled had room: {metrics}");
}

/// Bob sends through ann's mailbox with a sign-in of his own.
async fn with_two_sign_ins(connections: u32) -> World {
    let limits = format!("limits = {{ connections = {connections} }}");
    let mut plan =
        Plan { more: account(BOB, &format!("smtp-user = \"{ANN}\"\n{limits}")), account: limits, ..Plan::default() };
    plan.signed_in = vec![ANN.into(), BOB.into()];
    plan.sandbox.faults.smtp.line.silent = true;
    World::with(plan).await
}

/// So many of them dial at a mail server that says nothing.
async fn that_hang(world: &World, user: &str, sessions: usize, dials: u64) -> Vec<Talk> {
    let talks = that_wait(world, user, sessions).await;
    let open = |world: &World| world.sandbox.counts().connections(Protocol::Smtp).open;
    world.until("so many hang", |world| open(world) == dials).await;
    talks
}

/// So many of them dial, or wait for room.
async fn that_wait(world: &World, user: &str, sessions: usize) -> Vec<Talk> {
    let before = at_the_upstream(world);
    let mut talks = Vec::new();
    for n in 1..=sessions {
        let mut smtp = world.greeted(Protocol::Smtp).await;
        smtp.say(&format!("AUTH PLAIN {}", plain(user, PASSWORD))).await;
        world.until("it dials, or waits for room", |world| at_the_upstream(world) == before + n).await;
        talks.push(smtp);
    }
    talks
}

#[tokio::test]
async fn sign_ons_of_one_account_that_hang_leave_room_for_another_sign_in_of_the_mailbox() {
    let world = with_two_sign_ins(2).await;
    // Both are known by then.
    let bobs = that_hang(&world, BOB, 1, 1).await;
    drop(bobs);
    world.until("he has left", |world| at_the_upstream(world) == 0).await;
    let _anns = that_hang(&world, ANN, 3, 1).await;
    world.sandbox.faults().set(|faults| faults.smtp.line.silent = false);
    let mut bob = world.greeted(Protocol::Smtp).await;
    bob.say(&format!("AUTH PLAIN {}", plain(BOB, PASSWORD))).await;
    // Signed on is what counts: it is not his mailbox.
    // He is not held up.
    at_once(bob.line()).await;
}

#[tokio::test]
async fn whoever_waits_behind_sign_ons_of_another_account_that_hang_hears_that() {
    let world = with_two_sign_ins(1).await;
    let _anns = that_hang(&world, ANN, 1, 1).await;
    let mut bob = that_hang(&world, BOB, 1, 1).await;
    jump(Duration::from_secs(21)).await;
    let said = bob[0].line().await;
    assert!(said.starts_with("454 4.7.0 ") && said.ends_with("[gatepost mailbox-held-up]"), "{said}");
}

/// Sessions whose login is on its way.
fn at_the_upstream(world: &World) -> usize {
    let sessions = world.daemon.meter().board.list();
    sessions.iter().filter(|session| [Stage::Connecting, Stage::SigningOn].contains(&session.stage)).count()
}

/// It may be closed meanwhile.
#[tokio::test]
async fn a_connection_that_came_up_and_then_waited_for_its_turn_may_have_died_and_is_replaced_unseen() {
    let world = with_account("limits = { messages-per-minute = 1 }").await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(smtp.message("the first").await.starts_with("250 "));
    // Its connection has gone, and the next message has to wait for some seconds more.
    jump(Duration::from_secs(6)).await;
    smtp.exchange("NOOP", "250 ").await;
    jump(Duration::from_secs(40)).await;
    let open = |world: &World| world.sandbox.counts().connections(Protocol::Smtp).open;
    world.until("its connection is gone", |world| open(world) == 0).await;
    smtp.say(&format!("MAIL FROM:<{ANN}>")).await;
    world.until("it has another", |world| world.sandbox.counts().sign_ons == 2).await;
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("MAIL", "").times(1).close()]);
    jump(Duration::from_secs(16)).await;
    smtp.expect("250 ").await;
    assert_eq!(world.sandbox.counts().sign_ons, 3);
}

#[tokio::test]
async fn a_session_does_not_go_on_over_its_own_connection_behind_a_logout() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(smtp.message("before").await.starts_with("250 "));
    let store = Store::open(&world.store_settings()).await.unwrap();
    assert!(store.delete_tokens(&format!("contoso/{ANN}")).await.unwrap().had_tokens);
    let said = smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "421 ").await;
    assert!(said.ends_with("[gatepost sign-in-missing]"), "{said}");
    world.only_message();
}

#[tokio::test]
async fn a_message_that_the_days_recipients_do_not_cover_is_refused_by_recipient_and_named() {
    let world = with_account("limits = { recipients-per-day = 3 }").await;
    let mut smtp: Talk = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    for _ in 0..3 {
        smtp.exchange("RCPT TO:<bob@contoso.example>", "250 ").await;
    }
    let said = smtp.exchange("RCPT TO:<bob@contoso.example>", "452 4.5.3 ").await;
    assert!(said.ends_with("[gatepost recipients-used-up]"), "{said}");
    smtp.exchange("DATA", "354 ").await;
    smtp.send(HEAD.as_bytes()).await;
    smtp.say("the last today\r\n.").await;
    smtp.expect("250 ").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange("RCPT TO:<bob@contoso.example>", "452 4.5.3 ").await;
    world.only_message();
}

#[tokio::test]
async fn one_mailbox_that_is_full_holds_up_no_other() {
    let bob = account("bob@contoso.example", "");
    let plan = Plan {
        account: "limits = { connections = 1 }".into(),
        more: bob,
        signed_in: vec![ANN.into(), "bob@contoso.example".into()],
        ..Plan::default()
    };
    let world = World::with(plan).await;
    let _busy = world.smtp_in_data().await;
    let said = at_once(world.login(Protocol::Smtp, "bob@contoso.example", PASSWORD)).await;
    assert!(said.starts_with("235 "), "{said}");
}

/// Three such clients would hold all the connections that a mailbox has.
#[tokio::test]
async fn a_client_that_falls_silent_in_the_middle_of_its_message_makes_room_once_somebody_else_waits() {
    let half = format!("{HEAD}half a me");
    for (said, is_open) in [("", false), ("Subject: ha", false), (half.as_str(), true)] {
        let world = with_account("limits = { connections = 1 }").await;
        let mut silent = world.smtp_in_data().await;
        silent.send(said.as_bytes()).await;
        let answered =
            |world: &World| world.sandbox.transcript().lines().iter().any(|line| line.exposed().starts_with("354 "));
        if is_open {
            world.until("the body is on its way", answered).await;
        }
        // Whoever hears this knows that what was sent before was read.
        drop(world.greeted(Protocol::Smtp).await);
        let open = |world: &World| world.sandbox.counts().connections(Protocol::Smtp).open;
        jump(Duration::from_secs(70)).await;
        assert_eq!(open(&world), 1, "alone it may take five minutes");
        let mut other = world.greeted(Protocol::Smtp).await;
        other.say(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD))).await;
        let told = silent.expect("421 4.4.2 Gatepost closes this connection: idle in mid-message").await;
        assert!(told.ends_with("nothing was delivered [gatepost connection-closed]"), "{told}");
        other.expect("235 ").await;
        assert!(other.message("at last").await.starts_with("250 "), "{said}");
        let only = world.only_message();
        assert!(String::from_utf8_lossy(&only.bytes).contains("at last"), "nothing by halves: {only:?}");
        let told = |one: &gatepost::meter::MessageView| one.reply.contains("idle in mid-message");
        world.until("it is told", |world| world.daemon.meter().last_messages.list().iter().any(told)).await;
    }
}

#[tokio::test]
async fn a_client_that_says_nothing_but_noop_between_messages_holds_the_room_no_longer_than_a_silent_one() {
    let world = with_account("limits = { connections = 1 }").await;
    let mut idle = world.smtp_as_ann().await;
    let mut other = world.greeted(Protocol::Smtp).await;
    other.say(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD))).await;
    for _ in 0..4 {
        jump(Duration::from_secs(2)).await;
        idle.exchange("NOOP", "250 ").await;
    }
    // Silence alone would never do it: there is none.
    let goes_on = async {
        loop {
            idle.exchange("NOOP", "250 ").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        said = other.expect("235 ") => drop(said),
        () = goes_on => {}
    }
    assert!(other.message("at last").await.starts_with("250 "));
}

/// As a server does that only asks whether there is such a recipient.
#[tokio::test]
async fn a_client_that_never_comes_to_its_message_holds_the_room_no_longer_than_a_silent_one() {
    let world = with_account("limits = { connections = 1 }").await;
    let refused = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup";
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("RCPT", refused)]);
    let mut asks = world.smtp_as_ann().await;
    let mut other = world.greeted(Protocol::Smtp).await;
    other.say(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD))).await;
    asks.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    asks.exchange("RCPT TO:<bob@contoso.example>", "550 ").await;
    asks.exchange("RSET", "250 ").await;
    // There is room between two questions.
    at_once(other.expect("235 ")).await;
    let mut third = world.greeted(Protocol::Smtp).await;
    other.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    third.say(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD))).await;
    for _ in 0..2 {
        jump(Duration::from_secs(9)).await;
        other.exchange("RCPT TO:<bob@contoso.example>", "550 ").await;
    }
    third.expect("454 ").await;
    for _ in 0..5 {
        jump(Duration::from_secs(9)).await;
        other.exchange("RCPT TO:<bob@contoso.example>", "550 ").await;
    }
    let mut fourth = world.greeted(Protocol::Smtp).await;
    fourth.say(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD))).await;
    other.expect("421 4.4.2 Gatepost closes this connection: idle in mid-message").await;
    fourth.expect("235 ").await;
}

/// One octet now and then is as good as silence.
#[tokio::test]
async fn a_client_that_trickles_in_the_middle_of_its_message_makes_room_once_somebody_else_waits() {
    let world = with_account("limits = { connections = 1 }").await;
    let mut trickle = world.smtp_in_data().await;
    trickle.send(HEAD.as_bytes()).await;
    let answered =
        |world: &World| world.sandbox.transcript().lines().iter().any(|line| line.exposed().starts_with("354 "));
    world.until("the body is on its way", answered).await;
    for _ in 0..3 {
        trickle.send(b"x").await;
        // Whoever hears this knows that what was sent before was read.
        drop(world.greeted(Protocol::Smtp).await);
        jump(Duration::from_secs(25)).await;
    }
    let mut other = world.greeted(Protocol::Smtp).await;
    other.say(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD))).await;
    trickle.expect("421 4.4.2 Gatepost closes this connection: idle in mid-message").await;
    other.expect("235 ").await;
    assert!(other.message("at last").await.starts_with("250 "));
    world.only_message();
}

#[tokio::test]
async fn a_silent_message_that_is_taken_in_for_later_holds_nobodys_room_and_has_its_five_minutes() {
    let world = with_account("limits = { connections = 1 }\ndelivery = \"queue\"").await;
    let mut silent = world.smtp_in_data().await;
    silent.send(HEAD.as_bytes()).await;
    assert!(world.smtp_as_ann().await.message("meanwhile").await.starts_with("250 "));
    world.until("it arrives", |world| world.sandbox.submissions().len() == 1).await;
    jump(Duration::from_secs(200)).await;
    silent.send(b"here I am\r\n.\r\n").await;
    silent.expect("250 ").await;
    world.until("both arrive", |world| world.sandbox.submissions().len() == 2).await;
}

/// Its connection is there for it after a while, and its turn is not: both are one wait.
#[tokio::test]
async fn a_message_that_waits_for_a_connection_and_then_for_its_turn_waits_twenty_seconds_in_all() {
    let world = with_account("limits = { connections = 1, messages-per-minute = 1 }").await;
    let mut second = world.smtp_as_ann().await;
    let mut first = world.smtp_as_ann().await;
    first.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    second.say(&format!("MAIL FROM:<{ANN}>")).await;
    world.until("it waits for a connection", |world| at_the_upstream(world) == 1).await;
    jump(Duration::from_secs(15)).await;
    first.exchange("RCPT TO:<bob@contoso.example>", "250 ").await;
    first.exchange("DATA", "354 ").await;
    first.send(format!("{HEAD}the first\r\n.\r\n").as_bytes()).await;
    first.expect("250 ").await;
    first.exchange("QUIT", "221 ").await;
    jump(Duration::from_secs(6)).await;
    let said = at_once(second.line()).await;
    assert!(said.starts_with("451 4.3.2 ") && said.ends_with("[gatepost mailbox-busy]"), "{said}");
}

/// For an answer of the mail server it may wait as long as a sign-on may take, and that is none of waiting for others.
#[tokio::test]
async fn a_message_whose_connection_took_long_to_come_up_has_its_whole_time_for_its_turn_all_the_same() {
    let world = with_account("limits = { messages-per-minute = 1 }").await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(smtp.message("the first").await.starts_with("250 "));
    jump(Duration::from_secs(6)).await;
    smtp.exchange("NOOP", "250 ").await;
    jump(Duration::from_secs(15)).await;
    let open = |world: &World| world.sandbox.counts().connections(Protocol::Smtp).open;
    world.until("its connection is gone", |world| open(world) == 0).await;
    let said = |world: &World| {
        let lines = world.sandbox.transcript().lines();
        lines.iter().filter(|line| line.speaker == Speaker::Server).count()
    };
    let mut before = said(&world);
    world.sandbox.faults().set(|faults| faults.smtp.line.delay_ms = 5000);
    smtp.say(&format!("MAIL FROM:<{ANN}>")).await;
    // Greeting, EHLO, STARTTLS, EHLO, AUTH: longer than anybody waits for room, and the minute is not over.
    for _ in 0..5 {
        world.until("it thinks about its next answer", |world| said(world) > before).await;
        before = said(&world);
        jump(Duration::from_secs(5)).await;
    }
    world.sandbox.faults().set(|faults| faults.smtp.line.delay_ms = 0);
    let signs_on = |one: &gatepost::meter::SessionView| one.stage == Stage::SigningOn;
    world.until("it is up", |world| !world.daemon.meter().board.list().iter().any(signs_on)).await;
    jump(Duration::from_secs(16)).await;
    smtp.expect("250 ").await;
    assert_eq!(world.sandbox.counts().sign_ons, 2);
}

#[tokio::test]
async fn a_client_that_leaves_while_its_message_waits_for_room_is_told_by_log_and_status() {
    let journal = journal();
    let world = with_account("limits = { messages-per-minute = 1 }").await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(smtp.message("the first").await.starts_with("250 "));
    smtp.say(&format!("MAIL FROM:<{ANN}>")).await;
    world.until("it waits for its turn", |world| at_the_upstream(world) == 1).await;
    smtp.reset();
    let recent = |world: &World| world.daemon.meter().recent.list();
    world.until("it is noted", |world| recent(world).iter().any(|one| one.id == "mailbox-busy")).await;
    assert!(recent(&world).iter().all(|one| one.id != "client-left-waiting"), "the network is well");
    let account = format!("account=\"{ANN}\"");
    let told = journal.lines(&["client left before it was answered", "WARN", "mailbox-busy", "next=", &account]);
    assert!(!told.is_empty(), "{:?}", journal.lines(&["client left"]));
    assert!(world.daemon.meter().text().contains("outcome=\"lost\""), "{}", world.daemon.meter().text());
}

/// What befell those who left, by id.
fn noted(world: &World) -> Vec<&'static str> {
    world.daemon.meter().recent.list().iter().map(|one| one.id).collect()
}

/// The network is not suspected of what others take.
#[tokio::test]
async fn a_client_that_leaves_while_its_login_waits_for_a_connection_is_told_that_others_were_first() {
    let world = with_account("limits = { connections = 1 }").await;
    let _busy = world.smtp_in_data().await;
    let [waits] = <[Talk; 1]>::try_from(that_wait(&world, ANN, 1).await).ok().unwrap();
    waits.reset();
    world.until("it is noted", |world| !noted(world).is_empty()).await;
    assert_eq!(noted(&world), ["mailbox-busy"]);
}

/// It says nothing to anybody there.
#[tokio::test]
async fn a_client_that_leaves_behind_a_sign_on_that_hangs_is_told_to_look_at_the_network() {
    let mut plan = Plan { account: "limits = { connections = 1 }".into(), ..Plan::default() };
    plan.sandbox.faults.smtp.line.silent = true;
    let world = World::with(plan).await;
    let [_dials, waits] = <[Talk; 2]>::try_from(that_wait(&world, ANN, 2).await).ok().unwrap();
    jump(Duration::from_secs(11)).await;
    waits.reset();
    world.until("it is noted", |world| !noted(world).is_empty()).await;
    assert_eq!(noted(&world), ["client-left-waiting"]);
}

#[tokio::test]
async fn a_client_that_leaves_while_the_mailbox_is_left_alone_is_told_what_its_server_said() {
    let world = World::new().await;
    let words = "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending";
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("AUTH", words).close()]);
    let [waits] = <[Talk; 1]>::try_from(that_wait(&world, ANN, 1).await).ok().unwrap();
    let refused = |world: &World| {
        let lines = world.sandbox.transcript().lines();
        lines.iter().filter(|line| line.exposed().starts_with("432 ")).count()
    };
    // For two seconds, then for four, then for eight.
    for (times, pause) in [(1, 3), (2, 5), (3, 0)] {
        world.until("it is refused", |world| refused(world) >= times).await;
        jump(Duration::from_secs(pause)).await;
    }
    world.until("it waits", |world| stages(world) == [Stage::Connecting]).await;
    waits.reset();
    world.until("it is noted", |world| !noted(world).is_empty()).await;
    assert_eq!(noted(&world), ["upstream-connections-exceeded"]);
}

fn stages(world: &World) -> Vec<Stage> {
    world.daemon.meter().board.list().iter().map(|session| session.stage).collect()
}

#[tokio::test]
async fn who_leaves_in_the_line_for_a_turn_hears_of_the_minute_that_is_used_up_although_a_dial_hangs_elsewhere() {
    let world = with_account("limits = { connections = 2, messages-per-minute = 1 }").await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(smtp.message("the first").await.starts_with("250 "));
    let mut dialling = world.greeted(Protocol::Smtp).await;
    world.sandbox.faults().set(|faults| faults.smtp.line.silent = true);
    dialling.say(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD))).await;
    world.until("one dials", |world| at_the_upstream(world) == 1).await;
    smtp.say(&format!("MAIL FROM:<{ANN}>")).await;
    world.until("the other waits for its turn", |world| at_the_upstream(world) == 2).await;
    jump(Duration::from_secs(11)).await;
    smtp.reset();
    let recent = |world: &World| world.daemon.meter().recent.list();
    world.until("it is noted", |world| !recent(world).is_empty()).await;
    assert_eq!(recent(&world).iter().map(|one| one.id).collect::<Vec<_>>(), ["mailbox-busy"]);
}

#[tokio::test]
async fn that_a_message_has_no_connection_any_more_is_one_warning_however_many_recipients_follow() {
    let journal = journal();
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    let words = "432 4.3.2 Concurrent connections limit exceeded, twice";
    world.sandbox.faults().set(|faults| {
        faults.smtp.answers =
            vec![Answer::new("RCPT", words).times(1).close(), Answer::new("MAIL", "451 4.7.0 Not now").times(1)];
    });
    for n in 0..5 {
        smtp.exchange(&format!("RCPT TO:<shared{n}@contoso.example>"), "432 4.3.2 Concurrent").await;
    }
    let warned = journal.lines(&["RCPT refused", "WARN", "exceeded, twice"]);
    assert_eq!(warned.len(), 1, "{warned:?}");
}
