//! The error catalogue: every fault id with its cause, whose turn it is and the next step, in English and Japanese.
//!
//! The faults are data (`faults/*.toml`), made into constants when Gatepost is built. What Microsoft, Google and others
//! say is translated here and nowhere else, so that the reply on the wire, the log, the metrics and the docs carry the
//! same id. It refuses guesses: a text that no row knows gets the general fault.

mod cases;
mod caused;
mod codes;
mod commands;
mod entry;
pub mod explain;
mod filled;
mod harmless;
mod known;
mod look;
mod matching;
mod moment;
mod names;
mod of_kinds;
mod replied;
pub mod replies;
mod step;
pub mod together;
pub mod tried;
pub mod upstream;
mod whose;

pub use codes::{About, code_in, entra_code, graph_code, oauth_word, refusal};
pub use commands::{Deed, cloud, commands_in, one_shell};
use entry::Said;
pub use entry::{Advice, At, Entry, Pattern, Words, consent_in_entra, put_behind};
pub use harmless::{is_harmless, is_harmless_path, shell};
pub use known::{Known, Place, Via, has_stand_ins, is_filled_by_account, may_be_exchange};
pub use moment::{asked_again, beside, clock_off, hour, moment};
pub use names::{helps_to_wait, in_brief, in_short, in_short_unheard, in_short_with_id, in_the_log, kind, not_to_do};
pub use names::{owner, said_again, said_in, said_not_to, source, stage};
pub use of_kinds::{faults_beside, kinds};
pub use step::{Line, Step, with_label};

use crate::base::{Kind, Lang, Owner, Protocol};

include!(concat!(env!("OUT_DIR"), "/faults.rs"));

/// Every entry, for `gatepost explain`, the docs and the tests.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    ALL.iter()
}

/// Cause and next step of this id in `lang`, in general; `None` where no fault has it.
pub fn words(id: &str, lang: Lang) -> Option<Words> {
    Some(find(id)?.words(lang))
}

pub fn find(id: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.id == id)
}

#[cfg(test)]
mod tests {
    mod leads_on;
    use super::*;
    use crate::base::latin_sentence;

    /// Hiragana, katakana or kanji.
    fn is_japanese(text: &str) -> bool {
        text.chars().any(|c| matches!(c, '\u{3041}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}'))
    }

    #[test]
    fn whoever_is_told_to_reload_is_told_the_command() {
        for entry in all() {
            for said in [&entry.en, &entry.ja] {
                for text in [Some(said.next), said.next_app_only].into_iter().flatten() {
                    let outside: String = text.split('`').step_by(2).collect();
                    for words in ["and reload", "then reload", "再読み込みして", "restart gatepost"] {
                        assert!(!outside.contains(words), "{}: {text}", entry.id);
                    }
                }
            }
        }
    }

    /// A setting that is written changes nothing by itself; and what starts a daemon depends on what starts it here.
    #[test]
    fn whoever_is_told_to_write_a_setting_is_told_how_it_begins_to_count() {
        let is_key = |key: &str| !key.contains([' ', '\'']);
        let is_setting = |span: &&str| span.split_once(" = ").is_some_and(|(key, _)| is_key(key));
        for entry in all() {
            for said in [&entry.en, &entry.ja] {
                for text in [Some(said.next), said.next_app_only].into_iter().flatten() {
                    let mut spans = text.split('`').skip(1).step_by(2);
                    let loads = ["`{reload}`", "`{restart}`", "`{sign-in-anew}`", "`{start}`", "`{take-secret}`"];
                    let counts = loads.iter().any(|command| text.contains(command));
                    assert!(counts || spans.find(is_setting).is_none(), "{}: {text}", entry.id);
                }
            }
        }
    }

    /// Whoever goes through the causes one by one waits an hour for each.
    #[test]
    fn of_several_causes_the_first_step_is_the_command_that_tells_which_but_not_for_the_doctor_itself() {
        let known = Known { address: Some("ann@contoso.com".into()), ..Known::default() };
        let doctors = Known { is_doctors: true, ..known.clone() };
        for entry in all().filter(|entry| entry.doctor_tells) {
            for lang in Lang::ALL {
                let first = entry.told(lang, &known).commands().first().cloned();
                assert_eq!(first.as_deref(), Some("gatepost doctor ann@contoso.com"), "{}", entry.id);
                assert!(!entry.told(lang, &doctors).next.contains("gatepost doctor"), "{}", entry.id);
            }
        }
        assert!(all().any(|entry| entry.doctor_tells));
    }

