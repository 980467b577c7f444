//! The directory of the tenant, and the access tokens that are good for it.
//!
//! Tokens look like Entra's (three dotted parts, readable claims), but they are good because they are in the
//! table here: Exchange never checks a signature.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError, RwLock},
    time::Duration,
};

use aws_lc_rs::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    exchange::faults::Right,
    faults::Switchboard,
    options::{Options, Person, Registration},
};
use crate::base::{Protocol, Secret};

/// The tenant's id, as it shows in tokens and URLs.
pub const TENANT_ID: &str = "c0ffee00-0000-4000-8000-00000000cafe";
/// Enough for any test; the oldest expired ones go first.
const TOKENS: usize = 100_000;

pub(super) struct Tenant {
    people: Vec<Person>,
    apps: RwLock<HashMap<String, Registration>>,
    faults: Switchboard,
    token_length: usize,
    key: hmac::Key,
    access: Mutex<HashMap<String, Access>>,
}

/// What an access token stands for.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub holder: Holder,
    /// `https://outlook.office.com` or `https://graph.microsoft.com`.
    pub audience: String,
    pub scopes: Vec<String>,
    pub expires: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Person(String),
    /// An application with FullAccess and Send As everywhere.
    App(String),
}

impl Access {
    /// Whether this token was issued for a mail protocol.
    pub(super) fn covers(&self, protocol: Protocol) -> bool {
        let wanted = match protocol {
            Protocol::Smtp => "SMTP.Send",
            Protocol::Imap => "IMAP.AccessAsUser.All",
            Protocol::Pop3 => "POP.AccessAsUser.All",
        };
        let named = |scope: &String| {
            let name = scope.rsplit('/').next().unwrap_or_default();
            name.eq_ignore_ascii_case(wanted) || name == ".default"
        };
        is_exchange(&self.audience) && self.scopes.iter().any(named)
    }
}

/// Hosts that name the Exchange Online resource (and its sovereign clouds).
pub(super) fn is_exchange(resource: &str) -> bool {
    const HOSTS: [&str; 4] =
        ["outlook.office.com", "outlook.office365.com", "outlook.office365.us", "partner.outlook.cn"];
    resource.strip_prefix("https://").is_some_and(|host| HOSTS.contains(&host))
}

/// Hosts of Graph, one for each cloud.
pub(super) const GRAPHS: [&str; 4] = [
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
];

pub(super) fn is_graph(resource: &str) -> bool {
    GRAPHS.contains(&resource)
}

