//! Requests to a provider's token, device and revocation endpoints, and their answers.
//!
//! The `oauth2` crate builds the authorization request (PKCE, state; see `grants::code`). Its token requests do not
//! fit here: they know no certificate assertions, refuse `expires_in` as a string, lose `Retry-After` and
//! `error_codes`, and quote whole bodies in errors. So these few forms are written out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use url::Url;

use super::{
    App, AppCredential, Grant, assertion,
    clock::{Clock, Off},
    verdict::Verdict,
};
use crate::{
    base::{Lang, Secret},
    catalog::{
        self,
        doctor::CLOCK_SKEWED,
        token::{self, TOKEN_UNUSABLE},
    },
    net::{FormValue, HttpClient, HttpReply},
};

/// What the mail protocols can carry: longer ones do not fit the AUTH lines of servers.
const TOKEN_CAP: usize = 12_000;
/// For a question that nobody needs answered.
const ASIDE: Duration = Duration::from_secs(5);
/// Where the provider does not say.
const ASSUMED_LIFE: Duration = Duration::from_secs(300);
const LIFE_FLOOR: Duration = Duration::from_secs(60);
const LIFE_CAP: Duration = Duration::from_secs(30 * 24 * 3600);

/// What a successful token request brings.
#[derive(Debug, Clone)]
pub struct TokenSet {
    pub access: Secret,
    pub life: Duration,
    /// `None`: the one in use stays (RFC 6749 6).
    pub refresh: Option<Secret>,
    pub scope: Option<String>,
    /// Who consented, from the ID token.
    pub account: Option<String>,
    /// When that was by the provider's clock, where it says so.
    pub date: Option<SystemTime>,
}

/// RFC 8628 3.2.
#[derive(Debug, Clone)]
pub struct DeviceCode {
    pub device_code: Secret,
    pub user_code: String,
    pub verification_uri: Url,
    /// Holds the user code already; Microsoft does not send it.
    pub verification_uri_complete: Option<Url>,
    pub life: Duration,
    pub interval: Duration,
}

/// One provider as one app sees it.
#[derive(Clone, Copy)]
pub struct Endpoints<'a> {
    pub http: &'a HttpClient,
    pub app: &'a App,
    pub clock: &'a Clock,
}

type Form<'f> = Vec<(&'f str, FormValue<'f>)>;

/// Where Entra describes the tenant of an app. Who tells a machine its own identity describes none.
pub fn metadata_of(app: &App) -> Option<Url> {
    if matches!(app.grant, Grant::ManagedIdentity) { None } else { beside(&app.token_url) }
}

/// Beside the token endpoint.
pub fn beside(token_url: &Url) -> Option<Url> {
    let base = token_url.path().strip_suffix("/token")?;
    let base = base.strip_suffix("/oauth2/v2.0").or_else(|| base.strip_suffix("/oauth2"))?;
    let mut url = token_url.clone();
    url.set_path(&format!("{base}/v2.0/.well-known/openid-configuration"));
    Some(url)
}

