//! One sign-in in a browser, consent to mail and to Graph in it, and messages at once.

use gatepost::{
    oauth::{clock::Clock, endpoints::Endpoints, grants::code::CodeRequest, sign_in},
    store::Store,
};
use url::Url;

use super::stage::Stage;
use crate::world::{ANN, BOB, settings};

#[tokio::test]
async fn who_signs_in_again_consents_to_both_and_the_next_message_goes() {
    let stage = Stage::with(&[], "outbound = \"graph\"\n", None).await;
    let message = format!("From: {ANN}\r\nTo: {BOB}\r\nSubject: x\r\n\r\nx\r\n");
    assert_eq!(stage.send(&message, &[BOB]).await.unwrap_err().id, "graph-consent-missing");

    let app = &stage.account.sign_in.app;
    let request = CodeRequest::new(app, Url::parse("http://localhost:12345/").unwrap(), ANN);
    let page = stage.http.get(request.url(), &[]).await.unwrap();
    let back = Url::parse(page.headers["location"].to_str().unwrap()).unwrap();
    let code = request.code_in(&back).unwrap();
    let clock = Clock::default();
    let set = request.redeem(Endpoints { http: &stage.http, app, clock: &clock }, code).await.unwrap();
    assert!(set.scope.as_ref().unwrap().contains("SMTP.Send"), "{:?}", set.scope);
    let store = Store::open(&settings(stage.dir.path())).await.unwrap();
    sign_in::keep(&store, &stage.account.sign_in, set, &clock).await.unwrap();

    assert!(stage.reply(&message, &[BOB]).await.starts_with("250 "));
    assert_eq!(stage.only_message().recipients, [BOB]);
}
