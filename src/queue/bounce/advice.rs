//! What a refusal means for who wrote the message, by its enhanced status code (RFC 3463). Where a server gives none,
//! or one that says little, its own words have to do.

/// Code, cause and next step, without the class.
const ADVICE: &[(&str, &str, &str)] = &[
    ("1.1", "There is no mailbox of this address.", "Check how the address is spelled, and send the message again."),
    (
        "1.2",
        "The domain of this address does not exist, or takes no mail.",
        "Check the part behind the @, and send the message again.",
    ),
    ("1.10", "The domain of this address takes no mail.", "Check the part behind the @, and send the message again."),
    ("1.", "The address is not accepted.", "Check how the address is spelled, and send the message again."),
    ("2.1", "The recipient's mailbox is switched off.", "Ask the recipient for another address."),
    (
        "2.2",
        "The recipient's mailbox is full.",
        "Tell the recipient by another way, and send the message again when there is room.",
    ),
    ("2.3", "The message is larger than the recipient's server takes.", "Send less at once, or a link to it."),
    ("3.4", "The message is larger than a mail server on the way takes.", "Send less at once, or a link to it."),
    (
        "4.7",
        "The message was tried for as long as it may be and could not be delivered.",
        "Send it again if it is still of use. The words behind \"last\" say what was in the way; show them to your administrator if it stays.",
    ),
    ("7.57", "The mailbox may not send this way.", "Show this notice to your administrator."),
    (
        "7.60",
        "The mailbox may not send as this sender.",
        "Use the mailbox's own address as the sender, or show this notice to your administrator.",
    ),
    ("7.708", "The organization's mail is blocked at the provider.", "Show this notice to your administrator."),
    (
        "7.",
        "A rule of the recipient's or of your own mail server forbids this message.",
        "Show this notice to your administrator, or ask the recipient to allow it.",
    ),
    (
        "6.",
        "The mail server does not carry this kind of content.",
        "Send it in another form; your administrator can read the server's words above.",
    ),
];

/// The class 5 of a status code (RFC 3463), as text; the server's own if it gave one.
pub(super) fn status(reply: &str) -> String {
    let word = reply.split_ascii_whitespace().nth(1).unwrap_or_default();
    let parts: Vec<&str> = word.split('.').collect();
    let is_number = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    match parts.as_slice() {
        ["5", rest @ ..] if rest.len() == 2 && rest.iter().all(is_number) => word.to_owned(),
        _ => "5.0.0".to_owned(),
    }
}

/// Cause and next step.
pub(super) fn advice(status: &str) -> (&'static str, &'static str) {
    let detail = status.split_once('.').map(|(_, detail)| detail).unwrap_or_default();
    let fits =
        |row: &&(&str, &str, &str)| if row.0.ends_with('.') { detail.starts_with(row.0) } else { detail == row.0 };
    let found = ADVICE.iter().find(fits).map(|(_, cause, next)| (*cause, *next));
    found.unwrap_or((
        "The mail server refused this recipient for good.",
        "Read the server's words above; if they do not help, show this notice to your administrator.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_the_servers_own_or_says_nothing() {
        for (reply, wanted) in [
            ("550 5.1.1 User unknown", "5.1.1"),
            ("550 5.1.10 RESOLVER.ADR.RecipientNotFound", "5.1.10"),
            ("554 5.7.708 x", "5.7.708"),
            ("550 no such user", "5.0.0"),
            ("550 4.1.1 odd", "5.0.0"),
            ("550 5.1", "5.0.0"),
            ("550 5.1.1x", "5.0.0"),
            ("550 5.1.1234", "5.0.0"),
            ("", "5.0.0"),
        ] {
            assert_eq!(status(reply), wanted, "{reply}");
        }
    }

    #[test]
    fn every_status_has_a_cause_and_a_next_step() {
        assert!(advice("5.1.1").0.contains("no mailbox"));
        assert!(advice("5.1.3").0.contains("not accepted"));
        assert!(advice("5.2.2").0.contains("full"));
        assert!(advice("5.7.1").1.contains("administrator"));
        assert!(advice("5.0.0").0.contains("refused"));
        assert!(ADVICE.iter().all(|(_, cause, next)| cause.is_ascii() && next.is_ascii()));
    }
}
