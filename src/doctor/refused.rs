//! A refusal of one message, or one that a client heard: which fault it is for this account, told as the doctor tells its
//! own. It refuses to explain words that the catalogue does not know.

use super::{account::who_of, draw, next, next::Who};
use crate::{
    account::Account,
    base::Lang,
    catalog::{
        Entry, explain,
        message::{OWN_ADDRESS_DENIED, SEND_AS_DENIED},
    },
};

/// What was `said` to a mail program of this account, or to a message that it sent, in full. `None`: nobody knows these
/// words.
pub fn refused_message(account: &Account, said: &str, lang: Lang) -> Option<String> {
    let entry = explain::read(said).first().map(|found| of_sender(found.entry, account, &account.address))?;
    let who = Who { sender: Some(account.address.clone()), ..who_of(account) };
    Some(draw::in_full(&next::explained(&entry.fault(), &who, lang), None, lang))
}

/// Nobody gives a mailbox Send As on itself: refused as its own sender, the address is not what the tenant has for it.
pub(super) fn of_sender(entry: &'static Entry, account: &Account, sender: &str) -> &'static Entry {
    match entry.id == SEND_AS_DENIED.id && sender.eq_ignore_ascii_case(&account.smtp_user) {
        true => OWN_ADDRESS_DENIED,
        false => entry,
    }
}
