//! Clauses of a text that are for some cases alone, `⟨case? clause⟩`, and which case is at hand.
//!
//! A step is told as one text; whoever it is told to reads what is of use to them and nothing else. It refuses to guess: where
//! nothing is known, as in the docs, it is the usual case.

use super::{Known, known::is_file};
use crate::base::invocation;

/// As they stand in the data; `not ` before one is any other case.
const CASES: [&str; 29] = [
    "console",
    "good-one-stays",
    "google",
    "left-folder",
    "left-store",
    "left-unknown",
    "listener",
    "may-be-meant",
    "may-have-delegate",
    "of-another",
    "other-ports",
    "owner-signed-in",
    "pasted",
    "proxy-file",
    "proxy-login",
    "queued",
    "runs",
    "secret-file",
    "secret-sealed",
    "secret-unknown",
    "send-as-there",
    "send-as-unknown",
    "sender-elsewhere",
    "sender-may-be-elsewhere",
    "sign-in-as",
    "start-unknown",
    "starts-not",
    "unconfigured",
    "whole-domain",
];

/// The text with those of its clauses that are for the case at hand.
pub(super) fn fitting(text: &str, known: &Known) -> String {
    let mut parts = text.split('⟨');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |told, part| {
        let (clause, rest) = part.split_once('⟩').unwrap_or((part, ""));
        // The most frequent one goes without its name: nobody is given a right on their own mailbox.
        let (case, clause) = clause.split_once("? ").unwrap_or(("of-another", clause));
        told + if is_at_hand(case, known) { clause } else { "" } + rest
    })
}

/// The text in every form that it may have: with each of its clauses, and without.
pub(super) fn forms(text: &str) -> Vec<String> {
    let mut parts = text.split('⟨');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(vec![first], |forms, part| {
        let (clause, rest) = part.split_once('⟩').unwrap_or((part, ""));
        let clause = clause.split_once("? ").map_or(clause, |(_, clause)| clause);
        forms.iter().flat_map(|form| ["", clause].map(|clause| format!("{form}{clause}{rest}"))).collect()
    })
}

