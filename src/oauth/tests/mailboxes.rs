//! Mailboxes of a whole domain: keepers that are made when somebody asks, sent to sleep, and woken before it is too late.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::endpoint::{House, PATIENCE, app, http, open, refusal, set};
use crate::{
    oauth::{
        App, DomainSignIns, Grant, Keepers, Phase, Resource, SignIn,
        keepers::on_demand::{AWAKE_CAP, IDLE},
        sign_in,
    },
    store::Store,
};

const DAY: u64 = 24 * 3600;
const BOB: &str = "bob@contoso.example";

fn domain(house: &House) -> DomainSignIns {
    DomainSignIns { app: house.sign_in.app.clone(), domain: "contoso.example".into() }
}

/// Ann is listed and signed in; everybody else of contoso.example is a mailbox of the domain.
async fn house() -> (House, DomainSignIns) {
    let house = House::signed_in(vec![], 100 * DAY).await;
    let domain = domain(&house);
    house.keepers.apply(std::slice::from_ref(&house.sign_in), std::slice::from_ref(&domain));
    (house, domain)
}

async fn ask(keepers: &Keepers, sign_in: &SignIn) -> Result<String, &'static str> {
    let bearer = tokio::time::timeout(PATIENCE, keepers.bearer(sign_in)).await.expect("an answer");
    bearer.map(|bearer| bearer.token.expose().to_owned()).map_err(|fault| fault.id)
}

fn phases(keepers: &Keepers) -> Vec<(String, Phase)> {
    keepers.states().into_iter().map(|state| (state.identity, state.phase)).collect()
}

#[tokio::test]
async fn a_mailbox_that_nobody_listed_gets_a_keeper_when_somebody_asks_and_one_elsewhere_does_not() {
    let (house, domain) = house().await;
    let bob = domain.sign_in("Bob@Contoso.Example");
    assert_eq!(ask(&house.keepers, &bob).await.unwrap_err(), "sign-in-missing");
    sign_in::keep(&house.store, &bob, set("b0", "br0", 3600), &house.clock).await.unwrap();
    house.keepers.notice_store_change();
    assert_eq!(ask(&house.keepers, &bob).await.unwrap(), "b0");
    let other = DomainSignIns { domain: "fabrikam.example".into(), ..domain.clone() };
    assert_eq!(ask(&house.keepers, &other.sign_in("eve@fabrikam.example")).await.unwrap_err(), "sign-in-removed");
    let elsewhere = App { name: "other".into(), ..(*domain.app).clone() };
    let elsewhere = DomainSignIns { app: Arc::new(elsewhere), ..domain };
    assert_eq!(ask(&house.keepers, &elsewhere.sign_in(BOB)).await.unwrap_err(), "sign-in-removed");
    house.keepers.apply(std::slice::from_ref(&house.sign_in), &[]);
    assert_eq!(ask(&house.keepers, &bob).await.unwrap_err(), "sign-in-removed", "the domain is gone");
    assert_eq!(house.ask().await.unwrap(), "a0");
}

#[tokio::test]
async fn a_reload_keeps_the_keepers_of_a_domain_that_stays_and_replaces_those_of_a_changed_app() {
    let (house, domain) = house().await;
    let bob = domain.sign_in(BOB);
    sign_in::keep(&house.store, &bob, set("b0", "br0", 3600), &house.clock).await.unwrap();
    assert_eq!(ask(&house.keepers, &bob).await.unwrap(), "b0");
    let generation =
        |keepers: &Keepers| keepers.states().iter().find(|one| one.identity == BOB).map(|one| one.generation);
    house.keepers.apply(std::slice::from_ref(&house.sign_in), std::slice::from_ref(&domain));
    assert_eq!(generation(&house.keepers), Some(1), "the same keeper goes on");
    let changed = App { client_id: "another".into(), ..(*domain.app).clone() };
    let changed = DomainSignIns { app: Arc::new(changed), ..domain };
    house.keepers.apply(std::slice::from_ref(&house.sign_in), std::slice::from_ref(&changed));
    assert_eq!(generation(&house.keepers), None, "it left");
    assert_eq!(ask(&house.keepers, &changed.sign_in(BOB)).await.unwrap(), "b0");
    // Listed by itself from now on.
    let listed = Arc::new(changed.sign_in(BOB));
    house.keepers.apply(&[listed], &[]);
    assert_eq!(ask(&house.keepers, &bob).await.unwrap(), "b0");
}

