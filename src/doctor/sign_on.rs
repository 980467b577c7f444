//! Signs on by each protocol as the daemon would, and tells apart what looks alike in the server's words.
//!
//! Exchange says "authenticated but not connected" for IMAP that is off, for a missing right and for an app that it does
//! not know; what the same token is worth by the other protocols tells which of them it is.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout},
};

use super::{
    look::Look,
    next::Who,
    report::{Check, Layer},
    scope::{Scope, protocols, sends_by_smtp},
    token::{Got, Means},
    way::Open,
    words::{Name, Said},
};
use crate::{
    account::Account,
    base::{Fault, Protocol, StageCell},
    catalog::{
        Entry,
        doctor::{
            FULL_ACCESS_MISSING, IMAP_DISABLED_MAILBOX, POP3_DISABLED_MAILBOX, SERVICE_PRINCIPAL_MISSING,
        },
        sign_on::{MAILBOX_NOT_CONNECTED, TOKEN_REFUSED},
    },
    config::Config,
    net::Upstream,
    outbound::{Road, Seen, SignedOn},
};

/// For one sign-on.
const WITHIN: Duration = Duration::from_secs(30);
/// For saying goodbye.
const FAREWELL: Duration = Duration::from_secs(2);

/// One protocol, and how it ended.
struct Tried {
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
pub(super) async fn look(
    scope: &Scope,
    config: &Config,
    means: &Means,
    account: &Account,
    open: &Open,
    got: Result<&Got, Said>,
    who: &Who,
) -> Vec<Check> {
    let listened = protocols(config);
    let tried = Protocol::ALL.map(|protocol| {
        let look = Look::at(scope.lang, layer(protocol), Name::SignOn);
        let upstream = upstream(account, protocol);
        let look = look.account(&account.address).target(format!("{}:{}", upstream.host, upstream.port));
        let got = got.clone();
        let why_not = if !listened.contains(&protocol) {
            Some(Said::NoListener)
        } else if protocol == Protocol::Smtp && !sends_by_smtp(account) {
            Some(Said::SendsByGraph)
        } else if !open.has(server(protocol), upstream) {
            Some(Said::NoWay)
        } else {
            got.as_ref().err().cloned()
        };
        async move {
            let outcome = match (why_not, got) {
                (Some(why), _) | (None, Err(why)) => Outcome::NotTried(why),
                (None, Ok(got)) => sign_on(means, account, protocol, got).await,
            };
            Tried { protocol, look, outcome }
        }
    });
    let mut tried = join_all(tried).await;
    tell_apart(account, &mut tried);
    tried.into_iter().flat_map(|one| checks(scope, means, account, one, who)).collect()
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

async fn sign_on(means: &Means, account: &Account, protocol: Protocol, got: &Got) -> Outcome {
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
    match road.sign_on(account, protocol, &got.bearer, began + WITHIN, &stage).await {
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

/// Puts the particular in the place of what several causes have in common.
fn tell_apart(account: &Account, tried: &mut [Tried]) {
    let ended = |protocol| tried.iter().find(|one| one.protocol == protocol).map(|one| &one.outcome);
    let is_in = |protocol| matches!(ended(protocol), Some(Outcome::In { .. }));
    let says = |protocol, entry: &Entry| matches!(ended(protocol), Some(Outcome::Refused(f)) if f.id == entry.id);
    let mut meant: Vec<(Protocol, &Entry)> = Vec::new();
    if says(Protocol::Imap, MAILBOX_NOT_CONNECTED) {
        let is_app_only = account.sign_in.app.grant.is_app_only();
        let is_own = account.imap_user.eq_ignore_ascii_case(&account.sign_in.identity);
        let opens = is_in(Protocol::Pop3) || (is_own && !is_app_only && is_in(Protocol::Smtp));
        let cause = match () {
            () if opens => IMAP_DISABLED_MAILBOX,
            () if is_app_only && is_in(Protocol::Smtp) => FULL_ACCESS_MISSING,
            () if is_app_only => SERVICE_PRINCIPAL_MISSING,
            () if !is_own => FULL_ACCESS_MISSING,
            () => MAILBOX_NOT_CONNECTED,
        };
        meant.push((Protocol::Imap, cause));
        if cause.id == SERVICE_PRINCIPAL_MISSING.id || cause.id == FULL_ACCESS_MISSING.id {
            meant.extend([Protocol::Smtp, Protocol::Pop3].map(|other| (other, cause)));
        }
    } else if is_in(Protocol::Imap) {
        meant.push((Protocol::Pop3, POP3_DISABLED_MAILBOX));
    }
    let is_vague = |fault: &Fault| [TOKEN_REFUSED.id, MAILBOX_NOT_CONNECTED.id].contains(&fault.id);
    for (protocol, cause) in meant {
        for one in tried.iter_mut().filter(|one| one.protocol == protocol) {
            if let Outcome::Refused(fault) = &one.outcome
                && is_vague(fault)
            {
                one.outcome = Outcome::Refused(cause.fault().detail(&fault.detail));
            }
        }
    }
}

fn checks(scope: &Scope, means: &Means, account: &Account, tried: Tried, who: &Who) -> Vec<Check> {
    let upstream = upstream(account, tried.protocol);
    let target = format!("{}:{}", upstream.host, upstream.port);
    let mut checks = Vec::new();
    match tried.outcome {
        Outcome::NotTried(why) => checks.push(tried.look.skip(why)),
        Outcome::Refused(fault) => {
            let who = Who { host: Some(upstream.host.clone()), port: Some(upstream.port), ..who.clone() };
            checks.push(tried.look.fault(&fault, &who));
        }
        Outcome::In { capabilities, took } => {
            let user = if tried.protocol == Protocol::Smtp { &account.smtp_user } else { &account.imap_user };
            checks.push(tried.look.pass(Said::SignedOn { user: user.clone(), ms: took.as_millis() }));
            if tried.protocol == Protocol::Smtp {
                let look = Look::at(scope.lang, Layer::Smtp, Name::Ehlo).account(&account.address).target(target);
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
