//! The console's pages as a browser meets them: the way in, a sign-in by each flow, two languages, and what is kept out.

use reqwest::{StatusCode, Url, header};

use gatepost::{
    base::Protocol,
    sandbox::{Options, Person},
};

use crate::{
    browser::{Browser, between, form, ticket, ticket_for, unescaped},
    process::Program,
    world::{ANN, BOB, IN, Plan, World, account, cheap_hash, stage},
};

pub const ACCOUNT: &str = "/accounts/ann%40contoso.example";

/// Nobody is signed in, and the provider consents without anybody looking at its page.
pub fn nobody_signed_in() -> Plan {
    let sandbox = Options { auto_approve: true, device_interval: 1, ..Options::default() };
    Plan { sandbox, signed_in: Vec::new(), ..Plan::default() }
}

/// It stands in the arguments of the program that opens it, where every user of the machine can read it.
#[tokio::test]
async fn a_link_that_a_desktop_opens_is_for_the_user_who_asked_for_it() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let path = ticket_for(&world, &browser, "/api/ticket?mine=true").await;
    let answer = browser.get(&path).await;
    assert_eq!((answer.status(), &answer.headers()[header::LOCATION]), (StatusCode::SEE_OTHER, &"/".parse().unwrap()));
}

#[tokio::test]
async fn nobody_sees_a_page_without_a_link_or_the_password() {
    let world = World::new().await;
    let stranger = Browser::new(&world);
    for path in ["/", ACCOUNT, "/accounts/x/sheet", "/clients", "/clients/x", "/queue", "/queue/x", "/queue/x/drop"] {
        let answer = stranger.get(path).await;
        assert_eq!(
            (answer.status(), &answer.headers()[header::LOCATION]),
            (StatusCode::SEE_OTHER, &"/door".parse().unwrap())
        );
    }
    for path in ["/leave", "/accounts/ann%40contoso.example/sign-in", "/queue/x/drop"] {
        assert_eq!(stranger.post(path, &[("form", "")]).await.status(), StatusCode::FORBIDDEN);
    }
    assert_eq!(stranger.client.post(stranger.base.join("/api/ticket").unwrap()).send().await.unwrap().status(), 401);
    assert!(stranger.page("/door").await.contains("gatepost console"));
    assert_eq!(stranger.get("/open?ticket=guess").await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_link_opens_the_console_once_and_leaving_ends_the_visit() {
    let world = World::new().await;
    let browser = Browser::inside(&world).await;
    assert!(browser.page("/").await.contains(ANN));
    let link = ticket(&world, &browser).await;
    let (first, second) = (Browser::new(&world), Browser::new(&world));
    assert_eq!(first.get(&link).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(second.get(&link).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(browser.post("/leave", &[("form", "guess")]).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(browser.get("/").await.status(), StatusCode::OK, "a forged form does not end a visit");
    browser.submit("/", "/leave", &[]).await;
    assert_eq!(browser.get("/").await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_password_opens_it_and_a_wrong_one_does_not() {
    let plan = Plan { console: format!("password = \"{}\"", cheap_hash("look")), ..Plan::default() };
    let world = World::with(plan).await;
    let mut browser = Browser::new(&world);
    assert!(browser.page("/door").await.contains("type=\"password\""));
    let wrong = browser.post("/door", &[("password", "guess")]).await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let right = browser.post("/door", &[("password", "look")]).await;
    assert_eq!(right.status(), StatusCode::SEE_OTHER);
    let cookie = right.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    browser.keep_cookies(&right);
    assert!(browser.page("/").await.contains(ANN));
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere_and_take_no_form_from_elsewhere() {
    let world = World::new().await;
    let browser = Browser::inside(&world).await;
    let answer = browser.get("/").await;
    let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    let page = answer.text().await.unwrap();
    assert!(!page.contains("style=") && !page.contains("onclick") && !page.contains("https://"), "{page}");
    let word = between(&page, "name=\"form\" value=\"", "\"");
    let forged = browser.with_cookies(browser.client.post(browser.base.join("/leave").unwrap()));
    let forged = form(forged.header(header::ORIGIN, "https://evil.example"), &[("form", word)]).send().await.unwrap();
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    let old = browser.post(&format!("{ACCOUNT}/sign-in"), &[("form", "of another visit"), ("flow", "browser")]).await;
    assert_eq!(old.status(), StatusCode::FORBIDDEN);
    let rebound = browser.with_cookies(browser.client.get(browser.base.clone())).header(header::HOST, "evil.example");
    assert_eq!(rebound.send().await.unwrap().status(), StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn a_browser_signs_in_and_the_account_turns_green_and_mail_flows() {
    let world = World::with(nobody_signed_in()).await;
    let browser = Browser::inside(&world).await;
    browser.until("/", "✗ sign-in needed").await;
    let begun = browser.submit(ACCOUNT, &format!("{ACCOUNT}/sign-in"), &[("flow", "browser")]).await;
    assert_eq!(begun.status(), StatusCode::SEE_OTHER);
    let page = browser.page(ACCOUNT).await;
    let provider = unescaped(between(&page, "class=\"button\" href=\"", "\""));
    // The provider of the sandbox consents at once and sends the browser back to the listener.
    let consented = browser.client.get(&provider).send().await.unwrap();
    let back = consented.headers()[header::LOCATION].to_str().unwrap().to_owned();
    let thanks = browser.client.get(&back).send().await.unwrap();
    assert_eq!(thanks.status(), StatusCode::OK);
    let page = browser.until(ACCOUNT, "✓ Signed in").await;
    assert!(page.contains(ANN));
    browser.until("/", "✓ ready").await;
    world.ann_hears(Protocol::Imap, IN).await;
}

#[tokio::test]
async fn an_address_that_is_pasted_signs_in_and_one_of_another_sign_in_does_not() {
    let world = World::with(nobody_signed_in()).await;
    let browser = Browser::inside(&world).await;
    let paste = format!("{ACCOUNT}/paste");
    browser.submit(ACCOUNT, &format!("{ACCOUNT}/sign-in"), &[("flow", "browser")]).await;
    let provider = unescaped(between(&browser.page(ACCOUNT).await, "class=\"button\" href=\"", "\""));
    let consented = browser.client.get(&provider).send().await.unwrap();
    let back = consented.headers()[header::LOCATION].to_str().unwrap().to_owned();
    let asked = Url::parse(&provider).unwrap();
    let state = asked.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    for (answer, words) in [
        (back.replace(&state, "forged"), "another sign-in"),
        ("http://localhost/".to_owned(), "no code in that"),
        ("<script>".to_owned(), "no code in that"),
        ("x".repeat(17_000), "no code in that"),
    ] {
        let said = browser.submit(ACCOUNT, &paste, &[("answer", &answer)]).await.text().await.unwrap();
        assert!(said.contains(words), "{words}: {said}");
    }
    let said = browser.submit(ACCOUNT, &paste, &[("answer", &back)]).await;
    assert_eq!(said.status(), StatusCode::SEE_OTHER);
    browser.until(ACCOUNT, "✓ Signed in").await;
    // Put away, and used up.
    browser.submit(ACCOUNT, &format!("{ACCOUNT}/cancel"), &[]).await;
    assert!(!browser.page(ACCOUNT).await.contains("✓ Signed in"));
    let said = browser.submit(ACCOUNT, &paste, &[("answer", &back)]).await.text().await.unwrap();
    assert!(said.contains("is over"), "{said}");
}

#[tokio::test]
async fn what_a_provider_says_is_text_in_a_page_whatever_it_holds() {
    let world = World::with(nobody_signed_in()).await;
    let browser = Browser::inside(&world).await;
    browser.submit(ACCOUNT, &format!("{ACCOUNT}/sign-in"), &[("flow", "browser")]).await;
    let provider =
        Url::parse(&unescaped(between(&browser.page(ACCOUNT).await, "class=\"button\" href=\"", "\""))).unwrap();
    let state = provider.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let refusal = format!(
        "http://localhost/?error=access_denied&error_description=AADSTS65004:+%3Cscript%3Ealert(1)%3C/script%3E&state={state}"
    );
    browser.submit(ACCOUNT, &format!("{ACCOUNT}/paste"), &[("answer", &refusal)]).await;
    let page = browser.until(ACCOUNT, "✗ Not signed in").await;
    assert!(page.contains("alert(1)") && !page.contains("<script>alert"), "{page}");
    assert!(page.contains("consent-declined"), "{page}");
}

/// The page told it, and so did the keeper, which finds it in the store.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_is_refused_at_the_console_has_one_line_in_the_log() {
    let (_sandbox, dir, file) = stage(&nobody_signed_in()).await;
    let program = Program::start(&file).await;
    let browser = Browser::inside_of(program.console().await, dir.path()).await;
    // What is remembered the keeper tells; what passes by itself is not, and the page does.
    for (error, said, teller) in [
        ("access_denied", "AADSTS50105:+not+assigned", "a sign-in was refused"),
        ("temporarily_unavailable", "AADSTS90033:+busy", "sign-in failed"),
    ] {
        browser.submit(ACCOUNT, &format!("{ACCOUNT}/sign-in"), &[("flow", "browser")]).await;
        let button = between(&browser.page(ACCOUNT).await, "class=\"button\" href=\"", "\"").to_owned();
        let provider = Url::parse(&unescaped(&button)).unwrap();
        let state = provider.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let answer = format!("http://localhost/?error={error}&error_description={said}&state={state}");
        browser.submit(ACCOUNT, &format!("{ACCOUNT}/paste"), &[("answer", &answer)]).await;
        browser.until(ACCOUNT, "✗ Not signed in").await;
        browser.submit(ACCOUNT, &format!("{ACCOUNT}/cancel"), &[]).await;
        program.logs(teller).await;
        program.reload().await;
        assert_eq!(program.times(&said[.."AADSTS50105".len()]), 1, "{said}");
    }
    program.stopped().await;
}

#[tokio::test]
async fn a_code_signs_in_and_its_picture_stands_in_the_page() {
    let world = World::with(nobody_signed_in()).await;
    let browser = Browser::inside(&world).await;
    let begun = browser.submit(ACCOUNT, &format!("{ACCOUNT}/sign-in"), &[("flow", "device")]).await;
    assert_eq!(begun.status(), StatusCode::SEE_OTHER);
    let page = browser.page(ACCOUNT).await;
    let code = between(&page, "<p class=\"code\">", "<").to_owned();
    assert!(page.contains("<svg") && !page.contains("<?xml") && code.len() >= 6, "{page}");
    world.sandbox.approve_device(&code, ANN);
    browser.until(ACCOUNT, "✓ Signed in").await;
}

#[tokio::test]
async fn the_language_follows_the_browser_until_somebody_chooses() {
    let world = World::new().await;
    let mut browser = Browser::inside(&world).await;
    let japanese = browser.with_cookies(browser.client.get(browser.base.clone())).header(header::ACCEPT_LANGUAGE, "ja");
    assert!(japanese.send().await.unwrap().text().await.unwrap().contains("<html lang=\"ja\">"));
    assert!(browser.page("/").await.contains("<html lang=\"en\">"));
    let chosen = browser.get("/?lang=ja").await;
    browser.keep_cookies(&chosen);
    assert!(browser.page(ACCOUNT).await.contains("サインイン"));
    browser.keep_cookies(&browser.get("/?lang=en").await);
    assert!(browser.page("/").await.contains("<html lang=\"en\">"));
}

#[tokio::test]
async fn the_overview_shows_messages_faults_sessions_and_listeners_and_no_secret() {
    let clients = format!(
        "[[client]]\nname = \"3F copier / <b>\"\naccount = \"{ANN}\"\nfrom = [\"192.0.2.7\"]\n\
         [[client]]\nname = \"till\"\naccount = \"{ANN}\"\nlogin = \"till\"\npassword = \"{}\"\n",
        cheap_hash("till")
    );
    let world = World::with(Plan { more: clients, ..Plan::default() }).await;
    let browser = Browser::inside(&world).await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.message("x").await;
    world.login(Protocol::Imap, ANN, "wrong").await;
    let page = browser.page("/").await;
    for words in [
        "✓",
        "250",
        "bad-credentials",
        "smtp",
        "imap",
        "pop3",
        "accepted: 1",
        "3F copier / &#60;b&#62;",
        "Do not type the password of the mailbox",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("argon2") && !page.contains("Bearer"), "{page}");
    let sheet = browser.page("/clients/till").await;
    assert!(sheet.contains("<code>till</code>") && sheet.contains("Incoming mail (IMAP)"), "{sheet}");
    let copier = browser.page("/clients/3F%20copier%20%2F%20%3Cb%3E").await;
    assert!(copier.contains("192.0.2.7") && !copier.contains("Incoming mail"), "{copier}");
    assert!(copier.contains("leave login switched off"), "{copier}");
    let own = browser.page(&format!("{ACCOUNT}/sheet")).await;
    assert!(own.contains("<code>ann@contoso.example</code>"), "{own}");
    assert_eq!(browser.get("/clients/nobody").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/accounts/nobody").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_mailbox_of_a_whole_domain_is_typed_in_signed_in_and_then_listed() {
    let mut plan = nobody_signed_in();
    plan.more = "[[account]]\naddress = \"*@contoso.example\"\napp = \"contoso\"\npassword = \"first-use\"\n".into();
    let world = World::with(plan).await;
    let browser = Browser::inside(&world).await;
    let page = browser.page("/").await;
    assert!(page.contains("*@contoso.example") && !page.contains("bob@contoso.example"), "{page}");
    let said = browser.submit("/", "/mailboxes", &[("address", "eve@elsewhere.example")]).await.text().await.unwrap();
    assert!(said.contains("No account stands for this address: eve@elsewhere.example"), "{said}");
    assert_eq!(browser.post("/mailboxes", &[("address", "bob@contoso.example")]).await.status(), StatusCode::FORBIDDEN);
    let found = browser.submit("/", "/mailboxes", &[("address", " Bob@Contoso.example ")]).await;
    assert_eq!(found.status(), StatusCode::SEE_OTHER);
    let bob = found.headers()[header::LOCATION].to_str().unwrap().to_owned();
    browser.submit(&bob, &format!("{bob}/sign-in"), &[("flow", "browser")]).await;
    let provider = unescaped(between(&browser.page(&bob).await, "class=\"button\" href=\"", "\""));
    let consented = browser.client.get(&provider).send().await.unwrap();
    browser.client.get(consented.headers()[header::LOCATION].to_str().unwrap()).send().await.unwrap();
    let page = browser.until(&bob, "✓ Signed in").await;
    assert!(page.contains("becomes the password of") && page.contains("bob@contoso.example"), "{page}");
    // Whoever is signed in is listed, although no [[account]] names him.
    let login = world.greeted(Protocol::Imap).await.login(Protocol::Imap, "bob@contoso.example", "chosen").await;
    assert!(login.starts_with("a OK"), "{login}");
    let page = browser.page("/").await;
    assert!(page.contains(&format!("<a href=\"{bob}\">bob@contoso.example</a>")), "{page}");
    assert!(browser.page(&format!("{bob}/sheet")).await.contains("<code>bob@contoso.example</code>"));
}

#[tokio::test]
async fn a_shared_mailbox_shows_whose_sign_in_carries_it_and_what_else_that_carries() {
    let shared = |name: &str| account(name, &format!("sign-in-as = \"{ANN}\""));
    let more = format!("{}{}", shared("info@contoso.example"), shared("sales@contoso.example"));
    let world = World::with(Plan { more, ..Plan::default() }).await;
    let browser = Browser::inside(&world).await;
    let page = browser.page(ACCOUNT).await;
    let also = "<dt>The same sign-in also carries</dt><dd>info@contoso.example, sales@contoso.example</dd>";
    assert!(page.contains(also), "{page}");
    let page = browser.page("/accounts/info%40contoso.example").await;
    assert!(page.contains(&format!("carries</dt><dd>{ANN}, sales@contoso.example</dd>")), "{page}");
    let sheet = browser.page("/accounts/info%40contoso.example/sheet").await;
    assert!(sheet.contains("<td><code>info@contoso.example</code></td>"), "what is typed: {sheet}");
    assert!(sheet.contains(&format!("Signed in at the provider as</th><td>{ANN}")), "{sheet}");
    assert!(!browser.page(&format!("{ACCOUNT}/sheet")).await.contains("Signed in at the provider as"));
}

#[tokio::test]
async fn an_accounts_page_says_when_its_secret_ends_and_when_a_policy_ends_its_sign_in() {
    let (day, left) = crate::notify::day_in(12);
    let plan = Plan { app: format!("secret-expires = {day}"), ..Plan::default() };
    let (sandbox, dir, file) = crate::world::stage(&plan).await;
    crate::notify::half_a_day_before_the_policy(dir.path()).await;
    let world = World::on(sandbox, dir, &file).await;
    let browser = Browser::inside(&world).await;
    let page = browser.until(ACCOUNT, "since a policy ends every sign-in").await;
    let next = between(&page, "<dt>Next sign-in</dt><dd>", "</dd>");
    assert!(next.starts_with("in 11 h, "), "{next}");
    let is_said = |page: &str| (left()..=12).any(|days| page.contains(&format!("in {days} days")));
    assert!(is_said(&page), "{page}");
    assert!(is_said(&browser.page("/").await));
}

/// `gatepost doctor` alone knew it, whoever was asked to look meanwhile.
#[tokio::test]
async fn a_clock_that_is_off_stands_in_status_metrics_and_overview_until_an_answer_shows_it_right() {
    let world = World::with(Plan::faulty(|faults| faults.identity.clock_ahead = 700)).await;
    world.ann_hears(Protocol::Imap, IN).await;
    let mut browser = Browser::inside(&world).await;
    let metrics = world.metrics().await;
    let behind = metrics.lines().find_map(|line| line.strip_prefix("gatepost_clock_behind_seconds ")).unwrap();
    assert!((690..=700).contains(&behind.parse::<i64>().unwrap()), "{behind}");
    let token = std::fs::read_to_string(world.dir.path().join("gatepost.db.token")).unwrap();
    let status = async || -> serde_json::Value {
        let asked = browser.client.get(browser.base.join("/api/status").unwrap()).bearer_auth(&token);
        asked.send().await.unwrap().json().await.unwrap()
    };
    let told = &status().await["clock"];
    assert_eq!((told["id"].as_str(), told["behind"].as_bool()), (Some("clock-skewed"), Some(true)), "{told}");
    assert_eq!(told["seconds"].to_string(), behind);
    assert_eq!(told["text"], "The clock of Gatepost's machine is wrong");
    assert!(told["next-step"].as_str().unwrap().contains("Set the clock of the machine"), "{told}");
    let page = browser.page("/").await;
    for part in [
        "<code>clock-skewed</code>",
        &format!("{behind} s behind the identity provider"),
        "timedatectl",
        "Do not sign in",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    world.sandbox.faults().clear();
    world.sign_in(ANN).await;
    world.ann_hears(Protocol::Imap, IN).await;
    world.metrics_with("gatepost_clock_behind_seconds 0").await;
    assert!(status().await.get("clock").is_none() && !browser.page("/").await.contains("clock-skewed"));
    world.sandbox.faults().set(|faults| faults.identity.clock_ahead = -700);
    world.sign_in(ANN).await;
    world.ann_hears(Protocol::Imap, IN).await;
    browser.keep_cookies(&browser.get("/?lang=ja").await);
    browser.until("/", "秒進んでいます").await;
    assert!(world.metrics().await.contains("gatepost_clock_behind_seconds -"));
}

#[tokio::test]
async fn somebody_else_who_consented_is_named_in_the_status_and_on_both_pages() {
    let mut plan = nobody_signed_in();
    plan.sandbox.auto_approve = false;
    let (sandbox, dir, file) = crate::world::stage(&plan).await;
    // So that the provider tells who consented.
    let text =
        std::fs::read_to_string(&file).unwrap().replace("\"offline_access\"]", "\"offline_access\", \"openid\"]");
    std::fs::write(&file, text).unwrap();
    let world = World::on(sandbox, dir, &file).await;
    let mut browser = Browser::inside(&world).await;
    browser.submit(ACCOUNT, &format!("{ACCOUNT}/sign-in"), &[("flow", "device")]).await;
    let code = between(&browser.page(ACCOUNT).await, "<p class=\"code\">", "<").to_owned();
    world.sandbox.approve_device(&code, BOB);
    let warning = format!("{BOB} signed in for {ANN}: sign in again as {ANN}");
    let page = browser.until(ACCOUNT, &warning).await;
    assert!(page.contains(&format!("<dt>Signed in as</dt><dd>{BOB}</dd>")), "{page}");
    let page = browser.until("/", &warning).await;
    assert!(!page.contains("state good") && page.contains("! ready"), "{page}");
    let token = std::fs::read_to_string(world.dir.path().join("gatepost.db.token")).unwrap();
    let status = browser.client.get(browser.base.join("/api/status").unwrap()).bearer_auth(token);
    let status: serde_json::Value = status.send().await.unwrap().json().await.unwrap();
    let one = &status["accounts"][0];
    assert_eq!((one["signed-in-as"].as_str(), one["warning"].as_str()), (Some(BOB), Some(warning.as_str())));
    browser.keep_cookies(&browser.get("/?lang=ja").await);
    for path in ["/", ACCOUNT] {
        assert!(browser.page(path).await.contains(&format!("{ANN} のサインインを {BOB} が行いました。")));
    }
}

/// A sign-in in a browser in which this person is signed in, and the page behind it.
async fn signs_in_as(browser: &Browser, person: &str) -> String {
    browser.submit(ACCOUNT, &format!("{ACCOUNT}/sign-in"), &[("flow", "browser")]).await;
    let mut provider =
        Url::parse(&unescaped(between(&browser.page(ACCOUNT).await, "class=\"button\" href=\"", "\""))).unwrap();
    let fields: Vec<_> = provider.query_pairs().into_owned().collect();
    let fields = fields.iter().map(|(name, value)| (name, if name == "login_hint" { person } else { value }));
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    provider.set_query(Some(&query));
    let consented = browser.client.get(provider).send().await.unwrap();
    let back = consented.headers()[header::LOCATION].to_str().unwrap().to_owned();
    browser.client.get(&back).send().await.unwrap().text().await.unwrap()
}

/// The same person by another name, say, or a delegate.
#[tokio::test]
async fn who_is_let_in_by_another_name_stays_signed_in_and_until_then_anybody_takes_their_place() {
    const CAROL: &str = "carol@contoso.example";
    let mut plan = nobody_signed_in();
    plan.sandbox.people.push(Person::new(CAROL));
    let ann = plan.sandbox.people.iter_mut().find(|person| person.address == ANN).unwrap();
    ann.delegates = vec![BOB.to_owned()];
    let (sandbox, dir, file) = crate::world::stage(&plan).await;
    // So that the provider tells who consented.
    let text =
        std::fs::read_to_string(&file).unwrap().replace("\"offline_access\"]", "\"offline_access\", \"openid\"]");
    std::fs::write(&file, text).unwrap();
    let world = World::on(sandbox, dir, &file).await;
    let browser = Browser::inside(&world).await;
    for person in [CAROL, BOB] {
        let page = signs_in_as(&browser, person).await;
        assert!(page.contains("Signed in, but not as ") && page.contains(person), "{page}");
        let page = browser.until(ACCOUNT, "whoever signs in next takes its place").await;
        assert!(page.contains("! Signed in") && page.contains(&format!("<strong>{person}</strong>")), "{page}");
        assert!(page.contains(&format!("login {ANN}</pre>")), "{page}");
        browser.until("/", &format!("{person} signed in for {ANN}")).await;
    }
    world.ann_hears(Protocol::Imap, IN).await;
    let page = browser.until("/", "✓ ready").await;
    assert!(page.contains(BOB) && !page.contains("sign in again"), "{page}");

    let stays = format!("{CAROL} signed in; the sign-in of {BOB} stays: the mail server lets {BOB} in");
    let page = signs_in_as(&browser, CAROL).await;
    assert!(page.contains("Not signed in") && page.contains(&stays), "{page}");
    assert!(page.contains(&format!("logout {ANN}</pre>")) && !page.contains("has what it needs"), "{page}");
    let page = browser.until(ACCOUNT, &stays).await;
    assert!(page.contains(&format!("logout {ANN}</pre>")), "{page}");
    // Also once how it ended is put away.
    browser.submit(ACCOUNT, &format!("{ACCOUNT}/cancel"), &[]).await;
    let page = browser.until(ACCOUNT, &format!("The token belongs to {CAROL}, another person than {ANN}")).await;
    assert!(page.contains(&format!("the sign-in of {BOB} goes on")) && !page.contains(&stays), "{page}");
    assert!(page.contains("✓ ready") && page.contains(&format!("sign-in-as = &#34;{CAROL}&#34;")), "{page}");
    let page = browser.until("/", &format!("A later sign-in, as {CAROL}, was refused")).await;
    assert!(page.contains("✓ ready") && page.contains("[somebody-else-signed-in]"), "{page}");
    world.ann_hears(Protocol::Imap, IN).await;

    // Whoever was meant takes any place, and by the name that is let in nobody has to say who they are.
    let page = signs_in_as(&browser, BOB).await;
    assert!(page.contains("<h1>Signed in</h1>"), "{page}");
    let page = signs_in_as(&browser, ANN).await;
    assert!(page.contains("<h1>Signed in</h1>"), "{page}");
    browser.until(ACCOUNT, &format!("<dt>Signed in as</dt><dd>{ANN}</dd>")).await;
}

#[tokio::test]
async fn lists_are_japanese_on_japanese_pages_and_an_empty_one_has_no_heading() {
    let shared = |name: &str| account(name, &format!("sign-in-as = \"{ANN}\""));
    let more = format!("{}{}", shared("info@contoso.example"), shared("sales@contoso.example"));
    let world = World::with(Plan { more, ..Plan::default() }).await;
    let mut browser = Browser::inside(&world).await;
    assert!(browser.page("/").await.contains("<h2 id=\"clients\">"));
    browser.keep_cookies(&browser.get("/?lang=ja").await);
    assert!(browser.page(ACCOUNT).await.contains("<dd>info@contoso.example、sales@contoso.example</dd>"));

    let (sandbox, dir, file) = crate::world::stage(&nobody_signed_in()).await;
    let whole = |line: &str| match line.split(" = ").next() {
        Some("address") => "address = \"*@contoso.example\"\n".to_owned(),
        Some("password") => "password = \"first-use\"\n".to_owned(),
        _ => format!("{line}\n"),
    };
    let text: String = std::fs::read_to_string(&file).unwrap().lines().map(whole).collect();
    std::fs::write(&file, text).unwrap();
    let world = World::on(sandbox, dir, &file).await;
    let page = Browser::inside(&world).await.page("/").await;
    assert!(page.contains("*@contoso.example") && !page.contains("id=\"clients\""), "{page}");
}

#[tokio::test]
async fn what_two_protocols_were_refused_stands_on_an_accounts_page_as_in_the_status() {
    let world = World::with(Plan::faulty(|faults| {
        (faults.imap.refuse_tokens, faults.smtp.refuse_tokens) = (2, 2);
    }))
    .await;
    for protocol in [Protocol::Imap, Protocol::Smtp] {
        assert!(world.login(protocol, ANN, crate::world::PASSWORD).await.contains("fresh-token-refused"));
    }
    let page = unescaped(&Browser::inside(&world).await.page(ACCOUNT).await);
    for once in [
        "<code>fresh-token-refused</code> (smtp, imap)",
        "-ImapEnabled $true",
        "-SmtpClientAuthenticationDisabled $false",
    ] {
        assert_eq!(page.matches(once).count(), 1, "{once}: {page}");
    }
}

#[tokio::test]
async fn what_the_mail_server_refuses_is_no_sign_in_that_is_well_on_either_page() {
    let world = World::with(Plan::faulty(|faults| faults.imap.refuse_tokens = 2)).await;
    let browser = Browser::inside(&world).await;
    assert!(world.login(Protocol::Imap, ANN, crate::world::PASSWORD).await.contains("fresh-token-refused"));
    for path in ["/", ACCOUNT] {
        assert!(browser.page(path).await.contains("✗ refused (imap)"), "{path}");
    }
    assert!(browser.page(ACCOUNT).await.contains("A token fetched a moment ago was refused as well"));
}
