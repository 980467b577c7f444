//! The JSON of `gatepost status --json` and of `/api/status`.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use serde::Serialize;

use super::{
    Console,
    endings::EndingStatus,
    left_behind::{LeftBehindStatus, LeftBodiesStatus},
    loaded::{NeedsRestart, RefusedReload},
    mailboxes::{self, DomainStatus, STATUS_CAP},
    queue_status::QueueStatus,
};
use crate::{
    account::{Account, BY_LOGIN, Domain, Occasion, Route, account_of, told},
    base::{Fault, Lang, invocation},
    catalog::{
        Words,
        doctor::{CLOCK_SKEWED, SOMEBODY_ELSE_SIGNED_IN},
    },
    meter::{ClientView, Clients, FaultView, Incident, Meter, SessionView, Who},
    oauth::{Phase, SignInState, clock::Off},
    outbound::{GRAPH_WAY, Standing},
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    pub version: &'static str,
    /// Seconds since 1970.
    pub at: u64,
    /// What is wrong with the store and what to do, if anything is.
    pub store: Option<String>,
    /// Stands for the configuration that was loaded last; changes with it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub configuration: String,
    /// That of this machine, where the identity provider's answers show that it is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockStatus>,
    /// In another store than that of this daemon, with what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_behind: Option<LeftBehindStatus>,
    /// In the folder of its own queue, without a row, with what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_bodies: Option<LeftBodiesStatus>,
    /// What the configuration has since it was loaded again, and the daemon not before a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs_restart: Option<NeedsRestart>,
    /// The last reload did not take its configuration over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_reload: Option<RefusedReload>,
    /// The command that makes the daemon read its configuration again, and ask anew for what was refused.
    pub reload: String,
    /// Those of the configuration, then the mailboxes of whole domains that are signed in or were used.
    pub accounts: Vec<AccountStatus>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<DomainStatus>,
    /// What ends on a day: secrets and certificates.
    pub endings: Vec<EndingStatus>,
    pub listeners: Vec<ListenerStatus>,
    pub sessions: Vec<SessionView>,
    /// `None` while it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueStatus>,
    /// Clients with messages of the last day that were refused or broke off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedStatus>,
    pub faults: Vec<FaultStatus>,
}

/// A wrong clock, and what the catalogue says of that, in English.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ClockStatus {
    pub id: &'static str,
    pub text: String,
    pub seconds: u64,
    pub behind: bool,
    #[serde(flatten)]
    pub explained: Explained,
}

impl ClockStatus {
    pub(super) fn of(Off { seconds, is_behind }: Off) -> Self {
        let Fault { id, text, .. } = CLOCK_SKEWED.fault();
        Self { id, text, seconds, behind: is_behind, explained: Explained::of(id, None, &Occasion::default()) }
    }
}

/// A fault, with what the catalogue says of it and of this account, in English.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FaultStatus {
    #[serde(flatten)]
    pub seen: FaultView,
    #[serde(flatten)]
    pub explained: Explained,
}

/// What the catalogue says of a fault, in English.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Explained {
    pub cause: Option<String>,
    pub next_step: Option<String>,
    /// Where the cmdlets of the step are typed, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avoid: Option<String>,
}

impl Explained {
    pub(super) fn of(id: &str, account: Option<&Account>, occasion: &Occasion<'_>) -> Self {
        told(id, Lang::En, account, occasion).map(Self::from).unwrap_or_default()
    }
}

impl From<Words> for Explained {
    fn from(Words { cause, next, shell, avoid }: Words) -> Self {
        Self { cause: Some(cause), next_step: Some(next), shell, avoid }
    }
}

impl FaultStatus {
    fn new(
        mut seen: FaultView,
        accounts: &[Arc<Account>],
        domains: &[Arc<Domain>],
        states: &HashMap<&str, &SignInState>,
    ) -> Self {
        let account = account_of(&seen.account, accounts, domains);
        let sign_in = account.as_ref().and_then(|account| states.get(account.sign_in.key().as_str()).copied());
        let explained = Explained::of(seen.id, account.as_deref(), &occasion(&seen, sign_in));
        seen.client = rule(&seen).map(str::to_owned);
        let is_about_who = seen.id == SOMEBODY_ELSE_SIGNED_IN.id;
        Self { seen: seen.since(sign_in.and_then(|state| state.signed_in_at), is_about_who), explained }
    }
}

/// How many messages of a client came to nothing in the last 24 hours.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RefusedStatus {
    /// Of the `[[client]]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Where it logs in to the account itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    pub messages: u64,
    pub refused: u64,
    /// When a message of it was refused last, in seconds since 1970.
    pub at: u64,
    /// In which words; `None`: something went well since.
    pub reply: Option<String>,
}

/// Clients whose refused messages are shown, those with the most first.
const REFUSED_CAP: usize = 50;

