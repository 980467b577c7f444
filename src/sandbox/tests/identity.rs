use aws_lc_rs::digest;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::*;
use crate::{base::Protocol, sandbox::*};

const REDIRECT: &str = "http://localhost:12345/";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const SCOPES: &str =
    "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access openid";

fn http() -> reqwest::Client {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    builder.timeout(Duration::from_secs(20)).build().expect("a client")
}

fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

async fn post(url: &str, fields: &[(&str, &str)]) -> (u16, Value) {
    let request = http().post(url).header("content-type", "application/x-www-form-urlencoded").body(encoded(fields));
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let text = response.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

async fn token(sandbox: &Sandbox, fields: &[(&str, &str)]) -> (u16, Value) {
    post(&sandbox.token_url(), fields).await
}

/// The AADSTS number of a refusal.
fn code(answer: &(u16, Value)) -> u64 {
    answer.1["error_codes"][0].as_u64().unwrap_or_default()
}

async fn refresh(sandbox: &Sandbox, refresh_token: &str) -> (u16, Value) {
    token(sandbox, &[("grant_type", "refresh_token"), ("client_id", PUBLIC_CLIENT), ("refresh_token", refresh_token)])
        .await
}

fn authorize_url(sandbox: &Sandbox, more: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, VERIFIER.as_bytes()));
    let fields = [
        ("client_id", PUBLIC_CLIENT),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", SCOPES),
        ("state", "st&te"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    format!("{}?{}", sandbox.authorize_url(), encoded(&[&fields, more].concat()))
}

/// The hidden field that leads from page to page.
fn flow(page: &str) -> String {
    let (_, rest) = page.split_once("name=flow value=\"").unwrap_or_else(|| panic!("no flow in {page}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}

async fn page(url: String, fields: &[(&str, &str)]) -> reqwest::Response {
    http().post(url).body(encoded(fields)).send().await.expect("an answer")
}

fn query(location: &reqwest::Response) -> std::collections::HashMap<String, String> {
    let location = location.headers()["location"].to_str().expect("text");
    assert!(location.starts_with(REDIRECT), "{location}");
    Url::parse(location).expect("a URL").query_pairs().into_owned().collect()
}

/// A person in a browser: sign in, consent; what comes back at the redirect.
async fn browser(sandbox: &Sandbox, answer: &str) -> std::collections::HashMap<String, String> {
    let first = http().get(authorize_url(sandbox, &[("login_hint", ANN)])).send().await.expect("an answer");
    let first = first.text().await.expect("a page");
    assert!(first.contains("id=username") && first.contains(ANN));
    let flow = flow(&first);
    let wrong =
        page(format!("{}/sign-in", sandbox.issuer()), &[("flow", &flow), ("username", ANN), ("password", "no")]).await;
    assert!(wrong.text().await.expect("a page").contains("id=error"));
    let right =
        page(format!("{}/sign-in", sandbox.issuer()), &[("flow", &flow), ("username", ANN), ("password", "demo")])
            .await;
    assert!(right.text().await.expect("a page").contains("id=accept"));
    query(&page(format!("{}/consent", sandbox.issuer()), &[("flow", &flow), ("answer", answer)]).await)
}

fn redemption<'a>(code: &'a str, verifier: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", PUBLIC_CLIENT),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", verifier),
    ]
}

#[tokio::test]
async fn a_browser_sign_in_brings_tokens_that_open_the_mailbox() {
    let sandbox = sandbox().await;
    let back = browser(&sandbox, "accept").await;
    assert_eq!(back["state"], "st&te");
    let answer = token(&sandbox, &redemption(&back["code"], VERIFIER)).await;
    assert_eq!(answer.0, 200, "{}", answer.1);
    let granted = answer.1;
    assert_eq!((granted["token_type"].as_str(), granted["expires_in"].as_u64()), (Some("Bearer"), Some(3600)));
    assert!(!granted["scope"].as_str().expect("scopes").contains("offline_access"));
    let id_token = granted["id_token"].as_str().expect("openid was asked for");
    let claims = URL_SAFE_NO_PAD.decode(id_token.split('.').nth(1).expect("a body")).expect("base64");
    assert_eq!(serde_json::from_slice::<Value>(&claims).expect("JSON")["preferred_username"], ANN);
    let blob = xoauth2(ANN, granted["access_token"].as_str().expect("a token"));
    let mut talk = Talk::imap(&sandbox).await;
    talk.run(&format!("S: * OK *\nC: 1 AUTHENTICATE XOAUTH2 {blob}\nS: 1 OK *\n")).await;
    // The token was not asked for POP.
    let mut talk = Talk::pop3(&sandbox).await;
    talk.run(&format!("S: +OK *\nC: AUTH XOAUTH2\nS: + \nC: {blob}\nS: -ERR *\n")).await;
    assert_eq!(code(&token(&sandbox, &redemption(&back["code"], VERIFIER)).await), 54005);
    assert_eq!(sandbox.counts().token_requests["authorization_code"], 2);
}

#[tokio::test]
async fn pkce_redirects_and_refusals_are_checked() {
    let sandbox = sandbox().await;
    let back = browser(&sandbox, "accept").await;
    assert_eq!(code(&token(&sandbox, &redemption(&back["code"], "wrong")).await), 501481);
    let declined = browser(&sandbox, "decline").await;
    assert_eq!(declined["error"], "access_denied");
    assert!(declined["error_description"].starts_with("AADSTS65004"));
    let none = http().get(authorize_url(&sandbox, &[("prompt", "none")])).send().await.expect("an answer");
    assert!(query(&none)["error_description"].starts_with("AADSTS50058"));
    for (from, to, number) in [
        (REDIRECT, "https://evil.example/", "AADSTS50011"),
        (REDIRECT, "http://127.0.0.1:12345/", "AADSTS50011"),
        (PUBLIC_CLIENT, "nobody", "AADSTS700016"),
    ] {
        let url = authorize_url(&sandbox, &[]).replace(&encoded(&[("", from)])[1..], &encoded(&[("", to)])[1..]);
        let answer = http().get(url).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 400);
        assert!(answer.text().await.expect("a page").contains(number), "{number}");
    }
}

