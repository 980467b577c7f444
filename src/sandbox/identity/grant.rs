//! The grants of the token endpoint: who the client is, what it presents, what it gets.

use aws_lc_rs::digest;
use axum::{
    Json,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Fields, Identity, assertion, authorize::unknown_client, basic, device, errors::Refused, is_multi_tenant, scope,
    service_account,
};
use crate::{
    base::Secret,
    sandbox::{
        faults::{ExpiresIn, Rotation},
        options::{MadeSecret, Registration},
        tenant::{Holder, is_graph, put},
    },
};

/// RFC 7523 2.1.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A refusal with an AADSTS number, or a plain OAuth error that has none (`slow_down`).
pub enum Answer {
    Refused(Refused),
    Plain { error: &'static str, description: &'static str },
}

impl Answer {
    pub fn plain(error: &'static str, description: &'static str) -> Self {
        Answer::Plain { error, description }
    }
}

impl From<Refused> for Answer {
    fn from(refused: Refused) -> Self {
        Answer::Refused(refused)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Answer::Refused(refused) => refused.into_response(),
            Answer::Plain { error, description } => {
                let body = json!({ "error": error, "error_description": description });
                (StatusCode::BAD_REQUEST, Json(body)).into_response()
            }
        }
    }
}

/// What is handed out, before it is written down as JSON.
pub struct Grant {
    pub holder: Holder,
    pub client_id: String,
    pub scopes: Vec<String>,
    /// An ID token was asked for, when the person signed in.
    pub openid: bool,
    /// The refresh token to hand out.
    pub refresh: Option<String>,
}

pub fn grant(identity: &Identity, tenant: &str, headers: &HeaderMap, fields: &Fields) -> Result<Value, Answer> {
    super::known_tenant(identity, tenant)?;
    let kind = fields.required("grant_type")?;
    if kind == JWT_BEARER {
        return Ok(written(identity, service_account::grant(identity, fields)?)?);
    }
    let app = client(identity, kind, headers, fields)?;
    if let Some(number) = identity.world.faults.read(|faults| faults.identity.lacks_consent(&app.client_id)) {
        return Err(Refused::new(number).into());
    }
    let grant = match kind {
        "authorization_code" => code(identity, &app, fields)?,
        "refresh_token" => refresh(identity, &app, fields)?,
        "client_credentials" if is_multi_tenant(tenant) => return Err(Refused::new(9001023).into()),
        "client_credentials" => client_credentials(&app, fields)?,
        "password" if is_multi_tenant(tenant) => return Err(Refused::new(9001023).into()),
        "password" => password(identity, &app, fields)?,
        DEVICE_CODE => device_code(identity, &app, fields)?,
        other => {
            let text = format!("The app requested an unsupported grant type '{other}'.");
            return Err(Refused::because(70003, text).into());
        }
    };
    Ok(written(identity, grant)?)
}

/// Which application this is, proven by secret or assertion where it has one.
fn client(identity: &Identity, kind: &str, headers: &HeaderMap, fields: &Fields) -> Result<Registration, Refused> {
    let basic = basic(headers);
    let client_id = match (fields.text("client_id"), &basic) {
        (Some(id), _) => id.to_owned(),
        (None, Some((id, _))) => id.clone(),
        (None, None) => fields.required("client_id")?.to_owned(),
    };
    let app = identity.world.tenant.app(&client_id).ok_or_else(|| unknown_client(&client_id))?;
    let secret = fields.text("client_secret").map(Secret::new);
    let secret =
        secret.or_else(|| basic.map(|(_, password)| Secret::new(password)).filter(|secret| !secret.is_empty()));
    let assertion = fields.text("client_assertion");
    if app.is_public() {
        let is_made = |made: &MadeSecret| {
            made.client_id == client_id && secret.as_ref().is_some_and(|given| given.expose() == made.secret)
        };
        let (blocked, proves_itself) = identity
            .world
            .faults
            .read(|faults| (faults.identity.public_flows_blocked, faults.identity.made_secrets.iter().any(is_made)));
        return match (secret.is_some() || assertion.is_some(), kind) {
            (true, "client_credentials") if proves_itself => Ok(app),
            (true, _) => Err(Refused::new(700025)),
            (_, "client_credentials") => Err(Refused::new(7000218)),
            (_, DEVICE_CODE | "password") if blocked => Err(Refused::new(7000218)),
            _ => Ok(app),
        };
    }
    match (secret, assertion, &app.secret) {
        (Some(given), _, Some(known)) if known.matches(&given) => {
            match identity.world.faults.read(|faults| faults.identity.secrets_ended) {
                true => Err(Refused::new(7000222)),
                false => Ok(app),
            }
        }
        (Some(_), ..) => Err(Refused::new(7000215)),
        (None, Some(jwt), _) if fields.text("client_assertion_type") == Some(assertion::TYPE) => {
            assertion::check(identity, &app, jwt)?;
            Ok(app)
        }
        _ => Err(Refused::new(7000218)),
    }
}

