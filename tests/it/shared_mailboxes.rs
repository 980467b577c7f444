//! Several shared mailboxes on one delegate's sign-in, in both shapes, and the two rights that Exchange tells apart.

use gatepost::{
    base::{Owner, Protocol},
    sandbox::{DOMAIN, Flags, INBOX, Person},
};

use crate::world::{ANN, BOB, PASSWORD, PROTOCOLS, Plan, Talk, World, account, asked, plain};

const SHARED: [&str; 3] = ["info@contoso.example", "sales@contoso.example", "support@contoso.example"];
/// Ann may send on its behalf, and not as it.
const DESK: &str = "desk@contoso.example";

fn tenant() -> Plan {
    let mut plan = Plan::default();
    let delegates = || [ANN.to_owned()];
    plan.sandbox.people.extend(SHARED.map(|address| Person::shared(address, delegates())));
    plan.sandbox.people.push(Person::shared_on_behalf(DESK, delegates()));
    plan
}

/// Each shared mailbox is an account of its own, with a password of its own.
fn each_its_own() -> Plan {
    let more = SHARED.iter().map(|address| account(address, &format!("sign-in-as = \"{ANN}\""))).collect();
    Plan { more, ..tenant() }
}

/// Ann's account sends as all of them.
fn one_account() -> Plan {
    let list: Vec<String> = SHARED.iter().chain(&[ANN, DESK]).map(|address| format!("\"{address}\"")).collect();
    Plan { account: format!("send-as = [{}]", list.join(", ")), ..tenant() }
}

async fn signed_on(world: &World, user: &str) -> Talk {
    let mut smtp = world.greeted(Protocol::Smtp).await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain(user, PASSWORD)), "235 ").await;
    smtp
}

