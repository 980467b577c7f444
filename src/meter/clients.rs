//! How each client fares: how it came in last, what went well last, what was refused last, and its last day.
//!
//! A device cannot say why it does not work; here an administrator sees it. Bounded: beyond the cap the one that was
//! not seen for the longest is forgotten. Nothing of a message's content is kept, and nothing outlives the daemon.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use super::{Day, Hour, messages::now};

/// Remembered at most.
const CAP: usize = 2000;

/// Senders of one client that are remembered, the latest.
const SENDERS_CAP: usize = 8;

/// Whom the figures belong to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// A `[[client]]`, by its name.
    Rule(String),
    /// Whoever logs in to an account itself, by its address.
    Login(String),
}

/// How a client came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    pub protocol: &'static str,
    pub peer: IpAddr,
    /// For example `TLSv1_3`; `None`: plain.
    pub tls: Option<&'static str>,
    /// The SASL mechanism or the protocol's own command; `None`: by its address alone.
    pub mechanism: Option<&'static str>,
}

/// Something that happened to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Seconds since 1970.
    pub at: u64,
    /// What it was answered.
    pub reply: String,
    /// Which message, where it was about one.
    pub message: Option<Named>,
    /// How it tried to come in, where it was refused at the door.
    pub tried: Option<Contact>,
}

/// What tells one message from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub sender: String,
    /// As it stands in the header; empty where there is none.
    pub message_id: String,
    pub queue_id: Option<String>,
}

/// One client as the console shows it.
#[derive(Debug, Clone, Default)]
pub struct ClientView {
    /// Seconds since 1970.
    pub seen_at: u64,
    pub contact: Option<Contact>,
    pub success: Option<Incident>,
    pub refusal: Option<Incident>,
    /// What the queue took of it last and could not deliver; `None` again once something arrived.
    pub undelivered: Option<Incident>,
    /// The last message that was refused, whatever was refused at the door since.
    pub refused_message: Option<Incident>,
    /// The same; `None` again once one was taken.
    pub standing: Option<Incident>,
    /// Messages of the last 24 hours.
    pub hours: [Hour; 24],
}

#[derive(Debug, Default)]
struct Figures {
    seen_at: u64,
    contact: Option<Contact>,
    success: Option<Incident>,
    refusal: Option<Incident>,
    undelivered: Option<Incident>,
    refused_message: Option<Incident>,
    /// None was taken since.
    stands: bool,
    messages: Day,
    /// Whom its messages were from that were taken, and since when.
    went: Vec<(String, Instant)>,
}

#[derive(Debug, Default)]
pub struct Clients(Mutex<HashMap<Who, Figures>>);

impl Clients {
    /// It came in.
    pub fn came(&self, who: &Who, contact: Contact) {
        self.change(who, |figures| figures.contact = Some(contact));
    }

    /// It was not let in. Who tries is not believed to be this client: how it comes in stays as it was.
    pub fn was_turned_away(&self, who: &Who, reply: String, tried: Contact) {
        self.change(who, |figures| {
            figures.refusal = Some(Incident { at: now(), reply, message: None, tried: Some(tried) });
        });
    }

    /// What it wanted was done; a message counts for its day. That it came in says nothing of messages that were refused.
    pub fn went_well(&self, who: &Who, reply: String, message: Option<Named>) {
        self.change(who, |figures| {
            if message.is_some() {
                figures.messages.count(true);
                figures.stands = false;
            }
            figures.success = Some(Incident { at: now(), reply, message, tried: None });
        });
    }

    /// A message of it from these was taken: since when such ones go, which is now where it is the first that is remembered.
    pub fn goes_since(&self, who: &Who, senders: &[&str]) -> Instant {
        let (senders, mut since) = (senders.join(" ").to_lowercase(), Instant::now());
        self.change(who, |figures| {
            if let Some(at) = figures.went.iter().position(|(known, _)| *known == senders) {
                since = figures.went.remove(at).1;
            } else if figures.went.len() >= SENDERS_CAP {
                figures.went.remove(0);
            }
            figures.went.push((senders, since));
        });
        since
    }

    /// A message of it was refused, in these words, or a command of one, which has no name yet.
    pub fn was_refused(&self, who: &Who, reply: String, message: Option<Named>) {
        self.change(who, |figures| {
            if message.is_some() {
                figures.messages.count(false);
            }
            let refusal = Incident { at: now(), reply, message, tried: None };
            (figures.refused_message, figures.refusal) = (Some(refusal.clone()), Some(refusal));
            figures.stands = true;
        });
    }

    /// A message of it ended before its DATA: it counts for its day.
    pub fn came_to_nothing(&self, who: &Who) {
        self.change(who, |figures| figures.messages.count(false));
    }

    /// What the queue took of it could not be delivered, in these words. Counted it was when it was taken.
    pub fn was_undelivered(&self, who: &Who, reply: String, message: Named) {
        self.change(who, |figures| {
            figures.undelivered = Some(Incident { at: now(), reply, message: Some(message), tried: None });
        });
    }

