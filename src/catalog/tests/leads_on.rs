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
        // There the load is all there is to do, once somebody looked.
        let is_looked_at = words.next != entry.words(Lang::En).next && words.next != entry.words(Lang::Ja).next;
        let is_all = entry.id == doctor::REFUSAL_REMEMBERED.id || entry.id == own::DAEMON_HANGS.id && is_looked_at;
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
        (token::CLIENT_SECRET_EXPIRED, "secret-expires = <YYYY-MM-DD>"),
        (own::PROXY_SCHEME_UNKNOWN, "mail-proxy = \"http://127.0.0.1:3128\""),
        (doctor::PORT_TAKEN, "listen = [\"<address>:<other-port>\"]"),
        (doctor::PORT_TAKEN, "listen = \"<address>:<other-port>\""),
        (doctor::LISTENER_NOT_OPEN, "listen = \"<address>:<other-port>\""),
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

fn secret_at(at: &str) -> Known {
    Known { client_secret_at: Some(at.into()), ..ann(true) }
}

#[test]
fn a_secret_is_proved_before_it_takes_the_place_of_another_where_setup_can_put_it_there() {
    let setup = "gatepost setup --address ann@contoso.com --client-secret-file new.secret --yes";
    for (known, first, line) in [
        (secret_at("/etc/gatepost/secret"), setup, "client-secret-file = \"/etc/gatepost/secret\""),
        (ann(true), setup, "client-secret-file = \"<file>\""),
        (secret_at("client-secret"), "sudo systemctl reload gatepost", "client-secret = \"<value>\""),
        // Of a variable no reload takes another value.
        (secret_at("SECRET"), "sudo systemctl restart gatepost", "client-secret-env = \"SECRET\""),
    ] {
        for (entry, lang) in [token::CLIENT_SECRET_EXPIRED, token::CLIENT_SECRET_WRONG]
            .into_iter()
            .flat_map(|entry| Lang::ALL.map(|lang| (entry, lang)))
        {
            let told = entry.told(lang, &known);
            assert_eq!(told.commands().first().map(String::as_str), Some(first), "{}: {}", entry.id, told.next);
            let step = told.step();
            let labels: Vec<_> = step.ways.iter().filter_map(|way| way.label).collect();
            assert_eq!(labels.len(), if first == setup { 3 } else { 0 }, "one way is none: {labels:?}");
            let lines: Vec<&str> =
                step.deeds().into_iter().filter(|deed| deed.command().is_none()).map(Deed::text).collect();
            assert_eq!(lines, [line, "secret-expires = <YYYY-MM-DD>"], "no day is made up: {}", told.next);
        }
    }
}

#[test]
fn in_an_account_for_a_whole_domain_nobody_is_told_to_write_whom_else_to_sign_in_as() {
    for (account, is_written) in [("*@contoso.com", false), ("ann@contoso.com", true)] {
        for lang in Lang::ALL {
            let known = Known { account: Some(account.into()), ..ann(false) };
            let told = doctor::SOMEBODY_ELSE_SIGNED_IN.told(lang, &known);
            let is_login = |command: &String| command == "gatepost login ann@contoso.com";
            assert!(told.commands().first().is_some_and(is_login), "{}", told.next);
            assert_eq!(told.next.contains("sign-in-as"), is_written, "{}", told.next);
            assert_eq!(told.step().ways.is_empty(), !is_written, "{}", told.next);
            assert!(told.next.contains("`[[account]]`"), "the way that is left: {}", told.next);
        }
    }
}

#[test]
fn a_listener_that_gets_another_port_keeps_its_address() {
    for (entry, _, words) in all_told() {
        let step = words.step();
        let mut moved = step.deeds().into_iter().map(Deed::text).filter(|line| line.contains(":<other-port>"));
        assert!(moved.all(|line| line.contains("\"<address>:<other-port>\"")), "{}: {}", entry.id, words.next);
    }
}

fn behind(key: &'static str, place: &str) -> Known {
    let proxy = Via { url: "http://proxy:3128".into(), key, place: place.into(), user: None, carries: Vec::new() };
    Known { proxy: Some(proxy), host: Some("smtp.office365.com".into()), port: Some(587), ..ann(false) }
}

