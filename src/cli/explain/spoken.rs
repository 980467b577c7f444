//! What Gatepost itself says without an id, pasted back: a sentence of a command, a warning of the log, a line of the doctor.
//! Whoever pastes it gets its next step again, or where that stands.
//!
//! It refuses guesses: only what stands word by word in our own files of sentences is ours. What has an id is told by the
//! catalogue, in whichever language it was said.

use std::sync::OnceLock;

use super::health;
use crate::{
    base::{Lang, Phrases},
    catalog::{
        self,
        doctor::CONFIGURATION_REFUSED,
        explain::{self, By, Found},
    },
    cli::language,
    doctor,
};

/// Of commands that have both languages in their own code.
const OF_OTHERS: &str = include_str!("spoken.txt");
/// Of the log, a line each.
const WARNED: &str = include_str!("warned.txt");
/// Words of a message by which it is known without its level.
const SENTENCE: usize = 4;
/// Ahead of what a command says.
const MARKS: [&str; 4] = ["error: ", "warning: ", "エラー: ", "警告: "];
/// Ahead of what to do about it.
const NEXT: [&str; 2] = ["hint:", "次の手順:"];

/// That are compared with all that we say.
const LINES: usize = 40;
/// Octets of one.
const LENGTH: usize = 2000;

/// Who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    Command,
    Log,
    Doctor,
}

/// What was pasted.
#[derive(Debug, PartialEq, Eq)]
pub struct Spoken {
    pub by: Speaker,
    /// In the language of who reads it, where it is known in that.
    pub said: String,
    /// As it was pasted with it, likewise.
    pub next: Option<String>,
}

/// The faults that the text means, which may have been said in Japanese.
pub fn faults(text: &str) -> Vec<Found> {
    let mut seen = Vec::new();
    let named = lines(text).filter_map(doctor::id_in).filter_map(catalog::find);
    let named: Vec<Found> =
        named.filter(|entry| !seen.contains(&entry.id) && (seen.push(entry.id), true).1).map(Found::by_id).collect();
    let found = if named.is_empty() { explain::read(text) } else { named };
    if health::is_logged_well(text) && found.iter().all(|one| matches!(one.by, By::Log | By::Server)) {
        return Vec::new();
    }
    // A file that the configuration names may be what is wrong: the line has the id of that.
    let has_id = found.iter().any(|one| matches!(one.by, By::Id(_)));
    if !has_id && lines(text).any(is_problem_of_a_configuration) {
        return vec![Found { entry: CONFIGURATION_REFUSED, by: By::Cause }];
    }
    if !found.is_empty() || text.is_ascii() {
        return found;
    }
    let english: Vec<String> = lines(text).map(|line| back().told(&sentence(line))).collect();
    explain::read(&english.join("\n")).into_iter().filter(|one| matches!(one.by, By::Log | By::Server)).collect()
}

/// `gatepost.toml:8:1: ...`, as a refused configuration is told, problem by problem.
fn is_problem_of_a_configuration(line: &str) -> bool {
    let is_place = |at: &str| {
        let mut parts = at.rsplit(':');
        let mut is_number = || parts.next().is_some_and(|part| part.parse::<u32>().is_ok());
        is_number() && is_number()
    };
    let line = MARKS.iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line);
    line.split_once(": ").is_some_and(|(at, problem)| is_place(at) && is_known(problem))
}

/// `None`: somebody else said so.
pub fn read(text: &str, lang: Lang) -> Option<Spoken> {
    let (by, said) = lines(text).find_map(|line| Some((speaker(line)?, sentence(line))))?;
    let next = advice(text).map(|next| told(&next, lang));
    Some(Spoken { by, said: told(&said, lang), next })
}

/// What is meant stands in the first lines of anything that people paste, and no sentence of ours is longer.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let all = text.lines().map(str::trim).filter(|line| !line.is_empty());
    all.take(LINES).filter(|line| line.len() <= LENGTH)
}

fn speaker(line: &str) -> Option<Speaker> {
    let (level, message) = health::parts(line);
    let is_of_the_log = |known: &str| {
        message.contains(known) && matches!(level, "WARN" | "ERROR")
            || known.split(' ').count() >= SENTENCE && line.contains(known)
    };
    let mut warned = WARNED.lines().filter(|line| !line.starts_with('#'));
    if warned.any(is_of_the_log) {
        return Some(Speaker::Log);
    }
    if doctor::said_in(line).is_some() {
        return Some(Speaker::Doctor);
    }
    is_known(&sentence(line)).then_some(Speaker::Command)
}