impl RefusedStatus {
    fn of(who: Who, view: ClientView) -> Option<Self> {
        let refused = view.hours.iter().map(|hour| hour.failed).sum();
        let messages = refused + view.hours.iter().map(|hour| hour.accepted).sum::<u64>();
        let Incident { at, .. } = view.refused_message.filter(|_| refused > 0)?;
        let reply = view.standing.map(|refusal| refusal.reply);
        let (client, account) = match who {
            Who::Rule(name) => (Some(name), None),
            Who::Login(address) => (None, Some(address)),
        };
        Some(Self { client, account, messages, refused, at, reply })
    }

    fn all(clients: &Clients) -> Vec<Self> {
        let mut all: Vec<Self> = clients.list().into_iter().filter_map(|(who, view)| Self::of(who, view)).collect();
        all.sort_by_key(|one| std::cmp::Reverse((one.refused, one.at)));
        all.truncate(REFUSED_CAP);
        all
    }
}

/// The `[[client]]` that met it last. Whoever logs in as an account has none.
fn rule(seen: &FaultView) -> Option<&str> {
    seen.last_client().filter(|name| *name != BY_LOGIN)
}

/// When and where it befell somebody.
pub(super) fn occasion<'a>(seen: &'a FaultView, sign_in: Option<&'a SignInState>) -> Occasion<'a> {
    let (sender, client, peer) = (seen.sender.as_deref(), rule(seen), seen.peers.last().copied());
    Occasion { protocol: seen.protocol(), stage: seen.stage, sender, client, peer, sign_in, ..Occasion::default() }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AccountStatus {
    pub address: String,
    pub app: String,
    /// Who signed in. `None`: nobody did, as far as is known, or an app acts by itself.
    pub signed_in_as: Option<String>,
    /// The app that acts by itself: its name here, and its client id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_only: Option<String>,
    /// Somebody else consented than was configured: who that is, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    pub sign_in: Option<SignInState>,
    /// Where its phase says refused: by which protocols, and whether by Graph.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused_ways: Vec<&'static str>,
    /// What mail servers refuse; where a time stands there, clients are told it from memory until then.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Standing>,
    /// Other accounts that live on the same consent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub same_sign_in: Vec<String>,
    /// The account that stands for it, where it is a mailbox of a whole domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ListenerStatus {
    pub protocol: &'static str,
    /// As really bound.
    pub address: String,
    pub tls: &'static str,
}

impl AccountStatus {
    pub fn new(account: &Account, sign_in: Option<SignInState>) -> Self {
        let other = sign_in.as_ref().and_then(|state| state.somebody_else(&account.sign_in)).map(str::to_owned);
        let identity = &account.sign_in.identity;
        let app = &account.sign_in.app;
        let is_app_only = app.grant.is_app_only();
        let has_somebody = app.grant.is_unattended() || sign_in.as_ref().is_some_and(SignInState::has_somebody);
        let is_in = has_somebody && !is_app_only;
        // The identity of a machine has no id that somebody wrote down.
        let id = Some(&app.client_id).filter(|id| !id.is_empty()).map(|id| format!(" ({id})")).unwrap_or_default();
        let doubted = sign_in.as_ref().and_then(|state| state.in_doubt(&account.sign_in));
        let warning = doubted.map(|other| Lang::En.consented_for(other, identity));
        let sign_in = sign_in.map(|state| as_it_sends(account, state));
        let refused_ways = refused_ways(sign_in.as_ref(), &[]);
        Self {
            address: account.address.clone(),
            app: app.name.clone(),
            refused_ways,
            refusals: Vec::new(),
            signed_in_as: is_in.then(|| other.as_ref().unwrap_or(identity).clone()),
            app_only: is_app_only.then(|| format!("{}{id}", app.name)),
            warning,
            same_sign_in: Vec::new(),
            domain: account.domain.as_ref().map(|domain| format!("*@{domain}")),
            sign_in,
        }
    }

    /// Where the upstream refuses, a sign-in that is ready is of no use.
    pub fn note_refusals(&mut self, console: &Console, account: &Account) {
        let signed_in_at = self.sign_in.as_ref().and_then(|state| state.signed_in_at);
        self.refusals = console.refused(account, signed_in_at);
        let fault = self.sign_in.as_ref().and_then(|state| state.fault.as_ref());
        self.refusals.iter_mut().for_each(|one| one.asks_not_before(fault));
        if let Some(state) = self.sign_in.as_mut().filter(|state| state.phase == Phase::Ready)
            && !self.refusals.is_empty()
        {
            state.phase = Phase::Refused;
        }
        self.refused_ways = refused_ways(self.sign_in.as_ref(), &self.refusals);
    }

    /// What stands in its way, each with the protocol that met it, if one did: as `gatepost status` tells it.
    pub fn troubles(&self) -> Vec<(&'static str, Option<&'static str>, Occasion<'_>)> {
        let sign_in = self.sign_in.as_ref();
        let of_sign_in =
            sign_in.into_iter().flat_map(|state| [&state.fault, &state.graph_fault, &state.refused_beside]);
        let of_sign_in = of_sign_in.flatten().map(|fault| (fault.id, None, Occasion::of_sign_in(sign_in)));
        let refused = self.refusals.iter().map(|one| (one.id, Some(one.protocol), one.occasion(sign_in)));
        of_sign_in.chain(refused).collect()
    }

    pub fn phase(&self) -> Phase {
        self.sign_in.as_ref().map(|state| state.phase).unwrap_or_default()
    }
}

/// What Graph refuses to the app is no matter of an account that sends without it. Where Graph is the only way out, a sign-in
/// that is ready for mail sends none.
fn as_it_sends(account: &Account, mut state: SignInState) -> SignInState {
    state.graph_fault = state.graph_fault.filter(|_| account.sending.route != Route::Smtp);
    if state.phase == Phase::Ready && account.sending.route == Route::Graph && state.graph_fault.is_some() {
        state.phase = Phase::Refused;
    }
    state
}

fn refused_ways(sign_in: Option<&SignInState>, refusals: &[Standing]) -> Vec<&'static str> {
    let Some(state) = sign_in.filter(|state| state.phase == Phase::Refused) else { return Vec::new() };
    let mut ways: Vec<&'static str> = Vec::new();
    let of_graph = state.graph_fault.as_ref().map(|_| GRAPH_WAY);
    for way in refusals.iter().map(Standing::way).chain(of_graph) {
        ways.extend((!ways.contains(&way)).then_some(way));
    }
    ways
}

