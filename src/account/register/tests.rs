use std::{
    net::SocketAddr,
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use url::Url;

use super::*;
use crate::{
    account::{self, PasswordsFile, Rules, Sending},
    base::{Kind, Sasl, Secret},
    net::{Upstream, UpstreamTls},
    oauth::{App, AppCredential, DomainSignIns, Grant, Rotation, SignIn},
    store::{Arming, Settings},
};

const ANN: &str = "ann@contoso.example";

struct Office {
    register: Register,
    passwords: Passwords,
    guesses: Guesses,
    store: Store,
    _dir: tempfile::TempDir,
}

impl Office {
    async fn new(password: LocalPassword) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("gatepost.db").display());
        let store = Store::open(&Settings { url, key_file: dir.path().join("key"), key: None }).await.unwrap();
        let account = Arc::new(account(password.clone()));
        let client = Client {
            name: "copier".into(),
            account: account.clone(),
            from: vec![crate::net::IpNet { base: [192, 0, 2, 0].into(), prefix: 24 }],
            login: Some("copier".into()),
            password: account::hash(&Secret::new("pw")),
            rules: Rules::default(),
        };
        Self {
            register: Register::new(&[account], &[], &[Arc::new(client)]),
            passwords: Passwords::new().unwrap(),
            guesses: Guesses::default(),
            store,
            _dir: dir,
        }
    }

    async fn login(&self, from: [u8; 4], claim: Claim) -> Result<Admitted, Fault> {
        let soon = Instant::now() + Duration::from_secs(60);
        let peer = Peer::direct(SocketAddr::from((from, 40_000)));
        self.register.admit(&claim, peer, soon, &self.passwords, &self.guesses, &self.store).await
    }
}

fn account(password: LocalPassword) -> Account {
    let url = |path: &str| Url::parse(&format!("http://127.0.0.1:1/{path}")).unwrap();
    let upstream = Upstream { host: "127.0.0.1".into(), port: 1, tls: UpstreamTls::Implicit };
    let app = App {
        name: "contoso".into(),
        provider: "custom".into(),
        tenant: String::new(),
        client_id: "id".into(),
        credential: AppCredential::None,
        secret_at: None,
        grant: Grant::AuthorizationCode,
        redirect_uri: None,
        scopes: Vec::new(),
        resource: None,
        authorize_url: url("authorize"),
        token_url: url("token"),
        device_url: None,
        revoke_url: None,
        authorize_extra: Vec::new(),
        pkce: true,
        rotation: Rotation::OldStaysValid,
        refresh_idle_life: None,
        sasl: Sasl::Xoauth2,
        smtp: upstream.clone(),
        imap: upstream.clone(),
        pop3: upstream,
        smtp_capabilities: Vec::new(),
        imap_capabilities: Vec::new(),
        imap_is_known: false,
        graph: None,
    };
    Account {
        address: ANN.into(),
        password,
        sign_in: Arc::new(SignIn::of(ANN, app)),
        imap_user: ANN.into(),
        smtp_user: ANN.into(),
        send_as: vec![ANN.into()],
        has_send_as_line: false,
        sending: Sending::default(),
        domain: None,
        proxies: Default::default(),
    }
}

fn claim(login: &str, password: &str, authzid: Option<&str>) -> Claim {
    let authzid = authzid.map(str::to_owned);
    Claim { login: login.into(), password: Secret::new(password), authzid, mechanism: "AUTH PLAIN" }
}

/// No clock can tell a user that exists from one that does not: each refusal is one check, against a hash of equal
/// cost, and the same words.
#[tokio::test]
async fn an_unknown_user_costs_exactly_the_check_that_a_known_one_costs() {
    let office = Office::new(LocalPassword::Hash(account::hash(&Secret::new("pw")).unwrap())).await;
    let refused = [
        claim(ANN, "wrong", None),
        claim("nobody@contoso.example", "pw", None),
        claim(ANN, "pw", Some("bob@contoso.example")),
        // A rule that does not hold for this address.
        claim("copier", "pw", None),
        claim("", "", None),
    ];
    let mut heard = Vec::new();
    for (n, claim) in refused.into_iter().enumerate() {
        let fault = office.login([198, 51, 100, n as u8], claim).await.unwrap_err();
        assert_eq!(office.passwords.checked.load(Ordering::Relaxed), n + 1);
        heard.push(fault.to_string());
    }
    assert!(heard.iter().all(|said| said == &heard[0]), "{heard:?}");
    assert!(office.login([192, 0, 2, 1], claim("copier", "pw", None)).await.is_ok());
}

