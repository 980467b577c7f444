//! One client connection, from greeting to goodbye.
//!
//! `admit` walks it to the sign-on: greeting, claim, account, token, dial, sign-on, and only then success to the
//! client in its own dialect. After that IMAP and POP3 are spliced (`proxy`), SMTP goes on command by command
//! (`relay`). A session holds a bearer token for the sign-on and nothing else of the account's secrets.

mod admit;
mod attend;
mod destination;
mod envelope;
mod gate;
mod impatience;
mod logins;
mod mending;
mod mistaken;
mod opened;
mod pace;
pub mod parting;
mod proxy;
mod recipients;
mod record;
mod refused;
mod relay;
mod rights;
mod sink;
mod spooled;
mod stranger;
mod transaction;

pub use admit::serve;
pub use gate::{Doorway, Gate};
pub use stranger::Stranger;
