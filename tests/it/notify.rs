//! Who is told, by the real daemon: a webhook on this machine, a program, and whoever logs in meanwhile.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use gatepost::{
    base::Protocol,
    catalog::{explain, token::CONDITIONAL_ACCESS},
    config,
    sandbox::{Mishap, MishapKind},
    store::{EndedSignIn, Store, TokenRow},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::{oneshot, watch},
    time::timeout,
};

use crate::{
    browser::{Browser, unescaped},
    world::{ANN, BOB, FOR_GOOD, IN, PASSWORD, PROTOCOLS, Plan, World, account, in_each_protocol, journal, until_so},
};

/// For what comes at once, on a machine that does many other things.
const PATIENCE: Duration = Duration::from_secs(90);

/// A service that answers in turn, then always 200; it remembers what it was sent.
struct Hook {
    address: SocketAddr,
    got: Arc<watch::Sender<Vec<Value>>>,
}

impl Hook {
    async fn start(script: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hook = Self { address: listener.local_addr().unwrap(), got: Arc::default() };
        let (mut script, got): (VecDeque<_>, _) = (script.iter().copied().collect(), hook.got.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut seen = Vec::new();
                let body = loop {
                    // A daemon that was stopped in the middle of a telling says it again to the next one.
                    if stream.read_buf(&mut seen).await.unwrap_or(0) == 0 {
                        break None;
                    }
                    let text = String::from_utf8_lossy(&seen).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    assert!(head.starts_with("POST /hooks/s3cret-word HTTP/1.1\r\ncontent-type: application/json"));
                    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                    if body.len() == length.unwrap().parse::<usize>().unwrap() {
                        break Some(body.to_owned());
                    }
                };
                let Some(body) = body else { continue };
                let status = script.pop_front().unwrap_or("200 OK");
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
                got.send_modify(|got| got.push(serde_json::from_str(&body).unwrap()));
            }
        });
        hook
    }

    fn got(&self) -> Vec<Value> {
        self.got.borrow().clone()
    }

    async fn until(&self, requests: usize) {
        let mut got = self.got.subscribe();
        let came = timeout(PATIENCE, got.wait_for(|got| got.len() >= requests)).await;
        assert!(came.is_ok(), "{requests} requests: {:?}", self.got());
    }

    fn section(&self) -> String {
        format!("[notify]\nwebhook = \"http://{}/hooks/s3cret-word\"\n", self.address)
    }
}

/// The provider says no to every refresh.
fn refusing(code: u32) -> Plan {
    Plan::faulty(|faults| faults.identity.mishap = Some(Mishap::new(MishapKind::Aadsts(code))))
}

