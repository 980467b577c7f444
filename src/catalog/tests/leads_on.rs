//! Steps that lead on: what is to be changed stands where it is typed, in its order, and whoever followed it is not sent
//! round in a circle.

use super::*;

/// Every entry, in both languages, in general and for an account of either kind.
fn all_told() -> impl Iterator<Item = (&'static Entry, Lang, Words)> {
    all().flat_map(|entry| Lang::ALL.map(|lang| (entry, lang))).flat_map(|(entry, lang)| {
        let general = entry.words(lang);
        [general, entry.told(lang, &ann(false)), entry.told(lang, &ann(true))].map(|words| (entry, lang, words))
    })
}

fn is_load(command: &str) -> bool {
    ["sudo systemctl reload gatepost", "sudo systemctl restart gatepost"].contains(&command)
}

/// `ahead`: something was said or done before, in the same way or ahead of all of them.
fn loads_nothing(step: &Step, ahead: bool) -> bool {
    let mut ahead = ahead;
    for line in &step.lines {
        match line {
            Line::Deed(deed) if deed.command().is_some_and(is_load) && !ahead => return true,
            _ => ahead = true,
        }
    }
    // What is gone through in its order is ahead of what comes behind it.
    step.ways.iter().enumerate().any(|(n, way)| loads_nothing(way, ahead || n > 0))
}

#[test]
fn whatever_is_loaded_has_ahead_of_it_what_was_to_be_changed() {
    for (entry, _, words) in all_told() {
        // There the load is all there is to do.
        let is_all = [doctor::REFUSAL_REMEMBERED.id, own::DAEMON_HANGS.id].contains(&entry.id);
        assert_eq!(loads_nothing(&words.step(), false), is_all, "{}: {}", entry.id, words.next);
    }
}

/// Whether a line is to be written behind the load that was to count it, and whether there was a load at all. Of ways of which
/// one is enough none is behind another.
fn writes_behind_a_load(step: &Step, loaded: bool) -> (bool, bool) {
    let (mut late, mut loaded, at_first) = (false, loaded, loaded);
    for line in &step.lines {
        match line {
            Line::Deed(Deed::Line { .. }) => late |= loaded,
            Line::Deed(deed) => loaded |= deed.command().is_some_and(is_load),
            Line::Words(_) => {}
        }
    }
    let ahead = loaded;
    for way in &step.ways {
        let label = way.label.unwrap_or_default();
        let is_next = label.starts_with(['(', '（'])
            || ["Then:", "その後：", "In each case:", "いずれの場合も："].contains(&label);
        let is_for_others =
            ["At ", "With ", "自分の", "アプリ専用", "他の"].iter().any(|begin| label.starts_with(begin));
        let before = if is_for_others { at_first } else { ahead };
        let (is_late, has_loaded) = writes_behind_a_load(way, if is_next { loaded } else { before });
        (late, loaded) = (late || is_late, loaded || has_loaded);
    }
    (late, loaded)
}

#[test]
fn no_line_is_to_be_written_behind_the_load_of_the_same_way() {
    for (entry, _, words) in all_told() {
        let (late, _) = writes_behind_a_load(&words.step(), false);
        assert!(!late, "{}: {}", entry.id, words.next);
    }
}

#[test]
fn both_keys_of_one_proxy_are_written_ahead_of_one_load() {
    for lang in Lang::ALL {
        let step = own::PROXY_LOGIN_REFUSED.told(lang, &ann(false)).step();
        let deeds: Vec<&str> = step.deeds().into_iter().map(Deed::text).collect();
        for key in ["http-proxy = ", "mail-proxy = ", "http-proxy-file = ", "mail-proxy-file = "] {
            assert!(deeds.iter().any(|deed| deed.starts_with(key)), "{key}: {deeds:?}");
        }
        assert_eq!(deeds.iter().filter(|deed| is_load(deed)).count(), 1, "{deeds:?}");
    }
}

#[test]
fn an_app_that_lacks_consent_is_told_of_sending_by_smtp_too() {
    for lang in Lang::ALL {
        let next = token::CONSENT_MISSING.told(lang, &ann(true)).next;
        for part in ["`SMTP.SendAsApp`", "`Application SMTP.SendAsApp`", "Application permissions"] {
            let part = if lang == Lang::Ja {
                part.replace("Application permissions", "アプリケーションの許可")
            } else {
                part.to_owned()
            };
            assert!(next.contains(&part), "{part}: {next}");
        }
    }
}

