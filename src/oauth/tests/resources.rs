//! One sign-in, two resources: the refresh token serves both, each has an access token and a fault of its own.

use std::time::Duration;

use url::Url;

use super::endpoint::{House, PATIENCE, Play, app, http, open, refusal, set, token};
use crate::oauth::{
    App, Grant, GraphAccess, Keepers, Phase, Resource, clock::Clock, endpoints::Endpoints, grants::code::CodeRequest,
    sign_in,
};

const GRAPH: &str = "https://graph.microsoft.com/Mail.Send offline_access";

fn with_graph(app: &mut App) {
    app.graph = Some(GraphAccess {
        url: Url::parse("https://graph.microsoft.com/v1.0").unwrap(),
        resource: "https://graph.microsoft.com".into(),
        scopes: GRAPH.split(' ').map(str::to_owned).collect(),
        is_wanted: true,
    });
}

/// Ann is signed in with refresh token `r0` and holds `a0` for mail.
async fn house(script: Vec<Play>) -> House {
    House::with(script, Some(3600), with_graph).await
}

async fn ask(house: &House, resource: Resource) -> Result<String, &'static str> {
    let bearer = house.keepers.bearer_for(&house.sign_in, resource);
    let bearer = tokio::time::timeout(PATIENCE, bearer).await.expect("an answer");
    bearer.map(|bearer| bearer.token.expose().to_owned()).map_err(|fault| fault.id)
}

#[tokio::test]
async fn the_refresh_token_is_redeemed_for_each_resource_and_each_keeps_its_token() {
    let house = house(vec![Play::Json(200, token("g1", None))]).await;
    assert_eq!(house.endpoint.count(), 0, "nobody asked for Graph");
    assert_eq!(ask(&house, Resource::Graph).await.unwrap(), "g1");
    assert_eq!(ask(&house, Resource::Graph).await.unwrap(), "g1");
    assert_eq!(ask(&house, Resource::Mail).await.unwrap(), "a0");
    let asked = house.endpoint.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0]["grant_type"].as_str(), asked[0]["refresh_token"].as_str()), ("refresh_token", "r0"));
    assert_eq!(asked[0]["scope"], GRAPH);
}

#[tokio::test]
async fn a_token_rotated_on_the_way_to_graph_is_saved_before_use_and_serves_mail_next() {
    let house = house(vec![Play::Json(200, token("g1", Some("r1")))]).await;
    assert_eq!(ask(&house, Resource::Graph).await.unwrap(), "g1");
    assert_eq!(house.stored_refresh().await.as_deref(), Some("r1"));
    let first = house.keepers.bearer(&house.sign_in).await.unwrap();
    assert_eq!(first.token.expose(), "a0", "it is the token of before");
    house.keepers.refused(&house.sign_in, first.generation).await.unwrap();
    let asked = house.endpoint.asked();
    assert_eq!(asked[1]["refresh_token"], "r1");
    assert_eq!(asked[1]["scope"], house.sign_in.app.scopes.join(" "), "one request names one resource");
    assert_eq!(ask(&house, Resource::Graph).await.unwrap(), "g1", "which Graph's outlives");
}

#[tokio::test]
async fn both_tokens_are_there_after_a_restart() {
    let house = house(vec![Play::Json(200, token("g1", Some("r1")))]).await;
    assert_eq!(ask(&house, Resource::Graph).await.unwrap(), "g1");
    house.keepers.stop().await;
    let keepers = Keepers::on_stage(house.store.clone(), http(), house.clock.clone(), Duration::ZERO);
    keepers.apply(std::slice::from_ref(&house.sign_in), &[]);
    for (resource, held) in [(Resource::Mail, "a0"), (Resource::Graph, "g1")] {
        assert_eq!(keepers.bearer_for(&house.sign_in, resource).await.unwrap().token.expose(), held);
    }
    assert_eq!(house.endpoint.count(), 1);
}

