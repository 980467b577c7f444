//! What of a text is typed or opened as it stands, where cmdlets are typed, and which lines of the configuration it names.
//!
//! A text marks it with backticks, and marks keys, values and names of settings alike: those are told apart here, once for
//! all who show commands. A setting is a line to be written where the table that it belongs to is the span beside it; any
//! other is only spoken of. It refuses to add any of its own.

use crate::base::Lang;

/// What begins a command on this machine, besides our own name.
const PROGRAMS: [&str; 19] = [
    "certutil",
    "chown",
    "curl",
    "date",
    "getent",
    "hostname",
    "install",
    "kill",
    "ls",
    "nslookup",
    "openssl",
    "ps",
    "rm",
    "ss",
    "sudo",
    "systemctl",
    "timedatectl",
    "w32tm",
    "while",
];
/// What a cmdlet begins with (the approved verbs that occur).
const VERBS: [&str; 8] = ["Add", "Connect", "Get", "New", "Remove", "Restart", "Set", "Update"];

/// How the remark begins on where cmdlets are typed, as [`shell`] says it.
pub(super) const REMARKS: [&str; 2] = [EN, JA];
const EN: &str = "An administrator types the cmdlets in PowerShell, behind";
const JA: &str = "コマンドレットは、管理者が PowerShell で、";
/// What cmdlets of Graph ask of whoever connects, where that is more than to be there: the permission that reads or writes
/// what they are about.
const SCOPES: [(&str, &str); 4] = [
    ("Get-MgServicePrincipal", "Application.Read.All"),
    ("Get-MgUserLicenseDetail", "User.Read.All"),
    ("MgDomainFederationConfiguration", "Domain.ReadWrite.All"),
    ("Update-MgUser", "User.ReadWrite.All"),
];

/// What of a step is done as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Typed or opened.
    Command(String),
    /// Written into the configuration, under this table.
    Line { table: String, line: String },
}

impl Deed {
    pub fn command(&self) -> Option<&str> {
        match self {
            Deed::Command(command) => Some(command),
            Deed::Line { .. } => None,
        }
    }

    /// As it is typed or written.
    pub fn text(&self) -> &str {
        match self {
            Deed::Command(text) | Deed::Line { line: text, .. } => text,
        }
    }
}

/// A part of a text.
pub(super) enum Span<'t> {
    /// Outside of backticks, or with those around it.
    Words(&'t str),
    /// With its backticks, and without.
    Done(&'t str, Deed),
}

/// The spans that can be run or opened, in their order, none of them twice.
pub fn commands_in(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for command in spans(text).filter(|span| is_command(span)) {
        if found.iter().all(|one| one != command) {
            found.push(command.to_owned());
        }
    }
    found
}

/// The text in its parts, which are it together.
pub(super) fn deeds_of(text: &str) -> Vec<Span<'_>> {
    let inner: Vec<&str> = spans(text).collect();
    let (mut parts, mut rest, mut at) = (Vec::new(), text, 0);
    while let Some((from, to)) =
        rest.find('`').and_then(|from| Some((from, from + 2 + rest.get(from + 1..)?.find('`')?)))
    {
        let (Some(words), Some(marked), Some(behind)) = (rest.get(..from), rest.get(from..to), rest.get(to..)) else {
            break;
        };
        parts.push(Span::Words(words));
        parts.push(deed_at(&inner, at).map_or(Span::Words(marked), |deed| Span::Done(marked, deed)));
        (rest, at) = (behind, at + 1);
    }
    parts.push(Span::Words(rest));
    parts
}

fn deed_at(spans: &[&str], at: usize) -> Option<Deed> {
    let span = spans.get(at)?;
    if is_command(span) { Some(Deed::Command((*span).to_owned())) } else { line_at(spans, at) }
}

/// Its table stands behind it or ahead of it, with nothing between them but lines of the same.
fn line_at(spans: &[&str], at: usize) -> Option<Deed> {
    let line = spans.get(at).filter(|span| is_setting(span))?;
    let (ahead, behind) = (spans.get(..at)?, spans.get(at + 1..)?);
    let beside = [ahead.iter().rfind(|span| !is_setting(span)), behind.iter().find(|span| !is_setting(span))];
    let table = beside.into_iter().flatten().find(|span| is_table(span))?;
    Some(Deed::Line { table: (*table).to_owned(), line: (*line).to_owned() })
}

