//! Owners and stages in the words of a language.

use super::Entry;
use crate::base::{Lang, Owner, Stage};

/// Whose turn it is, in the words of `lang`.
pub const fn owner(owner: Owner, lang: Lang) -> &'static str {
    match (lang, owner) {
        (Lang::En, Owner::TenantAdmin) => "tenant admin",
        (Lang::En, Owner::NetworkAdmin) => "network admin",
        (Lang::En, Owner::Operator) => "operator of Gatepost",
        (Lang::En, owner) => owner.as_str(),
        (Lang::Ja, Owner::Client) => "クライアント",
        (Lang::Ja, Owner::User) => "ユーザー",
        (Lang::Ja, Owner::TenantAdmin) => "テナントの管理者",
        (Lang::Ja, Owner::NetworkAdmin) => "ネットワークの管理者",
        (Lang::Ja, Owner::Operator) => "Gatepost の管理者",
        (Lang::Ja, Owner::Provider) => "プロバイダー",
        (Lang::Ja, Owner::Gatepost) => "Gatepost",
    }
}

/// What stands ahead of what people are tempted to do.
pub const fn not_to_do(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "What not to do",
        Lang::Ja => "してはならないこと",
    }
}

/// The same in one line.
pub fn said_not_to(avoid: &str, lang: Lang) -> String {
    let not = not_to_do(lang);
    match lang {
        Lang::En => format!("{not}: {avoid}"),
        Lang::Ja => format!("{not}：{avoid}"),
    }
}

/// Where a session is, in the words of `lang`.
pub const fn stage(stage: Stage, lang: Lang) -> &'static str {
    match (lang, stage) {
        (Lang::En, stage) => stage.as_str(),
        (Lang::Ja, Stage::Greeting) => "ログイン前",
        (Lang::Ja, Stage::Authenticating) => "ログイン処理中",
        (Lang::Ja, Stage::FetchingToken) => "トークン取得中",
        (Lang::Ja, Stage::Connecting) => "メールサーバーへ接続中",
        (Lang::Ja, Stage::SigningOn) => "メールサーバーで認証中",
        (Lang::Ja, Stage::Relaying) => "送信を中継中",
        (Lang::Ja, Stage::Splicing) => "メールボックスを利用中",
    }
}

/// Where it is known from: a page or an RFC as it is called, and our own checks in the words of `lang`.
pub fn source(entry: &Entry, lang: Lang) -> &'static str {
    match (lang, entry.source) {
        (Lang::Ja, "Gatepost's own check") => "Gatepost 自身の確認",
        (_, source) => source,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_gatepost_itself_refuses_is_known_from_its_own_check() {
        use crate::catalog::message::{CLIENT_MESSAGE_TOO_LARGE, RECIPIENT_NOT_ALLOWED, SENDER_NOT_ALLOWED};
        for entry in [SENDER_NOT_ALLOWED, RECIPIENT_NOT_ALLOWED, CLIENT_MESSAGE_TOO_LARGE] {
            assert_eq!(source(entry, Lang::En), "Gatepost's own check", "{}", entry.id);
            assert!(source(entry, Lang::Ja).starts_with("Gatepost "), "{}", entry.id);
        }
    }

    #[test]
    fn each_owner_and_stage_has_a_name_of_its_own_in_both_languages() {
        let owners = Owner::ALL.map(|one| (one.as_str(), owner(one, Lang::En), owner(one, Lang::Ja)));
        let stages = Stage::ALL.map(|one| (one.as_str(), stage(one, Lang::En), stage(one, Lang::Ja)));
        let mut seen = BTreeSet::new();
        for (word, english, japanese) in owners.into_iter().chain(stages) {
            assert!(english.starts_with(&word.replace('-', " ")), "{word}: {english}");
            assert!(!japanese.is_ascii() || japanese == "Gatepost", "{word}: {japanese}");
            assert!(seen.insert(japanese), "{japanese} twice");
        }
    }
}
