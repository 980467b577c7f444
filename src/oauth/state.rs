//! What may be told of a sign-in: to the console, `gatepost status` and the metrics. No secret is in it.

use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{App, SignIn, app::login_for, frequency, sign_in::refusal_beside, verdict::Verdict};
use crate::{
    base::{Fault, invocation::gatepost},
    catalog,
    store::TokenRow,
};

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The store was not read yet.
    #[default]
    Starting,
    /// A token is held, or one is fetched when somebody asks (grants that need nobody).
    Ready,
    /// No token right now; it passes by itself.
    Waiting,
    SignInNeeded,
    /// The provider refuses; somebody has to change something there or in the configuration.
    Refused,
}

impl Phase {
    pub const ALL: [Self; 5] = [Self::Starting, Self::Ready, Self::Waiting, Self::SignInNeeded, Self::Refused];

    /// As the status and the metrics spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::Ready => "ready",
            Phase::Waiting => "waiting",
            Phase::SignInNeeded => "sign-in-needed",
            Phase::Refused => "refused",
        }
    }
}

impl Serialize for Phase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[derive(Debug, Default, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SignInState {
    pub key: String,
    pub app: String,
    pub provider: String,
    pub identity: String,
    /// By which the faults below tell people to sign in.
    #[serde(skip)]
    pub account: String,
    pub grant: &'static str,
    pub phase: Phase,
    pub generation: u64,
    pub consented_as: Option<String>,
    /// A mail server let in who consented, whatever their name.
    #[serde(skip)]
    pub is_let_in: bool,
    pub signed_in_at: Option<Timestamp>,
    pub last_refresh: Option<Timestamp>,
    pub token_expires_at: Option<Timestamp>,
    /// When the refresh token dies if nobody uses it until then.
    pub idle_until: Option<Timestamp>,
    /// When a policy is expected to end the sign-in, as it ended earlier ones.
    pub policy_ends_at: Option<Timestamp>,
    /// How long that policy lets a sign-in live, in seconds, as far as was seen.
    pub policy_period: Option<u64>,
    /// How many sign-ins ended so; after one the date is a guess.
    pub policy_seen: usize,
    pub fault: Option<FaultSeen>,
    /// When the last sign-in that somebody tried was refused, where that is the fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_in_refused_at: Option<Timestamp>,
    /// A later sign-in that somebody tried and was refused, while this one goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_beside: Option<FaultSeen>,
    /// Of the enterprise application, where an app acts by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_id: Option<String>,
    /// Why there is no token for Microsoft Graph, where somebody asked for one; mail goes on without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graph_fault: Option<FaultSeen>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FaultSeen {
    pub id: &'static str,
    pub kind: &'static str,
    pub owner: &'static str,
    pub text: String,
    pub since: Option<Timestamp>,
    /// Who signed in, where it was refused since that is somebody else than was meant, and whose sign-in goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_in_as: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whose_stays: Option<String>,
    /// When the provider is asked again after a refusal, with nobody doing anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asks_again_at: Option<Timestamp>,
}

impl SignInState {
    pub fn new(sign_in: &SignIn) -> Self {
        Self {
            key: sign_in.key(),
            app: sign_in.app.name.clone(),
            provider: sign_in.app.provider.clone(),
            identity: sign_in.identity.clone(),
            account: sign_in.account.clone(),
            grant: sign_in.app.grant.as_str(),
            ..Self::default()
        }
    }

    /// As it is told of another account of the same sign-in.
    pub fn of_account(&self, account: &str) -> Self {
        let mut told = Self { account: account.to_owned(), ..self.clone() };
        for fault in [&mut told.fault, &mut told.refused_beside, &mut told.graph_fault].into_iter().flatten() {
            fault.text = self.said_of(account, &fault.text);
        }
        told
    }

    /// What is said of this sign-in names one account of it.
    pub(super) fn said_of(&self, account: &str, text: &str) -> String {
        text.replace(&login_for(&self.account, &self.identity), &login_for(account, &self.identity))
    }

    /// As the store alone knows it; `None`: nothing is stored there that opens.
    pub fn stored(sign_in: &SignIn, row: Option<&TokenRow>) -> Self {
        // A failure of the app as it was before somebody changed it counts no more.
        let failure = row.and_then(|row| row.failure.as_ref()).filter(|f| f.app == sign_in.fingerprint());
        let is_there = row.is_some_and(TokenRow::has_tokens) || sign_in.app.grant.is_unattended();
        let mut state = Self::new(sign_in);
        state.phase = if is_there && failure.is_none() { Phase::Ready } else { Phase::SignInNeeded };
        let refused = row.and_then(|row| row.refused_sign_in.as_ref()).filter(|f| f.app == sign_in.fingerprint());
        let refused = refused.filter(|_| state.phase == Phase::SignInNeeded);
        state.fault = refused.or(failure).and_then(|failure| {
            let verdict = Verdict::new(catalog::find(&failure.id)?, failure.detail.clone());
            let how = format!("run: {} {}", gatepost(), login_for(&sign_in.account, &sign_in.identity));
            let fault = match refused {
                Some(_) => verdict.fault_of_sign_in(&sign_in.app, &how),
                None => verdict.fault(&how),
            };
            Some(FaultSeen::new(&fault, failure.at.unwrap_or(SystemTime::UNIX_EPOCH)))
        });
        state.read(row, &sign_in.app);
        state.note_refused_sign_in(row);
        state.note_refused_beside(row, sign_in);
        state
    }

    pub(super) fn note_refused_beside(&mut self, row: Option<&TokenRow>, sign_in: &SignIn) {
        self.refused_beside = row.and_then(|row| {
            let (verdict, at) = refusal_beside(row, sign_in)?;
            let how = format!("run: {} {}", gatepost(), login_for(&sign_in.account, &sign_in.identity));
            let seen = FaultSeen::new(&verdict.fault_of_sign_in(&sign_in.app, &how), at);
            Some(FaultSeen { signed_in_as: verdict.signed_in_as, whose_stays: verdict.whose_stays, ..seen })
        });
    }

    /// Behind the fault: whether it is that of a sign-in that somebody tried.
    pub(super) fn note_refused_sign_in(&mut self, row: Option<&TokenRow>) {
        let refused = row.and_then(|row| row.refused_sign_in.as_ref());
        let is_it = |id: &str| self.fault.as_ref().is_some_and(|fault| fault.id == id);
        let refused = refused.filter(|refused| self.phase == Phase::SignInNeeded && is_it(&refused.id));
        self.sign_in_refused_at = refused.and_then(|refused| timestamp(refused.at?));
    }

    /// What a stored row tells.
    pub fn read(&mut self, row: Option<&TokenRow>, app: &App) {
        self.consented_as = row.and_then(|row| row.consented_as.clone());
        self.is_let_in = row.is_some_and(|row| row.is_let_in);
        self.signed_in_at = row.and_then(|row| timestamp(row.signed_in_at?));
        self.last_refresh = row.and_then(|row| timestamp(row.last_refresh?));
        self.idle_until = row
            .filter(|row| row.refresh.is_some())
            .and_then(|row| timestamp(row.last_refresh?.checked_add(app.refresh_idle_life?)?));
        let forecast = row.and_then(frequency::forecast);
        self.policy_ends_at = forecast.and_then(|forecast| timestamp(forecast.at));
        self.policy_period = forecast.map(|forecast| forecast.period.as_secs());
        self.policy_seen = forecast.map_or(0, |forecast| forecast.seen);
    }

    /// Who signed in, where that is another name than the one who was meant. An app that acts by itself is nobody.
    pub fn somebody_else(&self, sign_in: &SignIn) -> Option<&str> {
        sign_in.another_name(self.consented_as.as_deref())
    }

    /// The same as long as no mail server let them in: then it is another name of the one who was meant.
    pub fn in_doubt(&self, sign_in: &SignIn) -> Option<&str> {
        self.somebody_else(sign_in).filter(|_| !self.is_let_in)
    }

    /// Who signed in last: another than was meant, whose token is held or was refused.
    pub fn came_as(&self, sign_in: &SignIn) -> Option<&str> {
        let beside = self.refused_beside.as_ref().and_then(|beside| beside.signed_in_as.as_deref());
        beside.or_else(|| self.somebody_else(sign_in))
    }

    /// Whether somebody signed in, or was taken over from another program, and did not sign out since.
    pub fn has_somebody(&self) -> bool {
        self.signed_in_at.is_some() || self.phase != Phase::SignInNeeded
    }

    /// When somebody has to sign in at the latest, as far as that can be known.
    pub fn next_sign_in(&self) -> Option<Timestamp> {
        [self.policy_ends_at, self.idle_until].into_iter().flatten().min()
    }

    /// Which refusal of a sign-in that somebody tried stands, and when that was: the fault, or what was refused beside a sign-in
    /// that goes on.
    pub fn refused_sign_in(&self) -> Option<(&'static str, Timestamp)> {
        let of_fault = self.fault.as_ref().zip(self.sign_in_refused_at).map(|(fault, at)| (fault.id, at));
        of_fault.or_else(|| self.refused_beside.as_ref().and_then(|beside| Some((beside.id, beside.since?))))
    }

    /// Which fault the provider is asked about again, and when, in the words of the catalogue.
    pub fn asks_again(&self) -> Vec<(&'static str, String)> {
        let faults = [&self.fault, &self.graph_fault].into_iter().flatten();
        faults.filter_map(|fault| Some((fault.id, catalog::moment(fault.asks_again_at?, "%H:%M")))).collect()
    }

    /// What people are told of, and mail waits for: anything else changes all the time.
    pub(super) fn standing(&self) -> (Phase, [Option<&'static str>; 2], Option<Timestamp>) {
        let id = |fault: &Option<FaultSeen>| fault.as_ref().map(|fault| fault.id);
        (self.phase, [&self.fault, &self.graph_fault].map(id), self.signed_in_at)
    }
}

impl FaultSeen {
    pub fn new(fault: &Fault, since: SystemTime) -> Self {
        Self {
            id: fault.id,
            kind: fault.kind.as_str(),
            owner: fault.owner.as_str(),
            text: fault.text.clone(),
            since: timestamp(since),
            signed_in_as: None,
            whose_stays: None,
            asks_again_at: None,
        }
    }
}

/// Whole seconds: nobody reads more.
pub(super) fn timestamp(time: SystemTime) -> Option<Timestamp> {
    Timestamp::from_second(Timestamp::try_from(time).ok()?.as_second()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_has_a_word_of_its_own_in_the_status() {
        let words: std::collections::BTreeSet<_> = Phase::ALL.iter().map(|phase| phase.as_str()).collect();
        assert_eq!(words.len(), Phase::ALL.len());
        assert_eq!(serde_json::to_string(&Phase::SignInNeeded).unwrap(), "\"sign-in-needed\"");
    }
}
