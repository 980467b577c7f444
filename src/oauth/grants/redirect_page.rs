//! The one small page that a browser shows when it comes back, in its own language: no script, no outside resource,
//! everything escaped.

use crate::{
    base::Lang,
    catalog::{Known, Line, Step, doctor::SOMEBODY_ELSE_SIGNED_IN, said_not_to, with_label},
    oauth::{found, is_quotation, sign_in::Kept, verdict::Verdict},
};

/// What it says.
pub(super) enum Page<'a> {
    OtherPath,
    OtherSignIn,
    /// Of the account that is known so.
    Ended(&'a Known, Result<&'a Kept, &'a Verdict>),
}

impl Page<'_> {
    fn status(&self) -> &'static str {
        match self {
            Page::OtherPath => "404 Not Found",
            Page::OtherSignIn => "400 Bad Request",
            Page::Ended(..) => "200 OK",
        }
    }

    fn title(&self, lang: Lang) -> String {
        let title = match (self, lang) {
            (Page::Ended(known, Ok(kept)), _) if kept.is_somebody_else => return not_as_meant(known, lang),
            (Page::OtherPath, Lang::En) => "Nothing here",
            (Page::OtherPath, Lang::Ja) => "ここには何もありません",
            (Page::OtherSignIn, Lang::En) => "Not this sign-in",
            (Page::OtherSignIn, Lang::Ja) => "別のサインインです",
            (Page::Ended(_, Ok(_)), Lang::En) => "Signed in",
            (Page::Ended(_, Ok(_)), Lang::Ja) => "サインインしました",
            (Page::Ended(_, Err(_)), Lang::En) => "Not signed in",
            (Page::Ended(_, Err(_)), Lang::Ja) => "サインインできませんでした",
        };
        title.to_owned()
    }

    fn html(&self, lang: Lang) -> String {
        match (self, lang) {
            (Page::OtherPath, Lang::En) => said("Gatepost waits for a sign-in on another path."),
            (Page::OtherPath, Lang::Ja) => said("Gatepost は別のパスでサインインを待っています。"),
            (Page::OtherSignIn, Lang::En) => {
                said("This answer belongs to another sign-in. Go back to the page that Gatepost gave you.")
            }
            (Page::OtherSignIn, Lang::Ja) => {
                said("この応答は別のサインインのものです。Gatepost が示したページに戻ってください。")
            }
            (Page::Ended(known, Ok(kept)), _) if kept.is_somebody_else => by_another_name(known, kept, lang),
            (Page::Ended(_, Ok(_)), Lang::En) => {
                said("Gatepost has what it needs and goes on in its own window. You can close this one.")
            }
            (Page::Ended(_, Ok(_)), Lang::Ja) => said(
                "必要な情報がそろいました。続きは Gatepost の画面で行われます。このウィンドウは閉じてかまいません。",
            ),
            (Page::Ended(known, Err(verdict)), _) => refused(known, verdict, lang),
        }
    }

    /// A whole HTTP/1.1 response.
    pub(super) fn response(&self, lang: Lang) -> Vec<u8> {
        let body = format!(
            "<!doctype html><html lang=\"{}\"><meta charset=\"utf-8\"><title>Gatepost</title>\
             <body style=\"font-family:sans-serif;margin:4em auto;max-width:36em\"><h1>{}</h1>{}</body></html>\n",
            lang.tag(),
            escaped(&self.title(lang)),
            self.html(lang)
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

/// Whether it is a stranger or the same person by another name, the mail server alone knows.
fn not_as_meant(known: &Known, lang: Lang) -> String {
    known.fill(match lang {
        Lang::En => "Signed in, but not as {who-signs-on}",
        Lang::Ja => "{who-signs-on} ではないユーザーでサインインしました",
    })
}

/// Why it is kept all the same.
fn by_another_name(known: &Known, kept: &Kept, lang: Lang) -> String {
    let known = Known { signed_in_as: kept.consented_as.clone(), is_at_sign_in: true, ..known.clone() };
    let text = known.fill(match lang {
        Lang::En => {
            "This is the sign-in of {signed-in-as}, and {address} wants that of {who-signs-on}. Gatepost keeps it, since it may be \
             another name of the same person; the mail server lets in nobody else without rights on that mailbox."
        }
        Lang::Ja => {
            "これは {signed-in-as} のサインインですが、{address} に必要なのは {who-signs-on} のサインインです。同じ人の別名かもしれないため保存しますが、\
             メールサーバーは、そのメールボックスの権限がない人を受け入れません。"
        }
    });
    format!("{}{}", said(&text), step(&Step::of(&SOMEBODY_ELSE_SIGNED_IN.told(lang, &known).whole_step())))
}

/// Why nothing came of it, and what to do.
fn refused(known: &Known, verdict: &Verdict, lang: Lang) -> String {
    let mut words = verdict.entry.told(lang, &verdict.known_at_sign_in(known.clone()));
    words.end_with(&known.fill("`gatepost login {address}`"), lang);
    let (cause, detail) = (marked(&words.cause), escaped(&found(lang, &verdict.detail)));
    let why = match lang {
        Lang::En => format!("<p>{cause} ({detail})</p>"),
        Lang::Ja if is_quotation(&verdict.detail) => format!("<p>{cause}</p><p>受け取った応答：{detail}</p>"),
        Lang::Ja => format!("<p>{cause}（{detail}）</p>"),
    };
    let avoid = words.avoid.as_ref().map(|avoid| said(&said_not_to(avoid, lang))).unwrap_or_default();
    // Of somebody else the step says so.
    let stays = verdict.whose_stays.as_ref().filter(|_| verdict.signed_in_as.is_none());
    let stays = stays.map(|whose| said(&still_in_use(whose, lang))).unwrap_or_default();
    format!("{why}{stays}{}{avoid}", step(&Step::of(&words.whole_step())))
}

fn still_in_use(whose: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("Nothing has changed: the sign-in of {whose} from before stays in use."),
        Lang::Ja => format!("何も変わっていません。これまでの {whose} のサインインが引き続き使われます。"),
    }
}

/// A paragraph of ours.
fn said(text: &str) -> String {
    format!("<p>{}</p>", marked(text))
}

/// What stands in backticks is code. For our own words alone: a provider's may hold some.
fn marked(text: &str) -> String {
    let part = |(at, part): (usize, &str)| match at % 2 {
        1 => format!("<code>{}</code>", escaped(part)),
        _ => escaped(part),
    };
    text.split('`').enumerate().map(part).collect()
}

/// What is typed or written stands alone on its line.
fn step(step: &Step) -> String {
    let mut label = step.label;
    let mut html = String::new();
    for line in &step.lines {
        let label = label.take();
        html.push_str(&match line {
            Line::Words(words) => said(&label.map_or_else(|| words.clone(), |label| with_label(label, words))),
            Line::Deed(deed) => format!("{}<pre>{}</pre>", label.map(said).unwrap_or_default(), escaped(deed.text())),
        });
    }
    html.extend(label.map(said));
    html.extend(step.ways.iter().map(self::step));
    html
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
        assert_eq!(marked("`a < b` & c"), "<code>a &lt; b</code> &amp; c");
        assert_eq!(escaped("<a href=\"x\">&'\r\n"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;  ");
    }
}
