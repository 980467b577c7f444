use super::*;
use crate::{
    base::Secret,
    catalog::token::{
        ACCOUNT_PASSWORD_REFUSED, CONDITIONAL_ACCESS, CONSENT_MISSING, GRAPH_CONSENT_MISSING, SIGN_IN_EXPIRED,
        TOKEN_ENDPOINT_FAILING,
    },
    oauth::{
        Grant,
        counter::{Held, Want},
        state::SignInState,
        tests::endpoint::{Endpoint, app, http, open},
    },
};

/// A keeper that has read nothing yet, and the directory of its store.
async fn keeper() -> (Keeper, tempfile::TempDir) {
    let (endpoint, dir, clock) = (Endpoint::start(vec![]).await, tempfile::tempdir().unwrap(), Clock::default());
    let app = Arc::new(app(&endpoint, Grant::AuthorizationCode));
    let sign_in = Arc::new(SignIn::of("ann@contoso.example", app));
    let (counter, desk) = Counter::new(SignInState::new(&sign_in), clock.clone());
    let store = Arc::new(open(dir.path()).await);
    let changes = Arc::new(watch::Sender::new(0));
    let means = Means { store, http: http(), clock, meter: Meter::new(), changes, asks_afresh: false };
    let (graph, graph_desk) = counter.beside();
    let counters = [(Arc::new(counter), desk), (Arc::new(graph), graph_desk)];
    (Keeper::new(sign_in, means, counters, String::new(), Duration::ZERO, CancellationToken::new()), dir)
}

fn held(keeper: &Keeper, life: u64) -> Option<Held> {
    let expiry = keeper.means.clock.expiry(keeper.means.clock.wall() + Duration::from_secs(life));
    let (grace, ahead) = (Duration::from_secs(30), Duration::from_secs(600));
    Some(Held { token: Secret::new("token"), generation: 1, expiry, grace, ahead })
}

fn trouble(keeper: &Keeper, verdict: &Verdict) -> Option<Trouble> {
    Some(keeper.trouble_of(verdict, None, std::time::SystemTime::now()))
}

#[tokio::test]
async fn the_next_turn_is_when_a_token_is_due_or_a_trouble_over_and_neither_at_once_nor_late() {
    let (mut keeper, _dir) = keeper().await;
    tokio::time::pause();
    let look = 20.0..=30.0;
    let next = |keeper: &Keeper| keeper.until_next().as_secs_f64();
    assert_eq!(next(&keeper), 1.0, "nothing is held");
    keeper.mail.held = held(&keeper, 610);
    assert!((1.0..=10.0).contains(&next(&keeper)), "{}", next(&keeper));
    keeper.mail.held = held(&keeper, 3600);
    assert!(look.contains(&next(&keeper)), "the clocks are looked at meanwhile: {}", next(&keeper));
    keeper.mail.trouble = trouble(&keeper, &Verdict::new(TOKEN_ENDPOINT_FAILING, ""));
    assert!((1.0..=2.0).contains(&next(&keeper)), "{}", next(&keeper));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(look.contains(&next(&keeper)), "what is over is waited for no more: {}", next(&keeper));
    keeper.mail.trouble = trouble(&keeper, &Verdict::new(SIGN_IN_EXPIRED, ""));
    assert!(look.contains(&next(&keeper)), "{}", next(&keeper));
}

