//! What a refused or failed token request means, and whether asking again can help.
//!
//! `error_codes` speak first, then an AADSTS number in the description, then the OAuth words; the texts and whose turn
//! it is come from the catalogue. What is no OAuth answer at all (a page, half an answer) is a fault that passes:
//! a hotel network must not cost anybody a sign-in.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{App, Resource, patience};
use crate::{
    base::{Fault, Kind, Secret, printable, redacted, wire_text},
    catalog::{
        self, Entry, Known,
        doctor::{CAPTIVE_PORTAL, CLOCK_SKEWED, PROVIDER_NAME_UNKNOWN},
        token,
    },
    net::{HttpFault, HttpReply},
};

/// A clock this far from the provider's is worth a word in the log (assertions are valid for minutes).
const NOTABLE_SKEW: Duration = Duration::from_secs(120);

/// How the HTTP client's connector (hyper-util) says that it was the name.
const NAMELESS: &str = "dns error";

#[derive(Debug, Clone)]
pub struct Verdict {
    pub entry: &'static Entry,
    pub detail: String,
    /// What the provider asks for, capped.
    pub retry_after: Option<Duration>,
    /// The `error` word, where there was one.
    pub word: Option<String>,
    /// Who signed in, where that is somebody else than was meant.
    pub signed_in_as: Option<String>,
    /// Whose sign-in stays in use, where one that is good was not replaced.
    pub whose_stays: Option<String>,
}

/// When the same request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It passes by itself: with growing pauses.
    Later,
    /// Somebody has to change something elsewhere, and nobody will tell us: rarely.
    Rarely,
    /// Not before a new sign-in.
    NewSignIn,
}

impl Verdict {
    pub fn new(entry: &'static Entry, detail: impl Into<String>) -> Self {
        Self {
            entry,
            detail: redacted(&detail.into(), &[]),
            retry_after: None,
            word: None,
            signed_in_as: None,
            whose_stays: None,
        }
    }

    pub fn of_fault(fault: &HttpFault) -> Self {
        let entry = match fault {
            // Not the provider's turn: nobody here knows its name.
            HttpFault::Connect(why) if why.contains(NAMELESS) => PROVIDER_NAME_UNKNOWN,
            HttpFault::Timeout(_) | HttpFault::Connect(_) | HttpFault::Broken(_) => token::TOKEN_ENDPOINT_UNREACHABLE,
            HttpFault::Proxy(trouble, _) => trouble.entry(),
            HttpFault::TooLarge(_) => token::TOKEN_ENDPOINT_UNREADABLE,
            HttpFault::Tls(_) => token::TOKEN_ENDPOINT_UNTRUSTED,
            HttpFault::Unsendable(_) => token::TOKEN_REQUEST_MALFORMED,
        };
        Self::new(entry, fault.to_string())
    }

    /// Of an answer that is no success. `sent` are the secrets of the request: a provider that quotes them back must
    /// not bring them into our log.
    pub fn of_reply(reply: &HttpReply, now: SystemTime, sent: &[&Secret]) -> Self {
        let status = reply.status;
        let body: Option<Value> = serde_json::from_slice(&reply.body).ok().filter(Value::is_object);
        let said = body.as_ref().map(Said::read);
        let entry = match &said {
            _ if status.as_u16() == 429 => token::TOKEN_ENDPOINT_THROTTLED,
            _ if status.as_u16() == 511 => CAPTIVE_PORTAL,
            _ if status.is_server_error() || status.as_u16() == 408 => token::TOKEN_ENDPOINT_FAILING,
            None => no_answer(reply),
            Some(said) => said.entry(),
        };
        let mut detail = format!("HTTP {}", status.as_u16());
        match &said {
            Some(said) => detail.push_str(&said.words()),
            None => {
                let kind = kind_of(reply);
                let is_page = entry.id == CAPTIVE_PORTAL.id;
                let what = if is_page { "a page in the place of an OAuth answer" } else { "not an OAuth answer" };
                detail.push_str(&format!(", {} bytes of {kind}, {what}", reply.body.len()));
            }
        }
        let skew = reply.date.and_then(|date| skew(now, date));
        // What is judged by the time, and refused, is refused for the time.
        let is_by_time = entry.id == token::APP_CERTIFICATE_REFUSED.id && skew.is_some();
        let entry = if is_by_time { CLOCK_SKEWED } else { entry };
        if let Some(skew) = skew {
            detail.push_str(&format!("; this machine's clock differs by {} s from the provider's", skew.as_secs()));
        }
        let detail = redacted(&detail, sent);
        let word = said.and_then(|said| said.error);
        let retry_after = reply.retry_after.map(patience::asked);
        Self { word, retry_after, ..Self::new(entry, printable(&detail, 900)) }
    }

