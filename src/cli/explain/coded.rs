//! The code of a reply of Gatepost with nothing behind it: what it tells in general, and where the rest stands.
//!
//! It refuses to choose: several faults have each code, and the id at the end of the whole line says which of them it is.

use serde_json::{Value, json};

use crate::{
    base::{Kind, Lang, Owner, invocation, printable, wrapped},
    catalog::{self, Entry},
};

/// Of a kind: further ones have a fault or two.
const MOST: usize = 3;
/// Of a code that is shown again, however it was spaced.
const SHOWN: usize = 40;
/// Columns of a line.
const WRAP: usize = 100;

/// What a code of ours tells in general. Empty for what is none.
pub struct Meant {
    kinds: Vec<Kind>,
    /// Faults that have it besides.
    faults: Vec<&'static Entry>,
}

impl Meant {
    pub fn of(code: &str) -> Self {
        Self { kinds: catalog::kinds(code), faults: catalog::faults_beside(code) }
    }

    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.faults.is_empty()
    }

    /// Ahead of what the same code means from the mail server, where that `follows`.
    pub fn page(&self, code: &str, follows: bool, lang: Lang) -> String {
        if self.is_empty() {
            return String::new();
        }
        let (means, next_step, theirs) = match lang {
            Lang::En => ("What it means where Gatepost says it", "Next step", "Where the mail server says it:\n\n"),
            Lang::Ja => ("Gatepost の応答の場合の意味", "次の手順", "メールサーバーの応答の場合：\n\n"),
        };
        let mut page = format!("{}\n\n{means}:\n", printable(code, SHOWN));
        let faults = self.faults.iter().map(|entry| format!("- {}: `{}`", short(entry, lang), entry.id));
        for line in self.kinds.iter().flat_map(|kind| told(*kind, lang)).chain(faults) {
            page.push_str(&format!("  {line}\n"));
        }
        page.push_str(&format!("{next_step}:\n"));
        wrapped(&next(lang), WRAP).iter().for_each(|line| page.push_str(&format!("  {line}\n")));
        page + "\n" + if follows { theirs } else { "" }
    }

    /// For programs, with its name among what is told; `None`: it is empty.
    pub fn json(&self, lang: Lang) -> Option<(&'static str, Value)> {
        let kind = |kind: &Kind| {
            json!({
                "kind": kind.as_str(),
                "means": catalog::kind(*kind, lang),
                "owners": owners(*kind),
                "passes-by-itself": kind.passes_by_itself(),
            })
        };
        let fault = |entry: &&Entry| json!({ "id": entry.id, "means": short(entry, lang), "owner": entry.owner });
        let kinds: Vec<_> = self.kinds.iter().map(kind).collect();
        let faults: Vec<_> = self.faults.iter().map(fault).collect();
        let told = json!({ "kinds": kinds, "faults": faults, "next-step": next(lang) });
        (!self.is_empty()).then_some(("code-of-gatepost", told))
    }
}

/// What it is, in a few words.
fn short(entry: &Entry, lang: Lang) -> String {
    match lang {
        Lang::En => entry.short().to_owned(),
        Lang::Ja => {
            entry.words(lang).cause.split_inclusive('。').next().unwrap_or_default().trim_end_matches('。').to_owned()
        }
    }
}

fn told(kind: Kind, lang: Lang) -> [String; 3] {
    let (means, waits) = (catalog::kind(kind, lang), catalog::helps_to_wait(kind, lang));
    let owners: Vec<&str> = owners(kind).into_iter().map(|owner| catalog::owner(owner, lang)).collect();
    let (turn, passes) = match lang {
        Lang::En => (format!("Whose turn it mostly is: {}", owners.join(", ")), format!("Passes by itself: {waits}")),
        Lang::Ja => (format!("主に対応する側：{}", owners.join("、")), format!("自動的に復旧するか：{waits}")),
    };
    [format!("- {means}"), format!("  {turn}"), format!("  {passes}")]
}

