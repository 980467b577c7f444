//! Many accounts that break one after another, or again, and how often people hear of it.

use std::collections::BTreeSet;

use super::*;
use crate::daemon::notify::Memory;

fn revoked(n: usize) -> SignInState {
    broken(&format!("user{n:03}"), Phase::SignInNeeded, "sign-in-revoked")
}

#[test]
fn what_befalls_a_thousand_one_after_another_is_a_few_events_at_once_and_one_a_day() {
    let mut stage = Stage::new();
    let mut told: Vec<(i64, Event)> = Vec::new();
    // All were revoked in one moment; each is noticed at its own refresh within the hour.
    for n in 0..1000 {
        stage.states.push(revoked(n));
        let now = 10 + n as i64 * 3600 / 1000;
        told.extend(stage.told_at(now).into_iter().map(|event| (now, event)));
    }
    for minute in 60..24 * 60 {
        told.extend(stage.told_at(minute * 60).into_iter().map(|event| (minute * 60, event)));
    }
    assert_eq!(
        (told[0].0, &told[0].1.accounts[..]),
        (10, &["user000@contoso.com".to_owned()][..]),
        "the first at once"
    );
    assert!(told.len() <= 14, "{}", told.len());
    assert!(told.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 300));
    let named: Vec<_> = told.iter().flat_map(|(_, event)| &event.accounts).collect();
    assert_eq!((named.len(), named.iter().collect::<BTreeSet<_>>().len()), (1000, 1000), "each once");
    assert!(told.last().unwrap().0 <= 3600 + 360, "nobody waits for long: {}", told.last().unwrap().0);

    for day in 1..4 {
        let reminders: Vec<_> = (0..24 * 60).flat_map(|minute| stage.told_at(day * DAY + minute * 60 + 30)).collect();
        assert_eq!(reminders.iter().map(|event| event.accounts.len()).collect::<Vec<_>>(), [1000], "day {day}");
    }
}

#[test]
fn what_is_held_back_holds_nothing_of_another_kind() {
    let mut stage = Stage::new();
    stage.states = vec![revoked(1)];
    assert_eq!(stage.kinds_at(0), [Kind::SignInNeeded]);
    stage.states.extend([revoked(2), broken("eve", Phase::SignInNeeded, "mfa-required")]);
    stage.states.push(SignInState { app: "fabrikam".into(), ..revoked(3) });
    let told = stage.told_at(1);
    let mut named: Vec<_> = told.iter().map(|event| event.accounts.join(" ")).collect();
    named.sort();
    assert_eq!(named, ["eve@contoso.com", "user003@contoso.com"]);
    assert_eq!(stage.told_at(299), []);
    assert_eq!(stage.told_at(300)[0].accounts, ["user002@contoso.com"]);
}

#[test]
fn a_second_break_is_news_though_nobody_heard_that_all_was_well_between() {
    let mut stage = Stage::new();
    stage.states = vec![revoked(1)];
    assert_eq!(stage.kinds_at(10), [Kind::SignInNeeded]);
    // Signed in, and revoked again before anybody was told.
    stage.states = vec![SignInState { signed_in_at: Some(at(2000)), last_refresh: Some(at(2000)), ..revoked(1) }];
    assert_eq!(stage.kinds_at(4000), [Kind::SignInNeeded]);
    assert_eq!(stage.kinds_at(8000), [], "and that once");
}

/// What was put off is those words: others of the same sign-in are news.
#[test]
fn what_nobody_could_be_told_puts_off_nothing_else_of_the_same_sign_in() {
    let mut stage = Stage::new();
    stage.states = vec![revoked(1)];
    let mut memory = Memory::of(HashMap::new(), at(0));
    let needed = stage.with(0, judge).remove(0);
    memory.put_off(&needed);
    stage.states = vec![broken("user001", Phase::Refused, "client-secret-expired")];
    let refused = stage.with(0, judge).remove(0);
    assert!(memory.is_busy(&needed.topics[0]));
    assert_eq!(needed.topics[0].name, refused.topics[0].name);
    assert!(!memory.is_busy(&refused.topics[0]));
    assert!(!memory.is_busy(&Topic { words: None, ..needed.topics[0].clone() }));
}

#[test]
fn of_several_that_will_end_the_day_is_that_of_the_first() {
    let mut stage = Stage::new();
    let other = SignInState {
        key: "contoso/bob@contoso.com".into(),
        identity: "bob@contoso.com".into(),
        ..foreseen(7 * DAY + HOUR, 7 * DAY, 2)
    };
    stage.states = vec![other, foreseen(7 * DAY, 7 * DAY, 2)];
    let event = stage.told_at(6 * DAY + 2 * HOUR).remove(0);
    assert_eq!((event.accounts.len(), event.due), (2, Some(at(7 * DAY))));
    let expected =
        "the sign-ins of ann@contoso.com, bob@contoso.com are expected to end, the first of them in 22 hours, at 20";
    assert!(event.text.contains(expected), "{}", event.text);
}

#[test]
fn a_policy_of_a_few_hours_is_no_news_and_neither_is_an_end_that_did_not_come() {
    let mut stage = Stage::new();
    stage.states = vec![foreseen(5 * HOUR, 5 * HOUR, 2)];
    assert_eq!((0..48).flat_map(|half| stage.told_at(half * HOUR / 2)).collect::<Vec<_>>(), []);
    stage.states = vec![foreseen(30 * DAY, 7 * DAY, 2)];
    assert_eq!(stage.kinds_at(29 * DAY + HOUR), [Kind::SignInEnding]);
    assert_eq!(stage.kinds_at(30 * DAY + HOUR), []);
}
