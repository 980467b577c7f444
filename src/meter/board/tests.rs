//! What stands among the last faults, and what ends it.

use std::net::Ipv4Addr;

use super::*;

/// A message of ann's own program that went at once.
fn sent<'a>(senders: &'a [&'a str]) -> Proof<'a> {
    Proof::Sent { senders, client: "login", beside: &["queue-full"] }
}

#[test]
fn what_happens_over_and_over_is_one_fault_with_a_number() {
    let recent = Recent::default();
    let fault = |id| Fault::new(crate::base::Kind::BadCredentials, crate::base::Owner::Client, id, "no");
    recent.push(Protocol::Imap, "ann@x", None, &fault("other"));
    for _ in 0..RECENT_CAP * 2 {
        recent.push(Protocol::Imap, "", None, &fault("bad-credentials"));
    }
    recent.push(Protocol::Smtp, "", None, &fault("bad-credentials"));
    let list: Vec<_> = recent.list().iter().map(|one| (one.id, one.protocol, one.times)).collect();
    let many = 2 * RECENT_CAP as u64;
    assert_eq!(list, [("other", "imap", 1), ("bad-credentials", "imap", many), ("bad-credentials", "smtp", 1)]);
}

#[test]
fn what_was_refused_to_a_sign_in_that_an_account_lives_on_no_more_is_past() {
    let recent = Recent::default();
    let fault = |id| Fault::new(crate::base::Kind::IdentityRefused, crate::base::Owner::User, id, "no");
    for account in ["ann@x", "bob@x"] {
        recent.push(Protocol::Imap, account, None, &fault("somebody-else-signed-in").at(Stage::SigningOn));
        recent.push(Protocol::Smtp, account, None, &fault("send-as-denied").of_sender("info@x"));
    }
    recent.signs_in_otherwise(|account| account == "bob@x");
    let stands: Vec<_> = recent.list().into_iter().filter(|one| one.worked_again_at.is_none()).collect();
    let stands: Vec<_> = stands.iter().map(|one| (one.account.as_str(), one.id)).collect();
    let left = [("ann@x", "somebody-else-signed-in"), ("ann@x", "send-as-denied"), ("bob@x", "send-as-denied")];
    assert_eq!(stands, left, "a message proves of itself what became of it");
}

#[test]
fn what_went_well_ends_what_it_proves_and_nothing_else() {
    let recent = Recent::default();
    let fault = |id| Fault::new(crate::base::Kind::IdentityRefused, crate::base::Owner::TenantAdmin, id, "no");
    let over = |recent: &Recent| {
        let ended = recent.list().into_iter().filter(|one| one.worked_again_at.is_some());
        ended.map(|one| format!("{} {}", one.protocol, one.id)).collect::<Vec<_>>()
    };
    let ann = "ann@x";
    recent.push(Protocol::Imap, ann, None, &fault("consent-missing").at(Stage::FetchingToken));
    recent.push(Protocol::Imap, ann, None, &fault("sign-on-refused").at(Stage::SigningOn));
    recent.push(Protocol::Smtp, ann, None, &fault("sign-on-refused").at(Stage::SigningOn));
    recent.push(Protocol::Smtp, ann, None, &fault("send-as-denied").of_sender("info@x"));
    recent.push(Protocol::Smtp, ann, None, &fault("message-refused"));
    recent.push(Protocol::Smtp, ann, None, &fault("bad-credentials").at(Stage::Authenticating));
    recent.worked(Protocol::Pop3, "bob@x", Instant::now(), Proof::SignOn);
    assert!(over(&recent).is_empty());
    recent.worked(Protocol::Pop3, ann, Instant::now(), Proof::SignOn);
    assert_eq!(over(&recent), ["imap consent-missing"], "the token is good, and IMAP may be off");
    recent.worked(Protocol::Smtp, ann, Instant::now(), Proof::Login);
    assert_eq!(over(&recent), ["imap consent-missing", "smtp bad-credentials"], "nothing is known of the way out");
    recent.worked(Protocol::Smtp, ann, Instant::now(), Proof::SignOn);
    assert_eq!(over(&recent), ["imap consent-missing", "smtp sign-on-refused", "smtp bad-credentials"]);
    // A client that a rule lets in has another password, or none.
    recent.push(Protocol::Smtp, ann, None, &fault("bad-credentials").at(Stage::Authenticating));
    let others = [Proof::SignOn, sent(&[]), Proof::Delivered { senders: Some(&[]), ahead: &[] }];
    others.into_iter().for_each(|proof| recent.worked(Protocol::Smtp, ann, Instant::now(), proof));
    assert!(!over(&recent).contains(&"smtp bad-credentials".to_owned()), "the password is as wrong as before");
    recent.worked(Protocol::Smtp, ann, Instant::now(), Proof::Login);
    recent.worked(Protocol::Smtp, ann, Instant::now(), sent(&[ann]));
    assert_eq!(over(&recent).len(), 4, "a message went");
    recent.worked(Protocol::Smtp, ann, Instant::now(), sent(&[ann, "Info@x"]));
    assert_eq!(over(&recent).len(), 5, "that sender goes as well");
    recent.push(Protocol::Smtp, ann, None, &fault("send-as-denied").of_sender("info@x"));
    assert_eq!(over(&recent).len(), 4, "it happened again");
}

#[test]
fn a_message_that_is_taken_for_later_ends_what_is_our_own_and_nothing_of_the_mail_server() {
    let recent = Recent::default();
    let fault = |id| Fault::new(crate::base::Kind::TooBusy, crate::base::Owner::Operator, id, "no");
    for one in [fault("queue-full"), fault("not-allowed").of_sender("info@x"), fault("message-refused")] {
        recent.push(Protocol::Smtp, "ann@x", None, &one.at(Stage::Relaying));
    }
    let refusals = &["queue-full", "not-allowed"];
    let stand = |senders: &[&str]| {
        recent.worked(Protocol::Smtp, "ann@x", Instant::now(), Proof::Taken { senders, client: "login", refusals });
        let standing = recent.list().into_iter().filter(|one| one.worked_again_at.is_none());
        standing.map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(stand(&["ann@x"]), ["not-allowed", "message-refused"]);
    assert_eq!(stand(&["ann@x", "Info@x"]), ["message-refused"]);
}

#[test]
fn what_is_known_by_addresses_alone_is_over_once_each_of_them_is_well() {
    let recent = Recent::default();
    let fault = Fault::new(crate::base::Kind::BadCredentials, crate::base::Owner::Client, "no-login", "no");
    let at = |n: u8| IpAddr::V4(Ipv4Addr::new(192, 0, 2, n));
    for n in 1..=3 {
        recent.push(Protocol::Smtp, "", Some(at(n)), &fault);
    }
    recent.push(Protocol::Smtp, "ann@x", Some(at(1)), &fault);
    recent.let_in(Protocol::Imap, at(1));
    recent.let_in(Protocol::Smtp, at(1));
    recent.admitted("other", |_| true);
    recent.admitted("no-login", |peer| peer == at(2));
    let list = recent.list();
    assert_eq!((&list[0].peers[..], list[0].worked_again_at), (&[at(3)][..], None));
    let IpAddr::V4(last) = at(3) else { panic!() };
    recent.let_in(Protocol::Smtp, last.to_ipv6_mapped().into());
    assert!(recent.list()[0].worked_again_at.is_some());
    assert!(recent.list()[1].worked_again_at.is_none(), "one with a name is its own");
}

#[test]
fn each_refused_sender_stands_by_itself_until_it_goes_and_their_number_is_bounded() {
    let recent = Recent::default();
    let denied = |sender: &str| {
        let fault =
            Fault::new(crate::base::Kind::IdentityRefused, crate::base::Owner::TenantAdmin, "send-as-denied", "no");
        recent.push(Protocol::Smtp, "ann@x", None, &fault.of_sender(sender));
    };
    let standing = || {
        let standing = recent.list().into_iter().filter(|one| one.worked_again_at.is_none());
        standing.map(|one| (one.sender.unwrap_or_default(), one.times)).collect::<Vec<_>>()
    };
    for sender in ["bob@x", "shared@x", "Bob@x"] {
        denied(sender);
    }
    assert_eq!(standing(), [("shared@x".to_owned(), 1), ("Bob@x".to_owned(), 2)]);
    recent.worked(Protocol::Smtp, "ann@x", Instant::now(), sent(&["ann@x", "shared@x"]));
    assert_eq!(standing(), [("Bob@x".to_owned(), 2)], "nothing was proved of bob");
    recent.push(
        Protocol::Imap,
        "eve@x",
        None,
        &Fault::new(crate::base::Kind::Bug, crate::base::Owner::Gatepost, "x", "no"),
    );
    (1..SENDERS_CAP).for_each(|n| denied(&format!("made-up-{n}@x")));
    assert_eq!(standing().len(), SENDERS_CAP + 1, "what was mended went first");
    (0..RECENT_CAP).for_each(|n| denied(&format!("more-{n}@x")));
    assert_eq!(standing().len(), SENDERS_CAP + 1, "the other fault is still there");
}

#[test]
fn a_client_whose_messages_go_as_they_never_did_before_was_corrected_and_one_that_went_before_proves_nothing() {
    let (recent, clients) = (Recent::default(), crate::meter::Clients::default());
    let refused = |sender: &str| {
        let fault =
            Fault::new(crate::base::Kind::IdentityRefused, crate::base::Owner::TenantAdmin, "sender-not-allowed", "no");
        let fault = fault.of_sender(sender);
        recent.push(Protocol::Smtp, "ann@x", None, &fault);
        recent.met_by("ann@x", &fault, "copier");
    };
    let goes = |client: &str, sender: &str| {
        let since = clients.goes_since(&crate::meter::Who::Rule(client.to_owned()), &[sender]);
        recent.corrected("ann@x", client, since);
    };
    let stand = || recent.list().iter().filter(|one| one.worked_again_at.is_none()).count();
    refused("copier@x");
    goes("scanner", "ann@x");
    assert_eq!(stand(), 1, "that is another one");
    goes("copier", "ann@x");
    assert_eq!(stand(), 0);
    refused("scan@x");
    goes("copier", "Ann@x");
    assert_eq!(stand(), 1, "it went before as well");
    goes("copier", "info@x");
    assert_eq!(stand(), 0);
}

#[test]
fn of_one_fault_the_last_few_addresses_are_kept_each_once_and_it_is_news_once_a_minute() {
    let recent = Recent::default();
    let fault = Fault::new(crate::base::Kind::BadCredentials, crate::base::Owner::Client, "x", "no");
    let push = |n: u8| recent.push(Protocol::Smtp, "", Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, n))), &fault);
    assert!(push(1) && !push(2) && recent.push(Protocol::Imap, "", None, &fault));
    for n in [3, 4, 5, 6, 7, 3] {
        push(n);
    }
    recent.push(Protocol::Smtp, "", None, &fault);
    let last: Vec<String> = recent.list().pop().unwrap().peers.iter().map(ToString::to_string).collect();
    assert_eq!(last, ["192.0.2.4", "192.0.2.5", "192.0.2.6", "192.0.2.7", "192.0.2.3"]);
}

