//! A report for people: a line for each check, and the first failing layer in full.

use super::{
    report::{Check, Explained, Layer, Outcome, Report},
    words::{Frame, Name, frame, proof, turn},
};
use std::path::Path;

use crate::{
    base::{Lang, Protocol, columns as width, invocation::gatepost, wrapped},
    catalog::{Deed, Line, Step, doctor::REFUSAL_REMEMBERED, is_harmless, said_not_to},
};

/// Columns of a terminal, as far as can be told without asking it.
const LAYER: usize = 8;
const TITLE: usize = 28;
const WRAP: usize = 100;

/// How the outcome is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    Signs,
    /// For who does not read UTF-8.
    Ascii,
}

impl Marks {
    const fn of(self, outcome: Outcome) -> &'static str {
        match (self, outcome) {
            (Marks::Signs, Outcome::Pass) => "✓",
            (Marks::Signs, Outcome::Fail) => "✗",
            (Marks::Signs, Outcome::Skipped) => "–",
            (Marks::Ascii, Outcome::Pass) => "ok  ",
            (Marks::Ascii, Outcome::Fail) => "FAIL",
            (Marks::Ascii, Outcome::Skipped) => "-   ",
        }
    }
}

/// One line, or several where the detail has several.
pub fn line(check: &Check, marks: Marks, lang: Lang) -> String {
    let mark = marks.of(check.outcome);
    let about = about(check);
    let mut detail = check.detail.lines();
    let first = behind(check.target.as_deref(), detail.next().unwrap_or_default());
    let said = [about.as_str(), first].iter().filter(|text| !text.is_empty()).copied().collect::<Vec<_>>().join(": ");
    let mut text = format!("{mark} {} {} {said}", padded(check.layer.as_str(), LAYER), padded(&check.title, TITLE));
    text.truncate(text.trim_end().len());
    // So that whoever has this line alone has its id.
    if let Some(fault) =
        check.fault.as_ref().filter(|fault| check.outcome == Outcome::Fail && !first.ends_with(fault.id))
    {
        text.push_str(&format!(" [{}]", fault.id));
    }
    for more in detail {
        text.push_str(&format!("\n      {more}"));
    }
    text.push('\n');
    // What fails or is open is told in full at the end; a note is told where it stands.
    if let (true, false, Some(fault)) = (check.is_told(), check.is_repeated, &check.fault) {
        let cause = format!("{} [{}]", fault.cause, fault.id);
        let avoid = fault.avoid.iter().flat_map(|avoid| wrapped(&said_not_to(avoid, lang), WRAP));
        for line in wrapped(&cause, WRAP).into_iter().chain(fault.step().drawn(WRAP, &|_| None)).chain(avoid) {
            text.push_str(&format!("      {line}\n"));
        }
    }
    text
}

/// What stands behind mark and layer of a line that tells of no success, whoever pastes it.
pub fn said_in(line: &str) -> Option<&str> {
    let marks = [Marks::Signs, Marks::Ascii].into_iter();
    let mut marks =
        marks.flat_map(|marks| [Outcome::Fail, Outcome::Skipped].map(|outcome| marks.of(outcome).trim_end()));
    let behind = marks.find_map(|mark| line.trim_start().strip_prefix(mark)?.strip_prefix(' '))?;
    let (layer, said) = behind.trim_start().split_once(' ')?;
    Layer::ALL.iter().any(|one| one.as_str() == layer).then(|| said.trim_start())
}

/// The id with which a line that tells of a failure ends: in brackets, or as all that it says.
pub fn id_in(line: &str) -> Option<&str> {
    let said = said_in(line)?.trim_end();
    match said.strip_suffix(']') {
        Some(said) => Some(said.rsplit_once(" [")?.1),
        None => Some(said.rsplit_once(": ")?.1),
    }
}

/// Of a detail that begins with what it is about, which stands before it.
fn behind<'t>(target: Option<&str>, detail: &'t str) -> &'t str {
    let between = [':', ' ', '、'];
    let rest = target.and_then(|target| detail.strip_prefix(target));
    rest.filter(|rest| rest.is_empty() || rest.starts_with(between))
        .map_or(detail, |rest| rest.trim_start_matches(between))
}

/// The first failing layer, and what is open; empty where nothing is.
pub fn explanation(report: &Report, lang: Lang) -> String {
    let failing = report.failure().map(|check| of_check(report, check, frame(lang).fails, lang));
    let mut told: Vec<&Check> = Vec::new();
    for check in report.open() {
        if told.iter().all(|one| steps(one) != steps(check)) {
            told.push(check);
        }
    }
    let open = told.into_iter().map(|check| of_check(report, check, frame(lang).open, lang));
    failing.into_iter().chain(open).collect::<Vec<_>>().join("\n")
}

