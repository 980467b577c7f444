//! Who may have a connection: budgets for the whole daemon, per listener and per client address.
//!
//! When a budget is full, the oldest connection in it that has not signed on is asked to leave, so that silent
//! connections cannot keep honest ones out (hardening 8). Those that have signed on are never asked.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

#[derive(Clone, Copy, Debug)]
pub struct AdmissionLimits {
    pub total: usize,
    /// Connections from one address (IPv6: one /64) that have not signed on; loopback has no such bound.
    pub per_address: usize,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self { total: 20_000, per_address: 100 }
    }
}

/// Which budget was full of signed-on connections. That of an address counts none of them, and always has room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    Total,
    Listener,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Full::Total => "too many connections in all",
            Full::Listener => "max-connections of the listener is reached",
        })
    }
}

/// The books; cloning shares them.
#[derive(Clone)]
pub struct Admission {
    limits: AdmissionLimits,
    books: Arc<Mutex<Books>>,
}

/// A connection's place; dropping it frees the place.
pub struct Seat {
    admission: Admission,
    number: u64,
    evicted: CancellationToken,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Scope {
    Total,
    Listener(usize),
    Address(IpAddr),
}

#[derive(Default)]
struct Books {
    next: u64,
    seats: HashMap<u64, Entry>,
    scopes: HashMap<Scope, Tally>,
}

struct Entry {
    scopes: Vec<Scope>,
    evicted: CancellationToken,
}

#[derive(Default)]
struct Tally {
    open: usize,
    /// Not signed on, by age (numbers grow).
    waiting: BTreeSet<u64>,
}

impl Admission {
    pub fn new(limits: AdmissionLimits) -> Self {
        Self { limits, books: Arc::default() }
    }

    /// A seat at `listener` (whose own budget is `max`). `from` is left out where a PROXY header will name the
    /// client: then [`Seat::locate`] follows.
    pub fn admit(&self, listener: usize, max: usize, from: Option<IpAddr>) -> Result<Seat, Full> {
        let mut books = self.books();
        let number = books.next;
        books.next += 1;
        let evicted = CancellationToken::new();
        books.seats.insert(number, Entry { scopes: Vec::with_capacity(3), evicted: evicted.clone() });
        let seat = Seat { admission: self.clone(), number, evicted };
        let rows = [(Scope::Total, self.limits.total, Full::Total), (Scope::Listener(listener), max, Full::Listener)];
        let full = rows.into_iter().find(|(scope, cap, _)| !books.enter(number, *scope, *cap));
        drop(books);
        if let Some((.., full)) = full {
            return Err(full);
        }
        if let Some(address) = from {
            seat.locate(address);
        }
        Ok(seat)
    }

    /// Connections that have a seat now.
    pub fn open(&self) -> usize {
        self.books().seats.len()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Cancelled when the connection has to make room; until then it pends.
    pub fn evicted(&self) -> &CancellationToken {
        &self.evicted
    }

    /// The client's password was right: from now on it is never asked to leave.
    pub fn authenticated(&self) {
        self.admission.books().settle(self.number);
    }

    /// Names the client's address once a PROXY header told it. The oldest from there may have to leave for it.
    pub fn locate(&self, address: IpAddr) {
        if let Some(scope) = address_scope(address) {
            self.admission.books().enter(self.number, scope, self.admission.limits.per_address);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.admission.books().leave(self.number);
    }
}

impl Books {
    /// Counts the seat in one more scope; makes room there if it is full and somebody is waiting.
    fn enter(&mut self, number: u64, scope: Scope, cap: usize) -> bool {
        // One that was asked to leave meanwhile takes no room of another, and nobody takes room twice.
        if self.seats.get(&number).is_none_or(|entry| entry.scopes.contains(&scope)) {
            return true;
        }
        let tally = self.scopes.entry(scope).or_default();
        if tally.open >= cap {
            let Some(&oldest) = tally.waiting.first() else {
                if tally.open == 0 {
                    self.scopes.remove(&scope);
                }
                return false;
            };
            if let Some(evicted) = self.leave(oldest) {
                evicted.cancel();
            }
        }
        if let Some(entry) = self.seats.get_mut(&number) {
            entry.scopes.push(scope);
        }
        let tally = self.scopes.entry(scope).or_default();
        tally.open += 1;
        tally.waiting.insert(number);
        true
    }

    /// Signed on, it is nobody's to evict, and leaves the budget of its address: a whole office may stand behind one.
    fn settle(&mut self, number: u64) {
        let Some(entry) = self.seats.get_mut(&number) else { return };
        let scopes = std::mem::take(&mut entry.scopes);
        let (of_address, others): (Vec<_>, Vec<_>) =
            scopes.into_iter().partition(|scope| matches!(scope, Scope::Address(_)));
        for scope in &others {
            if let Some(tally) = self.scopes.get_mut(scope) {
                tally.waiting.remove(&number);
            }
        }
        entry.scopes = others;
        of_address.iter().for_each(|scope| self.strike(number, *scope));
    }

    /// Takes the seat off the books. One that was evicted is off already when its guard drops.
    fn leave(&mut self, number: u64) -> Option<CancellationToken> {
        let entry = self.seats.remove(&number)?;
        entry.scopes.iter().for_each(|scope| self.strike(number, *scope));
        Some(entry.evicted)
    }

    fn strike(&mut self, number: u64, scope: Scope) {
        let Some(tally) = self.scopes.get_mut(&scope) else { return };
        tally.open -= 1;
        tally.waiting.remove(&number);
        if tally.open == 0 {
            self.scopes.remove(&scope);
        }
    }
}

/// Where budgets and guesses are counted: IPv4 as it is, IPv6 by its /64, since a single machine has a whole one.
pub fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX)).into(),
        other => other,
    }
}

