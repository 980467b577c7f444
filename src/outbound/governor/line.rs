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
}

#[derive(Default)]
pub(super) struct Line {
    /// Whose turn it is stands first.
    groups: VecDeque<Group>,
    last: u64,
}

impl Line {
    /// Stands in line; the bell rings when it may be one's turn.
    pub(super) fn enter(&mut self, client: &str) -> (u64, Arc<Notify>) {
        self.last += 1;
        let bell = Arc::new(Notify::new());
        let place = Place { id: self.last, bell: bell.clone() };
        match self.groups.iter_mut().find(|group| group.client == client) {
            Some(group) => group.waiting.push_back(place),
            None => {
                let waiting = VecDeque::from([place]);
                self.groups.push_back(Group { client: client.to_owned(), waiting });
            }
        }
        (self.last, bell)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    pub(super) fn is_first(&self, id: u64) -> bool {
        self.first().is_some_and(|place| place.id == id)
    }

    /// The first had its turn: the next client's comes.
    pub(super) fn served(&mut self) {
        let Some(mut group) = self.groups.pop_front() else { return };
        group.waiting.pop_front();
        if !group.waiting.is_empty() {
            self.groups.push_back(group);
        }
    }

    /// Gives the place up.
    pub(super) fn leave(&mut self, id: u64) {
        for group in &mut self.groups {
            group.waiting.retain(|place| place.id != id);
        }
        self.groups.retain(|group| !group.waiting.is_empty());
    }

    /// Rings for the first, who looks whether there is room.
    pub(super) fn ring(&self) {
        if let Some(place) = self.first() {
            place.bell.notify_one();
        }
    }

    fn first(&self) -> Option<&Place> {
        self.groups.front()?.waiting.front()
    }
}
