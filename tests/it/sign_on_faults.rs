//! An upstream that is hostile or broken: no token leaves before TLS, no success is invented, nobody waits for ever.

use gatepost::{
    base::Protocol,
    sandbox::{Answer, CertificateKind, Faults, LineFaults, StartTls},
};

use crate::world::{Answers, FOR_NOW, IN, PROTOCOLS, Plan, World, in_each_protocol, journal, together};

fn lines(faults: &mut Faults, change: impl Fn(&mut LineFaults)) {
    for line in [&mut faults.smtp.line, &mut faults.imap.line, &mut faults.pop3.line] {
        change(line);
    }
}

/// Nothing that a client of ours said can hold a token.
fn no_token(world: &World) {
    let all: String = PROTOCOLS.iter().map(|protocol| world.said_upstream(protocol.as_str())).collect();
    assert!(!all.contains("XOAUTH2") && !all.contains("dXNlcj1"), "{all}");
    let counts = world.sandbox.counts();
    assert_eq!((counts.sign_ons, counts.sign_on_refusals, counts.unprotected_credentials), (0, 0, 0));
}

#[tokio::test]
async fn no_token_is_sent_where_starttls_is_stripped_refused_or_injected() {
    for (mode, id) in [
        (StartTls::Missing, "starttls-stripped"),
        (StartTls::Refused, "upstream-unavailable"),
        (StartTls::Injected, "upstream-protocol"),
    ] {
        let world = World::with(Plan::faulty(|faults| faults.smtp.starttls = mode)).await;
        let said = world.ann_hears(Protocol::Smtp, FOR_NOW).await;
        assert!(said.trim_end().ends_with(&format!("[gatepost {id}]")), "{mode:?}: {said}");
        no_token(&world);
    }
}

#[tokio::test]
async fn no_token_is_sent_to_a_preauth_greeting_or_to_garbage() {
    let world = World::with(Plan::faulty(|faults| faults.imap.preauth = true)).await;
    world.ann_hears(Protocol::Imap, FOR_NOW).await;
    no_token(&world);
    let world = World::with(Plan::faulty(|faults| lines(faults, |line| line.garbage_greeting = true))).await;
    for protocol in PROTOCOLS {
        world.ann_hears(protocol, FOR_NOW).await;
    }
    no_token(&world);
}

#[tokio::test]
async fn no_token_is_sent_behind_a_certificate_that_is_not_the_upstreams() {
    for (kind, word) in
        [(CertificateKind::SelfSigned, ""), (CertificateKind::WrongName, "name"), (CertificateKind::Expired, "expired")]
    {
        let world = World::with(Plan::faulty(|faults| lines(faults, |line| line.certificate = kind))).await;
        for protocol in PROTOCOLS {
            let said = world.ann_hears(protocol, FOR_NOW).await;
            assert!(said.ends_with("[gatepost upstream-tls-untrusted]"), "{kind:?}: {said}");
        }
        no_token(&world);
        let told = journal().lines(&["refused: ", &format!("peer={}:", world.source)]);
        assert!(told.len() == 3 && told.iter().all(|line| line.contains(word)), "{kind:?}: {told:?}");
    }
}

#[tokio::test]
async fn a_silent_upstream_holds_a_client_no_longer_than_sign_on_seconds() {
    let mut plan = Plan::faulty(|faults| lines(faults, |line| line.silent = true));
    plan.daemon = "sign-on-seconds = 1".into();
    let world = World::with(plan).await;
    in_each_protocol(async |protocol| {
        let said = world.ann_hears(protocol, FOR_NOW).await;
        assert!(said.ends_with("[gatepost upstream-timeout]"), "{protocol}: {said}");
    })
    .await;
    no_token(&world);
}

#[tokio::test]
async fn an_upstream_that_breaks_off_anywhere_is_never_a_success() {
    // Behind the last byte of the sign-on the session is a session.
    let whole = |protocol| match protocol {
        Protocol::Smtp => 600,
        Protocol::Imap => 700,
        Protocol::Pop3 => 150,
    };
    for protocol in PROTOCOLS {
        together((0..whole(protocol)).step_by(29).map(|bytes| async move {
            let world =
                World::with(Plan::faulty(|faults| lines(faults, |line| line.drop_after_bytes = Some(bytes)))).await;
            let said = world.login(protocol, crate::world::ANN, crate::world::PASSWORD).await;
            let finished = world.sandbox.counts().sign_ons > 0;
            assert!(!said.is_empty(), "{protocol} broken after {bytes} bytes: no answer");
            if said.starts_with(IN.of(protocol)) {
                assert!(finished, "{protocol} broken after {bytes} bytes: {said}");
            } else {
                let refusals = [FOR_NOW, Answers { smtp: "535 5.7.0", ..crate::world::FOR_GOOD }];
                assert!(refusals.iter().any(|answers| said.starts_with(answers.of(protocol))), "{said}");
            }
        }))
        .await;
    }
}

