//! Who may come in: local passwords, guessing, first use, and never with somebody else's token.

use std::{
    net::SocketAddr,
    time::{Duration, Instant, SystemTime},
};

use gatepost::{
    base::Protocol,
    sandbox::{DOMAIN, Flags, INBOX, Options, Person},
    store::{Arming, Store},
};

use tokio::net::TcpStream;

use crate::world::{
    ANN, BOB, FOR_GOOD, IN, PASSWORD, PROTOCOLS, Plan, Talk, WRONG, World, account, at_once, journal, own_address,
    together,
};

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_hear_the_same_and_dial_nothing() {
    let world = World::new().await;
    for protocol in PROTOCOLS {
        let mut heard = Vec::new();
        for (user, password) in [(ANN, "wrong"), ("nobody@contoso.example", PASSWORD), (ANN, ""), (BOB, PASSWORD)] {
            heard.push(world.stranger(protocol).await.login(protocol, user, password).await);
        }
        assert!(heard[0].starts_with(WRONG.of(protocol)), "{heard:?}");
        assert!(heard.iter().all(|said| *said == heard[0]), "{heard:?}");
        assert_eq!(world.sandbox.counts().connections(protocol).total, 0);
    }
}

#[tokio::test]
async fn user_names_are_known_in_any_case_and_passwords_in_one() {
    let world = World::new().await;
    for protocol in PROTOCOLS {
        assert!(world.login(protocol, &ANN.to_uppercase(), PASSWORD).await.starts_with(IN.of(protocol)));
        let shouted = world.stranger(protocol).await.login(protocol, ANN, &PASSWORD.to_uppercase()).await;
        assert!(shouted.starts_with(WRONG.of(protocol)), "{shouted}");
    }
}

#[tokio::test]
async fn guesses_wait_their_turn_and_a_password_that_was_right_before_does_not() {
    let world = World::new().await;
    world.ann_hears(Protocol::Smtp, IN).await;
    let start = Instant::now();
    let guesses = together((0..3).map(|n| {
        let world = &world;
        async move {
            let said = world.login(Protocol::Pop3, ANN, &format!("guess {n}")).await;
            assert!(said.starts_with(WRONG.of(Protocol::Pop3)), "{said}");
        }
    }));
    let owner = at_once(async {
        for _ in 0..10 {
            world.ann_hears(Protocol::Smtp, IN).await;
        }
        // Nor does another address.
        let elsewhere = world.stranger(Protocol::Smtp).await.login(Protocol::Smtp, BOB, "x").await;
        assert!(elsewhere.starts_with(WRONG.of(Protocol::Smtp)), "{elsewhere}");
    });
    tokio::join!(guesses, owner);
    assert!(start.elapsed() >= Duration::from_secs(4), "three guesses in {:?}", start.elapsed());
}

#[tokio::test]
async fn wrong_then_right_on_one_connection_works() {
    let world = World::new().await;
    together(PROTOCOLS.map(|protocol| {
        let world = &world;
        async move {
            let mut talk = world.stranger(protocol).await;
            assert!(talk.login(protocol, ANN, "wrong").await.starts_with(WRONG.of(protocol)));
            assert!(talk.login(protocol, ANN, PASSWORD).await.starts_with(IN.of(protocol)));
        }
    }))
    .await;
}

#[tokio::test]
async fn a_connection_is_closed_after_ten_refused_logins() {
    let world = World::with(Plan { signed_in: Vec::new(), ..Plan::default() }).await;
    for protocol in PROTOCOLS {
        let mut talk = world.greeted(protocol).await;
        for _ in 0..10 {
            assert!(talk.login(protocol, ANN, PASSWORD).await.starts_with(FOR_GOOD.of(protocol)));
        }
        let farewell = talk.rest().await;
        assert!(["421 ", "* BYE ", "-ERR [SYS/TEMP]"].iter().any(|words| farewell.starts_with(words)), "{farewell}");
        assert!(farewell.ends_with(": too many failed logins [gatepost connection-closed]\r\n"), "{farewell}");
    }
}