/// Accounts by the consent that they live on. One that an app holds by itself is nobody's.
pub struct Companions(HashMap<String, Vec<String>>);

impl Companions {
    pub fn of(accounts: &[Arc<Account>]) -> Self {
        let mut all: HashMap<String, Vec<String>> = HashMap::new();
        for account in accounts.iter().filter(|account| !account.sign_in.app.grant.is_app_only()) {
            all.entry(account.sign_in.key()).or_default().push(account.address.clone());
        }
        Self(all)
    }

    /// The others beside this one.
    pub fn beside(&self, account: &Account) -> Vec<String> {
        let all = self.0.get(&account.sign_in.key()).into_iter().flatten();
        all.filter(|address| **address != account.address).take(COMPANIONS_CAP).cloned().collect()
    }
}

/// Named for each account.
const COMPANIONS_CAP: usize = 50;

impl Status {
    pub fn new(
        accounts: &[Arc<Account>],
        domains: &[Arc<Domain>],
        states: &[SignInState],
        listeners: Vec<ListenerStatus>,
        meter: &Meter,
    ) -> Self {
        let used = meter.used_mailboxes.list();
        let known = mailboxes::known(accounts, domains, states, used.keys());
        let by_key: HashMap<&str, &SignInState> = states.iter().map(|state| (state.key.as_str(), state)).collect();
        let companions = Companions::of(accounts);
        let faults =
            meter.recent.list().into_iter().map(|seen| FaultStatus::new(seen, accounts, domains, &by_key)).collect();
        let accounts = accounts.iter().chain(known.values().take(STATUS_CAP)).map(|account| {
            let state = by_key.get(account.sign_in.key().as_str()).map(|state| state.of_account(&account.address));
            AccountStatus { same_sign_in: companions.beside(account), ..AccountStatus::new(account, state) }
        });
        let accounts = accounts.collect();
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or_default();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            at,
            store: None,
            configuration: String::new(),
            clock: None,
            left_behind: None,
            left_bodies: None,
            needs_restart: None,
            refused_reload: None,
            reload: invocation::reload(),
            accounts,
            domains: domains.iter().map(|domain| DomainStatus::new(domain, &known)).collect(),
            endings: Vec::new(),
            listeners,
            sessions: meter.board.list(),
            queue: None,
            refused: RefusedStatus::all(&meter.clients),
            faults,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A login that is turned away later is none of them.
    #[test]
    fn a_row_of_refused_messages_has_the_time_of_the_last_of_them() {
        let (clients, copier) = (Clients::default(), Who::Rule("copier".to_owned()));
        clients.was_refused(&copier, "550 5.7.1 no sender".to_owned(), None);
        clients.came_to_nothing(&copier);
        let mut view = clients.list().remove(&copier).unwrap();
        let of_message = view.refused_message.as_ref().unwrap().at;
        if let Some(refusal) = &mut view.refusal {
            refusal.at += 60;
        }
        assert_eq!(RefusedStatus::of(copier, view).unwrap().at, of_message);
    }
}
