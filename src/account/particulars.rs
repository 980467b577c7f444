//! What the catalogue may fill in about an account when it tells a fault: addresses, app, tenant, hosts, proxies.

use std::net::IpAddr;

use super::{Account, Delivery};
use crate::{
    base::{Lang, Protocol, Stage},
    catalog::{self, Known, Words},
    net::{Upstream, UpstreamTls, is_beside},
    oauth::SignInState,
};

/// When and where a fault befell somebody, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Occasion<'a> {
    pub protocol: Option<Protocol>,
    pub stage: Option<Stage>,
    /// Whose account it is, where that itself is not at hand.
    pub address: Option<&'a str>,
    /// Whom the message claimed to be from.
    pub sender: Option<&'a str>,
    /// The `[[client]]` whose message or login it was, where it has a rule.
    pub client: Option<&'a str>,
    /// From where the client came.
    pub peer: Option<IpAddr>,
    /// How the sign-in of the account stands.
    pub sign_in: Option<&'a SignInState>,
}

impl Occasion<'_> {
    /// On the way to a token.
    pub fn of_sign_in(sign_in: Option<&SignInState>) -> Occasion<'_> {
        Occasion { stage: Some(Stage::FetchingToken), sign_in, ..Occasion::default() }
    }
}

/// Cause and next step of a fault of this account; in general, where nobody is known. `None`: no fault has this id.
pub fn told(id: &str, lang: Lang, account: Option<&Account>, occasion: &Occasion<'_>) -> Option<Words> {
    let known = account.map(|account| account.known(occasion)).unwrap_or_default();
    let address = known.address.clone().or_else(|| occasion.address.map(str::to_owned));
    let sender = occasion.sender.map(str::to_owned).or(known.sender.clone());
    let client = occasion.client.map(str::to_owned);
    let device_address = occasion.peer.map(|peer| peer.to_canonical().to_string());
    Some(catalog::find(id)?.told(lang, &Known { address, sender, client, device_address, ..known }))
}

impl Account {
    /// It signs on, by this protocol, as the one whose sign-in it lives on, and not as a shared mailbox or another person.
    pub fn is_of_its_signer(&self, protocol: Protocol) -> bool {
        let user = if protocol == Protocol::Smtp { &self.smtp_user } else { &self.imap_user };
        user.eq_ignore_ascii_case(&self.sign_in.identity)
    }

    /// A mailbox of a whole domain may send as itself, whatever the table of the domain says.
    pub fn send_as_in_table(&self) -> Vec<String> {
        let is_written = |one: &&String| self.domain.is_none() || **one != self.address;
        self.send_as.iter().filter(is_written).cloned().collect()
    }