impl Endpoints<'_> {
    /// `Err`: the provider knows no such tenant. It would tell a person on a page of its own, from which nothing comes
    /// back. Whatever else is wrong the sign-in meets by itself.
    pub async fn find_tenant(&self) -> Result<(), Verdict> {
        let Some(url) = metadata_of(self.app) else { return Ok(()) };
        let Ok(Ok(reply)) = tokio::time::timeout(ASIDE, self.http.get(&url, &[])).await else { return Ok(()) };
        if reply.status.is_success() {
            return Ok(());
        }
        let verdict = Verdict::of_reply(&reply, SystemTime::now(), &[]);
        if verdict.entry.id == token::TENANT_NOT_FOUND.id { Err(verdict) } else { Ok(()) }
    }

    pub async fn refresh(&self, refresh: &Secret) -> Result<TokenSet, Verdict> {
        let scopes = self.app.scopes.join(" ");
        let mut form: Form = vec![("grant_type", "refresh_token".into()), ("refresh_token", refresh.into())];
        // One refresh token of Microsoft serves several resources: the scope says which.
        if !scopes.is_empty() {
            form.push(("scope", scopes.as_str().into()));
        }
        self.token(form).await
    }

    /// RFC 6749 4.4.
    pub async fn client_credentials(&self) -> Result<TokenSet, Verdict> {
        let scopes = self.app.scopes.join(" ");
        self.token(vec![("grant_type", "client_credentials".into()), ("scope", scopes.as_str().into())]).await
    }

    /// RFC 6749 4.3. Entra's first endpoint, which 21Vianet needs here, knows a resource and no scopes.
    pub async fn password(&self, user: &str, password: &Secret) -> Result<TokenSet, Verdict> {
        let scopes = self.app.scopes.join(" ");
        let mut form: Form =
            vec![("grant_type", "password".into()), ("username", user.into()), ("password", password.into())];
        form.push(match &self.app.resource {
            Some(resource) => ("resource", resource.as_str().into()),
            None => ("scope", scopes.as_str().into()),
        });
        self.token(form).await
    }

    /// RFC 7523 2.1: the assertion says who asks and for whom, so nothing else does.
    pub async fn jwt_bearer(&self, assertion: &Secret) -> Result<TokenSet, Verdict> {
        const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let form: Form = vec![("grant_type", GRANT.into()), ("assertion", assertion.into())];
        TokenSet::read(&self.send(&self.app.token_url, &form).await?)
    }

    pub async fn redeem_code(
        &self,
        code: &Secret,
        verifier: Option<&Secret>,
        redirect: &Url,
    ) -> Result<TokenSet, Verdict> {
        let mut form: Form = vec![
            ("grant_type", "authorization_code".into()),
            ("code", code.into()),
            ("redirect_uri", redirect.as_str().into()),
        ];
        form.extend(verifier.map(|verifier| ("code_verifier", verifier.into())));
        // The consent was for several resources, and a token is for one of them.
        let scopes = self.app.scopes.join(" ");
        if self.app.consent_scopes().len() > self.app.scopes.len() {
            form.push(("scope", scopes.as_str().into()));
        }
        self.token(form).await
    }

    pub async fn start_device(&self) -> Result<DeviceCode, Verdict> {
        let Some(url) = &self.app.device_url else {
            return Err(Verdict::new(token::GRANT_NOT_ALLOWED, "this provider has no device-url"));
        };
        let scopes = self.app.scopes.join(" ");
        let form: Form = vec![("scope", scopes.as_str().into())];
        let reply = self.post(url, form).await?;
        DeviceCode::read(&reply)
    }

    pub async fn poll_device(&self, code: &Secret) -> Result<TokenSet, Verdict> {
        const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
        self.token(vec![("grant_type", GRANT.into()), ("device_code", code.into())]).await
    }

    /// RFC 7009. `false` where the provider offers no revocation.
    pub async fn revoke(&self, refresh: &Secret) -> Result<bool, Verdict> {
        let Some(url) = &self.app.revoke_url else { return Ok(false) };
        let form: Form = vec![("token", refresh.into()), ("token_type_hint", "refresh_token".into())];
        self.post(url, form).await.map(|_| true)
    }

    async fn token(&self, form: Form<'_>) -> Result<TokenSet, Verdict> {
        let reply = self.post(&self.app.token_url, form).await?;
        TokenSet::read(&reply)
    }

    /// Adds who the app is, and sends.
    async fn post(&self, url: &Url, mut form: Form<'_>) -> Result<HttpReply, Verdict> {
        let proof = assertion::of(self.app, self.clock.wall()).await?;
        form.push(("client_id", self.app.client_id.as_str().into()));
        match (&self.app.credential, &proof) {
            (AppCredential::Secret(secret), _) => form.push(("client_secret", secret.into())),
            (_, Some(proof)) => {
                form.push(("client_assertion_type", assertion::ASSERTION_TYPE.into()));
                form.push(("client_assertion", proof.into()));
            }
            (_, None) => {}
        }
        self.send(url, &form).await
    }

    async fn send(&self, url: &Url, form: &Form<'_>) -> Result<HttpReply, Verdict> {
        let reply = self.http.post_form(url, form, &[]).await.map_err(|fault| Verdict::of_fault(&fault))?;
        let secrets = form.iter().filter_map(|(_, value)| match value {
            FormValue::Secret(secret) => Some(*secret),
            FormValue::Plain(_) => None,
        });
        self.judged(reply, &secrets.collect::<Vec<_>>())
    }

    /// Lets only success through. `sent` are the secrets of the request. What the provider itself says has its time.
    pub(super) fn judged(&self, reply: HttpReply, sent: &[&Secret]) -> Result<HttpReply, Verdict> {
        if reply.status.is_success() && !says_error(&reply) {
            self.compare_clocks(reply.date);
            return Ok(reply);
        }
        let verdict = Verdict::of_reply(&reply, self.clock.wall(), sent);
        self.compare_clocks(reply.date.filter(|_| verdict.word.is_some()));
        Err(verdict)
    }

    fn compare_clocks(&self, theirs: Option<SystemTime>) {
        if let Some(Off { seconds, is_behind }) = self.clock.compare(theirs) {
            let how = catalog::clock_off(seconds, is_behind, Lang::En);
            tracing::warn!(fault = %CLOCK_SKEWED.fault(), "this machine's clock differs from the provider's: {how}");
        }
    }
}