/// The same of a whole domain: who has a line, who has none, and who is of another domain.
#[tokio::test]
async fn a_mailbox_of_a_domain_costs_one_check_whether_it_has_a_line_or_not() {
    let mut office = Office::new(LocalPassword::None).await;
    let users = office._dir.path().join("users");
    std::fs::write(&users, format!("bob:{}\n", account::hash(&Secret::new("pw")).unwrap().expose())).unwrap();
    let file = PasswordsFile::open(users, "contoso.example").unwrap();
    let app = account(LocalPassword::None).sign_in.app.clone();
    let domain = Domain {
        sign_ins: DomainSignIns { app, domain: "contoso.example".into() },
        password: LocalPassword::File(Arc::new(file)),
        send_as: Vec::new(),
        sending: Sending::default(),
        proxies: Default::default(),
    };
    let listed = Arc::new(account(LocalPassword::None));
    office.register = Register::new(&[listed], &[Arc::new(domain)], &[]);
    let mut heard = Vec::new();
    let names = ["bob@contoso.example", "nobody@contoso.example", "bob@other.example", "a b@contoso.example", ANN];
    for (n, name) in names.into_iter().enumerate() {
        let password = if name == "bob@contoso.example" { "wrong" } else { "pw" };
        let fault = office.login([198, 51, 100, n as u8], claim(name, password, None)).await.unwrap_err();
        assert_eq!(office.passwords.checked.load(Ordering::Relaxed), n + 1, "{name}");
        heard.push(fault.to_string());
    }
    assert!(heard.iter().all(|said| said == &heard[0]), "{heard:?}");
    let admitted = office.login([192, 0, 2, 1], claim("BOB@Contoso.Example", "pw", None)).await.unwrap();
    let bob = &admitted.account;
    assert_eq!((bob.address.as_str(), bob.imap_user.as_str(), bob.smtp_user.as_str()), (names[0], names[0], names[0]));
    assert!(bob.may_send_as(names[0]) && !bob.may_send_as(ANN));
}

#[tokio::test]
async fn of_two_first_logins_at_once_with_the_same_password_both_are_let_in() {
    // From one source they take turns; from two they are really at once.
    for (one, other) in [([127, 0, 0, 1], [127, 0, 0, 1]), ([127, 0, 0, 1], [127, 0, 0, 2])] {
        let office = Office::new(LocalPassword::FirstUse).await;
        let arming = Arming { until: SystemTime::now() + Duration::from_secs(600), uid: None };
        office.store.arm_first_use(ANN, &arming).await.unwrap();
        let (one, other) = tokio::join!(
            office.login(one, claim(ANN, "chosen", None)),
            office.login(other, claim(ANN, "chosen", None))
        );
        assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    }
}

#[tokio::test]
async fn a_check_that_cannot_be_done_in_time_is_told_as_busy() {
    let office = Office::new(LocalPassword::Hash(account::hash(&Secret::new("pw")).unwrap())).await;
    let now = Instant::now();
    let peer = Peer::direct(SocketAddr::from(([192, 0, 2, 1], 40_000)));
    let claim = claim(ANN, "pw", None);
    let late = office.register.admit(&claim, peer, now, &office.passwords, &office.guesses, &office.store);
    let fault = late.await.unwrap_err();
    assert_eq!((fault.id, fault.kind), ("password-check-busy", Kind::TooBusy));
}

/// The arming names no user, so that nothing but the header stands in the way.
#[tokio::test]
async fn a_client_that_a_proxy_names_never_uses_first_use_also_where_it_is_named_loopback() {
    let office = Office::new(LocalPassword::FirstUse).await;
    let arming = Arming { until: SystemTime::now() + Duration::from_secs(600), uid: None };
    office.store.arm_first_use(ANN, &arming).await.unwrap();
    let direct = Peer::direct(SocketAddr::from(([127, 0, 0, 1], 40_000)));
    for (peer, admitted) in [(Peer { told: true, ..direct }, false), (direct, true)] {
        let (soon, claim) = (Instant::now() + Duration::from_secs(60), claim(ANN, "chosen", None));
        let Office { register, passwords, guesses, store, .. } = &office;
        let answer = register.admit(&claim, peer, soon, passwords, guesses, store).await;
        assert_eq!(answer.is_ok(), admitted, "{peer:?}: {answer:?}");
    }
}

