//! From a right password to the upstream's OK: what is asked of whom, how often, and what the client hears of it.

use gatepost::{
    base::{Protocol, Stage},
    sandbox::{
        BASIC_DISABLED, CRITERIA, DISABLED_MAILBOX, DISABLED_TENANT, LimitPoint, Mishap, MishapKind, Options,
        SECURITY_DEFAULTS,
    },
};

use crate::world::{ANN, FOR_GOOD, FOR_NOW, IN, PASSWORD, PROTOCOLS, Plan, World, in_each_protocol, journal, together};

/// What the sandbox saw of one protocol: connections, and tokens asked for in all.
fn seen(world: &World, protocol: Protocol) -> (u64, u64) {
    (world.sandbox.counts().connections(protocol).total, world.token_requests())
}

#[tokio::test]
async fn a_refused_token_is_fetched_anew_once_and_tried_once_on_a_fresh_connection() {
    for protocol in PROTOCOLS {
        let world = World::with(Plan::faulty(|faults| {
            (faults.smtp.refuse_tokens, faults.imap.refuse_tokens, faults.pop3.refuse_tokens) = (1, 1, 1);
        }))
        .await;
        world.ann_hears(protocol, IN).await;
        assert_eq!(seen(&world, protocol), (2, 2), "{protocol}");
    }
}

#[tokio::test]
async fn a_token_refused_twice_is_a_refusal_and_then_nobody_is_hammered() {
    for protocol in PROTOCOLS {
        let world = World::with(Plan::faulty(|faults| assert!(faults.apply("tokens-refused")))).await;
        for _ in 0..20 {
            world.ann_hears(protocol, FOR_GOOD).await;
        }
        assert_eq!(world.token_requests(), 2, "{protocol}: the first token and one refetch");
        assert!(world.sandbox.counts().connections(protocol).total <= 21, "{protocol}: one retry in all");
    }
}

/// Whoever mended it elsewhere need not guess for how long it is answered from memory.
#[tokio::test]
async fn the_refusal_of_a_fresh_token_says_when_gatepost_asks_again_at_first_and_from_memory() {
    let world = World::with(Plan::faulty(|faults| assert!(faults.apply("tokens-refused")))).await;
    for _ in 0..2 {
        let said = world.ann_hears(Protocol::Imap, FOR_GOOD).await;
        let (_, again) = said.split_once("; Gatepost asks again at ").unwrap_or_else(|| panic!("{said}"));
        assert!(
            again.contains(" UTC, or at once after: ") && again.ends_with("[gatepost fresh-token-refused]"),
            "{said}"
        );
    }
}

/// The account's page and the status count it among what the mail server refuses, also once nobody is told it from memory.
#[tokio::test]
async fn who_meets_the_refusal_of_a_fresh_token_second_is_refused_by_the_mail_server_as_the_first_is() {
    let world = World::with(Plan::faulty(|faults| assert!(faults.apply("tokens-refused")))).await;
    for protocol in PROTOCOLS {
        world.ann_hears(protocol, FOR_GOOD).await;
    }
    let met = world.daemon.meter().recent.list();
    let at: Vec<_> = met.iter().map(|one| (one.protocol, one.id, one.stage)).collect();
    let expected = PROTOCOLS.map(|protocol| (protocol.as_str(), "fresh-token-refused", Some(Stage::SigningOn)));
    assert_eq!(at, expected);
}

#[tokio::test]
async fn a_challenge_is_answered_by_us_decoded_for_the_log_and_never_shown() {
    for protocol in PROTOCOLS {
        let world = World::with(Plan::faulty(|faults| {
            assert!(faults.apply("tokens-refused"));
            (faults.smtp.challenge, faults.imap.challenge, faults.pop3.challenge) = (true, true, true);
        }))
        .await;
        let said = world.ann_hears(protocol, FOR_GOOD).await;
        assert!(!said.contains("eyJ") && !said.contains("schemes") && said.contains("[gatepost "), "{said}");
        let words = format!("protocol={protocol}");
        let peer = format!("peer={}:", world.source);
        let told = journal().lines(&["refused: ", &words, &peer]);
        assert!(told.iter().any(|line| line.contains("challenge status \"401\"")), "{told:?}");
        assert_eq!(world.token_requests(), 2, "{protocol}: a 401 blames the token");
    }
}