#[tokio::test]
async fn one_that_nobody_asks_sleeps_is_still_told_of_and_wakes_where_it_ended() {
    let (house, domain) = house().await;
    let bob = domain.sign_in(BOB);
    sign_in::keep(&house.store, &bob, set("b0", "br0", 3600), &house.clock).await.unwrap();
    let awake = |house: &House| house.keepers.running().len();
    let unasked_for = |time: Duration| {
        for awake in house.keepers.running().values_mut() {
            awake.asked_at = awake.asked_at.checked_sub(time).unwrap();
        }
    };
    house.keepers.tend_once().await;
    assert_eq!(awake(&house), 1, "a signed-in mailbox needs no keeper");
    let ready = [("ann@contoso.example".to_owned(), Phase::Ready), (BOB.to_owned(), Phase::Ready)];
    assert_eq!(house.ask().await.unwrap(), "a0");
    assert_eq!(phases(&house.keepers), ready);
    assert_eq!(ask(&house.keepers, &bob).await.unwrap(), "b0");
    unasked_for(IDLE / 2);
    house.keepers.tend_once().await;
    assert_eq!(awake(&house), 2);
    unasked_for(IDLE);
    house.keepers.tend_once().await;
    assert_eq!((awake(&house), phases(&house.keepers)), (1, ready.to_vec()));
    assert_eq!(ask(&house.keepers, &bob).await.unwrap(), "b0", "no request for what is stored");
    assert_eq!((awake(&house), house.endpoint.count()), (2, 0));
    // Another process logs bob out while he sleeps.
    unasked_for(IDLE * 2);
    house.keepers.tend_once().await;
    open(house.dir.path()).await.delete_tokens(&bob.key()).await.unwrap();
    house.keepers.notice_store_change();
    house.keepers.tend_once().await;
    assert_eq!(phases(&house.keepers).len(), 1, "who is logged out is not told of");
    assert_eq!(ask(&house.keepers, &bob).await.unwrap_err(), "sign-in-missing");
}

#[tokio::test]
async fn a_mailbox_that_sleeps_for_a_week_is_woken_so_that_its_refresh_token_does_not_die() {
    let (house, domain) = house().await;
    let people: Vec<SignIn> = ["bob", "cleo"].map(|name| domain.sign_in(&format!("{name}@contoso.example"))).into();
    for one in &people {
        sign_in::keep(&house.store, one, set("b0", "br0", 100 * DAY), &house.clock).await.unwrap();
    }
    house.keepers.tend_once().await;
    house.clock.ahead.store(6 * DAY, Ordering::SeqCst);
    house.keepers.tend_once().await;
    assert_eq!((house.keepers.running().len(), house.endpoint.count()), (1, 0), "not yet");
    house.clock.ahead.store(8 * DAY, Ordering::SeqCst);
    for awake in [2, 3, 3] {
        house.keepers.tend_once().await;
        assert_eq!(house.keepers.running().len(), awake, "one at a time");
    }
    // Ann's own keeper looks at its clock rarely; those two do at once.
    house.endpoint.arrivals(2).await;
    let asked = house.endpoint.asked();
    assert!(asked.iter().all(|form| form["refresh_token"] == "br0"), "{asked:?}");
}

