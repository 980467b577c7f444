//! Clients by rule: several of them on one mailbox, each by its own address, login or both, behind a load balancer too;
//! whom each may write to, and how much.

use gatepost::base::Protocol;

use crate::world::{ANN, HEAD, Plan, Talk, World, cheap_hash, journal, own_address, plain};

/// `[[client]]` of ann's mailbox.
fn client(name: &str, keys: &str) -> String {
    format!("[[client]]\nname = \"{name}\"\naccount = \"{ANN}\"\n{keys}\n\n")
}

fn login(name: &str) -> String {
    format!("login = \"{name}\"\npassword = \"{}\"\n", cheap_hash(name))
}

/// A client that a load balancer names, greeted.
async fn named(world: &World, address: &str) -> Talk {
    let mut smtp = Talk::connect(own_address(), world.address(Protocol::Smtp)).await;
    smtp.send(format!("PROXY TCP4 {address} 10.0.0.1 50000 25\r\n").as_bytes()).await;
    smtp.greeted(Protocol::Smtp).await;
    smtp
}

/// The listener is behind a load balancer on loopback, whose own address a rule has.
async fn behind_a_balancer() -> World {
    let more = [
        client("by address", "from = [\"192.0.2.7\", \"2001:db8::/64\"]"),
        client("by both", &format!("from = [\"192.0.2.8\"]\n{}", login("till"))),
        client("by login", &login("program")),
        client("the balancer itself", "from = [\"127.0.0.0/8\"]"),
    ];
    let listener = "proxy-protocol = true\nproxy-protocol-from = [\"127.0.0.0/8\"]".to_owned();
    World::with(Plan { listener, more: more.concat(), ..Plan::default() }).await
}

#[tokio::test]
async fn several_clients_of_one_mailbox_come_in_by_address_by_login_and_by_both_as_the_balancer_names_them() {
    let world = behind_a_balancer().await;
    for (address, user, name) in [
        ("192.0.2.7", None, "by address"),
        ("192.0.2.8", Some("till"), "by both"),
        ("198.51.100.1", Some("program"), "by login"),
        // Whoever logs in is who he says, whatever rule has his address.
        ("192.0.2.7", Some("program"), "by login"),
    ] {
        let mut smtp = named(&world, address).await;
        if let Some(user) = user {
            smtp.exchange(&format!("AUTH PLAIN {}", plain(user, user)), "235 ").await;
        }
        let subject = format!("{address} as {name}");
        assert!(smtp.message(&subject).await.starts_with("250 "), "{subject}");
        smtp.exchange("QUIT", "221 ").await;
        let client = format!("client=\"{name}\"");
        assert!(!journal().lines(&["message accepted", &client, &format!("account=\"{ANN}\"")]).is_empty(), "{name}");
    }
    let messages = world.sandbox.submissions();
    assert_eq!(messages.len(), 4);
    assert!(messages.iter().all(|message| message.mailbox == ANN));
    assert_eq!(world.token_requests(), 1, "one mailbox, one token");
}

/// A wrong password of a rule is none of the account, and somebody has to find the device.
#[tokio::test]
async fn the_line_of_a_wrong_login_names_the_client_whose_it_is() {
    let more = client("the copier that moved", &login("moved"));
    let world = World::with(Plan { more, ..Plan::default() }).await;
    let mut smtp = world.greeted(Protocol::Smtp).await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain("moved", "wrong")), "535 5.7.8").await;
    let refused = journal().lines(&["WARN ", "refused: ", "account=\"\"", "client=\"the copier that moved\""]);
    assert_eq!(refused.len(), 1, "{refused:?}");
}

/// By an address alone one client is told from another, unless it is that of the machine itself.
#[tokio::test]
async fn what_a_client_did_wrong_before_it_had_a_name_is_past_once_somebody_at_its_address_is_let_in() {
    let world = behind_a_balancer().await;
    let stand = || {
        let all = world.daemon.meter().recent.list().into_iter();
        all.filter(|one| one.worked_again_at.is_none()).map(|one| one.id).collect::<Vec<_>>()
    };
    named(&world, "198.51.100.9").await.exchange(&format!("MAIL FROM:<{ANN}>"), "530 5.7.0").await;
    named(&world, "198.51.100.8").await.exchange(&format!("AUTH PLAIN {}", plain("program", "program")), "235 ").await;
    assert_eq!(stand(), ["authentication-required"], "that is another one");
    named(&world, "198.51.100.9").await.exchange(&format!("AUTH PLAIN {}", plain("program", "program")), "235 ").await;
    assert_eq!(stand(), Vec::<&str>::new());
}

