//! Whether what answers for the identity provider is one, knows the tenant, and has the same time as this machine.

use std::{collections::HashMap, time::SystemTime};

use serde_json::Value;
use url::Url;

use super::{
    draw,
    look::Look,
    next::Who,
    report::{Check, Explained, Layer},
    token::Means,
    way::Open,
    words::{Name, Said},
};
use crate::{
    base::{Fault, Lang, printable},
    catalog::doctor::{CAPTIVE_PORTAL, CLOCK_SKEWED},
    net::{HttpReply, clock::TOO_FAR_OFF},
    oauth::{App, endpoints::metadata_of, grants::unattended::meaning, verdict::Verdict},
};

/// Names that stand for any tenant.
const ANY_TENANT: [&str; 3] = ["common", "organizations", "consumers"];

/// What was learned of one provider.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// Nothing stands against asking it for a token.
    pub is_fine: bool,
    /// What does, where it has a name.
    pub fault: Option<&'static str>,
    /// The tenant's id, where the provider has tenants and one was meant.
    pub tenant: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Providers(HashMap<String, Found>);

impl Providers {
    pub fn note(&mut self, app: &App, found: Found) {
        self.0.insert(app.name.clone(), found);
    }

    pub fn of(&self, app: &App) -> Found {
        self.0.get(&app.name).cloned().unwrap_or_default()
    }
}

pub(super) async fn look(lang: Lang, means: &Means, app: &App, open: &Open, who: &Who) -> (Vec<Check>, Found) {
    let at = |layer, name| Look::at(lang, layer, name).target(bare(&app.token_url));
    let (http, clock) = (at(Layer::Http, Name::IdentityAnswer), at(Layer::Clock, Name::Clock));
    if !open.has_identity(app) {
        let skipped = Said::NoWay;
        return (vec![http.skip(skipped.clone()), clock.skip(skipped)], Found::default());
    }
    let metadata = metadata_of(app);
    let asked = SystemTime::now();
    let reply = match means.http.get(metadata.as_ref().unwrap_or(&app.token_url), &[]).await {
        Ok(reply) => reply,
        Err(fault) => {
            let verdict = Verdict::of_fault(&fault);
            let fault = Verdict { entry: meaning(app.grant, verdict.entry), ..verdict }.fault("");
            let found = Found { fault: Some(fault.id), ..Found::default() };
            return (vec![http.fault(&fault, who), clock.skip(Said::Behind(Layer::Http))], found);
        }
    };
    let took = asked.elapsed().unwrap_or_default();
    let (http, tenant) = match judge(&reply, metadata.is_some(), &app.token_url) {
        Ok(tenant) => {
            let said = match (&tenant, is_any(&app.tenant)) {
                (Some(id), false) => Said::Tenant { name: app.tenant.clone(), id: id.clone() },
                _ => Said::Plain(format!("HTTP {}", reply.status.as_u16())),
            };
            (http.pass(said), Ok(tenant))
        }
        Err(fault) => (http.fault(&fault, who), Err(fault.id)),
    };
    let clock = clock_of(clock, reply.date, asked + took / 2);
    // A wrong clock fails by itself, and hides nothing: whatever else is wrong is seen behind it.
    let (is_fine, fault) = (tenant.is_ok(), tenant.as_ref().err().copied());
    let tenant = tenant.unwrap_or_default().filter(|_| !is_any(&app.tenant));
    (vec![http, clock], Found { is_fine, fault, tenant })
}

fn is_any(tenant: &str) -> bool {
    tenant.is_empty() || ANY_TENANT.iter().any(|any| any.eq_ignore_ascii_case(tenant))
}

/// The id of the tenant, where one was asked for; what is no answer of a provider is a fault.
fn judge(reply: &HttpReply, is_metadata: bool, asked: &Url) -> Result<Option<String>, Fault> {
    let portal = |detail: String| CAPTIVE_PORTAL.fault().detail(format!("{}: {detail}", bare(asked)));
    let status = reply.status.as_u16();
    if status == 511 {
        return Err(portal("HTTP 511: the network wants a login".to_owned()));
    }
    if reply.status.is_redirection() {
        let to = reply.headers.get("location").and_then(|to| to.to_str().ok()).unwrap_or_default();
        let to = asked.join(to).map(|to| bare(&to)).unwrap_or_default();
        return match to == bare(asked) && !is_metadata {
            true => Ok(None),
            false => Err(portal(format!("HTTP {status}, a redirect to {to}"))),
        };
    }
    if !is_metadata {
        // Some answer a GET with a page of their own.
        return Ok(None);
    }
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok().filter(Value::is_object);
    let is_page = reply.content_type.as_deref().is_some_and(|kind| kind.contains("html"));
    match body {
        None if is_page && !reply.status.is_server_error() => {
            Err(portal(format!("HTTP {status}, a page: {}", title_of(&reply.body))))
        }
        Some(body) if reply.status.is_success() => {
            let issuer = body.get("issuer").and_then(Value::as_str).and_then(|issuer| Url::parse(issuer).ok());
            Ok(issuer.and_then(|issuer| issuer.path_segments()?.next().map(str::to_owned)))
        }
        _ => Err(Verdict::of_reply(reply, SystemTime::now(), &[]).fault("")),
    }
}

