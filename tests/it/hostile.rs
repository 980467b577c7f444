//! Clients that are broken or mean no good: an answer in the protocol or a close, and always bounded.

use std::time::{Duration, SystemTime};

use gatepost::{
    base::{Protocol, Stage},
    store::{Arming, Store},
};

use crate::world::{
    ANN, HEAD, IN, PASSWORD, PROTOCOLS, Plan, Talk, WRONG, World, at_once, base64, in_each_protocol, journal,
    own_address, plain,
};

/// Sends what is taken of it, and answers all that came back until the end.
async fn throw(mut talk: Talk, bytes: &[u8]) -> String {
    talk.try_send(bytes).await;
    talk.rest().await
}

#[tokio::test]
async fn an_endless_line_is_answered_and_the_connection_closed_with_a_line_in_the_log() {
    let world = World::new().await;
    for protocol in PROTOCOLS {
        let words = match protocol {
            Protocol::Smtp => "500 5.5.2",
            Protocol::Imap => "BAD",
            Protocol::Pop3 => "-ERR",
        };
        let said = throw(world.greeted(protocol).await, &vec![b'A'; 1 << 20]).await;
        assert!(said.contains(words) && said.len() < 300, "{protocol}: {said}");
        let told =
            journal().lines(&["client dropped", &format!("peer={}:", world.source), &format!("protocol={protocol}")]);
        assert!(told.iter().any(|line| line.contains("long")), "{told:?}");
    }
}

#[tokio::test]
async fn an_auth_line_may_be_16_kib_and_no_longer() {
    let world = World::new().await;
    for length in [12_000, 17_000] {
        let mut smtp = world.greeted(Protocol::Smtp).await;
        smtp.try_send(format!("AUTH PLAIN {}\r\n", "A".repeat(length)).as_bytes()).await;
        smtp.expect(if length < 16_000 { "501 " } else { "500 5.5.2" }).await;
    }
    let mut smtp = world.greeted(Protocol::Smtp).await;
    smtp.exchange(&format!("NOOP {}", "A".repeat(5000)), "500 5.5.2").await;
    smtp.expect_end().await;
}

#[tokio::test]
async fn a_line_without_end_behind_login_is_cut_off_too() {
    let world = World::new().await;
    let said = throw(world.smtp_as_ann().await, &vec![b'A'; 1 << 20]).await;
    assert!(said.starts_with("500 5.5.2"), "{said}");
    world.until("the upstream is free", |world| world.sandbox.counts().connections(Protocol::Smtp).open == 0).await;
}

#[tokio::test]
async fn a_hundred_thousand_short_lines_of_garbage_end_within_the_error_budget() {
    let world = World::new().await;
    in_each_protocol(async |protocol| {
        let said = throw(world.greeted(protocol).await, "x\r\n".repeat(100_000).as_bytes()).await;
        assert!(said.lines().count() < 40, "{protocol}: {} lines", said.lines().count());
        assert!(said.to_lowercase().contains("too many mistakes [gatepost connection-closed]"), "{protocol}: {said}");
    })
    .await;
    let said = throw(world.smtp_as_ann().await, "x\r\n".repeat(100_000).as_bytes()).await;
    assert!(said.lines().count() < 40 && said.contains("421 4.7.0"), "{said}");
}

#[tokio::test]
async fn a_flood_of_noops_before_login_ends_politely_and_behind_it_none_is_counted() {
    let world = World::new().await;
    in_each_protocol(async |protocol| {
        let (noop, farewell) = match protocol {
            Protocol::Smtp => ("NOOP\r\n", "421 "),
            Protocol::Imap => ("n NOOP\r\n", "* BYE "),
            Protocol::Pop3 => ("NOOP\r\n", "-ERR "),
        };
        let said = throw(world.greeted(protocol).await, noop.repeat(10_000).as_bytes()).await;
        let last = said.lines().last().unwrap_or_default();
        assert!(last.starts_with(farewell) && said.lines().count() <= 101, "{protocol}: {last}");
        let mut talk = world.greeted(protocol).await;
        assert!(talk.login(protocol, ANN, PASSWORD).await.starts_with(IN.of(protocol)));
        for _ in 0..200 {
            talk.send(noop.as_bytes()).await;
            let said = talk.line().await;
            assert!(!said.starts_with(farewell), "{protocol}: {said}");
        }
    })
    .await;
}

