//! Tokens: app registrations, grants, and the keeper that owns each sign-in.

mod app;

pub use app::{App, AppCredential, Grant, Rotation, SignIn};
