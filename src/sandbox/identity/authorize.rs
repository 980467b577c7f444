//! The browser's part: authorize, sign in, consent, and back to the application with a code.
//!
//! An unknown client or redirect gets a page and never a redirect (RFC 6749 4.1.2.1).

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::time::Instant;
use url::Url;

use super::{
    Fields, Identity, Shared,
    errors::Refused,
    known_tenant,
    memory::{CODE_LIFE, Code, Page, Purpose, Request, Verdict},
    pages::Pages,
    scope,
};
use crate::{
    base::Secret,
    sandbox::{options::Registration, tenant, transcript::Speaker},
};

pub async fn begin(
    State(identity): Shared,
    pages: Pages,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let mut fields = Fields::parse(query.unwrap_or_default().as_bytes());
    fields.0.extend(Fields::parse(&body).0);
    identity.note(Speaker::Client, &format!("GET /{tenant}/oauth2/v2.0/authorize"));
    let (request, app) = match addressed(&identity, &tenant, &fields) {
        Ok(request) => request,
        Err(refused) => return pages.refusal(&refused),
    };
    if let Err(refused) = acceptable(&fields, &request, &app) {
        return back_with_error(pages, &request, &refused);
    }
    if fields.text("prompt") == Some("none") {
        return back_with_error(pages, &request, &Refused::new(50058));
    }
    if identity.approves_itself() {
        return match identity.anybody(request.login_hint.as_deref()) {
            Some(user) => identity.back_with_code(pages, request, user),
            None => back_with_error(pages, &request, &Refused::new(50034)),
        };
    }
    let hint = request.login_hint.clone().unwrap_or_default();
    let flow = identity.open_page(Purpose::Code(request));
    pages.sign_in(&flow, &hint, None, &identity.people())
}

/// Who is asking and where the answer goes; anything wrong here is told to the person, not to the redirect.
fn addressed(identity: &Identity, tenant: &str, fields: &Fields) -> Result<(Request, Registration), Refused> {
    known_tenant(identity, tenant)?;
    let client_id = fields.required("client_id")?.to_owned();
    let app = identity.world.tenant.app(&client_id).ok_or_else(|| unknown_client(&client_id))?;
    let redirect_uri = fields.text("redirect_uri").unwrap_or("http://localhost").to_owned();
    if !is_registered(&app, &redirect_uri) {
        let text = format!(
            "The redirect URI '{redirect_uri}' specified in the request does not match the redirect URIs configured \
             for the application '{client_id}'."
        );
        return Err(Refused::because(50011, text));
    }
    let request = Request {
        client_id,
        redirect_uri,
        scopes: scope::split(fields.text("scope").unwrap_or_default()),
        state: fields.text("state").map(str::to_owned),
        challenge: fields.text("code_challenge").map(str::to_owned),
        login_hint: fields.text("login_hint").map(str::to_owned),
        form_post: fields.text("response_mode") == Some("form_post"),
    };
    Ok((request, app))
}

fn acceptable(fields: &Fields, request: &Request, app: &Registration) -> Result<(), Refused> {
    if fields.required("response_type")? != "code" {
        return Err(Refused::because(70003, "Only response_type 'code' is supported."));
    }
    let method = fields.text("code_challenge_method");
    if request.challenge.is_some() && method != Some("S256") {
        return Err(Refused::because(501481, "The code_challenge_method is not supported, use S256."));
    }
    if request.challenge.as_deref().is_some_and(|challenge| challenge.len() != 43) {
        return Err(Refused::because(501481, "Size of Code_Challenge parameter must be 43."));
    }
    if app.is_public() && request.challenge.is_none() {
        return Err(Refused::new(50147));
    }
    if request.scopes.is_empty() {
        return Err(fields.required("scope").err().unwrap_or_else(|| Refused::new(70011)));
    }
    scope::audiences(&request.scopes).map(|_| ())
}

pub fn unknown_client(client_id: &str) -> Refused {
    let text = format!(
        "Application with identifier '{client_id}' was not found in the directory 'Contoso'. This can happen if the \
         application has not been installed by the administrator of the tenant or consented to by any user in the \
         tenant. You may have sent your authentication request to the wrong tenant."
    );
    Refused::because(700016, text)
}

pub fn is_registered(app: &Registration, redirect_uri: &str) -> bool {
    app.redirect_uris.iter().any(|registered| redirects_alike(registered, redirect_uri))
}

/// Entra's rule: exact, but any port on `http://localhost`; `127.0.0.1` counts only where registered itself.
fn redirects_alike(registered: &str, asked: &str) -> bool {
    let (Ok(registered), Ok(asked)) = (Url::parse(registered), Url::parse(asked)) else { return false };
    let loopback = registered.scheme() == "http"
        && registered.host_str().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
    registered.scheme() == asked.scheme()
        && registered.host_str() == asked.host_str()
        && (loopback || registered.port() == asked.port())
        && registered.path() == asked.path()
        && asked.fragment().is_none()
}

