//! The remarks in the script: which there are, in each language.

use super::{en, ja};
use crate::base::Lang;

pub struct ScriptWords {
    pub head: &'static str,
    pub modules: &'static str,
    pub stops: &'static str,
    pub sign_in: &'static str,
    pub device: &'static str,
    pub redirect: &'static str,
    pub of_another_tenant: &'static str,
    pub no_public_flows: &'static str,
    pub extended: &'static str,
    pub consent: &'static str,
    pub exchange: &'static str,
    pub smtp_auth: &'static str,
    pub delegate: &'static str,
    pub roles: &'static str,
    pub certificate: &'static str,
    pub has_certificates: &'static str,
    pub secret: &'static str,
    pub enterprise: &'static str,
    pub mailboxes: &'static str,
    pub scope: &'static str,
    pub send_as: &'static str,
    pub end: &'static str,
}

impl ScriptWords {
    pub const fn of(lang: Lang) -> Self {
        match lang {
            Lang::En => en::SCRIPT,
            Lang::Ja => ja::SCRIPT,
        }
    }
}