    /// With the server that the occasion is about; else that of SMTP.
    pub fn known(&self, occasion: &Occasion<'_>) -> Known {
        let app = &self.sign_in.app;
        let of_app = app.known();
        let identity = || Some((app.token_url.host_str()?.to_owned(), app.token_url.port_or_known_default()?));
        let of_mail = |protocol, upstream: &Upstream| {
            let speaks = (protocol, upstream.tls == UpstreamTls::StartTls);
            (upstream.host.clone(), upstream.port, Some(speaks))
        };
        let of_identity = || identity().map(|(host, port)| (host, port, None));
        let (host, port, speaks) = match (occasion.stage, occasion.protocol) {
            (Some(Stage::FetchingToken), _) => of_identity().unwrap_or_else(|| of_mail(Protocol::Smtp, &app.smtp)),
            (_, Some(Protocol::Imap)) => of_mail(Protocol::Imap, &app.imap),
            (_, Some(Protocol::Pop3)) => of_mail(Protocol::Pop3, &app.pop3),
            (_, Some(Protocol::Smtp) | None) => of_mail(Protocol::Smtp, &app.smtp),
        };
        let (http, mail) = (self.proxies.http.as_ref(), self.proxies.mail.as_ref());
        let login_proxy = http.filter(|_| !app.token_url.host_str().is_some_and(is_beside)).cloned();
        let proxy = match occasion.stage {
            Some(Stage::FetchingToken) => login_proxy.clone(),
            _ => mail.filter(|_| !is_beside(&host)).cloned(),
        };
        Known {
            address: Some(self.address.clone()),
            account: self.domain.as_ref().map(|domain| format!("*@{domain}")),
            mailbox: Some(self.imap_user.clone()),
            smtp_user: Some(self.smtp_user.clone()),
            who_signs_on: Some(self.sign_in.identity.clone()),
            signed_in_as: occasion.sign_in.and_then(|state| state.came_as(&self.sign_in)).map(str::to_owned),
            whose_stays: occasion.sign_in.and_then(|state| state.refused_beside.as_ref()?.whose_stays.clone()),
            sender: occasion.sender.map(str::to_owned),
            client: occasion.client.map(str::to_owned),
            send_as: Some(self.send_as_in_table()),
            has_send_as_line: Some(self.has_send_as_line),
            outbound: Some(self.sending.route.as_str()),
            is_queued: self.sending.delivery == Delivery::Queue,
            object_id: occasion.sign_in.and_then(|state| state.object_id.clone()),
            asks_again: occasion.sign_in.map(SignInState::asks_again).unwrap_or_default(),
            refused_sign_in: occasion.sign_in.and_then(SignInState::refused_sign_in),
            protocol: occasion.protocol,
            speaks,
            host: Some(host),
            port: Some(port),
            proxy,
            login_proxy,
            ..of_app
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::base::{Lang, Protocol};
    use crate::{
        account::Occasion,
        base::Stage,
        catalog::{
            doctor::MAIL_PORT_PORTAL,
            own::{PROXY_FORBIDS, PROXY_LOGIN_REFUSED, PROXY_PORTAL, UPSTREAM_TLS_UNTRUSTED},
            token::TOKEN_ENDPOINT_UNREACHABLE,
        },
        config::{self, Surroundings},
    };

    const FILE: &str = r#"
[network]
http-proxy = "http://ann:hunter2@web.contoso.com:3128"
mail-proxy = "socks5://mail.contoso.com"

[app.contoso]
provider = "microsoft365"
tenant = "contoso.com"
client-id = "00000000-0000-0000-0000-000000000000"

[[account]]
address = "ann@contoso.com"
app = "contoso"
"#;

    /// Whoever pastes it goes the way that Gatepost goes.
    #[test]
    fn commands_go_through_the_proxy_of_the_way_that_failed_and_name_no_password() {
        let around = Surroundings::of_this_process(Path::new("gatepost.toml"));
        let (config, _) = config::check_text(FILE, "gatepost.toml", &around).unwrap();
        let account = &config.accounts[0];
        let next = |entry: &crate::catalog::Entry, occasion: &Occasion<'_>| {
            let words = entry.told(Lang::En, &account.known(occasion));
            assert_eq!(entry.told(Lang::Ja, &account.known(occasion)).commands(), words.commands());
            words.next
        };
        let at_token = Occasion { stage: Some(Stage::FetchingToken), ..Occasion::default() };
        let curl = "`curl -v -x http://web.contoso.com:3128 --proxy-user ann https://login.microsoftonline.com/`";
        let said = next(TOKEN_ENDPOINT_UNREACHABLE, &at_token);
        assert!(said.contains(curl), "{said}");
        let imap = Occasion { stage: Some(Stage::Connecting), protocol: Some(Protocol::Imap), ..Occasion::default() };
        let said = next(PROXY_PORTAL, &imap);
        assert!(
            said.contains(
                "`curl -v --max-time 10 --proxy socks5h://mail.contoso.com:1080 --proxytunnel telnet://outlook.office365.com:993`"
            ),
            "{said}"
        );
        let said = next(PROXY_PORTAL, &at_token);
        assert!(
            said.contains(
                "`curl -v --max-time 10 --proxy http://web.contoso.com:3128 --proxy-user ann --proxytunnel telnet://login.microsoftonline.com:443`"
            ),
            "{said}"
        );
        assert!(!said.contains("hunter2") && !said.contains("<proxy>"), "{said}");
    }

    fn checked(file: &str) -> config::Config {
        let around = Surroundings::of_this_process(Path::new("gatepost.toml"));
        config::check_text(file, "gatepost.toml", &around).unwrap().0
    }

    fn of_accounts(more: &str) -> &str {
        if more.starts_with('[') { "" } else { more }
    }

    /// One request to whoever runs the proxy, for all that passes there and nothing else.
    #[test]
    fn what_a_proxy_has_to_allow_is_all_that_the_configuration_sends_through_it_and_no_more() {
        let (web, mail) = ("http-proxy = \"http://web:3128\"", "mail-proxy = \"socks5://mail\"");
        let same = "mail-proxy = \"http://web:3128\"";
        let (login, graph) = ("login.microsoftonline.com:443", "graph.microsoft.com:443");
        let smtp = "smtp.office365.com:587, outlook.office365.com:993, outlook.office365.com:995";
        let imap = "outlook.office365.com:993";
        let hook = "[notify]\nwebhook = \"https://hooks.contoso.com/x\"";
        let at_token = Occasion { stage: Some(Stage::FetchingToken), ..Occasion::default() };
        let at_imap = Occasion { protocol: Some(Protocol::Imap), stage: Some(Stage::Connecting), ..at_token };
        let listeners = |protocols: &[&str]| {
            let one = |(n, protocol): (usize, &&str)| {
                format!("[[listener]]\nprotocol = \"{protocol}\"\nlisten = [\"127.0.0.1:{}\"]\n", 2000 + n)
            };
            protocols.iter().enumerate().map(one).collect::<String>()
        };
        let all: &[&str] = &["smtp", "imap", "pop3"];
        for (proxies, protocols, more, occasion, wanted) in [
            (web.to_owned(), all, "", &at_token, login.to_owned()),
            (web.to_owned(), all, "outbound = \"smtp-then-graph\"", &at_token, format!("{login}, {graph}")),
            (web.to_owned(), all, hook, &at_token, format!("{login}, hooks.contoso.com:443")),
            (mail.to_owned(), all, "", &at_imap, smtp.to_owned()),
            (mail.to_owned(), &["imap"], "", &at_imap, imap.to_owned()),
            (mail.to_owned(), &["smtp", "imap"], "outbound = \"graph\"", &at_imap, imap.to_owned()),
            (format!("{web}\n{mail}"), all, "", &at_token, login.to_owned()),
            (format!("{web}\n{mail}"), all, "", &at_imap, smtp.to_owned()),
            (format!("{web}\n{same}"), all, "", &at_imap, format!("{login}, {smtp}")),
            (format!("{web}\n{same}"), all, "", &at_token, format!("{login}, {smtp}")),
        ] {
            let app = &FILE[FILE.find("[app.contoso]").unwrap()..];
            // Whichever account asks.
            let bob = format!("[[account]]\naddress = \"bob@contoso.com\"\napp = \"contoso\"\n{}\n", of_accounts(more));
            let file = format!("[network]\n{proxies}\n{}{bob}{app}{more}\n", listeners(protocols));
            for account in &checked(&file).accounts {
                let known = account.known(occasion);
                for lang in Lang::ALL {
                    let words = PROXY_FORBIDS.told(lang, &known);
                    assert!(words.next.contains(&format!("`{wanted}`")), "{proxies}: {}", words.next);
                    let speaks_of_ports = words.next.contains("SSL_ports") && words.cause.contains("443");
                    assert_eq!(speaks_of_ports, wanted.contains(imap), "{words:?}");
                    assert!(speaks_of_ports || !words.cause.contains("443"), "{words:?}");
                }
            }
        }
    }

    /// That has no table of its own.
    #[test]
    fn a_mailbox_of_a_whole_domain_is_told_of_the_account_that_is_written() {
        let file = FILE.replace("\"ann@contoso.com\"", "\"*@contoso.com\"\npassword = \"first-use\"");
        let around = Surroundings::of_this_process(Path::new("gatepost.toml"));
        let (config, _) = config::check_text(&file, "gatepost.toml", &around).unwrap();
        let account = config.domains[0].mailbox("ann@contoso.com").unwrap();
        let known = account.known(&Occasion { sender: Some("info@contoso.com"), ..Occasion::default() });
        for lang in Lang::ALL {
            let next = crate::catalog::message::SENDER_NOT_ALLOWED.told(lang, &known).next;
            assert!(
                next.contains("info@contoso.com")
                    && ["(*@contoso.com)", "（*@contoso.com）"].iter().any(|it| next.contains(it)),
                "{next}"
            );
        }
    }

    #[test]
    fn the_command_that_shows_a_certificate_begins_tls_as_the_server_does() {
        let around = Surroundings::of_this_process(Path::new("gatepost.toml"));
        let proxies = FILE.find("[app.contoso]").unwrap();
        for (upstream, protocol, begins) in [
            ("", Protocol::Smtp, "smtp.office365.com:587 -servername smtp.office365.com -showcerts -starttls smtp`"),
            ("", Protocol::Imap, "outlook.office365.com:993 -servername outlook.office365.com -showcerts`"),
            (
                "smtp = \"mx.contoso.com:2525\"",
                Protocol::Smtp,
                "mx.contoso.com:2525 -servername mx.contoso.com -showcerts -starttls smtp`",
            ),
            (
                "smtp = \"mx.contoso.com:465\"",
                Protocol::Smtp,
                "mx.contoso.com:465 -servername mx.contoso.com -showcerts`",
            ),
        ] {
            let file = FILE[proxies..].replace("[[account]]", &format!("{upstream}\n[[account]]"));
            let (config, _) = config::check_text(&file, "gatepost.toml", &around).unwrap();
            let occasion = Occasion { protocol: Some(protocol), ..Occasion::default() };
            let said = UPSTREAM_TLS_UNTRUSTED.told(Lang::En, &config.accounts[0].known(&occasion)).next;
            assert!(said.contains(&format!("`openssl s_client -connect {begins}")), "{begins}: {said}");
        }
    }

    /// A key that is there is corrected; its other form beside it would be refused.
    #[test]
    fn a_proxy_that_wants_a_login_is_told_with_its_own_address_and_under_the_key_that_is_there() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mail"), "http://proxy.contoso.com:3128\n").unwrap();
        let file = FILE
            .replace("mail-proxy = \"socks5://mail.contoso.com\"", "mail-proxy-file = \"mail\"")
            .replace("http-proxy = \"http://ann:hunter2@web.contoso.com:3128\"\n", "");
        let around = Surroundings { base: dir.path().into(), ..Surroundings::of_this_process(Path::new("x.toml")) };
        let (config, _) = config::check_text(&file, "gatepost.toml", &around).unwrap();
        let imap = Occasion { stage: Some(Stage::Connecting), protocol: Some(Protocol::Imap), ..Occasion::default() };
        let at_token = Occasion { stage: Some(Stage::FetchingToken), ..Occasion::default() };
        for lang in Lang::ALL {
            let next =
                |entry: &crate::catalog::Entry, occasion| entry.told(lang, &config.accounts[0].known(occasion)).next;
            let said = next(PROXY_LOGIN_REFUSED, &imap);
            let place = format!("`{}`", dir.path().join("mail").display());
            for part in ["`http://<user>:<password>@proxy.contoso.com:3128`", &place] {
                assert!(said.contains(part), "{part}: {said}");
            }
            assert!(!said.contains("<host>"), "{said}");
            assert!(next(MAIL_PORT_PORTAL, &imap).contains("`mail-proxy-file`"), "{lang:?}");
            assert!(next(TOKEN_ENDPOINT_UNREACHABLE, &at_token).contains("`network.http-proxy`"), "there is none yet");
        }
    }
}
