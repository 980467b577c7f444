//! The code of a reply of Gatepost with nothing behind it: what it tells in general, and where the rest stands.
//!
//! It refuses to choose: several faults have each code, and the id at the end of the whole line says which of them it is.

use serde_json::{Value, json};

use crate::{
    base::{Kind, Lang, Owner, invocation, printable, wrapped},
    catalog,
};

/// Of a kind: further ones have a fault or two.
const MOST: usize = 3;
/// Of a code that is shown again, however it was spaced.
const SHOWN: usize = 40;
/// Columns of a line.
const WRAP: usize = 100;

/// Ahead of what the same code means from the mail server, where that `follows`. Empty for what is no code of ours.
pub fn page(code: &str, kinds: &[Kind], follows: bool, lang: Lang) -> String {
    if kinds.is_empty() {
        return String::new();
    }
    let (means, next_step, theirs) = match lang {
        Lang::En => ("What it means where Gatepost says it", "Next step", "Where the mail server says it:\n\n"),
        Lang::Ja => ("Gatepost の応答の場合の意味", "次の手順", "メールサーバーの応答の場合：\n\n"),
    };
    let mut page = format!("{}\n\n{means}:\n", printable(code, SHOWN));
    for line in kinds.iter().flat_map(|kind| told(*kind, lang)) {
        page.push_str(&format!("  {line}\n"));
    }
    page.push_str(&format!("{next_step}:\n"));
    wrapped(&next(lang), WRAP).iter().for_each(|line| page.push_str(&format!("  {line}\n")));
    page + "\n" + if follows { theirs } else { "" }
}

/// For programs, with its name among what is told; `None`: likewise.
pub fn json(kinds: &[Kind], lang: Lang) -> Option<(&'static str, Value)> {
    let told = |kind: &Kind| {
        json!({
            "kind": kind.as_str(),
            "means": catalog::kind(*kind, lang),
            "owners": owners(*kind),
            "passes-by-itself": kind.passes_by_itself(),
        })
    };
    let kinds: Vec<_> = kinds.iter().map(told).collect();
    (!kinds.is_empty()).then(|| ("code-of-gatepost", json!({ "kinds": kinds, "next-step": next(lang) })))
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

    #[test]
    fn of_a_kind_is_told_whose_turn_it_mostly_is_and_of_no_code_nothing() {
        for lang in Lang::ALL {
            assert_eq!((page("x", &[], true, lang), json(&[], lang)), (String::new(), None));
            for kind in Kind::ALL {
                let (name, value) = json(&[kind], lang).unwrap();
                let owners = value["kinds"][0]["owners"].as_array().unwrap().len();
                assert!(name == "code-of-gatepost" && (1..=MOST).contains(&owners), "{value}");
            }
        }
        let said = page("535 5.7.0", &[Kind::SignInNeeded, Kind::IdentityRefused], false, Lang::En);
        assert!(said.contains("\n  - somebody has to sign in\n    Whose turn it mostly is: user, "), "{said}");
    }
}
