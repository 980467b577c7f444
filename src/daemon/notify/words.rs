//! The events in words: what happened, why, and what to do, with the place where it is done.

use jiff::Timestamp;

use super::{
    event::{Event, Kind, Severity},
    judge::{Facts, Group},
};
use crate::{
    base::{Lang, invocation::gatepost},
    catalog::{Entry, Known, token},
    console,
    expiry::{Ending, What, days_left},
    oauth::SignInState,
};

/// More addresses than this are counted in a text; the JSON names all.
const NAMED: usize = 5;

/// `None`: such an event is not made of sign-ins.
pub(super) fn of_sign_ins(
    facts: &Facts<'_>,
    kind: Kind,
    fault: Option<&'static Entry>,
    app: &str,
    group: &Group<'_>,
) -> Option<Event> {
    let accounts = addresses(facts, &group.states);
    let who = listed(&accounts);
    let place = place(facts, &accounts, &group.states);
    let words = fault.map(|entry| entry.told(Lang::En, &known(facts, &accounts, &group.states)));
    let (cause, next) = words.map(|words| (words.cause, words.next)).unwrap_or_default();
    let due = group.states.iter().filter_map(|state| state.next_sign_in()).min();
    let mut event = Event { app: Some(app.to_owned()), fault: fault.map(|entry| entry.id), ..bare(facts, kind) };
    event.console = console_page(facts, &accounts);
    match kind {
        Kind::SignInNeeded => {
            (event.cause, event.next_step) =
                (cause.clone(), format!("{next} {}", capital(&once(&next, &place))).trim_end().to_owned());
            event.severity = Severity::Critical;
            event.text = format!("mail of {who} stands still, a sign-in is needed. {cause} {}", event.next_step);
        }
        Kind::SignInRefused => {
            (event.cause, event.next_step) = (cause.clone(), next.clone());
            event.severity = Severity::Critical;
            event.text = format!("mail of {who} stands still, the provider gives no token. {cause} {next}");
        }
        Kind::SignInAgainOk => {
            event.severity = Severity::Info;
            // A token is all that was seen: a mail server may refuse a mailbox of it besides.
            event.text = format!("the sign-in of {who} works again: the provider gives tokens.");
        }
        Kind::SignInEnding => ahead(&mut event, facts, group, &who, &place, due?),
        Kind::SecretExpiring | Kind::CertificateExpiring | Kind::QueueStuck | Kind::MessageFailed => return None,
    }
    event.text = format!("Gatepost on {}: {}", facts.host, event.text);
    event.accounts = accounts;
    Some(event)
}

fn ahead(event: &mut Event, facts: &Facts<'_>, group: &Group<'_>, who: &str, place: &str, due: Timestamp) {
    let left = span(facts.now, due);
    let foreseen = group
        .states
        .iter()
        .find(|state| state.policy_ends_at.is_some() && event.fault == Some(token::SIGN_IN_FREQUENCY.id));
    (event.cause, event.next_step) = match foreseen {
        Some(state) => {
            let guess = if state.policy_seen > 1 { "" } else { ". It was seen once so far, so the date is a guess" };
            let period = period(state.policy_period.unwrap_or_default());
            let cause = format!("A policy of the organization ends every sign-in after about {period}{guess}.");
            (cause, format!("Sign in before, and no mail stands still: {place}. Or let an administrator exempt the account."))
        }
        None => (
            "The sign-in could not be renewed for long, because requests for tokens fail or this machine was off; unused \
             for too long it dies."
                .to_owned(),
            format!("See `gatepost status` for what is in the way; or sign in anew: {place}."),
        ),
    };
    (event.due, event.days_left) = (Some(due), Some(days_left(facts.now, due)));
    event.severity = urgency(facts.now, due);
    let what = match group.states.as_slice() {
        [_] => format!("the sign-in of {who} is expected to end {left}"),
        _ => format!("the sign-ins of {who} are expected to end, the first of them {left}"),
    };
    event.text = format!("{what}. {} {}", event.cause, event.next_step);
}

