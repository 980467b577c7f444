//! What is told and when: by a clock that the test moves, over restarts, and to a webhook on a real socket.

mod crowds;
mod house;
mod tongues;
mod unlisted;
mod ways;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jiff::Timestamp;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use house::{Hook, House, http, orders};

use super::{
    Mail, Notifier, Orders,
    channels::Channels,
    event::{Event, Kind, Severity},
    judge::{Alike, Facts, Notice, Topic, judge, outdated},
};
use crate::{
    base::{Lang, Secret},
    catalog::Known,
    config::model::Notify,
    expiry::{Calendar, Ending, Watched, What, days_left},
    meter::Meter,
    net::{ClientTls, HttpClient, Network},
    oauth::{DomainSignIns, FaultSeen, Keepers, Phase, SignInState},
    store::{Settings, Store, Telling},
};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const START: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(START + seconds).unwrap()
}

fn system(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs((START + seconds).unsigned_abs())
}

/// How things stand, and a memory of what was told.
struct Stage {
    states: Vec<SignInState>,
    endings: Vec<(What, &'static str, i64)>,
    told: HashMap<String, Telling>,
    spoken: HashMap<Alike, Timestamp>,
    started: i64,
    pages: Option<&'static str>,
    domains: Vec<DomainSignIns>,
    nobody_listed: bool,
    lang: Lang,
}

impl Stage {
    fn new() -> Self {
        Self {
            states: Vec::new(),
            endings: Vec::new(),
            told: HashMap::new(),
            spoken: HashMap::new(),
            started: 0,
            pages: None,
            domains: Vec::new(),
            nobody_listed: false,
            lang: Lang::En,
        }
    }

    fn known(&self) -> HashMap<String, Known> {
        let known = |state: &SignInState| Known {
            address: Some(state.identity.clone()),
            provider: Some(state.provider.clone()).filter(|provider| !provider.is_empty()),
            ..Known::default()
        };
        self.states.iter().map(|state| (state.identity.clone(), known(state))).collect()
    }

    fn with<T>(&self, now: i64, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
        let ending = |&(what, name, end): &(What, &str, i64)| Ending {
            what,
            name: name.to_owned(),
            ends_at: Some(at(end)),
            days_left: Some(days_left(at(now), at(end))),
            trouble: None,
        };
        let endings: Vec<_> = self.endings.iter().map(ending).collect();
        let address = |state: &SignInState| (state.key.clone(), vec![state.identity.clone()]);
        ask(&Facts {
            now: at(now),
            started: at(self.started),
            states: &self.states,
            addresses: &self.states.iter().filter(|_| !self.nobody_listed).map(address).collect(),
            known: &self.known(),
            domains: &self.domains,
            endings: &endings,
            mail: &Mail::default(),
            told: &self.told,
            spoken: &self.spoken,
            is_busy: &|_| false,
            host: "mailhost",
            lang: self.lang,
            pages: self.pages,
        })
    }

    /// What is told at this moment, and remembered.
    fn told_at(&mut self, now: i64) -> Vec<Event> {
        let notices = self.with(now, judge);
        for topic in notices.iter().flat_map(|notice| &notice.topics) {
            match &topic.words {
                Some(words) => {
                    drop(self.told.insert(topic.name.clone(), Telling { words: words.clone(), at: system(now) }))
                }
                None => drop(self.told.remove(&topic.name)),
            }
        }
        self.spoken.extend(notices.iter().filter_map(|notice| Some((notice.alike.clone()?, at(now)))));
        notices.into_iter().map(|Notice { event, .. }| event).collect()
    }

