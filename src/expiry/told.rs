//! What an ending is a fault of, from so many days ahead on and where it cannot be read, and why, in words.

use super::{Ending, SOON_DAYS, What};
use crate::{
    base::Lang,
    catalog::{
        Entry, Known, Words,
        doctor::CERTIFICATE_ENDED,
        token::{APP_CERTIFICATE_REFUSED, APP_CERTIFICATE_UNREADABLE, CLIENT_SECRET_EXPIRED},
    },
};

impl Ending {
    /// What it is, or comes to; `None`: there is nothing to do about it yet.
    pub fn fault(&self) -> Option<&'static Entry> {
        let is_near = self.days_left.is_some_and(|days| days <= SOON_DAYS);
        Some(match (self.what, self.trouble.is_some()) {
            (_, false) if !is_near => return None,
            (What::ClientSecret, _) => CLIENT_SECRET_EXPIRED,
            (What::AppCertificate, true) => APP_CERTIFICATE_UNREADABLE,
            (What::AppCertificate, false) => APP_CERTIFICATE_REFUSED,
            (What::ListenerCertificate, _) => CERTIFICATE_ENDED,
        })
    }

    /// Nobody met it so far, as far as is known: a secret may have been renewed without a word.
    pub fn is_ahead(&self) -> bool {
        self.trouble.is_none() && (self.what == What::ClientSecret || self.days_left.is_some_and(|days| days >= 0))
    }

    /// Why, and what to do. `None`: nothing yet, or the provider refuses the secret, which its accounts tell.
    pub fn words(&self, lang: Lang, known: &Known) -> Option<Words> {
        let words = self.fault()?.told(lang, known);
        Some(match (self.what, self.days_left) {
            (What::ClientSecret, days) => Words { cause: secret_ends(days?, lang)?, ..words },
            _ if self.trouble.is_some() => words,
            (What::AppCertificate, days) => {
                let (cause, next) = (self.certificate_ends(days?, lang), renew_app_certificate(lang).to_owned());
                Words { cause, next, shell: None, ..words }
            }
            (What::ListenerCertificate, days) => Words { cause: self.certificate_ends(days?, lang), ..words },
        })
    }

    fn certificate_ends(&self, days: i64, lang: Lang) -> String {
        let (name, when) = (&self.name, when(days, lang));
        let is_of_app = self.what == What::AppCertificate;
        match lang {
            Lang::En => {
                let whose = if is_of_app { "The certificate of the app" } else { "The certificate of listeners" };
                let (ends, then) = if days < 0 { ("ended", "since then") } else { ("ends", "behind that") };
                let costs = match is_of_app {
                    true => "the provider gives no token to it, and mail stands still",
                    false => "mail programs warn or refuse to connect",
                };
                format!("{whose} ({name}) {ends} {when}: {then} {costs}.")
            }
            Lang::Ja => {
                let whose = if is_of_app { "アプリの証明書" } else { "リスナーの証明書" };
                let ends = if days < 0 { "期限が切れました" } else { "期限が切れます" };
                let costs = match is_of_app {
                    true => "プロバイダーはトークンを発行しなくなり、メールが止まります",
                    false => "メールソフトは警告を出すか、接続を拒否します",
                };
                format!("{whose}（{name}）は{when}{ends}。期限が切れると、{costs}。")
            }
        }
    }
}

pub const fn renew_app_certificate(lang: Lang) -> &'static str {
    match lang {
        Lang::En => {
            "Upload a new certificate at the provider and put it, with its key, in the place of the old files; no restart is \
             needed."
        }
        Lang::Ja => {
            "新しい証明書をプロバイダーにアップロードし、鍵とともに古いファイルと置き換えてください。再起動は不要です。"
        }
    }
}

/// Why a client secret is to be renewed that ends soon, or ended, by the day that somebody wrote down: tokens that are held
/// hide it for a while.
pub fn secret_ends(days: i64, lang: Lang) -> Option<String> {
    let when = when(days, lang);
    Some(match lang {
        _ if days > SOON_DAYS => return None,
        Lang::En if days < 0 => format!(
            "By `secret-expires` the client secret of the app ended {when}. If it did, mail stands still once the token that is held \
             ends; if a new one is in its place already, only its day is to be written there."
        ),
        Lang::En => format!(
            "By `secret-expires` the client secret of the app ends {when}: behind that the provider gives no token to it, and mail \
             stands still."
        ),
        Lang::Ja if days < 0 => format!(
            "`secret-expires` によれば、アプリのクライアントシークレットは{when}期限が切れました。そのとおりであれば、今のトークンの期限が切れるとメールが止まります。すでに新しいシークレットに置き換えた場合は、その期限の日を書くだけで済みます。"
        ),
        Lang::Ja => format!(
            "`secret-expires` によれば、アプリのクライアントシークレットは{when}期限が切れます。期限が切れると、プロバイダーはトークンを発行しなくなり、メールが止まります。"
        ),
    })
}

fn when(days: i64, lang: Lang) -> String {
    let (far, is_over) = (days.unsigned_abs(), days < 0);
    match (lang, far, is_over) {
        (Lang::En, 0, _) => "today".to_owned(),
        (Lang::En, 1, true) => "1 day ago".to_owned(),
        (Lang::En, 1, false) => "in 1 day".to_owned(),
        (Lang::En, _, true) => format!("{far} days ago"),
        (Lang::En, _, false) => format!("in {far} days"),
        (Lang::Ja, 0, _) => "今日".to_owned(),
        (Lang::Ja, _, true) => format!("{far}日前に"),
        (Lang::Ja, _, false) => format!("{far}日後に"),
    }
}