#[test]
fn of_one_fault_that_befalls_many_at_once_one_is_news() {
    let recent = Recent::default();
    let fault = Fault::new(crate::base::Kind::TooBusy, crate::base::Owner::Operator, "x", "no");
    let together = std::sync::Barrier::new(16);
    let push = || {
        together.wait();
        recent.push(Protocol::Smtp, "", None, &fault)
    };
    let news = std::thread::scope(|scope| {
        let all: Vec<_> = (0..16).map(|_| scope.spawn(push)).collect();
        all.into_iter().map(|one| one.join().unwrap()).filter(|is_news| *is_news).count()
    });
    assert_eq!(news, 1);
}

#[test]
fn a_session_is_on_the_board_while_it_lives() {
    let board = Arc::new(Board::default());
    let entry = board.enter(Protocol::Pop3, IpAddr::V4(Ipv4Addr::LOCALHOST));
    entry.set_stage(Stage::Splicing);
    entry.set_account("ann@x");
    let list = board.list();
    assert_eq!((list[0].stage, list[0].account.as_deref()), (Stage::Splicing, Some("ann@x")));
    drop(entry);
    assert!(board.list().is_empty());
}

fn without_login() -> Fault {
    Fault::new(crate::base::Kind::BadCredentials, crate::base::Owner::Client, "no-login", "no")
}

