//! Accounts for whole domains (`*@contoso.example`): app-only with a file of passwords, or each mailbox signs in alone.

use std::{path::Path, time::SystemTime};

use gatepost::{
    base::Protocol,
    config::{self, Config, Surroundings},
    daemon::Daemon,
    sandbox::{CONFIDENTIAL_CLIENT, CONFIDENTIAL_SECRET, Options, Person, Sandbox},
    store::Store,
};

use crate::world::{
    ANN, BOB, FOR_GOOD, IN, PASSWORD, PROTOCOLS, Plan, Talk, WRONG, World, cheap_hash, journal, own_address, plain,
    until_so,
};

const CLEO: &str = "cleo@contoso.example";

/// A tenant of ann, bob, cleo and a shared mailbox, and a daemon that knows the domain alone.
struct Office {
    sandbox: Sandbox,
    daemon: Daemon,
    dir: tempfile::TempDir,
}

/// The word that a person of the file types.
fn word(person: &str) -> String {
    format!("{person}'s word")
}

fn line(user: &str) -> String {
    format!("{user}:{}\n", cheap_hash(&word(user.split('@').next().unwrap())))
}

impl Office {
    /// Its file of passwords holds these lines.
    async fn new(users: &str, more: &str) -> Self {
        journal();
        let mut options = Options::default();
        options.people.push(Person::new(CLEO));
        let sandbox = Sandbox::start(options).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), sandbox.ca_pem()).unwrap();
        std::fs::write(dir.path().join("users"), users).unwrap();
        let daemon = Daemon::start(&Self::config(&sandbox, dir.path(), more)).await.unwrap();
        Self { sandbox, daemon, dir }
    }

    fn config(sandbox: &Sandbox, dir: &Path, more: &str) -> Config {
        let listeners: String = PROTOCOLS
            .iter()
            .map(|protocol| format!("[[listener]]\nprotocol = \"{protocol}\"\nlisten = [\"127.0.0.1:0\"]\n"))
            .collect();
        let text = format!(
            "[store]\nurl = \"sqlite://{dir}/gatepost.db\"\nkey-file = \"{dir}/key\"\n\
             [console]\nlisten = \"127.0.0.1:0\"\n[network]\nca-file = \"{dir}/ca.pem\"\n{listeners}\
             [app.robot]\nprovider = \"microsoft365\"\ntenant = \"contoso.example\"\n\
             client-id = \"{CONFIDENTIAL_CLIENT}\"\nclient-secret = \"{CONFIDENTIAL_SECRET}\"\n\
             grant = \"client-credentials\"\ntoken-url = \"{token}\"\nsmtp = \"{smtp}\"\nimap = \"{imap}\"\npop3 = \"{pop3}\"\n\
             [[account]]\naddress = \"*@contoso.example\"\npasswords-file = \"users\"\n{more}",
            dir = dir.display(),
            token = sandbox.token_url(),
            smtp = sandbox.smtp(),
            imap = sandbox.imap(),
            pop3 = sandbox.pop3(),
        );
        let around = Surroundings::of_this_process(&dir.join("gatepost.toml"));
        config::check_text(&text, "gatepost.toml", &around).unwrap_or_else(|problems| panic!("{problems}\n{text}")).0
    }

    fn write_users(&self, users: &str) {
        std::fs::write(self.dir.path().join("users"), users).unwrap();
    }

    /// A stranger's client, greeted.
    async fn client(&self, protocol: Protocol) -> Talk {
        let bound = self.daemon.bound().iter().find(|bound| bound.protocol == protocol).unwrap();
        let mut talk = Talk::connect(own_address(), bound.address).await;
        talk.greeted(protocol).await;
        talk
    }

    async fn login(&self, protocol: Protocol, user: &str, password: &str) -> String {
        self.client(protocol).await.login(protocol, user, password).await
    }

    async fn hears(&self, user: &str, password: &str, answers: crate::world::Answers) {
        for protocol in PROTOCOLS {
            let said = self.login(protocol, user, password).await;
            assert!(said.starts_with(answers.of(protocol)), "{user} with {password:?} by {protocol}: {said}");
        }
    }
}

#[tokio::test]
async fn with_one_app_only_token_each_mailbox_opens_with_its_own_password_alone() {
    let office = Office::new(&format!("# sales\n{}{}", line("ann"), line(BOB)), "").await;
    for (user, person) in [(ANN, "ann"), ("Bob@Contoso.Example", "bob")] {
        office.hears(user, &word(person), IN).await;
    }
    // Somebody else's word, a mailbox without a line, one of another domain, names that are no addresses.
    for user in
        [BOB, CLEO, "shared@contoso.example", "ann@fabrikam.example", "ann", "*@contoso.example", "@contoso.example"]
    {
        office.hears(user, &word("ann"), WRONG).await;
    }
    for person in [ANN, BOB] {
        assert_eq!(office.sandbox.counts().mailbox(Protocol::Imap, person).total, 1, "{person} is in the own mailbox");
    }
    assert_eq!(office.sandbox.counts().mailbox(Protocol::Imap, CLEO).total, 0);
    assert_eq!(office.sandbox.counts().token_requests_total(), 1, "one token for all of them");
}

