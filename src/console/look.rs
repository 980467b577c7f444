//! What every page needs of a request: the visit, the language, and whether a form really comes from one of our pages.

use std::{convert::Infallible, sync::Arc};

use askama::Template;
use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    middleware::Next,
    response::{Html, IntoResponse, Redirect, Response},
};
use jiff::Timestamp;

use super::{Console, visits::Visit, words::Words};
use crate::{
    base::{Lang, Secret},
    catalog::{self, Line, Step, moment},
    meter,
    queue::last_words,
};

const LANG_COOKIE: &str = "gatepost-lang";
/// Nothing from elsewhere, no frame around it, no form to elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The visit of a guarded page.
#[derive(Clone)]
pub struct Look {
    pub lang: Lang,
    pub visit: Option<Visit>,
    /// The page's own script asks, not a person.
    pub follows: bool,
}

/// What surrounds every page.
pub struct Frame<'a> {
    pub lang: Lang,
    /// The word that its forms carry; `None` outside of a visit.
    pub form: Option<&'a str>,
}

impl Frame<'_> {
    pub fn words(&self) -> &'static Words {
        self.lang.words()
    }

    pub fn is_english(&self) -> bool {
        self.lang == Lang::En
    }

    /// How long ago that was, in seconds since 1970.
    pub fn ago(&self, at: &u64) -> String {
        self.lang.ago(meter::now().saturating_sub(*at))
    }

    /// The parts of a text of the catalogue; `true`: one that stood between backticks.
    pub fn marked<'t>(&self, text: &'t str) -> impl Iterator<Item = (bool, &'t str)> {
        marked(text)
    }

    /// What was heard of a fault, below its cause.
    pub fn in_short(&self, id: &str) -> Option<String> {
        catalog::in_short(id, self.lang)
    }

    /// The same of what no client met.
    pub fn in_short_unheard(&self, id: &str) -> Option<String> {
        catalog::in_short_unheard(id, self.lang)
    }

    /// What stands in the place of a last reply, ours in the language of the page.
    pub fn last_words(&self, reply: &str) -> String {
        last_words(reply, self.lang)
    }

    /// A next step of the catalogue as a list.
    pub fn step(&self, text: &str) -> Listed {
        Listed { step: Step::of(text) }
    }

    pub fn span(&self, seconds: &u64) -> String {
        self.lang.span(*seconds)
    }

    /// Octets as people say them.
    pub fn size(&self, bytes: &u64) -> String {
        match bytes {
            0..1024 => format!("{bytes} B"),
            1024..1_048_576 => format!("{} KiB", bytes / 1024),
            _ => format!("{:.1} MiB", *bytes as f64 / 1_048_576.0),
        }
    }

    /// Seconds since 1970 as a moment, by the clock of this machine and in UTC.
    pub fn moment(&self, at: &u64) -> String {
        let at = i64::try_from(*at).ok().and_then(|at| Timestamp::from_second(at).ok());
        at.map_or_else(String::new, |at| moment(at, "%Y-%m-%d %H:%M:%S"))
    }

    pub fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// A step or a way of it, with those within it.
#[derive(Template)]
#[template(path = "step.html")]
pub struct Listed {
    step: Step,
}

impl Listed {
    pub const fn of(step: Step) -> Self {
        Self { step }
    }

    /// Those with a label, or those that belong to all of them.
    fn ways(&self, is_labelled: bool) -> impl Iterator<Item = Self> {
        let ways = self.step.ways.iter().filter(move |way| way.label.is_some() == is_labelled);
        ways.map(|way| Self { step: way.clone() })
    }

    fn has_labels(&self) -> bool {
        self.ways(true).next().is_some()
    }

    /// See [`Frame::marked`].
    fn marked<'t>(&self, text: &'t str) -> impl Iterator<Item = (bool, &'t str)> {
        marked(text)
    }
}

fn marked(text: &str) -> impl Iterator<Item = (bool, &str)> {
    text.split('`').enumerate().map(|(at, part)| (at % 2 == 1, part))
}