    /// An answer that promised success and did not hold it.
    pub fn unreadable(reply: &HttpReply, why: &str) -> Self {
        let kind = kind_of(reply);
        let (status, octets) = (reply.status.as_u16(), reply.body.len());
        let detail = format!("the identity provider's answer (HTTP {status}, {octets} bytes of {kind}): {why}");
        Self::new(no_answer(reply), printable(&detail, 300))
    }

    /// What is `known` of the account, for whoever tried to sign in and met this.
    pub fn known_at_sign_in(&self, known: Known) -> Known {
        let (signed_in_as, whose_stays) = (self.signed_in_as.clone(), self.whose_stays.clone());
        Known { is_at_sign_in: true, signed_in_as, whose_stays, number: catalog::code_in(&self.detail), ..known }
    }

    pub fn retry(&self) -> Retry {
        match self.entry.kind {
            Kind::Unavailable | Kind::Limited | Kind::TooBusy => Retry::Later,
            Kind::SignInNeeded => Retry::NewSignIn,
            Kind::BadCredentials | Kind::IdentityRefused | Kind::Bug => Retry::Rarely,
        }
    }

    /// The refresh token itself was refused, so another copy of it may still be good; not so where a policy or a
    /// missing proof is in the way.
    pub fn blames_refresh_token(&self) -> bool {
        means_dead_refresh_token(self.entry.id)
    }

    /// The same refusal where it was about another resource than mail: it says nothing against the sign-in, and an
    /// administrator can lift it with nobody signing in again.
    pub fn about(self, resource: Resource) -> Self {
        const LACKING: [&Entry; 4] =
            [token::CONSENT_MISSING, token::ADMIN_CONSENT_NEEDED, token::APP_LACKS_ACCESS, token::SCOPE_REFUSED];
        match resource == Resource::Graph && LACKING.iter().any(|entry| entry.id == self.entry.id) {
            true => Self { entry: token::GRAPH_CONSENT_MISSING, ..self },
            false => self,
        }
    }

    /// `how` tells the way to sign in.
    pub fn fault(&self, how: &str) -> Fault {
        self.entry.fault_with(how).detail(&self.detail)
    }

    /// Of a sign-in that a person tried: once it is mended somebody has to try again, whatever the fault says for itself.
    pub fn fault_of_sign_in(&self, app: &App, how: &str) -> Fault {
        let mut fault = self.fault_of(app, how, None);
        if !fault.text.contains(how) {
            let text = format!("{}; after that {how}", fault.text);
            if wire_text(&text) == text {
                fault.text = text;
            }
        }
        fault
    }

    /// The same, with where an administrator consents, if that is what is missing (whoever reads the reply may be one, or
    /// sends it to one), and with when that counts: `asks_again`. Where nobody signs in, that is `how`, and comes behind the
    /// consent, without which it changes nothing.
    pub fn fault_of(&self, app: &App, how: &str, asks_again: Option<&str>) -> Fault {
        let consents = self.consent_of_all(app);
        let mut fault = match &consents {
            // Whoever is signed in needs no other sign-in.
            Some(consents) if self.entry.id == token::GRAPH_CONSENT_MISSING.id || asks_again == Some(how) => {
                self.fault(consents)
            }
            _ => self.fault(how),
        };
        let with = |text: String, clause: Option<&str>| match clause.filter(|clause| !text.contains(clause)) {
            Some(clause) => format!("{text}; {clause}"),
            None => text,
        };
        let all = with(with(fault.text.clone(), consents.as_deref()), asks_again);
        let when = with(self.entry.fault_with(how).text, asks_again);
        // A link or a command that is cut leads nowhere.
        if let Some(whole) = [all, when].into_iter().find(|text| wire_text(text) == *text) {
            fault.text = whole;
        }
        fault
    }