#[test]
fn the_url_of_a_proxy_that_stands_in_a_file_is_written_into_that_and_into_no_table() {
    for lang in Lang::ALL {
        let next = own::PROXY_LOGIN_REFUSED.told(lang, &behind("mail-proxy-file", "/etc/gatepost/proxy.url")).next;
        assert!(next.contains("`/etc/gatepost/proxy.url`") && !next.contains("mail-proxy = "), "{next}");
        assert!(!next.contains("-file = ") && next.contains("http://<user>:<password>@proxy:3128"), "{next}");
        for key in ["mail-proxy", "mail-proxy-env"] {
            let next = own::PROXY_LOGIN_REFUSED.told(lang, &behind(key, "PROXY")).next;
            let replaced = next.contains(&format!("(`{key}`)")) || next.contains(&format!("（`{key}`）"));
            assert!(replaced && next.contains("`mail-proxy = "), "the key of the line that goes: {next}");
        }
    }
}

/// It was told that none is set.
#[test]
fn a_login_that_a_proxy_refuses_is_told_from_one_that_is_not_set() {
    for (lang, unset) in [(Lang::En, "where none are set"), (Lang::Ja, "設定されていないか")] {
        let mut known = behind("mail-proxy", "mail-proxy");
        assert!(own::PROXY_LOGIN_REFUSED.told(lang, &known).cause.contains(unset));
        known.proxy.iter_mut().for_each(|via| via.user = Some("ann".into()));
        let cause = own::PROXY_LOGIN_REFUSED.told(lang, &known).cause;
        assert!(!cause.is_empty() && !cause.contains(unset), "{cause}");
    }
}

/// It would wait for whoever does not know what for.
#[test]
fn where_curl_asks_for_a_password_it_is_said_which_and_nowhere_else() {
    for (lang, asked) in [(Lang::En, "it is that of the login at the proxy"), (Lang::Ja, "プロキシーのログインのもの")]
    {
        let mut known = behind("mail-proxy", "mail-proxy");
        assert!(!own::PROXY_FORBIDS.told(lang, &known).next.contains(asked));
        known.proxy.iter_mut().for_each(|via| via.user = Some("ann".into()));
        let next = own::PROXY_FORBIDS.told(lang, &known).next;
        assert!(next.contains("--proxy-user ann ") && next.contains(asked), "{next}");
    }
}

/// With it end sessions and a queue, of which whoever types that may know nothing.
#[test]
fn whoever_is_to_end_another_gatepost_is_told_how_to_see_its_configuration_and_what_ends_with_it() {
    use crate::catalog::doctor::{LISTENER_NOT_OPEN, PORT_TAKEN};
    for (lang, ends) in
        [(Lang::En, "its queue waits until it runs again"), (Lang::Ja, "キューのメールは次に起動するまで")]
    {
        for entry in [PORT_TAKEN, LISTENER_NOT_OPEN] {
            let words = entry.words(lang);
            assert!(words.next.contains(ends), "{}", words.next);
            assert!(words.commands().contains(&"ps -o args= -p <process>".to_owned()), "{:?}", words.commands());
        }
    }
}

/// Where the configuration has a file nobody is asked whether it has one.
#[test]
fn whoever_has_the_secret_in_a_file_is_told_the_way_of_a_file_without_a_condition() {
    for (lang, condition) in
        [(Lang::En, "where the secret is in a file"), (Lang::Ja, "ファイル（`client-secret-file`）にある場合")]
    {
        assert!(token::CLIENT_SECRET_EXPIRED.words(lang).next.contains(condition));
        let known = Known { client_secret_at: Some("/etc/gatepost/secret".into()), ..ann(true) };
        let next = token::CLIENT_SECRET_EXPIRED.told(lang, &known).next;
        assert!(next.contains("--client-secret-file new.secret") && !next.contains(condition), "{next}");
    }
}

/// They are other rights, and may be missing as well.
#[test]
fn of_a_consent_that_graph_lacks_nothing_is_said_about_reading_mail() {
    let cause = token::GRAPH_CONSENT_MISSING.told(Lang::En, &ann(true)).cause;
    assert!(!cause.contains("not touched") && cause.contains("other rights"), "{cause}");
}

#[test]
fn whoever_writes_a_small_proxy_of_their_own_into_the_configuration_replaces_what_is_there() {
    for (lang, replaces) in [(Lang::En, "in the place of what stands there now"), (Lang::Ja, "置き換え")] {
        let next = own::PROXY_SCHEME_UNKNOWN.told(lang, &behind("http-proxy-file", "/etc/gatepost/proxy.url")).next;
        assert!(next.contains(replaces) && next.contains("`http-proxy-file`"), "{next}");
    }
}

