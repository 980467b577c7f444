//! One fault of the catalogue, as the data files have it.

use std::{borrow::Cow, fmt};

use jiff::Timestamp;

use super::{
    Known,
    cases::fitting,
    commands::{commands_in, shell},
    known::stand_in,
    moment::moment,
    step::{APP_ONLY, AT_ONES_OWN, ELSEWHERE, Step, VALUES, WHICHEVER, end_of_sentence, has_ways},
};
use crate::base::{
    Fault, Kind, Lang, Owner, Protocol,
    invocation::{self, gatepost},
    with_id,
};

/// What happened, who must act, how it is recognised, and the words for it.
#[derive(Debug)]
pub struct Entry {
    /// Stable: in replies, logs, metrics and docs.
    pub id: &'static str,
    pub kind: Kind,
    pub owner: Owner,
    /// The same may succeed later with nobody doing anything.
    pub passes_by_itself: bool,
    /// Said of one message, it concerns the mailbox: whatever comes next would hear the same.
    pub stops_mailbox: bool,
    /// It has one of several causes, and `gatepost doctor` tells them apart.
    pub(super) doctor_tells: bool,
    /// A client hears of it, with its id.
    pub is_heard: bool,
    /// Somebody has to see it. What is none is over once it is said: a recipient that was mistyped, a scan of the port.
    pub is_trouble: bool,
    /// The file it stands in: `own`, `token`, `sign-on`, `message`, `session`, `graph`.
    pub layer: &'static str,
    /// Where it is known from: a page, an RFC.
    pub source: &'static str,
    /// One short ASCII line for the wire. `{how}` stands for the way to sign in.
    pub text: &'static str,
    /// Numbers of Entra ID, with Microsoft's name or meaning.
    pub aadsts: &'static [(u32, &'static str)],
    /// `error` words of OAuth.
    pub oauth: &'static [&'static str],
    /// Codes of Microsoft Graph.
    pub graph: &'static [&'static str],
    /// The SMTP code, and its enhanced form, where Graph refuses one message; `None`: it refuses the access.
    pub(super) graph_reply: Option<(u16, &'static str)>,
    pub replies: &'static [Pattern],
    pub(super) en: Said,
    pub(super) ja: Said,
}

/// Words of a server, or of our log, that mean a fault.
#[derive(Debug)]
pub struct Pattern {
    pub at: At,
    pub protocol: Option<Protocol>,
    /// All of these, lower case, stand in it. `#` is any digit.
    pub words: &'static [&'static str],
    /// They are met in replies that mean something more particular as well, which goes before.
    pub(super) is_general: bool,
}

/// Where words are heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    SignOn,
    /// In answer to MAIL, RCPT or DATA.
    Message,
    /// After the sign-on, where bytes pass untouched, or from a client of ours: known to `explain` alone.
    Session,
    /// In our own log: likewise.
    Log,
    /// By a program, of whichever it spoke to: of us, or of the mail server, of which the same words mean another fault.
    Either,
}

/// The words of one language, with names of what can be filled in.
#[derive(Debug)]
pub(super) struct Said {
    pub cause: &'static str,
    pub next: &'static str,
    /// In its place where a person opens their own mailbox, in Exchange.
    pub next_own: Option<&'static str>,
    /// In its place where the `[[client]]` is known.
    pub next_client: Option<&'static str>,
    /// In its place where an app acts by itself.
    pub next_app_only: Option<&'static str>,
    /// In its place at a provider that is not Microsoft.
    pub next_elsewhere: Option<&'static str>,
    pub avoid: Option<&'static str>,
}

impl Said {
    /// For whoever it is; where that is not known, for all.
    fn next(&self, known: &Known, lang: Lang) -> Cow<'static, str> {
        if let Some(next) = self.next_client.filter(|_| known.client.is_some()) {
            return next.into();
        }
        match (known.is_app_only, self.next_app_only, self.next_own, self.next_elsewhere) {
            (Some(true), Some(next), ..) => capital(next).into(),
            (.., Some(next)) if !known.may_be_exchange() => capital(next).into(),
            (_, _, Some(next), _) if known.opens_its_own() && known.may_be_exchange() => capital(next).into(),
            (Some(_), ..) => self.next.into(),
            (None, of_app, own, elsewhere) => {
                let parts = [(AT_ONES_OWN, own), (APP_ONLY, of_app), (ELSEWHERE, elsewhere)].into_iter();
                let parts = parts.filter_map(|(of, step)| Some(format!("{}{}", beside(of, lang), step?)));
                format!("{}{}", self.next, parts.collect::<String>()).into()
            }
        }
    }
}

