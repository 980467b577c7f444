//! What of a text is typed or opened as it stands, where cmdlets are typed, and which lines of the configuration it names.
//!
//! A text marks it with backticks, and marks keys, values and names of settings alike: those are told apart here, once for
//! all who show commands. A setting is a line to be written where the table that it belongs to is the span beside it; any
//! other is only spoken of. It refuses to add any of its own.

use crate::base::Lang;

/// What begins a command on this machine, besides our own name.
const PROGRAMS: [&str; 14] = [
    "certutil",
    "curl",
    "date",
    "getent",
    "hostname",
    "kill",
    "ls",
    "nslookup",
    "openssl",
    "ss",
    "sudo",
    "systemctl",
    "timedatectl",
    "w32tm",
];
/// What a cmdlet begins with (the approved verbs that occur).
const VERBS: [&str; 8] = ["Add", "Connect", "Get", "New", "Remove", "Restart", "Set", "Update"];

/// How ways are labelled of which one is enough.
const WAYS: [&str; 5] = ["Either: ", "Or: ", "方法1：", "方法2：", "方法3："];

const EN: &str = "An administrator types the cmdlets in PowerShell, behind";
const JA: &str = "コマンドレットは、管理者が PowerShell で次のコマンドで接続してから実行します：";

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
}

/// The spans that can be run or opened, in their order, none of them twice.
pub fn commands_in(text: &str) -> Vec<String> {
    deeds_in(text).iter().filter_map(Deed::command).map(str::to_owned).collect()
}

/// With the lines that are written, likewise.
fn deeds_in(text: &str) -> Vec<Deed> {
    let spans: Vec<&str> = spans(text).collect();
    let mut found: Vec<Deed> = Vec::new();
    for (at, span) in spans.iter().enumerate() {
        let deed = if is_command(span) { Some(Deed::Command((*span).to_owned())) } else { line_at(&spans, at) };
        found.extend(deed.filter(|deed| !found.contains(deed)));
    }
    found
}

/// Its table stands behind it in English, and ahead of it in Japanese.
fn line_at(spans: &[&str], at: usize) -> Option<Deed> {
    let line = spans.get(at).filter(|span| is_setting(span))?;
    let beside = [at.checked_sub(1), at.checked_add(1)].into_iter().flatten().filter_map(|at| spans.get(at));
    let table = beside.copied().find(|span| is_table(span))?;
    Some(Deed::Line { table: table.to_owned(), line: (*line).to_owned() })
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

fn spans(text: &str) -> impl Iterator<Item = &str> {
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

/// A scope of OAuth is an address as well, with one word behind its host at most.
fn is_page(address: &str) -> bool {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://127.0.0.1"));
    rest.is_some_and(|rest| rest.split('/').filter(|part| !part.is_empty()).count() > 2)
}

/// Names of a cloud for `Connect-MgGraph` and for `Connect-ExchangeOnline`, by the preset of the provider.
pub fn cloud(provider: &str) -> (&'static str, &'static str) {
    match provider {
        "microsoft365-gcc-high" => ("USGov", "O365USGovGCCHigh"),
        "microsoft365-dod" => ("USGovDoD", "O365USGovDoD"),
        "microsoft365-china" => ("China", "O365China"),
        _ => ("Global", "O365Default"),
    }
}

/// What is done as a block that can be pasted: ahead of the first cmdlet stands what begins its shell, as [`shell`] says.
fn pasted(mut deeds: Vec<Deed>, shell: Option<&str>) -> Vec<Deed> {
    for begins in shell.into_iter().flat_map(connecting) {
        let is_first = |deed: &Deed| deed.command().is_some_and(|command| is_typed_behind(command, begins));
        if let Some(first) = deeds.iter().position(is_first) {
            deeds.insert(first, Deed::Command(begins.to_owned()));
        }
    }
    deeds
}

/// The same by the ways of which one is enough, each with its label; where there is one way alone, it has none.
pub fn ways(text: &str, shell: Option<&str>) -> Vec<(Option<&'static str>, Vec<Deed>)> {
    parts(text).into_iter().map(|(label, part)| (label, pasted(deeds_in(part), shell))).collect()
}

/// Parts of a text, each behind the label of its way; what stands ahead of the first has none.
fn parts(text: &str) -> Vec<(Option<&'static str>, &str)> {
    let label_at =
        |at: usize| WAYS.into_iter().find(|label| text.get(at..).is_some_and(|rest| rest.starts_with(label)));
    let mut found: Vec<(usize, &'static str)> =
        text.char_indices().filter_map(|(at, _)| Some((at, label_at(at)?))).collect();
    found.push((text.len(), ""));
    let first = found.first().map_or(text.len(), |(at, _)| *at);
    let ahead = text.get(..first).filter(|ahead| !ahead.is_empty()).map(|ahead| (None, ahead));
    let labelled = found.windows(2).filter_map(|pair| match pair {
        [(at, label), (end, _)] => Some((Some(*label), text.get(*at..*end)?)),
        _ => None,
    });
    ahead.into_iter().chain(labelled).collect()
}

/// The commands in what [`shell`] says.
fn connecting(shell: &str) -> impl Iterator<Item = &str> {
    spans(shell).filter(|span| span.starts_with("Connect-"))
}

/// Whether it is a cmdlet of the shell that `connecting` begins.
fn is_typed_behind(command: &str, connecting: &str) -> bool {
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
    let exchange_online = format!("`Connect-ExchangeOnline{to_exchange}`");
    let microsoft_graph = format!("`Connect-MgGraph{to_graph}`");
    Some(match (exchange, graph, lang) {
        (false, false, _) => return None,
        (true, false, Lang::En) => format!("{EN} {exchange_online} (module ExchangeOnlineManagement)."),
        (false, true, Lang::En) => format!("{EN} {microsoft_graph} (module Microsoft.Graph)."),
        (true, true, Lang::En) => format!(
            "{EN} {exchange_online} (module ExchangeOnlineManagement), those with `Mg` in their name behind \
             {microsoft_graph} (module Microsoft.Graph)."
        ),
        (true, false, Lang::Ja) => format!("{JA}{exchange_online}（モジュール ExchangeOnlineManagement）。"),
        (false, true, Lang::Ja) => format!("{JA}{microsoft_graph}（モジュール Microsoft.Graph）。"),
        (true, true, Lang::Ja) => format!(
            "{JA}{exchange_online}（モジュール ExchangeOnlineManagement）、名前に `Mg` を含むものは \
             {microsoft_graph}（モジュール Microsoft.Graph）。"
        ),
    })
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

    #[test]
    fn a_setting_is_a_line_to_write_where_the_table_that_it_belongs_to_stands_beside_it() {
        let written = |text: &str| match deeds_in(text).as_slice() {
            [Deed::Line { table, line }] => Some(format!("{table} {line}")),
            _ => None,
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
            "`Connect-MgGraph -Environment USGov`",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(shell("run `gatepost login x`", None, Lang::En), None);
    }
}