/// What a first login from `peer` with this password hears, ten minutes from now if `armed`.
async fn first_login(arming: Arming, peer: Peer, typed: &str) -> Result<Admitted, Fault> {
    let Office { register, passwords, guesses, store, _dir } = Office::new(LocalPassword::FirstUse).await;
    store.arm_first_use(ANN, &arming).await.unwrap();
    let (soon, claim) = (Instant::now() + Duration::from_secs(60), claim(ANN, typed, None));
    register.admit(&claim, peer, soon, &passwords, &guesses, &store).await
}

#[tokio::test]
async fn first_use_learns_in_time_on_this_machine_and_no_empty_password() {
    let (here, elsewhere) = ([127, 0, 0, 1], [192, 0, 2, 1]);
    let now = SystemTime::now();
    let (open, over) = (now + Duration::from_secs(600), now - Duration::from_secs(600));
    let cases = [
        (open, here, "chosen", true),
        (over, here, "chosen", false),
        (open, elsewhere, "chosen", false),
        (open, here, "", false),
    ];
    for (until, from, typed, admitted) in cases {
        let peer = Peer::direct(SocketAddr::from((from, 40_000)));
        let answer = first_login(Arming { until, uid: None }, peer, typed).await;
        assert_eq!(answer.is_ok(), admitted, "{from:?} {typed:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn first_use_learns_from_the_user_that_signed_in_only() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (_stream, from) = listener.accept().await.unwrap();
    let own = rustix::process::getuid().as_raw();
    let until = SystemTime::now() + Duration::from_secs(600);
    for (uid, admitted) in [(own, true), (own + 1, false)] {
        let answer = first_login(Arming { until, uid: Some(uid) }, Peer::direct(from), "chosen").await;
        assert_eq!(answer.is_ok(), admitted, "{uid}");
    }
}

#[tokio::test]
async fn a_client_without_addresses_may_come_from_anywhere_and_one_without_a_login_by_its_address_alone() {
    let account = Arc::new(account(LocalPassword::None));
    let client = |name: &str, from: &[[u8; 4]], login: Option<&str>| {
        let from = from.iter().map(|base| crate::net::IpNet { base: (*base).into(), prefix: 24 }).collect();
        let password = login.and_then(|_| account::hash(&Secret::new("pw")));
        Arc::new(Client {
            name: name.into(),
            account: account.clone(),
            from,
            login: login.map(str::to_owned),
            password,
            rules: Rules::default(),
        })
    };
    let mut office = Office::new(LocalPassword::None).await;
    let rules = [client("program", &[], Some("program")), client("printer", &[[192, 0, 2, 0]], None)];
    office.register = Register::new(std::slice::from_ref(&account), &[], &rules);
    let admitted = office.login([198, 51, 100, 1], claim("Program", "pw", None)).await.unwrap();
    assert_eq!(admitted.client_name(), "program");
    let by_address = |from: [u8; 4]| office.register.by_address(from.into());
    assert_eq!(by_address([192, 0, 2, 9]).unwrap().client_name(), "printer");
    assert!(by_address([198, 51, 100, 1]).is_none());
    assert_eq!(office.register.apps().len(), 1);
    assert_eq!(Admitted { account, client: None }.client_name(), "login");
}

#[test]
fn a_rule_for_a_domain_allows_its_plain_local_parts_and_nothing_that_is_read_in_two_ways() {
    let mut account = account(LocalPassword::None);
    account.send_as = vec!["*@contoso.example".into(), "bob@other.example".into()];
    for mine in ["", "ann.b+c@Contoso.example", "BOB@other.example"] {
        assert!(account.may_send_as(mine), "{mine:?}");
    }
    for local in ["", "a b", "a\tb", "a\u{7f}b", "\"a\"", "a@b", "a,b", "<a"] {
        assert!(!account.may_send_as(&format!("{local}@contoso.example")), "{local:?}");
    }
    for other in ["ann@other.example", "ann@sub.contoso.example", "contoso.example"] {
        assert!(!account.may_send_as(other), "{other:?}");
    }
}
