//! The queue with its real store and spool, a scripted way out, and a clock that only the test moves.
//!
//! The store works on a thread of its own, in real time; so the paused clock must not run ahead whenever the runtime
//! has nothing to do. A task of the blocking pool holds it back for as long as a stage stands.

mod by_hand;
mod delivery;
mod disk;
mod doubt;
mod in_line;
mod order;
mod recovery;
mod shut;
mod stage;

use std::time::Duration;

use stage::{ANN, Kept, Stage, account, deferred, delivered, failed, fault, minutes, order};

use super::*;
