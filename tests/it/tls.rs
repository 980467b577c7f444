//! TLS towards clients: every mode of a listener, and nothing said before TLS counts after it.

use std::time::Duration;

use gatepost::base::Protocol;

use crate::world::{ANN, Answers, IN, PASSWORD, PROTOCOLS, Plan, Talk, World, journal, until_so};

async fn with_tls(mode: &'static str) -> World {
    World::with(Plan { tls: mode, ..Plan::default() }).await
}

fn certificate(world: &World) -> Vec<u8> {
    std::fs::read(world.dir.path().join("gatepost-selfsigned.pem")).unwrap()
}

/// The verb that begins TLS, and how its answer begins.
const fn starttls(protocol: Protocol) -> (&'static str, &'static str) {
    match protocol {
        Protocol::Smtp => ("STARTTLS", "220 "),
        Protocol::Imap => ("s STARTTLS", "s OK "),
        Protocol::Pop3 => ("STLS", "+OK "),
    }
}

pub async fn upgraded(world: &World, protocol: Protocol, mut talk: Talk) -> Talk {
    let (verb, answer) = starttls(protocol);
    talk.exchange(verb, answer).await;
    let mut talk = talk.into_tls(&certificate(world)).await;
    if protocol == Protocol::Smtp {
        talk.say("EHLO client").await;
        let shown = talk.expect_last("250 ").await.join("\n");
        assert!(shown.contains("AUTH PLAIN LOGIN") && !shown.contains("STARTTLS"), "{shown}");
    }
    talk
}

async fn signs_on(talk: &mut Talk, protocol: Protocol) {
    let said = talk.login(protocol, ANN, PASSWORD).await;
    assert!(said.starts_with(IN.of(protocol)), "{protocol}: {said}");
}

#[tokio::test]
async fn starttls_is_offered_taken_and_not_demanded() {
    let world = with_tls("starttls").await;
    for protocol in PROTOCOLS {
        signs_on(&mut world.greeted(protocol).await, protocol).await;
        let talk = world.greeted(protocol).await;
        signs_on(&mut upgraded(&world, protocol, talk).await, protocol).await;
    }
    let mut smtp = upgraded(&world, Protocol::Smtp, world.greeted(Protocol::Smtp).await).await;
    signs_on(&mut smtp, Protocol::Smtp).await;
    assert!(smtp.message("over TLS").await.starts_with("250 "));
}

#[tokio::test]
async fn starttls_required_takes_no_password_before_tls() {
    let world = with_tls("starttls-required").await;
    let refusals = Answers { smtp: "530 5.7.0", imap: "a NO [PRIVACYREQUIRED]", pop3: "-ERR" };
    for protocol in PROTOCOLS {
        let mut talk = world.talk(protocol).await;
        let greeting = talk.line().await;
        match protocol {
            Protocol::Smtp => {
                talk.say("EHLO client").await;
                let shown = talk.expect_last("250 ").await.join("\n");
                assert!(shown.contains("STARTTLS") && !shown.contains("AUTH"), "{shown}");
                talk.exchange(&format!("AUTH PLAIN {}", crate::world::plain(ANN, PASSWORD)), refusals.smtp).await;
                talk.exchange(&format!("MAIL FROM:<{ANN}>"), "530 5.7.0").await;
            }
            Protocol::Imap => {
                assert!(
                    greeting.contains("STARTTLS") && greeting.contains("LOGINDISABLED") && !greeting.contains("AUTH="),
                    "{greeting}"
                );
                talk.exchange(&format!("a LOGIN {ANN} \"{PASSWORD}\""), refusals.imap).await;
                talk.exchange("a AUTHENTICATE PLAIN", "a NO").await;
            }
            Protocol::Pop3 => {
                talk.say("CAPA").await;
                let shown = talk.expect_last(".").await;
                assert!(shown.contains(&"STLS".to_owned()) && !shown.contains(&"USER".to_owned()), "{shown:?}");
                talk.exchange(&format!("USER {ANN}"), refusals.pop3).await;
                talk.exchange("AUTH PLAIN", refusals.pop3).await;
            }
        }
        signs_on(&mut upgraded(&world, protocol, talk).await, protocol).await;
    }
}

#[tokio::test]
async fn implicit_tls_speaks_from_the_first_byte_and_tells_a_plain_client_so() {
    let world = with_tls("implicit").await;
    for protocol in PROTOCOLS {
        let mut talk = world.talk(protocol).await.into_tls(&certificate(&world)).await;
        talk.greeted(protocol).await;
        signs_on(&mut talk, protocol).await;
        let mut plain = world.talk(protocol).await;
        plain.say("HELP").await;
        let said = plain.rest().await;
        assert!(said.contains("TLS from the first byte"), "{said}");
    }
}

