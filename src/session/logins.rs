//! What is written down of a login: how it was answered and why, in the log, in the figures and at its client.

use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{
    admit::{Door, Met},
    record::who,
    stranger::Stranger,
};
use crate::{
    account::{Admitted, Occasion, told},
    base::{Fault, Kind, Lang, printable},
    catalog::{self, own::PROTOCOL_MISTAKE},
    meter::{Answer, Contact, Outcome, Proof},
    net::Stream,
};

/// What becomes of a line that is no command, or none for now.
pub(super) const COMMAND_REFUSED: &str = "command refused";
/// Of a refusal in the figures of a client.
const REFUSAL_CAP: usize = 300;

/// How a client logged in: as whom, and by which mechanism; `None`: its address is enough.
pub(super) type Asked = Option<(String, &'static str)>;

impl Door<'_> {
    /// How it logged in, without who and with what.
    pub(super) fn note(&self, asked: &Asked, answer: Answer) {
        let verb = asked.as_ref().map_or("none", |(_, mechanism)| mechanism);
        self.gate.meter.verbs.note(self.entry.id(), self.doorway.protocol, self.entry.stage(), verb, answer);
    }

    /// Of a client that did not get as far as a login.
    pub(super) fn trouble(&self, entry: Option<&catalog::Entry>, what: &str, why: &str) {
        self.stranger().noted(entry, what, why, &self.gate.meter);
    }

    fn stranger(&self) -> Stranger {
        let (peer, session) = (self.peer.address, Some(self.entry.id()));
        let (protocol, stage) = (self.doorway.protocol, self.entry.stage());
        Stranger { protocol, peer, session, stage, is_behind_others: false }
    }

    /// The first of a session says what it is of; many programs make one on their way to a login.
    pub(super) fn mistaken(&self, met: &mut Met, words: &str) {
        met.mistakes += 1;
        match met.mistakes {
            1 => self.trouble(Some(PROTOCOL_MISTAKE), COMMAND_REFUSED, words),
            _ => self.stranger().again(PROTOCOL_MISTAKE, COMMAND_REFUSED, words, &self.gate.meter),
        }
    }

    /// It never logged in; of its mistakes, which are counted already, that may come.
    pub(super) fn left(&self, met: &Met) {
        let (session, protocol, peer, stage) =
            (self.entry.id(), self.doorway.protocol, self.peer.address, self.entry.stage());
        // The first was told when it came.
        if met.mistakes <= 1 {
            debug!(session, %protocol, %peer, %stage, "client left");
            return;
        }
        let fault = PROTOCOL_MISTAKE.fault().at(stage).detail(format!("{} until then", met.mistakes));
        info!(session, %protocol, %peer, id = fault.id, "client left without a login: {fault}");
    }

    /// `whose` login it was, right or wrong.
    fn refused(&self, whose: Option<&Admitted>, fault: &Fault, knocked: Instant) {
        let protocol = self.doorway.protocol;
        // A wrong password of a client rule is none of the account.
        let is_of_account = |one: &&Admitted| one.client.is_none() || fault.kind != Kind::BadCredentials;
        let account = whose.filter(is_of_account).map(|one| &*one.account);
        let fault = fault.clone().at(self.entry.stage());
        let sign_in = account.and_then(|account| self.gate.outbound.keepers.state(&account.sign_in));
        let peer = self.peer.address.ip();
        let occasion = Occasion {
            protocol: Some(protocol),
            stage: fault.stage,
            client: whose.and_then(Admitted::rule),
            peer: Some(peer),
            sign_in: sign_in.as_ref(),
            ..Occasion::default()
        };
        let next = told(fault.id, Lang::En, account, &occasion).map(|words| words.whole_step()).unwrap_or_default();
        let account = account.map_or("", |account| account.address.as_str());
        let outcome = if fault.kind.passes_by_itself() { Outcome::RefusedForNow } else { Outcome::Refused };
        self.gate.meter.login(protocol, outcome, knocked.elapsed());
        match whose.filter(|one| account.is_empty() && one.client.is_some()) {
            Some(client) => self.gate.meter.wrong_login(protocol, client.client_name(), peer, &fault),
            None => {
                self.gate.meter.fault_of_peer(protocol, account, Some(peer), &fault);
            }
        }
        let (session, owner, client) = (self.entry.id(), fault.owner.as_str(), occasion.client);
        warn!(session, %protocol, peer = %self.peer.address, account, client, owner, next, "refused: {fault}");
    }

    pub(super) fn let_in(&self, client: &Stream, admitted: &Admitted, asked: Asked) {
        self.note(&asked, Answer::Id("accepted"));
        let contact = self.contact(client, asked.map(|(_, mechanism)| mechanism));
        self.gate.meter.clients.came(&who(admitted), contact);
    }

    /// Notes a refusal, at the client whose login it was as well, so that it is seen who cannot get in.
    pub(super) fn turn_away(
        &self,
        client: &Stream,
        whose: Option<Admitted>,
        asked: Asked,
        fault: &Fault,
        knocked: Instant,
    ) {
        self.note(&asked, Answer::Id(fault.id));
        let whose = whose.or_else(|| self.gate.register.whose(&asked.as_ref()?.0));
        self.refused(whose.as_ref(), fault, knocked);
        let Some(whose) = whose else { return };
        let reply = printable(&fault.reply_text(), REFUSAL_CAP);
        let contact = self.contact(client, asked.map(|(_, mechanism)| mechanism));
        self.gate.meter.clients.was_turned_away(&who(&whose), reply, contact);
    }

    /// A login was right, or an address enough, whatever the mail server says.
    pub(super) fn proved(&self, admitted: &Admitted) {
        let (recent, protocol) = (&self.gate.meter.recent, self.doorway.protocol);
        recent.let_in(protocol, self.peer.address.ip());
        // A rule has a password of its own, or none.
        if admitted.has_logged_in() && admitted.client.is_some() {
            recent.logged_in(protocol, admitted.client_name());
        }
        if admitted.client.is_none() {
            recent.worked(protocol, &admitted.account.address, std::time::Instant::now(), Proof::Login);
        }
    }

    fn contact(&self, client: &Stream, mechanism: Option<&'static str>) -> Contact {
        let peer = self.peer.address.ip().to_canonical();
        Contact { protocol: self.doorway.protocol.as_str(), peer, tls: client.tls_version(), mechanism }
    }
}