#[tokio::test]
async fn an_app_without_consent_for_graph_goes_on_with_mail_and_says_what_to_grant() {
    for code in [65_001, 90_094, 650_052, 70_011] {
        let house = house(vec![refusal("invalid_grant", code)]).await;
        for _ in 0..3 {
            assert_eq!(ask(&house, Resource::Graph).await.unwrap_err(), "graph-consent-missing", "{code}");
        }
        let fault = house.keepers.bearer_for(&house.sign_in, Resource::Graph).await.unwrap_err();
        for part in ["Mail.Send", "/contoso.example/adminconsent?", "; Gatepost asks again at "] {
            assert!(fault.text.contains(part), "{part}: {}", fault.text);
        }
        assert_eq!(ask(&house, Resource::Mail).await.unwrap(), "a0");
        let state = house.keepers.states().remove(0);
        assert_eq!((state.phase, state.graph_fault.unwrap().id), (Phase::Ready, "graph-consent-missing"));
        assert_eq!(house.endpoint.count(), 1, "a refusal is answered from memory");
    }
}

#[tokio::test]
async fn who_says_that_it_was_mended_is_believed_once_in_a_while_and_a_reload_always() {
    let house = house(vec![refusal("invalid_grant", 65_001), refusal("invalid_grant", 65_001)]).await;
    let missing = async || assert_eq!(ask(&house, Resource::Graph).await.unwrap_err(), "graph-consent-missing");
    missing().await;
    let mut changes = house.keepers.changes();
    house.keepers.ask_afresh_for(&house.sign_in);
    missing().await;
    assert_eq!(house.endpoint.count(), 2);
    house.keepers.ask_afresh_for(&house.sign_in);
    missing().await;
    assert_eq!(house.endpoint.count(), 2, "nobody hammers a provider by hand");
    assert!(!changes.has_changed().unwrap(), "it stands as it stood");
    house.keepers.ask_afresh();
    assert_eq!(ask(&house, Resource::Graph).await.unwrap(), "t3");
    changes.changed().await.unwrap();
    assert!(house.keepers.states()[0].graph_fault.is_none(), "whoever waits for it is told");
}

#[tokio::test]
async fn a_consent_to_mail_that_somebody_gave_counts_as_soon_as_that_is_said() {
    let house = House::with(vec![refusal("invalid_grant", 65_001)], Some(0), with_graph).await;
    for _ in 0..2 {
        assert_eq!(ask(&house, Resource::Mail).await.unwrap_err(), "consent-missing");
    }
    house.keepers.ask_afresh_for(&house.sign_in);
    assert_eq!(ask(&house, Resource::Mail).await.unwrap(), "t2");
}

#[tokio::test]
async fn each_refusal_says_when_it_is_asked_about_again() {
    let house = house(vec![refusal("invalid_grant", 65_001), refusal("invalid_grant", 53_003)]).await;
    ask(&house, Resource::Graph).await.unwrap_err();
    let bearer = house.keepers.bearer(&house.sign_in).await.unwrap();
    house.keepers.refused(&house.sign_in, bearer.generation).await.unwrap_err();
    let asks_again = house.keepers.states()[0].asks_again();
    let ids: Vec<_> = asks_again.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, ["conditional-access", "graph-consent-missing"]);
    let fault = house.keepers.bearer_for(&house.sign_in, Resource::Graph).await.unwrap_err();
    let told = format!("Gatepost asks again at {}, or at once after: ", asks_again[1].1);
    assert!(fault.text.contains(&told), "{}", fault.text);
}

#[tokio::test]
async fn a_new_sign_in_ends_the_fault_of_graph_too() {
    let house = house(vec![refusal("invalid_grant", 65_001)]).await;
    assert_eq!(ask(&house, Resource::Graph).await.unwrap_err(), "graph-consent-missing");
    let login = open(house.dir.path()).await;
    sign_in::keep(&login, &house.sign_in, set("a1", "r9", 3600), &house.clock).await.unwrap();
    assert_eq!(ask(&house, Resource::Graph).await.unwrap(), "t2");
    assert!(house.keepers.states()[0].graph_fault.is_none());
    assert_eq!(house.endpoint.asked()[1]["refresh_token"], "r9");
}

