//! Where sessions ask for a bearer: the shared side of one keeper.
//!
//! A session sees the token of now or waits; it can be dropped at any moment without a trace, and a thousand of them
//! ring the same bell. Nothing but a short-lived bearer passes over this counter. The keeper owns the desk: when it is
//! gone, whoever waits hears so at once. No token is handed out while a look at the store is asked for and not taken,
//! since it may be a logout that is to be seen there; and no refusal from before counts once somebody said that it was mended.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use super::{
    SignIn,
    clock::{Clock, Expiry},
    state::SignInState,
};
use crate::base::{Bearer, Fault, Secret};

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
    /// Why the last token that was refused was not replaced; belongs to the last of `replacements`.
    pub refusal: Option<Fault>,
    /// Counts the answers to sessions that want a token; who waits reads `fault` once it has grown.
    pub answers: u64,
    /// Counts the answers to sessions whose token was refused.
    pub replacements: u64,
    /// The number of the last look at the store that was taken.
    pub looks: u64,
    /// The number of the last wish that was heard to believe no refusal from before.
    pub afresh: u64,
    pub state: SignInState,
}

/// What a session asks for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Want {
    AnyToken,
    /// An upstream refused the token of this generation.
    NewerThan(u64),
}

/// Why a session gets no bearer here.
#[derive(Debug)]
pub(super) enum NoBearer {
    Fault(Fault),
    /// The keeper is gone: replaced by a new one, or dead.
    KeeperGone,
}

pub(super) struct Counter {
    desk: watch::Receiver<Desk>,
    bell: Arc<Notify>,
    clock: Clock,
    wanted: AtomicBool,
    refused: AtomicU64,
    /// The highest generation that an upstream took.
    accepted: AtomicU64,
    /// The same with which the mailbox of the one who was meant was opened.
    let_in: AtomicU64,
    /// Numbers the looks at the store that were asked for.
    looks: AtomicU64,
    /// Somebody took a token since the last fetch.
    used: AtomicBool,
    /// Numbers how often a person mended something elsewhere, perhaps.
    afresh: AtomicU64,
    /// While something stood in the way of a token, an upstream let the sign-in go on.
    goes_on: AtomicBool,
}

/// What rang the bell.
pub(super) struct Wishes {
    pub wanted: bool,
    /// The highest generation that an upstream refused; 0: none.
    pub refused: u64,
    /// The number of the last look at the store that was asked for: another process may have changed it.
    pub look: u64,
    /// The number of the last time that somebody said so: what was refused before may be granted now.
    pub afresh: u64,
    /// Mail flows, whatever was said to the last request for a token.
    pub goes_on: bool,
}

impl Counter {
    /// The counter, and the desk behind it, which belongs to the keeper.
    pub fn new(state: SignInState, clock: Clock) -> (Self, watch::Sender<Desk>) {
        Self::with(state, clock, Arc::default())
    }

    /// Another one of the same keeper, for another resource; both ring one bell.
    pub fn beside(&self) -> (Self, watch::Sender<Desk>) {
        Self::with(SignInState::default(), self.clock.clone(), self.bell.clone())
    }

    fn with(state: SignInState, clock: Clock, bell: Arc<Notify>) -> (Self, watch::Sender<Desk>) {
        let desk =
            Desk { held: None, fault: None, refusal: None, answers: 0, replacements: 0, looks: 0, afresh: 0, state };
        let (keepers_side, desk) = watch::channel(desk);
        let counter = Self {
            desk,
            bell,
            clock,
            wanted: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            let_in: AtomicU64::new(0),
            looks: AtomicU64::new(0),
            used: AtomicBool::new(false),
            afresh: AtomicU64::new(0),
            goes_on: AtomicBool::new(false),
        };
        (counter, keepers_side)
    }

