use super::*;
use crate::base::Lang;

#[test]
fn what_is_known_is_filled_in_and_what_is_not_stands_in_angle_brackets() {
    let known = Known { mailbox: Some("ann@contoso.com".into()), port: Some(587), ..Known::default() };
    let text = "`Set-CASMailbox -Identity {mailbox}` in {tenant} at {host}:{port}; @{Add='{who-signs-on}'} {x} {";
    let told = "`Set-CASMailbox -Identity ann@contoso.com` in <tenant> at <host>:587; @{Add='<who-signs-on>'} {x} {";
    assert_eq!(known.fill(text), told);
    assert_eq!(Known::default().fill("https://{login-host}/"), "https://login.microsoftonline.com/");
}

#[test]
fn only_what_has_tenants_has_a_page_for_the_consent_of_an_administrator_and_no_host_is_guessed_for_another() {
    let consent = |known: &Known| known.fill("`{admin-consent-page}` at {login-host}");
    let docs =
        "`https://login.microsoftonline.com/<tenant>/adminconsent?client_id=<client-id>` at login.microsoftonline.com";
    assert_eq!(consent(&Known::default()), docs);
    let us = Known {
        login: Some("https://login.microsoftonline.us".into()),
        tenant: Some("contoso.us".into()),
        client_id: Some("c-1; x".into()),
        ..Known::default()
    };
    let page =
        "`https://login.microsoftonline.us/contoso.us/adminconsent?client_id=<client-id>` at login.microsoftonline.us";
    assert_eq!(consent(&us), page);
    let google = Known { tenant: None, login: Some("https://oauth2.googleapis.com".into()), ..us };
    assert_eq!(consent(&google), "`<admin-consent-page>` at oauth2.googleapis.com");
    let unnamed = Known { login: None, ..google };
    assert_eq!(consent(&unnamed), "`<admin-consent-page>` at <login-host>");
}

#[test]
fn every_name_has_a_value_of_its_own() {
    let known = Known {
        carried: Vec::new(),
        address: Some("address@domain".into()),
        account: Some("*@domain".into()),
        mailbox: Some("mailbox".into()),
        smtp_user: Some("smtp-user".into()),
        who_signs_on: Some("who-signs-on".into()),
        signed_in_as: Some("signed-in-as".into()),
        whose_stays: Some("whose-stays".into()),
        sender: Some("sender@domain".into()),
        send_as: None,
        has_send_as_line: None,
        client: Some("client".into()),
        app: Some("app".into()),
        provider: None,
        is_app_only: Some(false),
        tenant: Some("tenant".into()),
        tenant_id: Some("tenant-id".into()),
        client_id: Some("client-id".into()),
        client_secret_at: Some("/client-secret-at".into()),
        device_address: Some("device-address".into()),
        object_id: Some("object-id".into()),
        outbound: Some("smtp-then-graph"),
        is_queued: false,
        number: Some(7_009_999),
        permissions: vec!["permissions".into()],
        host: Some("host".into()),
        port: Some(1),
        place: Some(Place::of_listener("[::1]:1".parse().unwrap())),
        ports_of_ours: Vec::new(),
        socket: Some("587".into()),
        login: Some("https://login-host".into()),
        graph_host: Some("graph-host".into()),
        proxy: Some(Via {
            url: "http://proxy:3128".into(),
            key: "mail-proxy-file",
            place: "/proxy-at".into(),
            user: None,
            carries: vec!["needed:1".into(), "needed:2".into()],
        }),
        protocol: Some(Protocol::Pop3),
        speaks: None,
        login_proxy: Some(Via {
            url: "http://web:3128".into(),
            key: "http-proxy-env",
            place: "PROXY".into(),
            user: None,
            carries: Vec::new(),
        }),
        running_file: Some("/running-file".into()),
        left_store: Some("/left-store".into()),
        left_folder: Some("/left-folder".into()),
        refused_sign_in: None,
        is_doctors: false,
        is_at_sign_in: true,
        is_unconfigured: false,
        is_in_general: false,
        asks_again: Vec::new(),
    };
    for name in NAMES {
        let value = match name {
            "account" => "*@domain",
            "client" => "`[[client]] name = \"client\"`",
            "address" => "address@domain",
            "ask-again" => "gatepost login address@domain",
            "number" => "7009999",
            "port" => "1",
            "admin-consent-page" => "https://login-host/tenant/adminconsent?client_id=client-id",
            "client-secret-at" => "/client-secret-at",
            "client-secret-line" => "client-secret-file = \"/client-secret-at\"",
            "look-at-certificate" => "openssl s_client -connect host:1 -proxy proxy:3128 -servername host -showcerts",
            "look-at-clock" => "timedatectl show -p NTPSynchronized",
            "look-at-place" => "ss -ltnp 'src = [::1]:1 or src = [::]:1'",
            "look-at-graph" => "curl -v -x http://web:3128 https://graph-host/",
            "look-at-login-certificate" => {
                "openssl s_client -connect login-host:443 -proxy web:3128 -servername login-host -showcerts"
            }
            "look-at-port" => "curl -v --max-time 10 --proxy http://proxy:3128 --proxytunnel telnet://host:1",
            "look-at-login" => "curl -v -x http://web:3128 https://login-host/",
            "look-up" => "getent hosts host",
            "needed" => "needed:1, needed:2",
            "open-port-says" => "200",
            "other-place" => "[::1]:<other-port>",
            "other-proxy-file-line" => "http-proxy-file = \"<file>\"",
            "other-proxy-line" => "http-proxy = \"http://<user>:<password>@proxy:3128\"",
            "outbound" => "outbound = \"smtp-then-graph\"",
            "set-clock" => "sudo timedatectl set-ntp true",
            "proxy" => "http://proxy:3128",
            "proxy-at" => "/proxy-at",
            "protocol-switch" => "-Identity mailbox -PopEnabled $true",
            "proxy-key" | "mail-proxy-key" => "mail-proxy-file",
            "http-proxy-key" => "http-proxy-env",
            "proxy-file-line" => "mail-proxy-file = \"<file>\"",
            "proxy-line" => "mail-proxy = \"http://<user>:<password>@proxy:3128\"",
            "proxy-with-login" => "http://<user>:<password>@proxy:3128",
            "reload" | "take-secret" => "sudo systemctl reload gatepost",
            "restart" | "restart-by-force" | "restart-elsewhere" => "sudo systemctl restart gatepost",
            "running-file" => "/running-file",
            "left-folder" => "/left-folder",
            "left-store" => "/left-store",
            "seal-secret" => "systemd-ask-password -n | sudo systemd-creds encrypt --name=<name> - <file>",
            "socket-line" => "ListenStream=587",
            "send-as" => "send-as = [\"address@domain\", \"sender@domain\"]",
            "sender" => "sender@domain",
            "sender-domain" => "domain",
            "sign-in-anew" => "sudo systemctl reload gatepost`, `gatepost login address@domain",
            "start" => "gatepost run",
            "stop" => "kill <pid>",
            "tenant-page" => "https://login-host/domain/v2.0/.well-known/openid-configuration",
            name => name,
        };
        assert_eq!(known.fill(&format!("{{{name}}}")), value);
    }
}

