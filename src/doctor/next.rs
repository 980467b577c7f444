//! A fault of the catalogue with what is known here put into it: commands that can be run as they are.

use crate::{
    base::{Fault, Kind, Lang, printable},
    catalog::{
        self, Known,
        doctor::{
            CONFIGURATION_NOT_LOADED, CONFIGURATION_REFUSED, FULL_ACCESS_MISSING, IMAP_DISABLED_MAILBOX,
            LISTENER_NOT_OPEN, POP3_DISABLED_MAILBOX, PROVIDER_NAME_UNKNOWN, REFUSAL_REMEMBERED,
            SERVICE_PRINCIPAL_MISSING, SMTP_REFUSED_ALONE, TLS_INTERCEPTED, TOKEN_AUDIENCE_WRONG,
            TOKEN_PERMISSION_MISSING, TOKEN_TENANT_DIFFERS,
        },
        graph::{GRAPH_ACCESS_DENIED, GRAPH_UNREACHABLE},
        is_harmless,
        message::SEND_AS_DENIED,
        own::{
            PROXY_FORBIDS, PROXY_UNREACHABLE, STORE_UNAVAILABLE, UPSTREAM_NAME_UNKNOWN, UPSTREAM_TLS_FAILED,
            UPSTREAM_TLS_UNTRUSTED, UPSTREAM_UNREACHABLE,
        },
        sign_on::{
            MAILBOX_NOT_CONNECTED, SECURITY_DEFAULTS, SMTP_AUTH_DISABLED_MAILBOX, SMTP_AUTH_DISABLED_TENANT,
            TOKEN_REFUSED,
        },
        token::{
            ADMIN_CONSENT_NEEDED, APP_LACKS_ACCESS, CONSENT_MISSING, GRAPH_CONSENT_MISSING, SIGN_IN_MISSING,
            TENANT_NOT_FOUND, TOKEN_ENDPOINT_UNREACHABLE, TOKEN_ENDPOINT_UNTRUSTED,
        },
    },
    oauth::App,
};

use super::report::Explained;

/// Of the other side's words.
const SAID: usize = 600;

/// Whose check it is, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Who {
    pub imap_user: Option<String>,
    pub smtp_user: Option<String>,
    /// Who signs in.
    pub identity: Option<String>,
    pub app: Option<String>,
    pub tenant: Option<String>,
    pub client_id: Option<String>,
    pub is_app_only: bool,
    pub is_unattended: bool,
    pub login_host: Option<String>,
    /// Of the enterprise application, as the token says.
    pub object_id: Option<String>,
    /// Permissions that are not in the token.
    pub lacking: Vec<String>,
    pub sender: Option<String>,
    pub host: Option<String>,
    pub port: Option<u16>,
    pub proxy: Option<String>,
    pub path: Option<String>,
}

impl Who {
    pub fn of_app(app: &App) -> Self {
        let is_microsoft = app.provider.starts_with("microsoft365") || app.token_url.path().contains("/oauth2/");
        Self {
            app: Some(app.name.clone()),
            tenant: Some(app.tenant.clone()).filter(|tenant| is_microsoft && !tenant.is_empty()),
            client_id: Some(app.client_id.clone()),
            is_app_only: app.grant.is_app_only(),
            is_unattended: app.grant.is_unattended(),
            login_host: Some(super::identity::bare(&app.token_url)).filter(|_| is_microsoft),
            host: app.token_url.host_str().map(str::to_owned),
            port: app.token_url.port_or_known_default(),
            ..Self::default()
        }
    }

    fn known(&self) -> Known {
        let host = |url: &str| url.trim_start_matches("https://").to_owned();
        Known {
            address: self.identity.clone().or_else(|| self.imap_user.clone()),
            mailbox: self.imap_user.clone(),
            smtp_user: self.smtp_user.clone(),
            who_signs_on: Some(self.trustee().to_owned()),
            sender: self.sender.clone(),
            tenant: self.tenant.clone(),
            client_id: self.client_id.clone(),
            object_id: self.object_id.clone(),
            host: self.host.clone(),
            port: self.port,
            login_host: self.login_host.as_deref().map(host),
        }
    }

    fn login(&self) -> Vec<String> {
        self.identity.iter().map(|identity| format!("gatepost login {}", word(Some(identity), "ADDRESS"))).collect()
    }

    /// Where an administrator consents for everybody (Entra's admin consent endpoint).
    fn consent(&self) -> Option<String> {
        let host = path(self.login_host.as_deref()?, "LOGIN-HOST");
        let client = word(Some(self.client_id.as_deref()?), "CLIENT-ID");
        let tenant = word(Some(self.tenant.as_deref().unwrap_or("organizations")), "TENANT");
        Some(format!("{host}/{tenant}/adminconsent?client_id={client}"))
    }

    /// As PowerShell takes it.
    fn mailbox(&self) -> &str {
        word(self.imap_user.as_deref(), "ADDRESS")
    }

