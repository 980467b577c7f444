//! What is shown as CAPABILITY, before login and in the tagged OK. Never what the upstream lacks.

/// Shown before login as far as every upstream that can be reached carries it. Outlook wants IDLE here, and
/// imaplib-based tools never ask again.
pub const BEFORE_LOGIN: [&str; 9] =
    ["SASL-IR", "LITERAL+", "ID", "IDLE", "UIDPLUS", "MOVE", "NAMESPACE", "CHILDREN", "UNSELECT"];

/// Words of an upstream that say how to sign on there: of no use to a client of ours.
fn concerns_sign_on(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    word.starts_with("AUTH=")
        || word.starts_with("BACKENDAUTHENTICATE")
        || matches!(word.as_str(), "STARTTLS" | "LOGINDISABLED" | "COMPRESS=DEFLATE")
}

/// The words for the tagged OK: the upstream's, less what concerns its sign-on.
pub fn after_login(upstream: &[String]) -> Vec<String> {
    upstream.iter().filter(|word| !concerns_sign_on(word)).cloned().collect()
}

/// The words for greeting and CAPABILITY before login; `carried` is what every reachable upstream has.
pub fn before_login(carried: &[String], credentials: bool, starttls: bool) -> String {
    let mut words = vec!["IMAP4rev1"];
    words.extend(BEFORE_LOGIN.iter().filter(|word| {
        // Ours to offer whatever the upstream does: we answer ID and take an initial response ourselves.
        matches!(**word, "SASL-IR" | "ID") || carried.iter().any(|c| c.eq_ignore_ascii_case(word))
    }));
    if credentials {
        words.extend(["AUTH=PLAIN", "AUTH=LOGIN"]);
    } else {
        words.push("LOGINDISABLED");
    }
    if starttls {
        words.push("STARTTLS");
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn exchange_after_login_loses_what_concerns_sign_on() {
        let shown = after_login(&words(
            "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID BACKENDAUTHENTICATE BACKENDAUTHENTICATE-IR IDLE",
        ));
        assert_eq!(shown.join(" "), "IMAP4 IMAP4rev1 SASL-IR UIDPLUS MOVE ID IDLE");
    }

    #[test]
    fn literal_plus_is_shown_only_if_it_is_carried() {
        assert_eq!(
            before_login(&words("IDLE MOVE"), true, false),
            "IMAP4rev1 SASL-IR ID IDLE MOVE AUTH=PLAIN AUTH=LOGIN"
        );
        assert_eq!(
            before_login(&words("LITERAL+"), false, true),
            "IMAP4rev1 SASL-IR LITERAL+ ID LOGINDISABLED STARTTLS"
        );
    }
}