    /// Waits for the token or for the reason why there is none; the caller keeps the deadline.
    pub async fn bearer(&self, want: Want) -> Result<Bearer, NoBearer> {
        if matches!(want, Want::AnyToken) {
            self.used.store(true, Ordering::SeqCst);
        }
        let look = self.looks.load(Ordering::SeqCst);
        let afresh = self.afresh.load(Ordering::SeqCst);
        let mut view = self.desk.clone();
        let mut seen = want.answers(&view.borrow());
        loop {
            {
                let desk = view.borrow_and_update();
                if desk.looks >= look {
                    if let Some(held) = desk.held.as_ref().filter(|held| self.serves(held, want)) {
                        return Ok(Bearer { token: held.token.clone(), generation: held.generation });
                    }
                    if want.answers(&desk) > seen {
                        // No reason is there: that answer was somebody else's, so it is asked again.
                        seen = want.answers(&desk);
                        if let Some(fault) = want.why_not(&desk).filter(|_| desk.afresh >= afresh) {
                            return Err(NoBearer::Fault(fault));
                        }
                    }
                }
            }
            self.ask(want);
            view.changed().await.map_err(|_| NoBearer::KeeperGone)?;
        }
    }

    fn serves(&self, held: &Held, want: Want) -> bool {
        let new_enough = match want {
            Want::AnyToken => true,
            Want::NewerThan(refused) => held.generation > refused,
        };
        new_enough && self.clock.left(held.expiry) > held.grace
    }

    fn ask(&self, want: Want) {
        match want {
            Want::AnyToken => self.wanted.store(true, Ordering::SeqCst),
            Want::NewerThan(refused) => {
                self.refused.fetch_max(refused, Ordering::SeqCst);
            }
        }
        self.bell.notify_one();
    }

    /// An upstream took the token of this generation.
    pub fn accepted(&self, generation: u64) {
        self.accepted.fetch_max(generation, Ordering::SeqCst);
        self.goes_on();
    }

    /// An upstream serves this sign-in, with the token in hand or on a connection from before. Where a token was refused, and
    /// that may be past, the keeper looks whether it is.
    pub fn goes_on(&self) {
        if self.desk.borrow().fault.is_some() {
            self.goes_on.store(true, Ordering::SeqCst);
            self.bell.notify_one();
        }
    }

    /// Has the keeper note that a mail server let in who gave this sign-in, where that was in doubt.
    pub fn let_in(&self, sign_in: &SignIn, generation: u64) {
        self.let_in.fetch_max(generation, Ordering::SeqCst);
        if self.desk.borrow().state.in_doubt(sign_in).is_some() {
            self.bell.notify_one();
        }
    }

    /// From now on no token is handed out before the keeper has looked.
    pub fn look_at_store(&self) {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.bell.notify_one();
    }

    /// A refusal that is remembered keeps nobody from asking once more, and is no answer to who asks from now on.
    pub fn ask_afresh(&self) {
        self.afresh.fetch_add(1, Ordering::SeqCst);
        self.bell.notify_one();
    }

    /// Waits until every look at the store that was asked for is taken; the caller keeps the deadline.
    pub async fn caught_up(&self) {
        let look = self.looks.load(Ordering::SeqCst);
        // A keeper that is gone looks no more.
        let _ = self.desk.clone().wait_for(|desk| desk.looks >= look).await;
    }

    pub fn state(&self) -> SignInState {
        self.desk.borrow().state.clone()
    }

    pub fn signed_in_at(&self) -> Option<Timestamp> {
        self.desk.borrow().state.signed_in_at
    }

    // The keeper's side.

    pub async fn rung(&self) {
        self.bell.notified().await;
    }

    pub fn take_wishes(&self) -> Wishes {
        Wishes {
            wanted: self.wanted.swap(false, Ordering::SeqCst),
            refused: self.refused.swap(0, Ordering::SeqCst),
            look: self.looks.load(Ordering::SeqCst),
            afresh: self.afresh.load(Ordering::SeqCst),
            goes_on: self.goes_on.swap(false, Ordering::SeqCst),
        }
    }

    /// Whether an upstream ever took this generation: then a refusal of it is news.
    pub fn was_accepted(&self, generation: u64) -> bool {
        self.accepted.load(Ordering::SeqCst) >= generation
    }

    pub fn was_let_in(&self, generation: u64) -> bool {
        self.let_in.load(Ordering::SeqCst) >= generation
    }

    pub fn was_used(&self) -> bool {
        self.used.load(Ordering::SeqCst)
    }

    pub fn forget_use(&self) {
        self.used.store(false, Ordering::SeqCst);
    }
}

impl Want {
    fn answers(self, desk: &Desk) -> u64 {
        match self {
            Self::AnyToken => desk.answers,
            Self::NewerThan(_) => desk.replacements,
        }
    }

