//! The words of the events, in both languages.

use super::*;
use crate::{
    base::{Fault, latin_sentence},
    catalog,
    queue::{FailureNote, LaneView, Standstill, hold},
    spool::LeftBodies,
    store::LeftBehind,
};

/// One of each kind, and of each way to say it.
fn all(lang: Lang) -> Vec<Event> {
    let mut stage = Stage { lang, pages: Some("http://127.0.0.1:8425/"), ..Stage::new() };
    let by_policy = SignInState {
        policy_ends_at: Some(at(10 * DAY)),
        policy_period: Some(30 * 86_400),
        policy_seen: 1,
        ..ready("pat")
    };
    let idle = SignInState { idle_until: Some(at(DAY)), last_refresh: Some(at(-60 * DAY)), ..ready("ida") };
    stage.states = vec![
        broken("ann", Phase::SignInNeeded, "consent-missing"),
        broken("bob", Phase::SignInNeeded, "sign-in-revoked"),
        broken("eve", Phase::Refused, "client-secret-expired"),
        by_policy,
        idle,
    ];
    stage.states.extend((0..7).map(|n| broken(&format!("p{n}"), Phase::Refused, "conditional-access")));
    stage.endings = vec![
        (What::ClientSecret, "contoso", 3 * DAY),
        (What::AppCertificate, "fabrikam", -DAY),
        (What::ListenerCertificate, "/etc/cert.pem", HOUR),
    ];
    let mut told = stage.told_at(0);
    stage.states = vec![SignInState { last_refresh: Some(at(HOUR)), ..ready("bob") }];
    told.extend(stage.told_at(2 * HOUR));
    for mail in of_the_queue() {
        let notices = stage.with(2 * HOUR, |facts| judge(&Facts { mail: &mail, states: &[], endings: &[], ..*facts }));
        told.extend(notices.into_iter().map(|notice| notice.event));
    }
    told
}

fn of_the_queue() -> Vec<Mail> {
    let lane = |trouble: Option<Fault>| LaneView {
        account: "ann@contoso.com".into(),
        waiting: 3,
        held: 0,
        oldest: Some(system(0)),
        tried: std::time::Duration::from_secs(2 * 3600),
        trouble: trouble.map(|fault| (fault, system(0))),
    };
    let note = |is_told, hold: Option<&'static str>| FailureNote {
        at: system(0),
        queue_id: "bcdf23456789".into(),
        account: "ann@contoso.com".into(),
        sender: "ann@contoso.com".into(),
        recipients: vec!["bob@fabrikam.com".into()],
        more_recipients: 0,
        reply: "550".into(),
        fault: hold.and_then(hold::fault).map(|entry| entry.id),
        is_told,
        notice: None,
        is_notice_wanted: true,
        hold,
    };
    let refused = catalog::sign_on::SMTP_AUTH_DISABLED_MAILBOX.fault();
    let lanes = [lane(Some(refused)), lane(None), lane(Some(catalog::own::ACCOUNT_GONE.fault()))];
    let notes =
        [note(true, None), note(false, None), note(false, Some(hold::DOUBTFUL)), note(false, Some(hold::BODY_DAMAGED))];
    let standstill = Some(Standstill { fault: catalog::token::STORE_FAILING.fault().detail("EIO") });
    let stuck = lanes.into_iter().map(|lane| Mail { lanes: vec![lane], ..Mail::default() });
    let failed = notes.into_iter().map(|note| Mail { failures: vec![note], ..Mail::default() });
    let left_behind = Some(LeftBehind { database: "/old/gatepost.db".into(), messages: 3, sign_ins: 0 });
    let left_bodies = Some(LeftBodies { folder: "/old/gatepost.queue".into(), messages: 2 });
    let whole = [
        Mail { standstill, ..Mail::default() },
        Mail { left_behind, ..Mail::default() },
        Mail { left_bodies, ..Mail::default() },
    ];
    stuck.chain(failed).chain(whole).collect()
}