fn is_openid(scopes: &[String]) -> bool {
    scopes.iter().any(|scope| scope == "openid")
}

fn code(identity: &Identity, app: &Registration, fields: &Fields) -> Result<Grant, Refused> {
    let presented = fields.required("code")?;
    let (code, again) = identity
        .memory(|memory| {
            let code = memory.codes.entry(presented)?;
            let again = std::mem::replace(&mut code.used, true);
            Some((code.clone(), again))
        })
        .ok_or_else(|| Refused::because(70000, "The provided value for the 'code' parameter is not valid."))?;
    if again {
        return Err(Refused::new(54005));
    }
    if code.expires <= Instant::now() {
        return Err(Refused::new(70008));
    }
    if code.request.client_id != app.client_id {
        return Err(Refused::because(70000, "The code was issued to another application."));
    }
    if fields.text("redirect_uri").unwrap_or("http://localhost") != code.request.redirect_uri {
        let text = "The reply address does not match the one provided when requesting the authorization code.";
        return Err(Refused::because(50011, text));
    }
    if let Some(challenge) = &code.request.challenge {
        let verifier = fields.text("code_verifier").ok_or_else(|| Refused::new(501481))?;
        let digest = digest::digest(&digest::SHA256, verifier.as_bytes());
        if URL_SAFE_NO_PAD.encode(digest) != *challenge {
            return Err(Refused::new(501481));
        }
    }
    // One consent may span resources, one token does not: the first resource unless the request names one.
    let scopes = match fields.text("scope") {
        Some(scopes) => scope::split(scopes),
        None => {
            scope::audiences(&code.request.scopes)?.into_iter().next().map(|first| first.scopes).unwrap_or_default()
        }
    };
    let refresh = signed_in(identity, app, &code.user, &code.request.scopes);
    let openid = is_openid(&code.request.scopes);
    Ok(Grant { holder: Holder::Person(code.user), client_id: app.client_id.clone(), scopes, openid, refresh })
}

/// A refresh token for a new sign-in, where one was asked for.
fn signed_in(identity: &Identity, app: &Registration, user: &str, scopes: &[String]) -> Option<String> {
    let asked = scopes.iter().any(|scope| scope == "offline_access");
    asked.then(|| identity.new_refresh(&app.client_id, user, scopes.to_vec(), None))
}

fn refresh(identity: &Identity, app: &Registration, fields: &Fields) -> Result<Grant, Refused> {
    let presented = fields.required("refresh_token")?;
    let (rotation, omitted) =
        identity.world.faults.read(|faults| (faults.identity.rotation, faults.identity.omit_refresh_token));
    let known = identity
        .memory(|memory| {
            let refresh = memory.refresh.entry(presented)?;
            let before = refresh.clone();
            refresh.used = true;
            if rotation == Rotation::OneTime && before.used {
                let family = before.family.clone();
                memory.refresh.all().filter(|one| one.family == family).for_each(|one| one.revoked = true);
            }
            Some(before)
        })
        .ok_or_else(|| Refused::new(70000))?;
    if known.revoked || (rotation == Rotation::OneTime && known.used) {
        return Err(Refused::new(50173));
    }
    if known.client_id != app.client_id {
        return Err(Refused::because(70000, "The refresh token was issued to another application."));
    }
    let scopes = match fields.text("scope") {
        Some(scopes) => scope::split(scopes),
        None => scope::audiences(&known.scopes)?.into_iter().next().map(|first| first.scopes).unwrap_or_default(),
    };
    let audience = scope::audience(&scopes)?;
    let by_admin = identity.memory(|memory| memory.consented.contains(&app.client_id));
    if is_graph(&audience.resource) && !by_admin && !scope::is_consented(&known.scopes, &audience) {
        return Err(Refused::new(65001));
    }
    let next = match rotation {
        _ if omitted => None,
        Rotation::Never => None,
        Rotation::Entra | Rotation::OneTime => {
            Some(identity.new_refresh(&app.client_id, &known.user, known.scopes.clone(), Some(known.family.clone())))
        }
    };
    let (holder, openid) = (Holder::Person(known.user), is_openid(&known.scopes));
    Ok(Grant { holder, client_id: app.client_id.clone(), scopes, openid, refresh: next })
}