impl Look {
    pub fn frame(&self) -> Frame<'_> {
        Frame { lang: self.lang, form: self.visit.as_ref().map(|visit| visit.form.expose()) }
    }

    pub fn words(&self) -> &'static Words {
        self.lang.words()
    }

    /// The word that a page of this visit put into the form came back.
    pub fn is_ours(&self, form: &str) -> bool {
        self.visit.as_ref().is_some_and(|visit| visit.form.matches(&Secret::new(form)))
    }
}

impl FromRequestParts<Arc<Console>> for Look {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Infallible> {
        let lang = lang_of(&parts.headers, &parts.uri);
        let follows = parts.headers.contains_key("x-follow");
        Ok(Self { lang, visit: console.visits.find(&cookies(&parts.headers)), follows })
    }
}

/// The language of the address, else the one that somebody chose before, else the one that the browser asks for.
pub fn lang_of(headers: &HeaderMap, uri: &Uri) -> Lang {
    let cookies = cookies(headers);
    let chosen = cookies.split(';').filter_map(|one| one.trim().split_once('='));
    let chosen = chosen.into_iter().find(|(name, _)| *name == LANG_COOKIE).and_then(|(_, tag)| Lang::parse(tag));
    wished(uri).or(chosen).unwrap_or_else(|| Lang::accepted(text(headers, header::ACCEPT_LANGUAGE)))
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn cookies(headers: &HeaderMap) -> String {
    let all: Vec<_> = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).collect();
    all.join("; ")
}

/// `?lang=ja` in the address.
fn wished(uri: &Uri) -> Option<Lang> {
    uri.query()?.split('&').filter_map(|pair| pair.strip_prefix("lang=")).find_map(Lang::parse)
}

/// Around all pages: the headers that keep them to themselves, the chosen language, and no form from elsewhere.
pub async fn guard(request: Request, next: Next) -> Response {
    let wished = wished(request.uri());
    let mut response = match request.method() == Method::POST && !comes_from_here(request.headers()) {
        true => {
            let words = lang_of(request.headers(), request.uri()).words();
            (StatusCode::FORBIDDEN, format!("{}\n", words.form_elsewhere)).into_response()
        }
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Some(lang) = wished
        && let Ok(cookie) = HeaderValue::from_str(&format!(
            "{LANG_COOKIE}={}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax",
            lang.tag()
        ))
    {
        headers.append(header::SET_COOKIE, cookie);
    }
    response
}

/// Browsers say where a form comes from (`Origin`, `Sec-Fetch-Site`); programs say nothing, and have no cookie either.
pub(super) fn comes_from_here(headers: &HeaderMap) -> bool {
    let site = text(headers, header::HeaderName::from_static("sec-fetch-site"));
    let origin = text(headers, header::ORIGIN);
    let host = text(headers, header::HOST);
    matches!(site, "" | "same-origin" | "none")
        && (origin.is_empty() || origin.split_once("://").is_some_and(|(_, named)| named.eq_ignore_ascii_case(host)))
}

/// A guarded page without a visit: the way to the door; a form without one is refused.
pub async fn visitors_only(look: Look, request: Request, next: Next) -> Response {
    match (look.visit.is_some(), request.method() == Method::GET) {
        (true, _) => next.run(request).await,
        (false, true) => Redirect::to("/door").into_response(),
        (false, false) => (StatusCode::FORBIDDEN, format!("{}\n", look.words().open_first)).into_response(),
    }
}

/// A page, or a plain word that it cannot be drawn.
pub fn drawn(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page of the console cannot be drawn");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page cannot be drawn; the log says why\n").into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        all.iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_form_from_another_site_is_told_apart() {
        let host = ("host", "127.0.0.1:8425");
        for (more, ours) in [
            (&[][..], true),
            (&[("origin", "http://127.0.0.1:8425"), ("sec-fetch-site", "same-origin")], true),
            (&[("origin", "http://127.0.0.1:9999")], false),
            (&[("origin", "https://evil.example")], false),
            (&[("origin", "null")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
        ] {
            assert_eq!(comes_from_here(&headers(&[&[host], more].concat())), ours, "{more:?}");
        }
    }
}