#[test]
fn a_right_is_given_to_who_signs_on_and_of_an_app_to_its_service_principal() {
    let ann = Known { who_signs_on: Some("ann@contoso.com".into()), ..Known::default() };
    assert_eq!(ann.fill("-User {who-signs-on}"), "-User ann@contoso.com");
    let app = Known { is_app_only: Some(true), object_id: Some("o-1".into()), ..ann };
    assert_eq!(app.fill("-User {who-signs-on}"), "-User o-1");
    let unseen = Known { object_id: None, ..app };
    assert_eq!(unseen.fill("-User {who-signs-on} -ObjectId {object-id}"), "-User <object-id> -ObjectId <object-id>");
}

#[test]
fn no_command_is_made_of_what_a_shell_reads_otherwise() {
    for odd in
        ["", "a|calc@contoso.com", "$x@contoso.com", "a`b@contoso.com", "a'b@c.d", "-x@c.d", "a b@c.d", "\u{e4}@c.d"]
    {
        let [sender, client_secret_at, login] = std::array::from_fn(|_| Some(odd.to_owned()));
        let carries = vec![odd.to_owned()];
        let proxy = Some(Via {
            url: odd.to_owned(),
            key: "mail-proxy",
            place: odd.to_owned(),
            user: Some(odd.to_owned()),
            carries,
        });
        let known = Known { sender, proxy, client_secret_at, login, ..Known::default() };
        let told = known.fill("grant {sender} by {proxy} in {client-secret-at} at {login-host}");
        assert_eq!(told, "grant <sender> by <proxy> in client-secret-file at <login-host>", "{odd:?}");
    }
}