#[tokio::test]
async fn nul_bytes_and_8_bit_garbage_are_answered_and_the_connection_goes_on() {
    let world = World::new().await;
    in_each_protocol(async |protocol| {
        let mut talk = world.stranger(protocol).await;
        let garbage: [&[u8]; 5] =
            [b"\0\0\0\r\n", b"\xff\xfe\x80 \xc3\x28\r\n", b"a \x01LOGIN x y\r\n", b"USER a\0b\r\n", b"\r\n"];
        for bytes in garbage {
            talk.send(bytes).await;
            let said = talk.line().await;
            assert!(
                ["500", "501", "502", "503", "* BAD", "a BAD", "USER BAD", "-ERR"]
                    .iter()
                    .any(|words| said.starts_with(words))
                    || said.contains(" BAD "),
                "{protocol} {bytes:?}: {said:?}"
            );
            assert!(said.chars().all(|c| c.is_ascii() && !c.is_control()), "{said:?}");
        }
        assert!(talk.login(protocol, ANN, PASSWORD).await.starts_with(IN.of(protocol)));
    })
    .await;
}

#[tokio::test]
async fn literals_that_are_absurd_are_refused_and_nothing_is_allocated_for_them() {
    let world = World::new().await;
    for size in ["4294967296", "-1", "18446744073709551615", "99999999999999999999999", "", "1e3", "100000"] {
        let mut imap = world.greeted(Protocol::Imap).await;
        imap.say(&format!("a LOGIN {{{size}}}")).await;
        let said = imap.line().await;
        assert!(said.starts_with("a BAD"), "{size}: {said}");
        assert!(imap.login(Protocol::Imap, ANN, PASSWORD).await.starts_with("a OK"), "{size}");
        let mut imap = world.greeted(Protocol::Imap).await;
        imap.say(&format!("a LOGIN {{{size}+}}")).await;
        let said = imap.line().await;
        assert!(said.contains("BAD"), "{size}: {said}");
    }
    let bomb = format!("a LOGIN {}\r\n", "(".repeat(4000));
    let mut imap = world.greeted(Protocol::Imap).await;
    imap.send(bomb.as_bytes()).await;
    imap.expect("a BAD").await;
}

#[tokio::test]
async fn no_control_byte_of_a_client_reaches_an_upstream_command() {
    let world = World::new().await;
    for byte in ["\r", "\0", "\u{1}", "\u{7f}", "\u{8}", "\t", "\n", "\r\n"] {
        let lines = [
            format!("MAIL FROM:<ann{byte}@contoso.example>"),
            format!("MAIL FROM:<{ANN}> ENVID=a{byte}b"),
            format!("EHLO a{byte}b"),
        ];
        // A line feed ends a command; only base64 can bring one further.
        for line in lines.iter().filter(|_| !byte.contains('\n')) {
            let mut smtp = world.smtp_as_ann().await;
            smtp.say(line).await;
            let said = smtp.line().await;
            assert!(said.starts_with('5'), "{line:?}: {said}");
        }
        let user = format!("ann{byte}auth=Bearer x{byte}@contoso.example");
        for protocol in [Protocol::Smtp, Protocol::Imap, Protocol::Pop3] {
            let mut talk = world.stranger(protocol).await;
            let sasl = base64(&format!("\0{user}\0{PASSWORD}"));
            match protocol {
                Protocol::Smtp => talk.say(&format!("AUTH PLAIN {sasl}")).await,
                Protocol::Imap => talk.say(&format!("a AUTHENTICATE PLAIN {sasl}")).await,
                Protocol::Pop3 => talk.say(&format!("AUTH PLAIN {sasl}")).await,
            }
            let said = talk.line().await;
            assert!(["5", "a BAD", "a NO", "-ERR"].iter().any(|words| said.starts_with(words)), "{user:?}: {said}");
        }
    }
    let all = world.said_upstream("smtp") + &world.said_upstream("imap") + &world.said_upstream("pop3");
    assert!(all.chars().all(|c| c == '\n' || !c.is_control()), "{all:?}");
}

