//! One test message for one sender, by the account's own way out, past the listener: what the upstream says to it is the check.
//!
//! It is the only check that leaves a trace at others, so it is made only on demand. A server that asks to slow down is asked
//! again a moment later, as the queue would, and no more than that.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    letter,
    look::Look,
    next::Who,
    refused::of_sender,
    report::Check,
    token::Means,
    words::{Said, later},
};
use crate::{
    account::Account,
    base::{Fault, Lang, invocation::gatepost},
    catalog::{is_harmless, own::STORE_UNAVAILABLE, upstream::refusal_meaning},
    config::Config,
    net::ClientTls,
    oauth::Keepers,
    outbound::{Deadline, Delivery, Envelope, Fate, Governor, Outbound, Report, Seen, Trail, is_throttled},
    spool::{Spool, Spooled, random_word},
    store::{Settings, Store, private_file},
    wire::smtp::{Mail, Rcpt},
};

/// For what comes before the message itself.
const WITHIN: Duration = Duration::from_secs(60);

/// Between one try and the next, where the server asks to slow down. In all longer than a daemon keeps a connection that
/// nobody uses: 5 s in its session, and 15 s for the next one.
const PAUSES: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(18)];

/// A private directory that is gone afterwards.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whom a message is from, and whom it goes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trip<'a> {
    pub from: &'a str,
    pub to: &'a str,
}

pub(super) async fn look(
    look: Look,
    config: &Config,
    means: &Means,
    account: &Account,
    trip: Trip<'_>,
    who: &Who,
) -> Check {
    let who = Who { sender: Some(trip.from.to_owned()), ..who.clone() };
    let lang = look.lang;
    let mut pauses = PAUSES.iter();
    loop {
        let look = look.clone();
        let check = match send(config, means, account, trip).await {
            Ok(report) => judge(look, account, &report, trip.from, &who),
            Err(fault) => look.fault(&fault, &who),
        };
        match pauses.next().filter(|_| asks_to_wait(&check)) {
            Some(pause) => tokio::time::sleep(*pause).await,
            None if asks_to_wait(&check) => return passes_later(check, account, trip.to, lang),
            None => return check,
        }
    }
}

fn asks_to_wait(check: &Check) -> bool {
    check.fault.as_ref().is_some_and(|fault| is_throttled(fault.id))
}

/// When to look again: what was asked for did not happen, whoever has the room.
fn passes_later(mut check: Check, account: &Account, to: &str, lang: Lang) -> Check {
    if let Some(fault) = check.fault.as_mut().filter(|_| is_harmless(&account.address) && is_harmless(to)) {
        let command = format!("{} doctor {} --send {to}", gatepost(), account.address);
        fault.next.push_str(&later(lang, PAUSES.len() + 1, &command));
        fault.commands.push(command);
    }
    check
}

async fn send(config: &Config, means: &Means, account: &Account, trip: Trip<'_>) -> Result<Report, Fault> {
    let unwritable = |why: String| STORE_UNAVAILABLE.fault().detail(why);
    let scratch = scratch().map_err(|error| unwritable(error.to_string()))?;
    let message = spooled(&scratch, trip).await.map_err(unwritable)?;
    let keepers = match means.keepers.clone().filter(|_| !account.sign_in.app.grant.is_unattended()) {
        Some(keepers) => keepers,
        None => Arc::new(unattended(means, account, &scratch).await.map_err(unwritable)?),
    };
    let outbound = outbound(config, means, keepers.clone())?;
    let _alone = means.alone_at(&account.smtp_user).await;
    let envelope = Envelope {
        mail: Mail { address: trip.from.to_owned(), ..Mail::default() },
        recipients: vec![Rcpt { address: trip.to.to_owned(), ..Rcpt::default() }],
    };
    let delivery = Delivery {
        account,
        envelope: &envelope,
        done: &[],
        message: &message,
        client: "doctor",
        deadline: Deadline::At(Instant::now() + WITHIN),
        outset: &(),
        trail: Trail::default(),
    };
    let sent = outbound.deliver(&delivery, outbound.line_up(account)).await.map_err(|unsent| unsent.fault);
    // Those of people go on until the look ends.
    if account.sign_in.app.grant.is_unattended() {
        keepers.stop().await;
    }
    sent
}

/// A grant that needs nobody stores nothing that matters: no store has to be made for it.
async fn unattended(means: &Means, account: &Account, scratch: &Scratch) -> Result<Keepers, String> {
    let url = format!("sqlite://{}", scratch.0.join("gatepost.db").display());
    let settings = Settings { url, key_file: scratch.0.join("key"), key: None };
    let store = Arc::new(Store::open(&settings).await.map_err(|error| error.to_string())?);
    let keepers = Keepers::of_a_command(store, means.http.clone(), means.meter.clone());
    keepers.apply(std::slice::from_ref(&account.sign_in), &[]);
    Ok(keepers)
}

fn outbound(config: &Config, means: &Means, keepers: Arc<Keepers>) -> Result<Outbound, Fault> {
    let tls = ClientTls::new(&config.network).map_err(|error| error.entry().fault().detail(error.to_string()))?;
    Ok(Outbound {
        keepers,
        tls: Arc::new(tls),
        mail_proxy: means.mail_proxy.clone(),
        seen: Arc::new(Seen::default()),
        refusals: Arc::default(),
        governor: Arc::new(Governor::default()),
        since: Instant::now(),
        meter: means.meter.clone(),
        http: means.http.clone(),
        graph_seats: Arc::default(),
        sign_on: config.daemon.sign_on,
        host: "gatepost.invalid".to_owned(),
    })
}

fn scratch() -> std::io::Result<Scratch> {
    let word = random_word().ok_or_else(|| std::io::Error::other("the system gives no random bytes"))?;
    let directory = std::env::temp_dir().join(format!("gatepost-doctor-{word}"));
    private_file::make_dir(&directory)?;
    Ok(Scratch(directory))
}

async fn spooled(scratch: &Scratch, trip: Trip<'_>) -> Result<Spooled, String> {
    let message = letter::write(trip.from, trip.to).ok_or("this machine has no clock or no random numbers")?;
    let spool = Spool::open(&scratch.0).map_err(|fault| fault.to_string())?;
    let mut draft = spool.draft().await.map_err(|fault| fault.to_string())?;
    draft.write(&message).await.map_err(|fault| fault.to_string())?;
    draft.finish().await.map_err(|fault| fault.to_string())
}

fn judge(look: Look, account: &Account, report: &Report, from: &str, who: &Who) -> Check {
    let Some(verdict) = report.verdicts.first() else { return look.skip(Said::NoToken { id: None }) };
    let reply = verdict.reply.text();
    if verdict.fate == Fate::Delivered {
        return look.pass(Said::Sent { reply });
    }
    let entry = of_sender(refusal_meaning(&verdict.reply, verdict.is_recipients), account, from);
    // The words of a refusal of ours are ours; what stands behind it is in its detail.
    let detail = match verdict.reply.fault() {
        Some(ours) => ours.detail.clone(),
        None => format!("upstream said {reply:?}"),
    };
    look.fault(&entry.fault().detail(detail), who)
}
