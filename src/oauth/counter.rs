//! Where sessions ask for a bearer: the shared side of one keeper.
//!
//! A session sees the token of now or waits; it can be dropped at any moment without a trace, and a thousand of them
//! ring the same bell. Nothing but a short-lived bearer passes over this counter.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{Notify, watch};

use super::{
    clock::{Clock, Expiry},
    state::SignInState,
};
use crate::{
    base::{Bearer, Fault, Secret},
    catalog::token::FETCH_UNFINISHED,
};

/// The access token that the keeper holds.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub token: Secret,
    pub generation: u64,
    pub expiry: Expiry,
    /// With less left than this it is not handed out.
    pub grace: std::time::Duration,
    /// With less left than this it is replaced.
    pub ahead: std::time::Duration,
}

/// What the keeper shows.
#[derive(Debug)]
pub(super) struct Desk {
    pub held: Option<Held>,
    /// Why there is no token, or no newer one.
    pub fault: Option<Fault>,
    /// Why a refused token is not replaced.
    pub refusal: Option<Fault>,
    /// Counts the answers to sessions that want a token; who waits reads `fault` once it has grown.
    pub answers: u64,
    /// Counts the answers to sessions whose token was refused.
    pub replacements: u64,
    /// Counts the looks at the store that were asked for.
    pub looks: u64,
    pub state: SignInState,
}

pub(super) struct Counter {
    desk: watch::Sender<Desk>,
    bell: Notify,
    clock: Clock,
    wanted: AtomicBool,
    refused: AtomicU64,
    /// The highest generation that an upstream took.
    accepted: AtomicU64,
    look: AtomicBool,
    /// Somebody took a token since the last fetch.
    used: AtomicBool,
}

/// What rang the bell.
pub(super) struct Wishes {
    pub wanted: bool,
    /// The highest generation that an upstream refused; 0: none.
    pub refused: u64,
    /// Another process may have changed the store.
    pub look: bool,
}

impl Counter {
    pub fn new(state: SignInState, clock: Clock) -> Self {
        let desk = Desk { held: None, fault: None, refusal: None, answers: 0, replacements: 0, looks: 0, state };
        Self {
            desk: watch::Sender::new(desk),
            bell: Notify::new(),
            clock,
            wanted: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            look: AtomicBool::new(false),
            used: AtomicBool::new(false),
        }
    }

    pub async fn bearer(&self) -> Result<Bearer, Fault> {
        let usable = |held: &Held| self.clock.left(held.expiry) > held.grace;
        let ask = || self.wanted.store(true, Ordering::SeqCst);
        self.used.store(true, Ordering::SeqCst);
        self.wait(usable, ask, |desk| desk.answers, |desk| desk.fault.clone()).await
    }

    /// A token newer than `generation`, which an upstream refused.
    pub async fn refused(&self, generation: u64) -> Result<Bearer, Fault> {
        let newer = |held: &Held| held.generation > generation && self.clock.left(held.expiry) > held.grace;
        let ask = || {
            self.refused.fetch_max(generation, Ordering::SeqCst);
        };
        let why_not = |desk: &Desk| desk.refusal.clone().or_else(|| desk.fault.clone());
        self.wait(newer, ask, |desk| desk.replacements, why_not).await
    }

    async fn wait(
        &self,
        good: impl Fn(&Held) -> bool,
        ask: impl Fn(),
        answers: impl Fn(&Desk) -> u64,
        why_not: impl Fn(&Desk) -> Option<Fault>,
    ) -> Result<Bearer, Fault> {
        let mut view = self.desk.subscribe();
        let seen = answers(&view.borrow());
        loop {
            {
                let desk = view.borrow_and_update();
                if let Some(held) = desk.held.as_ref().filter(|held| good(held)) {
                    return Ok(Bearer { token: held.token.clone(), generation: held.generation });
                }
                if answers(&desk) > seen {
                    return Err(why_not(&desk).unwrap_or_else(|| FETCH_UNFINISHED.fault()));
                }
            }
            ask();
            self.bell.notify_one();
            if view.changed().await.is_err() {
                return Err(FETCH_UNFINISHED.fault());
            }
        }
    }

    /// Waits until the keeper has looked at the store.
    pub async fn looked(&self) {
        let mut view = self.desk.subscribe();
        let seen = view.borrow_and_update().looks;
        self.look_at_store();
        // An error means that the keeper is gone; the bearer that is asked for next says so.
        let _ = view.wait_for(|desk| desk.looks > seen).await;
    }

    /// An upstream took the token of this generation.
    pub fn accepted(&self, generation: u64) {
        self.accepted.fetch_max(generation, Ordering::SeqCst);
    }

    pub fn look_at_store(&self) {
        self.look.store(true, Ordering::SeqCst);
        self.bell.notify_one();
    }

    pub fn state(&self) -> SignInState {
        self.desk.borrow().state.clone()
    }

    // The keeper's side.

    pub async fn rung(&self) {
        self.bell.notified().await;
    }

    pub fn take_wishes(&self) -> Wishes {
        Wishes {
            wanted: self.wanted.swap(false, Ordering::SeqCst),
            refused: self.refused.swap(0, Ordering::SeqCst),
            look: self.look.swap(false, Ordering::SeqCst),
        }
    }

    /// Whether an upstream ever took this generation: then a refusal of it is news.
    pub fn was_accepted(&self, generation: u64) -> bool {
        self.accepted.load(Ordering::SeqCst) >= generation
    }

    pub fn was_used(&self) -> bool {
        self.used.load(Ordering::SeqCst)
    }

    pub fn forget_use(&self) {
        self.used.store(false, Ordering::SeqCst);
    }

    pub fn show(&self, change: impl FnOnce(&mut Desk)) {
        self.desk.send_modify(change);
    }
}
