//! State that outlives the process: sealed tokens.

mod settings;

pub use settings::Settings;