fn words(event: &Value) -> [&str; 3] {
    ["event", "fault", "severity"].map(|field| event[field].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_sign_in_that_is_needed_is_told_at_once_and_once_however_many_sessions_fail() {
    let hook = Hook::start(&["503 Busy", "503 Busy"]).await;
    let mut plan = refusing(50_173);
    plan.more = account("shared@contoso.example", &format!("sign-in-as = \"{ANN}\"")) + &hook.section();
    let world = World::with(plan).await;
    let pages = format!("http://{}", world.daemon.console_at().unwrap());
    let start = Instant::now();
    for _ in 0..5 {
        in_each_protocol(async |protocol| {
            // Nobody hangs until somebody signs in: the answer comes at once, and says where.
            let said = world.ann_hears(protocol, FOR_GOOD).await;
            assert!(said.contains(&format!("open {pages} or run: gatepost login {ANN}")), "{said}");
            assert!(said.ends_with("[gatepost sign-in-revoked]"), "{said}");
        })
        .await;
    }
    // Fifteen logins that waited for somebody would take minutes each.
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    hook.until(3).await;
    let event = hook.got().remove(2);
    assert_eq!(words(&event), ["sign-in-needed", "sign-in-revoked", "critical"]);
    assert_eq!(event["accounts"], serde_json::json!([ANN, "shared@contoso.example"]));
    assert_eq!((event["app"].as_str(), event["console"].as_str()), (Some("contoso"), Some(pages.as_str())));
    let text = event["text"].as_str().unwrap();
    assert!(text.ends_with(&format!("password: `gatepost login {ANN}`. Open {pages}.")), "{text}");
    world
        .until("counted", |world| {
            world.counts("gatepost_notifications_total{channel=\"webhook\",outcome=\"delivered\"} 1")
        })
        .await;
    assert!(world.counts("gatepost_notifications_total{channel=\"webhook\",outcome=\"retried\"} 2"));
    assert!(world.metrics().await.contains("gatepost_sign_ins{phase=\"sign-in-needed\"} 1"));
    let told = journal().lines(&["WARN", "event=\"sign-in-needed\"", &pages]);
    assert_eq!(told.len(), 1, "{told:?}");

    // Somebody signs in beside the daemon.
    world.sandbox.faults().set(|faults| faults.identity.mishap = None);
    world.sign_in(ANN).await;
    hook.until(4).await;
    let event = hook.got().remove(3);
    assert_eq!(words(&event), ["sign-in-again-ok", "", "info"]);
    assert_eq!(hook.got().len(), 4);
    assert_eq!(journal().lines(&["s3cret-word"]), Vec::<String>::new());
}

/// Whoever looks, and where: one id, one cause, one next step, with the addresses of this account.
#[tokio::test]
async fn one_fault_is_the_same_in_reply_log_metrics_status_console_and_notice() {
    let hook = Hook::start(&[]).await;
    let mut plan = refusing(53_003);
    plan.more = hook.section();
    let world = World::with(plan).await;
    let fault = CONDITIONAL_ACCESS;
    let step = format!("Sign-in logs and in it the failed sign-in of {ANN}");

    let said = world.ann_hears(Protocol::Imap, FOR_GOOD).await;
    let (_, behind) = said.split_once(&format!("{}; Gatepost asks again at ", fault.text)).unwrap();
    let hour = behind.get(.."14:35 UTC".len()).unwrap();
    let end = format!(", or at once after: sudo systemctl reload gatepost [gatepost {}]", fault.id);
    assert!(said.ends_with(&format!("{hour}{end}")), "{said}");
    let found = explain::read(&said);
    assert_eq!(found.iter().map(|one| one.entry.id).collect::<Vec<_>>(), [fault.id]);

    let line = journal().lines(&["refused: ", &format!("peer={}:", world.source)]).remove(0);
    assert!(line.contains(&format!("[{}]", fault.id)) && line.contains(&step) && line.contains(hour), "{line}");
    assert_eq!(explain::read(&line)[0].entry.id, fault.id, "{line}");
    world.metrics_with(&format!("id=\"{}\"", fault.id)).await;

    let browser = Browser::inside(&world).await;
    let status: Value = serde_json::from_str(&status(&world).await).unwrap();
    let told = &status["faults"][0];
    assert_eq!(told["id"], fault.id);
    assert!(told["next-step"].as_str().unwrap().contains(&step) && told.to_string().contains(hour), "{told}");
    for page in ["/".to_owned(), format!("/accounts/{ANN}")] {
        let page = unescaped(&browser.page(&page).await).replace("&#62;", ">");
        assert!(page.contains(fault.id) && page.contains(&step) && page.contains(hour), "{page}");
    }

    hook.until(1).await;
    let event = hook.got().remove(0);
    assert_eq!(words(&event), ["sign-in-refused", fault.id, "critical"]);
    assert_eq!((&event["cause"], &event["next-step"]), (&told["cause"], &told["next-step"]));
    assert_eq!(event["fault-text"], fault.text);
    let heard = format!(" What a client hears: \"{}\" [{}]. ", fault.text, fault.id);
    assert!(event["text"].as_str().unwrap().contains(&heard), "{event}");
}

/// Counted is not remembered yet.
async fn until_remembered(world: &World) {
    let database = sqlx::SqlitePool::connect(&world.store_settings().url).await.unwrap();
    let told = async || sqlx::query_scalar::<_, i64>("SELECT count(*) FROM told").fetch_one(&database).await.unwrap();
    until_so("remembered", PATIENCE, async || told().await > 0).await;
    database.close().await;
}

async fn age(world: &World, seconds: i64) {
    let database = sqlx::SqlitePool::connect(&world.store_settings().url).await.unwrap();
    sqlx::query("UPDATE told SET at = at - ?").bind(seconds).execute(&database).await.unwrap();
    database.close().await;
}

#[tokio::test]
async fn what_still_stands_is_told_again_after_a_restart_but_not_by_one_that_restarts_all_the_time() {
    let hook = Hook::start(&[]).await;
    let world = World::with(Plan { signed_in: vec![], more: hook.section(), ..Plan::default() }).await;
    hook.until(1).await;
    assert_eq!(words(&hook.got()[0]), ["sign-in-needed", "sign-in-missing", "critical"]);
    until_remembered(&world).await;
    let world = world.restarted().await;
    age(&world, 7200).await;
    let world = world.restarted().await;
    hook.until(2).await;
    assert_eq!(words(&hook.got()[1]), words(&hook.got()[0]));
    assert_eq!(hook.got().len(), 2, "once for each start that deserves it");
    drop(world);
}

/// What somebody writes into this file, once it is closed.
fn through_a_pipe(file: std::path::PathBuf) -> oneshot::Receiver<String> {
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    let (said, heard) = oneshot::channel();
    // A thread that nobody waits for: where nothing is ever written, the test fails all the same.
    std::thread::spawn(move || said.send(std::fs::read_to_string(file).unwrap()));
    heard
}

#[tokio::test]
async fn a_program_gets_the_event_and_nothing_of_our_environment() {
    let plan = Plan {
        signed_in: vec![],
        more: "[notify]\ncommand = [\"{dir}/tell-me\", \"an argument\"]\n".into(),
        files: vec![("tell-me", "#!/bin/sh\ncat > \"$0.event\"; env > \"$0.env\"; echo \"$1\" > \"$0.done\"\n".into())],
        ..Plan::default()
    };
    let (_sandbox, dir, file) = crate::world::stage(&plan).await;
    let program = dir.path().join("tell-me");
    let mut rights = std::fs::metadata(&program).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o755);
    std::fs::set_permissions(&program, rights).unwrap();
    let done = through_a_pipe(dir.path().join("tell-me.done"));
    let mut daemon = tokio::process::Command::new(env!("CARGO_BIN_EXE_gatepost"));
    daemon.args(["run", "--config"]).arg(&file).env_clear().env("HOME", "/nonexistent").env("PATH", "/usr/bin:/bin");
    daemon.env("GATEPOST_SECRET", "s3cret").env("CREDENTIALS_DIRECTORY", "/run/credentials/x");
    daemon.stderr(std::process::Stdio::null()).kill_on_drop(true);
    let mut daemon = daemon.spawn().unwrap();
    assert_eq!(timeout(PATIENCE, done).await.expect("it runs").unwrap(), "an argument\n");
    let event: Value =
        serde_json::from_str(&std::fs::read_to_string(dir.path().join("tell-me.event")).unwrap()).unwrap();
    assert_eq!(words(&event), ["sign-in-needed", "sign-in-missing", "critical"]);
    assert_eq!(event["fault-text"], "This account is not signed in");
    assert!(
        event["text"].as_str().unwrap().contains(": \"This account is not signed in\" [sign-in-missing]. "),
        "{event}"
    );
    let environment = std::fs::read_to_string(dir.path().join("tell-me.env")).unwrap();
    assert!(environment.contains("PATH=") && environment.contains("HOME=/nonexistent"), "{environment}");
    for kept in ["GATEPOST", "s3cret", "CREDENTIALS"] {
        assert!(!environment.contains(kept), "{environment}");
    }
    daemon.kill().await.unwrap();
}

#[tokio::test]
async fn a_program_that_fails_is_named_in_the_log_with_what_it_said_and_mail_passes() {
    let plan = Plan {
        more: account(BOB, "") + "[notify]\ncommand = [\"/bin/sh\", \"-c\", \"echo bob has no phone >&2; exit 7\"]\n",
        ..Plan::default()
    };
    let world = World::with(plan).await;
    world
        .until("failed", |world| world.counts("gatepost_notifications_total{channel=\"command\",outcome=\"failed\"} 1"))
        .await;
    let told =
        journal().lines(&["WARN", "the notify command failed", "bob has no phone", "id=\"notify-failing\"", "next=\""]);
    assert!(told.len() == 1 && told[0].contains("7; it said"), "{told:?}");
    world.smtp_as_ann().await;
}

const DAY: i64 = 86_400;

/// The day (UTC) in so many days, and how many that are for whoever asks now: a midnight may pass meanwhile.
pub fn day_in(days: i64) -> (jiff::civil::Date, impl Fn() -> i64) {
    let today = || jiff::Timestamp::now().as_second().div_euclid(DAY);
    let then = today() + days;
    let date = jiff::Timestamp::from_second(then * DAY).unwrap().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    (date, move || then - today())
}

/// A certificate that ends at this day's noon, as PEM, and its key.
fn certificate(day: jiff::civil::Date) -> (String, String) {
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let noon = jiff::tz::TimeZone::UTC.to_timestamp(day.at(12, 0, 0, 0)).unwrap();
    let noon = std::time::UNIX_EPOCH + Duration::from_secs(noon.as_second().unsigned_abs());
    params.not_after = noon.into();
    let key = rcgen::KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[tokio::test]
async fn what_ends_soon_is_told_and_shown_by_log_status_and_metrics() {
    let hook = Hook::start(&[]).await;
    let (day, left) = day_in(12);
    let (pem, key) = certificate(day - jiff::ToSpan::days(7));
    let plan = Plan {
        tls: "starttls",
        listener: "certificate = \"{dir}/cert.pem\"\nkey = \"{dir}/cert.key\"".into(),
        files: vec![("cert.pem", pem), ("cert.key", key)],
        more: format!(
            "{}\n[app.fabrikam]\nprovider = \"google\"\nclient-id = \"x\"\n\
             client-secret = \"y\"\nsecret-expires = {day}\n",
            hook.section()
        ),
        ..Plan::default()
    };
    let world = World::with(plan).await;
    hook.until(2).await;
    let mut events = hook.got();
    events.sort_by_key(|event| event["days-left"].as_i64());
    let told: Vec<_> =
        events.iter().map(|event| (event["event"].as_str().unwrap(), event["days-left"].as_i64())).collect();
    let days = told[1].1.unwrap();
    assert_eq!(told, [("certificate-expiring", Some(days - 7)), ("secret-expiring", Some(days))]);
    assert!((left()..=12).contains(&days), "{days}");
    let file = world.dir.path().join("cert.pem").display().to_string();
    assert_eq!(events[0]["certificate"], file.as_str());
    let words = format!("the client secret of the app fabrikam ends in {days} days");
    assert!(events[1]["text"].as_str().unwrap().contains(&words));

    let words = format!("ends in {} days", days - 7);
    let logged = journal().lines(&["WARN", "event=\"certificate-expiring\"", &file, &words]);
    assert_eq!(logged.len(), 1, "{logged:?}");

    let metrics = world.metrics().await;
    for line in [
        format!("gatepost_expiry_timestamp_seconds{{what=\"listener-certificate\",name=\"{file}\"}} "),
        "gatepost_expiry_timestamp_seconds{what=\"client-secret\",name=\"fabrikam\"} ".to_owned(),
    ] {
        let end =
            metrics.lines().find_map(|counted| counted.strip_prefix(&line)).unwrap_or_else(|| panic!("{metrics}"));
        assert!(end.parse::<i64>().unwrap() > jiff::Timestamp::now().as_second(), "{end}");
    }
    let mut browser = Browser::inside(&world).await;
    for (lang, words) in
        [("en", format!("ends in {} days", days - 7)), ("ja", format!("{}日後に期限が切れます", days - 7))]
    {
        browser.keep_cookies(&browser.get(&format!("/?lang={lang}")).await);
        let page = browser.page("/").await;
        for part in ["<code>certificate-ended</code>", &words, &file] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
    let status: Value = serde_json::from_str(&status(&world).await).unwrap();
    let endings = status["endings"].as_array().unwrap();
    let one = |n: usize| (endings[n]["what"].as_str().unwrap(), endings[n]["days-left"].as_i64().unwrap());
    for (ending, id) in endings.iter().zip(["certificate-ended", "client-secret-expired"]) {
        assert_eq!(ending["id"], id);
        let told = ["text", "cause", "next-step"].map(|name| ending[name].as_str().is_some());
        assert!(told.iter().all(|is_told| *is_told), "{ending}");
    }
    let days = one(1).1;
    assert!((left()..=12).contains(&days) && endings.len() == 2, "{endings:?}");
    assert_eq!([one(0), one(1)], [("listener-certificate", days - 7), ("client-secret", days)]);
}

/// A token that is held hides it: the page said that all is well.
#[tokio::test]
async fn an_account_whose_secret_ends_soon_by_the_configuration_is_told_so_on_its_page_while_it_is_ready() {
    let app = format!("secret-expires = {}", day_in(-2).0);
    let world = World::with(Plan { app: format!("client-secret = \"y\"\n{app}"), ..Plan::default() }).await;
    world.sandbox.register(gatepost::sandbox::Registration::confidential(gatepost::sandbox::PUBLIC_CLIENT, "y"));
    let page = crate::browser::Browser::inside(&world).await.page(crate::pages::ACCOUNT).await;
    assert!(page.contains("client-secret-expired") && page.contains("the client secret of the app ended"), "{page}");
}

#[tokio::test]
async fn people_are_told_in_the_language_that_is_configured_and_the_log_stays_english() {
    let hook = Hook::start(&[]).await;
    let day = day_in(12).0;
    let app = format!(
        "[app.tailspin]\nprovider = \"google\"\nclient-id = \"x\"\nclient-secret = \"y\"\nsecret-expires = {day}\n"
    );
    let plan = Plan { more: format!("{}lang = \"ja\"\n{app}", hook.section()), ..Plan::default() };
    let _world = World::with(plan).await;
    hook.until(1).await;
    let event = hook.got().remove(0);
    let (text, days) = (event["text"].as_str().unwrap(), &event["days-left"]);
    assert!(text.contains(&format!("アプリ tailspin のクライアントシークレットの期限は {days}日後")), "{text}");
    let avoid = event["avoid"].as_str().unwrap();
    assert!(avoid.starts_with("シークレットの ID を貼り付けないでください。") && text.ends_with(avoid), "{text}");
    let logged = journal().lines(&["WARN", "event=\"secret-expiring\"", &format!("tailspin ends in {days} days")]);
    assert_eq!(logged.len(), 1, "{logged:?}");
}

#[tokio::test]
async fn a_reload_takes_over_who_is_told_and_what_ends() {
    let (hook, world) = (Hook::start(&[]).await, World::new().await);
    let file = world.dir.path().join("gatepost.toml");
    let day = day_in(10).0;
    let text = std::fs::read_to_string(&file).unwrap();
    let text =
        text.replace("sasl = ", &format!("secret-expires = {day}\nsasl = ")) + &hook.section() + "lang = \"ja\"\n";
    let around = config::Surroundings::of_this_process(&file);
    let (new, _) = config::check_text(&text, "gatepost.toml", &around).unwrap_or_else(|problems| panic!("{problems}"));
    world.daemon.reload(&new).unwrap();
    hook.until(1).await;
    assert_eq!((&hook.got()[0]["event"], &hook.got()[0]["app"]), (&"secret-expiring".into(), &"contoso".into()));
    assert!(hook.got()[0]["text"].as_str().unwrap().contains("クライアントシークレット"), "{:?}", hook.got());
    assert!(
        world.metrics().await.contains("gatepost_expiry_timestamp_seconds{what=\"client-secret\",name=\"contoso\"}")
    );
}

async fn status(world: &World) -> String {
    let token = std::fs::read_to_string(world.dir.path().join("gatepost.db.token")).unwrap();
    let url = format!("http://{}/api/status", world.daemon.console_at().unwrap());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(url).bearer_auth(token).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn the_next_end_that_a_policy_makes_is_told_and_shown() {
    let hook = Hook::start(&[]).await;
    let plan = Plan { more: hook.section(), ..Plan::default() };
    let (sandbox, dir, file) = crate::world::stage(&plan).await;
    half_a_day_before_the_policy(dir.path()).await;
    let world = World::on(sandbox, dir, &file).await;
    hook.until(1).await;
    let event = hook.got().remove(0);
    assert_eq!(words(&event), ["sign-in-ending", "sign-in-frequency", "critical"]);
    let text = event["text"].as_str().unwrap();
    assert!(text.contains(&format!("the sign-in of {ANN} is expected to end in 1")), "{text}");
    assert!(text.contains("ends every sign-in after about 7 days.") && text.contains("gatepost login"), "{text}");
    let status: Value = serde_json::from_str(&status(&world).await).unwrap();
    assert_eq!(status["accounts"][0]["sign-in"]["policy-ends-at"], event["due"]);
    let due: jiff::Timestamp = event["due"].as_str().unwrap().parse().unwrap();
    let line = format!("gatepost_next_sign_in_timestamp_seconds{{reason=\"policy\"}} {}", due.as_second());
    let metrics = world.metrics().await;
    assert!(metrics.contains(&line), "{line} in {metrics}");
    // And whoever has a session sees nothing of it.
    for protocol in PROTOCOLS {
        assert!(world.login(protocol, ANN, crate::world::PASSWORD).await.starts_with(crate::world::IN.of(protocol)));
    }
}

/// What is stored of Ann, changed beside the daemon.
async fn change_row(dir: &std::path::Path, change: impl FnOnce(&mut TokenRow)) {
    let store = Store::open(&crate::world::settings(dir)).await.unwrap();
    let key = format!("contoso/{ANN}");
    let found = store.token(&key).await.unwrap();
    let mut row = found.row.unwrap();
    change(&mut row);
    assert!(store.save_token(&key, found.version, &row).await.unwrap());
}

fn days_ago(days: f64) -> Option<std::time::SystemTime> {
    Some(std::time::SystemTime::now() - Duration::from_secs_f64(days * 86_400.0))
}

#[tokio::test]
async fn what_a_policy_did_once_by_the_providers_own_answer_is_told_ahead_the_next_time() {
    let hook = Hook::start(&[]).await;
    let plan = Plan { more: hook.section(), ..refusing(70_043) };
    let (sandbox, dir, file) = crate::world::stage(&plan).await;
    change_row(dir.path(), |row| (row.signed_in_at, row.last_refresh) = (days_ago(7.0), days_ago(0.04))).await;
    let world = World::on(sandbox, dir, &file).await;
    world.ann_hears(Protocol::Imap, FOR_GOOD).await;
    hook.until(1).await;
    assert_eq!(words(&hook.got()[0]), ["sign-in-needed", "sign-in-frequency", "critical"]);

    world.sandbox.faults().set(|faults| faults.identity.mishap = None);
    let refresh = world.sandbox.issue_refresh_token(ANN);
    change_row(world.dir.path(), |row| {
        (row.refresh, row.failure, row.signed_in_at) = (Some(refresh), None, days_ago(6.5));
    })
    .await;
    world.ann_hears(Protocol::Imap, IN).await;
    hook.until(3).await;
    let mut events = hook.got().split_off(1);
    events.sort_by_key(|event| event["event"].as_str().map(str::to_owned));
    assert_eq!(words(&events[0]), ["sign-in-again-ok", "", "info"]);
    assert_eq!(words(&events[1]), ["sign-in-ending", "sign-in-frequency", "critical"]);
    let cause = events[1]["cause"].as_str().unwrap();
    assert!(cause.contains("after about 7 days. It was seen once so far, so the date is a guess"), "{cause}");
}

#[tokio::test]
async fn a_sign_in_that_is_about_to_die_of_disuse_is_told_and_shown() {
    let hook = Hook::start(&[]).await;
    let down = Mishap::new(MishapKind::Status { status: 503, retry_after: None });
    let plan = Plan {
        app: "refresh-idle-days = 90".into(),
        more: hook.section(),
        ..Plan::faulty(|faults| faults.identity.mishap = Some(down))
    };
    let (sandbox, dir, file) = crate::world::stage(&plan).await;
    change_row(dir.path(), |row| (row.signed_in_at, row.last_refresh) = (days_ago(99.0), days_ago(84.5))).await;
    let world = World::on(sandbox, dir, &file).await;
    hook.until(1).await;
    let event = hook.got().remove(0);
    assert_eq!(words(&event), ["sign-in-ending", "sign-in-expired", "warning"]);
    let due: jiff::Timestamp = event["due"].as_str().unwrap().parse().unwrap();
    assert!([5, 6].map(|days| event["days-left"] == days).contains(&true), "five and a half: {event}");
    let line = format!("gatepost_next_sign_in_timestamp_seconds{{reason=\"unused\"}} {}", due.as_second());
    let metrics = world.metrics().await;
    assert!(metrics.contains(&line), "{line} in {metrics}");
}

#[tokio::test]
async fn a_refusal_that_no_sign_in_cures_is_told_with_the_step_that_does() {
    let hook = Hook::start(&[]).await;
    let world = World::with(Plan { more: hook.section(), ..refusing(7_000_222) }).await;
    let said = world.login(Protocol::Imap, ANN, PASSWORD).await;
    assert!(said.ends_with("[gatepost client-secret-expired]"), "{said}");
    hook.until(1).await;
    let event = hook.got().remove(0);
    assert_eq!(words(&event), ["sign-in-refused", "client-secret-expired", "critical"]);
    let text = event["text"].as_str().unwrap();
    assert!(text.contains(&format!("mail of {ANN} stands still, the provider gives no token.")), "{text}");
    assert!(!text.contains("gatepost login"), "{text}");
    assert!(world.metrics().await.contains("gatepost_sign_ins{phase=\"refused\"} 1"));
}

/// Ann signed in six days and a half ago, and two of her sign-ins before lived for a week.
pub async fn half_a_day_before_the_policy(dir: &std::path::Path) {
    let now = std::time::SystemTime::now();
    let ago = |hours: u64| Some(now - Duration::from_secs(3600 * hours));
    let ended = |since: u64| EndedSignIn {
        signed_in_at: ago(since),
        last_good: ago(since - 167),
        refused_at: ago(since - 169),
    };
    let store = Store::open(&crate::world::settings(dir)).await.unwrap();
    let key = format!("contoso/{ANN}");
    let mut row = store.token(&key).await.unwrap().row.unwrap();
    (row.signed_in_at, row.last_refresh) = (ago(6 * 24 + 12).map(|at| at - Duration::from_secs(1800)), ago(1));
    row.ended = vec![ended(900), ended(500)];
    assert!(store.save_token(&key, store.version(&key).await.unwrap(), &row).await.unwrap());
}
