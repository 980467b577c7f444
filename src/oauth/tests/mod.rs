//! What the oauth row owes, shown against a scripted token endpoint on a real socket.

mod consent;
pub(super) mod endpoint;
mod entra;
mod faults;
mod frequency;
mod keeping;
mod machine;
mod mailboxes;
mod proof;
mod refused_sign_in;
mod resources;
mod rotation;
mod sharing;
mod store;
mod unasked;
mod unattended;
