//! A line that is fair between parties: within one of them the lowest number goes first, and each of them has its turn.
//!
//! A place may be taken for somebody who does not look yet whether it is its turn. It keeps those of its own party behind it,
//! and holds up no other.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::Notify;

/// One of those between whom a line is fair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// All mail that is on disk, and can wait: it goes in an order of its own.
    Queue,
    /// A client by its name, which sits and waits.
    Client(String),
}

impl Party {
    pub(super) const fn is_queue(&self) -> bool {
        matches!(self, Self::Queue)
    }
}

/// Those of one party, by number.
struct Group {
    party: Party,
    waiting: VecDeque<Place>,
}

pub(super) struct Place {
    number: u64,
    bell: Arc<Notify>,
    /// What it waits for has to be of this sign-in.
    sign_in: String,
    /// It does something about what it waits for.
    dials: bool,
    /// It hears its bell.
    looks: bool,
    /// Somebody leaves it what it waits for, and it has not looked since.
    is_promised: bool,
}

impl Place {
    pub(super) fn new(number: u64, sign_in: &str, bell: Arc<Notify>) -> Self {
        Self { number, bell, sign_in: sign_in.to_owned(), dials: false, looks: false, is_promised: false }
    }
}

#[derive(Default)]
pub(super) struct Line {
    /// Whose turn it is stands first.
    groups: VecDeque<Group>,
}

impl Line {
    /// Stands in line; the bell rings when it may be one's turn.
    pub(super) fn enter(&mut self, party: &Party, place: Place) {
        match self.groups.iter_mut().find(|group| group.party == *party) {
            Some(Group { waiting, .. }) => {
                waiting.insert(waiting.partition_point(|other| other.number < place.number), place);
            }
            None => {
                let waiting = VecDeque::from([place]);
                self.groups.push_back(Group { party: party.clone(), waiting });
            }
        }
    }

    /// Somebody just waits for what others leave.
    pub(super) fn lacks(&self) -> bool {
        let mut of_each = self.groups.iter().filter_map(|group| group.waiting.iter().find(|place| !place.dials));
        of_each.any(|place| place.looks)
    }

    /// A party beside this one just waits for what others leave, and is promised that now. Once for each that does.
    pub(super) fn promise_beside(&mut self, party: &Party) -> bool {
        let others = self.groups.iter_mut().filter(|group| group.party != *party);
        let mut of_each = others.filter_map(|group| group.waiting.iter_mut().find(|place| !place.dials));
        let lacks = of_each.find(|place| place.looks && !place.is_promised);
        lacks.map(|place| place.is_promised = true).is_some()
    }

    /// The first of these parties.
    pub(super) fn is_first(&self, number: u64, among: impl Fn(&Party) -> bool) -> bool {
        self.first(among, |_| true).is_some_and(|place| place.number == number)
    }

    pub(super) fn ring_first(&self, among: impl Fn(&Party) -> bool) {
        self.first(among, |_| true).into_iter().for_each(|place| place.bell.notify_one());
    }

    /// Nobody of its party stands behind it.
    pub(super) fn is_last(&self, number: u64) -> bool {
        self.groups.iter().any(|group| group.waiting.back().is_some_and(|place| place.number == number))
    }

    /// The first of those who wait for the same.
    pub(super) fn is_first_of(&self, number: u64, sign_in: &str) -> bool {
        self.first_of(sign_in).is_some_and(|place| place.number == number)
    }

    pub(super) fn ring_first_of(&self, sign_in: &str) {
        self.first_of(sign_in).into_iter().for_each(|place| place.bell.notify_one());
    }

    /// Rings for those behind whom nobody of their party stands.
    pub(super) fn ring_last_ones(&self) {
        self.groups.iter().filter_map(|group| group.waiting.back()).for_each(|place| place.bell.notify_one());
    }

    pub(super) fn ring_next_to_dial(&self, most_of_one: usize) {
        self.next_to_dial(most_of_one).into_iter().for_each(|place| place.bell.notify_one());
    }

    /// `most_of_one`: how many of one sign-in may dial at a time.
    pub(super) fn is_next_to_dial(&self, number: u64, most_of_one: usize) -> bool {
        self.next_to_dial(most_of_one).is_some_and(|place| place.number == number)
    }

    pub(super) fn set_dials(&mut self, number: u64, dials: bool) {
        self.place(number).into_iter().for_each(|place| place.dials = dials);
    }

    pub(super) fn looks(&mut self, number: u64) {
        self.place(number).into_iter().for_each(|place| (place.looks, place.is_promised) = (true, false));
    }

    /// It had its turn, and with it its party: the next one's comes.
    pub(super) fn served(&mut self, number: u64) {
        let at = self.groups.iter().position(|group| group.waiting.iter().any(|place| place.number == number));
        let Some(group) = at.and_then(|at| self.groups.remove(at)) else { return };
        self.groups.push_back(group);
        self.leave(number);
    }

    /// Gives the place up.
    pub(super) fn leave(&mut self, number: u64) {
        for group in &mut self.groups {
            group.waiting.retain(|place| place.number != number);
        }
        self.groups.retain(|group| !group.waiting.is_empty());
    }

    fn place(&mut self, number: u64) -> Option<&mut Place> {
        self.groups.iter_mut().flat_map(|group| &mut group.waiting).find(|place| place.number == number)
    }

    fn first_of(&self, sign_in: &str) -> Option<&Place> {
        self.first(|_| true, |place| place.sign_in == sign_in)
    }

    /// Of the first of each of these parties that are so: the first that looks.
    fn first(&self, among: impl Fn(&Party) -> bool, is_so: impl Fn(&Place) -> bool) -> Option<&Place> {
        let groups = self.groups.iter().filter(|group| among(&group.party));
        let mut of_each = groups.filter_map(|group| group.waiting.iter().find(|place| is_so(place)));
        of_each.find(|place| place.looks)
    }

    /// Of those who do not dial and may: the first of the sign-in, then of the party that dials least.
    fn next_to_dial(&self, most_of_one: usize) -> Option<&Place> {
        let places = || self.groups.iter().flat_map(|group| &group.waiting);
        let dialling = places().filter(|place| place.dials).collect::<Vec<_>>();
        let of_sign_in = |place: &Place| dialling.iter().filter(|other| other.sign_in == place.sign_in).count();
        let of_each = self.groups.iter().filter_map(|group| {
            let idle = group.waiting.iter().find(|place| !place.dials && of_sign_in(place) < most_of_one);
            let idle = idle.filter(|place| place.looks)?;
            let of_party = group.waiting.iter().filter(|place| place.dials).count();
            Some(((of_sign_in(idle), of_party), idle))
        });
        of_each.min_by_key(|(dialling, _)| *dialling).map(|(_, place)| place)
    }
}