    #[test]
    fn whoever_is_refused_at_their_own_mailbox_is_told_the_causes_that_are_left_each_with_its_command() {
        let ann = || Some("ann@contoso.com".to_owned());
        let known = Known {
            address: ann(),
            mailbox: ann(),
            smtp_user: ann(),
            who_signs_on: ann(),
            is_app_only: Some(false),
            protocol: Some(Protocol::Imap),
            is_doctors: true,
            ..Known::default()
        };
        for id in ["token-refused", "fresh-token-refused"] {
            for lang in Lang::ALL {
                let told = find(id).unwrap().told(lang, &known);
                let steps = [
                    "Get-EXOMailbox -Identity ann@contoso.com",
                    "Get-MgUserLicenseDetail -UserId ann@contoso.com",
                    "Set-CASMailbox -Identity ann@contoso.com -ImapEnabled $true",
                    "sudo systemctl reload gatepost",
                ];
                assert_eq!(told.commands(), steps, "{id}: {}", told.next);
                for ruled_out in ["shared", "共有", "app-only", "アプリ専用", "imap-user", "delegate", "委任"]
                {
                    let text = format!("{} {}", told.cause, told.next);
                    assert!(!text.contains(ruled_out), "{id}: {text}");
                }
                let shared = Known { mailbox: Some("info@contoso.com".into()), ..known.clone() };
                let step =
                    "Add-MailboxPermission -Identity info@contoso.com -User ann@contoso.com -AccessRights FullAccess";
                assert!(find(id).unwrap().told(lang, &shared).commands().contains(&step.to_owned()), "{id}");
            }
        }
    }

    #[test]
    fn a_sender_that_the_line_of_the_table_has_is_not_put_into_it_twice() {
        let known = Known {
            address: Some("ann@contoso.com".into()),
            send_as: Some(vec!["ann@contoso.com".into(), "info@contoso.com".into()]),
            sender: Some("Info@contoso.com".into()),
            ..Known::default()
        };
        for lang in Lang::ALL {
            let next = message::SENDER_NOT_ALLOWED.told(lang, &known).next;
            assert!(next.contains("`send-as = [\"ann@contoso.com\", \"info@contoso.com\"]`"), "{next}");
        }
    }

    #[test]
    fn nothing_tells_an_app_that_acts_by_itself_to_get_a_permission_for_the_whole_tenant() {
        let entry = graph::GRAPH_ACCESS_DENIED;
        assert!(!entry.text.contains("Mail.Send"), "{}", entry.text);
        for lang in Lang::ALL {
            for (is_app_only, is_named) in [(true, false), (false, true)] {
                let told = entry.told(lang, &Known { is_app_only: Some(is_app_only), ..Known::default() });
                let text = told.cause + &told.next;
                assert_eq!(text.contains("Mail.Send.Shared"), is_named, "{text}");
            }
        }
    }

    #[test]
    fn nobody_is_told_to_sign_in_again_and_not_to() {
        for entry in [doctor::CAPTIVE_PORTAL, own::PROXY_PORTAL] {
            for (lang, only) in [(Lang::En, "Only one that was broken off"), (Lang::Ja, "中断されたサインインだけ")]
            {
                let avoid = entry.words(lang).avoid.unwrap();
                assert!(avoid.contains(only) && !avoid.contains("Do not sign in again"), "{avoid}");
            }
        }
    }

    /// A mailbox whose SMTP is off is not helped by IMAP.
    #[test]
    fn the_protocol_that_was_refused_is_the_one_that_is_switched_on() {
        let met = |protocol| Known {
            mailbox: Some("shared@contoso.com".into()),
            smtp_user: Some("ann@contoso.com".into()),
            protocol: Some(protocol),
            ..Known::default()
        };
        let next = |protocol| find("mailbox-not-connected").unwrap().told(Lang::En, &met(protocol)).next;
        for (protocol, switch) in [
            (Protocol::Smtp, "-Identity ann@contoso.com -SmtpClientAuthenticationDisabled $false"),
            (Protocol::Imap, "-Identity shared@contoso.com -ImapEnabled $true"),
            (Protocol::Pop3, "-Identity shared@contoso.com -PopEnabled $true"),
        ] {
            assert!(next(protocol).contains(&format!("`Set-CASMailbox {switch}`")), "{}", next(protocol));
        }
    }

    #[test]
    fn a_policy_of_conditional_access_is_told_with_the_commands_in_the_order_in_which_they_are_typed() {
        let known = Known {
            address: Some("ann@contoso.com".into()),
            app: Some("contoso".into()),
            is_app_only: Some(false),
            ..Known::default()
        };
        for lang in Lang::ALL {
            let words = token::CONDITIONAL_ACCESS.told(lang, &known);
            let setup = "gatepost setup --address ann@contoso.com --grant client-credentials";
            let script = "gatepost setup --address ann@contoso.com --grant client-credentials --print-script -";
            let typed =
                ["gatepost login ann@contoso.com --flow browser", "sudo systemctl reload gatepost", script, setup];
            assert_eq!(words.commands(), typed, "{}", words.next);
        }
    }

