//! The events in words: what happened, why, and what to do, with the place where it is done.

use jiff::Timestamp;

use super::{
    event::{Event, Kind, Severity},
    judge::{Facts, Group},
    said::{Said, joined, listed, span},
};
use crate::{
    base::{
        Lang,
        invocation::{as_called, gatepost, reload},
    },
    catalog::{self, Entry, Known, doctor::CERTIFICATE_ENDED, in_short_with_id, in_the_log, token},
    console,
    expiry::{Ending, What, days_left},
    oauth::SignInState,
};

/// Somebody else signed in than was meant, and no mail server let them in yet.
fn is_in_doubt(state: &SignInState) -> bool {
    let is_meant = |name: &String| name.eq_ignore_ascii_case(&state.identity);
    !state.is_let_in && state.consented_as.as_ref().is_some_and(|name| !is_meant(name))
}

/// `None`: such an event is not made of sign-ins.
pub(super) fn of_sign_ins(
    facts: &Facts<'_>,
    kind: Kind,
    fault: Option<&'static Entry>,
    app: &str,
    group: &Group<'_>,
) -> Option<Event> {
    let lang = facts.lang;
    let accounts = addresses(facts, &group.states);
    let who = &listed(lang, &accounts);
    let place = Place::of(facts, &accounts, &group.states);
    let mut event = Event { app: Some(app.to_owned()), fault: fault.map(|entry| entry.id), ..bare(facts, kind) };
    event.console = place.page.clone();
    if let Some(words) = fault.map(|entry| entry.told(lang, &known(facts, &accounts, &group.states))) {
        event.next_step = words.whole_step();
        (event.cause, event.avoid) = (words.cause, words.avoid);
    }
    let what = match kind {
        Kind::SignInNeeded => {
            event.next_step = joined(lang, &[&event.next_step, &place.sentence_behind(&event.next_step, lang)]);
            event.severity = Severity::Critical;
            Said::SignInNeeded { who }.text(lang)
        }
        Kind::SignInRefused => {
            event.severity = Severity::Critical;
            Said::NoToken { who }.text(lang)
        }
        Kind::SignInAgainOk => {
            event.severity = Severity::Info;
            // A token is all that was seen: a mail server may refuse a mailbox of it besides.
            let other = match group.states.as_slice() {
                [one] => one.consented_as.as_deref().filter(|_| is_in_doubt(one)),
                _ => None,
            };
            Said::WorksAgain { who, other }.text(lang)
        }
        Kind::SignInEnding => {
            let due = group.states.iter().filter_map(|state| state.next_sign_in()).min()?;
            ahead(&mut event, facts, group, &place.text(lang), due);
            let left = &span(lang, facts.now, due);
            Said::WillEnd { who, is_one: group.states.len() == 1, left }.text(lang)
        }
        Kind::SecretExpiring | Kind::CertificateExpiring | Kind::QueueStuck | Kind::MessageFailed => return None,
    };
    event.accounts = accounts;
    Some(whole(facts, event, &what, ""))
}

/// The event with its text: what happened, why, what is heard of it, what to do, and what not.
pub(super) fn whole(facts: &Facts<'_>, event: Event, what: &str, behind: &str) -> Event {
    let lang = facts.lang;
    let avoid = event.avoid.as_deref().unwrap_or_default();
    // What has not come yet nobody hears of, and what the cause quotes is not said again.
    let has_come = event.days_left.is_none_or(|days| days < 0);
    let is_said = |id: &&str| {
        let named = catalog::find(id).map(Entry::named).into_iter().chain(in_the_log(id, lang));
        named.into_iter().any(|named| event.cause.contains(&named))
    };
    // The queue meets what it meets behind our own 250.
    let is_unheard = matches!(event.event, Kind::QueueStuck | Kind::MessageFailed);
    let named = if is_unheard { in_the_log } else { in_short_with_id };
    let heard = event.fault.filter(|id| has_come && !is_said(id)).and_then(|id| named(id, lang));
    let heard = heard.map(|short| Said::Heard { short: &short }.text(lang)).unwrap_or_default();
    let text = joined(lang, &[what, &event.cause, &heard, &event.next_step, avoid, behind]);
    let fault_text = event.fault.and_then(catalog::find).map(Entry::short);
    Event { text: Said::OnHost { host: facts.host, text: &text }.text(lang), fault_text, ..event }
}

