//! What ends, as status and overview tell it: with the fault that it is or comes to, and what to do about that.

use std::sync::Arc;

use serde::Serialize;

use super::{account_page::ToldFault, status::Explained};
use crate::{
    account::{Account, Domain, Occasion},
    base::Lang,
    catalog::{Entry, Known, moment},
    expiry::{Ending, What},
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EndingStatus {
    #[serde(flatten)]
    pub ending: Ending,
    #[serde(flatten)]
    pub fault: Option<EndingFault>,
}

/// In English.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EndingFault {
    pub id: &'static str,
    pub text: &'static str,
    /// `None`: the accounts of the app tell it.
    #[serde(flatten)]
    pub explained: Option<Explained>,
}

impl EndingStatus {
    pub fn all(endings: Vec<Ending>, accounts: &[Arc<Account>], domains: &[Arc<Domain>]) -> Vec<Self> {
        let one = |ending: Ending| Self { fault: EndingFault::of(&ending, accounts, domains), ending };
        endings.into_iter().map(one).collect()
    }
}

impl EndingFault {
    fn of(ending: &Ending, accounts: &[Arc<Account>], domains: &[Arc<Domain>]) -> Option<Self> {
        let entry = ending.fault()?;
        let explained = ending.words(Lang::En, &known(ending, accounts, domains)).map(Explained::from);
        Some(Self { id: entry.id, text: Entry::short(entry), explained })
    }
}

fn known(ending: &Ending, accounts: &[Arc<Account>], domains: &[Arc<Domain>]) -> Known {
    let account = accounts.iter().find(|account| account.sign_in.app.name == ending.name);
    let domain = || domains.iter().find(|domain| domain.sign_ins.app.name == ending.name);
    let of_domain = || domain().map(|domain| domain.sign_ins.app.known()).unwrap_or_default();
    account.map_or_else(of_domain, |account| account.known(&Occasion::of_sign_in(None)))
}

/// A certificate on the overview; secrets stand there with their accounts.
pub(super) struct EndingAlert {
    pub told: ToldFault,
    /// It has not come yet.
    pub is_ahead: bool,
}

impl EndingAlert {
    pub fn all(endings: &[Ending], accounts: &[Arc<Account>], domains: &[Arc<Domain>], lang: Lang) -> Vec<Self> {
        let one = |ending: &Ending| {
            let (entry, known) = (ending.fault()?, known(ending, accounts, domains));
            let words = ending.words(lang, &known)?;
            let end = ending.ends_at.map(|end| moment(end, "%Y-%m-%d %H:%M"));
            let found = ending.trouble.clone().or(end).unwrap_or_default();
            let mut told = ToldFault::new(entry, &found, lang, &known);
            (told.next, told.cause) = (words.whole_step(), words.cause);
            Some(Self { told, is_ahead: ending.is_ahead() })
        };
        endings.iter().filter(|ending| ending.what != What::ClientSecret).filter_map(one).collect()
    }
}
