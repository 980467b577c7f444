//! Faults of a message whose sender the mail server does not grant to whoever signed on.

use super::{Entry, token::entries};
use crate::base::{
    Kind::{self, IdentityRefused},
    Owner::{self, Admin},
};

entries! {
    SEND_AS_DENIED = IdentityRefused Admin "send-as-denied":
        "The mail server does not let this mailbox send as that sender; ask your administrator",
        "The message says that it comes from another mailbox, and who signs on has no Send As right on it.",
        "`Add-RecipientPermission MAILBOX -Trustee WHO-SIGNS-ON -AccessRights SendAs`; it takes up to an hour. The reply names both.";
    SEND_ON_BEHALF_DENIED = IdentityRefused Admin "send-on-behalf-denied":
        "The mail server does not let this mailbox send on behalf of that sender; ask your administrator",
        "Sender names who signs on and From another mailbox, which granted neither Send on Behalf nor Send As.",
        "`Set-Mailbox MAILBOX -GrantSendOnBehalfTo @{Add='WHO-SIGNS-ON'}`, or grant Send As; it takes up to an hour. The reply names both.";
}

/// Whether Exchange refuses the sender in this reply: at MAIL (5.7.60), or at the end of the message (5.2.252, and
/// 5.2.0 before it).
pub fn denies_sender(reply: &str) -> bool {
    let lower = reply.to_ascii_lowercase();
    ["sendasdenied", "permissions to send as this sender", "not allowed to send as"].iter().any(|w| lower.contains(w))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_replies_about_a_sender_are_known_and_others_are_not() {
        for (reply, denies) in [
            ("550 5.7.60 SMTP; Client does not have permissions to send as this sender [AM0PR02]", true),
            ("554 5.2.252 SendAsDenied; ann@x not allowed to send as info@x; STOREDRV.Submission.Exception:", true),
            ("554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed", true),
            ("554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", false),
            ("550 5.7.1 Unable to relay", false),
            ("432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", false),
        ] {
            assert_eq!(denies_sender(reply), denies, "{reply}");
        }
    }
}