#[test]
fn where_there_is_no_token_nobody_is_sent_to_the_doctor_for_what_stands_in_it() {
    let known = Known { object_id: None, ..ann(true) };
    for (lang, place) in [(Lang::En, "<object-id>: Entra > "), (Lang::Ja, "<object-id> は、Entra の")] {
        let next = token::GRAPH_CONSENT_MISSING.told(lang, &known).next;
        assert!(next.contains(place) && !next.contains("gatepost doctor"), "{next}");
    }
}

#[test]
fn what_a_command_says_itself_is_not_cut_short_by_a_load_and_a_new_store_is_signed_in_to() {
    for lang in Lang::ALL {
        let commands = token::CONDITIONAL_ACCESS.told(lang, &ann(false)).commands();
        let last = commands.last().unwrap();
        assert!(last.ends_with("--grant client-credentials"), "{commands:?}");
        let known = Known { running_file: Some("/etc/gatepost/other.toml".into()), ..ann(false) };
        let commands = doctor::CONFIGURATION_OF_ANOTHER_DAEMON.told(lang, &known).commands();
        assert!(commands.contains(&"gatepost login ann@contoso.com".to_owned()), "{commands:?}");
    }
}

#[test]
fn a_line_that_makes_the_difference_is_written_ahead_of_the_command_that_loads_it() {
    for (entry, line) in [
        (token::TENANT_NOT_FOUND, "tenant = \"<tenant-id>\""),
        (token::TENANT_MUST_BE_NAMED, "tenant = \"<tenant-id>\""),
        (token::CLIENT_SECRET_EXPIRED, "client-secret-file = \"<file>\""),
        (token::CLIENT_SECRET_WRONG, "client-secret-file = \"<file>\""),
        (own::PROXY_LOGIN_REFUSED, "http-proxy = \"http://<user>:<password>@<host>:<port>\""),
        (own::PROXY_LOGIN_REFUSED, "http-proxy-file = \"<file>\""),
        (own::PROXY_SCHEME_UNKNOWN, "mail-proxy = \"http://127.0.0.1:3128\""),
        (doctor::PORT_TAKEN, "listen = [\"127.0.0.1:<other-port>\"]"),
        (doctor::SOMEBODY_ELSE_SIGNED_IN, "sign-in-as = \"<signed-in-as>\""),
        (message::SENDER_NOT_ALLOWED, "send-as = [\"ann@contoso.com\", \"<sender>\"]"),
    ] {
        for lang in Lang::ALL {
            let step = entry.told(lang, &ann(false)).step();
            let deeds = step.deeds();
            let at = deeds.iter().position(|deed| matches!(deed, Deed::Line { line: one, .. } if one == line));
            let at = at.unwrap_or_else(|| panic!("{}: {deeds:?}", entry.id));
            let loads = |deed: &&Deed| deed.command().is_some_and(|one| is_load(one) || one == "gatepost run");
            assert!(deeds[at..].iter().any(loads), "{}: {deeds:?}", entry.id);
        }
    }
}

#[test]
fn a_tenant_whose_id_the_provider_told_is_written_with_it() {
    let known = Known { tenant_id: Some("c0ffee".into()), ..ann(true) };
    for lang in Lang::ALL {
        let told = token::TENANT_NOT_FOUND.told(lang, &known);
        assert!(told.next.contains("`tenant = \"c0ffee\"`"), "{}", told.next);
    }
}

#[test]
fn a_secret_is_proved_before_it_takes_the_place_of_another_and_its_end_is_a_date_that_toml_reads() {
    for (entry, lang) in [token::CLIENT_SECRET_EXPIRED, token::CLIENT_SECRET_WRONG]
        .into_iter()
        .flat_map(|entry| Lang::ALL.map(|lang| (entry, lang)))
    {
        let told = entry.told(lang, &ann(true));
        let setup = "gatepost setup --address ann@contoso.com --client-secret-file new.secret --yes";
        assert_eq!(told.commands().first().map(String::as_str), Some(setup), "{}", entry.id);
        let step = told.step();
        let lines: Vec<&str> =
            step.deeds().into_iter().filter(|deed| deed.command().is_none()).map(Deed::text).collect();
        let end = lines.iter().find(|line| line.starts_with("secret-expires")).unwrap();
        let read: toml::Table = end.parse().unwrap();
        assert!(read["secret-expires"].is_datetime(), "{end}");
    }
}