#[test]
fn on_this_machine_whoever_is_let_in_proves_nothing_of_another_program() {
    let recent = Recent::default();
    let here = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped())];
    recent.push(Protocol::Smtp, "", Some(here[0]), &without_login());
    for peer in here {
        recent.let_in(Protocol::Smtp, peer);
    }
    assert_eq!(recent.list()[0].worked_again_at, None);
    recent.admitted("no-login", |peer| peer.is_loopback());
    assert!(recent.list()[0].worked_again_at.is_some(), "a rule for that address is one for all of them");
}

#[test]
fn what_befell_more_addresses_than_are_remembered_is_not_over_by_those_and_is_history_after_a_day() {
    let recent = Recent::default();
    let at = |n: u8| IpAddr::V4(Ipv4Addr::new(192, 0, 2, n));
    let all = 1..=u8::try_from(PEERS_CAP + 1).unwrap();
    for n in all.clone() {
        recent.push(Protocol::Smtp, "", Some(at(n)), &without_login());
    }
    all.for_each(|n| recent.let_in(Protocol::Smtp, at(n)));
    let list = recent.list();
    assert_eq!((list[0].worked_again_at, list[0].peers.len()), (None, PEERS_CAP), "of the first nobody knows");
    recent.push(Protocol::Smtp, "ann@x", None, &without_login());
    locked(&recent.faults).iter_mut().for_each(|fault| fault.at -= 24 * 3600 + 60);
    let list = recent.list();
    assert_eq!(list.iter().map(|fault| fault.account.as_str()).collect::<Vec<_>>(), ["ann@x"]);
}

