//! The senders that `send-as` does not name.

use super::mending::is_forced;
pub(super) use crate::account::Denied;
use crate::{account::Admitted, message::Headers};

/// The first in the headers that `send-as` does not name, and where it stands.
pub(super) fn unlisted<'a>(headers: &'a Headers, admitted: &Admitted) -> Option<(&'a str, &'static str)> {
    let account = &admitted.account;
    let is_ours = |sender: &str| is_forced(admitted) && account.address.eq_ignore_ascii_case(sender);
    let from = headers.from.iter().find(|from| !is_ours(from) && !account.may_send_as(from));
    let sender = || headers.sender.iter().find(|sender| !is_ours(sender) && !account.may_be_sender(sender));
    let named = from.map(|from| (from, "From")).or_else(|| Some((sender()?, "Sender")));
    named.map(|(address, place)| (address.as_str(), place))
}
