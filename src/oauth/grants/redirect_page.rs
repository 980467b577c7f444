//! The one small page that a browser shows when it comes back, in its own language: no script, no outside resource,
//! everything escaped.

use crate::{base::Lang, oauth::verdict::Verdict};

/// What it says.
pub(super) enum Page<'a> {
    OtherPath,
    SignedIn,
    Refused(&'a Verdict),
    OtherSignIn,
}

impl Page<'_> {
    fn status(&self) -> &'static str {
        match self {
            Page::OtherPath => "404 Not Found",
            Page::SignedIn | Page::Refused(_) => "200 OK",
            Page::OtherSignIn => "400 Bad Request",
        }
    }

    fn title(&self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Page::OtherPath, Lang::En) => "Nothing here",
            (Page::OtherPath, Lang::Ja) => "ここには何もありません",
            (Page::SignedIn, Lang::En) => "Thank you",
            (Page::SignedIn, Lang::Ja) => "ありがとうございます",
            (Page::Refused(_), Lang::En) => "Not signed in",
            (Page::Refused(_), Lang::Ja) => "サインインできませんでした",
            (Page::OtherSignIn, Lang::En) => "Not this sign-in",
            (Page::OtherSignIn, Lang::Ja) => "別のサインインです",
        }
    }

    fn text(&self, lang: Lang) -> String {
        let text = match (self, lang) {
            (Page::OtherPath, Lang::En) => "Gatepost waits for a sign-in on another path.",
            (Page::OtherPath, Lang::Ja) => "Gatepost は別のパスでサインインを待っています。",
            (Page::SignedIn, Lang::En) => {
                "Gatepost has what it needs and goes on in its own window. You can close this one."
            }
            (Page::SignedIn, Lang::Ja) => {
                "必要な情報がそろいました。続きは Gatepost の画面で行われます。このウィンドウは閉じてかまいません。"
            }
            (Page::Refused(verdict), Lang::En) => {
                return format!("{} ({})", verdict.entry.words(lang).cause, verdict.detail);
            }
            (Page::Refused(verdict), Lang::Ja) => {
                return format!("{}（{}）", verdict.entry.words(lang).cause, verdict.detail);
            }
            (Page::OtherSignIn, Lang::En) => {
                "This answer belongs to another sign-in. Go back to the page that Gatepost gave you."
            }
            (Page::OtherSignIn, Lang::Ja) => {
                "この応答は別のサインインのものです。Gatepost が示したページに戻ってください。"
            }
        };
        text.to_owned()
    }

    /// A whole HTTP/1.1 response.
    pub(super) fn response(&self, lang: Lang) -> Vec<u8> {
        let body = format!(
            "<!doctype html><html lang=\"{}\"><meta charset=\"utf-8\"><title>Gatepost</title>\
             <body style=\"font-family:sans-serif;margin:4em auto;max-width:36em\"><h1>{}</h1><p>{}</p></body></html>\n",
            lang.tag(),
            escaped(self.title(lang)),
            escaped(&self.text(lang))
        );
        let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; \
                      form-action 'none'";
        format!(
            "HTTP/1.1 {}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
             Content-Security-Policy: {policy}\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}",
            self.status(),
            body.len()
        )
        .into_bytes()
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_said_is_text_in_the_page_whatever_it_holds() {
        assert_eq!(escaped("<a href=\"x\">&'\r\n"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;  ");
    }
}
