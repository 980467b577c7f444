//! What an access token says: for whom, for what, of which tenant, until when. The token itself is never shown.
//!
//! Microsoft's are JWTs that a client should not rely on, and may read to find out what is wrong (they say so
//! themselves); others are opaque, and are said to be. Signatures are not looked at: it came from the provider.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

use super::{
    look::Look,
    next::Who,
    report::{Check, Layer, Outcome},
    scope::{Scope, protocols, sends_by_smtp},
    token::Got,
    words::{Name, Said},
};
use crate::{
    account::Account,
    base::{Protocol, Secret, printable},
    catalog::{
        doctor::{SOMEBODY_ELSE_SIGNED_IN, TOKEN_AUDIENCE_WRONG, TOKEN_PERMISSION_MISSING, TOKEN_TENANT_DIFFERS},
        sign_on::{SMTP_AUTH_DISABLED_MAILBOX, SMTP_AUTH_DISABLED_TENANT},
        token::GRAPH_CONSENT_MISSING,
    },
    config::Config,
    oauth::{App, Resource},
};

/// Of a part of a token; more is none.
const MOST: usize = 64 * 1024;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Claims {
    aud: Audience,
    /// Delegated permissions, one blank between them.
    scp: String,
    /// Those of an app by itself.
    roles: Vec<String>,
    tid: String,
    appid: String,
    azp: String,
    oid: String,
    upn: String,
    preferred_username: String,
}

/// RFC 7519 4.1.3: one, or a list.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Default for Audience {
    fn default() -> Self {
        Self::One(String::new())
    }
}

impl Audience {
    fn list(&self) -> Vec<&str> {
        match self {
            Self::One(one) => vec![one.as_str()],
            Self::Many(many) => many.iter().map(String::as_str).collect(),
        }
    }
}

impl Claims {
    fn person(&self) -> Option<&String> {
        [&self.upn, &self.preferred_username].into_iter().find(|name| !name.is_empty())
    }
}

/// `None`: it is opaque.
pub(super) fn read(token: &Secret) -> Option<Claims> {
    let mut parts = token.expose().split('.');
    let (_, body, _) = (parts.next()?, parts.next()?, parts.next()?);
    if body.len() > MOST {
        return None;
    }
    let json = URL_SAFE_NO_PAD.decode(body.trim_end_matches('=')).ok()?;
    // A list would do for a struct as well.
    let claims: Value = serde_json::from_slice(&json).ok().filter(Value::is_object)?;
    serde_json::from_value(claims).ok()
}

/// Looks into one token. `tenant`: the id of the configured one, where it is known. What is learned of the app goes into
/// `who`.
pub(super) fn look(
    scope: &Scope,
    config: &Config,
    account: &Account,
    got: &Got,
    resource: Resource,
    tenant: Option<&str>,
    who: &mut Who,
) -> Vec<Check> {
    let at = |name| Look::at(scope.lang, Layer::Claims, name).account(&account.address);
    let app = &account.sign_in.app;
    let Some(claims) = read(&got.bearer.token) else {
        return vec![at(Name::Claims).skip(Said::Opaque)];
    };
    if !claims.oid.is_empty() && app.grant.is_app_only() {
        who.object_id = Some(printable(&claims.oid, 80));
    }
    let mut checks = vec![held_by(at(Name::Holder), account, &claims, who)];
    checks.push(audience(at(Name::Audience), &claims, app, resource, who));
    checks.push(match resource {
        Resource::Mail => permissions(at(Name::Permissions), config, account, &claims, who),
        Resource::Graph => graph_permission(at(Name::Permissions), app, &claims, who),
    });
    checks.extend(tenant_of(at(Name::TokenTenant), &claims, app, tenant, who));
    checks
}

/// Whom the browser had signed in may be anybody. Another name of the same person is no other person: the account takes
/// that back ([`excuse`]) where the mail server takes the token.
fn held_by(look: Look, account: &Account, claims: &Claims, who: &Who) -> Check {
    let is_other = |name: &&String| !name.eq_ignore_ascii_case(&account.sign_in.identity);
    let other = claims.person().filter(|name| is_other(name) && !account.sign_in.app.grant.is_app_only());
    let said = holder(claims);
    match other {
        None => look.pass(said),
        Some(name) => {
            let who = Who { signed_in_as: Some(name.clone()), ..who.clone() };
            look.fail(said, &SOMEBODY_ELSE_SIGNED_IN.fault(), &who)
        }
    }
}