#[tokio::test]
async fn approval_without_a_person_takes_the_hinted_user() {
    let sandbox = Sandbox::start(Options { auto_approve: true, ..Options::default() }).await.expect("a sandbox");
    let back = http().get(authorize_url(&sandbox, &[("login_hint", BOB)])).send().await.expect("an answer");
    let granted = token(&sandbox, &redemption(&query(&back)["code"], VERIFIER)).await.1;
    let blob = xoauth2(BOB, granted["access_token"].as_str().expect("a token"));
    Talk::smtp(&sandbox).await.run(&format!("C: AUTH XOAUTH2 {blob}\nS: 235 *\n")).await;
}

#[tokio::test]
async fn a_device_code_is_entered_on_the_page_and_polled_for() {
    let sandbox = sandbox().await;
    let started = post(&sandbox.device_url(), &[("client_id", PUBLIC_CLIENT), ("scope", SCOPES)]).await.1;
    let text = |name: &str| started[name].as_str().expect("text").to_owned();
    assert_eq!((started["interval"].as_u64(), started["expires_in"].as_u64()), (Some(5), Some(900)));
    let device_code = text("device_code");
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let poll = [("grant_type", grant), ("client_id", PUBLIC_CLIENT), ("device_code", device_code.as_str())];
    assert_eq!(token(&sandbox, &poll).await.1["error"], "authorization_pending");
    sandbox.faults().set(|faults| faults.identity.slow_down = 1);
    assert_eq!(token(&sandbox, &poll).await.1["error"], "slow_down");
    let entered = page(text("verification_uri"), &[("code", &text("user_code").to_lowercase())]).await;
    let flow = flow(&entered.text().await.expect("a page"));
    page(format!("{}/sign-in", sandbox.issuer()), &[("flow", &flow), ("username", ANN), ("password", PASSWORD)]).await;
    let done = page(format!("{}/consent", sandbox.issuer()), &[("flow", &flow), ("answer", "accept")]).await;
    assert!(done.text().await.expect("a page").contains("You have signed in"));
    let granted = token(&sandbox, &poll).await;
    assert!(granted.0 == 200 && granted.1["refresh_token"].is_string(), "{}", granted.1);
    assert_eq!(code(&token(&sandbox, &poll).await), 70018);
    let other = post(&sandbox.device_url(), &[("client_id", PUBLIC_CLIENT), ("scope", SCOPES)]).await.1;
    assert!(sandbox.decline_device(other["user_code"].as_str().expect("a code")));
    let other = other["device_code"].as_str().expect("a code");
    let poll = [("grant_type", grant), ("client_id", PUBLIC_CLIENT), ("device_code", other)];
    assert_eq!(token(&sandbox, &poll).await.1["error"], "authorization_declined");
}