/// A whole house stands behind the balancer: what one client uses up is its own.
#[tokio::test]
async fn behind_a_balancer_connections_are_used_up_by_the_client_that_it_names_and_by_no_other() {
    let world = behind_a_balancer().await;
    let (many, few) = ("198.51.100.77", "198.51.100.78");
    let mut other = named(&world, few).await;
    let mut first = named(&world, many).await;
    let mut held = Vec::new();
    for _ in 1..100 {
        held.push(named(&world, many).await);
    }
    first.exchange("NOOP", "250 ").await;
    held.push(named(&world, many).await);
    first.expect("421 4.3.2 Too many connections, try again later [gatepost connections-used-up]").await;
    first.expect_end().await;
    other.exchange(&format!("AUTH PLAIN {}", plain("program", "program")), "235 ").await;
    let last = world.daemon.meter().recent.list().pop().unwrap();
    assert_eq!((last.id, last.times, last.peers), ("connections-used-up", 1, vec![many.parse().unwrap()]));
    let told = journal().lines(&["WARN ", "id=\"connections-used-up\"", &format!("peer={many}:"), "next="]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(journal().lines(&["connections-used-up", &format!("peer={few}:")]), Vec::<String>::new());
}

/// Nobody makes room, and the client is not named yet: its words are everybody's.
#[tokio::test]
async fn a_listener_behind_a_balancer_whose_connections_are_all_signed_on_says_so_to_the_next_one() {
    let listener = "proxy-protocol = true\nproxy-protocol-from = [\"127.0.0.0/8\"]\nmax-connections = 2".to_owned();
    let world = World::with(Plan { listener, more: client("by login", &login("program")), ..Plan::default() }).await;
    let mut signed_on = Vec::new();
    for address in ["198.51.100.87", "198.51.100.88"] {
        let mut smtp = named(&world, address).await;
        smtp.exchange(&format!("AUTH PLAIN {}", plain("program", "program")), "235 ").await;
        signed_on.push(smtp);
    }
    let balancer = own_address();
    let mut next = Talk::connect(balancer, world.address(Protocol::Smtp)).await;
    next.expect("421 4.3.2 Too many connections, try again later [gatepost connections-used-up]").await;
    next.expect_end().await;
    let last = world.daemon.meter().recent.list().pop().unwrap();
    assert_eq!((last.id, last.peers), ("connections-used-up", Vec::new()), "the balancer is nobody's client");
    let told = journal().lines(&[
        "WARN ",
        "connection refused",
        "id=\"connections-used-up\"",
        "next=",
        &format!("peer={balancer}:"),
    ]);
    assert_eq!(told.len(), 1, "{told:?}");
    drop(signed_on.pop());
    world.until("it has left", |world| world.daemon.meter().board.list().len() == 1).await;
    named(&world, "198.51.100.89").await.exchange(&format!("AUTH PLAIN {}", plain("program", "program")), "235 ").await;
}

#[tokio::test]
async fn no_client_comes_in_by_half_of_its_rule_nor_by_the_address_of_the_balancer() {
    let world = behind_a_balancer().await;
    for (address, user, reply) in [
        // The address of a rule that wants a login as well.
        ("192.0.2.8", None, "530 5.7.0"),
        ("192.0.2.9", Some("till"), "535 5.7.8"),
        // An address of a rule is not a login.
        ("192.0.2.7", Some("till"), "535 5.7.8"),
        ("198.51.100.1", None, "530 5.7.0"),
    ] {
        let mut smtp = named(&world, address).await;
        match user {
            Some(user) => smtp.exchange(&format!("AUTH PLAIN {}", plain(user, user)), reply).await,
            None => smtp.exchange(&format!("MAIL FROM:<{ANN}>"), reply).await,
        };
    }
    assert_eq!(world.sandbox.counts().connections(Protocol::Smtp).total, 0, "nothing was dialled");
}

/// A device that may write to its own office and to one address elsewhere, and one that may write to anybody.
async fn with_a_limited_device() -> World {
    let limited = "recipients = [\"*@contoso.example\", \"Boss@partner.example\"]\n";
    let more = client("limited", &format!("{limited}{}", login("limited"))) + &client("free", &login("free"));
    World::with(Plan { more, ..Plan::default() }).await
}

async fn signed_on(world: &World, user: &str) -> Talk {
    let mut smtp = world.greeted(Protocol::Smtp).await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain(user, user)), "235 ").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp
}

