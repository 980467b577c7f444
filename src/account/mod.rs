//! Who may come in, as whom, and how it is checked before anything is dialled.
//!
//! A wrong local password has nothing to do with tokens: this module never touches them. It refuses to tell an
//! unknown user from a wrong password, in words and (with hashes that Gatepost made) in time.

mod denied;
mod destinations;
mod domain;
mod first_use;
mod guesses;
pub mod local_password;
mod model;
mod particulars;
mod passwords;
mod passwords_file;
mod register;

pub use denied::Denied;
pub use destinations::{Destination, Service, Use, destinations, uses};
pub use domain::{Domain, account_of};
pub use guesses::{Guesses, Refusal};
pub use model::{Account, Client, Delivery, Limits, LocalPassword, Proxies, Route, Rules, Sender, Sending, is_listed};
pub use particulars::{Occasion, told};
pub use passwords::{Passwords, flaw, hash};
pub use passwords_file::{Mistake, PasswordsFile};
pub use register::{Admitted, BY_LOGIN, Register};
