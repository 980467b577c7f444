//! The provider's pages: plain HTML without scripts, readable by people, screen readers and test browsers.
//!
//! Fields have the ids `username`, `password`, `code`; buttons `submit`, `accept`, `decline`.

use std::{convert::Infallible, sync::OnceLock};

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Response},
};

use crate::base::{Lang, Phrases};

/// In the language that the browser asks for first.
#[derive(Clone, Copy)]
pub struct Pages(Lang);

impl<S: Send + Sync> FromRequestParts<S> for Pages {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let asked = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Ok(Self(asked.map(Lang::accepted).unwrap_or_default()))
    }
}

impl Pages {
    /// `people`: whoever can sign in.
    pub fn sign_in(self, flow: &str, hint: &str, error: Option<&str>, people: &[String]) -> Response {
        let people: Vec<String> = people.iter().map(|one| format!("<code>{}</code>", escaped(one))).collect();
        let focus = if hint.is_empty() { ("autofocus", "") } else { ("", "autofocus") };
        self.page(
            "Sign in",
            &format!(
                "{}<form method=post action=/sign-in><input type=hidden name=flow value=\"{}\">\
                 <label for=username>{}</label>\
                 <input id=username name=username type=email autocomplete=username required {} value=\"{}\">\
                 <label for=password>{}</label>\
                 <input id=password name=password type=password autocomplete=current-password required {}>\
                 <button id=submit type=submit>{}</button></form>\
                 <p>{} {}<br>{}</p>",
                self.complaint(error),
                escaped(flow),
                self.told("Address"),
                focus.0,
                escaped(hint),
                self.told("Password"),
                focus.1,
                self.told("Sign in"),
                self.told("Who can sign in here:"),
                people.join(" "),
                self.told("Everybody's password in the sandbox is:")
                    + &format!(" <code>{}</code>", super::super::PASSWORD),
            ),
        )
    }

    pub fn consent(self, flow: &str, user: &str, client: &str, scopes: &[String]) -> Response {
        let list: String = scopes.iter().map(|scope| format!("<li><code>{}</code></li>", escaped(scope))).collect();
        self.page(
            "Permissions requested",
            &format!(
                "<p>{} <strong>{}</strong></p><p>{} <code>{}</code></p><p>{}</p><ul>{list}</ul>\
                 <form method=post action=/consent><input type=hidden name=flow value=\"{}\">\
                 <button id=accept name=answer value=accept autofocus>{}</button> \
                 <button id=decline name=answer value=decline>{}</button></form>",
                self.told("Signed in as:"),
                escaped(user),
                self.told("Application:"),
                escaped(client),
                self.told("It would like to:"),
                escaped(flow),
                self.told("Accept"),
                self.told("Cancel"),
            ),
        )
    }

    pub fn device(self, code: &str, error: Option<&str>) -> Response {
        self.page(
            "Enter code",
            &format!(
                "{}<form method=post action=/devicelogin><label for=code>{}</label>\
                 <input id=code name=code autocomplete=off autocapitalize=characters required autofocus value=\"{}\">\
                 <button id=submit type=submit>{}</button></form>",
                self.complaint(error),
                self.told("Code shown by your program or device"),
                escaped(code),
                self.told("Next"),
            ),
        )
    }

    pub fn message(self, title: &str, text: &str) -> Response {
        self.page(title, &format!("<p id=message>{}</p>", self.told(text)))
    }

    /// What Entra says of it stays as it is.
    pub fn refusal(self, refused: &super::errors::Refused) -> Response {
        let (lead, said) = (self.told("We are unable to complete your request."), escaped(&refused.description()));
        let text = format!("<p>{lead}</p><p id=message>{said}</p>");
        (StatusCode::BAD_REQUEST, self.page("Sign in", &text)).into_response()
    }

    /// `response_mode=form_post`: the browser posts the fields by itself, or with the button.
    pub fn form_post(self, target: &str, fields: &[(&str, &str)]) -> Response {
        let inputs: String = fields
            .iter()
            .map(|(name, value)| format!("<input type=hidden name=\"{}\" value=\"{}\">", escaped(name), escaped(value)))
            .collect();
        let (target, go_on) = (escaped(target), self.told("Continue"));
        let form = format!("<form method=post action=\"{target}\">{inputs}<button id=submit>{go_on}</button></form>");
        self.page("Working...", &form)
    }

    pub fn page(self, title: &str, body: &str) -> Response {
        let (title, foot) = (self.told(title), self.told("This is the Gatepost sandbox, not Microsoft."));
        let html = format!(
            "<!doctype html><html lang={}><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
             <title>{title} - Gatepost sandbox</title><style>\
             body{{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#1b1b1b;\
             background:#fff}}label,input{{display:block;width:100%;box-sizing:border-box}}\
             input{{font:inherit;padding:.5rem;margin:.25rem 0 1rem;border:1px solid #666;border-radius:4px}}\
             button{{font:inherit;padding:.5rem 1.5rem;border:1px solid #0b5cad;border-radius:4px;background:#0b5cad;\
             color:#fff}}button#decline{{background:#fff;color:#0b5cad}}.error{{color:#a4001d}}small{{color:#555}}\
             </style></head><body><main><h1>{title}</h1>{body}\
             <p><small>{foot}</small></p></main></body></html>",
            self.0.tag()
        );
        ([(header::CACHE_CONTROL, "no-store")], Html(html)).into_response()
    }

    fn complaint(self, error: Option<&str>) -> String {
        let text = error.map(|text| self.told(text));
        text.map(|text| format!("<p class=error role=alert id=error>{text}</p>")).unwrap_or_default()
    }

    /// For a page.
    pub fn told(self, text: &str) -> String {
        escaped(&said(text, self.0))
    }
}

/// What is said here, in the language of who reads it.
pub fn said(text: &str, lang: Lang) -> String {
    static PHRASES: OnceLock<Phrases> = OnceLock::new();
    let phrases = || PHRASES.get_or_init(|| Phrases::read(&[include_str!("../japanese.txt")]));
    if lang == Lang::Ja { phrases().told(text) } else { text.to_owned() }
}

pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::presets::PRESETS;

    #[test]
    fn every_rehearsal_is_told_in_japanese_as_well() {
        for preset in PRESETS {
            assert_ne!(said(preset.about, Lang::Ja), preset.about, "{}", preset.name);
        }
    }
}