/// Without what marks it; a line of the doctor as if it had no columns.
fn sentence(line: &str) -> String {
    let line = line.trim();
    if let Some(said) = doctor::said_in(line) {
        return said.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    // Some have their mark in the file.
    let bare = MARKS.iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line);
    let said = if bare.len() < line.len() && !is_known(bare) && is_known(line) { line } else { bare };
    said.to_owned()
}

/// What was pasted behind `hint:`.
fn advice(text: &str) -> Option<String> {
    let mut lines = lines(text);
    let first = lines.find_map(|line| NEXT.iter().find_map(|mark| line.strip_prefix(mark)))?;
    let all: Vec<&str> = std::iter::once(first.trim()).chain(lines).filter(|line| !line.is_empty()).collect();
    (!all.is_empty()).then(|| all.join("\n"))
}

fn told(text: &str, lang: Lang) -> String {
    match lang {
        Lang::En => back().told(text),
        Lang::Ja => phrases().told(text),
    }
}

fn is_known(sentence: &str) -> bool {
    phrases().knows(sentence) || back().knows(sentence)
}

fn files() -> Vec<&'static str> {
    language::FILES.into_iter().chain([OF_OTHERS]).collect()
}

fn phrases() -> &'static Phrases {
    static READ: OnceLock<Phrases> = OnceLock::new();
    READ.get_or_init(|| Phrases::read(&files()))
}