#[tokio::test]
async fn each_mailbox_of_a_domain_sends_as_itself_and_as_nobody_else() {
    let office = Office::new(&format!("{}{}", line("ann"), line("bob")), "").await;
    let mut smtp = office.client(Protocol::Smtp).await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain(ANN, &word("ann"))), "235 ").await;
    smtp.exchange(&format!("MAIL FROM:<{BOB}>"), "550 5.7.1 ").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("From: {ANN}\r\nSubject: x\r\n\r\nx\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 ").await;
    assert_eq!(office.sandbox.submissions()[0].from, ANN);
}

#[tokio::test]
async fn a_line_that_came_or_went_counts_at_once_and_open_sessions_go_on() {
    let office = Office::new(&line("ann"), "").await;
    let mut open = office.client(Protocol::Imap).await;
    assert!(open.login(Protocol::Imap, ANN, &word("ann")).await.starts_with("a OK"));
    office.hears(BOB, &word("bob"), WRONG).await;
    office.write_users(&line("bob"));
    office.hears(BOB, &word("bob"), IN).await;
    office.hears(ANN, &word("ann"), WRONG).await;
    for spoilt in ["bob\n", "bob:plain\n"] {
        office.write_users(&format!("{}{spoilt}", line("cleo")));
        office.hears(BOB, &word("bob"), IN).await;
        office.hears(CLEO, &word("cleo"), WRONG).await;
    }
    open.exchange("b NOOP", "b OK").await;
}

#[tokio::test]
async fn an_account_of_its_own_comes_before_its_domains() {
    let own = format!("[[account]]\naddress = \"{ANN}\"\napp = \"robot\"\npassword = \"{}\"\n", cheap_hash(PASSWORD));
    let office = Office::new(&format!("{}{}", line("ann"), line("bob")), &own).await;
    office.hears(ANN, PASSWORD, IN).await;
    office.hears(ANN, &word("ann"), WRONG).await;
    office.hears(BOB, &word("bob"), IN).await;
}

#[tokio::test]
async fn a_device_without_a_login_reaches_the_one_mailbox_that_its_rule_names() {
    let rule = format!("[[client]]\nname = \"copier\"\naccount = \"{BOB}\"\nfrom = [\"127.0.0.0/8\"]\n");
    let office = Office::new("", &rule).await;
    let mut smtp = office.client(Protocol::Smtp).await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "550 5.7.1 ").await;
    smtp.exchange(&format!("MAIL FROM:<{BOB}>"), "250 ").await;
    office.hears(BOB, "anything", WRONG).await;
}

#[tokio::test]
async fn a_reload_brings_and_takes_a_domain_and_open_sessions_go_on() {
    let office = Office::new(&line("ann"), "").await;
    let mut open = office.client(Protocol::Imap).await;
    assert!(open.login(Protocol::Imap, ANN, &word("ann")).await.starts_with("a OK"));
    let with = Office::config(&office.sandbox, office.dir.path(), "");
    let other = format!("[[account]]\naddress = \"{BOB}\"\napp = \"robot\"\npassword = \"{}\"\n", cheap_hash(PASSWORD));
    let mut without = Office::config(&office.sandbox, office.dir.path(), &other);
    let domain = without.domains.remove(0);
    assert_eq!(config::diff(&with, &without).accounts.removed, ["*@contoso.example"]);
    assert_eq!(config::diff(&without, &with).accounts.added, ["*@contoso.example"]);
    let mut changed = with.clone();
    changed.domains[0] = std::sync::Arc::new(gatepost::account::Domain {
        send_as: vec!["*@contoso.example".into()],
        ..(*domain).clone()
    });
    assert_eq!(config::diff(&with, &changed).accounts.changed, ["*@contoso.example"]);
    assert!(config::diff(&with, &with).is_empty(), "the lines of the file are none of the configuration");
    office.daemon.reload(&without).unwrap();
    office.hears(ANN, &word("ann"), WRONG).await;
    open.exchange("b NOOP", "b OK").await;
    office.daemon.reload(&with).unwrap();
    office.hears(ANN, &word("ann"), IN).await;
}

/// ann has an account of her own; the others are of the domain and sign in alone.
fn each_signs_in(password: &str, signed_in: &[&str]) -> Plan {
    let mut plan = Plan {
        more: format!("[[account]]\naddress = \"*@contoso.example\"\napp = \"contoso\"\n{password}\n"),
        files: vec![("users", format!("{}{}", line("bob"), line("cleo")))],
        signed_in: signed_in.iter().map(|person| (*person).to_owned()).collect(),
        ..Plan::default()
    };
    plan.sandbox.people.push(Person::new(CLEO));
    plan.more = plan.more.replace("users\"", "{dir}/users\"");
    plan
}

const FILE: &str = "passwords-file = \"users\"";