fn is_at_hand(case: &str, known: &Known) -> bool {
    match case {
        "console" => known.may_be_of_console(),
        "good-one-stays" => known.whose_stays.is_some(),
        "google" => known.provider.as_deref() == Some("google"),
        "left-folder" => known.left_folder.is_some(),
        "left-store" => known.left_store.is_some(),
        "left-unknown" => known.left_folder.is_none() && known.left_store.is_none(),
        "listener" => known.may_be_of_listener(),
        // Each mailbox of a whole domain is itself, and nobody is a delegate of their own.
        "may-be-meant" => !is_at_hand("whole-domain", known) && !is_at_hand("owner-signed-in", known),
        "may-have-delegate" => is_at_hand("may-be-meant", known) && known.may_be_exchange(),
        "of-another" => !known.concerns_its_own(),
        "other-ports" => known.needs_other_ports(),
        "owner-signed-in" => is_at_hand("sign-in-as", known) && known.is_itself(&known.signed_in_as),
        // Nobody looked: what a program showed may have another cause.
        "pasted" => known.is_in_general,
        "proxy-file" => known.proxy.as_ref().is_some_and(|via| via.key.ends_with("-file")),
        "proxy-login" => known.proxy.as_ref().is_some_and(|via| via.user.is_some()),
        // Of one that a pasted line names nobody knows whether it still does; and one that could not start does not.
        "queued" => known.is_queued,
        "runs" => invocation::is_daemon_known() && invocation::is_start_known() && !invocation::is_start_refused(),
        // What systemd lends to the service is not written here.
        "secret-file" => !known.is_secret_lent() && known.client_secret_at.as_deref().is_none_or(is_file),
        "secret-sealed" => known.is_secret_sealed(),
        "secret-unknown" => known.client_secret_at.is_none(),
        "send-as-there" => known.has_send_as_line == Some(true),
        "send-as-unknown" => known.has_send_as_line.is_none(),
        "sender-elsewhere" => known.is_sender_elsewhere(),
        "sender-may-be-elsewhere" => known.sender.is_none() || known.is_sender_elsewhere(),
        "sign-in-as" => {
            let is_told = known.who_signs_on.is_some() && known.address.is_some();
            is_told && known.is_app_only != Some(true) && !known.is_itself(&known.who_signs_on)
        }
        "start-unknown" => !invocation::is_start_known(),
        "starts-not" => invocation::is_start_refused(),
        "unconfigured" => known.is_unconfigured,
        "whole-domain" => known.account.as_deref().is_some_and(|account| account.starts_with('*')),
        other => other.strip_prefix("not ").is_some_and(|case| CASES.contains(&case) && !is_at_hand(case, known)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::Lang, catalog::message};

    #[test]
    fn a_clause_is_for_its_case_alone_and_where_nothing_is_known_for_the_usual_one() {
        let told = |text: &str, known: &Known| fitting(text, known);
        let text = "⟨secret-file? A.⟩⟨not secret-file? B.⟩⟨ C.⟩";
        assert_eq!(told(text, &Known::default()), "A. C.");
        let variable = Known { client_secret_at: Some("SECRET".into()), ..Known::default() };
        assert_eq!(told(text, &variable), "B. C.");
        let of_a_domain = Known { account: Some("*@contoso.com".into()), ..Known::default() };
        let text = "⟨not whole-domain? Or: A.⟩⟨whole-domain? B.⟩";
        assert_eq!([told(text, &of_a_domain), told(text, &Known::default())], ["B.", "Or: A."]);
    }

    #[test]
    fn every_case_of_the_list_can_be_told_from_its_contrary() {
        for case in CASES {
            let known = Known::default();
            assert_ne!(is_at_hand(case, &known), is_at_hand(&format!("not {case}"), &known), "{case}");
        }
    }

    #[test]
    fn whether_the_table_has_a_send_as_line_to_replace_is_said_where_it_is_known() {
        for (has, en, ja) in [
            (None, "the `send-as` line if it has one", "`send-as` の行がすでにある場合は"),
            (Some(true), "the `send-as` line that it has", "今ある `send-as` の行と置き換えます"),
            (Some(false), "under its `[[account]]` (<account>) (", "このまま書き（リスト"),
        ] {
            let known = Known { has_send_as_line: has, ..Known::default() };
            for (lang, said) in [(Lang::En, en), (Lang::Ja, ja)] {
                let next = message::SENDER_NOT_ALLOWED.told(lang, &known).next;
                assert!(next.contains(said), "{said}: {next}");
                assert_eq!(next.contains("place of") || next.contains("置き換え"), has != Some(false), "{next}");
            }
        }
    }

    #[test]
    fn nobody_is_told_to_queue_what_is_queued_already() {
        let queued = Known { is_queued: true, ..Known::default() };
        let line = "delivery = \"queue\"";
        let says = |entry: &crate::catalog::Entry, lang, known: &Known| {
            let words = entry.told(lang, known);
            format!("{} {}", words.cause, words.next).contains(line)
        };
        for lang in Lang::ALL {
            let told: Vec<_> = crate::catalog::all().filter(|entry| says(entry, lang, &queued)).collect();
            assert!(told.is_empty(), "{:?}", told.iter().map(|entry| entry.id).collect::<Vec<_>>());
            assert!(says(message::MESSAGE_REFUSED_FOR_NOW, lang, &Known::default()));
        }
    }

    #[test]
    fn of_a_sender_of_another_domain_it_is_said_that_nobody_outside_the_tenant_can_be_granted() {
        let known = |sender: &str| Known {
            sender: Some(sender.into()),
            address: Some("ann@contoso.com".into()),
            who_signs_on: Some("ann@contoso.com".into()),
            ..Known::default()
        };
        for (lang, outside) in [(Lang::En, "outside this tenant"), (Lang::Ja, "このテナントのものでない")] {
            let step = |sender: &str| message::SEND_AS_DENIED.told(lang, &known(sender)).next;
            let (elsewhere, here) = (step("boss@fabrikam.com"), step("shared@Contoso.com"));
            assert!(elsewhere.contains(outside) && elsewhere.contains("`ann@contoso.com`"), "{elsewhere}");
            assert!(!here.contains(outside), "{here}");
            assert!([elsewhere, here].iter().all(|step| step.contains("Add-RecipientPermission")));
        }
    }
}
