//! A line that is fair between clients: within one of them the lowest number goes first, and each of them has its turn.
//!
//! A place may be taken for somebody who does not look yet whether it is its turn. It keeps those of its own client behind it,
//! and holds up no other.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::Notify;

/// Those of one client, by number.
struct Group {
    client: String,
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
    pub(super) fn enter(&mut self, client: &str, place: Place) {
        match self.groups.iter_mut().find(|group| group.client == client) {
            Some(Group { waiting, .. }) => {
                waiting.insert(waiting.partition_point(|other| other.number < place.number), place);
            }
            None => {
                let waiting = VecDeque::from([place]);
                self.groups.push_back(Group { client: client.to_owned(), waiting });
            }
        }
    }

    /// Somebody just waits for what others leave.
    pub(super) fn lacks(&self) -> bool {
        self.next_to_dial().is_some()
    }

    /// A client beside this one just waits for what others leave, and is promised that now. Once for each that does.
    pub(super) fn promise_beside(&mut self, client: &str) -> bool {
        let others = self.groups.iter_mut().filter(|group| group.client != client);
        let mut of_each = others.filter_map(|group| group.waiting.iter_mut().find(|place| !place.dials));
        let lacks = of_each.find(|place| place.looks && !place.is_promised);
        lacks.map(|place| place.is_promised = true).is_some()
    }

    pub(super) fn is_first(&self, number: u64) -> bool {
        self.first().is_some_and(|place| place.number == number)
    }

    /// Nobody of its client stands behind it.
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

    /// Rings for those behind whom nobody of their client stands.
    pub(super) fn ring_last_ones(&self) {
        self.groups.iter().filter_map(|group| group.waiting.back()).for_each(|place| place.bell.notify_one());
    }

    pub(super) fn is_next_to_dial(&self, number: u64) -> bool {
        self.next_to_dial().is_some_and(|place| place.number == number)
    }

    pub(super) fn set_dials(&mut self, number: u64, dials: bool) {
        self.place(number).into_iter().for_each(|place| place.dials = dials);
    }

    pub(super) fn looks(&mut self, number: u64) {
        self.place(number).into_iter().for_each(|place| (place.looks, place.is_promised) = (true, false));
    }

    /// It had its turn, and with it its client: the next client's comes.
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

    /// Rings for those whose turn it may be: they look what there is.
    pub(super) fn ring(&self) {
        for place in self.first().into_iter().chain(self.next_to_dial()) {
            place.bell.notify_one();
        }
    }

    fn place(&mut self, number: u64) -> Option<&mut Place> {
        self.groups.iter_mut().flat_map(|group| &mut group.waiting).find(|place| place.number == number)
    }

    fn first_of(&self, sign_in: &str) -> Option<&Place> {
        self.first_that(|place| place.sign_in == sign_in)
    }

    fn first(&self) -> Option<&Place> {
        self.first_that(|_| true)
    }

    /// Of the first of each client that are so: the first that looks.
    fn first_that(&self, is_so: impl Fn(&Place) -> bool) -> Option<&Place> {
        let mut of_each = self.groups.iter().filter_map(|group| group.waiting.iter().find(|place| is_so(place)));
        of_each.find(|place| place.looks)
    }

    /// Of those who do not dial: the first of the client that dials least.
    fn next_to_dial(&self) -> Option<&Place> {
        let of_each = self.groups.iter().filter_map(|group| {
            let idle = group.waiting.iter().find(|place| !place.dials).filter(|place| place.looks)?;
            Some((group.waiting.iter().filter(|place| place.dials).count(), idle))
        });
        of_each.min_by_key(|(dialling, _)| *dialling).map(|(_, place)| place)
    }
}