fn ahead(event: &mut Event, facts: &Facts<'_>, group: &Group<'_>, place: &str, due: Timestamp) {
    let foreseen = group
        .states
        .iter()
        .find(|state| state.policy_ends_at.is_some() && event.fault == Some(token::SIGN_IN_FREQUENCY.id));
    let (cause, next) = match foreseen {
        Some(state) => {
            let (seconds, is_guess) = (state.policy_period.unwrap_or_default(), state.policy_seen <= 1);
            (Said::PolicyEnds { seconds, is_guess }, Said::SignInBefore { place })
        }
        None => (Said::NotRenewed, Said::SignInAnew { place }),
    };
    (event.cause, event.next_step) = (cause.text(facts.lang), as_called(&next.text(facts.lang)));
    // It has not come to that, and is not to.
    event.avoid = None;
    (event.due, event.days_left) = (Some(due), Some(days_left(facts.now, due)));
    event.severity = urgency(facts.now, due);
}

pub(super) fn of_ending(
    facts: &Facts<'_>,
    ending: &Ending,
    due: Timestamp,
    days: i64,
    concerned: &[&SignInState],
) -> Event {
    let (lang, name) = (facts.lang, ending.name.as_str());
    let reload = &reload();
    let mut accounts = addresses(facts, concerned);
    if ending.what != What::ListenerCertificate {
        let of_app = facts.domains.iter().filter(|domain| domain.app.name == *name);
        accounts.extend(of_app.map(|domain| format!("*@{}", domain.domain)));
        accounts.sort();
        accounts.dedup();
    }
    let kind = if ending.what == What::ClientSecret { Kind::SecretExpiring } else { Kind::CertificateExpiring };
    let (what, cause, next, fault) = match ending.what {
        What::ClientSecret => (
            Said::Secret { app: name },
            Said::NoTokensBehindIt,
            Said::RenewSecret { app: name, reload },
            token::CLIENT_SECRET_EXPIRED,
        ),
        What::AppCertificate => (
            Said::AppCertificate { app: name },
            Said::NoTokensBehindIt,
            Said::RenewAppCertificate { address: accounts.first().map(String::as_str).unwrap_or_default() },
            token::APP_CERTIFICATE_REFUSED,
        ),
        What::ListenerCertificate => {
            let next = Said::RenewListenerCertificate { file: name };
            (Said::ListenerCertificate { file: name }, Said::NoLoginsBehindIt, next, CERTIFICATE_ENDED)
        }
    };
    let in_entra = secret_in_entra(facts, &accounts, name).filter(|_| kind == Kind::SecretExpiring);
    let next_step = in_entra.unwrap_or_else(|| as_called(&next.text(lang)));
    let (what, when) = (what.text(lang), span(lang, facts.now, due));
    let what = Said::Ends { what: &what, when: &when, is_over: days < 0 }.text(lang);
    let event = Event {
        severity: urgency(facts.now, due),
        accounts,
        app: (ending.what != What::ListenerCertificate).then(|| name.to_owned()),
        certificate: (ending.what == What::ListenerCertificate).then(|| name.to_owned()),
        fault: Some(fault.id),
        cause: cause.text(lang),
        next_step,
        avoid: fault.words(lang).avoid,
        due: Some(due),
        days_left: Some(days),
        ..bare(facts, kind)
    };
    whole(facts, event, &what, "")
}

/// The step of the fault that it would come to, with the commands for whom it concerns. `None`: it is made elsewhere.
fn secret_in_entra(facts: &Facts<'_>, accounts: &[String], app: &str) -> Option<String> {
    let of_domain = || facts.domains.iter().find(|domain| domain.app.name == *app).map(|domain| domain.app.known());
    let known = accounts.iter().find_map(|address| facts.known.get(address)).cloned().or_else(of_domain)?;
    let is_entra = known.provider.as_deref().is_some_and(|provider| provider.starts_with("microsoft365"));
    is_entra.then(|| token::CLIENT_SECRET_EXPIRED.told(facts.lang, &known).whole_step())
}