/// What a page calls itself.
fn title_of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..body.len().min(8192)).unwrap_or_default());
    let title = text.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    printable(title.map_or("without a title", |(title, _)| title.trim()), 80)
}

/// Where the provider's clock, `there`, shows that the one of this machine is wrong: what the look says of it, in full,
/// to whoever signed in just now. That is done, so nobody is told to leave it.
pub fn clock_off(there: SystemTime, here: SystemTime, lang: Lang) -> Option<String> {
    let check = clock_of(Look::at(lang, Layer::Clock, Name::Clock), Some(there), here);
    let fault = Explained { avoid: None, ..check.fault? };
    Some(format!("{}\n{}", check.detail, draw::in_full(&fault, None, lang)))
}

fn clock_of(look: Look, there: Option<SystemTime>, here: SystemTime) -> Check {
    let Some(there) = there else { return look.skip(Said::NoDate) };
    let (apart, behind) = match there.duration_since(here) {
        Ok(apart) => (apart, true),
        Err(other) => (other.duration(), false),
    };
    let seconds = apart.as_secs();
    match apart > TOO_FAR_OFF {
        true => look.fail(Said::ClockOff { seconds, behind }, &CLOCK_SKEWED.fault(), &Who::default()),
        false => look.pass(Said::ClockRight { seconds }),
    }
}

/// Scheme, host and port.
pub(super) fn bare(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or("?"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::oauth::endpoints::beside;

    fn reply(status: u16, kind: &str, body: &str, location: Option<&str>) -> HttpReply {
        let mut headers = HeaderMap::new();
        if let Some(location) = location {
            headers.insert("location", location.parse().unwrap());
        }
        HttpReply {
            status: StatusCode::from_u16(status).unwrap(),
            content_type: Some(kind.to_owned()),
            retry_after: None,
            date: None,
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_tenant_is_described_beside_both_of_entras_token_endpoints_and_nowhere_else() {
        let described = |token: &str| beside(&url(token)).map(|url| url.to_string());
        let there = Some("https://login.x/contoso.com/v2.0/.well-known/openid-configuration".to_owned());
        assert_eq!(described("https://login.x/contoso.com/oauth2/v2.0/token"), there);
        assert_eq!(described("https://login.x/contoso.com/oauth2/token"), there);
        assert_eq!(described("https://oauth2.googleapis.com/token"), None);
    }

    #[test]
    fn what_answers_in_the_place_of_a_provider_is_told_from_its_own_refusals() {
        let asked = url("https://login.x/contoso.com/oauth2/v2.0/token");
        let found = |reply: &HttpReply| judge(reply, true, &asked).map_err(|fault| fault.id);
        let page = "<html><title>Hotel\u{7} WiFi</title>";
        assert_eq!(found(&reply(200, "text/html", page, None)), Err("captive-portal"));
        assert_eq!(found(&reply(302, "", "", Some("http://portal.hotel/"))), Err("captive-portal"));
        assert_eq!(found(&reply(511, "text/html", page, None)), Err("captive-portal"));
        let unknown = r#"{"error":"invalid_tenant","error_codes":[90002],"error_description":"AADSTS90002: no"}"#;
        assert_eq!(found(&reply(400, "application/json", unknown, None)), Err("tenant-not-found"));
        assert_eq!(found(&reply(503, "text/html", page, None)), Err("token-endpoint-failing"));
        let described = r#"{"issuer":"https://login.x/c0ffee/v2.0"}"#;
        assert_eq!(found(&reply(200, "application/json", described, None)), Ok(Some("c0ffee".to_owned())));
        let said = judge(&reply(200, "text/html", page, None), true, &asked).unwrap_err().detail;
        assert!(said.contains("a page: Hotel\\u{7} WiFi"), "{said}");
    }

    #[test]
    fn a_clock_may_be_five_minutes_off_and_no_more() {
        let here = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let look = || Look::at(Lang::En, Layer::Clock, Name::Clock);
        let at = |there: SystemTime| clock_of(look(), Some(there), here);
        for seconds in [0, 299, 300] {
            assert!(at(here + Duration::from_secs(seconds)).fault.is_none(), "{seconds}");
            assert!(at(here - Duration::from_secs(seconds)).fault.is_none(), "{seconds}");
        }
        let behind = at(here + Duration::from_secs(600));
        assert_eq!(behind.fault.unwrap().id, "clock-skewed");
        assert!(behind.detail.contains("600 s behind"), "{}", behind.detail);
        assert!(at(here - Duration::from_secs(601)).detail.contains("ahead"));
    }
}
