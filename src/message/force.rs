//! `sender = "force"`: From becomes the account's, with the display name it had, and answers go where they went before.
//!
//! The old From becomes Reply-To unless there is one that names somebody. A Sender that names somebody else goes: beside a From of one's own
//! it would be a claim to send for others. Where From is the account's alone already, nothing is changed.

use super::{
    address_fields::strict,
    block::{Block, Edits, Field, Name},
    headers::Headers,
    mailboxes::{Kind, Mailboxes},
    mend::Orders,
    repairs::{Repair, Repairs},
};
use crate::base::is_mailbox;

pub(super) fn mend(block: &Block<'_>, orders: &Orders<'_>, edits: &mut Edits, repairs: &mut Repairs) {
    if !orders.force {
        return;
    }
    without_senders(block, orders, edits, repairs);
    let froms: Vec<&Field> = block.all(Name::From).collect();
    let read = Headers::of_plain(&all_of(block, &froms));
    let Some((first, more)) = froms.split_first() else { return };
    // What is larger than anybody's From is refused as it is; an empty one is filled later.
    let is_empty = more.is_empty() && block.value(first).trim_ascii().is_empty();
    if read.is_from_too_large || is_empty || (more.is_empty() && is_own(&read.from, orders)) {
        return;
    }
    repairs.note(Repair::ForcedFrom);
    edits.replace(first.value.clone(), forced(block.value(first), orders.account));
    more.iter().for_each(|field| edits.replace(field.all.clone(), &b""[..]));
    let can_answer = !read.from.is_empty() && read.from.iter().all(|address| is_mailbox(address));
    let mut replies = block.all(Name::ReplyTo).filter(|field| !block.value(field).trim_ascii().is_empty());
    if can_answer && replies.next().is_none() {
        let values: Vec<&[u8]> = froms.iter().map(|field| block.value(field)).collect();
        let value = values.join(&b",\r\n "[..]);
        match block.all(Name::ReplyTo).next() {
            Some(empty) => edits.replace(empty.value.clone(), value),
            None => edits.add(block, "Reply-To", &value),
        }
    }
}

fn is_own(addresses: &[String], orders: &Orders<'_>) -> bool {
    matches!(addresses, [only] if only.eq_ignore_ascii_case(orders.account))
}

fn all_of(block: &Block<'_>, fields: &[&Field]) -> Vec<u8> {
    fields.iter().filter_map(|field| block.bytes.get(field.all.clone())).collect::<Vec<_>>().concat()
}

/// Takes Sender away, unless it names the account alone.
fn without_senders(block: &Block<'_>, orders: &Orders<'_>, edits: &mut Edits, repairs: &mut Repairs) {
    let senders: Vec<&Field> = block.all(Name::Sender).collect();
    let read = Headers::of_plain(&all_of(block, &senders));
    if senders.is_empty() || is_own(&read.sender, orders) {
        return;
    }
    repairs.note(Repair::ForcedFrom);
    senders.iter().for_each(|field| edits.replace(field.all.clone(), &b""[..]));
}

/// The value of From with another address: of the first mailbox its display name and comments stay, the others go.
/// Where that cannot be read as the account's alone, nothing but the address stays.
fn forced(value: &[u8], account: &str) -> Vec<u8> {
    let is_own = |value: &Vec<u8>| {
        let read = Headers::of_plain(&[b"From:", value.as_slice()].concat());
        matches!(read.from.as_slice(), [only] if only.eq_ignore_ascii_case(account))
    };
    let made_strict = |value: Vec<u8>| strict(&value, None, &mut Repairs::default()).unwrap_or(value);
    renamed(value, account).map(made_strict).filter(is_own).unwrap_or_else(|| format!(" {account}").into_bytes())
}

fn renamed(value: &[u8], account: &str) -> Option<Vec<u8>> {
    let (mut mailboxes, mut tokens) = (Mailboxes::of(value), Vec::new());
    mailboxes.next(&mut tokens).ok()?;
    let end = tokens.last()?.at.end;
    tokens.retain(|token| token.kind != Kind::Comment);
    let (first, last) = (tokens.first()?, tokens.last()?);
    let (address, written) = match last.kind {
        Kind::Angle { .. } => (last.at.clone(), format!("<{account}>")),
        _ => (first.at.start..last.at.end, account.to_owned()),
    };
    Some([value.get(..address.start)?, written.as_bytes(), value.get(address.end..end)?].concat())
}