/// Loopback has no budget of its own.
fn address_scope(address: IpAddr) -> Option<Scope> {
    Some(client_network(address)).filter(|network| !network.is_loopback()).map(Scope::Address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(total: usize, per_address: usize) -> Admission {
        Admission::new(AdmissionLimits { total, per_address })
    }

    fn ip(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    #[test]
    fn the_oldest_that_has_not_signed_on_makes_room() {
        let admission = admission(100, 100);
        let signed_on = admission.admit(0, 3, ip("192.0.2.1")).unwrap();
        signed_on.authenticated();
        let oldest = admission.admit(0, 3, ip("192.0.2.2")).unwrap();
        let younger = admission.admit(0, 3, ip("192.0.2.3")).unwrap();
        let newcomer = admission.admit(0, 3, ip("192.0.2.4")).unwrap();
        assert!(oldest.evicted().is_cancelled());
        for seat in [&signed_on, &younger, &newcomer] {
            assert!(!seat.evicted().is_cancelled());
        }
        assert_eq!(admission.open(), 3);
        drop(oldest);
        assert_eq!(admission.open(), 3, "an evicted seat is not given back twice");
    }

    #[test]
    fn full_of_signed_on_connections_means_no() {
        let admission = admission(2, 100);
        let seats: Vec<_> = (0..2).map(|n| admission.admit(n, 10, ip("192.0.2.1")).unwrap()).collect();
        seats.iter().for_each(Seat::authenticated);
        assert_eq!(admission.admit(5, 10, ip("192.0.2.9")).err(), Some(Full::Total));
        assert_eq!(admission.open(), 2, "a refused one leaves no trace");
        drop(seats);
        assert!(admission.admit(5, 10, ip("192.0.2.9")).is_ok());
    }

    #[test]
    fn an_address_has_a_budget_of_its_own_but_loopback_has_not() {
        let admission = admission(100, 2);
        let mine: Vec<_> = (0..2).map(|_| admission.admit(0, 50, ip("192.0.2.1")).unwrap()).collect();
        let newcomer = admission.admit(0, 50, ip("::ffff:192.0.2.1")).unwrap();
        let evicted = [&mine[0], &mine[1], &newcomer].map(|seat| seat.evicted().is_cancelled());
        assert_eq!(evicted, [true, false, false]);
        assert!(admission.admit(0, 50, ip("192.0.2.2")).is_ok());
        let twice = admission.admit(0, 50, ip("192.0.2.3")).unwrap();
        twice.locate("192.0.2.3".parse().unwrap());
        let beside = admission.admit(0, 50, ip("192.0.2.3")).unwrap();
        assert!(
            !twice.evicted().is_cancelled() && !beside.evicted().is_cancelled(),
            "whoever is located twice counts once"
        );
        let local: Vec<_> = (0..10).map(|_| admission.admit(0, 50, ip("127.0.0.1")).unwrap()).collect();
        assert!(local.iter().all(|seat| !seat.evicted().is_cancelled()));
    }

    #[test]
    fn an_office_behind_one_address_has_as_many_sessions_as_the_listener_takes() {
        let admission = admission(1000, 2);
        let office: Vec<_> = (0..50).map(|_| admission.admit(0, 50, ip("192.0.2.1")).unwrap()).collect();
        office.iter().skip(48).for_each(|seat| assert!(!seat.evicted().is_cancelled()));
        drop(office);
        let signed_on = |_| {
            let seat = admission.admit(0, 50, ip("192.0.2.1")).unwrap();
            seat.authenticated();
            seat
        };
        let office: Vec<_> = (0..50).map(signed_on).collect();
        assert!(office.iter().all(|seat| !seat.evicted().is_cancelled()));
        assert_eq!(admission.admit(0, 50, ip("192.0.2.1")).err(), Some(Full::Listener));
    }

    #[test]
    fn one_that_makes_room_before_a_proxy_named_it_takes_none_from_its_address() {
        let admission = admission(100, 1);
        let unnamed = admission.admit(0, 1, None).unwrap();
        let other = admission.admit(0, 1, ip("192.0.2.1")).unwrap();
        assert!(unnamed.evicted().is_cancelled());
        unnamed.locate("192.0.2.1".parse().unwrap());
        assert!(!other.evicted().is_cancelled());
    }

    #[test]
    fn a_whole_ipv6_subnet_counts_as_one_client() {
        let admission = admission(100, 1);
        let first = admission.admit(0, 50, ip("2001:db8::1")).unwrap();
        let _second = admission.admit(0, 50, ip("2001:db8::2")).unwrap();
        assert!(first.evicted().is_cancelled());
        assert!(admission.admit(0, 50, ip("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn nothing_stays_on_the_books() {
        let admission = admission(10, 10);
        for _ in 0..100 {
            let seat = admission.admit(0, 5, None).unwrap();
            seat.locate("192.0.2.7".parse().unwrap());
            seat.authenticated();
        }
        let books = admission.books();
        assert!(books.seats.is_empty() && books.scopes.is_empty());
    }
}
