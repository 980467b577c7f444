//! The queue in the status: how much waits, for how long, and what stands in its way. It names no message: that is for
//! `gatepost queue`.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

use super::status::Explained;
use crate::{
    account::{Account, Domain, Occasion, account_of},
    base::{Fault, Lang, Owner, Protocol, invocation},
    catalog::{Known, own::SENDER_NOT_TOLD},
    oauth::{Keepers, SignInState},
    queue::{FailureNote, Figures, LaneView, Queue},
    store::QueueFigures,
};

/// Mailboxes that stand still are named so many, the first by their address.
const CAP: usize = 50;

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct QueueStatus {
    pub waiting: usize,
    pub held: usize,
    /// How long ago the oldest that is not held was accepted.
    pub oldest_seconds: u64,
    pub bytes: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub standstills: Vec<StandstillStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<LostStatus>,
    /// Messages that failed for good in the last day, with their senders told; `None`: nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned: Option<usize>,
}

/// Messages that failed for good although no sender knows, with what the catalogue says of that, in English.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LostStatus {
    pub messages: usize,
    /// The last one, in seconds since 1970.
    pub at: u64,
    pub id: &'static str,
    pub owner: Owner,
    pub text: &'static str,
    #[serde(flatten)]
    pub explained: Explained,
}

/// Nothing can be sent, with what the catalogue says of it, in English.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StandstillStatus {
    /// Whose mail waits; `None`: everybody's.
    pub account: Option<String>,
    pub waiting: usize,
    pub id: &'static str,
    pub owner: Owner,
    /// In seconds since 1970; `None`: nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// When it is tried again by itself, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tried_again_at: Option<u64>,
    pub text: String,
    #[serde(flatten)]
    pub explained: Explained,
}

impl QueueStatus {
    pub fn of(queue: &Queue, accounts: &[Arc<Account>], domains: &[Arc<Domain>], keepers: &Keepers) -> Self {
        let Figures { waiting, held, oldest, octets } = queue.figures();
        let whole = queue.standstill().map(|halt| StandstillStatus::new(None, waiting, None, &halt.fault, None, None));
        let of_lane = |lane: LaneView| {
            let (fault, since) = lane.trouble.filter(|_| lane.waiting > 0)?;
            let account = account_of(&lane.account, accounts, domains);
            let seconds = |at: SystemTime| at.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs());
            let at = seconds(since);
            let tried_again_at = queue.looks_again(&lane.account).and_then(seconds);
            let (account, state) = (account.as_deref(), account.as_ref().and_then(|one| keepers.state(&one.sign_in)));
            let address = Some(lane.account.as_str());
            let still = StandstillStatus::new(address, lane.waiting, at, &fault, account, state.as_ref());
            Some(StandstillStatus { tried_again_at, ..still })
        };
        let mut standstills: Vec<_> = queue.lanes().into_iter().filter_map(of_lane).chain(whole).collect();
        standstills.sort_by(|one, other| one.account.cmp(&other.account));
        standstills.truncate(CAP);
        let lost = LostStatus::of(&queue.lost());
        let returned = Some(queue.returned(0).0);
        Self { waiting, held, oldest_seconds: oldest.as_secs(), bytes: octets, standstills, lost, returned }
    }

    /// As stored, with no daemon to say what stands in its way.
    pub fn stored(figures: &QueueFigures) -> Self {
        let oldest = figures.oldest.and_then(|at| SystemTime::now().duration_since(at).ok()).unwrap_or_default();
        let number = |of: u64| usize::try_from(of).unwrap_or(usize::MAX);
        let (waiting, held, bytes) = (number(figures.waiting), number(figures.held), figures.octets);
        Self {
            waiting,
            held,
            oldest_seconds: oldest.as_secs(),
            bytes,
            standstills: Vec::new(),
            lost: None,
            returned: None,
        }
    }
}

/// What failed for good with its sender told, in a line, with what names it.
pub fn said_of_returned(messages: u64, lang: Lang) -> String {
    let said = returned(messages, lang);
    invocation::as_called(&match (lang, messages) {
        (Lang::En, 1) => format!("{said}; `gatepost queue list` names it"),
        (Lang::En, _) => format!("{said}; `gatepost queue list` names the last of them"),
        (Lang::Ja, _) => format!("{said}（`gatepost queue list` で確認できます）"),
    })
}

/// The same where they are named.
pub fn returned(messages: u64, lang: Lang) -> String {
    match (lang, messages) {
        (Lang::En, 1) => {
            "1 message failed for good in the last day, and its sender was told: once the cause is mended, send it again"
                .to_owned()
        }
        (Lang::En, _) => format!(
            "{messages} messages failed for good in the last day, and their senders were told: once the cause is mended, \
             send them again"
        ),
        (Lang::Ja, _) => format!(
            "過去24時間に{messages}通のメールの配信に失敗し、差出人に通知しました。原因を直してから、送り直してください"
        ),
    }
}

/// What waits for a daemon that does not run, in a line.
pub fn said_of_asleep(waiting: u64, lang: Lang) -> String {
    match (lang, waiting) {
        (Lang::En, 1) => "1 message waits, and goes once the daemon runs".to_owned(),
        (Lang::En, _) => format!("{waiting} messages wait, and go once the daemon runs"),
        (Lang::Ja, _) => format!("{waiting}通のメールが待機中です。デーモンを起動すると配信されます"),
    }
}

impl LostStatus {
    fn of(lost: &[FailureNote]) -> Option<Self> {
        let (entry, last) = (SENDER_NOT_TOLD, lost.last()?);
        let explained = Explained::from(entry.told(Lang::En, &Known::default()));
        let at = last.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Some(Self { messages: lost.len(), at, id: entry.id, owner: entry.owner, text: entry.short(), explained })
    }
}

/// In a line.
pub fn said_of_lost(messages: u64, lang: Lang) -> String {
    match (lang, messages) {
        (Lang::En, 1) => "1 message failed for good, and its sender was not told".to_owned(),
        (Lang::En, _) => format!("{messages} messages failed for good, and their senders were not told"),
        (Lang::Ja, _) => format!("{messages}通のメールの配信に失敗し、差出人に通知できませんでした"),
    }
}

impl StandstillStatus {
    fn new(
        address: Option<&str>,
        waiting: usize,
        at: Option<u64>,
        fault: &Fault,
        account: Option<&Account>,
        sign_in: Option<&SignInState>,
    ) -> Self {
        let (protocol, stage, sender) = (Some(Protocol::Smtp), fault.stage, fault.sender());
        let occasion = Occasion { protocol, stage, address, sender, sign_in, ..Occasion::default() };
        let explained = Explained::of(fault.id, account, &occasion);
        let (account, id, owner, text) = (address.map(str::to_owned), fault.id, fault.owner, fault.text.clone());
        Self { account, waiting, id, owner, at, tried_again_at: None, text, explained }
    }
}
