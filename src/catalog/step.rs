//! A next step as it is laid out: ways of which one is enough, and of each its sentences, with whatever is typed or written
//! on a line of its own, in the order in which it is done.
//!
//! The catalogue has a step as one text, and whatever has room for one line alone shows that. All others lay it out by this
//! one model: a terminal by [`Step::drawn`], the console and the docs as lists. It refuses to know a surface beyond that.

use super::{
    commands::{Deed, REMARKS, Span, connecting, deeds_of, is_typed_behind, without_connecting},
    together::stands_for,
};
use crate::base::wrapped;

/// Who it is for, where that is not known.
pub(super) const AT_ONES_OWN: [&str; 2] = ["At one's own mailbox: ", "自分のメールボックスの場合："];
pub(super) const APP_ONLY: [&str; 2] = ["With an app-only grant: ", "アプリ専用のグラントの場合："];
pub(super) const ELSEWHERE: [&str; 2] = ["At other providers: ", "他のプロバイダーの場合："];
/// What holds whichever way is gone.
pub(super) const WHICHEVER: [&str; 2] = ["In each case: ", "いずれの場合も："];
/// What the stand-ins of all ways stand for.
pub(super) const VALUES: [&str; 2] = ["What to put in: ", "入れる値："];
/// Ways of which one is enough.
const EITHER: [&str; 5] = ["Either: ", "Or: ", "方法1：", "方法2：", "方法3："];
/// What is gone through one by one, and what comes behind all of it.
const ONE_BY_ONE: [&str; 20] = [
    "(1) ",
    "(2) ",
    "(3) ",
    "(4) ",
    "(5) ",
    "(6) ",
    "(7) ",
    "(8) ",
    "(9) ",
    "Then: ",
    "（1）",
    "（2）",
    "（3）",
    "（4）",
    "（5）",
    "（6）",
    "（7）",
    "（8）",
    "（9）",
    "その後：",
];
/// What is done in which case, within a way or ahead of what comes behind all.
const WHERE: [&str; 4] = [
    "Where the group is there already: ",
    "Where there is no such group: ",
    "グループがすでにある場合：",
    "グループがまだない場合：",
];
/// Where a line is written, as it stands behind or ahead of the line; more particular ones first.
const PLACES: [&str; 4] = [
    "under its `[[account]]` in the configuration",
    "under its `[[account]]`",
    "設定ファイルの該当する `[[account]]` に",
    "その `[[account]]` に",
];
/// With which nothing begins behind what it was linked to.
const LINKS: [char; 9] = [' ', ',', '.', ';', ':', '。', '、', '；', '：'];
/// Columns by which a command stands further in than the words around it.
const IN: usize = 4;

/// A step, or one way of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// `Either:`, `(1)`.
    pub label: Option<&'static str>,
    pub lines: Vec<Line>,
    /// Behind the lines. One without a label belongs to all of them.
    pub ways: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A sentence, or as much of it as stands between commands. What is not done as it stands keeps its backticks.
    Words(String),
    Deed(Deed),
}

impl Step {
    /// Of a text of the catalogue, with or without the remark on where cmdlets are typed.
    pub fn of(text: &str) -> Self {
        let remark_at = REMARKS.iter().filter_map(|remark| text.find(remark)).min();
        let (text, remark) = text.split_at_checked(remark_at.unwrap_or(text.len())).unwrap_or((text, ""));
        Self::with_remark(text, Some(remark).filter(|remark| !remark.is_empty()))
    }

    /// Of both apart.
    pub fn with_remark(text: &str, remark: Option<&str>) -> Self {
        let mut step = Self::behind_remark(text, remark);
        let Some(remark) = remark else { return step };
        let said = Self::remark_beside(remark.trim(), &[&step]);
        step.ways.push(Self { lines: vec![Line::Words(said)], ..Self::default() });
        step
    }