/// `outbound = "graph"`
fn is_setting(span: &str) -> bool {
    let key = span.split_once(" = ").map_or("", |(key, _)| key);
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

/// `[app.contoso]`, `[[account]]`; a list has quotes.
fn is_table(span: &str) -> bool {
    let name = span.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or_default();
    !name.is_empty() && !name.contains(['"', ','])
}

pub(super) fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// With all it needs: a name by itself (`Set-TransportConfig`) is only spoken of.
fn is_command(span: &str) -> bool {
    let mut words = span.split(' ');
    let first = words.next().unwrap_or_default();
    let has_more = words.next().is_some();
    match first {
        "gatepost" => has_more,
        program if PROGRAMS.contains(&program) => has_more || program == "date",
        cmdlet if is_cmdlet(cmdlet) => has_more,
        address => is_page(address) && !has_more,
    }
}

/// Verb, hyphen, noun: `Set-CASMailbox`.
fn is_cmdlet(word: &str) -> bool {
    let Some((verb, noun)) = word.split_once('-') else { return false };
    VERBS.contains(&verb)
        && noun.starts_with(|c: char| c.is_ascii_uppercase())
        && noun.chars().all(|c| c.is_ascii_alphanumeric())
}

/// A scope of OAuth is an address as well, with one word behind its host at most, and asks nothing.
fn is_page(address: &str) -> bool {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://127.0.0.1"));
    rest.is_some_and(|rest| rest.contains('?') || rest.split('/').filter(|part| !part.is_empty()).count() > 2)
}

/// A cloud of Microsoft: the preset of the provider, its names for `Connect-MgGraph` and for `Connect-ExchangeOnline`, and where
/// people sign in to it.
const CLOUDS: [(&str, &str, &str, &str); 4] = [
    ("microsoft365", "Global", "O365Default", "login.microsoftonline.com"),
    ("microsoft365-gcc-high", "USGov", "O365USGovGCCHigh", "login.microsoftonline.us"),
    ("microsoft365-dod", "USGovDoD", "O365USGovDoD", "login.microsoftonline.us"),
    ("microsoft365-china", "China", "O365China", "login.partner.microsoftonline.cn"),
];

/// Names of a cloud for `Connect-MgGraph` and for `Connect-ExchangeOnline`, by the preset of the provider.
pub fn cloud(provider: &str) -> (&'static str, &'static str) {
    let known = CLOUDS.iter().find(|(preset, ..)| *preset == provider);
    known.map_or(("Global", "O365Default"), |(_, graph, exchange, _)| (*graph, *exchange))
}

/// The preset whose people sign in at this host.
pub(super) fn cloud_at(login_host: &str) -> Option<&'static str> {
    CLOUDS.iter().find(|(.., host)| *host == login_host).map(|(preset, ..)| *preset)
}

/// The preset of the cloud to which [`shell`], in a step, says to connect.
pub(super) fn cloud_of(step: &str) -> Option<&'static str> {
    let connecting = connecting(step).next()?;
    let is_named = |name: &str| connecting.split(' ').any(|word| word == name);
    let named = CLOUDS.iter().find(|(_, graph, exchange, _)| is_named(graph) || is_named(exchange));
    Some(named.or(CLOUDS.first())?.0)
}

/// The commands in what [`shell`] says.
pub(super) fn connecting(shell: &str) -> impl Iterator<Item = &str> {
    spans(shell).filter(|span| span.starts_with("Connect-"))
}

/// Whether it is a cmdlet of the shell that `connecting` begins.
pub(super) fn is_typed_behind(command: &str, connecting: &str) -> bool {
    let cmdlet = command.split(' ').next().unwrap_or_default();
    is_cmdlet(cmdlet) && is_of_graph(cmdlet) == is_of_graph(connecting)
}

fn is_of_graph(cmdlet: &str) -> bool {
    cmdlet.split_once("-Mg").is_some()
}