impl Tenant {
    pub(super) fn new(options: &Options, faults: Switchboard) -> Self {
        let apps = options.apps.iter().map(|app| (app.client_id.clone(), app.clone())).collect();
        Self {
            people: options.people.clone(),
            apps: RwLock::new(apps),
            faults,
            token_length: options.token_length,
            key: hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()),
            access: Mutex::default(),
        }
    }

    pub(super) fn person(&self, address: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.address.eq_ignore_ascii_case(address))
    }

    pub(super) fn people(&self) -> &[Person] {
        &self.people
    }

    /// Whether `holder` may open this mailbox: its own, or as a delegate (MS-OAuth-doc, nextcloud/mail #13667).
    pub(super) fn may_use(&self, holder: &Holder, mailbox: &str) -> bool {
        let Some(owner) = self.person(mailbox) else { return false };
        match holder {
            Holder::App(_) => true,
            Holder::Person(address) if address.eq_ignore_ascii_case(&owner.address) => true,
            Holder::Person(address) => self
                .changed(Right::FullAccess, address, mailbox)
                .unwrap_or_else(|| is_one_of(address, owner.delegates.iter().chain(&owner.on_behalf))),
        }
    }

    fn changed(&self, right: Right, who: &str, mailbox: &str) -> Option<bool> {
        self.faults.read(|faults| faults.exchange.may(right, who, mailbox))
    }

    /// Whether who signed on to the mailbox `user` has Send As on `address`: every mailbox has it on itself, and an app what
    /// was given to it besides.
    pub(super) fn may_send_as(&self, holder: &Holder, user: &str, address: &str) -> bool {
        let Some(owner) = self.person(address) else { return false };
        let is_given = |app: &String| self.changed(Right::SendAs, &object_id(app), address) == Some(true);
        user.eq_ignore_ascii_case(&owner.address)
            || matches!(holder, Holder::App(app) if is_given(app))
            || self.changed(Right::SendAs, user, address).unwrap_or_else(|| is_one_of(user, owner.delegates.iter()))
    }

    /// The same for Send on Behalf, which lies in Send As.
    pub(super) fn may_send_on_behalf(&self, holder: &Holder, user: &str, address: &str) -> bool {
        let granted = self.person(address).is_some_and(|owner| is_one_of(user, owner.on_behalf.iter()));
        granted || self.may_send_as(holder, user, address)
    }

    pub(super) fn app(&self, client_id: &str) -> Option<Registration> {
        self.apps.read().unwrap_or_else(PoisonError::into_inner).get(client_id).cloned()
    }

    /// The ids of those that act by themselves, in order.
    pub(super) fn apps_alone(&self) -> Vec<String> {
        let apps = self.apps.read().unwrap_or_else(PoisonError::into_inner);
        let mut ids: Vec<String> =
            apps.values().filter(|app| !app.is_public()).map(|app| app.client_id.clone()).collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn has_app_of(&self, object: &str) -> bool {
        self.apps_alone().iter().any(|app| object_id(app).eq_ignore_ascii_case(object))
    }

    pub(super) fn register(&self, app: Registration) {
        self.apps.write().unwrap_or_else(PoisonError::into_inner).insert(app.client_id.clone(), app);
    }

    /// A new access token.
    pub(super) fn issue(
        &self,
        holder: Holder,
        client_id: &str,
        audience: &str,
        scopes: &[String],
        life: Duration,
    ) -> Secret {
        let token = self.write(&holder, client_id, audience, scopes, life);
        let access =
            Access { holder, audience: audience.into(), scopes: scopes.to_vec(), expires: Instant::now() + life };
        let mut table = self.access.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= TOKENS {
            let now = Instant::now();
            table.retain(|_, access| access.expires > now);
        }
        table.insert(token.clone(), access);
        Secret::new(token)
    }

    /// What a token stands for, unless it has expired or was revoked.
    pub(super) fn look(&self, token: &str) -> Option<Access> {
        let table = self.access.lock().unwrap_or_else(PoisonError::into_inner);
        table.get(token).filter(|access| access.expires > Instant::now()).cloned()
    }

    /// Makes every access token of this person (or client id) bad.
    pub(super) fn revoke(&self, holder: &str) {
        let mut table = self.access.lock().unwrap_or_else(PoisonError::into_inner);
        table.retain(|_, access| match &access.holder {
            Holder::Person(name) | Holder::App(name) => !name.eq_ignore_ascii_case(holder),
        });
    }

    fn write(&self, holder: &Holder, client_id: &str, audience: &str, scopes: &[String], life: Duration) -> String {
        let now = jiff::Timestamp::now().as_second();
        let names: Vec<&str> = scopes.iter().filter_map(|scope| scope.rsplit('/').next()).collect();
        let mut claims = json!({
            "aud": audience, "iss": format!("https://sts.windows.net/{TENANT_ID}/"), "tid": TENANT_ID,
            "iat": now, "nbf": now, "exp": now + life.as_secs() as i64, "appid": client_id, "ver": "1.0",
            "uti": URL_SAFE_NO_PAD.encode(random::<12>()),
        });
        match holder {
            Holder::Person(address) => {
                put(&mut claims, "upn", json!(address));
                put(&mut claims, "scp", json!(names.join(" ")));
            }
            Holder::App(_) => {
                put(&mut claims, "idtyp", json!("app"));
                put(&mut claims, "oid", json!(object_id(client_id)));
                let by_rbac = self.app(client_id).is_some_and(|app| app.sends_by_rbac);
                let roles: &[&str] = match (is_graph(audience), by_rbac) {
                    (true, true) => &[],
                    (true, false) => &["Mail.Send"],
                    (false, true) => &["IMAP.AccessAsApp", "POP.AccessAsApp"],
                    (false, false) => &["IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp"],
                };
                put(&mut claims, "roles", json!(roles));
            }
        }
        let head = URL_SAFE_NO_PAD.encode(br#"{"typ":"JWT","alg":"HS256"}"#);
        // Padding goes in as a claim, so that the token stays readable at any length.
        let bare = head.len() + 2 + 43 + (claims.to_string().len() * 4).div_ceil(3);
        let missing = self.token_length.saturating_sub(bare + 14);
        if missing > 0 {
            let pad: String = random_text(missing * 3 / 4);
            put(&mut claims, "xms_pad", json!(pad));
        }
        let body = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, body.as_bytes()));
        format!("{body}.{signature}")
    }
}

/// Of the enterprise application of this app, which is another id than the app's.
pub fn object_id(client_id: &str) -> String {
    format!("0b1ec7{}", client_id.get(6..).unwrap_or_default())
}

fn is_one_of<'a>(address: &str, mut all: impl Iterator<Item = &'a String>) -> bool {
    all.any(|one| one.eq_ignore_ascii_case(address))
}

/// Random bytes; without a random source there is nothing left to do but zeros, which no test would miss.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let _ = SystemRandom::new().fill(&mut bytes);
    bytes
}

/// Random text of the URL-safe base64 alphabet.
pub(super) fn random_text(length: usize) -> String {
    let mut bytes = vec![0; length];
    let _ = SystemRandom::new().fill(&mut bytes);
    let mut text = URL_SAFE_NO_PAD.encode(bytes);
    text.truncate(length);
    text
}