#[tokio::test]
async fn a_policy_is_told_in_clear_words_and_no_token_is_fetched_against_it() {
    for (words, id) in [
        (DISABLED_TENANT, "smtp-auth-disabled-tenant"),
        (DISABLED_MAILBOX, "smtp-auth-disabled-mailbox"),
        (SECURITY_DEFAULTS, "security-defaults"),
        (CRITERIA, "sign-on-criteria-not-met"),
        (BASIC_DISABLED, "basic-auth-retired"),
    ] {
        let world =
            World::with(Plan::faulty(|faults| faults.smtp.answers.push(gatepost::sandbox::Answer::new("AUTH", words))))
                .await;
        for _ in 0..3 {
            let said = world.ann_hears(Protocol::Smtp, FOR_GOOD).await;
            assert!(said.ends_with(&format!("[gatepost {id}]")) && said.is_ascii(), "{said}");
        }
        assert_eq!(seen(&world, Protocol::Smtp), (3, 1), "{id}");
    }
}

#[tokio::test]
async fn a_full_mailbox_of_connections_passes_by_itself() {
    let mut plan = Plan::faulty(|faults| {
        faults.smtp.connections = Some(1);
        faults.smtp.connections_at = LimitPoint::Auth;
    });
    plan.daemon = "sign-on-seconds = 5".into();
    let world = World::with(plan).await;
    let first = world.smtp_as_ann().await;
    world.ann_hears(Protocol::Smtp, FOR_NOW).await;
    drop(first);
    world.ann_hears(Protocol::Smtp, IN).await;
    assert_eq!(world.token_requests(), 1);
}

#[tokio::test]
async fn nobody_signed_in_is_told_with_the_command_and_dials_nothing() {
    let world = World::with(Plan { signed_in: Vec::new(), ..Plan::default() }).await;
    for protocol in PROTOCOLS {
        let said = world.ann_hears(protocol, FOR_GOOD).await;
        assert!(said.contains(&format!("gatepost login {ANN}")), "{said}");
        assert!(said.ends_with("[gatepost sign-in-missing]"), "{said}");
        assert_eq!(seen(&world, protocol), (0, 0));
    }
}

#[tokio::test]
async fn an_account_that_is_signed_in_while_the_daemon_runs_works_at_once() {
    let world = World::with(Plan { signed_in: Vec::new(), ..Plan::default() }).await;
    world.ann_hears(Protocol::Imap, FOR_GOOD).await;
    world.sign_in(ANN).await;
    world.ann_hears(Protocol::Imap, IN).await;
}

#[tokio::test]
async fn a_dead_sign_in_is_recognised_told_and_never_hammered() {
    for (code, id) in [(50173, "sign-in-revoked"), (700082, "sign-in-expired"), (50076, "mfa-required")] {
        let plan = Plan::faulty(|faults| faults.identity.mishap = Some(Mishap::new(MishapKind::Aadsts(code))));
        let world = World::with(plan).await;
        for protocol in PROTOCOLS.into_iter().cycle().take(20) {
            let said = world.ann_hears(protocol, FOR_GOOD).await;
            assert!(said.ends_with(&format!("[gatepost {id}]")), "{code}: {said}");
        }
        assert_eq!(world.token_requests(), 1, "AADSTS{code}");
    }
}