    /// Entra answers AADSTS500113 there where the app has no redirect URI, as an app that acts by itself.
    #[test]
    fn wherever_the_page_for_the_consent_of_an_administrator_is_named_so_is_the_button() {
        let known = Known {
            address: Some("ann@contoso.com".into()),
            tenant: Some("contoso.com".into()),
            client_id: Some("c-1".into()),
            login: Some("https://login.microsoftonline.com".into()),
            ..Known::default()
        };
        let mut named = 0;
        for entry in all() {
            for (lang, button) in [
                (Lang::En, "\"Grant admin consent for (name of the tenant)\""),
                (Lang::Ja, "「（テナント名）に管理者の同意を与えます」"),
            ] {
                let next = entry.told(lang, &known).next;
                if next.contains("adminconsent?") {
                    named += 1;
                    assert!(next.contains(button) && next.contains("AADSTS500113"), "{}: {next}", entry.id);
                }
            }
        }
        assert!(named >= 10, "{named}");
    }

    #[test]
    fn a_policy_that_refuses_is_one_story_at_the_identity_provider_and_at_the_mail_server() {
        let told = |id: &str, lang| find(id).unwrap().words(lang);
        for (lang, who, steps) in [
            (
                Lang::En,
                "Conditional Access Administrator",
                ["Sign-in logs", "names the policy that failed", "Named locations", "Network > Exclude", "address"],
            ),
            (
                Lang::Ja,
                "条件付きアクセス管理者",
                [
                    "サインインログ",
                    "失敗したポリシー",
                    "ネームドロケーション",
                    "「ネットワーク」>「対象外」",
                    "アドレス",
                ],
            ),
        ] {
            let both = ["conditional-access", "sign-on-criteria-not-met"].map(|id| told(id, lang));
            for words in &both {
                assert!(words.next.contains(who) && steps.iter().all(|step| words.next.contains(step)), "{words:?}");
            }
            let [provider, server] = both.each_ref().map(|words| words.avoid.clone().unwrap_or_default());
            assert!(server.starts_with(&provider) && server.contains("AllowBasicAuthSmtp"), "{server}");
            assert!(
                both[1].commands().iter().any(|one| one.starts_with("Get-User ")),
                "a policy of Exchange: {both:?}"
            );
        }
    }

    fn ann(is_app_only: bool) -> Known {
        let ann = || Some("ann@contoso.com".to_owned());
        Known {
            address: ann(),
            mailbox: ann(),
            smtp_user: ann(),
            who_signs_on: ann(),
            app: Some("contoso".into()),
            provider: Some("microsoft365".into()),
            is_app_only: Some(is_app_only),
            tenant: Some("contoso.com".into()),
            client_id: Some("c-1".into()),
            object_id: is_app_only.then(|| "o-1".to_owned()),
            login: Some("https://login.microsoftonline.com".into()),
            ..Known::default()
        }
    }

    /// A configuration of such an app without a secret is refused.
    #[test]
    fn an_app_that_acts_by_itself_is_told_to_keep_the_secret_that_it_needs() {
        for (lang, kept, removed) in [
            (Lang::En, "keep the secret", "Remove the secret"),
            (Lang::Ja, "シークレットは残してください", "方法3：各ユーザーのサインイン"),
        ] {
            let next = |is_app_only| token::CLIENT_SECRET_NOT_ALLOWED.told(lang, &ann(is_app_only)).next;
            let of_app = next(true);
            assert!(of_app.contains(kept) && of_app.contains("`grant`"), "{of_app}");
            assert_eq!(of_app.contains(removed), lang == Lang::Ja, "{of_app}");
            assert!(!next(false).contains(kept) && !next(false).contains("`grant`"), "{}", next(false));
        }
    }

    /// Else whoever follows it has mail that stands still for another reason.
    #[test]
    fn wherever_graph_is_offered_the_right_to_send_by_it_stands_first() {
        let mut offered = 0;
        for (entry, lang) in all().flat_map(|entry| Lang::ALL.map(|lang| (entry, lang))) {
            for (is_app_only, right) in
                [(false, "/contoso.com/adminconsent?client_id=c-1"), (true, "Application Mail.Send")]
            {
                let next = entry.told(lang, &ann(is_app_only)).next;
                let Some((before, _)) = next.split_once("`outbound = \"graph\"`") else { continue };
                // An app that acts by itself signs in nowhere else.
                if is_app_only && entry.id == sign_on::FEDERATION_NOT_HTTPS.id {
                    continue;
                }
                offered += 1;
                assert!(before.contains(right), "{}: {next}", entry.id);
            }
        }
        assert!(offered >= 28, "{offered}");
    }

