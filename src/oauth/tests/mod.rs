//! What the oauth row owes, shown against a scripted token endpoint on a real socket.

mod consent;
mod endpoint;
mod faults;
mod keeping;
mod machine;
mod proof;
mod rotation;
mod sharing;
mod unasked;
mod unattended;
