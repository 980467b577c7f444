//! Whom a client may write to (`recipients`): refused here, before the upstream hears of it.

use tracing::info;

use crate::{
    account::Admitted,
    base::printable,
    catalog::message::RECIPIENT_NOT_ALLOWED,
    wire::smtp::{Rcpt, Reply},
};

/// `None`: the rule of the client, if it has one, allows this recipient.
pub(super) fn refusal(session: u64, admitted: &Admitted, rcpt: &Rcpt) -> Option<Reply> {
    let client = admitted.client.as_ref().filter(|client| !client.rules.may_write_to(&rcpt.address))?;
    let (name, recipient) = (printable(&client.name, 100), printable(&rcpt.address, 100));
    info!(session, account = admitted.account.address, client = name, recipient, "recipient refused by the rule");
    let id = RECIPIENT_NOT_ALLOWED.id;
    // The name may hold what SMTP's ASCII does not.
    let text = format!("5.7.1 This client may not write to <{recipient}>: it is not in its recipients [gatepost {id}]");
    Some(Reply::new(550, text))
}
