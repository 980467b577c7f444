//! A fault of the catalogue with what is known here put into it: commands that can be run as they are.
//!
//! The commands are those of the catalogue's own words. It refuses to know others, but for what the doctor alone has seen:
//! where the store is.

use crate::{
    base::{Fault, Lang, Protocol, printable},
    catalog::{self, Known, Place, Via, own::STORE_UNAVAILABLE},
    oauth::App,
};

use super::{report::Explained, words::found};

/// Of the other side's words.
const SAID: usize = 600;

/// Whose check it is, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Who {
    /// Of the account.
    pub address: Option<String>,
    pub imap_user: Option<String>,
    pub smtp_user: Option<String>,
    /// Who signs in.
    pub identity: Option<String>,
    /// See [`Known::signed_in_as`].
    pub signed_in_as: Option<String>,
    /// See [`Known::whose_stays`].
    pub whose_stays: Option<String>,
    pub app: Option<String>,
    pub provider: Option<String>,
    pub tenant: Option<String>,
    /// See [`Known::tenant_id`].
    pub tenant_id: Option<String>,
    pub client_id: Option<String>,
    /// Where the app's secret stands.
    pub client_secret_at: Option<String>,
    pub is_app_only: bool,
    pub login_host: Option<String>,
    pub graph_host: Option<String>,
    /// Of the enterprise application, as the token says.
    pub object_id: Option<String>,
    /// See [`Known::outbound`].
    pub outbound: Option<&'static str>,
    /// See [`Known::is_queued`].
    pub is_queued: bool,
    /// After which refusal the daemon asks again, and when.
    pub asks_again: Vec<(&'static str, String)>,
    /// Permissions that are not in the token.
    pub lacking: Vec<String>,
    pub sender: Option<String>,
    /// See [`Known::client`].
    pub client: Option<String>,
    /// See [`Known::device_address`].
    pub device_address: Option<String>,
    /// See [`Known::send_as`].
    pub send_as: Option<Vec<String>>,
    /// See [`Known::has_send_as_line`].
    pub has_send_as_line: Option<bool>,
    /// Of which the account is one.
    pub table: Option<String>,
    /// By which the mailbox is reached.
    pub protocol: Option<Protocol>,
    /// See [`Known::speaks`].
    pub speaks: Option<(Protocol, bool)>,
    pub host: Option<String>,
    pub port: Option<u16>,
    /// See [`Known::place`].
    pub place: Option<Place>,
    /// See [`Known::socket`].
    pub socket: Option<String>,
    pub proxy: Option<Via>,
    pub path: Option<String>,
    /// See [`Known::refused_sign_in`].
    pub refused_sign_in: Option<(&'static str, jiff::Timestamp)>,
    /// The configuration of the daemon that runs, where it is another one.
    pub running_file: Option<String>,
    /// The database in which something was left.
    pub left_store: Option<String>,
    /// Likewise the folder of a queue.
    pub left_folder: Option<String>,
}

impl Who {
    pub fn of_app(app: &App) -> Self {
        let known = app.known();
        Self {
            app: known.app,
            provider: known.provider,
            tenant: known.tenant,
            client_id: known.client_id,
            client_secret_at: known.client_secret_at,
            is_app_only: app.grant.is_app_only(),
            login_host: known.login,
            graph_host: known.graph_host,
            host: app.token_url.host_str().map(str::to_owned),
            port: app.token_url.port_or_known_default(),
            ..Self::default()
        }
    }

    fn known(&self) -> Known {
        Known {
            address: self.address.clone(),
            mailbox: self.imap_user.clone(),
            smtp_user: self.smtp_user.clone(),
            who_signs_on: self.identity.clone(),
            signed_in_as: self.signed_in_as.clone(),
            whose_stays: self.whose_stays.clone(),
            sender: self.sender.clone(),
            client: self.client.clone(),
            device_address: self.device_address.clone(),
            send_as: self.send_as.clone(),
            has_send_as_line: self.has_send_as_line,
            app: self.app.clone(),
            provider: self.provider.clone(),
            is_app_only: self.app.is_some().then_some(self.is_app_only),
            tenant: self.tenant.clone(),
            tenant_id: self.tenant_id.clone(),
            client_id: self.client_id.clone(),
            client_secret_at: self.client_secret_at.clone(),
            object_id: self.object_id.clone(),
            outbound: self.outbound,
            is_queued: self.is_queued,
            number: None,
            permissions: self.lacking.clone(),
            protocol: self.protocol,
            speaks: self.speaks,
            host: self.host.clone(),
            port: self.port,
            place: self.place,
            ports_of_ours: Vec::new(),
            socket: self.socket.clone(),
            login: self.login_host.clone(),
            // Of a server that is looked at for itself nothing else is known.
            graph_host: self.graph_host.clone().or_else(|| self.host.clone()),
            proxy: self.proxy.clone(),
            carried: Vec::new(),
            // On the way to whichever server is looked at.
            login_proxy: self.proxy.clone(),
            running_file: self.running_file.clone(),
            left_store: self.left_store.clone(),
            left_folder: self.left_folder.clone(),
            refused_sign_in: self.refused_sign_in,
            asks_again: self.asks_again.clone(),
            is_doctors: true,
            is_at_sign_in: false,
            is_unconfigured: false,
            is_in_general: false,
            account: self.table.clone(),
        }
    }

    /// Of the store, of which the catalogue does not know where it is.
    fn own_commands(&self, fault: &Fault) -> Option<String> {
        let path = self.path.as_deref().filter(|path| catalog::is_harmless_path(path))?;
        (fault.id == STORE_UNAVAILABLE.id).then(|| format!("ls -ld {path}"))
    }
}

pub(super) fn explained(fault: &Fault, who: &Who, lang: Lang) -> Explained {
    let entry = catalog::find(fault.id);
    let passes_by_itself = entry.map_or(fault.kind.passes_by_itself(), |entry| entry.passes_by_itself);
    let known = Known { number: catalog::code_in(&fault.detail), ..who.known() };
    let words = entry.map(|entry| entry.told(lang, &known));
    let mut commands = words.as_ref().map(catalog::Words::commands).unwrap_or_default();
    commands.extend(who.own_commands(fault));
    let (cause, next, shell, avoid) = match words {
        Some(words) => (words.cause, words.next, words.shell, words.avoid),
        None => (fault.text.clone(), String::new(), None, None),
    };
    Explained {
        id: fault.id,
        kind: fault.kind,
        owner: fault.owner,
        passes_by_itself,
        cause,
        next,
        shell,
        table: who.table.clone().or_else(|| who.address.clone()),
        commands,
        avoid,
        said: Some(printable(&found(lang, &fault.detail), SAID)).filter(|said| !said.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{
        doctor::SERVICE_PRINCIPAL_MISSING,
        sign_on::SMTP_AUTH_DISABLED_MAILBOX,
        token::{CLIENT_SECRET_EXPIRED, CONSENT_MISSING, SIGN_IN_MISSING},
    };

    fn ann() -> Who {
        Who {
            address: Some("ann@contoso.com".into()),
            imap_user: Some("ann@contoso.com".into()),
            smtp_user: Some("ann@contoso.com".into()),
            identity: Some("ann@contoso.com".into()),
            app: Some("contoso".into()),
            tenant: Some("contoso.com".into()),
            client_id: Some("c-1".into()),
            login_host: Some("https://login.microsoftonline.com".into()),
            ..Who::default()
        }
    }

    #[test]
    fn commands_have_the_real_names_in_them() {
        let told = |entry: &catalog::Entry, who: &Who| explained(&entry.fault(), who, Lang::En).commands;
        assert_eq!(told(SIGN_IN_MISSING, &ann()), ["gatepost login ann@contoso.com"]);
        let reload = "sudo systemctl reload gatepost";
        let consent = "https://login.microsoftonline.com/contoso.com/adminconsent?client_id=c-1";
        assert_eq!(
            told(SMTP_AUTH_DISABLED_MAILBOX, &ann()),
            ["Set-CASMailbox -Identity ann@contoso.com -SmtpClientAuthenticationDisabled $false", consent, reload]
        );
        assert_eq!(told(CONSENT_MISSING, &ann()), [consent, reload, "gatepost login ann@contoso.com"]);
        let never = Who { refused_sign_in: Some((CONSENT_MISSING.id, jiff::Timestamp::UNIX_EPOCH)), ..ann() };
        assert_eq!(told(CONSENT_MISSING, &never), [consent, "gatepost login ann@contoso.com"], "nothing to read again");
        let robot = Who { is_app_only: true, object_id: Some("o-1".into()), ..ann() };
        let principal = told(SERVICE_PRINCIPAL_MISSING, &robot);
        assert_eq!(
            principal,
            [
                "Get-MgServicePrincipal -Filter \"appId eq 'c-1'\"",
                "Get-ServicePrincipal | Format-List 'DisplayName', 'AppId', 'ObjectId'",
                "Remove-ServicePrincipal -Identity c-1",
                "New-ServicePrincipal -AppId c-1 -ObjectId o-1",
                "Add-MailboxPermission -Identity ann@contoso.com -User o-1 -AccessRights FullAccess",
                "Add-DistributionGroupMember -Identity gatepost-senders -Member ann@contoso.com",
                "New-ManagementRoleAssignment -App c-1 -Role \"Application SMTP.SendAsApp\" -CustomResourceScope Gatepost",
                reload
            ]
        );
        assert_eq!(told(CONSENT_MISSING, &robot), [consent, "sudo systemctl reload gatepost"], "nobody signs in");
    }

    #[test]
    fn what_a_person_does_is_never_asked_of_an_app_and_where_cmdlets_are_typed_is_said_once() {
        let robot = Who { is_app_only: true, client_secret_at: Some("/etc/gatepost/secret".into()), ..ann() };
        let told = explained(&CLIENT_SECRET_EXPIRED.fault(), &robot, Lang::En);
        let done: Vec<_> = told.step().deeds().into_iter().map(|deed| deed.text().to_owned()).collect();
        let deeds = [
            "gatepost setup --address ann@contoso.com --client-secret-file new.secret --yes",
            "client-secret-file = \"/etc/gatepost/secret\"",
            "secret-expires = <YYYY-MM-DD>",
            "sudo systemctl reload gatepost",
        ];
        assert_eq!(done, deeds, "what proves the secret stands first, and what loads it last");
        assert_eq!(told.shell, None, "there is no cmdlet");
        for lang in [Lang::En, Lang::Ja] {
            let told = explained(&SERVICE_PRINCIPAL_MISSING.fault(), &robot, lang);
            let shell = told.shell.unwrap();
            assert!(
                shell.contains("`Connect-ExchangeOnline`")
                    && shell.contains("`Connect-MgGraph -Scopes Application.Read.All`"),
                "{shell}"
            );
            assert!(!told.next.contains("Connect-"), "{}", told.next);
            let consent = explained(&CONSENT_MISSING.fault(), &robot, lang).next;
            assert!(consent.starts_with("Look first at what is consented to") || lang == Lang::Ja, "{consent}");
        }
    }

    #[test]
    fn nothing_that_is_known_can_add_a_command() {
        for odd in ["x; Remove-Mailbox bob", "a|reboot&@contoso.com", "$(id)", "a`b", "a\nb", "-x", "a'b", "a\"b"] {
            let odd = || Some(odd.to_owned());
            let evil = Who {
                address: odd(),
                imap_user: odd(),
                smtp_user: odd(),
                identity: odd(),
                app: odd(),
                tenant: odd(),
                tenant_id: odd(),
                client_id: odd(),
                login_host: odd(),
                object_id: odd(),
                sender: odd(),
                client_secret_at: odd(),
                graph_host: odd(),
                provider: odd(),
                host: odd(),
                port: Some(443),
                proxy: odd().map(|url| Via {
                    place: url.clone(),
                    carries: vec![url.clone()],
                    url,
                    key: "mail-proxy",
                    user: None,
                }),
                path: odd(),
                is_app_only: true,
                ..Who::default()
            };
            let of_a_person = Who { is_app_only: false, ..evil.clone() };
            for (entry, who) in catalog::all().flat_map(|entry| [(entry, &evil), (entry, &of_a_person)]) {
                let told = explained(&entry.fault(), who, Lang::En);
                let odd = odd().unwrap_or_default();
                for text in told.commands.iter().chain([&told.next]) {
                    assert!(odd == "-x" || odd == "$(id)" || !text.contains(&odd), "{}: {text}", entry.id);
                    assert!(!text.contains(" -x ") && !text.contains("$(id)"), "{}: {text}", entry.id);
                }
            }
        }
    }

    #[test]
    fn what_passes_by_itself_is_what_the_catalogue_says_passes() {
        for entry in catalog::all() {
            let told = explained(&entry.fault(), &Who::default(), Lang::En);
            assert_eq!(told.passes_by_itself, entry.passes_by_itself, "{}", entry.id);
        }
    }
}
