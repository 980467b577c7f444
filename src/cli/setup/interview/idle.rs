//! Flags of which nothing would come with these answers: they are wrong usage, and none is dropped in silence. What two
//! flags say against each other is the business of their definitions (`args.rs`).

use super::{super::words::Trouble, Choice, Interview};
use crate::cli::outcome::Outcome;

/// Why nothing would come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// The app acts by itself.
    NobodySignsIn,
    /// A person signs in.
    AppProvesNothing,
    /// The provider has none.
    NoTenants,
    /// The service signs in and sends, as its own user.
    IsOfTheService,
    /// Each account has one, and no message is sent that needs it.
    HasPasswords,
}

impl Interview<'_, '_> {
    pub(super) fn nothing_idle(&self, choice: &Choice) -> Outcome {
        let args = self.args;
        let is_new = choice.there.is_none();
        let of_the_service = self.place.is_of_the_service();
        let rules = [
            ("--flow", args.flow.is_some() && choice.grant.is_unattended(), Idle::NobodySignsIn),
            ("--flow", args.flow.is_some() && of_the_service, Idle::IsOfTheService),
            ("--to", args.to.is_some() && of_the_service, Idle::IsOfTheService),
            ("--tenant", args.tenant.is_some() && choice.tenant.is_none() && is_new, Idle::NoTenants),
            (
                "--certificate",
                args.certificate.is_some() && !choice.grant.is_app_only() && is_new,
                Idle::AppProvesNothing,
            ),
            (
                "--make-certificate",
                args.make_certificate && !choice.grant.is_app_only() && is_new,
                Idle::AppProvesNothing,
            ),
        ];
        match rules.into_iter().find(|(_, is_idle, _)| *is_idle) {
            Some((flag, _, why)) => Err(self.fail(Trouble::Idle { flag, why })),
            None => Ok(()),
        }
    }
}