/// The page refused the code that the sandbox had approved by itself.
#[tokio::test]
async fn a_sandbox_that_asks_people_lets_whoever_types_the_code_sign_in_and_knows_a_code_that_was_approved() {
    let sandbox = Sandbox::start(Options { auto_approve: true, ..Options::default() }).await.expect("a sandbox");
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let start = async || {
        let started = post(&sandbox.device_url(), &[("client_id", PUBLIC_CLIENT), ("scope", SCOPES)]).await.1;
        ["verification_uri", "user_code", "device_code"].map(|name| started[name].as_str().expect("text").to_owned())
    };
    let [address, user_code, _] = start().await;
    let known = page(address, &[("code", &user_code)]).await.text().await.expect("a page");
    assert!(known.contains("This code was approved already"), "{known}");

    sandbox.ask_people();
    let [address, user_code, device_code] = start().await;
    let poll = [("grant_type", grant), ("client_id", PUBLIC_CLIENT), ("device_code", device_code.as_str())];
    assert_eq!(token(&sandbox, &poll).await.1["error"], "authorization_pending");
    let asked = page(address, &[("code", &user_code)]).await.text().await.expect("a page");
    assert!(asked.contains(ANN) && asked.contains("bob@contoso.example") && !asked.contains("shared@"), "{asked}");
    let flow = flow(&asked);
    let bob = [("flow", flow.as_str()), ("username", "bob@contoso.example"), ("password", PASSWORD)];
    page(format!("{}/sign-in", sandbox.issuer()), &bob).await;
    page(format!("{}/consent", sandbox.issuer()), &[("flow", &flow), ("answer", "accept")]).await;
    assert_eq!(token(&sandbox, &poll).await.0, 200);
}

#[tokio::test]
async fn refresh_tokens_rotate_as_the_switch_says() {
    let sandbox = sandbox().await;
    let first = sandbox.issue_refresh_token(ANN);
    let next = |answer: &Value| answer["refresh_token"].as_str().map(str::to_owned);
    let second = next(&refresh(&sandbox, first.expose()).await.1).expect("Entra gives a new one");
    assert_eq!(refresh(&sandbox, first.expose()).await.0, 200, "and the old one stays good");
    sandbox.faults().set(|faults| faults.identity.omit_refresh_token = true);
    assert_eq!(next(&refresh(&sandbox, &second).await.1), None);

    sandbox.faults().clear();
    sandbox.faults().set(|faults| faults.identity.rotation = Rotation::OneTime);
    let third = sandbox.issue_refresh_token(ANN);
    let fourth = next(&refresh(&sandbox, third.expose()).await.1).expect("a new one");
    assert_eq!(code(&refresh(&sandbox, third.expose()).await), 50173, "used twice");
    assert_eq!(code(&refresh(&sandbox, &fourth).await), 50173, "and all its descendants are gone");
}

#[tokio::test]
async fn revocation_ends_sign_ins() {
    let sandbox = sandbox().await;
    let one = sandbox.issue_refresh_token(ANN);
    sandbox.revoke(ANN, true);
    let answer = refresh(&sandbox, one.expose()).await;
    assert_eq!((answer.1["error"].as_str(), code(&answer)), (Some("invalid_grant"), 50173));
    let two = sandbox.issue_refresh_token(BOB);
    post(&sandbox.token_url().replace("/token", "/revoke"), &[("token", two.expose())]).await;
    assert_eq!(code(&refresh(&sandbox, two.expose()).await), 50173);
}