#[test]
fn a_mailbox_that_comes_later_is_put_into_the_group_that_is_there() {
    let mut told = 0;
    for (entry, lang) in all().flat_map(|entry| Lang::ALL.map(|lang| (entry, lang))) {
        let commands = entry.told(lang, &ann(true)).commands();
        let at = |begin: &str| commands.iter().position(|one| one.starts_with(begin));
        let Some(made) = at("New-DistributionGroup") else { continue };
        told += 1;
        let added = at("Add-DistributionGroupMember -Identity gatepost-senders -Member ann@contoso.com");
        assert!(added.is_some_and(|added| added < made), "{}: {commands:?}", entry.id);
        for command in commands.iter().filter(|one| one.contains("ResourceScope") || one.contains("-ManagementScope")) {
            assert!(command.ends_with("Scope Gatepost") || command.contains("-Name Gatepost "), "{command}");
        }
        fn labels(step: &Step) -> Vec<&str> {
            step.label.into_iter().chain(step.ways.iter().flat_map(labels)).collect()
        }
        let step = entry.told(lang, &ann(true)).step();
        let of = |label: &&str| label.contains("group is there already") || label.contains("グループがすでに");
        assert!(labels(&step).iter().any(of), "{}: {step:?}", entry.id);
    }
    assert!(told >= 14, "{told}");
}

#[test]
fn nothing_that_an_app_is_told_to_have_consented_to_is_forbidden_to_it_elsewhere() {
    for lang in Lang::ALL {
        let next = token::CONSENT_MISSING.told(lang, &ann(true)).next;
        let (before, _) = next.split_once("adminconsent").unwrap();
        assert!(before.contains("IMAP.AccessAsApp") && before.contains("`Mail.Send`"), "{next}");
        let denied = graph::GRAPH_ACCESS_DENIED.told(lang, &ann(true));
        assert!(!denied.next.contains("whole tenant") && !denied.next.contains("テナント全体"), "{}", denied.next);
        assert!(denied.avoid.is_some_and(|avoid| avoid.contains("`Mail.Send`")));
    }
}

#[test]
fn whoever_may_just_have_been_refused_a_sign_in_is_sent_to_the_administrator_first() {
    for (entry, lang) in [token::CONSENT_MISSING, token::GRAPH_CONSENT_MISSING]
        .into_iter()
        .flat_map(|entry| Lang::ALL.map(|lang| (entry, lang)))
    {
        let refused = Some((entry.id, jiff::Timestamp::UNIX_EPOCH));
        for known in [ann(false), Known { refused_sign_in: refused, ..ann(false) }] {
            let first = entry.told(lang, &known).commands().remove(0);
            assert!(first.contains("/adminconsent?"), "{}: {first}", entry.id);
        }
    }
}

#[test]
fn the_button_stands_right_behind_the_page_that_it_does_the_same_as() {
    for (entry, _, words) in all_told() {
        let Some((_, behind)) = words.next.split_once("/adminconsent?") else { continue };
        let (between, _) = behind.split_once("AADSTS500113").unwrap();
        assert_eq!(between.matches('`').count(), 1, "{}: {between}", entry.id);
        assert!(between.chars().count() < 160, "{}: {between}", entry.id);
    }
}

#[test]
fn what_not_to_do_is_said_as_a_prohibition() {
    for entry in all() {
        let (en, ja) = (entry.words(Lang::En).avoid, entry.words(Lang::Ja).avoid);
        assert!(en.iter().all(|text| text.starts_with("Do not ")), "{}: {en:?}", entry.id);
        let first = ja.as_deref().and_then(|text| text.split('。').next());
        assert!(first.is_none_or(|text| text.ends_with("ないでください")), "{}: {ja:?}", entry.id);
    }
}

