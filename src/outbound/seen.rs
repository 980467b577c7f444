//! What upstreams were last seen to offer, so that nothing is shown before login that they lack.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use crate::{
    account::Account,
    base::Protocol,
    catalog::token::STORE_FAILING,
    net::Upstream,
    oauth::App,
    store::Store,
    wire::smtp::{SIZE_LIMIT, front::Keywords},
};

/// SMTP keywords that are shown only if every reachable upstream carries them.
const SMTP_CARRIED: [&str; 3] = ["8BITMIME", "SMTPUTF8", "DSN"];

const SASL_IR: &str = "SASL-IR";

/// How often a list that changes is stored: two servers behind one name may never agree.
const STORED_EVERY: Duration = Duration::from_secs(3600);

struct List {
    words: Arc<[String]>,
    stored: Option<Instant>,
}

/// Live lists by service; grows with the number of configured upstreams only.
#[derive(Default)]
pub struct Seen {
    lists: RwLock<HashMap<String, List>>,
    /// Where the lists outlive a restart.
    store: Option<Arc<Store>>,
}

impl Seen {
    /// What was seen before the last restart. A store that does not answer costs the first client a shorter list.
    pub async fn recalled(store: Arc<Store>) -> Self {
        let known = store.seen().await.unwrap_or_else(|error| {
            tracing::warn!(fault = %STORE_FAILING.fault(), %error, "what upstreams offer is not remembered");
            Vec::new()
        });
        let listed = |(service, words): (String, Vec<String>)| (service, List { words: words.into(), stored: None });
        let lists = known.into_iter().map(listed).collect();
        Self { lists: RwLock::new(lists), store: Some(store) }
    }

    /// Takes over a list, with SASL-IR if an `initial_response` was taken and only then: the list behind a sign-on may
    /// say otherwise, and the next sign-on goes by what is remembered. A new one is stored in the background. Needs a
    /// tokio runtime.
    pub fn note(&self, protocol: Protocol, upstream: &Upstream, list: &[String], initial_response: bool) {
        if list.is_empty() {
            return;
        }
        let mut list = list.to_vec();
        list.retain(|word| !word.eq_ignore_ascii_case(SASL_IR));
        list.extend(initial_response.then(|| SASL_IR.to_owned()));
        let service = service(protocol, upstream);
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        let known = lists.get(&service);
        if known.is_some_and(|known| *known.words == list[..]) {
            return;
        }
        let words: Arc<[String]> = list.into();
        let stored = known.and_then(|known| known.stored).filter(|at| at.elapsed() < STORED_EVERY);
        lists.insert(service.clone(), List { words: words.clone(), stored: stored.or_else(|| Some(Instant::now())) });
        if stored.is_some() {
            return;
        }
        if let Some(store) = self.store.clone() {
            tokio::spawn(async move {
                if let Err(error) = store.remember_seen(&service, &words).await {
                    tracing::warn!(fault = %STORE_FAILING.fault(), %error, "what {service} offers could not be stored");
                }
            });
        }
    }

    /// The live list if one was seen, else the preset's.
    fn list(&self, protocol: Protocol, app: &App) -> Vec<String> {
        let (upstream, preset) = match protocol {
            Protocol::Smtp => (&app.smtp, &app.smtp_capabilities),
            Protocol::Imap => (&app.imap, &app.imap_capabilities),
            Protocol::Pop3 => return Vec::new(),
        };
        self.seen(protocol, upstream).unwrap_or_else(|| preset.clone())
    }

    fn seen(&self, protocol: Protocol, upstream: &Upstream) -> Option<Vec<String>> {
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        lists.get(&service(protocol, upstream)).map(|list| list.words.to_vec())
    }

    /// What is known of one IMAP upstream before it is asked; `None` if nothing is.
    pub fn known(&self, account: &Account) -> Option<Vec<String>> {
        let app = &account.sign_in.app;
        let list =
            self.seen(Protocol::Imap, &app.imap).or_else(|| app.imap_is_known.then(|| app.imap_capabilities.clone()));
        list.filter(|list| !list.is_empty())
    }

    /// What the upstreams of all these apps have.
    pub fn carried(&self, protocol: Protocol, apps: &[Arc<App>]) -> Vec<String> {
        common(apps.iter().map(|app| self.list(protocol, app)).collect())
    }

    /// What an EHLO shows before AUTH: what every reachable upstream carries, and the smallest of their sizes.
    pub fn ehlo(&self, host: &str, apps: &[Arc<App>]) -> Keywords {
        let all: Vec<_> = apps.iter().map(|app| self.list(Protocol::Smtp, app)).collect();
        let least = all.iter().filter_map(|list| size(list)).chain([SIZE_LIMIT]).min();
        let mut shown = ehlo(host, &common(all));
        shown.size = least.unwrap_or(SIZE_LIMIT);
        shown
    }
}

/// The words that are in all lists.
fn common(lists: Vec<Vec<String>>) -> Vec<String> {
    let mut lists = lists.into_iter();
    let mut common = lists.next().unwrap_or_default();
    for list in lists {
        common.retain(|word| list.iter().any(|other| other.eq_ignore_ascii_case(word)));
    }
    common
}

/// One service of one upstream.
fn service(protocol: Protocol, upstream: &Upstream) -> String {
    format!("{protocol} {}:{}", upstream.host, upstream.port)
}

/// What an EHLO shows of one upstream's list: only what we carry ourselves.
pub fn ehlo(host: &str, keywords: &[String]) -> Keywords {
    let carried = SMTP_CARRIED.iter().filter(|word| keywords.iter().any(|k| k.eq_ignore_ascii_case(word)));
    let mut shown = Keywords::new(host, carried.map(|word| (*word).to_owned()).collect());
    shown.size = size(keywords).unwrap_or(SIZE_LIMIT).min(SIZE_LIMIT);
    shown
}

/// The `n` of `SIZE n`; 0 and a bare SIZE name no limit (RFC 1870 3).
fn size(keywords: &[String]) -> Option<u64> {
    keywords.iter().find_map(|keyword| {
        let (word, n) = keyword.split_once(' ')?;
        if word.eq_ignore_ascii_case("SIZE") { n.trim().parse().ok().filter(|n| *n > 0) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::UpstreamTls;

    #[test]
    fn only_what_is_carried_is_shown_with_the_size_of_the_upstream() {
        let live = ["SIZE 35882577", "CHUNKING", "8bitmime", "STARTTLS", "AUTH XOAUTH2"].map(String::from);
        let reply = ehlo("gate", &live).reply(false, false);
        let shown: Vec<_> = reply.lines.iter().skip(1).map(String::as_str).collect();
        assert_eq!(shown, ["SIZE 35882577", "PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME"]);
        assert_eq!(ehlo("gate", &["SIZE".into()]).size, SIZE_LIMIT);
    }

    #[test]
    fn sasl_ir_is_remembered_as_it_was_before_sign_on_whatever_the_list_behind_it_says() {
        let upstream = Upstream { host: "mail.example".into(), port: 993, tls: UpstreamTls::Implicit };
        let seen = Seen::default();
        seen.note(Protocol::Imap, &upstream, &["IDLE".into()], true);
        assert_eq!(seen.seen(Protocol::Imap, &upstream).unwrap(), ["IDLE", "SASL-IR"]);
        seen.note(Protocol::Imap, &upstream, &["SASL-IR".into(), "IDLE".into()], false);
        assert_eq!(seen.seen(Protocol::Imap, &upstream).unwrap(), ["IDLE"]);
    }
}