#[tokio::test]
async fn an_application_signs_on_by_itself_with_its_secret() {
    let sandbox = sandbox().await;
    let ask = |client: &'static str, secret: &'static str, scope: &'static str| {
        let fields =
            [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", secret), ("scope", scope)];
        let sandbox = &sandbox;
        async move { token(sandbox, &fields).await }
    };
    let default = "https://outlook.office365.com/.default";
    let granted = ask(CONFIDENTIAL_CLIENT, CONFIDENTIAL_SECRET, default).await;
    assert_eq!((granted.0, &granted.1["refresh_token"]), (200, &Value::Null));
    let blob = xoauth2(BOB, granted.1["access_token"].as_str().expect("a token"));
    Talk::smtp(&sandbox).await.run(&format!("C: AUTH XOAUTH2 {blob}\nS: 235 *\n")).await;
    let refusals = [
        (CONFIDENTIAL_CLIENT, "wrong", default, 7000215),
        (CONFIDENTIAL_CLIENT, "", default, 7000218),
        (PUBLIC_CLIENT, "x", default, 700025),
        (CONFIDENTIAL_CLIENT, CONFIDENTIAL_SECRET, "https://outlook.office365.com/SMTP.Send", 1002012),
        (CONFIDENTIAL_CLIENT, CONFIDENTIAL_SECRET, "https://outlok.example/.default", 500011),
    ];
    for (client, secret, scope, number) in refusals {
        assert_eq!(code(&ask(client, secret, scope).await), number);
    }
    let common = sandbox.token_url().replace(DOMAIN, "common");
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", CONFIDENTIAL_CLIENT),
        ("client_secret", CONFIDENTIAL_SECRET),
        ("scope", default),
    ];
    assert_eq!(code(&post(&common, &fields).await), 9001023);
    assert_eq!(code(&post(&sandbox.token_url().replace(DOMAIN, "fabrikam.example"), &fields).await), 90002);
}

#[tokio::test]
async fn a_client_assertion_must_be_signed_with_the_registered_certificate_and_used_once() {
    let sandbox = sandbox().await;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key");
    let certificate = rcgen::CertificateParams::new(vec![]).expect("names").self_signed(&key).expect("a certificate");
    sandbox.register(Registration::with_certificate("cert-app", certificate.pem()));
    let thumbprint = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, certificate.der()));
    let now = jiff::Timestamp::now().as_second();
    let assertion = |algorithm: jsonwebtoken::Algorithm, thumbprint: &str, claims: Value| {
        let mut header = jsonwebtoken::Header::new(algorithm);
        header.x5t_s256 = Some(thumbprint.to_owned());
        let signing = jsonwebtoken::EncodingKey::from_rsa_pem(key.serialize_pem().as_bytes()).expect("a key");
        jsonwebtoken::encode(&header, &claims, &signing).expect("a JWT")
    };
    let claims = |aud: &str, exp: i64, jti: &str| json!({ "iss": "cert-app", "sub": "cert-app", "aud": aud, "nbf": now, "iat": now, "exp": exp, "jti": jti });
    let ask = async |jwt: String| {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", "cert-app"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &jwt),
            ("scope", "https://outlook.office365.com/.default"),
        ];
        token(&sandbox, &fields).await
    };
    use jsonwebtoken::Algorithm::{PS256, RS256};
    let us = sandbox.token_url();
    let good = assertion(PS256, &thumbprint, claims(&us, now + 300, "1"));
    assert_eq!(ask(good.clone()).await.0, 200);
    assert_eq!(code(&ask(good.clone()).await), 700027, "used twice");
    assert_eq!(ask(assertion(RS256, &thumbprint, claims(&us, now + 300, "2"))).await.0, 200);
    assert_eq!(code(&ask(assertion(PS256, "other", claims(&us, now + 300, "3"))).await), 700027);
    assert_eq!(code(&ask(assertion(PS256, &thumbprint, claims("https://x", now + 300, "4"))).await), 700027);
    assert_eq!(code(&ask(assertion(PS256, &thumbprint, claims(&us, now - 3600, "5"))).await), 700024);
    let forged = format!("{}AAAA", &good[..good.len() - 4]);
    assert_eq!(code(&ask(forged).await), 700027);
}