#[test]
fn whoever_looks_at_a_port_by_hand_is_told_how_an_open_way_looks() {
    let mut looks = 0;
    for (entry, _, words) in all_told().filter(|(.., words)| words.next.contains(" telnet://")) {
        looks += 1;
        assert!(words.next.contains("200") || words.next.contains("Connected to"), "{}: {}", entry.id, words.next);
        // A proxy may say 200, and then lead to its login page.
        assert!(entry.id != "proxy-portal" || words.next.contains("HTML"), "{}", words.next);
    }
    assert!(looks > 20, "{looks}");
}

/// A command that only looks has none.
#[test]
fn of_a_proxy_nothing_is_looked_up_in_a_log_of_ours() {
    for (entry, _, words) in all_told().filter(|(entry, ..)| entry.id.starts_with("proxy-")) {
        for ours in
            ["in the log", "The log ", "the log names", "in ours", "ログにある", "ログにあります", "Gatepost のログ"]
        {
            assert!(!words.next.contains(ours), "{}: {}", entry.id, words.next);
        }
    }
}

#[test]
fn an_assertion_outside_of_its_time_sends_to_the_clock_first_and_then_to_the_certificate() {
    for lang in Lang::ALL {
        let commands = token::APP_CERTIFICATE_REFUSED.told(lang, &ann(true)).commands();
        assert_eq!(commands.first().map(String::as_str), Some("date -u"), "{commands:?}");
        assert!(commands[1].starts_with("timedatectl") && commands[2].starts_with("openssl x509"), "{commands:?}");
    }
}

#[test]
fn what_exchange_has_of_an_app_is_taken_out_only_where_it_is_another() {
    for (entry, lang) in [doctor::SERVICE_PRINCIPAL_MISSING, sign_on::TOKEN_REFUSED]
        .into_iter()
        .flat_map(|entry| Lang::ALL.map(|lang| (entry, lang)))
    {
        let told = entry.told(lang, &Known { is_doctors: true, ..ann(true) });
        let removes = |way: &&Step| {
            way.lines.iter().any(|line| matches!(line, Line::Deed(deed) if deed.text().starts_with("Remove-")))
        };
        let step = told.step();
        let way = step.ways.iter().find(removes).unwrap_or_else(|| panic!("{}: {step:?}", entry.id));
        assert!(way.label.is_some() && matches!(way.lines.first(), Some(Line::Words(_))), "{way:?}");
        assert_eq!(told.commands().last().map(String::as_str), Some("sudo systemctl reload gatepost"), "{}", entry.id);
    }
}

#[test]
fn where_nobody_knows_an_object_id_the_command_that_does_is_named() {
    let known = Known { object_id: None, ..ann(true) };
    for (lang, shows) in
        [(Lang::En, "<object-id>: shown by `gatepost doctor "), (Lang::Ja, "<object-id> は、`gatepost doctor ")]
    {
        // A reply that was pasted, too, of which nothing else is known.
        for known in [Known::default(), known.clone()] {
            let next = sign_on::TOKEN_REFUSED.told(lang, &known).next;
            assert!(next.contains(shows), "{next}");
        }
        let doctors = Known { is_doctors: true, ..known.clone() };
        let next = sign_on::TOKEN_REFUSED.told(lang, &doctors).next;
        assert!(next.contains("<object-id>") && !next.contains("`gatepost doctor "), "{next}");
    }
}

#[test]
fn nobody_is_told_to_end_the_daemon_that_is_theirs() {
    let next = doctor::CONFIGURATION_OF_ANOTHER_DAEMON.words(Lang::En).next;
    assert!(next.contains("`kill <pid>`") && next.contains("<pid>: shown by `gatepost doctor "), "{next}");
}

#[test]
fn that_a_sign_in_was_refused_for_this_is_no_step() {
    for lang in Lang::ALL {
        let known =
            Known { refused_sign_in: Some((token::CONDITIONAL_ACCESS.id, jiff::Timestamp::UNIX_EPOCH)), ..ann(false) };
        let words = token::CONDITIONAL_ACCESS.told(lang, &known);
        let [when, next] = [words.cause.contains("1970-01-01"), words.next.contains("1970-01-01")];
        assert!(when && !next, "{} / {}", words.cause, words.next);
    }
}
