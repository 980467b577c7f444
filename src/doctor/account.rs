//! One account from its token to its rights.

use std::sync::{Mutex, PoisonError};

use tokio::time::{Instant, timeout_at};

use super::{
    claims, graph,
    identity::Providers,
    look::Look,
    next::Who,
    report::{Check, Layer, Outcome},
    scope::{Scope, sends_by_graph},
    send, sign_on, token,
    token::{Got, Means},
    way::Open,
    words::{Name, Said},
};
use crate::{
    account::{Account, Delivery, Route},
    base::Fault,
    catalog::{doctor::LOOK_UNFINISHED, message::SENDER_NOT_ALLOWED},
    config::Config,
    oauth::Resource,
};

/// What is known of it, for commands.
pub(super) fn who_of(account: &Account) -> Who {
    Who {
        address: Some(account.address.clone()),
        imap_user: Some(account.imap_user.clone()),
        smtp_user: Some(account.smtp_user.clone()),
        identity: Some(account.sign_in.identity.clone()),
        send_as: Some(account.send_as_in_table()),
        has_send_as_line: Some(account.has_send_as_line),
        outbound: Some(account.sending.route.as_str()),
        is_queued: account.sending.delivery == Delivery::Queue,
        table: account.domain.as_ref().map(|domain| format!("*@{domain}")),
        ..Who::of_app(&account.sign_in.app)
    }
}

/// What one account is looked at with.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub scope: &'a Scope,
    pub config: &'a Config,
    pub means: &'a Means,
    pub account: &'a Account,
    pub open: &'a Open,
    pub providers: &'a Providers,
}

/// What was found, and what was learned for commands.
pub(super) struct Looked {
    pub checks: Vec<Check>,
    pub who: Who,
}

/// Checks of one account while they are made: what is there when the time is over is told.
#[derive(Default)]
struct Notes(Mutex<Vec<Check>>);

impl Notes {
    /// These in the place of all before them.
    fn show(&self, checks: &[Check]) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = checks.to_vec();
    }

    fn add(&self, checks: impl IntoIterator<Item = Check>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(checks);
    }
}

/// All of it until `deadline`, and what it came to by then.
pub(super) async fn look(ask: Ask<'_>, deadline: Instant) -> Looked {
    let notes = Notes::default();
    let ended = timeout_at(deadline, examined(&ask, &notes)).await;
    let mut checks = notes.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    let who = ended.unwrap_or_else(|_| {
        let look = Look::at(ask.scope.lang, Layer::Token, Name::Unfinished).account(&ask.account.address);
        let who = who_of(ask.account);
        checks.push(look.fail(Said::TimeIsOver, &LOOK_UNFINISHED.fault(), &who));
        who
    });
    Looked { checks, who }
}

async fn examined(ask: &Ask<'_>, notes: &Notes) -> Who {
    let Ask { means, account, .. } = *ask;
    let mut who = Who { asks_again: means.daemon().asks_again(&account.address), ..who_of(account) };
    let mut mail = mail_token(ask, &mut who, None).await;
    notes.show(&mail.checks);
    let mut tried = match mail.is_stored_and_wrong() {
        true => Vec::new(),
        false => sign_on::tried(ask, mail.got()).await,
    };
    // A token that is stored may be older than what was mended since, or taken back.
    if (mail.is_stored_and_wrong() || (mail.is_stored() && sign_on::doubt_the_token(&tried)))
        && let Some(fresh) = means.fresh(account, Resource::Mail).await
    {
        mail = mail_token(ask, &mut who, Some(fresh)).await;
        notes.show(&mail.checks);
        tried = sign_on::tried(ask, mail.got()).await;
    } else if mail.is_stored_and_wrong() {
        tried = sign_on::tried(ask, mail.got()).await;
    }
    notes.add(sign_on::checks(ask, tried, mail.got.as_ref().ok(), &who).await);
    if sends_by_graph(account) {
        notes.add(by_graph(ask, &mut who).await);
    }
    claims::excuse(account, &mut notes.0.lock().unwrap_or_else(PoisonError::into_inner));
    notes.add(send_as(ask.scope, account));
    who
}

/// A token, what is in it, and the checks of both.
struct Token {
    got: Result<Got, Said>,
    checks: Vec<Check>,
}

impl Token {
    fn got(&self) -> Result<&Got, Said> {
        self.got.as_ref().map_err(Clone::clone)
    }

    fn is_stored(&self) -> bool {
        self.got.as_ref().is_ok_and(|got| !got.is_fresh)
    }

    fn is_stored_and_wrong(&self) -> bool {
        self.is_stored() && self.checks.iter().any(|check| check.outcome == Outcome::Fail)
    }
}

/// `fresh`: that one, in the place of whatever is at hand.
async fn mail_token(ask: &Ask<'_>, who: &mut Who, fresh: Option<Result<Got, Fault>>) -> Token {
    let Ask { scope, means, account, .. } = *ask;
    let look = Look::at(scope.lang, Layer::Token, Name::MailToken).account(&account.address);
    let provider = ask.providers.of(&account.sign_in.app);
    who.tenant_id = provider.tenant.clone();
    if !provider.is_fine || means.lacks_store(account) {
        let id = provider.fault;
        let why = if provider.is_fine { means.unread() } else { Said::ProviderFails { id } };
        return Token { got: Err(Said::NoToken { id }), checks: vec![look.skip(why)] };
    }
    let got = match fresh {
        Some(got) => got,
        None => means.token(account, Resource::Mail).await,
    };
    if got.is_err() {
        who.refused_sign_in = means.refused_sign_in(account).await;
    }
    let mut checks = vec![token::check(look, &got, who)];
    checks.extend(means.refused_beside(scope, account, who).await);
    if let Ok(got) = &got {
        let tenant = provider.tenant.as_deref();
        checks.extend(claims::look(scope, ask.config, account, got, Resource::Mail, tenant, who));
    }
    Token { got: got.map_err(|fault| Said::NoToken { id: Some(fault.id) }), checks }
}