#[tokio::test]
async fn sasl_responses_that_cannot_be_read_are_answered_and_login_still_works() {
    let world = World::new().await;
    for junk in ["====", "not base64!", "AAAA", "", &base64("only one field"), &base64("a\0b\0c\0d")] {
        let mut smtp = world.stranger(Protocol::Smtp).await;
        smtp.exchange("AUTH PLAIN", "334 ").await;
        smtp.say(junk).await;
        let said = smtp.line().await;
        assert!(said.starts_with("501 ") || said.starts_with("535 "), "{junk}: {said}");
        smtp.exchange(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD)), "235 ").await;
    }
}

#[tokio::test]
async fn a_health_check_that_connects_and_leaves_is_no_error_even_while_the_upstream_is_down() {
    let world = World::with(Plan::faulty(|faults| {
        (faults.smtp.line.silent, faults.imap.line.silent, faults.pop3.line.silent) = (true, true, true);
    }))
    .await;
    for protocol in PROTOCOLS {
        drop(world.greeted(protocol).await);
        world.greeted(protocol).await.reset();
    }
    world.until("all are gone", |world| world.daemon.meter().board.list().is_empty()).await;
    let peer = format!("peer={}:", world.source);
    let told = journal().lines(&[&peer]);
    assert!(told.iter().all(|line| line.starts_with("DEBUG") || line.starts_with("TRACE")), "{told:?}");
}

#[tokio::test]
async fn silent_clients_do_not_keep_an_honest_one_waiting() {
    let world = World::with(Plan { listener: "max-connections = 50".into(), ..Plan::default() }).await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(world.smtp().await);
    }
    at_once(world.ann_hears(Protocol::Smtp, IN)).await;
}

#[tokio::test]
async fn who_has_to_make_room_hears_why_also_while_its_password_waits_for_its_turn() {
    let world = World::with(Plan { listener: "max-connections = 1".into(), ..Plan::default() }).await;
    for protocol in PROTOCOLS {
        let busy = match protocol {
            Protocol::Smtp => "421 4.3.2 Too many connections",
            Protocol::Imap => "* BYE Too many connections",
            Protocol::Pop3 => "-ERR [SYS/TEMP] Too many connections",
        };
        let mut silent = world.greeted(protocol).await;
        let mut guessing = world.greeted(protocol).await;
        silent.expect(busy).await;
        silent.expect_end().await;
        guessing.login(protocol, ANN, "wrong").await;
        // The turn of its next password comes two seconds later.
        guessing
            .say(&match protocol {
                Protocol::Smtp => format!("AUTH PLAIN {}", plain(ANN, "wrong")),
                Protocol::Imap => format!("b LOGIN {ANN} wrong"),
                Protocol::Pop3 => format!("AUTH PLAIN {}", plain(ANN, "wrong")),
            })
            .await;
        let waits =
            |world: &World| world.daemon.meter().board.list().iter().any(|one| one.stage == Stage::Authenticating);
        world.until("it waits", waits).await;
        let _newest = world.greeted(protocol).await;
        guessing.expect(busy).await;
        guessing.expect_end().await;
    }
}

async fn behind_a_proxy(header: &str) -> String {
    let more = "proxy-protocol = true\nproxy-protocol-from = [\"127.0.0.0/8\"]";
    let clients = format!("[[client]]\nname = \"far\"\naccount = \"{ANN}\"\nfrom = [\"192.0.2.7\"]\n");
    let world = World::with(Plan { listener: more.into(), more: clients, ..Plan::default() }).await;
    let mut smtp = world.smtp().await;
    smtp.try_send(
        format!(
            "{header}EHLO x\r\nMAIL FROM:<{ANN}>\r\nRCPT TO:<bob@contoso.example>\r\nDATA\r\n{HEAD}x\r\n.\r\nQUIT\r\n"
        )
        .as_bytes(),
    )
    .await;
    let said = smtp.rest().await;
    assert_eq!(said.contains("250 2.0.0 OK <"), world.sandbox.submissions().len() == 1);
    said
}