    /// The remark without what begins a shell, where that stands in the steps beside it.
    pub fn remark_beside(remark: &str, steps: &[&Self]) -> String {
        let is_there =
            |begins: &&str| steps.iter().flat_map(|step| step.deeds()).any(|deed| deed.command() == Some(*begins));
        let there = connecting(remark).filter(is_there);
        there.fold(remark.to_owned(), |said, begins| without_connecting(&said, begins))
    }

    /// The same where the remark itself stands elsewhere.
    pub fn behind_remark(text: &str, remark: Option<&str>) -> Self {
        let cases: Vec<&'static str> = [AT_ONES_OWN, APP_ONLY, ELSEWHERE, WHICHEVER, VALUES].concat();
        let mut step = Self::by(text, &[&cases, &EITHER, &ONE_BY_ONE, &WHERE]);
        for begins in remark.into_iter().flat_map(connecting) {
            step.begin_shell(begins, false);
        }
        step
    }

    /// By the labels of the first level, and of those behind it within.
    fn by(text: &str, levels: &[&[&'static str]]) -> Self {
        let Some((labels, deeper)) = levels.split_first() else {
            return Self { lines: sentences(text).into_iter().flat_map(lines_of).collect(), ..Self::default() };
        };
        let (ahead, labelled) = parts(text, labels);
        let mut step = Self::by(ahead, deeper);
        let ways =
            labelled.into_iter().map(|(label, part)| Self { label: Some(label.trim()), ..Self::by(part, deeper) });
        step.ways.extend(ways);
        step
    }

    /// Ahead of the first cmdlet of whoever follows it stands what begins its shell. `has_begun`: further up. Whether it has by
    /// the end.
    fn begin_shell(&mut self, begins: &str, has_begun: bool) -> bool {
        let is_first = |line: &Line| line.command().is_some_and(|command| is_typed_behind(command, begins));
        let mut has_begun = has_begun;
        if let Some(first) = self.lines.iter().position(is_first).filter(|_| !has_begun) {
            self.lines.insert(first, Line::Deed(Deed::Command(begins.to_owned())));
            has_begun = true;
        }
        // Ahead of all that is gone through, where several have some: whoever skips one, or is in another case, types what comes
        // behind it.
        let is_gone_through = |way: &&Self| way.has_label_of(&ONE_BY_ONE) || way.has_label_of(&WHERE);
        let have_some = self.ways.iter().filter(is_gone_through).filter(|way| way.is_typed_behind(begins)).count();
        if !has_begun && have_some > 1 {
            self.lines.push(Line::Deed(Deed::Command(begins.to_owned())));
            has_begun = true;
        }
        for way in &mut self.ways {
            let is_for_others = way.has_label_of(&[AT_ONES_OWN, APP_ONLY, ELSEWHERE].concat());
            let is_next = way.has_label_of(&ONE_BY_ONE);
            let has = way.begin_shell(begins, has_begun && !is_for_others);
            has_begun |= has && is_next;
        }
        has_begun
    }

    fn has_label_of(&self, labels: &[&'static str]) -> bool {
        labels.iter().any(|label| self.label == Some(label.trim()))
    }

    /// Whether there is anything in it for the shell that `begins` begins.
    fn is_typed_behind(&self, begins: &str) -> bool {
        self.deeds().into_iter().filter_map(Deed::command).any(|command| is_typed_behind(command, begins))
    }

    /// One for all, where they differ by nothing but commands: each of these in its place.
    pub fn in_common(all: &[Self]) -> Option<Self> {
        let (first, others) = all.split_first()?;
        let is_alike = |one: &Self| {
            (one.label, one.lines.len(), one.ways.len()) == (first.label, first.lines.len(), first.ways.len())
        };
        if !others.iter().all(is_alike) {
            return None;
        }
        let mut lines: Vec<Line> = Vec::new();
        for at in 0..first.lines.len() {
            let mut here: Vec<&Line> = Vec::new();
            for line in all.iter().filter_map(|one| one.lines.get(at)) {
                here.extend((!here.contains(&line)).then_some(line));
            }
            if here.len() > 1 && here.iter().any(|line| line.command().is_none()) {
                return None;
            }
            let is_open = |line: &Line| here.iter().any(|other| stands_for(line.command(), other.command()));
            lines.extend(here.iter().filter(|line| !is_open(line)).map(|line| (*line).clone()));
        }
        let way =
            |at: usize| Self::in_common(&all.iter().filter_map(|one| one.ways.get(at).cloned()).collect::<Vec<_>>());
        let ways = (0..first.ways.len()).map(way).collect::<Option<Vec<_>>>()?;
        Some(Self { label: first.label, lines, ways })
    }

    /// Likewise of different faults: most of what is typed has to be the same, else commands of one would stand in the step of
    /// the other.
    pub(super) fn shared(all: &[Self]) -> Option<Self> {
        let common = Self::in_common(all)?;
        let (own, in_all) = (all.first()?.deeds().len(), common.deeds().len());
        (2 * in_all.saturating_sub(own) <= own).then_some(common)
    }

    /// What is done as it stands, of all ways.
    pub fn deeds(&self) -> Vec<&Deed> {
        let own = self.lines.iter().filter_map(Line::deed);
        own.chain(self.ways.iter().flat_map(Step::deeds)).collect()
    }

    /// For a terminal. `place` says of a table of the configuration where it is, for a remark above the lines of it: the words
    /// beside them do not say it again.
    pub fn drawn(&self, columns: usize, place: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
        let (mut drawn, mut label, mut under) = (Vec::new(), self.label, None);
        if self.lines.first().is_none_or(|line| line.deed().is_some()) {
            drawn.extend(label.take().map(str::to_owned));
        }
        for (at, line) in self.lines.iter().enumerate() {
            let table = line.table();
            let remark = table.filter(|table| under != Some(*table)).and_then(place);
            drawn.extend(remark.map(|place| format!("{:IN$}# {place}", "")));
            under = table;
            match line {
                Line::Words(words) => {
                    let words = &self.without_place(at, words, place);
                    if words.is_empty() {
                        continue;
                    }
                    let label = label.take().map(|label| with_label(label, words));
                    drawn.extend(wrapped(label.as_ref().unwrap_or(words), columns));
                }
                Line::Deed(deed) => drawn.push(format!("{:IN$}{}", "", deed.text())),
            }
        }
        for way in &self.ways {
            drawn.extend(way.drawn(columns, place));
        }
        let indent = if self.label.is_some() { "  " } else { "" };
        drawn.into_iter().enumerate().map(|(n, line)| if n == 0 { line } else { format!("{indent}{line}") }).collect()
    }

    /// The words at this line, without where the lines beside them are written, if a remark says that.
    fn without_place(&self, at: usize, words: &str, place: &dyn Fn(&str) -> Option<String>) -> String {
        let is_placed = |line: Option<&Line>| line.and_then(Line::table).is_some_and(|table| place(table).is_some());
        let (mut words, places) = (words, PLACES.iter());
        if is_placed(at.checked_sub(1).and_then(|before| self.lines.get(before))) {
            let behind = places.clone().find_map(|place| words.strip_prefix(place));
            words = behind.map_or(words, |rest| rest.trim_start_matches(LINKS));
        }
        if is_placed(self.lines.get(at + 1)) {
            let ahead = places.clone().find_map(|place| words.strip_suffix(place));
            words = ahead.map_or(words, str::trim_end);
        }
        words.to_owned()
    }
}

impl Line {
    /// Under which it is written.
    fn table(&self) -> Option<&str> {
        match self {
            Line::Deed(Deed::Line { table, .. }) => Some(table),
            _ => None,
        }
    }

    fn deed(&self) -> Option<&Deed> {
        match self {
            Line::Words(_) => None,
            Line::Deed(deed) => Some(deed),
        }
    }

    fn command(&self) -> Option<&str> {
        self.deed()?.command()
    }
}

/// A Japanese label ends with a wide colon, and needs no blank.
pub fn with_label(label: &str, words: &str) -> String {
    format!("{label}{}{words}", if label.is_ascii() { " " } else { "" })
}

/// Whether what is put behind a text would be a part of its last way.
pub(super) fn has_ways(text: &str) -> bool {
    [&EITHER[..], &ONE_BY_ONE, &WHERE, &APP_ONLY, &AT_ONES_OWN, &ELSEWHERE]
        .concat()
        .iter()
        .any(|label| text.contains(label))
}

/// What stands ahead of the first label, and the parts behind each.
fn parts<'t>(text: &'t str, labels: &[&'static str]) -> (&'t str, Vec<(&'static str, &'t str)>) {
    let label_at =
        |at: usize| labels.iter().copied().find(|label| text.get(at..).is_some_and(|rest| rest.starts_with(label)));
    let found: Vec<(usize, &'static str)> =
        text.char_indices().filter_map(|(at, _)| Some((at, label_at(at)?))).collect();
    let ends = found.iter().map(|(at, _)| *at).skip(1).chain([text.len()]);
    let part = |((at, label), end): (&(usize, &'static str), usize)| Some((*label, text.get(at + label.len()..end)?));
    let labelled = found.iter().zip(ends).filter_map(part).collect();
    let first = found.first().map_or(text.len(), |(at, _)| *at);
    (text.get(..first).unwrap_or_default(), labelled)
}

/// Where the sentence ends that stands at this octet of a text.
pub(super) fn end_of_sentence(text: &str, at: usize) -> usize {
    let mut end = 0;
    for sentence in sentences(text) {
        end += sentence.len();
        if end > at {
            return end - (sentence.len() - sentence.trim_end().len());
        }
    }
    text.len()
}

/// With the blanks behind them: together they are the text. A full stop in code or within brackets ends none.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let (mut found, mut from, mut is_code, mut depth) = (Vec::new(), 0, false, 0_usize);
    for (at, c) in text.char_indices() {
        match c {
            '`' => is_code = !is_code,
            _ if is_code => {}
            '(' | '（' | '「' => depth += 1,
            ')' | '）' | '」' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let behind = text.get(at + c.len_utf8()..).unwrap_or_default();
        if is_code || depth > 0 || !ends_here(c, behind) {
            continue;
        }
        let end = text.len() - behind.trim_start_matches(' ').len();
        found.extend(text.get(from..end));
        from = end;
    }
    found.extend(text.get(from..).filter(|rest| !rest.trim().is_empty()));
    found
}

fn ends_here(c: char, behind: &str) -> bool {
    let begins = |c: char| c.is_uppercase() || matches!(c, '`' | '"' | '<');
    c == '。' || c == '.' && behind.strip_prefix(' ').is_some_and(|rest| rest.starts_with(begins))
}

/// Words and deeds as they follow one another. What is done within brackets stays in its sentence, and stands behind it.
fn lines_of(sentence: &str) -> Vec<Line> {
    let (mut lines, mut words, mut aside) = (Vec::new(), String::new(), Vec::new());
    let close = |words: &mut String, lines: &mut Vec<Line>| {
        // Behind a command nothing begins with what linked it to that.
        let words = std::mem::take(words);
        let words = if lines.is_empty() { words.trim() } else { words.trim_start_matches(LINKS).trim_end() };
        lines.extend((!words.is_empty()).then(|| Line::Words(words.to_owned())));
    };
    for span in deeds_of(sentence) {
        match span {
            Span::Words(text) => words.push_str(text),
            Span::Done(text, deed) if is_within_brackets(&words) => {
                words.push_str(text);
                aside.push(Line::Deed(deed));
            }
            Span::Done(_, deed) => {
                close(&mut words, &mut lines);
                lines.push(Line::Deed(deed));
            }
        }
    }
    close(&mut words, &mut lines);
    lines.extend(aside);
    lines
}

fn is_within_brackets(words: &str) -> bool {
    let count = |all: &[char]| words.chars().filter(|c| all.contains(c)).count();
    count(&['(', '（', '「']) > count(&[')', '）', '」'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::Lang, catalog::Known};

    fn drawn(text: &str) -> String {
        Step::of(text).drawn(100, &|_| None).join("\n")
    }

    #[test]
    fn what_is_typed_stands_alone_on_its_line_and_words_around_it_stay_in_their_order() {
        let text = "Either: sign in again and accept, where users may consent: `gatepost login ann@contoso.com`. Or: an \
                    administrator opens `https://login.microsoftonline.com/t/adminconsent?client_id=c` and accepts for \
                    all. Then `sudo systemctl reload gatepost`.";
        let laid_out = "Either: sign in again and accept, where users may consent:\n      gatepost login ann@contoso.com\n\
                        Or: an administrator opens\n      https://login.microsoftonline.com/t/adminconsent?client_id=c\n  \
                        and accepts for all.\n  Then\n      sudo systemctl reload gatepost";
        assert_eq!(drawn(text), laid_out);
        let text = "方法1：再度サインインしてください：`gatepost login ann@contoso.com`。方法2：`sudo systemctl reload gatepost` を実行してください。数分かかります。";
        let laid_out = "方法1：再度サインインしてください：\n      gatepost login ann@contoso.com\n方法2：\n      sudo systemctl reload gatepost\n  \
                        を実行してください。\n  数分かかります。";
        assert_eq!(drawn(text), laid_out);
    }

    #[test]
    fn steps_that_differ_by_commands_alone_are_one_with_each_of_these_in_its_place() {
        let step = |switch: &str, then: &str| {
            Step::of(&format!(
                "(1) Look: `Get-CASMailbox -Identity x`. (2) Allow it: `Set-CASMailbox -Identity x {switch}`. Then: {then}."
            ))
        };
        let [smtp, imap] =
            ["-SmtpClientAuthenticationDisabled $false", "-ImapEnabled $true"].map(|one| step(one, "wait"));
        let both = Step::in_common(&[smtp.clone(), imap.clone(), smtp.clone()]).unwrap();
        let deeds: Vec<&str> = both.deeds().into_iter().map(Deed::text).collect();
        assert_eq!(deeds.len(), 3, "{deeds:?}");
        assert!(deeds[1].contains("-Smtp") && deeds[2].contains("-Imap"), "{deeds:?}");
        assert_eq!(Step::in_common(&[smtp, step("-ImapEnabled $true", "do not wait")]), None);
    }

    #[test]
    fn what_is_for_somebody_else_has_a_label_with_ways_of_its_own_and_what_holds_for_all_belongs_to_none() {
        let step = Step::of("Either: A. Or: B. With an app-only grant: Either: C. Or: D. In each case: E.");
        let labels: Vec<_> = step.ways.iter().map(|way| way.label.unwrap_or_default()).collect();
        assert_eq!(labels, ["Either:", "Or:", "With an app-only grant:", "In each case:"]);
        let within: Vec<_> = step.ways.iter().flat_map(|way| &way.ways).filter_map(|way| way.label).collect();
        assert_eq!(within, ["Either:", "Or:"]);
    }

    /// Of each step on its own level, in their order.
    fn points(step: &Step, found: &mut Vec<Vec<String>>) {
        let is_number = |label: &&str| label.trim_matches(['(', ')', '（', '）']).parse::<u8>().is_ok();
        let labels = step.ways.iter().filter_map(|way| way.label).filter(is_number);
        found.push(labels.map(|label| label.trim_matches(['(', ')', '（', '）']).to_owned()).collect());
        step.ways.iter().for_each(|way| points(way, found));
    }

    #[test]
    fn points_of_a_list_stand_on_one_level_and_none_is_missing_whichever_clause_is_left_out() {
        let anns = || Some("ann@contoso.com".to_owned());
        let own = Known { mailbox: anns(), who_signs_on: anns(), smtp_user: anns(), ..Known::default() };
        let whose = [None, Some(false), Some(true)].map(|is_app_only| Known { is_app_only, ..Known::default() });
        let whose = whose.into_iter().chain([Known { is_app_only: Some(false), ..own }]);
        for known in whose {
            for (entry, lang) in crate::catalog::all().flat_map(|entry| Lang::ALL.map(|lang| (entry, lang))) {
                let text = entry.told(lang, &known).whole_step();
                let (mut found, mut in_words) = (Vec::new(), 0);
                points(&Step::of(&text), &mut found);
                for (at, _) in text.match_indices(['(', '（']) {
                    let mut behind = text[at..].chars().skip(1);
                    in_words += usize::from(
                        behind.next().is_some_and(|c| c.is_ascii_digit())
                            && behind.next().is_some_and(|c| c == ')' || c == '）'),
                    );
                }
                assert_eq!(found.iter().map(Vec::len).sum::<usize>(), in_words, "{}: {text}", entry.id);
                for list in found {
                    let all: Vec<String> = (1..=list.len()).map(|n| n.to_string()).collect();
                    assert_eq!(list, all, "{}: {text}", entry.id);
                }
            }
        }
    }

    #[test]
    fn a_command_in_brackets_stays_in_its_sentence_and_stands_behind_it_as_well() {
        let said = drawn("Look at it (`gatepost doctor ann@contoso.com`) first. A `key` is none, nor is `[app.x]`.");
        let lines = [
            "Look at it (`gatepost doctor ann@contoso.com`) first.",
            "    gatepost doctor ann@contoso.com",
            "A `key` is none, nor is `[app.x]`.",
        ];
        assert_eq!(said, lines.join("\n"));
    }

    #[test]
    fn lines_to_write_have_a_remark_above_them_that_toml_skips() {
        let text = "Under `[app.x]` write `client-secret-file = \"s\"`, `secret-expires = <day>`, then `gatepost run`.";
        let drawn = Step::of(text).drawn(100, &|table| Some(format!("g.toml, {table}")));
        let lines = [
            "Under `[app.x]` write",
            "    # g.toml, [app.x]",
            "    client-secret-file = \"s\"",
            "    secret-expires = <day>",
            "then",
            "    gatepost run",
        ];
        assert_eq!(drawn, lines);
    }

    #[test]
    fn a_shell_begins_ahead_of_the_first_cmdlet_of_each_way_and_where_it_is_typed_is_said_last() {
        let remark = "An administrator types the cmdlets in PowerShell, behind `Connect-ExchangeOnline` (module X).";
        let step = Step::of(&format!("Either: `Set-X -Y`. `Set-Z -Y`. Or: `Get-X -Y`. {remark}"));
        let commands: Vec<_> = step.deeds().into_iter().filter_map(Deed::command).collect();
        assert_eq!(commands, ["Connect-ExchangeOnline", "Set-X -Y", "Set-Z -Y", "Connect-ExchangeOnline", "Get-X -Y"]);
        let last = "An administrator types the cmdlets in PowerShell (module X).";
        assert_eq!(
            step.drawn(100, &|_| None).last().map(String::as_str),
            Some(last),
            "what stands as a line is not repeated"
        );
        let step = Step::of(&format!("(1) `Set-X -Y`. (2) `Get-X -Y`. With an app-only grant: `Get-X -Z`. {remark}"));
        let commands: Vec<_> = step.deeds().into_iter().filter_map(Deed::command).collect();
        assert_eq!(commands, ["Connect-ExchangeOnline", "Set-X -Y", "Get-X -Y", "Connect-ExchangeOnline", "Get-X -Z"]);
    }
}