/// A label of the two languages, as it stands behind a sentence.
fn beside([en, ja]: [&str; 2], lang: Lang) -> String {
    match lang {
        Lang::En => format!(" {en}"),
        Lang::Ja => ja.to_owned(),
    }
}

/// Behind a step that has ways, what holds for all of them has a label of its own: else it would be a part of the last.
pub fn put_behind(next: &mut String, said: &str, lang: Lang) {
    let label = beside(WHICHEVER, lang);
    match (has_ways(next) && !next.contains(&label), lang) {
        (true, _) => next.push_str(&label),
        (false, Lang::En) if !next.is_empty() => next.push(' '),
        (false, _) => {}
    }
    next.push_str(said.trim_start());
}

/// Ahead of several causes: whoever goes through them one by one waits an hour for each.
fn doctor_tells(known: &Known, lang: Lang) -> String {
    known.fill(match lang {
        Lang::En => "`gatepost doctor {address}` tells which it is. ",
        Lang::Ja => "どれが原因かは、`gatepost doctor {address}` で分かります。",
    })
}

/// What was refused is not asked for again at once: whoever mended it wants to know when it counts.
/// `reload` lifts what is remembered of it.
fn asks_again(at: &str, next: &str, reload: &str, lang: Lang) -> String {
    match (lang, next.contains(reload)) {
        (Lang::En, true) => format!("Gatepost asks again by itself at {at}."),
        (Lang::En, false) => format!("Gatepost asks again at {at}, or at once after `{reload}`."),
        (Lang::Ja, true) => format!("{at} に Gatepost が自動的に問い合わせ直します。"),
        (Lang::Ja, false) => {
            format!("Gatepost は {at} に問い合わせ直します。`{reload}` を実行すると、すぐに問い合わせ直します。")
        }
    }
}

/// Who tried to sign in and was refused knows that it was that try.
fn was_refused(at: Timestamp, lang: Lang) -> String {
    // It may be of another day.
    let at = moment(at, "%Y-%m-%d %H:%M");
    match lang {
        Lang::En => format!(" The sign-in of {at} was refused for this."),
        Lang::Ja => format!("{at} のサインインは、この理由で拒否されました。"),
    }
}

/// They try again once the step is done, where that does not end so by itself.
fn signs_in_again(next: &str, known: &Known, lang: Lang) -> Option<String> {
    let login = known.fill("`gatepost login {address}`");
    let said = match lang {
        Lang::En => format!("Once that is done, {login}."),
        Lang::Ja => format!("それを済ませてから、{login} を実行してください。"),
    };
    (!next.contains(login.trim_end_matches('`'))).then_some(said)
}

/// Where nobody knows of anybody's sign-in: for whoever has none the step does not end with the daemon.
fn signs_in_then(known: &Known, lang: Lang) -> String {
    known.fill(match lang {
        Lang::En => "Where nobody was signed in yet, sign in then: `gatepost login {address}`.",
        Lang::Ja => "まだ誰もサインインしていない場合は、最後に `gatepost login {address}` を実行してください。",
    })
}

/// Where an administrator consents as well: Entra's page ends at a redirect URI, and an app that acts by itself has none.
pub fn consent_in_entra(known: &Known, lang: Lang) -> String {
    known.fill(match lang {
        Lang::En => {
            "Where that page answers AADSTS500113 (the app has no redirect URI), a button does the same: Entra > App \
             registrations > `{client-id}` > API permissions > \"Grant admin consent for (name of the tenant)\"."
        }
        Lang::Ja => {
            "そのページに AADSTS500113（アプリにリダイレクト URI がありません）と表示される場合は、Entra の「アプリの登録」> \
             `{client-id}` >「API のアクセス許可」>「（テナント名）に管理者の同意を与えます」で同じことができます。"
        }
    })
}

const OBJECT_ID: &str = "object-id";