/// curl is connected to a proxy that hangs as well.
#[test]
fn through_a_proxy_an_open_way_says_200_alone() {
    for lang in Lang::ALL {
        let through = own::CLIENT_LEFT_WAITING.told(lang, &behind("mail-proxy", "mail-proxy")).next;
        assert!(through.contains("200") && !through.contains("Connected to"), "{through}");
        let direct = own::CLIENT_LEFT_WAITING.told(lang, &ann(false)).next;
        assert!(direct.contains("Connected to") && !direct.contains("200"), "{direct}");
    }
}

/// What a step says to whoever is in the first or the second of the two cases of the group, in the order in which it is done.
fn gone_through(step: &Step, is_there: bool) -> Vec<String> {
    let other = if is_there {
        ["Where there is no such group:", "グループがまだない場合："]
    } else {
        ["Where the group is there already:", "グループがすでにある場合："]
    };
    if step.label.is_some_and(|label| other.contains(&label)) {
        return Vec::new();
    }
    let own = step.lines.iter().filter_map(|line| match line {
        Line::Deed(deed) => Some(deed.text().to_owned()),
        Line::Words(_) => None,
    });
    own.chain(step.ways.iter().flat_map(|way| gone_through(way, is_there))).collect()
}

/// `gatepost setup` makes them with the role of SMTP alone.
#[test]
fn an_app_whose_group_and_scope_are_there_gets_the_role_of_graph_as_one_that_has_none() {
    let mut told = 0;
    for (entry, lang) in all().flat_map(|entry| Lang::ALL.map(|lang| (entry, lang))) {
        let step = entry.told(lang, &ann(true)).step();
        if !step.deeds().iter().any(|deed| deed.text().starts_with("New-DistributionGroup")) {
            continue;
        }
        told += 1;
        for (is_there, in_the_group) in [
            (true, "Add-DistributionGroupMember -Identity gatepost-senders -Member ann@contoso.com"),
            (false, "New-DistributionGroup -Name gatepost-senders -Type Security -Members ann@contoso.com"),
        ] {
            let done = gone_through(&step, is_there);
            // The way by SMTP, where there is one, stands ahead of that by Graph.
            let at = |begin: &str| done.iter().rposition(|one| one.starts_with(begin));
            let in_order = [
                at("New-ServicePrincipal -AppId c-1 -ObjectId o-1"),
                at(in_the_group),
                at("Get-ManagementRoleAssignment -Role \"Application Mail.Send\""),
                at(
                    "New-ManagementRoleAssignment -App c-1 -Role \"Application Mail.Send\" -CustomResourceScope Gatepost",
                ),
                at("sudo systemctl reload gatepost"),
            ];
            assert!(in_order.iter().all(Option::is_some) && in_order.is_sorted(), "{}: {done:?}", entry.id);
            let scope = at("New-ManagementScope -Name Gatepost -RecipientRestrictionFilter");
            assert_eq!(scope.is_some(), !is_there, "{}: {done:?}", entry.id);
        }
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
        assert!(commands[1].starts_with("sudo timedatectl") && commands[2].starts_with("openssl x509"), "{commands:?}");
    }
}

