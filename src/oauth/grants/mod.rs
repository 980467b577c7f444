//! The ways in which a person consents, and those that need nobody, which the keeper goes itself.

pub mod both;
pub mod code;
pub mod device;
mod managed_identity;
pub mod redirect_listener;
mod redirect_page;
mod service_account;
pub mod unattended;