    fn sender_mailbox(&self) -> &str {
        word(self.smtp_user.as_deref(), "ADDRESS")
    }

    /// Who signs on: a person, or an app by its service principal.
    fn trustee(&self) -> &str {
        match self.is_app_only {
            true => word(self.object_id.as_deref(), "OBJECT-ID"),
            false => word(self.identity.as_deref(), "WHO"),
        }
    }
}

/// What stands in a command as it is, by the catalogue's rule for its own; all else reads in capitals.
fn word<'a>(value: Option<&'a str>, stand_in: &'a str) -> &'a str {
    value.filter(|value| is_harmless(value)).unwrap_or(stand_in)
}

/// The same for what has slashes in it: a file, a URL.
fn path<'a>(value: &'a str, stand_in: &'a str) -> &'a str {
    let is_plain = value.split('/').all(|part| part.is_empty() || is_harmless(part));
    if is_plain { value } else { stand_in }
}

pub(super) fn explained(fault: &Fault, who: &Who, lang: Lang) -> Explained {
    let entry = catalog::find(fault.id);
    let passes_by_itself = entry.map_or(fault.kind.passes_by_itself(), |entry| entry.passes_by_itself);
    let (cause, next, avoid) = match entry.map(|entry| entry.told(lang, &who.known())) {
        Some(words) => (words.cause, words.next, words.avoid),
        None => (fault.text.clone(), String::new(), None),
    };
    Explained {
        id: fault.id,
        kind: fault.kind,
        owner: fault.owner,
        passes_by_itself,
        cause,
        next,
        commands: commands(fault, who),
        avoid,
        said: Some(printable(&fault.detail, SAID)).filter(|said| !said.is_empty()),
    }
}

/// In the order in which they help; none where nothing can be run.
fn commands(fault: &Fault, who: &Who) -> Vec<String> {
    let is = |entry: &catalog::Entry| entry.id == fault.id;
    let one = |command: String| vec![command];
    let (mailbox, sender) = (who.mailbox(), who.sender_mailbox());
    let client = word(who.client_id.as_deref(), "CLIENT-ID");
    let app = word(who.app.as_deref(), "NAME");
    let full_access =
        || format!("Add-MailboxPermission -Identity {mailbox} -User {} -AccessRights FullAccess", who.trustee());
    let principal = || {
        let object = word(who.object_id.as_deref(), "OBJECT-ID");
        format!("New-ServicePrincipal -AppId {client} -ObjectId {object}")
    };
    match () {
        () if is(SIGN_IN_MISSING) => who.login(),
        () if is(SMTP_AUTH_DISABLED_MAILBOX) => {
            one(format!("Set-CASMailbox -Identity {sender} -SmtpClientAuthenticationDisabled $false"))
        }
        // Behind security defaults no switch of the mailbox helps.
        () if is(SECURITY_DEFAULTS) => {
            let graph = one("outbound = \"smtp-then-graph\"".to_owned());
            graph.into_iter().chain(who.consent()).chain(attended(who)).collect()
        }
        () if is(SMTP_AUTH_DISABLED_TENANT) => vec![
            format!("Set-CASMailbox -Identity {sender} -SmtpClientAuthenticationDisabled $false"),
            "outbound = \"smtp-then-graph\"".to_owned(),
        ],
        () if is(IMAP_DISABLED_MAILBOX) => one(format!("Set-CASMailbox -Identity {mailbox} -ImapEnabled $true")),
        () if is(POP3_DISABLED_MAILBOX) => one(format!("Set-CASMailbox -Identity {mailbox} -PopEnabled $true")),
        () if is(FULL_ACCESS_MISSING) => one(full_access()),
        () if is(SERVICE_PRINCIPAL_MISSING) => vec![principal(), full_access()],
        () if is(MAILBOX_NOT_CONNECTED) => vec![
            format!("Get-CASMailbox -Identity {mailbox} | Format-List ImapEnabled,PopEnabled"),
            format!("Get-MailboxPermission -Identity {mailbox}"),
        ],
        () if is(TOKEN_REFUSED) && who.is_app_only => vec![principal(), full_access()],
        () if is(SEND_AS_DENIED) => {
            let address = word(who.sender.as_deref(), "ADDRESS");
            let trustee = if who.is_app_only { who.trustee() } else { sender };
            one(format!("Add-RecipientPermission -Identity {address} -Trustee {trustee} -AccessRights SendAs"))
        }
        () if is(CONSENT_MISSING) || is(ADMIN_CONSENT_NEEDED) || is(APP_LACKS_ACCESS) || is(GRAPH_CONSENT_MISSING) => {
            who.consent().into_iter().chain(attended(who)).collect()
        }
        () if is(TOKEN_PERMISSION_MISSING) => {
            let add = who.lacking.iter().map(|name| format!("API permissions > Office 365 Exchange Online > {name}"));
            add.chain(who.consent()).chain(attended(who)).collect()
        }
        () if is(GRAPH_ACCESS_DENIED) => who.consent().into_iter().collect(),
        () if is(TENANT_NOT_FOUND) => one(format!("[app.{app}] tenant = \"...\"")),
        () if is(TOKEN_AUDIENCE_WRONG) || is(TOKEN_TENANT_DIFFERS) => attended(who),
        () if is(TLS_INTERCEPTED) || is(TOKEN_ENDPOINT_UNTRUSTED) => one(connect(who)),
        () if is(UPSTREAM_TLS_FAILED) || is(UPSTREAM_TLS_UNTRUSTED) => one(connect(who)),
        () if is(UPSTREAM_NAME_UNKNOWN)
            || is(UPSTREAM_UNREACHABLE)
            || is(TOKEN_ENDPOINT_UNREACHABLE)
            || is(PROVIDER_NAME_UNKNOWN)
            || is(GRAPH_UNREACHABLE) =>
        {
            reach(who)
        }
        () if is(PROXY_UNREACHABLE) || is(PROXY_FORBIDS) => {
            let (host, port) = (word(who.host.as_deref(), "HOST"), who.port.unwrap_or(443));
            who.proxy
                .iter()
                .map(|proxy| format!("curl -v --proxy {} --proxytunnel telnet://{host}:{port}", path(proxy, "PROXY")))
                .collect()
        }
        () if is(STORE_UNAVAILABLE) => who.path.iter().map(|file| format!("ls -ld {}", path(file, "FILE"))).collect(),
        () if is(CONFIGURATION_REFUSED) => one("gatepost config check".to_owned()),
        () if is(SMTP_REFUSED_ALONE) => vec![
            format!("Set-CASMailbox -Identity {sender} -SmtpClientAuthenticationDisabled $false"),
            "outbound = \"graph\"".to_owned(),
        ],
        () if is(CONFIGURATION_NOT_LOADED) || is(REFUSAL_REMEMBERED) => one("systemctl reload gatepost".to_owned()),
        () if is(LISTENER_NOT_OPEN) => {
            let port = who.port.map(|port| format!("ss -ltnp 'sport = :{port}'"));
            port.into_iter().chain(["systemctl restart gatepost".to_owned()]).collect()
        }
        () if fault.kind == Kind::SignInNeeded => attended(who),
        () => Vec::new(),
    }
}

