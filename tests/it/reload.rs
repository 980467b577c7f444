//! What a reload says that it took over has its effect at once: each key of the sections that `config::diff` names, before
//! and behind a reload. Proxies and roots are in `detour`, who is told in `notify`, accounts and domains in `supervision`
//! and `whole_domain`.

use std::{
    fs,
    pin::Pin,
    time::{Duration, Instant},
};

use gatepost::{
    base::Protocol,
    config::{self, Change},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::world::{ANN, BOB, HEAD, PASSWORD, Plan, Talk, World, account, base64, cheap_hash};

/// Whether the new value holds.
type Probe = for<'w> fn(&'w World) -> Pin<Box<dyn Future<Output = bool> + 'w>>;

/// A key, its line before and behind the reload, what the log says that changed, and how its effect is seen.
struct Row {
    key: &'static str,
    plan: Plan,
    lines: [String; 2],
    named: &'static str,
    probe: Probe,
}

impl World {
    /// Writes these lines in place of those, and reloads.
    fn reload(&self, before: &str, behind: &str) -> Change {
        let file = self.dir.path().join("gatepost.toml");
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.matches(before).count(), 1, "{before} in {text}");
        let (old, _) = config::load(&file).unwrap();
        fs::write(&file, text.replace(before, behind)).unwrap();
        let (new, _) = config::load(&file).unwrap_or_else(|problems| panic!("{problems}"));
        self.daemon.reload(&new).unwrap();
        config::diff(&old, &new)
    }

    async fn console(&self, request: &str, headers: &str) -> String {
        let mut tcp = TcpStream::connect(self.daemon.console_at().unwrap()).await.unwrap();
        let request = format!("{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut said = String::new();
        tcp.read_to_string(&mut said).await.unwrap();
        said
    }

    async fn opens(&self, password: &str) -> bool {
        let authorization = format!("Authorization: Basic {}\r\n", base64(&format!("me:{password}")));
        self.console("GET /api/status", &authorization).await.starts_with("HTTP/1.1 200 ")
    }
}

fn console_password(password: &str) -> String {
    format!("[console]\nlisten = \"127.0.0.1:0\"\npassword = \"{}\"", cheap_hash(password))
}

fn with_console(password: &str) -> Plan {
    Plan { console: format!("password = \"{}\"", cheap_hash(password)), ..Plan::default() }
}

fn silent_upstream() -> Plan {
    let mut plan = Plan::faulty(|faults| faults.imap.line.silent = true);
    plan.daemon = "sign-on-seconds = 600".into();
    plan
}

/// A copier whose mail is queued, and what is said of it or of the queue.
fn copier(more: &str) -> Plan {
    let rule = format!("[[client]]\nname = \"copier\"\naccount = \"{ANN}\"\nfrom = [\"127.0.0.0/8\"]\n");
    Plan { more: format!("{rule}delivery = \"queue\"\n{more}"), ..Plan::default() }
}

async fn answer_to_rcpt(world: &World) -> String {
    let mut smtp = world.greeted(Protocol::Smtp).await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.say(&format!("RCPT TO:<{BOB}>")).await;
    smtp.line().await
}

/// The first no, or what was said to the whole message.
async fn answer_to_a_message(mut smtp: Talk) -> String {
    for command in [format!("MAIL FROM:<{ANN}>"), format!("RCPT TO:<{BOB}>"), "DATA".into()] {
        smtp.say(&command).await;
        let said = smtp.line().await;
        if !said.starts_with(['2', '3']) {
            return said;
        }
    }
    smtp.send(format!("{HEAD}text\r\n.\r\n").as_bytes()).await;
    smtp.line().await
}

