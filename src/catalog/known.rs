//! What is known of the account, the app and the way when a fault is told, so that a command can be pasted as it stands.
//!
//! What is not known reads `<tenant>`, as in the docs: pasted as it stands, every shell refuses it. So does what a shell
//! would read as more than a word: nothing that a stranger chose becomes a part of a command that somebody pastes.

mod place;
mod proxy;
mod secret;

use jiff::Timestamp;

use self::proxy::key_of;
pub(super) use self::secret::is_file;
pub use self::{place::Place, proxy::Via};

use super::{
    harmless::{is_harmless, is_harmless_path},
    look::{Opening, as_curl_has_it, look_at_certificate},
};
use crate::base::{Protocol, invocation};

/// The names of what can be filled in, as they stand in the data.
pub(super) const NAMES: [&str; 66] = [
    "account",
    "address",
    "admin-consent-page",
    "ask-again",
    "app",
    "client",
    "client-id",
    "client-secret-at",
    "client-secret-line",
    "device-address",
    "domain",
    "graph-host",
    "host",
    "http-proxy-key",
    "left-folder",
    "left-store",
    "login-host",
    "look-at-certificate",
    "look-at-clock",
    "look-at-graph",
    "look-at-login",
    "look-at-login-certificate",
    "look-at-place",
    "look-at-port",
    "look-up",
    "mail-proxy-key",
    "mailbox",
    "needed",
    "number",
    "object-id",
    "open-port-says",
    "other-place",
    "other-proxy-file-line",
    "other-proxy-line",
    "outbound",
    "permissions",
    "port",
    "protocol-switch",
    "proxy",
    "proxy-at",
    "proxy-file-line",
    "proxy-key",
    "proxy-line",
    "proxy-with-login",
    "reload",
    "restart",
    "restart-by-force",
    "restart-elsewhere",
    "running-file",
    "seal-secret",
    "send-as",
    "sender",
    "sender-domain",
    "set-clock",
    "sign-in-anew",
    "signed-in-as",
    "smtp-user",
    "socket-line",
    "start",
    "stop",
    "take-secret",
    "tenant",
    "tenant-id",
    "tenant-page",
    "who-signs-on",
    "whose-stays",
];
/// Those of [`NAMES`] that an account with its app tells, where there is one.
const BY_ACCOUNT: [&str; 14] = [
    "account",
    "address",
    "admin-consent-page",
    "app",
    "client-id",
    "domain",
    "graph-host",
    "host",
    "login-host",
    "mailbox",
    "proxy",
    "smtp-user",
    "tenant",
    "who-signs-on",
];
/// Of the commercial cloud, where nothing is known of the app: as the docs have it.
const LOGIN: &str = "https://login.microsoftonline.com";
/// Likewise.
const GRAPH_HOST: &str = "graph.microsoft.com";
const LOOK_UP: &str = if cfg!(windows) { "nslookup" } else { "getent hosts" };
const SET_CLOCK: &str = if cfg!(windows) { "w32tm /resync" } else { "sudo timedatectl set-ntp true" };
/// Whether it is set by others.
const LOOK_AT_CLOCK: &str = if cfg!(windows) { "w32tm /query /status" } else { "timedatectl show -p NTPSynchronized" };