/// Where the cmdlets of a text are typed, by whom, and how it is begun. `None`: there are none in it.
pub(super) fn shell(text: &str, provider: Option<&str>, lang: Lang) -> Option<String> {
    let cmdlets = || spans(text).filter_map(|span| span.split(' ').next()).filter(|word| is_cmdlet(word));
    let (graph, exchange) = (cmdlets().any(is_of_graph), cmdlets().any(|cmdlet| !is_of_graph(cmdlet)));
    let (to_graph, to_exchange) = match cloud(provider.unwrap_or_default()) {
        ("Global", _) => (String::new(), String::new()),
        (graph, exchange) => (format!(" -Environment {graph}"), format!(" -ExchangeEnvironmentName {exchange}")),
    };
    let exchange_online = format!("Connect-ExchangeOnline{to_exchange}");
    let asked = SCOPES.iter().filter(|(of, _)| cmdlets().any(|cmdlet| cmdlet.ends_with(of)));
    let scopes = match &asked.map(|(_, scope)| *scope).collect::<Vec<_>>()[..] {
        [] => String::new(),
        [one] => format!(" -Scopes {one}"),
        several => format!(" -Scopes '{}'", several.join("','")),
    };
    let microsoft_graph = format!("Connect-MgGraph{to_graph}{scopes}");
    remark(exchange.then_some(&*exchange_online), graph.then_some(&*microsoft_graph), lang)
}

/// What several of [`shell`] say, as one. Of each shell the first beginning stands for all: where several differ (in what they
/// ask of Graph), each stands ahead of its own cmdlets.
pub fn one_shell(shells: &[String], lang: Lang) -> Option<String> {
    let begins = || shells.iter().flat_map(|shell| connecting(shell));
    // What is said in another way stays as it is.
    remark(begins().find(|begins| !is_of_graph(begins)), begins().find(|begins| is_of_graph(begins)), lang)
        .or_else(|| shells.first().cloned())
}

fn remark(exchange: Option<&str>, graph: Option<&str>, lang: Lang) -> Option<String> {
    Some(match (exchange, graph, lang) {
        (None, None, _) => return None,
        (Some(exchange), None, Lang::En) => format!("{EN} `{exchange}` (module ExchangeOnlineManagement)."),
        (None, Some(graph), Lang::En) => format!("{EN} `{graph}` (module Microsoft.Graph)."),
        (Some(exchange), Some(graph), Lang::En) => format!(
            "{EN} `{exchange}` (module ExchangeOnlineManagement), those with `Mg` in their name behind `{graph}` \
             (module Microsoft.Graph)."
        ),
        (Some(exchange), None, Lang::Ja) => {
            format!("{JA}`{exchange}` で接続してから実行します（モジュール ExchangeOnlineManagement）。")
        }
        (None, Some(graph), Lang::Ja) => {
            format!("{JA}`{graph}` で接続してから実行します（モジュール Microsoft.Graph）。")
        }
        (Some(exchange), Some(graph), Lang::Ja) => format!(
            "{JA}`{exchange}` で接続してから実行します（モジュール ExchangeOnlineManagement）。名前に `Mg` を含むものは、\
             モジュール Microsoft.Graph を使って、`{graph}` で接続してから実行します。"
        ),
    })
}

