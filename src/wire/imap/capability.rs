//! What is shown as CAPABILITY, before login and in the tagged OK. Never what the upstream lacks.

/// Shown before login as far as every upstream that can be reached carries it. Outlook wants IDLE here, and
/// imaplib-based tools never ask again.
pub const BEFORE_LOGIN: [&str; 9] =
    ["SASL-IR", "LITERAL+", "ID", "IDLE", "UIDPLUS", "MOVE", "NAMESPACE", "CHILDREN", "UNSELECT"];

/// Which of `BEFORE_LOGIN` every reachable upstream carries; thousands of silent sessions have one each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Carried([bool; BEFORE_LOGIN.len()]);

impl Carried {
    pub fn of(words: &[String]) -> Self {
        // SASL-IR is ours to offer whatever the upstream does: an initial response is taken here and never passed on.
        // ID is not: we answer it before login, but behind it the same word is for the upstream.
        Self(BEFORE_LOGIN.map(|word| word == "SASL-IR" || words.iter().any(|w| w.eq_ignore_ascii_case(word))))
    }
}

/// Words of an upstream that say how to sign on there, of no use to a client of ours; and COMPRESS=DEFLATE, which
/// would pass, but hides the line by which Exchange ends a session whose token expired (`session::proxy` counts it).
fn is_kept_back(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    word.starts_with("AUTH=")
        || word.starts_with("BACKENDAUTHENTICATE")
        || matches!(word.as_str(), "STARTTLS" | "LOGINDISABLED" | "COMPRESS=DEFLATE")
}

/// The words for the tagged OK: the upstream's, less what is kept back.
pub fn after_login(upstream: &[String]) -> Vec<String> {
    upstream.iter().filter(|word| !is_kept_back(word)).cloned().collect()
}

/// The words for greeting and CAPABILITY before login.
pub fn before_login(Carried(carried): Carried, credentials: bool, starttls: bool) -> String {
    let mut words = vec!["IMAP4rev1"];
    words.extend(BEFORE_LOGIN.iter().zip(carried).filter_map(|(word, carried)| carried.then_some(*word)));
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

    fn carried(text: &str) -> Carried {
        Carried::of(&words(text))
    }

    #[test]
    fn exchange_after_login_loses_what_concerns_sign_on() {
        let shown = after_login(&words(
            "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID BACKENDAUTHENTICATE BACKENDAUTHENTICATE-IR IDLE \
             starttls LOGINDISABLED COMPRESS=DEFLATE",
        ));
        assert_eq!(shown.join(" "), "IMAP4 IMAP4rev1 SASL-IR UIDPLUS MOVE ID IDLE");
    }

    #[test]
    fn literal_plus_is_shown_only_if_it_is_carried() {
        assert_eq!(
            before_login(carried("IDLE MOVE"), true, false),
            "IMAP4rev1 SASL-IR IDLE MOVE AUTH=PLAIN AUTH=LOGIN"
        );
        assert_eq!(before_login(carried("LITERAL+"), false, true), "IMAP4rev1 SASL-IR LITERAL+ LOGINDISABLED STARTTLS");
    }

    #[test]
    fn id_is_shown_before_and_behind_login_only_if_the_upstream_has_it() {
        for (upstream, shown) in [("IMAP4rev1 ID", true), ("IMAP4rev1", false)] {
            assert_eq!(before_login(carried(upstream), true, false).split(' ').any(|word| word == "ID"), shown);
            assert_eq!(after_login(&words(upstream)).contains(&"ID".to_owned()), shown);
        }
    }
}