/// What nobody here knows of an account: where it is found, and whether `gatepost doctor` shows it.
const FOUND: [(&str, &str, &str, bool); 8] = [
    (
        "admin-consent-page",
        "where an administrator consents to the app at this provider",
        "このプロバイダーで、管理者がアプリに同意するページです",
        false,
    ),
    (
        OBJECT_ID,
        "Entra > Enterprise applications > the app > Object ID",
        "Entra の「エンタープライズアプリケーション」>（アプリ）>「オブジェクト ID」にあります",
        true,
    ),
    (
        "number",
        "the digits behind AADSTS in what the provider said",
        "プロバイダーの応答にある AADSTS の後の数字です",
        false,
    ),
    ("permissions", "", "", true),
    ("pid", "", "", true),
    (
        "proxy",
        "`http-proxy` or `mail-proxy` of `[network]`",
        "`[network]` の `http-proxy` または `mail-proxy` の値です",
        false,
    ),
    ("sender", "the sender that the log names", "ログにある差出人です", false),
    (
        "signed-in-as",
        "who signed in, as `gatepost status` has it",
        "サインインした人で、`gatepost status` が示します",
        false,
    ),
];

/// `has_token`: there is one that `gatepost doctor` can look into.
fn stand_ins(next: &str, known: &Known, has_token: bool, lang: Lang) -> String {
    let (shows, or) = match lang {
        Lang::En => ("shown by `gatepost doctor {address}`", "; or "),
        Lang::Ja => ("`gatepost doctor {address}` が示します", "。または "),
    };
    let told =
        FOUND.iter().filter(|(name, ..)| next.contains(&stand_in(name))).filter_map(|(name, en, ja, is_shown)| {
            let is_shown = *is_shown && !known.is_doctors && (has_token || *name != OBJECT_ID);
            let elsewhere = if lang == Lang::En { *en } else { *ja };
            let places = [is_shown.then_some(shows), Some(elsewhere).filter(|at| !at.is_empty())];
            let places: Vec<&str> = places.into_iter().flatten().collect();
            let (name, places) = (stand_in(name), Some(places.join(or)).filter(|places| !places.is_empty())?);
            Some(if lang == Lang::En { format!(" {name}: {places}.") } else { format!("{name} は、{places}。") })
        });
    known.fill(&told.collect::<String>())
}

/// A person's password stands in no command: the program that is to have it asks.
fn asked_by_curl(next: &str, lang: Lang) -> Option<&'static str> {
    next.contains("--proxy-user ").then_some(match lang {
        Lang::En => "Where `curl` asks for a password, it is that of the login at the proxy.",
        Lang::Ja => "`curl` がパスワードを尋ねたら、プロキシーのログインのものを入力してください。",
    })
}

/// What stands behind a colon elsewhere begins a sentence here.
fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_ascii_uppercase().to_string() + rest.as_str()).unwrap_or_default()
}

/// Why it happened, what to do, and what not: for people, in one language. Commands, keys and addresses stand in
/// backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    pub cause: String,
    pub next: String,
    /// Where the cmdlets of `next` are typed, where there are any.
    pub shell: Option<String>,
    pub avoid: Option<String>,
}

impl Words {
    /// What of `next` can be run or opened as it stands, in the order in which it helps.
    pub fn commands(&self) -> Vec<String> {
        commands_in(&self.next)
    }

    /// What is done last, where the step says nothing of it: a deed as it is shown.
    pub fn end_with(&mut self, deed: &str, lang: Lang) {
        if !self.next.contains(deed) {
            self.next.push_str(&match lang {
                Lang::En => format!(" After that {deed}."),
                Lang::Ja => format!("それが済んだら、{deed} を実行してください。"),
            });
        }
    }

    /// What to do, as it is laid out.
    pub fn step(&self) -> Step {
        Step::of(&self.whole_step())
    }

    /// What to do, in one piece, and where cmdlets of it are typed.
    pub fn whole_step(&self) -> String {
        match &self.shell {
            Some(shell) if self.next.ends_with('。') => format!("{}{shell}", self.next),
            Some(shell) => format!("{} {shell}", self.next),
            None => self.next.clone(),
        }
    }
}

/// Where no daemon runs, the sign-in that follows reads the file by itself.
fn read_by_the_sign_in(next: String) -> String {
    if invocation::reload() != invocation::again() {
        return next;
    }
    let loads = ["`{reload}`, and then `gatepost login", "`{reload}`、そのあと `gatepost login"];
    loads.iter().fold(next, |next, loads| next.replace(loads, "`gatepost login"))
}