#[test]
fn nobody_is_told_to_grant_full_access_on_their_own_mailbox() {
    use crate::{base::Lang, catalog};
    let of = |who: &str| Known {
        address: Some("Ann@contoso.com".into()),
        mailbox: Some("Ann@contoso.com".into()),
        who_signs_on: Some(who.into()),
        is_app_only: Some(false),
        ..Known::default()
    };
    let grant = "Add-MailboxPermission";
    let all = || catalog::all().flat_map(|entry| [Lang::En, Lang::Ja].map(|lang| (entry, lang)));
    for (entry, lang) in all() {
        let [own, other, nobody] =
            [of("ann@contoso.com"), of("bob@contoso.com"), Known::default()].map(|known| entry.told(lang, &known).next);
        for told in [&own, &other, &nobody] {
            assert!(!told.contains(['\u{27e8}', '\u{27e9}']), "{}: {told}", entry.id);
        }
        // Found where another one signs on, or an app.
        let of_another = ["full-access-missing", "service-principal-missing", "somebody-else-signed-in"];
        let is_of_another = of_another.contains(&entry.id);
        assert!(!own.contains(grant) || is_of_another, "{}: {own}", entry.id);
    }
    for id in ["mailbox-not-connected", "fresh-token-refused"] {
        let told = |who| catalog::find(id).unwrap().told(Lang::En, &of(who)).next;
        assert!(told("bob@contoso.com").contains(grant), "{id}");
        assert!(told("ann@contoso.com").contains("-ImapEnabled"), "{id}: {}", told("ann@contoso.com"));
    }
}

/// What a running service was lent stays as it was, whatever its source or a reload says (systemd.exec(5)).
#[test]
fn a_secret_that_systemd_lends_is_renewed_at_its_source_and_by_a_restart_alone() {
    let known = |at: &str| Known {
        address: Some("ann@contoso.com".into()),
        app: Some("contoso".into()),
        client_id: Some("c-1".into()),
        client_secret_at: Some(at.into()),
        ..Known::default()
    };
    let lent = "LoadCredential=client-secret:/etc/gatepost/client-secret";
    for (entry, lang) in [crate::catalog::token::CLIENT_SECRET_EXPIRED, crate::catalog::token::CLIENT_SECRET_WRONG]
        .into_iter()
        .flat_map(|entry| Lang::ALL.map(|lang| (entry, lang)))
    {
        let next = entry.told(lang, &known(lent)).next;
        for part in [
            "`/etc/gatepost/client-secret`",
            "`client-secret-file = \"$CREDENTIALS_DIRECTORY/client-secret\"`",
            "`sudo systemctl restart gatepost`",
            "`secret-expires = <YYYY-MM-DD>`",
        ] {
            assert!(next.contains(part), "{part}: {next}");
        }
        for odd in ["gatepost setup", "reload", "⟪", "⟫", "Either", "方法"] {
            assert!(!next.contains(odd), "{odd}: {next}");
        }
        let unknown = entry.told(lang, &known("LoadCredential=client-secret:<file>")).next;
        assert!(unknown.contains("`LoadCredential=client-secret:<file>`"), "{unknown}");
        let own = entry.told(lang, &known("/etc/gatepost/client-secret")).next;
        assert!(own.contains("gatepost setup") && own.contains("reload") && !own.contains("restart"), "{own}");
    }
}

/// Written there as it is, it would be no secret to systemd.
#[test]
fn a_secret_that_systemd_lends_sealed_is_sealed_anew_and_not_written_by_hand() {
    let at = |setting: &str| format!("{setting}=client-secret:/etc/gatepost/secret.cred");
    let known = |setting| Known { client_secret_at: Some(at(setting)), ..Known::default() };
    let seal =
        "`systemd-ask-password -n | sudo systemd-creds encrypt --name=client-secret - /etc/gatepost/secret.cred`";
    for lang in Lang::ALL {
        let told = |setting| crate::catalog::token::CLIENT_SECRET_EXPIRED.told(lang, &known(setting)).next;
        let (plain, sealed) = (told("LoadCredential"), told("LoadCredentialEncrypted"));
        assert!(sealed.contains(seal) && sealed.contains("`sudo systemctl restart gatepost`"), "{sealed}");
        assert!(!plain.contains("systemd-creds"), "{plain}");
        for by_hand in ["by hand", "自分で書いて"] {
            assert!(!sealed.contains(by_hand), "{sealed}");
        }
    }
}

/// Between backticks it would be typed as it stands.
#[test]
fn no_placeholder_hides_two_ways_in_one() {
    for known in [Known::default(), Known { is_in_general: true, ..Known::default() }] {
        for name in NAMES {
            let value = known.value(name);
            // One that is typed behind the other is a command of its own.
            let commands: Vec<&str> = value.split("`, `").collect();
            assert!(commands.iter().all(|one| !one.contains(" / ") && !one.contains('`')), "{name}: {value}");
        }
    }
}