#[tokio::test]
async fn mishaps_of_the_token_endpoint() {
    let sandbox = sandbox().await;
    let good = sandbox.issue_refresh_token(ANN);
    let upset = |kind: MishapKind| {
        sandbox.faults().set(|faults| faults.identity.mishap = Some(Mishap::new(kind).times(1)));
        refresh(&sandbox, good.expose())
    };
    let answer = upset(MishapKind::Aadsts(7000222)).await;
    assert_eq!((answer.0, answer.1["error"].as_str(), code(&answer)), (401, Some("invalid_client"), 7000222));
    let description = answer.1["error_description"].as_str().expect("words");
    assert!(description.starts_with("AADSTS7000222: ") && description.contains("Trace ID: "));
    assert_eq!(upset(MishapKind::Status { status: 503, retry_after: None }).await.0, 503);
    assert!(upset(MishapKind::Html).await.1.as_str().expect("HTML").contains("Hotel"));
    assert!(upset(MishapKind::Truncated).await.1.is_string());
    assert!(upset(MishapKind::WrongTypes).await.1["access_token"].is_number());
    assert_eq!(upset(MishapKind::Huge(10 << 20)).await.1["access_token"].as_str().map(str::len), Some(10 << 20));
    assert_eq!(refresh(&sandbox, good.expose()).await.0, 200, "each once");

    sandbox.faults().set(|faults| {
        let throttled = MishapKind::Status { status: 429, retry_after: Some(7) };
        faults.identity.mishap = Some(Mishap::new(throttled));
        faults.identity.expires_in = ExpiresIn::Text;
    });
    let fields = encoded(&[("grant_type", "refresh_token")]);
    let response = http().post(sandbox.token_url()).body(fields.clone()).send().await.expect("an answer");
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().ok()), (429, Some("7")));
    sandbox.faults().set(|faults| faults.identity.mishap = Some(Mishap::new(MishapKind::Drop)));
    let response = http().post(sandbox.token_url()).body(fields).send().await;
    assert!(match response {
        Ok(response) => response.bytes().await.is_err(),
        Err(_) => true,
    });
    sandbox.faults().set(|faults| faults.identity.mishap = None);
    assert_eq!(refresh(&sandbox, good.expose()).await.1["expires_in"], "3600");
    assert_eq!(sandbox.counts().token_requests["refresh_token"], 10);
}

#[tokio::test]
async fn discovery_names_the_endpoints_and_the_page_switches_rehearsals() {
    let sandbox = sandbox().await;
    let url = format!("{}/{DOMAIN}/v2.0/.well-known/openid-configuration", sandbox.issuer());
    let text = http().get(url).send().await.expect("an answer").text().await.expect("text");
    let found: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(found["token_endpoint"], sandbox.token_url());
    assert_eq!(found["device_authorization_endpoint"], sandbox.device_url());
    let front = http().get(format!("{}/", sandbox.issuer())).send().await.expect("an answer");
    let front = front.text().await.expect("a page");
    assert!(front.contains(">conditional-access [sign-on-criteria-not-met]: "), "{front}");
    assert!(front.contains("gatepost explain ID"), "{front}");
    page(format!("{}/sandbox/rehearse", sandbox.issuer()), &[("name", "prx4")]).await;
    assert_eq!(sandbox.faults().now().smtp.answers.len(), 1);
    let faults = http().get(format!("{}/sandbox/faults", sandbox.issuer())).send().await.expect("an answer");
    let faults: Faults = serde_json::from_str(&faults.text().await.expect("text")).expect("switches");
    assert_eq!(faults, sandbox.faults().now());
    let put = http().put(format!("{}/sandbox/faults", sandbox.issuer())).body("{}").send().await.expect("an answer");
    assert_eq!((put.status().as_u16(), sandbox.faults().now()), (204, Faults::default()));
    assert_eq!(sandbox.counts().connections(Protocol::Smtp).total, 0);
}