#[tokio::test]
async fn replies_that_make_no_sense_are_never_a_success() {
    let nonsense = [
        "",
        "xyz",
        "999 what",
        "+ AAAA\r\n+ AAAA\r\n+ AAAA\r\n+ AAAA",
        "250 OK",
        "* OK",
        "zzz OK done",
        "+OK\u{0}",
        "334 AAAA\r\n334 AAAA\r\n334 AAAA",
    ];
    together(nonsense.into_iter().map(|words| async move {
        let mut plan = Plan::faulty(|faults| {
            faults.smtp.answers.push(Answer::new("AUTH", words).close());
            faults.imap.answers.push(Answer::new("AUTHENTICATE", words).close());
            faults.pop3.answers.push(Answer::new("CONNECT", words).close());
        });
        plan.daemon = "sign-on-seconds = 2".into();
        let world = World::with(plan).await;
        in_each_protocol(async |protocol| {
            let said = world.login(protocol, crate::world::ANN, crate::world::PASSWORD).await;
            let fine = protocol == Protocol::Pop3 && words.starts_with("+OK");
            assert!(fine || !said.starts_with(IN.of(protocol)), "{protocol} after {words:?}: {said}");
            assert!(!said.is_empty(), "{protocol} after {words:?}");
        })
        .await;
    }))
    .await;
}

#[tokio::test]
async fn nothing_of_the_upstreams_refusal_reaches_the_client_uncleaned() {
    let words = "535 5.7.8 no\u{1b}[2J\u{7} \u{202e}secret words of theirs";
    let world = World::with(Plan::faulty(|faults| faults.smtp.answers.push(Answer::new("AUTH", words)))).await;
    let said = world.login(Protocol::Smtp, crate::world::ANN, crate::world::PASSWORD).await;
    assert!(said.starts_with("535 5.7.0") && said.is_ascii() && !said.contains('\u{1b}'), "{said:?}");
    let answer = Answer::new("MAIL", "550 5.7.1 a\u{1b}[2J b\u{7f}");
    let world = World::with(Plan::faulty(|faults| faults.smtp.answers.push(answer))).await;
    let mut smtp = world.smtp_as_ann().await;
    let said = smtp.exchange(&format!("MAIL FROM:<{}>", crate::world::ANN), "550 5.7.1").await;
    assert!(said.chars().all(|c| !c.is_control()), "{said:?}");
}

#[tokio::test]
async fn what_is_said_before_anybody_was_named_passes_by_itself() {
    let cases = [
        (Protocol::Imap, "CONNECT", "* BYE busy"),
        (Protocol::Imap, "CONNECT", "hello"),
        (Protocol::Imap, "CONNECT", "garbage \u{1}\u{2}"),
        (Protocol::Imap, "CONNECT", "Server Unavailable."),
        (Protocol::Imap, "AUTHENTICATE", "* BYE Connection is closed. 13"),
        (Protocol::Pop3, "CONNECT", "-ERR busy"),
        (Protocol::Pop3, "CONNECT", "hello"),
        (Protocol::Pop3, "AUTH", "-ERR Protocol error. Connection is closed. 10"),
        (Protocol::Smtp, "CONNECT", "554 5.3.2 no service"),
        (Protocol::Smtp, "CONNECT", "hello"),
        (Protocol::Smtp, "EHLO", "502 5.5.1 not implemented"),
    ];
    for (protocol, on, words) in cases {
        let world = World::with(Plan::faulty(|faults| {
            let answers = match protocol {
                Protocol::Smtp => &mut faults.smtp.answers,
                Protocol::Imap => &mut faults.imap.answers,
                Protocol::Pop3 => &mut faults.pop3.answers,
            };
            answers.push(Answer::new(on, words).close());
        }))
        .await;
        let said = world.ann_hears(protocol, FOR_NOW).await;
        assert!(said.contains("[gatepost upstream-"), "{words}: {said}");
        assert_eq!(world.token_requests(), 1, "{words}: no token is to blame");
    }
}