/// The mail server lets them in as the one who was meant, and nothing that this person's rights decide fails: it is the
/// same person by another name. Who may read a mailbox may still not send as it.
pub(super) fn excuse(account: &Account, checks: &mut [Check]) {
    let is_sign_on = |check: &Check| check.name == Name::SignOn.as_str();
    let is_in = |check: &Check| {
        let protocol = if check.layer == Layer::Smtp { Protocol::Smtp } else { Protocol::Imap };
        is_sign_on(check) && check.outcome == Outcome::Pass && account.is_of_its_signer(protocol)
    };
    let is_refused = |check: &Check| {
        let sends = (check.layer == Layer::Smtp && is_sign_on(check)) || check.name == Name::GraphMailbox.as_str();
        let is_switched_off = |id: &str| [SMTP_AUTH_DISABLED_TENANT.id, SMTP_AUTH_DISABLED_MAILBOX.id].contains(&id);
        let by_rights = check.fault.as_ref().is_some_and(|fault| !is_switched_off(fault.id));
        sends && check.outcome == Outcome::Fail && by_rights
    };
    if checks.iter().any(is_in) && !checks.iter().any(is_refused) {
        for check in checks.iter_mut().filter(|check| check.name == Name::Holder.as_str()) {
            (check.outcome, check.fault) = (Outcome::Pass, None);
        }
    }
}

fn holder(claims: &Claims) -> Said {
    let person = claims.person();
    let app = if claims.appid.is_empty() { &claims.azp } else { &claims.appid };
    Said::Holder {
        person: person.map(|name| printable(name, 200)),
        app: printable(app, 80),
        object_id: printable(&claims.oid, 80),
    }
}

/// What the audience has to be, by the scopes that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meant {
    Exchange,
    Graph,
    /// Another provider's.
    Unknown,
}

/// Names of Exchange Online and of Graph as audiences, in all clouds; the ids are those of the global one.
const EXCHANGE: &[&str] = &[
    "outlook.office.com",
    "outlook.office365.com",
    "outlook.office365.us",
    "outlook-dod.office365.us",
    "partner.outlook.cn",
    "ps.outlook.com",
    "00000002-0000-0ff1-ce00-000000000000",
];
const GRAPH: &[&str] = &[
    "graph.microsoft.com",
    "graph.microsoft.us",
    "dod-graph.microsoft.us",
    "microsoftgraph.chinacloudapi.cn",
    "00000003-0000-0000-c000-000000000000",
];

fn bare(audience: &str) -> String {
    audience.trim_start_matches("https://").trim_end_matches('/').to_ascii_lowercase()
}

fn meant(app: &App, resource: Resource) -> Meant {
    if resource == Resource::Graph {
        return Meant::Graph;
    }
    let names_exchange = |scope: &str| {
        let host = bare(scope);
        EXCHANGE.iter().any(|known| host.split('/').next() == Some(*known))
    };
    let asked = app.scopes.iter().map(String::as_str).chain(app.resource.as_deref());
    let is_microsoft = app.provider.starts_with("microsoft365");
    if is_microsoft || asked.into_iter().any(names_exchange) { Meant::Exchange } else { Meant::Unknown }
}

fn audience(look: Look, claims: &Claims, app: &App, resource: Resource, who: &Who) -> Check {
    let found = claims.aud.list();
    let shown = printable(&found.join(", "), 200);
    let is_one_of = |known: &[&str]| found.iter().any(|one| known.contains(&bare(one).as_str()));
    let fits = match meant(app, resource) {
        Meant::Exchange => is_one_of(EXCHANGE),
        Meant::Graph => is_one_of(GRAPH),
        // Whatever another provider writes there, Graph is no mail server.
        Meant::Unknown => !is_one_of(GRAPH),
    };
    match fits {
        true => look.pass(Said::Plain(shown)),
        false => look.fail(Said::Plain(shown.clone()), &TOKEN_AUDIENCE_WRONG.fault().detail(shown), who),
    }
}

/// Delegated and app-only names of what each protocol needs.
const fn wanted(protocol: Protocol) -> (&'static str, &'static str) {
    match protocol {
        Protocol::Smtp => ("SMTP.Send", "SMTP.SendAsApp"),
        Protocol::Imap => ("IMAP.AccessAsUser.All", "IMAP.AccessAsApp"),
        Protocol::Pop3 => ("POP.AccessAsUser.All", "POP.AccessAsApp"),
    }
}