async fn by_graph(ask: &Ask<'_>, who: &mut Who) -> Vec<Check> {
    let Ask { scope, config, means, account, .. } = *ask;
    let at = |layer, name| Look::at(scope.lang, layer, name).account(&account.address);
    let (token, mailbox) = (at(Layer::Token, Name::GraphToken), at(Layer::Graph, Name::GraphMailbox));
    let provider = ask.providers.of(&account.sign_in.app);
    if !provider.is_fine || means.lacks_store(account) {
        let id = provider.fault;
        let why = if provider.is_fine { means.unread() } else { Said::ProviderFails { id } };
        return vec![token.skip(why), mailbox.skip(Said::NoToken { id })];
    }
    let judged = |got: &Result<Got, Fault>, who: &mut Who| {
        let mut checks = vec![token::check(token.clone(), got, who)];
        if let Ok(got) = got {
            checks.extend(claims::look(scope, config, account, got, Resource::Graph, None, who));
        }
        checks
    };
    let mut got = means.token(account, Resource::Graph).await;
    let mut checks = judged(&got, who);
    let is_wrong = checks.iter().any(|check| check.outcome == Outcome::Fail);
    if is_wrong
        && got.as_ref().is_ok_and(|got| !got.is_fresh)
        && let Some(fresh) = means.fresh(account, Resource::Graph).await
    {
        checks = judged(&fresh, who);
        got = fresh;
    }
    checks.push(match &got {
        Err(fault) => mailbox.skip(Said::NoToken { id: Some(fault.id) }),
        Ok(_) if !ask.open.has_graph(&account.sign_in.app) => mailbox.skip(Said::NoWay),
        Ok(got) => graph::look(mailbox, means, account, got, who).await,
    });
    checks
}

/// What a test message is known by.
pub(super) fn trip(account: &Account, from: &str, to: &str) -> String {
    if from.eq_ignore_ascii_case(&account.address) { to.to_owned() } else { format!("{from} -> {to}") }
}

/// One message for each sender, those too that were `refused` lately, unless something in `found` keeps them all from going.
pub(super) async fn send(ask: &Ask<'_>, to: &str, found: &Looked, refused: &[String]) -> Vec<Check> {
    let Ask { config, means, account, .. } = *ask;
    let fails = found.checks.iter().any(|check| is_in_the_way(account, check));
    let own = &account.address;
    // Where `send-as` leaves the own address out, it is not to be sent as.
    let is_left_out = !account.may_send_as(own) && senders(account).next().is_some();
    let mut all = if is_left_out { Vec::new() } else { vec![own] };
    for from in senders(account).chain(refused) {
        if !all.iter().any(|known| known.eq_ignore_ascii_case(from)) {
            all.push(from);
        }
    }
    let mut checks = Vec::new();
    for from in all {
        let look =
            Look::at(ask.scope.lang, Layer::Send, Name::TestMessage).account(own).target(trip(account, from, to));
        checks.push(match fails {
            true => look.skip(Said::SomethingFails),
            // The daemon would not let it go.
            false if !account.may_send_as(from) => {
                let who = Who { sender: Some(from.clone()), ..found.who.clone() };
                look.fault(&SENDER_NOT_ALLOWED.fault(), &who)
            }
            false if means.must_not_fetch(account) => {
                look.skip(Said::SendByTheDaemon { from: from.clone(), to: to.to_owned() })
            }
            false => {
                let began = Instant::now();
                let check = send::look(look, config, means, account, send::Trip { from, to }, &found.who).await;
                if check.outcome == Outcome::Pass {
                    means.daemon().note_proved(config, account, from, began).await;
                }
                check
            }
        });
    }
    checks
}

/// What fails of reading mail keeps nobody from sending.
pub(super) fn is_in_the_way(account: &Account, check: &Check) -> bool {
    let of_sending = match check.layer {
        Layer::Imap | Layer::Pop3 => false,
        Layer::Smtp => account.sending.route == Route::Smtp,
        _ => true,
    };
    check.outcome == Outcome::Fail && of_sending
}

/// Whom else it may send as; a wildcard names nobody.
fn senders(account: &Account) -> impl Iterator<Item = &String> {
    account.send_as.iter().filter(|address| !address.contains('*'))
}

/// Rights on other senders: nothing but a message proves them. Where one is sent it speaks for itself.
fn send_as(scope: &Scope, account: &Account) -> Vec<Check> {
    let is_other = |address: &&String| {
        !address.eq_ignore_ascii_case(&account.smtp_user)
            && scope.send_to(account).is_none()
            && !(scope.is_sent_behind(&account.address) && address.eq_ignore_ascii_case(&account.address))
    };
    let others: Vec<String> = senders(account).filter(is_other).cloned().collect();
    if others.is_empty() {
        return Vec::new();
    }
    let look = Look::at(scope.lang, Layer::SendAs, Name::SendAs).account(&account.address);
    vec![look.skip(Said::ProvedBySending { others, who: account.smtp_user.clone(), account: account.address.clone() })]
}