pub async fn sign_in(State(identity): Shared, pages: Pages, body: Bytes) -> Response {
    let fields = Fields::parse(&body);
    let flow = fields.text("flow").unwrap_or_default();
    let username = fields.text("username").unwrap_or_default();
    let password = Secret::new(fields.text("password").unwrap_or_default());
    let person = identity.world.tenant.person(username);
    let right = person.filter(|person| person.password.as_ref().is_some_and(|known| known.matches(&password)));
    let Some(person) = right else {
        return pages.sign_in(flow, username, Some("Your account or password is incorrect."), &identity.people());
    };
    let page = identity.memory(|memory| {
        let page = memory.pages.entry(flow)?;
        page.user = Some(person.address.to_ascii_lowercase());
        Some(page.clone())
    });
    match page.map(|page| page.purpose) {
        Some(Purpose::Code(request)) => pages.consent(flow, &person.address, &request.client_id, &request.scopes),
        Some(Purpose::Device { client_id, scopes, .. }) => pages.consent(flow, &person.address, &client_id, &scopes),
        None => lost(pages),
    }
}

pub async fn consent(State(identity): Shared, pages: Pages, body: Bytes) -> Response {
    let fields = Fields::parse(&body);
    let accepted = fields.text("answer") == Some("accept");
    let page = identity.memory(|memory| memory.pages.take(fields.text("flow").unwrap_or_default()));
    let Some(Page { purpose, user: Some(user) }) = page else { return lost(pages) };
    match purpose {
        Purpose::Code(request) if accepted => identity.back_with_code(pages, request, user),
        Purpose::Code(request) => back_with_error(pages, &request, &Refused::new(65004)),
        Purpose::Device { user_code, .. } => {
            let verdict = if accepted { Verdict::Approved(user) } else { Verdict::Declined };
            let text = match (identity.decide(&user_code, verdict), accepted) {
                (false, _) => "The code is no longer valid. Start again in your program.",
                (true, true) => "You have signed in. You may now close this window.",
                (true, false) => "You declined. You may now close this window.",
            };
            pages.message("Sign in", text)
        }
    }
}

fn lost(pages: Pages) -> Response {
    pages.message("Sign in", "This page is no longer valid. Start again in your program.")
}

impl Identity {
    pub fn open_page(self: &Arc<Self>, purpose: Purpose) -> String {
        let flow = tenant::random_text(32);
        self.memory(|memory| memory.pages.put(flow.clone(), Page { purpose, user: None }));
        flow
    }

    /// Whoever can sign in.
    pub fn people(&self) -> Vec<String> {
        let people = self.world.tenant.people().iter().filter(|person| person.password.is_some());
        people.map(|person| person.address.to_ascii_lowercase()).collect()
    }

    /// The person hinted at, or the first one.
    pub fn anybody(&self, hint: Option<&str>) -> Option<String> {
        match hint {
            Some(hint) => self.world.tenant.person(hint).map(|person| person.address.to_ascii_lowercase()),
            None => self.people().into_iter().next(),
        }
    }

    fn back_with_code(&self, pages: Pages, request: Request, user: String) -> Response {
        let code = format!("1.AXoA{}", tenant::random_text(700));
        let entry = Code { request: request.clone(), user, expires: Instant::now() + CODE_LIFE, used: false };
        self.memory(|memory| memory.codes.put(code.clone(), entry));
        let session = tenant::random_text(24);
        back(pages, &request, &[("code", &code), ("session_state", &session)])
    }
}

fn back_with_error(pages: Pages, request: &Request, refused: &Refused) -> Response {
    let description = refused.description();
    back(pages, request, &[("error", refused.error()), ("error_description", &description)])
}

/// Back to the application.
fn back(pages: Pages, request: &Request, answer: &[(&str, &str)]) -> Response {
    let mut fields = answer.to_vec();
    if let Some(state) = &request.state {
        fields.push(("state", state));
    }
    if request.form_post {
        return pages.form_post(&request.redirect_uri, &fields);
    }
    let Ok(mut target) = Url::parse(&request.redirect_uri) else { return lost(pages) };
    target.query_pairs_mut().extend_pairs(fields);
    let headers = [(header::LOCATION, target.to_string()), (header::CACHE_CONTROL, "no-store".into())];
    (StatusCode::FOUND, headers).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_goes_with_any_port_and_nothing_else_does() {
        assert!(redirects_alike("http://localhost", "http://localhost:40123/"));
        assert!(redirects_alike("http://localhost", "http://localhost:40123"));
        assert!(!redirects_alike("http://localhost", "http://127.0.0.1:40123/"));
        assert!(!redirects_alike("http://localhost", "http://localhost:1/other"));
        assert!(!redirects_alike("https://a.example/x", "https://a.example:444/x"));
    }
}
