//! A person's sign-in that was refused is what stands in the way, until one comes about.

use std::sync::Arc;

use super::endpoint::{House, refusal, set};
use crate::{
    catalog::{
        doctor::SOMEBODY_ELSE_SIGNED_IN,
        token::{CONSENT_MISSING, SIGN_IN_MISSING, TOKEN_ENDPOINT_UNREACHABLE, USER_NOT_ASSIGNED},
    },
    oauth::{Phase, sign_in, verdict::Verdict},
};

async fn note(house: &House, entry: &'static crate::catalog::Entry) {
    let verdict = Verdict::new(entry, "AADSTS0: no");
    sign_in::note_refusal(&house.store, &house.sign_in, &verdict, &house.clock).await.unwrap();
    house.keepers.notice_store_change();
}

#[tokio::test]
async fn a_refused_sign_in_is_told_in_the_place_of_the_call_for_one_until_one_comes_about() {
    let house = House::with(vec![], None, |_| {}).await;
    assert_eq!(house.ask().await.unwrap_err(), SIGN_IN_MISSING.id);
    note(&house, TOKEN_ENDPOINT_UNREACHABLE).await;
    assert_eq!(house.ask().await.unwrap_err(), SIGN_IN_MISSING.id, "what passes by itself is not worth it");
    note(&house, USER_NOT_ASSIGNED).await;
    assert_eq!(house.ask().await.unwrap_err(), USER_NOT_ASSIGNED.id);
    let state = house.keepers.states().remove(0);
    assert_eq!((state.phase, state.sign_in_refused_at), (Phase::SignInNeeded, state.fault.as_ref().unwrap().since));
    assert!(state.fault.unwrap().text.contains("login ann@contoso.example"));

    // A reload changes nothing: there is nothing to ask with.
    house.keepers.ask_afresh();
    assert_eq!(house.ask().await.unwrap_err(), USER_NOT_ASSIGNED.id);
    note(&house, CONSENT_MISSING).await;
    assert_eq!(house.ask().await.unwrap_err(), CONSENT_MISSING.id, "the last one counts");
    assert_eq!(house.endpoint.count(), 0);

    sign_in::keep(&house.store, &house.sign_in, set("a1", "r1", 3600), &house.clock).await.unwrap();
    house.keepers.notice_store_change();
    assert_eq!(house.ask().await.unwrap(), "a1");
    assert_eq!(house.keepers.states()[0].sign_in_refused_at, None);
    note(&house, USER_NOT_ASSIGNED).await;
    assert_eq!(house.ask().await.unwrap(), "a1", "who is signed in and well is not touched");
    let state = house.keepers.states().remove(0);
    assert_eq!((state.phase, state.fault.is_none()), (Phase::Ready, true));
    assert_eq!(state.refused_beside.unwrap().id, USER_NOT_ASSIGNED.id);
    sign_in::keep(&house.store, &house.sign_in, set("a2", "r2", 3600), &house.clock).await.unwrap();
    house.keepers.notice_store_change();
    assert_eq!(house.ask().await.unwrap(), "a2");
    assert!(house.keepers.states()[0].refused_beside.is_none(), "one came about");
}

#[tokio::test]
async fn a_sign_in_that_ended_and_a_new_one_that_was_refused_is_told_as_the_refusal() {
    let house = House::signed_in(vec![refusal("invalid_grant", 50173), refusal("invalid_grant", 50173)], 0).await;
    assert_eq!(house.ask().await.unwrap_err(), "sign-in-revoked");
    note(&house, USER_NOT_ASSIGNED).await;
    assert_eq!(house.ask().await.unwrap_err(), USER_NOT_ASSIGNED.id);
    assert_eq!(house.stored_refresh().await.as_deref(), Some("r0"), "nothing is deleted");
    assert!(!sign_in::is_signed_in(&house.store, &house.sign_in).await.unwrap());
}

