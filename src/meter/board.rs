//! Who is connected now, and what went wrong last: small, bounded, for `status`.

mod held;
mod proof;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime},
};

use jiff::Timestamp;
use serde::Serialize;

pub use self::proof::Proof;
use super::messages::now;
use crate::base::{Fault, Kind, Owner, Protocol, Stage, StageCell};

/// How many faults are remembered.
const RECENT_CAP: usize = 50;

/// How many senders of one account, refused for one reason, are remembered each for itself: a client that makes senders
/// up crowds nothing out.
const SENDERS_CAP: usize = 8;

/// Addresses that are remembered of one fault, the latest.
const PEERS_CAP: usize = 5;

/// Clients that are remembered of one fault, the latest.
const CLIENTS_CAP: usize = 50;

/// Seconds. For so long it is told what befell somebody of whom nothing but an address is known.
const DAY: u64 = 24 * 3600;

/// Seconds for which a fault is no news. What is told of it meanwhile would fill the log.
const NEWS: u64 = 60;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves these plain collections whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All live sessions.
#[derive(Debug, Default)]
pub struct Board {
    next: AtomicU64,
    sessions: Mutex<HashMap<u64, Arc<Live>>>,
}

#[derive(Debug)]
struct Live {
    protocol: Protocol,
    peer: IpAddr,
    since: SystemTime,
    stage: StageCell,
    account: Mutex<Option<String>>,
}

/// A session's own entry; gone from the board when dropped.
#[derive(Debug)]
pub struct Entry {
    id: u64,
    board: Arc<Board>,
    live: Arc<Live>,
}

/// One session as `status` shows it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SessionView {
    pub id: u64,
    pub protocol: &'static str,
    pub peer: IpAddr,
    pub stage: Stage,
    pub account: Option<String>,
    /// Seconds since the connection was taken in.
    pub age_seconds: u64,
}

impl Board {
    pub fn enter(self: &Arc<Self>, protocol: Protocol, peer: IpAddr) -> Entry {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let live = Arc::new(Live {
            protocol,
            peer,
            since: SystemTime::now(),
            stage: StageCell::default(),
            account: Mutex::default(),
        });
        locked(&self.sessions).insert(id, live.clone());
        Entry { id, board: self.clone(), live }
    }

    /// How many sessions of each protocol are at each stage; none is said, too.
    pub(super) fn tally(&self) -> BTreeMap<(Protocol, Stage), u64> {
        let all = Protocol::ALL.into_iter().flat_map(|protocol| Stage::ALL.map(|stage| ((protocol, stage), 0)));
        let mut tally: BTreeMap<_, u64> = all.collect();
        for live in locked(&self.sessions).values() {
            *tally.entry((live.protocol, live.stage.now())).or_default() += 1;
        }
        tally
    }

    pub fn list(&self) -> Vec<SessionView> {
        let sessions: Vec<_> = locked(&self.sessions).iter().map(|(id, live)| (*id, live.clone())).collect();
        let mut views: Vec<_> = sessions.into_iter().map(|(id, live)| live.view(id)).collect();
        views.sort_by_key(|view| view.id);
        views
    }
}

impl Live {
    fn view(&self, id: u64) -> SessionView {
        SessionView {
            id,
            protocol: self.protocol.as_str(),
            peer: self.peer,
            stage: self.stage.now(),
            account: locked(&self.account).clone(),
            age_seconds: self.since.elapsed().map(|age| age.as_secs()).unwrap_or_default(),
        }
    }
}

impl Entry {
    /// Number of the session, the same in every log line of it.
    pub const fn id(&self) -> u64 {
        self.id
    }

    pub fn set_stage(&self, stage: Stage) {
        self.live.stage.set(stage);
    }

    pub fn stage(&self) -> Stage {
        self.live.stage.now()
    }

    /// The stage itself, for what goes on below the session.
    pub fn stage_cell(&self) -> &StageCell {
        &self.live.stage
    }

    pub fn set_account(&self, account: &str) {
        *locked(&self.live.account) = Some(account.to_owned());
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        locked(&self.board.sessions).remove(&self.id);
    }
}

