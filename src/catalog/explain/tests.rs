use super::*;
use crate::base::latin_sentence;

fn means(text: &str) -> Vec<&'static str> {
    read(text).into_iter().map(|found| found.entry.id).collect()
}

#[test]
fn the_same_fault_is_found_by_number_name_id_reply_and_line_of_the_log() {
    for text in ["AADSTS53003", "aadsts53003: blocked", "53003", r#"{"error_codes":[53003]}"#, "conditional-access"] {
        assert_eq!(means(text), ["conditional-access"], "{text}");
    }
    let line = r#"WARN refused: SMTP AUTH is disabled [smtp-auth-disabled-tenant] while signing on: upstream said "535 5.7.139 x""#;
    for text in ["535 5.7.0 disabled [gatepost smtp-auth-disabled-tenant]", line] {
        assert_eq!(means(text), ["smtp-auth-disabled-tenant"], "{text}");
    }
}

#[test]
fn an_id_counts_where_it_is_given_and_nowhere_else() {
    let line = r#"2026-11-29T02:05:11Z  WARN MAIL refused session=1 sender="queue-full@contoso.com" reply="550 5.7.1 <queue-full@contoso.com> [gatepost sender-not-allowed]" id="sender-not-allowed""#;
    let fault = r#"WARN refused: SMTP AUTH is disabled [smtp-auth-disabled-tenant] while signing on: upstream said "535 5.7.139 [gatepost queue-full]""#;
    for (text, ids) in [
        ("550 5.1.1 <queue-full@x.example>: nobody", &["recipient-unknown"][..]),
        ("550 5.1.1 <\"[gatepost queue-full]\"@x.example> no [gatepost recipient-unknown]", &["recipient-unknown"]),
        ("550-5.1.1 [gatepost queue-full]\r\n550 5.1.1 no [gatepost recipient-unknown]", &["recipient-unknown"]),
        (line, &["sender-not-allowed"]),
        (fault, &["smtp-auth-disabled-tenant"]),
        (&format!("{line}\n{fault}"), &["sender-not-allowed", "smtp-auth-disabled-tenant"]),
        (r#"{"level":"WARN","sender":"queue-full@x.example","id":"send-as-denied"}"#, &["send-as-denied"]),
        ("[queue-full]", &["queue-full"]),
        ("Queue-Full", &["queue-full"]),
        ("queue-full: 3 times", &["queue-full"]),
        (
            "ann@contoso.com  smtp  smtp-auth-disabled-tenant  サインオン中  テナントの管理者",
            &["smtp-auth-disabled-tenant"],
        ),
        ("queue-full and queue-failing by turns", &["queue-full"]),
        ("they were queue-full and queue-failing", &[]),
    ] {
        assert_eq!(means(text), ids, "{text}");
    }
    for text in ["554 5.9.9 no, see https://support.example/access-denied", "550 5.9.9 <message-refused@x.example>"] {
        assert_eq!(means(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn what_tells_a_fault_is_told_in_the_language_that_was_asked_for() {
    for text in [
        "53003",
        "conditional-access",
        "ErrorSendAsDenied",
        "invalid_grant",
        "5.7.139",
        "-ERR [AUTH] x",
        "Authentication required: log in first",
    ] {
        for found in read(text) {
            let told = [found.by.text(Lang::Ja), super::super::source(found.entry, Lang::Ja).to_owned()];
            for text in told {
                assert_eq!(latin_sentence(&text), None, "{text}");
            }
        }
    }
    assert!(ALL.iter().all(|entry| latin_sentence(super::super::source(entry, Lang::Ja)).is_none()));
    assert!(latin_sentence(&By::Id("x").text(Lang::En)).is_some());
}

#[test]
fn a_number_of_entra_is_found_as_pages_and_addresses_spell_it() {
    for text in [
        "Error code: 53003",
        "AADSTS 53003",
        "https://login.microsoftonline.com/error?code=53003",
        "Error Code: 53003 Request Id: 0b7f2a3c-5d1e-4f60-8a9b-0c1d2e3f4a5b",
    ] {
        assert_eq!(means(text), ["conditional-access"], "{text}");
    }
    assert_eq!(means("error code 535"), means("nothing at all"));
}

#[test]
fn what_a_reply_means_depends_on_whose_protocol_it_is() {
    for (text, id) in [
        ("454 4.7.0 Temporary authentication failure", "upstream-unavailable"),
        (r#"while signing on: upstream said "454 4.7.0 Temporary authentication failure""#, "upstream-unavailable"),
        ("-ERR Authentication failure: unknown user name or bad password.", "token-refused"),
        ("A1 NO LOGIN failed.", "basic-auth-retired"),
        ("535 5.7.8 Username and Password not accepted", "token-refused"),
        ("5.2.252", "send-as-denied"),
        ("554 5.2.252", "send-as-denied"),
        ("Application is over its MailboxConcurrency limit", "graph-throttled"),
    ] {
        assert_eq!(means(text), [id], "{text}");
    }
    let refused = means("535");
    for id in ["token-refused", "smtp-auth-disabled-tenant", "security-defaults", "sign-on-forbidden"] {
        assert!(refused.contains(&id), "{id}: {refused:?}");
    }
    let several = means("5.2.0");
    assert!(several.contains(&"send-as-denied") && several.contains(&"day-limit-reached"), "{several:?}");
}

/// Each of them, with the ids that it is expected to mean: one, and several of a fragment.
fn samples() -> Vec<(String, Vec<String>)> {
    let corpus: toml::Table = include_str!("../../../tests/corpus/replies.toml").parse().unwrap();
    let of = |key: &str| corpus[key].as_array().unwrap().clone();
    let text = |sample: &toml::Value, key: &str| sample[key].as_str().unwrap().to_owned();
    let whole = |sample: &toml::Value| (text(sample, "text"), vec![text(sample, "id")]);
    let mut samples: Vec<_> = of("reply").iter().map(whole).collect();
    assert!(samples.len() > 80, "the corpus was not read");
    for fragment in of("fragment") {
        let wholes: Vec<_> = fragment["whole"].as_array().unwrap().iter().map(whole).collect();
        let ids = wholes.iter().flat_map(|(_, ids)| ids.clone()).collect();
        samples.extend(wholes);
        samples.push((text(&fragment, "text"), ids));
    }
    samples
}

fn fits(pattern: &Pattern, text: &str) -> bool {
    let (protocol, lower) = (protocol_of(text), text.to_ascii_lowercase());
    let of_protocol = pattern.protocol.is_none() || protocol.is_none() || pattern.protocol == protocol;
    of_protocol && pattern.words.iter().all(|word| stands_in(word, &lower))
}

#[test]
fn every_row_of_the_data_is_met_by_a_sample_of_its_fault() {
    let samples = samples();
    let is_met = |entry: &Entry, pattern: &Pattern| {
        samples.iter().any(|(text, ids)| ids.iter().any(|id| id == entry.id) && fits(pattern, text))
    };
    let rows = ALL.iter().flat_map(|entry| entry.replies.iter().map(move |pattern| (entry, pattern)));
    let unmet: Vec<_> = rows
        .filter(|(entry, pattern)| !is_met(entry, pattern))
        .map(|(entry, pattern)| format!("{}: {:?} {:?}", entry.id, pattern.at, pattern.words))
        .collect();
    assert!(unmet.is_empty(), "add samples to tests/corpus/replies.toml:\n{}", unmet.join("\n"));
}

#[test]
fn no_sample_is_of_two_faults_at_one_place_but_of_a_particular_and_a_general_one() {
    let mut twice = Vec::new();
    for (text, _) in samples() {
        for at in [At::SignOn, At::Message, At::Session, At::Log, At::Either] {
            let of = |is_general: bool| {
                let fits = |row: &Pattern| row.at == at && row.is_general == is_general && fits(row, &text);
                ALL.iter().filter(|entry| entry.replies.iter().any(fits)).map(|entry| entry.id).collect::<Vec<_>>()
            };
            let (general, particular) = (of(true), of(false));
            if general.len() > 1 || particular.len() > 1 {
                twice.push(format!("{text}: {particular:?}, in general {general:?}"));
            }
        }
    }
    assert!(twice.is_empty(), "{}", twice.join("\n"));
}

/// What says no more than the words of one row is of its fault alone, wherever the row stands in the data.
#[test]
fn no_row_of_a_fault_has_all_words_of_a_row_of_another_at_its_place() {
    let rows = || ALL.iter().flat_map(|entry| entry.replies.iter().map(move |pattern| (entry, pattern)));
    let mut twice = Vec::new();
    for (entry, row) in rows() {
        let text = row.words.join(" / ").replace('#', "1");
        let meets = |(_, other): &(&Entry, &Pattern)| {
            let of_protocol = other.protocol.is_none() || row.protocol.is_none() || other.protocol == row.protocol;
            let goes_before = !other.is_general || row.is_general;
            other.at == row.at && of_protocol && goes_before && other.words.iter().all(|word| stands_in(word, &text))
        };
        let others = rows().filter(meets).filter(|(other, _)| other.id != entry.id);
        twice.extend(others.map(|(other, pattern)| {
            format!("{}: {:?} {:?}, and {}: {:?}", entry.id, row.at, row.words, other.id, pattern.words)
        }));
    }
    assert!(twice.is_empty(), "{}", twice.join("\n"));
}

#[test]
fn a_bare_code_of_several_faults_is_all_of_them_and_words_make_it_one() {
    let several = means("5.7.139");
    assert!(several.contains(&"smtp-auth-disabled-tenant") && several.contains(&"security-defaults"), "{several:?}");
    assert_eq!(means("535 5.7.139"), several);
    assert_eq!(
        means("535 5.7.139 SmtpClientAuthentication is disabled for the Mailbox"),
        ["smtp-auth-disabled-mailbox"]
    );
    assert_eq!(means("4.7.512"), ["sending-deferred"]);
}

#[test]
fn what_nobody_knows_is_nothing_and_what_looks_alike_is_named() {
    for text in ["", " ", "hello there", "999 9.9.9 no", "\u{0}\u{ff}", "{}"] {
        assert_eq!(means(text), Vec::<&str>::new(), "{text:?}");
    }
    assert_eq!(unknown_number("AADSTS99999999: new"), Some(99_999_999));
    assert_eq!(alike("smtp-auth-disabled-tenent").first(), Some(&"smtp-auth-disabled-tenant"));
    assert_eq!(alike("no-consent").first(), Some(&"consent-missing"));
    assert_eq!(alike("expired secret").first(), Some(&"client-secret-expired"));
    assert!(alike("x").is_empty());
    assert_eq!(means(&"\u{e4}".repeat(READ_CAP)), Vec::<&str>::new());
}

#[test]
fn the_most_particular_word_of_an_answer_counts() {
    let google = r#"{"error":"invalid_grant","error_description":"reauth","error_subtype":"invalid_rapt"}"#;
    assert_eq!(means(google), ["sign-in-frequency"]);
    let graph = r#"{"error":{"code":"ErrorSendAsDenied","message":"The user account"}}"#;
    assert_eq!(means(graph), ["send-as-denied"]);
}

/// `invalid_client` stands over an expired certificate as well, and told of a wrong secret.
#[test]
fn an_unknown_number_is_told_as_such_and_no_vague_word_beside_it() {
    for word in ["invalid_client", "invalid_request", "unauthorized_client", "access_denied"] {
        let answer = format!(r#"HTTP 401 {{"error":"{word}","error_description":"AADSTS7009999: of tomorrow."}}"#);
        assert_eq!((means(&answer), unknown_number(&answer)), (Vec::new(), Some(7_009_999)), "{word}");
        assert!(!means(word).is_empty(), "{word}");
    }
    let found = read(r#"{"error":"invalid_grant","error_description":"AADSTS7009999: of tomorrow."}"#);
    let [Found { entry, by }] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(entry.id, "sign-in-expired");
    for lang in Lang::ALL {
        assert!(by.text(lang).contains("https://login.microsoftonline.com/error?code=7009999"), "{}", by.text(lang));
        assert_eq!(latin_sentence(&by.text(Lang::Ja)), None);
    }
}

/// What is of another fault, or has a cursor moved, tells nothing.
#[test]
fn the_step_of_a_line_tells_of_its_own_fault_alone() {
    let [denied, other] = ["send-as-denied", "queue-full"].map(|id| crate::catalog::find(id).unwrap());
    let line = |next: &str| format!("WARN refused: no [send-as-denied] account=\"ann@x\" next=\"{next}\"");
    let address = |next: &str, entry| filled_in(&line(next), entry).known.address;
    assert_eq!(address("`gatepost doctor ann@x.example`", denied).as_deref(), Some("ann@x.example"));
    assert_eq!(address("`gatepost doctor ann@x.example`", other), None);
    for odd in ["", "gatepost doctor ann@x.example", "`gatepost doctor \\u001b[31mann@x.example`"] {
        assert_eq!(address(odd, denied), None, "{odd:?}");
    }
}

#[test]
fn what_a_line_advises_tells_nothing_of_what_happened() {
    let happened = "WARN refused: no account=\"ann@x\"";
    assert_eq!(without_advice(&format!("{happened} next=\"`Add-X -User o-1`.\"")), happened);
    assert_eq!(without_advice(happened), happened);
    let notices = [
        "WARN Gatepost on vm: mail waits. `Add-X -User o-1`. event=\"queue-stuck\" fault=\"send-as-denied\"",
        r#"{"event":"queue-stuck","message":"Gatepost on vm: mail waits. `Add-X -User o-1`."}"#,
    ];
    for notice in notices {
        assert_eq!(without_advice(notice), "", "all of it is advice");
    }
}

#[test]
fn a_notice_that_was_given_up_is_told_with_what_refused_it_and_with_what_became_of_the_message() {
    let line = "2026-11-30T11:00:00Z ERROR a notice about a failed message cannot be delivered either, and is given up \
                queue_id=\"bcdf23456789\" reply=\"550 5.1.10 no\" id=\"recipient-unknown\" text=\"x\"";
    let found = read(line);
    assert_eq!(found.iter().map(|one| one.entry.id).collect::<Vec<_>>(), ["recipient-unknown", "sender-not-told"]);
    assert!(are_all_told(&found));
    // A code of several faults is one of them.
    assert!(!are_all_told(&read("5.7.139")));
}