#[test]
fn what_exchange_has_of_an_app_is_taken_out_only_where_it_is_another_and_that_is_told_in_the_same_words_everywhere() {
    for lang in Lang::ALL {
        let told = [
            doctor::SERVICE_PRINCIPAL_MISSING,
            sign_on::TOKEN_REFUSED,
            sign_on::MAILBOX_NOT_CONNECTED,
            token::FRESH_TOKEN_REFUSED,
        ]
        .map(|entry| entry.told(lang, &Known { is_doctors: true, ..ann(true) }));
        let steps = told.each_ref().map(Words::step);
        for step in &steps {
            let [_, taken_out, put_in, _, ..] = step.ways.as_slice() else { panic!("{step:?}") };
            assert_eq!(taken_out.deeds().len(), 1, "{taken_out:?}");
            assert!(taken_out.deeds()[0].text().starts_with("Remove-ServicePrincipal "), "{taken_out:?}");
            assert!(matches!(taken_out.lines.first(), Some(Line::Words(_))), "{taken_out:?}");
            assert!(put_in.deeds()[0].text().starts_with("New-ServicePrincipal "), "{put_in:?}");
            assert_eq!(step.ways[..4], steps[0].ways[..4]);
        }
        for words in told {
            assert_eq!(words.commands().last().map(String::as_str), Some("sudo systemctl reload gatepost"));
        }
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

#[test]
fn the_step_for_a_recipient_that_a_rule_does_not_allow_is_not_torn_by_its_command() {
    for client in [None, Some("3F copier".to_owned())] {
        let known = Known { client, ..Known::default() };
        for (lang, says, then) in [
            (Lang::En, "without that key it may write to anybody.", &["Then"][..]),
            (Lang::Ja, "このキーを書かなければ、宛先は制限されません）。", &["続けて", "を実行してください。"]),
        ] {
            let lines = message::RECIPIENT_NOT_ALLOWED.told(lang, &known).step().lines;
            let words: Vec<&str> = lines
                .iter()
                .filter_map(|line| if let Line::Words(words) = line { Some(&**words) } else { None })
                .collect();
            let (first, rest) = words.split_first().unwrap();
            assert!(first.ends_with(says), "{lines:?}");
            assert_eq!(rest, then, "{lines:?}");
        }
    }
}

/// Whoever stood in line behind others met `mailbox-busy`, which says that.
#[test]
fn a_client_that_waited_for_the_network_is_told_of_no_other_messages() {
    for (lang, others) in [(Lang::En, "other messages"), (Lang::Ja, "ほかのメッセージ")] {
        let cause = own::CLIENT_LEFT_WAITING.words(lang).cause;
        assert!(!cause.contains(others), "{cause}");
    }
    for (lang, others) in [(Lang::En, "Other clients of this mailbox"), (Lang::Ja, "ほかのクライアント")] {
        let cause = own::MAILBOX_BUSY.words(lang).cause;
        assert!(cause.contains(others), "{cause}");
    }
}

#[test]
fn a_client_is_named_as_toml_has_it_and_ends_nothing_that_it_stands_in() {
    let told = |name: &str| {
        let known = Known { client: Some(name.to_owned()), ..Known::default() };
        Lang::ALL.map(|lang| message::CLIENT_MESSAGE_TOO_LARGE.told(lang, &known).next)
    };
    for name in ["3F copier", "複合機 \"3F\"", r"a\b", "`id`", "Dr. Copier. Or: x", "a\tb"] {
        for next in told(name) {
            let written = next.split('`').find_map(|span| span.strip_prefix("[[client]] ")).unwrap_or_default();
            let read: toml::Table = written.parse().unwrap_or_default();
            assert_eq!(read.get("name").and_then(|name| name.as_str()), Some(name), "{next}");
        }
    }
}

/// `gatepost password --reset` is for an account.
#[test]
fn a_wrong_password_of_a_client_is_told_with_the_hash_for_its_rule() {
    let known = Known { client: Some("3F copier".to_owned()), ..Known::default() };
    for lang in Lang::ALL {
        let told = own::BAD_CREDENTIALS.told(lang, &known);
        assert_eq!(told.commands(), ["gatepost password", "sudo systemctl reload gatepost"], "{}", told.next);
        assert!(told.next.contains("`[[client]] name = \"3F copier\"`"), "{}", told.next);
        let general = own::BAD_CREDENTIALS.words(lang).next;
        assert!(general.contains("--reset <address>") && !general.contains("<client>"), "{general}");
    }
}

/// Beside a service of systemd `gatepost run` is refused.
#[test]
fn a_step_starts_the_daemon_by_whatever_starts_it_here() {
    for said in all().flat_map(|entry| [&entry.en, &entry.ja]) {
        for text in [Some(said.next), said.next_own, said.next_app_only, said.next_elsewhere].into_iter().flatten() {
            assert!(!text.contains("`gatepost run`"), "{text}");
        }
    }
}

#[test]
fn what_stands_still_without_a_consent_for_graph_is_what_the_account_sends_that_way() {
    for outbound in ["graph", "smtp-then-graph"] {
        let known = Known { outbound: Some(outbound), ..Known::default() };
        for lang in Lang::ALL {
            let cause = token::GRAPH_CONSENT_MISSING.told(lang, &known).cause;
            assert!(cause.contains(&format!("`outbound = \"{outbound}\"`")), "{cause}");
            assert!(!cause.contains("SMTP, IMAP and POP3") && !cause.contains("SMTP、IMAP"), "{cause}");
        }
    }
}