/// A new sign-in, where there is anybody to sign in.
fn attended(who: &Who) -> Vec<String> {
    if who.is_unattended { Vec::new() } else { who.login() }
}

fn reach(who: &Who) -> Vec<String> {
    let (Some(host), Some(port)) = (&who.host, who.port) else { return Vec::new() };
    let host = word(Some(host), "HOST");
    vec![format!("nslookup {host}"), format!("curl -v telnet://{host}:{port}")]
}

/// Shows the certificate that comes.
fn connect(who: &Who) -> String {
    let (host, port) = (word(who.host.as_deref(), "HOST"), who.port.unwrap_or(443));
    let starttls = if port == 587 { " -starttls smtp" } else { "" };
    format!("openssl s_client -connect {host}:{port} -servername {host} -showcerts{starttls}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Who {
        Who {
            imap_user: Some("ann@contoso.com".into()),
            smtp_user: Some("ann@contoso.com".into()),
            identity: Some("ann@contoso.com".into()),
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
        assert_eq!(
            told(SMTP_AUTH_DISABLED_MAILBOX, &ann()),
            ["Set-CASMailbox -Identity ann@contoso.com -SmtpClientAuthenticationDisabled $false"]
        );
        let consent = "https://login.microsoftonline.com/contoso.com/adminconsent?client_id=c-1";
        assert_eq!(told(CONSENT_MISSING, &ann()), [consent, "gatepost login ann@contoso.com"]);
        let robot = Who { is_app_only: true, is_unattended: true, object_id: Some("o-1".into()), ..ann() };
        assert_eq!(told(SERVICE_PRINCIPAL_MISSING, &robot)[0], "New-ServicePrincipal -AppId c-1 -ObjectId o-1");
        assert_eq!(told(CONSENT_MISSING, &robot), [consent], "nobody signs in");
    }

    #[test]
    fn nothing_that_is_known_can_add_a_command() {
        for odd in ["x; Remove-Mailbox bob", "a|reboot&@contoso.com", "$(id)", "a`b", "a\nb", "-x", "a'b", "a\"b"] {
            let odd = || Some(odd.to_owned());
            let evil = Who {
                imap_user: odd(),
                smtp_user: odd(),
                identity: odd(),
                app: odd(),
                tenant: odd(),
                client_id: odd(),
                login_host: odd(),
                object_id: odd(),
                sender: odd(),
                host: odd(),
                port: Some(443),
                proxy: odd(),
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