/// From Japanese to the English of it.
fn back() -> &'static Phrases {
    static READ: OnceLock<Phrases> = OnceLock::new();
    READ.get_or_init(|| Phrases::read_back(&files()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It was taken for a proxy that looks into TLS.
    #[test]
    fn a_line_of_the_log_that_tells_of_nothing_that_failed_is_no_fault_whatever_it_names() {
        let made = "2026-11-30T13:22:25Z  INFO a self-signed certificate was made; import it where clients warn \
                    certificate=/var/lib/gatepost/certificate.pem";
        assert!(faults(made).is_empty(), "{:?}", faults(made));
        assert!(!faults("curl: (60) SSL certificate problem: self-signed certificate").is_empty());
    }
    use crate::base::rows;

    /// Letters of their own that sentences have which are told by themselves: shorter ones are parts of others.
    const ENOUGH: usize = 8;

    fn own(template: &str) -> usize {
        let outside: String =
            template.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest)).collect();
        outside.chars().filter(|c| c.is_alphanumeric()).map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
    }

    /// With something in each hole.
    fn filled(template: &str) -> String {
        let mut parts = template.split('{');
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |text, part| text + "x7" + part.split_once('}').map_or(part, |(_, behind)| behind))
    }

    fn is_met(text: &str) -> bool {
        !faults(text).is_empty() || read(text, Lang::En).is_some()
    }

    #[test]
    fn every_sentence_of_ours_that_is_pasted_back_has_its_id_or_its_next_step_again() {
        let all: Vec<_> = files().into_iter().flat_map(rows).collect();
        assert!(all.len() > 800, "the files were not read");
        let both = all.into_iter().flat_map(|(english, japanese)| [("error", english), ("エラー", japanese)]);
        let told_alone = both.filter(|(_, template)| own(template) >= ENOUGH);
        let lost: Vec<String> = told_alone
            .flat_map(|(mark, template)| [format!("{mark}: {}", filled(template)), filled(template)])
            .filter(|text| !is_met(text))
            .collect();
        assert!(lost.is_empty(), "{lost:#?}");
    }

    /// The setup has its words in code: the first text of each arm is what failed.
    #[test]
    fn whatever_the_setup_ends_with_is_known_for_ours_in_both_languages() {
        for code in [include_str!("../setup/words/en.rs"), include_str!("../setup/words/ja.rs")] {
            let arms = code.split_once("pub fn trouble(").unwrap().1.split_once("\n}\n").unwrap().0;
            let said = |arm: &str| {
                let (_, behind) = arm.split_once("=>")?.1.split_once('"')?;
                let end = behind.match_indices('"').find(|(at, _)| !behind[..*at].ends_with('\\'))?.0;
                Some(filled(&behind[..end].replace("\\\"", "\"")))
            };
            let all: Vec<String> = arms.split("\n        Trouble::").skip(1).filter_map(said).collect();
            assert!(all.len() > 30, "{all:?}");
            let lost: Vec<_> = all.iter().filter(|text| !is_met(text)).collect();
            assert!(lost.is_empty(), "add to spoken.txt: {lost:#?}");
        }
    }

    #[test]
    fn every_warning_of_the_log_that_is_pasted_back_is_known_for_ours() {
        let longest = |message: &String| {
            let message: String = message.split("\\\n").map(str::trim_start).collect();
            let first = message.split("; hint:").next().unwrap_or_default();
            let parts = first.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
            parts.max_by_key(|part| part.len()).unwrap_or_default().trim_matches([' ', ':', ';', ',']).to_owned()
        };
        let said: Vec<String> = health::tests::messages(&["warn", "error"]).iter().map(longest).collect();
        let said: Vec<&String> = said.iter().filter(|part| part.len() >= 12).collect();
        assert!(said.len() > 40, "{said:?}");
        let known: Vec<&str> = WARNED.lines().filter(|line| !line.starts_with('#')).collect();
        let missing: Vec<_> = said.iter().filter(|part| !known.contains(&part.as_str())).collect();
        let gone: Vec<_> = known.iter().filter(|line| said.iter().all(|part| part != *line)).collect();
        assert!(missing.is_empty() && gone.is_empty(), "add to warned.txt: {missing:#?}, take out: {gone:#?}");
        for message in known {
            for line in [
                format!("2026-11-29T02:05:11Z  WARN {message} error=x"),
                format!(r#"{{"timestamp":"x","level":"ERROR","message":"{message}"}}"#),
            ] {
                assert!(is_met(&line), "{line}");
            }
        }
    }

    /// As the status, a sign-in, the setup and the log of two users had it, who pasted it in vain.
    #[test]
    fn what_stands_in_no_file_of_a_command_is_known_for_ours_as_well() {
        for text in [
            "warning: bob@x.example signed in, and ann@x.example wants ann@x.example: the mail server lets in nobody else",
            "警告: ann@x.example がサインインしましたが、bob@x.example に必要なのは bob@x.example です。",
            "bob@x.example signed in for ann@x.example: sign in again as ann@x.example",
            "needs-restart: listeners +imap 127.0.0.1:2993",
            "再起動するまで有効にならない変更: listeners +imap 127.0.0.1:2993",
            "The secret in new.secret is no new one: it is the same as in client.secret, which stays as it is.",
            "The new sign-in was refused, and changed nothing: the one of before stays in use for ann@x.example.",
            "新しいサインインは拒否され、何も変わっていません。ann@x.example では、これまでのサインインが引き続き使われます。",
            "Nothing fails in this look, but ann@x.example was refused, above, and no success of it followed yet.",
            "running: none on this store; another program answers at 127.0.0.1:8425",
            "until a restart the daemon runs on without what is new of listeners +imap 127.0.0.1:2993",
            "the file as it was: it names another store now, and a restart would leave mail and sign-ins in the one before",
            "以前のファイルの内容です。今のファイルは別のストアを指しており、再起動するとメールとサインインは以前のストアに残ります",
            "the store before this one still holds messages (3) and sign-ins (0)",
            "以前のストアにメッセージ3通とサインイン0件が残っています",
            "A later sign-in, as bob@x.example, was refused",
            "A later sign-in, as bob@x.example, was refused (2026-11-30 04:00); the one before it goes on.",
            "その後の bob@x.example のサインインは拒否されました（2026-11-30 04:00）。以前のサインインが引き続き使われます。",
        ] {
            assert!(is_met(text), "{text}");
        }
        for text in
            ["エラー: ./gatepost.toml: このファイルはありません", "error: ./gatepost.toml: there is no such file"]
        {
            let ids: Vec<_> = faults(text).into_iter().map(|one| one.entry.id).collect();
            assert_eq!(ids, ["configuration-missing"], "{text}");
        }
    }

    /// Each of its lines was unknown to whoever had no more of it on the screen.
    #[test]
    fn a_problem_of_a_configuration_is_that_of_a_refused_one() {
        for text in [
            "error: /etc/gatepost.toml:8:1: `account[0].sned-as` is not a known key\nhint: did you mean `send-as`?",
            "gatepost.toml:8:1: `account[0].sned-as` is not a known key",
        ] {
            let ids: Vec<_> = faults(text).into_iter().map(|one| one.entry.id).collect();
            assert_eq!(ids, ["configuration-refused"], "{text}");
        }
        assert!(faults("src/main.rs:8:1: the moon is full").is_empty());
        // What is wrong with a file that it names has an id of its own.
        let named = "error: /etc/gatepost.toml:13:1: Gatepost cannot read the certificate authorities that it is to trust \
                     [authorities-unusable]: network.ca-file /x.pem: holds no certificate; it needs PEM blocks (BEGIN CERTIFICATE)";
        let ids: Vec<_> = faults(named).into_iter().map(|one| one.entry.id).collect();
        assert_eq!(ids, ["authorities-unusable"]);
    }

    #[test]
    fn what_has_an_id_has_it_in_japanese_too() {
        for (english, japanese, id) in [
            (
                "running: yes (process 12); on the store that the file named before",
                "動作中: はい（プロセス 12）。設定ファイルが以前に指していたストアを使用中です",
                "configuration-not-loaded",
            ),
            (
                "network.ca-file /x: not readable as PEM: base64 decode error",
                "network.ca-file /x: PEM として読み取れません（base64 decode error）",
                "authorities-unusable",
            ),
            (
                "network.ca-file /x: certificate 2 is not usable: BadEncoding",
                "network.ca-file /x: 2 番目の証明書を使用できません（BadEncoding）",
                "authorities-unusable",
            ),
            (
                "the queue cannot be read: /s/queue holds the messages of another store, b.db; give each store a folder of its own",
                "キューを読み取れません: /s/queue holds the messages of another store, b.db; give each store a folder of its own",
                "queue-failing",
            ),
            ("error: the daemon does not run", "エラー: デーモンは動いていません", "daemon-not-running"),
            (
                "✗ daemon   listener                     127.0.0.1:1587: not open",
                "✗ daemon   リスナー                     127.0.0.1:1587: 開いていません",
                "listener-not-open",
            ),
            (
                "warning: this machine is 700 s behind the identity provider",
                "警告: このマシンは ID プロバイダーより700秒遅れています",
                "clock-skewed",
            ),
            (
                "warning: the daemon that runs on this store (/s) reads /a.toml, and nothing of /b.toml.",
                "警告: このストア（/s）で動作中のデーモンは /a.toml を読み、/b.toml は読みません。",
                "configuration-of-another-daemon",
            ),
        ] {
            for text in [english, japanese] {
                let ids: Vec<_> = faults(text).into_iter().map(|one| one.entry.id).collect();
                assert_eq!(ids, [id], "{text}");
            }
        }
    }

    /// As somebody pasted them who was told another fault, or none.
    #[test]
    fn a_failing_line_of_the_doctor_means_the_id_that_it_ends_with() {
        let dns = "✗ dns      identity provider            login.microsoftonline.com: name resolution failed";
        let dns = &*format!("{dns} [provider-name-unknown]");
        let token = "✗ token    mail token                   bob@contoso.example: sign-in-missing";
        let proxy = "FAIL proxy    SMTP サーバー                h:587: プロキシーが許可していません [proxy-forbids]";
        for (text, ids) in [
            (dns, &["provider-name-unknown"][..]),
            (token, &["sign-in-missing"]),
            (proxy, &["proxy-forbids"]),
            (&format!("{dns}\n{token}\n{token}"), &["provider-name-unknown", "sign-in-missing"]),
        ] {
            let found: Vec<_> = faults(text).into_iter().map(|one| one.entry.id).collect();
            assert_eq!(found, ids, "{text}");
        }
    }

    #[test]
    fn a_hint_that_was_pasted_with_it_is_told_in_the_language_that_was_asked_for() {
        let text = "error: the two passwords differ\nhint: try again";
        assert_eq!(read(text, Lang::En).unwrap().next.as_deref(), Some("try again"));
        let told = read(text, Lang::Ja).unwrap();
        assert_eq!((told.by, told.said.as_str()), (Speaker::Command, "2つのパスワードが一致しません"));
        assert_eq!(told.next.as_deref(), Some("もう一度試してください"));
        let back = read("エラー: 2つのパスワードが一致しません\n次の手順: もう一度試してください", Lang::En).unwrap();
        assert_eq!((back.said.as_str(), back.next.as_deref()), ("the two passwords differ", Some("try again")));
        assert_eq!(read("error: the moon is full", Lang::En), None);
    }
}
