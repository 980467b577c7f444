//! The provider's pages: plain HTML without scripts, readable by people, screen readers and test browsers.
//!
//! Fields have the ids `username`, `password`, `code`; buttons `submit`, `accept`, `decline`.

use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use crate::base::Lang;

pub fn sign_in(flow: &str, hint: &str, error: Option<&str>) -> Response {
    let focus = if hint.is_empty() { ("autofocus", "") } else { ("", "autofocus") };
    page(
        "Sign in",
        &format!(
            "{}<form method=post action=/sign-in><input type=hidden name=flow value=\"{}\">\
             <label for=username>Address</label>\
             <input id=username name=username type=email autocomplete=username required {} value=\"{}\">\
             <label for=password>Password</label>\
             <input id=password name=password type=password autocomplete=current-password required {}>\
             <button id=submit type=submit>Sign in</button></form>\
             <p>Everybody's password in the sandbox is <code>{}</code>.</p>",
            complaint(error),
            escaped(flow),
            focus.0,
            escaped(hint),
            focus.1,
            super::super::PASSWORD,
        ),
    )
}

pub fn consent(flow: &str, user: &str, client: &str, scopes: &[String]) -> Response {
    let list: String = scopes.iter().map(|scope| format!("<li><code>{}</code></li>", escaped(scope))).collect();
    page(
        "Permissions requested",
        &format!(
            "<p>Signed in as <strong>{}</strong>. The application <code>{}</code> would like to:</p><ul>{list}</ul>\
             <form method=post action=/consent><input type=hidden name=flow value=\"{}\">\
             <button id=accept name=answer value=accept autofocus>Accept</button> \
             <button id=decline name=answer value=decline>Cancel</button></form>",
            escaped(user),
            escaped(client),
            escaped(flow),
        ),
    )
}

pub fn device(code: &str, error: Option<&str>) -> Response {
    page(
        "Enter code",
        &format!(
            "{}<form method=post action=/devicelogin><label for=code>Code shown by your program or device</label>\
             <input id=code name=code autocomplete=off autocapitalize=characters required autofocus value=\"{}\">\
             <button id=submit type=submit>Next</button></form>",
            complaint(error),
            escaped(code),
        ),
    )
}

pub fn message(title: &str, text: &str) -> Response {
    page(title, &format!("<p id=message>{}</p>", escaped(text)))
}

pub fn refusal(refused: &super::errors::Refused) -> Response {
    let text =
        format!("<p>We are unable to complete your request.</p><p id=message>{}</p>", escaped(&refused.description()));
    (StatusCode::BAD_REQUEST, page("Sign in", &text)).into_response()
}

/// `response_mode=form_post`: the browser posts the fields by itself, or with the button.
pub fn form_post(target: &str, fields: &[(&str, &str)]) -> Response {
    let inputs: String = fields
        .iter()
        .map(|(name, value)| format!("<input type=hidden name=\"{}\" value=\"{}\">", escaped(name), escaped(value)))
        .collect();
    let form =
        format!("<form method=post action=\"{}\">{inputs}<button id=submit>Continue</button></form>", escaped(target));
    page("Working...", &form)
}

pub fn page(title: &str, body: &str) -> Response {
    page_in(Lang::En, title, body, "This is the Gatepost sandbox, not Microsoft.")
}

pub fn page_in(lang: Lang, title: &str, body: &str, foot: &str) -> Response {
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
        lang.tag()
    );
    ([(header::CACHE_CONTROL, "no-store")], Html(html)).into_response()
}

fn complaint(error: Option<&str>) -> String {
    error.map(|text| format!("<p class=error role=alert id=error>{}</p>", escaped(text))).unwrap_or_default()
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
