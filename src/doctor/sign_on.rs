//! Signs on by each protocol as the daemon would, one after the other: a mailbox has one connection of ours at a time.
//!
//! What looks alike in the server's words is told apart by what the same token is worth elsewhere (`apart`). Where no
//! client uses a protocol that would tell, it is tried for that alone, and is no check.

use std::time::Duration;

use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout},
};

use super::{
    account::Ask,
    apart::{Worth, is_vague},
    look::Look,
    next::Who,
    report::{Check, Layer},
    scope::{protocols, sends_by_smtp},
    token::{Got, Means},
    words::{Name, Said},
};
use crate::{
    account::Account,
    base::{Fault, Protocol, StageCell},
    catalog::{
        Entry, may_be_exchange,
        sign_on::{MAILBOX_NOT_CONNECTED, TOKEN_REFUSED, UPSTREAM_CONNECTIONS_EXCEEDED},
        token::FRESH_TOKEN_REFUSED,
    },
    net::Upstream,
    outbound::{Road, Seen, SignedOn, goes_by_graph},
};

/// For one sign-on.
const WITHIN: Duration = Duration::from_secs(30);
/// For one that only tells causes apart.
const PROBE_WITHIN: Duration = Duration::from_secs(10);
/// For saying goodbye.
const FAREWELL: Duration = Duration::from_secs(2);

/// One protocol, and how it ended.
pub(super) struct Tried {
    protocol: Protocol,
    look: Look,
    outcome: Outcome,
}

enum Outcome {
    In { capabilities: Vec<String>, took: Duration },
    Refused(Fault),
    NotTried(Said),
}

/// `Ok`: with a token; `Err`: why there is none.
pub(super) async fn tried(ask: &Ask<'_>, got: Result<&Got, Said>) -> Vec<Tried> {
    let listened = protocols(ask.config);
    let mut all = Vec::new();
    for protocol in Protocol::ALL {
        let upstream = upstream(ask.account, protocol);
        let look = Look::at(ask.scope.lang, layer(protocol), Name::SignOn);
        let look = look.account(&ask.account.address).target(format!("{}:{}", upstream.host, upstream.port));
        let why_not = if !listened.contains(&protocol) {
            Some(Said::NoListener)
        } else if protocol == Protocol::Smtp && !sends_by_smtp(ask.account) {
            Some(Said::SendsByGraph)
        } else if !ask.open.has(server(protocol), upstream) {
            Some(Said::NoWay)
        } else {
            got.as_ref().err().cloned()
        };
        let outcome = match (why_not, &got) {
            (None, Ok(got)) => sign_on(ask.means, ask.account, protocol, got, WITHIN).await,
            (Some(why), _) => Outcome::NotTried(why),
            (None, Err(why)) => Outcome::NotTried(why.clone()),
        };
        all.push(Tried { protocol, look, outcome });
    }
    all
}

/// Whether a token that was fetched anew could change anything.
pub(super) fn doubt_the_token(tried: &[Tried]) -> bool {
    tried.iter().any(|one| matches!(&one.outcome, Outcome::Refused(fault) if is_vague(fault)))
}

/// The checks, with the particular in the place of what several causes have in common.
pub(super) async fn checks(ask: &Ask<'_>, mut tried: Vec<Tried>, got: Option<&Got>, who: &Who) -> Vec<Check> {
    if let Some(got) = got.filter(|_| doubt_the_token(&tried)) {
        let worth = probed(ask, &tried, got, who).await;
        for one in &mut tried {
            if let Outcome::Refused(fault) = &one.outcome
                && is_vague(fault)
                // As the daemon tells it.
                && let Some(cause) = worth.cause(one.protocol).or_else(|| refused_afresh(fault, got))
            {
                one.outcome = Outcome::Refused(cause.fault().detail(&fault.detail));
            }
        }
    }
    tried.into_iter().flat_map(|one| of_one(ask, one, who)).collect()
}

/// Of a token that was fetched a moment ago no other one is asked for.
fn refused_afresh(fault: &Fault, got: &Got) -> Option<&'static Entry> {
    (fault.id == TOKEN_REFUSED.id && got.is_fresh).then_some(FRESH_TOKEN_REFUSED)
}

/// What the token is worth, with tries beside those of clients where these prove nothing.
async fn probed(ask: &Ask<'_>, tried: &[Tried], got: &Got, who: &Who) -> Worth {
    let Ask { means, account, .. } = *ask;
    let identity = &account.sign_in.identity;
    let mut worth = Worth {
        is_own: account.imap_user.eq_ignore_ascii_case(identity),
        sends_as_holder: account.smtp_user.eq_ignore_ascii_case(identity),
        is_app_only: account.sign_in.app.grant.is_app_only(),
        is_exchange: who.provider.as_deref().is_none_or(may_be_exchange),
        ..Worth::default()
    };
    for one in tried {
        match &one.outcome {
            Outcome::In { .. } => worth.note(one.protocol, true),
            Outcome::Refused(fault) if is_vague(fault) => {
                worth.note(one.protocol, false);
                worth.is_unconnected |= fault.id == MAILBOX_NOT_CONNECTED.id;
            }
            _ => {}
        }
    }
    let is_in = async |account: &Account, protocol| {
        matches!(sign_on(means, account, protocol, got, PROBE_WITHIN).await, Outcome::In { .. })
    };
    let unused = |one: &&Tried| matches!(one.outcome, Outcome::NotTried(Said::NoListener));
    for one in tried.iter().filter(unused).filter(|one| one.protocol != Protocol::Smtp) {
        if !worth.opens() {
            worth.note(one.protocol, is_in(account, one.protocol).await);
        }
    }
    if !worth.is_own && !worth.is_app_only && !worth.is_good() {
        let own = Account { imap_user: identity.clone(), smtp_user: identity.clone(), ..account.clone() };
        for protocol in [Protocol::Imap, Protocol::Pop3, Protocol::Smtp] {
            if worth.own != Some(true) {
                worth.own = Some(is_in(&own, protocol).await);
            }
        }
    }
    worth
}