    fn why_not(self, desk: &Desk) -> Option<Fault> {
        match self {
            Self::AnyToken => desk.fault.clone(),
            Self::NewerThan(_) => desk.refusal.clone().or_else(|| desk.fault.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::catalog::token::{FRESH_TOKEN_REFUSED, TOKEN_ENDPOINT_FAILING};

    type Asking = tokio::task::JoinHandle<Result<Bearer, NoBearer>>;

    fn counter() -> (Arc<Counter>, watch::Sender<Desk>) {
        let (counter, desk) = Counter::new(SignInState::default(), Clock::default());
        (Arc::new(counter), desk)
    }

    fn held(generation: u64) -> Held {
        let clock = Clock::default();
        let expiry = clock.expiry(clock.wall() + Duration::from_secs(3600));
        let (grace, ahead) = (Duration::from_secs(30), Duration::from_secs(600));
        Held { token: Secret::new("token"), generation, expiry, grace, ahead }
    }

    /// A session that asks; it has rung the bell when this returns.
    async fn asking(counter: &Arc<Counter>, want: Want) -> Asking {
        let asked = counter.clone();
        let session = tokio::spawn(async move { asked.bearer(want).await });
        counter.rung().await;
        session
    }

    async fn fault_of(session: Asking) -> &'static str {
        match session.await.unwrap() {
            Err(NoBearer::Fault(fault)) => fault.id,
            other => panic!("no fault: {other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_hears_at_once_that_the_keeper_is_gone() {
        let (counter, desk) = counter();
        let session = asking(&counter, Want::AnyToken).await;
        drop(desk);
        assert!(matches!(session.await.unwrap(), Err(NoBearer::KeeperGone)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_without_a_reason_is_asked_again() {
        let (counter, desk) = counter();
        let session = asking(&counter, Want::NewerThan(7)).await;
        // The reason of the answer is gone already: a later answer to somebody else took its place.
        desk.send_modify(|desk| desk.replacements += 2);
        counter.rung().await;
        assert_eq!(counter.take_wishes().refused, 7);
        desk.send_modify(|desk| {
            desk.replacements += 1;
            desk.refusal = Some(FRESH_TOKEN_REFUSED.fault());
        });
        assert_eq!(fault_of(session).await, "fresh-token-refused");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_from_before_somebody_said_that_it_was_mended_answers_nobody_who_asks_behind_that() {
        let (counter, desk) = counter();
        let early = asking(&counter, Want::AnyToken).await;
        counter.ask_afresh();
        counter.rung().await;
        let late = asking(&counter, Want::AnyToken).await;
        let refused = |desk: &mut Desk| {
            desk.answers += 1;
            desk.fault = Some(TOKEN_ENDPOINT_FAILING.fault());
        };
        desk.send_modify(refused);
        assert_eq!(fault_of(early).await, "token-endpoint-failing");
        counter.rung().await;
        assert!(!late.is_finished());
        desk.send_modify(|desk| {
            refused(desk);
            desk.afresh = counter.take_wishes().afresh;
        });
        assert_eq!(fault_of(late).await, "token-endpoint-failing");
        desk.send_modify(|desk| desk.held = Some(held(1)));
        counter.ask_afresh();
        assert!(counter.bearer(Want::AnyToken).await.is_ok(), "a token is a token");
    }

    #[tokio::test(start_paused = true)]
    async fn no_token_is_handed_out_before_a_look_that_was_asked_for() {
        let (counter, desk) = counter();
        desk.send_modify(|desk| desk.held = Some(held(1)));
        assert!(counter.bearer(Want::AnyToken).await.is_ok());
        counter.look_at_store();
        counter.rung().await;
        for want in [Want::AnyToken, Want::NewerThan(0)] {
            let session = asking(&counter, want).await;
            let look = counter.take_wishes().look;
            // An answer from before the look is none either.
            desk.send_modify(|desk| {
                (desk.answers, desk.replacements) = (desk.answers + 1, desk.replacements + 1);
                desk.fault = Some(TOKEN_ENDPOINT_FAILING.fault());
            });
            counter.rung().await;
            assert!(!session.is_finished());
            desk.send_modify(|desk| (desk.held, desk.looks) = (None, look));
            assert_eq!(fault_of(session).await, "token-endpoint-failing");
            desk.send_modify(|desk| (desk.held, desk.looks, desk.fault) = (Some(held(1)), look - 1, None));
        }
    }
}