/// One fault as `status` shows it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FaultView {
    /// The last time, in seconds since 1970.
    pub at: u64,
    /// How often, as long as it stayed in the list.
    pub times: u64,
    pub protocol: &'static str,
    pub account: String,
    pub id: &'static str,
    pub kind: &'static str,
    pub owner: Owner,
    pub stage: Option<Stage>,
    pub text: String,
    /// Whom the message claimed to be from, where that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// The `[[client]]` whose login was wrong: that is none of an account. For whoever asks for the status, whichever met it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// From where, the last of them last; while it stands, those where nothing went well since.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<IpAddr>,
    /// Nobody heard of it: each time it was met behind our own 250.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unheard: bool,
    /// Where it is over, if it stands elsewhere.
    #[serde(skip)]
    past: Vec<IpAddr>,
    /// There were more addresses than are remembered: nobody knows whether it is over at all of them.
    #[serde(skip)]
    is_crowded: bool,
    /// Clients by whose own doing it is, where it is of some, the last of them last: each of them has to do well for itself.
    #[serde(skip)]
    clients: Vec<String>,
    /// There were more clients than are remembered: nobody knows whether all of them do well.
    #[serde(skip)]
    has_more_clients: bool,
    /// A message of the queue is held for it, and no other message ends it.
    #[serde(skip)]
    keeps_messages: bool,
    /// The last time.
    #[serde(skip)]
    noted: Instant,
    /// The last time, and the client whose program may be what was corrected.
    #[serde(skip)]
    pub met_by: Option<(String, Instant)>,
    /// When something went well that proves it over, or a configuration was read that does not refuse it, in seconds since
    /// 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worked_again_at: Option<u64>,
}

impl FaultView {
    /// What waited for a sign-in is over once somebody signed in, and so is what was about who did.
    pub fn since(mut self, signed_in_at: Option<Timestamp>, is_about_who: bool) -> Self {
        let waits = self.stage == Some(Stage::FetchingToken) && self.kind == Kind::SignInNeeded.as_str();
        let is_of_a_sign_in = waits || is_about_who;
        let since = signed_in_at.and_then(|at| u64::try_from(at.as_second()).ok()).filter(|since| *since > self.at);
        self.worked_again_at = self.worked_again_at.or(since.filter(|_| is_of_a_sign_in));
        self
    }

    fn has_sender_of(&self, fault: &Fault) -> bool {
        let lower = |sender: Option<&str>| sender.map(str::to_ascii_lowercase);
        lower(self.sender.as_deref()) == lower(fault.sender())
    }

    /// Where it is of a sender, that is one of these.
    fn spares(&self, senders: &[&str]) -> bool {
        let is_one = |refused: &String| senders.iter().any(|sender| sender.eq_ignore_ascii_case(refused));
        self.sender.as_ref().is_none_or(is_one)
    }

    fn note_peer(&mut self, peer: Option<IpAddr>) {
        let Some(peer) = peer else { return };
        self.past.retain(|known| *known != peer);
        self.peers.retain(|known| *known != peer);
        if self.peers.len() == PEERS_CAP {
            self.peers.remove(0);
            self.is_crowded = true;
        }
        self.peers.push(peer);
    }

    /// It is over at these addresses. Afterwards all of them are shown again.
    fn is_over_at(&mut self, is_proved: impl Fn(IpAddr) -> bool) {
        let (past, stand) = std::mem::take(&mut self.peers).into_iter().partition(|peer| is_proved(*peer));
        let past: Vec<IpAddr> = past;
        // Where no address is known, anybody's will do.
        let is_news = !past.is_empty() || (self.peers.is_empty() && stand.is_empty() && self.past.is_empty());
        self.past.extend(past);
        let beyond = self.past.len().saturating_sub(PEERS_CAP);
        self.past.drain(..beyond);
        self.peers = stand;
        if is_news && self.peers.is_empty() {
            self.peers = std::mem::take(&mut self.past);
            self.worked_again_at = Some(now());
        }
    }

    /// It is over for this client, and altogether once it is for all whose doing it is.
    fn is_over_for(&mut self, client: Option<&str>) {
        self.clients.retain(|known| Some(known.as_str()) != client);
        if self.clients.is_empty() && !self.has_more_clients {
            self.worked_again_at = Some(now());
        }
    }

    /// Clients that nothing but their address is known of, some of more than are remembered, or a sender as which its program
    /// sends no more, long ago: no proof may ever come, and nobody looks for it any more.
    fn is_history(&self) -> bool {
        (self.account.is_empty() || self.has_more_clients || self.sender.is_some()) && self.at + DAY < now()
    }

    /// Nobody is left who could do well, as far as these know.
    fn is_of_nobody(&mut self, is_client: impl Fn(&str) -> bool, is_account: impl Fn(&str) -> bool) -> bool {
        let had_clients = !self.clients.is_empty();
        self.clients.retain(|known| is_client(known));
        let lost_all = had_clients && self.clients.is_empty() && !self.has_more_clients;
        let is_of_gone = self.client.as_deref().is_some_and(|client| !is_client(client));
        lost_all || is_of_gone || !self.account.is_empty() && !is_account(&self.account)
    }