    /// Where that is what is missing.
    fn consent_of_all(&self, app: &App) -> Option<String> {
        let lacks = |entry: &Entry| entry.id == self.entry.id;
        let helps = lacks(token::CONSENT_MISSING)
            || lacks(token::ADMIN_CONSENT_NEEDED)
            // Where nobody signs in, a role at Exchange is the narrower right.
            || lacks(token::GRAPH_CONSENT_MISSING) && !app.grant.is_app_only();
        let page = app.known().admin_consent().filter(|_| helps)?;
        Some(format!("an administrator consents for all at {page}"))
    }
}

/// What it is, without how it is written.
fn kind_of(reply: &HttpReply) -> &str {
    let kind = reply.content_type.as_deref().and_then(|kind| kind.split(';').next());
    kind.map(str::trim).filter(|kind| !kind.is_empty()).unwrap_or("no content type")
}

/// What is no OAuth answer at all: a page or a redirect is none of the provider's, anything else may be.
fn no_answer(reply: &HttpReply) -> &'static Entry {
    let is_page = reply.content_type.as_deref().is_some_and(|kind| kind.contains("html"));
    match is_page || reply.status.is_redirection() {
        true => CAPTIVE_PORTAL,
        false => token::TOKEN_ENDPOINT_UNREADABLE,
    }
}

/// Of a catalogue id, as a failure is remembered.
pub fn means_dead_refresh_token(id: &str) -> bool {
    id == token::SIGN_IN_EXPIRED.id || id == token::SIGN_IN_REVOKED.id
}

/// Likewise, of a sign-in: an administrator ends it without another one.
pub fn is_ended_by_consent(id: &str) -> bool {
    [token::CONSENT_MISSING, token::ADMIN_CONSENT_NEEDED, token::GRAPH_CONSENT_MISSING]
        .iter()
        .any(|entry| entry.id == id)
}

/// The fields of an OAuth error answer (RFC 6749 5.2) with those of Microsoft and Google.
struct Said {
    error: Option<String>,
    subtype: Option<String>,
    description: String,
    codes: Vec<u32>,
}

impl Said {
    fn read(body: &Value) -> Self {
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let codes = body.get("error_codes").and_then(Value::as_array);
        Self {
            error: text("error"),
            subtype: text("suberror").or_else(|| text("error_subtype")).filter(|word| !word.is_empty()),
            // `message`: App Service.
            description: text("error_description").or_else(|| text("message")).unwrap_or_default(),
            codes: codes.into_iter().flatten().filter_map(|code| code.as_u64()?.try_into().ok()).collect(),
        }
    }

    fn entry(&self) -> &'static Entry {
        let numbers: Vec<u32> = self.codes.iter().copied().chain(catalog::code_in(&self.description)).collect();
        let words = [&self.subtype, &self.error].into_iter().flatten().map(String::as_str);
        catalog::refusal(&numbers, words).unwrap_or(match self.error {
            Some(_) => token::PROVIDER_REFUSES,
            None => token::TOKEN_ENDPOINT_UNREADABLE,
        })
    }

    fn words(&self) -> String {
        let mut out = String::new();
        for word in [&self.error, &self.subtype].into_iter().flatten() {
            out.push_str(&format!(" {word}"));
        }
        for code in self.codes.iter().copied().take(4) {
            let name = catalog::entra_code(code).map_or("unknown", |(_, name)| name);
            out.push_str(&format!(" AADSTS{code} ({name})"));
        }
        // Microsoft's begins with the number that was just said.
        let said = self.codes.first().and_then(|code| self.description.strip_prefix(&format!("AADSTS{code}: ")));
        let description = said.unwrap_or(&self.description);
        if !description.is_empty() {
            out.push_str(&format!(": {description}"));
        }
        out
    }
}

