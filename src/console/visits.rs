//! Who looks at the pages: a cookie for each visit, and the one-time tickets that begin one without a password.
//!
//! All of it lives in memory and ends with the daemon. A visit's forms carry a word of its own (CSRF): another site can
//! make a browser send the cookie, and cannot read the word.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::base::Secret;

const COOKIE: &str = "gatepost-visit";
/// A visit that nobody used for this long is over.
const IDLE: Duration = Duration::from_secs(12 * 3600);
const TICKET_LIFE: Duration = Duration::from_secs(600);
/// Beyond it the one that was idle longest is over.
const VISITS_CAP: usize = 200;
const TICKETS_CAP: usize = 50;

#[derive(Default)]
pub struct Visits {
    open: Mutex<HashMap<String, Open>>,
    tickets: Mutex<HashMap<String, Ticket>>,
}

struct Ticket {
    end: Instant,
    holder: Holder,
}

/// Who may use a ticket.
#[derive(Debug, Clone, Copy)]
pub enum Holder {
    /// Whoever has it: it was shown to one person.
    Anybody,
    /// One user of this machine: it stands where others could read it, in the arguments of a program that opens it.
    User(u32),
}

struct Open {
    form: Secret,
    used: Instant,
}

/// A visit as a page sees it.
#[derive(Debug, Clone)]
pub struct Visit {
    /// What its forms carry.
    pub form: Secret,
    key: String,
}

impl Visits {
    /// A word that opens the console once, within ten minutes. `None` if the system gives no random bytes.
    pub fn ticket(&self, holder: Holder) -> Option<String> {
        let ticket = super::access::random_word()?;
        let (mut tickets, now) = (locked(&self.tickets), Instant::now());
        tickets.retain(|_, ticket| ticket.end > now);
        if tickets.len() >= TICKETS_CAP {
            tickets.clear();
        }
        tickets.insert(ticket.clone(), Ticket { end: now + TICKET_LIFE, holder });
        Some(ticket)
    }

    /// True once for each ticket. `uid`: the user who shows it, where the system tells. Somebody else's is left as it is.
    pub fn takes(&self, ticket: &str, uid: impl FnOnce() -> Option<u32>) -> bool {
        let mut tickets = locked(&self.tickets);
        let Some(found) = tickets.get(ticket) else { return false };
        if let Holder::User(holder) = found.holder
            && uid() != Some(holder)
        {
            return false;
        }
        tickets.remove(ticket).is_some_and(|found| found.end > Instant::now())
    }

    /// Begins a visit: the value of its `Set-Cookie` header.
    pub fn begin(&self) -> Option<String> {
        let (key, form) = (super::access::random_word()?, super::access::random_word()?);
        let (mut open, now) = (locked(&self.open), Instant::now());
        open.retain(|_, visit| now - visit.used < IDLE);
        if open.len() >= VISITS_CAP
            && let Some(oldest) = open.iter().min_by_key(|(_, visit)| visit.used).map(|(key, _)| key.clone())
        {
            open.remove(&oldest);
        }
        open.insert(key.clone(), Open { form: Secret::new(form), used: now });
        // Lax, not Strict: the page at which a browser sign-in ends leads back here.
        Some(format!("{COOKIE}={key}; Path=/; HttpOnly; SameSite=Lax"))
    }

    /// The visit that a `Cookie` header names.
    pub fn find(&self, cookies: &str) -> Option<Visit> {
        let named = cookies.split(';').filter_map(|one| one.trim().split_once('='));
        let (_, key) = named.into_iter().find(|(name, _)| *name == COOKIE)?;
        let (mut open, now) = (locked(&self.open), Instant::now());
        let visit = open.get_mut(key).filter(|visit| now - visit.used < IDLE)?;
        visit.used = now;
        Some(Visit { form: visit.form.clone(), key: key.to_owned() })
    }

    /// With the password goes whoever came in by it; a link may have been asked for by it, too.
    pub fn end_all(&self) {
        locked(&self.tickets).clear();
        locked(&self.open).clear();
    }

    pub fn end(&self, visit: &Visit) {
        locked(&self.open).remove(&visit.key);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(set: &str) -> &str {
        set.split(';').next().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_ticket_opens_once_and_for_ten_minutes() {
        let visits = Visits::default();
        let [first, second] = [(); 2].map(|()| visits.ticket(Holder::Anybody).unwrap());
        assert_eq!([&first, &first, ""].map(|ticket| visits.takes(ticket, || None)), [true, false, false]);
        tokio::time::advance(TICKET_LIFE).await;
        assert!(!visits.takes(&second, || None));
    }

    #[tokio::test]
    async fn a_ticket_of_one_user_is_of_no_use_to_another_and_stays_good() {
        let visits = Visits::default();
        let ticket = visits.ticket(Holder::User(1000)).unwrap();
        let shown = [Some(1001), None, Some(1000), Some(1000)].map(|uid| visits.takes(&ticket, || uid));
        assert_eq!(shown, [false, false, true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_visit_is_known_by_its_cookie_until_it_ends_or_is_idle() {
        let visits = Visits::default();
        let set = visits.begin().unwrap();
        let found = visits.find(&format!("theme=dark; {}", cookie(&set))).unwrap();
        assert!(visits.find(cookie(&set)).unwrap().form.matches(&found.form));
        assert!(visits.find("gatepost-visit=guess").is_none() && visits.find("").is_none());
        visits.end(&found);
        assert!(visits.find(cookie(&set)).is_none());
        let set = visits.begin().unwrap();
        tokio::time::advance(IDLE).await;
        assert!(visits.find(cookie(&set)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn visits_have_a_bound_and_the_one_idle_longest_makes_room() {
        let visits = Visits::default();
        let first = visits.begin().unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        let second = visits.begin().unwrap();
        for _ in 2..=VISITS_CAP {
            visits.begin().unwrap();
        }
        assert_eq!((visits.find(cookie(&first)).is_some(), visits.find(cookie(&second)).is_some()), (false, true));
    }
}