    /// Who met it last, of the clients for whom it stands.
    pub fn last_client(&self) -> Option<&str> {
        self.client.as_deref().or(self.clients.last().map(String::as_str))
    }

    pub fn protocol(&self) -> Option<Protocol> {
        Protocol::ALL.into_iter().find(|protocol| protocol.as_str() == self.protocol)
    }
}

/// The last faults, newest last. What happens over and over is one of them: it must not crowd the others out. Of senders
/// that were refused each is one, since each is mended by itself.
#[derive(Debug, Default)]
pub struct Recent {
    faults: Mutex<VecDeque<FaultView>>,
}

impl Recent {
    /// Whether it is news: none of this account within the last minute.
    pub fn push(&self, protocol: Protocol, account: &str, peer: Option<IpAddr>, fault: &Fault) -> bool {
        self.note(protocol, account, None, peer, fault)
    }

    /// A login of this client was wrong. Each has a row of its own: its right login proves nothing of anybody else's.
    pub fn push_login(&self, protocol: Protocol, client: &str, peer: Option<IpAddr>, fault: &Fault) {
        self.note(protocol, "", Some(client), peer, fault);
    }

    fn note(
        &self,
        protocol: Protocol,
        account: &str,
        client: Option<&str>,
        peer: Option<IpAddr>,
        fault: &Fault,
    ) -> bool {
        let mut view = FaultView {
            at: now(),
            times: 1,
            protocol: protocol.as_str(),
            account: account.to_owned(),
            id: fault.id,
            kind: fault.kind.as_str(),
            owner: fault.owner,
            stage: fault.stage,
            text: fault.text.clone(),
            sender: fault.sender().map(str::to_owned),
            client: client.map(str::to_owned),
            peers: Vec::new(),
            unheard: fault.is_unheard(),
            past: Vec::new(),
            is_crowded: false,
            clients: Vec::new(),
            has_more_clients: false,
            keeps_messages: false,
            noted: Instant::now(),
            met_by: None,
            worked_again_at: None,
        };
        let mut faults = locked(&self.faults);
        let is_kin =
            |one: &FaultView| (one.id, one.protocol, one.account.as_str()) == (fault.id, view.protocol, account);
        let is_news = !faults.iter().any(|one| is_kin(one) && one.at + NEWS > view.at);
        let is_same = |one: &FaultView| is_kin(one) && one.has_sender_of(fault) && one.client.as_deref() == client;
        if let Some(at) = faults.iter().position(is_same) {
            if let Some(before) = faults.remove(at) {
                view.times += before.times;
                view.keeps_messages = before.keeps_messages;
                if before.worked_again_at.is_none() {
                    view.unheard &= before.unheard;
                    (view.peers, view.past, view.is_crowded) = (before.peers, before.past, before.is_crowded);
                    (view.clients, view.has_more_clients) = (before.clients, before.has_more_clients);
                }
            }
        } else if fault.sender().is_some() {
            let is_other = |one: &FaultView| is_kin(one) && one.sender.is_some();
            let is_past = |one: &FaultView| is_other(one) && one.worked_again_at.is_some();
            if faults.iter().filter(|one| is_other(one)).count() >= SENDERS_CAP {
                let goes = faults.iter().position(is_past).or_else(|| faults.iter().position(is_other));
                goes.and_then(|at| faults.remove(at));
            }
        }
        view.note_peer(peer);
        if faults.len() == RECENT_CAP {
            faults.pop_front();
        }
        faults.push_back(view);
        is_news
    }

    /// What stood of this account when that `began`, as far as `proof` goes, is over: what befell it on its way is not.
    pub fn worked(&self, protocol: Protocol, account: &str, began: Instant, proof: Proof<'_>) {
        let mut faults = locked(&self.faults);
        let stood =
            |one: &&mut FaultView| one.worked_again_at.is_none() && one.account == account && one.noted <= began;
        for fault in faults.iter_mut().filter(stood).filter(|one| !one.keeps_messages && proof.covers(protocol, one)) {
            fault.is_over_for(proof.client());
        }
    }

    /// What was noted just now is this client's own doing.
    pub fn is_of(&self, protocol: Protocol, account: &str, fault: &Fault, client: &str) {
        let is_it = |one: &&mut FaultView| {
            let kin = (one.id, one.protocol, one.account.as_str()) == (fault.id, protocol.as_str(), account);
            kin && one.has_sender_of(fault)
        };
        if let Some(one) = locked(&self.faults).iter_mut().rev().find(is_it) {
            one.clients.retain(|known| known != client);
            if one.clients.len() == CLIENTS_CAP {
                one.clients.remove(0);
                one.has_more_clients = true;
            }
            one.clients.push(client.to_owned());
        }
    }