#[tokio::test]
async fn a_sign_in_that_the_provider_ended_is_not_woken_and_told_as_such() {
    let (house, domain) = house().await;
    let bob = domain.sign_in(BOB);
    sign_in::keep(&house.store, &bob, set("b0", "br0", 0), &house.clock).await.unwrap();
    house.endpoint.then(refusal("invalid_grant", 700_082));
    assert!(ask(&house.keepers, &bob).await.is_err());
    let asked = house.endpoint.count();
    // After a restart.
    let keepers = Keepers::on_stage(house.store.clone(), http(), house.clock.clone(), Duration::ZERO);
    keepers.apply(std::slice::from_ref(&house.sign_in), std::slice::from_ref(&domain));
    house.keepers.stop().await;
    house.clock.ahead.store(8 * DAY, Ordering::SeqCst);
    for _ in 0..3 {
        keepers.tend_once().await;
    }
    assert!(phases(&keepers).contains(&(BOB.to_owned(), Phase::SignInNeeded)), "{:?}", phases(&keepers));
    assert!(!keepers.running().contains_key(&bob.key()));
    let of_bob = house.endpoint.asked().into_iter().filter(|form| form["refresh_token"] == "br0").count();
    assert_eq!(of_bob, asked, "nobody shows a dead token again");
}

#[tokio::test]
async fn thousands_of_mailboxes_that_are_asked_for_never_have_more_keepers_than_the_cap() {
    let endpoint = super::endpoint::Endpoint::start(vec![]).await;
    let app = Arc::new(app(&endpoint, Grant::AuthorizationCode));
    let domain = DomainSignIns { app, domain: "contoso.example".into() };
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<Store> = Arc::new(open(dir.path()).await);
    let keepers = Keepers::on_stage(store, http(), crate::oauth::clock::Clock::default(), Duration::ZERO);
    keepers.apply(&[], std::slice::from_ref(&domain));
    let mailbox = |n: usize| domain.sign_in(&format!("user{n}@contoso.example"));
    for n in 0..AWAKE_CAP {
        keepers.called(&mailbox(n), Resource::Mail).unwrap();
    }
    for n in AWAKE_CAP..AWAKE_CAP + 3 {
        keepers.called(&mailbox(n), Resource::Mail).unwrap();
        assert_eq!(keepers.running().len(), AWAKE_CAP);
    }
    assert!(!keepers.running().contains_key(&mailbox(0).key()), "the one that was not asked for the longest");
    keepers.stop().await;
}

#[test]
fn a_domain_has_its_plain_addresses_and_their_keys_and_no_others() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let endpoint = runtime.block_on(super::endpoint::Endpoint::start(vec![]));
    let domain = |grant| DomainSignIns { app: Arc::new(app(&endpoint, grant)), domain: "contoso.example".into() };
    let people = domain(Grant::AuthorizationCode);
    for address in ["ann@contoso.example", "Ann.B+c@CONTOSO.example"] {
        assert!(people.has(address), "{address}");
        let sign_in = people.sign_in(address);
        assert_eq!(people.by_key(&sign_in.key()).unwrap().identity, address.to_lowercase());
    }
    for address in [
        "contoso.example",
        "@contoso.example",
        "*@contoso.example",
        "a b@contoso.example",
        "a\u{1}@contoso.example",
        "a@b@contoso.example",
        "\"a\"@contoso.example",
        "ann@sub.contoso.example",
        "ann@fabrikam.example",
        "",
    ] {
        assert!(!people.has(address), "{address:?}");
    }
    for key in ["contoso/ann@fabrikam.example", "other/ann@contoso.example", "contoso/app-only", "ann@contoso.example"]
    {
        assert!(people.by_key(key).is_none(), "{key}");
    }
    let robot = domain(Grant::ClientCredentials);
    assert_eq!(robot.app_only().unwrap().key(), "contoso/app-only");
    assert!(robot.by_key("contoso/ann@contoso.example").is_none() && people.app_only().is_none());
}