/// What is known. All of it may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Of the account.
    pub address: Option<String>,
    /// As its table has it: `*@contoso.com`, where the mailbox is one of a whole domain. For no command.
    pub account: Option<String>,
    /// That IMAP and POP3 open.
    pub mailbox: Option<String>,
    /// Who signs on over SMTP, and sends through Graph.
    pub smtp_user: Option<String>,
    /// Who signs in, and whose right it is that the mail server looks at. Nobody where an app acts by itself.
    pub who_signs_on: Option<String>,
    /// Who signed in, where that is somebody else.
    pub signed_in_as: Option<String>,
    /// Whose sign-in is good and stays in use, where theirs does not take its place.
    pub whose_stays: Option<String>,
    /// Whom a message claims to be from.
    pub sender: Option<String>,
    /// As whom the account may send by its table, or by default.
    pub send_as: Option<Vec<String>>,
    /// Whether a line of its table says so.
    pub has_send_as_line: Option<bool>,
    /// Name of the `[[client]]` whose login or message it was, where it has a rule.
    pub client: Option<String>,
    /// Name of the app in the configuration.
    pub app: Option<String>,
    /// Preset of its provider.
    pub provider: Option<String>,
    /// It acts by itself, as no person: other steps help. `None`: nothing is known of that.
    pub is_app_only: Option<bool>,
    pub tenant: Option<String>,
    /// Its id, where the provider told it under that name.
    pub tenant_id: Option<String>,
    pub client_id: Option<String>,
    /// Where its secret stands: a file, `client-secret`, a variable of the environment, or what systemd lends, as its unit has
    /// it: `LoadCredential=client-secret:/etc/gatepost/client-secret`.
    pub client_secret_at: Option<String>,
    /// Of the enterprise application.
    pub object_id: Option<String>,
    /// Gatepost takes its messages and sends them by itself (`delivery = "queue"`).
    pub is_queued: bool,
    /// How messages leave, as its table has it.
    pub outbound: Option<&'static str>,
    /// Of Entra, in what the provider said.
    pub number: Option<u32>,
    /// Permissions that are not in its token.
    pub permissions: Vec<String>,
    pub host: Option<String>,
    pub port: Option<u16>,
    /// Of ours, where it is about that.
    pub place: Option<Place>,
    /// All ports of ours, where it is about one of them and nobody knows which.
    pub ports_of_ours: Vec<u16>,
    /// As a listener names one that systemd hands over: its port, or its name.
    pub socket: Option<String>,
    /// Of the identity provider: scheme, host, and port where it is not the usual one.
    pub login: Option<String>,
    pub graph_host: Option<String>,
    /// What is in between, on the way to `host`.
    pub proxy: Option<Via>,
    /// All that goes through proxies, where nobody knows which of them it is.
    pub carried: Vec<String>,
    /// From where the client came.
    pub device_address: Option<String>,
    /// By which the mailbox was reached.
    pub protocol: Option<Protocol>,
    /// What `host` speaks at `port`, where it is a mail server; `true`: it begins plain (STARTTLS).
    pub speaks: Option<(Protocol, bool)>,
    /// The same on the way to the identity provider and Graph.
    pub login_proxy: Option<Via>,
    /// When the last sign-in that somebody tried met which refusal, where none came about since.
    pub refused_sign_in: Option<(&'static str, Timestamp)>,
    /// It is told to whoever signs in just now.
    pub is_at_sign_in: bool,
    /// Nobody here finds a configuration.
    pub is_unconfigured: bool,
    /// It is told of no moment: whether anybody was signed in then, nobody knows.
    pub is_in_general: bool,
    /// The configuration that the daemon on the same store reads, where it is another one.
    pub running_file: Option<String>,
    /// The database in which something was left.
    pub left_store: Option<String>,
    /// The folder of a queue with bodies that have no row.
    pub left_folder: Option<String>,
    /// `gatepost doctor` says it, which sends nobody to itself.
    pub is_doctors: bool,
    /// After which refusal the identity provider is asked again, and when ([`super::hour`]), with nobody doing anything.
    pub asks_again: Vec<(&'static str, String)>,
}

impl Known {
    /// `text` with what is known in the place of `{names}`, and commands of ours as they are called here. Other braces
    /// stay.
    pub fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            out.push_str(before);
            let name = behind.split_once('}').filter(|(name, _)| NAMES.contains(name));
            rest = match name {
                Some((name, after)) => {
                    out.push_str(&self.value(name));
                    after
                }
                None => {
                    out.push('{');
                    behind
                }
            };
        }
        out.push_str(rest);
        invocation::as_called(&out)
    }

    /// What stands in the way is about nobody else's mailbox: the sender that was refused, else the one that is opened.
    pub(super) fn concerns_its_own(&self) -> bool {
        let is_own = |sender: &String| {
            [&self.address, &self.who_signs_on].into_iter().flatten().any(|own| own.eq_ignore_ascii_case(sender))
        };
        self.sender.as_ref().map_or_else(|| self.opens_its_own(), is_own)
    }

    /// The sender's domain is none of those of the mailbox, though a tenant may have both.
    pub(super) fn is_sender_elsewhere(&self) -> bool {
        let domain = |address: &String| address.rsplit_once('@').map(|(_, domain)| domain.to_ascii_lowercase());
        let own: Vec<_> = [&self.address, &self.mailbox, &self.smtp_user, &self.who_signs_on]
            .into_iter()
            .flatten()
            .filter_map(domain)
            .collect();
        let sender = self.sender.as_ref().and_then(domain);
        sender.is_some_and(|sender| !own.is_empty() && !own.contains(&sender))
    }

    /// Whether that is the address of the account.
    pub(super) fn is_itself(&self, name: &Option<String>) -> bool {
        name.as_ref().zip(self.address.as_ref()).is_some_and(|(name, own)| name.eq_ignore_ascii_case(own))
    }

    /// A person reads the mailbox that is theirs.
    pub(super) fn opens_its_own(&self) -> bool {
        let is_same = |(mailbox, who): (&String, &String)| mailbox.eq_ignore_ascii_case(who);
        self.is_app_only != Some(true) && self.mailbox.as_ref().zip(self.who_signs_on.as_ref()).is_some_and(is_same)
    }

    /// A sign-in that came about before is enough. Where nobody knows of one, a new one does no harm.
    fn ask_again(&self) -> String {
        let may_be_without = self.is_in_general || self.is_at_sign_in || self.refused_sign_in.is_some();
        match may_be_without && self.is_app_only != Some(true) {
            true => format!("gatepost login {}", self.value("address")),
            false => invocation::reload(),
        }
    }

    /// Where nothing is known of the provider, or it is one that we do not know, it may be any.
    pub(super) fn may_be_exchange(&self) -> bool {
        self.provider.as_deref().is_none_or(may_be_exchange)
    }

    fn value(&self, name: &str) -> String {
        let word = |value: &Option<String>| value.clone().filter(|value| is_harmless(value));
        let path = |value: &Option<String>| value.clone().filter(|value| is_harmless_path(value));
        let value = match name {
            "account" => self.account().map(str::to_owned),
            "address" => word(&self.address),
            "admin-consent-page" => self.admin_consent_page(),
            "ask-again" => Some(self.ask_again()),
            "app" => word(&self.app),
            "client" => self.client.as_deref().map(table_of_client),
            "client-id" => word(&self.client_id),
            "client-secret-at" => Some(self.client_secret_at()),
            "client-secret-line" => Some(self.client_secret_line()),
            "device-address" => word(&self.device_address),
            "domain" => word(&self.address).and_then(|address| Some(address.rsplit_once('@')?.1.to_owned())),
            "graph-host" => word(&self.graph_host).or_else(|| self.is_of_no_app().then(|| GRAPH_HOST.to_owned())),
            "host" => word(&self.host),
            "left-folder" => path(&self.left_folder),
            "left-store" => path(&self.left_store),
            "login-host" => self.login_host().map(str::to_owned),
            "http-proxy-key" => Some(key_of(&self.login_proxy, "http-proxy")),
            "mail-proxy-key" => Some(key_of(&self.proxy, "mail-proxy")),
            "look-at-certificate" => Some(self.look_at_certificate()),
            "look-at-clock" => Some(LOOK_AT_CLOCK.to_owned()),
            "look-at-graph" => Some(self.curl(&format!("https://{}", self.value("graph-host")))),
            "look-at-login" => Some(self.curl(self.login().unwrap_or("https://<login-host>"))),
            "look-at-login-certificate" => Some(self.look_at_login_certificate()),
            "look-at-place" => Some(self.look_at_place()),
            "look-at-port" => Some(self.look_at_port()),
            // What tells a fault runs where it befell Gatepost.
            "look-up" => Some(format!("{LOOK_UP} {}", self.value("host"))),
            "set-clock" => Some(SET_CLOCK.to_owned()),
            "mailbox" => word(&self.mailbox),
            "needed" => Some(self.needed().join(", ")),
            "number" => self.number.map(|number| number.to_string()),
            "object-id" => word(&self.object_id),
            "open-port-says" => Some(if self.harmless_proxy().is_some() { "200" } else { "Connected to" }.to_owned()),
            // Where nothing is known of the account, that which needs no more than Graph.
            "outbound" => Some(format!("outbound = \"{}\"", self.outbound.unwrap_or("graph"))),
            "other-place" => Some(self.other_place()),
            "other-proxy-file-line" => Some(format!("{}-file = \"<file>\"", self.other_proxy_name())),
            "other-proxy-line" => Some(format!("{} = \"{}\"", self.other_proxy_name(), self.proxy_with_login())),
            "permissions" => Some(self.permissions.join(", ")).filter(|all| !all.is_empty()),
            "port" => self.port().map(|port| port.to_string()),
            "protocol-switch" => Some(self.protocol_switch()),
            "proxy" => self.harmless_proxy().map(as_curl_has_it),
            // Which key is meant, the way tells: else the table of both.
            "proxy-key" => Some(self.proxy.as_ref().map_or_else(|| self.proxy_name(), |via| via.key).to_owned()),
            "proxy-at" => Some(self.proxy_at()),
            "proxy-file-line" => Some(format!("{}-file = \"<file>\"", self.proxy_name())),
            "proxy-line" => Some(format!("{} = \"{}\"", self.proxy_name(), self.proxy_with_login())),
            "proxy-with-login" => Some(self.proxy_with_login()),
            "reload" => Some(invocation::reload()),
            "restart" => Some(invocation::restart()),
            "restart-elsewhere" => Some(invocation::restart_elsewhere()),
            "restart-by-force" => Some(invocation::restart_by_force()),
            "running-file" => path(&self.running_file),
            "seal-secret" => Some(self.seal_secret()),
            "send-as" => Some(self.send_as()),
            "sender" => word(&self.sender),
            "sender-domain" => word(&self.sender).and_then(|sender| Some(sender.rsplit_once('@')?.1.to_owned())),
            // Each is a command of its own.
            "sign-in-anew" => Some(self.sign_in_anew()),
            "signed-in-as" => word(&self.signed_in_as),
            "smtp-user" => word(&self.smtp_user),
            "whose-stays" => word(&self.whose_stays),
            "socket-line" => Some(self.socket_line()),
            "start" => Some(invocation::start_anew()),
            "stop" => Some(invocation::stop_the_other()),
            "take-secret" => Some(self.take_secret()),
            "tenant" => word(&self.tenant),
            "tenant-id" => word(&self.tenant_id),
            "tenant-page" => self.tenant_page(),
            // Of an app that acts by itself: its service principal.
            "who-signs-on" if self.is_app_only == Some(true) => return self.value("object-id"),
            "who-signs-on" => word(&self.who_signs_on),
            _ => None,
        };
        value.unwrap_or_else(|| stand_in(name))
    }

    /// Where no daemon runs, the sign-in reads the file by itself.
    fn sign_in_anew(&self) -> String {
        let (reload, login) = (invocation::reload(), format!("gatepost login {}", self.value("address")));
        if reload == invocation::again() { login } else { format!("{reload}`, `{login}") }
    }

    fn look_at_certificate(&self) -> String {
        let opening = Opening::of(self.speaks, self.port);
        look_at_certificate(&self.value("host"), &self.value("port"), opening, self.harmless_proxy())
    }

    fn look_at_login_certificate(&self) -> String {
        let login = self.value("login-host");
        let (host, port) = login.rsplit_once(':').unwrap_or((&login, "443"));
        look_at_certificate(host, port, Opening::WEB, self.harmless_login_proxy())
    }

    fn look_at_port(&self) -> String {
        let through = self.harmless_proxy().map(|via| format!("--proxy {} --proxytunnel ", as_curl_has_it(via)));
        let through = through.unwrap_or_default();
        // Where the way is open it would wait for whoever types.
        format!("curl -v --max-time 10 {through}telnet://{}:{}", self.value("host"), self.value("port"))
    }

    fn account(&self) -> Option<&str> {
        let account = self.account.as_deref().or(self.address.as_deref())?;
        is_harmless(account.strip_prefix('*').unwrap_or(account)).then_some(account)
    }

    /// The whole line of the account's table: whoever adds one address without those in force locks these out. No address
    /// stands in it twice: what asks for it may be older than the table.
    fn send_as(&self) -> String {
        let mut list = match &self.send_as {
            Some(list) => {
                list.iter().filter(|one| is_harmless(one.strip_prefix('*').unwrap_or(one))).cloned().collect()
            }
            None => vec![self.value("address")],
        };
        let sender = self.value("sender");
        if !list.iter().any(|one| one.eq_ignore_ascii_case(&sender)) {
            list.push(sender);
        }
        let quoted: Vec<String> = list.iter().map(|one| format!("\"{one}\"")).collect();
        format!("send-as = [{}]", quoted.join(", "))
    }

    fn is_of_no_app(&self) -> bool {
        self.login.is_none() && self.tenant.is_none() && self.client_id.is_none() && self.host.is_none()
    }

    fn login(&self) -> Option<&str> {
        match &self.login {
            Some(login) => Some(login.as_str()).filter(|login| is_harmless_path(login)),
            None => self.is_of_no_app().then_some(LOGIN),
        }
    }

    fn login_host(&self) -> Option<&str> {
        self.login()?.split_once("://").map(|(_, host)| host)
    }

    fn login_with_tenants(&self) -> Option<&str> {
        self.login().filter(|_| self.is_of_no_app() || self.tenant.is_some())
    }

    /// Where Entra says which tenant a domain belongs to (OpenID Connect Discovery 4).
    fn tenant_page(&self) -> Option<String> {
        let login = self.login_with_tenants()?;
        Some(format!("{login}/{}/v2.0/.well-known/openid-configuration", self.value("domain")))
    }

    /// Where an administrator consents for all, if all of it is known.
    pub fn admin_consent(&self) -> Option<String> {
        self.admin_consent_page().filter(|page| !has_stand_ins(page))
    }

    /// Entra's admin consent endpoint. A provider without tenants has none.
    fn admin_consent_page(&self) -> Option<String> {
        let login = self.login_with_tenants()?;
        Some(format!("{login}/{}/adminconsent?client_id={}", self.value("tenant"), self.value("client-id")))
    }

    /// Of `Set-CASMailbox`, for the protocol that was met; where that is not known, for both that read a mailbox.
    fn protocol_switch(&self) -> String {
        let (whose, switch) = match self.protocol {
            Some(Protocol::Imap) => ("mailbox", "-ImapEnabled $true"),
            Some(Protocol::Pop3) => ("mailbox", "-PopEnabled $true"),
            Some(Protocol::Smtp) => ("smtp-user", "-SmtpClientAuthenticationDisabled $false"),
            None => ("mailbox", "-ImapEnabled $true -PopEnabled $true"),
        };
        format!("-Identity {} {switch}", self.value(whose))
    }

    /// Shows who answers there; a provider on this machine may speak plain HTTP.
    fn curl(&self, at: &str) -> String {
        let through = self.harmless_login_proxy().map(|via| format!("-x {} ", as_curl_has_it(via))).unwrap_or_default();
        format!("curl -v {through}{at}/")
    }
}

/// As it is found in the configuration: with its name as TOML has it, and nothing in it that would end what it stands in.
fn table_of_client(name: &str) -> String {
    let told = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        '`' => format!("\\u{:04X}", u32::from(c)),
        c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
        c => c.to_string(),
    };
    format!("`[[client]] name = \"{}\"`", name.chars().map(told).collect::<String>())
}

/// Whether the mail of this provider, named as in the configuration, may lie in Exchange.
pub fn may_be_exchange(provider: &str) -> bool {
    provider.starts_with("microsoft365") || provider == "custom"
}

/// In the place of what is not known.
pub(super) fn stand_in(name: &str) -> String {
    format!("<{name}>")
}

/// Whether something in the text stands for what is not known.
pub fn has_stand_ins(text: &str) -> bool {
    NAMES.iter().any(|name| text.contains(&stand_in(name)))
}

/// Whether something in the text stands for what an account of the configuration tells.
pub fn is_filled_by_account(text: &str) -> bool {
    // Where Gatepost listens no account says.
    let text = text.replace("<address>:<other-port>", "");
    BY_ACCOUNT.iter().any(|name| text.contains(&stand_in(name)))
}

#[cfg(test)]
mod tests;
