//! One account from its token to its rights.

use super::{
    Desk, claims, graph,
    identity::Providers,
    look::Look,
    next::Who,
    report::{Check, Layer, Outcome},
    scope::{Scope, sends_by_graph},
    send, sign_on, token,
    token::Means,
    way::Open,
    words::{Name, Said},
};
use crate::{account::Account, config::Config, oauth::Resource};

/// What is known of it, for commands.
pub(super) fn who_of(account: &Account) -> Who {
    Who {
        imap_user: Some(account.imap_user.clone()),
        smtp_user: Some(account.smtp_user.clone()),
        identity: Some(account.sign_in.identity.clone()),
        ..Who::of_app(&account.sign_in.app)
    }
}

pub(super) async fn examine(
    scope: &Scope,
    config: &Config,
    means: &Means,
    account: &Account,
    open: &Open,
    providers: &Providers,
    desk: &mut Desk<'_>,
) {
    let app = &account.sign_in.app;
    let at = |layer, name| Look::at(scope.lang, layer, name).account(&account.address);
    let mut who = who_of(account);
    let provider = providers.of(app);
    let tenant = provider.tenant.as_deref();
    let first = desk.checks.len();
    let look = at(Layer::Token, Name::MailToken);
    let mail = match provider.is_fine {
        true => Ok(means.token(account, Resource::Mail).await),
        false => Err(Said::ProviderFails),
    };
    match &mail {
        Ok(got) => desk.note(token::check(look, got, &who)),
        Err(why) => desk.note(look.skip(why.clone())),
    }
    let mail = mail.and_then(|got| got.map_err(|_| Said::NoToken));
    if let Ok(got) = &mail {
        desk.note_all(claims::look(scope, config, account, got, Resource::Mail, tenant, &mut who));
    }
    desk.note_all(sign_on::look(scope, config, means, account, open, mail.as_ref().map_err(Clone::clone), &who).await);
    if sends_by_graph(account) {
        desk.note_all(by_graph(scope, config, means, account, open, provider.is_fine, &mut who).await);
    }
    desk.note_all(send_as(scope, account));
    if let Some(to) = &scope.send_to {
        let fails = desk.checks.get(first..).is_some_and(|own| own.iter().any(|check| is_in_the_way(account, check)));
        let own = &account.address;
        let others = senders(account).filter(|address| !address.eq_ignore_ascii_case(own));
        for from in std::iter::once(own).chain(others) {
            let target = if from == own { to.clone() } else { format!("{from} -> {to}") };
            let look = at(Layer::Send, Name::TestMessage).target(target);
            desk.note(match fails {
                true => look.skip(Said::SomethingFails),
                false => send::look(look, config, means, account, send::Trip { from, to }, &who).await,
            });
        }
    }
}

/// What fails of reading mail keeps nobody from sending.
fn is_in_the_way(account: &Account, check: &Check) -> bool {
    let of_sending = match check.layer {
        Layer::Imap | Layer::Pop3 => false,
        Layer::Smtp => account.sending.route == crate::account::Route::Smtp,
        _ => true,
    };
    check.outcome == Outcome::Fail && of_sending
}

async fn by_graph(
    scope: &Scope,
    config: &Config,
    means: &Means,
    account: &Account,
    open: &Open,
    provider_is_fine: bool,
    who: &mut Who,
) -> Vec<Check> {
    let at = |layer, name| Look::at(scope.lang, layer, name).account(&account.address);
    let (token, mailbox) = (at(Layer::Token, Name::GraphToken), at(Layer::Graph, Name::GraphMailbox));
    if !provider_is_fine {
        return vec![token.skip(Said::ProviderFails), mailbox.skip(Said::NoToken)];
    }
    let got = means.token(account, Resource::Graph).await;
    let mut checks = vec![token::check(token, &got, who)];
    let Ok(got) = got else {
        checks.push(mailbox.skip(Said::NoToken));
        return checks;
    };
    checks.extend(claims::look(scope, config, account, &got, Resource::Graph, None, who));
    checks.push(match open.has_graph(&account.sign_in.app) {
        true => graph::look(mailbox, means, account, &got, who).await,
        false => mailbox.skip(Said::NoWay),
    });
    checks
}

/// Whom else it may send as; a wildcard names nobody.
fn senders(account: &Account) -> impl Iterator<Item = &String> {
    account.send_as.iter().filter(|address| !address.contains('*'))
}

/// Rights on other senders: nothing but a message proves them.
fn send_as(scope: &Scope, account: &Account) -> Vec<Check> {
    let is_other = |address: &&String| !address.eq_ignore_ascii_case(&account.smtp_user);
    let others: Vec<String> = senders(account).filter(is_other).cloned().collect();
    if others.is_empty() {
        return Vec::new();
    }
    let look = Look::at(scope.lang, Layer::SendAs, Name::SendAs).account(&account.address);
    vec![look.skip(Said::ProvedBySending { others, who: account.smtp_user.clone() })]
}
