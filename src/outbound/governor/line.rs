//! A line that is fair between clients: first come, first served within one of them, and each of them in turn.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::Notify;

/// Those of one client, first come first.
struct Group {
    client: String,
    waiting: VecDeque<Place>,
}

struct Place {
    id: u64,
    bell: Arc<Notify>,
    /// What it waits for has to be of this sign-in.
    sign_in: String,
    /// It does something about what it waits for.
    dials: bool,
}

#[derive(Default)]
pub(super) struct Line {
    /// Whose turn it is stands first.
    groups: VecDeque<Group>,
    last: u64,
}

impl Line {
    /// Stands in line; the bell rings when it may be one's turn.
    pub(super) fn enter(&mut self, client: &str, sign_in: &str) -> (u64, Arc<Notify>) {
        self.last += 1;
        let bell = Arc::new(Notify::new());
        let place = Place { id: self.last, bell: bell.clone(), sign_in: sign_in.to_owned(), dials: false };
        match self.groups.iter_mut().find(|group| group.client == client) {
            Some(group) => group.waiting.push_back(place),
            None => {
                let waiting = VecDeque::from([place]);
                self.groups.push_back(Group { client: client.to_owned(), waiting });
            }
        }
        (self.last, bell)
    }

    /// Nobody just waits for what others leave.
    pub(super) fn all_dial(&self) -> bool {
        self.next_to_dial().is_none()
    }

    pub(super) fn is_first(&self, id: u64) -> bool {
        self.first().is_some_and(|place| place.id == id)
    }

    pub(super) fn sign_in(&self, id: u64) -> &str {
        self.places().find(|place| place.id == id).map(|place| &*place.sign_in).unwrap_or_default()
    }

    /// The first of those who wait for the same.
    pub(super) fn is_first_of(&self, id: u64, sign_in: &str) -> bool {
        self.first_of(sign_in).is_some_and(|place| place.id == id)
    }

    pub(super) fn ring_first_of(&self, sign_in: &str) {
        self.first_of(sign_in).into_iter().for_each(|place| place.bell.notify_one());
    }

    pub(super) fn is_next_to_dial(&self, id: u64) -> bool {
        self.next_to_dial().is_some_and(|place| place.id == id)
    }

    pub(super) fn set_dials(&mut self, id: u64, dials: bool) {
        let places = self.groups.iter_mut().flat_map(|group| &mut group.waiting);
        places.filter(|place| place.id == id).for_each(|place| place.dials = dials);
    }

    /// It had its turn, and with it its client: the next client's comes.
    pub(super) fn served(&mut self, id: u64) {
        let at = self.groups.iter().position(|group| group.waiting.iter().any(|place| place.id == id));
        let Some(group) = at.and_then(|at| self.groups.remove(at)) else { return };
        self.groups.push_back(group);
        self.leave(id);
    }

    /// Gives the place up.
    pub(super) fn leave(&mut self, id: u64) {
        for group in &mut self.groups {
            group.waiting.retain(|place| place.id != id);
        }
        self.groups.retain(|group| !group.waiting.is_empty());
    }

    /// Rings for those whose turn it may be: they look what there is.
    pub(super) fn ring(&self) {
        for place in self.first().into_iter().chain(self.next_to_dial()) {
            place.bell.notify_one();
        }
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        self.groups.iter().flat_map(|group| &group.waiting)
    }

    fn first_of(&self, sign_in: &str) -> Option<&Place> {
        self.places().find(|place| place.sign_in == sign_in)
    }

    fn first(&self) -> Option<&Place> {
        self.groups.front()?.waiting.front()
    }

    /// Of those who do not dial: the first of the client that dials least.
    fn next_to_dial(&self) -> Option<&Place> {
        let of_each = self.groups.iter().filter_map(|group| {
            let idle = group.waiting.iter().find(|place| !place.dials)?;
            Some((group.waiting.iter().filter(|place| place.dials).count(), idle))
        });
        of_each.min_by_key(|(dialling, _)| *dialling).map(|(_, place)| place)
    }
}