#[test]
fn each_event_is_told_in_both_languages_with_cause_next_step_and_what_not_to_do() {
    for lang in Lang::ALL {
        let told = all(lang);
        let kinds: std::collections::BTreeSet<Kind> = told.iter().map(|event| event.event).collect();
        assert_eq!(kinds.len(), Kind::ALL.len(), "{kinds:?}");
        for event in &told {
            let text = &event.text;
            for part in [Some(&event.cause), Some(&event.next_step), event.avoid.as_ref()].into_iter().flatten() {
                assert!(text.contains(part.as_str()), "{part}: {text}");
            }
            // It is quoted, in every language.
            let own = text.replace(event.fault_text.unwrap_or("-"), "");
            assert_eq!(latin_sentence(&own).is_none(), lang == Lang::Ja, "{text}");
            assert!(!text.contains("  ") && !text.contains("。 "), "{text}");
        }
        let avoided = told.iter().filter(|event| event.avoid.is_some()).count();
        assert!(avoided >= 4, "{avoided}");
    }
    let refused = |event: &&Event| event.fault == Some("smtp-auth-disabled-mailbox");
    let told = all(Lang::En);
    let event = told.iter().find(refused).unwrap();
    assert!(event.text.ends_with("for the switch of the mailbox wins."), "{}", event.text);
}

#[test]
fn the_address_of_a_page_stays_as_it_is_wherever_a_sentence_begins_with_it() {
    for lang in Lang::ALL {
        let told = all(lang);
        assert!(told.iter().any(|event| event.next_step.contains("http://127.0.0.1")));
        for event in told {
            assert!(!event.text.contains("Http") && !event.next_step.contains("Http"), "{}", event.text);
        }
    }
}

/// The mail program showed it, and whoever is told looks for that.
#[test]
fn every_fault_is_told_with_its_id_and_short_text_in_both_languages() {
    for (entry, lang) in catalog::all().flat_map(|entry| Lang::ALL.map(|lang| (entry, lang))) {
        let mut stage = Stage { lang, ..Stage::new() };
        stage.states = vec![broken("ann", Phase::Refused, entry.id)];
        let mut told = stage.told_at(0);
        stage.states = Vec::new();
        let lane = of_the_queue().remove(0).lanes.remove(0);
        let lanes = vec![LaneView { trouble: Some((entry.fault(), system(0))), ..lane }];
        let standstill = Some(Standstill { fault: entry.fault().detail("EIO") });
        for mail in [Mail { lanes, ..Mail::default() }, Mail { standstill, ..Mail::default() }] {
            let notices = stage.with(2 * HOUR, |facts| judge(&Facts { mail: &mail, ..*facts }));
            told.extend(notices.into_iter().map(|notice| notice.event));
        }
        assert_eq!(told.len(), 3, "{}", entry.id);
        for event in told {
            assert!(event.text.contains(&format!("\"{}\" [{}]", entry.short(), entry.id)), "{}", event.text);
            let json: Value = serde_json::from_str(&event.json()).unwrap();
            assert_eq!((&json["fault"], &json["fault-text"]), (&entry.id.into(), &entry.short().into()));
        }
    }
}

#[test]
fn what_the_queue_met_behind_our_own_250_is_not_told_as_if_a_client_had_heard_it() {
    for (lang, log, client) in
        [(Lang::En, "What the log says", "What a client hears"), (Lang::Ja, "ログの文言", "クライアントへの応答")]
    {
        let is_of_queue = |event: &Event| matches!(event.event, Kind::QueueStuck | Kind::MessageFailed);
        let named = |event: &Event| event.fault_text.is_some_and(|short| event.text.contains(short));
        let told: Vec<Event> = all(lang).into_iter().filter(|event| is_of_queue(event) && named(event)).collect();
        assert!(told.len() >= 3, "{told:?}");
        for event in told {
            assert!(event.text.contains(log) && !event.text.contains(client), "{}", event.text);
        }
    }
}

#[test]
fn what_is_still_ahead_is_not_told_as_if_a_client_had_heard_it() {
    let ahead = all(Lang::En).into_iter().filter(|event| event.days_left.is_some_and(|days| days >= 0));
    let texts: Vec<String> = ahead.filter(|event| event.fault.is_some()).map(|event| event.text).collect();
    assert!(texts.len() >= 2 && !texts.iter().any(|text| text.contains("What a client hears")), "{texts:?}");
}
