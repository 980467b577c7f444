//! Who sends for a mailbox at the moment, in order of arrival: Exchange serves the first three
//! (Microsoft's smtp-submission-improvements).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

type Queue = Arc<Mutex<HashMap<String, Vec<u64>>>>;

#[derive(Default)]
pub struct Seats(Queue);

/// A place in the row; given up on drop.
pub struct Seat {
    queue: Queue,
    mailbox: String,
    connection: u64,
}

impl Seats {
    pub fn take(&self, mailbox: &str, connection: u64) -> Seat {
        let mut row = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        row.entry(mailbox.to_owned()).or_default().push(connection);
        Seat { queue: self.0.clone(), mailbox: mailbox.to_owned(), connection }
    }
}

impl Seat {
    /// How many came before.
    pub fn rank(&self) -> usize {
        let row = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let before = row.get(&self.mailbox).and_then(|row| row.iter().position(|one| *one == self.connection));
        before.unwrap_or_default()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut row = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = row.get_mut(&self.mailbox) {
            row.retain(|one| *one != self.connection);
        }
    }
}