#[tokio::test]
async fn where_each_signs_in_one_who_did_is_served_and_another_is_told_how() {
    let world = World::with(each_signs_in(FILE, &[BOB])).await;
    for protocol in PROTOCOLS {
        let said = world.stranger(protocol).await.login(protocol, BOB, &word("bob")).await;
        assert!(said.starts_with(IN.of(protocol)), "{said}");
        let said = world.stranger(protocol).await.login(protocol, CLEO, &word("cleo")).await;
        assert!(said.starts_with(FOR_GOOD.of(protocol)) && said.contains(&format!("gatepost login {CLEO}")), "{said}");
        let said = world.stranger(protocol).await.login(protocol, ANN, &word("bob")).await;
        assert!(said.starts_with(WRONG.of(protocol)), "{said}");
    }
    assert_eq!(world.token_requests(), 1, "bob's alone");
    world.sign_in(CLEO).await;
    let said = world.stranger(Protocol::Imap).await.login(Protocol::Imap, CLEO, &word("cleo")).await;
    assert!(said.starts_with("a OK"), "at once after the sign-in: {said}");
    let world = world.restarted().await;
    let said = world.stranger(Protocol::Imap).await.login(Protocol::Imap, BOB, &word("bob")).await;
    assert!(said.starts_with("a OK"), "after a restart: {said}");
}

#[tokio::test]
async fn a_first_password_is_learned_for_the_one_mailbox_whose_sign_in_armed_it() {
    let world = World::with(each_signs_in("password = \"first-use\"", &[BOB, CLEO])).await;
    let login = async |user: &str, password: &str| {
        world.stranger(Protocol::Imap).await.login(Protocol::Imap, user, password).await
    };
    assert!(login(BOB, "chosen").await.starts_with(WRONG.imap), "not armed");
    let store = Store::open(&world.store_settings()).await.unwrap();
    let until = SystemTime::now() + std::time::Duration::from_secs(600);
    store.arm_first_use(BOB, &gatepost::store::Arming { until, uid: None }).await.unwrap();
    assert!(login(CLEO, "chosen").await.starts_with(WRONG.imap), "armed for somebody else");
    assert!(login(BOB, "chosen").await.starts_with(IN.imap));
    assert!(login(BOB, "another").await.starts_with(WRONG.imap));
    assert!(login(CLEO, "chosen").await.starts_with(WRONG.imap));
}

#[tokio::test]
async fn a_logout_of_one_mailbox_is_final_and_nobody_elses() {
    let world = World::with(each_signs_in(FILE, &[BOB, CLEO])).await;
    let login = async |user: &str, password: &str| {
        world.stranger(Protocol::Imap).await.login(Protocol::Imap, user, password).await
    };
    assert!(login(BOB, &word("bob")).await.starts_with(IN.imap));
    let store = Store::open(&world.store_settings()).await.unwrap();
    store.delete_tokens(&format!("contoso/{BOB}")).await.unwrap();
    assert!(login(BOB, &word("bob")).await.starts_with(FOR_GOOD.imap));
    assert!(login(CLEO, &word("cleo")).await.starts_with(IN.imap));
}

/// `/api/status` as the holder of the console's token sees it.
pub async fn status(console: std::net::SocketAddr, dir: &Path) -> serde_json::Value {
    let token = std::fs::read_to_string(dir.join("gatepost.db.token")).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.get(format!("http://{console}/api/status")).bearer_auth(token.trim());
    serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
}

fn addresses(status: &serde_json::Value) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let accounts = status["accounts"].as_array().unwrap();
    accounts.iter().map(|one| (text(&one["address"]), text(&one["sign-in"]["phase"]))).collect()
}

#[tokio::test]
async fn the_status_lists_the_mailboxes_that_are_signed_in_or_were_used_and_counts_them() {
    let world = World::with(each_signs_in(FILE, &[BOB])).await;
    let console = world.daemon.console_at().unwrap();
    let listed = async || addresses(&status(console, world.dir.path()).await);
    // Nobody asked for bob yet; the walk of the store finds him.
    until_so("bob is told of", std::time::Duration::from_secs(10), async || listed().await.len() == 2).await;
    assert_eq!(listed().await[1], (BOB.to_owned(), "ready".to_owned()));
    let said = world.stranger(Protocol::Imap).await.login(Protocol::Imap, CLEO, &word("cleo")).await;
    assert!(said.starts_with(FOR_GOOD.imap));
    let all = status(console, world.dir.path()).await;
    let last = addresses(&all).pop().unwrap();
    assert_eq!(last, (CLEO.to_owned(), "sign-in-needed".to_owned()));
    assert_eq!(all["accounts"][1]["domain"], "*@contoso.example");
    assert_eq!((all["domains"][0]["users"].as_u64(), all["domains"][0]["mailboxes"].as_u64()), (Some(2), Some(2)));
    let metrics = world.metrics().await;
    assert!(metrics.contains("gatepost_sign_ins{phase=\"sign-in-needed\"} 2\n"), "ann and cleo: {metrics}");

    let office = Office::new(&line("bob"), "").await;
    office.hears(BOB, &word("bob"), IN).await;
    let all = status(office.daemon.console_at().unwrap(), office.dir.path()).await;
    assert_eq!(addresses(&all), [(BOB.to_owned(), "ready".to_owned())], "app-only: who was used");
}