    #[test]
    fn what_a_person_puts_in_has_one_notation_and_of_an_app_that_is_known_nothing_is_left_to_put_in() {
        const CAPITALS: [&str; 8] = ["GROUP", "ID", "HOST", "PORT", "PATH", "USER", "PASSWORD", "ADDRESS"];
        for (entry, lang) in all().flat_map(|entry| Lang::ALL.map(|lang| (entry, lang))) {
            for known in [Known::default(), ann(false), ann(true)] {
                for command in entry.told(lang, &known).commands() {
                    let odd = command.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| CAPITALS.contains(word));
                    assert_eq!(odd, None, "{}: {command}", entry.id);
                }
            }
            let cmdlets = entry.told(lang, &ann(true)).commands();
            let mut of_the_app = cmdlets.iter().filter(|one| one.contains("ServicePrincipal") || one.contains("-App "));
            assert!(of_the_app.all(|one| !one.contains('<')), "{}: {cmdlets:?}", entry.id);
        }
    }

    /// Whoever skips a point, or is in another case than the one that comes first, types what stands behind it.
    #[test]
    fn whoever_types_a_cmdlet_is_connected_whichever_case_holds() {
        fn unconnected(step: &Step, connected: &[&str], found: &mut Vec<String>) {
            // By now, and for the case at hand alone.
            let (mut connected, mut here, mut case) = (connected.to_vec(), Vec::new(), String::new());
            for (at, line) in step.lines.iter().enumerate() {
                match line {
                    // With which a point begins, the whole of it is for.
                    Line::Words(_) if at == 0 && step.label.is_some() => {}
                    Line::Words(words) => {
                        let ends = words.rfind(['.', '。']);
                        ends.into_iter().for_each(|_| (here, case) = (Vec::new(), String::new()));
                        case.push_str(&words[ends.unwrap_or_default()..]);
                    }
                    Line::Deed(Deed::Command(command)) if command.starts_with("Connect-") => {
                        let is_case = ["here ", "nless", "nly ", "場合"].iter().any(|word| case.contains(word));
                        if is_case { here.push(&**command) } else { connected.push(command) }
                    }
                    Line::Deed(Deed::Command(command)) => {
                        let is_connected = |to: &str| connected.iter().chain(&here).any(|one| one.starts_with(to));
                        let lacks = ["Connect-ExchangeOnline", "Connect-MgGraph"]
                            .into_iter()
                            .find(|to| commands::is_typed_behind(command, to) && !is_connected(to));
                        found.extend(lacks.map(|to| format!("{to} ahead of {command}")));
                    }
                    Line::Deed(_) => {}
                }
            }
            step.ways.iter().for_each(|way| unconnected(way, &connected, found));
        }
        for (entry, lang) in all().flat_map(|entry| Lang::ALL.map(|lang| (entry, lang))) {
            for known in [Known::default(), ann(false), ann(true)] {
                let (step, mut found) = (entry.told(lang, &known).step(), Vec::new());
                unconnected(&step, &[], &mut found);
                assert!(found.is_empty(), "{}: {found:?} in\n{}", entry.id, step.drawn(100, &|_| None).join("\n"));
            }
        }
    }

    /// Within another command, which goes on with both, that is told once.
    #[test]
    fn what_is_loaded_and_then_signed_in_to_is_one_name_for_both_commands() {
        for said in all().flat_map(|entry| [&entry.en, &entry.ja]) {
            for text in [Some(said.next), said.next_app_only].into_iter().flatten() {
                let spans: Vec<&str> = text.split('`').collect();
                let both = spans.windows(3).find(|part| part[0] == "{reload}" && part[2].starts_with("gatepost login"));
                let links = both.map_or("", |part| part[1]);
                assert!(links.contains(['.', '。', ':', '：']) || both.is_none(), "{text}");
            }
        }
    }

    #[test]
    fn at_a_provider_without_exchange_nobody_is_sent_to_exchange_for_a_token_that_is_refused() {
        for (entry, lang) in [sign_on::TOKEN_REFUSED, token::FRESH_TOKEN_REFUSED, sign_on::MAIL_PROTOCOL_DISABLED]
            .into_iter()
            .flat_map(|entry| Lang::ALL.map(|lang| (entry, lang)))
        {
            let google = Known { provider: Some("google".into()), tenant: None, ..ann(false) };
            let told = entry.told(lang, &google);
            let text = format!("{} {}", told.cause, told.next);
            assert!(told.shell.is_none() && !text.contains("Exchange") && !text.contains("Mailbox "), "{text}");
            assert!(entry.told(lang, &ann(false)).shell.is_some(), "{}", entry.id);
        }
    }

    #[test]
    fn every_fault_says_in_both_languages_why_and_what_to_do() {
        for entry in all() {
            let (en, ja) = (entry.words(Lang::En), entry.words(Lang::Ja));
            assert!(en.cause.len() > 20 && en.next.len() > 10, "{}", entry.id);
            for japanese in [Some(ja.cause), Some(ja.next), ja.avoid].into_iter().flatten() {
                assert_eq!(latin_sentence(&japanese), None, "{}: {japanese}", entry.id);
                assert!(is_japanese(&japanese) && japanese.ends_with('。'), "{}: {japanese}", entry.id);
            }
            for english in [Some(en.cause), Some(en.next), en.avoid].into_iter().flatten() {
                assert!(!is_japanese(&english) && english.ends_with('.'), "{}: {english}", entry.id);
            }
        }
    }

    /// What people do when mail stands still, and must not.
    #[test]
    fn whatever_tempts_people_to_switch_security_off_names_a_better_way() {
        for id in ["smtp-auth-disabled-tenant", "smtp-auth-disabled-mailbox", "security-defaults", "conditional-access"]
        {
            assert!(find(id).unwrap().words(Lang::En).avoid.is_some(), "{id}");
        }
        let next = find("security-defaults").unwrap().words(Lang::En).next;
        assert!(next.contains("outbound = \"graph\"") && next.contains("adminconsent"), "{next}");
    }

    #[test]
    fn a_command_holds_the_real_address_and_can_be_pasted() {
        let known = Known { smtp_user: Some("ann@contoso.com".into()), ..Known::default() };
        let next = sign_on::SMTP_AUTH_DISABLED_MAILBOX.told(Lang::En, &known).next;
        let command = "`Set-CASMailbox -Identity ann@contoso.com -SmtpClientAuthenticationDisabled $false`";
        assert!(next.contains(command), "{next}");
        let next = sign_on::SMTP_AUTH_DISABLED_MAILBOX.told(Lang::Ja, &known).next;
        assert!(next.contains(command), "{next}");
    }

    #[test]
    fn when_a_refusal_is_asked_about_again_and_where_a_value_is_found_stand_behind_the_step() {
        let at = hour("2026-11-28T14:35:10Z".parse().unwrap());
        let known = |id| Known {
            address: Some("ann@contoso.com".into()),
            is_app_only: Some(true),
            tenant: Some("contoso.com".into()),
            login: Some("https://login.microsoftonline.com".into()),
            client_id: Some("c-1".into()),
            asks_again: vec![("sign-in-expired", "09:00 UTC".to_owned()), (id, at.clone())],
            ..Known::default()
        };
        let of = |entry: &Entry, lang| entry.told(lang, &known(entry.id)).next;
        let next = of(token::ACCOUNT_PASSWORD_EXPIRED, Lang::En);
        let asks = " Gatepost asks again at 14:35 UTC, or at once after `sudo systemctl reload gatepost`.";
        assert!(next.ends_with(asks), "{next}");
        let next = of(token::CONSENT_MISSING, Lang::En);
        assert!(next.ends_with(" Gatepost asks again by itself at 14:35 UTC."), "{next}");
        assert_eq!(next.matches("sudo systemctl reload").count(), 1, "{next}");
        assert!(of(token::CONSENT_MISSING, Lang::Ja).contains("14:35 UTC"));
        assert!(!of(token::TOKEN_ENDPOINT_UNREACHABLE, Lang::En).contains("14:35"), "it is tried again all the time");
        let other = token::CONDITIONAL_ACCESS.told(Lang::En, &known("consent-missing")).next;
        assert!(!other.contains("14:35"), "{other}");

        let next = of(message::SEND_AS_DENIED, Lang::En);
        assert!(next.ends_with(" <sender>: the sender that the log names."), "{next}");
        let sender = Some("info@contoso.com".into());
        let told =
            message::SEND_AS_DENIED.told(Lang::En, &Known { sender, object_id: Some("o-1".into()), ..known("") });
        assert!(!told.next.contains('<'), "{}", told.next);
        assert!(has_stand_ins(&message::SEND_AS_DENIED.words(Lang::En).next) && !has_stand_ins(&told.next));
    }
}