pub(super) fn of_ending(
    facts: &Facts<'_>,
    ending: &Ending,
    due: Timestamp,
    days: i64,
    concerned: &[&SignInState],
) -> Event {
    let name = &ending.name;
    let kind = if ending.what == What::ClientSecret { Kind::SecretExpiring } else { Kind::CertificateExpiring };
    let (what, cause, next, fault) = match ending.what {
        What::ClientSecret => (
            format!("the client secret of the app {name}"),
            "Behind its end the provider gives no tokens to this app, and mail stands still.",
            "Make a new secret at the provider, write it and its `secret-expires` into the configuration, and reload.",
            Some(token::CLIENT_SECRET_EXPIRED.id),
        ),
        What::AppCertificate => (
            format!("the certificate of the app {name}"),
            "Behind its end the provider gives no tokens to this app, and mail stands still.",
            "Upload a new certificate at the provider and put it, with its key, in the place of the old files; no restart \
             is needed.",
            Some(token::APP_CERTIFICATE_REFUSED.id),
        ),
        What::ListenerCertificate => (
            format!("the certificate {name}, which listeners show,"),
            "Behind its end mail programs warn or refuse to connect.",
            "Put a new certificate, with its key, in the place of the old files; no restart is needed.",
            None,
        ),
    };
    let mut accounts = addresses(facts, concerned);
    if ending.what != What::ListenerCertificate {
        let of_app = facts.domains.iter().filter(|domain| domain.app.name == *name);
        accounts.extend(of_app.map(|domain| format!("*@{}", domain.domain)));
        accounts.sort();
        accounts.dedup();
    }
    let verb = if days < 0 { "ended" } else { "ends" };
    Event {
        severity: urgency(facts.now, due),
        text: format!("Gatepost on {}: {what} {verb} {}. {cause} {next}", facts.host, span(facts.now, due)),
        accounts,
        app: (ending.what != What::ListenerCertificate).then(|| name.clone()),
        certificate: (ending.what == What::ListenerCertificate).then(|| name.clone()),
        fault,
        cause: cause.to_owned(),
        next_step: next.to_owned(),
        due: Some(due),
        days_left: Some(days),
        ..bare(facts, kind)
    }
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
        cause: String::new(),
        next_step: String::new(),
        due: None,
        days_left: None,
        console: facts.pages.map(str::to_owned),
        host: facts.host.to_owned(),
        version: env!("CARGO_PKG_VERSION"),
    }
}

fn urgency(now: Timestamp, due: Timestamp) -> Severity {
    if days_left(now, due) < 1 { Severity::Critical } else { Severity::Warning }
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

fn listed(accounts: &[String]) -> String {
    let named: Vec<&str> = accounts.iter().take(NAMED).map(String::as_str).collect();
    match accounts.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn console_page(facts: &Facts<'_>, accounts: &[String]) -> Option<String> {
    match (facts.pages, accounts) {
        (Some(pages), [only]) => Some(format!("{pages}{}", console::path_of_account(only))),
        (pages, _) => pages.map(str::to_owned),
    }
}

/// Where a person signs in.
fn place(facts: &Facts<'_>, accounts: &[String], states: &[&SignInState]) -> String {
    let who = match states {
        [only] => only.identity.as_str(),
        _ => "ADDRESS",
    };
    match console_page(facts, accounts) {
        Some(page) => format!("open {page} or run: {} login {who}", gatepost()),
        None => format!("run: {} login {who}", gatepost()),
    }
}

/// The place without the command that the step of the catalogue names already.
fn once(next: &str, place: &str) -> String {
    match (next.contains(&format!("{} login ", gatepost())), place.split_once(" or run: ")) {
        (true, Some((page, _))) => format!("{page}."),
        (true, None) => String::new(),
        _ => place.to_owned(),
    }
}

/// What may be filled in: all about one account, or what several of one app share.
fn known(facts: &Facts<'_>, accounts: &[String], states: &[&SignInState]) -> Known {
    let known = accounts.iter().find_map(|address| facts.known.get(address)).cloned().unwrap_or_default();
    let address = match (accounts, states) {
        ([only], _) => Some(only.clone()),
        (_, [only]) => Some(only.identity.clone()),
        _ => None,
    };
    let asks_again = states.iter().find_map(|state| Some((state.fault.as_ref()?.id, state.asks_again_at?)));
    let object_id = states.iter().find_map(|state| state.object_id.clone());
    match accounts {
        [_] => Known { address, asks_again, object_id, ..known },
        _ => Known { address, mailbox: None, smtp_user: None, who_signs_on: None, asks_again, object_id, ..known },
    }
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_ascii_uppercase().to_string() + rest.as_str()).unwrap_or_default()
}

/// `in 3 days, on 2027-05-01`; hours where days say too little.
fn span(now: Timestamp, due: Timestamp) -> String {
    let seconds = due.as_second() - now.as_second();
    let day = due.strftime("%Y-%m-%d");
    match seconds {
        ..0 => format!("on {day}"),
        0..172_800 => format!("in {}, at {}", period(seconds.unsigned_abs()), due.strftime("%Y-%m-%d %H:%M UTC")),
        _ => format!("in {} days, on {day}", seconds / 86_400),
    }
}

fn period(seconds: u64) -> String {
    let counted = |n: u64, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
    match seconds {
        0..7200 => counted(seconds / 60, "minute"),
        7200..172_800 if !seconds.is_multiple_of(86_400) => counted(seconds / 3600, "hour"),
        _ => counted(seconds / 86_400, "day"),
    }
}
