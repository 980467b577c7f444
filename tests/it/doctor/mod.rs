//! `gatepost doctor` as a person meets it: each broken set-up staged in the sandbox, the first failing layer told in both
//! languages with a next step that can be taken as it is, and all well once it was taken.

mod another_user;
mod app_only;
mod bundle;
mod bundle_of_sign_ins;
pub mod clients;
mod graph;
mod locked;
mod machine;
mod mailbox;
mod open;
mod pending;
mod queue;
mod refused_file;
mod replaced;
mod service_principal;
pub mod stage;
mod token;
mod way;
