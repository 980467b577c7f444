//! Counters and the board of live sessions: what `status`, `/metrics` and the log agree on.
//!
//! Names begin with `gatepost_`; labels use the same words as the log. No label holds a user name, an address or
//! anything else that grows without bound; the name of a `[[client]]` stands in one, since the configuration bounds those.

mod board;
mod clients;
mod counters;
mod day;
mod families;
mod labels;
mod level;
mod messages;
mod used;
mod verbs;

pub use board::{Board, Entry, FaultView, Proof, Recent, SessionView};
pub use clients::{ClientView, Clients, Contact, Incident, Named, Who};
pub use counters::Meter;
pub use day::{Day, Hour};
pub use labels::{Direction, Outcome, Room, Told};
pub(crate) use level::at_level;
pub use messages::{MessageView, Messages, now};
pub use used::Used;
pub use verbs::{Answer, Verb, Verbs};