/// Sets a field of a JSON object; anything else is left alone.
pub(super) fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{CONFIDENTIAL_CLIENT, Granted};

    fn exchange() -> (&'static str, Vec<String>) {
        ("https://outlook.office.com", vec!["https://outlook.office.com/IMAP.AccessAsUser.All".into()])
    }

    #[test]
    fn a_token_has_about_the_length_asked_for_and_readable_claims() {
        let tenant = Tenant::new(&Options::default(), Switchboard::default());
        let (audience, scopes) = exchange();
        let holder = Holder::Person("ann@contoso.example".into());
        let token = tenant.issue(holder, "app", audience, &scopes, Duration::from_secs(60));
        assert!((1790..=1810).contains(&token.len()), "{}", token.len());
        let claims = token.expose().split('.').nth(1).expect("three parts");
        let claims: serde_json::Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("json");
        assert_eq!(claims["upn"], "ann@contoso.example");
        assert_eq!(claims["scp"], "IMAP.AccessAsUser.All");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_ends_with_its_life_or_its_revocation() {
        let tenant = Tenant::new(&Options::default(), Switchboard::default());
        let (audience, scopes) = exchange();
        let ann = || Holder::Person("ann@contoso.example".into());
        let short = tenant.issue(ann(), "app", audience, &scopes, Duration::from_secs(60));
        let long = tenant.issue(ann(), "app", audience, &scopes, Duration::from_secs(600));
        let access = tenant.look(short.expose()).expect("good");
        assert!(access.covers(Protocol::Imap) && !access.covers(Protocol::Smtp));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(tenant.look(short.expose()).is_none());
        assert!(tenant.look(long.expose()).is_some());
        tenant.revoke("ANN@contoso.example");
        assert!(tenant.look(long.expose()).is_none());
    }

    #[test]
    fn a_delegate_may_use_a_shared_mailbox_and_nobody_elses() {
        let tenant = Tenant::new(&Options::default(), Switchboard::default());
        let ann = Holder::Person("ann@contoso.example".into());
        assert!(tenant.may_use(&ann, "Shared@contoso.example"));
        assert!(!tenant.may_use(&ann, "bob@contoso.example"));
        assert!(tenant.may_use(&Holder::App("x".into()), "bob@contoso.example"));
        assert!(!tenant.may_use(&Holder::App("x".into()), "nobody@contoso.example"));
    }

    #[test]
    fn send_on_behalf_is_less_than_send_as_and_full_access_is_in_both() {
        let mut options = Options::default();
        let (ann, desk) = ("ann@contoso.example", "desk@contoso.example");
        options.people.push(Person::shared_on_behalf(desk, [ann.to_owned()]));
        let tenant = Tenant::new(&options, Switchboard::default());
        assert!(tenant.may_use(&Holder::Person(ann.into()), desk));
        let of = |one: &str| Holder::Person(one.into());
        assert!(!tenant.may_send_as(&of(ann), ann, desk) && tenant.may_send_on_behalf(&of(ann), ann, desk));
        let shared = "shared@contoso.example";
        assert!(tenant.may_send_as(&of(ann), ann, shared) && tenant.may_send_on_behalf(&of(ann), ann, shared));
        let bob = "bob@contoso.example";
        assert!(!tenant.may_send_on_behalf(&of(bob), bob, desk));
    }

    #[test]
    fn what_a_rehearsal_takes_an_administrator_grants_and_nobody_loses_the_own_mailbox() {
        let faults = Switchboard::default();
        let tenant = Tenant::new(&Options::default(), faults.clone());
        let (ann, shared) = ("ann@contoso.example", "shared@contoso.example");
        let of_ann = Holder::Person(ann.into());
        let rights = || (tenant.may_use(&of_ann, shared), tenant.may_send_as(&of_ann, ann, shared));
        faults.set(|faults| faults.apply("full-access-missing") && faults.apply("send-as-missing"));
        assert_eq!(rights(), (false, false));
        assert!(tenant.may_use(&of_ann, ann) && tenant.may_send_as(&of_ann, ann, ann));
        let grant = |right| {
            let granted = Granted { right, mailbox: shared.to_uppercase(), to: ann.into() };
            faults.set(|faults| faults.exchange.granted.push(granted));
        };
        grant(Right::SendAs);
        assert_eq!(rights(), (false, true));
        grant(Right::FullAccess);
        assert_eq!(rights(), (true, true));
    }

    #[test]
    fn send_as_that_was_given_to_an_app_is_of_that_app_alone_whatever_mailbox_it_signs_on_to() {
        let faults = Switchboard::default();
        let tenant = Tenant::new(&Options::default(), faults.clone());
        let (bob, shared) = ("bob@contoso.example", "shared@contoso.example");
        let may = |holder| tenant.may_send_as(&holder, bob, shared);
        let to = object_id(CONFIDENTIAL_CLIENT);
        faults.set(|faults| {
            faults.apply("send-as-missing");
            faults.exchange.granted.push(Granted { right: Right::SendAs, mailbox: shared.into(), to });
        });
        assert!(may(Holder::App(CONFIDENTIAL_CLIENT.into())));
        assert!(!may(Holder::App("another".into())) && !may(Holder::Person(bob.into())));
    }
}
