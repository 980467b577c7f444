//! Authorization code with PKCE (RFC 6749 4.1, RFC 7636, RFC 8252): the request, and what comes back.
//!
//! The answer reaches us through the loopback listener, or as an address that somebody copies from the browser; both
//! end in [`CodeRequest::code_in`]. No code is taken without the state of this very request.

use oauth2::{AuthUrl, ClientId, CsrfToken, PkceCodeChallenge, RedirectUrl, Scope, basic::BasicClient};
use url::Url;

use crate::{
    base::{Secret, printable},
    catalog::{
        self,
        explain::{self, By},
        token,
    },
    oauth::{
        App,
        endpoints::{Endpoints, TokenSet},
        verdict::Verdict,
    },
};

/// Codes of Microsoft are long, but not longer.
const CODE_CAP: usize = 8192;

/// One authorization request. It is used up by [`CodeRequest::redeem`].
#[derive(Debug)]
pub struct CodeRequest {
    url: Url,
    state: Secret,
    verifier: Option<Secret>,
    redirect: Url,
}

/// Why an address that came back is not the answer.
#[derive(Debug)]
pub enum NotTheAnswer {
    /// Another state, or none: of an older request, or forged. The right answer may still come.
    OtherState,
    /// Neither a code nor an error in it.
    Empty,
    /// The provider or the person said no.
    Refused(Verdict),
}

impl CodeRequest {
    pub fn new(app: &App, redirect: Url, login_hint: &str) -> Self {
        let client = BasicClient::new(ClientId::new(app.client_id.clone()))
            .set_auth_uri(AuthUrl::from_url(app.authorize_url.clone()))
            .set_redirect_uri(RedirectUrl::from_url(redirect.clone()));
        let mut request = client
            .authorize_url(CsrfToken::new_random)
            .add_scopes(app.consent_scopes().into_iter().map(|scope| Scope::new(scope.to_owned())))
            .add_extra_param("login_hint", login_hint.to_owned());
        for (name, value) in &app.authorize_extra {
            request = request.add_extra_param(name.clone(), value.clone());
        }
        let mut verifier = None;
        if app.pkce {
            let (challenge, secret) = PkceCodeChallenge::new_random_sha256();
            request = request.set_pkce_challenge(challenge);
            verifier = Some(Secret::new(secret.into_secret()));
        }
        let (url, state) = request.url();
        Self { url, state: Secret::new(state.into_secret()), verifier, redirect }
    }

    /// Where the person goes.
    pub fn url(&self) -> &Url {
        &self.url
    }

    pub fn redirect(&self) -> &Url {
        &self.redirect
    }

    /// The code in a redirected address. `iss` (RFC 9207) is not needed: this request knows one provider only.
    pub fn code_in(&self, answer: &Url) -> Result<Secret, NotTheAnswer> {
        let field = |name: &str| answer.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let state = Secret::new(field("state").unwrap_or_default());
        let (code, error) = (field("code").map(Secret::new), field("error"));
        if code.is_none() && error.is_none() {
            return Err(NotTheAnswer::Empty);
        }
        if !state.matches(&self.state) {
            return Err(NotTheAnswer::OtherState);
        }
        match (error, code) {
            (Some(error), _) => {
                Err(NotTheAnswer::Refused(refusal(&error, &field("error_description").unwrap_or_default())))
            }
            (None, Some(code)) if !code.is_empty() && code.len() <= CODE_CAP => Ok(code),
            (None, _) => Err(NotTheAnswer::Empty),
        }
    }

    /// The same for what somebody copied from the browser: its address line, or what the page says where that shows an error.
    pub fn code_in_text(&self, pasted: &str) -> Result<Secret, NotTheAnswer> {
        // Chats and mails put these around an address.
        let pasted = pasted.trim().trim_matches(['<', '>', '"', '\'']);
        let answer =
            Url::parse(pasted).or_else(|_| self.redirect.join(&format!("?{}", pasted.trim_start_matches('?'))));
        let error = answer.as_ref().ok().and_then(error_without_state);
        let found = answer.map_err(|_| NotTheAnswer::Empty).and_then(|answer| self.code_in(&answer));
        match (found, error) {
            (Err(NotTheAnswer::Empty), _) => Err(on_a_page(pasted).map_or(NotTheAnswer::Empty, NotTheAnswer::Refused)),
            (Err(NotTheAnswer::OtherState), Some(verdict)) => Err(NotTheAnswer::Refused(verdict)),
            (found, _) => found,
        }
    }

    /// Trades the code for tokens. A code is good once (RFC 6749 4.1.2), and so is the request.
    pub async fn redeem(self, endpoints: Endpoints<'_>, code: Secret) -> Result<TokenSet, Verdict> {
        endpoints.redeem_code(&code, self.verifier.as_ref(), &self.redirect).await
    }
}

/// Whoever pastes an error means it: an address of another sign-in has a state.
fn error_without_state(answer: &Url) -> Option<Verdict> {
    let field = |name: &str| answer.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let (error, description) = (field("error")?, field("error_description")?);
    field("state").is_none().then(|| refusal(&error, &description))
}

/// Where the page of Entra ID ends in an error, nothing comes back from there: its number is all there is. A number by
/// itself that nobody knows may be anything else, as the code of a second factor.
fn on_a_page(text: &str) -> Option<Verdict> {
    let known = explain::read(text).into_iter().find(|found| matches!(found.by, By::Number(..)));
    let unknown = explain::unknown_number(text).filter(|number| text.parse() != Ok(*number));
    let entry = known.map(|found| found.entry).or(unknown.map(|_| token::PROVIDER_REFUSES))?;
    Some(Verdict::new(entry, printable(text, 600)))
}

fn refusal(error: &str, description: &str) -> Verdict {
    let numbers: Vec<u32> = catalog::code_in(description).into_iter().collect();
    let entry = catalog::refusal(&numbers, [error]).unwrap_or(token::PROVIDER_REFUSES);
    let mut verdict = Verdict::new(entry, printable(&format!("{error}: {description}"), 600));
    verdict.word = Some(error.to_owned());
    verdict
}