/// Some providers answer 200 with an `error` inside.
fn says_error(reply: &HttpReply) -> bool {
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok();
    body.is_some_and(|body| body.get("error").is_some_and(Value::is_string))
}

impl TokenSet {
    /// Reads a successful answer; one that holds no token that mail can carry is a verdict too.
    pub fn read(reply: &HttpReply) -> Result<Self, Verdict> {
        let why = "it is not JSON, or was cut short on the way";
        let body: Value = serde_json::from_slice(&reply.body).map_err(|_| Verdict::unreadable(reply, why))?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let access = text("access_token").ok_or_else(|| Verdict::unreadable(reply, "no access_token in it"))?;
        if access.len() > TOKEN_CAP {
            let detail = format!("the access token has {} characters, {TOKEN_CAP} can be carried", access.len());
            return Err(Verdict::new(TOKEN_UNUSABLE, detail));
        }
        if !access.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Verdict::new(TOKEN_UNUSABLE, "the access token holds spaces, control or 8-bit bytes"));
        }
        let refresh = text("refresh_token");
        if refresh.is_some_and(|refresh| refresh.chars().any(char::is_control)) {
            return Err(Verdict::new(TOKEN_UNUSABLE, "the refresh token holds control bytes"));
        }
        Ok(Self {
            access: Secret::new(access),
            life: token_life(&body, reply.date),
            refresh: refresh.map(Secret::new),
            scope: text("scope").map(str::to_owned),
            account: text("id_token").and_then(account_in),
            date: reply.date,
        })
    }
}

/// The earlier of `expires_in` (RFC 6749 5.1) and `expires_on`, a moment, with which managed identities answer.
fn token_life(body: &Value, date: Option<SystemTime>) -> Duration {
    let now = date.unwrap_or_else(SystemTime::now).duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = seconds(body.get("expires_in"));
    let until = seconds(body.get("expires_on")).map(|moment| moment - now.as_secs_f64());
    left.into_iter().chain(until).reduce(f64::min).map_or(ASSUMED_LIFE, bounded)
}

/// A number or a string.
fn seconds(value: Option<&Value>) -> Option<f64> {
    let seconds = match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    seconds.filter(|seconds| seconds.is_finite())
}

/// Neither nothing nor for ever.
fn bounded(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(LIFE_FLOOR.as_secs_f64(), LIFE_CAP.as_secs_f64()))
}

/// The object id that a token of an app names: that of its enterprise application (Entra's `oid`).
pub(super) fn object_id_in(token: &str) -> Option<String> {
    let id = claims_in(token)?.get("oid")?.as_str()?.to_owned();
    (id.len() <= 80 && catalog::is_harmless(&id)).then_some(id)
}

fn claims_in(token: &str) -> Option<Value> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&payload).ok()
}

/// The account of an ID token, or of an access token that is one of the kind. It came over TLS from the provider
/// itself, so its signature adds nothing (OpenID Connect Core 3.1.3.7, 6).
pub fn account_in(id_token: &str) -> Option<String> {
    let claims = claims_in(id_token)?;
    ["preferred_username", "upn", "email"]
        .iter()
        .find_map(|name| claims.get(name)?.as_str())
        .filter(|name| name.len() <= 320 && !name.chars().any(char::is_control))
        .map(str::to_owned)
}

impl DeviceCode {
    pub fn read(reply: &HttpReply) -> Result<Self, Verdict> {
        Self::read_body(&reply.body).ok_or_else(|| Verdict::unreadable(reply, "no device code in it"))
    }

    fn read_body(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let link = |name: &str| text(name).and_then(|text| Url::parse(text).ok()).filter(is_safe_link);
        let user_code = text("user_code")?;
        if user_code.len() > 64 || !user_code.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return None;
        }
        Some(Self {
            device_code: Secret::new(text("device_code")?),
            user_code: user_code.to_owned(),
            verification_uri: link("verification_uri").or_else(|| link("verification_url"))?,
            verification_uri_complete: link("verification_uri_complete"),
            life: seconds(body.get("expires_in")).map_or(Duration::from_secs(900), bounded),
            interval: interval(body.get("interval")),
        })
    }
}

/// RFC 8628 3.2: five seconds where nothing is said.
fn interval(value: Option<&Value>) -> Duration {
    Duration::from_secs_f64(seconds(value).unwrap_or(5.0).clamp(1.0, 60.0))
}

/// A person is sent there: https, or a test on this machine.
fn is_safe_link(url: &Url) -> bool {
    let local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && local)
}
