//! The ways to consent: what the browser is told, what may come back, and who it was.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;

use super::endpoint::{Endpoint, House, PATIENCE, Play, app, http};
use crate::{
    catalog::Known,
    oauth::{
        App, Grant,
        clock::Clock,
        endpoints::Endpoints,
        grants::{
            code::{CodeRequest, NotTheAnswer},
            device,
            redirect_listener::RedirectListener,
        },
        sign_in,
        verdict::Verdict,
    },
};

fn field(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

async fn request(grant: Grant) -> (Endpoint, App, CodeRequest) {
    let endpoint = Endpoint::start(vec![]).await;
    let app = app(&endpoint, grant);
    let request = CodeRequest::new(&app, Url::parse("http://localhost:8426/").unwrap(), "ann@contoso.example");
    (endpoint, app, request)
}

/// Visits the listener like a browser and returns the whole response.
async fn visit(redirect: &Url, host: &str, target: &str) -> String {
    let mut stream = TcpStream::connect((host, redirect.port().unwrap())).await.unwrap();
    stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    page
}

#[tokio::test]
async fn the_authorization_request_has_what_the_provider_needs() {
    let (_endpoint, app, request) = request(Grant::AuthorizationCode).await;
    let url = request.url();
    assert_eq!(field(url, "response_type"), "code");
    assert_eq!(field(url, "client_id"), "client-1");
    assert_eq!(field(url, "redirect_uri"), "http://localhost:8426/");
    assert_eq!(field(url, "scope"), app.scopes.join(" "));
    assert_eq!(field(url, "login_hint"), "ann@contoso.example");
    assert_eq!(field(url, "prompt"), "select_account");
    assert_eq!(field(url, "code_challenge_method"), "S256");
    assert!(field(url, "code_challenge").len() >= 43 && field(url, "state").len() >= 16);
    let other = CodeRequest::new(&app, request.redirect().clone(), "ann@contoso.example");
    assert_ne!(field(other.url(), "state"), field(url, "state"));
}

#[tokio::test]
async fn only_an_answer_with_our_state_is_ours() {
    let (_endpoint, _app, request) = request(Grant::AuthorizationCode).await;
    let state = field(request.url(), "state");
    let ask = |query: String| request.code_in_text(&format!("http://localhost:8426/?{query}"));
    assert!(matches!(ask("code=c&state=forged".into()), Err(NotTheAnswer::OtherState)));
    assert!(matches!(ask("code=c".into()), Err(NotTheAnswer::OtherState)));
    assert!(matches!(ask("error=access_denied".into()), Err(NotTheAnswer::OtherState)));
    assert!(matches!(ask(format!("state={state}")), Err(NotTheAnswer::Empty)));
    for other in ["hello there", "123456", "99999999", "4253"] {
        assert!(matches!(request.code_in_text(other), Err(NotTheAnswer::Empty)), "{other}");
    }
    for (page, id) in [
        ("AADSTS700016: Application with identifier 'x' was not found in the directory.", "app-not-found"),
        ("AADSTS90002: Tenant 'x' not found.", "tenant-not-found"),
        ("AADSTS999999: of tomorrow", "provider-refuses"),
        ("53003", "conditional-access"),
        ("http://localhost/?error=access_denied&error_description=AADSTS65004%3A+declined", "consent-declined"),
    ] {
        let Err(NotTheAnswer::Refused(verdict)) = request.code_in_text(page) else { panic!("{page}") };
        assert_eq!(verdict.entry.id, id, "{page}");
    }
    let other = "error=access_denied&error_description=AADSTS65004%3A+declined&state=forged";
    assert!(matches!(ask(other.into()), Err(NotTheAnswer::OtherState)));
    assert_eq!(ask(format!("code=a%2Fb&state={state}&iss=https%3A%2F%2Fx")).unwrap().expose(), "a/b");
    assert_eq!(request.code_in_text(&format!(" ?code=c&state={state}\n")).unwrap().expose(), "c");
    let denied = ask(format!("error=access_denied&error_description=AADSTS65004%3A+declined&state={state}"));
    let Err(NotTheAnswer::Refused(verdict)) = denied else { panic!("refused") };
    assert_eq!(verdict.entry.id, "consent-declined");
}

#[tokio::test]
async fn a_browser_sign_in_goes_through_the_loopback_listener() {
    let endpoint = Endpoint::start(vec![]).await;
    endpoint.then(Play::Json(200, r#"{"access_token":"a","expires_in":60,"refresh_token":"r"}"#.into()));
    let app = app(&endpoint, Grant::AuthorizationCode);
    let listener = RedirectListener::bind(None).await.unwrap();
    let redirect = listener.redirect().clone();
    assert_eq!((redirect.scheme(), redirect.host_str()), ("http", Some("localhost")));
    let request = CodeRequest::new(&app, redirect.clone(), "ann@contoso.example");
    let state = field(request.url(), "state");
    let challenge = field(request.url(), "code_challenge");

    let browser = tokio::spawn(async move {
        // Connections that a browser opens ahead say nothing and hold nobody up.
        let _idle = TcpStream::connect(("127.0.0.1", redirect.port().unwrap())).await.unwrap();
        let other = visit(&redirect, "127.0.0.1", "/favicon.ico").await;
        let forged = visit(&redirect, "127.0.0.1", "/?code=evil&state=forged").await;
        let done = visit(&redirect, "127.0.0.1", &format!("/?code=the-code&state={state}")).await;
        (other, forged, done, redirect)
    });
    let (code, waits) = tokio::time::timeout(PATIENCE, listener.code(&request)).await.unwrap();
    let kept = sign_in::Kept { consented_as: None, is_somebody_else: false, date: None };
    waits.ended(&Known::default(), Ok(&kept)).await;
    let (other, forged, done, redirect) = browser.await.unwrap();
    assert!(other.starts_with("HTTP/1.1 404") && forged.starts_with("HTTP/1.1 400"));
    assert!(done.starts_with("HTTP/1.1 200") && done.contains("Referrer-Policy: no-referrer"));
    assert!(done.contains("Content-Security-Policy: default-src 'none'") && !done.contains("the-code"));
    assert!(TcpStream::connect(("127.0.0.1", redirect.port().unwrap())).await.is_err(), "closed after use");

    let (http, clock) = (http(), Clock::default());
    let set = request.redeem(Endpoints { http: &http, app: &app, clock: &clock }, code.unwrap()).await.unwrap();
    assert_eq!(set.refresh.unwrap().expose(), "r");
    let form = &endpoint.asked()[0];
    assert_eq!((form["code"].as_str(), form["redirect_uri"].as_str()), ("the-code", redirect.as_str()));
    let verifier = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, form["code_verifier"].as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(verifier), challenge);
}

#[tokio::test]
async fn an_error_that_comes_back_is_shown_escaped_and_ends_the_wait() {
    let endpoint = Endpoint::start(vec![]).await;
    let app = app(&endpoint, Grant::AuthorizationCode);
    let listener = RedirectListener::bind(None).await.unwrap();
    let redirect = listener.redirect().clone();
    let request = CodeRequest::new(&app, redirect.clone(), "ann");
    let target = format!("/?error=server_error&error_description=%3Cscript%3E&state={}", field(request.url(), "state"));
    let browser = tokio::spawn(async move { visit(&redirect, "127.0.0.1", &target).await });
    let verdict = refused(listener, &request).await;
    assert_eq!(verdict.word.as_deref(), Some("server_error"));
    let page = browser.await.unwrap();
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
}

/// Waits for a refusal, and tells the browser.
async fn refused(listener: RedirectListener, request: &CodeRequest) -> Verdict {
    let (code, waits) = listener.code(request).await;
    let verdict = code.unwrap_err();
    waits.ended(&Known::default(), Err(&verdict)).await;
    verdict
}

/// Cookies of other programs on localhost come along in any encoding.
#[tokio::test]
async fn the_page_behind_a_sign_in_is_in_the_language_of_the_browser() {
    let (_endpoint, _app, request) = request(Grant::AuthorizationCode).await;
    let listener = RedirectListener::bind(None).await.unwrap();
    let redirect = listener.redirect().clone();
    let state = field(request.url(), "state");
    let asks =
        |target: &str, fields: &[u8]| [b"GET ", target.as_bytes(), b" HTTP/1.1\r\n", fields, b"\r\n\r\n"].concat();
    let browser = async {
        let forged =
            raw_visit(&redirect, &asks("/?code=c&state=x", b"accept-language: ja,en;q=0.5\r\nCookie: \xff")).await;
        assert!(
            forged.contains("<html lang=\"ja\">") && forged.contains("この応答は別のサインインのものです。"),
            "{forged}"
        );
        let other = raw_visit(&redirect, &asks("/?code=c&state=x", b"Accept-Language: de")).await;
        assert!(other.contains("<html lang=\"en\">") && other.contains("belongs to another sign-in"), "{other}");
        let answer = format!("/?error=access_denied&error_description=AADSTS65004:+no&state={state}");
        raw_visit(&redirect, &asks(&answer, b"Accept-Language: ja")).await
    };
    let (said, end) = tokio::join!(browser, refused(listener, &request));
    assert_eq!(end.entry.id, "consent-declined");
    assert!(said.contains("<p>受け取った応答：access_denied: AADSTS65004: no</p>"), "{said}");
}

#[tokio::test]
async fn the_listener_takes_a_port_that_is_free_on_both_loopback_addresses() {
    let first = RedirectListener::bind(None).await.unwrap();
    let taken = Url::parse(first.redirect().as_str()).unwrap();
    assert!(RedirectListener::bind(Some(&taken)).await.is_err(), "a configured port that is taken is said");
    let second = RedirectListener::bind(None).await.unwrap();
    assert_ne!(first.redirect().port(), second.redirect().port());
}

#[tokio::test]
async fn the_listener_is_there_on_ipv6_too_and_refuses_a_port_that_somebody_else_has_there() {
    let Ok(other) = TcpListener::bind("[::1]:0").await else { return };
    let taken = Url::parse(&format!("http://localhost:{}/", other.local_addr().unwrap().port())).unwrap();
    assert!(RedirectListener::bind(Some(&taken)).await.is_err(), "somebody else would get the code");
    let listener = RedirectListener::bind(None).await.unwrap();
    assert!(TcpStream::connect(("::1", listener.redirect().port().unwrap())).await.is_ok());
}

#[tokio::test]
async fn a_device_sign_in_shows_safe_links_only() {
    let body = |link: &str| {
        format!(
            r#"{{"device_code":"d","user_code":"ABCD-1234","verification_uri":"{link}","expires_in":"900","interval":1}}"#
        )
    };
    let endpoint = Endpoint::start(vec![
        Play::Json(200, body("https://microsoft.com/devicelogin")),
        Play::Json(400, r#"{"error":"authorization_pending","error_codes":[70016]}"#.into()),
        Play::Json(200, super::endpoint::token("a", Some("r"))),
        Play::Json(200, body("http://evil.example/devicelogin")),
        Play::Json(200, body("javascript:alert(1)")),
    ])
    .await;
    let (app, http, clock) = (app(&endpoint, Grant::DeviceCode), http(), Clock::default());
    let endpoints = Endpoints { http: &http, app: &app, clock: &clock };
    let code = endpoints.start_device().await.unwrap();
    assert_eq!((code.user_code.as_str(), code.life.as_secs()), ("ABCD-1234", 900));
    assert_eq!(code.interval.as_secs(), 1, "a number counts like a string");
    assert_eq!(device::wait(endpoints, &code).await.unwrap().access.expose(), "a");
    assert_eq!(endpoint.asked()[1]["grant_type"], "urn:ietf:params:oauth:grant-type:device_code");
    for _ in 0..2 {
        assert_eq!(endpoints.start_device().await.unwrap_err().entry.id, "token-endpoint-unreadable");
    }
}

#[tokio::test]
async fn who_consented_is_compared_with_who_should() {
    let house = House::with(vec![], None, |_| {}).await;
    // Bob first: somebody is signed in at least, and it may be another name of ann's.
    for (account, other) in [("bob@contoso.example", true), ("ANN@contoso.example", false)] {
        let mut set = super::endpoint::set("a", "r", 3600);
        set.account = Some(account.to_owned());
        let kept = sign_in::keep(&house.store, &house.sign_in, set, &house.clock).await.unwrap();
        assert_eq!((kept.is_somebody_else, kept.consented_as.as_deref()), (other, Some(account)));
    }
    let mut set = super::endpoint::set("a", "r", 3600);
    set.refresh = None;
    let verdict = sign_in::keep(&house.store, &house.sign_in, set, &house.clock).await.unwrap_err();
    assert!(verdict.detail.contains("offline_access"));
}

#[tokio::test]
async fn a_sign_in_of_somebody_else_never_takes_the_place_of_a_good_one() {
    let house = House::with(vec![], None, |_| {}).await;
    let signs_in = async |name: &str, refresh: &str| {
        let mut set = super::endpoint::set("a", refresh, 3600);
        set.account = Some(name.to_owned());
        let kept = sign_in::keep(&house.store, &house.sign_in, set, &house.clock).await;
        let stored = house.store.token(&house.sign_in.key()).await.unwrap().row.unwrap();
        (kept.map_err(|verdict| (verdict.entry.id, verdict.signed_in_as)), stored.refresh.unwrap().expose().to_owned())
    };
    assert!(matches!(signs_in("ann@contoso.example", "r1").await, (Ok(_), refresh) if refresh == "r1"));
    let (refused, stored) = signs_in("bob@contoso.example", "r2").await;
    let wanted = ("somebody-else-signed-in", Some("bob@contoso.example".to_owned()));
    assert_eq!((refused.unwrap_err(), stored.as_str()), (wanted, "r1"));
    // One by another name is renewed by that name, and no mail server let it in so far.
    house.store.delete_tokens(&house.sign_in.key()).await.unwrap();
    for refresh in ["r3", "r4"] {
        let (kept, stored) = signs_in("ann.smith@contoso.example", refresh).await;
        assert!(kept.unwrap().is_somebody_else && stored == refresh);
    }
    let (kept, stored) = signs_in("bob@contoso.example", "r5").await;
    assert!(kept.unwrap().is_somebody_else && stored == "r5");
    let found = house.store.token(&house.sign_in.key()).await.unwrap();
    let let_in = crate::store::TokenRow { is_let_in: true, ..found.row.unwrap() };
    assert!(house.store.save_token(&house.sign_in.key(), found.version, &let_in).await.unwrap());
    let (refused, stored) = signs_in("ann.smith@contoso.example", "r6").await;
    assert_eq!((refused.unwrap_err().0, stored.as_str()), ("somebody-else-signed-in", "r5"));
    let (kept, stored) = signs_in("bob@contoso.example", "r7").await;
    assert!(!kept.unwrap().is_somebody_else && stored == "r7", "the mail server knows them");
    assert!(matches!(signs_in("ann@contoso.example", "r8").await, (Ok(_), refresh) if refresh == "r8"));
    let row = house.store.token(&house.sign_in.key()).await.unwrap().row.unwrap();
    assert!(!row.is_let_in, "that was another one's");
}

/// What Graph takes is a token, whosever mailbox it is asked for.
#[tokio::test]
async fn a_mail_server_that_takes_the_token_of_another_name_ends_the_doubt_and_graph_does_not() {
    let house = House::with(vec![], None, |_| {}).await;
    let mut set = super::endpoint::set("a", "r", 3600);
    set.account = Some("ann.smith@contoso.example".to_owned());
    sign_in::keep(&house.store, &house.sign_in, set, &house.clock).await.unwrap();
    house.keepers.notice_store_change();
    let bearer = house.keepers.bearer(&house.sign_in).await.unwrap();
    let in_doubt = || house.keepers.state(&house.sign_in).unwrap().in_doubt(&house.sign_in).is_some();
    house.keepers.accepted_by_graph(&house.sign_in, bearer.generation);
    house.keepers.catch_up().await;
    assert!(in_doubt());
    house.keepers.accepted(&house.sign_in, bearer.generation);
    house.keepers.catch_up().await;
    assert!(in_doubt(), "by that another mailbox was opened");
    house.keepers.let_in(&house.sign_in, bearer.generation);
    let ended = tokio::time::timeout(PATIENCE, async {
        while !house.store.token(&house.sign_in.key()).await.unwrap().row.unwrap().is_let_in {}
    });
    ended.await.expect("an end of the doubt");
    house.keepers.notice_store_change();
    house.keepers.catch_up().await;
    assert!(!in_doubt());
}

#[tokio::test]
async fn an_imported_token_replaces_only_one_that_the_provider_called_dead() {
    let cases = [
        (None, sign_in::Adopted::SignedInAlready),
        (Some("sign-in-interrupted"), sign_in::Adopted::Interrupted),
        (Some("sign-in-expired"), sign_in::Adopted::Saved),
    ];
    for (id, expected) in cases {
        let house = House::signed_in(vec![], 3600).await;
        let key = house.sign_in.key();
        let found = house.store.token(&key).await.unwrap();
        let failure = id.map(|id| crate::store::Failure {
            id: id.to_owned(),
            detail: String::new(),
            at: None,
            app: house.sign_in.fingerprint(),
            signed_in_as: None,
        });
        let row = crate::store::TokenRow { failure, ..found.row.unwrap() };
        assert!(house.store.save_token(&key, found.version, &row).await.unwrap());
        assert_eq!(sign_in::is_signed_in(&house.store, &house.sign_in).await.unwrap(), id.is_none());
        let adopted = sign_in::adopt(&house.store, &house.sign_in, &crate::base::Secret::new("r9")).await.unwrap();
        assert_eq!(adopted, expected, "{id:?}");
        let kept = if adopted == sign_in::Adopted::Saved { "r9" } else { "r0" };
        assert_eq!(house.stored_refresh().await.as_deref(), Some(kept), "{id:?}");
    }
}

/// Sends `request` as it is and returns what comes back until the end of the connection.
async fn raw_visit(redirect: &Url, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", redirect.port().unwrap())).await.unwrap();
    // A listener that has seen enough hangs up at once.
    let _ = stream.write_all(request).await;
    let _ = stream.shutdown().await;
    let mut page = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut page)).await.expect("an end");
    String::from_utf8(page).unwrap()
}

#[tokio::test]
async fn what_is_no_small_get_request_is_answered_by_closing() {
    let (_endpoint, _app, request) = request(Grant::AuthorizationCode).await;
    let listener = RedirectListener::bind(None).await.unwrap();
    let redirect = listener.redirect().clone();
    let visits = async {
        let frame = "GET /x HTTP/1.1\r\nCookie: \r\n\r\n".len();
        let request = |size: usize| format!("GET /x HTTP/1.1\r\nCookie: {}\r\n\r\n", "c".repeat(size - frame));
        assert!(raw_visit(&redirect, request(32 * 1024).as_bytes()).await.starts_with("HTTP/1.1 404"));
        let odd = [
            "POST / HTTP/1.1\r\n\r\n",
            "GET x HTTP/1.1\r\n\r\n",
            "GET / SPDY/3\r\n\r\n",
            "GET / HTTP/1.1\r\n",
            &request(32 * 1024 + 1),
        ];
        for odd in odd {
            assert_eq!(raw_visit(&redirect, odd.as_bytes()).await, "", "{odd:.20}");
        }
    };
    tokio::select! {
        () = visits => {}
        end = listener.code(&request) => panic!("{end:?}"),
    }
}

#[tokio::test]
async fn a_configured_redirect_without_a_fixed_port_keeps_its_path_and_gets_one() {
    let configured = Url::parse("http://localhost:0/back").unwrap();
    let listener = RedirectListener::bind(Some(&configured)).await.unwrap();
    assert_eq!(listener.redirect().path(), "/back");
    assert_ne!(listener.redirect().port(), Some(0));
}

#[tokio::test]
async fn an_empty_code_and_one_beyond_the_cap_are_no_answer() {
    let (_endpoint, _app, request) = request(Grant::AuthorizationCode).await;
    let state = field(request.url(), "state");
    for code in [String::new(), "c".repeat(8193)] {
        let answer = request.code_in_text(&format!("?code={code}&state={state}"));
        assert!(matches!(answer, Err(NotTheAnswer::Empty)), "{}", code.len());
    }
}

#[tokio::test]
async fn device_codes_that_a_terminal_or_a_person_cannot_bear_are_refused() {
    let endpoint = Endpoint::start(vec![]).await;
    let (app, http, clock) = (app(&endpoint, Grant::DeviceCode), http(), Clock::default());
    let endpoints = Endpoints { http: &http, app: &app, clock: &clock };
    let (link, code) = ("https://example.com/", "AB CD-12");
    let longest = "x".repeat(64);
    let cases = [
        (code, link, true),
        (&longest, link, true),
        (&"x".repeat(65), link, false),
        ("A\\u001b[31m", link, false),
        (code, "http://localhost/", true),
        (code, "http://127.0.0.1/", true),
        (code, "http://[::1]/", true),
        (code, "http://other.example/", false),
        (code, "ftp://localhost/", false),
    ];
    for (user_code, link, fine) in cases {
        let fields =
            format!(r#""device_code":"d","user_code":"{user_code}","verification_uri":"{link}","interval":"7""#);
        endpoint.then(Play::Json(200, format!("{{{fields}}}")));
        let started = endpoints.start_device().await;
        assert_eq!(started.is_ok(), fine, "{user_code} {link}");
        assert!(started.is_err() || started.is_ok_and(|code| code.interval.as_secs() == 7));
    }
}

#[tokio::test]
async fn who_consented_is_read_from_the_id_token_if_it_can_be_a_name() {
    let endpoint = Endpoint::start(vec![]).await;
    let (app, http, clock) = (app(&endpoint, Grant::DeviceCode), http(), Clock::default());
    let long = "x".repeat(321);
    for (name, told) in [("ann@contoso.example", true), ("a\\nb", false), (long.as_str(), false)] {
        let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"upn":"{name}"}}"#));
        endpoint.then(Play::Json(200, format!(r#"{{"access_token":"a","id_token":"x.{claims}.y"}}"#)));
        let set = (Endpoints { http: &http, app: &app, clock: &clock }).refresh(&"r".to_owned().into()).await.unwrap();
        assert_eq!(set.account.as_deref(), told.then_some(name));
    }
}

#[tokio::test]
async fn a_sign_in_is_kept_with_all_that_is_known_of_it() {
    let house = House::with(vec![], None, |_| {}).await;
    let mut set = super::endpoint::set("a", "r", 3600);
    (set.scope, set.account) = (Some("mail".into()), Some("ann@contoso.example".into()));
    sign_in::keep(&house.store, &house.sign_in, set, &house.clock).await.unwrap();
    let row = house.store.token(&house.sign_in.key()).await.unwrap().row.unwrap();
    let access = &row.access[crate::store::MAIL];
    assert_eq!((row.refresh.unwrap().expose(), access.token.expose(), access.generation), ("r", "a", 1));
    assert_eq!((row.scope.as_deref(), row.consented_as.as_deref()), (Some("mail"), Some("ann@contoso.example")));
    assert!(row.signed_in_at.is_some() && row.signed_in_at == row.last_refresh);
    assert_eq!(access.expires_at.unwrap().duration_since(access.obtained_at.unwrap()).unwrap().as_secs(), 3600);
}