    /// The login of this client was right.
    pub fn logged_in(&self, protocol: Protocol, client: &str) {
        let is_his = |one: &&mut FaultView| {
            let stands = one.worked_again_at.is_none() && one.protocol == protocol.as_str();
            stands && one.client.as_deref() == Some(client)
        };
        locked(&self.faults).iter_mut().filter(is_his).for_each(|fault| fault.is_over_for(Some(client)));
    }

    /// These are in the configuration. What stood of others goes: they come no more, and nothing works again for them.
    pub fn configured(&self, is_client: impl Fn(&str) -> bool, is_account: impl Fn(&str) -> bool) {
        let stays = |one: &mut FaultView| one.worked_again_at.is_some() || !one.is_of_nobody(&is_client, &is_account);
        locked(&self.faults).retain_mut(stays);
    }

    /// Whether a sender of this account was refused, so that whom its next message is from will tell.
    pub fn waits_for_a_sender(&self, account: &str) -> bool {
        let waits = |one: &FaultView| one.worked_again_at.is_none() && one.sender.is_some() && one.account == account;
        locked(&self.faults).iter().any(waits)
    }

    /// Somebody at this address was let in: what clients met there while they had no name is over. But not what one of them
    /// does wrong on this machine, where every program has the same address.
    pub fn let_in(&self, protocol: Protocol, peer: IpAddr) {
        let peer = peer.to_canonical();
        let proves =
            |fault: &FaultView| fault.client.is_none() && (fault.owner != Owner::Client || !peer.is_loopback());
        self.over_at(|fault| fault.protocol == protocol.as_str() && proves(fault), |one| one == peer);
    }

    /// A refusal of ours for want of a rule is over at the addresses that the configuration has one for now.
    pub fn admitted(&self, id: &str, is_admitted: impl Fn(IpAddr) -> bool) {
        self.over_at(|fault| fault.id == id, is_admitted);
    }

    /// Of clients that nothing but their address is known of: over once no other address is left. What nothing proves is
    /// history after a day.
    fn over_at(&self, is_meant: impl Fn(&FaultView) -> bool, is_proved: impl Fn(IpAddr) -> bool) {
        let stands = |one: &&mut FaultView| {
            one.account.is_empty() && one.worked_again_at.is_none() && !one.is_crowded && is_meant(one)
        };
        locked(&self.faults).iter_mut().filter(stands).for_each(|fault| fault.is_over_at(&is_proved));
    }

    /// What was noted just now may be mended in the program of this client, too.
    pub fn met_by(&self, account: &str, fault: &Fault, client: &str) {
        let is_it = |one: &&mut FaultView| one.id == fault.id && one.account == account && one.has_sender_of(fault);
        if let Some(one) = locked(&self.faults).iter_mut().rev().find(is_it) {
            one.met_by = Some((client.to_owned(), Instant::now()));
        }
    }

    /// Messages of this client are taken since then as they never were before: what its program did wrong until then it
    /// does no more. One that went before proves nothing, for a program may send as several.
    pub fn corrected(&self, account: &str, client: &str, since: Instant) {
        let is_his = |one: &&mut FaultView| {
            let met_by = one.met_by.as_ref().is_some_and(|(who, at)| who == client && *at <= since);
            met_by && one.account == account && one.worked_again_at.is_none()
        };
        for fault in locked(&self.faults).iter_mut().filter(is_his) {
            fault.worked_again_at = Some(now());
        }
    }

    /// What a refusal of ours stood on is in the configuration no more, where `may_send` says so of account and sender.
    pub fn allowed(&self, id: &str, may_send: impl Fn(&str, &str) -> bool) {
        let is_allowed = |one: &&mut FaultView| {
            let allows = |sender: &String| may_send(&one.account, sender);
            one.id == id && one.worked_again_at.is_none() && one.sender.as_ref().is_some_and(allows)
        };
        for fault in locked(&self.faults).iter_mut().filter(is_allowed) {
            fault.worked_again_at = Some(now());
        }
    }

    /// What was refused to a sign-in that these accounts live on no more says nothing of the one that they have now.
    pub fn signs_in_otherwise(&self, is_account: impl Fn(&str) -> bool) {
        let is_of_it = |one: &&mut FaultView| {
            let is_of_a_sign_in = matches!(one.stage, Some(Stage::FetchingToken | Stage::SigningOn));
            is_of_a_sign_in && one.worked_again_at.is_none() && is_account(&one.account)
        };
        for fault in locked(&self.faults).iter_mut().filter(is_of_it) {
            fault.worked_again_at = Some(now());
        }
    }

    pub fn list(&self) -> Vec<FaultView> {
        let mut faults = locked(&self.faults);
        faults.retain(|fault| !fault.is_history());
        faults.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests;