#[tokio::test]
async fn a_refusal_beside_a_good_token_is_asked_about_again_once_its_time_is_over_or_lifted() {
    let (mut keeper, _dir) = keeper().await;
    tokio::time::pause();
    keeper.row = Some(TokenRow {
        refresh: Some(Secret::new("refresh")),
        last_refresh: Some(keeper.means.clock.wall()),
        ..TokenRow::default()
    });
    keeper.mail.held = held(&keeper, 3 * 3600);
    assert!(!keeper.is_due(Resource::Mail), "all is well");
    // The second one ends with a sign-in, or where an administrator consents: then a reload says so.
    for refusal in [CONDITIONAL_ACCESS, CONSENT_MISSING] {
        keeper.mail.trouble = trouble(&keeper, &Verdict::new(refusal, ""));
        assert!(keeper.is_blocked(Resource::Mail), "{}", refusal.id);
        keeper.lift_refusal(Resource::Mail);
        assert!(keeper.until_next() <= patience::LIFTED_SPREAD, "whoever mended it looks whether it is");
        tokio::time::advance(patience::LIFTED_SPREAD).await;
        assert!(!keeper.is_blocked(Resource::Mail) && keeper.is_due(Resource::Mail), "{}", refusal.id);
    }
    keeper.mail.trouble = trouble(&keeper, &Verdict::new(ACCOUNT_PASSWORD_REFUSED, ""));
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert!(!keeper.is_due(Resource::Mail), "wrong passwords lock accounts");
}

#[tokio::test]
async fn a_refusal_of_graph_that_somebody_heard_is_asked_about_again_when_its_time_is_over_and_another_is_not() {
    let (mut keeper, _dir) = keeper().await;
    tokio::time::pause();
    let refused = Verdict::new(GRAPH_CONSENT_MISSING, "");
    keeper.graph.trouble = trouble(&keeper, &refused);
    assert!(keeper.until_next() <= Duration::from_secs(30));
    tokio::time::advance(Duration::from_secs(1981)).await;
    assert!(!keeper.is_blocked(Resource::Graph) && !keeper.is_due(Resource::Graph), "nobody wants it");
    let asked = keeper.graph.counter.bearer(Want::AnyToken);
    tokio::time::timeout(Duration::from_millis(1), asked).await.unwrap_err();
    assert!(keeper.is_due(Resource::Graph));
    keeper.graph.trouble = trouble(&keeper, &Verdict::new(TOKEN_ENDPOINT_FAILING, ""));
    assert!(!keeper.is_due(Resource::Graph), "that is asked for again when somebody wants it");
}

/// Status and doctor showed the refusal of an app that nobody used since, whatever was mended.
#[tokio::test]
async fn what_a_reload_lifts_is_asked_about_also_where_nobody_wants_a_token() {
    for resource in Resource::ALL {
        let (mut keeper, _dir) = keeper().await;
        tokio::time::pause();
        let app = App { grant: Grant::ClientCredentials, ..(*keeper.sign_in.app).clone() };
        keeper.sign_in = Arc::new(SignIn { app: Arc::new(app), ..(*keeper.sign_in).clone() });
        keeper.mail.held = held(&keeper, 3 * 3600);
        keeper.side_mut(resource).trouble = trouble(&keeper, &Verdict::new(CONDITIONAL_ACCESS, ""));
        tokio::time::advance(Duration::from_secs(1981)).await;
        assert!(!keeper.is_due(resource), "nobody said that it was mended");
        keeper.lift_refusal(resource);
        assert!(keeper.until_next() <= patience::LIFTED_SPREAD);
        tokio::time::advance(patience::LIFTED_SPREAD).await;
        assert!(keeper.is_due(resource), "{}", resource.as_str());
        keeper.side_mut(resource).trouble = trouble(&keeper, &Verdict::new(CONDITIONAL_ACCESS, ""));
        tokio::time::advance(Duration::from_secs(1981)).await;
        assert!(!keeper.is_due(resource), "once for each time that somebody says so");
        // The store of the next one is opened meanwhile.
        tokio::time::resume();
    }
}

#[tokio::test]
async fn an_answer_to_those_who_want_any_token_is_none_to_those_whose_token_was_refused() {
    let (keeper, _dir) = keeper().await;
    let wishes = |refused| Wishes { wanted: true, refused, look: 0, afresh: 0, goes_on: false };
    keeper.show(Resource::Mail, &wishes(1), Some(FRESH_TOKEN_REFUSED.fault()));
    keeper.show(Resource::Mail, &wishes(0), None);
    let desk = keeper.mail.desk.borrow();
    assert_eq!((desk.answers, desk.replacements), (2, 1));
    assert_eq!(desk.refusal.as_ref().unwrap().id, "fresh-token-refused");
}