fn client_credentials(app: &Registration, fields: &Fields) -> Result<Grant, Refused> {
    let asked = scope::split(fields.required("scope")?);
    let default = asked.len() == 1 && asked.iter().all(|scope| scope.ends_with("/.default"));
    if !default {
        let text = format!(
            "The provided value for scope {} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI).",
            asked.join(" ")
        );
        return Err(Refused::because(1002012, text));
    }
    let holder = Holder::App(app.client_id.clone());
    Ok(Grant { holder, client_id: app.client_id.clone(), scopes: asked, openid: false, refresh: None })
}

fn password(identity: &Identity, app: &Registration, fields: &Fields) -> Result<Grant, Refused> {
    let user = fields.required("username")?;
    let given = Secret::new(fields.required("password")?);
    let person = identity.world.tenant.person(user).ok_or_else(|| Refused::new(50034))?;
    if !person.password.as_ref().is_some_and(|known| known.matches(&given)) {
        return Err(Refused::new(50126));
    }
    let scopes = scope::split(fields.required("scope")?);
    let user = person.address.to_ascii_lowercase();
    let refresh = signed_in(identity, app, &user, &scopes);
    let openid = is_openid(&scopes);
    Ok(Grant { holder: Holder::Person(user), client_id: app.client_id.clone(), scopes, openid, refresh })
}

fn device_code(identity: &Identity, app: &Registration, fields: &Fields) -> Result<Grant, Answer> {
    let presented = fields.required("device_code")?;
    let (user, scopes) = device::poll(identity, presented, &app.client_id)?;
    let refresh = signed_in(identity, app, &user, &scopes);
    let openid = is_openid(&scopes);
    Ok(Grant { holder: Holder::Person(user), client_id: app.client_id.clone(), scopes, openid, refresh })
}

/// The token answer of Entra, with its switches applied.
fn written(identity: &Identity, grant: Grant) -> Result<Value, Refused> {
    let audience = scope::audience(&grant.scopes)?;
    let life = identity.token_life;
    let tenant = &identity.world.tenant;
    let token = tenant.issue(grant.holder.clone(), &grant.client_id, &audience.resource, &audience.scopes, life);
    // Entra names the scopes of the resource and leaves offline_access out.
    let mut answer = json!({
        "token_type": "Bearer",
        "scope": audience.scopes.join(" "),
        "access_token": token.expose(),
    });
    let seconds = life.as_secs();
    match identity.world.faults.read(|faults| faults.identity.expires_in) {
        ExpiresIn::Number => put(&mut answer, "expires_in", json!(seconds)),
        ExpiresIn::Text => put(&mut answer, "expires_in", json!(seconds.to_string())),
        ExpiresIn::Missing => {}
    }
    put(&mut answer, "ext_expires_in", json!(seconds));
    if let Some(refresh) = grant.refresh {
        put(&mut answer, "refresh_token", json!(refresh));
    }
    if let Holder::Person(user) = &grant.holder
        && grant.openid
    {
        put(&mut answer, "id_token", json!(id_token(identity, &grant.client_id, user)));
    }
    if let Holder::App(_) = grant.holder {
        answer.as_object_mut().map(|fields| fields.remove("scope"));
    }
    Ok(answer)
}

/// Unsigned (`alg` none): it came straight from the token endpoint.
fn id_token(identity: &Identity, client_id: &str, user: &str) -> String {
    let now = jiff::Timestamp::now().as_second();
    let claims = json!({
        "aud": client_id, "iss": format!("{}/{}/v2.0", identity.origin, crate::sandbox::TENANT_ID),
        "iat": now, "nbf": now, "exp": now + 3600, "sub": user, "preferred_username": user, "email": user,
        "tid": crate::sandbox::TENANT_ID, "ver": "2.0",
    });
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.", part(r#"{"typ":"JWT","alg":"none"}"#.into()), part(claims.to_string()))
}
