//! What a keeper has for one resource: its access token, what stands in the way of a newer one, and where sessions ask.

use std::sync::Arc;

use tokio::{sync::watch, time::Instant};

use crate::{
    base::Fault,
    oauth::{
        counter::{Counter, Desk, Held, Wishes},
        trouble::Trouble,
    },
};

pub(super) struct Side {
    pub counter: Arc<Counter>,
    pub desk: watch::Sender<Desk>,
    pub held: Option<Held>,
    pub generation: u64,
    pub trouble: Option<Trouble>,
    /// The number of the last look at the store that was taken.
    pub looks: u64,
    /// The number of the last wish that was heard to believe no refusal from before.
    pub afresh: u64,
    /// The last fetch that a refusal caused.
    pub refetched: Option<Instant>,
}

impl Side {
    pub fn new(counter: Arc<Counter>, desk: watch::Sender<Desk>) -> Self {
        Self { counter, desk, held: None, generation: 0, trouble: None, looks: 0, afresh: 0, refetched: None }
    }

    /// Another row is in the store, so another token, and another number for it, whatever the one who stored it
    /// counted. What was said to the one before counts no more.
    pub fn forget(&mut self, is_known: bool) {
        self.generation += u64::from(is_known);
        self.held = None;
        self.trouble = None;
        self.refetched = None;
    }

    /// Puts on the desk what is held and why there is no more, and answers those who asked.
    pub fn show(&self, is_sure: bool, fault: Option<Fault>, answered: &Wishes, refusal: Option<Fault>) {
        self.desk.send_modify(|desk| {
            desk.held = self.held.clone().filter(|_| is_sure);
            desk.fault = fault;
            desk.answers += u64::from(answered.wanted);
            if answered.refused > 0 {
                desk.replacements += 1;
                desk.refusal = refusal;
            }
            desk.looks = self.looks;
            desk.afresh = self.afresh;
        });
    }
}
