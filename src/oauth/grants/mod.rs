//! The ways in which a person consents. App-only grants need nobody; the keeper asks for them itself.

pub mod code;
pub mod device;
pub mod redirect_listener;
mod redirect_page;