/// Whose turn it mostly is, by faults of this kind that clients hear of: whoever has most of them first.
fn owners(kind: Kind) -> Vec<Owner> {
    let how_many = |owner: Owner| {
        catalog::all().filter(|entry| entry.is_heard && entry.kind == kind && entry.owner == owner).count()
    };
    let mut owners: Vec<Owner> = Owner::ALL.into_iter().filter(|owner| how_many(*owner) > 0).collect();
    owners.sort_by_key(|owner| std::cmp::Reverse(how_many(*owner)));
    owners.truncate(MOST);
    owners
}

fn next(lang: Lang) -> String {
    invocation::as_called(match lang {
        Lang::En => {
            "The line of Gatepost ends with an id in brackets, which says which of these it is, and whose turn: paste the \
             whole line. Where the program shows the code alone, `gatepost status` and `gatepost doctor` name what each client \
             was refused last, with its id."
        }
        Lang::Ja => {
            "Gatepost の応答の行は、角かっこに入った ID で終わります。どれに当たるかと対応する側は、その ID で分かります。行の全体を\
             貼り付けてください。プログラムがコードだけを表示する場合は、各クライアントが最後に拒否された理由を `gatepost status` と \
             `gatepost doctor` が ID とともに示します。"
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::Protocol,
        catalog::{
            doctor::CLIENT_PLAIN_ON_TLS_PORT,
            explain,
            own::{CONNECTION_CLOSED, CONNECTIONS_USED_UP, PROTOCOL_MISTAKE},
            replies::{coded, not_now, tls_expected},
        },
        wire::{
            imap, pop3,
            smtp::{
                mistake,
                reply::{auth_code, mail_code, spelt},
            },
        },
    };

    #[test]
    fn of_a_kind_is_told_whose_turn_it_mostly_is_and_of_no_code_nothing() {
        for lang in Lang::ALL {
            let none = Meant { kinds: Vec::new(), faults: Vec::new() };
            assert_eq!((none.page("x", true, lang), none.json(lang)), (String::new(), None));
            for kind in Kind::ALL {
                let (name, value) = Meant { kinds: vec![kind], faults: Vec::new() }.json(lang).unwrap();
                let owners = value["kinds"][0]["owners"].as_array().unwrap().len();
                assert!(name == "code-of-gatepost" && (1..=MOST).contains(&owners), "{value}");
            }
        }
        let said = Meant::of("535 5.7.0").page("535 5.7.0", false, Lang::En);
        assert!(said.contains("\n  - somebody has to sign in\n    Whose turn it mostly is: user, "), "{said}");
    }

    /// Somebody pasted what a program showed, and heard of another fault, or of none.
    #[test]
    fn every_code_that_a_reply_or_a_goodbye_of_ours_begins_with_tells_of_its_fault_when_pasted_bare() {
        let of_mistakes = mistake::code::ALL.iter().map(|code| (PROTOCOL_MISTAKE, *code));
        let of_graph = catalog::all().filter_map(|entry| Some((entry, entry.graph_reply()?)));
        let coded = coded::ALL.iter().map(|one| (one.entry, one.code));
        let smtp = coded.chain(of_mistakes).chain(of_graph).map(|(entry, code)| (entry, spelt(code)));
        let of_protocols = Protocol::ALL.into_iter().flat_map(|protocol| {
            let closing = [CONNECTION_CLOSED, CONNECTIONS_USED_UP].map(|entry| (entry, not_now(protocol).to_owned()));
            closing.into_iter().chain([(CLIENT_PLAIN_ON_TLS_PORT, tls_expected(protocol).to_owned())])
        });
        for (entry, code) in smtp.chain(of_protocols) {
            let (meant, found) = (Meant::of(&code), explain::read(&code));
            let mut ids = meant.faults.iter().map(|entry| entry.id).chain(found.iter().map(|one| one.entry.id));
            assert!(ids.any(|id| id == entry.id), "{code}: {}", entry.id);
        }
        for (kind, code) in Kind::ALL.into_iter().flat_map(|kind| {
            let words = [format!("NO [{}]", imap::reply::code(kind)), format!("-ERR [{}]", pop3::reply::code(kind))];
            [auth_code(kind), mail_code(kind)].map(spelt).into_iter().chain(words).map(move |code| (kind, code))
        }) {
            let is_told =
                Meant::of(&code).kinds.contains(&kind) || explain::read(&code).iter().any(|one| one.entry.kind == kind);
            assert!(is_told, "{code}: {}", kind.as_str());
        }
    }
}