fn rows() -> Vec<Row> {
    vec![
        Row {
            key: "[console] password",
            plan: with_console("old"),
            lines: [console_password("old"), console_password("new")],
            named: "changed console",
            probe: |world| Box::pin(async { world.opens("new").await && !world.opens("old").await }),
        },
        Row {
            key: "[console] password, which is gone",
            plan: with_console("old"),
            lines: [console_password("old"), "[console]\nlisten = \"127.0.0.1:0\"".into()],
            named: "changed console",
            probe: |world| Box::pin(async { !world.opens("old").await }),
        },
        Row {
            key: "[daemon] sign-on-seconds",
            plan: silent_upstream(),
            lines: ["sign-on-seconds = 600".into(), "sign-on-seconds = 1".into()],
            named: "changed daemon",
            probe: |world| {
                Box::pin(async {
                    timeout(Duration::from_secs(3), world.login(Protocol::Imap, ANN, PASSWORD)).await.is_ok()
                })
            },
        },
        Row {
            key: "[queue] max-bytes",
            plan: copier("[queue]\nmax-bytes = 10000000\n"),
            lines: ["max-bytes = 10000000".into(), "max-bytes = 1".into()],
            named: "changed queue",
            probe: |world| {
                Box::pin(async { answer_to_a_message(world.greeted(Protocol::Smtp).await).await.starts_with("452 ") })
            },
        },
        Row {
            key: "limits of an [[account]]",
            plan: Plan { account: "limits = { recipients-per-day = 1000 }".into(), ..Plan::default() },
            lines: ["recipients-per-day = 1000".into(), "recipients-per-day = 1".into()],
            named: "accounts ~ann@contoso.example",
            probe: |world| Box::pin(async { answer_to_a_message(world.smtp_as_ann().await).await.starts_with("452 ") }),
        },
        Row {
            key: "recipients of a [[client]]",
            plan: copier("recipients = [\"*@contoso.example\"]\n"),
            lines: ["recipients = [\"*@contoso.example\"]".into(), "recipients = [\"*@tailspin.example\"]".into()],
            named: "clients ~copier",
            probe: |world| Box::pin(async { answer_to_rcpt(world).await.starts_with("550 ") }),
        },
        Row {
            key: "an [[account]] that is gone",
            plan: Plan { more: account(BOB, ""), signed_in: vec![ANN.into(), BOB.into()], ..Plan::default() },
            lines: [account(BOB, ""), String::new()],
            named: "accounts -bob@contoso.example",
            probe: |world| Box::pin(async { world.login(Protocol::Imap, BOB, PASSWORD).await.starts_with("a NO ") }),
        },
    ]
}

#[tokio::test]
async fn what_a_reload_says_that_it_took_over_has_its_effect_at_once() {
    for Row { key, plan, lines: [before, behind], named, probe } in rows() {
        let world = World::with(plan).await;
        assert!(!probe(&world).await, "{key}: before the reload");
        let change = world.reload(&before, &behind);
        assert_eq!(change.to_string(), named, "{key}");
        assert!(probe(&world).await, "{key}: behind the reload");
    }
}

#[tokio::test]
async fn who_came_in_by_the_consoles_old_password_is_out_behind_a_reload() {
    let world = World::with(with_console("old")).await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\npassword=old";
    let said = world.console("POST /door", form).await;
    let visit = said.lines().find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next()).expect(&said);
    let cookie = format!("Cookie: {visit}\r\n");
    let inside = async || world.console("GET /clients", &cookie).await.starts_with("HTTP/1.1 200 ");
    let ticket = world.daemon.console_link().unwrap();
    let ticket = ticket.split_once("/open").unwrap().1;
    assert!(inside().await);
    world.reload("[daemon]\n", "[daemon]\nsign-on-seconds = 54\n");
    assert!(inside().await, "another key is no reason");
    world.reload(&console_password("old"), &console_password("new"));
    assert!(!inside().await);
    let said = world.console(&format!("GET /open{ticket}"), "").await;
    assert!(said.starts_with("HTTP/1.1 401 "), "whoever knew it may have asked for a link: {said}");
}