#[tokio::test]
async fn who_is_not_signed_in_or_not_any_more_is_told_so_for_graph_without_a_request() {
    let nobody = House::with(vec![], None, with_graph).await;
    assert_eq!(ask(&nobody, Resource::Graph).await.unwrap_err(), "sign-in-missing");
    assert_eq!(nobody.endpoint.count(), 0);
    let ended = House::with(vec![refusal("invalid_grant", 50_173)], Some(0), with_graph).await;
    assert_eq!(ask(&ended, Resource::Mail).await.unwrap_err(), "sign-in-revoked");
    assert_eq!(ask(&ended, Resource::Graph).await.unwrap_err(), "sign-in-revoked");
    assert_eq!(ended.endpoint.count(), 1, "a dead token is not shown again for another resource");
}

#[tokio::test]
async fn a_token_that_graph_refused_is_replaced_once_and_mail_keeps_its_own() {
    let house = house(vec![]).await;
    let first = house.keepers.bearer_for(&house.sign_in, Resource::Graph).await.unwrap();
    let next = house.keepers.refused_for(&house.sign_in, Resource::Graph, first.generation).await.unwrap();
    assert_eq!((first.token.expose(), next.token.expose()), ("t1", "t2"));
    let fault = house.keepers.refused_for(&house.sign_in, Resource::Graph, next.generation).await.unwrap_err();
    assert_eq!(fault.id, "fresh-token-refused");
    assert_eq!(ask(&house, Resource::Mail).await.unwrap(), "a0");
    assert_eq!(house.endpoint.count(), 2);
}

#[tokio::test]
async fn an_app_that_acts_for_itself_asks_for_all_that_it_was_granted() {
    let house = House::with(vec![], None, |app| {
        with_graph(app);
        app.grant = Grant::ClientCredentials;
        app.graph.as_mut().unwrap().scopes = vec!["https://graph.microsoft.com/.default".into()];
    })
    .await;
    assert_eq!(ask(&house, Resource::Graph).await.unwrap(), "t1");
    assert_eq!(house.endpoint.asked()[0]["scope"], "https://graph.microsoft.com/.default");
    assert_eq!(house.endpoint.asked()[0]["grant_type"], "client_credentials");
}

#[tokio::test]
async fn a_provider_without_graph_is_a_fault_and_no_request() {
    let house = House::signed_in(vec![], 3600).await;
    assert_eq!(ask(&house, Resource::Graph).await.unwrap_err(), "graph-url-missing");
    assert_eq!((house.endpoint.count(), house.ask().await.unwrap().as_str()), (0, "a0"));
}

#[tokio::test]
async fn who_signs_in_consents_to_both_and_the_code_is_redeemed_for_mail() {
    let endpoint = super::endpoint::Endpoint::start(vec![Play::Json(200, token("a", Some("r")))]).await;
    let mut app = app(&endpoint, Grant::AuthorizationCode);
    let scopes = |app: &App| {
        let request = CodeRequest::new(app, Url::parse("http://localhost:1/").unwrap(), "ann@contoso.example");
        let asked = request.url().query_pairs().find(|(name, _)| name == "scope").unwrap().1.into_owned();
        (request, asked)
    };
    let mail = app.scopes.join(" ");
    assert_eq!(scopes(&app).1, mail);
    with_graph(&mut app);
    let (request, asked) = scopes(&app);
    assert_eq!(asked, format!("{mail} https://graph.microsoft.com/Mail.Send"));
    let (http, clock) = (http(), Clock::default());
    let code = "code".to_owned().into();
    request.redeem(Endpoints { http: &http, app: &app, clock: &clock }, code).await.unwrap();
    assert_eq!(endpoint.asked()[0]["scope"], mail);
    app.graph.as_mut().unwrap().is_wanted = false;
    assert_eq!(scopes(&app).1, mail, "nobody sends through it");
}
