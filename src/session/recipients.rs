//! Whom a client may write to (`recipients`), and how much (`max-bytes`): refused here, before the upstream hears of it.

use tracing::info;

use crate::{
    account::Admitted,
    base::printable,
    catalog::{
        message::{CLIENT_MESSAGE_TOO_LARGE, RECIPIENT_NOT_ALLOWED},
        replies::{self, coded},
    },
    wire::smtp::{Rcpt, Reply},
};

/// `None`: the rule of the client, if it has one, allows this recipient.
pub(super) fn refusal(session: u64, admitted: &Admitted, rcpt: &Rcpt) -> Option<Reply> {
    let client = admitted.client.as_ref().filter(|client| !client.rules.may_write_to(&rcpt.address))?;
    let (id, text) = (RECIPIENT_NOT_ALLOWED.id, RECIPIENT_NOT_ALLOWED.short());
    let (name, recipient) = (printable(&client.name, 100), printable(&rcpt.address, 100));
    info!(
        session,
        account = admitted.account.address,
        client = name,
        recipient,
        id,
        text,
        "recipient refused by the rule"
    );
    // The name may hold what SMTP's ASCII does not.
    let what = format_args!("<{recipient}> is not in its recipients");
    Some(replies::refusal(coded::RECIPIENT, what))
}

/// `None`: the rule of the client, if it has one, allows a message of so many octets.
pub(super) fn too_large(session: u64, admitted: &Admitted, octets: u64) -> Option<Reply> {
    let client = admitted.client.as_ref()?;
    let most = client.rules.max_bytes.filter(|most| octets > *most)?;
    let name = printable(&client.name, 100);
    let (id, text) = (CLIENT_MESSAGE_TOO_LARGE.id, CLIENT_MESSAGE_TOO_LARGE.short());
    info!(
        session,
        account = admitted.account.address,
        client = name,
        octets,
        most,
        id,
        text,
        "message refused by the rule"
    );
    Some(replies::refusal(coded::OVER_CLIENTS, format_args!("its max-bytes is {most}")))
}
