//! Faults of Microsoft Graph as the way out: of the access to it, and of one message on it.

use super::{Entry, rights::SEND_AS_DENIED, token::entries};
use crate::base::{
    Kind::{self, IdentityRefused, TooBusy, Unavailable},
    Owner::{self, Admin, Client, Provider},
};

entries! {
    // Of the access: nothing was sent for anybody.
    GRAPH_TOKEN_REFUSED = IdentityRefused Admin "graph-token-refused":
        "Microsoft Graph refuses the token of this account; ask your administrator",
        "Graph does not take the token (InvalidAuthenticationToken), although it is fresh: another cloud's `graph-url`, or a policy.",
        "Check that `provider` and `graph-url` are of one cloud; Graph's words are in the log.";
    GRAPH_ACCESS_DENIED = IdentityRefused Admin "graph-access-denied":
        "Microsoft Graph does not let this app send for this mailbox: grant it Mail.Send",
        "The app lacks `Mail.Send`, or is not allowed for this mailbox (ErrorAccessDenied); another's mailbox needs `Mail.Send.Shared` besides.",
        "In Entra: App registrations > the app > API permissions > Microsoft Graph > `Mail.Send` > Grant admin consent; for app-only access, the mailbox has to be in the app's scope. It takes up to 30 minutes.";
    GRAPH_MAILBOX_UNKNOWN = IdentityRefused Admin "graph-mailbox-unknown":
        "Microsoft Graph knows no such mailbox; ask your administrator",
        "`smtp-user`, by default who signs in, is no user of the tenant, or has no mailbox.",
        "Set `smtp-user` to the user principal name of the mailbox, as Entra shows it.";
    GRAPH_MAILBOX_NOT_ENABLED = IdentityRefused Admin "graph-mailbox-not-enabled":
        "Microsoft Graph cannot use this mailbox; ask your administrator",
        "The mailbox has no licence, is inactive, or lies in an Exchange server on premises (MailboxNotEnabledForRESTAPI).",
        "Give the user an Exchange Online licence, or send with `outbound = \"smtp\"`.";
    GRAPH_UNREACHABLE = Unavailable Admin "graph-unreachable":
        "Microsoft Graph cannot be reached securely; network, DNS or TLS is in the way",
        "Name resolution, connection, TLS or a proxy failed before the message was handed over: nothing was sent.",
        "The log has the cause. Check DNS, firewall and `network.http-proxy`; an inspecting proxy's authority goes into `network.ca-file`.";
    GRAPH_UNREADABLE = Unavailable Admin "graph-unreadable":
        "What answers is not Microsoft Graph; if this stays, ask your administrator",
        "The answer is none of Graph's: a page of a proxy or hotel network, or another service at `graph-url`.",
        "Check `graph-url` and that no proxy or captive portal sits between; otherwise it passes by itself.";
    GRAPH_BUSY = TooBusy Provider "graph-busy":
        "Four messages of this mailbox are on their way to Microsoft Graph, try again",
        "Graph takes four requests of an app for a mailbox at a time, and none of them ended in time.",
        "Passes by itself; `delivery = \"queue\"` lets nobody wait.";

    // Of one message.
    GRAPH_THROTTLED = Unavailable Provider "graph-throttled":
        "Microsoft Graph asks to slow down; try again later",
        "Too many requests of this app for this mailbox, or Graph is busy (429, 503). Its Retry-After is obeyed.",
        "Passes by itself; `delivery = \"queue\"` lets nobody wait.";
    GRAPH_UNCLEAR = Unavailable Provider "graph-unclear":
        "Microsoft Graph did not say whether it took the message: it may have been sent",
        "The connection broke, or a server in between failed, behind the whole message. Nobody knows whether it was taken.",
        "Look into Sent Items before sending it again.";
    GRAPH_RECIPIENTS_DIFFER = IdentityRefused Client "graph-recipients-differ":
        "Microsoft Graph would send to everybody in To and Cc, and this message is not for all of them",
        "To or Cc names somebody who is no recipient of the envelope (RCPT TO). Graph knows no envelope and would send to them.",
        "Let the program send one message to all of them, or use `outbound = \"smtp\"` for it.";
    GRAPH_OTHERS_SERVED = IdentityRefused Client "graph-others-served":
        "Others have this message already, over SMTP, and Microsoft Graph would send it to them again",
        "Some recipients were served, or refused, over SMTP before it was switched off. Graph sends to everybody in To and Cc, so those would get the message again.",
        "Send it once more to the recipients that did not get it, and to nobody else.";
    GRAPH_RECIPIENTS_INVALID = IdentityRefused Client "graph-recipients-invalid":
        "Microsoft Graph does not take the recipients of this message",
        "An address in To, Cc or the envelope is none that Graph understands (ErrorInvalidRecipients).",
        "Correct the addresses; the log has Graph's words.";
    GRAPH_MESSAGE_UNREADABLE = IdentityRefused Client "graph-message-unreadable":
        "This message cannot be read, so it cannot be sent through Microsoft Graph",
        "To or Cc cannot be read, the header is too large, or the parts of a large message are broken; Graph may have said so itself.",
        "Mend the program that writes the message; `repair = true` at its `[[client]]` mends a lot.";
    GRAPH_SIGNED_TOO_LARGE = IdentityRefused Client "graph-signed-too-large":
        "Too large for Microsoft Graph in one piece, and signed or encrypted: taking it apart would break that",
        "Messages over 3 MB go through Graph as a draft that is put together anew. Signed and encrypted ones cannot.",
        "Send it with `outbound = \"smtp\"`, make it smaller, or sign it on no earlier way (DKIM).";
    GRAPH_TOO_LARGE = IdentityRefused Client "graph-too-large":
        "The message is larger than Microsoft Graph or the mailbox takes",
        "Over the limit of the mailbox (35 MB by default), an attachment over 150 MB, or a text of over 1.5 MB in a large message.",
        "Make it smaller, or raise `MaxSendSize` with `Set-Mailbox`.";
    GRAPH_DRAFT_DENIED = IdentityRefused Admin "graph-draft-denied":
        "Messages over 3 MB need Mail.ReadWrite at Microsoft Graph; ask your administrator",
        "Large messages go through a draft in the mailbox, and the app may not make one.",
        "In Entra: API permissions > Microsoft Graph > `Mail.ReadWrite` > Grant admin consent.";
    GRAPH_MAILBOX_FULL = Unavailable Client "graph-mailbox-full":
        "The mailbox that sends is full, so Microsoft Graph takes no message",
        "Graph keeps a copy in Sent Items, and the mailbox has no room for it (ErrorQuotaExceeded).",
        "Empty the mailbox, or let an administrator raise its quota.";
    GRAPH_REFUSES = IdentityRefused Provider "graph-refuses":
        "Microsoft Graph refuses this message; see the log for its words",
        "Graph refused in words that this version does not know.",
        "Look Graph's words up in the log.";
}