#[tokio::test]
async fn an_identity_provider_out_of_order_is_temporary_in_every_protocol() {
    let kinds = [
        MishapKind::Status { status: 503, retry_after: None },
        MishapKind::Status { status: 429, retry_after: Some(30) },
        MishapKind::Html,
        MishapKind::Truncated,
        MishapKind::WrongTypes,
        MishapKind::Huge(64 << 20),
        MishapKind::Drop,
        MishapKind::Aadsts(90033),
    ];
    together(kinds.into_iter().map(|kind| async move {
        let world = World::with(Plan::faulty(|faults| faults.identity.mishap = Some(Mishap::new(kind.clone())))).await;
        in_each_protocol(async |protocol| {
            let said = world.ann_hears(protocol, FOR_NOW).await;
            assert!(said.contains("[gatepost ") && said.len() < 300, "{kind:?}: {said}");
        })
        .await;
        assert!(world.token_requests() < 12, "{kind:?}: {}", world.token_requests());
        assert_eq!(world.sandbox.counts().sign_ons, 0);
    }))
    .await;
}

#[tokio::test]
async fn a_short_outage_of_the_identity_provider_is_never_seen() {
    let mishap = Mishap::new(MishapKind::Status { status: 503, retry_after: None }).times(2);
    let world = World::with(Plan::faulty(|faults| faults.identity.mishap = Some(mishap))).await;
    world.ann_hears(Protocol::Imap, IN).await;
}

#[tokio::test]
async fn a_poisoned_token_never_reaches_the_upstream() {
    let plan = Plan::faulty(|faults| faults.identity.mishap = Some(Mishap::new(MishapKind::PoisonedToken)));
    let world = World::with(plan).await;
    for protocol in PROTOCOLS {
        world.ann_hears(protocol, FOR_GOOD).await;
    }
    assert_eq!(world.said_upstream("smtp") + &world.said_upstream("imap") + &world.said_upstream("pop3"), "");
}

#[tokio::test]
async fn an_identity_provider_that_hangs_holds_a_client_no_longer_than_sign_on_seconds() {
    let mut plan = Plan::faulty(|faults| faults.identity.mishap = Some(Mishap::new(MishapKind::Hang)));
    plan.daemon = "sign-on-seconds = 1".into();
    let world = World::with(plan).await;
    in_each_protocol(async |protocol| {
        world.ann_hears(protocol, FOR_NOW).await;
    })
    .await;
}

#[tokio::test]
async fn a_hundred_logins_without_a_token_make_one_request() {
    let world = World::with(Plan::faulty(|faults| {
        faults.smtp.connections = None;
        faults.identity.delay_ms = 300;
    }))
    .await;
    together((0..100).map(|n| {
        let world = &world;
        async move {
            world.ann_hears(PROTOCOLS[n % 3], IN).await;
        }
    }))
    .await;
    assert_eq!(world.token_requests(), 1);
}

#[tokio::test]
async fn tokens_of_twelve_thousand_characters_and_servers_that_cut_lines_are_no_obstacle() {
    let mut plan = Plan { sandbox: Options { token_length: 11_900, ..Options::default() }, ..Plan::default() };
    plan.sandbox.faults.smtp.cut_auth_line = true;
    let world = World::with(plan).await;
    for protocol in PROTOCOLS {
        world.ann_hears(protocol, IN).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_while_it_is_signed_on_frees_the_upstream() {
    for protocol in PROTOCOLS {
        let world = World::with(Plan::faulty(|faults| {
            (faults.smtp.line.silent, faults.imap.line.silent, faults.pop3.line.silent) = (true, true, true);
        }))
        .await;
        let mut talk = world.greeted(protocol).await;
        match protocol {
            Protocol::Smtp => talk.say(&format!("AUTH PLAIN {}", crate::world::plain(ANN, PASSWORD))).await,
            Protocol::Imap => talk.say(&format!("a LOGIN {ANN} \"{PASSWORD}\"")).await,
            Protocol::Pop3 => talk.say(&format!("USER {ANN}\r\nPASS {PASSWORD}")).await,
        }
        world.until("it is dialled", |world| world.sandbox.counts().connections(protocol).open == 1).await;
        drop(talk);
        world.until("it is given up", |world| world.sandbox.counts().connections(protocol).open == 0).await;
        let peer = format!("peer={}:", world.source);
        assert_eq!(journal().lines(&["refused", &peer]), Vec::<String>::new(), "nobody was refused");
        world.metrics_with(&format!("gatepost_logins_total{{protocol=\"{protocol}\",outcome=\"lost\"}} 1")).await;
    }
}