/// Its program was set to a sender that went before, which proves nothing: it may send as several.
#[test]
fn a_refused_sender_of_which_nobody_hears_for_a_day_is_history() {
    let recent = Recent::default();
    for sender in ["old@x", "new@x"] {
        recent.push(Protocol::Smtp, "ann@x", None, &without_login().of_sender(sender));
    }
    if let Some(first) = locked(&recent.faults).front_mut() {
        first.at -= DAY + 60;
    }
    let senders: Vec<_> = recent.list().into_iter().filter_map(|fault| fault.sender).collect();
    assert_eq!(senders, ["new@x"]);
}

#[test]
fn what_is_over_still_says_from_where_it_came() {
    let recent = Recent::default();
    let at = |n: u8| IpAddr::V4(Ipv4Addr::new(192, 0, 2, n));
    for n in [1, 2] {
        recent.push(Protocol::Smtp, "", Some(at(n)), &without_login());
    }
    recent.let_in(Protocol::Smtp, at(2));
    assert_eq!(recent.list()[0].peers, [at(1)], "where it stands");
    recent.let_in(Protocol::Smtp, at(1));
    assert_eq!(recent.list()[0].peers, [at(2), at(1)]);
    recent.push(Protocol::Smtp, "", Some(at(3)), &without_login());
    let list = recent.list();
    assert_eq!((&list[0].peers[..], list[0].worked_again_at), (&[at(3)][..], None), "what was over is past");
}

#[test]
fn what_befell_a_message_on_its_way_is_not_past_because_the_rest_of_it_went() {
    let recent = Recent::default();
    let began = Instant::now();
    let fault = Fault::new(crate::base::Kind::IdentityRefused, crate::base::Owner::TenantAdmin, "policy", "no");
    recent.push(Protocol::Smtp, "ann@x", None, &fault.at(Stage::Relaying));
    let stands = || recent.list()[0].worked_again_at.is_none();
    recent.worked(Protocol::Smtp, "ann@x", began, sent(&["ann@x"]));
    assert!(stands());
    recent.worked(Protocol::Smtp, "ann@x", Instant::now(), sent(&["ann@x"]));
    assert!(!stands());
}

