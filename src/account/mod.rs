//! Who may come in, as whom, and how it is checked before anything is dialled.

mod model;

pub use model::{Account, Client, LocalPassword};
