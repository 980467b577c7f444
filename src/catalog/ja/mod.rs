//! The catalogue in Japanese, for the pages, `docs/when-it-fails.ja.md` and whoever reads at a terminal.
//!
//! Never on the wire: a reply is ASCII, and English. What stands between backticks (commands, keys, addresses) is the
//! same as in English. An id without a row here would be told in English; the tests refuse that.

mod doctor;
mod graph;
mod own;
mod rights;
mod sign_on;
mod token;

use super::Words;
use crate::base::{Owner, Stage};

/// Id, cause, next step.
type Row = (&'static str, &'static str, &'static str);

fn rows() -> impl Iterator<Item = &'static Row> {
    let all = own::ROWS.iter().chain(token::ROWS).chain(sign_on::ROWS).chain(rights::ROWS);
    all.chain(graph::ROWS).chain(doctor::ROWS)
}

pub(super) fn words(id: &str) -> Option<Words> {
    rows().find(|(known, ..)| *known == id).map(|&(_, cause, next)| Words { cause, next })
}

pub(super) const fn owner(owner: Owner) -> &'static str {
    match owner {
        Owner::Client => "クライアント",
        Owner::User => "ユーザー",
        Owner::Admin => "管理者",
        Owner::Provider => "プロバイダー",
        Owner::Gatepost => "Gatepost",
    }
}

pub(super) const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Greeting => "ログイン前",
        Stage::Authenticating => "ログイン処理中",
        Stage::FetchingToken => "トークン取得中",
        Stage::Connecting => "メールサーバーへ接続中",
        Stage::SigningOn => "メールサーバーで認証中",
        Stage::Relaying => "送信を中継中",
        Stage::Splicing => "メールボックスを利用中",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        base::Lang,
        catalog::{self, explained},
    };

    /// Hiragana, katakana or kanji.
    fn is_japanese(text: &str) -> bool {
        text.chars().any(|c| matches!(c, '\u{3041}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}'))
    }

    /// What stands between backticks, in any order.
    fn marked(text: &str) -> BTreeSet<&str> {
        assert!(text.matches('`').count().is_multiple_of(2), "a backtick is left open: {text}");
        text.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn every_fault_is_explained_in_japanese_and_names_the_same_commands_and_keys() {
        for (id, cause, next) in explained() {
            let japanese = words(id).unwrap_or_else(|| panic!("{id} has no row in Japanese"));
            for (english, japanese) in [(cause, japanese.cause), (next, japanese.next)] {
                assert!(is_japanese(japanese) && japanese.ends_with('。'), "{id}: {japanese}");
                assert_eq!(marked(english), marked(japanese), "{id}");
            }
        }
    }

    #[test]
    fn no_row_stands_twice_or_explains_what_does_not_exist() {
        let known: BTreeSet<&str> = explained().map(|(id, ..)| id).collect();
        let mut seen = BTreeSet::new();
        for (id, ..) in rows() {
            assert!(known.contains(id), "{id} is no fault");
            assert!(seen.insert(id), "{id} twice");
        }
    }

    #[test]
    fn each_owner_and_stage_has_a_name_of_its_own_in_both_languages() {
        let [english, japanese] = Lang::ALL;
        let owners = Owner::ALL.map(|one| (one.as_str(), catalog::owner(one, english), catalog::owner(one, japanese)));
        let stages = Stage::ALL.map(|one| (one.as_str(), catalog::stage(one, english), catalog::stage(one, japanese)));
        let mut seen = BTreeSet::new();
        for (word, english, japanese) in owners.into_iter().chain(stages) {
            assert_eq!(english, word);
            assert!(is_japanese(japanese) || japanese == "Gatepost", "{word}: {japanese}");
            assert!(seen.insert(japanese), "{japanese} twice");
        }
    }
}