fn skew(now: SystemTime, theirs: SystemTime) -> Option<Duration> {
    let apart = now.duration_since(theirs).unwrap_or_else(|early| early.duration());
    (apart > NOTABLE_SKEW).then_some(apart)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn reply(status: u16, body: &str) -> HttpReply {
        HttpReply {
            status: StatusCode::from_u16(status).unwrap(),
            content_type: Some("application/json".into()),
            retry_after: None,
            date: None,
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        }
    }

    fn judge(status: u16, body: &str) -> Verdict {
        Verdict::of_reply(&reply(status, body), SystemTime::now(), &[])
    }

    #[test]
    fn codes_speak_before_the_description_and_that_before_the_word() {
        let body = r#"{"error":"invalid_grant","error_codes":[53003],"error_description":"AADSTS70008: expired"}"#;
        assert_eq!(judge(400, body).entry.id, "conditional-access");
        let body = r#"{"error":"invalid_grant","error_description":"AADSTS50173: revoked. Trace ID: x"}"#;
        assert_eq!(judge(400, body).entry.id, "sign-in-revoked");
        assert_eq!(judge(400, r#"{"error":"invalid_grant","error_codes":[123]}"#).entry.id, "sign-in-expired");
        let google = r#"{"error":"invalid_grant","error_description":"reauth","error_subtype":"invalid_rapt"}"#;
        assert_eq!(judge(400, google).entry.id, "sign-in-frequency");
        assert_eq!(judge(400, r#"{"error":"never_heard"}"#).entry.id, "provider-refuses");
    }

    /// Entra has many numbers under few words, and more of them each month.
    #[test]
    fn a_number_that_is_unknown_is_told_with_its_page_and_not_guessed_from_the_word_over_it() {
        for word in ["invalid_client", "invalid_request", "unauthorized_client"] {
            for numbers in [r#","error_codes":[7009999]"#, ""] {
                let body =
                    format!(r#"{{"error":"{word}"{numbers},"error_description":"AADSTS7009999: of tomorrow."}}"#);
                let verdict = judge(401, &body);
                assert_eq!(verdict.entry.id, "provider-refuses", "{body}");
                assert!(verdict.detail.contains("AADSTS7009999") && verdict.detail.contains("of tomorrow"), "{body}");
                let words = verdict.entry.told(crate::base::Lang::En, &verdict.known_at_sign_in(Known::default()));
                let page = "https://login.microsoftonline.com/error?code=7009999".to_owned();
                assert!(words.commands().contains(&page), "{:?}", words.commands());
            }
        }
        for word in ["invalid_grant", "interaction_required"] {
            let body = format!(r#"{{"error":"{word}","error_description":"AADSTS7009999: of tomorrow."}}"#);
            let verdict = judge(400, &body);
            assert_eq!(verdict.retry(), Retry::NewSignIn, "no refresh will do");
            assert!(verdict.detail.contains("AADSTS7009999: of tomorrow."), "{}", verdict.detail);
        }
    }

    #[test]
    fn every_class_has_its_retry() {
        let cases = [
            (400, r#"{"error":"invalid_grant"}"#, Retry::NewSignIn),
            (400, r#"{"error":"interaction_required","error_codes":[50076]}"#, Retry::NewSignIn),
            (401, r#"{"error":"invalid_client","error_codes":[7000222]}"#, Retry::Rarely),
            (400, r#"{"error":"invalid_grant","error_codes":[53003]}"#, Retry::Rarely),
            (400, r#"{"error":"unauthorized_client","error_codes":[700016]}"#, Retry::Rarely),
            (400, r#"{"error":"invalid_request","error_codes":[90014]}"#, Retry::Rarely),
            (400, r#"{"error":"invalid_grant","error_codes":[50196]}"#, Retry::Later),
            (400, r#"{"error":"temporarily_unavailable"}"#, Retry::Later),
            (429, r#"{"error":"invalid_grant"}"#, Retry::Later),
            (500, "", Retry::Later),
            (500, r#"{"error":"server_error"}"#, Retry::Later),
            (503, "<html>busy</html>", Retry::Later),
            (400, "<html>captive portal</html>", Retry::Later),
            (403, "", Retry::Later),
            (302, "", Retry::Later),
        ];
        for (status, body, retry) in cases {
            assert_eq!(judge(status, body).retry(), retry, "{status} {body}");
        }
    }

    #[test]
    fn a_page_in_the_place_of_an_answer_is_told_from_an_answer_that_is_broken() {
        let kind = |kind: &str, status| HttpReply { content_type: Some(kind.into()), ..reply(status, "<html>") };
        let judged = |reply: HttpReply| Verdict::of_reply(&reply, SystemTime::now(), &[]).entry.id;
        assert_eq!(judged(kind("text/html; charset=utf-8", 400)), "captive-portal");
        assert_eq!(judged(reply(302, "")), "captive-portal");
        assert_eq!(judged(kind("text/html", 511)), "captive-portal");
        assert_eq!(Verdict::unreadable(&kind("text/html", 200), "no token").entry.id, "captive-portal");
        assert_eq!(judged(reply(400, "{\"error\"")), "token-endpoint-unreadable");
        assert_eq!(judged(kind("text/html", 503)), "token-endpoint-failing", "the provider has such pages itself");
    }

    #[test]
    fn only_a_dead_refresh_token_makes_another_copy_worth_trying() {
        assert!(judge(400, r#"{"error":"invalid_grant","error_codes":[70000]}"#).blames_refresh_token());
        assert!(!judge(400, r#"{"error":"invalid_grant","error_codes":[50076]}"#).blames_refresh_token());
    }

    #[test]
    fn neither_secrets_nor_control_bytes_of_an_answer_reach_the_log() {
        let secret = Secret::new("0.refresh-token-value");
        let body = r#"{"error":"invalid_grant","error_description":"bad 0.refresh-token-value\r\nINFO forged"}"#;
        let verdict = Verdict::of_reply(&reply(400, body), SystemTime::now(), &[&secret]);
        assert!(!verdict.detail.contains("token-value") && !verdict.detail.contains('\n'), "{}", verdict.detail);
        assert!(verdict.detail.contains("[secret]"));
    }

    #[test]
    fn the_detail_tells_status_words_codes_and_description() {
        let body =
            r#"{"error":"invalid_grant","suberror":"bad_token","error_codes":[50173,1],"error_description":"so"}"#;
        let detail = judge(400, body).detail;
        assert!(
            detail.starts_with("HTTP 400 invalid_grant bad_token AADSTS50173 (") && detail.ends_with(": so"),
            "{detail}"
        );
        assert!(detail.contains("AADSTS1 (unknown)"), "{detail}");
        let twice =
            r#"{"error":"invalid_client","error_codes":[7000222],"error_description":"AADSTS7000222: It expired."}"#;
        assert_eq!(
            judge(401, twice).detail,
            "HTTP 401 invalid_client AADSTS7000222 (client secret expired): It expired."
        );
        let bare = r#"{"error":"invalid_grant","suberror":""}"#;
        assert_eq!(judge(400, bare).detail, "HTTP 400 invalid_grant");
        assert_eq!(judge(408, bare).entry.id, "token-endpoint-failing", "a timeout is nobody's refusal");
    }

    #[test]
    fn a_clock_that_differs_by_more_than_two_minutes_is_told_either_way() {
        let now = SystemTime::now();
        let told = |date| {
            let reply = HttpReply { date: Some(date), ..reply(400, "{}") };
            Verdict::of_reply(&reply, now, &[]).detail.contains("differs by 600 s")
        };
        assert!(told(now - Duration::from_secs(600)) && told(now + Duration::from_secs(600)));
        let judged = |body: &str, date| {
            let reply = HttpReply { date: Some(date), ..reply(401, body) };
            Verdict::of_reply(&reply, now, &[]).entry.id
        };
        let assertion = r#"{"error":"invalid_client","error_codes":[700024]}"#;
        assert_eq!(judged(assertion, now - Duration::from_secs(600)), "clock-skewed");
        assert_eq!(judged(assertion, now), "app-certificate-refused");
        let secret = r#"{"error":"invalid_client","error_codes":[7000222]}"#;
        assert_eq!(judged(secret, now - Duration::from_secs(600)), "client-secret-expired", "no clock mends a secret");
        assert_eq!(skew(now, now - NOTABLE_SKEW), None);
    }
}