#[tokio::test]
async fn the_first_password_typed_after_a_sign_in_becomes_the_password() {
    let world = World::with(Plan { password: "first-use".into(), ..Plan::default() }).await;
    let early = world.stranger(Protocol::Imap).await.login(Protocol::Imap, ANN, "chosen").await;
    assert!(early.starts_with(WRONG.of(Protocol::Imap)), "not armed: {early}");
    let store = Store::open(&world.store_settings()).await.unwrap();
    let until = SystemTime::now() + Duration::from_secs(600);
    store
        .arm_first_use(
            ANN,
            &Arming {
                until,
                uid: Some(std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(world.dir.path()).unwrap())),
            },
        )
        .await
        .unwrap();
    for (password, answers) in [("chosen", IN), ("another", WRONG), ("chosen", IN)] {
        let said = world.stranger(Protocol::Imap).await.login(Protocol::Imap, ANN, password).await;
        assert!(said.starts_with(answers.of(Protocol::Imap)), "{password}: {said}");
    }
    let world = world.restarted().await;
    for (password, answers) in [("another", WRONG), ("chosen", IN)] {
        let said = world.stranger(Protocol::Pop3).await.login(Protocol::Pop3, ANN, password).await;
        assert!(said.starts_with(answers.of(Protocol::Pop3)), "after a restart, {password}: {said}");
    }
}

/// Nobody signs in for a mailbox that is added later, and the client cannot be told why it is refused.
#[tokio::test]
async fn an_account_whose_first_use_was_never_armed_is_told_in_the_log_and_the_status_with_what_arms_it() {
    let late = "late@contoso.example";
    let more = format!(
        "[[account]]\naddress = \"{late}\"\napp = \"contoso\"\npassword = \"first-use\"\nsign-in-as = \"{ANN}\"\n\n"
    );
    let journal = journal();
    let world = World::with(Plan { more, ..Plan::default() }).await;
    let mut heard = Vec::new();
    for user in [late, "nobody@contoso.example"] {
        heard.push(world.stranger(Protocol::Smtp).await.login(Protocol::Smtp, user, "chosen").await);
    }
    assert_eq!(heard[0], heard[1], "who is no user here hears the same");
    let last = world.daemon.meter().recent.list();
    assert!(last.iter().any(|fault| (fault.id, fault.account.as_str()) == ("bad-credentials", late)), "{last:?}");
    let told = journal.lines(&["\"first-use\" is not armed: ", &format!("account=\"{late}\"")]).pop().unwrap();
    assert!(told.contains(&format!("gatepost password --reset {late}")), "{told}");
}

#[tokio::test]
async fn first_use_is_not_for_another_user_of_the_machine_nor_for_ever() {
    let world = World::with(Plan { password: "first-use".into(), ..Plan::default() }).await;
    let store = Store::open(&world.store_settings()).await.unwrap();
    let (soon, past) = (SystemTime::now() + Duration::from_secs(600), SystemTime::now() - Duration::from_secs(1));
    for arming in [Arming { until: soon, uid: Some(64_999) }, Arming { until: past, uid: None }] {
        store.arm_first_use(ANN, &arming).await.unwrap();
        let said = world.stranger(Protocol::Imap).await.login(Protocol::Imap, ANN, "chosen").await;
        assert!(said.starts_with(WRONG.of(Protocol::Imap)), "{arming:?}: {said}");
    }
}

