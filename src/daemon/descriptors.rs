//! Open files: a session takes two, its client's and its upstream's. Where the system allows fewer than the budgets of
//! connections would take, the budgets give way: the oldest that has not signed on has to go *before* the system says no,
//! since by then nobody is let in and nothing can be written.

use tracing::warn;

use crate::{
    catalog::{Advice, own::TOO_FEW_OPEN_FILES},
    queue::COURIERS,
};

/// For the store, the console, the log and calls to providers; and each courier holds a body and a connection.
const RESERVE: usize = 128 + 2 * COURIERS;
const EACH_SESSION: usize = 2;

/// Takes as many as the system allows at most, and says how many sessions that is enough for. `wanted`: the most there may be
/// by the configuration.
pub fn sessions(wanted: usize) -> usize {
    let Some(most) = allowed() else { return wanted };
    // Where there is little, sessions get half of it: the queue is seldom as busy as it may be.
    let enough_for = (most.saturating_sub(RESERVE).max(most / 2) / EACH_SESSION).max(1);
    if enough_for < wanted {
        let Advice { id, text, owner, next } = TOO_FEW_OPEN_FILES.advice();
        warn!(
            id,
            text,
            owner,
            next,
            "the system allows {most} open files, enough for {enough_for} connections where the listeners would take {wanted}"
        );
    }
    enough_for.min(wanted)
}

#[cfg(unix)]
fn allowed() -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Nothing here counts on small numbers, as select(2) would.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let most = if raised.is_ok() { limit.maximum } else { limit.current };
    most.map(|most| usize::try_from(most).unwrap_or(usize::MAX))
}

#[cfg(not(unix))]
fn allowed() -> Option<usize> {
    None
}
