//! TOML as written becomes a checked [`Config`]: raw (what was typed) -> check (all problems at once) -> model.

pub mod model;

pub use model::Config;