#[tokio::test]
async fn auto_serves_both_kinds_on_one_port() {
    let world = with_tls("auto").await;
    crate::world::in_each_protocol(async |protocol| {
        let mut talk = world.talk(protocol).await.into_tls(&certificate(&world)).await;
        talk.greeted(protocol).await;
        signs_on(&mut talk, protocol).await;
        signs_on(&mut world.greeted(protocol).await, protocol).await;
        let talk = world.greeted(protocol).await;
        signs_on(&mut upgraded(&world, protocol, talk).await, protocol).await;
    })
    .await;
}

#[tokio::test]
async fn tls_is_never_offered_where_it_is_off_and_a_client_hello_gets_a_clear_answer() {
    let world = World::new().await;
    for protocol in PROTOCOLS {
        let (verb, _) = starttls(protocol);
        let mut talk = world.greeted(protocol).await;
        let said = {
            talk.say(verb).await;
            talk.line().await
        };
        assert!(["502 ", "s BAD", "-ERR"].iter().any(|words| said.starts_with(words)), "{said}");
        let mut talk = world.talk(protocol).await;
        talk.line().await;
        talk.send(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]).await;
        let said = talk.rest().await;
        assert!(said.contains("plain") && said.is_ascii(), "{protocol}: {said:?}");
    }
}

#[tokio::test]
async fn plain_bytes_behind_starttls_end_the_session() {
    let world = with_tls("starttls").await;
    for protocol in PROTOCOLS {
        let mut talk = world.greeted(protocol).await;
        let (verb, answer) = starttls(protocol);
        let more = match protocol {
            Protocol::Smtp => format!("AUTH PLAIN {}", crate::world::plain(ANN, PASSWORD)),
            Protocol::Imap => format!("a LOGIN {ANN} \"{PASSWORD}\""),
            Protocol::Pop3 => format!("USER {ANN}\r\nPASS {PASSWORD}"),
        };
        talk.send(format!("{verb}\r\n{more}\r\n").as_bytes()).await;
        let rest = talk.rest().await;
        assert!(rest.starts_with(answer) && rest.lines().count() == 1, "{rest:?}");
    }
    assert_eq!(world.sandbox.counts().sign_ons, 0);
}

#[tokio::test]
async fn what_was_said_before_tls_is_forgotten_behind_it() {
    let world = with_tls("starttls").await;
    let mut smtp = world.greeted(Protocol::Smtp).await;
    smtp.exchange("STARTTLS", "220 ").await;
    let mut smtp = smtp.into_tls(&certificate(&world)).await;
    smtp.exchange(&format!("AUTH PLAIN {}", crate::world::plain(ANN, PASSWORD)), "503 ").await;
    smtp.exchange("STARTTLS", "502 ").await;
    let mut pop3 = world.greeted(Protocol::Pop3).await;
    pop3.exchange(&format!("USER {ANN}"), "+OK").await;
    pop3.exchange("STLS", "+OK").await;
    let mut pop3 = pop3.into_tls(&certificate(&world)).await;
    pop3.exchange(&format!("PASS {PASSWORD}"), "-ERR").await;
}

#[tokio::test]
async fn a_self_signed_certificate_is_kept_over_a_restart() {
    let world = with_tls("implicit").await;
    let before = certificate(&world);
    let world = world.restarted().await;
    assert_eq!(certificate(&world), before);
    world.talk(Protocol::Imap).await.into_tls(&before).await.greeted(Protocol::Imap).await;
}

fn made() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

#[tokio::test]
async fn a_changed_certificate_is_picked_up_and_a_broken_one_is_not() {
    let ((first, first_key), (second, second_key)) = (made(), made());
    let world = World::with(Plan {
        tls: "implicit",
        listener: "certificate = \"{dir}/cert.pem\"\nkey = \"{dir}/key.pem\"".into(),
        files: vec![("cert.pem", first.clone()), ("key.pem", first_key)],
        ..Plan::default()
    })
    .await;
    let greets =
        async |certificate: &str| world.talk(Protocol::Imap).await.try_tls(certificate.as_bytes()).await.is_some();
    assert!(greets(&first).await);
    let within = async |what: &str, happened: &dyn Fn() -> bool, certificate: &str| {
        until_so(what, Duration::from_secs(10), async || greets(certificate).await && happened()).await;
    };
    std::fs::write(world.dir.path().join("cert.pem"), "half a certific").unwrap();
    let here = world.dir.path().to_str().unwrap();
    let told = || !journal().lines(&["the changed certificate is not usable", here]).is_empty();
    within("the broken one is noticed, the old one stays", &told, &first).await;
    std::fs::write(world.dir.path().join("cert.pem"), &second).unwrap();
    std::fs::write(world.dir.path().join("key.pem"), second_key).unwrap();
    within("the new one is used", &|| true, &second).await;
    assert!(!greets(&first).await);
}