    fn kinds_at(&mut self, now: i64) -> Vec<Kind> {
        self.told_at(now).into_iter().map(|event| event.event).collect()
    }
}

fn ready(name: &str) -> SignInState {
    SignInState {
        key: format!("contoso/{name}@contoso.com"),
        app: "contoso".into(),
        identity: format!("{name}@contoso.com"),
        phase: Phase::Ready,
        ..SignInState::default()
    }
}

fn broken(name: &str, phase: Phase, id: &'static str) -> SignInState {
    let fault = FaultSeen {
        id,
        kind: "",
        owner: "",
        text: String::new(),
        since: None,
        signed_in_as: None,
        whose_stays: None,
        asks_again_at: None,
    };
    SignInState { phase, fault: Some(fault), ..ready(name) }
}

/// Whoever reads it somewhere else has nothing but the text.
#[test]
fn the_notice_of_a_secret_that_ends_has_the_commands_with_which_another_takes_its_place() {
    for (provider, lang) in [("microsoft365", Lang::En), ("microsoft365", Lang::Ja), ("google", Lang::En)] {
        let mut stage = Stage { lang, ..Stage::new() };
        stage.states = vec![SignInState { provider: provider.into(), ..ready("ann") }];
        stage.endings = vec![(What::ClientSecret, "contoso", 6 * DAY)];
        let event = stage.told_at(0).remove(0);
        let setup = "gatepost setup --address ann@contoso.com --client-secret-file new.secret --yes";
        assert_eq!(event.next_step.contains(setup), provider == "microsoft365", "{}", event.next_step);
        let reload = "`sudo systemctl reload gatepost`";
        assert!(event.next_step.contains(reload) && event.text.contains(reload), "{}", event.text);
    }
}

/// As the app's secret has it.
#[test]
fn the_notice_of_a_certificate_that_ends_has_a_fault_and_a_command_and_once_it_has_ended_the_short_text() {
    for (what, name, id, short, command) in [
        (
            What::ListenerCertificate,
            "/etc/cert.pem",
            "certificate-ended",
            "A certificate of Gatepost has ended or cannot be read",
            "`openssl x509 -noout -dates -in /etc/cert.pem`",
        ),
        (
            What::AppCertificate,
            "contoso",
            "app-certificate-refused",
            "The provider refuses the app's certificate; ask your administrator",
            "`gatepost doctor ann@contoso.com`",
        ),
    ] {
        for (lang, days) in Lang::ALL.into_iter().flat_map(|lang| [(lang, 6), (lang, -1)]) {
            let mut stage = Stage { lang, ..Stage::new() };
            stage.states = vec![ready("ann")];
            stage.endings = vec![(what, name, days * DAY)];
            let event = stage.told_at(0).remove(0);
            assert_eq!((event.fault, event.fault_text), (Some(id), Some(short)), "{event:?}");
            assert!(event.next_step.contains(command) && event.text.contains(command), "{}", event.text);
            assert_eq!(event.text.contains(&format!("\"{short}\" [{id}]")), days < 0, "{}", event.text);
        }
    }
}

#[test]
fn thirty_fourteen_seven_and_one_day_ahead_of_a_secrets_end_it_is_told_once_each_and_once_behind_it() {
    let mut stage = Stage::new();
    stage.states = vec![ready("ann")];
    stage.endings = vec![(What::ClientSecret, "contoso", 40 * DAY)];
    let mut told = Vec::new();
    // Every ten minutes, with a restart in between now and then.
    for minute in (0..42 * DAY / 60).step_by(10) {
        stage.started = minute * 60 / (3 * DAY) * (3 * DAY);
        told.extend(stage.told_at(minute * 60).into_iter().map(|event| (minute / 60, event)));
    }
    let hours: Vec<i64> = told.iter().map(|(hour, _)| *hour).collect();
    assert_eq!(hours, [10 * 24, 26 * 24, 33 * 24, 39 * 24, 40 * 24]);
    let days: Vec<_> = told.iter().map(|(_, event)| event.days_left.unwrap()).collect();
    assert_eq!(days, [30, 14, 7, 1, -1]);
    let (_, first) = &told[0];
    assert_eq!(
        (first.event, first.severity, first.fault),
        (Kind::SecretExpiring, Severity::Warning, Some("client-secret-expired"))
    );
    assert_eq!(
        (first.due, first.app.as_deref(), &first.accounts[..]),
        (Some(at(40 * DAY)), Some("contoso"), &["ann@contoso.com".to_owned()][..])
    );
    assert!(
        first.text.contains("mailhost: the client secret of the app contoso ends in 30 days, on 20"),
        "{}",
        first.text
    );
    assert_eq!(told[4].1.severity, Severity::Critical);
    assert!(told[4].1.text.contains("contoso ended on 20"), "{}", told[4].1.text);
}

#[test]
fn a_renewed_one_is_told_of_anew_and_a_day_that_was_passed_over_is_made_up_for() {
    let mut stage = Stage::new();
    stage.endings = vec![(What::ListenerCertificate, "/etc/cert.pem", 20 * DAY)];
    assert_eq!(stage.told_at(0)[0].days_left, Some(20), "it was never told at 30");
    // The machine was off for two weeks: one telling, not two.
    let late = stage.told_at(15 * DAY);
    assert_eq!(late.iter().map(|event| event.days_left).collect::<Vec<_>>(), [Some(5)]);
    assert_eq!((late[0].event, late[0].certificate.as_deref()), (Kind::CertificateExpiring, Some("/etc/cert.pem")));
    stage.endings = vec![(What::ListenerCertificate, "/etc/cert.pem", 110 * DAY)];
    assert_eq!(stage.told_at(16 * DAY), []);
    assert_eq!(stage.told_at(81 * DAY)[0].days_left, Some(29));
}

#[test]
fn a_sign_in_that_is_needed_is_told_at_once_daily_and_after_a_restart_but_not_by_each_of_them() {
    let mut stage = Stage::new();
    stage.states = vec![broken("ann", Phase::SignInNeeded, "sign-in-revoked")];
    assert_eq!(stage.kinds_at(10), [Kind::SignInNeeded]);
    assert_eq!(stage.kinds_at(11), []);
    // It restarts all the time.
    for minute in 1..59 {
        stage.started = minute * 60;
        assert_eq!(stage.kinds_at(minute * 60), []);
    }
    stage.started = 2 * HOUR;
    assert_eq!(stage.kinds_at(2 * HOUR), [Kind::SignInNeeded], "a restart, and it still stands");
    assert_eq!(stage.kinds_at(25 * HOUR), []);
    assert_eq!(stage.kinds_at(26 * HOUR), [Kind::SignInNeeded], "a day later");
    stage.states = vec![broken("ann", Phase::SignInNeeded, "mfa-required")];
    assert_eq!(stage.kinds_at(26 * HOUR + 1), [Kind::SignInNeeded], "another reason is news");
    stage.states = vec![broken("ann", Phase::Waiting, "token-endpoint-unreachable")];
    assert_eq!(stage.kinds_at(26 * HOUR + 2), []);
    stage.states = vec![ready("ann")];
    assert_eq!(stage.kinds_at(26 * HOUR + 2), [], "ready, but no token proves it");
    stage.states = vec![SignInState { last_refresh: Some(at(26 * HOUR + 3)), ..ready("ann") }];
    assert_eq!(stage.kinds_at(26 * HOUR + 3), [Kind::SignInAgainOk]);
    assert_eq!(stage.kinds_at(26 * HOUR + 4), []);
    stage.states = vec![broken("ann", Phase::Refused, "client-secret-expired")];
    assert_eq!(stage.kinds_at(27 * HOUR), [Kind::SignInRefused]);
}

/// The notice said that all is well again, and the mail server lets nobody in.
#[test]
fn a_sign_in_that_works_again_by_somebody_else_names_them_until_a_mail_server_lets_them_in() {
    for (is_let_in, is_named) in [(false, true), (true, false)] {
        let mut stage = Stage::new();
        stage.states = vec![broken("ann", Phase::SignInNeeded, "sign-in-missing")];
        assert_eq!(stage.kinds_at(HOUR), [Kind::SignInNeeded]);
        let consented_as = Some("bob@contoso.com".to_owned());
        stage.states = vec![SignInState { last_refresh: Some(at(2 * HOUR)), consented_as, is_let_in, ..ready("ann") }];
        let event = stage.told_at(2 * HOUR).remove(0);
        assert_eq!(
            (event.event, event.text.contains("bob@contoso.com")),
            (Kind::SignInAgainOk, is_named),
            "{}",
            event.text
        );
    }
}

#[test]
fn what_befalls_a_thousand_sign_ins_alike_is_one_event_that_names_them_all() {
    let mut stage = Stage::new();
    stage.pages = Some("http://127.0.0.1:8425");
    stage.states = (0..1000).map(|n| broken(&format!("user{n:03}"), Phase::SignInNeeded, "sign-in-revoked")).collect();
    stage.states.push(broken("eve", Phase::SignInNeeded, "mfa-required"));
    let mut events = stage.told_at(10);
    assert_eq!(events.len(), 2);
    let all = events.remove(1);
    assert_eq!((all.fault, all.accounts.len()), (Some("sign-in-revoked"), 1000));
    assert!(all.text.contains("user004@contoso.com and 995 more stands still"), "{}", all.text);
    assert_eq!(all.console.as_deref(), Some("http://127.0.0.1:8425"));
    let eve = events.remove(0);
    assert_eq!(eve.console.as_deref(), Some("http://127.0.0.1:8425/accounts/eve%40contoso.com"));
    assert!(eve.text.contains("`gatepost login eve@contoso.com --flow browser`"), "{}", eve.text);
    // One of them signs in, and a new one comes.
    stage.states[7] = SignInState { last_refresh: Some(at(20)), ..ready("user007") };
    assert_eq!(stage.kinds_at(20), [Kind::SignInAgainOk]);
    stage.states.push(broken("new", Phase::SignInNeeded, "sign-in-revoked"));
    assert_eq!(stage.told_at(310)[0].accounts, ["new@contoso.com"]);
}

fn foreseen(end: i64, period: i64, seen: usize) -> SignInState {
    let policy_period = Some(period.unsigned_abs());
    SignInState { policy_ends_at: Some(at(end)), policy_period, policy_seen: seen, ..ready("ann") }
}

#[test]
fn the_end_that_a_policy_will_make_is_told_ahead_as_surely_as_it_is_known() {
    let mut stage = Stage::new();
    stage.states = vec![foreseen(7 * DAY, 7 * DAY, 1)];
    assert_eq!(stage.told_at(5 * DAY + 23 * HOUR), []);
    let event = stage.told_at(6 * DAY).remove(0);
    assert_eq!((event.event, event.fault, event.days_left), (Kind::SignInEnding, Some("sign-in-frequency"), Some(1)));
    assert!(event.text.contains("ann@contoso.com is expected to end in 1 day, at 20"), "{}", event.text);
    assert!(event.cause.contains("every sign-in after about 7 days. It was seen once so far"), "{}", event.cause);
    assert_eq!(stage.told_at(6 * DAY + HOUR), []);
    // Signed in anew: the next end is another one.
    stage.states = vec![foreseen(14 * DAY, 7 * DAY, 2)];
    assert_eq!(stage.told_at(7 * DAY), []);
    assert!(!stage.told_at(13 * DAY).remove(0).cause.contains("guess"));
    // Twice a day.
    stage.states = vec![foreseen(15 * DAY, 12 * HOUR, 2)];
    assert_eq!(stage.told_at(15 * DAY - 2 * HOUR - 1), []);
    let event = stage.told_at(15 * DAY - 2 * HOUR).remove(0);
    assert_eq!((event.severity, event.due), (Severity::Critical, Some(at(15 * DAY))));
    assert!(event.text.contains("every sign-in after about 12 hours"), "{}", event.text);
}

#[test]
fn a_refresh_token_that_dies_of_disuse_is_told_ahead() {
    let mut stage = Stage::new();
    let idle = |phase| SignInState { phase, last_refresh: Some(at(0)), idle_until: Some(at(90 * DAY)), ..ready("ann") };
    stage.states = vec![idle(Phase::Waiting)];
    let days: Vec<_> = (0..90).flat_map(|day| stage.told_at(day * DAY)).map(|event| event.days_left.unwrap()).collect();
    assert_eq!(days, [30, 14, 7, 1]);
    stage.told.clear();
    let event = stage.told_at(85 * DAY).remove(0);
    assert_eq!((event.event, event.fault), (Kind::SignInEnding, Some("sign-in-expired")));
    assert!(event.next_step.contains("gatepost status"), "{}", event.next_step);
    stage.states = vec![idle(Phase::SignInNeeded)];
    stage.told.clear();
    assert_eq!(stage.kinds_at(85 * DAY), [Kind::SignInNeeded], "it is over already");
}

#[test]
fn a_step_with_cmdlets_says_where_they_are_typed_as_the_doctor_does() {
    let mut stage = Stage::new();
    stage.states = vec![broken("ann", Phase::Refused, "fresh-token-refused")];
    let event = stage.told_at(10).remove(0);
    assert!(event.next_step.contains("behind `Connect-ExchangeOnline`"), "{}", event.next_step);
}

#[test]
fn the_json_has_the_shape_that_the_guide_promises() {
    let mut stage = Stage::new();
    stage.states = vec![broken("ann", Phase::SignInNeeded, "sign-in-revoked")];
    let event = stage.told_at(10).remove(0);
    let json: Value = serde_json::from_str(&event.json()).unwrap();
    let guide = include_str!("../../../docs/notify.md");
    for (field, value) in json.as_object().unwrap() {
        assert!(guide.contains(&format!("| `{field}` |")), "docs/notify.md lacks {field}");
        let is_always = value.is_string() || value.is_array();
        assert!(is_always || value.is_null(), "{field}: {value}");
    }
    for kind in Kind::ALL {
        assert!(guide.contains(&format!("| `{}` |", kind.as_str())), "docs/notify.md lacks {}", kind.as_str());
    }
    assert_eq!((&json["event"], &json["severity"]), (&"sign-in-needed".into(), &"critical".into()));
    assert_eq!(json["at"], "2027-01-15T08:00:10Z");
}

fn secret(name: &str, days: i64) -> Watched {
    let day =
        Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date().checked_add(jiff::Span::new().days(days));
    Watched { what: What::ClientSecret, name: name.into(), certificate: None, key: None, day: Some(day.unwrap()) }
}

fn days(hook: &Hook) -> Vec<(String, i64)> {
    let one = |event: &Value| (event["app"].as_str().unwrap().to_owned(), event["days-left"].as_i64().unwrap());
    hook.got().iter().map(one).collect()
}

#[tokio::test]
async fn a_step_that_was_told_is_not_told_again_by_a_restart_and_a_lower_one_is() {
    let (hook, dir) = (Hook::start(&[]).await, tempfile::tempdir().unwrap());
    let watched = vec![secret("contoso", 29)];
    let house = House::start(dir.path(), &hook.notify(), watched.clone(), 0).await;
    hook.until(1).await;
    house.until_told(1).await;
    house.stopped().await;
    let house = House::start(dir.path(), &hook.notify(), watched.clone(), 0).await;
    house.ahead(16 * DAY);
    hook.until(2).await;
    house.stopped().await;
    // It was stopped before it could write down that the second was told; the third comes in any case.
    let house = House::start(dir.path(), &hook.notify(), watched.clone(), 23 * DAY).await;
    hook.until(3).await;
    house.calendar.take_over(vec![watched[0].clone(), secret("fabrikam", 25)]);
    house.ahead(23 * DAY);
    house.until_told(2).await;
    let mut told = days(&hook);
    told.dedup();
    let days: Vec<i64> = told.iter().map(|(_, days)| *days).collect();
    assert_eq!(days, [29, 13, 6, 2], "{told:?}");
    assert_eq!(told[3].0, "fabrikam", "and the last one again of nothing else");
}

#[tokio::test]
async fn a_webhook_that_fails_twice_is_told_the_third_time_and_counted() {
    let (hook, dir) = (Hook::start(&["503 Busy", "500 Oh"]).await, tempfile::tempdir().unwrap());
    let house = House::start(dir.path(), &hook.notify(), vec![secret("contoso", 6)], 0).await;
    hook.until(3).await;
    house.until_told(1).await;
    assert!(hook.got().iter().all(|event| *event == hook.got()[0]));
    let text = house.meter.text();
    for (outcome, n) in [("delivered", 1), ("retried", 2), ("failed", 0)] {
        let line = format!("gatepost_notifications_total{{channel=\"webhook\",outcome=\"{outcome}\"}} {n}");
        assert!(text.contains(&line), "{line} in {text}");
    }
}

#[tokio::test]
async fn what_nobody_heard_is_told_again_after_a_restart_and_by_another_way_at_once() {
    let (hook, dir) = (Hook::start(&["404 Not Found"]).await, tempfile::tempdir().unwrap());
    let watched = vec![secret("contoso", 6)];
    let house = House::start(dir.path(), &hook.notify(), watched.clone(), 0).await;
    hook.until(1).await;
    house.ahead(HOUR);
    house.ahead(2 * HOUR);
    let other = Hook::start(&["410 Gone"]).await;
    let orders = orders(&other.notify());
    house._orders.send_replace(orders);
    other.until(1).await;
    assert_eq!(hook.got().len(), 1, "not all the time");
    assert!(house.store.told().await.unwrap().is_empty());
    house.stopped().await;
    let house = House::start(dir.path(), &hook.notify(), watched, 0).await;
    hook.until(2).await;
    house.until_told(1).await;
}

#[tokio::test]
async fn one_of_two_ways_is_enough() {
    let (hook, dir) = (Hook::start(&["400 No"]).await, tempfile::tempdir().unwrap());
    let file = dir.path().join("event.json");
    let words = ["/bin/sh", "-c", "cat > \"$1\"", "sh", file.to_str().unwrap()].map(Secret::new).to_vec();
    let notify = Notify { command: words, ..hook.notify() };
    let house = House::start(dir.path(), &notify, vec![secret("contoso", 6)], 0).await;
    house.until_told(1).await;
    hook.until(1).await;
    let event: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(event, hook.got()[0]);
    house.stopped().await;
}