#[tokio::test]
async fn a_logout_forgets_a_refused_sign_in_and_says_that_nothing_was_there() {
    let house = House::with(vec![], None, |_| {}).await;
    note(&house, USER_NOT_ASSIGNED).await;
    let http = super::endpoint::http();
    let done = sign_in::forget(&house.store, &http, &house.sign_in, &house.clock).await.unwrap();
    assert!(!done.had_tokens);
    house.keepers.notice_store_change();
    assert_eq!(house.ask().await.unwrap_err(), SIGN_IN_MISSING.id);
}

#[tokio::test]
async fn a_later_sign_in_that_lacked_a_consent_is_past_once_a_token_shows_that_it_was_given() {
    for (entry, stays) in [(CONSENT_MISSING, false), (USER_NOT_ASSIGNED, true)] {
        let house = House::signed_in(vec![], 3600).await;
        note(&house, entry).await;
        let bearer = house.keepers.bearer(&house.sign_in).await.unwrap();
        assert_eq!(house.keepers.states()[0].refused_beside.as_ref().unwrap().id, entry.id);
        // Who was refused with it makes the keeper fetch another one.
        house.keepers.refused(&house.sign_in, bearer.generation).await.unwrap();
        assert_eq!(house.keepers.states()[0].refused_beside.is_some(), stays, "{}", entry.id);
        let row = house.store.token(&house.sign_in.key()).await.unwrap().row.unwrap();
        assert_eq!(row.refused_beside.is_some(), stays, "{}", entry.id);
    }
}

/// Who added a scope and has not reloaded: the keeper goes on with what was consented to before.
#[tokio::test]
async fn a_consent_that_a_sign_in_with_more_scopes_lacked_is_not_shown_by_a_token_of_the_scopes_before() {
    let house = House::signed_in(vec![], 3600).await;
    let mut asked = house.sign_in.as_ref().clone();
    Arc::make_mut(&mut asked.app).scopes.push("https://outlook.office.com/POP.AccessAsUser.All".to_owned());
    let verdict = Verdict::new(CONSENT_MISSING, "AADSTS65001: no");
    sign_in::note_refusal(&house.store, &asked, &verdict, &house.clock).await.unwrap();
    house.keepers.notice_store_change();
    let bearer = house.keepers.bearer(&house.sign_in).await.unwrap();
    house.keepers.refused(&house.sign_in, bearer.generation).await.unwrap();
    let row = house.store.token(&house.sign_in.key()).await.unwrap().row.unwrap();
    assert!(sign_in::refusal_beside(&row, &asked).is_some());
}

#[tokio::test]
async fn who_signed_in_where_somebody_else_was_meant_is_kept_by_name_and_a_row_without_names_is_read() {
    let house = House::signed_in(vec![], 3600).await;
    let verdict = Verdict {
        signed_in_as: Some("bob@contoso.example".to_owned()),
        ..Verdict::new(SOMEBODY_ELSE_SIGNED_IN, "bob@contoso.example signed in")
    };
    let note = async || {
        sign_in::note_refusal(&house.store, &house.sign_in, &verdict, &house.clock).await.unwrap();
        house.store.token(&house.sign_in.key()).await.unwrap().row.unwrap()
    };
    let (told, _) = sign_in::refusal_beside(&note().await, &house.sign_in).unwrap();
    let names = [told.signed_in_as.as_deref(), told.whose_stays.as_deref()];
    assert_eq!(names, [Some("bob@contoso.example"), Some("ann@contoso.example")]);
    let mut row = serde_json::to_value(note().await).unwrap();
    row["refused_beside"].as_object_mut().unwrap().remove("signed_in_as").unwrap();
    let (told, _) = sign_in::refusal_beside(&serde_json::from_value(row).unwrap(), &house.sign_in).unwrap();
    assert_eq!((told.entry.id, told.signed_in_as, told.whose_stays), (SOMEBODY_ELSE_SIGNED_IN.id, None, None));
    // A logout in between: there is nothing beside which it was refused.
    house.store.delete_tokens(&house.sign_in.key()).await.unwrap();
    assert!(!sign_in::note_refusal(&house.store, &house.sign_in, &verdict, &house.clock).await.unwrap());
}