    /// What the queue took of it arrived.
    pub fn was_delivered(&self, who: &Who) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(figures) = all.get_mut(who) {
            figures.undelivered = None;
        }
    }

    pub fn list(&self) -> HashMap<Who, ClientView> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(who, figures)| (who.clone(), figures.view())).collect()
    }

    /// When something went well last, by the name of its `[[client]]`; in seconds since 1970.
    pub fn last_success(&self, name: &str) -> Option<u64> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&Who::Rule(name.to_owned()))?.success.as_ref().map(|success| success.at)
    }

    fn change(&self, who: &Who, change: impl FnOnce(&mut Figures)) {
        self.change_at(who, now(), change);
    }

    fn change_at(&self, who: &Who, at: u64, change: impl FnOnce(&mut Figures)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= CAP && !all.contains_key(who) {
            let oldest = all.iter().min_by_key(|(_, figures)| figures.seen_at).map(|(who, _)| who.clone());
            oldest.and_then(|oldest| all.remove(&oldest));
        }
        let figures = all.entry(who.clone()).or_default();
        figures.seen_at = at;
        change(figures);
    }
}

impl Figures {
    fn view(&self) -> ClientView {
        ClientView {
            seen_at: self.seen_at,
            contact: self.contact.clone(),
            success: self.success.clone(),
            refusal: self.refusal.clone(),
            undelivered: self.undelivered.clone(),
            refused_message: self.refused_message.clone(),
            standing: self.refused_message.clone().filter(|_| self.stands),
            hours: self.messages.hours(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_keeps_its_last_success_beside_its_last_refusal_and_counts_messages_alone() {
        let clients = Clients::default();
        let copier = Who::Rule("copier".into());
        let named = Named { sender: "a@x".into(), message_id: "<1@x>".into(), queue_id: None };
        clients.went_well(&copier, "signed on".into(), None);
        clients.went_well(&copier, "250 2.0.0 OK".into(), Some(named.clone()));
        clients.was_refused(&copier, "550 5.7.1 no".into(), Some(named));
        clients.was_refused(&copier, "535 5.7.8 no".into(), None);
        let view = clients.list().remove(&copier).unwrap();
        assert_eq!(view.success.unwrap().reply, "250 2.0.0 OK");
        assert_eq!(view.refusal.unwrap().reply, "535 5.7.8 no");
        assert_eq!(view.hours[23], Hour { accepted: 1, failed: 1 });
        assert!(clients.last_success("copier").is_some() && clients.last_success("other").is_none());
    }

    #[test]
    fn a_login_does_not_end_the_refusal_of_a_message_and_a_message_does() {
        let clients = Clients::default();
        let copier = Who::Rule("copier".into());
        let named = Named { sender: "a@x".into(), message_id: "<1@x>".into(), queue_id: None };
        let is_refused = || clients.list()[&copier].standing.is_some();
        clients.was_refused(&copier, "550 5.7.1 no".into(), Some(named.clone()));
        clients.went_well(&copier, "signed on".into(), None);
        assert!(is_refused());
        clients.went_well(&copier, "250 2.0.0 OK".into(), Some(named));
        assert!(!is_refused());
        // A command has no message to be named by, and a login that is refused later is no word about it.
        clients.was_refused(&copier, "550 5.7.1 no sender".into(), None);
        let tried =
            Contact { protocol: "smtp", peer: std::net::Ipv4Addr::LOCALHOST.into(), tls: None, mechanism: None };
        clients.was_turned_away(&copier, "535 5.7.8 no".into(), tried);
        clients.went_well(&copier, "signed on".into(), None);
        let view = clients.list().remove(&copier).unwrap();
        assert_eq!(view.standing.unwrap().reply, "550 5.7.1 no sender");
        assert_eq!(view.refused_message.unwrap().reply, "550 5.7.1 no sender");
        assert_eq!(view.refusal.unwrap().reply, "535 5.7.8 no");
    }

    #[test]
    fn a_login_of_the_same_name_is_somebody_else() {
        let clients = Clients::default();
        clients.went_well(&Who::Login("copier".into()), "250 OK".into(), None);
        assert_eq!(clients.last_success("copier"), None);
    }

    #[test]
    fn the_one_that_was_not_seen_for_the_longest_makes_room() {
        let clients = Clients::default();
        for n in 0..CAP as u64 {
            clients.change_at(&Who::Login(n.to_string()), 1000 + n, |_| {});
        }
        clients.change_at(&Who::Login("0".into()), 9000, |_| {});
        clients.change_at(&Who::Rule("new".into()), 9001, |_| {});
        let list = clients.list();
        assert_eq!(list.len(), CAP);
        assert!(list.contains_key(&Who::Login("0".into())) && !list.contains_key(&Who::Login("1".into())));
    }
}