#[test]
fn what_several_clients_do_wrong_is_past_once_each_of_them_does_well() {
    let recent = Recent::default();
    let fault = Fault::new(crate::base::Kind::Limited, crate::base::Owner::Client, "nul-byte", "no");
    for client in ["copier", "scanner"] {
        recent.push(Protocol::Smtp, "ann@x", None, &fault.clone().at(Stage::Relaying));
        recent.is_of(Protocol::Smtp, "ann@x", &fault, client);
    }
    let went = |client| {
        let proof = Proof::Sent { senders: &["ann@x"], client, beside: &[] };
        recent.worked(Protocol::Smtp, "ann@x", Instant::now(), proof);
        recent.list()[0].worked_again_at.is_some()
    };
    assert_eq!(["other", "copier", "other", "scanner"].map(went), [false, false, false, true]);
}

#[test]
fn what_clients_without_an_address_met_is_past_once_anybody_comes_in() {
    let recent = Recent::default();
    let fault = Fault::new(crate::base::Kind::TooBusy, crate::base::Owner::Operator, "connections-used-up", "no");
    recent.push(Protocol::Smtp, "", None, &fault.at(Stage::Greeting));
    recent.let_in(Protocol::Imap, Ipv4Addr::new(192, 0, 2, 1).into());
    assert!(recent.list()[0].worked_again_at.is_none());
    recent.let_in(Protocol::Smtp, Ipv4Addr::new(192, 0, 2, 1).into());
    assert!(recent.list()[0].worked_again_at.is_some());
}

#[test]
fn the_right_login_of_one_client_proves_nothing_of_strangers_and_theirs_nothing_of_it() {
    let recent = Recent::default();
    let at = |n: u8| Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, n)));
    let fault = Fault::new(crate::base::Kind::BadCredentials, crate::base::Owner::Client, "bad-credentials", "no");
    let fault = fault.at(Stage::Authenticating);
    let fail = || {
        recent.push(Protocol::Smtp, "", at(81), &fault);
        recent.push_login(Protocol::Smtp, "copier", at(82), &fault);
        recent.push_login(Protocol::Smtp, "scanner", at(82), &fault);
    };
    let stand = || {
        let standing = recent.list().into_iter().filter(|one| one.worked_again_at.is_none());
        standing.map(|one| (one.client.unwrap_or_default(), one.peers.len())).collect::<Vec<_>>()
    };
    let row = |client: &str| (client.to_owned(), 1);
    fail();
    recent.logged_in(Protocol::Smtp, "copier");
    recent.let_in(Protocol::Smtp, at(82).unwrap());
    assert_eq!(stand(), [row(""), row("scanner")]);
    fail();
    recent.let_in(Protocol::Smtp, at(81).unwrap());
    recent.logged_in(Protocol::Smtp, "scanner");
    assert_eq!(stand(), [row("copier")]);
}

#[test]
fn wrong_logins_of_more_clients_than_senders_are_remembered_stand_beside_each_other_and_a_strangers() {
    let recent = Recent::default();
    let fault = Fault::new(crate::base::Kind::BadCredentials, crate::base::Owner::Client, "bad-credentials", "no");
    let clients: Vec<String> = (0..=SENDERS_CAP).map(|n| format!("copier{n}")).collect();
    clients.iter().for_each(|client| recent.push_login(Protocol::Smtp, client, None, &fault));
    recent.push(Protocol::Smtp, "", None, &fault);
    let found: Vec<_> = recent.list().into_iter().map(|one| one.client).collect();
    assert_eq!(found, clients.into_iter().map(Some).chain([None]).collect::<Vec<_>>());
}

