//! What ends on a day: secrets and certificates of apps, certificates of listeners.
//!
//! A certificate says itself when it ends, and is asked anew whenever its file changes. Of a client secret nobody but
//! the provider knows; there the configuration has to say it. What ends and cannot be read is shown with the reason,
//! never left out.

mod calendar;
mod ending;
mod told;

pub use calendar::Calendar;
pub use ending::{Ending, SOON_DAYS, Watched, What, days_left};
pub use told::{renew_app_certificate, secret_ends};