#[tokio::test]
async fn an_administrator_consents_for_everybody_and_the_refusal_for_want_of_it_is_over() {
    let sandbox = sandbox().await;
    let refreshed = sandbox.issue_refresh_token(ANN);
    sandbox.faults().set(|faults| faults.apply("no-consent"));
    assert_eq!(code(&refresh(&sandbox, refreshed.expose()).await), 65001);
    let consent = format!("{}/{DOMAIN}/adminconsent?client_id={PUBLIC_CLIENT}", sandbox.issuer());
    let asked = http().get(&consent).send().await.expect("an answer");
    assert!(asked.status().is_success());
    assert!(asked.text().await.expect("text").contains(PUBLIC_CLIENT));
    assert_eq!(
        code(&refresh(&sandbox, refreshed.expose()).await),
        65001,
        "a page that was only looked at grants nothing"
    );
    let back = [("client_id", PUBLIC_CLIENT), ("redirect_uri", REDIRECT), ("state", "s")];
    let granted = http().post(&consent).body(encoded(&back)).send().await.expect("an answer");
    let to = granted.headers()["location"].to_str().expect("text").to_owned();
    assert_eq!(to, format!("{REDIRECT}?admin_consent=True&tenant={TENANT_ID}&state=s"));
    assert_eq!(refresh(&sandbox, refreshed.expose()).await.0, 200);
    // Of Graph too, to which ann did not consent.
    let graph = [("grant_type", "refresh_token"), ("client_id", PUBLIC_CLIENT), ("refresh_token", refreshed.expose())];
    let scope = [("scope", "https://graph.microsoft.com/Mail.Send")];
    assert_eq!(self::token(&sandbox, &[&graph[..], &scope].concat()).await.0, 200);
    // Every rehearsal begins anew, and ends for the app that was consented to alone.
    for (rehearsal, number) in [("no-consent", 65001), ("admin-consent-needed", 90094)] {
        sandbox.faults().set(|faults| faults.apply(rehearsal));
        let asks = async || code(&refresh(&sandbox, refreshed.expose()).await);
        let app_asks = async || code(&token(&sandbox, &of_app("https://outlook.office.com/.default")).await);
        assert_eq!((asks().await, app_asks().await), (number, number));
        // Without a browser: the address as it is printed.
        let page = format!("{}/{DOMAIN}/adminconsent?client_id={CONFIDENTIAL_CLIENT}", sandbox.issuer());
        assert!(http().post(page).send().await.expect("an answer").status().is_success());
        assert_eq!((asks().await, app_asks().await), (number, 0));
        assert_eq!(self::token(&sandbox, &of_app("https://graph.microsoft.com/.default")).await.0, 200);
        http().post(&consent).send().await.expect("an answer");
        assert_eq!(asks().await, 0);
        sandbox.faults().clear();
    }
    sandbox.faults().set(|faults| faults.apply("graph-denied"));
    http().post(&consent).send().await.expect("an answer");
    assert_eq!(sandbox.faults().now().graph.mishap, None);
    // A mishap that no consent ends stays.
    sandbox.faults().set(|faults| faults.apply("sign-in-blocked"));
    http().post(&consent).body(encoded(&back)).send().await.expect("an answer");
    assert_eq!(code(&refresh(&sandbox, refreshed.expose()).await), 53003);
    for wrong in ["nobody.example/adminconsent?client_id=x", &format!("{DOMAIN}/adminconsent?client_id=x")] {
        let answer = http().get(format!("{}/{wrong}", sandbox.issuer())).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 400, "{wrong}");
    }
}

fn of_app(scope: &str) -> [(&str, &str); 4] {
    let id = [("grant_type", "client_credentials"), ("client_id", CONFIDENTIAL_CLIENT)];
    [id[0], id[1], ("client_secret", CONFIDENTIAL_SECRET), ("scope", scope)]
}

#[tokio::test]
async fn an_ended_secret_is_of_no_concern_to_an_app_without_one() {
    let sandbox = sandbox().await;
    sandbox.faults().set(|faults| faults.apply("secret-expired"));
    assert_eq!(refresh(&sandbox, sandbox.issue_refresh_token(ANN).expose()).await.0, 200);
    let app = of_app("https://outlook.office.com/.default");
    assert_eq!(code(&token(&sandbox, &app).await), 7000222);
}

/// It is one of the ways out of it.
#[tokio::test]
async fn a_policy_that_blocks_people_does_not_touch_an_app_that_acts_by_itself() {
    let sandbox = sandbox().await;
    sandbox.faults().set(|faults| faults.apply("sign-in-blocked"));
    assert_eq!(code(&refresh(&sandbox, sandbox.issue_refresh_token(ANN).expose()).await), 53003);
    let app = of_app("https://outlook.office.com/.default");
    assert_eq!(token(&sandbox, &app).await.0, 200);
}