#[tokio::test]
async fn two_hundred_parallel_logins_of_four_people_never_meet_each_others_mail() {
    let people: Vec<String> = ["ann", "bob", "cleo", "dan"].iter().map(|name| format!("{name}@{DOMAIN}")).collect();
    let mut options = Options { people: people.iter().map(Person::new).collect(), ..Options::default() };
    // Every other sign-on is refused at first, so that refetches are under way all the time.
    options.faults.imap.refuse_tokens = 6;
    let plan = Plan {
        sandbox: options,
        more: people[1..].iter().map(|person| account(person, "")).collect(),
        signed_in: people.clone(),
        ..Plan::default()
    };
    let world = World::with(plan).await;
    for (n, person) in people.iter().enumerate() {
        for _ in 0..=n {
            let text = format!("To: {person}\r\n\r\nx\r\n");
            world.sandbox.mailbox(person).unwrap().add(INBOX, Flags::default(), text.into()).unwrap();
        }
    }
    let sources = [own_address(), own_address(), own_address(), own_address()];
    together((0..200).map(|n| {
        let (world, person, mails) = (&world, &people[n % 4], n % 4 + 1);
        let protocol = if n % 8 < 4 { Protocol::Imap } else { Protocol::Pop3 };
        async move {
            let mut talk = Talk::connect(sources[n % 4], world.address(protocol)).await;
            talk.greeted(protocol).await;
            let said = talk.login(protocol, person, PASSWORD).await;
            if !said.starts_with(IN.of(protocol)) {
                // A mailbox that was refused twice in a row is told so; it is never somebody else's.
                assert!(said.starts_with(FOR_GOOD.of(protocol)), "{said}");
                return;
            }
            if protocol == Protocol::Imap {
                talk.say("b SELECT INBOX").await;
                let answer = talk.expect_last("b OK").await.join("\n");
                assert!(answer.contains(&format!("* {mails} EXISTS")), "{person}: {answer}");
                talk.say("c FETCH 1 BODY[]").await;
                let mail = talk.expect_last("c OK").await.join("\n");
                assert!(mail.contains(&format!("To: {person}")), "{person}: {mail}");
            } else {
                talk.exchange("STAT", &format!("+OK {mails} ")).await;
            }
        }
    }))
    .await;
    let signed_on: u64 = people.iter().map(|person| world.sandbox.counts().mailbox(Protocol::Imap, person).total).sum();
    assert!(signed_on >= 90, "{signed_on} of 100");
}

#[tokio::test]
async fn an_account_cannot_open_a_mailbox_that_its_sign_in_has_no_right_to() {
    let world =
        World::with(Plan { account: format!("imap-user = \"{BOB}\"\nsmtp-user = \"{BOB}\""), ..Plan::default() }).await;
    for protocol in PROTOCOLS {
        world.ann_hears(protocol, FOR_GOOD).await;
    }
    assert_eq!(world.sandbox.counts().mailboxes.values().map(|load| load.total).sum::<u64>(), 0);
}

/// A client whose socket is an IPv6 one, although it talks to an IPv4 listener.
fn mapped_socket(to: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None).unwrap();
    socket.set_only_v6(false).unwrap();
    let to: SocketAddr = format!("[::ffff:127.0.0.1]:{}", to.port()).parse().unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    TcpStream::from_std(socket.into()).unwrap()
}

/// The user that these tests run as.
fn own_uid(world: &World) -> u32 {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(world.dir.path()).unwrap())
}

#[tokio::test]
async fn first_use_knows_the_user_behind_an_ipv6_socket_too() {
    let world = World::with(Plan { password: "first-use".into(), ..Plan::default() }).await;
    let store = Store::open(&world.store_settings()).await.unwrap();
    let until = SystemTime::now() + Duration::from_secs(600);
    let own = own_uid(&world);
    for (uid, answers) in [(64_999, WRONG), (own, IN)] {
        store.arm_first_use(ANN, &Arming { until, uid: Some(uid) }).await.unwrap();
        let mut imap = Talk::on(mapped_socket(world.address(Protocol::Imap)));
        imap.greeted(Protocol::Imap).await;
        let said = imap.login(Protocol::Imap, ANN, "chosen").await;
        assert!(said.starts_with(answers.of(Protocol::Imap)), "armed for {uid}: {said}");
    }
}

#[tokio::test]
async fn after_a_reset_the_old_password_is_out_and_the_next_one_typed_is_in() {
    let world = World::with(Plan { password: "first-use".into(), ..Plan::default() }).await;
    let store = Store::open(&world.store_settings()).await.unwrap();
    let arming = Arming { until: SystemTime::now() + Duration::from_secs(600), uid: Some(own_uid(&world)) };
    for (password, answers) in [("chosen", IN), ("another", IN), ("chosen", WRONG)] {
        if answers.imap == IN.imap {
            store.arm_first_use(ANN, &arming).await.unwrap();
        }
        let said = world.stranger(Protocol::Imap).await.login(Protocol::Imap, ANN, password).await;
        assert!(said.starts_with(answers.of(Protocol::Imap)), "{password}: {said}");
    }
}