fn steps(check: &Check) -> Option<(&str, &str)> {
    check.fault.as_ref().map(|fault| (fault.id, fault.next.as_str()))
}

/// What fails first, and of each other account what fails first of that: one cause is told once, whoever has it.
pub fn explanation_of_each(report: &Report, lang: Lang) -> (String, usize) {
    let mut told: Vec<&Check> = Vec::new();
    for check in report.checks.iter().filter(|check| check.outcome == Outcome::Fail) {
        if told.iter().all(|one| one.account != check.account && steps(one) != steps(check)) {
            told.push(check);
        }
    }
    let frame = frame(lang);
    let leads = std::iter::once(frame.fails).chain(std::iter::repeat(frame.fails_too));
    let texts: Vec<String> = told.iter().zip(leads).map(|(check, lead)| of_check(report, check, lead, lang)).collect();
    (texts.join("\n"), told.len())
}

/// Whom and what it is about.
fn about(check: &Check) -> String {
    let about = [check.account.as_deref(), check.target.as_deref()];
    about.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn of_check(report: &Report, check: &Check, lead: &str, lang: Lang) -> String {
    let about = about(check);
    let (and, opens, closes) = match lang {
        Lang::En => (", ", " (", ")"),
        Lang::Ja => ("、", "（", "）"),
    };
    let mut text = format!("{lead}: {}{and}{}", check.layer.as_str(), check.title);
    if !about.is_empty() {
        text.push_str(&format!("{opens}{about}{closes}"));
    }
    text.push('\n');
    if let Some(fault) = &check.fault {
        text.push_str(&in_full(fault, Some(&report.file), lang));
    }
    text
}

/// A fault with all there is to say of it. `file`: of the configuration.
pub(super) fn in_full(fault: &Explained, file: Option<&Path>, lang: Lang) -> String {
    let mut text = format!("  [{}]\n", fault.id);
    text.push_str(&parts(fault, file, lang));
    if let Some(avoid) = &fault.avoid {
        text.push_str(&format!("\n  {}\n", frame(lang).avoid));
        wrapped(avoid, WRAP).iter().for_each(|line| text.push_str(&format!("    {line}\n")));
    }
    text
}

fn parts(fault: &Explained, file: Option<&Path>, lang: Lang) -> String {
    let (frame, mut text) = (frame(lang), String::new());
    let mut part = |heading: &str, lines: Vec<String>| {
        text.push_str(&format!("\n  {heading}\n"));
        lines.iter().for_each(|line| text.push_str(&format!("    {line}\n")));
    };
    let prose = |body: &str| body.lines().flat_map(|line| wrapped(line, WRAP)).collect();
    if let Some(said) = &fault.said {
        part(frame.said, prose(said));
    }
    part(frame.cause, prose(&fault.cause));
    let turn = turn(lang, fault.owner);
    match fault.passes_by_itself {
        true => part(frame.turn, prose(&format!("{turn}\n{}", frame.passes))),
        false => part(frame.turn, prose(turn)),
    }
    part(frame.next, step(fault, file, lang));
    text
}

/// As it is laid out, and behind it what belongs to no word of it.
fn step(fault: &Explained, file: Option<&Path>, lang: Lang) -> Vec<String> {
    let mut step = fault.step();
    let known: Vec<&str> = step.deeds().into_iter().filter_map(Deed::command).collect();
    let left = fault.commands.iter().filter(|command| !known.contains(&command.as_str()));
    let left: Vec<Line> = left.cloned().map(|command| Line::Deed(Deed::Command(command))).collect();
    step.ways.push(Step { lines: left, ..Step::default() });
    let file = file.map(|file| file.display().to_string());
    let place = |table: &str| {
        let whose = fault.table.as_deref().filter(|_| table == "[[account]]");
        Some((frame(lang).written)(&file, table, whose))
    };
    step.drawn(WRAP, &place)
}

/// The last line, behind so many that were explained.
pub fn summary(report: &Report, explained: usize, lang: Lang) -> String {
    let frame = frame(lang);
    let failing = report.checks.iter().filter(|check| check.outcome == Outcome::Fail).count();
    match failing.saturating_sub(explained) {
        _ if failing == 0 => {
            let beside = noted(report, Name::LaterSignIn).map(|who| (frame.well_but_a_sign_in)(&who));
            let said: Vec<String> = [what_stands(report, &frame, lang), beside].into_iter().flatten().collect();
            if said.is_empty() { format!("{}\n", frame.all_well) } else { format!("{}\n", said.join("\n")) }
        }
        0 => String::new(),
        more => format!("{}\n", (frame.others)(more, are_of_one_chain(report))),
    }
}

/// What fails on the way of a mailbox to its mail may fail what comes behind it there; the daemon and its clients have their
/// own reasons.
fn are_of_one_chain(report: &Report) -> bool {
    let mut failing = report.checks.iter().filter(|check| check.outcome == Outcome::Fail);
    let of_mail = |check: &Check| check.layer < Layer::Daemon;
    failing.next().is_some_and(|first| failing.all(|check| of_mail(check) == of_mail(first)))
}

/// Where nothing fails: of the daemon and of clients, what keeps it from being well.
fn what_stands(report: &Report, frame: &Frame, lang: Lang) -> Option<String> {
    if report.open().next().is_some() {
        let standing = report.checks.iter().filter(|check| check.is_open() || (check.is_unproven && check.is_told()));
        let ids = standing.filter_map(|check| check.fault.as_ref().map(|fault| fault.id.to_owned()));
        return Some(format!("\n{}", (frame.well_but)(&listed(ids, ", "))));
    }
    if report.lacks_daemon() {
        return Some((frame.well_but_down)());
    }
    // One that is mended says itself what ends its rest.
    let kept = report.checks.iter().filter(|check| check.is_of_the_queue() && !check.is_of(REFUSAL_REMEMBERED));
    let kept = listed(kept.filter_map(|check| Some(check.fault.as_ref()?.id.to_owned())), ", ");
    if !kept.is_empty() {
        return Some((frame.well_but_queue)(&kept));
    }
    let Some(unproven) = report.unproven() else {
        return report.is_daemon_silent().then(|| frame.well_but_silent.to_owned());
    };
    Some(match unproven.is_told() {
        true => {
            let told = report.checks.iter().filter(|check| check.is_unproven && check.is_told());
            (frame.well_but_a_client)(&listed(told.filter_map(named), "; "))
        }
        false => {
            let said = (frame.well_but_unproven)(&about(unproven));
            let command = proving(report, unproven);
            command.map_or_else(|| said.clone(), |command| format!("{said} {}", proof(lang, &command)))
        }
    })
}

/// What may prove its account well, where this look did not try. A message says nothing of a mailbox that is read.
fn proving(report: &Report, unproven: &Check) -> Option<String> {
    if unproven.target.as_deref() != Some(Protocol::Smtp.as_str()) {
        return None;
    }
    let address = unproven.account.as_deref().filter(|address| is_harmless(address))?;
    let sent = |check: &Check| check.layer == Layer::Send && check.account.as_deref() == Some(address);
    let was_sent = report.checks.iter().any(sent);
    (!was_sent).then(|| format!("{} doctor {address} --send {address}", gatepost()))
}

/// Those of this name that are a note: whose sign-in was refused while the one that is stored goes on.
fn noted(report: &Report, name: Name) -> Option<String> {
    let notes = report.checks.iter().filter(|check| check.name == name.as_str() && check.is_told());
    let named = notes.filter_map(|check| Some(format!("{} [{}]", about(check), check.fault.as_ref()?.id)));
    Some(listed(named, "; ")).filter(|all| !all.is_empty())
}

fn named(check: &Check) -> Option<String> {
    Some(format!("{} ({}) [{}]", check.title, about(check), check.fault.as_ref()?.id))
}

/// Each once.
fn listed(all: impl Iterator<Item = String>, between: &str) -> String {
    let mut once: Vec<String> = Vec::new();
    for one in all {
        if !once.contains(&one) {
            once.push(one);
        }
    }
    once.join(between)
}

/// Filled up to so many columns; a text that is longer stays.
fn padded(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::{
        super::next::{Who, explained},
        *,
    };
    use crate::catalog::{
        self,
        doctor::{CONFIGURATION_OF_ANOTHER_DAEMON, POP3_DISABLED_MAILBOX},
        sign_on::SMTP_AUTH_DISABLED_MAILBOX,
        token::{CONDITIONAL_ACCESS, CONSENT_MISSING, GRAPH_CONSENT_MISSING},
    };

    #[test]
    fn columns_are_those_of_a_terminal() {
        assert_eq!((width("clock"), width("時計"), width("ID プロバイダー")), (5, 4, 15));
        assert_eq!(padded("時計", 6), "時計  ");
    }

    #[test]
    fn a_line_names_its_server_once() {
        use super::super::{look::Look, report::Layer, words::Said};
        let drawn = |lang, target: &str, detail: &str| {
            let look = Look::at(lang, Layer::Proxy, Name::SmtpServer).target(target);
            line(&look.pass(Said::Plain(detail.to_owned())), Marks::Ascii, lang)
        };
        let said = drawn(Lang::En, "h:587", "h:587 through http://p:3128: the proxy forbids it");
        assert!(said.ends_with(" h:587: through http://p:3128: the proxy forbids it\n"), "{said}");
        let said = drawn(Lang::Ja, "h:587", "h:587 through http://p:3128: the proxy forbids it");
        assert!(said.ends_with(" h:587: プロキシー http://p:3128: プロキシーが許可していません\n"), "{said}");
        assert!(drawn(Lang::En, "127.0.0.1:25", "127.0.0.1:25").ends_with(" 127.0.0.1:25\n"));
        assert!(drawn(Lang::En, "h:58", "h:587: timed out").ends_with(" h:58: h:587: timed out\n"));
    }

    /// Whoever has one line of it alone looks its id up.
    #[test]
    fn a_line_that_fails_has_its_id_once_and_no_other_has_one() {
        use super::super::{look::Look, words::Said};
        use crate::catalog::doctor::PROVIDER_NAME_UNKNOWN;
        let (fault, who) = (PROVIDER_NAME_UNKNOWN.fault(), Who::default());
        for lang in Lang::ALL {
            let look = || Look::at(lang, Layer::Dns, Name::IdentityProvider).target("login.microsoftonline.com");
            let drawn = |check: &Check| line(check, Marks::Signs, lang);
            let words = drawn(&look().fail(Said::Plain("name resolution failed\nmore".into()), &fault, &who));
            assert!(words.contains(" [provider-name-unknown]\n      more\n"), "{words}");
            let bare = drawn(&look().fail(Said::Id(fault.id), &fault, &who));
            assert!(bare.ends_with(": provider-name-unknown\n"), "{bare}");
            let well = drawn(&look().pass(Said::Plain("answers".into())));
            assert!(!well.contains('['), "{well}");
            for line in [words, bare] {
                assert_eq!(id_in(line.lines().next().unwrap()), Some("provider-name-unknown"), "{line}");
            }
        }
        assert_eq!(id_in("550 5.1.1 no: sign-in-missing"), None, "no line of the doctor");
    }

    #[test]
    fn what_fails_beside_the_first_is_called_of_the_same_cause_only_where_that_may_be() {
        use super::super::{look::Look, words::Said};
        use crate::catalog::{doctor::PORT_TAKEN, token::SIGN_IN_MISSING};
        let fails = |lang, layer, entry: &'static catalog::Entry| {
            Look::at(lang, layer, Name::Listeners).fail(Said::Id(entry.id), &entry.fault(), &Who::default())
        };
        for (lang, guess) in [(Lang::En, "may have the same cause"), (Lang::Ja, "同じ原因かもしれません")] {
            let token = || fails(lang, Layer::Token, SIGN_IN_MISSING);
            for (other, may_be) in
                [(fails(lang, Layer::Smtp, SIGN_IN_MISSING), true), (fails(lang, Layer::Daemon, PORT_TAKEN), false)]
            {
                let said = summary(&Report::new(vec![token(), other], false, Path::new("g.toml")), 1, lang);
                assert_eq!(said.contains(guess), may_be, "{said}");
            }
        }
    }

    /// Labels, and lines that are typed, written or skipped as a remark.
    fn block_of(entry: &catalog::Entry, lang: Lang) -> Vec<String> {
        let ann = || Some("ann@contoso.com".to_owned());
        let who = Who { address: ann(), imap_user: ann(), smtp_user: ann(), identity: ann(), ..Who::default() };
        let who = Who { tenant: Some("t".into()), client_id: Some("c".into()), app: Some("contoso".into()), ..who };
        let who = Who { login_host: Some("https://login.microsoftonline.com".into()), ..who };
        let step = step(&explained(&entry.fault(), &who, lang), Some(Path::new("g.toml")), lang);
        let told = step.iter().filter_map(|line| {
            let label =
                ["Either:", "Or:", "方法1：", "方法2：", "方法3："].into_iter().find(|label| line.starts_with(label));
            label.or_else(|| line.strip_prefix("    ").map(str::trim_start)).map(str::to_owned)
        });
        told.collect()
    }

    #[test]
    fn ways_of_which_one_is_enough_are_labelled_and_each_has_all_of_its_commands() {
        let consent = "https://login.microsoftonline.com/t/adminconsent?client_id=c";
        let (login, reload) = ("gatepost login ann@contoso.com", "sudo systemctl reload gatepost");
        let setup = "gatepost setup --address ann@contoso.com --grant client-credentials";
        let script = &*format!("{setup} --print-script -");
        let by_browser = &*format!("{login} --flow browser");
        for (lang, one, two, three) in
            [(Lang::En, "Either:", "Or:", "Or:"), (Lang::Ja, "方法1：", "方法2：", "方法3：")]
        {
            for (entry, block) in [
                (CONSENT_MISSING, &[one, consent, reload, two, login][..]),
                (GRAPH_CONSENT_MISSING, &[one, consent, reload, two, login]),
                // What is to be done behind it, it says itself.
                (CONDITIONAL_ACCESS, &[one, by_browser, two, reload, three, script, setup]),
            ] {
                assert_eq!(block_of(entry, lang), block, "{}", entry.id);
            }
        }
    }

    #[test]
    fn the_command_for_one_way_never_stands_in_the_list_of_another() {
        let switch = "Set-CASMailbox -Identity ann@contoso.com -PopEnabled $true";
        for (lang, one, two) in [(Lang::En, "Either:", "Or:"), (Lang::Ja, "方法1：", "方法2：")] {
            let block = block_of(POP3_DISABLED_MAILBOX, lang);
            assert_eq!(
                block,
                [
                    one,
                    "Connect-ExchangeOnline",
                    switch,
                    "sudo systemctl reload gatepost",
                    two,
                    "sudo systemctl restart gatepost"
                ]
            );
            let block = block_of(CONFIGURATION_OF_ANOTHER_DAEMON, lang);
            let first = "gatepost --config <running-file> doctor";
            let two = [first, two, "kill <pid>", "gatepost run"];
            assert_eq!(block.get(1..5), Some(&two.map(str::to_owned)[..]));
            let third = block.get(5..).unwrap_or_default().join("\n");
            for line in
                ["url = \"sqlite:///", "listen = \"<address>:<other-port>\"", "listen = [\"<address>:<other-port>\"]"]
            {
                assert!(third.contains(line), "{third}");
            }
        }
    }

    #[test]
    fn where_a_line_is_written_is_said_once() {
        for lang in Lang::ALL {
            let who = Who { address: Some("ann@contoso.com".into()), app: Some("contoso".into()), ..Who::default() };
            let fault = explained(&SMTP_AUTH_DISABLED_MAILBOX.fault(), &who, lang);
            let told = step(&fault, Some(Path::new("g.toml")), lang).join("\n");
            assert_eq!(told.matches("[[account]]").count(), 1, "{told}");
        }
    }

    #[test]
    fn a_note_says_what_not_to_do_as_a_failure_does() {
        use super::super::{look::Look, words::Said};
        use crate::catalog::doctor::CLOCK_SKEWED;
        for (lang, not) in [(Lang::En, "What not to do: Do not sign in again"), (Lang::Ja, "してはならないこと：")]
        {
            let look = Look::at(lang, Layer::Token, Name::LaterSignIn);
            let note = look.note(Said::Plain("x".to_owned()), &CLOCK_SKEWED.fault(), &Who::default());
            let drawn = line(&note, Marks::Ascii, lang);
            assert!(drawn.contains(not), "{drawn}");
        }
    }

    #[test]
    fn a_block_with_cmdlets_begins_with_what_connects_them_and_has_the_line_to_write() {
        let switch = "Set-CASMailbox -Identity ann@contoso.com -SmtpClientAuthenticationDisabled $false";
        let consent = "https://login.microsoftonline.com/t/adminconsent?client_id=c";
        let english = "# g.toml, under [[account]] of ann@contoso.com";
        let japanese = "# g.toml の [[account]]（ann@contoso.com）";
        for (lang, one, two, line) in
            [(Lang::En, "Either:", "Or:", english), (Lang::Ja, "方法1：", "方法2：", japanese)]
        {
            let written = "outbound = \"graph\"";
            let ways =
                [one, "Connect-ExchangeOnline", switch, two, consent, line, written, "sudo systemctl reload gatepost"];
            assert_eq!(block_of(SMTP_AUTH_DISABLED_MAILBOX, lang), ways);
        }
    }
}