#[test]
fn what_befell_a_client_or_an_account_that_is_taken_out_of_the_configuration_goes_and_nothing_worked_again() {
    let recent = Recent::default();
    let fault = |id| Fault::new(crate::base::Kind::Limited, crate::base::Owner::Client, id, "no");
    let push = |account, id| recent.push(Protocol::Smtp, account, None, &fault(id).at(Stage::Relaying));
    let is_of = |id, client| recent.is_of(Protocol::Smtp, "ann@x", &fault(id), client);
    recent.push_login(Protocol::Smtp, "copier", None, &fault("bad-credentials"));
    push("gone@x", "send-as-denied");
    push("", "no-login");
    push("ann@x", "nul-byte");
    is_of("nul-byte", "copier");
    push("ann@x", "bare-cr");
    ["copier", "scanner"].into_iter().for_each(|client| is_of("bare-cr", client));
    push("ann@x", "message-refused");
    recent.configured(|client| client == "scanner", |account| account == "ann@x");
    let standing = || {
        let standing = recent.list().into_iter().filter(|one| one.worked_again_at.is_none());
        standing.map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(standing(), ["no-login", "bare-cr", "message-refused"]);
    assert!(recent.list().iter().all(|one| one.worked_again_at.is_none()), "nobody did well");
    let proof = Proof::Sent { senders: &["ann@x"], client: "scanner", beside: &["message-refused"] };
    recent.worked(Protocol::Smtp, "ann@x", Instant::now(), proof);
    assert_eq!(standing(), ["no-login", "message-refused"]);
}

#[test]
fn what_more_clients_do_wrong_than_are_remembered_is_not_past_by_those() {
    let recent = Recent::default();
    let fault = Fault::new(crate::base::Kind::Limited, crate::base::Owner::Client, "nul-byte", "no");
    recent.push(Protocol::Smtp, "ann@x", None, &fault.clone().at(Stage::Relaying));
    let all: Vec<String> = (0..=CLIENTS_CAP).map(|n| format!("copier-{n}")).collect();
    all.iter().for_each(|client| recent.is_of(Protocol::Smtp, "ann@x", &fault, client));
    for client in &all {
        let proof = Proof::Sent { senders: &["ann@x"], client, beside: &[] };
        recent.worked(Protocol::Smtp, "ann@x", Instant::now(), proof);
    }
    let stands = || recent.list().first().is_some_and(|one| one.worked_again_at.is_none());
    assert!(stands(), "of the first nobody knows");
    let befalls = |client: &str| {
        recent.push(Protocol::Smtp, "ann@x", None, &fault.clone().at(Stage::Relaying));
        recent.is_of(Protocol::Smtp, "ann@x", &fault, client);
    };
    befalls("copier-1");
    let proof = Proof::Sent { senders: &["ann@x"], client: "copier-1", beside: &[] };
    recent.worked(Protocol::Smtp, "ann@x", Instant::now(), proof);
    assert!(stands(), "nor when it happened once more");
    befalls("copier-2");
    recent.configured(|_| false, |_| true);
    assert!(stands(), "nor where the one that is known is gone");
    locked(&recent.faults).iter_mut().for_each(|fault| fault.at -= 24 * 3600 + 60);
    assert!(recent.list().is_empty(), "a day later nobody looks for a proof");
}

#[test]
fn what_waited_for_a_sign_in_is_over_once_somebody_signed_in_and_nothing_else_is() {
    let fault = |id, kind, stage| Fault::new(kind, crate::base::Owner::User, id, "no").at(stage);
    let recent = Recent::default();
    for (id, kind, stage) in [
        ("mfa-required", Kind::SignInNeeded, Stage::FetchingToken),
        ("conditional-access", Kind::IdentityRefused, Stage::FetchingToken),
        ("token-refused", Kind::IdentityRefused, Stage::SigningOn),
        ("somebody-else-signed-in", Kind::IdentityRefused, Stage::SigningOn),
    ] {
        recent.push(Protocol::Imap, "ann@x", None, &fault(id, kind, stage));
    }
    let stands = |signed_in: i64| {
        let at = Timestamp::from_second(i64::try_from(now()).unwrap() + signed_in).unwrap();
        let all = recent.list().into_iter().map(|one| {
            let is_about_who = one.id == "somebody-else-signed-in";
            one.since(Some(at), is_about_who)
        });
        all.filter(|one| one.worked_again_at.is_none()).map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(
        stands(-60),
        ["mfa-required", "conditional-access", "token-refused", "somebody-else-signed-in"],
        "it was before"
    );
    assert_eq!(stands(60), ["conditional-access", "token-refused"]);
}