/// Sends a message with this envelope and these headers; the lines of the last answer.
async fn sends(smtp: &mut Talk, envelope: &str, head: &str) -> String {
    smtp.exchange(&format!("MAIL FROM:<{envelope}>"), "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("{head}\r\nSubject: x\r\n\r\nx\r\n.\r\n").as_bytes()).await;
    answer(smtp).await
}

async fn answer(smtp: &mut Talk) -> String {
    let mut lines = Vec::new();
    loop {
        let line = smtp.line().await;
        let goes_on = line.as_bytes().get(3) == Some(&b'-');
        lines.push(line);
        if !goes_on {
            return lines.join("\n");
        }
    }
}

#[tokio::test]
async fn three_shared_mailboxes_with_passwords_of_their_own_live_on_one_token() {
    let world = World::with(each_its_own()).await;
    for (n, address) in SHARED.iter().enumerate() {
        for _ in 0..=n {
            let mailbox = world.sandbox.mailbox(address).unwrap();
            mailbox.add(INBOX, Flags::default(), "Subject: x\r\n\r\nx\r\n".into()).unwrap();
        }
        let mut imap = world.greeted(Protocol::Imap).await;
        assert!(imap.login(Protocol::Imap, address, PASSWORD).await.starts_with("a OK"));
        imap.say("b SELECT INBOX").await;
        assert!(imap.expect_last("b OK").await.join("\n").contains(&format!("* {} EXISTS", n + 1)), "{address}");
        let mut pop3 = world.greeted(Protocol::Pop3).await;
        assert!(pop3.login(Protocol::Pop3, address, PASSWORD).await.starts_with("+OK"));
        pop3.exchange("STAT", &format!("+OK {} ", n + 1)).await;
        let mut smtp = signed_on(&world, address).await;
        assert!(sends(&mut smtp, address, &format!("From: {address}")).await.starts_with("250 2.0.0"), "{address}");
        let sent = world.sandbox.submissions().pop().unwrap();
        assert_eq!((sent.mailbox.as_str(), sent.from.as_str()), (ANN, *address), "SMTP signs on as the delegate");
    }
    assert_eq!(world.token_requests(), 1, "one sign-in serves all");
    let status = asked(world.daemon.console_at().unwrap(), "/metrics").await;
    assert!(status.contains("gatepost_sign_ins{phase=\"ready\"} 1\n"), "one keeper: {status}");
}

#[tokio::test]
async fn one_account_of_the_delegate_sends_as_three_shared_mailboxes_and_as_itself() {
    let world = World::with(one_account()).await;
    let mut smtp = world.smtp_as_ann().await;
    for address in SHARED.iter().chain(&[ANN]) {
        assert!(sends(&mut smtp, address, &format!("From: {address}")).await.starts_with("250 "), "{address}");
    }
    let from: Vec<String> = world.sandbox.submissions().into_iter().map(|sent| sent.from).collect();
    assert_eq!(from, [SHARED[0], SHARED[1], SHARED[2], ANN]);
    assert_eq!(world.token_requests(), 1);
}

#[tokio::test]
async fn send_as_is_checked_here_in_every_place_and_names_address_account_and_key() {
    let world = World::with(each_its_own()).await;
    let [info, sales, _] = SHARED;
    let mut smtp = signed_on(&world, info).await;
    let refusal = |sender: &str, place: &str| {
        format!(
            "550 5.7.1 This account may not send as that sender: <{sender}> in {place} is not in send-as of {info} [gatepost sender-not-allowed]"
        )
    };
    smtp.exchange(&format!("MAIL FROM:<{sales}>"), &refusal(sales, "MAIL FROM")).await;
    // The delegate's own address is not the shared mailbox's to use, unless send-as names it.
    assert_eq!(sends(&mut smtp, info, &format!("From: {ANN}")).await, refusal(ANN, "From"));
    assert_eq!(sends(&mut smtp, info, &format!("From: {info}\r\nSender: {BOB}")).await, refusal(BOB, "Sender"));
    assert_eq!(sends(&mut smtp, info, &format!("Sender: {sales}\r\nFrom: {info}")).await, refusal(sales, "Sender"));
    assert!(world.sandbox.submissions().is_empty());
    // Sender may name who really signs on.
    for sender in [info, ANN] {
        assert!(
            sends(&mut smtp, info, &format!("From: {info}\r\nSender: {sender}")).await.starts_with("250 "),
            "{sender}"
        );
    }
}

#[tokio::test]
async fn send_on_behalf_needs_a_sender_in_ones_own_name_and_send_as_does_not() {
    let world = World::with(one_account()).await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(sends(&mut smtp, ANN, &format!("From: {DESK}\r\nSender: {ANN}")).await.starts_with("250 "));
    // Without Sender the message claims to be the mailbox's own.
    let refused = sends(&mut smtp, ANN, &format!("From: {DESK}")).await;
    let [theirs, ours] = refused.lines().collect::<Vec<_>>()[..] else { panic!("{refused}") };
    assert!(theirs.starts_with(&format!("554-5.2.252 SendAsDenied; {ANN} not allowed to send as {DESK};")), "{theirs}");
    assert_eq!(
        ours,
        format!(
            "554 5.2.252 The mail server does not let this mailbox send as that sender: {ANN} has no Send As right on {DESK}; an administrator runs: \
             Add-RecipientPermission -Identity {DESK} -Trustee {ANN} -AccessRights SendAs [gatepost send-as-denied]"
        )
    );
    // The envelope needs it in any case.
    smtp.say(&format!("MAIL FROM:<{DESK}>")).await;
    let refused = answer(&mut smtp).await;
    assert!(
        refused.starts_with("550-5.7.60 SMTP; Client does not have permissions to send as this sender"),
        "{refused}"
    );
    assert!(refused.ends_with("-AccessRights SendAs [gatepost send-as-denied]"), "{refused}");
}

#[tokio::test]
async fn a_right_that_is_missing_is_named_and_stands_among_the_last_faults() {
    let stranger = format!("board@{DOMAIN}");
    let mut plan = one_account();
    plan.sandbox.people.push(Person::shared(&stranger, []));
    plan.account = plan.account.replace("send-as = [", &format!("send-as = [\"{stranger}\", "));
    let world = World::with(plan).await;
    let mut smtp = world.smtp_as_ann().await;
    let refused = sends(&mut smtp, ANN, &format!("Sender: {ANN}\r\nFrom: {stranger}")).await;
    assert!(
        refused.ends_with(&format!(
            "{ANN} has no Send on Behalf right on {stranger}; an administrator runs: \
             Set-Mailbox {stranger} -GrantSendOnBehalfTo @{{Add='{ANN}'}} [gatepost send-on-behalf-denied]"
        )),
        "{refused}"
    );
    let last = world.daemon.meter().recent.list().pop().unwrap();
    assert_eq!((last.id, last.account.as_str(), last.owner), ("send-on-behalf-denied", ANN, Owner::TenantAdmin));
    let lines =
        crate::world::journal().lines(&["WARN ", "message refused", "id=\"send-on-behalf-denied\"", stranger.as_str()]);
    assert!(lines.iter().any(|line| line.contains("next=\"`Set-Mailbox board@")), "{lines:?}");
    // Of other refusals nothing is known of a right.
    world
        .sandbox
        .faults()
        .set(|faults| faults.smtp.answers = vec![gatepost::sandbox::Answer::new(".", "554 5.2.0 quota").times(1)]);
    let refused = sends(&mut smtp, ANN, &format!("From: {ANN}")).await;
    assert!(
        refused.starts_with("554-5.2.0 quota\n554 5.2.0 ") && refused.ends_with("[gatepost message-refused]"),
        "{refused}"
    );
}

/// An alias, or the primary address of yesterday: there is no right to grant.
#[tokio::test]
async fn who_may_not_send_as_the_address_that_signs_on_is_told_of_no_right_and_leaves_a_trace() {
    let world = World::with(one_account()).await;
    world.sandbox.faults().set(|faults| {
        faults.apply("own-address-denied");
    });
    let mut smtp = world.smtp_as_ann().await;
    let refused = sends(&mut smtp, ANN, &format!("From: {ANN}")).await;
    assert!(refused.starts_with("554-5.2.252 SendAsDenied"), "{refused}");
    assert!(refused.ends_with("[gatepost own-address-denied]"), "{refused}");
    assert!(!refused.contains("-Trustee"), "{refused}");
    let last = world.daemon.meter().recent.list().pop().unwrap();
    assert_eq!((last.id, last.account.as_str(), last.sender.as_deref()), ("own-address-denied", ANN, Some(ANN)));
    assert!(world.daemon.meter().text().contains("id=\"own-address-denied\""));
}

#[tokio::test]
async fn a_refusal_for_good_that_is_known_has_its_id_in_the_figures_and_goes_on_in_its_own_words() {
    let world = World::with(one_account()).await;
    for (verb, theirs, id) in [
        (
            "MAIL",
            "550 5.7.750 Service unavailable. Client blocked from sending from unregistered domains",
            "domain-not-registered",
        ),
        ("RCPT", "550 5.1.1 RESOLVER.ADR.RecipNotFound; not found", "recipient-unknown"),
        (".", "552 5.3.4 Message size exceeds fixed maximum message size", "message-too-large"),
    ] {
        let answers = vec![gatepost::sandbox::Answer::new(verb, theirs).times(1)];
        world.sandbox.faults().set(|faults| faults.smtp.answers = answers);
        let mut smtp = world.smtp_as_ann().await;
        let heard = match verb {
            "." => sends(&mut smtp, ANN, &format!("From: {ANN}")).await,
            _ => {
                smtp.say(&format!("MAIL FROM:<{ANN}>")).await;
                let mail = answer(&mut smtp).await;
                if verb == "MAIL" {
                    mail
                } else {
                    smtp.say(&format!("RCPT TO:<{ANN}>")).await;
                    answer(&mut smtp).await
                }
            }
        };
        let (first, ours) = heard.split_once('\n').unwrap();
        assert_eq!(first.replacen('-', " ", 1), theirs);
        assert!(ours.ends_with(&format!("[gatepost {id}]")), "{heard}");
        assert!(world.metrics().await.contains(&format!("id=\"{id}\",stage=\"relaying\"}} 1")), "{id}");
    }
}

#[tokio::test]
async fn a_shared_mailbox_is_told_like_any_other_to_a_stranger() {
    let world = World::with(each_its_own()).await;
    for protocol in PROTOCOLS {
        let said = world.stranger(protocol).await.login(protocol, SHARED[0], "wrong").await;
        assert!(said.starts_with(crate::world::WRONG.of(protocol)), "{said}");
    }
}

/// `sign-in-as` changed, and nobody signed in since: whoever reads the reply, the log, the status or the doctor types one command.
#[tokio::test]
async fn whoever_is_to_sign_in_for_several_accounts_is_told_by_the_account_that_is_asked_for() {
    let world = World::with(Plan { signed_in: vec![], ..each_its_own() }).await;
    for address in [ANN, SHARED[0], SHARED[1], ANN] {
        let said = world.login(Protocol::Imap, address, PASSWORD).await;
        let as_whom = if address == ANN { String::new() } else { format!(" (then sign in as {ANN})") };
        assert!(said.contains(&format!(" login {address}{as_whom} [gatepost sign-in-missing]")), "{said}");
    }
}
