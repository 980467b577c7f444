//! The queue as the daemon runs it: opened beside the store, served by the ways out of each configuration, told of
//! sign-ins.

use std::sync::Arc;

use super::StartFault;
use crate::{
    base::{Fault, Stage},
    catalog,
    config::Config,
    meter::Meter,
    oauth::{Keepers, Phase, SignInState},
    outbound::Outbound,
    queue::{MOST_MESSAGES, Orders, Queue, Standing},
    spool::Spool,
    store::Store,
};

/// Takes up what the last process left.
pub(super) async fn open(
    config: &Config,
    store: Arc<Store>,
    outbound: &Arc<Outbound>,
    meter: Meter,
    host: String,
) -> Result<Arc<Queue>, StartFault> {
    let spool = Spool::open_beside(store.path()).map_err(|fault| StartFault::Queue(fault.into()))?;
    let clock = outbound.keepers.clock();
    let queue = Queue::open(store, spool, clock, meter, host, orders(config, outbound)).await;
    queue.map(Arc::new).map_err(StartFault::Queue)
}

/// What a configuration says to it.
pub(super) fn orders(config: &Config, outbound: &Arc<Outbound>) -> Orders {
    Orders {
        way_out: outbound.clone(),
        accounts: config.accounts.clone(),
        domains: config.domains.clone(),
        max_age: config.queue.max_age,
        max_bytes: config.queue.max_bytes,
        max_messages: MOST_MESSAGES,
        postmaster: config.queue.postmaster.clone(),
        lang: config.notify.lang,
    }
}

/// Mail that waits for a sign-in, or for a consent, goes as soon as there is one. Runs until dropped, or the keepers end.
pub(super) async fn follow_sign_ins(queue: &Queue, keepers: &Keepers) {
    let mut changes = keepers.changes();
    while changes.changed().await.is_ok() {
        let states = keepers.states();
        queue.notice_sign_ins(|account, fault| {
            let key = account.sign_in.key();
            states.iter().find(|state| state.key == key).map_or(Standing::AsBefore, |state| standing(state, fault))
        });
    }
}

/// `fault`: what the queue met.
fn standing(state: &SignInState, fault: &Fault) -> Standing {
    let still_stands = state.graph_fault.as_ref().is_some_and(|seen| seen.id == fault.id);
    if state.phase == Phase::Ready {
        return if still_stands { Standing::AsBefore } else { Standing::Serves };
    }
    // Of Graph it says what it met there itself.
    let is_of_the_sign_in = catalog::find(fault.id).is_some_and(|entry| entry.layer == "token") && !still_stands;
    let now = state.fault.as_ref().filter(|seen| is_of_the_sign_in && seen.id != fault.id);
    let now = now.and_then(|seen| Some((catalog::find(seen.id)?.fault(), seen.text.clone())));
    now.map_or(Standing::AsBefore, |(mut fault, text)| {
        fault.text = text;
        Standing::RefusedFor(fault.at(Stage::FetchingToken))
    })
}