#[tokio::test]
async fn a_proxy_header_names_the_client_and_a_missing_one_ends_the_connection() {
    let said = behind_a_proxy("PROXY TCP4 192.0.2.7 10.0.0.1 50000 25\r\n").await;
    assert!(said.contains("250 2.0.0 OK <"), "{said}");
    let said = behind_a_proxy("PROXY TCP4 192.0.2.8 10.0.0.1 50000 25\r\n").await;
    assert!(said.contains("530 5.7.0"), "another address has no rule: {said}");
    for header in ["", "PROXY TCP4 192.0.2.7\r\n", "PROXY TCP4 999.0.2.7 10.0.0.1 1 2\r\n"] {
        assert_eq!(behind_a_proxy(header).await, "", "{header:?}");
    }
}

#[tokio::test]
async fn a_proxy_header_is_believed_from_the_proxy_alone() {
    let more = "proxy-protocol = true\nproxy-protocol-from = [\"10.9.9.9\"]";
    let world = World::with(Plan { listener: more.into(), ..Plan::default() }).await;
    let mut smtp = world.smtp().await;
    smtp.try_send(b"PROXY TCP4 127.0.0.1 10.0.0.1 50000 25\r\nEHLO x\r\n").await;
    assert_eq!(smtp.rest().await, "");
    let world = World::new().await;
    let mut smtp = world.greeted(Protocol::Smtp).await;
    smtp.exchange("PROXY TCP4 192.0.2.7 10.0.0.1 50000 25", "500 ").await;
}

/// The arming names no user, so that nothing but the header stands in the way.
#[tokio::test]
async fn a_proxy_header_that_names_loopback_is_no_way_to_a_first_password() {
    let more = "proxy-protocol = true\nproxy-protocol-from = [\"127.0.0.0/8\"]";
    let world = World::with(Plan { password: "first-use".into(), listener: more.into(), ..Plan::default() }).await;
    let store = Store::open(&world.store_settings()).await.unwrap();
    let until = SystemTime::now() + Duration::from_secs(600);
    store.arm_first_use(ANN, &Arming { until, uid: None }).await.unwrap();
    for header in ["PROXY TCP4 127.0.0.1 10.0.0.1 50000 25\r\n", "PROXY UNKNOWN\r\n"] {
        let mut imap = Talk::connect(own_address(), world.address(Protocol::Imap)).await;
        imap.try_send(header.as_bytes()).await;
        imap.greeted(Protocol::Imap).await;
        let said = imap.login(Protocol::Imap, ANN, "chosen").await;
        assert!(said.starts_with(WRONG.of(Protocol::Imap)), "{header:?}: {said}");
    }
}

/// It heard that it does not take its answer, which it had read.
#[tokio::test]
async fn who_is_silent_behind_a_wrong_password_hears_that_no_login_came_within_a_minute() {
    let world = World::new().await;
    let mut imap = world.imap().await;
    imap.expect("* OK ").await;
    imap.exchange(&format!("a LOGIN {ANN} wrong"), "a NO [AUTHENTICATIONFAILED] ").await;
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let said = loop {
        if let Ok(said) = tokio::time::timeout(Duration::from_secs(3), imap.rest()).await {
            break said;
        }
        assert!(start.elapsed() < Duration::from_secs(90), "it is still open");
    };
    assert!(said.ends_with(": no login within a minute [gatepost connection-closed]\r\n"), "{said}");
}

/// Neither silence nor a byte now and then holds a connection beyond a minute before login.
#[tokio::test]
async fn a_client_that_says_nothing_or_trickles_is_dropped_after_a_minute() {
    let world = World::new().await;
    for trickle in [b"".as_slice(), b"x"] {
        for protocol in PROTOCOLS {
            let mut talk = world.stranger(protocol).await;
            tokio::time::pause();
            let start = tokio::time::Instant::now();
            let said = loop {
                talk.try_send(trickle).await;
                if let Ok(said) = tokio::time::timeout(Duration::from_secs(3), talk.rest()).await {
                    break said;
                }
                assert!(start.elapsed() < Duration::from_secs(90), "{protocol} is still open");
            };
            tokio::time::resume();
            assert!(start.elapsed() >= Duration::from_secs(55), "{protocol}: {:?}", start.elapsed());
            assert!(["421 ", "* BYE ", "-ERR "].iter().any(|words| said.starts_with(words)), "{protocol}: {said:?}");
            assert!(
                said.ends_with(": no login within a minute [gatepost connection-closed]\r\n"),
                "{protocol}: {said:?}"
            );
        }
    }
}