const fn layer(protocol: Protocol) -> Layer {
    match protocol {
        Protocol::Smtp => Layer::Smtp,
        Protocol::Imap => Layer::Imap,
        Protocol::Pop3 => Layer::Pop3,
    }
}

const fn server(protocol: Protocol) -> Name {
    match protocol {
        Protocol::Smtp => Name::SmtpServer,
        Protocol::Imap => Name::ImapServer,
        Protocol::Pop3 => Name::Pop3Server,
    }
}

fn upstream(account: &Account, protocol: Protocol) -> &Upstream {
    let app = &account.sign_in.app;
    match protocol {
        Protocol::Smtp => &app.smtp,
        Protocol::Imap => &app.imap,
        Protocol::Pop3 => &app.pop3,
    }
}

/// While nobody else of this look is at that mailbox.
async fn sign_on(means: &Means, account: &Account, protocol: Protocol, got: &Got, within: Duration) -> Outcome {
    let user = if protocol == Protocol::Smtp { &account.smtp_user } else { &account.imap_user };
    let _alone = means.alone_at(user).await;
    // What this connection shows is not remembered: nothing is changed by a look.
    let seen = Seen::default();
    let road = Road {
        tls: &means.tls,
        mail_proxy: means.mail_proxy.as_ref(),
        seen: &seen,
        meter: &means.meter,
        host: "gatepost.invalid",
    };
    let (began, stage) = (Instant::now(), StageCell::default());
    match road.sign_on(account, protocol, &got.bearer, began + within, &stage).await {
        Ok(signed_on) => {
            let (took, capabilities) = (began.elapsed(), signed_on.capabilities.clone());
            leave(signed_on, protocol).await;
            Outcome::In { capabilities, took }
        }
        Err(failed) => Outcome::Refused(failed.into_fault().at(stage.now())),
    }
}

/// Politely, and without waiting long.
async fn leave(mut signed_on: SignedOn, protocol: Protocol) {
    let goodbye: &[u8] = match protocol {
        Protocol::Imap => b"gpz LOGOUT\r\n",
        Protocol::Smtp | Protocol::Pop3 => b"QUIT\r\n",
    };
    let _ = timeout(FAREWELL, async {
        let _ = signed_on.stream.write_all(goodbye).await;
        let _ = signed_on.stream.flush().await;
        signed_on.stream.close(Instant::now() + FAREWELL).await;
    })
    .await;
}

fn of_one(ask: &Ask<'_>, tried: Tried, who: &Who) -> Vec<Check> {
    let (means, account) = (ask.means, ask.account);
    let upstream = upstream(account, tried.protocol);
    let target = format!("{}:{}", upstream.host, upstream.port);
    let mut checks = Vec::new();
    match tried.outcome {
        Outcome::NotTried(why) => checks.push(tried.look.skip(why)),
        // As the daemon does it; whether Graph takes them is seen there.
        Outcome::Refused(fault) if goes_by_graph(account, fault.id) => {
            checks.push(tried.look.skip(Said::GoesByGraph { id: fault.id }));
        }
        Outcome::Refused(fault) => {
            let (host, port) = (Some(upstream.host.clone()), Some(upstream.port));
            let who = Who { protocol: Some(tried.protocol), host, port, ..who.clone() };
            // The daemon's clients have them all: that it works is seen there.
            let is_full = fault.id == UPSTREAM_CONNECTIONS_EXCEEDED.id && means.has_daemon();
            checks.push(match is_full {
                true => tried.look.note(Said::Plain(fault.detail.clone()), &fault, &who),
                false => tried.look.fault(&fault, &who),
            });
        }
        Outcome::In { capabilities, took } => {
            let user = if tried.protocol == Protocol::Smtp { &account.smtp_user } else { &account.imap_user };
            checks.push(tried.look.pass(Said::SignedOn { user: user.clone(), ms: took.as_millis() }));
            if tried.protocol == Protocol::Smtp {
                let look = Look::at(ask.scope.lang, Layer::Smtp, Name::Ehlo).account(&account.address).target(target);
                checks.push(look.pass(compared(means, account, &capabilities)));
            }
        }
    }
    checks
}

/// What clients are shown before their login, beside what the server has now.
fn compared(means: &Means, account: &Account, live: &[String]) -> Said {
    const CARRIED: [&str; 4] = ["8BITMIME", "DSN", "SIZE", "SMTPUTF8"];
    let shown = means.known.carried(Protocol::Smtp, std::slice::from_ref(&account.sign_in.app));
    let of = |list: &[String]| -> Vec<String> {
        let carried = |word: &&String| CARRIED.contains(&word.split(' ').next().unwrap_or_default());
        let mut words: Vec<String> = list.iter().map(|word| word.to_ascii_uppercase()).collect();
        words = words.iter().filter(carried).cloned().collect();
        words.sort();
        words
    };
    let (shown, live) = (of(&shown), of(live));
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|word| !those.contains(word)).cloned().collect()
    };
    match shown == live {
        true => Said::SameList { list: live.join(", ") },
        false => Said::ListDiffers { shown: only(&shown, &live), live: only(&live, &shown) },
    }
}