/// The same where `connecting` stands on a line of its own.
pub(super) fn without_connecting(shell: &str, connecting: &str) -> String {
    let ways = [
        format!(", behind `{connecting}`"),
        format!(" behind `{connecting}`"),
        format!("、`{connecting}` で接続してから"),
    ];
    ways.iter().fold(shell.to_owned(), |shell, way| shell.replace(way, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_run_or_opened_is_told_from_keys_values_and_names() {
        let text = "Check `tenant` with `gatepost config check`, `Set-CASMailbox -Identity ann@contoso.com -ImapEnabled $true`; \
                    never `Set-TransportConfig`. `https://mail.google.com/` is a scope and `https://outlook.office365.com/.default` another, \
                    `https://login.microsoftonline.com/t/adminconsent?client_id=c` a page, `outbound = \"graph\"` a setting, \
                    `date -u`, `gatepost` a name; once more `gatepost config check`.";
        let found = [
            "gatepost config check",
            "Set-CASMailbox -Identity ann@contoso.com -ImapEnabled $true",
            "https://login.microsoftonline.com/t/adminconsent?client_id=c",
            "date -u",
        ];
        assert_eq!(commands_in(text), found);
    }

    /// Of three commands the one in the middle stood in the words, and whoever typed the others did not wait.
    #[test]
    fn what_waits_for_the_end_of_a_daemon_is_a_command_as_well() {
        let wait = "while kill -0 7 2>/dev/null; do sleep 1; done";
        let text = format!("What takes it over: `kill 7`, `{wait}`, `gatepost run`.");
        assert_eq!(commands_in(&text), ["kill 7", wait, "gatepost run"]);
        let drawn = crate::catalog::Step::of(&text).drawn(98, &|_| None).join("\n");
        assert!(drawn.contains(&format!("\n    {wait}\n")) && !drawn.contains('`'), "{drawn}");
    }

    #[test]
    fn a_setting_is_a_line_to_write_where_the_table_that_it_belongs_to_stands_beside_it() {
        let written = |text: &str| {
            deeds_of(text).into_iter().find_map(|span| match span {
                Span::Done(_, Deed::Line { table, line }) => Some(format!("{table} {line}")),
                _ => None,
            })
        };
        let found = Some("[[account]] outbound = \"graph\"".to_owned());
        assert_eq!(written("Write `outbound = \"graph\"` under its `[[account]]`."), found);
        assert_eq!(written("`[[account]]` に `outbound = \"graph\"` を書きます。"), found);
        for spoken_of in
            ["`outbound = \"graph\"` is one", "`to = [\"a\"]` and `[\"a\"]`", "`[[account]]` has `outbound`"]
        {
            assert_eq!(written(spoken_of), None, "{spoken_of}");
        }
    }

    #[test]
    fn it_is_said_once_where_a_cmdlet_is_typed_and_for_which_cloud() {
        let exchange = "`Set-CASMailbox -Identity x -ImapEnabled $true` and `Add-MailboxPermission -Identity x`";
        let said = shell(exchange, None, Lang::En).unwrap();
        assert!(said.contains("`Connect-ExchangeOnline` (module ExchangeOnlineManagement)"), "{said}");
        assert!(!said.contains("Connect-MgGraph"), "{said}");
        let both = format!("{exchange} `Get-MgServicePrincipal -Filter x`");
        let said = shell(&both, Some("microsoft365-gcc-high"), Lang::Ja).unwrap();
        for part in [
            "`Connect-ExchangeOnline -ExchangeEnvironmentName O365USGovGCCHigh`",
            "`Connect-MgGraph -Environment USGov -Scopes Application.Read.All`",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let several = "`Get-MgServicePrincipal -Filter x` and `Update-MgUser -UserId x`";
        let said = shell(several, None, Lang::En).unwrap();
        // As one word PowerShell would have it for one scope.
        assert!(said.contains("`Connect-MgGraph -Scopes 'Application.Read.All','User.ReadWrite.All'`"), "{said}");
        assert_eq!(shell("run `gatepost login x`", None, Lang::En), None);
    }

    #[test]
    fn the_remark_still_says_what_is_typed_where_when_what_begins_each_shell_stands_elsewhere() {
        let text = "`Set-CASMailbox -Identity x -ImapEnabled $true` `Get-MgServicePrincipal -Filter x`";
        for (lang, left) in [
            (
                Lang::En,
                "An administrator types the cmdlets in PowerShell (module ExchangeOnlineManagement), those with `Mg` in \
                 their name (module Microsoft.Graph).",
            ),
            (
                Lang::Ja,
                "コマンドレットは、管理者が PowerShell で実行します（モジュール ExchangeOnlineManagement）。\
                 名前に `Mg` を含むものは、モジュール Microsoft.Graph を使って実行します。",
            ),
        ] {
            let whole = shell(text, None, lang).unwrap();
            let said = connecting(&whole).fold(whole.clone(), |said, begins| without_connecting(&said, begins));
            assert_eq!(said.replace(char::is_whitespace, ""), left.replace(char::is_whitespace, ""), "{whole}");
        }
    }
}