/// Whether a refusal is about who may use Graph, about this one message, or passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    Access,
    /// With the SMTP code and its enhanced form that tell it.
    Message(u16, &'static str),
}

/// What an error code of Graph means, spelled as it spells it in any case. `None` for those that nobody knows.
pub fn graph_code(code: &str) -> Option<(&'static Entry, About)> {
    let row = CODES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(code));
    row.map(|(_, entry, about)| (*entry, *about))
}

#[rustfmt::skip]
const CODES: &[(&str, &Entry, About)] = &[
    ("ErrorAccessDenied", GRAPH_ACCESS_DENIED, About::Access),
    ("Authorization_RequestDenied", GRAPH_ACCESS_DENIED, About::Access),
    ("AccessDenied", GRAPH_ACCESS_DENIED, About::Access),
    ("MailboxNotEnabledForRESTAPI", GRAPH_MAILBOX_NOT_ENABLED, About::Access),
    ("MailboxNotSupportedForRESTAPI", GRAPH_MAILBOX_NOT_ENABLED, About::Access),
    ("MailboxNotHostedInExchangeOnline", GRAPH_MAILBOX_NOT_ENABLED, About::Access),
    ("ErrorInvalidUser", GRAPH_MAILBOX_UNKNOWN, About::Access),
    ("ResourceNotFound", GRAPH_MAILBOX_UNKNOWN, About::Access),
    ("Request_ResourceNotFound", GRAPH_MAILBOX_UNKNOWN, About::Access),
    ("ErrorSendAsDenied", SEND_AS_DENIED, About::Message(550, "5.7.1")),
    ("ErrorInvalidRecipients", GRAPH_RECIPIENTS_INVALID, About::Message(553, "5.1.3")),
    ("ErrorMimeContentInvalidBase64String", GRAPH_MESSAGE_UNREADABLE, About::Message(554, "5.6.0")),
    ("ErrorMimeContentInvalid", GRAPH_MESSAGE_UNREADABLE, About::Message(554, "5.6.0")),
    ("ErrorMessageSizeExceeded", GRAPH_TOO_LARGE, About::Message(552, "5.3.4")),
    ("ErrorAttachmentSizeLimitExceeded", GRAPH_TOO_LARGE, About::Message(552, "5.3.4")),
    ("ErrorQuotaExceeded", GRAPH_MAILBOX_FULL, About::Message(452, "4.2.2")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_known_code_has_its_words_and_others_have_none() {
        for (code, id) in [
            ("ErrorAccessDenied", "graph-access-denied"),
            ("errorsendasdenied", "send-as-denied"),
            ("MailboxNotEnabledForRESTAPI", "graph-mailbox-not-enabled"),
            ("ErrorQuotaExceeded", "graph-mailbox-full"),
        ] {
            assert_eq!(graph_code(code).map(|(entry, _)| entry.id), Some(id));
        }
        assert!(graph_code("ErrorNobodyKnows").is_none());
    }
}