pub(super) fn bare(facts: &Facts<'_>, kind: Kind) -> Event {
    Event {
        event: kind,
        severity: Severity::Warning,
        at: facts.now,
        text: String::new(),
        accounts: Vec::new(),
        app: None,
        certificate: None,
        fault: None,
        fault_text: None,
        cause: String::new(),
        next_step: String::new(),
        avoid: None,
        due: None,
        days_left: None,
        console: facts.pages.map(str::to_owned),
        host: facts.host.to_owned(),
        version: env!("CARGO_PKG_VERSION"),
    }
}

fn urgency(now: Timestamp, due: Timestamp) -> Severity {
    if due.as_second() - now.as_second() < 86_400 { Severity::Critical } else { Severity::Warning }
}

/// The mailboxes behind these sign-ins, each once; of one that no account names, whoever signs in.
fn addresses(facts: &Facts<'_>, states: &[&SignInState]) -> Vec<String> {
    let of =
        |state: &&SignInState| facts.addresses.get(&state.key).cloned().unwrap_or_else(|| vec![state.identity.clone()]);
    let mut all: Vec<String> = states.iter().flat_map(of).collect();
    all.sort();
    all.dedup();
    all
}

fn console_page(facts: &Facts<'_>, accounts: &[String]) -> Option<String> {
    match (facts.pages, accounts) {
        (Some(pages), [only]) => Some(format!("{pages}{}", console::path_of_account(only))),
        (pages, _) => pages.map(str::to_owned),
    }
}

/// Where a person signs in.
struct Place {
    page: Option<String>,
    command: String,
}

impl Place {
    fn of(facts: &Facts<'_>, accounts: &[String], states: &[&SignInState]) -> Self {
        let who = match (states, accounts) {
            ([_], [first, ..]) => first.as_str(),
            _ => "ADDRESS",
        };
        Self { page: console_page(facts, accounts), command: format!("{} login {who}", gatepost()) }
    }

    fn text(&self, lang: Lang) -> String {
        Said::Place { page: self.page.as_deref(), command: Some(&self.command) }.text(lang)
    }

    /// A sentence of its own, behind another one.
    fn sentence_behind(&self, next: &str, lang: Lang) -> String {
        let text = self.behind(next, lang);
        match lang {
            Lang::En => capital(&text),
            // It may begin with the address of a page, which stays as it is.
            Lang::Ja => text,
        }
    }

    /// Without the command, if the step before names it already.
    fn behind(&self, next: &str, lang: Lang) -> String {
        let is_named = next.contains(&format!("{} login ", gatepost()));
        let command = Some(self.command.as_str()).filter(|_| !is_named);
        Said::Place { page: self.page.as_deref(), command }.text(lang)
    }
}

/// What may be filled in: all about one account, or what several of one app share.
pub(super) fn known(facts: &Facts<'_>, accounts: &[String], states: &[&SignInState]) -> Known {
    let known = accounts.iter().find_map(|address| facts.known.get(address)).cloned().unwrap_or_default();
    let address = match (accounts, states) {
        ([only], _) => Some(only.clone()),
        (_, [_]) => accounts.first().cloned(),
        _ => None,
    };
    let asks_again = states.iter().flat_map(|state| state.asks_again()).collect();
    let refused_sign_in = states.iter().find_map(|state| Some((state.fault.as_ref()?.id, state.sign_in_refused_at?)));
    let object_id = states.iter().find_map(|state| state.object_id.clone());
    match accounts {
        [_] => Known { address, asks_again, refused_sign_in, object_id, ..known },
        // When it was differs from one to the other.
        _ => Known { address, mailbox: None, smtp_user: None, who_signs_on: None, asks_again, object_id, ..known },
    }
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_ascii_uppercase().to_string() + rest.as_str()).unwrap_or_default()
}