/// What stands beside a line of the log where no account is meant: what it is, whose turn it is, and what to do.
pub struct Advice {
    pub id: &'static str,
    pub text: &'static str,
    pub owner: &'static str,
    pub next: String,
}

impl Entry {
    pub fn advice(&'static self) -> Advice {
        self.advice_of(&Known::default())
    }

    /// With what is `known` besides.
    pub fn advice_of(&'static self, known: &Known) -> Advice {
        let next = self.told(Lang::En, known).whole_step();
        Advice { id: self.id, text: self.short(), owner: self.owner.as_str(), next }
    }

    /// In general, as the docs have it.
    pub fn words(&self, lang: Lang) -> Words {
        self.told(lang, &Known { is_in_general: true, ..Known::default() })
    }

    /// The identity provider may say it to whoever signs in for the first time.
    fn is_about_a_sign_in(&self, known: &Known) -> bool {
        let is_said_by_the_provider = !self.aadsts.is_empty() || !self.oauth.is_empty();
        is_said_by_the_provider && self.kind == Kind::IdentityRefused && known.is_app_only != Some(true)
    }

    /// With what is `known` of the account at hand.
    pub fn told(&self, lang: Lang, known: &Known) -> Words {
        let said = match lang {
            Lang::En => &self.en,
            Lang::Ja => &self.ja,
        };
        let avoid = said.avoid.map(|avoid| known.fill(avoid));
        let mut cause = known.fill(&fitting(said.cause, known));
        let mut next = if self.doctor_tells && !known.is_doctors { doctor_tells(known, lang) } else { String::new() };
        next.push_str(&known.fill(&read_by_the_sign_in(fitting(&said.next(known, lang), known))));
        if let Some(page) = next.find("/adminconsent?") {
            let blank = if lang == Lang::En { " " } else { "" };
            // At once: what comes next is of no use to whoever does not get through there.
            next.insert_str(end_of_sentence(&next, page), &format!("{blank}{}", consent_in_entra(known, lang)));
        }
        let asked = known.asks_again.iter().find(|(id, _)| *id == self.id && !self.kind.passes_by_itself());
        if let Some((_, at)) = asked {
            let again = asks_again(at, &next, &known.fill("{reload}"), lang);
            put_behind(&mut next, &again, lang);
        }
        let refused = known.refused_sign_in.filter(|(id, _)| *id == self.id);
        if let Some(again) = refused.and_then(|_| signs_in_again(&next, known, lang)) {
            put_behind(&mut next, &again, lang);
        }
        if known.is_in_general && self.is_about_a_sign_in(known) && !next.contains(" login ") {
            put_behind(&mut next, &signs_in_then(known, lang), lang);
        }
        // What the provider refuses, there is none for.
        let has_token = self.layer != "token" || self.doctor_tells;
        let found = stand_ins(&next, known, has_token, lang);
        if !found.is_empty() {
            next.push_str(&beside(VALUES, lang));
            next.push_str(found.trim_start());
        }
        if let Some(asked) = asked_by_curl(&next, lang) {
            put_behind(&mut next, asked, lang);
        }
        if let Some((_, at)) = refused {
            cause.push_str(&was_refused(at, lang));
        }
        Words { cause, shell: shell(&next, known.provider.as_deref(), lang), next, avoid }
    }

    /// Its text without the way to sign in, which is another one for each account.
    pub fn short(&self) -> &'static str {
        let short = self.text.split("{how}").next().unwrap_or_default().trim_end();
        short.trim_end_matches(" or").trim_end_matches([':', ';', ','])
    }

    /// The code of a message that Microsoft Graph refuses for it.
    pub const fn graph_reply(&self) -> Option<(u16, &'static str)> {
        self.graph_reply
    }

    /// Short text and id side by side, which stand ahead of what is particular.
    pub fn named(&self) -> String {
        with_id(self.short(), self.id)
    }

    /// The same with what is particular behind it. In another language [`super::said_again`] has it.
    pub fn said(&self, particular: impl fmt::Display) -> String {
        format!("{}: {particular}", self.named())
    }

    pub fn fault(&self) -> Fault {
        self.fault_with(&format!("run: {} login", gatepost()))
    }

    /// `how` tells the way to sign in, for example ``run: gatepost login ann@contoso.com``.
    pub fn fault_with(&self, how: &str) -> Fault {
        Fault::new(self.kind, self.owner, self.id, self.text.replace("{how}", how))
    }
}