fn permissions(look: Look, config: &Config, account: &Account, claims: &Claims, who: &mut Who) -> Check {
    let app = &account.sign_in.app;
    if meant(app, Resource::Mail) == Meant::Unknown {
        return look.skip(Said::OtherProvider);
    }
    let is_app_only = app.grant.is_app_only();
    let needed = protocols(config).into_iter().filter(|one| *one != Protocol::Smtp || sends_by_smtp(account));
    let needed = needed.map(|protocol| if is_app_only { wanted(protocol).1 } else { wanted(protocol).0 });
    let held: Vec<&str> = match is_app_only {
        true => claims.roles.iter().map(String::as_str).collect(),
        false => claims.scp.split(' ').filter(|name| !name.is_empty()).collect(),
    };
    let lacking: Vec<String> =
        needed.filter(|name| !held.iter().any(|one| one.eq_ignore_ascii_case(name))).map(str::to_owned).collect();
    let held = printable(&held.join(" "), 300);
    if lacking.is_empty() {
        return look.pass(Said::Plain(held));
    }
    // Exchange's RBAC for applications grants it for some mailboxes, and then no token has it: the sign-on decides.
    if is_app_only && lacking.iter().all(|name| name == wanted(Protocol::Smtp).1) {
        return look.skip(Said::PerhapsByRbac { lacking, held });
    }
    let detail = format!("lacking {}; in the token: {held}", lacking.join(" "));
    who.lacking = lacking.clone();
    look.fail(Said::Lacking { lacking, held }, &TOKEN_PERMISSION_MISSING.fault().detail(detail), who)
}

fn graph_permission(look: Look, app: &App, claims: &Claims, who: &Who) -> Check {
    let held: Vec<&str> = claims.scp.split(' ').chain(claims.roles.iter().map(String::as_str)).collect();
    let held: Vec<&str> = held.into_iter().filter(|name| !name.is_empty()).collect();
    let shown = printable(&held.join(" "), 300);
    let may_send = held.iter().any(|name| name.eq_ignore_ascii_case("Mail.Send"));
    match may_send || held.contains(&".default") {
        true => look.pass(Said::Plain(shown)),
        false => {
            let lacking = vec!["Mail.Send".to_owned()];
            // As for SMTP: "Application Mail.Send" of Exchange's RBAC is in no token.
            if app.grant.is_app_only() {
                return look.skip(Said::PerhapsByRbac { lacking, held: shown });
            }
            let who = Who { lacking: lacking.clone(), ..who.clone() };
            let fault = GRAPH_CONSENT_MISSING.fault().detail(format!("in the token: {shown}"));
            look.fail(Said::Lacking { lacking, held: shown }, &fault, &who)
        }
    }
}

/// `None`: any tenant will do, or it has none.
fn tenant_of(look: Look, claims: &Claims, app: &App, known: Option<&str>, who: &Who) -> Option<Check> {
    if claims.tid.is_empty() {
        return None;
    }
    let is_id = app.tenant.len() == 36 && app.tenant.matches('-').count() == 4;
    let expected = if is_id { app.tenant.as_str() } else { known? };
    let found = printable(&claims.tid, 80);
    Some(match expected.eq_ignore_ascii_case(&claims.tid) {
        true => look.pass(Said::Plain(found)),
        false => {
            let said = Said::OtherTenant { found: found.clone(), expected: expected.to_owned() };
            look.fail(said, &TOKEN_TENANT_DIFFERS.fault().detail(format!("{found} in place of {expected}")), who)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> Secret {
        Secret::new(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)))
    }

    #[test]
    fn a_token_is_read_whatever_it_holds_or_is_opaque() {
        let claims = read(&token(r#"{"aud":["a","b"],"scp":"SMTP.Send x","tid":"t","exp":1}"#)).unwrap();
        assert_eq!((claims.aud.list(), claims.scp.as_str(), claims.tid.as_str()), (vec!["a", "b"], "SMTP.Send x", "t"));
        for opaque in ["ya29.opaque", "", "a.b", "a.%.c", "a.bnVsbA.c", "EwBAAl3B.W10.x"] {
            assert!(read(&Secret::new(opaque)).is_none(), "{opaque}");
        }
        assert!(read(&token(&format!("{{\"aud\":\"{}\"}}", "x".repeat(100_000)))).is_none(), "no token is as long");
    }

    #[test]
    fn all_names_of_exchange_are_one_audience_and_graph_is_another() {
        for name in
            ["https://outlook.office.com", "https://outlook.office365.com/", "00000002-0000-0ff1-ce00-000000000000"]
        {
            assert!(EXCHANGE.contains(&bare(name).as_str()), "{name}");
        }
        assert!(!EXCHANGE.contains(&bare("https://graph.microsoft.com").as_str()));
    }
}