/// That of a new account says where it goes. What is on this machine is asked without a proxy, so the provider has a name.
#[tokio::test]
async fn a_reload_takes_token_requests_through_another_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = World::with(Plan { signed_in: vec![ANN.into(), BOB.into()], ..Plan::default() }).await;
    world.ann_hears(Protocol::Imap, crate::world::IN).await;
    let named = "token-url = \"https://login.contoso.example/token\"";
    world.reload(&format!("token-url = \"{}\"", world.sandbox.token_url()), named);
    let network = format!("[network]\nhttp-proxy = \"http://{}\"\n", proxy.local_addr().unwrap());
    let change = world.reload("[network]\n", &network);
    assert_eq!(change.to_string(), "changed network");
    let file = world.dir.path().join("gatepost.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n{}", account(BOB, ""))).unwrap();
    world.daemon.reload(&config::load(&file).unwrap().0).unwrap();
    let mut bob = world.greeted(Protocol::Pop3).await;
    bob.exchange(&format!("USER {BOB}"), "+OK").await;
    bob.say(&format!("PASS {PASSWORD}")).await;
    let (mut asked, _) = timeout(Duration::from_secs(20), proxy.accept()).await.expect("it is asked").unwrap();
    let mut said = [0; 8];
    asked.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"CONNECT ");
}

#[tokio::test]
async fn a_drain_takes_the_time_that_the_last_reload_gave_it() {
    let world = World::with(Plan { daemon: "drain-seconds = 3600".into(), ..Plan::default() }).await;
    let _in_the_middle_of_a_message = world.smtp_in_data().await;
    let change = world.reload("drain-seconds = 3600", "drain-seconds = 1");
    assert_eq!(change.to_string(), "changed daemon");
    let start = Instant::now();
    timeout(Duration::from_secs(20), world.daemon.drain()).await.expect("within the new time");
    assert!(start.elapsed() >= Duration::from_millis(400), "the session had its time");
}

/// A fingerprint tells whether the file is still what runs.
#[tokio::test]
async fn another_password_of_the_console_or_of_a_client_is_another_configuration() {
    let device = |password: &str| {
        format!(
            "[[client]]\nname = \"app\"\naccount = \"{ANN}\"\nlogin = \"app\"\npassword = \"{}\"\n",
            cheap_hash(password)
        )
    };
    let world = World::with(Plan { more: device("old"), ..with_console("old") }).await;
    let file = world.dir.path().join("gatepost.toml");
    let now = || config::load(&file).unwrap().0.fingerprint().unwrap();
    let mut seen = vec![now()];
    for (before, behind) in [(console_password("old"), console_password("new")), (device("old"), device("new"))] {
        world.reload(&before, &behind);
        assert!(!seen.contains(&now()), "{behind}");
        seen.push(now());
    }
}

/// They would take the room of whoever signs on to the new app, such as `gatepost doctor --send`.
#[tokio::test]
async fn connections_of_an_app_that_a_reload_changed_are_closed_at_once_and_carry_nothing_more() {
    let world = World::with(Plan { app: "refresh-idle-days = 60".into(), ..Plan::default() }).await;
    let open = |world: &World| world.sandbox.counts().connections(Protocol::Smtp).open;
    let (mut stays, mut leaves) = (world.smtp_as_ann().await, world.smtp_as_ann().await);
    for smtp in [&mut stays, &mut leaves] {
        assert!(smtp.message("before").await.starts_with("250 "));
    }
    leaves.exchange("QUIT", "221 ").await;
    world.until("its connection is left over", |world| world.daemon.meter().board.list().len() == 1).await;
    assert_eq!((open(&world), world.sandbox.counts().sign_ons), (2, 2));

    world.reload("refresh-idle-days = 60", "refresh-idle-days = 61");
    world.until("what is left over is closed", |world| open(world) == 1).await;
    assert!(stays.message("behind").await.starts_with("250 "), "no session is dropped");
    assert_eq!(world.sandbox.counts().sign_ons, 3, "it signed on with the new one");
    world.until("and so is what a session had", |world| open(world) == 1).await;
}
