//! Microsoft Graph as the way out, request by request: against the sandbox, and against a server that shows the octets.

mod addressing;
mod clouds;
mod consent;
pub mod large;
mod large_interrupted;
mod limits;
mod refusals;
mod session;
mod sign_in;
mod stage;
mod two_codes;
mod unclear;