#[tokio::test]
async fn a_client_writes_to_its_recipients_and_the_upstream_never_hears_of_others() {
    let world = with_a_limited_device().await;
    let mut smtp = signed_on(&world, "limited").await;
    smtp.exchange("RCPT TO:<bob@contoso.example>", "250 ").await;
    let said = smtp.exchange("RCPT TO:<eve@elsewhere.example>", "550 5.7.1 ").await;
    assert!(said.contains("<eve@elsewhere.example>") && said.ends_with("[gatepost recipient-not-allowed]"), "{said}");
    smtp.exchange("RCPT TO:<eve@sub.contoso.example>", "550 5.7.1 ").await;
    smtp.exchange("RCPT TO:<\"eve@elsewhere.example\"@contoso.example>", "550 5.7.1 ").await;
    smtp.exchange("RCPT TO:<boss@PARTNER.example>", "250 ").await;
    smtp.exchange("RCPT TO:<other@partner.example>", "550 5.7.1 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("{HEAD}x\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 ").await;
    let sent = world.only_message().recipients;
    assert_eq!(sent, ["bob@contoso.example", "boss@PARTNER.example"]);
    let upstream = world.said_upstream("smtp");
    assert!(!upstream.contains("eve") && !upstream.contains("other@"), "{upstream}");
    assert!(!journal().lines(&["recipient refused", "client=\"limited\"", "eve@elsewhere.example"]).is_empty());
    let named = r#"`recipients` of `[[client]] name = \"limited\"`"#;
    assert!(!journal().lines(&["RCPT refused", "id=\"recipient-not-allowed\"", named]).is_empty());
}

#[tokio::test]
async fn with_no_recipient_left_nothing_is_sent_and_the_next_message_goes_out() {
    let world = with_a_limited_device().await;
    let mut smtp = signed_on(&world, "limited").await;
    smtp.exchange("RCPT TO:<eve@elsewhere.example>", "550 5.7.1 ").await;
    smtp.exchange("DATA", "554 5.5.1").await;
    smtp.exchange("RSET", "250 ").await;
    assert!(smtp.message("to bob").await.starts_with("250 "));
    assert_eq!(world.only_message().recipients, ["bob@contoso.example"]);
}

#[tokio::test]
async fn the_limit_is_of_one_client_and_not_of_the_mailbox() {
    let world = with_a_limited_device().await;
    let mut smtp = signed_on(&world, "free").await;
    smtp.exchange("RCPT TO:<eve@elsewhere.example>", "250 ").await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange("RCPT TO:<eve@elsewhere.example>", "250 ").await;
}

#[tokio::test]
async fn a_client_sends_no_more_octets_than_its_rule_allows_whether_it_says_so_ahead_or_not() {
    let more = client("small", &format!("max-bytes = 2000\n{}", login("small"))) + &client("free", &login("free"));
    let world = World::with(Plan { more, ..Plan::default() }).await;
    let mut smtp = world.greeted(Protocol::Smtp).await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain("small", "small")), "235 ").await;
    smtp.say("EHLO device").await;
    assert!(smtp.expect_last("250 ").await.iter().any(|line| line.ends_with("SIZE 2000")), "it is told how much");
    let said = smtp.exchange(&format!("MAIL FROM:<{ANN}> SIZE=2001"), "552 5.3.4 ").await;
    assert!(said.ends_with("[gatepost client-message-too-large]"), "{said}");
    let said = smtp.message(&"x".repeat(1990)).await;
    assert!(said.starts_with("552 5.3.4 ") && said.ends_with("[gatepost client-message-too-large]"), "{said}");
    assert!(world.sandbox.submissions().is_empty(), "nothing half is sent");
    assert!(smtp.message("short").await.starts_with("250 "), "the session goes on");
    world.only_message();
    let refused = ["message refused by the rule", "client=\"small\"", "most=2000"];
    assert_eq!(journal().lines(&refused).len(), 2, "once for each");
    let mut smtp = world.greeted(Protocol::Smtp).await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain("free", "free")), "235 ").await;
    assert!(smtp.message(&"x".repeat(1990)).await.starts_with("250 "), "another one's rule is another's");
}
