//! Tokens: app registrations, grants, and the keeper that owns each sign-in.
//!
//! A session sees [`Keepers`] and a bearer; `gatepost login` and the console see the grants and [`sign_in::keep`].

mod app;
mod assertion;
mod counter;
mod domain;
pub mod endpoints;
mod fingerprint;
mod frequency;
pub mod grants;
mod keeper;
mod keepers;
mod ours;
mod patience;
mod proof_file;
pub mod sign_in;
mod state;
#[cfg(test)]
mod tests;
mod trouble;
pub mod verdict;

pub use app::{
    App, AppCredential, Grant, GraphAccess, IdentityEndpoint, Resource, Rotation, ServiceAccountKey, SignIn, login_for,
};
pub use domain::DomainSignIns;
pub use keepers::Keepers;
pub use ours::{found, is_quotation};
pub use state::{FaultSeen, Phase, SignInState};

pub use crate::net::clock;
