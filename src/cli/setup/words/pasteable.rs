//! What setup has people paste: lines of the configuration below the head of their table, and this very command with what
//! it lacks. Nothing stands before or behind either, but for remarks that TOML skips.

use super::{super::script::Registration, Line};
use crate::{base::Lang, cli::pasted};

/// What does not go with a script, and whether a value follows it.
const NOT_WITH_A_SCRIPT: [(&str, bool); 5] = [
    ("--password-stdin", false),
    ("--first-use", false),
    ("--flow", true),
    ("--to", true),
    ("--client-secret-file", true),
];
/// What stands for the value that a flag takes.
const VALUES: [(&str, &str); 5] = [
    ("--address", "<address>"),
    ("--client-id", "<client-id>"),
    ("--client-secret-file", "<file>"),
    ("--provider", "<provider>"),
    ("--tenant", "<tenant>"),
];
/// What proves an app that signs in by itself.
const PROOFS: [&str; 3] =
    ["--make-certificate", "--certificate <file> --certificate-key <file>", "--client-secret-file <file>"];

/// Lines of one table stand together.
pub fn listed(lines: &[Line], lang: Lang) -> String {
    let (mut text, mut under) = (String::new(), None);
    for line in lines {
        if under != Some(&line.block) {
            under = Some(&line.block);
            head(&line.block).iter().for_each(|head| text.push_str(&format!("\n  {head}")));
        }
        let remarks = [
            line.instead_of.map(|key| match lang {
                Lang::En => format!("in the place of {key}"),
                Lang::Ja => format!("{key} と置き換え"),
            }),
            line.or_certificate.then(|| match lang {
                Lang::En => "or certificate and certificate-key".to_owned(),
                Lang::Ja => "または certificate と certificate-key".to_owned(),
            }),
        ];
        remarks.into_iter().flatten().for_each(|remark| text.push_str(&format!("\n  # {remark}")));
        text.push_str(&format!("\n  {}", line.text));
    }
    text
}

/// Of an array of tables, with the key by which the one that is meant is found.
fn head(block: &str) -> Vec<String> {
    match block.split_once(' ') {
        Some((head, name)) => {
            let key = if head == "[[account]]" { "address" } else { "protocol" };
            vec![head.to_owned(), format!("{key} = \"{name}\"")]
        }
        None => vec![block.to_owned()],
    }
}

/// Each mailbox into the group that is there, as remarks beside the commands that make one.
pub fn into_the_group(of: &Registration) -> String {
    let one = |one: &str| {
        format!("       # Add-DistributionGroupMember -Identity gatepost-senders -Member {}\n", pasted::powershell(one))
    };
    of.all().map(one).collect()
}

/// This command, with the flag that answers a question.
pub fn with_flag(flag: &str) -> String {
    let value = VALUES.iter().find(|(name, _)| *name == flag).map(|(_, value)| format!(" {value}")).unwrap_or_default();
    pasted::this_again(&format!("{}{value}", flag.replace("=...", "=<value>")), &[])
}

/// This command with each of what may prove the app, and with its id where that was not typed.
pub fn proofs() -> String {
    let id = if pasted::is_typed("--client-id") { "" } else { "--client-id <client-id> " };
    PROOFS.iter().map(|proof| format!("\n  {}", pasted::this_again(&format!("{id}{proof}"), &[]))).collect()
}

/// This command for the script, with what was answered and not typed.
pub fn to_print_script(of: &Registration) -> String {
    let (grant, outbound) = (of.grant.as_str(), of.outbound.as_str());
    let mut answered = vec![("--address", of.address)];
    answered.extend(of.others.iter().map(|other| ("--shared", other.as_str())));
    answered.extend(
        [("--provider", of.provider), ("--grant", grant), ("--outbound", outbound)].into_iter().filter(is_unusual),
    );
    let answered = answered.into_iter().filter(|(flag, _)| !pasted::is_typed(flag));
    let answered: String = answered.map(|(flag, value)| format!("{flag} {} ", pasted::word_of(value))).collect();
    pasted::this_again(&format!("{answered}--print-script gatepost.ps1"), &NOT_WITH_A_SCRIPT)
}

fn is_unusual((_, value): &(&str, &str)) -> bool {
    !["microsoft365", "authorization-code", "smtp"].contains(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_to_write_are_toml_with_the_head_of_their_table_on_a_line_of_its_own() {
        let lines = [
            Line::new("[app.contoso]", "grant", "client-credentials".into()),
            Line { or_certificate: true, ..Line::new("[app.contoso]", "client-secret-file", "/etc/s".into()) },
            Line::new("[[account]] ann@contoso.com", "outbound", "graph".into()).instead_of(Some("x")),
        ];
        for lang in Lang::ALL {
            let text = listed(&lines, lang);
            let table: toml::Table = text.parse().unwrap();
            let app = table["app"]["contoso"].as_table().unwrap();
            assert_eq!((app.len(), app["client-secret-file"].as_str()), (2, Some("/etc/s")), "{text}");
            let account = &table["account"][0];
            assert_eq!(account["address"].as_str(), Some("ann@contoso.com"), "{text}");
            assert_eq!(account["outbound"].as_str(), Some("graph"), "{text}");
            assert_eq!(text.matches("[app.contoso]").count(), 1, "{text}");
        }
    }
}
